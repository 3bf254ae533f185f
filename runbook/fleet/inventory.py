"""What a team has: a YAML or CSV file, or a folder of bundles, as targets. Credentials are named, never written."""

import csv
import hashlib
import io
import re
from collections.abc import Iterable
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import msgspec
from msgspec import Meta, Struct

from runbook.collect.read import whole
from runbook.collect.request import UsageError, base_url
from runbook.parse import ParseError
from runbook.parse.yaml_nodes import load_yaml, plain_data
from runbook.redact import visible

_LIMIT = 64 << 20
_SHOWN = 10
Name = Annotated[str, Meta(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$", description="unique; also a file's name")]
Text = Annotated[str, Meta(max_length=300)]
Expectation = Literal["anonymous-pull", "no-ui", "no-push", "no-delete"]


class Credentials(Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """Where the password is found by whoever asks: exactly one of these."""

    env: str | None = None
    file: str | None = None
    docker_config: str | None = None
    command: Annotated[tuple[str, ...], Meta(min_length=1)] | None = None

    def __post_init__(self) -> None:
        if sum(way is not None for way in (self.env, self.file, self.docker_config, self.command)) != 1:
            raise ValueError("credentials name exactly one of env, file, docker_config, command")


class Waiver(Struct, forbid_unknown_fields=True, frozen=True):
    """A cause that is known and accepted, by whom and until when."""

    cause: Text
    reason: Annotated[str, Meta(min_length=1, max_length=300)]
    owner: Annotated[str, Meta(min_length=1, max_length=100)]
    expires: date


Reference = Annotated[Credentials | None, Meta(extra_json_schema={"minProperties": 1, "maxProperties": 1})]
Labels = Annotated[dict[Annotated[str, Meta(max_length=60)], Annotated[str, Meta(max_length=100)]], Meta(max_length=20)]


class Defaults(Struct, forbid_unknown_fields=True, frozen=True, kw_only=True, omit_defaults=True):
    """What holds for every target that says nothing else; labels and waivers are joined."""

    user: Text | None = None
    credentials: Reference = None
    insecure_http: bool = False
    cacert: Text | None = None
    """A file of certificate authorities to trust, beside the machine's own."""
    timeout: Annotated[float, Meta(gt=0, le=600)] = 20.0
    owner: Annotated[str, Meta(max_length=100)] = ""
    site: Annotated[str, Meta(max_length=60)] = ""
    """A Dask worker with a resource of this name asks it; without a scheduler it is a label."""
    labels: Labels = {}
    expect: tuple[Expectation, ...] = ()
    waivers: tuple[Waiver, ...] = ()


class Target(Defaults, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """One registry: its addresses, its evidence or both."""

    name: Name
    registry: Text | None = None
    ui: Text | None = None
    evidence: tuple[str, ...] = ()
    """Files or folders; a relative path begins where the inventory is."""


class Cluster(Struct, forbid_unknown_fields=True, frozen=True, omit_defaults=True):
    """Registries in Kubernetes: every Service with the label is a target called NAMESPACE.NAME."""

    selector: Annotated[str, Meta(min_length=1, max_length=300, description="as for kubectl --selector")]
    namespace: Annotated[str, Meta(max_length=63)] = ""
    """Without one, all of them."""
    context: Annotated[str, Meta(max_length=300)] = ""
    reach: Literal["service", "ingress"] = "service"
    """service: runbook runs in the cluster, an Ingress is the proxy; ingress: it runs outside and has its address alone."""


class File(Struct, forbid_unknown_fields=True, frozen=True):
    """The registries of a team."""

    version: Literal[1]
    targets: tuple[Target, ...] = ()
    kubernetes: Cluster | None = None
    defaults: Defaults = Defaults()


class Inventory(Struct, frozen=True):
    """All targets, checked, with absolute paths."""

    name: str
    targets: tuple[Target, ...]

    @property
    def digest(self) -> str:
        """The same for the same targets: what tells whether an interrupted run is this one."""
        return hashlib.sha256(msgspec.json.encode(self)).hexdigest()


def schema() -> dict[str, Any]:
    """The JSON Schema of the YAML form."""
    made = msgspec.json.schema(File)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "inventory of runbook fleet", **made}


def load(path: Path) -> Inventory:
    """The inventory in a file or folder; `UsageError` lists what is wrong with it, without repeating values."""
    if not path.exists():
        raise UsageError(f"There is no inventory called {visible(str(path), 300)}.")
    if path.is_dir():
        targets, below = _bundles(path), path
    else:
        try:
            text = whole(path, _LIMIT).decode("utf-8-sig")
        except OSError as error:
            raise UsageError(f"The inventory {path} cannot be read: {error.strerror}.") from None
        except UnicodeDecodeError:
            raise UsageError(f"The inventory {path} is no UTF-8 text.") from None
        targets, below = (_from_csv(text) if path.suffix.lower() == ".csv" else _from_yaml(text, path)), path.parent
    return Inventory(path.resolve().stem, _checked(targets, below.resolve()))


def _from_yaml(text: str, path: Path) -> tuple[Target, ...]:
    try:
        data = plain_data(load_yaml(text, path.name))
    except ParseError as error:
        raise UsageError(f"The inventory cannot be read: {error}") from None
    file = _converted(data, File)
    found = file.targets
    if file.kubernetes is not None:
        from runbook.fleet.cluster import targets

        found += targets(file.kubernetes)
    if not found:
        raise UsageError("The inventory is not valid: it has neither targets nor kubernetes.")
    return tuple(_with_defaults(target, file.defaults) for target in found)


def _with_defaults(target: Target, defaults: Defaults) -> Target:
    """What the target leaves unsaid."""
    plain = msgspec.structs.asdict(Defaults())
    own, given = msgspec.structs.asdict(target), msgspec.structs.asdict(defaults)
    taken = {key: given[key] for key in plain if own[key] == plain[key]}
    joined = {"labels": {**given["labels"], **own["labels"]}, "waivers": own["waivers"] + given["waivers"]}
    return msgspec.structs.replace(target, **{**taken, **joined})


_COLUMNS = frozenset(
    "name registry ui evidence user password_env password_file docker_config insecure_http cacert owner site labels expect".split()
)


def _from_csv(text: str) -> tuple[Target, ...]:
    """One target a line; several values of a column are parted by `;`."""
    reader = csv.DictReader(io.StringIO(text), strict=True)
    unknown = [name for name in reader.fieldnames or () if name not in _COLUMNS]
    if unknown or "name" not in (reader.fieldnames or ()):
        raise UsageError(
            f"The first line of a CSV inventory names its columns, of these: {', '.join(sorted(_COLUMNS))}."
        )
    try:
        return tuple(_converted(_row(row), Target, number) for number, row in enumerate(reader))
    except csv.Error as error:
        raise UsageError(f"The inventory is no CSV: {error}, near line {reader.line_num}.") from None


def _row(row: dict[str | None, str | None]) -> dict[str, Any]:
    cells = {key: value.strip() for key, value in row.items() if key and value and value.strip()}
    parted = {key: _parted(cells.pop(key, "")) for key in ("evidence", "expect", "labels")}
    made: dict[str, Any] = {**cells, "evidence": parted["evidence"], "expect": parted["expect"]}
    made["labels"] = dict(pair.partition("=")[::2] for pair in parted["labels"])
    ways = (("password_env", "env"), ("password_file", "file"), ("docker_config", "docker_config"))
    references = {way: made.pop(column) for column, way in ways if column in made}
    if references:
        made["credentials"] = references
    if "insecure_http" in made:
        made["insecure_http"] = made["insecure_http"].lower() in ("true", "yes", "1")
    return made


def _parted(cell: str) -> list[str]:
    return [part.strip() for part in cell.split(";") if part.strip()]


_OF_ONE = ("docker-compose.yml", "docker-compose.yaml", "compose.yml", "compose.yaml", "htpasswd", "registry.log")


def _bundles(folder: Path) -> tuple[Target, ...]:
    """Each entry of a folder is the evidence of one target."""
    found: dict[str, Target] = {}
    if one := next((name for name in _OF_ONE if (folder / name).is_file()), None):
        raise UsageError(
            f"The folder {folder} is the bundle of one registry, for {one} lies in it: `runbook diagnose` takes that. A fleet "
            "needs the folder above it, with one bundle (folder or file) for each registry."
        )
    for entry in sorted(folder.iterdir()):
        if entry.name.startswith("."):
            continue
        plain = re.sub(r"[^A-Za-z0-9._-]+", "-", entry.name).lstrip("._-")[:90] or "bundle"
        name, number = plain, 2
        while name.lower() in found:
            name, number = f"{plain}-{number}", number + 1
        found[name.lower()] = Target(name=name, evidence=(entry.name,))
    if not found:
        raise UsageError(f"The folder {folder} is empty: it needs one bundle (folder or file) for each registry.")
    return tuple(found.values())


_T = TypeVar("_T")


def _converted(data: Any, kind: type[_T], row: int | None = None) -> _T:
    try:
        return msgspec.convert(data, kind)
    except msgspec.ValidationError as error:
        where = "" if row is None else f" (row {row + 1})"
        why = visible(str(error), 300)
        hint = (
            " A password is never written into an inventory: `credentials` names where it is." if "passw" in why else ""
        )
        raise UsageError(f"The inventory{where} is not valid: {why}.{hint}") from None


def _checked(targets: Iterable[Target], below: Path) -> tuple[Target, ...]:
    """The targets with tidied addresses and absolute paths, or everything that is wrong with them."""
    good: dict[str, Target] = {}
    wrong: list[str] = []
    for target in targets:
        try:
            if target.name.lower() in good:
                raise UsageError("another target has the same name")
            good[target.name.lower()] = _tidied(target, below)
        except UsageError as error:
            wrong.append(f"{visible(target.name, 100)}: {error}")
    if wrong:
        more = f" … and {len(wrong) - _SHOWN} more." if len(wrong) > _SHOWN else ""
        raise UsageError(f"The inventory is not valid. {' '.join(wrong[:_SHOWN])}{more}")
    return tuple(good.values())


def _tidied(target: Target, below: Path) -> Target:
    if not (target.registry or target.ui or target.evidence):
        raise UsageError("it has neither an address nor evidence.")
    if target.ui and "no-ui" in target.expect:
        raise UsageError("it has a ui, and expects none.")
    docker = target.credentials is not None and target.credentials.docker_config is not None
    if target.credentials and not target.user and not docker:
        raise UsageError("credentials need a user.")
    if target.user is not None and ":" in target.user:
        raise UsageError("a user's name has no colon.")
    from runbook.rules import load as rules

    for waiver in target.waivers:
        if waiver.cause not in rules():
            raise UsageError(f"its waiver names {visible(waiver.cause, 80)}, and no cause is called so.")
    reference = target.credentials
    if reference is not None:
        absolute = {
            way: str(below / Path(file).expanduser())
            for way in ("file", "docker_config")
            if (file := getattr(reference, way)) is not None
        }
        reference = msgspec.structs.replace(reference, **absolute)
    return msgspec.structs.replace(
        target,
        registry=base_url("registry", target.registry) if target.registry else None,
        ui=base_url("ui", target.ui) if target.ui else None,
        evidence=tuple(str(below / Path(path).expanduser()) for path in target.evidence),
        credentials=reference,
        cacert=str(below / Path(target.cacert).expanduser()) if target.cacert else None,
    )
