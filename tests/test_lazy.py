"""Patterns that are compiled at their first use behave as those of `re`."""

import copy
import pickle

import pytest

from runbook.lazy import re

WORD = re.compile(r"(?P<word>\w+)", re.IGNORECASE)


@pytest.mark.parametrize("made", [WORD, copy.deepcopy(WORD), pickle.loads(pickle.dumps(re.compile(r"(?P<word>\w+)")))])
def test_it_is_a_pattern_in_all_that_is_used(made: "re.Pattern[str]") -> None:
    assert made.search("a b")["word"] == "a"  # type: ignore[index]
    assert made.match(" a") is None
    assert made.fullmatch("ab")
    assert made.findall("a b") == ["a", "b"]
    assert [m[0] for m in made.finditer("a b")] == ["a", "b"]
    assert made.sub("x", "a b") == "x x"
    assert made.subn("x", "a b") == ("x x", 2)
    assert made.split("1") == ["", "1", ""]
    assert made.groupindex == {"word": 1}
    assert made.pattern == r"(?P<word>\w+)"


def test_the_rest_is_that_of_re() -> None:
    assert re.escape(".") == r"\."
    assert re.sub("a", "b", "a") == "b"
    with pytest.raises(re.error):
        re.compile("(").search("")
