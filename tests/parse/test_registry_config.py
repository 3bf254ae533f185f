"""A config.yml of the registry: dotted settings with lines, header names as written, wrong types told."""

import pytest

from runbook.parse import ParseError
from runbook.parse.registry_config import parse_registry_config
from runbook.redact import MASK, Vault


def parsed(text: str):  # type: ignore[no-untyped-def]
    return parse_registry_config(text, "config.yml", Vault())


def test_block_and_flow_style_are_the_same() -> None:
    block = parsed(
        "version: 0.1\nhttp:\n  addr: :5000\n  headers:\n    X-Frame-Options: [deny]\nauth:\n  htpasswd:\n    realm: a\n"
    )
    flow = parsed(
        "{version: 0.1, http: {addr: ':5000', headers: {X-Frame-Options: [deny]}}, auth: {htpasswd: {realm: a}}}"
    )
    assert {k: s.value for k, s in block.settings.items()} == {k: s.value for k, s in flow.settings.items()}
    assert block.settings["http.headers.X-Frame-Options"].value == ["deny"]
    assert block.settings["auth.htpasswd.realm"].place.line == 8
    assert "auth.htpasswd" in block.sections


def test_anchors_and_later_duplicates() -> None:
    found = parsed("x: &fs {rootdirectory: /a}\nstorage:\n  filesystem:\n    <<: *fs\nhttp: {addr: ':1', addr: ':2'}\n")
    assert found.settings["storage.filesystem.rootdirectory"].value == "/a"
    assert found.settings["http.addr"].value == ":2"


def test_what_the_registry_has_no_field_for_is_left_out() -> None:
    assert parsed("version: 0.1\nHTTP: {addr: ':1'}\nauthentication: {htpasswd: {}}\n").settings.keys() == {"version"}


def test_text_fields_keep_their_text_and_others_their_type() -> None:
    found = parsed(
        "version: 0.1\nhttp: {addr: 5000, secret: 00123}\nauth: {htpasswd: {realm: 12}}\nstorage: {delete: {enabled: yes}}\n"
    )
    assert found.settings["http.addr"].value == "5000"
    assert found.settings["auth.htpasswd.realm"].value == 12
    assert found.settings["storage.delete.enabled"].value is True
    assert (found.settings["http.secret"].value, found.settings["http.secret"].secret) == (MASK, "p1")


def test_wrong_types_are_told_with_their_line() -> None:
    found = parsed("version: 0.1\nhttp:\n  relativeurls: maybe\nlog: {level: loud}\n")
    assert [(p.line, m) for p, m in found.refused] == [
        (4, "invalid loglevel loud: one of error, warn, info, debug"),
        (3, "cannot unmarshal !!str `maybe` into bool"),
    ]


@pytest.mark.parametrize("text", ["a: [*]\n", "- a\n", "a: b: c\n"])
def test_what_is_no_configuration_raises_with_its_line(text: str) -> None:
    with pytest.raises(ParseError) as caught:
        parsed(text)
    assert caught.value.line == 1
