"""One box takes anything: paths, addresses, several pastes, dropped files; and says what it recognised."""

import json
from pathlib import Path

import ipywidgets
import pytest

from runbook.collect import Request
from runbook.lab import Lab
from runbook.twin import prove
from runbook.widgets import console
from runbook.widgets.given import FROM, recognised, uploaded
from runbook.widgets.job import Job


@pytest.fixture(autouse=True)
def _quiet(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv(FROM, str(tmp_path))
    monkeypatch.setenv("HOME", str(tmp_path))
    yield
    ipywidgets.Widget.close_all()


CURL = """> GET /v2/ HTTP/1.1
> Host: localhost:{port}
> Authorization: Basic YW5uOkhvbHVuZGVyLTc3
>
< HTTP/1.1 401 Unauthorized
< Www-Authenticate: Basic realm="x"
<
"""


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("incident", ["path"]),
        ("~/incident", ["path"]),
        ("'incident'", ["path"]),
        ('"my folder" incident', ["path", "path"]),
        ("my folder", ["path"]),
        ("localhost:5000", ["address"]),
        ("http://localhost:5000\nhttps://reg.example.org", ["address", "address"]),
        ("incident\nlocalhost:5000", ["path", "address"]),
        ("no/such/thing", ["refused"]),
        ("http://me:secret@host", ["refused"]),
        ("error: unauthorized", ["paste"]),
        (CURL, ["paste"]),
        ("it's", ["paste"]),
        ("incident\nno/such/thing", ["path", "refused"]),
        ("me:secret@host:5000", ["refused"]),
        ("host/app:1@sha256:" + "0" * 64, ["refused"]),  # a path that is not there, and no login
        ("incident\nlocalhost:5000\n\n" + CURL, ["path", "address", "paste"]),
        (CURL + "\n\nincident", ["paste"]),
        ("incident\nit says unauthorized", ["paste"]),
        ("/v2/\n/v2/_catalog", ["paste"]),
        ("incident\n\nno/such/thing", ["path", "refused"]),
    ],
)
def test_what_is_recognised(tmp_path, text, kinds):
    (tmp_path / "incident").mkdir()
    (tmp_path / "my folder").mkdir()
    assert [part.kind for part in recognised(text)] == kinds


def test_a_file_address_is_a_path(tmp_path):
    (tmp_path / "my folder").mkdir()
    (part,) = recognised(f"file://{tmp_path}/my%20folder")
    assert part.kind == "path"


def listed(shown) -> str:
    """What the form says that it has."""
    return "".join(row.children[0].value for row in shown.form.given.rows.children)


def test_two_pastes_are_two_parts_and_stay_for_the_next_run():
    shown = console()
    for port in (5000, 8080):
        shown.form.given.anything.value = CURL.format(port=port)
    assert listed(shown).count("pasted text, 7 lines") == 2
    for _ in range(2):
        shown.button.click()
        shown.wait(60)
        assert len({e.url for e in shown.incident.run.traffic.exchanges}) == 2
    state = json.dumps(ipywidgets.Widget.get_manager_state(), default=str)
    assert "YW5uOkhvbHVuZGVyLTc3" not in state
    assert "Holunder-77" not in state
    shown.form.given.forget.click()
    assert not listed(shown)


def test_dropped_files_are_read_and_leave_the_widget(tmp_path):
    shown = console()
    compose = b"services:\n  registry:\n    image: registry:2\n    ports: ['5000:5000']\n"
    entry = {"name": "../docker-compose.yml", "type": "", "size": len(compose), "content": memoryview(compose)}
    shown.form.given.upload.value = ({**entry, "last_modified": __import__("datetime").datetime(2026, 1, 1)},)
    assert shown.form.given.upload.value == ()
    assert "docker-compose.yml, 4 lines" in listed(shown)
    shown.button.click()
    shown.wait(60)
    assert [f.kind for f in shown.incident.run.evidence.files] == ["compose"]
    assert list(tmp_path.iterdir()) == []


def test_files_that_were_dropped_from_several_folders_belong_together(tmp_path: Path) -> None:
    """The compose file mounts ./auth, and the password file was dropped without its folder."""
    with Lab("authorization-stripped", backend="embedded", seed=4) as lab:
        lab.exercise()
        files = [f for f in sorted(Path(lab.bundle).rglob("*")) if f.is_file()]
        parts = tuple(uploaded({"name": f.name, "content": f.read_bytes()} for f in files))
        found = Job(Request(), parts=(*parts, parts[0])).run(lambda text: None)
    assert found.run.diagnosis.causes[0].cause == "authorization-stripped"
    names = {f.path for f in found.run.evidence.files}
    assert {"docker-compose.yml", "htpasswd", "2/htpasswd"} <= names
    assert prove(found.run).diagnosis.causes[0].fix.proof.kind == "run"
