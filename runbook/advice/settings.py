"""Lines of configuration and commands inside advice that are wrong by what they do, however they are introduced."""

from collections.abc import Iterator
from dataclasses import dataclass

from runbook.advice.claims import Verdict
from runbook.lazy import re

_HTPASSWD = re.compile(r"\bhtpasswd((?:\s+-[A-Za-z]{1,6})+)((?:\s+[^\s`;|&#()<>]{1,200}){0,6})")
_ROOT = re.compile(
    r"(?:REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY|\brootdirectory)['\"]?\s{0,5}[:=]\s{0,5}['\"]?(/[\w./-]{0,200})",
    re.IGNORECASE,
)
_MOUNT = re.compile(
    r"(?:^|[\s'\"-])[\w./~${}-]{1,200}:(/[\w./-]{1,200})(?::r[ow])?['\"]?\s*$|\btarget:\s*(/[\w./-]{1,200})|-v\s+[\w./~$(){}-]{1,200}:(/[\w./-]{1,200})"
)
_ORIGIN = re.compile(
    r"Allow-Origin['\"]?\s{0,5}[:=,]?\s{0,5}[\[\]'\"\s\\]{0,8}(https?)://([\w.-]{1,100})(?::(\d{1,5}))?", re.IGNORECASE
)
_UNREAD = re.compile(
    r"^\s*(?:-\s*)?['\"]?(REGISTRY_(?:USER(?:NAME)?|PASSWORD|PROXY_AUTHORI[SZ]ATION))['\"]?\s{0,5}[:=]"
)
_UI = re.compile(r"docker-registry-ui|NGINX_PROXY_PASS_URL|registry-ui")


@dataclass(frozen=True, slots=True)
class Hit:
    """A line that does what a claim says."""

    line: int
    claim: str
    verdict: Verdict


def hits(lines: list[str], own: range) -> Iterator[Hit]:
    """What the lines of one block of code, or of one paragraph, do; `own` are their numbers, counted from 0."""
    block = [lines[n] for n in own]
    told = any(_UI.search(line) for line in block)
    for number in own:
        line = lines[number]
        for match in _HTPASSWD.finditer(line):
            if verdict := _verifies(match[1], match[2].split()):
                yield Hit(number, "verify-command", verdict)
        for match in _ORIGIN.finditer(line):
            if _never_sent(match[1].lower(), match[2], match[3]):
                yield Hit(number, "cors-container", "wrong")
        if told and _UNREAD.match(line):
            yield Hit(number, "ui-variables", "wrong")


def lost_root(lines: list[str]) -> Iterator[Hit]:
    """A root folder below no volume, when the text shows volumes at all."""
    mounts = [next(filter(None, m.groups())) for line in lines for m in _MOUNT.finditer(line)]
    shown = [path for path in mounts if not re.search(r"auth|htpasswd|cert|config|nginx|\.ya?ml", path)]
    for number, line in enumerate(lines):
        match = _ROOT.search(line)
        if match and shown and not any((match[1].rstrip("/") + "/").startswith(m.rstrip("/") + "/") for m in shown):
            yield Hit(number, "storage-root", "wrong")


def _verifies(options: str, words: list[str]) -> Verdict | None:
    """Whether a call that verifies has its arguments; None for one that does something else."""
    letters = set(options.replace("-", "").replace(" ", ""))
    if "v" not in letters or not words or "n" in letters:
        return None
    wanted = 3 if "b" in letters else 2
    names_a_file = bool(re.search(r"[/.$]|passwd|(?i:file|path)", words[0]))
    return "true" if len(words) >= wanted and names_a_file else "wrong" if not names_a_file else None


def _never_sent(scheme: str, host: str, port: str | None) -> bool:
    """Whether no browser sends that origin: it leaves the usual port out, and knows no container's name."""
    usual = {"http": "80", "https": "443"}[scheme]
    return port == usual or (("ui" in host.lower() or host == "registry") and "." not in host)
