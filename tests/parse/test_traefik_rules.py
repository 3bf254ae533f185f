"""Rules of Traefik's routers as alternatives; the language is run against the real program in tests/real."""

import pytest

from runbook.model import Asks
from runbook.parse.conditions import UNKNOWN, Asked, holds_for
from runbook.parse.traefik_rules import Taken, condition, ways


@pytest.mark.parametrize(
    ("rule", "found"),
    [
        ("Host(`a.b`) && PathPrefix(`/v2/`)", [Taken(("a.b",), "/v2/")]),
        ("Host(`a`) || Host(`b`)", [Taken(("a", "b"))]),
        ("Host(`a`, `b`)", [Taken(("a", "b"))]),
        ('Host("r") && (PathPrefix(`/v2`) || Path(`/x`))', [Taken(("r",), "/v2"), Taken(("r",), "/x", "exact")]),
        ("PathPrefix(`/v1`,`/v2`)", [Taken((), "/v1"), Taken((), "/v2")]),
        ("HostRegexp(`{sub:[a-z]+}.example`)", [Taken((r"~^(?:[a-z]+)\.example$",))]),
        ("PathPrefix(`/v2/`) && Method(`GET`,`HEAD`)", [Taken((), "/v2/", methods=("GET", "HEAD"))]),
        ("Host(`a`) || PathPrefix(`/v2`)", [Taken(("a",)), Taken((), "/v2")]),
    ],
)
def test_the_ways_to_fit_a_rule(rule, found):
    assert list(ways(rule)) == found


def test_what_else_has_to_hold():
    (one,) = ways("Host(`a`) && !PathPrefix(`/v2/a/`)")
    assert one.rest == ((Asks(of="path", how="begins", values=("/v2/a/",), negated=True),),)
    assert holds_for(one.rest, Asked(path="/v2/")) is True
    assert holds_for(one.rest, Asked(path="/v2/a/b")) is False
    (one,) = ways("Host(`a`) && Header(`X`, `y`)")
    assert holds_for(one.rest, Asked()) is None


@pytest.mark.parametrize("rule", ["Host(`a`", "Host(`a`) &&", "Host(a)", "Host(`a`) PathPrefix(`/`)", "", "x" * 9000])
def test_a_rule_that_cannot_be_read_holds_nobody_knows_when(rule):
    assert condition(rule) == UNKNOWN


def test_names_in_a_rule_that_cannot_be_read_are_still_told():
    (one,) = ways("Host(`hub.example`) && Something(`x` && PathPrefix(`/v2`)")
    assert (one.hosts, one.path, one.rest) == (("hub.example",), "/v2", UNKNOWN)


def test_a_long_rule_takes_no_time():
    rule = " && ".join(["(Host(`a`) || Host(`b`))"] * 60)
    assert ways(rule[:3900])
    assert condition("!" * 3000 + "Host(`a`)")
