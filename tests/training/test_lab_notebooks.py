"""The practice notebooks keep to the form of the others, and a blank one runs from top to bottom."""

import ast
import itertools
import json
import re
from pathlib import Path

import papermill
import pytest

from tests.test_notebooks import FORBIDDEN, code_cells, source

FOLDER = Path(__file__).parents[2] / "notebooks" / "lab"
NAMES = sorted(path.stem for path in FOLDER.glob("*.ipynb"))


@pytest.fixture(params=NAMES)
def notebook(request):
    return request.param, json.loads((FOLDER / f"{request.param}.ipynb").read_text(encoding="utf-8"))


def test_one_practice_for_all_steps():
    assert NAMES == ["folklore_or_fact", "practice", "trainers_guide"]


def test_the_form_is_that_of_the_other_notebooks(notebook):
    _, content = notebook
    cells = content["cells"]
    kinds = [cell["cell_type"] for cell in cells]
    assert kinds[0] == kinds[-1] == "markdown"
    assert all(a != b for a, b in itertools.pairwise(kinds))
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code_cells(content))
    head = source(cells[0])
    for part in ("**What you will learn**", "**Minutes:** ", "**Needs:** ", "**Changes:** nothing", "[index](../00_"):
        assert part in head
    assert cells[1]["metadata"]["tags"] == ["parameters"]
    lines = ast.parse(source(cells[1])).body
    assert all(isinstance(line, ast.AnnAssign) for line in lines)
    assert lines[-1].target.id == "interactive"
    assert all("  # " in line for line in source(cells[1]).splitlines())
    assert "next" in source(cells[-1]).lower()


def test_each_call_answers_a_question(notebook):
    _, content = notebook
    for before, cell in itertools.pairwise(content["cells"][1:]):
        if cell["cell_type"] != "code":
            continue
        text, tree = source(cell), ast.parse(source(cell))
        assert "**Question:" in source(before), text
        assert len(text.splitlines()) <= 10
        assert not [node for node in ast.walk(tree) if isinstance(node, FORBIDDEN)], text
        assert sum(isinstance(node, ast.Call) for node in ast.walk(tree)) <= 1, text


def test_links_lead_somewhere(notebook):
    _, content = notebook
    text = "\n".join(source(cell) for cell in content["cells"] if cell["cell_type"] == "markdown")
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert links
    assert [link for link in links if not (FOLDER / link).is_file()] == []


@pytest.mark.parametrize("name", NAMES)
def test_a_blank_notebook_runs_to_its_end(name: str, tmp_path: Path) -> None:
    target = tmp_path / f"{name}.ipynb"
    papermill.execute_notebook(
        FOLDER / f"{name}.ipynb",
        target,
        parameters={"interactive": False},
        kernel_name="python3",
        progress_bar=False,
        cwd=tmp_path,
    )
    text = target.read_text(encoding="utf-8")
    assert "application/vnd.jupyter.widget-view+json" not in text
    assert not re.search(r"\$2[aby]\$|\$apr1\$", text)
    if name == "practice":
        assert "still missing" in text
