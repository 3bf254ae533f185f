"""Files shown in a terminal are files, with the line numbers of the paste."""

from pathlib import Path

import pytest

from runbook.collect import Request, collect
from runbook.collect.pasted import files_in
from runbook.redact import Vault

HASH = "$2y$05$yvHVXtBtNZ12TpHmDNjWeOvgZ1XXpaU0fY1BCgTiCFcdfRjWgHZQm"
COMPOSE = "services:\n  # the one\n  registry:\n    image: registry:2\n"


@pytest.mark.parametrize(
    ("session", "kind", "line"),
    [
        (f"$ docker compose exec registry cat /auth/htpasswd\nanna:{HASH}\n$ ls\n", "htpasswd", 2),
        (f"root@srv:~# sudo cat auth/htpasswd\nanna:{HASH}\n# a comment\n", "htpasswd", 2),
        (f"hello\n```\n$ cat docker-compose.yml\n{COMPOSE}```\nthanks\n", "compose", 4),
        (f"$ docker compose -f x.yml config\n{COMPOSE}\n$ docker ps\nCONTAINER ID\n", "compose", 2),
        (f"PS C:\\reg> type .\\docker-compose.yml\n{COMPOSE}PS C:\\reg> exit\n", "compose", 2),
        ('% cat /etc/docker/daemon.json\n{"insecure-registries": []}\n', "daemon-config", 2),
        ("$ docker exec ui cat /etc/nginx/conf.d/default.conf\nserver {\n  listen 80;\n}\n", "nginx", 2),
        ("a@b:/srv$ cat .env\nA=1\n", "dotenv", 2),
    ],
)
def test_what_is_shown(session: str, kind: str, line: int) -> None:
    (file,) = files_in(session)
    assert file.kind == kind
    rows = file.text.split("\n")
    assert [bool(row) for row in rows[:line]] == [False] * (line - 1) + [True]
    assert rows[line - 1] == session.split("\n")[line - 1]
    assert "```" not in file.text
    assert "docker ps" not in file.text


@pytest.mark.parametrize(
    "session",
    [
        f"$ cat /auth/htpasswd | head\nanna:{HASH}\n",
        "$ cat > auth/htpasswd\nanna:x\n",
        "$ cat auth/htpasswd\ncat: auth/htpasswd: Permission denied\n",
        "$ cat auth/htpasswd\n$ ls\n",
        "$ cat auth/htpasswd\nanna:$2y$05$xxxxxxxxxxxxxxxxxxxxxx\n",
        "$ cat auth/htpasswd\nanna:$2y$05$************\n",
        "$ cat notes.txt\nnothing\n",
        f"I ran cat htpasswd and it said anna:{HASH}\n",
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
