"""Apache: directives line by line, and sections in angle brackets."""

import re
from collections.abc import Iterator

from runbook.redact.harmless import plain, shown_header, shown_variable
from runbook.redact.lines.arguments import Span, is_argument, is_name, is_pattern, is_prose, is_target
from runbook.redact.lines.comments import comment
from runbook.redact.lines.rows import lines_of, words_of

_APACHE = frozenset(
    """servername serveralias serveradmin serverroot documentroot listen loadmodule include includeoptional proxypass proxypassmatch proxypassreverse proxypreservehost proxyrequests proxytimeout proxyvia proxyaddheaders proxyset
    proxybadheader proxyerroroverride timeout keepalive keepalivetimeout maxkeepaliverequests limitrequestbody limitrequestfieldsize limitrequestline allowencodedslashes authtype authuserfile authgroupfile authbasicprovider authmerging satisfy require
    requireall requireany requirenone order allow deny options allowoverride directoryindex errorlog customlog loglevel logformat rewriteengine rewriterule rewritecond rewritebase rewriteoptions sslengine sslcertificatefile sslcertificatekeyfile
    sslcertificatechainfile sslcacertificatefile sslprotocol sslciphersuite sslhonorcipherorder sslproxyengine sslproxyverify sslproxycheckpeername sslproxycheckpeercn sslproxycheckpeerexpire sslproxycacertificatefile sslsessioncache ssluststapling
    sslverifyclient cgipassauth usecanonicalname usecanonicalphysicalport servertokens serversignature traceenable setoutputfilter addtype addhandler sethandler alias scriptalias redirect redirectmatch redirectpermanent ifmodule ifdefine location
    locationmatch directory files filesmatch virtualhost proxy proxymatch limit limitexcept user group mutex pidfile maxrequestworkers startservers threadsperchild protocols h2direct requestreadtimeout headers authnprovideralias substitute unset
    proxyiobuffersize proxyreceivebuffersize balancermember""".split()
)  # fmt: skip


def apache(text: str) -> Iterator[Span]:
    """Spans of what is hidden in an Apache configuration."""
    for line, start in lines_of(text, joins=True):
        if line.lstrip().startswith("#"):
            yield from comment(text, start, start + len(line))
            continue
        words = [w for w in words_of(line, start) if w[0] != "\\"]
        if words:
            shown = _apache_shown([w[0] for w in words])
            yield from ((a, b) for (_, a, b), ok in zip(words, shown, strict=True) if not ok)


def _apache_shown(words: list[str]) -> list[bool]:
    name, rest = words[0].strip("</>").lower(), words[1:]
    first = re.fullmatch(r"</?[A-Za-z]\w{0,60}>?|[A-Za-z]\w{0,60}", words[0]) is not None
    if name in ("requestheader", "header"):
        return [first, *_apache_header(rest)]
    if name in ("setenv", "define", "setenvif", "setenvifnocase", "passenv"):
        if name in ("setenv", "define") and len(rest) > 1:
            ok = shown_variable(rest[0], " ".join(rest[1:])) == " ".join(rest[1:])
            return [first, is_name(rest[0]), *([ok] * (len(rest) - 1))]
        harmless = bool(rest) and rest[0].lower() in (
            "authorization",
            "host",
            "origin",
            "request_uri",
            "request_method",
            "remote_addr",
            "user-agent",
            "x-forwarded-proto",
        )
        return [
            first,
            *(is_name(w) or (harmless and is_pattern(w)) for w in rest[:1]),
            *(harmless and is_pattern(w) for w in rest[1:]),
        ]
    if name == "authname":
        return [first, *(is_prose(w) for w in rest)]
    if name in ("rewritecond", "require") or name.startswith("rewrite"):
        return [
            first,
            *(
                (w.startswith("%{") and is_argument(w))
                or is_pattern(w)
                or (name != "rewritecond" and name != "require" and is_target(w))
                or w.startswith("[")
                for w in rest
            ),
        ]
    if name == "customlog":
        return [first, *(not w.startswith("|") and is_argument(w) for w in rest)]
    if name == "proxyset":
        return [first, *(not re.match(r"(?i)secret", w) and is_argument(w) for w in rest)]
    return [first, *(name in _APACHE and is_argument(w) for w in rest)]


def _apache_header(rest: list[str]) -> list[bool]:
    """`[always] set Name "value" [env=…|expr=…]`."""
    shown, at = [], 0
    while at < len(rest) and rest[at].lower() in ("always", "onsuccess", "early"):
        at += 1
    shown = [True] * at
    if at >= len(rest):
        return shown
    shown.append(re.fullmatch(r"[a-z]{2,12}\*?", rest[at], re.IGNORECASE) is not None)
    if at + 1 < len(rest):
        name = rest[at + 1]
        shown.append(is_name(name))
        values = rest[at + 2 :]
        ok = shown_header(name, values[0]) == values[0] if values else True
        shown += [ok and plain(v) == v for v in values[:1]] + [
            is_argument(v) and v.startswith(("env=", "expr=", "early")) for v in values[1:]
        ]
    return shown
