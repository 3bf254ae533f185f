"""The shape of the registry's configuration and how Go's yaml.v2 fills it: what is taken, what is an error.

From configuration/configuration.go of distribution 2.8 and 3.1. A structure knows its fields; below
`storage` and `auth` (and in options of middleware) anything goes, and those who read it check it later.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from runbook.parse.yaml_nodes import Mapping, Node, Scalar, Sequence, plain_data

STRING, BOOL, INT, DURATION, ANY, LOGLEVEL, VERSION = "string", "bool", "int", "duration", "any", "loglevel", "version"


@dataclass(frozen=True, slots=True)
class Struct:
    """A structure: yaml name → type. `env` names the fields that variables call otherwise."""

    fields: dict[str, Any]
    env: dict[str, str] = field(default_factory=dict)

    def named(self, part: str) -> str | None:
        """The field that a variable's part means; parts are compared in capitals."""
        if part in self.env:
            return self.env[part]
        own = part.lower()
        return own if own in self.fields and part == own.upper() and own not in self.env.values() else None


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list."""

    item: Any


@dataclass(frozen=True, slots=True)
class MapOf:
    """A mapping with text as keys. `one`: what a type with a name of its own is called."""

    item: Any
    name: str = ""


class ImplicitMap(dict[str, Any]):
    """A mapping that variables made piece by piece: some checks take only one that came from YAML."""


PARAMETERS = MapOf(ANY, "configuration.Parameters")
STORAGE = MapOf(PARAMETERS, "configuration.Storage")
AUTH = MapOf(PARAMETERS, "configuration.Auth")
HEADERS = MapOf(ListOf(STRING), "http.Header")
STORAGE_OPTIONS = {
    2: ("maintenance", "cache", "delete", "redirect"),
    3: ("maintenance", "cache", "delete", "redirect", "tag"),
}


def _strings(*names: str) -> dict[str, Any]:
    return dict.fromkeys(names, STRING)


_LIST = ListOf(STRING)
_TLS2 = {
    **_strings("certificate", "key", "minimumtls"),
    "clientcas": _LIST,
    "ciphersuites": _LIST,
    "letsencrypt": Struct({**_strings("cachefile", "email"), "hosts": _LIST}),
}
_TLS3 = {
    **_TLS2,
    "clientauth": STRING,
    "letsencrypt": Struct({**_strings("cachefile", "email", "directoryurl"), "hosts": _LIST}),
}
_DEBUG = Struct({"addr": STRING, "prometheus": Struct({"enabled": BOOL, "path": STRING})})
_HTTP2 = {
    **_strings("addr", "net", "host", "prefix", "secret"),
    "relativeurls": BOOL,
    "draintimeout": DURATION,
    "tls": Struct(_TLS2),
    "headers": HEADERS,
    "debug": _DEBUG,
    "http2": Struct({"disabled": BOOL}),
}
_SMTP = Struct({**_strings("addr", "username", "password"), "insecure": BOOL})
_HOOK = Struct(
    {
        "disabled": BOOL,
        "type": STRING,
        "levels": _LIST,
        "options": Struct({"smtp": _SMTP, "from": STRING, "to": _LIST}),
    },
    {"MAILOPTIONS": "options"},
)
_LOG = {
    "accesslog": Struct({"disabled": BOOL}),
    "level": LOGLEVEL,
    "formatter": STRING,
    "fields": MapOf(ANY),
    "hooks": ListOf(_HOOK),
}
_CHECK = {"interval": DURATION, "threshold": INT}
_HEALTH = Struct(
    {
        "file": ListOf(Struct({**_CHECK, "file": STRING})),
        "http": ListOf(Struct({**_CHECK, "timeout": DURATION, "statuscode": INT, "uri": STRING, "headers": HEADERS})),
        "tcp": ListOf(Struct({**_CHECK, "timeout": DURATION, "addr": STRING})),
        "storagedriver": Struct({**_CHECK, "enabled": BOOL}),
    },
    {"FILECHECKERS": "file", "HTTPCHECKERS": "http", "TCPCHECKERS": "tcp"},
)
_ENDPOINT = Struct(
    {
        **_strings("name", "url"),
        "disabled": BOOL,
        "headers": HEADERS,
        "timeout": DURATION,
        "threshold": INT,
        "backoff": DURATION,
        "ignoredmediatypes": _LIST,
        "ignore": Struct({"mediatypes": _LIST, "actions": _LIST}),
    }
)
_URLS = Struct({"allow": _LIST, "deny": _LIST})
_VALIDATION = {"enabled": BOOL, "disabled": BOOL, "manifests": Struct({"urls": _URLS})}
_INDEXES = Struct(
    {"platforms": STRING, "platformlist": ListOf(Struct(_strings("architecture", "os")))},
)
_COMMON: dict[str, Any] = {
    "version": VERSION,
    "loglevel": LOGLEVEL,
    "storage": STORAGE,
    "auth": AUTH,
    "middleware": MapOf(ListOf(Struct({"name": STRING, "disabled": BOOL, "options": PARAMETERS}))),
    "notifications": Struct(
        {"events": Struct({"includereferences": BOOL}), "endpoints": ListOf(_ENDPOINT)}, {"EVENTCONFIG": "events"}
    ),
    "health": _HEALTH,
    "catalog": Struct({"maxentries": INT}),
    "policy": Struct({"repository": Struct({"classes": _LIST})}),
}
_REDIS_TIMES = dict.fromkeys(("dialtimeout", "readtimeout", "writetimeout"), DURATION)
SCHEMA: dict[int, Struct] = {
    2: Struct(
        {
            **_COMMON,
            "log": Struct(_LOG),
            "http": Struct(_HTTP2),
            "reporting": Struct(
                {
                    "bugsnag": Struct(_strings("apikey", "releasestage", "endpoint")),
                    "newrelic": Struct({**_strings("licensekey", "name"), "verbose": BOOL}),
                }
            ),
            "redis": Struct(
                {
                    **_strings("addr", "password"),
                    "db": INT,
                    **_REDIS_TIMES,
                    "pool": Struct({"maxidle": INT, "maxactive": INT, "idletimeout": DURATION}),
                }
            ),
            "proxy": Struct(_strings("remoteurl", "username", "password")),
            "compatibility": Struct(
                {"schema1": Struct({"signingkeyfile": STRING, "enabled": BOOL}, {"TRUSTKEY": "signingkeyfile"})}
            ),
            "validation": Struct(_VALIDATION),
        }
    ),
    3: Struct(
        {
            **_COMMON,
            "log": Struct({**_LOG, "reportcaller": BOOL}),
            "http": Struct({**_HTTP2, "tls": Struct(_TLS3), "h2c": Struct({"enabled": BOOL})}),
            "redis": Struct(
                {
                    "addrs": _LIST,
                    **_strings(
                        "clientname", "username", "password", "sentinelusername", "sentinelpassword", "mastername"
                    ),
                    **_strings("identitysuffix"),
                    **dict.fromkeys(
                        "db protocol maxretries poolsize minidleconns maxidleconns maxactiveconns maxredirects".split(),
                        INT,
                    ),
                    **_REDIS_TIMES,
                    **dict.fromkeys(
                        "minretrybackoff maxretrybackoff pooltimeout connmaxidletime connmaxlifetime".split(), DURATION
                    ),
                    **dict.fromkeys(
                        "contexttimeoutenabled poolfifo readonly routebylatency routerandomly disableidentity "
                        "unstableresp3".split(),
                        BOOL,
                    ),
                    "tls": Struct({**_strings("certificate", "key"), "rootcas": _LIST}),
                }
            ),
            "tags": Struct({"maxtags": INT}),
            "proxy": Struct(
                {
                    **_strings("remoteurl", "username", "password"),
                    "exec": Struct({"command": STRING, "lifetime": DURATION}),
                    "ttl": DURATION,
                    "cachewritetimeout": DURATION,
                }
            ),
            "validation": Struct(
                {**_VALIDATION, "manifests": Struct({"urls": _URLS, "indexes": _INDEXES})},
            ),
        }
    ),
}

_DURATION = re.compile(
    r"[-+]?(?:0|(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h)(?:(?:\d+(?:\.\d*)?|\.\d+)(?:ns|us|µs|μs|ms|s|m|h))*)\Z"
)
LEVELS = ("error", "warn", "info", "debug")


@dataclass(slots=True)
class Errors:
    """What does not fit, as yaml.v2 words it: (line, message)."""

    found: list[tuple[int, str]] = field(default_factory=list)

    def add(self, node: Node, kind: str) -> None:
        tag, text = "!!map", ""
        if isinstance(node, Sequence):
            tag = "!!seq"
        elif isinstance(node, Scalar):
            value = node.value("v2")
            tags = {bool: "!!bool", int: "!!int", float: "!!float", str: "!!str", type(None): "!!null"}
            tag, text = tags[type(value)], " a value" if len(node.text) > 40 else f" `{node.text[:10]}`"
        self.found.append((node.place.line or 0, f"cannot unmarshal {tag}{text} into {kind}"))


def zero(kind: Any) -> Any:
    """What stands in a field to which nothing was given."""
    if isinstance(kind, Struct):
        return {name: zero(item) for name, item in kind.fields.items()}
    return None


def is_duration(text: str) -> bool:
    """Whether Go's time.ParseDuration takes it."""
    return bool(_DURATION.match(text))


