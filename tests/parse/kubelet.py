"""A small model of what the kubelet documents, written from its documentation and used only to check ours.

It works on plain data and knows nothing of the product: `environment` and `files` of a container, as
kubernetes.io/docs/tasks/inject-data-application and …/concepts/storage/volumes describe them.
"""

import base64
import random
import re
from typing import Any

Doc = dict[str, Any]


class NotStartedError(Exception):
    """A key or an object that is wanted is not there."""


def contents(doc: Doc) -> dict[str, bytes]:
    """Keys of a ConfigMap or Secret; stringData wins over data."""
    found = {}
    if doc["kind"] == "Secret":
        found |= {k: base64.b64decode(v) for k, v in doc.get("data", {}).items()}
        found |= {k: v.encode() for k, v in doc.get("stringData", {}).items()}
    else:
        found |= {k: base64.b64decode(v) for k, v in doc.get("binaryData", {}).items()}
        found |= {k: v.encode() for k, v in doc.get("data", {}).items()}
    return found


class Cluster:
    def __init__(self, docs: list[Doc]) -> None:
        self.docs = docs

    def get(self, kind: str, name: str, optional: bool) -> dict[str, bytes] | None:
        for doc in self.docs:
            if doc["kind"] == kind and doc["metadata"]["name"] == name:
                return contents(doc)
        if optional:
            return None
        raise NotStartedError(f"{kind} {name}")

    def environment(self, container: Doc) -> dict[str, str]:
        env: dict[str, str] = {}
        for source in container.get("envFrom", []):
            for ref, kind in (("configMapRef", "ConfigMap"), ("secretRef", "Secret")):
                if ref in source:
                    found = self.get(kind, source[ref]["name"], source[ref].get("optional", False)) or {}
                    for key, value in found.items():
                        name = source.get("prefix", "") + key
                        if re.match(r"^[-._a-zA-Z][-._a-zA-Z0-9]*$", name):
                            env[name] = value.decode()
        for row in container.get("env", []):
            if row.get("value"):
                env[row["name"]] = substitute(row["value"], env)
                continue
            reference = row.get("valueFrom", {})
            if not reference:
                env[row["name"]] = ""
                continue
            kind, ref = (
                ("ConfigMap", reference["configMapKeyRef"])
                if "configMapKeyRef" in reference
                else ("Secret", reference["secretKeyRef"])
            )
            optional = ref.get("optional", False)
            found = self.get(kind, ref["name"], optional)
            if found is None:
                continue
            if ref["key"] not in found:
                if optional:
                    continue
                raise NotStartedError(ref["key"])
            env[row["name"]] = found[ref["key"]].decode()
        return env

    def volume(self, volume: Doc) -> dict[str, bytes] | None:
        """Path in the volume → content; None for a volume that is no object's."""
        parts = volume["projected"]["sources"] if "projected" in volume else [volume]
        found: dict[str, bytes] = {}
        for part in parts:
            if "configMap" in part:
                kind, spec, name = "ConfigMap", part["configMap"], part["configMap"]["name"]
            elif "secret" in part:
                kind, spec = "Secret", part["secret"]
                name = spec.get("secretName") or spec.get("name")
            else:
                return None
            optional = spec.get("optional", False)
            keys = self.get(kind, name, optional)
            if keys is None:
                continue
            if "items" not in spec:
                found |= keys
                continue
            for item in spec["items"]:
                if item["key"] in keys:
                    found[item["path"]] = keys[item["key"]]
                elif not optional:
                    raise NotStartedError(item["key"])
        return found

    def files(self, pod: Doc, container: Doc) -> tuple[dict[str, bytes], set[str]]:
        """Path in the container → content, and paths that are empty folders."""
        volumes = {v["name"]: v for v in pod.get("volumes", [])}
        seen: dict[str, bytes] = {}
        empty = set()
        for mount in container.get("volumeMounts", []):
            tree = self.volume(volumes[mount["name"]])
            if tree is None:
                continue
            sub = mount.get("subPath")
            at = mount["mountPath"].rstrip("/")
            if sub is None:
                seen |= {f"{at}/{path}": data for path, data in tree.items()}
            elif sub in tree:
                seen[at] = tree[sub]
            else:
                inside = {p[len(sub) :]: d for p, d in tree.items() if p.startswith(sub + "/")}
                seen |= {at + path: data for path, data in inside.items()}
                if not inside and tree:
                    empty.add(mount["mountPath"])
        return seen, empty


