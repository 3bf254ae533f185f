"""What a container sees below its mount paths: files of ConfigMaps and Secrets one by one, all else as a folder."""

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from runbook.model import Mount, Place
from runbook.parse.kubernetes.data import Data, Kind, Store
from runbook.parse.kubernetes.environment import Missing
from runbook.parse.kubernetes.objects import at, is_true, list_of, text_of
from runbook.parse.yaml_nodes import Mapping, Node

_MountKind = Literal["bind", "volume", "tmpfs", "secret", "config"]
_OBJECTS: tuple[tuple[str, Kind, str], ...] = (
    ("configMap", "ConfigMap", "name"),
    ("secret", "Secret", "secretName"),
)
_PROJECTED: tuple[tuple[str, Kind, str], ...] = (("configMap", "ConfigMap", "name"), ("secret", "Secret", "name"))


@dataclass(slots=True)
class Volumes:
    """The volumes of a pod, and what is found to be wrong with them."""

    pod: Node
    namespace: str
    store: Store
    claims: frozenset[str] = frozenset()
    """Names of a StatefulSet's volumeClaimTemplates."""
    missing: list[Missing] = field(default_factory=list)
    folders: list[tuple[Place, str]] = field(default_factory=list)
    """Paths that become an empty folder: their subPath names a file that is not there."""

    def mounts(self, container: Node) -> tuple[Mount, ...]:
        """What is mounted into one container."""
        return tuple(m for row in list_of(at(container, "volumeMounts")) for m in self._mount(row))

    def _mount(self, row: Node) -> Iterator[Mount]:
        name, path = text_of(at(row, "name")) or "", at(row, "mountPath")
        target = text_of(path)
        if target is None or path is None:
            return
        read_only = is_true(at(row, "readOnly"))
        subpath = (text_of(at(row, "subPath")) or "").strip("/")
        volume = self._volume(name)
        files = list(self._files(volume, path.place)) if volume is not None else []
        if files:
            found = list(_below(files, target, subpath))
            if subpath and not found and all(f.known for f in files):
                self.folders.append((path.place, target))
            for inside, file in found:
                yield Mount(target=inside or "/", source=file.source, kind=file.kind, read_only=True, place=path.place)
            return
        kind, source = self._folder(volume, name)
        if source is not None and subpath:
            source = f"{source.rstrip('/')}/{subpath}"
        yield Mount(target=target, source=source, kind=kind, read_only=read_only, place=path.place)

    def _volume(self, name: str) -> Node | None:
        return next((v for v in list_of(at(self.pod, "volumes")) if text_of(at(v, "name")) == name), None)

    def _folder(self, volume: Node | None, name: str) -> tuple[_MountKind, str | None]:
        """A volume that is no object's files."""
        if name in self.claims or volume is None:
            return "volume", name
        if (host := text_of(at(volume, "hostPath", "path"))) is not None:
            return "bind", host
        if isinstance(volume, Mapping) and "emptyDir" in dict(volume):
            return ("volume" if self._is_filled(name) else "tmpfs"), None
        for field_name, _, key in _OBJECTS:
            if (other := text_of(at(volume, field_name, key))) is not None:
                return ("secret" if field_name == "secret" else "config"), other
        return "volume", text_of(at(volume, "persistentVolumeClaim", "claimName")) or name

    def _is_filled(self, name: str) -> bool:
        """Whether another container of the pod has the same emptyDir: it may put files there."""
        containers = (*list_of(at(self.pod, "initContainers")), *list_of(at(self.pod, "containers")))
        users = [c for c in containers if any(text_of(at(m, "name")) == name for m in list_of(at(c, "volumeMounts")))]
        return len(users) > 1

    def _files(self, volume: Node, place: Place) -> Iterator["_File"]:
        for name, kind, key in _OBJECTS:
            if (source := at(volume, name)) is not None:
                yield from self._object_files(source, kind, key, place)
        for part in list_of(at(volume, "projected", "sources")):
            for name, kind, key in _PROJECTED:
                if (source := at(part, name)) is not None:
                    yield from self._object_files(source, kind, key, place)

    def _object_files(self, source: Node, kind: Kind, key: str, place: Place) -> Iterator["_File"]:
        """The files of one object: those of `items` under their own paths, else every key under its name."""
        name = text_of(at(source, key)) or ""
        data = self.store.find(kind, name, self.namespace)
        items = [(text_of(at(i, "key")) or "", text_of(at(i, "path")) or "", i) for i in list_of(at(source, "items"))]
        mount_kind: _MountKind = "secret" if kind == "Secret" else "config"
        if data is None:
            for item, path, _ in items:
                yield _File(path.strip("/"), f"{name}/{item}", mount_kind, known=False)
            return
        if not items:
            items = [(entry, entry, source) for entry in data.entries]
        for item, path, node in items:
            entry = data.entries.get(item)
            if entry is not None:
                yield _File(path.strip("/"), _relative(entry.name, place), mount_kind)
            elif data.complete:
                if not is_true(at(source, "optional")):
                    self.missing.append(Missing(node.place, f"{kind} {name} has no key {item}{_has(data)}"))
            else:
                yield _File(path.strip("/"), f"{name}/{item}", mount_kind, known=False)


@dataclass(frozen=True, slots=True)
class _File:
    path: str
    """Inside the volume."""
    source: str
    kind: _MountKind
    known: bool = True


def _below(files: list[_File], target: str, subpath: str) -> Iterator[tuple[str, _File]]:
    """Where the files of a volume are in the container: with a subPath only that part of it is mounted."""
    base = target.rstrip("/")
    for file in files:
        if not subpath:
            yield f"{base}/{file.path}", file
        elif file.path == subpath:
            yield base, file
        elif file.path.startswith(f"{subpath}/"):
            yield base + file.path[len(subpath) :], file


def _relative(name: str, place: Place) -> str:
    """The name as it is written from the manifest's folder, since sources are read so."""
    folder = posixpath.dirname(place.file)
    return posixpath.relpath(name, folder) if folder else name


def _has(data: Data) -> str:
    return f" (it has {', '.join(list(data.entries)[:5])})" if data.entries else " (it is empty)"
