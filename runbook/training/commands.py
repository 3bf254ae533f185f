"""`runbook grade` and `runbook class`."""

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
        "--difficulty", metavar="FILE", help="write how hard each cause is; with --secret your class's results count"
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
    from runbook.training.difficulty import statistics, with_class
    from runbook.training.grade import as_json, as_text, grade
    from runbook.training.overview import as_csv, as_html, played

    known = statistics()
    for file in filter(None, (options.html, options.csv, options.difficulty)):
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
    if options.difficulty:
        door.write(options.difficulty, with_class(known, played(grades)).text(), options.vault)
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


def add_class_arguments(parser: ArgumentParser) -> None:
    """Declare the arguments of `class`."""
    commands = parser.add_subparsers(dest="what", metavar="COMMAND", required=True)
    serve = commands.add_parser(
        "serve", help="run assessed rounds: the stacks, the logs and the clock are on this side"
    )
    serve.add_argument(
        "--secret",
        required=True,
        metavar="FILE",
        help="at least 16 characters that only the trainer has; draws the seeds, seals the logs",
    )
    serve.add_argument("--learners", required=True, metavar="FILE", help="one name a line")
    serve.add_argument("--output", required=True, metavar="DIR", help="where the logs and tokens.csv go")
    serve.add_argument(
        "--round", default="final", metavar="STEP", help="simplify, htpasswd, headers, align or final (default)"
    )
    serve.add_argument(
        "--proxy",
        default="",
        help="ui, nginx, caddy, haproxy or apache in front, docker for a docker client, or kubernetes for manifests; without it the seed decides",
    )
    serve.add_argument(
        "--number",
        type=int,
        default=1,
        metavar="N",
        help="which round of the class this is: another number, other seeds",
    )
    serve.add_argument(
        "--address", default="127.0.0.1", help="address to listen on; another one than loopback sends tokens in clear"
    )
    serve.add_argument("--port", type=int, default=0, help="0: a free one")


def run_class(options: Namespace) -> int:
    """Serve a class until Ctrl-C."""
    from runbook.training.assessed import Classroom
    from runbook.training.draw import ROUNDS, draw

    if options.round not in ROUNDS:
        raise UsageError(f"--round is one of {', '.join(ROUNDS)}.")
    draw(options.round, 1, 0, proxy=options.proxy)
    secret, learners, folder = secret_of(options.secret), _learners(options.learners), Path(options.output)
    try:
        folder.mkdir(parents=True, exist_ok=True, mode=0o700)
        room = Classroom(
            secret, learners, options.round, folder, options.number, options.address, options.port, options.proxy
        )
    except (OSError, OverflowError) as error:
        raise UsageError(f"The class cannot be served: {getattr(error, 'strerror', None) or error}.") from None
    rows = [f"{seat.learner},{token}" for token, seat in room.seats.items()]
    door.write(folder / "tokens.csv", "\n".join(["learner,token", *rows]), options.vault)
    door.say(
        f"{len(learners)} learners; tokens in {folder / 'tokens.csv'}. Each sets RUNBOOK_CLASS_TOKEN and server = {room.url!r} in the notebook."
    )
    if options.address not in ("127.0.0.1", "::1", "localhost"):
        door.say("This address is not loopback: tokens and answers travel in clear. Put TLS in front, or use a tunnel.")
    try:
        room.serve()
    finally:
        room.close()
    return 0


def _learners(file: str) -> list[str]:
    from runbook.collect.read import whole

    try:
        names = [line.strip() for line in whole(Path(file), 1 << 16).decode("utf-8", "replace").splitlines()]
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror or type(error).__name__}.") from None
    found = [name for name in names if name]
    if not found or len(set(found)) < len(found) or any(len(n) > 100 or "," in n or not n.isprintable() for n in found):
        raise UsageError(f"{file} must hold one name a line, each once, without commas.")
    return found
