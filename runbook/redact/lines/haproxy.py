"""HAProxy: sections of lines."""

from collections.abc import Iterator

from runbook.lazy import re
from runbook.redact.harmless import shown_header
from runbook.redact.lines.arguments import Span, is_argument, is_name, is_pattern, is_prose, is_target
from runbook.redact.lines.comments import comment
from runbook.redact.lines.rows import lines_of, words_of
from runbook.redact.words import known

_HAPROXY = frozenset(
    """global defaults frontend backend listen resolvers userlist peers cache mode maxconn balance timeout bind server default-server default_backend use_backend log log-format option daemon user group chroot nbthread
    description hash-type retries fullconn cookie stick stick-table monitor-uri compression errorfile ssl-default-bind-ciphers ssl-default-bind-options ssl-default-bind-ciphersuites ssl-default-server-options ca-base crt-base tune.ssl.default-dh-param
    tune.bufsize nameserver hold resolve_retries accepted_payload_size parse-resolv-conf http-reuse no enabled disabled monitor unique-id-format maxconnrate spread-checks pidfile redirect source id dispatch reqdel reqidel rspdel""".split()
)  # fmt: skip
_STATS = ("enable", "uri", "refresh", "socket", "timeout", "show-node", "hide-version", "admin")
_FETCHES = re.compile(
    r"(?:path(?:_beg|_end|_reg|_sub|_dir|_dom|_len)?|url(?:_beg|_end|_reg)?|method|src|dst|dst_port|hdr(?:_dom|_beg|_end|_reg|_cnt|_len)?\((?:host|origin|x-forwarded-[a-z]+)(?:,-?\d)?\)|req\.hdr(?:_cnt)?\((?:host|origin|authorization|x-forwarded-[a-z]+)\)|ssl_fc(?:_sni)?|http_auth(?:_group)?\(\w+\)|base(?:_beg|_reg)?|nbsrv\(\w+\)|var\(txn\.\w+\)|always_true|always_false|capture\.req\.method|http_first_req)",
    re.IGNORECASE,
)


def haproxy(text: str) -> Iterator[Span]:
    """Spans of what is hidden in an HAProxy configuration."""
    names = frozenset(re.findall(r"(?m)^[ \t]*acl[ \t]+([\w.-]{1,60})[ \t]", text))
    for line, start in lines_of(text):
        mark = re.search(r"(?:^|(?<=\s))#", line)
        body = line[: mark.start()] if mark else line
        if mark:
            yield from comment(text, start + mark.start(), start + len(line))
        words = words_of(body, start)
        if words:
            shown = _haproxy_shown([w[0] for w in words])
            yield from (
                (a, b) for (w, a, b), ok in zip(words, shown, strict=True) if not ok and w.lstrip("!") not in names
            )


def _haproxy_shown(words: list[str]) -> list[bool]:
    first, rest = words[0], words[1:]
    named = bool(re.fullmatch(r"[a-z][\w.-]{0,60}", first))
    if first in ("http-request", "http-response", "http-after-response", "http-check", "tcp-request"):
        return [True, *_haproxy_action(rest)]
    if first == "acl":
        return [True, *_haproxy_condition(rest)]
    if first == "stats":
        harmless = bool(rest) and rest[0] in _STATS
        return [True, *(n == 0 or (harmless and is_argument(word)) for n, word in enumerate(rest))]
    if first == "user" and "password" in "".join(rest):
        return [
            True,
            *(
                n != len(rest) - 1 and is_name(w) and (n == 0 or w in ("password", "insecure-password", "groups"))
                for n, w in enumerate(rest)
            ),
        ]
    if first == "option" and rest[:1] == ["httpchk"]:
        return [True, *(is_target(w) for w in rest)]
    if first == "cookie" and not any(re.fullmatch(r"dynamic.*", w) for w in rest):
        return [True, *(is_argument(w) for w in rest)]
    if first in ("use_backend", "redirect", "default_backend") and any(w in ("if", "unless") for w in rest):
        at = next(n for n, w in enumerate(rest) if w in ("if", "unless"))
        return [True, *(is_target(w) for w in rest[:at]), True, *_haproxy_condition(["", *rest[at + 1 :]])[1:]]
    return [named, *(first in _HAPROXY and is_argument(w) and not re.search(r"password|secret|key=", w) for w in rest)]


def _haproxy_action(rest: list[str]) -> list[bool]:
    if not rest:
        return []
    at = next((n for n, w in enumerate(rest) if w in ("if", "unless")), len(rest))
    action, body = rest[0], rest[1:at]
    tail = [True, *_haproxy_condition(["", *rest[at + 1 :]])[1:]] if at < len(rest) else []
    name_ok = re.fullmatch(r"[a-z][a-z-]{0,40}(?:\([\w.]{1,40}\))?", action) is not None
    if action in ("set-header", "add-header", "replace-header", "replace-value", "del-header") and body:
        value = " ".join(body[1:])
        ok = shown_header(body[0], value) == value and is_name(body[0])
        shown = [is_name(body[0]), *([ok] * (len(body) - 1))]
    elif action in ("send",):
        shown = [False] * len(body)
    elif action in (
        "deny",
        "redirect",
        "return",
        "set-path",
        "replace-path",
        "replace-uri",
        "set-uri",
        "set-method",
        "set-query",
        "auth",
        "allow",
        "reject",
        "use-service",
        "tarpit",
        "set-log-level",
        "capture",
        "track-sc0",
        "disable-l7-retry",
        "connect",
        "expect",
    ):
        shown = [
            is_prose(w)
            or (is_target(w) and known(w.split("/")[-1] or "a"))
            or bool(re.fullmatch(r"[%\[\](),\w./$\\1-]{1,100}", w) and ("%[" in w or "/" in w))
            for w in body
        ]
    else:
        shown = [False] * len(body)
    return [name_ok, *shown, *tail]


def _haproxy_condition(rest: list[str]) -> list[bool]:
    """`NAME fetch [flags] values`, and anonymous conditions in braces."""
    if not rest:
        return []
    harmless = [w for w in rest[1:] if _FETCHES.match(w)]
    shown = [True]
    for word in rest[1:]:
        sign = word in ("{", "}", "!", "||", "or", "if", "unless", "--") or bool(
            re.fullmatch(r"-[a-z]|!?[\w.-]{1,60}", word) and (word.startswith(("-", "!")) or known(word))
        )
        shown.append(sign or bool(_FETCHES.match(word)) or (bool(harmless) and is_argument(word)) or is_pattern(word))
    return shown
