"""The only place that holds secrets, and the only place that takes them out of text.

Parsers hand every secret to the `Vault` and keep the label that it gives back; two equal secrets have
equal labels, so rules can compare logins without ever seeing one. What people may read goes through
`Vault.mask`: known secrets in every encoding that they travel in, and anything that looks like a
hash, a Basic or Bearer credential, a password in a URL or on a command line.
"""

import base64
import re
from collections.abc import Iterable
from urllib.parse import quote, quote_plus

MASK = "[redacted]"
_SHORTEST_PLAIN = 4
"""Below that a password is masked only as a whole word: replacing every "a" would destroy the text."""

_HASH = re.compile(
    r"\$2[abcxy]?\$\d{1,2}\$[./A-Za-z0-9]{8,}"
    r"|\$(?:apr1|1|5|6|y|7|argon2[a-z]*)\$[^\s:'\"]{6,}"
    r"|\{SHA\}[A-Za-z0-9+/=]{20,}"
)
_HEADER = re.compile(
    r"(?i)\b((?:proxy-)?authorization\b[\"']?\s*[:=,]?\s*(?:[\"']?value[\"']?\s*[:=]\s*)?[\"']?)(basic|bearer|digest|negotiate|token)(\s+)([^\s\"'\\,}]+)"
)
_SCHEME = re.compile(r"\b(Basic|Bearer)(\s+)(?!realm\b)([A-Za-z0-9+/_.~=-]{8,})")
_USERINFO = re.compile(r"(\b[a-z][a-z0-9+.-]*://[^\s/:@'\"]+):([^\s/@'\"]+)@", re.IGNORECASE)
_CURL_USER = re.compile(
    r"((?:^|\s)(?:-u|--user|--proxy-user|--creds|--src-creds|--dest-creds)[\s=]*)(?:'([^':\n]*):([^'\n]*)'|\"([^\":\n]*):([^\"\n]*)\"|([^\s:'\"]+):(\S+))"
)
_PASSWORD = re.compile(
    r"(?i)((?:\b|_)(?:password|passwd|passwort|secret|identitytoken|registrytoken)\b[\"']?\s*[=:]\s*)(\"[^\"\n]{1,400}\"|'[^'\n]{1,400}'|[^\s,;\"'}\]]{1,400})"
)
_PASSWORD_OPTION = re.compile(r"(\blogin\b[^\n]{0,200}?\s(?:-p|--password)(?:\s+|=))(?!-)('[^'\n]*'|\"[^\"\n]*\"|\S+)")
_HTPASSWD_B = re.compile(
    r"(\bhtpasswd\b[^\n|;&]*?\s-\S*b\S*\s+(?:\S+\s+)?)(\S+\s+)?('[^'\n]+'|\"[^\"\n]+\"|[^\s>|;&]+)(?=\s*(?:$|[>|;&\n]))"
)
_AUTH_JSON = re.compile(r"(\"auth\"\s*:\s*\")([^\"]+)(\")")
_WORDS_OF_OURS = "verdict|step|outcome|cause|rule|kind|route|intent|method|at|logger|meaning|software|certainty"
_SKELETON = (
    rf'"(?:{_WORDS_OF_OURS})": ?"[A-Za-z-]{{2,40}}"|"[a-z_]{{2,24}}": ?'
    r"|<style>.*?</style>|</?(?:a|b|body|br|caption|code|details|div|footer|h\d|head|header|hr|html|img|li|main|meta|ol|p|pre|"
    r"section|span|strong|style|summary|table|tbody|td|th|thead|title|tr|ul)\b|\b(?:class|id|href)=\"[#\w -]*\""
)
"""What our documents are made of: members of JSON objects, words of ours, tags and classes."""
_ANSI = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)?|[@-Z\\-_])")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def visible(text: str, limit: int = 2000) -> str:
    """Make text from a server or a file harmless to show: no escape sequences, no control
    characters, no bidirectional overrides, at most `limit` characters."""
    clean = _CONTROL.sub("\ufffd", _ANSI.sub("", text[: limit * 4]))
    return clean if len(clean) <= limit else clean[: limit - 1] + "…"


def mask_patterns(text: str) -> str:
    """Mask everything that looks like a secret, whether or not it is known to be one."""
    text = _HASH.sub(lambda m: _hash_mask(m[0]), text)
    text = _HEADER.sub(rf"\1\2\3{MASK}", text)
    text = _SCHEME.sub(rf"\1\2{MASK}", text)
    text = _USERINFO.sub(rf"\1:{MASK}@", text)
    text = _CURL_USER.sub(lambda m: f"{m[1]}{m[2] or m[4] or m[6] or ''}:{MASK}", text)
    text = _PASSWORD.sub(lambda m: m[0] if _is_reference(m[2]) else f"{m[1]}{MASK}", text)
    if "login" in text:
        text = _PASSWORD_OPTION.sub(rf"\1{MASK}", text)
    if "htpasswd" in text:
        text = _HTPASSWD_B.sub(lambda m: f"{m[1]}{m[2] or ''}{MASK}", text)
    return _AUTH_JSON.sub(rf"\1{MASK}\3", text)


