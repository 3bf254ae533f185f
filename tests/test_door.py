"""One door: nothing but `runbook.door` writes documents or speaks to people on standard error."""

import ast
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

import runbook
from runbook import door
from runbook.redact import Vault

ROOT = Path(runbook.__file__).parent
OWN_FILES = {
    "door.py": "the door",
    "cli/diagnose.py": "the progress line of a terminal, which goes away again",
    "headless/page.py": "the address of the page with its token, in a private file for this user's browser",
    "headless/card.py": "a picture that the browser drew of what went through the door",
    "fleet/commands.py": "the progress line of a terminal: counts, and it goes away again",
    "lab/": "stacks of the lab: made-up logins, on loopback, gone afterwards",
    "experiments/htpasswd.py": "the file of a stack of the lab",
    "training/practice.py": "the learner's own project",
    "training/path.py": "the learner's own path",
    "training/project.py": "the learner's own project",
    "training/judge.py": "made-up files that a learner cited, in a temporary folder",
    "training/log.py": "the learner's own round",
    "training/grade.py": "one result, from the process that replayed a round to the one that asked for it",
    "widgets/job.py": "what was pasted, in a private temporary file for one run",
    "widgets/diary.py": "reserves a name; the door writes",
    "report/causes_table.py": "our own documentation",
    "cli/doctor.py": "what this machine has",
    "cli/explain.py": "our own documentation",
    "cli/machine.py": "our own documentation",
    "site/lite.py": "settings of JupyterLite's build, in a temporary folder",
    "site/pages.py": "made-up stacks of worked examples, in a temporary folder",
}
"""Modules that write or print something else, and what."""


def writes(path: Path) -> Iterator[str]:
    """Places in a module that write a file or print."""
    for node in ast.walk(ast.parse(path.read_text())):
        if not isinstance(node, ast.Call):
            continue
        name = (
            node.func.attr
            if isinstance(node.func, ast.Attribute)
            else node.func.id
            if isinstance(node.func, ast.Name)
            else ""
        )
        if name in ("write_text", "write_bytes", "mkstemp", "print", "fdopen"):
            yield f"{path.relative_to(ROOT)}:{node.lineno} {name}"
        if name == "open" and any(
            isinstance(a, ast.Constant) and isinstance(a.value, str) and set(a.value) & set("wxa") and len(a.value) < 4
            for a in node.args
        ):
            yield f"{path.relative_to(ROOT)}:{node.lineno} open"
        if name == "write" and "stdout" in ast.dump(node.func):
            yield f"{path.relative_to(ROOT)}:{node.lineno} sys.stdout.write"


def test_nothing_else_writes() -> None:
    found = [place for path in sorted(ROOT.rglob("*.py")) for place in writes(path)]
    assert any(place.startswith("door.py") for place in found)
    assert [place for place in found if not place.startswith(tuple(OWN_FILES))] == []


def test_known_secrets_and_odd_text_stop_at_the_door(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    vault = Vault()
    vault.password("Kanarie77", "anna")
    text = 'a Kanarie77 \x1b]0;x\x07 \ud800 ##[error]\n::error::x\n{"b": "S2FuYXJpZTc3"}\n'
    door.write(tmp_path / "f", text, vault)
    door.out(text, vault)
    door.say(text, vault)
    out, err = capsys.readouterr()
    for shown in ((tmp_path / "f").read_text(), out, err):
        assert "Kanarie" not in shown
        assert "S2Fu" not in shown
        assert "\x1b" not in shown
        assert "##[" not in shown
        assert not shown.startswith("::")
        assert "\n::" not in shown
    assert err.count("\n") == 1
    assert stat.S_IMODE((tmp_path / "f").stat().st_mode) == 0o600
    assert [p.name for p in tmp_path.iterdir()] == ["f"]


def test_a_file_that_cannot_be_written_is_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "f").write_text("before")
    with pytest.raises(door.LeaveError, match="No such file or directory"):
        door.write(tmp_path / "none" / "f", "x", Vault())
    with pytest.raises(door.LeaveError, match="could not be written"):
        door.write("/dev/full", "x" * 100_000, Vault())
    assert (tmp_path / "f").read_text() == "before"


def test_an_end_right_after_the_move_stays_an_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def moved(source: str, target: Path) -> None:
        Path(source).rename(target)
        raise KeyboardInterrupt

    monkeypatch.setattr(door.os, "replace", moved)
    with pytest.raises(KeyboardInterrupt):
        door.write(tmp_path / "f", "whole", Vault())
    assert [p.name for p in tmp_path.iterdir()] == ["f"]
