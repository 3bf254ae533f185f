"""The case notebook before it is shown: executed, signed, in a folder of the user's."""

import json
import os
import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

import nbformat

from runbook import door
from runbook.folder import NAME, CaseFolder
from runbook.headless.execute import execute_all
from runbook.headless.places import fingerprint, notebooks_folder
from runbook.headless.reading import LESSON, LIVE, without
from runbook.judge import diagnose
from runbook.redact import Vault
from runbook.report.block import Block
from runbook.report.html import title_of

_WORKSPACE = "default-37a8.jupyterlab-workspace"
"""As JupyterLab's server names it, which takes half a second to import."""


def open_case(folder: Path) -> Path:
    """Write `case.ipynb` into the folder with the outputs of the current case; give its path.

    Its widgets are left for the person to start, and say so: a widget without its kernel shows nothing.
    """
    source = notebooks_folder() / "case.ipynb"
    target = folder / source.name
    if target.exists() and fingerprint(target) != fingerprint(source):
        target.rename(folder / f"case-{datetime.now():%Y%m%d-%H%M%S}.ipynb")
    with tempfile.TemporaryDirectory(dir=folder, prefix=".making-") as name:
        making = Path(name)
        whole = nbformat.read(source, as_version=4)
        live = [(i, cell) for i, cell in enumerate(whole.cells) if LIVE in cell.metadata.get("tags", [])]
        (making / "in").mkdir()
        nbformat.write(without(source, (LIVE,)), making / "in" / source.name)
        (done,) = execute_all([making / "in" / source.name], making, {}, lambda executed: None)
        shown = nbformat.read(done.path if done.path.exists() else making / "in" / source.name, as_version=4)
        for index, cell in live:
            shown.cells.insert(index, waiting(cell))
        shown.metadata = nbformat.read(source, as_version=4).metadata
        door.write(target, nbformat.writes(shown), Vault())
    _sign(target)
    return target


def waiting(cell: Any) -> Any:
    """A cell that was not run, with the sentence that its notebook has for that."""
    text = cell.metadata.get("runbook", {}).get("waits", "")
    if text and cell.cell_type == "code":
        data = {"text/html": Block.soft(text)._repr_html_(), "text/plain": text}
        cell.outputs = [nbformat.v4.new_output("display_data", data=data)]
    return cell


def at_ease(folder: Path) -> list[str]:
    """Options with which JupyterLab shows the case alone: side bars folded, no question about news, and no tabs of the
    user's other work. It is a layout of this folder; whatever the user set otherwise stays."""
    home = folder / ".jupyter"
    defaults = {"@jupyterlab/apputils-extension:notification": {"fetchNews": "false"}}
    (home / "labconfig").mkdir(parents=True, exist_ok=True)
    door.write(home / "labconfig" / "default_setting_overrides.json", json.dumps(defaults), Vault())
    before = os.environ.get("JUPYTER_CONFIG_PATH")
    os.environ["JUPYTER_CONFIG_PATH"] = os.pathsep.join([str(home), *([before] if before else [])])
    spaces = home / "workspaces"
    spaces.mkdir(exist_ok=True)
    if not any(spaces.iterdir()):
        shut = {"collapsed": True, "visible": True}
        main = {"dock": {"type": "tab-area", "currentIndex": 0, "widgets": []}}
        layout = {"main": main, "left": shut, "right": shut}
        layout = {"data": {"layout-restorer:data": layout}, "metadata": {"id": "default"}}
        door.write(spaces / _WORKSPACE, json.dumps(layout), Vault())
    return [f"--LabApp.workspaces_dir={spaces}"]


def page_of_case(folder: Path) -> Path:
    """Write `case-page.ipynb`: the case without what teaches and without links to other notebooks, for `runbook serve`."""
    source, target = notebooks_folder() / "case.ipynb", folder / "case-page.ipynb"
    shown = without(source, (LESSON,))
    for cell in shown.cells:
        cell.source = cell.source.replace("case.steps()", "case.steps(links=False)")
    known = CaseFolder(folder / NAME).evidence()
    shown.metadata["title"] = title_of(diagnose(known)) if known else "The case"
    door.write(target, nbformat.writes(shown), Vault())
    return target


def _sign(path: Path) -> None:
    """Tell Jupyter that this user made the outputs, else it strips their styles. Where it keeps no signatures, they stay plain."""
    from nbformat.sign import NotebookNotary

    notary = NotebookNotary()
    try:
        notary.sign(nbformat.read(path, as_version=4))
    except OSError:
        return
    finally:
        notary.store.close()
