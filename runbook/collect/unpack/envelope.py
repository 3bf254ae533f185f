"""Logs as collectors and consoles export them: what the programs wrote is taken out of its envelope. Pure.

Line by line: journald and GELF JSON, docker's json-file, CRI, syslog, fluentd, logcli, `aws logs tail`, stern. As a whole:
Elasticsearch and Kibana, Loki, CloudWatch, Google Cloud, pretty-printed JSON and CSV. The name of the container comes
before each line as `docker compose logs` writes it. A JSON line of the registry's own is no envelope.
"""

import csv
import io
import json
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Any

from runbook.collect import marks
from runbook.collect.unpack.rows import Rows
from runbook.collect.unpack.tickets import is_talk
from runbook.lazy import re

LIMIT = 64 * 1024 * 1024
_MOST = 200_000
_DEPTH = 6
_MISSES = 20
_HEAD = 64 * 1024
_WORDS = 7
"""So many words may stand before the log proper."""

Record = dict[str, Any]

_MESSAGES = (
    "log", "message", "MESSAGE", "@message", "full_message", "short_message", "line", "Line", "textPayload", "_raw", "Message",
    "log_processed", "LogEntry", "body", "Body", "content", "original", "event.original",
)  # fmt: skip
_INNER = (
    "_source",
    "fields",
    "result",
    "jsonPayload",
    "attributes",
    "content",
    "event",
    "data",
    "record",
    "kubernetes",
    "docker",
)
_SERVICES = (
    "container_name", "CONTAINER_NAME", "_container_name", "container.name", "kubernetes.container.name", "compose_service",
    "kubernetes.container_name", "docker.container.name", "com.docker.compose.service", "service.name", "service", "container",
    "resource.labels.container_name", "logStreamName", "@logStream", "logStream", "ContainerName", "SYSLOG_IDENTIFIER", "app", "pod", "source",
    "swarm_service",
)  # fmt: skip
_RANKS = {
    name: rank
    for rank, key in enumerate(_SERVICES)
    for name in (key, f"_source.{key}", f"fields.{key}", f"stream.{key}")
}
_TIMES = (
    "@timestamp", "timestamp", "time", "ts", "date", "Time", "tsNs", "_time", "__REALTIME_TIMESTAMP", "receiveTimestamp",
    "Timestamp", "Date", "eventTime", "TimeGenerated",
)  # fmt: skip
_WHEN = r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:[.,]\d{1,9})?(?:Z|[+-]\d\d:?\d\d)?"
_CRI = re.compile(rf"{_WHEN} (?:stdout|stderr) ([FP])(?: (.*))?$", re.DOTALL)
_SYSLOG = re.compile(
    rf"(?:<\d{{1,3}}>)?1 (?:{_WHEN}|-) \S{{1,255}} (\S{{1,128}}) \S{{1,128}} \S{{1,32}} (?:-|(?:\[[^\]]{{0,2000}}\])+) ?(?:\ufeff)?(.*)$",
    re.DOTALL,
)
_FLUENTD = re.compile(
    r"(?:\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,9})? [+-]\d{4} \S{1,200}: |\d{4}-\d\d-\d\dT\S{8,30}\t\S{1,200}\t)(\{.*\})\s*$",
    re.DOTALL,
)
_LABELS = re.compile(rf"{_WHEN} \{{([^{{}}]{{0,2000}})\}}[ \t]+(.*)$", re.DOTALL)
_LABEL = re.compile(r"([\w.]{1,80})=\"([^\"]{0,200})\"")
_STREAM = re.compile(r"(?=[^A-Za-z]{0,40}[A-Za-z]|\d{10})[\w\[(][\w./:+,@=\[\](){}-]{2,200}$")
"""A first word that a collector writes: a time, a pod, a stream."""
_TIMESTAMP = re.compile(rf"(?:{_WHEN}|\d{{10,19}})$")
_DATED = re.compile(r"\[?(?:\d{4}-\d\d-\d\d|\d{10,19}$|\w{3} \d{1,2}, \d{4} @|EVENTS$|\d{1,2}[./]\d{1,2}[./]\d{2,4})")
_DATE_WORD = re.compile(
    r"(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun|Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec|UTC|GMT|CEST?|[A-Z]{3,4}T|EVENTS|stdout|stderr|[FP])$"
)
_TASK = re.compile(r"\.\d{1,4}\.[a-z0-9]{20,30}.*$")
"""What a swarm hangs on the name of a service."""
_HASHED = re.compile(r"(?:-[0-9a-f]{6,10})?-[a-z0-9]{5}$")
_VERBOSE = re.compile(r"[A-Z][a-z]{2} \d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d{3,9} \S{1,40} \[s=[0-9a-f]")
"""The first row of a record of `journalctl -o verbose`."""
_NOTED = re.compile(r"(?:Common labels|Unique labels|Line limit|Total bytes processed): ")
"""What Grafana writes above a log that it saves as text."""
_FLUENT_BIT = re.compile(r"\[\d{1,9}\] \S{1,200}: \[\[?\d{9,11}\.\d{1,9}, .{0,200}?(\{\".*\})\]\s*$", re.DOTALL)
_DESKTOP = re.compile(r"\A\d{4}-\d\d-\d\d \d\d:\d\d:\d\d (?=\S)")
"""What Docker Desktop puts before every line that it copies."""
_DAY = re.compile(r"\d{4}-\d\d-\d\d$")
_FIELDS = 200
_NUMBER = re.compile(r" {0,8}\d{1,9}\t")
"""What `cat -n` puts before a line."""
_LOG = marks.log_start


