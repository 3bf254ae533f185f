"""The forms of a log line: compose's prefix, logfmt, JSON and the access formats."""

import json
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Literal

from runbook.lazy import re

Fields = dict[str, str]
Logger = Literal["registry", "nginx", "caddy", "haproxy", "apache", "unknown"]

_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_PREFIX = re.compile(r"^([A-Za-z0-9][\w.-]{0,60})\s{0,20}\|\s?(.*)$", re.DOTALL)
_TIMESTAMP = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?(?:Z|[+-]\d\d:\d\d)\s+")
_JOURNAL = re.compile(
    r"^(?:<\d{1,3}>)?(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT[\d:.]{8,15}(?:Z|[+-]\d\d:?\d\d)) "
    r"[\w.-]{1,64} (?!haproxy)([\w./@-]{1,80})(?:\[\d+\])?: "
)
"""journald and syslog: time, machine, program. HAProxy's own syslog form has its reader."""
_POD = re.compile(r"^\[pod/[\w.-]{1,253}/([\w.-]{1,63})\] ")
"""`kubectl logs --prefix`."""
_PAIR = re.compile(
    r'(?<![\w.$/@-])([\w.$/@-]{1,200})=("(?:[^"\\]|\\.|"(?!\s*$|[ \t]{1,4}[\w.$/@-]{1,200}=))*"|[^\s"]*)'
)
"""A quote inside a value ends it only where the next pair or nothing follows: trackers take the backslash from `\\"`."""
_ACCESS = re.compile(
    r'^(?P<remote>[0-9A-Za-z_.:\[\]%-]+) \S+ (?P<user>\S+) \[(?P<when>[^\]]{10,40})\] "(?P<request>(?:[^"\\]|\\.)*)" '
    r'(?P<status>\d{3}) (?P<size>\d+|-)(?: "(?P<referer>(?:[^"\\]|\\.)*)" "(?P<agent>(?:[^"\\]|\\.)*)")?'
)
_ESCAPES = re.compile(r"\\(.)")


@dataclass(frozen=True, slots=True)
class Access:
    """One access line of the common or combined format."""

    remote: str
    user: str | None
    when: float | None
    method: str
    uri: str
    status: int
    referer: str
    agent: str
    empty_referer: str | None = None
    """How an absent referer is written: "" by the registry, "-" by nginx and Apache; None when there is one."""
    host: str = ""
    logger: Logger | None = None
    """Who wrote it, where the form tells."""
    offset: float | None = None
    """Seconds east of UTC, where the time is written with its zone."""


def strip_prefix(line: str) -> tuple[str | None, str]:
    """The compose service before the line (its number cut off), and the line itself."""
    line = line.rstrip("\r\n")
    if "\x1b" in line:
        line = _ANSI.sub("", line)
    service = None
    wrapped = _POD.match(line) if line.startswith("[pod/") else _JOURNAL.match(line)
    if wrapped:
        service, line = wrapped[1], line[wrapped.end() :]
    head = line[:90]
    if "|" in head:
        match = _PREFIX.match(line)
        if match:
            service, line = re.sub(r"[-_]\d+$", "", match[1]), match[2]
    if line[:4].isdecimal() and line[10:11] == "T":
        line = _TIMESTAMP.sub("", line, count=1)
    return service, line


_DEBIANS = re.compile(r"\bversion=\"?\d[\d.]{0,15}\+ds")
"""The registry of Debian's package, whose unit is called as the package."""


def unit_of(line: str) -> str:
    """The systemd unit of a registry that the line names or implies; "" for a container's."""
    named = _JOURNAL.match(line)
    if named:
        return named[1] if "registry" in named[1] and "/" not in named[1] else ""
    return "docker-registry" if "+ds" in line and "|" not in line[:90] and _DEBIANS.search(line) else ""


def unwrapped(line: str) -> str:
    """A line of docker's json-file driver, as it lies in /var/lib/docker/containers: what the container wrote."""
    if line.startswith('{"log":'):
        try:
            inner = json.loads(line)["log"]
        except (ValueError, RecursionError, TypeError, KeyError):
            return line
        return inner if isinstance(inner, str) else line
    return line


def fields_of(line: str) -> Fields | None:
    """The fields of a logfmt or JSON line, or None when it is neither."""
    if line.startswith("{"):
        return _json_fields(line)
    if "level=" not in line[:200] and "msg=" not in line[:400]:
        return None
    fields = {key: _unquoted(value) for key, value in _PAIR.findall(line)}
    return fields if "msg" in fields else None


def _json_fields(line: str) -> Fields | None:
    try:
        data = json.loads(line)
    except (ValueError, RecursionError):
        return None
    if not isinstance(data, dict):
        return None
    fields = {str(k): v if isinstance(v, str) else json.dumps(v) for k, v in data.items()}
    return fields if "msg" in fields else None


def _unquoted(value: str) -> str:
    if value.startswith('"') and value.endswith('"') and len(value) > 1:
        return _ESCAPES.sub(lambda m: {"n": "\n", "t": "\t"}.get(m[1], m[1]), value[1:-1])
    return value


def access_line(line: str) -> Access | None:
    """The line as an access line, or None."""
    if '] "' not in line[:400]:
        return None
    match = _ACCESS.match(line)
    if not match:
        return None
    method, _, rest = match["request"].partition(" ")
    referer = match["referer"]
    return Access(
        remote=match["remote"],
        user=None if match["user"] == "-" else match["user"],
        when=moment.timestamp() if (moment := _when(match["when"])) else None,
        offset=offset.total_seconds() if moment and (offset := moment.utcoffset()) is not None else None,
        method=method if method.isalpha() else "",
        uri=rest.rsplit(" ", 1)[0] if " " in rest else rest,
        status=int(match["status"]),
        referer="" if referer in (None, "-") else referer,
        agent="" if match["agent"] in (None, "-") else match["agent"].replace("\\\\", "\\").replace("\\x5C", "\\"),
        empty_referer=referer if referer in ("", "-") else None,
    )


def _when(text: str) -> datetime | None:
    try:
        return datetime.strptime(text, "%d/%b/%Y:%H:%M:%S %z")
    except ValueError:
        return None


_NAIVE = re.compile(r"^(?:nginx: )?(\d{4})/(\d\d)/(\d\d) (\d\d):(\d\d):(\d\d)\b")


def written_at(line: str, fields: Fields | None) -> float | None:
    """When a message was written, in seconds since the epoch: of logfmt and JSON from their time, of nginx's error log
    as if its clock were UTC; None where the line does not tell."""
    stamp = (fields or {}).get("time") or (fields or {}).get("ts") or ""
    if stamp:
        try:
            return float(stamp) if stamp.replace(".", "", 1).isdecimal() else datetime.fromisoformat(stamp).timestamp()
        except (ValueError, OverflowError):
            return None
    if naive := _NAIVE.match(line):
        try:
            return datetime(*map(int, naive.groups()), tzinfo=UTC).timestamp()  # type: ignore[arg-type,misc]
        except ValueError:
            return None
    return None
