"""Rounds behind Caddy, HAProxy and Apache: what a learner writes is read back, and nothing else of it reaches the program."""

import pytest

from runbook.lab import FAULTS, LabError
from runbook.lab.plan import Plan
from runbook.training import project
from runbook.training.catalogue import BEHIND, CATALOGUE
from runbook.training.draw import _sound, draw, link, parse_link

FILES = {"caddy": "Caddyfile", "haproxy": "haproxy.cfg", "apache": "registry.conf"}
ALL = [(front, cause) for front in FILES for cause in BEHIND[CATALOGUE][front]]


def read_again(plan: Plan, changed: dict[str, bytes] | None = None) -> Plan:
    return project.read({**project.files(plan), **(changed or {})}, plan, plan.directories)


@pytest.mark.parametrize(("front", "cause"), ALL)
def test_what_is_written_is_read_back(front: str, cause: str) -> None:
    plan = _sound(5, front)
    FAULTS[cause].inject(plan)
    again = read_again(plan)
    for name in ("upstream", "request_headers", "host", "hidden", "added", "realm", "open_ping"):
        assert getattr(again.proxy, name) == getattr(plan.proxy, name), name


LINES = {
    "caddy": ("\tfile_server\n", ("\troot * /etc", "\timport /etc/passwd", "\tphp_fastcgi x", "\theader X \"a`b\"", "\trewrite /x")),
    "haproxy": (
        "    bind :80\n",
        ("    http-request lua.x", "    use_backend page if { src 1.2.3.4 }", "    errorfile 503 /etc/passwd", "    monitor-uri /x"),
    ),
    "apache": (
        "    ProxyPreserveHost On\n",
        ("    Include /etc/passwd", "    Alias /x /etc", "    <Location /x>", '    Header set X "a%{y}e"', "    ErrorLog |/bin/sh"),
    ),
}  # fmt: skip


@pytest.mark.parametrize(("front", "line"), [(f, line) for f, (_, lines) in LINES.items() for line in lines])
def test_what_the_lab_does_not_know_starts_nothing(front: str, line: str) -> None:
    plan, (place, _) = _sound(5, front), LINES[front]
    text = project.files(plan)[FILES[front]].decode()
    assert place in text
    if line == "\troot * /etc":  # the pages stay the lab's own, whatever is written
        assert (
            read_again(plan, {FILES[front]: text.replace(place, f"{line}\n{place}").encode()}).proxy
            == read_again(plan).proxy
        )
        return
    with pytest.raises(LabError, match="nothing was started"):
        read_again(plan, {FILES[front]: text.replace(place, f"{line}\n{place}").encode()})


@pytest.mark.parametrize("front", FILES)
def test_nobody_else_is_asked(front: str) -> None:
    plan = _sound(5, front)
    text = project.files(plan)[FILES[front]].decode()
    there = text.replace(f"{plan.registry}:5000", "192.0.2.7:80").replace(f"{plan.registry}:5000", "x")
    assert read_again(plan, {FILES[front]: there.encode()}).upstream_port() is None
    assert ".invalid" in (read_again(plan, {FILES[front]: there.encode()}).proxy.upstream or "")


@pytest.mark.parametrize("front", FILES)
def test_a_file_that_is_gone_or_no_text_is_a_sentence(front: str) -> None:
    plan = _sound(5, front)
    for data in (b"\xff\xfe", b"{" * 5000, b'"', b"<" * 5000):
        with pytest.raises(LabError):
            read_again(plan, {FILES[front]: data})
    contents = {n: d for n, d in project.files(plan).items() if n != FILES[front]}
    with pytest.raises(LabError, match="any more"):
        project.read(contents, plan)


def test_a_link_names_the_proxy_and_only_rounds_that_exist_are_drawn() -> None:
    assert parse_link(link("headers", 17, proxy="caddy")) == ("headers", 17, CATALOGUE, "caddy")
    assert draw("headers", 17, proxy="caddy").link == f"headers.17.{CATALOGUE}.caddy"
    assert draw("headers", 17).proxy == ""
    for seed in range(30):
        drawn = draw("final", seed, proxy="haproxy")
        assert set(drawn.faults) <= set(BEHIND[CATALOGUE]["haproxy"])
        assert set(drawn.choices) <= {*BEHIND[CATALOGUE]["haproxy"], "healthy"}
    with pytest.raises(LabError, match="no round has"):
        draw("final", 1, proxy="squid")
    with pytest.raises(LabError, match="behind caddy"):
        draw("align", 1, only="cors-origin-mismatch", proxy="caddy")
