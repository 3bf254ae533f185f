"""The labels of caddy-docker-proxy to routes: they spell a Caddyfile, and the same reader takes it from there.

`caddy: HOST` is a site, `caddy.handle.reverse_proxy: …` a directive in a block; `N_` before a name orders it, `_N` behind it
tells two of the same name apart, `{{upstreams PORT}}` is the container itself (github.com/lucaslorentz/caddy-docker-proxy).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from runbook.lazy import re
from runbook.model import Compose, Place, ProxyRoute, Service
from runbook.parse import ParseError
from runbook.parse.caddy import Site
from runbook.parse.caddy_tree import Line, caddy_trees, imported
from runbook.redact import Vault

_TOP = re.compile(r"caddy(?:_\d{1,4})?$")
_NAME = re.compile(r"(?:(?P<order>\d{1,6})_)?(?P<name>.+?)(?:_\d{1,6})?$")
_UPSTREAMS = re.compile(r"\{\{\s*upstreams(?:\s+(?P<scheme>https?|h2c))?(?:\s+(?P<port>\d{1,5}))?\s*\}\}")
_DEEPEST = 12
_LAST = 10**9
_IMAGE = "caddy-docker-proxy"


@dataclass(slots=True)
class _Block:
    """What one path of labels says, and what stands below it."""

    place: Place
    order: int = _LAST
    words: tuple[str, ...] = ()
    inside: dict[str, "_Block"] = field(default_factory=dict)

    def line(self) -> Line:
        """The same as a line of a Caddyfile."""
        below = sorted((b.line_with_order() for b in self.inside.values()), key=lambda o: (o[0], o[1].words))
        block = tuple(line for _, line in below) if below else None
        return Line(self.words, self.place.file, self.place.line or 0, block)

    def line_with_order(self) -> tuple[int, Line]:
        """The line with its place among its brothers."""
        return self.order, self.line()


def has_caddy_labels(compose: Compose) -> bool:
    """Whether any service has such labels."""
    return any(_TOP.match(v.name.split(".")[0]) for s in compose.services for v in s.labels)


def caddy_labels(compose: Compose, vault: Vault) -> tuple[ProxyRoute, ...]:
    """The routes of all sites; several services may write to one."""
    proxy = next((s.name for s in compose.services if _IMAGE in (s.image or "")), None)
    lines = [line for service in compose.services for line in _sites(service)]
    snippets = {line.name[1:-1]: line.block or () for line in lines if line.name.startswith("(")}
    sites: dict[tuple[str, ...], Line] = {}
    for line in imported((li for li in lines if not li.name.startswith("(")), snippets):
        had = sites.get(line.words)
        sites[line.words] = replace(line, block=(*(had.block or () if had else ()), *(line.block or ())))
    routes = (route for line in sites.values() for route in Site(line, vault).routes())
    return tuple(replace(route, service=proxy) for route in routes)


def _sites(service: Service) -> Iterator[Line]:
    """What the labels of one service write at the outermost level: sites and snippets. Without an address they are
    options that hold for all."""
    tops: dict[str, _Block] = {}
    for label in service.labels:
        parts = label.name.split(".")
        if not _TOP.match(parts[0]) or len(parts) > _DEEPEST:
            continue
        block = tops.setdefault(parts[0], _Block(label.place))
        for part in parts[1:]:
            found = _NAME.match(part)
            name = found["name"] if found else part
            order = int(found["order"]) if found and found["order"] else _LAST
            block = block.inside.setdefault(part, _Block(label.place, order, (name,)))
        block.place = label.place
        block.words = (*block.words[:1], *_words(label.value or "", service, label.place))
    yield from (top.line() for top in tops.values() if top.words)


def _words(value: str, service: Service, place: Place) -> tuple[str, ...]:
    """A value as Caddy splits it, the container's own address put in."""
    text = _UPSTREAMS.sub(lambda m: _address(service, m["scheme"] or "", m["port"] or ""), value).strip()
    if not text:
        return ()
    try:
        lines = caddy_trees({place.file: text.replace("\n", " ")})[place.file]
        return tuple(word for line in lines for word in line.words)
    except ParseError as error:
        raise ParseError(place.file, place.line, error.message) from None


def _address(service: Service, scheme: str, port: str) -> str:
    return (f"{scheme}://" if scheme else "") + service.name + (f":{port}" if port else "")
