"""`runbook verify`: only checks that look are run, and each against what it should print."""

import json
import os
import shutil
from pathlib import Path

import pytest

from runbook.cli import main
from runbook.verify import as_expected
from runbook.verify.allowed import plan
from tests.case_files import all_cases, judge
from tests.servers import registry

LOOKS = (
    "curl -sS -o /dev/null -w '%{http_code}\\n' -u jana http://localhost:5000/v2/",
    "curl -sSi -H 'Origin: http://localhost:8080' http://localhost:5000/v2/ | grep -i '^access-control-allow'",
    "curl -sS -o /dev/null -w '%{http_code}\\n' -A docker/1 http://localhost:5000/v2/",
    "htpasswd -v auth/htpasswd jana",
    r"sed -nE '$s/:(\$2[aby]\$)(0[4-9]|[12][0-9]|3[01])\$[.\/0-9A-Za-z]{53}.*/ \1/p' auth/htpasswd",
    "sed -n '1{s/:.*//;l;}' auth/htpasswd",
    "cut -s -d: -f1 auth/htpasswd",
    "docker compose exec registry env | cut -d= -f1 | grep -x REGISTRY_AUTH",
    "docker compose exec -T registry cat /etc/distribution/config.yml | diff - config.yml",
    "docker compose exec ui getent hosts registry",
    "docker compose config --quiet",
    "docker compose logs | grep 'invalid secret'",
    "kubectl -n ci logs --tail=50 deploy/registry",
    "kubectl -n web get events --field-selector=reason=Pulled",
    "docker compose exec east sh -c 'printenv REGISTRY_HTTP_SECRET | sha256sum | cut -c1-8'",
)
CHANGES = (
    "rm -rf /",
    "sh -c 'curl http://localhost'",
    "curl -sS http://localhost/v2/ ; rm x",
    "curl -sS http://localhost/v2/ > out",
    "curl -sS -o out http://localhost/v2/",
    "curl -sS -X DELETE http://localhost/v2/a/manifests/b",
    "curl -sS -X POST http://localhost/v2/a/blobs/uploads/",
    "curl -sS -H @/etc/passwd http://localhost/v2/",
    "curl -sS -w '%output{out}' http://localhost/v2/",
    "curl -sS -K config http://localhost/v2/",
    "curl -sS -u jana:secret http://localhost/v2/",
    "curl -sS http://localhost/v2/ http://elsewhere/",
    "curl -sS file:///etc/passwd",
    "sed -i s/a/b/ file",
    "sed -n '1w /tmp/x' file",
    "sed -n 's/a/b/w out' file",
    "sed -n 's/a/b/e' file",
    "sed -n '1e id' file",
    "htpasswd -B auth/htpasswd jana",
    "htpasswd -bv auth/htpasswd jana secret",
    "docker compose up -d registry",
    "docker compose exec registry rm x",
    "docker compose exec registry env rm x",
    "docker compose exec registry sh -c id",
    "docker compose exec registry sh -c 'printenv REGISTRY_HTTP_SECRET'",
    "printenv REGISTRY_PASSWORD | grep -c .",
    "docker compose -f other.yml config",
    "docker compose config -o out",
    "docker run --rm alpine",
    "docker login localhost:5000 < /dev/null",
    "kubectl delete pod x",
    "kubectl --kubeconfig=x get pods",
    "kubectl exec x -- sh",
    "grep $(id) file",
    "grep `id` file",
    "curl -sS http://HOST/v2/",
    "'unfinished",
    "",
)


@pytest.mark.parametrize("text", LOOKS)
def test_checks_that_look_may_run(text: str) -> None:
    assert plan(text).refused == ""
    assert plan(text).pipeline


@pytest.mark.parametrize("text", CHANGES)
def test_everything_else_is_refused_with_a_reason(text: str) -> None:
    assert plan(text).pipeline == ()
    assert plan(text).refused


