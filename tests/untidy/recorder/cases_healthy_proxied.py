"""Healthy: a registry behind its UI, nginx, Caddy, HAProxy or Apache, in company."""

from tests.untidy.recorder import company, stacks
from tests.untidy.recorder.clients import browse, har_text
from tests.untidy.recorder.flows import PING_LINES, ask, try_login, work
from tests.untidy.recorder.scene import Scene, case

HOP = ["authorization-stripped", "proxy-overwrites-authorization", "double-auth-one-header"]
CORS = ["cors-origin-mismatch", "cors-credentials-missing", "preflight-options-401"]
FILE = ["htpasswd-not-bcrypt", "htpasswd-wrong-password", "htpasswd-user-missing"]


def with_ui(s: Scene, version: int = 2, **env: str) -> None:
    """Registry and UI, up."""
    s.compose({"registry": stacks.registry(s, version), "ui": stacks.ui(s, **env)})
    s.up()


def with_nginx(s: Scene, sites: dict[str, str] | str, port: str = "80:80", tls: bool = False, version: int = 2) -> None:
    """Registry behind nginx, up."""
    s.compose({"registry": stacks.registry(s, version), "edge": stacks.nginx(s, sites, port, tls)})
    s.up()


@case(
    "h-dairy-page-asks-first",
    "The UI asks without a login first, then with it: the protocol at work (Chromium).",
    verdict="healthy",
    never=[*HOP, *CORS],
)
def dairy(s: Scene) -> None:
    with_ui(s)
    _, har = browse(s, s.url("/", 8080), (s.user, s.password))
    s.give(f"{s.host}.har", har_text(har))
    s.give("ui.log", s.logs("ui"))
    s.give("registry.log", s.logs("registry"))
    company.theory(s, 3)


@case(
    "h-canal-unread-variables",
    "Variables on the UI that nobody reads, and a colleague who believes in realms; both ways work.",
    verdict="healthy",
    never=[*HOP, "env-name-malformed", "ui-v1-env-semantics-changed"],
)
def canal(s: Scene) -> None:
    with_ui(s, REGISTRY_USER="kanal", REGISTRY_PASSWORD="not-the-one", REGISTRY_PROXY_AUTHORIZATION="true")
    t = s.session()
    ask(s, t)
    ask(s, t, 8080, path="/v2/_catalog")
    s.give("curl.txt", t.text)
    company.theory(s, 0)


@case(
    "h-tram-robots-at-the-page",
    "Robots look for secrets at the UI's port, a monitor gets its 401; people work.",
    verdict="healthy",
    never=[*HOP, "no-v2-route", *FILE],
)
def tram(s: Scene) -> None:
    with_ui(s, 3)
    for path in ("/.env", "/wp-login.php", "/v1/_ping", "/actuator/health"):
        s.outside("203.0.113.9", "-A", "Mozilla/5.0 (compatible; l9explore/1.2.2)", f"http://{s.address}:8080{path}")
    company.scanners(s, 8080, 2)
    company.monitor(s, 8080)
    t = s.session()
    ask(s, t, 8080)
    t.login(f"{s.host}:8080")
    s.give("terminal.txt", t.text)
    s.give("ui.log", s.logs("ui"))
    s.give("registry.log", s.logs("registry"))


@case(
    "h-museum-ring-and-page",
    "UI on version 3; the key ring holds this registry under both names in use and others.",
    verdict="healthy",
    never=["stale-stored-credentials", "credentials-under-other-host", *HOP],
)
def museum(s: Scene) -> None:
    with_ui(s, 3)
    company.key_ring(s, f"{s.host}:8080")
    t = s.session()
    work(s, t, 8080)
    s.give("session.txt", t.text)
    company.dead_containers(s)


