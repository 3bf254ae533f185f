"""A case keeps its verdict and its first cause in the company of five foreign things. Losses are printed."""

import os
import zlib
from collections.abc import Callable, Iterable
from pathlib import Path

import pytest

from tests.bundles import Answer, ask_files, folder_cases
from tests.case_files import all_cases
from tests.company import beside_other_stacks, in_company

ROOT = Path(__file__).parents[1]
PUBLIC = Path(os.environ.get("RUNBOOK_CASES", ROOT.parent / "shared" / "cases"))
KEPT = {"foreign_things": 0.97, "other_stacks": 0.95}
"""Of other stacks some cannot be told apart: where nothing else was handed over, theirs is the one in question."""

Judge = Callable[[dict[str, bytes], Path], Answer]
Material = tuple[str, dict[str, bytes], Judge]
Company = Callable[[dict[str, bytes], int], dict[str, bytes]]


def foreign_things(files: dict[str, bytes], seed: int) -> dict[str, bytes]:
    return in_company(files, seed)


def other_stacks(files: dict[str, bytes], _: int) -> dict[str, bytes]:
    return beside_other_stacks(files)


def public() -> Iterable[Material]:
    for case in folder_cases(PUBLIC):
        yield case.folder.name, case.files(), lambda files, at, c=case: ask_files(at, files, c.args, c.env)  # type: ignore[misc]


def untidy() -> Iterable[Material]:
    for case in folder_cases(ROOT / "tests" / "untidy"):
        yield case.folder.name, case.files(), lambda files, at, c=case: ask_files(at, files, c.args, c.env)  # type: ignore[misc]


def own() -> Iterable[Material]:
    for case in all_cases():
        files = {name: text.encode(case.encoding.get(name, "utf-8")) for name, text in case.files.items()}
        name = f"{case.cause}/{case.path.stem}"
        yield name, files, lambda files, at, c=case: ask_files(at, files, c.args, c.env)  # type: ignore[misc]


def losses(material: Iterable[Material], folder: Path, company: Company) -> tuple[list[str], int]:
    """What changed, a line each, and how many cases there were."""
    lost, number = [], 0
    for number, (name, files, judge) in enumerate(material, 1):
        alone, together = folder / f"{number}a", folder / f"{number}b"
        alone.mkdir()
        together.mkdir()
        before = judge(files, alone).head
        after = judge(company(files, zlib.crc32(name.encode())), together).head
        if before != after:
            lost.append(f"{name}: {before[0]} {before[1] or ''} -> {after[0]} {after[1] or ''}")
    return lost, number


@pytest.mark.parametrize("company", [foreign_things, other_stacks], ids=lambda f: f.__name__)
@pytest.mark.parametrize("material", [public, untidy, own], ids=lambda f: f.__name__)
def test_verdict_and_first_cause_stay(
    material: Callable[[], Iterable[Material]], company: Company, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    if material is public and not PUBLIC.is_dir():
        pytest.skip("no public cases beside this checkout: none of them was tried in company")
    lost, total = losses(material(), tmp_path, company)
    kept = 1 - len(lost) / total
    with capsys.disabled():
        print(f"\n{material.__name__}: {total - len(lost)} of {total} kept beside {company.__name__} ({kept:.1%})")
        print("\n".join(f"  LOST {line}" for line in lost))
    assert kept >= KEPT[company.__name__], "\n".join(lost)


def test_company_is_foreign_and_the_same_each_time() -> None:
    files = {
        "docker-compose.yml": b"services: {}\n",
        "edge.conf": b"server { listen 80; }\n",
        "config.json": b'{"auths": {"a": {}}}',
    }
    together = in_company(files, 7)
    assert together == in_company(files, 7)
    assert together != in_company(files, 8)
    assert {name for name in files if name != "config.json"} <= {n for n, c in together.items() if files.get(n) == c}
    assert sum(together.get(name) != content for name, content in files.items()) + len(together) - len(files) == 5
