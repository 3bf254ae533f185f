"""Authorization values are told apart as the registry reads them, and never shown."""

import base64

import pytest

from runbook.parse.credentials import decode_basic, describe_authorization
from runbook.redact import Vault

HASH = "$2y$05$" + "abcdefghijklmnopqrstuv" + "x" * 31


def basic(pair: str) -> str:
    return "Basic " + base64.b64encode(pair.encode()).decode()


@pytest.mark.parametrize(
    ("value", "kind", "user"),
    [
        ("", None, None),
        ('""', None, None),
        ("$http_authorization", "client", None),
        ("${http_authorization}", "client", None),
        ("%[req.hdr(Authorization)]", "client", None),
        ("{http.request.header.Authorization}", "client", None),
        (basic("mia:correct horse"), "cleartext", "mia"),
        (basic("mia:correct horse").replace("Basic", "basic"), "cleartext", "mia"),
        (basic(f"mia:{HASH}"), "hash", "mia"),
        (basic(f"mia:{HASH}\n"), "hash", "mia"),
        (basic("mia:correct horse\n"), "newline", "mia"),
        (basic("correct horse"), "no colon", None),
        ("Basic mia:correct-horse", "not base64", "mia"),
        ("Basic bWlhOmhvcnN", "not base64", None),
        ("Bearer $cookie_token", "bearer", None),
        ("Bearer eyJhbGciOiJub25lIn0.e30.", "bearer", None),
        ("Basic $basic_pair", "variable", None),
        ("$upstream_auth", "variable", None),
        ("mia:correct-horse", "other", "mia"),
    ],
)
def test_an_injected_value_is_named(value: str, kind: str | None, user: str | None) -> None:
    vault = Vault()
    masked, found, who, label = describe_authorization(value, vault)
    assert (found, who) == (kind, user)
    assert (label is not None) == (user is not None)
    assert "horse" not in masked
    assert not vault.leaks(masked)


def test_a_password_with_colons_keeps_them() -> None:
    vault = Vault()
    credential = decode_basic(basic("mia:a:b:c"), vault)
    assert credential.user == "mia"
    assert vault.reveal(credential.password or "") == b"a:b:c"


def test_equal_passwords_have_equal_labels_and_a_newline_makes_another() -> None:
    vault = Vault()
    first = decode_basic(basic("mia:secret-one"), vault)
    again = decode_basic(basic("kai:secret-one"), vault)
    other = decode_basic(basic("mia:secret-one\n"), vault)
    assert first.password == again.password != other.password
    assert other.defect == "trailing newline"


def test_bearer_is_taken_in_without_a_user() -> None:
    vault = Vault()
    credential = decode_basic("Bearer abcdefghijkl", vault)
    assert (credential.scheme, credential.user, credential.defect) == ("Bearer", None, None)
    assert vault.mask("x abcdefghijkl y") == "x [redacted] y"
