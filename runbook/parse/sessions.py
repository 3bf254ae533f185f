"""Whose login and which registry a line of a terminal session is about: remembered from the command above it."""

import shlex
from dataclasses import dataclass, replace

from runbook.lazy import re
from runbook.model import Call
from runbook.parse.calls import behind, call_of, is_kept, runs_others
from runbook.parse.credentials import WRONG
from runbook.parse.curl_command import host_meant
from runbook.parse.left_out import stands_in
from runbook.parse.prompts import command as called
from runbook.redact import Vault

_COMMAND = re.compile(
    r"^\s*(?:[^\n$#>%❯]{0,100}[$#>%❯]\s+|\+{1,3} )?"
    r"(?:(?:echo|printf|cat|aws|az|gcloud|gh|pass|vault)\s[^|\n]{0,300}\|\s{0,8})?"
    r"(?:sudo\s+)?(?P<tool>docker|podman|nerdctl|skopeo|crane|oras|helm|buildah|regctl|ctr|crictl)\s+(?P<rest>.*)$"
)
_COPIES = re.compile(r"\bskopeo\s[^|]{0,200}\b(?:copy|sync)\b|\b(?:crane|oras|regctl)\s(?:[^|]{0,200}\s)?(?:copy|cp)\s")
"""Commands that move an image from one registry to another, each with a login of its own."""
_OF_SOURCE = re.compile(
    r"\binitiali[sz]ing source\b|\breading (?:manifest|blob|config|signatures)\b|\bfrom source\b", re.I
)
_OF_DESTINATION = re.compile(
    r"\binitiali[sz]ing (?:image )?destination\b|\bat destination\b|\bto destination\b|\b(?:writing|uploading|pushing) (?:manifest|blob|config)\b",
    re.I,
)
"""How the containers' library says at which end of a copy it failed."""
_PROMPTED_USER = re.compile(r"^\s*Username(?: \([^)]*\))?:\s*(\S+)\s*$")
_IMAGE_HOST = re.compile(
    r"^(?:docker://|https?://)?((?:[\w-]+\.)+[\w-]+(?::\d+)?|localhost(?::\d+)?|[\w.-]+:\d+(?=/))(?:/|$)"
)
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
    under: str = ""
    """The command that runs others and prints them (make, a script), while its output goes on."""
    copied_to: tuple[str, str | None] | None = None
    """Of a copy between two registries: the second one and its user; `host` and `user` are the first's."""
    named: bool = True
    """Whether the command itself names the host; else it is an earlier command's."""
    broken: bool = False
    """Whether its URL is broken by a password."""
    password: str | None = None
    """The vault's label of the password that was typed into the command, where no shell changed it."""

    def of_success(self, told: str | None = None) -> "Context | None":
        """The same with the registry at which the command went well: the one that it or its output (`told`) names. A name
        without one is Docker Hub's. Of a variable or of Compose's images nobody knows: it is no earlier command's (None)."""
        if told or self.named or not self.command_line:
            return replace(self, host=told or self.host)
        words = [w for w in _arguments(_words(self.command_line.partition(f"{self.tool} ")[2])) if w]
        target = next((w for w in words if w not in (*_VERBS, "copy", "cp")), "")
        if "compose" in words or "$" in target or "%" in target or "{" in target or self.tool not in _OF_HUB:
            return self if self.host is None else None
        return replace(self, host=target if "login" in words and target else "docker.io")

    @property
    def call(self) -> Call | None:
        """The command that the lines below it belong to, as it was called."""
        return call_of(self.command_line, self.under if self.under != self.command_line else "")

    @property
    def destination(self) -> "Context | None":
        """The same command, seen from the registry that it writes to."""
        return replace(self, host=self.copied_to[0], user=self.copied_to[1]) if self.copied_to else None

    def side(self, line: str) -> "Context":
        """The end of a copy that a line of its output speaks of: the registry that it names, else what it says it did there."""
        there = self.destination
        if there is None or there.host is None or self.host is None:
            return self
        one, other = (re.search(rf"(?<![\w.-]){re.escape(h)}(?![\w.-])", line) for h in (self.host, there.host))
        if bool(one) != bool(other):
            return there if other else self
        return there if _OF_DESTINATION.search(line) and not _OF_SOURCE.search(line) else self


_OF_HUB = ("docker", "nerdctl", "crane", "skopeo")
"""Programs for which a name without a registry is one of Docker Hub; podman asks whatever its settings list."""
ASKING = ("curl", "wget", "http", "https", "xh")
"""Programs that ask any server: what they print is about the address that they were given."""
_ASKED = re.compile(r"https?://(?:[^\s/@'\"]{1,300}@)?([\w.-]{1,255}(?::\d{1,5})?)")
_WRITES = re.compile(r"(?<![>&\d])>\s{0,8}([\w./~-]{1,200})\s*$")


