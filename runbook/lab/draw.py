"""What a seed decides: names, users, passwords, realms, versions, decoys. Never what is broken."""

import os
import random
import string

from runbook.lab.errors import LabError
from runbook.lab.hashes import htpasswd_line
from runbook.lab.plan import Plan, Proxy
from runbook.wire import is_free

REALM = "REGISTRY_AUTH_HTPASSWD_REALM"
_WORDS = "amber birch cobalt delta ember fjord garnet harbor indigo juniper kestrel lagoon".split()
_USERS = "anna ben chen dora emil farah goran hana ivan jana kofi lena".split()
_REGISTRIES = ("registry", "hub", "images", "store")
_UIS = ("ui", "registry-ui", "web", "portal")
_REALMS = ("Registry Realm", "Company Images", "Depot", "Registry", "Team Store")
_DECOYS = (
    ("REGISTRY_AUTH_HTPASSWD_REALM", "must be the same text as in the UI, or the digest differs"),
    ("REGISTRY_AUTH_HTPASSWD_PATH", "file must be readable by UID 1000!"),
    ("REGISTRY_AUTH", "proxies strip Authorization, it is hop-by-hop"),
    ("REGISTRY_AUTH_HTPASSWD_REALM", "do not change, clients remember it"),
)


def draw(seed: int, major: int | None) -> Plan:
    """A sound stack: the UI's nginx passes /v2 on to a registry that asks for a login."""
    rng = random.Random(f"runbook-lab-{seed}")  # noqa: S311 a lab that can be repeated, not cryptography
    user, colleague = rng.sample(_USERS, 2)
    registry = rng.choice(_REGISTRIES)
    ports = free_ports(rng, 3)
    major = major or rng.choice((2, 3))
    plan = Plan(
        seed=seed,
        major=major,
        registry=registry,
        ui=rng.choice(_UIS),
        user=user,
        password=_password(rng),
        colleague=colleague,
        colleague_password=_password(rng),
        realm=rng.choice(_REALMS),
        registry_port=ports[0],
        ui_port=ports[1],
        inner_port=ports[2],
        image=f"registry:{rng.choice(('2', '2.8', '2.8.3')) if major == 2 else rng.choice(('3', '3.0.0'))}",
        ui_image="joxit/docker-registry-ui:" + rng.choice(("2.6.0", "2.5", "main")),
        proxy=Proxy(upstream=f"http://{registry}:5000", environment={"SINGLE_REGISTRY": "true"}),
    )
    plan.mounts = [("./auth", "/auth"), (f"{rng.choice(_WORDS)}-data", "/var/lib/registry")]
    plan.environment = sound_environment(plan)
    plan.files["auth/htpasswd"] = sound_file(plan)
    plan.comments = dict(rng.sample(_DECOYS, rng.randint(0, 2)))
    return plan


def sound_environment(plan: Plan) -> dict[str, str]:
    """The registry's variables as they should be."""
    return {"REGISTRY_AUTH": "htpasswd", REALM: plan.realm, "REGISTRY_AUTH_HTPASSWD_PATH": "/auth/htpasswd"}


def sound_file(plan: Plan) -> bytes:
    """The htpasswd file as it should be: both users, bcrypt, one line each."""
    rng = random.Random(f"runbook-salt-{plan.seed}")  # noqa: S311
    lines = [
        htpasswd_line(plan.user, plan.password, rng),
        htpasswd_line(plan.colleague, plan.colleague_password, rng),
    ]
    return b"\n".join(lines) + b"\n"


def free_ports(rng: random.Random, count: int) -> list[int]:
    """Ports of loopback on which nobody listens now.

    RUNBOOK_LAB_PORTS=LOW-HIGH names the range to draw from, so that jobs on one machine keep apart.
    """
    low, high = _range()
    found: list[int] = []
    drawn = [rng.randint(0, 13999) for _ in range(count)]
    others = random.Random(f"runbook-ports-{drawn}")  # noqa: S311 a port in use must not change what else is drawn
    for attempt in range(200):
        number = drawn[attempt] if attempt < count else others.randint(0, 13999)
        port = low + number % (high - low + 1)  # nor must the range
        if port not in found and is_free(port):
            found.append(port)
        if len(found) == count:
            return found
    raise LabError("no free port was found on 127.0.0.1")


def _range() -> tuple[int, int]:
    text = os.environ.get("RUNBOOK_LAB_PORTS", "18000-31999")
    low, _, high = text.partition("-")
    if not (low.isdecimal() and high.isdecimal() and 1024 <= int(low) < int(high) <= 65535):
        raise LabError(f"RUNBOOK_LAB_PORTS={text} is no range of ports such as 18000-31999")
    return int(low), int(high)


def _password(rng: random.Random) -> str:
    return "-".join((rng.choice(_WORDS), rng.choice(_WORDS), "".join(rng.choices(string.digits, k=4))))


def redraw_ports(plan: Plan) -> None:
    """Other ports, when somebody took ours in the meantime."""
    before = str(plan.registry_port).encode()
    plan.registry_port, plan.ui_port, plan.inner_port = free_ports(random.Random(), 3)  # noqa: S311
    now = str(plan.registry_port).encode()
    plan.handed = {name: data.replace(b":" + before, b":" + now) for name, data in plan.handed.items()}
