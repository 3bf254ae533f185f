"""Commands and observations that rules of several themes share: clients, pages, the registry's own door."""

from runbook.model import ClientConfig, Command, EvidenceItem, Exchange, Registry, StoredLogin, Subject, Symptom
from runbook.model.command import PIPE, READ_FROM, Word, host, name, sh, url, user
from runbook.rules.base import Facts
from runbook.rules.evidence import said, seen
from runbook.rules.in_cluster import in_namespace

REFUSED_SEEN = (Symptom.LOGIN_401_DIRECT, Symptom.LOGIN_401, Symptom.LOGIN_401_VIA)


def observed(facts: Facts, *symptoms: Symptom, about: Subject | None = None) -> tuple[EvidenceItem, ...]:
    """What was said or seen of these symptoms and not settled since, two items at most; with `about`, nothing of
    another user or address."""
    records = (c.observation.record for c in facts.traffic.complaints if c.symptom in symptoms and c.settled is None)
    items = (seen(r) if isinstance(r, Exchange) else said(r) for r in records)
    return tuple(dict.fromkeys(i for i in items if i and (about is None or _fits(i.about, about))))[:2]


def _fits(one: Subject | None, wanted: Subject) -> bool:
    if one is None:
        return True
    return one.user in ("", wanted.user) and ("" in (one.address, wanted.address) or one.address == wanted.address)


def subject(registry: Registry | None) -> Subject | None:
    """What a finding about this registry is about: its compose service, where there is one."""
    return Subject(service=registry.name) if registry and registry.service else None


def status(base: str | None, *options: str | Word, path: str = "/v2/", expect: str) -> Command:
    """Prints the status of GET /v2/ at an address, sent with curl and these options of it."""
    return sh("curl", "-sS", "-o", "/dev/null", "-w", "%{http_code}\\n", *options, url(base, path), expect=expect)


def login_with_docker(registry: str | None, name: str | None = None) -> Command:
    """Stores new credentials for this host[:port]; docker asks for the password itself."""
    return sh("docker", "login", *(("-u", user(name)) if name else ()), host(registry))


def stored_login(registry: str | None) -> Command:
    """Sends what docker has stored for this host[:port]. With no terminal docker cannot ask for other credentials."""
    return sh("docker", "login", host(registry), READ_FROM, "/dev/null", expect="Login Succeeded")


def kept_in(facts: Facts, login: StoredLogin | None) -> ClientConfig | None:
    """The pull Secret that holds this login; None where it is in a client's own file. `docker login` changes no Secret."""
    return next((c for c in facts.clients if login in c.logins and c.reader == "kubelet"), None)


def login_again(secret: ClientConfig | None, login: Command) -> tuple[Command, ...]:
    """This login with docker; where a pull Secret holds the old one, into a folder from which it is made again."""
    if secret is None:
        return (login,)
    where, apart = in_namespace(secret.namespace), Word("--config=pull-secret")
    return (
        sh(w for word in login.words for w in ((word, apart) if word.text == "docker" else (word,))),
        sh("kubectl", *where, "create", "secret", "generic", name(secret.secret_name or None),
           "--type=kubernetes.io/dockerconfigjson", "--from-file=.dockerconfigjson=pull-secret/config.json",
           "--dry-run=client", "-o", "yaml", PIPE, "kubectl", *where, "apply", "-f", "-"),
        sh("rm", "-r", "pull-secret"),
    )  # fmt: skip


def login_used(secret: ClientConfig | None, address: str | None) -> Command:
    """Shows that what is stored there is accepted."""
    return pulled(secret.namespace) if secret else stored_login(address)


def pulled(namespace: str) -> Command:
    """Shows what the kubelet pulled there."""
    events = ("get", "events", "--field-selector=reason=Pulled")
    return sh("kubectl", *in_namespace(namespace), *events, expect="… Successfully pulled image …")


def secret_read(secret: ClientConfig | None) -> str:
    """When a change of it is used."""
    return "the kubelet reads the Secret when it pulls" if secret else ""
