"""The curl transcripts of an incident as other clients would have printed them; all other files stay as they are."""

import base64
import json
import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from tests.rewrites.incidents import Files

TRANSCRIPTS: dict[str, Callable[[Files], Files | None]] = {}
LOSSY: set[str] = set()
Headers = list[tuple[str, str]]
_USUAL = ("user-agent", "accept", "authorization")
_REASONS = {
    200: "OK",
    201: "Created",
    202: "Accepted",
    204: "No Content",
    401: "Unauthorized",
    404: "Not Found",
    403: "Forbidden",
}


@dataclass
class Call:
    """One request of a transcript with its answer."""

    url: str
    method: str = "GET"
    user: str | None = None
    sent: Headers = field(default_factory=list)
    status: int = 0
    version: str = "1.1"
    reason: str = ""
    got: Headers = field(default_factory=list)
    body: list[str] = field(default_factory=list)

    @property
    def path(self) -> str:
        parts = urlsplit(self.url)
        return (parts.path or "/") + (f"?{parts.query}" if parts.query else "")

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc

    @property
    def login(self) -> tuple[str, str] | None:
        """User and password, where both are known."""
        user, colon, password = (self.user or "").partition(":")
        shown = colon and password and not re.search(r"[*$]|^x+$", password)
        own = next((v for n, v in self.sent if n.lower() == "authorization"), None)
        other = own and own != "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()
        return (user, password) if shown and not other else None

    @property
    def authorization(self) -> str | None:
        own = next((v for n, v in self.sent if n.lower() == "authorization"), None)
        if own or self.user is None:
            return own
        if self.login:
            return "Basic " + base64.b64encode(":".join(self.login).encode()).decode()
        return "Basic ***"

    @property
    def request_headers(self) -> Headers:
        """All headers that were sent, Authorization among them."""
        made = [(n, v) for n, v in self.sent if n.lower() != "authorization"]
        if not any(n.lower() == "host" for n, _ in made):
            made.insert(0, ("Host", self.host))
        return [*made, ("Authorization", self.authorization)] if self.authorization else made

    @property
    def first_line(self) -> str:
        return f"HTTP/{self.version} {self.status} {self.reason or _REASONS.get(self.status, '')}".rstrip()


def calls_of(text: str) -> list[Call] | None:
    """The calls of a transcript; None when anything in it is not understood here."""
    calls: list[Call] = []
    head = False
    for line in text.splitlines():
        if line.startswith("$ "):
            call = _command(line[2:])
            if call is None:
                return None
            calls.append(call)
            head = False
        elif not calls:
            return None
        elif sent := re.match(r"> ([A-Z]+) (\S+) HTTP/", line):
            if calls[-1].status or "://" not in calls[-1].url:
                return None
            calls[-1].method = sent[1]
        elif re.match(r"> [A-Za-z]", line):
            name, _, value = line[2:].partition(":")
            calls[-1].sent.append((name, value.strip()))
        elif status := re.match(r"(< )?HTTP/([\d.]+) (\d{3}) ?(.*)", line):
            if calls[-1].status:
                return None
            call = calls[-1]
            call.version, call.status, call.reason, head = status[2], int(status[3]), status[4].strip(), not status[1]
        elif re.match(r"< [A-Za-z]", line) or (head and re.match(r"[A-Za-z-]+: ?", line)):
            name, _, value = line.removeprefix("< ").partition(":")
            calls[-1].got.append((name, value.strip()))
        elif line.startswith(("*", ">", "<", "{ [", "} [")) or not line.strip():
            head = False
        elif not calls[-1].status or line.startswith("curl: ("):
            return None
        else:
            head = False
            calls[-1].body.append(line)
    return calls if calls and all(c.status for c in calls) else None


def _command(line: str) -> Call | None:
    try:
        words = shlex.split(line)
    except ValueError:
        return None
    if words[0] != "curl" or "|" in words:
        return None
    call = Call("")
    rest = iter(words[1:])
    for word in rest:
        if word == "-u":
            call.user = next(rest)
        elif word in ("-X", "--request"):
            call.method = next(rest)
        elif word in ("-H", "--header"):
            name, _, value = next(rest).partition(":")
            call.sent.append((name, value.strip()))
        elif re.fullmatch(r"-[vsSikL]+", word):
            continue
        elif "://" in word and not call.url and "@" not in word:
            call.url = word
        else:
            return None
    return call if call.url and "L" not in "".join(w for w in words if re.fullmatch(r"-[a-zA-Z]+", w)) else None


