"""The logs of an incident as collectors and consoles export them; all other files stay as they are."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta

from runbook.collect.kinds import recognise
from tests.rewrites.incidents import Files

Line = tuple[str, str]
"""Service and what it wrote."""
LOGS: dict[str, Callable[[Files], Files | None]] = {}
_BEGINS = datetime(2026, 11, 26, 8, 0, tzinfo=UTC)
_PREFIX = re.compile(r"^([A-Za-z0-9][\w.-]{0,60}?)\s*\|\s?(.*)$")


_NAMELESS = (
    "cri",
    "cri_partial",
    "docker_json",
    "aws_tail_short",
    "aws_csv",
    "grafana_text",
    "grafana_text_headed",
    "docker_desktop",
    "synology",
)
"""Forms that hold one container's log and do not name it."""


def _lines(name: str, text: str) -> Iterator[Line]:
    service = name.rsplit("/", 1)[-1].split(".")[0]
    for line in text.splitlines():
        prefixed = _PREFIX.match(line)
        yield (prefixed[1], prefixed[2]) if prefixed else (service, line)


def _when(number: int) -> datetime:
    return _BEGINS + timedelta(milliseconds=37 * number)


def _iso(number: int) -> str:
    return _when(number).strftime("%Y-%m-%dT%H:%M:%S.%f") + "Z"


def form(ending: str) -> Callable[[Callable[[list[Line]], str]], Callable[[list[Line]], str]]:
    """Register a form that writes a log's lines anew; `ending` is that of the exported file."""

    def register(render: Callable[[list[Line]], str]) -> Callable[[list[Line]], str]:
        def dressed(files: Files) -> Files | None:
            made: Files = {}
            changed = False
            for name, data in files.items():
                text = data.decode("utf-8", "replace")
                if name.endswith(".log") and "\ufffd" not in text and recognise(name, text) == "log":
                    if render.__name__ in _NAMELESS and len({service for service, _ in _lines(name, text)}) > 1:
                        return None
                    made[name.removesuffix(".log") + ending] = render(list(_lines(name, text))).encode()
                    changed = True
                else:
                    made[name] = data
            return made if changed else None

        LOGS[render.__name__] = dressed
        return render

    return register


@form(".log")
def journald(lines: list[Line]) -> str:
    return "".join(f"{_when(i):%b %d %H:%M:%S} srv01 {s}[812]: {t}\n" for i, (s, t) in enumerate(lines))


@form(".log")
def journald_iso(lines: list[Line]) -> str:
    return "".join(f"{_when(i):%Y-%m-%dT%H:%M:%S}+0000 srv01 {s}[812]: {t}\n" for i, (s, t) in enumerate(lines))


@form(".json")
def journald_json(lines: list[Line]) -> str:
    rows = (
        {
            "__REALTIME_TIMESTAMP": str(int(_when(i).timestamp() * 1e6)), "_HOSTNAME": "srv01", "PRIORITY": "6",
            "CONTAINER_NAME": s, "SYSLOG_IDENTIFIER": "0a1b2c3d4e5f", "MESSAGE": t, "_TRANSPORT": "journal",
        }
        for i, (s, t) in enumerate(lines)
    )  # fmt: skip
    return "".join(json.dumps(row) + "\n" for row in rows)


@form(".json")
def journald_pretty(lines: list[Line]) -> str:
    rows = ({"_HOSTNAME": "srv01", "CONTAINER_NAME": s, "MESSAGE": t} for s, t in lines)
    return "".join(json.dumps(row, indent="\t") + "\n" for row in rows)


@form(".log")
def syslog_5424(lines: list[Line]) -> str:
    return "".join(f"<30>1 {_iso(i)} srv01 {s} 812 - - {t}\n" for i, (s, t) in enumerate(lines))


@form(".log")
def cri(lines: list[Line]) -> str:
    return "".join(f"{_iso(i)} stdout F {t}\n" for i, (_, t) in enumerate(lines))


@form(".log")
def cri_partial(lines: list[Line]) -> str:
    rows = []
    for i, (_, text) in enumerate(lines):
        if len(text) > 60:
            rows.append(f"{_iso(i)} stderr P {text[:60]}\n{_iso(i)} stderr F {text[60:]}\n")
        else:
            rows.append(f"{_iso(i)} stderr F {text}\n")
    return "".join(rows)


@form("-json.log")
def docker_json(lines: list[Line]) -> str:
    rows = ({"log": f"{t}\n", "stream": "stdout", "time": _iso(i)} for i, (_, t) in enumerate(lines))
    return "".join(json.dumps(row, separators=(",", ":")) + "\n" for row in rows)


