"""What a variable of nginx holds, and when: the rows of a `map`, and what an `if` sets."""

from collections.abc import Mapping
from typing import Literal

from runbook.model import Asks, When
from runbook.parse.conditions import ALWAYS, UNKNOWN, all_of, negation
from runbook.parse.nginx_tables import TEST, Table

Values = tuple[tuple[str, When], ...]
"""Each value that a variable may have, with when it has it."""
_OF: Mapping[str, Literal["path", "method", "hostname", "host", "scheme", "name", "login"]] = {
    "uri": "path", "request_uri": "path", "document_uri": "path", "request_method": "method", "host": "hostname",
    "http_host": "host", "scheme": "scheme", "ssl_server_name": "name", "http_authorization": "login",
}  # fmt: skip
_MOST = 64
"""Rows of a map that are told apart."""
_DEEPEST = 16
"""Branches behind each other that are told apart."""


def condition(text: str) -> When:
    """The condition of an `if`, without its brackets."""
    found = TEST.fullmatch(text.strip())
    of = _OF.get(found[1]) if found else None
    if found is None or of is None:
        return UNKNOWN
    sign, value = found[2], (found[3] or "").strip().strip("\"'")
    if sign is None:
        return ALWAYS if of == "login" else UNKNOWN
    how: Literal["like", "is"] = "like" if "~" in sign else "is"
    return ((Asks(of=of, how=how, values=(value,), negated=sign[0] == "!", any_case=sign.endswith("*")),),)


def mapped(table: Table) -> Values:
    """The values of a `map`, in the order of `looked_up`."""
    of = _OF.get(table.source.strip("${}"))
    values = {"default": "", **table.rows}
    if of is None or len(values) > _MOST or table.options & {"hostnames", "include"}:
        return tuple((value, UNKNOWN) for value in dict.fromkeys(values.values()))
    patterns = [p for p in values if p != "default"]
    patterns.sort(key=lambda p: p.startswith("~"))
    found: list[tuple[str, When]] = []
    before: When = ALWAYS
    for pattern in patterns:
        bare = pattern.removeprefix("~")
        regex = bare != pattern
        ask = Asks(
            of=of,
            how="like" if regex else "is",
            values=(bare.removeprefix("*") if regex else bare,),
            any_case=not regex or bare.startswith("*"),
        )
        found.append((values[pattern], all_of((before, ((ask,),)))))
        before = all_of((before, negation(((ask,),))))
    return (*found, (values["default"], before))


def after_if(now: Values, value: str, when: When) -> Values:
    """What a variable holds behind an `if` that sets it."""
    if len(now) > _DEEPEST:
        return tuple((v, UNKNOWN) for v in dict.fromkeys((*(v for v, _ in now), value)))[:_MOST]
    return (*((v, all_of((w, negation(when)))) for v, w in now), (value, when))
