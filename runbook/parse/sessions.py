"""Whose login and which registry a line of a terminal session is about: remembered from the command above it."""

import shlex
from dataclasses import dataclass, replace

from runbook.lazy import re
from runbook.parse.left_out import stands_in
from runbook.parse.prompts import command as called
from runbook.redact import Vault

_COMMAND = re.compile(
    r"^\s*(?:[^\n$#>%❯]{0,100}[$#>%❯]\s+|\+{1,3} )?"
    r"(?:(?:echo|printf|cat|aws|az|gcloud|gh|pass|vault)\s[^|\n]{0,300}\|\s{0,8})?"
    r"(?:sudo\s+)?(?P<tool>docker|podman|nerdctl|skopeo|crane|oras|helm|buildah)\s+(?P<rest>.*)$"
)
_PROMPTED_USER = re.compile(r"^\s*Username(?: \([^)]*\))?:\s*(\S+)\s*$")
_IMAGE_HOST = re.compile(r"^(?:docker://)?((?:[\w-]+\.)+[\w-]+(?::\d+)?|localhost(?::\d+)?|[\w.-]+:\d+(?=/))(?:/|$)")
_LOGIN_HOST = re.compile(r"^([\w.-]+:\d+)$")
_VERBS = (
    "login",
    "push",
    "pull",
    "logout",
    "inspect",
    "copy",
    "manifest",
    "run",
    "build",
    "image",
    "buildx",
    "compose",
    "list-tags",
    "delete",
    "sync",
    "search",
    "catalog",
    "digest",
    "ls",
    "repo",
    "discover",
    "registry",
)


@dataclass(frozen=True, slots=True)
class Context:
    """The command that the lines below it belong to."""

    host: str | None = None
    user: str | None = None
    command_line: str = ""
    tool: str = ""
    """The program that was called last, whatever it is."""
    into: str = ""
    """The file that its output goes to (`> file`), and that the shell empties before it runs."""


ASKING = ("curl", "wget", "http", "https", "xh")
"""Programs that ask any server: what they print is about the address that they were given."""
_ASKED = re.compile(r"https?://(?:[^\s/@'\"]{1,300}@)?([\w.-]{1,255}(?::\d{1,5})?)")
_WRITES = re.compile(r"(?<![>&\d])>\s{0,8}([\w./~-]{1,200})\s*$")


def typed(line: str, before: Context, vault: Vault) -> Context:
    """The context after this line; a password on the command line goes into the vault."""
    if prompted := _PROMPTED_USER.match(line):
        return replace(before, user=prompted[1])
    if words_typed := (called(line) or "").removeprefix("sudo ").split(maxsplit=1):
        into = _WRITES.search(line)
        before = replace(before, tool=words_typed[0].rsplit("/", 1)[-1], into=into[1] if into else "")
        if before.tool in ASKING:
            asked = _ASKED.search(line)
            before = replace(before, host=asked[1].lower() if asked else None, user=None)
    command = _COMMAND.match(line)
    if not command or not any(verb in command["rest"] for verb in _VERBS):
        return before
    words = _words(command["rest"])
    user = _value_of(words, ("-u", "--username"))
    user = None if user and stands_in(user) and not user.startswith("$") else user
    secret = _value_of(words, ("-p", "--password")) if "login" in words else None
    if secret and not stands_in(secret):
        vault.password(secret, user)
    creds = _value_of(words, ("--creds", "--src-creds", "--dest-creds"))
    if creds and ":" in creds:
        user, _, secret = creds.partition(":")
        if not stands_in(secret):
            vault.password(secret, user)
    host = next((m[1] for w in _arguments(words) if (m := _IMAGE_HOST.match(w))), None)
    if host is None and words[:1] == ["login"] and (last := _LOGIN_HOST.match(words[-1])):
        host = last[1]
    same = host is not None and host == before.host
    return Context(host or before.host, user or (before.user if same else None), line, command["tool"], before.into)


def command_of(line: str, before: Context, vault: Vault) -> tuple[str, Context] | None:
    """The verb of a container command ("push", "pull", "login", "copy", …) and the context that it sets; else None."""
    command = _COMMAND.match(line)
    if not command:
        return None
    words = [w for w in _words(command["rest"]) if not w.startswith("-")]
    verb = next((w for w in words[:3] if w in _VERBS and w not in ("image", "compose", "buildx")), "")
    return verb, typed(line, before, vault)


def _arguments(words: list[str]) -> list[str]:
    """The words that are neither options nor the values of those that take a file or a name."""
    named = ("-u", "-p", "-f", "-v", "--authfile", "--username", "--password", "--cert-dir", "--config", "--name", "-c")
    return [w for before, w in zip(["", *words], words, strict=False) if not w.startswith("-") and before not in named]


def _words(text: str) -> list[str]:
    try:
        return shlex.split(text.split(" | ")[0].split(" < ")[0])
    except ValueError:
        return text.split()


def _value_of(words: list[str], names: tuple[str, ...]) -> str | None:
    for index, word in enumerate(words):
        if word in names and index + 1 < len(words):
            return words[index + 1]
        for name in names:
            if name.startswith("--") and word.startswith(f"{name}="):
                return word.split("=", 1)[1]
    return None
