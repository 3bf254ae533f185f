"""Credentials that are stored where this command does not look, and images that name no registry."""

import posixpath
from collections.abc import Iterator

from runbook.lazy import re
from runbook.model import (
    Call,
    ClientConfig,
    Edit,
    Finding,
    Fix,
    LoggedRequest,
    Message,
    Mount,
    Place,
    Refutation,
    Service,
    Subject,
    Symptom,
)
from runbook.model.command import READ_FROM, Command, file, glued, host, image, name, sh
from runbook.parse.calls import runs_others
from runbook.redact import MASK
from runbook.rules.base import Facts, rule
from runbook.rules.client import NO_PASSWORD, NOT_SENT, stored
from runbook.rules.evidence import context, finding, read, said
from runbook.rules.hop_edits import swap
from runbook.rules.in_cluster import in_namespace
from runbook.rules.platform import logs, restarted
from runbook.rules.shell import pulled, stored_login
from runbook.stack.registry import covering
from runbook.urls import host_of

S = Symptom
_READERS: tuple[tuple[re.Pattern[str], str, str], ...] = (
    (re.compile(r"kaniko"), "kaniko", "/kaniko/.docker/config.json"),
    (re.compile(r"watchtower"), "watchtower", "/config.json"),
    (re.compile(r"(?:^|/)buildkit\b.*rootless"), "BuildKit", "/home/user/.docker/config.json"),
    (re.compile(r"(?:^|/)buildkit\b"), "BuildKit", "/root/.docker/config.json"),
)
"""Programs in containers and the file of logins that they read, where DOCKER_CONFIG names no other folder."""
_STORES = {"podman": "containers", "buildah": "containers", "skopeo": "containers", "helm": "helm"}
_READS: dict[str, tuple[str, ...]] = {
    "podman": ("containers", "docker"),
    "buildah": ("containers", "docker"),
    "skopeo": ("containers", "docker"),
    "crane": ("docker", "containers"),
    "helm": ("helm", "docker"),
}
"""Whose files a client looks into: podman reads docker's as well, docker reads its own alone."""
_REFUSED = ("no-basic-auth", "unauthorized", "denied", "invalid-username-password", "pull-secret-missing")


def image_host(text: str | None) -> str:
    """The registry's host[:port] in an image's name; "" where none stands there and Docker Hub is meant."""
    first, slash, _ = (text or "").partition("/")
    return first.lower() if slash and ("." in first or ":" in first or first == "localhost") else ""


def _refusals(facts: Facts) -> list[Message]:
    return [m for m in facts.traffic.messages if m.kind in _REFUSED and m.voice == "program"]


@rule(
    "client-config-not-read",
    needs_any=("compose", "messages", "clients", "jobs", "pullers"),
    step="simplify",
    title="credentials are stored where this client does not look",
    fix="Log in as the user, and with the configuration, that the failing command uses",
    source="kaniko README (/kaniko/.docker), docker --config, containers-auth.json(5), kubelet imagePullSecrets; docker/hub-feedback#1222",
    explains=(*NOT_SENT, S.LOGIN_401_VIA),
    hop="client",
    supersedes=("registry-unreachable",),
    refuted=(NO_PASSWORD,),
)
def config_not_read(facts: Facts) -> Iterator[Finding]:
    """Every client looks for credentials in a file of its own: of the user that runs it, of the folder that it is given,
    of the pod's own namespace. A login made elsewhere says "Login Succeeded" and is not there when it is needed.
    """
    yield from _in_a_container(facts)
    yield from _of_a_watcher(facts)
    yield from _of_a_swarm(facts)
    yield from _in_a_job(facts)
    yield from _other_account(facts)
    yield from _pull_secrets(facts)
    yield from _of_pullers(facts)


# ---- a program in a container --------------------------------------------------------------------------------


