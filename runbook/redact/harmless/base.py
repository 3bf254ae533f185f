"""What every table asks: does a name speak of a secret, is a value a reference, does a text look drawn by chance?"""

from runbook.lazy import re
from runbook.redact.hashes import names_hash
from runbook.redact.prose import mask_patterns
from runbook.redact.text import MASK
from runbook.redact.urls import mask_urls
from runbook.redact.words import only_known

_SECRET = re.compile(
    r"(?i)(?:(?<!ht)(?<!proxy[_-])pass(?!ive|through|_url)|kennwort|passwort|pwd|(?:^|[^A-Za-z0-9])pw(?:$|[^A-Za-z0-9])|secret|token|(?<!dis)(?<!public)key(?!spaces?|board|cloak|id$)|credential|creds?(?:$|[_.-])|auth|cookie|signature|(?:^|[_.-])sig(?:$|[_.-])|session|jwt|salt|seed|license)"
)
REFERENCE = re.compile(
    r"(?:\$\{?[A-Za-z_]\w{0,80}(?::?-)?\}?|\{[$>]?[A-Za-z_][\w.>-]{0,80}(?::[\w-]{1,60})?\}|(?:expr=)?%\[[\w.(),-]{1,80}\]|%\{[\w:.-]{1,80}\}[sei]?)"
)
SWITCH = re.compile(r"(?i)(?:true|false|yes|no|on|off|none|null|always|enabled?|disabled?|0|1|~)?")
_PLAIN = re.compile(r"[^\x00-\x08\x0a-\x1f\x7f]{0,1000}")
PATH = re.compile(r"(?:~|\.{1,2}|[A-Za-z]:)?[/\\]?[\w.@%+ ${}-]{1,80}(?:[/\\][\w.@%+ ${}-]{0,80}){0,16}")
HOSTS = re.compile(r"[A-Za-z0-9_*\[\]](?:[\w.:*/,;\[\]${} -]{0,300})")
_RUN = re.compile(r"[A-Za-z0-9+/=_-]{10,}")


def is_secret_name(name: str) -> bool:
    """Whether a name says that what stands under it is a secret or part of one."""
    return _SECRET.search(name) is not None


def is_reference(value: str) -> bool:
    """Whether a value only names a variable."""
    return REFERENCE.fullmatch(value) is not None


def is_odd(text: str) -> bool:
    """Whether a text looks drawn by chance: letters and digits that hang together as in no name."""
    return any(_is_drawn(run) for run in _RUN.findall(text)) or names_hash(text)


def _is_drawn(run: str) -> bool:
    digits = sum(c.isdigit() for c in run)
    mixed = digits > 1 and any(c.islower() for c in run) and any(c.isupper() for c in run)
    return mixed or (len(run) >= 32 and digits > 3 and "-" not in run and "/" not in run)


def plain(value: str) -> str:
    """A value of a name that is known to be harmless: as it is, unless it looks like a secret all the same."""
    masked = mask_patterns(value)
    return masked if _PLAIN.fullmatch(masked) else MASK


def shown_realm(value: str) -> str:
    """A realm is shown to everybody who asks; one that speaks of a secret is shown by its words."""
    return only_known(plain(value)) if is_secret_name(value) and "://" not in value else plain(value)


def host_only(value: str) -> str:
    """An address of which nobody needs more than where it leads: its path is a secret for many services."""
    found = re.fullmatch(r"([a-zA-Z][\w+.-]{1,20}://)([^/?#\s@]{1,255})([/?#][^\s]{0,2000})?", mask_urls(value.strip()))
    if not found or found[2] == MASK:
        return MASK
    rest = found[3] or ""
    return value if only_known(rest) == rest and "=" not in rest else f"{found[1]}{found[2]}/{MASK}"
