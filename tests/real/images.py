"""Images made of this machine's own programs, under the names that the lab's compose files call for.

Nothing is pulled: a program, the libraries that it is linked with and a small shell make an image.
The entrypoint of the UI does what the real one does with its NGINX_PROXY_* variables, in own words.
"""

import io
import os
import re
import subprocess
import tarfile
from pathlib import Path

from tests.real.programs import need

_ACCOUNTS = b"root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\nwww-data:x:33:33::/:/bin/false\n"
_GROUPS = b"root:x:0:\nnogroup:x:65534:\nwww-data:x:33:\n"
_TOOLS = ("sh", "cat", "env", "ls", "id", "printf", "sed")
CONFIG = """\
version: 0.1
log:
  fields:
    service: registry
storage:
  filesystem:
    rootdirectory: /var/lib/registry
http:
  addr: :5000
  headers:
    X-Content-Type-Options: [nosniff]
"""
_NGINX = """\
daemon off;
worker_processes 1;
error_log stderr notice;
events {}
http {
  types { text/html html; }
  default_type application/octet-stream;
  access_log /dev/stdout;
  include /etc/nginx/conf.d/*.conf;
}
"""
_UI = r"""#!/bin/sh
{
  echo 'server { listen 80; server_name localhost; client_max_body_size 0; proxy_buffering off;'
  echo 'proxy_request_buffering off; root /usr/share/nginx/html; error_page 500 502 503 504 /50x.html;'
  echo 'location / { index index.html; }'
  if [ -n "$NGINX_PROXY_PASS_URL" ]; then
    if [ -n "$NGINX_RESOLVER" ]; then echo "resolver $NGINX_RESOLVER;"; fi
    echo 'location /v2 { proxy_http_version 1.1; proxy_set_header Host "$http_host";'
    env | sed -n 's/^NGINX_PROXY_HEADER_//p' | while IFS= read -r line; do
      echo "proxy_set_header $(printf '%s' "${line%%=*}" | sed 's/_/-/g') \"${line#*=}\";"
    done
    env | sed -n 's/^NGINX_PROXY_PASS_HEADER_//p' | while IFS= read -r line; do
      echo "proxy_pass_header \"$(printf '%s' "${line%%=*}" | sed 's/_/-/g')\";"
    done
    echo "proxy_pass $NGINX_PROXY_PASS_URL; }"
  fi
  echo '}'
} > /etc/nginx/conf.d/default.conf
exec nginx
"""


def make(name: str) -> None:
    """Give the engine an image of that name (registry:2…, registry:3…, nginx:…, joxit/docker-registry-ui:…)."""
    kind = name.partition(":")[0]
    if kind == "registry":
        _registry(name, 3 if name.startswith("registry:3") else 2)
        return
    entry = ["/90-ui.sh"] if kind.startswith("joxit/") else ["nginx"]
    page = (
        b"<!DOCTYPE html><html><head><title>Docker Registry UI</title></head><body>Docker Registry UI</body></html>\n"
    )
    files = {
        "etc/nginx/nginx.conf": _NGINX.encode(),
        "etc/nginx/conf.d/none.conf": b"",
        "usr/share/nginx/html/index.html": page,
        "usr/share/nginx/html/50x.html": b"<!DOCTYPE html><html><head><title>Error</title></head></html>\n",
        "90-ui.sh": _UI.encode(),
        "var/log/nginx/.keep": b"",
        "var/lib/nginx/.keep": b"",
        "run/.keep": b"",
    }
    _import(name, {"usr/sbin/nginx": need("nginx")}, files, [f"ENTRYPOINT {_words(entry)}"])


def _registry(name: str, major: int) -> None:
    path = "etc/distribution/config.yml" if major == 3 else "etc/docker/registry/config.yml"
    # The image of 2.x starts by a script that adds `serve`; this machine's sh would drop variables with a hyphen.
    first, words = (["registry"], ["serve", f"/{path}"]) if major == 3 else (["registry", "serve"], [f"/{path}"])
    changes = [f"ENTRYPOINT {_words(first)}", f"CMD {_words(words)}", "ENV OTEL_TRACES_EXPORTER=none"]
    changes += ["VOLUME /var/lib/registry", "EXPOSE 5000"]
    _import(name, {"bin/registry": need(f"registry{major}")}, {path: CONFIG.encode()}, changes)


def _words(words: list[str]) -> str:
    return "[" + ", ".join(f'"{word}"' for word in words) + "]"


def _import(name: str, programs: dict[str, str], files: dict[str, bytes], changes: list[str]) -> None:
    programs = programs | {f"bin/{tool}": found for tool in _TOOLS if (found := _which(tool))}
    wanted = dict(programs)
    for path in programs.values():
        wanted |= {library.lstrip("/"): library for library in _libraries(path)}
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", dereference=True) as archive:
        for target, source in wanted.items():
            archive.add(os.path.realpath(source), target, filter=_plain)
        texts = {"etc/passwd": _ACCOUNTS, "etc/group": _GROUPS, "tmp/.keep": b"", **files}
        for target, data in texts.items():
            entry = tarfile.TarInfo(target)
            entry.size, entry.mode = len(data), 0o755 if target.endswith(".sh") else 0o644
            archive.addfile(entry, io.BytesIO(data))
    environment = "ENV PATH=/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin"
    arguments = [word for change in [environment, *changes] for word in ("--change", change)]
    command = [need("docker"), "import", *arguments, "-", name]
    subprocess.run(command, input=buffer.getvalue(), capture_output=True, timeout=120, check=True)


def _plain(entry: tarfile.TarInfo) -> tarfile.TarInfo:
    entry.mode, entry.uid, entry.gid = 0o755, 0, 0
    return entry


def _which(tool: str) -> str | None:
    return next((p for folder in ("/bin", "/usr/bin") if Path(p := f"{folder}/{tool}").exists()), None)


def _libraries(program: str) -> list[str]:
    """The libraries that the loader would map, and the loader itself."""
    said = subprocess.run(["ldd", program], capture_output=True, text=True, timeout=20, check=False).stdout
    return re.findall(r"(?:=> )?(/\S+) \(0x", said)
