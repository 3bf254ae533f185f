"""No pattern of the package is slow on any text: each gets the worst cases that its own structure suggests.

For every repetition in a pattern a text is made that leads into it, pumps it, and then does not fit; with a pattern
that is searched for, every place of such a text is a start. Time is that of the processor.
"""

import ast
import importlib
import re
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import pytest

try:
    from re import _constants as c
    from re import _parser as parser
except ImportError:  # before Python 3.11
    import sre_constants as c  # type: ignore[no-redef]
    import sre_parse as parser  # type: ignore[no-redef]

import runbook

ROOT = Path(runbook.__file__).parent
LENGTH, SECONDS = 16_000, 0.6
_LENGTHS = (30, 60, 90, 120, 160, 220, 300, 500, 900, 2000, 4000, 8000, LENGTH)
"""A text grows until it takes too long, so that nothing hangs."""
SEARCHES = ("search", "findall", "finditer", "sub", "subn", "split")


@dataclass(frozen=True)
class Found:
    """A pattern of the source, and how it is used."""

    where: str
    pattern: str
    flags: int
    searched: bool


@cache
def patterns() -> list[Found]:
    """Every literal pattern below runbook/, compiled or used on the spot."""
    found = []
    for path in sorted(ROOT.rglob("*.py")):
        if "notebooks" in path.parts:
            continue
        tree = ast.parse(path.read_text())
        names = _constants(path)
        uses = _uses(tree)
        for node in ast.walk(tree):
            if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and _is_re(node.func.value)):
                continue
            if node.func.attr not in (*SEARCHES, "compile", "match", "fullmatch") or not node.args:
                continue
            text = _value(node.args[0], names)
            if text is None:
                continue
            flags = _flags(node)
            searched = node.func.attr in SEARCHES
            if node.func.attr == "compile":
                used = uses.get(_assigned(tree, node), {"search"})
                searched = bool(used & set(SEARCHES)) or not used
            found.append(Found(f"{path.relative_to(ROOT)}:{node.lineno}", text, flags, searched))
        known = {(f.pattern, f.flags | re.UNICODE) for f in found}
        for name, made in _made(path):
            if (made.pattern, made.flags) not in known and isinstance(made.pattern, str):
                used = uses.get(name, {"search"})
                searched = bool(used & set(SEARCHES)) or not used
                found.append(Found(f"{path.relative_to(ROOT)}:{name}", made.pattern, made.flags, searched))
    return found


def _made(path: Path) -> Iterator[tuple[str, "re.Pattern[str]"]]:
    """Compiled patterns in the module's names, whatever put them together."""
    for name, value in _module(path).items():
        yield from ((name, made) for made in _in(value, 0))


def _in(value: object, depth: int) -> Iterator["re.Pattern[str]"]:
    if isinstance(value, re.Pattern):
        yield value
    elif depth < 4 and isinstance(value, tuple | list | set | frozenset):
        for item in value:
            yield from _in(item, depth + 1)
    elif depth < 4 and isinstance(value, dict):
        yield from _in((*value.keys(), *value.values()), depth + 1)
    elif callable(value) and getattr(value, "__closure__", None):
        yield from _in(tuple(cell.cell_contents for cell in value.__closure__), depth + 1)


def _is_re(node: ast.expr) -> bool:
    return isinstance(node, ast.Name) and node.id == "re"


def _constants(path: Path) -> dict[str, object]:
    """The module's own texts: patterns are put together from them."""
    return {k: v for k, v in _module(path).items() if isinstance(v, str | int | dict | tuple)}


def _module(path: Path) -> dict[str, object]:
    name = ".".join(("runbook", *path.relative_to(ROOT).with_suffix("").parts)).removesuffix(".__init__")
    return {} if name.endswith("__main__") else vars(importlib.import_module(name))


