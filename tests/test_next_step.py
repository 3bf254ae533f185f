"""What is asked for next fits what failed: the service that refused, the client that had no login."""

from pathlib import Path

import pytest

from runbook.collect import Request, collect
from runbook.collect.files import Item
from runbook.judge import Run, diagnose
from runbook.redact import Vault

REFUSED = (
    "#9 ERROR: failed to push git.kiln.example:5050/team/app:main: failed to authorize: failed to fetch oauth token: "
    "unexpected status from %s request to https://git.kiln.example/jwt/auth%s: 401 Unauthorized\n"
)


def judged(folder: Path, name: str, text: str) -> Run:
    (folder / name).write_text(text, encoding="utf-8")
    return diagnose(collect(Request(paths=(str(folder),)), Vault()))


def command(run: Run) -> str:
    assert run.diagnosis.next is not None
    return str(run.diagnosis.next.command)


@pytest.mark.parametrize(
    ("method", "query", "typed"),
    [
        ("POST", "", "curl -sS -i -u USER https://git.kiln.example/jwt/auth"),
        (
            "GET",
            "?scope=repository%3At%2Fa%3Apull%2Cpush&service=container_registry",
            "curl -sS -i -u USER 'https://git.kiln.example/jwt/auth?service=container_registry'",
        ),
    ],
)
def test_a_token_service_that_refused_is_asked_itself(method: str, query: str, typed: str, tmp_path: Path) -> None:
    run = judged(tmp_path, "ticket.md", f"Since this morning:\n\n```\n{REFUSED % (method, query)}```\n")
    assert run.diagnosis.verdict == "inconclusive"
    assert run.diagnosis.about == "about git.kiln.example:5050"
    assert command(run) == typed
    assert "registry itself" not in " ".join(s.symptom.value for s in run.diagnosis.symptoms)


def test_a_job_that_pushed_after_all_is_healthy(tmp_path: Path) -> None:
    rows = [
        "06:00:01Z " + (REFUSED % ("GET", "?service=container_registry")).strip().replace("#9", "#8"),
        "06:20:00Z $ docker login git.kiln.example:5050 -u ci --password-stdin",
        "06:20:01Z Login Succeeded",
        f"06:20:40Z #8 pushing manifest for git.kiln.example:5050/t/a:1@sha256:{'2d8b1a3f' * 8} 0.9s done",
    ]
    text = "".join(f"2026-11-24T{row}\n" for row in rows)
    assert judged(tmp_path, "ci.log", text).diagnosis.verdict == "healthy"
    (tmp_path / "ci.log").unlink()
    assert judged(tmp_path, "ci.log", text.split("\n")[0] + "\n").diagnosis.verdict == "inconclusive"


@pytest.mark.parametrize(
    ("said", "typed"),
    [
        (
            "$ docker pull depot.kiln.example/shop/api:1\n"
            'Error response from daemon: Head "https://depot.kiln.example/v2/shop/api/manifests/1": no basic auth credentials\n',
            "docker login depot.kiln.example",
        ),
        (
            "$ oras pull depot.kiln.example:5000/shop/api:1\n"
            'Error: failed to resolve 1: GET "https://depot.kiln.example:5000/v2/shop/api/manifests/1": basic credential not found\n',
            "oras login depot.kiln.example:5000",
        ),
    ],
)
def test_a_client_without_a_login_is_told_to_log_in(said: str, typed: str, tmp_path: Path) -> None:
    run = judged(tmp_path, "session.txt", said)
    assert run.diagnosis.verdict == "inconclusive"
    assert command(run) == typed


def test_one_that_did_log_in_is_not(tmp_path: Path) -> None:
    said = (
        "$ docker login depot.kiln.example -u runa\nLogin Succeeded\n$ sudo docker pull depot.kiln.example/shop/api:1\n"
        'Error response from daemon: Head "https://depot.kiln.example/v2/shop/api/manifests/1": no basic auth credentials\n'
    )
    run = judged(tmp_path, "session.txt", said)
    assert run.diagnosis.next is None or "docker login" not in command(run)


def test_how_the_registry_is_set_up_is_missed_once(tmp_path: Path) -> None:
    run = judged(
        tmp_path, "session.txt", "$ docker push depot.kiln.example/a:1\nunauthorized: authentication required\n"
    )
    assert sum("set up" in gap for gap in run.diagnosis.not_tested) == 1


def test_an_engine_s_log_does_not_say_whose_login_was_missing(tmp_path: Path) -> None:
    said = (
        'The pods do not start.\n\n    Jan 09 18:09:08 w4 docker[2462]: time="2018-01-09T18:09:08.892755019+01:00" level=error '
        'msg="Attempting next endpoint for pull after error: Get https://depot.kiln.example/v2/a/api/manifests/1: no basic auth credentials"\n'
    )
    run = judged(tmp_path, "ticket.md", said)
    assert command(run).startswith("kubectl get events")
    assert run.diagnosis.next is not None
    assert "docker login" in run.diagnosis.next.why


LOGIN = (
    "$ docker login depot.kiln.example:8000 -u runa --password-stdin < pw\nError response from daemon: login attempt to "
    "http://depot.kiln.example:8000/v2/ failed with status: 401 Unauthorized\n"
)


