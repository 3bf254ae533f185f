"""115 and more hostile servers, 172 and more hostile folders: each is judged, none is called healthy that is not, nothing breaks.

Every server and folder runs through the whole command; what it prints is held against the same promises.
"""

import contextlib
import io
import json
import re
import shutil
import socket
import time
from pathlib import Path
from typing import Any

import pytest

from runbook.cli import main
from tests.hostile.answers import LOGIN, answers
from tests.hostile.folders import folders
from tests.servers import raw_server

SLICES = 6
SERVERS, FOLDERS = list(answers()), list(folders())
LIMIT = 25.0
"""Seconds for one of them; far more than any takes, for the machine may be busy."""


def run(*words: str) -> tuple[int, str, str]:
    """(exit code, standard output, standard error) of the command."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(["diagnose", *words])
    return code, out.getvalue(), err.getvalue()


def complaints(code: int, out: str, err: str, codes: tuple[int, ...]) -> list[str]:
    """What is wrong with an answer, whatever was asked."""
    wrong = [] if code in codes else [f"exit {code}: {err[-300:]}"]
    both = out + err
    wrong += ["a fault of runbook"] if "please report it" in both or "Traceback" in both else []
    wrong += [f"says {form!r}" for form in ("Kanarie", "S2FuYXJpZS", "77-geel") if form in both]
    wrong += ["a control character"] if re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e]", both) else []
    wrong += ["a line for CI"] if re.search(r"(?m)^::(?:error|set)|##\[|##vso", both) else []
    if code in (0, 3, 4, 5):
        told: dict[str, Any] = json.loads(out)
        typed = [c for f in (*told["causes"], *told["warnings"]) for c in (*f["fix"]["commands"], *f["fix"]["verify"])]
        typed += [told["next"]["command"]] if told["next"] else []
        wrong += [f"a payload in {line!r}" for line in typed if "PWNED" in line or "\n" in line]
    return wrong


def test_there_are_enough_of_them() -> None:
    assert len(SERVERS) >= 115
    assert len(FOLDERS) >= 172
    assert len({name for name, _ in SERVERS}) == len(SERVERS)
    assert len({name for name, _ in FOLDERS}) == len(FOLDERS)


@pytest.mark.parametrize("part", range(SLICES))
def test_servers(part: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PW", LOGIN[1])
    told = []
    for name, answer in SERVERS[part::SLICES]:

        def behave(connection: socket.socket, answer: bytes = answer) -> None:
            connection.recv(65536)
            connection.sendall(answer)

        begun = time.monotonic()
        with raw_server(behave) as url:
            code, out, err = run(
                "--registry", url, "--user", LOGIN[0], "--password-env", "PW", "--format", "json", "--timeout", "2"
            )
        wrong = complaints(code, out, err, (3, 5))
        wrong += ["too slow"] if time.monotonic() - begun > LIMIT else []
        told += [f"{name}: {why}" for why in wrong]
    assert told == []


@pytest.mark.parametrize("part", range(SLICES))
def test_folders(part: int, tmp_path: Path) -> None:
    told = []
    for number, (name, lay_out) in enumerate(FOLDERS[part::SLICES]):
        folder = tmp_path / str(number)
        folder.mkdir()
        lay_out(folder)
        saved = tmp_path / f"{number}.json"
        begun = time.process_time()
        code, out, err = run(str(folder), "--format", "json", "--save-evidence", str(saved))
        sound = name.startswith(("file ", "beside "))
        wrong = complaints(code, out, err, (0, 3, 4, 5) if sound else (0, 2, 3, 4, 5))
        wrong += ["too slow"] if time.process_time() - begun > LIMIT else []
        if saved.exists():
            again, text, said = run(str(saved), "--format", "json")
            wrong += [f"saved: {why}" for why in complaints(again, text, said, (code,))]
        told += [f"{name}: {why}" for why in wrong]
        shutil.rmtree(folder)
    assert told == []
    assert not list(tmp_path.parent.rglob("PWNED*"))
