"""Conditions of proxies' rules: whether they hold for a request, as far as that can be known (three values)."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase
from itertools import product

from runbook.lazy import re
from runbook.model import Asks, HeaderEdit, When
from runbook.parse.patterns import is_trusted, search
from runbook.redact import is_mask

ALWAYS: When = ((),)
NEVER: When = ((Asks(of="method"),),)
"""None of no values is wanted."""
UNKNOWN: When = ((Asks(of="unknown"),),)
_MOST = 64
"""Rows of a condition; of more it is not known when it holds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """A request, as far as it is known: None is not."""

    method: str = "GET"
    path: str | None = "/v2/"
    host: str | None = None
    """As it is sent: with the port, where that is not the usual one."""
    scheme: str | None = None


API = tuple(
    Asked(method=method, path=path)
    for method, path in (
        ("GET", "/v2/"),
        ("GET", "/v2/_catalog"),
        ("HEAD", "/v2/app/manifests/1"),
        ("GET", "/v2/app/manifests/1"),
        ("GET", "/v2/app/blobs/sha256:1"),
        ("POST", "/v2/app/blobs/uploads/"),
        ("PATCH", "/v2/app/blobs/uploads/1"),
        ("PUT", "/v2/app/blobs/uploads/1"),
        ("DELETE", "/v2/app/manifests/1"),
    )
)
"""What clients of a registry and its page ask with a login."""
_LOGIN = "Basic eDp5"


def any_of(conditions: Iterable[When]) -> When:
    """One of them holds."""
    rows = tuple(dict.fromkeys(row for when in conditions for row in when))
    return ALWAYS if () in rows else (rows or NEVER) if len(rows) <= _MOST else UNKNOWN


def all_of(conditions: Iterable[When]) -> When:
    """All of them hold."""
    found: When = ALWAYS
    for when in conditions:
        if len(found) * len(when) > _MOST:
            return UNKNOWN
        found = tuple(dict.fromkeys((*a, *b) for a, b in product(found, when)))
    return found or NEVER


def negation(when: When) -> When:
    """It does not hold."""
    return all_of(tuple((replace(ask, negated=not ask.negated),) for ask in row) for row in when)


def outcome(when: When, requests: Iterable[Asked]) -> bool | None:
    """Whether a condition holds for all of these requests or for none; None where that differs or is not known."""
    found = {holds_for(when, one) for one in requests}
    return found.pop() if len(found) == 1 else None


def holds_for(when: When, asked: Asked) -> bool | None:
    """Whether a condition holds for a request; None: it cannot be known."""
    rows = [_all(_test(ask, asked) for ask in row) for row in when]
    return True if True in rows else None if None in rows else False


def _all(results: Iterable[bool | None]) -> bool | None:
    found = set(results)
    return False if False in found else None if None in found else True


def _test(ask: Asks, asked: Asked) -> bool | None:
    found = _fits(ask, _sent(ask, asked))
    return found if found is None else found != ask.negated


def _sent(ask: Asks, asked: Asked) -> str | None:
    """What the request has there."""
    host = asked.host
    match ask.of:
        case "path":
            return asked.path
        case "method":
            return asked.method
        case "host":
            return host
        case "hostname":
            return host and re.sub(r":\d{1,5}$", "", host)
        case "name":
            return "" if asked.scheme == "http" else host and re.sub(r":\d{1,5}$", "", host)
        case "scheme":
            return asked.scheme
        case "login":
            return _LOGIN
    return None


def _has_word(value: str, sent: str, delimiters: str) -> bool:
    """HAProxy's `dir` and `dom`: the value between two of these signs, or at an end."""
    signs = f"[{re.escape(delimiters)}]"
    return re.search(f"(?:^|{signs}){re.escape(value.strip(delimiters))}(?:$|{signs})", sent[:2000]) is not None


_HOW: dict[str, Callable[[str, str], bool]] = {
    "is": lambda value, sent: sent == value,
    "begins": lambda value, sent: sent.startswith(value),
    "ends": lambda value, sent: sent.endswith(value),
    "has": lambda value, sent: value in sent,
    "word": lambda value, sent: _has_word(value, sent, "/?"),
    "label": lambda value, sent: _has_word(value, sent, "/?.:"),
    "glob": lambda value, sent: fnmatchcase(sent, value),
}


def _fits(ask: Asks, sent: str | None) -> bool | None:
    if sent is None or any(map(is_mask, ask.values)):
        return None
    if ask.how == "like":
        if not all(map(is_trusted, ask.values)):
            return None
        return any(search(f"(?i){v}" if ask.any_case else v, sent) is not None for v in ask.values)
    if ask.any_case:
        return any(_HOW[ask.how](v.lower(), sent.lower()) for v in ask.values)
    return any(_HOW[ask.how](v, sent) for v in ask.values)


def requests_at(path: str, match: str) -> tuple[Asked, ...]:
    """What clients ask of a route of that path: requests of the API where it takes some, else one of its own."""
    if match == "regex":
        found = tuple(a for a in API if search(path, a.path or ""))
    elif match == "exact":
        found = tuple(a for a in API if a.path == path)
    else:
        found = tuple(a for a in API if (a.path or "").startswith(path))
    own = None if match == "regex" else path
    return found or tuple({replace(a, path=own): None for a in API})


def spared_methods(when: When, requests: tuple[Asked, ...]) -> tuple[str, ...]:
    """The methods for which a condition does not hold, where it holds for others."""
    if outcome(when, requests) is not None:
        return ()
    by = {
        method: tuple(r for r in requests if r.method == method) for method in dict.fromkeys(r.method for r in requests)
    }
    return tuple(method for method, some in by.items() if outcome(when, some) is False)


def settled(edits: Iterable[HeaderEdit], requests: tuple[Asked, ...]) -> tuple[HeaderEdit, ...]:
    """Edits of a header without those that these requests never meet; those that all of them meet have no condition."""
    found: list[HeaderEdit] = []
    for edit in edits:
        holds = outcome(edit.when, requests) if edit.condition and edit.when else None if edit.condition else True
        if holds is not False:
            found.append(replace(edit, condition="", when=()) if holds and edit.condition else edit)
    return tuple(found)
