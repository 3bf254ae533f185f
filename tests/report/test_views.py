"""Every view shows the same run, in its own form, and survives hostile text."""

import html.parser
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from pathlib import Path

import jsonschema
import mistune
import pytest

import runbook
from runbook import rules
from runbook.collect import Request, collect
from runbook.judge import Run, diagnose
from runbook.lab import Lab
from runbook.model import Credential, Evidence, Exchange, Message, Place
from runbook.redact import Vault
from runbook.report import (
    markdown,
    render_html,
    render_json,
    render_junit,
    render_markdown,
    render_sarif,
    render_terminal,
)
from runbook.report.causes_table import markdown_table
from runbook.report.explain import explain
from tests.report.samples import collected, evidence_of

HOSTILE = "</td>]]>&<script>alert(1)</script>\x1b[31mred\x1b[0m\x00\u202e`code` | *bold* [x](http://e)"
VIEWS: list[Callable[[Run], str]] = [
    render_terminal,
    render_json,
    render_markdown,
    render_junit,
    render_sarif,
    render_html,
]


@pytest.fixture(scope="module")
def stripped() -> Run:
    with Lab.demo() as lab:
        return diagnose(collected(lab))


@pytest.fixture(scope="module")
def healthy() -> Run:
    with Lab(backend="embedded", seed=2) as lab:
        return diagnose(collected(lab))


@pytest.fixture(scope="module")
def hostile() -> Run:
    headers = (("WWW-Authenticate", f'Basic realm="{HOSTILE}"'),)
    answer = Exchange(
        source=Place(HOSTILE), method="GET", url="http://h:5000/v2/", status=401, response_headers=headers, body=HOSTILE
    )
    message = Message(kind="other-error", place=Place("t.txt", 1), text=HOSTILE, host="h")
    return diagnose(evidence_of(answer, messages=(message,)))


@pytest.mark.parametrize("view", VIEWS, ids=lambda v: v.__name__)
def test_views_tell_verdict_and_cause(view: Callable[[Run], str], stripped: Run) -> None:
    assert "authorization-stripped" in view(stripped)


@pytest.mark.parametrize("view", VIEWS, ids=lambda v: v.__name__)
def test_nothing_at_all_is_shown_as_well(view: Callable[[Run], str]) -> None:
    assert view(diagnose(Evidence()))


@pytest.mark.parametrize("view", VIEWS, ids=lambda v: v.__name__)
def test_no_control_characters_come_through(view: Callable[[Run], str], hostile: Run) -> None:
    text = view(hostile)
    assert "\x1b" not in text
    assert "\x00" not in text
    assert "\u202e" not in text


def test_what_was_seen_is_not_called_only_possible() -> None:
    """Nothing answers: that is seen; why nothing does is not."""
    gone = Exchange(source=Place("probe"), method="GET", url="http://h:5000/v2/", error="refused", detail="Refused")
    text = " ".join(render_terminal(diagnose(evidence_of(gone))).split())
    assert "INCONCLUSIVE (registry-unreachable is seen, and nothing shows what is behind it)" in text
    assert "-> refused (Refused)" in text


@pytest.mark.parametrize("view", VIEWS, ids=lambda v: v.__name__)
def test_no_view_of_a_run_is_evidence_of_another(
    view: Callable[[Run], str], stripped: Run, healthy: Run, tmp_path: Path
) -> None:
    """A report that lies beside the files quotes what they showed: it is named, and nothing in it is judged."""
    for name, run in (("a.txt", stripped), ("b.txt", healthy)):
        (tmp_path / name).write_text(str(view(run)))
    told = collect(Request(paths=(str(tmp_path),)), Vault())
    assert [f.kind for f in told.files] == ["unknown"] * 2
    assert all("is a report of runbook" in p.message for p in told.problems)
    assert not [*told.messages, *told.exchanges, *told.logs]