@case(
    "h-theatre-scanner-preflight",
    "One OPTIONS 401 in the log is a scanner's; the page (Chromium) works through the UI's proxy.",
    verdict="healthy",
    never=CORS,
)
def theatre(s: Scene) -> None:
    with_ui(s)
    s.outside(
        "198.51.100.201",
        "-X",
        "OPTIONS",
        "-H",
        "Origin: http://evil.example",
        "-H",
        "Access-Control-Request-Method: GET",
        f"http://{s.address}:8080/v2/_catalog",
    )
    _, har = browse(s, s.url("/", 8080), (s.user, s.password))
    s.give("page.har", har_text(har))
    s.give("compose.log", s.logs("ui") + s.logs("registry"))


@case(
    "h-library-three-realms",
    "Title, realm and a variable speak of three realms; a realm is a label, both ways work.",
    verdict="healthy",
    never=[*HOP, "auth-option-missing", "env-name-malformed"],
)
def library(s: Scene) -> None:
    with_ui(s, 2, REGISTRY_AUTH_REALM="Bibliothek Lesesaal")
    t = s.session()
    ask(s, t, 8080)
    ask(s, t, option="-i")
    s.give("curl.txt", t.text)
    company.theory(s, 0, "comment.md")
    s.give("registry.log", s.logs("registry", prefix=False))


@case(
    "h-aquarium-override-mends",
    "The base file names localhost as the UI's upstream, the override in force names the registry: it works.",
    verdict="healthy",
    never=["upstream-is-localhost", "registry-unreachable", *HOP],
)
def aquarium(s: Scene) -> None:
    s.compose({"registry": stacks.registry(s), "ui": stacks.ui(s, NGINX_PROXY_PASS_URL="http://localhost:5000")})
    data = s.bundle["docker-compose.yml"].decode()
    assert "localhost:5000" in data
    s.file(
        "docker-compose.override.yml",
        "services:\n  ui:\n    environment:\n      NGINX_PROXY_PASS_URL: http://registry:5000\n",
    )
    s.compose_files = ("docker-compose.yml", "docker-compose.override.yml")
    s.up()
    t = s.session()
    ask(s, t, 8080)
    s.give("curl.txt", t.text)
    s.give("ui.log", s.logs("ui"))


@case(
    "h-arcade-refused-then-started",
    "The UI's proxy got 502 while the registry was created anew; then the same user gets 200.",
    verdict="healthy",
    never=["nginx-stale-dns", "registry-unreachable", "upstream-wrong-port", "upstream-is-localhost"],
)
def arcade(s: Scene) -> None:
    from tests.untidy.recorder.clients import execute

    with_ui(s)
    t = s.session()
    execute("docker", "stop", "-t", "1", s.container("registry"))
    try_login(s, t, 8080, "-i", "/v2/_catalog")
    s.pause(minutes=2)
    execute("docker", "start", s.container("registry"))
    s.settle()
    try_login(s, t, 8080, "-i", "/v2/_catalog")
    t.curl("-i", s.url(port=8080))
    s.give("terminal.txt", t.text)
    s.give("compose.log", s.logs("ui") + s.logs("registry"))


@case(
    "h-bridge-four-sites",
    "Four sites in one conf.d; intranet, Grafana and an API treat Authorization their own way.",
    verdict="healthy",
    never=[*HOP, "www-authenticate-missing", "client-max-body-size", "no-v2-route"],
)
def bridge(s: Scene) -> None:
    with_nginx(s, {**company.other_nginx_sites(s), "30-registry.conf": stacks.nginx_site(s)})
    t = s.session()
    ask(s, t, None)
    try_login(s, t, None, "-i", "/v2/_catalog")
    s.give("curl.txt", t.text)
    s.give("access.log", s.logs("edge", prefix=False))
    s.give("registry.log", s.logs("registry"))


