"""Two who ask for a login on one way."""

import re
from collections.abc import Iterator

from runbook.model import Certainty, Edit, Evidence, Exchange, Finding, Htpasswd, Place, ProxyRoute, Stack, Symptom
from runbook.observe.traffic import Traffic
from runbook.rules.base import rule
from runbook.rules.hop_edits import drop
from runbook.rules.hops import api_routes, challenge_of, hop, item, login_check, name, repair, seen

S, C = Symptom, Certainty


@rule(
    "double-auth-one-header",
    sees=("routes", "exchanges"),
    step="headers",
    title="the hop and the registry both want a Basic login, but a request carries only one",
    fix="Let one of the two ask: drop the hop's own login, or give both the same users.",
    source="run: nginx auth_basic before registry 2.8.2 (tests/real): the hop's users get past it and then 401",
)
def double_auth_one_header(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """A request has one Authorization header. The hop checks it against its own users and hands the same one on,
    and the registry checks it against others: no login satisfies both.

    It shows as a second prompt that never ends. The realm of the first 401 tells who is asking.
    """
    foreign = _foreign_challenge(traffic, stack, evidence)
    if traffic.works("via"):
        return
    guarded = [
        r
        for r in api_routes(stack, evidence.compose)
        if _asks_twice(r, stack) and not _same_users(r, foreign, evidence, stack)
    ]
    for route in guarded[:1]:
        yield _asked_twice(route, foreign, evidence, stack, traffic)
    if not guarded and foreign:
        told = next(api_routes(stack, evidence.compose), None)
        second = traffic.refused("via")
        yield Finding(
            cause="double-auth-one-header",
            summary=f"Through the proxy somebody else asks for the login ({challenge_of(foreign)}) than the registry does.",
            certainty=C.PROVEN if second and challenge_of(second) != challenge_of(foreign) else C.SEEN,
            explains=(S.LOGIN_401_VIA, S.CHALLENGE_FOREIGN),
            evidence=(
                seen(foreign, f": {challenge_of(foreign)}"),
                *([seen(second, f": {challenge_of(second)}")] if second else []),
                *(seen(e, f": {challenge_of(e)}") for e in traffic.on("direct", status=401)[:1]),
            ),
            hop=hop(told) if told else "proxy -> registry",
            fix=repair(
                told or ProxyRoute(software="nginx", place=foreign.source),
                "Find who sends that realm, and let only one of the two ask for a login.",
                login_check(traffic, evidence, stack, told),
            ),
        )


def _asks_twice(route: ProxyRoute, stack: Stack) -> bool:
    """Whether the hop asks by Basic and hands the same header to a registry that asks as well."""
    if route.auth is None or route.auth.kind != "basic" or (stack.registry and stack.registry.auth == "none"):
        return False
    edit = route.edit("Authorization")
    return edit is None or edit.injected == "client"


def _asked_twice(
    route: ProxyRoute, foreign: Exchange | None, evidence: Evidence, stack: Stack, traffic: Traffic
) -> Finding:
    disjoint = _others(route, evidence, stack)
    refused = traffic.refused("via")
    shown = [item(f"{name(route)} asks for a login itself: realm {_own_realm(route)!r}", _login_place(route))]
    shown += [seen(e, f": {challenge_of(e)}") for e in (foreign, refused) if e]
    if disjoint:
        shown.append(item(f"its users are others than the registry's: {', '.join(disjoint)}", None))
    return Finding(
        cause="double-auth-one-header",
        summary=f"{name(route)} asks for its own login and hands the same header on to the registry, which has other users.",
        certainty=C.PROVEN if foreign else C.READ,
        explains=(S.LOGIN_401_VIA, S.CHALLENGE_FOREIGN, S.LOGIN_401),
        evidence=tuple(shown),
        hop=hop(route),
        fix=repair(
            route,
            f"Delete the hop's own login ({_login_place(route)}): the registry asks already. Or give both the same bcrypt file.",
            login_check(traffic, evidence, stack, route),
        ),
        edits=_drop_login(evidence, route),
        proves=bool(disjoint) and stack.registry is not None and stack.registry.auth == "htpasswd",
    )


def _own_realm(route: ProxyRoute) -> str:
    return route.auth.realm if route.auth else ""


def _login_place(route: ProxyRoute) -> Place:
    return route.auth.place if route.auth else route.place


def _same_users(route: ProxyRoute, foreign: Exchange | None, evidence: Evidence, stack: Stack) -> bool:
    """Whether the hop reads the very file that the registry reads, as far as names tell, and no request says otherwise."""
    own = stack.registry.htpasswd if stack.registry else None
    if own is None or route.auth is None or foreign is not None:
        return False
    base = route.auth.user_file.rpartition("/")[2]
    return base == own.file.rpartition("/")[2] and len([h for h in evidence.htpasswd if h.file.endswith(base)]) == 1


def _drop_login(evidence: Evidence, route: ProxyRoute) -> tuple[Edit, ...]:
    if route.software != "nginx" or route.auth is None:
        return ()
    return drop(evidence, route.auth.place, r"auth_basic\s+(?:\"[^\"]*\"|'[^']*'|[^;]*);")


def _others(route: ProxyRoute, evidence: Evidence, stack: Stack) -> list[str]:
    """The hop's users, when its file is at hand and shares no name with the registry's."""
    auth, own = route.auth, stack.registry.htpasswd if stack.registry else None
    if auth is None or own is None:
        return []
    names = list(auth.users)
    base = auth.user_file.rpartition("/")[2]
    theirs = [h for h in evidence.htpasswd if h.file.rpartition("/")[2] == base and h.file != own.file] if base else []
    if len(theirs) == 1:
        names = [e.name for e in theirs[0].entries]
    return names if names and not _shared(names, own) else []


def _shared(names: list[str], own: Htpasswd) -> bool:
    return any(own.entry(n) for n in names)


def _foreign_challenge(traffic: Traffic, stack: Stack, evidence: Evidence) -> Exchange | None:
    """A Basic challenge through a hop with another realm than the registry's own."""
    own = {_label(e.header("WWW-Authenticate")) for e in traffic.on("direct", status=401)} - {""}
    known = stack.registry.value("auth.htpasswd.realm") if stack.registry else None
    if known is not None:
        own.add(str(known))
    through = [
        e for e in traffic.on("via", status=401) if (e.header("WWW-Authenticate") or "").lower().startswith("basic")
    ]
    from_registry = {
        _label(e.header("WWW-Authenticate")) for e in through if e.header("Docker-Distribution-Api-Version")
    }
    own |= from_registry
    for exchange in through:
        marked = exchange.header("Docker-Distribution-Api-Version")
        if own and not marked and _label(exchange.header("WWW-Authenticate")) not in own:
            return exchange
    return None


def _label(challenge: str | None) -> str:
    found = re.search(r'realm="((?:[^"\\]|\\.)*)"', challenge or "", re.IGNORECASE)
    return found[1].replace('\\"', '"') if found else ""
