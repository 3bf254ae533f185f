"""Labels of caddy-docker-proxy give the same routes as the Caddyfile that they spell."""

from dataclasses import replace

import pytest

from runbook.model import Place, ProxyRoute
from runbook.parse import ParseError
from runbook.parse.caddy import parse_caddy
from runbook.parse.caddy_labels import caddy_labels, has_caddy_labels
from runbook.parse.compose import parse_compose
from runbook.redact import Vault


def from_labels(**services: dict[str, str]) -> list[ProxyRoute]:
    rows = ["services:"]
    for name, labels in services.items():
        rows += [f"  {name}:", "    image: a", "    labels:"] + [f"      {k}: '{v}'" for k, v in labels.items()]
    text = "\n".join(rows) + "\n"
    compose = parse_compose([("compose.yml", text)], [], {}, Vault(), frozenset())
    assert has_caddy_labels(compose)
    return [bare(r) for r in caddy_labels(compose, Vault())]


def bare(route: ProxyRoute) -> ProxyRoute:
    """Without the lines, which cannot be the same."""
    nowhere = Place("x")
    edits = tuple(replace(e, place=nowhere) for e in route.request_headers)
    back = tuple(replace(e, place=nowhere) for e in route.response_headers)
    return replace(
        route, place=nowhere, upstream_place=nowhere if route.upstream_place else None, request_headers=edits,
        response_headers=back, max_body_place=nowhere if route.max_body_place else None,
        auth=replace(route.auth, place=nowhere) if route.auth else None,
    )  # fmt: skip


def from_file(text: str) -> list[ProxyRoute]:
    return [bare(r) for r in parse_caddy(text, "Caddyfile", Vault())]


@pytest.mark.parametrize(
    ("labels", "text"),
    [
        ({"caddy": "hub.example", "caddy.reverse_proxy": "{{upstreams 5000}}"}, "hub.example {\n reverse_proxy registry:5000\n}"),
        ({"caddy": "hub.example", "caddy.reverse_proxy": "{{upstreams}}"}, "hub.example {\n reverse_proxy registry\n}"),
        (
            {"caddy": "hub.example", "caddy.reverse_proxy": "{{ upstreams https 5000 }}"},
            "hub.example {\n reverse_proxy https://registry:5000\n}",
        ),
        (
            {
                "caddy": "hub.example, www.hub.example",
                "caddy.reverse_proxy": "/v2/* {{upstreams 5000}}",
                "caddy.reverse_proxy.header_up_0": "-Authorization",
                "caddy.reverse_proxy.header_up_1": 'X-Forwarded-Proto "https"',
                "caddy.request_body.max_size": "10MB",
                "caddy.tls": "internal",
            },
            'hub.example, www.hub.example {\n tls internal\n request_body {\n  max_size 10MB\n }\n reverse_proxy /v2/* registry:5000 {\n  header_up -Authorization\n  header_up X-Forwarded-Proto "https"\n }\n}',
        ),
        (
            {
                "caddy_1": "http://hub.example:8080",
                "caddy_1.handle_0": "/v2/*",
                "caddy_1.handle_0.reverse_proxy": "{{upstreams 5000}}",
                "caddy_1.handle_1.respond": "404",
                "caddy_1.basic_auth": "/*",
                "caddy_1.basic_auth.anna": "hash",
            },
            "http://hub.example:8080 {\n basic_auth /* {\n  anna hash\n }\n handle /v2/* {\n  reverse_proxy registry:5000\n }\n handle {\n  respond 404\n }\n}",
        ),
        (
            {"caddy": "hub.example", "caddy.@api.path": "/v2/*", "caddy.reverse_proxy": "@api {{upstreams 5000}}"},
            "hub.example {\n @api {\n  path /v2/*\n }\n reverse_proxy @api registry:5000\n}",
        ),
        (
            {
                "caddy": "hub.example", "caddy.route.1_reverse_proxy": "{{upstreams 5000}}",
                "caddy.route.0_request_header": "-Authorization",
            },
            "hub.example {\n route {\n  request_header -Authorization\n  reverse_proxy registry:5000\n }\n}",
        ),
        (
            {"caddy_0": "(login)", "caddy_0.request_header": "-Authorization", "caddy_1": "hub.example", "caddy_1.import": "login", "caddy_1.reverse_proxy": "{{upstreams 5000}}"},
            "(login) {\n request_header -Authorization\n}\nhub.example {\n import login\n reverse_proxy registry:5000\n}",
        ),
    ],
)  # fmt: skip
def test_the_same_routes_as_the_file(labels: dict[str, str], text: str) -> None:
    found = from_labels(registry=labels)
    assert found == from_file(text)
    assert found


def test_services_write_to_one_site_together() -> None:
    found = from_labels(
        registry={"caddy": "hub.example", "caddy.reverse_proxy": "/v2/* {{upstreams 5000}}"},
        ui={"caddy": "hub.example", "caddy.reverse_proxy": "{{upstreams 80}}"},
    )
    assert found == from_file("hub.example {\n reverse_proxy /v2/* registry:5000\n reverse_proxy ui:80\n}")


def test_options_for_all_and_other_labels_are_no_site() -> None:
    assert from_labels(caddy={"caddy.email": "me@example.org", "org.caddy.x": "1"}) == []


def test_a_value_that_cannot_be_read_says_where() -> None:
    with pytest.raises(ParseError, match="a quote is not closed") as raised:
        from_labels(registry={"caddy": "hub.example", "caddy.respond": '"open'})
    assert raised.value.line is not None
