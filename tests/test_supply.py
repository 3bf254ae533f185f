"""What is pinned has no advisory that we know of; what runbook is made of can be listed."""

import json
import re
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path

import pytest
from packaging.specifiers import SpecifierSet

from runbook.cli import main
from runbook.cli.sbom import packages

CONSTRAINTS = Path(__file__).parent.parent / "constraints.txt"
FIXED_IN = {
    "bleach": "3.3.0", "certifi": "2024.7.4", "h11": "0.16.0", "idna": "3.7", "ipython": "8.10.0", "jinja2": "3.1.6", "jupyter-core": "5.8.1", "jupyter-server": "2.14.1", "jupyterlab": "4.4.8", "nbconvert": "7.17.0",
    "pip": "25.3", "pygments": "2.15.0", "pyyaml": "5.4", "requests": "2.32.4", "setuptools": "78.1.1", "tornado": "6.5.3", "tqdm": "4.66.3", "urllib3": "2.6.3", "mistune": "2.0.3", "soupsieve": "2.3", "markupsafe": "1.1",
}  # fmt: skip
"""The first version without any advisory that was known when this was written; a tool is asked where its data can be had."""


def pinned() -> dict[str, str]:
    rows = (line.partition("==") for line in CONSTRAINTS.read_text().splitlines() if line and not line.startswith("#"))
    return {re.sub(r"[-_.]+", "-", name).lower(): version for name, _, version in rows}


def order(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", version)[:4])


def test_nothing_pinned_has_a_known_advisory() -> None:
    found = pinned()
    assert len(found) > 80
    old = {name: found[name] for name, fixed in FIXED_IN.items() if name in found and order(found[name]) < order(fixed)}
    assert old == {}


def test_everything_is_pinned_to_one_version() -> None:
    assert all(
        re.fullmatch(r"[a-z0-9-]+", name) and re.fullmatch(r"[\w.+-]+", version) for name, version in pinned().items()
    )


def test_what_is_pinned_runs_on_the_oldest_python_that_we_promise() -> None:
    """Debian 12 has 3.11.2; a pin that wants 3.11.5 stops the README's first command there."""
    here = {name for name in pinned() if is_here(name)}
    asked = {name: asks for name in here for asks in distribution(name).metadata.get_all("Requires-Python", [])}
    assert len(here) > 80
    assert {n: a for n, a in asked.items() if not SpecifierSet(a).contains("3.11.0")} == {}


def is_here(name: str) -> bool:
    try:
        return distribution(name).version == pinned()[name]
    except PackageNotFoundError:
        return False


def test_the_list_of_what_it_is_made_of(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["doctor", "--sbom"]) == 0
    rows = capsys.readouterr().out.splitlines()
    assert any(re.match(r"httpx +\d\S+ +BSD", row) for row in rows)
    assert main(["doctor", "--sbom", "--format", "json"]) == 0
    bom = json.loads(capsys.readouterr().out)
    assert bom["bomFormat"] == "CycloneDX"
    names = {c["name"]: c for c in bom["components"]}
    assert {"httpx", "bcrypt", "jupyterlab", "pyyaml", "msgspec"} <= set(names)
    assert names["httpx"]["purl"] == f"pkg:pypi/httpx@{names['httpx']['version']}"
    assert all(c["licenses"] for c in bom["components"])
    known = {d["ref"] for d in bom["dependencies"]}
    assert all(set(d["dependsOn"]) <= known for d in bom["dependencies"])


def test_every_licence_is_stated_and_none_binds_what_uses_it() -> None:
    for package in packages():
        assert package.licence != "not stated" or package.name == "registry-runbook", package
        assert not re.search(r"(?<!L)\bA?GPL|Affero", package.licence), package
