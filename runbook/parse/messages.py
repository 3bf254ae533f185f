"""What clients, browsers and Compose print: pasted terminals, tickets, consoles.

Each known sentence has one row; its named groups become the message's fields. The words are those of
docker, moby, containerd, podman, skopeo, buildkit, Compose, Chromium, Firefox, Safari and the registry UI.
"""

from collections.abc import Collection, Iterator
from dataclasses import replace
from itertools import chain, islice

from runbook.lazy import re
from runbook.model import Exchange, Message, MessageKind, Place, Voice
from runbook.parse.calls import masked_call
from runbook.parse.client_words import ROWS as FIRST
from runbook.parse.clients import canonical
from runbook.parse.clients.told import told
from runbook.parse.complaints import complaint
from runbook.parse.console import parse_console
from runbook.parse.curl import parse_canon
from runbook.parse.entries import addresses, entries, nameless, pings, secret_keys
from runbook.parse.message_words import ROWS
from runbook.parse.outcomes import outcomes
from runbook.parse.prompts import command as called
from runbook.parse.prompts import prompted
from runbook.parse.sessions import Context, typed
from runbook.parse.strangers import caller, is_past_probe, is_strange
from runbook.parse.voices import Speaker
from runbook.redact import Vault
from runbook.urls import urlsplit

_MOST = 400
_TRANSCRIPT = re.compile(r"^(?:[<>*{}] |HTTP/\d|\s*[<{])")
"""Lines of a curl transcript: `parse_curl` reads them; an error message never begins so."""
_CLIENTS_LOG = re.compile(
    r'\s*\{(?=[^\n]{0,1500}"level": ?"(?:error|fatal|warn))(?![^\n]{0,1500}"(?:request|http\.request|go\.version))'
)
"""An entry of another client's log in JSON: neither the registry's nor a proxy's, which have readers of their own."""
_LINE = 4000
_SERVER = re.compile(
    r"(?:[\w.-]{1,80}[ \t]{0,40}\| ?)?(?:\d{4}/\d\d/\d\d \d\d:\d\d:\d\d \[\w+\] |\[\w{3} \w{3} [ \d]\d [\d:.]+ \d{4}\] \[)"
)
"""A line of a server's error log (nginx, Apache). It has a reader of its own: no client says such a thing."""

_PUSH = "The push refers to repository"
_UPLOAD = re.compile(r"[0-9a-f]{6,64}: Pushing\b")
"""A layer on its way: the registry took the POST, 202 (run: docker 28 to registry 2.8 prints `Preparing` and no more
where the login is refused, and `Pushing` where only the PATCH that follows is)."""
_WHILE_UPLOADING: dict[MessageKind, MessageKind] = {
    "unauthorized": "upload-refused", "no-basic-auth": "upload-refused", "denied": "upload-refused", "reset": "upload-cut",
    "eof": "upload-cut",
}  # fmt: skip


_APPLICATION = re.compile(
    r"\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d\S{0,12}\]?\s+(?:\[[\w-]{1,40}\]\s+)?\[?(?:TRACE|DEBUG|INFO|WARN(?:ING)?|ERROR|FATAL|CRITICAL)\b"
)
_OURS = ("/v2/", "registry", "docker", "containerd", "buildkit", "kaniko", "skopeo", "podman", "kubelet", "harbor")


_OWN_BUILDER = re.compile(r"\s{0,8}(?:sudo )?docker buildx create\b(?!.{0,200}--driver[ =](?!docker-container))")
"""The command that makes a builder of its own: docker-container is the driver where none is named."""
_SWARM = re.compile(r"\s{0,8}(?:sudo )?docker (?:stack deploy|service create|service update\b.{0,300}--image)\b")
_ECHOED = re.compile(r"\becho (?!-\w{0,3}n)[^|\n]{0,200}:[^|\n]{0,200}\| {0,4}base64\b(?! (?:-d|-D|--decode))")
"""A command that encodes a login together with the newline that echo adds."""


def _of_another_program(line: str) -> bool:
    """Whether a line of an application's log speaks of anything but a registry."""
    return _APPLICATION.match(line) is not None and not any(word in line.lower() for word in _OURS)


def _has_its_reader(line: str) -> bool:
    """Whether a line says nothing here: it is empty, one of curl's or a server's, or about another thing."""
    if not line.strip() or _SERVER.match(line) or (_TRANSCRIPT.match(line) and not _CLIENTS_LOG.match(line)):
        return True
    return _of_another_program(line) or is_past_probe(line)


