"""What to do when it is not clear: the one command or file that tells the remaining candidates apart best."""

import shlex
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from runbook import rules
from runbook.judge.rank import MATCHES
from runbook.model import (
    Certainty,
    Command,
    Diagnosis,
    Exchange,
    Finding,
    LogEvent,
    LoggedRequest,
    Message,
    NextStep,
    Service,
    Symptom,
)
from runbook.model.command import PIPE, WRITE_TO, Word, file, host, name, sh, url, user
from runbook.observe.address import Address, address_of
from runbook.observe.observation import STORES_LOGINS
from runbook.observe.passages import is_unlogged
from runbook.observe.routes import asks_across_origins
from runbook.observe.signature import from_registry, is_another_product, is_registrys
from runbook.observe.traffic import is_authenticated, succeeded
from runbook.rules.authorization_traces import logs_that_refuse, refused_like_the_registry, same_login
from runbook.rules.base import NEEDS, Facts, Rule
from runbook.rules.hops import kept_refusals
from runbook.rules.htpasswd_fixes import local
from runbook.rules.logins import login_request
from runbook.rules.platform import fetched, inside, logs, runs, runs_registry
from runbook.rules.upstreams import asks_beside, bound_to_loopback
from runbook.stack.browser import same_origin

S = Symptom
_DECIDES = 100.0
_PASSED = 0.35
"""How much a rule counts that looked already at something else and found nothing."""


@dataclass(frozen=True, slots=True)
class _Source:
    """A kind of evidence, how to get it, and when it makes sense to ask for it."""

    gives: str
    kinds: tuple[str, ...]
    """Of `NEEDS`: what rules may then look at."""
    why: str
    command: Callable[[Facts], Command]
    missing: Callable[[Facts], bool]
    prior: float = 0.0
    decides: Callable[[Facts], bool] = lambda _: False
    """Whether what was seen leaves nothing else to look at."""


def next_step(
    facts: Facts, diagnosis: Diagnosis, dormant: tuple[Finding, ...] = (), told: tuple[str, ...] = ()
) -> NextStep:
    """The step that separates the candidates best; where no login was tried at all, to try one; where all is well but
    a fault of the files that nothing met yet, to try what meets it. `told`: the troubles of which people tell, where
    nothing else stands against health."""
    if told and not diagnosis.causes and not diagnosis.seen:
        return NextStep(why=_TOLD_WHY, command=_verbose(facts), gives="transcript")
    sure = [f for f in dormant if f.certainty > Certainty.POSSIBLE]
    if sure and not diagnosis.causes and not diagnosis.seen and (verify := sure[0].fix.verify):
        why = f"Nothing that was tried shows whether this hurts: {sure[0].summary}"
        return NextStep(why=why, command=verify[0], gives="transcript")
    if not diagnosis.causes and (elsewhere := _another_service(facts)):
        return elsewhere
    if shut := _unopened(facts):
        return shut
    if not diagnosis.causes and (
        other := _each_server(facts) or _past_what_is_kept(facts) or _beside(facts) or _unlogged(facts)
    ):
        return other
    seen = set(diagnosis.seen)
    step = (
        _what_the_cluster_says(facts)
        or _where_it_leads(facts)
        or _what_the_page_calls(facts)
        or _what_it_resolves_to(facts)
    )
    if step := step or _who_issues_tokens(facts) or (None if diagnosis.causes else _log_in(facts)):
        return step
    if step := _as_it_answers(facts):
        return step
    if not _login_tried(facts) and not seen & _NOT_ABOUT_LOGINS and (step := _try_login(facts)):
        return step
    if step := _as_it_is(facts, (*diagnosis.causes, *dormant)) or (None if diagnosis.causes else _compare(facts)):
        return step
    if seen & _OF_UPLOADS and not diagnosis.causes:
        return NextStep(why=_UPLOAD_WHY, command=_begun_upload(facts), separates=_UPLOADS_GO, gives="transcript")
    candidates = _candidates(diagnosis)
    outcome = {c.rule: c.outcome for c in diagnosis.checks}
    best: tuple[float, _Source, tuple[str, ...]] | None = None
    for source in _SOURCES:
        if not source.missing(facts):
            continue
        served = [
            r for r in candidates if set(source.kinds) & {*r.needs, *r.needs_any} and not _has(source.kinds, r, facts)
        ]
        score = (
            source.prior
            + (_DECIDES if source.decides(facts) else 0)
            + sum((1.0 if outcome.get(r.id) == "skipped" else _PASSED) / r.tier for r in served)
        )
        if best is None or score > best[0]:
            best = (score, source, tuple(r.id for r in served))
    if best is None:
        why = _AGAIN_WHY if facts.traffic.exchanges else _VERBOSE_WHY
        return NextStep(why=why, command=_verbose(facts), gives="transcript")
    _, source, separates = best
    return NextStep(why=source.why, command=source.command(facts), separates=separates[:6], gives=source.gives)


