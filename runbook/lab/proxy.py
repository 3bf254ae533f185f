"""nginx's semantics in Python: what the registry UI's own nginx, or a hand-made one, does with /v2.

Follows what nginx 1.22 was seen to do: which headers it sends on, sets, removes and hides, how it
picks Host and rewrites Location, its error pages, its log lines.
"""

import base64
import http.client
import tempfile
import time
from collections.abc import Iterator
from functools import partial
from ipaddress import ip_address, ip_network
from pathlib import Path
from threading import Lock
from urllib.parse import urlsplit

from runbook.lab import nginx_conf
from runbook.lab.plan import NOWHERE, Plan
from runbook.lab.serving import CHUNK, Request, Response, http_date
from runbook.parse.htpasswd.registry import Refusal, load, registry_accepts
from runbook.wire import NotTlsError, connect

SERVER = "nginx/1.22.1"
_PAGE = (
    "<html>\r\n<head><title>{0}</title></head>\r\n<body>\r\n<center><h1>{0}</h1></center>\r\n"
    "<hr><center>{1}</center>\r\n</body>\r\n</html>\r\n"
)
_REASONS = {
    301: "301 Moved Permanently",
    401: "401 Authorization Required",
    403: "403 Forbidden",
    404: "404 Not Found",
    405: "405 Not Allowed",
    413: "413 Request Entity Too Large",
    502: "502 Bad Gateway",
}
_NOT_SENT_ON = frozenset("host connection keep-alive transfer-encoding te expect upgrade content-length".split())
_NOT_HANDED_BACK = frozenset("date server x-pad connection keep-alive transfer-encoding".split())
_FIRST = ("Content-Type", "Content-Length", "Transfer-Encoding", "Last-Modified")


