"""Evidence as a file: saved today, judged again tomorrow, by another person, without the stack."""

import json
import re
from dataclasses import fields, is_dataclass, replace
from typing import Any

import msgspec

from runbook.collect.scrub import LABELS, rebuilt
from runbook.model import Entry, Evidence
from runbook.parse import ParseError
from runbook.redact import MASK, Vault

SCHEMA = 1
LIMIT = 64 * 1024 * 1024
_LONGEST = 20_000
_LARGEST = 10**15
_HIGHEST_COST = 99
_LABEL = re.compile(r"[a-z]\d{1,7}(?:\.\d{1,4}){0,8}")


class _Envelope(msgspec.Struct, kw_only=True):
    """What stands around the evidence, so that a later version knows what it reads."""

    schema: int
    tool: str
    evidence: Evidence


def dump_evidence(evidence: Evidence, version: str) -> bytes:
    """The evidence as JSON. It holds no secret; labels ("p1") stand for passwords."""
    envelope = _Envelope(schema=SCHEMA, tool=f"runbook {version}", evidence=evidence)
    return msgspec.json.format(msgspec.json.encode(envelope, enc_hook=str), indent=1) + b"\n"


def load_evidence(data: bytes, file: str, vault: Vault) -> Evidence:
    """Read saved evidence back. What is in it is hostile like any other file: it is masked and bounded again."""
    if len(data) > LIMIT:
        raise ParseError(file, None, f"the saved evidence is larger than {LIMIT >> 20} MB")
    schema = _schema(data, file)
    if schema != SCHEMA:
        raise ParseError(file, None, f"this evidence has schema {schema}; this version of runbook reads {SCHEMA}")
    try:
        evidence = msgspec.json.decode(data, type=_Envelope).evidence
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError) as error:
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


def _schema(data: bytes, file: str) -> int:
    """The version that stands in front, read without building anything deep."""
    try:
        found = msgspec.json.decode(data, type=dict[str, msgspec.Raw]).get("schema")
        return int(json.loads(bytes(found))) if found is not None else 0
    except (msgspec.MsgspecError, RecursionError, UnicodeDecodeError, ValueError, TypeError):
        raise ParseError(file, None, "this is no saved evidence: it is not a JSON object with a schema") from None
