"""The case: one incident that all notebooks share, its runs and notes, and no silent demo."""

import stat
from dataclasses import replace
from pathlib import Path

import pytest

from runbook import Case, Incident
from runbook.case import keep
from runbook.collect import Request, UsageError
from runbook.folder import VARIABLE, CaseFolder
from runbook.lab import Lab


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> CaseFolder:
    made = CaseFolder.make(tmp_path / "case")
    monkeypatch.setenv(VARIABLE, str(made.path))
    monkeypatch.delenv("REGISTRY_PASSWORD", raising=False)
    return made


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    with Lab("authorization-stripped", backend="embedded", seed=3) as lab:
        target = tmp_path / "incident"
        target.mkdir()
        for file in Path(lab.bundle).rglob("*"):
            if file.is_file():
                copy = target / file.relative_to(lab.bundle)
                copy.parent.mkdir(parents=True, exist_ok=True)
                copy.write_bytes(file.read_bytes())
    return target


def test_nothing_given_is_nothing_to_diagnose_and_never_the_demo(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv(VARIABLE, raising=False)
    for kind in (Incident, Case):
        incident = kind.open()
        assert "Nothing to diagnose" in incident.verdict().text
        assert "Nothing was written" in incident.save(str(tmp_path / "out")).text
    assert list(tmp_path.iterdir()) == []


def test_the_demo_is_asked_for_by_name_and_says_so(folder: CaseFolder) -> None:
    shown = Case.open(lab_fault="demo")
    assert "DEMO" in shown.verdict().text
    assert "DEMO" in Incident.open().verdict().text, "and the other notebooks show the same, and say so, too"


def test_every_notebook_shows_the_case_and_reads_changed_files_anew(folder: CaseFolder, bundle: Path) -> None:
    Case.open(str(bundle))
    assert "authorization-stripped" in Incident.open().verdict().text
    compose = bundle / "docker-compose.yml"
    lines = compose.read_text().splitlines(keepends=True)
    at = next(i for i, line in enumerate(lines) if "HEADER_Authorization" in line)
    compose.write_text("".join(lines[:at] + lines[at + 1 :]))
    case = Case.open()
    first, second = folder.runs()
    assert first.causes[0] == "authorization-stripped"
    assert second.edits == (f"deleted line {at + 1} of docker-compose.yml",)
    assert f"you deleted line {at + 1}" in case.runs().text
    assert "run 1" in case.compare().html
    assert Case.open().runs().text == case.runs().text, "nothing has changed, so there is no further run"


def test_what_was_allowed_is_asked_again(folder: CaseFolder, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "ca.crt").write_text("")
    monkeypatch.chdir(tmp_path)
    with Lab(backend="embedded", seed=3) as lab:
        asked = Request(
            registry_url=lab.registry_url,
            user=lab.user,
            password=lab.password,
            origin="https://ui.example",
            insecure_http=True,
        )
        incident = Incident.of(asked)
    target = replace(incident.run.evidence.target, cacert="ca.crt")
    incident.run = replace(incident.run, evidence=replace(incident.run.evidence, target=target))
    keep(incident, folder, "REGISTRY_PASSWORD")
    again = folder.asked().request
    assert (again.origin, again.insecure_http, again.cacert) == ("https://ui.example", True, str(tmp_path / "ca.crt"))


def test_pasted_text_is_the_case_of_all_notebooks(folder: CaseFolder, tmp_path: Path) -> None:
    pasted = tmp_path / "pasted.txt"
    pasted.write_text("$ docker login reg.example:5000\nError response from daemon: login attempt to "
                      "http://reg.example:5000/v2/ failed with status: 401 Unauthorized\n")  # fmt: skip
    incident = Incident.of(Request(paths=(str(pasted),)))
    pasted.unlink()
    keep(incident, folder, "REGISTRY_PASSWORD")
    assert Incident.open().run.diagnosis == incident.run.diagnosis
    assert "cannot be asked again" in Case.open().again().text


def test_the_folder_is_for_this_user_alone_and_holds_no_secret(folder: CaseFolder) -> None:
    with Lab("authorization-stripped", backend="embedded", seed=3) as lab:
        request = Request(registry_url=lab.registry_url, ui_url=lab.ui_url, user=lab.user, password=lab.password)
        keep(Incident.of(request), folder, "NO_SUCH_VARIABLE")
        case = Case.open()
        case.note(f"tried {lab.user}:hello")
        assert "tried" in case.note().text
        files = list(folder.path.iterdir())
        assert len(files) == 4
        assert {stat.S_IMODE(f.stat().st_mode) for f in files} == {0o600}
        assert stat.S_IMODE(folder.path.stat().st_mode) == 0o700
        assert not [f for f in files if lab.password in f.read_text()]


def test_a_case_folder_that_somebody_spoilt_is_read_as_empty(folder: CaseFolder) -> None:
    for name in ("case.json", "runs.json", "run-0001.json", "notes.md"):
        (folder.path / name).write_bytes(b'{"runs": [\xff' * 3)
    case = Case.open()
    assert case.is_empty
    assert case.runs().text == "No run yet."


def test_runs_that_are_not_there_are_a_sentence(folder: CaseFolder, bundle: Path) -> None:
    case = Case.open(str(bundle))
    assert "nothing to compare" in case.compare(1, 7).text
    (bundle / "note.log").write_text("x\n")
    case = Case.open()
    with pytest.raises(UsageError, match="There are runs 1 to 2"):
        case.compare(1, 7)


def test_a_log_alone_says_of_other_steps_only_what_they_need(folder: CaseFolder, tmp_path: Path) -> None:
    log = tmp_path / "registry.log"
    log.write_text('172.18.0.1 - - [27/Nov/2026:01:00:00 +0000] "GET /v2/ HTTP/1.1" 401 87 "" "docker/27.0"\n')
    text = Case.open(str(log)).steps().text
    assert "it needs the htpasswd file" in text
    assert "No htpasswd file was handed over" not in text


def test_a_usage_error_in_a_cell_is_a_sentence_without_a_traceback() -> None:
    assert UsageError("There is no file called x.")._render_traceback_() == ["There is no file called x."]


def test_a_step_notebook_says_its_conclusion_once(tmp_path: Path) -> None:
    from runbook.model import STEPS
    from runbook.report.steps import conclusion

    (tmp_path / "nginx.conf").write_text("server { location /v2/ { proxy_pass http://r:5000; } }\n")
    incident = Incident.open(str(tmp_path))
    for name in STEPS:
        said = conclusion(incident.run, name)
        assert said not in getattr(incident, name)().text
        assert incident.showed(name).text.count(said) == incident.step(name).text.count(said) == 1