def test_json_is_the_contracts_object(stripped: Run, healthy: Run) -> None:
    said = json.loads(render_json(stripped))
    assert (said["schema"], said["verdict"]) == (1, "fault")
    assert said["tool"].startswith("runbook ")
    for finding in (*said["causes"], *said["warnings"]):
        assert {"cause", "rule", "confidence", "hop", "summary", "evidence", "refuted", "fix"} <= set(finding)
        assert 0 <= finding["confidence"] <= 1
        assert {"summary", "commands", "patch", "verify"} <= set(finding["fix"])
        assert all({"what", "where"} <= set(item) for item in finding["evidence"])
        assert all({"cause", "because"} <= set(item) for item in finding["refuted"])
    assert {c["outcome"] for c in said["checks"]} <= {"pass", "fail", "skipped", "error"}
    assert all({"rule", "step", "outcome", "reason"} <= set(c) for c in said["checks"])
    assert said["causes"][0]["fix"]["patch"].startswith("--- a/")
    assert json.loads(render_json(healthy))["causes"] == []


def test_the_terminal_says_the_verdict_first_and_marks_the_bad_hop(stripped: Run, healthy: Run) -> None:
    text = render_terminal(stripped)
    assert text.startswith("FAULT: authorization-stripped")
    assert text.count("[x ") == 1
    assert text.index("Cause") < text.index("Evidence") < text.index("Fix") < text.index("Not tested")
    assert "\x1b[" in render_terminal(stripped, color=True)
    assert render_terminal(healthy).startswith("HEALTHY")


@pytest.mark.parametrize("width", [40, 80])
def test_prose_keeps_to_the_width(stripped: Run, width: int) -> None:
    prose = [line for line in render_terminal(stripped, width=width).split("\n") if line.startswith("  - ")]
    assert prose
    assert all(len(line) <= width or " " not in line[4:].strip() for line in prose)


def test_junit_is_xml_and_counts(stripped: Run, hostile: Run) -> None:
    root = ET.fromstring(render_junit(stripped))
    cases = root.findall(".//testcase")
    assert len(cases) == int(root.attrib["tests"]) == len(rules.load())
    assert len(root.findall(".//failure")) == int(root.attrib["failures"]) == len(stripped.diagnosis.causes)
    assert len(root.findall(".//skipped")) == int(root.attrib["skipped"])
    ET.fromstring(render_junit(hostile))


SARIF = {
    "type": "object",
    "required": ["version", "runs"],
    "properties": {
        "version": {"const": "2.1.0"},
        "runs": {
            "type": "array",
            "minItems": 1,
            "items": {
                "type": "object",
                "required": ["tool", "results"],
                "properties": {
                    "tool": {
                        "type": "object",
                        "required": ["driver"],
                        "properties": {
                            "driver": {
                                "type": "object",
                                "required": ["name"],
                                "properties": {
                                    "rules": {"type": "array", "items": {"type": "object", "required": ["id"]}}
                                },
                            }
                        },
                    },
                    "results": {
                        "type": "array",
                        "items": {
                            "type": "object",
                            "required": ["message", "ruleId", "ruleIndex"],
                            "properties": {
                                "level": {"enum": ["none", "note", "warning", "error"]},
                                "message": {"type": "object", "required": ["text"]},
                                "ruleIndex": {"type": "integer", "minimum": 0},
                                "locations": {
                                    "type": "array",
                                    "items": {
                                        "type": "object",
                                        "required": ["physicalLocation"],
                                        "properties": {
                                            "physicalLocation": {
                                                "type": "object",
                                                "required": ["artifactLocation"],
                                                "properties": {
                                                    "artifactLocation": {
                                                        "type": "object",
                                                        "properties": {"uri": {"type": "string", "pattern": "^[^/:]+"}},
                                                    },
                                                    "region": {
                                                        "type": "object",
                                                        "properties": {"startLine": {"type": "integer", "minimum": 1}},
                                                    },
                                                },
                                            }
                                        },
                                    },
                                },
                            },
                        },
                    },
                },
            },
        },
    },
}
"""The parts of the SARIF 2.1.0 schema that our output uses."""


def test_sarif_has_rules_places_and_relative_addresses(stripped: Run) -> None:
    log = json.loads(render_sarif(stripped))
    jsonschema.validate(log, SARIF)
    run = log["runs"][0]
    names = [rule["id"] for rule in run["tool"]["driver"]["rules"]]
    assert all(names[result["ruleIndex"]] == result["ruleId"] for result in run["results"])
    first = run["results"][0]
    assert (first["ruleId"], first["level"]) == ("authorization-stripped", "error")
    place = first["locations"][0]["physicalLocation"]
    assert place["artifactLocation"]["uri"] == "docker-compose.yml"
    assert place["region"]["startLine"] > 1


