"""A published port that leads to nobody: the engine's proxy accepts and closes without an answer."""

import socket
from threading import Thread


class Hangup:
    """Accepts connections on loopback and closes them."""

    def __init__(self, port: int) -> None:
        self._socket = socket.create_server(("127.0.0.1", port))
        self._thread = Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while True:
            try:
                caller, _ = self._socket.accept()
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
        try:
            self._socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            # Not every system lets a listening socket be shut down; closing is enough there.
            pass
        self._socket.close()
        self._thread.join(1)
