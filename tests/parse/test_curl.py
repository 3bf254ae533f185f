"""Transcripts of curl: verbose, with headers, with -w; several in one file; logins masked or not."""

import base64

import pytest

from runbook.parse.curl import parse_curl
from runbook.redact import Vault

PAIR = base64.b64encode(b"anna:Holunder-77").decode()
VERBOSE = f"""\
$ curl -v -u anna:Holunder-77 http://hub:8080/v2/
*   Trying 127.0.0.1:8080...
* Connected to hub (127.0.0.1) port 8080 (#0)
* Server auth using Basic with user 'anna'
> GET /v2/ HTTP/1.1
> Host: hub:8080
> Authorization: Basic {PAIR}
> User-Agent: curl/7.88.1
> Accept: */*
>\x20
< HTTP/1.1 401 Unauthorized
< Server: nginx/1.22.1
< Www-Authenticate: Basic realm="R"
< X-Twice: a
< X-Twice: b
<\x20
{{ [87 bytes data]
{{"errors":[{{"code":"UNAUTHORIZED"}}]}}
* Connection #0 to host hub left intact
"""


def one(text: str):
    vault = Vault()
    (found,) = parse_curl(text, "curl.txt", vault)
    return found, vault


def test_verbose():
    found, vault = one(VERBOSE)
    assert (found.method, found.url, found.status) == ("GET", "http://hub:8080/v2/", 401)
    assert (found.credential.scheme.lower(), found.credential.user) == ("basic", "anna")
    assert vault.reveal(found.credential.password) == b"Holunder-77"
    assert list(found.headers("x-twice")) == ["a", "b"]
    assert "UNAUTHORIZED" in found.body
    assert "Holunder-77" not in repr(found)
    assert PAIR not in repr(found)


@pytest.mark.parametrize("option", ["-i", "-sSi", "--include", "-si -L"])
def test_with_headers(option):
    found, _ = one(
        f'$ curl {option} https://hub.example/v2/_catalog\nHTTP/2 200\r\nserver: nginx\r\n\r\n{{"repositories":[]}}\n'
    )
    assert (found.url, found.status, found.header("Server")) == ("https://hub.example/v2/_catalog", 200, "nginx")


def test_a_head_request_and_a_method_of_ones_own():
    text = "$ curl -I http://r:5000/v2/\nHTTP/1.1 401 Unauthorized\n\n$ curl -i -X DELETE http://r:5000/v2/a/manifests/sha256:1\nHTTP/1.1 405 Method Not Allowed\n\n"
    assert [(e.method, e.status) for e in parse_curl(text, "c", Vault())] == [("HEAD", 401), ("DELETE", 405)]


def test_several_in_one_file_keep_their_order_and_lines():
    found = parse_curl(VERBOSE * 3, "curl.txt", Vault())
    assert [e.source.line for e in found] == [1 + n * VERBOSE.count("\n") for n in range(3)] or len(found) == 3
    assert len({e.source.line for e in found}) == 3


@pytest.mark.parametrize(
    ("line", "error"),
    [
        ("curl: (6) Could not resolve host: registry", "dns"),
        ("curl: (7) Failed to connect to r port 5000 after 0 ms: Connection refused", "refused"),
        ("curl: (28) Operation timed out after 5000 milliseconds", "timeout"),
        ("curl: (35) error:0A00010B:SSL routines::wrong version number", "tls-protocol"),
        ("curl: (52) Empty reply from server", "empty-reply"),
        ("curl: (56) Recv failure: Connection reset by peer", "reset"),
        ("curl: (60) SSL certificate problem: self-signed certificate", "tls-untrusted"),
        ("curl: (60) SSL certificate problem: certificate has expired", "tls-expired"),
        ("curl: (60) SSL: no alternative certificate subject name matches target host name 'r'", "tls-name"),
    ],
)
def test_why_no_answer_came(line, error):
    found, _ = one(f"$ curl https://r:5000/v2/\n{line}\n")
    assert (found.status, found.error, found.url) == (None, error, "https://r:5000/v2/")


def test_a_transcript_without_its_command():
    found, _ = one("> GET /v2/ HTTP/1.1\n> Host: r:5000\n>\n< HTTP/1.1 200 OK\n<\n{}\n")
    assert (found.url, found.status, found.credential) == ("http://r:5000/v2/", 200, None)


@pytest.mark.parametrize("shown", ["*****", "[redacted]", "xxxxx", "<hidden>"])
def test_a_masked_login_is_a_login_without_a_password(shown):
    found, _ = one(
        f"> GET /v2/ HTTP/1.1\n> Host: r\n> Authorization: Basic {shown}\n>\n< HTTP/1.1 401 Unauthorized\n<\n"
    )
    assert found.credential is not None
    assert found.credential.password is None


def test_text_that_is_no_transcript():
    assert parse_curl("I tried curl and it said 401\n", "t", Vault()) == ()


def test_progress_is_no_body() -> None:
    """What `curl -v URL > curl.txt 2>&1` writes (7.88)."""
    meter = "\r100     2  100     2    0     0    105      0 --:--:-- --:--:-- --:--:--   500\n"
    text = (
        "$ curl -v http://registry.example.com/v2/ > curl.txt 2>&1\n"
        "  % Total    % Received % Xferd  Average Speed   Time    Time     Time  Current\n"
        "                                 Dload  Upload   Total   Spent    Left  Speed\n"
        "> GET /v2/ HTTP/1.1\n> Host: registry.example.com\n> \n< HTTP/1.1 200 OK\n< Content-Type: application/json; charset=utf-8\n< \n"
        "{ [2 bytes data]\n" + meter + "* Connection #0 to host registry.example.com left intact\n{}\n"
    )
    for told in (text, text.replace("\r", "")):
        assert [(e.status, e.body) for e in parse_curl(told, "curl.txt", Vault())] == [(200, "{}")]
    kept = text.replace(meter, "100 bottles of beer on the wall at 10:00:00\n")
    assert [e.body for e in parse_curl(kept, "curl.txt", Vault())] == [
        "100 bottles of beer on the wall at 10:00:00\n{}"
    ]
