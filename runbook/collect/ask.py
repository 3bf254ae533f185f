"""One request to a server that may be hostile, and its answer as evidence: bounded in bytes and seconds."""

import asyncio
import time
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

import httpx

from runbook.collect.failures import classify
from runbook.collect.logins import Login
from runbook.model import Exchange, Headers, Place, Route
from runbook.redact import MASK, Vault
from runbook.redact.forms import decoded

if TYPE_CHECKING:
    from runbook.collect.tokens import Token

BODY = 64 * 1024
SHOWN = 8000
HEADERS = 100
PROBE = Place("probe")


@dataclass(frozen=True, slots=True)
class Question:
    """A request to be made."""

    route: Route
    base: str
    method: str
    path: str
    login: "Login | Token | None" = None
    headers: Headers = ()


@dataclass(frozen=True, slots=True)
class Answer:
    """An exchange as evidence, and what the next request needs of it: neither is in the evidence."""

    exchange: Exchange
    location: str = ""
    """Where the answer leads, with all of its query."""
    peer: str = ""
    """The address that answered."""
    whole: bytes = b""
    """The body of an answer that is itself a secret."""


class _Phase:
    """How far a request got: httpcore tells each step as it begins and ends."""

    def __init__(self) -> None:
        self.step = ""

    async def note(self, event: str, _: object) -> None:
        """Take an event ("connection.connect_tcp.started")."""
        self.step = event

    def hang(self, seconds: float) -> tuple[str, str]:
        """The word for a wait in vain, and what it was for: nobody there, no TLS, or a program that hangs."""
        if self.step == "connection.connect_tcp.started":
            return "timeout", f"no connection within {seconds:.0f} s: what is sent there is lost on the way"
        if self.step == "connection.start_tls.started":
            return "handshake-timeout", f"connected, and no answer to the TLS handshake within {seconds:.0f} s"
        return (
            "no-response",
            f"connected, and no response within {seconds:.0f} s: the program there, or one behind it, hangs",
        )


async def ask(client: httpx.AsyncClient, question: Question, vault: Vault, seconds: float) -> Exchange:
    """Send one request; whatever happens comes back as an exchange. Redirects are recorded, never followed."""
    return (await answered(client, question, vault, seconds)).exchange


async def answered(
    client: httpx.AsyncClient, question: Question, vault: Vault, seconds: float, *, secret: bool = False
) -> Answer:
    """The same, with what is needed to go on from there. The body of a `secret` answer is no evidence."""
    url = question.base + question.path
    login = {"Authorization": question.login.header(vault)} if question.login else {}
    begun, when = time.monotonic(), time.time()
    status: int | None = None
    headers: Headers = ()
    error: str | None = None
    body, detail, location, peer = b"", "", "", ""
    phase = _Phase()
    try:
        async with asyncio.timeout(seconds):
            request = client.build_request(
                question.method, url, headers=[*question.headers, *login.items()], extensions={"trace": phase.note}
            )
            response = await client.send(request, stream=True, follow_redirects=False)
            try:
                status, headers = response.status_code, _shown(response.headers, vault)
                location, peer = response.headers.get("Location", ""), _peer(response)
                body, detail = await _body(response)
            finally:
                await asyncio.shield(response.aclose())
    except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as failure:
        error, detail = classify(failure)
        if error == "timeout":
            error, detail = phase.hang(time.monotonic() - begun)
    exchange = Exchange(
        source=PROBE,
        method=question.method,
        url=url,
        route=question.route,
        credential=question.login.credential if question.login else None,
        request_headers=(
            *question.headers,
            *((name, f"{value.partition(' ')[0]} {MASK}") for name, value in login.items()),
        ),
        status=status,
        response_headers=headers,
        body="" if secret and status == 200 else vault.answer(body.decode("utf-8", "replace"), SHOWN),
        error=error,
        detail=vault.answer(detail, 300),
        elapsed=round(time.monotonic() - begun, 4),
        when=round(when, 3),
    )
    return Answer(exchange, location, peer, body if secret else b"")


def _peer(response: httpx.Response) -> str:
    """The address at the other end of the connection."""
    stream = response.extensions.get("network_stream")
    found = stream.get_extra_info("server_addr") if stream is not None else None
    return str(found[0]) if found else ""


async def _body(response: httpx.Response) -> tuple[bytes, str]:
    """The beginning of the body. A body that breaks off is said, but the answer stands."""
    raw = bytearray()
    try:
        async for chunk in response.aiter_raw():
            raw += chunk
            if len(raw) >= BODY:
                break
    except (httpx.HTTPError, OSError) as failure:
        word, detail = classify(failure)
        return _unpacked(bytes(raw[:BODY]), response), f"the body broke off ({word}): {detail}"
    return _unpacked(bytes(raw[:BODY]), response), ""


def _unpacked(raw: bytes, response: httpx.Response) -> bytes:
    """The body uncompressed, at most `BODY` bytes of it: we ask for none compressed, but servers do it all the same."""
    if response.headers.get("Content-Encoding", "").lower() not in ("gzip", "deflate"):
        return raw
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(raw, BODY)
    except zlib.error:
        return b""


def _shown(headers: httpx.Headers, vault: Vault) -> Headers:
    """Headers in their order, duplicates kept, secrets out, bounded."""
    return tuple(
        (vault.answer(name.decode("latin-1"), 200), vault.answer(decoded(value)))
        for name, value in headers.raw[:HEADERS]
    )
