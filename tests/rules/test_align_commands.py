"""The commands and edits of the alignment rules: they are built from words, say what they print, and run twice."""

import subprocess
from pathlib import Path

import pytest

from runbook import rules
from runbook.model import Evidence, Interpolation, Place, Registry, Service, Setting, SourceFile
from runbook.model.command import Command
from runbook.observe.traffic import Traffic
from runbook.rules.align import add_variables, change, unset
from runbook.rules.align_htpasswd import _escape
from runbook.rules.align_storage import _set_true
from runbook.rules.base import Facts
from runbook.rules.upstreams import join_network
from runbook.stack import build
from tests.case_files import Case, all_cases, judge

MODULES = ("align", "token", "upstream")
MINE = {
    cause: rule
    for cause, rule in rules.load().items()
    if rule.function.__module__.rpartition(".")[2].startswith(MODULES)
}
FILE = "docker-compose.yml"


def evidence(text: str, path: str = FILE) -> Evidence:
    return Evidence(files=(SourceFile(path=path, kind="compose", lines=tuple(text.splitlines())),))


def patched(text: str, edits: tuple[object, ...]) -> str:
    lines = text.splitlines()
    for edit in edits:
        assert edit.file == FILE
        new = [] if edit.new is None else edit.new.split("\n")
        lines[edit.line - (edit.old is not None) : edit.line] = new
    return "\n".join(lines) + "\n"


def service(line: int = 2, **more: object) -> Service:
    return Service(name="edge", place=Place(FILE, line), **more)


@pytest.mark.parametrize("case", [c for c in all_cases() if c.cause in MINE], ids=lambda c: f"{c.cause}/{c.path.stem}")
def test_commands_are_words_and_checks_say_what_they_print(case: Case, tmp_path: Path) -> None:
    diagnosis = judge(case, tmp_path).diagnosis
    for finding in (*diagnosis.causes, *diagnosis.warnings):
        if finding.cause in MINE:
            assert all(isinstance(c, Command) for c in (*finding.fix.commands, *finding.fix.verify))
            assert not [c for c in (*finding.fix.commands, *finding.fix.verify) if c.odd]
            changes = [str(c) for c in finding.fix.verify if not c.expect]
            assert all("--force-recreate" in c or " port " in c for c in changes), changes
            assert not finding.fix.summary.endswith(".")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("    networks: [front]\n", "    networks: [front, back]\n"),
        ("    networks:\n      - front\n", "    networks:\n      - back\n      - front\n"),
        ("    networks:\n      front: {}\n", "    networks:\n      back:\n      front: {}\n"),
        ("    image: nginx\n", None),
    ],
)
def test_a_service_joins_a_network_as_it_names_its_others(before: str, after: str | None) -> None:
    head, foot = "services:\n  edge:\n", "  other:\n    networks: [x]\n"
    edits = join_network(evidence(head + before + foot), service(), "back")
    assert bool(edits) == (after is not None)
    if after is not None:
        assert patched(head + before + foot, edits) == head + after + foot


def test_only_a_file_that_is_mounted_needs_a_new_container() -> None:
    registry = Registry(name="edge", service=service(), config_file="config.yml", known=True)
    stack = build(Evidence())
    facts = Facts(Evidence(), stack, Traffic(Evidence(), stack))
    in_file = change(facts, registry, "x", place=Place("config.yml", 3))
    in_compose = change(facts, registry, "x", place=Place(FILE, 3))
    assert in_file.command_lines == ("docker compose up -d --force-recreate edge",)
    assert in_compose.command_lines == ("docker compose up -d edge",)
    assert in_file.applies != in_compose.applies


@pytest.mark.parametrize(
    ("name", "text", "line"),
    [
        (FILE, "a: $x\n  USERS: ida:$2y$05$abc./$$q ${HOST} $apr1$\n", 2),
        (".env", "A=1\nHASH=$2y$05$abc\nB=2\n", 2),
        (".env", 'A=1\nHASH="$2y$05$a=bc"\nB=2\n', 2),
    ],
)
def test_escaping_dollars_a_second_time_changes_nothing(name: str, text: str, line: int, tmp_path: Path) -> None:
    (tmp_path / name).write_text(text)
    command = str(_escape(Interpolation(place=Place(name, line), key="HASH")))
    results = []
    for _ in range(2):
        subprocess.run(command, shell=True, cwd=tmp_path, check=True)
        results.append((tmp_path / name).read_text())
    assert results[0] != text
    assert results[0] == results[1]
    assert "$$2y$$05$$abc./$$q ${HOST} $$apr1$" in results[0] or "='$2y$05$a" in results[0]


@pytest.mark.parametrize(
    ("line", "after"),
    [
        ("  - REGISTRY_STORAGE_DELETE_ENABLED=false", "  - REGISTRY_STORAGE_DELETE_ENABLED=true"),
        ("  REGISTRY_STORAGE_DELETE_ENABLED: 'false'", "  REGISTRY_STORAGE_DELETE_ENABLED: 'true'"),
        ("  {REGISTRY_STORAGE_DELETE_ENABLED: false, A: b}", "  {REGISTRY_STORAGE_DELETE_ENABLED: 'true', A: b}"),
        ('    enabled: "true"  # text', "    enabled: true  # text"),
    ],
)
def test_deletes_are_enabled_where_they_are_switched_off(line: str, after: str) -> None:
    origin = "REGISTRY_STORAGE_DELETE_ENABLED" if "REGISTRY" in line else "config.yml"
    edits = _set_true(evidence(line), Setting(value=False, place=Place(FILE, 1), origin=origin))
    assert [e.new for e in edits] == [after]


def test_a_variable_is_taken_out_and_its_neighbours_remain() -> None:
    setting = Setting(value="x", place=Place(FILE, 1), origin="REGISTRY_HTTP_HOST")
    assert [e.new for e in unset(evidence("  - REGISTRY_HTTP_HOST=x"), setting)] == [None]
    assert unset(evidence("  environment: {REGISTRY_HTTP_HOST: x, A: b}"), setting) == ()


def test_a_boolean_is_quoted_in_a_mapping() -> None:
    text = "services:\n  edge:\n    image: registry:2\n"
    registry = Registry(name="edge", service=service(), known=True)
    edits = add_variables(evidence(text), registry, ("REGISTRY_STORAGE_DELETE_ENABLED", "true"))
    assert "      REGISTRY_STORAGE_DELETE_ENABLED: 'true'\n" in patched(text, edits)
