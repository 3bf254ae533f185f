"""Troubles of other programs and other services beside a login that works: none of them is the registry's."""

from pathlib import Path

import pytest

from tests.bundles import ask_files

LOGIN = "$ docker login reg.o.example -u max\nPassword:\nLogin Succeeded\n"
NGINX = '2026/11/27 10:00:00 [error] 7#7: *9 {what}, client: 10.5.0.7, server: {host}, request: "{request}", host: "{host}"\n'
CADDY = (
    '{{"level":"error","ts":1795773600.1,"logger":"http.log.error","msg":"dial tcp 10.5.0.20:3000: connect: connection refused",'
    '"request":{{"method":"GET","host":"{host}","uri":"{uri}"}},"status":502}}\n'
)
HAPROXY = '10.3.0.1:41562 [27/Nov/2026:17:43:31.201] web {to} 0/0/-1/-1/3005 504 217 - - sH-- 1/1/0/0/3 0/0 "GET {uri} HTTP/1.1"\n'
STRANGE = {
    "ssh": "$ ssh build02\nssh: connect to host build02 port 22: Connection refused\n",
    "curl of another host": "$ curl http://grafana.y.example:3000/\n"
    "curl: (7) Failed to connect to grafana.y.example port 3000: Connection refused\n",
    "curl of an expired wiki": "$ curl https://wiki.y.example/\ncurl: (60) SSL certificate problem: certificate has expired\n",
    "mysql": "app_1 | (2003, \"Can't connect to MySQL server on 'db' ([Errno 111] Connection refused)\")\n",
    "redis": 'time="2026-11-27T10:00:00Z" level=error msg="redis: dial tcp 10.0.0.9:6379: connect: connection refused"\n',
    "git": "$ git pull\nfatal: unable to access 'https://git.o.example/x.git/': SSL certificate problem: self-signed certificate\n",
    "a webhook": 'level=error msg="webhook failed" error="Post \\"https://hooks.o.example/x\\": tls: failed to verify '
    'certificate: x509: certificate signed by unknown authority"\n',
    "a scrape": 'ts=2026-11-27T10:00:00Z caller=scrape.go:1 level=warn msg="Get \\"http://10.0.0.9:9100/metrics\\": dial tcp '
    '10.0.0.9:9100: connect: connection refused"\n',
    "nginx, body": NGINX.format(
        what="client intended to send too large body: 9000000 bytes", host="wiki.o.example", request="POST /up HTTP/1.1"
    ),
    "nginx, slow": NGINX.format(
        what="upstream timed out (110: Connection timed out) while reading response header from upstream",
        host="wiki.o.example", request="GET /Start HTTP/1.1",
    ),
    "nginx, name": NGINX.format(
        what="wiki could not be resolved (3: Host not found)", host="wiki.o.example", request="GET / HTTP/1.1"
    ),
    "nginx, a scanner's handshake": "2026/11/27 10:00:00 [crit] 7#7: *9 SSL_do_handshake() failed (SSL: error:0A00006C:SSL "
    "routines::bad key share) while SSL handshaking, client: 1.2.3.4, server: 0.0.0.0:443\n",
    "caddy": CADDY.format(host="wiki.o.example", uri="/wiki/Start"),
    "haproxy": HAPROXY.format(to="wiki/w1", uri="/wiki/Start"),
    "git, a repository called registry": "$ git clone https://git.o.example/infra/registry.git\n"
    "fatal: unable to access 'https://git.o.example/infra/registry.git/': SSL certificate problem: self-signed certificate\n",
    "ssh to the registry's host": "$ ssh reg.o.example\nssh: connect to host registry.o.example port 22: Connection refused\n",
    "a database called registry": 'app_1 | psycopg2.OperationalError: connection to server at "registry-db" (10.0.0.8), port 5432 failed: '
    "Connection refused\n",
    "rsync": "$ rsync -a data/ registry:/srv/\nrsync: [Receiver] failed to connect to registry (10.0.0.9): Connection refused (111)\n",
    "a chart repository": '$ helm repo update\n\tGet "https://charts.o.example/registry/index.yaml": x509: certificate signed by unknown authority\n',
    "npm": "$ npm ci\nnpm error 401 Unauthorized - GET https://npm.o.example/registry/left-pad - authentication required\n",
    "maven": "$ mvn deploy\n[ERROR] Could not transfer artifact a:b:jar:1 from/to registry (https://nexus.o.example/repository/registry/): "
    "status code: 401, reason phrase: Unauthorized (401)\n",
    "gradle": "$ ./gradlew build\n> Connect to nexus.o.example:443 [nexus.o.example/10.0.0.5] failed: Connection refused\n",
    "cargo": "$ cargo build\n  [60] SSL peer certificate was not OK (SSL certificate problem: self-signed certificate)\n",
    "go": '$ go mod download\ngo: x@v1: Get "https://goproxy.o.example/registry/@v/list": dial tcp 10.0.0.9:443: connect: connection refused\n',
    "pnpm": "$ pnpm i\nFailed: 401 Unauthorized - GET https://registry.npmjs.example/x/y\n",
    "a mail server": "app  | Connect to mail.registry.example:25 failed: [Errno 111] Connection refused\n",
    "prometheus": 'level=error msg="query failed" error="dial tcp 10.0.0.9:9090: connect: connection refused"\n',
    "an old probe": 'Warning  Unhealthy  14d   kubelet  Readiness probe failed: Get "http://10.42.1.17:5000/": dial tcp '
    "10.42.1.17:5000: connect: connection refused\n",
}  # fmt: skip
ITS_OWN = {
    "nginx": NGINX.format(what="client intended to send too large body: 9000000 bytes", host="reg.o.example",
                          request="PATCH /v2/a/blobs/uploads/1 HTTP/1.1"),
    "caddy": CADDY.format(host="reg.o.example", uri="/v2/"),
    "haproxy": HAPROXY.format(to="reg/r1", uri="/v2/a/blobs/uploads/"),
    "buildkit, an image called redis": "#9 ERROR: failed to push reg.o.example/redis:1: push access denied, repository does not exist or may "
    "require authorization: server message: insufficient_scope: authorization failed\n",
    "cri-o, an image called postgres": 'Warning  Failed  3s  kubelet  Failed to pull image "reg.o.example/postgres:8": rpc error: code = '
    "Unknown desc = Error reading manifest 8 in reg.o.example/postgres: unauthorized: authentication required\n",
    "regsync, an image called mongo": 'level=error msg="Failed to copy image" error="failed to get manifest reg.o.example/mongo:7: '
    'unauthorized [http 401]"\n',
    "compose, an image called mysql": "$ docker compose pull\n ✘ mysql Error dial tcp 10.0.0.9:443: connect: connection refused\n",
    "podman, an image called kafka": "$ podman push reg.o.example/kafka:7\nError: trying to reuse blob sha256:5f70bf18a086 at destination: "
    "checking whether a blob sha256:5f70bf18a086 exists in reg.o.example/kafka: authentication required\n",
    "jib": "$ mvn compile jib:build\n[ERROR] Failed to execute goal jib:build: Build image failed: Connect to reg.o.example:443 "
    "[reg.o.example/10.0.0.9] failed: Connection refused\n",
    "npm that pushes": "$ npm run docker:push\ndial tcp 10.0.0.9:443: connect: connection refused\n",
    "docker": 'Error response from daemon: Get "https://reg.o.example/v2/": dial tcp 10.0.0.2:443: connect: connection refused\n',
    "curl": "$ curl https://reg.o.example/v2/\ncurl: (7) Failed to connect to reg.o.example port 443: Connection refused\n",
    "oras": 'Error: PUT "https://reg.o.example/v2/a/manifests/1": response status code 502: Bad Gateway\n',
    "helm": 'Error: failed to perform "Push" on destination: POST "https://reg.o.example/v2/charts/a/blobs/uploads/": response status '
    "code 413: Request Entity Too Large\n",
    "trivy": "FATAL Fatal error image scan error: scan error: remote error: GET https://reg.o.example/v2/a/manifests/1: UNAUTHORIZED: "
    "authentication required; map[]\n",
    "diun": "$ docker logs diun\n"
    '{"level":"error","error":"unable to inspect image: reading manifest 1 in reg.o.example/a: unauthorized: authentication required"}\n',
    "portainer": 'Unable to pull image: Head "https://reg.o.example/v2/a/manifests/1": unauthorized: authentication required\n',
    "pods": "$ kubectl -n registry get pods\nNAME         READY   STATUS             RESTARTS      AGE\n"
    "registry-0   0/1     CrashLoopBackOff   7 (12s ago)   12m\n",
    "swarm": '$ docker service ps web\nx  web.1 reg.o.example/web:1 n2 Shutdown Rejected 3 seconds ago "No such image: reg.o.example/web:1"\n',
    "kubelet": '$ kubectl describe pod web-1\nNormal   BackOff  2m  kubelet  Back-off pulling image "reg.o.example/web:1"\n',
    "a fresh probe": 'Warning  Unhealthy  14s   kubelet  Readiness probe failed: Get "http://10.42.1.17:5000/v2/": dial tcp '
    "10.42.1.17:5000: connect: connection refused\n",
}  # fmt: skip


