"""Which way a request took, told from its response alone."""

from pathlib import Path

import pytest

from runbook.collect import Request, collect
from runbook.judge import diagnose
from runbook.redact import Vault
from runbook.rules.location_math import port_differs
from runbook.urls import urlsplit


@pytest.mark.parametrize(
    ("here", "there", "lost"),
    [
        ("https://hub.example:443/v2/", "http://hub.example/v2/", False),
        ("https://hub.example/v2/", "http://hub.example:80/v2/", False),
        ("https://hub.example:8443/v2/", "http://hub.example/v2/", True),
        ("http://hub.example:8080/v2/", "http://hub.example/v2/", True),
    ],
)
def test_a_port_that_belongs_to_the_scheme_is_not_lost(here: str, there: str, lost: bool) -> None:
    assert port_differs(urlsplit(here), urlsplit(there)) is lost


def _upload(scheme: str, to: str) -> str:
    return (
        f"$ curl -i -X POST {scheme}://hub.example/v2/a/blobs/uploads/\nHTTP/1.1 202 Accepted\n"
        f"Docker-Distribution-Api-Version: registry/2.0\nLocation: {to}://hub.example/v2/a/blobs/uploads/1\n"
    )


def test_tls_that_the_registry_does_not_know_of_ended_before_it(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text(_upload("https", "http"))
    found = diagnose(collect(Request(paths=(str(tmp_path),)), Vault())).diagnosis
    assert [c.cause for c in found.causes] == ["x-forwarded-proto-missing"]


@pytest.mark.parametrize(("scheme", "to"), [("https", "https"), ("http", "http")])
def test_an_upload_that_stays_where_it_is_shows_no_fault(tmp_path: Path, scheme: str, to: str) -> None:
    (tmp_path / "t.txt").write_text(_upload(scheme, to))
    assert not diagnose(collect(Request(paths=(str(tmp_path),)), Vault())).diagnosis.causes
