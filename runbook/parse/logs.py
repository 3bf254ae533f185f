"""Logs of the registry and of proxies, streamed: what each line means, and what became of each request.

The registry writes logfmt (or JSON) messages and, for each request, a combined access line; compose
puts a service's name before each line. Memory is bounded: of each meaning the first and last lines are
kept, of the requests the refused ones before the others; `counts` covers the whole file.
"""

from collections import deque
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

from runbook.lazy import re
from runbook.model import PROBE_AGENT, PROBE_USER, LogEvent, LogFile, LoggedRequest, Meaning, Place
from runbook.parse.log_lines import (
    Access,
    Fields,
    Logger,
    access_line,
    fields_of,
    strip_prefix,
    unit_of,
    unwrapped,
    written_at,
)
from runbook.parse.log_meanings import foreign_meaning, interesting, meaning_of
from runbook.parse.proxy_logs import (
    Told,
    caddy_access,
    caddy_meaning,
    haproxy_access,
    is_caddy,
    proxy_line,
    traefik_line,
)
from runbook.redact import Vault

_REQUEST = re.compile(r'(?:"uri": ?"|"[A-Z]{3,7} )(/[^\s"?]{0,255})')
"""How nginx, HAProxy and Caddy tell in their error logs which path was asked."""
_STARTED = re.compile(r" \[notice\] \d{1,10}#\d{1,10}: start worker processes$")
"""Of nginx, once it has read its files: at a start or a reload. A worker that died and is replaced is another message."""
_KEPT = 25
_KEPT_REQUESTS = 1500
_LINE = 16_000

Kind = Literal["registry", "nginx", "caddy", "haproxy", "apache", "mixed", "unknown"]


@dataclass
class _Kept:
    """The first and the last of something."""

    first: list[LogEvent] = field(default_factory=list)
    last: deque[LogEvent] = field(default_factory=lambda: deque(maxlen=_KEPT))

    def add(self, event: LogEvent) -> None:
        if len(self.first) < _KEPT:
            self.first.append(event)
        else:
            self.last.append(event)

    def forget(self, over: Callable[[LogEvent], bool]) -> None:
        """Drop events that a later line shows to be over."""
        for kept in (self.first, self.last):
            left = [e for e in kept if not over(e)]
            kept.clear()
            kept.extend(left)


@dataclass
class _State:
    file: str
    vault: Vault
    counts: dict[str, int] = field(default_factory=dict)
    kept: dict[Meaning, _Kept] = field(default_factory=dict)
    refused: deque[LoggedRequest] = field(default_factory=lambda: deque(maxlen=_KEPT_REQUESTS))
    others: deque[LoggedRequest] = field(default_factory=lambda: deque(maxlen=_KEPT_REQUESTS))
    waiting: deque[tuple[str | None, Fields, Meaning]] = field(default_factory=lambda: deque(maxlen=64))
    granted: deque[Fields] = field(default_factory=lambda: deque(maxlen=64))
    """Messages that a request was authorized, whose access line is still to come."""
    identified: dict[Place, str] = field(default_factory=dict)
    """Access line → id of the request that it belongs to."""
    loggers: set[str] = field(default_factory=set)
    offset: float | None = None
    version: int | None = None
    unit: str = ""
    system_units: dict[str, None] = field(default_factory=dict)


_MANAGED = re.compile(r" systemd\[1\]: [^\n]{0,60}?\b([\w@-][\w@.-]{0,80})\.service\b")


def parse_log(lines: Iterable[str], file: str, vault: Vault) -> LogFile:
    """Read a log of any size, line by line."""
    state = _State(file, vault)
    number = 0
    for number, raw in enumerate(map(unwrapped, lines), 1):
        if " systemd[1]: " in raw[:200] and len(state.system_units) < 100 and (managed := _MANAGED.search(raw[:_LINE])):
            state.system_units[managed[1]] = None
        if interesting(raw):
            state.unit = state.unit or unit_of(raw)
            _line(raw[:_LINE], number, state)
    events = [e for kept in state.kept.values() for e in (*kept.first, *kept.last)]
    requests = _paired([*state.refused, *state.others])
    return LogFile(
        file=file,
        kind=_kind(state.loggers),
        version=state.version,
        lines=number,
        events=tuple(sorted(events, key=lambda e: e.place.line or 0)),
        requests=tuple(requests),
        counts=state.counts,
        utc_offset=state.offset,
        unit=state.unit,
        system_units=tuple(state.system_units),
    )


def _kind(loggers: set[str]) -> Kind:
    if len(loggers) > 1:
        return "mixed"
    only = next(iter(loggers), "unknown")
    return only if only in ("registry", "nginx", "caddy", "haproxy", "apache") else "unknown"  # type: ignore[return-value]


