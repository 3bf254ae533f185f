"""What was handed over tells of two states: before a mend and after it, of this year and of another, of two registries."""

from dataclasses import replace
from itertools import pairwise
from pathlib import Path

import pytest

from runbook.collect.evidence_file import dump_evidence
from runbook.model import Credential, Evidence, Exchange, Place
from tests.bundles import Answer, ask_files

CONF = """events {{}}
http {{
  server {{
    listen 127.0.0.1:27200;
    client_max_body_size 0;
    location / {{
      proxy_pass http://127.0.0.1:{port};
      proxy_set_header Host $http_host;
      proxy_set_header X-Forwarded-Proto $scheme;
    }}
  }}
{more}}}
"""
CONFIG = """version: 0.1
storage: {filesystem: {rootdirectory: /var/lib/registry}}
http: {addr: "127.0.0.1:27100"}
auth: {htpasswd: {realm: Registry, path: /etc/registry/htpasswd}}
"""
USERS = "anna:$2y$05$ndxnWY4hnf3TPrIEkeoqQOLVWO.E2GLnxQhIWyw.OHWIDW020ILAC\n"
ASKED = """* Connected to 127.0.0.1 (127.0.0.1) port {port} (#0)
* Server auth using Basic with user 'anna'
> GET /v2/ HTTP/1.1
> Host: 127.0.0.1:{port}
> Authorization: Basic YW5uYTpnZWhlaW0tUHc3
> User-Agent: curl/7.88.1
> Accept: */*
>
< HTTP/1.1 {status}
{server}< Date: Sat, 28 Nov 2026 04:18:{second} GMT
< Content-Type: application/json
< Content-Length: 2
< Docker-Distribution-Api-Version: registry/2.0
{challenge}<
{{}}
"""
ROW = '127.0.0.1 - {user} [28/Nov/2026:04:{minute}:14 +0000] "GET /v2/ HTTP/1.1" 200 2 "-" "{agent}"\n'


def asked(port: int, status: str, second: int = 56) -> bytes:
    server = "< Server: nginx/1.22.1\n" if port != 27100 else ""
    challenge = '< Www-Authenticate: Basic realm="Registry"\n' if status.startswith("401") else ""
    return ASKED.format(port=port, status=status, server=server, challenge=challenge, second=second).encode()


def judged(folder: Path, port: int = 27100, more: str = "", **files: bytes) -> Answer:
    """The answer about these files beside nginx's, the registry's and the password file."""
    given = {
        "nginx.conf": CONF.format(port=port, more=more).encode(),
        "config.yml": CONFIG.encode(),
        "htpasswd": USERS.encode(),
        **{name.replace("_", "."): content for name, content in files.items()},
    }
    return ask_files(folder, given)


REFUSED, WORKS = asked(27200, "401 Unauthorized"), asked(27100, "200 OK")


@pytest.mark.parametrize(
    ("minute", "user", "agent", "over"),
    [
        (19, "anna", "curl/7.88.1", True),
        (17, "anna", "curl/7.88.1", False),
        (19, "bob", "curl/7.88.1", False),
        (19, "anna", "docker/28.1", False),
    ],
)
def test_what_a_client_typed_again_is_over(minute: int, user: str, agent: str, over: bool, tmp_path: Path) -> None:
    row = ROW.format(minute=minute, user=user, agent=agent).encode()
    answer = judged(tmp_path, proxy_txt=REFUSED, direct_txt=WORKS, access_log=row)
    assert answer.verdict == ("inconclusive" if over else "fault"), answer.printed[:1500]
    # The proxy's log does not tell the port that was asked, so nothing is proven there.