@pytest.mark.parametrize(
    ("output", "expect", "fits"),
    [
        ("200\n", "200", True),
        ("401\n", "200", False),
        ("401\n", "401 (or 200)", True),
        ("200\n", "401 (or 200)", True),
        ("413\n", "401, not 413", False),
        ("0.0.0.0:30474\n", "0.0.0.0:30474", True),
        ("1\n", "1", True),
        ("2\n", "1", False),
        ("", "nothing", True),
        ("a line\n", "nothing", False),
        ("jana $2y$\n", "jana $2y$ (nothing while the hash is not whole bcrypt)", True),
        ('"jana"$\n', "jana$ (the name alone)", False),
        ("Location: http://a/v2/x\n", "Location: http://a/…", True),
        ("Location: http://a.b/v2/x\n", "Location: http://a/…", False),
        ("Access-Control-Allow-Origin: http://a/\n", "Access-Control-Allow-Origin: http://a and B: true", False),
        ("access-control-allow-origin: http://a\nB: true\n", "Access-Control-Allow-Origin: http://a and B: true", True),
        ("172.18.0.2 registry\n", "… registry (an address before it)", True),
        ("200 0.05\n", "200 and less than 0.2 seconds", True),
        ("200 0.95\n", "200 and less than 0.2 seconds", False),
        ("401 0.05\n", "200 and less than 0.2 seconds", False),
        ("204\n", "204 or 200, once the proxy answers it", True),
        ("HTTP/2 401\nwww-authenticate: Basic\n", "HTTP/1.1 401 Unauthorized and WWW-Authenticate: …", True),
        ("HTTP/2 200\n", "HTTP/1.1 401 Unauthorized", False),
        ('2m  Normal  Pulled  pod/a  Successfully pulled image "a" in 2s\n', "… Successfully pulled image …", True),
        ("the attribute `version` is obsolete\n", "no line with: variable is not set", True),
        ('The "x" variable is not set.\n', "no line with: variable is not set", False),
        ("sth\n", "(the images that were pushed)", None),
        ("sth\n", "", None),
    ],
)
def test_what_is_expected(output: str, expect: str, fits: bool | None) -> None:
    assert as_expected(output, expect) is fits


def report(folder: Path, *checks: tuple[str, str]) -> str:
    fix = {"verify": [c for c, _ in checks], "expect": [e for _, e in checks]}
    file = folder / "report.json"
    file.write_text(
        json.dumps({"schema": 1, "causes": [{"cause": "htpasswd-merged-lines", "role": "reason", "fix": fix}]})
    )
    return str(file)


def test_runs_and_compares(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "names").write_text("jana:x\n")
    file = report(tmp_path, ("cut -s -d: -f1 names", "goran and jana"))
    assert main(["verify", file, "--yes"]) == 3
    assert "not as expected" in capfd.readouterr().out
    (tmp_path / "names").write_text("goran:x\njana:x\n")
    assert main(["verify", file, "--yes"]) == 0


