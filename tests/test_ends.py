"""Ended from outside, full, closed: a sentence with the cause, and nothing stays beyond the next start."""

import os
import signal
import stat
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import pytest

from runbook.leftovers import named, sweep

pytestmark = pytest.mark.skipif(not Path("/proc").is_dir(), reason="looks at processes in /proc")
RUNBOOK = [sys.executable, "-m", "runbook"]
OK = "services:\n  registry:\n    image: registry:2\n    environment: {REGISTRY_AUTH: htpasswd}\n"


@pytest.fixture
def bundle(tmp_path: Path) -> Path:
    folder = tmp_path / "bundle"
    folder.mkdir()
    (folder / "compose.yml").write_text(OK)
    return folder


@pytest.fixture
def temporary(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "tmp"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def below(pid: int) -> set[int]:
    """All processes that descend from that one."""
    parents = {}
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                parents[int(entry.name)] = int((entry / "stat").read_text().rpartition(")")[2].split()[1])
            except (OSError, ValueError, IndexError):
                continue
    found, grown = {pid}, True
    while grown:
        more = {p for p, parent in parents.items() if parent in found} - found
        found |= more
        grown = bool(more)
    return found - {pid}


def alive(pids: set[int]) -> set[int]:
    found = set()
    for pid in pids:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except OSError:
            continue
        if state != "Z":
            found.add(pid)
    return found


def gone(pids: set[int], seconds: float = 15) -> bool:
    end = time.monotonic() + seconds
    while alive(pids) and time.monotonic() < end:
        time.sleep(0.1)
    return not alive(pids)


def _hears_interrupts() -> None:
    """A job in the background of a shell ignores them, and so would everything that the tests start."""
    signal.signal(signal.SIGINT, signal.SIG_DFL)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGHUP, signal.SIGINT, signal.SIGKILL])
@pytest.mark.parametrize("command", ["report", "demo"])
def test_a_report_that_is_ended(
    command: str, number: signal.Signals, bundle: Path, tmp_path: Path, temporary: Path
) -> None:
    out = tmp_path / "out"
    words = [command, *([str(bundle)] if command == "report" else []), "--output-dir", str(out)]
    with subprocess.Popen(
        [*RUNBOOK, *words], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, preexec_fn=_hears_interrupts
    ) as process:
        children: set[int] = set()
        end = time.monotonic() + 60
        while len(children) < 2 and process.poll() is None and time.monotonic() < end:
            time.sleep(0.1)
            children = below(process.pid)
        time.sleep(0.7)
        children |= below(process.pid)
        process.send_signal(number)
        _, said = process.communicate(timeout=60)
    assert children
    assert gone(children), "workers end with it"
    if number != signal.SIGKILL:
        # Where Ctrl-C comes while Python makes a class out of text, it ends by the signal itself afterwards: 130 for a shell.
        assert process.returncode in (128 + number, *([-number] if number == signal.SIGINT else [])), said
        assert "nothing was changed" in said
        assert not out.exists() or list(out.iterdir()) == []
        assert [p.name for p in temporary.iterdir() if p.name.startswith("runbook-")] == []
        return
    again = subprocess.run(
        [*RUNBOOK, "report", str(bundle), "--output-dir", str(out)], capture_output=True, text=True, check=False
    )
    assert again.returncode in (3, 4, 5), again.stderr
    assert [p.name for p in out.iterdir() if p.name.startswith(".")] == []


def test_leftovers_of_others_stay(tmp_path: Path) -> None:
    (tmp_path / f"x-{2**22 + 12345}-abc").mkdir()
    (tmp_path / named("x-")).mkdir()
    (tmp_path / "x-1-abc").mkdir()
    (tmp_path / "x-nobody").mkdir()
    sweep(tmp_path, "x-")
    assert sorted(p.name for p in tmp_path.iterdir()) == sorted([named("x-"), "x-1-abc", "x-nobody"])


def run(script: str, bundle: Path) -> "subprocess.CompletedProcess[str]":
    command = " ".join([*RUNBOOK, "diagnose", str(bundle)])
    return subprocess.run(
        ["bash", "-c", script.replace("RUN", command)], capture_output=True, text=True, check=False, timeout=60
    )


@pytest.mark.parametrize(
    ("script", "code", "said"),
    [
        ("RUN --format json | head -c 1 > /dev/null; exit ${PIPESTATUS[0]}", 3, ""),
        ("RUN | true; exit ${PIPESTATUS[0]}", 3, ""),
        ("RUN > /dev/full", 2, "No space left on device"),
        ("RUN --format json --output /dev/full", 2, "No space left on device"),
        ("RUN --save-evidence /dev/full > /dev/null", 2, "No space left on device"),
        ("RUN >&-", 3, None),
        ("RUN 2>&- > /dev/null", 3, ""),
        ("RUN --format json <&- > /dev/null", 3, ""),
        ("RUN >&- 2>&- <&-", 3, ""),
        ("RUN 2> /dev/full > /dev/null", 3, ""),
        ("RUN /nowhere 2> /dev/full", 2, ""),
    ],
)  # fmt: skip
def test_closed_and_full(script: str, code: int, said: str | None, bundle: Path) -> None:
    done = run(script, bundle)
    assert done.returncode == code, done.stderr
    assert "please report" not in done.stderr
    assert "Traceback" not in done.stderr
    assert "Exception ignored" not in done.stderr
    if said is not None:
        assert said in done.stderr
        assert bool(said) == bool(done.stderr.strip())


def test_a_full_disk(bundle: Path, tmp_path: Path) -> None:
    """A file system of one megabyte, where this user may make one."""
    small = tmp_path / "small"
    small.mkdir()
    if subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(small)], capture_output=True, check=False
    ).returncode:
        pytest.skip("no file system can be made here")
    try:
        done = subprocess.run(
            [*RUNBOOK, "report", str(bundle), "--output-dir", str(small / "out")],
            capture_output=True,
            text=True,
            check=False,
        )
    finally:
        subprocess.run(["umount", "-l", str(small)], check=True)
    assert done.returncode in (2, 3), done.stderr  # what fits is written, and the report says what failed
    assert "No space left on device" in done.stderr
    assert "please report" not in done.stderr


def test_what_is_saved_is_for_this_user_alone(bundle: Path, tmp_path: Path) -> None:
    files = [tmp_path / name for name in ("out.json", "r.html", "e.json")]
    os.umask(0o022)
    words = ["--format", "json", "--output", str(files[0]), "--report", str(files[1]), "--save-evidence", str(files[2])]
    subprocess.run([*RUNBOOK, "diagnose", str(bundle), *words], check=False, capture_output=True)
    assert [stat.S_IMODE(f.stat().st_mode) for f in files] == [0o600] * 3
    subprocess.run(
        [*RUNBOOK, "report", str(bundle), "--output-dir", str(tmp_path / "out")], check=False, capture_output=True
    )
    modes = {p.name: stat.S_IMODE(p.stat().st_mode) for p in (tmp_path / "out").iterdir()}
    assert set(modes.values()) == {0o600}, modes


def test_several_labs_at_once(tmp_path: Path) -> None:
    env = {**os.environ, "XDG_STATE_HOME": str(tmp_path)}
    ups = [
        subprocess.Popen(
            [*RUNBOOK, "lab", "up", "--backend", "embedded"], env=env, stdout=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for _ in range(3)
    ]
    try:
        codes = sorted(up.wait(60) for up in ups)
        for up in ups:
            up.communicate()
    finally:
        subprocess.run([*RUNBOOK, "lab", "down"], env=env, check=True, capture_output=True)
    assert codes == [0, 2, 2]