def substitute(text: str, env: dict[str, str]) -> str:
    """$(NAME) of what is defined before; $$ is a dollar; the rest stays."""
    result, i = "", 0
    while i < len(text):
        if text[i] == "$" and i + 1 < len(text):
            if text[i + 1] == "$":
                result, i = result + "$", i + 2
                continue
            end = text.find(")", i)
            if text[i + 1] == "(" and end > 0:
                name = text[i + 2 : end]
                result, i = result + env.get(name, text[i : end + 1]), end + 1
                continue
        result, i = result + text[i], i + 1
    return result


# ---- manifests drawn by lot --------------------------------------------------------------------------------


KEYS = ("REGISTRY_LOG_LEVEL", "REGISTRY_HTTP_ADDR", "REGISTRY_AUTH", "htpasswd", "config.yml", "1bad", "a b", "users")


def draw(seed: int) -> list[Doc]:
    """A Deployment with two ConfigMaps and two Secrets around it, with all that may be odd about them."""
    lot = random.Random(seed)
    docs: list[Doc] = []
    for kind, name in (("ConfigMap", "c1"), ("ConfigMap", "c2"), ("Secret", "s1"), ("Secret", "s2")):
        if lot.random() < 0.15 and name in ("c2", "s2"):
            continue
        keys = lot.sample([k for k in KEYS if k != "a b"], lot.randint(1, 4))
        plain = {k: f"{name}-{k}-{lot.randint(1, 99)}" for k in keys}
        doc: Doc = {"apiVersion": "v1", "kind": kind, "metadata": {"name": name}}
        if kind == "ConfigMap":
            doc["data"] = plain
            if lot.random() < 0.3:
                doc["binaryData"] = {"blob": base64.b64encode(b"bytes of " + name.encode()).decode()}
        else:
            doc["data"] = {k: base64.b64encode(v.encode()).decode() for k, v in plain.items()}
            if lot.random() < 0.4:
                doc["stringData"] = {lot.choice(keys): f"{name}-string"}
        docs.append(doc)
    pod: Doc = {"containers": [], "volumes": []}
    for number, (field, key) in enumerate((("configMap", "name"), ("secret", "secretName"), ("configMap", "name"))):
        ref = lot.choice(("c1", "c2") if field == "configMap" else ("s1", "s2"))
        spec: Doc = {key: ref, "optional": True}
        if lot.random() < 0.5:
            spec["items"] = [{"key": k, "path": lot.choice((k, f"deep/{k}"))} for k in lot.sample(KEYS, 2)]
        if lot.random() < 0.3:
            inner = dict(spec)
            if field == "secret":
                inner["name"] = inner.pop("secretName")
            pod["volumes"].append({"name": f"v{number}", "projected": {"sources": [{field: inner}]}})
        else:
            pod["volumes"].append({"name": f"v{number}", field: spec})
    pod["volumes"].append({"name": "data", "emptyDir": {}})
    container: Doc = {"name": "registry", "image": "registry:2", "env": [], "envFrom": [], "volumeMounts": []}
    for _ in range(lot.randint(0, 3)):
        ref, name = lot.choice(
            (("configMapRef", "c1"), ("configMapRef", "c2"), ("secretRef", "s1"), ("secretRef", "s2"))
        )
        source: Doc = {ref: {"name": name, "optional": True}}
        if lot.random() < 0.3:
            source["prefix"] = "REGISTRY_X_"
        container["envFrom"].append(source)
    for _ in range(lot.randint(1, 6)):
        row: Doc = {
            "name": lot.choice(("REGISTRY_AUTH", "REGISTRY_HTTP_ADDR", "REGISTRY_A", "REGISTRY_B", "REGISTRY_C"))
        }
        if lot.random() < 0.5:
            row["value"] = lot.choice(
                ("plain", "$(REGISTRY_A)-x", "$$(REGISTRY_A)", "a$b", "", "$(NOBODY)", "$$$(REGISTRY_A)")
            )
        else:
            kind, name = lot.choice((("configMapKeyRef", "c1"), ("configMapKeyRef", "c2"), ("secretKeyRef", "s1")))
            row["valueFrom"] = {kind: {"name": name, "key": lot.choice(KEYS), "optional": True}}
        container["env"].append(row)
    for number in range(3):
        mount: Doc = {
            "name": f"v{number}",
            "mountPath": lot.choice((f"/m{number}", f"/m{number}/", f"/m{number}/file")),
        }
        if lot.random() < 0.4:
            mount["subPath"] = lot.choice((*KEYS, "deep", "deep/htpasswd"))
        container["volumeMounts"].append(mount)
    container["volumeMounts"].append({"name": "data", "mountPath": "/var/lib/registry"})
    pod["containers"].append(container)
    template = {"metadata": {"labels": {"app": "r"}}, "spec": pod}
    docs.append(
        {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "r"}, "spec": {"template": template}}
    )
    lot.shuffle(docs)
    return docs
