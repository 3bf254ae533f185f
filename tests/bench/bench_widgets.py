"""The notebooks' face in a real kernel: seconds until the first view stands, milliseconds until a click is answered."""

import statistics
import time
from typing import Any

from jupyter_client.manager import start_new_kernel

FIRST_VIEW, CLICK = 5.0, 0.1
"""Seconds, as the project wants them on its own machine."""
_OPEN = "from runbook.widgets import console\nshown = console()\nshown"
_RUN = "shown.button.click(); shown.wait(60)"
_BRICK = "(shown.verdict, *shown.bricks)[{0}].click()"


def seconds(client: Any, code: str) -> float:
    """From sending a cell to the kernel until the kernel is idle again; every message to the page is out by then."""
    began = time.perf_counter()
    reply = client.execute_interactive(code, timeout=120, output_hook=lambda message: None)
    if reply["content"]["status"] != "ok":
        raise RuntimeError(reply["content"].get("evalue", "the cell failed"))
    return time.perf_counter() - began


def main() -> int:
    """Print the figures; 1 above a bound."""
    manager, client = start_new_kernel()
    try:
        seconds(client, "pass")
        first = seconds(client, _OPEN)
        again = seconds(client, _OPEN)
        seconds(client, _RUN)
        clicks = [seconds(client, _BRICK.format(n % 5)) for n in range(25)]
        empty = statistics.median(seconds(client, "pass") for _ in range(5))
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)
    slowest = max(clicks)
    print(
        f"console: first view {first:.2f} s (bound {FIRST_VIEW:g}), again {again * 1000:.0f} ms; a click "
        f"{statistics.median(clicks) * 1000:.0f} ms, slowest {slowest * 1000:.0f} ms (bound {CLICK * 1000:g}), "
        f"of which an empty cell takes {empty * 1000:.0f} ms"
    )
    return 0 if first <= FIRST_VIEW and slowest <= CLICK else 1


if __name__ == "__main__":
    raise SystemExit(main())
