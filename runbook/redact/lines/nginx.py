"""nginx: directives with words, ended by signs, in blocks."""

from collections.abc import Iterator

from runbook.lazy import re
from runbook.redact.harmless import is_reference, is_secret_name, shown_header
from runbook.redact.lines.arguments import Span, Word, is_argument, is_name, is_pattern, is_prose, is_target, span_of
from runbook.redact.lines.comments import comment
from runbook.redact.words import only_known

_NGINX = re.compile(
    r"(?P<blank>\s+)|(?P<comment>#[^\n]*)|(?P<end>[;{}])|(?P<word>\"(?:[^\"\\]|\\.)*\"?|'(?:[^'\\]|\\.)*'?|(?:[^\s;{}\"'\\]|\\.|\$\{[^}\s]*\})(?:[^\s;{}\\]|\\.|(?<=\$)\{[^}\s]*\})*|\\)",
    re.DOTALL,
)
_NGINX_ALL = frozenset(
    """listen server_name location root alias index try_files include upstream server user worker_processes worker_connections worker_rlimit_nofile worker_shutdown_timeout events http stream load_module pid daemon
    master_process multi_accept use client_max_body_size client_body_buffer_size client_body_timeout client_header_timeout client_header_buffer_size client_body_temp_path
    large_client_header_buffers chunked_transfer_encoding keepalive keepalive_timeout keepalive_requests keepalive_time sendfile tcp_nopush tcp_nodelay send_timeout resolver_timeout
    error_log access_log gzip gzip_types gzip_proxied gzip_vary gzip_comp_level gzip_min_length gzip_buffers gzip_disable gzip_http_version types types_hash_max_size default_type charset log_not_found server_tokens underscores_in_headers
    ignore_invalid_headers merge_slashes absolute_redirect port_in_redirect server_name_in_redirect server_names_hash_bucket_size server_names_hash_max_size variables_hash_max_size proxy_headers_hash_max_size
    proxy_headers_hash_bucket_size proxy_http_version proxy_buffering proxy_request_buffering proxy_buffers proxy_buffer_size proxy_busy_buffers_size proxy_max_temp_file_size proxy_temp_path proxy_temp_file_write_size
    proxy_read_timeout proxy_send_timeout proxy_connect_timeout proxy_redirect proxy_intercept_errors proxy_next_upstream proxy_next_upstream_tries proxy_next_upstream_timeout proxy_ssl_verify proxy_ssl_verify_depth
    proxy_ssl_name proxy_ssl_server_name proxy_ssl_protocols proxy_ssl_ciphers proxy_ssl_session_reuse proxy_ssl_certificate proxy_ssl_certificate_key proxy_ssl_trusted_certificate proxy_cache proxy_cache_path proxy_cache_valid proxy_cache_bypass
    proxy_no_cache proxy_ignore_client_abort proxy_ignore_headers proxy_hide_header proxy_pass_header proxy_pass_request_headers proxy_pass_request_body proxy_method proxy_bind proxy_socket_keepalive proxy_cookie_flags proxy_set_body
    ssl ssl_certificate ssl_certificate_key ssl_trusted_certificate ssl_client_certificate ssl_protocols ssl_ciphers ssl_prefer_server_ciphers ssl_session_cache ssl_session_timeout ssl_session_tickets ssl_dhparam ssl_ecdh_curve
    ssl_stapling ssl_stapling_verify ssl_verify_client ssl_verify_depth ssl_early_data ssl_buffer_size http2 http3 quic_retry resolver satisfy allow deny limit_except limit_req limit_req_zone limit_conn limit_conn_zone limit_rate
    limit_req_status auth_basic_user_file auth_request_set auth_delay expires etag add_trailer if_modified_since open_file_cache internal break recursive_error_pages error_page set_real_ip_from real_ip_header real_ip_recursive
    zone hash ip_hash least_conn random sticky health_check stub_status autoindex map geo split_clients map_hash_bucket_size map_hash_max_size more_clear_input_headers more_clear_headers proxy_protocol proxy_timeout ssl_preread mirror mirror_request_body
    post_action slice subrequest_output_buffer_size client_body_in_file_only client_body_in_single_buffer lingering_close lingering_time lingering_timeout reset_timedout_connection aio directio max_ranges disable_symlinks default hostnames volatile""".split()
)  # fmt: skip
_NGINX_HEADERS = frozenset(
    "proxy_set_header add_header more_set_headers more_set_input_headers grpc_set_header fastcgi_param_header".split()
)


