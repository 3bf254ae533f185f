"""Lays the lab's folder out: the project's files, the pages, the volumes; and translates its paths back."""

import os
import re
import shutil
import tempfile
from pathlib import Path
from urllib.parse import urlsplit

from runbook.lab import frontends
from runbook.lab.frontends import FOLDER
from runbook.lab.plan import Plan
from runbook.leftovers import lives

_PREFIX = "runbook-lab-"
_CONTAINER = "172.18.0.2"
_PAGE = "<!DOCTYPE html><html><head><title>Docker Registry UI</title></head><body>Docker Registry UI</body></html>\n"
_ERROR_PAGE = "<!DOCTYPE html><html><head><title>Error</title></head><body><h1>An error occurred.</h1></body></html>\n"


def new_home() -> Path:
    """A private folder for one lab, named after its process. Those of dead ones are removed first:
    a process that was killed could not do it."""
    clear()
    return Path(tempfile.mkdtemp(prefix=f"{_PREFIX}{os.getpid()}-"))


def clear() -> int:
    """Remove the folders of labs whose process is no more; returns how many there were."""
    count = 0
    for left in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        pid = left.name.removeprefix(_PREFIX).partition("-")[0]
        if pid.isdecimal() and not lives(int(pid)) and is_home(left, int(pid)):
            shutil.rmtree(left, ignore_errors=True)
            count += 1
    return count


def is_home(path: Path, pid: int) -> bool:
    """Whether that is the folder of a lab of that process, of ours: what may be removed."""
    right = path.name.startswith(f"{_PREFIX}{pid}-") and path.parent == Path(tempfile.gettempdir())
    return right and path.is_dir() and not path.is_symlink() and path.lstat().st_uid == os.getuid()


def lay_out(plan: Plan, home: Path) -> None:
    """Write all anew, as when containers are re-created: what lies in no volume is gone."""
    for name in ("layer", "project", FOLDER, "www"):
        shutil.rmtree(home / name, ignore_errors=True)
    for log in ("registry.log", "ui.log", "ui-error.log"):
        (home / log).unlink(missing_ok=True)
    files = {f"project/{name}": data for name, data in plan.files.items()}
    files |= {"www/index.html": _PAGE.encode(), "www/50x.html": _ERROR_PAGE.encode()}
    files |= {str(plan.host_path(path, home).relative_to(home)): data for path, data in plan.inlined.items()}
    for name, data in files.items():
        path = home / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    for name in plan.directories:
        (home / "project" / name).mkdir(parents=True, exist_ok=True)
    for source, _ in plan.mounts:
        if not _behind(source, home).exists():
            _behind(source, home).mkdir(parents=True)
    _lock(plan, home)


def _lock(plan: Plan, home: Path) -> None:
    """Make files unreadable for the user that the registry runs as."""
    if plan.container_user and is_root():
        home.chmod(0o711)
    for name in plan.locked:
        path = home / "project" / name
        if path.exists():
            path.chmod(0o600 if is_root() else 0)


def is_root() -> bool:
    """Whether this process may do everything; a browser's may, and has no number for it."""
    return not hasattr(os, "geteuid") or os.geteuid() == 0


def _behind(source: str, home: Path) -> Path:
    return home / ("project/" + source[2:] if source.startswith("./") else "volumes/" + source)


def inside(text: str, plan: Plan, home: Path) -> str:
    """Log text with paths and addresses as they look inside the containers."""
    for source, target in plan.mounts:
        text = text.replace(str(_behind(source, home)), target)
    text = text.replace(str(home / "layer"), "").replace(str(home / "registry.yml"), plan.config_path)
    text = frontends.inside(text, plan, home).replace(str(home), "")
    text = text.replace(f"listening on 127.0.0.1:{plan.port}", f"listening on [::]:{plan.listen_port}")
    return _upstream_inside(text, plan)


def _upstream_inside(text: str, plan: Plan) -> str:
    """Log text in which a container that has a name has an address of the containers' network, not one of loopback."""
    written = urlsplit(plan.proxy.upstream or "")
    if written.hostname != plan.registry:
        return text
    port = written.port or (443 if written.scheme == "https" else 80)
    text = re.sub(rf"127\.0\.0\.1:{plan.upstream_port()}(?!\d)( \(127\.0\.0\.1\))?",
                  lambda m: f"{_CONTAINER}:{port}{f' ({_CONTAINER})' if m[1] else ''}", text)  # fmt: skip
    return text.replace(
        "failed to make connection to backend: 127.0.0.1", f"failed to make connection to backend: {_CONTAINER}"
    )
