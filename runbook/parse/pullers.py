"""What programs that pull without docker's daemon are told of registries.

k3s and RKE2 (registries.yaml), containerd (hosts.toml, the CRI plugin's config.toml), podman and skopeo
(registries.conf), BuildKit (buildkitd.toml). TOML tells no lines, so they are looked for by what stands in them.
"""

import posixpath
import re
from collections.abc import Iterator
from typing import Any

from runbook.model import Endpoint, Mirror, Place, PullerConfig, StoredLogin
from runbook.parse import ParseError
from runbook.parse.docker_config import decode_login, mapping
from runbook.parse.yaml_nodes import Mapping, Node, Scalar, Sequence, load_yaml
from runbook.redact import Vault
from runbook.urls import host_of

_MOST = 500


def load_toml(text: str, file: str) -> dict[str, Any]:
    """TOML as it is written; `ParseError` where it is none."""
    import tomllib  # few have any: what it needs takes longer to load than most files to read

    try:
        return tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        line = re.search(r"line (\d+)", str(error))
        raise ParseError(file, int(line[1]) if line else None, "not valid TOML") from None


def parse_puller(text: str, file: str, vault: Vault) -> PullerConfig:
    """Read one of the files; which one it is shows in its name and in what it says."""
    text = text.removeprefix("\ufeff")
    if file.endswith((".yaml", ".yml")):
        return _k3s(text, file, vault)
    data = load_toml(text, file)
    lines = _Lines(text, file)
    if "plugins" in data:
        return _cri(data, lines, vault)
    if "host" in data or "server" in data:
        return _hosts(data, lines, vault)
    registries = data.get("registry")
    if isinstance(registries, dict):
        return _buildkit(registries, lines, vault)
    return _podman(data, lines, vault)


class _Lines:
    """Finds the line on which something stands."""

    def __init__(self, text: str, file: str) -> None:
        self.file = file
        self._rows = text.split("\n")

    def of(self, *words: str) -> Place:
        """The first line with all the words; comments do not count."""
        for number, row in enumerate(self._rows, 1):
            if all(word in row for word in words) and not row.lstrip().startswith("#"):
                return Place(self.file, number)
        return Place(self.file)


# ---- k3s ------------------------------------------------------------------------------------------------


def _k3s(text: str, file: str, vault: Vault) -> PullerConfig:
    top = load_yaml(text, file, duplicates="last")
    mirrors, logins, plain, hosts = [], [], [], dict[str, None]()
    for key, value in _pairs(_get(top, "mirrors")):
        hosts[key.text] = None
        rows = _get(value, "endpoint")
        endpoints = tuple(
            Endpoint(url=vault.mask(i.text, 300), place=i.place)
            for i in (rows.items if isinstance(rows, Sequence) else ())
            if isinstance(i, Scalar)
        )
        plain += [host_of(e.url) for e in endpoints if e.url.startswith("http://")]
        mirrors.append(Mirror(host=vault.mask(key.text, 300), place=key.place, endpoints=endpoints))
    for key, value in _pairs(_get(top, "configs")):
        hosts[host_of(key.text)] = None
        auth = {k.text: v.text for k, v in _pairs(_get(value, "auth")) if isinstance(v, Scalar)}
        if auth:
            logins.append(_login(key.text, auth, key.place, vault))
    return PullerConfig(
        file=file,
        program="k3s",
        mirrors=tuple(mirrors[:_MOST]),
        logins=tuple(logins[:_MOST]),
        plain=tuple(plain),
        hosts=tuple(hosts),
        unread=tuple(_outside_configs(top, vault))[:_MOST],
    )


def _outside_configs(top: Node | None, vault: Vault) -> Iterator[StoredLogin]:
    """Logins under a top-level key that k3s does not know; it knows mirrors, configs and the old auths."""
    for section, rows in _pairs(top):
        for key, value in _pairs(rows) if section.text not in ("mirrors", "configs", "auths") else ():
            if auth := {k.text: v.text for k, v in _pairs(_get(value, "auth")) if isinstance(v, Scalar)}:
                yield _login(key.text, auth, section.place, vault)


def _get(node: Node | None, name: str) -> Node | None:
    return node.get(name) if isinstance(node, Mapping) else None


def _pairs(node: Node | None) -> tuple[tuple[Scalar, Node], ...]:
    return node.pairs if isinstance(node, Mapping) else ()


def _login(key: str, auth: dict[str, Any], place: Place, vault: Vault) -> StoredLogin:
    """A login in clear (username, password) or as docker packs it (auth)."""
    shown = vault.mask(key, 300)
    packed = str(auth.get("auth") or "")
    if packed:
        user, label, defect = decode_login(packed, vault)
        return StoredLogin(place=place, key=shown, user=user, password=label, defect=defect)
    token = str(auth.get("identity_token") or auth.get("identitytoken") or "")
    if token:
        vault.token(token)
        return StoredLogin(place=place, key=shown, kind="identity-token")
    user = str(auth.get("username") or "")
    password = str(auth.get("password") or "")
    return StoredLogin(
        place=place,
        key=shown,
        user=vault.mask(user, 300) or None,
        password=vault.password(password, user) if password else None,
        kind="auth" if user else "empty",
    )


# ---- containerd -----------------------------------------------------------------------------------------