def parse_text(
    text: str, file: str, vault: Vault, *, voice: Voice = "person", framed: Collection[int] = ()
) -> tuple[tuple[Message, ...], tuple[Exchange, ...]]:
    """Messages and exchanges of a pasted text.

    `voice` is that of the whole text: of a person's text each line is asked for itself, `framed` are the rows (from 0)
    that somebody framed as a program's output.
    """
    canon = canonical([row.rstrip("\r") for row in text.split("\n")])
    found = (*parse_canon(canon, file, vault), *parse_console(text, file, vault))
    exchanges = tuple(replace(e, voice=voice) for e in found) if voice == "document" else found
    messages: list[Message] = []
    seen: set[tuple[str, str | None, str, str, str]] = set()
    context, speaker, uploading, asked, called_by = Context(), Speaker(voice, framed), False, 0, ""
    wrote: dict[str, int] = {}
    silent: set[str] = set()
    plain: set[str] = set()  # lines that begin no command
    quiet: dict[str, bool] = {}
    lines = text.split("\n")
    went_well = any(row.strip() == "Job succeeded" for row in lines)  # GitLab: what it warned of was no failure
    for number, raw in _apart(lines):
        line = raw.rstrip("\r")[:_LINE]
        says = speaker.of(number - 1, line)
        called_by = called_by if line.strip() else ""
        if number - 1 in canon.taken or _known(line, quiet) or (went_well and line.startswith("WARNING:")):
            continue
        context = _after(line, context, vault, plain)
        typed_here = prompted(line)
        if typed_here is not None:
            asked, called_by = number, caller(context.tool, typed_here[1])
            if typed_here[1].lstrip().startswith("#"):
                continue  # a remark
        if context.into and called(line):
            wrote[context.into] = number
        uploading = _UPLOAD.match(line) is not None or (uploading and typed_here is None and _PUSH not in line)
        if len(messages) < _MOST:
            messages += _commanded(line, typed_here[1] if typed_here else line, Place(file, number), vault, voice)
        if context.command_line == line and typed_here is not None:
            continue
        for message in _spoken(line, Place(file, number), context.side(line), vault, silent):
            if is_strange(line, message.kind, called_by):
                continue
            kind = _WHILE_UPLOADING.get(message.kind, message.kind) if uploading else message.kind
            message = replace(message, kind=kind, voice=says, asked=asked)
            if kind == "tool-missing":
                wrote.pop(message.detail, None)
            whose = message.call.account if message.call else ""
            key = (message.kind, message.host, message.detail or message.text, says, whose)
            if key not in seen and len(messages) < _MOST:
                seen.add(key)
                messages.append(message)
    messages = [_written_since(m, wrote) for m in _without_retries(messages, text)]
    taken = [m.place.line or 0 for m in messages]
    ended = list(islice(outcomes(lines, file, vault, taken), _MOST))
    return (*_shown(lines, file, vault, voice), *messages, *ended), exchanges


def _shown(lines: list[str], file: str, vault: Vault, voice: Voice) -> Iterator[Message]:
    """What commands that ask nobody printed: entries, addresses, keys of Secrets, pings."""
    asked = (entries(lines, file, vault), addresses(lines, file), secret_keys(lines, file), pings(lines, file))
    for message in islice(chain(*asked, nameless(lines, file)), _MOST):
        yield replace(message, voice=voice) if voice == "document" else message


def _commanded(line: str, command: str, place: Place, vault: Vault, voice: Voice) -> Iterator[Message]:
    """What a command by itself says: it makes a builder of its own, encodes a login with the newline of echo, or gives
    the nodes of a swarm a login or none."""
    kind: MessageKind | None = None
    detail = ""
    if _OWN_BUILDER.match(command):
        kind, detail = "builder", "docker-container"
    elif " base64" in line and _ECHOED.search(line):
        kind = "encoded-with-echo"
    elif _SWARM.match(command):
        kind, detail = "swarm-deployed", "--with-registry-auth" if "--with-registry-auth" in command else ""
    if kind:
        yield Message(
            kind=kind, place=place,
            text=vault.mask(line.strip(), 300), detail=detail,
            voice="document" if voice == "document" else "program", asked=place.line or 0,
        )  # fmt: skip


def _after(line: str, context: Context, vault: Vault, plain: set[str]) -> Context:
    """The context behind a line; `plain` are those that begin no command."""
    if line in plain:
        return context
    after = typed(line, context, vault)
    if after is context and len(plain) < _MOST_SILENT:
        plain.add(line)
    return after


