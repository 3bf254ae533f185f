"""What twuni/docker-registry (templates/_helpers.tpl, deployment.yaml) makes of its values."""

from collections.abc import Iterator
from collections.abc import Mapping as Texts

import yaml

from runbook.model import Place
from runbook.parse.kubernetes.data import Data, Entry
from runbook.parse.kubernetes.made import Charted, deployment, made, made_object, nowhere, service, variable
from runbook.parse.kubernetes.objects import Object, at, is_true, list_of, text_of
from runbook.parse.yaml_nodes import Mapping, Node, Scalar, Sequence, plain_data
from runbook.redact import Vault

TWUNI_CONFIG = """\
version: 0.1
log:
  fields:
    service: registry
storage:
  cache:
    blobdescriptor: inmemory
http:
  addr: :5000
  headers:
    X-Content-Type-Options: [nosniff]
health:
  storagedriver:
    enabled: true
"""
"""The chart's own configData: what the values do not say."""
_TWUNI = "docker-registry"


def twuni(values: Mapping, texts: Texts[str, str], file: str, vault: Vault) -> Charted:
    """Its objects, and the ConfigMap and Secret behind them."""
    name = text_of(at(values, "fullnameOverride")) or _TWUNI
    place = values.place
    htpasswd = at(values, "secrets", "htpasswd")
    has_users = isinstance(htpasswd, Scalar) and bool(htpasswd.text.strip())
    config = _config(values, texts, file, name)
    pod = {
        "securityContext": {"runAsUser": at(values, "securityContext", "runAsUser") or 1000},
        "imagePullSecrets": at(values, "imagePullSecrets"),
        "initContainers": at(values, "initContainers"),
        "containers": [
            {
                "name": _TWUNI,
                "image": _image(values),
                "command": ["/bin/registry", "serve", "/etc/docker/registry/config.yml"],
                "ports": [{"containerPort": 5000}],
                "env": list(_twuni_env(values, name, htpasswd if has_users else None)),
                "volumeMounts": list(_twuni_mounts(values, htpasswd if has_users else None, config.place)),
            }
        ],
        "volumes": list(_twuni_volumes(values, name, has_users=has_users)),
    }
    objects = [deployment(name, file, place, pod)]
    objects.append(service(name, name, at(values, "service"), 5000, 5000, file, place))
    objects += _twuni_ingress(values, name, file)
    data = [Data("ConfigMap", f"{name}-config", "", config.place, entries={"config.yml": config})]
    secret = {"haSharedSecret": Entry("haSharedSecret", place, f"{file} § haSharedSecret", None)}
    if isinstance(htpasswd, Scalar) and has_users:
        content = htpasswd.text.encode("utf-8", "surrogatepass")
        secret["htpasswd"] = Entry("htpasswd", htpasswd.place, f"{htpasswd.place.file} § secrets.htpasswd", content)
    data.append(Data("Secret", f"{name}-secret", "", place, entries=secret, complete=False))
    shared = text_of(at(values, "secrets", "haSharedSecret"))
    if shared:
        vault.token(shared)
    return Charted(tuple(objects), tuple(data))


def _image(values: Mapping) -> Node:
    written = at(values, "image", "repository") or at(values, "image", "tag")
    repository = text_of(at(values, "image", "repository")) or "registry"
    tag = text_of(at(values, "image", "tag"))
    return made(f"{repository}:{tag}" if tag else repository, written.place if written else values.place)


def _twuni_env(values: Mapping, name: str, htpasswd: Node | None) -> Iterator[Node]:
    place = values.place
    shared = {"secretKeyRef": {"name": f"{name}-secret", "key": "haSharedSecret"}}
    yield made({"name": "REGISTRY_HTTP_SECRET", "valueFrom": shared}, place)
    if htpasswd is not None:
        yield variable("REGISTRY_AUTH", "htpasswd", htpasswd.place)
        yield variable("REGISTRY_AUTH_HTPASSWD_REALM", "Registry Realm", htpasswd.place)
        yield variable("REGISTRY_AUTH_HTPASSWD_PATH", "/auth/htpasswd", htpasswd.place)
    if tls := at(values, "tlsSecretName"):
        yield variable("REGISTRY_HTTP_TLS_CERTIFICATE", "/etc/ssl/docker/tls.crt", tls.place)
        yield variable("REGISTRY_HTTP_TLS_KEY", "/etc/ssl/docker/tls.key", tls.place)
    yield from _twuni_storage(values, place)
    if is_true(at(values, "proxy", "enabled")):
        url = at(values, "proxy", "remoteurl")
        yield variable("REGISTRY_PROXY_REMOTEURL", url or "https://registry-1.docker.io", (url or values).place)
    if is_true(delete := at(values, "persistence", "deleteEnabled")) and delete:
        yield variable("REGISTRY_STORAGE_DELETE_ENABLED", "true", delete.place)
    yield from list_of(at(values, "extraEnvVars"))


