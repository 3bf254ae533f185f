"""A broken stack on a Docker engine, diagnosed through the engine and nothing else: no file, no URL, no password."""

import time

import pytest

from runbook.collect import Request, collect
from runbook.collect.request import Running
from runbook.judge import Run, diagnose
from runbook.redact import Vault
from tests.real.test_lab_compose import lab


def judged(project: str) -> Run:
    return diagnose(collect(Request(running=Running(project=project)), Vault()))


@pytest.mark.parametrize(
    "cause",
    [
        "authorization-stripped",
        "htpasswd-not-bcrypt",
        "auth-option-missing",
        "upstream-name-not-resolved",
        "htpasswd-merged-lines",
    ],
)
def test_the_cause_is_read_from_the_engine(cause: str) -> None:
    with lab(3, 11, cause) as running:
        project = running.home.name.lower()
        assert cause not in [f.cause for f in judged(project).diagnosis.causes]
        running.inject(cause)
        found, until = judged(project).diagnosis, time.monotonic() + 60
        while not found.causes and time.monotonic() < until:  # a container that cannot start takes a moment to say so
            time.sleep(0.5)
            found = judged(project).diagnosis
        assert [f.cause for f in found.causes][:1] == [cause], (found.verdict, found.seen)