def _another_service(facts: Facts) -> NextStep | None:
    """Where all that failed was asked of a registry that others run, or of another product: no file of ours decides there."""
    signed = any(is_another_product(e) for e in facts.traffic.exchanges)
    if facts.registry is not None or (facts.traffic.requests and not signed):
        return None
    failed = [
        c.observation for c in facts.traffic.complaints if c.settled is None and c.observation.witness == "client"
    ]
    hosts = list(dict.fromkeys(o.address for o in failed if o.address is not None))
    if not hosts or not (all(a.is_hosted for a in hosts) or (signed and len(hosts) == 1)):
        return None
    where = "Docker Hub" if hosts[0].host.endswith(("docker.io", "docker.com")) else str(hosts[0])
    why = (
        f"{where} refused it, and decides by accounts and tokens of its own: no htpasswd file has a part in it. Log in there "
        "anew, with an access token where it gives them, and hand over what it says."
    )
    command = sh("docker", "login", *([] if where == "Docker Hub" else [host(where)]), expect="Login Succeeded")
    return NextStep(why=why, command=command, gives="transcript")


def _each_server(facts: Facts) -> NextStep | None:
    """Where the same login is accepted and refused by turns: each of the servers behind the address, asked by itself."""
    group = next(iter(facts.traffic.by_turns), None)
    if group is None:
        return None
    told = ", ".join(str(e.status) for e in group[:4])
    behind = dict.fromkeys(t for r in facts.stack.routes for t in r.upstream_hosts)
    servers = [f"{h}:{port}" if port else h for h, port in behind][:6]
    refusing = logs_that_refuse(facts)
    why = (
        f"The answers to the same request with the same login alternate ({told}): several registries stand behind one address, "
        "and they do not agree. Ask each server by its own address with this login"
        + (f" ({', '.join(servers)})" if servers else "")
        + ": the one that refuses reads another htpasswd file, or an old copy of it."
        + (f" The refusals are in {refusing[0]} alone." if len(refusing) == 1 else "")
    )
    base = f"http://{servers[0]}" if servers else ""
    sent = group[0].credential
    command = login_request(facts, sent.user if sent else None, base, expect="the same status from each of the servers")
    return NextStep(why=why, command=command, gives="transcript")


def _past_what_is_kept(facts: Facts) -> NextStep | None:
    """Where nginx keeps answers of 401: the same request with a query for which no answer is kept yet."""
    refused = facts.traffic.refused("via")
    kept = next(kept_refusals(facts, refused.method, refused.path), None) if refused else None
    if kept is None or refused is None:
        return None
    why = (
        f"nginx keeps answers of 401 ({kept}) and gives them to whoever asks next, with a login or without. Asked with a query, "
        "for which none is kept: if this is accepted, that line is the cause. Leave the API out of the cache (proxy_cache off)."
    )
    who, base = refused.credential.user if refused.credential else None, refused.url.split("/v2/")[0]
    command = login_request(facts, who, base, path=f"{refused.path}?kept=no")
    return NextStep(why=why, command=command, gives="transcript")


def _compare(facts: Facts) -> NextStep | None:
    """Where one log shows a user refused and others served, and the file has a sound entry of that user: its password."""
    file, seen = facts.htpasswd, facts.traffic.observations
    refused = next(
        (
            o
            for o in (c.observation for c in facts.traffic.complaints if c.settled is None)
            if o.status == 401 and isinstance(o.record, LoggedRequest) and o.user in facts.focus.users
        ),
        None,
    )
    entry = file.entry(refused.user) if file and refused and refused.user else None
    if file is None or refused is None or entry is None or not entry.usable:
        return None
    others = (o.user for o in seen if o.ok and o.source.file == refused.source.file)
    if not set(others) - {None, refused.user} or any(c.user == refused.user for c in facts.checks):
        return None
    why = (
        f"Others get in by the same way, and {refused.user} has a sound entry in {file.file}: the password that was typed is another "
        "one, or the registry reads another file. This asks for the password and compares it with the entry."
    )
    command = sh("htpasswd", "-v", local(facts, file.file), user(refused.user), expect="Password for user … correct.")
    return NextStep(why=why, command=command, separates=("htpasswd-wrong-password", "file-not-reloaded"), gives="login")


