"""Addresses without what is secret in them: the login before the host, every value of the query, the fragment."""

from runbook.lazy import re
from runbook.redact.text import MASK
from runbook.redact.words import only_known

_ADDRESS = re.compile(r"(?i)\b([a-z][a-z0-9+.-]{1,20}:\\?/\\?/)([^\s\"'<>`|)\]}]{1,4000})")
_QUERY = re.compile(r"([?&;][A-Za-z_][\w.\[\]-]{0,60}=)([^\s&\"'<>#;`)\]}]{1,4000})")
_PLAIN = MASK.strip("[]")
"""A mask in an address, where brackets would make it one of IPv6."""
_BARE = re.compile(
    r"(?<![\w/@:.-])([\w.-]{1,64}):(?!\[redacted\])([^\s/@:]{1,200})@(?!sha256:)(?=[\w-]{1,63}(?:\.[\w-]{1,63}|:\d{1,5}(?!\d))|localhost)"
)
"""`user:password@host` without a scheme in front."""
_REGISTRYS = {
    "n": r"\d{1,9}",
    "service": r"[\w:.+-]{1,100}",
    "offline_token": "true|false",
    "scope": r"[a-z]{1,20}:[\w./-]{0,120}:[a-z*,]{0,40}",
    "client_id": r"docker|containerd-client|containers-image",
}
"""Parameters of the registry's own protocol, with what may stand there."""
_REFERENCE = re.compile(r"\$\w{1,60}|\$\{\w{1,60}\}|\{[\w.]{1,60}\}|%\[?\w{0,4}\]?")


def mask_urls(text: str) -> str:
    """A text with every address in it masked so; the rest stays."""
    if "://" in text or ":\\/" in text:
        text = _ADDRESS.sub(lambda m: m[1] + _rest(m[2]), text)
    if "@" in text:
        text = _BARE.sub(rf"\1:{MASK}@", text)
    return _QUERY.sub(_parameter, text) if "=" in text else text


def _rest(rest: str) -> str:
    """What follows `scheme://`."""
    login, rest = _login(rest)
    main, hash_, fragment = rest.partition("#")
    before, mark, query = main.partition("?")
    if mark:
        query = "&".join(_pair(part) for part in query.split("&"))
    fragment = fragment if only_known(fragment) == fragment else MASK
    return f"{login}{before}{mark}{query}{hash_}{fragment}"


def _login(rest: str) -> tuple[str, str]:
    """The login in front of the host without its password, and what follows it. A password may hold any sign."""
    authority = rest.partition("/")[0]
    login, at, _ = authority.rpartition("@")
    if not at:
        login, at, _ = rest.partition("?")[0].rpartition("@")
        if not at or not _is_login(login):
            return "", rest
    user, colon, password = login.partition(":")
    shown = password if password in ("", _PLAIN) else MASK
    return (f"{user}:{shown}@" if colon and user else f"{MASK}@"), rest[len(login) + 1 :]


def _is_login(text: str) -> bool:
    """`user:password` before an @, and not `host:80/path`."""
    return not re.match(r"[^:/]{0,255}(?::\d{1,5})?/", text) and not text.startswith("/")


def _pair(part: str) -> str:
    name, equals, value = part.partition("=")
    if part.startswith(MASK[:-1]):
        return part
    if not equals:
        return part if _REFERENCE.fullmatch(part) or len(part) <= 2 or part == MASK else MASK
    return f"{name}={shown_parameter(name, value)}"


def _parameter(match: re.Match[str]) -> str:
    return match[1] + shown_parameter(match[1][1:-1], match[2])


def shown_parameter(name: str, value: str) -> str:
    """What is shown of a parameter of a query."""
    if not value or MASK.startswith(value) or value == MASK or _REFERENCE.fullmatch(value):
        return value
    grammar = _REGISTRYS.get(name)
    return value if grammar and re.fullmatch(grammar, value) else MASK
