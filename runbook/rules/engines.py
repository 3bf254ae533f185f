"""Where docker's engine and its builders run, what they may do, and who else has the port."""

from collections.abc import Iterator

from runbook.lazy import re
from runbook.model import CiJob, Exchange, Finding, Fix, Message, Refutation, Subject, Symptom
from runbook.model.command import Command, glued, host, number, sh, url
from runbook.observe.address import Address, address_of
from runbook.observe.signature import PROXY_SIGNATURES, from_registry
from runbook.rules.base import Facts, rule
from runbook.rules.evidence import Item, context, finding, read, said, seen
from runbook.rules.shell import stored_login

S = Symptom


# ---- a builder of its own ------------------------------------------------------------------------------------


_CREATE = "docker buildx create --use --name with-registry --buildkitd-config buildkitd.toml"


@rule(
    "buildkit-insecure-registry-missing",
    needs=("messages",),
    step="simplify",
    title="the builder's own BuildKit does not allow this registry",
    fix='Write [registry."HOST:PORT"] http = true into buildkitd.toml and create the builder with --buildkitd-config',
    source="moby/buildkit docs/buildkitd.toml.md; a docker-container builder does not read daemon.json; docker/buildx#163",
    explains=(S.SCHEME_MIXED, S.TLS_FAILED, S.FAILURE),
    hop="client",
    supersedes=("insecure-registry-missing", "tls-ca-not-trusted", "scheme-mismatch-upstream"),
    refuted=(Refutation(cause="htpasswd-wrong-password", because="no credentials were sent yet"),),
)
def builder_insecure(facts: Facts) -> Iterator[Finding]:
    """`docker buildx create` starts a BuildKit in a container. It has no part in the daemon's settings: neither its
    insecure-registries nor its certificates. So `docker push` works and `docker buildx build --push` does not.
    """
    for message in facts.traffic.said("http-to-https-client", "x509-unknown-authority"):
        if not message.detail or message.host is None:
            continue
        apart = _shows_own_builder(facts, message)
        listed = any(message.host in p.plain for p in facts.evidence.pullers if p.program == "buildkit")
        if listed or not apart:
            continue
        plain = message.kind == "http-to-https-client"
        toml = "http = true" if plain else 'ca = ["/etc/buildkit/ca.crt"]'
        yield finding(
            f"BuildKit in the builder's own container does not allow {'plain http to' if plain else 'the CA of'} {message.host}.",
            said(message),
            apart,
            about=Subject(address=message.host),
            fix=Fix(
                summary=f'Write a buildkitd.toml with [registry."{message.host}"] and {toml}, and create the builder with it',
                commands=(sh(*_CREATE.split()),),
                verify=(sh("docker", "buildx", "ls", expect="with-registry* docker-container …"),),
                applies="a builder reads buildkitd.toml when it is created",
            ),
        )
        return


def _shows_own_builder(facts: Facts, message: Message) -> list[Item]:
    """What shows that the builder is not the daemon's own BuildKit, which reads daemon.json."""
    builder = next(iter(facts.traffic.said("builder")), None)
    setup = next((j for j in facts.evidence.jobs if j.system == "github" and j.logins), None)
    allowed = next((c for c in facts.clients if message.host in (c.insecure_registries or ())), None)
    pushed = next((m for m in facts.traffic.messages if m.kind == "transfer-ok" and m.host == message.host), None)
    found: list[Item] = [said(builder)] if builder else []
    if allowed is not None:
        found.append(read(f"the daemon allows {message.host}", allowed.file))
    if pushed is not None:
        found.append(said(pushed))
    if builder is None and pushed is None and not (setup and allowed):
        return []  # the daemon itself may be the builder
    return found


# ---- another machine -----------------------------------------------------------------------------------------