class Nginx:
    """Answers requests for the plan's proxy."""

    def __init__(self, plan: Plan, home: Path, log: Path) -> None:
        self.plan, self.proxy, self.home = plan, plan.proxy, home
        self._log, self._lock = log, Lock()
        self._written = urlsplit(self.proxy.upstream or "")

    def answer(self, request: Request) -> Response:
        proxy = self.proxy
        if proxy.open_ping and request.path == "/v2/":
            return self._own(200, b"{}", "application/json")
        if proxy.upstream and request.path.startswith(nginx_conf.location(proxy)):
            if proxy.body_limit and (request.body.length or 0) > proxy.body_limit:
                self._tell(request, f"client intended to send too large body: {request.body.length} bytes")
                return self._error(413, close=True)
            refused = self._turned_away(request) or self._refused(request)
            return refused or self._decorated(self._pass(request))
        if proxy.upstream and request.path == nginx_conf.location(proxy).rstrip("/"):
            moved = self._error(301)
            moved.headers.append(("Location", f"http://{request.get('Host')}{request.path}/"))
            return moved
        return self._static(request)

    # what nginx answers by itself

    def _static(self, request: Request) -> Response:
        if request.method not in ("GET", "HEAD", "POST"):
            return self._error(405)
        name = "index.html" if request.path == "/" else request.path.lstrip("/")
        path = self.home / "www" / name
        if not path.resolve().is_relative_to((self.home / "www").resolve()) or not path.is_file():
            return self._error(404)
        if request.method == "POST":
            return self._error(405)
        data, changed = path.read_bytes(), path.stat().st_mtime
        extra = [("ETag", f'"{int(changed):x}-{len(data):x}"'), ("Accept-Ranges", "bytes")]
        return self._own(200, data, "text/html", [("Last-Modified", http_date(changed))], extra)

    def _own(
        self,
        status: int,
        body: bytes,
        kind: str,
        before: list[tuple[str, str]] | None = None,
        after: list[tuple[str, str]] | None = None,
    ) -> Response:
        first = [("Server", SERVER), ("Date", http_date()), ("Content-Type", kind), ("Content-Length", str(len(body)))]
        return Response(status, [*first, *(before or []), ("Connection", "keep-alive"), *(after or [])], body)

    def _error(self, status: int, close: bool = False) -> Response:
        """nginx's page; the UI has one of its own for what goes wrong behind it."""
        page = self.home / "www" / "50x.html"
        own_page = self.proxy.software == "ui" and status >= 500 and page.exists()
        body = page.read_bytes() if own_page else _PAGE.format(_REASONS[status], SERVER).encode()
        response = self._own(status, body, "text/html")
        if close:
            response.close = True
            response.headers = [(n, "close" if n == "Connection" else v) for n, v in response.headers]
        return response

    def _turned_away(self, request: Request) -> Response | None:
        """403 by a list of addresses or by the program's name, whatever the login. `None` for whom nothing is said of."""
        proxy = self.proxy
        if proxy.turned_away and proxy.turned_away.lower() in request.get("User-Agent").lower():
            return self._error(403)
        peer = request.client.rpartition(":")[0].strip("[]")
        if proxy.allowed and ip_address(peer) not in ip_network(proxy.allowed):
            self._tell(request, "access forbidden by rule")
            return self._error(403)
        return None

    def _refused(self, request: Request) -> Response | None:
        """auth_basic: nginx asks for a login itself. `None` when it is content."""
        if self.proxy.realm is None:
            return None
        table = load((self.home / "project" / ".proxy-htpasswd").read_bytes())
        scheme, _, text = request.get("Authorization").partition(" ")
        if scheme.lower() == "basic" and not isinstance(table, Refusal):
            user, _, password = base64.b64decode(text + "==").partition(b":")
            if user in table and registry_accepts(table[user], password):
                return None
            name = user.decode("utf-8", "replace")
            why = "password mismatch" if user in table else 'was not found in "/etc/nginx/.htpasswd"'
            self._tell(request, f'user "{name}"{":" if user in table else ""} {why}')
        refusal = self._error(401)
        refusal.headers.append(("WWW-Authenticate", f'Basic realm="{self.proxy.realm}"'))
        return self._decorated(refusal)

    def _decorated(self, response: Response) -> Response:
        """add_header: without `always` only on the statuses that nginx lists."""
        listed = response.status in (200, 201, 204, 206, 301, 302, 303, 304, 307, 308)
        response.headers += [(name, value) for name, value, always in self.proxy.added if always or listed]
        return response

    # what it hands on

    def _pass(self, request: Request) -> Response:
        try:
            answer, connection = self._ask(request)
        except (OSError, http.client.HTTPException) as error:
            self._complain(request, error)
            return self._error(502)
        headers = [(n, v) for n, v in answer.getheaders() if n.lower() not in _NOT_HANDED_BACK]
        headers = [(n, v) for n, v in headers if n.lower() not in {h.lower() for h in self.proxy.hidden}]
        headers = [(n, self._location(v) if n == "Location" else v) for n, v in headers]
        if answer.length is None and answer.status not in (204, 304) and request.method != "HEAD":
            headers.append(("Transfer-Encoding", "chunked"))
        first = [pair for name in _FIRST for pair in headers if pair[0] == name]
        rest = [pair for pair in headers if pair not in first]
        own = [("Server", SERVER), ("Date", http_date())]
        return Response(
            answer.status, [*own, *first, ("Connection", "keep-alive"), *rest], _Upstream(answer, connection)
        )

    def _ask(self, request: Request) -> tuple[http.client.HTTPResponse, http.client.HTTPConnection]:
        port = self.plan.upstream_port() or NOWHERE
        connection = connect(port, 60, tls=self._written.scheme == "https")
        try:
            return self._send(request, connection), connection
        except BaseException:
            connection.close()
            raise

    def _send(self, request: Request, connection: http.client.HTTPConnection) -> http.client.HTTPResponse:
        spool = _spooled(request)
        length = request.body.length if spool is None else _size(spool)
        connection.putrequest(request.method, self._target(request), skip_host=True, skip_accept_encoding=True)
        for name, value in self._sent_on(request):
            connection.putheader(name, value.encode("latin-1", "replace"))
        if length or request.get("Content-Length"):
            connection.putheader("Content-Length", str(length or 0))
        connection.endheaders()
        try:
            pieces = request.body if spool is None else iter(partial(spool.read, CHUNK), b"")
            for piece in pieces:
                connection.send(piece)
        except (BrokenPipeError, ConnectionResetError):
            # Upstream has answered before it read all of the body; that answer is what counts.
            pass
        if spool is not None:
            spool.close()
        return connection.getresponse()

    def _target(self, request: Request) -> str:
        """proxy_pass with a path replaces what the location matched, without one it changes nothing."""
        if not self._written.path:
            return request.target
        return self._written.path + request.target[len(nginx_conf.location(self.proxy)) :]

    def _sent_on(self, request: Request) -> list[tuple[str, str]]:
        """Host first, then what is set, then the client's own; an empty value removes a header."""
        proxy = self.proxy
        host = self._written.netloc if proxy.host is None else self._value(proxy.host, request)
        set_here = {name.lower() for name in proxy.request_headers} | _NOT_SENT_ON
        headers = [("Host", host), ("Connection", "close")]
        headers += [(n, v) for n, t in proxy.request_headers.items() if (v := self._value(t, request))]
        return headers + [(n, v) for n, v in request.headers if n.lower() not in set_here]

    def _value(self, template: str, request: Request) -> str:
        peer = request.client.rpartition(":")[0]
        forwarded = request.get("X-Forwarded-For")
        host = request.get("Host")
        variables = {
            "$http_host": host,
            "$host": host.partition(":")[0],
            "$proxy_host": self._written.netloc,
            "$remote_addr": peer,
            "$proxy_add_x_forwarded_for": f"{forwarded}, {peer}" if forwarded else peer,
            "$scheme": "http",
            "$server_port": str(self.plan.ui_port),
            "$http_authorization": request.get("Authorization"),
        }
        for name in sorted(variables, key=len, reverse=True):
            template = template.replace(name, variables[name])
        return template

    def _location(self, value: str) -> str:
        """proxy_redirect default: the upstream's own address becomes this server's."""
        written = self.proxy.upstream or ""
        base, own = (written, nginx_conf.location(self.proxy)) if self._written.path else (written + "/", "/")
        return own + value[len(base) :] if value.startswith(base) else value

    # what it writes down

    def log(self, request: Request, response: Response, written: int) -> None:
        when = time.strftime("%d/%b/%Y:%H:%M:%S +0000", time.gmtime())
        peer = request.client.rpartition(":")[0]
        line = f"{request.method} {request.target} {request.version}"
        tail = f'"{request.get("Referer") or "-"}" "{request.get("User-Agent") or "-"}"'
        self._write(f'{peer} - {_user(request)} [{when}] "{line}" {response.status} {written} {tail}')

    def _complain(self, request: Request, error: Exception) -> None:
        what = "connect() failed (111: Connection refused) while connecting to upstream"
        if isinstance(error, NotTlsError):
            reason = "SSL: error:0A00010B:SSL routines::wrong version number"
            what = f"SSL_do_handshake() failed ({reason}) while SSL handshaking to upstream"
        elif not isinstance(error, ConnectionRefusedError):
            what = "upstream prematurely closed connection while reading response header from upstream"
        netloc = self._written.netloc.replace("localhost", "127.0.0.1")
        upstream = f"{self._written.scheme}://{netloc if ':' in netloc else netloc + ':80'}{self._target(request)}"
        self._tell(request, what, f'upstream: "{upstream}", ')

    def _tell(self, request: Request, what: str, upstream: str = "") -> None:
        """A line of the error log about a request."""
        peer = request.client.rpartition(":")[0]
        line = f"{request.method} {request.target} {request.version}"
        host = request.get("Host")
        self.error(f'*1 {what}, client: {peer}, server: localhost, request: "{line}", {upstream}host: "{host}"')

    def error(self, text: str, level: str = "error") -> None:
        self._write(f"{time.strftime('%Y/%m/%d %H:%M:%S', time.gmtime())} [{level}] 29#29: {text}")

    def _write(self, line: str) -> None:
        with self._lock, self._log.open("a", encoding="utf-8") as sink:
            sink.write(line + "\n")


