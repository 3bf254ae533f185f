"""JupyterLite with the notebooks: JupyterLab in a browser, its kernel Pyodide, nothing asked of another host.

What it is made of comes from an environment of its own, pinned with hashes in `.ci/lite`. Pyodide's own packages lie on no
package index, so pandas is not there, and neither is the notebook about a fleet, which needs it.
"""

import hashlib
import json
import shutil
import subprocess
import tempfile
import zipfile
from pathlib import Path
from typing import Any

from runbook import __version__
from runbook.collect import UsageError
from runbook.headless.places import notebooks_folder
from runbook.lazy import re

MADE_BY = ".ci/lite/make"
"""In a checkout."""
_KERNEL = "@jupyterlite/pyodide-kernel-extension"
_EXTENSIONS = (_KERNEL, "@jupyter-widgets/jupyterlab-manager")
_FIRST = ("micropip", "pyodide-kernel", "ipykernel", "ipython", "registry-runbook")
"""What the kernel loads as it starts, each with what it needs."""
_NEEDS = {
    "registry-runbook": ["httpx", "ipywidgets", "sniffio"],
    "pyodide-kernel": ["comm", "ipython", "ipykernel"],
    "ipywidgets": ["widgetsnbextension", "comm", "ipython"],
    "ipython": [
        "jedi", "matplotlib-inline", "prompt-toolkit", "pygments", "stack-data", "traitlets",
        "ipython-pygments-lexers", "typing-extensions", "six",
    ],
    "stack-data": ["executing", "asttokens", "pure-eval"],
    "prompt-toolkit": ["wcwidth"],
    "jedi": ["parso"],
    "httpx": ["httpcore", "anyio", "idna", "certifi"],
    "httpcore": ["h11"],
    "micropip": ["packaging"],
}  # fmt: skip
_NOT_HERE = ("fleet.ipynb",)


def check(environment: Path) -> None:
    """Whether the environment is there. `UsageError` says how it is made."""
    if not (environment / "bin/jupyter-lite").is_file():
        raise UsageError(f"{environment} is no environment with JupyterLite; in a checkout: {MADE_BY} {environment}")


def build(folder: Path, environment: Path) -> None:
    """Write `folder`/lite; the core of Pyodide and this package are there already."""
    with tempfile.TemporaryDirectory() as name:
        home = Path(name)
        _pyodide(home / "static/pyodide", folder, environment)
        shutil.copytree(
            notebooks_folder(), home / "files", ignore=shutil.ignore_patterns(*_NOT_HERE, ".ipynb_checkpoints")
        )
        shared = environment / "share/jupyter/labextensions"
        settings = {"loadPyodideOptions": {"packages": _FIRST}, "disablePyPIFallback": True}
        plugin = {"litePluginSettings": {f"{_KERNEL}:kernel": settings}}
        config: dict[str, Any] = {"jupyter-lite-schema-version": 0, "jupyter-config-data": plugin}
        (home / "jupyter-lite.json").write_text(json.dumps(config))
        build_config = {
            "federated_extensions": [str(shared / name) for name in _EXTENSIONS],
            "ignore_sys_prefix": ["federated_extensions"],
            "no_sourcemaps": True,
        }
        (home / "jupyter_lite_config.json").write_text(json.dumps({"LiteBuildConfig": build_config}))
        words = [
            str((environment / "bin/jupyter-lite").absolute()),
            "build",
            "--output-dir",
            str((folder / "lite").absolute()),
        ]
        done = subprocess.run(words, cwd=home, capture_output=True, text=True, timeout=600)
        if done.returncode:
            raise UsageError(f"JupyterLite could not be built: {(done.stdout + done.stderr)[-400:]}")


def _pyodide(target: Path, folder: Path, environment: Path) -> None:
    """Pyodide's core, what the kernel needs as wheels, and a lock file that knows these and nothing else."""
    target.mkdir(parents=True)
    for part in (folder / "pyodide").iterdir():
        shutil.copyfile(part, target / part.name)
    own = target / f"registry_runbook-{__version__}-py3-none-any.whl"
    shutil.copyfile(folder / "runbook.zip", own)
    with zipfile.ZipFile(own, "a") as archive:
        about = f"registry_runbook-{__version__}.dist-info"
        archive.writestr(
            f"{about}/METADATA", f"Metadata-Version: 2.1\nName: registry-runbook\nVersion: {__version__}\n"
        )
        archive.writestr(f"{about}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        archive.writestr(f"{about}/RECORD", "")
    of_kernel = (environment / f"share/jupyter/labextensions/{_KERNEL}/static/pypi").glob("*.whl")
    for wheel in [*(environment / "kernel").glob("*.whl"), *of_kernel]:
        if not wheel.name.startswith("widgetsnbextension-3"):
            shutil.copyfile(wheel, target / wheel.name)
    lock = json.loads((target / "pyodide-lock.json").read_text())
    lock["packages"] = {entry["name"]: entry for entry in map(_entry, sorted(target.glob("*.whl")))}
    if missing := {*_NEEDS, *(need for needs in _NEEDS.values() for need in needs)} - set(lock["packages"]):
        raise UsageError(
            f"The environment with JupyterLite lacks {', '.join(sorted(missing))}: make it anew ({MADE_BY})."
        )
    (target / "pyodide-lock.json").write_text(json.dumps(lock))


def _entry(wheel: Path) -> dict[str, Any]:
    raw, version = wheel.name.split("-")[:2]
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/")[0].removesuffix(".py") for name in archive.namelist() if ".dist-info" not in name}
    return {
        "name": _normal(raw), "version": version, "file_name": wheel.name, "install_dir": "site", "package_type": "package",
        "sha256": hashlib.sha256(wheel.read_bytes()).hexdigest(), "imports": sorted(tops), "unvendored_tests": False,
        "depends": _NEEDS.get(_normal(raw), []),
    }  # fmt: skip


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
