"""htpasswd authentication with the registry's own answers and log lines."""

import base64
import binascii
import os
import random
import secrets
from dataclasses import dataclass
from pathlib import Path

from runbook.lab.hashes import bcrypt_hash
from runbook.lab.registry.log import Fields, Log
from runbook.lab.settings import Settings, StartError
from runbook.lazy import re
from runbook.parse.htpasswd.registry import Refusal, load, read_hash, registry_accepts

_CREDENTIAL = re.compile(r"basic (.*)", re.IGNORECASE)

_MISMATCH = "crypto/bcrypt: hashedPassword is not the hash of the given password"


@dataclass(frozen=True)
class Outcome:
    """200 with the user, 401 to be challenged, or 400 because the file cannot be used."""

    status: int
    user: str | None = None


class Htpasswd:
    """Reads the file again when its time changes, as the registry does."""

    def __init__(self, settings: Settings, path: Path, shown: str, readable: bool, log: Log) -> None:
        self.realm = settings.realm or ""
        self._path, self._shown, self._readable, self._log = path, shown, readable, log
        self._time: int | None = None
        self._table: dict[bytes, bytes] | None = None
        self._provision()

    def _provision(self) -> None:
        """A missing file is created with a default user, whose password the real registry logs in
        clear; this one keeps it to itself."""
        if not self._readable:
            problem = f"open {self._shown}: permission denied"
            raise StartError(f"panic: unable to configure authorization (htpasswd): {problem}")
        if self._path.exists():
            return
        self._path.parent.mkdir(parents=True, exist_ok=True)
        self._path.write_bytes(b"docker:" + bcrypt_hash(secrets.token_urlsafe(32), random.SystemRandom(), cost=10))
        fields = {"password": "[redacted]", "user": "docker"}
        self._log.say("warning", "htpasswd is missing, provisioning with default user", fields)

    def judge(self, header: str, fields: Fields) -> Outcome:
        """What the registry makes of an Authorization header."""
        login = _basic(header)
        if login is None:
            return self._challenge("invalid authorization credential", fields)
        try:
            table = self._current()
        except OSError as error:
            return self._refuse(f"{_verb(error)} {self._shown}: {_go_text(error)}", fields)
        if isinstance(table, Refusal):
            return self._refuse(table.message, fields)
        user, password = login
        value = table.get(user)
        name = user.decode("utf-8", "replace")
        if value is not None and registry_accepts(value, password):
            return Outcome(200, name)
        if self._log.major < 3:
            self._log.say("error", f'error authenticating user "{name}": authentication failure', fields)
        elif value is not None:
            self._why_not(value, name, fields)
        return self._challenge("authentication failure", fields)

    def _current(self) -> dict[bytes, bytes] | Refusal:
        now = self._path.stat().st_mtime_ns
        if self._table is None or now != self._time:
            self._time = now
            table = load(self._path.read_bytes())
            if isinstance(table, Refusal):
                return table
            self._table = table
        return self._table

    def _why_not(self, value: bytes, name: str, fields: Fields) -> None:
        """3.x says whether the hash is no good or the password is another one."""
        reading = read_hash(value)
        broken = isinstance(reading, str)
        trouble = _go_bcrypt(value, reading) if isinstance(reading, str) else _MISMATCH
        level, message = ("error", "error authenticating user") if broken else ("info", "user failed to authenticate")
        self._log.say(level, message, {**fields, "error": trouble, "username": name})

    def _challenge(self, why: str, fields: Fields) -> Outcome:
        text = f'error authorizing context: basic authentication challenge for realm "{self.realm}": {why}'
        self._log.say("warning", text, fields)
        return Outcome(401)

    def _refuse(self, why: str, fields: Fields) -> Outcome:
        self._log.say("error", f"error checking authorization: {why}", fields)
        self._log.say("warning", f"error authorizing context: {why}", fields)
        return Outcome(400)


def _basic(header: str) -> tuple[bytes, bytes] | None:
    """Go's `Request.BasicAuth`."""
    found = _CREDENTIAL.fullmatch(header)
    if not found:
        return None
    try:
        pair = base64.b64decode(found[1], validate=True)
    except (binascii.Error, ValueError):
        return None
    user, colon, password = pair.partition(b":")
    return (user, password) if colon else None


def _go_bcrypt(value: bytes, complaint: str) -> str:
    """A complaint about a hash in Go's words: some come from bcrypt, some from what it calls."""
    if complaint.startswith("the cost"):
        start = 3 if value[2:3] == b"$" else 4
        return f'strconv.Atoi: parsing "{value[start : start + 2].decode("latin-1")}": invalid syntax'
    return complaint if complaint.startswith("illegal base64") else f"crypto/bcrypt: {complaint}"


def _verb(error: OSError) -> str:
    return (
        "read" if isinstance(error, IsADirectoryError) else "stat" if isinstance(error, FileNotFoundError) else "open"
    )


def _go_text(error: OSError) -> str:
    return os.strerror(error.errno or 0).lower()
