"""Secrets that occur nowhere else, in the shapes that people and programs give them, and how to find one again."""

import base64
import random
from dataclasses import dataclass
from urllib.parse import quote

_SYLLABLES = [a + b for a in "bdfgklmnprstvz" for b in "aeiou"]


@dataclass(frozen=True, slots=True)
class Secret:
    """A secret and its pieces, each of which is a leak of its own."""

    text: str
    pieces: tuple[str, ...]

    def forms(self) -> set[str]:
        """What would give it away: each piece plain, percent-encoded, in hexadecimal, in base64 at any offset."""
        found = set()
        for piece in self.pieces:
            raw = piece.encode()
            found |= {piece, quote(piece, safe=""), raw.hex()}
            for lead in range(3):
                code = base64.b64encode(b"\0" * lead + raw).decode().rstrip("=")
                # The first character mixes with what stands before, the last with what follows.
                core = code[(lead * 8 + 5) // 6 :][: len(raw) * 8 // 6 - 1]
                found |= {core, core.replace("+", "-").replace("/", "_")}
        return found


class Mint:
    """Makes secrets, the same ones for the same seed."""

    def __init__(self, seed: int) -> None:
        self._chance = random.Random(seed)
        self._made: set[str] = set()

    def word(self, syllables: int = 5) -> str:
        """A word that no language has."""
        while True:
            made = "".join(self._chance.choices(_SYLLABLES, k=syllables))
            if made not in self._made:
                self._made.add(made)
                return made

    def make(self, shape: str) -> Secret:
        """A secret of that shape."""
        a, b = self.word(), self.word()
        digits = str(self._chance.randint(10, 99))
        bits = self._chance.randbytes(24)
        if shape == "word":
            return Secret(a, (a,))
        if shape == "mixed":
            text = a[:5].capitalize() + digits + a[5:]
            return Secret(text, (text,))
        if shape == "base64":
            text = base64.b64encode(bits).decode()
            return Secret(text, (text[2:14], text[-12:]))
        if shape == "hex":
            return Secret(bits.hex(), (bits.hex()[:20], bits.hex()[20:]))
        if shape == "slash":
            return Secret(f"/{a}{digits}/{b}", (a + digits, b))
        joint = {"dash": "-", "semicolon": ";", "plus": "+", "blank": " ", "dollar": "$", "quote": "'", "double": '"', "at": "@",
                 "percent": "%", "hash": "#", "backslash": "\\", "colon": ":", "comma": ",", "umlaut": "ü"}[shape]  # fmt: skip
        return Secret(f"{a}{joint}{b}", (a, b))


def basic(user: str, password: str) -> str:
    """The pair of a Basic login."""
    return base64.b64encode(f"{user}:{password}".encode()).decode()
