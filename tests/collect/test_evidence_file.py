"""Evidence is saved and judged again, and a hostile file of evidence is a file like any other."""

import json

import pytest

from runbook.collect.evidence_file import dump_evidence, load_evidence, merged
from runbook.model import (
    ClientConfig,
    Compose,
    Credential,
    Evidence,
    Exchange,
    Place,
    Problem,
    RegistryFile,
    Service,
    Setting,
    SourceFile,
    StoredLogin,
    Target,
)
from runbook.parse import ParseError
from runbook.redact import Vault

FULL = Evidence(
    target=Target(registry_url="http://r:5000", user="anna", password="p1", paths=("bundle",)),
    files=(SourceFile(path="compose.yaml", kind="compose", lines=("services:", "  x: [redacted]"), masked=(2,)),),
    problems=(Problem(place=Place("x", 3), message="oops"),),
    compose=Compose(files=("compose.yaml",), services=(Service(name="registry", place=Place("compose.yaml", 2)),)),
    registry_files=(
        RegistryFile(
            file="config.yml",
            settings={"http.addr": Setting(value=":5000"), "http.headers.X": Setting(value=["a", "b"])},
        ),
    ),
    clients=(
        ClientConfig(file="config.json", logins=(StoredLogin(place=Place("config.json"), key="r", password="p1"),)),
    ),
    exchanges=(
        Exchange(
            source=Place("probe"),
            method="GET",
            url="http://r:5000/v2/",
            route="direct",
            credential=Credential(scheme="Basic", user="anna", password="p1"),
            status=401,
            response_headers=(("Www-Authenticate", 'Basic realm="x"'), ("A", "1"), ("A", "2")),
        ),
    ),
)


def test_what_is_saved_comes_back() -> None:
    assert load_evidence(dump_evidence(FULL, "0.1.0"), "evidence.json", Vault()) == FULL


def test_it_names_schema_and_tool() -> None:
    saved = json.loads(dump_evidence(FULL, "9.9"))
    assert (saved["schema"], saved["tool"]) == (1, "runbook 9.9")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "not a JSON object"),
        (b"[1]", "not a JSON object"),
        (b"{", "not a JSON object"),
        (b'{"schema": 2, "evidence": {}}', "schema 2"),
        (b'{"schema": 1}', "no saved evidence"),
        (b'{"schema": 1, "tool": "x", "evidence": {"files": 3}}', "no saved evidence"),
        (b'{"schema": 1, "tool": "x", "evidence": ' + b"[" * 100_000, "no saved evidence"),
        (b'{"schema": "\xff"}', "no saved evidence"),
        (b'{"schema": {"a": 1}}', "no saved evidence"),
    ],
)
def test_what_is_no_evidence(data: bytes, message: str) -> None:
    with pytest.raises(ParseError, match=message):
        load_evidence(data, "evidence.json", Vault())


def test_hostile_text_in_evidence_is_made_harmless() -> None:
    data = dump_evidence(FULL, "1").replace(b"oops", rb"\u001b[31mred Authorization: Basic YW5uYTpnZWhlaW1uaXM=")
    text = repr(load_evidence(data, "evidence.json", Vault()))
    assert "x1b" not in text
    assert "YW5u" not in text


def test_labels_of_two_vaults_are_told_apart() -> None:
    both = merged(FULL, FULL, 1)
    assert [e.credential.password for e in both.exchanges if e.credential] == ["p1", "p1.1"]
    assert both.target.password == "p1"
    assert merged(Evidence(target=Target(paths=("evidence.json",))), FULL, 1).target.user == "anna"
