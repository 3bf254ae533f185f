"""A fault that is made of missing lines, in files of which lines were left out, is possible and no more."""

from pathlib import Path

import bcrypt
import pytest

from runbook.collect import Request, collect
from runbook.judge import Run, diagnose
from runbook.model import Certainty
from runbook.redact import Vault

LOGIN = """$ docker login depot.kiln.example -u runa
Error response from daemon: login attempt to https://depot.kiln.example/v2/ failed with status: 401 Unauthorized
"""
PUSH = """$ docker push depot.kiln.example/kiln/glaze:1
The push refers to repository [depot.kiln.example/kiln/glaze]
5f70bf18a086: Preparing
5f70bf18a086: Pushing [==>    ]  1.5MB/30MB
unauthorized: authentication required
"""
SITE = """server {
    listen 443 ssl;
    server_name depot.kiln.example;
    client_max_body_size 0;
    location /v2/ {
        proxy_pass http://registry:5000;
        proxy_set_header Host $http_host;
        %s
    }
}
"""
WIKI = """server {
    listen 443 ssl;
    %s
    location / {
        proxy_pass http://wiki:8090;
        proxy_set_header Authorization "";
    }
}
"""


def judged(folder: Path, **files: str) -> Run:
    for name, text in files.items():
        path = folder / name.replace("__", ".")
        path.write_text(text, encoding="utf-8")
    return diagnose(collect(Request(paths=(str(folder),)), Vault()))


@pytest.mark.parametrize("row", ["...", "# ...", "[4 lines omitted]"])
def test_it_may_stand_where_lines_were_left_out(row: str, tmp_path: Path) -> None:
    diagnosis = judged(tmp_path, depot__conf=SITE % row, session__txt=PUSH).diagnosis
    assert diagnosis.verdict == "inconclusive"
    first = diagnosis.causes[0]
    assert (first.cause, first.certainty) == ("x-forwarded-proto-missing", Certainty.POSSIBLE)
    assert diagnosis.next is not None
    assert "depot.conf:8" in diagnosis.next.why
    assert str(diagnosis.next.command).startswith("runbook diagnose ")
    assert any("depot.conf:8" in row for row in diagnosis.not_read)


def test_the_same_whole_is_a_fault(tmp_path: Path) -> None:
    diagnosis = judged(tmp_path, depot__conf=SITE % "", session__txt=PUSH).diagnosis
    assert (diagnosis.verdict, diagnosis.causes[0].cause) == ("fault", "x-forwarded-proto-missing")


def test_a_site_whose_name_was_left_out_is_not_this_one(tmp_path: Path) -> None:
    told = "proxy_set_header X-Forwarded-Proto $scheme;"
    run = judged(tmp_path, depot__conf=SITE % told, wiki__conf=WIKI % "...", session__txt=LOGIN)
    assert run.diagnosis.verdict == "inconclusive"


COMPOSE = """services:
  registry:
    image: registry:2.8.3
    ports: ["5000:5000"]
    environment:
      REGISTRY_AUTH: htpasswd
      REGISTRY_AUTH_HTPASSWD_REALM: depot
      REGISTRY_AUTH_HTPASSWD_PATH: /auth/htpasswd
    volumes:
      - ./auth:/auth:ro
      - images:/var/lib/registry
%s
volumes: {images: {}}
"""


def test_what_the_registrys_own_files_lack_is_a_fault_although_a_proxys_lines_were_left_out(tmp_path: Path) -> None:
    compose = (COMPOSE % "").replace("      REGISTRY_AUTH_HTPASSWD_REALM: depot\n", "")
    files = {"docker-compose.yml": compose, "depot.conf": SITE % "..."}
    first = judged(tmp_path, **files).diagnosis.causes[0]
    assert (first.cause, first.certainty > Certainty.POSSIBLE) == ("auth-option-missing", True)
    shortened = compose.replace("    volumes:\n      - ./auth", "      # ...\n    volumes:\n      - ./auth")
    assert all(
        c.certainty is Certainty.POSSIBLE
        for c in judged(tmp_path, **{**files, "docker-compose.yml": shortened}).diagnosis.causes
    )


def test_files_with_lines_left_out_are_not_healthy(tmp_path: Path) -> None:
    (tmp_path / "auth").mkdir()
    (tmp_path / "auth" / "htpasswd").write_text("runa:$2y$05$NEXHCX4xuMgPJEL5zxxKReo/3GOhrdgQaOBZOjVU2g8f4veGBheoG\n")
    assert judged(tmp_path, **{"docker-compose.yml": COMPOSE % ""}).diagnosis.verdict == "healthy"
    assert judged(tmp_path, **{"docker-compose.yml": COMPOSE % "  ..."}).diagnosis.verdict == "inconclusive"


def test_an_accepted_user_whom_the_file_does_not_have_shows_no_health(tmp_path: Path) -> None:
    session = "$ curl -i -u nobody:x1 http://localhost:5000/v2/_catalog\nHTTP/1.1 200 OK\nDocker-Distribution-Api-Version: registry/2.0\n\n{}\n"
    file = "runa:$2y$05$NEXHCX4xuMgPJEL5zxxKReo/3GOhrdgQaOBZOjVU2g8f4veGBheoG\n"
    diagnosis = judged(tmp_path, htpasswd=file, session__txt=session).diagnosis
    assert diagnosis.verdict != "healthy"
    other = judged(tmp_path, htpasswd=file + file.replace("runa", "nobody"), session__txt=session).diagnosis
    assert other.verdict != "healthy"  # it has the name, with another password than the one that was accepted
    right = f"nobody:{bcrypt.hashpw(b'x1', bcrypt.gensalt(5)).decode()}\n"
    assert judged(tmp_path, htpasswd=file + right, session__txt=session).diagnosis.verdict == "healthy"
