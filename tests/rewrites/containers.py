"""The files of an incident in one container: a ticket, a mail, a chat, a page, a recording, an archive.

Each form is a function from files to files; it gives None where the dress would change the meaning (bytes that a
text cannot carry).
"""

import base64
import gzip
import html
import io
import json
import random
import re
import shutil
import subprocess
import tarfile
import tempfile
import zipfile
from collections.abc import Callable
from email import policy
from email.message import EmailMessage

from tests.rewrites.incidents import Files

Texts = dict[str, str]
Form = Callable[[Files], Files | None]
CONTAINERS: dict[str, Form] = {}


def texts_of(files: Files) -> Texts | None:
    """The files as texts; None when one of them is no plain text with a line end."""
    found = {}
    for name, data in files.items():
        try:
            text = data.decode("utf-8")
        except UnicodeDecodeError:
            return None
        if not text.endswith("\n") or "\r" in text or "\ufeff" in text or "\0" in text or not text.strip():
            return None
        if text.endswith("\n\n") or text.startswith("\n"):
            return None
        found[name] = text
    return found


def form(render: Callable[[Texts], Files | None]) -> Callable[[Texts], Files | None]:
    """Register a form that works on texts."""

    def dressed(files: Files) -> Files | None:
        texts = texts_of(files)
        return render(texts) if texts else None

    CONTAINERS[render.__name__] = dressed
    return render


def bytes_form(render: Form) -> Form:
    """Register a form that carries any bytes."""
    CONTAINERS[render.__name__] = render
    return render


def one(name: str, text: str) -> Files:
    return {name: text.encode()}


HELLO = "Hello,\n\nsince this morning something is wrong with our registry, this is all that I could gather.\n\n"


def _no_fence(texts: Texts) -> bool:
    return not any("```" in t or "~~~" in t for t in texts.values())


@form
def fences(texts: Texts) -> Files | None:
    if not _no_fence(texts):
        return None
    return one("ticket.md", HELLO + "".join(f"`{n}`:\n\n```\n{t}```\n\n" for n, t in texts.items()))


@form
def fences_in_a_list(texts: Texts) -> Files | None:
    if not _no_fence(texts):
        return None
    rows = []
    for name, text in texts.items():
        body = "".join(f"  {line}\n" if line else "\n" for line in text.splitlines())
        rows.append(f"- {name}\n\n  ```\n{body}  ```\n\n")
    return one("issue.md", HELLO + "".join(rows))


@form
def details(texts: Texts) -> Files | None:
    if not _no_fence(texts):
        return None
    rows = (f"<details>\n<summary>{n}</summary>\n\n~~~text\n{t}~~~\n\n</details>\n\n" for n, t in texts.items())
    return one("issue.md", HELLO + "".join(rows))


@form
def headings(texts: Texts) -> Files | None:
    if not _no_fence(texts):
        return None
    return one("report.md", HELLO + "".join(f"### {n}\n```\n{t}```\n" for n, t in texts.items()))


@form
def slack(texts: Texts) -> Files | None:
    if not _no_fence(texts):
        return None
    rows = "".join(f"Anna Schmidt  10:{i + 10} AM\n{n}\n```{t.rstrip()}```\n" for i, (n, t) in enumerate(texts.items()))
    return one("slack.txt", "Anna Schmidt  10:02 AM\nthis is what we have :cry:\n" + rows)


@form
def slack_export(texts: Texts) -> Files | None:
    if not _no_fence(texts):
        return None
    rows = [{"type": "message", "user": "U01", "text": "this is what we have", "ts": "1700000000.0001"}]
    for i, (name, text) in enumerate(texts.items()):
        escaped = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        rows.append({"type": "message", "user": "U01", "text": f"{name}\n```{escaped}```", "ts": f"17000000{i + 10}.1"})
    return one("channel.json", json.dumps(rows, indent=2))


@form
def teams(texts: Texts) -> Files | None:
    rows = "".join(f"[{9 + i // 60}:{i % 60:02}] Anna Schmidt\n{n}:\n{t}\n" for i, (n, t) in enumerate(texts.items()))
    return one("teams.txt", "[9:00] Anna Schmidt\nthis is what we have\n\n" + rows)


