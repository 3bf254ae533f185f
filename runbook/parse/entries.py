"""What follows from a command as it was typed: a password that the shell changes before it is hashed, the address of a
container that `docker inspect -f` printed, the keys of a Secret, and whether a ping of some size came back.
"""

from itertools import pairwise

from runbook.lazy import re
from runbook.model import Message, MessageKind, Place
from runbook.parse.prompts import prompted
from runbook.redact import Vault

_ENTRY = re.compile(
    r"\bhtpasswd\s+(?:(?!-)[\w./:@-]{1,120}\s+)?(?:-\w{1,8}\s+){0,6}-\w{0,6}b\w{0,6}\s+(?:-\w{1,8}(?:\s+\d{1,2})?\s+){0,6}(?P<words>[^|;&<>\n]{1,300})"
)
_WORD = re.compile(r"\"[^\"]{0,200}\"|'[^']{0,200}'|[^\s\"']{1,200}")
_EXPANDED = re.compile(r"[^$\s][^$]{0,100}(?<!\\)\$(?=[a-z_])(?P<name>\w{1,60})")
"""Letters and then a variable that nobody would set: `Pa$word12`; `$PASS` and `x-$TOKEN` are meant."""


def entries(lines: list[str], file: str, vault: Vault) -> list[Message]:
    """Of each user the last command that makes an entry, if the shell shortens the password on it."""
    last: dict[str, Message | None] = {}
    for number, line in enumerate(lines, 1):
        if "htpasswd" not in line or (typed := prompted(line)) is None or not (made := _ENTRY.search(typed[1][:2000])):
            continue
        words = _WORD.findall(made["words"])
        if len(words) < 2:
            continue
        user, password = words[-2].strip("\"'"), words[-1]
        expanded = password[:1] != "'" and _EXPANDED.match(password.strip('"')) is not None
        if expanded:
            vault.password(password.strip('"'), user)
        place = Place(file, number)
        text = vault.mask(line.strip(), 300)
        last[user] = Message(kind="password-expanded", place=place, text=text, user=user) if expanded else None
    return [message for message in last.values() if message is not None]


_ADDRESS = re.compile(
    r"\b(?:docker|podman|nerdctl)\b.{0,40}\binspect\b.{0,300}IPAddress.{0,200}\s(?P<name>[\w.-]{1,80})\s*$"
)
_IPV4 = re.compile(r"\s{0,8}['\"]?(?P<ip>(?:\d{1,3}\.){3}\d{1,3})['\"]?\s*$")


def addresses(lines: list[str], file: str) -> list[Message]:
    """The addresses of containers, from the row behind each command that asks for one."""
    found = []
    for number, (line, after) in enumerate(pairwise(lines), 2):
        typed = prompted(line) if "IPAddress" in line else None
        asked = _ADDRESS.search(typed[1][:2000]) if typed else None
        if asked and (given := _IPV4.match(after)):
            at = Place(file, number)
            found.append(
                Message(kind="container-address", place=at, text=given["ip"], page=asked["name"], detail=given["ip"])
            )
    return found


_DESCRIBED = re.compile(r"\b(?:kubectl|oc)\b.{0,200}\bdescribe\s+secrets?\b")
_ABOUT = re.compile(r"(?P<what>Name|Namespace):\s{1,20}(?P<value>[\w.-]{1,120})\s*$")
_KEY = re.compile(r"(?P<key>[\w.-]{1,120}):\s{1,20}\d{1,9} bytes\s*$")
_LONGEST = 60


_NO_HOST = re.compile(
    r"checking push permission for \\?\"/[^\"\s]{1,300}\"|invalid (?:argument|tag) \\?\"/[^\"\s]{1,300}\".{0,200}invalid reference format"
)
_NAMED_BY = re.compile(r"(?:--destination|--tag|-t|\bpush)[ =][\"']?\$\{?(?P<variable>\w{1,80})\}?/")
_ABOVE = 12


