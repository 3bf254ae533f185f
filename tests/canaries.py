"""A bundle in which every place where a secret can stand holds one of its own, and what each looks like."""

import base64
import json
from pathlib import Path
from urllib.parse import quote, quote_plus

GIVEN = 'Kanarie+Vogel/ü"&7'
"""The password that is given; its characters look different in every encoding."""
HASH = "$2y$05$yvHVXtBtNZ12TpHmDNjWeOvgZ1XXpaU0fY1BCgTiCFcdfRjWgHZQm"
APR1 = "$apr1$QxW7zKp1$9hCanaryAprOneHash0xyz1"
TOKEN = "eyJhbGciOiJSUzI1NiJ9.eyJjYW5hcnkiOiJ0b2tlbiJ9.c2lnbmF0dXJlQ2FuYXJ5"

PLAIN = {
    "curl-u": "CanaryCurlUser1",
    "url": "CanaryInUrl2",
    "docker-auth": "CanaryDockerAuth3",
    "nginx": "CanaryNginxBasic4",
    "compose-env": "CanaryComposeEnv5",
    "dotenv": "CanaryDotenv6",
    "http-secret": "CanaryHttpSecret7",
    "s3": "CanaryS3SecretKey8",
    "redis": "CanaryRedisWord9",
    "provisioned": "CanaryProvisioned10",
    "har": "CanaryHarLogin11",
    "cookie": "CanaryCookieValue12",
    "login-p": "CanaryLoginOption13",
    "htpasswd-b": "CanaryHtpasswdOption14",
    "caddy": "CanaryCaddyBasic15",
    "haproxy": "CanaryHaproxyBasic16",
    "apache": "CanaryApacheBasic17",
    "traefik": "CanaryTraefikBasic18",
    "identity": "CanaryIdentityToken19",
    "proxy": "CanaryForwardProxy20",
    "token-reply": "CanaryTokenReply21",
    "plain-htpasswd": "CanaryPlainEntry22",
    "logged-header": "CanaryLoggedHeader23",
    "powershell": "CanaryPowershell24",
    "ui-header": "CanaryUiHeader25",
}


def basic(user: str, password: str) -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode()


def forms() -> dict[str, str]:
    """Name → text that must never be seen anywhere."""
    found = {f"{name} plain": value for name, value in PLAIN.items()}
    for name, value in {**PLAIN, "given": GIVEN}.items():
        found[f"{name} pair"] = basic("anna", value).rstrip("=")
        found[f"{name} base64"] = base64.b64encode(value.encode()).decode().rstrip("=")
    found["given plain"] = GIVEN
    found["given quoted"] = quote(GIVEN, safe="")
    found["given quoted plus"] = quote_plus(GIVEN)
    found["given in JSON"] = json.dumps(GIVEN)[1:-1]
    found["given in ASCII"] = GIVEN.encode("unicode_escape").decode()
    found["given in HTML"] = GIVEN.replace("&", "&amp;").replace('"', "&quot;")
    found["hash"] = HASH[7:]
    found["half a hash"] = HASH[-31:]
    found["salt"] = HASH[7:29]
    found["apr1"] = APR1[15:]
    found["token"] = TOKEN
    found["token's end"] = TOKEN.rsplit(".", 1)[1]
    return found


def leaks(text: str) -> list[str]:
    """Names of the secrets that stand in a text."""
    return [name for name, form in forms().items() if form in text]


def write_bundle(folder: Path) -> Path:
    """Lay the bundle out."""
    files = _files()
    for name, text in files.items():
        file = folder / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return folder


