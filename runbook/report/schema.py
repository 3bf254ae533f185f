"""The JSON Schema (2020-12) of what `diagnose`, `explain` and `doctor` print with `--format json`."""

from typing import Any, get_args

from runbook.model import STEPS
from runbook.model.diagnosis import Check, Cited, Finding, Proof, Verdict
from runbook.rules.base import NEEDS

_TEXT = {"type": "string"}
_TEXTS = {"type": "array", "items": _TEXT}
_NUMBER = {"type": "integer", "minimum": 0}


def schema(command: str) -> dict[str, Any]:
    """Of one command's output. Schema 1 grows by keys, so unknown ones are allowed."""
    body = {"diagnose": _diagnosis, "explain": _catalogue, "doctor": _doctor}[command]()
    head = {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:registry-runbook:schema:1:{command}",
        "title": f"runbook {command} --format json",
    }
    return {**head, **body}


def _object(optional: tuple[str, ...] = (), **keys: Any) -> dict[str, Any]:
    return {"type": "object", "properties": keys, "required": [key for key in keys if key not in optional]}


def _list(item: dict[str, Any]) -> dict[str, Any]:
    return {"type": "array", "items": item}


def _word(annotation: Any) -> dict[str, Any]:
    """One of the words of a Literal."""
    return {"enum": list(get_args(annotation))}


def _or_null(body: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [body, {"type": "null"}]}


def _diagnosis() -> dict[str, Any]:
    items, findings = _evidence(), _findings()
    checks = _object(
        rule=_TEXT, step={"enum": list(STEPS)}, outcome=_word(Check.__annotations__["outcome"]), reason=_TEXT
    )
    return _object(
        optional=("changes", "files"),
        schema={"const": 1},
        tool={**_TEXT, "pattern": "^runbook "},
        verdict=_word(Verdict),
        causes={**findings, "description": "most likely first; empty when healthy"},
        warnings={**findings, "description": "true and worth fixing, but not the reason for the symptom"},
        also_seen={**findings, "description": "true, but about something else"},
        focus=_object(
            addresses=_TEXTS, user=_or_null(_TEXT), since=_or_null({**_TEXT, "format": "date-time"}), about=_TEXT,
            others=_TEXTS,
        ),
        basis={"enum": ["traffic", "files", None], "description": "what a healthy verdict rests on"},
        next=_or_null(_object(why=_TEXT, command=_TEXT, separates=_TEXTS)),
        coverage=_object((), **{str(step): _object(looked_at=_NUMBER, of=_NUMBER) for step in STEPS}),
        checks=_list(checks),
        not_tested=_TEXTS,
        not_read=_TEXTS,
        files={**_TEXTS, "description": "what was read whole"},
        symptoms=_list(_object(symptom=_TEXT, text=_TEXT, evidence=items)),
        folklore=_list(_object(claim=_TEXT, truth=_TEXT, shown=_TEXT, where=_TEXT)),
        contradictions=items,
        odd_names={**items, "description": "names from outside that entered no command"},
        changes={"type": "object", "description": "with --compare: what is new, still there, mended, unclear"},
    )  # fmt: skip


def _evidence() -> dict[str, Any]:
    return _list(_object(what=_TEXT, where=_TEXT, cited=_word(Cited)))


def _findings() -> dict[str, Any]:
    refuted = _list(_object(cause=_TEXT, because=_TEXT))
    fix = _object(
        summary=_TEXT,
        commands=_TEXTS,
        patch=_or_null({**_TEXT, "description": "a unified diff"}),
        applies={**_TEXT, "description": "how the change reaches the process"},
        proof=_object(
            kind=_word(Proof.__annotations__["kind"]),
            before=_TEXT,
            after=_TEXT,
            requests=_list(_object(request=_TEXT, before=_TEXT, after=_TEXT)),
            copy={**_TEXT, "description": "what the copy of the stack is made of"},
            without=_TEXTS,
            backend=_TEXT,
        ),
        verify=_TEXTS,
        expect={**_TEXTS, "description": "what each verify command prints"},
    )
    return _list(
        _object(
            cause={**_TEXT, "pattern": "^[a-z0-9-]+$"},
            rule=_TEXT,
            role=_word(Finding.__annotations__["role"]),
            confidence={"type": "number", "minimum": 0, "maximum": 1},
            certainty=_TEXT,
            explains=_TEXTS,
            hop=_TEXT,
            summary=_TEXT,
            evidence=_evidence(),
            refuted=refuted,
            fix=fix,
        )
    )


def _catalogue() -> dict[str, Any]:
    kinds = _list({"enum": list(NEEDS)})
    cause = _object(
        cause=_TEXT,
        step={"enum": list(STEPS)},
        title=_TEXT,
        why=_TEXT,
        fix=_TEXT,
        source=_TEXT,
        needs=kinds,
        needs_any=kinds,
        explains=_TEXTS,
        supersedes=_TEXTS,
        not_confused_with=_list(_object(cause=_TEXT, because=_TEXT)),
        warning={"type": "boolean"},
        page=_or_null({**_TEXT, "format": "uri"}),
    )
    return _object(schema={"const": 1}, tool=_TEXT, causes=_list(cause))


def _doctor() -> dict[str, Any]:
    return _object(tool=_TEXT, python=_TEXT, parts=_list(_object(name=_TEXT, usable={"type": "boolean"}, why=_TEXT)))
