"""The last pass over evidence, when all secrets are known.

Parsers mask as they read. A password that only the last file gives away may stand in the first one, and what
nobody told to be a secret may be one; so every value is looked at once more (`keep`), and every text is searched
for what is known, in any encoding. Evidence that went through once comes out the same a second time.
"""

from collections.abc import Callable, Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any, TypeVar

from runbook.collect.keep import kept, names_of
from runbook.collect.sentences import OURS
from runbook.lazy import re
from runbook.model import Entry, Evidence, Place
from runbook.redact import MASK, Vault, printable

T = TypeVar("T")

FREE_TEXT = frozenset(
    {
        "body",
        "detail",
        "text",
        "lines",
        "raw",
        "value",
        "message",
        "near",
        "refusal",
        "refused",
        "command",
        "entrypoint",
    }
    | {"request_headers", "response_headers", "upstream", "host_value", "location", "url", "unset", "uri", "referer"}
    | {"agent", "condition", "values", "allowed", "realm"}
)
"""Fields whose text comes as it is from outside. Names of services, files and users are left as they are:
a password like "registry" must not take the stack apart."""
LABELS = frozenset({"password", "hash", "content", "secret"})
"""Fields that hold a label of the vault."""

_MASKED_HOST = re.compile(rf"(://[^/\s?#]{{0,300}}?){re.escape(MASK)}")
_USERINFO = re.compile(r"(://)[^/\s@?#]{0,1000}@")


def scrub(evidence: Evidence, vault: Vault) -> Evidence:
    """The evidence as it may be kept."""

    def clean(text: str, field: str) -> str:
        if field in FREE_TEXT and text and text != MASK and text not in OURS:
            text = vault.scrub(text)
        return addressable(text, field) if MASK in text or field == "url" else text

    return _unicode(_without_hidden(rebuilt(kept(_unicode(evidence)), clean), vault))


def _unicode(evidence: Evidence) -> Evidence:
    """The evidence as text that can be written: names that are no UTF-8 and lone surrogates are spelled out."""
    return evidence if _writable(evidence) else _spelled(evidence)


def _writable(evidence: Evidence) -> bool:
    todo: list[Any] = [evidence]
    while todo:
        value = todo.pop()
        if isinstance(value, str):
            if not value.isascii() and printable(value) != value:
                return False
        elif isinstance(value, tuple | list):
            todo += value
        elif isinstance(value, dict):
            todo += value
            todo += value.values()
        elif value is not None:
            todo += [getattr(value, name) for name in names_of(type(value))]
    return True


def _spelled(value: Any) -> Any:
    if isinstance(value, str):
        return printable(value)
    if isinstance(value, tuple | list):
        return type(value)(_spelled(item) for item in value)
    if isinstance(value, dict):
        return {_spelled(key): _spelled(item) for key, item in value.items()}
    if is_dataclass(value) and not isinstance(value, type):
        return replace(value, **{f.name: _spelled(getattr(value, f.name)) for f in fields(value)})
    return value


def _without_hidden(evidence: Evidence, vault: Vault) -> Evidence:
    """The evidence without texts in which a known secret hides in some encoding; nothing of such a text stays."""
    texts = {text for text in _foreign(evidence, "") if len(text) > 5} - OURS
    if not texts or not vault.hides("\n".join(sorted(texts))):
        return evidence
    found = {text for text in texts if vault.hides(text)}

    def change(text: str, field: str) -> str:
        if text not in found or field in LABELS:
            return text
        address = re.match(r"[a-z][a-z0-9+.-]{1,20}://[^/?#\s]{1,300}", text)
        if address and not vault.hides(address[0]):
            return f"{address[0]}/redacted"
        return MASK

    return rebuilt(evidence, change)


_NO_TEXT = (Entry, Place)


def _foreign(value: Any, field: str) -> Iterator[str]:
    """Texts that a server, a client or a log put in, name fields apart."""
    if isinstance(value, str):
        if field in FREE_TEXT or field in ("names", "subject", "issuer"):
            yield value
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _foreign(item, field)
    elif not isinstance(value, _NO_TEXT):
        for name in names_of(type(value)):
            yield from _foreign(getattr(value, name), name)


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
    names = names_of(type(value))
    if names and not isinstance(value, Entry):
        return type(value)(**{name: _rebuilt(getattr(value, name), name, change) for name in names})
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
