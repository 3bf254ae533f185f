"""A curl command as it was typed: its URL, method, headers and login."""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import unquote

from runbook.lazy import re
from runbook.model import Credential
from runbook.parse.calls import expands
from runbook.parse.credentials import WRONG, decode_basic
from runbook.parse.left_out import stands_in
from runbook.parse.write_out import line_patterns
from runbook.redact import Vault
from runbook.redact.harmless import shown_header

HEADER = re.compile(r"^([A-Za-z0-9-]{1,80}):(?>[ \t]*)(.*)$")
_ADDRESS = re.compile(
    r"(?:localhost|[\w-]{1,63}(?:\.[\w-]{1,63}){1,8}|\[[0-9a-fA-F:]{2,45}\]|[\w-]{1,63}:\d{1,5})(?=[:/?]|$)"
)

_ELSEWHERE = (
    "-K",
    "--config",
    "-n",
    "--netrc",
    "--netrc-file",
    "--netrc-optional",
    "--negotiate",
    "--ntlm",
    "--aws-sigv4",
)
"""Options with which the login comes from somewhere else."""
_POSTED = ("-d", "--data", "--data-raw", "--data-binary", "--data-urlencode", "--json", "-F", "--form")
_WITH_VALUE = set("AbcCdDeEFhHKmMoPQrTtuUwxXyYz")
_LONG_WITH_VALUE = {
    "--user",
    "--header",
    "--request",
    "--url",
    "--data",
    "--data-raw",
    "--data-binary",
    "--output",
    "--write-out",
    "--max-time",
    "--connect-timeout",
    "--cacert",
    "--cert",
    "--key",
    "--resolve",
    "--proxy",
    "--user-agent",
    "--upload-file",
    "--connect-to",
    "--retry",
    "--interface",
    "--cookie",
    "--referer",
    "--form",
    "--proxy-user",
    "--oauth2-bearer",
    "--range",
    "--pass",
    "--proxy-header",
    "--netrc-file",
    "--aws-sigv4",
    "--data-urlencode",
    "--cert-type",
    "--key-type",
    "--limit-rate",
    "--noproxy",
    "--unix-socket",
    "--doh-url",
    "--form-string",
    "--max-redirs",
    "--retry-delay",
    "--capath",
    "--ciphers",
    "--config",
    "--cookie-jar",
    "--dump-header",
    "--preproxy",
    "--socks5",
    "--tls-max",
    "--trace",
    "--trace-ascii",
    "--json",
    "--http-proxy",
}


@dataclass
class Pending:
    """What is known of a request while its transcript is being read."""

    line: int
    url: str = ""
    method: str = ""
    credential: Credential | None = None
    sent: list[tuple[str, str]] = field(default_factory=list)
    status: int | None = None
    got: list[tuple[str, str]] = field(default_factory=list)
    body: list[str] = field(default_factory=list)
    error: str | None = None
    detail: str = ""
    connected: tuple[str, int] | None = None
    tls: bool = False
    counts_status: bool = False
    writes: tuple[re.Pattern[str], ...] = ()
    """The lines that `-w` writes."""
    in_headers: bool = False
    asked: bool = False
    """Whether the request is known: its command or its request line."""
    shown: bool = False
    """Whether its request line was seen."""
    login_known: bool = False
    """Whether it is known which login was sent, or that none was."""
    trust: str = ""
    """`-k`, or the file of --cacert."""
    broken: bool = False
    """Whether the URL holds a password with characters that end the host there."""

    @property
    def answered(self) -> bool:
        """Whether an answer or a failure was read."""
        return self.status is not None or self.error is not None or (self.asked and bool(self.body))


def read_command(command: str, line: int, vault: Vault) -> Pending:
    """What a command line asks for."""
    now = Pending(line, asked=True, login_known=True)
    for name, value in _options(_words(command)):
        if name in ("-u", "--user"):
            now.credential = _user(value, vault, command)
            now.login_known = now.credential is not None
        elif name in ("-k", "--insecure"):
            now.trust = "-k"
        elif name == "--cacert":
            now.trust = value
        elif name in _ELSEWHERE:
            now.login_known = False
        elif name in ("-X", "--request"):
            now.method = value.upper()
        elif name in ("-H", "--header"):
            sent_header(now, value, vault)
        elif name in ("-I", "--head"):
            now.method = now.method or "HEAD"
        elif name in ("-w", "--write-out"):
            now.counts_status, now.writes = "http_code" in value or "response_code" in value, line_patterns(value)
        elif name in _POSTED and not now.method:
            now.method = "POST"
        elif name in ("-T", "--upload-file"):
            now.method = now.method or "PUT"
        elif name == "--oauth2-bearer":
            if not stands_in(value):
                vault.token(value)
            now.credential = Credential(scheme="Bearer")
        elif name == "--url" or (name == "" and (not now.url or _is_address(value) > _is_address(now.url))):
            now.url = value
    _take_login(now, vault, command)
    return now


