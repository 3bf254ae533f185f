"""A command and what came of it, told on one line."""

import pytest

from runbook.parse.clients.told import told
from runbook.parse.messages import parse_text
from runbook.redact import Vault


@pytest.mark.parametrize(
    ("line", "status"),
    [
        ("curl -u mia https://reg.example/v2/ → 401 Unauthorized", 401),
        ("- `curl -u mia https://reg.example/v2/` -> `401`", 401),
        ("2) $ curl -u mia https://reg.example/v2/ => HTTP/1.1 401 Unauthorized", 401),
        ("curl -u mia https://reg.example/v2/ gives 401", 401),
        ('curl -u mia https://reg.example/v2/ → {"errors":[{"code":"UNAUTHORIZED"}]}', 401),
        ("curl -u mia https://reg.example/v2/ → Client sent an HTTP request to an HTTPS server.", 400),
        ("curl -u mia https://reg.example/v2/ → 401 means that the password is wrong", None),
        ("curl -u mia https://reg.example/v2/ should give 401", None),
        ("curl -u mia https://reg.example/v2/ -> 401 was yesterday", None),
        ("curl -sS -o /dev/null -w '%{http_code}\\n' -u mia https://reg.example/v2/   # 200", None),
        ("curl -u mia https://reg.example/v2/ > 401.txt", None),
        ("Then curl -u mia https://reg.example/v2/ → 401", None),
    ],
)
def test_a_request_that_is_told(line: str, status: int | None) -> None:
    _, exchanges = parse_text(f"Hello\n{line}\nand so on", "t.md", Vault())
    found = [(e.status, e.url, e.source.line) for e in exchanges if e.status]
    assert found == ([(status, "https://reg.example/v2/", 2)] if status else [])


def test_a_message_that_is_told_ends_with_its_line() -> None:
    text = "docker login reg.example → Error response from daemon: no basic auth credentials\nunauthorized, it said last year"
    messages, _ = parse_text(text, "t.md", Vault())
    assert [(m.kind, m.place.line, m.voice) for m in messages] == [("no-basic-auth", 1, "program")]


def test_a_long_line_is_not_looked_at() -> None:
    assert told("curl " + "-> " * 10_000) is None
