"""No secret leaves: not in a format, a report, saved evidence, standard error or a traceback."""

import sys
from collections import Counter
from pathlib import Path

import pytest

from runbook.cli import diagnose as command
from runbook.cli import main
from runbook.collect import collector
from runbook.lab import Lab
from tests.canaries import GIVEN, basic, leaks, write_bundle
from tests.servers import registry

FORMATS = ("text", "json", "markdown", "junit", "sarif")


@pytest.fixture
def words(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    monkeypatch.setenv("CANARY", GIVEN)
    return ["diagnose", str(write_bundle(tmp_path / "bundle")), "--user", "anna", "--password-env", "CANARY"]


def everything(capsys: pytest.CaptureFixture[str], folder: Path) -> str:
    """All that a run leaves, outside of what it was given."""
    out, err = capsys.readouterr()
    files = [p for p in folder.rglob("*") if p.is_file() and "bundle" not in p.relative_to(folder).parts]
    return "\n".join([out, err, *(p.read_text(errors="replace") for p in files)])


def test_the_test_would_see_a_leak(words: list[str], tmp_path: Path) -> None:
    text = "\n".join(p.read_text() for p in (tmp_path / "bundle").rglob("*") if p.is_file())
    assert len(leaks(text + GIVEN)) > 30


@pytest.mark.parametrize("format_", FORMATS)
def test_formats(words: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path, format_: str) -> None:
    main([*words, "--format", format_])
    assert leaks(everything(capsys, tmp_path)) == []


def test_report_and_evidence(words: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    page, saved = tmp_path / "r.html", tmp_path / "evidence.json"
    main([*words, "--report", str(page), "--save-evidence", str(saved)])
    assert page.stat().st_size > 1000
    assert saved.stat().st_size > 1000
    assert leaks(everything(capsys, tmp_path)) == []
    main(["diagnose", str(saved), "--format", "json"])
    assert leaks(everything(capsys, tmp_path)) == []


@pytest.mark.parametrize("missing", [None, "auth/htpasswd", "curl.txt", "config.json"])
def test_live(words: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path, missing: str | None) -> None:
    if missing:
        (tmp_path / "bundle" / missing).unlink()
    with registry("anna", GIVEN) as (direct, _), registry("anna", "another") as (via, _):
        more = ["--registry", direct, "--ui", via, "--allow-writes", "--timeout", "10"]
        main([*words, *more, "--format", "json", "--save-evidence", str(tmp_path / "evidence.json")])
    assert leaks(everything(capsys, tmp_path)) == []


def test_each_file_alone(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret that only one file holds cannot be masked by what another one taught."""
    bundle = write_bundle(tmp_path / "bundle")
    for file in sorted(p for p in bundle.rglob("*") if p.is_file()):
        main(["diagnose", str(file), "--save-evidence", str(tmp_path / "evidence.json"), "--format", "json"])
        assert (file.name, leaks(everything(capsys, tmp_path))) == (file.name, [])


def test_names_that_say_nothing(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    """The same texts as tickets: what the parser of their kind would hide must stay hidden."""
    bundle = write_bundle(tmp_path / "bundle")
    for file in sorted(p for p in bundle.rglob("*") if p.is_file()):
        ticket = bundle / "ticket.md"
        ticket.write_text(f"Here is the file:\n```\n{file.read_text()}\n```\n")
        main(["diagnose", str(ticket), "--save-evidence", str(tmp_path / "evidence.json"), "--format", "json"])
        ticket.unlink()
        assert (file.name, leaks(everything(capsys, tmp_path))) == (file.name, [])


def test_a_traceback_on_request(
    words: list[str], capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RUNBOOK_DEBUG", "1")

    def broken(*args: object, **kwargs: object) -> str:
        raise RuntimeError(f"while using {GIVEN} for http://anna:{GIVEN}@x/")

    monkeypatch.setattr(command, "rendered", broken)
    assert main(words) == 1
    text = everything(capsys, tmp_path)
    assert "Traceback" in text
    assert leaks(text) == []


def test_objects_do_not_show_secrets(words: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []
    real = collector.checked

    def spy(request: object) -> object:
        seen.append(repr(request))
        return real(request)  # type: ignore[arg-type]

    monkeypatch.setattr(collector, "checked", spy)
    main([*words, "--format", "json"])
    assert seen
    assert leaks("".join(seen)) == []


def test_a_password_on_the_command_line_is_not_repeated(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for words in (["--password", GIVEN], [f"--password={GIVEN}"], ["--registry", f"http://anna:{GIVEN}@x"]):
        assert main(["diagnose", str(tmp_path), *words]) == 2
    assert leaks(everything(capsys, tmp_path)) == []


def test_main_reads_no_password_from_a_closed_input(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    assert main(["diagnose", str(tmp_path), "--user", "anna", "--password-stdin"]) == 2


def test_the_headless_report(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """papermill writes what it is given into the notebooks, and kernels print: nothing of it may be a secret."""
    monkeypatch.setenv("CANARY", GIVEN)
    bundle, out = write_bundle(tmp_path / "bundle"), tmp_path / "out"
    main(["report", str(bundle), "--user", "anna", "--password-env", "CANARY", "--output-dir", str(out)])
    made = Counter(p.suffix for p in out.iterdir())
    assert made[".html"] == made[".ipynb"] + 1 > 5, made  # the report, and each notebook as a page
    assert set(made) == {".html", ".ipynb", ".json", ".svg", ".txt"}
    assert leaks(everything(capfd, tmp_path)) == []


def test_the_lab(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    with Lab("authorization-stripped", backend="embedded", seed=7) as lab:
        monkeypatch.setenv("LAB_PASSWORD", lab.password)
        words = ["diagnose", str(lab.bundle), "--registry", lab.registry_url, "--ui", lab.ui_url]
        saved = ["--save-evidence", str(tmp_path / "e.json"), "--report", str(tmp_path / "r.html")]
        assert main([*words, "--user", lab.user, "--password-env", "LAB_PASSWORD", *saved]) == 3
        text = everything(capsys, tmp_path)
    assert len(lab.password) > 5
    assert lab.password not in text
    assert basic(lab.user, lab.password).rstrip("=") not in text
