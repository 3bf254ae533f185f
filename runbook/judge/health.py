"""Health is proven, never assumed: by traffic (the login was accepted everywhere in question), or by files alone."""

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Literal

from runbook.judge.not_tested import NOT_SET_UP
from runbook.lazy import re
from runbook.model import PROBE_USER, Certainty, Check, Exchange, Finding, LoggedRequest, Message, Mount, Problem
from runbook.observe.address import Address
from runbook.observe.focus import is_noise
from runbook.observe.observation import LONG_AGO, STORES_LOGINS, Observation, is_later, of_event
from runbook.observe.settled import kinds_of
from runbook.observe.signature import is_registrys
from runbook.observe.traffic import typed_login
from runbook.observe.turns import logged_by_turns
from runbook.parse.compose.secrets import is_secret_name
from runbook.redact import is_mask
from runbook.rules.authorization_traces import strips
from runbook.rules.base import Facts
from runbook.rules.hops import api_routes, fronts, kept_refusals
from runbook.rules.upstreams import asks_beside, bound_to_loopback

Basis = Literal["traffic", "files"]


@dataclass(frozen=True, slots=True)
class Health:
    """What a healthy verdict would rest on; without a basis, what is missing, in sentences."""

    basis: Basis | None
    missing: tuple[str, ...] = ()
    told: tuple[str, ...] = ()
    """Where people tell of a trouble of which nothing was seen."""


def health(facts: Facts, checks: tuple[Check, ...], dormant: tuple[Finding, ...] = ()) -> Health:
    """Whether everything in question was seen to work, or, where only files were given, read and found sound.

    `dormant`: faults of this stack of which nothing was seen, because nothing that was tried meets them.
    """
    doubts = (*_failing(facts), *(_untried(f, facts) for f in dormant), *_led_past(facts), *_kept(facts))
    if not _has_traffic(facts):
        missing = (*doubts, *_unread(facts))
        told = _complaints(facts, "complaint", "push-complaint", "log-complaint")
        passed = any(check.outcome == "pass" for check in checks)
        return Health(None if missing or told or not passed else "files", missing, told)
    missing = (
        *doubts,
        *_unproven(facts),
        *_by_turns(facts),
        *_never_asked(facts),
        *_refused_since(facts),
        *_not_found_since(facts),
        *_perhaps_others(facts),
    )
    told = _complaints(facts, "complaint", "push-complaint", answers=True)
    return Health(None if missing or told else "traffic", missing, told)


def _complaints(facts: Facts, *kinds: str, answers: bool = False) -> tuple[str, ...]:
    """Where people tell of a trouble. `answers`: without those after which what they tell of was seen to work."""
    told = (p for p in facts.evidence.problems if p.kind in kinds)
    return tuple(f"{p.place}: {p.message}" for p in told if not (answers and _is_answered(p, facts)))


def _is_answered(told: Problem, facts: Facts) -> bool:
    """Whether a push was seen to succeed, or later than the complaint a login of the user whom it names (of anybody
    where it names none)."""
    seen = facts.traffic.observations
    if told.kind == "push-complaint" and any(map(_is_upload, seen)):
        return True
    return any(
        is_accepted_login(o, facts) and is_later(o, replace(o, source=told.place, when=None))
        for o in seen
        if not told.users or o.user in told.users
    )


def _is_upload(o: Observation) -> bool:
    """Whether a push was seen to succeed."""
    pulled = isinstance(o.record, Message) and o.record.call is not None and o.record.call.verb == "pull"
    shown = o.voice == "program" and not isinstance(o.record, LoggedRequest)  # whose push a log tells is not known
    return shown and o.ok and not pulled and "upload" in kinds_of(o)


def _led_past(facts: Facts) -> Iterator[str]:
    """A proxy that asks at another port of its machine than the registry whose settings were handed over, where nobody was
    seen to get in through it."""
    served = any(o.route == "via" and is_accepted_login(o, facts) for o in facts.traffic.observations)
    if not served and (past := asks_beside(facts, bound_to_loopback(facts)[1])):
        route, host, port = past
        yield f"{route.upstream_place}: {host}:{port} is asked, where nothing that was handed over listens."


def _kept(facts: Facts) -> Iterator[str]:
    """A proxy that gives one client the refusal of another, or takes the login away from some paths of the API: that
    somebody got in does not show that the next one does."""
    sites = [f for f in fronts(facts) if f.api]
    for part in (r for f in sites for r in f.routes if r.kind == "proxy" and r not in f.api and "/v2/" in r.path):
        if (edit := part.edit("Authorization")) and strips(edit):
            yield f"{edit.place}: the login is taken away on the way to {part.path}, of which nothing was seen."
    for place in kept_refusals(facts):
        yield f"{place}: nginx keeps answers of 401 here, and gives them to whoever asks next, with a login or without."


