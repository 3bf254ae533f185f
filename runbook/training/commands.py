"""`runbook grade`."""

from argparse import ArgumentParser, Namespace
from pathlib import Path

from runbook import door
from runbook.cli.output import check_writable
from runbook.collect import UsageError


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "files", nargs="+", metavar="FILE", help="rounds as learners, or the server of the class, saved them"
    )
    parser.add_argument("--format", choices=("text", "json"), default="text")
    parser.add_argument("--html", metavar="FILE", help="write the overview of the class as one HTML file")
    parser.add_argument("--csv", metavar="FILE", help="write one line for each round")
    parser.add_argument(
        "--secret", metavar="FILE", help="the secret of the class: tells rounds that its server kept from others"
    )
    parser.add_argument(
        "--limit", type=_seconds, default=10.0, metavar="SECONDS", help="work that one file may take (default 10)"
    )


def _seconds(text: str) -> float:
    value = float(text)
    if not 1 <= value <= 600:
        raise ValueError
    return value


def run(options: Namespace) -> int:
    """Grade every file; 2 when one of them could not be graded."""
    from runbook.training.grade import as_json, as_text, grade
    from runbook.training.overview import as_csv, as_html

    for file in filter(None, (options.html, options.csv)):
        check_writable(file)
    for file in options.files:
        if not Path(file).is_file():
            raise UsageError(f"There is no file {file}.")
    secret = secret_of(options.secret) if options.secret else b""
    grades = [grade(Path(file), secret, options.limit) for file in options.files]
    door.out(as_json(grades) if options.format == "json" else as_text(grades), options.vault)
    if options.html:
        door.write(options.html, as_html(grades), options.vault)
    if options.csv:
        door.write(options.csv, as_csv(grades), options.vault)
    return 2 if any(g.problem for g in grades) else 0


def secret_of(file: str) -> bytes:
    """The secret of a class, from its file."""
    from runbook.collect.read import whole

    try:
        secret = whole(Path(file), 4096).strip()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror or type(error).__name__}.") from None
    if len(secret) < 16:
        raise UsageError(f"{file} holds fewer than 16 characters: that is no secret.")
    return secret
