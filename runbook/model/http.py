"""One HTTP request and what came back, wherever it was seen: a probe, a transcript, a HAR."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import Literal

Headers = tuple[tuple[str, str], ...]
"""Headers in the order they were sent, duplicates kept: two Allow-Origin lines are a fault of their own."""

Route = Literal["direct", "via", "unknown"]
"""`direct`: straight to the registry. `via`: through the UI or another proxy."""


Voice = Literal["program", "person", "document"]
"""Who speaks: a program's own output, a person's sentence about it, or a text that explains (a README, a manual)."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was read: a file of the bundle and, where it has one, its line (from 1)."""

    file: str
    line: int | None = None
    shown: str = field(default="", compare=False)
    """How people find it where `file` does not say: a part of a mail or an archive, `thread.eml § docker-compose.yml`."""
    era: float = field(default=0.0, compare=False)
    """What stands in a thread of mails is ordered by this first, greater is later: when it was sent, where that is told,
    less one for each time that it is quoted. Below 0 it orders this text alone; nan is the time of nobody knows."""
    loose: bool = field(default=False, compare=False)
    """Whether it is quoted, and no words tell from where: it is not known to be later than what stands above it."""

    def __str__(self) -> str:
        name = self.shown or self.file
        return name if self.line is None else f"{name}:{self.line}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Credential:
    """What a client presented, without the secret itself.

    `password` is the vault's label ("p1"): equal labels are equal passwords, None is a password that
    the source masks or does not show. `intent` is "wrong" only for a password made up by us.
    """

    scheme: str
    user: str | None = None
    password: str | None = None
    intent: Literal["given", "wrong", "unknown"] = "unknown"
    defect: str | None = None
    """What is odd in the value: "trailing newline", "not base64", "no colon", "password is a hash", "expanded" (typed so
    that the shell puts something else in place of a part of the password)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Certificate:
    """What a TLS server shows of itself, whether or not a client should believe it. Dates are days in UTC."""

    subject: str
    """The common name; no client looks at it any more."""
    names: tuple[str, ...]
    """Of subjectAltName: the names and addresses that count."""
    issuer: str
    is_self_signed: bool
    begins: str
    expires: str
    sent: int | None = None
    """How many certificates the server sends; one that is not self-signed usually needs its intermediate, too.
    None where this Python cannot tell."""

    def __str__(self) -> str:
        names = ", ".join(self.names) or f"no name (only the common name {self.subject!r})"
        by = "itself" if self.is_self_signed else self.issuer or "nobody named"
        return f"certificate for {names}; issued by {by}; valid {self.begins} to {self.expires}"


@dataclass(frozen=True, slots=True, kw_only=True)
class Exchange:
    """One request with its answer or with the reason why there was none.

    Header values and the body are redacted and bounded. `source` says where it comes from
    ("curl.txt:12", "probe"). `error` is one of the words in `FAILURES` when no answer came.
    """

    source: Place
    method: str
    url: str
    route: Route = "unknown"
    credential: Credential | None = None
    request_headers: Headers = ()
    status: int | None = None
    response_headers: Headers = ()
    body: str = ""
    error: str | None = None
    detail: str = ""
    """The failure in the client's own words, redacted."""
    elapsed: float | None = None
    """Seconds."""
    when: float | None = None
    """Seconds since the epoch, where the source tells."""
    page: str | None = None
    """For a browser's request: the origin of the page that made it."""
    at: Literal["client", "registry"] = "client"
    """Where on the way it was seen: as the client sent it, or as it arrived at the registry (`runbook tap`)."""
    certificate: Certificate | None = None
    """Of the server, where it was looked at."""
    voice: Voice = "program"
    login_known: bool = True
    """Whether the source shows what the request sent: without it, no credential means nothing about the login."""
    trust: str = ""
    """curl's words about the server's certificate: "-k" (not checked), or the file of --cacert; "" where it said nothing."""

    def header(self, name: str) -> str | None:
        """The first response header of that name, or None."""
        return _first(self.response_headers, name)

    def headers(self, name: str) -> Iterator[str]:
        """Every response header of that name, in order."""
        wanted = name.lower()
        return (value for key, value in self.response_headers if key.lower() == wanted)

    def sent(self, name: str) -> str | None:
        """The first request header of that name, or None."""
        return _first(self.request_headers, name)

    @property
    def path(self) -> str:
        """The path of the URL without the query: what decides which API call this is."""
        rest = self.url.split("://", 1)[-1]
        return "/" + rest.split("/", 1)[1].split("?", 1)[0].split("#", 1)[0] if "/" in rest else "/"

    @property
    def made(self) -> float | None:
        """When it happened: as the source tells, else from the response's Date header; None without one that can be read."""
        if self.when is not None:
            return self.when
        try:
            moment = parsedate_to_datetime(self.header("Date") or "")
            return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
        except (ValueError, TypeError, IndexError, OverflowError):
            return None

    @property
    def is_api(self) -> bool:
        """Whether the request asks for the registry's API."""
        path = self.path
        return path == "/v2" or "/v2/" in path

    @property
    def is_html(self) -> bool:
        """Whether the answer is a web page: no registry answers so."""
        return "html" in (self.header("Content-Type") or "").lower() or self.body.lstrip()[:9].lower().startswith(
            ("<!doctype", "<html")
        )


def _first(headers: Headers, name: str) -> str | None:
    """The first of that name. Judging asks this most of all: other lengths are not worth a comparison of letters."""
    wanted, size = name.lower(), len(name)
    for key, value in headers:
        if len(key) == size and key.lower() == wanted:
            return value
    return None


FAILURES = (
    "refused",
    "reset",
    "empty-reply",
    "timeout",
    "no-response",
    "handshake-timeout",
    "dns",
    "tls-untrusted",
    "tls-name",
    "tls-expired",
    "tls-protocol",
    "http-on-https",
    "tls-to-http",
    "blocked",
    "url-invalid",
    "other",
)
"""Why no answer came. `no-response`: the connection was made, and whoever took it hangs. `blocked`: a browser had it and kept it from the page (CORS, mixed content). `url-invalid`: a password in the URL broke it."""
