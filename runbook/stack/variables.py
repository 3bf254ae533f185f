"""Variables that nobody reads: misspelled, invented, or set on the wrong service."""

from collections.abc import Collection
from difflib import get_close_matches

from runbook.lazy import re
from runbook.model import EnvVar, Service
from runbook.parse.registry_schema import SCHEMA, ListOf, MapOf, Struct
from runbook.stack.registry_env import Effective

UI_VARIABLES = frozenset(
    "REGISTRY_TITLE REGISTRY_URL PULL_URL DELETE_IMAGES SHOW_CONTENT_DIGEST CATALOG_ELEMENTS_LIMIT SINGLE_REGISTRY "
    "NGINX_PROXY_PASS_URL NGINX_RESOLVER DEFAULT_REGISTRIES READ_ONLY_REGISTRIES SHOW_CATALOG_NB_TAGS "
    "HISTORY_CUSTOM_LABELS USE_CONTROL_CACHE_HEADER TAGLIST_ORDER CATALOG_DEFAULT_EXPANDED CATALOG_MIN_BRANCHES CATALOG_MAX_BRANCHES "
    "TAGLIST_PAGE_SIZE REGISTRY_SECURED THEME NGINX_LISTEN_PORT ENABLE_VERSION_NOTIFICATION SHOW_TAG_HISTORY "
    "PROXY_PASS_URL URL".split()
)
"""What the UI's entrypoint and page read (joxit 1.x and 2.x)."""
_TOOLS = frozenset(f"REGISTRY_{n}" for n in "DATA HOST NAME PASSWORD PATH PORT TAG USER USERNAME".split())
_HARMLESS = ("REGISTRY_CONFIGURATION_PATH",)


def unread_variables(service: Service, effective: Effective) -> tuple[tuple[EnvVar, str], ...]:
    """The service's variables that the registry does not read, each with what was probably meant."""
    taken = {v.name for v in service.environment}
    found = [(v, meant(v.name, effective.major, taken)) for v in effective.ignored if v.name not in _HARMLESS]
    found += [(v, nearest(v.name, effective.major, taken)) for v in service.environment if _is_unknown_option(v.name)]
    kinds = ((v, nearest(v.name, effective.major, taken)) for v in service.environment if is_unknown_kind(v.name))
    found += [(v, right) for v, right in kinds if right]
    for variable in service.environment:
        name = variable.name
        if name.startswith("REGISTRY_") or name in (v.name for v, _ in found):
            continue
        if name in UI_VARIABLES or name.startswith("NGINX_PROXY_"):
            found.append((variable, ""))
        elif suggestion := nearest(name, effective.major, taken):
            found.append((variable, suggestion))
    return tuple(found)


def _is_unknown_option(name: str) -> bool:
    """A name below auth.htpasswd, storage.filesystem and the like that nothing asks for: it is taken and unused."""
    section = next((s for s in _CLOSED if name.startswith(f"{s}_")), None)
    return section is not None and name not in _OPTIONS


def is_unknown_kind(name: str) -> bool:
    """An option of a kind of authorization that the registry does not have: it stands beside the real one, and whichever
    of the two it takes, the registry stops."""
    kind = re.match(r"REGISTRY_AUTH_([A-Z0-9]+)_\w", name)
    return kind is not None and kind[1] not in ("HTPASSWD", "TOKEN", "SILLY", "NONE")


def meant(name: str, major: int, taken: Collection[str] = ()) -> str:
    """The setting that a variable was probably meant for; "" for none, and for those of the UI and of people's scripts."""
    return "" if name in UI_VARIABLES or name in _TOOLS else nearest(name, major, taken)


def nearest_of_ui(name: str, taken: Collection[str] = ()) -> str | None:
    """The variable of the UI that an unknown name of that kind was meant to be; None for one that it knows, or that
    is like none of them."""
    if name in UI_VARIABLES or name.startswith(("NGINX_PROXY_HEADER_", "NGINX_PROXY_PASS_HEADER_", "THEME_")):
        return None
    upper = name.strip().upper().replace("-", "_")
    known = [n for n in UI_VARIABLES if n not in taken and len(n) > 5]
    if upper in known:
        return upper
    if upper.startswith("NGINX_PROXY"):
        return "NGINX_PROXY_PASS_URL" if "NGINX_PROXY_PASS_URL" in known else None
    return next(iter(get_close_matches(upper, known, 1, 0.86)), None)


def nearest(name: str, major: int, taken: Collection[str] = ()) -> str:
    """The nearest name that the registry reads, if one is near: parts joined wrongly, letters swapped, another case.

    A name that is `taken`, set already beside it, cannot be what was meant.
    """
    known = [n for n in known_names(major) if n not in taken]
    upper = name.strip().upper().replace("-", "_").replace(".", "_")
    if name != upper and upper in known:
        return upper
    looks = upper.startswith(("REGISTRY_", "REGISTY_", "REGISTRY", "REGSITRY_", "DOCKER_REGISTRY_"))
    if not looks:
        return ""
    bare = upper.removeprefix("DOCKER_")
    squeezed = {n.replace("_", ""): n for n in known}
    if bare.replace("_", "") in squeezed:
        return squeezed[bare.replace("_", "")]
    if near := get_close_matches(bare, known, n=1, cutoff=0.82):
        return near[0]
    left = [n for n in _NEEDED if n not in taken]
    return left[0] if bare.startswith("REGISTRY_AUTH_HTPASSWD_") and len(left) == 1 else ""


def known_names(major: int) -> list[str]:
    """All names of settings that people set by variable."""
    names: list[str] = []
    _collect(SCHEMA[major], "REGISTRY", names)
    return [*names, *_OPTIONS]


def _collect(kind: Struct, prefix: str, names: list[str]) -> None:
    renamed = {v: k for k, v in kind.env.items()}
    for field, below in kind.fields.items():
        name = f"{prefix}_{renamed.get(field, field.upper())}"
        if isinstance(below, Struct):
            _collect(below, name, names)
        elif not isinstance(below, (ListOf,)) or isinstance(below, MapOf):
            names.append(name)


_CLOSED = ("REGISTRY_AUTH_HTPASSWD", "REGISTRY_STORAGE_FILESYSTEM", "REGISTRY_STORAGE_DELETE")
_NEEDED = ("REGISTRY_AUTH_HTPASSWD_REALM", "REGISTRY_AUTH_HTPASSWD_PATH")
_OPTIONS = (
    "REGISTRY_AUTH_HTPASSWD_REALM",
    "REGISTRY_AUTH_HTPASSWD_PATH",
    "REGISTRY_AUTH_TOKEN_REALM",
    "REGISTRY_AUTH_TOKEN_SERVICE",
    "REGISTRY_AUTH_TOKEN_ISSUER",
    "REGISTRY_AUTH_TOKEN_ROOTCERTBUNDLE",
    "REGISTRY_AUTH_TOKEN_AUTOREDIRECT",
    "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY",
    "REGISTRY_STORAGE_FILESYSTEM_MAXTHREADS",
    "REGISTRY_STORAGE_DELETE_ENABLED",
    "REGISTRY_STORAGE_REDIRECT_DISABLE",
    "REGISTRY_STORAGE_CACHE_BLOBDESCRIPTOR",
    "REGISTRY_STORAGE_MAINTENANCE_READONLY",
    "REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING",
    "REGISTRY_STORAGE_S3_BUCKET",
    "REGISTRY_STORAGE_S3_REGION",
)
