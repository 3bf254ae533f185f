"""The same login accepted and refused by turns: several registries behind one address; what was mended once is no such turn."""

from pathlib import Path

import bcrypt
import pytest

from tests.bundles import ask_files

ASK = "curl -s -o /dev/null -w '%{http_code}\\n' -u b:Seil-neu https://reg.bergwacht.example/v2/"
PROXY = (
    "defaults\n    mode http\nfrontend fe\n    bind :443 ssl crt /etc/haproxy/reg.pem\n    http-request set-header X-Forwarded-Proto https\n    default_backend registry\nbackend registry\n"
    "    balance roundrobin\n    server r1 172.18.0.2:5000\n    server r2 172.18.0.4:5000\n"
)


def typed(*statuses: int, ask: str = ASK) -> str:
    return "".join(f"$ {ask}\n{status}\n" for status in statuses)


def loop(*statuses: int, ask: str = ASK) -> str:
    return f"$ for i in 1 2 3 4; do {ask}; done\n" + "".join(f"{status}\n" for status in statuses)


def entry(user: str, password: str) -> str:
    return f"{user}:{bcrypt.hashpw(password.encode(), bcrypt.gensalt(5)).decode()}\n"


@pytest.mark.parametrize(
    "text", [typed(200, 401, 200, 401, 200, 401, 200), loop(200, 401, 200, 401), typed(401, 200, 401, 200)]
)
def test_answers_by_turns_are_said_and_never_healthy(tmp_path: Path, text: str) -> None:
    answer = ask_files(tmp_path, {"loop.txt": text.encode(), "haproxy.cfg": PROXY.encode()})
    assert answer.head == ("inconclusive", None)
    why = (answer.report or {})["next"]["why"]
    assert "alternate" in why
    assert "172.18.0.2:5000, 172.18.0.4:5000" in why
    assert "Nothing in it was recognised" not in answer.printed


@pytest.mark.parametrize(
    "text",
    [
        typed(401, 401, 200, 200),  # mended
        typed(200, 401, 401, 200),  # broken and mended
        typed(401, 200).replace("Seil-neu", "Seil-alt", 1) + typed(401, 200).replace("Seil-neu", "Seil-alt", 1),
        loop(200, 401, 200, 401, ask=ASK.replace("reg.bergwacht.example", "reg$i.bergwacht.example")),
    ],
    ids=["mended", "broken and mended", "two passwords", "another address each time"],
)
def test_other_changes_are_no_turns(tmp_path: Path, text: str) -> None:
    answer = ask_files(tmp_path, {"loop.txt": text.encode(), "haproxy.cfg": PROXY.encode()})
    assert "alternate" not in answer.printed
    assert "by turns" not in answer.printed


@pytest.mark.parametrize(
    ("second", "cause"),
    [
        (entry("b", "Seil-alt"), "htpasswd-wrong-password"),
        (entry("anna", "Seil-alt"), "htpasswd-user-missing"),
        ("b:$apr1$Oa.7OE4Z$zwUklbJIV4SOr4ruQass5.\n", "htpasswd-not-bcrypt"),
    ],
    ids=["another password", "no such user", "no bcrypt"],
)
def test_the_files_of_both_servers_tell_the_cause(tmp_path: Path, second: str, cause: str) -> None:
    files = {"loop.txt": typed(200, 401, 200, 401), "haproxy.cfg": PROXY, "node1/htpasswd": entry("b", "Seil-neu")}
    answer = ask_files(tmp_path, {n: t.encode() for n, t in {**files, "node2/htpasswd": second}.items()})
    assert answer.head == ("fault", cause)


def test_the_same_file_on_both_servers_is_no_cause(tmp_path: Path) -> None:
    same = entry("b", "Seil-neu")
    files = {
        "loop.txt": typed(200, 401, 200, 401),
        "haproxy.cfg": PROXY,
        "node1/htpasswd": same,
        "node2/htpasswd": same,
    }
    assert ask_files(tmp_path, {n: t.encode() for n, t in files.items()}).head == ("inconclusive", None)
