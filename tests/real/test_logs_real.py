"""What real proxies and registries write about known requests, read back: nothing lost, nothing made up."""

import base64
import http.client
import time

import pytest

from runbook.lab import Lab
from runbook.lab.frontends import FRONTENDS
from runbook.parse.logs import parse_log
from runbook.redact import Vault
from tests.real.programs import need

REQUESTS = [
    ("GET", "/v2/", "none", 401),
    ("GET", "/v2/", "right", 200),
    ("GET", "/v2/_catalog", "wrong", 401),
    ("GET", "/v2/_catalog", "right", 200),
    ("GET", "/v2/team/app/tags/list", "right", 404),
    ("OPTIONS", "/v2/", "none", 401),
    ("POST", "/v2/team/app/blobs/uploads/", "right", 202),
]


def _send(lab: Lab) -> None:
    host = lab.ui_url.removeprefix("http://")
    for method, path, login, expected in REQUESTS:
        headers = {"User-Agent": "log-test", "Referer": "http://page.test/"}
        if login != "none":
            password = lab.password if login == "right" else "not-it"
            headers["Authorization"] = "Basic " + base64.b64encode(f"{lab.user}:{password}".encode()).decode()
        connection = http.client.HTTPConnection(host, timeout=10)
        connection.request(method, path, headers=headers)
        assert connection.getresponse().status == expected
        connection.close()


@pytest.mark.parametrize("major", [2, 3])
@pytest.mark.parametrize("proxy", ["nginx", "caddy", "haproxy", "apache"])
def test_every_request_is_found_in_both_logs(proxy: str, major: int) -> None:
    need(FRONTENDS[proxy].program)
    need(f"registry{major}")
    sent = sorted((method, path, status) for method, path, _, status in REQUESTS)
    with Lab(backend="native", major=major, proxy=proxy, seed=8) as lab:  # type: ignore[arg-type]
        assert lab.wait_ready()
        _send(lab)
        time.sleep(0.3)
        texts = lab.logs()
        secret = lab.password
    for name, text in texts.items():
        log = parse_log(text.splitlines(), f"{name}.log", Vault())
        found = sorted((r.method, r.uri, r.status) for r in log.requests)
        assert found == sent, name
        assert secret not in text
    registry = parse_log(texts["registry"].splitlines(), "registry.log", Vault())
    why = {(r.method, r.uri, r.meaning) for r in registry.requests if r.status == 401}
    assert ("GET", "/v2/", "no-usable-credential") in why
    meanings = {m for _, uri, m in why if uri == "/v2/_catalog"}
    assert meanings & {"authentication-failure", "bcrypt-mismatch"}


@pytest.mark.parametrize(
    ("cause", "meaning"),
    [
        ("registry-unreachable", "upstream-refused"),
        ("upstream-name-not-resolved", "upstream-not-found"),
    ],
)
@pytest.mark.parametrize("proxy", ["nginx", "caddy", "haproxy", "apache"])
def test_a_proxy_that_does_not_reach_its_upstream_says_why(proxy: str, cause: str, meaning: str) -> None:
    need(FRONTENDS[proxy].program)
    need("registry2")
    with Lab(cause, backend="native", major=2, proxy=proxy, seed=8) as lab:  # type: ignore[arg-type]
        lab.exercise()
        text = lab.logs()["ui"]
    log = parse_log(text.splitlines(), "ui.log", Vault())
    assert meaning in log.counts
