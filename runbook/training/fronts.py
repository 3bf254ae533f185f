"""The files of Caddy, HAProxy and Apache as the lab writes them, edited by a learner, read back into a description.

Those programs run for real, on the machine of whoever grades: of what a learner writes only what is understood here reaches
them, in words that cannot end a quote or a line. What is not understood is refused with its line.
"""

import shlex
from collections.abc import Callable
from functools import partial
from urllib.parse import urlsplit

from runbook.lab import LabError
from runbook.lab.plan import Plan, Proxy
from runbook.lazy import re
from runbook.parse import ParseError
from runbook.parse.caddy_tree import Line, caddy_trees
from runbook.parse.haproxy_sections import sections_of

_NAME = re.compile(r"[A-Za-z0-9-]{1,60}")
_VALUE = re.compile(r"[A-Za-z0-9 ,;:+/=.*_@-]{0,300}")
_UPSTREAM = re.compile(r"https?://[A-Za-z0-9._-]{1,100}(?::\d{1,5})?/?")
_HERE = ("localhost", "127.0.0.1")


def read_front(plan: Plan, data: bytes | None, file: str) -> None:
    """Put what the file says into the plan's proxy. `LabError` for what the lab does not know."""
    if data is None:
        raise LabError(f"there is no {file} any more; nothing was started")
    plan.proxy = Proxy(software=plan.proxy.software)
    plan.access = "proxy"
    try:
        _READERS[plan.proxy.software](plan.proxy, data.decode(), file)
    except UnicodeDecodeError:
        raise LabError(f"{file} is no UTF-8 text; nothing was started") from None
    except ParseError as error:
        raise LabError(f"{error}; nothing was started") from None
    _only_plain_words(plan, file)


def _only_plain_words(plan: Plan, file: str) -> None:
    proxy = plan.proxy
    names = [*proxy.request_headers, *proxy.hidden, *(name for name, _, _ in proxy.added)]
    values = [*proxy.request_headers.values(), *(value for _, value, _ in proxy.added)]
    values += [proxy.host] if proxy.host and not proxy.host.startswith("$") else []
    fits = all(_NAME.fullmatch(n) for n in names) and all(_VALUE.fullmatch(v) for v in values)
    if not fits or (proxy.upstream and not _UPSTREAM.fullmatch(proxy.upstream)):
        raise LabError(f"{file} has a name or a value with signs that the lab does not hand on; nothing was started")
    host = urlsplit(proxy.upstream or "").hostname
    if host and host not in (*_HERE, plan.registry) and not host.endswith(".invalid"):
        # Names of other machines stay unknown, as in the network of the containers: nothing is asked out there.
        proxy.upstream = (proxy.upstream or "").replace(host, f"{host}.invalid", 1)


def _unknown(file: str, line: int, what: str) -> LabError:
    return LabError(f"{file}:{line}: the lab does not know {what[:60]} in this form; nothing was started")


def _set(proxy: Proxy, name: str, value: str, hosts: dict[str, str]) -> None:
    if name.lower() == "host":
        proxy.host = hosts.get(value, value)
    else:
        proxy.request_headers[name] = value


# Caddy


def _caddy(proxy: Proxy, text: str, file: str) -> None:
    sites = [line for line in caddy_trees({file: text}).get(file, ()) if line.block is not None]
    if len(sites) != 1:
        raise LabError(f"{file} must have one site; nothing was started")
    for line in sites[0].block or ():
        _caddy_line(proxy, line)
    if proxy.host != "$http_host":  # the one is written with the other
        proxy.request_headers.pop("X-Forwarded-Host", None)


def _caddy_line(proxy: Proxy, line: Line) -> None:
    match line.name, line.args:
        case (("log" | "root" | "file_server"), _) if not line.block:
            pass
        case "header", (name, value):
            proxy.added.append((name, value, True))
        case "respond", ("/v2/", *_, "200"):
            proxy.open_ping = True
        case (("handle" | "handle_path"), ("/v2/*",)):
            for inner in line.block or ():
                _caddy_line(proxy, inner)
            if line.name == "handle_path" and proxy.upstream:
                proxy.upstream += "/"
        case "reverse_proxy", ("/v2/*", upstream) | (upstream,):
            proxy.upstream = upstream if "://" in upstream else f"http://{upstream}"
            for option in line.block or ():
                _caddy_option(proxy, option)
        case _:
            raise _unknown(line.file, line.line, " ".join(line.words))


