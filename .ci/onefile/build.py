"""One file that runs on a bare Python 3.11 or later: `python .ci/onefile/build.py [OUTPUT]` (default dist/runbook.pyz).

Pure Python only, pinned with hashes; the same sources give the same bytes.
"""

import hashlib
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
SHEBANG = b"#!/usr/bin/env python3\n"
LEFT_OUT = re.compile(
    r"(^|/)(__pycache__|tests?|bin)/|\.(so|pyd|pyc|pyi)$|\.dist-info/(RECORD|INSTALLER|REQUESTED|WHEEL)$"
)
METADATA = """Metadata-Version: 2.4
Name: registry-runbook
Version: {version}
License-Expression: MIT
Requires-Python: >=3.11
{needs}
"""


def build(output: Path) -> Path:
    """Write the file; returns where it is."""
    with tempfile.TemporaryDirectory() as name:
        target = Path(name)
        subprocess.run(
            [
                *(sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--require-hashes"),
                *("--no-deps", "--no-compile", "--only-binary", ":all:", "--target", name),
                *("-r", str(HERE / "requirements.txt")),
            ],
            check=True,
        )
        parts = {path.relative_to(target).as_posix(): path.read_bytes() for path in target.rglob("*") if path.is_file()}
    parts |= dict(_own())
    parts = {name: data for name, data in sorted(parts.items()) if not LEFT_OUT.search(name)}
    digest = hashlib.sha256()
    for name, data in parts.items():
        digest.update(b"%d %s %d\n" % (len(name), name.encode(), len(data)) + data)
    start = (HERE / "start.py").read_text(encoding="utf-8").replace("@BUILD@", digest.hexdigest()[:20])
    output.parent.mkdir(parents=True, exist_ok=True)
    with output.open("wb") as stream:
        stream.write(SHEBANG)
        with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            for name, data in {"__main__.py": start.encode(), **parts}.items():
                entry = zipfile.ZipInfo(name, (2020, 1, 1, 0, 0, 0))
                entry.compress_type, entry.external_attr = zipfile.ZIP_DEFLATED, 0o644 << 16
                archive.writestr(entry, data, compresslevel=9)
    output.chmod(0o755)
    return output


def _own() -> Iterator[tuple[str, bytes]]:
    for path in (ROOT / "runbook").rglob("*"):
        if path.is_file():
            yield path.relative_to(ROOT).as_posix(), path.read_bytes()
    version = re.search(r'__version__ = "(.+)"', (ROOT / "runbook/__init__.py").read_text(encoding="utf-8"))
    names = re.findall(r"(?m)^([\w.-]+)==", (HERE / "requirements.txt").read_text(encoding="utf-8"))
    needs = "\n".join(f"Requires-Dist: {name}" for name in names)
    meta = METADATA.format(version=version[1] if version else "0", needs=needs)
    yield "registry_runbook.dist-info/METADATA", meta.encode()
    yield "registry_runbook.dist-info/licenses/LICENSE", (ROOT / "LICENSE").read_bytes()


if __name__ == "__main__":
    made = build(Path(sys.argv[1]) if sys.argv[1:] else ROOT / "dist/runbook.pyz")
    print(f"{made}: {made.stat().st_size / 1e6:.2f} MB, sha256 {hashlib.sha256(made.read_bytes()).hexdigest()}")
