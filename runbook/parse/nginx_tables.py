"""The tables of nginx (`map`, `geo`) and the test of its `if`, as it looks up and compares."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeVar

from runbook.lazy import re
from runbook.parse.nginx_tree import Directive
from runbook.parse.patterns import search

_OPTIONS = ("ranges", "proxy", "proxy_recursive", "include", "delete", "volatile", "hostnames")
_Result = TypeVar("_Result")
TEST = re.compile(r"\$\{?(\w{1,100})\}?\s*(?:(=|!=|~\*?|!~\*?)\s*(.{0,1000}))?", re.DOTALL)
"""Variable, operator and value of an `if`, without its brackets."""


@dataclass(frozen=True, slots=True)
class Table:
    """A `map` or `geo`."""

    source: str
    """What it looks at, as written."""
    rows: Mapping[str, str]
    """Value, network, ~pattern or "default" → result."""
    options: frozenset[str]


def tables(level: tuple[Directive, ...]) -> dict[str, Table]:
    """Variable → the block of this level that makes it."""
    found = {}
    for block in (d for d in level if d.name in ("map", "geo") and len(d.args) in (1, 2)):
        source = block.args[0] if len(block.args) == 2 else "$remote_addr"
        rows = {d.name: d.args[0] for d in block.block or () if d.args and d.name not in _OPTIONS}
        options = frozenset(d.name for d in block.block or ()).intersection(_OPTIONS)
        found[block.args[-1].lstrip("$")] = Table(source, rows, options)
    return found


def looked_up(rows: Mapping[str, _Result], key: str, default: _Result) -> _Result:
    """nginx: the string itself, without regard to case, before the first regular expression before the default."""
    for pattern, value in rows.items():
        if pattern.lower() == key.lower() and pattern != "default":
            return value
    for pattern, value in rows.items():
        ignored = "(?i)" if pattern.startswith("~*") else ""
        if pattern.startswith("~") and search(ignored + pattern.lstrip("~*"), key):
            return value
    return rows.get("default", default)


def passes(value: str, operator: str, wanted: str) -> bool:
    """Whether nginx takes the test of this value for true: "" and 0 alone are false by themselves."""
    if not operator:
        return value not in ("", "0")
    if operator in ("=", "!="):
        return (value == wanted) == (operator == "=")
    found = search(f"(?i){wanted}" if operator.endswith("*") else wanted, value) is not None
    return found != operator.startswith("!")
