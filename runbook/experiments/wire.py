"""Beliefs about requests and hops."""

import base64
import json
from collections.abc import Iterable

from runbook.collect.logins import stored_login
from runbook.experiments.base import Experiment, Trial, answered, changed, client, direct, status, via
from runbook.lab import Lab
from runbook.lab.plan import Plan
from runbook.parse.docker_config import parse_docker_config
from runbook.redact import Vault
from runbook.stack.browser import refusal


def _three_answers(lab: Lab) -> Iterable[Trial]:
    for what, login, right in (
        ("no login", None, 401),
        ("the right login", (lab.user, lab.password), 200),
        ("a password that is wrong on purpose", (lab.user, "wrong-on-purpose"), 401),
    ):
        code = status(lab.registry_url, login)
        yield Trial(what, str(code), code == right)


def _host(lab: Lab) -> Iterable[Trial]:
    login = (lab.user, lab.password)
    for host in ("registry:5000", "anything.example", "localhost"):
        yield answered(f"Host: {host}", status(lab.registry_url, login, Host=host))
    elsewhere = "http://elsewhere.example"
    yield answered(f"Origin: {elsewhere}", status(lab.registry_url, login, Origin=elsewhere))


def _hop_by_hop(lab: Lab) -> Iterable[Trial]:
    def empty(plan: Plan) -> None:
        plan.proxy.request_headers["Authorization"] = ""

    yield answered("direct", direct(lab))
    yield answered("through the UI's nginx, which says nothing of Authorization", via(lab))
    yield answered("through the UI, its NGINX_PROXY_HEADER_Authorization set to nothing", changed(lab, empty, via))


def _preflight(lab: Lab) -> Iterable[Trial]:
    def allow(plan: Plan) -> None:
        plan.environment["REGISTRY_HTTP_HEADERS_Access-Control-Allow-Origin"] = f'["{lab.ui_url}"]'
        plan.environment["REGISTRY_HTTP_HEADERS_Access-Control-Allow-Methods"] = '["OPTIONS", "GET", "DELETE"]'

    def ask(lab: Lab) -> int:
        headers = {"Origin": lab.ui_url, "Access-Control-Request-Method": "DELETE"}
        return status(lab.registry_url, None, method="OPTIONS", **headers)

    yield answered("OPTIONS without a login, as browsers send it", ask(lab))
    yield answered("the same, with every Access-Control-Allow header configured", changed(lab, allow, ask))


def _cors_origin(lab: Lab) -> Iterable[Trial]:
    def allow(origin: str) -> None:
        headers = {"Allow-Origin": f'["{origin}"]', "Allow-Credentials": "[true]"}
        lab.change(
            lambda plan: plan.environment.update(
                {f"REGISTRY_HTTP_HEADERS_Access-Control-{name}": value for name, value in headers.items()}
            )
        )

    for whose, origin in (("the registry's", lab.registry_url), ("the page's, with a slash", lab.ui_url + "/")):
        allow(origin)
        yield _readable(lab, f"{whose} address is allowed")
    allow(lab.ui_url)
    yield _readable(lab, "the page's address is allowed, letter by letter")


def _readable(lab: Lab, what: str) -> Trial:
    """What a browser would let a page at the UI's address read of the registry's answer to the right login."""
    with client((lab.user, lab.password)) as asking:
        answer = asking.get(f"{lab.registry_url}/v2/", headers={"Origin": lab.ui_url})
    wall = refusal(lab.ui_url, answer.headers.multi_items(), credentials=True)
    said = f"{answer.status_code}, and the browser {'keeps it back' if wall else 'shows it'}"
    return Trial(what, said, good=wall is None)


def _cors_idle(lab: Lab) -> Iterable[Trial]:
    def allow(plan: Plan) -> None:
        plan.environment |= {
            "REGISTRY_HTTP_HEADERS_Access-Control-Allow-Origin": f'["http://{plan.ui}:80"]',
            "REGISTRY_HTTP_HEADERS_Access-Control-Allow-Credentials": "[true]",
        }

    yield answered("the page through its own proxy, no Access-Control header anywhere", via(lab))
    yield answered("the same, http://UI'S SERVICE NAME:80 is allowed", changed(lab, allow, via))
    yield _readable(lab, "the page calls the registry directly, and that is allowed")


def _scopes(lab: Lab) -> Iterable[Trial]:
    login = (lab.user, lab.password)
    address = lab.registry_url.partition("://")[2]
    yield answered(f"the login at {address}", status(lab.registry_url, login))
    yield answered(
        "the same login at the same registry, called registry:5000",
        status(lab.registry_url, login, Host="registry:5000"),
    )
    stored = {"auths": {address: {"auth": base64.b64encode(":".join(login).encode()).decode()}}}
    config = parse_docker_config(json.dumps(stored), "config.json", Vault())
    for name in (address, address.replace("localhost", "127.0.0.1")):
        known = stored_login(config, f"http://{name}", None)
        code = status(f"http://{name}", login if known else None)
        yield answered(f"a client that has stored the login for {address} asks {name}", code)


def _upstream(lab: Lab) -> Iterable[Trial]:
    def localhost(plan: Plan) -> None:
        plan.proxy.upstream = "http://localhost:5000"

    yield answered("through the UI, its upstream is the registry's service name", via(lab))
    yield answered("through the UI, its upstream is http://localhost:5000", changed(lab, localhost, via))
    yield answered("direct, at the same moment", direct(lab))


EXPERIMENTS = (
    Experiment(
        "three-answers",
        "A 401 means that the login is broken.",
        "A 401 without a login is the challenge: the protocol at work. Only a 401 to the right login is a fault.",
        _three_answers,
    ),
    Experiment(
        "host",
        "The registry accepts only http://registry:5000 and checks Host and Origin.",
        "It answers any Host and any Origin. Host decides where an upload's Location points; Origin matters to browsers.",
        _host,
    ),
    Experiment(
        "hop-by-hop",
        "Proxies strip Authorization by default, because it is hop-by-hop.",
        "It is end-to-end, and proxies hand it on. It goes missing where somebody removes, empties or overwrites it.",
        _hop_by_hop,
    ),
    Experiment(
        "preflight",
        "With the right Access-Control headers the registry lets a browser's preflight through.",
        "It answers every OPTIONS without a login with 401, whatever headers are configured. Let the UI be the proxy: then "
        "no preflight is sent at all.",
        _preflight,
    ),
    Experiment(
        "cors-origin",
        "The registry must allow its own address.",
        "It must allow the page's: scheme, name and port as the browser's address bar has them, without a slash. Who calls is "
        "what counts, not who is called.",
        _cors_origin,
    ),
    Experiment(
        "upstream",
        "The registry runs on this machine, so localhost:5000 reaches it.",
        "Inside a container localhost is that container itself. Between containers the service name is the address.",
        _upstream,
    ),
    Experiment(
        "cors-idle",
        "The registry must allow the UI's container, http://registry-ui:80.",
        "No browser has that origin: it is the address in its bar, published name and port. And where the UI's own nginx passes "
        "/v2 on, the browser stays on one origin and CORS is not used at all.",
        _cors_idle,
    ),
    Experiment(
        "scopes",
        "localhost:5000 and registry:5000 are different scopes for a login.",
        "The registry takes the same login under any name. It is the client that stores logins by the literal host and port, and "
        "sends none to another spelling.",
        _scopes,
    ),
)
