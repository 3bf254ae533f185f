"""Every fault, put before the embedded lab and before the real programs: the same answers on the wire."""

import http.client
import time
from typing import Any

import pytest

from runbook.lab import FAULTS, Lab
from runbook.parse.logs import parse_log
from runbook.redact import Vault
from tests.lab.contract import CORS, OCTETS, Row, Runner, _both
from tests.real.programs import need

ROWS = [
    *_both(*(("GET", "/v2/", auth) for auth in ("none", "right", "wrong"))),
    *_both(("GET", "/v2/_catalog", "right"), ("OPTIONS", "/v2/", "none", CORS), ("GET", "/v2/", "right", CORS[:1])),
    *_both(("POST", "/v2/team/app/blobs/uploads/", "right"), ("GET", "/v2/team/app/tags/list", "none")),
    *_both(("DELETE", "/v2/team/app/manifests/sha256:" + "4c" * 32, "right")),
]
LARGE = Row("PATCH", "/v2/team/app/blobs/uploads/0", via=True, headers=OCTETS, body=bytes(1_200_000))
"""Only where the proxy refuses it: when the registry does, the real nginx says 401 or 502, as it happens."""


def _answers(lab: Lab) -> list[Any]:
    runner = Runner(lab)
    found: list[Any] = []
    for number, row in enumerate([*ROWS, LARGE] if "client-max-body-size" in lab.faults else ROWS):
        try:
            found.append(runner._one(number, row))
        except (OSError, http.client.HTTPException):
            found.append({"row": str(row), "status": "nobody answers"})
    return found


def _meanings(lab: Lab) -> dict[str, dict[str, int]]:
    """How often each thing happened, as the reader of logs understands it. nginx's own words for a 404 of /v2/ in its
    error log mean nothing of their own ("other"), and the embedded lab does not write them."""
    time.sleep(0.1)  # the last lines are written after the answer has gone out
    logs = lab.logs()
    counts = {name: parse_log(text.splitlines(), name, Vault()).counts for name, text in logs.items()}
    return {name: {k: n for k, n in found.items() if k != "other"} for name, found in counts.items()}


@pytest.mark.parametrize("major", [2, 3])
@pytest.mark.parametrize("cause", sorted(FAULTS))
def test_a_fault_looks_the_same_on_both_backends(cause: str, major: int) -> None:
    need("nginx")
    need(f"registry{major}")
    seen = []
    for backend in ("embedded", "native"):
        with Lab(cause, backend=backend, major=major, seed=5) as lab:
            seen.append((lab.wait_ready(), [*_answers(lab), _meanings(lab)]))
    (embedded_up, embedded), (native_up, native) = seen
    assert embedded_up == native_up
    for ours, real in zip(embedded, native, strict=True):
        assert ours == real