def probed(made: float, date: str = "", status: int = 401) -> bytes:
    """The saved evidence of a run that was refused (or served) through the proxy."""
    login = Credential(scheme="Basic", user="anna", password=None)
    headers = (
        ("Content-Type", "application/json"),
        ("Docker-Distribution-Api-Version", "registry/2.0"),
        *([("Www-Authenticate", 'Basic realm="Registry"')] if status == 401 else []),
        ("Server", "nginx/1.22.1"),
        *([("Date", date)] if date else []),
    )
    ping = Exchange(
        source=Place("probe"),
        method="GET",
        url="http://127.0.0.1:27200/v2/",
        route="via",
        credential=login,
        status=status,
        response_headers=headers,
        when=made,
    )
    listed = replace(ping, url="http://127.0.0.1:27200/v2/_catalog", when=made + 0.1)
    return dump_evidence(Evidence(exchanges=(ping, listed)), "1")


def test_a_run_of_ours_before_is_over_as_a_whole(tmp_path: Path) -> None:
    served, then = asked(27200, "200 OK"), 1795839536.0  # 04:18:56
    day = 86400.0
    assert (
        judged(tmp_path / "a", proxy_txt=served, direct_txt=WORKS, evidence_json=probed(then - day)).verdict
        == "healthy"
    )
    assert (
        judged(tmp_path / "b", proxy_txt=served, direct_txt=WORKS, evidence_json=probed(then + day)).verdict == "fault"
    )


def test_our_clock_may_be_behind_the_servers(tmp_path: Path) -> None:
    """What a client met before our question is no end of what we saw, though its answer has a later hour than our clock."""
    served, ours = asked(27200, "200 OK"), 1795839500.0  # 36 s before the server's hour of the transcript
    for answered, verdict in (("04:19:10", "fault"), ("04:18:20", "healthy")):
        evidence = probed(ours, f"Sat, 28 Nov 2026 {answered} GMT")
        found = judged(tmp_path / verdict, proxy_txt=served, direct_txt=WORKS, evidence_json=evidence)
        assert found.verdict == verdict, answered


def test_or_ahead_of_it(tmp_path: Path) -> None:
    """What we saw before a client was refused is no end of that."""
    for answered, verdict in (("04:18:20", "fault"), ("04:19:10", "healthy")):
        ours = probed(1795839600.0, f"Sat, 28 Nov 2026 {answered} GMT", 200)
        found = judged(tmp_path / verdict, proxy_txt=REFUSED, direct_txt=WORKS, evidence_json=ours)
        assert found.verdict == verdict, answered


def test_a_success_of_another_year_is_no_health(tmp_path: Path) -> None:
    bare = asked(27200, "401 Unauthorized").replace(b"* Server auth using Basic with user 'anna'\n", b"")
    bare = bare.replace(b"> Authorization: Basic YW5uYTpnZWhlaW0tUHc3\n", b"")
    row = (
        'time="2026-11-28T04:10:14.1Z" level=info msg="authorized request" auth.user.name=anna http.request.host="127.0.0.1:27200" '
        "http.request.id=a1 http.request.method=GET http.request.remoteaddr=127.0.0.1:5000 http.request.uri=/v2/ "
        "http.request.useragent=curl/7.88.1\n"
        '127.0.0.1 - - [28/Nov/2026:04:10:14 +0000] "GET /v2/ HTTP/1.1" 200 2 "" "curl/7.88.1"\n'
    )
    other = row.replace("2026", "2024")
    assert judged(tmp_path / "a", anon_txt=bare, registry_log=row.encode()).verdict == "healthy"
    assert judged(tmp_path / "b", anon_txt=bare, registry_log=other.encode()).verdict == "inconclusive"


def test_another_port_of_the_machine_is_asked(tmp_path: Path) -> None:
    """A registry with other users, or a proxy more: who asks it itself knows."""
    answer = judged(tmp_path, 27150, proxy_txt=REFUSED, direct_txt=WORKS)
    assert (answer.verdict, answer.causes()) == ("inconclusive", [])
    assert answer.report is not None
    assert answer.report["next"]["command"].endswith("-u anna http://127.0.0.1:27150/v2/")


def test_a_proxy_that_signed_there_is_known(tmp_path: Path) -> None:
    inner = asked(27150, "401 Unauthorized")
    answer = judged(tmp_path, 27150, proxy_txt=REFUSED, direct_txt=WORKS, inner_txt=inner)
    assert answer.first == "authorization-stripped"


