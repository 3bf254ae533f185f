"""Diffs and commands that real stacks refused or that made them worse: the exact lines that are printed now."""

import subprocess
from pathlib import Path

import pytest
import yaml

from runbook.model import Finding
from tests.case_files import CASES, Case, all_cases, judge, load

REGISTRY = "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: /srv/images\nhttp:\n  addr: 127.0.0.1:5077\n"
HTPASSWD = "auth:\n  htpasswd:\n    realm: Depot\n    path: /srv/htpasswd\n"
MOVED = """\
$ curl -si {option} -X POST -u mia:xxxxxx {there}/v2/app/blobs/uploads/
HTTP/1.1 202 Accepted
Docker-Distribution-Api-Version: registry/2.0
Location: {location}/v2/app/blobs/uploads/1?_state=x
"""
BCRYPT = "$2y$04$xUCMtlzlzIBTgsSZheHmu.8TfW1/bjk7yAX9hZ0mF9BUFA2QKiL.."
REFUSED = """\
$ curl -si -u mia:xxxxxx http://hub.example/v2/
HTTP/1.1 {status}
Server: nginx

{body}
"""


def found(folder: Path, cause: str, files: dict[str, str], *args: str) -> Finding:
    case = Case(Path(cause) / "bad.yaml", "", args, {}, files, {}, {})
    diagnosis = judge(case, folder).diagnosis
    every = (*diagnosis.causes, *diagnosis.warnings)
    return next((f for f in every if f.cause == cause), None) or pytest.fail(f"only {[f.cause for f in every]}")


def changed(finding: Finding) -> list[str]:
    """The lines of the diff that go and come, without those around them."""
    rows = (finding.fix.patch or "").splitlines()
    return [row for row in rows if row[:1] in "+-" and not row.startswith(("+++", "---"))]


def nginx(location: str) -> str:
    return f"server {{\n  listen 80;\n  server_name hub.example;\n  location /v2/ {{\n{location}  }}\n}}\n"


LOST = MOVED.format(option="", there="http://hub.example:8080", location="http://hub.example")


def test_an_included_file_is_read_whatever_its_name(tmp_path: Path) -> None:
    files = {
        "nginx.conf": nginx("    include /etc/nginx/proxy_params;\n    proxy_pass http://127.0.0.1:5077;\n"),
        "proxy_params": "proxy_set_header Host $host;\nproxy_set_header X-Real-IP $remote_addr;\n",
        "curl.txt": LOST,
    }
    finding = found(tmp_path, "location-header-port-lost", files)
    assert changed(finding) == ["-proxy_set_header Host $host;", "+proxy_set_header Host $http_host;"]


def test_no_header_is_added_beside_an_unread_include(tmp_path: Path) -> None:
    files = {
        "nginx.conf": nginx("    include /etc/nginx/proxy_params;\n    proxy_pass http://127.0.0.1:5077;\n"),
        "curl.txt": LOST,
    }
    finding = found(tmp_path, "location-header-port-lost", files)
    assert not finding.edits
    assert "nginx.conf:5 includes" in finding.fix.summary


def test_a_header_is_added_to_the_list_in_force(tmp_path: Path) -> None:
    """In the location it would hide the list of the server."""
    location = nginx("    proxy_pass http://127.0.0.1:5077;\n")
    text = location.replace("  location", "  proxy_set_header X-Real-IP $remote_addr;\n  location")
    finding = found(tmp_path, "location-header-port-lost", {"nginx.conf": text, "curl.txt": LOST})
    assert [(e.line, e.new) for e in finding.edits] == [(4, "  proxy_set_header Host $http_host;")]


CADDY = """\
http://hub.example {
  reverse_proxy https://127.0.0.1:5077 {
    transport http {
      tls_insecure_skip_verify
%s    }
  }
}
"""


