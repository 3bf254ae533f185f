"""Traefik's labels and dynamic file to routes. Traefik hands Host and Authorization on, and sets X-Forwarded-* itself.

Labels and file say the same in two ways; both become one tree of dotted lower-case keys with places.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any, Literal

from runbook.model import Compose, EnvVar, Guard, HeaderEdit, OwnAuth, Place, ProxyRoute, Service
from runbook.model.proxy import Unknown
from runbook.numbers import whole_number
from runbook.parse.hops import Proto, basic_auth, header_edit, split_upstream
from runbook.parse.patterns import search
from runbook.parse.pullers import load_toml
from runbook.parse.traefik_rules import ways
from runbook.parse.yaml_nodes import Mapping, Node, Scalar, Sequence, load_yaml
from runbook.redact import Vault


@dataclass(frozen=True, slots=True)
class Leaf:
    """A leaf: text and place; of a label also what its Authorization value was found to be."""

    text: str
    place: Place
    label: EnvVar | None = None


Tree = dict[str, Leaf]


def parse_traefik_file(text: str, file: str, vault: Vault) -> tuple[ProxyRoute, ...]:
    """The routes of a dynamic file; a static file has none."""
    return parse_traefik_files([(file, text)], vault)


def parse_traefik_files(texts: Iterable[tuple[str, str]], vault: Vault) -> tuple[ProxyRoute, ...]:
    """The routes of dynamic files of one folder: a router may use what another of the files defines, and listens at entry
    points of the static one."""
    trees = [_tree(text, file) for file, text in texts]
    points = _points(trees)
    found: list[ProxyRoute] = []
    for number, own in enumerate(trees):
        others: Tree = {}
        for tree in (*trees[:number], *trees[number + 1 :]):
            others |= {k: v for k, v in tree.items() if k.startswith("http.middlewares.")}
        elsewhere = {n: s for t in trees if t is not own for n, s in _services(t).items() if _is_wanted(n, own)}
        found += routes_of(others | own, elsewhere | _services(own), vault, points)
    return tuple(found)


def _points(trees: Iterable[Tree]) -> Tree:
    """What a static configuration says of the entry points."""
    return {k: v for tree in trees for k, v in tree.items() if k.startswith("entrypoints.")}


def _flags(service: Service | None) -> Tree:
    """The same of a container's arguments and variables."""
    place = service.place if service else Place("")
    found: Tree = {}
    for word in service.command or () if service else ():
        name, _, value = word.lstrip("-").partition("=")
        found[name.lower()] = Leaf(value, place)
    for variable in service.environment if service else ():
        if variable.name.startswith("TRAEFIK_"):
            found[variable.name[8:].lower().replace("_", ".")] = Leaf(variable.value or "", variable.place)
    return _points([found])


def _tree(text: str, file: str) -> Tree:
    return dict(
        _toml(text, file) if file.endswith(".toml") else leaves_of(load_yaml(text, file, duplicates="last"), "")
    )


def _is_wanted(service: str, tree: Tree) -> bool:
    """Whether a router of the file leads to that service."""
    return any(
        k.startswith("http.routers.") and k.endswith(".service") and _plain(v.text) == service for k, v in tree.items()
    )


def traefik_labels(compose: Compose | None, files: Iterable[tuple[str, str]] = ()) -> tuple[ProxyRoute, ...]:
    """The routes that the labels of a compose project make, for services that Traefik may see; `files`: dynamic files
    (name, text), whose middlewares a label knows as NAME@file."""
    found: list[ProxyRoute] = []
    services = compose.services if compose else ()
    proxy = next((s for s in services if "traefik" in (s.image or "").split(":")[0]), None)
    middlewares: Tree = {}
    trees = [_tree(text, name) for name, text in files]
    points = _points(trees) | _flags(proxy)
    for key, leaf in (row for tree in trees for row in tree.items()):
        if len(parts := key.split(".", 3)) == 4 and parts[:2] == ["http", "middlewares"]:
            middlewares[f"http.middlewares.{parts[2]}{_OF_FILE}.{parts[3]}"] = leaf
    for service in services:
        middlewares |= {k: v for k, v in _labels(service).items() if ".middlewares." in k and ".routers." not in k}
    for service in services:
        tree = middlewares | _labels(service)
        own = {k: v for k, v in tree.items() if k.startswith("http.routers.")}
        if own and tree.get("enable", Leaf("true", service.place)).text.lower() != "false":
            others = {n: u for s in services if s is not service for n, u in _label_services(_labels(s), s).items()}
            routes = routes_of(tree, _label_services(tree, service) | _wanted(others, own), Vault(), points)
            found += (replace(route, service=proxy.name if proxy else None) for route in routes)
    return tuple(found)


