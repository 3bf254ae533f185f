"""What a chain of Traefik's middlewares does, in its order; measured with 3.3 in tests/real."""

import pytest

from runbook.model import ProxyRoute
from runbook.parse.traefik import parse_traefik_file
from runbook.redact import Vault
from runbook.stack.foretell import Request, foretell

FRAME = """http:
  routers:
    r: {{rule: "PathPrefix(`/v2/`)", service: s, middlewares: [{used}]}}
  middlewares:
    empty: {{headers: {{customRequestHeaders: {{Authorization: ""}}}}}}
    hide: {{headers: {{customResponseHeaders: {{WWW-Authenticate: ""}}}}}}
    ask: {{basicAuth: {{users: [a:b]}}}}
    digest: {{digestAuth: {{users: [a:b:c]}}}}
    page: {{errors: {{status: ["400-404"], service: s, query: /}}}}
    page5: {{errors: {{status: ["500-599"], service: s, query: /}}}}
    two: {{basicAuth: {{users: [a:b]}}, addPrefix: {{prefix: /x}}}}
    dangling: {{chain: {{middlewares: [ask, gone]}}}}
    sound: {{chain: {{middlewares: [ask, hide]}}}}
    forward: {{forwardAuth: {{address: "http://a", authResponseHeaders: [X-User, Authorization]}}}}
    plainly: {{forwardAuth: {{address: "http://a", authResponseHeaders: [X-User]}}}}
    strip: {{stripPrefix: {{prefixes: [/hub, /v2]}}}}
  services:
    s: {{loadBalancer: {{servers: [{{url: "http://registry:5000"}}]}}}}
"""


def route(used: str) -> ProxyRoute:
    (found,) = parse_traefik_file(FRAME.format(used=used), "dynamic.yml", Vault())
    return found


@pytest.mark.parametrize(
    ("used", "status", "challenge"),
    [
        ("ask", 200, False),
        ("empty, ask", 401, True),  # it sees no login
        ("ask, empty", 401, True),
        ("digest", 401, True),
        ("hide, empty, ask", 401, False),
        ("empty, ask, hide", 401, True),  # its own answer never passes what comes after it
        ("page5", 200, False),
        ("forward", None, False),
    ],
)
def test_middlewares_work_in_their_order(used: str, status: int | None, challenge: bool) -> None:
    said = foretell([route(used)], Request(login="valid", own_login=True))
    assert (said.status, said.challenge) == (status, challenge)


@pytest.mark.parametrize(
    ("used", "kinds"), [("two", ["two in one"]), ("dangling", ["middleware"]), ("sound", []), ("ask, hide", [])]
)
def test_what_leaves_a_router_out(used: str, kinds: list[str]) -> None:
    assert [kind for kind, _, _ in route(used).unknown] == kinds


def test_a_page_for_401_is_known_and_one_for_500_is_none() -> None:
    assert (route("page").answers_for is not None, route("page5").answers_for) == (True, None)


def test_forward_auth_replaces_the_login_only_where_it_is_listed() -> None:
    edit = route("forward").edit("Authorization")
    assert (edit is not None and edit.injected, route("plainly").edit("Authorization")) == ("variable", None)


def test_of_several_prefixes_the_one_that_fits_is_cut() -> None:
    assert route("strip").strips_prefix == "/v2"


def test_an_empty_table_of_toml_is_a_middleware() -> None:
    text = (
        '[http.routers.r]\nrule = "PathPrefix(`/v2/`)"\nservice = "s"\nmiddlewares = ["c"]\n'
        '[http.middlewares.c.compress]\n[[http.services.s.loadBalancer.servers]]\nurl = "http://r:5000"\n'
    )
    (found,) = parse_traefik_file(text, "dynamic.toml", Vault())
    assert found.unknown == ()
