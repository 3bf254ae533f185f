"""Kubernetes manifests among the files of a bundle: their objects joined, the files inside them given to their parsers.

A file inside a ConfigMap is judged like any other; its lines are those of the manifest, so that a diff is one
of the manifest. What stands in base64 has no lines there and keeps a name of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal

from runbook.collect.clients import with_services
from runbook.collect.kinds import HEAD, recognise
from runbook.collect.scrub import with_places
from runbook.model import ClientConfig, FileKind, Place, Problem, RegistryFile
from runbook.parse import ParseError

if TYPE_CHECKING:
    from runbook.collect.harvest import Harvest
    from runbook.parse.kubernetes import Entry, Manifests, Object
    from runbook.parse.kubernetes.data import Data

_JUDGED: tuple[FileKind, ...] = (
    "registry-config", "nginx", "caddy", "haproxy", "apache", "traefik", "docker-config", "daemon-config", "puller",
)  # fmt: skip
_LOGINS = (".dockerconfigjson", ".dockercfg")
_MOST_FILES = 200


@dataclass(slots=True)
class Parts:
    """The manifests of a bundle, file by file, until all of them are known."""

    texts: dict[str, str] = field(default_factory=dict)
    objects: list[Object] = field(default_factory=list)
    charted: list[Data] = field(default_factory=list)
    values: dict[str, str] = field(default_factory=dict)
    """Values of charts, by their files."""
    moved: dict[str, str] = field(default_factory=dict)
    """Name of a file inside a manifest whose lines are the manifest's → the manifest."""
    manifests: Manifests | None = None


def add_manifests(to: Harvest, name: str, text: str) -> None:
    """The objects of one file."""
    from runbook.parse.kubernetes import read_objects
    from runbook.parse.kubernetes.charts import chart_of, values_in

    found = read_objects(text, name)
    to.cluster.texts[name] = _beside(to.cluster.texts.get(name), text)
    to.cluster.objects += found
    for one in found:
        for values, own in values_in(one, text):
            if (made := chart_of(values, {name: own}, name, to.vault)) is not None:
                to.cluster.objects += made.objects
                to.cluster.charted += made.data
            elif values is not None:
                message = f"The values in {one.kind} {one.name} are of no chart that is known here; they were not read."
                masked = to.vault.mask(message, 300)
                to.problems.append(Problem(place=values.place, message=masked, kind="other-project"))


def _beside(known: str | None, text: str) -> str:
    """Several manifests of one paste: each has its own rows, and empty ones where the others stand."""
    if known is None:
        return text
    one, other = known.split("\n"), text.split("\n")
    rows = max(len(one), len(other))
    one += [""] * (rows - len(one))
    other += [""] * (rows - len(other))
    return "\n".join(b if b.strip() else a for a, b in zip(one, other, strict=True))


def add_values(to: Harvest, name: str, text: str) -> None:
    """Values of a chart."""
    from runbook.parse.yaml_nodes import load_yaml

    load_yaml(text, name, duplicates="last")  # raises where it is no YAML
    to.cluster.texts[name] = to.cluster.values[name] = text


def join(to: Harvest) -> None:
    """Join all manifests, and read the files inside them."""
    parts = to.cluster
    if not parts.objects and not parts.values:
        return
    from runbook.parse.kubernetes import parse_manifests
    from runbook.parse.kubernetes.charts import layered

    charts, notes = layered(parts.values, to.vault)
    for charted in charts:
        parts.objects += charted.objects
        parts.charted += charted.data

    made = parse_manifests(tuple(parts.objects), parts.texts, to.vault, tuple(parts.charted))
    parts.manifests = made
    to.routes.extend(made.routes)
    to.listings.extend(made.folders)
    for place, what in made.missing:
        message = f"{what}: the kubelet does not start the container that needs it."
        to.problems.append(Problem(place=place, message=message))
    here = any(s.role in ("registry", "ui", "proxy") for s in made.services) or made.routes
    for note in (*notes, *made.notes):
        # What is made elsewhere matters where the stack runs in this cluster; a file that is left out never does.
        kind: Literal["", "other-project"] = "" if here and note.open else "other-project"
        to.problems.append(Problem(place=note.place, message=to.vault.mask(note.text, 300), kind=kind))
    for service in made.unled:
        labels = ", ".join(f"{k}: {v}" for k, v in service.selector.items())
        message = f"The Service {service.name} selects pods with {labels}, and none of these manifests makes one."
        to.problems.append(Problem(place=service.place, message=to.vault.mask(message, 300)))
    to.clients.extend(
        ClientConfig(file=d.place.file, reader="kubelet", secret_name=d.name, namespace=d.namespace)
        for d in made.store.all
        if _without_key(d)
    )
    entries = [(data, entry) for data in made.store.all for entry in data.entries.values()]
    for data, entry in entries[:_MOST_FILES]:
        try:
            _read(to, data, entry)
        except ParseError as error:
            place = Place(parts.moved.get(error.file, error.file), error.line)
            to.problems.append(Problem(place=place, message=to.vault.mask(error.message, 500)))


