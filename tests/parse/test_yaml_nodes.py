"""Nodes keep their lines, scalars are what Go makes of them, and bombs are refused."""

import pytest

from runbook.parse import ParseError
from runbook.parse.yaml_nodes import Mapping, Scalar, load_documents, load_yaml, plain_data, resolve


def test_lines_and_styles_are_kept() -> None:
    node = load_yaml("a: 1\nb:\n  - 'x'\n  - y\n", "f.yml")
    assert isinstance(node, Mapping)
    assert plain_data(node) == {"a": 1, "b": ["x", "y"]}
    items = node.get("b").items  # type: ignore[union-attr]
    assert [(i.place.line, i.plain) for i in items] == [(3, False), (4, True)]  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("text", "compose", "registry"),
    [
        ("true", True, True),
        ("yes", "yes", True),
        ("on", "on", True),
        ("N", "N", False),
        ("~", None, None),
        ("22:22", "22:22", "22:22"),
        ("0755", 493, 493),
        ("0o17", 15, 15),
        ("1_000", 1000, 1000),
        ("0x1F", 31, 31),
        ("1.5", 1.5, 1.5),
        ("1e3", 1000.0, 1000.0),
        ("2.8.3", "2.8.3", "2.8.3"),
        ("-", "-", "-"),
        ("089", 89.0, 89.0),
    ],
)
def test_scalars_are_resolved_as_go_does(text: str, compose: object, registry: object) -> None:
    assert resolve(text, "v3") == compose
    assert resolve(text, "v2") == registry


def test_merges_give_way_to_own_keys_and_earlier_sources() -> None:
    text = "x: &x {a: 1, b: 2}\ny: &y {b: 3, c: 4}\nz:\n  <<: [*x, *y]\n  a: 9\n"
    assert plain_data(load_yaml(text, "f"))["z"] == {"a": 9, "b": 2, "c": 4}


def test_a_duplicate_key_is_refused_with_both_lines() -> None:
    with pytest.raises(ParseError) as caught:
        load_yaml("a: 1\nb: 2\na: 3\n", "f.yml")
    assert (caught.value.file, caught.value.line) == ("f.yml", 3)
    assert "line 1" in caught.value.message
    assert plain_data(load_yaml("a: 1\na: 3\n", "f", duplicates="last")) == {"a": 3}


def test_explicit_tags_stay() -> None:
    node = load_yaml("a: !reset null\nb: !!str 5\nc: !override\n  - x\n", "f")
    assert isinstance(node, Mapping)
    assert [v.tag for _, v in node] == ["!reset", "!!str", "!override"]
    b = node.get("b")
    assert isinstance(b, Scalar)
    assert b.value() == "5"


def test_several_documents_and_an_empty_one() -> None:
    nodes, _ = load_documents("a: 1\n---\n---\nb: 2\n", "f")
    assert [plain_data(n) for n in nodes] == [{"a": 1}, {"b": 2}]
    assert load_yaml("# nothing\n", "f") is None


@pytest.mark.parametrize(
    ("text", "line", "says"),
    [
        ("a: 1\n  b: 2\n", 2, "not valid YAML"),
        ("a: [1, 2\n", None, "not valid YAML"),
        ("a: *nobody\n", 1, "anchor"),
        ("a: [*]\n", 1, "alphabetic"),
        ("a:\n  <<: 5\n", 2, "map merge"),
        ("[a, b]: 1\n", 1, "a key must be text"),
        ("\n".join("  " * i + "k:" for i in range(80)), 65, "levels deep"),
        ("[" * 5000, None, ""),
    ],
)
def test_what_cannot_be_read_is_said_with_its_line(text: str, line: int | None, says: str) -> None:
    with pytest.raises(ParseError) as caught:
        load_yaml(text, "bad.yml")
    assert says in caught.value.message
    if line:
        assert caught.value.line == line


def test_an_alias_bomb_is_refused() -> None:
    text = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n"
    text += "".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 10)}]\n" for i in range(1, 10))
    with pytest.raises(ParseError, match="nodes"):
        load_yaml(text, "bomb.yml")