def line_reader(head: str) -> Callable[[Iterable[str]], Iterator[str]] | None:
    """How the lines of a log are taken out of their envelopes, one line for one; None where they are in none."""
    sample = [row for row in head.split("\n")[:200] if row.strip() and not _NOTED.match(row)]
    if not sample:
        return None
    if sample[0].startswith("__CURSOR="):
        return _journal
    if _VERBOSE.match(sample[0]) or (sample[0].startswith("-- ") and any(map(_VERBOSE.match, sample[1:3]))):
        return _verbose
    if is_numbered(head):
        inner = line_reader("\n".join(map(_unnumbered, sample)))
        return (lambda rows: inner(map(_unnumbered, rows))) if inner else (lambda rows: map(_unnumbered, rows))
    hits = sum(_opened(row) is not None for row in sample)
    if hits * 2 > len(sample):
        return _lines
    if (column := _column(sample)) is not None:
        return lambda rows: (_of_columns(row, column) for row in rows)
    if (tokens := _prefix(sample)) is not None:
        return lambda rows: (_without(row, tokens) for row in rows)
    bare = (_DESKTOP.sub("", row) for row in sample)
    if all(map(_DESKTOP.match, sample)) and not any(map(_LOG, sample)) and any(map(_LOG, bare)):
        return lambda rows: (_DESKTOP.sub("", row) for row in rows)
    return None


def is_numbered(head: str) -> bool:
    """Whether every line has the number that `cat -n` puts before it."""
    sample = [row for row in head.split("\n")[:50] if row.strip()]
    return bool(sample) and sample[0].lstrip().startswith("1\t") and all(_NUMBER.match(row) for row in sample)


def _unnumbered(row: str) -> str:
    return _NUMBER.sub("", row)


def _lines(rows: Iterable[str]) -> Iterator[str]:
    """One row for each; the pieces of a line that CRI divided come together in the last."""
    waiting = ""
    for row in rows:
        bare = row.rstrip("\r\n")
        cri = _CRI.match(bare)
        if cri and cri[1] == "P" and len(waiting) < 64 * 1024:
            waiting += cri[2] or ""
            yield ""
            continue
        opened = _opened(bare)
        if opened is None:
            yield bare
            continue
        service, text = opened
        text = waiting + text
        waiting = ""
        yield _prefixed(service, text.replace("\n", " ").rstrip())


def _verbose(rows: Iterable[str]) -> Iterator[str]:
    """`journalctl -o verbose`: a record of many rows gives its message in the row that says it."""
    waiting: list[str] = []
    for row in rows:
        bare = row.rstrip("\r\n")
        if _VERBOSE.match(bare) or len(waiting) > _FIELDS:
            yield from _of_record(waiting)
            waiting = []
        waiting.append(bare)
    yield from _of_record(waiting)


def _journal(rows: Iterable[str]) -> Iterator[str]:
    """`journalctl -o export`: fields row by row, an empty row behind each record."""
    waiting: list[str] = []
    for row in rows:
        bare = row.rstrip("\r\n")
        if bare.startswith("__CURSOR=") or len(waiting) > _FIELDS:
            yield from _of_record(waiting, head=0)
            waiting = []
        waiting.append(bare)
    yield from _of_record(waiting, head=0)