@pytest.mark.parametrize("strips", [True, False])
@pytest.mark.parametrize("more", [0, 1])
def test_proxies_in_a_row_are_all_of_the_way(strips: bool, more: int, tmp_path: Path) -> None:
    """By the files alone, whatever ports they listen on."""
    line = '      proxy_set_header Authorization "";\n' if strips else ""
    ports = [27200, *range(27150, 27150 + more + 1), 27100]
    confs = [CONF.format(port=after, more="").replace("27200", str(port)) for port, after in pairwise(ports)]
    confs[0] = confs[0].replace("      proxy_set_header Host", f"{line}      proxy_set_header Host")
    hops = {f"hop{n}_conf": conf.encode() for n, conf in enumerate(confs)}
    answer = judged(tmp_path, nginx_conf=b"", **hops)
    assert answer.head == (("fault", "authorization-stripped") if strips else ("healthy", None))


def test_files_that_lead_past_each_other_are_no_health(tmp_path: Path) -> None:
    assert judged(tmp_path / "a").verdict == "healthy"
    assert judged(tmp_path / "b", 27150).verdict == "inconclusive"
    served = {"proxy_txt": asked(27200, "200 OK"), "direct_txt": WORKS}
    assert judged(tmp_path / "c", 27150, **served).verdict == "healthy"  # what answers there lets in


def test_who_is_served_through_it_meets_no_wrong_port(tmp_path: Path) -> None:
    log = (
        b"2026/11/28 04:10:00 [error] 7#7: *1 connect() failed (111: Connection refused) while connecting to upstream, client: "
        b'127.0.0.1, server: , request: "GET /v2/ HTTP/1.1", upstream: "http://127.0.0.1:27150/v2/", host: "127.0.0.1:27200"\n'
    )
    served = {"proxy_txt": asked(27200, "200 OK"), "direct_txt": WORKS, "error_log": log}
    assert judged(tmp_path, 27150, **served).verdict != "fault"


CACHED = "      proxy_set_header Host $http_host;\n"


def kept(codes: str, folder: Path, **files: bytes) -> Answer:
    """With answers of these codes kept by nginx."""
    more = "proxy_cache_path /var/cache/nginx keys_zone=reg:1m;\n"
    conf = CONF.format(port=27100, more=more).replace(
        CACHED, f"{CACHED}      proxy_cache reg;\n      proxy_cache_valid {codes};\n"
    )
    return judged(folder, nginx_conf=conf.encode(), **files)


@pytest.mark.parametrize("codes", ["any 10m", "200 401 1m", "any 10m; proxy_no_cache $http_authorization"])
def test_a_refusal_that_nginx_keeps_may_be_another_clients(codes: str, tmp_path: Path) -> None:
    answer = kept(codes, tmp_path / "a", proxy_txt=REFUSED, direct_txt=WORKS)
    assert (answer.verdict, answer.causes()) == ("inconclusive", [])
    assert answer.report is not None
    assert "http://127.0.0.1:27200/v2/?kept=no" in answer.report["next"]["command"]
    assert kept(codes, tmp_path / "b").verdict == "inconclusive"


@pytest.mark.parametrize("codes", ["200 10m", "10m", "any 10m; proxy_cache_bypass $http_authorization"])
def test_other_answers_that_it_keeps_refuse_nobody(codes: str, tmp_path: Path) -> None:
    answer = kept(codes, tmp_path / "a", proxy_txt=REFUSED, direct_txt=WORKS)
    assert answer.first == "file-not-reloaded"
    assert kept(codes, tmp_path / "b").verdict == "healthy"


