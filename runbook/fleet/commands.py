"""`runbook fleet INVENTORY`, `runbook fleet history`, `runbook fleet metrics`, `runbook fleet schema`."""

import argparse
import importlib.util
import json
import re
import shutil
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from runbook import door
from runbook.cli.output import check_writable
from runbook.collect.request import UsageError, password_from_env
from runbook.redact import Vault
from runbook.redact.text import one_line, visible

if TYPE_CHECKING:
    from runbook.fleet.inventory import Inventory, Target
    from runbook.fleet.one import Judged
    from runbook.fleet.rollup import Rollup
    from runbook.fleet.store import Started, Store

FORMATS = ("text", "json", "markdown", "junit")
FAULT, WARNINGS, INCONCLUSIVE = 3, 4, 5


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `runbook fleet`."""
    parser.add_argument(
        "inventory", metavar="INVENTORY",
        help="a YAML or CSV file, or a folder of bundles; or: history, metrics, schema",
    )  # fmt: skip
    parser.add_argument("name", metavar="NAME", nargs="?", help="for history: one registry")
    parser.add_argument(
        "--output-dir", metavar="DIR", default="runbook-fleet",
        help="folder of the history, the page, the reports (default %(default)s)",
    )  # fmt: skip
    parser.add_argument("--fleet", metavar="NAME", help="for history and metrics: which inventory (its file's name)")
    parser.add_argument("--format", choices=FORMATS, default="text", help="what is printed (default text)")
    parser.add_argument("--jobs", metavar="N", type=_count, default=32, help="registries asked at once (%(default)s)")
    parser.add_argument("--per-host", metavar="N", type=_count, default=8, help="of these, on one host (%(default)s)")
    parser.add_argument("--fresh", action="store_true", help="start over where an interrupted run could go on")
    parser.add_argument(
        "--keep", metavar="RUNS", type=_count, default=90, help="runs kept in the history (%(default)s)"
    )
    parser.add_argument(
        "--notebooks",
        metavar="DIR",
        help="write the executed case notebook of each fault into this folder (seconds each)",
    )
    parser.add_argument("--scheduler", metavar="ADDRESS", help="let the workers of a Dask scheduler do the work")
    parser.add_argument(
        "--prometheus", metavar="FILE.prom", help="write metrics for node_exporter's textfile collector"
    )
    parser.add_argument(
        "--port", metavar="PORT", type=_count, default=9402, help="for metrics: port on loopback (%(default)s)"
    )
    parser.add_argument(
        "--webhook-env", metavar="VAR", help="NAME of the variable with an address that gets the changes"
    )
    parser.add_argument(
        "--webhook-format", choices=("json", "slack", "alertmanager"), default="json", help="(default json)"
    )
    parser.add_argument(
        "--max-faults", metavar="N|N%", type=_share, default=(0, False), help="faults that are tolerated (0)"
    )
    parser.add_argument(
        "--max-inconclusive", metavar="N|N%", type=_share, default=(0, False), help="the same for inconclusive (0)"
    )
    parser.add_argument(
        "--fail-on", choices=("error", "warning", "new", "never"), default="warning",
        help="as for diagnose; new: only faults that the run before did not have (default warning)",
    )  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Do what the first word says."""
    vault: Vault = options.vault
    if options.inventory == "schema":
        from runbook.fleet.inventory import schema

        door.out(json.dumps(schema(), indent=1), vault)
        return 0
    if options.inventory == "history":
        return _history(options, vault)
    if options.inventory == "metrics":
        return _metrics(options)
    if options.name is not None:
        raise UsageError("That is one argument too many: a name goes with `runbook fleet history NAME`.")
    return _night(options, vault)


def _night(options: argparse.Namespace, vault: Vault) -> int:
    """Ask everything, compare with the run before, write and tell."""
    from runbook.fleet.inventory import load
    from runbook.fleet.store import opened

    inventory = load(Path(options.inventory))
    url = password_from_env(options.webhook_env) if options.webhook_env else None
    folder = Path(options.output_dir)
    try:
        (folder / "reports").mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--output-dir {folder} cannot be made: {error.strerror}.") from None
    if options.prometheus:
        check_writable(options.prometheus)
    if options.notebooks:
        _notebooks_folder(Path(options.notebooks))
    with opened(folder / "history.sqlite") as store:
        started = store.begin(inventory, time.time(), fresh=options.fresh)
        _ask(inventory, store, started, folder, options)
        fleet = _rolled_up(inventory, store, started)
        _write(fleet, folder, options, vault)
        if url is not None:
            _notify(fleet, url, options.webhook_format, vault)
        store.finish(started.id, fleet.finished, options.keep)
    door.out(_view(options.format)(fleet), vault)
    door.say(f"runbook: the page is {folder / 'index.html'}")
    return exit_code(fleet, options)


