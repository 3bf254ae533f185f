"""Several proxies in a row, several registries behind one: whose site, whose log and whose refusal it is."""

from pathlib import Path

import bcrypt
import pytest

from tests.bundles import Answer, ask_files

CONFIG = "version: 0.1\nstorage: {{filesystem: {{rootdirectory: /srv/images}}}}\nhttp: {{addr: '10.0.0.3:{port}'{more}}}\nauth: {{htpasswd: {{realm: r, path: /etc/registry/htpasswd}}}}\n"
INNER = (
    "server {{ listen 10.0.0.2:8080; server_name inner.lan; client_max_body_size 0; location / {{ proxy_pass http://10.0.0.3:6001; "
    "proxy_set_header Host $http_host; {more} }} }}\n"
)
OUTER = "defaults\n  mode http\nfrontend web\n  bind :80\n  default_backend inner\nbackend inner\n  server s1 inner.lan:8080\n"
STRIPS = 'proxy_set_header Authorization "";'
IN = "$ docker login -u karl depot.lan\nPassword:\nLogin Succeeded\n"
OUT = "$ docker login -u karl depot.lan\nPassword:\nError response from daemon: login attempt to http://depot.lan/v2/ failed with status: 401 Unauthorized\n"
ROW = '10.0.0.1 - {who} [28/Nov/2026:16:56:38 +0000] "GET /v2/ HTTP/1.1" {status} 2 "-" "docker/28.2.2 go/go1.24"\n'


def judged(folder: Path, files: dict[str, str]) -> Answer:
    return ask_files(folder, {name: text.encode() for name, text in files.items()})


def users(*names: str) -> str:
    return "".join(f"{n}:{bcrypt.hashpw(b'Korn-blume4', bcrypt.gensalt(4)).decode()}\n" for n in names)


@pytest.mark.parametrize(("more", "said", "verdict"), [(STRIPS, OUT, "fault"), ("", IN, "healthy")])
def test_a_site_to_which_another_proxy_leads_was_asked(more: str, said: str, verdict: str, tmp_path: Path) -> None:
    files = {
        "haproxy.cfg": OUTER,
        "nginx.conf": INNER.format(more=more),
        "config.yml": CONFIG.format(port=6001, more=""),
    }
    answer = judged(tmp_path / "a", {**files, "t.txt": said})
    assert answer.verdict == verdict, answer.printed[:700]
    assert answer.causes() == (["authorization-stripped"] if more else [])


@pytest.mark.parametrize(
    ("more", "said", "row", "verdict"),
    [(STRIPS, OUT, ("-", 401), "fault"), ("", IN, ("karl", 200), "healthy"), ("", IN, None, "inconclusive")],
    ids=["its file takes the login off", "its log has the login", "nothing shows it"],
)
def test_the_log_of_an_inner_proxy_tells_that_it_was_asked(
    more: str, said: str, row: tuple[str, int] | None, verdict: str, tmp_path: Path
) -> None:
    """Only the inner proxy's file is there, which knows no name that the client used."""
    files = {"nginx.conf": INNER.format(more=more), "config.yml": CONFIG.format(port=6001, more=""), "t.txt": said}
    if row:
        files["access.log"] = ROW.format(who=row[0], status=row[1])
    assert judged(tmp_path, files).verdict == verdict


BALANCED = (
    "upstream both { server 10.0.0.3:6001; server 10.0.0.4:6002; }\nserver { listen 80; server_name depot.lan; client_max_body_size 0; "
    "location / { proxy_pass http://both; proxy_set_header Host $http_host; } }\n"
)
ASKED = "$ curl -si -u rita:*** http://depot.lan/v2/\nHTTP/1.1 {0}\nServer: nginx/1.22.1\nDocker-Distribution-Api-Version: registry/2.0\n{1}\n{{}}\n"
YES, NO = ASKED.format("200 OK", ""), ASKED.format("401 Unauthorized", 'Www-Authenticate: Basic realm="r"\n')
DIRECT = YES.replace("depot.lan", "10.0.0.3:6001").replace("Server: nginx/1.22.1\n", "")