def decode(node: Node, kind: Any, errors: Errors) -> Any:
    """The value of a node for a field of that type. What does not fit is noted and left out."""
    if isinstance(node, Scalar) and node.is_null:
        return zero(kind)
    if kind is AUTH or kind is STORAGE:
        return _named_section(node, kind, errors)
    if isinstance(kind, Struct):
        return _struct(node, kind, errors)
    if isinstance(kind, MapOf):
        return _map(node, kind, errors)
    if isinstance(kind, ListOf):
        if not isinstance(node, Sequence):
            errors.add(node, type_name(kind))
            return None
        return [decode(item, kind.item, errors) for item in node.items]
    if kind == ANY:
        return plain_data(node, "v2")
    return _scalar(node, kind, errors)


def _struct(node: Node, kind: Struct, errors: Errors) -> Any:
    value = zero(kind)
    if not isinstance(node, Mapping):
        errors.add(node, "configuration.Configuration")
        return value
    for key, item in node.pairs:
        if key.text in kind.fields:
            value[key.text] = decode(item, kind.fields[key.text], errors)
    return value


def _map(node: Node, kind: MapOf, errors: Errors) -> Any:
    if not isinstance(node, Mapping):
        errors.add(node, type_name(kind))
        return None
    return {key.text: decode(item, kind.item, errors) for key, item in node.pairs}


