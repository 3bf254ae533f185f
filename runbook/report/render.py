"""Templates of HTML and SVG. Everything that is put into one is escaped, unless it is markup of ours already."""

from functools import cache
from html import escape

from jinja2 import Environment, PackageLoader, StrictUndefined, Template
from markupsafe import Markup


@cache
def _environment() -> Environment:
    environment = Environment(
        loader=PackageLoader("runbook.report"), autoescape=True, undefined=StrictUndefined, trim_blocks=True
    )
    environment.filters["drawn"] = lambda text: Markup(escape(str(text)).replace("$", "<tspan>$</tspan>"))  # noqa: S704
    return environment


def template(name: str) -> Template:
    """The template of that name."""
    return _environment().get_template(name)
