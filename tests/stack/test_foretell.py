"""The arithmetic of foretelling, where no real proxy is needed to say what must come out."""

import time

import pytest

from runbook.model import HeaderEdit, Place, ProxyRoute
from runbook.parse.patterns import search
from runbook.stack.foretell import Request, foretell, registry_status, what_is_left

HERE = Place("n.conf", 1)


@pytest.mark.parametrize(
    ("path", "login", "status"),
    [
        ("/", "none", 200),
        ("//", "valid", 301),
        ("/v2", "valid", 301),
        ("/v2/", "none", 401),
        ("/v2/", "valid", 200),
        ("/_catalog", "valid", 404),
        ("/v2/_catalog", "unknown", None),
    ],
)
def test_the_registry_asks_for_a_login_only_where_its_api_is(path: str, login: str, status: int | None) -> None:
    assert registry_status("GET", path, login) == status  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("action", "value", "injected", "left"),
    [
        ("set", "", None, "none"),
        ("remove", "", None, "none"),
        ("set", "$http_authorization", "client", "valid"),
        ("set", "Basic x", "cleartext", "invalid"),
        ("set", "Bearer x", "bearer", "none"),
        ("add", "Basic x", "cleartext", "valid"),
    ],
)
def test_what_is_left_of_a_login(action: str, value: str, injected: str | None, left: str) -> None:
    edit = HeaderEdit(name="Authorization", action=action, value=value, injected=injected, place=HERE)  # type: ignore[arg-type]
    route = ProxyRoute(software="caddy", place=HERE, request_headers=(edit,))
    assert what_is_left(route, Request(login="valid"), "invalid") == left


def test_no_route_is_no_guess() -> None:
    assert foretell((), Request()).route is None


def test_a_hostile_pattern_costs_no_time() -> None:
    begun = time.process_time()
    assert search("^(a+)+$", "a" * 60 + "b") is None
    assert search("(unclosed", "x") is None
    assert time.process_time() - begun < 0.5
