"""Variables in text as Compose replaces them: `$X`, `${X}`, `${X:-default}`, `${X:+other}`, `${X:?error}`, `$$`.

Follows compose-go's template package, with one addition: it remembers which variables had no value,
because a password hash (`$2y$05$…`) loses its parts exactly there.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from runbook.lazy import re

Lookup = Callable[[str], str | None]

_PATTERN = re.compile(
    r"\$(?:(?P<escaped>\$)|(?P<named>[_a-z][_a-z0-9]*)"
    r"|\{(?:(?P<braced>[_a-z][_a-z0-9]*(?::?[-+?].*)?)\}|(?P<invalid>)))",
    re.IGNORECASE | re.ASCII,
)
_BRACED = re.compile(r"([_a-z][_a-z0-9]*)(?:(:?[-+?])(.*))?\Z", re.IGNORECASE | re.ASCII | re.DOTALL)
MAX_DEPTH = 20
MAX_TEXT = 1_000_000
HASH = re.compile(r"\$\$?(?:2[abcxy]?|apr1|1|5|6|y|argon2[a-z]*)\$")
"""The beginning of a password hash, with single or doubled dollars."""


@dataclass(slots=True)
class Substituted:
    """A text with its variables replaced."""

    text: str
    unset: list[str] = field(default_factory=list)
    """Variables without value or default: Compose warns and puts nothing there."""
    error: str = ""
    """Why Compose refuses the value, without the value itself; or why we do."""
    grown: int = 0
    """Characters that came from variables."""


def substitute(template: str, lookup: Lookup) -> Substituted:
    """Replace all variables of a text."""
    result = Substituted("")
    if "$" not in template:
        result.text = template
        return result

    def bounded(name: str) -> str | None:
        value = lookup(name)
        result.grown += len(value or "")
        if result.grown <= MAX_TEXT:
            return value
        result.error = result.error or f"the variables in it grow beyond {MAX_TEXT:,} characters"
        return ""

    result.text = _replace(template, bounded, result, 0)
    return result


def damages_hash(template: str, result: Substituted) -> bool:
    """Whether the text holds a password hash of which a variable took a piece."""
    return bool(result.unset) and HASH.search(template) is not None


def _replace(template: str, lookup: Lookup, result: Substituted, depth: int) -> str:
    if depth > MAX_DEPTH:
        result.error = result.error or "variables are nested too deeply"
        return ""
    return _PATTERN.sub(lambda m: _one(m, lookup, result, depth), template)


def _one(match: re.Match[str], lookup: Lookup, result: Substituted, depth: int) -> str:
    if match["escaped"]:
        return "$"
    if match["named"]:
        return _plain(match["named"], lookup, result)
    if match["braced"] is None:
        result.error = result.error or "invalid interpolation format; write $$ for a dollar that is meant"
        return ""
    # The pattern takes everything up to the line's last brace; what follows the matching one is text of its own.
    whole = match[0]
    end = _closing_brace(whole)
    rest = whole[end + 1 :] if end is not None else ""
    parts = _BRACED.match(whole[2:end] if end is not None else match["braced"])
    if parts is None:
        result.error = result.error or "invalid interpolation format; write $$ for a dollar that is meant"
        return ""
    name, operator, argument = parts[1], parts[2], parts[3] or ""
    value = _plain(name, lookup, result) if not operator else _with(name, operator, argument, lookup, result, depth)
    return value + (_replace(rest, lookup, result, depth + 1) if rest else "")


def _with(name: str, operator: str, argument: str, lookup: Lookup, result: Substituted, depth: int) -> str:
    other = _replace(argument, lookup, result, depth + 1)
    value = lookup(name)
    there = value is not None and (bool(value) or ":" not in operator)
    kind = operator[-1]
    if kind == "-":
        return (value or "") if there else other
    if kind == "+":
        return other if there else (value or "")
    if not there:
        result.error = result.error or f"required variable {name} is missing a value" + (f": {other}" if other else "")
    return value or ""


def _plain(name: str, lookup: Lookup, result: Substituted) -> str:
    value = lookup(name)
    if value is None:
        result.unset.append(name)
        return ""
    return value


def _closing_brace(text: str) -> int | None:
    """Where the first brace is closed again, counting as Compose counts."""
    depth, position = 0, 0
    while position < len(text):
        if text[position] == "}":
            depth -= 1
            if depth == 0:
                return position
        elif text[position] == "{":
            depth += 1
            position += 1
        position += 1
    return None
