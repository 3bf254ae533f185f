"""Other clients than curl: the same request, told in other words; and what nobody could know stays unknown."""

import base64
import json

import pytest

from runbook.parse.clients import canonical
from runbook.parse.collection import is_collection, parse_collection
from runbook.parse.curl import parse_curl
from runbook.parse.har import parse_har
from runbook.parse.messages import parse_text
from runbook.redact import Vault

PAIR = base64.b64encode(b"anna:Holunder-77").decode()
HEAD = f"GET /v2/ HTTP/1.1\nHost: hub:8080\nAuthorization: Basic {PAIR}\nUser-Agent: x/1\n"
ANSWER = 'HTTP/1.1 401 Unauthorized\nServer: nginx/1.22.1\nWww-Authenticate: Basic realm="R"\n'
BODY = '{"errors":[]}'
WGET = (
    "$ wget -S --user=anna --password=Holunder-77 http://hub:8080/v2/\n--2026-11-26 20:20:27--  http://hub:8080/v2/\n"
    "Connecting to hub|10.0.0.5|:8080... connected.\nHTTP request sent, awaiting response... \n"
    + "".join(f"  {row}\n" for row in ANSWER.splitlines())
    + 'Authentication selected: Basic realm="R"\nReusing existing connection to hub:8080.\nHTTP request sent, awaiting response... \n'
    + "".join(f"  {row}\n" for row in ANSWER.splitlines())
    + "\nUsername/Password Authentication Failed.\n"
)
POWERSHELL = (
    f'PS C:\\> Invoke-WebRequest -Uri http://hub:8080/v2/ -SkipHttpErrorCheck -Headers @{{Authorization = "Basic {PAIR}"}}\n\n'
    "StatusCode        : 401\nStatusDescription : Unauthorized\nContent           : {}\nRawContent        : "
    + "\n                    ".join([*ANSWER.splitlines(), "", BODY])
    + "\nForms             : {}\nRawContentLength  : 2\n\nPS C:\\>\n"
)
PYTHON = (
    "send: " + repr((HEAD.replace("\n", "\r\n") + "\r\n").encode()) + "\nreply: 'HTTP/1.1 401 Unauthorized\\r\\n'\n"
    'header: Server: nginx/1.22.1\nheader: Www-Authenticate: Basic realm="R"\n'
)
DEVTOOLS = (
    "Request URL:\nhttp://hub:8080/v2/\nRequest Method:\nGET\nStatus Code:\n401 Unauthorized\nRemote Address:\n10.0.0.5:8080\n"
    'server:\nnginx/1.22.1\nwww-authenticate:\nBasic realm="R"\nRequest Headers\n'
    f"Host: hub:8080\nAuthorization: Basic {PAIR}\nUser-Agent: Mozilla/5.0\nReferer: http://hub:8080/\n"
)
NGREP = "T 10.0.0.9:51000 -> 10.0.0.5:8080 [AP] #4\n" + "".join(f"{row}.\n" for row in HEAD.splitlines()) + ".\n\n##\n" + (
    "T 10.0.0.5:8080 -> 10.0.0.9:51000 [AP] #6\n" + "".join(f"{row}.\n" for row in ANSWER.splitlines()) + f".\n{BODY}\n##\n"
)  # fmt: skip
TCPDUMP = (
    "20:20:27.123456 IP 10.0.0.9.51000 > 10.0.0.5.8080: Flags [P.], seq 1:100, ack 1, win 502, length 99: HTTP: GET /v2/ HTTP/1.1\n"
    f"E..w..@.@...........{HEAD}\n\n20:20:27.223456 IP 10.0.0.5.8080 > 10.0.0.9.51000: Flags [P.], seq 1:200, ack 100, win 509, length 199\n"
    f"E..w..@.@...........{ANSWER}\n{BODY}\n"
)
TRACE = (
    "== Info: Connected to hub (10.0.0.5) port 8080 (#0)\n=> Send header, 100 bytes (0x64)\n0000: GET /v2/ HTTP/1.1\n0013: Host: hub:8080\n"
    f"0023: Authorization: Basic {PAIR}\n0050: \n<= Recv header, 27 bytes (0x1b)\n0000: HTTP/1.1 401 Unauthorized\n"
    '<= Recv header, 22 bytes\n0000: Server: nginx/1.22.1\n<= Recv header, 33 bytes\n0000: Www-Authenticate: Basic realm="R"\n<= Recv data, 13 bytes\n'
    f"0000: {BODY}\n"
)