def _source(number: int, line: Line) -> dict[str, object]:
    return {
        "@timestamp": _iso(number),
        "message": line[1],
        "stream": "stdout",
        "agent": {"type": "filebeat", "version": "8.11.0"},
        "container": {"name": line[0], "id": "0a1b2c3d4e5f", "image": {"name": "registry:2"}},
        "log": {"offset": 1000 + number, "file": {"path": "/var/lib/docker/containers/0a1b/0a1b-json.log"}},
    }


@form(".json")
def elastic_hits(lines: list[Line]) -> str:
    hits = [
        {"_index": "filebeat-2026.11.26", "_id": f"id{i}", "_score": None, "_source": _source(i, line), "sort": [i]}
        for i, line in enumerate(lines)
    ]
    found = {"took": 3, "timed_out": False, "hits": {"total": {"value": len(hits), "relation": "eq"}, "hits": hits}}
    return json.dumps(found, indent=2) + "\n"


@form(".json")
def elastic_hits_newest_first(lines: list[Line]) -> str:
    hits = [{"_index": "logs", "_source": _source(i, line)} for i, line in enumerate(lines)]
    return json.dumps({"hits": {"hits": hits[::-1]}}) + "\n"


@form(".ndjson")
def elastic_lines(lines: list[Line]) -> str:
    return "".join(json.dumps(_source(i, line)) + "\n" for i, line in enumerate(lines))


@form(".json")
def pretty_json(lines: list[Line]) -> str:
    return json.dumps([_source(i, line) for i, line in enumerate(lines)], indent=4) + "\n"


def _csv(head: list[str], rows: list[list[str]]) -> str:
    stream = io.StringIO()
    writer = csv.writer(stream, quoting=csv.QUOTE_ALL)
    writer.writerow(head)
    writer.writerows(rows)
    return stream.getvalue()


@form(".csv")
def kibana_csv(lines: list[Line]) -> str:
    rows = [[f"{_when(i):%b %d, %Y @ %H:%M:%S.000}", s, t] for i, (s, t) in enumerate(lines)]
    return _csv(["@timestamp", "container.name", "message"], rows)


@form(".csv")
def kibana_csv_newest_first(lines: list[Line]) -> str:
    rows = [[_iso(i), t, s, "stdout"] for i, (s, t) in enumerate(lines)]
    return _csv(["@timestamp", "message", "container.name", "stream"], rows[::-1])


@form(".csv")
def loki_csv(lines: list[Line]) -> str:
    rows = [
        [json.dumps({"container": s, "job": "docker"}), f"{_when(i):%Y-%m-%d %H:%M:%S}", t, "1795680000", "a1b2", "x"]
        for i, (s, t) in enumerate(lines)
    ]
    return _csv(["labels", "Time", "Line", "tsNs", "labelTypes", "id"], rows)


@form(".json")
def loki_json(lines: list[Line]) -> str:
    rows = [
        {"line": t, "timestamp": str(int(_when(i).timestamp() * 1e9)), "date": _iso(i), "fields": {"container": s}}
        for i, (s, t) in enumerate(lines)
    ]
    return json.dumps(rows) + "\n"


@form(".json")
def loki_query(lines: list[Line]) -> str:
    streams: dict[str, list[list[str]]] = {}
    for i, (service, text) in enumerate(lines):
        streams.setdefault(service, []).append([str(int(_when(i).timestamp() * 1e9)), text])
    result = [{"stream": {"container": s, "job": "docker"}, "values": v[::-1]} for s, v in streams.items()]
    return json.dumps({"status": "success", "data": {"resultType": "streams", "result": result}}) + "\n"


@form(".log")
def logcli(lines: list[Line]) -> str:
    return "".join(f'{_iso(i)} {{container="{s}", job="docker"}} {t}\n' for i, (s, t) in enumerate(lines))


@form(".json")
def gelf(lines: list[Line]) -> str:
    rows = (
        {
            "version": "1.1", "host": "srv01", "short_message": t, "timestamp": _when(i).timestamp(), "level": 6,
            "_container_name": s, "_image_name": "registry:2", "_tag": "0a1b2c3d4e5f",
        }
        for i, (s, t) in enumerate(lines)
    )  # fmt: skip
    return "".join(json.dumps(row) + "\n" for row in rows)


