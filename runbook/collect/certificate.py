"""What certificate a server shows, read without trusting it: names, issuer, expiry, and how many came along."""

import asyncio
import ssl
from datetime import UTC, datetime
from typing import Any

from runbook.model import Certificate
from runbook.redact import Vault

_PARTIAL_CHAIN = 0x80000
_NO_CHECK_TIME = 0x200000
"""OpenSSL's X509_V_FLAG_…: the certificate itself is trusted, whoever issued it and whenever."""


async def shown_certificate(host: str, port: int, vault: Vault, seconds: float) -> Certificate | None:
    """The certificate of a TLS server, or None when there is no TLS or no time.

    Python parses a certificate only once it has verified it. So it is fetched first, without a check, and the
    second handshake trusts exactly that one. Nothing is sent over either connection.
    """
    try:
        async with asyncio.timeout(seconds):
            seen = await _handshake(host, port, _unchecked())
            if seen is None or (raw := seen.getpeercert(binary_form=True)) is None:
                return None
            # Public from Python 3.13 on; before, the same method is one level below.
            chain = getattr(seen, "get_unverified_chain", None) or getattr(
                getattr(seen, "_sslobj", None), "get_unverified_chain", None
            )
            count = len(chain()) if chain else None
            told = await _handshake(host, port, _trusting(raw))
    except (OSError, ValueError, TimeoutError, EOFError):  # ssl.SSLError is an OSError
        return None
    found = told.getpeercert() if told else None
    return _certificate(found, count, vault) if found else None


async def _handshake(host: str, port: int, context: ssl.SSLContext) -> Any:
    _, writer = await asyncio.open_connection(host, port, ssl=context, server_hostname=host)
    seen = writer.get_extra_info("ssl_object")
    writer.transport.abort()
    return seen


def _unchecked() -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    return context


def _trusting(certificate: bytes) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.load_verify_locations(cadata=certificate)
    context.verify_flags |= _PARTIAL_CHAIN | _NO_CHECK_TIME  # no names for these in 3.11
    return context


def _certificate(found: dict[str, Any], count: int | None, vault: Vault) -> Certificate:
    def name_of(parts: Any) -> str:
        flat = {key: value for part in parts or () for key, value in part}
        return vault.mask(str(flat.get("commonName") or flat.get("organizationName") or ""), 100)

    def date(text: str) -> str:
        return datetime.fromtimestamp(ssl.cert_time_to_seconds(text), UTC).strftime("%Y-%m-%d")

    subject, issuer = found.get("subject"), found.get("issuer")
    return Certificate(
        subject=name_of(subject),
        names=tuple(vault.mask(str(value), 100) for _, value in found.get("subjectAltName", ())[:20]),
        issuer=name_of(issuer),
        is_self_signed=subject == issuer,
        begins=date(found["notBefore"]),
        expires=date(found["notAfter"]),
        sent=count,
    )
