"""Whose a login, a refusal or an open door is: of this registry, of another one, of another site, of a later day."""

from pathlib import Path

import pytest

from tests.bundles import Answer, ask_files

USERS = (
    "anna:$2y$05$ndxnWY4hnf3TPrIEkeoqQOLVWO.E2GLnxQhIWyw.OHWIDW020ILAC\n"
    "ci:$2y$05$m69BmdoYLMmsd4sqoQMTv.6kd81oMWvXNvMbMiepaFQ4rn1X5rQjO\n"
)
COMPOSE = """services:
  registry:
    image: registry:2.8.3
    environment: {REGISTRY_AUTH: htpasswd, REGISTRY_AUTH_HTPASSWD_REALM: r, REGISTRY_AUTH_HTPASSWD_PATH: /auth/htpasswd}
    volumes: ["./auth:/auth:ro", "blobs:/var/lib/registry"]
  web:
    image: nginx:1.27-alpine
    ports: ["443:443"]
    volumes: ["./site.conf:/etc/nginx/conf.d/default.conf:ro"]
volumes: {blobs: {}}
"""
SITE = """server {
  listen 443 ssl;
  server_name berth.example;
  client_max_body_size 0;
  location / { proxy_pass http://registry:5000; proxy_set_header Host $http_host; proxy_set_header X-Forwarded-Proto $scheme; }
}
"""
STACK = {"docker-compose.yml": COMPOSE, "site.conf": SITE, "auth/htpasswd": USERS}
IN = "$ docker login berth.example -u anna\nPassword:\nLogin Succeeded\n"
REFUSED = 'Error response from daemon: Get "https://{0}/v2/": unauthorized: authentication required\n'
TYPED = "$ docker login -u ci -p anders77 {0}\n" + REFUSED


def judged(folder: Path, files: dict[str, str]) -> Answer:
    return ask_files(folder, {name: text.encode() for name, text in files.items()})


@pytest.mark.parametrize("host", ["git.kiln.example", "ghcr.io"])
def test_a_password_for_another_registry_is_not_held_against_this_ones_file(host: str, tmp_path: Path) -> None:
    other = judged(tmp_path / "a", {**STACK, "t.txt": TYPED.format(host) + IN})
    assert "htpasswd-wrong-password" not in other.causes()
    own = judged(tmp_path / "b", {**STACK, "t.txt": TYPED.format("berth.example") + IN})
    assert own.head == ("fault", "htpasswd-wrong-password")


def test_nor_is_that_of_curl(tmp_path: Path) -> None:
    asked = "$ curl -si -u ci:anders77 https://{0}/v2/\nHTTP/1.1 401 Unauthorized\nDocker-Distribution-Api-Version: registry/2.0\n\n{{}}\n"
    other = judged(tmp_path / "a", {**STACK, "t.txt": asked.format("git.kiln.example") + IN})
    assert "htpasswd-wrong-password" not in other.causes()
    own = judged(tmp_path / "b", {**STACK, "t.txt": asked.format("berth.example") + IN})
    assert own.first == "htpasswd-wrong-password"


@pytest.mark.parametrize(("after", "verdict"), [("berth.example", "healthy"), ("ghcr.io", "fault")])
def test_what_was_typed_wrong_is_over_where_it_went_well_at_the_same_registry(
    after: str, verdict: str, tmp_path: Path
) -> None:
    text = TYPED.format("berth.example") + f"$ docker login {after} -u ci\nPassword:\nLogin Succeeded\n"
    assert judged(tmp_path, {**STACK, "t.txt": text}).verdict == verdict


OPEN = "version: 0.1\nstorage: {filesystem: {rootdirectory: /var/lib/registry}}\nhttp: {addr: '127.0.0.1:5000'}\n"
ANYBODY = "$ curl -si http://127.0.0.1:5000/v2/\nHTTP/1.1 200 OK\nContent-Type: application/json\nDocker-Distribution-Api-Version: registry/2.0\n\n{}\n"
ASKS = 'auth_basic "x"; auth_basic_user_file /etc/nginx/users;'
SERVER = "server {{\n  listen {port};\n  server_name {name};\n  client_max_body_size 0;\n  location {path} {{ {asks} proxy_pass http://127.0.0.1:{to}; }}\n}}\n"


@pytest.mark.parametrize(
    ("path", "asks", "other", "open_"),
    [("/", ASKS, "", False), ("/", "", ASKS, True), ("/v2/own/", ASKS, "", True), ("/", ASKS, "none", False)],
    ids=["guarded", "another site asks", "a part asks", "another site is open"],
)
def test_an_open_registry_is_meant_where_each_way_to_it_asks(
    path: str, asks: str, other: str, open_: bool, tmp_path: Path
) -> None:
    conf = SERVER.format(port=80, name="berth.example", path=path, asks=asks, to=5000)
    if path != "/":
        conf = conf.replace("  location", "  location / { proxy_pass http://127.0.0.1:5000; }\n  location")
    if other:
        graf = SERVER.format(port=81, name="graf.example", path="/", asks=other.replace("none", ""), to=3000)
        conf += graf
    files = {"nginx.conf": f"events {{}}\nhttp {{\n{conf}}}\n", "config.yml": OPEN, "direct.txt": ANYBODY}
    assert (judged(tmp_path, files).first == "auth-not-enforced") is open_


