"""A piece of HTML that shows itself in a notebook and stands as it is in the report: one truth for both."""

from collections.abc import Iterable, Sequence
from functools import cache
from html import escape
from importlib.resources import files

from runbook.lazy import re
from runbook.model import EvidenceItem
from runbook.redact import visible


@cache
def css() -> str:
    """The style sheet, scoped to `.rb` so that it leaves a notebook around it alone."""
    return files("runbook.report").joinpath("style.css").read_text(encoding="utf-8")


class Block:
    """HTML with a plain-text twin. `html` is trusted: whoever makes a block escapes what comes from outside."""

    def __init__(self, html: str, text: str = "") -> None:
        self.html = html
        self.text = text

    def _repr_html_(self) -> str:
        return f'<style>{css()}</style><div class="rb">{self.html}</div>'

    def __repr__(self) -> str:
        return self.text

    def __add__(self, other: "Block") -> "Block":
        return Block(self.html + other.html, f"{self.text}\n\n{other.text}".strip())


def esc(text: object, limit: int = 2000) -> str:
    """Text from anywhere, harmless and escaped. A dollar stands in an element of its own: JupyterLab, nbconvert and
    nbviewer set what lies between two of them as mathematics."""
    return escape(visible(str(text), limit)).replace("$", "<span>$</span>")


def attr(text: object, limit: int = 2000) -> str:
    """The same for the value of an attribute, which nobody typesets."""
    return escape(visible(str(text), limit))


def para(text: object, cls: str = "") -> str:
    """A paragraph; what stands between backticks is set as code."""
    shown = re.sub(r"`([^`\n]{1,200})`", r"<code>\1</code>", esc(text))
    return f'<p class="{cls}">{shown}</p>' if cls else f"<p>{shown}</p>"


def tag(word: str, kind: str = "") -> str:
    """A small label; the word says it, the colour only helps."""
    return f'<b class="rb-tag {escape(kind or word)}">{esc(word)}</b>'


def place(where: object) -> str:
    """Where something was seen; apart from what it follows even where styles are stripped."""
    return f' <small class="rb-place">{esc(where, 300)}</small>' if str(where) else ""


def items(evidence: Iterable[EvidenceItem]) -> str:
    """Evidence as a list with its places."""
    rows = "".join(f"<li>{esc(i.what)}{place(i.where)}</li>" for i in evidence)
    return f"<ul>{rows}</ul>" if rows else ""


def table(caption: str, head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table whose cells are HTML already; scrolls inside its own box where it is wider than the page."""
    top = "".join(f'<th scope="col">{esc(h)}</th>' for h in head)
    body = "".join(
        "<tr>" + f'<th scope="row">{row[0]}</th>' + "".join(f"<td>{cell}</td>" for cell in row[1:]) + "</tr>"
        for row in rows
    )
    return (
        f'<div class="rb-scroll" tabindex="0" role="region" aria-label="{attr(caption)}"><table><caption>{esc(caption)}'
        f"</caption><thead><tr>{top}</tr></thead><tbody>{body}</tbody></table></div>"
    )


def commands(lines: Iterable[str]) -> str:
    """Commands to copy, one box each."""
    return "".join(f'<pre tabindex="0"><code>{esc(line)}</code></pre>' for line in lines)


def diff(patch: str) -> str:
    """A unified diff; signs tell, colours help."""
    rows = []
    for line in patch.rstrip("\n").split("\n"):
        kind = {"+": "rb-add", "-": "rb-del", "@": "rb-at"}.get(line[:1], "")
        rows.append(f'<span class="{kind}">{esc(line)}</span>' if kind else esc(line))
    return f'<pre tabindex="0" aria-label="the fix as a diff">{chr(10).join(rows)}</pre>'