def _notebooks_folder(folder: Path) -> None:
    if importlib.util.find_spec("papermill") is None:
        raise UsageError("--notebooks needs the notebooks' packages: pip install registry-runbook.")
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"--notebooks {folder} cannot be made: {error.strerror}.") from None


def _ask(inventory: "Inventory", store: "Store", started: "Started", folder: Path, options: argparse.Namespace) -> None:
    """Judge what is not yet recorded. The report is written before the record: what is recorded is whole."""
    from runbook.fleet.engine import Bounds, distributed, local, work_through
    from runbook.fleet.one import judge
    from runbook.fleet.processes import processes_for
    from runbook.fleet.rollup import held_against

    done = store.results(started.id)
    today = datetime.now(UTC).date()
    left = [target for target in inventory.targets if target.name not in done]
    if done:
        door.say(f"runbook: going on with an interrupted run: {len(done)} of {len(inventory.targets)} are done.")
    progress = _Progress(len(inventory.targets), len(done))
    notebooks = Path(options.notebooks) if options.notebooks else None
    no_secrets = Vault()  # every result was published by the vault of its own run

    def record(target: "Target", judged: "Judged") -> None:
        row = held_against(target, judged.result, today)
        page = folder / "reports" / f"{target.name}.html"
        if judged.report:
            door.write(page, judged.report, no_secrets, tidy=False)
        else:
            page.unlink(missing_ok=True)
        if notebooks:
            _keep(notebooks / f"{target.name}.ipynb", judged)
        store.record(started.id, judged.result, row.state, row.found, time.time())
        progress.one(is_fault=row.state == "fault")

    bounds = Bounds(options.jobs, min(options.per_host, options.jobs))
    try:
        processes = 1 if notebooks else processes_for(len(left))  # notebooks have processes of their own
        here = distributed(options.scheduler) if options.scheduler else local(bounds, processes)
        with here as choose:
            work_through(left, choose, bounds, record, partial(judge, notebooks=notebooks is not None))
    finally:
        progress.done()


def _keep(path: Path, judged: "Judged") -> None:
    """The notebook of a fault; the one of a night before goes when there is none now."""
    if judged.notebook:
        door.write(path, judged.notebook, Vault())
        return
    path.unlink(missing_ok=True)
    if judged.result.verdict == "fault":
        door.say(f"runbook: no notebook could be made for {visible(judged.result.target, 100)}.")


def _rolled_up(inventory: "Inventory", store: "Store", started: "Started") -> "Rollup":
    from runbook.fleet.rollup import held_against, roll_up

    results = store.results(started.id)
    today = datetime.now(UTC).date()
    rows = [held_against(target, results[target.name], today) for target in inventory.targets]
    return roll_up(inventory.name, started, rows, store.past(inventory.name, started.id), time.time())


def _view(format_: str) -> "Callable[[Rollup], str]":
    from runbook.fleet import views

    found: dict[str, Callable[[Rollup], str]] = {
        "text": views.as_text, "json": views.as_json, "markdown": views.as_markdown, "junit": views.as_junit,
    }  # fmt: skip
    return found[format_]


def _write(fleet: "Rollup", folder: Path, options: argparse.Namespace, vault: Vault) -> None:
    """The page, the forms for programs, the metrics; reports of targets that are gone are taken away."""
    from runbook.fleet import views

    names = {row.target.name for row in fleet.rows}
    reports = set()
    for path in (folder / "reports").iterdir():
        if path.suffix == ".html" and path.stem in names:
            reports.add(path.stem)
        elif path.suffix == ".html" or path.name.startswith("."):  # one that was being written when a run was killed
            path.unlink()
    door.write(folder / "index.html", views.as_html(fleet, reports), vault)
    for format_, name in (("json", "fleet.json"), ("markdown", "fleet.md"), ("junit", "junit.xml")):
        door.write(folder / name, _view(format_)(fleet), vault)
    if options.prometheus:
        from runbook.fleet.metrics import as_text

        door.write(options.prometheus, as_text(fleet), vault)
        Path(options.prometheus).chmod(0o644)  # the exporter is another user


def _notify(fleet: "Rollup", url: str, form: str, vault: Vault) -> None:
    from runbook.fleet.notify import FORMS, send, wanted

    chosen = next(f for f in FORMS if f == form)
    if wanted(fleet, chosen) and (why := send(fleet, chosen, url, vault)):
        door.say(f"runbook: nobody was notified: {why}.", vault)


