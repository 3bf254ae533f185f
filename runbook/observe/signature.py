"""Who answered: what in a response only a registry writes, and what any proxy may add."""

from collections.abc import Iterable

from runbook.lazy import re
from runbook.model import Exchange
from runbook.once import once

PROXY_SIGNATURES = ("nginx", "openresty", "caddy", "apache", "haproxy", "traefik", "envoy", "cloudflare", "tengine")
"""Words of a Server header. The registry itself sends none."""
OTHER_SERVICES = (
    "nexus",
    "artifactory",
    "jfrog",
    "gitea",
    "forgejo",
    "quay",
    "airtunes",
    "kestrel",
    "jetty",
    "tomcat",
    "gunicorn",
)
"""The same of products that answer at such addresses and are no registry of this kind."""
_OTHER_REALMS = ("sonatype nexus repository manager", "artifactory realm")
"""How those of them sign their challenge that stand behind a proxy, whose Server header is seen."""


@once
def is_another_product(record: object) -> bool:
    """Whether a response is signed by a product that is no registry of this kind."""
    if not isinstance(record, Exchange):
        return False
    server, challenge = ((record.header(name) or "").lower() for name in ("Server", "WWW-Authenticate"))
    return any(word in server for word in OTHER_SERVICES) or any(realm in challenge for realm in _OTHER_REALMS)


_REALM = re.compile(r'\brealm="(https?://[^"]{1,500})"', re.IGNORECASE)


def signed_by_proxy(exchange: Exchange) -> bool:
    """Whether the response carries a proxy's signature (its Server or Via header): it passed one, or is the proxy's own."""
    server = " ".join(exchange.headers("Server")).lower()
    return any(word in server for word in PROXY_SIGNATURES) or exchange.header("Via") is not None


@once
def from_registry(exchange: Exchange) -> bool | None:
    """Whether a registry wrote the response; None when what was kept of it does not tell.

    The body decides: JSON of the API. `Docker-Distribution-Api-Version` proves nothing where a proxy stands before it,
    since well-known recipes for nginx and Apache set it by hand (docs.docker.com's own among them).
    """
    if exchange.status is None:
        return None
    body = exchange.body.lstrip()
    if is_another_product(exchange):
        return False
    if exchange.is_html or "HTTP request to an HTTPS server" in body:
        return False
    kind = (exchange.header("Content-Type") or "").lower()
    json = "json" in kind or "vnd.docker" in kind or "vnd.oci" in kind
    named = exchange.header("Docker-Distribution-Api-Version") is not None
    if body:
        if body.startswith('{"errors"') or (body.startswith("{") and (json or named)):
            return True
        if body.startswith("{") and not exchange.response_headers:
            return True
        return None if named and not signed_by_proxy(exchange) else False
    if named and (json or not signed_by_proxy(exchange)):
        return True
    if exchange.status in (201, 202, 204, 206, 304, 307) and named:
        return True
    return None


def is_registrys(exchange: Exchange) -> bool:
    """Whether a response is taken for the registry's own: its body says so, or, where no body was kept, its header."""
    wrote = from_registry(exchange)
    return wrote is True or (wrote is None and exchange.header("Docker-Distribution-Api-Version") is not None)


def is_foreign(exchange: Exchange) -> bool:
    """A success that no registry wrote: whatever answers there, the API it is not. Browsers' exports are not judged."""
    if exchange.status != 200 or not exchange.response_headers or exchange.page is not None:
        return False
    return not is_registrys(exchange)


def realm_of(exchange: Exchange) -> str:
    """The URL at which a Bearer challenge sends clients for a token; "" for any other answer."""
    challenge = exchange.header("WWW-Authenticate") or ""
    found = _REALM.search(challenge) if challenge.lower().startswith("bearer") else None
    return found[1] if found else ""


def is_token_service(exchange: Exchange, others: Iterable[Exchange]) -> bool:
    """Whether we asked the realm of a challenge for a token."""
    if exchange.source.file != "probe" or exchange.is_api:
        return False
    asked = exchange.url.split("?", 1)[0]
    return any(realm_of(e).split("?", 1)[0] == asked for e in others if e.status == 401)


def is_go_404(exchange: Exchange) -> bool:
    """Go's own 404 at an address of the ping, behind the registry's header: its API is not at /v2/ (http.prefix), or
    a proxy asked it for another path. No registry that serves at /v2/ answers so."""
    if exchange.status != 404 or not exchange.path.endswith("/v2/") or exchange.page is not None:
        return False
    named = exchange.header("Docker-Distribution-Api-Version") is not None
    return exchange.body.strip() == "404 page not found" and named


def is_foreign_404(exchange: Exchange) -> bool:
    """A 404 that no registry wrote."""
    if exchange.status != 404:
        return False
    always = exchange.path.rstrip("/") in ("/v2", "/v2/_catalog")
    if "404 page not found" in exchange.body and not always and not signed_by_proxy(exchange):
        return False  # the Go router of the registry itself (Traefik's reads the same): a path that it does not have
    return not is_registrys(exchange)
