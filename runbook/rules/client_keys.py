"""The form of a stored key: what one client finds and the next one does not."""

from collections.abc import Iterator

from runbook.lazy import re
from runbook.model import ClientConfig, Finding, Fix, Message, StoredLogin
from runbook.model.command import Word, glued, host, sh
from runbook.rules.base import Facts, rule
from runbook.rules.client import NOT_SENT, kept, stored
from runbook.rules.evidence import finding, said
from runbook.rules.shell import kept_in, login_again, login_used, login_with_docker, secret_read
from runbook.stack.clients import Client, bare, stored_for
from runbook.urls import host_of

_CONFIG = Word("~/.docker/config.json", operator=True)  # the shell has to expand the tilde, so it is not quoted


@rule(
    "credentials-key-format",
    needs=("clients",),
    step="simplify",
    tier=2,
    title="the key of the stored credentials has a scheme or a path",
    fix="Write the key as host:port",
    source="docker CLI ConvertToHostname strips it for auths, not for credHelpers; spotify/docker-client#804; run with docker 28.2, skopeo 1.9",
    hop="client",
)
def key_format(facts: Facts) -> Iterator[Finding]:
    """docker's command and today's skopeo understand `https://host/v2/` as a key; jib, older libraries and credHelpers do not.

    So the same config.json works for one tool and "has no login" for another.
    """
    messages = facts.traffic.said("no-basic-auth", "unauthorized", "invalid-username-password", "denied")
    for login in stored(facts):
        plain = host_of(login.key)
        if login.key.lower() == plain or plain in ("index.docker.io", "registry-1.docker.io"):
            continue
        if any(other.key.lower() == plain for other in stored(facts)):
            continue
        is_helper = any(login.key in client.cred_helpers for client in facts.clients)
        hit = next((m for m in messages if (m.host or plain).lower() == plain), None)
        if hit is not None and not is_helper and _is_found_by(hit, login, facts.clients):
            continue
        if hit is None and "://" not in login.key and "/v" not in login.key:
            continue  # a namespace, as podman writes them
        secret = kept_in(facts, login)
        yield finding(
            f"The credentials are stored under {login.key}; the client in use looks for {plain} and finds nothing.",
            kept(login, f"the key {login.key}"),
            said(hit),
            explains=NOT_SENT if hit else (),
            warning=hit is None,
            fix=Fix(
                summary=f"Write the key as {plain}",
                commands=login_again(secret, login_with_docker(plain)),
                verify=(
                    login_used(secret, plain)
                    if secret
                    else sh("grep", "-c", glued('"', host(plain), '"'), _CONFIG, expect="1"),
                ),
                applies=secret_read(secret),
            ),
        )
        return


_KUBELET = re.compile(r"image pull failed for|failed to pull image|ErrImagePull|imagePullSecret", re.IGNORECASE)


def _kubelet_finds(key: str) -> bool:
    """Whether the kubelet takes this key for the whole host: it strips the scheme and the API's version, keeps other paths.

    Source: kubernetes pkg/credentialprovider/keyring.go, BasicDockerKeyring.Add.
    """
    path = key.split("://", 1)[-1].partition("/")[2]
    return path.rstrip("/") in ("", "v1", "v2")


def _is_found_by(message: Message, login: StoredLogin, clients: tuple[ClientConfig, ...]) -> bool:
    """Whether the client that complains is one that finds this entry all the same."""
    if _KUBELET.search(message.text):
        return _kubelet_finds(login.key)
    docker = "from daemon" in message.text
    library = message.kind == "invalid-username-password" or "retrieve auth token" in message.text
    who: Client | None = "docker" if docker else "containers" if library else None
    return who is not None and any(stored_for(c, bare(login.key), who) is login for c in clients)
