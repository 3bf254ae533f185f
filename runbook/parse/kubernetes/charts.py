"""Values of two charts, twuni/docker-registry and Joxit/docker-registry-ui, as the objects that their templates make.

The values stand in for the manifest: every line that a finding names is one of the values file.
"""

import posixpath
from collections.abc import Iterator

from runbook.parse import ParseError
from runbook.parse.kubernetes.chart_joxit import joxit
from runbook.parse.kubernetes.chart_twuni import twuni
from runbook.parse.kubernetes.data import own_lines
from runbook.parse.kubernetes.made import Charted
from runbook.parse.kubernetes.objects import Object, at, list_of, text_of
from runbook.parse.yaml_nodes import Mapping, Node, Scalar, load_yaml
from runbook.redact import Vault


def parse_values(text: str, file: str, vault: Vault) -> Charted:
    """The objects of a values file; of an umbrella chart those below the chart's name. Raises where it is neither."""
    top = load_yaml(text, file, duplicates="last")
    inner = [v for _, v in top if isinstance(v, Mapping)] if isinstance(top, Mapping) else []
    for node in (top, *inner):
        if (made := chart_of(node, text, file, vault)) is not None:
            return made
    raise ParseError(file, None, "these are values of no chart that is known here")


def chart_of(node: Node | None, text: str, file: str, vault: Vault) -> Charted | None:
    """The objects that one of the two charts makes of these values; None where they are of another chart."""
    if not isinstance(node, Mapping):
        return None
    if any(at(node, "ui", key) is not None for key in _UI_VALUES):
        return joxit(node, file)
    image = text_of(at(node, "image", "repository")) or ""
    secrets = at(node, "secrets")
    told = isinstance(secrets, Mapping) and {"htpasswd", "haSharedSecret"} & {name for name, _ in secrets}
    if at(node, "configData") is not None or told or posixpath.basename(image) == "registry":
        return twuni(node, text, file, vault)
    return None


def values_in(one: Object, text: str) -> Iterator[tuple[Node | None, str]]:
    """The values that Flux, Argo CD and k3s keep in an object of theirs, each with the text in which its lines stand.

    Values that are a text count where they are a block: the lines of any other are not those of the file.
    """
    spec = at(one.node, "spec")
    if one.kind == "HelmRelease":
        yield at(spec, "values"), text
    written = [at(spec, "valuesContent")] if one.kind == "HelmChart" else []
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