def _failing(facts: Facts) -> Iterator[str]:
    """Texts that speak of a failure and were not understood."""
    for problem in facts.evidence.problems:
        if problem.kind == "failing":
            yield f"{problem.place}: {problem.message}"
    for event in facts.traffic.logged("other", "proxy-htpasswd-missing"):
        if not any(_is_over(of_event(event), o) for o in facts.traffic.observations):
            yield f"{event.place}: this line tells of a failure, and nothing that was handed over shows it over."


def _is_over(failed: Observation, seen: Observation) -> bool:
    """Whether something was served after a failure, by the program that told of it or to a client through it."""
    return seen.ok and seen.witness in (failed.witness, "client", "browser") and is_later(seen, failed)


def _untried(finding: Finding, facts: Facts) -> str:
    if finding.certainty is Certainty.POSSIBLE and not facts.evidence.shortened:
        return f"Nothing that was handed over shows whether this is so: {finding.summary}"
    if finding.certainty is Certainty.POSSIBLE:
        return f"Lines were left out of what was handed over; without them it looks like this: {finding.summary}"
    return f"Nothing that was tried shows whether this hurts: {finding.summary}"


def _has_traffic(facts: Facts) -> bool:
    """Whether anything was seen happening that a login could have been part of."""
    target = facts.evidence.target
    return bool(
        target.registry_url
        or target.ui_url
        or any(
            (isinstance(o.record, Exchange) or (isinstance(o.record, LoggedRequest) and not o.own))
            and o.voice == "program"
            for o in facts.traffic.observations
        )
        or any(
            isinstance(o.record, Message) and o.voice == "program" and (o.ok or o.login != "unknown")
            for o in facts.traffic.observations
        )
    )


# ---- traffic ------------------------------------------------------------------------------------------------


def _unproven(facts: Facts) -> Iterator[str]:
    """For every address that was used, why it is not known that the login works there; nothing when it is."""
    focus, target = facts.focus, facts.evidence.target
    since = _latest(facts) - LONG_AGO
    accepted = [
        o
        for o in facts.traffic.observations
        if is_accepted_login(o, facts)
        and (o.when is None or o.when >= since)
        and focus.speaks_of(o.address) is not False
    ]
    if target.user:
        accepted = [o for o in accepted if o.user in (target.user, None)]
    for problem in facts.evidence.problems:
        if problem.kind in ("login-not-sent", "not-the-api"):
            yield problem.message
    yield from _nobody_known(accepted, facts)
    asked = [a for a in focus.used if a.host != "unknown"]
    yield from (f"No login was seen to be accepted at {site}." for site in focus.unasked[:1])
    for address in asked:
        if not any(_proves(o, address, facts) for o in accepted):
            yield f"No login was seen to be accepted at {address}."
    refusing = list(_only_refused(facts)) if not asked else []
    if not asked and not accepted and not refusing:
        yield "No login was seen to be accepted."
    for address in refusing:
        yield f"No login was seen to be accepted at {address}."


def _latest(facts: Facts) -> float:
    """When the last thing was seen of which the time is known, seconds since the epoch; 0 for none."""
    return max((o.when for o in facts.traffic.observations if o.when is not None), default=0.0)


def _only_refused(facts: Facts) -> Iterator[Address]:
    """Of the names and ports that the registry's log tells those at which it refused and served nobody."""
    since = _latest(facts) - LONG_AGO
    logged = [
        o
        for o in facts.traffic.observations
        if o.witness == "registry" and facts.focus.covers(o) and not o.own and (o.when is None or o.when >= since)
    ]
    served = {o.address for o in logged if o.ok}
    served = served - {None} or served  # a row of the access log, beside the lines that name the address
    refused = [
        o.address
        for o in logged
        if o.status == 401 and o.method != "OPTIONS" and not is_noise(o, machines=facts.focus.scanners)
    ]
    yield from (a for a in dict.fromkeys(refused) if a and not any(s is None or s.fits(a) for s in served))


