"""How commands ended: a push, pull or login that does not end in its own success line has failed, whatever it says.

The success lines are those of docker 28, podman 4, skopeo 1.9, crane, oras, helm and buildah (run, or read in their
sources). A command without any output was not shown to the end, and says nothing.
"""

from collections.abc import Iterator, Sequence

from runbook.lazy import re
from runbook.model import Message, MessageKind, Place
from runbook.parse.calls import ASKS, masked_call
from runbook.parse.prompts import prompted
from runbook.parse.sessions import Context, command_of
from runbook.redact import Vault

_SUCCESS: dict[str, re.Pattern[str]] = {
    "login": re.compile(
        r"Login Succeeded|^Logged in|^Authenticated|Existing credentials are valid|logged in via", re.I
    ),
    "push": re.compile(
        r"digest: sha256:|Writing manifest to image destination|Storing signatures|^Pushed |pushed: |"
        r"(?<=[\w./:-])@sha256:[0-9a-f]{64}|\bPushed$|pushing manifest for .* done",
        re.I,
    ),
    "pull": re.compile(
        r"Status: (?:Downloaded newer image|Image is up to date)|^Digest: sha256:|^[0-9a-f]{64}$|^Pulled |\bPulled\b|"
        r"Writing manifest to image destination|Storing signatures|^Pulled: ",
        re.I,
    ),
    "copy": re.compile(
        r"Writing manifest to image destination|Storing signatures|copied|Skipping|: digest: sha256:|existing manifest: |"
        r"Synced \d+ images? from",
        re.I,
    ),
}
_ANSWER = re.compile(
    r'^[\s{]*"(?:Name|Digest|Repository|RepoTags|schemaVersion|mediaType|architecture)" ?:|^sha256:[0-9a-f]{64}$|^Digest:\s+sha256:'
)
"""What a command that only asks prints when the registry told it: skopeo 1.9 (run), docker, crane, oras (their sources)."""
_ASIDE = re.compile(
    r"^\s*$|^(?:Username|Password)(?: \([^)]*\))?:|^WARNING!|^Configure a credential helper|credential-store|^```|^~~~|"
    r"^Enter .* password|^(?:real|user|sys)\s",
    re.I,
)
"""What is printed however it ends."""
_FAILED = re.compile(
    r'^(?:time="[^"]{1,40}" )?level=(?:fatal|error)\b|^FATA\[|^Error(?: response from daemon)?: |^Error \w|^error: '
)
"""How these programs say that a command failed, whatever it was."""
_CUT = re.compile(r"^\s*(?:\.{3}|…|\[\.\.\.\]|\[…\]|<snip>|\(.*(?:cut|snip|gekürzt|shortened).*\))\s*$", re.I)
_LONGEST = 400
"""Lines of output that are looked at for one command."""


def outcomes(lines: Sequence[str], file: str, vault: Vault, taken: Sequence[int]) -> Iterator[Message]:
    """What became of each command: `transfer-ok`, `login-begun` where nothing follows the prompt for the password, or `command-failed` where neither success nor a known error was
    printed. `taken` are the numbers of the lines in which a known message stands already."""
    known = set(taken)
    context = Context()
    for index, raw in enumerate(lines):
        line = raw.rstrip("\r")
        found = command_of(line, context, vault)
        if found is None:
            continue
        verb, context = found
        if prompted(line) is None:
            continue
        success = _SUCCESS.get(verb)
        shown = list(_output(lines, index + 1))
        if success is None and ASKS.search(line) and (told := next((r for r in shown if _ANSWER.match(r[1])), None)):
            yield from _went_well(file, told, context.of_success(), vault)
            continue
        if success is None:
            failed = next(((n, text) for n, text in shown if _FAILED.match(text)), None)
            if verb and failed and not any(n in known for n, _ in shown):
                yield _message("command-failed", file, failed, context, vault)
            continue
        telling = [(n, text) for n, text in shown if not _ASIDE.match(text)]
        well = next(((n, text) for n, text in telling if success.search(text)), None)
        if well is not None:
            if verb != "login":
                named = next((m[1] for _, text in shown if (m := _NAMED.search(text))), None)
                yield from _went_well(file, well, context.of_success(named), vault)
            if verb == "copy" and context.destination:
                yield _message("transfer-ok", file, well, context.destination, vault)
        elif verb == "login" and shown and not telling and any("assword" in text for _, text in shown):
            yield _message("login-begun", file, shown[-1], context, vault)
        elif context.tool == "regctl":
            continue  # what it prints at a good end is not known here
        elif telling and not any(n in known or _CUT.match(text) for n, text in shown):
            yield _message("command-failed", file, telling[-1], context.side(telling[-1][1]), vault)


_NAMED = re.compile(
    r"^(?:The push refers to repository \[|Pushing image .{0,20} to |)((?:[\w-]{1,63}\.){1,8}[\w-]{1,63}(?::\d{1,5})?|localhost(?::\d{1,5})?)/\S+$"
)
"""Where a push went, and the whole name that docker prints at the end of a pull."""


def _went_well(file: str, row: tuple[int, str], context: Context | None, vault: Vault) -> Iterator[Message]:
    if context is not None:
        yield _message("transfer-ok", file, row, context, vault)


def _output(lines: Sequence[str], start: int) -> Iterator[tuple[int, str]]:
    """The lines that a command printed, with their numbers: up to the next prompt or command."""
    for number, raw in enumerate(lines[start : start + _LONGEST], start + 1):
        text = raw.rstrip("\r")
        if prompted(text) is not None or text.startswith(("```", "~~~", "## ", "---")):
            return
        yield number, text[:1000]


def _message(kind: MessageKind, file: str, row: tuple[int, str], context: Context, vault: Vault) -> Message:
    number, text = row
    shown = vault.mask(text.strip(), 300)
    return Message(
        kind=kind,
        place=Place(file, number),
        text=shown,
        host=context.host.lower() if context.host else None,
        user=context.user,
        detail=shown[:200] if kind == "command-failed" else "",
        tool=context.tool,
        call=masked_call(context.call, vault),
    )
