"""Faults of addresses, paths, sizes and times between the hops, in company."""

import re
import shlex

from tests.untidy.recorder import company, stacks
from tests.untidy.recorder.clients import execute
from tests.untidy.recorder.engine import run
from tests.untidy.recorder.flows import try_login
from tests.untidy.recorder.scene import Scene, case

FILE = ["htpasswd-wrong-password", "htpasswd-not-bcrypt", "htpasswd-user-missing"]
HEAD = ("Host $http_host", "X-Real-IP $remote_addr", "X-Forwarded-Proto $scheme")


def behind_nginx(
    s: Scene,
    site: str,
    port: str = "80:80",
    tls: bool = False,
    version: int = 2,
    more: dict[str, str] | None = None,
    **settings: str,
) -> None:
    """Registry behind nginx, up."""
    sites = {**more, "30-registry.conf": site} if more else site
    s.compose({"registry": stacks.registry(s, version, **settings), "edge": stacks.nginx(s, sites, port, tls)})
    s.up()


@case(
    "f-alcove-http-in-location",
    "TLS ends at nginx and nobody tells the registry: Location is http, skopeo's upload breaks.",
    verdict="fault",
    cause="x-forwarded-proto-missing",
    never=[*FILE, "location-header-port-lost", "scheme-mismatch-upstream", "tls-ca-not-trusted"],
)
def alcove(s: Scene) -> None:
    behind_nginx(s, stacks.nginx_site(s, HEAD[:2], listen="443 ssl"), "443:443", tls=True)
    t = s.session()
    t.curl("-i", "-k", "-u", s.login, s.url("/v2/", None, "https"))
    t.curl("-i", "-k", "-u", s.login, "-X", "POST", s.url(f"/v2/{s.org}/lamp/blobs/uploads/", None, "https"))
    s.give("curl.txt", t.text)
    s.give("registry.log", s.logs("registry"))
    company.solved_notes(s, "es")
    company.key_ring(s)


@case(
    "f-barracks-port-lost",
    "nginx hands on $host without the port 8080: login works, the push follows Location to port 80.",
    verdict="fault",
    cause="location-header-port-lost",
    never=[*FILE, "location-header-wrong-host", "http-host-wrong", "registry-unreachable"],
)
def barracks(s: Scene) -> None:
    behind_nginx(s, stacks.nginx_site(s, ("Host $host", *HEAD[1:])), "8080:80")
    t = s.session()
    t.login(f"{s.host}:8080")
    t.push(f"{s.host}:8080/{s.org}/bed:3")
    t.curl("-i", "-u", s.login, "-X", "POST", s.url(f"/v2/{s.org}/bed/blobs/uploads/", 8080))
    s.give("terminal.txt", t.text)
    s.give("edge.log", s.logs("edge", last=8))
    company.key_ring(s, f"{s.host}:8080")
    company.solved_notes(s, "de")


@case(
    "f-cellar-inside-host",
    "nginx sends a name of the inside as Host: Location leads there and the push cannot follow.",
    verdict="fault",
    cause="location-header-wrong-host",
    never=[*FILE, "location-header-port-lost", "http-host-wrong", "upstream-name-not-resolved"],
)
def cellar(s: Scene) -> None:
    behind_nginx(s, stacks.nginx_site(s, ("Host images.intern", *HEAD[1:])), version=3)
    t = s.session()
    t.login(f"{s.host}:80")
    t.push(f"{s.host}:80/{s.org}/cask:12")
    t.curl("-i", "-u", s.login, "-X", "POST", s.url(f"/v2/{s.org}/cask/blobs/uploads/", None))
    s.give("terminal.txt", t.text)
    company.theory(s, 1)
    company.gitlab_ci(s)


@case(
    "f-dormitory-one-megabyte",
    "Login works; a layer of two megabytes is refused by nginx with 413. Other sites have limits of their own.",
    verdict="fault",
    cause="client-max-body-size",
    never=[*FILE, "proxy-timeout", "authorization-stripped", "location-header-port-lost"],
)
def dormitory(s: Scene) -> None:
    behind_nginx(s, stacks.nginx_site(s, server=()), more=company.other_nginx_sites(s))
    t = s.session()
    t.login(f"{s.host}:80")
    t.push(f"{s.host}:80/{s.org}/mattress:1", big=2)
    s.give("terminal.txt", t.text)
    s.give("edge.log", s.logs("edge", prefix=False, only="413|too large|GET /v2/ "))
    company.key_ring(s, f"{s.host}:80")


