"""What a person asked for with the form, carried out; what goes wrong becomes a sentence."""

import json
import os
import tempfile
from dataclasses import dataclass, field, replace
from pathlib import Path

from runbook.collect import Request, UsageError
from runbook.collect.collector import Progress
from runbook.incident import Incident
from runbook.lab import LabError
from runbook.parse import ParseError
from runbook.redact import Vault
from runbook.widgets.given import Part


@dataclass(frozen=True, slots=True)
class Job:
    """Either a request, or a fault of the lab."""

    request: Request | None
    lab_fault: str = ""
    parts: tuple[Part, ...] = field(default=(), repr=False)
    """Pasted texts and dropped files, which are in no folder of the user's; they may hold a login."""
    refused: str = ""
    """Why a field was emptied: nothing is run without what stood there."""

    def run(self, progress: Progress) -> Incident:
        """Collect and judge."""
        if self.refused:
            raise UsageError(self.refused)
        if self.request is None:
            progress("starting a registry and its UI on this machine")
            return Incident.of_lab(self.lab_fault, progress)
        if not self.parts:
            return Incident.of(self.request, progress=progress)
        with tempfile.TemporaryDirectory(prefix="runbook-") as folder:
            files = [_kept(Path(folder), part.name, part.content) for part in self.parts]
            extra = str(files[0]) if len(files) == 1 else folder
            request = replace(self.request, paths=(*self.request.paths, extra))
            return Incident.of(request, "what was given", progress=progress)

    def about(self) -> str:
        """What is looked at, for the log."""
        if self.request is None:
            return f"DEMO, a stack of the lab ({self.lab_fault})"
        asked = [*self.request.paths, self.request.registry_url, self.request.ui_url]
        asked += ["pasted text" if part.kind == "paste" else part.name for part in self.parts]
        user = f" as {self.request.user}" if self.request.user else ""
        return (", ".join(a.rpartition("@")[2] for a in asked if a) or "nothing") + user

    def parameters(self) -> str:
        """The lines that make the other notebooks look at the same incident; none where there is nothing to put there."""
        if self.request is None:
            return f"lab_fault: str = {_quoted(self.lab_fault)}" if self.lab_fault else ""
        asked = {
            "bundle": self.request.paths[0] if self.request.paths else "",
            "registry_url": self.request.registry_url,
            "ui_url": self.request.ui_url,
            "user": self.request.user,
        }
        return "\n".join(f"{name}: str = {_quoted(value)}" for name, value in asked.items() if value)


def _kept(folder: Path, name: str, content: bytes) -> Path:
    """A file in that folder, beside the others, so that what they say of each other holds; of two with one name the
    later lies in a folder of its own."""
    number = 1
    file = folder / name
    while file.exists():
        number += 1
        file = folder / f"{number}" / name
    file.parent.mkdir(mode=0o700, exist_ok=True)
    with open(file, "wb", opener=_private) as stream:
        stream.write(content)
    return file


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def sentence(error: Exception, job: Job) -> str:
    """What went wrong, for a person. Nothing secret is in it."""
    vault = Vault()
    if job.request and job.request.password is not None:
        vault.password(job.request.password, job.request.user)
    text = vault.mask(str(error), 500)
    if isinstance(error, UsageError | ParseError | LabError):
        return text.replace("--registry", "the registry's address").replace("--ui", "the UI's address")
    return f"Something broke inside ({type(error).__name__}: {text}). This is a fault of runbook, not of your stack."


def _quoted(value: str) -> str:
    return json.dumps(value, ensure_ascii=False)
