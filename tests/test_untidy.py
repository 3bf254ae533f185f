"""Healthy folders, faults and unclear incidents in company: the right verdict, no secret. See tests/untidy/README.md."""

import base64
import json
import re
from pathlib import Path

import pytest

from tests.bundles import FolderCase, ask, folder_cases, wrong

CASES = folder_cases(Path(__file__).parent / "untidy")


BAR = 0.95
"""Share of faults and of unclear incidents that must be judged right; a healthy folder always."""


def test_verdicts_hold(capsys: pytest.CaptureFixture[str]) -> None:
    answers = [(case, ask(case.folder, case.args, case.env)) for case in CASES]
    misses = {case.folder.name: wrong(case.expect, answer) for case, answer in answers}
    misses = {name: reasons for name, reasons in misses.items() if reasons}
    with capsys.disabled():
        print(f"\nuntidy: {len(CASES) - len(misses)} of {len(CASES)} hold")
        for name, reasons in misses.items():
            print(f"  {name}: {'; '.join(reasons)}")
    assert not [case.folder.name for case, answer in answers if answer.code == 1]
    assert not [name for name in misses if name.startswith("h-")], "a false alarm, or health that was not seen"
    assert not [c.folder.name for c, a in answers if a.verdict == "healthy" and c.expect["verdict"] != "healthy"]
    assert len(CASES) - len(misses) >= BAR * len(CASES)


@pytest.mark.parametrize("case", CASES, ids=lambda c: c.folder.name)
def test_no_secret_is_printed(case: FolderCase) -> None:
    printed = ask(case.folder, case.args, case.env).printed
    assert [name for name, value in secrets(case).items() if value in printed] == []


def secrets(case: FolderCase) -> dict[str, str]:
    """Where it stands → a password or a hash of the case. Short words are left out: they are met by chance."""
    found = {f"env {name}": value for name, value in case.env.items()}
    for name, content in case.files().items():
        text = content.decode("utf-8", "replace")
        for number, pair in enumerate(re.findall(r"-u '?([\w.-]+:[^\s'$]+)", text)):
            found[f"{name} -u {number}"] = pair.partition(":")[2]
        for number, token in enumerate(re.findall(r"(?:Basic |\"auth\": ?\")([A-Za-z0-9+/]{12,}=*)", text)):
            found[f"{name} basic {number}"] = _password(token)
        for number, value in enumerate(re.findall(r"(?:_PASSWORD|_SECRET|\bpassword)(?:=|: )[\"']?([^\s\"'$]+)", text)):
            found[f"{name} variable {number}"] = value
        for number, value in enumerate(re.findall(r"\$2[aby]\$\d\d\$([./A-Za-z0-9]{53})", text)):
            found[f"{name} hash {number}"] = value[22:]
    return {name: value for name, value in found.items() if len(value) > 7}


def _password(token: str) -> str:
    try:
        return base64.b64decode(token + "=" * (-len(token) % 4)).decode("utf-8", "replace").partition(":")[2]
    except ValueError:
        return ""


def test_the_set_is_large_and_wide() -> None:
    verdicts = [case.expect["verdict"] for case in CASES]
    causes = {case.expect.get("cause") for case in CASES} - {None}
    assert verdicts.count("healthy") >= 60
    assert verdicts.count("fault") >= 60
    assert verdicts.count("inconclusive") >= 20
    assert len(causes) >= 35


def test_every_case_is_small_and_says_what_is_true() -> None:
    for case in CASES:
        assert sum(map(len, case.files().values())) < 20_000, case.folder.name
        assert case.about.endswith("."), case.folder.name
        assert (case.expect["verdict"] == "fault") == bool(case.expect.get("cause")), case.folder.name
        assert case.expect.get("never"), case.folder.name
        assert not {case.expect.get("cause"), *case.expect.get("also", ()), *case.expect.get("warn", ())} & set(
            case.expect["never"]
        )
        json.dumps(case.expect)
