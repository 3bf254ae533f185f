"""A hundred secrets through the tap: none is in its HAR, its evidence, or the lines for whoever looks on."""

import json
import stat
from pathlib import Path
from types import SimpleNamespace

import pytest

from runbook import __version__, door
from runbook.collect.evidence_file import dump_evidence
from runbook.model import Evidence
from runbook.redact import Vault
from runbook.tap.commands import _save
from runbook.tap.record import Recorder, line
from tests.canary.secrets import Mint, Secret, basic
from tests.tap.test_relay import passed

SENT = (
    "Authorization: Basic {b}", "authorization: basic {b}", "Authorization: Bearer {s}", "Authorization: {s}", "Authorization: Token {s}", "Proxy-Authorization: Basic {b}", "Cookie: sid={s}", "Cookie: {s}",
    "X-Auth-Token: {s}", "X-Api-Key: {s}", "X-Registry-Auth: {b}", "X-Forwarded-Authorization: Basic {b}", "X-Amz-Security-Token: {s}", "Private-Token: {s}", "X-Vault-Token: {s}", "X-Session-Id: {s}",
    "X-Signature: {s}", "X-Custom: {s}", "Referer: http://x/?token={s}", "X-CSRF: {s}", "X-Original-URL: /v2/?sig={s}", "Origin: http://anna:{s}@x", "User-Agent: curl/8 {s}", "Accept: {s}",
)  # fmt: skip
GOT = (
    "Set-Cookie: sid={s}; Path=/", "X-Auth-Token: {s}", "Location: https://s3.example/x?X-Amz-Signature={s}", "Location: http://anna:{s}@x/", "Location: /v2/a/blobs/uploads/1?_state={s}", "X-Subject-Token: {s}",
    "Authentication-Info: {s}", "X-Amz-Meta-Key: {s}", "Link: </v2/_catalog?last=x&_state={s}>; rel=next", "X-Echo: {s}", "Refresh: 0; url=/x?k={s}", "ETag: {s}", "Docker-Upload-UUID: {s}", "Server: x {s}",
    'WWW-Authenticate: Bearer realm="http://a/t?key={s}"', 'WWW-Authenticate: Digest nonce="{s}"',
)  # fmt: skip
TARGETS = (
    "/v2/?access_token={s}",
    "/v2/?sig={s}",
    "/token?account=a&password={s}",
    "/v2/x?token={s}&n=1",
    "http://anna:{s}@r/v2/",
    "/v2/?{s}",
)
BODIES = (
    '{{"token": "{s}"}}', '{{"access_token":"{s}","refresh_token":"{s}","expires_in":60}}', '{{"id_token" : "{s}"}}', '{{"SecretAccessKey":"{s}"}}', "password={s}", "<input value='{s}'>", "{s}",
    '{{"errors":[{{"code":"DENIED","detail":"{s}"}}]}}',
)  # fmt: skip


def talks() -> list[tuple[Secret, bytes, bytes]]:
    """Each place with two shapes of a secret: what the client says, what the server answers."""
    mint, found = Mint(5), []

    def add(shape: str, sent: str = "", got: str = "", target: str = "/v2/", body: str = "{{}}") -> None:
        secret = mint.make(shape)
        fill = {"s": secret.text, "b": basic("anna", secret.text)}
        kind = "text/html" if body.startswith("<") else "application/json"
        raw = body.format(**fill).encode()
        lines = [f"GET {target.format(**fill)} HTTP/1.1", "Host: r", *([sent.format(**fill)] if sent else [])]
        head = [
            "HTTP/1.1 200 OK",
            f"Content-Type: {kind}",
            f"Content-Length: {len(raw)}",
            *([got.format(**fill)] if got else []),
        ]
        found.append((secret, "\r\n".join([*lines, "", ""]).encode(), "\r\n".join([*head, "", ""]).encode() + raw))

    for shape in ("mixed", "word"):
        for sent in SENT:
            add(shape, sent=sent)
        for got in GOT:
            add(shape, got=got)
        for target in TARGETS:
            add(shape, target=target)
        for body in BODIES:
            add(shape, body=body)
    return found


@pytest.fixture(scope="module")
def everything(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, list[Secret]]:
    vault, shown = Vault(), []
    recorder = Recorder("http://r:5000", vault)

    def note(seen: object) -> None:
        shown.append(line(recorder.note(seen)))  # type: ignore[arg-type]

    rows = talks()
    for _, said, answer in rows:
        passed(said, answer, note)
    folder = tmp_path_factory.mktemp("tap")
    _save(recorder, SimpleNamespace(har=str(folder / "t.har"), save_evidence=str(folder / "e.json"), vault=vault))  # type: ignore[arg-type]
    for file in folder.iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert len(json.loads((folder / "t.har").read_text())["log"]["entries"]) == len(rows)
    return "\n".join([*shown, *(f.read_text() for f in folder.iterdir()), repr(recorder.exchanges)]), [
        r[0] for r in rows
    ]


def test_a_hundred_secrets_pass_and_none_is_kept(everything: tuple[str, list[Secret]]) -> None:
    text, secrets = everything
    assert len(secrets) >= 100
    assert [s.text for s in secrets if any(form in text for form in s.forms())] == []


def test_what_is_learnt_later_goes_out_of_what_was_kept_before(tmp_path: Path) -> None:
    vault = Vault()
    recorder = Recorder("http://r:5000", vault)
    secret, word = "Holunder-77-blau", b"Holunder-77-blau"
    answer = b"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
    passed(b"GET /v2/" + word + b"/manifests/1 HTTP/1.1\r\nHost: r\r\n\r\n", answer, recorder.note)  # type: ignore[arg-type]
    assert secret in recorder.exchanges[0].url, "a path is no place for a secret, and so far none is known"
    login = basic("anna", secret).encode()
    passed(b"GET /v2/ HTTP/1.1\r\nHost: r\r\nAuthorization: Basic " + login + b"\r\n\r\n", answer, recorder.note)  # type: ignore[arg-type]
    saved = door.published(dump_evidence(Evidence(exchanges=recorder.exchanges), __version__).decode(), vault)
    assert secret not in recorder.har() + saved + repr(recorder.exchanges)