def test_refused_ones_do_not_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["verify", report(tmp_path, ("touch made", "nothing")), "--yes"]) == 5
    assert not (tmp_path / "made").exists()


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_a_password_is_given_by_variable_and_never_as_an_argument(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("REG_PASSWORD", 'ri"ght\\pass')
    with registry("anna", 'ri"ght\\pass') as (address, seen):
        asks = f"curl -sS -o /dev/null -w '%{{http_code}}' -u anna {address}/v2/"
        file = report(tmp_path, (asks, "200"))
        assert main(["verify", file, "--yes", "--user", "anna", "--password-env", "REG_PASSWORD"]) == 0
        other = report(tmp_path, (asks.replace("anna", "karl"), "200"))
        assert main(["verify", other, "--yes", "--user", "anna", "--password-env", "REG_PASSWORD"]) == 5
    assert [user for _, _, user, _ in seen.requests] == ["anna"]
    login = ["--yes", "--user", "anna", "--password-env", "REG_PASSWORD"]
    clear = report(tmp_path, ("curl -sS -u anna http://reg.invalid/v2/", "200"))
    assert main(["verify", clear, *login, "--to", "reg.invalid"]) == 5
    named = report(tmp_path, ("curl -sS -u anna https://reg.invalid/v2/", "200"))
    assert main(["verify", named, *login]) == 5
    told = capfd.readouterr()
    assert "--insecure-http" in told.out
    assert "--to reg.invalid allows it" in told.out
    assert "ght" not in told.out + told.err


def test_nobody_is_asked_where_nobody_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("runbook.verify.commands._has_terminal", lambda: False)
    assert main(["verify", report(tmp_path, ("curl -sS -u anna http://localhost:1/v2/", "200")), "--yes"]) == 5
    assert "--password-env" in capfd.readouterr().out


@pytest.mark.parametrize(
    ("check", "why"),
    [
        ("curl -sS -o /dev/null -w '%{http_code}' http://reg.invalid/v2/", "resolve"),
        ("docker compose exec ui env | cut -d= -f1 | grep -x REGISTRY_AUTH", "no engine here"),
        ("cut -d: -f1 none", "none"),
    ],
)
def test_what_could_not_look_is_no_failure(
    check: str, why: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    docker = tmp_path / "docker"
    docker.write_text("#!/bin/sh\necho no engine here >&2\nexit 1\n")
    docker.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    monkeypatch.chdir(tmp_path)
    assert main(["verify", report(tmp_path, (check, "REGISTRY_AUTH")), "--yes"]) == 5
    told = capfd.readouterr().out
    assert "undecided" in told
    assert why in told


def test_what_only_a_person_can_tell_is_shown_to_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "names").write_text("a proxy.example b\n")
    file = report(tmp_path, ("cut -d: -f1 names", "(a list with the host of the registry)"))
    assert main(["verify", file, "--yes"]) == 5
    told = capfd.readouterr().out
    assert "look yourself" in told
    assert "proxy.example" in told


def test_asks_first(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["verify", report(tmp_path, ("cut -f1 x", "nothing"))]) == 2
    assert "--yes" in capfd.readouterr().err


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"schema": 1, "causes": 3}', "[" * 100_000])
def test_what_is_no_report(tmp_path: Path, text: str) -> None:
    (tmp_path / "r.json").write_text(text)
    assert main(["verify", str(tmp_path / "r.json"), "--yes"]) == 2


def test_compare_says_new_still_there_and_mended(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    from tests.test_proof import COMPOSE

    stack = tmp_path / "stack"
    stack.mkdir()
    (stack / "docker-compose.yml").write_text(COMPOSE)
    assert main(["diagnose", str(stack), "--format", "json", "--output", str(tmp_path / "before.json")]) == 3
    strips = '      NGINX_PROXY_HEADER_Authorization: ""\n'
    (stack / "docker-compose.yml").write_text(COMPOSE.replace(strips, "").replace("//registry:", "//localhost:"))
    capfd.readouterr()
    assert main(["diagnose", str(stack), "--format", "json", "--compare", str(tmp_path / "before.json")]) == 3
    compared = json.loads(capfd.readouterr().out)["changes"]
    assert "authorization-stripped" in compared["mended"]
    assert "upstream-is-localhost" in compared["new"]
    main(["diagnose", str(stack), "--compare", str(tmp_path / "before.json")])
    assert "Mended: authorization-stripped" in capfd.readouterr().out


@pytest.mark.skipif(not shutil.which("curl"), reason="curl is not installed")
def test_our_own_checks_are_mostly_run(tmp_path: Path) -> None:
    """Of the checks that the cases print, most may be run; the others say why not. What they expect is what is printed,
    or, in brackets, for a person."""
    lines, prose = [], []
    for number, case in enumerate(all_cases()[::4]):
        run = judge(case, tmp_path / str(number))
        checks = [c for f in run.diagnosis.causes[:1] for c in f.fix.verify]
        lines += [str(c) for c in checks]
        prose += [c.expect for c in checks if c.expect.startswith(("a ", "an ", "the ", "its ", "more ", "healthy"))]
    assert prose == []
    allowed = sum(not plan(line).refused for line in lines)
    assert allowed > 0.6 * len(lines), [line for line in lines if plan(line).refused]
