"""The action, the GitLab template and the pre-commit hook: their own steps, run as the systems run them."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from tests.case_files import all_cases
from tests.onefile.test_onefile import ROOT, pyz

__all__ = ["pyz"]
ACTION = ROOT / ".github/actions/diagnose"
BROKEN = next(c for c in all_cases() if c.path.stem == "bad-apr1-file")
SECRET = "Kran=44"


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    folder = tmp_path / "repository"
    folder.mkdir()
    return BROKEN.write(folder)


def environment(tmp_path: Path, **more: str) -> dict[str, str]:
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {"PATH": path, "HOME": str(tmp_path), "RUNBOOK_CACHE": str(tmp_path / "cache"), **more}


def action(
    repository: Path, tmp_path: Path, **inputs: str
) -> tuple[subprocess.CompletedProcess[str], str, dict[str, str]]:
    """The step `diagnose` of action.yml with its own inputs filled in, as the runner does."""
    spec = yaml.safe_load((ACTION / "action.yml").read_text())
    step = next(s for s in spec["runs"]["steps"] if s.get("id") == "diagnose")
    given = {name: body["default"] for name, body in spec["inputs"].items()} | inputs
    filled = {k: re.sub(r"\$\{\{ inputs\.([\w-]+) \}\}", lambda m: given[m[1]], v) for k, v in step["env"].items()}
    summary, outputs = tmp_path / "summary.md", tmp_path / "outputs"
    env = environment(
        tmp_path, GITHUB_STEP_SUMMARY=str(summary), GITHUB_OUTPUT=str(outputs), GITHUB_ACTION_PATH=str(ACTION),
        RUNNER_TEMP=str(tmp_path), CASE_PASSWORD=SECRET, **filled,
    )  # fmt: skip
    done = subprocess.run(
        ["bash", "-c", step["run"]], cwd=repository, env=env, capture_output=True, text=True, timeout=250
    )
    told = dict(line.split("=", 1) for line in outputs.read_text().splitlines()) if outputs.exists() else {}
    return done, summary.read_text() if summary.exists() else "", told


def test_the_action(repository: Path, tmp_path: Path, pyz: Path) -> None:
    done, summary, told = action(
        repository, tmp_path, user="lotte", pages="https://runbook.example.org", **{"password-env": "CASE_PASSWORD"}
    )
    assert done.returncode == 3, done.stderr
    assert re.search(
        r"^::error file=auth/htpasswd,line=1,title=htpasswd-not-bcrypt::.*bcrypt", done.stdout, re.MULTILINE
    )
    assert "htpasswd-not-bcrypt" in summary
    assert (told["verdict"], told["cause"]) == ("fault", "htpasswd-not-bcrypt")
    sarif = json.loads(Path(told["sarif"]).read_text())
    assert sarif["runs"][0]["tool"]["driver"]["rules"][0]["helpUri"].endswith("/causes/htpasswd-not-bcrypt.html")
    assert SECRET not in done.stdout + done.stderr + summary + json.dumps(sarif)


def test_the_action_passes_where_nothing_is_wrong_to_see(tmp_path: Path, pyz: Path) -> None:
    empty = tmp_path / "empty"
    empty.mkdir()
    done, _, told = action(empty, tmp_path)
    assert (done.returncode, told["verdict"]) == (0, "inconclusive")


def test_an_annotation_cannot_become_another_command(tmp_path: Path) -> None:
    report, sarif = tmp_path / "r.json", tmp_path / "s.json"
    report.write_text(json.dumps({"verdict": "fault", "causes": []}))
    place = {"physicalLocation": {"artifactLocation": {"uri": "a%0A%3A%3Aset-output,b"}, "region": {"startLine": 1}}}
    result = {"ruleId": "x", "level": "error", "message": {"text": "a\n::add-mask::b\r%"}, "locations": [place]}
    sarif.write_text(json.dumps({"runs": [{"results": [result]}]}))
    words = [sys.executable, str(ACTION / "annotate.py"), str(report), str(sarif)]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert done.stdout.splitlines() == ["::error file=a%0A%3A%3Aset-output%2Cb,line=1,title=x::a%0A::add-mask::b%0D%25"]


def test_the_gitlab_template(repository: Path, tmp_path: Path, pyz: Path) -> None:
    head, job = yaml.safe_load_all((ROOT / ".ci/gitlab/diagnose.yml").read_text())
    given = {name: body["default"] for name, body in head["spec"]["inputs"].items()} | {"runbook": str(pyz)}
    text = re.sub(r"\$\[\[ inputs\.([\w-]+) \]\]", lambda m: given[m[1]], json.dumps(job))
    body = json.loads(text)["runbook diagnose"]
    script = "set -e\n" + "\n".join(body["script"])
    env = environment(tmp_path, **body["variables"])
    done = subprocess.run(["bash", "-c", script], cwd=repository, env=env, capture_output=True, text=True, timeout=250)
    assert done.returncode == 3, done.stderr
    assert "htpasswd-not-bcrypt" in done.stdout
    assert "<testsuite" in (repository / body["artifacts"]["reports"]["junit"]).read_text()
    assert (repository / body["artifacts"]["paths"][0]).read_text().startswith("<!doctype html>")


def test_the_pre_commit_hook(repository: Path, tmp_path: Path, pyz: Path) -> None:
    (hook,) = yaml.safe_load((ROOT / ".pre-commit-hooks.yaml").read_text())
    assert hook["language"] == "script"
    trigger = re.compile(hook["files"])
    assert all(trigger.search(n) for n in ("docker-compose.yml", "auth/htpasswd", "nginx/default.conf", ".env"))
    assert not trigger.search("src/main.py")
    # The clone that pre-commit makes, with the file that the hook builds at first use.
    clone = tmp_path / "clone"
    (clone / ".ci").mkdir(parents=True)
    (clone / "dist").mkdir()
    (clone / hook["entry"]).write_bytes((ROOT / hook["entry"]).read_bytes())
    (clone / "dist/runbook.pyz").write_bytes(pyz.read_bytes())

    def run() -> subprocess.CompletedProcess[str]:
        words = ["bash", str(clone / hook["entry"]), *hook["args"]]
        return subprocess.run(
            words, cwd=repository, env=environment(tmp_path), capture_output=True, text=True, timeout=250
        )

    done = run()
    assert done.returncode == 3, done.stderr
    assert "htpasswd-not-bcrypt" in done.stdout
    good = repository / "auth/htpasswd"
    good.write_text(re.sub(r"(?m)^lotte:.*\n", "", good.read_text()))
    assert run().returncode == 0
