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
from runbook.model import STEPS, Finding
from runbook.redact import Vault
from runbook.report.block import css
from runbook.report.blocks import STEP_TITLES
from runbook.report.catalogue import catalogue, ordered
from runbook.report.render import template
from runbook.rules import Rule

MARK = "catalogue.json"
"""What tells a site of ours from somebody's folder."""
_POLICY = "default-src 'none'; script-src 'self'; style-src 'self'; img-src data:; base-uri 'none'; form-action 'none'"
_MOST_TRIED = 4


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


def page(name: str, title: str, *, up: str = "", policy: str = _POLICY, script: str = "", **given: Any) -> str:
    """A page of the site from its template."""
    return template(f"site/{name}").render(
        title=title, up=up, policy=policy, script=script, version=__version__, **given
    )


def index(with_browser: bool, with_gallery: bool = False) -> str:
    """All causes by step, with a search that needs no server."""
    known = ordered()
    return page(
        "index.html.j2", "runbook: why the registry says 401", script="search.js", number=len(known),
        steps=[(STEP_TITLES[step], [r for r in known if r.step == step]) for step in STEPS],
        with_browser=with_browser, with_gallery=with_gallery,
    )  # fmt: skip


def cause_page(rule: Rule, found: Finding | None) -> str:
    """One cause: what is wrong, how it shows, a worked example, the fix, the experiment, the source."""
    return page(
        "cause.html.j2", f"{rule.id}: {rule.title}", up="../", rule=rule, found=found, step=STEP_TITLES[rule.step],
        pages=frozenset(r.id for r in ordered()), in_lab=rule.id in FAULTS,
    )  # fmt: skip


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