def test_blobs_alone_are_kept(tmp_path: Path) -> None:
    """Of a blob the refusal may be another client's, of /v2/ it is not; and nobody is healthy to whom that may happen."""
    location = (
        "  location ~ ^/v2/.+/blobs/ {\n    proxy_pass http://127.0.0.1:27100;\n    proxy_set_header Host $http_host;\n"
    )
    location += (
        "    proxy_set_header X-Forwarded-Proto $scheme;\n    proxy_cache reg;\n    proxy_cache_valid any 1m;\n  }\n"
    )
    conf = CONF.format(port=27100, more="proxy_cache_path /var/cache/nginx keys_zone=reg:1m;\n")
    conf = conf.replace("    location / {", location + "    location / {")
    assert judged(tmp_path / "a", nginx_conf=conf.encode()).verdict == "inconclusive"
    refused = judged(tmp_path / "b", nginx_conf=conf.encode(), proxy_txt=REFUSED, direct_txt=WORKS)
    assert refused.first == "file-not-reloaded"
    blob = [t.replace(b"GET /v2/ ", b"GET /v2/a/blobs/sha256:" + b"0" * 64 + b" ") for t in (REFUSED, WORKS)]
    kept = judged(tmp_path / "c", nginx_conf=conf.encode(), proxy_txt=blob[0], direct_txt=blob[1])
    assert (kept.verdict, kept.causes()) == ("inconclusive", [])
    assert kept.report is not None
    assert kept.report["next"]["command"].endswith("0?kept=no'")


def test_what_the_last_of_two_proxies_was_asked_says_nothing_of_the_first(tmp_path: Path) -> None:
    edge = CONF.format(port=27150, more="").replace(
        "      proxy_set_header Host", '      proxy_set_header Authorization "";\n      proxy_set_header Host'
    )
    inner = CONF.format(port=27100, more="").replace("27200", "27150")
    files = {
        "direct_txt": WORKS,
        "inner_txt": asked(27150, "200 OK"),
        "inner_conf": inner.encode(),
        "nginx_conf": edge.encode(),
    }
    assert judged(tmp_path / "a", **files).head == ("fault", "authorization-stripped")
    files["proxy_txt"] = asked(27200, "200 OK")
    assert judged(tmp_path / "b", **files).verdict == "healthy"


def test_of_two_registries_the_one_that_was_asked(tmp_path: Path) -> None:
    """Without a compose file, whatever their files are called; the other one's password file is the other one's."""
    other = CONFIG.replace("27100", "27111").replace("path: /etc/registry/htpasswd", "path: /etc/registry/htpasswd-b")
    md5 = b"ci:$apr1$Xq3vU1aZ$0qJ9Xw3u8tq1t1yqf5bWz0\n"
    bare = {"anon_txt": asked(27100, "401 Unauthorized").replace(b"> Authorization: Basic YW5uYTpnZWhlaW0tUHc3\n", b"")}
    for name in ("a_yml", "z_yml"):
        found = judged(tmp_path / name, **{name: other.encode()}, **{"htpasswd-b": md5}, **bare)
        assert "htpasswd-not-bcrypt" not in found.causes()
        assert found.verdict != "fault"
    assert judged(tmp_path / "own", htpasswd=md5, **bare).first == "htpasswd-not-bcrypt"


def test_a_prefix_that_the_proxy_puts_before_the_path_is_served(tmp_path: Path) -> None:
    config = CONFIG.replace('27100"}', '27100", prefix: /hub/}').encode()
    lead = CONF.format(port=27100, more="").replace("location / {", "location /v2/ {")
    for there, verdict in (("/hub/v2/", "healthy"), ("/club/v2/", "fault")):
        conf = lead.replace("27100;", f"27100{there};")
        assert judged(tmp_path / there.strip("/"), nginx_conf=conf.encode(), config_yml=config).verdict == verdict