@case(
    "f-engine-slash-too-many",
    "proxy_pass with a slash turns /v2/ into /: through nginx a redirect or 404, direct 200.",
    verdict="fault",
    cause="proxy-pass-uri-rewrite",
    never=[*FILE, "no-v2-route", "authorization-stripped", "http-prefix-set"],
)
def engine(s: Scene) -> None:
    behind_nginx(s, stacks.nginx_site(s, upstream="http://registry:5000/"))
    t = s.session()
    try_login(s, t, 5000, "-i", "/v2/_catalog")
    try_login(s, t, None, "-i", "/v2/_catalog")
    t.curl("-i", s.url(port=None))
    s.give("curl.txt", t.text)
    s.give("compose.log", s.logs("edge") + s.logs("registry"))
    company.vendor_kit(s)


@case(
    "f-furnace-static-page",
    "The site serves files for every path, /v2/ has no route; an old copy of the site had one.",
    verdict="fault",
    cause="no-v2-route",
    never=[*FILE, "proxy-pass-uri-rewrite", "registry-unreachable", "http-prefix-set"],
)
def furnace(s: Scene) -> None:
    site = f"server {{\n    listen 80;\n    server_name {s.host};\n    location / {{\n        root /usr/share/nginx/html;\n    }}\n}}\n"
    behind_nginx(s, site, version=3)
    name = next(n for n in s.bundle if n.endswith(".conf"))
    s.give(name + ".orig", stacks.nginx_site(s))
    t = s.session()
    try_login(s, t, 5000, "-i")
    t.login(f"{s.host}:80")
    t.curl("-i", s.url(port=None))
    s.give("terminal.txt", t.text)
    s.give("edge.log", s.logs("edge"))


@case(
    "f-gatehouse-itself",
    "Logs only: the UI's nginx is refused at 127.0.0.1:5000, that is itself; the registry answers direct. Robots in both logs.",
    verdict="fault",
    cause="upstream-is-localhost",
    never=["registry-unreachable", "nginx-stale-dns", "upstream-wrong-port"],
)
def gatehouse(s: Scene) -> None:
    s.compose({"registry": stacks.registry(s, 3), "ui": stacks.ui(s, NGINX_PROXY_PASS_URL="http://127.0.0.1:5000")})
    s.up()
    company.scanners(s, 5000, 1)
    s.outside("203.0.113.9", "-A", "l9explore/1.2.2", f"http://{s.address}:8080/.env")
    try_login(s, s.session(), 8080, path="/v2/_catalog")
    try_login(s, s.session(), 5000, path="/v2/_catalog")
    s.bundle.clear()
    s.give("ui.log", s.logs("ui"))
    s.give("registry.log", s.logs("registry"))


@case(
    "f-hermitage-own-loopback",
    "NGINX_PROXY_PASS_URL names localhost, which in the UI's container is the UI; direct all is well.",
    verdict="fault",
    cause="upstream-is-localhost",
    never=[*FILE, "registry-unreachable", "upstream-wrong-port", "nginx-stale-dns"],
)
def hermitage(s: Scene) -> None:
    s.compose({"registry": stacks.registry(s), "ui": stacks.ui(s, NGINX_PROXY_PASS_URL="http://localhost:5000")})
    company.env_file(s)
    s.up()
    t = s.session()
    try_login(s, t, 5000, "-i")
    try_login(s, t, 8080, "-i")
    s.give("curl.txt", t.text)
    s.give("ui.log", s.logs("ui"))
    company.theory(s, 2)
    company.dead_containers(s)


