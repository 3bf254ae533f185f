"""Values of two charts, twuni/docker-registry and Joxit/docker-registry-ui, as the objects that their templates make.

The values stand in for the manifest: every line that a finding names is one of the values file.
"""

import posixpath
from collections.abc import Iterator
from collections.abc import Mapping as Texts
from contextlib import suppress
from dataclasses import replace

from runbook.lazy import re
from runbook.model import Place
from runbook.parse import ParseError
from runbook.parse.kubernetes.chart_joxit import joxit
from runbook.parse.kubernetes.chart_twuni import twuni
from runbook.parse.kubernetes.data import own_lines
from runbook.parse.kubernetes.kustomize import LIVE, folder_of
from runbook.parse.kubernetes.made import Charted, made_object
from runbook.parse.kubernetes.objects import Note, Object, at, list_of, text_of
from runbook.parse.kubernetes.patches import merged
from runbook.parse.yaml_nodes import Mapping, Node, Scalar, load_yaml
from runbook.redact import Vault

_BASE = re.compile(r"values\.ya?ml")


def layered(texts: Texts[str, str], vault: Vault) -> tuple[list[Charted], list[Note]]:
    """What charts make of the values files of a bundle, and which of them are left out.

    A file beside a `values.yaml` that makes the same objects changes that one, as `helm -f` does; of several such
    files one is judged, for they are different environments. Values of a chart that is not known change the known one.
    """
    notes: list[Note] = []
    alone: dict[str, Charted] = {}
    for name, text in texts.items():
        with suppress(ParseError):
            alone[name] = parse_values({name: text}, vault)
    bases = {folder_of(name): name for name in alone if _BASE.fullmatch(posixpath.basename(name))}
    over: dict[str, list[str]] = {}
    for name in texts:
        base = bases.get(folder_of(name), name)
        if base != name and (name not in alone or alone[base].names & alone[name].names):
            over.setdefault(base, []).append(name)
        elif name not in alone:
            notes.append(Note(Place(name), "These are values of no chart that is known here.", open=False))
    for base, names in over.items():
        used, *others = sorted(names, key=lambda n: (not LIVE.search(n), n))
        alone[base] = parse_values({base: texts[base], used: texts[used]}, vault)
        said = f"It changes {base}, as {used} does, which is judged; this one is not."
        notes += [Note(Place(n), said, open=False) for n in others]
        for name in names:
            alone.pop(name, None)
    return list(alone.values()), notes


def parse_values(texts: Texts[str, str], vault: Vault) -> Charted:
    """The objects of one or several values files, the later over the earlier: mappings join, all else is replaced.

    Of an umbrella chart those below the chart's name. Raises where it is neither.
    """
    file, *_ = texts
    top: Node | None = None
    for name, text in texts.items():
        more = load_yaml(text, name, duplicates="last")
        top = merged(top, more, by_key=False) if top is not None and more is not None else top or more
    inner = [v for _, v in top if isinstance(v, Mapping)] if isinstance(top, Mapping) else []
    for node in (top, *inner):
        if (made := chart_of(node, texts, file, vault)) is not None:
            return replace(made, objects=tuple(replace(o, made_by=("helm", *texts)) for o in made.objects))
    raise ParseError(file, None, "these are values of no chart that is known here")


def chart_of(node: Node | None, texts: Texts[str, str], file: str, vault: Vault) -> Charted | None:
    """The objects that a chart makes of these values: the two, and of ingress-nginx what holds for every site; None where
    they are of another chart."""
    if not isinstance(node, Mapping):
        return None
    if any(at(node, "ui", key) is not None for key in _UI_VALUES):
        return joxit(node, file)
    if isinstance(config := at(node, "controller", "config"), Mapping):
        return Charted((made_object("ConfigMap", "ingress-nginx-controller", file, config.place, data=config),))
    image = text_of(at(node, "image", "repository")) or ""
    secrets = at(node, "secrets")
    told = isinstance(secrets, Mapping) and {"htpasswd", "haSharedSecret"} & {name for name, _ in secrets}
    if at(node, "configData") is not None or told or posixpath.basename(image) == "registry":
        return twuni(node, texts, file, vault)
    return None


def values_in(one: Object, text: str) -> Iterator[tuple[Node | None, str]]:
    """The values that Flux, Argo CD and k3s keep in an object of theirs, each with the text in which its lines stand.

    Values that are a text count where they are a block: the lines of any other are not those of the file.
    """
    spec = at(one.node, "spec")
    if one.kind == "HelmRelease":
        yield at(spec, "values"), text
    written = [at(spec, "valuesContent")] if one.kind in ("HelmChart", "HelmChartConfig") else []
    if one.kind == "Application":
        for source in (at(spec, "source"), *list_of(at(spec, "sources"))):
            yield at(source, "helm", "valuesObject"), text
            written.append(at(source, "helm", "values"))
    rows = text.split("\n")
    for value in written:
        own = own_lines(rows, value) if isinstance(value, Scalar) else None
        if own is not None:
            yield load_yaml(own, one.file, duplicates="last"), own


_UI_VALUES = ("dockerRegistryUrl", "deleteImages", "singleRegistry", "nginxProxyHeaders", "proxy")
