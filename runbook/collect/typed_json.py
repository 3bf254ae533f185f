"""JSON to frozen data with every type checked, and back: only what `runbook.model` is made of.

Pure Python, so that the one-file edition and the browser need no compiled package.
"""

import json
from collections.abc import Callable
from dataclasses import MISSING, fields, is_dataclass
from functools import cache
from types import UnionType
from typing import Any, Literal, Union, get_args, get_origin, get_type_hints

Reader = Callable[[Any], Any]


class MisfitError(ValueError):
    """A value has another type than its place allows."""


def encode(value: Any) -> bytes:
    """Data as indented JSON. UnicodeEncodeError where a text holds what is no Unicode."""
    return json.dumps(plain(value), ensure_ascii=False, indent=1, default=str).encode() + b"\n"


def plain(value: Any) -> Any:
    """Data classes as dictionaries, tuples as lists, all the way down."""
    if is_dataclass(value) and not isinstance(value, type):
        return {name: plain(getattr(value, name)) for name in _names(type(value))}
    if isinstance(value, tuple | list):
        return [plain(item) for item in value]
    if isinstance(value, dict):
        return {key: plain(item) for key, item in value.items()}
    return value


def decode(data: bytes) -> Any:
    """JSON as it stands. ValueError where it is none; numbers that JSON does not have are none."""
    return json.loads(data, parse_constant=_no_number)


def fitted(value: Any, type_: Any) -> Any:
    """The value as that type. `MisfitError` where it, or anything within, has another."""
    return _reader(type_)(value)


def _no_number(text: str) -> float:
    raise ValueError(f"{text} is no number of JSON")


@cache
def _names(type_: type) -> tuple[str, ...]:
    return tuple(f.name for f in fields(type_))


@cache
def _reader(type_: Any) -> Reader:
    origin, within = get_origin(type_), get_args(type_)
    if type_ is Any:
        return lambda value: value
    if is_dataclass(type_):
        return _data_class(type_)
    if origin in (Union, UnionType):
        return _either(within)
    if origin is Literal:
        return _one_of(within)
    if origin is tuple:
        return _row(within)
    if origin is dict:
        return _mapping(within[1])
    return _bare(type_)


def _bare(type_: Any) -> Reader:
    taken: tuple[type, ...] = (int, float) if type_ is float else (type_,)

    def read(value: Any) -> Any:
        if type(value) not in taken:
            raise MisfitError(f"{type_.__name__} is wanted, not {type(value).__name__}")
        return value

    return read


def _one_of(allowed: tuple[Any, ...]) -> Reader:
    def read(value: Any) -> Any:
        if isinstance(value, bool) or not isinstance(value, str | int) or value not in allowed:
            raise MisfitError("a word is none of those allowed")
        return value

    return read


def _either(types: tuple[Any, ...]) -> Reader:
    readers = [_reader(t) for t in types if t is not type(None)]
    empty = type(None) in types

    def read(value: Any) -> Any:
        if value is None and empty:
            return None
        for reader in readers[:-1]:
            try:
                return reader(value)
            except MisfitError:
                continue
        return readers[-1](value)

    return read


def _row(types: tuple[Any, ...]) -> Reader:
    if types[1:] == (...,):
        each = _reader(types[0])

        def read(value: Any) -> Any:
            if not isinstance(value, list):
                raise MisfitError(f"a list is wanted, not {type(value).__name__}")
            return tuple(each(item) for item in value)

        return read
    readers = [_reader(t) for t in types]

    def read_fixed(value: Any) -> Any:
        if not isinstance(value, list) or len(value) != len(readers):
            raise MisfitError(f"a list of {len(readers)} is wanted")
        return tuple(reader(item) for reader, item in zip(readers, value, strict=True))

    return read_fixed


def _mapping(type_: Any) -> Reader:
    each = _reader(type_)

    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            raise MisfitError(f"an object is wanted, not {type(value).__name__}")
        return {key: each(item) for key, item in value.items()}

    return read


def _data_class(type_: Any) -> Reader:
    hints = get_type_hints(type_)
    readers = {f.name: _reader(hints[f.name]) for f in fields(type_)}
    needed = [f.name for f in fields(type_) if f.default is MISSING and f.default_factory is MISSING]

    def read(value: Any) -> Any:
        if not isinstance(value, dict):
            raise MisfitError(f"an object is wanted, not {type(value).__name__}")
        if missing := next((name for name in needed if name not in value), None):
            raise MisfitError(f"{missing} is missing")
        given: dict[str, Any] = {}
        for name, reader in readers.items():
            if name in value:
                try:
                    given[name] = reader(value[name])
                except MisfitError as error:
                    raise MisfitError(f"{name}: {error}") from None
        return type_(**given)

    return read
