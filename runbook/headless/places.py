"""Where the notebooks are: in a checkout beside the package, or inside the installed wheel."""

import json
import shutil
from pathlib import Path
from zlib import crc32

import runbook
from runbook import door
from runbook.redact import Vault

_PACKAGE = Path(runbook.__file__).resolve().parent
_COPIED = ".runbook-copied.json"


def notebooks_folder() -> Path:
    """The folder with 00_start_here.ipynb. FileNotFoundError with a sentence when the installation lacks it."""
    for folder in (_PACKAGE / "notebooks", _PACKAGE.parent / "notebooks"):
        if (folder / "00_start_here.ipynb").is_file():
            return folder
    raise FileNotFoundError("The notebooks are missing from this installation; install registry-runbook again.")


def notebooks() -> list[Path]:
    """The notebooks of a report: the case, and the steps in their order."""
    folder = notebooks_folder()
    return [folder / "case.ipynb", *sorted(p for p in folder.glob("[0-9][0-9]_*.ipynb") if p.name[:2] != "00")]


def writable_copy(target: Path) -> Path:
    """The notebooks in a folder of the user's. A newer package renews those whose cells nobody changed; work is
    never overwritten."""
    source = notebooks_folder()
    list_ = target / _COPIED
    known = _known(list_)
    for path in sorted(p for p in source.rglob("*") if p.is_file() and ".ipynb_checkpoints" not in p.parts):
        name = path.relative_to(source)
        copy = target / name
        if not copy.exists() or known.get(str(name)) == fingerprint(copy):
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
            known[str(name)] = fingerprint(copy)
    door.write(list_, json.dumps(known, indent=1), Vault())
    return target


def fingerprint(path: Path) -> int:
    """A number for what a person would have written: of a notebook its cells, without outputs."""
    data = path.read_bytes()
    try:
        cells = json.loads(data)["cells"] if path.suffix == ".ipynb" else None
        sources = ["".join(cell["source"]) for cell in cells] if cells is not None else None
    except (ValueError, KeyError, TypeError):
        sources = None
    return crc32(json.dumps(sources).encode() if sources is not None else data)


def _known(file: Path) -> dict[str, int]:
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return {k: v for k, v in found.items() if isinstance(v, int)} if isinstance(found, dict) else {}
