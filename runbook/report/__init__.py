"""The views: each shows a `Run` in its own form and judges nothing.

They are loaded when they are asked for, so that a terminal answer does not pay for HTML.
"""

from importlib import import_module
from typing import Any

_HOME = {
    "render_terminal": "terminal",
    "render_json": "as_json",
    "render_markdown": "markdown",
    "render_junit": "junit",
    "render_sarif": "sarif",
    "render_html": "html",
}


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


__all__ = sorted(_HOME)
