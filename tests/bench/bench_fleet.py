"""A night over 1,000 registries: live with a login on both ways, and offline; growth; against one `curl --parallel`.

Figures hang on the machine and what else it does, so the last lines are ratios within this run.
`python -m tests.bench.bench_fleet [live|offline|growth]`
"""

import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

from tests.case_files import all_cases
from tests.fleet.stand import CAUSES, passwords, stands, targets

COUNT = 1000
SECONDS, OFFLINE, MEMORY, CURL, GROWTH = 60.0, 15.0, 300, 3.0, 1.2


def fleet(
    inventory: Path, output: Path, env: dict[str, str] | None = None, *more: str
) -> tuple[float, int, dict[str, Any]]:
    """One run as a whole: seconds, peak memory of all its processes in MB, the roll-up."""
    command = [
        sys.executable,
        "-m",
        "runbook",
        "fleet",
        str(inventory),
        "--output-dir",
        str(output),
        "--format",
        "json",
        *more,
    ]
    began = time.perf_counter()
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, env={**os.environ, **(env or {})})
    memory = 0
    while (ended := os.wait4(process.pid, os.WNOHANG))[0] == 0:
        memory = max(memory, held(process.pid))
        time.sleep(0.2)
    seconds = time.perf_counter() - began
    print(f"   processor {ended[2].ru_utime + ended[2].ru_stime:.1f} s")
    return seconds, memory // 1024, json.loads((output / "fleet.json").read_text())


def held(pid: int) -> int:
    """Memory of a process and of those that it made, in kB; what they share counts once."""
    try:
        rows = Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()
        made = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    except OSError:
        return 0
    return sum(int(row.split()[1]) for row in rows if row.startswith("Pss:")) + sum(held(int(p)) for p in made)


def curl(labs: dict[str, dict[str, Any]], rows: list[dict[str, Any]], folder: Path) -> float:
    """The same requests by one process of curl."""
    from runbook.collect import Request, collect
    from runbook.redact import Vault

    asked: dict[str, list[Any]] = {}
    for row in rows:
        fault = row["name"].rpartition(".")[0]
        if fault not in asked:
            request = Request(
                registry_url=row["registry"], ui_url=row["ui"], user=row["user"], password=labs[fault]["password"]
            )
            asked[fault] = list(collect(request, Vault()).live)
    lines: list[str] = []
    for row in rows:
        fault = row["name"].rpartition(".")[0]
        for exchange in asked[fault]:
            base = row["registry"] if exchange.route == "direct" else row["ui"]
            lines += ["next"] if lines else ["parallel", "parallel-immediate", "parallel-max = 64"]
            lines += [
                "silent",
                f"output = {os.devnull}",
                f"request = {exchange.method}",
                f'url = "{base}{exchange.path}"',
            ]
            if login := exchange.credential:
                word = labs[fault]["password"] if login.intent == "given" else "wrong"
                lines.append(f'user = "{login.user}:{word}"')
    (folder / "curl.conf").write_text("\n".join(lines))
    began = time.perf_counter()
    subprocess.run(["curl", "-K", str(folder / "curl.conf")], check=False, stdout=subprocess.DEVNULL)
    print(f"   curl made {lines.count('silent')} requests")
    return time.perf_counter() - began


def live(count: int = COUNT) -> bool:
    """All planted causes, no other; seconds, memory, ratio to curl."""
    with tempfile.TemporaryDirectory() as name, stands(("healthy-a", *CAUSES), ("healthy-b",)) as labs:
        rows = targets(labs, count, 0.05)
        inventory = Path(name) / "all.yaml"
        inventory.write_text(json.dumps({"version": 1, "targets": rows}))
        seconds, memory, found = fleet(inventory, Path(name) / "out", passwords(labs), "--jobs", "64")
        theirs = curl(labs, rows, Path(name))
    planted = Counter(f for row in rows if not (f := row["name"].rpartition(".")[0]).startswith("healthy"))
    told = {group["cause"]: group["count"] for group in found["causes"]}
    print(f"live: {count} in {seconds:.1f} s (≤ {SECONDS:g}), {memory} MB (≤ {MEMORY}), {found['counts']}")
    print(f"      planted {sum(planted.values())} of {len(planted)} causes, as found: {told == planted}")
    print(f"      {seconds / theirs:.2f} × curl's {theirs:.1f} s (≤ {CURL:g})")
    if told != planted:
        print({c: (planted[c], told.get(c)) for c in planted | told if planted[c] != told.get(c)})
        print(
            [
                (t["target"], t["state"], [c["cause"] for c in t["causes"]], t["problem"])
                for t in found["targets"]
                if (t["target"].startswith("healthy")) != (t["state"] == "healthy")
            ][:10]
        )
    return told == planted and memory <= MEMORY and seconds / theirs <= CURL


def bundles(folder: Path, count: int) -> Path:
    """So many bundles: the package's own cases, over and over."""
    cases = all_cases()
    for number in range(count):
        case = cases[number % len(cases)]
        case.write(folder / f"{number:05}-{case.cause}")
    return folder


def offline(count: int = COUNT) -> float:
    """Seconds for so many bundles."""
    with tempfile.TemporaryDirectory() as name:
        seconds, memory, _ = fleet(bundles(Path(name) / "all", count), Path(name) / "out")
    print(f"offline: {count} in {seconds:.1f} s, {1000 * seconds / count:.1f} ms each, {memory} MB")
    return seconds


def main() -> int:
    """Print the figures; 1 where a ratio is beyond its bound."""
    wanted = sys.argv[1:] or ["live", "offline"]
    good = True
    if "live" in wanted:
        good &= live()
    if "offline" in wanted:
        print(f"         (≤ {OFFLINE:g} s)" if offline() <= OFFLINE else f"         (beyond {OFFLINE:g} s)")
    if "growth" in wanted:
        start = offline(1)
        each = [(offline(count) - start) / count for count in (100, 1000, 10_000)]
        print(
            "growth, ms each:", ", ".join(f"{1000 * ms:.1f}" for ms in each), f"(the last ≤ {GROWTH} × the one before)"
        )
        good &= each[2] <= GROWTH * each[1]
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
