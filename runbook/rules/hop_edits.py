"""Line edits in the user's own files, and commands where a secret forbids a diff: shared by the rules about proxies."""

from collections.abc import Iterator, Sequence

from runbook.lazy import re
from runbook.model import Edit, Evidence, HeaderEdit, Place, ProxyRoute
from runbook.model.command import Command, file, glued, number, sh

HEADER_LINE = (
    r"proxy_set_header\s+{0}\s+(?:\"[^\"]*\"|'[^']*'|[^;]*);|proxy_pass_request_headers\s+off\s*;|more_clear_input_headers[^;]*;"
    r"|(?:header_up|request_header)\s+[-+]?{0}\b.*|http-request\s+(?:del|set|add|replace)-(?:header|value)\s+{0}\b.*"
    r"|http-request\s+del-header\s+\S+\s+-m\s.*|req(?:i)?del\s.*|RequestHeader\s+\w+\s+\"?(?:{0}\b|\$\{{\w+\}}|\[redacted\]).*|(?:-\s*)?[\"']?NGINX_PROXY_HEADER_{0}\b.*"
    r"|(?:-\s*)?[\"']?traefik\.[\w.-]*customrequestheaders\.{0}\b.*|(?:-\s*)?[\"']?traefik\.[\w.-]*removeheader\b.*|{0}\s*:.*"
)
"""A header edit as any of the software writes it; {0} is the header's name."""


_CADDY_LABEL = re.compile(r"\s*(?:- +)?[\"']?caddy(?:_\d+)?[.:=\"']")
"""A label that spells a line of a Caddyfile: another line of one does not fit beside it."""


def line_of(evidence: Evidence, place: Place) -> str | None:
    """The text of a line of the user's file, where it is known and not masked."""
    file = next((f for f in evidence.files if f.path == place.file), None)
    if file is None or place.line is None or not 0 < place.line <= len(file.lines) or place.line in file.masked:
        return None
    return file.lines[place.line - 1]


def places(evidence: Evidence, file: str, pattern: str) -> Iterator[Place]:
    """The lines of the user's file in which a pattern of ours is found."""
    found = re.compile(pattern, re.IGNORECASE)
    lines = _lines(evidence, Place(file))
    return (Place(file, number) for number, line in enumerate(lines, 1) if found.search(line))


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


def drop_line(evidence: Evidence, place: Place | None, pattern: str = "") -> tuple[Edit, ...]:
    """The edit that takes a whole line out, where it is known and looks as expected."""
    old = line_of(evidence, place) if place else None
    if old is None or place is None or place.line is None or not re.search(pattern, old, re.IGNORECASE):
        return ()
    return (Edit(file=place.file, line=place.line, old=old, new=None),)


def drop_lines(evidence: Evidence, route: ProxyRoute, pattern: str) -> tuple[Edit, ...]:
    """The edits that take out every line on the way of a route in which a pattern of ours is found."""
    return tuple(e for place in on_way(evidence, route, pattern) for e in drop_line(evidence, place))


def on_way(evidence: Evidence, route: ProxyRoute, pattern: str) -> Iterator[Place]:
    """The lines that hold for a route in which a pattern of ours is found: those in a block that is around the route as
    well. What stands in another site, location or frontend is somebody else's."""
    lines = _lines(evidence, route.place)
    inside = _sections(lines) if route.software == "haproxy" else blocks(lines)
    standing = (p for p in (route.place, route.front, route.upstream_place) if p and p.file == route.place.file)
    known = [p.line for p in standing if p.line and p.line <= len(lines)]
    own = {0, *known, *(n for line in known for n in around(inside, line))}
    return (p for p in places(evidence, route.place.file, pattern) if p.line and inside[p.line - 1] in own)


def _sections(lines: Sequence[str]) -> list[int]:
    """The line with which the section of HAProxy begins that each other line stands in; 0 for none."""
    begun, found = 0, []
    for n, line in enumerate(lines, 1):
        begins = _SECTION.match(line)
        found.append(0 if begins else begun)
        begun = n if begins else begun
    return found


_SECTION = re.compile(r"(?:global|defaults|frontend|backend|listen|userlist|resolvers|peers|cache|program)\b")