def _is_reference(value: str) -> bool:
    """`password: ${PW}` names a variable and is no secret; neither is an already masked value."""
    bare = value.strip("\"'")
    return bare.startswith(("${", "$", "<", "[", "*")) or not bare


def _hash_mask(value: str) -> str:
    """Keep what tells scheme and cost, drop salt and digest."""
    kept = re.match(r"\$2[abcxy]?\$\d{1,2}\$|\$[a-z0-9]+\$|\{SHA\}", value)
    return f"{kept[0] if kept else ''}{MASK}"


class Vault:
    """Holds the secrets of one run and gives out labels for them."""

    def __init__(self) -> None:
        self._labels: dict[tuple[str, bytes], str] = {}
        self._values: dict[str, bytes] = {}
        self._forms: dict[str, None] = {}
        self._words: dict[str, None] = {}
        self._pattern: re.Pattern[str] | None = None

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
            self._pattern = None
        return label

    def token(self, value: str | bytes) -> str:
        """Take a token or an opaque credential in and return its label ("t1")."""
        label = self._keep("t", value)
        self._learn(as_bytes(value), None)
        return label

    def content(self, value: bytes) -> str:
        """Take in a whole file of secrets and return its label ("f1"). Its text is not learnt for masking."""
        return self._keep("f", value)

    def reveal(self, label: str) -> bytes:
        """The secret behind a label. Only `collect` may call this: to send it or to run bcrypt on it."""
        return self._values[label]

    def knows(self, label: str) -> bool:
        """Whether the secret behind a label is here; of saved evidence it is not."""
        return label in self._values

    def mask(self, text: str, limit: int = 2000) -> str:
        """Text from a file, server or client, fit to be shown: secrets out, harmless, bounded."""
        return visible(self.scrub(mask_patterns(text[: limit * 8])), limit)

    def scrub(self, text: str) -> str:
        """Replace every known secret in every form it travels in; leaves all else as it is."""
        if not self._forms and not self._words:
            return text
        if self._pattern is None:
            forms = [re.escape(f) for f in sorted(self._forms, key=len, reverse=True)]
            words = [rf"(?<![\w-]){re.escape(w)}(?![\w-])" for w in self._words]
            self._pattern = re.compile("|".join([*forms, *words]))
        return self._pattern.sub(MASK, text)

    def publish(self, text: str, names: Iterable[str]) -> str:
        """Scrub a finished document, but leave its skeleton and `names` (the causes' ids) as they are.

        Somebody's password is "registry", "fault" or "table"; the document must still be valid and say what it says.
        """
        if not self._forms and not self._words:
            return text
        self.scrub("")
        secrets = self._pattern.pattern if self._pattern else ""
        own = "|".join(re.escape(name) for name in sorted(names, key=len, reverse=True))
        pattern = re.compile(rf"(?P<own>{_SKELETON}|(?<![\w-])(?:{own})(?![\w-]))|{secrets}", re.DOTALL)
        return pattern.sub(lambda m: m["own"] or MASK, text)

    def leaks(self, text: str) -> bool:
        """Whether a secret of at least six characters stands in the text: what tests ask."""
        return any(form in text for form in self._forms if len(form) >= 6)

    def _keep(self, letter: str, value: str | bytes) -> str:
        raw = as_bytes(value)
        key = (letter, raw)
        if key not in self._labels:
            self._labels[key] = f"{letter}{1 + sum(1 for k in self._labels if k[0] == letter)}"
            self._values[self._labels[key]] = raw
        return self._labels[key]

    def _learn(self, raw: bytes, user: str | None) -> None:
        text = raw.decode("utf-8", "replace")
        plain = text.strip("\r\n")
        if not plain:
            return
        found = {plain, quote(plain, safe=""), quote_plus(plain)} if len(plain) >= _SHORTEST_PLAIN else set()
        if len(plain) < _SHORTEST_PLAIN:
            self._words[plain] = None
        if user is not None:
            both = as_bytes(f"{user}:") + raw
            pair = base64.b64encode(both).decode()
            found |= {pair, pair.rstrip("="), quote(pair, safe="")}
            found.add(base64.urlsafe_b64encode(both).decode())
        if len(plain) >= _SHORTEST_PLAIN:
            found.add(base64.b64encode(raw).decode())
            found.add(plain.replace("\\", "\\\\").replace('"', '\\"'))
        for form in found:
            self._forms[form] = None
        self._pattern = None


def as_bytes(value: str | bytes) -> bytes:
    """The bytes behind a text as files and JSON give it: undecodable bytes as they were, lone surrogates somehow."""
    if isinstance(value, bytes):
        return value
    try:
        return value.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        return value.encode("utf-8", "surrogatepass")
