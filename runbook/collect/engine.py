"""A running stack, read through the `docker` or `podman` command: containers, logs, and the files inside.

Nothing is changed: `ps`, `inspect`, `logs`, `cp` to standard output, `exec … cat`. What comes back is bounded, and only in memory.
"""

import io
import json
import os
import posixpath
import shutil
import stat
import subprocess
import tarfile
import threading
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

from runbook.collect.containers import concerns, is_registry
from runbook.collect.request import Running
from runbook.lazy import re
from runbook.model import Call, ListedFile, Message, Place, Problem
from runbook.urls import urlsplit

_SECONDS = 20.0
_BYTES = 8 << 20
_FILE = 1 << 20
_FILES = 60
_CONTAINERS = 20
_LINES = 5000
"""Of each log, the last ones."""


class EngineError(Exception):
    """The engine cannot be asked: a sentence that says why."""


@dataclass(slots=True)
class Gathered:
    """What a running stack gave: files as bytes, and what else is known of them."""

    files: list[tuple[str, bytes, str]] = field(default_factory=list)
    """Name in the bundle, content, and how people find it."""
    listings: list[ListedFile] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    read: list[str] = field(default_factory=list)
    """What was read, in lines for people."""

    def add(self, name: str, data: bytes, shown: str, read: str = "") -> None:
        """Take a file in, once under each name."""
        if all(known != name for known, _, _ in self.files):
            self.files.append((name, data, shown))
            self.read.append(read or f"{shown} ({len(data)} bytes)")


def gather(running: Running, urls: Iterable[str], tell: Callable[[str], None]) -> Gathered:
    """Read the stack that is meant; `urls` are the addresses in question. `EngineError` where no engine answers."""
    tool = running.tool or next((t for t in ("docker", "podman") if shutil.which(t)), "docker")
    if tool == "kubectl":
        from runbook.collect.pods import gather_pods

        return gather_pods(running, tell)
    engine = Engine(tool, tell)
    rows = engine.chosen(running, [port for url in urls if (port := _port(url))])
    if not rows:
        raise EngineError(_none(running, tool))
    return _Reader(engine, rows).all()


def _none(running: Running, tool: str) -> str:
    named = running.project or ", ".join((*running.containers, *running.compose))
    return f"{tool} knows no container of a registry, its UI or a proxy" + (f" for {named}." if named else ".")


def _port(url: str) -> int | None:
    parts = urlsplit(url)
    return parts.port or {"http": 80, "https": 443}.get(parts.scheme)


# ---- commands ---------------------------------------------------------------------------------------------


def ran(words: list[str], limit: int = _BYTES) -> tuple[int, bytes, str]:
    """Exit code, output and complaint of a short command. Longer output is cut off, a slow command ended."""
    try:
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, close_fds=True
        )
    except OSError as error:
        raise EngineError(f"{words[0]} cannot be run: {error.strerror or error}.") from None
    timer = threading.Timer(_SECONDS, process.kill)
    timer.start()
    complaint: list[bytes] = []
    output_of, errors_of = process.stdout, process.stderr
    if output_of is None or errors_of is None:  # both are pipes
        raise EngineError(f"{words[0]} cannot be read.")
    errors = threading.Thread(target=lambda: complaint.append(errors_of.read(64 << 10)))
    errors.start()
    try:
        output = output_of.read(limit)
        cut = len(output) == limit
        if cut:
            process.kill()
        errors.join(_SECONDS)
        code = process.wait()
    finally:
        timer.cancel()
        output_of.close()
        errors_of.close()
    return (0 if cut else code), output, b"".join(complaint).decode("utf-8", "replace").strip()


