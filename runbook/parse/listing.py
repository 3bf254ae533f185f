"""What a file listing showed: `ls -l[n]`, `stat`, and the mounts and state of `docker inspect`."""

import json
from collections.abc import Callable
from typing import Any

from runbook.lazy import re
from runbook.model import ListedFile, Place
from runbook.parse import ParseError

_ROW = re.compile(
    r"^\s*(?P<mode>[-dlbcps][rwxsStT-]{9})[.+@]?\s+\d+\s+(?P<owner>\S+)\s+(?P<group>\S+)\s+(?P<size>\d{1,18})\s+"
    r"(?:[A-Z][a-zä]{2}\.?\s+\d{1,2}|\d{1,2}\.?\s+[A-Z][a-zä]{2}\.?|\d{4}-\d\d-\d\d)\s+(?:[\d:.]+(?:\s+[+-]\d{4})?)\s+(?P<name>\S(?:.*\S)?)\s*$"
)
_COMMAND = re.compile(
    r"^\s*(?:[^\n$#>%❯]{0,100}[$#>%❯]\s+)?(?:sudo\s+)?(?P<exec>docker\s[^\n]*?\s)?ls\s+(?P<rest>[^|;&]*)"
)
_HEADING = re.compile(r"^(?P<folder>[\w./~-]{1,200}):\s*$")
_ABSENT = re.compile(
    r"(?:cannot access|cannot open|ls:|stat:|cat:|open)\s+'?(?P<path>[\w./~-]+)'?: No such file or directory"
)
_KINDS = {"d": "directory", "l": "link"}
_MOST = 2000


def parse_listing(text: str, file: str) -> tuple[ListedFile, ...]:
    """The rows of every `ls -l` in a text, their paths joined with the folder that was listed."""
    found: list[ListedFile] = []
    folder = ""
    for number, line in enumerate(text.split("\n")[:20_000], 1):
        if command := _COMMAND.match(line):
            named = [w for w in command["rest"].split() if not w.startswith("-")]
            folder = named[0].rstrip("/") if len(named) == 1 else ""
        elif heading := _HEADING.match(line.rstrip("\r")):
            folder = heading["folder"].rstrip("/")
        elif row := _ROW.match(line):
            found.append(_listed(row, folder, Place(file, number)))
        elif absent := _ABSENT.search(line):
            found.append(ListedFile(place=Place(file, number), path=absent["path"], kind="missing"))
        if len(found) >= _MOST:
            break
    return tuple(found)


def _listed(row: re.Match[str], folder: str, place: Place) -> ListedFile:
    name = row["name"].split(" -> ")[0]
    path = (
        name
        if name.startswith("/") or not folder or folder == name or folder.endswith(f"/{name}")
        else f"{folder}/{name}"
    )
    if folder and (folder == name or folder.endswith(f"/{name}")):
        path = folder
    kind = _KINDS.get(row["mode"][0], "file")
    return ListedFile(
        place=place,
        path=path,
        kind=kind,  # type: ignore[arg-type]
        mode=row["mode"],
        owner=row["owner"],
        group=row["group"],
        size=int(row["size"]),
    )


def parse_inspect(text: str, file: str) -> tuple[ListedFile, ...]:
    """The mounts of `docker inspect`: where in the container, and whether the source is read-only."""
    try:
        data = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ParseError(
            file, getattr(error, "lineno", None), "This docker inspect output is not whole JSON."
        ) from None
    containers = data if isinstance(data, list) else [data]
    found = []
    for container in containers[:100]:
        mounts = container.get("Mounts") if isinstance(container, dict) else None
        for mount in mounts if isinstance(mounts, list) else ():
            if isinstance(mount, dict) and mount.get("Destination"):
                found.append(_mount(mount, file))
    return tuple(found)


def parse_states(text: str, is_registry: Callable[[str], bool]) -> tuple[tuple[str, str, str], ...]:
    """The registry's containers that `docker inspect` shows failed, where none of them runs as it should: what it says,
    the state ("exited", "restarting", "dead", "unhealthy") and the exit code."""
    data = json.loads(text)
    found: list[tuple[str, str, str]] = []
    for container in (data if isinstance(data, list) else [data])[:100]:
        state, config = (container.get(k) for k in ("State", "Config")) if isinstance(container, dict) else (None, None)
        image = str(config.get("Image", "")) if isinstance(config, dict) else ""
        if not isinstance(state, dict) or not is_registry(image):
            continue
        health, status, code = state.get("Health"), str(state.get("Status", "")), str(state.get("ExitCode", ""))
        if isinstance(health, dict) and health.get("Status") == "unhealthy":
            status = "unhealthy"
        name = f"{str(container.get('Name', '')).lstrip('/')[:80]} ({image[:80]})"
        if status == "running":
            return ()
        if status == "unhealthy":
            found.append((f"{name} runs, and its own check says that it is unhealthy", status, code))
        elif status in ("exited", "restarting", "dead"):
            found.append((f"{name} is not running: {status}, its last exit code is {code}", status, code))
    return tuple(found)


def _mount(mount: dict[str, Any], file: str) -> ListedFile:
    writable = "rw" if mount.get("RW", True) else "ro"
    return ListedFile(place=Place(file), path=str(mount["Destination"])[:500], kind="file", mode=writable)
