"""One table of requests, and what real registries and a real nginx answered to it.

`recorded-2.json` and `recorded-3.json` were written by `record()` from registry 2.8.2 and 3.1.1 behind
nginx 1.22. Every backend of the lab must give these answers: status, challenge, headers, error
bodies and the meaning of the log lines.
"""

import base64
import hashlib
import json
import re
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from runbook.lab import Lab
from runbook.wire import connect

HERE = Path(__file__).parent
LAYER = b"layer of the contract test" * 40
CONFIG = b'{"architecture":"amd64","os":"linux"}'


def digest(data: bytes) -> str:
    return "sha256:" + hashlib.sha256(data).hexdigest()


SCHEMA2 = "application/vnd.docker.distribution.manifest.v2+json"
OCI = "application/vnd.oci.image.manifest.v1+json"


def manifest(kind: str, layer: bytes = LAYER) -> bytes:
    config_kind = "application/vnd.docker.container.image.v1+json"
    part = {
        "mediaType": "application/vnd.docker.image.rootfs.diff.tar.gzip",
        "size": len(layer),
        "digest": digest(layer),
    }
    config = {"mediaType": config_kind, "size": len(CONFIG), "digest": digest(CONFIG)}
    return json.dumps({"schemaVersion": 2, "mediaType": kind, "config": config, "layers": [part]}).encode()


ABSENT = "sha256:" + "ab" * 32
IMAGE = manifest(SCHEMA2)
OCI_IMAGE = manifest(OCI)


@dataclass(frozen=True)
class Row:
    method: str
    path: str
    auth: str = "right"
    via: bool = False
    headers: tuple[tuple[str, str], ...] = ()
    body: bytes | None = None
    keep: str = ""
    """Name under which the Location is kept; later rows begin with {name}."""

    def __str__(self) -> str:
        return f"{self.method} {self.path} {self.auth} {'via' if self.via else 'direct'} {dict(self.headers)}"


OCTETS = (("Content-Type", "application/octet-stream"),)
CORS = (
    ("Origin", "http://ui.example"),
    ("Access-Control-Request-Method", "DELETE"),
    ("Access-Control-Request-Headers", "authorization"),
)


def _both(*rows: tuple[Any, ...]) -> list[Row]:
    return [Row(*row[:3], via, *row[3:]) for row in rows for via in (False, True)]


