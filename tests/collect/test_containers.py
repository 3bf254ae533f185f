"""`docker run` commands and `docker inspect` in the place of a compose file."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from runbook.collect import Request, collect
from runbook.collect.containers import all_of
from runbook.judge import diagnose
from runbook.model import Compose, Diagnosis, Service
from runbook.redact import Vault
from tests.case_files import Case, all_cases, judge

RUN = """\
I started it like this:
$ docker run -d -p 5000:5000 --restart=always --name registry \\
    -v "$(pwd)"/auth:/auth:ro -v images:/var/lib/registry \\
    -e REGISTRY_AUTH=htpasswd -e "REGISTRY_AUTH_HTPASSWD_REALM=Registry Realm" \\
    --env REGISTRY_AUTH_HTPASSWD_PATH=/auth/htpasswd registry:2
$ docker run -dit --link registry -p8080:80 -e NGINX_PROXY_PASS_URL=http://registry:5000 joxit/docker-registry-ui:2.5.7
$ docker run --rm alpine true
"""
INSPECT = [
    {
        "Name": "/registry",
        "Config": {
            "Image": "registry:3",
            "Env": ["PATH=/bin", "REGISTRY_AUTH=htpasswd", "REGISTRY_AUTH_HTPASSWD_REALM=r", "A=$x"],
            "Entrypoint": ["/entrypoint.sh"],
            "Cmd": ["/etc/distribution/config.yml"],
            "User": "1000",
        },
        "HostConfig": {
            "PortBindings": {"5000/tcp": [{"HostIp": "", "HostPort": "5001"}]},
            "NetworkMode": "web_default",
        },
        "Mounts": [
            {"Type": "bind", "Source": "/srv/r/auth", "Destination": "/auth", "RW": False},
            {"Type": "volume", "Name": "data", "Source": "/x/_data", "Destination": "/var/lib/registry", "RW": True},
        ],
        "NetworkSettings": {"Networks": {"web_default": {}}},
    }
]


def read(folder: Path, **files: str) -> Compose:
    for name, text in files.items():
        (folder / name.replace("__", ".")).write_text(text)
    compose = collect(Request(paths=(str(folder),)), Vault()).compose
    assert compose is not None
    assert not compose.refused
    return compose


def test_docker_run_is_read_as_a_service_on_the_line_of_its_command(tmp_path: Path) -> None:
    compose = read(tmp_path, notes__txt=RUN)
    registry, ui = compose.services
    assert (registry.name, registry.role, ui.role) == ("registry", "registry", "ui")
    path = registry.env("REGISTRY_AUTH_HTPASSWD_PATH")
    assert path
    assert (path.value, str(path.place)) == ("/auth/htpasswd", "notes.txt:2")
    realm = registry.env("REGISTRY_AUTH_HTPASSWD_REALM")
    assert realm
    assert realm.value == "Registry Realm"
    assert [(m.source, m.target) for m in registry.mounts] == [("./auth", "/auth"), ("images", "/var/lib/registry")]
    assert [(p.published, p.container) for p in (*registry.ports, *ui.ports)] == [(5000, 5000), (8080, 80)]
    assert str(ui.place).startswith("notes.txt:6")


def test_inspect_is_read_as_a_service(tmp_path: Path) -> None:
    (service,) = read(tmp_path, inspect__json=json.dumps(INSPECT, indent=4)).services
    assert (service.name, service.image, service.user) == ("registry", "registry:3", "1000")
    assert [(m.source, m.target, m.read_only) for m in service.mounts] == [
        ("/srv/r/auth", "/auth", True), ("data", "/var/lib/registry", False),
    ]  # fmt: skip
    assert [(p.published, p.container) for p in service.ports] == [(5001, 5000)]
    odd = service.env("A")
    assert odd
    assert odd.value == "$x"  # nothing is interpolated


def test_crictl_inspect_is_read_as_a_pod(tmp_path: Path) -> None:
    labels = {"io.kubernetes.pod.name": "registry-0", "io.kubernetes.pod.namespace": "infra"}
    status = {
        "metadata": {"name": "registry"}, "state": "CONTAINER_RUNNING", "image": {"image": "registry:3"}, "labels": labels,
        "mounts": [{"containerPath": "/auth", "hostPath": "/var/lib/kubelet/auth", "readonly": True}],
    }  # fmt: skip
    config = {"envs": [{"key": "REGISTRY_AUTH_HTPASSWD_PATH", "value": "/auth/htpasswd"}]}
    (tmp_path / "container.json").write_text(json.dumps({"status": status, "info": {"config": config}}, indent=2))
    found = collect(Request(paths=(str(tmp_path),)), Vault()).compose
    assert found
    (service,) = found.services
    assert (service.name, service.platform, service.namespace, service.role) == (
        "pod/registry-0", "kubernetes", "infra", "registry",
    )  # fmt: skip
    assert [(m.source, m.target, m.read_only) for m in service.mounts] == [("/var/lib/kubelet/auth", "/auth", True)]
    path = service.env("REGISTRY_AUTH_HTPASSWD_PATH")
    assert path
    assert (path.value, path.place.line) == ("/auth/htpasswd", 24)


def judged(folder: Path) -> Diagnosis:
    return diagnose(collect(Request(paths=(str(folder),)), Vault())).diagnosis


@pytest.mark.parametrize("form", ["run", "inspect"])
def test_a_missing_realm_is_found_in_either(form: str, tmp_path: Path) -> None:
    if form == "run":
        (tmp_path / "notes.txt").write_text(RUN.replace('-e "REGISTRY_AUTH_HTPASSWD_REALM=Registry Realm"', ""))
    else:
        made = json.loads(json.dumps(INSPECT))
        made[0]["Config"]["Env"].remove("REGISTRY_AUTH_HTPASSWD_REALM=r")
        (tmp_path / "inspect.json").write_text(json.dumps(made))
    found = judged(tmp_path)
    assert found.causes[0].cause == "auth-option-missing"


def test_a_compose_file_goes_before_what_was_typed(tmp_path: Path) -> None:
    text = "services:\n  r:\n    image: registry:2\n"
    assert [s.name for s in read(tmp_path, notes__txt=RUN, compose__yml=text).services] == ["r"]


@pytest.mark.parametrize(
    "text",
    ["", "$ docker run alpine", "$ docker run", "$ docker run -e", "$ docker run 'unclosed registry:2", "[" * 9999, "{}", "[1]",
     "[{}]", '[{"Config": {"Image": 5, "Env": "x", "Labels": []}, "Mounts": 1, "HostConfig": []}]'],
)  # fmt: skip
def test_what_describes_no_registry_is_left_alone(text: str) -> None:
    made = all_of([("x.txt", text)]).get("x.txt")
    assert made is None or json.loads(made)


def inspected(service: Service) -> dict[str, Any]:
    """What `docker inspect` would print of the service's container."""
    bindings: dict[str, list[dict[str, str]]] = {}
    for port in service.ports:
        bindings.setdefault(f"{port.container}/tcp", []).append({"HostIp": "", "HostPort": str(port.published or "")})
    networks = service.networks or ("web_default",)
    return {
        "Name": f"/{service.container_name or service.name}",
        "Config": {
            "Image": service.image,
            "Env": [f"{v.name}={v.value or ''}" for v in service.environment],
            "Labels": {v.name: v.value for v in service.labels} | {"com.docker.compose.service": service.name},
            "User": service.user or "",
        },
        "HostConfig": {"PortBindings": bindings, "NetworkMode": networks[0]},
        "Mounts": [
            {"Type": m.kind, "Source": m.source, "Destination": m.target, "RW": not m.read_only, "Name": m.source or ""}
            for m in service.mounts
        ],
        "NetworkSettings": {"Networks": {n: {"Aliases": [service.name]} for n in networks}},
    }


