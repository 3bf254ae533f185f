"""A compose project in a folder of its own is the stack in question where a file or a port ties them."""

import pytest

from runbook.collect.compose_files import belongs

SCRATCH = "services:\n  scratch:\n    image: registry:2\n    ports: ['127.0.0.1:5977:5000']\n"
MOUNTS = SCRATCH + "    volumes: ['../users.htpasswd:/auth/users.htpasswd']\n"


@pytest.mark.parametrize(
    ("path", "text", "others", "ports", "ours"),
    [
        ("near/compose.yml", SCRATCH, ["auth/htpasswd"], {5000}, False),
        ("near/compose.yml", SCRATCH, ["auth/htpasswd"], set(), False),
        ("near/compose.yml", SCRATCH, ["auth/htpasswd"], {5977}, True),
        ("near/compose.yml", SCRATCH, [], set(), True),
        ("near/compose.yml", SCRATCH, ["near/htpasswd"], {5000}, True),
        ("near/compose.yml", MOUNTS, ["users.htpasswd"], {5000}, True),
        ("compose.yml", SCRATCH, ["auth/htpasswd"], {5000}, True),
    ],
)
def test_what_ties_a_project(path: str, text: str, others: list[str], ports: set[int], ours: bool) -> None:
    assert belongs((path,), {path: text}, others, ports) is ours
