"""The lab as its users meet it: mistakes in sentences, nothing left behind, little imported."""

import json
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from runbook import leftovers
from runbook.lab import Lab, LabError, commands, native, state
from runbook.lab.draw import draw


def test_an_unknown_fault_is_a_sentence_with_the_nearest_name() -> None:
    with pytest.raises(LabError, match='did you mean "authorization-stripped"'):
        Lab("authorisation-stripped")


def test_a_fault_that_the_lab_cannot_show_says_why() -> None:
    with pytest.raises(LabError, match="no certificates"):
        Lab("tls-san-missing")


def test_an_unknown_backend_is_a_sentence() -> None:
    with pytest.raises(LabError, match="there are auto, embedded, native and compose"):
        Lab(backend="dream")  # type: ignore[arg-type]


def test_nothing_is_left_behind() -> None:
    with Lab(backend="embedded") as lab:
        home, port = lab.home, int(lab.registry_url.rpartition(":")[2])
    assert not home.exists()
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", port)) != 0


def test_closing_twice_is_harmless_and_a_closed_lab_says_so() -> None:
    lab = Lab(backend="embedded").start()
    lab.close()
    lab.close()
    with pytest.raises(LabError, match="not running"):
        _ = lab.bundle


def test_only_loopback_is_listened_on() -> None:
    with Lab(backend="embedded") as lab:
        port = int(lab.registry_url.rpartition(":")[2])
        with socket.socket(socket.AF_INET) as probe:
            probe.settimeout(0.3)
            assert probe.connect_ex(("127.0.0.2", port)) != 0


def test_images_outside_the_volume_are_gone_after_recreation() -> None:
    """The experiment behind storage-outside-volume."""
    for fault, kept in ((None, True), ("storage-outside-volume", False)):
        with Lab(*([fault] if fault else []), backend="embedded", major=2) as lab:
            app = lab._runner._app
            app.store.link("team/app", "manifests", "sha256:" + "a" * 64)
            lab._create()
            app = lab._runner._app
            assert (app.store.repositories() == ["team/app"]) is kept


def test_faults_compose() -> None:
    with Lab("authorization-stripped", "storage-outside-volume", backend="embedded") as lab:
        text = (lab.bundle / "docker-compose.yml").read_text()
        assert lab.faults == ("authorization-stripped", "storage-outside-volume")
    assert 'NGINX_PROXY_HEADER_Authorization: ""' in text
    assert "ROOTDIRECTORY" in text


def test_the_demo_is_the_incident_of_the_write_up() -> None:
    with Lab.demo() as lab:
        text = (lab.bundle / "docker-compose.yml").read_text()
    assert "registry:3" in text
    assert text.count("#") >= 3


HEAVY = ("pandas", "papermill", "jupyter", "IPython", "ipywidgets", "nbformat", "httpx")


def test_the_lab_imports_little() -> None:
    code = f"import sys, runbook.lab, runbook.lab.commands; print([m for m in {HEAVY} if m in sys.modules])"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.strip() == "[]"


@pytest.fixture
def own_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path


def test_up_and_down(own_state: Path) -> None:
    made = state.up(["authorization-stripped"], "embedded", 3)
    try:
        assert state.current() == made
        secret = Path(made.password_file)
        assert stat.S_IMODE(secret.stat().st_mode) == 0o600
        kept = (own_state / "runbook" / "lab" / "lab.lab.json").read_text()
        assert secret.read_text() not in kept
        assert secret.read_text().encode() not in Path(f"/proc/{made.pid}/cmdline").read_bytes()
        with pytest.raises(LabError, match="is up already"):
            state.up()
    finally:
        assert state.down() == made
    assert state.current() is None
    assert not Path(made.bundle).exists()
    assert state.down() is None


def typed(*words: str) -> int:
    import argparse

    parser = argparse.ArgumentParser()
    commands.add_arguments(parser)
    return commands.run(parser.parse_args(words))