_S3 = (
    ("region", "REGION"),
    ("bucket", "BUCKET"),
    ("regionEndpoint", "REGIONENDPOINT"),
    ("rootdirectory", "ROOTDIRECTORY"),
    ("encrypt", "ENCRYPT"),
    ("secure", "SECURE"),
)


def _twuni_storage(values: Mapping, place: Place) -> Iterator[Node]:
    kind = at(values, "storage")
    if (text_of(kind) or "filesystem") == "filesystem":
        yield variable("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", "/var/lib/registry", (kind or nowhere(place)).place)
    elif text_of(kind) == "s3":
        for key, name in _S3:
            if (written := at(values, "s3", key)) is not None:
                yield variable(f"REGISTRY_STORAGE_S3_{name}", written, written.place)


def _twuni_mounts(values: Mapping, htpasswd: Node | None, config: Place) -> Iterator[Node]:
    yield made({"name": "config", "mountPath": "/etc/docker/registry"}, config)
    if htpasswd is not None:
        yield made({"name": "auth", "mountPath": "/auth", "readOnly": True}, htpasswd.place)
    if (text_of(at(values, "storage")) or "filesystem") == "filesystem":
        kept = at(values, "persistence", "enabled") or values
        yield made({"name": "data", "mountPath": "/var/lib/registry/"}, kept.place)
    yield from list_of(at(values, "extraVolumeMounts"))


def _twuni_volumes(values: Mapping, name: str, *, has_users: bool) -> Iterator[Node]:
    place = values.place
    yield made({"name": "config", "configMap": {"name": f"{name}-config"}}, place)
    if has_users:
        items = [{"key": "htpasswd", "path": "htpasswd"}]
        yield made({"name": "auth", "secret": {"secretName": f"{name}-secret", "items": items}}, place)
    kept = is_true(at(values, "persistence", "enabled"))
    yield made(
        {"name": "data", **({"persistentVolumeClaim": {"claimName": name}} if kept else {"emptyDir": {}})}, place
    )
    yield from list_of(at(values, "extraVolumes"))


def _twuni_ingress(values: Mapping, name: str, file: str) -> Iterator[Object]:
    ingress = at(values, "ingress")
    if ingress is None or not is_true(at(ingress, "enabled")):
        return
    path = at(ingress, "path") or "/"
    port = at(values, "service", "port") or 5000
    backend = {"service": {"name": name, "port": {"number": port}}}
    rules = [
        made({"host": h, "http": {"paths": [{"path": path, "pathType": "Prefix", "backend": backend}]}}, h.place)
        for h in list_of(at(ingress, "hosts"))
    ]
    spec = {"ingressClassName": at(ingress, "className"), "rules": rules, "tls": at(ingress, "tls")}
    yield made_object(
        "Ingress", name, file, ingress.place, spec=spec, metadata={"annotations": at(ingress, "annotations")}
    )


def _config(values: Mapping, texts: Texts[str, str], file: str, name: str) -> Entry:
    """configData with the lines of the values file; what it leaves out is the chart's own."""
    key, data = values.key("configData"), at(values, "configData")
    if key is not None and data is not None and len(_files(data)) > 1:
        joined = yaml.safe_dump(plain_data(data)).encode()
        return Entry("config.yml", key.place, f"{key.place.file} § configData", joined, base=TWUNI_CONFIG)
    rows = texts.get(key.place.file if key else file, "").split("\n")
    start = key.place.line if key else None
    if start is None or not isinstance(at(values, "configData"), Mapping) or "{" in rows[start - 1]:
        place = key.place if key else values.place
        return Entry("config.yml", place, f"{file} § configData", TWUNI_CONFIG.encode(), base="")
    depth = len(rows[start - 1]) - len(rows[start - 1].lstrip())
    end = start
    while end < len(rows) and (not rows[end].strip() or len(rows[end]) - len(rows[end].lstrip()) > depth):
        end += 1
    body = "\n".join(rows[start:end]) + "\n"
    assert key is not None  # noqa: S101 (start came of it)
    return Entry(
        "config.yml", key.place, f"{key.place.file} § configData", body.encode(), "\n" * start + body, base=TWUNI_CONFIG
    )


def _files(node: Node) -> set[str]:
    """Where a tree comes from, when it was joined of several files."""
    if isinstance(node, Scalar):
        return {node.place.file}
    inner = node.items if isinstance(node, Sequence) else [value for _, value in node]
    return {file for one in inner for file in _files(one)}