@pytest.mark.parametrize(("more", "gone"), [("", 3), ("      dial_timeout 3s\n", 1)])
def test_caddy_speaks_http_without_lines_about_tls(more: str, gone: int, tmp_path: Path) -> None:
    log = (
        '{"level":"error","ts":1795791292.2278354,"logger":"http.log.error","msg":"tls: first record does not look like a TLS '
        'handshake","request":{"remote_ip":"10.0.0.9","proto":"HTTP/1.1","method":"GET","host":"hub.example","uri":"/v2/",'
        '"headers":{"User-Agent":["curl/7.88.1"]}},"duration":0.0016,"status":502,"err_id":"n9s0vucsp"}\n'
    )
    curl = REFUSED.format(status="502 Bad Gateway", body="").replace("nginx", "Caddy")
    files = {"Caddyfile": CADDY % more, "caddy.log": log, "curl.txt": curl}
    rows = changed(found(tmp_path, "scheme-mismatch-upstream", files))
    assert len([r for r in rows if r[0] == "-"]) == gone + 1
    assert "+  reverse_proxy http://127.0.0.1:5077 {" in rows


def test_apache_gets_the_module_that_it_needs(tmp_path: Path) -> None:
    loads = "".join(f"LoadModule {m}_module modules/mod_{m}.so\n" for m in ("proxy", "proxy_http"))
    site = "<VirtualHost *:80>\n  ServerName hub.example\n  ProxyPass / http://127.0.0.1:5077/\n</VirtualHost>\n"
    curl = REFUSED.format(status="400 Bad Request", body="Client sent an HTTP request to an HTTPS server.")
    finding = found(tmp_path, "scheme-mismatch-upstream", {"httpd.conf": loads + site, "curl.txt": curl})
    rows = changed(finding)
    assert "+LoadModule ssl_module modules/mod_ssl.so" in rows
    assert not [r for r in rows if "RequestHeader" in r], "mod_headers is not loaded"


@pytest.mark.parametrize(
    ("log", "command"),
    [
        ("", []),
        (
            'time="2026-01-02T10:00:00Z" level=info msg=x version=2.8.2+ds1\n',
            ["sudo systemctl restart docker-registry"],
        ),
    ],
)
def test_a_program_of_the_host_is_not_restarted_by_compose(log: str, command: list[str], tmp_path: Path) -> None:
    panic = 'panic: unable to configure authorization (htpasswd): "realm" must be set for htpasswd access controller\n'
    files = {"config.yml": REGISTRY + HTPASSWD.replace("    realm: Depot\n", ""), "registry.log": log + panic}
    fix = found(tmp_path, "auth-option-missing", files).fix
    assert [str(c) for c in fix.commands] == command
    assert ["http://localhost:5077/v2/" in str(c) for c in fix.verify] == [True]


@pytest.mark.parametrize("option", ["-k", "--cacert ca.pem", ""])
def test_the_check_trusts_the_server_as_the_client_did(option: str, tmp_path: Path) -> None:
    haproxy = (
        "defaults\n  mode http\nfrontend fe\n  bind *:443 ssl crt hub.pem\n  default_backend r\nbackend r\n"
        "  http-request set-header X-Forwarded-Proto http\n  server r1 127.0.0.1:5077\n"
    )
    curl = MOVED.format(option=option, there="https://hub.example", location="http://hub.example")
    finding = found(tmp_path, "x-forwarded-proto-missing", {"haproxy.cfg": haproxy, "curl.txt": curl})
    assert str(finding.fix.verify[0]).startswith(f"curl {option} -sSi".replace("  ", " "))
    assert changed(finding)[1] == "+  http-request set-header X-Forwarded-Proto https if { ssl_fc }"


@pytest.mark.parametrize("block", ["limit_except GET { deny all; }", "limit_except GET {\n      deny all;\n    }"])
def test_the_limit_of_methods_goes_and_the_push_is_tried(block: str, tmp_path: Path) -> None:
    curl = REFUSED.format(status="403 Forbidden", body="<html>nginx</html>").replace("-u mia", "-X POST -u mia")
    files = {"nginx.conf": nginx(f"    proxy_pass http://127.0.0.1:5077;\n    {block}\n"), "curl.txt": curl}
    finding = found(tmp_path, "access-denied-by-rule", files)
    assert [r for r in changed(finding) if r[0] == "+"] == []
    assert len(changed(finding)) == block.count("\n") + 1
    assert "-X POST" in str(finding.fix.verify[0])