def _value(node: ast.expr, names: dict[str, object]) -> str | None:
    """The text of a constant expression; a piece that is only known at run time becomes a word."""
    if isinstance(node, ast.Constant):
        return node.value if isinstance(node.value, str) else None
    if isinstance(node, ast.JoinedStr):
        parts = [
            _value(p, names) if isinstance(p, ast.Constant) else str(_name(p.value, names))
            for p in node.values if isinstance(p, ast.Constant | ast.FormattedValue)
        ]  # fmt: skip
        return "".join(str(p) for p in parts)
    if isinstance(node, ast.BinOp) and isinstance(node.op, ast.Add):
        left, right = _value(node.left, names), _value(node.right, names)
        return left + right if left is not None and right is not None else None
    if isinstance(node, ast.Name):
        value = names.get(node.id)
        return value if isinstance(value, str) else None
    return None


def _name(node: ast.expr, names: dict[str, object]) -> object:
    if isinstance(node, ast.Name) and isinstance(names.get(node.id), str | int):
        return names[node.id]
    return "word"


def _flags(node: ast.Call) -> int:
    flags = 0
    for part in [*node.args[1:], *(k.value for k in node.keywords)]:
        for name in ast.walk(part):
            if (
                isinstance(name, ast.Attribute)
                and _is_re(name.value)
                and isinstance(getattr(re, name.attr, None), re.RegexFlag)
            ):
                flags |= int(getattr(re, name.attr))
    return flags


def _assigned(tree: ast.Module, call: ast.Call) -> str:
    for node in ast.walk(tree):
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is call:
            target = node.targets[0] if isinstance(node, ast.Assign) else node.target
            return target.id if isinstance(target, ast.Name) else ""
    return ""


def _uses(tree: ast.Module) -> dict[str, set[str]]:
    """Name → methods that are called on it; one that is handed on somewhere may be searched for."""
    uses: dict[str, set[str]] = {}
    called = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            uses.setdefault(node.value.id, set()).add(node.attr)
            called.add(id(node.value))
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and id(node) not in called:
            uses.setdefault(node.id, set()).add("search")
    return uses


# ---- texts that hurt ----------------------------------------------------------------------------------------