class Engine:
    """The engine behind a command line: contexts, DOCKER_HOST and ssh are the command's own business."""

    def __init__(self, tool: str, tell: Callable[[str], None]) -> None:
        self.tool, self.tell = tool, tell

    def says(self, *words: str, limit: int = _BYTES) -> bytes:
        """What a command prints; `EngineError` with its last sentence when it fails."""
        self.tell(f"asking {self.tool} {words[0]}")
        code, output, complaint = ran([self.tool, *words], limit)
        if code:
            last = complaint.splitlines()[-1] if complaint else f"it ended with {code}"
            raise EngineError(f"{self.tool} {words[0]}: {last[:300]}")
        return output

    def chosen(self, running: Running, ports: list[int]) -> list[dict[str, Any]]:
        """The containers that are meant, as `inspect` describes them."""
        if running.containers:
            return self._inspected(list(running.containers))
        listing = ["ps", "-aq", "--no-trunc"]
        if running.project:
            listing += ["--filter", f"label=com.docker.compose.project={running.project}"]
        rows = self._inspected(self.says(*listing).decode("ascii", "replace").split()[:200])
        if running.compose:
            wanted = {os.path.realpath(f) for f in running.compose}
            rows = [r for r in rows if wanted & {os.path.realpath(f) for f in compose_files(r)}]
        about = [r for r in rows if concerns(_image(r)) or (running.project or running.compose)]
        asked = [r for r in about if set(ports) & published(r)]
        projects = {p for r in asked if (p := _label(r, "project"))}
        if asked:
            about = [r for r in about if r in asked or _label(r, "project") in projects]
        return about[:_CONTAINERS]

    def _inspected(self, names: list[str]) -> list[dict[str, Any]]:
        if not names:
            return []
        data = json.loads(self.says("inspect", "--type", "container", "--", *names) or b"[]")
        return [row for row in data if isinstance(row, dict) and isinstance(row.get("Config"), dict)]

    def is_here(self) -> bool:
        """Whether the engine runs on this machine, so that the paths of its mounts are this machine's."""
        if self.tool == "podman":
            return not os.environ.get("CONTAINER_HOST")
        try:
            host = self.says("context", "inspect", "--format", "{{.Endpoints.docker.Host}}").decode().strip()
        except EngineError:
            host = os.environ.get("DOCKER_HOST", "")
        return not host or host.startswith(("unix:", "npipe:"))

    def copied(self, container: str, path: str) -> Iterator[tuple[tarfile.TarInfo, bytes]]:
        """The files at a path inside a container, running or not. `EngineError` when there are none."""
        follow = ["-L"] if self.tool == "docker" else []
        data = self.says("cp", *follow, f"{container}:{path}", "-")
        try:
            with tarfile.open(fileobj=io.BytesIO(data)) as archive:
                for entry in archive:
                    stream = archive.extractfile(entry) if entry.isreg() else None
                    yield entry, stream.read(_FILE) if stream else b""
        except (tarfile.TarError, EOFError):
            return

    def shown(self, row: dict[str, Any], path: str) -> bytes | None:
        """A file as a process in the running container sees it; None where it does not run or has no `cat`."""
        if (row.get("State") or {}).get("Status") != "running":
            return None
        try:
            return self.says("exec", str(row["Id"]), "cat", path, limit=_FILE)
        except EngineError:
            return None


# ---- what inspect says ------------------------------------------------------------------------------------


def _image(row: dict[str, Any]) -> str:
    return str(row["Config"].get("Image") or row.get("ImageName") or "")


def _label(row: dict[str, Any], name: str) -> str:
    labels = row["Config"].get("Labels")
    return str(labels.get(f"com.docker.compose.{name}") or "") if isinstance(labels, dict) else ""


def compose_files(row: dict[str, Any]) -> list[str]:
    """The compose files that made a container, as its labels say."""
    home = _label(row, "project.working_dir")
    named = _label(row, "project.config_files").split(",")
    return [posixpath.join(home, file) for file in named if file]


def published(row: dict[str, Any]) -> set[int]:
    """The host's ports that lead into a container."""
    host = row.get("HostConfig")
    bindings = host.get("PortBindings") if isinstance(host, dict) else None
    found = [str(b.get("HostPort")) for rows in (bindings or {}).values() for b in rows or () if isinstance(b, dict)]
    return {int(port) for port in found if port.isdecimal()}


def _environment(row: dict[str, Any]) -> dict[str, str]:
    return dict(str(v).partition("=")[::2] for v in row["Config"].get("Env") or ())


