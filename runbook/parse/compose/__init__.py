"""Compose projects as `docker compose config` reads them: variables, several files, extends, include."""

import posixpath
from collections.abc import Collection
from collections.abc import Mapping as Dict
from collections.abc import Sequence as List

from runbook.model import Compose
from runbook.parse import ParseError
from runbook.parse.compose.extends import extended, referenced
from runbook.parse.compose.load import Lookup, Notes, load, read_dotenv
from runbook.parse.compose.merge import merge, without_resets
from runbook.parse.compose.refusals import check_references, check_types
from runbook.parse.compose.services import Project, service, text_of
from runbook.parse.dotenv import Variable
from runbook.parse.yaml_nodes import Mapping, Node
from runbook.redact import Vault

_BASES = ("compose.yaml", "compose.yml", "docker-compose.yaml", "docker-compose.yml")


def parse_compose(
    files: List[tuple[str, str]],
    dotenv: List[tuple[str, str]],
    env_files: Dict[str, str],
    vault: Vault,
    blank: Collection[str] = (),
) -> Compose:
    """The project that these files make. `files`: path and text, later ones laid over earlier ones;
    `dotenv`: the `.env` files; `env_files`: whatever `env_file:` may name;
    `blank`: variables of which Compose said that they are not set.

    What Compose would refuse is noted in `refused`; only what is no YAML at all raises ParseError.
    """
    notes = Notes(vault)
    variables = {file: read_dotenv(text, file, notes) for file, text in dotenv}
    merged: dict[str, Mapping] = {}
    projects: list[tuple[str, Mapping, Lookup]] = []
    for group in _projects(files, variables):
        folder = posixpath.dirname(group[0][0])
        lookup = _lookup(folder, variables)
        merged |= _trees(files, group, lookup, notes)
        trees = [merged[file] for file, _ in group if file in merged]
        top = without_resets(_joined(trees))
        projects.append((folder, top if isinstance(top, Mapping) else trees[0], lookup))
    known = {**env_files, **dict(dotenv)}
    services, volumes, name = [], dict[str, None](), None
    for folder, top, lookup in projects:
        project = Project(top, folder, known, lookup, notes, whole=bool(dotenv), blank=frozenset(blank))
        check_types(top, notes)
        found = project.section("services")
        own = [service(k, v, project) for k, v in found.pairs if isinstance(v, Mapping)] if found is not None else []
        check_references(own, project)
        services += own
        volumes |= dict.fromkeys(n for n, _ in project.section("volumes") or ())
        name = name or text_of(top.get("name")) or lookup("COMPOSE_PROJECT_NAME")
    return Compose(
        files=tuple(file for file, _ in files),
        services=tuple(services),
        volumes=tuple(volumes),
        interpolations=tuple(notes.interpolations.values()),
        refused=tuple(notes.refused),
        name=name,
        platform=next((s.platform for s in sorted(services, key=lambda s: s.role != "registry")), "compose"),
    )


def _trees(
    files: List[tuple[str, str]], group: List[tuple[str, str]], lookup: Lookup, notes: Notes
) -> dict[str, Mapping]:
    """Each file's tree with its extends resolved; files that others extend are read along."""
    raw: dict[str, Mapping] = {}
    for file, text in files:
        documents = load(text, file, lookup, notes if (file, text) in group else Notes(notes.vault))
        if documents:
            raw[file] = _joined(documents)
    return {file: extended(file, raw, notes) for file, _ in group if file in raw}


def _joined(trees: List[Mapping]) -> Mapping:
    if not trees:
        raise ParseError("compose", None, "empty compose file")
    whole: Node = trees[0]
    for tree in trees[1:]:
        whole = merge(whole, tree)
    if not isinstance(whole, Mapping):
        raise ParseError(trees[0].place.file, None, "top-level object must be a mapping")
    return whole


def _projects(files: List[tuple[str, str]], variables: Dict[str, Dict[str, Variable]]) -> list[list[tuple[str, str]]]:
    """The files by project, in merge order. A file that others only extend or include is none of them,
    and two complete files of the standard name in different folders are two projects."""
    aside = set().union(*(referenced(file, text) for file, text in files)) if len(files) > 1 else set()
    main = [f for f in files if f[0] not in aside or posixpath.basename(f[0]) in _BASES] or list(files)
    main = _ordered(main, variables)
    groups: list[list[tuple[str, str]]] = []
    for file in main:
        folder, name = posixpath.split(file[0])
        if groups and name in _BASES and any(posixpath.dirname(f) != folder for f, _ in groups[-1]):
            groups.append([file])
            continue
        home = next((g for g in groups if posixpath.dirname(g[0][0]) == folder), groups[0] if groups else None)
        if home is None:
            groups.append([file])
        elif not (name in _BASES and any(posixpath.basename(f) in _BASES for f, _ in home)):
            home.append(file)
    return groups or [list(files)]


def _ordered(files: list[tuple[str, str]], variables: Dict[str, Dict[str, Variable]]) -> list[tuple[str, str]]:
    """COMPOSE_FILE of an .env gives the order; otherwise overrides come after the file that they override."""
    listed = next((v["COMPOSE_FILE"].value for v in variables.values() if "COMPOSE_FILE" in v), "")
    names = [posixpath.basename(n.replace("\\", "/")) for n in listed.replace(";", ":").split(":") if n]
    if names and {posixpath.basename(f) for f, _ in files} >= set(names):
        return sorted(
            (f for f in files if posixpath.basename(f[0]) in names),
            key=lambda f: names.index(posixpath.basename(f[0])),
        )
    return sorted(files, key=lambda f: "override" in posixpath.basename(f[0]))


def _lookup(folder: str, variables: Dict[str, Dict[str, Variable]]) -> Lookup:
    """Variables of the .env beside the project, or of the only one there is. The shell's are not known."""
    own = next((v for f, v in variables.items() if posixpath.dirname(f) == folder), None)
    if own is None and variables:
        own = next(iter(variables.values()))
    chosen = own or {}
    return lambda name: chosen[name].value if name in chosen else None


__all__ = ["parse_compose"]