def _wanted(services: dict[str, tuple[str, Place]], routers: Tree) -> dict[str, tuple[str, Place]]:
    named = {_plain(v.text) for k, v in routers.items() if k.endswith(".service")}
    return {name: found for name, found in services.items() if name in named}


def _labels(service: Service) -> Tree:
    prefix = "traefik."
    return {
        label.name[len(prefix) :].lower(): Leaf(label.value or "", label.place, label)
        for label in service.labels
        if label.name.lower().startswith(prefix)
    }


def _label_services(tree: Tree, service: Service) -> dict[str, tuple[str, Place]]:
    """Name → URL: the port is the label's, else the lowest one that is exposed, by compose or by the image
    (doc.traefik.io, docker provider, port detection)."""
    names = {k.split(".")[2] for k in tree if k.startswith("http.services.")} or {service.name}
    found: dict[str, tuple[str, Place]] = {}
    for name in names:
        base = f"http.services.{name}.loadbalancer.server."
        port, scheme = tree.get(f"{base}port"), tree.get(f"{base}scheme")
        exposed = [*service.expose, *(p.container for p in service.ports)]
        exposed += [service.image_port] if service.image_port else []
        given = port.text if port else str(min(exposed, default=""))
        url = f"{scheme.text if scheme else 'http'}://{service.name}" + (f":{given}" if given else "")
        found[name] = (url, port.place if port else service.place)
    return found


def _services(tree: Tree) -> dict[str, tuple[str, Place]]:
    found: dict[str, tuple[str, Place]] = {}
    for key, value in tree.items():
        parts = key.split(".")
        if key.startswith("http.services.") and parts[3:4] == ["loadbalancer"] and parts[-1] == "url":
            found.setdefault(parts[2], (value.text, value.place))
    return found


def routes_of(
    tree: Tree, services: dict[str, tuple[str, Place]], vault: Vault, points: Tree | None = None
) -> Iterator[ProxyRoute]:
    """Routers by their priority, which is the length of the rule where none is given: Traefik tries the highest first.
    `points`: what is known of the entry points."""
    names = dict.fromkeys(k.split(".")[2] for k in tree if re.match(r"http\.routers\.[^.]+\.", k))
    found = [route for name in names for route in _router(name, tree, services, vault, points or {})]
    yield from sorted(found, key=lambda route: -route.priority)


