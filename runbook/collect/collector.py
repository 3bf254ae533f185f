"""From a request to evidence: files are read, the stack is asked, logins are compared, secrets are taken out."""

from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING

from runbook.collect.files import Reading, read_files
from runbook.collect.harvest import Harvest
from runbook.collect.logins import Login, stored_login
from runbook.collect.notes import is_readable_by_others
from runbook.collect.request import Request, Running, UsageError, checked
from runbook.collect.scrub import scrub, with_places
from runbook.model import Evidence, Place, Problem, Target
from runbook.redact import Vault
from runbook.urls import urlsplit

if TYPE_CHECKING:
    from runbook.collect.engine import Gathered

Progress = Callable[[str], None]


def collect(request: Request, vault: Vault, progress: Progress | None = None) -> Evidence:
    """Everything that can be known now. Unreadable files and silent servers are evidence, not exceptions;
    only a request that makes no sense raises (`UsageError`)."""
    request, told = checked(request), list[Problem]()
    if request.live:
        from runbook.collect.scheme import with_schemes

        request, told = with_schemes(request)
    tell = progress or (lambda _: None)
    label = vault.password(request.password, request.user) if request.password is not None else None
    gathered = _gathered(request, request.running, tell) if request.running else None
    reading = read_files(request.paths, request.docker_config, vault, tell, gathered)
    if request.docker_config and reading.docker_config is None:
        raise UsageError(_no_login(request.docker_config, reading))
    evidence = _evidence(request, reading, label)
    if reading.shown:
        evidence = with_places(evidence, reading.place)
    if request.live:
        evidence = _asked(request, replace(evidence, problems=(*evidence.problems, *told)), reading, label, vault, tell)
    for number, earlier in enumerate(reading.harvest.earlier, 1):
        from runbook.collect.evidence_file import merged

        evidence = merged(evidence, earlier, number)
    if evidence.htpasswd:
        from runbook.collect.checks import check_credentials

        tell("comparing logins with the htpasswd file")
        evidence = replace(evidence, checks=(*evidence.checks, *check_credentials(evidence, vault)))
    return scrub(evidence if reading.looked_at else _marked_hopeless(evidence), vault)


def evidence_of(gathered: "Gathered", vault: Vault) -> Evidence:
    """What a running stack gave as evidence, without secrets."""
    reading = read_files((), None, vault, lambda _: None, gathered)
    evidence = with_places(_evidence(Request(), reading, None), reading.place)
    if evidence.htpasswd:
        from runbook.collect.checks import check_credentials

        evidence = replace(evidence, checks=check_credentials(evidence, vault))
    return scrub(evidence, vault)


def _gathered(request: Request, running: Running, tell: Progress) -> "Gathered":
    """What the running stack tells; that no engine answers is evidence where there is other evidence."""
    from runbook.collect.engine import EngineError, Gathered, gather

    try:
        return gather(running, [u for u in (request.registry_url, request.ui_url) if u], tell)
    except EngineError as error:
        if not request.paths and not request.live:
            raise UsageError(str(error)) from None
        return Gathered(problems=[Problem(place=Place("engine"), message=str(error), kind="no-engine")])


def _no_login(file: str, reading: Reading) -> str:
    """Why the file that was to give the login gives none."""
    told = [p.message for p in reading.harvest.problems if p.place.file == reading.login_file]
    return f"--docker-config {file} cannot be used. {' '.join(told)}".strip()


def _evidence(request: Request, reading: Reading, label: str | None) -> Evidence:
    harvest: Harvest = reading.harvest
    return Evidence(
        target=Target(
            registry_url=request.registry_url,
            ui_url=request.ui_url,
            user=request.user,
            password=label,
            origin=request.origin,
            cacert=request.cacert,
            insecure_http=request.insecure_http,
            paths=request.paths,
            lab=request.lab,
        ),
        files=tuple(reading.sources),
        problems=tuple(harvest.problems),
        compose=harvest.compose,
        registry_files=tuple(harvest.registry_files),
        htpasswd=tuple(harvest.htpasswd),
        routes=tuple(harvest.routes),
        clients=tuple(harvest.clients),
        logs=tuple(harvest.logs),
        messages=tuple(harvest.messages),
        exchanges=tuple(harvest.exchanges),
        listings=tuple(harvest.listings),
        pullers=tuple(harvest.pullers),
        jobs=tuple(harvest.jobs),
    )


def _asked(
    request: Request, evidence: Evidence, reading: Reading, label: str | None, vault: Vault, tell: Progress
) -> Evidence:
    """The evidence with the live answers. httpx is loaded only here: most runs are offline."""
    from runbook.collect import probe

    stored = reading.docker_config
    given = Login(request.user, label) if request.user and label else None
    targets, problems = [], []
    for route, url in (("direct", request.registry_url), ("via", request.ui_url)):
        if url is None:
            continue
        login = given or (stored_login(stored, url, request.user) if stored else None)
        if request.docker_config and login is None:
            message = f"The docker config has no login for {urlsplit(url).netloc}, so it was asked without one."
            problems.append(Problem(place=Place(request.docker_config), message=message, kind="login-not-sent"))
        if login is not None and not request.insecure_http and is_readable_by_others(url):
            message = (
                f"The login was not sent to {urlsplit(url).netloc}: over plain http everybody on the way could read it. "
                "--insecure-http sends it all the same, as docker and browsers do."
            )
            problems.append(Problem(place=Place("probe"), message=message, kind="login-not-sent"))
            login = None
        targets.append(probe.Target("direct" if route == "direct" else "via", url, login))
    page = urlsplit(request.origin or request.ui_url or "")
    result = probe.probe(
        tuple(targets),
        f"{page.scheme}://{page.netloc}" if page.netloc else None,
        vault,
        request.timeout,
        allow_writes=request.allow_writes,
        cacert=request.cacert,
        in_clear=request.insecure_http,
        progress=tell,
    )
    login = next((t.login for t in targets if t.login), None)
    target = replace(evidence.target, user=login.user, password=login.label) if login else evidence.target
    return replace(
        evidence,
        target=target,
        exchanges=(*evidence.exchanges, *result.exchanges),
        problems=(*evidence.problems, *problems, *result.problems),
    )


def _marked_hopeless(evidence: Evidence) -> Evidence:
    """When nothing at all could be read, the problems are the answer (exit 2). One part that was looked at is enough
    for a verdict, be it that nothing in it was understood."""
    if evidence.exchanges or evidence.listings or not evidence.problems:
        return evidence
    return replace(evidence, problems=tuple(replace(p, fatal=True) for p in evidence.problems))
