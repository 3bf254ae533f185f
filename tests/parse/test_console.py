"""What browsers write into their console about requests."""

import pytest

from runbook.parse.console import parse_console
from runbook.parse.messages import parse_text
from runbook.redact import Vault


@pytest.mark.parametrize(
    ("line", "method", "url", "status", "error"),
    [
        ("docker-registry-ui.js:1  GET http://hub:8080/v2/_catalog?n=1000 401 (Unauthorized)", "GET", "http://hub:8080/v2/_catalog?n=1000", 401, None),
        ("DELETE http://hub/v2/a/manifests/sha256:12 405 (Method Not Allowed)", "DELETE", "http://hub/v2/a/manifests/sha256:12", 405, None),
        ("VM12:3 PUT https://hub/v2/a 413 (Request Entity Too Large)", "PUT", "https://hub/v2/a", 413, None),
        ("GET http://registry:5000/v2/ net::ERR_NAME_NOT_RESOLVED", "GET", "http://registry:5000/v2/", None, "dns"),
        ("GET http://localhost:5000/v2/ net::ERR_CONNECTION_REFUSED", "GET", "http://localhost:5000/v2/", None, "refused"),
        ("GET https://hub/v2/ net::ERR_CERT_DATE_INVALID", "GET", "https://hub/v2/", None, "tls-expired"),
        ("GET https://hub/v2/ net::ERR_SSL_PROTOCOL_ERROR", "GET", "https://hub/v2/", None, "tls-protocol"),
        ("http://hub:8080/v2/_catalog?n=9:1 Failed to load resource: the server responded with a status of 502 (Bad Gateway)", "GET", "http://hub:8080/v2/_catalog?n=9", 502, None),
        ("http://hub/v2/:1  Failed to load resource: net::ERR_CONNECTION_RESET", "GET", "http://hub/v2/", None, "reset"),
        ("XHRGET http://hub/v2/_catalog [HTTP/1.1 401 Unauthorized 12ms]", "GET", "http://hub/v2/_catalog", 401, None),
        ("XHR OPTIONS http://hub/v2/_catalog\n[HTTP/1.1 401 Unauthorized 2ms]", "OPTIONS", "http://hub/v2/_catalog", 401, None),
    ],
)  # fmt: skip
def test_a_request(line, method, url, status, error):
    (found,) = parse_console(line, "console.txt", Vault())
    assert (found.method, found.url, found.status, found.error) == (method, url, status, error)
    assert (found.credential, found.page, str(found.source)) == (None, "", "console.txt:1")


@pytest.mark.parametrize(
    "line",
    [
        "GET /v2/ HTTP/1.1",
        "GET http://hub/v2/ net::ERR_FAILED",
        "XHRGET http://hub/v2/ CORS Missing Allow Origin",
        "$ curl -X GET http://hub/v2/ 401 (Unauthorized)",
        "see http://hub/v2/ 401 (Unauthorized)",
        "GET http://ann:secret@hub/v2/ 401 (Unauthorized)",
        "GET http://hub/v2/ 401 Unauthorized " + "x" * 5000,
    ],
)
def test_what_is_none_or_says_nothing(line):
    assert list(parse_console(line, "console.txt", Vault())) == []


def test_the_page_is_the_one_that_another_line_names():
    text = (
        "Access to XMLHttpRequest at 'http://r:5000/v2/' from origin 'http://hub:8080' has been blocked by CORS policy: no\n"
        "GET http://r:5000/v2/ 401 (Unauthorized)\n"
    )
    (found,) = parse_console(text, "console.txt", Vault())
    assert found.page == "http://hub:8080"


def test_they_stand_beside_curl_in_one_text():
    messages, exchanges = parse_text(
        "$ curl -i http://r:5000/v2/\nHTTP/1.1 401 Unauthorized\n\nGET http://hub/v2/_catalog 502 (Bad Gateway)\n",
        "t.txt",
        Vault(),
    )
    assert [(e.url, e.status) for e in exchanges] == [("http://r:5000/v2/", 401), ("http://hub/v2/_catalog", 502)]
    assert messages == ()


def test_a_long_console_is_cut():
    assert len(list(parse_console("GET http://hub/v2/ 401 (Unauthorized)\n" * 5000, "c", Vault()))) == 200
