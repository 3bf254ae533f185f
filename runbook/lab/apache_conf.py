"""A proxy description as a virtual host of Apache httpd, and a server around it.

Apache sends the upstream's name as Host (unless ProxyPreserveHost is on) and the client's in
X-Forwarded-Host, which the registry believes.
"""

from pathlib import Path
from urllib.parse import urlsplit

from runbook.lab.plan import Plan, Surroundings

_MODULES = "mpm_event authn_core authn_file authz_core authz_user auth_basic alias dir headers proxy proxy_http ssl"
_FOLDERS = (
    "/usr/lib/apache2/modules",
    "/usr/lib64/httpd/modules",
    "/usr/libexec/apache2",
    "/usr/local/apache2/modules",
)


def text(plan: Plan, place: Surroundings) -> str:
    """The virtual host as a user writes it."""
    proxy = plan.proxy
    lines = ["ServerName localhost", f"DocumentRoot {place.pages}", "ProxyPreserveHost On"]
    if proxy.realm is not None:
        lines += ["<Location /v2/>", "    AuthType Basic", f'    AuthName "{proxy.realm}"']
        lines += [f"    AuthUserFile {place.passwords}", "    Require valid-user", "</Location>"]
    if proxy.open_ping:
        lines += ["ProxyPassMatch ^/v2/$ !", f"AliasMatch ^/v2/$ {place.pages}/index.html"]
    if proxy.upstream:
        lines += _proxied(plan, place)
    return "\n".join([f"<VirtualHost *:{place.port}>", *(f"    {line}" for line in lines), "</VirtualHost>", ""])


def _proxied(plan: Plan, place: Surroundings) -> list[str]:
    proxy = plan.proxy
    host = {"$http_host": "", "$host": "expr=%{SERVER_NAME}", None: urlsplit(place.upstream).netloc}
    target = place.upstream + (urlsplit(proxy.upstream or "").path or "/v2/")
    lines = [f"ProxyPass /v2/ {target}", f"ProxyPassReverse /v2/ {target}"]
    if place.upstream.startswith("https:"):
        lines.insert(0, "SSLProxyEngine On")
    if value := host.get(proxy.host, proxy.host):
        lines.append(f'RequestHeader set Host "{value}"')
    for name, value in proxy.request_headers.items():
        lines.append(f'RequestHeader set {name} "{value}"' if value else f"RequestHeader unset {name}")
    lines += [f"Header unset {name}" for name in proxy.hidden]
    return lines + [f'Header always set {name} "{value}"' for name, value, _ in proxy.added]


def whole(text: str, folder: Path, plan: Plan) -> str:
    """With the server around it that the distribution's package, or the image, brings along."""
    modules = next((Path(name) for name in _FOLDERS if Path(name).is_dir()), Path("modules"))
    found = [name for name in _MODULES.split() if (modules / f"mod_{name}.so").exists()]
    lines = [f"LoadModule {name}_module {modules / f'mod_{name}.so'}" for name in found]
    lines += [
        f"ServerRoot {folder}",
        f"DefaultRuntimeDir {folder}",
        f"PidFile {folder / 'pid'}",
        "ServerName localhost",
    ]
    lines += ["ErrorLog /dev/stderr", 'LogFormat "%h %l %u %t \\"%r\\" %>s %b" common']
    lines += [f"CustomLog {folder / 'access.log'} common", f"Listen 127.0.0.1:{plan.ui_port}", "ThreadsPerChild 16"]
    lines += ["StartServers 1", "ServerLimit 2", "MaxRequestWorkers 32", "MinSpareThreads 1", "MaxSpareThreads 32"]
    return "\n".join([*lines, text])