def _router(
    name: str, tree: Tree, services: dict[str, tuple[str, Place]], vault: Vault, points: Tree
) -> Iterator[ProxyRoute]:
    prefix = f"http.routers.{name}."
    keys = {k.removeprefix(prefix): v for k, v in tree.items() if k.startswith(prefix)}
    rule = keys.get("rule") or next(iter(keys.values()))
    tls = any(k == "tls" or k.startswith("tls.") for k in keys) and keys.get("tls", rule).text.lower() != "false"
    tls = tls or _ends_tls(keys, points)
    wanted = keys.get("service")
    if wanted and wanted.text.endswith("@internal"):
        return  # Traefik's own dashboard, API or ping
    asked = _plain(wanted.text) if wanted else name
    url, place = services.get(asked) or next(iter(services.values()), ("", rule.place))
    upstream = split_upstream(url)
    named = [*_of_points(keys, points), *_listed(keys, "middlewares")]
    chain = [m for m in _unchained([_referred(m, tree) for m, _ in named], tree) if len(_kinds(m, tree)) < 2]
    passes_host = tree.get(f"http.services.{asked}.loadbalancer.passhostheader")
    own_host = passes_host is not None and passes_host.text.lower() == "false"
    limit = next((v for m in chain if (v := tree.get(f"http.middlewares.{m}.buffering.maxrequestbodybytes"))), None)
    request = tuple(e for m in chain for e in (*_removed(tree, m), *_edits(tree, m, "customrequestheaders", vault)))
    first = ways(rule.text)[0]
    unknown = tuple(_unserved(keys, named, tree, services, points))
    given = keys.get("priority")
    made = ProxyRoute(
        software="traefik",
        place=rule.place,
        tls=tls,
        listen=_ports(keys, points),
        priority=(whole_number(given.text) if given else 0) or len(rule.text),
        upstream=vault.mask(url, 300),
        upstream_scheme=upstream.scheme,
        upstream_hosts=_hosts(asked, url, tree),
        upstream_uri=None,
        upstream_variable=True,  # names are looked up again by the Docker provider and by Go
        upstream_place=place,
        strips_prefix=next(
            (p for m in chain if (p := _strip(tree, m, "" if first.match == "regex" else first.path))), ""
        ),
        rewrite=next((r for m in chain if (r := _rewrite(tree, m))), None),
        request_headers=request,
        response_headers=tuple(e for m in chain for e in _edits(tree, m, "customresponseheaders", vault)),
        host="upstream" if own_host else "client",
        host_value=f"{upstream.host}:{upstream.port}" if own_host else "",
        forwards_proto=_proto(request, tls),
        auth=_own_login(tree, chain, vault),
        max_body=(whole_number(limit.text) or None) if limit else None,
        max_body_place=limit.place if limit else None,
        guards=tuple(g for m in chain for g in _guards(tree, m, vault)),
        answers_for=next((found for m in chain if (found := _errors(tree, m))), None),
        complete=not unknown,
        unknown=unknown,
    )
    moved = next((to for m in chain if (to := _redirect(tree, m, tls, vault))), None)
    for way in ways(rule.text):
        route = replace(
            made, server_names=way.hosts, path=way.path, match=way.match, methods=way.methods,
            condition=rule.text if way.rest else "", when=way.rest,
        )  # fmt: skip
        yield replace(route, kind="redirect", status=moved[0], location=moved[1]) if moved else route


def _listed(keys: Tree, name: str) -> list[tuple[str, Leaf]]:
    """The names of a list of a router, however it is written."""
    rows = ((k.split(".")[0], v) for k, v in keys.items())
    return [(one, v) for k, v in rows if k == name for one in re.split(r"[,\s]+", v.text) if one]


def _ends_tls(keys: Tree, points: Tree) -> bool:
    """Whether all entry points of a router end TLS themselves (entryPoints.NAME.http.tls)."""
    own = [p.lower() for p, _ in _listed(keys, "entrypoints")] or list(dict.fromkeys(k.split(".")[1] for k in points))
    tls = [any(re.match(rf"entrypoints\.{re.escape(p)}\.http\.tls\b", k) for k in points) for p in own]
    return bool(tls) and all(tls)


def _ports(keys: Tree, points: Tree) -> tuple[int, ...]:
    """The ports of a router's entry points, where they are known."""
    own = [p.lower() for p, _ in _listed(keys, "entrypoints")] or list(dict.fromkeys(k.split(".")[1] for k in points))
    told = (points.get(f"entrypoints.{p}.address") for p in own)
    return tuple(n for leaf in told if leaf and (n := whole_number(leaf.text.split("/")[0].rpartition(":")[2])))


def _of_points(keys: Tree, points: Tree) -> list[tuple[str, Leaf]]:
    """The middlewares that all entry points of a router put before its own."""
    known = dict.fromkeys(k.split(".")[1] for k in points)
    own = [p.lower() for p, _ in _listed(keys, "entrypoints")] or list(known)
    each = [
        [(m, v) for k, v in points.items() if k.startswith(f"entrypoints.{p}.http.middlewares")
         for m in re.split(r"[,\s]+", v.text) if m] for p in own
    ]  # fmt: skip
    return [row for row in each[0] if all(row[0] in [m for m, _ in rows] for rows in each)] if each else []


