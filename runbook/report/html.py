"""The report: one HTML file, without network and scripts, for the screen, a phone and paper."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from runbook import __version__
from runbook.judge import Run
from runbook.report import blocks, history, tables, words
from runbook.report.alignment import alignment
from runbook.report.block import Block, css
from runbook.report.card import summary
from runbook.report.excerpt import excerpts
from runbook.report.history import Comparison
from runbook.report.picture import picture
from runbook.report.render import template

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
    stamp = when or datetime.now(UTC).strftime("%Y-%m-%d %H:%M UTC")
    return template("report/templates/report.html.j2").render(
        title=title or title_of(run), run=run, verdict=blocks.verdict(run), hops=blocks.hops(run), css=css(), notebooks=notebooks,
        sections=_sections(run, changes), foot=(_REDACTION, f"runbook {__version__} · {stamp} · {_target(run)}"),
    )  # fmt: skip


def title_of(run: Run) -> str:
    """What, and where."""
    demo = f"{words.DEMO}: " if run.evidence.target.lab else ""
    return f"{demo}{words.headline(run)[0]} · {_target(run)}"


def _target(run: Run) -> str:
    target = run.evidence.target
    parts = [*(f.rstrip("/").rsplit("/", 1)[-1] for f in target.paths), target.registry_url or "", target.ui_url or ""]
    return ", ".join(p for p in parts if p) or "nothing was named"


def _sections(run: Run, changes: Comparison | None) -> list[tuple[str, Block]]:
    d = run.diagnosis
    parts = []
    follow = picture(run)
    if follow.journeys:
        parts.append((words.FOLLOW, follow.block()))
    if changes is not None:
        parts.append(("Since the earlier report", history.block(changes)))
    if d.verdict == "fault":
        parts += [(words.CAUSE, blocks.cause(run) + excerpts(run)), (words.FIX, blocks.fix(run))]
    if d.next is not None:
        parts.append((words.NEXT_STEP, blocks.next_step(run)))
    parts.append((words.PASTE, summary(run)))
    parts.append((words.SEEN, blocks.symptoms(run)))
    if d.odd_names:
        parts.append((words.ODD_NAMES, blocks.odd_names(run)))
    if d.contradictions:
        parts.append((words.DISAGREE, blocks.contradictions(run)))
    if blocks.obstacles_of(run):
        parts.append((words.NEXT_OBSTACLE, blocks.obstacles(run)))
    if blocks.rivals_of(run):
        parts.append((words.RIVALS, blocks.others(run)))
    if d.warnings:
        parts.append((words.WARNINGS, blocks.warnings(run)))
    if d.also_seen:
        parts.append((words.ALSO_SEEN, blocks.also_seen(run)))
    parts += [
        ("The four steps", blocks.steps(run)),
        ("Requests", tables.matrix(run) + tables.headers(run)),
        ("htpasswd", tables.htpasswd(run)),
        ("Where two files must agree", alignment(run)),
        ("The registry's settings in force", tables.settings(run)),
    ]
    if d.folklore:
        parts.append((words.FOLKLORE, blocks.folklore(run)))
    if d.not_read:
        parts.append((words.NOT_READ, blocks.not_read(run)))
    parts.append((words.NOT_TESTED, blocks.not_tested(run)))
    return parts
