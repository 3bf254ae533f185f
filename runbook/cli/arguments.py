"""What may stand on the command line, and what is said when something else does."""

import argparse
import difflib
from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, NoReturn

from runbook import __version__, door
from runbook.lazy import re

Run = Callable[[argparse.Namespace], int]

EXIT_CODES = """exit codes:
  0 healthy   1 internal error   2 wrong use or unreadable input
  3 a fault was found   4 warnings only   5 inconclusive (unreachable, or nothing to judge)"""


class Parser(argparse.ArgumentParser):
    """argparse that answers in one sentence, with the nearest word that exists."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(allow_abbrev=False, **kwargs)

    asked = ""
    """The command that was typed: argparse tells of its unknown options only at the top."""

    def error(self, message: str) -> NoReturn:
        """Say what is wrong and how to go on, and repeat nothing that may be a password; exit 2."""
        command = f"{self.prog} {self.asked}".strip()
        door.say(f"runbook: {_plain(message, self)}")
        door.say(f"Try: {command} --help")
        self.exit(2)

    @property
    def words(self) -> list[str]:
        """All options and commands that this parser knows."""
        found = [word for action in self._actions for word in action.option_strings if word.startswith("--")]
        for action in self._actions:
            for choice in action.choices or ():
                below = action.choices[choice] if isinstance(action.choices, dict) else None
                found += below.words if isinstance(below, Parser) else [str(choice)]
        return found


def parser(arguments: Sequence[str], *, whole: bool = False) -> Parser:
    """The parser of the command line. Commands are filled in when they are asked for, or all (`whole`)."""
    top = Parser(
        prog="runbook",
        description="Finds out why a Docker registry says 401, proves it, and teaches it.",
        epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument("--version", action="version", version=f"runbook {__version__}")
    commands = top.add_subparsers(dest="command", metavar="COMMAND", required=True)
    asked = next((word for word in arguments if not word.startswith("-")), "")
    top.asked = asked if asked in {row[0] for row in _COMMANDS} else ""
    for name, help_, module, add, run in _COMMANDS:
        command = _command(commands, name, help_, _late(module, run))
        if whole or name == asked:
            _fill(command, name, module, add)
    return top


_COMMANDS = (
    ("diagnose", "judge files, URLs or both", "runbook.cli.diagnose", "add", "run"),
    ("explain", "what a cause is, how to tell it apart, how to mend it", "runbook.cli.explain", "add", "run"),
    ("doctor", "which parts of runbook this machine can use", "runbook.cli.doctor", "add", "run"),
    ("report", "run all notebooks headless and write one HTML report", "runbook.headless.commands",
     "add_report_arguments", "run_report"),
    ("demo", "break a stack on this machine, diagnose it, write the report", "runbook.headless.commands",
     "add_demo_arguments", "run_demo"),
    ("open", "show an incident in JupyterLab, as a notebook", "runbook.headless.commands",
     "add_open_arguments", "run_open"),
    ("serve", "serve a case, or the first notebook, as a web page on this machine only", "runbook.headless.commands",
     "add_serve_arguments", "run_serve"),
    ("collect", "read a running stack into a folder for `diagnose`, secrets masked", "runbook.collect.commands",
     "add_arguments", "run"),
    ("verify", "run the printed checks of a report again: which print what they should", "runbook.verify.commands",
     "add_arguments", "run"),
    ("lab", "start a stack on this machine and break it for practice", "runbook.lab.commands",
     "add_arguments", "run"),
    ("tap", "record what passes between a proxy and its registry, changing nothing", "runbook.tap.commands",
     "add_arguments", "run"),
    ("site", "write the causes as web pages, and the edition that runs in a browser", "runbook.site.commands",
     "add_arguments", "run"),
    ("mcp", "answer an assistant on standard input and output (Model Context Protocol)", "runbook.mcp.commands",
     "add_arguments", "run"),
    ("schema", "the JSON Schema of what a command prints with --format json", "runbook.cli.machine",
     "add_schema", "run_schema"),
    ("completion", "what a shell reads to complete commands and options", "runbook.cli.machine",
     "add_completion", "run_completion"),
    ("man", "the manual page: runbook man | man -l -", "runbook.cli.machine", "", "run_man"),
    ("fleet", "judge many registries, and say what is new since the last run", "runbook.fleet.commands",
     "add_arguments", "run"),
    ("check-advice", "hold a post or an answer about a registry's 401 against experiments", "runbook.advice.commands",
     "add_arguments", "run"),
    ("grade", "replay saved rounds of practice and judge them, for a class", "runbook.training.commands",
     "add_arguments", "run"),
    ("class", "serve assessed rounds of practice to a class", "runbook.training.commands",
     "add_class_arguments", "run_class"),
)  # fmt: skip
"""Subcommands: name, help, module, the function that adds arguments, the one that runs."""


def _command(commands: Any, name: str, help_: str, run: Run) -> Parser:
    command: Parser = commands.add_parser(
        name, help=help_, description=help_[0].upper() + help_[1:] + ".", epilog=EXIT_CODES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )  # fmt: skip
    command.set_defaults(run=run)
    return command


def _fill(command: Parser, name: str, module: str, add: str) -> None:
    """Let another part add its arguments; `report`, `open` and `serve` take the same target as `diagnose`."""
    from runbook.cli.target import add_target

    if name in ("report", "open", "serve"):
        add_target(command)
    if add:
        getattr(import_module(module), add)(command)


def _late(module: str, function: str) -> Run:
    def run(options: argparse.Namespace) -> int:
        return int(getattr(import_module(module), function)(options) or 0)

    return run


def _plain(message: str, parser: Parser) -> str:
    """argparse's message as a sentence that helps. What was typed in the place of a name or a value is not repeated."""
    if match := re.match(r"argument (\S+): invalid choice: '(.*)' \(choose from (.*)\)", message, re.DOTALL):
        known = re.findall(r"[\w.-]+", match[3])
        hint = _nearest(match[2], known) or f" Known are: {', '.join(known)}."
        if match[1].startswith("-"):
            return f"{match[1]} has no such value.{hint}"
        named = f" called {match[2]!r}" if re.fullmatch(r"[a-z][a-z-]{0,20}", match[2]) else ""
        return f"There is no command{named}.{hint}"
    if match := re.match(r"unrecognized arguments: (.*)", message, re.DOTALL):
        return _unknown(match[1].split(), parser)
    if match := re.match(r"argument ([\w/, -]{1,60}): (.*)", message, re.DOTALL):
        option, why = match[1].split("/")[-1].split(",")[-1].strip(), match[2]
        if "explicit argument" in why:
            return _NEVER_AN_ARGUMENT if "password" in option else f"{option} takes no value."
        return f"{option}: {why[0].lower()}{why[1:]}."
    return message[0].upper() + message[1:] + "."


