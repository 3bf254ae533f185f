"""Answers of hostile servers: status lines, headers, challenges, redirects, bodies, framing."""

import base64
import gzip
import json
import zlib
from collections.abc import Iterator

from tests.jail.mutate import PAYLOADS

LOGIN = ("anna", "Kanarie-77-geel")
_PAIR = base64.b64encode(":".join(LOGIN).encode()).decode()
_MARKUP = '<img src=x onerror=alert(1)><script>alert(1)</script>[x](http://e) @all `x` "]]>\x1b[31m\x07'


def _answer(
    status: str = "401 Unauthorized", headers: tuple[str, ...] = (), body: bytes = b"", *, length: bool = True
) -> bytes:
    rows = [f"HTTP/1.1 {status}", *headers, *([f"Content-Length: {len(body)}"] if length else [])]
    return "\r\n".join(rows).encode("utf-8", "surrogateescape") + b"\r\n\r\n" + body


def _one_line(text: str) -> str:
    return text.replace("\r", " ").replace("\n", " ").replace("\u2028", " ")


def answers() -> Iterator[tuple[str, bytes]]:
    """(name, all that the server sends to whoever connects)."""
    for number, payload in enumerate(PAYLOADS):
        one = _one_line(payload)
        yield f"redirect-{number}", _answer("307 x", (f"Location: http://{one}/v2/",))
        yield (
            f"realm-{number}",
            _answer(headers=(f'WWW-Authenticate: Bearer realm="http://{one}/token",service="{one}"',)),
        )
    yield from _statuses()
    yield from _challenges()
    yield from _bodies()
    yield from _framing()
    yield from _echoes()


def _statuses() -> Iterator[tuple[str, bytes]]:
    for status in ("000 x", "99 x", "100 Continue", "101 Switching Protocols", "199 x", "204 No Content", "206 Partial", "304 Not Modified",
                   "399 x", "402 Pay", "407 Proxy", "418 Teapot", "429 Slow", "451 x", "499 x", "511 Login", "599 x", "999 x", "401",
                   "-1 x", "1e2 x", "401\tx", "200 " + "a" * 60_000, "２００ OK", "401 \x1b[31mx\x07", "307 x"):  # fmt: skip
        yield f"status {status[:12]!r}", _answer(status)


def _challenges() -> Iterator[tuple[str, bytes]]:
    for number, value in enumerate((
        "", ",", "=", "Basic", "Basic realm", "Basic realm=", 'Basic realm="', 'Basic realm="' + "a" * 50_000 + '"', 'Basic realm="' + '\\"' * 5000 + '"',
        "Basic " * 2000, 'Basic realm="a",' * 1500, f'Basic realm="{_MARKUP}"', 'Basic realm="::error::x"', 'Basic realm="##[error]x"', "Bearer realm=http://169.254.169.254/latest/meta-data",
        'Bearer realm="file:///etc/passwd",service="x"', 'Bearer realm="//x",scope="' + "repository:" * 3000 + '"', "Negotiate", "NTLM TlRMTVNTUAAB", 'Digest realm="x",nonce="y"',
        "\x00Basic", "Bäsic realm=\udcff", 'Bearer realm="http://[::1",service=x', 'Bearer realm="http://a:b@c/"', 'Basic realm="x", Bearer realm="y"',
    )):  # fmt: skip
        yield f"challenge-{number}", _answer(headers=(f"WWW-Authenticate: {value}",))
    yield "many-headers", _answer(headers=tuple(f"X-{n}: {n}" for n in range(3000)))
    yield "same-header", _answer(headers=('WWW-Authenticate: Basic realm="x"',) * 500)
    yield "folded", _answer(headers=("WWW-Authenticate: Basic", ' realm="x"'))
    yield "no-name", _answer(headers=(": x", "=: x", " x: y"))
    yield "bare-lf", b'HTTP/1.1 401 x\nWWW-Authenticate: Basic realm="x"\n\n'
    yield "controls", _answer(headers=("X-\x07: \x1b]0;x\x07", "Server: \x9b31m\u202e"))
    yield "odd-registry", _answer("200 OK", ("Docker-Distribution-Api-Version: registry/2.0",) * 40, b"{}")
    yield "many-cookies", _answer(headers=tuple(f"Set-Cookie: s{n}=Kanarie{n}; Domain=.com" for n in range(300)))