def _beside(facts: Facts) -> NextStep | None:
    """Where a proxy asks another port than the registry's: that port itself, with the login that the registry accepts."""
    refused = refused_like_the_registry(facts.traffic)
    works = same_login(facts.traffic, refused) if refused else None
    found = asks_beside(facts, address_of(works.url)) if works else None
    if refused is None or works is None or found is None:
        return None
    route, host, port = found
    at = f"{host}:{port}"
    if any(a.host == host and a.port == port for e in facts.traffic.exchanges if (a := address_of(e.url))):
        return None
    why = (
        f"{route.software} asks {at} ({route.upstream_place}), and not the registry that accepts the login ({works.url}); nothing "
        f"tells what listens there. Asked by itself: 200, and {route.software} loses the login on the way; 401, and it is another "
        "registry, or a proxy more."
    )
    who = refused.credential.user if refused.credential else None
    return NextStep(why=why, command=login_request(facts, who, f"http://{at}"), gives="transcript")


def _unlogged(facts: Facts) -> NextStep | None:
    """Where the registry's log covers the hour of a refusal through the proxy and has nothing of it."""
    refused = refused_like_the_registry(facts.traffic)
    works = same_login(facts.traffic, refused) if refused else None
    if refused is None or works is None or not is_unlogged(refused, works, facts.traffic.observations):
        return None
    why = (
        f"The registry's log goes on before and after {refused.source} and has nothing of this request: another server answered, "
        "be it a cache of the proxy or another registry. The proxy's configuration says where it leads."
    )
    return NextStep(why=why, command=_get_proxy(facts), gives="proxy")


def _as_it_is(facts: Facts, findings: tuple[Finding, ...]) -> NextStep | None:
    """Where what was left out or blacked out would decide: the same files as they are."""
    places = {p.place.file: p.place for p in facts.evidence.problems if p.kind in ("left-out", "blacked-out")}
    wanted = list(places) if any(f.certainty is Certainty.POSSIBLE for f in findings) else []
    wanted += [h.file for h in facts.htpasswds if any(not h.tells_of(user) for user in facts.focus.users)]
    place = next((places[name] for name in wanted if name in places), None)
    if place is None:
        return None
    why = f"What was left out at {place} would decide. Hand it over as it is: no secret is shown, none is kept, nothing is sent."
    return NextStep(why=why, command=_again(facts), gives="file")


def _unopened(facts: Facts) -> NextStep | None:
    """Where a file that was handed over could not be opened: the same again, once it can be."""
    place = next((p.place for p in facts.evidence.problems if p.kind == "unreadable"), None)
    if place is None:
        return None
    why = f"{place} was handed over and could not be opened: it may decide. Make it readable to this user (chmod u+r), and run it again."
    return NextStep(why=why, command=_again(facts), gives="file")


def _again(facts: Facts) -> Command:
    """The same run over the same files."""
    login = [Word("--user"), user(_who(facts)), Word("--password-stdin")] if facts.evidence.target.password else []
    return sh("runbook", "diagnose", *map(file, facts.evidence.target.paths), login, expect="healthy, or the fault")


def _what_it_resolves_to(facts: Facts) -> NextStep | None:
    """Where a client's name leads nowhere, and nothing tells of another trouble since: what its machine knows of it."""
    last = next((c for c in reversed(facts.traffic.complaints) if c.settled is None), None)
    if last is None or last.symptom is not S.NAME_UNKNOWN or last.observation.witness != "client":
        return None
    address = last.observation.address
    return NextStep(
        why="The name does not resolve on the client's machine: what it knows of it tells a wrong name from a wrong resolver.",
        command=sh("getent", "hosts", host(address.host if address else None), expect="an address and the name"),
        gives="transcript",
    )


def _last_words(facts: Facts) -> Message | None:
    """The last complaint of a client that nothing settled."""
    open_ones = [c for c in facts.traffic.complaints if c.settled is None and c.observation.witness == "client"]
    record = open_ones[-1].observation.record if open_ones else None
    return record if isinstance(record, Message) else None


def _what_the_cluster_says(facts: Facts) -> NextStep | None:
    """Where a release did not come up: whether its pods could not pull is told by the cluster alone."""
    said = _last_words(facts)
    if said is None or said.kind != "other-error" or said.tool not in ("helm", "helmfile", "kubectl", "flux", "argocd"):
        return None
    return NextStep(
        why=f"{said.tool} waited in vain, and does not say for what: the events of the cluster tell whether an image could not "
        "be pulled, from where and why, or something else was missing.",
        command=sh("kubectl", "get", "events", "-A", "--field-selector=type=Warning", WRITE_TO, "events.txt"),
        gives="transcript",
    )


