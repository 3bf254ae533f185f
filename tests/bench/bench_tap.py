"""The tap next to nginx and to nothing between, in one run: milliseconds for a ping, MB/s for a large answer.

python -m tests.bench.bench_tap
"""

import http.client
import statistics
import tempfile
import threading
import time
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

from tests.real.hops import free_port, running
from tests.real.test_tap import tapped

_SIZE = 512 << 20
_PINGS = 1000
_NGINX = """daemon off; master_process off; pid {folder}/pid; error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{ access_log off; proxy_buffering off;
  client_body_temp_path {folder}/b; proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  upstream r {{ server 127.0.0.1:{upstream}; keepalive 4; }}
  server {{ listen 127.0.0.1:{port}; location / {{ proxy_pass http://r; proxy_http_version 1.1; proxy_set_header Connection ""; }} }}
}}
"""


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = 1 << 16  # one packet for head and body, or delayed acknowledgements are what is measured

    def do_GET(self) -> None:
        size = _SIZE if self.path == "/large" else 2
        self.send_response(200)
        self.send_header("Content-Length", str(size))
        self.end_headers()
        block = bytes(1 << 20)
        while size > 0:
            size -= self.wfile.write(block[:size])

    def log_message(self, *_: object) -> None:
        pass


def ping(port: int) -> float:
    """Median milliseconds of a small request on a connection that stays open."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    taken = []
    for _ in range(_PINGS):
        began = time.perf_counter()
        connection.request("GET", "/v2/")
        connection.getresponse().read()
        taken.append(time.perf_counter() - began)
    return 1000 * statistics.median(taken)


def throughput(port: int) -> float:
    """MB/s of one large answer."""
    connection = http.client.HTTPConnection("127.0.0.1", port)
    began = time.perf_counter()
    connection.request("GET", "/large")
    answer = connection.getresponse()
    while answer.read(1 << 20):
        pass
    return _SIZE / (1 << 20) / (time.perf_counter() - began)


def main() -> None:
    """Print the table."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    upstream, port = server.server_address[1], free_port()
    with tempfile.TemporaryDirectory() as name, tapped(f"http://127.0.0.1:{upstream}", "--quiet") as (tap, _):
        folder = Path(name)
        (folder / "nginx.conf").write_text(_NGINX.format(folder=folder, upstream=upstream, port=port))
        with running(["nginx", "-p", name, "-c", f"{name}/nginx.conf", "-e", f"{name}/e"], port, folder):
            measures: list[tuple[str, Callable[[int], float]]] = [("ms for a ping", ping), ("MB/s", throughput)]
            for what, measure in measures:
                told = {"nothing": measure(upstream), "nginx": measure(port), "the tap": measure(tap)}
                print(f"{what:>14}: " + ", ".join(f"{n} between {v:.2f}" for n, v in told.items()))
    server.shutdown()


if __name__ == "__main__":
    main()
