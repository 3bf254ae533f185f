"""What a judgement keeps: worked out once while it lasts, of that very thing, and nothing of it afterwards."""

import gc
import weakref
from threading import Thread

import pytest

from runbook import once as module
from runbook.collect import marks
from runbook.judge import diagnose
from runbook.model import Evidence, Exchange, Place
from runbook.once import judgement, once


class Thing:
    """Something that can be watched."""


def test_in_a_judgement_it_is_worked_out_once() -> None:
    asked: list[object] = []
    one, other = Thing(), Thing()
    count = once(lambda thing: asked.append(thing) or len(asked))
    with judgement():
        assert [count(one), count(one), count(other)] == [1, 1, 2]
        with judgement():
            assert count(one) == 1, "a judgement within a judgement is the same one"
        assert count(one) == 1
    assert count(one) == 3, "outside of it nothing is kept"


def test_nothing_is_kept_afterwards_and_threads_do_not_share() -> None:
    thing = Thing()
    gone = weakref.ref(thing)
    count = once(lambda given: [given])
    with judgement():
        count(thing)
        found: list[object] = []
        thread = Thread(target=lambda: found.append(getattr(module._now, "kept", None)))
        thread.start()
        thread.join()
        assert found == [None]
    del thing
    gc.collect()
    assert gone() is None


def test_it_does_not_grow_without_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_MOST", 3)
    double = once(lambda text: text * 2)
    with judgement():
        assert [double(str(n)) for n in range(9)] == [str(n) * 2 for n in range(9)]
        assert len(module._now.kept) == 3


def test_a_diagnosis_leaves_nothing_behind() -> None:
    exchange = Exchange(source=Place("probe"), method="GET", url="http://r:5000/v2/", route="direct", status=200)
    diagnose(Evidence(exchanges=(exchange,)))
    assert module._now.kept is None


@pytest.mark.parametrize(
    "line",
    [
        'time="2026-01-01T00:00:00Z" level=info msg=x http.request.method=GET',
        'registry-1  | time="x" level=warning msg="error authorizing context"',
        "2026-01-01T00:00:00Z 2026/01/01 00:00:00 [error] 7#7: *1 open()",
        "Jan  1 00:00:00 host haproxy[7]: [ALERT] 001/000000 (7) : x",
        '172.17.0.1 - - [01/Jan/2026:00:00:00 +0000] "GET /v2/ HTTP/1.1" 401 0',
        '{"log": "x"}',
        "7#7: *1 open()",
        "[Thu Jan  1 00:00:00.1 2026] [x]",
    ],
)
def test_starts_of_logs_are_known_behind_each_prefix(line: str) -> None:
    assert marks.is_log(line)
    assert marks.log_start(line)
    assert not marks.is_log(f"we saw {line[:3]}")
