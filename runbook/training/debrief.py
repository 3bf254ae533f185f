"""After a round: what it was, the request path with the spot, the look-alike and what told it apart, where to go on."""

import difflib
import time

from runbook.collect import Request, collect
from runbook.judge import diagnose
from runbook.lab import Lab
from runbook.redact import Vault
from runbook.report import blocks
from runbook.report.block import Block, para, part, table
from runbook.rules import load
from runbook.stack.browser import refusal
from runbook.training import project
from runbook.training.difficulty import statistics
from runbook.training.docker import PUSH, login, takes_part
from runbook.training.draw import HEALTHY, Round
from runbook.training.hints import probes
from runbook.training.judge import Answer, otherwise
from runbook.training.practice import send
from runbook.training.seen import Asked, telling
from runbook.training.wishes import failing
from runbook.training.wishes import send as ask


def debrief(drawn: Round, answer: Answer) -> Block:
    """The whole debrief."""
    parts = [
        _what(drawn),
        _picture(drawn),
        _replay(drawn),
        _change(drawn),
        _apart(drawn, answer),
        *(_page(c) for c in drawn.faults),
        _next(drawn),
    ]
    return Block("".join(p.html for p in parts if p.html), "\n\n".join(p.text for p in parts if p.text))


def _titled(title: str, html: str, text: str) -> Block:
    return Block(part("titled", title, Block(html)), f"{title}\n{text}")


def _what(drawn: Round) -> Block:
    lines = [f"{cause}: {load()[cause].title}." for cause in drawn.faults]
    if not drawn.faults:
        lines = ["Nothing was broken: a 401 to a request without a login is how every client begins."]
    known = statistics()
    found = [f"{c}: {known.causes[c].words()}" for c in drawn.truth if c in known.causes]
    lines += [f"How hard it is: {'; '.join(found)}. {known.origin()}"] if found else []
    return _titled("What it was", "".join(para(line) for line in lines), "\n".join(lines))


def _picture(drawn: Round) -> Block:
    """The request path as the whole evidence shows it."""
    with Lab(backend="embedded", plan=drawn.broken()) as lab:
        request = Request(paths=(str(lab.bundle),), user=lab.user, password=lab.password)
        run = diagnose(collect(request, Vault()))
    shown = blocks.hops(run)
    return _titled("Where the request got to", shown.html, shown.text)


_MEANINGS = (
    ("invalid authorization credential", "✗ without a usable login"),
    ("error checking authorization", "! a login, and the password file could not be used"),
    ("error authenticating user", "! a login, and it did not match"),
    ("failed to authenticate", "! a login, and it did not match"),
    ("authentication failure", "! a login, and it did not match"),
    ("hashedSecret", "! a login, and the stored hash is no bcrypt"),
)
"""What the registry's log says of a request that it refused."""


def _replay(drawn: Round) -> Block:
    """The right login once more on both paths: what the client sends, and what the registry's own log says of it."""
    rows = []
    with Lab(backend="embedded", plan=drawn.broken()) as lab:
        client = [(PUSH, "docker push")] if takes_part(lab.plan) else []
        ways = [(Asked(w, "right", "/v2/", "GET"), n) for w, n in (("direct", "directly"), ("ui", "through the UI"))]
        for asked, name in (*client, *ways):
            before = len(lab.logs()["registry"])
            text, _ = send(asked, lab.plan)
            sends = "no login" if asked is PUSH and not login(lab.plan) else "Authorization: Basic …"
            rows.append((name, sends, _arrived(lab, before), _with_ports(telling(text, lab.plan)[0], drawn)))
    head = ("Path", "The client sends", "It reaches the registry", "Answer")
    html = table("The right login once more, by the registry's own log", head, rows)
    shown = _shown_by(drawn)
    lines = [" → ".join(row) for row in rows] + ([shown] if shown else [])
    return _titled("The login on its path", html + (para(shown) if shown else ""), "\n".join(lines))


def _shown_by(drawn: Round) -> str:
    """The request that a sound stack answers otherwise; "" where nothing is broken. Of a page that calls the registry
    itself: what the browser makes of the answer."""
    if drawn.plan.access == "cross-origin":
        return _by_browser(drawn)
    here, answers = otherwise(drawn.broken(), list(probes(drawn)))
    sound, expected = otherwise(drawn.fixed(), list(probes(drawn)))
    told = [(a, telling(answers[a], here), telling(expected[a], sound)) for a in probes(drawn)]
    apart = sorted(((a, ours, theirs) for a, ours, theirs in told if ours != theirs), key=lambda row: _dull(*row))
    if not drawn.faults or not apart:
        return ""
    asked, ours, theirs = apart[0]
    text = f"{asked.words()} shows it: here {_short(ours, theirs)}; a sound stack answers {_short(theirs, ours)}."
    return _with_ports(text, drawn)


_KEPT = {
    "missing": "no Access-Control-Allow-Origin comes with it",
    "wildcard": "`*` is not allowed where credentials are sent",
    "multiple": "more than one origin is allowed",
    "origin": "another origin than the page's is allowed",
    "credentials": "Access-Control-Allow-Credentials is not `true`",
}


