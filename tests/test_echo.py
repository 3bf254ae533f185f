"""A server sends the login back that it was given: in every encoding and in every place of an answer, nothing of it is kept."""

import base64
import binascii
import codecs
import gzip
import html
import json
import socket
import unicodedata
import zlib
from collections.abc import Callable
from pathlib import Path
from urllib.parse import quote, quote_plus

import pytest

from runbook.cli import main
from runbook.redact import Vault
from tests.servers import raw_server
from tests.test_canary import everything

PASSWORD = 'Kanarie+Vogel/ü"&7 $x'
USER = "anna"


def b64(text: str | bytes) -> str:
    return base64.b64encode(text.encode() if isinstance(text, str) else text).decode()


def each(pattern: Callable[[str], str]) -> Callable[[str], str]:
    return lambda text: "".join(map(pattern, text))


def octets(pattern: Callable[[int], str]) -> Callable[[str], str]:
    return lambda text: "".join(map(pattern, text.encode()))


ENCODINGS: dict[str, Callable[[str], str]] = {
    "plain": str,
    "capitals": str.upper,
    "small": str.lower,
    "reversed": lambda t: t[::-1],
    "rot13": lambda t: codecs.encode(t, "rot13"),
    "percent": lambda t: quote(t, safe=""),
    "percent, small": lambda t: quote(t, safe="").lower(),
    "percent, every byte": octets(lambda b: f"%{b:02X}"),
    "percent twice": lambda t: quote(quote(t, safe=""), safe=""),
    "plus": quote_plus,
    "percent u": each(lambda c: f"%u{ord(c):04x}"),
    "percent of latin-1": lambda t: quote(t.encode("latin-1"), safe=""),
    "json": lambda t: json.dumps(t)[1:-1],
    "json, unicode": lambda t: json.dumps(t, ensure_ascii=False)[1:-1],
    "json, every character": each(lambda c: f"\\u{ord(c):04x}"),
    "json, slashes": lambda t: json.dumps(t)[1:-1].replace("/", "\\/"),
    "json twice": lambda t: json.dumps(json.dumps(t))[1:-1],
    "javascript x": octets(lambda b: f"\\x{b:02x}"),
    "javascript braces": each(lambda c: f"\\u{{{ord(c):x}}}"),
    "python U": each(lambda c: f"\\U{ord(c):08x}"),
    "octal": octets(lambda b: f"\\{b:03o}"),
    "html": html.escape,
    "html, decimal": each(lambda c: f"&#{ord(c)};"),
    "html, hexadecimal": each(lambda c: f"&#x{ord(c):X};"),
    "html twice": lambda t: html.escape(html.escape(t)),
    "css": each(lambda c: f"\\{ord(c):06x}"),
    "quoted-printable": octets(lambda b: f"={b:02X}" if not 33 <= b <= 126 or b == 61 else chr(b)),
    "quoted-printable, every byte": octets(lambda b: f"={b:02X}"),
    "mime word b": lambda t: f"=?utf-8?B?{b64(t)}?=",
    "mime word q": lambda t: (
        f"=?utf-8?Q?{''.join(f'={b:02X}' if not chr(b).isalnum() else chr(b) for b in t.encode())}?="
    ),
    "hex": lambda t: t.encode().hex(),
    "hex, capitals": lambda t: t.encode().hex().upper(),
    "hex with colons": lambda t: t.encode().hex(":"),
    "hex with blanks": lambda t: t.encode().hex(" "),
    "hex 0x": octets(lambda b: f"0x{b:02x},"),
    "base64": b64,
    "base64 without padding": lambda t: b64(t).rstrip("="),
    "base64, url": lambda t: base64.urlsafe_b64encode(t.encode()).decode(),
    "base64 at offset 1": lambda t: b64("x" + t),
    "base64 at offset 2": lambda t: b64("xy" + t + "z"),
    "base64 of the pair": lambda t: b64(f"{USER}:{t}"),
    "base64 of the pair, url": lambda t: base64.urlsafe_b64encode(f"{USER}:{t}".encode()).decode(),
    "base64 in lines": lambda t: "\\n".join([b64(t)[:12], b64(t)[12:]]).replace("\\n", " "),
    "base64 twice": lambda t: b64(b64(t)),
    "base64 of utf-16": lambda t: b64(t.encode("utf-16-le")),
    "base64 of latin-1": lambda t: b64(t.encode("latin-1")),
    "base64, percent": lambda t: quote(b64(t), safe=""),
    "base32": lambda t: base64.b32encode(t.encode()).decode(),
    "base32, small": lambda t: base64.b32encode(t.encode()).decode().lower().rstrip("="),
    "base85": lambda t: base64.b85encode(t.encode()).decode(),
    "ascii85": lambda t: base64.a85encode(t.encode()).decode(),
    "uuencode": lambda t: binascii.b2a_uu(t.encode()).decode().strip(),
    "decimal numbers": lambda t: " ".join(str(b) for b in t.encode()),
    "binary numbers": lambda t: " ".join(f"{b:08b}" for b in t.encode()),
    "octal numbers": lambda t: " ".join(f"{b:03o}" for b in t.encode()),
    "utf-7": lambda t: t.encode("utf-7").decode(),
    "mojibake": lambda t: t.encode().decode("latin-1"),
    "nfd": lambda t: unicodedata.normalize("NFD", t),
    "full width": each(lambda c: chr(ord(c) + 0xFEE0) if 33 <= ord(c) <= 126 else c),
    "spaced": lambda t: " ".join(t),
    "zero width": lambda t: "\u200b".join(t),
    "dashes": lambda t: "-".join(t),
    "shell quotes": lambda t: "'" + t.replace("'", "'\\''") + "'",
    "sql quotes": lambda t: t.replace("'", "''").replace('"', '""'),
    "in a sentence": lambda t: f"user anna, password {t}, refused",
    "as a json pair": lambda t: json.dumps({"user": USER, "password": t}),
}
PLACES = ("header", "known header", "realm", "location", "query", "body", "html", "json", "name", "token")