def _in_a_container(facts: Facts) -> Iterator[Finding]:
    for one in facts.compose.services if facts.compose else ():
        program, path = _reads(one)
        yield from _under_its_key(facts, one, program, path)
        mounted = [m for m in one.mounts if _holds_logins(m)]
        if not path or not mounted or covering(one.mounts, path):
            continue
        where = next((image_host(w.partition("=")[2]) for w in one.command if w.startswith("--destination")), "")
        told = next((m for m in _refusals(facts) if not where or (m.host or "") == where), None)
        logged = next(
            (r for r in facts.traffic.requests if _is_of(r, program) and r.status == 401 and not r.user), None
        )
        applied = restarted(one, mounted[0].place)
        check = stored_login(where or None)
        if one.platform == "kubernetes":
            events = ("kubectl", *in_namespace(one.namespace), "get", "events")
            check = sh(*events, expect="(no message of a refused push)")
        yield finding(
            f"{program} reads {path}, but the logins are mounted at {mounted[0].target}: it sends none.",
            read(f"mounted at {mounted[0].target}", mounted[0].place),
            said(told),
            said(logged),
            about=Subject(address=where, service=one.name),
            edits=_moved(facts, mounted[0], path),
            fix=Fix(
                summary=f"Mount the file as {path}, or set DOCKER_CONFIG to {posixpath.dirname(mounted[0].target)}",
                commands=applied.commands,
                verify=(check,),
                applies=applied.applies,
            ),
        )
        return


def _of_a_watcher(facts: Facts) -> Iterator[Finding]:
    """Watchtower pulls with the logins of its own container, whoever has logged in on the machine."""
    told = next((m for m in _refusals(facts) if m.kind == "no-basic-auth" and _WATCHER.search(m.text)), None)
    for one in facts.compose.services if facts.compose and told else ():
        given = any(one.env(name) for name in ("REPO_USER", "DOCKER_CONFIG")) or any(map(_holds_logins, one.mounts))
        program, path = _reads(one)
        if program != "watchtower" or given or one.place.file in facts.evidence.shortened:
            continue
        yield finding(
            f"{one.name} has no logins: it reads {path}, and nothing is mounted there.",
            read(f"{one.name} runs {program}", one.place),
            said(told),
            about=Subject(address=told.host or "" if told else "", service=one.name),
            fix=Fix(
                summary=f"Mount the file with the login ($HOME/.docker/config.json) as {path}, read-only",
                commands=restarted(one, one.place).commands,
                verify=(logs(one, expect="(no line with: no basic auth credentials)"),),
                applies="a container gets its mounts when it is created",
            ),
        )
        return


_WATCHER = re.compile(r"Unable to update container|Could not do a head request")
"""How Watchtower begins what the engine told it."""


def _of_a_swarm(facts: Facts) -> Iterator[Finding]:
    """The nodes of a swarm pull by themselves. The login of whoever deploys goes to them only where he says so."""
    deployed = next(reversed(facts.traffic.said("swarm-deployed")), None)
    refused = next((m for m in _refusals(facts) if m.kind == "no-basic-auth" and _OF_A_NODE in m.text), None)
    if refused is None and facts.traffic.said("login-ok"):
        refused = next((m for m in facts.traffic.messages if _NOT_PULLED.search(m.text)), None)
    if deployed is None or deployed.detail or refused is None:
        return
    yield finding(
        "The service was deployed without --with-registry-auth: the nodes got no login, and pull without one.",
        said(deployed),
        said(refused),
        about=Subject(address=refused.host or ""),
        fix=Fix(
            summary="Log in on the manager and deploy again with --with-registry-auth",
            verify=(sh("docker", "service", "ls", expect="(as many REPLICAS as are wanted: 1/1, not 0/1)"),),
            applies="a service keeps the login that came with its last update; deploy again where the password changes",
        ),
    )  # fmt: skip


