"""The lines of a text while its dress is taken off: each row knows the line of the file at which it began."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import pairwise


@dataclass(slots=True)
class Rows:
    """Rows of text with the number (from 1) of the file's line where each begins."""

    rows: list[str]
    numbers: list[int] = field(default_factory=list)
    eras: dict[int, tuple[float, bool]] = field(default_factory=dict)
    """Line → `Place.era` and `Place.loose`, where some of the text was written before the rest."""

    def __post_init__(self) -> None:
        if not self.numbers:
            self.numbers = list(range(1, len(self.rows) + 1))

    @classmethod
    def of(cls, text: str) -> "Rows":
        """The lines of a text, numbered as they stand; Windows line ends are taken off."""
        return cls([row.removesuffix("\r") for row in text.split("\n")])

    @property
    def text(self) -> str:
        """The rows as one text."""
        return "\n".join(self.rows)

    @property
    def moved(self) -> bool:
        """Whether a row no longer has the number of its line."""
        return self.numbers[-1:] != [len(self.rows)] or self.numbers[:1] != [1]

    @property
    def rises(self) -> bool:
        """Whether each row stands below the one before it: else their numbers tell nothing of their order."""
        return all(a < b for a, b in pairwise(self.numbers))

    def padded(self, start: int, end: int) -> str:
        """Rows start to end (exclusive) as a text in which they keep the line numbers of the file."""
        lines: list[str] = []
        for row, number in zip(self.rows[start:end], self.numbers[start:end], strict=True):
            lines.extend([""] * (number - 1 - len(lines)))
            lines.append(row)
        return "\n".join(lines) + "\n"


def joined(groups: Iterable[tuple[int, Sequence[str]]]) -> Rows:
    """Rows from groups of lines, each group joined into one row that has the number of its first line."""
    rows, numbers = [], []
    for number, lines in groups:
        rows.append("".join(lines))
        numbers.append(number)
    return Rows(rows, numbers)
