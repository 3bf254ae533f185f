"""Docker's client files: config.json (and podman's and skopeo's auth files, the old .dockercfg), daemon.json.

A login is read as the docker command reads it: standard base64, cut at the first colon. The secrets go
into the vault.
"""

import base64
import binascii
import json
import re
from typing import Any

from runbook.model import ClientConfig, Place, StoredLogin
from runbook.parse import ParseError
from runbook.parse.left_out import is_blacked_out
from runbook.redact import Vault, as_bytes

MOST_LOGINS = 500
_PROXY_NAMES = {
    "httpProxy": "HTTP_PROXY",
    "httpsProxy": "HTTPS_PROXY",
    "http-proxy": "HTTP_PROXY",
    "https-proxy": "HTTPS_PROXY",
}


def parse_docker_config(text: str, file: str, vault: Vault) -> ClientConfig:
    """Read a config.json or a daemon.json; which one it is shows in what it says."""
    data = _load(text.removeprefix("\ufeff"), file)
    auths = data.get("auths")
    if auths is None and not _KNOWN & data.keys() and data and all(isinstance(v, dict) for v in data.values()):
        auths = data  # the old .dockercfg has the hosts at the top
    store = _text(data.get("credsStore")) or None
    helpers = {str(host): str(name) for host, name in mapping(data.get("credHelpers")).items()}
    places = _Places(text, file)
    logins = [
        _login(str(key), mapping(value), helpers.get(str(key)) or store, places, vault)
        for key, value in list(mapping(auths).items())[:MOST_LOGINS]
    ]
    logins += [
        StoredLogin(place=places.of(host), key=vault.mask(host, 300), kind="empty", helper=vault.mask(name, 100))
        for host, name in list(helpers.items())[:MOST_LOGINS]
        if host not in mapping(auths)
    ]
    insecure = data.get("insecure-registries")
    proxies, no_proxy = _proxies(data, vault)
    return ClientConfig(
        file=file,
        logins=tuple(logins),
        creds_store=vault.mask(store, 100) if store else None,
        cred_helpers={vault.mask(host, 300): vault.mask(name, 100) for host, name in helpers.items()},
        insecure_registries=tuple(vault.mask(str(name), 300) for name in insecure)
        if isinstance(insecure, list)
        else None,
        proxies=proxies,
        no_proxy=no_proxy,
    )


_KNOWN = {"auths", "credsStore", "credHelpers", "proxies", "insecure-registries", "HttpHeaders", "registry-mirrors"}


def _load(text: str, file: str) -> dict[str, Any]:
    try:
        data = json.loads(text) if text.strip() else {}
    except json.JSONDecodeError as error:
        raise ParseError(file, error.lineno, f"not valid JSON: {error.msg}") from None
    except RecursionError:
        raise ParseError(file, None, "nested too deeply") from None
    except ValueError:
        raise ParseError(file, None, "a number in it is too long") from None
    if not isinstance(data, dict):
        raise ParseError(file, 1, "an object in braces is expected")
    return data


def _login(key: str, entry: dict[str, Any], helper: str | None, places: "_Places", vault: Vault) -> StoredLogin:
    """One entry of `auths`; which helper is asked in its stead is noted beside it."""
    base: dict[str, Any] = {"place": places.of(key), "key": vault.mask(key, 300), "helper": helper}
    for name in ("identitytoken", "registrytoken"):
        if token := _text(entry.get(name)):
            vault.token(token)
            return StoredLogin(**base, kind="identity-token", user=_user(entry.get("username"), vault))
    if auth := _text(entry.get("auth")):
        user, password, defect = decode_login(auth, vault)
        return StoredLogin(**base, user=user, password=password, defect=defect)
    if _text(entry.get("username")) and isinstance(entry.get("password"), str):
        user = str(entry["username"])
        label = vault.password(entry["password"], user)
        return StoredLogin(**base, user=vault.mask(user, 300), password=label, defect=_odd(entry["password"]))
    return StoredLogin(**base, kind="empty")


def decode_login(auth: str, vault: Vault) -> tuple[str | None, str | None, str | None]:
    """User, label of the password and what is odd, as docker's decodeAuth sees it; nothing of what was blacked out."""
    if is_blacked_out(auth):
        vault.token(auth)
        return None, None, None
    try:
        text = base64.b64decode(re.sub(r"[\r\n]", "", auth), validate=True).decode("utf-8", "surrogateescape")
    except (binascii.Error, ValueError):
        vault.token(auth)
        return None, None, "not base64"
    vault.token(auth)
    user, colon, password = text.partition(":")
    if not colon or not user:
        vault.token(text.strip())
        return None, None, "no colon"
    password = password.strip("\0")
    shown = vault.mask(as_bytes(user).decode("utf-8", "backslashreplace"), 300)
    return shown, vault.password(password, user), _odd(password)


def _odd(password: str) -> str | None:
    if password.endswith(("\n", "\r")):
        return "trailing newline"
    return "password is a hash" if re.match(r"\$2[a-z]?\$\d\d\$|\$apr1\$|\{SHA\}", password) else None


def _proxies(data: dict[str, Any], vault: Vault) -> tuple[tuple[str, ...], str | None]:
    """Forward proxies of config.json (`proxies.default.httpProxy`) or daemon.json (`proxies.http-proxy`)."""
    section = mapping(data.get("proxies"))
    found, excepted = [], None
    for values in (section, *(v for v in section.values() if isinstance(v, dict))):
        for name, variable in _PROXY_NAMES.items():
            if address := _text(values.get(name)):
                found.append(f"{variable}={vault.mask(re.sub(r'//[^/@]*@', '//', address), 300)}")
        no_proxy = values.get("noProxy", values.get("no-proxy"))
        excepted = vault.mask(_text(no_proxy), 1000) if no_proxy is not None else excepted
    return tuple(dict.fromkeys(found)), excepted


def _user(value: object, vault: Vault) -> str | None:
    return vault.mask(value, 300) if isinstance(value, str) and value and value != "<token>" else None


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def mapping(value: object) -> dict[str, Any]:
    """A mapping as it is; of anything else nothing."""
    return value if isinstance(value, dict) else {}


class _Places:
    """Finds the line in which a key stands."""

    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self.lines: dict[str, int] = {}
        for number, line in enumerate(text.splitlines(), 1):
            for match in re.finditer(r'"([^"\\]{1,300})"\s*:', line[:5000]):
                self.lines.setdefault(match[1], number)

    def of(self, key: str) -> Place:
        """The first place of that key."""
        return Place(self.file, self.lines.get(key))