def exit_code(fleet: "Rollup", options: argparse.Namespace) -> int:
    """The contract's code for a whole fleet: what is beyond the thresholds, worst first."""
    faults = (
        len({row.target.name for row, _ in fleet.changed("new")}) if options.fail_on == "new" else fleet.counts["fault"]
    )
    total = len(fleet.rows)
    if options.fail_on == "never":
        return 0
    if _beyond(faults, options.max_faults, total):
        return FAULT
    if fleet.counts["error"]:
        return 1
    if _beyond(fleet.counts["inconclusive"], options.max_inconclusive, total):
        return INCONCLUSIVE
    if options.fail_on == "warning" and total > fleet.counts["healthy"] + fleet.counts["waived"]:  # tolerated ones, too
        return WARNINGS
    return 0


def _beyond(count: int, most: tuple[float, bool], total: int) -> bool:
    number, is_share = most
    return count > (total * number / 100 if is_share else number)


def _history(options: argparse.Namespace, vault: Vault) -> int:
    """The runs so far, or one registry through all of them."""
    from runbook.fleet import views
    from runbook.fleet.rollup import STATES
    from runbook.fleet.store import opened

    with opened(Path(options.output_dir) / "history.sqlite", new=False) as store:
        fleet = _which(store, options.fleet)
        if options.name:
            rows = [
                (views.day(r.started), state, ", ".join(found))
                for r, state, found in store.of_target(fleet, options.name)
            ]
            head = ("run", "state", "causes")
            if not rows:
                raise UsageError(f"The history of {fleet} knows no registry of that name.")
        else:
            past = store.past(fleet)
            rows = []
            for run_, counts in store.totals(fleet):
                top = sorted(((by.get(run_.id, 0), cause) for cause, by in past.counts.items()), reverse=True)
                causes = ", ".join(f"{n} × {cause}" for n, cause in top[:5] if n)
                rows.append(
                    (views.day(run_.started), ", ".join(f"{counts[s]} {s}" for s in STATES if s in counts), causes)
                )
            head = ("run", "registries", "causes")
    if options.format == "json":
        text = json.dumps(
            {"schema": 1, "fleet": fleet, "rows": [dict(zip(head, r, strict=True)) for r in rows]}, indent=1
        )
    elif options.format == "text":
        width = max((len(row[1]) for row in rows), default=0)
        text = "\n".join(f"{when}  {state:{width}}  {causes}".rstrip() for when, state, causes in rows)
    else:
        raise UsageError("history is given as text or json.")
    door.out(text or "No run has ended yet.", vault)
    return 0


def _which(store: "Store", wanted: str | None) -> str:
    known = store.fleets()
    if wanted is None and len(known) == 1:
        return known[0]
    if wanted is None or wanted not in known:
        raise UsageError(
            f"Say which with --fleet NAME: {', '.join(visible(k, 80) for k in known) or 'there is none yet'}."
        )
    return wanted


def _metrics(options: argparse.Namespace) -> int:
    """Serve the file of the last run on loopback, read at each scrape, until told to stop."""
    from runbook.fleet.metrics import serve

    if not options.prometheus:
        raise UsageError("metrics needs --prometheus FILE.prom: the file that the runs write.")
    server, thread = serve(Path(options.prometheus), options.port)
    door.say(f"runbook: http://127.0.0.1:{options.port}/metrics; Ctrl-C ends it.")
    try:
        thread.join()
    finally:
        server.shutdown()
    return 0


class _Progress:
    """How many, how fast, how long still, how many faults: a line that is rewritten, or one every half minute."""

    def __init__(self, total: int, done: int) -> None:
        self._total, self._before, self._now, self._faults = total, done, done, 0
        self._began, self._told = time.monotonic(), time.monotonic()
        self._terminal = sys.stderr is not None and sys.stderr.isatty()

    def one(self, *, is_fault: bool) -> None:
        """Another one is done."""
        self._now += 1
        self._faults += is_fault
        now = time.monotonic()
        if now - self._told < (0.2 if self._terminal else 30):
            return
        self._told = now
        rate = (self._now - self._before) / max(now - self._began, 0.001)
        left = (self._total - self._now) / rate
        line = f"{self._now} of {self._total}, {rate:.1f} a second, {left:.0f} s left, {self._faults} with a fault"
        if self._terminal:
            width = shutil.get_terminal_size((80, 24)).columns - 1
            print(f"\r\x1b[K{one_line(line, width)}", end="", file=sys.stderr, flush=True)
        else:
            door.say(f"runbook: {line}")

    def done(self) -> None:
        """Clear the line."""
        if self._terminal:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)


def _count(text: str) -> int:
    if not text.isdecimal() or not 0 < int(text) <= 65535:
        raise argparse.ArgumentTypeError("that is not a number from 1 to 65535")
    return int(text)


def _share(text: str) -> tuple[float, bool]:
    match = re.fullmatch(r"(\d{1,7}(?:\.\d{1,3})?)(%?)", text)
    if match is None:
        raise argparse.ArgumentTypeError("that is neither a number nor a percentage")
    return float(match[1]), bool(match[2])
