"""Asks for a host's addresses in a thread that nobody waits for: the system's resolver knows no time limit."""

import asyncio
import ipaddress
import socket
import threading
from contextlib import suppress

from runbook.collect.failures import plain


async def fails_to_resolve(host: str, seconds: float) -> str | None:
    """Why the name has no address, or None when it has one (or is one)."""
    if host == "localhost" or _is_address(host):
        return None
    found = await _looked_up(host, seconds)
    return found if isinstance(found, str) else None


async def inner_of(host: str, peer: str, seconds: float) -> bool:
    """Whether a name leads to an inner address (loopback, private, link-local) although a public one answered to it."""
    if not peer or _is_inner(peer):
        return False
    found = [host] if _is_address(host) else await _looked_up(host, seconds)
    return isinstance(found, str) or any(_is_inner(address) for address in found)


async def _looked_up(host: str, seconds: float) -> list[str] | str:
    """The addresses of a name, or why it has none."""
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[list[str] | str] = loop.create_future()

    def ask() -> None:
        told: list[str] | str
        try:
            told = [str(row[4][0]) for row in socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)]
        except (OSError, UnicodeError) as error:
            told = plain(error)
        with suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits for the answer any more
            loop.call_soon_threadsafe(_tell, answer, told)

    threading.Thread(target=ask, daemon=True).start()
    try:
        return await asyncio.wait_for(answer, seconds)
    except TimeoutError:
        return f"the name server did not answer within {seconds:g} s"


def _tell(answer: "asyncio.Future[list[str] | str]", told: list[str] | str) -> None:
    if not answer.done():
        answer.set_result(told)


def _is_inner(address: str) -> bool:
    """Whether an address is one that only this machine or its network can reach."""
    try:
        found = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return True
    mapped = getattr(found, "ipv4_mapped", None)
    return not (mapped or found).is_global


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
