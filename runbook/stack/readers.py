"""Which password files another program reads: they are right or wrong by its measure, and say nothing of the registry.

nginx and Apache name the file in a directive, Traefik in a middleware, an Ingress the Secret in an annotation; any other
service mounts it. A file that somebody else names may be the registry's as well: `stack.registry` decides where it is known
what the registry reads.
"""

import posixpath
from collections.abc import Iterator

from runbook.lazy import re
from runbook.model import Evidence, FileKind, Htpasswd

_OF_A_SECRET = re.compile(r"\.(?:ya?ml|json) § ([^/§]{1,253})/[^/§]{1,253}$")
"""What a file from a manifest is called: all.yaml § name-of-the-secret/key."""
_PATH = r"[\"'`]?(?P<path>[^\s\"'`;,}<>]{1,400})"
_NAMED: dict[FileKind, re.Pattern[str]] = {
    "nginx": re.compile(r"(?m)^[^#\n]{0,400}?\bauth_(?:basic_user_file|digest_user_file)[ \t]+" + _PATH),
    "apache": re.compile(r"(?im)^[ \t]*Auth(?:Digest)?UserFile[ \t]+" + _PATH),
    "traefik": re.compile(r"(?im)^[^#\n]{0,200}?\busersfile[\"']?[ \t]*[:=][ \t]*" + _PATH),
    "compose": re.compile(r"(?im)^[^#\n]{0,300}?\.(?:basic|digest)auth\.usersfile[\"']?[ \t]*[:=][ \t]*" + _PATH),
    "kubernetes": re.compile(r"(?m)^[^#\n]{0,300}?\b(?:auth-secret|basic-auth-secret)[\"']?:[ \t]*" + _PATH),
}
"""Kind of file → how it names the file (or the Secret) of a login that its own program asks for."""
_MIDDLEWARE = re.compile(r"(?:basic|digest)Auth:(?:[^\n]{0,200}\n){0,4}?[^\n]{0,200}?\bsecret:\s{0,8}" + _PATH)
_HOME = re.compile(r"(?:^|/)etc/(?:nginx|apache2?|httpd|traefik|caddy|haproxy|lighttpd)/(?:[^/]+/)?[^/]+$")
"""A folder of another program's own configuration: /etc/nginx/htpasswd."""


def of_others(evidence: Evidence) -> frozenset[str]:
    """The password files that another program is known to read, and that no registry mounts."""
    if not evidence.htpasswd:
        return frozenset()
    mounted, own = _mounted(evidence)
    files = [h.file for h in evidence.htpasswd]
    theirs = {f for name in _named(evidence) for f in _meant(name, files)}
    theirs |= {f for f in files if _HOME.search(f)} | set(_beside_its_proxy(evidence, files))
    return frozenset((mounted | theirs) - own)


def _beside_its_proxy(evidence: Evidence, files: list[str]) -> Iterator[str]:
    """The only password file in the folder of a proxy's file that reads one of another name: it was copied from there."""
    for route in evidence.routes:
        asked, folder = route.auth.user_file if route.auth else "", posixpath.dirname(route.place.file)
        if not asked or any(_meant(asked, files)):
            continue
        while folder:
            near = [f for f in files if posixpath.dirname(f) == folder]
            if len(near) == 1:
                yield near[0]
            folder = "" if near else posixpath.dirname(folder)


def of_other_registries(evidence: Evidence, config: str | None) -> frozenset[str]:
    """The password files that other registries' config.yml name, and this one's does not."""
    files = [h.file for h in evidence.htpasswd]
    named = {
        f.file: set(_meant(str(path.value), files))
        for f in evidence.registry_files
        if (path := f.settings.get("auth.htpasswd.path"))
    }
    mine = named.pop(config or "", None)
    return frozenset(set().union(*named.values()) - mine) if mine else frozenset()


def own_files(evidence: Evidence) -> tuple[Htpasswd, ...]:
    """The password files of which no other reader is known."""
    others = of_others(evidence)
    return tuple(h for h in evidence.htpasswd if h.file not in others)


def _mounted(evidence: Evidence) -> tuple[set[str], set[str]]:
    """The files that lie exactly where a service that is no registry mounts them from, and those of the registries."""
    taken: dict[bool, set[str]] = {True: set(), False: set()}
    for service in evidence.compose.services if evidence.compose else ():
        if service.image is None and service.role == "other":
            continue  # what it runs was left out: it may be the registry
        for mount in service.mounts:
            if mount.kind in ("volume", "tmpfs") or not mount.source:
                continue
            place = posixpath.normpath(posixpath.join(posixpath.dirname(mount.place.file), mount.source))
            inside = {
                h.file for h in evidence.htpasswd if f"{h.file}/".startswith(f"{place}/") or h.file == mount.source
            }
            taken[service.role == "registry"] |= inside
    return taken[False], taken[True]


def _named(evidence: Evidence) -> Iterator[str]:
    """The paths and Secrets that a proxy's configuration names for a login of its own."""
    yield from (route.auth.user_file for route in evidence.routes if route.auth and route.auth.user_file)
    for source in evidence.files:
        pattern = _NAMED.get(source.kind) if source.voice != "document" else None
        text = "\n".join(source.lines) if pattern else ""
        yield from (m["path"] for m in pattern.finditer(text)) if pattern else ()
        if source.kind == "kubernetes":
            yield from (m["path"] for m in _MIDDLEWARE.finditer(text))


def _meant(named: str, files: list[str]) -> Iterator[str]:
    """The files of the bundle that may be the one named: a Secret by its own name, others by folder and name where that
    tells, else by name."""
    same = [f for f in files if posixpath.basename(f) == posixpath.basename(named) and not _OF_A_SECRET.search(f)]
    yield from [f for f in same if _folder(f) and _folder(f) == _folder(named)] or same
    for file in files:
        secret = _OF_A_SECRET.search(file)
        if secret and (file == named or secret[1] == posixpath.basename(named)):
            yield file


def _folder(path: str) -> str:
    return posixpath.basename(posixpath.dirname(path))
