"""What every notebook keeps to, so that a learner finds the same form in each."""

import ast
import itertools
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parent.parent / "notebooks"
NAMES = (
    "00_start_here",
    "01_simplify_the_stack",
    "02_validate_htpasswd",
    "03_trace_headers",
    "04_align_configuration",
    "05_report",
)
PARAMETERS = {
    "bundle": "",
    "registry_url": "",
    "ui_url": "",
    "user": "",
    "password_env": "REGISTRY_PASSWORD",
    "lab_fault": "",
    "interactive": True,
}
FORBIDDEN = (ast.FunctionDef, ast.ClassDef, ast.For, ast.While, ast.Try, ast.With, ast.Lambda, ast.ListComp, ast.If)


@pytest.fixture(params=NAMES)
def notebook(request):
    path = FOLDER / f"{request.param}.ipynb"
    return path.stem, json.loads(path.read_text(encoding="utf-8"))


def source(cell) -> str:
    return "".join(cell["source"])


def code_cells(content):
    return [cell for cell in content["cells"] if cell["cell_type"] == "code"]


def test_the_six_the_case_and_the_fleets_are_there_and_no_other():
    assert tuple(sorted(p.stem for p in FOLDER.glob("*.ipynb"))) == (*NAMES, "case", "fleet")


def test_the_file_is_stripped_and_in_the_format_with_ids(notebook):
    _, content = notebook
    assert (content["nbformat"], content["nbformat_minor"]) == (4, 5)
    assert content["metadata"]["kernelspec"]["name"] == "python3"
    assert set(content["metadata"]) <= {"kernelspec", "language_info"}
    ids = [cell["id"] for cell in content["cells"]]
    assert len(set(ids)) == len(ids)
    assert all(cell["outputs"] == [] and cell["execution_count"] is None for cell in code_cells(content))


def test_the_header_says_what_where_and_how_long(notebook):
    name, content = notebook
    head = source(content["cells"][0])
    assert head.startswith(f"# {name[:2]} · ")
    for part in ("**What you will learn**", "**Minutes:** ", "**Needs:** ", "**Changes:** nothing", "[index](00_"):
        assert part in head
    place = NAMES.index(name)
    for neighbour in NAMES[max(0, place - 1) : place + 2]:
        assert neighbour == name or f"({neighbour}.ipynb)" in head


def test_the_second_cell_holds_the_parameters_typed_and_commented(notebook):
    _, content = notebook
    cell = content["cells"][1]
    assert cell["metadata"]["tags"] == ["parameters"]
    lines = ast.parse(source(cell)).body
    assert all(isinstance(line, ast.AnnAssign) for line in lines)
    given = {line.target.id: ast.literal_eval(line.value) for line in lines}
    assert given.items() >= PARAMETERS.items()
    assert list(given)[-1] == "interactive"
    assert all("  # " in line for line in source(cell).splitlines())
    assert [c for c in content["cells"] if "parameters" in c["metadata"].get("tags", [])] == [cell]


def read_in_turn(content):
    """The cells without those that are a heading alone, which a report keeps when it leaves the lesson out."""
    return [c for c in content["cells"] if c["cell_type"] == "code" or not re.fullmatch(r"## [^\n]+", source(c))]


def test_text_and_code_take_turns_and_text_has_the_last_word(notebook):
    _, content = notebook
    kinds = [cell["cell_type"] for cell in read_in_turn(content)]
    assert kinds[0] == kinds[-1] == "markdown"
    assert all(a != b for a, b in itertools.pairwise(kinds))


def test_every_call_is_asked_for_and_explained(notebook):
    _, content = notebook
    cells = read_in_turn(content)
    for before, cell in itertools.pairwise(cells[1:]):
        if cell["cell_type"] == "code":
            assert "**Question:" in source(before), source(cell)
    assert "next" in source(cells[-1]).lower()


def test_code_cells_are_short_and_make_one_call(notebook):
    _, content = notebook
    for cell in code_cells(content)[1:]:
        text = source(cell)
        tree = ast.parse(text)
        assert len(text.splitlines()) <= 10
        assert not [node for node in ast.walk(tree) if isinstance(node, FORBIDDEN)], text
        assert sum(isinstance(node, ast.Call) for node in ast.walk(tree)) == 1, text


