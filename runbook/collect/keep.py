"""What is kept of evidence, value by value: by the name that it stands under, and sentences by their words."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import fields, is_dataclass, replace
from typing import Any

from runbook.lazy import re
from runbook.model import (
    CiLogin,
    ClientConfig,
    Compose,
    Credential,
    Endpoint,
    Entry,
    EnvVar,
    Evidence,
    Exchange,
    Guard,
    HeaderEdit,
    Headers,
    Htpasswd,
    LogEvent,
    LoggedRequest,
    Message,
    Mirror,
    OwnAuth,
    Place,
    Problem,
    ProxyRoute,
    PullerConfig,
    RegistryFile,
    Service,
    Setting,
    SourceFile,
    StoredLogin,
)
from runbook.redact.harmless import (
    is_odd,
    shown_header,
    shown_label,
    shown_realm,
    shown_setting,
    shown_variable,
    shown_word,
)
from runbook.redact.prose import mask_patterns
from runbook.redact.text import MASK
from runbook.redact.urls import mask_urls
from runbook.redact.words import only_known

_IMAGE = re.compile(r"[\w./:+-]{1,400}(?:@sha256:[0-9a-f]{1,64})?")
_LOGIN = re.compile(r"^[^\s/]{1,300}@")
_PIECES = re.compile(r"[^\s/:@,=\"'()\[\]{}<>|]+")


def kept(evidence: Evidence) -> Evidence:
    """The evidence with only those values that the tables know to be harmless."""
    by_name: Evidence = _typed(evidence)
    spoken: Evidence = _spoken(by_name, frozenset(_names(by_name)))
    return spoken


# ---- by name ---------------------------------------------------------------------------------------------


_AS_THEY_ARE = (Entry, Place, SourceFile)
_NO_SENTENCES = (*_AS_THEY_ARE, EnvVar)


_FIELDS: dict[type, tuple[str, ...]] = {}


def names_of(kind: type) -> tuple[str, ...]:
    """The fields of a dataclass; none of anything else."""
    if (known := _FIELDS.get(kind)) is None:
        known = _FIELDS[kind] = tuple(f.name for f in fields(kind)) if is_dataclass(kind) else ()
    return known


def _typed(value: Any) -> Any:
    """A copy in which every value that has a name is shown by what its name allows."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, tuple | list):
        return type(value)(_typed(item) for item in value)
    if isinstance(value, dict):
        return {key: _typed(item) for key, item in value.items()}
    if isinstance(value, Service):
        return _service(value)
    names = names_of(type(value))
    if not names or isinstance(value, _AS_THEY_ARE):
        return value
    made: Any = type(value)(**{name: _typed(getattr(value, name)) for name in names})
    rule = _RULES.get(type(made))
    return rule(made) if rule else made


def _variable(var: EnvVar, shown: Callable[[str, str], str] = shown_variable) -> EnvVar:
    if var.value is None:
        return var
    return replace(var, value=shown(var.name, var.value), raw=shown(var.name, var.raw))


def _service(service: Service) -> Service:
    return replace(
        service,
        image=_image(service.image),
        environment=tuple(_variable(variable) for variable in service.environment),
        labels=tuple(_variable(label, shown_label) for label in service.labels),
        command=tuple(shown_word(word) for word in service.command),
        entrypoint=None if service.entrypoint is None else tuple(shown_word(word) for word in service.entrypoint),
    )


def _image(image: str | None) -> str | None:
    """The name of an image; what a default of a variable left before an @ is none."""
    return image if image is None or _IMAGE.fullmatch(image) else mask_patterns(_LOGIN.sub("", image))


def _registry(file: RegistryFile) -> RegistryFile:
    settings = {key: replace(s, value=shown_setting(key, s.value)) for key, s in file.settings.items()}
    return replace(file, settings=settings)


def _edit(edit: HeaderEdit) -> HeaderEdit:
    return replace(edit, value=shown_header(edit.name, edit.value))


def _route(route: ProxyRoute) -> ProxyRoute:
    return replace(route, upstream=mask_urls(route.upstream), location=mask_urls(route.location))


_SCHEMES = ("basic", "bearer", "digest", "negotiate", "ntlm", "token", "other", "aws4-hmac-sha256", "apikey")


def _credential(credential: Credential) -> Credential:
    return credential if credential.scheme.lower() in _SCHEMES else replace(credential, scheme="other")


def _exchange(exchange: Exchange) -> Exchange:
    """What a server hands out to be recognised by is a login as well: cookies, tokens, signed addresses."""
    return replace(
        exchange,
        url=mask_urls(exchange.url),
        request_headers=_headers(exchange.request_headers),
        response_headers=_headers(exchange.response_headers),
    )


def _headers(headers: Headers) -> Headers:
    return tuple((name, shown_header(name, value)) for name, value in headers)


def _own_auth(auth: OwnAuth) -> OwnAuth:
    return replace(auth, realm=shown_realm(auth.realm))


def _logged(request: LoggedRequest) -> LoggedRequest:
    return replace(
        request,
        uri=mask_urls(request.uri),
        referer=mask_urls(request.referer),
        agent=shown_header("User-Agent", request.agent),
    )


