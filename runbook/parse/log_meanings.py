"""What the registry's and the proxies' messages mean. The words are those of the programs' sources and real runs."""

from runbook.lazy import re
from runbook.model import Meaning
from runbook.parse.log_lines import Fields

_WORTH = (
    "cannot unmarshal",
    "auth",
    "panic",
    "error",
    "Error",
    "failed",
    " 4",
    " 5",
    " 3",
    " 2",
    "listening",
    "token",
    "verify certificate chain",
    "secret",
    "provision",
    "denied",
    "emerg",
    "Ignoring",
    "realm",
    "TLS",
    "fatal",
    "can't move",
    "cannot rename",
    "variable is not set",
    "version=",
    "handled request",
    "ALERT",
    "[alert]",
    "[crit]",
    "is DOWN",
    "caused by",
    "DBG",
    "start worker processes",
)


def interesting(line: str) -> bool:
    """A cheap test before any parsing: whether the line can mean something to us."""
    return any(word in line for word in _WORTH)


_MESSAGES: tuple[tuple[str, Meaning], ...] = (
    ("invalid authorization credential", "no-usable-credential"),
    ("authentication failure", "authentication-failure"),
    ("htpasswd: invalid entry", "file-refused"),
    ("token too long", "file-refused"),
    ("is a directory", "file-is-directory"),
    ("htpasswd is missing, provisioning", "provisioned"),
    ("listening on", "listening"),
    ("No HTTP secret provided", "no-http-secret"),
    ("client disconnected during blob P", "upload-cut"),
    ("invalid secret", "upload-secret"),
    ("error resolving upload: Invalid token", "upload-secret"),
    ("authorization token required", "token-required"),
    ("token signed by untrusted key", "token-untrusted-key"),
    ("unable to verify certificate chain", "token-untrusted-key"),
    ("token intended for another audience", "token-audience"),
    ("token not to be used before", "token-clock"),
    ("token not to be used after", "token-clock"),
    ("untrusted JWK", "token-untrusted-key"),
    ("failed to verify token", "token-untrusted-key"),
    ("unable to verify token signature", "token-untrusted-key"),
    ("token not valid yet", "token-clock"),
    ("token is expired", "token-clock"),
    ("token has expired", "token-clock"),
    ("token expired", "token-clock"),
    ("token used prior", "token-clock"),
    ("token from untrusted issuer", "token-issuer"),
    ("invalid token", "token-invalid"),
    ("insufficient scope", "token-invalid"),
)
_BCRYPT = re.compile(r"crypto/bcrypt: (?P<what>.*)")
_USER = re.compile(r'error authenticating user "(?P<user>[^"]*)"')
_FILE = re.compile(r"(?:error checking authorization|error authorizing context): (?:open|read|stat) ")


def meaning_of(fields: Fields) -> tuple[Meaning | None, str, str | None]:
    """Meaning, detail and user of a registry's message; None for one that means nothing here."""
    text, error = fields.get("msg", ""), fields.get("error", "")
    user = fields.get("username") or fields.get("auth.user.name") or None
    if named := _USER.search(text):
        user = named["user"]
    both = f"{text} {error} {fields.get('err.detail', '')}"
    if bcrypt := _BCRYPT.search(both):
        mismatch = "not the hash of the given password" in bcrypt["what"]
        return ("bcrypt-mismatch" if mismatch else "bcrypt-malformed"), bcrypt["what"].strip(), user
    if "error authenticating user" in text and ("strconv.Atoi" in error or "illegal base64" in error):
        return "bcrypt-malformed", error, user
    if "configuration error" in both or ("error parsing" in both and "yaml" in both):
        return "config-error", both.strip(), None
    if _FILE.search(text) or "error checking authorization" in text:
        return _file_trouble(both), both.strip(), user
    if "Ignoring unrecognized environment variable" in text:
        return "unknown-variable", text.rsplit(" ", 1)[-1], None
    for words, meaning in _MESSAGES:
        if words in both:
            return meaning, _detail(both, words), user
    level = fields.get("level", "")
    if "permission denied" in both and level in ("error", "fatal", "panic"):
        return "storage-error", both.strip(), None
    if fields.get("http.response.status", "").startswith("5") and "err.code" in fields:
        return "other", f"{fields['http.response.status']}: {both.strip()}", user
    if level in ("fatal", "panic") and not _OF_A_CALLER.match(text):
        return panic_meaning(both), both.strip(), None
    return None, "", user


_OF_A_CALLER = re.compile(r"exit status \d+$|signal: \w+$")
"""How Go tells of a program that it called: the registry calls none."""


def _detail(text: str, words: str) -> str:
    rest = text.split(words, 1)[1].strip(" :")
    return rest[:200]


def _file_trouble(text: str) -> Meaning:
    if "permission denied" in text:
        return "file-unreadable"
    if "no such file" in text:
        return "file-missing"
    if "is a directory" in text:
        return "file-is-directory"
    if "invalid entry" in text or "token too long" in text:
        return "file-refused"
    return "other"


def panic_meaning(text: str) -> Meaning:
    """Why the registry stopped, from its panic or fatal message."""
    if "must be set for htpasswd" in text or '"realm" must be set' in text or '"path" must be set' in text:
        return "panic-auth-option"
    if "permission denied" in text:
        return "panic-unreadable"
    if "configuration error" in text or "yaml:" in text or "unmarshal" in text:
        return "config-error"
    return "panic-other"


