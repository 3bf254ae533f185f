"""The edits of a fix are made in memory and judged again: what fails there is not shown as a diff."""

import dataclasses
from pathlib import Path

import pytest

from runbook.collect import Request, collect
from runbook.judge import Run, diagnose
from runbook.judge.edited import UnreadableError, edited
from runbook.judge.proof import predict
from runbook.model import Edit, Evidence
from runbook.redact import Vault
from runbook.report import render_terminal
from tests.case_files import all_cases, judge

COMPOSE = """\
services:
  registry:
    image: registry:2
    environment:
      REGISTRY_AUTH: htpasswd
      REGISTRY_AUTH_HTPASSWD_REALM: Depot
      REGISTRY_AUTH_HTPASSWD_PATH: /auth/htpasswd
    volumes:
      - ./auth:/auth:ro
      - data:/var/lib/registry
  ui:
    image: joxit/docker-registry-ui:2.6.0
    ports:
      - "8080:80"
    environment:
      NGINX_PROXY_PASS_URL: http://registry:5000
      NGINX_PROXY_HEADER_Authorization: ""
volumes:
  data:
"""
STRIPS = Edit(file="docker-compose.yml", line=17, old='      NGINX_PROXY_HEADER_Authorization: ""', new=None)


def evidence(folder: Path, text: str = COMPOSE) -> Evidence:
    (folder / "docker-compose.yml").write_text(text)
    return collect(Request(paths=(str(folder),)), Vault())


@pytest.fixture
def run(tmp_path: Path) -> Run:
    return diagnose(evidence(tmp_path))


def test_the_first_cause_is_predicted_to_be_gone(run: Run) -> None:
    first = run.diagnosis.causes[0]
    assert first.cause == "authorization-stripped"
    assert first.fix.patch
    assert first.fix.proof.kind == "predicted"
    assert first.fix.proof.before.startswith("authorization-stripped")
    assert first.fix.proof.after == "authorization-stripped is gone, and nothing new appears"
    assert "Predicted from the files" in render_terminal(run)


@pytest.mark.parametrize(
    ("edit", "says"),
    [
        (dataclasses.replace(STRIPS, line=16, old="      NGINX_PROXY_PASS_URL: http://registry:5000",
                             new="      NGINX_PROXY_PASS_URL: 'http://registry:5000'"), "still show authorization-stripped"),
        (dataclasses.replace(STRIPS, new="\t- broken: ["), "cannot be read"),
        (dataclasses.replace(STRIPS, new="      NGINX_PROXY_PASS_URL: http://localhost:5000"), "upstream-is-localhost"),
    ],
    ids=["no effect", "no yaml any more", "another fault"],
)  # fmt: skip
def test_edits_that_do_not_mend_fail(run: Run, edit: Edit, says: str) -> None:
    wrong = dataclasses.replace(run.diagnosis.causes[0], edits=(edit,))
    predicted = predict(wrong, run.evidence)
    assert predicted.failed
    assert predicted.proof.kind == "none"
    assert says in predicted.proof.after


def test_a_failed_diff_is_not_shown(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    import sys

    module = sys.modules["runbook.judge.diagnose"]
    real = module.predict  # type: ignore[attr-defined]
    useless = Edit(file="docker-compose.yml", line=1, old="services:", new="services: # as it was")
    monkeypatch.setattr(module, "predict", lambda f, *rest: real(dataclasses.replace(f, edits=(useless,)), *rest))
    again = diagnose(run.evidence)
    fix = again.diagnosis.causes[0].fix
    assert fix.patch is None
    assert fix.summary
    assert fix.commands
    text = render_terminal(again)
    assert "is not shown as a diff" in text
    assert "+++ b/" not in text


def test_lines_that_were_not_kept_are_no_proof(run: Run) -> None:
    bare = dataclasses.replace(run.evidence, files=tuple(dataclasses.replace(f, lines=()) for f in run.evidence.files))
    with pytest.raises(UnreadableError):
        edited(bare, (STRIPS,))
    predicted = predict(run.diagnosis.causes[0], bare)
    assert not predicted.failed
    assert predicted.proof.kind == "none"


def test_another_fault_is_the_next_obstacle(tmp_path: Path) -> None:
    both = evidence(tmp_path, COMPOSE.replace("http://registry:5000", "http://localhost:5000"))
    run = diagnose(both)
    proofs = [f.fix.proof.after for f in run.diagnosis.causes if f.fix.proof.kind == "predicted"]
    assert any("next obstacle" in text for text in proofs)


def test_masked_lines_do_not_count_as_changes(tmp_path: Path) -> None:
    secret = COMPOSE.replace("      REGISTRY_AUTH: htpasswd\n",
                             "      REGISTRY_AUTH: htpasswd\n      REGISTRY_HTTP_SECRET: 0123456789abcdef\n")  # fmt: skip
    run = diagnose(evidence(tmp_path, secret))
    first = run.diagnosis.causes[0]
    assert run.evidence.files[0].masked
    assert first.fix.proof.kind == "predicted"
    again = edited(run.evidence, first.edits).evidence
    assert again.compose is not None
    before = next(v for s in run.evidence.compose.services for v in s.environment if v.name == "REGISTRY_HTTP_SECRET")  # type: ignore[union-attr]
    after = next(v for s in again.compose.services for v in s.environment if v.name == "REGISTRY_HTTP_SECRET")
    assert before.secret is not None
    assert before.secret == after.secret


def test_what_a_mask_makes_is_no_obstacle(tmp_path: Path) -> None:
    """The second reading sees no mount where a path was masked."""
    text = (
        "services:\n  reg:\n    image: registry:2.8.2\n    environment:\n      - REGISTRY_AUTH=htpasswd\n"
        "      - REGISTRY_AUTH_HTPASSWD_REALM=x\n      - REGISTRY_AUTH_HTPASSWD_PATH=/PW/htpasswd\n"
        "    volumes: ['./pw:/PW:ro', './d:/var/lib/registry']\n"
    )
    curl = (
        "$ curl -si -X DELETE -u gabi:xxxxxx http://reg.example:5000/v2/a/manifests/sha256:" + 32 * "ab" + "\n"
        "HTTP/1.1 405 Method Not Allowed\nContent-Type: application/json\nDocker-Distribution-Api-Version: registry/2.0\n\n"
        '{"errors":[{"code":"UNSUPPORTED"}]}\n'
    )
    (tmp_path / "c.txt").write_text(curl, encoding="utf-8")
    run = diagnose(evidence(tmp_path, text))
    assert run.evidence.files[0].masked
    assert run.diagnosis.causes[0].cause == "delete-disabled"
    assert "next obstacle" not in run.diagnosis.causes[0].fix.proof.after


def test_no_case_shows_a_diff_that_fails(tmp_path: Path) -> None:
    """Of all cases with a diff, each is predicted, or the traffic alone shows the fault."""
    kinds: dict[str, int] = {}
    for number, case in enumerate(all_cases()):
        if case.is_near_miss:
            continue
        run = judge(case, tmp_path / str(number))
        for finding in run.diagnosis.causes[:1]:
            if finding.edits:
                assert not finding.fix.proof.before or finding.fix.proof.kind == "predicted", (
                    case.path,
                    finding.fix.proof,
                )
            if finding.fix.patch:
                kinds[finding.fix.proof.kind] = kinds.get(finding.fix.proof.kind, 0) + 1
    assert kinds["predicted"] > 4 * kinds.get("none", 0)  # manifests are not foretold