def _who_issues_tokens(facts: Facts) -> NextStep | None:
    """Where a token service refused: to ask it, and not the registry, which was not reached."""
    said = _last_words(facts)
    if said is None or said.kind != "token-refused" or "://" not in said.detail:
        return None
    address, _, query = said.detail.partition("?")
    service = next((v for v in query.split("&") if v.startswith("service=") and "[" not in v), "")
    who = user(said.user or _who(facts))
    command = sh(
        "curl", "-sS", "-i", "-u", who, url(address, f"?{service}" if service else ""), expect="200 and a token"
    )
    return NextStep(
        why=f"The registry was not asked: {address} issues its tokens, and refused. Ask it with the same login: 401 again, and "
        "the login is not one of its users (or has no right to this); 200, and the client sends another one.",
        command=command,
        gives="transcript",
    )


def _as_it_answers(facts: Facts) -> NextStep | None:
    """Where a login was typed and failed for a reason that nobody knows: what the address answers to one."""
    said = _last_words(facts)
    typed = said is not None and said.call is not None and said.call.verb == "login"
    if not typed or set(facts.traffic.seen()) != {S.FAILURE} or facts.traffic.exchanges or not facts.focus.addresses:
        return None
    base = _base(facts, next(iter(facts.focus.used or facts.focus.addresses)))
    asked = sh("curl", "-sS", "-i", url(base, "/v2/"))
    again = sh("curl", "-sS", "-i", "-u", user(_who(facts)), url(base, "/v2/"))
    why = "A login was tried, and failed in a way that tells nothing of it. These two responses show who answers, whether a login is asked for, and whether it is taken."
    return NextStep(why=why, command=_kept("curl.txt", asked, again), gives="transcript")


def _log_in(facts: Facts) -> NextStep | None:
    """Where the client had no login to send: to log in there."""
    said = _without_login(facts)
    if (
        said is None
        or said.kind != "no-basic-auth"
        or not said.host
        or any(o.login == "sent" for o in facts.traffic.observations)
    ):
        return None
    if any(
        word in said.text for word in ("ErrImagePull", "StartContainer", "Failed to pull image", "ImagePullBackOff")
    ):
        return NextStep(
            why=_KUBELET_WHY.format(said.host),
            command=sh("kubectl", "get", "pods", "-o", "yaml", WRITE_TO, "pods.yaml"),
            gives="file",
        )
    if "level=" in said.text and "msg=" in said.text:
        return NextStep(
            why=_ENGINE_WHY.format(said.host),
            command=sh("kubectl", "get", "events", "-A", "--field-selector=reason=Failed", WRITE_TO, "events.txt"),
            gives="transcript",
        )
    tool = said.tool if said.tool in ("podman", "nerdctl", "oras", "crane", "buildah", "skopeo", "helm") else "docker"
    words = {"crane": ("crane", "auth", "login"), "helm": ("helm", "registry", "login")}.get(tool, (tool, "login"))
    return NextStep(
        why=f"The client had no login for {said.host}, or it is stored where this command does not look. On the machine that "
        "failed, as the same user, log in, and repeat what failed: if it fails again, hand over what it says then.",
        command=sh(*words, host(said.host), expect="Login Succeeded"),
        gives="transcript",
    )


def _without_login(facts: Facts) -> Message | None:
    """The last complaint of a client that is none of the kubelet's "I wait before I try again"."""
    open_ones = [c for c in facts.traffic.complaints if c.settled is None and c.observation.witness == "client"]
    records = [c.observation.record for c in open_ones if isinstance(c.observation.record, Message)]
    telling = [m for m in records if "Back-off pulling image" not in m.text]
    return telling[-1] if telling else None


_KUBELET_WHY = (
    "The kubelet had no login for {}. A pod has that of the pull Secrets that it names under imagePullSecrets, in its own "
    "namespace; what somebody stored by docker login on the node is another program's. The pods say which Secrets they name."
)
_ENGINE_WHY = (
    "The engine had no login for {}, and its log does not say who asked it. A command has the login of its user (docker "
    "login), a pod that of the pull Secret that it names, a swarm service what --with-registry-auth sent; none uses another's. "
    "If it was a pod, its events say which, and why."
)


_NOT_ABOUT_LOGINS = {
    S.NOT_STARTED, S.PROXY_NOT_STARTED, S.UNREACHABLE, S.EMPTY_REPLY, S.TIMEOUT, S.HANDSHAKE_TIMEOUT, S.BAD_GATEWAY,
    S.UNAVAILABLE, S.GATEWAY_TIMEOUT, S.PROXY_500, S.REGISTRY_500, S.NOT_THE_API, S.REDIRECTED, S.TOO_LARGE,
    S.TLS_FAILED, S.SCHEME_MIXED, S.NAME_UNKNOWN, S.COMPOSE_REFUSED, S.FORWARD_PROXY, S.FORBIDDEN, S.LOGIN_401,
    S.LOGIN_401_DIRECT, S.LOGIN_401_VIA, S.LOGIN_400, S.LOGIN_WOULD_FAIL,
}  # fmt: skip


