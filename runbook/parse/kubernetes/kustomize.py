"""What `kubectl kustomize` makes of a folder: resources, patches, names, namespaces and images.

Read alone, a patch looks like an object with nearly everything missing; so files that a kustomization names are
never judged by themselves. Checked against kubectl 1.32 (kustomize 5.5). Labels are left as they are: selectors
and what they select change together.
"""

import posixpath
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Mapping as Texts
from dataclasses import dataclass, field, replace

from runbook.lazy import re
from runbook.parse import ParseError
from runbook.parse.kubernetes.data import GENERATORS, own_lines
from runbook.parse.kubernetes.objects import PATCH, Note, Object, at, list_of, scalars, text_of
from runbook.parse.kubernetes.patches import edited, merged, operations
from runbook.parse.yaml_nodes import Mapping, Node, Scalar, Sequence, load_documents

_KINDS = ("Kustomization", "Component")
_MOST_DEPTH = 10
_MOST_BUILT = 200
"""Folders, each as often as others name it."""
LIVE = re.compile(r"prod(?:uction)?|live", re.IGNORECASE)
"""Of several environments that make the same objects, the one that is judged."""
_UNREAD = ("replacements", "vars", "helmCharts", "helmChartInflationGenerator", "generators", "transformers")
_BUILT_IN = re.compile(r"(?:v1|(?:apps|batch|extensions|networking\.k8s\.io|autoscaling|policy)/\S+)")
_REFERENCES = {
    ("configMapKeyRef", "name"): "ConfigMap", ("configMapRef", "name"): "ConfigMap",
    ("configMap", "name"): "ConfigMap", ("secretKeyRef", "name"): "Secret", ("secretRef", "name"): "Secret",
    ("secret", "secretName"): "Secret", ("secret", "name"): "Secret", ("imagePullSecrets", "name"): "Secret",
    ("tls", "secretName"): "Secret", ("service", "name"): "Service", ("backend", "serviceName"): "Service",
    ("spec", "serviceAccountName"): "ServiceAccount", ("spec", "serviceName"): "Service",
    ("annotations", "nginx.ingress.kubernetes.io/auth-secret"): "Secret",
}  # fmt: skip


@dataclass(slots=True)
class Built:
    """The objects of all files, those of kustomizations built, and what could not be told."""

    objects: list[Object] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class _One:
    """An object on its way, with the names that patches may know it by."""

    object: Object
    names: tuple[str, ...]


def build(objects: Iterable[Object], texts: Texts[str, str]) -> Built:
    """Replace what kustomizations name by what they make of it. `texts`: the files' own text, for lines in them."""
    builder = _Builder(tuple(objects), texts)
    built = Built(notes=builder.notes)
    named = {path for folder, one in builder.folders.items() for path, _ in builder.paths(folder, one)}
    roots = [f for f, one in builder.folders.items() if f not in named and one.kind == "Kustomization"]
    made: dict[tuple[str, str, str], str] = {}
    for root in sorted(roots, key=lambda f: (not LIVE.search(f), f)):
        found = [o.object for o in builder.make(root, [], 0)]
        again = next((made[k] for o in found if (k := (o.kind, o.name, o.namespace)) in made), None)
        if again is not None:
            note = f"It makes the same objects as {again or '.'}, which is judged; this one is not."
            built.notes.append(Note(builder.folders[root].node.place, note, open=False))
            continue
        made |= {(o.kind, o.name, o.namespace): root for o in found}
        built.objects += found
    for one in (one for folder, one in builder.folders.items() if folder not in builder.built):
        is_part = one.kind == "Component"
        note = (
            "No kustomization here applies this component." if is_part else "It builds on itself: kustomize refuses it."
        )
        built.notes.append(Note(one.node.place, note, open=not is_part))
    kept = (o for o in builder.objects if o.kind not in (*_KINDS, PATCH) and o.file not in named)
    built.objects[:0] = kept
    return built


