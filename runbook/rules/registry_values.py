"""Values of the registry's own configuration: a prefix, a text that is no YAML, a file that the process does not have."""

from collections.abc import Iterator
from urllib.parse import urlsplit

from runbook.lazy import re
from runbook.model import (
    Command,
    Edit,
    EnvVar,
    Exchange,
    Finding,
    Fix,
    LogEvent,
    Message,
    Mount,
    Refutation,
    Registry,
    Service,
    StartError,
    Subject,
    Symptom,
)
from runbook.model.command import file, glued, number, sh
from runbook.observe.observation import of_exchange
from runbook.observe.signature import from_registry, is_go_404
from runbook.observe.traffic import is_authenticated
from runbook.rules import shell
from runbook.rules.align import DOWN, REFUSED, answers, base, change, login, prefix_of, stated, status, subject, unset
from runbook.rules.base import Facts, rule
from runbook.rules.evidence import Item, computed, finding, foretold, read, said, seen
from runbook.rules.hop_edits import swap
from runbook.rules.logins import overwrites
from runbook.rules.platform import inside, restarted
from runbook.rules.proxy_reloads import unread_by_proxy
from runbook.stack.registry import covering

S = Symptom


@rule(
    "http-prefix-set",
    needs_any=("registry", "exchanges"),
    step="align",
    tier=2,
    title="http.prefix moves the API away from /v2/",
    fix="Remove http.prefix: clients ask for /v2/ at the top of the host and nowhere else",
    source="distribution registry/handlers/app.go (RouterWithPrefix); run with 2.8.2 and 3.1.1: /v2/ 404, /reg/v2/ 401",
    explains=(S.NOT_THE_API, S.FAILURE, S.UNREACHABLE),
    hop="registry",
    supersedes=("no-v2-route", "registry-unreachable", "proxy-pass-uri-rewrite"),
    refuted=(Refutation(cause="no-v2-route", because="the 404 is the registry's own"),),
)
def prefix_set(facts: Facts) -> Iterator[Finding]:
    """The prefix is put before every path of the registry. No client knows of it: docker asks for /v2/ and gets 404, which
    looks as if no registry were there.
    """
    registry = facts.registry
    setting = registry.settings.get("http.prefix") if registry else None
    prefix = prefix_of(facts)
    if registry is None or setting is None or not prefix:
        yield from _seen_live(facts)
        return
    missed = next(
        (e for e in facts.traffic.exchanges if e.status == 404 and e.path.startswith("/v2") and not e.is_html), None
    )
    moved = next(
        (e for e in facts.traffic.exchanges if e.path.startswith(f"/{prefix}/v2") and e.status in (200, 401)), None
    )
    logged = next(
        (r for r in facts.traffic.requests if r.logger == "registry" and r.status == 404 and r.uri == "/v2/"), None
    )
    served = any(o.ok and o.login == "sent" and f"/{prefix}/v2" in o.path for o in facts.traffic.observations)
    if missed is None and logged is None and (served or _is_undone(facts, prefix)):
        return  # whoever asks knows of the prefix
    if any(e.path.startswith("/v2") and from_registry(e) and e.status in (200, 401) for e in facts.traffic.exchanges):
        return
    edits = unset(facts.evidence, setting, "http.prefix")
    yield finding(
        f"http.prefix is /{prefix}: the registry serves /{prefix}/v2/ and answers 404 to /v2/, where clients ask.",
        stated(setting, "http.prefix"),
        seen(missed),
        seen(moved),
        said(logged),
        proves=True,
        about=subject(registry),
        fix=change(facts, registry, "Remove http.prefix", _at_the_top(facts), edits=edits, place=setting.place),
    )


def _at_the_top(facts: Facts) -> Command:
    """The command that asks for /v2/ at the top of the host, whatever prefix was asked for."""
    asked = urlsplit(base(facts))
    return shell.status(f"{asked.scheme}://{asked.netloc}" if asked.netloc else "", expect="401")


