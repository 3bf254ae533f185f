"""`runbook mcp`: what an assistant asks, and what it must not get."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.case_files import all_cases

CASE = next(c for c in all_cases() if c.path.stem == "bad-apr1-file")
FOLKLORE = "Make sure the registry realm matches: the client computes a digest of realm and URL. Proxies strip the Authorization header by default because it is hop-by-hop."


def talk(folder: Path, *messages: Any) -> list[dict[str, Any]]:
    lines = "".join((m if isinstance(m, str) else json.dumps(m)) + "\n" for m in messages)
    words = [sys.executable, "-m", "runbook", "mcp", "--root", str(folder)]
    done = subprocess.run(words, input=lines, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stderr) == (0, "")
    return [json.loads(line) for line in done.stdout.splitlines()]


def call(name: str, **arguments: str) -> dict[str, Any]:
    return {"jsonrpc": "2.0", "id": 7, "method": "tools/call", "params": {"name": name, "arguments": arguments}}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    incident = tmp_path / "root/incident"
    incident.mkdir(parents=True)
    CASE.write(incident)
    (tmp_path / "secret.txt").write_text("x")
    (tmp_path / "root/way-out").symlink_to(tmp_path / "secret.txt")
    return tmp_path / "root"


def test_a_whole_conversation(folder: Path) -> None:
    hello = {"jsonrpc": "2.0", "id": 1, "method": "initialize", "params": {"protocolVersion": "2025-03-26"}}
    ready = {"jsonrpc": "2.0", "method": "notifications/initialized"}
    listing = {"jsonrpc": "2.0", "id": "two", "method": "tools/list"}
    answers = talk(
        folder, hello, ready, listing, call("diagnose", path="incident"), call("explain", cause="no-v2-route")
    )
    assert [a["id"] for a in answers] == [1, "two", 7, 7]
    assert answers[0]["result"]["protocolVersion"] == "2025-03-26"
    tools = answers[1]["result"]["tools"]
    assert [t["name"] for t in tools] == ["diagnose", "explain", "check_advice"]
    assert all(t["annotations"]["readOnlyHint"] for t in tools)
    told = answers[2]["result"]["content"][0]["text"]
    assert json.loads(told)["causes"][0]["cause"] == "htpasswd-not-bcrypt"
    assert "$apr1$9vMC" not in told
    assert answers[3]["result"]["content"][0]["text"].startswith("# `no-v2-route`")


def test_advice_is_checked(folder: Path) -> None:
    (answer,) = talk(folder, call("check_advice", text=FOLKLORE))
    claims = json.loads(answer["result"]["content"][0]["text"])["claims"]
    assert "wrong" in {claim["verdict"] for claim in claims}


@pytest.mark.parametrize("path", ["..", "../secret.txt", "/etc/passwd", "way-out", "nothing-here"])
def test_only_what_lies_below_the_root_is_read(folder: Path, path: str) -> None:
    (answer,) = talk(folder, call("diagnose", path=path))
    assert answer["result"]["isError"] is True


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("{", -32700), ("[" * 100_000, -32700), ("7", -32600), ({"id": 1, "method": "resources/list"}, -32601),
        (call("nothing"), -32602), (call("diagnose"), -32602), (call("diagnose", path=".", password="x"), -32602),
        ("x" * (5 << 20), -32600),
    ],
    ids=range(8),
)  # fmt: skip
def test_what_is_no_request_is_refused_and_the_next_is_answered(folder: Path, message: Any, code: int) -> None:
    answers = talk(folder, message, {"jsonrpc": "2.0", "id": 9, "method": "ping"})
    assert [a.get("error", {}).get("code") for a in answers] == [code, None]
