"""The picture of the request path: what each arrow says follows from the evidence, and nothing in it is markup of others."""

import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

from runbook.collect import Request, collect
from runbook.judge import Run, diagnose
from runbook.lab import Lab
from runbook.model import Credential, Exchange, Place
from runbook.redact import Vault
from runbook.report import blocks, tables
from runbook.report.excerpt import excerpts
from runbook.report.hops import hops
from runbook.report.journey import journey, journeys
from runbook.report.picture import picture
from tests.case_files import CASES, judge, load
from tests.report.samples import collected, evidence_of


def of(fault: str) -> Run:
    with Lab(fault, backend="embedded", seed=3) as lab:
        return diagnose(collected(lab))


@pytest.fixture(scope="module")
def stripped() -> Run:
    return of("authorization-stripped")


def test_the_header_vanishes_where_the_file_says_and_is_there_after_the_fix(stripped: Run) -> None:
    before, after = journeys(stripped)
    first, second, answer = before.legs
    assert (first.state, first.cite) == ("sent", "probe")
    assert second.state == "gone"
    assert second.cite == stripped.diagnosis.causes[0].evidence[0].where
    assert answer.text.startswith("401")
    assert answer.header.startswith("WWW-Authenticate: Basic")
    assert [leg.state for leg in after.legs] == ["sent", "sent", "good", "good"]
    assert after.predicted
    assert after.legs[-1].text == "200 expected"


def test_every_arrow_of_what_was_seen_cites_its_evidence(stripped: Run) -> None:
    assert all(leg.cite for leg in journeys(stripped)[0].legs)


def test_a_hash_that_cannot_match_is_the_password_file_s_fault() -> None:
    run = of("htpasswd-not-bcrypt")
    seen = journey(run)
    assert seen is not None
    compared = next(leg for leg in seen.legs if seen.stations[leg.receiver].kind == "file")
    assert compared.state == "bad"
    assert "htpasswd:" in compared.cite
    assert [s.name for s in seen.stations if s.state == "bad"] == ["htpasswd"]


def test_the_proxy_that_is_asked_first_stands_first_without_a_compose_file(tmp_path: Path) -> None:
    cases = CASES / "x-forwarded-proto-missing", CASES / "host-header-wrong-for-upstream-vhost"
    names = ("bad-caddy-distrusts-nginx.yaml", "bad-haproxy-before-nginx.yaml")
    runs = (judge(load(folder / name), tmp_path / name) for folder, name in zip(cases, names, strict=True))
    assert [[h.name for h in hops(run) if h.kind == "proxy"] for run in runs] == [
        ["nginx", "caddy"],
        ["haproxy", "nginx"],
    ]


def test_an_answer_of_the_proxy_itself_comes_from_the_proxy() -> None:
    run = of("upstream-is-localhost")
    seen = journey(run)
    assert seen is not None
    assert seen.stations[seen.legs[-1].sender].kind == "proxy"
    assert seen.legs[-1].text == "502 Bad Gateway"


def test_nothing_seen_and_nothing_wrong_is_no_picture() -> None:
    run = diagnose(evidence_of())
    assert journeys(run) == ()
    assert "No request was seen" in picture(run).block().text


def test_the_picture_is_sound_xml_whatever_stands_in_the_evidence() -> None:
    hostile = "<script>x</script>$a$ \"'&\x00"
    exchange = Exchange(
        source=Place(hostile, 1), method=hostile, url="http://h/v2/", route="unknown", status=401,
        credential=Credential(scheme=hostile, user=hostile), response_headers=(("WWW-Authenticate", hostile),),
    )  # fmt: skip
    drawn = picture(diagnose(evidence_of(exchange)))
    root = ET.fromstring(drawn.svg)
    assert not [e for e in root.iter() if e.tag.endswith("script")]
    assert "<script" not in drawn.block().html


def test_the_picture_stands_alone(stripped: Run) -> None:
    svg = picture(stripped).svg
    ET.fromstring(svg)
    assert "href" not in svg
    assert "prefers-color-scheme: dark" in svg


def test_arrows_can_be_shown_one_by_one(stripped: Run) -> None:
    shown = picture(stripped)
    counts = [shown.drawn("", n).count('class="arrow') for n in range(shown.steps + 1)]
    assert counts == list(range(shown.steps + 1))


def test_blame_lines_mark_the_line_as_a_compiler_does(stripped: Run) -> None:
    text = excerpts(stripped).text
    where = stripped.diagnosis.causes[0].evidence[0].where
    assert f"--> {where}" in text
    assert "NGINX_PROXY_HEADER_Authorization" in text
    assert "^^^^" in text


