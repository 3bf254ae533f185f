"""Files are found without leaving the folder, without loops and without opening what is no file."""

import os
from pathlib import Path

import pytest

from runbook.collect import Request, collect
from runbook.collect import walk as walking
from runbook.collect.walk import walk
from runbook.redact import Vault


def names(*paths: Path) -> list[str]:
    return [f.name for f in walk(tuple(map(str, paths))).files]


def problems(*paths: Path) -> str:
    return "\n".join(f"{p.place}: {p.message}" for p in walk(tuple(map(str, paths))).problems)


def test_names_are_relative_with_forward_slashes(tmp_path: Path) -> None:
    (tmp_path / "auth").mkdir()
    (tmp_path / "auth" / "htpasswd").write_text("x")
    (tmp_path / "a.txt").write_text("x")
    assert names(tmp_path) == ["a.txt", "auth/htpasswd"]


def test_links_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    (tmp_path / "secret.txt").write_text("x")
    (bundle / "link.txt").symlink_to(tmp_path / "secret.txt")
    (bundle / "inner.txt").write_text("x")
    (bundle / "also.txt").symlink_to("inner.txt")
    assert names(bundle) == ["also.txt"], "a link inside is the same file, taken once"
    assert "leads out" in problems(bundle)


def test_folder_loops_end(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "x.txt").write_text("x")
    (tmp_path / "a" / "loop").symlink_to(tmp_path, target_is_directory=True)
    (tmp_path / "self").symlink_to("self")
    assert names(tmp_path) == ["a/x.txt"]


def test_depth_is_bounded(tmp_path: Path) -> None:
    deep = tmp_path / "/".join("d" * 20)
    deep.mkdir(parents=True)
    (deep / "x.txt").write_text("x")
    assert names(tmp_path) == []
    assert "deeper" in problems(tmp_path)


def test_count_is_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(walking, "MAX_FILES", 3)
    for n in range(9):
        (tmp_path / f"{n}.txt").write_text("x")
    assert names(tmp_path) == ["0.txt", "1.txt", "2.txt"]
    assert "more than 3 files" in problems(tmp_path)


def test_pipes_and_devices_are_never_opened(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "registry.log")
    assert names(tmp_path) == []
    assert "not a regular file" in problems(tmp_path)
    assert names(Path("/dev/zero")) == []


def test_a_folder_called_htpasswd_is_told(tmp_path: Path) -> None:
    (tmp_path / "auth" / "htpasswd").mkdir(parents=True)
    assert walk((str(tmp_path),)).folders == ["auth/htpasswd"]


def test_the_registrys_own_storage_is_left_out(tmp_path: Path) -> None:
    blobs = tmp_path / "data" / "docker" / "registry" / "v2" / "blobs"
    blobs.mkdir(parents=True)
    (blobs / "data").write_text("x")
    assert names(tmp_path) == []


def test_files_of_two_folders_are_told_apart(tmp_path: Path) -> None:
    for side in ("old", "new"):
        (tmp_path / side).mkdir()
        (tmp_path / side / "htpasswd").write_text("x")
    assert names(tmp_path / "old", tmp_path / "new") == ["old/htpasswd", "new/htpasswd"]


def test_a_file_given_twice_is_read_once(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("x")
    assert len(names(tmp_path, tmp_path / "a.txt")) == 1


def test_a_folder_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "shut").mkdir()
    real = os.scandir

    def scandir(path: Path) -> object:
        if str(path).endswith("shut"):
            raise PermissionError(13, "Permission denied")
        return real(path)

    monkeypatch.setattr(os, "scandir", scandir)
    assert "shut may not be read" in problems(tmp_path)


def test_links_that_lead_to_each_other_end_nothing(tmp_path: Path) -> None:
    (tmp_path / "a").symlink_to(tmp_path / "b")
    (tmp_path / "b").symlink_to(tmp_path / "a")
    (tmp_path / "compose.yml").write_text("services: {registry: {image: 'registry:2'}}\n")
    evidence = collect(Request(paths=(str(tmp_path),)), Vault())
    assert evidence.compose is not None
    assert {str(p.place) for p in evidence.problems} == {"a", "b"}