def drop_key(evidence: Evidence, place: Place | None) -> tuple[Edit, ...]:
    """The edits that take a key of YAML out with all that is below it, and the keys above of which nothing would be left."""
    lines = _lines(evidence, place) if place else ()
    if place is None or place.line is None or not 0 < place.line <= len(lines):
        return ()
    gone = set(beneath(lines, place.line))
    top = place.line
    while (above := _parent(lines, top)) is not None:
        left = [n for n in beneath(lines, above)[1:] if n not in gone and re.match(r"\s*[^\s#]", lines[n - 1])]
        if left or re.match(r"\s*-", lines[above - 1]) or not lines[above - 1].split("#")[0].rstrip().endswith(":"):
            break
        top = above
        gone |= {above, *beneath(lines, above)}
    edits = [drop_line(evidence, Place(place.file, n)) for n in sorted(gone)]
    return tuple(e for (e,) in edits) if all(edits) else ()


def _indent(line: str) -> int:
    return len(line) - len(line.lstrip())


def beneath(lines: Sequence[str], key: int) -> list[int]:
    """The line of a key and those of its value, blank ones at the end left out; items may stand as far left as the key."""
    found, last = [key], key
    for n in range(key + 1, len(lines) + 1):
        text, depth = lines[n - 1], _indent(lines[n - 1]) - _indent(lines[key - 1])
        item = depth == 0 and text.lstrip().startswith("- ") and not lines[key - 1].lstrip().startswith("- ")
        if text.strip() and depth <= 0 and not item:
            break
        found.append(n)
        last = n if text.strip() else last
    return [n for n in found if n <= last]


def _parent(lines: Sequence[str], key: int) -> int | None:
    """The line of the key that a line of YAML stands below; an item may stand as far left as its key."""
    own, item = _indent(lines[key - 1]), lines[key - 1].lstrip().startswith("- ")
    above = (n for n in range(key - 1, 0, -1) if lines[n - 1].strip())
    same = (n for n in above if _indent(lines[n - 1]) < own + (item and not lines[n - 1].lstrip().startswith("- ")))
    return next(same, None)


def swap(evidence: Evidence, place: Place | None, pattern: str, replacement: str) -> tuple[Edit, ...]:
    """The edit that changes part of a line."""
    old = line_of(evidence, place) if place else None
    if old is None or place is None or place.line is None:
        return ()
    new = substituted(pattern, replacement, old)
    return (Edit(file=place.file, line=place.line, old=old, new=new),) if new != old else ()


def in_location(evidence: Evidence, route: ProxyRoute, place: Place, name: str, value: str) -> tuple[Edit, ...]:
    """The edit that gives a setting of nginx another value for a route: its line, or one beside proxy_pass where that
    line holds for other sites as well."""
    if re.match(r"\s*http\s*\{", same_block(evidence, place)[0]) and route.upstream_place:
        return insert(evidence, route.upstream_place, f"{name} {value};")
    return swap(evidence, place, rf"({name}\s+)[^;]+;", rf"\g<1>{value};")


def substituted(pattern: str, replacement: str, text: str) -> str:
    """The text with the first match replaced; unchanged where a name with a backslash makes no replacement."""
    try:
        return re.sub(pattern, replacement, text, count=1, flags=re.IGNORECASE)
    except re.error:
        return text


def insert(evidence: Evidence, place: Place | None, text: str) -> tuple[Edit, ...]:
    """The edit that puts a line, or several, after another one, indented like it."""
    old = line_of(evidence, place) if place else None
    if old is None or place is None or place.line is None or old.rstrip().endswith("}") or _CADDY_LABEL.match(old):
        return ()
    indent = old[: len(old) - len(old.lstrip())]
    if old.rstrip().endswith("{"):
        indent += "\t" if "\t" in indent else "    "
    new = "\n".join(f"{indent}{row}" for row in text.split("\n"))
    return (Edit(file=place.file, line=place.line, old=None, new=new),)


def add_header(evidence: Evidence, route: ProxyRoute, line: str) -> tuple[Edit, ...]:
    """The edit that lets a route send one more request header.

    nginx takes the list of the innermost level that has one: a line for that list, never one that hides it. None
    where an include is not at hand: it may set that header already, and both would be sent.
    """
    if route.unread:
        return ()
    listed = [e.place for e in route.request_headers if not e.condition] if route.software == "nginx" else []
    places = [*reversed(listed), *([] if listed else [route.upstream_place])]
    return next((edits for place in places if (edits := insert(evidence, place, line))), ())


def beside(route: ProxyRoute) -> str:
    """What to look at before a line is added by hand; "" where every include is at hand."""
    return f" (first look whether the file that {route.unread[0]} includes sets it)" if route.unread else ""