def test_a_login_that_is_accepted_where_the_challenge_is_missing_asks_for_no_password_file(tmp_path: Path) -> None:
    (tmp_path / "login.txt").write_text(LOGIN, encoding="utf-8")
    answer = "content-type: application/json\ndocker-distribution-api-version: registry/2.0\n\n"
    asked = (
        f"$ curl -i http://depot.kiln.example:8000/v2/\nHTTP/1.1 401 Unauthorized\n{answer}"
        '{"errors":[{"code":"UNAUTHORIZED","message":"authentication required","detail":null}]}\n\n'
        f"$ curl -i -u runa http://depot.kiln.example:8000/v2/\nHTTP/1.1 200 OK\n{answer}{{}}\n"
    )
    run = judged(tmp_path, "transcript.txt", asked)
    assert run.diagnosis.verdict == "inconclusive"
    assert "nginx -T" in command(run)


REFUSED_BY_NGINX = (
    "$ curl -i -u runa http://depot.kiln.example/v2/\nHTTP/1.1 403 Forbidden\nServer: nginx/1.22.1\nContent-Type: text/html\n\n"
    "<html>\n<head><title>403 Forbidden</title></head>\n<hr><center>nginx/1.22.1</center>\n</html>\n"
)
SITE = "server { listen 80; server_name depot.kiln.example; location / { proxy_pass http://10.0.0.2:5000; } }\n"
LINE = '10.0.0.9 - runa [28/Nov/2026:01:39:47 +0000] "GET /v2/ HTTP/1.1" 403 153 "-" "curl/7.88.1"\n'


@pytest.mark.parametrize(
    ("files", "asks"),
    [
        ({}, "nginx -T"),
        ({"site.conf": SITE}, "/var/log/nginx/access.log /var/log/nginx/error.log"),
        ({"site.conf": SITE, "access.log": LINE}, "nginx -T"),
    ],
    ids=["nothing of nginx", "its file", "its file and log"],
)
def test_a_403_that_nginx_wrote_is_looked_up_at_nginx(files: dict[str, str], asks: str, tmp_path: Path) -> None:
    """Neither the client's logins nor the registry's log know of it."""
    for name, text in files.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    run = judged(tmp_path, "transcript.txt", REFUSED_BY_NGINX)
    assert run.diagnosis.verdict == "inconclusive"
    assert asks in command(run)


def test_a_403_that_the_registry_wrote_is_not(tmp_path: Path) -> None:
    answer = "Server: nginx/1.22.1\nDocker-Distribution-Api-Version: registry/2.0\nContent-Type: application/json\n\n"
    denied = '{"errors":[{"code":"DENIED","message":"requested access to the resource is denied"}]}\n'
    asked = f"$ curl -i -u runa http://depot.kiln.example/v2/a/tags/list\nHTTP/1.1 403 Forbidden\n{answer}{denied}"
    assert "nginx" not in command(judged(tmp_path, "transcript.txt", asked))


def test_a_file_that_may_not_be_read_is_named_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real = Item.read

    def read(item: Item, size: int) -> bytes:
        if item.name == "haproxy.cfg":
            raise PermissionError(13, "Permission denied")
        return real(item, size)

    (tmp_path / "haproxy.cfg").write_text("defaults\n", encoding="utf-8")
    monkeypatch.setattr(Item, "read", read)
    run = judged(tmp_path, "login.txt", LOGIN)
    assert [row.split(":")[0] for row in run.diagnosis.not_read] == ["haproxy.cfg"]
    assert run.diagnosis.next is not None
    assert run.diagnosis.next.why.startswith("haproxy.cfg was handed over and could not be opened")


def test_a_login_that_failed_for_no_known_reason_was_tried(tmp_path: Path) -> None:
    said = "no successful auth challenge for https://depot.kiln.example/v2/ - errors: []"
    text = f"$ docker login https://depot.kiln.example\nUsername: runa\nPassword:\nError response from daemon: {said}\n"
    run = judged(tmp_path, "login.txt", text)
    assert run.diagnosis.verdict == "inconclusive"
    assert run.diagnosis.next is not None
    assert run.diagnosis.next.why.startswith("A login was tried")
    assert "-u runa https://depot.kiln.example/v2/" in command(run)


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        (
            'Failed to pull image "{0}/app:1": Get http://{0}/v2/app/manifests/1: no basic auth credentials',
            "kubectl get",
        ),
        ("Error response from daemon: Get http://{0}/v2/app/manifests/1: no basic auth credentials", "docker login"),
    ],
)
def test_a_pod_without_a_login_is_asked_for_its_secrets_and_a_user_logs_in(
    said: str, asked: str, tmp_path: Path
) -> None:
    address = "depot.kiln.example:5000"
    run = judged(tmp_path, "said.txt", f'{said.format(address)}\nBack-off pulling image "{address}/app:1"\n')
    assert run.diagnosis.verdict == "inconclusive"
    assert asked in command(run)


def test_the_address_of_a_login_may_be_typed_with_its_scheme(tmp_path: Path) -> None:
    text = (
        "$ docker run -p 127.0.0.1:5000:5000 registry:2\n"
        "$ docker login https://depot.kiln.example/\nUsername: runa\nPassword:\n"
        "Error response from daemon: (Code: 404; Headers: map[Server:[nginx/1.6.2]])\n"
    )
    assert "https://depot.kiln.example/v2/" in command(judged(tmp_path, "login.txt", text))