def _hosts(data: dict[str, Any], lines: _Lines, vault: Vault) -> PullerConfig:
    """hosts.toml: the registry it is about is the name of its folder."""
    folder = posixpath.basename(posixpath.dirname(lines.file))
    name = re.sub(r"_(\d+)_$", r":\1", folder)
    host = "*" if name == "_default" else name if re.search(r"[.:]|^localhost$", name) else ""
    endpoints = []
    plain = []
    for url, about in mapping(data.get("host")).items():
        override = mapping(about).get("override_path") is True
        endpoints.append(Endpoint(url=vault.mask(str(url), 300), place=lines.of(str(url)), override_path=override))
        for name, value in mapping(mapping(about).get("header")).items():
            if str(name).lower() == "authorization":
                vault.token(str(value[0]) if isinstance(value, list) and value else str(value))
        if str(url).startswith("http://"):
            plain.append(host_of(str(url)))
    server = data.get("server")
    if isinstance(server, str):
        override = data.get("override_path") is True
        endpoints.append(
            Endpoint(url=vault.mask(server, 300), place=lines.of("server", server), override_path=override)
        )
        if server.startswith("http://"):
            plain.append(host_of(server))
    mirror = Mirror(
        host=host or host_of(str(server or "")), place=Place(lines.file), endpoints=tuple(endpoints[:_MOST])
    )
    return PullerConfig(
        file=lines.file, program="containerd", mirrors=(mirror,), plain=tuple(plain), hosts=(mirror.host,)
    )


def _cri(data: dict[str, Any], lines: _Lines, vault: Vault) -> PullerConfig:
    """config.toml of containerd: registry.mirrors and registry.configs of the CRI plugin."""
    mirrors, logins, hosts = [], [], dict[str, None]()
    for plugin in mapping(data.get("plugins")).values():
        registry = mapping(mapping(plugin).get("registry"))
        for host, about in mapping(registry.get("mirrors")).items():
            place = lines.of("mirrors", str(host))
            rows = mapping(about).get("endpoint")
            endpoints = tuple(
                Endpoint(url=vault.mask(str(url), 300), place=lines.of(str(url)))
                for url in (rows if isinstance(rows, list) else [])[:_MOST]
            )
            hosts[str(host)] = None
            mirrors.append(Mirror(host=vault.mask(str(host), 300), place=place, endpoints=endpoints))
        for host, about in mapping(registry.get("configs")).items():
            hosts[host_of(str(host))] = None
            if auth := mapping(mapping(about).get("auth")):
                logins.append(_login(str(host), auth, lines.of("configs", str(host)), vault))
    plain = tuple(host_of(e.url) for m in mirrors for e in m.endpoints if e.url.startswith("http://"))
    return PullerConfig(
        file=lines.file,
        program="containerd",
        mirrors=tuple(mirrors[:_MOST]),
        logins=tuple(logins[:_MOST]),
        plain=plain,
        hosts=tuple(hosts),
    )


# ---- BuildKit and podman --------------------------------------------------------------------------------


def _buildkit(registries: dict[str, Any], lines: _Lines, vault: Vault) -> PullerConfig:
    """buildkitd.toml: `http` allows plain http, `insecure` an unknown certificate."""
    mirrors, plain = [], []
    for host, about in list(registries.items())[:_MOST]:
        about = mapping(about)
        place = lines.of("registry", str(host))
        rows = about.get("mirrors")
        endpoints = tuple(
            Endpoint(url=vault.mask(str(m), 300), place=place) for m in (rows if isinstance(rows, list) else [])
        )
        mirrors.append(Mirror(host=vault.mask(str(host), 300), place=place, endpoints=endpoints))
        if about.get("http") is True or about.get("insecure") is True:
            plain.append(str(host).lower())
    hosts = tuple(str(h).lower() for h in registries)[:_MOST]
    return PullerConfig(file=lines.file, program="buildkit", mirrors=tuple(mirrors), plain=tuple(plain), hosts=hosts)


def _podman(data: dict[str, Any], lines: _Lines, vault: Vault) -> PullerConfig:
    """registries.conf: `[[registry]]` with its mirrors, or the old `[registries.insecure]`."""
    mirrors, plain, hosts = [], [], dict[str, None]()
    rows = data.get("registry")
    for row in (rows if isinstance(rows, list) else [])[:_MOST]:
        about = mapping(row)
        location = str(about.get("location") or about.get("prefix") or "")
        name = str(about.get("prefix") or location)
        hosts[host_of(location)] = None
        endpoints = tuple(_podman_mirrors(about, lines, vault))
        plain += [host_of(location)] if about.get("insecure") is True else []
        plain += [host_of(str(m.get("location") or "")) for m in _insecure(about)]
        place = lines.of(location) if location else Place(lines.file)
        mirrors.append(Mirror(host=vault.mask(name, 300), place=place, endpoints=endpoints))
    old = mapping(mapping(data.get("registries")).get("insecure")).get("registries")
    plain += [str(h).lower() for h in (old if isinstance(old, list) else [])]
    return PullerConfig(
        file=lines.file, program="podman", mirrors=tuple(mirrors), plain=tuple(plain), hosts=tuple(hosts)
    )


def _podman_mirrors(about: dict[str, Any], lines: _Lines, vault: Vault) -> Iterator[Endpoint]:
    rows = about.get("mirror")
    for row in (rows if isinstance(rows, list) else [])[:_MOST]:
        location = str(mapping(row).get("location") or "")
        yield Endpoint(url=vault.mask(location, 300), place=lines.of(location) if location else Place(lines.file))


def _insecure(about: dict[str, Any]) -> list[dict[str, Any]]:
    rows = about.get("mirror")
    return [r for r in (rows if isinstance(rows, list) else []) if mapping(r).get("insecure") is True]