@pytest.mark.parametrize(
    "text",
    [
        f"$ http -v -a anna:Holunder-77 http://hub:8080/v2/\n{HEAD}\n\n\n{ANSWER}\n{BODY}\n",
        f"$ http -a anna:Holunder-77 http://hub:8080/v2/\n{ANSWER}\n{BODY}\n",
        f"$ xh -a anna:Holunder-77 hub:8080/v2/\n{ANSWER}\n{BODY}\n",
        f"{HEAD}\n{ANSWER}\n{BODY}\n",
        WGET,
        POWERSHELL,
        PYTHON,
        DEVTOOLS,
        NGREP,
        TCPDUMP,
        TRACE,
    ],
    ids=["httpie-v", "httpie", "xh", "raw", "wget", "powershell", "python", "devtools", "ngrep", "tcpdump", "trace"],
)
def test_the_same_request_in_other_words(text):
    vault = Vault()
    messages, exchanges = parse_text(text, "x.txt", vault)
    found = exchanges[-1]
    assert (found.method, found.url, found.status) == ("GET", "http://hub:8080/v2/", 401)
    assert (found.credential.user, vault.reveal(found.credential.password)) == ("anna", b"Holunder-77")
    assert found.login_known
    assert found.header("Www-Authenticate") == 'Basic realm="R"'
    assert found.header("Server") == "nginx/1.22.1"
    assert "Holunder" not in repr((messages, exchanges))
    assert PAIR not in repr((messages, exchanges))
    assert 1 <= found.source.line <= len(text.split("\n"))


def test_wget_asks_without_a_login_first():
    first, second = parse_curl(WGET, "x.txt", Vault())
    assert (first.credential, first.login_known, first.source.line) == (None, True, 4)
    assert second.credential.user == "anna"
    assert parse_text(WGET, "x.txt", Vault())[0] == (), "the answers say it already"


@pytest.mark.parametrize(
    ("text", "status", "error"),
    [
        ("PS C:\\> irm http://hub/v2/\nirm : The remote server returned an error: (401) Unauthorized.\n", 401, None),
        ("PS C:\\> iwr http://hub/v2/\nInvoke-WebRequest: Response status code does not indicate success: 401 (Unauthorized).\n", 401, None),
        ("PS C:\\> iwr http://hub/v2/\niwr : Unable to connect to the remote server\n", None, "refused"),
        ("PS C:\\> iwr https://hub/v2/\niwr : The underlying connection was closed: Could not establish trust relationship for the SSL/TLS secure channel.\n", None, "tls-untrusted"),
        ("--2026-11-26 20:20:27--  http://hub/v2/\nConnecting to hub|1.2.3.4|:80... failed: Connection refused.\n", None, "refused"),
        ("--2026-11-26 20:20:27--  http://hub/v2/\nHTTP request sent, awaiting response... 401 Unauthorized\n", 401, None),
        ('DEBUG:urllib3.connectionpool:http://hub:80 "GET /v2/ HTTP/1.1" 401 87\n', 401, None),
        ("requests.exceptions.SSLError: HTTPSConnectionPool(host='hub', port=443): Max retries exceeded with url: /v2/ (Caused by SSLError(SSLCertVerificationError(1, '[SSL: CERTIFICATE_VERIFY_FAILED] x')))\n", None, "tls-untrusted"),
        (">>> r = requests.get('http://hub/v2/', auth=('anna', 'pw1234'))\n>>> r.status_code\n401\n>>> r.headers\n{'Server': 'nginx'}\n", 401, None),
        (">>> requests.get('http://hub/v2/')\n<Response [401]>\n", 401, None),
        ('{"http_code":401,"url_effective":"http://hub/v2/","method":"GET"}\n', 401, None),
    ],
)  # fmt: skip
def test_answers_and_failures(text, status, error):
    (found,) = parse_curl(text, "x.txt", Vault())
    assert (found.status, found.error) == (status, error)


