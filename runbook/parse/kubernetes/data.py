"""What ConfigMaps and Secrets hold: files and values, each under a name and with its line in the manifest.

base64 is unpacked here. Everything in a Secret is a secret: its text goes into the vault in both forms.
"""

import base64
import binascii
import posixpath
from collections.abc import Iterable
from collections.abc import Mapping as Texts
from dataclasses import dataclass, field
from typing import Literal

from runbook.lazy import re
from runbook.model import Place
from runbook.parse.compose.secrets import is_secret_name, learn_hashes
from runbook.parse.kubernetes.objects import Object, at, belongs, list_of, scalars, text_of
from runbook.parse.left_out import is_blacked_out
from runbook.parse.yaml_nodes import Mapping, Node, Scalar
from runbook.redact import Vault, is_mask

_BLOCK = re.compile(r"[|>][-+0-9]{0,2}[ \t]*(?:#.*)?$")
_MOST_BYTES = 4 << 20
Kind = Literal["ConfigMap", "Secret"]
GENERATORS: dict[str, Kind] = {"configMapGenerator": "ConfigMap", "secretGenerator": "Secret"}


@dataclass(frozen=True, slots=True)
class Entry:
    """One key of a ConfigMap or Secret."""

    key: str
    place: Place
    name: str
    """What the file is called: "manifest.yaml § registry-auth/htpasswd", or the bundle's own file behind it."""
    content: bytes | None
    """None where it stands in another file, or is no base64."""
    lines: str | None = None
    """The same text with empty lines before it, so that its line numbers are those of the manifest."""
    base: str = ""
    """A configuration whose settings hold where this one says nothing (a chart's own)."""
    readable: bool = True
    """False: it is no base64, so that kubectl refuses it."""
    hidden: bool = False
    """Whether it was blacked out before it was handed over."""

    @property
    def text(self) -> str | None:
        """The content as text."""
        return None if self.content is None else self.content.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class Data:
    """A ConfigMap or a Secret."""

    kind: Kind
    name: str
    namespace: str
    place: Place
    type: str = ""
    entries: dict[str, Entry] = field(default_factory=dict)
    complete: bool = True
    """False: keys may be there that are not written (made from files that are not known)."""


class Store:
    """All ConfigMaps and Secrets that were handed over."""

    def __init__(self, data: Iterable[Data]) -> None:
        self.all = tuple(data)
        self._named: dict[tuple[str, str], list[Data]] = {}
        for one in self.all:
            self._named.setdefault((one.kind, one.name), []).append(one)

    def find(self, kind: Kind, name: str, namespace: str) -> Data | None:
        """The one that a pod of that namespace gets; None when it was not handed over."""
        named = [d for d in self._named.get((kind, name), ()) if belongs(d.namespace, namespace)]
        return max(named, key=lambda d: d.namespace == namespace, default=None)


def read_data(objects: Iterable[Object], texts: Texts[str, str], vault: Vault) -> tuple[Data, ...]:
    """The contents of all ConfigMaps and Secrets, kustomize's generators included."""
    found: list[Data] = []
    rows = {file: text.split("\n") for file, text in texts.items()}
    for one in objects:
        if one.kind in ("ConfigMap", "Secret"):
            found.append(_data(one, rows, vault))
        elif one.kind in GENERATORS:
            found.append(_generated(one, vault))
    return tuple(found)


def _data(one: Object, rows: Texts[str, list[str]], vault: Vault) -> Data:
    secret = one.kind == "Secret"
    entries: dict[str, Entry] = {}
    sections = ("data", "stringData") if secret else ("binaryData", "data")
    for section in sections:
        for key, value in _pairs(at(one.node, section)):
            packed = section in ("binaryData",) or (secret and section == "data")
            entries[key.text] = _entry(
                one, key, value, rows.get(value.place.file, []), vault, packed=packed, secret=secret
            )
    if secret:
        _learn(entries, vault)
    return Data(
        kind="Secret" if secret else "ConfigMap",
        name=one.name,
        namespace=one.namespace,
        place=one.place,
        type=text_of(at(one.node, "type")) or "",
        entries=entries,
        complete=not any(at(one.node, s) is not None and not _pairs(at(one.node, s)) for s in sections),
    )


