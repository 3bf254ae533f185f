"""The registry's log: logrus' logfmt for messages, Apache's combined format for accesses."""

import json
import time
from pathlib import Path
from threading import Lock
from uuid import uuid4

from runbook.lab.serving import Request
from runbook.lazy import re

_BARE = re.compile(r"[A-Za-z0-9\-._/@^+]+")
VERSIONS = {2: ("2.8.2+ds1", "go1.19.8"), 3: ("v3.1.1+unknown", "go1.26.8")}
Fields = dict[str, str]


def _quoted(value: str) -> str:
    """logrus leaves plain words bare and quotes the rest as Go does."""
    return value if _BARE.fullmatch(value) else json.dumps(value, ensure_ascii=False)


class Log:
    """Appends to the file that `docker logs` would show."""

    def __init__(self, path: Path, major: int) -> None:
        self._path, self._lock, self.major = path, Lock(), major
        version, go = VERSIONS[major]
        self._always = {"go.version": go}
        self._instance = {"instance.id": str(uuid4()), "service": "registry", "version": version}

    def raw(self, text: str) -> None:
        with self._lock, self._path.open("a", encoding="utf-8") as sink:
            sink.write(text + "\n")

    def say(self, level: str, message: str, fields: Fields | None = None) -> None:
        """A message; those about a request carry its fields, and in 2.8 then not the instance's."""
        known = {**self._always, **(fields or {})}
        if self.major >= 3 or not fields:
            known |= self._instance
        words = "".join(f" {name}={_quoted(value)}" for name, value in sorted(known.items()))
        fraction = f"{time.time() % 1:.9f}"[1:]
        now = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime()) + fraction + "Z"
        self.raw(f'time="{now}" level={level} msg={json.dumps(message, ensure_ascii=False)}{words}')

    def plain(self, level: str, message: str) -> None:
        """A message from before the logger knows about the instance."""
        self.raw(f'time="{time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())}" level={level} msg={json.dumps(message)}')

    def access(self, request: Request, status: int, written: int) -> None:
        when = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime())
        peer = request.client.rpartition(":")[0]
        line = f"{request.method} {request.target} {request.version}"
        self.raw(
            f'{peer} - - [{when}] "{line}" {status} {written} "{request.get("Referer")}" "{request.get("User-Agent")}"'
        )


def request_fields(request: Request, variables: Fields, user: str | None) -> Fields:
    """What every message about a request carries. The credential is never among it."""
    fields = {
        "http.request.host": request.get("Host"),
        "http.request.id": str(uuid4()),
        "http.request.method": request.method,
        "http.request.remoteaddr": request.get("X-Forwarded-For").split(",")[0].strip()
        or request.get("X-Real-Ip")
        or request.client,
        "http.request.uri": request.target,
        "http.request.useragent": request.get("User-Agent"),
        **{f"vars.{name}": value for name, value in variables.items()},
    }
    if request.get("Referer"):
        fields["http.request.referer"] = request.get("Referer")
    if request.get("Content-Type"):
        fields["http.request.contenttype"] = request.get("Content-Type")
    if user is not None:
        fields["auth.user.name"] = user
    return fields
