"""What a benchmark holds and what does not depend on the machine's mood is asserted here; figures are printed by the scripts."""

import json
import resource
import subprocess
import sys
from pathlib import Path

from tests.bench.bench_diagnose import bundle, loaded


def test_an_offline_diagnosis_loads_nothing_heavy(tmp_path: Path) -> None:
    assert loaded(bundle(tmp_path)) == []


def test_a_long_thread_of_mails_takes_little_time(tmp_path: Path) -> None:
    """50 MB; time is that of the processor."""
    stripped = "server {\n listen 80;\n location /v2/ {\n proxy_pass http://registry:5000;\n proxy_set_header Authorization '';\n }\n}\n"
    prose = (
        "Hello all,\n\nsince this morning we see 401 at docker login. It was restarted twice.\n\nKind regards\nAnna\n"
    )
    with (tmp_path / "thread.eml").open("w") as file:
        file.write(f"From: a@b.example\nSubject: Re: 401\nMIME-Version: 1.0\n\nnginx.conf:\n\n```\n{stripped}```\n\n")
        for number in range(20_000_000):
            if file.tell() > 50_000_000:
                break
            mark = "> " * min(number // 50, 12)
            file.write(
                f"{mark}On Mon, {number}, somebody wrote:\n" + "".join(f"{mark}> {row}\n" for row in prose.split("\n"))
            )
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(
        [sys.executable, "-m", "runbook", "diagnose", str(tmp_path), "--format", "json"],
        capture_output=True,
        check=False,
    )
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    assert done.returncode in (3, 4, 5), done.stderr
    assert json.loads(done.stdout)["causes"][0]["cause"] == "authorization-stripped"
    assert after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime < 5
