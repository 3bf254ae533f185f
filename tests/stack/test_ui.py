"""The registry UI: what its entrypoint makes of the environment."""

import pytest

from runbook.model import Compose, EnvVar, Evidence, Mount, Place, ProxyRoute, Service, Ui
from runbook.stack.ui import assign_services, uis


def ui(image: str = "joxit/docker-registry-ui:2.5.7", **env: str) -> Ui:
    made = tuple(EnvVar(name=k, value=v, place=Place("c.yml", i + 5)) for i, (k, v) in enumerate(env.items()))
    service = Service(name="ui", place=Place("c.yml", 3), image=image, role="ui", environment=made)
    (found,) = uis(Evidence(compose=Compose(files=("c.yml",), services=(service,))))
    return found


def route(**env: str) -> ProxyRoute:
    found = ui(NGINX_PROXY_PASS_URL="http://registry:5000", **env).route
    assert found is not None
    return found


def test_underscores_become_dashes_and_host_is_the_clients() -> None:
    made = route(NGINX_PROXY_HEADER_X_Forwarded_Proto="https")
    assert [(e.name, e.value) for e in made.request_headers] == [("X-Forwarded-Proto", "https")]
    assert (made.path, made.host, made.max_body, made.forwards_proto) == ("/v2", "client", None, "right")


def test_an_empty_authorization_is_not_sent() -> None:
    edit = route(NGINX_PROXY_HEADER_Authorization="").edit("authorization")
    assert edit is not None
    assert (edit.action, edit.value) == ("set", "")


def test_a_resolver_makes_the_upstream_a_variable() -> None:
    assert not route().upstream_variable
    assert route(NGINX_RESOLVER="127.0.0.11").upstream_variable


def test_a_slash_at_the_end_is_a_path() -> None:
    found = ui(NGINX_PROXY_PASS_URL="http://registry:5000/").route
    assert found is not None
    assert found.upstream_uri == "/"


@pytest.mark.parametrize(
    ("image", "env", "mode", "major"),
    [
        ("joxit/docker-registry-ui:2", {"REGISTRY_URL": "http://r"}, "browser", 2),
        ("joxit/docker-registry-ui:main", {"NGINX_PROXY_PASS_URL": "http://r"}, "proxy", 2),
        ("joxit/docker-registry-ui", {}, "nothing", 2),
        ("joxit/docker-registry-ui:1.5-static", {"REGISTRY_URL": "http://r"}, "proxy", 1),
        ("joxit/docker-registry-ui:1.5.4", {"URL": "http://r"}, "browser", 1),
        ("joxit/docker-registry-ui:2.5.7-debian", {"NGINX_PROXY_PASS_URL": ""}, "nothing", 2),
    ],
)
def test_mode_and_major(image: str, env: dict[str, str], mode: str, major: int) -> None:
    found = ui(image, **env)
    assert (found.mode, found.major) == (mode, major)


def test_a_configuration_belongs_to_the_service_that_mounts_it() -> None:
    def mount(source: str) -> Mount:
        return Mount(target="/etc/nginx/conf.d/default.conf", source=source, kind="bind", place=Place("c.yml", 9))

    services = (
        Service(name="web", place=Place("c.yml", 1), image="nginx", mounts=(mount("./web/site.conf"),)),
        Service(name="edge", place=Place("c.yml", 5), image="nginx", mounts=(mount("./edge/site.conf"),)),
    )
    compose = Compose(files=("c.yml",), services=services)
    made = ProxyRoute(software="nginx", place=Place("edge/site.conf", 3))
    assert assign_services([made], compose)[0].service == "edge"
    assert assign_services([ProxyRoute(software="nginx", place=Place("other.conf", 3))], compose)[0].service is None
