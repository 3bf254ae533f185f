"""What Joxit/docker-registry-ui (templates/*-deployment.yaml) makes of its values."""

import posixpath
from collections.abc import Iterator
from typing import Any

from runbook.model import Place
from runbook.parse.kubernetes.made import Charted, deployment, made, made_object, nowhere, service, variable
from runbook.parse.kubernetes.objects import Object, at, is_true, list_of, text_of
from runbook.parse.yaml_nodes import Mapping, Node, Scalar, Sequence

_JOXIT = "docker-registry-ui"
_UI_ENV = (
    ("title", "REGISTRY_TITLE"),
    ("deleteImages", "DELETE_IMAGES"),
    ("pullUrl", "PULL_URL"),
    ("showCatalogNbTags", "SHOW_CATALOG_NB_TAGS"),
    ("showContentDigest", "SHOW_CONTENT_DIGEST"),
    ("singleRegistry", "SINGLE_REGISTRY"),
    ("catalogElementsLimit", "CATALOG_ELEMENTS_LIMIT"),
)


def joxit(values: Mapping, file: str) -> Charted:
    """The UI, and the registry where the values want one."""
    ui, registry = at(values, "ui"), at(values, "registry")
    name = text_of(at(values, "global", "name")) or _JOXIT
    place = ui.place if ui else values.place
    port = at(ui, "service", "targetPort") or 80
    front, back = f"{name}-user-interface", f"{name}-registry-server"
    container = {
        "name": "registry-ui",
        "image": at(ui, "image") or "joxit/docker-registry-ui:latest",
        "env": list(_joxit_env(ui, registry, back, place)),
        "ports": [{"name": "http", "containerPort": port}],
    }
    pod = {"containers": [container], "imagePullSecrets": _list(at(ui, "imagePullSecrets"))}
    objects = [deployment(front, file, place, pod), service(front, front, at(ui, "service"), 80, port, file, place)]
    objects += _joxit_ingress(at(ui, "ingress"), front, at(ui, "service", "port") or 80, file)
    if registry is not None and is_true(at(registry, "enabled")):
        target = at(registry, "service", "targetPort") or 5000
        objects.append(_joxit_registry(registry, back, target, file))
        objects.append(service(back, back, at(registry, "service"), 5000, target, file, registry.place))
        objects += _joxit_ingress(at(registry, "ingress"), back, at(registry, "service", "port") or 5000, file)
    return Charted(tuple(objects))


def _list(node: Node | None) -> Node | None:
    return node if isinstance(node, Sequence) else None


def _joxit_env(ui: Node | None, registry: Node | None, back: str, place: Place) -> Iterator[Node]:
    for key, name in _UI_ENV:
        if (written := at(ui, key)) is not None:
            yield variable(name, written, written.place)
    url, proxy = at(ui, "dockerRegistryUrl"), at(ui, "proxy")
    if is_true(proxy) and proxy is not None:
        if url is not None:
            yield variable("NGINX_PROXY_PASS_URL", url, url.place)
        elif is_true(at(registry, "enabled")):
            port = text_of(at(registry, "service", "port")) or "5000"
            yield variable("NGINX_PROXY_PASS_URL", f"http://{back}:{port}", proxy.place)
        for row in list_of(at(ui, "nginxProxyHeaders")):
            for header, value in row if isinstance(row, Mapping) else ():
                yield variable(f"NGINX_PROXY_HEADER_{header}", value, value.place)
    else:
        yield variable("REGISTRY_URL", url, (url or nowhere(place)).place)
    yield from list_of(at(ui, "extraEnv"))


def _joxit_registry(registry: Node, name: str, target: Any, file: str) -> Object:
    place = registry.place
    port = text_of(target) if isinstance(target, Scalar) else str(target)
    env = [variable("REGISTRY_HTTP_ADDR", f"0.0.0.0:{port}", target.place if isinstance(target, Scalar) else place)]
    volume = at(registry, "dataVolume") or made({"emptyDir": {}}, place)
    parts = [(k, v) for k, v in volume] if isinstance(volume, Mapping) else []
    volumes = [made({"name": "data", **dict(parts)}, volume.place)]
    mounts = [made({"name": "data", "mountPath": "/var/lib/registry"}, volume.place)]
    basic = at(registry, "auth", "basic")
    if basic is not None and is_true(at(basic, "enabled")):
        path = at(basic, "htpasswdPath") or made("/etc/docker/registry/auth/htpasswd", basic.place)
        env.append(variable("REGISTRY_AUTH", "htpasswd", basic.place))
        env.append(variable("REGISTRY_AUTH_HTPASSWD_REALM", at(basic, "realm") or "Docker registry", basic.place))
        env.append(variable("REGISTRY_AUTH_HTPASSWD_PATH", path, path.place))
        folder = posixpath.dirname(text_of(path) or "/")
        mounts.append(made({"name": "auth", "mountPath": folder, "readOnly": True}, path.place))
        volumes.append(made({"name": "auth", "secret": {"secretName": at(basic, "secretName") or ""}}, basic.place))
    env += list_of(at(registry, "extraEnv"))
    container = {
        "name": "registry-server",
        "image": at(registry, "image") or "registry:2",
        "env": env,
        "ports": [{"name": "http", "containerPort": target}],
        "volumeMounts": mounts,
    }
    return deployment(name, file, place, {"containers": [container], "volumes": volumes})


def _joxit_ingress(ingress: Node | None, name: str, port: Any, file: str) -> Iterator[Object]:
    if ingress is None or not is_true(at(ingress, "enabled")):
        return
    backend = {"service": {"name": name, "port": {"number": port}}}
    row = {"path": at(ingress, "path"), "pathType": at(ingress, "pathType"), "backend": backend}
    rules = [made({"host": at(ingress, "host"), "http": {"paths": [row]}}, ingress.place)]
    spec = {"ingressClassName": at(ingress, "ingressClassName"), "rules": rules, "tls": at(ingress, "tls")}
    yield made_object(
        "Ingress", name, file, ingress.place, spec=spec, metadata={"annotations": at(ingress, "annotations")}
    )
