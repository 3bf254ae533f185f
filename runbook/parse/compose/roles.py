"""What a service is, told by its image, its variables and what is mounted into it."""

from collections.abc import Iterable
from typing import Literal

from runbook.lazy import re

Role = Literal["registry", "ui", "proxy", "auth", "other"]

_PROXY = re.compile(
    r"^(?:nginx|openresty|traefik|caddy|haproxy|httpd|apache2?|swag|envoy|angie|tengine|pound)\b|nginx-proxy"
)
_NO_PROXY = re.compile(r"exporter|companion|docker-gen|certbot|logrotate|acme")
_AUTH = re.compile(r"^(?:docker[_-]auth|keycloak|authelia|authentik|dex|oauth2-proxy|vouch-proxy|lldap|openldap)\b")
_REGISTRY = re.compile(r"^(?:docker-)?registry(?:-photon|-oss)?$|^distribution$")
_OTHER_UI = re.compile(r"(?:^|/)quiq/|craneoperator|registry-browser|registry-web|registry-admin|registry-frontend")
_UI = re.compile(r"(?:^|-)(?:docker-)?registry-ui(?:-|$)")
_REGISTRY_ENV = re.compile(r"REGISTRY_(?:STORAGE|AUTH|HTTP|PROXY|LOG|HEALTH|VALIDATION|CATALOG|NOTIFICATIONS)(?:_|$)")
_UI_ENV = re.compile(
    r"NGINX_PROXY_PASS_URL$|NGINX_PROXY_HEADER_|SINGLE_REGISTRY$|REGISTRY_SECURED$|SHOW_CATALOG_NB_TAGS$"
)
_PROXY_MOUNT = re.compile(
    r"^/etc/(?:nginx|traefik|caddy|haproxy|apache2|httpd)\b|^/usr/local/(?:etc/haproxy|apache2)\b"
)
_REGISTRY_MOUNT = re.compile(r"^/etc/(?:docker/registry|distribution)(?:/|$)")


def image_parts(image: str) -> tuple[str, str]:
    """Repository without registry host, tag and digest, and its last part: both in lower case."""
    repository = image.split("@", 1)[0].lower()
    head, slash, last = repository.rpartition("/")
    last = last.split(":", 1)[0]
    first = head.split("/", 1)[0]
    if "." in first or ":" in first or first == "localhost":
        head = head.partition("/")[2]
    return f"{head}/{last}" if slash and head else last, last


def role_of(image: str | None, variables: Iterable[str], targets: Iterable[str]) -> Role:
    """The role of a service."""
    names, mounted = tuple(variables), tuple(targets)
    repository, last = image_parts(image or "")
    if _OTHER_UI.search(repository):
        return "other"
    if _UI.search(last):
        return "ui"
    if _REGISTRY.match(last):
        return "registry"
    if _AUTH.match(last):
        return "auth"
    if _PROXY.search(last) and not _NO_PROXY.search(last):
        return "proxy"
    return _by_content(names, mounted)


def _by_content(names: tuple[str, ...], mounted: tuple[str, ...]) -> Role:
    """An image of one's own (a mirror's name, a build) shows what it is by what it is given."""
    if any(_UI_ENV.match(n) for n in names):
        return "ui"
    if any(_REGISTRY_ENV.match(n) for n in names) or any(_REGISTRY_MOUNT.match(t) for t in mounted):
        return "registry"
    if any(_PROXY_MOUNT.match(t) for t in mounted):
        return "proxy"
    return "other"
