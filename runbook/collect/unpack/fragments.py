"""Pieces of a compose file as people paste them: services without `services:`, a service without its name, and a first
row whose blanks were lost or doubled when it was copied. Pure."""

from collections.abc import Set

from runbook.collect import marks
from runbook.lazy import re

_KEY = re.compile(r"\s{0,40}(?P<name>[\w.-]{1,80}):(?P<value>[ \t]+\S.*)?\s*$")
_IMAGE = re.compile(r"\s{0,40}image:[ \t]+[\"']?(?:[\w.-]{1,100}(?::\d{1,5})?/){0,6}(?P<name>[\w.-]{1,80})")
_LABEL = re.compile(r"\s{0,40}(?:- {1,4})?[\"']?traefik\.http\.routers\.(?P<name>[\w-]{1,80})\.[a-z]")
"""A label of Traefik's, which only a service has; it is called like the router here."""
_ITEM = re.compile(r"\s{0,40}- {1,4}[\"']?traefik\.\w")
_SECTIONS = ("networks", "volumes", "secrets", "configs")
_OTHERS = frozenset("script before_script runs-on steps uses stages apiVersion kind hosts tasks".split())
"""Keys of pipelines, manifests and playbooks, which name images, too."""
_MOST = 2000

Row = tuple[int, str]


def completed(rows: list[str]) -> tuple[int, list[str]] | None:
    """A piece of a compose file as a whole one, with how many rows that took before its first; None where it is none.
    A row behind the last says that it is a part."""
    body = [(n, row) for n, row in enumerate(rows) if row.strip() and not row.lstrip().startswith(("#", "..."))]
    if (
        not 1 < len(body) <= _MOST
        or not any(_IMAGE.match(row) or _LABEL.match(row) for _, row in body)
        or _is_other(rows)
    ):
        return None
    from runbook.parse.compose.refusals import OF_A_SERVICE, PART

    if all(_ITEM.match(row) for _, row in body):
        router = next(m["name"] for _, row in body if (m := _LABEL.match(row)))
        least = min(_indent(row) for _, row in body)
        made = [f"{' ' * 6}{row[least:]}" if row.strip() else row for row in rows]
        return 3, ["services:", f"  {router}:", "    labels:", *made, f"{PART}: true"]
    tail = _sections(body)
    front = body[: len(body) - len(tail)]
    first = _first_indent(front)
    indents = [first, *(_indent(row) for _, row in front[1:])]
    base = min(indents)
    keys = [m for (_, row), i in zip(front, indents, strict=True) if i == base and (m := _KEY.match(row))]
    names = [m["name"] for m in keys]
    if first != base or not names:
        return None
    head = _missing(names, [bool(m["value"]) for m in keys], front, base, OF_A_SERVICE)
    if head is None:
        return None
    made = list(rows)
    for (n, row), indent in zip(front, indents, strict=True):
        made[n] = " " * (indent - base + 2 * len(head)) + row.lstrip()
    for n, row in tail:
        made[n] = row[_indent(tail[0][1]) :]
    return (len(head), [*head, *made, f"{PART}: true"]) if head else (0, made)


def _is_other(rows: list[str]) -> bool:
    return marks.has_services("\n".join(rows)) or any((m := _KEY.match(row)) and m["name"] in _OTHERS for row in rows)


def _indent(row: str) -> int:
    return len(row) - len(row.lstrip(" "))


def _sections(body: list[Row]) -> list[Row]:
    """The rows from the first of the file's own sections behind the services: they stand further left than these."""
    inner = min(_indent(row) for _, row in body[1:2])
    for at, (_, row) in enumerate(body[2:], 2):
        key = _KEY.match(row)
        if (
            key
            and key["name"] in _SECTIONS
            and not key["value"]
            and _indent(row) < min([inner, *(_indent(r) for _, r in body[2:at])])
        ):
            return body[at:]
    return []


def _first_indent(front: list[Row]) -> int:
    """Where the first row belongs: people copy from the middle of it. With a value it is beside the leftmost of the
    others; a mere key is beside those left of its own body, or else before it."""
    others = [_indent(row) for _, row in front[1:]]
    key = _KEY.match(front[0][1])
    if not others or (key and key["value"]):
        return min(others, default=0)
    return min(others) if min(others) < others[0] else min(_indent(front[0][1]), max(0, others[0] - 1))


def _missing(names: list[str], valued: list[bool], front: list[Row], base: int, known: Set[str]) -> list[str] | None:
    """The rows that are missing before the first; None where this is no compose file."""
    if "services" in names:
        return []
    if set(names) <= known and "image" in names:
        image = next(m["name"] for _, row in front if (m := _IMAGE.match(row)))
        return ["services:", f"  {image}:"]
    if set(names) <= known and (label := next((m for _, row in front if (m := _LABEL.match(row))), None)):
        return ["services:", f"  {label['name']}:"]
    inner = {m["name"] for _, row in front if _indent(row) > base and (m := _KEY.match(row))}
    return ["services:"] if not any(valued) and "image" in inner and inner & known - {"image"} else None
