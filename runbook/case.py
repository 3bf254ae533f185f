"""The case: an incident with a folder of its own, so that every notebook, the command line and the report see the same one."""

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Self

from runbook.collect import UsageError
from runbook.folder import Asked, CaseFolder, Recorded, state
from runbook.incident import Incident
from runbook.judge import Run, diagnose
from runbook.model import Step
from runbook.report import runs
from runbook.report.block import Block, para, part
from runbook.report.picture import picture
from runbook.report.steps import NEEDS, brick_row, bricks, looked_at

if TYPE_CHECKING:
    from runbook.widgets.panel import Console
    from runbook.widgets.proving import Proving
    from runbook.widgets.stepper import Stepper

_NO_FOLDER = "This notebook has no case folder, so runs and notes are not kept: `runbook open` makes one."
_ONCE = "This cannot be asked again: it was pasted, is the demo, or its password is not known to this kernel."
_QUESTIONS: dict[Step, tuple[str, str]] = {
    "simplify": ("Does the registry itself accept the login?", "01_simplify_the_stack.ipynb"),
    "htpasswd": ("Can this user's entry ever match?", "02_validate_htpasswd.ipynb"),
    "headers": ("What does each hop make of the Authorization header?", "03_trace_headers.ipynb"),
    "align": ("Do the settings of two files agree?", "04_align_configuration.ipynb"),
}


class Case(Incident):
    """The incident of the current case folder. Make one with `Case.open`."""

    folder: CaseFolder | None = None

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
        """As `Incident.open`; and the run is kept in the case folder, if there is one."""
        case = super().open(bundle, registry_url, ui_url, user, password_env, lab_fault, interactive)
        folder = CaseFolder.current()
        if folder is not None:
            case.folder = folder
            keep(case, folder, password_env if bundle or registry_url or ui_url or lab_fault else "")
        return case

    def again(self) -> Block:
        """Collect and judge once more, and say what has changed. The password comes from this process, if it has one."""
        if self.folder is None:
            return Block.of(_NO_FOLDER)
        asked = self.folder.asked()
        if not asked.can_be_asked:
            return Block.of(_ONCE)
        self.run = Incident.of(asked.request).run
        keep(self, self.folder)
        return self.verdict() + self.runs()

    def stepper(self, interactive: bool = True) -> "Block | Stepper":
        """The picture arrow by arrow; nothing without widgets, or without a request to follow: the whole stands above."""
        drawn = picture(self.run)
        if not interactive or not drawn.journeys:
            return Block("")
        from runbook.widgets.stepper import Stepper

        return Stepper(drawn)

    def prove(self, interactive: bool = True) -> "Block | Proving":
        """A button that tries the fix in a copy of the stack, and one for the experiment that the verdict calls for;
        without widgets the command that proves."""
        fixes = [f for f in self.run.diagnosis.causes if f.role != "rival"]
        if not fixes or self.is_empty:
            return Block("")
        if not interactive:
            return Block.soft("`runbook diagnose … --prove` tries the fix in a copy of the stack on this machine.")
        from runbook.widgets.proving import Proving

        return Proving(self.proven, also=self._experiment(fixes[0].cause))

    def _experiment(self, cause: str) -> "Proving | None":
        from runbook.experiments import called_for, tried
        from runbook.widgets.proving import Proving

        chosen = called_for(cause)
        if chosen is None:
            return None
        about = (
            f"Belief: “{chosen.claim}”" if chosen.claim else f"A sound stack, the same with {cause}, and after its fix."
        )
        return Proving(lambda: tried(cause), "Try the cause in a stack of the lab", about)

    def proven(self) -> Block:
        """The fix after it was tried in a copy of the stack; the case is what that showed."""
        from runbook.twin import prove

        self.run = prove(self.run)
        return self.fix()

    def console(self, interactive: bool = True) -> "Block | Console":
        """The form for another incident; without widgets a sentence in its place."""
        from runbook.widgets import console

        if not interactive:
            return Block.soft("The form is there when this notebook runs in JupyterLab.")
        return console()

    # what is shown

    def steps(self, links: bool = True) -> Block:
        """The steps that have evidence, each with its question and its answer; of the others, what they need. `links`:
        to the notebooks that teach them, where they can be opened."""
        if self.is_empty:
            return Block("")
        block = brick_row(self.run)
        for brick in bricks(self.run):
            question, lesson = _QUESTIONS[brick.step]
            if not looked_at(self.run, brick.step):
                more = f" More needs {NEEDS[brick.step]}." if brick.state in ("failed", "warning") else ""
                needs = f"{brick.reason}{more}"
                block += Block(part("titled", brick.title, para(needs, "rb-soft")), f"{brick.title}. {needs}")
                continue
            answer = self.step(brick.step)
            head = part("question", brick.title, question, lesson if links else "")
            block += Block(head + answer.html, f"{brick.title}. {question}\n{answer.text}")
        return block

    def runs(self) -> Block:
        """The runs of this case, one line each, with what was changed between them."""
        if self.folder is None:
            return Block.soft(_NO_FOLDER)
        return runs.strip(self.folder.runs())

    def history(self, note: str = "") -> Block:
        """The runs and the notes of this case; with text, one more note."""
        if self.folder is None:
            return self.runs()
        return self.runs() + self.note(note)

    def compare(self, first: int = 0, second: int = 0) -> Block:
        """Two runs side by side, by their numbers; by default the first and the last."""
        known = self.folder.runs() if self.folder else ()
        if len(known) < 2:
            return Block.soft("There is one run so far, so there is nothing to compare.")
        numbers = (first or known[0].number, second or known[-1].number)
        chosen = [r for n in numbers for r in known if r.number == n]
        if len(chosen) != 2:
            raise UsageError(f"There are runs {known[0].number} to {known[-1].number}.")
        return runs.compared(chosen[0], chosen[1], *(_judged(self.folder, r) for r in chosen))

    def note(self, text: str = "") -> Block:
        """Add a note, if there is text, and show all notes."""
        if self.folder is None:
            return Block.soft(_NO_FOLDER)
        if text.strip():
            self.folder.note(text, self.vault)
        notes = self.folder.notes()
        lines = [line.removeprefix("- ") for line in notes.splitlines() if line.strip()]
        return Block(part("bullets", lines), notes) if lines else Block.soft("No notes yet.")