def _unserved(
    keys: Tree, named: list[tuple[str, Leaf]], tree: Tree, services: dict[str, tuple[str, Place]], points: Tree
) -> Iterator[tuple[Unknown, str, Place]]:
    """What a router names and nobody defines: Traefik leaves it out, and answers 404 where no other takes the request
    (run, 3.3); so it does with one whose middleware is of two kinds at once."""
    for name, leaf in (*named, *_of_chains([_referred(m, tree) for m, _ in named], tree)):
        kinds = _kinds(_referred(name, tree), tree)
        if len(kinds) != 1:
            yield "two in one" if kinds else "middleware", name, leaf.place
    wanted = keys.get("service")
    here = {*services, *(k.split(".")[2] for k in tree if k.startswith("http.services."))}
    behind = f"http.services.{_plain(wanted.text)}.weighted." if wanted else ""
    parts = [v for k, v in tree.items() if behind and k.startswith(behind) and k.endswith(".name")]
    for one in (wanted, *parts) if wanted else ():
        if "@" not in one.text and _plain(one.text) not in here:
            yield "service", one.text, one.place
    known = {k.split(".")[1] for k in points if k.endswith(".address")}
    own = _listed(keys, "entrypoints")
    if known and own and not known & {p.lower() for p, _ in own}:
        yield "entry point", own[0][0], own[0][1].place


def _kinds(middleware: str, tree: Tree) -> dict[str, None]:
    """Of which kinds a middleware is; one that is defined has one."""
    prefix = f"http.middlewares.{middleware}."
    return dict.fromkeys(k.removeprefix(prefix).split(".")[0] for k in tree if k.startswith(prefix))


def _of_chains(names: list[str], tree: Tree) -> Iterator[tuple[str, Leaf]]:
    """The names that chains among these have, one level deep."""
    for name in names:
        for key, leaf in tree.items():
            if key.startswith(f"http.middlewares.{name}.chain.middlewares"):
                yield from ((_within(name, n, tree), leaf) for n in re.split(r"[,\s]+", leaf.text) if n)


def _hosts(service: str, url: str, tree: Tree) -> tuple[tuple[str, int | None], ...]:
    """All servers behind a service, those of a weighted one in their order."""
    prefix = f"http.services.{service}."
    parts = [v.text for k, v in tree.items() if k.startswith(f"{prefix}weighted.") and k.endswith(".name")]
    urls = [
        v.text
        for one in map(_plain, parts or [service])
        for k, v in tree.items()
        if k.startswith(f"http.services.{one}.loadbalancer.") and k.endswith(".url")
    ]
    found = (split_upstream(one) for one in urls or [url])
    return tuple(dict.fromkeys((u.host, u.port or (443 if u.scheme == "https" else 80)) for u in found if u.host))


def _rewrite(tree: Tree, middleware: str) -> tuple[str, str] | None:
    """What a middleware makes of the path: a pattern, and what stands in the place of what fits."""
    base = f"http.middlewares.{middleware}."
    if added := tree.get(f"{base}addprefix.prefix"):
        return "^", added.text
    if path := tree.get(f"{base}replacepath.path"):
        return "^.*$", path.text
    pattern, text = tree.get(f"{base}replacepathregex.regex"), tree.get(f"{base}replacepathregex.replacement")
    if pattern and text:
        return pattern.text, text.text
    cut = next((v for k, v in tree.items() if k.startswith(f"{base}stripprefixregex.regex")), None)
    return (cut.text.split(",")[0], "") if cut else None


def _redirect(tree: Tree, middleware: str, tls: bool, vault: Vault) -> tuple[int, str] | None:
    """Status and Location of a middleware that sends all that its router takes elsewhere."""
    base = f"http.middlewares.{middleware}."
    scheme, pattern = tree.get(f"{base}redirectscheme.scheme"), tree.get(f"{base}redirectregex.regex")
    kind, to = ("redirectscheme", f"{scheme.text}://$host$request_uri") if scheme else ("redirectregex", "")
    if scheme and scheme.text.lower() == ("https" if tls else "http"):
        return None
    if pattern and not scheme:
        replacement = tree.get(f"{base}redirectregex.replacement")
        if replacement is None or search(pattern.text, f"{'https' if tls else 'http'}://registry.example/v2/") is None:
            return None
        to = re.sub(r"\$\{?\d\}?", "$request_uri", replacement.text, count=1)
    lasting = tree.get(f"{base}{kind}.permanent")
    return (301 if lasting and lasting.text.lower() == "true" else 302, vault.mask(to, 300)) if to else None


_OF_FILE = "@file"


def _referred(name: str, tree: Tree) -> str:
    """A middleware as the tree knows it: to labels those of a file have their provider in their names."""
    full = name.strip().lower()
    return full if full.endswith(_OF_FILE) and any(_OF_FILE in k for k in tree) else _plain(full)