def test_of_two_registries_the_one_behind_the_door_that_refused(tmp_path: Path) -> None:
    """Each with a server of its own in nginx's file, and users of its own."""
    other = CONFIG.replace("27100", "27111").replace("path: /etc/registry/htpasswd", "path: /etc/registry/htpasswd-b")
    more = "  server {\n    listen 127.0.0.1:27211;\n    client_max_body_size 0;\n    location / { proxy_pass http://127.0.0.1:27111; }\n  }\n"
    refused = (
        asked(27211, "401 Unauthorized")
        .replace(b"YW5uYTpnZWhlaW0tUHc3", b"Y2k6Z2VoZWltLVB3OQ==")
        .replace(b"'anna'", b"'ci'")
    )
    files = {"b_yml": other.encode(), "htpasswd-b": USERS.replace("anna", "ci").encode(), "ci_txt": refused}
    answer = judged(tmp_path, more=more, proxy_txt=asked(27200, "200 OK"), direct_txt=WORKS, **files)
    assert answer.first == "htpasswd-wrong-password"
    assert "htpasswd-user-missing" not in answer.causes()


def test_a_file_that_does_not_accept_what_was_accepted_is_no_health(tmp_path: Path) -> None:
    served = {"proxy_txt": asked(27200, "200 OK"), "direct_txt": WORKS}
    other = USERS.replace("OHWIDW020ILAC", "OHWIDW020ILAO").encode()
    wiki = b"server {\n  listen 80;\n  server_name wiki.o.example;\n  location / {\n    auth_basic w;\n    auth_basic_user_file w;\n    proxy_pass http://wiki:8090;\n  }\n}\n"
    assert judged(tmp_path / "a", **served).verdict == "healthy"
    assert judged(tmp_path / "b", htpasswd=other, **served).verdict == "inconclusive"
    assert judged(tmp_path / "c", htpasswd=other, wiki_conf=wiki, **served).verdict == "inconclusive"


def test_a_part_of_the_api_that_loses_the_login_is_a_doubt(tmp_path: Path) -> None:
    part = "    location ^~ /v2/secret/ {\n      proxy_pass http://127.0.0.1:27100;\n      client_max_body_size 0;\n      proxy_set_header Authorization %s;\n    }\n"
    for value, verdict in (('""', "inconclusive"), ("$http_authorization", "healthy")):
        conf = CONF.format(port=27100, more="").replace("    location / {", part % value + "    location / {")
        served = {"proxy_txt": asked(27200, "200 OK"), "direct_txt": WORKS}
        assert judged(tmp_path / verdict, nginx_conf=conf.encode(), **served).verdict == verdict


def check(answer: Answer) -> str:
    """The last command that is printed to verify the first cause."""
    assert answer.report is not None
    return str(answer.report["causes"][0]["fix"]["verify"][-1])


def test_the_check_asks_the_door_of_the_proxy_that_is_mended(tmp_path: Path) -> None:
    strip = '      proxy_set_header Authorization "";\n'
    edge = CONF.format(port=27150, more="").replace(
        "      proxy_set_header Host", f"{strip}      proxy_set_header Host"
    )
    inner = CONF.format(port=27100, more="").replace("27200", "27150")
    files = {
        "a_inner_txt": asked(27150, "200 OK"),
        "inner_conf": inner.encode(),
        "direct_txt": WORKS,
        "proxy_txt": REFUSED,
    }
    answer = judged(tmp_path, nginx_conf=edge.encode(), **files)
    assert answer.head == ("fault", "authorization-stripped")
    assert "http://127.0.0.1:27200/v2/" in check(answer)


def test_and_the_part_of_the_api_that_was_refused(tmp_path: Path) -> None:
    part = '    location ^~ /v2/a/ {\n      proxy_pass http://127.0.0.1:27100;\n      proxy_set_header Authorization "";\n    }\n'
    conf = CONF.format(port=27100, more="").replace("    location / {", part + "    location / {")
    refused, works = (t.replace(b"GET /v2/ ", b"GET /v2/a/tags/list ") for t in (REFUSED, WORKS))
    files = {"tags_txt": refused, "direct_txt": works, "proxy_txt": asked(27200, "200 OK")}
    answer = judged(tmp_path, nginx_conf=conf.encode(), **files)
    assert answer.first == "authorization-stripped"
    assert "http://127.0.0.1:27200/v2/a/tags/list" in check(answer)


