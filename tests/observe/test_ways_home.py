"""Who may come in by which way: a registry that is open where nobody asks, on a host without containers."""

from pathlib import Path

import bcrypt
import pytest

from tests.bundles import Answer, ask_files

CONFIG = "version: 0.1\nstorage: {{filesystem: {{rootdirectory: /var/lib/registry}}}}\nhttp: {{addr: '{0}'}}\n"
AUTH = "auth: {htpasswd: {realm: r, path: /etc/registry/htpasswd}}\n"
NGINX = "events {{}}\nhttp {{\n{0}}}\n"
ASKS = 'auth_basic "x"; auth_basic_user_file /etc/nginx/users;'
SITE = "server {{ listen {port}; server_name {name}; {own} {locations} }}\n"
TO = "location {path} {{ {asks} client_max_body_size 0; proxy_pass http://127.0.0.1:{to}; }}"
IN = "$ docker login localhost:8081 -u anna\nPassword:\nLogin Succeeded\n"
REFUSED = 'Error response from daemon: Get "http://{0}/v2/": unauthorized: authentication required\n'


def users(**passwords: str) -> str:
    return "".join(f"{n}:{bcrypt.hashpw(p.encode(), bcrypt.gensalt(4)).decode()}\n" for n, p in passwords.items())


def judged(folder: Path, files: dict[str, str]) -> Answer:
    return ask_files(folder, {name: text.encode() for name, text in files.items()})


def site(own: str = "", asks: str = "", path: str = "/", port: int = 8081, more: str = "", to: int = 5000) -> str:
    locations = TO.format(path=path, asks=asks, to=to) + more
    return SITE.format(port=port, name="berth.example", own=own, locations=locations)


OPEN_WAYS = {
    "nobody asks": (site(), "127.0.0.1:5000", "fault"),
    "switched off below": (site(ASKS, "auth_basic off;"), "127.0.0.1:5000", "fault"),
    "only the ping asks": (
        site(asks=ASKS, path="= /v2/", more=TO.format(path="/v2/", asks="", to=5000)),
        "127.0.0.1:5000",
        "fault",
    ),
    "another site asks": (site() + site(ASKS, port=8082, to=3000), "127.0.0.1:5000", "fault"),
    "another site is open": (site(ASKS) + site(port=8082), "127.0.0.1:5000", "fault"),
    "from everywhere": (site(ASKS), "0.0.0.0:5000", "inconclusive"),
    "each way asks": (site(ASKS), "127.0.0.1:5000", "healthy"),
    "each of two sites asks": (site(ASKS) + site(ASKS, port=8082), "127.0.0.1:5000", "healthy"),
}


@pytest.mark.parametrize("name", OPEN_WAYS)
def test_a_registry_without_auth_is_as_open_as_its_ways(name: str, tmp_path: Path) -> None:
    conf, bound, verdict = OPEN_WAYS[name]
    answer = judged(tmp_path, {"config.yml": CONFIG.format(bound), "nginx.conf": NGINX.format(conf), "t.txt": IN})
    assert answer.verdict == verdict, answer.printed[:800]
    assert answer.causes() == (["auth-not-enforced"] if verdict == "fault" else [])


def test_a_file_that_nobody_reads_was_meant_to_guard(tmp_path: Path) -> None:
    files = {"config.yml": CONFIG.format("127.0.0.1:5000"), "nginx.conf": NGINX.format(site())}
    assert judged(tmp_path / "a", {**files, "users": users(anna="Korn-blume4")}).first == "auth-not-enforced"
    assert judged(tmp_path / "b", files).verdict == "healthy"  # open behind a proxy that does not ask: a warning


GUARDED = {
    "config.yml": CONFIG.format("127.0.0.1:5000") + AUTH,
    "nginx.conf": NGINX.format(site()),
    "htpasswd": users(anna="Korn-blume4"),
}


@pytest.mark.parametrize(("port", "cause"), [("8081", True), ("5000", True), ("9099", False)])
def test_a_third_port_of_the_machine_has_a_file_of_its_own(port: str, cause: bool, tmp_path: Path) -> None:
    text = f"$ docker login -u anna -p anders77 localhost:{port}\n" + REFUSED.format(f"localhost:{port}")
    answer = judged(tmp_path, {**GUARDED, "t.txt": text})
    assert (answer.first == "htpasswd-wrong-password") is cause, answer.printed[:600]


@pytest.mark.parametrize(("password", "verdict"), [("Korn-blume4", "healthy"), ("Mohn-blume5", "inconclusive")])
def test_a_login_that_the_file_does_not_accept_proves_nothing_of_it(
    password: str, verdict: str, tmp_path: Path
) -> None:
    text = f"$ docker login -u anna -p {password} localhost:8081\nLogin Succeeded\n"
    answer = judged(tmp_path, {**GUARDED, "t.txt": text})
    assert (answer.verdict, answer.causes()) == (verdict, [])
    assert password not in answer.printed


BROKEN = "$ curl -si 'http://anna:Korn@Blume/4#x@localhost:8081/v2/'\ncurl: (6) Could not resolve host: Blume\n"
SERVED = "$ curl -si -u 'anna:Korn@Blume/4#x' http://localhost:8081/v2/\nHTTP/1.1 200 OK\nDocker-Distribution-Api-Version: registry/2.0\n\n{}\n"