def _spoken(line: str, place: Place, context: Context, vault: Vault, silent: set[str]) -> list[Message]:
    """What a line says; `silent` are those that say nothing."""
    found = [] if line in silent else _of_line(line, place, context, vault)
    if not found and len(silent) < _MOST_SILENT:
        silent.add(line)
    return [own for m in found if (own := _at_its_registry(m, context)) is not None]


def _at_its_registry(message: Message, context: Context) -> Message | None:
    """A login that went well, at the registry that its command names; None where nobody knows which that is."""
    if message.kind != "login-ok" or message.host != context.host:
        return message
    known = context.of_success()
    return replace(message, host=known.host.lower() if known.host else None) if known else None


def _known(line: str, quiet: dict[str, bool]) -> bool:
    """`_has_its_reader`, once for each line of a text."""
    found = quiet.get(line)
    if found is None:
        found = _has_its_reader(line)
        if len(quiet) < _MOST_SILENT:
            quiet[line] = found
    return found


_MOST_SILENT = 20_000
"""Lines that say nothing are kept: a thread quotes the same ones again and again."""


def _apart(lines: list[str]) -> Iterator[tuple[int, str]]:
    """The lines with their numbers; one that tells a command and what came of it as two, with an end behind them."""
    known = told(lines)
    for number, line in enumerate(lines, 1):
        if (both := known.get(number - 1)) is None:
            yield number, line
            continue
        yield from ((number, part) for part in (f"$ {both[0]}", both[1], ""))


def _written_since(message: Message, wrote: dict[str, int]) -> Message:
    """Without the file that a failed command left empty, where a later one wrote it."""
    later = message.kind == "tool-missing" and wrote.get(message.detail, 0) > (message.place.line or 0)
    return replace(message, detail="") if later else message


def _without_retries(messages: list[Message], text: str) -> list[Message]:
    """Messages without a layer's retries, where what came of them was said; those of a pull say no more than that."""
    tried = next((n for n, m in enumerate(messages) if m.kind == "retrying"), None)
    if tried is None or any(m.kind not in ("retrying", "login-ok") for m in messages[tried:]):
        return [m for m in messages if m.kind != "retrying"]
    kind: MessageKind = "retrying" if _PUSHES.search(text) else "other-error"
    return [*messages[:tried], replace(messages[tried], kind=kind)]


_API_URL = re.compile(r"\bhttps?://(?:[^\s/@]{1,300}@)?([\w.-]{1,255}(?::\d{1,5})?)/v2/")
_PUSHES = re.compile(r"The push refers to|\b(?:docker|podman|nerdctl)(?: image| compose|-compose)? push\b")


def _of_line(line: str, place: Place, context: Context, vault: Vault) -> list[Message]:
    lowered = line.lower()
    if "traces export:" in lowered:
        return []  # OpenTelemetry in registry 3: nobody listens, and nothing depends on it
    if "next endpoint" in lowered and "level=info" in lowered:
        return []  # docker tries https first and then, where it may, http: no failure yet
    if "awaiting response... 401" in lowered:
        return []  # wget asks without a login first; it says so itself when it has to give up
    for marker, pattern, kind in (*FIRST, *ROWS):
        if marker not in lowered:
            continue
        match = pattern.search(line)
        if match:
            return [_message(kind, match, line, place, context, vault)]
    return []


def _message(
    kind: MessageKind, match: re.Match[str], line: str, place: Place, context: Context, vault: Vault
) -> Message:
    groups = {name: value for name, value in match.groupdict().items() if value}
    if kind == "no-such-host" and context.broken:
        text = "a piece of the password was taken for a host"
        return Message(kind="url-invalid", place=place, text=text, host=context.host, tool=context.tool)
    if kind == "url-invalid":
        _learn_from_url(line, groups.pop("detail", ""), vault)
    url = groups.get("url", "")
    host = groups.get("host") or (urlsplit(url).netloc.rpartition("@")[2] if "://" in url else None) or _reached(line)
    if host is None and (asked := _API_URL.search(line)):
        host = asked[1]
    host = host or context.host
    if named := _FOR_AN_IMAGE.search(line) if kind == "token-refused" else None:
        host = named[1]
    if host is None and (asked := _ASKED.search(line)):
        host = asked[1]
    detail, allowed = complaint(line) if kind == "cors" else (groups.get("detail", ""), groups.get("allowed"))
    if kind == "tool-missing":
        detail = context.into
    dumped = _DUMPED.match(line) if kind == "byte-order-mark" else None
    message = Message(
        kind=kind,
        place=place,
        text=f"{dumped[0].strip()} …" if dumped else vault.mask(line.strip(), 500),
        host=host.lower() if host else None,
        user=groups.get("user") or context.user,
        detail=vault.mask(detail, 200),
        page=groups.get("page"),
        allowed=vault.mask(allowed, 200) if allowed is not None else None,
        tool="docker" if "response from daemon" in line or _BUILDKIT.search(line) else context.tool,
        call=masked_call(context.call, vault),
        password=context.password if kind in _OF_A_LOGIN else None,
    )
    refined = _refined(message, url, replace(context, host=named[1].lower()) if named else context)
    return replace(refined, detail=vault.mask(refined.detail, 200))


