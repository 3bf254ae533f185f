"""`runbook mcp`: diagnose a folder, explain a cause, check advice. Nothing is sent, changed or shown unmasked."""

import argparse
import json
import sys
from pathlib import Path

from runbook import door, rules
from runbook.advice.check import check
from runbook.advice.views import as_json
from runbook.collect import Request, UsageError, collect
from runbook.judge import Run, diagnose
from runbook.mcp.server import Tool, ToolError, serve
from runbook.parse import ParseError
from runbook.redact import Vault, printable
from runbook.report.as_json import as_object
from runbook.report.catalogue import as_markdown, catalogue_markdown


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Below which folder an assistant may name paths."""
    parser.add_argument(
        "--root", metavar="DIR", default=".", help="only files below it are read (default: this folder)"
    )


def run(options: argparse.Namespace) -> int:
    """Serve on standard input and output until it is closed."""
    root = Path(options.root).resolve()
    if not root.is_dir():
        raise UsageError(f"--root {options.root} is no folder.")
    serve(tools(root), sys.stdin.buffer, sys.stdout)
    return 0


def tools(root: Path) -> tuple[Tool, ...]:
    """All tools, bound to the folder."""
    return (
        Tool(
            "diagnose",
            "Judge the files of an incident (compose, htpasswd, proxy configuration, logs, curl transcripts) and say why"
            " the registry refuses the login, with evidence, a diff and commands that prove the fix.",
            {"path": f"a file or folder below {root.name or root}", "user": "the user who cannot log in, where known"},
            ("path",),
            lambda given: _diagnosis(root, given),
        ),
        Tool(
            "explain",
            "What a cause is, how it shows, how to mend it, with its source. Without a cause: the list of all.",
            {"cause": "the id of a cause, e.g. htpasswd-not-bcrypt"},
            (),
            _explained,
        ),
        Tool(
            "check_advice",
            "Hold a text (a blog post, an answer, your own draft) against what registries really do: which of its claims"
            " are wrong, which depend, and what is true. A claim that is not listed was not checked.",
            {"text": "the advice, as it stands"},
            ("text",),
            _checked,
        ),
    )


def _diagnosis(root: Path, given: dict[str, str]) -> str:
    path = (root / given["path"]).resolve()
    if not path.is_relative_to(root):
        raise ToolError("Only what lies below the folder that this server was started for may be read.")
    if not path.exists():
        raise ToolError("There is nothing at that path.")
    vault = Vault()
    return door.published(json.dumps(as_object(_judged(path, given.get("user"), vault)), ensure_ascii=False), vault)


def _explained(given: dict[str, str]) -> str:
    if not given.get("cause"):
        return catalogue_markdown()
    rule = rules.load().get(given["cause"].strip().lower())
    if rule is None:
        raise ToolError("There is no such cause; explain without a cause lists all of them.")
    return as_markdown(rule)


def _checked(given: dict[str, str]) -> str:
    vault = Vault()
    return door.published(as_json(check(printable(given["text"])), vault), vault)


def _judged(path: Path, user: str | None, vault: Vault) -> Run:
    try:
        return diagnose(collect(Request(paths=(str(path),), user=user or None), vault))
    except (UsageError, ParseError) as error:
        raise ToolError(vault.mask(str(error), 300)) from None
