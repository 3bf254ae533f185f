"""The report: one HTML file, without network and scripts, for the screen, a phone and paper."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from runbook import __version__
from runbook.judge import Run
from runbook.report import blocks, history, tables, words
from runbook.report.alignment import alignment
from runbook.report.block import Block, attr, css, esc, para, tag
from runbook.report.card import summary
from runbook.report.excerpt import excerpts
from runbook.report.history import Comparison
from runbook.report.picture import picture

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:; base-uri 'none'; form-action 'none'"
_REDACTION = (
    "Passwords, base64 pairs, tokens and password hashes were taken out before anything was judged or written; what you see "
    "in their place is [redacted]. User names, addresses and header names stay."
)


@dataclass(frozen=True, slots=True)
class NotebookResult:
    """An executed notebook beside the report."""

    title: str
    href: str
    ok: bool = True
    note: str = ""


def render_html(
    run: Run,
    *,
    notebooks: Sequence[NotebookResult] = (),
    changes: Comparison | None = None,
    title: str = "",
    when: str = "",
) -> str:
    """The whole page. `notebooks` are linked; a failed one is said at the top; `changes` since an earlier report are shown."""
    body = "".join(_sections(run, notebooks, changes))
    title = title or title_of(run)
    stamp = when or datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="referrer" content="no-referrer">'
        f'<meta name="color-scheme" content="light dark"><title>{attr(title)}: {attr(run.diagnosis.verdict)}</title>'
        f'<style>{css()}</style></head><body class="rb rb-page"><main class="rb-main"><h1>{esc(title)}</h1>{body}'
        f"<footer><p>{esc(_REDACTION)}</p><p>runbook {__version__} · {esc(stamp)} · {esc(_target(run))}</p></footer>"
        "</main></body></html>\n"
    )


def title_of(run: Run) -> str:
    """What, and where."""
    demo = f"{words.DEMO}: " if run.evidence.target.lab else ""
    return f"{demo}{words.headline(run)[0]} · {_target(run)}"


def _target(run: Run) -> str:
    target = run.evidence.target
    parts = [*(f.rstrip("/").rsplit("/", 1)[-1] for f in target.paths), target.registry_url or "", target.ui_url or ""]
    return ", ".join(p for p in parts if p) or "nothing was named"


def _sections(run: Run, notebooks: Sequence[NotebookResult], changes: Comparison | None) -> list[str]:
    d = run.diagnosis
    failed = [n for n in notebooks if not n.ok]
    parts = [
        f'<div class="rb-problem" role="alert">Notebook <b>{esc(n.title)}</b> failed: {esc(n.note)}</div>'
        for n in failed
    ]
    parts += [blocks.verdict(run).html, blocks.hops(run).html]
    follow = picture(run)
    if follow.journeys:
        parts.append(_section(words.FOLLOW, follow.block()))
    if changes is not None:
        parts.append(_section("Since the earlier report", history.block(changes)))
    if d.verdict == "fault":
        parts += [_section(words.CAUSE, blocks.cause(run) + excerpts(run)), _section(words.FIX, blocks.fix(run))]
    if d.next is not None:
        parts.append(_section(words.NEXT_STEP, blocks.next_step(run)))
    parts.append(_section(words.PASTE, summary(run)))
    parts.append(_section(words.SEEN, blocks.symptoms(run)))
    if d.odd_names:
        parts.append(_section(words.ODD_NAMES, blocks.odd_names(run)))
    if d.contradictions:
        parts.append(_section(words.DISAGREE, blocks.contradictions(run)))
    if blocks.obstacles_of(run):
        parts.append(_section(words.NEXT_OBSTACLE, blocks.obstacles(run)))
    if blocks.rivals_of(run):
        parts.append(_section(words.RIVALS, blocks.others(run)))
    if d.warnings:
        parts.append(_section(words.WARNINGS, blocks.warnings(run)))
    if d.also_seen:
        parts.append(_section(words.ALSO_SEEN, blocks.also_seen(run)))
    parts += [
        _section("The four steps", blocks.steps(run)),
        _section("Requests", tables.matrix(run) + tables.headers(run)),
        _section("htpasswd", tables.htpasswd(run)),
        _section("Where two files must agree", alignment(run)),
        _section("The registry's settings in force", tables.settings(run)),
    ]
    if d.folklore:
        parts.append(_section(words.FOLKLORE, blocks.folklore(run)))
    if d.not_read:
        parts.append(_section(words.NOT_READ, blocks.not_read(run)))
    parts.append(_section(words.NOT_TESTED, blocks.not_tested(run)))
    if notebooks:
        parts.append(f"<section><h2>The executed notebooks</h2>{_links(notebooks)}</section>")
    return parts


def _section(title: str, block: Block) -> str:
    return f"<section><h2>{esc(title)}</h2>{block.html}</section>"


def _links(notebooks: Sequence[NotebookResult]) -> str:
    rows = "".join(
        f'<li><a href="{attr(n.href)}">{esc(n.title)}</a> {tag("done", "pass") if n.ok else tag("failed", "fail")}'
        f"{' ' + esc(n.note) if n.note else ''}</li>"
        for n in notebooks
    )
    return para("They stand beside this file, with all that the steps showed.") + f"<ul>{rows}</ul>"
