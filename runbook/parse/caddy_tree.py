"""A Caddyfile as lines of words with blocks and line numbers."""

import posixpath
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from fnmatch import fnmatch

from runbook.parse import ParseError

_DEEPEST = 30
_DEEPEST_IMPORT = 10
_MOST = 100_000
"""Lines after imports: snippets that import each other must not multiply."""


@dataclass(frozen=True, slots=True)
class Line:
    """`word word …` with the block that follows it, if any."""

    words: tuple[str, ...]
    file: str
    line: int
    block: tuple["Line", ...] | None = None

    @property
    def name(self) -> str:
        """The directive, the first word."""
        return self.words[0]

    @property
    def args(self) -> tuple[str, ...]:
        """What follows it."""
        return self.words[1:]

    def inside(self, *names: str) -> Iterator["Line"]:
        """The lines of these names in the block."""
        return (line for line in self.block or () if line.name in names)


def caddy_trees(files: Mapping[str, str]) -> dict[str, tuple[Line, ...]]:
    """The lines of each Caddyfile that no other imports, imports of snippets and of the other files followed."""
    trees = {file: _tree(text, file) for file, text in files.items()}
    snippets = {line.name[1:-1]: line.block or () for found in trees.values() for line in found if _is_snippet(line)}
    joined = _Joined(snippets, {f: tuple(x for x in found if not _is_snippet(x)) for f, found in trees.items()})
    expanded = {file: tuple(joined.follow(iter(found), (file,))) for file, found in joined.files.items()}
    return {file: found for file, found in expanded.items() if file not in joined.imported}


def imported(lines: Iterator[Line], snippets: Mapping[str, tuple[Line, ...]]) -> tuple[Line, ...]:
    """The lines with their snippets in the place of each `import`."""
    return tuple(_Joined(snippets, {}).follow(lines, ()))


def _tree(text: str, file: str) -> tuple[Line, ...]:
    rows = list(_rows(text, file))
    found, rest = _block(rows, 0, file, 0)
    if rest < len(rows):
        raise ParseError(file, rows[rest][1], 'a "}" too many')
    return found


def _is_snippet(line: Line) -> bool:
    return line.block is not None and len(line.words) == 1 and line.name.startswith("(") and line.name.endswith(")")


@dataclass(slots=True)
class _Joined:
    """Puts snippets and files in the place of their `import`."""

    snippets: Mapping[str, tuple[Line, ...]]
    files: Mapping[str, tuple[Line, ...]]
    imported: set[str] = field(default_factory=set)
    budget: int = _MOST

    def follow(self, lines: Iterator[Line], trail: tuple[str, ...]) -> Iterator[Line]:
        """The lines with what they import. `trail`: the files and snippets that led here."""
        for line in lines:
            self.budget -= 1
            if len(trail) > _DEEPEST_IMPORT or self.budget < 0:
                raise ParseError(line.file, line.line, "the snippets import each other too often")
            if line.name == "import" and line.args and line.args[0] in self.snippets:
                filled = (_fill(inner, line.args[1:]) for inner in self.snippets[line.args[0]])
                yield from self.follow(filled, (*trail, line.args[0]))
            elif line.name == "import" and line.args and (found := self._matches(line.args[0], trail)):
                for file in found:
                    self.imported.add(file)
                    yield from self.follow((_fill(x, line.args[1:]) for x in self.files[file]), (*trail, file))
            else:
                block = tuple(self.follow(iter(line.block), trail)) if line.block is not None else None
                yield Line(line.words, line.file, line.line, block)

    def _matches(self, asked: str, trail: tuple[str, ...]) -> list[str]:
        """The files that an import names, told by their last path parts: the bundle is not the machine."""
        folder, name = posixpath.split(asked)
        same = [f for f in self.files if name and f not in trail and fnmatch(posixpath.basename(f), name)]
        near = [f for f in same if f"/{posixpath.dirname(f)}".endswith(f"/{posixpath.basename(folder)}")]
        return near or (same if "*" not in name else [])


def _fill(line: Line, args: tuple[str, ...]) -> Line:
    """Put the arguments of an import in the place of {args[0]} or {args.0}."""
    words = line.words
    for number, value in enumerate(args[:9]):
        words = tuple(w.replace(f"{{args[{number}]}}", value).replace(f"{{args.{number}}}", value) for w in words)
    return Line(words, line.file, line.line, tuple(_fill(b, args) for b in line.block) if line.block else line.block)


def _rows(text: str, file: str) -> Iterator[tuple[list[str], int]]:
    """Logical lines: quoted words, `#` comments, a backslash at the end goes on."""
    words: list[str] = []
    line = start = 1
    i, size = 0, len(text)
    while i < size:
        char = text[i]
        if char == "\n":
            if words:
                yield words, start
            words, line, i = [], line + 1, i + 1
        elif char.isspace():
            i += 1
        elif char == "\\" and text[i + 1 : i + 2] in ("\n", "\r"):
            line += 1
            i = text.index("\n", i) + 1 if "\n" in text[i:] else size
        elif char == "#":
            end = text.find("\n", i)
            i = size if end < 0 else end
        else:
            if not words:
                start = line
            word, i, line = _word(text, i, line, file)
            words.append(word)
    if words:
        yield words, start


def _word(text: str, i: int, line: int, file: str) -> tuple[str, int, int]:
    quote = text[i]
    if quote in '"`':
        end, word = i + 1, []
        while end < len(text) and text[end] != quote:
            if quote == '"' and text[end] == "\\" and text[end + 1 : end + 2] == '"':
                end += 1
            word.append(text[end])
            end += 1
        if end >= len(text):
            raise ParseError(file, line, "a quote is not closed")
        return "".join(word), end + 1, line + word.count("\n")
    end = i
    while end < len(text) and not text[end].isspace():
        end += 1
    return text[i:end], end, line


def _block(rows: list[tuple[list[str], int]], at: int, file: str, depth: int) -> tuple[tuple[Line, ...], int]:
    if depth > _DEEPEST:
        raise ParseError(file, None, f"blocks are nested more than {_DEEPEST} deep")
    found: list[Line] = []
    while at < len(rows):
        words, line = rows[at]
        if words == ["}"]:
            return tuple(found), at if depth == 0 else at + 1
        at += 1
        while words[-1].endswith(",") and at < len(rows) and depth == 0:  # site addresses may go on in the next line
            words, at = [*words, *rows[at][0]], at + 1
        if words[-1] == "{":
            block, at = _block(rows, at, file, depth + 1)
            found.append(Line(tuple(words[:-1]) or ("{",), file, line, block))
        else:
            found.append(Line(tuple(words), file, line))
    if depth:
        raise ParseError(file, rows[-1][1], 'a block is never closed by "}"')
    return tuple(found), at
