"""What a learner looked at, and what of it is the same each time it is looked at."""

import hashlib
from dataclasses import dataclass
from typing import Literal

from runbook.lab.plan import Plan
from runbook.lazy import re

Kind = Literal["request", "file", "log"]
_CHANGING = re.compile(
    r"(?im)^(?:date|etag|docker-upload-uuid|last-modified|content-length): .*\n|\b[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}\b|_state=[\w%.=-]+"
    r'|"requestid":"[^"]*"|\b\d{4}-\d\d-\d\d[T ][\d:.]+Z?'
)
_TELLING = re.compile(r"(?im)^(HTTP/1\.1 \d+.*|(?:www-authenticate|access-control-[\w-]+|allow|location): .*)$")


@dataclass(frozen=True, slots=True)
class Asked:
    """A request as a learner makes it."""

    way: str
    login: str
    path: str
    method: str

    def words(self) -> str:
        """As a sentence says it."""
        if self.way == "docker":
            return "docker push with the login that the client keeps"
        where = "directly" if self.way == "direct" else "through the UI"
        who = {
            "right": "the right login",
            "wrong": "a wrong login",
            "none": "no login",
            "colleague": "a colleague's login",
        }
        return f"{self.method} {self.path} {where}, {who[self.login]}"


@dataclass(frozen=True, slots=True)
class Observation:
    """Something the learner looked at; it can be cited by its number."""

    number: int
    kind: Kind
    what: str
    """What a list shows: "GET /v2/ directly, the right login: 401"."""
    source: str
    """The file's or the log's name; for a request how it was made."""
    text: str
    """What was seen."""
    status: str = ""
    asked: Asked | None = None
    predicted: str = ""
    """What the learner had said before that it would be; only where that request was asked for the first time."""
    before_change: bool = True
    """Whether it was seen on the stack as it was drawn."""

    @property
    def came_true(self) -> bool | None:
        return self.predicted == self.status if self.predicted else None


def settled(kind: Kind, text: str, plan: Plan) -> str:
    """What is the same whenever and wherever the same is looked at: no times, no numbers drawn at random, no ports."""
    for name, port in (("REGISTRY", plan.registry_port), ("UI", plan.ui_port), ("INNER", plan.inner_port)):
        text = re.sub(rf"(?<!\d){port}(?!\d)", name, text)
    return _CHANGING.sub("", text) if kind == "request" else text


def digest(kind: Kind, text: str, plan: Plan) -> str:
    """The digest of that."""
    return hashlib.sha256(settled(kind, text, plan).encode("utf-8", "surrogateescape")).hexdigest()[:32]


def telling(text: str, plan: Plan) -> tuple[str, ...]:
    """Of an answer what tells one stack from another: status, challenge, what browsers may do, where an upload goes on."""
    lines = settled("request", text, plan).strip()
    return tuple(line.strip() for line in _TELLING.findall(lines)) or tuple(lines.splitlines()[-1:])
