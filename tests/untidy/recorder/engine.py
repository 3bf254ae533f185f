"""A private engine: a network of its own, made-up names, images of this machine's programs.

The recorder runs inside its own network, mount and process namespaces (see record.py), so ports, names and
addresses are those that the bundle shows and nothing leaves the machine. Everything ends with the namespace.
"""

import os
import shutil
import socket
import struct
import subprocess
import tarfile
import threading
import time
from collections.abc import Iterable
from pathlib import Path

STATE = Path(os.environ.get("UNTIDY_STATE", "/tmp/untidy-recorder"))
NAMESERVER = "198.51.100.53"
OUTSIDE = "outside"

REGISTRY_CONFIG = """version: 0.1
log:
  fields:
    service: registry
storage:
  cache:
    blobdescriptor: inmemory
  filesystem:
    rootdirectory: /var/lib/registry
http:
  addr: :5000
  headers:
    X-Content-Type-Options: [nosniff]
"""

NGINX_CONF = """user nginx;
worker_processes 1;
error_log /dev/stderr notice;
pid /run/nginx.pid;
events { worker_connections 256; }
http {
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    access_log /dev/stdout combined;
    sendfile on;
    keepalive_timeout 65;
    include /etc/nginx/conf.d/*.conf;
}
"""

# What the image of the registry UI does with its variables, as far as requests are concerned.
UI_ENTRYPOINT = r"""#!/usr/bin/dash
conf=/etc/nginx/conf.d/default.conf
{
  echo 'server {'
  echo '    listen 80;'
  echo '    server_name localhost;'
  if [ -n "$NGINX_PROXY_PASS_URL" ]; then
    echo '    location /v2 {'
    echo '        proxy_http_version 1.1;'
    echo '        proxy_set_header Host "$http_host";'
    env | grep '^NGINX_PROXY_HEADER_' | while IFS='=' read -r name value; do
      header=$(echo "${name#NGINX_PROXY_HEADER_}" | tr _ -)
      echo "        proxy_set_header $header \"$value\";"
    done
    echo '        client_max_body_size 0;'
    echo "        proxy_pass $NGINX_PROXY_PASS_URL;"
    echo '    }'
  fi
  echo '    location / { root /usr/share/nginx/html; index index.html; }'
  echo '}'
} > "$conf"
secured=false
[ "$REGISTRY_SECURED" = "true" ] && secured=true
base="$REGISTRY_URL"
[ -n "$NGINX_PROXY_PASS_URL" ] && base=""
sed -i "s|@BASE@|$base|; s|@SECURED@|$secured|" /usr/share/nginx/html/index.html
exec nginx -g 'daemon off;'
"""

# The requests of the UI: the catalog, then the tags of each repository with the Accept that is preflighted.
UI_PAGE = """<!doctype html><title>Docker Registry UI</title><body>Docker Registry UI<script>
var base = "@BASE@" || location.origin, secured = @SECURED@;
var types = ["application/vnd.docker.distribution.manifest.v2+json",
  "application/vnd.docker.distribution.manifest.list.v2+json", "application/vnd.oci.image.index.v1+json"];
function ask(method, path, accept, then) {
  var call = new XMLHttpRequest();
  call.open(method, base + path);
  if (accept) call.setRequestHeader("Accept", accept);
  call.withCredentials = secured;
  call.onload = function () { if (then) then(call); };
  call.send();
}
ask("GET", "/v2/_catalog?n=1000", null, function (call) {
  (JSON.parse(call.responseText).repositories || []).forEach(function (name) {
    ask("GET", "/v2/" + name + "/tags/list", null, function (tags) {
      (JSON.parse(tags.responseText).tags || []).forEach(function (tag) {
        ask("GET", "/v2/" + name + "/manifests/" + tag, types.join(", "), function (manifest) {
          document.body.append(" " + manifest.getResponseHeader("Docker-Content-Digest"));
          if (location.hash === "#delete")
            ask("DELETE", "/v2/" + name + "/manifests/" + manifest.getResponseHeader("Docker-Content-Digest"), types[0]);
        });
      });
    });
  });
});
</script>
"""

