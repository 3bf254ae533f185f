"""Logs as programs write them: each form of line, its meaning, and bounds on what is kept."""

import json

import pytest

from runbook.model import LogFile
from runbook.parse.logs import parse_log
from runbook.redact import Vault

_V2 = (
    'time="2026-11-23T10:00:00Z" level=error msg="error authenticating user \\"ann\\": authentication failure" '
    "go.version=go1.19.8 http.request.id=r1 http.request.method=GET http.request.uri=/v2/"
)
_V3 = (
    'time="2026-11-23T10:00:00Z" level=error msg="error authenticating user" go.version=go1.25 '
    'error="crypto/bcrypt: hashedPassword is not the hash of the given password" http.request.id=r1 http.request.uri=/v2/'
)
_ACCESS = '10.0.0.1 - - [23/Nov/2026:10:00:00 +0000] "GET /v2/ HTTP/1.1" 401 87 "" "docker/28"'
_HTTPLOG = '10.0.0.1:4711 [23/Nov/2026:10:00:00.123] web registry/r1 0/0/0/1/1 {status} 339 - - {end} 1/1/0/0/0 0/0 "GET /v2/ HTTP/1.1"'


def _read(*lines: str) -> LogFile:
    return parse_log(lines, "x.log", Vault())


def _caddy(**fields: object) -> str:
    request = {
        "remote_ip": "10.0.0.1",
        "method": "GET",
        "host": "r.test",
        "uri": "/v2/",
        "headers": {"User-Agent": ["u"]},
    }
    return json.dumps({"level": "error", "ts": 1795476120.3, "logger": "http.log.error", "request": request, **fields})


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        (_V2, "authentication-failure"),
        (_V3, "bcrypt-mismatch"),
        ('time="t" level=warning msg="error authorizing context: basic authentication challenge: invalid authorization credential"', "no-usable-credential"),
        ('time="t" level=error msg="error checking authorization: htpasswd: invalid entry at line 2"', "file-refused"),
        ('panic: unable to configure authorization (htpasswd): "realm" must be set for htpasswd access controller', "panic-auth-option"),
        ("2026/11/23 10:00:00 [error] 29#29: *1 connect() failed (111: Connection refused) while connecting to upstream, client: 10.0.0.1", "upstream-refused"),
        ('2026/11/23 10:00:00 [emerg] 1#1: host not found in upstream "registri" in /etc/nginx/conf.d/default.conf:9', "upstream-not-found"),
        (_caddy(msg="dial tcp: lookup registri on 127.0.0.11:53: no such host", status=502), "upstream-not-found"),
        (_caddy(msg="dial tcp 172.18.0.2:5001: connect: connection refused", status=502), "upstream-refused"),
        (_caddy(msg="tls: first record does not look like a TLS handshake", status=502), "upstream-tls"),
        (_caddy(msg="readfrom tcp: HTTP 413: http: request body too large", status=502), "body-too-large"),
        ("[ALERT]    (1) : config : [/h.cfg:19] : 'server registry/r1' : could not resolve address 'registri'.", "upstream-not-found"),
        ("[WARNING]  (8) : Server registry/r1 is DOWN, reason: Layer4 connection problem, info: \"Connection refused\"", "upstream-refused"),
        (_HTTPLOG.format(status=503, end="SC--"), "upstream-refused"),
        (_HTTPLOG.format(status=503, end="sC--"), "upstream-timeout"),
        (_HTTPLOG.format(status=504, end="sH--"), "upstream-timeout"),
        (_HTTPLOG.format(status=502, end="SH--"), "upstream-reset"),
        (_HTTPLOG.format(status=413, end="PR--"), "body-too-large"),
        ("[Mon Nov 23 10:00:00.540204 2026] [proxy:error] [pid 1:tid 2] (EAI 2)Name or service not known: [client 10.0.0.1:5] AH00898: DNS lookup failure for: registri returned by /v2/", "upstream-not-found"),
        ("[Mon Nov 23 10:00:00.540204 2026] [proxy:error] [pid 1:tid 2] (111)Connection refused: AH00957: http: attempt to connect to 10.0.0.2:1 (r) failed", "upstream-refused"),
        ('[Mon Nov 23 10:00:00.540204 2026] [auth_basic:error] [pid 1:tid 2] [client 10.0.0.1:5] AH01617: user ann: authentication failure for "/v2/": Password Mismatch', "proxy-user-mismatch"),
    ],
    ids=lambda v: v if v.count("-") and " " not in v else "",
)  # fmt: skip
@pytest.mark.parametrize("prefix", ["", "web-1  | ", "\x1b[36mweb-1  |\x1b[0m "], ids=["bare", "compose", "coloured"])
def test_each_line_has_its_meaning(line: str, meaning: str, prefix: str) -> None:
    log = _read(prefix + line)
    assert [e.meaning for e in log.events] == [meaning]
    assert log.counts[meaning] == 1
    if prefix:
        assert log.events[0].service == "web"