@case(
    "h-tunnel-https-and-monitors",
    "nginx ends TLS with its own certificate, monitors and other sites about; login and catalog work.",
    verdict="healthy",
    never=[*HOP, "tls-ca-not-trusted", "x-forwarded-proto-missing"],
)
def tunnel(s: Scene) -> None:
    sites = {**company.other_nginx_sites(s), "50-hub.conf": stacks.nginx_site(s, listen="443 ssl")}
    with_nginx(s, sites, "443:443", tls=True, version=3)
    for _ in range(2):
        s.outside(
            "10.9.9.3",
            "-k",
            "-A",
            "check_http/v2.3.3 (monitoring-plugins 2.3.3)",
            "-H",
            f"Host: {s.host}",
            f"https://{s.address}/v2/",
        )
    t = s.session()
    ask(s, t, None, "https", option="-i", path="/v2/_catalog")
    s.give("curl.txt", t.text)
    s.give("access.log", s.logs("edge", prefix=False))
    s.give("registry.log", s.logs("registry"))


@case(
    "h-signal-bad-gateway-at-six",
    "At six the registry was restarted and nginx answered 502; since then 200 on both ways.",
    verdict="healthy",
    never=["nginx-stale-dns", "registry-unreachable", "upstream-wrong-port", "scheme-mismatch-upstream"],
)
def signal(s: Scene) -> None:
    from tests.untidy.recorder.clients import execute

    with_nginx(s, stacks.nginx_site(s))
    execute("docker", "stop", "-t", "1", s.container("registry"))
    try_login(s, s.session(), None)
    company.colleague_works(s, 80)
    s.pause(hours=2)
    execute("docker", "start", s.container("registry"))
    s.settle()
    t = s.session()
    ask(s, t, None)
    try_login(s, t, option="-i")
    s.give("curl.txt", t.text)
    s.give("edge.log", s.logs("edge", prefix=False))
    s.give("registry.log", s.logs("registry"))
    company.solved_notes(s, "de")


@case(
    "h-depot-copies-of-the-site",
    "A copy of the site file that once emptied Authorization lies beside the one in use.",
    verdict="healthy",
    never=HOP,
)
def depot(s: Scene) -> None:
    with_nginx(s, stacks.nginx_site(s))
    company.backups(s)
    t = s.session()
    ask(s, t, None)
    s.give("curl.txt", t.text)
    s.give("registry.log", s.logs("registry"))


@case(
    "h-ferry-both-doors",
    "Two doors, the edge and the registry's own port, a removed user's job, a monitor; both doors work.",
    verdict="healthy",
    never=[*HOP, *FILE],
)
def ferry(s: Scene) -> None:
    with_nginx(s, stacks.nginx_site(s), version=3)
    company.former_employee(s, 80)
    company.monitor(s, 80)
    t = s.session()
    ask(s, t, None)
    work(s, t)
    s.give("terminal.txt", t.text)
    s.give("edge.log", s.logs("edge"))
    s.give("registry.log", s.logs("registry", only=PING_LINES))


@case(
    "h-pier-page-behind-a-password",
    "nginx asks for a password for the page and leaves /v2/ to the registry; the registry's login works.",
    verdict="healthy",
    never=[*HOP, "proxy-cannot-verify-bcrypt"],
)
def pier(s: Scene) -> None:
    page = f'    auth_basic "Pier";\n    auth_basic_user_file /etc/nginx/page.htpasswd;\n    location / {{\n        return 200 "status page of {s.org}";\n    }}\n'
    site = stacks.nginx_site(s, more=("auth_basic off;",)).replace("    location /v2/", page + "    location /v2/")
    s.file("page.htpasswd", stacks.apr1("office", s.password3) + "\n")
    service = stacks.nginx(s, site)
    service["volumes"].append("./page.htpasswd:/etc/nginx/page.htpasswd:ro")
    s.compose({"registry": stacks.registry(s), "edge": service})
    s.up()
    t = s.session()
    ask(s, t, None)
    t.login(f"{s.host}:80")
    s.give("terminal.txt", t.text)
    s.give("edge.log", s.logs("edge"))