def form(
    *, lossy: bool = False, ending: str | None = None
) -> Callable[[Callable[[list[Call]], str]], Callable[[list[Call]], str]]:
    """Register a form that writes the calls of a transcript anew."""

    def register(render: Callable[[list[Call]], str]) -> Callable[[list[Call]], str]:
        def dressed(files: Files) -> Files | None:
            made: Files = {}
            changed = False
            for name, data in files.items():
                text = data.decode("utf-8", "replace")
                calls = calls_of(text) if "curl" in text[:4000] and name.endswith((".txt", ".md", ".curl")) else None
                if calls and all(_carries(render.__name__, call) for call in calls):
                    made[name if ending is None else name.rsplit(".", 1)[0] + ending] = render(calls).encode()
                    changed = True
                elif re.search(r"^[$>] curl|^< HTTP/|^HTTP/", text, re.MULTILINE):
                    return None
                else:
                    made[name] = data
            kept = {n: d for n, d in made.items() if d or (n in files and not files[n])}
            return kept if changed and kept else None

        TRANSCRIPTS[render.__name__] = dressed
        if lossy:
            LOSSY.add(render.__name__)
        return render

    return register


_PLAIN = ("ngrep_byline", "ngrep", "tcpdump", "without_prompts", "raw_requests", "trace", "trace_ascii", "python_debug")
_TYPED = ("none", "httpie_verbose", "httpie", "wget", "write_out")
"""Forms in which the command stands, and with it the user's name."""


def _carries(name: str, call: Call) -> bool:
    """Whether a form can say all that is known of the call."""
    secure = call.url.startswith("https://") and name in _PLAIN
    nameless = (
        call.user is not None and call.login is None and not any(n.lower() == "authorization" for n, _ in call.sent)
    )
    return not secure and not (nameless and name not in _TYPED)


@form(lossy=True)
def none(calls: list[Call]) -> str:
    return ""


def _head(call: Call) -> Iterator[str]:
    yield f"{call.method} {call.path} HTTP/1.1"
    yield from (f"{n}: {v}" for n, v in call.request_headers)


def _answer(call: Call) -> Iterator[str]:
    yield call.first_line
    yield from (f"{n}: {v}" for n, v in call.got)


def _pretty(body: list[str]) -> list[str]:
    try:
        return json.dumps(json.loads("\n".join(body)), indent=4).split("\n")
    except ValueError:
        return body


def _typed(call: Call, option: str) -> list[str]:
    """The login as it was typed; where another one was sent, that one as a header."""
    own = next((v for n, v in call.sent if n.lower() == "authorization"), None)
    if own and not call.login:
        return [f"Authorization:{own}"] if option == "-a" else ["-H", f"Authorization: {own}"]
    return [option, call.user] if call.user else []


def _http(call: Call, verbose: bool) -> str:
    login = _typed(call, "-a")
    words = ["http", *(["-v"] if verbose else []), *(login if login[:1] == ["-a"] else []), call.method, call.url]
    words += login if login[:1] != ["-a"] else []
    words += [f"{n}:{v}" for n, v in call.sent if (n, v) != ("Host", call.host) and n.lower() not in _USUAL]
    return "$ " + shlex.join(words)


@form()
def httpie_verbose(calls: list[Call]) -> str:
    rows: list[str] = []
    for call in calls:
        rows += [_http(call, True), *_head(call), "", "", "", *_answer(call), "", *_pretty(call.body), "", ""]
    return "\n".join(rows) + "\n"


@form()
def httpie(calls: list[Call]) -> str:
    rows: list[str] = []
    for call in calls:
        rows += [_http(call, False), *_answer(call), "", *_pretty(call.body), "", ""]
    return "\n".join(rows) + "\n"


@form()
def raw_requests(calls: list[Call]) -> str:
    rows: list[str] = []
    for call in calls:
        rows += [*_head(call), "", *_answer(call), "", *call.body, ""]
    return "\n".join(rows) + "\n"


@form(lossy=True)
def without_commands(calls: list[Call]) -> str:
    return "\n".join("\n".join([*_answer(c), "", *c.body, ""]) for c in calls) + "\n"