@form
def jira_code(texts: Texts) -> Files | None:
    rows = (f"h3. Files\n{{code:title={n}|borderStyle=solid}}\n{t}{{code}}\n\n" for n, t in texts.items())
    return one("REG-17.txt", HELLO + "".join(rows))


@form
def jira_noformat(texts: Texts) -> Files | None:
    return one("REG-17.txt", HELLO + "".join(f"*{n}*\n{{noformat}}\n{t}{{noformat}}\n\n" for n, t in texts.items()))


@form
def tail(texts: Texts) -> Files | None:
    return one("all.txt", "\n".join(f"==> {n} <==\n{t}" for n, t in texts.items()))


@form
def rulers(texts: Texts) -> Files | None:
    return one("all.txt", "\n".join(f"---------- {n} ----------\n{t}" for n, t in texts.items()))


@form
def double_rulers(texts: Texts) -> Files | None:
    return one("all.txt", "".join(f"{'=' * 60}\n{n}\n{'=' * 60}\n{t}\n" for n, t in texts.items()))


@form
def comment_rulers(texts: Texts) -> Files | None:
    return one("all.txt", "\n".join(f"# ---- file: ./{n} ----\n{t}" for n, t in texts.items()))


@form
def names(texts: Texts) -> Files | None:
    return one("all.txt", HELLO + "\n".join(f"{n}:\n\n{t}" for n, t in texts.items()))


@form
def indented(texts: Texts) -> Files | None:
    def block(text: str) -> str:
        return "".join(f"    {line}\n" if line else "\n" for line in text.splitlines())

    return one("ticket.md", HELLO + "\n".join(f"This is {n}:\n\n{block(t)}" for n, t in texts.items()))


@form
def numbered(texts: Texts) -> Files | None:
    def block(text: str) -> str:
        return "".join(f"{i:6}\t{line}\n" for i, line in enumerate(text.splitlines(), 1))

    return {name: block(text).encode() for name, text in texts.items()}


@form
def numbered_session(texts: Texts) -> Files | None:
    def block(text: str) -> str:
        return "".join(f"{i:6}\t{line}\n" for i, line in enumerate(text.splitlines(), 1))

    return one("shell.txt", "".join(f"ops@srv:~/reg$ cat -n {n}\n{block(t)}" for n, t in texts.items()))


def _quoted(text: str, mark: str = "> ") -> str:
    return "".join(f"{mark}{line}\n" for line in text.splitlines())


def _mail(texts: Texts) -> str:
    return "Hi,\n\nsee below.\n\n" + "\n".join(f"the file {n}:\n\n{t}" for n, t in texts.items())


@form
def mail_quoted(texts: Texts) -> Files | None:
    head = "Hi all,\n\nplease see below.\n\nOn Thu, 26 Nov 2026 the operators wrote:\n"
    return one("mail.txt", head + _quoted(_mail(texts)))


@form
def mail_quoted_twice(texts: Texts) -> Files | None:
    inner = "On Wed, 25 Nov 2026 Berta wrote:\n" + _quoted(_mail(texts))
    return one("mail.txt", "FYI.\n\nOn Thu, 26 Nov 2026 the operators wrote:\n" + _quoted(inner))


@form
def mail_quoted_tight(texts: Texts) -> Files | None:
    return one("mail.txt", "Hi all,\n\nAm 26.11.2026 um 08:11 schrieb Berta:\n" + _quoted(_mail(texts), ">"))


def _message() -> EmailMessage:
    mail = EmailMessage(policy=policy.SMTP)
    mail["From"], mail["To"], mail["Subject"] = "Anna <anna@firm.example>", "ops@firm.example", "our registry — again"
    mail["Date"] = "Thu, 26 Nov 2026 08:11:00 +0100"
    return mail


@form
def eml_quoted_printable(texts: Texts) -> Files | None:
    mail = _message()
    mail.set_content(_mail(texts), cte="quoted-printable")
    return {"thread.eml": mail.as_bytes()}


@form
def eml_base64(texts: Texts) -> Files | None:
    mail = _message()
    mail.set_content(_mail(texts), cte="base64")
    return {"thread.eml": mail.as_bytes()}


