"""What runbook is made of on this machine: every package that it needs, with version, licence and who needs it."""

from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import Any

from runbook import __version__
from runbook.lazy import re

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,100}")
_EXTRA = re.compile(r"\bextra\s{0,4}==")
_SPDX = re.compile(r"[A-Za-z0-9.+-]{2,40}(?: (?:AND|OR|WITH) [A-Za-z0-9.+-]{2,40}){0,6}")
ROOT = "registry-runbook"


@dataclass(frozen=True, slots=True)
class Package:
    """One installed package."""

    name: str
    version: str
    licence: str
    needs: tuple[str, ...]


def packages() -> list[Package]:
    """The package itself and all that it needs and that is installed here, by name. Extras are left out."""
    found: dict[str, Package] = {}
    waiting = [ROOT]
    while waiting:
        name = waiting.pop()
        if name in found:
            continue
        try:
            installed = distribution(name)
        except PackageNotFoundError:
            continue
        needs = tuple(sorted({canonical(n) for n in _needed(installed)}))
        found[name] = Package(name, installed.version, licence(installed), needs)
        waiting += needs
    here = set(found)
    rows = (Package(p.name, p.version, p.licence, tuple(n for n in p.needs if n in here)) for p in found.values())
    return sorted(rows, key=lambda p: p.name)


def canonical(name: str) -> str:
    """A package's name as registries compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def licence(installed: Distribution) -> str:
    """The licence as the package states it: an expression, else its classifiers, else what its short field says."""
    meta = installed.metadata
    if "License-Expression" in meta:
        return str(meta["License-Expression"])
    told = [c.rpartition(" :: ")[2] for c in meta.get_all("Classifier", []) if c.startswith("License :: OSI")]
    short = str(meta["License"]).strip() if "License" in meta else ""
    return " AND ".join(told) or (short if short and "\n" not in short and len(short) < 80 else "not stated")


def cyclonedx() -> dict[str, Any]:
    """The list as CycloneDX 1.5, which scanners read."""
    rows = packages()
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"component": {"type": "application", "name": ROOT, "version": __version__, "bom-ref": ROOT}},
        "components": [_component(p) for p in rows if p.name != ROOT],
        "dependencies": [{"ref": p.name, "dependsOn": list(p.needs)} for p in rows],
    }


def _component(package: Package) -> dict[str, Any]:
    named = (
        {"expression": package.licence} if _SPDX.fullmatch(package.licence) else {"license": {"name": package.licence}}
    )
    return {
        "type": "library",
        "bom-ref": package.name,
        "name": package.name,
        "version": package.version,
        "purl": f"pkg:pypi/{package.name}@{package.version}",
        "licenses": [named],
    }


def _needed(installed: Distribution) -> Iterator[str]:
    """Names of what a package needs without any extra; whether a marker holds is told by what is installed."""
    for line in installed.requires or ():
        requirement, _, marker = line.partition(";")
        if (name := _NAME.match(requirement)) and not _EXTRA.search(marker):
            yield name[0]