def _mounts(row: dict[str, Any]) -> list[dict[str, Any]]:
    return [m for m in row.get("Mounts") or () if isinstance(m, dict) and m.get("Destination")]


_KEPT = {
    "Config": ("Image", "Env", "Cmd", "Entrypoint", "Labels", "User", "Hostname"),
    "HostConfig": ("PortBindings", "NetworkMode", "RestartPolicy"),
    "State": ("Status", "StartedAt", "ExitCode", "Error", "OOMKilled"),
    "NetworkSettings": ("Networks",),
}


def _trimmed(row: dict[str, Any]) -> dict[str, Any]:
    kept: dict[str, Any] = {
        k: row[k] for k in ("Id", "Name", "Image", "ImageName", "RestartCount", "Mounts") if k in row
    }
    for part, names in _KEPT.items():
        section = row.get(part)
        if isinstance(section, dict):
            kept[part] = {name: section[name] for name in names if name in section}
    return kept


# ---- which files ------------------------------------------------------------------------------------------

_HTPASSWD = re.compile(r"htpasswd\s*:[^#]{0,300}?\bpath\s*:\s*[\"']?(/[^\s\"',}]{1,300})", re.DOTALL)
_USER_FILE = re.compile(r"(?:auth_basic_user_file|AuthUserFile)\s+[\"']?(/[^\s\"';]{1,300})")
_CONFIGURATION = re.compile(r"(?:\.(?:conf|cfg|ya?ml|toml|htpasswd|template)|/(?:Caddyfile|\.?htpasswd))$")
_FOLDER = re.compile(r"^/etc/(?:nginx|caddy|traefik|haproxy|apache2|httpd)(?:/|$)")
_PLACES = (
    (re.compile(r"(?:^|/)(?:nginx|openresty)\b"), ("/etc/nginx/nginx.conf", "/etc/nginx/conf.d")),
    (re.compile(r"(?:^|/)caddy\b"), ("/etc/caddy/Caddyfile",)),
    (re.compile(r"(?:^|/)haproxy\b"), ("/usr/local/etc/haproxy/haproxy.cfg",)),
    (re.compile(r"(?:^|/)httpd\b"), ("/usr/local/apache2/conf/httpd.conf",)),
    (re.compile(r"(?:^|/)traefik\b"), ("/etc/traefik",)),
)
"""Where images keep their configuration, whether or not anything is mounted there. The UI writes its own when it starts, after
its variables, so that is read only where it is mounted."""


def _wanted(row: dict[str, Any]) -> Iterator[str]:
    """Paths inside a container that decide how it behaves."""
    for mount in _mounts(row):
        target = str(mount["Destination"]).rstrip("/")
        if _CONFIGURATION.search(target) or _FOLDER.search(target):
            yield target
    env, words = _environment(row), [str(w) for w in (row["Config"].get("Cmd") or ())]
    written = _HTPASSWD.search(env.get("REGISTRY_AUTH", ""))
    path = env.get("REGISTRY_AUTH_HTPASSWD_PATH") or (written[1] if written else "")
    if path:
        yield path
    if path and (folder := posixpath.dirname(path)) in {str(m["Destination"]).rstrip("/") for m in _mounts(row)}:
        yield folder  # the right file may lie beside one that the registry made itself
    for word in words:
        path = word.rpartition("=")[2]
        if path.startswith("/") and _CONFIGURATION.search(path) and _is_mounted(row, path):
            yield path
    for pattern, places in _PLACES:
        if pattern.search(_image(row)):
            yield from places


def _is_mounted(row: dict[str, Any], path: str) -> bool:
    return any(_below(path, str(m["Destination"])) is not None for m in _mounts(row))


def _below(path: str, folder: str) -> str | None:
    """The rest of a path below a folder; "" for itself; None for another place."""
    folder = folder.rstrip("/")
    return path[len(folder) :] if path == folder or path.startswith(f"{folder}/") else None