@form(".log")
def fluentd(lines: list[Line]) -> str:
    rows = []
    for i, (service, text) in enumerate(lines):
        body = json.dumps(
            {"container_id": "0a1b2c3d", "container_name": f"/{service}", "source": "stdout", "log": text}
        )
        rows.append(f"{_when(i):%Y-%m-%d %H:%M:%S}.000000000 +0000 docker.0a1b2c3d4e5f: {body}\n")
    return "".join(rows)


@form(".log")
def fluentd_file(lines: list[Line]) -> str:
    return "".join(
        f"{_when(i):%Y-%m-%dT%H:%M:%S}+00:00\tdocker.{s}\t{json.dumps({'container_name': f'/{s}', 'log': t})}\n"
        for i, (s, t) in enumerate(lines)
    )


@form(".log")
def aws_tail(lines: list[Line]) -> str:
    return "".join(f"{_iso(i).removesuffix('Z')}+00:00 {s}/{s}/0a1b2c3d4e5f {t}\n" for i, (s, t) in enumerate(lines))


@form(".log")
def aws_tail_short(lines: list[Line]) -> str:
    return "".join(f"{_when(i):%Y-%m-%dT%H:%M:%S} {t}\n" for i, (_, t) in enumerate(lines))


@form(".json")
def aws_events(lines: list[Line]) -> str:
    rows = [
        {
            "logStreamName": f"{s}/{s}/0a1b2c", "timestamp": int(_when(i).timestamp() * 1000), "message": t,
            "ingestionTime": int(_when(i).timestamp() * 1000) + 900, "eventId": str(36 * 10**54 + i),
        }
        for i, (s, t) in enumerate(lines)
    ]  # fmt: skip
    return json.dumps({"events": rows, "searchedLogStreams": []}, indent=4) + "\n"


@form(".json")
def aws_insights(lines: list[Line]) -> str:
    rows = [
        [
            {"field": "@timestamp", "value": _iso(i)},
            {"field": "@message", "value": t},
            {"field": "@logStream", "value": s},
        ]
        for i, (s, t) in enumerate(lines)
    ]
    return json.dumps({"results": rows, "status": "Complete"}) + "\n"


@form(".csv")
def aws_csv(lines: list[Line]) -> str:
    return _csv(
        ["timestamp", "message"], [[str(int(_when(i).timestamp() * 1000)), t] for i, (_, t) in enumerate(lines)]
    )


@form(".json")
def google_cloud(lines: list[Line]) -> str:
    rows = [
        {
            "textPayload": t, "insertId": f"a{i}", "timestamp": _iso(i), "severity": "INFO",
            "resource": {"type": "k8s_container", "labels": {"container_name": s, "pod_name": f"{s}-0"}},
        }
        for i, (s, t) in enumerate(lines)
    ]  # fmt: skip
    return json.dumps(rows, indent=2) + "\n"


@form(".log")
def kubectl_prefix(lines: list[Line]) -> str:
    return "".join(f"[pod/{s}-0/{s}] {_iso(i)} {t}\n" for i, (s, t) in enumerate(lines))


@form(".log")
def stern(lines: list[Line]) -> str:
    return "".join(f"{s}-7c9d8f-x2x9k {s} {t}\n" for s, t in lines)


@form(".log")
def swarm(lines: list[Line]) -> str:
    return "".join(f"reg_{s}.1.x1y2z3x1y2z3x1y2z3x1y2z3x@node1    | {t}\n" for s, t in lines)


@form(".log")
def journald_with_unit(lines: list[Line]) -> str:
    return "".join(
        f"{_when(i):%a %Y-%m-%d %H:%M:%S} UTC srv01 {s}.service[812]: {t}\n" for i, (s, t) in enumerate(lines)
    )


@form(".txt")
def discover_copied(lines: list[Line]) -> str:
    return "".join(f"{_when(i):%b %d, %Y @ %H:%M:%S.000}\t{s}\t{t}\n" for i, (s, t) in enumerate(lines))


@form(".txt")
def grafana_text(lines: list[Line]) -> str:
    return "".join(f"{int(_when(i).timestamp() * 1000)}\t{_iso(i)}\t{t}\n" for i, (_, t) in enumerate(lines))


@form(".csv")
def datadog_csv(lines: list[Line]) -> str:
    return _csv(["Date", "Host", "Service", "Content"], [[_iso(i), "srv01", s, t] for i, (s, t) in enumerate(lines)])


@form(".json")
def elastic_fields(lines: list[Line]) -> str:
    hits = [
        {"_index": "logs", "fields": {"message": [t], "container.name": [s], "@timestamp": [_iso(i)]}}
        for i, (s, t) in enumerate(lines)
    ]
    return json.dumps({"rawResponse": {"hits": {"hits": hits}}}, indent=1) + "\n"