def test_a_url_that_its_password_broke_is_over_when_it_was_typed_apart(tmp_path: Path) -> None:
    files = {k: v for k, v in GUARDED.items() if k != "htpasswd"}
    answer = judged(tmp_path / "a", {**files, "t.txt": BROKEN})
    assert answer.first == "password-not-url-encoded"
    assert "docker login localhost:8081" in answer.printed
    assert judged(tmp_path / "b", {**files, "t.txt": BROKEN + SERVED}).verdict == "healthy"
    assert judged(tmp_path / "c", {**files, "t.txt": SERVED + BROKEN}).first == "password-not-url-encoded"


BOTH = {**GUARDED, "nginx.conf": NGINX.format(site(ASKS)).replace("/etc/nginx/users", "/etc/nginx/proxy.users")}
TOLD = '2026/11/28 15:11:04 [error] 7#7: *2 user "{0}": password mismatch, client: 127.0.0.1, server: berth.example, request: "GET /v2/ HTTP/1.1", host: "localhost:8081"\n'


@pytest.mark.parametrize(
    ("theirs", "cause"), [("Korn-blume4", "htpasswd-wrong-password"), ("anders77", "double-auth-one-header")]
)
def test_a_password_that_fits_neither_file_is_wrong_and_no_matter_of_two_files(
    theirs: str, cause: str, tmp_path: Path
) -> None:
    text = "$ docker login -u anna -p anders77 localhost:8081\n" + REFUSED.format("localhost:8081")
    files = {**BOTH, "proxy.users": users(bert="x", anna=theirs), "t.txt": text}
    if cause == "htpasswd-wrong-password":
        files["error.log"] = TOLD.format("anna")
    answer = judged(tmp_path, files)
    assert answer.first == cause, answer.printed[:800]
    assert "-u bert" not in answer.printed
    assert "berth.example:8081" not in answer.printed  # it was asked by another name


GRAFANA = "server { listen 8090; server_name graf.example; location / { proxy_pass http://grafana.invalid:3000; } }\n"
ALONE = {**GUARDED, "nginx.conf": NGINX.format(site() + GRAFANA)}
DOWN = "$ curl -si http://localhost:{port}{path}\nHTTP/1.1 502 Bad Gateway\nServer: nginx/1.22.1\n\n"
UPSTREAM = (
    "2026/11/28 15:11:20 [error] 7#7: *3 grafana.invalid could not be resolved (3: Host not found), client: 127.0.0.1, "
    'server: graf.example, request: "GET / HTTP/1.1", host: "localhost:8090"\n'
)


@pytest.mark.parametrize(
    ("port", "path", "verdict"), [("8090", "/", "healthy"), ("8081", "/v2/", "fault"), ("8090", "/v2/", "fault")]
)
def test_a_door_of_another_application_is_none_of_the_registrys(
    port: str, path: str, verdict: str, tmp_path: Path
) -> None:
    """Who asks that door for the API took it for the registry's."""
    log = {"error.log": UPSTREAM} if port == "8090" and path == "/" else {}
    answer = judged(tmp_path, {**ALONE, **log, "t.txt": IN + DOWN.format(port=port, path=path)})
    assert (answer.verdict == "healthy") is (verdict == "healthy"), answer.printed[:800]


PAGE = "<html><head>\n<title>500 Proxy Error</title>\n</head><body>\nThe proxy server could not handle the request\n{}"


def test_the_sentences_of_a_page_are_nobodys(tmp_path: Path) -> None:
    text = "$ curl -si http://localhost:8090/\nHTTP/1.1 500 Proxy Error\nContent-Type: text/html\n\n" + PAGE
    whole = IN + text.format("</body></html>\n")
    assert judged(tmp_path / "a", {**ALONE, "t.txt": whole}).verdict == "healthy"
    assert judged(tmp_path / "b", {**ALONE, "t.txt": whole + "\nthe push is refused as well\n"}).verdict != "healthy"


def test_one_pair_in_both_files_gets_through(tmp_path: Path) -> None:
    files = {**BOTH, "proxy.users": users(anna="Korn-blume4"), "t.txt": IN}
    answer = judged(tmp_path / "a", files)
    assert answer.verdict == "healthy"
    assert "double-auth-one-header" in answer.printed
    assert judged(tmp_path / "b", {**files, "proxy.users": users(bert="x")}).verdict != "healthy"


EATEN = """$ curl -si {typed}
HTTP/1.1 401 Unauthorized
Docker-Distribution-Api-Version: registry/2.0
Www-Authenticate: Basic realm="r"

{{}}
"""
COMPARED = (
    'time="2026-11-28T15:01:00Z" level=error msg="error authenticating user \\"anna\\": authentication failure" go.version=go1.19.8 '
    'http.request.host="localhost:8081" http.request.method=GET http.request.uri=/v2/ http.request.useragent=curl/7.88.1\n'
)


@pytest.mark.parametrize(
    ("typed", "eaten"),
    [
        ('"http://anna:Korn$blume4@localhost:8081/v2/"', True),
        ('-u "anna:Korn$blume4" http://localhost:8081/v2/', True),
        ("-u 'anna:Korn$blume4' http://localhost:8081/v2/", False),
    ],
)
def test_a_dollar_outside_of_single_quotes_is_the_shells(typed: str, eaten: bool, tmp_path: Path) -> None:
    """In single quotes the file accepts it, so that the refusal is another matter."""
    files = {
        **GUARDED,
        "htpasswd": users(anna="Korn$blume4"),
        "t.txt": EATEN.format(typed=typed),
        "registry.log": COMPARED,
    }
    answer = judged(tmp_path, files)
    assert (answer.first == "htpasswd-wrong-password") is eaten, answer.printed[:800]
    assert ("the shell put" in answer.printed) is eaten
    assert "blume4" not in answer.printed