@form()
def without_prompts(calls: list[Call]) -> str:
    rows: list[str] = []
    for call in calls:
        rows += [f"> {row}" for row in _head(call)] + [">"]
        rows += [f"< {row}" for row in _answer(call)] + ["<", *call.body]
    return "\n".join(rows) + "\n"


@form()
def wget(calls: list[Call]) -> str:
    rows: list[str] = []
    for call in calls:
        words = ["wget", "-S", "-O-"]
        if call.user and ":" in call.user and _typed(call, "-u")[0] == "-u":
            user, _, password = call.user.partition(":")
            words += ["--auth-no-challenge", f"--user={user}", f"--password={password}"]
        elif call.authorization:
            words += [f"--header=Authorization: {call.authorization}"]
        words += [f"--header={n}: {v}" for n, v in call.sent if n == "Host" and v != call.host]
        if call.method != "GET":
            words.append(f"--method={call.method}")
        host = call.host.partition(":")[0]
        rows += [
            f"$ {shlex.join([*words, call.url])}",
            f"--2026-11-26 20:20:27--  {call.url}",
            f"Resolving {host} ({host})... 10.20.0.5",
            f"Connecting to {host} ({host})|10.20.0.5|:{call.host.partition(':')[2] or 80}... connected.",
            "HTTP request sent, awaiting response... ",
            *(f"  {row}" for row in _answer(call)),
        ]
        if call.status == 401:
            rows += ["", "Username/Password Authentication Failed."]
        else:
            rows += [f"Length: {sum(map(len, call.body))} [application/json]", "Saving to: ‘STDOUT’", "", *call.body]
        rows.append("")
    return "\n".join(rows) + "\n"


def _invoke(call: Call, more: str = "") -> str:
    headers = "".join(
        f'; "{n}" = "{v}"' for n, v in call.sent if (n, v) != ("Host", call.host) and n.lower() not in _USUAL
    )
    login = f'Authorization = "{call.authorization}"' if call.authorization else ""
    given = f" -Headers @{{{(login + headers).strip('; ')}}}" if login or headers else ""
    method = f" -Method {call.method.title()}" if call.method != "GET" else ""
    return f"PS C:\\registry> Invoke-WebRequest -Uri {call.url}{method}{given}{more}"


def _object(call: Call) -> list[str]:
    raw = list(_answer(call))
    listed = ", ".join(f"[{n}, {v}]" for n, v in call.got)
    return [
        "",
        f"StatusCode        : {call.status}",
        f"StatusDescription : {call.reason or _REASONS.get(call.status, '')}",
        f"Content           : {' '.join(call.body)}",
        f"RawContent        : {raw[0]}",
        *(" " * 20 + row for row in [*raw[1:], "", *call.body]),
        "Forms             : {}",
        f"Headers           : {{{listed}}}",
        "Links             : {}",
        f"RawContentLength  : {sum(map(len, call.body))}",
        "",
        "",
    ]


@form(lossy=True)
def powershell(calls: list[Call]) -> str:
    rows: list[str] = []
    for call in calls:
        rows.append(_invoke(call, " -UseBasicParsing"))
        if call.status < 400:
            rows += _object(call)
        else:
            reason = call.reason or _REASONS.get(call.status, "")
            rows += [
                f"Invoke-WebRequest : The remote server returned an error: ({call.status}) {reason}.",
                "At line:1 char:1",
                f"+ Invoke-WebRequest -Uri {call.url}",
                "+ ~~~~~~~~~~~~~~~~~~~~~~~~~",
                "    + CategoryInfo          : InvalidOperation: (System.Net.HttpWebRequest:HttpWebRequest), WebException",
                "    + FullyQualifiedErrorId : WebCmdletWebResponseException,Microsoft.PowerShell.Commands.InvokeWebRequestCommand",
                "",
            ]
    return "\n".join([*rows, "PS C:\\registry>"]) + "\n"


@form()
def powershell_7(calls: list[Call]) -> str:
    return "\n".join(row for c in calls for row in [_invoke(c, " -SkipHttpErrorCheck"), *_object(c)]) + "\n"