ROWS: list[Row] = [
    *_both(
        *(
            ("GET", "/v2/", auth)
            for auth in ("none", "right", "wrong", "stranger", "bearer", "garbage", "empty", "lower")
        )
    ),
    *_both(*(("GET", "/v2/_catalog", auth) for auth in ("none", "right", "wrong"))),
    *_both(("HEAD", "/v2/", "none"), ("HEAD", "/v2/", "right"), ("POST", "/v2/", "right"), ("DELETE", "/v2/", "none")),
    *_both(
        ("OPTIONS", "/v2/", "none", CORS),
        ("OPTIONS", "/v2/_catalog", "none", CORS),
        ("OPTIONS", "/v2/_catalog", "right"),
    ),
    *_both(
        ("GET", "/v2", "none"),
        ("GET", "/v2/a", "none"),
        ("GET", "/v2/UPPER/tags/list", "none"),
        ("GET", "/v2//", "right"),
    ),
    *_both(("GET", "/v2/team/app/tags/list", "none"), ("GET", "/v2/team/app/tags/list", "right")),
    *_both(("GET", "/v2/team/app/manifests/1.0", "none"), ("HEAD", "/v2/team/app/manifests/1.0", "right")),
    *_both(("PUT", "/v2/team/app/manifests/1.0", "none"), ("DELETE", f"/v2/team/app/manifests/{ABSENT}", "none")),
    *_both(("GET", "/v2/team/app/manifests/1.0", "right"), ("GET", f"/v2/team/app/blobs/{ABSENT}", "right")),
    Row("GET", "/", "none"),
    Row("GET", "/", "none", True),
    Row("GET", "/nowhere", "none"),
    Row("GET", "/nowhere", "none", True),
    Row("POST", "/", "none", True),
    Row("GET", "/v2/_catalog?n=-1"),
    Row("GET", "/v2/_catalog?n=5000"),
    Row("POST", "/v2/_catalog"),
    Row("GET", "/v2/team/app/blobs/sha256:abc"),
    Row("POST", "/v2/team/app/blobs/uploads/", "none"),
    Row("POST", "/v2/team/app/blobs/uploads/", "wrong", True),
    Row("POST", f"/v2/team/app/blobs/uploads/?mount={ABSENT}&from=team/base", "none"),
    Row("POST", "/v2/team/app/blobs/uploads/", keep="one"),
    Row("GET", "{one}"),
    Row("HEAD", "{one}"),
    Row("GET", "{one}", "none"),
    Row("PATCH", "{one}", headers=OCTETS, body=LAYER[:100], keep="two"),
    Row("GET", "{two}"),
    Row("PATCH", "{one}", headers=OCTETS, body=LAYER[100:]),
    Row("POST", "/v2/team/app/blobs/uploads/", keep="range"),
    Row("PATCH", "{range}", headers=(*OCTETS, ("Content-Range", "5-9")), body=b"12345"),
    Row("PATCH", "{two}", headers=(("Content-Type", "text/plain"),), body=b"x"),
    Row(
        "PATCH", "{two}", headers=(*OCTETS, ("Content-Range", f"100-{len(LAYER) - 1}")), body=LAYER[100:], keep="three"
    ),
    Row("PUT", "{three}"),
    Row("PUT", "{three}&digest=nonsense"),
    Row("PUT", f"{{three}}&digest={digest(LAYER)}"),
    Row("PUT", f"{{three}}&digest={digest(LAYER)}"),
    Row("POST", "/v2/team/app/blobs/uploads/", via=True, keep="four"),
    Row("PUT", f"{{four}}&digest={digest(CONFIG)}", via=True, headers=OCTETS, body=CONFIG),
    Row("POST", "/v2/team/app/blobs/uploads/", keep="five"),
    Row("PUT", f"{{five}}&digest={ABSENT}", headers=OCTETS, body=b"other"),
    Row("POST", "/v2/team/app/blobs/uploads/", via=True, keep="six"),
    Row("DELETE", "{six}", via=True),
    Row("GET", "{six}"),
    Row("DELETE", "/v2/team/app/blobs/uploads/4c0f6bd8-0000-4000-8000-000000000000"),
    Row("GET", "/v2/team/app/blobs/uploads/4c0f6bd8-0000-4000-8000-000000000000"),
    Row("GET", f"/v2/team/app/blobs/{digest(LAYER)}"),
    Row("GET", f"/v2/team/app/blobs/{digest(LAYER)}", via=True),
    Row("HEAD", f"/v2/team/app/blobs/{digest(LAYER)}", via=True),
    Row("GET", f"/v2/team/app/blobs/{digest(LAYER)}", headers=(("If-None-Match", f'"{digest(LAYER)}"'),)),
    Row("DELETE", f"/v2/team/app/blobs/{digest(LAYER)}"),
    Row("POST", f"/v2/team/other/blobs/uploads/?mount={digest(LAYER)}&from=team/app"),
    Row("HEAD", f"/v2/team/other/blobs/{digest(LAYER)}"),
    Row("PUT", "/v2/team/app/manifests/1.0", headers=(("Content-Type", SCHEMA2),), body=IMAGE),
    Row("PUT", "/v2/team/app/manifests/1.1", via=True, headers=(("Content-Type", OCI),), body=OCI_IMAGE),
    Row("PUT", "/v2/team/app/manifests/1.2", headers=(("Content-Type", SCHEMA2),), body=manifest(SCHEMA2, b"absent")),
    Row("PUT", "/v2/team/app/manifests/1.3", headers=(("Content-Type", SCHEMA2),), body=b"{"),
    Row("PUT", "/v2/team/app/manifests/1.4", headers=(("Content-Type", "text/plain"),), body=IMAGE),
    Row("PUT", f"/v2/team/app/manifests/{ABSENT}", headers=(("Content-Type", SCHEMA2),), body=IMAGE),
    Row("GET", "/v2/team/app/manifests/1.0", headers=(("Accept", SCHEMA2),)),
    Row("GET", "/v2/team/app/manifests/1.0", via=True, headers=(("Accept", f"{OCI}, {SCHEMA2}"),)),
    Row("HEAD", f"/v2/team/app/manifests/{digest(IMAGE)}", headers=(("Accept", SCHEMA2),)),
    Row("GET", "/v2/team/app/manifests/1.1", headers=(("Accept", SCHEMA2),)),
    Row("GET", "/v2/team/app/manifests/1.1", headers=(("Accept", OCI),)),
    Row("GET", "/v2/team/app/manifests/9.9"),
    Row("GET", f"/v2/team/app/manifests/{ABSENT}"),
    Row("POST", "/v2/team/app/manifests/1.0"),
    Row("GET", "/v2/team/app/tags/list"),
    Row("GET", "/v2/team/app/tags/list?n=1", via=True),
    Row("GET", "/v2/_catalog"),
    Row("GET", "/v2/_catalog?n=1", via=True),
    Row("GET", "/v2/_catalog?n=1&last=team/app"),
    Row("DELETE", "/v2/team/app/manifests/1.0", via=True),
    Row("DELETE", f"/v2/team/app/manifests/{digest(IMAGE)}"),
    Row("POST", "/v2/team/app/blobs/uploads/", headers=(("Host", "hub.example:8443"), ("X-Forwarded-Proto", "https"))),
    Row("POST", "/v2/team/app/blobs/uploads/", headers=(("X-Forwarded-Host", "a.example, b.example"),)),
    Row(
        "POST",
        "/v2/team/app/blobs/uploads/",
        headers=(("Forwarded", "proto=http;host=f.example"), ("X-Forwarded-Proto", "https")),
    ),
    Row("POST", "/v2/team/app/blobs/uploads/", via=True, headers=(("X-Forwarded-Proto", "https"),)),
]

