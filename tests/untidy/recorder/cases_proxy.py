"""Faults of the hops in front of the registry, in company: what happens to Authorization and the challenge."""

import re

from tests.untidy.recorder import company, stacks
from tests.untidy.recorder.clients import execute
from tests.untidy.recorder.flows import try_login
from tests.untidy.recorder.scene import Scene, case

FILE = ["htpasswd-wrong-password", "htpasswd-not-bcrypt", "htpasswd-user-missing"]
STRIP = 'Authorization ""'
PLAIN = ("Host $http_host", "X-Real-IP $remote_addr", "X-Forwarded-Proto $scheme")


def behind_nginx(
    s: Scene,
    site: str,
    port: str = "80:80",
    more: dict[str, str] | None = None,
    version: int = 2,
    users: str | None = None,
) -> None:
    """Registry behind nginx (with other sites when there are more), up."""
    sites = {**more, "30-registry.conf": site} if more else site
    s.compose({"registry": stacks.registry(s, version, users=users), "edge": stacks.nginx(s, sites, port)})
    s.up()


def both_doors(s: Scene, port: int | None = None, option: str = "-v") -> str:
    """The login at the registry itself, then through the hop."""
    t = s.session()
    try_login(s, t, 5000, "-i")
    try_login(s, t, port, option)
    return t.text


@case(
    "f-kettle-one-site-of-four",
    "Of four nginx sites the registry's own empties Authorization, too.",
    verdict="fault",
    cause="authorization-stripped",
    never=[*FILE, "proxy-overwrites-authorization", "double-auth-one-header"],
)
def kettle(s: Scene) -> None:
    behind_nginx(s, stacks.nginx_site(s, (*PLAIN, STRIP)), more=company.other_nginx_sites(s))
    s.give("curl.txt", both_doors(s))
    s.give("registry.log", s.logs("registry", prefix=False))
    s.give("access.log", s.logs("edge", prefix=False))
    company.key_ring(s)


@case(
    "f-arch-in-the-override",
    "The override in force gives the UI an empty NGINX_PROXY_HEADER_Authorization; the base file is sound.",
    verdict="fault",
    cause="authorization-stripped",
    never=[*FILE, "env-name-malformed", "proxy-overwrites-authorization"],
)
def arch(s: Scene) -> None:
    s.compose({"registry": stacks.registry(s, 3), "ui": stacks.ui(s)})
    s.file(
        "docker-compose.override.yml",
        'services:\n  ui:\n    environment:\n      NGINX_PROXY_HEADER_Authorization: ""\n    labels:\n      owner: platform\n',
    )
    s.compose_files = ("docker-compose.yml", "docker-compose.override.yml")
    s.up()
    s.give("curl.txt", both_doors(s, 8080))
    s.give("registry.log", s.logs("registry"))
    company.theory(s, 3)
    company.scanners(s, 8080, 2)
    s.give("ui.log", s.logs("ui"))


@case(
    "f-vault-caddy-removes",
    "Caddy removes Authorization at the registry's site; another site and old copies beside.",
    verdict="fault",
    cause="authorization-stripped",
    never=[*FILE, "proxy-overwrites-authorization"],
)
def vault(s: Scene) -> None:
    text = (
        f"http://wiki.{s.domain} {{\n\treverse_proxy 10.20.0.31:8090\n}}\n\nhttp://{s.host} {{\n\tlog\n\treverse_proxy registry:5000 {{\n"
        "\t\theader_up -Authorization\n\t}\n}\n"
    )
    s.compose({"registry": stacks.registry(s), "caddy": stacks.caddy(s, text)})
    s.up()
    s.give("curl.txt", both_doors(s))
    s.give("registry.log", s.logs("registry", prefix=False))
    s.give("Caddyfile.old", text.replace("\t\theader_up -Authorization\n", ""))
    company.solved_notes(s, "fr")


@case(
    "f-citrus-haproxy-deletes",
    "HAProxy deletes Authorization in the registry's backend; logins of other registries beside.",
    verdict="fault",
    cause="authorization-stripped",
    never=[*FILE, "stale-stored-credentials", "www-authenticate-missing"],
)
def citrus(s: Scene) -> None:
    text = (
        f"frontend web\n    bind *:80\n    use_backend wiki if {{ hdr(host) -i wiki.{s.domain} }}\n    default_backend images\n\n"
        "backend images\n    http-request del-header Authorization\n    http-request set-header X-Forwarded-Proto http\n    server r1 registry:5000\n\n"
        "backend wiki\n    server w1 10.20.0.31:8090\n"
    )
    s.compose({"registry": stacks.registry(s, 3), "lb": stacks.haproxy(s, text)})
    s.up()
    t = s.session()
    try_login(s, t, 5000, "-i")
    t.login(f"{s.host}:80")
    s.give("terminal.txt", t.text)
    s.give("registry.log", s.logs("registry"))
    company.key_ring(s)
    company.gitlab_ci(s)


