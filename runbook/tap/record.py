"""What the tap saw, without its secrets: as exchanges, as HAR, and as a line for whoever looks on."""

import json
from collections import deque
from datetime import UTC, datetime
from typing import Any

from runbook import __version__
from runbook.collect.scrub import scrub
from runbook.model import Credential, Evidence, Exchange, Headers, Place
from runbook.parse.credentials import decode_basic
from runbook.redact import Vault, visible
from runbook.redact.harmless import is_secret_name
from runbook.tap.watch import Seen

MOST = 5000
"""Exchanges that are kept, the last ones."""
CREATOR = "runbook tap"
_SECRET = {"authorization", "proxy-authorization", "cookie", "set-cookie", "x-registry-auth", "authentication-info"}
_PUBLIC = ("www-authenticate", "proxy-authenticate", "x-registry-supports-signatures", "authorization")
_SHORTEST = 8
_TEXT = ("json", "text/", "xml", "html")


class Recorder:
    """Keeps exchanges; the vault learns each secret before anything is kept."""

    def __init__(self, base: str, vault: Vault) -> None:
        self._base, self._vault = base, vault
        self._kept: deque[tuple[Exchange, Seen]] = deque(maxlen=MOST)
        self._known = 0
        self.total = 0

    def note(self, seen: Seen) -> Exchange:
        """Keep one; returns it in the form in which it may be shown."""
        self.total += 1
        exchange = self._sealed((self._exchange(seen),))[0]
        seen.body.clear()
        seen.request_headers = seen.response_headers = ()
        seen.target = ""
        self._kept.append((exchange, seen))
        return exchange

    @property
    def exchanges(self) -> tuple[Exchange, ...]:
        """What was kept, in the order of its end; what was learnt after a request is taken out of it, too."""
        kept = tuple(exchange for exchange, _ in self._kept)
        if self._vault.count != self._known:
            kept = self._sealed(kept)
            rows = zip(kept, (seen for _, seen in self._kept), strict=True)
            self._kept = deque(rows, maxlen=MOST)
            self._known = self._vault.count
        return kept

    def _sealed(self, exchanges: tuple[Exchange, ...]) -> tuple[Exchange, ...]:
        return scrub(Evidence(exchanges=exchanges), self._vault).exchanges

    def _exchange(self, seen: Seen) -> Exchange:
        sent = {name.lower(): value for name, value in seen.request_headers}
        login = decode_basic(sent["authorization"], self._vault) if sent.get("authorization", "").strip() else None
        kind = next((v.lower() for n, v in seen.response_headers if n.lower() == "content-type"), "")
        body = bytes(seen.body).decode("utf-8", "replace") if any(word in kind for word in _TEXT) else ""
        for name, value in (*seen.request_headers, *seen.response_headers):
            if is_secret_name(name) and name.lower() not in _PUBLIC:
                part = (
                    value.partition("=")[2].partition(";")[0] if "cookie" in name.lower() else value.rpartition(" ")[2]
                )
                if len(part) >= _SHORTEST:
                    self._vault.token(part)
        mask = self._vault.mask
        return Exchange(
            source=Place("tap"),
            at="registry",
            method=mask(seen.method, 20),
            url=mask(f"{self._base}{seen.target}", 500),
            credential=login,
            request_headers=self._headers(seen.request_headers),
            status=seen.status,
            response_headers=self._headers(seen.response_headers),
            body=mask(body, 4000),
            error="other" if seen.broken else None,
            detail=mask(seen.broken, 200),
            elapsed=seen.elapsed,
            when=seen.began,
        )

    def _headers(self, rows: Headers) -> Headers:
        return tuple((self._vault.mask(name, 100), self._value(name, value)) for name, value in rows[:200])

    def _value(self, name: str, value: str) -> str:
        if name.lower() not in _SECRET:
            return self._vault.mask(value, 1000)
        scheme = value.split(" ", 1)[0] if " " in value and name.lower().endswith("authorization") else ""
        return f"{scheme} ***".strip() if value else ""

    def har(self) -> str:
        """All of it as HAR 1.2, which browsers' developer tools and `runbook diagnose` read."""
        rows = zip(self.exchanges, (seen for _, seen in self._kept), strict=True)
        entries = [_entry(exchange, seen) for exchange, seen in rows]
        log = {"version": "1.2", "creator": {"name": CREATOR, "version": __version__}, "pages": [], "entries": entries}
        return json.dumps({"log": log}, ensure_ascii=False, indent=1) + "\n"


def line(exchange: Exchange) -> str:
    """One exchange for a person who looks on."""
    clock = datetime.fromtimestamp(exchange.when or 0).strftime("%H:%M:%S")
    answer = str(exchange.status) if exchange.status is not None else "no answer"
    took = f"{1000 * exchange.elapsed:.0f} ms" if exchange.elapsed is not None else ""
    return visible(
        f"{clock}  {exchange.method:<7} {exchange.path}  -> {answer}  {took}   Authorization: {told(exchange.credential)}"
        + (f"   ({exchange.detail})" if exchange.detail else "")
    )


def told(login: Credential | None) -> str:
    """A login in words, without its secret."""
    if login is None:
        return "none"
    defect = f", {login.defect}" if login.defect else ""
    return f"{login.scheme} {login.user or ''}".strip() + defect


def _entry(exchange: Exchange, seen: Seen) -> dict[str, Any]:
    whole, first = 1000 * (seen.elapsed or 0), 1000 * (seen.first or 0)
    login = exchange.credential
    answer = next(exchange.headers("Content-Type"), "")
    return {
        "startedDateTime": datetime.fromtimestamp(seen.began, UTC).isoformat(),
        "time": round(whole, 3),
        "request": {
            "method": exchange.method,
            "url": exchange.url,
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": _rows(exchange.request_headers),
            "queryString": [],
            "headersSize": -1,
            "bodySize": seen.sent,
        },
        "response": {
            "status": exchange.status or 0,
            "statusText": "",
            "httpVersion": "HTTP/1.1",
            "cookies": [],
            "headers": _rows(exchange.response_headers),
            "content": {"size": seen.received, "mimeType": answer, "text": exchange.body},
            "redirectURL": next(exchange.headers("Location"), ""),
            "headersSize": -1,
            "bodySize": seen.received,
            **({"_error": exchange.detail} if exchange.detail else {}),
        },
        "cache": {},
        "timings": {"send": 0, "wait": round(first, 3), "receive": round(max(0.0, whole - first), 3)},
        **(
            {"_login": {"scheme": login.scheme, "user": login.user, "defect": login.defect}}
            if login is not None
            else {}
        ),
    }


def _rows(headers: Headers) -> list[dict[str, str]]:
    return [{"name": name, "value": value} for name, value in headers]