def attacks(pattern: str, flags: int) -> Iterator[str]:
    """Texts that lead into each repetition and pump it."""
    tree = parser.parse(pattern, flags)
    for lead, body, rest in _repeats(list(tree), ""):
        inner = {_sample(body), *(_sample(part) for part in _choices(body))} - {""}
        after = _sample(rest)
        for pump in inner:
            count = LENGTH // len(pump)
            for end in ("\x01", "", "\n\x01", after[:-1] + "\x01"):
                yield lead + pump * count + end
        if lead:
            yield (lead + next(iter(inner), "")) * (LENGTH // max(1, len(lead) + 1)) + "\x01"
            yield lead * (LENGTH // len(lead))


def _repeats(items: list, lead: str) -> Iterator[tuple[str, list, list]]:
    """(what leads to it, its body, what follows) of every repetition that may be long."""
    for index, (kind, value) in enumerate(items):
        if kind in (c.MAX_REPEAT, c.MIN_REPEAT, getattr(c, "POSSESSIVE_REPEAT", None)):
            _, most, body = value
            if most == c.MAXREPEAT or most > 8:
                yield lead, list(body), items[index + 1 :]
            yield from _repeats(list(body), lead)
        elif kind is c.SUBPATTERN:
            yield from _repeats(list(value[-1]), lead)
        elif kind is c.BRANCH:
            for choice in value[1]:
                yield from _repeats(list(choice), lead)
        elif kind in (c.ASSERT, c.ASSERT_NOT):
            yield from _repeats(list(value[1]), lead)
        lead += _sample([(kind, value)])


def _choices(items: list) -> Iterator[list]:
    for kind, value in items:
        if kind is c.SUBPATTERN:
            yield from _choices(list(value[-1]))
        elif kind is c.BRANCH:
            yield from (list(choice) for choice in value[1])
        elif kind in (c.MAX_REPEAT, c.MIN_REPEAT):
            yield list(value[2])
            yield from _choices(list(value[2]))


def _sample(items: list) -> str:
    """A short text that fits."""
    made = ""
    for kind, value in items:
        if kind is c.LITERAL:
            made += chr(value)
        elif kind is c.NOT_LITERAL:
            made += "a" if value != ord("a") else "b"
        elif kind is c.ANY:
            made += "a"
        elif kind is c.IN:
            made += _member(value)
        elif kind is c.SUBPATTERN:
            made += _sample(list(value[-1]))
        elif kind is c.BRANCH:
            made += _sample(list(value[1][0]))
        elif kind in (c.MAX_REPEAT, c.MIN_REPEAT, getattr(c, "POSSESSIVE_REPEAT", None)):
            made += _sample(list(value[2])) * max(value[0], 0)
    return made


_TRIED = "a0A -_./:\"'=,;$%@#x\t(){}[]|&<>!?*+~`^\\\nZé"


def _member(rows: list) -> str:
    """A character of a set."""
    try:
        tested = re.compile(_set(rows))
    except re.error:
        return "a"
    return next((char for char in _TRIED if tested.fullmatch(char)), "a")


def _set(rows: list) -> str:
    negated, parts = "", ""
    names = {c.CATEGORY_DIGIT: r"\d", c.CATEGORY_NOT_DIGIT: r"\D", c.CATEGORY_SPACE: r"\s", c.CATEGORY_NOT_SPACE: r"\S",
             c.CATEGORY_WORD: r"\w", c.CATEGORY_NOT_WORD: r"\W"}  # fmt: skip
    for kind, value in rows:
        if kind is c.NEGATE:
            negated = "^"
        elif kind is c.LITERAL:
            parts += re.escape(chr(value))
        elif kind is c.RANGE:
            parts += f"{re.escape(chr(value[0]))}-{re.escape(chr(value[1]))}"
        elif kind is c.CATEGORY:
            parts += names.get(value, "")
    return f"[{negated}{parts}]"


def slow(found: Found) -> str:
    """What makes a pattern slow, or ""."""
    compiled = re.compile(found.pattern, found.flags)
    ask = compiled.search if found.searched else compiled.match
    for text in attacks(found.pattern, found.flags):
        before = 0.0
        for length in _LENGTHS:
            part = text[:length] + text[-3:]
            took = _seconds(ask, part)
            grows = length == LENGTH and took > 0.12 and took > 9 * before  # four times the text: a linear one takes 4
            if took > (0.05 if length < 1000 else SECONDS) or (grows and min(took, _seconds(ask, part)) > 9 * before):
                return f"{took:.2f} s for {len(part)} characters: {part[:60]!r} … {part[-12:]!r}"
            if length >= len(text):
                break
            before = took if length == LENGTH // 4 else before
    return ""


def _seconds(ask: Callable[[str], object], text: str) -> float:
    begun = time.process_time()
    ask(text)
    return time.process_time() - begun


def test_the_patterns_are_found() -> None:
    found = patterns()
    assert len(found) > 350
    assert sum(f.searched for f in found) > 200


def test_a_slow_pattern_would_be_seen() -> None:
    assert slow(Found("x", r"(?:\s+-\S+(?:\s+[\w./-]+)?)*\s+config\s*$", 0, searched=True))
    assert slow(Found("x", r"(a+)+b", 0, searched=False))
    assert slow(Found("x", r"\S+@", 0, searched=True))
    assert not slow(Found("x", r"\S{1,40}@", 0, searched=True))


@pytest.mark.parametrize("part", range(8))
def test_no_pattern_is_slow(part: int) -> None:
    told = [
        f"{f.where}: {f.pattern[:100]!r}: {why}" for n, f in enumerate(patterns()) if n % 8 == part and (why := slow(f))
    ]
    assert not told, "\n" + "\n".join(told)
