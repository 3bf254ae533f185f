"""A published port that leads to nobody: the engine's proxy accepts and closes without an answer."""

import socket
from threading import Thread

from runbook import wire


class Hangup:
    """Accepts connections on loopback and closes them."""

    _socket: socket.socket | None = None

    def __init__(self, port: int) -> None:
        self._port = port
        if wire.listens_inside(port, None):
            return
        self._socket = socket.create_server((wire.HERE, port))
        self._thread = Thread(target=self._run, args=(self._socket,), daemon=True)
        self._thread.start()

    @staticmethod
    def _run(listening: socket.socket) -> None:
        while True:
            try:
                caller, _ = listening.accept()
            except OSError:
                return
            with caller:
                caller.settimeout(0.2)
                try:
                    caller.recv(65536)
                except OSError:
                    continue

    def stop(self) -> None:
        """Unblock accept, then close."""
        if self._socket is None:
            wire.leaves(self._port)
            return
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            # Not every system lets a listening socket be shut down; closing is enough there.
            pass
        self._socket.close()
        self._thread.join(1)