def nginx(text: str) -> Iterator[Span]:
    """Spans of what is hidden in an nginx configuration."""
    directive: list[Word] = []
    depth: list[str] = []
    at = 0
    while at < len(text):
        found = _NGINX.match(text, at)
        if found is None:
            yield at, at + 1
            at += 1
            continue
        at = found.end()
        if found["comment"]:
            yield from comment(text, found.start(), found.end())
        elif found["word"]:
            directive.append(_unquoted(found["word"], found.start(), found.end()))
        elif found["end"]:
            yield from _nginx_directive(directive, depth[-1] if depth else "")
            if found["end"] == "{":
                name = directive[0].text if directive else ""
                depth.append(name)
                if name.endswith("_by_lua_block") or name in ("js_content", "perl"):
                    close = _closing(text, at)
                    yield at, close
                    at = close
            elif found["end"] == "}" and depth:
                depth.pop()
            directive = []
    yield from _nginx_directive(directive, depth[-1] if depth else "")


def _unquoted(raw: str, start: int, end: int) -> Word:
    if len(raw) > 1 and raw[0] in "\"'" and raw[-1] == raw[0]:
        return Word(raw[1:-1], start, end, quoted=True)
    return Word(raw, start, end)


def _closing(text: str, at: int) -> int:
    """Where a block of another language ends: at the brace that closes it."""
    depth = 1
    for match in re.finditer(r"[{}]", text[at:]):
        depth += 1 if match[0] == "{" else -1
        if depth == 0:
            return at + match.start()
    return len(text)


def _nginx_directive(words: list[Word], block: str) -> Iterator[Span]:
    if not words:
        return
    name, rest = words[0].text, words[1:]
    if block in ("map", "geo", "split_clients", "types") and name not in (
        "default",
        "include",
        "hostnames",
        "volatile",
    ):
        if block != "types":
            yield from (span_of(w) for w in words if not is_pattern(w.text))
        return
    if not re.fullmatch(r"[A-Za-z_][\w.-]{0,60}", name):
        yield span_of(words[0])
    yield from (
        span_of(word) for word, ok in zip(rest, _nginx_shown(name, [w.text for w in rest]), strict=True) if not ok
    )


def _nginx_shown(name: str, args: list[str]) -> list[bool]:
    """Which arguments of a directive are shown."""
    if name in _NGINX_HEADERS:
        if len(args) < 2:
            return [_is_header_line(arg) for arg in args]
        value = " ".join(args[1:-1] if args[-1] == "always" else args[1:])
        ok = shown_header(args[0], value) == value and is_name(args[0])
        return [is_name(args[0]), *([ok] * (len(args) - 1))]
    if name == "set" and len(args) == 2:
        return [True, _is_set(args[0], args[1])]
    if name == "if":
        return [_is_condition(arg) for arg in args]
    if name == "return":
        return [(re.match(r"\d{3}$|https?://|[/$@]", a) is not None and is_target(a)) or is_prose(a) for a in args]
    if name in ("rewrite", "proxy_pass", "auth_request", "grpc_pass", "fastcgi_pass", "uwsgi_pass"):
        return [is_target(arg) for arg in args]
    if name in ("auth_basic", "log_format"):
        return [is_prose(arg) for arg in args]
    if name == "proxy_cookie_path" or name == "proxy_cookie_domain":
        return [is_argument(arg) and ";" not in arg for arg in args]
    return [name in _NGINX_ALL and is_argument(arg) for arg in args]


def _is_set(name: str, value: str) -> bool:
    if is_secret_name(name):
        return value == "" or is_reference(value)
    return (
        bool(re.fullmatch(r"(?:https?://)?[\w.:\[\]-]{1,200}/?|(?:\$\w{1,60}|[/:.]){1,12}|\d{1,9}", value))
        and is_argument(value)
        and (
            is_reference(value)
            or "://" in value
            or ":" in value
            or value.isdigit()
            or "$" in value
            or only_known(value) == value
        )
    )


def _is_condition(text: str) -> bool:
    bare = text.strip("()").strip("\"'")
    return (
        bare in ("", "=", "!=", "~", "~*", "!~", "!~*", "-f", "!-f", "-e", "-d")
        or is_reference(bare)
        or is_pattern(bare)
    )


def _is_header_line(text: str) -> bool:
    name, _, value = text.partition(":")
    return is_name(name) and shown_header(name, value) == value
