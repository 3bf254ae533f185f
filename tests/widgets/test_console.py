"""The console as a person uses it, without a browser: fields, a click, bricks, the answer."""

import base64
import json
import re
import socket
import subprocess
import sys
import time

import ipywidgets
import pytest

from runbook.collect import UsageError
from runbook.lab import Lab
from runbook.widgets import console
from runbook.widgets.form import OWN, Form


@pytest.fixture(autouse=True)
def _quiet(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("REGISTRY_PASSWORD", raising=False)
    yield
    ipywidgets.Widget.close_all()


def pressed(shown):
    shown.button.click()
    shown.wait(60)
    return shown


def state() -> str:
    """All that JupyterLab could save into the notebook."""
    return json.dumps(ipywidgets.Widget.get_manager_state(), default=str)


def test_before_a_run_every_brick_says_not_run():
    shown = console()
    assert [b.description.rpartition(": ")[2] for b in shown.bricks] == ["not run"] * 4
    assert all(b.disabled for b in shown.bricks)


def test_a_click_runs_the_demo_and_marks_the_step_that_found_it():
    shown = pressed(console(lab_fault="demo"))
    assert "Done in" in shown.status.value
    assert [b.description.rpartition(": ")[2] for b in shown.bricks] == ["ok", "ok", "failed", "warning"]
    assert "authorization-stripped" in shown.answer.value
    assert not shown.button.disabled


def test_a_brick_shows_what_its_step_showed():
    shown = pressed(console(lab_fault="demo"))
    shown.bricks[2].click()
    assert shown.answer.value == shown.incident.step("headers")._repr_html_()
    assert "rb-shown" in shown.bricks[2]._dom_classes
    assert "rb-shown" not in shown.verdict._dom_classes


def test_a_second_run_forgets_the_first():
    shown = pressed(console(lab_fault="demo"))
    shown.form.fault.value = "healthy"
    pressed(shown)
    assert "authorization-stripped" not in state().replace("(authorization-stripped)", "")
    assert "Healthy" in shown.answer.value


def test_the_lab_is_chosen_by_the_fault_of_the_parameters_cell():
    shown = pressed(console(lab_fault="htpasswd-not-bcrypt"))
    assert "htpasswd-not-bcrypt" in shown.answer.value
    assert "lab_fault: str = &quot;htpasswd-not-bcrypt&quot;" in shown.answer.value


def test_a_password_leaves_the_field_at_once_and_is_nowhere_afterwards():
    with Lab("authorization-stripped", backend="embedded") as lab:
        shown = console(registry_url=lab.registry_url, ui_url=lab.ui_url, user=lab.user)
        shown.form.password.value = lab.password
        assert shown.form.password.value == ""
        assert lab.password not in state()
        pressed(shown)
        assert "authorization-stripped" in shown.answer.value
        assert lab.password not in state()
        assert lab.password not in repr(vars(shown.form))


def test_the_password_is_used_for_one_run_only():
    with Lab("authorization-stripped", backend="embedded") as lab:
        shown = console(registry_url=lab.registry_url, user=lab.user)
        shown.form.password.value = lab.password
        pressed(shown)
        pressed(shown)
    assert "No password was given" in shown.status.value


@pytest.mark.parametrize(
    ("typed", "said"),
    [
        ("", "Nothing to diagnose"),
        ("no/such/folder", "there is no file or folder called no/such/folder"),
        ("http://me:hunter2@localhost:5000", "leave the login out"),
        ("me:hunter2@localhost:5000", "leave the login out"),
    ],
)
def test_wrong_input_is_a_sentence(typed, said):
    shown = console()
    shown.form.source.value = OWN
    shown.form.given.anything.value = typed
    assert shown.form.given.anything.value == ""
    pressed(shown)
    assert said in shown.status.value
    assert not shown.button.disabled
    assert "hunter2" not in state()
    assert shown.bricks[0].description.endswith("not run")


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"bundle": "no/such/folder"}, "There is no file or folder called no/such/folder"),
        ({"registry_url": "a_b"}, "needs a scheme"),
        ({"registry_url": "http://me:hunter2@localhost:5000"}, "leave the login out"),
    ],
)
def test_wrong_parameters_are_a_sentence(fields, said):
    shown = pressed(console(**fields))
    assert said in shown.status.value
    assert "hunter2" not in state()


def test_folders_nearby_that_look_like_an_incident_are_offered(tmp_path):
    (tmp_path / "case").mkdir()
    (tmp_path / "case" / "docker-compose.yml").write_text("services: {}\n")
    (tmp_path / "music").mkdir()
    shown = console()
    assert [button.description for button in shown.form.given.offers] == ["Add case"]
    for _ in range(2):
        shown.form.given.offers[0].click()
    pressed(shown)
    assert [f.path for f in shown.incident.run.evidence.files] == ["docker-compose.yml"]
    assert shown.form.given.named("path") == ["case"]