@case(
    "f-inn-one-letter",
    "One letter of the upstream's name is wrong: nginx does not start, its port is closed; the registry runs.",
    verdict="fault",
    cause="upstream-name-not-resolved",
    never=[*FILE, "port-mapping-mismatch", "upstream-is-localhost", "nginx-stale-dns"],
)
def inn(s: Scene) -> None:
    s.compose(
        {"registry": stacks.registry(s), "edge": stacks.nginx(s, stacks.nginx_site(s, upstream="http://registri:5000"))}
    )
    s.up(expect_running=False)
    execute("sleep", "2")
    t = s.session()
    try_login(s, t, 5000, "-i")
    t.curl("-sS", "-i", s.url(port=None), shown="curl -i " + s.url(port=None))
    s.give("terminal.txt", t.text)
    s.give("edge.log", s.logs("edge", only="emerg|error", first=3))
    company.dead_containers(s)
    company.solved_notes(s, "it")


@case(
    "f-jailhouse-published-port",
    "The UI's upstream has the published port 5001; inside, the registry listens on 5000.",
    verdict="fault",
    cause="upstream-wrong-port",
    never=[*FILE, "registry-unreachable", "nginx-stale-dns", "upstream-is-localhost"],
)
def jailhouse(s: Scene) -> None:
    s.compose(
        {
            "registry": stacks.registry(s, port="5001:5000"),
            "ui": stacks.ui(s, NGINX_PROXY_PASS_URL="http://registry:5001"),
        }
    )
    s.up()
    t = s.session()
    try_login(s, t, 5001, "-i")
    try_login(s, t, 8080, "-i")
    s.give("curl.txt", t.text)
    s.give("compose.log", s.logs("ui") + s.logs("registry"))
    company.key_ring(s)
    company.theory(s, 4)


@case(
    "f-keep-two-ports-in-logs",
    "Logs only: the registry listens on 5000, nginx asks it at 5001 and is refused; a monitor asks direct.",
    verdict="fault",
    cause="upstream-wrong-port",
    never=["registry-unreachable", "nginx-stale-dns", "upstream-is-localhost"],
)
def keep(s: Scene) -> None:
    behind_nginx(s, stacks.nginx_site(s, upstream="http://registry:5001"))
    company.monitor(s, 5000)
    for _ in range(2):
        try_login(s, s.session(), None)
    try_login(s, s.session(), 5000)
    s.bundle.clear()
    s.give("edge.log", s.logs("edge"))
    s.give("registry.log", s.logs("registry"))


@case(
    "f-loft-https-to-plain",
    "nginx speaks https to a registry that speaks http: 502, wrong version number.",
    verdict="fault",
    cause="scheme-mismatch-upstream",
    never=[*FILE, "registry-unreachable", "tls-ca-not-trusted", "upstream-wrong-port"],
)
def loft(s: Scene) -> None:
    behind_nginx(s, stacks.nginx_site(s, upstream="https://registry:5000"), version=3)
    t = s.session()
    try_login(s, t, 5000, "-i")
    try_login(s, t, None, "-i")
    s.give("curl.txt", t.text)
    s.give("edge.log", s.logs("edge", prefix=False))
    company.second_project(s, "staging", 1)
    company.solved_notes(s, "en")


@case(
    "f-mansard-http-to-tls",
    "The registry ends TLS itself, nginx speaks http to it: 400, Client sent an HTTP request to an HTTPS server.",
    verdict="fault",
    cause="scheme-mismatch-upstream",
    never=[*FILE, "htpasswd-invalid-line", "client-speaks-http-to-tls", "authorization-stripped"],
)
def mansard(s: Scene) -> None:
    service = stacks.registry(
        s, 2, port="5443:5000", REGISTRY_HTTP_TLS_CERTIFICATE="/certs/site.crt", REGISTRY_HTTP_TLS_KEY="/certs/site.key"
    )
    service["volumes"].append("./certs:/certs:ro")
    stacks.certificate(s, s.host)
    s.compose({"registry": service, "edge": stacks.nginx(s, stacks.nginx_site(s))})
    s.up()
    t = s.session()
    t.curl("-i", "-k", "-u", s.login, s.url("/v2/", 5443, "https"))
    try_login(s, t, None, "-i")
    s.give("curl.txt", t.text)
    s.give("compose.log", s.logs("edge") + s.logs("registry"))
    company.theory(s, 7)


