"""Files of other programs and other sites that lie in folders of their own beside the registry's. Pure."""

from collections.abc import Collection, Iterable, Mapping
from pathlib import PurePosixPath

from runbook.lazy import re
from runbook.model import ProxyRoute
from runbook.observe.address import Address

_ANYBODYS = re.compile(
    r"(?:regist|htpasswd|docker|depot|hub)|^(?:auth\w*|secrets?|conf(?:ig)?s?|data|etc|srv|opt|home|root|var|usr|local|mnt|tmp|"
    r"users?|passw(?:or)?ds?|security|credentials?|files?|bundle|stack|hosts?|(?:node|host|server|vm)[-_.]?\d*|volumes?|reg[-_.]?\w{0,12}|old|bak|backup)$",
    re.IGNORECASE,
)
"""Names of folders that say nothing of whose a file is, or that it is the registry's."""
_PROXYS = re.compile(
    r"nginx|caddy|haproxy|apache|httpd|traefik|prox|ingress|gateway|front|^(?:edge|web|www|lb|ui|joxit|tls|ssl|vhosts?|sites?|"
    r"sites-\w+|conf\.d|include[sd]?|snippets|rev)$",
    re.IGNORECASE,
)
"""Names of folders that only tell which program reads what is in them."""


def neighbours(passwords: Iterable[str], everything: Collection[str], texts: Iterable[str]) -> frozenset[str]:
    """Of the password files those that nothing ties to the registry: in a folder named after something else, without
    any other file of the incident, and named by no configuration, while the incident's own files lie elsewhere.

    `everything`: the paths of all files; `texts`: those of configurations.
    """
    texts = tuple(texts)
    return frozenset(p for p in passwords if _is_anothers(PurePosixPath(p), everything) and not _is_named(p, texts))


def other_sites(
    routes: Iterable[ProxyRoute], everything: Collection[str], texts: Mapping[str, str], spoken: Collection[str]
) -> frozenset[str]:
    """Of the proxies' files those of another site: in a folder of its own, named by no configuration, with server names
    and upstreams that nothing else speaks of, while something else is spoken of.

    `everything`: the paths of all files; `texts`: those of configurations, by path; `spoken`: every host that clients, logs
    and stored logins name.
    """
    sites: dict[str, set[str]] = {}
    near: set[str] = set()
    for route in routes:
        file = route.place.file
        hosts = {*map(str.lower, route.server_names), *(host.lower() for host, _ in route.upstream_hosts)}
        if route.host == "fixed":  # the name that the registry's log would have
            hosts.add((route.host_value or "").split(":")[0].lower())
        sites.setdefault(file, set()).update(hosts)
        far = bool(route.server_names) and all("." in h and not _NO_NAME.match(h) for h in hosts)
        if not far or not hosts.isdisjoint(spoken) or not _is_apart(PurePosixPath(file), everything):
            near.add(file)
    apart = sites.keys() - near
    others = [text for path, text in texts.items() if path not in apart]
    if not others and not spoken:
        return frozenset()
    return frozenset(
        f for f in apart if not any(host in text for host in sites[f] for text in others) and not _is_named(f, others)
    )


def told_elsewhere(
    over: Collection[str],
    named: Collection[tuple[str, Address]],
    untimed: Collection[str],
    texts: str,
    *,
    alone: bool = False,
) -> frozenset[str]:
    """Of the texts that say that it is over those that name registries, none of them the stack's own or one that anything
    else names; or that quote lines of a log without their time.

    `named`: file and address of all that names one; `untimed`: files with lines of a log of which none has a time;
    `texts`: the stack's configurations; `alone`: nothing happened in any other file, so that a port of the stack's tells
    more than a name that only its users may know.
    """
    others = {address.host for file, address in named if file not in over}
    ports = {*re.findall(r"\d+", texts)} - (set() if alone else {"80", "443"})

    def is_foreign(path: str) -> bool:
        own = {address for file, address in named if file == path}
        ours = any(a.host in texts or a.host in others or a.is_loopback or str(a.port or 443) in ports for a in own)
        return not ours and (bool(own) or path in untimed)

    return frozenset(filter(is_foreign, over))


_NO_NAME = re.compile(r"127\.|0\.0\.0\.0$|\.|.*[*$^~]")
"""Loopback, and patterns of names."""


def _is_apart(path: PurePosixPath, everything: Collection[str]) -> bool:
    return _is_anothers(path, everything) and not any(
        _PROXYS.search(part) for part in path.parts[len(_shared(everything)) : -1]
    )


def _is_anothers(path: PurePosixPath, everything: Collection[str]) -> bool:
    folders = path.parts[len(_shared(everything)) : -1]
    if not folders or any(_ANYBODYS.search(part.lstrip(".")) for part in folders):
        return False
    home = f"{path.parent}/"
    beside = [other for other in everything if other != str(path)]
    return bool(beside) and not any(other.startswith(home) for other in beside)


def _shared(everything: Collection[str]) -> tuple[str, ...]:
    """The folders in which all files lie: the name of an archive or a bundle says nothing of one of them."""
    homes = [PurePosixPath(path).parts[:-1] for path in everything]
    found: list[str] = []
    for level in zip(*homes, strict=False):
        if len(set(level)) > 1:
            break
        found.append(level[0])
    return tuple(found)


def _is_named(path: str, texts: Iterable[str]) -> bool:
    tail = "/".join(PurePosixPath(path).parts[-2:])
    return any(tail in text or f"{PurePosixPath(path).parent}:" in text for text in texts)
