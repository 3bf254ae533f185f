"""What logs and clients say: registry and proxy logs, error messages, stored logins."""

from dataclasses import dataclass, field
from typing import Literal

from runbook.model.files import EnvVar
from runbook.model.http import Place, Voice

Meaning = Literal[
    "listening",  # the registry is up; detail = address
    "no-usable-credential",  # "invalid authorization credential": no readable Basic header arrived
    "authentication-failure",  # a Basic header arrived and did not match; user where told
    "bcrypt-mismatch",  # 3.x: hashedPassword is not the hash of the given password
    "bcrypt-malformed",  # hashedSecret too short / algorithm version / invalid cost; detail = which
    "file-refused",  # "error checking authorization: htpasswd: invalid entry" / token too long
    "file-unreadable",  # … permission denied
    "file-missing",  # … no such file
    "file-is-directory",
    "provisioned",  # htpasswd is missing, provisioning with default user
    "panic-auth-option",  # "realm"/"path" must be set; detail = which
    "panic-unreadable",  # panic … permission denied
    "panic-other",
    "config-error",  # configuration error / yaml: …; detail = message
    "unknown-variable",  # 3.x: Ignoring unrecognized environment variable; detail = name
    "no-http-secret",
    "upload-cut",  # client disconnected during blob PATCH: from the registry's side
    "upload-secret",  # invalid secret
    "token-required",
    "token-untrusted-key",
    "token-audience",  # detail = audience
    "token-clock",
    "token-issuer",
    "token-invalid",
    "tls-handshake-bad-certificate",
    "http-request-on-tls",
    "storage-error",
    "upstream-refused",  # nginx error log
    "upstream-not-found",  # host not found in upstream (does not start) / could not be resolved
    "upstream-timeout",
    "upstream-tls",  # SSL_do_handshake() failed
    "upstream-untrusted",  # TLS is spoken: the certificate is refused, or an alert comes back
    "upstream-handshake",  # Apache: TLS failed, it does not say of what
    "upstream-reset",  # prematurely closed / no live upstreams
    "body-too-large",
    "proxy-crypt-failed",  # crypt_r() failed (22: Invalid argument)
    "proxy-user-mismatch",  # nginx: user "x": password mismatch / was not found
    "proxy-htpasswd-missing",
    "proxy-htpasswd-unreadable",  # nginx: open() … failed (13: Permission denied)
    "access-forbidden",  # nginx: access forbidden by rule; Apache: client denied by server configuration
    "rate-limited",  # nginx: limiting requests
    "entrypoint-cannot-edit",  # sed: can't move … Resource busy
    "compose-unset-variable",
    "other",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class LogEvent:
    """One line of a log that means something, redacted and bounded."""

    place: Place
    meaning: Meaning
    service: str | None = None
    """The compose prefix."""
    when: float | None = None
    user: str | None = None
    detail: str = ""
    text: str = ""
    """The message itself, for showing."""
    request: str | None = None
    """The id of the request it belongs to."""
    host: str = ""
    """The address that the client asked, where the line tells it."""
    client: str = ""
    """The address from which it asked, where the registry's message tells it (`LoggedRequest.client`)."""
    agent: str = ""
    """How it signed, where the message tells it."""
    uri: str = ""
    """The path that it asked there. Of `text` only known words are kept, of which no path may be left."""
    probed: bool = False
    """Whether that was a request of this program."""


PROBE_USER = "runbook-probe"
"""The made-up name under which a refused login is provoked: one under the user's own could lock the account."""


PROBE_AGENT = "registry-runbook"
"""How our own requests sign themselves (User-Agent)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedRequest:
    """One request as logs tell it: the access line joined with the messages of the same request."""

    place: Place
    logger: Literal["registry", "nginx", "caddy", "haproxy", "apache", "unknown"]
    service: str | None = None
    method: str = "GET"
    uri: str = "/"
    status: int | None = None
    when: float | None = None
    remote: str = ""
    """Address of the peer, without port."""
    client: str = ""
    """Address of the client as the peer passed it on (X-Forwarded-For), where the registry's message tells it."""
    host: str = ""
    user: str | None = None
    agent: str = ""
    referer: str = ""
    meaning: Meaning | None = None
    """Why it was refused, from the registry's own message."""
    answered_later: bool = False
    """A 401 after which the same peer got the same thing with a login: the protocol at work."""
    duration: float | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFile:
    """A log, bounded: the events and requests kept, and how often each thing happened in all of it."""

    file: str
    kind: Literal["registry", "nginx", "caddy", "haproxy", "apache", "mixed", "unknown"]
    version: int | None = None
    """Major version of the registry that wrote it (from `version=`), if it says."""
    lines: int = 0
    events: tuple[LogEvent, ...] = ()
    requests: tuple[LoggedRequest, ...] = ()
    counts: dict[str, int] = field(default_factory=dict)
    """Meaning → number of lines; also "status:401" and the like for access lines."""
    utc_offset: float | None = None
    """Seconds east of UTC of the proxy that wrote it, where its access lines tell; its error lines have no zone."""
    unit: str = ""
    """The systemd unit of the registry that wrote it, where its lines tell: the journal's name of the program."""
    system_units: tuple[str, ...] = ()
    """Units of which systemd's own manager (process 1) speaks, not that of a user."""


MessageKind = Literal[
    "login-ok",
    "login-begun",  # the record ends at the prompt for the password: what came of it is not known
    "transfer-ok",  # a push, pull or copy that ended in its own success line
    "command-failed",  # a command that did not end in its own success line; detail = its last line
    "login-status",  # detail = status code
    "unauthorized",  # unauthorized: authentication required (a login was sent, or an open ping)
    "no-basic-auth",  # no basic auth credentials: none was sent
    "invalid-username-password",  # skopeo & co.
    "denied",
    "refused",
    "reset",
    "eof",
    "timeout",
    "handshake-timeout",  # connected, and no answer to the TLS handshake
    "no-such-host",  # detail = the name
    "x509-unknown-authority",
    "x509-name",
    "x509-expired",
    "http-to-https-client",  # server gave HTTP response to HTTPS client
    "https-to-http-server",  # Client sent an HTTP request to an HTTPS server / wrong version number
    "blob-upload",  # blob upload unknown/invalid
    "retrying",  # docker tries a layer again, and the end of it was not shown
    "upload-cut",  # the connection ended while a layer was sent
    "upload-refused",  # 401 after a layer was begun: the login was accepted, and did not go along to where the upload is
    "too-large",
    "gateway",  # 502/503/504; detail = status
    # the browser's console; detail = origin, wildcard, credentials, multiple, missing, preflight, header, method, …
    # (`parse.complaints`), with "preflight: " before it when that wall stood in the preflight's answer
    "cors",
    "mixed-content",
    "ui-cors-hint",  # what the registry UI prints for any failed request: proves nothing but a failure
    "helper-failed",  # credential helper; detail = name
    "compose-unset",
    "compose-refused",
    "tool-missing",  # htpasswd not found; detail = the file that the shell had emptied for its output, and nobody wrote since
    "container-exited",
    "container-ended",  # long ago, or no part of such a stack
    "container-recreated",  # compose removed or re-created it: what was in its own layer is gone
    "daemon-proxy",  # docker info: HTTP Proxy; detail = address
    "proxy-connect",  # proxyconnect tcp: the forward proxy that is set cannot be reached; detail = why
    "token-refused",  # the token service refuses the login; detail = URL of the realm
    "token-endpoint-failed",  # detail = URL of the realm
    "method-unsupported",
    "status",  # a bare status printed by a command; exchange is made of it where the URL is known
    "pull-secret-missing",  # the kubelet: Unable to retrieve some image pull secrets; detail = their names
    "empty-password",  # a login that has no password and nobody to ask
    "host-empty",  # a name of an image that begins with a slash; detail = the variable that should stand before it
    "hub-push",  # The push refers to repository [docker.io/…]; detail = the repository
    "throttled",  # toomanyrequests
    "hub-refused",  # failed to push docker.io/…; detail = the repository
    "builder",  # docker buildx ls: detail = the driver
    "swarm-deployed",  # docker stack deploy, docker service create; detail = --with-registry-auth, where it is given
    "encoded-with-echo",  # echo USER:PASSWORD | base64
    "html-answer",  # unexpected media type text/html
    "url-invalid",  # a URL that a password took apart
    "header-hidden",  # Refused to get unsafe header; detail = its name
    "no-content-length",
    "token-expired",
    "config-error",  # the registry refuses its own configuration
    "port-in-use",  # detail = the port
    "port-forward",  # kubectl port-forward; detail = the port on this machine
    "port-forward-lost",  # it broke while it ran
    "engine-elsewhere",  # docker info, docker context: detail = where the engine runs
    "ingress-secret",  # ingress-nginx: the secret has no key auth; detail = namespace/name
    "mtu",  # detail = the number
    "ping-lost",  # ping -M do -s: a packet that may not be cut did not come back; detail = its bytes with the headers
    "ping-passed",  # the same, and it came back
    "secret-keys",  # kubectl describe secret: page = namespace/name, detail = its keys, with commas
    "container-address",  # docker inspect -f …IPAddress… NAME: page = NAME, detail = the address
    "password-expanded",  # htpasswd -b USER "Pa$word": the shell puts a variable's value there; user = whose entry
    "byte-order-mark",  # xxd, Format-Hex, file: a password file begins with one; user = its first
    "checksum",  # md5sum, sha256sum: detail = sum and path
    "other-error",
]


@dataclass(frozen=True, slots=True, kw_only=True)
class Call:
    """A command as it was typed: which program, whose configuration it reads, where its password comes from."""

    tool: str = ""
    verb: str = ""
    account: str = ""
    """The shell's user, "root" under sudo; "" where the prompt does not tell."""
    machine: str = ""
    """Where it was typed, as the prompt tells."""
    config: str = ""
    """The folder or file of logins that it names (--config, --authfile, DOCKER_CONFIG, HOME)."""
    inside: bool = False
    """Run in a container (docker exec, kubectl exec)."""
    given: Literal["", "variable", "literal", "expanded", "stdin"] = ""
    """Of a login: where the password comes from; "" where it is asked for. expanded: typed so that the shell puts something
    else in place of a part of it."""
    variable: str = ""
    """The variable that holds it."""
    tag: str = ""
    """Of a push: the tag of the image that it names."""
    image: str = ""
    """Of a push: the image's name, without host and tag."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """Something a client, a browser or Compose printed, with what it tells."""

    kind: MessageKind
    place: Place
    text: str
    """Redacted and bounded."""
    host: str | None = None
    """host[:port] of the registry that was spoken to, where told."""
    user: str | None = None
    detail: str = ""
    page: str | None = None
    """Origin of the page, for a browser's message."""
    allowed: str | None = None
    """The Access-Control-Allow-Origin that the browser complains about."""
    voice: Voice = "program"
    tool: str = ""
    """The program that was called ("docker", "skopeo", …), where the text shows it."""
    call: Call | None = None
    """The command above it, where one was typed."""
    asked: int = 0
    """The line of that command; 0 where none was typed."""
    password: str | None = None
    """The vault's label of the password that this command was given, where the text shows it."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StoredLogin:
    """An entry of a docker config.json (or a podman/skopeo auth file), without its secret."""

    place: Place
    key: str
    """As written: a host, host:port, or with scheme and path."""
    user: str | None = None
    password: str | None = None
    """The vault's label; None when the entry is empty because a helper keeps the secret."""
    kind: Literal["auth", "identity-token", "empty"] = "auth"
    defect: str | None = None
    """"trailing newline", "not base64", "no colon"."""
    helper: str | None = None
    """The credential helper that is asked for this key (credHelpers, else credsStore)."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ClientConfig:
    """A docker config.json or daemon.json."""

    file: str
    logins: tuple[StoredLogin, ...] = ()
    creds_store: str | None = None
    cred_helpers: dict[str, str] = field(default_factory=dict)
    insecure_registries: tuple[str, ...] | None = None
    """None: this file does not say."""
    proxies: tuple[str, ...] = ()
    """Forward proxies, as NAME=address without credentials."""
    no_proxy: str | None = None
    reader: Literal["docker", "kubelet"] = "docker"
    """kubelet: a Secret for pulling images; it is looked up with port and path, and kept by `kubectl`."""
    secret_name: str = ""
    namespace: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Endpoint:
    """One address that a puller asks for a registry's images."""

    url: str
    place: Place
    override_path: bool = False
    """containerd: the path of the address stands for /v2 and is not added to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Mirror:
    """Where a puller looks for the images of a registry."""

    host: str
    """The registry as images name it; "*" for all."""
    place: Place
    endpoints: tuple[Endpoint, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class PullerConfig:
    """What a program that pulls without docker's daemon is told of registries: containerd, k3s, podman, BuildKit."""

    file: str
    program: Literal["containerd", "k3s", "podman", "buildkit"]
    mirrors: tuple[Mirror, ...] = ()
    logins: tuple[StoredLogin, ...] = ()
    plain: tuple[str, ...] = ()
    """host[:port] for which plain http is allowed."""
    hosts: tuple[str, ...] = ()
    """Every registry that the file says anything of."""
    unread: tuple[StoredLogin, ...] = ()
    """Logins in a section that the program does not know, and passes over without a word."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CiLogin:
    """A step of a pipeline that logs in: names of variables, never their values."""

    place: Place
    command: str
    """As written, masked."""
    host: str = ""
    user_variable: str = ""
    password_variable: str = ""
    """The variable that holds the password; "" where none is referred to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CiStore:
    """A file of logins that a script of a pipeline writes."""

    place: Place
    path: str
    """With the home of root for ~ and $HOME."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CiJob:
    """A job of a pipeline: the client's side of an incident."""

    name: str
    place: Place
    system: Literal["gitlab", "github", "other"]
    image: str = ""
    services: tuple[str, ...] = ()
    """Images that run beside it: a `dind` among them is an engine of its own."""
    called: tuple[str, ...] = ()
    """The names by which these are reached, in the same order."""
    variables: tuple[EnvVar, ...] = ()
    logins: tuple[CiLogin, ...] = ()
    stores: tuple[CiStore, ...] = ()
    """Files of logins that its script writes by hand."""
    sets_config: bool = False
    """Whether it sets DOCKER_CONFIG or HOME, so that the logins may be looked for elsewhere."""
    secrets: tuple[str, ...] = ()
    """Names of the secrets that it refers to."""
    triggers: tuple[str, ...] = ()
    """GitHub: the events that start it."""