def _line(raw: str, number: int, state: _State) -> None:
    service, line = strip_prefix(raw)
    place = Place(state.file, number)
    if access := access_line(line):
        _access(access, service, place, state)
    elif balanced := haproxy_access(line):
        _access(balanced[0], service, place, state)
        _told(balanced[1], line, service, place, state, balanced[0].when)
    elif told := traefik_line(line):
        _told(told, line, service, place, state)
    elif (fields := fields_of(line)) is None:
        if _STARTED.search(line.rstrip()):
            _started(service, written_at(line, None), state)
        _told(foreign_meaning(line) or proxy_line(line), line, service, place, state)
    elif is_caddy(fields):
        state.loggers.add("caddy")
        if access := caddy_access(fields):
            _access(access, service, place, state)
        _told(caddy_meaning(fields), fields.get("msg", ""), service, place, state, written_at("", fields))
    else:
        _message(fields, line, service, place, state)


def _started(service: str | None, when: float | None, state: _State) -> None:
    """nginx starts with its files as they are: what kept it from starting before is over."""

    def over(event: LogEvent) -> bool:
        later = event.when is not None and when is not None and event.when > when
        return "[emerg]" in event.text and event.service == service and not later

    for kept in state.kept.values():
        kept.forget(over)


def _told(
    found: Told | None, text: str, service: str | None, place: Place, state: _State, when: float | None = None
) -> None:
    if found is not None:
        logger, meaning, detail, user = found
        state.loggers.add(logger)
        _keep(state, meaning, place, service, text, detail=detail, user=user, when=when or written_at(text, None))


def _message(fields: Fields, line: str, service: str | None, place: Place, state: _State) -> None:
    version = fields.get("version", "").lstrip("v")[:1]
    if state.version is None and version in ("2", "3"):
        state.version = int(version)
    meaning, detail, user = meaning_of(fields)
    if fields.get("password") and "provisioning" in fields.get("msg", ""):
        state.vault.password(fields["password"], fields.get("user"))
    if "go.version" in fields or meaning is not None:
        state.loggers.add("registry")
    if meaning is None:
        if fields.get("msg") == "authorized request" and "http.request.uri" in fields:
            _grant(state, fields, user)
        return
    text = fields.get("msg", "") + (f" ({fields['error']})" if fields.get("error") else "")
    request, when = fields.get("http.request.id"), written_at("", fields)
    probed = fields.get("http.request.useragent") == PROBE_AGENT
    _keep(state, meaning, place, service, text, detail=detail, user=user, request=request, when=when, probed=probed,
          host=fields.get("http.request.host", ""), client=_client(fields, state),
          agent=fields.get("http.request.useragent", ""))  # fmt: skip
    if fields.get("http.request.uri"):
        _join(state, service, fields, meaning, user)


def _keep(
    state: _State,
    meaning: Meaning,
    place: Place,
    service: str | None,
    text: str,
    *,
    detail: str = "",
    user: str | None = None,
    request: str | None = None,
    when: float | None = None,
    probed: bool = False,
    host: str = "",
    client: str = "",
    agent: str = "",
) -> None:
    state.counts[meaning] = state.counts.get(meaning, 0) + 1
    kept = state.kept.setdefault(meaning, _Kept())
    mask = state.vault.mask
    asked = _REQUEST.search(text) or _REQUEST.search(detail)
    kept.add(
        LogEvent(
            place=place,
            meaning=meaning,
            service=service,
            when=when,
            user=user,
            detail=mask(detail, 300),
            text=mask(text, 500),
            request=request,
            probed=probed,
            host=mask(host, 300),
            client=client,
            agent=mask(agent, 200),
            uri=mask(asked[1], 300) if asked else "",
        )
    )


# ---- requests ------------------------------------------------------------------------------------------


def _access(access: Access, service: str | None, place: Place, state: _State) -> None:
    state.counts[f"status:{access.status}"] = state.counts.get(f"status:{access.status}", 0) + 1
    logger = _logger(access, service, state)
    if logger != "registry" and access.offset is not None:
        state.offset = access.offset
    state.loggers.add(logger)
    request = LoggedRequest(
        place=place,
        logger=logger,
        service=service,
        method=access.method,
        uri=state.vault.mask(access.uri.split("?", 1)[0], 300),
        status=access.status,
        when=access.when,
        remote=access.remote,
        user=access.user,
        agent=state.vault.mask(access.agent, 200),
        referer=state.vault.mask(access.referer, 300),
        host=state.vault.mask(access.host, 300),
    )
    if logger == "registry":
        request = _explained(request, access, state)
    (state.refused if access.status >= 300 else state.others).append(request)


def _logger(access: Access, service: str | None, state: _State) -> Logger:
    """The registry writes an empty referer as "", nginx and Apache as "-"; with a referer, its own messages tell."""
    if access.logger:
        return access.logger
    if access.empty_referer == "-":
        return "nginx"
    if access.empty_referer == "" or (service and "registry" in service and "ui" not in service):
        return "registry"
    if access.user:
        return "nginx"
    told = any(s == service and _is_of(fields, access.uri, access.method) for s, fields, _ in state.waiting)
    alone = service is None and state.loggers == {"registry"}
    return "registry" if told or alone else "unknown"