def nameless(lines: list[str], file: str) -> list[Message]:
    """Images whose name begins with a slash, and the variable that was to stand before it in the command above."""
    found = []
    for number, line in enumerate(lines, 1):
        if '"/' not in line or not _NO_HOST.search(line[:4000]):
            continue
        above = (_NAMED_BY.search(row[:4000]) for row in reversed(lines[max(0, number - _ABOVE) : number - 1]))
        variable = next((m["variable"] for m in above if m), "")
        text = "the name of the image begins with a slash: nothing stands where its registry should"
        found.append(Message(kind="host-empty", place=Place(file, number), text=text, detail=variable))
    return found


_MADE = re.compile(
    r"\s{0,8}(?:[^\n$#>]{0,80}[$#>]\s+)?kubectl\s(?:-\S{1,80}\s|--?n\S{0,20}\s\S{1,80}\s){0,4}create secret docker-registry\s+(?P<name>[a-z0-9][\w.-]{0,252})"
)
"""The command that makes a Secret for pulling: its only key is .dockerconfigjson."""


def secret_keys(lines: list[str], file: str) -> list[Message]:
    """The keys of Secrets, from what `kubectl describe secret` printed behind the command."""
    found = []
    for number, line in enumerate(lines, 1):
        if made := _MADE.match(line[:2000]) if "docker-registry" in line else None:
            text = f"kubectl makes the Secret {made['name']} with the key .dockerconfigjson"
            at = Place(file, number)
            found.append(
                Message(kind="secret-keys", place=at, text=text, page=made["name"], detail=".dockerconfigjson")
            )
        typed = prompted(line) if "describe" in line else None
        if typed is None or not _DESCRIBED.search(typed[1][:2000]):
            continue
        about: dict[str, str] = {}
        keys: list[str] = []
        for row in lines[number : number + _LONGEST]:
            if prompted(row) is not None:
                break
            if said := _ABOUT.match(row):
                about.setdefault(said["what"], said["value"])
            elif key := _KEY.match(row):
                keys.append(key["key"])
        if keys and "Name" in about:
            name = "/".join((*([about["Namespace"]] if "Namespace" in about else []), about["Name"]))
            text = f"Secret {name}: {', '.join(keys)}"
            at = Place(file, number)
            found.append(Message(kind="secret-keys", place=at, text=text, page=name, detail=", ".join(keys)))
    return found


_PING = re.compile(
    r"\bping(?:\.exe)?\s(?=.{0,200}(?:-M\s?(?:do|probe)\b|-D\b|-f\b)).{0,200}?-(?:s|l)\s?(?P<size>\d{3,5})\b"
)
_BACK = re.compile(r"\d{2,5} bytes from |\b[1-9]\d{0,3} (?:packets )?received|Reply from \S{1,60} bytes=")
_AWAY = re.compile(
    r"\b0 (?:packets )?received|\b100(?:\.0)?% (?:packet )?loss|needs to be fragmented|[Mm]essage too long"
)
_HEADERS = 28
"""Bytes of IP and ICMP before what ping sends."""


def pings(lines: list[str], file: str) -> list[Message]:
    """Of each ping with a size that may not be cut whether it came back."""
    found = []
    for number, line in enumerate(lines, 1):
        typed = prompted(line) if "ping" in line else None
        asked = _PING.search(typed[1][:2000]) if typed else None
        if asked is None:
            continue
        for at, row in enumerate(lines[number : number + _LONGEST], number + 1):
            if prompted(row) is not None:
                break
            back, away = _BACK.search(row[:400]), _AWAY.search(row[:400])
            if back or away:
                size = str(int(asked["size"]) + _HEADERS)
                text = f"ping of {size} bytes that may not be cut: {'came back' if back else 'lost'}"
                kind: MessageKind = "ping-passed" if back else "ping-lost"
                found.append(Message(kind=kind, place=Place(file, at), text=text, detail=size))
                break
    return found