@form
def eml_alternative(texts: Texts) -> Files | None:
    mail = _message()
    mail.set_content(_mail(texts), cte="quoted-printable")
    mail.add_alternative(_page(texts), subtype="html", cte="quoted-printable")
    return {"thread.eml": mail.as_bytes()}


@form
def eml_forwarded(texts: Texts) -> Files | None:
    inner = _message()
    inner.set_content(_mail(texts), cte="quoted-printable")
    mail = _message()
    mail.set_content("See the forwarded mail.\n")
    mail.add_attachment(inner)
    return {"fwd.eml": mail.as_bytes()}


@bytes_form
def eml_attachments(files: Files) -> Files | None:
    mail = _message()
    mail.set_content("Hello,\n\nthe files are attached.\n\nRegards, Anna\n")
    for name, data in files.items():
        mail.add_attachment(data, maintype="application", subtype="octet-stream", filename=name)
    return {"thread.eml": mail.as_bytes()}


def _page(texts: Texts) -> str:
    rows = "".join(f"<h3>{html.escape(n)}</h3>\n<pre><code>{html.escape(t)}</code></pre>\n" for n, t in texts.items())
    return (
        '<!DOCTYPE html>\n<html><head><title>REG-17</title><style>pre { color: red }</style>\n<script>var a = "<pre>";'
        f"</script></head>\n<body><p>Hello,<br>since this morning &hellip;</p>\n{rows}</body></html>\n"
    )


@form
def web_page(texts: Texts) -> Files | None:
    return one("REG-17.html", _page(texts))


@form
def web_page_forge(texts: Texts) -> Files | None:
    rows = ""
    for name, text in texts.items():
        cells = "".join(
            f'<tr><td class="blob-num" data-line-number="{i}"></td><td class="blob-code">{html.escape(line)}</td></tr>\n'
            for i, line in enumerate(text.splitlines(), 1)
        )
        rows += f'<div class="file-header"><a href="#">{html.escape(name)}</a></div>\n<table>\n{cells}</table>\n'
    return one("files.html", f"<html><body>\n{rows}</body></html>\n")


@form
def web_page_lines(texts: Texts) -> Files | None:
    """A mail program makes a paragraph of each line and indents with blanks that do not break."""

    def line(row: str) -> str:
        bare = row.lstrip(" ")
        return f"<p class=MsoNormal>{'&nbsp;' * (len(row) - len(bare))}{html.escape(bare) or '&nbsp;'}<o:p></o:p></p>\n"

    rows = "".join(
        f"<p class=MsoNormal>{html.escape(n)}:</p>\n" + "".join(map(line, t.splitlines())) for n, t in texts.items()
    )
    if any("\t" in t or "  " in row.strip() for t in texts.values() for row in t.splitlines()):
        return None
    return one("mail.html", f"<html><body lang=EN>\n<div class=WordSection1>\n{rows}</div></body></html>\n")


@form
def loop(texts: Texts) -> Files | None:
    head = 'ops@srv:~/reg$ for f in $(find . -type f); do echo "== $f"; cat $f; done\n'
    return one("shell.txt", head + "".join(f"== ./{n}\n{t}" for n, t in texts.items()) + "ops@srv:~/reg$\n")


@form
def mail_forwarded(texts: Texts) -> Files | None:
    head = "From: Berta\nSent: Thursday, 26 November 2026 08:11\nTo: Anna\nSubject: WG: our registry\n\n"
    return one("fwd.txt", f"Please have a look.\n\n________________________________\n{head}{_mail(texts)}")


@form
def patch(texts: Texts) -> Files | None:
    rows = []
    for name, text in texts.items():
        lines = text.splitlines()
        body = "".join(f"+{line}\n" for line in lines)
        rows.append(
            f"diff --git a/{name} b/{name}\nnew file mode 100644\nindex 0000000..1c2d3e4\n--- /dev/null\n+++ b/{name}\n"
            f"@@ -0,0 +1,{len(lines)} @@\n{body}"
        )
    return one("incident.patch", "".join(rows))


