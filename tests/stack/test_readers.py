"""A password file that only another program reads is judged by nobody here: apr1 is right there."""

from base64 import b64encode
from pathlib import Path

import pytest

from tests.bundles import ask_files

MD5 = "web:$apr1$Oa.7OE4Z$zwUklbJIV4SOr4ruQass5.\n"
ENCODED = b64encode(MD5.encode()).decode()
REFUSED = """\
$ docker login -u web reg.example.org
Password:
Error response from daemon: login attempt to https://reg.example.org/v2/ failed with status: 401 Unauthorized
"""
SITE = (
    "server {{\n  listen 443 ssl;\n  server_name reg.example.org;\n  location / {{\n    {login}\n"
    "    proxy_pass http://127.0.0.1:5000;\n    proxy_set_header Host $host;\n    proxy_set_header X-Forwarded-Proto https;\n  }}\n}}\n"
)
WIKI = 'server {{\n  server_name wiki.example.org;\n  root /srv/wiki;\n  auth_basic "Wiki";\n  auth_basic_user_file {file};\n}}\n'
APACHE = (
    "<VirtualHost *:443>\n  ServerName reg.example.org\n  ProxyPass / http://127.0.0.1:5000/\n</VirtualHost>\n"
    "<VirtualHost *:443>\n  ServerName svn.example.org\n  DocumentRoot /srv/svn\n  <Directory /srv/svn>\n    AuthType Basic\n"
    "    AuthName svn\n    {said} /etc/apache2/htpasswd\n    Require valid-user\n  </Directory>\n</VirtualHost>\n"
)
DASHBOARD = (
    "http:\n  routers:\n    registry: {rule: Host(`reg.example.org`), service: registry, tls: {}}\n"
    "    board: {rule: Host(`board.example.org`), service: api@internal, middlewares: [users], tls: {}}\n"
    "  middlewares:\n    users:\n      basicAuth:\n        usersFile: /etc/traefik/users.htpasswd\n"
    "  services:\n    registry:\n      loadBalancer:\n        servers: [{url: http://registry:5000}]\n"
)
INGRESS = (
    "apiVersion: networking.k8s.io/v1\nkind: Ingress\nmetadata:\n  name: registry\n  namespace: cr\n  annotations:\n"
    "    nginx.ingress.kubernetes.io/auth-type: basic\n    nginx.ingress.kubernetes.io/auth-secret: basic\n"
    "spec:\n  ingressClassName: nginx\n  rules:\n  - host: reg.example.org\n    http: {paths: [{path: /, pathType: Prefix, "
    "backend: {service: {name: registry, port: {number: 5000}}}}]}\n---\n"
)
SECRET = "apiVersion: v1\nkind: Secret\nmetadata: {{name: {name}, namespace: cr}}\ndata:\n  {key}: {value}\n---\n"
POD = (
    "apiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: app, namespace: cr}}\nspec:\n  selector: {{matchLabels: {{app: app}}}}\n"
    "  template:\n    metadata: {{labels: {{app: app}}}}\n    spec:\n      containers:\n      - name: app\n        image: {image}\n"
    "        env:\n        - {{name: REGISTRY_AUTH, value: htpasswd}}\n        - {{name: REGISTRY_AUTH_HTPASSWD_REALM, value: r}}\n"
    "        - {{name: REGISTRY_AUTH_HTPASSWD_PATH, value: /auth/htpasswd}}\n"
    "        volumeMounts: [{{name: users, mountPath: /auth}}]\n      volumes:\n      - {{name: users, secret: {{secretName: users}}}}\n"
)

OTHERS = {
    "nginx": {"site.conf": SITE.format(login='auth_basic "R"; auth_basic_user_file /etc/nginx/reg.htpasswd;'), "reg.htpasswd": MD5},
    "another site": {"site.conf": WIKI.format(file="/etc/nginx/htpasswd") + SITE.format(login=""), "htpasswd": MD5},
    "by its folder": {"site.conf": SITE.format(login=""), "etc/nginx/.htpasswd": MD5},
    "apache": {"apache.conf": APACHE.format(said="AuthUserFile"), "htpasswd": MD5},
    "traefik": {"dynamic.yml": DASHBOARD, "users.htpasswd": MD5},
    "ingress": {"all.yaml": INGRESS + SECRET.format(name="basic", key="auth", value=ENCODED)},
    "ingress, another key": {"all.yaml": INGRESS + SECRET.format(name="basic", key="htpasswd", value=ENCODED)},
    "a pod": {"all.yaml": SECRET.format(name="users", key="htpasswd", value=ENCODED) + POD.format(image="httpd:2.4")},
}  # fmt: skip
OURS = {
    "alone": {"htpasswd": MD5},
    "no login of nginx": {"site.conf": SITE.format(login=""), "htpasswd": MD5},
    "commented out": {"apache.conf": APACHE.format(said="# AuthUserFile"), "htpasswd": MD5},
    "another name": {"site.conf": WIKI.format(file="/etc/nginx/wiki.users") + SITE.format(login=""), "htpasswd": MD5},
    "the registry's Secret": {
        "all.yaml": SECRET.format(name="users", key="htpasswd", value=ENCODED) + POD.format(image="registry:2.8.3")
    },
    "one name for both": {
        "site.conf": WIKI.format(file="/etc/nginx/htpasswd") + SITE.format(login=""),
        "config.yml": "version: 0.1\nstorage: {filesystem: {rootdirectory: /var/lib/registry}}\nhttp: {addr: ':5000'}\n"
        "auth:\n  htpasswd:\n    realm: r\n    path: /auth/htpasswd\n",
        "htpasswd": MD5,
    },
}


def told(folder: Path, files: dict[str, str]) -> set[str]:
    answer = ask_files(folder, {name: text.encode() for name, text in {**files, "t.txt": REFUSED}.items()})
    assert answer.report is not None
    return set(answer.causes("causes", "warnings", "also_seen"))


@pytest.mark.parametrize("who", OTHERS)
def test_nothing_is_said_of_a_file_that_another_program_reads(tmp_path: Path, who: str) -> None:
    assert not {c for c in told(tmp_path, OTHERS[who]) if c.startswith("htpasswd-")}


@pytest.mark.parametrize("who", OURS)
def test_the_registrys_own_file_is_judged(tmp_path: Path, who: str) -> None:
    assert "htpasswd-not-bcrypt" in told(tmp_path, OURS[who])