def _candidates(diagnosis: Diagnosis) -> list[Rule]:
    """Rules whose cause would explain what was seen (all of them where nothing was) and that did not fail."""
    seen = [s for s in diagnosis.seen if s is not S.FAILURE]
    wanted = {m for s in seen for m in MATCHES.get(s, frozenset({s}))}
    failed = {c.rule for c in diagnosis.checks if c.outcome == "fail"} - {f.cause for f in diagnosis.causes}
    return [r for r in rules.load().values() if r.id not in failed and (not wanted or wanted & set(r.explains))]


def _has(kinds: tuple[str, ...], rule: Rule, facts: Facts) -> bool:
    """Whether the rule can look at one of these kinds already."""
    return any(k in kinds and NEEDS[k][0](facts) for k in (*rule.needs, *rule.needs_any))


# ---- trying a login -----------------------------------------------------------------------------------------


def _login_tried(facts: Facts) -> bool:
    return any(
        o.login == "sent" and o.voice == "program" and not _is_wrong(o.record) for o in facts.traffic.observations
    )


def _is_wrong(record: object) -> bool:
    credential = getattr(record, "credential", None)
    return credential is not None and credential.intent == "wrong"


def _try_login(facts: Facts) -> NextStep | None:
    target, focus = facts.evidence.target, facts.focus
    known = sorted(focus.addresses, key=lambda a: a.is_loopback and a.port in (None, 80, 443))  # first a site's name
    address = (*focus.used, *_called_by_the_page(facts), *known, None)[0]
    if address is None or any(p.kind == "not-the-api" for p in facts.evidence.problems):
        return None
    given = [("--registry", target.registry_url), ("--ui", target.ui_url)]
    if not (target.registry_url or target.ui_url):
        given = [("--registry", _base(facts, address))]
    plain = next((p for p in facts.evidence.problems if p.kind == "login-not-sent"), None)
    insecure = [Word("--insecure-http")] if plain and plain.place.file == "probe" else []
    command = sh(
        "runbook", "diagnose", *map(file, target.paths), _addresses(given), "--user", user(_who(facts)), "--password-stdin",
        insecure, expect="healthy, or the fault",
    )  # fmt: skip
    why = "No login was tried, so nothing shows whether one works. It asks for the password itself."
    if plain:
        why = f"{plain.message} Nothing shows yet whether it works."
    return NextStep(why=why, command=command, gives="login")


def _called_by_the_page(facts: Facts) -> tuple[Address, ...]:
    """The registry that the UI's page calls itself: the UI's own address serves a page."""
    ui = facts.ui
    called = ui.registry_url.value if ui and ui.mode == "browser" and ui.registry_url else None
    found = address_of(called) if called else None
    return (found,) if found and not found.is_loopback else ()


def _who(facts: Facts) -> str | None:
    return facts.evidence.target.user or next(iter(facts.focus.users), None)


def _addresses(given: Iterable[tuple[str, str | None]]) -> list[Word]:
    return [word for option, value in given if value for word in (Word(option), url(value))]


def _where_it_leads(facts: Facts) -> NextStep | None:
    """Where the address that was given redirects to a registry: to ask there, since the login was not sent on."""
    target = facts.evidence.target
    password = [Word("--user"), user(_who(facts)), Word("--password-stdin")] if target.password else []
    for option, base, route in (("--registry", target.registry_url, "direct"), ("--ui", target.ui_url, "via")):
        asked = [e for e in facts.evidence.live if base and e.route == route]
        if base and any(e.error == "tls-to-http" and same_origin(e.url, base) for e in asked):
            address = f"http://{base.partition('://')[2]}"
            command = sh("runbook", "diagnose", Word(option), url(address), password, expect="healthy, or the fault")
            why = f"{base} speaks plain http, not TLS. docker falls back to http on loopback names."
            return NextStep(why=why, command=command, gives="address")
        if not any(e.url == f"{base}/v2/" and e.status in _REDIRECTS for e in asked):
            continue
        led = next((e for e in asked if not same_origin(e.url, base or "") and is_registrys(e)), None)
        if led is not None:
            address = led.url.partition("/v2")[0]
            command = sh("runbook", "diagnose", Word(option), url(address), password, expect="healthy, or the fault")
            why = f"{base} redirects to {address}, where a registry answers. The login was not sent there; ask it by its name."
            return NextStep(why=why, command=command, gives="address")
    return None


