"""The background process of `runbook lab up`: runs one lab until it is told to stop."""

import json
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType

from runbook.lab.errors import LabError
from runbook.lab.lab import Lab
from runbook.lab.state import State, keep


def main(wanted: str) -> int:
    """Run the lab that the JSON describes; ends on SIGTERM or SIGINT with everything removed."""
    asked = json.loads(wanted)
    stop = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        stop.set()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, end)
    folder = Path(asked["folder"])
    try:
        with Lab(*asked["faults"], backend=asked["backend"], seed=asked["seed"], proxy=asked["proxy"]) as lab:
            keep(_state(lab, asked["seed"], asked["name"]), folder)
            stop.wait()
    except LabError as error:
        print(error, file=sys.stderr)
        return 2
    finally:
        (folder / f"{asked['name']}.lab.json").unlink(missing_ok=True)
    return 0


def _state(lab: Lab, seed: int, name: str) -> State:
    secret = lab.home / "password"
    descriptor = os.open(secret, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(descriptor, "w") as sink:
        sink.write(lab.password)
    return State(
        pid=os.getpid(),
        backend=lab.backend,
        seed=seed,
        faults=lab.faults,
        registry_url=lab.registry_url,
        ui_url=lab.ui_url,
        user=lab.user,
        password_file=str(secret),
        bundle=str(lab.bundle),
        name=name,
        home=str(lab.home),
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