def _seen_live(facts: Facts) -> Iterator[Finding]:
    """The registry itself answers its own 404 at /v2/, and nothing is known of its configuration. Through a proxy the
    same may be a path that the proxy rewrote."""
    registry, direct = facts.registry, facts.traffic.on("direct")
    lost = [e for e in direct if is_go_404(e)]
    served = any(e.status in (200, 401) and from_registry(e) for e in direct)
    if lost and not served and (registry is None or registry.service is None):
        yield finding(
            "A registry answers, but /v2/ is not its API: that lies below a prefix of its own (http.prefix), and docker asks "
            "for /v2/ only.",
            (seen(e, ": Go's own 404, with the registry's header") for e in lost[:2]),
            fix=Fix(
                summary="Delete http.prefix (REGISTRY_HTTP_PREFIX) from the registry's configuration, or let a proxy put it "
                "before /v2/",
                verify=(_at_the_top(facts),),
                applies="the registry reads its configuration when it starts",
            ),
        )


def _is_undone(facts: Facts, prefix: str) -> bool:
    """Whether a proxy puts the prefix before the path again, so that clients need not know it."""
    for route in facts.stack.routes:
        uri = (route.upstream_uri or "") + (route.rewrite[1] if route.rewrite else "")
        if f"/{prefix}" in uri or f"/{prefix}" in route.upstream:
            return True
    return False


# ---- YAML ----------------------------------------------------------------------------------------------------

_YAML = re.compile(
    r"yaml: |did not find|found character|cannot start any token|mapping values are not allowed|unknown anchor|undefined alias",
    re.I,
)
_HEADERS = re.compile(r"into \[\]string|http\.Header|alphabetic or numeric character")


@rule(
    "env-value-not-yaml",
    needs_any=("registry", "logs", "messages"),
    step="align",
    title="the value of a REGISTRY_ variable is no valid YAML",
    fix="Put the value between quotes of its own: REGISTRY_HTTP_SECRET: '\"…\"'",
    source="distribution configuration/parser.go: every REGISTRY_* value goes through yaml.Unmarshal; distribution/distribution#3038",
    explains=DOWN,
    hop="registry",
    proves=True,
    supersedes=("registry-unreachable",),
    refuted=(Refutation(cause="htpasswd-unreadable", because="it stops before it reads any file"),),
)
def value_not_yaml(facts: Facts) -> Iterator[Finding]:
    """A password or secret that begins with [ { * & ! % @ or holds `: ` is a list, an alias or a mapping to YAML, not a text.
    The registry then refuses its whole configuration, and 2.8 names config.yml instead of the variable.
    """
    registry = facts.registry
    errors = [e for r in facts.stack.registries for e in r.start_errors if _is_of_variable(e)]
    odd = [v for r in facts.stack.registries if r.service for v in r.service.environment if v.unreadable]
    logged = next((e for e in facts.traffic.logged("config-error") if _is_yaml(e.text + e.detail)), None)
    told = next((m for m in facts.traffic.said("config-error") if _is_yaml(m.text)), None)
    named = _variable_of(logged.text + logged.detail if logged else told.text if told else "")
    unseen = registry is None or (named and not _is_written(registry, named))
    if not (errors or odd or ((logged or told) and unseen)) or (not (logged or told) and answers(facts)):
        return
    variable = next((v.name for v in odd), None) or _named(errors, logged, told)
    yield finding(
        f"The value of {variable} is not the text that is meant to YAML, so the registry does not start.",
        [read(f"{v.name}: {v.unreadable}", v.place) for v in odd[:2]],
        [foretold(e) for e in errors[:1] if not odd],
        said(logged),
        said(told),
        about=subject(registry),
        fix=change(
            facts,
            registry,
            f"Put the value of {variable} between quotes of its own, so that YAML takes it as text: '\"…\"' in a compose file",
            status(facts, expect="401"),
            before=_quoted(odd[0]) if odd else (),
            place=odd[0].place if odd else None,
        ),
    )


_QUOTES = (
    r's/^(\s*%s:\s*)(["\x27]?)([^"\x27\\\n]+)\2\s*$/$1\x27"$3"\x27\n/; '
    r's/^(\s*-\s*%s=)([^"\x27\\\n]+)$/$1"$2"/'
)
"""perl: quotes of YAML's own around the value of a variable, as a mapping or as a list of NAME=value."""


def _quoted(variable: EnvVar) -> tuple[Command, ...]:
    """The command that quotes a value that no diff may show. It leaves no copy, and quoted ones as they are."""
    if not re.fullmatch(r"REGISTRY_\w+", variable.name) or variable.place.line is None:
        return ()
    script = glued(_QUOTES.replace("%s", variable.name), " if $. == ", number(variable.place.line))
    return (sh("perl", "-pi", "-e", script, file(variable.place.file)),)


