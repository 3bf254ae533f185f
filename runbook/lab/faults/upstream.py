"""Faults of the way from the proxy to the registry."""

from runbook.lab.faults.base import fault
from runbook.lab.plan import Plan


def _to_registry(plan: Plan) -> None:
    plan.proxy.upstream = f"http://{plan.registry}:{plan.listen_port}"
    for name in ("REGISTRY_URL", "URL"):
        plan.proxy.environment.pop(name, None)


@fault("no-v2-route", "the UI has no way to a registry", solve=_to_registry)
def no_route(plan: Plan) -> None:
    plan.proxy.upstream = None
    plan.proxy.environment["REGISTRY_URL"] = plan.origin


@fault("upstream-is-localhost", "the proxy's upstream is the proxy itself", solve=_to_registry)
def localhost(plan: Plan) -> None:
    plan.proxy.upstream = "http://localhost:5000" if plan.seed % 2 else "http://127.0.0.1:5000"


@fault("upstream-name-not-resolved", "nobody knows the upstream's name", solve=_to_registry)
def unknown_name(plan: Plan) -> None:
    plan.proxy.upstream = f"http://{plan.registry}y.invalid:5000"


@fault("upstream-wrong-port", "the proxy uses the published port", solve=_to_registry)
def wrong_port(plan: Plan) -> None:
    plan.proxy.upstream = f"http://{plan.registry}:{plan.registry_port}"


@fault("scheme-mismatch-upstream", "https is spoken to a plain registry", solve=_to_registry)
def wrong_scheme(plan: Plan) -> None:
    plan.proxy.upstream = f"https://{plan.registry}:{plan.listen_port}"


@fault("ui-v1-env-semantics-changed", "the UI is configured with the variables of 1.x", solve=_to_registry)
def old_variables(plan: Plan) -> None:
    plan.proxy.upstream = None
    plan.proxy.environment["URL"] = f"http://{plan.registry}:5000"
    plan.ui_image = "joxit/docker-registry-ui:2"
