"""More containers in which people hand files over: exports of chats and wikis, jobs of CI, listings of whole folders,
scripts that write files, files as PowerShell redirects them, stacks as their managers keep them."""

import html
import io
import json
import re
import zipfile

import yaml

from tests.rewrites.containers import HELLO, bytes_form, form, one
from tests.rewrites.incidents import Files

Texts = dict[str, str]


@bytes_form
def utf16(files: Files) -> Files | None:
    """As PowerShell's `>` writes: UTF-16 with a mark in front, Windows line ends."""
    return _recoded(files, "utf-16")


@bytes_form
def utf8_windows(files: Files) -> Files | None:
    """As Notepad writes."""
    return _recoded(files, "utf-8-sig")


def _recoded(files: Files, encoding: str) -> Files | None:
    """Only what a program printed: a container's own files in UTF-16 would be another incident."""
    made = {}
    for name, data in files.items():
        printed = name.rpartition(".")[2] in ("log", "txt", "curl", "har", "json", "md") and "config" not in name
        made[name] = data.decode().replace("\n", "\r\n").encode(encoding) if printed and _is_text(data) else data
    return made if made != files else None


def _is_text(data: bytes) -> bool:
    try:
        text = data.decode()
    except UnicodeDecodeError:
        return False
    return "\r" not in text and "\ufeff" not in text and "\0" not in text


@form
def session_utf16(texts: Texts) -> Files | None:
    shown = "".join(f"PS C:\\registry> type {n}\n{t}" for n, t in texts.items()) + "PS C:\\registry>\n"
    return {"screen.txt": shown.replace("\n", "\r\n").encode("utf-16")}


@form
def transcript_powershell(texts: Texts) -> Files | None:
    ruler = "*" * 22
    head = f"{ruler}\nWindows PowerShell transcript start\nStart time: 20261126081100\nUsername: FIRM\\anna\nMachine: PC7 (Microsoft Windows NT 10.0.22631.0)\n{ruler}\nTranscript started, output file is C:\\t.txt\n"
    shown = "".join(f"PS C:\\registry> Get-Content {n}\n{t}" for n, t in texts.items())
    return one(
        "PowerShell_transcript.PC7.txt",
        f"{head}{shown}PS C:\\registry> Stop-Transcript\n{ruler}\nWindows PowerShell transcript end\nEnd time: 20261126082000\n{ruler}\n",
    )


@form
def teams_export(texts: Texts) -> Files | None:
    said = [f"<p>{html.escape(n)}</p><pre><code>{html.escape(t)}</code></pre>" for n, t in texts.items()]
    rows = [
        {
            "id": str(1700000000000 + i), "messageType": "message", "createdDateTime": f"2026-11-26T08:{i % 60:02}:00Z",
            "from": {"user": {"displayName": "Anna Schmidt"}}, "body": {"contentType": "html", "content": text},
        }
        for i, text in enumerate(["<p>this is what we have since this morning</p>", *said])
    ]  # fmt: skip
    return one("messages.json", json.dumps({"@odata.count": len(rows), "value": rows}, indent=1))


@form
def telegram_export(texts: Texts) -> Files | None:
    rows: list[dict[str, object]] = [{"id": 1, "type": "message", "from": "Anna", "text": "this is what we have"}]
    for i, (name, text) in enumerate(texts.items(), 2):
        body = [f"{name}\n", {"type": "pre", "text": text.rstrip("\n"), "language": ""}]
        rows.append({"id": i, "type": "message", "date": "2026-11-26T08:11:00", "from": "Anna", "text": body})
    return one("result.json", json.dumps({"name": "Ops", "type": "private_group", "messages": rows}, indent=1))


@form
def issue_json(texts: Texts) -> Files | None:
    if any("```" in t for t in texts.values()):
        return None
    body = HELLO + "".join(f"`{n}`:\n\n```\n{t}```\n\n" for n, t in texts.items())
    issue = {"number": 17, "title": "our registry", "author": {"login": "anna"}, "body": body, "comments": []}
    return one("issue.json", json.dumps(issue))


@form
def confluence(texts: Texts) -> Files | None:
    """Confluence's storage format, as its API and its exports give it."""
    if any("]]>" in t for t in texts.values()):
        return None
    rows = "".join(
        f'<h2>{html.escape(n)}</h2><ac:structured-macro ac:name="code" ac:schema-version="1" ac:macro-id="a1">'
        f'<ac:parameter ac:name="language">none</ac:parameter><ac:parameter ac:name="title">{html.escape(n)}</ac:parameter>'
        f"<ac:plain-text-body><![CDATA[{t}]]></ac:plain-text-body></ac:structured-macro>\n"
        for n, t in texts.items()
    )
    return one("page.html", f"<p>what we have since this morning:</p>{rows}<p />\n")