def verdict(folder: Path, line: str) -> str:
    # A line on its own stands in a log, one below a command in the session of the login.
    files = {"t.txt": LOGIN + line} if line.startswith("$") else {"t.txt": LOGIN, "other.log": line}
    return ask_files(folder, {k: v.encode() for k, v in files.items()}, (), {}).verdict


@pytest.mark.parametrize("name", STRANGE)
def test_a_stranger_is_no_reason(name: str, tmp_path: Path) -> None:
    assert verdict(tmp_path, STRANGE[name]) == "healthy"


ALONE = [
    n for n in STRANGE if not n.startswith(("curl of", "nginx, body", "nginx, slow", "nginx, name", "caddy", "haproxy"))
]
"""Those that tell by themselves that they are about something else."""


@pytest.mark.parametrize("name", ALONE)
def test_a_stranger_alone_shows_no_registry(name: str, tmp_path: Path) -> None:
    answer = ask_files(
        tmp_path, {"t.txt" if STRANGE[name].startswith("$") else "o.log": STRANGE[name].encode()}, (), {}
    )
    assert answer.verdict != "fault"


@pytest.mark.parametrize("name", ITS_OWN)
def test_the_same_of_the_registry_is_one(name: str, tmp_path: Path) -> None:
    assert verdict(tmp_path, ITS_OWN[name]) != "healthy"


