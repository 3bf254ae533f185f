"""The stacks that the cases are made of: a registry alone, with its UI, behind nginx, Caddy, HAProxy or Apache."""

from typing import Any

from tests.untidy.recorder.engine import run
from tests.untidy.recorder.scene import Scene

Service = dict[str, Any]


def registry(
    s: Scene, version: int = 2, port: str | None = "5000:5000", users: str | None = None, **env: str
) -> Service:
    """A registry with htpasswd from the environment; None as a value leaves a variable out."""
    s.file("auth/htpasswd", s.users() if users is None else users)
    settings = {
        "REGISTRY_AUTH": "htpasswd",
        "REGISTRY_AUTH_HTPASSWD_REALM": s.realm,
        "REGISTRY_AUTH_HTPASSWD_PATH": "/auth/htpasswd",
        **env,
    }
    tag = s.rng.choice({2: ("2", "2.8", "2.8.3"), 3: ("3", "3.1", "latest")}[version])
    service: Service = {"image": f"registry:{tag}", "restart": "unless-stopped"}
    if port:
        service["ports"] = [port]
    service["environment"] = {k: v for k, v in settings.items() if v is not None}
    service["volumes"] = [f"./auth:/auth{s.rng.choice((':ro', ''))}", "./data:/var/lib/registry"]
    if s.rng.random() < 0.4:
        del service["restart"]
    return service


def configured(
    s: Scene,
    version: int = 2,
    port: str | None = "5000:5000",
    users: str | None = None,
    config: str = "",
    path: str = "",
) -> Service:
    """A registry with a mounted config.yml."""
    s.file("auth/htpasswd", s.users() if users is None else users)
    s.file("config.yml", config or config_text(s))
    inside = path or {2: "/etc/docker/registry/config.yml", 3: "/etc/distribution/config.yml"}[version]
    service: Service = {"image": f"registry:{version}"}
    if port:
        service["ports"] = [port]
    service["volumes"] = [f"./config.yml:{inside}:ro", "./auth:/auth:ro", "images:/var/lib/registry"]
    return service


def config_text(s: Scene, http: str = "", extra: str = "", auth: str | None = None) -> str:
    """A config.yml as the documentation shows it."""
    auth = f"auth:\n  htpasswd:\n    realm: {s.realm!r}\n    path: /auth/htpasswd\n" if auth is None else auth
    return (
        "version: 0.1\nlog:\n  level: info\n  fields:\n    service: registry\nstorage:\n  filesystem:\n    rootdirectory: /var/lib/registry\n"
        f"  delete:\n    enabled: true\n{extra}http:\n  addr: :5000\n{http}{auth}"
    )


def ui(s: Scene, port: str = "8080:80", **env: str) -> Service:
    """The registry's UI as proxy of the service `registry`."""
    settings = {
        "SINGLE_REGISTRY": "true",
        "REGISTRY_TITLE": s.org.capitalize(),
        "NGINX_PROXY_PASS_URL": "http://registry:5000",
        "REGISTRY_SECURED": "true",
        **env,
    }
    tag = s.rng.choice(("2", "2.6.0", "main", "latest"))
    return {
        "image": f"joxit/docker-registry-ui:{tag}",
        "ports": [port],
        "environment": {k: v for k, v in settings.items() if v is not None},
        "depends_on": ["registry"],
    }


def nginx_site(
    s: Scene,
    headers: tuple[str, ...] = ("Host $http_host", "X-Real-IP $remote_addr", "X-Forwarded-Proto $scheme"),
    more: tuple[str, ...] = (),
    location: str = "/v2/",
    upstream: str = "http://registry:5000",
    listen: str = "80",
    name: str = "",
    server: tuple[str, ...] = ("client_max_body_size 0;",),
) -> str:
    """A server block for the registry."""
    tls = ("ssl_certificate /certs/site.crt;", "ssl_certificate_key /certs/site.key;") if "ssl" in listen else ()
    inner = [f"proxy_pass {upstream};", *(f"proxy_set_header {h};" for h in headers), *more]
    lines = [f"listen {listen};", f"server_name {name or s.host};", *tls, *server, f"location {location} {{"]
    return "server {\n" + "".join(f"    {x}\n" for x in lines) + "".join(f"        {x}\n" for x in inner) + "    }\n}\n"


