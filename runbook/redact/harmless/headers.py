"""Headers: which of them are shown, and how much of their values."""

from runbook.lazy import re
from runbook.redact.harmless.base import REFERENCE, SWITCH, is_odd, is_reference, is_secret_name, plain
from runbook.redact.text import MASK
from runbook.redact.words import only_known, shows

_HEADERS = re.compile(
    r"(?i)accept(?:-[a-z]+)?|access-control-[a-z-]+|age|allow|alt-svc|cache-control|connection|content-[a-z-]+|date|docker-distribution-api-version"
    r"|docker-content-digest|docker-upload-uuid|expires|expect|forwarded|host|if-[a-z-]+|keep-alive|last-modified|link|location|max-forwards|oci-[a-z-]+|origin"
    r"|permissions-policy|pragma|range|ratelimit-[a-z]+|referer|referrer-policy|refresh|retry-after|sec-(?:fetch|ch|gpc)[a-z-]*|server|strict-transport-security"
    r"|te|trailer|transfer-encoding|upgrade(?:-insecure-requests)?|user-agent|vary|via|warning|x-(?:forwarded|original|envoy|accel|powered|cache|nginx|proxy|frame|content|xss|ua|robots|served|real|request|registry|docker|ratelimit|host|scheme|url|rewrite|client|ssl|download|permitted|varnish|cdn|iinfo|http)[a-z-]*"
)
_CHALLENGE = re.compile(
    r"(?i)(\b(?!realm\b|service\b|scope\b|error\b|error_description\b|charset\b|algorithm\b|qop\b|stale\b)[a-z][\w-]{0,40}=)(\"[^\"]{0,2000}\"|[^\s,]{1,2000})"
)
_MEDIA = re.compile(r"(?:[\w*.+-]{1,80}/[\w*.+-]{1,80}|\*)(?:[;,]\s{0,3}[\w*./=+-]{1,120}){0,40}")
_COOKIE = re.compile(r"[A-Za-z_][\w.-]{0,24}")
_UUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_FREE = ("server", "via", "user-agent", "warning", "etag", "x-powered-by")
_ADDRESSES = (
    "location",
    "referer",
    "link",
    "refresh",
    "origin",
    "content-location",
    "access-control-allow-origin",
    "x-original-url",
    "x-rewrite-url",
)


def shown_header(name: str, value: str) -> str:
    """What is shown of a header's value."""
    lower, bare = name.lower().replace("_", "-"), value.strip()
    if not bare or is_reference(bare.strip("\"'")):
        return value
    if lower in ("www-authenticate", "proxy-authenticate"):
        return _CHALLENGE.sub(rf"\1{MASK}", plain(value))
    if lower.endswith("authorization"):
        return _authorization(value)
    if lower in ("cookie", "set-cookie", "set-cookie2"):
        cookie, _, rest = bare.partition("=")
        return f"{cookie}={MASK}" if rest.strip("=") and _COOKIE.fullmatch(cookie) and not is_odd(cookie) else MASK
    if lower in _ADDRESSES or lower.startswith("access-control-"):
        return plain(value)
    if lower in _FREE:
        return _products(plain(value))
    if not _HEADERS.fullmatch(lower) or (is_secret_name(lower) and lower != "x-registry-supports-signatures"):
        public = not is_secret_name(lower) and not re.search(r"\d{3}", bare) and only_known(bare) == bare
        return value if public or SWITCH.fullmatch(bare) else MASK
    if lower.startswith(("accept", "te", "upgrade", "connection", "expect", "pragma")):
        return _products(plain(value)) if not _MEDIA.fullmatch(bare) else plain(value)
    if lower == "docker-upload-uuid":
        return value if _UUID.fullmatch(bare) else MASK
    return plain(value) if not is_odd(bare) or lower.startswith(("content-", "docker-", "if-")) else MASK


def _authorization(value: str) -> str:
    scheme, blank, rest = value.strip().partition(" ")
    if blank and REFERENCE.fullmatch(rest.strip()):
        return value
    if scheme.lower() in ("basic", "bearer", "digest", "negotiate", "ntlm", "token", "apikey", "aws4-hmac-sha256"):
        return f"{scheme} {MASK}" if rest.strip() else scheme
    variable = REFERENCE.match(value.strip())
    return value if variable and variable[0] == value.strip() else MASK


_VERSION = re.compile(r"v?\d{1,8}(?:\.\d{1,8}){0,4}")
_LETTERS = re.compile(r"[A-Za-z]{1,24}(?:[.+_-][A-Za-z]{1,24}){0,3}")


def _is_product(name: str, version: str) -> bool:
    """Whether it is the name of a program with its version: `AirTunes/595.13.1`, and nothing drawn by chance."""
    plain_one = _LETTERS.fullmatch(name) is not None and _VERSION.fullmatch(version) is not None
    return plain_one or not is_odd(f"{name}/{version}")


def _products(value: str) -> str:
    """`nginx/1.25 (Debian)`, `docker/28.0 go/go1.23 …`: names with versions. A name is letters, a version is digits:
    each is looked at by itself, together they would always look drawn by chance.
    """
    held = re.sub(
        r"\b([A-Za-z][\w.+-]{1,40})/(v?\d[\w.+-]{0,30}|go\d[\w.]{0,12}|[0-9a-f]{7,10}(?![\w]))",
        lambda m: f"{m[1]}\x01{m[2]}" if _is_product(m[1], m[2]) else MASK,
        value,
    )
    words = [w if "\x01" in w or shows(w.strip("()")) else only_known(w) for w in held.split(" ")]
    return " ".join(words).replace("\x01", "/")