def _what_the_page_calls(facts: Facts) -> NextStep | None:
    """The registry that the UI's page calls itself, where only the UI was asked."""
    target, ui = facts.evidence.target, facts.ui
    called = ui.registry_url.value if ui and ui.mode == "browser" and ui.registry_url else None
    if not target.ui_url or target.registry_url or not called or not asks_across_origins(facts.stack, target.ui_url):
        return None
    given = _addresses([("--registry", called.rstrip("/")), ("--ui", target.ui_url)])
    login = [Word("--user"), user(_who(facts)), Word("--password-stdin")]
    command = sh("runbook", "diagnose", *map(file, target.paths), given, login, expect="healthy, or the fault")
    why = f"The UI's page calls {called} itself, from the browser. Ask that address."
    return NextStep(why=why, command=command, gives="registry")


_REDIRECTS = (301, 302, 303, 307, 308)


def _base(facts: Facts, address: Address) -> str:
    """The address as a URL: with the scheme that was seen, else what docker would try on it."""
    for exchange in facts.traffic.exchanges:
        if exchange.url.partition("://")[2].lower().startswith(str(address)):
            return exchange.url.partition("/v2")[0]
    said = next((m.text for m in facts.traffic.messages if f"://{address}/" in m.text), "")
    tls = facts.registry is not None and facts.registry.value("http.tls.certificate") is not None
    usual = address.port == 443 or (address.port is None and not address.is_loopback)
    scheme = "https" if f"https://{address}/" in said or (not said and (tls or usual)) else "http"
    return f"{scheme}://{address}"


# ---- getting evidence ---------------------------------------------------------------------------------------


def _registry_service(facts: Facts) -> Service | None:
    return facts.stack.registry.service if facts.stack.registry else None


def _container(facts: Facts, role: str) -> list[Word]:
    """Whichever container publishes the port that was asked: no name has to be known."""
    focus = facts.focus
    addresses = [a for a in focus.used if facts.routing.of_address(a) == ("direct" if role == "registry" else "via")]
    port = next((a.port for a in (*addresses, *focus.used) if a.port), 5000)
    return [Word(f"$(docker ps -qf publish={port:d})", operator=True)]


def _get_all(facts: Facts) -> Command:
    """The engine has it all: settings, mounts, logs, and the files inside the containers."""
    target = facts.evidence.target
    given = _addresses([("--registry", target.registry_url), ("--ui", target.ui_url)])
    login = [Word("--user"), user(_who(facts)), Word("--password-stdin")] if target.password else []
    return sh("runbook", "diagnose", "--collect", given, login, expect="the fault")


def where_it_is_written(facts: Facts, diagnosis: Diagnosis) -> NextStep | None:
    """For a fault of a stack of which only its responses are known: to read where it comes from."""
    if not _may_run_here(facts) or diagnosis.causes[0].hop.startswith("client"):
        return None
    why = "The responses show the fault, not the line that makes it. The engine on this machine knows that, and nothing is changed."
    others = tuple(f.cause for f in diagnosis.causes)
    return NextStep(why=why, command=_get_all(facts), separates=others if len(others) > 1 else (), gives="engine")


def _may_run_here(facts: Facts) -> bool:
    """Whether only live answers are known of a stack that may run on this machine's engine."""
    evidence = facts.evidence
    known = evidence.compose or evidence.logs or evidence.files
    here = [a for a in facts.focus.used if a.is_loopback]
    return bool(evidence.live and here) and not known and all(p.kind != "no-engine" for p in evidence.problems)


def _get_log(facts: Facts) -> Command:
    found = _registry_service(facts)
    if found is not None:
        return logs(found, WRITE_TO, "registry.log", last=None)
    if _is_no_container(facts):
        return logs(runs_registry(facts), WRITE_TO, "registry.log", last=None)
    return sh("docker", "logs", _container(facts, "registry"), WRITE_TO, "registry.log", Word("2>&1", operator=True))


def _get_htpasswd(facts: Facts) -> Command:
    registry = facts.stack.registry
    path = (registry.htpasswd_path if registry else None) or "/auth/htpasswd"
    found = _registry_service(facts)
    if found is not None:
        return fetched(found, path, "htpasswd")
    if _is_no_container(facts):
        return sh("sudo", "cat", file(path), WRITE_TO, "htpasswd")
    copied = Word(f'"{_container(facts, "registry")[0].text}":', operator=True)
    return sh("docker", "cp", Word(f"{copied.text}{file(path)}", operator=True), "htpasswd")


def _is_no_container(facts: Facts) -> bool:
    return bound_to_loopback(facts)[1] is not None


def _get_inspect(facts: Facts) -> Command:
    return sh("docker", "inspect", Word("$(docker ps -aq)", operator=True), WRITE_TO, "inspect.json")


def _get_proxy(facts: Facts) -> Command:
    route = next((r for r in facts.stack.routes if r.service), None)
    ui = facts.ui
    named = route.service if route else ui.name if ui else None
    if named:
        return inside(runs(facts, named), "nginx", "-T", WRITE_TO, "nginx.conf")
    if _is_no_container(facts):
        return sh("sudo", "nginx", "-T", WRITE_TO, "nginx.conf")
    return sh("docker", "exec", _container(facts, "proxy"), "nginx", "-T", WRITE_TO, "nginx.conf")


