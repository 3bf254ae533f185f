"""Files shown in a terminal are files, with the line numbers of the paste."""

from pathlib import Path

import pytest

from runbook.collect import Request, collect
from runbook.collect.unpack.texts import files_in
from runbook.judge import diagnose
from runbook.redact import Vault

HASH = "$2y$05$yvHVXtBtNZ12TpHmDNjWeOvgZ1XXpaU0fY1BCgTiCFcdfRjWgHZQm"
COMPOSE = "services:\n  # the one\n  registry:\n    image: registry:2\n"


@pytest.mark.parametrize(
    ("session", "kind", "line"),
    [
        (f"$ docker compose exec registry cat /auth/htpasswd\nanna:{HASH}\n$ ls\n", "htpasswd", 2),
        (f"$ docker compose -f x.yml config\n{COMPOSE}\n$ docker ps\nCONTAINER ID\n", "compose", 2),
        ("$ docker exec ui cat /etc/nginx/conf.d/default.conf\nserver {\n  listen 80;\n}\n", "nginx", 2),
        (f"hello\n```\n{COMPOSE}```\n", "compose", 3),
        ("text\n\n~~~yaml\nregistry-ui:\n  image: joxit/docker-registry-ui:2\n~~~\n", "compose", 4),
        (f"nobody closed it\n~~~yaml\n{COMPOSE}", "compose", 3),
        (f"the users:\n```\nanna:{HASH}\n```\n", "htpasswd", 3),
    ],
)
def test_what_has_no_name_of_its_own_keeps_the_lines_of_the_paste(session: str, kind: str, line: int) -> None:
    (file,) = files_in(session)
    assert (file.kind, file.path) == (kind, None)
    rows = file.text.split("\n")
    assert [bool(row) for row in rows[:line]] == [False] * (line - 1) + [True]
    assert rows[line - 1] == session.split("\n")[line - 1]
    assert "```" not in file.text
    assert "docker ps" not in file.text


@pytest.mark.parametrize(
    ("session", "path", "kind"),
    [
        (f"root@srv:~# sudo cat auth/htpasswd\nanna:{HASH}\n# a comment\n", "auth/htpasswd", "htpasswd"),
        (f"hello\n```\n$ cat docker-compose.yml\n{COMPOSE}```\nthanks\n", "docker-compose.yml", "compose"),
        (f"PS C:\\reg> type .\\docker-compose.yml\n{COMPOSE}PS C:\\reg> exit\n", "docker-compose.yml", "compose"),
        ('% cat /etc/docker/daemon.json\n{"insecure-registries": []}\n', "etc/docker/daemon.json", "daemon-config"),
        ("a@b:/srv$ cat .env\nA=1\n", ".env", "dotenv"),
        (f"Here is my `docker-compose.yml`:\n\n```yaml\n{COMPOSE}```\n", "docker-compose.yml", "compose"),
        (f"### conf/compose.yaml\n```yml\n{COMPOSE}```\n", "conf/compose.yaml", "compose"),
        (f'```yaml title="compose.yml"\n{COMPOSE}```\n', "compose.yml", "compose"),
        (f"```yaml:compose.yml\n{COMPOSE}```\n", "compose.yml", "compose"),
        (f"```\n# ./stack/docker-compose.yml\n{COMPOSE}```\n", "stack/docker-compose.yml", "compose"),
        ("<summary>.env</summary>\n\n```\nPORT=5000\n```\n", ".env", "dotenv"),
        (f"**auth/htpasswd**\n~~~\nanna:{HASH}\n~~~\n", "auth/htpasswd", "htpasswd"),
        ("nginx/default.conf\n```nginx\nserver {\n  listen 80;\n}\n```\n", "nginx/default.conf", "nginx"),
        ("Caddyfile:\n```\nhub.example {\n  reverse_proxy registry:5000\n}\n```\n", "Caddyfile", "caddy"),
    ],
)
def test_what_is_shown_under_its_name_is_that_file(session: str, path: str, kind: str) -> None:
    (file,) = files_in(session)
    assert (file.path, file.kind) == (path, kind)
    assert file.text.split("\n")[0] in session
    assert file.text[0] not in "\n`~"