def test_headless_builds_no_widget_and_imports_none():
    code = (
        "import sys, runbook.widgets as w; shown = w.console(interactive=False, lab_fault='demo'); "
        "assert 'ipywidgets' not in sys.modules; print(shown)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "3 · Trace the headers: failed" in done.stdout
    assert "FAULT: " in done.stdout


def test_a_cell_that_is_run_again_still_finds_the_function():
    console()
    from runbook.widgets import console as again

    assert callable(again)


def test_a_pasted_curl_is_judged_and_leaves_no_trace():
    shown = console()
    shown.form.source.value = OWN
    pair = "YW5uOkhvbHVuZGVyLTc3"
    text = (
        f"> GET /v2/ HTTP/1.1\n> Host: localhost:8080\n> Authorization: Basic {pair}\n>\n< HTTP/1.1 401 Unauthorized\n"
        "< Docker-Distribution-Api-Version: registry/2.0\n< Server: nginx\n<\n"
    )
    shown.form.given.anything.value = text
    assert shown.form.given.anything.value == ""
    assert pair not in state()
    pressed(shown)
    assert "Done in" in shown.status.value
    assert "www-authenticate-missing" in shown.answer.value
    assert pair not in state() + repr(vars(shown.form))
    assert "Holunder-77" not in state()


def test_a_run_can_be_cancelled_and_the_form_can_be_used_again(monkeypatch):
    shown = console(lab_fault="demo")
    assert shown.cancel.disabled
    say = shown._step

    def cancel_at_once(text, stop):
        shown.cancel.click()
        say(text, stop)

    monkeypatch.setattr(shown, "_step", cancel_at_once)
    pressed(shown)
    assert "Cancelled after" in shown.status.value
    assert shown.incident is None
    monkeypatch.setattr(shown, "_step", say)
    pressed(shown)
    assert "Done in" in shown.status.value
    assert shown.cancel.disabled


def test_cancel_frees_the_form_at_once_although_a_listener_hangs():
    with socket.create_server(("127.0.0.1", 0)) as silent:
        shown = console(registry_url=f"http://127.0.0.1:{silent.getsockname()[1]}", user="anna")
        shown.form.password.value = "Kanarie"
        shown.button.click()
        until(lambda: "Working: " in shown.status.value)
        until(lambda: " s)" in shown.status.value)
        began = time.monotonic()
        shown.cancel.click()
        assert time.monotonic() - began < 0.3
        assert "Cancelled after" in shown.status.value
        assert not shown.button.disabled
        assert shown.cancel.disabled
        hanging = shown._thread
        shown.form.given.forget.click()
        shown.form.source.value = OWN
        shown.form.given.anything.value = "$ curl -i http://localhost:5000/v2/\nHTTP/1.1 502 Bad Gateway\n"
        pressed(shown)
        assert "Done in" in shown.status.value
        verdict = shown.answer.value
        hanging.join(60)
    assert shown.answer.value == verdict, "what the cancelled run brought is dropped"


def until(holds, seconds=20.0):
    end = time.monotonic() + seconds
    while not holds() and time.monotonic() < end:
        time.sleep(0.05)
    assert holds()


def test_the_log_tells_what_was_done_and_when_and_is_never_overwritten(tmp_path):
    with Lab("authorization-stripped", backend="embedded") as lab:
        shown = console(registry_url=lab.registry_url, ui_url=lab.ui_url, user=lab.user)
        shown.form.password.value = lab.password
        pressed(shown)
        shown.saved.click()
        shown.saved.click()
        secret = lab.password
    logs = sorted(tmp_path.glob("runbook-log-*.md"))
    assert len(logs) == 2
    text = logs[0].read_text()
    assert re.search(rf"Run: `{lab.registry_url},?`,? `{lab.ui_url}` as {lab.user}", text)
    assert "fault authorization-stripped" in text
    assert "## The answer" in text
    assert secret not in text
    assert logs[0].name in shown.status.value or logs[1].name in shown.status.value
    link = re.search(r'download="(.+?)" href="data:text/markdown;base64,(.+?)"', shown.status.value)
    assert link, "whoever visits the page of `runbook serve` has no folder"
    assert base64.b64decode(link[2]) == (tmp_path / link[1]).read_bytes()


def test_a_login_in_the_name_of_the_user_is_not_kept() -> None:
    form = Form("", "http://r.example:5000", "", "", "NONE", "")
    form.user.value = "anna:Kanarie77"
    assert "Kanarie77" not in state()
    job = form.job()
    assert "Kanarie77" not in job.about() + job.parameters() + repr(job)
    with pytest.raises(UsageError, match="leave the login out"):
        job.run(print)
    assert not form.job().refused


@pytest.mark.parametrize("typed", ["http://anna:Kanarie77@r:5000", "anna:Kanarie77@r", "anna:Kanarie77@r:5000/v2/"])
def test_an_address_with_a_login_is_not_kept_and_nothing_runs_without_it(typed: str) -> None:
    form = Form("", "http://r.example:5000", "", "", "NONE", "")
    form.given.anything.value = typed
    assert "Kanarie77" not in state()
    job = form.job()
    assert "Kanarie77" not in job.about() + job.parameters() + repr(job)
    with pytest.raises(UsageError, match="leave the login out"):
        job.run(print)
    assert not form.job().refused


def test_parameters_are_in_the_list_and_each_can_be_removed() -> None:
    form = Form("incident", "http://r.example:5000", "http://ui.example", "", "NONE", "")
    assert len(form.given.rows.children) == 3
    form.given.rows.children[0].children[-1].click()
    request = form.job().request
    assert (request.paths, request.registry_url, request.ui_url) == ((), "http://r.example:5000", "http://ui.example")


def test_an_address_can_be_the_ui_s_alone_and_two_change_places() -> None:
    form = Form("", "", "", "", "NONE", "")
    form.given.anything.value = "http://ui.example"
    form.given.rows.children[0].children[1].value = "ui"
    assert (form.job().request.registry_url, form.job().request.ui_url) == (None, "http://ui.example")
    form.given.anything.value = "r.example:5000"
    assert form.job().request.registry_url == "http://r.example:5000"
    form.given.rows.children[1].children[1].value = "ui"
    assert (form.job().request.registry_url, form.job().request.ui_url) == (
        "http://ui.example",
        "http://r.example:5000",
    )
    form.given.anything.value = "third.example:80"
    assert "remove one of them first" in form.given.taken.value