def _of_record(rows: list[str], head: int = 1) -> Iterator[str]:
    fields = dict(row.strip().split("=", 1) for row in rows[head:] if "=" in row)
    service = _service(fields)
    for row in rows:
        name, _, text = row.strip().partition("=")
        yield _prefixed(service, text) if name == "MESSAGE" else ""


def _opened(row: str) -> tuple[str, str] | None:
    """Service ("" where not told) and text of a line in an envelope; None for a line that is in none."""
    if row[:1] == "{":
        return _of_json(row)
    if cri := _CRI.match(row):
        return "", cri[2] or ""
    if syslog := _SYSLOG.match(row):
        return syslog[1] if syslog[1] != "-" else "", syslog[2]
    if fluentd := _FLUENTD.match(row):
        return _of_json(fluentd[1])
    if bit := _FLUENT_BIT.match(row):
        return _of_json(bit[1].replace('"=>', '":'))
    if labelled := _LABELS.match(row):
        labels = dict(_LABEL.findall(labelled[1]))
        return (_service(labels), labelled[2]) if labels else None
    return None


def _of_json(row: str) -> tuple[str, str] | None:
    try:
        record = json.loads(row)
    except (ValueError, RecursionError):
        return None
    if not isinstance(record, dict) or is_talk(record):
        return None
    text = _message(record)
    return None if text is None else (_service(record), text)


def _prefixed(service: str, text: str) -> str:
    """A line as `docker compose logs` shows it; without a service as it is."""
    return f"{service} | {text}" if service and text and not marks.has_prefix(text) else text


# ---- a prefix that every line has, whatever it is -----------------------------------------------------------


def _column(sample: list[str]) -> int | None:
    """Which of the columns between tabs holds the log, where every line has the same ones and a time stands first."""
    cells = [row.split("\t") for row in sample]
    count = len(cells[0])
    if (
        count < 2
        or count > 12
        or any(len(row) != count for row in cells)
        or not all(_DATED.match(row[0]) for row in cells)
    ):
        return None
    return max(range(count), key=lambda n: sum(len(row[n]) for row in cells if not row[n].isdecimal()))


def _of_columns(row: str, column: int) -> str:
    cells = row.split("\t")
    if len(cells) <= column:
        return row
    names = [c for c in cells if re.match(r"[A-Za-z][\w./-]{1,80}$", c) and not _DATE_WORD.match(c)]
    return _prefixed(_clean(names[0]) if names else "", cells[column])


def _prefix(sample: list[str]) -> int | None:
    """How many words come before the log proper, where most lines have the same number of them."""
    counts: Counter[int] = Counter()
    for row in sample:
        if _LOG(row) is not None or marks.has_prefix(row):
            counts[0] += 1
            continue
        for words, found in enumerate(islice(re.finditer(r"\S{1,300}[ \t]+", row[:900]), _WORDS), 1):
            if _LOG(row[found.end() :]) is not None:
                counts[words if "`" not in row[: found.end()] else 0] += 1  # quoted in a sentence: no envelope
                break
    if not counts:
        return None
    best, hits = counts.most_common(1)[0]
    first = [row.split(None, 1)[0] for row in sample]
    dated = bool(best) and best > 1  # Docker Desktop: a day and a time of day
    alike = sum(_STREAM.match(word) is not None or (dated and _DAY.match(word) is not None) for word in first)
    return best if best and hits * 3 > len(sample) and alike * 10 >= len(sample) * 9 else None


def _without(row: str, tokens: int) -> str:
    words = row.split(None, tokens)
    if len(words) <= tokens:
        return "" if _TIMESTAMP.match(row.strip()) else row
    names = [w for w in words[:tokens] if w[0].isalpha() and not _DATE_WORD.match(w)]
    return _prefixed(_clean(names[-1]) if names else "", words[tokens])


# ---- one record ----------------------------------------------------------------------------------------------


def _message(record: Record, depth: int = 0) -> str | None:
    """What the program wrote; a record that is the registry's own message as one JSON line; None for no log record."""
    if isinstance(record.get("msg"), str) and ("level" in record or "time" in record):
        return None if depth == 0 and _is_own(record) else json.dumps(_flat(record))
    for key in _MESSAGES:
        value = record.get(key)
        value = value[0] if isinstance(value, list) and len(value) == 1 and isinstance(value[0], str) else value
        value = value.get("stringValue") if isinstance(value, dict) and len(value) == 1 else value  # OpenTelemetry
        if isinstance(value, str) and value.strip():
            return value
        if (
            key == "MESSAGE"
            and isinstance(value, list)
            and all(isinstance(b, int) and 0 <= b < 256 for b in value[:9999])
        ):
            return bytes(value[:9999]).decode("utf-8", "replace")
    if depth < 2:
        for key in _INNER:
            inner = record.get(key)
            inner = inner[0] if isinstance(inner, list) and len(inner) == 1 and isinstance(inner[0], dict) else inner
            if isinstance(inner, dict) and (found := _message(inner, depth + 1)) is not None:
                return found
    return None


