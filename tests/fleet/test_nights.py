"""The weekly report: tables and plots of a run, and the notebook that papermill executes."""

import json
from pathlib import Path

import pytest

from runbook.collect import UsageError
from runbook.fleet.nights import Nights
from tests.fleet.test_fleet import bundles, run

ROOT = Path(__file__).parent.parent.parent


@pytest.fixture
def filled(tmp_path: Path) -> Path:
    all_ = bundles(tmp_path / "all", "htpasswd-not-bcrypt", "htpasswd-empty")
    run(all_, "--output-dir", tmp_path / "out")
    bundles(all_, "htpasswd-merged-lines")
    run(all_, "--output-dir", tmp_path / "out")
    return tmp_path / "out"


def test_tables_say_what_the_run_says(filled: Path) -> None:
    nights = Nights.open(str(filled))
    assert list(nights.registries()["causes"]) == ["htpasswd-merged-lines", "htpasswd-empty", "htpasswd-not-bcrypt"]
    assert nights.causes().loc["htpasswd-merged-lines", "new"] == 1
    assert nights.trend()["htpasswd-merged-lines"].tolist() == [0, 1]
    assert nights.changes().loc["new", "registry"] == "htpasswd-merged-lines"
    assert nights.owners().loc["nobody", "fault"] == 3
    assert nights.plot()._repr_html_().count("<figure") == 3
    assert Nights.open(str(filled), "somebody else").registries().empty


def test_a_folder_without_a_run_is_a_sentence(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no run"):
        Nights.open(str(tmp_path))
    (tmp_path / "fleet.json").write_text("[]")
    with pytest.raises(UsageError, match="no run of a fleet"):
        Nights.open(str(tmp_path))


def test_the_notebook_runs(filled: Path, tmp_path: Path) -> None:
    papermill = pytest.importorskip("papermill")
    source, made = ROOT / "notebooks" / "fleet.ipynb", tmp_path / "weekly.ipynb"
    papermill.execute_notebook(
        source,
        made,
        {"fleet_folder": str(filled)},
        kernel_name="python3",
        progress_bar=False,
        shutdown_kernel="immediate",
    )
    text = made.read_text()
    assert "htpasswd-merged-lines" in text
    assert not [o for c in json.loads(text)["cells"] for o in c.get("outputs", []) if o["output_type"] == "error"]


def test_the_notebook_keeps_to_the_rules_of_all_notebooks() -> None:
    content = json.loads((ROOT / "notebooks" / "fleet.ipynb").read_text())
    cells = content["cells"]
    assert cells[1]["metadata"]["tags"] == ["parameters"]
    assert all(cell.get("outputs", []) == [] for cell in cells)
    assert all(len("".join(cell["source"]).splitlines()) <= 10 for cell in cells if cell["cell_type"] == "code")
