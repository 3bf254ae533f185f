"""The case notebook of a target that fails: executed by papermill, in a process of its own, from the saved evidence.

`python -m runbook.fleet.notebook FOLDER` executes it in a folder that holds the evidence.
"""

import os
import subprocess
import sys
import tempfile
from pathlib import Path
from threading import BoundedSemaphore

from runbook import __version__, door
from runbook.collect.evidence_file import dump_evidence
from runbook.leftovers import named, sweep
from runbook.model import Evidence
from runbook.redact import Vault

NAME = "case.ipynb"
_PREFIX = "runbook-fleet-notebook-"
_SECONDS = 300
_AT_ONCE = BoundedSemaphore(2)
"""Each takes a core and 100 MB: few of them, however many targets are asked at once."""


def executed(evidence: Evidence, vault: Vault) -> str:
    """The notebook with its outputs, without secrets; "" where none could be made."""
    from runbook.headless.report import EVIDENCE, clean

    sweep(Path(tempfile.gettempdir()), _PREFIX)
    with _AT_ONCE, tempfile.TemporaryDirectory(prefix=named(_PREFIX)) as name:
        folder = Path(name)
        door.write(folder / EVIDENCE, dump_evidence(evidence, __version__).decode(), vault)
        words = [sys.executable, "-m", "runbook.fleet.notebook", name]
        try:
            subprocess.run(words, stdin=subprocess.DEVNULL, capture_output=True, timeout=_SECONDS, check=False)
        except (OSError, subprocess.TimeoutExpired):
            return ""
        made = folder / NAME
        clean(made, vault)
        return made.read_text(encoding="utf-8") if made.is_file() else ""


def main(folder: Path) -> None:
    """Execute the case notebook in this folder."""
    from runbook.headless.execute import die_with, execute
    from runbook.headless.places import notebooks_folder
    from runbook.headless.reading import KEPT, LESSON, LIVE
    from runbook.headless.report import EVIDENCE, reported, told

    die_with(os.getppid())
    source = reported(notebooks_folder() / NAME, folder / ".in", (LESSON, LIVE, KEPT))
    with told(None):
        execute(source, folder, {"bundle": EVIDENCE, "interactive": False})


if __name__ == "__main__":
    main(Path(sys.argv[1]))