@rule(
    "engine-on-another-machine",
    needs_any=("messages", "jobs"),
    step="simplify",
    title="docker's engine runs on another machine than the shell",
    fix="Use a name of the registry that the engine's machine can reach, not localhost",
    source="docker login and push are sent by the daemon; Docker Desktop, podman machine and dind run it elsewhere; moby/moby#29608",
    explains=(S.UNREACHABLE, S.TIMEOUT),
    hop="client",
    supersedes=("registry-unreachable", "port-mapping-mismatch"),
)
def other_machine(facts: Facts) -> Iterator[Finding]:
    """The docker command only asks; the engine makes the connection. In a virtual machine, in dind or behind a remote
    context its localhost is not the shell's: curl gets an answer, docker is refused at the same address.
    """
    elsewhere = facts.traffic.said("engine-elsewhere")
    dind = next((j for j in facts.evidence.jobs if any("dind" in s for s in j.services)), None)
    for message in facts.traffic.said("refused"):
        asked = address_of(message.host)
        if asked is None or not asked.is_loopback or message.tool == "curl":
            continue
        answered = next((e for e in facts.traffic.exchanges if _answers(e, asked)), None)
        forwarded = _forwarded(facts, asked)
        by_engine = message.tool in ("docker", "podman")
        if answered is None and not (by_engine and (dind or forwarded)):
            continue
        if answered:
            what = f"The shell's {message.host} answers, the engine's does not: the engine runs on another machine."
        elif dind:
            what = f"{message.host} is looked for where the engine runs, and that is the dind service, not the job."
        else:
            what = (
                f"kubectl forwards {message.host} on the shell's machine; docker's engine looks for it on its own (a virtual "
                "machine, as with Docker Desktop, Rancher Desktop or colima)."
            )
        yield finding(
            what,
            said(message),
            said(forwarded),
            seen(answered),
            [said(m, m.text) for m in elsewhere[:1]],
            [read("the engine is a service of the job (dind)", dind.place)] if dind else [],
            refuted=(_ANSWERS,) if answered else (),
            about=Subject(address=message.host or ""),
            fix=_reachable(dind, asked),
        )
        return


def _reachable(dind: CiJob | None, asked: Address) -> Fix:
    """How the engine reaches the registry. dind has no name for the machine that runs it, only for other services."""
    insecure = "where it speaks plain http, allow that name in the engine's insecure-registries"
    if dind is not None:
        beside = next(
            (name for image, name in zip(dind.services, dind.called, strict=False) if "registry" in image), ""
        )
        named = f"{beside}:5000" if beside else "its DNS name"
        linked = ' (with FF_NETWORK_PER_BUILD: "true" services reach one another)' if beside else ""
        return Fix(
            summary=f"Name the registry in tags, login and push as the dind service reaches it: {named}{linked}; {insecure} "
            "(--insecure-registry=HOST:PORT in the command of dind)",
            verify=(
                sh("docker", "login", host(named), expect="Login Succeeded")
                if beside
                else sh("docker", "info", expect="(that name below Insecure Registries, where it speaks plain http)"),
            ),
            applies="the services of a job start with it: run it again",
        )
    return Fix(
        summary="Name the registry as the engine's machine reaches it (host.docker.internal, its DNS name, the service's "
        f"alias); {insecure}",
        commands=(sh("docker", "context", "ls"),),
        verify=(sh("docker", "login", host(f"host.docker.internal:{asked.port or 5000}"), expect="Login Succeeded"),),
    )


def _forwarded(facts: Facts, asked: Address) -> Message | None:
    """kubectl's port-forward to this port, unless it broke or the shell itself is refused there."""
    if facts.traffic.said("port-forward-lost"):
        return None
    if any(e.at == "client" and e.error == "refused" and address_of(e.url) == asked for e in facts.traffic.exchanges):
        return None
    return next((m for m in facts.traffic.said("port-forward") if m.detail == str(asked.port)), None)


_ANSWERS = Refutation(cause="registry-unreachable", because="it answers where the shell runs")


