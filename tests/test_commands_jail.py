"""Nothing that we print runs a stranger's program: names in hostile hands, every command of every finding, in a jail."""

import os
import random
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from runbook.collect import Request, collect
from runbook.judge import Run, diagnose
from runbook.model import Command
from runbook.redact import Vault
from runbook.report import render_html, render_markdown, render_terminal, words
from tests.case_files import Case, all_cases, judge
from tests.jail.cell import Cell, programs
from tests.jail.mutate import mutants

SLICES = 6
PIECES = ("touch PWNED", "touch$", "touch\\", "$(touch", "`touch", ";touch", "PWNED}", "s/a/")
"""Pieces of a payload that act, wherever a command quotes them: a script for sed or sh inside it would run them."""
EACH = int(os.environ.get("RUNBOOK_JAIL", "2"))
"""Mutants of each case; RUNBOOK_JAIL=12 makes more than 5,000."""


def printed(run: Run) -> Iterator[tuple[str, Command, str]]:
    """(cause, command, the line as it is printed) of every finding, and of the next step."""
    d = run.diagnosis
    for finding in (*d.causes, *d.warnings, *d.also_seen):
        yield from (
            (finding.cause, c, line) for c, line in zip(finding.fix.commands, finding.fix.command_lines, strict=True)
        )
        yield from (
            (finding.cause, c, line) for c, line in zip(finding.fix.verify, finding.fix.verify_lines, strict=True)
        )
    if d.next is not None:
        yield "next", d.next.command, str(d.next.command)


def test_the_jail_holds_and_sees(tmp_path: Path) -> None:
    cell = Cell(tmp_path)
    assert cell.escapes("docker compose up -d registry", ["docker"]) == ""
    assert cell.escapes("docker compose up -d x; touch PWNED", ["docker"])
    assert cell.escapes("docker login $(touch PWNED)", ["docker"])
    assert cell.escapes("docker login x > PWNED", ["docker"])
    assert cell.escapes("docker login `foreign`", ["docker"])
    assert cell.escapes("docker login x\nfind /", ["docker"])


def test_a_name_that_no_command_takes_is_a_finding_of_its_own(tmp_path: Path) -> None:
    hostile = "http://x$(touch${IFS}PWNED)y.invalid"
    (tmp_path / "curl.txt").write_text(
        f"$ curl -sSi -u anna http://localhost:8080/v2/\nHTTP/1.1 307 x\nLocation: {hostile}/v2/\n\n"
    )
    run = diagnose(collect(Request(paths=(str(tmp_path),)), Vault()))
    assert any("http://HOST/v2/" in line for _, _, line in printed(run))
    (odd,) = run.diagnosis.odd_names
    assert f"“{hostile}”" in odd.what
    assert "http://HOST stands there" in odd.what
    assert odd.where == "redirect-drops-authorization"
    for view in (render_terminal, render_markdown, render_html):
        assert words.ODD_NAMES in view(run)


@pytest.mark.parametrize("part", range(SLICES))
def test_no_command_runs_a_strangers_program(part: int, tmp_path: Path) -> None:
    chance, cell = random.Random(part), Cell(tmp_path / "cell")
    tried: set[str] = set()
    bundles, told = 0, []
    for number, case in enumerate(all_cases()):
        if number % SLICES != part:
            continue
        (tmp_path / str(number)).mkdir()
        run = judge(case, tmp_path / str(number))
        for count, mutant in enumerate(mutants(case, run, chance, EACH)):
            bundles += 1
            told += [
                f"{case.path.stem}: {why}" for why in _escapes(mutant, tmp_path / f"{number}-{count}", cell, tried)
            ]
    assert bundles > 50
    assert len(tried) > 50
    assert not told, "\n" + "\n".join(told[:40])


def _escapes(case: Case, folder: Path, cell: Cell, tried: set[str]) -> Iterator[str]:
    folder.mkdir()
    try:
        run = judge(case, folder)
    except ValueError:  # an argument of the case that names a file which has another name now
        return
    for cause, command, line in printed(run):
        assert isinstance(command, Command), f"{cause}: a command is a list of words"
        if line in tried:
            continue
        tried.add(line)
        if "\n" in line or "\r" in line or "\u2028" in line:
            yield f"{cause}: more than one line: {line!r}"
        elif any(piece in str(command) for piece in PIECES):
            yield f"{cause}: the payload is in it: {line!r}"
        elif why := cell.escapes(line, programs(command)):
            yield f"{cause}: {why}: {line!r}"
    odd = {word for _, command, _ in printed(run) for word in command.odd}
    if len(odd) != len(run.diagnosis.odd_names):
        yield f"{len(odd)} names were kept out of the commands, and {len(run.diagnosis.odd_names)} are told"
    for finding in (*run.diagnosis.causes, *run.diagnosis.warnings):
        for head in (row for row in (finding.fix.patch or "").split("\n") if row.startswith(("--- ", "+++ "))):
            if re.search(r"/\.\./|/\.\.$|[\x00-\x08\x0b-\x1f]", head) or head[4:].startswith("/"):
                yield f"{finding.cause}: a diff's header: {head!r}"
