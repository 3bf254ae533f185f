"""`extends` and `include`: services that take over from others, of the same file or of another one."""

import posixpath

from runbook.parse import ParseError
from runbook.parse.compose.load import Notes
from runbook.parse.compose.merge import merge
from runbook.parse.compose.services import text_of
from runbook.parse.yaml_nodes import Mapping, Node, Scalar, Sequence, load_documents

MAX_CHAIN = 20


def referenced(file: str, text: str) -> set[str]:
    """Files that this one extends or includes."""
    try:
        documents, _ = load_documents(text, file)
    except ParseError:
        return set()  # the same file is parsed again for itself, and said to be broken there
    found = set()
    for document in documents:
        if isinstance(document, Mapping):
            found |= {_beside(file, name) for name in _names(document)}
    return found - {file}


def extended(file: str, trees: dict[str, Mapping], notes: Notes) -> Mapping:
    """The file's tree with every service complete and included services taken in."""
    top = trees[file]
    services = top.get("services")
    if isinstance(services, Mapping):
        pairs = tuple((k, _service(k.text, v, file, trees, notes, 0)) for k, v in services.pairs)
        top = _with(top, "services", Mapping(pairs, services.place, services.tag))
    for name in _includes(top):
        other = trees.get(_beside(file, name))
        if other is not None and other is not trees[file]:
            joined = merge(_without(extended(_beside(file, name), trees, notes), ("include", "name", "version")), top)
            top = joined if isinstance(joined, Mapping) else top
    return top


def _service(name: str, node: Node, file: str, trees: dict[str, Mapping], notes: Notes, depth: int) -> Node:
    wanted = node.get("extends") if isinstance(node, Mapping) else None
    if wanted is None or not isinstance(node, Mapping):
        return node
    source = text_of(wanted.get("file")) if isinstance(wanted, Mapping) else None
    base_name = text_of(wanted.get("service")) if isinstance(wanted, Mapping) else text_of(wanted)
    own = _without(node, ("extends",))
    where = _beside(file, source) if source else file
    if where not in trees:
        return own  # the other file was not handed over
    services = trees[where].get("services")
    base = services.get(base_name or "") if isinstance(services, Mapping) else None
    if base is None or depth > MAX_CHAIN:
        reason = f'cannot extend service "{name}": service "{base_name}" not found'
        notes.refuse(wanted.place, reason if base is None else f'circular reference in extends of "{name}"')
        return own
    base = _service(base_name or "", base, where, trees, notes, depth + 1)
    return merge(base, own, ("services", name))


def _names(document: Mapping) -> list[str]:
    services = document.get("services")
    found = _includes(document)
    for _, node in services or () if isinstance(services, Mapping) else ():
        wanted = node.get("extends") if isinstance(node, Mapping) else None
        source = text_of(wanted.get("file")) if isinstance(wanted, Mapping) else None
        if source:
            found.append(source)
    return found


def _includes(document: Mapping) -> list[str]:
    include = document.get("include")
    found: list[str] = []
    for item in include.items if isinstance(include, Sequence) else ():
        path = item.get("path") if isinstance(item, Mapping) else item
        paths = path.items if isinstance(path, Sequence) else (path,)
        found += [p.text for p in paths if isinstance(p, Scalar)]
    return found


def _beside(file: str, name: str) -> str:
    return posixpath.normpath(posixpath.join(posixpath.dirname(file), name.replace("\\", "/")))


def _with(node: Mapping, name: str, value: Node) -> Mapping:
    return Mapping(tuple((k, value if k.text == name else v) for k, v in node.pairs), node.place, node.tag)


def _without(node: Mapping, names: tuple[str, ...]) -> Mapping:
    return Mapping(tuple((k, v) for k, v in node.pairs if k.text not in names), node.place, node.tag)