def test_an_option_of_auth_is_set_and_not_taken_away(tmp_path: Path) -> None:
    """REGISTRY_AUTH replaces the section of the file: without its path the registry panics."""
    compose = (
        "services:\n  depot:\n    image: registry:2.8.2\n    environment:\n      REGISTRY_AUTH: htpasswd\n"
        "      REGISTRY_AUTH_HTPASSWD_REALM: Depot\n      REGISTRY_AUTH_HTPASSWD_PATH: /old/htpasswd\n    volumes:\n"
        "      - ./config.yml:/etc/docker/registry/config.yml:ro\n      - ./srv:/srv\n"
    )
    files = {"docker-compose.yml": compose, "config.yml": REGISTRY + HTPASSWD}
    rows = changed(found(tmp_path, "env-overrides-config", files))
    assert rows[1] == "+      REGISTRY_AUTH_HTPASSWD_PATH: /srv/htpasswd"


def test_a_middleware_without_a_header_goes_with_its_uses(tmp_path: Path) -> None:
    text = (
        "http:\n  routers:\n    hub:\n      rule: Host(`hub.example`)\n      service: hub\n      middlewares: [bare, gzip]\n"
        "  middlewares:\n    gzip:\n      compress: {}\n    bare:\n      headers:\n        customRequestHeaders:\n"
        '          Authorization: ""\n  services:\n    hub:\n      loadBalancer:\n        servers:\n'
        '          - url: "http://10.0.0.7:5000"\n'
    )
    rows = changed(found(tmp_path, "authorization-stripped", {"traefik-dynamic.yml": text}))
    assert rows[:2] == ["-      middlewares: [bare, gzip]", "+      middlewares: [gzip]"]
    assert [r.strip("- ") for r in rows[2:]] == ["bare:", "headers:", "customRequestHeaders:", 'Authorization: ""']


def test_k3s_is_told_of_the_authority_in_its_own_file(tmp_path: Path) -> None:
    pulled = (
        'Warning  Failed  12s  kubelet  Failed to pull image "hub.example/a:1": failed to do request: Head '
        '"https://hub.example/v2/a/manifests/1": tls: failed to verify certificate: x509: certificate signed by unknown authority\n'
    )
    told = 'mirrors:\n  hub.example:\n    endpoint: ["https://hub.example"]\nconfigs:\n  "hub.example":\n    auth: {username: mia}\n'
    finding = found(tmp_path, "tls-ca-not-trusted", {"registries.yaml": told, "events.txt": pulled})
    assert changed(finding) == ["+    tls: {ca_file: /etc/rancher/k3s/registry-ca.crt}"]
    assert "sudo systemctl restart k3s" in [str(c) for c in finding.fix.commands]


def test_a_registry_of_the_host_is_named_by_its_own_address(tmp_path: Path) -> None:
    files = {
        "nginx.conf": nginx("    proxy_pass http://registry:5077;\n"),
        "config.yml": REGISTRY + HTPASSWD,
        "nginx.out": '2026/11/27 14:15:11 [emerg] 44#44: host not found in upstream "registry" in /etc/nginx/nginx.conf:5\n',
        "curl.txt": "$ curl -si -u mia:xxxxxx http://localhost:5077/v2/\nHTTP/1.1 200 OK\n"
        "Docker-Distribution-Api-Version: registry/2.0\n\n{}\n"
        "$ curl -si -u mia:xxxxxx http://localhost/v2/\ncurl: (7) Failed to connect to localhost port 80: Connection refused\n",
    }
    finding = found(tmp_path, "upstream-name-not-resolved", files)
    assert changed(finding) == ["-    proxy_pass http://registry:5077;", "+    proxy_pass http://127.0.0.1:5077;"]
    assert [str(c) for c in finding.fix.commands] == ["sudo systemctl restart nginx"]


TMPFS = {
    "a list": ("    tmpfs:\n      - /var/lib/registry\n", ""),
    "a list as far left as its key": ("    tmpfs:\n    - /var/lib/registry\n", ""),
    "one of two": ("    tmpfs:\n      - /run\n      - /var/lib/registry\n", ""),
    "a value": ("    tmpfs: /var/lib/registry:size=1g\n", ""),
    "a volume": ("", "      - type: tmpfs\n        target: /var/lib/registry\n"),
    "a list in brackets": ("    tmpfs: [/run, /var/lib/registry]\n", ""),
}