@case(
    "f-nave-old-address",
    "The registry was created anew and has another address; nginx asks at the old one: 502 there, 200 direct.",
    verdict="fault",
    cause="nginx-stale-dns",
    never=[*FILE, "upstream-is-localhost", "upstream-wrong-port", "upstream-name-not-resolved"],
)
def nave(s: Scene) -> None:
    behind_nginx(s, stacks.nginx_site(s))
    t = s.session()
    try_login(s, t, None, "-i")
    s.pause(days=3)
    form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    execute("docker", "rm", "-f", s.container("registry"))
    network = f"{s.org}_default"
    run("docker", "run", "-d", "--network", network, "--name", f"{s.org}-cron-1", "nginx:base", "sleep", "600")
    s.compose_command("up", "-d", "--no-deps", "registry")
    execute("sleep", "1")
    t.show(
        "docker compose up -d --force-recreate registry",
        f" Container {s.org}-registry-1  Recreated\n Container {s.org}-registry-1  Started",
    )
    try_login(s, t, None, "-i")
    try_login(s, t, 5000, "-i")
    t.show(
        f"docker inspect -f '{form}' {s.org}-registry-1",
        execute("docker", "inspect", "-f", form, s.container("registry")),
    )
    s.give("terminal.txt", t.text)
    s.give("edge.log", s.logs("edge", prefix=False))
    s.give("registry.log", s.logs("registry", prefix=False))
    company.backups(s)


@case(
    "f-oriel-wrong-vhost",
    "The outer nginx hands on a Host that selects the inner one's default site: its page, 404; with the right Host it works.",
    verdict="fault",
    cause="host-header-wrong-for-upstream-vhost",
    also=["no-v2-route"],
    never=[*FILE, "authorization-stripped", "registry-unreachable"],
)
def oriel(s: Scene) -> None:
    default = "server {\n    listen 8088 default_server;\n    server_name _;\n    location / {\n        return 404 '<html><body>no such site here</body></html>';\n    }\n}\n"
    inner = default + stacks.nginx_site(
        s, ("Host $http_host", "X-Forwarded-Proto $http_x_forwarded_proto"), listen="8088"
    )
    outer = stacks.nginx_site(s, ("Host inner", "X-Forwarded-Proto $scheme"), upstream="http://inner:8088")
    s.file("outer.conf", outer)
    s.file("inner.conf", inner)
    image = "nginx:1.27"
    s.compose({
        "registry": stacks.registry(s, port=None),
        "inner": {"image": image, "ports": ["127.0.0.1:8088:8088"], "volumes": ["./inner.conf:/etc/nginx/conf.d/default.conf:ro"], "depends_on": ["registry"]},
        "edge": {"image": image, "ports": ["80:80"], "volumes": ["./outer.conf:/etc/nginx/conf.d/default.conf:ro"], "depends_on": ["inner"]},
    })  # fmt: skip
    s.up()
    t = s.session()
    try_login(s, t, None, "-i")
    t.curl("-i", "-u", s.login, "-H", f"Host: {s.host}", "http://127.0.0.1:8088/v2/")
    s.give("curl.txt", t.text)
    s.give("compose.log", s.logs("edge") + s.logs("inner"))
    company.vendor_kit(s)


@case(
    "f-parapet-slow-hash",
    "The cost of the hash is 16: each request takes seconds, nginx gives up after two (504), direct it is 200 in the end.",
    verdict="fault",
    cause="bcrypt-cost-too-high",
    also=["proxy-timeout"],
    never=[*FILE, "registry-unreachable", "authorization-stripped", "nginx-stale-dns"],
)
def parapet(s: Scene) -> None:
    s.compose({
        "registry": stacks.registry(s, users=s.entry(cost=16) + "\n"),
        "edge": stacks.nginx(s, stacks.nginx_site(s, more=("proxy_read_timeout 2s;",))),
    })  # fmt: skip
    s.up()
    t = s.session()
    t.curl("-i", s.url(port=None))
    try_login(s, t, None, "-i")
    t.curl("-i", "-w", "time_total %{time_total}\\n", "-u", s.login, s.url())
    s.give("curl.txt", t.text)
    s.give("edge.log", s.logs("edge", prefix=False))
    s.give("registry.log", s.logs("registry", without="PurgeUploads|redis"))
    company.key_ring(s)