def _nobody_known(accepted: list[Observation], facts: Facts) -> Iterator[str]:
    """Where all that was accepted are logins of users whom the registry's own file does not have, or one of them with a
    password that it does not: who checked them?"""
    file = facts.htpasswd
    if file is None or file.incomplete or file.omitted or not file.entries or any(r.auth for r in api_routes(facts)):
        return
    names = {o.user for o in accepted if o.user}
    if names and not any(file.entry(name) for name in names) and not any(o.user is None for o in accepted):
        yield f"The login of {min(names)} was accepted, and {file.file} has no such user: it may not be the file in use."
    compared = [c for c in facts.evidence.checks if c.file == file.file and c.password]
    fits = {c.user for c in compared if c.outcome == "accepted"}
    wrong = {(c.user, c.password) for c in compared if c.outcome == "mismatch" and c.user not in fits}
    for user, password in filter(None, (typed_login(o.record) for o in accepted)):
        if (user, password) in wrong:
            yield f"The login of {user} was accepted, and {file.file} does not accept it: it was changed since, or is not the file in use."
            return


def _by_turns(facts: Facts) -> Iterator[str]:
    """Requests of which each second one is refused: that the last of them went well says nothing."""
    for group in facts.traffic.by_turns:
        told = ", ".join(str(e.status) for e in group[:6])
        yield f"{group[0].source}: the same request with the same login is answered by turns: {told}. Several servers answer."
    for rows in logged_by_turns(r for log in facts.traffic.logs for r in log.requests):
        told = ", ".join(str(r.status) for r in rows[:6])
        yield f"{rows[0].place}: the same request of {rows[0].user} is answered by turns: {told}. Several servers answer."


def _never_asked(facts: Facts) -> Iterator[str]:
    """A log of nginx in which everybody is served without a login, where one is meant to be asked for: docker asks first
    without one, gets 401, and comes back with its user."""
    meant = facts.stack.registry is not None and facts.stack.registry.auth == "htpasswd"
    if not (meant or facts.htpasswds or facts.traffic.said("login-ok")):
        return
    if any(r.software == "apache" for r in facts.stack.routes):
        return  # whose log has the same form, and no user of a login that it hands on
    for log in facts.traffic.logs:
        rows = [r for r in log.requests if r.logger == "nginx" and r.uri.startswith("/v2/")]
        bare = next((r for r in rows if r.uri == "/v2/" and r.method == "GET" and r.status == 200), None)
        if bare and not any(r.user or r.status == 401 for r in rows) and not re.search("apache|httpd", log.file):
            yield f"{bare.place}: everybody is served here without a login, and nobody was asked for one."


def _refused_since(facts: Facts) -> Iterator[str]:
    """A login of a client that asked for an address in question, which a log shows refused and nothing accepted since;
    else a client that was asked for its login and did not come back: that line is no refused login."""
    refused = min((*_not_let_in(facts), *_refused_to_us(facts)), key=lambda o: o.login != "sent", default=None)
    if refused is not None:
        what = "a login was refused" if refused.login == "sent" else "a client was asked for its login"
        yield f"{refused.source}: {what}, and nothing shows it accepted since."


def _refused_to_us(facts: Facts) -> Iterator[Observation]:
    """What a run of ours got with the login that it was given, where that user is known to the registry's file."""
    known = {e.name for h in facts.htpasswds for e in h.entries} - {PROBE_USER}
    for o in facts.traffic.observations:
        asked = o.own and isinstance(o.record, LoggedRequest) and o.user in known and o.method == "GET"
        if asked and o.status == 401 and facts.focus.covers(o) and not _served_since(o, facts):
            yield o
            return


def _not_found_since(facts: Facts) -> Iterator[str]:
    """A user whose GET /v2/ a proxy's log shows not found, and nothing served to him there since: a registry answers
    that path always, so he was led elsewhere."""
    for o in facts.traffic.observations:
        asked = o.witness == "proxy" and not o.own and o.user is not None and o.method == "GET"
        missed = asked and o.status in (404, 405) and o.path.endswith("/v2/") and facts.focus.covers(o)
        if missed and not _served_since(o, facts, past="direct"):
            yield f"{o.source}: {o.user} asked for {o.path} and got {o.status}; nothing shows that user served there since."
            return


def _served_since(failed: Observation, facts: Facts, past: str = "") -> bool:
    """Whether that user was served later, as far as a program tells; `past`: on another route than this one."""
    later = (o for o in reversed(facts.traffic.observations) if o.ok and o.voice == "program" and o.route != past)
    return any(o.user == failed.user and is_later(o, failed) for o in later)