def _caddy_option(proxy: Proxy, option: Line) -> None:
    match option.words:
        case "header_up", name if name.startswith("-"):
            proxy.request_headers[name[1:]] = ""
        case "header_up", name, value:
            _set(proxy, name, value, {"{host}": "$host", "{upstream_hostport}": "", "{hostport}": "$http_host"})
        case "header_down", name if name.startswith("-"):
            proxy.hidden.append(name[1:])
        case _:
            raise _unknown(option.file, option.line, " ".join(option.words))


# HAProxy

_ABOVE = ("log", "mode", "option", "timeout", "maxconn")
_TO_V2 = ("if", "{", "path_beg", "/v2/", "}")
_PING = ("if", "{", "path", "/v2/", "}")


def _haproxy(proxy: Proxy, text: str, file: str) -> None:
    sections = sections_of(text, file)
    if wrong := [
        line for s in sections if s.kind in ("global", "defaults") for line in s.lines if line.words[0] not in _ABOVE
    ]:
        raise _unknown(file, wrong[0].number, " ".join(wrong[0].words))
    fronts = [s for s in sections if s.kind == "frontend"]
    if len(fronts) != 1 or any(s.kind not in ("global", "defaults", "frontend", "backend") for s in sections):
        raise LabError(f"{file} must have one frontend and its backends; nothing was started")
    used = ""
    for line in fronts[0].lines:
        match line.words:
            case "use_backend", name, *rest if tuple(rest) in (_TO_V2, ("if", "{", "path_beg", "/v2", "}")):
                used = name
            case (("bind" | "default_backend" | "log" | "mode" | "option" | "timeout"), *_):
                pass
            case _:
                raise _unknown(file, line.number, " ".join(line.words))
    for section in sections:
        if section.kind == "backend" and section.name == used:
            for line in section.lines:
                if line.words[0] != "timeout":
                    _haproxy_line(proxy, line.words, partial(_unknown, file, line.number, " ".join(line.words)))


def _haproxy_line(proxy: Proxy, words: tuple[str, ...], unknown: Callable[[], LabError]) -> None:
    match words:
        case "http-request", "set-header", name, value:
            _set(proxy, name, value, {"%[req.hdr(host),field(1,:)]": "$host"})
        case "http-request", "del-header", name:
            proxy.request_headers[name] = ""
        case "http-request", "return", "status", "200", *rest if tuple(rest[-5:]) == _PING:
            proxy.open_ping = True
        case "http-request", "replace-path", "^/v2/(.*)", "/\\1":
            proxy.upstream = f"{proxy.upstream or ''}/"
        case "http-response", "del-header", name:
            proxy.hidden.append(name)
        case "http-response", "add-header", name, value:
            proxy.added.append((name, value, True))
        case "server", _, place, *options if set(options) <= {"ssl", "verify", "none", "check"}:
            proxy.upstream = f"http{'s' if 'ssl' in options else ''}://{place}{proxy.upstream or ''}"
        case _:
            raise unknown()


# Apache


def _apache(proxy: Proxy, text: str, file: str) -> None:
    proxy.host = None
    for number, row in enumerate(text.splitlines(), 1):
        line = row.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("<"):
            if not line.lower().startswith(("<virtualhost ", "</virtualhost>")):
                raise _unknown(file, number, line)
            continue
        try:
            words = shlex.split(line)
        except ValueError:
            raise _unknown(file, number, line) from None
        _apache_line(proxy, [words[0].lower(), *words[1:]], partial(_unknown, file, number, line))


def _apache_line(proxy: Proxy, words: list[str], unknown: Callable[[], LabError]) -> None:
    match words:
        case (("servername" | "documentroot" | "proxypassreverse" | "sslproxyengine" | "aliasmatch"), *_):
            pass
        case "proxypreservehost", value:
            proxy.host = "$http_host" if value.lower() == "on" and proxy.host is None else proxy.host
        case "proxypassmatch", "^/v2/$", "!":
            proxy.open_ping = True
        case "proxypass", ("/v2/" | "/v2"), target:
            proxy.upstream = target.removesuffix("/v2/").removesuffix("/v2")
        case "requestheader", "set", name, value:
            _set(proxy, name, value, {"expr=%{SERVER_NAME}": "$host"})
        case "requestheader", "unset", name:
            proxy.request_headers[name] = ""
        case ("header", "unset", name) | ("header", "always", "unset", name):
            proxy.hidden.append(name)
        case ("header", "set", name, value) | ("header", "always", "set", name, value):
            proxy.added.append((name, value, True))
        case _:
            raise unknown()


_READERS: dict[str, Callable[[Proxy, str, str], None]] = {"caddy": _caddy, "haproxy": _haproxy, "apache": _apache}
__all__ = ["read_front"]