class _Reader:
    """Reads the chosen containers, one after the other."""

    def __init__(self, engine: Engine, rows: list[dict[str, Any]]) -> None:
        self.engine, self.rows, self.here = engine, rows, engine.is_here()
        self.found = Gathered()
        self.projects = {p: _label(r, "project.working_dir") for r in rows if (p := _label(r, "project"))}

    def all(self) -> Gathered:
        """Everything, containers' own words first."""
        data = json.dumps([_trimmed(row) for row in self.rows], indent=1).encode()
        tool = self.engine.tool
        self.found.add("inspect.json", data, f"{tool} inspect", f"{tool} inspect of {', '.join(map(_name, self.rows))}")
        self._projects()
        for row in self.rows:
            self._state(row)
            self._log(row)
            self._files(row)
        return self.found

    def _prefix(self, project: str) -> str:
        return f"{project}/" if len(self.projects) > 1 else ""

    def _projects(self) -> None:
        """The compose files that made the containers, with their variables, where they are on this machine."""
        for row in self.rows if self.here else ():
            project, home = _label(row, "project"), _label(row, "project.working_dir")
            for file in compose_files(row):
                text = self._host(file, self._prefix(project) + _relative(file, home))
                named = re.findall(rb"[\w./-]{0,200}\.env\b(?!\.)", text or b"")
                for other in {".env", *(n.decode() for n in named)} if text else ():
                    path = posixpath.normpath(posixpath.join(home, other))
                    if _below(path, home) and os.path.isfile(path):
                        self._host(path, self._prefix(project) + _relative(path, home))

    def _host(self, path: str, name: str) -> bytes | None:
        data = _from_disk(path)
        if data is not None:
            self.found.add(name, data, name, f"{path} ({len(data)} bytes)")
        return data

    def _state(self, row: dict[str, Any]) -> None:
        """That a container does not run."""
        state = row.get("State") or {}
        status, code = str(state.get("Status") or ""), str(state.get("ExitCode", ""))
        if status not in ("exited", "restarting", "dead"):
            return
        text = f"{_name(row)} ({_image(row)[:80]}) is not running: {status}, its last exit code is {code}"
        self.found.read.append(text)
        if not is_registry(_image(row)):  # whose state is read with the rest of what inspect says
            self._problem(row, f"it is not running ({status}, its last exit code is {code}).")

    def _log(self, row: dict[str, Any]) -> None:
        since = str((row.get("State") or {}).get("StartedAt") or "")
        words = [self.engine.tool, "logs", "--tail", str(_LINES)]
        words += ["--since", since] if re.match(r"20\d\d-", since) else []
        self.engine.tell(f"asking {self.engine.tool} logs of {_name(row)}")
        try:
            code, output, complaint = ran([*words, str(row["Id"])])
        except EngineError as error:
            self._problem(row, str(error))
            return
        if code:
            self._problem(row, f"its log cannot be read: {complaint.splitlines()[-1][:300] if complaint else code}")
            return
        data = output + (b"\n" if output and not output.endswith(b"\n") else b"") + complaint.encode()
        count = data.count(b"\n")
        if data.strip():
            start = f" since its start at {since[:19]}Z" if since else ""
            shown = f"log of {_name(row)}"
            self.found.add(f"{_service(row)}.log", data, shown, f"{shown}: {count} lines{start}")

    def _files(self, row: dict[str, Any]) -> None:
        done: set[str] = set()
        todo = list(dict.fromkeys(_wanted(row)))
        while todo and len(done) < _FILES:
            path = todo.pop(0)
            if path in done:
                continue
            done.add(path)
            for text in self._inside(row, path):
                todo += [m for p in (_USER_FILE, _HTPASSWD) for m in p.findall(text.decode("utf-8", "replace"))]

    def _inside(self, row: dict[str, Any], path: str) -> Iterator[bytes]:
        """The files at that path inside the container, each compared with the host's where it comes from there."""
        try:
            entries = list(self.engine.copied(str(row["Id"]), path))
            if len(entries) == 1 and entries[0][0].isreg() and _source(row, path):
                # `cp` reads the mount's source; only a process inside sees the inode that is really mounted.
                shown = self.engine.shown(row, path)
                entries = [(entries[0][0], shown)] if shown is not None else entries
        except EngineError as error:
            if "no such" in str(error).lower() or "could not find" in str(error).lower():
                place = Place(f"{_name(row)}:{path}")
                if "htpasswd" in path or _is_mounted(row, path):
                    self.found.listings.append(ListedFile(place=place, path=path, kind="missing"))
                    self.found.read.append(f"{place}: not there")
            else:
                self._problem(row, str(error))
            return
        for entry, data in entries[:_FILES]:
            inner = posixpath.normpath(posixpath.join(posixpath.dirname(path), entry.name))
            self._listed(row, inner, entry)
            if entry.isreg() and 0 < entry.size <= _FILE and (inner == path or _CONFIGURATION.search(inner)):
                self._file(row, inner, data)
                yield data

    def _listed(self, row: dict[str, Any], path: str, entry: tarfile.TarInfo) -> None:
        kind = "directory" if entry.isdir() else "file"
        mode = stat.filemode(entry.mode | (stat.S_IFDIR if entry.isdir() else stat.S_IFREG))
        place = Place(f"{_name(row)}:{path}")
        if any(known.place == place for known in self.found.listings):
            return
        self.found.listings.append(
            ListedFile(
                place=place,
                path=path,
                kind="directory" if kind == "directory" else "file",
                mode=mode,
                owner=str(entry.uid),
                group=str(entry.gid),
                size=entry.size,
            )
        )

    def _file(self, row: dict[str, Any], path: str, data: bytes) -> None:
        """A file as the process has it. Where the host's differs, the host's is judged and the difference told."""
        project, home = _label(row, "project"), _label(row, "project.working_dir")
        inside = f"{_name(row)}:{path}"
        source = _source(row, path)
        if source is None:
            self.found.add(f"{_service(row)}{path}", data, inside)
            return
        name = self._prefix(project) + (_relative(source, home) if home else "/".join(source.split("/")[-2:]))
        disk = _from_disk(source) if self.here else None
        if disk is None:
            self.found.add(name, data, inside)
        elif disk == data:
            self.found.add(name, disk, name, f"{inside} ({len(data)} bytes, the same as {source})")
        else:
            self.found.add(name, disk, name, f"{inside} ({len(data)} bytes, NOT the same as {source})")
            self.found.messages += [
                _sum(name, source, disk, Call(tool="sha256sum")),
                _sum(inside, path, data, Call(tool="sha256sum", inside=True)),
            ]

    def _problem(self, row: dict[str, Any], why: str) -> None:
        self.found.problems.append(Problem(place=Place(_name(row)), message=f"{_name(row)}: {why}"))