@form(".txt")
def aws_text(lines: list[Line]) -> str:
    return "".join(
        f"EVENTS\t{36 * 10**54 + i}\t1795680000000\t{s}/{s}/0a1b\t{t}\t1795680000000\n"
        for i, (s, t) in enumerate(lines)
    )


@form(".log")
def compose_coloured(lines: list[Line]) -> str:
    """`docker compose --ansi always logs`"""
    services = list(dict.fromkeys(s for s, _ in lines))
    return "".join(f"\x1b[{33 + services.index(s) % 4}m{s}-1  | \x1b[0m{t}\n" for s, t in lines)


@form(".log")
def compose_timed(lines: list[Line]) -> str:
    return "".join(f"{s}-1  | {_iso(i).removesuffix('Z')}000Z {t}\n" for i, (s, t) in enumerate(lines))


@form(".json")
def splunk_json(lines: list[Line]) -> str:
    rows = (
        {"preview": False, "offset": i, "result": {"_time": _iso(i), "_raw": t, "host": "srv01", "source": s}}
        for i, (s, t) in enumerate(lines)
    )
    return "".join(json.dumps(row) + "\n" for row in rows)


@form(".json")
def datadog_json(lines: list[Line]) -> str:
    rows = [
        {
            "id": f"AQ{i}", "type": "log",
            "attributes": {"service": s, "status": "info", "timestamp": _iso(i), "host": "srv01", "message": t, "tags": [f"service:{s}"]},
        }
        for i, (s, t) in enumerate(lines)
    ]  # fmt: skip
    return json.dumps({"data": rows, "meta": {"status": "done"}}, indent=2) + "\n"


@form(".log")
def journald_verbose(lines: list[Line]) -> str:
    """`journalctl -o verbose`, without most of its fields."""
    return "".join(
        f"{_when(i):%a %Y-%m-%d %H:%M:%S.%f} UTC [s=a1b2;i=7;b=c3;m=1;t=5;x=9]\n    PRIORITY=6\n    _HOSTNAME=srv01\n    CONTAINER_NAME={s}\n    MESSAGE={t}\n"
        for i, (s, t) in enumerate(lines)
    )


@form(".txt")
def journald_export(lines: list[Line]) -> str:
    """`journalctl -o export`, without most of its fields."""
    return "".join(
        f"__CURSOR=s=a1b2;i={i:x}\n__REALTIME_TIMESTAMP={int(_when(i).timestamp() * 1e6)}\nPRIORITY=6\n_HOSTNAME=srv01\nCONTAINER_NAME={s}\nMESSAGE={t}\n\n"
        for i, (s, t) in enumerate(lines)
    )


@form(".log")
def fluent_bit(lines: list[Line]) -> str:
    """What fluent-bit's `stdout` output prints."""
    return "".join(
        f'[{i}] kube.{s}: [[{_when(i).timestamp():.9f}, {{}}], {{"log"=>{json.dumps(t)}, "container_name"=>"{s}"}}]\n'
        for i, (s, t) in enumerate(lines)
    )


@form(".json")
def opentelemetry(lines: list[Line]) -> str:
    rows = [
        {"timeUnixNano": str(int(_when(i).timestamp() * 1e9)), "body": {"stringValue": t}, "service": s}
        for i, (s, t) in enumerate(lines)
    ]
    return json.dumps(
        {"resourceLogs": [{"resource": {"attributes": []}, "scopeLogs": [{"scope": {}, "logRecords": rows}]}]}
    )


@form(".csv")
def azure_csv(lines: list[Line]) -> str:
    head = ["TimeGenerated [UTC]", "Computer", "ContainerName", "LogMessage"]
    return _csv(head, [[f"{_when(i):%m/%d/%Y, %H:%M:%S}", "aks-1", s, t] for i, (s, t) in enumerate(lines)])


@form(".csv")
def synology(lines: list[Line]) -> str:
    return _csv(["stream", "text", "timestamp"], [["stderr", t, _iso(i)] for i, (_, t) in enumerate(lines)])


@form(".txt")
def docker_desktop(lines: list[Line]) -> str:
    """As its window gives a container's log to the clipboard."""
    return "".join(f"{_when(i):%Y-%m-%d %H:%M:%S} {t}\n" for i, (_, t) in enumerate(lines))


@form(".txt")
def grafana_text_headed(lines: list[Line]) -> str:
    head = 'Common labels: {"container":"registry"}\nLine limit: "1000 (2 returned)"\nTotal bytes processed: "1.2 MB"\n\n\n'
    return head + grafana_text(lines)