@pytest.mark.parametrize(
    ("text", "user", "known"),
    [
        ("HTTP/1.1 401 Unauthorized\nWww-Authenticate: Basic\n", None, False),
        ("$ curl -i http://hub/v2/\nHTTP/1.1 401 Unauthorized\n", None, True),
        ('$ curl -i -u "$LOGIN" http://hub/v2/\nHTTP/1.1 401 Unauthorized\n', None, False),
        ('$ curl -i -u "$USER:$PW" http://hub/v2/\nHTTP/1.1 401 Unauthorized\n', None, False),
        ("$ curl -i -n http://hub/v2/\nHTTP/1.1 401 Unauthorized\n", None, False),
        ("$ curl -i -K login.conf http://hub/v2/\nHTTP/1.1 401 Unauthorized\n", None, False),
        ("$ curl -v -n http://hub/v2/\n> GET /v2/ HTTP/1.1\n> Host: hub\n>\n< HTTP/1.1 401 Unauthorized\n", None, True),
        ('$ curl -i -H "$AUTH" http://hub/v2/\nHTTP/1.1 401 Unauthorized\n', None, False),
        ('DEBUG:urllib3.connectionpool:http://hub:80 "GET /v2/ HTTP/1.1" 200 2\n', None, False),
        ("--2026-11-26 20:20:27--  http://hub/v2/\nHTTP request sent, awaiting response... 200 OK\n", None, False),
        ("PS C:\\> iwr http://hub/v2/ -Headers $h\nStatusCode        : 200\n", None, False),
        ("General\nRequest URL: http://hub/v2/\nStatus Code: 200 OK\n", None, False),
    ],
)
def test_what_login_was_sent_may_be_unknown(text, user, known):
    (found,) = parse_curl(text, "x.txt", Vault())
    assert found.login_known is known
    assert (found.credential.user if found.credential else None) == user


@pytest.mark.parametrize(
    "password",
    [
        "$(cat pw)",
        "`cat pw`",
        "%PW%",
        "${{ secrets.PW }}",
        "$PW",
        "${PW}",
        "<password>",
        "***",
        "$env:PW",
        "{{ vault_pw }}",
        "xxxx",
    ],
)
def test_what_no_shell_put_in_is_no_password(password):
    vault = Vault()
    (found,) = parse_curl(f"$ curl -i -u 'ci:{password}' http://hub/v2/\nHTTP/1.1 401 Unauthorized\n", "x.txt", vault)
    assert (found.credential.user, found.credential.password) == ("ci", None)
    parse_text(f"$ docker login -u ci -p '{password}' hub:5000\n", "x.txt", vault)
    assert repr(vault) == "Vault(0 secrets)"


@pytest.mark.parametrize("password", ["Pa$$w0rd", "a%b", "50%", "$ecret-77", "x", "a<b"])
def test_a_password_with_odd_characters_is_one(password):
    vault = Vault()
    (found,) = parse_curl(f"$ curl -i -u 'ci:{password}' http://hub/v2/\nHTTP/1.1 401 Unauthorized\n", "x.txt", vault)
    assert found.credential.password is not None


def test_answers_without_their_requests_are_two():
    text = f"{ANSWER}\n{BODY}\n\nHTTP/1.1 200 OK\nDocker-Distribution-Api-Version: registry/2.0\n\n{{}}\n"
    assert [(e.status, e.login_known) for e in parse_curl(text, "x.txt", Vault())] == [(401, False), (200, False)]


