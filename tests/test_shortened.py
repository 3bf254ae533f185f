"""What was blacked out or left out before it was handed over: no fault, no health, and nothing else is lost by it."""

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.bundles import Answer, ask_files, folder_cases
from tests.case_files import all_cases
from tests.shortened import FORMS
from tests.test_withhold import Broken, own, untidy

UNTIDY = Path(__file__).parent / "untidy"
PUBLIC = Path(os.environ.get("RUNBOOK_CASES", Path(__file__).parents[2] / "shared" / "cases"))

ALL_THE_SAME = {
    (
        "host-header-wrong-for-upstream-vhost",
        "no-v2-route",
    ): "a strange page is seen; which Host is sent stood in the line left out",
    ("any", "registry-unreachable"): "a client says that it is refused; why stands in the lines left out",
    ("any", "auth-not-enforced"): "the registry is seen open",
    ("any", "authorization-stripped"): "the registry's log says that no login arrived",
    ("any", "htpasswd-not-bcrypt"): "the second of two faults",
    ("any", "htpasswd-merged-lines"): "the second of two faults",
    (
        "htpasswd-merged-lines",
        "htpasswd-user-missing",
    ): "what is swallowed stands behind the mask; the registry has no such user",
    (
        "static-basic-credential-wrong-encoding",
        "proxy-overwrites-authorization",
    ): "what the line injects is behind the mask",
    (
        "stale-stored-credentials",
        "htpasswd-wrong-password",
    ): "the stored login is behind the mask; the log says mismatch",
    (
        "other-vhost-answers-https",
        "tls-san-missing",
    ): "the client says so; whose site answers stood in the line left out",
    ("other-vhost-answers-https", "no-v2-route"): "seen; whose site answers stood in the line left out",
    (
        "add-header-without-always",
        "cors-origin-mismatch",
    ): "the browser says so; the line that sets the header is left out",
    (
        "ui-v1-env-semantics-changed",
        "browser-cannot-resolve-container-name",
    ): "the UI's version stood in the line left out",
}
"""Expected cause and the one that is named once lines or values are missing, and why that is the truth about the rest."""

KNOWN = {
    "other-vhost-answers-https/near-own-tls-site": "two sites, one without a name now",
    "ui-v1-env-semantics-changed/near-static": "the image of the UI is the line left out, and with it its version",
    "http-prefix-set/near-proxy-puts-it-back": "the line that puts the prefix back is the one left out",
    "access-denied-by-rule/near-geo-lets-this-client-in": "the row that lets the client in is the one left out",
}


def sound() -> Iterable[Broken]:
    for base in (UNTIDY, PUBLIC):
        for case in folder_cases(base) if base.is_dir() else ():
            if not case.expect.get("cause"):
                yield case.folder.name, "", case.files(), case.args, case.env
    for case in all_cases():
        if case.is_near_miss:
            files = {name: text.encode(case.encoding.get(name, "utf-8")) for name, text in case.files.items()}
            yield f"{case.cause}/{case.path.stem}", "", files, case.args, case.env


def why_not(name: str, cause: str, whole: Answer, left: Answer) -> str | None:
    """What is wrong with the answer to the shortened files; None when nothing is."""
    if left.report is None:
        return f"no answer (exit {left.code})"
    if left.head == whole.head or left.verdict == "inconclusive" or name in KNOWN:
        return None
    if left.verdict == "healthy":
        return f"healthy, and was {whole.head}"
    known = {("any", left.first), (cause or whole.first, left.first)}
    if left.first in (cause, whole.first) or known & ALL_THE_SAME.keys():
        return None
    return f"{left.first}, and was {whole.head}"


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("material", [own, untidy, sound], ids=lambda f: f.__name__)
def test_no_lie(material: object, form: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    wrong, tried, kept = [], 0, 0
    for number, (name, cause, files, args, env) in enumerate(material()):  # type: ignore[operator]
        if (left := FORMS[form](files)) is None:
            continue
        tried += 1
        answers = []
        for folder, handed in (("whole", files), ("left", left)):
            (tmp_path / str(number) / folder).mkdir(parents=True)
            answers.append(ask_files(tmp_path / str(number) / folder, handed, args, env))
        kept += answers[0].head == answers[1].head
        if reason := why_not(name, cause, *answers):
            wrong.append(f"{name}: {reason}")
    with capsys.disabled():
        print(f"\n{material.__name__}, {form}: {kept} of {tried} verdicts kept, {len(wrong)} wrong")  # type: ignore[attr-defined]
    assert tried, "nothing was changed: the kinds are not recognised any more"
    assert not wrong, wrong