def _sum(shown: str, path: str, data: bytes, call: Call) -> Message:
    digest = sha256(data).hexdigest()[:16]
    return Message(
        place=Place(shown), kind="checksum", text=f"{shown}: checksum {digest}", detail=f"{digest} {path}", call=call
    )


def _name(row: dict[str, Any]) -> str:
    return str(row.get("Name") or row.get("Id") or "container").strip("/")[:80]


def _service(row: dict[str, Any]) -> str:
    return re.sub(r"[^\w.-]", "-", _label(row, "service") or _name(row))


def _source(row: dict[str, Any], path: str) -> str | None:
    """The host's path behind one in the container, where it comes from a bind mount."""
    over = [m for m in _mounts(row) if _below(path, str(m["Destination"])) is not None]
    mount = max(over, key=lambda m: len(str(m["Destination"])), default=None)
    if mount is None or mount.get("Type") != "bind" or not mount.get("Source"):
        return None
    return str(mount["Source"]).rstrip("/") + (_below(path, str(mount["Destination"])) or "")


def _relative(path: str, home: str) -> str:
    inside = _below(path, home) if home else None
    return inside.lstrip("/") if inside else "/".join(path.split("/")[-2:])


def _from_disk(path: str) -> bytes | None:
    """A regular file of this machine, bounded; None where it cannot be read."""
    try:
        if not Path(path).is_file():
            return None
        with open(path, "rb") as stream:
            return stream.read(_FILE)
    except OSError:
        return None