@form()
def python_debug(calls: list[Call]) -> str:
    rows: list[str] = []
    for call in calls:
        request = "\r\n".join([*_head(call), "", ""])
        rows += [f"send: {request.encode()!r}", f"reply: {call.first_line + chr(13) + chr(10)!r}"]
        rows += [f"header: {n}: {v}" for n, v in call.got]
    return "\n".join(rows) + "\n"


@form(lossy=True)
def python_log(calls: list[Call]) -> str:
    rows: list[str] = []
    for call in calls:
        parts = urlsplit(call.url)
        rows.append(f"DEBUG:urllib3.connectionpool:Starting new HTTP connection (1): {parts.netloc}")
        size = sum(map(len, call.body))
        rows.append(
            f'DEBUG:urllib3.connectionpool:{parts.scheme}://{parts.netloc} "{call.method} {call.path} HTTP/1.1" {call.status} {size}'
        )
    return "\n".join(rows) + "\n"


def _traced(lines: list[str], width: int, hexed: bool) -> Iterator[str]:
    data = "".join(f"{line}\r\n" for line in lines)
    if hexed:
        raw = data.encode()
        for at in range(0, len(raw), 16):
            piece = raw[at : at + 16]
            shown = "".join(chr(b) if 32 <= b < 127 else "." for b in piece)
            yield f"{at:04x}: {' '.join(f'{b:02x}' for b in piece):<47} {shown}"
        return
    at = 0
    for line in lines:
        for begin in range(0, len(line), width) or [0]:
            yield f"{at + begin:04x}: {line[begin : begin + width]}"
        at += len(line) + 2


def _trace(calls: list[Call], hexed: bool) -> str:
    rows: list[str] = []
    for call in calls:
        head = [*_head(call), ""]
        rows += [
            f"== Info:   Trying 10.20.0.5:{call.host.partition(':')[2] or 80}...",
            f"== Info: Connected to {call.host.partition(':')[0]} (10.20.0.5) port {call.host.partition(':')[2] or 80} (#0)",
        ]
        rows += [f"=> Send header, {sum(len(r) + 2 for r in head)} bytes (0x50)", *_traced(head, 64, hexed)]
        for line in [*_answer(call), ""]:
            rows += [f"<= Recv header, {len(line) + 2} bytes (0x{len(line) + 2:x})", *_traced([line], 64, hexed)]
        if call.body:
            rows += [f"<= Recv data, {sum(map(len, call.body))} bytes (0x57)", *_traced(call.body, 64, hexed)]
        rows.append("== Info: Connection #0 to host left intact")
    return "\n".join(rows) + "\n"


@form()
def trace_ascii(calls: list[Call]) -> str:
    return _trace(calls, False)


@form()
def trace(calls: list[Call]) -> str:
    return _trace(calls, True)


@form(lossy=True)
def write_out(calls: list[Call]) -> str:
    rows = []
    for call in calls:
        words = ["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}\\n", *_typed(call, "-u")]
        words += ["-X", call.method] if call.method != "GET" else []
        rows += [f"$ {shlex.join([*words, call.url])}", str(call.status)]
    return "\n".join(rows) + "\n"


@form(lossy=True)
def write_out_json(calls: list[Call]) -> str:
    rows = (
        {"http_code": c.status, "response_code": c.status, "method": c.method, "url": c.url, "url_effective": c.url}
        for c in calls
    )
    return "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)


@form(ending=".json")
def postman(calls: list[Call]) -> str:
    items = []
    for number, call in enumerate(calls):
        asked = {
            "method": call.method,
            "header": [{"key": n, "value": v} for n, v in call.request_headers if n.lower() != "host"],
            "url": {"raw": call.url, "host": call.host.split("."), "path": call.path.strip("/").split("/")},
        }
        answer = {
            "name": f"answer {number}", "originalRequest": asked, "status": call.reason, "code": call.status,
            "header": [{"key": n, "value": v} for n, v in call.got], "cookie": [], "body": "\n".join(call.body),
        }  # fmt: skip
        items.append({"name": call.path, "request": asked, "response": [answer]})
    info = {
        "_postman_id": "1c2d",
        "name": "registry",
        "schema": "https://schema.getpostman.com/json/collection/v2.1.0/collection.json",
    }
    return json.dumps({"info": info, "item": items}, indent=1) + "\n"


