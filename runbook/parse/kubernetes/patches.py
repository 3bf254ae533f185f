"""Patches of Kubernetes objects: strategic merges, and lists of operations (RFC 6902)."""

from dataclasses import replace

from runbook.parse.kubernetes.objects import at, list_of, text_of
from runbook.parse.yaml_nodes import MAX_DEPTH, Mapping, Node, Scalar, Sequence

_KEYS = {
    "containers": ("name",), "initContainers": ("name",), "volumes": ("name",), "env": ("name",),
    "imagePullSecrets": ("name",), "volumeMounts": ("mountPath",), "ports": ("containerPort", "port"),
    "hostAliases": ("ip",), "volumeDevices": ("devicePath",),
}  # fmt: skip
"""By what a list's items are known (`patchMergeKey` of the API's types); every other list is replaced whole."""


def merged(node: Node, patch: Node, *, by_key: bool, name: str = "") -> Node | None:
    """A strategic merge: mappings join, `null` takes a key away, lists join by their items' key where they have one.

    `by_key`: False for custom resources, whose lists are replaced. None: the patch takes all of it away.
    """
    if isinstance(node, Mapping) and isinstance(patch, Mapping):
        return _joined(node, patch, by_key)
    if isinstance(node, Sequence) and isinstance(patch, Sequence) and by_key and name in _KEYS:
        return _lists(node, patch, _KEYS[name])
    return patch


def _joined(node: Mapping, patch: Mapping, by_key: bool) -> Mapping | None:
    directive = text_of(patch.get("$patch"))
    if directive == "delete":
        return None
    new = {k.text: (k, v) for k, v in patch.pairs if not k.text.startswith("$")}
    if directive == "replace":
        return replace(patch, pairs=tuple(new.values()))
    pairs = {k.text: (k, v) for k, v in node.pairs}
    for name, (key, value) in new.items():
        known = pairs.pop(name, None) if at(patch, name) is None else pairs.get(name)
        if at(patch, name) is None:
            continue
        result = merged(known[1], value, by_key=by_key, name=name) if known else value
        if result is None:
            pairs.pop(name, None)
        else:
            pairs[name] = (known[0] if known else key, result)
    return replace(node, pairs=tuple(pairs.values()))


def _lists(node: Sequence, patch: Sequence, keys: tuple[str, ...]) -> Sequence:
    """The patch's items come first, joined with those of the same key; then those that it says nothing of."""

    def known_by(item: Node) -> tuple[str, ...]:
        value = next((t for key in keys if (t := text_of(at(item, key)))), "")
        return value, text_of(at(item, "protocol")) or "TCP"

    directives = [text_of(at(item, "$patch")) for item in patch.items]
    rest = {} if "replace" in directives else {known_by(item): item for item in node.items}
    made: list[Node | None] = []
    for item, directive in zip(patch.items, directives, strict=True):
        known = rest.pop(known_by(item), None)
        if directive is None:
            made.append(item if known is None else merged(known, item, by_key=True))
    return replace(node, items=tuple(item for item in (*made, *rest.values()) if item is not None))


def is_operation(row: Node) -> bool:
    """Whether it is one step of a JSON patch."""
    return isinstance(row, Mapping) and text_of(at(row, "op")) in ("add", "replace", "remove") and "path" in dict(row)


def edited(node: Node, row: Node) -> Node:
    """The tree after one step of a JSON patch; a step whose path leads nowhere changes nothing."""
    steps = [s.replace("~1", "/").replace("~0", "~") for s in (text_of(at(row, "path")) or "").split("/")[1:]]
    value = row.get("value") if isinstance(row, Mapping) else None
    return _edited(node, steps, text_of(at(row, "op")) or "", value) if 0 < len(steps) <= MAX_DEPTH else node


def _edited(node: Node, steps: list[str], op: str, value: Node | None) -> Node:
    step, rest = steps[0], steps[1:]
    if isinstance(node, Mapping):
        pairs = {k.text: (k, v) for k, v in node.pairs}
        if rest and step in pairs:
            pairs[step] = (pairs[step][0], _edited(pairs[step][1], rest, op, value))
        elif not rest and op == "remove":
            pairs.pop(step, None)
        elif not rest and value is not None:
            pairs[step] = (pairs[step][0] if step in pairs else Scalar(step, value.place), value)
        return replace(node, pairs=tuple(pairs.values()))
    if not isinstance(node, Sequence):
        return node
    items = list(node.items)
    place = len(items) if step == "-" else int(step) if step.isdecimal() and len(step) < 6 else -1
    if rest and 0 <= place < len(items):
        items[place] = _edited(items[place], rest, op, value)
    elif not rest and op == "add" and value is not None and 0 <= place <= len(items):
        items.insert(place, value)
    elif not rest and 0 <= place < len(items):
        items[place : place + 1] = [value] if op == "replace" and value is not None else []
    return replace(node, items=tuple(items))


def operations(node: Node) -> tuple[Node, ...]:
    """The steps of a JSON patch; none of anything else."""
    rows = list_of(node)
    return rows if rows and all(is_operation(row) for row in rows) else ()