def _is_own(record: Record) -> bool:
    """Whether a line is the program's own JSON, without anything that a collector adds."""
    return not any(
        k in record for k in ("@timestamp", "kubernetes", "container_name", "container", "_source", "stream")
    )


def _flat(record: Record, prefix: str = "", depth: int = 0) -> Record:
    made: Record = {}
    for key, value in list(record.items())[:200]:
        if isinstance(value, dict) and depth < _DEPTH:
            made.update(_flat(value, f"{prefix}{key}.", depth + 1))
        else:
            made[prefix + key] = value
    return made


def _service(record: Record) -> str:
    flat = _flat(record) if any(isinstance(v, dict) for v in record.values()) else record
    told = [(_RANKS[name], value) for name, value in flat.items() if name in _RANKS]
    for _, value in sorted(told, key=lambda row: row[0]):
        value = value[0] if isinstance(value, list) and len(value) == 1 else value
        if isinstance(value, str) and value.strip("/ "):
            return _clean(value)
    return ""


def _clean(name: str) -> str:
    """A container's name as a compose prefix may have it."""
    bare = re.sub(r"(?:\[\d+\])?:$", "", _TASK.sub("", name.strip("/ ").split("/")[0])).split("@")[0]
    return re.sub(r"[^\w.-]", "-", _HASHED.sub("", bare))[:60] if bare and bare[0].isalnum() else ""


def _time(record: Record) -> float | str | None:
    for source in (record, *(record[k] for k in ("_source", "fields", "result") if isinstance(record.get(k), dict))):
        for key in _TIMES:
            value = source.get(key)
            value = value[0] if isinstance(value, list) and len(value) == 1 else value
            if isinstance(value, int | float) and not isinstance(value, bool):
                return float(value)
            if isinstance(value, str) and value:
                return value
    return None


# ---- exports as a whole ---------------------------------------------------------------------------------------


def exported(text: str) -> Rows | None:
    """The lines of a log that was exported as one document, oldest first, each with the line of its record; None where
    the text is no such export."""
    start = text.lstrip("\ufeff \t\r\n")[:1]
    if start in ("{", "[") and '"body"' in text[:_HEAD] and _is_talk(text):
        return None
    found = list(_of_documents(text)) if start in ("{", "[") else list(_of_csv(text))
    if not found:
        return None
    if _descends([when for when, _, _, _ in found]):
        found.reverse()
    rows, numbers = [], []
    for _, number, service, message in found[:_MOST]:
        for line in message.rstrip().split("\n"):
            rows.append(_prefixed(service, line.rstrip("\r")))
            numbers.append(number)
    return Rows(rows, numbers)


def _is_talk(text: str) -> bool:
    """Whether a document is a ticket rather than a log."""
    try:
        return is_talk(json.loads(text))
    except (ValueError, RecursionError):
        return False


Found = tuple[float | str | None, int, str, str]
"""When, line of the file, service, message."""


def _descends(times: list[float | str | None]) -> bool:
    """Whether the newest comes first."""
    known = [t for t in times if t is not None]
    if len(known) < 2 or not (all(isinstance(t, str) for t in known) or all(isinstance(t, float) for t in known)):
        return False
    return known[0] > known[-1]  # type: ignore[operator]


def _of_documents(text: str) -> Iterator[Found]:
    decoder = json.JSONDecoder()
    at = len(text) - len(text.lstrip("\ufeff \t\r\n"))
    many: list[tuple[int, Record]] = []
    line, counted = 1, 0
    while at < len(text) and len(many) < _MOST:
        try:
            document, end = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            break
        line += text.count("\n", counted, at)
        counted = at
        if isinstance(document, dict) and not _container(document):
            many.append((line, document))
        else:
            yield from _of_document(document, text, at, end, line)
        at = end
        while at < len(text) and text[at] in " \t\r\n,":
            at += 1
    if sum(_message(record) is not None for _, record in many) * 2 > len(many):
        yield from (_found(record, number) for number, record in many)


