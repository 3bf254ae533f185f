"""A login on its way to a server: named by the vault's label, turned into a header only at the moment of sending."""

import base64
from dataclasses import dataclass

from runbook.model import ClientConfig, Credential
from runbook.redact import Vault, as_bytes
from runbook.urls import urlsplit


@dataclass(frozen=True, slots=True)
class Login:
    """A login that may be sent to one address; its password stays in the vault."""

    user: str
    label: str
    wrong: bool = False
    """Made up by us, to see whether passwords matter at all."""

    def header(self, vault: Vault) -> str:
        """The Authorization value."""
        pair = as_bytes(self.user) + b":" + vault.reveal(self.label)
        return "Basic " + base64.b64encode(pair).decode()

    @property
    def credential(self) -> Credential:
        """What evidence says of it."""
        return Credential(
            scheme="Basic", user=self.user, password=self.label, intent="wrong" if self.wrong else "given"
        )


def stored_login(config: ClientConfig, url: str, user: str | None) -> Login | None:
    """The login that docker stored for exactly this address: it is sent to no other."""
    wanted = _address(url)
    for login in config.logins:
        key = login.key if "://" in login.key else f"{urlsplit(url).scheme}://{login.key}"
        if _address(key) == wanted and login.user and login.password and user in (None, login.user):
            return Login(login.user, login.password)
    return None


def _address(url: str) -> tuple[str, int]:
    parts = urlsplit(url)
    return (parts.hostname or "").lower(), parts.port or (443 if parts.scheme == "https" else 80)
