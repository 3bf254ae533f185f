"""The last pass over evidence: what was learnt late is taken out of what was read early.

Parsers mask as they read. A password that only the last file gives away may stand in the first one, so
every free text is looked at once more when all secrets are known.
"""

import re
from collections.abc import Callable
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from runbook.model import Entry, Evidence, Exchange, Headers, Place
from runbook.redact import MASK, Vault

T = TypeVar("T")

FREE_TEXT = frozenset(
    {"body", "detail", "text", "lines", "raw", "value", "message", "near", "refusal", "command", "entrypoint"}
    | {"request_headers", "response_headers", "upstream", "host_value", "location", "url", "unset", "uri", "referer"}
)
"""Fields whose text comes as it is from outside. Names of services, files and users are left as they are:
a password like "registry" must not take the stack apart."""
LABELS = frozenset({"password", "hash", "content"})
"""Fields that hold a label of the vault."""

_MASKED_HOST = re.compile(rf"(://[^/\s]*?){re.escape(MASK)}")
_USERINFO = re.compile(r"(://)[^/\s@]*@")
_TOKEN = re.compile(r"(\"(?:access_|id_|refresh_)?token\"\s*:\s*\")[^\"]+")


def scrub(evidence: Evidence, vault: Vault) -> Evidence:
    """The evidence without any secret that the vault knows by now."""

    def clean(text: str, field: str) -> str:
        if field in FREE_TEXT and vault.leaks(text):
            text = vault.scrub(text)
        return addressable(text, field) if MASK in text or field == "url" else text

    exchanges = tuple(without_session(exchange) for exchange in evidence.exchanges)
    return rebuilt(replace(evidence, exchanges=exchanges), clean)


def without_session(exchange: Exchange) -> Exchange:
    """What a server hands out to be recognised by is a login as well: cookies and tokens."""
    return replace(
        exchange,
        request_headers=_without_cookies(exchange.request_headers),
        response_headers=_without_cookies(exchange.response_headers),
        body=_TOKEN.sub(rf"\1{MASK}", exchange.body),
    )


def _without_cookies(headers: Headers) -> Headers:
    """Of a cookie only its name stays."""
    return tuple(
        (name, f"{value.split('=', 1)[0]}={MASK}" if name.lower() in ("cookie", "set-cookie") else value)
        for name, value in headers
    )


def addressable(text: str, field: str) -> str:
    """A mask in brackets inside an address would make it look like a broken IPv6 one."""
    if field == "url":
        text = _USERINFO.sub(r"\1", text)
    return _MASKED_HOST.sub(r"\1redacted", text) if field != "lines" else text


def rebuilt(value: T, change: Callable[[str, str], str]) -> T:
    """A copy of frozen data in which each text went through `change(text, name of its field)`."""
    return _rebuilt(value, "", change)  # type: ignore[no-any-return]


def _rebuilt(value: Any, field: str, change: Callable[[str, str], str]) -> Any:
    if isinstance(value, str):
        return change(value, field)
    if isinstance(value, tuple | list):
        return type(value)(_rebuilt(item, field, change) for item in value)
    if isinstance(value, dict):
        return {key: _rebuilt(item, field, change) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type | Entry):
        return replace(value, **{f.name: _rebuilt(getattr(value, f.name), f.name, change) for f in fields(value)})
    return value


def with_places(value: T, change: Callable[[Place], Place]) -> T:
    """A copy of frozen data in which each place is another one."""
    return _with_places(value, change)  # type: ignore[no-any-return]


def _with_places(value: Any, change: Callable[[Place], Place]) -> Any:
    if isinstance(value, Place):
        return change(value)
    if isinstance(value, tuple | list):
        return type(value)(_with_places(item, change) for item in value)
    if isinstance(value, dict):
        return {key: _with_places(item, change) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: _with_places(getattr(value, f.name), change) for f in fields(value)})
    return value