def answer(place: str, text: str) -> bytes:
    raw = text.encode("utf-8")
    one = text.replace("\n", " ")
    headers, body, kind = [], b"{}", "application/json"
    if place == "header":
        headers = [f"X-Echo: {one}"]
    elif place == "known header":
        headers = [f"Server: nginx {one}", f"ETag: {one}", f"X-Request-Id: {one}"]
    elif place == "realm":
        headers = [f'WWW-Authenticate: Basic realm="{one}"']
    elif place == "location":
        headers = [f"Location: http://127.0.0.1:1/x/{one}"]
    elif place == "query":
        headers = [f"Location: http://127.0.0.1:1/x/?login={one}"]
    elif place == "name":
        headers = [f"X-{quote(one, safe='')}: 1"]
    elif place == "token":
        headers, body = ["Set-Cookie: s=" + one], json.dumps({"token": text}).encode()
    elif place == "body":
        kind, body = "text/plain", raw
    elif place == "html":
        kind, body = "text/html", b"<html><title>401</title><input value='" + raw + b"'></html>"
    elif place == "json":
        body = json.dumps({"errors": [{"code": "UNAUTHORIZED", "message": text, "detail": {"login": text}}]}).encode()
    head = [
        "HTTP/1.1 401 Unauthorized",
        f"Content-Type: {kind}",
        f"Content-Length: {len(body)}",
        "Connection: close",
        *headers,
    ]
    return "\r\n".join(head).encode() + b"\r\n\r\n" + body


def kept(text: str, encoded: str) -> list[str]:
    """What of the password can be read in a text: itself, this encoding of it, or half of either."""
    forms = {PASSWORD, encoded, encoded.strip(), PASSWORD[:12], b64(PASSWORD)[:16], b64(f"{USER}:{PASSWORD}")[:20]}
    if len(encoded) > 24:
        forms |= {encoded[4 : len(encoded) * 2 // 3], encoded[len(encoded) // 3 : -2]}
    plain = text + html.unescape(text) + text.replace("\\\\", "\\").replace('\\"', '"').replace("\\/", "/")
    return [form for form in forms if form in plain]


def test_there_are_enough_encodings() -> None:
    assert len(ENCODINGS) >= 53
    assert len({encode(PASSWORD) for encode in ENCODINGS.values()}) >= 60


@pytest.mark.parametrize("place", PLACES)
def test_nothing_of_it_is_kept(
    place: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECHO_PASSWORD", PASSWORD)
    found = []
    for name, encode in ENCODINGS.items():
        encoded = encode(PASSWORD)
        sent = answer(place, encoded)

        def behave(connection: socket.socket, sent: bytes = sent) -> None:
            connection.recv(65536)
            connection.sendall(sent)

        with raw_server(behave) as url:
            words = [
                "diagnose",
                "--registry",
                url,
                "--user",
                USER,
                "--password-env",
                "ECHO_PASSWORD",
                "--insecure-http",
            ]
            saved = ["--save-evidence", str(tmp_path / "e.json"), "--report", str(tmp_path / "r.html")]
            main([*words, "--timeout", "5", "--format", "json", *saved])
        if told := kept(everything(capsys, tmp_path), encoded):
            found.append((name, told))
    assert found == []


@pytest.mark.parametrize("name", ENCODINGS)
def test_the_vault_sees_it(name: str) -> None:
    """What is not masked by its place is found by what it is."""
    vault = Vault()
    vault.password(PASSWORD, USER)
    text = f"before {ENCODINGS[name](PASSWORD)} after"
    assert vault.scrub(text) != text or vault.hides(text)
    assert not vault.hides("a sentence that has nothing of it, and numbers: 12 34 56 78 90 11 22 33")


def test_compressed_answers_are_read_and_masked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ECHO_PASSWORD", PASSWORD)
    for name, pack in (("gzip", gzip.compress), ("deflate", zlib.compress)):
        body = pack(f"the password is {PASSWORD}".encode())

        def behave(connection: socket.socket, body: bytes = body, name: str = name) -> None:
            connection.recv(65536)
            connection.sendall(
                f"HTTP/1.1 401 x\r\nContent-Encoding: {name}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body
            )

        with raw_server(behave) as url:
            main(
                [
                    "diagnose",
                    "--registry",
                    url,
                    "--user",
                    USER,
                    "--password-env",
                    "ECHO_PASSWORD",
                    "--save-evidence",
                    str(tmp_path / "e.json"),
                ]
            )
        assert kept(everything(capsys, tmp_path), PASSWORD) == []