def test_what_is_answered_by_turns_is_no_proxys_doing(tmp_path: Path) -> None:
    alone = judged(tmp_path / "a", {"curl.txt": (NO + YES) * 2})
    assert alone.verdict == "inconclusive"
    files = {
        "nginx.conf": BALANCED,
        "curl.txt": (NO + YES) * 2 + DIRECT,
        "1/config.yml": CONFIG.format(port=6001, more=""),
    }
    one = judged(tmp_path / "b", {**files, "1/htpasswd": users("rita")})
    assert "authorization-stripped" not in one.causes()
    assert "file-not-reloaded" not in one.causes()
    mended = judged(tmp_path / "c", {"curl.txt": NO * 2 + YES * 2})
    assert mended.verdict == "healthy"


SECRET = (
    'time="2026-11-28T17:00:03Z" level=error msg="response completed with error" err.code="blob upload invalid" err.detail="invalid secret" '
    'err.message="blob upload invalid" go.version=go1.19.8 http.request.host="depot.lan" http.request.method=PATCH '
    'http.request.uri="/v2/app/blobs/uploads/22e7" http.response.status=404\n'
)
STARTED = 'time="2026-11-28T18:00:00Z" level=info msg="listening on 10.0.0.4:6002" go.version=go1.19.8\n'
PUSHED = (
    IN
    + "$ docker push depot.lan/app:1\n26a3a75068f0: Retrying in 1 second\n26a3a75068f0: Pushed\n1: digest: sha256:683546f5ca546ac669accc69997ca8c85fe862d2bca12ac90c4057f6082b946b size: 527\n"
)


@pytest.mark.parametrize(("log", "cause"), [(SECRET, True), (SECRET + STARTED, False)], ids=["now", "before a start"])
def test_an_upload_that_got_through_by_chance_ends_nothing(log: str, cause: bool, tmp_path: Path) -> None:
    answer = judged(tmp_path, {"nginx.conf": BALANCED, "registry.log": log, "t.txt": PUSHED})
    assert (answer.first == "http-secret-not-shared") is cause, answer.printed[:700]


def test_a_token_that_was_judged_had_arrived(tmp_path: Path) -> None:
    challenge = 'Www-Authenticate: Bearer realm="http://tokens.lan/auth",service="depot.lan"{0}\n'
    asked = "$ curl -si {0}http://depot.lan/v2/\nHTTP/1.1 401 Unauthorized\nServer: nginx/1.22.1\nDate: Sat, 28 Nov 2026 16:59:54 GMT\nDocker-Distribution-Api-Version: registry/2.0\n{1}\n{{}}\n"
    bare = asked.format("", challenge.format(""))
    row = (
        'time="2026-11-28T16:59:54Z" level=warning msg="error authorizing context: authorization token required" go.version=go1.19.8 '
        'http.request.host="depot.lan" http.request.method=GET http.request.uri=/v2/ http.request.useragent=curl/7.88.1\n'
        '10.0.0.1 - - [28/Nov/2026:16:59:54 +0000] "GET /v2/ HTTP/1.0" 401 87 "" "curl/7.88.1"\n'
    )
    sent = '-H "Authorization: Bearer eyJhbGciOiJFUzI1NiJ9.eyJhIjoxfQ.c2lnbmF0dXJl" '
    for name, error, causes in (("a", ',error="invalid_token"', []), ("b", "", ["authorization-stripped"])):
        text = bare + asked.format(sent, challenge.format(error))
        answer = judged(tmp_path / name, {"curl.txt": text, "registry.log": row * 2})
        assert answer.causes() == causes, answer.printed[:700]


def test_who_was_asked_for_a_login_and_did_not_come_back_got_none(tmp_path: Path) -> None:
    row = '10.0.0.1 - {0} [28/Nov/2026:16:{1}:57 +0000] "GET /v2/ HTTP/1.0" {2} 87 "" "{3}"\n'
    told = 'time="2026-11-28T16:{0}:57Z" level=warning msg="error authorizing context: authorization token required" go.version=go1.19.8 http.request.host="depot.lan" http.request.method=GET http.request.uri=/v2/\n'
    docker = "".join(told.format(m) + row.format("-", m, 401, "docker/28.2.2 go/go1.24") for m in ("01", "02"))
    curl = row.format("-", "09", 200, "curl/7.88.1")
    assert judged(tmp_path / "a", {"registry.log": docker + curl}).verdict == "inconclusive"
    back = row.format("-", "03", 200, "docker/28.2.2 go/go1.24")
    assert judged(tmp_path / "b", {"registry.log": docker + back + curl}).verdict == "healthy"


