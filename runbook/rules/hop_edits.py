"""Line edits in the user's own files, and commands where a secret forbids a diff: shared by the rules about proxies."""

import re
import shlex

from runbook.model import Edit, Evidence, HeaderEdit, Place

HEADER_LINE = (
    r"proxy_set_header\s+{0}\s+(?:\"[^\"]*\"|'[^']*'|[^;]*);|proxy_pass_request_headers\s+off\s*;|more_clear_input_headers[^;]*;"
    r"|(?:header_up|request_header)\s+[-+]?{0}\b.*|http-request\s+(?:del|set|add|replace)-(?:header|value)\s+{0}\b.*"
    r"|req(?:i)?del\s.*|RequestHeader\s+\w+\s+\"?{0}\b.*|(?:-\s*)?[\"']?NGINX_PROXY_HEADER_{0}\b.*"
    r"|(?:-\s*)?[\"']?traefik\.[\w.-]*customrequestheaders\.{0}\b.*|(?:-\s*)?[\"']?traefik\.[\w.-]*removeheader\b.*|{0}\s*:.*"
)
"""A header edit as any of the software writes it; {0} is the header's name."""


def line_of(evidence: Evidence, place: Place) -> str | None:
    """The text of a line of the user's file, where it is known and not masked."""
    file = next((f for f in evidence.files if f.path == place.file), None)
    if file is None or place.line is None or not 0 < place.line <= len(file.lines) or place.line in file.masked:
        return None
    return file.lines[place.line - 1]


def drop(evidence: Evidence, place: Place, pattern: str) -> tuple[Edit, ...]:
    """The edit that takes a directive out: its line, or its part of a line that holds more."""
    old = line_of(evidence, place)
    if old is None or place.line is None:
        return ()
    rest = re.sub(pattern, "", old, count=1, flags=re.IGNORECASE)
    if rest == old:
        return ()
    bare = re.sub(r"#.*", "", rest).strip()
    return (Edit(file=place.file, line=place.line, old=old, new=rest.rstrip() if bare else None),)


def drop_block(evidence: Evidence, place: Place) -> tuple[Edit, ...]:
    """The edits that take out the block around a line (`location = /v2/ { return 200; }`), if it does not proxy."""
    file = next((f for f in evidence.files if f.path == place.file), None)
    if file is None or place.line is None or place.line > len(file.lines):
        return ()
    first = last = place.line
    while first > 0 and file.lines[first - 1].count("{") <= file.lines[first - 1].count("}"):
        first -= 1
    depth = 0
    for last in range(max(first, 1), len(file.lines) + 1):
        depth += file.lines[last - 1].count("{") - file.lines[last - 1].count("}")
        if depth <= 0:
            break
    lines = range(first, last + 1)
    text = " ".join(file.lines[n - 1] for n in lines if n > 0)
    single = "return" in file.lines[place.line - 1] and "{" in file.lines[place.line - 1].replace("{}", "")
    if single:
        return drop(evidence, place, r"(?:if|location)\s[^{;]*\{[^{}]*\breturn\b(?:'[^']*'|\"[^\"]*\"|[^}])*\}")
    if first <= 0 or depth > 0 or "proxy_pass" in text or any(n in file.masked for n in lines):
        return ()
    return tuple(Edit(file=place.file, line=n, old=file.lines[n - 1], new=None) for n in lines)


def swap(evidence: Evidence, place: Place | None, pattern: str, replacement: str) -> tuple[Edit, ...]:
    """The edit that changes part of a line."""
    old = line_of(evidence, place) if place else None
    if old is None or place is None or place.line is None:
        return ()
    new = substituted(pattern, replacement, old)
    return (Edit(file=place.file, line=place.line, old=old, new=new),) if new != old else ()


def substituted(pattern: str, replacement: str, text: str) -> str:
    """The text with the first match replaced; unchanged where a name with a backslash makes no replacement."""
    try:
        return re.sub(pattern, replacement, text, count=1, flags=re.IGNORECASE)
    except re.error:
        return text


def insert(evidence: Evidence, place: Place | None, text: str) -> tuple[Edit, ...]:
    """The edit that puts a line after another one, indented like it."""
    old = line_of(evidence, place) if place else None
    if old is None or place is None or place.line is None or old.rstrip().endswith("}"):
        return ()
    indent = old[: len(old) - len(old.lstrip())]
    if old.rstrip().endswith("{"):
        indent += "\t" if "\t" in indent else "    "
    return (Edit(file=place.file, line=place.line, old=None, new=f"{indent}{text}"),)


def drop_header(evidence: Evidence, edit: HeaderEdit) -> tuple[Edit, ...]:
    """The edit that takes a header edit out of the file."""
    return drop(evidence, edit.place, _header_line(edit))


def delete_command(evidence: Evidence, edit: HeaderEdit) -> tuple[str, ...]:
    """The command that deletes the line of a header edit where no diff can: a secret stands in it."""
    file = next((f for f in evidence.files if f.path == edit.place.file), None)
    line = edit.place.line
    if file is None or line is None or line not in file.masked or line > len(file.lines):
        return ()
    whole = not re.sub(_header_line(edit), "", file.lines[line - 1], count=1, flags=re.IGNORECASE).strip()
    return (f"sed -i.bak '{line}d' {shlex.quote(edit.place.file)}",) if whole else ()


def _header_line(edit: HeaderEdit) -> str:
    return HEADER_LINE.format(re.escape(edit.name).replace(r"\-", "[-_]"))