def test_a_form_that_nobody_knows_stays_as_it_is():
    rows = ["GET /v2/ says 401", "Request failed", "T minus 5", "http is fine", "awaiting response from Bob"]
    assert canonical(rows).rows == rows
    assert parse_curl("\n".join(rows), "x.txt", Vault()) == ()


POSTMAN = {
    "info": {"_postman_id": "1", "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json"},
    "auth": {"type": "basic", "basic": [{"key": "username", "value": "anna"}, {"key": "password", "value": "Holunder-77"}]},
    "variable": [{"key": "base", "value": "http://hub:8080"}],
    "item": [{"name": "f", "item": [{"name": "ping", "request": {"method": "GET", "url": {"raw": "{{base}}/v2/"}, "header": []},
              "response": [{"code": 401, "header": [{"key": "Server", "value": "nginx"}], "body": BODY}]}]}],
}  # fmt: skip
INSOMNIA = {
    "_type": "export", "__export_format": 4,
    "resources": [
        {"_id": "r1", "_type": "request", "url": "http://hub:8080/v2/", "method": "GET", "headers": [],
         "authentication": {"type": "basic", "username": "anna", "password": "Holunder-77"}},
        {"_id": "a1", "_type": "response", "parentId": "r1", "statusCode": 401, "headers": [{"name": "Server", "value": "nginx"}]},
    ],
}  # fmt: skip


@pytest.mark.parametrize("document", [POSTMAN, INSOMNIA], ids=["postman", "insomnia"])
def test_exports_of_requests(document):
    text, vault = json.dumps(document), Vault()
    assert is_collection(text)
    (found,) = parse_collection(text, "x.json", vault)
    assert (found.url, found.status, found.credential.user, found.header("Server")) == (
        "http://hub:8080/v2/",
        401,
        "anna",
        "nginx",
    )
    assert vault.reveal(found.credential.password) == b"Holunder-77"
    assert "Holunder" not in repr(found)


def test_a_request_that_was_only_prepared_tells_nothing():
    document = json.loads(json.dumps(POSTMAN))
    document["item"][0]["item"][0]["response"] = []
    assert parse_collection(json.dumps(document), "x.json", Vault()) == ()


def test_a_proxys_export_is_no_browsers():
    entry = {
        "request": {
            "method": "GET",
            "url": "http://hub/v2/",
            "headers": [{"name": "User-Agent", "value": "docker/28"}],
        },
        "response": {"status": 401, "headers": []},
    }
    (found,) = parse_har(json.dumps({"log": {"creator": {"name": "mitmproxy"}, "entries": [entry]}}), "x.har", Vault())
    assert (found.page, found.login_known) == (None, True)
    entry["request"]["headers"] = []
    page = {
        "request": {"method": "GET", "url": "http://ui/", "headers": []},
        "response": {"status": 200, "headers": []},
    }
    found = parse_har(
        json.dumps({"log": {"creator": {"name": "WebInspector"}, "entries": [page, entry]}}), "x.har", Vault()
    )[-1]
    assert (found.page, found.login_known) == ("http://ui", False)


@pytest.mark.parametrize(
    "unit",
    ["GET / HTTP/1.1\n", "send: b'GET'\n", "HTTP request sent, awaiting response... \n", "PS C:\\> iwr http://a\n", "Request URL: http://a\n",
     "T 1.1.1.1:1 -> 1.1.1.2:2 [AP]\n", "=> Send header, 1 bytes\n0000: a\n", ">>> requests.get('http://a')\n", "StatusCode : 200\n", "$ http :80\n"],
)  # fmt: skip
def test_hostile_transcripts_take_no_time(unit):
    import time

    begun = time.process_time()
    parse_text(unit * (400_000 // len(unit)), "x.txt", Vault())
    assert time.process_time() - begun < 15
