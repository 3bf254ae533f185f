"""The laws of evidence (what counts, what does not), each held by every own case."""

from dataclasses import replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest

from runbook.judge import Run, diagnose
from runbook.model import (
    PROBE_AGENT,
    PROBE_USER,
    Credential,
    Evidence,
    Exchange,
    LogEvent,
    LogFile,
    LoggedRequest,
    Message,
    Place,
)
from tests.case_files import Case, all_cases, judge

CASES = all_cases()
each = pytest.mark.parametrize("case", CASES, ids=lambda c: f"{c.cause}/{c.path.stem}")


@cache
def judged(case_path: Path) -> Run:
    case = next(c for c in CASES if c.path == case_path)
    with TemporaryDirectory() as folder:
        return judge(case, Path(folder))


def outcome(run: Run) -> tuple[str, tuple[str, ...]]:
    return run.diagnosis.verdict, tuple(f.cause for f in run.diagnosis.causes)


def with_more(case: Case, **more: tuple[object, ...]) -> tuple[Run, Run]:
    before = judged(case.path)
    evidence: Evidence = before.evidence
    changed = replace(evidence, **{name: (*getattr(evidence, name), *rows) for name, rows in more.items()})
    return before, diagnose(changed)


FRIGHTENING = (
    ("x509-unknown-authority", "x509: certificate signed by unknown authority"),
    ("refused", "connection refused"),
    ("too-large", "413 Request Entity Too Large"),
    ("unauthorized", "unauthorized: authentication required"),
    ("no-basic-auth", "no basic auth credentials"),
    ("http-to-https-client", "server gave HTTP response to HTTPS client"),
    ("cors", "blocked by CORS policy"),
    ("other-error", "Error response from daemon: something"),
)


@each
@pytest.mark.parametrize("voice", ["person", "document"])
def test_1_what_people_and_documents_say_is_no_evidence(case: Case, voice: str) -> None:
    said = tuple(
        Message(kind=kind, place=Place("notes.md", n), text=text, voice=voice)  # type: ignore[arg-type]
        for n, (kind, text) in enumerate(FRIGHTENING, 1)
    )
    before, after = with_more(case, messages=said)
    assert outcome(after) == outcome(before)


@each
def test_2_our_own_earlier_probes_are_nobodys_trouble(case: Case) -> None:
    place = Place("earlier.log", 1)
    request = LoggedRequest(
        place=Place("earlier.log", 2),
        logger="registry",
        uri="/v2/",
        status=401,
        user=PROBE_USER,
        agent=PROBE_AGENT,
        meaning="authentication-failure",
    )
    log = LogFile(
        file="earlier.log",
        kind="registry",
        lines=3,
        events=(LogEvent(place=place, meaning="authentication-failure", user=PROBE_USER, text="refused"),),
        requests=(request, replace(request, place=Place("earlier.log", 3), logger="nginx")),
    )
    before, after = with_more(case, logs=(log,))
    assert outcome(after)[1] == outcome(before)[1]
    if outcome(before)[0] != "healthy":
        assert outcome(after)[0] == outcome(before)[0]
    else:
        assert outcome(after)[0] != "fault"


@each
def test_3_a_response_without_its_request_says_nothing_of_the_login(case: Case) -> None:
    answer = Exchange(
        source=Place("answers.txt", 1),
        method="GET",
        url="http://unknown/v2/",
        status=200,
        response_headers=(("Content-Type", "application/json"), ("Docker-Distribution-Api-Version", "registry/2.0")),
        body="{}",
        login_known=False,
    )
    before, after = with_more(case, exchanges=(answer,))
    assert not set(outcome(after)[1]) - set(outcome(before)[1])


