"""`runbook explain CAUSE`: a cause of the catalogue in a page; without a name, the list of all."""

import argparse
import difflib
import json
import shutil
from typing import TYPE_CHECKING, Any

from runbook import door
from runbook.cli.output import colour_wanted
from runbook.collect import UsageError
from runbook.model import STEPS
from runbook.redact import Vault

if TYPE_CHECKING:
    from runbook.rules import Rule


def add(parser: argparse.ArgumentParser) -> None:
    """The options of `explain`."""
    parser.add_argument("cause", metavar="CAUSE", nargs="?", help="the id of a cause; none: list all of them")
    parser.add_argument("--format", choices=("text", "json", "markdown"), default="text", help="default text")


def run(options: argparse.Namespace) -> int:
    """Print one cause, or all names."""
    vault: Vault = options.vault
    from runbook import rules

    known = rules.load()
    if options.cause is None:
        _show_all(known, options.format, vault)
        return 0
    found = known.get(options.cause.strip().lower())
    if found is None:
        near = difflib.get_close_matches(options.cause, known, n=3, cutoff=0.4)
        hint = f"Did you mean {' or '.join(near)}?" if near else "`runbook explain` lists all of them."
        raise UsageError(f"No cause is called {vault.mask(options.cause, 80)}. {hint}")
    if options.format != "text":
        from runbook.report import catalogue

        one = {**catalogue.catalogue(), "causes": [catalogue.as_object(found)]}
        door.out(_json(one) if options.format == "json" else catalogue.as_markdown(found), vault)
        return 0
    from runbook.report.explain import explain

    print(explain(found.id, color=colour_wanted(), width=shutil.get_terminal_size((100, 24)).columns))
    return 0


def _show_all(known: dict[str, "Rule"], format_: str, vault: Vault) -> None:
    from runbook.report import catalogue

    if format_ == "text":
        print(listing(known))
    else:
        door.out(_json(catalogue.catalogue()) if format_ == "json" else catalogue.catalogue_markdown(), vault)


def _json(body: dict[str, Any]) -> str:
    return json.dumps(body, ensure_ascii=False, indent=1)


def listing(known: dict[str, "Rule"]) -> str:
    """All causes by step."""
    blocks = []
    for step in STEPS:
        rows = [f"  {r.id:38} {r.title}" for r in sorted(known.values(), key=lambda r: r.id) if r.step == step]
        blocks.append("\n".join([step, *rows]))
    return "\n\n".join(blocks)