def drop_header(evidence: Evidence, edit: HeaderEdit) -> tuple[Edit, ...]:
    """The edits that take a header edit out of the file.

    A Traefik middleware of which nothing is left is taken out of its routers as well: a router that names a
    middleware that does not exist answers 404.
    """
    if _CADDY_LABEL.match(line_of(evidence, edit.place) or ""):
        return drop_line(evidence, edit.place, re.escape(edit.name))
    dropped = drop(evidence, edit.place, _header_line(edit))
    if dropped and dropped[0].new is None and edit.place.file.endswith((".yml", ".yaml")) and _is_key(dropped[0].old):
        return _without_middleware(evidence, drop_key(evidence, edit.place))
    return (*dropped, *detach(evidence, edit.place)) if dropped and _only_label(evidence, edit.place) else dropped


def _is_key(line: str | None) -> bool:
    """Whether it is a key of Traefik's own file, and no label or variable of a compose file."""
    return (
        line is not None and re.match(r"\s*[\"']?[\w-]+[\"']?\s*:", line) is not None and "traefik." not in line.lower()
    )


def _without_middleware(evidence: Evidence, edits: tuple[Edit, ...]) -> tuple[Edit, ...]:
    """The same, and where a whole middleware of Traefik's file goes, the routers and chains no longer name it: one that
    does not exist answers 404."""
    if not edits:
        return ()
    file, gone = edits[0].file, {e.line for e in edits}
    lines = _lines(evidence, Place(file))
    heads = ((n, _parent(lines, n)) for n in sorted(gone))
    names = [_key(lines[n - 1]) for n, above in heads if above and _is_middlewares(lines[above - 1])]
    return (*edits, *_unreferred(evidence, names[0], {(file, n) for n in gone})) if names else edits


def unused_middleware(evidence: Evidence, edit: HeaderEdit) -> tuple[Edit, ...]:
    """The edits after which nothing uses a middleware of Traefik's file that holds this one header and no more, where the
    line itself cannot stand in a diff: there is a secret in it. Without the line the file would not be read."""
    lines, at = _lines(evidence, edit.place), edit.place.line
    source = next((f for f in evidence.files if f.path == edit.place.file), None)
    if source is None or source.kind != "traefik" or at is None or at not in source.masked:
        return ()
    above = _parent(lines, at)
    while above and not _is_middlewares(lines[above - 1]):
        if sum(_parent(lines, n) == above for n, line in enumerate(lines, 1) if line.strip()) != 1:
            return ()
        at, above = above, _parent(lines, above)
    return _unreferred(evidence, _key(lines[at - 1]), set()) if above else ()


def _key(line: str) -> str:
    return re.sub(r"[\s\"':]", "", line)


def _unreferred(evidence: Evidence, name: str, gone: set[tuple[str, int]]) -> tuple[Edit, ...]:
    """The edits after which no router and no chain names a middleware of Traefik's files. `gone`: lines that go anyway."""
    named = re.compile(rf"(?<![\w-])[\"']?{re.escape(name)}(?:@file)?[\"']?(?![\w-])")
    uses: list[Edit] = []
    for source in (f for f in evidence.files if f.kind == "traefik"):
        for n, line in enumerate(source.lines, 1):
            above = _parent(source.lines, n)
            if (source.path, n) in gone:
                continue
            if re.match(r"\s*middlewares\s*:\s*\[", line) and named.search(line):
                listed = re.split(r"[,\s]+", line.partition("[")[2].partition("]")[0])
                left = [w for w in listed if w and not named.fullmatch(w)]
                new = f"{line.partition('[')[0]}[{', '.join(left)}]" if left else None
                uses += [Edit(file=source.path, line=n, old=line, new=new)] if n not in source.masked else []
            elif (
                above and _is_middlewares(source.lines[above - 1]) and re.fullmatch(rf"\s*-\s*{named.pattern}\s*", line)
            ):
                uses += drop_line(evidence, Place(source.path, n))
    for compose in evidence.compose.files if evidence.compose else ():
        uses += _unnamed(evidence, compose, (f"{name.lower()}@file",))
    return tuple(uses)


def _is_middlewares(line: str) -> bool:
    return re.match(r"\s*middlewares\s*:\s*(?:#.*)?$", line) is not None