APACHE_MODULES = (
    "mpm_event authn_core authn_file authz_core authz_user authz_host auth_basic headers proxy proxy_http ssl rewrite "
    "setenvif alias socache_shmcb"
).split()


def run(*command: str, check: bool = True, **options: object) -> subprocess.CompletedProcess[str]:
    """Run a command to its end and return what it printed."""
    done = subprocess.run(command, capture_output=True, text=True, **options)  # type: ignore[call-overload]
    if check and done.returncode:
        raise RuntimeError(f"{' '.join(command)}: {done.stderr[-800:]}")
    return done


class Engine:
    """The docker engine of the private namespace, and what its network knows by name."""

    def __init__(self) -> None:
        self.addresses: set[str] = set()
        self.process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Bring up the network, the name server, the engine and the images."""
        _network()
        _Names().start()
        STATE.mkdir(parents=True, exist_ok=True)
        command = [
            *("dockerd", "--data-root", str(STATE / "engine"), "--exec-root", "/run/dk", "-p", "/run/dk.pid"),
            *("-H", "unix:///run/docker.sock", "--storage-driver", "overlay2", "--max-concurrent-uploads", "1"),
            *("--default-address-pool", "base=172.18.0.0/16,size=24"),
            *("--insecure-registry", "10.0.0.0/8", "--insecure-registry", "192.168.0.0/16"),
        ]
        with (STATE / "dockerd.log").open("wb") as log:
            self.process = subprocess.Popen(command, stdout=log, stderr=log)
        wait(lambda: run("docker", "version", check=False).returncode == 0, 30, "the engine")
        run("sh", "-c", "docker ps -aq | xargs -r docker rm -f; docker network prune -f", check=False)
        _images()

    def stop(self) -> None:
        """End the engine that was started here."""
        if self.process:
            self.process.terminate()
            self.process.wait(20)

    def name(self, hosts: dict[str, str]) -> None:
        """Give this machine the addresses of hosts (name → address) and make the names known."""
        for address in set(hosts.values()) - self.addresses:
            run("ip", "addr", "add", f"{address}/32", "dev", "lo")
            self.addresses.add(address)
        lines = ["127.0.0.1 localhost", "::1 localhost", *(f"{address} {name}" for name, address in hosts.items())]
        Path("/etc/hosts").write_text("\n".join(lines) + "\n", encoding="utf-8")


def wait(ready: object, seconds: float, what: str) -> None:
    """Poll until ready() is true; an error names what never came."""
    end = time.monotonic() + seconds
    while not ready():  # type: ignore[operator]
        if time.monotonic() > end:
            raise RuntimeError(f"{what} does not answer after {seconds:g} s")
        time.sleep(0.05)


def outside_address(address: str) -> None:
    """Give the machine beyond the router one more address to come from."""
    run("ip", "-n", OUTSIDE, "addr", "replace", f"{address}/32", "dev", "eth0")
    run("ip", "route", "replace", f"{address}/32", "via", "192.0.2.2")


def _network() -> None:
    """Loopback, a nameserver address and one machine beyond a router."""
    run("mount", "-t", "tmpfs", "tmpfs", "/run")
    run("mount", "-t", "tmpfs", "tmpfs", "/home")
    run("mount", "-t", "tmpfs", "tmpfs", "/etc/docker")
    Path("/run/netns").mkdir()
    for name, text in (
        ("hosts", ""),
        ("resolv.conf", f"nameserver {NAMESERVER}\n"),
        ("nsswitch.conf", "hosts: files dns\n"),
    ):
        Path("/run", name).write_text(text, encoding="utf-8")
        run("mount", "--bind", f"/run/{name}", f"/etc/{name}")
    for command in (
        "ip link set lo up",
        f"ip addr add {NAMESERVER}/32 dev lo",
        f"ip netns add {OUTSIDE}",
        f"ip link add out0 type veth peer name eth0 netns {OUTSIDE}",
        "ip addr add 192.0.2.1/24 dev out0",
        "ip link set out0 up",
        f"ip -n {OUTSIDE} addr add 192.0.2.2/24 dev eth0",
        f"ip -n {OUTSIDE} link set eth0 up",
        f"ip -n {OUTSIDE} link set lo up",
        f"ip -n {OUTSIDE} route add default via 192.0.2.1",
    ):
        run(*command.split())


class _Names(threading.Thread):
    """Answers for the names in /etc/hosts, for containers too; any other name does not exist."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.socket.bind((NAMESERVER, 53))

    def run(self) -> None:
        while True:
            query, peer = self.socket.recvfrom(1500)
            self.socket.sendto(_answer(query), peer)