@each
def test_4_a_later_success_of_the_same_request_ends_its_failure(case: Case) -> None:
    before = judged(case.path)
    failing = [
        c for c in before.traffic.complaints
        if isinstance(c.observation.record, Exchange) and c.settled is None and c.observation.record.page is None
        and c.observation.record.status in (401, 502, 504) and c.observation.login == "sent"
    ]  # fmt: skip
    if not failing:
        pytest.skip("no refused or unanswered login stands in this case")
    # The same request, asked again at the end of the same record, is served.
    again = tuple(
        replace(
            c.observation.record,
            source=Place(c.observation.source.file, 100_000 + n),
            status=200,
            body="{}",
            response_headers=(
                ("Content-Type", "application/json"),
                ("Docker-Distribution-Api-Version", "registry/2.0"),
            ),
            when=None,
        )
        for n, c in enumerate(failing)
    )
    _, after = with_more(case, exchanges=again)
    gone = {str(c.observation.source) for c in failing}
    assert not [i for s in after.diagnosis.symptoms for i in s.evidence if i.where in gone and "401" in i.what]


def _tapped(request: LoggedRequest) -> Exchange:
    """The same request as a tap before the registry tells it."""
    sent = request.meaning == "authentication-failure" or (request.user is not None and request.meaning is None)
    return Exchange(
        source=request.place,
        method=request.method,
        url=f"http://{request.host or 'unknown'}{request.uri}",
        status=request.status,
        at="registry",
        when=request.when,
        request_headers=(("User-Agent", request.agent), *((("Referer", request.referer),) if request.referer else ())),
        credential=Credential(scheme="Basic", user=request.user) if sent else None,
        login_known=True,
    )


_TOLD_BY_A_TAP = ("no-usable-credential", "authentication-failure")


def _is_told_by_a_tap(log: LogFile) -> bool:
    """Whether all that the registry's log says of refused logins is what a tap sees, too."""
    requests = [r for r in log.requests if r.logger == "registry"]
    refused = [r for r in requests if r.status == 401]
    named = all(r.user or r.meaning != "authentication-failure" for r in refused)  # a tap always knows the name
    return named and all(r.meaning in _TOLD_BY_A_TAP for r in refused)


@each
def test_5_a_tap_is_as_good_a_witness_as_the_log(case: Case) -> None:
    before = judged(case.path)
    evidence = before.evidence
    if not any(r.logger == "registry" for log in evidence.logs for r in log.requests) or not all(
        map(_is_told_by_a_tap, evidence.logs)
    ):
        pytest.skip("no log that a tap could stand for: nothing was exchanged")
    # Whose login was accepted, version 2 does not tell, and a tap always knows: those rows stay the log's.
    seen = [r for log in evidence.logs for r in log.requests if r.logger == "registry" and (r.user or r.status == 401)]
    logs = (
        replace(
            log,
            requests=tuple(r for r in log.requests if r not in seen),
            events=tuple(e for e in log.events if e.meaning not in _TOLD_BY_A_TAP),
        )
        for log in evidence.logs
    )
    after = diagnose(replace(evidence, exchanges=(*evidence.exchanges, *map(_tapped, seen)), logs=tuple(logs)))
    assert outcome(after) == outcome(before)


@each
def test_6_the_header_that_proxies_add_proves_no_registry(case: Case) -> None:
    before = judged(case.path)
    named = ("Docker-Distribution-Api-Version", "registry/2.0")
    pages = tuple(
        replace(e, response_headers=(*e.response_headers, named)) if e.is_html and e.header(named[0]) is None else e
        for e in before.evidence.exchanges
    )
    if pages == before.evidence.exchanges:
        pytest.skip("no web page was seen in this case")
    after = diagnose(replace(before.evidence, exchanges=pages))
    assert outcome(after) == outcome(before)


def test_a_wrong_login_that_is_accepted_counts_although_it_is_our_own() -> None:
    accepted = Exchange(
        source=Place("probe"),
        method="GET",
        url="http://localhost:5000/v2/",
        route="direct",
        credential=Credential(scheme="Basic", user=PROBE_USER, password="p1", intent="wrong"),
        status=200,
        body="{}",
        response_headers=(("Content-Type", "application/json"),),
    )
    run = diagnose(Evidence(exchanges=(accepted,)))
    assert run.diagnosis.causes[0].cause == "auth-not-enforced"