def elsewhere_only(evidence: Evidence, route: ProxyRoute, place: Place) -> tuple[Edit, ...]:
    """The edit by which a line that takes Authorization away no longer does so on the registry's paths, and goes on doing
    it for the other sites that it holds for; () where one line cannot say that."""
    if route.software == "haproxy":
        line = r"(http-request\s+del-header\s+\S+(?:\s+-m\s+\w+)?)(?=\s*(?:#|$))"
        return swap(evidence, place, line, r"\1 unless { path_beg /v2/ }")
    if route.software == "apache":
        line = r"(RequestHeader\s+unset\s+\"?Authorization\"?)(?=\s*$)"
        return swap(evidence, place, line, r'\1 "expr=%{REQUEST_URI} !~ m#^/v2/#"')
    beside = route.upstream_place if route.software == "nginx" else None
    if beside is None or place in same_block(evidence, beside)[1]:
        return ()
    given = "proxy_set_header Authorization $http_authorization;"
    if row := included_at(
        evidence, beside, place.file
    ):  # of two lines in one list the empty one is not sent (run: 1.22)
        return insert(evidence, row, given)
    outer = [line_of(evidence, e.place) for e in route.request_headers if e.place != place]
    kept = [(row or "").split("#")[0].strip() for row in outer]  # a list of its own hides that of the levels around it
    whole = all(re.fullmatch(r"proxy_set_header\s[^;{}]*;", row) for row in kept)
    return insert(evidence, beside, "\n".join([*kept, given])) if whole else ()


def elsewhere_command(evidence: Evidence, route: ProxyRoute, place: Place) -> tuple[Command, ...]:
    """The same by a command, where something in the line is masked, if only a comment; () where that cannot say it."""
    if route.software != "haproxy":
        return ()
    line = r"^(\s*http-request\s+del-header\s+[^\s#]+(?:\s+-m\s+\w+)?)(?=\s*(?:#|$|\[redacted))"
    return by_command(evidence, place, line, r"$1 unless { path_beg \/v2\/ }")


def included_at(evidence: Evidence, beside: Place, path: str) -> Place | None:
    """The line that includes a file in the very block that a line stands in."""
    name = path.rpartition("/")[2]
    rows = ((row, (line_of(evidence, row) or "").split("#")[0].split()) for row in same_block(evidence, beside)[1])
    found = (row for row, words in rows if len(words) == 2 and words[0].lower() in ("include", "includeoptional")
             and words[1].strip("\"';").rpartition("/")[2] == name)  # fmt: skip
    return next(found, None)


def detach(evidence: Evidence, place: Place) -> tuple[Edit, ...]:
    """The edits that take the Traefik middleware of that label out of the routers of the same file; () for any other
    line. The label itself may hold a secret: it is only read for the middleware's name."""
    found = _middleware(evidence, place)
    return _unnamed(evidence, place.file, (found, f"{found}@docker")) if found else ()


def _unnamed(evidence: Evidence, file: str, gone: tuple[str, ...]) -> tuple[Edit, ...]:
    """The edits after which no router in the labels of a file names these middlewares."""
    edits = []
    for n, line in enumerate(_lines(evidence, Place(file)), 1):
        old, used = line_of(evidence, Place(file, n)), _ROUTER_USES.match(line.rstrip())
        names = re.split(r"[,\s]+", used[1].strip()) if used else []
        left = [m for m in names if m.lower() not in gone]
        if used and old is not None and left != names:
            new = f"{line[: used.start(1)]}{','.join(left)}{line[used.end(1) :]}" if left else None
            edits.append(Edit(file=file, line=n, old=old, new=new))
    return tuple(edits)


_ROUTER_USES = re.compile(
    r"\s*(?:-\s*)?[\"']?traefik\.http\.routers\.[\w-]+\.middlewares[\"']?\s*[=:]\s*+[\"']?([^\"'#]*+)[\"']?$",
    re.IGNORECASE,
)
"""A label, in a line of its own, with the middlewares that a router uses."""


def _middleware(evidence: Evidence, place: Place) -> str | None:
    """The name of the Traefik middleware that the label in this line belongs to."""
    lines = _lines(evidence, place)
    text = lines[place.line - 1] if place.line is not None and 0 < place.line <= len(lines) else ""
    found = re.search(r"traefik\.http\.middlewares\.([\w-]+)\.", text, re.IGNORECASE)
    return found[1].lower() if found else None


