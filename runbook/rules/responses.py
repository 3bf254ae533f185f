"""Headers of the registry's responses that clients and pages need and do not get."""

from collections.abc import Iterator

from runbook.model import Exchange, Finding, Fix, Refutation, Subject, Symptom
from runbook.model.command import PIPE, Command, sh, url, user
from runbook.rules.align import add_variables, change, subject
from runbook.rules.base import Facts, rule
from runbook.rules.evidence import finding, read, said, seen
from runbook.rules.hops import first_route, front_url, header_check, hop, user_of
from runbook.rules.logins import url as registry_url
from runbook.urls import netloc

S = Symptom
_DIGEST = "Docker-Content-Digest"


@rule(
    "content-length-stripped",
    needs_any=("messages", "exchanges"),
    step="headers",
    tier=2,
    title="a hop drops Content-Length from the registry's responses",
    fix="Switch compression and recoding off for /v2/ at that hop",
    source="containerd core/remotes/docker/resolver.go: a HEAD of a manifest must have a Content-Length; cloudflare/cloudflared#500",
    explains=(S.FAILURE, S.NOT_THE_API),
    refuted=(Refutation(cause="htpasswd-wrong-password", because="the response is a success, without a header"),),
)
def content_length_stripped(facts: Facts) -> Iterator[Finding]:
    """A hop that compresses or streams responses anew sends them in chunks and without Content-Length. GET works; the HEAD of
    a manifest, from which clients learn its size, says nothing.
    """
    told = next(iter(facts.traffic.said("no-content-length")), None)
    bare = next((e for e in facts.traffic.exchanges if _is_bare(e)), None)
    direct = next((e for e in facts.traffic.on("direct") if e.method == "HEAD" and e.header("Content-Length")), None)
    if told is None and (bare is None or direct is None):
        return
    route = first_route(facts)
    address = (told.host if told else None) or (netloc(bare.url) if bare else "")
    yield finding(
        f"A hop before the registry drops Content-Length from its responses at {address or 'this address'}.",
        said(told),
        seen(bare, ": no Content-Length"),
        seen(direct, f": Content-Length: {direct.header('Content-Length')}") if direct else None,
        hop=hop(route),
        about=Subject(address=address),
        fix=Fix(
            summary="Switch compression, minifying and chunked recoding off for /v2/ at the hop that does it: gzip off in nginx, "
            "a rule of the CDN, disableChunkedEncoding in a tunnel",
            verify=(_head(facts, bare.url if bare else f"{front_url(facts, route)}/v2/"),),
        ),
    )


def _is_bare(exchange: Exchange) -> bool:
    return (
        exchange.method == "HEAD"
        and exchange.status == 200
        and exchange.route != "direct"
        and bool(exchange.response_headers)
        and "/manifests/" in exchange.path
        and exchange.header("Content-Length") is None
    )


def _head(facts: Facts, address: str) -> Command:
    asked = ("curl", "-sSI", "-u", user(user_of(facts)), url(address))
    return sh(*asked, PIPE, "grep", "-i", "^content-length", expect="Content-Length: …")


@rule(
    "cors-header-not-exposed",
    by_absence=True,
    needs_any=("messages", "exchanges"),
    step="align",
    tier=2,
    title="the page may not read Docker-Content-Digest",
    fix="Set REGISTRY_HTTP_HEADERS_Access-Control-Expose-Headers: '[\"Docker-Content-Digest\"]'",
    source="Fetch standard, CORS-safelisted response headers; Joxit/docker-registry-ui README (delete needs the digest)",
    explains=(S.BROWSER_BLOCKED, S.DELETE_REFUSED, S.FAILURE),
    hop="registry",
    refuted=(Refutation(cause="delete-disabled", because="the page does not get as far as asking for a delete"),),
)
def not_exposed(facts: Facts) -> Iterator[Finding]:
    """Across origins a page reads only the headers that the response exposes. The call is a 200 and looks sound; the digest
    is in it, and JavaScript gets null.
    """
    told = next((m for m in facts.traffic.said("header-hidden") if m.detail.lower() == _DIGEST.lower()), None)
    if told is None:
        return
    answered = next((e for e in facts.traffic.exchanges if _hides_digest(e)), None)
    registry = facts.registry
    setting = registry.settings.get("http.headers.Access-Control-Expose-Headers") if registry else None
    edits = (
        add_variables(
            facts.evidence, registry, ("REGISTRY_HTTP_HEADERS_Access-Control-Expose-Headers", f'["{_DIGEST}"]')
        )
        if registry is not None and setting is None
        else ()
    )
    yield finding(
        f"The registry's responses do not expose {_DIGEST}, so the page cannot read the digest.",
        said(told),
        seen(answered, ": no Access-Control-Expose-Headers"),
        read(f"Access-Control-Expose-Headers: {setting.value}", setting.place) if setting and setting.place else None,
        about=subject(registry),
        fix=change(
            facts,
            registry,
            f'Add the response header Access-Control-Expose-Headers: ["{_DIGEST}"]',
            header_check(
                registry_url(facts), "access-control-expose-headers", f"Access-Control-Expose-Headers: {_DIGEST}"
            ),
            edits=edits,
        ),
    )


def _hides_digest(exchange: Exchange) -> bool:
    exposed = (exchange.header("Access-Control-Expose-Headers") or "").lower()
    return bool(exchange.header("Access-Control-Allow-Origin")) and _DIGEST.lower() not in exposed and exposed != "*"
