"""A file that is no YAML is described in the same words with libyaml and without it: as Compose and the registry say it."""

import pytest
import yaml

from runbook.parse import ParseError, yaml_nodes

BROKEN = ("[*]", "a: [1", "a: b: c", "a:\n - b\n c: d", "a: 1\n b: 2", 'a: "x', "- a\nb: c", "a: @x", "{a: b", "a: &", "a:\n\tb: c", "- a\n-b\n - c")  # fmt: skip


@pytest.mark.skipif(not yaml.__with_libyaml__, reason="PyYAML has no libyaml here")
@pytest.mark.parametrize("text", BROKEN)
def test_words(text: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def said() -> str:
        with pytest.raises(ParseError) as caught:
            yaml_nodes.load_yaml(text, "f")
        return caught.value.message

    fast = said()
    monkeypatch.setattr(yaml_nodes, "_LOADER", yaml.Loader)
    assert said() == fast