def _container(document: Record) -> bool:
    """Whether the object holds records rather than being one."""
    return _message(document) is None and any(isinstance(v, dict | list) for v in document.values())


def _of_document(document: Any, text: str, start: int, end: int, line: int) -> Iterator[Found]:
    """The records in one document, wherever in it they are listed."""
    records = _records(document)
    if not records:
        return
    at, number, missed = start, line, 0
    for record in records[:_MOST]:
        when, _, service, message = _found(record, number)
        if missed < _MISSES:
            spot = text.find(json.dumps(message, ensure_ascii=False)[1:61], at, end)
            if spot >= 0:
                number += text.count("\n", at, spot)
                at = spot
            missed += spot < 0
        yield when, number, service, message


def _records(value: Any, depth: int = 0) -> list[Record]:
    if isinstance(value, list):
        plain = [_named(row) for row in value]
        records = [row for row in plain if isinstance(row, dict) and _message(row) is not None]
        if records and len(records) * 2 > len(value):
            return records
        if value and all(_is_stream(row) for row in value):
            return _of_streams(value)
    if depth < _DEPTH and isinstance(value, dict | list):
        for inner in list(value.values())[:100] if isinstance(value, dict) else value[:100]:
            if isinstance(inner, dict | list) and (found := _records(inner, depth + 1)):
                return found
    return []


def _named(row: Any) -> Any:
    """A row of CloudWatch Insights, which lists its fields, as an object."""
    if isinstance(row, list) and row and all(isinstance(f, dict) and "field" in f for f in row):
        return {str(f["field"]): f.get("value") for f in row}
    return row


def _is_stream(row: Any) -> bool:
    return isinstance(row, dict) and isinstance(row.get("values"), list) and isinstance(row.get("stream"), dict)


def _of_streams(streams: list[Record]) -> list[Record]:
    """Loki's answer: a list of [time, line] for each set of labels."""
    records: list[Record] = []
    for stream in streams:
        service = _service(stream["stream"])
        for pair in stream["values"]:
            if isinstance(pair, list) and len(pair) >= 2 and isinstance(pair[1], str):
                records.append({"timestamp": str(pair[0]), "line": pair[1], "service": service})
    records.sort(key=lambda r: (len(r["timestamp"]), r["timestamp"]))
    return records


def _found(record: Record, number: int) -> Found:
    return _time(record), number, _service(record), _message(record) or ""


# ---- CSV ------------------------------------------------------------------------------------------------------

_COLUMNS = (
    "content",
    "logentry",
    "logmessage",
    "log_message",
    "log_s",
    "message",
    "log",
    "line",
    "@message",
    "_raw",
    "msg",
    "textpayload",
    "short_message",
    "_source",
    "body",
    "event.original",
)


def _of_csv(text: str) -> Iterator[Found]:
    head = text.lstrip("\ufeff")[:4000].split("\n", 1)[0].rstrip("\r")
    separator = max(",;\t", key=head.count)
    names = _named_columns(head, separator) if head.count(separator) else []
    lowered = [n.strip().lower() for n in names]
    wanted = (*_COLUMNS, "text") if "stream" in lowered else _COLUMNS  # Synology's container log
    column = next((lowered.index(c) for c in wanted if c in lowered), None)
    if column is None or len(names) > 300 or any(len(n) > 120 for n in names):
        return
    reader = csv.reader(io.StringIO(text.lstrip("\ufeff")), delimiter=separator)
    begins = 1
    try:
        for row in reader:
            if begins > 1 and len(row) > column and row[column]:
                yield _cells(names, row, column, begins)
            begins = reader.line_num + 1
    except csv.Error:
        return


def _named_columns(head: str, separator: str) -> list[str]:
    try:
        return next(csv.reader([head], delimiter=separator), [])
    except csv.Error:
        return []


def _cells(names: list[str], row: list[str], column: int, number: int) -> Found:
    record: Record = dict(zip(names, row, strict=False))
    labels = record.get("labels")
    service = _service(record)
    if not service and labels:
        service = _service(_labels(labels))
    text = row[column]
    if text[:1] == "{" and (inner := _of_json(text)) is not None:
        service, text = service or inner[0], inner[1]
    return _time(record), number, service, text


def _labels(text: str) -> Record:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = dict(_LABEL.findall(text))
    return found if isinstance(found, dict) else {}
