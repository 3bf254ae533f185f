"""A fault with one thing withheld is never called healthy on the strength of traffic, nor while a file is missing."""

import os
from collections.abc import Iterable
from pathlib import Path

import pytest

from tests.bundles import Answer, ask_files, folder_cases
from tests.case_files import all_cases
from tests.withhold import (
    WITHHELD,
    accepted_login,
    blocks,
    named_and_missing,
    transcripts_only,
    without_failures,
    without_successes,
)

UNTIDY = Path(__file__).parent / "untidy"
PUBLIC = Path(os.environ.get("RUNBOOK_CASES", Path(__file__).parents[2] / "shared" / "cases"))
Broken = tuple[str, str, dict[str, bytes], tuple[str, ...], dict[str, str]]

# The fault concerns one command, and what is left without its lines shows another that was accepted, while no file
# holds a fact of the fault: "healthy, by traffic" is the truth about what was handed over.
INVISIBLE = {
    "the client's failing lines": {
        "buildkit-insecure-registry-missing",
        "client-config-not-read",
        "client-speaks-http-to-tls",
        "credential-helper-broken",
        "credentials-under-other-host",
        "delete-disabled",
        "http-proxy-env-hijack",
        "image-name-without-registry",
        "insecure-registry-missing",
        "other-vhost-answers-https",
        "tls-ca-not-trusted",
        "user-agent-filter",
    },
    "the compose file": {"auth-not-enforced"},
}


NOTHING_LEFT = {
    "authorization-stripped/bad-wire-beside-another-site": "only the proxy's 401 showed it; a direct request that is served is left",
    "proxy-overwrites-authorization/bad-said-no-proxies-file-both-curl": "the refusals left are the same client's that is served after them",
    "authorization-stripped/bad-include-not-at-hand": "the include that may hold the line was not handed over",
    "file-not-reloaded/bad-login-lost-against-the-file": "the file is right; a direct request that is served is left",
    "c63-garden-show": "the page's own origin is told by the browser's record alone; a login that is served is left",
}
"""Single cases in which no fact of the fault is left, whatever is read: "healthy" is the truth about that."""


def own() -> Iterable[Broken]:
    for case in all_cases():
        if not case.is_near_miss and not case.expect.get("warning"):
            files = {name: text.encode(case.encoding.get(name, "utf-8")) for name, text in case.files.items()}
            yield f"{case.cause}/{case.path.stem}", case.cause, files, case.args, case.env


def untidy() -> Iterable[Broken]:
    for case in folder_cases(UNTIDY):
        if cause := case.expect.get("cause"):
            yield case.folder.name, cause, case.files(), case.args, case.env


def public() -> Iterable[Broken]:
    for case in folder_cases(PUBLIC):
        if cause := case.expect.get("cause"):
            yield case.folder.name, cause, case.files(), case.args, case.env


def false_all_clear(answer: Answer, cause: str, thing: str, left: dict[str, bytes]) -> str | None:
    """Why this healthy verdict is not allowed; None when it is, or when the verdict is another."""
    if answer.verdict != "healthy":
        return None
    if missing := named_and_missing(left):
        return f"healthy although {missing[0]} was not handed over"
    if (answer.report or {}).get("basis") == "files":
        return None
    if not accepted_login(left):
        return "healthy by traffic, and no login was accepted in what is left"
    if cause in INVISIBLE.get(thing, ()) or (thing == "the client's failing lines" and transcripts_only(left)):
        return None
    return "healthy by traffic, and a fact of the fault is left"


@pytest.mark.parametrize("thing", WITHHELD)
@pytest.mark.parametrize("material", [own, untidy, public], ids=lambda f: f.__name__)
def test_never_healthy(material: object, thing: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    if material is public and not PUBLIC.is_dir():
        pytest.skip("no public cases beside this checkout: nothing was withheld from them")
    wrong, tried = [], 0
    for number, (name, cause, files, args, env) in enumerate(material()):  # type: ignore[operator]
        if (left := WITHHELD[thing](files)) is None:
            continue
        if any(arg.startswith("bundle/") and arg.removeprefix("bundle/") not in left for arg in args):
            continue
        tried += 1
        folder = tmp_path / str(number)
        folder.mkdir()
        answer = ask_files(folder, left, args, env)
        if name not in NOTHING_LEFT and (reason := false_all_clear(answer, cause, thing, left)):
            wrong.append(f"{name}: {reason}")
    with capsys.disabled():
        print(f"\n{material.__name__} without {thing}: {len(wrong)} false all-clears in {tried}")  # type: ignore[attr-defined]
    assert tried, "nothing was withheld: the kinds are not recognised any more"
    assert not wrong, wrong


TRANSCRIPT = (
    "$ curl -i http://r.example/v2/\nHTTP/1.1 401 Unauthorized\n\n{}\n"
    "$ curl -i -u a:b http://r.example/v2/\nHTTP/1.1 401 Unauthorized\n\n{}\n"
    "$ docker login r.example\nLogin Succeeded\n"
    "$ docker push r.example/x\nno basic auth credentials\n"
)


def test_blocks_are_commands_with_their_output() -> None:
    assert [block.split()[1] for block in blocks(TRANSCRIPT)] == ["curl", "curl", "docker", "docker"]
    assert "".join(blocks(TRANSCRIPT)) == TRANSCRIPT


def test_failures_and_successes_are_told_apart() -> None:
    left = without_failures({"t.txt": TRANSCRIPT.encode()})
    assert left is not None
    assert [line for line in left["t.txt"].decode().splitlines() if line.startswith("$")] == [
        "$ curl -i http://r.example/v2/",
        "$ docker login r.example",
    ]
    left = without_successes({"t.txt": TRANSCRIPT.encode()})
    assert left is not None
    assert b"Login Succeeded" not in left["t.txt"]
    assert b"no basic auth" in left["t.txt"]


def test_an_accepted_login_is_one_that_was_sent() -> None:
    sent = b"$ curl -i -u a:b http://r.example/v2/\nHTTP/1.1 200 OK\n\n{}\n"
    assert accepted_login({"t.txt": sent})
    assert not accepted_login({"t.txt": sent.replace(b" -u a:b", b"")})
    assert accepted_login({"registry.log": b'level=info msg="authorized request" auth.user.name=a\n'})


def test_named_files_are_missed() -> None:
    compose = (
        b"services:\n  registry:\n    image: registry:2\n    environment: [REGISTRY_AUTH_HTPASSWD_PATH=/auth/users]\n"
        b"    volumes: ['./auth:/auth:ro', './data:/var/lib/registry', './c.yml:/etc/docker/registry/config.yml']\n"
    )
    assert named_and_missing({"docker-compose.yml": compose}) == ["auth/users", "c.yml"]
    assert named_and_missing({"docker-compose.yml": compose, "auth/users": b"", "c.yml": b""}) == []
