"""Where the notebooks are: in a checkout beside the package, or inside the installed wheel."""

import shutil
from pathlib import Path

import runbook

_PACKAGE = Path(runbook.__file__).resolve().parent


def notebooks_folder() -> Path:
    """The folder with 00_start_here.ipynb. FileNotFoundError with a sentence when the installation lacks it."""
    for folder in (_PACKAGE / "notebooks", _PACKAGE.parent / "notebooks"):
        if (folder / "00_start_here.ipynb").is_file():
            return folder
    raise FileNotFoundError("The notebooks are missing from this installation; install registry-runbook again.")


def notebooks() -> list[Path]:
    """The numbered notebooks in their order."""
    return sorted(notebooks_folder().glob("[0-9][0-9]_*.ipynb"))


def writable_copy(target: Path) -> Path:
    """The notebooks in a folder of the user's, each copied unless it is there already: work is never overwritten."""
    source = notebooks_folder()
    if source == _PACKAGE.parent / "notebooks":
        return source
    for path in sorted(source.rglob("*")):
        copy = target / path.relative_to(source)
        if path.is_file() and not copy.exists():
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(path, copy)
    return target
