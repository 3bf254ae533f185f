"""Copies set aside beside the file in use say nothing of now, unless a configuration names them."""

import pytest

from runbook.collect.copies import copies


@pytest.mark.parametrize(
    "copy",
    [
        "site.conf.bak",
        "site.conf~",
        "site.conf.old",
        "site.conf.2024-11-03",
        "old/site.conf",
        "backup-2024/site.conf",
        "site.conf.pre-tls",
    ],
)
def test_copies_beside_their_original(copy: str) -> None:
    assert copies({"site.conf": "nginx", copy: "nginx"}, {"site.conf": "server {}"}) == {copy}


def test_another_kind_or_no_original_is_no_copy() -> None:
    assert not copies({"site.conf.bak": "nginx"}, {})
    assert not copies({"auth/htpasswd": "dotenv", "auth/htpasswd.old": "htpasswd"}, {})
    assert not copies({"a.conf": "nginx", "b.conf": "nginx"}, {})


def test_a_copy_that_is_named_is_in_use() -> None:
    kinds = {"auth/htpasswd": "htpasswd", "auth/htpasswd.old": "htpasswd"}
    assert not copies(kinds, {"compose.yml": "REGISTRY_AUTH_HTPASSWD_PATH: /auth/htpasswd.old"})  # type: ignore[arg-type]
    assert copies(kinds, {"compose.yml": "REGISTRY_AUTH_HTPASSWD_PATH: /auth/htpasswd"})  # type: ignore[arg-type]
    assert not copies({"a.conf": "nginx", "old/a.conf": "nginx"}, {"compose.yml": "./old:/etc/nginx/conf.d"})