def keep(incident: Incident, folder: CaseFolder, password_env: str = "") -> None:
    """Keep the run in that folder. With the NAME of a password's variable it becomes what the folder is about."""
    if incident.is_empty:
        return
    if password_env:
        folder.ask(_asked(incident, password_env))
    asked = folder.asked()
    if folder.evidence() != incident.run.evidence:
        folder.keep(incident.run, incident.vault)
    if asked.paths:
        folder.ask(replace(asked, seen=state(asked.paths)))


def _judged(folder: CaseFolder | None, recorded: Recorded) -> Run | None:
    evidence = folder.evidence(recorded.number) if folder else None
    return diagnose(evidence) if evidence is not None else None


def _asked(case: Incident, password_env: str) -> Asked:
    target = case.run.evidence.target
    if target.lab:  # the stack is gone with the cell that made it: what was seen of it stays
        return Asked(lab=target.lab)
    if not all(Path(p).exists() for p in target.paths):  # pasted text, which is in no file
        return Asked()
    paths = tuple(str(Path(p).resolve()) for p in target.paths)
    return Asked(
        paths=paths,
        registry_url=target.registry_url,
        ui_url=target.ui_url,
        user=target.user,
        origin=target.origin,
        cacert=str(Path(target.cacert).resolve()) if target.cacert else None,
        insecure_http=target.insecure_http,
        password_env=password_env,
        seen=state(paths),
    )
