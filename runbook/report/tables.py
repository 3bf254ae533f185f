"""The tables: who answered what, which headers changed on the way, the htpasswd file, the settings in force."""

from collections.abc import Iterable, Sequence

from runbook.judge import Run
from runbook.model import Entry, Exchange, Route
from runbook.parse.consumers import CONSUMERS, READS, SOURCES, TITLES, Cell, Consumer, accepted_by
from runbook.parse.consumers import table as consumer_table
from runbook.redact import visible
from runbook.report.block import Block, para, part, table, tag
from runbook.urls import urlsplit

_ROUTES: tuple[tuple[Route, str], ...] = (("direct", "direct"), ("via", "via UI/proxy"), ("unknown", "route unknown"))
_LOGINS = ("no login", "login", "wrong on purpose")
_CALLS = ("GET /v2/", "GET /v2/_catalog", "OPTIONS", "other")
_ELSEWHERE = tuple(c for c in CONSUMERS if c != "registry")
_ACCEPTS = {"yes": "pass", "no": "fail", "depends": "warn"}
_DECISIVE = ("authorization", "www-authenticate", "location", "host", "docker-distribution-api-version")
_NOISE = {"date", "connection", "keep-alive", "transfer-encoding", "etag"}
_IDLE = _NOISE | {"content-length"}


def matrix(run: Run) -> Block:
    """Who asked what on which way, and what came back."""
    rows, lines = [], []
    asked = {_call(e) for e in run.traffic.exchanges if e.is_api}
    calls = [call for call in _CALLS if call in asked]
    for route, name in _ROUTES:
        for login in _LOGINS:
            found = [e for e in run.traffic.exchanges if e.route == route and e.is_api and _login(e) == login]
            if not found:
                continue
            cells = [_cell([e for e in found if _call(e) == call]) for call in calls]
            rows.append([f"{name}, {login}", *cells])
            lines.append(f"{name}, {login}: " + ", ".join(f"{_call(e)} {answer(e)}" for e in found))
    if not rows:
        return Block.soft("No request was made or handed over.")
    head = ("path and login", *calls)
    shown = [f"{urlsplit(e.url).netloc} shows a {e.certificate}." for e in run.traffic.exchanges if e.certificate]
    made = Block(
        table("Requests and their answers; where no place is named, this program asked", head, rows), "\n".join(lines)
    )
    return sum(map(Block.soft, shown), made)


def _login(exchange: Exchange) -> str:
    if exchange.credential is None:
        return "no login"
    return "wrong on purpose" if exchange.credential.intent == "wrong" else "login"


def _call(exchange: Exchange) -> str:
    if exchange.method == "OPTIONS":
        return "OPTIONS"
    path = exchange.path.rstrip("/")
    if exchange.method in ("GET", "HEAD") and path == "/v2":
        return "GET /v2/"
    if exchange.method in ("GET", "HEAD") and path == "/v2/_catalog":
        return "GET /v2/_catalog"
    return "other"


def answer(exchange: Exchange) -> str:
    """What came back, or why nothing did."""
    return str(exchange.status or exchange.error or "no answer")


def _cell(found: Sequence[Exchange]) -> str:
    rows = list(dict.fromkeys((answer(e), _kind(e), _other(e), str(e.source)) for e in found))
    return part("answers", rows[:6], max(0, len(rows) - 6))


def _other(exchange: Exchange) -> str:
    return f" {exchange.method} {visible(exchange.path, 60)}" if _call(exchange) == "other" else ""


def _kind(exchange: Exchange) -> str:
    """Red is what must not be: a login refused, or somebody let in without a right one. The challenge is neither."""
    status = exchange.status
    if status is None or status >= 500:
        return "dropped"
    if _login(exchange) == "login":
        return "kept" if status < 400 else "dropped"
    return "" if status >= 400 else "warn"


