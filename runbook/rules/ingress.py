"""What an Ingress asks for and its controller cannot or does not do."""

from collections.abc import Iterator

from runbook.model import Edit, Finding, Fix, Message, OwnAuth, ProxyRoute, Refutation, Symptom
from runbook.model.command import PIPE, Command, name, sh, user
from runbook.observe.traffic import succeeded
from runbook.rules.base import Facts, rule
from runbook.rules.evidence import finding, read, said, seen
from runbook.rules.hop_edits import drop
from runbook.rules.hops import anonymous_check, api_routes, hop, site, user_of
from runbook.rules.hops import name as hop_name
from runbook.rules.in_cluster import in_namespace
from runbook.rules.reloads import proxy_fix
from runbook.rules.upstreams import service_of

S = Symptom
_DENIED = (S.UNAVAILABLE, S.BAD_GATEWAY)


@rule(
    "ingress-auth-secret-unusable",
    needs_any=("routes", "messages"),
    step="align",
    title="the Secret of the Ingress's own login has no usable entry",
    fix="Create the Secret from a file named auth: kubectl create secret generic NAME --from-file=auth",
    source="ingress-nginx internal/ingress/annotations/auth/main.go: LocationDenied, `return 503` in nginx.tmpl; kubernetes/ingress-nginx#2583",
    explains=_DENIED,
    proves=True,
    supersedes=("upstream-wrong-port", "registry-unreachable", "authorization-stripped", "double-auth-one-header"),
    refuted=(Refutation(cause="upstream-wrong-port", because="the controller answers 503 before it asks any Service"),),
)
def auth_secret_unusable(facts: Facts) -> Iterator[Finding]:
    """ingress-nginx reads the users from one key of the Secret, `auth`. `kubectl create secret --from-file=htpasswd` makes
    another key, so the controller denies the whole location: 503, as if the service had no endpoints.
    """
    told = next(iter(facts.traffic.said("ingress-secret")), None)
    refused = next((e for e in facts.traffic.exchanges if e.status == 503 and e.route != "direct"), None)
    sites = [
        frozenset(r.server_names) for r in api_routes(facts) if r.platform == "kubernetes" and not service_of(facts, r)
    ]
    for route in facts.stack.routes:
        auth = route.auth
        if route.platform != "kubernetes" or auth is None:
            continue
        if sites and frozenset(route.server_names) and not any(not s or s & {*route.server_names} for s in sites):
            told = None if told and told.detail.rpartition("/")[2] == auth.user_file.rpartition("/")[2] else told
            continue  # another application's site
        keys = _described(facts, route, auth) if refused else None
        if not (auth.defect or keys):
            continue
        yield finding(
            f"{hop_name(route)} denies every request: {_why(auth, keys)}.",
            read(_written(auth), auth.place),
            said(told),
            said(keys),
            seen(refused),
            hop=hop(route),
            about=site(facts, route),
            fix=Fix(
                summary="Create the Secret again from a file that is named auth",
                commands=_create(facts, route, auth),
                verify=(anonymous_check(facts, route, "/v2/"),),
                applies="the controller watches the Secret and allows the location again by itself",
            ),
        )
        return
    if told is not None:
        yield finding(
            f"The Secret {told.detail} has no key auth, so the controller denies the location.",
            said(told),
            seen(refused),
            hop="ingress -> registry",
            fix=Fix(summary="Create the Secret again from a file that is named auth", commands=(), verify=()),
        )


def _described(facts: Facts, route: ProxyRoute, auth: OwnAuth) -> Message | None:
    """What kubectl told of the Secret of ingress-nginx's login, where it has no key `auth`."""
    name = auth.user_file.rpartition("/")[2]
    told = [m for m in facts.traffic.said("secret-keys") if (m.page or "").rpartition("/")[2] == name]
    ours = auth.kind == "basic" and any(
        e.name == "Authorization" and e.action == "remove" for e in route.request_headers
    )
    return told[-1] if name and ours and told and "auth" not in told[-1].detail.split(", ") else None


