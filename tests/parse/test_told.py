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


@pytest.mark.parametrize(
    ("text", "rows"),
    [
        ("How I check a new registry:\n\n- {ok}\n- {refused}", []),
        ("## Acceptance criteria\n\nFrom a fresh laptop:\n\n1. {ok}\n2. {login}", []),
        ("Expected:\n```\n{ok}\n```\nSeen:\n```\n{refused}\n```", [6]),
        ("I checked it:\n\n- {ok}\n- {refused}", [2, 3]),
        ("The login should work, but:\n{refused}", [1]),
        ("login attempt to https://hub.example/v2/ failed with status: 400\n\n{refused}", [2]),
        ("{login}", [0]),
        ("{login} on the first try, refused afterwards", []),
        ("{ok}, but only from the server", []),
        ("{refused}, only from the server", [0]),
        ("{refused}, my typo", []),
    ],
)
def test_what_is_planned_half_true_or_somebodys_own_doing_is_not_told(text: str, rows: list[int]) -> None:
    asked = "curl -u mia https://reg.example/v2/ →"
    text = text.format(ok=f"{asked} 200", refused=f"{asked} 401", login="docker login reg.example → Login Succeeded")
    assert list(told(text.split("\n"))) == rows


def test_a_long_line_is_not_looked_at() -> None:
    assert told(["curl " + "-> " * 10_000]) == {}
