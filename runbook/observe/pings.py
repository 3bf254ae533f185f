"""What a proxy's access log tells of the ping: a client that was not asked for a login there never sends one."""

from collections.abc import Iterable, Iterator

from runbook.model import LoggedRequest

_NAMES_USERS = ("nginx", "apache", "caddy")
"""Whose access lines name the user of every Authorization header; HAProxy's and the registry's own do not."""
_ASK_BY_THE_PING = ("docker/", "containerd/", "buildkit/", "Go-http-client/")


def open_pings(requests: Iterable[LoggedRequest]) -> Iterator[tuple[LoggedRequest, LoggedRequest]]:
    """Of each client that decides by GET /v2/ whether to log in: a ping answered 200 without a login, and a later
    request refused (401) without one. A client that was ever challenged at the ping is none of them."""
    pings: dict[tuple[str, str, str], LoggedRequest | None] = {}
    told = set()
    for r in requests:
        if r.logger not in _NAMES_USERS or not r.agent.startswith(_ASK_BY_THE_PING):
            continue
        client = (r.place.file, r.remote, r.agent.partition(" ")[0])
        if r.uri in ("/v2/", "/v2"):
            opened = r.status == 200 and not r.user
            pings[client] = r if opened and pings.get(client, r) is not None else None
        elif r.status == 401 and not r.user and client not in told and (ping := pings.get(client)):
            told.add(client)
            yield ping, r