def _bodies() -> Iterator[tuple[str, bytes]]:
    kinds = {
        "deep-json": ("application/json", b"[" * 200_000 + b"]" * 200_000), "deep-object": ("application/json", b'{"errors":' * 50_000),
        "json-types": ("application/json", json.dumps({"errors": {"code": [None], "message": 7}, "token": [], "access_token": {}}).encode()),
        "json-number": ("application/json", b'{"errors":[{"code":' + b"9" * 100_000 + b"}]}"), "json-nan": ("application/json", b'{"a": NaN, "b": 1e999}'),
        "lone-surrogate": ("application/json", b'{"errors":[{"message":"\\ud800"}]}'), "not-utf-8": ("text/plain; charset=utf-8", b"\xff\xfe\xfd" * 500),
        "utf-16": ("text/html; charset=utf-16", _MARKUP.encode("utf-16")), "charset": ("text/html; charset=../../x", b"x"), "no-charset": ("text/html; charset=", b"x"),
        "markup": ("text/html", _MARKUP.encode()), "ci": ("text/plain", b"::error::x\n##[error]x\n##vso[task.x]y"), "nul": ("text/plain", b"\0" * 100_000), "type": ("x" * 20_000, b"x"),
        "xml": ("application/xml", b"<!DOCTYPE x [<!ENTITY a 'b'>" + b"<!ENTITY c '&a;&a;'>" * 1000 + b"]><x>&c;</x>"), "long-line": ("text/html", b"a" * 5_000_000),
    }  # fmt: skip
    for name, (kind, body) in kinds.items():
        yield f"body-{name}", _answer("401 x", (f"Content-Type: {kind}",), body)
    for coding, body in {
        "gzip": b"\x1f\x8b not gzip", "deflate": b"junk", "br": b"junk", "gzip, gzip": gzip.compress(gzip.compress(b"x" * 10_000)), "x-odd": b"junk",
        "gzip ": gzip.compress(b"\0" * (20 << 20))[:-200], "identity,,": b"x", "deflate ": zlib.compress(b"\0" * (20 << 20)),
    }.items():  # fmt: skip
        yield f"coding-{coding}", _answer("401 x", (f"Content-Encoding: {coding.strip()}",), body)


def _framing() -> Iterator[tuple[str, bytes]]:
    chunked = ("Transfer-Encoding: chunked",)
    for name, body in {
        "negative": b"-5\r\nhello\r\n0\r\n\r\n", "huge": b"ffffffffffffffff\r\nx", "words": b"zz\r\nx", "no-end": b"5\r\nhello\r\n", "extension": b"5;" + b"a" * 100_000 + b"\r\nhello\r\n0\r\n\r\n",
        "trailers": b"0\r\n" + b"X: y\r\n" * 5000 + b"\r\n", "empty": b"", "odd-case": b"0x5\r\nhello\r\n0\r\n\r\n",
    }.items():  # fmt: skip
        yield f"chunk-{name}", _answer("401 x", chunked, body, length=False)
    for length in ("-1", "abc", "1e3", "99999999999999999999", "5, 5", "5, 6", ""):
        yield f"length-{length}", _answer("401 x", (f"Content-Length: {length}",), b"hello", length=False)
    yield "both", _answer("401 x", (*chunked, "Content-Length: 5"), b"0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n", length=False)
    yield "two-answers", _answer() + _answer("200 OK", body=b"{}")
    yield "informational-flood", b"HTTP/1.1 100 Continue\r\n\r\n" * 2000 + _answer()
    for name, text in {
        "ftp": b"220 ready\r\n", "smtp": b"220 mail ESMTP\r\n", "redis": b"-ERR unknown\r\n", "http-0.9": b"<html>x</html>", "icy": b"ICY 200 OK\r\n\r\n", "tls": b"\x16\x03\x01\x02\x00\x01",
        "h2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", "noise": bytes(range(256)) * 100, "newlines": b"\r\n" * 50_000, "lower": b"http/1.1 401 x\r\n\r\n", "spaces": b"HTTP/1.1  401  x\r\n\r\n",
    }.items():  # fmt: skip
        yield f"protocol-{name}", text


def _echoes() -> Iterator[tuple[str, bytes]]:
    """The login sent back, wherever it fits."""
    for name, text in {
        "pair": _PAIR,
        "password": LOGIN[1],
        "spelled": "Kanarie%2D77%2Dgeel",
        "upper": _PAIR.replace("=", "%3D"),
    }.items():
        yield f"echo-body-{name}", _answer(body=f"you sent {text}".encode())
        yield f"echo-header-{name}", _answer(headers=(f"X-Debug: {text}", f'WWW-Authenticate: Basic realm="{text}"'))
        yield f"echo-location-{name}", _answer("307 x", (f"Location: /v2/?auth={text}",))