@form
def gitlab_job(texts: Texts) -> Files | None:
    head = '\x1b[0KRunning with gitlab-runner 17.5.0 (affd9e7d)\x1b[0;m\nsection_start:1764141060:step_script\r\x1b[0K\x1b[0K\x1b[36;1mExecuting "step_script" stage of the job script\x1b[0;m\x1b[0;m\n'
    shown = "".join(f"\x1b[32;1m$ cat {n}\x1b[0;m\n{t}" for n, t in texts.items())
    return one(
        "job.log", f"{head}{shown}section_end:1764141070:step_script\r\x1b[0K\x1b[32;1mJob succeeded\n\x1b[0;m\n"
    )


@form
def gitlab_job_timed(texts: Texts) -> Files | None:
    """With the time and the stream that newer runners put before each line."""
    made = gitlab_job(texts)
    assert made is not None
    rows = made["job.log"].decode().removesuffix("\n").split("\n")
    return one(
        "job.log",
        "".join(f"2026-11-26T08:11:{i // 1000 % 60:02}.{i % 1000:03}000Z 01O {r}\n" for i, r in enumerate(rows)),
    )


@form
def actions_job(texts: Texts) -> Files | None:
    rows = ["##[group]Runner Image", "Image: ubuntu-24.04", "##[endgroup]"]
    for name, text in texts.items():
        rows += [
            f"##[group]Run cat {name}",
            f"\x1b[36;1mcat {name}\x1b[0m",
            "shell: /usr/bin/bash -e {0}",
            "##[endgroup]",
        ]
        rows += text.splitlines()
    stamped = (f"2026-11-26T08:11:{i // 1000 % 60:02}.{i % 1000:03}0000Z {row}\n" for i, row in enumerate(rows))
    return one("1_build.txt", "\ufeff" + "".join(stamped))


@form
def heredocs(texts: Texts) -> Files | None:
    if any(re.search(r"(?m)^EOF$|`", t) for t in texts.values()):
        return None
    rows = "".join(f"cat > {n} <<'EOF'\n{t}EOF\n\n" for n, t in texts.items())
    return one(
        "setup.sh", f"#!/bin/sh\nset -e\nmkdir -p /srv/registry && cd /srv/registry\n\n{rows}docker compose up -d\n"
    )


@form
def cloud_init(texts: Texts) -> Files | None:
    """What a new machine is told to write."""
    rows = [{"path": f"/srv/registry/{n}", "permissions": "0644", "content": t} for n, t in texts.items()]
    made = yaml.dump({"packages": ["docker.io"], "write_files": rows}, Dumper=_Literal, sort_keys=False, width=10**6)
    return one("user-data", f"#cloud-config\n{made}")


@form
def ansible(texts: Texts) -> Files | None:
    tasks = [
        {
            "name": f"Write {n}",
            "ansible.builtin.copy": {"dest": f"/srv/registry/{n}", "mode": "0644", "content": t},
        }
        for n, t in texts.items()
    ]
    made = yaml.dump(tasks, Dumper=_Literal, sort_keys=False, width=10**6)
    return one("tasks/main.yml", f"---\n{made}") if "{{" not in made else None


class _Literal(yaml.SafeDumper):
    """Texts of several lines as blocks, as people write them."""


def _block(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style="|" if "\n" in text else None)


_Literal.add_representer(str, _block)


@form
def documents_in_tags(texts: Texts) -> Files | None:
    """What is packed together to be shown to a language model."""
    rows = "".join(f'<file path="{n}">\n{t}</file>\n\n' for n, t in texts.items())
    return one(
        "packed.xml", f"<files>\nThis section contains the contents of the repository's files.\n\n{rows}</files>\n"
    )


@form
def paged(texts: Texts) -> Files | None:
    """`more * | cat`"""
    return one("all.txt", "".join(f"::::::::::::::\n{n}\n::::::::::::::\n{t}" for n, t in texts.items()))


@form
def bat(texts: Texts) -> Files | None:
    rows: list[str] = []
    for name, text in texts.items():
        rows += ["─" * 7 + "┬" + "─" * 72, f"       │ File: {name}", "─" * 7 + "┼" + "─" * 72]
        rows += [f"{i:4}   │ {line}".rstrip() for i, line in enumerate(text.splitlines(), 1)]
        rows.append("─" * 7 + "┴" + "─" * 72)
    return one("screen.txt", "\n".join(rows) + "\n")


@form
def grep_numbered(texts: Texts) -> Files | None:
    """`grep -n "" *`"""
    return one("all.txt", "".join(f"{n}:{i}:{r}\n" for n, t in texts.items() for i, r in enumerate(t.splitlines(), 1)))


