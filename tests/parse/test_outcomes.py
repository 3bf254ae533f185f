"""Commands that ask a registry about an image: what they print shows that it answered, and moves nothing."""

import pytest

from runbook.parse.messages import parse_text
from runbook.redact import Vault

DIGEST = "sha256:c8221364ba01603ccbdfbf8c13b152f38e15d2238cc382e1ebce42ef8b31ed27"
IMAGE = "cr.o.example/api:v1"


@pytest.mark.parametrize(
    ("command", "printed"),
    [
        (
            f"skopeo inspect --creds a:Secret-77 docker://{IMAGE}",
            '{\n    "Name": "cr.o.example/api",\n    "RepoTags": []\n}',
        ),
        (f"skopeo inspect --format '{{{{.Digest}}}}' docker://{IMAGE}", DIGEST),
        (
            "skopeo list-tags docker://cr.o.example/api",
            '{\n    "Repository": "cr.o.example/api",\n    "Tags": ["v1"]\n}',
        ),
        (f"docker manifest inspect {IMAGE}", '{\n\t"schemaVersion": 2,'),
        (f"docker buildx imagetools inspect {IMAGE}", f"Name:      {IMAGE}\nDigest:    {DIGEST}"),
        (f"crane digest {IMAGE}", DIGEST),
    ],
)
def test_what_reads_and_is_answered_went_well(command: str, printed: str) -> None:
    messages, _ = parse_text(f"$ {command}\n{printed}\n", "t.txt", Vault())
    assert [(m.kind, m.host, m.call.verb if m.call else "") for m in messages] == [
        ("transfer-ok", "cr.o.example", "pull")
    ]


@pytest.mark.parametrize(
    ("command", "printed"),
    [
        ("skopeo inspect docker-daemon:api:v1", '{\n    "Name": "api"\n}'),
        ("docker inspect api", '[\n    {\n        "Name": "/api"'),
        (f"skopeo inspect docker://{IMAGE}", "what a day"),
    ],
)
def test_what_asks_no_registry_or_shows_no_answer_says_nothing(command: str, printed: str) -> None:
    messages, _ = parse_text(f"$ {command}\n{printed}\n", "t.txt", Vault())
    assert [m.kind for m in messages] == []


def test_a_failure_at_another_registry_is_of_the_host_that_its_line_names() -> None:
    text = (
        "$ docker push cr.o.example/api:v1\nv1: digest: "
        + DIGEST
        + " size: 1162\n$ trivy image cr.o.example/api:v1\nFATAL init "
        "error: DB error: OCI artifact error: GET https://mirror.gcr.io/v2/aquasec/trivy-db/manifests/2: TOOMANYREQUESTS: retry\n"
    )
    messages, _ = parse_text(text, "t.txt", Vault())
    assert {(m.kind, m.host) for m in messages} == {("transfer-ok", "cr.o.example"), ("throttled", "mirror.gcr.io")}
