"""A registry that a script starts says of each variable of the script that it does not know it: nobody's mistake."""

from pathlib import Path

import pytest

from tests.bundles import ask_files

LOGIN = b"$ docker login cr.o.example -u deploy\nPassword:\nLogin Succeeded\n"
SAID = 'time="2026-11-28T01:31:51.1Z" level=warning msg="Ignoring unrecognized environment variable {name}" version=v3.1.1\n'


def verdict(folder: Path, name: str) -> str:
    return ask_files(folder, {"client.txt": LOGIN, "registry.log": SAID.format(name=name).encode()}).verdict


@pytest.mark.parametrize("name", ["REGISTRY_PASSWORD", "REGISTRY_USERNAME", "REGISTRY_TITLE"])
def test_what_tools_and_the_ui_read_is_no_misspelt_setting(name: str, tmp_path: Path) -> None:
    assert verdict(tmp_path, name) == "healthy"


def test_a_misspelt_setting_is_one(tmp_path: Path) -> None:
    answer = ask_files(
        tmp_path, {"registry.log": SAID.format(name="REGISTRY_AUTH_HTPASWD_PATH").encode(), "client.txt": LOGIN}
    )
    assert "env-name-malformed" in answer.causes("causes", "warnings", "also_seen")