@form
def patch_mail(texts: Texts) -> Files | None:
    made = patch(texts)
    assert made is not None
    head = (
        "From 1c2d3e4f5a6b7c8d9e0f1c2d3e4f5a6b7c8d9e0f Mon Sep 17 00:00:00 2001\nFrom: Anna <anna@firm.example>\n"
        "Date: Thu, 26 Nov 2026 08:11:00 +0100\nSubject: [PATCH] what we run\n\n---\n 2 files changed\n\n"
    )
    return one("0001-what-we-run.patch", head + made["incident.patch"].decode() + "-- \n2.39.5\n\n")


def _session(texts: Texts, prompt: str, show: str = "cat") -> str:
    return "".join(f"{prompt}{show} {n}\n{t}" for n, t in texts.items()) + prompt.rstrip() + "\n"


def _prompted(name: str, prompt: str, show: str = "cat") -> None:
    def render(texts: Texts) -> Files | None:
        return one("shell.txt", _session(texts, prompt, show))

    render.__name__ = name
    form(render)


_prompted("session_bash", "ops@srv01:/srv/registry$ ")
_prompted("session_root", "root@srv01:~# ", "sudo cat")
_prompted("session_brackets", "[ops@srv01 registry]$ ")
_prompted("session_zsh", "➜  registry git:(main) ✗ ")
_prompted("session_mac", "anna@MacBook-Pro registry % ")
_prompted("session_plain", "$ ")
_prompted("session_star", "❯ ")
_prompted("session_busybox", "/srv/registry # ")
_prompted("session_powershell", "PS C:\\registry> ", "type")
_prompted("session_cmd", "C:\\registry>", "type")
_prompted("session_venv", "(venv) ops@srv01:~/registry$ ")
_prompted("session_trace", "+ ", "cat")


@form
def typescript(texts: Texts) -> Files | None:
    rng = random.Random(7)
    rows = ['Script started on 2026-11-26 08:11:00+01:00 [TERM="xterm" TTY="/dev/pts/1" COLUMNS="120" LINES="40"]']
    for name, text in texts.items():
        prompt = "\x1b[?2004h\x1b]0;ops@srv01: ~\x07\x1b[01;32mops@srv01\x1b[00m:\x1b[01;34m~/reg\x1b[00m$ "
        typed = f"catt\b\x1b[K {name}" if rng.random() < 0.5 else f"cat {name}"
        rows.append(f"{prompt}{typed}\r")
        rows.append("\x1b[?2004l\r" + "\r\n".join(text.splitlines()) + "\r")
    rows += ["\x1b[?2004hops@srv01:~/reg$ exit\r", "exit\r", "", 'Script done on 2026-11-26 08:20:00 [EXIT_CODE="0"]']
    return one("typescript", "\n".join(rows) + "\n")


@form
def recording(texts: Texts) -> Files | None:
    shown = _session(texts, "\x1b[32mops@srv01:~/reg$\x1b[0m ").replace("\n", "\r\n")
    events = [[round(i * 0.1, 2), "o", shown[at : at + 300]] for i, at in enumerate(range(0, len(shown), 300))]
    head = {"version": 2, "width": 120, "height": 40, "timestamp": 1700000000, "env": {"SHELL": "/bin/bash"}}
    return one("incident.cast", "\n".join(map(json.dumps, [head, *events])) + "\n")


def _hard_wrapped(width: int, name: str) -> None:
    def render(texts: Texts) -> Files | None:
        shown = _session(texts, "ops@srv01:~$ ")
        rows = []
        for line in shown.split("\n"):
            if len(line) == width:
                return None
            rows += [line[at : at + width] for at in range(0, len(line), width)] or [""]
        if sum(len(row) == width for row in rows) < 3:
            return None
        return one("screen.txt", "\n".join(rows))

    render.__name__ = name
    form(render)


_hard_wrapped(120, "wrapped_120")
_hard_wrapped(80, "wrapped_80")


def _zip(files: Files) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return stream.getvalue()


def _tar(files: Files, mode: str) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:
        for name, data in files.items():
            about = tarfile.TarInfo(f"./{name}")
            about.size = len(data)
            archive.addfile(about, io.BytesIO(data))
    return stream.getvalue()


@bytes_form
def archive_zip(files: Files) -> Files | None:
    return {"incident.zip": _zip(files)}