def _files() -> dict[str, str]:
    p = PLAIN
    har_entry = {
        "startedDateTime": "2026-11-23T13:00:00Z",
        "request": {
            "method": "GET", "url": f"http://anna:{p['har']}@r.example:5000/v2/_catalog", "httpVersion": "HTTP/1.1",
            "headers": [{"name": "Authorization", "value": f"Basic {basic('anna', p['har'])}"},
                        {"name": "Cookie", "value": f"sid={p['cookie']}"}],
            "cookies": [{"name": "sid", "value": p["cookie"]}], "queryString": [],
        },
        "response": {
            "status": 401, "statusText": "Unauthorized", "httpVersion": "HTTP/1.1",
            "headers": [{"name": "Set-Cookie", "value": f"sid={p['cookie']}; Path=/"},
                        {"name": "WWW-Authenticate", "value": 'Basic realm="R"'}],
            "cookies": [], "content": {"mimeType": "application/json", "text": json.dumps({"token": p["token-reply"]})},
        },
    }  # fmt: skip
    return {
        "docker-compose.yml": f"""services:
  registry:
    image: registry:2
    ports: ["5000:5000"]
    environment:
      REGISTRY_AUTH: htpasswd
      REGISTRY_AUTH_HTPASSWD_REALM: R
      REGISTRY_AUTH_HTPASSWD_PATH: /auth/htpasswd
      REGISTRY_HTTP_SECRET: {p["http-secret"]}
      REGISTRY_STORAGE_S3_SECRETKEY: {p["s3"]}
      REGISTRY_REDIS_PASSWORD: {p["redis"]}
    volumes: ["./auth:/auth", "data:/var/lib/registry"]
  ui:
    image: joxit/docker-registry-ui:2
    ports: ["8080:80"]
    environment:
      - NGINX_PROXY_PASS_URL=http://registry:5000
      - NGINX_PROXY_HEADER_Authorization=Basic {basic("anna", p["ui-header"])}
      - REGISTRY_PASSWORD={p["compose-env"]}
      - FROM_DOTENV=${{UI_PASSWORD}}
    labels:
      - "traefik.http.middlewares.a.basicauth.users=anna:{HASH.replace("$", "$$")}"
      - "traefik.http.middlewares.h.headers.customrequestheaders.Authorization=Basic {basic("anna", p["traefik"])}"
volumes: {{data: {{}}}}
""",
        ".env": f"UI_PASSWORD={p['dotenv']}\nLINE=anna:{HASH}\n",
        "config.yml": f"version: 0.1\nstorage:\n  s3:\n    secretkey: {p['s3']}\nhttp:\n  secret: {p['http-secret']}\n"
        f"redis:\n  password: {p['redis']}\n",
        "auth/htpasswd": f"anna:{HASH}\nberta:{APR1}\ncarla:{p['plain-htpasswd']}\n",
        "nginx.conf": "server {\n  listen 80;\n  location /v2/ {\n    proxy_pass http://registry:5000;\n"
        f'    proxy_set_header Authorization "Basic {basic("anna", p["nginx"])}";\n  }}\n}}\n',
        "Caddyfile": f"hub.example {{\n\tbasicauth {{\n\t\tanna {HASH}\n\t}}\n\treverse_proxy registry:5000 {{\n"
        f'\t\theader_up Authorization "Basic {basic("anna", p["caddy"])}"\n\t}}\n}}\n',
        "haproxy.cfg": "frontend in\n  bind :80\n  default_backend r\nbackend r\n"
        f'  http-request set-header Authorization "Basic {basic("anna", p["haproxy"])}"\n  server r registry:5000\n'
        f"userlist u\n  user anna insecure-password {p['haproxy']}\n",
        "site.conf": "<VirtualHost *:80>\n  ServerName r.example\n  ProxyPass /v2 http://registry:5000/v2\n"
        f'  RequestHeader set Authorization "Basic {basic("anna", p["apache"])}"\n</VirtualHost>\n',
        "config.json": json.dumps(
            {
                "auths": {
                    "localhost:5000": {"auth": basic("anna", p["docker-auth"])},
                    "r.example:5000": {"auth": basic("anna", "x"), "identitytoken": p["identity"]},
                },
                "proxies": {"default": {"httpProxy": f"http://anna:{p['proxy']}@proxy.example:3128"}},
            },
            indent=2,
        ),
        "curl.txt": f"$ curl -v -u anna:{p['curl-u']} http://localhost:5000/v2/\n"
        "*   Trying 127.0.0.1:5000...\n> GET /v2/ HTTP/1.1\n> Host: localhost:5000\n"
        f"> Authorization: Basic {basic('anna', p['curl-u'])}\n>\n< HTTP/1.1 401 Unauthorized\n"
        f'< Www-Authenticate: Basic realm="R"\n< Set-Cookie: sid={p["cookie"]}\n<\n'
        f'{{"token": "{p["token-reply"]}"}}\n\n'
        f"$ curl -i -H 'Authorization: Bearer {TOKEN}' http://localhost:5000/v2/\nHTTP/1.1 401 Unauthorized\n\n"
        f"$ curl -i http://anna:{p['url']}@localhost:5000/v2/_catalog\nHTTP/1.1 401 Unauthorized\n\n",
        "shell.txt": f"$ docker login localhost:5000 -u anna -p {p['login-p']}\n"
        "Error response from daemon: login attempt to http://localhost:5000/v2/ failed with status: 401 Unauthorized\n"
        f"$ docker run --rm httpd htpasswd -Bbn anna {p['htpasswd-b']} > auth/htpasswd\n"
        f"$ docker compose exec registry cat /auth/htpasswd\nanna:{HASH}\n"
        f"$ cat .env\nUI_PASSWORD={p['dotenv']}\n"
        f'PS C:\\> docker login localhost:5000 -u anna --password "{p["powershell"]}"\nError: unauthorized\n',
        "ui.har": json.dumps({"log": {"version": "1.2", "creator": {}, "entries": [har_entry]}}),
        "registry.log": 'time="2026-11-23T13:03:21Z" level=warning msg="htpasswd is missing, provisioning with default '
        f'user" go.version=go1.19 password="{p["provisioned"]}" user=docker\n'
        'time="2026-11-23T13:03:22Z" level=info msg="x" go.version=go1.19 '
        f'http.request.authorization="Basic {basic("anna", p["logged-header"])}"\n'
        'time="2026-11-23T13:03:22Z" level=warning msg="error authorizing context: basic authentication challenge for '
        'realm \\"R\\": invalid authorization credential" go.version=go1.19 http.request.uri="/v2/?token='
        f'{TOKEN}"\n10.0.0.1 - anna [23/Nov/2026:13:37:48 +0000] "GET /v2/?access_token={TOKEN} HTTP/1.1" 401 87 "" ""\n',
    }
