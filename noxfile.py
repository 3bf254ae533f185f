"""Tasks: `nox -l` lists them. They run in the environment that is active, so that what was installed is what is tested."""

import tempfile
from pathlib import Path

import nox

nox.options.default_venv_backend = "none"
nox.options.sessions = ["lint", "fast"]

FAST = (
    "tests/test_rules.py",
    "tests/test_cases.py",
    "tests/rules",
    "tests/parse",
    "tests/stack",
    "tests/observe",
    "tests/report",
)


@nox.session
def lint(session: nox.Session) -> None:
    """Style and types."""
    session.run("ruff", "check", ".")
    session.run("ruff", "format", "--check", ".")
    session.run("mypy")


@nox.session
def fast(session: nox.Session) -> None:
    """What needs no other program: about a minute on two cores."""
    session.run("python", "-m", "pytest", "-n", "2", *FAST, *session.posargs)


@nox.session
def full(session: nox.Session) -> None:
    """Everything; what needs a program that is not here is skipped and counted."""
    session.run("python", "-m", "pytest", "-n", "2", *session.posargs)


@nox.session
def cause(session: nox.Session) -> None:
    """One cause: its cases, its fault in the embedded lab, the contract of rules. `nox -s cause -- no-v2-route`."""
    if len(session.posargs) != 1:
        session.error("name one cause: nox -s cause -- no-v2-route")
    session.run(
        "python",
        "-m",
        "pytest",
        "tests/test_rules.py",
        "tests/test_cases.py",
        "tests/lab/test_faults.py",
        "-k",
        f"test_rules or {session.posargs[0]}",
    )


@nox.session
def docs(session: nox.Session) -> None:
    """Write what is generated: the table of causes."""
    session.run("python", "-m", "runbook.report.causes_table", ".github/CAUSES.md")


@nox.session
def bench(session: nox.Session) -> None:
    """Print the figures of tests/bench; each is a ratio within one run."""
    for name in session.posargs or ("browser", "diagnose", "fleet", "headless", "live", "open", "tap", "widgets"):
        session.run("python", "-m", f"tests.bench.bench_{name}")


@nox.session
def onefile(session: nox.Session) -> None:
    """dist/runbook.pyz: runs on a bare Python 3.11 or later."""
    session.run("python", ".ci/onefile/build.py", *session.posargs)


@nox.session
def advisories(session: nox.Session) -> None:
    """What is pinned against the published advisories (pip-audit, in an environment of its own; needs the network)."""
    session.run("uvx", "pip-audit", "--strict", "--no-deps", "--disable-pip", "-r", "constraints.txt", external=True)


@nox.session
def wheel(session: nox.Session) -> None:
    """The wheel as an index takes it: its description renders, nothing is in it that does not belong (needs the network)."""
    with tempfile.TemporaryDirectory() as folder:
        session.run("uv", "build", "-q", "--wheel", "-o", folder, external=True)
        wheels = [str(path) for path in Path(folder).glob("*.whl")]
        session.run("uvx", "twine", "check", "--strict", *wheels, external=True)
        session.run("uvx", "check-wheel-contents", *wheels, external=True)