def _answer(query: bytes) -> bytes:
    end, labels = 12, []
    while query[end]:
        labels.append(query[end + 1 : end + 1 + query[end]].decode("ascii", "replace"))
        end += 1 + query[end]
    question, kind = query[12 : end + 5], struct.unpack(">H", query[end + 1 : end + 3])[0]
    known = dict(
        reversed(line.split()[:2])
        for line in Path("/etc/hosts").read_text(encoding="utf-8").splitlines()
        if line.strip()
    )
    address = known.get(".".join(labels).lower())
    if not address:
        return query[:2] + struct.pack(">HHHHH", 0x8183, 1, 0, 0, 0) + question
    if kind != 1 or ":" in address:
        return query[:2] + struct.pack(">HHHHH", 0x8180, 1, 0, 0, 0) + question
    record = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + socket.inet_aton(address)
    return query[:2] + struct.pack(">HHHHH", 0x8180, 1, 1, 0, 0) + question + record


def _images() -> None:
    """Import an image for each program; a second session finds them, unless this file changed."""
    have = run("docker", "images", "--format", "{{.Repository}}:{{.Tag}}").stdout.split()
    key, mark = Path(__file__).read_text(encoding="utf-8"), STATE / "images.key"
    fresh = mark.exists() and mark.read_text(encoding="utf-8") == key
    for name, (programs, files, changes) in _recipes().items():
        if fresh and f"{name}:base" in have:
            continue
        root = STATE / "roots" / name
        shutil.rmtree(root, ignore_errors=True)
        _root(root, programs, files)
        archive = STATE / f"{name.replace('/', '-')}.tar"
        with tarfile.open(archive, "w") as tar:
            tar.add(root, ".")
        run("docker", "import", *(part for change in changes for part in ("-c", change)), str(archive), f"{name}:base")
        archive.unlink()
    mark.write_text(key, encoding="utf-8")


