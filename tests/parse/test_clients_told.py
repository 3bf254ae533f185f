"""What clients print besides the forms of tests/rewrites: formats of `-w`, variables of PowerShell, raw requests under an
address, exceptions, names of headers in rows of their own."""

from runbook.model import Exchange
from runbook.parse.curl import parse_curl
from runbook.parse.write_out import line_patterns, written_by
from runbook.redact import Vault

URL = "https://hub.example/v2/team/app/blobs/uploads/"
THERE = "http://hub.example/v2/team/app/blobs/uploads/3d0e"
RAW = "POST /v2/team/app/blobs/uploads/ HTTP/1.1\nHost: hub.example\nAccept: */*\n"
ANSWER = f"HTTP/1.1 202 Accepted\nServer: nginx\nDocker-Distribution-Api-Version: registry/2.0\nLocation: {THERE}\n"


def read(text: str) -> list[Exchange]:
    return list(parse_curl(text, "t.txt", Vault()))


def only(text: str) -> Exchange:
    found = read(text)
    assert len(found) == 1, found
    return found[0]


def test_a_format_of_several_variables_is_read() -> None:
    call = f"$ curl -s -o /dev/null -w '%{{http_code}} %{{url_effective}} %{{redirect_url}}\\n' -X POST {URL}"
    found = only(f"{call}\n202 {URL} {THERE}\n")
    assert (found.status, found.url, found.header("Location")) == (202, URL, THERE)


def test_a_format_of_several_lines_is_read() -> None:
    call = f"$ curl -s -o /dev/null -w 'code: %{{http_code}}\\nto: %header{{location}}\\n' -X POST {URL}"
    found = only(f"{call}\ncode: 202\nto: {THERE}\n")
    assert (found.status, found.header("Location")) == (202, THERE)


def test_a_status_behind_a_body_is_read_and_a_number_in_a_body_is_none() -> None:
    assert written_by(line_patterns("%{http_code}"), '{"errors":[]}401') == {"status": "401"}
    assert not written_by(line_patterns("%{http_code}"), "the size is 200")
    assert not written_by(line_patterns("no variable"), "401")


def test_a_status_before_the_next_prompt_is_read() -> None:
    call = 'anna@build1:~$ curl -s -o /dev/null -w "%{http_code}" -T layer.tar ' + URL
    found = only(f"{call}\n413anna@build1:~$ ls\nlayer.tar\n")
    assert (found.status, found.method) == (413, "PUT")
    assert only(f"{call}\n413%\nanna@build1:~$ ls\n").status == 413
    assert not read(f"{call}\nabcanna@build1:~$ ls\n")


def test_a_raw_request_has_the_scheme_of_the_address_above_it() -> None:
    assert only(f"POST {URL}\n202\n51 ms\n{RAW}\n{ANSWER}").url == URL
    assert only(f"~/work ❯ http -v --auth a:b POST {URL}\n{RAW}\n{ANSWER}").url == URL


def test_the_address_of_another_host_says_nothing_of_a_raw_request() -> None:
    assert only(f"POST {URL.replace('hub', 'other')}\n{RAW}\n{ANSWER}").url.startswith("http://hub.example/")


_SENT = "send: b'POST /v2/team/app/blobs/uploads/ HTTP/1.1\\r\\nHost: hub.example\\r\\n\\r\\n'\nreply: 'HTTP/1.1 202 Accepted\\r\\n'\nheader: Location: x\n"


def test_urllib3_says_that_a_request_went_over_tls() -> None:
    opened = "DEBUG:urllib3.connectionpool:Starting new HTTPS connection (1): hub.example:443\n"
    logged = 'DEBUG:urllib3.connectionpool:https://hub.example:443 "POST /v2/team/app/blobs/uploads/ HTTP/1.1" 202 0\n'
    assert only(opened + _SENT).url == URL
    assert only(_SENT + logged).url == URL.replace("hub.example", "hub.example:443")
    assert only(opened.replace("hub.", "other.") + _SENT).url.startswith("http://")


def test_exceptions_tell_status_and_address() -> None:
    found = only(f"requests.exceptions.HTTPError: 413 Client Error: Request Entity Too Large for url: {URL}\n")
    assert (found.status, found.url, found.login_known) == (413, URL, False)
    assert only(f"httpx.HTTPStatusError: Client error '401 Unauthorized' for url '{URL}'\n").status == 401
    assert not read("app.HTTPError: 413 is what we had\n")


_CALL = f"PS C:\\> $r = Invoke-WebRequest -Method Post -Uri {URL}\n"
_OBJECT = f"PS C:\\> $r\n\nStatusCode        : 202\nRawContent        : HTTP/1.1 202 Accepted\n                    Range: 0-0\n                    ...\nHeaders           : {{[Range, 0-0],\n                    [Location, {THERE}]...}}\n\n"


def test_an_answer_in_a_variable_of_powershell_is_read() -> None:
    found = only(_CALL + _OBJECT)
    assert (found.method, found.url, found.status, found.header("Location")) == ("POST", URL, 202, THERE)
    piecewise = f"{_CALL}PS C:\\> $r.StatusCode\n202\nPS C:\\> $r.Headers.Location\n{THERE}\nPS C:\\> $r.Headers['Range']\n0-0\n"
    found = only(piecewise)
    assert (found.status, found.header("Location"), found.header("Range")) == (202, THERE, "0-0")
    table = f"{_CALL}PS C:\\> $r.StatusCode\n202\nPS C:\\> $r.Headers\n\nKey      Value\n---      -----\nLocation {{{THERE}}}\n"
    assert only(table).header("Location") == THERE


def test_another_variable_of_powershell_is_no_answer() -> None:
    assert not read(f"{_CALL}PS C:\\> $s.StatusCode\n202\n")


def test_powershell_prints_the_body_of_a_refusal() -> None:
    body = '{"errors":[{"code":"UNAUTHORIZED","message":"authentication required"}]}'
    call = f"PS C:\\> Invoke-RestMethod -Uri {URL}\n"
    assert only(f"{call}Invoke-RestMethod : {body}\nAt line:1 char:1\n").status == 401
    spread = body.replace("{", "{\n").replace("}", "\n}")
    assert only(f"{call}Invoke-RestMethod:    \n{spread}\nPS C:\\> \n").status == 401
    assert not read(f"{call}Invoke-RestMethod:    \nPS C:\\> \n")


def test_names_of_headers_in_rows_of_their_own() -> None:
    text = f"""General
Request URL
{URL}
Request Method
POST
Status Code
202 Accepted
Response Headers
docker-distribution-api-version
registry/2.0
location
{THERE}
Request Headers
:authority
hub.example
origin
https://ui.example
"""
    found = only(text)
    assert (found.status, found.header("Location"), found.sent("Origin")) == (202, THERE, "https://ui.example")
