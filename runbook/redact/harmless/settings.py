"""The registry's settings by their dotted names."""

from typing import Any

from runbook.lazy import re
from runbook.redact.harmless.base import SWITCH, host_only, is_reference, plain, shown_realm
from runbook.redact.harmless.headers import shown_header
from runbook.redact.text import MASK

_DRIVER = (
    "rootdirectory|bucket|region|regionendpoint|endpoint|container|realm|encrypt|secure|v4auth|skipverify|chunksize|multipart[a-z]+|storageclass|forcepathstyle|accelerate"
    "|loglevel|internal|authurl|authversion|endpointtype|tenant|domain|tenantdomain|insecureskipverify|objectacl|maxthreads|maxrequestspersecond|logs3apirequests|usedualstack"
    "|usefipsendpoint|credentials\\.type|rootdir|maxconcurrency|prefix|accountname|container|virtualhostedstyle"
)
SETTINGS = re.compile(
    r"version|loglevel|auth|storage|log\.(?:level|formatter|reportcaller|accesslog\.disabled|hooks\.(?:type|disabled|levels|options\.(?:from|to|smtp\.(?:addr|username|insecure)))|fields\.(?:service|environment|source))"
    r"|storage\.(?:delete|redirect|cache|maintenance|tag|filesystem|inmemory)(?:\.(?!token)[a-z]+){0,3}|storage\.[a-z0-9]+\.(?:"
    + _DRIVER
    + r")"
    r"|auth\.htpasswd\.(?:realm|path)|auth\.token\.(?:realm|service|issuer|rootcertbundle|autoredirect|autoredirectpath|jwks|signingalgorithms)|auth\.silly\.(?:realm|service)"
    r"|http\.(?:addr|net|prefix|host|relativeurls|draintimeout|tls\.[a-z.]+|debug\.(?:addr|prometheus\.(?:enabled|path))|http2\.disabled|h2c\.enabled)"
    r"|notifications\.events\.[a-z]+|notifications\.endpoints\.(?:name|disabled|timeout|threshold|backoff|ignoredmediatypes|ignore\.(?:mediatypes|actions))"
    r"|health\.(?:storagedriver|file|tcp)\.[a-z]+|health\.http\.(?:interval|threshold|timeout|statuscode)|proxy\.(?:remoteurl|username|ttl|cachewritetimeout|exec\.lifetime)"
    r"|redis\.(?:addrs?|db|username|clientname|mastername|protocol|[a-z]+timeout|max[a-z]+|min[a-z]+|pool(?:size|fifo|\.[a-z]+)|readonly|routebylatency|routerandomly|tls\.[a-z]+)"
    r"|validation\.(?:enabled|disabled|manifests\.(?:urls\.(?:allow|deny)|indexes\.[a-z.]{1,30}))|catalog\.maxentries|policy\.repository\.classes|compatibility\.schema1\.(?:enabled|signingkeyfile)|tags\.maxtags|reporting\.(?:bugsnag\.(?:releasestage|endpoint)|newrelic\.(?:name|verbose))"
    r"|middleware\.[a-z]+\.(?:name|disabled|options\.(?:baseurl|duration|ipfilteredby|awsregion|updatefrequency|type))"
)
INDEX = re.compile(r"\.\d+(?=\.|$)")


def shown_setting(key: str, value: Any) -> Any:
    """What is shown of a setting of the registry ("http.addr"), whatever its type."""
    if isinstance(value, list):
        return [shown_setting(key, item) for item in value]
    if isinstance(value, dict):
        return {name: shown_setting(f"{key}.{name}", item) for name, item in value.items()}
    if value is None or isinstance(value, bool):
        return value
    key = INDEX.sub("", key)
    if found := re.match(r"(?:http|notifications\.endpoints|health\.http)\.headers\.(.+)", key):
        return shown_header(found[1], value) if isinstance(value, str) else value
    if key in ("notifications.endpoints.url", "health.http.uri"):
        return host_only(str(value))
    if SETTINGS.fullmatch(key.lower()):
        if key.endswith(".realm") and isinstance(value, str):
            return shown_realm(value)
        return plain(value) if isinstance(value, str) else value
    return value if isinstance(value, str) and (SWITCH.fullmatch(value) or is_reference(value)) else MASK
