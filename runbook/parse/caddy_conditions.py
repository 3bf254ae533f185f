"""Matchers of Caddy as conditions: those of a directive, `/api/*`, and those with a name."""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from fnmatch import translate

from runbook.lazy import re
from runbook.model import Asks, When
from runbook.parse.caddy_tree import Line
from runbook.parse.conditions import ALWAYS, NEVER, UNKNOWN, all_of, any_of, negation

_CALL = re.compile(r"(!?)(path|method|host|path_regexp)\(\s*((?:['\"][^'\"(){}]{0,200}['\"][,\s]*){1,20})\)")
"""The plainest of expressions: `!path('/api/*')`."""
_ALTERNATIVES = ("path", "method", "host")


def path_condition(patterns: Iterable[str]) -> When:
    """One of these paths, in whatever case: `/v2/*` begins so, `/v2/` is exactly that."""
    return any_of(map(_path, patterns))


def _path(pattern: str) -> When:
    if "{" in pattern:
        return UNKNOWN
    inner = pattern.strip("*")
    if any(sign in inner for sign in "*?[\\"):
        whole = "^" + translate(pattern).replace(".*", "[^/]*")
        return ((Asks(of="path", how="like", values=(whole,), any_case=True),),)
    begins, ends = pattern.endswith("*"), pattern.startswith("*")
    if begins and ends:
        return ALWAYS if not inner else ((Asks(of="path", how="has", values=(inner,), any_case=True),),)
    ask = Asks(of="path", values=(inner,), any_case=True)
    return ((replace(ask, how="begins") if begins else replace(ask, how="ends") if ends else ask,),)


def matcher_condition(rows: Iterable[Line]) -> When:
    """A set of matchers: all of them; several lines of one kind are alternatives."""
    rows = tuple(rows)
    alike: dict[object, list[When]] = {}
    for number, row in enumerate(rows):
        header = row.args[0].lower() if row.name == "header" and row.args else ""
        key = row.name if row.name in _ALTERNATIVES else (row.name, header) if header else number
        alike.setdefault(key, []).append(_matcher(row))
    return all_of(map(any_of, alike.values()))


def _matcher(row: Line) -> When:
    args = row.args
    match row.name:
        case "path" if args:
            return path_condition(args)
        case "path_regexp" if args:
            return ((Asks(of="path", how="like", values=args[-1:]),),)
        case "method" if args:
            return ((Asks(of="method", values=tuple(a.upper() for a in args)),),)
        case "host" if args:
            return any_of(map(_host, args))
        case "protocol" if args[:1] in (("http",), ("https",)):
            return ((Asks(of="scheme", values=args[:1]),),)
        case "header" if args and args[0].lower().lstrip("!") == "authorization":
            return _login(args)
        case "header_regexp" if len(args) > 1 and args[-2].lower() == "authorization":
            return ((Asks(of="login", how="like", values=args[-1:]),),)
        case "not":
            inner = row.block or (Line(args, row.file, row.line),) if row.block or args else ()
            return negation(matcher_condition(inner)) if inner else UNKNOWN
        case "expression":
            return _expression(" ".join(args))
    return _expression(" ".join(row.words))


def _host(name: str) -> When:
    if "{" in name:
        return UNKNOWN
    if "*" not in name:
        return ((Asks(of="hostname", values=(name,), any_case=True),),)
    pattern = "^" + re.escape(name).replace(r"\*", "[^.]+") + "$"
    return ((Asks(of="hostname", how="like", values=(pattern,), any_case=True),),)


def _login(args: tuple[str, ...]) -> When:
    if args[0].startswith("!"):
        return NEVER
    value = " ".join(args[1:])
    if value in ("", "*"):
        return ALWAYS if value else UNKNOWN
    return ((Asks(of="login", how="glob", values=(value,)),),)


def _expression(text: str) -> When:
    found = _CALL.fullmatch(text.strip("` "))
    if found is None:
        return UNKNOWN
    values = tuple(_quoted(found[3]))
    when = _matcher(Line((found[2], *values), "", 0))
    return negation(when) if found[1] else when


def _quoted(text: str) -> Iterator[str]:
    return (m[1] for m in re.finditer(r"['\"]([^'\"]*)['\"]", text))
