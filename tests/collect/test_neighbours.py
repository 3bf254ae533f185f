"""Whose a file is that lies beside the stack in question."""

import pytest

from runbook.collect.compose_files import belongs, beside
from runbook.collect.dated import mail_time, of_another_time
from runbook.collect.neighbours import neighbours, other_sites, told_elsewhere
from runbook.observe.address import Address
from runbook.parse.nginx import parse_nginx
from runbook.redact import Vault

SITE = "server {\n listen 80;\n server_name registry.former.example;\n location /v2/ { proxy_pass http://10.9.9.9:5000; }\n}\n"


@pytest.mark.parametrize(
    ("path", "others", "texts", "foreign"),
    [
        ("grafana/htpasswd", ["curl.txt"], [], True),
        ("bundle/grafana/htpasswd", ["bundle/curl.txt"], [], True),
        ("grafana/htpasswd", [], [], False),
        ("grafana/htpasswd", ["curl.txt"], ["volumes: ['./grafana/htpasswd:/auth/htpasswd']"], False),
        ("grafana/htpasswd", ["curl.txt", "grafana/docker-compose.yml"], [], False),
        ("auth/htpasswd", ["curl.txt"], [], False),
        ("my-registry/htpasswd", ["curl.txt"], [], False),
        ("htpasswd", ["curl.txt"], [], False),
    ],
)
def test_a_password_file_of_another_program(path: str, others: list[str], texts: list[str], foreign: bool) -> None:
    assert neighbours([path], [path, *others], texts) == (frozenset({path}) if foreign else frozenset())


@pytest.mark.parametrize(
    ("path", "text", "spoken", "foreign"),
    [
        ("former-site/nginx.conf", SITE, {"reg.example"}, True),
        ("former-site/nginx.conf", SITE, {"registry.former.example"}, False),
        ("former-site/nginx.conf", SITE, {"10.9.9.9"}, False),
        ("former-site/nginx.conf", SITE, set(), False),
        ("nginx/nginx.conf", SITE, {"reg.example"}, False),
        ("nginx.conf", SITE, {"reg.example"}, False),
        ("former-site/nginx.conf", SITE.replace("10.9.9.9", "registry"), {"reg.example"}, False),
        ("former-site/nginx.conf", SITE.replace("registry.former.example", "_"), {"reg.example"}, False),
    ],
)
def test_a_site_that_nothing_else_speaks_of(path: str, text: str, spoken: set[str], foreign: bool) -> None:
    routes = parse_nginx(text, path, Vault())
    assert routes
    found = other_sites(routes, [path, "curl.txt"], {path: text}, spoken)
    assert found == (frozenset({path}) if foreign else frozenset())


def test_two_sites_of_others_do_not_speak_for_each_other() -> None:
    texts = {"former-site/nginx.conf": SITE, "old-site/nginx.conf": SITE.replace("former", "older")}
    routes = [route for path, text in texts.items() for route in parse_nginx(text, path, Vault())]
    assert other_sites(routes, [*texts, "curl.txt"], texts, {"reg.example"}) == frozenset(texts)


SHOP = "services:\n  registry:\n    image: registry:2\n    ports: ['5999:5000']\n"


def test_a_project_with_files_of_its_own_is_tied_by_what_answered() -> None:
    given = (("shop/compose.yml",), {"shop/compose.yml": SHOP}, ["shop/auth/htpasswd"])
    assert belongs(*given, {5999}, {5999})
    assert belongs(*given, set())
    assert not belongs(*given, {443}, {443})


def test_what_lies_in_another_projects_folder_is_its_own() -> None:
    texts = {
        "compose.yml": SHOP,
        "shop/compose.yml": SHOP,
        "lib/compose.yml": SHOP + "    volumes: ['../shop/auth:/auth']\n",
    }
    files = ["auth/htpasswd", "shop/auth/htpasswd"]
    assert list(beside(("compose.yml",), ("shop/compose.yml",), texts, files)) == ["shop/auth/htpasswd"]
    assert list(beside(("lib/compose.yml",), ("shop/compose.yml",), texts, files)) == []
    assert list(beside((), (), texts, files)) == []


@pytest.mark.parametrize(
    ("head", "when"),
    [
        ("From: a@x.example\nDate: Mon, 3 Mar 2025 10:00:00 +0100\nSubject: x\n\nHello\n", 1740992400.0),
        ("From: a@x.example\r\nDate: Mon, 3 Mar 2025 09:00:00 -0000\r\n\r\nHello\r\n", 1740992400.0),
        ("From: a@x.example\nDate: one day\n\nHello\n", None),
        ("Hello\n\nDate: Mon, 3 Mar 2025 10:00:00 +0100\n", None),
        (
            "From: a@x.example\nDate: Mon, 3 Mar 2025 10:00:00 +0100\n\nHi\n\nFrom: b@x.example\nDate: Tue, 4 Mar 2025 10:00:00 +0100\n\nHo",
            1741078800.0,
        ),
        (
            "From: a@x.example\nDate: Mon, 3 Mar 2025 10:00:00 +0100\n\nHi\n\nFrom: b@x.example\nDate: next Tuesday\n\nHo",
            None,
        ),
        ("HTTP/1.1 200 OK\nDate: Mon, 03 Mar 2025 09:00:00 GMT\n\n{}", None),
    ],
)
def test_when_a_mail_was_sent(head: str, when: float | None) -> None:
    assert mail_time(head) == when


def test_a_mail_is_old_only_beside_something_newer() -> None:
    day = 24 * 3600.0
    assert of_another_time({"old.eml": 0.0}, [31 * day]) == {"old.eml"}
    assert of_another_time({"old.eml": 0.0}, [29 * day]) == frozenset()
    assert of_another_time({"old.eml": 0.0}, []) == frozenset()
    assert of_another_time({"old.eml": 0.0, "new.eml": 40 * day}, []) == {"old.eml"}


FORMER = ("m", Address("former.example", 443))


@pytest.mark.parametrize(
    ("over", "named", "untimed", "texts", "alone", "foreign"),
    [
        ({"m"}, [FORMER], set(), "", False, True),
        ({"m"}, [FORMER, ("log", Address("former.example"))], set(), "", False, False),
        ({"m"}, [FORMER], set(), "server_name former.example;", False, False),
        ({"m"}, [FORMER], set(), "listen 443 ssl;", False, True),
        ({"m"}, [FORMER], set(), "listen 443 ssl;", True, False),
        ({"m"}, [("m", Address("former.example", 5000))], set(), "ports: ['5000:5000']", False, False),
        ({"m"}, [("m", Address("localhost", 5001))], set(), "ports: ['5000:5000']", False, False),
        ({"m"}, [], {"m"}, "", False, True),
        ({"m"}, [], set(), "", False, False),
        (set(), [FORMER], set(), "", False, False),
    ],
)
def test_a_text_about_what_is_over_elsewhere(
    over: set[str], named: list[tuple[str, Address]], untimed: set[str], texts: str, alone: bool, foreign: bool
) -> None:
    found = told_elsewhere(over, named, untimed, texts, alone=alone)
    assert found == (frozenset(over) if foreign else frozenset())
