"""What an Authorization value carries, told without showing it: for request headers and for injected ones.

Decoded as Go's net/http does it in the registry: the scheme in any case, standard base64 with its
padding, cut at the first colon. The secrets go into the vault; scheme, user and shape stay.
"""

import base64
import binascii
from typing import Literal

from runbook.lazy import re
from runbook.model import Credential
from runbook.parse.left_out import is_blacked_out, stands_in
from runbook.redact import MASK, Vault

_CLIENTS_OWN = re.compile(
    r"http_authorization|req(?:uest)?[._]?hdr\(authorization|(?:req|request)\.header\.authorization"
    r"|>authorization\}|http:authorization",
    re.IGNORECASE,
)
"""How nginx, HAProxy, Caddy and Apache name the header that the client sent."""
_VARIABLE = re.compile(r"\$\{?[A-Za-z_]|\{\$?[a-z_]|%[\[{(]|^expr=", re.IGNORECASE)
_HASH = re.compile(r"\$(?:2[abcxy]?|apr1|1|5|6|y|7|argon2[a-z]*)\$|\{SHA\}|\{SSHA\}")
_BASE64 = re.compile(r"[A-Za-z0-9+/]*={0,2}\Z")

WRONG = re.compile(r"(?i)wrong|falsch|invalid|bogus|nonsense|not-?the-?password|incorrect|^nope$")
"""How people call a password that is meant to be refused."""
_KINDS = {
    "password is a hash": "hash",
    "trailing newline": "newline",
    "not base64": "not base64",
    "no colon": "no colon",
    None: "cleartext",
}


def decode_basic(value: str, vault: Vault) -> Credential:
    """The credential of an Authorization header as the registry would read it; its secret goes into the vault."""
    scheme, _, rest = value.strip(" \t").partition(" ")
    rest = rest.strip(" \t")
    if scheme.lower() != "basic":
        if rest or len(scheme) > 12:
            vault.token(rest or scheme)
        return Credential(scheme=scheme if rest or (scheme.isalpha() and len(scheme) <= 12) else "other")
    text = _decoded(rest)
    if text is None:
        return _unreadable(rest, vault)
    vault_value(rest, vault)
    if ":" not in text:
        vault_value(text, vault)
        return Credential(scheme=scheme, defect="no colon")
    user, _, password = text.partition(":")
    label = vault.password(password, user)
    defect = None
    if _HASH.match(password):
        defect = "password is a hash"
        vault.hash(password.strip())
    elif password.endswith(("\n", "\r")):
        defect = "trailing newline"
    intent: Literal["wrong", "unknown"] = "wrong" if WRONG.search(password) else "unknown"
    return Credential(scheme=scheme, user=user, password=label, defect=defect, intent=intent)


def describe_authorization(value: str, vault: Vault) -> tuple[str, str | None, str | None, str | None]:
    """A configured Authorization value: (masked value, what is injected, user, the password's label).

    What is injected is one of the words of `HeaderEdit.injected`; None for an empty value. A value that
    a variable makes up at run time is "variable", unless that variable is the client's own header.
    """
    bare = value.strip().strip("\"'").strip()
    if not bare:
        return "", None, None, None
    scheme, _, rest = bare.partition(" ")
    rest = rest.strip()
    if _CLIENTS_OWN.search(bare):
        return vault.mask(bare), "client", None, None
    if scheme.lower() == "bearer":
        if not _VARIABLE.search(rest):
            vault_value(rest, vault)
            return f"{scheme} {MASK}", "bearer", None, None
        return vault.mask(bare), "bearer", None, None
    if scheme.lower() != "basic":
        return _other(bare, vault)
    if _VARIABLE.search(rest) and not _HASH.search(rest):
        return vault.mask(bare), "variable", None, None
    if is_blacked_out(rest) or stands_in(rest):
        vault_value(rest, vault)
        return f"{scheme} {MASK}", "hidden", None, None
    credential = decode_basic(bare, vault)
    return f"{scheme} {MASK}" if rest else scheme, _KINDS[credential.defect], credential.user, credential.password


def vault_value(value: str, vault: Vault) -> None:
    """Take an opaque secret in, and its trimmed form; the empty one is none."""
    for form in {value, value.strip()}:
        if form:
            vault.token(form)


def _other(bare: str, vault: Vault) -> tuple[str, str | None, str | None, str | None]:
    """No known scheme in front: a bare pair, a bare base64 value, a variable, or another scheme."""
    if not _VARIABLE.search(bare) and (is_blacked_out(bare) or stands_in(bare)):
        vault_value(bare, vault)
        return MASK, "hidden", None, None
    if _VARIABLE.search(bare) and not _HASH.search(bare):
        return vault.mask(bare), "variable", None, None
    scheme, _, rest = bare.partition(" ")
    if rest and re.fullmatch(r"[A-Za-z][\w-]{0,20}", scheme):
        vault_value(rest, vault)
        return f"{scheme} {MASK}", "other", None, None
    user, colon, password = (_decoded(bare) or bare).partition(":")
    vault_value(bare, vault)
    if not colon:
        return MASK, "other", None, None
    return MASK, "other", user, vault.password(password, user)


def _decoded(text: str) -> str | None:
    """The bytes behind standard base64, or None where Go refuses the value."""
    compact = text.replace("\r", "").replace("\n", "")
    if len(compact) % 4 or not _BASE64.match(compact):
        return None
    try:
        return base64.b64decode(compact).decode("utf-8", "surrogateescape")
    except (binascii.Error, ValueError):
        return None


def _unreadable(rest: str, vault: Vault) -> Credential:
    """A value that is no base64: often the pair in clear, whose password is a secret all the same."""
    vault_value(rest, vault)
    user, colon, password = rest.partition(":")
    if not colon or not password:
        return Credential(scheme="Basic", defect="not base64")
    if _HASH.match(password):
        vault.hash(password)
    return Credential(scheme="Basic", user=user, password=vault.password(password, user), defect="not base64")
