"""All notebooks headless with the report, against as many `papermill` and `nbconvert` command lines, in one run.

Also the peak memory of the whole process tree of the headless run.
"""

import contextlib
import os
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path

from runbook.headless.places import notebooks

BOUND, MEMORY = 0.2, 300


def tree_megabytes(root: int) -> float:
    """Proportional memory of a process and all below it, in MB (pages that they share count once)."""
    below: dict[int, list[int]] = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError, IndexError, ValueError):
                parent = int((entry / "stat").read_text().rsplit(")", 1)[1].split()[1])
                below.setdefault(parent, []).append(int(entry.name))
    total, waiting = 0, [root]
    while waiting:
        process = waiting.pop()
        waiting += below.get(process, [])
        with contextlib.suppress(OSError):
            for line in Path(f"/proc/{process}/smaps_rollup").read_text().splitlines():
                if line.startswith("Pss:"):
                    total += int(line.split()[1])
    return total / 1024


def watched(command: list[str]) -> tuple[float, float]:
    """Seconds and peak MB of a command with all its processes."""
    peak = 0.0
    ended = threading.Event()
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)

    def watch() -> None:
        nonlocal peak
        while not ended.wait(0.05):
            peak = max(peak, tree_megabytes(process.pid))

    watcher = threading.Thread(target=watch)
    watcher.start()
    process.wait()
    seconds = time.perf_counter() - began
    ended.set()
    watcher.join()
    return seconds, peak


def one_by_one(notebooks: list[Path], evidence: Path, folder: Path) -> float:
    """Seconds for what everybody would type: papermill, then nbconvert, for each notebook."""
    began = time.perf_counter()
    for source in notebooks:
        target = folder / source.name
        run = [sys.executable, "-m", "papermill", str(source), str(target), "-k", "python3", "--no-progress-bar"]
        run += ["-p", "bundle", str(evidence), "-y", "interactive: false"]
        subprocess.run(run, check=True, capture_output=True, cwd=folder)
        convert = [sys.executable, "-m", "nbconvert", "--to", "html", str(target)]
        subprocess.run(convert, check=True, capture_output=True, cwd=folder)
    return time.perf_counter() - began


def main() -> int:
    """Print the figures; 1 above a bound."""
    os.environ["JUPYTER_PREFER_ENV_PATH"] = "1"
    with tempfile.TemporaryDirectory() as name:
        first, second = Path(name) / "report", Path(name) / "one-by-one"
        second.mkdir()
        demo = [sys.executable, "-m", "runbook", "demo", "--output-dir", str(first)]
        subprocess.run(demo, check=True, capture_output=True)  # warm: bytecode, file cache
        report = [sys.executable, "-m", "runbook", "report", str(first / "evidence.json"), "--output-dir", str(first)]
        ours, peak = watched(report)
        theirs = one_by_one(notebooks(), first / "evidence.json", second)
    ratio = ours / theirs
    print(
        f"all notebooks headless with report: {ours:.1f} s against {theirs:.1f} s one by one, ratio {ratio:.2f} "
        f"(bound {BOUND}); peak {peak:.0f} MB (bound {MEMORY})"
    )
    return 0 if ratio <= BOUND and peak <= MEMORY else 1


if __name__ == "__main__":
    raise SystemExit(main())
