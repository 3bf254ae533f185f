"""What the parsers of all proxies share: upstream addresses, sizes, times and header edits."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from runbook.lazy import re
from runbook.model import HeaderEdit, OwnAuth, Place
from runbook.parse.credentials import describe_authorization
from runbook.parse.patterns import search
from runbook.redact import Vault

_SIZES = {"": 1, "b": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40}
_DECIMAL = {"kb": 10**3, "mb": 10**6, "gb": 10**9, "kib": 1 << 10, "mib": 1 << 20, "gib": 1 << 30}
_TIMES = {"ms": 0.001, "": 1.0, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}

_LOGIN = re.compile(r"^[^/?#\s]{1,1000}@")
"""A login before the host; of it nothing may get into evidence."""

Proto = Literal["right", "missing", "wrong"]
"""Whether the next hop learns the scheme that the client used."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Upstream:
    """An upstream address taken apart."""

    scheme: str = "http"
    host: str = ""
    port: int | None = None
    uri: str | None = None
    """None when nothing at all follows the port."""


def split_upstream(written: str, scheme: str = "http") -> Upstream:
    """Take `http://registry:5000/path` or `registry:5000` apart; brackets of IPv6 are kept off."""
    if "://" in written:
        scheme, _, written = written.partition("://")
    written = _LOGIN.sub("", written)
    found = re.match(r"(\[[^\]]*\]|[^:/?#]*)(?::(\d{1,5}))?(.*)", written, re.DOTALL)
    host, port, rest = found.groups() if found else (written, None, "")
    return Upstream(scheme=scheme.lower(), host=host.strip("[]"), port=int(port) if port else None, uri=rest or None)


def host_and_port(address: str) -> tuple[str, int | None]:
    """The host and the port of `host:port`."""
    found = split_upstream(address)
    return found.host, found.port


def size(text: str) -> int | None:
    """Bytes of `10m`, `1GiB`, `1048576`; None where it is no size."""
    found = re.fullmatch(r"(\d{1,18})\s*([a-zA-Z]{0,3})", text.strip())
    if not found:
        return None
    unit = found[2].lower()
    factor = _SIZES.get(unit) or _DECIMAL.get(unit)
    return int(found[1]) * factor if factor else None


def seconds(text: str) -> float | None:
    """Seconds of `60`, `15m`, `1h30m`, `500ms`; None where it is no time."""
    parts = re.findall(r"(\d{1,12})(ms|[smhd]?)", text.strip())
    if not parts or "".join(a + b for a, b in parts) != text.strip():
        return None
    return sum(int(number) * _TIMES[unit] for number, unit in parts)


def header_edit(
    name: str,
    value: str | None,
    place: Place,
    vault: Vault,
    *,
    action: str = "set",
    condition: str = "",
    always: bool = True,
) -> HeaderEdit:
    """A change to a header with what it carries described and masked. No value: it is removed."""
    if value is None or action == "remove":
        return HeaderEdit(name=name, action="remove", condition=condition, always=always, place=place)
    injected = user = password = None
    shown = vault.mask(value, 300)
    if name.lower() == "authorization":
        shown, injected, user, password = describe_authorization(value, vault)
    return HeaderEdit(
        name=name,
        action="add" if action == "add" else "set",
        value=shown,
        always=always,
        condition=condition,
        place=place,
        injected=injected,
        user=user,
        password=password,
    )


def replaced_header(
    name: str, pattern: str, template: str, place: Place, vault: Vault, *, whole: bool = False, condition: str = ""
) -> Iterator[HeaderEdit]:
    """A change of what a header says by a regular expression, with `$1` or `\\1` for its groups: a pattern of anything puts
    another value there; others are tried on what the header says as a rule, and change nothing where they do not fit.
    `whole`: all of it is replaced, as HAProxy does, and not the part that fits."""
    grouped = re.search(r"[$\\]\d", template)
    if pattern in (".*", "^.*$", "(.*)", "^(.*)$") and not grouped:
        yield header_edit(name, template, place, vault, condition=condition)
        return
    usual = _USUAL.get(name.lower(), "")
    found = search(pattern, usual) if usual else None
    if found is None or "%" in template or "{" in template:
        return
    groups = (found[0], *(g or "" for g in found.groups()))
    made = re.sub(r"[$\\](\d)", lambda m: groups[int(m[1])] if int(m[1]) < len(groups) else "", template)
    made = made if whole else f"{usual[: found.start()]}{made}{usual[found.end() :]}"
    if not made.strip():
        yield header_edit(name, None, place, vault, condition=condition)
    elif made != usual:
        edit = header_edit(name, template, place, vault, condition=condition)
        scheme = made.partition(" ")[0].lower()
        kind = {"bearer": "bearer", "basic": "variable"}.get(scheme, "no basic")
        own = kind if usual == _USUAL["authorization"] else None
        shown = vault.mask(template, 300)
        yield replace(edit, value=shown, injected=own, user=None, password=None, pattern=vault.mask(pattern, 300))


_USUAL = {"authorization": "Basic eDp5", "www-authenticate": 'Basic realm="Registry"'}


def forwards_proto(edits: tuple[HeaderEdit, ...], tls: bool, right: tuple[str, ...], default: Proto) -> Proto:
    """Whether the next hop learns the scheme that the client used: right, missing or wrong.

    A `Forwarded` header that names a protocol wins at the registry over X-Forwarded-Proto.
    """
    said: Proto = default
    for edit in edits:
        name, value = edit.name.lower(), edit.value.lower().strip("\"'")
        if name == "x-forwarded-proto" and (not edit.condition or "ssl_fc" in edit.condition.lower()):
            if edit.action == "remove" or not value:
                said = "missing"
            elif value in right or value == ("https" if tls else "http") or (not tls and value == "https"):
                said = "right"
            elif value in ("http", "https"):
                said = "wrong"
            else:
                said = "missing"
    for edit in edits:
        proto = re.search(r"proto=\"?([^;,\"]+)", edit.value.lower()) if edit.name.lower() == "forwarded" else None
        if proto:
            said = "right" if proto[1] in (*right, "https" if tls else "http") else "wrong"
    return said


def basic_auth(place: Place, realm: str = "", user_file: str = "", users: tuple[str, ...] = ()) -> OwnAuth:
    """The login that a hop demands itself, by HTTP Basic."""
    return OwnAuth(kind="basic", realm=realm, user_file=user_file, users=users, place=place)
