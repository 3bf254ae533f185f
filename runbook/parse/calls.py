"""What was typed: which program, whose configuration it reads, and where a login's password comes from."""

import shlex
from dataclasses import replace
from functools import lru_cache
from typing import Literal

from runbook.lazy import re
from runbook.model import Call
from runbook.parse.prompts import TOOLS, prompted
from runbook.redact import Vault

_USER = re.compile(r"^\s{0,8}(?:\([\w./ -]{1,60}\) ?)?\[?([\w.-]{1,64})@([\w.-]{1,64})")
_ASSIGNED = re.compile(r"^((?:[A-Z_]{2,40}=\S{0,200}\s+)*)")
_CONFIG = re.compile(
    r"(?<![-=\w])DOCKER_CONFIG=(\S{1,200})|(?<![-=\w])HOME=(\S{1,200})|(?<![-=\w])REGISTRY_AUTH_FILE=(\S{1,200})"
)
_OPTION = re.compile(r"(?:^|\s)(?:--config|--authfile)[ =](\S{1,200})")
_VARIABLE = re.compile(
    r"\"?(?:\$(?:(\w{1,80})|\{(\w{1,80})(?:[:?-][^}]{0,80})?\})|%(\w{1,80})%|\$\{\{\s*\w+\.(\w{1,80})\s*\}\})\"?"
)
"""One variable and nothing beside it: what stands with a `$` among other letters, or in single quotes, is a password."""
_PASSWORD = re.compile(r"(?:^|\s)(?:-p|--password)(?:[ =]|(?=[\"'$]))([\"']?[^\s\"']{1,200}|[\"']{2})")
_PIPED = re.compile(
    r"\b(?:echo|printf)\s{1,20}(?:-\w{1,4}\s{1,20}|[\"']%s[\"']\s{1,20}){0,4}([\"']?[$%][^|]{1,200}?)\s{0,20}\|"
)
_INSIDE = re.compile(
    r"\b(?:docker|podman|nerdctl)(?:[ -]compose)?\s+(?:\S+\s+){0,8}?exec\b|\bkubectl\s+(?:\S+\s+){0,6}?exec\b"
)
_TAGGED = re.compile(
    r"\spush\s(?:[^|;&]{0,300}\s)?(?:[\w.-]{1,64}(?::\d{1,5})?/){0,8}[\w.-]{1,128}:([\w][\w.-]{0,127})\s*$"
)
"""A push ends with the image's name."""
_PUSHED = re.compile(
    r"\spush\s(?:[^|;&]{0,300}\s)?(?:(?:[\w.-]{1,64}[.:][\w.-]{1,64}|localhost)(?::\d{1,5})?/)?"
    r"((?:[\w.-]{1,64}/){0,8}[\w.-]{1,128})(?::[\w][\w.-]{0,127})?\s*$"
)
_VERBS = ("login", "push", "pull", "build", "buildx", "copy", "run")
ASKS = re.compile(
    r"\bskopeo\s(?=(?:[^|]{0,200}\s)?(?:inspect|list-tags)\s)[^|]{0,400}\bdocker://|"
    r"\bdocker\s+(?:manifest\s+inspect|buildx\s+imagetools\s+inspect)\s|"
    r"\bcrane\s(?:[^|]{0,200}\s)?(?:digest|manifest|config)\s|\boras\s+(?:manifest\s+fetch|resolve)\s"
)
"""Commands that ask a registry about an image and move none: they read, as a pull does."""


_SUDO = re.compile(
    r"(?:sudo|doas)\s+(?P<options>(?:(?:-[A-Za-z]{0,6}[ugpCDRThrtU]\s+[^\s-]\S{0,200}|--(?:user|group|chdir|host|prompt)\s+\S{1,200}"
    r"|-\S{1,200}|[A-Z_]{2,40}=\S{0,200})\s+){0,12})"
)
_AS_USER = re.compile(r"(?:^|\s)(?:-[A-Za-z]{0,6}u\s*|--user[= ]\s*)([\w.-]{1,64})")
_KEEPS_HOME = re.compile(r"(?:^|\s)(?:-[A-Za-gi-z]{0,6}E[A-Za-z]{0,6}|--preserve-env(?:=\S*\bHOME\b\S*)?)(?=\s|$)")
"""sudo sets HOME to that of the other user, unless it is told to keep the environment (run: 1.9.13, -E and -EH)."""
_SETS_HOME = re.compile(r"(?:^|\s)-[A-Za-z]{0,6}[Hi][A-Za-z]{0,6}(?=\s|$)|--(?:set-home|login)\b")
_BEFORE = re.compile(
    r"(?:(?:cd|pushd)\s+[^\s;&|]{1,200}\s{0,8}(?:&&|;)\s*|(?:time|nohup|exec|command|env|nice(?:\s+-n\s*\d+)?)\s+(?=\w|[./])"
    r"|[A-Z_]{2,40}=\S{0,200}\s+)"
)
"""What may stand before a command and leaves its user alone."""
_USUAL = re.compile(
    r"[\"']?(?:(?P<own>~|\$\{?HOME\}?)|/home/(?P<user>[\w.-]{1,64})|(?P<root>/root))(?:/\.docker(?:/config\.json)?)?/?[\"']?$"
)
_RUNS_OTHERS = "make npm python python3 ansible ansible-playbook source for while if".split()