def nginx(
    s: Scene,
    sites: dict[str, str] | str,
    port: str = "80:80",
    tls: bool = False,
    depends: tuple[str, ...] = ("registry",),
) -> Service:
    """An nginx with one mounted site file, or a folder of several (name → text)."""
    service: Service = {"image": s.rng.choice(("nginx:1.27", "nginx:stable", "nginx:alpine")), "ports": [port]}
    if isinstance(sites, str):
        name = s.rng.choice(("edge.conf", "nginx/default.conf", "nginx/registry.conf", "proxy.conf"))
        s.file(name, sites)
        service["volumes"] = [f"./{name}:/etc/nginx/conf.d/default.conf:ro"]
    else:
        for name, text in sites.items():
            s.file(f"conf.d/{name}", text)
        service["volumes"] = ["./conf.d:/etc/nginx/conf.d:ro"]
    if tls:
        certificate(s, s.host)
        service["volumes"].append("./certs:/certs:ro")
    return {**service, "depends_on": list(depends)} if depends else service


def caddy(s: Scene, text: str, ports: tuple[str, ...] = ("80:80",)) -> Service:
    """Caddy with a Caddyfile."""
    s.file("Caddyfile", text)
    return {
        "image": s.rng.choice(("caddy:2", "caddy:2-alpine")),
        "ports": list(ports),
        "volumes": ["./Caddyfile:/etc/caddy/Caddyfile:ro"],
    }


def haproxy(s: Scene, text: str, ports: tuple[str, ...] = ("80:80",)) -> Service:
    """HAProxy with its haproxy.cfg."""
    head = "global\n    log stdout format raw local0\ndefaults\n    mode http\n    log global\n    option httplog\n"
    head += "    timeout connect 5s\n    timeout client 10m\n    timeout server 10m\n\n"
    s.file("haproxy.cfg", head + text)
    return {
        "image": "haproxy:2.6",
        "ports": list(ports),
        "volumes": ["./haproxy.cfg:/usr/local/etc/haproxy/haproxy.cfg:ro"],
        "depends_on": ["registry"],
    }


def apache(s: Scene, text: str, ports: tuple[str, ...] = ("80:80",)) -> Service:
    """Apache httpd with a file of virtual hosts."""
    s.file("vhosts.conf", text)
    return {
        "image": "httpd:2.4",
        "ports": list(ports),
        "volumes": ["./vhosts.conf:/usr/local/apache2/conf/extra/vhosts.conf:ro"],
        "depends_on": ["registry"],
    }


def certificate(
    s: Scene,
    *names: str,
    folder: str = "certs",
    days: tuple[str, ...] = ("-days", "365"),
    san: bool = True,
    common: str = "",
) -> None:
    """A self-signed certificate site.crt and its key; neither is handed over."""
    (s.folder / folder).mkdir(exist_ok=True)
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", *days]
    command += ["-keyout", f"{folder}/site.key", "-out", f"{folder}/site.crt", "-subj", f"/CN={common or names[0]}"]
    if san:
        command += ["-addext", "subjectAltName=" + ",".join(f"{'IP' if n[0].isdigit() else 'DNS'}:{n}" for n in names)]
    run(*command, cwd=s.folder)


def apr1(user: str, password: str) -> str:
    """A line as `htpasswd -nbm` makes it."""
    return run("htpasswd", "-nbm", user, password).stdout.strip()


def tool_line(option: str, user: str, password: str) -> str:
    """A line as htpasswd makes it with another option (-d crypt, -s SHA, -5 SHA-512, -p plain)."""
    return run("htpasswd", f"-nb{option}", user, password).stdout.strip()
