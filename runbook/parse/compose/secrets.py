"""Values of variables and labels made fit to be shown: secrets go into the vault, shape and user stay."""

from dataclasses import dataclass

from runbook.lazy import re
from runbook.model import EnvVar, Place
from runbook.parse import ParseError
from runbook.parse.credentials import describe_authorization
from runbook.parse.yaml_nodes import Mapping, Sequence, load_yaml
from runbook.redact import MASK, Vault, is_mask
from runbook.redact.harmless import is_secret_name as hints_at_secret
from runbook.redact.harmless import shown_label, shown_variable
from runbook.redact.hashes import hashes, starts_hash
from runbook.redact.words import known

_SECRET_NAME = re.compile(
    r"(?:PASSWORD|PASSWD|PASSWORT|PASSPHRASE|PASS|PWD|SECRET|SECRET_?KEY|ACCOUNT_?KEY|ACCESS_?KEY|API_?KEY"
    r"|(?:ACCESS|AUTH|API|IDENTITY|REFRESH|BOT)_?TOKEN|LICENSE_?KEY|CREDENTIALS?|HTPASSWD(?:_[A-Z]+)?"
    r"|BASIC_?AUTH(?:_USERS?)?|USERS)$",
    re.IGNORECASE,
)
_LOGIN_ONLY = re.compile(r"(?:HTPASSWD(?:_[A-Z]+)?|CREDENTIALS?|BASIC_?AUTH(?:_USERS?)?|USERS)$", re.IGNORECASE)
"""Names that hold a secret only when a pair stands there: HTPASSWD may be a path, USERS a number."""
_AUTHORIZATION = re.compile(r"(?:^|[_.\-])authorization$", re.IGNORECASE)
_SETTING = re.compile(r"^REGISTRY_AUTH(?:_HTPASSWD(?:_PATH|_REALM)?|_TOKEN_[A-Z]+)?$")
_USERINFO = re.compile(r"(?<![a-z0-9+.-])[a-z][a-z0-9+.-]{0,20}://([^\s/:@]{1,300}):([^\s/@]{1,1000})@", re.IGNORECASE)
_PAIR = re.compile(r"[\w.@-]{1,64}:[^\s/,:][^\s,:]{2,200}")
_PATH = re.compile(r"(?:/[a-z][\w.-]{1,40}){2,8}")
_SHORTEST = 6
"""Shorter values are too likely to be words."""
_HARMLESS = ("", "true", "false", "none", "null", "yes", "no", "0", "1")


def is_secret_name(name: str) -> bool:
    """Whether a variable of that name usually holds a secret."""
    return not _SETTING.match(name) and not name.upper().endswith("_FILE") and bool(_SECRET_NAME.search(name))


def learn_hashes(text: str, vault: Vault) -> None:
    """Take every password hash in a text into the vault, as written and with single dollars."""
    for found in hashes(text):
        vault.hash(found)
        vault.hash(found.replace("$$", "$"))


def learn_pieces(template: str, result: str, unset: tuple[str, ...] | list[str], vault: Vault) -> None:
    """A hash that lost parts: Compose's warning prints the lost part and the container gets the rest,
    so each piece is as secret as the whole."""
    learn_hashes(template, vault)
    for piece in (*unset, *re.split(r"[\s:'\"$,]+", result)):
        if len(piece) >= 8:
            vault.hash(piece)


def env_var(name: str, value: str | None, raw: str, place: Place, vault: Vault, *, damaged: bool = False) -> EnvVar:
    """A variable or label as evidence."""
    if value is None:
        return EnvVar(name=name, value=None, place=place)
    shown = masked(name, value, vault)
    written = masked(name, raw, vault).text if raw != value else shown.text
    if damaged:
        shown, written = _Shown(MASK), MASK
    return EnvVar(
        name=vault.mask(name, 300),
        value=shown.text,
        raw=written,
        place=place,
        secret=shown.secret,
        injected=shown.injected,
        user=shown.user,
        password=shown.password,
        unreadable=_as_yaml(value) if _is_text_for_the_registry(name) else "",
    )


_FIRST = {"[": "a list", "{": "a mapping", "*": "an alias", "&": "an anchor", "!": "a tag"}


def _is_text_for_the_registry(name: str) -> bool:
    """A secret that the registry reads as YAML and takes for text; the headers are lists, Allow-Credentials among them."""
    return (
        name.startswith("REGISTRY_") and not name.upper().startswith("REGISTRY_HTTP_HEADERS") and is_secret_name(name)
    )


def _as_yaml(value: str) -> str:
    """What YAML takes a secret for where it is not the text that is meant; "" where it is. The registry reads every
    REGISTRY_ variable as YAML. Nothing of the value is told but what it begins with."""
    if is_mask(value):
        return ""
    try:
        node = load_yaml(value, "", duplicates="last")
    except ParseError:
        return f"YAML takes it for {_FIRST.get(value[:1], 'no valid text')}"
    if isinstance(node, Mapping):
        return f"YAML takes it for {_FIRST.get(value[:1], 'a mapping (it holds a colon and a blank)')}"
    return "YAML takes it for a list" if isinstance(node, Sequence) else ""


@dataclass(frozen=True, slots=True)
class _Shown:
    text: str
    secret: str | None = None
    injected: str | None = None
    user: str | None = None
    password: str | None = None


def masked(name: str, value: str, vault: Vault) -> _Shown:
    """What may be shown of a value, and the labels of what may not."""
    if _AUTHORIZATION.search(name):
        text, injected, user, password = describe_authorization(value, vault)
        return _Shown(text, injected=injected, user=user, password=password)
    learn_hashes(value, vault)
    for user, password in _USERINFO.findall(value):
        vault.password(password, user)
    if value.strip().lower() in _HARMLESS:
        return _Shown(vault.mask(value))
    login = _LOGIN_ONLY.search(name)
    if (login and not _SETTING.match(name)) or ((login or hints_at_secret(name)) and _PAIR.fullmatch(value)):
        return _login(value, vault)
    if re.fullmatch(r"\$\{?\w+\}?", value):
        return _Shown(value)
    if is_secret_name(name) and not _PATH.fullmatch(value):
        return _Shown(MASK, secret=vault.password(value))
    shown = (shown_label if "." in name else shown_variable)(name, value)
    if shown == value:
        return _Shown(vault.mask(value))
    if hints_at_secret(name) and len(value) >= _SHORTEST and not known(value):
        return _Shown(vault.mask(shown), secret=vault.password(value))
    return _Shown(vault.mask(value), secret=vault.value(value))  # the last pass shows nothing of it


def _login(value: str, vault: Vault) -> _Shown:
    """ "user:password" or "user:hash"; anything else is shown."""
    user, colon, rest = value.partition(":")
    if not colon or not rest or "/" in user or rest.startswith("//"):
        return _Shown(vault.mask(value))
    if starts_hash(rest):
        vault.hash(rest)
        return _Shown(vault.mask(value))
    return _Shown(f"{user}:{MASK}", secret=vault.password(rest, user), user=user)
