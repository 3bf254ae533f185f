"""httpx's way to what the lab serves inside this process, where nothing goes through sockets (`runbook.wire`)."""

from http.client import HTTPException, RemoteDisconnected

import httpx

from runbook import wire


class Inside(httpx.BaseTransport, httpx.AsyncBaseTransport):
    """Calls the handlers that listen; nobody else can be reached."""

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """One request and its answer."""
        return self._answered(request, request.read())

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """The same for a client that waits."""
        return self._answered(request, await request.aread())

    def _answered(self, request: httpx.Request, body: bytes) -> httpx.Response:
        url = request.url
        try:
            if url.host not in ("localhost", wire.HERE):
                raise ConnectionRefusedError("Connection refused")
            connection = wire.connect(url.port or 80, 0, tls=url.scheme == "https")
            connection.putrequest(
                request.method, url.raw_path.decode("ascii"), skip_host=True, skip_accept_encoding=True
            )
            for name, value in request.headers.raw:
                connection.putheader(name, value)
            connection.endheaders(body or None)
            answer = connection.getresponse()
            headers = [(name.encode("latin-1"), value.encode("latin-1")) for name, value in answer.getheaders()]
            return httpx.Response(
                answer.status, headers=headers, stream=httpx.ByteStream(answer.read()), request=request
            )
        except RemoteDisconnected as error:
            raise httpx.RemoteProtocolError("Server disconnected without sending a response.") from error
        except (OSError, HTTPException) as error:
            raise httpx.ConnectError(str(error)) from error


def transport() -> Inside | None:
    """What httpx goes through; `None`: sockets, as ever."""
    return Inside() if wire.is_inside() else None