def _pairs(node: Node | None) -> list[tuple[Scalar, Scalar]]:
    pairs = node.pairs if isinstance(node, Mapping) else ()
    return [(key, value) for key, value in pairs if isinstance(value, Scalar)]


def _entry(
    one: Object, key: Scalar, value: Scalar, rows: list[str], vault: Vault, *, packed: bool, secret: bool
) -> Entry:
    name = f"{one.file} § {one.name or one.kind.lower()}/{key.text}"
    if is_mask(value.text):
        return Entry(key.text, value.place, name, None, hidden=True)
    if not packed:
        lines = own_lines(rows, value)
        return Entry(key.text, value.place, name, value.text.encode("utf-8", "surrogatepass"), lines)
    bare = re.sub(r"\s", "", value.text)
    if secret:
        for row in value.text.split():
            vault.token(row)
    if is_blacked_out(bare):
        return Entry(key.text, value.place, name, None, hidden=True)
    content = _unpacked(bare)
    return Entry(key.text, value.place, name, content, readable=content is not None)


def _unpacked(bare: str) -> bytes | None:
    if len(bare) > _MOST_BYTES:
        return None
    try:
        return base64.b64decode(bare, validate=True)
    except (binascii.Error, ValueError):
        return None


def own_lines(rows: list[str], value: Scalar) -> str | None:
    """The lines of a block scalar where they stand; None of any other scalar, whose lines are not those of the file."""
    start = value.place.line or 0
    if not 0 < start <= len(rows) or not _BLOCK.search(rows[start - 1].rstrip("\r")):
        return None
    if ">" in rows[start - 1].rpartition(":")[2]:
        return None
    body = rows[start : start + value.text.count("\n") + 1]
    depth = next((len(r) - len(r.lstrip(" ")) for r in body if r.strip()), 0)
    kept: list[str] = []
    for row in body:
        if row.strip() and len(row) - len(row.lstrip(" ")) < depth:
            break
        kept.append(row)
    return "\n" * start + "\n".join(kept) + "\n"


def _learn(entries: dict[str, Entry], vault: Vault) -> None:
    """What a Secret holds is secret in clear as well: short values as they are, of files their hashes and rows."""
    for entry in entries.values():
        text = (entry.text or "").strip()
        learn_hashes(text, vault)
        is_setting = entry.key.startswith(SETTINGS) and not is_secret_name(entry.key)
        short = 6 <= len(text) <= 400 and "\n" not in text and not text.startswith("{")
        if short and not is_setting and entry.key not in _NO_SECRET:
            vault.token(text)


SETTINGS = ("REGISTRY_", "NGINX_")
"""Settings of registry and UI: a Secret that holds some is often a whole `.env`."""
_NO_SECRET = ("username", "user", "realm", "host", "url", "namespace", "email", ".dockerconfigjson", ".dockercfg")


def _generated(one: Object, vault: Vault) -> Data:
    """A row of configMapGenerator or secretGenerator: keys are made from files beside it and from literals."""
    row, kind = one.node, GENERATORS[one.kind]
    entries: dict[str, Entry] = {}
    for item in list_of(at(row, "files")):
        key, equals, path = (text_of(item) or "").partition("=")
        path = path if equals else key
        key = key if equals else posixpath.basename(key)
        name = posixpath.normpath(posixpath.join(posixpath.dirname(item.place.file), path))
        entries[key] = Entry(key, item.place, name, None)
    for item in list_of(at(row, "literals")):
        key, _, value = (text_of(item) or "").partition("=")
        value = value.strip("'\"")
        if kind == "Secret" and value:
            vault.token(value)
        entries[key] = Entry(key, item.place, f"{item.place.file} § {key}", value.encode())
    return Data(
        kind=kind,
        name=one.name,
        namespace=one.namespace,
        place=row.place,
        type=text_of(at(row, "type")) or "",
        entries=entries,
        complete=not list_of(at(row, "envs")) and "env" not in scalars(row),
    )
