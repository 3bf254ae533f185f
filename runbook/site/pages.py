"""The pages: one per cause from its rule and, where cases are at hand, from one that is diagnosed while building."""

import json
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from runbook import __version__, door
from runbook.collect import Request, collect
from runbook.judge import diagnose
from runbook.lab.faults import FAULTS
from runbook.lazy import re
from runbook.model import STEPS, Finding
from runbook.redact import Vault
from runbook.report.block import commands, css, diff, esc, items, para, tag
from runbook.report.blocks import STEP_TITLES
from runbook.report.catalogue import catalogue, ordered
from runbook.rules import Rule

MARK = "catalogue.json"
"""What tells a site of ours from somebody's folder."""
_POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'"
_MOST_TRIED = 4
_CODE = re.compile("`([^`]{1,80})`")


def build(folder: Path, cases: Path | None, *, with_browser: bool, with_gallery: bool = False) -> int:
    """Write index, causes, search and catalogue; returns the number of pages."""
    (folder / "causes").mkdir(parents=True, exist_ok=True)
    vault = Vault()
    for rule in ordered():
        found = _worked(rule, cases) if cases is not None else None
        door.write(folder / "causes" / f"{rule.id}.html", cause_page(rule, found), vault)
    door.write(folder / "index.html", index(with_browser, with_gallery), vault)
    door.write(folder / "style.css", css() + static("site.css"), vault)
    door.write(folder / "search.js", static("search.js"), vault)
    door.write(folder / MARK, json.dumps(catalogue(), ensure_ascii=False, indent=1), vault)
    readable(folder)
    return len(ordered()) + 1


def readable(folder: Path) -> None:
    """Let a web server read all of it."""
    for path in folder.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)


@cache
def static(name: str) -> str:
    """A file of the site as it is."""
    return files("runbook.site").joinpath(name).read_text(encoding="utf-8")


def shell(title: str, body: str, *, up: str = "", policy: str = _POLICY, script: str = "") -> str:
    """A whole page around a body."""
    script = f'<script src="{up}{script}" defer></script>' if script else ""
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        f'<meta http-equiv="Content-Security-Policy" content="{policy}">'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="referrer" content="no-referrer">'
        f'<meta name="color-scheme" content="light dark"><title>{esc(title)}</title>'
        f'<link rel="stylesheet" href="{up}style.css">{script}</head><body class="rb rb-page"><main class="rb-main">{body}'
        f"</main><footer><p>runbook {__version__} · nothing on this page is loaded from another host</p></footer></body></html>\n"
    )


def index(with_browser: bool, with_gallery: bool = False) -> str:
    """All causes by step, with a search that needs no server."""
    known = ordered()
    body = f"<h1>Why the registry says 401: {len(known)} causes</h1>"
    if with_browser:
        body += '<p class="rb-said"><a href="diagnose.html">Diagnose your own files in this browser</a>: nothing leaves the tab.</p>'
    if with_gallery:
        body += '<p><a href="gallery/index.html">What is on your screen?</a> Incidents, diagnosed, as reports and notebooks.</p>'
    body += (
        '<p><label for="search">Search causes, messages and fixes</label><br>'
        '<input id="search" type="search" autocomplete="off"> <span id="found" role="status"></span></p>'
    )
    for step in STEPS:
        rows = "".join(
            f'<li data-text="{esc(" ".join((r.id, r.title, r.why, r.fix, *(s.value for s in r.explains))).lower(), 6000)}">'
            f'<a href="causes/{r.id}.html">{esc(r.id)}</a> {esc(r.title)}</li>'
            for r in known
            if r.step == step
        )
        body += f"<section><h2>{esc(STEP_TITLES[step])}</h2><ul>{rows}</ul></section>"
    return shell("runbook: why the registry says 401", body, script="search.js")


def cause_page(rule: Rule, found: Finding | None) -> str:
    """One cause: what is wrong, how it shows, a worked example, the fix, the experiment, the source."""
    parts = [
        f'<p><a href="../index.html">All causes</a></p><h1>{esc(rule.id)}</h1>',
        f'<p class="rb-lead">{esc(rule.title[:1].upper() + rule.title[1:])}</p>',
        f"<p>{tag(rule.step)} {esc(STEP_TITLES[rule.step])}</p>",
        *(_prose(p) for p in rule.why.split("\n\n")),
    ]
    if rule.explains:
        rows = "".join(f"<li>{esc(s.value)}</li>" for s in rule.explains)
        parts.append(f"<h2>How it shows</h2><ul>{rows}</ul>")
    parts.append(f"<h2>Fix</h2>{_prose(rule.fix)}")
    if found is not None:
        parts.append(_example(found))
    if rule.refuted:
        rows = "".join(f"<li>{_link(r.cause)}: {esc(r.because)}</li>" for r in rule.refuted)
        parts.append(f"<h2>Not to be confused with</h2><ul>{rows}</ul>")
    if rule.id in FAULTS:
        told = para("Break a stack of your own on this machine, look at it, put it right:")
        parts.append(f"<h2>Try it</h2>{told}{commands([f'runbook lab up --fault {rule.id}', 'runbook lab down'])}")
    parts.append(f"<h2>Source</h2>{_prose(rule.source)}")
    return shell(f"{rule.id}: {rule.title}", "".join(parts), up="../")


def _prose(text: str) -> str:
    shown = _CODE.sub(lambda match: f"<code>{match[1]}</code>", esc(" ".join(text.split()), 4000))
    return f"<p>{shown}</p>"


def _example(found: Finding) -> str:
    fix = found.fix
    html = f"<h2>An example, as runbook judges it</h2>{para(found.summary)}{items(found.evidence)}"
    html += diff(fix.patch) if fix.patch else ""
    html += commands(fix.command_lines) + (para(fix.applies) if fix.applies else "")
    if fix.verify:
        html += f"<h3>What shows that it is mended</h3>{commands(fix.verify_lines)}"
    if found.refuted:
        html += "<h3>What it was not</h3><ul>"
        html += "".join(f"<li>{_link(r.cause)}: {esc(r.because)}</li>" for r in found.refuted) + "</ul>"
    return html


def _link(cause: str) -> str:
    return f'<a href="{esc(cause)}.html">{esc(cause)}</a>' if any(r.id == cause for r in ordered()) else esc(cause)


def _worked(rule: Rule, cases: Path) -> Finding | None:
    """What the engine says of a case of that cause: one with a diff, where there is one."""
    found = [f for path in sorted(cases.glob(f"{rule.id}/bad-*.yaml"))[:_MOST_TRIED] for f in _judged(path, rule.id)]
    return next((f for f in found if f.fix.patch), found[0] if found else None)


def _judged(path: Path, cause: str) -> Iterator[Finding]:
    with incident(path) as request:
        diagnosis = diagnose(collect(request, Vault())).diagnosis
    yield from (f for f in (*diagnosis.causes[:1], *diagnosis.warnings) if f.cause == cause)


@contextmanager
def incident(path: Path) -> Iterator[Request]:
    """The files of a case in a folder, as somebody hands them over."""
    case: dict[str, Any] = yaml.safe_load(path.read_text(encoding="utf-8"))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name, "incident")
        folder.mkdir()
        for file, text in case["files"].items():
            target = folder / file
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_bytes(text.encode(case.get("encoding", {}).get(file, "utf-8")))
        words = dict(zip(case.get("args", ())[::2], case.get("args", ())[1::2], strict=False))
        password = str(case.get("env", {}).get(words.get("--password-env"), "")) or None
        yield Request(paths=(str(folder),), user=words.get("--user"), password=password)
