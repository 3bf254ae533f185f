"""What every view says alike: the headline, the titles of the sections, the words for states."""

from runbook.judge import Run
from runbook.model import Certainty, Diagnosis, Fix, Proof, Verdict

VERDICTS: dict[Verdict, str] = {"fault": "Fault", "healthy": "Healthy", "inconclusive": "Inconclusive"}
FOLLOW = "Follow the header"
CAUSE = "Cause"
EXPLAINS = "It explains"
EVIDENCE = "Evidence"
RULED_OUT = "Ruled out"
FIX = "Fix"
VERIFY = "Verify"
NEXT_OBSTACLE = "Next obstacle, once that is fixed"
RIVALS = "Other explanations"
WARNINGS = "Warnings: true, and not the reason"
ALSO_SEEN = "Also seen, about something else"
ODD_NAMES = "Odd names, kept out of the commands"
DISAGREE = "Files and traffic disagree"
FOLKLORE = "Often blamed, and not the reason"
NOT_READ = "Not read"
NOT_TESTED = "Not tested"
NEXT_STEP = "Next step"
SEEN = "What was seen"
PASTE = "To paste into a chat or a ticket"


def headline(run: Run) -> tuple[str, str]:
    """The verdict in a word with the cause, and what it rests on: ("Fault: authorization-stripped", "96 % sure")."""
    d = run.diagnosis
    if d.verdict == "fault":
        first = d.causes[0]
        return f"{VERDICTS['fault']}: {first.cause}", f"{round(first.confidence * 100)} % sure"
    if d.verdict == "healthy":
        if d.basis == "files":
            return VERDICTS["healthy"], "nothing wrong in the files; no login was tried"
        return VERDICTS["healthy"], "the login was seen to be accepted at every address in question"
    if d.causes and d.causes[0].certainty > Certainty.POSSIBLE:
        return VERDICTS["inconclusive"], f"{d.causes[0].cause} is seen, and nothing shows what is behind it"
    if d.causes:
        return VERDICTS["inconclusive"], f"{d.causes[0].cause} is possible, and nothing shows it"
    return VERDICTS["inconclusive"], "what was handed over does not decide it"


def untested(diagnosis: Diagnosis) -> tuple[str, ...]:
    """What was not tested, without what is said of files that were not read."""
    return tuple(gap for gap in diagnosis.not_tested if gap not in diagnosis.not_read)


def proof(fix: Fix) -> str:
    """How the edits were proven, or why their diff is not shown; "" where there is nothing to say."""
    run = f" {fix.proof.twin[0].upper()}{fix.proof.twin[1:]}." if fix.proof.twin else ""
    return (_proof(fix) + run).strip() + _without(fix.proof)


def _without(proof: Proof) -> str:
    """What the copy of the stack does without."""
    return f" In the copy: {'; '.join(proof.gaps)}." if proof.gaps and proof.kind == "run" else ""


def _proof(fix: Fix) -> str:
    if fix.proof.kind == "run":
        return (
            f"Run in a copy of the stack ({fix.proof.backend}): the symptom is there before the fix, and gone after it."
        )
    if fix.proof.kind != "none":
        return f"Predicted from the files: {fix.proof.after}."
    if fix.proof.before:
        return f"The edit fails its prediction and is not shown as a diff: {fix.proof.after}."
    return f"{fix.proof.after[0].upper()}{fix.proof.after[1:]}." if fix.proof.after else ""


DEMO = "DEMO"


def file_name(run: Run, name: str) -> str:
    """The name of a file that is handed on: of the demo or another stack of the lab it says so."""
    return f"{DEMO}-{name}" if run.evidence.target.lab else name


def about(run: Run) -> str:
    """What the verdict is about, for the first lines of every view; of a stack of the lab it says so."""
    fault = run.evidence.target.lab
    if not fault:
        return run.diagnosis.about
    broken = {"healthy": "nothing is broken", "demo": "the demo incident"}.get(fault, fault)
    return f"{DEMO}: a stack of the lab on this machine ({broken}), not yours; {run.diagnosis.about}".removesuffix("; ")