@case(
    "f-quadrangle-cut-after-two",
    "nginx waits two seconds for an answer to an upload that takes longer: 504 in its log, login fine. Logs and site file.",
    verdict="fault",
    cause="proxy-timeout",
    never=[*FILE, "client-max-body-size", "registry-unreachable", "bcrypt-cost-too-high"],
)
def quadrangle(s: Scene) -> None:
    site = stacks.nginx_site(s, more=("proxy_read_timeout 2s;",))
    behind_nginx(s, site)
    t = s.session()
    try_login(s, t, None, "-i")
    location = t.curl("-i", "-u", s.login, "-X", "POST", s.url(f"/v2/{s.org}/stone/blobs/uploads/", None))
    place = next(line.split(": ")[1].strip() for line in location.splitlines() if line.startswith("Location"))
    execute("docker", "pause", s.container("registry"))
    s.file("layer.tar", s.rng.randbytes(200_000), give=False)
    command = (
        "-i",
        "-u",
        s.login,
        "-X",
        "PATCH",
        "-H",
        "Content-Type: application/octet-stream",
        "--data-binary",
        f"@{s.folder}/layer.tar",
        place,
    )
    t.curl(*command, shown="curl " + shlex.join(command).replace(f"{s.folder}/", ""))
    execute("docker", "unpause", s.container("registry"))
    s.give("terminal.txt", t.text)
    s.give("edge.log", s.logs("edge", prefix=False))
    company.solved_notes(s, "es")


@case(
    "f-rampart-other-site-on-443",
    "The registry's name is served on port 80 only; on 443 another site answers, and docker tries https first.",
    verdict="fault",
    cause="other-vhost-answers-https",
    also=["no-v2-route"],
    never=[*FILE, "insecure-registry-missing", "authorization-stripped"],
)
def rampart(s: Scene) -> None:
    intranet = (
        f"server {{\n    listen 443 ssl;\n    server_name intranet.{s.domain};\n    ssl_certificate /certs/site.crt;\n    ssl_certificate_key /certs/site.key;\n"
        "    location / {\n        root /usr/share/nginx/html;\n    }\n}\n"
    )
    service = stacks.nginx(s, {"10-intranet.conf": intranet, "30-registry.conf": stacks.nginx_site(s)}, "80:80")
    service["ports"].append("443:443")
    service["volumes"].append("./certs:/certs:ro")
    stacks.certificate(s, f"intranet.{s.domain}")
    s.move("100.64.7.20")
    s.compose({"registry": stacks.registry(s), "edge": service})
    s.up()
    t = s.session()
    t.login(s.host)
    t.curl("-i", "-u", s.login, s.url(port=None))
    t.curl("-i", "-k", s.url("/v2/", None, "https"))
    s.give("terminal.txt", t.text)
    s.give("edge.log", s.logs("edge", prefix=False))
    s.give("registry.log", s.logs("registry"))


@case(
    "f-spire-port-then-lines",
    "Two faults in a row: nginx asks at a wrong port (502, seen), and behind it the user's entry is merged with another.",
    ("--user", "{user}", "--password-env", "CASE_PASSWORD"),
    verdict="fault",
    cause="upstream-wrong-port",
    also=["htpasswd-merged-lines"],
    warn=["upstream-wrong-port", "htpasswd-merged-lines"],
    never=["htpasswd-wrong-password", "registry-unreachable"],
)
def spire(s: Scene) -> None:
    s.compose({
        "registry": stacks.registry(s, users=s.entry(s.colleague, s.password2) + s.entry() + "\n"),
        "edge": stacks.nginx(s, stacks.nginx_site(s, upstream="http://registry:5050")),
    })  # fmt: skip
    s.up()
    t = s.session()
    try_login(s, t, None, "-i")
    s.give("curl.txt", t.text)
    s.give("compose.log", s.logs("edge") + re.sub("(?m)^.*redis.*\n", "", s.logs("registry")))
    company.theory(s, 6)