def typed(line: str, before: Context, vault: Vault) -> Context:
    """The context after this line; a password on the command line goes into the vault."""
    if prompted := _PROMPTED_USER.match(line):
        return replace(before, user=prompted[1])
    before = _runs_under(line, before)
    if words_typed := (called(line) or "").removeprefix("sudo ").split(maxsplit=1):
        into = _WRITES.search(line)
        before = replace(before, tool=words_typed[0].rsplit("/", 1)[-1], into=into[1] if into else "")
        if before.tool in ASKING:
            asked, meant = _ASKED.search(line), host_meant(line)
            host = meant or (asked[1].lower() if asked else None)
            before = replace(before, host=host, user=None, broken=meant is not None)
    command = _called(line, before)
    copies = command is not None and _COPIES.search(line) is not None
    if not command or not (copies or any(verb in command["rest"] for verb in _VERBS)):
        return before
    words = _words(command["rest"])
    user = None if command["tool"] == "ctr" else _value_of(words, ("-u", "--username"))
    user = None if user and stands_in(user) and not user.startswith("$") else user
    secret = _value_of(words, ("-p", "--password")) if "login" in words else None
    if secret is None and "login" in words and (piped := _PIPED.search(line)):
        secret = piped[2]
    label = vault.password(secret, user) if secret and not stands_in(secret) else None
    changed = _OF_A_SHELL.search(command["rest"]) and not is_kept(command["rest"], secret or "")
    if label and (changed or WRONG.search(secret or "")):
        label = None  # the shell may have changed it, or it was meant to be wrong
    own, first, second = (_creds(words, names, vault) for names in (_CTR if command["tool"] == "ctr" else _CREDS))
    hosts = [m[1] for w in _arguments(words) if (m := _IMAGE_HOST.match(w))]
    host = next(iter(hosts), None)
    both = copies and len(hosts) > 1
    user = own or first or (None if both else second) or user
    if host is None and words[:1] == ["login"] and (last := _LOGIN_HOST.match(words[-1])):
        host = last[1]
    same = host is not None and host == before.host
    user = user or (before.user if same else None)
    there = (hosts[1].lower(), second or own) if both else None
    named = host is not None
    where = host or before.host
    return Context(where, user, line, command["tool"], before.into, before.under, there, named=named, password=label)


_PIPED = re.compile(
    r"\b(?:echo|printf)\s{1,20}(?:-n\s{1,20})?([\"']?)([^\s\"'|$`\\%]{1,200})\1\s{0,20}\|.{0,300}--password-stdin"
)
"""A password that is handed over as it stands; docker and its kin drop the newline of echo."""
_OF_A_SHELL = re.compile(r"[$`\\!]|%\w")
_TRACED = re.compile(r"\s{0,8}\+{1,3} ")
_OWN_LOGINS = re.compile(r"\s{0,8}(?:\+{1,3} )?export\s+(?:DOCKER_CONFIG|HOME|REGISTRY_AUTH_FILE)=")
_REMOTE = re.compile(r"(?:fatal|failed|changed|ok): \[(?!localhost\b|127\.)[\w.-]{1,255}[\] ]")
"""Ansible: what it tells of another machine."""


def _runs_under(line: str, before: Context) -> Context:
    """The context with the command whose output begins or ends with this line, where that runs others."""
    if before.under and (_OWN_LOGINS.match(line) or _REMOTE.match(line)):
        return replace(before, under="", command_line="")
    typed_here = called(line)
    if typed_here is None or (before.under and _TRACED.match(line) and not _TRACED.match(before.under)):
        return before
    call = call_of(line) if typed_here else None
    if call is None or not runs_others(call):
        return replace(before, under="")
    return replace(before, under=line, command_line=line)


def _called(line: str, before: Context) -> re.Match[str] | None:
    """A container command on this line: by itself, or behind `sudo -n`, `su -c`, `cd … &&` and such."""
    plain = _COMMAND.match(line)
    if plain:
        return plain
    typed_here = called(line) or (line.strip() if before.under else "")
    return _COMMAND.match(behind(typed_here)[1]) if typed_here else None


_CREDS = (("--creds",), ("--src-creds", "--src-username"), ("--dest-creds", "--dest-username"))
"""skopeo's options with a login: of the only registry, of the source, of the destination."""
_CTR = (("-u", "--user"), *_CREDS[1:])


def _creds(words: list[str], names: tuple[str, ...], vault: Vault) -> str | None:
    """The user of such an option; the password goes into the vault."""
    user, colon, secret = (_value_of(words, names) or "").partition(":")
    if not colon and not names[-1].endswith("username"):
        return None
    if secret and not stands_in(secret):
        vault.password(secret, user)
    return user or None


def command_of(line: str, before: Context, vault: Vault) -> tuple[str, Context] | None:
    """The verb of a container command ("push", "pull", "login", "copy", …) and the context that it sets; else None."""
    command = _called(line, before)
    if not command:
        return None
    words = [w for w in _words(command["rest"]) if not w.startswith("-")]
    if _COPIES.search(line):
        return "copy", typed(line, before, vault)
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
