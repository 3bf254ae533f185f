"""All forms under one name each, and what one of them makes of an incident."""

from collections.abc import Callable

from tests.rewrites import handed as _handed  # noqa: F401 - registers more containers
from tests.rewrites.containers import CONTAINERS
from tests.rewrites.incidents import Files, Incident
from tests.rewrites.logs import LOGS
from tests.rewrites.transcripts import LOSSY as LOSSY_TRANSCRIPTS
from tests.rewrites.transcripts import TRANSCRIPTS

FORMS: dict[str, Callable[[Files], Files | None]] = {
    **{f"container-{name}": form for name, form in CONTAINERS.items()},
    **{f"log-{name}": form for name, form in LOGS.items()},
    **{f"transcript-{name}": form for name, form in TRANSCRIPTS.items()},
}
LOSSY: frozenset[str] = frozenset(f"transcript-{name}" for name in LOSSY_TRANSCRIPTS)
"""Forms that do not carry all: "inconclusive" is right there as well, and what would be said without the file."""
NOTHING = "transcript-none"


def rewritten(form: str, incident: Incident) -> Incident | None:
    """The incident in that form; None where it does not fit. A file that an option names stays beside it."""
    named = (incident.option("--docker-config") or "").removeprefix("bundle/")
    inner = {name: data for name, data in incident.files.items() if name != named}
    made = FORMS[form](inner) if inner else None
    if made is None:
        return None
    return incident.dressed({**made, **({named: incident.files[named]} if named else {})})
