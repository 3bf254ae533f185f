"""Addresses as clients, files and logs write them, compared as the programs compare them."""

from dataclasses import dataclass

from runbook.once import once
from runbook.urls import urlsplit

_PORTS = {"http": 80, "https": 443}
LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1", "0.0.0.0", "ip6-localhost"})  # noqa: S104  (names, nothing is bound)
_HOSTED = (
    "docker.io", "index.docker.io", "registry-1.docker.io", "auth.docker.io", "ghcr.io", "quay.io", "gcr.io",
    "registry.k8s.io", "k8s.gcr.io", "mcr.microsoft.com", "public.ecr.aws", "registry.gitlab.com", "docker.elastic.co",
    "registry.access.redhat.com", "registry.redhat.io", "nvcr.io", "lscr.io",
)  # fmt: skip
_HOSTED_ENDS = (".gcr.io", ".pkg.dev", ".azurecr.io", ".amazonaws.com", ".docker.io", ".quay.io")
_HOSTED_STARTS = ("index.docker.", "ghcr.", "quay.")
"""Registries that somebody else runs: https://docs.docker.com and the providers' own names."""


@dataclass(frozen=True, slots=True)
class Address:
    """Host (lower case) and port; port None where the source names none and no scheme tells it."""

    host: str
    port: int | None = None

    def __str__(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port in (None, 80, 443) else f"{host}:{self.port}"

    @property
    def is_loopback(self) -> bool:
        """Whether it is this very machine, whichever that is."""
        return self.host in LOOPBACK or self.host.endswith(".localhost") or self.host.startswith("127.")

    @property
    def is_within(self) -> bool:
        """Whether what listens there is reached from this machine alone: not so for 0.0.0.0, which is all its addresses."""
        return self.is_loopback and self.host != "0.0.0.0"  # noqa: S104

    @property
    def is_hosted(self) -> bool:
        """Whether it is a registry that others run for everybody (Docker Hub, ghcr.io, …)."""
        return self.host in _HOSTED or self.host.endswith(_HOSTED_ENDS) or self.host.startswith(_HOSTED_STARTS)

    def fits(self, other: "Address") -> bool:
        """Whether both may be the same address: what only one of them tells does not part them."""
        if self.port is not None and other.port is not None and self.port != other.port:
            return False
        return self.host == other.host or (self.is_loopback and other.is_loopback)

    def may_be(self, other: "Address") -> bool:
        """Whether both may lead to the same server: the same port of a container's name, an IP address or this machine
        counts too. Two names of the DNS are two servers until something ties them."""
        same = self.port is not None and self.port == other.port and self.port not in (80, 443)
        return self.fits(other) or (same and not (self.is_full and other.is_full))

    def is_beside(self, other: "Address") -> bool:
        """Whether one is a host alone, by which clients call port 443 (or 80), and the other names another port of it."""
        ports = {self.port, other.port}
        return self.host == other.host and None in ports and not ports <= {None, 80, 443}

    @property
    def is_full(self) -> bool:
        """Whether it is a whole name of the DNS: two of them are two servers until something ties them."""
        return "." in self.host and not self.is_loopback and not self.host.replace(".", "").isdecimal()


@once
def address_of(text: str | None) -> Address | None:
    """The address in a URL, or in a bare host[:port]; None when there is none."""
    if not text:
        return None
    parts = urlsplit(text if "://" in text else f"//{text}")
    if not parts.hostname or parts.hostname == "unknown":  # what a transcript without its command is given
        return None
    return Address(parts.hostname.lower(), parts.port or _PORTS.get(parts.scheme))
