"""A machine that scans is no client, whatever else it tries; an address that clients have as well is none of its."""

from pathlib import Path

import pytest

from tests.bundles import ask_files

LOGIN = "$ docker login cr.o.example -u deploy\nPassword:\nLogin Succeeded\n"
MESSAGE = (
    'time="2026-11-28T01:31:5{s}.1Z" level=warning msg="error authorizing context: basic authentication challenge for realm '
    '\\"r\\": {why}" go.version=go1.26.8 http.request.host=cr.o.example http.request.id=a{s}{who} http.request.method=GET '
    'http.request.remoteaddr={who} http.request.uri={uri} http.request.useragent="{agent}" version=v3.1.1\n'
)
ROW = '172.18.0.3 - - [28/Nov/2026:01:31:5{s} +0000] "GET {uri} HTTP/1.1" {status} 87 "" "{agent}"\n'
SCANNER = "Mozilla/5.0 zgrab/0.x"
GO = "Go-http-client/1.1"


def asked(s: int, who: str, agent: str, uri: str = "/v2/_catalog", why: str = "authentication failure") -> str:
    row = {"s": s, "who": who, "agent": agent, "uri": uri, "why": why}
    return MESSAGE.format(**row) + ROW.format(**row, status=401)


def scan(who: str) -> str:
    return asked(1, who, SCANNER, "/v2/", "invalid authorization credential")


def verdict(folder: Path, log: str, conf: str = "") -> str:
    files = {"client.txt": LOGIN, "registry.log": log, **({"Caddyfile": conf} if conf else {})}
    return ask_files(folder, {name: text.encode() for name, text in files.items()}).verdict


def test_what_a_machine_that_scans_tries_is_no_clients_login(tmp_path: Path) -> None:
    assert verdict(tmp_path, scan("10.20.0.33") + asked(2, "10.20.0.33", GO)) == "healthy"


def test_another_machine_that_is_refused_is_a_clients(tmp_path: Path) -> None:
    assert verdict(tmp_path, scan("10.20.0.33") + asked(2, "10.20.0.34", GO)) != "healthy"


def test_so_is_one_that_pulls_from_the_address_of_a_scanner(tmp_path: Path) -> None:
    """Behind a NAT they look alike."""
    assert verdict(tmp_path, scan("10.20.0.33") + asked(2, "10.20.0.33", "docker/28.1 go/go1.24")) != "healthy"


def test_the_gateway_of_a_container_network_is_everybodys(tmp_path: Path) -> None:
    """A registry in a container sees all clients of the host's port as 172.18.0.1, and a scanner among them."""
    row = ROW.replace("172.18.0.3", "172.18.0.1")
    seen = row.format(s=1, uri="/.env", status=404, agent=SCANNER) + asked(2, "172.18.0.1:4000", GO).replace(
        "0.3 -", "0.1 -"
    )
    assert verdict(tmp_path, seen) != "healthy"


def test_neither_is_a_proxy_that_passes_no_address_on(tmp_path: Path) -> None:
    seen = ROW.format(s=1, uri="/.env", status=404, agent=SCANNER) + asked(2, "172.18.0.3", GO)
    conf = "cr.o.example {\n\treverse_proxy registry:5000\n}\n"
    assert verdict(tmp_path, seen, conf) != "healthy"


NOBODY = (
    'time="2026-11-28T01:31:5{s}.1Z" level=error msg="error authenticating user \\"{user}\\": authentication failure" '
    "go.version=go1.26.8 http.request.host=cr.o.example http.request.id=a{s}{who} http.request.method=GET "
    'http.request.remoteaddr={who} http.request.uri=/v2/_catalog http.request.useragent="{agent}" version=v3.1.1\n'
)


def refused_root(folder: Path, agent: str) -> str:
    """Only the registry's messages and its password file, each name from another machine."""
    log = "".join(
        NOBODY.format(s=n, who=f"45.148.10.{n}", agent=agent, user=user)
        + MESSAGE.format(s=n, who=f"45.148.10.{n}", agent=agent, uri="/v2/_catalog", why="authentication failure")
        for n, user in enumerate(("admin", "root", "test"))
    )
    users = "alice:$2y$05$dd5uHP6yKAKLDDAzMTmLJuVYpFFVPMLDIGqBfWLAmH2Kw1zSx9uBO\n"
    return ask_files(folder, {"registry.log": log.encode(), "htpasswd": users.encode()}).verdict


def test_the_name_that_a_scanner_guesses_is_no_clients_fault(tmp_path: Path) -> None:
    assert refused_root(tmp_path, SCANNER) == "inconclusive"


def test_the_same_name_of_dockers_is(tmp_path: Path) -> None:
    assert refused_root(tmp_path, "docker/28.1 go/go1.24") == "fault"


@pytest.mark.parametrize("path", ["/.env", "/wp-login.php", "/.git/config", "/cgi-bin/luci"])
def test_what_scanners_alone_ask_for_gives_them_away(path: str, tmp_path: Path) -> None:
    row = '{who} - - [28/Nov/2026:01:31:50 +0000] "GET ' + path + ' HTTP/1.1" 404 19 "" "Mozilla/5.0"\n'
    refused = asked(2, "10.20.0.33", GO)
    assert verdict(tmp_path / "a", row.format(who="10.20.0.33") + refused) == "healthy"
    assert verdict(tmp_path / "b", row.format(who="10.20.0.34") + refused) != "healthy"


def test_what_people_tell_beside_what_works_is_asked_for(tmp_path: Path) -> None:
    files = {"client.txt": LOGIN.encode(), "ticket.md": b"Mia: the registry gives me 401 again\n"}
    answer = ask_files(tmp_path, files)
    assert answer.report is not None
    assert answer.verdict == "inconclusive"
    assert "on the machine of who tells it" in answer.report["next"]["why"]
