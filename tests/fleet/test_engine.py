"""How many are asked at once: never more than the bounds, and never two logins at one registry."""

import base64
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from runbook.collect import UsageError
from runbook.fleet.engine import Bounds, addresses_of, chains, distributed, hosts_of, local, work_through
from runbook.fleet.inventory import Credentials, Target
from runbook.fleet.one import Judged, Result, judge
from runbook.fleet.processes import several
from runbook.leftovers import lives


class Watch:
    """Stands for the diagnosis: notes who is asked at the same time."""

    def __init__(self) -> None:
        self.lock, self.now, self.most = threading.Condition(), Counter[str](), Counter[str]()

    def __call__(self, target: Target) -> Judged:
        names = ["all", *hosts_of(target), *addresses_of(target)]
        with self.lock:
            self.now.update(names)
            for name in names:
                self.most[name] = max(self.most[name], self.now[name])
            self.lock.notify_all()
            if names[1:2] == ["host0"]:  # held until the bound is reached, however busy the machine is
                self.lock.wait_for(lambda: self.most["host0"] >= 3, 5)
        time.sleep(0.01)
        with self.lock:
            self.now.subtract(names)
        return Judged(Result(target.name, "healthy"))


def test_the_bounds_hold_and_are_used() -> None:
    watch, done = Watch(), []
    targets = [
        Target(f"t{n}", registry=f"http://host{n % 4}:{5000 + n}", ui=f"http://ui{n % 3}:{6000 + n}") for n in range(80)
    ]
    targets += [Target(f"same{n}", registry="http://host0:1") for n in range(6)] + [Target("files", evidence=("x",))]
    bounds = Bounds(over_all=6, per_host=3)
    with local(bounds) as choose:
        work_through(targets, choose, bounds, lambda target, _: done.append(target.name), watch)
    assert sorted(done) == sorted(t.name for t in targets)
    assert watch.most["all"] == 6
    assert {watch.most[f"host{n}"] for n in range(4)} | {watch.most[f"ui{n}"] for n in range(3)} <= {1, 2, 3}
    assert watch.most["host0"] == 3
    assert watch.most["host0:1"] == 1


def test_targets_that_share_an_address_are_one_chain_also_through_others() -> None:
    a = Target("a", registry="http://r:1", ui="http://u:1")
    b = Target("b", registry="http://r:2", ui="http://u:1/sub")
    c = Target("c", registry="http://r:2/v2")
    d = Target("d", registry="https://r")
    e = Target("e", registry="https://R:443")
    assert [[t.name for t in line] for line in chains([a, d, b, e, c])] == [["a", "b", "c"], ["d", "e"]]


class Lock(BaseHTTPRequestHandler):
    """A registry that refuses every login, and sees how many it gets at once."""

    now, most, count = Counter[str](), Counter[str](), Counter[str]()
    lock = threading.Lock()

    def do_GET(self) -> None:
        text = self.headers.get("Authorization", "")
        user = base64.b64decode(text.partition(" ")[2]).partition(b":")[0].decode()
        kind = "user" if user.startswith("user") else "none"
        with self.lock:
            self.now[kind] += 1
            self.count[kind] += 1
            self.most[kind] = max(self.most[kind], self.now[kind])
        time.sleep(0.02)
        with self.lock:
            self.now[kind] -= 1
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="R"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_OPTIONS = do_HEAD = do_GET

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def refusing() -> Iterator[int]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Lock)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    yield server.server_port
    server.shutdown()
    server.server_close()
    thread.join()


