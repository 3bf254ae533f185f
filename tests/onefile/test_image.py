"""The image: built by the Dockerfile on an engine, run as it is meant to be: not root, nothing to write, no network.

Base images cannot always be had, so the base is this machine's own Python, its libraries and a shell.
"""

import io
import json
import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import uuid
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.onefile.test_onefile import CASES, ROOT, pyz

__all__ = ["pyz"]
PYTHON = Path(f"/usr/bin/python3.{sys.version_info.minor}")
PROGRAMS = ("/bin/sh", "/bin/chmod")


def docker(*words: str, **more: object) -> subprocess.CompletedProcess[str]:
    env = {**os.environ, "DOCKER_BUILDKIT": "0"}
    return subprocess.run(("docker", *words), capture_output=True, text=True, timeout=240, env=env, **more)  # type: ignore[call-overload,no-any-return]


def libraries(path: Path) -> set[str]:
    said = subprocess.run(["ldd", str(path)], capture_output=True, text=True).stdout
    return set(re.findall(r"(/\S+\.so\S*)", said))


def base() -> bytes:
    """A root with Python and a shell, as a tar archive."""
    library = Path(f"/usr/lib/python3.{sys.version_info.minor}")
    wanted = {str(PYTHON): "/usr/bin/python3", **{p: p for p in PROGRAMS}}
    modules = [p for p in library.rglob("*") if p.is_file() and not {"test", "__pycache__"} & set(p.parts)]
    wanted |= {str(p): str(p) for p in modules}
    for binary in (PYTHON, *map(Path, PROGRAMS), *library.glob("lib-dynload/*.so")):
        wanted |= {name: name for name in libraries(binary)}
    wanted |= {
        str(p): f"/usr/lib/{p.name}" for p in Path(sysconfig.get_config_var("LIBDIR") or "/").glob("libcrypt.so.1")
    }
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        folder = tarfile.TarInfo("tmp")
        folder.type, folder.mode = tarfile.DIRTYPE, 0o1777
        archive.addfile(folder)
        for source, target in sorted(wanted.items()):
            entry = archive.gettarinfo(os.path.realpath(source), target.lstrip("/"))
            entry.type, entry.linkname = tarfile.REGTYPE, ""
            data = Path(source).read_bytes()
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return buffer.getvalue()


@pytest.fixture(scope="module")
def image(pyz: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if not shutil.which("docker") or docker("info").returncode or not PYTHON.exists():
        if os.environ.get("RUNBOOK_REQUIRE_REAL") and "engine" not in os.environ.get("RUNBOOK_CANNOT", ""):
            pytest.fail("no Docker engine, or no Python of the system")
        pytest.skip("no Docker engine answers, or the system has no Python of its own")
    name = f"runbook-test-{uuid.uuid4().hex[:8]}"
    context = tmp_path_factory.mktemp("context")
    (context / "runbook.pyz").write_bytes(pyz.read_bytes())
    (context / "base.tar").write_bytes(base())
    try:
        made = docker("import", str(context / "base.tar"), f"{name}-base")
        assert made.returncode == 0, made.stderr
        (context / "base.tar").unlink()
        dockerfile = str(ROOT / ".ci/image/Dockerfile")
        made = docker("build", "--build-arg", f"BASE={name}-base", "-t", name, "-f", dockerfile, str(context))
        assert made.returncode == 0, made.stdout[-1500:] + made.stderr[-1500:]
        yield name
    finally:
        docker("rmi", "-f", name, f"{name}-base")


def test_it_judges_with_nothing_to_write_and_no_network(image: str) -> None:
    hard = ("--rm", "--read-only", "--network", "none", "--cap-drop", "ALL", "--security-opt", "no-new-privileges")
    case = next(c for c in CASES if (c / "bundle").is_dir())
    done = docker(
        "run", *hard, "-v", f"{case / 'bundle'}:/incident:ro", image, "diagnose", "/incident", "--format", "json"
    )
    native = subprocess.run(
        [sys.executable, "-m", "runbook", "diagnose", str(case / "bundle"), "--format", "json"],
        capture_output=True, text=True, env={**os.environ, "PYTHONPATH": str(ROOT)}, timeout=120,
    )  # fmt: skip
    assert done.returncode == native.returncode, done.stderr
    here, there = json.loads(native.stdout), json.loads(done.stdout)
    assert (there["verdict"], [c["cause"] for c in there["causes"]]) == (
        here["verdict"], [c["cause"] for c in here["causes"]],
    )  # fmt: skip
    assert done.stderr == ""


def test_it_is_not_root_and_says_what_it_takes(image: str) -> None:
    assert json.loads(docker("image", "inspect", image).stdout)[0]["Config"]["User"] == "65534:65534"
    assert "COMMAND" in docker("run", "--rm", image).stdout