@case(
    "h-lock-same-file-twice",
    "nginx and the registry check the same file and the header goes through both: 200.",
    verdict="healthy",
    never=[*HOP, "proxy-cannot-verify-bcrypt", "www-authenticate-missing"],
)
def lock(s: Scene) -> None:
    site = stacks.nginx_site(s, more=(f'auth_basic "{s.realm}";', "auth_basic_user_file /auth/htpasswd;"))
    service = stacks.nginx(s, site)
    service["volumes"].append("./auth:/auth:ro")
    s.compose({"registry": stacks.registry(s), "edge": service})
    s.up()
    t = s.session()
    ask(s, t, None)
    try_login(s, t, None, "-i", "/v2/_catalog")
    s.give("curl.txt", t.text)
    s.give("edge.log", s.logs("edge", prefix=False))
    s.give("registry.log", s.logs("registry", prefix=False))


@case(
    "h-weir-belt-and-braces",
    "Folklore in the site file (proxy_pass_header, Authorization handed on by hand) does no harm.",
    verdict="healthy",
    never=[*HOP, "x-forwarded-proto-missing"],
)
def weir(s: Scene) -> None:
    headers = (
        "Host $http_host",
        "Authorization $http_authorization",
        'Connection ""',
        'Accept-Encoding ""',
        "X-Forwarded-Proto $scheme",
    )
    with_nginx(
        s,
        stacks.nginx_site(
            s, headers, ("proxy_pass_header Authorization;", "proxy_http_version 1.1;", "proxy_buffering off;")
        ),
    )
    t = s.session()
    ask(s, t, None)
    s.give("curl.txt", t.text)
    s.give("access.log", s.logs("edge", prefix=False))
    company.theory(s, 4)


@case(
    "h-citadel-three-sites",
    "Caddy: the wiki's site removes Authorization, the registry's does not.",
    verdict="healthy",
    never=HOP,
)
def citadel(s: Scene) -> None:
    text = (
        f"http://wiki.{s.domain} {{\n\treverse_proxy 10.20.0.31:8090 {{\n\t\theader_up -Authorization\n\t}}\n}}\n\n"
        f"http://{s.host} {{\n\tlog\n\treverse_proxy registry:5000\n}}\n\n"
        f'http://grafana.{s.domain} {{\n\treverse_proxy 10.20.0.32:3000 {{\n\t\theader_up Authorization "Basic dmlld2VyOnZpZXdlcg=="\n\t}}\n}}\n'
    )
    s.compose({"registry": stacks.registry(s, 3), "caddy": stacks.caddy(s, text)})
    s.up()
    t = s.session()
    ask(s, t, None)
    s.give("curl.txt", t.text)
    s.give("caddy.log", s.logs("caddy", only="handled request"))
    s.give("registry.log", s.logs("registry"))


@case(
    "h-garrison-caddy-https",
    "Caddy ends TLS with a certificate of the house; old copies and a pipeline beside; push goes through.",
    verdict="healthy",
    never=[*HOP, "x-forwarded-proto-missing", "tls-ca-not-trusted"],
)
def garrison(s: Scene) -> None:
    text = f"{s.host} {{\n\ttls /certs/site.crt /certs/site.key\n\tlog\n\treverse_proxy registry:5000\n}}\n"
    service = stacks.caddy(s, text, ("443:443",))
    service["volumes"].append("./certs:/certs:ro")
    stacks.certificate(s, s.host)
    s.compose({"registry": stacks.registry(s), "caddy": service})
    s.up()
    t = s.session()
    t.curl("-i", "-k", s.url("/v2/", None, "https"))
    t.curl("-i", "-k", "-u", s.login, "-X", "POST", s.url(f"/v2/{s.org}/app/blobs/uploads/", None, "https"))
    t.curl("-i", "-k", "-u", s.login, s.url("/v2/_catalog", None, "https"))
    s.give("curl.txt", t.text)
    s.give("registry.log", s.logs("registry", prefix=False))
    company.backups(s)
    company.gitlab_ci(s)


