"""What comes out of a container: named bytes, and the bounds within which containers are opened."""

from dataclasses import dataclass

from runbook.lazy import re
from runbook.model import Voice

MB = 1 << 20
_ODD = re.compile(r"[\x00-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069§]")
_DRIVE = re.compile(r"^[A-Za-z]:")


class RefusedError(ValueError):
    """A container that is not opened, with the reason as a sentence."""


@dataclass(frozen=True, slots=True)
class Part:
    """A file that stood in a container."""

    path: str
    """Its own name there, relative and with forward slashes."""
    data: bytes
    voice: Voice = "program"
    sent: float | None = None
    """When the mail that it stood in was sent, in seconds since 1970."""


@dataclass(slots=True)
class Budget:
    """How much may still be unpacked in this run: bytes and parts. Hostile containers grow without end."""

    bytes: int = 256 * MB
    parts: int = 2000

    def take(self, size: int) -> None:
        """Take so many bytes and one part from what is left; `RefusedError` when that is not there."""
        self.bytes -= size
        self.parts -= 1
        if self.bytes < 0 or self.parts < 0:
            raise RefusedError("What is packed here is larger than runbook unpacks; the rest of it was not read.")


def safe_path(name: str) -> str | None:
    """A name from a container as a path of the bundle; None where it leads elsewhere or says nothing."""
    text = _DRIVE.sub("", _ODD.sub("_", name)).replace("\\", "/")
    parts = [part for part in text.split("/") if part.strip() not in ("", ".", "~")]
    path = "/".join(parts)
    return path if parts and ".." not in parts and len(path) <= 300 else None