def _within(chain: str, name: str, tree: Tree) -> str:
    """A name in a chain: it is of the chain's own provider where it says none."""
    return _referred(name + (_OF_FILE if "@" not in name and chain.endswith(_OF_FILE) else ""), tree)


def _plain(name: str) -> str:
    """A middleware or service without its provider (`auth@docker`)."""
    return name.split("@")[0].strip().lower()


_MOST_IN_CHAIN = 200


def _unchained(names: list[str], tree: Tree) -> list[str]:
    """The middlewares behind some names: of a chain those in it, each chain once."""
    found: list[str] = []
    todo, opened = names[::-1], set[str]()
    while todo and len(found) + len(opened) < _MOST_IN_CHAIN:
        name = todo.pop()
        if name in opened:
            continue
        chained = [v for k, v in tree.items() if k.startswith(f"http.middlewares.{name}.chain.middlewares")]
        if chained:
            opened.add(name)
            todo += [
                _within(name, n, tree) for v in reversed(chained) for n in reversed(re.split(r"[,\s]+", v.text)) if n
            ]
        else:
            found.append(name)
    return found


def _edits(tree: Tree, middleware: str, kind: str, vault: Vault) -> Iterator[HeaderEdit]:
    """Custom headers; the empty value removes the header (Traefik's documentation)."""
    prefix = f"http.middlewares.{middleware}.headers.{kind}."
    if kind == "customrequestheaders":
        yield from _answered(tree, middleware)
    for key, value in tree.items():
        if not key.startswith(prefix):
            continue
        name = _written(key.removeprefix(prefix))
        label = value.label
        if not value.text:
            yield header_edit(name, None, value.place, vault)
        elif label is not None and name == "Authorization":
            yield HeaderEdit(
                name=name, action="set", value=value.text, place=value.place,
                injected=label.injected or "other", user=label.user, password=label.password,
            )  # fmt: skip
        else:
            yield header_edit(name, value.text, value.place, vault)


def _answered(tree: Tree, middleware: str) -> Iterator[HeaderEdit]:
    """An Authorization that a forwardAuth server answers takes the place of the client's, which is dropped in any case
    (run, 3.3)."""
    listed = tree.get(f"http.middlewares.{middleware}.forwardauth.authresponseheaders")
    if listed and "authorization" in [n.strip().lower() for n in listed.text.split(",")]:
        yield HeaderEdit(
            name="Authorization",
            action="set",
            value="(what forwardAuth answers)",
            place=listed.place,
            injected="variable",
        )


def _written(name: str) -> str:
    return "-".join(part.capitalize() for part in name.split("-"))


def _removed(tree: Tree, middleware: str) -> Iterator[HeaderEdit]:
    """`removeHeader` of a login middleware takes Authorization away once it has been checked; a `headerField` of that
    name has the user's name in its place."""
    for kind in ("basicauth", "digestauth"):
        named = tree.get(f"http.middlewares.{middleware}.{kind}.headerfield")
        if named and named.text.lower() == "authorization":
            yield HeaderEdit(name="Authorization", action="set", value="user", place=named.place, injected="no basic")
        value = tree.get(f"http.middlewares.{middleware}.{kind}.removeheader")
        if value and value.text.lower() == "true":
            yield HeaderEdit(name="Authorization", action="remove", place=value.place)


def _own_login(tree: Tree, chain: list[str], vault: Vault) -> OwnAuth | None:
    """The first login of a chain, and what the middlewares before it make of the header: they come one after another."""
    for number, middleware in enumerate(chain):
        if (found := _auth(tree, middleware)) is None:
            continue
        before = [
            e
            for m in chain[:number]
            for e in _edits(tree, m, "customrequestheaders", vault)
            if e.name == "Authorization"
        ]
        after = [e for m in chain[number + 1 :] for e in _edits(tree, m, "customresponseheaders", vault)]
        sees: Literal["client", "none", "other"] = (
            "client" if not before else "none" if before[-1].action == "remove" else "other"
        )
        return replace(found, sees=sees, outermost=not any(e.name == "Www-Authenticate" for e in after))
    return None