_OF_A_NODE = 'msg="pulling image failed"'
"""How a node's engine begins (run with docker 20.10)."""
_NOT_PULLED = re.compile(
    r"No such image: [^/\s]{1,255}[.:][^/\s]{0,255}/|could not be accessed on a registry to record"
)
"""What the manager tells of it: no more than that, so it counts where he who deployed is known to be let in."""


def _under_its_key(facts: Facts, one: Service, program: str, path: str) -> Iterator[Finding]:
    """A Secret for pulling that is mounted as the program's folder: the file in it is called as the Secret's key."""
    folder, base = posixpath.split(path)
    for mount in one.mounts if path else ():
        keys = next((m for m in facts.traffic.said("secret-keys") if m.page == mount.source), None)
        if (
            mount.kind != "secret"
            or mount.target.rstrip("/") != folder
            or keys is None
            or base in keys.detail.split(", ")
        ):
            continue
        yield finding(
            f"{program} reads {path}, and the Secret {mount.source} is mounted there under its key {keys.detail}: it sends none.",
            read(f"mounted at {mount.target} without items", mount.place),
            said(keys),
            said(next(iter(_refusals(facts)), None)),
            about=Subject(service=one.name),
            fix=Fix(
                summary=f"Name the file in the volume: items with key {keys.detail.split(', ')[0]} and path {base}",
                verify=(stored_login(next((m.host for m in _refusals(facts)), None)),),
                applies="the pod has to be created again",
            ),
        )
        return


def _in_a_job(facts: Facts) -> Iterator[Finding]:
    """A job of a pipeline whose script writes the logins where the program of its image does not look."""
    for job in facts.evidence.jobs:
        program, path = next(((p, where) for image, p, where in _READERS if image.search(job.image.lower())), ("", ""))
        stored = next(iter(job.stores), None)
        if stored is None or not path or job.sets_config or any(s.path == path for s in job.stores):
            continue
        told = next(iter(_refusals(facts)), None)
        yield finding(
            f"{program} reads {path}, but the script of {job.name} writes the logins to {stored.path}: it sends none.",
            read(f"written: {stored.path}", stored.place),
            said(told),
            about=Subject(address=told.host or "" if told else ""),
            fix=Fix(
                summary=f"Write the file as {path}, or set DOCKER_CONFIG to {posixpath.dirname(stored.path)}",
                verify=(stored_login(told.host if told else None),),
                applies="the next run of the job reads its script",
            ),
        )
        return


def _reads(one: Service) -> tuple[str, str]:
    """The program and the file that it reads its logins from."""
    set_to = one.env("DOCKER_CONFIG")
    for pattern, program, path in _READERS:
        if pattern.search((one.image or "").lower()):
            folder = (set_to.value or "").rstrip("/") if set_to else ""
            if MASK in folder:
                return program, ""
            return program, f"{folder}/config.json" if set_to and set_to.value else path
    return "", ""


def _holds_logins(mount: Mount) -> bool:
    base = posixpath.basename(mount.target.rstrip("/"))
    source = posixpath.basename((mount.source or "").rstrip("/"))
    return base in (".docker", "config.json", ".dockerconfigjson", ".dockercfg") or source in (
        ".dockerconfigjson",
        ".dockercfg",
    )


def _is_of(request: LoggedRequest, program: str) -> bool:
    return request.agent.lower().startswith(program.lower())


def _moved(facts: Facts, mount: Mount, path: str) -> tuple[Edit, ...]:
    """The path inside the container, changed in its own line."""
    folder = posixpath.dirname(path)
    for old, new in ((mount.target, path), (posixpath.dirname(mount.target), folder)):
        if edits := swap(facts.evidence, mount.place, rf"(?<![\w/]){re.escape(old)}(?![\w/.-])", new):
            return edits
    return ()


# ---- another user, another tool ------------------------------------------------------------------------------