def _event(event: LogEvent) -> LogEvent:
    return replace(
        event, uri=mask_urls(event.uri), agent=shown_header("User-Agent", event.agent) if event.agent else ""
    )


def _client(config: ClientConfig) -> ClientConfig:
    return replace(
        config,
        logins=tuple(_login(login) for login in config.logins),
        proxies=tuple(mask_urls(p) for p in config.proxies),
    )


def _endpoint(endpoint: Endpoint) -> Endpoint:
    return replace(endpoint, url=mask_urls(endpoint.url))


def _mirror(mirror: Mirror) -> Mirror:
    return replace(mirror, host=_LOGIN.sub("", mirror.host))


def _puller(config: PullerConfig) -> PullerConfig:
    plain, hosts = (tuple(_LOGIN.sub("", host) for host in hosts) for hosts in (config.plain, config.hosts))
    return replace(config, plain=plain, hosts=hosts, logins=tuple(_login(login) for login in config.logins))


def _login(login: StoredLogin) -> StoredLogin:
    return replace(login, key=mask_urls(login.key))


_RULES: dict[type, Callable[[Any], Any]] = {
    Endpoint: _endpoint,
    Mirror: _mirror,
    PullerConfig: _puller,
    EnvVar: _variable,
    RegistryFile: _registry,
    HeaderEdit: _edit,
    ProxyRoute: _route,
    Credential: _credential,
    OwnAuth: _own_auth,
    Exchange: _exchange,
    LogEvent: _event,
    LoggedRequest: _logged,
    ClientConfig: _client,
}


# ---- by word ---------------------------------------------------------------------------------------------

_PROSE: dict[type, tuple[str, ...]] = {
    Message: ("text",),
    LogEvent: ("text", "detail"),
    Problem: ("message",),
    Exchange: ("body", "detail"),
    ProxyRoute: ("condition",),
    HeaderEdit: ("condition",),
    Htpasswd: ("refusal",),
    Compose: ("refused",),
    RegistryFile: ("refused",),
    CiLogin: ("command",),
    Guard: ("text",),
}
"""Fields that are sentences: of them stay the words that anybody may know and the names of the incident."""
_NAMED = frozenset(
    """path file name service container_name hostname aliases networks network_mode profiles depends_on image user owner group source target host server_names upstream_hosts upstream upstream_uri
    strips_prefix user_file users realm key helper creds_store insecure_registries no_proxy uri url page paths registry_url ui_url origin subject names issuer files volumes remote location allowed host_value
    sections request namespace container pull_secrets secret_name variable user_variable password_variable services called system_units
    secrets account config tool""".split()
)  # fmt: skip
"""Fields whose text is a name, or holds some."""


_CATALOG = re.compile(r'\s{0,8}\{\s{0,8}"repositories"\s{0,8}:\s{0,8}\[([^\]]{0,4000})\]')
_REPOSITORY = re.compile(r'"([a-z0-9][a-z0-9._/-]{0,100})"')


def _names(evidence: Evidence) -> Iterator[str]:
    """The names of this incident, whole and in their pieces."""
    for text in _named(evidence, ""):
        if text and MASK not in text and len(text) <= 300:
            yield text
            yield from _PIECES.findall(text)


def _named(value: Any, field: str) -> Iterator[str]:
    if isinstance(value, str):
        if field in _NAMED:
            yield value
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _named(item, field)
    elif isinstance(value, dict):
        for key, item in value.items():
            yield str(key)
            yield from _named(item, field)
    elif isinstance(value, EnvVar):
        yield value.name
        yield from _harmless(value.value)
    elif isinstance(value, SourceFile):
        yield value.path
    elif isinstance(value, Message):
        yield from (text for text in (value.host, value.user, value.page, value.allowed, value.detail) if text)
    elif names := names_of(type(value)):
        if isinstance(value, Setting):
            yield from _harmless(value.value)
        if isinstance(value, Exchange) and (listed := _CATALOG.match(value.body)):
            yield from (name for name in _REPOSITORY.findall(listed[1]) if not is_odd(name))
        for name in names:
            yield from _named(getattr(value, name), name)


def _harmless(value: Any) -> Iterator[str]:
    """What tables allowed to be shown of a value may stand in a sentence, too."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, list):
        yield from (item for item in value if isinstance(item, str))


def _said(text: str, names: Collection[str]) -> str:
    """A sentence by its words; once more where a mask makes another pattern fit, so that it stays as it is then."""
    for _ in range(4):
        before, text = text, only_known(mask_patterns(text), names)
        if text == before:
            break
    return text


def _spoken(value: Any, names: Collection[str]) -> Any:
    """A copy in which sentences keep only known words."""

    def say(text: Any) -> Any:
        if isinstance(text, str):
            return _said(text, names) if text else text
        return tuple((place, _said(said, names)) for place, said in text)

    def walk(item: Any) -> Any:
        if isinstance(item, tuple | list):
            return type(item)(walk(part) for part in item)
        parts = names_of(type(item))
        if not parts or isinstance(item, _NO_SENTENCES):
            return item
        prose = _PROSE.get(type(item), ())
        return type(item)(**{name: (say if name in prose else walk)(getattr(item, name)) for name in parts})

    return walk(value)
