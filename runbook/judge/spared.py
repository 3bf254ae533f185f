"""A fix for the registry's site leaves the other sites of the same proxy as they are. Pure.

A line may hold for several sites: in a snippet that they import, in a frontend before several backends, around
several virtual hosts. Where the registry is not the only one, the edit is made for its paths or its site alone.
"""

from collections.abc import Iterator
from dataclasses import replace

from runbook.lazy import re
from runbook.model import Edit, Evidence, Finding, Place, SourceFile
from runbook.rules.base import Facts
from runbook.rules.hop_edits import around, blocks
from runbook.rules.hops import api_routes

_LONGEST = 40
"""Lines of a snippet that are written out in the place of its import; a longer one is for people to take apart."""


def spared(finding: Finding, facts: Facts) -> Finding:
    """The finding with edits that change nothing for other sites; as it is where no other site has these lines."""
    if not finding.edits:
        return finding
    edits = _written_out(finding.edits, facts) or tuple(e for edit in finding.edits for e in _on_paths(edit, facts))
    if edits == finding.edits:
        return finding
    fix = replace(finding.fix, edits=edits if finding.fix.edits else (), patch=None)
    return replace(finding, edits=edits, fix=fix)


# ---- lines that hold for several backends or virtual hosts ----------------------------------------------------


def _on_paths(edit: Edit, facts: Facts) -> tuple[Edit, ...]:
    """The edit, or one by which the old line no longer holds for the paths of the registry."""
    kind = next((f.kind for f in facts.evidence.files if f.path == edit.file), "")
    if edit.old is None or kind not in ("haproxy", "apache") or not _is_for_others(Place(edit.file, edit.line), facts):
        return (edit,)
    kept = _beyond_haproxy(edit.old) if kind == "haproxy" else _beyond_apache(edit.old)
    if kept is None or (edit.new is not None and kind == "apache"):
        return (edit,)
    here = [] if edit.new is None else [_only_haproxy(edit.new)]
    return (replace(edit, new="\n".join((kept, *(row for row in here if row)))),) if all(here) else (edit,)


def _is_for_others(place: Place, facts: Facts) -> bool:
    api = set(api_routes(facts))
    others = (r for r in facts.stack.routes if r.kind == "proxy" and r not in api)
    return any(e.place == place for r in others for e in (*r.request_headers, *r.response_headers))


_HAPROXY = re.compile(
    r"(?P<edit>\s*http-request\s+(?:set|add|del|replace)-(?:header|value)\s(?:(?!\s(?:if|unless)\s)[^#])*?)"
    r"(?:\s+(?P<when>if|unless)\s+(?P<condition>[^#]*?))?(?P<rest>\s*(?:#.*)?)"
)


def _beyond_haproxy(line: str) -> str | None:
    """HAProxy's line for all paths but the registry's; None where its condition has alternatives."""
    found = _HAPROXY.fullmatch(line)
    if found is None:
        return None
    when, condition = found["when"] or "unless", found["condition"] or ""
    if when == "if" and (not condition or re.search(r"\bor\b|\|\|", condition)):
        return None
    alone = "{ path_beg /v2/ }"
    more = f"{condition} !{alone}" if when == "if" else f"{condition} or {alone}" if condition else alone
    return f"{found['edit']} {when} {more}{found['rest']}"


def _only_haproxy(line: str) -> str | None:
    """HAProxy's line for the registry's paths alone; None where it has a condition already."""
    found = _HAPROXY.fullmatch(line)
    return f"{found['edit']} if {{ path_beg /v2/ }}" if found and not found["when"] else None


_APACHE = re.compile(r"\s*(?:RequestHeader|Header)\s(?!.*(?:\s\"?(?:env|expr)=|\searly\b)).*\S", re.IGNORECASE)


def _beyond_apache(line: str) -> str | None:
    """Apache's line for all paths but the registry's; None where it has a condition already."""
    return f'{line.rstrip()} "expr=%{{REQUEST_URI}} !~ m#^/v2/#"' if _APACHE.fullmatch(line.rstrip()) else None


# ---- snippets -------------------------------------------------------------------------------------------------


def _written_out(edits: tuple[Edit, ...], facts: Facts) -> tuple[Edit, ...] | None:
    """The edits that put a changed copy of a snippet in the place of the registry's import of it; None where the edits
    are in no snippet, where the registry alone imports it, or where it cannot be written out."""
    file = next((f for f in facts.evidence.files if f.path == edits[0].file), None)
    body = _snippet(file, edits) if file else None
    if file is None or body is None or len(body.rows) > _LONGEST or not body.rows.isdisjoint(file.masked):
        return None
    own, others = [], False
    for at in _imports(body, facts.evidence):
        if _is_registrys(at, body, facts):
            own.append(at)
        else:
            others = True
    if not own or not others:
        return None
    made = [_copy(at, body, file, edits, facts.evidence) for at in own]
    return tuple(e for e in made if e) if all(made) else None