def _other_account(facts: Facts) -> Iterator[Finding]:
    logins = [m for m in facts.traffic.messages if m.kind == "login-ok" and m.call and m.host and m.voice == "program"]
    for refused in _refusals(facts):
        if refused.kind not in ("no-basic-auth", "unauthorized", "denied") or not refused.call or not refused.host:
            continue
        here = [o for o in logins if (o.host or "") == refused.host and o.call]
        apart = [(o, why) for o in here if o.call and (why := _differ(o.call, refused.call))]
        if not apart or len(apart) < len(here):
            continue
        done, why = apart[0]
        yield finding(
            f"The login at {refused.host} was stored {why}.",
            said(done, f"{done.text} ({done.host})"),
            said(refused),
            about=Subject(address=refused.host),
            fix=Fix(
                summary="Log in once more exactly as the failing command runs: same user, same program, same --config",
                commands=(again := _login_like(refused.call, refused.host),),
                verify=(_kept_login(again),),
            ),
        )
        return


def _differ(login: Call, other: Call) -> str:
    """Why the second command does not find what the first one stored; "" when it does."""
    if (login.account == "root") != (other.account == "root"):
        used = "by root (sudo), the other command runs as an ordinary user"
        return used if login.account == "root" else "by an ordinary user, the other command runs as root (sudo)"
    if login.account and other.account and login.account != other.account:
        return f"by {login.account}, the other command runs as {other.account}"
    if login.config != other.config:
        return f"in {login.config or 'the usual folder'}, the other command reads {other.config or 'the usual folder'}"
    if runs_others(login) or runs_others(other):
        return ""  # a script: which client it calls is not shown
    kept_by = _STORES.get(login.tool, "docker")
    if kept_by not in _READS.get(other.tool, ("docker",)):
        return f"by {login.tool}, in a file that {other.tool} does not read"
    return ""


def _login_like(call: Call, address: str) -> Command:
    tool = call.tool if call.tool in ("docker", "podman", "skopeo", "buildah", "nerdctl") else "docker"
    root = ("sudo",) if call.account == "root" else ()
    config = (glued("--config=", file(call.config)),) if call.config and tool == "docker" else ()
    return sh(*root, tool, *config, "login", host(address))


def _kept_login(again: Command) -> Command:
    """The same with nobody to type: it succeeds with what that program of that user has stored."""
    libpod = any(w.text in ("podman", "skopeo", "buildah") for w in again.words)
    return sh(again.words, READ_FROM, "/dev/null", expect="Already logged in" if libpod else "Login Succeeded")


# ---- pull Secrets of Kubernetes ------------------------------------------------------------------------------


def _pull_secrets(facts: Facts) -> Iterator[Finding]:
    for one in facts.compose.services if facts.compose else ():
        address = image_host(one.image)
        if one.platform != "kubernetes" or not address:
            continue
        told = next((m for m in _refusals(facts) if (m.host or address) == address), None)
        secrets = [
            c for c in facts.clients if c.reader == "kubelet" and any(host_of(s.key) == address for s in c.logins)
        ]
        found = _keyless(facts, one) or _unread(one, secrets, bool(told))
        if found is None:
            continue
        why, stray, secret = found
        line = stray or (f"{one.name} runs {one.image}", one.place)
        applied = restarted(one, one.place)
        yield finding(
            f"The kubelet pulls {one.image} without credentials: {why}.",
            read(*line),
            [read(f"a Secret with credentials for {address}", s.place) for c in secrets[:1] for s in c.logins[:1]],
            said(told),
            about=Subject(address=address, service=one.name),
            fix=Fix(
                summary="Make the Secret with kubectl create secret docker-registry, which writes the key .dockerconfigjson"
                if "has no key" in why
                else "Name the Secret under imagePullSecrets of the pod's own spec, in the pod's namespace",
                commands=(*_copied(one, secret), *applied.commands),
                verify=(pulled(one.namespace),),
                applies="the kubelet reads the Secret when it pulls",
            ),
        )
        return