def _get_proxy_log(facts: Facts) -> Command:
    """nginx in a container writes both logs to its output; on a machine of its own, to files."""
    route = next((r for r in facts.stack.routes if r.software == "nginx"), None)
    if route is None or not route.service:
        return sh(
            "sudo", "tail", "-n", "200", "/var/log/nginx/access.log", "/var/log/nginx/error.log", WRITE_TO, "proxy.log"
        )
    return logs(runs(facts, route.service), WRITE_TO, "proxy.log", last=None)


def _get_clients(facts: Facts) -> Command:
    return sh("cp", Word("~/.docker/config.json", operator=True), file("config.json"))


def _verbose(facts: Facts) -> Command:
    address = next(iter(facts.focus.used or facts.focus.addresses), None)
    base = _base(facts, address) if address else None
    who = next(iter(facts.focus.users), None)
    return _kept("curl.txt", sh("curl", "-sS", "-i", "-u", user(who), url(base, "/v2/")))


def _kept(into: str, *asked: Command) -> Command:
    """Requests with their responses in a file. Not `curl -v`: that writes the login into the file, too; and not `>`
    alone: curl asks for the password on its standard error, which would be in the file and not on the screen.
    """
    typed = shlex.quote("; ".join(map(str, asked)))
    odd = next((word.odd for one in asked for word in one.words if word.odd), None)
    return sh("sh", "-xc", Word(typed, operator=True, odd=odd), Word("2>&1", operator=True), PIPE, "tee", into)


_OF_UPLOADS = {S.UPLOAD_401, S.LOCATION_WRONG, S.UPLOAD_FAILS}
_UPLOAD_WHY = (
    "The registry let the upload begin; what failed came after that. Where it sends the upload, and whether it asks "
    "for a login at the ping, show in these two responses. The upload that this begins stays empty, and the registry "
    "deletes it after a week (its upload purging, unless that was turned off)."
)
_UPLOADS_GO = (
    "x-forwarded-proto-missing", "ping-not-challenged", "location-header-wrong-host", "location-header-port-lost",
    "http-host-wrong",
)  # fmt: skip


def _begun_upload(facts: Facts) -> Command:
    """The ping without a login, and the begin of an upload with one, in one transcript."""
    address = next(iter(facts.focus.used or facts.focus.addresses), None)
    base = _base(facts, address) if address else None
    who = next(iter(facts.focus.users), None)
    begun = sh("curl", "-sS", "-i", "-X", "POST", "-u", user(who), url(base, "/v2/test/blobs/uploads/"))
    return _kept("upload.txt", sh("curl", "-sS", "-i", url(base, "/v2/")), begun)


def _get_daemon(facts: Facts) -> Command:
    return sh("docker", "info", WRITE_TO, name("docker-info.txt"))


_TOLD_WHY = (
    "Nothing wrong was found in what was handed over. Somebody tells of a trouble that it does not show: on the machine of who tells it, as "
    "the same user, this shows whether it is still there."
)
_VERBOSE_WHY = "The request with its response, word for word, shows who answers and what was sent."
_AGAIN_WHY = (
    "What was handed over does not decide it, and shows what was, not what is. The same request, asked again now, shows whether "
    "it still fails."
)
_SOURCES = (
    _Source("engine", ("compose", "registry", "routes", "ui", "logs", "htpasswd", "checks"),
            "The engine on this machine knows the rest: settings, mounts, logs, the files inside the containers. It is read "
            "through docker (or podman), and nothing is changed.", _get_all, _may_run_here, 0.5),
    _Source("htpasswd", ("htpasswd", "checks"), "The htpasswd file tells whether the registry can accept this login at all. "
            "Put it beside the other files and run it again.",
            _get_htpasswd, lambda f: not f.htpasswds and _may_read_htpasswd(f), 0.3,
            lambda f: _was_compared(f) and not _by_a_proxy(f)),
    _Source("log", ("logs",), "The registry's log says which login arrived and why it was refused.",
            _get_log, lambda f: not any(log.kind in ("registry", "mixed") for log in f.evidence.logs), 0.2),
    _Source("compose", ("compose", "registry", "routes", "ui"), "How the containers are really set up (environment, "
            "mounts, ports) is not known. inspect.json will hold the values of variables in clear; runbook collect --output incident "
            "writes the same with secrets masked.", _get_inspect, lambda f: f.evidence.compose is None and not _is_no_container(f), 0.1),
    _Source("proxy", ("routes",), "The proxy's configuration tells what it does with the request.",
            _get_proxy, lambda f: not _has_nginx(f) and (_through_proxy(f) or _forbidden_by_nginx(f)), 0.1,
            lambda f: _by_a_proxy(f) or _lost_a_challenge(f) or _forbidden_by_nginx(f)),
    _Source("log", ("logs",), "nginx wrote this 403 itself: the registry was not asked, and has no line of it. nginx's own logs tell whom it "
            "refused, and why where a list did (access forbidden by rule).",
            _get_proxy_log, lambda f: _forbidden_by_nginx(f) and _has_nginx(f) and not _nginx_logged(f), 0.1, lambda _: True),
    _Source("proxy", ("routes",), "nginx wrote this 403 itself, and what was handed over of it does not say why. nginx -T shows all "
            "that it reads, with every included file.",
            _get_proxy, lambda f: _forbidden_by_nginx(f) and _has_nginx(f) and _nginx_logged(f), 0.1, lambda _: True),
    _Source("clients", ("clients",), "The client's stored logins tell what docker sends, and under which name.",
            _get_clients, lambda f: not f.clients and not _was_typed(f), 0.05),
    _Source("daemon", ("messages",), "docker's own settings tell how it reaches the registry.",
            _get_daemon, lambda f: not f.evidence.messages and _daemon_decides(f), 0.0),
    _Source("transcript", ("exchanges",), _VERBOSE_WHY, _verbose, lambda f: not f.traffic.exchanges, 0.05),
)  # fmt: skip