def _take_login(now: Pending, vault: Vault, command: str) -> None:
    """The login that stands in the URL. One that breaks it is not sent: what was asked is a piece of it."""
    found = _LOGIN_IN_URL.match(now.url)
    if found is None:
        return
    now.url, now.broken = found[1] + found[4], _breaks(found)
    if now.broken:
        now.login_known = False  # it was never asked
        if not stands_in(found[3]):
            vault.password(found[3], found[2])
    elif now.credential is None:
        now.credential = _user(f"{unquote(found[2])}:{unquote(found[3])}", vault, command)
        now.login_known = now.credential is not None


def _breaks(login: re.Match[str]) -> bool:
    """curl and its like end the host at the first / ? or # and take the last @ before it (run with curl 7.88, wget 1.21)."""
    return any(letter in login[3] for letter in "/?#")


def host_meant(command: str) -> str | None:
    """The host[:port] of a URL in a command that its password breaks; None where none does."""
    urls = (found for word in _words(command) if (found := _LOGIN_IN_URL.match(word)) and _breaks(found))
    return next((found[5].lower() for found in urls), None)


def _words(command: str) -> list[str]:
    """Split as a shell would; an unbalanced quote splits at blanks."""
    cut = re.split(r"\s(?:\||&&|\|\||;|>>?|2>)\s?", command)[0]
    try:
        return shlex.split(cut)
    except ValueError:
        return cut.split()


def _options(words: list[str]) -> Iterator[tuple[str, str]]:
    """Options with their values, and plain words under the name ""."""
    rest = iter(words[1:])
    for word in rest:
        if word.startswith("--"):
            name, equals, value = word.partition("=")
            yield name, (value if equals else next(rest, "") if name in _LONG_WITH_VALUE else "")
        elif word.startswith("-") and len(word) > 1:
            for index, letter in enumerate(word[1:], 1):
                if letter in _WITH_VALUE:
                    yield f"-{letter}", word[index + 1 :] or next(rest, "")
                    break
                yield f"-{letter}", ""
        else:
            yield "", word


_LOGIN_IN_URL = re.compile(
    r"(https?://)([^\s/@:]{1,100}):(\S{1,200})@(?=(((?:localhost|[\w-]{1,63}(?:\.[\w-]{1,63}){1,8})(?::\d{1,5})?)(?:/\S{0,2000})?$))",
    re.IGNORECASE,
)
"""Scheme, user, password up to the last @ before a host, the rest, the host[:port]."""


def _is_address(word: str) -> int:
    """How surely a word is the URL: what an option that we do not know takes stands between the words, too."""
    if word.startswith(("http://", "https://")):
        return 2
    return int(_ADDRESS.match(word) is not None)


def _user(value: str, vault: Vault, command: str) -> Credential | None:
    """The login of `-u`; None where the text does not say what it is, `-u "$LOGIN"`."""
    user, colon, password = value.partition(":")
    if stands_in(user):
        return None
    if not colon or not password or stands_in(password):
        return Credential(scheme="Basic", user=user)
    if expands(command, password):
        vault.password(password, user)
        return Credential(scheme="Basic", user=user, defect="expanded")
    intent: Literal["given", "wrong"] = "wrong" if WRONG.search(password) else "given"
    return Credential(scheme="Basic", user=user, password=vault.password(password, user), intent=intent)


def sent_header(now: Pending, text: str, vault: Vault) -> None:
    """Take in a header that was sent; a login in it goes into the vault."""
    header = HEADER.match(text)
    if not header:
        if stands_in(text):
            now.login_known = False
        return
    name, value = header[1], header[2]
    if name.lower() == "authorization":
        known = now.credential
        scheme, _, rest = value.strip().partition(" ")
        if _is_masked(rest):
            if stands_in(scheme) or (scheme.lower() == "bearer" and not rest.strip()):
                now.login_known = False  # hidden, or no token was there to be sent
            else:
                now.credential = known or Credential(scheme=scheme)
        elif known is None or known.password is None:
            now.credential = decode_basic(value, vault)
        value = shown_header(name, value)
    now.sent.append((name, value))


def _is_masked(rest: str) -> bool:
    rest = rest.strip()
    return not rest or stands_in(rest) or "redacted" in rest.lower() or "***" in rest
