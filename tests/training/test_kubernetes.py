"""Rounds whose stack is written as manifests: what is written is read back, and the judge reads Kubernetes."""

import random

import pytest

from runbook.lab import FAULTS, LabError
from runbook.training import Practice, project
from runbook.training.catalogue import BEHIND, CATALOGUE, KUBERNETES
from runbook.training.draw import draw
from tests.training import learners

CAUSES = BEHIND[CATALOGUE][KUBERNETES]


@pytest.mark.parametrize("cause", CAUSES)
def test_a_careful_learner_solves_it(cause: str) -> None:
    learners.solves(cause, KUBERNETES)


@pytest.mark.parametrize("cause", CAUSES)
def test_what_is_written_is_read_back(cause: str) -> None:
    plan = draw("final", 5, 0, proxy=KUBERNETES).plan
    FAULTS[cause].inject(plan)
    again = project.read(project.files(plan), plan, plan.directories)
    for name in ("image", "environment", "mounts", "files", "proxy", "container_port", "access"):
        assert getattr(again, name) == getattr(plan, name), name


def test_a_learner_without_skill_does_not_solve_it() -> None:
    points = []
    for seed in range(6):
        lesson = Practice("final", seed, 1, proxy=KUBERNETES)
        assert "docker-compose.yml" not in lesson.names()
        learners.no_skill(lesson, random.Random(seed))
        points.append(lesson.verdict().points)
        lesson.close()
    assert sum(points) / len(points) <= 15


@pytest.mark.parametrize(
    "data", [b"\xff", b"{", b"[]", b"kind: Deployment\n", b"kind: Deployment\nspec: 3\n---\nkind: Service\n"]
)
def test_a_manifest_that_is_none_is_a_sentence(data: bytes) -> None:
    plan = draw("final", 5, 0, proxy=KUBERNETES).plan
    for name in (f"{plan.registry}.yaml", "kustomization.yaml"):
        with pytest.raises(LabError, match="nothing was started"):
            project.read({**project.files(plan), name: data}, plan)


def test_a_service_that_leads_elsewhere_is_refused_by_name() -> None:
    plan = draw("final", 5, 0, proxy=KUBERNETES).plan
    name = f"{plan.registry}.yaml"
    text = project.files(plan)[name].replace(b"targetPort: 5000", b"targetPort: 5001")
    with pytest.raises(LabError, match=name):
        project.read({**project.files(plan), name: text}, plan)