_NGINX = re.compile(r"^\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[(\w+)\]\s*(.*)$", re.DOTALL)
_NGINX_CUT = re.compile(r"^(?:\[(\w+)\] )?(\d{1,10}#\d{1,10}: \*\d{1,12} .*)$", re.DOTALL)
"""The same without its time, as people cut it out."""
_USER_FILE = re.compile(r'open\(\) "[^"]{0,300}(?:passw|htpass|users)[^"/]{0,80}" failed \((2|13): ')
_ALERTS = (40, 42, 46, 48, 70, 112, 116)
"""Of RFC 8446, 6.2: certificate, name, protocol or ciphers do not suit; who sends one speaks TLS."""
_NGINX_WORDS: tuple[tuple[str, Meaning], ...] = (
    ("host not found in upstream", "upstream-not-found"),
    ("could not be resolved", "upstream-not-found"),
    ("upstream SSL certificate", "upstream-untrusted"),
    *((f"SSL alert number {n}) while SSL handshaking to upstream", "upstream-untrusted") for n in _ALERTS),
    ("while SSL handshaking to upstream", "upstream-tls"),
    ("Connection refused) while connecting to upstream", "upstream-refused"),
    ("No route to host", "upstream-refused"),
    ("Host is unreachable", "upstream-refused"),
    ("upstream timed out", "upstream-timeout"),
    ("Operation timed out", "upstream-timeout"),
    ("prematurely closed connection", "upstream-reset"),
    ("no live upstreams", "upstream-reset"),
    ("Connection reset by peer", "upstream-reset"),
    ("client intended to send too large body", "body-too-large"),
    ("crypt_r() failed", "proxy-crypt-failed"),
    ("password mismatch", "proxy-user-mismatch"),
    ("was not found in", "proxy-user-mismatch"),
    ("plain HTTP request was sent to HTTPS port", "http-request-on-tls"),
    ("access forbidden by rule", "access-forbidden"),
    ("limiting requests", "rate-limited"),
    ("limiting connections", "rate-limited"),
)
UNKNOWN = ("emerg", "alert", "crit", "error")
"""Levels at which nginx tells of a failure, whatever its words are."""
_OF_THE_API = re.compile(r', request: "[A-Z]{3,7} [^" ]{0,100}/v2[/ ]')
_HARMLESS = re.compile(r"while SSL handshaking, client|SSL_shutdown\(\)|open socket #|open\(\) \"[^\"]*/html/")
"""What scanners cause, and what a reload leaves behind."""
_NGINX_USER = re.compile(r'user "([^"]*)"')
_BARE = ("error authorizing context: ", "error authenticating user ", "error checking authorization: ")
"""The registry's messages whose fields somebody cut off."""
_UNFIT = re.compile(r"^\s*line \d+: cannot unmarshal !!\w+ .{1,60} into \S+$")
"""What follows a configuration error: the value that does not fit."""
_UNSET = re.compile(r'The \\?"([^"]{0,300}?)\\?" variable is not set')


def unset_variable(text: str) -> str | None:
    """The name in Compose's warning that a variable is not set."""
    found = _UNSET.search(text)
    return found[1] if found else None


def foreign_meaning(line: str) -> tuple[str, Meaning, str, str | None] | None:
    """Logger, meaning, detail and user of a line that is no registry message, or None."""
    if nginx := _NGINX.match(line) or _NGINX_CUT.match(line):
        return _nginx(nginx[1] or "error", nginx[2])
    if "http: TLS handshake error" in line:
        plain = "first record does not look like a TLS handshake" in line or "HTTP request" in line
        return "registry", "http-request-on-tls" if plain else "tls-handshake-bad-certificate", line, None
    if line.startswith(_BARE):
        meaning, detail, user = meaning_of({"msg": line})
        return ("registry", meaning, detail, user) if meaning else None
    if line.startswith("panic: ") or "unable to configure authorization" in line:
        return "registry", panic_meaning(line), line, None
    if line.startswith("configuration error") or "configuration error: error parsing" in line or _UNFIT.match(line):
        return "registry", "config-error", line, None
    if ("can't move" in line or "cannot rename" in line) and "resource busy" in line.lower():
        return "nginx", "entrypoint-cannot-edit", line, None
    if _UNSET.search(line):
        return "compose", "compose-unset-variable", "", None
    if line.startswith("nginx: [emerg]"):
        return _nginx("emerg", line)
    return None


def _nginx(level: str, text: str) -> tuple[str, Meaning, str, str | None] | None:
    for words, meaning in _NGINX_WORDS:
        if words in text:
            user = _NGINX_USER.search(text) if meaning == "proxy-user-mismatch" else None
            return "nginx", meaning, f"{level}: {text}"[:300], user[1] if user else None
    if opened := _USER_FILE.search(text):
        meaning = "proxy-htpasswd-missing" if opened[1] == "2" else "proxy-htpasswd-unreadable"
        return "nginx", meaning, text[:300], None
    asked = level == "emerg" or ("request: " not in text and level != "error") or _OF_THE_API.search(text)
    if asked and level in UNKNOWN and not _HARMLESS.search(text):
        return "nginx", "other", f"{level}: {text}"[:300], None
    return None
