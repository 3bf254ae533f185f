"""Caddy: directives with words, ended by lines, in blocks."""

from collections.abc import Iterator

from runbook.lazy import re
from runbook.redact.harmless import host_only, is_odd, shown_header
from runbook.redact.lines.arguments import Span, Word, is_argument, is_pattern, is_prose, is_site, is_target, span_of
from runbook.redact.lines.comments import comment

_CADDY = re.compile(
    r"(?P<line>\n)|(?P<blank>[^\S\n]+|\\\r?\n)|(?P<comment>#[^\n]*)|(?P<word>\"(?:[^\"\\]|\\.)*\"?|`[^`]*`?|[^\s\"`][^\s]*)",
    re.DOTALL,
)
_CADDY_ALL = frozenset(
    """reverse_proxy php_fastcgi handle handle_path handle_errors route uri rewrite root file_server encode tls_insecure_skip_verify tls_server_name tls_trusted_ca_certs import bind log output format level transport
    to lb_policy lb_try_duration lb_retries lb_try_interval health_uri health_port health_interval health_timeout health_status flush_interval buffer_requests buffer_responses header_timeout max_fails fail_duration fallback request_body
    max_size try_files strip_prefix strip_suffix replace path_regexp path host method not protocol remote_ip client_ip admin debug http_port https_port default_sni grace_period order servers timeouts read_body read_header write idle
    auto_https email local_certs on_demand_tls ask ca ca_root acme_ca versions read_timeout write_timeout dial_timeout response_header_timeout expect_continue_timeout keepalive keepalive_idle_conns compression max_conns_per_host
    read_buffer trusted_proxies dynamic resolvers name abort skip_log templates map vars_regexp copy_headers hide index browse precompressed gzip zstd minimum_length protocols ciphers curves alpn client_auth mode trusted_ca_cert_file
    roll_size roll_keep roll_keep_for storage_dir skip_install_trust header_up_x tls_client_auth""".split()
)  # fmt: skip
_CADDY_HEADERS = frozenset("header_up header_down header request_header".split())


def caddy(text: str) -> Iterator[Span]:
    """Spans of what is hidden in a Caddyfile."""
    line: list[Word] = []
    depth: list[str] = []
    for found in _CADDY.finditer(text):
        if found["comment"]:
            yield from comment(text, found.start(), found.end())
        elif found["word"]:
            raw = found["word"]
            quoted = len(raw) > 1 and raw[0] in '"`' and raw[-1] == raw[0]
            line.append(Word(raw[1:-1] if quoted else raw, found.start(), found.end(), quoted=quoted))
        elif found["line"]:
            yield from _caddy_line(line, depth)
            line = []
    yield from _caddy_line(line, depth)


def _caddy_line(words: list[Word], depth: list[str]) -> Iterator[Span]:
    opens = bool(words) and words[-1].text == "{" and not words[-1].quoted
    while words and words[0].text == "}":
        if depth:
            depth.pop()
        words = words[1:]
    shown = words[:-1] if opens else words
    if shown:
        yield from _caddy_directive(shown, depth)
    if opens:
        depth.append(shown[0].text if shown else "")


def _caddy_directive(words: list[Word], depth: list[str]) -> Iterator[Span]:
    name, args = words[0].text, [w.text for w in words[1:]]
    if not depth:
        yield from (span_of(w) for w in words if not is_site(w.text))  # a site's addresses, or a snippet's name
        return
    if not re.fullmatch(r"[@A-Za-z_/*.:(-][\w./:*@+()-]{0,120}", name) or is_odd(name):
        yield span_of(words[0])
    inside = depth[-1]
    if inside in ("basic_auth", "basicauth", "log_x", "vars"):
        yield from (span_of(w) for w in words[1:])
        return
    yield from (span_of(word) for word, ok in zip(words[1:], _caddy_shown(name, args), strict=True) if not ok)


def _caddy_shown(name: str, args: list[str]) -> list[bool]:
    if name.startswith("@"):
        return (
            [True, *_caddy_shown(args[0], args[1:])]
            if args and re.fullmatch(r"[a-z_]{1,30}", args[0])
            else [is_pattern(a) for a in args]
        )
    if name in _CADDY_HEADERS:
        matcher = args[:1] if args and args[0].startswith(("@", "/", "*")) else []
        rest = args[len(matcher) :]
        if not rest:
            return [True] * len(args)
        ok = len(rest) == 1 or shown_header(rest[0].lstrip("+-?>"), " ".join(rest[1:])) == " ".join(rest[1:])
        return [
            *([True] * len(matcher)),
            re.fullmatch(r"[+?>-]?[A-Za-z][\w-]{0,60}\*?", rest[0]) is not None,
            *([ok] * (len(rest) - 1)),
        ]
    if name in ("basic_auth", "basicauth", "forward_auth"):
        return [
            is_target(arg) and host_only(arg) == arg if "://" in arg else is_prose(arg) or is_site(arg) for arg in args
        ]
    if name == "tls":
        return [
            arg in ("internal", "off") or bool(re.fullmatch(r"[\w./@-]{1,200}\.(?:pem|crt|key|cer)", arg))
            for arg in args
        ]
    if name in ("respond", "redir", "error"):
        return [
            is_target(arg) if "/" in arg or arg.isdigit() or arg.startswith(("{", "@")) else is_prose(arg)
            for arg in args
        ]
    if name in ("header_regexp", "query", "expression"):
        return [is_pattern(arg) for arg in args]
    return [name in _CADDY_ALL and is_argument(arg) for arg in args]