@bytes_form
def archive_tar_gz(files: Files) -> Files | None:
    return {"incident.tar.gz": _tar(files, "w:gz")}


@bytes_form
def archive_tar(files: Files) -> Files | None:
    return {"incident.tar": _tar(files, "w")}


@bytes_form
def archive_in_a_folder(files: Files) -> Files | None:
    return {"2026-11-26/incident.tgz": _tar({f"srv/registry/{n}": d for n, d in files.items()}, "w:gz")}


@bytes_form
def archive_nested(files: Files) -> Files | None:
    return {"support.zip": _zip({"support/incident.tar.gz": _tar(files, "w:gz")})}


@bytes_form
def archive_in_a_mail(files: Files) -> Files | None:
    mail = _message()
    mail.set_content("Hello,\n\nthe files are attached.\n\nRegards, Anna\n")
    mail.add_attachment(_zip(files), maintype="application", subtype="zip", filename="incident.zip")
    return {"thread.eml": mail.as_bytes()}


@bytes_form
def gzipped_logs(files: Files) -> Files | None:
    packed = {f"{n}.gz": gzip.compress(d) for n, d in files.items() if n.endswith(".log")}
    return {**{n: d for n, d in files.items() if not n.endswith(".log")}, **packed} if packed else None


@form
def web_archive(texts: Texts) -> Files | None:
    page = base64.encodebytes(_page(texts).encode()).decode()
    head = (
        "From: <Saved by Blink>\nSnapshot-Content-Location: https://tickets.firm.example/REG-17\nSubject: REG-17\n"
        'MIME-Version: 1.0\nContent-Type: multipart/related;\n\ttype="text/html";\n\tboundary="----B"\n\n------B\n'
        "Content-Type: text/html\nContent-Transfer-Encoding: base64\n"
        "Content-Location: https://tickets.firm.example/REG-17\n\n"
    )
    return one("REG-17.mhtml", f"{head}{page}\n------B--\n")


_MOUNTED = r"{name}[\"']?:/etc/nginx/conf\.d/([\w.-]+)"


@form
def nginx_dump(texts: Texts) -> Files | None:
    """The one file of nginx as `nginx -T` prints it, saved under a name that says nothing."""
    names = [n for n, t in texts.items() if n.endswith(".conf") and "server" in t and "VirtualHost" not in t]
    if len(names) != 1:
        return None
    (name,) = names
    base, text = name.rpartition("/")[2], texts[name]
    mounted = next((m[1] for t in texts.values() if (m := re.search(_MOUNTED.format(name=re.escape(base)), t))), base)
    said = "".join(
        f"nginx: configuration file /etc/nginx/nginx.conf {w}\n" for w in ("syntax is ok", "test is successful")
    )
    own = "user nginx;\nevents {}\nhttp {\n    include /etc/nginx/mime.types;\n    include /etc/nginx/conf.d/*.conf;\n}\n\n"
    types = "# configuration file /etc/nginx/mime.types:\ntypes {\n    text/html html htm;\n}\n\n"
    if re.search(r"(?m)^\s*(?:http|stream)\s*\{", text):
        dump = f"{said}# configuration file /etc/nginx/nginx.conf:\n{text}"
    else:
        dump = f"{said}# configuration file /etc/nginx/nginx.conf:\n{own}{types}# configuration file /etc/nginx/conf.d/{mounted}:\n{text}"
    return {**{n: t.encode() for n, t in texts.items() if n != name}, "dump.conf": dump.encode()}


@form
def caddy_adapted(texts: Texts) -> Files | None:
    """The one Caddyfile as `caddy adapt` gives it, where that program is."""
    names = [n for n in texts if n.rpartition("/")[2].startswith("Caddyfile")]
    if len(names) != 1 or not shutil.which("caddy"):
        return None
    with tempfile.NamedTemporaryFile("w", suffix=".caddy") as file:
        file.write(texts[names[0]])
        file.flush()
        words = ["caddy", "adapt", "--pretty", "--adapter", "caddyfile", "--config", file.name]
        done = subprocess.run(words, capture_output=True, check=False)
    if done.returncode:
        return None
    return {**{n: t.encode() for n, t in texts.items() if n != names[0]}, "caddy.json": done.stdout}