def test_a_user_who_is_served_each_second_time_is_not_well(tmp_path: Path) -> None:
    row = '10.0.0.1 - rita [28/Nov/2026:16:56:38 +0000] "GET /v2/ HTTP/1.1" {0} 2 "-" "curl/7.88.1"\n'
    turns = "".join(row.format(status) for status in (200, 401, 200, 401, 200))
    assert judged(tmp_path / "a", {"access.log": turns}).verdict == "inconclusive"
    mended = "".join(row.format(status) for status in (401, 401, 200, 200, 200))
    assert judged(tmp_path / "b", {"access.log": mended}).verdict == "healthy"


@pytest.mark.parametrize(
    ("rows", "verdict"),
    [((("-", 200), ("-", 200)), "inconclusive"), ((("-", 401), ("karl", 200)), "healthy")],
    ids=["nobody was asked", "asked, and came back"],
)
def test_a_log_in_which_nobody_was_asked_proves_no_login(
    rows: tuple[tuple[str, int], ...], verdict: str, tmp_path: Path
) -> None:
    log = "".join(ROW.format(who=who, status=status) for who, status in rows)
    assert judged(tmp_path, {"access.log": log, "t.txt": IN}).verdict == verdict


def test_a_mismatch_after_that_users_own_success_is_one_of_now(tmp_path: Path) -> None:
    row = 'time="2026-11-28T16:54:{0}Z" level=info msg="{1}" {2}go.version=go1.26.8 http.request.host="depot.lan" http.request.id=i{0} http.request.method=GET http.request.remoteaddr=10.0.0.1 http.request.uri=/v2/ http.request.useragent="docker/28.2.2"\n'
    access = '10.0.0.1 - - [28/Nov/2026:16:54:{0} +0000] "GET /v2/ HTTP/1.1" {1} 2 "" "docker/28.2.2"\n'
    good = row.format("10", "authorized request", "auth.user.name=karl ") + access.format("10", 200)
    why = 'error="crypto/bcrypt: hashedPassword is not the hash of the given password" '
    bad = row.format("30", "user failed to authenticate", why) + access.format("30", 401)
    files = {"config.yml": CONFIG.format(port=6001, more=""), "htpasswd": users("karl")}
    nginx = ROW.format(who="karl", status=200).replace("56:38", "54:10") + ROW.format(who="karl", status=401).replace(
        "56:38", "54:30"
    )
    now = judged(tmp_path / "a", {**files, "registry.log": good + bad, "access.log": nginx, "t.txt": IN + OUT})
    assert now.first == "htpasswd-wrong-password", now.printed[:700]
    later = row.format("50", "authorized request", "auth.user.name=karl ") + access.format("50", 200)
    over = judged(tmp_path / "b", {**files, "registry.log": good + bad + later, "t.txt": OUT + IN})
    assert "htpasswd-wrong-password" not in over.causes()


def test_a_token_services_name_that_no_network_resolves(tmp_path: Path) -> None:
    text = (
        '$ docker login depot.lan -u karl\nError response from daemon: Get "https://depot.lan/v2/": Get "http://tokens-inner:8080/auth?service=depot.lan": '
        "dial tcp: lookup tokens-inner on 10.0.0.53:53: dial udp 10.0.0.53:53: connect: network is unreachable\n"
        "$ curl -si https://depot.lan/v2/\nHTTP/1.1 401 Unauthorized\nDocker-Distribution-Api-Version: registry/2.0\n"
        'Www-Authenticate: Bearer realm="http://tokens-inner:8080/auth",service="depot.lan"\n\n{}\n'
    )
    assert judged(tmp_path, {"t.txt": text}).first == "token-realm-unreachable"
