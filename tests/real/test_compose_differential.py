"""What we make of compose projects against Compose itself: no disagreement.

The reference is compose-go, the very library of `docker compose` (built here from the module cache, never
downloaded); Debian's `docker-compose` is asked as well about what both generations understand.
"""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from runbook.model import Compose, Service
from runbook.parse import ParseError
from runbook.parse.compose import parse_compose
from runbook.redact import MASK, Vault
from tests.real.programs import need

HERE = Path(__file__).parent
PROJECTS: dict[str, dict[str, str]] = yaml.safe_load((HERE / "compose_projects.yaml").read_text(encoding="utf-8"))
SECOND_GENERATION_ONLY = (
    "reset",
    "extends",
    "include",
    "documents",
    "env-files",
    "empty-values",
    "merge-keys",
    "values",
)
"""docker-compose 1.29 has no tags, includes or raw format, does not quote in .env, and prints numbers otherwise."""


@pytest.fixture(scope="session")
def compose_go(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The reference program, built from what the module cache holds."""
    go = shutil.which("go", path=os.pathsep.join([os.environ["PATH"], "/usr/local/go/bin"]))
    if go is None:
        pytest.skip("Go is not installed")
    program = str(tmp_path_factory.mktemp("compose") / "composedump")
    environment = {**os.environ, "GOPROXY": "off", "GOFLAGS": "-mod=readonly"}
    built = subprocess.run(
        [go, "build", "-o", program, "."], cwd=HERE / "compose_go", env=environment, capture_output=True, check=False
    )
    if built.returncode:
        pytest.skip("compose-go is not in Go's module cache")
    return program


class _Seeing(Vault):
    """Values are compared here, so nothing is masked but what is a secret as a whole."""

    def mask(self, text: str, limit: int = 2000) -> str:
        return text


def _write(name: str, folder: Path) -> list[str]:
    for file, text in PROJECTS[name].items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_bytes(text.encode())
    return _files(name)


def _files(name: str) -> list[str]:
    """The compose files of the project, the override last."""
    found = [f for f in PROJECTS[name] if f.endswith((".yml", ".yaml")) and "/" not in f]
    return sorted(found, key=lambda f: ("override" in f, f))


def _ours(name: str) -> Compose | str:
    files = PROJECTS[name]
    compose = [(f, files[f]) for f in _files(name)]
    compose += [(f, t) for f, t in files.items() if f.endswith((".yml", ".yaml")) and "/" in f]
    try:
        found = parse_compose(
            compose,
            [(".env", files[".env"])] if ".env" in files else [],
            {f: t for f, t in files.items() if f.endswith(".env")},
            _Seeing(),
        )
    except ParseError as error:
        return str(error)
    return found if not found.refused else found.refused[0][1]


def _described(service: Service) -> dict[str, Any]:
    return {
        "image": service.image,
        "user": service.user,
        "hostname": service.hostname,
        "container_name": service.container_name,
        "network_mode": service.network_mode,
        "environment": {v.name: v.value for v in service.environment},
        "labels": {v.name: v.value for v in service.labels},
        "command": list(service.command),
        "entrypoint": list(service.entrypoint or ()),
        "ports": sorted((p.container, p.published or 0, p.host_ip, p.protocol) for p in service.ports),
        "volumes": sorted(
            (m.target, _beside(m.source, m.place.file), m.read_only) for m in service.mounts if _is_volume(m.kind)
        ),
        "networks": sorted(service.networks),
        "aliases": sorted(service.aliases),
        "profiles": list(service.profiles),
        "expose": sorted(map(str, service.expose)),
    }


def _is_volume(kind: str) -> bool:
    return kind in ("bind", "volume")


def _beside(source: str | None, file: str) -> str:
    """A relative source is relative to the file that it stands in."""
    folder = os.path.dirname(file)
    return os.path.normpath(os.path.join(folder, source)) if source and source.startswith(".") else source or ""


def _expected(service: dict[str, Any]) -> dict[str, Any]:
    networks = service.get("networks") or {}
    volumes = [v for v in service.get("volumes") or [] if v["type"] != "tmpfs"]
    labels = {**(service.get("labels") or {}), **((service.get("deploy") or {}).get("labels") or {})}
    return {
        **{k: service.get(k) for k in ("image", "user", "hostname", "container_name", "network_mode")},
        "environment": service.get("environment") or {},
        "labels": labels,
        "command": service.get("command") or [],
        "entrypoint": service.get("entrypoint") or [],
        "ports": sorted(
            (p["target"], _first(p.get("published")), p.get("host_ip", ""), p["protocol"])
            for p in service.get("ports") or []
        ),
        "volumes": sorted((v["target"], _source(v.get("source", "")), v.get("read_only", False)) for v in volumes),
        "networks": sorted(networks),
        "aliases": sorted(a for n in networks.values() for a in ((n or {}).get("aliases") or [])),
        "profiles": service.get("profiles") or [],
        "expose": sorted(service.get("expose") or []),
    }


def _first(published: object) -> int:
    return int(str(published).split("-", maxsplit=1)[0]) if published not in (None, "") else 0


def _source(source: str) -> str:
    return os.path.normpath(source) if source.startswith(".") or ("/" in source and source[0] not in "/~") else source


def _without_masked(described: dict[str, Any], expected: dict[str, Any]) -> None:
    for name, value in described["environment"].items():
        if value == MASK:
            described["environment"][name] = expected["environment"].get(name)


def test_there_are_enough_projects() -> None:
    assert len(PROJECTS) >= 40
    assert sum(1 for n in PROJECTS if n.startswith("refused")) >= 20


@pytest.mark.parametrize("name", PROJECTS)
def test_it_is_what_compose_go_makes_of_it(name: str, compose_go: str, tmp_path: Path) -> None:
    files = _write(name, tmp_path)
    told = subprocess.run(
        [compose_go, str(tmp_path), *(str(tmp_path / f) for f in files)],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    ours = _ours(name)
    if told.returncode and name == "refused-27":
        pytest.skip("the first file format: docker-compose 1 takes it, and so do we")
    if told.returncode:
        assert isinstance(ours, str), f"Compose refuses it: {told.stdout}"
        return
    assert not isinstance(ours, str), f"Compose takes it, we say: {ours}"
    theirs = json.loads(told.stdout)["services"]
    assert {s.name for s in ours.services} == set(theirs)
    for service in ours.services:
        described, expected = _described(service), _expected(theirs[service.name])
        _without_masked(described, expected)
        assert described == expected


@pytest.mark.parametrize(
    "name", [n for n in PROJECTS if n not in SECOND_GENERATION_ONLY and not n.startswith("refused")]
)
def test_docker_compose_config_agrees(name: str, tmp_path: Path) -> None:
    program = need("docker-compose")
    files = _write(name, tmp_path)
    told = subprocess.run(
        [program, *(a for f in files for a in ("-f", f)), "config"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"], "HOME": str(tmp_path)},
        capture_output=True,
        text=True,
        check=False,
    )
    if told.returncode:
        pytest.skip(f"this generation refuses it: {told.stderr.strip().splitlines()[-1][:80]}")
    ours = _ours(name)
    assert not isinstance(ours, str), ours
    for key, theirs in yaml.safe_load(told.stdout)["services"].items():
        service = next(s for s in ours.services if s.name == key)
        assert service.image == theirs.get("image")
        assert service.user == theirs.get("user")
        environment = {
            k: None if v is None else str(v).replace("$$", "$") for k, v in (theirs.get("environment") or {}).items()
        }
        mine = {v.name: environment.get(v.name) if v.value == MASK else v.value for v in service.environment}
        assert {k: v for k, v in mine.items() if v} == {k: v for k, v in environment.items() if v}
        assert {p.container for p in service.ports} == {_target(p) for p in theirs.get("ports") or []}
        targets = {m.target for m in service.mounts if _is_volume(m.kind)}
        assert targets == {_mounted(v) for v in theirs.get("volumes") or [] if not _is_tmpfs(v)}


def _target(port: object) -> int:
    text = str(port["target"]) if isinstance(port, dict) else str(port).split("/")[0].rsplit(":", 1)[-1]
    return int(text)


def _is_tmpfs(volume: object) -> bool:
    return isinstance(volume, dict) and volume.get("type") == "tmpfs"


def _mounted(volume: object) -> str:
    text = str(volume["target"]) if isinstance(volume, dict) else re.sub(r":(?:rw|ro|z|,)+$", "", str(volume))
    return os.path.normpath(text.rsplit(":", 1)[-1])
