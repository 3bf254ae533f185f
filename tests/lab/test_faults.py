"""Each fault, in the lab and before the judge: clean, broken, mended."""

import re
from pathlib import Path

import pytest
import yaml

from runbook.collect import Request, collect
from runbook.judge import Run, diagnose
from runbook.lab import FAULTS, NO_FAULT, Lab
from runbook.redact import Vault
from runbook.rules import load

WARNINGS = {"storage-outside-volume", "add-header-without-always"}
"""Causes that are never the reason for a refused login: they must be among the warnings."""
CLIENT = {
    "credentials-under-other-host",
    "stale-stored-credentials",
    "base64-trailing-newline",
    "credential-helper-broken",
}
"""With these the person typed no password: the client took the stored login."""

CAUSES = sorted(FAULTS)


def judge(lab: Lab) -> Run:
    stored = CLIENT & set(lab.faults)
    request = Request(
        paths=(str(lab.bundle),),
        registry_url=lab.registry_url,
        ui_url=lab.ui_url,
        user=None if stored else lab.user,
        password=None if stored else lab.password,
    )
    return diagnose(collect(request, Vault()))


def named(run: Run) -> list[str]:
    return [finding.cause for finding in (*run.diagnosis.causes, *run.diagnosis.warnings)]


def check(cause: str, lab: Lab) -> None:
    """Inject → this cause first; solve → nothing found."""
    lab.inject(cause)
    broken = judge(lab).diagnosis
    found = broken.warnings if cause in WARNINGS else broken.causes
    assert found, f"nothing found; {broken.verdict}, {[o.symptom for o in broken.symptoms]}"
    assert cause in ([f.cause for f in found] if cause in WARNINGS else [found[0].cause])
    lab.solve(cause)
    mended = judge(lab)
    assert cause not in named(mended)
    assert not mended.diagnosis.causes
    assert mended.diagnosis.verdict == "healthy"


def test_every_cause_has_a_fault_or_a_reason() -> None:
    assert not FAULTS.keys() & NO_FAULT.keys()
    assert FAULTS.keys() | NO_FAULT.keys() == load().keys()


@pytest.mark.parametrize("major", [2, 3])
@pytest.mark.parametrize("seed", [0, 1, 2])
def test_a_clean_stack_is_healthy(seed: int, major: int) -> None:
    with Lab(backend="embedded", major=major, seed=seed) as lab:
        run = judge(lab)
    assert run.diagnosis.verdict == "healthy"
    assert named(run) == []


@pytest.mark.parametrize("seed", [11, 12, 13])
@pytest.mark.parametrize("cause", CAUSES)
def test_a_fault_is_found_and_its_fix_mends_it(cause: str, seed: int) -> None:
    with Lab(backend="embedded", seed=seed, major=2 + (len(cause) + seed) % 2) as lab:
        check(cause, lab)


@pytest.mark.parametrize("cause", sorted(FAULTS))
def test_the_bundle_is_what_runs(cause: str) -> None:
    """The published ports of the compose file are the real ones, and the file can be read."""
    with Lab(cause, backend="embedded", seed=3) as lab:
        project = yaml.safe_load((lab.bundle / "docker-compose.yml").read_text())
        ports = {p.partition(":")[0] for s in project["services"].values() for p in s["ports"]}
        assert ports == {url.rpartition(":")[2] for url in (lab.registry_url, lab.ui_url)}


def test_logs_hold_no_secret() -> None:
    with Lab(backend="embedded", seed=4) as lab:
        lab.exercise()
        text = "".join(lab.logs().values())
        assert lab.user in text or "authorized request" in text
        assert lab.password not in text
        assert not re.search(r"\$2[aby]\$|Basic [A-Za-z0-9+/]{8}", text)


def test_seeds_differ_and_repeat(tmp_path: Path) -> None:
    drawn = {}
    for seed in (1, 2, 1):
        with Lab(backend="embedded", seed=seed) as lab:
            drawn.setdefault(seed, []).append((lab.user, lab.password, lab.registry_url))
    assert drawn[1][0] == drawn[1][1]
    assert drawn[1][0] != drawn[2][0]
