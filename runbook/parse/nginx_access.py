"""What nginx refuses by `if (…) { return 403; }`: on what of the request it depends, and for which values it holds.

Run with 1.22: at the level of a server such an `if` comes before any location is chosen and before `auth_basic`; the
one of a location is not in force in those inside it; nothing is written to the error log. `deny` may not stand in it.
"""

import re
from collections.abc import Iterator, Mapping
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Literal

from runbook.model import Guard, Place
from runbook.parse.nginx_tables import TEST, Table, looked_up, passes
from runbook.parse.nginx_tree import Directive

_ADDRESS = (
    "remote_addr", "binary_remote_addr", "realip_remote_addr", "proxy_protocol_addr", "http_x_forwarded_for", "http_x_real_ip",
    "proxy_add_x_forwarded_for", "http_cf_connecting_ip", "http_cf_ipcountry",
)  # fmt: skip
_VARIABLE = re.compile(r"\$\{?(\w+)\}?")
_MOST = 2_000
"""Rows of a table that are looked at."""
_FURTHEST = 50
"""Variables behind one condition that are followed."""
Made = Mapping[str, tuple[tuple[str, ...], tuple[tuple[str, str], ...]]]
"""Variable → the variables that it is made of, and its rows (value or pattern → result), where those are all known."""


def made_of(blocks: Mapping[str, Table]) -> Made:
    """What the tables of a level make variables of."""
    found: dict[str, tuple[tuple[str, ...], tuple[tuple[str, str], ...]]] = {}
    for name, table in blocks.items():
        whole = len(table.rows) <= _MOST and not table.options & {"ranges", "include", "delete", "hostnames"}
        whole = whole and _VARIABLE.fullmatch(table.source) is not None and "$" not in "".join(table.rows.values())
        found[name] = _variables(table.source), tuple({"default": "", **table.rows}.items()) if whole else ()
    return found


def with_set(known: Made, block: tuple[Directive, ...]) -> Made:
    """The same with the variables that this level sets, by itself or in an `if`."""
    found = dict(known)
    for directive in block:
        inner = (
            [directive] if directive.name == "set" else list(directive.find("set")) if directive.name == "if" else []
        )
        test = _variables(" ".join(directive.args)) if directive.name == "if" else ()
        for one in (d for d in inner if len(d.args) == 2):
            name = one.args[0].lstrip("$")
            before = found[name][0] if name in found else ()
            made_of = dict.fromkeys((*before, *test, *_variables(one.args[1])))
            found[name] = (tuple(made_of)[:_FURTHEST], ())
    return found


def refusals(known: Made, block: tuple[Directive, ...]) -> Iterator[Guard]:
    """The `if` blocks of this level that refuse by the client's address, its program or the method."""
    for branch in (d for d in block if d.name == "if"):
        answer = next(branch.find("return"), None)
        if answer is None or answer.args[:1] not in (("403",), ("401",)):
            continue
        condition = " ".join(branch.args).strip().removeprefix("(").removesuffix(")").strip()
        bases = tuple(dict.fromkeys(_bases(condition, known)))
        kinds = {_kind(name) for name in bases}
        kind = next((k for k in ("address", "agent", "method") if k in kinds), None)
        if kind is None or None in kinds:
            continue
        yield Guard(
            kind=kind,
            text=f"if ({condition[:120]}) return {answer.args[0]}",
            place=Place(branch.file, branch.line),
            status=int(answer.args[0]),
            variable=bases[0] if len(bases) == 1 else "",
            rows=_plain(_rows(condition, known)) if len(bases) == 1 else (),
        )


_ROW = re.compile(r"(?:default|[A-Z]{3,10}|~?\*?[0-9a-fA-F.:/^$()|?*+\[\]\\-]{1,300}|~\*?[A-Z^$()|?:]{1,300})")


def _plain(rows: tuple[tuple[str, bool], ...]) -> tuple[tuple[str, bool], ...]:
    """The rows, where all of them are addresses or methods: anything else may be a secret that lets somebody in."""
    return rows if all(_ROW.fullmatch(pattern) for pattern, _ in rows) else ()


def refuses(guard: Guard, value: str) -> bool | None:
    """Whether the guard refuses this value of its variable: `geo` takes the smallest network, `map` the string itself
    before the first regular expression. None where that is not known."""
    rows = dict(guard.rows)
    if not rows:
        return None
    if (address := _address(value)) is not None:
        networks = [(n, hit) for n, hit in ((_network(p), hit) for p, hit in rows.items()) if n and address in n]
        if networks:
            return max(networks, key=lambda row: row[0].prefixlen)[1]
    return looked_up(rows, value, False)


def _address(text: str) -> IPv4Address | IPv6Address | None:
    try:
        return ip_address(text)
    except ValueError:
        return None


def _network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


def _kind(variable: str) -> Literal["address", "agent", "method"] | None:
    if variable in _ADDRESS or variable.startswith("geoip"):
        return "address"
    return {"http_user_agent": "agent", "request_method": "method"}.get(variable)  # type: ignore[return-value]


def _variables(text: str) -> tuple[str, ...]:
    return tuple(_VARIABLE.findall(text))


def _bases(text: str, known: Made) -> Iterator[str]:
    """nginx's own variables on which this depends in the end; one that nobody sets here counts as its own."""
    asked = [*reversed(_variables(text.split("~")[0]))]
    seen = set[str]()
    while asked and len(seen) < _FURTHEST:
        name = asked.pop()
        if name in known and name not in seen:
            asked += reversed(known[name][0][:_FURTHEST])
        elif name not in seen:
            yield name
        seen.add(name)
    yield from [""] if asked else ()  # more variables than anybody writes: on what it depends is not known


def _rows(condition: str, known: Made) -> tuple[tuple[str, bool], ...]:
    """For which values of the one variable behind it the condition holds; empty where that is not known."""
    test = TEST.fullmatch(condition)
    if test is None:
        return ()
    name, operator, wanted = test[1], test[2] or "", (test[3] or "").strip("\"'")
    if name in known:
        return tuple((pattern, passes(value, operator, wanted)) for pattern, value in known[name][1])
    if operator in ("=", "!="):
        return ((wanted, operator == "="), ("default", operator != "="))
    if operator:
        return ((operator.lstrip("!") + wanted, operator[0] != "!"), ("default", operator[0] == "!"))
    return ()
