"""Which compose files make the project, and in which order: as `docker compose` picks them in a folder. Pure."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import PurePosixPath

from runbook.lazy import re

_BASE = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
_OVERRIDE = re.compile(r"(?:docker-)?compose\.override\.ya?ml", re.IGNORECASE)
SET_ASIDE = re.compile(r"[._-](?:old|bak|backup|orig|copy|save|disabled|example|sample|dist|v?\d{4,})\b", re.IGNORECASE)
"""Names of files that somebody put away."""
_ENVIRONMENT = re.compile(
    r"[._-](?:(prod|production|live)|dev|develop|development|local|tests?|testing|ci|stage|staging|qa|preprod)\b",
    re.IGNORECASE,
)
_REGISTRY_IMAGE = re.compile(
    r"image:\s{0,40}[\"']?(?:[\w.:-]{1,100}/){0,6}(?:registry|distribution)(?::|@|[\"'\s]|$)", re.MULTILINE
)
_COMPOSE_FILE = re.compile(r"^\s*(?:export\s+)?COMPOSE_FILE\s*=\s*[\"']?([^\"'#\n]+)", re.MULTILINE)


_UP = re.compile(
    r"\bdocker[ -]compose((?:[ \t]+-{1,2}[\w-]{1,30}(?:=\S{1,200}|[ \t]+[^\s-]\S{0,200})?){0,20})[ \t]+up\b"
)


@dataclass(frozen=True, slots=True)
class Typed:
    """What somebody's `docker compose … up` names."""

    files: tuple[str, ...] = ()
    env_files: tuple[str, ...] = ()


def typed(texts: Iterable[str]) -> Typed:
    """The files that the commands in these texts name; none where two commands name different ones."""
    found: set[Typed] = set()
    for match in (m for text in texts for m in _UP.finditer(text)):
        words = match[1].replace("=", " ").split()
        named: dict[str, list[str]] = {"-f": [], "--env-file": []}
        for option, value in pairwise(words):
            named.get("-f" if option == "--file" else option, []).append(value.strip("\"'"))
        found.add(Typed(tuple(named["-f"]), tuple(named["--env-file"])))
    return found.pop() if len(found) == 1 else Typed()


def _found(names: Sequence[str], paths: Iterable[str]) -> tuple[str, ...]:
    """The paths that were meant, if each is there once."""
    paths = tuple(paths)
    ends = [[p for p in paths if f"/{p}".endswith(f"/{name.removeprefix('./')}")] for name in names]
    return tuple(end[0] for end in ends) if all(len(end) == 1 for end in ends) else ()