@lru_cache(maxsize=256)
def call_of(line: str, under: str = "") -> Call | None:
    """The call on a command line, with or without a prompt before it; None of an empty line. `under`: the command that
    printed this line as one of its own (make, a script): the two have the same user, unless the line names another."""
    found = prompted(line)
    command = (found[1] if found else line).strip()
    if not command:
        return None
    before = line[: line.rfind(command)] if found else ""
    user = _USER.match(before)
    outer = call_of(under) if under else None
    typing = "root" if before.rstrip().endswith("#") else user[1] if user else outer.account if outer else ""
    account, words = behind(command, typing)
    config = _CONFIG.search(command) or _OPTION.search(command)
    kept = next((g for g in config.groups() if g), "") if config else ""
    if usual := _USUAL.match(kept):
        account, kept = typing if usual["own"] else usual["user"] or "root", ""
    elif outer and not kept and account == typing:
        kept = outer.config
    parts = [part.strip() for part in words.split("|")]
    called = next((p for p in parts if re.search(r"\blogin\b", p)), words).split()
    verb = "pull" if ASKS.search(words) else next((w for w in called[1:4] if w in _VERBS), "")
    variable = _of_password(words) if verb == "login" else None
    tagged = _TAGGED.search(words) if verb == "push" else None
    pushed = _PUSHED.search(words) if verb == "push" else None
    return Call(
        tool=called[0].rsplit("/", 1)[-1] if called else "",
        verb=verb,
        account=account,
        machine=user[2].lower() if user else outer.machine if outer else "",
        config=kept,
        inside=bool(_INSIDE.search(words)),
        given=variable[0] if variable else "",
        variable=variable[1] if variable else "",
        tag=tagged[1] if tagged else "",
        image=pushed[1] if pushed else "",
    )


def masked_call(call: Call | None, vault: Vault) -> Call | None:
    """A call as it may be kept: what is known to be secret is no tag, and a program that nobody knows may be a password
    that was typed at the prompt."""
    if call is None:
        return None
    tag = call.tag if vault.mask(call.tag) == call.tag else ""
    image = call.image if vault.mask(call.image) == call.image else ""
    return replace(
        call, tag=tag, image=image, tool=call.tool if call.tool in (*_RUNS_OTHERS, *TOOLS.split("|")) else ""
    )


def runs_others(call: Call) -> bool:
    """Whether the program runs others, and what it prints is theirs as well: make, a script, any that is none of the
    shell's usual tools."""
    return bool(call.tool) and (call.tool in _RUNS_OTHERS or call.tool not in TOOLS.split("|"))


def behind(command: str, account: str = "") -> tuple[str, str]:
    """Whose home the command runs with, and its words without what makes it so: sudo, su -c. `sg` changes no user."""
    words = command
    for _ in range(6):
        if first := _BEFORE.match(words):
            words = words[first.end() :]
        elif sudo := _SUDO.match(words):
            words, options = words[sudo.end() :], sudo["options"]
            named = _AS_USER.search(options)
            if not _KEEPS_HOME.search(options) or _SETS_HOME.search(options):
                account = named[1] if named else "root"
        elif other := _other_user(words, account):
            account, words = other
        else:
            break
    return account, words.strip()


def _other_user(words: str, account: str) -> tuple[str, str] | None:
    """The same of `su [-] [USER] -c COMMAND`, `runuser -u USER COMMAND` and `sg GROUP [-c] COMMAND`, if it is one."""
    if not re.match(r"(?:su|runuser|sg)\s", words):
        return None
    try:
        program, *rest = shlex.split(words)
    except ValueError:
        return None
    named: list[str] = []
    command, keeps = "", False
    while rest:
        word = rest.pop(0)
        if word in ("-c", "--command") and rest:
            command = rest.pop(0)
        elif word.startswith("--command="):
            command = word.partition("=")[2]
        elif word in ("-u", "--user") and rest:
            named.append(rest.pop(0))
            command = " ".join(rest[rest[:1] == ["--"] :])
            break
        elif word in ("-s", "-g", "-G", "-w") and rest:
            rest.pop(0)
        elif word in ("-m", "-p", "--preserve-environment"):
            keeps = True
        elif not word.startswith("-"):
            named.append(word)
    if program == "sg":
        return account, command or " ".join(named[1:])
    return (account if keeps else named[0] if named else "root"), command


def expands(command: str, secret: str) -> bool:
    """Whether the shell puts something else in place of a part of that word: in single quotes it takes all as it is."""
    return _EXPANDED.search(secret) is not None and not is_kept(command, secret) and "\\$" not in command


def is_kept(command: str, secret: str) -> bool:
    """Whether that word stands in single quotes."""
    return any(secret in quoted for quoted in _SINGLE.findall(command))


_EXPANDED = re.compile(r"\$[\w{(]|`")
_SINGLE = re.compile(r"'([^']{1,2000})'")


def _of_password(words: str) -> tuple[Literal["variable", "literal", "expanded", "stdin"], str] | None:
    """Where the password of a login comes from, and the variable's name where it is one."""
    given = _PASSWORD.search(words)
    piped = _PIPED.search(words) if "--password-stdin" in words else None
    text = piped[1] if piped else given[1] if given else ""
    if not text:
        return ("stdin", "") if "--password-stdin" in words else None
    named = _VARIABLE.fullmatch(text.strip())
    if named:
        return "variable", next(g for g in named.groups() if g)
    return ("expanded" if expands(words, text.strip("\"'")) else "literal"), ""