SUDO = (
    "tim@pc:~$ docker login berth.example -u ci\nPassword:\nLogin Succeeded\ntim@pc:~$ sudo docker pull berth.example/a:1\n"
    'Error response from daemon: Head "https://berth.example/v2/a/manifests/1": no basic auth credentials\n'
)
NODE = (
    "root@w1:~# journalctl -u docker | tail -1\nNov 26 20:11:02 w1 dockerd[811]: "
    'time="2026-11-26T20:11:02.2Z" level=error msg="pulling image failed" '
    'error="Get \\"https://berth.example/v2/a/manifests/1\\": no basic auth credentials" module=node/agent/taskmanager\n'
)
DEPLOY = "root@m:~# docker stack deploy{0} -c s.yml shop\nUpdating service shop_a\n"


def summary(answer: Answer) -> str:
    return str(answer.report["causes"][0]["summary"]) if answer.report and answer.causes() else ""


def test_a_pull_without_a_login_is_no_nodes_and_no_watchtowers(tmp_path: Path) -> None:
    swarm = judged(tmp_path / "a", {"t.txt": DEPLOY.format("") + SUDO})
    assert "sudo" in summary(swarm)
    watching = "services:\n  watchtower:\n    image: containrrr/watchtower\n    volumes: ['/var/run/docker.sock:/var/run/docker.sock']\n"
    assert "sudo" in summary(judged(tmp_path / "b", {"docker-compose.yml": watching, "t.txt": SUDO}))


def test_the_last_deploy_counts(tmp_path: Path) -> None:
    bare, with_it = DEPLOY.format(""), DEPLOY.format(" --with-registry-auth")
    assert "--with-registry-auth" in summary(judged(tmp_path / "a", {"t.txt": with_it + bare + NODE}))
    assert "--with-registry-auth" not in summary(judged(tmp_path / "b", {"t.txt": bare + NODE + with_it}))


@pytest.mark.parametrize("password", ["pa@geheim#1", "pa/geheim", "pa?geheim@x"])
@pytest.mark.parametrize("quote", ["'", '"', ""])
def test_a_piece_of_a_password_is_nobodys_host(password: str, quote: str, tmp_path: Path) -> None:
    url = f"https://ci:{password}@berth.example"
    answer = judged(tmp_path, {"t.txt": f"$ curl -sS {quote}{url}{quote}\ncurl: (6) Could not resolve host: geheim\n"})
    assert answer.first == "password-not-url-encoded"
    assert "geheim" not in answer.printed


@pytest.mark.parametrize(
    ("host", "verdict"),
    [("ghcr.io", "inconclusive"), ("git.kiln.example", "inconclusive"), ("berth.example", "healthy")],
)
def test_a_login_at_another_registry_is_no_health_of_this_one(host: str, verdict: str, tmp_path: Path) -> None:
    assert judged(tmp_path, {**STACK, "t.txt": IN.replace("berth.example", host)}).verdict == verdict


GRAF = "server {\n  listen 443 ssl;\n  server_name graf.example;\n  location / { proxy_pass http://grafana:3000; }\n}\n"


def test_a_file_that_a_proxy_does_not_mount_is_not_its_own(tmp_path: Path) -> None:
    beside = judged(tmp_path / "a", {**STACK, "graf.conf": GRAF})
    assert beside.verdict == "healthy", beside.printed[:800]
    folder = COMPOSE.replace("./site.conf:/etc/nginx/conf.d/default.conf", "./sites:/etc/nginx/conf.d")
    files = {"docker-compose.yml": folder, "sites/berth.conf": SITE, "sites/graf.conf": GRAF, "auth/htpasswd": USERS}
    assert judged(tmp_path / "b", files).first == "upstream-name-not-resolved"
    files["t.txt"] = IN.replace("berth.example", "ghcr.io")  # which says nothing of this proxy
    assert judged(tmp_path / "c", files).first == "upstream-name-not-resolved"


LOGGED = '127.0.0.1 - {who} [28/Nov/2026:15:01:{second} +0000] "GET /v2/ HTTP/1.1" {status} 2 "" "curl/7.88.1"\n'
BOTH_WAYS = """$ curl -si -u anna:**** http://localhost:5000/v2/
HTTP/1.1 200 OK
Docker-Distribution-Api-Version: registry/2.0
Date: Sat, 28 Nov 2026 15:01:00 GMT

{}
$ curl -si -u anna:**** http://hub.example/v2/
HTTP/1.1 401 Unauthorized
Server: nginx/1.22.1
Date: Sat, 28 Nov 2026 15:01:30 GMT
Docker-Distribution-Api-Version: registry/2.0
Www-Authenticate: Basic realm="Registry Realm"

{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":null}]}
"""


@pytest.mark.parametrize(
    ("rows", "verdict"),
    [
        ((("00", "anna", 200), ("59", "anna", 200)), "inconclusive"),
        ((("00", "anna", 200), ("30", "-", 401), ("59", "anna", 200)), "fault"),
        ((("00", "anna", 200),), "fault"),
        ((("45", "anna", 200), ("59", "anna", 200)), "fault"),
    ],
    ids=["the log goes on without it", "it is there", "the log ends before", "the clocks may differ"],
)
def test_what_the_registry_never_got_no_proxy_took_a_login_from(
    rows: tuple[tuple[str, str, int], ...], verdict: str, tmp_path: Path
) -> None:
    """Another registry, or an answer that was kept, refuses with the same words."""
    log = "".join(LOGGED.format(second=second, who=who, status=status) for second, who, status in rows)
    answer = judged(tmp_path, {"curl.txt": BOTH_WAYS, "registry.log": log, "htpasswd": USERS})
    assert answer.verdict == verdict, answer.printed[:600]
    assert answer.causes() == (["authorization-stripped"] if verdict == "fault" else [])