COMPARED = (
    "content-type content-length transfer-encoding www-authenticate docker-distribution-api-version x-content-type-options "
    "docker-content-digest location allow range link accept-ranges cache-control server connection "
    "access-control-allow-origin access-control-allow-credentials"
).split()


@dataclass
class Runner:
    """Runs the table (or a part of it) against a lab and says what came back, in comparable form."""

    lab: Lab
    kept: dict[str, str] = field(default_factory=dict)

    def run(self, rows: list[Row]) -> list[dict[str, Any]]:
        answers = [self._one(number, row) for number, row in enumerate(rows)]
        time.sleep(0.15)  # the last log lines are written after the answer has gone out
        said = _messages(self.lab.logs()["registry"])
        for number, answer in enumerate(answers):
            answer["log"] = [self._neutral(text) for text in said.get(f"row-{number}", [])]
        return answers

    def _one(self, number: int, row: Row) -> dict[str, Any]:
        url = self.lab.ui_url if row.via else self.lab.registry_url
        address = url.removeprefix("http://")
        path = row.path
        for name, location in self.kept.items():
            path = path.replace("{" + name + "}", location)
        connection = connect(int(address.rpartition(":")[2]), 20)
        connection.putrequest(row.method, path, skip_host=True, skip_accept_encoding=True)
        headers = {"Host": address, "User-Agent": f"row-{number}", **dict(row.headers)}
        if credential := self._credential(row.auth):
            headers["Authorization"] = credential
        if row.body is not None or row.method in ("POST", "PUT", "PATCH"):
            headers["Content-Length"] = str(len(row.body or b""))
        for name, value in headers.items():
            connection.putheader(name, value)
        connection.endheaders(row.body)
        answer = connection.getresponse()
        body = answer.read()
        connection.close()
        if row.keep and (location := answer.getheader("Location")):
            self.kept[row.keep] = "/" + location.split("/", 3)[3]
        found = [f"{n.lower()}: {self._neutral(v)}" for n, v in answer.getheaders() if n.lower() in COMPARED]
        if row.path.startswith("/v2") is False and row.via:
            found = [line for line in found if not line.startswith("content-length")]  # the page is the lab's own
        return {"row": str(row), "status": answer.status, "headers": sorted(found), "body": self._body(body, row)}

    def _credential(self, kind: str) -> str:
        def basic(user: str, password: str, word: str = "Basic") -> str:
            return f"{word} " + base64.b64encode(f"{user}:{password}".encode()).decode()

        lab = self.lab
        return {
            "none": "",
            "right": basic(lab.user, lab.password),
            "wrong": basic(lab.user, "wrong"),
            "stranger": basic("stranger", "wrong"),
            "bearer": "Bearer abc.def.ghi",
            "garbage": "Basic !!!",
            "empty": basic("", ""),
            "lower": basic(lab.user, lab.password, "basic"),
        }[kind]

    def _neutral(self, text: str) -> str:
        for address, word in ((self.lab.registry_url, "http://REGISTRY"), (self.lab.ui_url, "http://UI")):
            text = text.replace(address, word).replace(
                address.replace("http", "https", 1), word.replace("http", "https", 1)
            )
        text = text.replace(self.lab._plan.realm, "REALM").replace(f'"{self.lab.user}"', "USER")
        text = re.sub(r"[0-9a-f]{8}-[0-9a-f-]{27}", "UUID", text)
        return re.sub(r"_state=[^&\"]+", "_state=STATE", text)

    def _body(self, body: bytes, row: Row) -> Any:
        text = body.decode("latin-1")
        if text.startswith('{"errors"'):
            return json.loads(text)["errors"]
        if '"tags":' in text:
            text = json.dumps({**json.loads(text), "tags": sorted(json.loads(text)["tags"] or [])})  # 2.8: any order
        page = row.via and not row.path.startswith("/v2")
        return "PAGE" if page and "404" not in text and "405" not in text else text


