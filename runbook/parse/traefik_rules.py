"""Rules of Traefik's routers: which requests a router takes, as alternatives of host, path, methods and the rest."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

from runbook.lazy import re
from runbook.model import Asks, When
from runbook.parse.conditions import UNKNOWN, all_of, any_of, negation

_WORDS = re.compile(
    r"\s*+(?:(?P<name>[A-Za-z]{1,40})\s*+\((?P<args>(?:`[^`]*+`|\"[^\"]*+\"|[\s,])*+)\)|(?P<sign>&&|\|\||[!()]))"
)
_ARGS = re.compile(r"`([^`]*)`|\"([^\"]*)\"")
_LONGEST = 4000
_DEEPEST = 50


@dataclass(frozen=True, slots=True)
class Taken:
    """One way to fit a rule."""

    hosts: tuple[str, ...] = ()
    """Names, and patterns with ~ before them; empty: any."""
    path: str = "/"
    match: Literal["prefix", "exact", "regex"] = "prefix"
    methods: tuple[str, ...] = ()
    rest: When = ()
    """What else has to hold; empty: nothing."""


def ways(rule: str) -> tuple[Taken, ...]:
    """The alternatives of a rule in the order in which they are written; those that differ in nothing but the host are one.
    A rule that cannot be read is one that holds nobody knows when."""
    when = condition(rule)
    if when == UNKNOWN:
        return (_guessed(rule),)
    found: dict[tuple[object, ...], Taken] = {}
    for row in when:
        one = _way(row)
        key = (one.path, one.match, one.methods, one.rest)
        before = found.get(key)
        hosts = (*before.hosts, *one.hosts) if before and before.hosts and one.hosts else () if before else one.hosts
        found[key] = Taken(tuple(dict.fromkeys(hosts)), *key)
    return tuple(found.values())


def _guessed(rule: str) -> Taken:
    """What names and paths stand in a rule that is not understood as a whole."""
    hosts = re.findall(r"`([^`]+)`", " ".join(re.findall(r"Host(?:SNI)?\(([^()]{0,1000})\)", rule[:_LONGEST])))
    paths = re.findall(r"Path(?:Prefix)?\(`([^`]+)`", rule[:_LONGEST])
    return Taken(tuple(hosts), paths[0] if paths else "/", rest=UNKNOWN if "(" in rule else ())


def condition(rule: str) -> When:
    """When a rule holds; unknown where it is not one of Traefik's language (doc.traefik.io, routers, rules)."""
    words = list(_split(rule[:_LONGEST]))
    if not words or len(rule) > _LONGEST or None in words:
        return UNKNOWN
    reader = _Reader([word for word in words if word is not None])
    if sum(sign in ("!", "(") for sign, _ in reader.rest) > _DEEPEST:
        return UNKNOWN
    found = reader.any()
    return UNKNOWN if reader.rest or reader.broken else found


def _split(rule: str) -> Iterator["tuple[str, tuple[str, ...]] | None"]:
    at = 0
    while at < len(rule.rstrip()):
        found = _WORDS.match(rule, at)
        if found is None:
            yield None
            return
        at = found.end()
        yield found["name"] or found["sign"], tuple(a or b for a, b in _ARGS.findall(found["args"] or ""))


class _Reader:
    """Recursive descent: `||` binds least, `!` most."""

    def __init__(self, words: list[tuple[str, tuple[str, ...]]]) -> None:
        self.rest = words
        self.broken = False

    def any(self) -> When:
        found = [self._all()]
        while self._next("||"):
            found.append(self._all())
        return any_of(found)

    def _all(self) -> When:
        found = [self._one()]
        while self._next("&&"):
            found.append(self._one())
        return all_of(found)

    def _one(self) -> When:
        if self._next("!"):
            return negation(self._one())
        if self._next("("):
            found = self.any()
            self.broken = self.broken or not self._next(")")
            return found
        name, args = self.rest.pop(0) if self.rest else ("", ())
        self.broken = self.broken or not args
        each = [(a,) for a in args] if name.startswith("Path") else [args]
        asks = [_ask(name, values) for values in each]
        return any_of(((ask,),) if ask else UNKNOWN for ask in asks)

    def _next(self, sign: str) -> bool:
        if self.rest and self.rest[0][0] == sign:
            self.rest.pop(0)
            return True
        return False


def _ask(name: str, args: tuple[str, ...]) -> Asks | None:
    match name:
        case "Host" | "HostHeader":
            return Asks(of="hostname", values=args, any_case=True)
        case "HostRegexp":
            return Asks(of="hostname", how="like", values=tuple(map(_pattern, args)), any_case=True)
        case "Path" | "PathPrefix" if "{" in args[0]:
            whole = _pattern(args[0])
            return Asks(of="path", how="like", values=(whole if name == "Path" else whole.removesuffix("$"),))
        case "Path":
            return Asks(of="path", values=args)
        case "PathPrefix":
            return Asks(of="path", how="begins", values=args)
        case "PathRegexp":
            return Asks(of="path", how="like", values=args)
        case "Method":
            return Asks(of="method", values=args)
    return None


def _pattern(text: str) -> str:
    """A pattern as version 3 writes it, or with `{name:pattern}` as version 2 did."""
    if "{" not in text or re.search(r"\{\d", text):
        return text
    parts = re.split(r"\{(?:\w{1,60}:)?([^{}]*)\}", text)
    return "^" + "".join(f"(?:{part or '.*'})" if n % 2 else re.escape(part) for n, part in enumerate(parts)) + "$"


def _way(row: tuple[Asks, ...]) -> Taken:
    hosts: tuple[str, ...] = ()
    path: tuple[str, Literal["prefix", "exact", "regex"]] | None = None
    methods: tuple[str, ...] = ()
    rest: list[Asks] = []
    for ask in row:
        if ask.of == "hostname" and not ask.negated and not hosts:
            hosts = tuple(f"~{v}" for v in ask.values) if ask.how == "like" else ask.values
        elif ask.of == "path" and not ask.negated and path is None:
            path = ask.values[0], {"begins": "prefix", "is": "exact", "like": "regex"}[ask.how]  # type: ignore[assignment]
        elif ask.of == "method" and not ask.negated and not methods:
            methods = ask.values
        else:
            rest.append(ask)
    return Taken(hosts, *(path or ("/", "prefix")), methods, (tuple(rest),) if rest else ())