OLD = "$ docker login reg.o.example -u max\nPassword:\n{what}\n"
OK, REFUSED = (
    "Login Succeeded",
    ("Error response from daemon: login attempt to http://reg.o.example/v2/ failed with status: 401 Unauthorized"),
)
HEAD = "From: a@o.example\nTo: b@o.example\nSubject: x\nDate: Fri, 27 Nov 2026 {at}:00:00 +0000\n\n"


def thread(form: str, first: str, second: str) -> str:
    """A thread that has the newer text (`first`) on top."""
    top, below = OLD.format(what=first), OLD.format(what=second)
    match form:
        case "marks":
            return f"{top}\nOn Thu, Jan wrote:\n" + "".join(f"> {row}\n" for row in below.splitlines())
        case "a line":
            return f"{top}\n-----Original Message-----\n{below}"
        case "outlook":
            return f"Hello\n\n{top}\nVon: Jan\nGesendet: Donnerstag, 19. November 2026 10:00\nAn: Max\n\n{below}"
        case "gmail":
            return f"{top}\nOn Thu, Nov 19, 2026 at 9:00 AM Jan <jan@o.example> wrote:\n\n{below}"
        case "apple":
            return f"{top}\nBegin forwarded message:\n\nFrom: Jan <jan@o.example>\nDate: 19 November 2026 at 09:00:00 CET\n\n{below}"
        case "upwards":
            sent = "From: {}\nSent: {}.11.2026 09:00\nTo: us\n\n{}\n"
            return sent.format("Jan", 19, below) + sent.format("Max", 20, top)
    return f"{HEAD.format(at='11')}{top}\n{HEAD.format(at='10')}{below}"


@pytest.mark.parametrize("form", ["marks", "a line", "outlook", "gmail", "apple", "upwards", "dates"])
def test_what_a_mail_quotes_was_before_it(form: str, tmp_path: Path) -> None:
    for name, texts in (("healthy", (OK, REFUSED)), ("refused", (REFUSED, OK))):
        folder = tmp_path / name
        folder.mkdir()
        answer = ask_files(folder, {"m.txt": thread(form, *texts).encode()}, (), {})
        assert (answer.verdict == "healthy") == (name == "healthy")


def test_a_thread_that_grows_downwards_is_read_so(tmp_path: Path) -> None:
    text = HEAD.format(at="09") + OLD.format(what=REFUSED) + "\n" + HEAD.format(at="10") + OLD.format(what=OK)
    assert ask_files(tmp_path, {"m.txt": text.encode()}, (), {}).verdict == "healthy"