def test_several_files_of_one_ticket() -> None:
    ticket = (
        f"docker-compose.yml\n```yaml\n{COMPOSE}```\nand .env\n```\nA=1\n```\nIt says\n```\n401 Unauthorized\n```\n"
    )
    assert [(f.path, f.kind) for f in files_in(ticket)] == [("docker-compose.yml", "compose"), (".env", "dotenv")]


@pytest.mark.parametrize(
    "session",
    [
        f"$ cat /auth/htpasswd | head\nanna:{HASH}\n",
        "$ cat > auth/htpasswd\nanna:x\n",
        "$ cat auth/htpasswd\ncat: auth/htpasswd: Permission denied\n",
        "$ cat auth/htpasswd\n$ ls\n",
        f"I ran cat htpasswd and it said anna:{HASH}\n",
        "I set\n```\nFOO=bar\n```\n",
        "../../etc/passwd.yml\n```\n- a\n```\n",
        "```\nsome text\n```\n",
    ],
)
def test_what_is_none(session: str) -> None:
    assert list(files_in(session)) == []


def test_it_becomes_evidence_unless_the_file_itself_is_there(tmp_path: Path) -> None:
    (tmp_path / "shell.txt").write_text(f"$ docker exec r cat /auth/htpasswd\nanna:{HASH}\nberta:plain\n")
    evidence = collect(Request(paths=(str(tmp_path),)), Vault())
    assert [(e.name, e.line) for e in evidence.htpasswd[0].entries] == [("anna", 2), ("berta", 3)]
    assert evidence.htpasswd[0].file == "shell.txt"
    (tmp_path / "htpasswd").write_text("carla:plain\n")
    evidence = collect(Request(paths=(str(tmp_path),)), Vault())
    assert [h.file for h in evidence.htpasswd] == ["htpasswd"]


def test_a_fix_for_a_file_in_a_ticket_is_a_diff_against_that_file(tmp_path: Path) -> None:
    (tmp_path / "issue.md").write_text(
        "# 401 since Monday\n\nour `docker-compose.yml`\n\n```yaml\nservices:\n  registry:\n    image: registry:2\n"
        "    environment:\n      REGISTRY_AUTH: htpasswd\n      REGISTRY_AUTH_HTPASSWD_REALM: R\n"
        "      REGISTRY_AUTH_HTPASSWD_PATH: /auth/htpasswd\n    volumes: [./auth:/auth, d:/var/lib/registry]\n"
        "  ui:\n    image: joxit/docker-registry-ui:2\n    environment:\n      SINGLE_REGISTRY: 'true'\n"
        "      NGINX_PROXY_PASS_URL: http://localhost:5000\n    ports: ['80:80']\nvolumes:\n  d:\n```\n"
        "The page says 502 Bad Gateway.\n"
    )
    run = diagnose(collect(Request(paths=(str(tmp_path),)), Vault()))
    first = run.diagnosis.causes[0]
    assert first.cause == "upstream-is-localhost"
    assert first.evidence[0].where == "issue.md § docker-compose.yml:13"
    assert first.fix.patch is not None
    assert "+      NGINX_PROXY_PASS_URL: http://registry:5000" in first.fix.patch
    assert {f.path for f in run.evidence.files} == {"issue.md", "docker-compose.yml"}


def test_secrets_of_a_pasted_file_are_nowhere(tmp_path: Path) -> None:
    (tmp_path / "issue.md").write_text(
        f".env\n```\nREGISTRY_PASSWORD=Holunder-77\n```\nand then\n```\n$ docker login -u anna -p Holunder-77 r:5000\n"
        f"Error response from daemon: Get http://r:5000/v2/: unauthorized Holunder-77\n```\nauth/htpasswd\n```\nanna:{HASH}\n```\n"
    )
    evidence = collect(Request(paths=(str(tmp_path),)), Vault())
    assert evidence.messages
    assert "Holunder-77" not in repr(evidence)
    assert HASH not in repr(evidence)


# ---- frames, headings, bare files ----------------------------------------------------------------------

NGINX = "server {\n    listen 80;\n    location /v2/ {\n        proxy_pass http://registry:5000;\n    }\n}\n"
LOG = 'time="2026-11-26T19:54:25Z" level=info msg="listening on [::]:5000" go.version=go1.19\n'


def paths(text: str) -> list[tuple[str | None, str]]:
    return [(f.path, f.kind) for f in files_in(text)]


