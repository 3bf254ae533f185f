"""What one hop does with the requests that pass it, whatever software it is."""

from dataclasses import dataclass
from typing import Literal

from runbook.model.files import Platform, Port
from runbook.model.http import Place

NGINX_BODY = 1 << 20
"""What nginx takes of a body where nothing says otherwise, in bytes."""
IN_COMPOSE = ("traefik", "nginx-proxy")
"""Whose configuration is in the compose file itself; a ticket may show that file and another proxy's in one text."""
Software = Literal["nginx", "joxit-ui", "nginx-proxy", "traefik", "caddy", "haproxy", "apache"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Asks:
    """One test of a condition: what of the request it looks at, and what it wants there."""

    of: Literal["path", "method", "host", "hostname", "name", "scheme", "login", "unknown"]
    """`host`: the Host header as sent; `hostname`: it without the port; `name`: the name asked for in TLS; `login`: the
    Authorization header; `unknown`: what no request that is handed over shows."""
    how: Literal["is", "begins", "ends", "has", "word", "label", "like", "glob"] = "is"
    values: tuple[str, ...] = ()
    """One of these is wanted."""
    negated: bool = False
    any_case: bool = False


When = tuple[tuple[Asks, ...], ...]
"""A condition: any of these rows, of which all tests hold. No row: what it asks for was not understood."""


Unknown = Literal["middleware", "service", "entry point", "two in one"]
"""Of what kind a name is that a router of Traefik cannot use. `two in one`: a middleware that is of two kinds."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HeaderEdit:
    """A change to a header. `set` to the empty value means, in nginx, that it is not sent."""

    name: str
    action: Literal["set", "add", "remove"]
    value: str = ""
    """Masked: of a credential only scheme and user stay."""
    always: bool = True
    """nginx add_header: whether it is also there on a 401."""
    condition: str = ""
    """The `if`, matcher or acl under which alone it happens; empty: always."""
    when: When = ()
    """The same as tests, as far as it was understood."""
    place: Place
    injected: str | None = None
    """For Authorization: what the value is: "client" (hands on the client's own), "cleartext" (a proper
    base64 pair), "hash", "newline", "not base64", "no colon", "bearer", "variable", "hidden" (blacked
    out by hand), "no basic" (the client's own, made something else), "other"."""
    user: str | None = None
    password: str | None = None
    """The vault's label of an injected password."""
    pattern: str = ""
    """The regular expression of which what fits is replaced by `value`; empty: all of it is."""


@dataclass(frozen=True, slots=True, kw_only=True)
class OwnAuth:
    """A login that the hop demands itself, before the registry is asked."""

    kind: Literal["basic", "digest", "request", "forward"]
    """`digest` fits no login that docker sends."""
    realm: str = ""
    user_file: str = ""
    users: tuple[str, ...] = ()
    except_methods: tuple[str, ...] = ()
    place: Place
    defect: Literal["", "no such secret", "no such key"] = ""
    """Why the hop cannot check any login: it answers 503 itself (ingress-nginx)."""
    keys: tuple[str, ...] = ()
    """The keys that the Secret has in place of the one that is looked for."""
    sees: Literal["client", "none", "other"] = "client"
    """Traefik: whose login it checks: none where a middleware before it emptied the header, another where one set it."""
    outermost: bool = True
    """Traefik: whether the route's response headers are set on its own 401 as well; not where they come after it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Guard:
    """What a hop refuses by itself, whatever the login: who asks, and how often."""

    kind: Literal["address", "rate", "agent", "method"]
    text: str
    """As written, masked."""
    place: Place
    status: int | None = None
    """What it answers, where it says so itself (nginx: `return` in an `if`)."""
    variable: str = ""
    """Of such an `if`: nginx's variable that it depends on in the end."""
    rows: tuple[tuple[str, bool], ...] = ()
    """Value, network, ~pattern or "default" of that variable, and whether it is refused; empty where that is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ProxyRoute:
    """One location/route/site of a hop, with everything that is in force there (inheritance applied)."""

    software: Software
    place: Place
    front: Place | None = None
    """HAProxy: where the frontend begins; `place` is in the backend."""
    site: Place | None = None
    """nginx: where the server block begins; `place` may be in a file that it includes."""
    service: str | None = None
    """The compose service that runs it, where known."""
    made_by: tuple[str, ...] = ()
    """Of an Ingress: what makes its manifest from other files, as a service has it."""
    server_names: tuple[str, ...] = ()
    listen: tuple[int, ...] = ()
    tls: bool = False
    default_server: bool = False
    path: str = "/"
    match: Literal["prefix", "exact", "regex"] = "prefix"
    kind: Literal["proxy", "static", "return", "redirect"] = "proxy"
    status: int | None = None
    """What `return` answers."""
    location: str = ""
    """Where a redirect leads."""
    upstream: str = ""
    """The upstream as written."""
    upstream_scheme: str = "http"
    upstream_hosts: tuple[tuple[str, int | None], ...] = ()
    """Host and port of each server behind it; several are a load balancer."""
    upstream_uri: str | None = None
    """The path part of the upstream; None when there is none (they mean different things to nginx)."""
    upstream_variable: bool = False
    upstream_place: Place | None = None
    strips_prefix: str = ""
    """The part of the path that is cut off before it goes on."""
    request_headers: tuple[HeaderEdit, ...] = ()
    response_headers: tuple[HeaderEdit, ...] = ()
    host: Literal["client", "client-without-port", "upstream", "fixed"] = "upstream"
    """What the next hop sees as Host."""
    host_value: str = ""
    forwards_proto: Literal["right", "missing", "wrong"] = "missing"
    auth: OwnAuth | None = None
    max_body: int | None = None
    """Bytes; None: no limit."""
    max_body_place: Place | None = None
    read_timeout: float | None = None
    answers_options: bool = False
    """Whether the hop answers OPTIONS itself."""
    rewrites_location: bool = False
    """nginx's proxy_redirect default mends Location unless it is off or the upstream has a variable."""
    condition: str = ""
    """The `if`, matcher or acl under which alone requests come here, as written; empty: always."""
    when: When = ()
    """The same as tests, as far as it was understood."""
    methods: tuple[str, ...] = ()
    """The methods that alone come here; empty: all."""
    final: bool = False
    """nginx `^~`: regular expressions are not tried when this prefix is the longest."""
    rewrite: tuple[str, str] | None = None
    """A regular expression and its replacement that change the path before it goes on."""
    platform: Platform = "compose"
    """Where the route is written: in Kubernetes a hop is changed by its object's annotations, never by its own file."""
    through: Port | None = None
    """The port of a Kubernetes Service on the way to the upstream; `upstream_hosts` has the container's port then."""
    guards: tuple[Guard, ...] = ()
    passthrough: Place | None = None
    """Where it is said that the TLS stream goes through unopened: nothing else that stands here is done then."""
    complete: bool = True
    """False for a bare snippet or where an include is missing: what is not seen may still be there."""

    priority: int = 0
    """Traefik: the router with the highest takes a request that fits several."""
    unknown: tuple[tuple[Unknown, str, Place], ...] = ()
    """Traefik: what the router names and nobody defines, or what is no one middleware. It does not serve such a router:
    404."""
    answers_for: Place | None = None
    """Traefik: where an `errors` middleware gives another server's page in the place of an answer, with its headers."""
    caches: Place | None = None
    """nginx: where an answer of 401 is kept and given to others."""
    unread: tuple[Place, ...] = ()
    """nginx: includes that are not at hand, and could set what is sent on here. A line that is added beside them may
    stand there twice, or hide what they say."""

    def edit(self, name: str) -> HeaderEdit | None:
        """The last unconditional edit of that request header, or else the last conditional one."""
        edits = [e for e in self.request_headers if e.name.lower() == name.lower()]
        plain = [e for e in edits if not e.condition]
        chosen = plain or edits
        return chosen[-1] if chosen else None

    def covers(self, path: str) -> bool:
        """Whether requests for that path come here, ignoring more specific neighbours."""
        if self.match == "exact":
            return path == self.path
        return self.match == "prefix" and path.startswith(self.path)
