"""`runbook report` end to end: collected once, every notebook executed by papermill, one report, nothing leaked."""

import base64
import json
import os
import re
from pathlib import Path
from urllib.parse import quote

import nbformat
import pytest
from nbclient import NotebookClient

from runbook.cli import main
from runbook.headless import execute, report
from runbook.headless.places import notebooks
from runbook.lab import Lab

NAMES = ["01_simplify_the_stack", "02_validate_htpasswd", "03_trace_headers"]
NAMES += ["04_align_configuration", "05_report", "case"]


def run(lab: Lab, folder: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    monkeypatch.setenv("LAB_PASSWORD", lab.password)
    return main(
        [
            "report",
            str(lab.bundle),
            "--registry",
            lab.registry_url,
            "--ui",
            lab.ui_url,
            "--user",
            lab.user,
            "--password-env",
            "LAB_PASSWORD",
            "--output-dir",
            str(folder),
        ]
    )


def outputs(path: Path) -> str:
    """All text that a notebook shows."""
    cells = nbformat.read(path, as_version=4).cells
    return "\n".join(
        str(part.get("text", "")) + str(part.get("data", {}).get("text/plain", ""))
        for cell in cells
        for part in cell.get("outputs", [])
    )


@pytest.mark.parametrize(
    ("fault", "code", "told_by"),
    [
        ("", 0, ""),
        ("htpasswd-not-bcrypt", 3, "02_validate_htpasswd"),
        ("authorization-stripped", 3, "03_trace_headers"),
    ],
    ids=["healthy", "htpasswd-not-bcrypt", "authorization-stripped"],
)
def test_report_of_a_stack(
    fault: str,
    code: int,
    told_by: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    with Lab(*([fault] if fault else []), backend="embedded", seed=3) as lab:
        assert run(lab, tmp_path / "out", monkeypatch) == code
        secrets = [lab.password]
        secrets.append(base64.b64encode(f"{lab.user}:{lab.password}".encode()).decode())
        secrets.append(quote(lab.password, safe=""))
    folder = tmp_path / "out"
    said = json.loads((folder / "report.json").read_text())
    assert said["verdict"] == ("fault" if fault else "healthy")
    assert [c["cause"] for c in said["causes"]][:1] == ([fault] if fault else [])
    assert sorted(p.stem for p in folder.glob("*.ipynb")) == NAMES
    for name in NAMES:
        shown = outputs(folder / f"{name}.ipynb")
        assert "Traceback" not in shown
        if name in (told_by, "05_report", "case") and fault:
            assert fault in shown, f"{name} does not name the cause"
    page = (folder / "report.html").read_text()
    assert "failed:" not in page
    assert not re.search(r"<script|(?:src|href|action)=[\"']?(?:https?:)?//|url\(|@import", page)
    printed = capsys.readouterr()
    assert "[6/6]" in printed.err, "progress is shown while it runs"
    for file in folder.iterdir():
        text = file.read_text(encoding="utf-8")
        assert not [s for s in secrets if s in text], f"{file.name} holds the password"
        assert not re.search(r"\$2[aby]\$\d\d\$[./A-Za-z0-9]{20}", text), f"{file.name} holds a hash"
    assert not [s for s in secrets if s in printed.out + printed.err]
    assert (folder / "report.html").stat().st_size < 1_500_000


def test_the_notebooks_see_the_same_as_the_report(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with Lab("upstream-is-localhost", backend="embedded", seed=4) as lab:
        run(lab, tmp_path / "out", monkeypatch)
    said = json.loads((tmp_path / "out" / "report.json").read_text())
    shown = outputs(tmp_path / "out" / "05_report.ipynb")
    assert said["causes"][0]["cause"] in shown
    assert said["causes"][0]["summary"] in shown


def failing(source: Path, folder: Path) -> Path:
    notebook = nbformat.read(source, as_version=4)
    notebook.cells.append(nbformat.v4.new_code_cell("raise LookupError('on purpose')"))
    nbformat.write(notebook, folder / source.name)
    return folder / source.name


def test_a_notebook_that_fails_is_saved_and_the_report_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    broken = failing(notebooks()[0], tmp_path)
    monkeypatch.setattr(report, "notebooks", lambda: [broken])
    with Lab(backend="embedded", seed=3) as lab:
        assert run(lab, tmp_path / "out", monkeypatch) == 0
    assert "LookupError: on purpose" in (tmp_path / "out" / "report.html").read_text()
    assert "on purpose" in (tmp_path / "out" / broken.name).read_text()
    assert "failed" in capsys.readouterr().err


def test_parameters_that_a_notebook_does_not_know_are_an_error(tmp_path: Path) -> None:
    done = execute.execute(notebooks()[0], tmp_path, {"no_such_parameter": 1})
    assert "no_such_parameter" in done.error


def written(folder: Path, *sources: str) -> Path:
    """A notebook of these cells, the first one for parameters."""
    kernel = {"name": "python3", "language": "python", "display_name": "Python 3"}
    notebook = nbformat.v4.new_notebook(metadata={"kernelspec": kernel})
    notebook.cells = [nbformat.v4.new_code_cell(text) for text in ("a = 1", *sources)]
    notebook.cells[0].metadata["tags"] = ["parameters"]
    nbformat.write(notebook, folder / "in.ipynb")
    (folder / "out").mkdir()
    return folder / "in.ipynb"


def shown(path: Path) -> list[list[tuple[str, str]]]:
    """What each code cell shows."""
    cells = [c for c in nbformat.read(path, as_version=4).cells if c.cell_type == "code"]
    return [
        [(o.get("name", o.output_type), o.get("text") or o.get("data", {}).get("text/plain") or o.ename) for o in c.outputs]
        for c in cells
    ]  # fmt: skip


DISPLAY = "from IPython.display import clear_output, display\n"
CELLS = (
    DISPLAY + "display(a)\nprint('one')\nprint('two')\ndisplay(a)\na + 40",
    "_ + 1",
    "_ + 1;",
    "import asyncio\nawait asyncio.sleep(0, 42)",
    "again = display('before', display_id=True)",
    "again.update('after')",
    "print('one')\nclear_output()\nprint('two')",
    "!echo said",
    "import os\nos.chdir('/')",
    "import sys\nprint(os.getcwd(), file=sys.stderr)",
)


def test_cells_show_what_they_show_with_a_kernel(tmp_path: Path) -> None:
    source = written(tmp_path, *CELLS)
    before = os.getcwd()
    assert not execute.execute(source, tmp_path / "out", {}).error
    assert os.getcwd() == before
    with_a_kernel = NotebookClient(nbformat.read(source, as_version=4), kernel_name="python3").execute()
    nbformat.write(with_a_kernel, tmp_path / "expected.ipynb")
    assert shown(tmp_path / "out" / source.name) == shown(tmp_path / "expected.ipynb")


@pytest.mark.parametrize(
    ("cell", "error"),
    [
        ("a + b", "NameError: name 'b' is not defined"),
        ("a b", "SyntaxError: invalid syntax"),
        ("import sys\nsys.exit(3)", "SystemExit: 3"),
        ("%nothing", "UsageError: Line magic function `%nothing` not found."),
        ("raise ExceptionGroup('both', [ValueError('x')])", "ExceptionGroup: both (1 sub-exception)"),
        ("while True: pass", "TimeoutError: the cell ran for more than 1 s"),
    ],
)
def test_a_cell_that_fails_is_the_last(cell: str, error: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(execute, "CELL_SECONDS", 1)
    source = written(tmp_path, "print(a)", cell, "'not reached'")
    done = execute.execute(source, tmp_path / "out", {"a": 2})
    assert done.error.startswith(f"PapermillExecutionError: {error}")
    *_, said, failed, rest = shown(done.path)
    assert said == [("stdout", "2\n")]
    assert failed[-1][0] in ("error", "stderr")
    assert rest == []


def test_what_a_cell_writes_past_its_streams_is_not_in_the_answer(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    source = written(tmp_path, "import subprocess\nsubprocess.run(['echo', 'past'])", "print('kept')")
    (done,) = execute.execute_all([source], tmp_path / "out", {}, lambda executed: None)
    assert capfd.readouterr().out == ""
    assert shown(done.path)[-1] == [("stdout", "kept\n")]


def test_this_interpreter_executes_whatever_the_kernelspecs_are_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path / "nothing-here"))
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "nor-here"))
    done = execute.execute(notebooks()[0], tmp_path, {"lab_fault": "healthy", "interactive": False})
    assert not done.error


@pytest.mark.parametrize("make", [True, False], ids=["a file", "not writable"])
def test_an_output_folder_that_cannot_be_is_said_before_any_work(
    make: bool, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    target = tmp_path / "out" if make else Path("/proc/nowhere")
    if make:
        target.write_text("a file")
    assert main(["report", str(tmp_path), "--output-dir", str(target)]) == 2
    assert "--output-dir" in capsys.readouterr().err


def test_demo_finds_what_it_broke(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["demo", "--output-dir", str(tmp_path / "demo")]) == 0
    printed = capsys.readouterr().out
    assert str(tmp_path / "demo" / "DEMO-report.html") in printed
    said = json.loads((tmp_path / "demo" / "DEMO-report.json").read_text())
    handed_on = [
        p for p in (tmp_path / "demo").iterdir() if p.suffix in (".svg", ".txt", ".json") or "report." in p.name
    ]
    plain = {p.name for p in handed_on if not p.name.startswith("DEMO-")}
    assert plain <= {"evidence.json", "05_report.html", "05_report.ipynb"}
    assert (tmp_path / "demo" / "DEMO-card.svg").is_file()
    assert "DEMO" in (tmp_path / "demo" / "DEMO-summary.txt").read_text()
    assert said["causes"][0]["cause"] == "authorization-stripped"
    assert "storage-outside-volume" in [w["cause"] for w in said["warnings"]]
    assert any("Authorization header by default" in f["claim"] for f in said["folklore"])


def test_the_notebooks_are_pages_too_and_speak_of_this_incident_alone(tmp_path: Path) -> None:
    log = tmp_path / "registry.log"
    log.write_text('172.18.0.1 - - [27/Nov/2026:01:00:00 +0000] "GET /v2/ HTTP/1.1" 401 87 "" "docker/27.0"\n')
    assert main(["report", str(log), "--output-dir", str(tmp_path / "out")]) == 5
    for name in NAMES:
        page = (tmp_path / "out" / f"{name}.html").read_text()
        assert not re.search(r"<script|(?:src|href|action)=[\"']?(?:https?:)?//|url\(|@import", page)
        assert "How to read it" not in page
        assert "experiment" not in page
        assert "Incident.open" not in page, "what is shown is the answer, not the code"
        for link in re.findall(r'href="([^"#]+)"', page):
            assert (tmp_path / "out" / link).is_file(), f"{name} leads to {link}, which is not there"
    case = (tmp_path / "out" / "case.html").read_text()
    assert "it needs the htpasswd file" in case


def test_a_case_folder_is_reported_with_its_runs_and_notes(tmp_path: Path) -> None:
    from runbook.case import keep
    from runbook.collect import Request
    from runbook.folder import CaseFolder
    from runbook.incident import Incident
    from runbook.redact import Vault

    log = tmp_path / "registry.log"
    log.write_text('172.18.0.1 - - [27/Nov/2026:01:00:00 +0000] "GET /v2/ HTTP/1.1" 401 87 "" "docker/27.0"\n')
    folder = CaseFolder.make(tmp_path / "case")
    keep(Incident.of(Request(paths=(str(log),))), folder, "REGISTRY_PASSWORD")
    folder.note("the night shift restarted it", Vault())
    assert main(["report", str(folder.path), "--output-dir", str(tmp_path / "out")]) == 5
    page = (tmp_path / "out" / "case.html").read_text()
    assert "the night shift restarted it" in page
    assert "rb-runs" in page


def test_the_layout_of_a_case_is_where_jupyterlab_looks_for_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from jupyterlab_server.workspaces_handler import WorkspacesManager

    from runbook.headless.opened import at_ease

    monkeypatch.setenv("JUPYTER_CONFIG_PATH", "")
    (option,) = at_ease(tmp_path)
    loaded = WorkspacesManager(option.partition("=")[2]).load("default")
    assert loaded["data"]["layout-restorer:data"]["left"]["collapsed"]
