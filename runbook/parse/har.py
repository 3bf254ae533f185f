"""A browser's export (HAR 1.2): what the page asked for, and what the browser let it see."""

import json
from dataclasses import replace
from datetime import datetime
from typing import Any

from runbook.model import Credential, Exchange, Headers, Place
from runbook.parse import ParseError
from runbook.parse.credentials import decode_basic
from runbook.redact import Vault
from runbook.urls import urlsplit

_MOST = 2000
_PROXIES = (
    "mitm",
    "proxyman",
    "charles",
    "fiddler",
    "http toolkit",
    "burp",
    "zap",
    "whistle",
    "reqable",
    "insomnia",
    "postman",
    "hoppscotch",
    "bruno",
)
"""Programs that export HAR and are no browser."""
_STATIC = (".js", ".css", ".woff2", ".woff", ".png", ".svg", ".ico", ".map")


def parse_har(text: str, file: str, vault: Vault) -> tuple[Exchange, ...]:
    """The requests of a HAR, the page's own files left out.

    Browsers leave Authorization out of an export, so the absence of a login proves nothing here.
    """
    try:
        log = json.loads(text)["log"]
        entries = log["entries"]
    except (ValueError, RecursionError) as error:
        line = getattr(error, "lineno", None)
        raise ParseError(file, line, "This is not a whole HAR file: its JSON breaks off or is malformed.") from None
    except (KeyError, TypeError):
        raise ParseError(file, None, 'A HAR file has "log" with "entries"; this one has not.') from None
    if not isinstance(entries, list):
        raise ParseError(file, None, 'In this HAR "entries" is no list.')
    if _is_of_tap(log):
        passed = (_passed(entry, file, vault) for entry in entries[:_MOST] if isinstance(entry, dict))
        return tuple(e for e in passed if e is not None)
    page = None if _is_of_proxy(log) else _page_origin(log, entries)
    found = (_exchange(entry, file, page, vault) for entry in entries[:_MOST] if isinstance(entry, dict))
    seen = [e for e in found if e is not None]
    # Browsers leave logins out of an export unless they are told not to; a proxy of the command line writes all.
    known = page is None or any(e.credential is not None for e in seen)
    return tuple(replace(e, login_known=known or e.page is None or e.credential is not None) for e in seen)


def _is_of_proxy(log: dict[str, Any]) -> bool:
    """Whether a proxy wrote down what passed it, of whatever client: there is no page then."""
    creator = log.get("creator")
    name = str(creator.get("name", "")).lower() if isinstance(creator, dict) else ""
    return any(word in name for word in _PROXIES)


def _is_of_tap(log: dict[str, Any]) -> bool:
    creator = log.get("creator")
    return isinstance(creator, dict) and creator.get("name") == "runbook tap"


def _passed(entry: dict[str, Any], file: str, vault: Vault) -> Exchange | None:
    """A request that `runbook tap` saw on its way to the registry: who was logged in stands beside it."""
    seen = _exchange(entry, file, None, vault)
    if seen is None:
        return None
    login, credential = entry.get("_login"), None
    if isinstance(login, dict):
        said = {name: vault.mask(str(login[name]), 200) for name in ("scheme", "user", "defect") if login.get(name)}
        credential = Credential(scheme=said.get("scheme", "other"), user=said.get("user"), defect=said.get("defect"))
    return replace(seen, at="registry", page=None, credential=credential, when=_when(entry.get("startedDateTime")))


def _when(text: object) -> float | None:
    try:
        return datetime.fromisoformat(str(text)).timestamp()
    except (ValueError, OverflowError):
        return None


def _page_origin(log: dict[str, Any], entries: list[Any]) -> str | None:
    """Origin of the page: its title is its URL in Chromium's export; else the first document asked for."""
    pages = log.get("pages")
    for page in pages if isinstance(pages, list) else ():
        title = str(page.get("title", "")) if isinstance(page, dict) else ""
        if title.startswith(("http://", "https://")):
            return _origin(title)
    for entry in entries[:50]:
        if not isinstance(entry, dict):
            continue
        request = entry.get("request")
        if not isinstance(request, dict):
            continue
        kind = entry.get("_resourceType")
        if kind == "document" or (kind is None and "/v2/" not in str(request.get("url", ""))):
            return _origin(str(request.get("url", "")))
    return None


def _origin(url: str) -> str | None:
    parts = urlsplit(url)
    if not parts.netloc:
        return None
    default = {"http": ":80", "https": ":443"}.get(parts.scheme, "-")
    return f"{parts.scheme}://{parts.netloc.removesuffix(default).rpartition('@')[2]}"


def _exchange(entry: dict[str, Any], file: str, page: str | None, vault: Vault) -> Exchange | None:
    request, response = entry.get("request"), entry.get("response")
    if not isinstance(request, dict):
        return None
    if not isinstance(response, dict):
        response = {}
    url = str(request.get("url", ""))
    path = urlsplit(url).path
    if not url.startswith(("http://", "https://")) or path.endswith(_STATIC):
        return None
    sent, credential = _sent(request, vault)
    origin = next((v for n, v in sent if n.lower() == "origin"), None) or page
    agent = next((v for n, v in sent if n.lower() == "user-agent"), "Mozilla/")
    if "Mozilla/" not in agent:
        origin = None  # docker, curl or another client of the command line
    status = response.get("status")
    answered = isinstance(status, int) and status > 0
    content = response.get("content")
    body = content.get("text", "") if isinstance(content, dict) else ""
    failure = str(response.get("_error") or entry.get("_error") or "")
    return Exchange(
        source=Place(file),
        method=str(request.get("method", "GET"))[:10].upper(),
        url=vault.mask(url, 500),
        credential=credential,
        request_headers=sent,
        status=status if answered else None,
        response_headers=_headers(response.get("headers"), vault),
        body=vault.mask(str(body), 4000),
        error=None if answered else failure_of(failure),
        detail=vault.mask(failure, 200),
        elapsed=round(taken / 1000, 4) if isinstance(taken := entry.get("time"), int | float) else None,
        when=_when(entry.get("startedDateTime")),
        page=origin,
    )


def failure_of(text: str) -> str:
    """The word for a browser's `net::ERR_…`."""
    for word, name in (
        ("REFUSED", "refused"),
        ("NAME_NOT_RESOLVED", "dns"),
        ("TIMED_OUT", "timeout"),
        ("CERT_COMMON_NAME", "tls-name"),
        ("CERT_DATE", "tls-expired"),
        ("CERT", "tls-untrusted"),
        ("SSL_PROTOCOL", "tls-protocol"),
        ("EMPTY_RESPONSE", "empty-reply"),
        ("CONNECTION_RESET", "reset"),
    ):
        if word in text.upper():
            return name
    return "blocked"


def _headers(rows: object, vault: Vault) -> Headers:
    if not isinstance(rows, list):
        return ()
    named = ((r.get("name"), r.get("value")) for r in rows[:200] if isinstance(r, dict))
    return tuple(
        (str(n)[:100], vault.mask(part, 1000))
        for n, v in named
        if n and not str(n).startswith(":")
        for part in _values(str(n), str(v))
    )


def _values(name: str, value: str) -> list[str]:
    """Header lines of the same name that the export joined by line ends."""
    return value.split("\n")


def _sent(request: dict[str, Any], vault: Vault) -> tuple[Headers, Credential | None]:
    credential = None
    for row in request.get("headers") or ():
        if isinstance(row, dict) and str(row.get("name", "")).lower() == "authorization":
            credential = decode_basic(str(row.get("value", "")), vault)
    return _headers(request.get("headers"), vault), credential
