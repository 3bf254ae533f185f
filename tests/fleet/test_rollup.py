"""What remains of results, and what changed: expectations, waivers, new and mended, flapping, what many share."""

from dataclasses import dataclass, field
from datetime import date

from runbook.fleet.inventory import Target, Waiver
from runbook.fleet.one import Result, Seen
from runbook.fleet.rollup import EXPECTED, Rollup, Row, held_against, roll_up
from runbook.fleet.store import Past, Started
from runbook.fleet.views import as_junit, as_text

TODAY = date(2027, 1, 15)
ROUTE = Seen("no-v2-route")
OPEN = Seen("auth-not-enforced")


def fault(name: str, *causes: Seen, **more: object) -> Result:
    return Result(name, "fault", causes or (ROUTE,), **more)  # type: ignore[arg-type]


def healthy(name: str, *warnings: Seen) -> Result:
    return Result(name, "healthy", warnings=warnings, basis="traffic")


def waiver(cause: str, expires: date) -> Waiver:
    return Waiver(cause, "known", "anna", expires)


def row(result: Result, **target: object) -> Row:
    return held_against(Target(result.target, registry="http://x", **target), result, TODAY)  # type: ignore[arg-type]


def test_a_waiver_holds_until_its_day_is_over_and_then_not() -> None:
    held = row(fault("a"), waivers=(waiver("no-v2-route", TODAY),))
    assert (held.state, held.found) == ("waived", frozenset())
    over = row(fault("a"), waivers=(waiver("no-v2-route", date(2027, 1, 14)),))
    assert (over.state, len(over.expired), over.waived) == ("fault", 1, ())


def test_a_waived_reason_hides_no_other_and_leaves_no_rival() -> None:
    held = (waiver("no-v2-route", TODAY),)
    obstacle = row(fault("a", ROUTE, Seen("htpasswd-not-bcrypt", role="next obstacle")), waivers=held)
    assert obstacle.found == {"htpasswd-not-bcrypt"}
    assert row(fault("a", ROUTE, Seen("htpasswd-not-bcrypt", role="rival")), waivers=held).state == "waived"
    assert row(fault("a", ROUTE, Seen("htpasswd-not-bcrypt", role="rival"))).found == {"no-v2-route"}


def test_an_open_registry_is_healthy_only_where_it_is_meant_and_was_seen_open() -> None:
    assert row(fault("a", OPEN)).state == "fault"
    assert row(fault("a", OPEN, anonymous="open"), expect=("anonymous-pull",)).state == "healthy"
    unknown = Result("a", "inconclusive")
    assert row(unknown, expect=("anonymous-pull",)).state == "inconclusive"
    asked = row(Result("a", "inconclusive", anonymous="asked"), expect=("anonymous-pull",))
    assert (asked.state, asked.found) == ("fault", {EXPECTED})


def test_what_is_meant_is_no_warning() -> None:
    result = healthy("a", Seen("cors-origin-mismatch"), Seen("delete-disabled"))
    assert row(result).state == "warning"
    assert row(result, expect=("no-ui", "no-delete")).state == "healthy"


def test_what_broke_inside_is_no_verdict() -> None:
    assert row(Result("a", "inconclusive", problem="x", broken=True)).state == "error"


@dataclass
class Nights:
    """Runs one after the other, as the history gives them back."""

    past: Past = field(default_factory=Past)

    def __call__(self, *results: Result) -> Rollup:
        number = len(self.past.runs) + 1
        run = Started(number, 1000.0 * number)
        rolled = roll_up("all", run, [row(r) for r in results], self.past, run.started + 1)
        self.past.runs.append(run)
        for each in rolled.rows:
            self.past.states.setdefault(each.target.name, {})[number] = each.state
            self.past.found[number, each.target.name] = each.found
            for cause in each.found:
                counts = self.past.counts.setdefault(cause, {})
                counts[number] = counts.get(number, 0) + 1
        return rolled


def told(rolled: Rollup) -> dict[str, list[str]]:
    return {key: [r.target.name for r, _ in rolled.changed(key)] for key in ("new", "mended", "unclear")}


def test_new_still_and_mended() -> None:
    night = Nights()
    assert told(night(fault("a"), healthy("b"))) == {"new": [], "mended": [], "unclear": []}
    assert told(night(fault("a"), fault("b")))["new"] == ["b"]
    last = night(healthy("a"), fault("b"))
    assert told(last) == {"new": [], "mended": ["a"], "unclear": []}
    assert last.groups[0].trend == (1, 2, 1)
    assert last.rows[0].since == 2000.0


def test_a_target_that_is_no_longer_there_is_named() -> None:
    night = Nights()
    night(fault("a"), fault("b"))
    last = night(fault("b"))
    assert last.gone == ("a",)
    assert "No longer in the inventory: a" in as_text(last)
    assert night(fault("b")).gone == ()


def test_who_is_skipped_is_skipped_for_a_reason() -> None:
    assert '<skipped message="nothing shows whether it works"/>' in as_junit(Nights()(Result("a", "inconclusive")))


def test_silence_mends_nothing_and_breaks_no_row_of_faults() -> None:
    night = Nights()
    night(fault("a"))
    assert told(night(Result("a", "inconclusive"))) == {"new": [], "mended": [], "unclear": ["a"]}
    back = night(fault("a"))
    assert told(back) == {"new": [], "mended": [], "unclear": []}
    assert back.rows[0].since == 1000.0
    other = night(fault("a", Seen("registry-unreachable")))
    assert told(other) == {"new": ["a"], "mended": [], "unclear": ["a"]}


def test_flapping_is_told_apart_from_failing() -> None:
    flapping, failing = Nights(), Nights()
    for result in (healthy("a"), fault("a"), healthy("a")):
        assert not flapping(result).rows[0].flapping
        failing(fault("a"))
    assert flapping(fault("a")).rows[0].flapping
    assert not failing(fault("a")).rows[0].flapping


def test_what_they_share_is_said_and_what_all_have_is_not() -> None:
    def made(name: str, template: str, line: str, bad: bool) -> Row:
        seen = Seen("authorization-stripped", line=line)
        result = fault(name, seen) if bad else healthy(name)
        labels = {"template": template, "country": "de"}
        return row(Result(**{f: getattr(result, f) for f in result.__struct_fields__}), labels=labels, owner=template)

    rows = [made(f"bad{n}", "v3", 'proxy_set_header Authorization "";', True) for n in range(4)]
    rows += [made(f"good{n}", "v2", "", False) for n in range(6)]
    (group,) = roll_up("all", Started(1, 1.0), rows, Past(), 2.0).groups
    assert group.shared[0] == '4 of 4: the same line: proxy_set_header Authorization "";'
    assert "4 of 4: template v3 (0 of 6 others)" in group.shared
    assert not any("country" in line for line in group.shared)
    assert group.owners == (("v3", 4),)