class _Upstream:
    """The body of an upstream's answer, passed on piece by piece."""

    def __init__(self, answer: http.client.HTTPResponse, connection: http.client.HTTPConnection) -> None:
        self._answer, self._connection = answer, connection

    def __iter__(self) -> Iterator[bytes]:
        while piece := self._answer.read(CHUNK):
            yield piece

    def close(self) -> None:
        self._answer.close()
        self._connection.close()


def _spooled(request: Request) -> "tempfile.SpooledTemporaryFile[bytes] | None":
    """nginx reads a chunked body to its end before it asks upstream, and then names its length."""
    if request.body.length is not None:
        return None
    spool = tempfile.SpooledTemporaryFile(max_size=1 << 20)  # noqa: SIM115 read by the caller, freed with it
    for piece in request.body:
        spool.write(piece)
    spool.seek(0)
    return spool


def _size(spool: "tempfile.SpooledTemporaryFile[bytes]") -> int:
    size = spool.seek(0, 2)
    spool.seek(0)
    return size


def _user(request: Request) -> str:
    """$remote_user: the name in a Basic header, whether or not it is right."""
    scheme, _, text = request.get("Authorization").partition(" ")
    if scheme.lower() != "basic":
        return "-"
    try:
        name, colon, _ = base64.b64decode(text).partition(b":")
    except ValueError:
        return "-"
    return name.decode("utf-8", "replace") if colon and name else "-"
