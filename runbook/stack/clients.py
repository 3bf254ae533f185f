"""Which stored login a client takes for a name, as docker's command and the containers' library (skopeo, podman) look it up.

Both compare letters as they are: `Localhost:5000` is another name than `localhost:5000`, and so is `127.0.0.1:5000`.
"""

from collections.abc import Iterable
from typing import Literal

from runbook.model import ClientConfig, StoredLogin

Client = Literal["docker", "containers"]


def bare(key: str, client: Client = "docker") -> str:
    """A key without scheme and path, which is compared when nothing fits literally. docker takes any scheme off."""
    rest = key.split("://", 1)[-1] if client == "docker" else key.removeprefix("http://").removeprefix("https://")
    return rest.split("/", 1)[0]


def stored_for(config: ClientConfig, name: str, client: Client) -> StoredLogin | None:
    """The entry that this client uses for `host[:port]` or `host[:port]/repository`; None: it sends no login.

    docker knows hosts only. The containers' library asks for the repository first, then for each namespace above
    it, at last for the host. Source: docker cli config/credentials/file_store.go; containers/image
    pkg/docker/config; run with docker 28.2 and skopeo 1.9 (tests/real/test_clients.py).
    """
    host = name.split("/", 1)[0]
    usable = [login for login in config.logins if login.kind != "empty" or login.helper]
    for wanted in (host,) if client == "docker" else _upwards(name):
        if found := _named(usable, wanted):
            return found
    return next((login for login in usable if bare(login.key, client) == host and _whole(login.key, client)), None)


def _named(logins: Iterable[StoredLogin], key: str) -> StoredLogin | None:
    return next((login for login in logins if login.key == key), None)


def _upwards(name: str) -> list[str]:
    """host/a/b, host/a, host."""
    parts = name.split("/")
    return ["/".join(parts[:n]) for n in range(len(parts), 0, -1)]


def _whole(key: str, client: Client) -> bool:
    """Whether a key stands for a host, and not for a namespace of it."""
    return client == "docker" or "://" in key


_PULLERS = (
    "curl",
    "docker",
    "containerd",
    "skopeo",
    "podman",
    "buildkit",
    "buildah",
    "crane",
    "oras",
    "helm",
    "kaniko",
    "cri-o",
    "nerdctl",
    "go-containerregistry",
)


def pulls(agent: str) -> bool:
    """Whether a User-Agent is that of a program that pulls or pushes images."""
    return any(word in agent.lower() for word in _PULLERS)