def headers(run: Run) -> Block:
    """For the same request direct and through the proxy: which answer headers were kept, added, dropped, rewritten."""
    html: list[str] = []
    lines = []
    for direct, via in sorted(_pairs(run), key=lambda pair: pair[0].status == pair[1].status):  # telling ones first
        rows = list(_changes(direct.response_headers, via.response_headers))
        title = f"{direct.method} {direct.path}, {_login(direct)}: direct {answer(direct)}, via proxy {answer(via)}"
        changed = sum(word != "kept" for word, *_ in rows)
        body = _header_table(title, ("direct", "via proxy"), rows)
        html.append(part("folded", f"{title} ({changed} changed)", body, not html))
        lines += [title, *(f"  {word} {name}: {a} -> {b}" for word, name, a, b in rows if word != "kept")]
    for sent, came in _tapped(run):
        title = f"{sent.method} {sent.path}, {_login(sent)}: as the client sent it, and as it arrived at the registry"
        rows = list(_changes(sent.request_headers, came.request_headers))
        body = _header_table(title, ("client", "registry"), rows)
        html.append(part("folded", title, body, True))
        lines += [title, *(f"  {word} {name}: {a} -> {b}" for word, name, a, b in rows if word != "kept")]
    if not html:
        return Block.soft("The same request was not seen both direct and through a proxy.")
    return Block("".join(html), "\n".join(lines))


def _header_table(title: str, ends: tuple[str, str], rows: Sequence[tuple[str, str, str, str]]) -> str:
    """What decides, first; what differs between any two answers is folded away."""
    head = ("header", "what happened", *ends)
    cells = {name: [name, tag(word), part("code", a, 300), part("code", b, 300)] for word, name, a, b in rows}
    idle = [name for name in cells if name.lower() in _IDLE]
    shown = table(title, head, (row for name, row in cells.items() if name not in idle))
    if not idle:
        return shown
    names = ", ".join(idle)
    return shown + part("folded", f"Of no weight: {names}", table(names, head, (cells[name] for name in idle)))


def changed_headers(run: Run) -> Iterable[tuple[str, str, str, str, str]]:
    """Per request seen direct and through the proxy, its response headers: request, change, name, direct, via."""
    for direct, via in _pairs(run):
        title = f"{direct.method} {direct.path}, {_login(direct)}"
        for word, name, a, b in _changes(direct.response_headers, via.response_headers):
            yield title, word, name, a, b


def _tapped(run: Run) -> Iterable[tuple[Exchange, Exchange]]:
    """Requests of clients, each with what a tap saw of it before the registry: the nearest in time."""
    told = set()
    for sent in run.traffic.exchanges:
        key = (sent.method, sent.path, _login(sent))
        same = [a for a in run.traffic.arrived if (a.method, a.path) == key[:2]]
        if sent.route == "direct" or not sent.request_headers or not same or key in told:
            continue
        told.add(key)
        when = sent.when
        yield sent, same[0] if when is None else min(same, key=lambda a: abs((a.when or 0) - when))


def _pairs(run: Run) -> Iterable[tuple[Exchange, Exchange]]:
    seen = set()
    answered = [e for e in run.traffic.exchanges if e.is_api and e.response_headers]
    for direct in (e for e in answered if e.route == "direct"):
        for via in (e for e in answered if e.route == "via"):
            key = (direct.method, direct.path, _login(direct))
            if key == (via.method, via.path, _login(via)) and key not in seen:
                seen.add(key)
                yield direct, via


def _changes(
    before: Sequence[tuple[str, str]], after: Sequence[tuple[str, str]]
) -> Iterable[tuple[str, str, str, str]]:
    old, new = _grouped(before), _grouped(after)
    for key in sorted(dict.fromkeys([*old, *new]), key=_rank):
        a, b = old.get(key), new.get(key)
        name = (a or b or ("", ""))[0]
        if a is None:
            yield "added", name, "", b[1] if b else ""
        elif b is None:
            yield "dropped", name, a[1], ""
        else:
            yield ("kept" if a[1] == b[1] or key in _NOISE else "rewritten"), name, a[1], b[1]


def _rank(header: str) -> int:
    """The headers that decide stand first, those that always differ last."""
    if header in _DECISIVE:
        return _DECISIVE.index(header)
    return len(_DECISIVE) + (header in (*_IDLE, "server"))


def _grouped(rows: Sequence[tuple[str, str]]) -> dict[str, tuple[str, str]]:
    grouped: dict[str, tuple[str, str]] = {}
    for name, value in rows:
        key = name.lower()
        joined = f"{grouped[key][1]} | {value}" if key in grouped else value
        grouped[key] = (name, joined)
    return grouped