@pytest.mark.parametrize("mark", ["> ", "│ "])
def test_what_nobody_quotes_from_a_mail_is_no_older_than_the_login_above_it(mark: str, tmp_path: Path) -> None:
    text = f"On the server:\n\n{OLD.format(what=OK)}\nOn the laptop:\n\n"
    text += "".join(f"{mark}{row}\n" for row in OLD.format(what=REFUSED).splitlines())
    assert ask_files(tmp_path, {"m.txt": text.encode()}, (), {}).verdict != "healthy"


def test_what_a_later_mail_shows_ends_what_it_quotes_whatever_the_program(tmp_path: Path) -> None:
    curl = "$ curl -i -u max http://reg.o.example/v2/\nHTTP/1.1 200 OK\nDocker-Distribution-Api-Version: registry/2.0\n\n{}\n"
    quoted = "".join(f"> {row}\n" for row in OLD.format(what=REFUSED).splitlines())
    for name, text in (("healthy", f"{curl}\nOn Thu, Jan wrote:\n{quoted}"), ("not", OLD.format(what=REFUSED) + curl)):
        folder = tmp_path / name
        folder.mkdir()
        assert (ask_files(folder, {"m.txt": text.encode()}, (), {}).verdict == "healthy") == (name == "healthy")


@pytest.mark.parametrize(
    "stamp", ["27.11.26, 08:05 - {}: ", "[27.11.26, 08:05:11] {}: ", "11/27/26, 8:05 AM - {}: ", "[08:05] {}: "]
)
def test_a_chat_is_read_without_its_speakers(stamp: str, tmp_path: Path) -> None:
    rows = (
        ("Anna", "docker login reg.o.example -u Anna"),
        ("Anna", REFUSED),
        ("Ben", "on the server cat /auth/htpasswd says:"),
        ("Ben", "anna:$2y$05$hlPOaArI4q.1V.MT/TACzudjtMLtzCmzQPpDNF7tb9xYZIN4dBmca"),
    )
    text = "".join(f"{stamp.format(who)}{said}\n" for who, said in rows)
    log = (
        'time="2026-11-27T08:02:01Z" level=error msg="error authenticating user \\"Anna\\": authentication failure" '
        'go.version=go1.19.8 http.request.host="reg.o.example" http.request.method=GET http.request.uri=/v2/\n'
    )
    answer = ask_files(tmp_path, {"chat.txt": text.encode(), "registry.log": log.encode()}, (), {})
    assert answer.head == ("fault", "htpasswd-user-missing")


COMPOSE = """services:
  registry: {{image: 'registry:2.8.3', ports: ['{port}:5000'], environment: {{REGISTRY_AUTH: htpasswd, REGISTRY_AUTH_HTPASSWD_REALM: r,
    REGISTRY_AUTH_HTPASSWD_PATH: /a/htpasswd}}, volumes: ['./a:/a', './d:/var/lib/registry']}}
"""
UI = """  ui: {image: 'joxit/docker-registry-ui:2.5.7', environment: {SINGLE_REGISTRY: 'true', NGINX_PROXY_PASS_URL: 'http://registry:5000'}}
  edge: {image: nginx, ports: ['443:443'], volumes: ['./conf.d:/etc/nginx/conf.d']}
"""


def beside(folder: Path, name: str, text: str, *, ui: bool = False, port: int = 5000, conf: str = "") -> str:
    login = LOGIN if port == 5000 else LOGIN.replace("reg.o.example", f"reg.o.example:{port}")
    files = {"t.txt": login, "docker-compose.yml": COMPOSE.format(port=port) + (UI if ui else ""), name: text}
    files |= {"a/htpasswd": "max:$2y$05$hlPOaArI4q.1V.MT/TACzudjtMLtzCmzQPpDNF7tb9xYZIN4dBmca\n"}
    files |= {"conf.d/a.conf": conf} if conf else {}
    return ask_files(folder, {k: v.encode() for k, v in files.items()}, (), {}).verdict


@pytest.mark.parametrize("port", [5000, 9090, 9200])
def test_a_port_that_the_registry_has_is_no_other_services(port: int, tmp_path: Path) -> None:
    told = f"$ nc -vz reg.o.example {port}\nnc: connect to reg.o.example port {port} (tcp) failed: Connection refused\n"
    assert beside(tmp_path, "z.txt", told, port=port) != "healthy"


def test_a_port_known_for_another_service_is_that_where_the_registry_has_its_own(tmp_path: Path) -> None:
    told = "$ nc -vz mon.o.example 9090\nnc: connect to mon.o.example port 9090 (tcp) failed: Connection refused\n"
    assert beside(tmp_path, "z.txt", told) == "healthy"


