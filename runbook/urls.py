"""Addresses from files and servers: split without ever raising, whatever somebody wrote."""

from urllib.parse import SplitResult
from urllib.parse import urlsplit as _split

from runbook.once import once


@once
def urlsplit(url: str) -> SplitResult:
    """Like urllib's, but a malformed host or port is left out instead of raising.

    What comes back can be asked for `hostname` and `port` safely.
    """
    try:
        parts = _split(url)
    except ValueError:  # an unclosed bracket of an IPv6 address, characters that no host may have
        return SplitResult("", "", url[:200], "", "")
    try:
        _ = parts.port, parts.hostname
    except ValueError:
        host, _, _ = parts.netloc.rpartition(":")
        parts = parts._replace(netloc=host)
        try:
            _ = parts.port, parts.hostname
        except ValueError:
            parts = parts._replace(netloc="")
    return parts


@once
def netloc(url: str) -> str:
    """host[:port] of an address, without credentials before it."""
    return urlsplit(url).netloc.rpartition("@")[2].lower()


def host_of(key: str) -> str:
    """The host[:port] of a key as docker compares it: without scheme and path."""
    return key.split("://", 1)[-1].split("/", 1)[0].lower()
