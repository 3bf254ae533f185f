"""What a user would hand over: the compose project with its files and the logs of its containers."""

import json
import shutil
from pathlib import Path

from runbook.lab.frontends import as_written, in_front
from runbook.lab.manifests import manifests
from runbook.lab.plan import Plan


def write(plan: Plan, folder: Path, logs: dict[str, str], recorded: dict[str, bytes]) -> None:
    """Write the bundle anew. The published ports are the real ones, so files and wire agree."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    texts = {**described(plan), **plan.files, **plan.handed, **recorded}
    if plan.proxy.software != "ui":
        texts[in_front(plan).file] = as_written(plan).encode()
    for service, log in logs.items():
        if log:
            texts[f"{service}.log"] = _prefixed(plan, service, log).encode()
    for name, data in texts.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)


def described(plan: Plan) -> dict[str, bytes]:
    """The files that say what runs: the compose file, or manifests."""
    if plan.platform == "kubernetes":
        return manifests(plan)
    return {"docker-compose.yml": compose(plan).encode()}


def compose(plan: Plan, bind: str = "") -> str:
    """The compose file, with the comments that somebody believed in; `bind` stands before published ports."""
    proxied = plan.proxy.software != "ui"
    named = [source for source, _ in plan.mounts if not source.startswith(("./", "/"))]
    lines = ["services:", *_registry(plan, bind), "", *(_proxy(plan, bind) if proxied else _ui(plan, bind))]
    if named:
        lines += ["", "volumes:", *(f"  {name}:" for name in named)]
    return "\n".join([*lines, ""])


def _registry(plan: Plan, bind: str) -> list[str]:
    lines = [f"  {plan.registry}:", f"    image: {plan.image}", "    restart: unless-stopped"]
    if plan.container_user:
        lines.append(f'    user: "{plan.container_user}"')
    lines += [f"    {line}" for line in plan.command]
    lines += ["    ports:", f'      - "{bind}{plan.registry_port}:{plan.container_port}"']
    texts = {name: json.dumps(value.replace("$", "$$")) for name, value in plan.environment.items()} | plan.written
    lines += _environment(texts, plan.comments)
    if plan.mounts:
        lines += ["    volumes:", *(f"      - {source}:{target}" for source, target in plan.mounts)]
    return lines


def _ui(plan: Plan, bind: str) -> list[str]:
    proxy = plan.proxy
    variables = dict(proxy.environment)
    if proxy.upstream:
        variables["NGINX_PROXY_PASS_URL"] = proxy.upstream
    variables |= {f"NGINX_PROXY_HEADER_{n.replace('-', '_')}": v for n, v in proxy.request_headers.items()}
    texts = {name: json.dumps(value.replace("$", "$$")) for name, value in variables.items()}
    return [
        f"  {plan.ui}:",
        f"    image: {plan.ui_image}",
        "    ports:",
        f'      - "{bind}{plan.ui_port}:80"',
        *_environment(texts, plan.comments),
        "    depends_on:",
        f"      - {plan.registry}",
    ]


def _proxy(plan: Plan, bind: str) -> list[str]:
    front = in_front(plan)
    volumes = [f"./{front.file}:{front.inside}:ro"]
    if front.mounts_pages:
        volumes.append(f"./www:{front.pages}:ro")
    if plan.proxy.realm is not None and front.passwords:
        volumes.append(f"./.proxy-htpasswd:{front.passwords}:ro")
    return [
        f"  {plan.ui}:",
        f"    image: {front.image}",
        "    ports:",
        f'      - "{bind}{plan.ui_port}:80"',
        "    volumes:",
        *(f"      - {volume}" for volume in volumes),
        "    depends_on:",
        f"      - {plan.registry}",
    ]


def _environment(texts: dict[str, str], comments: dict[str, str]) -> list[str]:
    if not texts:
        return []
    lines = ["    environment:"]
    for name, text in texts.items():
        if name in comments:
            lines.append(f"      # {comments[name]}")
        lines.append(f"      {name}: {text}")
    return lines


def _prefixed(plan: Plan, service: str, log: str) -> str:
    """As `docker compose logs` prints it."""
    name = plan.registry if service == "registry" else plan.ui
    return "".join(f"{name}-1  | {line}\n" for line in log.splitlines())