def _is_of_variable(error: StartError) -> bool:
    return "environment variable" in error.message and error.cause == "registry-unreachable" and _is_yaml(error.message)


def _variable_of(text: str) -> str:
    """The variable that the registry's own message names: `parsing environment variable REGISTRY_HTTP_SECRET: …`."""
    found = re.search(r"environment variable (REGISTRY_[A-Z0-9_]{3,80}):", text)
    return found[1] if found else ""


def _is_written(registry: Registry, name: str) -> bool:
    """Whether the files that were handed over set the variable: then they, not an earlier log, say what it is."""
    return registry.service is not None and any(v.name == name for v in registry.service.environment)


def _is_yaml(text: str) -> bool:
    return bool(_YAML.search(text)) and not _HEADERS.search(text)


def _named(errors: list[StartError], logged: LogEvent | None, told: Message | None) -> str:
    texts = [e.message for e in errors] + [logged.text + logged.detail if logged else "", told.text if told else ""]
    found = next((m for t in texts if (m := re.search(r"REGISTRY_[A-Z0-9_]{3,80}", t))), None)
    return found[0] if found else "a REGISTRY_ variable"


# ---- the file of the process ---------------------------------------------------------------------------------


_OF_A_HOP = (
    "authorization-stripped", "proxy-overwrites-authorization", "client-max-body-size", "no-v2-route",
    "proxy-pass-uri-rewrite", "x-forwarded-proto-missing", "location-header-wrong-host", "www-authenticate-missing",
    "upstream-wrong-port", "upstream-is-localhost", "double-auth-one-header",
)  # fmt: skip
_OF_PROXY = (
    S.LOGIN_401_VIA, S.LOGIN_401, S.CHALLENGE_MISSING, S.CHALLENGE_FOREIGN, S.TOO_LARGE, S.BAD_GATEWAY, S.GATEWAY_TIMEOUT,
    S.NOT_THE_API, S.REDIRECTED, S.LOCATION_WRONG, S.UPLOAD_FAILS, S.OPEN_VIA, S.BROWSER_BLOCKED, S.PROXY_500,
)  # fmt: skip
"""What a proxy does with an old file shows as one of these; the file on the disk no longer says so."""


@rule(
    "file-not-reloaded",
    needs_any=("checks", "messages", "exchanges"),
    step="align",
    title="the process has another content of the file than the disk",
    fix="Create the container again (single-file mount), or mount the folder",
    source="a bind mount of a file is one of its inode, editors write a new one; moby/moby#15793 (run with docker 28)",
    explains=REFUSED,
    hop="registry",
    supersedes=("htpasswd-wrong-password", "htpasswd-user-missing", "stale-stored-credentials"),
)
def not_reloaded(facts: Facts) -> Iterator[Finding]:
    """An editor, `htpasswd` and `patch` write a new file and put it in the old one's place. A mount of that one file goes on
    showing the old inode, so the host's file is right and the registry still compares with the old one.
    """
    if unread := unread_by_proxy(facts):
        yield unread
        return
    registry = facts.registry
    path = (registry.htpasswd_path if registry else None) or ""
    mount = covering(registry.mounts, path) if registry and path else None
    single = mount is not None and mount.target.rstrip("/") == path
    sums = _two_sums(facts)
    if sums is not None and sums[1].detail.split(None, 1)[1] != path and (other := _mounted_at(sums[1], facts)):
        yield _of_another_file(sums, *other)
        return
    refused = _refused_though_right(facts)
    if sums is None and (refused is None or not single):
        return
    cited: list[Item] = [*(said(m) for m in sums or ()), *(refused or ())]
    yield finding(
        "The htpasswd file on the disk is not the one that the registry has: the container still shows the old one."
        if mount is None or single
        else "The file inside the container differs from the one on the disk.",
        cited,
        read(f"{path} is mounted by itself", mount.place) if single and mount else None,
        about=subject(registry),
        explains=(*REFUSED, S.LOGIN_401_VIA),
        refuted=(Refutation(cause="htpasswd-wrong-password", because="the file on the disk accepts this password"),)
        if refused
        else (),
        edits=(edits := _folder(facts, mount)),
        fix=change(
            facts,
            registry,
            "Create the container again; mount the folder in place of the file, so that the next change is seen",
            login(facts),
            place=mount.place if mount else None,
            fresh=not edits,
        ),
    )