def _named_section(node: Node, kind: MapOf, errors: Errors) -> Any:
    """auth and storage: a mapping of types, or the bare name of one."""
    attempt = Errors()
    value = _map(node, kind, attempt)
    if attempt.found:
        if isinstance(node, Scalar):
            return {node.text: {}}
        errors.found += attempt.found
        return None
    types = [k for k in value if kind is AUTH or k not in STORAGE_OPTIONS[3]]
    if len(types) > 1:
        what = "type" if kind is AUTH else "storage type"
        errors.found.append((node.place.line or 0, f"must provide exactly one {what}. Provided: {sorted(types)}"))
    return value


def _scalar(node: Node, kind: str, errors: Errors) -> Any:
    value = node.value("v2") if isinstance(node, Scalar) else None
    if not isinstance(node, Scalar):
        errors.add(node, kind)
    elif kind == STRING:
        return node.text
    elif kind == BOOL and isinstance(value, bool):
        return value
    elif kind in (INT, DURATION) and isinstance(value, (int, float)) and not isinstance(value, bool):
        return int(value)
    elif kind == DURATION and isinstance(value, str) and is_duration(value):
        return value
    elif kind == LOGLEVEL:
        if node.text.lower() not in LEVELS:
            errors.found.append(
                (node.place.line or 0, f"invalid loglevel {node.text[:20]}: one of {', '.join(LEVELS)}")
            )
        return node.text.lower()
    elif kind == VERSION:
        if not re.fullmatch(r"\d+\.\d+", node.text):
            errors.found.append((node.place.line or 0, "version must be of the form X.Y"))
        return node.text
    else:
        errors.add(node, {DURATION: "time.Duration"}.get(kind, kind))
    return None


def type_name(kind: Any) -> str:
    """What Go calls a type."""
    if isinstance(kind, ListOf):
        return f"[]{type_name(kind.item)}"
    if isinstance(kind, MapOf):
        return kind.name or f"map[string]{type_name(kind.item)}"
    return "struct" if isinstance(kind, Struct) else {ANY: "interface {}"}.get(kind, str(kind))
