"""An offline diagnosis as a whole process, against the imports that it cannot do without: a ratio within one run.

Both are compiled before, and processor time is compared, so that neither a cold cache nor a busy machine decides.
"""

import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

BOUND = 3.0
ROUNDS = 7
HEAVY = ("pandas", "IPython", "papermill", "ipywidgets", "httpx", "nbconvert")

COMPOSE = """\
services:
  registry:
    image: registry:3
    ports: ["5000:5000"]
    environment:
      REGISTRY_AUTH: htpasswd
      REGISTRY_AUTH_HTPASSWD_REALM: Registry Realm
      REGISTRY_AUTH_HTPASSWD_PATH: /auth/htpasswd
    volumes: ["./auth:/auth", "data:/var/lib/registry"]
  ui:
    image: joxit/docker-registry-ui:2
    ports: ["8080:80"]
    environment:
      NGINX_PROXY_PASS_URL: http://registry:5000
      NGINX_PROXY_HEADER_Authorization: ""
volumes:
  data:
"""
CURL = """\
$ curl -i -u anna:***** http://localhost:5000/v2/
HTTP/1.1 200 OK
Docker-Distribution-Api-Version: registry/2.0

{}
$ curl -i -u anna:***** http://localhost:8080/v2/
HTTP/1.1 401 Unauthorized
Server: nginx/1.22.1
Docker-Distribution-Api-Version: registry/2.0
Www-Authenticate: Basic realm="Registry Realm"

"""


def seconds(command: list[str], cache: Path) -> float:
    """Processor time of one run as a whole process."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    environment = {**os.environ, "PYTHONPYCACHEPREFIX": str(cache)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    subprocess.run(command, capture_output=True, check=False, env=environment)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def bundle(folder: Path) -> Path:
    """An incident of everyday size."""
    (folder / "docker-compose.yml").write_text(COMPOSE, encoding="utf-8")
    (folder / "curl.txt").write_text(CURL, encoding="utf-8")
    return folder


def loaded(folder: Path) -> list[str]:
    """Which heavy packages a diagnosis loads."""
    script = (
        "import sys, json, io, contextlib; from runbook.cli import main\n"
        f"with contextlib.redirect_stdout(io.StringIO()): main(['diagnose', {str(folder)!r}, '--format', 'json'])\n"
        f"print(json.dumps([m for m in {HEAVY!r} if m in sys.modules]))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    return list(json.loads(done.stdout))


def main() -> int:
    """Print the figures; 1 above the bound."""
    with tempfile.TemporaryDirectory() as name:
        (folder := Path(name) / "incident").mkdir()
        bundle(folder)
        cache = Path(name) / "compiled"
        mine = [sys.executable, "-m", "runbook", "diagnose", str(folder), "--format", "json"]
        base = [sys.executable, "-c", "import httpx, yaml"]
        seconds(mine, cache), seconds(base, cache)
        pairs = [(seconds(mine, cache), seconds(base, cache)) for _ in range(ROUNDS)]
        ratio = statistics.median(a / b for a, b in pairs)
        heavy = loaded(folder)
    a, b = (statistics.median(column) for column in zip(*pairs, strict=True))
    print(
        f"diagnose offline: {a:.2f} s against {b:.2f} s for the imports, ratio {ratio:.2f} (bound {BOUND}); heavy: {heavy}"
    )
    return 0 if ratio <= BOUND and not heavy else 1


if __name__ == "__main__":
    raise SystemExit(main())