def test_what_was_accepted_direct_before_it_was_refused_there_shows_no_proxy(tmp_path: Path) -> None:
    """The password was changed: it is refused direct and through the proxy now."""
    refused = {"proxy_txt": asked(27200, "401 Unauthorized", 59), "now_txt": asked(27100, "401 Unauthorized", 58)}
    answer = judged(tmp_path, then_txt=WORKS, **refused)
    assert not {"authorization-stripped", "file-not-reloaded"}.intersection(answer.causes())
    assert judged(tmp_path / "near", then_txt=WORKS, proxy_txt=refused["proxy_txt"]).first == "file-not-reloaded"


def under_hub(text: bytes, status: str) -> bytes:
    return text.replace(b"GET /v2/", b"GET /hub/v2/").replace(b"200 OK", status.encode())


def test_a_prefix_that_everybody_asks_with_is_no_fault(tmp_path: Path) -> None:
    config = CONFIG.replace('27100"', '27100", prefix: /hub/').encode()
    conf = CONF.format(port=27100, more="").replace("location /", "location /hub/").encode()
    served = {"proxy_txt": under_hub(asked(27200, "200 OK"), "200 OK"), "direct_txt": under_hub(WORKS, "200 OK")}
    files = {"config.yml": config, "nginx.conf": conf, "htpasswd": USERS.encode()}
    files |= {name.replace("_", "."): text for name, text in served.items()}
    assert ask_files(tmp_path / "a", files).verdict == "healthy"
    missed = asked(27100, "404 Not Found").replace(b"{}", b"404 page not found")
    answer = ask_files(tmp_path / "b", {**files, "missed.txt": missed})
    assert answer.head == ("fault", "http-prefix-set")
    assert check(answer).endswith(("http://127.0.0.1:27100/v2/", "http://127.0.0.1:27200/v2/"))


def test_nobody_loads_a_page_where_curl_alone_asks_below_a_path(tmp_path: Path) -> None:
    page = b"< Content-Type: text/html\n<\n<html><head><title>404 Not Found</title></head></html>\n"
    missed = under_hub(asked(27200, "200 OK"), "404 Not Found").split(b"< Content-Type")[0] + page
    answer = ask_files(tmp_path / "a", {"proxy.txt": missed, "direct.txt": WORKS})
    assert "ui-subpath-relative-api" not in answer.causes()
    above = ask_files(tmp_path / "b", {"proxy.txt": missed, "above.txt": asked(27200, "200 OK")})
    assert above.first == "ui-subpath-relative-api"


@pytest.mark.parametrize(("status", "verdict"), [("404 19", "inconclusive"), ("200 2", "healthy")])
def test_a_user_who_was_led_elsewhere_is_a_doubt(status: str, verdict: str, tmp_path: Path) -> None:
    row = ROW.format(minute=18, user="anna", agent="curl/7.88.1").replace("200 2", status).replace("/v2/", "/hub/v2/")
    served = {"proxy_txt": asked(27200, "200 OK", 10), "direct_txt": WORKS}
    assert judged(tmp_path, access_log=row.encode(), **served).verdict == verdict


def test_a_password_that_says_wrong_is_a_test_only_beside_another(tmp_path: Path) -> None:
    wrong = (
        asked(27200, "401 Unauthorized").replace(b"YW5uYTpnZWhlaW0tUHc3", b"Y2k6d3Jvbmctb25l").replace(b"anna", b"ci")
    )
    alone = ask_files(tmp_path / "a", {"ci.txt": wrong, "direct.txt": WORKS})
    assert alone.verdict == "inconclusive"
    assert "a login is refused" in alone.printed
    beside = ask_files(tmp_path / "b", {"ci.txt": wrong, "anna.txt": asked(27200, "200 OK")})
    assert beside.verdict == "healthy", beside.printed


def step(answer: Answer) -> str:
    assert answer.report is not None
    return str(answer.report["next"])


