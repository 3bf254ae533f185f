"""Passes bytes on between clients and one upstream, unchanged and in order, and shows copies of them to a watch."""

import asyncio
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field

from runbook.tap.watch import Seen, Watch

_CHUNK = 256 * 1024
_CONNECT = 10.0


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen, or whom to call."""

    host: str
    port: int
    tls: bool = False

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"{host}:{self.port}"


@dataclass(slots=True)
class Tap:
    """A recording relay in front of one upstream.

    Nothing is added, taken away or reordered: no header, no byte of a body, no time-out of its own. Backpressure
    is that of the slower side, so memory stays the same however large a layer is.
    """

    listen: Address
    upstream: Address
    note: Callable[[Seen], None]
    trusted: ssl.SSLContext | None = None
    """How an upstream with TLS is checked; None: as the system does."""
    _server: asyncio.Server | None = field(default=None, init=False)
    _running: set[asyncio.Task[None]] = field(default_factory=set, init=False)

    async def start(self) -> Address:
        """Listen; returns the address, with the port that the system chose when 0 was asked for."""
        self._server = await asyncio.start_server(self._serve, self.listen.host, self.listen.port, limit=_CHUNK)
        host, port = self._server.sockets[0].getsockname()[:2]
        return Address(host, port)

    async def stop(self) -> None:
        """Stop listening and end what still runs."""
        if self._server is not None:
            self._server.close()
        for task in list(self._running):
            task.cancel()
        await asyncio.gather(*self._running, return_exceptions=True)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        if task is not None:
            self._running.add(task)
            task.add_done_callback(self._running.discard)
        peer = writer.get_extra_info("peername")
        watch = Watch(str(peer[0]) if peer else "", self.note)
        why = "the connection was closed before the answer had ended"
        try:
            context = (self.trusted or ssl.create_default_context()) if self.upstream.tls else None
            calling = asyncio.open_connection(self.upstream.host, self.upstream.port, ssl=context, limit=_CHUNK)
            far_reader, far_writer = await asyncio.wait_for(calling, _CONNECT)
        except (OSError, TimeoutError) as error:
            why = f"the tap cannot reach {self.upstream}: {error or 'it does not answer in time'}"
            with suppress(OSError, TimeoutError):
                watch.from_client(await asyncio.wait_for(reader.read(_CHUNK), 1))
            watch.ended(why)
            await _close(writer)
            return
        try:
            await asyncio.gather(
                _pump(reader, far_writer, watch.from_client), _pump(far_reader, writer, watch.from_server)
            )
        except OSError as error:
            why = f"the connection broke off: {error}"
        except asyncio.CancelledError:
            why = "the tap was stopped"  # the task is ours and ends here: nobody waits for a cancellation
        finally:
            watch.ended(why)
            await _close(far_writer)
            await _close(writer)


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, show: Callable[[bytes], None]) -> None:
    """One direction, until its end; the other may go on (a half-closed connection is a right of TCP)."""
    while data := await reader.read(_CHUNK):
        writer.write(data)
        show(data)
        await writer.drain()
    show(b"")
    if writer.can_write_eof():
        with suppress(OSError):
            writer.write_eof()
    else:
        writer.close()


async def _close(writer: asyncio.StreamWriter) -> None:
    writer.close()
    with suppress(OSError, asyncio.CancelledError):
        await writer.wait_closed()
