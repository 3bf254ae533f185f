"""Bearer tokens: here the realm is a URL, and issuer, audience, clock and key must agree with the registry."""

from collections.abc import Iterator

from runbook.lazy import re
from runbook.model import Finding, Fix, Message, Place, Refutation, Subject, Symptom
from runbook.model.command import PIPE, Command, host, sh, url
from runbook.observe.signature import is_token_service, realm_of
from runbook.rules.align import base, change
from runbook.rules.base import Facts, rule
from runbook.rules.evidence import Item, finding, read, said, seen
from runbook.rules.hops import header_check
from runbook.rules.platform import all_restarted
from runbook.rules.shell import status
from runbook.urls import netloc, urlsplit

_REFUSED = (Symptom.TOKEN_REFUSED, Symptom.LOGIN_401, Symptom.LOGIN_401_DIRECT, Symptom.LOGIN_401_VIA)
_REALM = re.compile(r'\bBearer\b.{0,200}?\brealm="([^"]{1,500})"', re.IGNORECASE)
_LOOPBACK = ("localhost", "127.0.0.1", "::1", "0.0.0.0")  # noqa: S104 - a name to compare with
_HIDDEN = ("htpasswd-wrong-password", "htpasswd-user-missing")
"""What a refused token looks like. The login at the token service succeeded, so the password is right."""


@rule(
    "token-realm-unreachable",
    step="headers",
    tier=2,
    title="auth.token.realm is not reachable from the client",
    fix="Set auth.token.realm to a URL that clients can reach",
    source="distribution token specification: the CLIENT calls the realm; cesanta/docker_auth#390",
    needs_any=("exchanges", "messages", "registry"),
    explains=(Symptom.TOKEN_SERVICE, Symptom.NAME_UNKNOWN, Symptom.UNREACHABLE, *_REFUSED),
    hop="client -> token service",
    refuted=(Refutation(cause="htpasswd-wrong-password", because="no login reached the token service"),),
)
def realm_unreachable(facts: Facts) -> Iterator[Finding]:
    """With Bearer the realm is no label but the URL at which the client fetches its token.

    A container's name or localhost works on the server and nowhere else.
    """
    realms = list(_realms(facts))
    failed = _failures(facts, {netloc(realm) for realm, _ in realms})
    silent = [e for e in facts.traffic.exchanges if e.error and is_token_service(e, facts.traffic.exchanges)]
    services = {s.name for s in facts.compose.services} if facts.compose else set()
    inner = [(r, item) for r, item in realms if urlsplit(r).hostname in services]
    local = [(r, item) for r, item in realms if urlsplit(r).hostname in _LOOPBACK and _client_is_remote(facts)]
    if not failed and not inner and not local and not silent:
        return
    suspect = inner or local or realms
    asking = next((e for e in facts.traffic.exchanges if realm_of(e)), None) if silent else None
    reported = next((m.detail for m in failed if m.detail.startswith("http")), "")
    realm = (reported or (silent[0].url if silent else "") or (suspect[0][0] if suspect else "")).split("?", 1)[0]
    yield finding(
        f"The registry sends clients to {realm or 'its token service'} for a token, "
        "and the client cannot reach that address.",
        (said(m) for m in failed[:2]),
        (seen(e) for e in silent[:1]),
        (item for _, item in suspect[:2]),
        proves=bool(inner),
        about=Subject(address=netloc(asking.url)) if asking else None,
        supersedes=("registry-unreachable",) if failed or silent else (),
        fix=change(
            facts,
            facts.registry,
            "Set auth.token.realm to an address that resolves and answers from the client's machine",
            header_check(base(facts), "www-authenticate", "(a realm with an address that this machine reaches)")
            if inner or local or any(m.kind == "no-such-host" for m in failed)
            else status(realm, path="", expect="200 or 401, not 000"),
            place=_place(facts, "realm"),
        ),
    )


def _realms(facts: Facts) -> Iterator[tuple[str, Item]]:
    """Realms that are URLs, from challenges and from the configuration."""
    for exchange in facts.traffic.exchanges:
        for value in exchange.headers("WWW-Authenticate"):
            if found := _REALM.search(value):
                yield found[1], seen(exchange, what=f"WWW-Authenticate: {value[:200]}")
    yield from _options(facts, "realm")


def _options(facts: Facts, option: str) -> Iterator[tuple[str, Item]]:
    """An option of auth.token in every registry that sets it."""
    for registry in facts.stack.registries:
        setting = registry.settings.get(f"auth.token.{option}")
        if setting and isinstance(setting.value, str):
            item = read(f"auth.token.{option}: {setting.value}", setting.place or registry.name)
            yield setting.value, item


def _place(facts: Facts, option: str) -> Place | None:
    setting = facts.registry.settings.get(f"auth.token.{option}") if facts.registry else None
    return setting.place if setting else None