_NEVER_AN_ARGUMENT = (
    "A password is never an argument: everybody on this machine can read those. Use --password-env NAME or"
    " --password-stdin."
)
_PASSWORD = re.compile(r"-p(?!-)|-{1,2}pa?s{1,2}(?:w|$|=|-)|-{1,2}pw|-{1,2}(?:secret|token|creds?)\b", re.IGNORECASE)


def _unknown(words: list[str], parser: Parser) -> str:
    """Of an option that is not known only its name is told, and of a word nothing."""
    word = next((w for w in words if w.startswith("-")), "")
    name = word.partition("=")[0]
    if not re.fullmatch(r"--[a-z][a-z-]{1,30}|-[a-zA-Z]", name):
        if _PASSWORD.match(word):
            return _NEVER_AN_ARGUMENT
        return f"{word[:2]}… is not known here." if word else "That is one argument too many."
    if _PASSWORD.match(name) and name not in parser.words:
        return _NEVER_AN_ARGUMENT
    if name in _FORMATS and {"--format", "--report"} & set(parser.words):
        return f"{name} is not known here. Did you mean {_FORMATS[name]}?"
    return f"{name} is not known here.{_nearest(_DOCKERS.get(name, name), parser.words)}"


_FORMATS = {
    **{f"--{form}": f"--format {form}" for form in ("json", "markdown", "junit", "sarif", "text")},
    "--html": "--report FILE.html",
    "--md": "--format markdown",
}
"""Outputs, asked for as other programs have them."""
_DOCKERS = {"-u": "--user", "-o": "--output", "-f": "--format"}
"""What hands used to docker and curl type."""


def _nearest(word: str, known: list[str]) -> str:
    near = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f" Did you mean {near[0]}?" if near else ""
