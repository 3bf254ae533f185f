"""The contract that every rule keeps, so that one cause has one name everywhere."""

import ast
import collections.abc
import importlib
import inspect
import pkgutil
import textwrap
import typing
from pathlib import Path

import pytest

import runbook
from runbook import rules
from runbook.model import Evidence, Finding, Stack
from runbook.model.diagnosis import STEPS
from runbook.observe.traffic import Traffic
from runbook.rules import evidence
from runbook.rules.base import NEEDS, RULES, Facts, Rule, rule, run
from tests.case_files import all_cases

ROOT = Path(runbook.__file__).parent
PURE = ("model", "parse", "rules", "stack")
FORBIDDEN = {
    "httpx",
    "pandas",
    "subprocess",
    "socket",
    "requests",
    "urllib.request",
    "ipywidgets",
    "papermill",
    "shutil",
}

ALL = sorted(rules.load().values(), key=lambda r: r.id)


def test_the_example_for_contributors_is_a_rule() -> None:
    """It is run as it stands, on nothing: no name in it may be one that is not there."""
    text = (ROOT.parent / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")
    example = textwrap.dedent(text.partition("```python\n")[2].partition("```")[0])
    parts = (runbook.model, evidence, typing, collections.abc)
    names = {name: value for part in parts for name, value in vars(part).items()}
    names |= {"Facts": Facts, "rule": lambda *words, **more: lambda function: function}
    exec(example, names)
    nothing = Facts(Evidence(), Stack(), Traffic(Evidence(), Stack()))
    assert list(names["registry_read_only"](nothing)) == []


@pytest.mark.parametrize("one", ALL, ids=lambda r: r.id)
def test_a_rule_says_what_why_how_and_from_where(one: Rule) -> None:
    assert one.step in STEPS
    assert len(one.why) > 60, "the docstring says why it goes wrong and why people miss it"
    assert one.title
    assert one.fix
    assert one.source


@pytest.mark.parametrize("one", ALL, ids=lambda r: r.id)
def test_a_rule_has_a_case_that_fires_and_a_near_miss(one: Rule) -> None:
    cases = [c for c in all_cases() if c.cause == one.id]
    assert any(not c.is_near_miss for c in cases), "no bad case"
    assert any(c.is_near_miss for c in cases), "no near-miss"


def test_cases_belong_to_rules() -> None:
    assert {c.cause for c in all_cases()} <= set(RULES)


def test_every_rule_has_a_lab_fault_or_a_reason_for_none() -> None:
    from runbook.lab import FAULTS, NO_FAULT

    assert set(RULES) <= set(FAULTS) | set(NO_FAULT)
    assert not set(FAULTS) & set(NO_FAULT)
    assert all(len(reason) > 20 for reason in NO_FAULT.values())


def test_the_24_causes_of_the_first_delivery_have_a_lab_fault() -> None:
    from runbook.lab import FAULTS

    wanted = """htpasswd-not-bcrypt htpasswd-wrong-password htpasswd-user-missing htpasswd-username-corrupted
    htpasswd-invalid-line htpasswd-merged-lines htpasswd-empty htpasswd-missing-autocreated htpasswd-path-mismatch
    htpasswd-unreadable compose-dollar-interpolation auth-not-enforced auth-option-missing config-path-version-mismatch
    env-header-value-not-yaml-list storage-outside-volume cors-origin-mismatch preflight-options-401
    authorization-stripped proxy-overwrites-authorization proxy-bypasses-auth no-v2-route upstream-is-localhost
    registry-unreachable""".split()
    assert set(wanted) <= set(RULES)
    assert set(wanted) <= set(FAULTS)


def modules() -> list[Path]:
    return sorted(p for p in ROOT.rglob("*.py") if "notebooks" not in p.parts)


@pytest.mark.parametrize("path", modules(), ids=lambda p: str(p.relative_to(ROOT)))
def test_a_function_fits_on_a_screen(path: Path) -> None:
    long = [
        f"{node.name}: {node.end_lineno - node.lineno + 1}"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and (node.end_lineno or 0) - node.lineno >= 75
    ]
    assert not long


@pytest.mark.parametrize(
    "path", [p for p in modules() if p.relative_to(ROOT).parts[0] in PURE], ids=lambda p: str(p.relative_to(ROOT))
)
def test_judges_and_parsers_do_no_io(path: Path) -> None:
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        names = []
        if isinstance(node, ast.Import):
            names = [a.name for a in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or ""]
        elif isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            assert node.func.id not in ("open", "exec", "eval", "__import__"), f"{path.name} calls {node.func.id}"
        for name in names:
            assert name not in FORBIDDEN, f"{path.name} imports {name}"
            assert name.split(".")[0] not in FORBIDDEN, f"{path.name} imports {name}"


def test_public_functions_have_docstrings() -> None:
    bare = []
    for module in pkgutil.walk_packages(runbook.__path__, "runbook."):
        if ".notebooks" in module.name or module.name.endswith("__main__") or ".lab.faults." in module.name:
            continue
        loaded = importlib.import_module(module.name)
        for name, thing in vars(loaded).items():
            named = "<locals>" not in getattr(thing, "__qualname__", "")
            mine = getattr(thing, "__module__", None) == module.name and not name.startswith("_") and named
            if mine and (inspect.isfunction(thing) or inspect.isclass(thing)) and not inspect.getdoc(thing):
                bare.append(f"{module.name}.{name}")
    assert not bare


def test_public_names_exist() -> None:
    for name in runbook.__all__:
        assert getattr(runbook, name) is not None


def test_a_second_rule_of_the_same_name_is_refused() -> None:
    with pytest.raises(ValueError, match="two rules"):
        rule("htpasswd-not-bcrypt", step="htpasswd", title="", fix="", source="")(lambda: iter(()))


def _facts() -> Facts:
    from runbook.judge import diagnose
    from runbook.model import Evidence

    result = diagnose(Evidence())
    return Facts(result.evidence, result.stack, result.traffic)


def _rule(function: object, **changes: object) -> Rule:
    fields = {"id": "x", "title": "t", "step": "align", "tier": 1, "fix": "f", "source": "s", "why": "w"}
    return Rule(**{**fields, "function": function, **changes})


def test_a_rule_without_its_evidence_is_skipped_with_the_reason() -> None:
    check, found = run(_rule(lambda facts: iter(()), needs=("htpasswd",)), _facts())
    assert (check.outcome, found) == ("skipped", ())
    assert check.reason == NEEDS["htpasswd"][1]


def test_a_rule_none_of_whose_evidence_is_there_is_skipped() -> None:
    check, _ = run(_rule(lambda facts: iter(()), needs_any=("logs", "routes")), _facts())
    assert check.outcome == "skipped"
    assert check.reason == "no log was handed over; no proxy configuration was handed over"


@pytest.mark.parametrize("one", ALL, ids=lambda r: r.id)
def test_a_rule_can_be_skipped(one: Rule) -> None:
    assert run(one, _facts())[0].outcome == "skipped", "with no evidence at all a rule must not pass"


def test_a_rule_that_breaks_is_an_error_and_no_pass() -> None:
    def broken(facts: Facts) -> list[Finding]:
        raise RuntimeError("secret in a message")

    check, found = run(_rule(broken), _facts())
    assert (check.outcome, found) == ("error", ())
    assert "secret" not in check.reason