def _two_sums(facts: Facts) -> tuple[Message, Message] | None:
    """Two checksums of files of one name, one taken inside a container, that differ."""
    rows = [m for m in facts.traffic.said("checksum") if " " in m.detail]
    for one in rows:
        digest, path = one.detail.split(None, 1)
        for other in rows:
            second, where = other.detail.split(None, 1)
            apart = bool(one.call and one.call.inside) and not (other.call and other.call.inside)
            if apart and digest != second and len(digest) == len(second) and _base(path) == _base(where):
                return other, one
    return None


def _mounted_at(inside: Message, facts: Facts) -> tuple[Service, Mount] | None:
    """The service and the mount that bring the file there."""
    path = inside.detail.split(None, 1)[1]
    services = facts.compose.services if facts.compose else ()
    found = ((s, m) for s in services if (m := covering(s.mounts, path)) is not None)
    return next(found, None)


def _of_another_file(sums: tuple[Message, Message], owner: Service, mount: Mount) -> Finding:
    """A proxy's or another service's file: the process goes on with what it was started with."""
    path = sums[1].detail.split(None, 1)[1]
    single = mount.target.rstrip("/") == path
    of_a_hop = owner.role != "registry"
    return finding(
        f"{owner.name} has another content of {path} than the file on the disk: the container still shows the old one.",
        map(said, sums),
        read(f"{path} is mounted by itself" if single else f"{mount.source} is mounted", mount.place),
        explains=(*_OF_PROXY, S.FAILURE) if of_a_hop else (),
        hop=f"{owner.name} -> registry" if of_a_hop else "registry",
        supersedes=_OF_A_HOP if of_a_hop else (),
        about=Subject(service=owner.name),
        fix=Fix(
            summary=f"Create {owner.name} again; mount the folder in place of the file, so that the next change is seen",
            commands=restarted(owner, fresh=True).commands,
            verify=(inside(owner, "sha256sum", file(path), expect=sums[0].detail[:16]),),
            applies="a mount of a single file keeps the old one until the container is created again",
        ),
    )


def _base(path: str) -> str:
    return path.rstrip("/").rsplit("/", 1)[-1]


def _refused_though_right(facts: Facts) -> tuple[Item, ...] | None:
    """A login that bcrypt accepts against the file on the disk, and that the registry itself refuses: asked direct, or by
    its own log of the request that came through a proxy."""
    read_by = facts.htpasswd.file if facts.htpasswd else None
    right = {(c.user, c.password): c for c in facts.checks if c.outcome == "accepted" and c.file == read_by}
    changed = not facts.stack.routes or overwrites(facts) or facts.traffic.passed("replaced")
    through = () if changed else facts.traffic.on("via", authenticated=True)
    for e in (*facts.traffic.on("direct", authenticated=True), *through):
        sent = e.credential
        check = right.get((sent.user or "", sent.password)) if sent and is_authenticated(e) else None
        if check is None or e.status != 401 or from_registry(e) is False:
            continue
        logged = None if e.route == "direct" else _compared_at(e, facts)
        if e.route == "direct" or logged is not None:
            return computed("bcrypt accepts this login against the file", check.file), seen(e), said(logged)
    return None


def _compared_at(exchange: Exchange, facts: Facts) -> LogEvent | None:
    """The line of the registry's log that says, at the moment of this request, that credentials arrived and failed."""
    when = of_exchange(exchange).when
    for event in facts.traffic.logged("authentication-failure", "bcrypt-mismatch"):
        named = event.user is None or (exchange.credential is not None and event.user == exchange.credential.user)
        if named and when is not None and event.when is not None and abs(event.when - when) <= _ONE_MOMENT:
            return event
    return None


_ONE_MOMENT = 2.0
"""Seconds: a response's Date has whole ones."""


def _folder(facts: Facts, mount: Mount | None) -> tuple[Edit, ...]:
    """The mount of the folder in place of the file, where it is written in one line of a compose file."""
    if mount is None or mount.kind != "bind" or not mount.source or "/" not in mount.source.strip("./"):
        return ()
    folder, target = mount.source.rsplit("/", 1)[0], mount.target.rsplit("/", 1)[0]
    if mount.source.rsplit("/", 1)[1] != mount.target.rsplit("/", 1)[1] or not target:
        return ()
    return swap(facts.evidence, mount.place, re.escape(f"{mount.source}:{mount.target}"), f"{folder}:{target}")
