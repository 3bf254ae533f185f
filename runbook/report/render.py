"""Templates of HTML and SVG. Everything that is put into one is escaped, unless it is markup of ours already."""

from functools import cache
from html import escape
from types import ModuleType

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup

from runbook.lazy import re
from runbook.redact import visible

_MOST = 2000


def attr(text: object, limit: int = _MOST) -> Markup:
    """Text from anywhere for the value of an attribute, which nobody typesets."""
    return Markup(escape(visible(str(text), limit)))  # noqa: S704


def cut(text: object, limit: int = _MOST) -> Markup:
    """Text from anywhere, harmless and escaped. A dollar stands in an element of its own: JupyterLab, nbconvert and
    nbviewer set what lies between two of them as mathematics."""
    return Markup(str(attr(text, limit)).replace("$", "<span>$</span>"))  # noqa: S704


def coded(text: object, limit: int = _MOST) -> Markup:
    """The same; what stands between backticks is set as code."""
    return Markup(re.sub(r"`([^`\n]{1,200})`", r"<code>\1</code>", str(cut(text, limit))))  # noqa: S704


def _drawn(text: object) -> Markup:
    return Markup(escape(str(text)).replace("$", "<tspan>$</tspan>"))  # noqa: S704


def _shown(value: object) -> object:
    return value if hasattr(value, "__html__") else cut(value)


@cache
def _environment(*, html: bool) -> Environment:
    made = Environment(
        loader=PackageLoader("runbook", ""),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        finalize=_shown if html else None,
    )
    made.filters |= {"attr": attr, "cut": cut, "coded": coded, "drawn": _drawn}
    return made


def template(name: str) -> Template:
    """The template of that name below the package. In HTML all text becomes harmless as `cut` does it; an SVG says itself how."""
    return _environment(html=".html" in name).get_template(name)


@cache
def parts() -> ModuleType:
    """The parts of pages, a macro each."""
    return template("report/templates/parts.html.j2").module  # type: ignore[return-value]
