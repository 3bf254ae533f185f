"""Markdown for a ticket or a pull request. Text from outside cannot become markup."""

from collections.abc import Iterable, Iterator

from runbook.judge import Run
from runbook.lazy import re
from runbook.model import EvidenceItem, Finding
from runbook.redact import visible
from runbook.report import words

_LIVE = re.compile(r"(?i)://|www\.|@\w|mailto:|xmpp:")
_MARKER = re.compile(r"^(\d{0,9})([-+.)])(?= |$)")
_SPECIAL = re.compile(r"([\\`*_{}\[\]<>#|!~&])")


def render_markdown(run: Run) -> str:
    """The diagnosis as GitHub-flavoured Markdown."""
    return "\n".join(_lines(run)).rstrip() + "\n"


def plain(text: str) -> str:
    """Text as it is: every character that Markdown or HTML would take for markup is escaped. Addresses and names
    with an @ are set as code, where no site makes links and mentions of them."""
    words = " ".join(code(w) if _LIVE.search(w) else _SPECIAL.sub(r"\\\1", w) for w in visible(text).split())
    return _MARKER.sub(r"\1\\\2", words)


def cell(text: str) -> str:
    """Text in a cell of a table."""
    return plain(text.replace("|", " "))


def code(text: str) -> str:
    """Inline code, with a fence that is longer than any run of backticks inside."""
    shown = " ".join(visible(text, 400).split())
    longest = max((len(run) for run in re.findall(r"`+", shown)), default=0)
    fence = "`" * (longest + 1)
    pad = " " if longest else ""
    return f"{fence}{pad}{shown}{pad}{fence}"


def _block(text: str, language: str) -> str:
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text.rstrip()}\n{fence}"


def _lines(run: Run) -> Iterator[str]:
    d = run.diagnosis
    word, rests = words.headline(run)
    yield f"# {word}\n"
    yield f"{plain(rests)}{' · ' + plain(words.about(run)) if words.about(run) else ''}\n"
    reasons = d.causes[:1] if d.verdict == "fault" else ()
    for finding in reasons:
        yield from _cause(finding)
    if d.next is not None:
        yield f"## {words.NEXT_STEP}\n\n{plain(d.next.why)}\n"
        yield _block(visible(str(d.next.command)), "sh") + "\n"
    if d.symptoms:
        yield f"## {words.SEEN}\n"
        for seen in d.symptoms:
            yield f"- {plain(seen.symptom.value)}"
            yield from _evidence(seen.evidence, "  ")
        yield ""
    rest = d.causes[len(reasons) :]
    yield from _short(words.NEXT_OBSTACLE, [f for f in rest if f.role == "next obstacle"])
    yield from _short(words.RIVALS, [f for f in rest if f.role != "next obstacle"])
    yield from _short(words.WARNINGS, d.warnings)
    yield from _short(words.ALSO_SEEN, d.also_seen)
    for title, items in ((words.ODD_NAMES, d.odd_names), (words.DISAGREE, d.contradictions)):
        if items:
            yield f"## {title}\n"
            yield from _evidence(items)
            yield ""
    if d.folklore:
        yield f"## {words.FOLKLORE}\n"
        yield from (f"- “{plain(b.claim)}” {plain(b.truth)}" for b in d.folklore)
        yield ""
    for title, gaps in ((words.NOT_READ, d.not_read), (words.NOT_TESTED, words.untested(d))):
        if gaps:
            yield f"## {title}\n"
            yield from (f"- {plain(gap)}" for gap in gaps)
            yield ""


def _cause(finding: Finding) -> Iterator[str]:
    yield f"{plain(finding.summary)}\n"
    yield f"## {words.EVIDENCE}\n"
    yield from _evidence(finding.evidence)
    yield ""
    if finding.refuted:
        yield f"{words.RULED_OUT}:\n"
        yield from (f"- {code(r.cause)}: {plain(r.because)}" for r in finding.refuted)
        yield ""
    yield f"## {words.FIX}\n\n{plain(finding.fix.summary)}\n"
    if finding.fix.patch:
        yield _block(visible(finding.fix.patch, 20_000), "diff") + "\n"
    if finding.fix.commands:
        yield _block("\n".join(visible(c) for c in finding.fix.command_lines), "sh") + "\n"
    if finding.fix.applies:
        yield plain(finding.fix.applies) + "\n"
    if proof := words.proof(finding.fix):
        yield plain(proof) + "\n"
    if finding.fix.proof.rows:
        rows = (f"| {cell(r.request)} | {cell(r.before)} | {cell(r.after)} |" for r in finding.fix.proof.rows)
        yield "\n".join(["| request | before | after |", "|---|---|---|", *rows]) + "\n"
    if finding.fix.verify:
        yield f"{words.VERIFY}:\n\n" + _block("\n".join(visible(v) for v in finding.fix.verify_lines), "sh") + "\n"


def _evidence(items: Iterable[EvidenceItem], indent: str = "") -> Iterator[str]:
    for item in items:
        where = f" ({code(item.where)})" if item.where else ""
        yield f"{indent}- {plain(item.what)}{where}"


def _short(title: str, findings: Iterable[Finding]) -> Iterator[str]:
    rows = [f"- {code(f.cause)}: {plain(f.summary)} {plain(f.fix.summary)}" for f in findings]
    if rows:
        yield f"## {title}\n"
        yield from rows
        yield ""
