"""`runbook grade`."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from runbook import door
from runbook.cli.output import check_writable
from runbook.collect import UsageError


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument("files", nargs="+", metavar="FILE", help="rounds as learners saved them")
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.add_argument("--html", metavar="FILE", help="write the table of the class as one HTML file")


def run(options: Namespace) -> int:
    """Grade every file; 2 when one of them could not be graded."""
    from runbook.training.grade import as_html, as_json, as_text, grade

    if options.html:
        check_writable(options.html)
    for file in options.files:
        if not Path(file).is_file():
            raise UsageError(f"There is no file {file}.")
    grades = [grade(Path(file)) for file in options.files]
    door.out(as_json(grades) if options.format == "json" else as_text(grades), options.vault)
    if options.html:
        door.write(options.html, as_html(grades), options.vault)
    return 2 if any(g.problem for g in grades) else 0