def _was_typed(facts: Facts) -> bool:
    """Whether the logins that were seen were typed, and nothing was seen of a program that stores them."""
    logged = (o.agent for o in facts.traffic.observations)
    stored = any(facts.traffic.messages) or any(agent.startswith(STORES_LOGINS) for agent in logged)
    return any(map(is_authenticated, facts.traffic.exchanges)) and not stored


def _may_read_htpasswd(facts: Facts) -> bool:
    """Whether the file may decide: not where the very login was seen to be accepted, but by another registry."""
    home = bound_to_loopback(facts)[1]
    accepted = {
        e.credential.user
        for e in facts.traffic.exchanges
        if e.credential and is_authenticated(e) and succeeded(e)
        if home is None or e.route == "via" or (at := address_of(e.url)) is None or at.port == home.port
    }
    if accepted & set(facts.focus.users):
        return False
    return facts.registry is None or facts.registry.auth in ("htpasswd", "unknown")


def _by_a_proxy(facts: Facts) -> bool:
    """Whether the refusal was written by a proxy that asks for credentials of its own: the registry was never asked."""
    refused = (c.observation.record for c in facts.traffic.complaints if c.settled is None)
    return any(
        isinstance(e, Exchange) and e.status == 401 and e.route == "via" and from_registry(e) is False for e in refused
    )


def _forbidden_by_nginx(facts: Facts) -> bool:
    """Whether nginx refused by itself (403, its own page): whatever rule that was, no login was looked at."""
    refused = (c.observation.record for c in facts.traffic.complaints if c.settled is None)
    return any(
        isinstance(e, Exchange)
        and e.status == 403
        and any(word in (e.header("Server") or "").lower() for word in ("nginx", "openresty"))
        and from_registry(e) is False
        for e in refused
    )


def _has_nginx(facts: Facts) -> bool:
    return any(r.software == "nginx" for r in facts.stack.routes)


def _nginx_logged(facts: Facts) -> bool:
    return any(log.kind == "nginx" for log in facts.evidence.logs)


def _was_compared(facts: Facts) -> bool:
    """Whether the registry's log says that a login arrived and did not fit the file: all that is left is the file, and
    what the client sent."""
    return any(
        isinstance(c.observation.record, LogEvent)
        and c.observation.record.meaning == "authentication-failure"
        and c.settled is None
        for c in facts.traffic.complaints
    )


def _daemon_decides(facts: Facts) -> bool:
    """Whether something fails in which docker's settings have a part: how it reaches the registry, not who logs in."""
    return any(c.symptom in _OF_THE_DAEMON and c.settled is None for c in facts.traffic.complaints)


_OF_THE_DAEMON = {
    S.SCHEME_MIXED,
    S.TLS_FAILED,
    S.FORWARD_PROXY,
    S.NAME_UNKNOWN,
    S.UNREACHABLE,
    S.TIMEOUT,
    S.HANDSHAKE_TIMEOUT,
}


def _lost_a_challenge(facts: Facts) -> bool:
    """Whether a 401 of the registry came without the challenge that the registry puts into each: a hop took it out."""
    return bool(facts.traffic.seen(S.CHALLENGE_MISSING))


def _through_proxy(facts: Facts) -> bool:
    return _lost_a_challenge(facts) or bool(facts.traffic.on("via") or facts.stack.uis or facts.evidence.target.ui_url)
