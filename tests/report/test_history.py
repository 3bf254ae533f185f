"""What changed since an earlier report."""

import json
from pathlib import Path

import pytest

from runbook.cli import main
from runbook.collect import Request, UsageError, collect
from runbook.judge import Run, diagnose
from runbook.redact import Vault
from runbook.report import render_html, render_json
from runbook.report.as_json import as_object
from runbook.report.history import Earlier, Known, compare, earlier_of, earlier_report
from tests.case_files import all_cases


def _run(folder: Path, hashed: str) -> Run:
    folder.mkdir()
    (folder / "htpasswd").write_text(f"ann:{hashed}\n")
    return diagnose(collect(Request(paths=(str(folder),), user="ann", password="x"), Vault()))


@pytest.fixture
def runs(tmp_path: Path) -> tuple[Run, Run]:
    """One with an apr1 entry, one with a hash that is cut short."""
    return _run(tmp_path / "a", "$apr1$abcdefgh$" + "a" * 22), _run(tmp_path / "b", "$2y$05$" + "a" * 50)


def test_new_mended_and_unchanged_are_told_apart(runs: tuple[Run, Run], tmp_path: Path) -> None:
    before, now = runs
    (tmp_path / "earlier.json").write_text(render_json(before))
    changes = compare(now, earlier_report(str(tmp_path / "earlier.json")))
    assert (changes.new, changes.mended, changes.unchanged) == (
        ("htpasswd-hash-truncated",), ("htpasswd-not-bcrypt",), (),
    )  # fmt: skip
    same = compare(before, earlier_report(str(tmp_path / "earlier.json")))
    assert (same.new, same.mended, same.unchanged) == ((), (), ("htpasswd-not-bcrypt",))
    assert json.loads(render_json(now, changes))["changes"]["mended"] == ["htpasswd-not-bcrypt"]
    page = render_html(now, changes=changes)
    assert "Since the earlier report" in page
    assert "mended" in page


def test_what_is_not_handed_over_again_is_not_mended(tmp_path: Path) -> None:
    """Of every other case a part of the same files, unchanged: something may be no longer shown, nothing is mended."""
    for number, case in enumerate(all_cases()[::2]):
        whole = case.write(tmp_path / str(number))
        earlier = earlier_of(as_object(diagnose(collect(Request(paths=(str(whole),)), Vault()))))
        files = sorted(p for p in whole.rglob("*") if p.is_file())
        for left in files if earlier.causes and len(files) > 1 else ():
            left.rename(tmp_path / "left")
            now = diagnose(collect(Request(paths=(str(whole),)), Vault()))
            assert not compare(now, earlier).mended, (case.about, left.name)
            (tmp_path / "left").rename(left)


def test_no_longer_shown_is_told_from_mended(runs: tuple[Run, Run], tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("shopping list\n")
    now = diagnose(collect(Request(paths=(str(tmp_path / "notes.txt"),)), Vault()))
    changes = compare(now, earlier_of(as_object(runs[0])))
    assert (changes.mended, changes.unclear) == ((), ("htpasswd-not-bcrypt",))
    assert "No longer shown, and not shown to be mended: htpasswd-not-bcrypt." in changes.sentences()
    assert "not shown to be mended" in render_html(now, changes=changes)


def test_a_login_that_works_mends_what_only_a_log_showed(tmp_path: Path) -> None:
    """And nothing that no login could show, and nothing at another address."""
    (tmp_path / "curl.txt").write_text(
        "$ curl -i -u ann http://reg.example:5000/v2/\nHTTP/1.1 200 OK\n"
        "Docker-Distribution-Api-Version: registry/2.0\nContent-Type: application/json\nContent-Length: 2\n\n{}\n"
    )
    now = diagnose(collect(Request(paths=(str(tmp_path / "curl.txt"),)), Vault()))
    assert now.diagnosis.basis == "traffic"

    def told(address: str, explains: str) -> tuple[str, ...]:
        known = Known(explains=frozenset({explains}))
        return compare(
            now, Earlier("fault", {"upstream-is-localhost": known}, addresses=frozenset({address}), user="ann")
        ).mended

    assert told("reg.example:5000", "bad-gateway")
    assert not told("reg.example:5000", "browser-blocked")
    assert not told("other.example:5000", "bad-gateway")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"schema": 2, "causes": []}', "[" * 100_000])
def test_what_is_no_report_is_refused_with_a_sentence(text: str, tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(UsageError, match=r"x\.json"):
        earlier_report(str(tmp_path / "x.json"))


def test_a_missing_report_ends_with_2_before_any_work(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    code = main(["report", str(tmp_path), "--compare", str(tmp_path / "none.json"), "--output-dir", str(out)])
    assert code == 2
    assert not out.exists()
    assert "none.json" in capsys.readouterr().err


def test_hostile_text_of_an_earlier_report_stays_text(runs: tuple[Run, Run], tmp_path: Path) -> None:
    earlier = {
        "schema": 1,
        "verdict": "<script>\x1b[31m",
        "causes": [{"cause": "<img src=x>"}, 5],
        "warnings": None,
        "focus": {"addresses": 5},
    }
    (tmp_path / "e.json").write_text(json.dumps(earlier))
    changes = compare(runs[0], earlier_report(str(tmp_path / "e.json")))
    page = render_html(runs[0], changes=changes)
    assert "<script>" not in page
    assert "<img" not in page
    assert "\x1b" not in "".join(changes.sentences())
