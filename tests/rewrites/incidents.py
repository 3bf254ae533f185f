"""Incidents of both sets (the project's own cases and folders of recorded ones) in one form, and their verdict."""

import os
import tempfile
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

import yaml

from runbook.collect import Request, UsageError, collect
from runbook.judge import diagnose
from runbook.redact import Vault
from tests.case_files import all_cases

Files = dict[str, bytes]
RECORDED = Path(__file__).parents[3] / "shared" / "cases"
"""Where recorded incidents lie beside a checkout; the harness runs without them, too."""


@dataclass(frozen=True)
class Incident:
    """What is handed over and how it is called."""

    name: str
    files: Files
    args: tuple[str, ...] = ()
    env: tuple[tuple[str, str], ...] = ()

    def option(self, name: str) -> str | None:
        return self.args[self.args.index(name) + 1] if name in self.args else None

    def dressed(self, files: Files) -> "Incident":
        return replace(self, files=files)


@dataclass(frozen=True)
class Answer:
    """A verdict with its first cause; `verdict` is "exit 2" where nothing could be read, "crash" where it broke."""

    verdict: str
    cause: str = ""
    detail: str = ""
    warned: tuple[str, ...] = ()

    def same(self, other: "Answer") -> bool:
        return (self.verdict, self.cause) == (other.verdict, other.cause)


@cache
def incidents(folder: Path | None = None) -> tuple[Incident, ...]:
    """All incidents: the project's own, then those of the folder."""
    own = [
        Incident(
            name=f"{case.cause}/{case.path.stem}",
            files={n: t.encode(case.encoding.get(n, "utf-8")) for n, t in case.files.items()},
            args=case.args,
            env=tuple(case.env.items()),
        )
        for case in all_cases()
    ]
    return (*own, *(_recorded(path) for path in sorted((folder or RECORDED).glob("*/case.yaml"))))


def _recorded(path: Path) -> Incident:
    case = yaml.safe_load(path.read_text(encoding="utf-8"))
    bundle = path.parent / "bundle"
    files = {f.relative_to(bundle).as_posix(): f.read_bytes() for f in sorted(bundle.rglob("*")) if f.is_file()}
    return Incident(
        name=path.parent.name,
        files=files,
        args=tuple(str(a) for a in case.get("args", ())),
        env=tuple((k, str(v)) for k, v in case.get("env", {}).items()),
    )


def answer(incident: Incident) -> Answer:
    """Collect and diagnose it in this process, as `runbook diagnose` does."""
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place) / "bundle"
        folder.mkdir()
        for name, data in incident.files.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(data)
        try:
            return _answer(incident, folder)
        except Exception as error:
            return Answer("crash", detail=f"{type(error).__name__}: {error}")


def _answer(incident: Incident, folder: Path) -> Answer:
    variable, config = incident.option("--password-env"), incident.option("--docker-config")
    password = (dict(incident.env).get(variable) or os.environ.get(variable)) if variable else None
    request = Request(
        paths=(str(folder),),
        user=incident.option("--user"),
        password=password,
        docker_config=str(folder / config.removeprefix("bundle/")) if config else None,
        origin=incident.option("--origin"),
    )
    try:
        evidence = collect(request, Vault())
    except UsageError as error:
        return Answer("exit 2", detail=str(error))
    if any(p.fatal for p in evidence.problems):
        return Answer("exit 2", detail="; ".join(p.message for p in evidence.problems))
    found = diagnose(evidence).diagnosis
    first = found.causes[0].cause if found.causes else ""
    return Answer(
        found.verdict,
        first,
        "; ".join(f"{p.place}: {p.message}" for p in evidence.problems)[:400],
        tuple(f.cause for f in found.warnings),
    )
