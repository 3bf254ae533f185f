"""Five foreign things laid beside a case at once. None of them is about the incident, so nothing may change.

Each thing speaks of another registry, another site on another port, another time or another project.
"""

import base64
import json
import random
from collections.abc import Callable, Mapping
from pathlib import PurePosixPath

Files = dict[str, bytes]

_OTHER = "partner-registry.example"
_NOTES = (
    "# What was mended\n\n- 2023-11-02: docker login said `x509: certificate signed by unknown authority`. CA installed.\n"
    "- 2023-12-17: push broke off with `413 Request Entity Too Large`. client_max_body_size 0 since then.\n",
    "Betriebstagebuch (alt)\n\n2023-02-05 erledigt: `unauthorized: authentication required`, Passwort war abgelaufen.\n"
    "2023-06-11 erledigt: `502 Bad Gateway`, nginx zeigte auf die alte Adresse.\n",
    "Notas viejas\n\nenero 2023: `no basic auth credentials` en el servidor de CI. Resuelto.\n"
    "junio 2023: `http: server gave HTTP response to HTTPS client` en un portátil. Resuelto.\n",
)
_PROJECTS = (
    "services:\n  shop:\n    image: ghcr.example/shop/web:7\n    ports: ['8790:3000']\n    environment:\n"
    "      DATABASE_URL: postgres://shop@db:5432/shop\n  db:\n    image: postgres:16\n",
    "services:\n  whoami:\n    image: traefik/whoami\n    labels:\n      - traefik.http.routers.who.rule=Host(`who.example`)\n"
    "      - traefik.http.routers.who.middlewares=gate\n"
    "      - traefik.http.middlewares.gate.basicauth.users=test:$$apr1$$H6uskkkW$$IgXLP6ewTrSuBkTrqE8wj/\n",
    "services:\n  scratch:\n    image: registry:2\n    ports: ['127.0.0.1:5977:5000']\n    environment:\n"
    "      REGISTRY_STORAGE_DELETE_ENABLED: 'true'\n",
)
_GITLAB = (
    "build:\n  image: docker:27\n  script:\n    - echo $CI_REGISTRY_PASSWORD | docker login $CI_REGISTRY -u $CI_REGISTRY_USER"
    " --password-stdin\n    - docker build -t $CI_REGISTRY_IMAGE .\n    - docker push $CI_REGISTRY_IMAGE\n"
)
_GITHUB = (
    "name: build\non: [push]\njobs:\n  image:\n    runs-on: ubuntu-24.04\n    steps:\n      - uses: docker/login-action@v3\n"
    "        with:\n          registry: ghcr.example\n          username: ${{ github.actor }}\n"
    "          password: ${{ secrets.GITHUB_TOKEN }}\n"
)
_SITES = {
    "nginx": 'server {\n    listen 8799;\n    server_name wiki.example;\n    auth_basic "Wiki";\n    auth_basic_user_file /etc/wiki;\n'
    '    location / {\n        proxy_set_header Authorization "";\n        proxy_hide_header WWW-Authenticate;\n'
    "        proxy_pass http://10.77.0.31:8090;\n    }\n}\n",
    "caddy": "\nhttp://wiki.example:8799 {\n\treverse_proxy 10.77.0.31:8090 {\n\t\theader_up -Authorization\n\t}\n}\n",
    "haproxy": "\nfrontend wiki_front\n    mode http\n    bind *:8799\n    default_backend wiki_back\n\nbackend wiki_back\n    mode http\n"
    "    http-request del-header Authorization\n    server w1 10.77.0.31:8090\n",
    "apache": "\nListen 8799\n<VirtualHost *:8799>\n    ServerName wiki.example\n    RequestHeader unset Authorization\n"
    "    ProxyPass / http://10.77.0.31:8090/\n</VirtualHost>\n",
}
_START = 'time="2023-05-04T06:00:01.000000001Z" level=info msg="listening on [::]:5000" go.version=go1.19.8 instance.id=7 version=2.8.2\n'
_REFUSED = (
    'time="2023-05-04T06:12:{n:02}.5Z" level=error msg="error authenticating user \\"praktikant\\": authentication failure" '
    'go.version=go1.19.8 http.request.host="alt.partner-registry.example:5000" http.request.method=GET '
    'http.request.remoteaddr="172.19.0.1:4{n:04}" http.request.uri=/v2/ http.request.useragent=docker/20.10.5\n'
    '172.19.0.1 - - [04/May/2023:06:12:{n:02} +0000] "GET /v2/ HTTP/1.1" 401 87 "" "docker/20.10.5"\n'
)


