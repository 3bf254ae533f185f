"""One machine has three names, and two programs can share a port: `localhost`, 127.0.0.1 and ::1 compared.

Docker publishes a port on IPv4 and mostly on IPv6; other programs listen on one of them only. A client that takes the
other address gets somebody else's answer, or none.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterator

from runbook.model import Exchange, Place, Problem
from runbook.observe.signature import is_registrys
from runbook.urls import urlsplit

_ADDRESSES = ("127.0.0.1", "::1")


def siblings(base: str) -> tuple[str, ...]:
    """The other addresses of this machine's loopback for a plain http URL; none when it is not on loopback.

    Over TLS the certificate would have to list every address, so nothing could be learnt.

    >>> siblings("http://localhost:5000")
    ('http://127.0.0.1:5000', 'http://[::1]:5000')
    """
    parts = urlsplit(base)
    host = parts.hostname or ""
    if parts.scheme != "http" or (host != "localhost" and host not in _ADDRESSES):
        return ()
    port = f":{parts.port}" if parts.port else ""
    names = (f"[{a}]" if ":" in a else a for a in _ADDRESSES if a != host)
    return tuple(f"{parts.scheme}://{name}{port}{parts.path}" for name in names)


Answers = tuple[tuple[str, Exchange], ...]
"""Addresses with what each answered."""


async def asked(base: str, ask: Callable[[str], Awaitable[Exchange]]) -> Answers:
    """The siblings of an address with their answers. `ask` pings one without a login."""
    others = siblings(base)
    return tuple(zip(others, await asyncio.gather(*map(ask, others)), strict=True))


def compared(base: str, answer: Exchange, others: Answers) -> Iterator[Problem]:
    """What is worth saying of the siblings' answers beside that of the address itself."""
    for other, its in others:
        name = urlsplit(other).netloc
        if answer.status is None and its.status is not None:
            text = f"Nothing answers at {base}, but {other} answers {its.status}. Use that address."
        elif its.status is not None and _kind(its) != _kind(answer):
            text = (
                f"{other} answers {_told(its)}, {base} {_told(answer)}: two programs share this port. "
                f"A client that takes {name} talks to the other one."
            )
        else:
            continue
        yield Problem(place=Place("probe"), message=text)


def _kind(answer: Exchange) -> tuple[int | None, bool, str]:
    return (
        answer.status,
        is_registrys(answer),
        answer.header("Server") or "",
    )


def _told(answer: Exchange) -> str:
    server = answer.header("Server")
    return f"{answer.status}{f' ({server})' if server else ''}"