def _keyless(facts: Facts, one: Service) -> tuple[str, tuple[str, Place] | None, ClientConfig | None] | None:
    """Of the Secrets that the pod names one without the key of its type, and none with a login."""
    named = [
        c
        for c in facts.clients
        if c.reader == "kubelet" and c.secret_name in [s.name for s in one.pull_secrets if s.read]
    ]
    if not named or any(c.logins or c.creds_store or c.cred_helpers for c in named):
        return None
    why = f"the Secret {named[0].secret_name} has no key .dockerconfigjson, and the API server takes none without it"
    return why, ("a Secret for pulling without its key", Place(named[0].file)), None


def _unread(
    one: Service, secrets: list[ClientConfig], refused: bool
) -> tuple[str, tuple[str, Place] | None, ClientConfig | None] | None:
    """Why the kubelet has no login for this container, with the line to blame and the Secret that is meant."""
    stray = next((s for s in one.pull_secrets if not s.read), None)
    right = [s.name for s in one.pull_secrets if s.read]
    if stray is not None and not right:
        return "imagePullSecrets stands where it is not read", ("imagePullSecrets", stray.place), None
    known = [c for c in secrets if c.secret_name in right] if right else secrets
    if right and known and all(_is_elsewhere(c, one) for c in known):
        return (
            f"the Secret {known[0].secret_name} is in the namespace {known[0].namespace}, the pod in {one.namespace}",
            None,
            known[0],
        )
    if not right and secrets and refused:
        return "it names no pull Secret", None, secrets[0]
    return None


def _is_elsewhere(config: ClientConfig, one: Service) -> bool:
    return bool(config.namespace and one.namespace and config.namespace != one.namespace)


def _copied(one: Service, secret: ClientConfig | None) -> tuple[Command, ...]:
    if secret is None or not _is_elsewhere(secret, one):
        return ()
    return (
        sh("kubectl", *in_namespace(one.namespace), "create", "secret", "docker-registry", name(secret.secret_name or None),
           glued("--from-file=.dockerconfigjson=", file("config.json"))),
    )  # fmt: skip


# ---- files of programs that pull -----------------------------------------------------------------------------


def _of_pullers(facts: Facts) -> Iterator[Finding]:
    """Logins in a section that k3s does not know, and those of containerd's CRI plugin, which are none of ctr's."""
    for puller in facts.evidence.pullers:
        known = {host_of(s.key) for s in puller.logins}
        for login in puller.unread:
            address = host_of(login.key)
            told = next((m for m in _refusals(facts) if (m.host or address).lower() == address), None)
            if told is None or address in known:
                continue
            yield finding(
                f"The login for {address} stands outside configs, the section from which k3s takes logins: it sends none.",
                read("the section in which it stands", login.place),
                said(told),
                about=Subject(address=address),
                edits=swap(facts.evidence, login.place, r"^config\s*:", "configs:"),
                fix=Fix(
                    summary="Name the section configs",
                    commands=(sh("sudo", "systemctl", "restart", "k3s"),),
                    verify=(pulled(""),),
                    applies="k3s reads registries.yaml when it starts, on every node (agents: k3s-agent)",
                ),
            )
            return
        told = next((m for m in _refusals(facts) if m.tool == "ctr" and not m.user), None)
        if puller.program in ("containerd", "k3s") and puller.logins and told is not None:
            login = puller.logins[0]
            yield finding(
                "ctr does not read the configuration of the CRI plugin: the login that stands there is the kubelet's and crictl's.",
                read(f"the login for {login.key}", login.place),
                said(told),
                about=Subject(address=host_of(login.key)),
                fix=Fix(
                    summary="Pull with crictl, which asks the CRI plugin; or give ctr the login itself: --user USER",
                    commands=(sh("sudo", "crictl", "pull", image(told.detail or None)),),
                ),
            )
            return


# ---- Docker Hub in place of the registry ---------------------------------------------------------------------