class _Builder:
    def __init__(self, objects: tuple[Object, ...], texts: Texts[str, str]) -> None:
        self.objects = objects
        self.texts = texts
        self.notes: list[Note] = []
        self.built: list[str] = []
        self.folders = {folder_of(o.file): o for o in objects if o.kind in _KINDS}
        self.files: dict[str, list[Object]] = {}
        for one in objects:
            self.files.setdefault(one.file, []).append(one)

    def paths(self, folder: str, one: Object) -> Iterator[tuple[str, Node]]:
        """The files and folders that a kustomization names, patches included."""
        for section in ("resources", "bases", "components", "patchesStrategicMerge"):
            for item in list_of(at(one.node, section)):
                if (said := text_of(item)) and "\n" not in said:
                    yield _path(folder, said), item
        for section in ("patches", "patchesJson6902"):
            for item in list_of(at(one.node, section)):
                if said := text_of(at(item, "path")):
                    yield _path(folder, said), item

    def make(self, folder: str, onto: list[_One], depth: int) -> list[_One]:
        """The objects of one folder. `onto`: those of the kustomization that a component is applied to."""
        one = self.folders[folder]
        found = list(onto)
        self.built.append(folder)
        for section in ("resources", "bases", "components"):
            for path, item in {_path(folder, text_of(i) or ""): i for i in list_of(at(one.node, section))}.items():
                if path in self.folders and (depth >= _MOST_DEPTH or len(self.built) > _MOST_BUILT):
                    self.notes.append(
                        Note(item.place, "These folders build on each other too often: not all was read.")
                    )
                elif path in self.folders:
                    is_component = self.folders[path].kind == "Component"
                    made = self.make(path, found if is_component else [], depth + 1)
                    found = made if is_component else found + made
                elif path in self.files:
                    found += [_One(o, (o.name,)) for o in self.files[path] if o.kind not in (*_KINDS, PATCH)]
                else:
                    self.notes.append(Note(item.place, f"{path} was not handed over: what it makes is not known."))
        for name in _UNREAD:
            if (key := one.node.key(name)) is not None:
                self.notes.append(Note(key.place, f"{name} is not applied here: what it changes is not known."))
        found = _generated(one, found)
        for patch, target in self._patches(folder, one):
            found = [p for o in found if (p := _patched(o, patch, target)) is not None]
        return _renamed(found, one, folder)

    def _patches(self, folder: str, one: Object) -> Iterator[tuple[Node, Node | None]]:
        """Every patch with the target that is written beside it."""
        for section in ("patchesStrategicMerge", "patches", "patchesJson6902"):
            for item in list_of(at(one.node, section)):
                inline, path = (item, item) if isinstance(item, Scalar) else (at(item, "patch"), at(item, "path"))
                if isinstance(inline, Scalar) and (inline is not path or "\n" in inline.text):
                    nodes = self._inline(inline)
                else:
                    beside = _path(folder, text_of(path) or "")
                    nodes = [o.steps or o.node for o in self.files.get(beside, ())]
                    if not nodes:
                        self.notes.append(
                            Note(item.place, f"The patch {beside} was not handed over, or is not understood.")
                        )
                yield from ((node, at(item, "target")) for node in nodes)

    def _inline(self, value: Scalar) -> list[Node]:
        file, line = value.place.file, value.place.line or 1
        rows = self.texts.get(file, "").split("\n")
        try:
            return list(load_documents(own_lines(rows, value) or "\n" * (line - 1) + value.text, file)[0])
        except ParseError as error:
            self.notes.append(Note(value.place, f"This patch is {error.message}."))
            return []


def folder_of(file: str) -> str:
    """The folder of a file, which may be a part of another one ("mail.eml § base/kustomization.yaml")."""
    origin, mark, path = file.rpartition(" § ")
    return f"{origin}{mark}{posixpath.dirname(path)}"


def _path(folder: str, said: str) -> str:
    origin, mark, own = folder.rpartition(" § ")
    path = posixpath.normpath(posixpath.join(own, said))
    return f"{origin}{mark}{'' if path == '.' else path}"


def _generated(one: Object, found: list[_One]) -> list[_One]:
    """Adds what generators make; `behavior: merge` adds keys to one that is there, `replace` takes its place."""
    for section, kind in GENERATORS.items():
        for row in list_of(at(one.node, section)):
            name, behavior = text_of(at(row, "name")) or "", text_of(at(row, "behavior"))
            place = next((i for i, o in enumerate(found) if o.object.kind in (section, kind) and name in o.names), None)
            if not isinstance(row, Mapping):
                continue
            if behavior in ("merge", "replace") and place is not None:
                before = found[place].object
                node = row if behavior == "replace" or before.kind == kind else _joined(before.node, row)
                found[place] = replace(found[place], object=replace(before, node=node, kind=section))
            else:
                namespace = text_of(at(row, "namespace")) or ""
                found.append(_One(Object(section, name, namespace, row, one.file), (name,)))
    return found


def _joined(one: Mapping, other: Mapping) -> Mapping:
    """Two rows of a generator, list by list."""
    pairs = {key.text: (key, value) for key, value in one.pairs}
    for key, value in other.pairs:
        _, known = pairs.get(key.text, (key, None))
        if isinstance(known, Sequence) and isinstance(value, Sequence):
            value = replace(known, items=known.items + value.items)
        pairs[key.text] = (key, value)
    return replace(one, pairs=tuple(pairs.values()))


