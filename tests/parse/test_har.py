"""What browsers export."""

import json

import pytest

from runbook.parse import ParseError
from runbook.parse.har import parse_har
from runbook.redact import Vault


def entry(url="http://hub:8080/v2/", status=200, sent=(), got=(), **more):
    def rows(pairs):
        return [{"name": n, "value": v} for n, v in pairs]

    return {
        "request": {"method": "GET", "url": url, "headers": rows(sent), **more.pop("request", {})},
        "response": {"status": status, "headers": rows(got), "content": {"text": "{}"}, **more.pop("response", {})},
        **more,
    }


def read(*entries):
    return parse_har(
        json.dumps({"log": {"version": "1.2", "creator": {"name": "x"}, "entries": list(entries)}}), "a.har", Vault()
    )


def test_an_answer():
    (found,) = read(entry(status=401, got=[("WWW-Authenticate", 'Basic realm="R"'), ("X", "1"), ("X", "2")]))
    assert (found.method, found.url, found.status) == ("GET", "http://hub:8080/v2/", 401)
    assert list(found.headers("x")) == ["1", "2"]


def test_when_it_was_and_how_long_it_took():
    (found,) = read(entry(startedDateTime="2026-11-24T01:00:00.500Z", time=12.5))
    assert (found.when, found.elapsed) == (1795482000.5, 0.0125)


def test_the_page_is_where_it_came_from():
    (found,) = read(entry(sent=[("Origin", "http://ui:8080"), ("Referer", "http://ui:8080/index.html")]))
    assert found.page == "http://ui:8080"


def test_a_login_is_known_and_hidden():
    (found,) = read(entry(sent=[("Authorization", "Basic YW5uYTpIb2x1bmRlci03Nw==")]))
    assert (found.credential.user, found.credential.password is not None) == ("anna", True)
    assert "YW5uYTpIb2x1bmRlci03Nw" not in repr(found)
    assert "Holunder-77" not in repr(found)


@pytest.mark.parametrize(
    ("error", "word"),
    [
        ("net::ERR_CONNECTION_REFUSED", "refused"),
        ("net::ERR_NAME_NOT_RESOLVED", "dns"),
        ("net::ERR_CERT_AUTHORITY_INVALID", "tls-untrusted"),
        ("net::ERR_CERT_DATE_INVALID", "tls-expired"),
        ("net::ERR_FAILED", "blocked"),
    ],
)
def test_why_no_answer_came(error, word):
    (found,) = read(entry(status=0, response={"_error": error}))
    assert (found.status, found.error) == (None, word)


@pytest.mark.parametrize(
    "text", ["", "[]", "{}", '{"log":1}', '{"log":{"entries":{}}}', "{", '{"log":{"entries":[' + "[" * 9000]
)
def test_what_is_none_is_said(text):
    with pytest.raises(ParseError):
        parse_har(text, "a.har", Vault())


@pytest.mark.parametrize("odd", [None, 1, "x", [], {"request": 1}, {"request": {}, "response": None}])
def test_odd_entries_do_not_hide_the_others(odd):
    assert [e.status for e in read(odd, entry()) if e.url == "http://hub:8080/v2/"] == [200]