def _not_let_in(facts: Facts) -> Iterator[Observation]:
    """Lines of a log with 401 after which nothing shows that the client got in.

    A user whom the htpasswd file does not know in any spelling is not expected to get in.
    """
    names = {a.host for a in facts.focus.used}
    known = {n.lower() for h in facts.htpasswds for n in (*(e.name for e in h.entries), *h.more)}
    over = {id(c.observation.record) for c in facts.traffic.settled}
    served = {
        (remote, o.record.agent, user)
        for o in facts.traffic.observations
        if isinstance(o.record, LoggedRequest) and o.ok
        for user in (o.user, None)
        for remote in (o.record.remote, "")  # a tap knows no peer
    }
    for o in facts.traffic.observations:
        r = o.record
        if not isinstance(r, LoggedRequest) or id(r) in over:
            continue
        if names and (o.address is None or o.address.host not in names):
            continue
        if (
            r.status != 401
            or r.answered_later
            or o.own
            or o.voice != "program"
            or (r.remote, r.agent, o.user) in served
        ):
            continue
        expected = o.user.lower() in known if o.user and known else not is_noise(o, machines=facts.focus.scanners)
        if expected and (o.login == "sent" or r.agent.startswith(STORES_LOGINS)):
            yield o


def _perhaps_others(facts: Facts) -> Iterator[str]:
    """Users whom a log shows refused, where nothing but a nameless line of the same peer and program says that they got in
    since: behind a proxy all clients look like one peer, and who asks about one user asks about no other."""
    if not facts.stack.routes and not facts.focus.only:
        return
    accepted = {o.user for o in facts.traffic.observations if is_accepted_login(o, facts)}
    for c in facts.traffic.settled:
        o, later = c.observation, c.settled
        nameless = later is not None and later.user is None and isinstance(later.record, LoggedRequest)
        if _is_only_user(o.user, facts):
            continue  # the registry serves nobody else
        if nameless and o.user and o.user not in accepted and o.witness == "registry" and facts.focus.covers(o):
            yield f"{o.source}: the login of {o.user} was refused, and whose login was accepted since is not told."
            return


def _is_only_user(name: str | None, facts: Facts) -> bool:
    """Whether the whole file that the registry reads has this user and no other."""
    file, registry = facts.htpasswd, facts.stack.registry
    whole = file is not None and not (file.incomplete or file.omitted or file.more or file.refused)
    asks = registry is not None and registry.auth == "htpasswd" and registry.htpasswd is file
    return whole and asks and file is not None and {e.name for e in file.entries} == {name}


def is_accepted_login(observation: Observation, facts: Facts) -> bool:
    """Whether a login was sent and accepted: a client's own word, a request with credentials, a user in a log, or a
    browser's success where the same address asks for a login."""
    if observation.voice != "program" or not observation.ok:
        return False
    record = observation.record
    if isinstance(record, Message):
        sent = observation.login == "sent" or record.user is not None
        return sent or _wants_login(facts)  # what an open registry gives, it gives to anybody
    if "/v2" not in observation.path:
        return False
    if isinstance(record, Exchange):
        if not record.response_headers and not record.body and not _refused_before(record, facts):
            return False  # a status alone does not tell who gave it
        if record.credential is not None:
            return record.credential.intent != "wrong"
        if record.page is None:
            return False
        return any(
            isinstance(o.record, Exchange) and o.status == 401 and o.address == observation.address
            for o in facts.traffic.observations
        )
    if isinstance(record, LoggedRequest):
        return record.user is not None or (record.logger == "registry" and _wants_login(facts))
    return False


def _refused_before(accepted: Exchange, facts: Facts) -> bool:
    """Whether the very same request was refused without a login or with one: of two statuses the login is the only
    difference, or what somebody mended."""
    return accepted.credential is not None and any(
        e.status == 401
        and (e.credential is not None or e.login_known)
        and (e.method, e.url) == (accepted.method, accepted.url)
        for e in facts.evidence.exchanges
        if e.voice == "program"
    )


def _wants_login(facts: Facts) -> bool:
    """Whether the registry is known to ask for a login, so that what it serves was asked with one."""
    configured = facts.registry is not None and facts.registry.auth in ("htpasswd", "token")
    return configured or any(
        _is_of_registry(o) if o.status == 401 else isinstance(o.record, Message) and o.record.kind in _REFUSALS
        for o in facts.traffic.observations
        if o.voice == "program" and not (o.own and isinstance(o.record, LoggedRequest))
    )


_REFUSALS = ("unauthorized", "no-basic-auth", "invalid-username-password")


def _is_of_registry(o: Observation) -> bool:
    if isinstance(o.record, Exchange) and o.witness != "registry":
        return is_registrys(o.record)
    return o.witness in ("registry", "client")


