"""What was typed: which program, whose configuration it reads, and where a login's password comes from."""

from dataclasses import replace
from functools import lru_cache
from typing import Literal

from runbook.lazy import re
from runbook.model import Call
from runbook.parse.prompts import prompted
from runbook.redact import Vault

_USER = re.compile(r"^\s{0,8}(?:\([\w./ -]{1,60}\) ?)?\[?([\w.-]{1,64})@([\w.-]{1,64})")
_ASSIGNED = re.compile(r"^((?:[A-Z_]{2,40}=\S{0,200}\s+)*)")
_CONFIG = re.compile(r"\bDOCKER_CONFIG=(\S{1,200})|\bHOME=(\S{1,200})|\bREGISTRY_AUTH_FILE=(\S{1,200})")
_OPTION = re.compile(r"(?:^|\s)(?:--config|--authfile)[ =](\S{1,200})")
_VARIABLE = re.compile(r"\$\{?(\w{1,80})\}?|%(\w{1,80})%|\$\{\{\s*\w+\.(\w{1,80})\s*\}\}")
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
_VERBS = ("login", "push", "pull", "build", "buildx", "copy", "run")
ASKS = re.compile(
    r"\bskopeo\s(?:[^|]*\s)?(?:inspect|list-tags)\s[^|]*\bdocker://|"
    r"\bdocker\s+(?:manifest\s+inspect|buildx\s+imagetools\s+inspect)\s|"
    r"\bcrane\s(?:[^|]*\s)?(?:digest|manifest|config)\s|\boras\s+(?:manifest\s+fetch|resolve)\s"
)
"""Commands that ask a registry about an image and move none: they read, as a pull does."""


@lru_cache(maxsize=256)
def call_of(line: str) -> Call | None:
    """The call on a command line, with or without a prompt before it; None of an empty line."""
    found = prompted(line)
    command = (found[1] if found else line).strip()
    if not command:
        return None
    before = line[: line.rfind(command)] if found else ""
    user = _USER.match(before)
    account = "root" if before.rstrip().endswith("#") else user[1] if user else ""
    assigned = _ASSIGNED.match(command)
    words = command[assigned.end() if assigned else 0 :]
    if re.match(r"sudo\b", words):
        account = "root" if not re.match(r"sudo\s+(?:-\S+\s+)*-u\b", words) else ""
        words = re.sub(r"^sudo\s+(?:-[A-Za-z]\s+)*", "", words)
    config = _CONFIG.search(command) or _OPTION.search(command)
    parts = [part.strip() for part in words.split("|")]
    called = next((p for p in parts if re.search(r"\blogin\b", p)), words).split()
    verb = "pull" if ASKS.search(words) else next((w for w in called[1:4] if w in _VERBS), "")
    variable = _of_password(words) if verb == "login" else None
    tagged = _TAGGED.search(words) if verb == "push" else None
    return Call(
        tool=called[0].rsplit("/", 1)[-1] if called else "",
        verb=verb,
        account=account,
        machine=user[2].lower() if user else "",
        config=next((g for g in config.groups() if g), "") if config else "",
        inside=bool(_INSIDE.search(words)),
        given=variable[0] if variable else "",
        variable=variable[1] if variable else "",
        tag=tagged[1] if tagged else "",
    )


def masked_call(line: str, vault: Vault) -> Call | None:
    """The call on a command line as it may be kept: what is known to be secret is no tag."""
    call = call_of(line)
    return replace(call, tag="") if call and call.tag and vault.mask(call.tag) != call.tag else call


def _of_password(words: str) -> tuple[Literal["variable", "literal", "stdin"], str] | None:
    """Where the password of a login comes from, and the variable's name where it is one."""
    given = _PASSWORD.search(words)
    piped = _PIPED.search(words) if "--password-stdin" in words else None
    text = piped[1] if piped else given[1] if given else ""
    if not text:
        return ("stdin", "") if "--password-stdin" in words else None
    named = _VARIABLE.search(text)
    return ("variable", next(g for g in named.groups() if g)) if named else ("literal", "")
