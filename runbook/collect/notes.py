"""What is worth saying of the way that requests take, whatever they are answered."""

import ipaddress
import os
from collections.abc import Iterable

from runbook.model import Exchange, Place, Problem, Route
from runbook.observe.signature import is_registrys
from runbook.urls import urlsplit


def proxy_notes() -> Iterable[Problem]:
    """Proxies of the environment: this program goes past them, others may not."""
    names = ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy")
    found = sorted({name.upper() for name in names if os.environ.get(name)})
    if found:
        message = (
            f"{' and '.join(found)} is set here. runbook goes past it and asks directly; docker, curl and browsers"
            " may be sent through that proxy instead."
        )
        yield Problem(place=Place("environment"), message=message)


def plain_notes(bases: Iterable[tuple[Route, str]], exchanges: list[Exchange]) -> Iterable[Problem]:
    """A password that went over the net in clear is worth a word; a registry in a LAN is often run so."""
    for route, base in bases:
        sent = any(e.route == route and e.credential and e.credential.intent == "given" for e in exchanges)
        if sent and is_readable_by_others(base):
            message = (
                f"The password went to {urlsplit(base).netloc} over plain http: everybody on the way could read it."
            )
            yield Problem(place=Place("probe"), message=message)
        answered = any(e.route == route and e.status is not None and is_registrys(e) for e in exchanges)
        if answered and is_readable_by_others(base):
            name = urlsplit(base).netloc
            message = (
                f"docker asks {name} over https and, unless its insecure-registries name it, says: http: server gave HTTP "
                "response to HTTPS client. It speaks plain http by itself only to loopback names."
            )
            yield Problem(place=Place("probe"), message=message)


def is_readable_by_others(url: str) -> bool:
    """Whether what is sent to this address goes over the net in clear."""
    parts = urlsplit(url)
    return parts.scheme == "http" and not is_loopback(parts.hostname or "")


def is_loopback(host: str) -> bool:
    """Whether a host is this machine."""
    if host == "localhost" or host.endswith(".localhost"):
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