_FALLEN = '2026/11/20 08:00:00 [emerg] 1#1: host not found in upstream "wiki" in /etc/nginx/conf.d/w.conf:3'
_STARTED = "2026/11/20 08:10:00 [notice] 1#1: start worker processes"


@pytest.mark.parametrize(
    ("lines", "left"),
    [
        ((_FALLEN, _STARTED), []),
        (("edge-1  | " + _FALLEN, "edge-1  | " + _STARTED), []),
        ((_STARTED, _FALLEN), ["upstream-not-found"]),
        ((_FALLEN, _STARTED.replace("08:10", "07:50")), ["upstream-not-found"]),
        ((_FALLEN, _STARTED.replace("processes", "process 31")), ["upstream-not-found"]),
        (("edge-1  | " + _FALLEN, "other-1  | " + _STARTED), ["upstream-not-found"]),
        ((_FALLEN.replace("emerg", "error"), _STARTED), ["upstream-not-found"]),
    ],
    ids=["started", "of compose", "before", "before, newest first", "a worker replaced", "another service", "at work"],
)
def test_what_kept_nginx_from_starting_is_over_once_it_starts(lines: tuple[str, ...], left: list[str]) -> None:
    log = _read(*lines)
    assert [e.meaning for e in log.events] == left
    assert log.kind == "nginx"


@pytest.mark.parametrize(
    ("line", "logger", "status"),
    [
        (_ACCESS, "registry", 401),
        (_ACCESS.replace('""', '"-"'), "nginx", 401),
        (_HTTPLOG.format(status=401, end="----"), "haproxy", 401),
        ("Nov 23 10:00:00 host haproxy[77]: " + _HTTPLOG.format(status=200, end="----"), "haproxy", 200),
        (_caddy(msg="handled request", logger="http.log.access.log0", status=401), "caddy", 401),
    ],
)
def test_each_access_line_becomes_a_request(line: str, logger: str, status: int) -> None:
    (request,) = _read(line).requests
    assert (request.logger, request.status, request.method, request.uri) == (logger, status, "GET", "/v2/")
    assert request.when
    assert request.remote == "10.0.0.1"


def test_a_refusal_is_given_its_reason_and_the_challenge_before_a_login_is_none() -> None:
    good = _ACCESS.replace("401 87", "200 2").replace("10:00:00 +", "10:00:01 +")
    asked = 'time="t" level=warning msg="error authorizing context: invalid authorization credential" http.request.id=r0 http.request.method=GET http.request.uri=/v2/'
    log = _read(asked, _ACCESS, good)
    first, second = log.requests
    assert (first.meaning, first.answered_later) == ("no-usable-credential", True)
    assert second.status == 200


def test_a_browsers_request_without_prefix_is_the_registrys_when_its_own_message_stands_before() -> None:
    line = _ACCESS.replace('""', '"http://ui.test/"')
    (request,) = _read(_V2, line).requests
    assert (request.logger, request.meaning, request.user) == ("registry", "authentication-failure", "ann")
    assert _read(line).requests[0].logger == "unknown"


def test_secrets_in_lines_are_masked_and_what_is_kept_is_bounded() -> None:
    vault = Vault()
    vault.password("Holunder-77", "ann")
    line = _caddy(msg="dial tcp: connection refused Holunder-77")
    log = parse_log([line] * 500 + [_ACCESS] * 5000, "x.log", vault)
    assert "Holunder" not in repr(log)
    assert log.counts["upstream-refused"] == 500
    assert len(log.events) <= 50
    assert log.counts["status:401"] == 5000
    assert len(log.requests) <= 3000