def test_markdown_cannot_be_taken_over(hostile: Run) -> None:
    shown = rendered(render_markdown(hostile))
    assert "<script>" in shown.text
    assert "[x](http://e)" in shown.text
    assert not shown.live


@pytest.mark.parametrize(
    "hostile_text",
    [
        "` <script>alert(1)</script> `", "``[x](http://e)``", "```\n# owned\n```", "`![i](http://e/i)", "\\`<b>x</b>\\`",
        "<a href=x>y</a>", "**b** _i_ ~~s~~", "> quoted", "- item", "1. item", "| a | b |\n|---|---|", "http://e `<u>`",
        "&lt;script&gt;", "[x]: http://e", "*", "\\", "www.e.example `", "a@e.example", "<http://e>", "<!-- x -->", "# x\n===",
        "``` `` ` http://e/`<i>`", "x\n\n<div>\n\ny", "$x$ :smile: #1 @all",
    ],
)  # fmt: skip
def test_odd_text_is_shown_by_markdown_letter_by_letter(hostile_text: str) -> None:
    for made in (markdown.plain(hostile_text), markdown.code(hostile_text)):
        shown = rendered(f"- {made}\n")
        assert not shown.live, made
        assert "".join(hostile_text.split()) == "".join(shown.text.split()), made


class Rendered(html.parser.HTMLParser):
    """A rendered page: its text, and every tag that text from outside must not make."""

    _OURS = ("h1", "h2", "p", "ul", "li", "pre", "code")

    def __init__(self, page: str) -> None:
        super().__init__()
        self.text, self.live = "", []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in self._OURS or any(name != "class" for name, _ in attrs):
            self.live.append(tag)

    def handle_data(self, data: str) -> None:
        self.text += data

    def handle_comment(self, data: str) -> None:
        self.live.append(f"comment {data}")


def rendered(text: str) -> Rendered:
    """What a site makes of Markdown that lets HTML through, with tables, strikethrough and bare addresses as links."""
    return Rendered(mistune.create_markdown(escape=False, plugins=["table", "strikethrough", "url"])(text))


def test_html_has_no_reference_to_anywhere(stripped: Run, hostile: Run) -> None:
    for run in (stripped, hostile):
        page = render_html(run)
        assert "<script" not in page
        assert "src=" not in page
        assert "Content-Security-Policy" in page
        assert "What you see" in page or "[redacted]" in page


@pytest.mark.parametrize("cause", sorted(rules.load()))
def test_every_cause_is_explained(cause: str) -> None:
    text = explain(cause, width=60)
    assert text.startswith(cause)
    assert "Source" in text
    assert all(len(line) <= 60 or " " not in line.strip() for line in text.split("\n")[1:])


def test_the_table_has_every_cause_once() -> None:
    table = markdown_table()
    assert all(table.count(f"| `{cause}` |") == 1 for cause in rules.load())


def test_a_step_that_had_nothing_to_look_at_is_never_ok() -> None:
    from runbook.report.steps import bricks
    from tests.report.samples import evidence_of

    assert {b.state for b in bricks(diagnose(evidence_of()))} == {"skipped"}
    unreachable = Exchange(source=Place("probe"), method="GET", url="http://localhost:5999/v2/", error="refused")
    states = {b.step: b.state for b in bricks(diagnose(evidence_of(unreachable)))}
    assert "ok" not in states.values()


def _step_one(*exchanges: Exchange) -> str:
    from runbook.report.steps import conclusion

    return conclusion(diagnose(evidence_of(*exchanges)), "simplify")


def _login(port: int, status: int) -> Exchange:
    hand = Credential(scheme="Basic", user="anna")
    url = f"http://localhost:{port}/v2/"
    headers = (("Docker-Distribution-Api-Version", "registry/2.0"),)
    route = "direct" if port == 5000 else "via"
    return Exchange(
        source=Place("probe"), method="GET", url=url, status=status, response_headers=headers, credential=hand, route=route
    )  # fmt: skip


def test_step_one_says_that_the_registry_accepts_a_login_only_where_that_was_seen() -> None:
    accepts = "itself accepts"
    assert accepts in _step_one(_login(5000, 200), _login(8080, 401))
    assert accepts not in _step_one(_login(8080, 401))
    assert accepts not in _step_one(_login(5000, 401), _login(8080, 401))


