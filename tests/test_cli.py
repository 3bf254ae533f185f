"""The command line keeps to the contract: formats, files, exit codes, and a sentence for every mistake."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

import runbook
from runbook.cli import diagnose as command
from runbook.cli import main
from tests.servers import registry

HASH = "$2y$05$yvHVXtBtNZ12TpHmDNjWeOvgZ1XXpaU0fY1BCgTiCFcdfRjWgHZQm"
COMPOSE = """services:
  registry:
    image: registry:2
    ports: ["5000:5000"]
    environment:
      REGISTRY_AUTH: htpasswd
      REGISTRY_AUTH_HTPASSWD_REALM: Registry
      REGISTRY_AUTH_HTPASSWD_PATH: /auth/htpasswd
    volumes:
      - ./auth:/auth
      - data:/var/lib/registry
volumes:
  data: {}
"""
FORMATS = ("text", "json", "markdown", "junit", "sarif")

Write = Callable[..., Path]


@pytest.fixture
def bundle(tmp_path: Path) -> Write:
    """A bundle whose htpasswd file has that content."""

    def write(htpasswd: str, compose: str = COMPOSE) -> Path:
        folder = tmp_path / "bundle"
        (folder / "auth").mkdir(parents=True)
        (folder / "auth" / "htpasswd").write_text(htpasswd)
        (folder / "docker-compose.yml").write_text(compose)
        return folder

    return write


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[int, str, str]:
    try:
        code = main([str(word) for word in words])
    except SystemExit as exit_:
        code = int(exit_.code or 0)
    out, err = capsys.readouterr()
    return code, out, err


@pytest.mark.parametrize("format_", FORMATS)
@pytest.mark.parametrize(
    ("entry", "code"),
    [("anna:{SHA}2jmj7l5rSw0yVb/vlWAYkK/YBwk=\n", 3), (f"anna:{HASH}\n", 0)],
    ids=["fault", "healthy"],
)
def test_the_exit_code_is_the_same_for_every_format(
    bundle: Write, capsys: pytest.CaptureFixture[str], format_: str, entry: str, code: int
) -> None:
    assert run(capsys, "diagnose", bundle(entry), "--format", format_)[0] == code


def test_json_is_one_object_and_prose_goes_elsewhere(bundle: Write, capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "diagnose", bundle("anna:plain\n"), "--format", "json")
    report = json.loads(out)
    assert code == 3
    assert {"schema", "tool", "verdict", "causes", "warnings", "checks", "not_tested"} <= report.keys()
    assert report["tool"] == f"runbook {runbook.__version__}"


def test_warnings_only_and_fail_on(bundle: Write, capsys: pytest.CaptureFixture[str]) -> None:
    compose = COMPOSE.replace("      - data:/var/lib/registry\n", "")
    folder = bundle(f"anna:{HASH}\n", compose)
    assert run(capsys, "diagnose", folder)[0] == 4
    assert run(capsys, "diagnose", folder, "--fail-on", "warning")[0] == 4
    assert run(capsys, "diagnose", folder, "--fail-on", "error")[0] == 0
    assert run(capsys, "diagnose", folder, "--fail-on", "never")[0] == 0


def test_fail_on_never_leaves_mistakes_as_they_are(bundle: Write, capsys: pytest.CaptureFixture[str]) -> None:
    folder = bundle("anna:plain\n")
    assert run(capsys, "diagnose", folder, "--fail-on", "error")[0] == 3
    assert run(capsys, "diagnose", folder, "--fail-on", "never")[0] == 0
    assert run(capsys, "diagnose", "nowhere", "--fail-on", "never")[0] == 2


def test_an_empty_folder_is_inconclusive(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "diagnose", tmp_path)[0] == 5


def test_files_are_written_beside_standard_output(
    bundle: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target, page, saved = tmp_path / "out.json", tmp_path / "r.html", tmp_path / "e.json"
    folder = bundle("anna:plain\n")
    code, out, err = run(capsys, "diagnose", folder, "--format", "json", "--output", target, "--report", page,
                         "--save-evidence", saved)  # fmt: skip
    assert (code, out) == (3, "")
    assert str(target) in err
    assert json.loads(target.read_text())["verdict"] == "fault"
    assert page.read_text().lower().startswith("<!doctype html>")
    assert json.loads(saved.read_text())["schema"] == 1
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bundle", "e.json", "out.json", "r.html"], "no scraps"


def test_saved_evidence_gives_the_same_verdict(
    bundle: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    saved = tmp_path / "evidence.json"
    _, first, _ = run(capsys, "diagnose", bundle("anna:plain\n"), "--format", "json", "--save-evidence", saved)
    code, again, _ = run(capsys, "diagnose", saved, "--format", "json")
    assert code == 3
    assert json.loads(again)["causes"] == json.loads(first)["causes"]


def test_a_write_that_fails_leaves_no_half_file(
    bundle: Write, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    target = tmp_path / "out.json"
    target.write_text("yesterday's")

    def full(*args: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    code, _, err = run(capsys, "diagnose", bundle("anna:plain\n"), "--output", target)
    assert code == 2
    assert "No space left" in err
    assert target.read_text() == "yesterday's"
    assert sorted(p.name for p in tmp_path.iterdir()) == ["bundle", "out.json"]


def test_colour_only_for_terminals(
    bundle: Write, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = bundle("anna:plain\n")
    monkeypatch.delenv("NO_COLOR", raising=False)
    monkeypatch.delenv("FORCE_COLOR", raising=False)
    assert "\x1b[" not in run(capsys, "diagnose", folder)[1]
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True, raising=False)
    monkeypatch.setenv("TERM", "xterm")
    assert "\x1b[" in run(capsys, "diagnose", folder)[1]
    monkeypatch.setenv("NO_COLOR", "1")
    assert "\x1b[" not in run(capsys, "diagnose", folder)[1]


def test_explain_prints_a_cause(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "explain", "htpasswd-not-bcrypt")
    assert code == 0
    assert "bcrypt" in out
    assert "Fix" in out
    assert "Source" in out


def test_explain_without_a_name_lists_all(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, _ = run(capsys, "explain")
    assert code == 0
    assert "authorization-stripped" in out


def test_explain_knows_what_was_meant(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = run(capsys, "explain", "authorisation-stripped")
    assert (code, out) == (2, "")
    assert "authorization-stripped" in err


def test_version_and_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(capsys, "--version")[:2] == (0, f"runbook {runbook.__version__}\n")
    for word in ("diagnose", "explain", "report", "demo", "open", "lab"):
        assert word in run(capsys, "--help")[1]
        assert run(capsys, word, "--help")[0] == 0


def test_live_and_files_together(
    bundle: Write, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LOGIN", "right-password")
    with registry() as (url, _):
        code, out, _ = run(capsys, "diagnose", "--registry", url, "--user", "anna", "--password-env", "LOGIN",
                           "--format", "json")  # fmt: skip
    assert (code, json.loads(out)["verdict"]) == (0, "healthy")


@pytest.mark.parametrize("ending", ["", "\n", "\r\n"])
def test_a_password_from_standard_input(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, ending: str
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("right-password" + ending))
    with registry() as (url, seen):
        code, *_ = run(capsys, "diagnose", "--registry", url, "--user", "anna", "--password-stdin")
    assert code == 0
    assert "anna" in {user for _, _, user, _ in seen.requests}


def test_an_internal_error_is_a_sentence(
    bundle: Write, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("RUNBOOK_DEBUG", raising=False)
    folder = bundle("anna:plain\n")

    def broken(*args: object, **kwargs: object) -> str:
        raise KeyError("x")

    monkeypatch.setattr(command, "rendered", broken)
    code, out, err = run(capsys, "diagnose", folder)
    assert (code, out) == (1, "")
    assert "RUNBOOK_DEBUG=1" in err
    assert "Traceback" not in err
    monkeypatch.setenv("RUNBOOK_DEBUG", "1")
    assert "Traceback" in run(capsys, "diagnose", folder)[2]


def test_an_interrupt_is_quiet(
    bundle: Write, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def stopped(*args: object, **kwargs: object) -> str:
        raise KeyboardInterrupt

    monkeypatch.setattr(command, "rendered", stopped)
    code, _, err = run(capsys, "diagnose", bundle("anna:plain\n"))
    assert code == 130
    assert "Traceback" not in err


def test_a_reader_that_goes_away_causes_no_noise(bundle: Write) -> None:
    first = [sys.executable, "-m", "runbook", "explain"]
    with subprocess.Popen(first, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
        assert process.stdout is not None
        process.stdout.close()
        _, err = process.communicate(timeout=60)
    assert err == b""


def test_diagnose_loads_nothing_heavy(bundle: Write) -> None:
    code = (
        "import sys; from runbook.cli import main; main(sys.argv[1:]); "
        "bad = {'pandas', 'IPython', 'papermill', 'nbformat', 'ipywidgets', 'httpx', 'jupyterlab'} & sys.modules.keys(); "
        "sys.exit(', '.join(bad) or 0)"
    )
    words = [sys.executable, "-c", code, "diagnose", str(bundle(f"anna:{HASH}\n"))]
    done = subprocess.run(words, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_public_names_exist() -> None:
    for name in runbook.__all__:
        assert getattr(runbook, name) is not None
    with pytest.raises(AttributeError):
        _ = runbook.nothing


@pytest.mark.parametrize(
    "words",
    [
        ["--user", "a", "--password-env", "Kanarie77!"], ["--user", "a", "--password-env", "Kanarie77"], ["-pKanarie77!"], ["-p", "Kanarie77"], ["-p=Kanarie77"],
        ["--password-stdin=Kanarie77!"], ["--pasword", "Kanarie77"], ["--pasword=Kanarie77"], ["--password", "Kanarie77"], ["--password=Kanarie77"], ["--pass", "Kanarie77"], ["-password=Kanarie77"],
        ["--user", "anna:Kanarie77"], ["--registry", "Kanarie77"], ["--registry", "http://anna:Kanarie77@x"], ["--registry", "anna:Kanarie77@x"], ["--ui", "Kanarie77://x"], ["--origin", "Kanarie77"],
        ["--timeout", "Kanarie77"], ["--format", "Kanarie77"], ["--fail-on=Kanarie77"], ["--token=Kanarie77"], ["-u", "anna:Kanarie77"], ["--creds=anna:Kanarie77"], ["--allow-writes=Kanarie77"], ["--kanarie=Kanarie77"],
        ["--password-env", "=Kanarie77"], ["--password-env", ""], ["-Kanarie77"], ["--registry", "https:///Kanarie77"], ["--registry", "http://x:Kanarie77"], ["--user", "", "--password-env", "Kanarie77"],
    ],
)  # fmt: skip
@pytest.mark.parametrize("command", ["diagnose", "report"])
def test_a_password_in_the_wrong_place_is_not_repeated(
    command: str, words: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    more = ["--output-dir", str(tmp_path / "out")] if command == "report" else []
    try:
        code = main([command, str(tmp_path), *words, *more])
    except SystemExit as end:
        code = int(end.code or 0)
    out, err = capsys.readouterr()
    assert code == 2
    assert "kanarie" not in (out + err).lower().replace("--kanarie", "")
    assert len(err.splitlines()) <= 3
