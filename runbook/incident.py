"""An incident as the notebooks hold it: opened once, then asked step by step.

Every method gives a `Block`, which shows itself in a notebook without JavaScript and as plain text
in a terminal. The report is made from the same blocks, so the two cannot disagree.
"""

import os
from pathlib import Path
from typing import Self

from runbook import door
from runbook.collect import Request, UsageError, collect
from runbook.collect.collector import Progress
from runbook.folder import CaseFolder
from runbook.frames import Frames
from runbook.judge import Run, diagnose
from runbook.lab import Lab
from runbook.model import Evidence, Step
from runbook.redact import Vault
from runbook.report import blocks, render_html, render_json, tables, words
from runbook.report.alignment import alignment
from runbook.report.block import Block, part
from runbook.report.card import card, summary
from runbook.report.excerpt import excerpts
from runbook.report.picture import picture
from runbook.report.steps import brick_row, conclusion
from runbook.report.timeline import timeline

NOTHING = 'Nothing to diagnose: give the folder or a file of an incident (bundle) or the registry\'s address (registry_url); lab_fault = "demo" shows the demo.'


class Incident:
    """A diagnosed incident. Make one with `Incident.open`."""

    def __init__(self, run: Run, about: str, vault: Vault | None = None) -> None:
        self.run = run
        self.vault = vault or Vault()
        """What was learnt on the way: whatever is written of this incident goes through it."""
        self._about = about

    @classmethod
    def open(
        cls,
        bundle: str = "",
        registry_url: str = "",
        ui_url: str = "",
        user: str = "",
        password_env: str = "REGISTRY_PASSWORD",  # noqa: S107 (the name of a variable)
        lab_fault: str = "",
        interactive: bool = True,
    ) -> Self:
        """Collect and judge: a folder, URLs, or a stack of the lab (`lab_fault`: a fault, "healthy" or "demo").
        With nothing given it is the current case (see `Case`), and without one there is nothing to diagnose.

        `password_env` is the NAME of an environment variable; the password itself is no parameter, because
        papermill writes parameters into the notebook. Raises `UsageError` with a sentence for wrong input.
        """
        if bundle or registry_url or ui_url:
            password = os.environ.get(password_env) if user else None
            return cls.of(
                Request(
                    paths=(bundle,) if bundle else (),
                    registry_url=registry_url or None,
                    ui_url=ui_url or None,
                    user=user or None,
                    password=password,
                )
            )
        if lab_fault:
            return cls.of_lab(lab_fault)
        folder = CaseFolder.current()
        return cls.of_folder(folder) if folder else cls(diagnose(Evidence()), "nothing was given")

    @classmethod
    def of_folder(cls, folder: CaseFolder) -> Self:
        """The case of a folder: as it was last seen, and anew where its files have changed since."""
        asked = folder.asked()
        known = folder.evidence()
        if asked.can_be_asked and (known is None or folder.is_stale):
            return cls.of(asked.request)
        return cls(diagnose(known or Evidence()), ", ".join(asked.paths) or "the current case")

    @classmethod
    def of(cls, request: Request, about: str = "", progress: Progress | None = None) -> Self:
        """Collect and judge what the request names; `UsageError` where that cannot be read at all."""
        vault = Vault()
        evidence = collect(request, vault, progress)
        if fatal := [p for p in evidence.problems if p.fatal]:
            raise UsageError("; ".join(f"{p.place}: {p.message}" for p in fatal))
        return cls(
            diagnose(evidence),
            about or ", ".join(request.paths) or request.registry_url or request.ui_url or "nothing",
            vault,
        )

    @classmethod
    def of_lab(cls, fault: str, progress: Progress | None = None) -> Self:
        """Break a stack in the embedded lab ("healthy": do not; "demo": the demo incident) and judge that, live."""
        faults = () if fault == "healthy" else (fault,)
        with Lab.demo() if fault == "demo" else Lab(*faults, backend="embedded") as lab:
            request = Request(
                paths=(str(lab.bundle),),
                registry_url=lab.registry_url,
                ui_url=lab.ui_url,
                user=lab.user,
                password=lab.password,
                lab=fault,
            )
            return cls.of(request, f"{words.DEMO}, a stack of the lab ({fault})", progress)

    def __repr__(self) -> str:
        return f"Incident({self._about}): {self.run.diagnosis.verdict}"

    def _repr_html_(self) -> str:
        return self.about()._repr_html_()

    def about(self) -> Block:
        """What was handed over."""
        if self.is_empty:
            return Block.of(NOTHING)
        evidence = self.run.evidence
        names = ", ".join(f.path for f in evidence.files) or "no files"
        return Block.of(
            f"{self._about}: {names}; {len(evidence.live)} requests made, {len(self.run.traffic.exchanges)} seen in all."
        )

    # the four steps

    def simplify(self) -> Block:
        """Step 1: the registry alone, without and with a login, and the same through the UI."""
        return self._step("simplify", tables.matrix(self.run))

    def htpasswd(self) -> Block:
        """Step 2: the file as the registry reads it."""
        return self._step("htpasswd", tables.htpasswd(self.run))

    def headers(self) -> Block:
        """Step 3: the request path, and what changed on it."""
        return self._step("headers", blocks.hops(self.run) + tables.headers(self.run))

    def align(self) -> Block:
        """Step 4: where two files must agree, and the settings in force with where each comes from."""
        return self._step("align", alignment(self.run) + tables.settings(self.run))

    def _step(self, name: Step, view: Block) -> Block:
        return view + blocks.step(self.run, name)

    def step(self, name: Step) -> Block:
        """One of the four, and in a sentence what it showed."""
        views = {"simplify": self.simplify, "htpasswd": self.htpasswd, "headers": self.headers, "align": self.align}
        return views[name]() + Block.of(conclusion(self.run, name), "rb-said")

    def alignment(self) -> Block:
        """Names, ports, schemes, mounts and origins across services, as one picture."""
        return alignment(self.run)

    def settings(self) -> Block:
        """What the registry process really uses, and where each value comes from."""
        return tables.settings(self.run)

    def consumers(self) -> Block:
        """Which hash is accepted by which program, with the source of each column."""
        return tables.consumers()

    def steps(self) -> Block:
        """All four steps, each with its state."""
        return brick_row(self.run)

    def showed(self, step: Step) -> Block:
        """What one step showed, and its place among the four."""
        return brick_row(self.run) + Block.of(conclusion(self.run, step), "rb-said")

    # the parts of the verdict

    def verdict(self) -> Block:
        """The answer and the request path."""
        if self.is_empty:
            return Block(part("nothing", NOTHING), NOTHING)
        return blocks.verdict(self.run) + blocks.hops(self.run)

    @property
    def is_empty(self) -> bool:
        """Whether nothing at all was given."""
        evidence = self.run.evidence
        return not (evidence.files or evidence.exchanges or evidence.target.paths)

    @property
    def frames(self) -> Frames:
        """The tables as pandas DataFrames, for those who want to filter, count and plot."""
        return Frames(self.run)

    def picture(self) -> Block:
        """The request on its path: what became of the Authorization header, before the fix and after it."""
        return picture(self.run).block()

    def lines(self) -> Block:
        """The lines that the first cause rests on, each in its file."""
        return excerpts(self.run)

    def next_step(self) -> Block:
        """What to do now: the check that proves the fix, or the one command that decides what is open."""
        return blocks.now(self.run) if not self.is_empty else Block.of(NOTHING)

    def hops(self) -> Block:
        """The way of a request with the first bad hop marked."""
        return blocks.hops(self.run)

    def matrix(self) -> Block:
        """Who asked what on which way, and what came back."""
        return tables.matrix(self.run)

    def timeline(self) -> Block:
        """What happened, in order: requests, and what the logs wrote about them."""
        return timeline(self.run)

    def symptoms(self) -> Block:
        """What was suffered from."""
        return blocks.symptoms(self.run)

    def cause(self) -> Block:
        """The one cause, its evidence, and what it is not."""
        return blocks.cause(self.run)

    def fix(self) -> Block:
        """The fix as a diff, and the command that proves it."""
        return blocks.fix(self.run)

    def warnings(self) -> Block:
        """True and worth mending, but not the reason."""
        return blocks.warnings(self.run)

    def folklore(self) -> Block:
        """What is not the reason, whatever the forums say."""
        return blocks.folklore(self.run)

    def not_tested(self) -> Block:
        """What this verdict does not know."""
        return blocks.not_read(self.run) + blocks.not_tested(self.run)

    def experiment(self, name: str) -> Block:
        """A piece of folklore put to the test in the embedded lab; see `runbook.experiments`."""
        from runbook.experiments import experiment

        return experiment(name)

    def save(self, folder: str = "") -> Block:
        """A summary to paste; with a folder the report, the card and the summary are written there."""
        if self.is_empty:
            return Block.of(f"Nothing was written. {NOTHING}")
        shown = Block(part("titled", words.PASTE, ""), words.PASTE) + summary(self.run)
        if not folder:
            return shown
        target = Path(folder)
        target.mkdir(parents=True, exist_ok=True)
        pages = {"report.html": render_html(self.run), "report.json": render_json(self.run)}
        pages |= {"card.svg": card(self.run), "summary.txt": summary(self.run).text}
        for name, text in pages.items():
            door.write(target / words.file_name(self.run, name), text, self.vault)
        said = f"Written to {target}: {', '.join(words.file_name(self.run, name) for name in pages)}."
        return Block.of(said) + shown


__all__ = ["Incident", "UsageError"]
