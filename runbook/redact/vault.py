"""The only place that holds secrets.

Parsers hand every secret to the `Vault` and keep the label that it gives back; two equal secrets have equal
labels, so rules can compare logins without ever seeing one. What people may read goes through `Vault.mask`.
"""

from collections.abc import Iterable

from runbook.lazy import re
from runbook.redact.forms import Needles, spellings
from runbook.redact.prose import mask_patterns
from runbook.redact.text import MASK, as_bytes, is_mask, visible
from runbook.redact.words import vocabulary

_SHORTEST_PLAIN = 4
"""Below that a password is masked only as a whole word."""
_REPEATED, _ANSWERS = 200, 2000
"""Of what servers send, most are headers that come with every answer: so long, and so many, are remembered."""
_WORDS_OF_OURS = "verdict|step|outcome|cause|rule|kind|route|intent|method|at|logger|meaning|software|certainty"
_SKELETON = (
    rf'"(?:{_WORDS_OF_OURS})": ?"[A-Za-z-]{{2,40}}"|"[a-z_]{{2,24}}": ?'
    r"|<style>.*?</style>|</?(?:a|b|body|br|caption|code|details|div|footer|h\d|head|header|hr|html|img|li|main|meta|ol|p|pre|"
    r"section|span|strong|style|summary|table|tbody|td|th|thead|title|tr|ul)\b|\b(?:class|id|href)=\"[#\w -]*\""
    r'|\\u[0-9a-f]{4}|\\["\\/bfnrt]|&(?:amp|lt|gt|quot|#x27|#39);'
)
"""What our documents are made of: members of JSON objects, words of ours, tags and classes, escapes."""


class Vault:
    """Holds the secrets of one run and gives out labels for them."""

    def __init__(self) -> None:
        self._labels: dict[tuple[str, bytes], str] = {}
        self._values: dict[str, bytes] = {}
        self._counts: dict[str, int] = {}
        self._forms: dict[str, None] = {}
        self._words: dict[str, None] = {}
        self._secrets: dict[bytes, None] = {}
        self._pattern: re.Pattern[str] | None = None
        self._needles: Needles | None = None
        self._answers: dict[tuple[str, int], str] = {}

    def __repr__(self) -> str:
        return f"Vault({len(self._values)} secrets)"

    def __reduce__(self) -> str:
        raise TypeError("a vault is never pickled")

    def password(self, value: str | bytes, user: str | None = None) -> str:
        """Take a password in and return its label ("p1"). With the user known, the base64 pair
        is masked from then on, too."""
        label = self._keep("p", value)
        self._learn(as_bytes(value), user)
        return label

    def hash(self, value: str | bytes) -> str:
        """Take a password hash in and return its label ("h1")."""
        label = self._keep("h", value)
        text = as_bytes(value).decode("utf-8", "replace")
        if len(text) >= 8:
            self._forms[text] = None
            self._forget()
        return label

    def token(self, value: str | bytes) -> str:
        """Take a token or an opaque credential in and return its label ("t1")."""
        label = self._keep("t", value)
        self._learn(as_bytes(value), None)
        return label

    def content(self, value: bytes) -> str:
        """Take in a whole file of secrets and return its label ("f1"). Its text is not learnt for masking."""
        return self._keep("f", value)

    def value(self, value: str | bytes) -> str:
        """The label of a value that is not shown but may be no secret: it is compared, not looked for."""
        return self._keep("p", value)

    @property
    def count(self) -> int:
        """How many values are held."""
        return len(self._values)

    def reveal(self, label: str) -> bytes:
        """The secret behind a label. Only `collect` may call this: to send it or to run bcrypt on it."""
        return self._values[label]

    def knows(self, label: str) -> bool:
        """Whether the secret behind a label is here; of saved evidence it is not."""
        return label in self._values

    def mask(self, text: str, limit: int = 2000) -> str:
        """Text from a file, server or client, fit to be shown: secrets out, harmless, bounded."""
        return visible(self.scrub(mask_patterns(self.scrub(text[: limit * 8]))), limit)

    def answer(self, text: str, limit: int = 2000) -> str:
        """Text that a server sent, which knows the login that it was sent: nothing of it where that is in it."""
        key = (text, limit)
        if (known := self._answers.get(key)) is not None:
            return known
        shown = MASK if self.hides(text[: limit * 8]) else self.mask(text, limit)
        if len(text) <= _REPEATED and len(self._answers) < _ANSWERS:
            self._answers[key] = shown
        return shown

    def scrub(self, text: str) -> str:
        """Replace every known secret in every spelling that can be replaced in place; leaves all else as it is."""
        if not self._forms and not self._words:
            return text
        return self._searched().sub(MASK, text)

    def hides(self, text: str) -> bool:
        """Whether a known secret is in a text in some encoding: then nothing of the text may be shown."""
        if self._needles is None:
            self._needles = Needles(self._secrets)
        return self._needles.hides(text)

    def publish(self, text: str, names: Iterable[str]) -> str:
        """The last pass over a finished document, which leaves its skeleton, our own words and `names` (the causes'
        ids) as they are.

        Somebody's password is "registry", "fault" or "table"; the document must still be valid and say what it says.
        What came from outside was masked before it got into the document.
        """
        words = vocabulary()
        forms = [f for f in self._forms if f in text and f.lower() not in words]
        plain = [w for w in self._words if w in text and len(w) > 2 and w.lower() not in words]
        if not forms and not plain:
            return text
        own = "|".join([*(re.escape(name) for name in sorted(names, key=len, reverse=True)), re.escape(MASK)])
        secrets = self._alternatives(forms, plain)
        pattern = re.compile(rf"(?P<own>{_SKELETON}|(?<![\w-])(?:{own})(?![\w-]))|{secrets}", re.DOTALL)
        return pattern.sub(lambda m: m["own"] or MASK, text)

    def leaks(self, text: str) -> bool:
        """Whether a secret of at least six characters stands in the text: what tests ask."""
        return any(form in text for form in self._forms if len(form) >= 6)

    def _searched(self) -> re.Pattern[str]:
        if self._pattern is None:
            self._pattern = re.compile(self._alternatives(self._forms, self._words))
        return self._pattern

    @staticmethod
    def _alternatives(forms: Iterable[str], words: Iterable[str]) -> str:
        found = [re.escape(f) for f in sorted(forms, key=len, reverse=True)]
        return "|".join([*found, *(rf"(?<![\w-]){re.escape(w)}(?![\w-])" for w in words)])

    def _keep(self, letter: str, value: str | bytes) -> str:
        raw = as_bytes(value)
        key = (letter, raw)
        if key not in self._labels:
            self._counts[letter] = self._counts.get(letter, 0) + 1
            self._labels[key] = f"{letter}{self._counts[letter]}"
            self._values[self._labels[key]] = raw
        return self._labels[key]

    def _learn(self, raw: bytes, user: str | None) -> None:
        plain = raw.decode("utf-8", "replace").strip("\r\n")
        if not plain or is_mask(plain) or (len(plain) == 1 and not plain.isalnum()):
            return  # a sign that is in every sentence and every address is not hidden by masking it
        if len(plain) < _SHORTEST_PLAIN:
            self._words[plain] = None
            found = {f for f in spellings(plain, raw, user) if user is not None and len(f) > 8}
        else:
            found = spellings(plain, raw, user) | spellings(plain, plain.encode("utf-8", "replace"), user)
            self._secrets[raw] = None
        self._forms.update(dict.fromkeys(found))
        self._forget()

    def _forget(self) -> None:
        """What was made of the secrets known so far."""
        self._pattern = self._needles = None
        self._answers.clear()
