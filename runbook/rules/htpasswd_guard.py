"""A proxy that asks for the login in the registry's place, by a password file of its own, and says whom it does not know."""

from collections.abc import Iterator

from runbook.lazy import re
from runbook.model import Finding, Fix, LogEvent, Subject, Symptom, command
from runbook.model.command import sh
from runbook.rules.base import Facts
from runbook.rules.evidence import finding, read, said
from runbook.rules.hops import api_routes, hop, login_check, name
from runbook.rules.logins import files

MISSING, MISMATCH = (
    re.compile(r"was not found in|AH01618|not found"),
    re.compile(r"password mismatch|AH01617|Password Mismatch"),
)
"""nginx and Apache in their error logs."""
_IN = re.compile(r"was not found in \"(/[^\"\s\[\]]{1,300})\"")


def refused_by_guard(facts: Facts, wanted: "re.Pattern[str]", what: str, cure: str) -> Iterator[Finding]:
    """What the guard's own log says of a user, as a cause. Nothing where the registry asks as well: then two ask."""
    registry = facts.registry
    if files(facts) or (registry is not None and registry.auth in ("htpasswd", "token", "silly")):
        return
    ours = (c.observation for c in facts.traffic.complaints if c.settled is None and facts.focus.covers(c.observation))
    open_ones = {id(o.record) for o in ours if o.user not in facts.focus.strangers}
    for event in facts.traffic.logged("proxy-user-mismatch"):
        if id(event) in open_ones and event.user and wanted.search(event.text) and _is_of_the_api(event):
            yield _finding(facts, event, event.user, what, cure)
            return


def _is_of_the_api(event: LogEvent) -> bool:
    return event.uri.startswith("/v2") or "/v2/" in event.text


def _finding(facts: Facts, event: LogEvent, user: str, what: str, cure: str) -> Finding:
    route = next((r for r in api_routes(facts) if r.auth is not None and r.auth.kind == "basic"), None)
    told = _IN.search(event.text)
    path = (route.auth.user_file if route and route.auth else "") or (told[1] if told else "")
    return finding(
        what.format(user=user, proxy=name(route) if route else "the proxy"),
        said(event),
        read(f"{name(route)} asks for a login of its own", route.auth.place) if route and route.auth else None,
        explains=(Symptom.LOGIN_401_VIA, Symptom.LOGIN_401, Symptom.LOGIN_401_DIRECT),
        hop=hop(route) if route else "client -> proxy",
        about=Subject(user=user),
        fix=Fix(
            summary=cure.format(user=user),
            # Without -B: what nginx can check depends on its C library, and every one knows the default of this command.
            commands=(sh("htpasswd", command.file(path or None), command.user(user)),),
            verify=(login_check(facts, route, user),),
            applies="nginx and Apache read the file with every request",
        ),
    )
