"""The tables of an incident as pandas DataFrames: to filter, sort, count and plot. Loaded only when asked for."""

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from runbook.judge import Run
from runbook.report import timeline as told
from runbook.report.tables import changed_headers

if TYPE_CHECKING:
    import pandas as pd

COLUMNS: dict[str, dict[str, str]] = {
    "requests": {
        "seen": "where it was seen", "when": "UTC; NaT where the source does not tell", "witness": "who saw it",
        "route": "direct, via or unknown", "method": "", "path": "", "host": "", "user": "of the credentials",
        "login": "whether credentials were sent: sent, none, unknown", "status": "of the response; <NA> without one",
        "error": "why there was no response", "own": "whether this program asked",
    },
    "headers": {
        "request": "the request, as seen direct and through the proxy", "header": "", "change": "kept, added, dropped or rewritten",
        "direct": "its value direct", "via": "its value through the proxy",
    },
    "htpasswd": {
        "file": "", "line": "from 1", "user": "", "scheme": "of the hash", "cost": "of bcrypt, log2 of the rounds",
        "usable": "whether the registry can match it", "shadowed": "a later line of the same name wins", "defect": "",
    },
    "settings": {"setting": "", "value": "in force", "origin": "", "where": "file:line"},
    "timeline": {
        "when": "UTC", "who": "", "what": "", "answer": "status or failure", "took": "seconds", "where": "file:line or probe",
    },
    "checks": {"step": "", "rule": "", "outcome": "pass, fail, skipped or error", "reason": ""},
}  # fmt: skip
"""What each column of each table says; a unit where there is one."""
_TYPES = {
    "took": "float64",
    "status": "Int64",
    "line": "Int64",
    "cost": "Int64",
    "own": "bool",
    "usable": "bool",
    "shadowed": "bool",
}


def frame(run: Run, name: str) -> "pd.DataFrame":
    """The table of that name (a key of `COLUMNS`), typed; without rows where nothing was seen. `attrs` says what its
    columns mean."""
    import pandas as pd

    columns = COLUMNS[name]
    made = pd.DataFrame.from_records(list(_ROWS[name](run)), columns=list(columns))
    if "when" in columns:
        made["when"] = pd.to_datetime(made["when"].astype("float64"), unit="s", utc=True).astype("datetime64[ns, UTC]")
    made = made.astype({column: _TYPES.get(column, "string") for column in columns if column != "when"})
    made.attrs["columns"] = columns
    return made


class Frames:
    """The tables of one run: `case.frames.requests`, `.headers`, `.htpasswd`, `.settings`, `.timeline`, `.checks`."""

    def __init__(self, run: Run) -> None:
        self._run = run

    def __repr__(self) -> str:
        return f"Frames({', '.join(COLUMNS)})"

    @property
    def requests(self) -> "pd.DataFrame":
        """Every request that somebody saw."""
        return frame(self._run, "requests")

    @property
    def headers(self) -> "pd.DataFrame":
        """Response headers of the same request direct and through the proxy."""
        return frame(self._run, "headers")

    @property
    def htpasswd(self) -> "pd.DataFrame":
        """The entries as the registry reads them; no hash is there."""
        return frame(self._run, "htpasswd")

    @property
    def settings(self) -> "pd.DataFrame":
        """The registry's settings in force."""
        return frame(self._run, "settings")

    @property
    def timeline(self) -> "pd.DataFrame":
        """Requests and log lines whose time is known, the oldest first."""
        return frame(self._run, "timeline")

    @property
    def checks(self) -> "pd.DataFrame":
        """Every rule that ran, and how it ended."""
        return frame(self._run, "checks")


def _requests(run: Run) -> Iterable[tuple[Any, ...]]:
    for o in run.traffic.observations:
        if o.method:
            host = str(o.address) if o.address else None
            yield (str(o.source), o.when, o.witness, o.route, o.method, o.path, host, o.user, o.login, o.status,
                   o.error or None, o.own)  # fmt: skip


def _headers(run: Run) -> Iterable[tuple[Any, ...]]:
    return ((title, name, word, a or None, b or None) for title, word, name, a, b in changed_headers(run))


def _htpasswd(run: Run) -> Iterable[tuple[Any, ...]]:
    for file in run.evidence.htpasswd:
        for e in file.entries:
            yield (
                file.file,
                e.line,
                e.name,
                e.scheme,
                e.cost,
                None if e.hidden else e.usable,
                bool(e.shadowed),
                e.defect,
            )


def _settings(run: Run) -> Iterable[tuple[Any, ...]]:
    registry = run.stack.registry
    for key, setting in sorted(registry.settings.items()) if registry else ():
        yield key, str(setting.value), setting.origin, str(setting.place or "") or None


def _timeline(run: Run) -> Iterable[tuple[Any, ...]]:
    return ((m.when, m.who, m.what, m.answer or None, m.took, str(m.where)) for m in told.moments(run))


def _checks(run: Run) -> Iterable[tuple[Any, ...]]:
    return ((c.step, c.rule, c.outcome, c.reason or None) for c in run.diagnosis.checks)


_ROWS = {"requests": _requests, "headers": _headers, "htpasswd": _htpasswd, "settings": _settings,
         "timeline": _timeline, "checks": _checks}  # fmt: skip
