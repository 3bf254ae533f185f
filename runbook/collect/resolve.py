"""Asks for a host's addresses in a thread that nobody waits for: the system's resolver knows no time limit."""

import asyncio
import ipaddress
import socket
import threading
from contextlib import suppress


async def fails_to_resolve(host: str, seconds: float) -> str | None:
    """Why the name has no address, or None when it has one (or is one)."""
    if host == "localhost" or _is_address(host):
        return None
    loop = asyncio.get_running_loop()
    answer: asyncio.Future[str | None] = loop.create_future()

    def ask() -> None:
        try:
            socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
            told = None
        except (OSError, UnicodeError) as error:
            told = str(error)
        with suppress(RuntimeError):  # the loop was closed meanwhile: nobody waits for the answer any more
            loop.call_soon_threadsafe(_tell, answer, told)

    threading.Thread(target=ask, daemon=True).start()
    try:
        return await asyncio.wait_for(answer, seconds)
    except TimeoutError:
        return f"the name server did not answer within {seconds:g} s"


def _tell(answer: "asyncio.Future[str | None]", told: str | None) -> None:
    if not answer.done():
        answer.set_result(told)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