@case(
    "f-deanery-apache-unsets",
    "Apache unsets Authorization in the registry's virtual host; the library's is sound.",
    verdict="fault",
    cause="authorization-stripped",
    never=[*FILE, "no-v2-route"],
)
def deanery(s: Scene) -> None:
    text = (
        f"Listen 80\n<VirtualHost *:80>\n    ServerName bibliothek.{s.domain}\n    ProxyPass / http://10.20.0.31:8090/\n</VirtualHost>\n<VirtualHost *:80>\n    ServerName {s.host}\n"
        "    ProxyPreserveHost On\n    RequestHeader unset Authorization\n    ProxyPass        /v2/ http://registry:5000/v2/\n    ProxyPassReverse /v2/ http://registry:5000/v2/\n</VirtualHost>\n"
    )
    s.compose({"registry": stacks.registry(s), "web": stacks.apache(s, text)})
    s.up()
    s.give("curl.txt", both_doors(s))
    s.give("registry.log", s.logs("registry"))
    company.vendor_kit(s)


@case(
    "f-estuary-two-logs",
    "Logs only: nginx was sent a user, the registry saw no login in the same requests; direct requests are authorised.",
    verdict="fault",
    cause="authorization-stripped",
    never=[*FILE, "proxy-overwrites-authorization"],
)
def estuary(s: Scene) -> None:
    behind_nginx(s, stacks.nginx_site(s, (*PLAIN, STRIP)), version=3)
    company.scanners(s, 5000, 1)
    for _ in range(3):
        try_login(s, s.session(), None)
        execute("sleep", "1.1")
    try_login(s, s.session(), 5000)
    s.bundle.clear()
    s.give("compose.log", s.logs("edge") + s.logs("registry"))


@case(
    "f-fairground-another-user",
    "Logs only: nginx was sent one user, the registry was given another one, who is refused.",
    verdict="fault",
    cause="proxy-overwrites-authorization",
    never=[*FILE, "authorization-stripped"],
)
def fairground(s: Scene) -> None:
    other = company.basic("anzeige", s.password3)
    behind_nginx(s, stacks.nginx_site(s, (*PLAIN, f'Authorization "Basic {other}"')))
    for _ in range(3):
        try_login(s, s.session(), None)
        execute("sleep", "1.1")
    try_login(s, s.session(), 5000)
    s.bundle.clear()
    s.give("edge.log", s.logs("edge"))
    s.give("registry.log", s.logs("registry"))


@case(
    "f-granary-variable-of-old",
    "A variable of the UI puts an old login in place of everybody's; wrong theory and scanners beside.",
    verdict="fault",
    cause="proxy-overwrites-authorization",
    never=[*FILE, "authorization-stripped", "stale-stored-credentials"],
)
def granary(s: Scene) -> None:
    old = company.basic(s.third, s.password3)
    s.compose({"registry": stacks.registry(s, 3), "ui": stacks.ui(s, NGINX_PROXY_HEADER_Authorization=f"Basic {old}")})
    s.up()
    company.scanners(s, 5000, 2)
    s.give("curl.txt", both_doors(s, 8080))
    s.give("registry.log", s.logs("registry"))
    company.theory(s, 4)
    company.env_file(s)


@case(
    "f-hangar-everybody-in",
    "nginx adds a valid login to every request: through it everybody is let in without one.",
    verdict="fault",
    cause="proxy-bypasses-auth",
    never=[*FILE, "auth-not-enforced", "ping-not-challenged"],
)
def hangar(s: Scene) -> None:
    valid = company.basic(s.user, s.password)
    behind_nginx(s, stacks.nginx_site(s, (*PLAIN, f'Authorization "Basic {valid}"')), more=company.other_nginx_sites(s))
    t = s.session()
    t.curl("-i", s.url())
    t.curl("-i", s.url("/v2/_catalog", None))
    t.curl("-i", "-u", "nobody:nothing", s.url("/v2/_catalog", None))
    s.give("curl.txt", t.text)
    s.give("registry.log", s.logs("registry", prefix=False))
    company.solved_notes(s, "en")


