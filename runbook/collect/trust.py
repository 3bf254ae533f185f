"""Which certificate authorities are trusted: this machine's, the usual ones, and those that the user or docker names."""

import os
import ssl
from collections.abc import Iterator
from pathlib import Path

from runbook.collect.request import UsageError
from runbook.model import Place, Problem
from runbook.urls import urlsplit

FOLDERS = (Path("/etc/docker/certs.d"), Path.home() / ".config/docker/certs.d")
"""Of docker, and of docker without root: HOST:PORT/*.crt are trusted for that address alone."""


def context(cacert: str | None, more: tuple[Path, ...] = ()) -> ssl.SSLContext:
    """What may vouch for a server. `UsageError` where the file that was given holds no certificate."""
    import certifi

    made = ssl.create_default_context()  # reads SSL_CERT_FILE and SSL_CERT_DIR
    made.load_verify_locations(certifi.where())
    if cacert:
        try:
            made.load_verify_locations(cacert)
        except (ssl.SSLError, OSError) as error:
            why = getattr(error, "strerror", None) or "it holds no certificate in PEM form"
            raise UsageError(f"--cacert {cacert} cannot be used: {why}.") from None
    for file in more:
        try:
            made.load_verify_locations(file)
        except (ssl.SSLError, OSError):
            continue  # docker would refuse the registry for it; that it was not used is told
    return made


def of_docker(base: str) -> tuple[Path, ...]:
    """The authorities that docker on this machine trusts for an https address."""
    address = urlsplit(base)
    names = {address.netloc, address.netloc if address.port else f"{address.netloc}:443"}
    found = (folder / name for folder in FOLDERS for name in sorted(names))
    try:
        return tuple(file for folder in found if folder.is_dir() for file in sorted(folder.glob("*.crt")))
    except OSError:
        return ()


def trust_notes(cacert: str | None, bases: tuple[str, ...]) -> Iterator[Problem]:
    """What was trusted beyond the usual, since another client may not trust it."""
    asked = [base for base in bases if base.startswith("https:")]
    files = {cacert: "--cacert"} if cacert and asked else {}
    own = os.environ.get("SSL_CERT_FILE")
    if asked and own and own not in _USUAL:
        files[own] = "SSL_CERT_FILE"
    files |= {str(file): "docker's certs.d" for base in asked for file in of_docker(base)}
    for file, why in files.items():
        message = f"The certificate authorities in {file} ({why}) were trusted, too. Other clients may not."
        yield Problem(place=Place(file), message=message)


_USUAL = ("/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem")
