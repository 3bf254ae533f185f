"""A line of a proxy with a condition is a fault only where a request is known to meet the condition."""

from pathlib import Path

import pytest

from runbook.collect import Request, collect
from runbook.collect.evidence_file import dump_evidence, load_evidence
from runbook.judge import Run, diagnose
from runbook.redact import Vault

HAPROXY = """defaults
    mode http
frontend fe
    bind :443 ssl crt /etc/haproxy/cr.pem
    http-request %s if %s
    http-request set-header X-Forwarded-Proto https
    default_backend registry
backend registry
    server r 172.18.0.2:5000
"""
REFUSED = """$ curl -i -u zi:**** https://cr.kiln.example/v2/
HTTP/1.1 401 Unauthorized
docker-distribution-api-version: registry/2.0
www-authenticate: Basic realm="Kiln"

{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":null}]}
"""
WORKS = """$ curl -i -u zi:**** https://cr.kiln.example/v2/
HTTP/1.1 200 OK
docker-distribution-api-version: registry/2.0

{}
"""
DELETES = "del-header Authorization"
OVERWRITES = 'set-header Authorization "Basic eDp5"'
UNKNOWN = ("{ var(txn.x) -m found }", "{ src 10.0.0.0/8 }", "{ hdr(X-Debug) -m found }", "nobody")


def judged(folder: Path, rule: str, condition: str, said: str) -> Run:
    (folder / "haproxy.cfg").write_text(HAPROXY % (rule, condition), encoding="utf-8")
    (folder / "curl.txt").write_text(said, encoding="utf-8")
    return diagnose(collect(Request(paths=(str(folder),)), Vault()))


@pytest.mark.parametrize("rule", [DELETES, OVERWRITES])
@pytest.mark.parametrize("condition", UNKNOWN)
def test_what_cannot_be_known_is_no_fault(rule: str, condition: str, tmp_path: Path) -> None:
    verdict = judged(tmp_path, rule, condition, REFUSED).diagnosis
    assert verdict.verdict == "inconclusive"
    assert not any("ines were left out" in text for text in verdict.not_tested)


@pytest.mark.parametrize("rule", [DELETES, OVERWRITES])
@pytest.mark.parametrize("condition", [*UNKNOWN, "{ path_beg /api }", "{ hdr(host) -i wiki.kiln.example }"])
def test_where_logins_work_a_condition_says_nothing(rule: str, condition: str, tmp_path: Path) -> None:
    verdict = judged(tmp_path, rule, condition, WORKS).diagnosis
    assert (verdict.verdict, verdict.warnings) == ("healthy", ())


@pytest.mark.parametrize(
    "condition", ["{ path_beg /v2 }", "{ hdr(host) -i CR.kiln.example }", "{ ssl_fc }", "METH_GET"]
)
def test_what_the_refused_request_meets_is_the_fault(condition: str, tmp_path: Path) -> None:
    run = judged(tmp_path, DELETES, condition, REFUSED)
    assert run.diagnosis.causes[0].cause == "authorization-stripped"
    assert run.diagnosis.verdict == "fault"
    again = diagnose(load_evidence(dump_evidence(run.evidence, "1"), "evidence.json", Vault()))
    assert again.diagnosis.verdict == "fault"
