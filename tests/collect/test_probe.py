"""What is asked, how carefully, and of whom."""

import asyncio
import json
import socket
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from runbook.collect import Request, collect, loopback, notes
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
        probed(direct, origin="http://page.example")
    assert {method for method, *_ in seen.requests} == {"GET", "OPTIONS"}


def test_an_upload_is_opened_and_cancelled_where_it_was_opened() -> None:
    with registry() as (direct, seen):
        evidence = probed(direct, allow_writes=True)
    posts = [e for e in evidence.live if e.method == "POST"]
    assert (
        posts[0].header("Location")
        == "http://elsewhere.example/v2/runbook-probe/scratch/blobs/uploads/abc?_state=[redacted]"
    )
    deleted = [(path, headers["Host"]) for method, path, _, headers in seen.requests if method == "DELETE"]
    assert deleted == [("/v2/runbook-probe/scratch/blobs/uploads/abc?_state=x", direct.removeprefix("http://"))]


def test_a_login_goes_over_plain_http_to_another_machine_only_by_leave(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(notes, "is_loopback", lambda host: False)
    with registry() as (direct, seen):
        careful = probed(direct)
        assert "anna" not in {user for _, _, user, _ in seen.requests}
        bold = probed(direct, insecure_http=True)
        assert "anna" in {user for _, _, user, _ in seen.requests}
    assert any("--insecure-http" in p.message for p in careful.problems)
    assert any("over plain http: everybody" in p.message for p in bold.problems)


@pytest.mark.parametrize(
    ("url", "alone"),
    [
        ("http://localhost:5000", True),
        ("http://127.0.0.9", True),
        ("http://[::1]:5000", True),
        ("https://registry.example", True),
        ("http://registry.example", False),
        ("http://10.0.0.5:5000", False),
        ("http://localhost.example:5000", False),
        ("http://127.0.0.1.example:5000", False),
    ],
)
def test_who_could_read_a_login(url: str, alone: bool) -> None:
    assert notes.is_readable_by_others(url) is not alone


class OnIPv6(ThreadingHTTPServer):
    """Somebody else, who took the same port on the other kind of address."""

    address_family = socket.AF_INET6


def test_two_programs_that_share_a_port_are_told_apart() -> None:
    with registry() as (direct, _):
        port = int(direct.rpartition(":")[2])
        other = OnIPv6(("::1", port), BaseHTTPRequestHandler)
        threading.Thread(target=other.serve_forever, args=(0.05,), daemon=True).start()
        try:
            evidence = probed(direct)
        finally:
            other.shutdown()
            other.server_close()
    (note,) = [p.message for p in evidence.problems]
    assert f"http://[::1]:{port} answers 501" in note
    assert "two programs share this port" in note
    assert {e.url.split("/v2")[0] for e in evidence.live} == {direct}, "the other one is no evidence about this one"


def test_another_address_of_the_same_machine_is_named_where_it_answers() -> None:
    with registry() as (direct, _):
        port = direct.rpartition(":")[2]
        evidence = probed(f"http://[::1]:{port}")
    assert [e.error for e in evidence.live] == ["refused"]
    assert any(f"http://127.0.0.1:{port} answers 401" in p.message for p in evidence.problems)


def test_an_address_that_has_but_one_name_is_asked_by_it_only() -> None:
    assert loopback.siblings("http://127.0.0.2:5000") == ()
    assert loopback.siblings("https://localhost") == ()
    assert loopback.siblings("http://[::1]") == ("http://127.0.0.1",)


def test_nobody_there_is_asked_once() -> None:
    evidence = probed("http://127.0.0.1:9")
    assert [(e.status, e.error, e.detail) for e in evidence.live] == [(None, "refused", "Connection refused")]


def test_a_name_that_does_not_exist() -> None:
    evidence = probed("http://nobody.invalid:5000")
    assert [e.error for e in evidence.live] == ["dns"]
    assert "Errno" not in evidence.live[0].detail


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
