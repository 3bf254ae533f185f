"""The jail: an empty folder, a PATH of programs that only write down that they were called, and no network."""

import re
import shutil
import subprocess
from pathlib import Path

from runbook.model import Command

_STUB = '#!/bin/sh\nprintf "%s\\n" "${0##*/}" >> "$JAIL_LOG"\nexit 0\n'
BUILTINS = {"cd", "export", "printf", "echo", "read", "test", "true", "umask", "set", "unset", "source", "."}
_INNER = re.compile(r"\$\(([a-z][\w.-]*) ")
_ASSIGNMENT = re.compile(r"[A-Za-z_]\w*=")


def programs(command: Command) -> list[str]:
    """The programs that a command calls by its own structure: first words, and those behind an operator."""
    found, begins = [], True
    for word in command.words:
        if word.operator:
            found += _INNER.findall(word.text)  # an operator is written by us, whole
            begins = word.text in ("|", "&&", "||", ";")
        elif begins and not _ASSIGNMENT.match(word.text):
            found.append(word.text)
            begins = False
    return [name for name in found if name not in BUILTINS]


class Cell:
    """A jail for one command after the other."""

    def __init__(self, home: Path) -> None:
        self._bin, self._work, self._log = home / "bin", home / "work", home / "log"
        self._bin.mkdir(parents=True)
        self._shell = shutil.which("bash") or "/bin/sh"
        self._known: set[str] = set()
        self._alone = [shutil.which("unshare") or "", "-rn"] if _can_unshare() else []

    def _add(self, name: str) -> None:
        if name in self._known or "/" in name:
            return
        self._known.add(name)
        stub = self._bin / name
        stub.write_text(_STUB)
        stub.chmod(0o755)

    def escapes(self, line: str, expected: list[str]) -> str:
        """What a printed line did that its command does not say, or "". `expected` may run, in any number up to once each."""
        for name in (*expected, "touch"):
            self._add(name)
        if self._work.exists():
            shutil.rmtree(self._work)
        self._work.mkdir()
        self._log.write_text("")
        env = {"PATH": str(self._bin), "JAIL_LOG": str(self._log), "HOME": str(self._work), "IFS": " \t\n"}
        done = subprocess.run(
            [*self._alone, self._shell, "--norc", "-c", line], cwd=self._work, env=env, stdin=subprocess.DEVNULL, capture_output=True, timeout=20, check=False
        )  # fmt: skip
        ran = [name for name in self._log.read_text().split("\n") if name]
        left = list(expected)
        for name in ran:
            if name not in left:
                return f"ran {name}"
            left.remove(name)
        if b"command not found" in done.stderr:
            return f"called something: {done.stderr[:200]!r}"
        made = [p.name for p in self._work.rglob("*") if "PWNED" in p.name]
        return f"made {made}" if made else ""


def _can_unshare() -> bool:
    return (
        shutil.which("unshare") is not None
        and subprocess.run(["unshare", "-rn", "true"], capture_output=True, check=False).returncode == 0
    )
