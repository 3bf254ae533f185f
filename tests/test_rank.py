"""What explains the symptom most surely comes first; what explains nothing is a warning."""

import pytest

from runbook.judge.rank import rank
from runbook.model import Certainty, Credential, Evidence, Exchange, Finding, Message, Place, Stack, Symptom
from runbook.observe.traffic import Traffic
from runbook.rules.base import Facts

S, C = Symptom, Certainty
HERE = Place("curl.txt", 3)
CHALLENGE = (("Www-Authenticate", 'Basic realm="r"'), ("Docker-Distribution-Api-Version", "registry/2.0"))


def exchange(status: int, *, via: bool = False, user: str | None = "anna", **more: object) -> Exchange:
    fields: dict[str, object] = {
        "source": HERE,
        "method": "GET",
        "url": "http://localhost:8080/v2/" if via else "http://localhost:5000/v2/",
        "route": "via" if via else "direct",
        "status": status,
        "credential": Credential(scheme="Basic", user=user, intent="given") if user else None,
        "response_headers": CHALLENGE if status == 401 else (),
    }
    return Exchange(**{**fields, **more})


def facts(*exchanges: Exchange, messages: tuple[Message, ...] = ()) -> Facts:
    evidence = Evidence(exchanges=exchanges, messages=messages)
    stack = Stack()
    return Facts(evidence, stack, Traffic(evidence, stack))


def finding(cause: str, certainty: Certainty, *explains: Symptom, **more: object) -> Finding:
    return Finding(cause=cause, summary=cause, certainty=certainty, explains=explains, **more)


def test_direct_works_via_refused_is_a_symptom_of_the_way() -> None:
    seen = facts(exchange(200), exchange(401, via=True)).traffic.seen()
    assert seen == (S.LOGIN_401_VIA,)


def test_refused_on_both_ways_is_a_symptom_of_the_registry() -> None:
    assert facts(exchange(401), exchange(401, via=True)).traffic.seen() == (S.LOGIN_401_DIRECT,)


@pytest.mark.parametrize(
    ("one", "symptom"),
    [
        (exchange(400), S.LOGIN_400),
        (exchange(502, via=True), S.BAD_GATEWAY),
        (exchange(413, via=True), S.TOO_LARGE),
        (exchange(200, user=None), S.OPEN_DIRECT),
        (exchange(301, via=True), S.REDIRECTED),
        (exchange(200, via=True, body="<!DOCTYPE html>"), S.NOT_THE_API),
        (exchange(401, response_headers=(("Server", "nginx"),), via=True), S.CHALLENGE_MISSING),
        (
            exchange(202, method="POST", response_headers=(("Location", "http://other:5000/v2/x"),)),
            S.LOCATION_WRONG,
        ),
    ],
)
def test_answers_have_their_symptom(one: Exchange, symptom: Symptom) -> None:
    assert symptom in facts(one).traffic.seen()


@pytest.mark.parametrize(
    "one",
    [
        exchange(401, user=None),
        exchange(200),
        exchange(202, method="POST", response_headers=(("Location", "http://localhost:5000/v2/x"),)),
    ],
    ids=["challenge", "accepted", "own Location"],
)
def test_the_protocol_at_work_is_no_symptom(one: Exchange) -> None:
    assert facts(one).traffic.seen() == ()


def test_wrong_on_purpose_is_no_symptom_beside_another_login() -> None:
    wrong = exchange(401, credential=Credential(scheme="Basic", user="anna", intent="wrong"))
    assert facts(wrong, exchange(200)).traffic.seen() == ()
    assert facts(wrong).traffic.seen() == (S.LOGIN_401_DIRECT,)


def test_the_sure_explanation_beats_the_possible_one() -> None:
    ranking = rank(
        [finding("maybe", C.POSSIBLE, S.LOGIN_401_VIA), finding("sure", C.SEEN, S.LOGIN_401_VIA)],
        facts(exchange(200), exchange(401, via=True)),
    )
    assert [f.cause for f in ranking.causes] == ["sure", "maybe"]
    assert ranking.causes[0].confidence > ranking.causes[1].confidence


def test_what_explains_nothing_seen_is_a_warning_unless_it_proves_harm() -> None:
    found = [finding("other", C.READ, S.UPLOAD_FAILS), finding("harm", C.READ, S.UPLOAD_FAILS, proves=True)]
    ranking = rank(found, facts(exchange(401)))
    assert [f.cause for f in ranking.causes] == ["harm"]
    assert [f.cause for f in ranking.warnings] == ["other"]


def test_the_face_of_a_cause_is_dropped_and_named() -> None:
    face = finding("face", C.SEEN, S.LOGIN_401_DIRECT)
    root = finding("root", C.READ, S.LOGIN_401_DIRECT, supersedes=("face",))
    ranking = rank([face, root], facts(exchange(401)))
    assert [f.cause for f in ranking.causes] == ["root"]
    assert [r.cause for r in ranking.causes[0].refuted] == ["face"]


def test_a_file_that_the_wire_contradicts_is_news_and_no_cause() -> None:
    ranking = rank(
        [finding("stripped", C.READ, S.LOGIN_401_VIA, proves=True)], facts(exchange(200), exchange(200, via=True))
    )
    assert not ranking.causes
    assert "traffic says otherwise" in ranking.contradictions[0].what


def test_a_bare_failure_is_explained_by_what_was_read_but_not_by_a_guess() -> None:
    hint = Message(kind="ui-cors-hint", place=HERE, text="must have Access-Control-Allow-Origin")
    found = [finding("read", C.READ, S.BROWSER_BLOCKED), finding("guess", C.POSSIBLE, S.BROWSER_BLOCKED)]
    ranking = rank(found, facts(messages=(hint,)))
    assert [f.cause for f in ranking.causes] == ["read"]