def _proves(accepted: Observation, address: Address, facts: Facts) -> bool:
    """Whether an accepted login shows that logins work at an address: there, under another name of the same port, or
    through a proxy whose upstream it is."""
    place = accepted.address
    if place is None:
        sites = {n for r in facts.stack.routes for n in r.server_names}
        one_site = accepted.witness == "proxy" and sites == {address.host}
        return (accepted.witness in ("client", "registry") or one_site) and len(facts.focus.used) <= 1
    if accepted.witness == "client" and place.is_beside(address):
        return False
    if place.fits(address) or (place.port == address.port and address.port in facts.focus.ports):
        return True
    through = accepted.route == "via" and facts.routing.of_address(address) == "direct"
    return through and not any(r.edit("Authorization") for r in facts.stack.routes)


# ---- files --------------------------------------------------------------------------------------------------


def _unread(facts: Facts) -> Iterator[str]:
    """Files that the configuration names and nobody handed over; what nothing was said about at all."""
    evidence = facts.evidence
    registry = facts.registry
    if registry is None:
        yield NOT_SET_UP
        return
    if registry.auth == "token":
        yield f"{registry.value('auth.token.realm') or 'A token service'} decides who gets in; nothing was asked there."
    if registry.auth == "htpasswd" and registry.htpasswd is None:
        yield f"The htpasswd file ({registry.htpasswd_host or registry.htpasswd_path or 'of the registry'}) was not handed over."
    known = {f.path for f in evidence.files} | {h.file for h in evidence.htpasswd}
    if any(f.kind == "caddy-json" for f in evidence.files):
        known.add("Caddyfile")  # what Caddy made of it says the same
    for service in evidence.compose.services if evidence.compose else ():
        if service.role in ("registry", "ui", "proxy"):
            for mount in service.mounts:
                if _is_configuration(mount) and not _is_there(mount, known):
                    yield f"{mount.source} ({service.name}, {mount.place}) was not handed over."
    yield from _from_outside(facts)
    for problem in evidence.problems:
        known_kind = any(f.path == problem.place.file and f.kind != "unknown" for f in evidence.files)
        if (known_kind or problem.kind == "unreadable") and not (
            problem.is_complaint or problem.kind in ("other-project", "nothing-found", "failing")
        ):
            yield f"{problem.place}: {problem.message}"


def _from_outside(facts: Facts) -> Iterator[str]:
    """Settings whose value a variable gives that nobody handed over. A secret of its own decides nothing here."""
    for service in facts.evidence.compose.services if facts.evidence.compose else ():
        for variable in service.environment if service.role in ("registry", "ui", "proxy") else ():
            if is_mask(variable.value or "") and not is_secret_name(variable.name):
                why = (
                    "comes from a variable, and no .env file was handed over"
                    if "$" in variable.raw
                    else "was blacked out"
                )
                yield f"{variable.place}: {variable.name} {why}."
        for path in service.unseen_env if service.role in ("registry", "ui", "proxy") else ():
            yield f"{path} ({service.name}, {service.place}) was not handed over."


_CONFIGURATION = ("/etc/nginx", "/etc/caddy", "/usr/local/etc/haproxy", "/usr/local/apache2/conf", "/etc/apache2",
                  "/etc/httpd", "/etc/traefik", "/etc/docker/registry", "/etc/distribution", "/etc/haproxy")  # fmt: skip
_NEVER = (".crt", ".pem", ".key", ".sock", ".cert")


def _is_configuration(mount: Mount) -> bool:
    """Whether a mount holds what decides how the service behaves. Certificates, sockets and data do not count."""
    target = mount.target.rstrip("/")
    if mount.kind not in ("bind", "config", "secret") or not mount.source or target.lower().endswith(_NEVER):
        return False
    if " § " in mount.source:  # a manifest has it within itself
        return False
    named = posixpath.basename(target)
    if named in ("certs", "cert", "ssl", "tls", "certificates", "pki", "private", "letsencrypt", "dhparam"):
        return False
    return (
        target.startswith(_CONFIGURATION) or "htpasswd" in named or named in ("Caddyfile", "haproxy.cfg", "config.yml")
    )


def _is_there(mount: Mount, known: set[str]) -> bool:
    """Whether a file that was handed over is, or lies in, what is mounted."""
    source = (mount.source or "").removeprefix("./").strip("/")
    if "/" in source and (mount.source or "").startswith(("/", "~", "../")):
        source = posixpath.basename(source)
    target = mount.target.strip("/")
    inside = any(f"/{f}".endswith(f"/{target}") or f"/{target}/" in f"/{f}" for f in known)  # as `nginx -T` names them
    return inside or any(f == source or f.endswith(f"/{source}") or f"/{source}/" in f"/{f}" for f in known)
