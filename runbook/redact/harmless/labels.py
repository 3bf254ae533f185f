"""Labels and commands of containers."""

from runbook.lazy import re
from runbook.redact.harmless.base import SWITCH, is_odd, is_reference, is_secret_name, plain
from runbook.redact.harmless.headers import shown_header
from runbook.redact.prose import mask_patterns
from runbook.redact.text import MASK
from runbook.redact.words import only_known

_TRAEFIK = re.compile(
    r"(?i)traefik\.(?:enable|docker\.(?:network|lbswarm)|frontend\.(?:rule|entrypoints|passhostheader|priority)|port|protocol|backend|tags|constraint-label|network"
    r"|(?:http|tcp|udp)\.(?:routers\.[^.]+\.(?:rule|rulesyntax|entrypoints|service|middlewares|priority|tls(?:\.[a-z\d\[\].]+)?)|services\.[^.]+\.loadbalancer\.[a-z.]+"
    r"|middlewares\.[^.]+\.(?:stripprefix|stripprefixregex|addprefix|replacepath|replacepathregex|redirectscheme|redirectregex|chain|buffering|compress|retry|ratelimit|inflightreq|ipallowlist|ipwhitelist|contenttype|circuitbreaker|errors)\.?[a-z.\d\[\]]*"
    r"|middlewares\.[^.]+\.(?:basicauth|digestauth)\.(?:usersfile|realm|removeheader|headerfield)|middlewares\.[^.]+\.forwardauth\.(?:address|trustforwardheader|authresponseheaders(?:regex)?|authrequestheaders)"
    r"|middlewares\.[^.]+\.headers\.(?!custom)[a-z]+))(?:\[\d+\])?"
)
_TRAEFIK_HEADER = re.compile(r"(?i)traefik\.(?:[\w-]+\.){1,6}custom(?:request|response)headers\.([\w-]+)")
_TRAEFIK_USERS = re.compile(
    r"(?i)traefik\.(?:[\w@-]+\.){1,6}(?:basicauth|digestauth|auth\.basic)\.?(?:users)?(?:\[\d+\])?"
)
_COMPOSE_LABELS = re.compile(
    r"com\.docker\.compose\.[a-z._-]+|org\.opencontainers\.image\.(?:version|title|source|url|created|revision)"
)


def shown_label(name: str, value: str) -> str:
    """What is shown of a container's label."""
    bare = value.strip()
    if SWITCH.fullmatch(bare) or is_reference(bare):
        return value
    if found := _TRAEFIK_HEADER.fullmatch(name):
        return shown_header(found[1], value)
    if _TRAEFIK_USERS.fullmatch(name):
        return shown_users(value)
    if _TRAEFIK.fullmatch(name) or _COMPOSE_LABELS.fullmatch(name):
        return plain(value)
    return MASK


def shown_users(value: str) -> str:
    """Of `user:hash,user:hash` the users, and the beginning of a hash that names its scheme."""
    rows = [row.partition(":") for row in plain(value).split(",")]
    return ",".join(
        f"{user}{colon}{rest if MASK in rest or not rest or is_reference(rest) else MASK}" for user, colon, rest in rows
    )


_WORD = re.compile(r"-{0,2}[A-Za-z][\w.-]{0,60}")
_OPTION = re.compile(r"(--?[A-Za-z][\w.-]{0,80})=(.{0,1000})", re.DOTALL)
_FILE_NAME = re.compile(
    r"(?:\.{0,2}/)?(?:[\w.@+-]{1,60}/){0,10}[\w.@+-]{0,60}\.(?:ya?ml|conf|cfg|json|toml|pem|crt|key|sh|env|log|ini|template)|/(?:[\w.@+-]{1,60}/?){0,10}"
)


def shown_word(word: str, names: "tuple[str, ...] | frozenset[str]" = ()) -> str:
    """What is shown of one word of a container's command."""
    if SWITCH.fullmatch(word) or is_reference(word) or word == MASK:
        return word
    if found := _OPTION.fullmatch(word):
        return found[0] if not is_secret_name(found[1]) and _is_plain_word(found[2], names) else f"{found[1]}={MASK}"
    if " " in word or "\n" in word:
        return (
            "".join(part if not part.strip() else shown_word(part, names) for part in re.split(r"(\s+)", word))
            if len(word) < 4000
            else MASK
        )
    return word if _is_plain_word(word, names) else MASK


def _is_plain_word(word: str, names: "tuple[str, ...] | frozenset[str]") -> bool:
    if word.startswith("-"):
        return _WORD.fullmatch(word) is not None and not is_odd(word)
    if _FILE_NAME.fullmatch(word) and not is_odd(word):
        return True
    return mask_patterns(word) == word and only_known(word, names) == word