@case(
    "f-icehouse-made-with-echo",
    "nginx injects base64 made with echo: the newline is part of the password.",
    verdict="fault",
    cause="static-basic-credential-wrong-encoding",
    also=["proxy-overwrites-authorization"],
    never=[*FILE, "authorization-stripped", "base64-trailing-newline"],
)
def icehouse(s: Scene) -> None:
    wrong = company.basic(s.user, s.password + "\n")
    behind_nginx(s, stacks.nginx_site(s, (*PLAIN, f'Authorization "Basic {wrong}"')), version=3)
    t = s.session()
    try_login(s, t, 5000, "-i")
    t.curl("-i", s.url("/v2/_catalog", None))
    s.give("curl.txt", t.text)
    s.give("registry.log", s.logs("registry"))
    company.key_ring(s)
    company.github_workflow(s)


@case(
    "f-jetty-two-doorkeepers",
    "nginx asks for a login of its own and hands the same header on; the registry has other users.",
    verdict="fault",
    cause="double-auth-one-header",
    never=[*FILE, "authorization-stripped", "proxy-cannot-verify-bcrypt", "www-authenticate-missing"],
)
def jetty(s: Scene) -> None:
    site = stacks.nginx_site(s, more=('auth_basic "Hafenmeister";', "auth_basic_user_file /etc/nginx/gate.htpasswd;"))
    service = stacks.nginx(s, site)
    s.file("gate.htpasswd", stacks.apr1("gate", s.password3) + "\n")
    service["volumes"].append("./gate.htpasswd:/etc/nginx/gate.htpasswd:ro")
    s.compose({"registry": stacks.registry(s), "edge": service})
    s.up()
    t = s.session()
    t.curl("-i", s.url(port=None))
    try_login(s, t, None, "-i", password=s.password3, user="gate")
    try_login(s, t, None, "-i")
    try_login(s, t, 5000, "-i")
    s.give("curl.txt", t.text)
    s.give("registry.log", s.logs("registry"))
    company.backups(s)


@case(
    "f-kiln-friendly-ping",
    "nginx itself answers the ping 200, so docker never shows its login and the push is refused.",
    verdict="fault",
    cause="ping-not-challenged",
    never=[
        *FILE,
        "auth-not-enforced",
        "authorization-stripped",
        "credentials-under-other-host",
        "stale-stored-credentials",
    ],
)
def kiln(s: Scene) -> None:
    site = stacks.nginx_site(s).replace(
        "    location /v2/",
        "    location = /v2/ {\n        default_type application/json;\n        return 200 '{}';\n    }\n    location /v2/",
    )
    behind_nginx(s, site)
    t = s.session()
    t.login(f"{s.host}:80")
    t.push(f"{s.host}:80/{s.org}/brick:7")
    t.curl("-i", s.url(port=None))
    s.give("terminal.txt", t.text)
    s.give("edge.log", s.logs("edge", first=8))
    company.key_ring(s, f"{s.host}:80")
    company.theory(s, 6)


@case(
    "f-lyceum-challenge-hidden",
    "nginx hides WWW-Authenticate of the registry's answers; docker and skopeo do not know what to do.",
    verdict="fault",
    cause="www-authenticate-missing",
    never=[*FILE, "authorization-stripped", "ping-not-challenged"],
)
def lyceum(s: Scene) -> None:
    behind_nginx(s, stacks.nginx_site(s, more=("proxy_hide_header WWW-Authenticate;",)), version=3)
    t = s.session()
    t.curl("-i", s.url())
    t.curl("-i", s.url(port=None))
    t.login(f"{s.host}:80")
    s.give("terminal.txt", t.text)
    s.give("registry.log", s.logs("registry", prefix=False))
    company.scanners(s, 80, 1)
    company.solved_notes(s, "de")


@case(
    "f-manor-two-walls",
    "Two faults in a row: HAProxy deletes Authorization (seen), and the entry behind it is apr1.",
    verdict="fault",
    cause="authorization-stripped",
    also=["htpasswd-not-bcrypt"],
    warn=["authorization-stripped", "htpasswd-not-bcrypt"],
    never=["htpasswd-wrong-password", "htpasswd-user-missing"],
)
def manor(s: Scene) -> None:
    text = "frontend web\n    bind *:80\n    default_backend images\n\nbackend images\n    http-request del-header Authorization\n    server r1 registry:5000\n"
    s.compose(
        {"registry": stacks.registry(s, 3, users=stacks.apr1(s.user, s.password) + "\n"), "lb": stacks.haproxy(s, text)}
    )
    s.up()
    t = s.session()
    try_login(s, t, None)
    s.give("curl.txt", t.text)
    s.give("registry.log", s.logs("registry"))
    company.vendor_kit(s)
    company.key_ring(s)