@pytest.mark.parametrize("written", TMPFS)
def test_images_on_a_tmpfs_are_saved_with_tar_and_the_tmpfs_goes(written: str, tmp_path: Path) -> None:
    """`docker cp` cannot read a tmpfs, and the engine takes no two mounts at one path."""
    above, below = TMPFS[written]
    compose = (
        "services:\n  depot:\n    image: registry:2\n    environment:\n      REGISTRY_AUTH: htpasswd\n"
        "      REGISTRY_AUTH_HTPASSWD_REALM: Depot\n      REGISTRY_AUTH_HTPASSWD_PATH: /auth/htpasswd\n"
        f"{above}    volumes:\n      - ./auth:/auth:ro\n{below}"
    )
    bundle = tmp_path / "bundle"
    bundle.mkdir()
    fix = found(bundle, "storage-outside-volume", {"docker-compose.yml": compose}).fix
    assert "docker compose exec -T depot tar -cf - -C /var/lib/registry . | tar -xf - -C ./registry-data" in map(
        str, fix.commands
    )
    if written == "a list in brackets":
        assert fix.patch is None
        return
    (bundle / "fix.diff").write_text(fix.patch or "", encoding="utf-8")
    subprocess.run(["patch", "-p1", "-i", "fix.diff"], cwd=bundle, check=True, capture_output=True)
    depot = yaml.safe_load((bundle / "docker-compose.yml").read_text(encoding="utf-8"))["services"]["depot"]
    assert depot["volumes"] == ["./auth:/auth:ro", "./registry-data:/var/lib/registry"]
    assert depot.get("tmpfs", "none") == (["/run"] if written == "one of two" else "none")


NUL = """\
time="2026-11-27T17:45:18.4Z" level=error msg="error checking authorization: htpasswd: invalid entry at line 2: \\"\\\\x00\\"" \
go.version=go1.26.8 http.request.host="localhost:5000" http.request.method=GET http.request.uri=/v2/ version=v3.1.1+unknown
"""


def test_a_log_that_shows_nul_bytes_tells_of_utf_16(tmp_path: Path) -> None:
    fix = found(tmp_path, "htpasswd-invalid-line", {"registry.log": NUL}).fix
    assert len(fix.commands) == 1
    (tmp_path / "FILE").write_bytes(f"jo:{BCRYPT}\r\n".encode("utf-16"))
    subprocess.run(["sh", "-c", str(fix.commands[0])], cwd=tmp_path, check=True)
    assert (tmp_path / "FILE").read_bytes() == f"jo:{BCRYPT}\n".encode()


def test_a_name_is_missing_in_a_certificate_and_its_ca_signs_the_new_one(tmp_path: Path) -> None:
    text = "x509: certificate relies on legacy Common Name field, use SANs instead"
    said = (
        f'Error response from daemon: Get "https://hub.example:8443/v2/": tls: failed to verify certificate: {text}\n'
    )
    fix = found(tmp_path, "tls-san-missing", {"login.txt": said}).fix
    assert "-new" in fix.command_lines[0]
    assert "-x509" not in fix.command_lines[0]
    subprocess.run(["sh", "-c", fix.command_lines[0]], cwd=tmp_path, check=True, capture_output=True)
    shown = subprocess.run(
        ["openssl", "req", "-in", "domain.csr", "-noout", "-text"], cwd=tmp_path, capture_output=True, text=True
    )
    assert "DNS:hub.example" in shown.stdout


PULL_SECRET = """\
apiVersion: v1
kind: Secret
metadata: {{name: hub-login, namespace: oven}}
type: kubernetes.io/dockerconfigjson
stringData:
  .dockerconfigjson: '{{"auths":{{"{key}":{{"auth":"{auth}"}}}}}}'
"""
NOT_PULLED = """\
  Warning  Failed  17s  kubelet  Failed to pull image "hub.oven.example/bread/rye:4": failed to resolve reference \
"hub.oven.example/bread/rye:4": pulling from host hub.oven.example failed with status code [manifests 4]: 401 Unauthorized
"""
WITH_NEWLINE, RIGHT = "a2FpOkdyaWxsZS03NzMxCg==", "a2FpOkdyaWxsZS03NzMx"