@rule(
    "image-name-without-registry",
    needs=("messages",),
    step="simplify",
    title="the image's name lacks the registry's host",
    fix="Tag the image as HOST:PORT/NAME:TAG and push that name",
    source="distribution/reference: without a host the name is docker.io/library/…; docker/compose#5153",
    explains=(S.FAILURE, S.NO_CREDENTIAL_SENT, *NOT_SENT),
    hop="client",
    supersedes=("credentials-under-other-host",),
    refuted=(Refutation(cause="htpasswd-wrong-password", because="the registry was not asked at all"),),
)
def name_without_registry(facts: Facts) -> Iterator[Finding]:
    """A name without a host belongs to Docker Hub, whatever registry one is logged in at. `docker push app:1` goes to
    docker.io/library/app, where nobody but Docker may write: denied.
    """
    for message in facts.traffic.said("hub-refused", "hub-push"):
        refused = next((m for m in _refusals(facts) if m.place.file == message.place.file), None)
        meant = _meant(facts)
        if (refused is None and message.kind == "hub-push") or not message.detail or _is_nameless_login(facts):
            continue
        if meant is None and not message.detail.startswith("library/"):
            continue  # a user's own repository at Docker Hub
        repository = message.detail.removeprefix("library/")
        named = [s for s in (facts.compose.services if facts.compose else ()) if _is_called(s, repository)]
        tag = f":{message.call.tag}" if message.call and message.call.tag and ":" not in repository else ""
        local = _bare(named[0]) if named else f"{repository}{tag}"
        target = f"{meant or 'HOST'}/{local}"
        yield finding(
            f"The image is called {repository}, without {meant}: docker pushes it to Docker Hub."
            if meant
            else f"The image is called {repository}, without a registry's host: it goes to Docker Hub's library, where nobody "
            "but Docker may push.",
            said(message),
            said(refused),
            [read(f"image: {s.image}", s.place) for s in named[:1]],
            [context(f"the login is one for {meant}", s.place) for s in stored(facts) if host_of(s.key) == meant][:1],
            about=Subject(address=meant or message.host or ""),
            edits=tuple(e for s in named[:1] for e in _qualified(facts, s, meant)) if meant else (),
            fix=Fix(
                summary=f"Give the image the name {target} and push that",
                commands=(sh("docker", "tag", image(local), image(target)), sh("docker", "push", image(target))),
                verify=(sh("docker", "manifest", "inspect", image(target), expect="(its manifest)"),),
            ),
        )
        return


def _is_nameless_login(facts: Facts) -> bool:
    """Whether podman was to log in without a name: then it may be Docker Hub that was meant."""
    return any(m.call and m.call.tool == "podman" and not m.host for m in facts.traffic.said("login-ok"))


def _meant(facts: Facts) -> str | None:
    """The registry that the person is logged in at; None when that is Docker Hub, or nobody tells."""
    hosts = [(m.host or "").lower() for m in facts.traffic.said("login-ok")] + [host_of(s.key) for s in stored(facts)]
    own = [h for h in hosts if h and "docker.io" not in h]
    return None if not own or any("docker.io" in h for h in hosts) else own[0]


def _bare(one: Service) -> str:
    return (one.image or "").removeprefix("docker.io/").removeprefix("library/")


def _is_called(one: Service, repository: str) -> bool:
    written = _bare(one)
    return written == repository or written.split(":")[0] == repository.split(":")[0]


def _qualified(facts: Facts, one: Service, meant: str) -> tuple[Edit, ...]:
    """The image's name in the compose file, with the registry in front."""
    known = next((f for f in facts.evidence.files if f.path == one.place.file), None)
    for number, line in enumerate(known.lines if known else (), 1):
        if number > (one.place.line or 0) and one.image and re.match(r"\s*image\s*:", line) and one.image in line:
            return swap(facts.evidence, Place(one.place.file, number), re.escape(one.image), f"{meant}/{one.image}")
    return ()
