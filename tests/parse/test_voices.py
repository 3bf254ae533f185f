"""Which lines are a program's and which a person's: only the former are evidence."""

import pytest

from runbook.collect.unpack.voice import failure, is_over, voice_of
from runbook.parse.messages import parse_text
from runbook.parse.prompts import command, ends, prompted
from runbook.parse.voices import is_output
from runbook.redact import Vault

PROGRAMS = (
    'Error response from daemon: Get "https://r:5000/v2/": x509: certificate signed by unknown authority',
    "Error: initializing source docker://r:5000/a: unauthorized: authentication required",
    "error: failed to solve: unexpected status: 401 Unauthorized",
    "curl: (60) SSL certificate problem: self-signed certificate",
    "denied: requested access to the resource is denied",
    "unauthorized: authentication required",
    'time="2026-11-26T19:54:25Z" level=error msg="no basic auth credentials"',
    "Nov 26 19:54:25 srv dockerd[812]: level=error x509: certificate signed by unknown authority",
    '2026-11-26T19:54:25.120033+01:00 k1 kubelet[700]: E1126 19:54:25.120033     700 remote_image.go:180] "x" err="no basic auth credentials"',
    "Login Succeeded",
    "Access to XMLHttpRequest at 'http://r:5000/v2/' from origin 'http://ui' has been blocked by CORS policy: no",
    '`Error response from daemon: Get "https://r:5000/v2/": dial tcp 1.2.3.4:5000: connect: connection refused`',
    "GET http://r:5000/v2/ net::ERR_CONNECTION_REFUSED",
    "registry-1 exited with code 1",
    "413 Request Entity Too Large",
    "<html><head><title>502 Bad Gateway</title></head>",
    "FATA[0000] x509: certificate signed by unknown authority",
    "#5 ERROR: failed to push r:5000/a: unauthorized",
    '  Warning  Failed  2m (x4 over 5m)  kubelet  Failed to pull image "r:5000/a": no basic auth credentials',
    "2026-11-26 19:54:25 Error response from daemon: denied",
)
PEOPLE = (
    "Not an x509: certificate signed by unknown authority, I checked.",
    "connection refused for Postgres on the same host",
    "We had 413 Request Entity Too Large last month, that is mended",
    "docker login said `x509: certificate signed by unknown authority`.",
    '"unauthorized: authentication required" means: log in first.',
    "2024-11-02 solved: x509: certificate signed by unknown authority (CA installed)",
    "- 2025-08-19: `Error response from daemon: Get x: http: server gave HTTP response to HTTPS client`. It was missing.",
    "- unauthorized: authentication required",
    "x509: certificate signed by unknown authority is gone since we copied the CA",
    "Subject: x509: certificate signed by unknown authority",
    "I get unauthorized: authentication required when I push",
    "Symptom: no basic auth credentials",
    "Could it be that the certificate has expired?",
    "Nov 26 19:54:25 Anna wrote me: I get x509: certificate signed by unknown authority",
)


@pytest.mark.parametrize("line", PROGRAMS)
def test_a_program_is_known_by_its_form(line):
    messages, _ = parse_text(f"Hello,\n\n{line}\n\nAnna\n", "ticket.txt", Vault())
    assert is_output(line)
    assert {m.voice for m in messages} <= {"program"}


@pytest.mark.parametrize("line", PEOPLE)
def test_a_person_only_names_what_to_look_for(line):
    messages, _ = parse_text(f"Hello,\n\n{line}\n\nAnna\n", "ticket.txt", Vault())
    assert {m.voice for m in messages} <= {"person"}


def test_what_follows_a_command_or_stands_in_a_frame_is_a_programs():
    line = "it says x509: certificate signed by unknown authority here"
    assert parse_text(f"$ docker pull r:5000/a\n{line}\n", "x.txt", Vault())[0][0].voice == "program"
    assert parse_text(f"$ docker pull r:5000/a\nok\n\n{line}\n", "x.txt", Vault())[0][0].voice == "person"
    assert parse_text(line, "x.txt", Vault(), framed={0})[0][0].voice == "program"


def test_a_document_only_explains():
    text = f"$ docker pull r:5000/a\n{PROGRAMS[0]}\n$ curl -i http://r:5000/v2/\nHTTP/1.1 200 OK\nDocker-Distribution-Api-Version: registry/2.0\n"
    messages, exchanges = parse_text(text, "README.md", Vault(), voice="document")
    assert {m.voice for m in messages} == {"document"}
    assert {e.voice for e in exchanges} == {"document"}