def _patched(one: _One, patch: Node, target: Node | None) -> _One | None:
    """The object after a patch; None when the patch takes it away."""
    if not _is_target(one, patch, target):
        return one
    node: Node | None = one.object.node
    if isinstance(patch, Sequence):
        for row in operations(patch):
            node = edited(node, row) if node is not None else None
    else:
        built_in = _BUILT_IN.fullmatch(text_of(at(one.object.node, "apiVersion")) or "") is not None
        kept = patch if target is None else _without_identity(patch)
        node = merged(one.object.node, kept, by_key=built_in)
    return replace(one, object=replace(one.object, node=node)) if isinstance(node, Mapping) else None


def _without_identity(patch: Node) -> Node:
    """With a target written beside it, the name inside the patch stands for nothing."""
    if not isinstance(patch, Mapping):
        return patch
    pairs = [(k, v) for k, v in patch.pairs if k.text not in ("apiVersion", "kind")]
    meta = patch.get("metadata")
    if isinstance(meta, Mapping):
        rest = replace(meta, pairs=tuple(p for p in meta.pairs if p[0].text not in ("name", "namespace")))
        pairs = [(k, rest if k.text == "metadata" else v) for k, v in pairs]
    return replace(patch, pairs=tuple(pairs))


def _is_target(one: _One, patch: Node, target: Node | None) -> bool:
    own = one.object
    if target is None:
        kind, name = text_of(at(patch, "kind")), text_of(at(patch, "metadata", "name"))
        space = text_of(at(patch, "metadata", "namespace"))
        return kind == own.kind and name in one.names and space in (None, own.namespace)
    asked = {key: value.text for key, value in scalars(target).items()}
    if own.kind in GENERATORS or any(k in asked for k in ("annotationSelector",)):
        return False
    pairs = [pair.partition("=")[::2] for pair in asked.get("labelSelector", "").split(",") if pair]
    return (
        _fits(asked.get("kind"), (own.kind,))
        and _fits(asked.get("name"), one.names)
        and _fits(asked.get("namespace"), (own.namespace,))
        and all(own.labels.get(key.strip()) == value.lstrip("=").strip() for key, value in pairs)
    )


def _fits(pattern: str | None, values: Iterable[str]) -> bool:
    """Whether one of them is what a target asks for: an expression that holds for the whole of it."""
    if pattern is None:
        return True
    try:
        return any(re.fullmatch(pattern, value) for value in values) if len(pattern) < 200 else False
    except re.error:
        return pattern in values


def _renamed(found: list[_One], one: Object, folder: str) -> list[_One]:
    """Names, namespace and images as the kustomization sets them, also where its objects name each other."""
    before, after = (text_of(at(one.node, key)) or "" for key in ("namePrefix", "nameSuffix"))
    space = text_of(at(one.node, "namespace"))
    images = {text_of(at(row, "name")): scalars(row) for row in list_of(at(one.node, "images"))}
    names = {(GENERATORS.get(o.object.kind, o.object.kind), o.object.name) for o in found}

    def swap(up: str, key: str, text: str) -> str:
        if key == "image" and up in ("containers", "initContainers"):
            return _image(text, images)
        space, slash, bare = text.rpartition("/")
        renamed = (_REFERENCES.get((up, key)), bare) in names
        return f"{space}{slash}{before}{bare}{after}" if renamed else text

    made: list[_One] = []
    for item in found:
        own, node = item.object, item.object.node
        if _BUILT_IN.fullmatch(text_of(at(node, "apiVersion")) or ""):
            changed = _walked(node, swap)
            node = changed if isinstance(changed, Mapping) else node
        name = own.name if own.kind == "Namespace" else f"{before}{own.name}{after}"
        new = replace(own, node=node, name=name, namespace=space or own.namespace, made_by=("kustomize", folder or "."))
        made.append(_One(new, tuple(dict.fromkeys((*item.names, name)))))
    return made


def _image(text: str, images: dict[str | None, dict[str, Scalar]]) -> str:
    """An image as the kustomization's own list names it."""
    name = re.sub(r"(?::[\w.-]+)?(?:@.+)?$", "", text)
    if (new := images.get(name)) is None:
        return text
    rest = text[len(name) :]
    if "digest" in new or "newTag" in new:
        rest = f"@{new['digest'].text}" if "digest" in new else f":{new['newTag'].text}"
    return (new["newName"].text if "newName" in new else name) + rest


def _walked(node: Node, swap: Callable[[str, str, str], str], up: str = "", key: str = "") -> Node:
    """The same tree with each scalar swapped, which is told by its key and by the one above it."""
    if isinstance(node, Scalar):
        return replace(node, text=new) if (new := swap(up, key, node.text)) != node.text else node
    if isinstance(node, Sequence):
        return replace(node, items=tuple(_walked(item, swap, up, key) for item in node.items))
    return replace(node, pairs=tuple((name, _walked(value, swap, key, name.text)) for name, value in node.pairs))
