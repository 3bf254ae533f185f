"""Faults of a page that calls the registry straight from the browser, across origins."""

from runbook.lab.faults.base import fault
from runbook.lab.faults.proxy import hand_made
from runbook.lab.plan import Plan

HEADER = "REGISTRY_HTTP_HEADERS_"
ORIGIN = HEADER + "Access-Control-Allow-Origin"
CREDENTIALS = HEADER + "Access-Control-Allow-Credentials"


def cross_origin(plan: Plan) -> None:
    """The page calls the registry itself, with response headers that fit."""
    plan.access = "cross-origin"
    plan.proxy.upstream = None
    plan.proxy.environment |= {"REGISTRY_URL": f"http://localhost:{plan.registry_port}", "REGISTRY_SECURED": "true"}
    plan.environment |= {
        ORIGIN: f'["{plan.origin}"]',
        CREDENTIALS: "[true]",
        HEADER + "Access-Control-Allow-Methods": '["HEAD","GET","OPTIONS","DELETE"]',
        HEADER + "Access-Control-Allow-Headers": '["Authorization","Accept","Cache-Control"]',
    }


def same_origin(plan: Plan) -> None:
    """The only full cure, since the registry refuses every preflight: the UI's nginx as proxy."""
    plan.access = "proxy"
    plan.proxy.upstream = f"http://{plan.registry}:{plan.listen_port}"
    for name in ("REGISTRY_URL", "REGISTRY_SECURED"):
        plan.proxy.environment.pop(name, None)
    for name in [n for n in plan.environment if n.startswith(HEADER)]:
        del plan.environment[name]


@fault("preflight-options-401", "the registry refuses the browser's preflight", solve=same_origin)
def preflight(plan: Plan) -> None:
    cross_origin(plan)
    plan.proxy.environment["DELETE_IMAGES"] = "true"
    plan.environment["REGISTRY_STORAGE_DELETE_ENABLED"] = "true"


@fault("cors-origin-mismatch", "the allowed origin is not the page's", solve=same_origin)
def origin_mismatch(plan: Plan) -> None:
    cross_origin(plan)
    wrong = (f"{plan.origin}/", f"http://{plan.ui}:80", f"http://localhost:{plan.registry_port}")[plan.seed % 3]
    plan.environment[ORIGIN] = f'["{wrong}"]'


@fault("cors-wildcard-with-credentials", "every origin is allowed, with credentials", solve=same_origin)
def wildcard(plan: Plan) -> None:
    cross_origin(plan)
    plan.environment[ORIGIN] = '["*"]'


@fault("cors-credentials-missing", "the browser is not allowed to send a login", solve=same_origin)
def credentials_missing(plan: Plan) -> None:
    cross_origin(plan)
    del plan.environment[CREDENTIALS]


@fault("cors-multiple-origins", "two origins are allowed in two lines", solve=same_origin)
def multiple_origins(plan: Plan) -> None:
    cross_origin(plan)
    plan.environment[ORIGIN] = f'["{plan.origin}", "https://portal.example"]'


@fault("env-header-name-typo", "the header's name is misspelled", solve=same_origin)
def header_typo(plan: Plan) -> None:
    cross_origin(plan)
    plan.environment[HEADER + "Access-Control-Origin"] = plan.environment.pop(ORIGIN)


@fault("browser-cannot-resolve-container-name", "the browser is sent to a container's name", solve=same_origin)
def container_name(plan: Plan) -> None:
    cross_origin(plan)
    plan.proxy.environment["REGISTRY_URL"] = f"http://{plan.registry}:5000"


def _once(plan: Plan) -> None:
    plan.proxy.added.clear()


@fault("cors-duplicate-headers", "proxy and registry both add the CORS headers", solve=_once)
def duplicate_headers(plan: Plan) -> None:
    hand_made(plan)
    page = plan.origin
    plan.environment |= {ORIGIN: f'["{page}"]', CREDENTIALS: "[true]"}
    plan.proxy.added += [
        ("Access-Control-Allow-Origin", page, True),
        ("Access-Control-Allow-Credentials", "true", True),
    ]