@pytest.mark.parametrize(
    ("cause", "key", "auth", "files"),
    [
        ("base64-trailing-newline", "hub.oven.example", WITH_NEWLINE, {}),
        ("stale-stored-credentials", "hub.oven.example", RIGHT, {"htpasswd": f"kai:{BCRYPT}\n"}),
    ],
)
def test_a_login_in_a_pull_secret_is_renewed_there(
    cause: str, key: str, auth: str, files: dict[str, str], tmp_path: Path
) -> None:
    """`docker login` changes no Secret."""
    secret = PULL_SECRET.format(key=key, auth=auth)
    fix = found(tmp_path, cause, {"secret.yaml": secret, "events.txt": NOT_PULLED, **files}).fix
    assert fix.command_lines == (
        "docker --config=pull-secret login -u kai hub.oven.example",
        "kubectl -n oven create secret generic hub-login --type=kubernetes.io/dockerconfigjson "
        "--from-file=.dockerconfigjson=pull-secret/config.json --dry-run=client -o yaml | kubectl -n oven apply -f -",
        "rm -r pull-secret",
    )
    assert "docker login" not in " ".join(fix.verify_lines)


DEPLOYMENT = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: registry, namespace: images}
spec:
  replicas: 3
  template:
    spec:
      containers:
      - {name: registry, image: "registry:2", env: [{name: REGISTRY_AUTH, value: htpasswd}]}
