"""The token that a Bearer challenge asks for, fetched as docker does: at the realm, with the login that was given."""

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from runbook.collect.ask import PROBE, Question, answered
from runbook.collect.notes import is_readable_by_others
from runbook.collect.resolve import fails_to_resolve
from runbook.lazy import re
from runbook.model import Credential, Exchange, Place, Problem
from runbook.redact import Vault
from runbook.urls import urlsplit

if TYPE_CHECKING:
    import httpx

    from runbook.collect.logins import Login

_PARAMETER = re.compile(r'(\w{1,40})="([^"]{0,1000})"')


@dataclass(frozen=True, slots=True)
class Token:
    """A token on its way to the registry that asked for it; what it is stays in the vault."""

    user: str | None
    label: str
    wrong: bool = False

    def header(self, vault: Vault) -> str:
        """The Authorization value."""
        return f"Bearer {vault.reveal(self.label).decode('ascii')}"

    @property
    def credential(self) -> Credential:
        """What evidence says of it."""
        return Credential(scheme="Bearer", user=self.user, password=self.label, intent="given")


@dataclass(frozen=True, slots=True)
class Fetched:
    """What came of asking the token service."""

    exchange: Exchange
    token: Token | None = None
    problem: Problem | None = None


def asks_for_token(first: Exchange) -> str | None:
    """The realm of a Bearer challenge, as a URL; None for any other answer."""
    challenge = first.header("WWW-Authenticate") or ""
    if first.status != 401 or not challenge.lower().startswith("bearer"):
        return None
    realm = dict(_PARAMETER.findall(challenge)).get("realm", "")
    return realm if realm.startswith(("http://", "https://")) and urlsplit(realm).hostname else None


async def fetch(
    client: "httpx.AsyncClient", first: Exchange, login: "Login | None", vault: Vault, seconds: float, *, in_clear: bool
) -> Fetched:
    """Ask the realm for a token, with the login where it may go there. `in_clear`: the user allows plain http."""
    realm, parameters = asks_for_token(first) or "", dict(_PARAMETER.findall(first.header("WWW-Authenticate") or ""))
    parts, problem = urlsplit(realm), None
    if login is not None and is_readable_by_others(realm) and not in_clear:
        message = (
            f"The login was not sent to the token service {parts.netloc}: over plain http everybody on the way could read "
            "it. --insecure-http sends it all the same, as docker does."
        )
        problem, login = Problem(place=Place("probe"), message=message, kind="login-not-sent"), None
    if why := await fails_to_resolve(parts.hostname or "", seconds):
        gone = Exchange(source=PROBE, method="GET", url=realm, error="dns", detail=vault.mask(why, 300))
        return Fetched(gone, problem=problem)
    asked = {"service": parameters.get("service", "")} | ({"account": login.user} if login else {})
    path = f"{parts.path or '/'}?{urlencode(asked)}"
    question = Question("unknown", f"{parts.scheme}://{parts.netloc}", "GET", path, login)
    got = await answered(client, question, vault, seconds, secret=True)
    token = _token(got.whole) if got.exchange.status == 200 and login else None
    found = Token(login.user, vault.password(token)) if token and login else None
    return Fetched(got.exchange, found, problem)


def _token(body: bytes) -> str | None:
    """The token in a token service's answer."""
    try:
        data = json.loads(body)
    except (ValueError, RecursionError):
        return None
    found = (data.get("token") or data.get("access_token")) if isinstance(data, dict) else None
    return found if isinstance(found, str) and found.isascii() and found.isprintable() else None
