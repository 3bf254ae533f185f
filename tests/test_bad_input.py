"""Whatever is handed over: a sentence and exit 2 or 5, never a traceback, and nothing written half."""

import io
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from runbook.cli import main
from tests.servers import registry

Run = Callable[..., tuple[int, str]]
REFUSED = "http://127.0.0.1:9"


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Run:
    """Run the command in an empty folder: exit code and what was said; a mistake never prints to standard output."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("RUNBOOK_DEBUG", raising=False)
    monkeypatch.setattr(sys, "stdin", io.StringIO(""))
    (tmp_path / "empty").mkdir()

    def call(*words: str) -> tuple[int, str]:
        before = sorted(p.name for p in tmp_path.iterdir())
        try:
            code = main(words)
        except SystemExit as exit_:
            code = int(exit_.code or 0)
        out, err = capsys.readouterr()
        assert "Traceback" not in err
        if code == 2:
            assert out == ""
            assert err.startswith("runbook")
            assert len(err.splitlines()) <= 8
        assert sorted(p.name for p in tmp_path.iterdir()) == before
        return code, err if code == 2 else out

    return call


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ((), "COMMAND"),
        (("diagnos",), "Did you mean diagnose?"),
        (("diagnose",), "Nothing to diagnose"),
        (("diagnose", "nowhere"), "no file or folder called nowhere"),
        (("diagnose", ""), "path is empty"),
        (("diagnose", "-"), "Standard input is not read"),
        (("diagnose", "empty", "--registri", "x"), "Did you mean --registry?"),
        (("diagnose", "empty", "-u", "anna"), "Did you mean --user?"),
        (("diagnose", "--registry", "a_b"), "needs a scheme: http://HOST"),
        (("diagnose", "--registry", "ftp://x"), "ftp:// is not one"),
        (("diagnose", "--registry", "http://"), "no host"),
        (("diagnose", "--registry", "http://x:99999"), "port"),
        (("diagnose", "--registry", "http://x:0"), "port 0"),
        (("diagnose", "--registry", "http://[::1"), "not an address"),
        (("diagnose", "--registry", "http://a b"), "blanks"),
        (("diagnose", "--registry", "http://x/?a=b"), "from the ? or #"),
        (("diagnose", "--registry", "http://u:geheim@x"), "leave the login out"),
        (("diagnose", "--registry", "u:geheim@x"), "leave the login out"),
        (("diagnose", "--registry", "http://u:gehe#im@x"), "that is not an address"),
        (("diagnose", "--registry", "http://x", "--ui", "ftp://y"), "--ui"),
        (("diagnose", "empty", "--origin", "http://x/page"), "an origin ends after host and port"),
        (("diagnose", "--registry", REFUSED, "--user", "anna"), "No password was given for anna"),
        (("diagnose", "--registry", REFUSED, "--user", "anna", "--password-env", "NO_SUCH"), "names is not set"),
        (("diagnose", "--registry", REFUSED, "--user", "anna", "--password-env", "EMPTY"), "names is empty"),
        (("diagnose", "--registry", REFUSED, "--user", "anna", "--password-stdin"), "standard input is empty"),
        (("diagnose", "--registry", REFUSED, "--password-env", "FULL"), "add --user"),
        (("diagnose", "--registry", REFUSED, "--user", "a:b", "--password-env", "FULL"), "without a colon"),
        (("diagnose", "empty", "--password", "geheim"), "never an argument"),
        (("diagnose", "empty", "--password=geheim"), "never an argument"),
        (("diagnose", "empty", "--docker-config", "nowhere"), "no file or folder"),
        (("diagnose", "empty", "--docker-config", "empty"), "is a folder"),
        (("diagnose", "empty", "--timeout", "soon"), "not a number of seconds"),
        (("diagnose", "empty", "--timeout", "-1"), "between 0 and 3600"),
        (("diagnose", "empty", "--timeout", "nan"), "between 0 and 3600"),
        (("diagnose", "empty", "--format", "xml"), "--format has no such value"),
        (("diagnose", "empty", "--fail-on", "always"), "--fail-on has no such value"),
        (("diagnose", "empty", "--output", "no/such/x.json"), "no folder"),
        (("diagnose", "empty", "--output", "empty"), "is a folder"),
        (("diagnose", "empty", "--output", "x", "--report", "x"), "not the same"),
        (("explain", "autorisation-stripped"), "authorization-stripped"),
        (("lab", "up", "--fault", "autorization-stripped"), "authorization-stripped"),
        (("lab", "fly"), "no command called 'fly'"),
        (("report", "nowhere"), "no file or folder called nowhere"),
        (("report", "--registry", "ftp://x"), "ftp:// is not one"),
    ],
)
def test_a_mistake_is_a_sentence(
    run: Run, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], sentence: str
) -> None:
    monkeypatch.setenv("EMPTY", "")
    monkeypatch.setenv("FULL", "geheim")
    code, err = run(*words)
    assert code == 2
    assert sentence in err
    assert "geheim" not in err
    assert "gehe" not in err


def test_a_binary_file(run: Run, tmp_path: Path) -> None:
    (tmp_path / "photo").write_bytes(os.urandom(3000))
    assert run("diagnose", "photo") == (2, "runbook: photo: This file is binary and was not read.\n")


def test_a_file_of_an_unknown_kind(run: Run, tmp_path: Path) -> None:
    (tmp_path / "resolv.conf").write_text("nameserver 127.0.0.11\n")
    code, out = run("diagnose", "resolv.conf")
    assert code == 5, "it was looked at"
    assert "resolv.conf: It is not clear what this file is" in out


def test_broken_yaml_names_file_and_line(run: Run, tmp_path: Path) -> None:
    (tmp_path / "docker-compose.yml").write_text("services:\n  registry:\n    image: [registry:2\n    ports: x\n")
    code, out = run("diagnose", "docker-compose.yml")
    assert code == 5
    assert "docker-compose.yml:4: " in out


@pytest.mark.parametrize("name", ["big.har", "compose.yaml", "default.conf", "notes.txt"])
def test_a_gigabyte_is_not_read(run: Run, tmp_path: Path, name: str) -> None:
    with (tmp_path / name).open("wb") as stream:
        stream.write(b'{"log": {"entries": []}}\n' + b"# \n" * 30_000)
        stream.truncate(1 << 30)
    code, err = run("diagnose", name)
    assert code == 2
    assert "1024 MB" in err


def test_a_folder_loop_ends(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty" / "again").symlink_to(tmp_path / "empty", target_is_directory=True)
    (tmp_path / "empty" / "self").symlink_to("self")
    assert run("diagnose", "empty")[0] == 2, "a link that leads nowhere could not be read"
    (tmp_path / "empty" / "self").unlink()
    code, said = run("diagnose", "empty")
    assert (code, "empty: There is no file in this folder." in said) == (5, True)


def test_a_link_that_leads_nowhere(run: Run, tmp_path: Path) -> None:
    (tmp_path / "gone").symlink_to("nowhere")
    code, err = run("diagnose", "gone")
    assert code == 2
    assert "leads nowhere" in err


def test_a_pipe_is_not_opened(run: Run, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    code, err = run("diagnose", "pipe")
    assert code == 2
    assert "pipe" in err


def test_a_docker_config_that_is_none(run: Run, tmp_path: Path) -> None:
    (tmp_path / "config.json").write_text("{broken")
    (tmp_path / "empty" / "htpasswd").write_text("anna:plain\n")
    code, err = run("diagnose", "empty", "--docker-config", "config.json")
    assert code == 2
    assert "--docker-config config.json cannot be used" in err


@pytest.mark.parametrize("url", [REFUSED, "http://nobody.invalid", "https://127.0.0.1:9", "http://xn--/"])
def test_nobody_there_is_a_verdict(run: Run, url: str) -> None:
    """Exit 3 where the silence itself is the fault that is told, 5 where nothing can be said."""
    assert run("diagnose", "--registry", url, "--timeout", "5")[0] in (3, 5)


def test_a_broken_file_does_not_hide_the_others(run: Run, tmp_path: Path) -> None:
    (tmp_path / "empty" / "photo.png").write_bytes(os.urandom(300))
    (tmp_path / "empty" / "htpasswd").write_text("anna:plain\n")
    assert run("diagnose", "empty")[0] == 3


def test_files_that_cannot_be_written_are_said_before_anything_is_asked(run: Run) -> None:
    with registry() as (url, seen):
        assert run("diagnose", "--registry", url, "--output", "no/such/folder.json")[0] == 2
    assert not seen.requests
