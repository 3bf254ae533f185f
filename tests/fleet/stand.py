"""Many virtual registries in one process: labs that answer on every address of 127.0.0.0/8, so that each is a host of its own.

`python -m tests.fleet.stand FAULT…` prints for each lab ("healthy…": without a fault) its ports and login as a line of
JSON, and runs until standard input ends.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent.parent
ASKED = (
    "auth-not-enforced", "authorization-stripped", "cors-duplicate-headers", "cors-multiple-origins",
    "cors-origin-mismatch", "cors-wildcard-with-credentials", "double-auth-one-header", "proxy-bypasses-auth",
    "www-authenticate-missing",
)  # fmt: skip
"""Causes that are told apart by asking alone."""
READ = ("htpasswd-not-bcrypt", "upstream-wrong-port", "ping-not-challenged")
"""Causes for which the inventory names the files, too."""
CAUSES = (*ASKED, *READ)
PASSWORD = "FLEET_BENCH_PASSWORD"


def main() -> None:
    """Serve until told to stop."""
    from runbook.lab import Lab, serving

    class Everywhere(serving._Server):
        def server_bind(self) -> None:
            self.server_address = ("0.0.0.0", self.server_address[1])
            super().server_bind()

        def verify_request(self, request: Any, client_address: Any) -> bool:
            return str(client_address[0]).startswith("127.")

    serving._Server = Everywhere  # type: ignore[misc]
    with ExitStack() as labs:
        for number, fault in enumerate(sys.argv[1:]):
            faults = () if fault.startswith("healthy") else (fault,)
            lab = labs.enter_context(Lab(*faults, backend="embedded", seed=7000 + number))
            lab.wait_ready()
            print(json.dumps({
                "fault": fault, "registry": lab.plan.registry_port, "ui": lab.plan.ui_port, "user": lab.user,
                "password": lab.password, "bundle": str(lab.bundle),
            }), flush=True)  # fmt: skip
        sys.stdin.read()


@contextmanager
def stands(*groups: tuple[str, ...]) -> Iterator[dict[str, dict[str, Any]]]:
    """One process for each group of labs; what they printed, by fault."""
    found: dict[str, dict[str, Any]] = {}
    command = [sys.executable, "-m", "tests.fleet.stand"]
    started = [
        subprocess.Popen([*command, *group], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=ROOT)
        for group in groups
    ]
    try:
        for process, group in zip(started, groups, strict=True):
            assert process.stdout is not None
            for fault in group:
                found[fault] = json.loads(process.stdout.readline())
        yield found
    finally:
        for process in started:
            if process.stdin is not None:
                process.stdin.close()
            process.wait(30)
            if process.stdout is not None:
                process.stdout.close()


def targets(labs: dict[str, dict[str, Any]], count: int, broken: float) -> list[dict[str, Any]]:
    """So many targets with addresses of their own; a share of them has the faults in turn."""
    faults = [fault for fault in labs if not fault.startswith("healthy")]
    healthy = [fault for fault in labs if fault.startswith("healthy")]
    every = round(1 / broken)
    made = []
    for number in range(count):
        fault = (
            faults[number // every % len(faults)] if faults and number % every == 0 else healthy[number % len(healthy)]
        )
        lab, host = labs[fault], f"127.{20 + number // 62500}.{number // 250 % 250}.{number % 250 + 1}"
        files = [lab["bundle"]] if fault in READ else []
        made.append({
            "evidence": files, "name": f"{fault}.{number}", "registry": f"http://{host}:{lab['registry']}", "ui": f"http://{host}:{lab['ui']}",
            "user": lab["user"], "credentials": {"env": f"{PASSWORD}_{list(labs).index(fault)}"}, "owner": f"team-{number % 7}",
        })  # fmt: skip
    return made


def passwords(labs: dict[str, dict[str, Any]]) -> dict[str, str]:
    """The environment in which the references lead somewhere."""
    return {f"{PASSWORD}_{n}": str(lab["password"]) for n, lab in enumerate(labs.values())}


if __name__ == "__main__":
    main()
