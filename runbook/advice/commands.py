"""`runbook check-advice`."""

import sys
from argparse import ArgumentParser, Namespace
from pathlib import Path

from runbook import door
from runbook.collect import UsageError
from runbook.redact import Vault

_LARGEST = 4 << 20
EXIT = {"wrong": 3, "depends": 4, "true": 0}
NOTHING = 5


def add_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments."""
    parser.add_argument(
        "file",
        nargs="?",
        metavar="FILE",
        help="a post, a ticket or an assistant's answer; - reads it from standard input",
    )
    parser.add_argument(
        "--run",
        dest="experiment",
        metavar="EXPERIMENT",
        help="run one experiment and show what comes back, instead of checking a text",
    )
    parser.add_argument("--format", choices=("text", "json"), default="text")


def run(options: Namespace) -> int:
    """Check a text: 3 a wrong claim, 4 only claims that depend, 0 true ones, 5 none that can be tried."""
    vault: Vault = options.vault
    if options.experiment:
        return _experiment(options.experiment, vault)
    if not options.file:
        raise UsageError("Name a file with the advice, or - for standard input.")
    from runbook.advice.check import check
    from runbook.advice.views import as_json, as_text

    judged = check(_read(options.file))
    door.out(as_json(judged, vault) if options.format == "json" else as_text(judged, vault), vault)
    verdicts = {j.verdict for j in judged}
    return next((EXIT[v] for v in ("wrong", "depends", "true") if v in verdicts), NOTHING)


def _experiment(name: str, vault: Vault) -> int:
    from runbook.experiments import EXPERIMENTS, experiment

    if name not in EXPERIMENTS:
        raise UsageError(f"There is no experiment called that. There are: {', '.join(EXPERIMENTS)}.")
    door.out(repr(experiment(name, "auto")), vault)
    return 0


def _read(name: str) -> str:
    """The text of a file, of a saved web page, or of standard input."""
    from runbook.collect.read import first_text, whole
    from runbook.collect.unpack.page import is_page, page_text

    if name == "-":
        if sys.stdin is None:
            raise UsageError("Standard input is closed.")
        data = sys.stdin.buffer.read(_LARGEST + 1)
        if len(data) > _LARGEST:
            raise UsageError("Standard input holds more than 4 MB.")
    else:
        try:
            data = whole(Path(name), _LARGEST)
        except OSError as error:
            raise UsageError(f"{name} cannot be read: {error.strerror or type(error).__name__}.") from None
    if b"\0" in data[:4096] and not data.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise UsageError(f"{name} is no text.")
    text = first_text(data)
    return "\n".join(page_text(text).rows) if is_page(name, text[:4000]) else text