def test_a_stack_of_the_lab_says_demo_in_every_view() -> None:
    from runbook.report import render_html, render_markdown, render_terminal

    with Lab.demo() as lab:
        request = Request(paths=(str(lab.bundle),), lab="demo")
        run = diagnose(collect(request, Vault()))
    for view in (render_html, render_markdown, render_terminal):
        assert "DEMO" in view(run)
    assert "DEMO" in picture(run).svg


def test_the_picture_in_the_readme_is_what_the_demo_shows() -> None:
    from pathlib import Path

    with Lab.demo() as lab:
        request = Request(paths=(str(lab.bundle),), registry_url=lab.registry_url, ui_url=lab.ui_url, user=lab.user,
                          password=lab.password, lab="demo")  # fmt: skip
        drawn = picture(diagnose(collect(request, Vault()))).svg
    assert (Path(__file__).parents[2] / "notebooks" / "images" / "request-path.svg").read_text().strip() == drawn


_CHALLENGE_GONE = (
    "$ curl -i http://dock.example:8088/v2/\nHTTP/1.1 401 Unauthorized\ncontent-type: application/json\n"
    'docker-distribution-api-version: registry/2.0\n\n{"errors":[{"code":"UNAUTHORIZED"}]}\n\n'
    "$ curl -i -u karl http://dock.example:8088/v2/\nHTTP/1.1 200 OK\ncontent-type: application/json\n"
    "docker-distribution-api-version: registry/2.0\n\n{}\n"
)


def test_the_request_that_fails_is_drawn_not_one_that_succeeds(tmp_path: Path) -> None:
    case = load(CASES / "www-authenticate-missing" / "bad-haproxy.yaml")
    run = judge(replace(case, files={**case.files, "curl.txt": _CHALLENGE_GONE}), tmp_path)
    drawn = journey(run)
    assert drawn is not None
    assert drawn.legs[-1].text == "401 Unauthorized"
    assert drawn.legs[-1].header == "no WWW-Authenticate"
    assert {h.name: h.state for h in hops(run)} == {"client": "ok", "haproxy": "bad", "registry": "ok"}


@pytest.mark.parametrize("cause", ["htpasswd-empty", "htpasswd-wrong-password"])
def test_a_password_file_that_cannot_let_in_is_marked_as_the_first_wrong(cause: str, tmp_path: Path) -> None:
    name = {"htpasswd-empty": "bad-comments-only.yaml"}.get(cause, "bad-file.yaml")
    run = judge(load(CASES / cause / name), tmp_path)
    assert [h.name for h in hops(run) if h.state == "bad"] == ["htpasswd"]
    assert "first wrong at htpasswd" in blocks.verdict(run).text


def test_credentials_that_a_proxy_writes_are_of_the_kind_that_it_writes(tmp_path: Path) -> None:
    curl = (
        "$ curl -v -u anna http://r.example:{port}/v2/\n> GET /v2/ HTTP/1.1\n> Host: r.example:{port}\n"
        "> Authorization: Basic YW5uYTp4eHh4eHh4eA==\n> \n< HTTP/1.1 {status}\n< Date: Mon, 23 Nov 2026 13:37:48 GMT\n"
        "< Docker-Distribution-Api-Version: registry/2.0\n{challenge}< \n"
    )
    refused = '< WWW-Authenticate: Basic realm="R"\n'
    asked = curl.format(port=5000, status="200 OK", challenge="")
    asked += curl.format(port=8080, status="401 Unauthorized", challenge=refused)
    (tmp_path / "curl.txt").write_text(asked)
    for value, shown in (
        ("Bearer $cookie_t", "Authorization: Bearer •••"),
        ("Basic Ym90OmJvdC1wdw==", "Authorization: Basic bot:•••"),
    ):
        (tmp_path / "nginx.conf").write_text(
            "server {\n listen 8080;\n server_name r.example;\n location /v2/ {\n  proxy_pass http://127.0.0.1:5000;\n"
            f'  proxy_set_header Authorization "{value}";\n }}\n}}\n'
        )
        found = diagnose(collect(Request(paths=(str(tmp_path),)), Vault()))
        changed = next(leg for leg in journeys(found)[0].legs if leg.state == "changed")
        assert changed.header == shown
    shown = tables.headers(found).html
    telling, folded = shown.split("<summary>Of no weight: Date</summary>")
    assert "WWW-Authenticate" in telling
    assert "13:37:48" not in telling, "what differs between any two answers is folded away"
    assert "13:37:48" in folded
