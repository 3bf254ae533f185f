"""Known logins put before the htpasswd files."""

from dataclasses import replace

import bcrypt
import pytest

from runbook.collect.checks import MOST_BCRYPTS, check_credentials
from runbook.model import (
    ClientConfig,
    Credential,
    Evidence,
    Exchange,
    HeaderEdit,
    Place,
    ProxyRoute,
    StoredLogin,
    Target,
)
from runbook.parse.htpasswd import parse_htpasswd
from runbook.redact import Vault

SALT = b"$2b$04$" + b"a" * 21 + b"e"


def hashed(password: bytes) -> bytes:
    return bcrypt.hashpw(password, SALT)


def outcome(data: bytes, user: str, password: str) -> tuple[str, str]:
    vault = Vault()
    target = Target(user=user, password=vault.password(password, user))
    checks = check_credentials(Evidence(target=target, htpasswd=(parse_htpasswd(data, "htpasswd", vault),)), vault)
    assert len(checks) == 1
    return checks[0].outcome, checks[0].near


@pytest.mark.parametrize(
    ("data", "user", "password", "expected"),
    [
        (b"anna:" + hashed(b"pw"), "anna", "pw", "accepted"),
        (b"anna:" + hashed(b"pw"), "anna", "other", "mismatch"),
        (b"anna:" + hashed(b"pw"), "bob", "pw", "no-such-user"),
        (b"anna:$apr1$x$y", "anna", "pw", "unusable-hash"),
        (b"anna:" + hashed(b"pw") + b"\nword\n", "anna", "pw", "file-refused"),
        (b"anna:" + hashed(b"pw") + b"\nanna:" + hashed(b"new"), "anna", "pw", "accepted-by-earlier-line"),
        (b"anna:" + hashed(b"pw").replace(b"$04$", b"$16$"), "anna", "pw", "too-slow"),
    ],
)
def test_outcomes(data: bytes, user: str, password: str, expected: str) -> None:
    assert outcome(data, user, password)[0] == expected


@pytest.mark.parametrize(
    ("data", "user", "password", "near"),
    [
        (b"anna:" + hashed(b"pw"), "anna", "pw\n", "without the trailing newline"),
        (b"anna:" + hashed(b"pw"), "anna", "pw ", "without the blank"),
        (b"anna:" + hashed(b"pw"), "anna", "'pw'", "without the quotes"),
        (b"anna:" + hashed(b"pw"), "anna", "pw$word", "what a shell leaves"),
        (b"anna:" + hashed(b"pw-7"), "anna", "pw$word-7", "what a shell leaves"),
        (b"anna:" + hashed(b"pw\n"), "anna", "pw", "made with echo"),
        (b"anna:" + hashed("pa\u0308ss".encode()), "anna", "p\u00e4ss", "Unicode form NFD"),
        (b"Anna:" + hashed(b"pw"), "anna", "pw", "the user 'Anna'"),
        (b"\xef\xbb\xbfanna:" + hashed(b"pw"), "anna", "pw", "byte order mark"),
        (b"anna :" + hashed(b"pw"), "anna", "pw", "a blank before the colon"),
        (b"bob:" + hashed(b"x") + b"anna:" + hashed(b"pw"), "anna", "pw", "stuck to the end of line 1"),
        (b"anna:" + hashed(b"pw").replace(b"$", b"$$"), "anna", "pw", "put around it"),
        (b"anna:" + hashed(b"pw"), "anna", "entirely other", ""),
    ],
)
def test_what_would_have_been_accepted_is_said(data: bytes, user: str, password: str, near: str) -> None:
    told = outcome(data, user, password)[1]
    assert near in told
    assert bool(told) == bool(near)
    assert password.strip() not in told or len(password) < 4


def test_logins_from_everywhere_are_compared_once_each() -> None:
    vault = Vault()
    label = vault.password("pw", "anna")
    sent = Credential(scheme="Basic", user="anna", password=label)
    request = Exchange(source=Place("curl.txt", 1), method="GET", url="http://h/v2/", credential=sent)
    wrong = replace(request, credential=replace(sent, password=vault.password("made up"), intent="wrong"))
    stored = StoredLogin(place=Place("config.json", 3), key="h", user="anna", password=label)
    edit = HeaderEdit(name="Authorization", action="set", place=Place("n.conf", 4), user="svc", password=label)
    evidence = Evidence(
        target=Target(user="anna", password=label),
        exchanges=(request, request, wrong),
        clients=(ClientConfig(file="config.json", logins=(stored,)),),
        routes=(ProxyRoute(software="nginx", place=Place("n.conf", 1), request_headers=(edit,)),),
        htpasswd=(parse_htpasswd(b"anna:" + hashed(b"pw"), "htpasswd", vault),),
    )
    checks = check_credentials(evidence, vault)
    assert [(c.origin, c.user, c.outcome) for c in checks] == [
        ("given", "anna", "accepted"),
        ("stored", "anna", "accepted"),
        ("injected", "svc", "no-such-user"),
    ]
    assert "pw" not in repr(checks).replace("htpasswd", "")


def test_many_logins_cost_a_bounded_number_of_bcrypts(monkeypatch: pytest.MonkeyPatch) -> None:
    vault = Vault()
    calls = []
    hashpw = bcrypt.hashpw
    monkeypatch.setattr(bcrypt, "hashpw", lambda *a: calls.append(a) or hashpw(*a))
    requests = tuple(
        Exchange(
            source=Place("log", n),
            method="GET",
            url="http://h/v2/",
            credential=Credential(scheme="Basic", user="anna", password=vault.password(f"guess {n}$x")),
        )
        for n in range(500)
    )
    data = b"anna:" + bcrypt.hashpw(b"pw", SALT)
    calls.clear()
    checks = check_credentials(Evidence(exchanges=requests, htpasswd=(parse_htpasswd(data, "f", vault),)), vault)
    assert len(calls) <= MOST_BCRYPTS
    assert {c.outcome for c in checks} == {"mismatch", "too-slow"}
