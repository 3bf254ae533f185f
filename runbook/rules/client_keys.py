"""The form of a stored login's key: what one client finds and the next one does not."""

from collections.abc import Iterator

from runbook.model import Certainty, ClientConfig, Evidence, EvidenceItem, Finding, Fix, Message, StoredLogin
from runbook.observe.traffic import Traffic
from runbook.rules.base import rule
from runbook.rules.client import NOT_SENT, host_of, logins
from runbook.rules.logins import quoted
from runbook.stack.clients import Client, bare, stored_for


@rule(
    "credentials-key-format",
    sees=("clients",),
    step="simplify",
    tier=2,
    title="the key of the stored login has a scheme or a path",
    fix="write the key as host:port",
    source="docker CLI ConvertToHostname strips it for auths, not for credHelpers; spotify/docker-client#804; run with docker 28.2, skopeo 1.9",
)
def key_format(evidence: Evidence, traffic: Traffic, clients: tuple[ClientConfig, ...]) -> Iterator[Finding]:
    """docker's command and today's skopeo understand `https://host/v2/` as a key; jib, older libraries and credHelpers do not.

    So the same config.json works for one tool and "has no login" for another.
    """
    messages = traffic.said("no-basic-auth", "unauthorized", "invalid-username-password", "denied")
    for login in logins(clients):
        plain = host_of(login.key)
        if login.key.lower() == plain or plain in ("index.docker.io", "registry-1.docker.io"):
            continue
        if any(other.key.lower() == plain for other in logins(clients)):
            continue
        is_helper = any(login.key in client.cred_helpers for client in clients)
        hit = next((m for m in messages if (m.host or plain).lower() == plain), None)
        if hit is not None and not is_helper and _is_found_by(hit, login, clients):
            continue
        if hit is None and "://" not in login.key and "/v" not in login.key:
            continue  # a namespace, as podman writes them
        yield Finding(
            cause="credentials-key-format",
            summary=f"The login is stored under {login.key}; the client in use looks for {plain} and finds nothing.",
            certainty=Certainty.LOGGED if hit else Certainty.READ,
            explains=NOT_SENT if hit else (),
            hop="client",
            evidence=(
                EvidenceItem(what=f"the key {login.key}", where=str(login.place)),
                *((EvidenceItem(what=hit.text, where=str(hit.place)),) if hit else ()),
            ),
            warning=hit is None,
            fix=Fix(
                summary=f"Write the key as {plain}.",
                commands=(f"docker login {quoted(plain)}",),
                verify=(f"skopeo login --get-login {quoted(plain)}",),
            ),
        )
        return


def _is_found_by(message: Message, login: StoredLogin, clients: tuple[ClientConfig, ...]) -> bool:
    """Whether the client that complains is one that finds this entry all the same."""
    docker = "from daemon" in message.text
    library = message.kind == "invalid-username-password" or "retrieve auth token" in message.text
    who: Client | None = "docker" if docker else "containers" if library else None
    return who is not None and any(stored_for(c, bare(login.key), who) is login for c in clients)