@pytest.mark.parametrize(
    ("name", "text", "voice"),
    [
        ("README.md", "# Deploy kit\n\nRun `docker compose up`.\n", "document"),
        ("docs/guide.txt", "If it says 401, log in.\n", "document"),
        ("CHANGELOG-ops.md", "# What was mended\n\n- 2024-11-02: x509\n", "document"),
        ("notes.txt", "2024-11-02 solved: x509\n2025-03-17 solved: 413\n", "document"),
        ("TROUBLESHOOTING.rst", "unauthorized: log in first\n", "document"),
        ("README.md", "Since yesterday our login fails with 401, please help.\n", "person"),
        ("ticket.md", "docker login fails\n", "person"),
        ("notes.txt", "2026-11-26 08:00 it fails again\nwe restarted it\n", "person"),
        ("job.log", "Error: x\n", "program"),
        ("docs/registry.log", 'time="x" level=error msg="y" go.version=go1\n', "program"),
        ("docker-compose.yml", "services: {}\n", "person"),
    ],
)
def test_the_voice_of_a_file(name, text, voice):
    assert voice_of(name, text) == voice


@pytest.mark.parametrize(
    ("line", "typed"),
    [
        ("ops@srv01:/srv/registry$ cat a", "cat a"), ("root@srv01:~# sudo cat a", "sudo cat a"), ("[ops@srv01 registry]$ ls", "ls"),
        ("➜  registry git:(main) ✗ docker ps", "docker ps"), ("anna@MacBook-Pro registry % cat a", "cat a"), ("$ x", "x"), ("❯ cat a", "cat a"),
        ("/srv/registry # cat a", "cat a"), ("PS C:\\reg> type a", "type a"), ("C:\\reg>type a", "type a"), ("(venv) a@b:~$ ls", "ls"),
        ("bash-5.1$ ls", "ls"), ("sh-4.4# env", "env"), ("+ docker push x", "docker push x"), ("# docker login x", "docker login x"),
        ("╰─$ cat a", "cat a"), ("ops@srv:~$", ""), ("$", ""),
        ("# The registry", None), ("> GET /v2/ HTTP/1.1", None), ("anna@firm.example wrote:", None), ("services:", None), ("* Connected to x", None),
        ("<anna@firm.example> hi", None), ("+ Invoke-WebRequest -Uri x", None), ("- 5000:5000", None), ("", None), ("x" * 20_000, None),
    ],
)  # fmt: skip
def test_prompts(line, typed):
    assert command(line) == typed


def test_a_doubtful_prompt_ends_only_what_was_typed_at_it():
    assert prompted("# cat x") == ("#", "cat x")
    assert not ends("# docker is needed here", ())
    assert ends("# docker ps", {"#"})
    assert ends("/srv #", {"/srv #"})
    assert ends("ops@srv:~$ ls", ())


@pytest.mark.parametrize(
    ("ending", "over"),
    [
        ("It is fixed since then.", True),
        ("EDIT: solved by a new password.", True),
        ("Solved, no idea how.", True),
        ("Fixed by Tim: the CA was not in certs.d.", True),
        ("Works since the CA is installed, no restart was needed.", True),
        ("Copied the CA to certs.d, now it goes.", True),
        ("Das Problem ist behoben.", True),
        ("It works again on both ways, thanks for your help.", True),
        ("Since then I get this.", False),
        ("VPN works now.", False),
        ("The VPN was down. It works now.", False),
        ("The proxy was repaired on Monday.", False),
        ("The DNS trouble of last week is solved.", False),
        ("Anna says for her it works now.", False),
        ("It works again only from the server.", False),
        ("It works now with curl.", False),
        ("All fixed in the test setup.", False),
        ("It works now, but not for Anna.", False),
        ("It works again. The push is still like this.", False),
        ("- [x] login: fixed", False),
        ("This ticket was closed by the bot.", False),
        ("It is fixed, thanks. Now:\n$ docker login r:5000\nError response from daemon: unauthorized", False),
    ],
)
def test_a_trouble_is_over_where_a_sentence_says_so_of_nothing_else(ending: str, over: bool) -> None:
    assert is_over(f"$ docker login r:5000\n{PROGRAMS[0]}\n\n{ending}".split("\n")) == over


@pytest.mark.parametrize("level", ["info", "notice", "debug", "mpm_event:notice", "proxy:info"])
def test_what_a_program_only_notes_is_no_failure(level: str) -> None:
    line = "2026/11/28 15:11:21 [{}] 7#7: epoll_wait() failed (4: Interrupted system call)"
    assert failure("error.log", [line.format(level)]) is None
    assert failure("error.log", [line.format("error")]) == 1
