"""Bearer tokens: here the realm is a URL, and issuer, audience, clock and key must agree with the registry."""

import re
from collections.abc import Iterator

from runbook.model import Certainty, Evidence, EvidenceItem, Finding, Fix, LogEvent, Refutation, Stack, Symptom
from runbook.observe.traffic import Traffic
from runbook.rules.base import rule
from runbook.urls import urlsplit

_REFUSED = (Symptom.TOKEN_REFUSED, Symptom.LOGIN_401, Symptom.LOGIN_401_DIRECT, Symptom.LOGIN_401_VIA)
_REALM = re.compile(r'\bBearer\b.{0,200}?\brealm="([^"]{1,500})"', re.IGNORECASE)
_LOOPBACK = ("localhost", "127.0.0.1", "::1", "0.0.0.0")  # noqa: S104 - a name to compare with


@rule(
    "token-realm-unreachable",
    sees=("exchanges", "messages", "registry"),
    step="headers",
    tier=2,
    title="the token service's address cannot be reached by the client",
    fix="set auth.token.realm to a URL that clients can reach",
    source="distribution token specification: the CLIENT calls the realm; cesanta/docker_auth#390",
)
def realm_unreachable(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """With Bearer the realm is no label but the URL at which the client fetches its token.

    A container's name or localhost works on the server and nowhere else.
    """
    realms = list(_realms(evidence, stack, traffic))
    failed = traffic.said("token-endpoint-failed")
    for message in traffic.said("refused", "no-such-host", "timeout", "x509-unknown-authority"):
        hosts = {_netloc(realm) for realm, _ in realms}
        if any(_netloc(realm) in message.text for realm, _ in realms if _netloc(realm)) or message.host in hosts:
            failed = (*failed, message)
    services = {s.name for s in evidence.compose.services} if evidence.compose else set()
    inner = [(r, item) for r, item in realms if urlsplit(r).hostname in services]
    local = [(r, item) for r, item in realms if urlsplit(r).hostname in _LOOPBACK and _client_is_remote(traffic)]
    if not failed and not inner and not local:
        return
    suspect = inner or local or realms
    realm = next((m.detail for m in failed if m.detail.startswith("http")), "") or (suspect[0][0] if suspect else "")
    yield Finding(
        cause="token-realm-unreachable",
        summary=f"The registry sends clients to {_short(realm) or 'its token service'} for a token, "
        "and the client cannot reach that address.",
        certainty=Certainty.PROVEN if failed and realms else Certainty.LOGGED if failed else Certainty.READ,
        explains=(Symptom.TOKEN_SERVICE, Symptom.NAME_UNKNOWN, Symptom.UNREACHABLE, *_REFUSED),
        hop="client -> token service",
        evidence=(
            *(EvidenceItem(what=m.text, where=str(m.place)) for m in failed[:2]),
            *(item for _, item in suspect[:2]),
        ),
        proves=bool(inner),
        supersedes=("registry-unreachable",) if failed else (),
        refuted=(Refutation(cause="htpasswd-wrong-password", because="no login reached the token service"),),
        fix=Fix(
            summary="Set auth.token.realm to an address that resolves and answers from the client's machine.",
            verify=(f"curl -sS -o /dev/null -w '%{{http_code}}\\n' '{_short(realm) or 'REALM'}'",),
        ),
    )


def _realms(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[tuple[str, EvidenceItem]]:
    """Realms that are URLs, from challenges and from the configuration."""
    for exchange in traffic.exchanges:
        for value in exchange.headers("WWW-Authenticate"):
            if found := _REALM.search(value):
                yield found[1], EvidenceItem(what=f"WWW-Authenticate: {value[:200]}", where=str(exchange.source))
    for registry in stack.registries:
        setting = registry.settings.get("auth.token.realm")
        if setting and isinstance(setting.value, str):
            yield setting.value, EvidenceItem(what=f"auth.token.realm: {setting.value}", where=str(setting.place or ""))


def _client_is_remote(traffic: Traffic) -> bool:
    """Whether somebody uses the registry under a name that is not this machine's own."""
    hosts = [m.host.rsplit(":", 1)[0] for m in traffic.messages if m.host]
    return any(h not in _LOOPBACK for h in hosts)


def _netloc(realm: str) -> str:
    return urlsplit(realm).netloc


def _short(realm: str) -> str:
    return realm.split("?", 1)[0]


def _from_log(
    events: tuple[LogEvent, ...],
    cause: str,
    summary: str,
    fix: Fix,
    extra: tuple[EvidenceItem, ...] = (),
    refuted: tuple[Refutation, ...] = (),
) -> Iterator[Finding]:
    if events:
        yield Finding(
            cause=cause,
            summary=summary,
            certainty=Certainty.PROVEN if extra else Certainty.LOGGED,
            explains=_REFUSED,
            hop="registry",
            evidence=(*(EvidenceItem(what=e.text, where=str(e.place)) for e in events[:2]), *extra),
            refuted=refuted,
            supersedes=("htpasswd-wrong-password", "htpasswd-user-missing"),
            fix=fix,
        )


@rule(
    "token-audience-mismatch",
    sees=("logs", "exchanges"),
    step="headers",
    tier=2,
    title="the token is made out for another service or by another issuer",
    fix="make auth.token.service the token's aud, and auth.token.issuer its iss",
    source="distribution registry/auth/token/token.go Verify; log: token intended for another audience",
)
def audience(stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """The token names the service it is for (aud) and who made it (iss); the registry compares both letter by letter.

    The login at the token service succeeds, so its password is right, and the registry refuses all the same.
    """
    events = traffic.logged("token-audience", "token-issuer")
    key = "issuer" if events and events[0].meaning == "token-issuer" else "service"
    extra = tuple(
        EvidenceItem(what=f"auth.token.{key}: {setting.value}", where=str(setting.place or r.name))
        for r in stack.registries
        if (setting := r.settings.get(f"auth.token.{key}"))
    )
    told = f" ({events[0].detail})" if events and events[0].detail else ""
    yield from _from_log(
        events,
        "token-audience-mismatch",
        f"The token is for another {key}{told} than the registry's configuration names.",
        Fix(
            summary=f"Make auth.token.{key} and the token service's own setting the same text.",
            verify=("docker login HOST",),
        ),
        extra,
        (Refutation(cause="token-key-mismatch", because="the complaint is about a claim, not the key"),),
    )


@rule(
    "token-clock-skew",
    sees=("logs", "exchanges"),
    step="headers",
    tier=2,
    title="the clocks of token service and registry differ",
    fix="synchronise both clocks (timedatectl set-ntp true)",
    source="distribution token.go: nbf and exp; 60 s of leeway in 3.1.1 (run)",
)
def clock(traffic: Traffic) -> Iterator[Finding]:
    """A token says from when to when it holds; with clocks apart it is not valid yet, or no longer.

    It comes and goes, and differs from machine to machine, so it looks like bad luck.
    """
    yield from _from_log(
        traffic.logged("token-clock"),
        "token-clock-skew",
        "The token is not valid at this time by the registry's clock: the clocks of issuer and registry differ.",
        Fix(
            summary="Set both clocks right.",
            commands=("timedatectl status", "sudo timedatectl set-ntp true"),
            verify=("date -u; docker compose exec registry date -u",),
        ),
        refuted=(Refutation(cause="token-key-mismatch", because="the complaint is about the time"),),
    )


@rule(
    "token-key-mismatch",
    sees=("logs",),
    step="headers",
    tier=2,
    title="the registry does not trust the key that signed the token",
    fix="put the token service's certificate into auth.token.rootcertbundle (or its keys into jwks)",
    source="distribution token.go; 3.x also refuses libtrust key ids (run on 2.8.2 and 3.1.1)",
)
def key(stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """The registry checks the signature with the certificates of rootcertbundle; another key is refused.

    Version 3 also changed the key's id (kid): a token service that made ids the old way works with 2.x only.
    """
    extra = tuple(
        EvidenceItem(what=f"auth.token.rootcertbundle: {setting.value}", where=str(setting.place or r.name))
        for r in stack.registries
        if (setting := r.settings.get("auth.token.rootcertbundle"))
    )
    newest = any(r.major == 3 for r in stack.registries)
    hint = " Registry 3 also refuses the key ids of libtrust, which 2.x took." if newest else ""
    yield from _from_log(
        traffic.logged("token-untrusted-key"),
        "token-key-mismatch",
        f"The token is signed with a key that the registry does not trust.{hint}",
        Fix(
            summary="Copy the token service's own certificate to the path of auth.token.rootcertbundle and restart.",
            commands=("docker compose restart registry",),
            verify=("docker login HOST",),
        ),
        extra,
        (Refutation(cause="token-audience-mismatch", because="the complaint is about the key, not a claim"),),
    )