@case(
    "h-abbey-two-backends",
    "HAProxy: the other backend deletes Authorization, ours does not.",
    verdict="healthy",
    never=[*HOP, "www-authenticate-missing"],
)
def abbey(s: Scene) -> None:
    text = (
        "frontend web\n    bind *:80\n    use_backend wiki if { hdr(host) -i wiki."
        + s.domain
        + " }\n    default_backend images\n\n"
        "backend images\n    http-request set-header X-Forwarded-Proto http\n    server r1 registry:5000 check\n\n"
        "backend wiki\n    http-request del-header Authorization\n    http-response del-header WWW-Authenticate\n    server w1 10.20.0.31:8090\n"
    )
    s.compose({"registry": stacks.registry(s), "lb": stacks.haproxy(s, text)})
    s.up()
    company.scanners(s, 80, 1)
    t = s.session()
    ask(s, t, None)
    work(s, t, 80)
    s.give("terminal.txt", t.text)
    s.give("haproxy.log", s.logs("lb", prefix=False, only="GET /v2/ |check|Loading"))


@case(
    "h-priory-two-hops",
    "HAProxy in front, nginx behind it, both hand everything on; old troubles in the notes.",
    verdict="healthy",
    never=[*HOP, "x-forwarded-proto-missing", "location-header-port-lost"],
)
def priory(s: Scene) -> None:
    inner = stacks.nginx_site(
        s,
        ("Host $http_host", "X-Forwarded-Proto $http_x_forwarded_proto", "X-Forwarded-For $proxy_add_x_forwarded_for"),
        listen="8088",
    )
    front = stacks.haproxy(
        s,
        "frontend web\n    bind *:80\n    http-request set-header X-Forwarded-Proto http\n    default_backend inner\n\nbackend inner\n    server n1 inner:8088\n",
    )
    service = stacks.nginx(s, inner, "127.0.0.1:8088:8088")
    s.compose({"registry": stacks.registry(s), "inner": service, "lb": {**front, "depends_on": ["inner"]}})
    s.up()
    t = s.session()
    ask(s, t, None)
    s.give("curl.txt", t.text)
    s.give("inner.log", s.logs("inner"))
    s.give("registry.log", s.logs("registry"))
    company.solved_notes(s, "fr")


@case(
    "h-convent-two-vhosts",
    "Apache: the library's virtual host unsets Authorization, the registry's does not.",
    verdict="healthy",
    never=[*HOP, "no-v2-route"],
)
def convent(s: Scene) -> None:
    text = (
        f"Listen 80\n<VirtualHost *:80>\n    ServerName bibliothek.{s.domain}\n    RequestHeader unset Authorization\n    ProxyPass / http://10.20.0.31:8090/\n</VirtualHost>\n"
        f'<VirtualHost *:80>\n    ServerName {s.host}\n    ProxyPreserveHost On\n    RequestHeader set X-Forwarded-Proto "http"\n'
        "    ProxyPass        /v2/ http://registry:5000/v2/\n    ProxyPassReverse /v2/ http://registry:5000/v2/\n</VirtualHost>\n"
    )
    s.compose({"registry": stacks.registry(s), "web": stacks.apache(s, text)})
    s.up()
    t = s.session()
    ask(s, t, None)
    s.give("curl.txt", t.text)
    s.give("access.log", s.logs("web", prefix=False, only="GET"))
    s.give("registry.log", s.logs("registry"))


@case(
    "h-chapel-another-location",
    "Apache: Authorization is unset in /status only; docker logs in through /v2/.",
    verdict="healthy",
    never=HOP,
)
def chapel(s: Scene) -> None:
    text = (
        f"Listen 80\n<VirtualHost *:80>\n    ServerName {s.host}\n    ProxyPreserveHost On\n    <Location /status>\n        RequestHeader unset Authorization\n"
        "        ProxyPass http://10.20.0.33:8000/\n    </Location>\n    ProxyPass /v2/ http://registry:5000/v2/\n    ProxyPassReverse /v2/ http://registry:5000/v2/\n</VirtualHost>\n"
    )
    s.compose({"registry": stacks.registry(s, 3), "web": stacks.apache(s, text)})
    s.up()
    t = s.session()
    work(s, t, 80)
    t.curl("-i", "-u", s.login, s.url("/v2/_catalog", None))
    s.give("terminal.txt", t.text)
    company.key_ring(s, f"{s.host}:80")