class _Body:
    """The lines of a snippet, and how it is imported."""

    def __init__(self, rows: range, pattern: str, kind: str) -> None:
        self.rows, self.pattern, self.kind = frozenset(rows), re.compile(pattern), kind


def _snippet(file: SourceFile, edits: tuple[Edit, ...]) -> _Body | None:
    """The snippet that all edits are in: a block `(name) { … }` of Caddy, or a whole file without a server of nginx."""
    if any(e.file != file.path for e in edits):
        return None
    if file.kind == "caddy":
        inside = blocks(file.lines)
        heads = {next((h for h in reversed([e.line, *around(inside, e.line)])), 0) for e in edits}
        head = heads.pop() if len(heads) == 1 else 0
        named = re.match(r"\s*\(([\w.-]+)\)\s*\{\s*$", file.lines[head - 1]) if head else None
        if named is None or any(e.line == head for e in edits):
            return None
        rows = [n for n in range(head + 1, len(file.lines) + 1) if head in around(inside, n)]
        if not rows or file.lines[rows[-1] - 1].strip() != "}":
            return None
        return _Body(
            range(rows[0], rows[-1]), rf"\s*import\s+{re.escape(named[1])}(?P<args>(?:\s[^#]*)?)(?:#.*)?", "caddy"
        )
    if file.kind == "nginx" and not any(re.match(r"\s*(?:server|http|upstream)\b[^;]*\{", row) for row in file.lines):
        name = re.escape(file.path.rpartition("/")[2])
        return _Body(
            range(1, len(file.lines) + 1),
            rf"\s*include\s+[\"']?(?:\S*/)?{name}[\"']?\s*;\s*(?:#.*)?(?P<args>)",
            "nginx",
        )
    return None


def _imports(body: _Body, evidence: Evidence) -> Iterator[Place]:
    for file in evidence.files:
        for number, row in enumerate(file.lines if file.kind == body.kind else (), 1):
            if body.pattern.fullmatch(row.rstrip()):
                yield Place(file.path, number)


def _is_registrys(at: Place, body: _Body, facts: Facts) -> bool:
    """Whether the import stands in the site, or the very location, that leads to the registry."""
    lines = next((f.lines for f in facts.evidence.files if f.path == at.file), ())
    inside = blocks(lines)
    heads = set(around(inside, at.line or 1))
    for route in api_routes(facts):
        if body.kind == "caddy":
            words = {w.strip(",") for h in heads for w in lines[h - 1].split()}
            names = {re.sub(r"^\w+://|:\d+$", "", w) for w in words}
            if names & set(route.server_names) or (not route.server_names and words & {f":{p}" for p in route.listen}):
                return True
        elif route.upstream_place and route.upstream_place.file == at.file:
            stands = route.upstream_place.line or 0
            if stands <= len(lines) and inside[stands - 1] in (inside[(at.line or 1) - 1], *heads):
                return inside[(at.line or 1) - 1] in (inside[stands - 1], *around(inside, stands))
    return False


def _copy(at: Place, body: _Body, file: SourceFile, edits: tuple[Edit, ...], evidence: Evidence) -> Edit | None:
    """The import's line replaced by the snippet's own, changed ones; None where an argument cannot be put in."""
    source = next(f for f in evidence.files if f.path == at.file)
    number = at.line or 1
    if number in source.masked:
        return None
    old = source.lines[number - 1]
    found = body.pattern.fullmatch(old.rstrip())
    args = found["args"].split() if found else []
    changed = {e.line: e for e in edits if e.old is not None}
    rows: list[str] = []
    for n in sorted(body.rows):
        text = changed[n].new if n in changed else file.lines[n - 1].rstrip("\r")
        rows += [] if text is None else text.split("\n")
        rows += [row for e in edits if e.old is None and e.line == n for row in (e.new or "").split("\n")]
    filled = [_filled(row, args) for row in rows if row.strip()]
    if any("{args" in row or "{block" in row for row in filled):
        return None
    if not filled:
        return Edit(file=at.file, line=number, old=old, new=None)
    least = min(len(row) - len(row.lstrip()) for row in filled)
    indent = old[: len(old) - len(old.lstrip())]
    return Edit(file=at.file, line=number, old=old, new="\n".join(f"{indent}{row[least:]}" for row in filled))


def _filled(row: str, args: list[str]) -> str:
    for number, value in enumerate(args):
        row = row.replace(f"{{args[{number}]}}", value).replace(f"{{args.{number}}}", value)
    return row