def _failures(facts: Facts, places: set[str]) -> list[Message]:
    """Messages of clients that could not fetch a token: they say so, or name the token service's address."""
    failed = list(facts.traffic.said("token-endpoint-failed"))
    for message in facts.traffic.said("refused", "no-such-host", "timeout", "x509-unknown-authority"):
        if message.host in places or any(place and place in message.text for place in places):
            failed.append(message)
    return failed


def _client_is_remote(facts: Facts) -> bool:
    """Whether somebody uses the registry under a name that is not this machine's own."""
    hosts = [m.host.rsplit(":", 1)[0] for m in facts.traffic.messages if m.host]
    return any(h not in _LOOPBACK for h in hosts)


def _login(facts: Facts) -> Command:
    return sh("docker", "login", host(netloc(base(facts))), expect="Login Succeeded")


@rule(
    "token-audience-mismatch",
    step="headers",
    tier=2,
    title="the token's audience or issuer is not the registry's",
    fix="Make auth.token.service the token's aud, and auth.token.issuer its iss",
    source="distribution registry/auth/token/token.go Verify; log: token intended for another audience",
    needs_any=("logs", "exchanges"),
    explains=_REFUSED,
    hop="registry",
    supersedes=_HIDDEN,
    refuted=(Refutation(cause="token-key-mismatch", because="the complaint is about a claim, not the key"),),
)
def audience(facts: Facts) -> Iterator[Finding]:
    """The token names the service it is for (aud) and who made it (iss); the registry compares both letter by letter.

    The login at the token service succeeds, so its password is right, and the registry refuses all the same.
    """
    events = facts.traffic.logged("token-audience", "token-issuer")
    if not events:
        return
    option = "issuer" if events[0].meaning == "token-issuer" else "service"
    claim = f" ({events[0].detail})" if events[0].detail else ""
    yield finding(
        f"The token is for another {option}{claim} than the registry's configuration names.",
        (said(e) for e in events[:2]),
        (item for _, item in _options(facts, option)),
        fix=change(
            facts,
            facts.registry,
            f"Make auth.token.{option} and the token service's own setting the same text",
            _login(facts),
            place=_place(facts, option),
        ),
    )


@rule(
    "token-clock-skew",
    step="headers",
    tier=2,
    title="the clocks of token service and registry differ",
    fix="Synchronise both clocks (timedatectl set-ntp true)",
    source="distribution token.go: nbf and exp; 60 s of leeway in 3.1.1 (run)",
    needs_any=("logs", "exchanges"),
    explains=_REFUSED,
    hop="registry",
    supersedes=_HIDDEN,
    refuted=(Refutation(cause="token-key-mismatch", because="the complaint is about the time"),),
)
def clock(facts: Facts) -> Iterator[Finding]:
    """A token says from when to when it holds; with clocks apart it is not valid yet, or no longer.

    It comes and goes, and differs from machine to machine, so it looks like bad luck.
    """
    events = facts.traffic.logged("token-clock")
    if not events:
        return
    realm = next((realm for realm, _ in _realms(facts)), None)
    yield finding(
        "The token is not valid at this time by the registry's clock: the clocks of issuer and registry differ.",
        (said(e) for e in events[:2]),
        fix=Fix(
            summary="Synchronise both clocks",
            commands=(sh("timedatectl", "status"), sh("sudo", "timedatectl", "set-ntp", "true")),
            verify=(
                sh("date", "-u", expect="(the time on the machine of the registry)"),
                sh("curl", "-sSI", url(realm), PIPE, "grep", "-i", "^date:", expect="(the same time, to the second)"),
            ),
        ),
    )


@rule(
    "token-key-mismatch",
    step="headers",
    tier=2,
    title="the registry does not trust the key that signed the token",
    fix="Put the token service's certificate into auth.token.rootcertbundle (or its keys into jwks)",
    source="distribution token.go; 3.x also refuses libtrust key ids (run on 2.8.2 and 3.1.1)",
    needs_any=("logs",),
    explains=_REFUSED,
    hop="registry",
    supersedes=_HIDDEN,
    refuted=(Refutation(cause="token-audience-mismatch", because="the complaint is about the key, not a claim"),),
)
def key(facts: Facts) -> Iterator[Finding]:
    """The registry checks the signature with the certificates of rootcertbundle; another key is refused.

    Version 3 also changed the key's id (kid): a token service that made ids the old way works with 2.x only.
    """
    events = facts.traffic.logged("token-untrusted-key")
    if not events:
        return
    newest = any(r.major == 3 for r in facts.stack.registries)
    hint = " Registry 3 also refuses the key ids of libtrust, which 2.x accepts." if newest else ""
    one = facts.registry.service if facts.registry else None
    yield finding(
        f"The token is signed with a key that the registry does not trust.{hint}",
        (said(e) for e in events[:2]),
        (item for _, item in _options(facts, "rootcertbundle")),
        fix=Fix(
            summary="Copy the token service's own certificate to the path of auth.token.rootcertbundle",
            commands=all_restarted(facts, (one,) if one else (), fresh=True),
            verify=(_login(facts),),
            applies="The registry reads the bundle at start only",
        ),
    )