@case(
    "f-novitiate-file-is-right",
    "The site file on disk is mended, the container still has the old one (a single mounted file was replaced) and empties Authorization.",
    verdict="fault",
    cause="file-not-reloaded",
    never=[*FILE, "double-auth-one-header"],
)
def novitiate(s: Scene) -> None:
    behind_nginx(s, stacks.nginx_site(s, (*PLAIN, STRIP)))
    name = next(n for n in s.bundle if n.endswith(".conf"))
    s.pause(hours=20)
    s.file(name + ".new", stacks.nginx_site(s), give=False)
    (s.folder / f"{name}.new").rename(s.folder / name)
    s.bundle[name] = (s.folder / name).read_bytes()
    execute("docker", "exec", s.container("edge"), "nginx", "-s", "reload")
    t = s.session()
    t.show("docker compose exec edge nginx -s reload", "")
    try_login(s, t, 5000, "-i")
    try_login(s, t, None, "-i")
    t.show(
        "docker compose exec edge cat /etc/nginx/conf.d/default.conf",
        execute("docker", "exec", s.container("edge"), "cat", "/etc/nginx/conf.d/default.conf"),
    )
    t.show(f"cat {name}", (s.folder / name).read_text())
    s.give("terminal.txt", t.text)
    s.give("registry.log", s.logs("registry"))


@case(
    "f-oratory-rule-of-the-house",
    "nginx lets only the office's network in and answers 403 itself; the registry never hears of it.",
    verdict="fault",
    cause="access-denied-by-rule",
    never=[*FILE, "authorization-stripped", "client-max-body-size", "port-taken-by-other-program"],
)
def oratory(s: Scene) -> None:
    behind_nginx(
        s, stacks.nginx_site(s, more=("allow 172.31.200.0/24;", "deny all;")), more=company.other_nginx_sites(s)
    )
    t = s.session()
    try_login(s, t, 5000, "-i")
    try_login(s, t, None, "-i")
    t.login(f"{s.host}:80")
    s.give("terminal.txt", t.text)
    s.give("edge.log", s.logs("edge"))
    s.give("registry.log", s.logs("registry"))


@case(
    "f-palace-docker-only",
    "nginx lets only docker's User-Agent pass: docker logs in, skopeo gets nginx's own 404.",
    verdict="fault",
    cause="user-agent-filter",
    never=[*FILE, "no-v2-route", "authorization-stripped"],
)
def palace(s: Scene) -> None:
    site = stacks.nginx_site(s).replace(
        "        proxy_pass",
        '        if ($http_user_agent !~ "^docker/") {\n            return 404;\n        }\n        proxy_pass',
        1,
    )
    behind_nginx(s, site)
    t = s.session()
    t.login(f"{s.host}:80")
    t.push(f"{s.host}:80/{s.org}/throne:1")
    t.skopeo("list-tags", "--tls-verify=false", "--creds", s.login, f"docker://{s.host}:80/{s.org}/throne")
    s.give("terminal.txt", t.text)
    s.give("access.log", re.sub(r"(?m)^.*(blobs|manifests).*\n", "", s.logs("edge", prefix=False)))
    company.key_ring(s, f"{s.host}:80")
    company.theory(s, 1)


@case(
    "f-rectory-sent-elsewhere",
    "nginx redirects to another host, and curl drops the login on the way, as every client does.",
    verdict="fault",
    cause="redirect-drops-authorization",
    never=[*FILE, "authorization-stripped", "location-header-wrong-host"],
)
def rectory(s: Scene) -> None:
    second = f"store.{s.domain}"
    s.hosts[second] = s.address
    s.engine.name(s.hosts)
    front = (
        f"server {{\n    listen 80;\n    server_name {s.host};\n    return 307 http://{second}:5000$request_uri;\n}}\n"
    )
    behind_nginx(s, front)
    t = s.session()
    t.curl("-sS", "-L", "-v", "-u", s.login, s.url(port=None), shown=f"curl -L -v -u {s.login} {s.url(port=None)}")
    t.curl("-i", "-u", s.login, s.url(host=second))
    s.give("curl.txt", t.text)
    s.give("registry.log", s.logs("registry"))
    company.second_project(s)
    company.foreign_daemon(s)