@form
def portainer(texts: Texts) -> Files | None:
    """The stack's file as Portainer's API gives it."""
    names = [n for n in texts if re.fullmatch(r"(docker-)?compose\.ya?ml", n)]
    if len(names) != 1 or ".env" in texts:
        return None
    made = json.dumps({"StackFileContent": texts[names[0]]})
    return {**{n: t.encode() for n, t in texts.items() if n != names[0]}, "stack.json": made.encode()}


@form
def argo_application(texts: Texts) -> Files | None:
    """The values of a chart in an Application of Argo CD."""
    names = [n for n in texts if re.fullmatch(r"(.*/)?values[\w.-]*\.ya?ml", n)]
    if len(names) != 1:
        return None
    source = {"chart": "docker-registry", "targetRevision": "2.2.3", "helm": {"values": texts[names[0]]}}
    app = {
        "apiVersion": "argoproj.io/v1alpha1", "kind": "Application", "metadata": {"name": "registry"},
        "spec": {"project": "default", "source": source, "destination": {"namespace": "registry"}},
    }  # fmt: skip
    made = yaml.dump(app, Dumper=_Literal, sort_keys=False, width=10**6)
    return {**{n: t.encode() for n, t in texts.items() if n != names[0]}, "app.yaml": made.encode()}


@form
def slack_inline(texts: Texts) -> Files | None:
    """A day of Slack's export: fences stand anywhere, and the text begins right behind them."""
    if any("```" in t for t in texts.values()):
        return None
    rows = [
        {
            "type": "message",
            "user": "U1",
            "ts": f"17956806{i:02}.000100",
            "text": f"this is {n} ```{html.escape(t, quote=False)}```",
        }
        for i, (n, t) in enumerate(texts.items())
    ]
    return one("2026-11-26.json", json.dumps(rows, indent=4))


@form
def jira_xml(texts: Texts) -> Files | None:
    said = [
        f'<p>{html.escape(n)}</p><div class="code panel"><pre>{html.escape(t)}</pre></div>' for n, t in texts.items()
    ]
    rows = "".join(f'<comment id="{i}" author="anna">{html.escape(t)}</comment>\n' for i, t in enumerate(said[1:]))
    return one(
        "OPS-12.xml",
        f'<?xml version="1.0" encoding="UTF-8" ?>\n<rss version="0.92">\n<channel>\n<title>Jira</title>\n<item>\n<title>[OPS-12] ours</title>\n<description>{html.escape(said[0])}</description>\n<comments>\n{rows}</comments>\n</item>\n</channel>\n</rss>\n',
    )


def _in_turn(texts: Texts) -> str:
    return "\n".join(f"{n}\n{t}" for n, t in texts.items())


@form
def rtf(texts: Texts) -> Files | None:
    rows = re.sub(r"([\\{}])", r"\\\1", _in_turn(texts)).split("\n")
    spelled = ["".join(c if ord(c) < 128 else f"\\u{ord(c)}?" for c in row.replace("\t", "\\tab ")) for row in rows]
    if any(ord(c) > 0x7FFF for row in rows for c in row):
        return None
    body = "".join(f"{row}\\par\n" for row in spelled)
    return one("ticket.rtf", f"{{\\rtf1\\ansi\\deff0{{\\fonttbl{{\\f0 Consolas;}}}}\n\\f0\\fs20 {body}}}\n")


def _document(name: str, inner: str, xml: str) -> Files:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("[Content_Types].xml", "<Types/>")
        archive.writestr(inner, xml)
    return {name: data.getvalue()}


@form
def docx(texts: Texts) -> Files | None:
    rows = "".join(
        f'<w:p><w:r><w:t xml:space="preserve">{html.escape(r)}</w:t></w:r></w:p>' for r in _in_turn(texts).split("\n")
    )
    return _document(
        "ticket.docx", "word/document.xml", f'<?xml version="1.0"?><w:document><w:body>{rows}</w:body></w:document>'
    )


@form
def odt(texts: Texts) -> Files | None:
    def spaced(row: str) -> str:
        return re.sub(r" {2,}", lambda m: f' <text:s text:c="{len(m[0]) - 1}"/>', html.escape(row)).replace(
            "\t", "<text:tab/>"
        )

    rows = "".join(f"<text:p>{spaced(r)}</text:p>" for r in _in_turn(texts).split("\n"))
    return _document(
        "ticket.odt",
        "content.xml",
        f"<office:document-content><office:text>{rows}</office:text></office:document-content>",
    )


@form
def notebook(texts: Texts) -> Files | None:
    cells = [
        {
            "cell_type": "code", "execution_count": i, "metadata": {}, "source": [f"!cat {n}"],
            "outputs": [{"name": "stdout", "output_type": "stream", "text": t.splitlines(keepends=True)}],
        }
        for i, (n, t) in enumerate(texts.items(), 1)
    ]  # fmt: skip
    return one("look.ipynb", json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5}, indent=1))