_SHOP = (
    "services:\n  registry:\n    image: registry:2\n    ports: ['5999:5000']\n    environment:\n      REGISTRY_AUTH: htpasswd\n"
    "      REGISTRY_AUTH_HTPASSWD_REALM: Shop\n      REGISTRY_AUTH_HTPASSWD_PATH: /auth/htpasswd\n"
    "    volumes: ['./auth:/auth:ro']\n"
)
_HASH = "$2y$05$CbIbDn97yXDT4G2Xw2WEYulwQpLSYFDc7ivgFjpCyZjTFfJFfzsqi"
_OLD_SITE = (
    "server {\n  listen 80;\n  server_name registry.former.example;\n  location /v2/ {\n"
    '    proxy_set_header Authorization "";\n    proxy_pass http://10.9.9.9:5000;\n  }\n}\n'
)
_DIARY = (
    "# Ops diary\n\n## March last year\n\nWe had a 401, the log said\n\n"
    '    level=error msg="error authenticating user \\"brunhild\\": authentication failure"\n\nFixed.\n'
)
_MAIL = (
    "From: brunhild@former.example\nTo: ops@former.example\nDate: Mon, 3 Mar 2025 10:00:00 +0100\nSubject: Re: 401 last year\n\n"
    "Last year we had this:\n\n$ docker login registry.former.example\nUsername: brunhild\nPassword:\n"
    "Error response from daemon: login attempt to https://registry.former.example/v2/ failed with status: 401 Unauthorized\n\n"
    "It is fixed since then.\n"
)


def beside_other_stacks(files: Mapping[str, bytes]) -> Files:
    """The files with what lies about in the home of an operator: another program's password file, another project with a
    registry of its own, a site of former days, a diary and a mail about them."""
    together = dict(files)
    for name, text in (
        ("grafana/htpasswd", "grafana-admin:$apr1$K80spacP$nDe70Bi3/beJjxK022kxU0\n"),
        ("shop/docker-compose.yml", _SHOP),
        ("shop/auth/htpasswd", f"shopkeeper:{_HASH}\n"),
        ("former-site/nginx.conf", _OLD_SITE),
        ("OPS-DIARY.md", _DIARY),
        ("former.eml", _MAIL),
    ):
        together.setdefault(name, text.encode())
    return together


def in_company(files: Mapping[str, bytes], seed: int) -> Files:
    """The files with five of six foreign things added; the same seed adds the same things."""
    rng = random.Random(seed)
    together = dict(files)
    things: list[Callable[[Files, random.Random], None]] = [_login, _site, _notes, _pipeline, _project, _old_log]
    for thing in sorted(rng.sample(range(len(things)), 5)):
        things[thing](together, rng)
    return together


def _put(files: Files, text: str, *names: str) -> None:
    """Add a file under the first name that is free."""
    files[next(name for name in names if name not in files)] = text.encode()


def _login(files: Files, rng: random.Random) -> None:
    """A login of another registry, in the config.json that there is or in one of its own."""
    auth = base64.b64encode(f"partner:Fremd-{rng.randint(1000, 9999)}x".encode()).decode()
    for name in files:
        if PurePosixPath(name).name == "config.json" and _joined(files, name, auth):
            return
    _put(
        files,
        json.dumps({"auths": {_OTHER: {"auth": auth}}}, indent=2) + "\n",
        "config.json",
        "home/.docker/config.json",
    )


def _joined(files: Files, name: str, auth: str) -> bool:
    try:
        data = json.loads(files[name])
        data["auths"][_OTHER] = {"auth": auth}
    except (ValueError, KeyError, TypeError):
        return False
    files[name] = json.dumps(data, indent=2).encode() + b"\n"
    return True


def _site(files: Files, _: random.Random) -> None:
    """Another site on another port: in the file of the same proxy where that is possible, else beside it or alone."""
    for name, content in files.items():
        kind = _proxy_kind(name, content)
        if kind in ("caddy", "haproxy", "apache") and (kind != "caddy" or b"{" in content):
            files[name] = content.rstrip(b"\n") + b"\n" + _SITES[kind].encode()
            return
        if kind == "nginx":
            beside = PurePosixPath(name).with_name("zz-wiki.conf").as_posix()
            _put(files, _SITES["nginx"], beside, "wiki/zz-wiki.conf")
            return
    _put(files, _SITES["nginx"], "wiki/zz-wiki.conf")


def _proxy_kind(name: str, content: bytes) -> str:
    last = PurePosixPath(name).name.lower()
    if last == "caddyfile":
        return "caddy"
    if last.endswith(".cfg") and b"backend" in content:
        return "haproxy"
    if last.endswith(".conf"):
        return "apache" if b"<VirtualHost" in content or b"ProxyPass" in content else "nginx"
    return ""


def _notes(files: Files, rng: random.Random) -> None:
    _put(files, rng.choice(_NOTES), "NOTES-old.md", "old/NOTES.md")


def _pipeline(files: Files, rng: random.Random) -> None:
    choices = [(".gitlab-ci.yml", _GITLAB), (".github/workflows/build.yml", _GITHUB)]
    rng.shuffle(choices)
    name, text = choices[0]
    _put(files, text, name, f"other/{name}")


def _project(files: Files, rng: random.Random) -> None:
    _put(files, rng.choice(_PROJECTS), "neighbour/docker-compose.yml", "neighbour/more/docker-compose.yml")


def _old_log(files: Files, rng: random.Random) -> None:
    lines = "".join(_REFUSED.format(n=n) for n in sorted(rng.sample(range(60), 3)))
    _put(files, _START + lines, "registry.log.1", "old/registry.log.1")
