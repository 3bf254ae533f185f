"""What a benchmark holds and what does not depend on the machine's mood is asserted here; figures are printed by the scripts."""

from pathlib import Path

from tests.bench.bench_diagnose import bundle, loaded


def test_an_offline_diagnosis_loads_nothing_heavy(tmp_path: Path) -> None:
    assert loaded(bundle(tmp_path)) == []