@form(ending=".json")
def insomnia(calls: list[Call]) -> str:
    rows: list[dict[str, object]] = []
    for number, call in enumerate(calls):
        auth = {"type": "basic", "username": call.login[0], "password": call.login[1]} if call.login else {}
        sent = [
            {"name": n, "value": v}
            for n, v in call.request_headers
            if n.lower() != "host" and not (auth and n == "Authorization")
        ]
        rows.append(
            {
                "_id": f"req_{number}",
                "_type": "request",
                "url": call.url,
                "method": call.method,
                "headers": sent,
                "authentication": auth,
            }
        )
        rows.append(
            {
                "_id": f"res_{number}",
                "_type": "response",
                "parentId": f"req_{number}",
                "statusCode": call.status,
                "headers": [{"name": n, "value": v} for n, v in call.got],
                "body": "\n".join(call.body),
            }
        )
    return json.dumps({"_type": "export", "__export_format": 4, "resources": rows}, indent=1) + "\n"


@form(ending=".har")
def har_of_a_proxy(calls: list[Call]) -> str:
    entries = [
        {
            "startedDateTime": f"2026-11-26T20:20:{number:02}.000Z", "time": 4,
            "request": {"method": c.method, "url": c.url, "headers": [{"name": n, "value": v} for n, v in c.request_headers]},
            "response": {
                "status": c.status, "statusText": c.reason, "headers": [{"name": n, "value": v} for n, v in c.got],
                "content": {"size": 2, "mimeType": "application/json", "text": "\n".join(c.body)},
            },
        }
        for number, c in enumerate(calls)
    ]  # fmt: skip
    return (
        json.dumps({"log": {"version": "1.2", "creator": {"name": "mitmproxy", "version": "10.1"}, "entries": entries}})
        + "\n"
    )


@form(lossy=True)
def devtools(calls: list[Call]) -> str:
    rows: list[str] = []
    for call in calls:
        rows += [
            "General",
            f"Request URL: {call.url}",
            f"Request Method: {call.method}",
            f"Status Code: {call.status} {call.reason}",
        ]
        rows += [
            "Remote Address: 10.20.0.5:80",
            "Referrer Policy: strict-origin-when-cross-origin",
            "Response Headers",
            "view source",
        ]
        rows += [f"{n}: {v}" for n, v in call.got]
        rows += ["Request Headers", "view source", *(f"{n}: {v}" for n, v in call.request_headers), ""]
    return "\n".join(rows) + "\n"


@form(lossy=True)
def devtools_new(calls: list[Call]) -> str:
    rows: list[str] = []
    for call in calls:
        rows += [
            "Request URL:",
            call.url,
            "Request Method:",
            call.method,
            "Status Code:",
            f"{call.status} {call.reason}",
        ]
        rows += ["Remote Address:", "10.20.0.5:80", "Referrer Policy:", "strict-origin-when-cross-origin"]
        for name, value in [*call.got, *call.request_headers]:
            rows += [f"{name.lower()}:", value]
    return "\n".join(rows) + "\n"


@form()
def ngrep_byline(calls: list[Call]) -> str:
    rows = ["interface: eth0 (10.20.0.0/255.255.255.0)", "filter: ( port 5000 ) and (ip || ip6)", "####"]
    for number, call in enumerate(calls):
        client = f"10.20.0.9:{51000 + number}"
        rows += [f"T {client} -> 10.20.0.5:5000 [AP] #{number * 2}", *(f"{row}." for row in _head(call)), ".", "", "##"]
        rows += [
            f"T 10.20.0.5:5000 -> {client} [AP] #{number * 2 + 1}",
            *(f"{row}." for row in _answer(call)),
            ".",
            *call.body,
            "",
            "##",
        ]
    return "\n".join(rows) + "\n"


@form()
def ngrep(calls: list[Call]) -> str:
    def inline(lines: list[str], body: list[str]) -> list[str]:
        text = "..".join([*lines, "", ""]) + "".join(body)
        return [f"  {text[at : at + 112]}" for at in range(0, len(text), 112)]

    rows = ["interface: eth0 (10.20.0.0/255.255.255.0)", "####"]
    for number, call in enumerate(calls):
        client = f"10.20.0.9:{51000 + number}"
        rows += [f"T {client} -> 10.20.0.5:5000 [AP] #{number * 2}", *inline(list(_head(call)), []), "##"]
        rows += [f"T 10.20.0.5:5000 -> {client} [AP] #{number * 2 + 1}", *inline(list(_answer(call)), call.body), "##"]
    return "\n".join(rows) + "\n"


