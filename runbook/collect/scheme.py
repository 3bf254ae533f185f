"""An address without a scheme, as docker takes it: https first, plain http on the names of this machine only."""

import socket
import ssl
from dataclasses import replace

from runbook.collect.notes import is_readable_by_others
from runbook.collect.request import UNSAID, Request
from runbook.model import Place, Problem
from runbook.urls import urlsplit

_SECONDS = 3.0


def with_schemes(request: Request) -> tuple[Request, list[Problem]]:
    """The request with whole addresses, and what was made of those that were not."""
    told: list[Problem] = []
    changes: dict[str, str] = {}
    for field, url in (("registry_url", request.registry_url), ("ui_url", request.ui_url)):
        if url and url.startswith(f"{UNSAID}://"):
            rest = url.removeprefix(f"{UNSAID}://")
            # docker speaks plain http to this machine only; a browser to anybody.
            plain = field == "ui_url" or not is_readable_by_others(f"http://{rest}")
            scheme = "http" if plain and not _speaks_tls(rest) else "https"
            who = "browsers do" if field == "ui_url" else "docker does"
            message = f"{rest} was given without a scheme: it was asked over {scheme}, as {who}."
            told.append(Problem(place=Place("probe"), message=message))
            changes[field] = f"{scheme}://{rest}"
    return replace(request, **changes), told  # type: ignore[arg-type]


def _speaks_tls(address: str) -> bool:
    """Whether a TLS handshake is answered there; nothing is sent over it, and no certificate is believed."""
    parts = urlsplit(f"https://{address}")
    made = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    host = parts.hostname or ""
    try:
        with socket.create_connection((host, parts.port or 443), _SECONDS) as plain:
            plain.settimeout(_SECONDS)
            with made.wrap_socket(plain, server_hostname=host):
                return True
    except (OSError, ValueError):
        return False
