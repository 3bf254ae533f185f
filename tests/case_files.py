"""Cases of one file: what a user hands over, and what must come out. See tests/cases/README.md."""

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from runbook.collect import Request, collect
from runbook.judge import Run, diagnose
from runbook.redact import Vault

CASES = Path(__file__).parent / "cases"


@dataclass(frozen=True)
class Case:
    path: Path
    about: str
    args: tuple[str, ...]
    env: dict[str, str]
    files: dict[str, str]
    encoding: dict[str, str]
    expect: dict[str, Any]

    @property
    def cause(self) -> str:
        return self.path.parent.name

    @property
    def is_near_miss(self) -> bool:
        return self.path.name.startswith("near")

    def write(self, folder: Path) -> Path:
        """Lay the bundle out as a user would hand it over."""
        for name, text in self.files.items():
            file = folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(text.encode(self.encoding.get(name, "utf-8")))
        return folder

    def option(self, name: str) -> str | None:
        return self.args[self.args.index(name) + 1] if name in self.args else None


def load(path: Path) -> Case:
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    return Case(
        path=path,
        about=data["about"],
        args=tuple(str(a) for a in data.get("args", ())),
        env={k: str(v) for k, v in data.get("env", {}).items()},
        files=data["files"],
        encoding=data.get("encoding", {}),
        expect=data["expect"],
    )


def all_cases() -> list[Case]:
    return [load(path) for path in sorted(CASES.glob("*/*.yaml"))]


def judge(case: Case, folder: Path) -> Run:
    """Collect and diagnose a case in this process, as `runbook diagnose` does."""
    variable = case.option("--password-env")
    config = case.option("--docker-config")
    request = Request(
        paths=(str(case.write(folder)),),
        user=case.option("--user"),
        password=(case.env.get(variable) or os.environ.get(variable)) if variable else None,
        docker_config=str(folder / config.removeprefix("bundle/")) if config else None,
        origin=case.option("--origin"),
    )
    return diagnose(collect(request, Vault()))