def choose(
    texts: Mapping[str, str], dotenv: Mapping[str, str], by: Typed = Typed()
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """The paths of the project's files in merge order, and those that do not belong to it."""
    inner = {path: _taken_in(path, texts) for path in texts}
    folders: dict[str, list[str]] = {}
    for path in texts:
        if not any(path in parts for parts in inner.values()):
            folders.setdefault(str(PurePosixPath(path).parent), []).append(path)
    if not folders:
        return (), tuple(texts)
    home = min(folders, key=lambda f: _rank(f, [texts[q] for p in folders[f] for q in (p, *inner[p])]))
    chosen = _found(by.files, texts) or _named(home, texts, dotenv) or _ordered(folders[home], texts)
    whole = tuple(dict.fromkeys((*chosen, *(q for p in chosen for q in inner[p]))))
    return whole, tuple(path for path in texts if path not in whole)


def _taken_in(path: str, texts: Mapping[str, str]) -> tuple[str, ...]:
    """The files that one extends or includes, and those that they do."""
    from runbook.parse.compose.extends import referenced

    found: dict[str, None] = {}
    todo = [path]
    while todo:
        one = todo.pop()
        named = referenced(one, texts[one]) if re.search(r"\b(?:extends|include):", texts[one]) else ()
        new = [name for name in sorted(named) if name in texts and name not in found and name != path]
        found |= dict.fromkeys(new)
        todo += new
    return tuple(found)


def project_dotenv(
    chosen: Sequence[str], dotenv: Mapping[str, str], by: Typed = Typed()
) -> tuple[tuple[str, str], ...]:
    """The files that a command names; else the .env beside the project's first file, or the only one of the bundle."""
    if by.env_files and (meant := _found(by.env_files, dotenv)):
        return tuple((path, dotenv[path]) for path in meant)
    named = {path: text for path, text in dotenv.items() if PurePosixPath(path).name == ".env"}
    home = PurePosixPath(chosen[0]).parent if chosen else PurePosixPath()
    beside = [(path, text) for path, text in named.items() if PurePosixPath(path).parent == home]
    return tuple(beside or (list(named.items()) if len(named) == 1 else ()))


def belongs(
    chosen: Sequence[str],
    texts: Mapping[str, str],
    others: Iterable[str],
    ports: Collection[int],
    answered: Collection[int] = (),
) -> bool:
    """Whether a project in a folder of its own is the stack that the other files are about.

    `others`: the stack's files outside compose (htpasswd, config.yml, a proxy's configuration); `ports`: those that
    clients, logs and proxies name, `answered`: those of them at which something answered. Without any of them nothing
    speaks against the project; against one with files of its own only that others answered, and none of its ports.
    """
    home = str(PurePosixPath(chosen[0]).parent)
    inside = [path for path in others if path.startswith(f"{home}/")]
    others = [path for path in others if path not in inside]
    text = "\n".join(texts[path] for path in chosen)
    if home == ".":
        return True
    own = {PurePosixPath(path).name for path in inside}
    names = {PurePosixPath(path).name for path in others} - own
    if any(re.search(rf"(?<![\w.-]){re.escape(name)}(?![\w-])", text) for name in names):
        return True
    published = {int(m[1] or m[2]) for m in _PUBLISHED.finditer(text)}
    if not published or published & {80, 443}:
        return True
    if inside:
        return not answered or bool(published & {5000, *ports})
    return bool(published & set(ports)) if ports else not others


def beside(
    chosen: Sequence[str], others: Sequence[str], texts: Mapping[str, str], files: Iterable[str]
) -> Iterator[str]:
    """Of the registry's files those in the folder of another project with a registry of its own, where the chosen one names
    no such folder: a path like ./auth/htpasswd fits a file of either. A proxy may well be a project for itself."""
    if not chosen:
        return
    homes = {f"{PurePosixPath(path).parent}/" for path in others if "/" in path and _REGISTRY_IMAGE.search(texts[path])}
    own = [f"{PurePosixPath(path).parent}/" for path in chosen if "/" in path]
    homes = {home for home in homes if not any(o.startswith(home) for o in own) and home not in own}
    text = "\n".join(texts[path] for path in chosen)
    for path in files:
        home = next((home for home in homes if path.startswith(home)), None)
        if home is not None and PurePosixPath(home).name + "/" not in text:
            yield path


def of_other_projects(
    chosen: Sequence[str],
    others: Sequence[str],
    texts: Mapping[str, str],
    asked: Mapping[str, Collection[tuple[str, int | None]]],
) -> Iterator[str]:
    """Of the proxies' files those in the folder of another project that ask nothing of the chosen one.

    `asked`: host and port of the upstreams that each file names.
    """
    homes = {f"{PurePosixPath(path).parent}/" for path in others if "/" in path}
    homes = {home for home in homes if not any(path.startswith(home) for path in chosen)}
    text = "\n".join(texts[path] for path in chosen)
    ports = {int(m[1] or m[2]) for m in _PUBLISHED.finditer(text)}
    for path, upstreams in asked.items():
        known = any(
            port in ports or re.search(rf"(?<![\w.-]){re.escape(host)}(?![\w-])", text) for host, port in upstreams
        )
        if upstreams and not known and any(path.startswith(home) for home in homes):
            yield path


_PUBLISHED = re.compile(r"(?<![\d.])(\d{2,5}):\d{2,5}(?:/tcp)?(?=[\"'\s,\]]|$)|published: [\"']?(\d{2,5})")


def _rank(folder: str, texts: list[str]) -> tuple[bool, int, str]:
    """The registry's project first, then the one nearest to the top."""
    return (not any(_REGISTRY_IMAGE.search(t) for t in texts), 0 if folder == "." else folder.count("/") + 1, folder)


def _named(home: str, texts: Mapping[str, str], dotenv: Mapping[str, str]) -> tuple[str, ...]:
    """What COMPOSE_FILE in the project's .env names, if all of it was handed over."""
    text = dotenv.get(str(PurePosixPath(home) / ".env"), "")
    match = _COMPOSE_FILE.search(text)
    if match is None:
        return ()
    names = [str(PurePosixPath(home) / name.strip()) for name in re.split(r"[:;]", match[1]) if name.strip()]
    return tuple(names) if names and all(name in texts for name in names) else ()


def _ordered(paths: list[str], texts: Mapping[str, str]) -> tuple[str, ...]:
    """Base, override, then what can only have been named with -f; copies set aside are left out."""
    by_name = {PurePosixPath(path).name.lower(): path for path in sorted(paths)}
    base = next((by_name[name] for name in _BASE if name in by_name), None)
    overrides = [path for name, path in by_name.items() if _OVERRIDE.fullmatch(name)]
    rivals = {by_name[name] for name in _BASE if name in by_name} - {base}
    others = [path for path in by_name.values() if path not in (base, *overrides) and path not in rivals]
    if base is None:
        others.sort(key=lambda path: (SET_ASIDE.search(path) is not None, not _REGISTRY_IMAGE.search(texts[path])))
        return (*others[:1], *overrides, *(o for o in others[1:] if not SET_ASIDE.search(o)))
    added = [path for path in others if not _stands_alone(path, texts[path], texts[base])]
    own = _services(texts[base])
    return (base, *overrides, *(path for path in added if not (_is_elsewhere(path) and own & _services(texts[path]))))


def _is_elsewhere(path: str) -> bool:
    """Whether a file is named after an environment that is not the live one: nobody says that it is in force."""
    found = _ENVIRONMENT.search(PurePosixPath(path).name)
    return found is not None and found[1] is None


def _services(text: str) -> frozenset[str]:
    """The keys that stand where services do."""
    return frozenset(re.findall(r"(?m)^(?: {2}| {4}|\t)([\w.-]+):[ \t]*(?:[#{&].*)?$", text))


def named_by_hand(chosen: Sequence[str], dotenv: Mapping[str, str]) -> tuple[str, ...]:
    """The files that every command has to name with -f; none where Compose finds them by itself, or they are no files."""
    if any(" § " in path or not path.lower().endswith((".yml", ".yaml")) for path in chosen):
        return ()
    names = [PurePosixPath(path).name.lower() for path in chosen]
    home = str(PurePosixPath(chosen[0]).parent / ".env") if chosen else ""
    found = all(name in _BASE or _OVERRIDE.fullmatch(name) for name in names) or _COMPOSE_FILE.search(
        dotenv.get(home, "")
    )
    return () if found else tuple(chosen)


def _stands_alone(path: str, text: str, base: str) -> bool:
    """A copy set aside, or a second way to run the same registry: an addition does not repeat its image."""
    return bool(SET_ASIDE.search(path) or (_REGISTRY_IMAGE.search(text) and _REGISTRY_IMAGE.search(base)))