def _by_browser(drawn: Round) -> str:
    with Lab(backend="embedded", plan=drawn.broken()) as lab:
        login = (lab.plan.user, lab.plan.password)
        answer = ask(lab.plan.registry_port, "GET", "/v2/_catalog", login, {"Origin": lab.plan.origin})
        why = refusal(lab.plan.origin, answer.headers, credentials=True)
    if why is None:
        return ""
    return f"The page asks the registry itself. It answers {answer.status}, and the browser keeps the answer from the page: {_KEPT[why]}."


def _with_ports(text: str, drawn: Round) -> str:
    """The round's own ports where `settled` has put words."""
    for name, port in (("REGISTRY", drawn.plan.registry_port), ("UI", drawn.plan.ui_port)):
        text = text.replace(f":{name}", f":{port}").replace(f" port {name}", f" port {port}")
    return text


def _arrived(lab: Lab, before: int) -> str:
    until = time.monotonic() + 1
    while time.monotonic() < until:  # the registry writes a request down after it has answered
        said = lab.logs()["registry"][before:]
        if " HTTP/1." in said:
            return next((meaning for words, meaning in _MEANINGS if words in said), "✓ with the login")
        time.sleep(0.02)
    return "– not at all"


def _change(drawn: Round) -> Block:
    """What a sound stack has otherwise."""
    ours, sound = project.files(drawn.broken(here=True)), project.files(drawn.fixed(here=True))
    patches = []
    for name in sorted(ours.keys() | sound.keys()):
        before, after = (files.get(name, b"").decode("utf-8", "replace").splitlines() for files in (ours, sound))
        patches += list(difflib.unified_diff(before, after, name, name, n=1, lineterm=""))
    if not patches:
        text = "No file: the container does not run, and `docker compose up -d` starts it." if drawn.faults else ""
        return _titled("What a fix changes", para(text), text) if text else Block("", "")
    return _titled("What a fix changes", part("diff", "\n".join(patches)), "\n".join(patches))


def _apart(drawn: Round, answer: Answer) -> Block:
    """The nearest look-alike, and the request, else the file, that tells the two apart."""
    here, answers = otherwise(drawn.broken(), list(probes(drawn)))
    ours = {asked: telling(answers[asked], here) for asked in probes(drawn)}
    with Lab(backend="embedded", plan=drawn.broken()) as lab:
        felt = {e.name for e in failing(lab, lab.plan)}
    found = []
    for cause in [c for c in drawn.choices if c not in (*drawn.truth, HEALTHY)]:
        with Lab(backend="embedded", plan=drawn.instead(cause)) as lab:
            alike = bool(felt & {e.name for e in failing(lab, lab.plan)})
            theirs = {asked: telling(send(asked, lab.plan)[0], lab.plan) for asked in probes(drawn)}
        apart = sorted((a for a in probes(drawn) if ours[a] != theirs[a]), key=lambda a: _dull(a, ours[a], theirs[a]))
        thought = cause in (answer.rival, *answer.wrong)
        found.append((not thought, not alike, len(apart), cause, apart[:1], theirs))
    if not found:
        return Block("", "")
    _, other, _, rival, first, theirs = min(found, key=lambda row: row[:4])
    text = f"{rival} ({load()[rival].title}) {'is the nearest of the list' if other else 'looks alike'}. "
    for asked in first:
        said = _short(ours[asked], theirs[asked]), _short(theirs[asked], ours[asked])
        text += f"{asked.words()} tells them apart: here {said[0]}, with {rival} {said[1]}."
    text = _with_ports(text, drawn)
    if not first:
        ours_here = drawn.instead(drawn.faults[0], here=True) if len(drawn.faults) == 1 else drawn.broken(here=True)
        files, another = (project.files(plan) for plan in (ours_here, drawn.instead(rival, here=True)))
        names = sorted(name for name in files.keys() | another.keys() if files.get(name) != another.get(name))
        text += f"Every request is answered the same; only {' and '.join(names) or 'the folder'} {'tell' if len(names) > 1 else 'tells'} them apart."
    return _titled("The look-alike, and what tells it apart", para(text), text)


def _dull(asked: Asked, ours: tuple[str, ...], theirs: tuple[str, ...]) -> tuple[bool, bool]:
    """What to tell first: another status, and with the right login."""
    return ours[:1] == theirs[:1], asked.login != "right"


def _short(lines: tuple[str, ...], others: tuple[str, ...]) -> str:
    """Of an answer what the other one does not have: the status, or the headers."""
    if lines[:1] != others[:1]:
        return (
            lines[0].removeprefix("HTTP/1.1 ") if lines and not lines[0].startswith("curl: (7)") else "nobody answers"
        )
    return "; ".join(line for line in lines if line not in others) or "not so"


def _page(cause: str) -> Block:
    """The page of the cause, in short; `runbook explain` has the whole one."""
    rule = load()[cause]
    why = rule.why.split("\n\n")[0]
    lines = [
        " ".join(why.split()),
        f"Fix: {rule.fix}.",
        f"Source: {rule.source}",
        f"All of it: runbook explain {cause}",
    ]
    return _titled(f"The page of {cause}", "".join(para(line) for line in lines), "\n".join(lines))


def _next(drawn: Round) -> Block:
    lines = [
        f"Next round: number {drawn.seed + 1}; in a notebook `lesson.next()`, or the button of that name. Save this one before, if "
        "you want to keep it.",
        f"Challenge a colleague with this one: {drawn.link}; in a notebook `link = {drawn.link!r}` at its top.",
    ]
    return _titled("Next round", "".join(para(line) for line in lines), "\n".join(lines))


__all__ = ["debrief"]
