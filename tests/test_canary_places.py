"""Every place where a secret may stand, in shapes that change: nothing of it is in any output, nor in what is saved."""

from pathlib import Path

import pytest

from tests.canary.places import count
from tests.canary.run import bundles, leaks, placed

SLICES = 6
SHAPES, SEED = 2, 20
"""Two shapes for each place; `python -m tests.canary.run 9 SEED` tries all of them."""


def test_there_are_a_thousand_placements_and_each_would_be_seen() -> None:
    rows = placed(SHAPES, SEED)
    assert len(rows) >= 1000
    assert count() >= 2500
    for row in rows:
        assert row.secret.pieces, row
        plain = row.text.replace("\\\\", "\\").replace('\\"', '"')
        assert any(form in plain for form in row.secret.forms()), row


@pytest.mark.parametrize("part", range(SLICES))
def test_no_secret_is_in_any_view(part: int, tmp_path: Path) -> None:
    found = []
    for number, rows in enumerate(bundles(placed(SHAPES, SEED))):
        if number % SLICES == part:
            found += [(view, row.place.file, row.text[-400:]) for view, row in leaks(rows, tmp_path / str(number))]
    assert found == []
