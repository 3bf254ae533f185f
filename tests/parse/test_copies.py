"""A copy between two registries has two ends, each with its own login: skopeo 1.9 against 3.1.1 (run), crane and oras (their
sources)."""

import pytest

from runbook.parse.messages import parse_text
from runbook.redact import Vault

A, B = "cr-west.o.example:5000", "cr-ost.o.example:5000"
SKOPEO = f"skopeo copy --src-creds wanda:Zeitung-7 --dest-creds otto:Kaffee-7 docker://{A}/k:1 docker://{B}/k:1"
SYNC = f"skopeo sync --src docker --dest docker --src-creds=wanda:Zeitung-7 --dest-creds=otto:Kaffee-7 {A}/k:1 {B}/m"
FATAL = 'time="2026-11-28T02:33:56Z" level=fatal msg="'
BLOB = "sha256:98b737edfd7a98ff7af9d0197d82e054c614f13ca24aeb5d5c08e458e52a42d3"
AT_B = f"trying to reuse blob {BLOB} at destination: checking whether a blob {BLOB} exists in {B}/k: unauthorized: authentication required"


def told(command: str, printed: str, vault: Vault | None = None) -> list[tuple[str, str | None, str | None]]:
    messages, _ = parse_text(f"bot@sync:~$ {command}\n{printed}\n", "t.txt", vault or Vault())
    return [(m.kind, m.host, m.user) for m in messages]


@pytest.mark.parametrize(
    ("command", "printed", "users"),
    [
        (SKOPEO, "Copying blob sha256:1\nWriting manifest to image destination\nStoring signatures", ("wanda", "otto")),
        (SYNC, 'level=info msg="Synced 1 images from 1 sources"', ("wanda", "otto")),
        (f"crane copy {A}/k:1 {B}/k:1", f"2026/11/28 02:00:00 {B}/k:1: digest: {BLOB} size: 418", (None, None)),
        (f"oras cp {A}/k:1 {B}/k:1", f"Copied [registry] {A}/k:1 => [registry] {B}/k:1", (None, None)),
    ],
)
def test_a_copy_that_went_well_shows_both_logins(
    command: str, printed: str, users: tuple[str | None, str | None]
) -> None:
    assert told(command, printed) == [("transfer-ok", A, users[0]), ("transfer-ok", B, users[1])]


@pytest.mark.parametrize(
    ("command", "printed", "host", "user"),
    [
        (SKOPEO, f'{FATAL}initializing source docker://{A}/k:1: reading manifest 1 in {A}/k: unauthorized: '
         'authentication required"', A, "wanda"),
        (SKOPEO, f'{FATAL}{AT_B}"', B, "otto"),
        (SYNC, f'{FATAL}Error copying ref \\"docker://{A}/k:1\\": {AT_B}"', B, "otto"),
    ],
)  # fmt: skip
def test_a_failure_is_of_the_side_that_it_names(command: str, printed: str, host: str, user: str) -> None:
    assert told(command, printed) == [("unauthorized", host, user)]


def test_a_copy_with_one_registry_has_one_end() -> None:
    command = f"skopeo copy --dest-creds otto:Kaffee-7 oci:./k:1 docker://{B}/k:1"
    assert told(command, "Writing manifest to image destination") == [("transfer-ok", B, "otto")]


def test_how_regctl_ends_is_not_guessed() -> None:
    assert told(f"regctl image copy {A}/k:1 {B}/k:1", "Manifests: 1/1 | Blobs: 2/2") == []


def test_both_passwords_go_into_the_vault() -> None:
    vault = Vault()
    told(SKOPEO, "", vault)
    assert "-7" not in vault.mask("Zeitung-7 Kaffee-7", 100)