def _auth(tree: Tree, middleware: str) -> OwnAuth | None:
    basic = {k: v for k, v in tree.items() if k.startswith(f"http.middlewares.{middleware}.basicauth.")}
    if basic:
        realm = tree.get(f"http.middlewares.{middleware}.basicauth.realm")
        users = tree.get(f"http.middlewares.{middleware}.basicauth.usersfile")
        place = next(iter(basic.values())).place
        return basic_auth(place, realm.text if realm else "traefik", users.text if users else "")
    digest = next((v for k, v in tree.items() if k.startswith(f"http.middlewares.{middleware}.digestauth.")), None)
    if digest:
        realm = tree.get(f"http.middlewares.{middleware}.digestauth.realm")
        return OwnAuth(kind="digest", realm=realm.text if realm else "traefik", place=digest.place)
    forward = next((v for k, v in tree.items() if k.startswith(f"http.middlewares.{middleware}.forwardauth.")), None)
    return OwnAuth(kind="forward", place=forward.place) if forward else None


_GUARDS: tuple[tuple[str, Literal["address", "rate"]], ...] = (
    ("ipallowlist.sourcerange", "address"),
    ("ipwhitelist.sourcerange", "address"),
    ("ratelimit.average", "rate"),
    ("inflightreq.amount", "rate"),
)


def _guards(tree: Tree, middleware: str, vault: Vault) -> Iterator[Guard]:
    for name, kind in _GUARDS:
        if value := tree.get(f"http.middlewares.{middleware}.{name}"):
            yield Guard(kind=kind, text=f"{name}: {vault.mask(value.text, 200)}", place=value.place)


def _errors(tree: Tree, middleware: str) -> Place | None:
    """Where an `errors` middleware takes the place of a 401: the challenge of the answer is gone with it (run, 3.3)."""
    prefix = f"http.middlewares.{middleware}.errors.status"
    for key, value in tree.items():
        for one in value.text.split(",") if key.startswith(prefix) else ():
            low, _, high = one.strip().partition("-")
            if low.isdigit() and int(low) <= 401 <= (int(high) if high.isdigit() else int(low)):
                return value.place
    return None


def _strip(tree: Tree, middleware: str, path: str) -> str:
    """The prefix that is cut off; of several the one with which the router's path begins."""
    prefix = f"http.middlewares.{middleware}.stripprefix.prefixes"
    all_of_them = [p.strip() for k, v in tree.items() if k.startswith(prefix) for p in v.text.split(",")]
    return next((p for p in all_of_them if p and path.startswith(p)), next(iter(all_of_them), ""))


def _proto(edits: tuple[HeaderEdit, ...], tls: bool) -> Proto:
    for edit in edits:
        if edit.name.lower() == "x-forwarded-proto":
            return "missing" if edit.action == "remove" else "right" if not tls or edit.value == "https" else "wrong"
    return "right"


def leaves_of(node: Node | None, key: str) -> Iterator[tuple[str, Leaf]]:
    """Leaves of a file as dotted lower-case keys; of lists of texts one leaf with commas."""
    if isinstance(node, Mapping):
        if not node.pairs and key:
            yield key, Leaf("", node.place)
        for name, value in node:
            yield from leaves_of(value, f"{key}.{name.lower()}".lstrip("."))
    elif isinstance(node, Sequence):
        if all(isinstance(item, Scalar) for item in node.items):
            yield key, Leaf(",".join(i.text for i in node.items if isinstance(i, Scalar)), node.place)
        else:
            for number, item in enumerate(node.items):
                yield from leaves_of(item, f"{key}.{number}")
    elif node is not None:
        yield key, Leaf("" if node.is_null else node.text, node.place)


def _toml(text: str, file: str) -> Iterator[tuple[str, Leaf]]:
    """The same of TOML, which tells no lines."""

    def leaves(value: Any, key: str) -> Iterator[tuple[str, Leaf]]:
        if isinstance(value, dict):
            if not value and key:
                yield key, Leaf("", Place(file))
            for name, inner in value.items():
                yield from leaves(inner, f"{key}.{str(name).lower()}".lstrip("."))
        elif isinstance(value, list) and any(isinstance(v, dict) for v in value):
            for number, inner in enumerate(value):
                yield from leaves(inner, f"{key}.{number}")
        elif isinstance(value, list):
            yield key, Leaf(",".join(str(v) for v in value), Place(file))
        else:
            yield key, Leaf(str(value).lower() if isinstance(value, bool) else str(value), Place(file))

    return leaves(load_toml(text, file), "")
