"""A live diagnosis of a healthy native stack against the same requests by one `curl --parallel`: ratios within one run.

The process's own start is measured as the same program judging the evidence of that very run, saved, with the HTTP
client and its event loop loaded: all but the asking.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from runbook.lab import Lab

BOUND = 2.0
ROUNDS = 9
_START = """
import anyio, sys
import runbook.collect.probe
from runbook.cli import main
anyio.run(anyio.sleep, 0)
sys.exit(main(sys.argv[1:]))
"""


def seconds(command: list[str], env: dict[str, str]) -> float:
    """Wall time of one run as a whole process."""
    began = time.perf_counter()
    subprocess.run(command, capture_output=True, check=False, env=env)
    return time.perf_counter() - began


def curl(exchanges: list[dict[str, Any]], password: str) -> list[str]:
    """One process that makes the same requests, all at once."""
    command = ["curl", "--parallel", "--parallel-immediate"]
    for number, exchange in enumerate(exchanges):
        command += ["--next"] if number else []
        command += ["-s", "-o", os.devnull, "-X", exchange["method"], exchange["url"]]
        if login := exchange.get("credential"):
            command += ["-u", f"{login['user']}:{password if login['intent'] == 'given' else 'wrong'}"]
    return command


def main() -> int:
    """Print the figures; 1 above the bound."""
    with tempfile.TemporaryDirectory() as name, Lab(backend="native") as lab:
        saved = Path(name) / "evidence.json"
        env = {**os.environ, "BENCH_PASSWORD": lab.password}
        target = ["--registry", lab.registry_url, "--ui", lab.ui_url, "--user", lab.user]
        mine = [sys.executable, "-m", "runbook", "diagnose", *target, "--password-env", "BENCH_PASSWORD"]
        subprocess.run([*mine, "--save-evidence", str(saved)], env=env, capture_output=True, check=True)
        exchanges = json.loads(saved.read_text())["evidence"]["exchanges"]
        theirs = curl(exchanges, lab.password)
        start = [sys.executable, "-c", _START, "diagnose", str(saved)]
        rounds = [(seconds(mine, env), seconds(theirs, env), seconds(start, env)) for _ in range(ROUNDS)]
    whole, parallel, own = (statistics.median(column) for column in zip(*rounds, strict=True))
    ratio = (whole - own) / parallel
    print(
        f"diagnose live: {whole:.2f} s for {len(exchanges)} requests; own start {own:.2f} s; curl --parallel "
        f"{parallel * 1000:.0f} ms; asking costs {ratio:.1f} of curl (bound {BOUND:g})"
    )
    return 0 if ratio <= BOUND else 1


if __name__ == "__main__":
    raise SystemExit(main())
