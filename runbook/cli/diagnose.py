"""`runbook diagnose`: collect, judge, show. One exit code, the same for every format."""

import argparse
import os
import shutil
import sys
from collections.abc import Callable
from typing import TYPE_CHECKING

from runbook import __version__, door
from runbook.cli.output import check_writable, colour_wanted
from runbook.cli.target import add_running, add_target, request_from
from runbook.collect import UsageError
from runbook.redact import Vault
from runbook.redact.text import one_line

if TYPE_CHECKING:
    from runbook.judge import Run
    from runbook.report.history import Earlier

FORMATS = ("text", "json", "markdown", "junit", "sarif")


def add(parser: argparse.ArgumentParser) -> None:
    """The options of `diagnose`."""
    add_target(parser)
    parser.add_argument("--collect", action="store_true", help="also read the running stack through docker, read-only")
    parser.add_argument("--container", dest="containers", metavar="NAME", action="append", default=[],
                        help="with --collect: this container (may be repeated)")  # fmt: skip
    add_running(parser)
    parser.add_argument("--format", choices=FORMATS, default="text", help="how the verdict is written (default text)")
    parser.add_argument("--output", metavar="FILE", help="write it there instead of standard output")
    parser.add_argument("--report", metavar="FILE.html", help="also write a report as one HTML file")
    parser.add_argument("--save-evidence", metavar="FILE.json", help="also save the evidence, without secrets")
    parser.add_argument(
        "--prove",
        action="store_true",
        help="rebuild the stack from its files on this machine, show the symptom there, and the fix without it",
    )
    parser.add_argument(
        "--compare", metavar="EARLIER.json", help="an earlier report: say which causes are new, still there, mended"
    )
    parser.add_argument(
        "--fail-on", choices=("error", "warning", "never"), default="warning",
        help="error: warnings alone end with 0; never: a verdict ends with 0 whatever it is",
    )  # fmt: skip


def run(options: argparse.Namespace) -> int:
    """Diagnose and show; the exit code tells the verdict."""
    vault: Vault = options.vault
    files = [f for f in (options.output, options.report, options.save_evidence) if f]
    for file in files:
        check_writable(file)
    if len({os.path.abspath(f) for f in files}) < len(files):
        raise UsageError("--output, --report and --save-evidence need a file each, not the same one.")
    from runbook.collect import collect
    from runbook.judge import diagnose
    from runbook.report.history import earlier_report

    earlier = earlier_report(options.compare) if options.compare else None
    progress = _Progress()
    try:
        evidence = collect(request_from(options), vault, progress)
    finally:
        progress.done()
    fatal = [p for p in evidence.problems if p.fatal]
    if fatal:
        for problem in fatal:
            door.say(f"runbook: {problem.place}: {problem.message}", vault)
        return 2
    result = diagnose(evidence)
    if options.prove:
        from runbook.twin import prove

        result = prove(result)
    if options.save_evidence:
        from runbook.collect.evidence_file import dump_evidence

        door.write(options.save_evidence, dump_evidence(evidence, __version__).decode(), vault)
    if options.report:
        from runbook.report import render_html

        door.write(options.report, render_html(result), vault)
    text = rendered(result, options.format, to_file=options.output is not None)
    if earlier is not None:
        text = _compared(text, result, earlier, options.format, vault)
    if options.output:
        door.write(options.output, text, vault)
        door.say(f"Written to {options.output}.")
    else:
        door.out(text, vault)
    return exit_code(result, options.fail_on)


def rendered(result: "Run", format_: str, *, to_file: bool) -> str:
    """The verdict in that format."""
    from runbook import report

    if format_ == "text":
        width = min(shutil.get_terminal_size((100, 24)).columns, 120)
        return str(report.render_terminal(result, color=not to_file and colour_wanted(), width=width))
    view: Callable[[Run], str] = getattr(report, f"render_{format_}")
    return view(result)


def _compared(text: str, result: "Run", earlier: "Earlier", format_: str, vault: Vault) -> str:
    """The verdict with what changed since the earlier report; formats that have no place for it say it beside."""
    from runbook.report.history import compare

    changes = compare(result, earlier)
    if format_ == "json":
        from runbook.report import render_json

        return str(render_json(result, changes))
    if format_ == "text":
        return "\n".join([text.rstrip(), "", *changes.sentences()])
    for sentence in changes.sentences():
        door.say(sentence, vault)
    return text


def exit_code(result: "Run", fail_on: str) -> int:
    """The contract's code, softened as --fail-on says."""
    code = result.diagnosis.exit_code
    if fail_on == "never" or (fail_on == "error" and code == 4):
        return 0
    return code


class _Progress:
    """One line on a terminal that says what is being done, and goes away; elsewhere nothing."""

    def __init__(self) -> None:
        self._shown = sys.stderr is not None and sys.stderr.isatty()

    def __call__(self, message: str) -> None:
        if self._shown:
            width = shutil.get_terminal_size((80, 24)).columns - 1
            print(f"\r\x1b[K{one_line(message, width)}", end="", file=sys.stderr, flush=True)

    def done(self) -> None:
        """Clear the line."""
        if self._shown:
            print("\r\x1b[K", end="", file=sys.stderr, flush=True)