@pytest.mark.parametrize(
    ("url", "healthy"),
    [
        ("registry.o.example/debug/health", False),
        ("registry.npmjs.org/x", True),
        ("registry.terraform.io/v1/providers/x/null", True),
    ],
)
def test_a_page_of_a_host_called_registry_is_that_hosts(url: str, healthy: bool, tmp_path: Path) -> None:
    login = LOGIN.replace("reg.o", "registry.o")
    told = f'$ ./check\nGet "https://{url}": dial tcp 10.0.0.9:443: connect: connection refused\n'
    files = {"t.txt": login + told}
    answer = ask_files(tmp_path, {k: v.encode() for k, v in files.items()}, (), {})
    assert (answer.verdict == "healthy") == healthy


BIG = "client intended to send too large body: 9000000 bytes"
DOWN = 'connect() failed (111: Connection refused) while connecting to upstream, upstream: "http://10.5.0.9:{}/"'


@pytest.mark.parametrize(
    "request_line",
    ["POST /api/v2/files", "POST /api/author/photo", "GET /api/auth/session", "POST /v2/pages", "POST /api/token"],
)
def test_a_path_with_a_word_of_the_api_is_another_sites_there(request_line: str, tmp_path: Path) -> None:
    told = NGINX.format(what=BIG, host="wiki.o.example", request=f"{request_line} HTTP/1.1")
    assert beside(tmp_path, "error.log", told) == "healthy"


@pytest.mark.parametrize("host", ["reg.o.example", "images.o.example"])
@pytest.mark.parametrize("sub", ["", "/registry"])
def test_a_path_that_only_the_api_has_is_the_registrys(host: str, sub: str, tmp_path: Path) -> None:
    told = NGINX.format(what=BIG, host=host, request=f"POST {sub}/v2/qwzx/jkq/blobs/uploads/ HTTP/1.1")
    assert beside(tmp_path, "error.log", told) == "fault"


UNTIED = {
    "body": BIG,
    "slow": "upstream timed out (110: Operation timed out) while reading response header from upstream",
    "rule": "access forbidden by rule",
    "rate": 'limiting requests, excess: 20.5 by zone "z"',
    "name": "wiki could not be resolved (3: Host not found)",
    "scheme": "SSL_do_handshake() failed (SSL: error:0A00010B:SSL routines::wrong version number) while SSL handshaking to upstream",
    "port": DOWN.format(9090),
}
UP = 'time="2026-11-27T09:00:00Z" level=info msg="listening on [::]:5000" go.version=go1.20.8 service=registry version=2.8.3\n'
IN = '10.5.0.7 - max [27/Nov/2026:09:01:00 +0000] "GET /v2/ HTTP/1.1" 200 2 "" "docker/27.1.1"\n'


@pytest.mark.parametrize("name", UNTIED)
@pytest.mark.parametrize(
    ("request_line", "verdict"),
    [
        ("GET /", "inconclusive"),
        ("GET /.git", "inconclusive"),
        ("PUT /v2/app/blobs/uploads/1", "fault"),
        ("PUT /hub/v2/app/blobs/uploads/1", "fault"),
    ],
)
def test_one_line_is_the_registrys_only_by_a_path_of_the_api(
    name: str, request_line: str, verdict: str, tmp_path: Path
) -> None:
    """Nothing else names an address: the line itself would make its host the incident's."""
    told = NGINX.format(what=UNTIED[name], host="wiki.o.example", request=f"{request_line} HTTP/1.1")
    files = {"error.log": told.encode(), "registry.log": (UP + IN).encode()}
    assert ask_files(tmp_path, files, (), {}).verdict == verdict


@pytest.mark.parametrize(
    ("site", "verdict"), [("_", "fault"), ("reg.o.example", "inconclusive"), ("wiki.o.example", "fault")]
)
def test_a_route_to_the_registry_ties_a_host_to_it(site: str, verdict: str, tmp_path: Path) -> None:
    """By its name or by a catch-all; where its name is another, it is in doubt."""
    files = {
        "docker-compose.yml": "services:\n  registry: {image: 'registry:2', environment: {REGISTRY_AUTH: htpasswd, "
        "REGISTRY_AUTH_HTPASSWD_REALM: r, REGISTRY_AUTH_HTPASSWD_PATH: /auth/htpasswd}, volumes: ['./auth:/auth']}\n"
        "  edge: {image: nginx, ports: ['80:80'], volumes: ['./edge.conf:/etc/nginx/conf.d/default.conf']}\n",
        "auth/htpasswd": "max:$2y$05$YSZ5Y8eLsoVh4NWMx1eMXOjyPJrDDkQdA3b5kLmMSrDM4vRPeOZnO\n",
        "edge.conf": SITE.replace("reg.o.example", site).replace(" location /browse/ { proxy_pass http://ui:80; }", ""),
        "error.log": NGINX.format(what=UNTIED["slow"], host="wiki.o.example", request="GET / HTTP/1.1"),
    }
    assert ask_files(tmp_path, {k: v.encode() for k, v in files.items()}, (), {}).verdict == verdict


