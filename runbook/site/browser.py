"""The browser edition: Pyodide's core, this package, and two pages. What is dropped or practised stays in the tab."""

import hashlib
import shutil
import zipfile
from importlib.util import find_spec
from pathlib import Path

from runbook import door
from runbook.collect import UsageError
from runbook.redact import Vault
from runbook.site.pages import page, static

VERSION = "314.0.7"
CORE = {
    "pyodide.mjs": "6f1d60f7bf529beb300f0f47983c921d3982363640ba20af0e38efdddbc66109",
    "pyodide.asm.mjs": "f7cdc8ece80678ceb712f8e65ebe6d3a83203a180c399865f49612a051693635",
    "pyodide.asm.wasm": "cc36e3cab04fdfc9a63ff13eb52eae2b911bf46c025cc7b281f394bd3de1d5e6",
    "python_stdlib.zip": "fa1957e5777068fc4f7437f96d860ae2fbe9c19732ba06c84e004ec16dd7dd7a",
    "pyodide-lock.json": "5dc2fc119108bc148c7457dc86e7675b5c87e1cafd420b9c34c1eaef7b36c010",
}
"""What is taken of the npm package, with the SHA-256 of each file."""
PACKAGES = ("runbook", "yaml", "crossplane", "jinja2", "markupsafe")
PAGES = {"diagnose": "Diagnose in this browser", "practice": "Practise in this browser"}
_KEPT = {".py", ".css", ".txt", ".js", ".json", ".html", ".j2"}
POLICY = (
    "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; connect-src 'self'; style-src 'self' 'unsafe-inline';"
    " img-src data:; frame-src 'self'; base-uri 'none'; form-action 'none'"
)
"""Styles may be inline because the report that is shown in a frame brings its own; scripts may not."""


def check(source: Path) -> None:
    """Whether it is the Pyodide that this was tested with. `UsageError` says what to fetch."""
    for name, digest in CORE.items():
        path = source / name
        if not path.is_file() or hashlib.sha256(path.read_bytes()).hexdigest() != digest:
            raise UsageError(f"{source} is not Pyodide {VERSION} ({name}): npm install pyodide@{VERSION}")


def build(folder: Path, source: Path) -> None:
    """Write the pages, the core and the package."""
    core = folder / "pyodide"
    core.mkdir(exist_ok=True)
    for name in CORE:
        shutil.copyfile(source / name, core / name)
    with zipfile.ZipFile(folder / "runbook.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for package in PACKAGES:
            spec = find_spec(package)
            if spec is None or not spec.submodule_search_locations:
                raise UsageError(f"This command needs {package}, which is not here: pip install registry-runbook")
            root = Path(spec.submodule_search_locations[0])
            for path in sorted(root.rglob("*")):
                if path.suffix in _KEPT and "notebooks" not in path.relative_to(root).parts:
                    entry = zipfile.ZipInfo(f"{package}/{path.relative_to(root).as_posix()}", (2020, 1, 1, 0, 0, 0))
                    archive.writestr(entry, path.read_bytes(), zipfile.ZIP_DEFLATED, 9)
    pages(folder)
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


def pages(folder: Path) -> None:
    """Write the pages and their scripts."""
    door.write(folder / "engine.js", static("engine.js"), Vault())
    for name, title in PAGES.items():
        door.write(folder / f"{name}.js", static(f"{name}.js"), Vault())
        made = page(f"{name}.html.j2", title, policy=POLICY, script=f"{name}.js", module=True)
        door.write(folder / f"{name}.html", made, Vault())