def _recipes() -> dict[str, tuple[tuple[str, ...], dict[str, str], tuple[str, ...]]]:
    """Image name → programs to copy, files to write, what the image declares."""
    go = run("go", "env", "GOPATH").stdout.strip()
    web = {"/etc/nginx/nginx.conf": NGINX_CONF, "/etc/nginx/mime.types": Path("/etc/nginx/mime.types").read_text()}
    ui = {**web, "/docker-entrypoint.sh": UI_ENTRYPOINT, "/usr/share/nginx/html/index.html": UI_PAGE}
    modules = "".join(f"LoadModule {m}_module /usr/lib/apache2/modules/mod_{m}.so\n" for m in APACHE_MODULES)
    httpd = (
        f"ServerRoot /usr/local/apache2\nPidFile /run/httpd.pid\nServerName localhost\n{modules}User nginx\nGroup nginx\n"
        'ErrorLog /dev/stderr\nLogFormat "%h %l %u %t \\"%r\\" %>s %b \\"%{Referer}i\\" \\"%{User-Agent}i\\"" combined\n'
        "CustomLog /dev/stdout combined\nIncludeOptional conf/extra/*.conf\n"
    )
    default = {"/etc/nginx/conf.d/default.conf": "server { listen 80; location / { root /usr/share/nginx/html; } }\n"}
    page = {"/usr/share/nginx/html/index.html": "<html><body>It works</body></html>\n"}
    return {
        "registry2": (
            ("/usr/bin/docker-registry=/bin/registry",),
            {"/etc/docker/registry/config.yml": REGISTRY_CONFIG},
            (
                'ENTRYPOINT ["/bin/registry","serve"]',
                'CMD ["/etc/docker/registry/config.yml"]',
                "EXPOSE 5000",
                "VOLUME /var/lib/registry",
            ),
        ),
        "registry3": (
            (f"{go}/bin/registry=/bin/registry",),
            {"/etc/distribution/config.yml": REGISTRY_CONFIG},
            (
                'ENTRYPOINT ["/bin/registry","serve"]',
                'CMD ["/etc/distribution/config.yml"]',
                "EXPOSE 5000",
                "VOLUME /var/lib/registry",
            ),
        ),
        "nginx": (("/usr/sbin/nginx",), {**web, **default, **page}, ('CMD ["nginx","-g","daemon off;"]', "EXPOSE 80")),
        "ui": (("/usr/sbin/nginx",), ui, ('ENTRYPOINT ["/usr/bin/dash","/docker-entrypoint.sh"]', "EXPOSE 80")),
        "caddy": (
            ("/usr/bin/caddy",),
            {},
            ('CMD ["caddy","run","--config","/etc/caddy/Caddyfile","--adapter","caddyfile"]', "ENV HOME=/root"),
        ),
        "haproxy": (
            ("/usr/sbin/haproxy",),
            {},
            ('CMD ["haproxy","-W","-db","-f","/usr/local/etc/haproxy/haproxy.cfg"]',),
        ),
        "httpd": (
            ("/usr/sbin/apache2=/usr/sbin/httpd",),
            {"/usr/local/apache2/conf/httpd.conf": httpd},
            ('CMD ["httpd","-DFOREGROUND","-f","/usr/local/apache2/conf/httpd.conf"]',),
        ),
    }


def _root(root: Path, programs: Iterable[str], files: dict[str, str]) -> None:
    """Lay out a root file system: programs with their libraries, a small shell, files."""
    tools = [
        shutil.which(t) or t for t in ("dash", "cat", "ls", "sed", "env", "grep", "tr", "id", "cp", "mv", "rm", "sleep")
    ]
    for program in [*programs, *tools]:
        source, _, target = program.partition("=")
        _copy(source, root / (target or source).lstrip("/"))
        for line in run("ldd", source, check=False).stdout.splitlines():
            for library in (word for word in line.split() if word.startswith("/")):
                _copy(library, root / library.lstrip("/"))
    if any("apache2" in p for p in programs):
        for module in APACHE_MODULES:
            _copy(f"/usr/lib/apache2/modules/mod_{module}.so", root / f"usr/lib/apache2/modules/mod_{module}.so")
        for library in ("libssl.so.3", "libcrypto.so.3", "libgcc_s.so.1"):
            _copy(f"/lib/x86_64-linux-gnu/{library}", root / f"lib/x86_64-linux-gnu/{library}")
    for folder in (
        "tmp",
        "run",
        "root",
        "var/log/nginx",
        "var/lib/nginx",
        "var/lib/registry",
        "etc/nginx/conf.d",
        "dev",
    ):
        (root / folder).mkdir(parents=True, exist_ok=True)
    (root / "tmp").chmod(0o1777)
    shell = root / "bin/sh"
    shell.parent.mkdir(parents=True, exist_ok=True)
    shell.symlink_to("/usr/bin/dash")
    accounts = {
        "/etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnginx:x:101:101::/nonexistent:/bin/false\n",
        "/etc/group": "root:x:0:\nnginx:x:101:\n",
    }
    for name, text in {**accounts, "/etc/nsswitch.conf": "hosts: files dns\n", **files}.items():
        path = root / name.lstrip("/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def _copy(source: str, target: Path) -> None:
    if not target.exists():
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy2(Path(source).resolve(), target)
