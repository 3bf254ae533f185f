"""Requests that end at another host than they were meant for."""

from collections.abc import Iterator

from runbook.model import (
    Certainty,
    Evidence,
    Exchange,
    Finding,
    ProxyRoute,
    Stack,
    Symptom,
)
from runbook.observe.traffic import Traffic
from runbook.rules.base import rule
from runbook.rules.hops import fronts, is_strange, item, name, repair, seen
from runbook.urls import urlsplit

S, C = Symptom, Certainty


@rule(
    "redirect-drops-authorization",
    sees=("exchanges", "routes"),
    step="headers",
    tier=2,
    title="the API is redirected to another host, and clients drop the login there",
    fix="Use the address that the redirect leads to, or proxy instead of redirecting.",
    source="run: curl drops credentials on a redirect to another host or port; so does Go's http client",
)
def redirect_drops_authorization(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """A login belongs to the host that it was typed for. A client that is sent to another one does not take it along."""
    for exchange in traffic.exchanges:
        target = urlsplit(exchange.header("Location") or "")
        here = urlsplit(exchange.url)
        moved = exchange.status in (301, 302, 303, 307, 308) and exchange.is_api and bool(target.hostname)
        if not moved or target.hostname == here.hostname or "/blobs/sha256" in exchange.path:
            continue
        after = next(
            (e for e in traffic.exchanges if e.status == 401 and urlsplit(e.url).hostname == target.hostname), None
        )
        yield Finding(
            cause="redirect-drops-authorization",
            summary=f"{here.netloc} redirects the API to {target.netloc}: clients do not send the login there.",
            certainty=C.SEEN,
            explains=(S.REDIRECTED, S.LOGIN_401, S.LOGIN_401_VIA),
            evidence=(
                seen(exchange, f", Location {target.scheme}://{target.netloc}/…"),
                *([seen(after)] if after else []),
            ),
            hop="client -> proxy",
            fix=repair(
                ProxyRoute(software="nginx", place=exchange.source),
                f"Log in to {target.netloc} itself, or let {here.netloc} proxy to it.",
                f"curl -sSi -u NAME {target.scheme}://{target.netloc}/v2/ | head -1   # 200",
            ),
        )
        return


@rule(
    "host-header-wrong-for-upstream-vhost",
    sees=("routes", "exchanges"),
    step="headers",
    tier=2,
    title="the Host that is handed on selects the wrong virtual host on the next hop",
    fix="Send the name that the next hop knows: proxy_set_header Host registry.example;",
    source="Joxit/docker-registry-ui#113, aws/containers-roadmap#299; run by hand: two nginx in a row, the second with server_name",
)
def host_header_wrong_for_upstream_vhost(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """The second hop chooses its virtual host by Host. A name that it does not know lands on its default server."""
    pair = _differs_by_host(traffic)
    if pair:
        bad, good = pair
        yield Finding(
            cause="host-header-wrong-for-upstream-vhost",
            summary=f"The same address answers as a registry with Host {good.sent('Host')} and as a web page without it.",
            certainty=C.SEEN,
            explains=(S.NOT_THE_API,),
            evidence=(seen(bad), seen(good, f" with Host {good.sent('Host')}")),
            hop="proxy -> proxy",
            fix=repair(
                next(iter(stack.routes), None) or ProxyRoute(software="nginx", place=bad.source),
                f"Let the first hop send Host {good.sent('Host')}.",
            ),
            supersedes=("no-v2-route",),
        )
        return
    yield from _second_hop(evidence, stack, traffic)


def _differs_by_host(traffic: Traffic) -> tuple[Exchange, Exchange] | None:
    for bad in (e for e in traffic.exchanges if e.is_api and is_strange(e)):
        for good in traffic.exchanges:
            ours = (good.sent("Host") or "").split(":")[0]
            reached = good.header("Docker-Distribution-Api-Version") is not None
            if reached and good.url == bad.url and ours and ours != urlsplit(good.url).hostname:
                return bad, good
    return None


def _second_hop(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """A hop whose upstream is another hop of the project, with a Host that this one does not know."""
    if evidence.compose is None or traffic.works("via"):
        return
    everyone = fronts(stack, evidence.compose)
    for route in stack.routes:
        target = next((s for h, _ in route.upstream_hosts if (s := evidence.compose.service(h))), None)
        if route.kind != "proxy" or target is None or target.name == route.service or route.host == "client":
            continue
        behind = [f for f in everyone if f.routes[0].service == target.name and f.routes[0].server_names]
        host = route.host_value.split(":")[0]
        knows = any(host in f.routes[0].server_names for f in behind)
        default = next((f for f in behind if f.routes[0].default_server), None)
        if not behind or knows or "$" in host or (default and default.api):
            continue
        yield Finding(
            cause="host-header-wrong-for-upstream-vhost",
            summary=f"{name(route)} sends Host {host}, which is no virtual host of {target.name}.",
            certainty=C.READ,
            explains=(S.NOT_THE_API,),
            evidence=(
                item(f"Host {host} is sent on", route.place),
                item("the names known there", behind[0].routes[0].place),
            ),
            hop=f"{name(route)} -> {target.name}",
            fix=repair(route, f"Send a name that it knows: {', '.join(behind[-1].routes[0].server_names)}."),
        )
        return