_KEY_OF = {"kubernetes.io/dockerconfigjson": ".dockerconfigjson", "kubernetes.io/dockercfg": ".dockercfg"}


def _without_key(data: Data) -> bool:
    """Whether the API server refuses it: a Secret of this type must have this key (kubernetes validation.go)."""
    return data.complete and bool(data.entries) and _KEY_OF.get(data.type, next(iter(data.entries))) not in data.entries


def _read(to: Harvest, data: Data, entry: Entry) -> None:
    """Give one key of a ConfigMap or Secret to the parser of its kind."""
    if not entry.readable:
        message = f"{data.kind} {data.name}: the value of {entry.key} is not base64; kubectl refuses it."
        to.problems.append(Problem(place=entry.place, message=message))
    if entry.hidden:
        message = f"{data.kind} {data.name}: the value of {entry.key} was blacked out before it was handed over."
        to.problems.append(Problem(place=entry.place, message=message, kind="blacked-out"))
    text = entry.text
    if text is None or entry.content is None or not text.strip():
        return
    kind = "docker-config" if entry.key in _LOGINS else recognise(entry.key, text[:HEAD])
    if entry.base:
        kind = "registry-config"
    if kind == "htpasswd":
        to.add_htpasswd(entry.name, entry.content)
        return
    if kind not in _JUDGED:
        return
    if entry.lines is not None:
        parts = to.cluster
        parts.moved[entry.name] = entry.place.file
    logins = len(to.clients)
    to.add_text(kind, entry.name, entry.lines if entry.lines is not None else text)
    if kind == "docker-config" and data.type.startswith("kubernetes.io/dockerc"):
        named = [
            replace(c, reader="kubelet", secret_name=data.name, namespace=data.namespace) for c in to.clients[logins:]
        ]
        to.clients[logins:] = named if entry.key in _LOGINS else []
    if entry.base and to.registry_files and to.registry_files[-1].file == entry.name:
        to.registry_files[-1] = _with_base(to, to.registry_files[-1], entry.base)


def _with_base(to: Harvest, own: RegistryFile, base: str) -> RegistryFile:
    """What a chart sets where the values say nothing."""
    from runbook.parse.registry_config import parse_registry_config

    below = parse_registry_config(base, "the chart's own configData", to.vault)
    settings = {k: replace(s, place=None) for k, s in below.settings.items() if k not in own.settings}
    sections = tuple(dict.fromkeys((*own.sections, *below.sections)))
    return replace(own, settings=settings | own.settings, sections=sections)


def finish(to: Harvest) -> None:
    """Add the containers to the project, and put the lines of files inside manifests where they stand."""
    parts = to.cluster
    if parts.manifests is None:
        return
    from runbook.stack.ui import assign_services

    to.compose = with_services(to.compose, parts.manifests.services, tuple(parts.texts), "kubernetes")
    to.routes[:] = [replace(r, platform="kubernetes") if " § " in r.place.file else r for r in to.routes]
    to.routes[:] = assign_services(to.routes, to.compose)
    moved = _mover(parts.moved)
    to.routes[:] = [with_places(route, moved) for route in to.routes]
    to.registry_files[:] = [_moved_file(file, moved) for file in to.registry_files]


def _mover(moved: dict[str, str]) -> Callable[[Place], Place]:
    return lambda place: Place(moved[place.file], place.line) if place.file in moved else place


def _moved_file(file: RegistryFile, moved: Callable[[Place], Place]) -> RegistryFile:
    """The file keeps its own name, by which a mount is known; its lines are the manifest's."""
    return replace(
        file,
        settings={k: replace(s, place=moved(s.place)) if s.place else s for k, s in file.settings.items()},
        refused=tuple((moved(place), text) for place, text in file.refused),
    )
