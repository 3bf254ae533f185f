"""Step 3: what proxies and browsers do with the headers of a request."""

from collections.abc import Iterator

from runbook.browser import refusal
from runbook.experiments.base import Trial, after, ask, folklore, login, tried, variable
from runbook.lab import Lab
from runbook.lab.plan import Plan

_CORS = "REGISTRY_HTTP_HEADERS_Access-Control-Allow-"


@folklore(
    "hop-by-hop",
    "headers",
    claim="Proxies strip Authorization by default, because it is hop-by-hop.",
    truth="It is end-to-end, and proxies hand it on. It goes missing where somebody removes, empties or overwrites it: here a"
    " variable of the UI that was set to nothing.",
)
def hop_by_hop(lab: Lab) -> Iterator[Trial]:
    yield login("straight at the registry", lab)
    yield login("through the UI's nginx, which says nothing of Authorization", lab, via=True)

    def empty(plan: Plan) -> None:
        plan.proxy.request_headers["Authorization"] = ""

    yield after("through the UI, NGINX_PROXY_HEADER_Authorization set to nothing", lab, empty, via=True)


@folklore(
    "overwritten",
    "headers",
    claim="A proxy that adds the login itself can only help.",
    truth="It replaces everybody's login by its own. When that one is wrong or out of date, the right password of every user"
    " is refused, and the log shows a name that nobody typed.",
)
def overwritten(lab: Lab) -> Iterator[Trial]:
    lab.inject("proxy-overwrites-authorization")
    yield login("the right login, straight at the registry", lab)
    yield login("the right login, through a proxy that sends its own", lab, via=True)
    lab.solve("proxy-overwrites-authorization")
    yield login("the same, that line removed", lab, via=True)


@folklore(
    "preflight",
    "headers",
    claim="With the right Access-Control headers at the registry the browser's OPTIONS passes.",
    truth="The registry answers every OPTIONS without a login with 401, whatever headers are configured, and a browser"
    " never sends a login with it. Serve page and API under one origin: let the UI be the proxy.",
)
def preflight(lab: Lab) -> Iterator[Trial]:
    preflight = {"Origin": "http://localhost:8080", "Access-Control-Request-Method": "DELETE"}
    wanted = {"Origin": '["http://localhost:8080"]', "Credentials": "[true]", "Methods": '["GET","DELETE"]'}
    asked = ask(lab.registry_url, lab, method="OPTIONS", password=None, headers=preflight)
    yield tried("OPTIONS as a browser sends it, no header configured", asked)

    def allow(plan: Plan) -> None:
        plan.environment |= {_CORS + name: value for name, value in wanted.items()}

    lab.change(allow)
    asked = ask(lab.registry_url, lab, method="OPTIONS", password=None, headers=preflight)
    yield tried("the same, origin, credentials and methods allowed", asked)


@folklore(
    "origin",
    "headers",
    claim="Access-Control-Allow-Origin: [http://registry-ui:80] lets the UI in.",
    truth="A browser's origin is the address in its address bar, without :80 and without a path; a container's name is never"
    " that. With a login “*” is refused as well. And where the UI is the proxy, none of this is used at all.",
)
def origin(lab: Lab) -> Iterator[Trial]:
    page = "http://localhost:8080"
    for value in ("http://registry-ui:80", f"{page}/", "*", page):
        lab.change(variable(_CORS + "Origin", f'["{value}"]'))
        lab.change(variable(_CORS + "Credentials", "[true]"))
        answer = ask(lab.registry_url, lab, headers={"Origin": page})
        why = refusal(page, answer.headers.multi_items(), credentials=True)
        seen = f"{answer.status_code}, the page may read it" if why is None else f"{answer.status_code}, kept from the page"
        yield Trial(f"allowed origin {value}, page at {page}", seen, why is None)