def _join(state: _State, service: str | None, fields: Fields, meaning: Meaning, user: str | None) -> None:
    """Give a message's meaning to its request: the access line just written, or the one to come."""
    identity = fields.get("http.request.id", "")
    rows = state.refused
    for index in _recent(rows):
        if identity and state.identified.get(rows[index].place) == identity:
            rows[index] = replace(rows[index], user=rows[index].user or user)
            return
    if not _told_of(rows, fields, user, state, meaning):
        state.waiting.append((service, fields, meaning))


def _recent(rows: deque[LoggedRequest]) -> range:
    return range(len(rows) - 1, max(-1, len(rows) - 12), -1)


def _told_of(
    rows: deque[LoggedRequest], fields: Fields, user: str | None, state: _State, meaning: Meaning | None = None
) -> bool:
    """Whether the message's request is among the access lines just written: it gets what the message tells."""
    for index in _recent(rows):
        row = rows[index]
        if row.logger == "registry" and row.place not in state.identified and _is_of(fields, row.uri, row.method):
            rows[index] = _with(row, fields, user, state, meaning)
            return True
    return False


def _with(
    row: LoggedRequest, fields: Fields, user: str | None, state: _State, meaning: Meaning | None = None
) -> LoggedRequest:
    """The request with the Host, the client, the user and the meaning that its message tells."""
    state.identified[row.place] = fields.get("http.request.id", "")
    host = state.vault.mask(fields.get("http.request.host", ""), 300)
    return replace(row, meaning=meaning, user=row.user or user, host=host, client=_client(fields, state))


def _client(fields: Fields, state: _State) -> str:
    """The first address of X-Forwarded-For, which the registry writes as it came, or the peer's without its port."""
    told = fields.get("http.request.remoteaddr", "").split(",", 1)[0].strip()
    return state.vault.mask(told if told.count(":") > 1 and "]" not in told else told.rsplit(":", 1)[0].strip("[]"), 60)


def _grant(state: _State, fields: Fields, user: str | None) -> None:
    """Give the Host, and the user whom registry:3 names, to a request that was served: `_join` for the other outcome."""
    if not _told_of(state.others, fields, user, state):
        state.granted.append(fields)


def _is_of(fields: Fields, uri: str, method: str) -> bool:
    same_uri = fields["http.request.uri"].split("?", 1)[0] == uri.split("?", 1)[0]
    return same_uri and fields.get("http.request.method") == method


def _explained(request: LoggedRequest, access: Access, state: _State) -> LoggedRequest:
    """The request with the meaning that its messages, written before it, gave."""
    waiting = [entry for entry in state.waiting if _is_of(entry[1], access.uri, access.method)]
    if not waiting or access.status < 300:
        known = next((f for f in state.granted if access.status != 401 and _is_of(f, access.uri, access.method)), None)
        if known is None:
            return request
        state.granted.remove(known)
        return _with(request, known, meaning_of(known)[2], state)
    identity = waiting[0][1].get("http.request.id", "")
    own = [entry for entry in waiting if entry[1].get("http.request.id", "") == identity]
    for entry in own:
        state.waiting.remove(entry)
    state.identified[request.place] = identity
    meanings = [meaning for _, _, meaning in own]
    told = next((m for m in meanings if m in ("bcrypt-mismatch", "bcrypt-malformed")), meanings[0])
    user = next((name for _, fields, _ in own if (name := meaning_of(fields)[2])), None)
    if user == PROBE_USER:
        told = "no-usable-credential"  # our own question, wrong on purpose
    fields = own[0][1]
    host, client = fields.get("http.request.host", ""), _client(fields, state)
    return replace(request, meaning=told, user=request.user or user, host=host, client=client)


def _paired(requests: list[LoggedRequest]) -> list[LoggedRequest]:
    """Mark each refusal that the same peer followed with a success: the protocol at work."""
    ordered = sorted(requests, key=lambda r: (r.when or 0.0, r.place.line or 0))
    later: dict[tuple[str, str, str], float] = {}
    marked: list[LoggedRequest] = []
    for request in reversed(ordered):
        key = (request.remote, request.agent, request.logger)
        uri = (request.remote, request.agent, request.logger + " " + request.uri)
        status = request.status or 0
        if 200 <= status < 300 or (status in (304, 307, 404) and request.logger == "registry"):
            later[key] = later[uri] = request.when or 0.0
        elif status == 401:
            soon = later.get(uri)
            login = later.get(key)
            anonymous = (
                request.user is None
                and request.meaning in (None, "no-usable-credential", "token-required")
                and request.method != "OPTIONS"
            )
            if anonymous and (soon is not None or (login is not None and login - (request.when or 0.0) <= 60)):
                request = replace(request, answered_later=True)
        marked.append(request)
    return sorted(marked, key=lambda r: r.place.line or 0)
