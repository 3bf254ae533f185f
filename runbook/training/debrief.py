"""After a round: what it was, the request path with the spot, the look-alike and what told it apart, where to go on."""

import difflib

from runbook.collect import Request, collect
from runbook.judge import diagnose
from runbook.lab import Lab
from runbook.redact import Vault
from runbook.report import blocks
from runbook.report.block import Block, diff, esc, para
from runbook.rules import load
from runbook.training import project
from runbook.training.draw import HEALTHY, Round
from runbook.training.hints import PROBES
from runbook.training.judge import Answer, otherwise
from runbook.training.seen import telling
from runbook.training.wishes import failing


def debrief(drawn: Round, answer: Answer) -> Block:
    """The whole debrief."""
    parts = [
        _what(drawn),
        _picture(drawn),
        _change(drawn),
        _apart(drawn, answer),
        *(_page(c) for c in drawn.faults),
        _next(drawn),
    ]
    return Block("".join(p.html for p in parts if p.html), "\n\n".join(p.text for p in parts if p.text))


def _titled(title: str, html: str, text: str) -> Block:
    return Block(f"<h3>{esc(title)}</h3>{html}", f"{title}\n{text}")


def _what(drawn: Round) -> Block:
    if not drawn.faults:
        text = "Nothing was broken: a 401 to a request without a login is how every client begins."
        return _titled("What it was", para(text), text)
    lines = [f"{cause}: {load()[cause].title}." for cause in drawn.faults]
    return _titled("What it was", "".join(para(line) for line in lines), "\n".join(lines))


def _picture(drawn: Round) -> Block:
    """The request path as the whole evidence shows it."""
    with Lab(backend="embedded", plan=drawn.instead(drawn.faults[0]) if len(drawn.faults) == 1 else drawn.plan) as lab:
        request = Request(paths=(str(lab.bundle),), user=lab.user, password=lab.password)
        run = diagnose(collect(request, Vault()))
    shown = blocks.hops(run)
    return _titled("Where the request got to", shown.html, shown.text)


def _change(drawn: Round) -> Block:
    """What a sound stack has otherwise."""
    ours, sound = project.files(drawn.plan), project.files(drawn.fixed())
    patches = []
    for name in sorted(ours.keys() | sound.keys()):
        before, after = (files.get(name, b"").decode("utf-8", "replace").splitlines() for files in (ours, sound))
        patches += list(difflib.unified_diff(before, after, name, name, n=1, lineterm=""))
    if not patches:
        return Block("", "")
    return _titled("What a fix changes", diff("\n".join(patches)), "\n".join(patches))


def _apart(drawn: Round, answer: Answer) -> Block:
    """The look-alike, and the request that would have been answered otherwise."""
    here, answers = otherwise(drawn.plan, list(PROBES))
    for rival in _look_alikes(drawn, answer):
        there, others = otherwise(drawn.instead(rival), list(PROBES))
        for asked in PROBES:
            ours, theirs = telling(answers[asked], here), telling(others[asked], there)
            if ours != theirs:
                title = "nothing broken" if rival == HEALTHY else load()[rival].title
                text = f"{rival} ({title}) looks alike. {asked.words()} tells them apart: here {_short(ours)}, with {rival} {_short(theirs)}."
                return _titled("The look-alike, and what tells it apart", para(text), text)
    return Block("", "")


def _look_alikes(drawn: Round, answer: Answer) -> list[str]:
    """Of the list, what people would complain about in the same way; the one that the learner thought of comes first."""
    listed = [c for c in drawn.choices if c not in (*drawn.truth, HEALTHY)]
    with Lab(backend="embedded", plan=drawn.instead(drawn.faults[0]) if drawn.faults else drawn.fixed()) as lab:
        felt = {e.name for e in failing(lab, lab.plan)}
    alike = []
    for cause in listed:
        with Lab(backend="embedded", plan=drawn.instead(cause)) as lab:
            if felt & {e.name for e in failing(lab, lab.plan)}:
                alike.append(cause)
    thought = [c for c in (answer.rival, *answer.wrong) if c in listed]
    return [*thought, *(c for c in alike if c not in thought), *(c for c in listed if c not in (*alike, *thought))]


def _short(lines: tuple[str, ...]) -> str:
    status = lines[0].removeprefix("HTTP/1.1 ") if lines else "no answer"
    rest = [
        line.partition(":")[0] for line in lines[1:] if line.lower().startswith(("access-control", "location", "www-"))
    ]
    return f"{status}{' with ' + ', '.join(sorted(set(rest))) if rest else ''}"


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
    following = f"{drawn.name}.{drawn.seed + 1}.{drawn.catalogue}"
    lines = [
        f"Next round: Practice.again({following!r}), or seed {drawn.seed + 1} at the top of the notebook.",
        f"Challenge a colleague with this one: Practice.again({drawn.link!r}).",
    ]
    return _titled("Next round", "".join(para(line) for line in lines), "\n".join(lines))


__all__ = ["debrief"]