@pytest.mark.parametrize(
    "text",
    [
        f"{{code:title=edge.conf|borderStyle=solid}}\n{NGINX}{{code}}\n",
        f"h3. edge.conf\n{{noformat}}\n{NGINX}{{noformat}}\n",
        f"[code]\n# edge.conf\n{NGINX}[/code]\n",
        f"edge.conf\n<pre><code>\n{NGINX}</code></pre>\n",
        f"*edge.conf*\n{{{{{{\n#!nginx\n{NGINX}}}}}}}\n",
        f".edge.conf\n[source,nginx]\n----\n{NGINX}----\n".replace(".edge", "edge"),
        f"- edge.conf\n\n  ```\n{''.join(f'  {row}' + chr(10) for row in NGINX.splitlines())}  ```\n",
        f"edge.conf\n```{NGINX.rstrip()}```\n",
        f"==> edge.conf <==\n{NGINX}",
        f"----- edge.conf -----\n{NGINX}",
        f"{'=' * 30}\nedge.conf\n{'=' * 30}\n{NGINX}",
        f"edge.conf:\n\n{NGINX}\nThanks for any help, Anna\n",
        f"I use this one, edge.conf:\n{NGINX}and it fails with 401.\n",
        "This is edge.conf:\n\n" + "".join(f"    {row}\n" for row in NGINX.splitlines()) + "\nAny idea?\n",
        f"ops@srv:~$ cat edge.conf\n{NGINX}ops@srv:~$\n",
        f"C:\\reg>type edge.conf\n{NGINX}C:\\reg>\n",
        f"/srv # cat edge.conf\n{NGINX}/srv #\n",
        f"+ cat edge.conf\n{NGINX}+ echo done\n",
        f"diff --git a/edge.conf b/edge.conf\nnew file mode 100644\n--- /dev/null\n+++ b/edge.conf\n@@ -0,0 +1,6 @@\n{''.join(f'+{row}' + chr(10) for row in NGINX.splitlines())}",
        "".join(f"> {row}\n" for row in f"the proxy, edge.conf:\n\n{NGINX}".splitlines()),
        "".join(f"{i:6}\t{row}\n" for i, row in enumerate(f"edge.conf:\n{NGINX}".splitlines(), 1)),
    ],
)
def test_a_file_in_any_frame_is_that_file(text: str) -> None:
    (file,) = files_in(text)
    assert (file.path, file.kind) == ("edge.conf", "nginx")
    rows = [row for row in file.text.splitlines() if not row.startswith(("#!", "# edge"))]
    assert rows == NGINX.splitlines()


@pytest.mark.parametrize(
    ("text", "kind", "line"),
    [
        (f"We run this:\n\n{NGINX}\nand get 401.\n", "nginx", 3),
        (f"Hello,\n\n{COMPOSE}\nRegards, Anna\n", "compose", 3),
        ('What docker keeps:\n\n{"auths": {"r:5000": {"auth": "YTpi"}}}\n', "docker-config", 3),
    ],
)
def test_a_file_between_sentences_needs_no_name(text: str, kind: str, line: int) -> None:
    (file,) = files_in(text)
    assert (file.path, file.kind) == (None, kind)
    rows = file.text.split("\n")
    assert rows[line - 1] == text.split("\n")[line - 1]
    assert not any(rows[: line - 1])
    assert "Regards" not in file.text
    assert "401" not in file.text


@pytest.mark.parametrize(
    "text",
    [
        "I changed docker-compose.yml and now I get:\n\n```\nError response from daemon: x\n```\n",
        "docker-compose.yml:\n\nI did not touch that one at all since last week.\n",
        "Look at the file registry.log and at the page\nhttp://x.example/docker-compose.yml please\n",
        "$ ls\nauth\ndocker-compose.yml\nnginx.conf\n",
        f"```\nexport FOO=1\n```\n{LOG}",
        "A list:\n\n    one\n    two\n",
        "--- a/edge.conf\n+++ b/edge.conf\n@@ -3,4 +3,4 @@\n     location /v2/ {\n-        x;\n+        y;\n     }\n }\n }\n",
    ],
)
def test_what_only_speaks_of_a_file_is_none(text: str) -> None:
    assert [p for p in paths(text) if p[1] != "unknown"] == []


def test_a_log_and_a_transcript_that_have_a_name_are_parts() -> None:
    text = f"==> registry.log <==\n{LOG}\n==> curl.txt <==\n$ curl -i http://r:5000/v2/\nHTTP/1.1 401 Unauthorized\n"
    assert paths(text) == [("registry.log", "log"), ("curl.txt", "curl")]


