"""The same stack as manifests for Kubernetes, applied with `kubectl apply -k .`; and read back as a compose file says it.

Files of the project reach the containers as Secrets that kustomize makes of them. Ports of the node stand for published ones.
"""

import json
from typing import Any

from runbook.lab.errors import LabError
from runbook.lab.plan import Plan
from runbook.parse import ParseError
from runbook.parse.yaml_nodes import load_yaml, plain_data

KUSTOMIZATION = "kustomization.yaml"


def manifests(plan: Plan) -> dict[str, bytes]:
    """Two manifests and the kustomization, by file name."""
    proxy = plan.proxy
    variables = dict(proxy.environment)
    if proxy.upstream:
        variables["NGINX_PROXY_PASS_URL"] = proxy.upstream
    variables |= {f"NGINX_PROXY_HEADER_{n.replace('-', '_')}": v for n, v in proxy.request_headers.items()}
    ours = (plan.registry, plan.image, plan.registry_port, plan.container_port)
    rows = [f"  - {name}.yaml" for name in (plan.registry, plan.ui)]
    secrets = {_secret(source): source[2:] for source, _ in plan.mounts if source.startswith("./")}
    made = ["generatorOptions:", "  disableNameSuffixHash: true", "secretGenerator:"]
    for secret, folder in secrets.items():
        held = [n for n in sorted(plan.files) if n.startswith(f"{folder}/") or n == folder]
        made += [f"  - name: {secret}", "    files:", *(f"      - {n.rpartition('/')[2]}={n}" for n in held)]
    texts = {
        f"{plan.registry}.yaml": _both(*ours, plan.environment, plan.mounts),
        f"{plan.ui}.yaml": _both(plan.ui, plan.ui_image, plan.ui_port, 80, variables, []),
        KUSTOMIZATION: "\n".join(["resources:", *rows, *(made if secrets else []), ""]),
    }
    return {name: text.encode() for name, text in texts.items()}


def _secret(source: str) -> str:
    return source.removeprefix("./").replace("/", "-").replace(".", "-")


def _both(name: str, image: str, published: int, port: int, env: dict[str, str], mounts: list[tuple[str, str]]) -> str:
    inside, outside = [], []
    for source, target in mounts:
        key = _secret(source)
        inside.append(f"            - {{name: {key}, mountPath: {target}}}")
        held = (
            f"secret: {{secretName: {key}}}"
            if source.startswith("./")
            else f"persistentVolumeClaim: {{claimName: {key}}}"
        )
        outside.append(f"        - {{name: {key}, {held}}}")
    lines = [
        "apiVersion: apps/v1", "kind: Deployment", f"metadata: {{name: {name}}}", "spec:",
        f"  selector: {{matchLabels: {{app: {name}}}}}", "  template:", f"    metadata: {{labels: {{app: {name}}}}}",
        "    spec:", "      containers:", f"        - name: {name}", f"          image: {image}", "          ports:",
        f"            - {{containerPort: {port}, hostPort: {published}}}",
        *(["          env:"] if env else []),
        *(f"            - name: {key}\n              value: {json.dumps(value)}" for key, value in env.items()),
        *(["          volumeMounts:", *inside, "      volumes:", *outside] if mounts else []),
        "---",
        "apiVersion: v1", "kind: Service", f"metadata: {{name: {name}}}", "spec:", f"  selector: {{app: {name}}}",
        "  ports:", f"    - {{port: {port}, targetPort: {port}}}", "",
    ]  # fmt: skip
    return "\n".join(lines)


def as_services(contents: dict[str, bytes], plan: Plan) -> dict[str, Any]:
    """The services of a compose file that says the same. `LabError` for what the lab does not know."""
    if contents.get(KUSTOMIZATION) != manifests(plan)[KUSTOMIZATION]:
        raise LabError(f"the lab makes its Secrets from {KUSTOMIZATION} as it was; nothing was started")
    return {name: _service(_documents(contents, f"{name}.yaml"), f"{name}.yaml") for name in (plan.registry, plan.ui)}


def _documents(contents: dict[str, bytes], file: str) -> dict[str, dict[str, Any]]:
    if file not in contents:
        raise LabError(f"there is no {file} any more; nothing was started")
    try:
        parts = [plain_data(load_yaml(text, file)) for text in contents[file].decode().split("\n---\n")]
    except UnicodeDecodeError:
        raise LabError(f"{file} is no UTF-8 text; nothing was started") from None
    except ParseError as error:
        raise LabError(f"{error}; nothing was started") from None
    return {str(part.get("kind")): part for part in parts if isinstance(part, dict)}


def _service(found: dict[str, dict[str, Any]], file: str) -> dict[str, Any]:
    try:
        pod = found["Deployment"]["spec"]["template"]["spec"]
        container, reached = pod["containers"][0], found["Service"]["spec"]["ports"][0]
        port = container["ports"][0]
        held = {v["name"]: v for v in pod.get("volumes") or []}
        env = {str(row["name"]): str(row.get("value", "")).replace("$", "$$") for row in container.get("env") or []}
        mounts = [f"{_source(held[m['name']])}:{m['mountPath']}" for m in container.get("volumeMounts") or []]
        if reached["port"] != port["containerPort"] or reached.get("targetPort", reached["port"]) != reached["port"]:
            raise LabError(f"{file}: the lab's Services hand on the port of the container; nothing was started")
        return {
            "image": str(container["image"]),
            "environment": env,
            "volumes": mounts,
            "ports": [f"{port['hostPort']}:{port['containerPort']}"],
        }
    except (KeyError, TypeError, IndexError, AttributeError):
        raise LabError(f"{file} has no Deployment and Service as the lab knows them; nothing was started") from None


def _source(volume: dict[str, Any]) -> str:
    secret = volume.get("secret")
    return f"./{secret['secretName']}" if secret else str(volume["persistentVolumeClaim"]["claimName"])
