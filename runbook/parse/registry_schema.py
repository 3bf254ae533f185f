"""The shape of the registry's configuration: its fields and their types.

From configuration/configuration.go of distribution 2.8 and 3.1. A structure knows its fields; below
`storage` and `auth` (and in options of middleware) anything goes, and those who read it check it later.
"""

from dataclasses import dataclass, field
from typing import Any

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