@pytest.mark.parametrize(
    "line",
    [
        "{" * 5000,
        '{"ts":1,"request":' + "[" * 5000,
        "[ALERT]",
        "\x00\xff",
        '{"ts":"x","request":"y","msg":"handled request","status":"200"}',
    ],
)
def test_odd_lines_are_no_error(line: str) -> None:
    assert _read(line).lines == 1


REFUSED = 'time="2026-11-23T13:45:49Z" level=warning msg="error authorizing context: basic authentication challenge for realm \\"R\\": authentication failure" go.version=go1.20 http.request.uri=/v2/'
ACCESS = '172.18.0.1 - - [23/Nov/2026:13:45:49 +0000] "GET /v2/ HTTP/1.1" 401 87 "" "curl/7.88.1"'


@pytest.mark.parametrize(
    ("wrap", "service"),
    [
        (lambda line: line, None),
        (lambda line: f"registry-1  | {line}", "registry"),
        (lambda line: f"Nov 23 13:45:49 srv01 dockerd[812]: {line}", "dockerd"),
        (lambda line: f"<30>Nov  3 13:45:49 srv01 registry/1f2e3d[812]: {line}", "registry/1f2e3d"),
        (lambda line: f"2026-11-23T13:45:49+0000 srv01 registry[812]: {line}", "registry"),
        (lambda line: f"2026-11-23T13:45:49.123456Z {line}", None),
        (lambda line: f"[pod/registry-0/registry] {line}", "registry"),
        (lambda line: f"[pod/registry-0/registry] 2026-11-23T13:45:49.123456Z {line}", "registry"),
        (lambda line: json.dumps({"log": line + "\n", "stream": "stderr", "time": "2026-11-23T13:45:49Z"}), None),
        (lambda line: f"\x1b[36mregistry-1  |\x1b[0m {line}", "registry"),
    ],
)
def test_a_line_is_read_whoever_handed_it_on(wrap, service):
    log = parse_log([wrap(REFUSED), wrap(ACCESS)], "a.log", Vault())
    assert [(e.meaning, e.service) for e in log.events] == [("authentication-failure", service)]
    assert [(r.status, r.service, r.uri) for r in log.requests] == [(401, service, "/v2/")]


GRANTED = (
    'time="2026-11-27T10:00:05.2Z" level=info msg="authorized request" auth.user.name=runa go.version=go1.26 '
    'http.request.host="depot.example:5000" http.request.id=a1 http.request.method=GET http.request.uri="/v2/_catalog?n=9"'
)
SERVED = '10.0.0.9 - - [27/Nov/2026:10:00:05 +0000] "GET /v2/_catalog HTTP/1.1" 200 20 "" "curl/8"'
PINGED = '10.0.0.8 - - [27/Nov/2026:10:00:05 +0000] "GET /v2/ HTTP/1.1" 200 2 "" "curl/8"'


@pytest.mark.parametrize("lines", [(GRANTED, PINGED, SERVED), (PINGED, SERVED, GRANTED)], ids=["before", "after"])
def test_a_served_request_has_the_host_and_user_of_its_message(lines: tuple[str, ...]) -> None:
    rows = {r.uri: (r.host, r.user) for r in parse_log(lines, "registry.log", Vault()).requests}
    assert rows == {"/v2/_catalog": ("depot.example:5000", "runa"), "/v2/": ("", None)}


@pytest.mark.parametrize(
    ("line", "meaning"),
    [
        ("time=\"2026-11-27T12:31:40Z\" level=debug msg=\"'500 Internal Server Error' caused by: tls: first record does not look like a TLS handshake\"", "upstream-tls"),
        ('2026-11-27T12:31:40Z DBG github.com/traefik/traefik/v3/pkg/proxy/httputil/proxy.go:121 > 502 Bad Gateway error="dial tcp 172.18.0.3:5000: connect: connection refused"', "upstream-refused"),
    ],
)  # fmt: skip
def test_traefik_tells_what_came_of_its_upstream(line: str, meaning: str) -> None:
    (event,) = parse_log([line], "traefik.log", Vault()).events
    assert event.meaning == meaning
