"""What is asked, how carefully, and of whom."""

import asyncio
import json
from collections import Counter
from pathlib import Path

import pytest

from runbook.collect import Request, collect
from runbook.model import Evidence, Exchange
from runbook.redact import Vault
from tests.servers import registry

PASSWORD = "right-password"


def probed(direct: str | None, via: str | None = None, password: str = PASSWORD, **more: object) -> Evidence:
    request = Request(registry_url=direct, ui_url=via, user="anna", password=password, timeout=10, **more)  # type: ignore[arg-type]
    return collect(request, Vault())


def kind(exchange: Exchange) -> tuple[str, str, str, str]:
    login = "none" if exchange.credential is None else exchange.credential.intent
    return exchange.route, login, exchange.method, exchange.path


def test_the_matrix_is_complete() -> None:
    with registry() as (direct, _), registry() as (via, _):
        evidence = probed(direct, via)
    asked = Counter(kind(e) for e in evidence.live)
    for route in ("direct", "via"):
        for login in ("none", "given", "wrong"):
            for method, path in (("GET", "/v2/"), ("GET", "/v2/_catalog"), ("OPTIONS", "/v2/_catalog")):
                assert asked[route, login, method, path], (route, login, method, path)
    assert asked["direct", "given", "GET", "/v2/"] == 2, "once more, as a browser sends it from a page"
    assert {e.status for e in evidence.live if kind(e)[1] == "given" and e.method == "GET"} == {200}
    assert {e.status for e in evidence.live if kind(e)[1] == "wrong"} == {401}


def test_preflights_carry_the_origin_that_was_given() -> None:
    with registry() as (direct, seen):
        probed(direct, origin="http://ui.example:8080")
    options = [headers for method, _, _, headers in seen.requests if method == "OPTIONS"]
    assert options
    assert {h["Origin"] for h in options} == {"http://ui.example:8080"}
    assert all("Access-Control-Request-Method" in h for h in options)


def test_a_refused_password_is_never_sent_twice_at_once() -> None:
    with registry(pause=0.05) as (direct, one), registry(pause=0.05) as (via, two):
        probed(direct, via, password="not-the-right-one")
    for seen in (one, two):
        assert seen.refused_at_once <= 1
        assert Counter(user for _, _, user, _ in seen.requests)["anna"] == 4


def test_a_good_password_is_used_in_parallel() -> None:
    with registry(pause=0.1) as (direct, seen):
        probed(direct)
    assert seen.at_once >= 3


def test_the_users_name_is_never_tried_with_a_wrong_password() -> None:
    with registry() as (direct, seen):
        evidence = probed(direct)
    wrong = {e.credential.user for e in evidence.live if e.credential and e.credential.intent == "wrong"}
    assert wrong == {"runbook-probe"}
    assert {user for _, _, user, _ in seen.requests} == {None, "anna", "runbook-probe"}


def test_only_reading_without_leave_to_write() -> None:
    with registry() as (direct, seen):
        probed(direct)
    assert {method for method, *_ in seen.requests} == {"GET", "OPTIONS"}


def test_an_upload_is_opened_and_cancelled_where_it_was_opened() -> None:
    with registry() as (direct, seen):
        evidence = probed(direct, allow_writes=True)
    posts = [e for e in evidence.live if e.method == "POST"]
    assert posts[0].header("Location") == "http://elsewhere.example/v2/runbook-probe/scratch/blobs/uploads/abc?_state=x"
    deleted = [(path, headers["Host"]) for method, path, _, headers in seen.requests if method == "DELETE"]
    assert deleted == [("/v2/runbook-probe/scratch/blobs/uploads/abc?_state=x", direct.removeprefix("http://"))]


def test_nobody_there_is_asked_once() -> None:
    evidence = probed("http://127.0.0.1:9")
    assert [(e.status, e.error) for e in evidence.live] == [(None, "refused")]


def test_a_name_that_does_not_exist() -> None:
    evidence = probed("http://nobody.invalid:5000")
    assert [e.error for e in evidence.live] == ["dns"]


def test_the_password_is_nowhere_in_the_evidence() -> None:
    with registry() as (direct, _):
        evidence = probed(direct)
    assert PASSWORD not in repr(evidence)
    assert "YW5uYTpyaWdodC1wYXNzd29yZA" not in repr(evidence)


def test_proxies_of_the_environment_are_said_and_not_used(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://user:proxypassword@127.0.0.1:9")
    with registry() as (direct, seen):
        evidence = probed(direct)
    assert seen.requests
    notes = [p.message for p in evidence.problems]
    assert any("HTTP_PROXY" in note for note in notes)
    assert not any("proxypassword" in note for note in notes)


def docker_config(path: Path, **auths: str) -> str:
    path.write_text(json.dumps({"auths": {key: {"auth": value} for key, value in auths.items()}}))
    return str(path)


def test_a_stored_login_goes_to_its_own_address_only(tmp_path: Path) -> None:
    with registry() as (direct, seen), registry() as (via, other):
        host = direct.removeprefix("http://")
        file = docker_config(tmp_path / "my-config.json", **{host: "YW5uYTpyaWdodC1wYXNzd29yZA=="})
        evidence = collect(Request(registry_url=direct, ui_url=via, docker_config=file, timeout=10), Vault())
    assert "anna" in {user for _, _, user, _ in seen.requests}
    assert "anna" not in {user for _, _, user, _ in other.requests}
    assert any("no login for" in p.message for p in evidence.problems)
    assert evidence.target.user == "anna"


def test_a_login_stored_for_another_port_is_not_used(tmp_path: Path) -> None:
    with registry() as (direct, seen):
        file = docker_config(tmp_path / "config.json", **{"127.0.0.1:1": "YW5uYTpyaWdodC1wYXNzd29yZA=="})
        collect(Request(registry_url=direct, docker_config=file, timeout=10), Vault())
    assert "anna" not in {user for _, _, user, _ in seen.requests}


def test_it_works_in_a_notebook_where_a_loop_runs_already() -> None:
    async def cell(url: str) -> Evidence:
        return probed(url)

    with registry() as (direct, _):
        assert asyncio.run(cell(direct)).live