def _answers(exchange: Exchange, asked: Address) -> bool:
    here = address_of(exchange.url)
    return exchange.status is not None and here is not None and here.is_loopback and here.port == asked.port


# ---- another program at the port -----------------------------------------------------------------------------


_APPLE = re.compile(r"^x-apple-", re.IGNORECASE)


@rule(
    "port-taken-by-other-program",
    needs_any=("exchanges", "messages"),
    step="simplify",
    tier=2,
    title="another program has the registry's port",
    fix="Publish the registry at a free port, and use that one in image names",
    source="macOS 12 and later: the AirPlay receiver listens on 5000 and 7000 (Server: AirTunes); mkantor/docker-pushmi-pullyu#28",
    explains=(S.FORBIDDEN, S.FORWARD_PROXY, S.NOT_THE_API, S.FAILURE, S.NOT_STARTED, S.UNREACHABLE),
    hop="client -> registry",
    supersedes=(
        "registry-unreachable",
        "no-v2-route",
        "http-proxy-env-hijack",
        "access-denied-by-rule",
        "port-mapping-mismatch",
    ),
    refuted=(Refutation(cause="htpasswd-wrong-password", because="the registry was not asked at all"),),
)
def port_taken(facts: Facts) -> Iterator[Finding]:
    """Something else listens where the registry is looked for. It answers in its own way (403, a page), or keeps the
    engine from publishing the port at all.
    """
    own = facts.focus.listening.union(p.container for r in facts.stack.registries for p in r.ports)
    told = facts.traffic.said(
        "port-in-use"
    )  # of a port that nothing on the registry's way uses, it is another program's
    taken = next((m for m in told if not own or m.detail in map(str, own)), None)
    published = {p.published for r in facts.stack.registries for p in r.ports if p.published}
    strange = next((e for e in facts.traffic.exchanges if _is_other_program(e, published)), None)
    if taken is None and strange is None:
        return
    asked = address_of(strange.url) if strange else None
    port = str(asked.port) if asked and asked.port else taken.detail if taken else ""
    right = next((p for p in sorted(published) if str(p) != port), None)
    registry = next((r for r in facts.stack.registries for p in r.ports if p.published == right), None)
    place = next((p.place for r in facts.stack.registries for p in r.ports if p.published == right), None)
    who = strange.header("Server") if strange else ""
    yield finding(
        f"Another program{f' ({who})' if who else ''} listens on port {port}"
        + (f"; the registry is published at {right}." if right else "."),
        seen(strange, f", Server: {who}" if who else ""),
        said(taken),
        [context(f"published: {right}", place)] if registry and place else [],
        about=Subject(address=str(asked) if asked else ""),
        fix=Fix(
            summary=f"Use port {right} in image names and in docker login"
            if right
            else "Publish the registry at another port (5001:5000), or end the other program "
            "(macOS: AirPlay Receiver under General > AirDrop & Handoff)",
            commands=(sh("lsof", "-nP", glued("-iTCP:", number(port or None)), "-sTCP:LISTEN"),),
            verify=(_ping(asked, right),) if right else (stored_login(f"localhost:{5001}"),),
        ),
    )


def _is_other_program(exchange: Exchange, published: set[int]) -> bool:
    """A response that no registry and no proxy wrote, at a port at which the registry is not published."""
    server = (exchange.header("Server") or "").lower()
    if "airtunes" in server or any(_APPLE.match(name) for name, _ in exchange.response_headers):
        return True
    asked = address_of(exchange.url)
    if asked is None or asked.port is None or not server or not published or not asked.is_loopback:
        return False
    known = any(word in server for word in PROXY_SIGNATURES)
    return not known and asked.port not in published and from_registry(exchange) is not True and exchange.is_api


def _ping(asked: Address | None, port: int | None) -> Command:
    base = f"http://{asked.host if asked else 'localhost'}:{port or 5000}"
    return sh("curl", "-sSi", url(base, "/v2/"), expect="HTTP/1.1 401 Unauthorized and WWW-Authenticate: …")
