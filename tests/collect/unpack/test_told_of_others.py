"""Whose trouble somebody tells: of another service, of a monitor that has no login, of what he quotes from before."""

from pathlib import Path

import pytest

from tests.bundles import ask_files

LOGIN = b"$ docker login reg.o.example -u max\nPassword:\nLogin Succeeded\n"


def verdict(folder: Path, text: str, name: str = "mail.txt") -> str:
    return ask_files(folder, {"client.txt": LOGIN, name: text.encode()}).verdict


@pytest.mark.parametrize(
    "text",
    [
        "The wiki is down since this morning (503), we know. Please look at the registry only.",
        "Grafana cannot reach its database, that is another ticket.",
        "[reg.o.example] [DOWN] Request failed with status code 401",
        "Uptime Kuma says 401 for reg.o.example.",
    ],
)
def test_another_services_trouble_is_none_of_the_registry(text: str, tmp_path: Path) -> None:
    assert verdict(tmp_path, text) == "healthy"


@pytest.mark.parametrize(
    "text",
    [
        "The wiki is down since this morning, and the registry fails too.",
        "Wiki and pulls are both broken.",
        "The wiki has the same error as docker login.",
        "[reg.o.example] [DOWN] Request failed with status code 502",
        "Jenkins fails: unauthorized, it cannot push.",
        "The list comes up, deleting does nothing.",
    ],
)
def test_what_the_registry_has_in_common_with_it_is_told_of_the_registry(text: str, tmp_path: Path) -> None:
    assert verdict(tmp_path, text) == "inconclusive"


PAGE = """<html><body><p>Hello,</p><p>{now}</p>
<div>Am Fr., 27. Nov. 2026 um 10:12 Uhr schrieb Max &lt;max@o.example&gt;:<br></div>
<blockquote><p>{before}</p></blockquote></body></html>
"""


@pytest.mark.parametrize(
    ("now", "before", "expected"),
    [
        ("It works now.", "The login fails with 401", "healthy"),
        ("The login fails with 401", "It works now.", "inconclusive"),
    ],
)
def test_what_a_page_quotes_was_before_it(now: str, before: str, expected: str, tmp_path: Path) -> None:
    assert verdict(tmp_path, PAGE.format(now=now, before=before), "mail.html") == expected


def test_another_product_that_signs_its_challenge_is_asked_and_no_htpasswd_file(tmp_path: Path) -> None:
    asked = (
        "$ curl -i https://nexus.o.example/v2/\nHTTP/2 401\nserver: nginx\nwww-authenticate: BASIC "
        'realm="Sonatype Nexus Repository Manager"\n\n$ docker login nexus.o.example -u build\nPassword:\n'
        "Error response from daemon: login attempt to https://nexus.o.example/v2/ failed with status: 401 Unauthorized\n"
    )
    answer = ask_files(tmp_path, {"nexus.txt": asked.encode()})
    assert answer.report is not None
    assert answer.verdict == "inconclusive"
    assert answer.report["next"]["command"] == "docker login nexus.o.example"


def test_where_a_release_did_not_come_up_the_cluster_is_asked(tmp_path: Path) -> None:
    job = b"$ helm upgrade --install app ./chart --wait\nError: UPGRADE FAILED: context deadline exceeded\n"
    answer = ask_files(tmp_path, {"client.txt": LOGIN, "job.txt": job})
    assert answer.report is not None
    assert answer.verdict == "inconclusive"
    assert answer.report["next"]["command"].startswith("kubectl get events")
