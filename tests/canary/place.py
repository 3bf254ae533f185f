"""One place for a secret."""

from dataclasses import dataclass

ANY = ("word", "mixed", "base64", "dash")


@dataclass(frozen=True, slots=True)
class Place:
    """The name of the file, its text with the place marked, the shapes of a secret that fit there."""

    file: str
    text: str
    shapes: tuple[str, ...] = ANY