def _messages(log: str) -> dict[str, list[str]]:
    """What the registry's log says of each row: level and message; accesses with status and size."""
    said: dict[str, list[str]] = {}
    for line in log.splitlines():
        agent = re.search(r"useragent=(row-\d+)|\"(row-\d+)\"$", line)
        if not agent:
            continue
        found = re.search(r'level=(\w+) msg="((?:[^"\\]|\\.)*)"', line)
        if found and not re.match(r"authorized|error (auth|check)|user failed", found[2]):
            continue  # the rest is about storage, and seen from outside by status and code
        access = re.search(r'"(\w+) \S+ HTTP/1\.\d" (\d+ \d+)', line)
        text = (
            f"{found[1]}: {found[2]}".replace("\\", "")
            if found
            else f"access {access[1]} {access[2]}"
            if access
            else line
        )
        said.setdefault(agent[1] or agent[2], []).append(text)
    return {row: sorted(texts) for row, texts in said.items()}


def recorded(name: str) -> list[dict[str, Any]]:
    return json.loads((HERE / f"recorded-{name}.json").read_text())


def differences(name: str, answers: list[dict[str, Any]]) -> list[str]:
    """Where the answers are not the recorded ones, readable."""
    expected = recorded(name)
    assert [a["row"] for a in answers] == [e["row"] for e in expected], "the table changed: record it again"
    found = []
    for want, got in zip(expected, answers, strict=True):
        found += [
            f"{want['row']}\n    {key}: recorded {want[key]!r}\n    {' ' * len(key)}  answered {got[key]!r}"
            for key in want
            if want[key] != got[key]
        ]
    return found


def record() -> None:
    """Ask the real programs. Run as `python -m tests.lab.contract`."""
    for major in (2, 3):
        with Lab(backend="native", major=major, seed=7) as lab:
            answers = Runner(lab).run(ROWS)
        (HERE / f"recorded-{major}.json").write_text("[\n" + ",\n".join(json.dumps(a) for a in answers) + "\n]\n")


if __name__ == "__main__":
    record()