COMPOSED = [c for c in all_cases() if "docker-compose.yml" in c.files and len(c.files) > 1][::9]


@pytest.mark.parametrize("case", COMPOSED, ids=lambda c: f"{c.cause}/{c.path.stem}")
def test_one_combined_file_and_many_single_ones_give_the_same(case: Case, tmp_path: Path) -> None:
    (tmp_path / "as-it-is").mkdir()
    compose = judge(case, tmp_path / "as-it-is").evidence.compose
    if compose is None or not compose.services:
        pytest.skip("no project in it")
    rows = [inspected(s) for s in compose.services]
    files = {n: t for n, t in case.files.items() if n != "docker-compose.yml"}
    told = []
    for number, given in enumerate((
        {"inspect.json": rows},
        {f"inspect-{n}.json": [row] for n, row in enumerate(rows)},
        {f"{n}.json": [row] for n, row in enumerate(reversed(rows))},
        {f"c{n}.txt": row for n, row in enumerate(rows)},
    )):  # fmt: skip
        folder = tmp_path / str(number)
        folder.mkdir()
        texts = {name: json.dumps(value, indent=4) + "\n" for name, value in given.items()}
        found = judge(replace(case, files={**files, **texts}), folder).diagnosis
        told.append((found.verdict, found.causes[0].cause if found.causes else ""))
    assert len(set(told)) == 1, told