def htpasswd(run: Run) -> Block:
    """Each entry as the registry reads it; no hash is shown."""
    html: list[str] = []
    lines = []
    for file in run.evidence.htpasswd:
        rows = [
            [
                str(e.line),
                part("code", ascii(e.name) if not e.name.isprintable() else e.name, 100),
                e.scheme,
                "" if e.cost is None else e.cost,
                _can_log_in(e),
                _remark(e),
                *(_accepts(e, consumer) for consumer in _ELSEWHERE),
            ]
            for e in file.entries[:200]
        ]
        if file.refused:
            html.append(para(f"The registry refuses the whole file: {file.refusal} ({file.refused})"))
        about = f"{file.file}: {len(file.entries)} {'entry' if len(file.entries) == 1 else 'entries'}, {file.encoding}, line ends {file.line_ends}"
        head = ("line", "name", "scheme", "cost", "can log in", "remark", *(TITLES[c] for c in _ELSEWHERE))
        html.append(table(about, head, rows))
        lines += [about, *(f"  {e.line} {e.name}: {e.scheme} {_remark(e)}" for e in file.entries[:50])]
    if not html:
        return Block.soft("No htpasswd file was handed over.")
    how = para("Whether that program would let the right password in with an entry of this form.", "rb-soft")
    html.append(part("folded", "what the columns after the remark say", how + _sources(_ELSEWHERE)))
    return Block("".join(html), "\n".join(lines))


def _can_log_in(entry: Entry) -> str:
    if entry.hidden and not entry.shadowed:
        return tag("not known", "skipped")
    return tag("yes", "pass") if entry.usable and not entry.shadowed else tag("never", "fail")


def _accepts(entry: Entry, consumer: Consumer) -> str:
    """One cell of entry and program; the reason is in its title."""
    cell = accepted_by(entry).get(consumer)
    if cell is None:
        return tag("not known", "skipped")
    return part("accepts", cell.accepts, _ACCEPTS[cell.accepts], cell.note, False)


def consumers() -> Block:
    """Every form of hash against every program that might be given the file; each cell is known from a run or a source."""
    rows = [
        [part("code", form), *(_plain(cells[consumer]) for consumer in CONSUMERS)]
        for form, cells in consumer_table().items()
    ]
    html = table("Who accepts which hash", ("hash", *(TITLES[c] for c in CONSUMERS)), rows)
    lines = [
        f"{form}: " + ", ".join(f"{TITLES[c]} {cells[c].accepts}" for c in CONSUMERS)
        for form, cells in consumer_table().items()
    ]
    return Block(html + _sources(CONSUMERS), "\n".join(lines))


def _sources(programs: Iterable[Consumer]) -> str:
    return part("bullets", [f"{TITLES[c]} reads {READS[c]}. Known by {SOURCES[c]}." for c in programs])


def _plain(cell: Cell) -> str:
    return part("accepts", cell.accepts, _ACCEPTS[cell.accepts], cell.note, True)


def _remark(entry: object) -> str:
    if getattr(entry, "hidden", False):
        return "blacked out before it was handed over"
    defect, merged = getattr(entry, "defect", None), getattr(entry, "merged", ())
    parts = [str(defect)] if defect else []
    if merged:
        parts.append(f"swallows {', '.join(merged)}: a newline is missing")
    if getattr(entry, "shadowed", False):
        parts.append("a later line of the same name wins")
    if not parts and not getattr(entry, "usable", True):
        parts.append("the registry compares with bcrypt only")
    return "; ".join(parts)


def settings(run: Run) -> Block:
    """What the registry process really uses, and where each value comes from."""
    registry = run.stack.registry
    if registry is None or not registry.known:
        return Block.soft("Neither a compose file nor a config.yml was handed over.")
    rows, lines = [], []
    for key, setting in sorted(registry.settings.items()):
        value = setting.value if not isinstance(setting.value, list) else ", ".join(map(str, setting.value))
        value = str(value).lower() if isinstance(value, bool) else value  # as YAML has it
        rows.append([part("code", key), part("code", value, 200), setting.origin, part("place", setting.place or "")])
        lines.append(f"  {key} = {value} ({setting.origin})")
    image = registry.service.image if registry.service else ""
    about = f"{registry.name}: {image or 'registry'}, reads {registry.config_path or 'its image default'}"
    return Block(table(about, ("setting", "value in force", "from", "where"), rows), "\n".join([about, *lines]))