"""
SECRET = 'time="2026-11-27T17:47:37.6Z" level=info msg="error resolving upload: invalid secret" go.version=go1.19.8\n'


def test_pods_take_the_common_secret_from_a_secret(tmp_path: Path) -> None:
    fix = found(tmp_path, "http-secret-not-shared", {"r.yaml": DEPLOYMENT, "registry.log": SECRET}).fix
    told = " ".join((fix.summary, fix.applies, *fix.command_lines))
    assert ".env" not in told
    assert "Compose" not in told
    assert "kubectl -n images set env deployment/registry --from=secret/registry-http" in fix.command_lines


def test_a_job_with_dind_is_not_told_the_name_of_docker_desktop(tmp_path: Path) -> None:
    job = "ship:\n  image: docker:26\n  services: [docker:26-dind, registry:2]\n  script:\n    - docker push localhost:5000/app\n"
    log = (
        "$ curl -si http://localhost:5000/v2/\nHTTP/1.1 200 OK\nContent-Type: application/json; charset=utf-8\n"
        "Docker-Distribution-Api-Version: registry/2.0\n\n{}\n$ docker push localhost:5000/app\n"
        'Get "http://localhost:5000/v2/": dial tcp [::1]:5000: connect: connection refused\nERROR: Job failed: exit code 1\n'
    )
    finding = found(tmp_path, "engine-on-another-machine", {".gitlab-ci.yml": job, "job.log": log})
    assert "host.docker.internal" not in " ".join((finding.fix.summary, *finding.fix.verify_lines))


def test_a_secret_that_a_step_is_given_is_no_variable_of_the_job(tmp_path: Path) -> None:
    case = next(c for c in all_cases() if c.cause == "ci-variable-empty" and c.path.stem == "bad-github-fork")
    fix = found(tmp_path, "ci-variable-empty", case.files).fix
    assert [str(c) for c in fix.verify] == ["gh secret list"]


def test_a_file_that_was_printed_by_its_whole_path_is_copied_from_there(tmp_path: Path) -> None:
    files = {
        "ls.txt": "$ ls -ln /opt/auth\ntotal 8\n-rw-r--r-- 1 0 0 66 Nov 20 10:00 htpasswd\n-rw------- 1 0 0 67 Nov 27 09:00 users\n"
        f"$ cat /opt/auth/htpasswd\nvera:{BCRYPT}\n$\n",
        "run.sh": "docker run -d --name hub -v /opt/auth:/auth -e REGISTRY_AUTH=htpasswd -e REGISTRY_AUTH_HTPASSWD_REALM=x "
        "-e REGISTRY_AUTH_HTPASSWD_PATH=/auth/users registry:2\n",
        "registry.log": 'time="2026-11-27T17:45:18Z" level=warning msg="htpasswd is missing, provisioning with default user" '
        "go.version=go1.19.8 password=xxxx user=docker version=2.8.2\n",
    }
    fix = found(tmp_path, "htpasswd-missing-autocreated", files).fix
    assert fix.command_lines[0] == "cp /opt/auth/htpasswd /opt/auth/users"


def test_a_registry_that_stopped_over_its_file_is_started_again(tmp_path: Path) -> None:
    """It was told that no restart is needed, although its own log shows the end of it."""
    panic = "panic: unable to configure authorization (htpasswd): open /srv/htpasswd: permission denied"
    files = {"config.yml": REGISTRY + HTPASSWD, "registry.log": f"{panic}\n\ngoroutine 1 [running]:\n"}
    files["registry.log"] = (
        'time="2026-11-27T06:31:02Z" level=info msg="redis" version=2.8.2+ds1\n' + files["registry.log"]
    )
    fix = found(tmp_path, "htpasswd-unreadable", files).fix
    assert "sudo systemctl restart docker-registry" in fix.command_lines
    assert "no restart" not in fix.applies


@pytest.mark.parametrize(
    ("manager", "expected"),
    [("systemd[1]", "sudo systemctl restart hub.service"), ("systemd[912]", "systemctl --user restart hub.service")],
)
def test_a_unit_is_restarted_by_the_manager_that_runs_it(manager: str, expected: str, tmp_path: Path) -> None:
    panic = "panic: unable to configure authorization (htpasswd): open /auth/htpasswd: permission denied"
    files = {
        "hub.container": "[Container]\nImage=docker.io/library/registry:2.8.3\nUser=1000:1000\nVolume=/srv/auth:/auth:ro\n"
        "Environment=REGISTRY_AUTH=htpasswd REGISTRY_AUTH_HTPASSWD_REALM=x REGISTRY_AUTH_HTPASSWD_PATH=/auth/htpasswd\n",
        "journal.txt": f"Nov 27 06:31:02 desk {manager}: Started hub.service - Registry.\n"
        f"Nov 27 06:31:03 desk registry[4411]: {panic}\n",
    }
    fix = found(tmp_path, "htpasswd-unreadable", files).fix
    assert expected in fix.command_lines


def test_a_registry_is_added_to_what_the_daemon_exempts(tmp_path: Path) -> None:
    case = next(c for c in all_cases() if c.cause == "http-proxy-env-hijack" and c.path.stem == "bad-daemon")
    fix = found(tmp_path, "http-proxy-env-hijack", case.files).fix
    written = next(line for line in fix.command_lines if "printf" in line)
    tools = "docker() { echo localhost,127.0.0.1; }; sudo() { cat; }; export -f docker sudo\n"
    shown = subprocess.run(
        ["bash", "-c", tools + written.replace("sh -c", "bash -c", 1)], capture_output=True, text=True
    )
    assert shown.stdout == '[Service]\nEnvironment="NO_PROXY=localhost,127.0.0.1,hub.depot.example"\n'


REFUSED_BY_UI = (
    "ui-1  | 2026/11/26 20:20:34 [error] 27#27: *2 connect() failed (111: Connection refused) while connecting to upstream, "
    'client: 172.20.0.1, server: , request: "GET /v2/_catalog HTTP/1.1", upstream: "http://127.0.0.1:5000/v2/_catalog", '
    'host: "hub.example:8080"\n'
)
ANSWERS = (
    'hub-1  | 172.20.0.1 - - [26/Nov/2026:20:20:34 +0000] "GET /v2/ HTTP/1.1" 401 87 "" "curl/7.88.1"\n'
    'hub-1  | time="2026-11-26T20:20:33Z" level=info msg="listening on [::]:5000" go.version=go1.19.8 version=2.8.2\n'
)


def test_an_upstream_that_only_a_log_shows_is_named_and_taken_by_its_container(tmp_path: Path) -> None:
    fix = found(tmp_path, "upstream-is-localhost", {"ui.log": REFUSED_BY_UI, "registry.log": ANSWERS}).fix
    assert "http://hub:5000" in fix.summary
    assert fix.command_lines == ("docker compose up -d --force-recreate ui",)
    assert "http://hub.example:8080/v2/" in fix.verify_lines[0]


def test_no_service_is_named_that_nothing_shows(tmp_path: Path) -> None:
    page = "GET http://hub.example:8080/v2/_catalog\n$ curl -i http://hub.example:8080/v2/\nHTTP/1.1 502 Bad Gateway\nServer: nginx\n\n"
    fix = found(tmp_path, "upstream-is-localhost", {"ui.log": REFUSED_BY_UI, "curl.txt": page}).fix
    assert "http://registry:5000" not in fix.summary
    assert fix.command_lines[0] == "docker compose ps -a"


TRAEFIK = """\
services:
  edge:
    image: traefik:v2.11
    command: [--providers.docker=true, "--entrypoints.web.address=:80"]
    ports: ["80:80"]
  hub:
    image: registry:2
    labels:
      - traefik.http.routers.hub.rule=Host(`hub.example`)
      - traefik.http.routers.hub.middlewares=limit@docker
      - traefik.http.middlewares.limit.buffering.maxRequestBodyBytes=104857600
      - traefik.http.services.hub.loadbalancer.server.port=5000
