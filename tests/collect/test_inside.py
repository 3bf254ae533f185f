"""A password file as a container shows it, against the one on the disk: only what was shown whole tells them apart."""

from pathlib import Path

import pytest

from runbook.collect import Request, collect
from runbook.redact import Vault

A, B = ("$2y$05$" + letter * 53 for letter in "aK")
COMPOSE = """services:
  registry:
    image: registry:2.8.2
    environment: {REGISTRY_AUTH: htpasswd, REGISTRY_AUTH_HTPASSWD_REALM: r, REGISTRY_AUTH_HTPASSWD_PATH: /auth/htpasswd}
    volumes: ['./auth/htpasswd:/auth/htpasswd', './data:/var/lib/registry']
"""


@pytest.mark.parametrize(
    ("command", "shown", "differs"),
    [
        ("cat", f"anna:{A}\nbernd:{B}", False),
        ("cat", f"anna:{B}\nbernd:{B}", True),
        ("cat", f"bernd:{B}", True),
        ("cat", "bernd:***", True),
        ("cat", "anna:***\nbernd:***", False),
        ("cat", "anna:$2y$05$[redacted]\nbernd:$2y$05$[redacted]", False),
        ("cat", "***:***\n***:***", False),
        ("head -1", f"anna:{A}", False),
        ("head -n 1", f"anna:{B}", False),
        ("tail -n 1", f"bernd:{B}", False),
        ("head", f"bernd:{B}", True),
        ("sed -n 2p", f"bernd:{B}", False),
        ("cut -d: -f1", "anna\nbernd", False),
        ("cut -d: -f1", "bernd", True),
        ("cut -c1-12", "anna:$2y$05$\nbernd:$2y$05", False),
        ("cut -c1-5", "anna:\nbernd", False),
        ("grep anna", f"anna:{B}", False),
    ],
)
def test_what_is_shown_in_part_differs_from_nothing(command: str, shown: str, differs: bool, tmp_path: Path) -> None:
    (tmp_path / "auth").mkdir()
    (tmp_path / "auth" / "htpasswd").write_text(f"anna:{A}\nbernd:{B}\n")
    (tmp_path / "compose.yml").write_text(COMPOSE)
    (tmp_path / "paste.txt").write_text(
        f"tina@reg:~$ docker exec registry {command} /auth/htpasswd\n{shown}\ntina@reg:~$ date\n"
    )
    messages = collect(Request(paths=(str(tmp_path),)), Vault()).messages
    assert bool([m for m in messages if m.kind == "checksum"]) is differs


@pytest.mark.parametrize(
    ("command", "whole"), [("cat", True), ("head", True), ("head -1", False), ("sed -n 1p", False)]
)
def test_a_file_of_which_some_lines_were_shown_is_incomplete(command: str, whole: bool, tmp_path: Path) -> None:
    (tmp_path / "paste.txt").write_text(f"$ {command} auth/htpasswd\nanna:{A}\n$ date\n")
    (file,) = collect(Request(paths=(str(tmp_path),)), Vault()).htpasswd
    assert file.lacks("bernd") is whole
