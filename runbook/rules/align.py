"""What the rules about files that must agree share: citations, line edits, and how a change reaches the registry."""

import re
from itertools import takewhile

from runbook.model import (
    Edit,
    Evidence,
    EvidenceItem,
    Fix,
    Place,
    Registry,
    Service,
    Setting,
    Symptom,
)
from runbook.model.command import Command, Word, user
from runbook.observe.signature import is_registrys
from runbook.rules import logins, shell
from runbook.rules.base import Facts
from runbook.rules.evidence import Item, context, read
from runbook.rules.hop_edits import drop, insert, line_of, swap
from runbook.rules.hops import user_of
from runbook.rules.platform import restarted, runs_registry

S = Symptom
base, subject = logins.url, shell.subject
DOWN = (S.NOT_STARTED, S.UNREACHABLE, S.EMPTY_REPLY, S.BAD_GATEWAY)
"""What a registry that does not start shows."""
REFUSED = (S.LOGIN_401_DIRECT, S.LOGIN_401, S.LOGIN_WOULD_FAIL)
"""Credentials that the registry itself refuses."""
OPEN = (S.OPEN_DIRECT, S.OPEN_VIA, S.PING_OPEN)


# ---- citations ---------------------------------------------------------------------------------------


def observed(facts: Facts, *wanted: Symptom) -> tuple[EvidenceItem, ...]:
    """What shows the symptoms, two places each, four at most; each cited as the request, line or message that it is."""
    shown = (i for o in facts.traffic.sightings if o.symptom in wanted for i in o.evidence[:2])
    return tuple(shown)[:4]


def name_of(setting: Setting | None, key: str) -> str:
    """A setting as it is written: by its variable's name, or by its dotted name in the file."""
    return setting.origin if setting and setting.origin.startswith("REGISTRY_") else key


def stated(setting: Setting | None, key: str) -> Item:
    """A setting as evidence: read where a file sets it; the image's own default only explains. None: not set."""
    if setting is None:
        return None
    what = f"{name_of(setting, key)}: {setting.value}"
    return read(what, setting.place) if setting.place else context(f"{what} (the image's default)")


def prefix_of(facts: Facts) -> str:
    """http.prefix without the strokes around it; "" for none."""
    setting = facts.registry.settings.get("http.prefix") if facts.registry else None
    return str(setting.value).strip("/") if setting and isinstance(setting.value, str) else ""


def answers(facts: Facts) -> bool:
    """Whether a registry was seen running: it listens, or a response carries its header."""
    headers = any(is_registrys(e) for e in facts.traffic.exchanges)
    return headers or bool(facts.traffic.logged("listening"))


# ---- commands ----------------------------------------------------------------------------------------


def whom(facts: Facts) -> Word:
    """The user in question, else the placeholder."""
    return user(user_of(facts))


def status(facts: Facts, *options: str | Word, path: str = "/v2/", expect: str) -> Command:
    """The command that prints the status of a request to the registry."""
    return shell.status(base(facts), *options, path=path, expect=expect)


def login(facts: Facts) -> Command:
    """The command that shows that the credentials work; curl asks for the password itself."""
    return status(facts, "-u", whom(facts), expect="200")


def anonymous(facts: Facts, registry: Registry | None) -> Command:
    """The command that shows that the registry answers a request without credentials as it is configured."""
    return status(facts, expect="200" if registry and registry.auth == "none" else "401")


def change(
    facts: Facts,
    registry: Registry | None,
    summary: str,
    *verify: Command,
    edits: tuple[Edit, ...] = (),
    before: tuple[Command, ...] = (),
    after: tuple[Command, ...] = (),
    place: Place | None = None,
    fresh: bool = False,
) -> Fix:
    """The fix of a change to a registry's settings, where the edits are or else at the place given. `fresh`: nothing that
    Compose would notice changes.

    Compose creates a container again when its own definition changes. A changed config.yml it does not notice, and
    where that file is mounted by itself the container keeps the old one until it is created again.
    """
    places = [Place(e.file, e.line) for e in edits] or ([place] if place else [])
    in_file = fresh or (registry is not None and registry.config_file in {p.file for p in places})
    runs = registry.service if registry else None
    if runs is None:
        again = restarted(runs_registry(facts), fresh=in_file)
    else:
        again = restarted(runs, next(iter(places), runs.place), fresh=in_file)
    typed = (*before, *again.commands, *after)
    return Fix(summary=summary, commands=typed, verify=verify, applies=again.applies, edits=edits)


# ---- edits -------------------------------------------------------------------------------------------


def add_variables(evidence: Evidence, registry: Registry, *pairs: tuple[str, str]) -> tuple[Edit, ...]:
    """The edit that adds variables below the last one of the registry, written like that one."""
    service = registry.service
    own = [v for v in service.environment if v.place.file == service.place.file] if service else []
    last = max(own, key=lambda v: v.place.line or 0, default=None)
    if last is None:
        return _new_section(evidence, service, pairs) if service and not service.environment else ()
    old = line_of(evidence, last.place)
    if old is None or last.name not in old:
        return ()
    listed = old.lstrip().startswith("-")
    lines = [f"- {name}={value}" if listed else f"{name}: {_yaml(value)}" for name, value in pairs]
    indent = old[: len(old) - len(old.lstrip())]
    return insert(evidence, last.place, f"\n{indent}".join(lines))


def _new_section(evidence: Evidence, service: Service, pairs: tuple[tuple[str, str], ...]) -> tuple[Edit, ...]:
    """An `environment:` of its own, right below the service's name, indented like what is there."""
    place = service.place
    head = line_of(evidence, place)
    below = line_of(evidence, Place(place.file, (place.line or 0) + 1))
    file = next((f for f in evidence.files if f.path == place.file), None)
    if head is None or below is None or file is None or not head.rstrip().endswith(":") or place.line is None:
        return ()
    outer, inner = (len(t) - len(t.lstrip()) for t in (head, below))
    block = takewhile(lambda t: not t.strip() or len(t) - len(t.lstrip()) > outer, file.lines[place.line :])
    if inner <= outer or any(t.strip().startswith("environment") for t in block):
        return ()
    step = " " * (inner - outer)
    lines = ["environment:", *(f"{step}{name}: {_yaml(value)}" for name, value in pairs)]
    text = "\n".join(f"{' ' * inner}{line}" for line in lines)
    return (Edit(file=place.file, line=place.line, old=None, new=text),)


def rename(evidence: Evidence, place: Place, written: str, name: str) -> tuple[Edit, ...]:
    """The edit that gives the variable in that line its right name."""
    return swap(evidence, place, rf"(?<!\w){re.escape(written.strip())}\s*(?=[=:'\"]|$)", name)


def unset(evidence: Evidence, setting: Setting | None, key: str = "") -> tuple[Edit, ...]:
    """The edit that takes a setting out: the line of its variable, or that of its key in block style in a file."""
    if setting is None or setting.place is None:
        return ()
    written = setting.origin if setting.origin.startswith("REGISTRY_") else key.rpartition(".")[2]
    return drop(evidence, setting.place, rf"^\s*(?:-\s*)?[\"']?{re.escape(written)}[\"']?\s*[:=].*$") if written else ()


def _yaml(value: str) -> str:
    """A value that YAML reads as that very text; docker-compose 1 refuses a boolean as a variable's value."""
    plain = re.fullmatch(r"[A-Za-z/][\w./ -]*", value) and value.lower() not in ("true", "false", "yes", "no", "null")
    return value if plain else f"'{value}'"
