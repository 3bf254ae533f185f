"""A kernel that is surely there: this very interpreter, whatever the environment's kernelspecs are called."""

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from runbook.leftovers import named, sweep

NAME = "runbook-report"
_PREFIX = "runbook-kernel-"


@contextmanager
def own_kernel() -> Iterator[str]:
    """Make a kernelspec for this interpreter in a temporary folder; gives its name."""
    sweep(Path(tempfile.gettempdir()), _PREFIX)
    with tempfile.TemporaryDirectory(prefix=named(_PREFIX)) as folder:
        home = Path(folder) / "kernels" / NAME
        home.mkdir(parents=True)
        command = [
            sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}",
            "--IPKernelApp.log_level=ERROR", "--HistoryManager.enabled=False",
        ]  # fmt: skip
        spec = {"argv": command, "display_name": "runbook", "language": "python"}
        (home / "kernel.json").write_text(json.dumps(spec), encoding="utf-8")
        before = os.environ.get("JUPYTER_PATH")
        os.environ["JUPYTER_PATH"] = os.pathsep.join([folder, *([before] if before else [])])
        try:
            yield NAME
        finally:
            if before is None:
                del os.environ["JUPYTER_PATH"]
            else:
                os.environ["JUPYTER_PATH"] = before
