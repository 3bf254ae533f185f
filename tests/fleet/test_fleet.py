"""The command from end to end: files it leaves, exit codes, interruption, hand-over, secrets."""

import json
import os
import random
import re
import shutil
import signal
import sqlite3
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Iterator
from datetime import date
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest

from runbook.cli import main
from runbook.lab import Lab
from tests.canaries import GIVEN, leaks, write_bundle
from tests.case_files import all_cases

CASES = all_cases()


def bundles(folder: Path, *wanted: str) -> Path:
    """Bundles of the package's own cases: the first that is bad for each cause, named after it."""
    for cause in wanted:
        case = next(c for c in CASES if c.cause == cause and c.path.name.startswith("bad") and not c.args)
        case.write(folder / cause)
    return folder


def run(*words: object) -> int:
    return main(["fleet", *map(str, words)])


def row_of(output: Path, name: str) -> dict[str, Any]:
    return next(t for t in json.loads((output / "fleet.json").read_text())["targets"] if t["target"] == name)


def test_a_night_and_the_night_after(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    all_, out = bundles(tmp_path / "all", "htpasswd-not-bcrypt", "htpasswd-empty"), tmp_path / "out"
    assert run(all_, "--output-dir", out) == 3
    assert "1 × htpasswd-empty" in capsys.readouterr().out
    shutil.rmtree(all_ / "htpasswd-empty")
    bundles(tmp_path, "htpasswd-merged-lines").joinpath("htpasswd-merged-lines").rename(all_ / "htpasswd-empty")
    assert run(all_, "--output-dir", out, "--fail-on", "new") == 3
    capsys.readouterr()
    changed = row_of(out, "htpasswd-empty")["change"]
    assert (changed["new"], changed["unclear"]) == (["htpasswd-merged-lines"], ["htpasswd-empty"])
    assert row_of(out, "htpasswd-not-bcrypt")["change"]["still"] == ["htpasswd-not-bcrypt"]
    assert run(all_, "--output-dir", out, "--fail-on", "new") == 0
    capsys.readouterr()
    assert run("history", "--output-dir", out) == 0
    assert "2 fault" in capsys.readouterr().out
    assert run("history", "htpasswd-not-bcrypt", "--output-dir", out, "--format", "json") == 0
    history = json.loads(capsys.readouterr().out)
    assert [row["causes"] for row in history["rows"]] == ["htpasswd-not-bcrypt"] * 3


def test_the_files_are_what_they_say(tmp_path: Path) -> None:
    all_, out = bundles(tmp_path / "all", "htpasswd-not-bcrypt"), tmp_path / "out"
    (all_ / "<img src=x onerror=alert(1)>").mkdir()
    hostile = all_ / "<img src=x onerror=alert(1)>" / "x.txt"
    hostile.write_text("nothing that anybody understands <script>alert(1)</script>")
    assert run(all_, "--output-dir", out, "--format", "junit", "--output-dir", out) == 3
    page = (out / "index.html").read_text()
    assert "<img" not in page
    assert page.count("<script>") == 1
    assert "Content-Security-Policy" in page
    assert not re.search(r'(?:src|href)="(?!reports/|#)', page)
    assert re.search(r'href="(reports/htpasswd-not-bcrypt.html)"', page)
    assert "htpasswd-not-bcrypt" in (out / "reports" / "htpasswd-not-bcrypt.html").read_text()
    suite = ElementTree.parse(out / "junit.xml").getroot()
    assert (suite.get("tests"), suite.get("failures"), suite.get("skipped")) == ("2", "1", "1")
    assert (out / "fleet.md").read_text().startswith("# all: 1 fault, 1 inconclusive")
    assert all(f.stat().st_mode & 0o077 == 0 for f in out.rglob("*") if f.is_file())


def test_a_report_of_yesterday_goes_when_its_registry_is_well_or_gone(tmp_path: Path) -> None:
    all_, out = bundles(tmp_path / "all", "htpasswd-not-bcrypt", "htpasswd-empty"), tmp_path / "out"
    run(all_, "--output-dir", out)
    assert len(list((out / "reports").iterdir())) == 2
    os.rename(all_ / "htpasswd-empty", tmp_path / "away")
    run(all_, "--output-dir", out)
    assert [p.stem for p in (out / "reports").iterdir()] == ["htpasswd-not-bcrypt"]


@pytest.mark.parametrize(
    ("words", "code"),
    [
        ((), 3),
        (("--max-faults", "1"), 5),
        (("--max-faults", "34%"), 5),
        (("--max-faults", "33%"), 3),
        (("--max-faults", "1", "--max-inconclusive", "1"), 4),
        (("--max-faults", "1", "--max-inconclusive", "1", "--fail-on", "error"), 0),
        (("--fail-on", "never"), 0),
    ],
)
def test_the_exit_code_follows_the_thresholds(tmp_path: Path, words: tuple[str, ...], code: int) -> None:
    all_ = bundles(tmp_path / "all", "htpasswd-not-bcrypt")
    (all_ / "nothing").mkdir()
    (all_ / "nothing" / "x.txt").write_text("hello")
    next(c for c in CASES if c.path.match("auth-not-enforced/near-challenged.yaml")).write(all_ / "well")
    assert run(all_, "--output-dir", tmp_path / "out", *words) == code


@pytest.mark.parametrize("words", [("--max-faults", "many"), ("--max-faults", "5 %"), ("--jobs", "0")])
def test_numbers_that_are_none_are_refused(tmp_path: Path, words: tuple[str, str]) -> None:
    with pytest.raises(SystemExit) as stop:
        run(tmp_path, *words)
    assert stop.value.code == 2


def test_wrong_use_is_a_sentence(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "empty").mkdir()
    for words in ((tmp_path / "empty",), (tmp_path / "absent",), ("history", "--output-dir", tmp_path), ("metrics",),
                  (tmp_path, "name"), (tmp_path, "--webhook-env", "FLEET_UNSET")):  # fmt: skip
        assert run(*words, *(() if "history" in words else ("--output-dir", tmp_path / "o"))) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_a_login_is_tried_on_both_ways_and_anonymous_pulls_may_be_meant(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with (
        Lab("authorization-stripped", backend="embedded", seed=3) as bad,
        Lab("auth-not-enforced", backend="embedded", seed=4) as open_,
    ):
        monkeypatch.setenv("FLEET_BAD", bad.password)
        rows = [
            {"name": "bad", "registry": bad.registry_url, "ui": bad.ui_url, "user": bad.user, "credentials": {"env": "FLEET_BAD"}},
            {"name": "open", "registry": open_.registry_url, "ui": open_.ui_url},
            {"name": "meant", "registry": open_.registry_url.replace("localhost", "127.0.0.1"), "expect": ["anonymous-pull"]},
            {"name": "not-open", "registry": bad.registry_url.replace("localhost", "127.0.0.1"), "expect": ["anonymous-pull"]},
        ]  # fmt: skip
        (tmp_path / "all.yaml").write_text(json.dumps({"version": 1, "targets": rows}))
        assert run(tmp_path / "all.yaml", "--output-dir", tmp_path / "out") == 3
    found = {name: row_of(tmp_path / "out", name) for name in ("bad", "open", "meant", "not-open")}
    assert [found["bad"]["causes"][0]["cause"], found["open"]["causes"][0]["cause"]] == [
        "authorization-stripped",
        "auth-not-enforced",
    ]
    assert found["meant"]["state"] == "healthy"
    assert (found["not-open"]["state"], found["not-open"]["causes"][0]["cause"]) == ("fault", "expected-anonymous-pull")


# ---- interruption ----------------------------------------------------------------------------------------


def recorded(output: Path) -> dict[str, float]:
    """What the history holds of the run that is going on."""
    file = output / "history.sqlite"
    if not file.exists():
        return {}
    with sqlite3.connect(file) as db:
        try:
            rows = db.execute("SELECT target, at FROM result WHERE run = (SELECT max(id) FROM run)").fetchall()
        except sqlite3.OperationalError:  # killed before the first table was made
            rows = []
    db.close()
    return dict(rows)


def without_times(output: Path) -> dict[str, Any]:
    found = json.loads((output / "fleet.json").read_text())
    for key in ("started", "finished", "runs"):
        found.pop(key)
    for row in found["targets"]:
        row.pop("since")
    return dict(found)


@pytest.mark.timeout(600)
def test_twenty_times_killed_nothing_recorded_is_lost_or_repeated(tmp_path: Path) -> None:
    all_, out, rng = tmp_path / "all", tmp_path / "out", random.Random(401)
    cases = [c for c in CASES if c.path.name.startswith("bad")][:160]
    for number, case in enumerate(cases):
        case.write(all_ / f"{number:03}")
    command = [sys.executable, "-m", "runbook", "fleet", str(all_), "--jobs", "4", "--output-dir"]
    seen: dict[str, float] = {}
    for _ in range(20):
        more = rng.randint(0, 7)
        reports = out / "reports"
        had = len(list(reports.glob("*.html"))) if reports.exists() else 0
        process = subprocess.Popen([*command, str(out)], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        until = time.monotonic() + 60
        while time.monotonic() < until and process.poll() is None:
            if reports.exists() and len(list(reports.glob("*.html"))) >= had + more:
                break
            time.sleep(0.005)
        time.sleep(rng.random() * 0.02)
        assert process.poll() is None, "it ended before it could be killed"
        process.send_signal(signal.SIGKILL)
        process.wait()
        now = recorded(out)
        assert seen.items() <= now.items()
        seen = now
    assert 0 < len(seen) < len(cases)
    subprocess.run([*command, str(out)], check=False, capture_output=True)
    final = recorded(out)
    assert seen.items() <= final.items()
    assert len(final) == len(cases)
    subprocess.run([*command, str(tmp_path / "whole")], check=False, capture_output=True)
    assert without_times(out) == without_times(tmp_path / "whole")
    assert [p.name for p in (out / "reports").iterdir() if not p.name.endswith(".html")] == []


def test_each_fault_gets_its_executed_notebook(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    all_, out, books = tmp_path / "all", tmp_path / "out", tmp_path / "books"
    bundles(all_, "htpasswd-not-bcrypt")
    (all_ / "quiet").mkdir()
    (all_ / "quiet" / "note.txt").write_text("nothing to be seen\n")
    assert run(all_, "--output-dir", out, "--notebooks", books) == 3
    assert [p.name for p in books.iterdir()] == ["htpasswd-not-bcrypt.ipynb"]
    cells = json.loads((books / "htpasswd-not-bcrypt.ipynb").read_text())["cells"]
    outputs = [output for cell in cells for output in cell.get("outputs", ())]
    assert not [o for o in outputs if o["output_type"] == "error"]
    assert "htpasswd-not-bcrypt" in json.dumps(outputs)
    assert str(tmp_path) not in json.dumps(cells)
    shutil.rmtree(all_ / "htpasswd-not-bcrypt")
    (all_ / "htpasswd-not-bcrypt").mkdir()
    (all_ / "htpasswd-not-bcrypt" / "note.txt").write_text("nothing to be seen\n")
    run(all_, "--output-dir", out, "--notebooks", books)
    assert list(books.iterdir()) == []
    assert run(all_, "--output-dir", out, "--notebooks", all_ / "quiet" / "note.txt") == 2
    assert "cannot be made" in capsys.readouterr().err


# ---- hand-over -------------------------------------------------------------------------------------------


class Hook(BaseHTTPRequestHandler):
    got: list[Any] = []
    status = 200

    def do_POST(self) -> None:
        Hook.got.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(Hook.status)
        self.end_headers()

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def hook(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    Hook.got, Hook.status = [], 200
    server = HTTPServer(("127.0.0.1", 0), Hook)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    monkeypatch.setenv("FLEET_HOOK", f"http://127.0.0.1:{server.server_port}/services/SecretPathOfTheHook")
    yield
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.mark.usefixtures("hook")
def test_a_webhook_is_told_of_changes_only(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    all_, words = (
        bundles(tmp_path / "all", "htpasswd-not-bcrypt"),
        ("--webhook-env", "FLEET_HOOK", "--output-dir", tmp_path / "o"),
    )
    run(all_, *words)
    run(all_, *words)
    assert len(Hook.got) == 1
    assert Hook.got[0]["counts"]["fault"] == 1
    assert "1 × htpasswd-not-bcrypt" in Hook.got[0]["text"]
    bundles(all_, "htpasswd-empty")
    run(all_, *words, "--webhook-format", "slack")
    assert list(Hook.got[1]) == ["text"]
    assert "new: htpasswd-empty" in Hook.got[1]["text"]
    run(all_, *words, "--webhook-format", "alertmanager")
    assert {a["labels"]["registry"] for a in Hook.got[2]} == {"htpasswd-not-bcrypt", "htpasswd-empty"}
    assert all(a["startsAt"] < a["endsAt"] for a in Hook.got[2])
    Hook.status = 500
    bundles(all_, "htpasswd-merged-lines")
    assert run(all_, *words) == 3
    told = capsys.readouterr().err
    assert "the webhook answered 500" in told
    assert "SecretPath" not in told


def test_metrics_are_stable_bounded_and_served(tmp_path: Path) -> None:
    parser = pytest.importorskip("prometheus_client.parser")
    from runbook.fleet.metrics import serve
    from runbook.rules import load

    all_, file = bundles(tmp_path / "all", "htpasswd-not-bcrypt"), tmp_path / "f.prom"
    run(all_, "--output-dir", tmp_path / "o", "--prometheus", file)
    assert file.stat().st_mode & 0o777 == 0o644
    families = {f.name: f for f in parser.text_string_to_metric_families(file.read_text())}
    assert sorted(families) == [
        "runbook_fleet_causes", "runbook_fleet_changes", "runbook_fleet_duration_seconds",
        "runbook_fleet_last_run_timestamp_seconds", "runbook_fleet_registries_without_series", "runbook_fleet_targets",
        "runbook_registry_state",
    ]  # fmt: skip
    causes = {s.labels["cause"]: s.value for s in families["runbook_fleet_causes"].samples}
    assert causes["htpasswd-not-bcrypt"] == 1
    assert set(causes) == {*load(), "expected-anonymous-pull"}
    server, thread = serve(file, 0)
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{server.server_port}/metrics") as answer:
            text = answer.read().decode()
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
    assert 'runbook_fleet_causes{cause="htpasswd-not-bcrypt",fleet="all"} 1.0' in text


def test_metrics_of_more_registries_than_may_have_a_series(monkeypatch: pytest.MonkeyPatch) -> None:
    from runbook.fleet import metrics
    from runbook.fleet.inventory import Target
    from runbook.fleet.one import Result, Seen
    from runbook.fleet.rollup import held_against, roll_up
    from runbook.fleet.store import Past, Started

    monkeypatch.setattr(metrics, "MOST_TARGETS", 3)
    results = [
        Result(f"t{n}", "fault", (Seen("no-v2-route"),)) if n < 5 else Result(f"t{n}", "healthy") for n in range(9)
    ]
    rows = [held_against(Target(r.target), r, date(2027, 1, 1)) for r in results]
    text = metrics.as_text(roll_up("all", Started(1, 1.0), rows, Past(), 2.0))
    assert text.count("runbook_registry_state{") == 3
    assert 'runbook_fleet_registries_without_series{fleet="all"} 6.0' in text


@pytest.mark.usefixtures("hook")
def test_no_secret_is_in_anything_that_a_fleet_leaves(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    write_bundle(tmp_path / "bundle")
    monkeypatch.setenv("CANARY", GIVEN)
    with Lab(backend="embedded", seed=5) as lab:
        rows = [
            {"name": "files", "evidence": ["bundle"], "user": "anna", "credentials": {"env": "CANARY"}},
            {"name": "wire", "registry": lab.registry_url, "ui": lab.ui_url, "user": "anna", "evidence": ["bundle"],
             "credentials": {"command": [sys.executable, "-c", "import os; print(os.environ['CANARY'])"]}},
        ]  # fmt: skip
        (tmp_path / "all.yaml").write_text(json.dumps({"version": 1, "targets": rows}))
        for format_ in ("text", "json", "markdown", "junit"):
            run(tmp_path / "all.yaml", "--output-dir", tmp_path / "o", "--prometheus", tmp_path / "o/f.prom", "--format",
                format_, "--webhook-env", "FLEET_HOOK", "--fresh",
                *(["--notebooks", tmp_path / "o" / "books"] if format_ == "text" else []))  # fmt: skip
    out, err = capsys.readouterr()
    left = [p.read_bytes().decode("utf-8", "replace") for p in (tmp_path / "o").rglob("*") if p.is_file()]
    assert len(left) >= 7
    assert list((tmp_path / "o" / "books").iterdir())
    assert len(Hook.got) == 1
    assert leaks("\n".join([out, err, json.dumps(Hook.got), *left])) == []


# ---- what the documentation shows ------------------------------------------------------------------------

ROOT = Path(__file__).parent.parent.parent


def test_nothing_of_this_is_loaded_by_diagnose() -> None:
    script = (
        "import sys\nfrom runbook.cli import main\n"
        f"main(['diagnose', {str(ROOT / 'binder')!r}])\n"
        "parts = ('runbook.fleet', 'sqlite3', 'jinja2', 'prometheus_client', 'distributed')\n"
        "print([m for m in sys.modules if m.startswith(parts)])"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.splitlines()[-1] == "[]"


SCHEDULE = ROOT / "runbook" / "fleet" / "schedule"


def test_the_inventory_of_the_readme_is_valid(tmp_path: Path) -> None:
    from runbook.fleet.inventory import load

    text = (ROOT / "README.md").read_text()
    block = next(b for b in re.findall(r"```yaml\n(.*?)```", text, re.DOTALL) if "version: 1" in b)
    (tmp_path / "all.yaml").write_text(block)
    assert [t.name for t in load(tmp_path / "all.yaml").targets] == ["berlin", "mirror", "legacy"]


def words_of(command: list[str]) -> None:
    """What a schedule calls is a command line that the program takes."""
    from runbook.cli.arguments import parser

    assert command[:2] == ["runbook", "fleet"]
    parser(command[1:]).parse_args(command[1:])


def test_the_units_are_valid(tmp_path: Path) -> None:
    unit = (SCHEDULE / "runbook-fleet.service").read_text()
    words_of(re.findall(r"^ExecStart=/usr/bin/env (.*)$", unit, re.MULTILINE)[0].split())
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze here")
    for name in ("runbook-fleet.service", "runbook-fleet.timer"):
        shutil.copy(SCHEDULE / name, tmp_path / name)
    units = [str(tmp_path / name) for name in ("runbook-fleet.service", "runbook-fleet.timer")]
    done = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", *units], capture_output=True, text=True, check=False
    )
    assert [line for line in done.stderr.splitlines() if "runbook-fleet" in line] == []
    calendar = re.findall(r"^OnCalendar=(.*)$", (SCHEDULE / "runbook-fleet.timer").read_text(), re.MULTILINE)[0]
    assert subprocess.run(["systemd-analyze", "calendar", calendar], capture_output=True, check=False).returncode == 0


def test_the_cron_job_is_valid() -> None:
    import yaml

    claim, job = yaml.safe_load_all((SCHEDULE / "cronjob.yaml").read_text())
    assert (claim["apiVersion"], claim["kind"]) == ("v1", "PersistentVolumeClaim")
    assert (job["apiVersion"], job["kind"]) == ("batch/v1", "CronJob")
    assert re.fullmatch(r"[\d*/,-]+( [\d*/,-]+){4}", job["spec"]["schedule"])
    pod = job["spec"]["jobTemplate"]["spec"]["template"]["spec"]
    words_of(pod["containers"][0]["command"])
    assert {m["name"] for m in pod["containers"][0]["volumeMounts"]} == {v["name"] for v in pod["volumes"]}
    assert claim["metadata"]["name"] in [v.get("persistentVolumeClaim", {}).get("claimName") for v in pod["volumes"]]
