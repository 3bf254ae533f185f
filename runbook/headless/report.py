"""From a request to a folder: evidence, executed notebooks, report.html and report.json, the card, the summary."""

import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import nbformat

from runbook import __version__, door
from runbook.collect import Request, UsageError, collect
from runbook.collect.evidence_file import dump_evidence
from runbook.folder import VARIABLE, CaseFolder
from runbook.headless.card import draw
from runbook.headless.execute import Executed, execute_all
from runbook.headless.places import notebooks
from runbook.headless.reading import KEPT, LESSON, LIVE, page, without
from runbook.judge import Run, diagnose
from runbook.leftovers import named, sweep
from runbook.model import Evidence
from runbook.redact import Vault
from runbook.report import render_html, render_json, words
from runbook.report.card import card, summary
from runbook.report.history import Earlier, compare
from runbook.report.html import NotebookResult
from runbook.report.picture import picture

EVIDENCE = "evidence.json"
MAKING = ".making-"
Say = Callable[[str], None]


def make_report(
    request: Request, vault: Vault, folder: Path, say: Say, earlier: Earlier | None = None, *, png: bool = False
) -> Run:
    """Collect once, judge, let every notebook show its part of the same evidence, and write the folder.

    The notebooks get the saved evidence, which holds no secret. Files
    are made beside the folder and moved in when they are whole. `png`: the card as a PNG, too.
    """
    say("collecting evidence")
    case = _case(request)
    evidence = _of_case(case, vault) if case else collect(request, vault)
    fatal = [p for p in evidence.problems if p.fatal]
    if fatal:
        raise UsageError("; ".join(f"{p.place}: {p.message}" for p in fatal))
    run = diagnose(evidence)
    changes = compare(run, earlier) if earlier else None
    folder.mkdir(parents=True, exist_ok=True)
    sweep(folder, MAKING)
    with tempfile.TemporaryDirectory(dir=folder, prefix=named(MAKING)) as name:
        making = Path(name)
        door.write(making / EVIDENCE, dump_evidence(evidence, __version__).decode(), vault)
        results = _execute(making, say, case, vault)
        links = [_link(executed, vault) for executed in results]
        pages = {
            "report.html": render_html(run, notebooks=links, changes=changes),
            "report.json": render_json(run, changes),
        }
        pages |= {"card.svg": card(run), "summary.txt": summary(run).text}
        drawn = picture(run)
        if drawn.journeys:
            pages["picture.svg"] = drawn.svg
        for file, text in pages.items():
            door.write(making / words.file_name(run, file), text, vault)
        if png and (why := draw(pages["card.svg"], making / words.file_name(run, "card.png"), vault)):
            say(why)
        for path in sorted(making.iterdir()):
            if path.is_file():
                shutil.move(path, folder / path.name)
    return run


def _case(request: Request) -> CaseFolder | None:
    """The case whose folder was given in place of an incident."""
    paths = [Path(p) for p in request.paths]
    return CaseFolder(paths[0].resolve()) if len(paths) == 1 and (paths[0] / "case.json").is_file() else None


def _of_case(case: CaseFolder, vault: Vault) -> Evidence:
    """What is known of a case, collected again where that is possible here."""
    asked = case.asked()
    known = None if asked.can_be_asked else case.evidence()
    if known is None and not asked.can_be_asked:
        raise UsageError(f"There is no run in the case folder {case.path} yet.")
    return known or collect(asked.request, vault)


def _execute(folder: Path, say: Say, case: CaseFolder | None, vault: Vault) -> list[Executed]:
    """Run what does not teach, and make a page of each; with a case folder its runs and notes are shown as well."""
    hidden = (LESSON, LIVE) if case else (LESSON, LIVE, KEPT)
    sources = [reported(source, folder / ".in", hidden) for source in notebooks()]
    names = [source.stem for source in sources]
    ended = 0

    def tell(executed: Executed) -> None:
        nonlocal ended
        ended += 1
        state = f"failed: {executed.error}" if executed.error else "done"
        say(f"[{ended}/{len(sources)}] {executed.name} {state} ({executed.seconds:.1f} s)")
        clean(executed.path, vault)
        if executed.path.is_file():
            door.write(executed.path.with_suffix(".html"), page(executed.path, names), vault)

    say(f"running {len(sources)} notebooks")
    with told(case):
        return execute_all(sources, folder, {"bundle": EVIDENCE, "interactive": False}, tell)


def reported(source: Path, folder: Path, hidden: tuple[str, ...]) -> Path:
    """A notebook without the parts that only a person at it needs, in a folder for what is to be run."""
    folder.mkdir(exist_ok=True)
    nbformat.write(without(source, hidden), folder / source.name)
    return folder / source.name


@contextmanager
def told(case: CaseFolder | None) -> Iterator[None]:
    """Kernels see that case, or none: never the one that this process happens to be started from."""
    before = os.environ.pop(VARIABLE, None)
    if case:
        os.environ[VARIABLE] = str(case.path)
    try:
        yield
    finally:
        os.environ.pop(VARIABLE, None)
        if before is not None:
            os.environ[VARIABLE] = before


def clean(path: Path, vault: Vault) -> None:
    """Take out what must not stay in a notebook: known secrets, widget state, this machine's paths."""
    if not path.is_file():
        return
    try:
        notebook = json.loads(path.read_text(encoding="utf-8"))
    except ValueError:  # written half, as on a full disk: nothing of it was looked through
        path.unlink()
        return
    notebook["metadata"].pop("widgets", None)
    papermill = notebook["metadata"].get("papermill", {})
    for key in ("input_path", "output_path"):
        if papermill.get(key):
            papermill[key] = Path(papermill[key]).name
    notebook["metadata"]["kernelspec"] = {"display_name": "Python 3", "language": "python", "name": "python3"}
    text = json.dumps(notebook, ensure_ascii=False, indent=1)
    door.write(path, text, vault)


def _link(executed: Executed, vault: Vault) -> NotebookResult:
    title = executed.name.replace("_", " ")
    note = vault.mask(executed.error, 300) if executed.error else f"{executed.seconds:.1f} s"
    shown = executed.path.with_suffix(".html") if executed.path.is_file() else executed.path
    return NotebookResult(title, shown.name, not executed.error, note)


def to_stderr(message: str) -> None:
    """Progress goes where it does not disturb a pipe."""
    door.say(f"runbook: {message}")