def _why(auth: OwnAuth, keys: Message | None = None) -> str:
    if keys is not None:
        return f"the Secret {keys.page} has no key auth (it has {keys.detail})"
    if auth.defect == "no such secret":
        return "the Secret of auth-secret is not in its namespace" if auth.user_file else "auth-secret names no Secret"
    there = f" (it has {', '.join(auth.keys[:4])})" if auth.keys else ""
    return f"the Secret {auth.user_file} has no key auth{there}"


def _written(auth: OwnAuth) -> str:
    return f"auth-secret: {auth.user_file}" if auth.user_file else "auth-type without auth-secret"


def _create(facts: Facts, route: ProxyRoute, auth: OwnAuth) -> tuple[Command, ...]:
    """Replace the Secret: the file's name becomes the key."""
    namespace, _, secret = auth.user_file.rpartition("/")
    where = in_namespace(namespace or _namespace(facts, route))
    return (
        sh("htpasswd", "-c", "-B", "auth", user(user_of(facts))),
        sh(
            "kubectl", *where, "create", "secret", "generic", name(secret or None), "--from-file=auth",
            "--dry-run=client", "-o", "yaml", PIPE, "kubectl", *where, "apply", "-f", "-",
        ),
    )  # fmt: skip


def _namespace(facts: Facts, route: ProxyRoute) -> str:
    hosts = {h for h, _ in route.upstream_hosts}
    services = facts.compose.services if facts.compose else ()
    return next((s.namespace for s in services if s.namespace and hosts & set(s.aliases)), "")


@rule(
    "ingress-passthrough-skips-auth",
    needs=("routes",),
    step="align",
    tier=2,
    title="the Ingress passes TLS through, so its other annotations do nothing",
    fix="Remove the ssl-passthrough annotation, or let the registry itself ask for credentials",
    source="ingress-nginx docs/user-guide/tls.md: passthrough works on layer 4; kubernetes/ingress-nginx#491",
    explains=(S.OPEN_DIRECT, S.OPEN_VIA, S.TOO_LARGE),
    proves=True,
    supersedes=(
        "auth-not-enforced",
        "authorization-stripped",
        "double-auth-one-header",
        "proxy-bypasses-auth",
        "ping-not-challenged",
        "client-max-body-size",
        "x-forwarded-proto-missing",
    ),
    refuted=(Refutation(cause="htpasswd-not-bcrypt", because="no password is ever asked for"),),
)
def passthrough_skips_auth(facts: Facts) -> Iterator[Finding]:
    """With passthrough the controller hands the TLS stream on unopened. It never sees the HTTP in it, so it can neither
    ask for a login nor limit bodies nor change headers, and says nothing about the annotations that it ignores.
    """
    opened = next(
        (e for e in facts.traffic.exchanges if e.credential is None and succeeded(e) and e.page is None), None
    )
    for route in facts.stack.routes:
        idle = _idle(route)
        if route.passthrough is None or not idle:
            continue
        yield finding(
            f"{hop_name(route)} passes TLS through to the pod, so {' and '.join(idle)} {'is' if len(idle) == 1 else 'are'} ignored.",
            read("TLS is passed through", route.passthrough),
            [read("auth is asked for here", route.auth.place)] if route.auth else [],
            seen(opened),
            hop=hop(route),
            about=site(facts, route),
            fix=proxy_fix(
                facts,
                route,
                "Remove the passthrough: with a Secret under spec.tls the controller ends TLS itself and the "
                "annotations hold. Or give the registry its own htpasswd file and remove the annotations",
                anonymous_check(facts, route, "/v2/_catalog"),
                edits=_opened(facts, route),
            ),
        )
        return


def _idle(route: ProxyRoute) -> list[str]:
    """What is written beside the passthrough and has no effect."""
    named = (
        (route.auth is not None, "its login"),
        (route.max_body_place is not None, "its body limit"),
        (bool(route.guards), "its access list"),
    )
    return [what for there, what in named if there]


def _opened(facts: Facts, route: ProxyRoute) -> tuple[Edit, ...]:
    place = route.passthrough
    return drop(facts.evidence, place, r"^\s*nginx\.ingress\.kubernetes\.io/ssl-passthrough\s*:.*$") if place else ()
