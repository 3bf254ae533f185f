"""Whatever stands in files, names and answers: it is judged, and every view shows it as text and nothing else."""

import html.parser
import json
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

FORMATS = ("text", "json", "markdown", "junit", "sarif")
ODD = {
    "escape": "a\x1b[31mRED\x1b]0;title\x07\x1b[2J",
    "controls": "a\x00\x01\x08\x0b\x9b31m\x7f\x85b",
    "bidi": "a\u202eb\u2066c",
    "github": "x\n::error file=a::owned\n  ::set-output name=a::b",
    "azure": "x\n##[error]owned ##vso[task.setvariable variable=a]b ##teamcity[x]",
    "html": "<img src=x onerror=alert(1)><script>alert(1)</script>",
    "markdown": "[click](http://evil.example) ![i](http://evil.example/i) @everyone #1 `x` **b** | c | www.evil.example",
    "fence": "x\n```\n# owned\n```\n",
    "surrogate": "a\ud800b\udfff",
    "quotes": "\"'`$(touch OWNED)&amp;]]>--><!--",
}
WORD = "REGISTRY_AUTH_HTPASSWD_PTH"


def compose(odd: str) -> str:
    name = json.dumps(odd.encode("utf-8", "replace").decode())
    return f"""services:
  registry:
    image: registry:2
    environment:
      REGISTRY_AUTH: htpasswd
      REGISTRY_AUTH_HTPASSWD_REALM: {name}
      REGISTRY_AUTH_HTPASSWD_PATH: /auth/htpasswd
      {json.dumps(WORD + odd.encode("utf-8", "replace").decode())}: x
  {name}:
    image: joxit/docker-registry-ui:2
    container_name: {name}
    environment:
      NGINX_PROXY_PASS_URL: http://registry:5000
      NGINX_PROXY_HEADER_Authorization: ""
      REGISTRY_TITLE: {name}
"""


def lay_out(folder: Path, odd: str) -> None:
    folder.mkdir()
    safe = odd.encode("utf-8", "replace").decode()
    (folder / "docker-compose.yml").write_text(compose(odd))
    (folder / "curl.txt").write_text(
        f'$ curl -v http://localhost:8080/v2/\n< HTTP/1.1 401 Unauthorized\n< WWW-Authenticate: Basic realm="{safe}"\n< Server: {safe}\n<\n{safe}\n',
        encoding="utf-8",
    )
    entry = {
        "request": {"method": "GET", "url": f"http://x/v2/{odd}", "headers": [{"name": odd, "value": odd}]},
        "response": {"status": 401, "headers": [{"name": "WWW-Authenticate", "value": odd}], "content": {"text": odd}},
    }
    (folder / "site.har").write_text(
        json.dumps({"log": {"version": "1.2", "creator": {"name": odd}, "entries": [entry]}})
    )
    (folder / "config.json").write_text(
        json.dumps({"auths": {odd: {"auth": odd}, "localhost:5000": {"auth": "YTpi"}}, "credsStore": odd})
    )
    (folder / "registry.log").write_text(
        f'level=error msg="error authenticating user \\"{safe}\\": authentication failure" go.version=x\n',
        encoding="utf-8",
    )
    (folder / "ticket.txt").write_text(
        f"Error response from daemon: {safe} unauthorized: authentication required {safe}\n", encoding="utf-8"
    )
    (folder / "htpasswd").write_text(
        f"{safe.splitlines()[0]}:$apr1$QxW7zKp1$9hCanaryAprOneHash0xy/\n", encoding="utf-8"
    )
    name = (
        odd.replace("/", "_")
        .replace("\0", "")[:100]
        .encode(
            "utf-8",
            "surrogateescape"
            if all(0xDC80 <= ord(c) <= 0xDCFF for c in odd if 0xD800 <= ord(c) <= 0xDFFF)
            else "replace",
        )
    )
    Path(os.fsdecode(os.fsencode(folder) + b"/" + name + b".conf")).write_text(
        "server { listen 80; location /v2/ { proxy_pass http://registry:5000; proxy_set_header Authorization ''; } }\n"
    )


class Live(html.parser.HTMLParser):
    """Tags and attributes that a page must not have."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        names = [name for name, value in attrs]
        links = [value or "" for name, value in attrs if name in ("href", "src")]
        if (
            tag in ("script", "img", "iframe", "object")
            or any(n.startswith("on") for n in names)
            or any("evil" in v for v in links)
        ):
            self.found.append(f"{tag} {attrs}")


@pytest.mark.parametrize("name", [*ODD, "not utf-8"])
def test_every_view_shows_it_as_text(name: str, tmp_path: Path) -> None:
    odd = ODD.get(name, os.fsdecode(b"n\xff\xfeme"))
    lay_out(tmp_path / "bundle", odd)
    told: dict[str, str] = {}
    for format_ in FORMATS:
        words = [
            "diagnose",
            str(tmp_path / "bundle"),
            "--format",
            format_,
            "--report",
            str(tmp_path / "r.html"),
            "--save-evidence",
            str(tmp_path / "e.json"),
        ]
        done = subprocess.run([sys.executable, "-m", "runbook", *words], capture_output=True, check=False)
        assert done.returncode in (3, 4, 5), done.stderr
        told[format_] = done.stdout.decode("utf-8")
        told["stderr"] = told.get("stderr", "") + done.stderr.decode("utf-8")
    again = subprocess.run(
        [sys.executable, "-m", "runbook", "diagnose", str(tmp_path / "e.json"), "--format", "json"],
        capture_output=True,
        check=False,
    )
    assert again.returncode in (3, 4, 5), again.stderr
    told["page"], told["evidence"] = ((tmp_path / f).read_text(encoding="utf-8") for f in ("r.html", "e.json"))
    for view, text in told.items():
        assert not re.search(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]", text), view
        assert not re.search(r"(?m)^\s*::(?:error|set-output)", text), view
        assert not re.search(r"##\[|##vso\[|##teamcity\[", text), view
    json.loads(told["json"])
    json.loads(told["sarif"])
    ElementTree.fromstring(told["junit"])
    live = Live()
    live.feed(told["page"])
    assert live.found == []
    assert_markdown_is_text(told["markdown"])


def assert_markdown_is_text(text: str) -> None:
    """Outside of code nothing is a tag, a link, an image, a mention; no fence is broken out of."""
    outside, fence = [], ""
    for line in text.split("\n"):
        mark = re.match(r"(`{3,})(\w*)$", line)
        if mark and not fence:
            fence = mark[1]
        elif fence and line == fence:
            fence = ""
        elif not fence:
            outside.append(line)
    assert not fence
    prose = "\n".join(outside)
    assert "# owned" not in prose.replace("\\# owned", "")
    prose = re.sub(r"(`+)(?!`).+?(?<!`)\1(?!`)", "", prose)  # code spans
    prose = re.sub(r"\\.", "", prose)
    assert not re.search(r"<\w|\]\(|!\[|(?<![\w/])@\w|https?://|www\.", prose), prose