_OF_A_LOGIN = ("unauthorized", "login-status", "invalid-username-password", "login-ok")
_REACHED = re.compile(
    r"curl: \(\d+\) Failed to connect to ([\w.-]{1,255}) port (\d{1,5})|curl: \(6\) Could not resolve host: ([\w.-]{1,255})"
)


def _reached(line: str) -> str | None:
    """The address that curl itself names: the command above it may be an older one's."""
    found = _REACHED.match(line.strip())
    return (f"{found[1]}:{found[2]}" if found[1] else found[3]) if found else None


_DUMPED = re.compile(r"\s{0,8}0{4,16}:?\s{1,8}ef ?bb ?bf", re.IGNORECASE)
"""The beginning of a dump of bytes; what follows may be a hash, which no other pattern knows in this form."""
_BUILDKIT = re.compile(r"(?:^|[\sZ])#\d{1,4} (?:ERROR|pushing|exporting)\b")
"""A step of BuildKit's plain progress: docker asked it, with docker's logins."""
_FOR_AN_IMAGE = re.compile(
    r"\bfailed to (?:push|pull|copy|resolve reference|resolve source metadata for) \"?"
    r"((?:[\w-]{1,63}\.){1,8}[\w-]{1,63}(?::\d{1,5})?|localhost(?::\d{1,5})?|[\w.-]{1,255}:\d{1,5})/"
)
"""What BuildKit and containerd say they could not do; the URL behind it is that of a token service, or of a layer."""
_ASKED = re.compile(r'\b(?:Get|Head|Post|Put|Patch|GET|HEAD|POST|PUT|PATCH|DELETE) \\?"?https?://([^/\s"@]{1,255})/')
"""How Go's http client begins a complaint: method and URL."""


def _learn_from_url(line: str, piece: str, vault: Vault) -> None:
    """What stands before the last @ of a URL that could not be read is a login, and what broke it a piece of one."""
    for login in re.findall(r"://([^\s\"]{1,300})@", line):
        user, _, password = login.partition(":")
        if password:
            vault.password(password, user)
    if len(piece.strip(":")) >= 3:
        vault.token(piece.strip(":"))


_LONG_AGO = re.compile(r"\b(?:days|weeks|months|years?) ago\b|\ba (?:week|month|year) ago\b")
_OF_A_STACK = re.compile(r"regist|nginx|\bui\b|proxy|traefik|caddy|httpd|apache|edge|gateway|auth", re.IGNORECASE)


def _refined(message: Message, url: str, context: Context) -> Message:
    """A failure at a host that is not the one asked for is another thing, and so is a container of last year."""
    # A registry that starts again and again does so now, whenever it was created.
    again = "Restarting (" in message.text and "regist" in message.text.lower()
    ended = not again and _LONG_AGO.search(message.text)
    if message.kind == "container-exited" and (ended or not _OF_A_STACK.search(message.text)):
        return replace(message, kind="container-ended")
    if message.kind == "token-refused":
        return replace(message, detail=message.detail or url, host=context.host)
    if message.kind in ("refused", "timeout", "no-such-host", "token-endpoint-failed") and _is_token_url(url):
        return replace(message, kind="token-endpoint-failed", detail=message.detail or url, host=context.host)
    if message.kind == "no-such-host" or (message.kind in ("refused", "timeout") and _is_sent_on(url, context.host)):
        return replace(message, host=context.host or message.host)
    return message


def _is_sent_on(url: str, given: str | None) -> bool:
    """Whether an upload goes to the host that the client was given, but to another port: a response named that."""
    asked, (name, _, port) = urlsplit(url) if "/blobs/uploads/" in url else None, (given or "").lower().rpartition(":")
    return asked is not None and port.isdecimal() and asked.hostname == name and not asked.netloc.endswith(f":{port}")


def _is_token_url(url: str) -> bool:
    """`docker login` asks the token service with these parameters, and nobody else."""
    return any(word in url for word in ("offline_token=", "client_id=docker", "service=", "scope=repository"))
