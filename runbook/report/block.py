"""A piece of HTML that shows itself in a notebook and stands as it is in the report: one truth for both."""

from collections.abc import Iterable, Sequence
from functools import cache
from importlib.resources import files

from markupsafe import Markup


@cache
def css() -> str:
    """The style sheet, scoped to `.rb` so that it leaves a notebook around it alone."""
    return files("runbook.report").joinpath("style.css").read_text(encoding="utf-8")


class Block:
    """HTML with a plain-text twin. `html` is trusted: it is made of parts."""

    def __init__(self, html: str, text: str = "") -> None:
        self.html = Markup(html)  # noqa: S704 (so that a sum of parts and blocks stays what it is)
        self.text = text

    @classmethod
    def of(cls, text: str, style: str = "") -> "Block":
        """A sentence."""
        return cls(para(text, style), text)

    @classmethod
    def soft(cls, text: str) -> "Block":
        """A sentence where there is nothing to show."""
        return cls.of(text, "rb-soft")

    def _repr_html_(self) -> str:
        return f'<style>{css()}</style><div class="rb">{self.html}</div>'

    def __html__(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.text

    def __add__(self, other: "Block") -> "Block":
        return Block(self.html + other.html, f"{self.text}\n\n{other.text}".strip())


def part(name: str, *given: object) -> str:
    """A part of a page: that macro of `templates/parts.html.j2`, filled in. Texts are escaped there, parts and blocks are not."""
    from runbook.report.render import parts

    made: str = getattr(parts(), name)(*given)
    return made


def para(text: object, cls: str = "") -> str:
    """A paragraph; what stands between backticks is set as code."""
    return part("para", text, cls)


def tag(word: str, kind: str = "") -> str:
    """A small label; the word says it, the colour only helps."""
    return part("tag", word, kind)


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[object]]) -> str:
    """A table of texts and parts; scrolls inside its own box where it is wider than the page."""
    return part("table", caption, head, rows)


def commands(lines: Iterable[str]) -> str:
    """Commands to copy, one box each."""
    return part("commands", lines)