def _only_label(evidence: Evidence, place: Place) -> bool:
    """Whether no other line of the file says anything of the middleware of that label."""
    found = _middleware(evidence, place)
    same = re.compile(rf"traefik\.http\.middlewares\.{re.escape(found or '')}\.", re.IGNORECASE)
    return found is not None and sum(bool(same.search(line)) for line in _lines(evidence, place)) == 1


def _lines(evidence: Evidence, place: Place) -> tuple[str, ...]:
    """The lines of the user's file, secrets masked."""
    return next((f.lines for f in evidence.files if f.path == place.file), ())


def blocks(lines: Sequence[str]) -> list[int]:
    """The line that opened the block which each line stands in; 0 for none. A closing brace or tag belongs to its block;
    Apache's plain guards (IfModule, RequireAll) are none."""
    opened, found = [0], []
    for n, line in enumerate(lines, 1):
        bare = re.sub(r"'[^']*'|\"[^\"]*\"", "", re.split(r"(?:^|\s)#", line)[0]).strip()
        found.append(opened[-1])
        tag = _TAG.match(bare)
        opens = closes = 0
        for brace in re.findall(r"[{}]", bare):
            closes += brace == "}" and not opens
            opens += 1 if brace == "{" else -1 if opens else 0
        opens, closes = opens + bool(tag and not tag[1]), closes + bool(tag and tag[1])
        del opened[max(1, len(opened) - closes) :]
        opened += [n] * opens
    return found


_TAG = re.compile(r"<(/?)(?:VirtualHost|Location|Directory|Files|Proxy)(?:Match)?\b", re.IGNORECASE)


def around(inside: Sequence[int], line: int) -> Iterator[int]:
    """The lines that opened the blocks around a line, innermost first."""
    while line := inside[line - 1]:
        yield line


def same_block(evidence: Evidence, place: Place) -> tuple[str, list[Place]]:
    """The line that opened the block which a line stands in ("": none), and the lines that stand in it themselves."""
    lines = _lines(evidence, place)
    inside = blocks(lines)
    head = inside[place.line - 1] if place.line and place.line <= len(lines) else 0
    return lines[head - 1] if head else "", [Place(place.file, n) for n, at in enumerate(inside, 1) if at == head]


def deleted(evidence: Evidence, edit: HeaderEdit) -> tuple[Edit, ...]:
    """What `delete_command` does, as an edit."""
    line = edit.place.line
    if line is None or not delete_command(evidence, edit):
        return ()
    return (Edit(file=edit.place.file, line=line, old=_lines(evidence, edit.place)[line - 1], new=None),)


def by_command(evidence: Evidence, place: Place | None, pattern: str, replacement: str | None) -> tuple[Command, ...]:
    """The command that changes part of a line, or deletes it (None), where no diff can: somewhere in it a secret may
    stand. Both are patterns of ours, and the second time the command changes nothing."""
    lines = _lines(evidence, place) if place else ()
    masked = next((f.masked for f in evidence.files if place and f.path == place.file), ())
    if place is None or place.line not in masked or place.line is None or place.line > len(lines):
        return ()
    if not re.search(pattern, lines[place.line - 1], re.IGNORECASE):
        return ()
    if replacement is None:
        script = glued("print unless $. == ", number(place.line), f" && /{pattern}/i")
        return (sh("perl", "-ni", "-e", script, file(place.file)),)
    script = glued(f"s/{pattern}/{replacement}/ if $. == ", number(place.line))
    return (sh("perl", "-pi", "-e", script, file(place.file)),)


def delete_command(evidence: Evidence, edit: HeaderEdit) -> tuple[Command, ...]:
    """The command that deletes the line of an Authorization edit where no diff can: a secret is in it.

    It leaves no copy of the file, and once the line is gone it deletes nothing.
    """
    found = next((f for f in evidence.files if f.path == edit.place.file), None)
    line = edit.place.line
    if found is None or line is None or line not in found.masked or line > len(found.lines):
        return ()
    if re.sub(_header_line(edit), "", found.lines[line - 1], count=1, flags=re.IGNORECASE).strip():
        return ()
    defined = r"requestheader\s+\w+\s+.?\$\{"  # Apache's Define
    word = "authorization" if "authorization" in found.lines[line - 1].lower() else defined
    script = glued("print unless $. == ", number(line), f" && /{word}/i")
    return (sh("perl", "-ni", "-e", script, file(edit.place.file)),)


def _header_line(edit: HeaderEdit) -> str:
    return HEADER_LINE.format(re.escape(edit.name).replace(r"\-", "[-_]"))
