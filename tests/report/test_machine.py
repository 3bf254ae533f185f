"""What other programs read: schemas hold real outputs, shells complete, the manual page has no mistakes."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from runbook import rules
from runbook.cli import main
from runbook.cli.completion import commands, manual, script
from runbook.report.as_json import as_object
from runbook.report.catalogue import catalogue
from runbook.report.sarif import render_sarif
from runbook.report.schema import schema
from tests.case_files import all_cases, judge

PLACES = "https://runbook.example.org/docs/"


def closed(body: Any) -> Any:
    """The schema with no key allowed that it does not name: nothing is printed that is not written down."""
    if isinstance(body, list):
        return [closed(item) for item in body]
    if not isinstance(body, dict):
        return body
    more = {"additionalProperties": False} if "properties" in body else {}
    return {key: closed(value) for key, value in body.items()} | more


def test_every_diagnosis_is_what_the_schema_says(tmp_path: Path) -> None:
    validator = jsonschema.Draft202012Validator(closed(schema("diagnose")))
    seen: set[str] = set()
    for number, case in enumerate(all_cases()[::5]):
        folder = tmp_path / str(number)
        folder.mkdir()
        body = as_object(judge(case, folder))
        seen.add(body["verdict"])
        assert [e.message for e in validator.iter_errors(body)] == [], case.path
    assert seen == {"fault", "healthy", "inconclusive"}


@pytest.mark.parametrize("command", ["diagnose", "explain", "doctor"])
def test_the_schema_is_one_and_forbids_something(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["schema", command]) == 0
    body = json.loads(capsys.readouterr().out)
    jsonschema.Draft202012Validator.check_schema(body)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"tool": 1}, body)


def test_the_catalogue_as_json(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RUNBOOK_PAGES", PLACES)
    assert main(["explain", "--format", "json"]) == 0
    body = json.loads(capsys.readouterr().out)
    jsonschema.validate(body, closed(schema("explain")))
    assert body == catalogue()
    assert {c["cause"] for c in body["causes"]} == set(rules.load())
    assert body["causes"][0]["page"] == f"{PLACES}causes/{body['causes'][0]['cause']}.html"


def test_one_cause_as_json_and_markdown(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["explain", "htpasswd-not-bcrypt", "--format", "json"]) == 0
    assert [c["cause"] for c in json.loads(capsys.readouterr().out)["causes"]] == ["htpasswd-not-bcrypt"]
    assert main(["explain", "htpasswd-not-bcrypt", "--format", "markdown"]) == 0
    said = capsys.readouterr().out
    assert said.startswith("# `htpasswd-not-bcrypt`: ")
    assert "\n## Fix\n" in said
    assert main(["explain", "--format", "markdown"]) == 0
    assert capsys.readouterr().out.count("\n| ") == len(rules.load())


@pytest.mark.parametrize(
    ("address", "linked"),
    [(PLACES, True), ("", False), ("javascript:alert(1)", False), ('https://x/"><script>', False)],
)
def test_links_lead_to_the_pages_where_they_are_published(
    address: str, linked: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    from runbook.report import render_html

    monkeypatch.setenv("RUNBOOK_PAGES", address)
    case = next(c for c in all_cases() if c.cause == "htpasswd-not-bcrypt" and not c.is_near_miss)
    run = judge(case, tmp_path)
    found = json.loads(render_sarif(run))["runs"][0]["tool"]["driver"]["rules"][0]
    assert ("helpUri" in found) is linked
    assert ("More about this cause" in render_html(run)) is linked
    assert "<script" not in render_html(run)


def complete(shell: str, typed: str) -> list[str]:
    """What the shell offers for a line."""
    words = typed.split(" ")
    asks = {
        "bash": f"{script('bash')}\nCOMP_WORDS=({' '.join(w or repr('') for w in words)}); COMP_CWORD={len(words) - 1}; _runbook;"
        ' printf "%s\\n" "${COMPREPLY[@]}"',
        "zsh": "compdef() { :; }; compadd() { shift; print -l -- $@; }; _files() { :; }\n"
        f"{script('zsh')}\nwords=({' '.join(w or repr('') for w in words)}); CURRENT={len(words)}; _runbook",
        "fish": f"{script('fish')}\ncomplete -C '{typed}' | string split -f1 \\t",
    }
    done = subprocess.run([shell, "-c", asks[shell]], capture_output=True, text=True, timeout=60)
    assert done.stderr == ""
    return done.stdout.split()


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
@pytest.mark.parametrize(
    ("typed", "offered", "not_offered"),
    [
        ("runbook ", "diagnose", "lab-up"),
        ("runbook diagnose --for", "--format", "--backend"),
        ("runbook diagnose --format ", "sarif", "--user"),
        ("runbook lab ", "up", "diagnose"),
        ("runbook lab up --back", "--backend", "--origin"),
        ("registry-runbook explain htpasswd-not", "htpasswd-not-bcrypt", "--format"),
    ],
)
def test_completion(shell: str, typed: str, offered: str, not_offered: str) -> None:
    if not shutil.which(shell):
        pytest.skip(f"{shell} is not here")
    found = complete(shell, typed)
    assert offered in found
    if shell != "zsh":  # there compadd itself leaves out what does not begin so
        assert not_offered not in found


def test_the_manual_page_tells_every_option_and_has_no_mistake() -> None:
    text = manual()
    for command in commands():
        assert not command.name or ".SS runbook " + command.name.replace("-", "\\-") in text
        for action in command.options:
            assert all(o.replace("-", "\\-") in text for o in action.option_strings)
    if shutil.which("groff"):
        done = subprocess.run(
            ["groff", "-man", "-Tutf8", "-ww"], input=text, capture_output=True, text=True, timeout=60
        )
        assert (done.returncode, done.stderr) == (0, "")
        assert "inconclusive" in done.stdout