ACCESS = '10.0.0.7 - - [27/Nov/2026:10:0{}:05 +0000] "GET {} HTTP/1.1" {} 157 "-" "Mozilla/5.0"\n'
SITE = (
    "server { listen 80; server_name reg.o.example; client_max_body_size 0; location /browse/ { proxy_pass http://ui:80; }\n"
    " location /v2/ { proxy_pass http://registry:5000; proxy_set_header Host $http_host; } }\n"
)
PAGES = {
    "its proxy was not read": ("", NGINX.format(what=DOWN.format(80), host="images.o.example", request="GET / HTTP/1.1"), False),
    "asked by address": ("", NGINX.format(what=DOWN.format(80), host="10.0.0.9", request="GET / HTTP/1.1"), False),
    "below a path": ("", ACCESS.format(1, "/ui/", 502), False),
    "its own file": ("", ACCESS.format(1, "/docker-registry-ui.js", 504), False),
    "the path of its route": (SITE, ACCESS.format(1, "/browse/", 502), False),
    "it is back": ("", ACCESS.format(1, "/ui/", 502) + ACCESS.format(2, "/ui/", 200), True),
    "another port": ("", NGINX.format(what=DOWN.format(3000), host="wiki.o.example", request="GET / HTTP/1.1"), True),
    "another page": ("", NGINX.format(what=DOWN.format(80), host="wiki.o.example", request="GET /page/7 HTTP/1.1"), True),
}  # fmt: skip


@pytest.mark.parametrize("name", PAGES)
def test_the_uis_page_is_down_only_where_the_line_may_be_about_it(name: str, tmp_path: Path) -> None:
    conf, told, healthy = PAGES[name]
    assert (beside(tmp_path, "nginx.log", told, ui=True, conf=conf) == "healthy") == healthy


def test_the_page_of_the_ui_is_no_stranger(tmp_path: Path) -> None:
    files = {
        "t.txt": LOGIN,
        "docker-compose.yml": "services:\n  registry: {image: 'registry:2'}\n  ui: {image: 'joxit/docker-registry-ui:2.5.7'}\n"
        "  edge: {image: nginx, volumes: ['./edge.conf:/etc/nginx/conf.d/default.conf']}\n",
        "edge.conf": "server {\n listen 80;\n server_name ui.o.example;\n location / { proxy_pass http://ui:80; }\n}\n"
        "server {\n listen 80;\n server_name reg.o.example;\n client_max_body_size 0;\n location / { proxy_pass http://registry:5000; }\n}\n",
        "error.log": NGINX.format(
            what='connect() failed (111: Connection refused) while connecting to upstream, upstream: "http://10.5.0.9:80/"',
            host="ui.o.example", request="GET / HTTP/1.1",
        ),
    }  # fmt: skip
    assert ask_files(tmp_path, {k: v.encode() for k, v in files.items()}, (), {}).verdict != "healthy"


@pytest.mark.parametrize(
    "told", ["unauthorized: authentication required", "denied: requested access to the resource is denied"]
)
def test_what_stands_below_another_command_may_still_be_the_registrys(told: str, tmp_path: Path) -> None:
    text = f"{LOGIN}$ git pull\nAlready up to date.\n\nand then the push says\n\n{told}\n"
    assert ask_files(tmp_path, {"t.txt": text.encode()}, (), {}).verdict != "healthy"


def test_a_refused_connection_two_paragraphs_below_ssh_is_not_sshs(tmp_path: Path) -> None:
    text = f"$ ssh build02\nWelcome\n\n{LOGIN[2:]}\ndial tcp 10.0.0.2:443: connect: connection refused\n"
    assert ask_files(tmp_path, {"t.txt": text.encode()}, (), {}).verdict != "healthy"