"""


def test_traefiks_limit_is_lifted_in_its_label(tmp_path: Path) -> None:
    said = "#21 ERROR: failed to push hub.example/team/ml:4: unexpected status: 413 Request Entity Too Large\n"
    finding = found(tmp_path, "client-max-body-size", {"docker-compose.yml": TRAEFIK, "build.txt": said})
    assert changed(finding)[1] == "+      - traefik.http.middlewares.limit.buffering.maxRequestBodyBytes=0"
    assert "104857601" in finding.fix.verify_lines[0]


@pytest.mark.parametrize(("word", "cited"), [("echo", True), ("echo -n", False), ("printf '%s'", False)])
def test_the_command_that_encoded_the_newline_is_named(word: str, cited: bool, tmp_path: Path) -> None:
    """A job has no terminal at which `docker login` could ask."""
    job = f'$ AUTH=$({word} "$HUB_USER:$HUB_PASSWORD" | base64)\nERROR: Job failed: exit code 1\n'
    config = f'{{"auths": {{"hub.oven.example": {{"auth": "{WITH_NEWLINE}"}}}}}}'
    fix = found(tmp_path, "base64-trailing-newline", {"job.txt": job, "config.json": config}).fix
    assert ("job.txt:1" in fix.summary) is cited
    assert bool(fix.commands) is not cited


def test_a_file_that_removes_no_challenge_is_not_searched_for_it(tmp_path: Path) -> None:
    haproxy = (
        "frontend f\n  mode http\n  bind *:8000\n  default_backend b\nbackend b\n  mode http\n  server r hub:5000\n"
    )
    curl = (
        "$ curl -i http://hub.example:8000/v2/\nHTTP/1.1 401 Unauthorized\ncontent-type: application/json\n"
        'docker-distribution-api-version: registry/2.0\n\n{"errors":[{"code":"UNAUTHORIZED",'
        '"message":"authentication required","detail":null}]}\n'
    )
    fix = found(tmp_path, "www-authenticate-missing", {"haproxy.cfg": haproxy, "curl.txt": curl}).fix
    assert "haproxy.cfg, as it is here, removes no WWW-Authenticate" in fix.summary
    assert "sudo systemctl reload haproxy" in fix.command_lines


@pytest.mark.parametrize(
    ("case", "rows"),
    [
        ("upstream-wrong-port/bad-beside-the-registry", [
            "-    server 127.0.0.1:5070 fail_timeout=0;", "+    server 127.0.0.1:5077 fail_timeout=0;",
        ]),
        ("scheme-mismatch-upstream/bad-default-server", ["-  default-server ssl verify none", "+  default-server"]),
        ("tls-ca-not-trusted/bad-caddy-does-not-know-it", ["+        tls_trusted_ca_certs /srv/certs/cert.pem"]),
        ("tls-san-missing/bad-nginx-asks-for-its-upstream", []),
    ],
)  # fmt: skip
def test_a_proxy_beside_the_registry_keeps_loopback_and_tls(case: str, rows: list[str], tmp_path: Path) -> None:
    files = load(CASES / f"{case}.yaml").files
    assert changed(found(tmp_path, case.split("/")[0], files)) == rows


def test_a_container_with_an_old_file_is_made_again(tmp_path: Path) -> None:
    """Plain `up -d` finds nothing changed and leaves it as it is."""
    fix = found(tmp_path, "file-not-reloaded", load(CASES / "file-not-reloaded/bad-two-sums.yaml").files).fix
    assert fix.command_lines == ("docker compose up -d --force-recreate",)
