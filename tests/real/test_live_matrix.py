"""Cause × registry × proxy: each stack is asked live and read from its files; right cause first, healthy before and after.

The table is printed at the end of the run. A cell without a test is one where the fault cannot exist;
`runbook.lab.faults.missing` says why.
"""

from collections.abc import Callable

import pytest

from runbook.lab import FAULTS, Lab
from runbook.lab.faults import not_behind
from runbook.lab.frontends import FRONTENDS
from runbook.rules import load
from tests.lab.test_faults import check, judge, named
from tests.real.programs import need

PROXIES = ("nginx", "caddy", "haproxy", "apache")
STANDS = [
    *(("embedded", major, "nginx") for major in (2, 3)),
    *(("native", major, proxy) for proxy in PROXIES for major in (2, 3)),
]
TIER_1 = sorted(cause for cause, known in load().items() if known.tier == 1 and cause in FAULTS)
CELLS = [(cause, *stand) for cause in TIER_1 for stand in STANDS if not not_behind(cause, stand[2])]


def _lab(backend: str, major: int, proxy: str, seed: int) -> Lab:
    if backend == "native":
        need(FRONTENDS[proxy].program)
        need(f"registry{major}")
    return Lab(backend=backend, major=major, proxy=proxy, seed=seed)  # type: ignore[arg-type]


@pytest.mark.parametrize(("backend", "major", "proxy"), STANDS)
def test_a_healthy_stack_is_left_alone(backend: str, major: int, proxy: str) -> None:
    with _lab(backend, major, proxy, seed=31) as lab:
        run = judge(lab)
    assert run.diagnosis.verdict == "healthy"
    assert named(run) == []


@pytest.mark.parametrize(("cause", "backend", "major", "proxy"), CELLS)
def test_right_cause_first(
    cause: str, backend: str, major: int, proxy: str, record_property: Callable[[str, object], None]
) -> None:
    record_property("matrix", (cause, f"{backend} {major} {proxy}"))
    with _lab(backend, major, proxy, seed=len(cause) + major) as lab:
        check(cause, lab)