def test_the_next_step_asks_for_what_there_is(tmp_path: Path) -> None:
    """A registry bound to loopback is no container, and who typed the login with curl has none stored."""
    refused = asked(27100, "401 Unauthorized")
    without = {"config.yml": CONFIG.encode(), "direct.txt": refused}
    assert "sudo cat /etc/registry/htpasswd > htpasswd" in step(ask_files(tmp_path / "a", without))
    published = {**without, "config.yml": CONFIG.replace("127.0.0.1:27100", ":27100").encode()}
    assert "docker cp" in step(ask_files(tmp_path / "b", published))
    log = b'127.0.0.1 - - [28/Nov/2026:04:18:56 +0000] "GET /v2/ HTTP/1.1" 401 87 "" "%s"\n'
    typed = step(judged(tmp_path / "c", direct_txt=refused, registry_log=log % b"curl/7.88.1"))
    assert "again now" in typed
    stored = step(judged(tmp_path / "d", direct_txt=refused, registry_log=log % b"docker/28.1"))
    assert "config.json" in stored


@pytest.mark.parametrize(
    ("user", "minute", "verdict"), [("anna", 30, "inconclusive"), ("anna", 10, "healthy"), ("ben", 30, "healthy")]
)
def test_what_a_run_of_ours_was_refused_since_is_a_doubt(user: str, minute: int, verdict: str, tmp_path: Path) -> None:
    ours = ROW.format(minute=minute, user=user, agent="registry-runbook").replace(" 200 2 ", " 401 87 ")
    rows = sorted([ROW.format(minute=18, user="anna", agent="curl/7.88.1"), ours], key=lambda r: r.partition("[")[2])
    assert judged(tmp_path, access_log="".join(rows).encode()).verdict == verdict


@pytest.mark.parametrize(
    ("host", "guard", "verdict"),
    [("127.0.0.1", True, "healthy"), ("", True, "fault"), ("127.0.0.1", False, "fault")],
)
def test_open_at_home_behind_a_proxy_that_asks_is_meant(host: str, guard: bool, verdict: str, tmp_path: Path) -> None:
    config = CONFIG.partition("auth:")[0].replace("127.0.0.1:27100", f"{host}:27100")
    asks = '      auth_basic "Hub";\n      auth_basic_user_file /etc/nginx/htpasswd;\n' if guard else ""
    conf = CONF.format(port=27100, more="").replace("      proxy_set_header Host", f"{asks}      proxy_set_header Host")
    login = b"> Authorization: Basic YW5uYTpnZWhlaW0tUHc3\n"
    anonymous = WORKS.replace(login, b"").replace(b"* Server auth using Basic with user 'anna'\n", b"")
    refused = asked(27200, "401 Unauthorized").replace(login, b"").replace(b'"Registry"', b'"Hub"')
    refused = refused.replace(b"* Server auth using Basic with user 'anna'\n", b"").replace(
        b"< Docker-Distribution-Api-Version: registry/2.0\n", b""
    )
    files = {
        "config.yml": config.encode(),
        "nginx.conf": conf.encode(),
        "direct.txt": anonymous,
        "in.txt": asked(27200, "200 OK"),
    }
    files |= {"htpasswd": USERS.encode(), "ask.txt": refused} if guard else {}
    answer = ask_files(tmp_path, files)
    assert answer.verdict == verdict, answer.printed[:1500]
    assert verdict == "healthy" or answer.first == "auth-not-enforced"


def test_who_alone_is_refused_compares_the_password_with_the_entry(tmp_path: Path) -> None:
    users = (USERS + USERS.replace("anna", "ben")).encode()
    refused = ROW.format(minute=20, user="ben", agent="curl/7.88.1").replace(" 200 2 ", " 401 87 ")
    served = ROW.format(minute=18, user="anna", agent="curl/7.88.1")
    answer = judged(tmp_path / "a", htpasswd=users, access_log=(served + refused).encode())
    assert "htpasswd -v htpasswd ben" in step(answer)
    nobody = judged(tmp_path / "b", htpasswd=users, access_log=refused.encode())
    assert "htpasswd -v" not in step(nobody)
