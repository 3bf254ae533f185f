"""What one judgement works out of the same thing again and again, kept while it lasts and no longer."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from threading import local
from typing import Any, TypeVar

T = TypeVar("T")
R = TypeVar("R")
_MOST = 50_000
_Kept = dict[tuple[object, object], tuple[Any, Any]]
_now = local()


@contextmanager
def judgement() -> Iterator[None]:
    """The time in which the same thing is worked out once, in this thread. Within another it is that one's."""
    if getattr(_now, "kept", None) is not None:
        yield
        return
    _now.kept = {}
    try:
        yield
    finally:
        _now.kept = None


def once(function: Callable[[T], R]) -> Callable[[T], R]:
    """For a pure function of one frozen thing or text, whose result nobody changes. Outside of a judgement nothing is kept."""

    @wraps(function)
    def found(thing: T) -> R:
        kept: _Kept | None = getattr(_now, "kept", None)
        if kept is None:
            return function(thing)
        # By identity: to compare frozen data costs more than most of what is asked. It is held, so that its id stays its own.
        key = function, thing if isinstance(thing, str) else id(thing)
        if (known := kept.get(key)) is not None:
            return known[1]  # type: ignore[no-any-return]
        result = function(thing)
        if len(kept) < _MOST:
            kept[key] = thing, result
        return result

    return found