@form()
def tcpdump(calls: list[Call]) -> str:
    rows = [
        "tcpdump: verbose output suppressed, use -v[v]... for full protocol decode",
        "listening on eth0, link-type EN10MB (Ethernet)",
    ]
    for number, call in enumerate(calls):
        client = f"10.20.0.9.{51000 + number}"
        rows += [
            f"20:20:27.1{number:05} IP {client} > 10.20.0.5.5000: Flags [S], seq 1, win 64240, length 0",
            "E..<..@.@...",
            f"20:20:27.2{number:05} IP {client} > 10.20.0.5.5000: Flags [P.], seq 1:100, ack 1, win 502, length 99",
            "E.....@.@..............." + next(iter(_head(call))),
            *list(_head(call))[1:],
            "",
            "",
            f"20:20:27.3{number:05} IP 10.20.0.5.5000 > {client}: Flags [P.], seq 1:200, ack 100, win 509, length 199",
            "E.....@.@..............." + call.first_line,
            *list(_answer(call))[1:],
            "",
            *call.body,
        ]
    return "\n".join(rows) + "\n"


@form()
def verbose(calls: list[Call]) -> str:
    """`curl -sv … 2>&1 | tee`: the program's remarks, Windows line ends behind headers."""
    return _verbose(calls, "")


@form()
def verbose_timed(calls: list[Call]) -> str:
    """`curl -v --trace-time`"""
    return _verbose(calls, "08:11:00.123456 ")


def _verbose(calls: list[Call], time: str) -> str:
    rows: list[str] = []
    for call in calls:
        more = [word for n, v in call.sent for word in ("-H", f"{n}: {v}") if n.lower() not in _USUAL]
        option = ["--trace-time"] if time else []
        rows.append(
            "$ " + shlex.join(["curl", "-sv", *option, "-X", call.method, *_typed(call, "-u"), *more, call.url])
        )
        rows += [f"{time}*   Trying 10.20.0.5:5000...", f"{time}* Connected to {call.host} (10.20.0.5) port 5000 (#0)"]
        rows += [f"{time}> {row}\r" for row in _head(call)] + [f"{time}> \r"]
        rows += [f"{time}< {row}\r" for row in _answer(call)] + [f"{time}< \r"]
        rows += [f"{time}{{ [{sum(map(len, call.body))} bytes data]", *call.body]
        rows.append(f"{time}* Connection #0 to host {call.host} left intact")
    return "\n".join(rows) + "\n"


@form(ending=".xml")
def burp(calls: list[Call]) -> str:
    """Items saved from Burp, in base64."""
    rows = ['<?xml version="1.0"?>', '<items burpVersion="2025.9" exportTime="Thu Nov 26 08:11:00 CET 2026">']
    for call in calls:
        sent = base64.b64encode("\r\n".join([*_head(call), "", ""]).encode()).decode()
        got = base64.b64encode("\r\n".join([*_answer(call), "", *call.body]).encode()).decode()
        rows += [
            "  <item>", f"    <url><![CDATA[{call.url}]]></url>", f"    <method><![CDATA[{call.method}]]></method>",
            f'    <request base64="true"><![CDATA[{sent}]]></request>', f"    <status>{call.status}</status>",
            f'    <response base64="true"><![CDATA[{got}]]></response>', "  </item>",
        ]  # fmt: skip
    return "\n".join([*rows, "</items>"]) + "\n"


@form()
def mitmdump(calls: list[Call]) -> str:
    """`mitmdump --flow-detail 3`"""
    rows: list[str] = []
    for number, call in enumerate(calls):
        rows += [f"10.20.0.9:{51000 + number}: {call.method} {call.url}"]
        rows += [f"    {n}: {v}" for n, v in call.request_headers]
        rows += [
            f" << {call.status} {call.reason or _REASONS.get(call.status, '')} {sum(map(len, call.body))}b".rstrip()
        ]
        rows += [f"    {n}: {v}" for n, v in call.got] + ["", *(f"    {row}" for row in call.body), ""]
    return "\n".join(rows) + "\n"
