"""`runbook doctor`: which parts of runbook this machine can use, and what is missing for the others."""

import argparse
import json
import os
import platform
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict, dataclass
from importlib.metadata import PackageNotFoundError, version

from runbook import __version__, door
from runbook.redact import Vault

_CORE = ("httpx", "h11", "pyyaml", "ngxparse")
"""What `diagnose` needs; the one file has no more."""
_MORE = ("jupyterlab", "ipywidgets", "pandas", "papermill", "bcrypt", "nbconvert", "ipykernel", "msgspec")
_PROXIES = {"nginx": "nginx-light", "caddy": "caddy", "haproxy": "haproxy", "apache2": "apache2"}


@dataclass(frozen=True, slots=True)
class Part:
    """One part of runbook, and whether it can be used here."""

    name: str
    usable: bool
    why: str
    """What was found, or what is missing and how to get it."""


def add(parser: argparse.ArgumentParser) -> None:
    """The options of `doctor`."""
    parser.add_argument("--format", choices=("text", "json"), default="text", help="default text")
    parser.add_argument(
        "--sbom", action="store_true", help="list what runbook is made of here, with licences; as CycloneDX with json"
    )


def run(options: argparse.Namespace) -> int:
    """Look at the machine; 0 when the core works, 1 when it does not. Nothing is changed."""
    vault: Vault = options.vault
    if options.sbom:
        return _made_of(options.format, vault)
    parts = list(examined())
    if options.format == "json":
        body = {
            "tool": f"runbook {__version__}",
            "python": platform.python_version(),
            "parts": [asdict(p) for p in parts],
        }
        print(json.dumps(body, ensure_ascii=False, indent=1))
    else:
        print(
            f"runbook {__version__} on Python {platform.python_version()}, {platform.system()} {platform.machine()}\n"
        )
        width = max(len(p.name) for p in parts)
        for part in parts:
            print(f"  {'yes' if part.usable else 'no ':<4}{part.name:<{width}}  {part.why}")
    return 0 if all(p.usable for p in parts if p.name.startswith("core")) else 1


def _made_of(format_: str, vault: Vault) -> int:
    from runbook.cli.sbom import cyclonedx, packages

    if format_ == "json":
        door.out(json.dumps(cyclonedx(), ensure_ascii=False, indent=1), vault)
        return 0
    rows = packages()
    width, broad = (
        max(len(text) for text in column) for column in zip(*((p.name, p.version) for p in rows), strict=True)
    )
    door.out("\n".join(f"{p.name:<{width}}  {p.version:<{broad}}  {p.licence}" for p in rows), vault)
    return 0


def examined() -> Iterator[Part]:
    """All parts, the core first. A look that fails is an answer, too."""
    looks: tuple[tuple[str, Callable[[], Part]], ...] = (
        ("core: packages", _packages),
        ("packages for notebooks and fleet", _more_packages),
        ("core: temporary folder", _temporary),
        ("notebooks", _notebooks),
        ("lab: embedded", _embedded),
        ("lab: native", _native),
        ("lab: compose", _compose),
        ("proxies for the lab", _proxies),
        ("runbook serve", _serve),
        ("live diagnosis", _live),
    )
    for name, look in looks:
        try:
            yield look()
        except Exception as error:  # whatever breaks is what the user came to learn
            yield Part(name, False, f"looking failed: {type(error).__name__}: {error}")


def _packages() -> Part:
    return _installed("core: packages", _CORE)


def _more_packages() -> Part:
    return _installed("packages for notebooks and fleet", _MORE)


def _installed(part: str, names: tuple[str, ...]) -> Part:
    found, missing = [], []
    for name in names:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:
            missing.append(name)
    if missing:
        return Part(part, False, f"missing: {', '.join(missing)}: pip install registry-runbook")
    return Part(part, True, ", ".join(found[:3]))


def _temporary() -> Part:
    with tempfile.TemporaryDirectory() as name:
        free = shutil.disk_usage(name).free >> 20
    return Part("core: temporary folder", free > 50, f"{free} MB free" + ("" if free > 50 else "; 50 MB are needed"))


def _notebooks() -> Part:
    from runbook.headless.places import notebooks

    return Part("notebooks", True, f"{len(notebooks())} found")


def _embedded() -> Part:
    from runbook.lab import Lab

    with Lab(backend="embedded") as lab:
        return Part("lab: embedded", all(lab.wait_ready()), "needs nothing; a registry and a UI started on loopback")


def _native() -> Part:
    from runbook.lab import native

    found = native.registries()
    if not native.usable(None):
        return Part(
            "lab: native", False, "wants docker-registry and nginx on PATH: apt install docker-registry nginx-light"
        )
    return Part("lab: native", True, f"registry {' and '.join(f'{n}.x' for n in found)}, nginx")


def _compose() -> Part:
    from runbook.lab import composed

    why = composed.why_not()
    return Part("lab: compose", why is None, why or "a Docker engine answers; images are fetched when a lab is started")


def _proxies() -> Part:
    from runbook.lab.processes import find

    found = [name for name in _PROXIES if find(name)]
    missing = [package for name, package in _PROXIES.items() if name not in found]
    more = f"; missing: apt install {' '.join(missing)}" if missing else ""
    return Part("proxies for the lab", bool(found), (", ".join(found) or "none") + more)


def _serve() -> Part:
    try:
        return Part("runbook serve", True, f"voila {version('voila')}")
    except PackageNotFoundError:
        return Part("runbook serve", False, "voila is missing: pip install 'registry-runbook[serve]'")


def _live() -> Part:
    names = [n for n in ("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY") if os.environ.get(n) or os.environ.get(n.lower())]
    if names:
        return Part("live diagnosis", True, f"{', '.join(names)} is set here; runbook goes past it and says so")
    return Part("live diagnosis", True, f"no forward proxy in this environment ({sys.executable.rpartition('/')[2]})")
