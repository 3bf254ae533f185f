"""The one file on a bare Python: the same answers, small, quick to start, plain about what it lacks."""

import hashlib
import json
import os
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

ROOT = Path(__file__).parents[2]
DRIVER = Path(__file__).parent / "driver.py"
PUBLIC = next((f for f in (ROOT.parent / "shared/cases", ROOT.parent.parent / "shared/cases") if f.is_dir()), None)
CASES = sorted(f for f in (PUBLIC or ROOT / "tests/untidy").iterdir() if (f / "bundle").is_dir())


@pytest.fixture(scope="module")
def pyz(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target = tmp_path_factory.mktemp("onefile") / "runbook.pyz"
    made = subprocess.run(
        [sys.executable, str(ROOT / ".ci/onefile/build.py"), str(target)], capture_output=True, text=True
    )
    if made.returncode:
        if os.environ.get("RUNBOOK_REQUIRE_REAL"):
            pytest.fail(made.stderr[-500:])
        pytest.skip("the packages of the one file cannot be had here")
    return target


@pytest.fixture(scope="module")
def bare(tmp_path_factory: pytest.TempPathFactory) -> str:
    """A Python without any package, not even pip."""
    folder = tmp_path_factory.mktemp("bare")
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(folder)], check=True)
    return str(folder / "bin/python")


@pytest.fixture
def env(tmp_path: Path) -> dict[str, str]:
    return {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "RUNBOOK_CACHE": str(tmp_path / "cache")}


def run(*words: str, env: dict[str, str], cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    return subprocess.run(words, env=env, capture_output=True, text=True, timeout=120, cwd=cwd)


def rows() -> list[object]:
    found: list[object] = []
    for folder in CASES:
        if (folder / "case.yaml").is_file():
            case = yaml.safe_load((folder / "case.yaml").read_text(encoding="utf-8"))
            found.append([folder.name, str(folder), case.get("args", []), case.get("env", {})])
    return found


@pytest.mark.timeout(1800)
def test_every_case_gets_the_same_answer_in_every_format(
    pyz: Path, bare: str, env: dict[str, str], tmp_path: Path
) -> None:
    cases = tmp_path / "cases.json"
    cases.write_text(json.dumps(rows()))
    told = []
    for python, where in ((bare, str(pyz)), (sys.executable, str(ROOT))):
        done = subprocess.run(
            [python, str(DRIVER), str(cases)],
            env={**env, "PYTHONPATH": where},
            capture_output=True,
            text=True,
            timeout=1200,
        )
        assert done.returncode == 0, done.stderr[-2000:]
        told.append(json.loads(done.stdout))
    small, installed = told
    assert len(small) >= 40
    assert [n for n in installed if small[n] != installed[n]] == []


def test_small_and_the_same_bytes_twice(pyz: Path, tmp_path: Path) -> None:
    assert pyz.stat().st_size <= 4_000_000
    again = tmp_path / "again.pyz"
    subprocess.run([sys.executable, str(ROOT / ".ci/onefile/build.py"), str(again)], check=True, capture_output=True)
    assert hashlib.sha256(again.read_bytes()).digest() == hashlib.sha256(pyz.read_bytes()).digest()


def test_it_starts_about_as_fast_as_the_installed_one(pyz: Path, bare: str, env: dict[str, str]) -> None:
    case = str(CASES[0] / "bundle")
    ways = ((bare, str(pyz)), (sys.executable, "-m", "runbook"))
    spent: list[list[float]] = [[], []]
    for _ in range(6):
        for way, times in zip(ways, spent, strict=True):
            begun = time.perf_counter()
            run(
                *way,
                "diagnose",
                case,
                "--format",
                "json",
                env={**env, "PYTHONPATH": str(ROOT) if way[1] == "-m" else ""},
            )
            times.append(time.perf_counter() - begun)
    quickest = [min(times[1:]) for times in spent]
    assert quickest[0] <= 1.5 * quickest[1], quickest


@pytest.mark.parametrize(
    ("words", "needs"),
    [
        (["report", "."], "papermill"),
        (["demo"], "papermill"),
        (["open"], "jupyterlab"),
        (["serve"], "voila"),
        (["fleet", "x"], "msgspec"),
    ],
    ids=lambda v: v[0] if isinstance(v, list) else "",
)
def test_what_is_missing_is_one_sentence(
    pyz: Path, bare: str, env: dict[str, str], words: list[str], needs: str, tmp_path: Path
) -> None:
    done = run(bare, str(pyz), *words, env=env, cwd=tmp_path)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1), done.stderr
    assert needs in done.stderr.lower().replace("à", "a")
    assert "pip install" in done.stderr


def test_without_a_cache_it_runs_from_the_file(pyz: Path, bare: str, env: dict[str, str], tmp_path: Path) -> None:
    nowhere = tmp_path / "file"
    nowhere.write_text("")
    done = run(bare, str(pyz), "diagnose", str(CASES[0] / "bundle"), env={**env, "RUNBOOK_CACHE": str(nowhere / "x")})
    assert done.returncode in (0, 3, 4, 5)
    assert done.stdout
    assert "Traceback" not in done.stderr


def test_a_cache_that_others_may_write_is_not_used(pyz: Path, bare: str, env: dict[str, str], tmp_path: Path) -> None:
    open_ = tmp_path / "open"
    open_.mkdir()
    open_.chmod(0o777)
    there = {**env, "RUNBOOK_CACHE": str(open_)}
    assert run(bare, str(pyz), "--version", env=there).returncode == 0
    for module in open_.rglob("runbook/__init__.py"):
        module.write_text("raise SystemExit(99)")
    assert run(bare, str(pyz), "--version", env=there).returncode == 0


def test_the_embedded_lab_is_in_it(pyz: Path, bare: str, env: dict[str, str]) -> None:
    home = {**env, "RUNBOOK_LAB_HOME": env["HOME"], "TMPDIR": env["HOME"]}
    up = run(bare, str(pyz), "lab", "up", "--backend", "embedded", env=home)
    try:
        assert up.returncode == 0, up.stderr
    finally:
        assert run(bare, str(pyz), "lab", "down", env=home).returncode == 0


def test_an_old_python_is_told_so() -> None:
    """The file's first module is read by Pythons that know less: no syntax that they lack."""
    import ast

    text = (ROOT / ".ci/onefile/start.py").read_text(encoding="utf-8")
    ast.parse(text, feature_version=(3, 7))
    assert "Python 3.11 or later is needed" in text


@pytest.mark.parametrize(
    "words",
    [["completion", "bash"], ["man"], ["schema"], ["explain", "--format", "json"], ["doctor"]],
    ids=lambda w: w[0],
)
def test_what_needs_no_package_works(pyz: Path, bare: str, env: dict[str, str], words: list[str]) -> None:
    done = run(bare, str(pyz), *words, env=env)
    assert (done.returncode, done.stderr) == (0, "")
    assert done.stdout