@case(
    "h-dune-logs-of-both",
    "Logs only, of the edge and the registry: the same requests, authorised; strangers refused.",
    verdict="healthy",
    never=[*HOP, *FILE],
)
def dune(s: Scene) -> None:
    with_nginx(s, stacks.nginx_site(s), version=3)
    company.scanners(s, 80, 2)
    t = s.session()
    ask(s, t, None)
    try_login(s, t, None, path="/v2/_catalog")
    company.colleague_works(s, 80)
    s.bundle.clear()
    s.give("compose.log", s.logs("edge") + s.logs("registry"))


@case(
    "h-reef-probe-through-the-page",
    "Our own probe asked both doors before; the page and the registry answer rightly.",
    verdict="healthy",
    never=[*HOP, *CORS, *FILE],
)
def reef(s: Scene) -> None:
    with_ui(s)
    company.own_probe(s, "--registry", s.url(""), "--ui", s.url("", 8080))
    s.pause(minutes=35)
    t = s.session()
    ask(s, t, 8080)
    try_login(s, t, option="-i")
    s.give("curl.txt", t.text)
    s.give("ui.log", s.logs("ui"))
    s.give(
        "registry.log",
        s.logs("registry", only="authenticating user|/v2/_catalog HTTP|GET /v2/ HTTP|authorized request"),
    )


@case(
    "h-atoll-stale-and-mended",
    "Last month nginx kept an old address (502 in the rotated error log); it was reloaded, today it works.",
    verdict="healthy",
    never=["nginx-stale-dns", "registry-unreachable", "upstream-name-not-resolved"],
)
def atoll(s: Scene) -> None:
    from tests.untidy.recorder.clients import execute

    with_nginx(s, stacks.nginx_site(s))
    execute("docker", "stop", "-t", "1", s.container("registry"))
    for _ in range(2):
        try_login(s, s.session(), None)
    company.old_log(s, "edge", 31, "edge-error.log.1", only="error")
    execute("docker", "start", s.container("registry"))
    s.restart("edge")
    t = s.session()
    ask(s, t, None)
    s.give("curl.txt", t.text)
    s.give("registry.log", s.logs("registry", prefix=False, only="listening|HTTP/1|authoriz"))


@case(
    "h-island-forwarded-elsewhere",
    "A redirect site on port 80 for everybody, the registry behind TLS on 443: login and catalog work there.",
    verdict="healthy",
    never=["redirect-drops-authorization", "no-v2-route", "other-vhost-answers-https"],
)
def island(s: Scene) -> None:
    sites = {
        "00-default.conf": "server {\n    listen 80 default_server;\n    server_name _;\n    return 301 https://$host$request_uri;\n}\n",
        "30-registry.conf": stacks.nginx_site(s, listen="443 ssl"),
    }
    service = stacks.nginx(s, sites, "443:443", tls=True)
    service["ports"].append("80:80")
    s.compose({"registry": stacks.registry(s, port="127.0.0.1:5000:5000"), "edge": service})
    s.up()
    s.outside("198.51.100.44", "-A", "masscan/1.3", f"http://{s.address}/")
    t = s.session()
    ask(s, t, None, "https", "-i", "/v2/_catalog")
    s.give("curl.txt", t.text)
    s.give("edge.log", s.logs("edge"))
    s.give("registry.log", s.logs("registry"))


@case(
    "h-pagoda-live-tail",
    "A terminal in which curl and the followed log alternate; a scanner butts in; all as it should be.",
    verdict="healthy",
    never=[*HOP, *FILE],
)
def pagoda(s: Scene) -> None:
    with_nginx(s, stacks.nginx_site(s))
    t = s.session("ops@srv2:~$ ")
    t.curl("-i", s.url(port=None))
    company.scanners(s, 80, 1)
    t.curl("-i", "-u", s.login, s.url("/v2/_catalog", None))
    t.show("docker compose logs --tail 8 registry", s.logs("registry", last=8))
    s.give("screen.txt", t.text)
    company.second_project(s)
    company.env_file(s)