def test_one_registry_never_gets_two_refused_passwords_at_once(refusing: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FLEET_WRONG", "wrong-kestrel-4711")
    targets = [
        Target(
            f"t{n}",
            registry=f"http://127.0.0.1:{refusing}",
            user=f"user{n}",
            credentials=Credentials(env="FLEET_WRONG"),
        )
        for n in range(5)
    ]
    found: list[Result] = []
    with local(Bounds()) as choose:
        work_through(targets, choose, Bounds(), lambda _, judged: found.append(judged.result))
    assert len(found) == 5
    assert Lock.count["user"] >= 5
    assert Lock.most["user"] == 1


def test_what_breaks_is_the_result_of_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(*_: object) -> None:
        raise RuntimeError("hunter2hunter2 in " + str(tmp_path))

    missing = judge(Target("gone", evidence=(str(tmp_path / "gone"),)))
    assert (missing.result.verdict, missing.result.broken) == ("inconclusive", False)
    assert "no file or folder" in missing.result.problem
    unset = judge(Target("unset", registry="http://127.0.0.1:1", user="a", credentials=Credentials(env="FLEET_UNSET")))
    assert "not set" in unset.result.problem
    monkeypatch.setattr("runbook.fleet.one.collect", broken)
    assert judge(Target("broken", registry="http://127.0.0.1:1")).result.broken


def test_files_alone_are_judged_without_a_password_that_is_not_there(tmp_path: Path) -> None:
    (tmp_path / "htpasswd").write_text("anna:$apr1$abcdefgh$" + "a" * 22 + "\n")
    known = Credentials(env="FLEET_UNSET_PASSWORD")
    files = Target("files", evidence=(str(tmp_path / "htpasswd"),), user="anna", credentials=known)
    assert [c.cause for c in judge(files).result.causes] == ["htpasswd-not-bcrypt"]
    asked = judge(Target("asked", registry="http://127.0.0.1:1", user="anna", credentials=known))
    assert (
        asked.result.problem == "the environment variable FLEET_UNSET_PASSWORD of its credentials is not set or empty"
    )


def test_no_scheduler_is_a_sentence() -> None:
    with pytest.raises(UsageError, match="Dask"), distributed("tcp://127.0.0.1:1"):
        pass


# ---- several processes ---------------------------------------------------------------------------------------


def noted(target: Target) -> Judged:
    """Stands for the diagnosis: says in which process it ran; one target ends its process."""
    if target.name == "deadly" and os.getpid() != FIRST:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(0.01)
    return Judged(Result(target.name, "healthy", basis=str(os.getpid())))


FIRST = os.getpid()


@pytest.mark.parametrize("deadly", [False, True])
def test_several_processes_do_all_the_work_also_where_one_is_killed(deadly: bool) -> None:
    targets = [Target(f"t{n}", registry=f"http://h{n}:5000") for n in range(60)]
    targets += [Target("deadly", registry="http://dead:5000")] if deadly else []
    found: list[Result] = []
    with local(Bounds(), processes=2) as choose:
        work_through(targets, choose, Bounds(), lambda _, judged: found.append(judged.result), noted)
    assert sorted(r.target for r in found) == sorted(t.name for t in targets)
    where = {r.basis for r in found}
    assert len(where) == (3 if deadly else 2)
    assert (str(FIRST) in where) is deadly


def odd(target: Target) -> Judged:
    if target.name == "raises":
        raise ValueError("hunter2hunter2")
    return Judged(Result(target.name, "healthy"), report=(lambda: 0) if target.name == "strange" else "")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["raises", "strange"])
@pytest.mark.timeout(60)
def test_work_that_breaks_is_not_waited_for_for_ever(name: str) -> None:
    with several(2, 4) as pool:
        future = pool.submit(odd, Target(name, registry="http://h:1"))
        with pytest.raises(RuntimeError) as raised:
            future.result(30)
        assert "hunter2" not in str(raised.value)
        assert pool.submit(odd, Target("sound", registry="http://h:2")).result(30).result.target == "sound"


def test_the_processes_end_with_the_one_that_made_them() -> None:
    code = (
        "import time\nfrom runbook.fleet.processes import several\n"
        "with several(2, 4) as pool:\n"
        " print(*(w.process.pid for w in pool.workers), flush=True)\n time.sleep(60)\n"
    )
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True) as first:
        assert first.stdout is not None
        workers = [int(pid) for pid in first.stdout.readline().split()]
        assert len(workers) == 2
        first.kill()
    until = time.monotonic() + 20
    while any(map(lives, workers)) and time.monotonic() < until:
        time.sleep(0.05)
    assert not any(map(lives, workers))