def test_links_lead_somewhere(notebook):
    _, content = notebook
    text = "\n".join(source(cell) for cell in content["cells"] if cell["cell_type"] == "markdown")
    links = re.findall(r"\]\(([^)]+)\)", text)
    assert links
    assert [link for link in links if not (FOLDER / link).is_file()] == []


def test_each_step_ends_with_what_it_showed(notebook):
    name, content = notebook
    if name[:2] in ("01", "02", "03", "04"):
        assert source(code_cells(content)[-1]).startswith("incident.showed(")


def test_experiments_that_are_named_exist(notebook):
    from runbook.experiments import EXPERIMENTS

    _, content = notebook
    code = "\n".join(source(cell) for cell in code_cells(content))
    assert set(re.findall(r'experiment\("([^"]+)"\)', code)) <= set(EXPERIMENTS)


def test_every_experiment_is_shown_somewhere():
    from runbook.experiments import EXPERIMENTS

    text = "".join(path.read_text(encoding="utf-8") for path in FOLDER.rglob("*.ipynb"))
    assert [name for name in EXPERIMENTS if f'experiment(\\"{name}\\"' not in text] == []


def test_no_notebook_holds_a_secret_or_a_path_of_a_machine(notebook):
    _, content = notebook
    text = json.dumps(content)
    assert not re.search(r"\$2[aby]\$|\$apr1\$|/(home|root|Users|work)/", text)


def test_ruff_finds_nothing():
    command = [sys.executable, "-m", "ruff"]
    for action in (["check"], ["format", "--check"]):
        done = subprocess.run([*command, *action, str(FOLDER)], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stdout + done.stderr


CASE = json.loads((FOLDER / "case.ipynb").read_text(encoding="utf-8"))


def test_the_case_is_short_and_makes_one_call_a_cell():
    assert len(CASE["cells"]) <= 20
    for cell in code_cells(CASE):
        assert cell["outputs"] == []
        assert cell["execution_count"] is None
        assert len(source(cell).splitlines()) <= 10
        tree = ast.parse(source(cell))
        assert not [node for node in ast.walk(tree) if isinstance(node, FORBIDDEN)]
        assert sum(isinstance(node, ast.Call) for node in ast.walk(tree)) <= 2
    parameters = next(c for c in CASE["cells"] if "parameters" in c["metadata"].get("tags", []))
    given = {line.target.id: ast.literal_eval(line.value) for line in ast.parse(source(parameters)).body}
    assert given.items() >= PARAMETERS.items()


def test_the_case_shows_the_verdict_before_anything_else():
    first, second = code_cells(CASE)[:2]
    assert "parameters" in first["metadata"]["tags"]
    assert source(second).endswith("case.verdict()")


def test_no_retired_word_stands_in_a_notebook():
    retired = (
        r"(?i)\bmend(s|ed|ing)?\b|\banew\b|\bsuffer|\bdear(er|est)?\b|into force|in good order|the write-up"
        r"|\bstands?\b|\btold\b|\bthe way\b|\bwhoever\b|\bin hand\b|\btakes? off\b"
    )
    for path in FOLDER.rglob("*.ipynb"):
        text = "\n".join(source(cell) for cell in json.loads(path.read_text(encoding="utf-8"))["cells"])
        assert not re.search(retired, text), path.name


def test_the_filter_of_git_takes_outputs_out_and_nothing_else() -> None:
    """With the command that CONTRIBUTING.md names."""
    for source in sorted(FOLDER.rglob("*.ipynb")):
        whole = json.loads(source.read_text(encoding="utf-8"))
        for cell in (c for c in whole["cells"] if c["cell_type"] == "code"):
            cell["execution_count"] = 7
            cell["outputs"] = [{"output_type": "stream", "name": "stdout", "text": ["ours\n"]}]
        dirty = json.dumps(whole, indent=1, ensure_ascii=False) + "\n"
        words = [sys.executable, "-m", "nbstripout", "--keep-id"]
        done = subprocess.run(words, input=dirty.encode(), capture_output=True, cwd=FOLDER.parent, check=True)
        assert done.stdout.decode() == source.read_text(encoding="utf-8"), source.name
