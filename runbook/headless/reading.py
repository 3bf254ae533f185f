"""The notebooks in their second reading: without what teaches, for an incident that is reported; and as pages."""

from collections.abc import Collection
from pathlib import Path
from typing import Any

import nbformat

from runbook.lazy import re
from runbook.report.block import css
from runbook.report.render import template

LESSON, LIVE, KEPT = "lesson", "live", "kept"
"""Tags of cells: they teach; they are for a person in front of a kernel; they show what a case folder keeps."""
_QUESTION = re.compile(r"\*\*Question: .+?\*\*")
_LINK = re.compile(r'href="([\w/]+)\.ipynb"')


def without(source: Path, tags: Collection[str]) -> Any:
    """A notebook without the cells of those tags. Of a lesson its title stays, and the question before a cell that stays."""
    notebook = nbformat.read(source, as_version=4)
    kept: list[Any] = []
    asked = ""
    for index, cell in enumerate(notebook.cells):
        if not set(cell.metadata.get("tags", [])) & set(tags):
            if asked and cell.cell_type == "code":
                kept.append(nbformat.v4.new_markdown_cell(asked))
            kept.append(cell)
            asked = ""
        elif cell.cell_type == "markdown":
            found = _QUESTION.findall(cell.source)
            asked = found[-1] if found else ""
            if index == 0:
                kept.append(nbformat.v4.new_markdown_cell(cell.source.split("\n", 1)[0]))
    notebook.cells = kept
    return notebook


def page(notebook: Path, names: Collection[str]) -> str:
    """An executed notebook as a page without scripts and without its code. Links to the other `names` lead to their pages."""
    from nbconvert import HTMLExporter

    exporter = HTMLExporter(
        template_name="basic", exclude_input=True, exclude_output_prompt=True, exclude_anchor_links=True
    )
    body, _ = exporter.from_filename(str(notebook))
    body = body.replace(f"<style>{css()}</style>", "")
    body = _LINK.sub(lambda m: f'href="{m[1]}.html"' if m[1] in names else 'href="#"', body)
    title = notebook.stem.replace("_", " ")
    return template("report/templates/chapter.html.j2").render(title=title, css=css(), body=body)