def test_several_at_once(own_state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    one, two = (state.up((), "embedded", seed, name=name) for name, seed in (("one", 3), ("two", 3)))
    try:
        assert {s.name for s in state.known()} == {"one", "two"}
        assert one.user == two.user  # the same draw, although the ports are taken
        assert one.registry_url != two.registry_url
        assert typed("down") == 2
        assert "one, two" in capsys.readouterr().err
        assert typed("down", "one") == 0
        assert [s.name for s in state.known()] == ["two"]
    finally:
        typed("down", "--all")
    assert not state.known()
    assert not Path(two.home).exists()


@pytest.mark.parametrize("backend", ["embedded", "native"])
def test_what_a_killed_lab_left_is_found_and_cleared(
    backend: str, own_state: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if backend == "native" and not native.usable(None):
        pytest.skip("needs nginx and a registry")
    made = state.up((), backend, 4, name="victim")
    os.kill(made.pid, signal.SIGKILL)
    end = time.monotonic() + 10
    while made.lives and time.monotonic() < end:
        time.sleep(0.02)
    assert Path(made.home).exists()
    assert typed("list") == 0
    assert "Lab 'victim' was killed" in capsys.readouterr().out
    assert typed("down", "victim") == 0
    assert not Path(made.home).exists()
    assert not state.known()
    assert state.up((), backend, 4, name="victim").name == "victim"
    assert typed("down") == 0


def _ended(pid: int, seconds: float = 10.0) -> None:
    """Wait until the kernel has ended a process that was killed."""
    end = time.monotonic() + seconds
    while leftovers.lives(pid):
        assert time.monotonic() < end
        time.sleep(0.01)


def test_a_state_file_cannot_name_another_folder(own_state: Path, tmp_path: Path) -> None:
    made = state.up((), "embedded", 4)
    os.kill(made.pid, signal.SIGKILL)
    _ended(made.pid)
    other = tmp_path / "runbook-lab-1-mine"
    other.mkdir()
    state.keep(replace(made, home=str(other)), state.folder())
    typed("down")
    assert other.exists()
    assert not Path(made.home).exists()  # found by its name


def test_a_draw_does_not_depend_on_the_ports_in_use() -> None:
    free = draw(5, None)
    with socket.create_server(("127.0.0.1", free.registry_port)):
        busy = draw(5, None)
    assert busy.registry_port != free.registry_port
    ports = {"registry_port": 1, "ui_port": 2, "inner_port": 3}
    assert replace(busy, **ports) == replace(free, **ports)


def test_names_of_labs(own_state: Path) -> None:
    with pytest.raises(LabError, match="a lab's name"):
        state.up(name="../other")


def test_up_with_an_unknown_fault_is_exit_2(own_state: Path, capsys: pytest.CaptureFixture[str]) -> None:
    import argparse

    parser = argparse.ArgumentParser()
    commands.add_arguments(parser)
    assert commands.run(parser.parse_args(["up", "--fault", "htpasswd-not-bcript"])) == 2
    assert 'did you mean "htpasswd-not-bcrypt"' in capsys.readouterr().err
    assert commands.run(parser.parse_args(["list"])) == 0
    assert "No lab is up." in capsys.readouterr().out


_VICTIM = """
import json, signal, sys, time
from runbook.lab import Lab
signal.signal(signal.SIGINT, signal.default_int_handler)  # a job in a shell's background inherits that it is ignored
lab = Lab(backend="native").start()
print(json.dumps([str(lab.home), [child.pid for child in lab._runner._children]]), flush=True)
time.sleep(60)
"""


@pytest.mark.skipif(not native.usable(None), reason="needs nginx and a registry")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGINT])
def test_no_child_outlives_its_parent(number: signal.Signals) -> None:
    with subprocess.Popen([sys.executable, "-c", _VICTIM], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as victim:
        assert victim.stdout is not None
        home, children = json.loads(victim.stdout.readline())
        assert all(_alive(pid) for pid in children)
        victim.send_signal(number)
        victim.wait(10)
    end = time.monotonic() + 5
    while any(_alive(pid) for pid in children) and time.monotonic() < end:
        time.sleep(0.02)
    assert not [pid for pid in children if _alive(pid)]
    with Lab(backend="embedded"):
        assert not Path(home).exists()


def _alive(pid: int) -> bool:
    try:
        words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return False
    return words[0] != "Z" and os.path.exists(f"/proc/{pid}")