def test_the_last_version_counts_and_in_a_mail_the_first(tmp_path: Path) -> None:
    old, new = COMPOSE, COMPOSE.replace("registry:2", "registry:3")
    (tmp_path / "shell.txt").write_text(
        f"$ cat docker-compose.yml\n{old}$ vi docker-compose.yml\n$ cat docker-compose.yml\n{new}$\n"
    )
    compose = collect(Request(paths=(str(tmp_path),)), Vault()).compose
    assert compose is not None
    assert compose.services[0].image == "registry:3"
    quoted = "".join(f"> {row}\n" for row in f"docker-compose.yml:\n{old}".splitlines())
    (tmp_path / "shell.txt").write_text(f"docker-compose.yml:\n{new}\nAnna wrote:\n{quoted}")
    compose = collect(Request(paths=(str(tmp_path),)), Vault()).compose
    assert compose is not None
    assert compose.services[0].image == "registry:3"


def test_a_part_says_where_it_stood(tmp_path: Path) -> None:
    (tmp_path / "mails").mkdir()
    (tmp_path / "mails" / "thread.txt").write_text(
        f"Hi,\n\nedge.conf:\n\n{NGINX.replace('registry:5000', 'localhost:5000')}\nBye\n"
    )
    evidence = collect(Request(paths=(str(tmp_path),)), Vault())
    route = next(r for r in evidence.routes if r.kind == "proxy")
    assert str(route.place) == "mails/thread.txt § edge.conf:3"
    assert route.place.file == "mails/edge.conf"
    part = next(f for f in evidence.files if f.kind == "nginx")
    assert (part.path, part.shown) == ("mails/edge.conf", "mails/thread.txt § edge.conf")


def test_what_hangs_takes_no_time() -> None:
    import time

    begun = time.process_time()
    for text in (
        "$ docker compose" + " -a" * 60 + " X\n",
        "$ cat " + "-a " * 5000 + "x\n",
        "```\n" * 50_000,
        "> " * 50_000,
        "{code}\n" * 50_000,
        "docker-compose.yml:\n" * 20_000,
        "server {\n" * 20_000,
        "    a\n\n" * 50_000,
        "a.yml b.yml " * 5_000,
        "1\t" * 50_000,
        "[10:10] a: " * 20_000,
    ):
        list(files_in(text))
    assert time.process_time() - begun < 20


@pytest.mark.parametrize(
    ("typed", "shown", "read"),
    [
        ("cat auth/htpasswd", "anna:$2y$05$************", "anna:$2y$05$************"),
        ("cut -c1-12 auth/htpasswd", "anna:$apr1$0", "anna:$apr1$0$…"),
        ("cut -d'$' -f1,2 auth/htpasswd", "anna:$2y", "anna:$2y$…"),
        ("cut -d: -f1 auth/htpasswd", "anna", "anna:…"),
        ("sed 's/:.*/:***/' auth/htpasswd", "anna:***", "anna:***$…"),
        ("cat auth/htpasswd | cut -c1-12", "anna:$2y$05$", "anna:$2y$05$…"),
        ("awk -F: '{print $1, length($2)}' auth/htpasswd", "anna 60", "…"),
    ],
)
def test_a_password_file_shown_in_part(typed: str, shown: str, read: str) -> None:
    file = next(iter(files_in(f"$ {typed}\n{shown}\n$ ls\n")))
    assert (file.kind, file.path, file.text) == ("htpasswd", "auth/htpasswd", f"{read}\n")


def test_a_log_line_quoted_in_a_sentence_is_read(tmp_path: Path) -> None:
    line = 'time="2026-11-23T08:14:02Z" level=error msg="error authenticating user \\"runa\\": authentication failure"'
    later = line.replace("08:14:02", "08:15:09").replace("runa", "ove")
    (tmp_path / "ticket.txt").write_text(f"They cannot log in.\n\nThe log has `{line}` first, and then `{later}`.\n")
    logs = collect(Request(paths=(str(tmp_path),)), Vault()).logs
    found = [(e.user, e.meaning, str(e.place)) for log in logs for e in log.events]
    assert found == [(user, "authentication-failure", "ticket.txt:3") for user in ("runa", "ove")]
