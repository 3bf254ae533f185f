"""Evidence as a file: saved today, judged again tomorrow, by another person, without the stack."""

from dataclasses import fields, is_dataclass, replace
from typing import Any

from runbook.collect import typed_json
from runbook.collect.scrub import LABELS, rebuilt
from runbook.lazy import re
from runbook.model import Entry, Evidence
from runbook.parse import ParseError
from runbook.redact import MASK, Vault

SCHEMA = 1
LIMIT = 64 * 1024 * 1024
_LONGEST = 20_000
_LARGEST = 10**15
_HIGHEST_COST = 99
_LABEL = re.compile(r"[a-z]\d{1,7}(?:\.\d{1,4}){0,8}")


def dump_evidence(evidence: Evidence, version: str) -> bytes:
    """The evidence as JSON. It holds no secret; labels ("p1") stand for passwords."""
    return typed_json.encode({"schema": SCHEMA, "tool": f"runbook {version}", "evidence": evidence})


def load_evidence(data: bytes, file: str, vault: Vault) -> Evidence:
    """Read saved evidence back. What is in it is hostile like any other file: it is masked and bounded again."""
    if len(data) > LIMIT:
        raise ParseError(file, None, f"the saved evidence is larger than {LIMIT >> 20} MB")
    body, schema = _read(data, file)
    if schema != SCHEMA:
        raise ParseError(file, None, f"this evidence has schema {schema}; this version of runbook reads {SCHEMA}")
    try:
        evidence: Evidence = typed_json.fitted(body.get("evidence"), Evidence)
    except (typed_json.MisfitError, RecursionError) as error:
        raise ParseError(file, None, f"this is no saved evidence: {vault.mask(str(error), 200)}") from None
    if not _is_bounded(evidence):
        raise ParseError(file, None, "a number in this evidence is one that no run of runbook can have saved")

    def change(text: str, field: str) -> str:
        if field in LABELS:
            return text if _LABEL.fullmatch(text) else MASK
        return vault.mask(text, _LONGEST)

    return rebuilt(evidence, change)


def _is_bounded(value: Any) -> bool:
    """Whether all numbers are such as sizes, lines, ports and times are; a cost is an exponent besides."""
    if isinstance(value, bool) or value is None or isinstance(value, str):
        return True
    if isinstance(value, int | float):
        return abs(value) <= _LARGEST
    if isinstance(value, tuple | list):
        return all(_is_bounded(item) for item in value)
    if isinstance(value, dict):
        return all(_is_bounded(item) for item in value.values())
    if isinstance(value, Entry) and not 0 <= (value.cost or 0) <= _HIGHEST_COST:
        return False
    if is_dataclass(value):
        return all(_is_bounded(getattr(value, f.name)) for f in fields(value))
    return True


def merged(now: Evidence, earlier: Evidence, number: int) -> Evidence:
    """Evidence of an earlier run added to that of this one. Labels of another vault are told apart."""
    if earlier.problems:
        earlier = replace(earlier, problems=tuple(p for p in earlier.problems if not p.fatal))
    earlier = rebuilt(earlier, lambda text, field: f"{text}.{number}" if field in LABELS else text)
    changes: dict[str, Any] = {
        name: (*getattr(now, name), *getattr(earlier, name))
        for name in ("files", "problems", "registry_files", "htpasswd", "checks", "routes", "clients", "logs")
    }
    changes |= {
        name: (*getattr(now, name), *getattr(earlier, name))
        for name in ("messages", "exchanges", "listings", "pullers", "jobs")
    }
    target = replace(
        earlier.target,
        **{n: v for n in ("registry_url", "ui_url", "user", "password", "origin") if (v := getattr(now.target, n))},
        paths=now.target.paths,
    )
    return replace(now, target=target, compose=now.compose or earlier.compose, **changes)


def _read(data: bytes, file: str) -> tuple[dict[str, Any], int]:
    """The saved object, and the version that it says it has."""
    try:
        body = typed_json.decode(data)
    except (RecursionError, ValueError):
        body = None
    if not isinstance(body, dict) or type(schema := body.get("schema", 0)) is not int:
        raise ParseError(file, None, "this is no saved evidence: it is not a JSON object with a schema")
    return body, schema