def test_an_inconclusive_verdict_says_that_the_fix_is_not_known_yet() -> None:
    from runbook.report import blocks

    run = diagnose(evidence_of())
    assert run.diagnosis.next
    assert "not known yet" in blocks.fix(run).text
    assert str(run.diagnosis.next.command) in blocks.fix(run).text


def test_what_stands_between_backticks_is_code_in_a_page_and_stays_harmless() -> None:
    from runbook.report.block import para

    assert para("run `a <b>` now") == "<p>run <code>a &lt;b&gt;</code> now</p>"


def test_all_checks_of_a_fix_are_shown_as_what_to_do_now(stripped: Run) -> None:
    from runbook.report import blocks

    checks = stripped.diagnosis.causes[0].fix.verify_lines
    assert all(line in blocks.now(stripped).text for line in checks)


def test_a_step_of_which_some_checks_had_something_to_judge_does_not_say_that_it_could_not_look() -> None:
    from runbook.report.steps import bricks

    told = {b.step: b.reason for b in bricks(diagnose(evidence_of(_login(8080, 401))))}
    passed = {c.step for c in diagnose(evidence_of(_login(8080, 401))).diagnosis.checks if c.outcome == "pass"}
    assert passed
    assert not [step for step in passed if told[step].startswith("It could not look")]


_GLUED = re.compile(r"[^\s>]</(?:b|span|code|strong|small|a)><(?:b|span|code|strong|small|a)\b[^>]*>")


@pytest.mark.parametrize("fault", ["authorization-stripped", "htpasswd-not-bcrypt", "cors-origin-mismatch"])
def test_nothing_runs_together_where_styles_are_stripped(fault: str) -> None:
    """GitHub and an untrusted notebook take classes and style sheets away: elements in a line need a space between."""
    with Lab(fault, backend="embedded", seed=3) as lab:
        run = diagnose(collected(lab))
    page = render_html(run).replace("<span>$</span>", "$")
    assert [m[0] for m in _GLUED.finditer(page.split("</style>")[1])] == []


def test_html_is_made_by_templates_alone():
    """Whose values the template engine escapes: nobody has to think of it."""
    root = Path(runbook.__file__).parent
    shown = (
        "report",
        "widgets",
        "site",
        "training",
        "fleet",
        "headless",
        "advice",
        "experiments",
        "case.py",
        "incident.py",
    )
    glued = re.compile(
        r"f[\"'][^\n]*<(?:p|[uod]l|li|d[dt]|div|span|b|h\d|details|t[hdr]|a|code|pre|figure|svg|title)\b[^\n]*\{"
    )
    escapes = re.compile(r"from html import|html\.escape")
    for path in (p for name in shown for p in ([root / name] if name.endswith(".py") else (root / name).rglob("*.py"))):
        text = path.read_text(encoding="utf-8")
        if path.name != "render.py":
            assert not escapes.search(text), path
        if path.name not in (
            "block.py",
            "reading.py",
            "card.py",
        ):  # an outer box, what nbconvert made, an SVG in an SVG
            assert not glued.search(text), (path, glued.search(text))


def test_an_executed_notebook_of_a_report_is_no_evidence_either(tmp_path: Path) -> None:
    """It lies beside the report, and quotes the same."""
    from runbook.report.block import css
    from runbook.report.render import template

    body = "<pre>Error response from daemon: Get http://h:5000/v2/: unauthorized: authentication required</pre>"
    page = template("report/templates/chapter.html.j2").render(title="case", css=css(), body=body)
    (tmp_path / "case.html").write_text(page)
    told = collect(Request(paths=(str(tmp_path),)), Vault())
    assert not [*told.messages, *told.exchanges, *told.logs]
    (tmp_path / "case.html").write_text(page.replace("<style>.rb {", "<style>.zz {"))
    assert collect(Request(paths=(str(tmp_path),)), Vault()).messages, "somebody else's page is read"


def test_parts_and_blocks_add_up_without_being_escaped_twice() -> None:
    from runbook.report.block import Block, para

    one = Block.of("$2y$ & `x`")
    assert (para("a") + one.html, one.html + para("a")) == (f"<p>a</p>{one.html}", f"{one.html}<p>a</p>")
    assert one.html == "<p><span>$</span>2y<span>$</span> &amp; <code>x</code></p>"
