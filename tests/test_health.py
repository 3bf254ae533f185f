"""Healthy needs a login that was seen to be accepted: what an open registry gives to anybody shows none."""

import json
from pathlib import Path

import pytest

from runbook.collect import Request, collect
from runbook.judge import diagnose
from runbook.redact import Vault

PULLED = """$ docker pull depot.kiln.example/team/app:1
1: Pulling from team/app
Status: Downloaded newer image for depot.kiln.example/team/app:1
"""
COPIED = """$ skopeo copy --dest-creds runa:*** dir:myimg docker://depot.kiln.example/team/app:1
Copying config 0f0de5c8f1 done
Writing manifest to image destination
Storing signatures
"""
REFUSED = """$ docker pull depot.kiln.example/team/app:1
Error response from daemon: Head "https://depot.kiln.example/v2/team/app/manifests/1": no basic auth credentials
"""
OURS = """time="2026-11-27T10:00:00Z" level=warning msg="error authorizing context: basic authentication challenge for realm \\"depot\\": \
invalid authorization credential" go.version=go1.20.8 http.request.host=depot.kiln.example http.request.method=GET \
http.request.remoteaddr=10.0.0.1 http.request.uri=/v2/ http.request.useragent=registry-runbook/0.1
10.0.0.1 - - [27/Nov/2026:10:00:00 +0000] "GET /v2/ HTTP/1.1" 401 87 "" "registry-runbook/0.1"
"""


@pytest.mark.parametrize(
    ("session", "log", "verdict"),
    [
        (PULLED, "", "inconclusive"),
        (PULLED, OURS, "inconclusive"),
        (REFUSED + PULLED, "", "healthy"),
        (COPIED, "", "healthy"),
    ],
)
def test_a_pull_is_a_login_only_where_one_is_asked_for(session: str, log: str, verdict: str, tmp_path: Path) -> None:
    (tmp_path / "session.txt").write_text(session, encoding="utf-8")
    if log:
        (tmp_path / "registry.log").write_text(log, encoding="utf-8")
    assert diagnose(collect(Request(paths=(str(tmp_path),)), Vault())).diagnosis.verdict == verdict


SOUND = {
    "compose.yml": "services: {registry: {image: 'registry:2.8.3', environment: {REGISTRY_AUTH: htpasswd, REGISTRY_AUTH_HTPASSWD_REALM: x,"
    " REGISTRY_AUTH_HTPASSWD_PATH: /auth/htpasswd}, volumes: ['./htpasswd:/auth/htpasswd', './data:/var/lib/registry']}}\n",
    "htpasswd": "anna:$2y$05$m69BmdoYLMmsd4sqoQMTv.6kd81oMWvXNvMbMiepaFQ4rn1X5rQjO\n",
}


@pytest.mark.parametrize(
    ("sentence", "verdict"),
    [
        ("Users get 401 since Monday.", "inconclusive"),
        ("docker push says: received unexpected HTTP status: 500 Internal Server Error", "inconclusive"),
        ("The UI shows no images, but push works.", "inconclusive"),
        ("Die Anmeldung geht nicht, seit Montag.", "inconclusive"),
        ("We cannot log in any more, please look into it.", "inconclusive"),
        ("Anna got 401 last week. It is fixed since Tuesday.", "healthy"),
        ("These are the files of the new machine.", "healthy"),
        ("Should I worry? Nothing ever fails, I'd just like to know.", "healthy"),
        ("2025-02-11: 401 for everybody. Header removed, all fine since.", "healthy"),
        ("Nothing changed, and yet every push fails.", "inconclusive"),
        ("El registro antiguo (viejo.kiln.example) daba 401 hasta marzo; ya no existe.", "healthy"),
        ("Die alte Registry gab 401 und wurde abgeschaltet.", "healthy"),
        ("El registro da 401 desde marzo.", "inconclusive"),
    ],
)
def test_sound_files_are_no_answer_to_a_complaint(sentence: str, verdict: str, tmp_path: Path) -> None:
    for name, text in {**SOUND, "ticket.txt": sentence + "\n"}.items():
        (tmp_path / name).write_text(text)
    assert diagnose(collect(Request(paths=(str(tmp_path),)), Vault())).diagnosis.verdict == verdict


def test_a_file_that_was_put_away_complains_of_nothing(tmp_path: Path) -> None:
    for name, text in {**SOUND, "haproxy.cfg.bak-2025-02-11": "defaults\n    timeout client 30m\n"}.items():
        (tmp_path / name).write_text(text)
    assert not [p for p in collect(Request(paths=(str(tmp_path),)), Vault()).problems if p.is_complaint]


ANSWERED = (
    '10.0.0.7 - - [27/Nov/2026:10:00:00 +0000] "GET /v2/ HTTP/1.1" 401 87 "-" "docker/26.1.3"\n'
    '10.0.0.7 - anna [27/Nov/2026:10:00:01 +0000] "GET /v2/ HTTP/1.1" 200 2 "-" "docker/26.1.3"\n'
)


@pytest.mark.parametrize(
    ("sentence", "verdict"),
    [
        ("Ich sehe dauernd 401 im Log von nginx, ist das schlimm? Login geht bei mir.", "healthy"),
        ("Why is the log full of 401s?", "healthy"),
        ("No complaints so far, just the log worries me: 401, 401, 401.", "healthy"),
        ("The log shows a 401 for kurt.", "inconclusive"),
        ("kurt bekommt 401, im Log steht auch 401", "inconclusive"),
        ("We always get 401 in the log", "inconclusive"),
        ("Why is the log full of 401s? And kurt cannot log in.", "inconclusive"),
    ],
)
def test_who_only_read_a_status_in_the_log_is_answered_by_it(sentence: str, verdict: str, tmp_path: Path) -> None:
    for name, text in {**SOUND, "access.log": ANSWERED, "mail.txt": sentence + "\n"}.items():
        (tmp_path / name).write_text(text)
    assert diagnose(collect(Request(paths=(str(tmp_path),)), Vault())).diagnosis.verdict == verdict
    (tmp_path / "access.log").unlink()
    assert diagnose(collect(Request(paths=(str(tmp_path),)), Vault())).diagnosis.verdict == "inconclusive"


ANONYMOUS = "$ curl -s -o /dev/null -w '%{http_code}\\n' http://depot.kiln.example/v2/\n401\n"
WITH_LOGIN = "$ curl -s -o /dev/null -w '%{http_code}\\n' -u runa:$P http://depot.kiln.example/v2/\n200\n"
ELSEWHERE = WITH_LOGIN.replace("depot.kiln", "shop.kiln")


@pytest.mark.parametrize(
    ("session", "verdict"),
    [
        (ANONYMOUS + WITH_LOGIN, "healthy"),
        (WITH_LOGIN, "inconclusive"),
        (ANONYMOUS + ELSEWHERE, "inconclusive"),
    ],
)
def test_two_statuses_prove_a_login_where_it_is_the_only_difference(session: str, verdict: str, tmp_path: Path) -> None:
    (tmp_path / "session.txt").write_text(session, encoding="utf-8")
    assert diagnose(collect(Request(paths=(str(tmp_path),)), Vault())).diagnosis.verdict == verdict


COMPOSE = """services:
  registry:
    image: registry:2
    environment:
      REGISTRY_AUTH: htpasswd
      REGISTRY_AUTH_HTPASSWD_REALM: depot
      REGISTRY_AUTH_HTPASSWD_PATH: /auth/htpasswd
    volumes: ["./auth:/auth:ro", "blobs:/var/lib/registry"]
  ui:
    image: joxit/docker-registry-ui:2
    ports: ["80:80"]
    environment:
      SINGLE_REGISTRY: "true"
      NGINX_PROXY_PASS_URL: http://registry:5000
volumes: {blobs: {}}
"""
_FIELDS = (
    "go.version=go1.20.8 http.request.host=depot.kiln.example http.request.id={id} http.request.method=GET "
    'http.request.remoteaddr="172.18.0.3:{port}" http.request.uri=/v2/ http.request.useragent="Mozilla/5.0"'
)
MISTYPED = (
    'time="2026-11-27T10:00:00Z" level=error msg="error authenticating user \\"runa\\": authentication failure" '
    + _FIELDS.format(id="a1", port=4001)
    + '\n172.18.0.3 - - [27/Nov/2026:10:00:00 +0000] "GET /v2/ HTTP/1.1" 401 87 "" "Mozilla/5.0"\n'
    + 'time="2026-11-27T10:00:05Z" level=info msg="authorized request" '
    + _FIELDS.format(id="a2", port=4002)
    + '\n172.18.0.3 - - [27/Nov/2026:10:00:05 +0000] "GET /v2/ HTTP/1.1" 200 2 "" "Mozilla/5.0"\n'
)
RUNA = "runa:$2y$05$NEXHCX4xuMgPJEL5zxxKReo/3GOhrdgQaOBZOjVU2g8f4veGBheoG\n"


@pytest.mark.parametrize(
    ("users", "verdict"), [(RUNA, "healthy"), (RUNA + RUNA.replace("runa", "tove"), "inconclusive")]
)
def test_who_got_in_behind_a_proxy_is_known_where_there_is_one_user(users: str, verdict: str, tmp_path: Path) -> None:
    (tmp_path / "auth").mkdir()
    for name, text in (("compose.yml", COMPOSE), ("auth/htpasswd", users), ("registry.log", MISTYPED)):
        (tmp_path / name).write_text(text, encoding="utf-8")
    assert diagnose(collect(Request(paths=(str(tmp_path),)), Vault())).diagnosis.verdict == verdict


REFUSED_ELSEWHERE = """$ docker login registry.corp.example
Username: anna
Password:
Error response from daemon: login attempt to https://registry.corp.example/v2/ failed with status: 401 Unauthorized

"""


@pytest.mark.parametrize(
    ("ending", "verdict"),
    [
        ("Anna can no longer log in, please help.", "inconclusive"),
        ("It used to work. Nothing was fixed yet.", "inconclusive"),
        ("It used to work until the migration was done.", "inconclusive"),
        ("The images are gone.", "inconclusive"),
        ("Bob closed the ticket but it is still broken.", "inconclusive"),
        ("Solved? I do not think so.", "inconclusive"),
        ("I fixed the nginx file and now this.", "inconclusive"),
        ("The old problem was resolved, this one is new.", "inconclusive"),
        ("We resolved the DNS. Still 401.", "inconclusive"),
        ("The VPN works now.", "inconclusive"),
        ("It is fixed since then.", "healthy"),
        ("EDIT: solved by a new password.", "healthy"),
    ],
)
def test_only_a_plain_word_ends_a_trouble_at_another_registry(ending: str, verdict: str, tmp_path: Path) -> None:
    for name, text in {**SOUND, "ticket.txt": REFUSED_ELSEWHERE + ending + "\n"}.items():
        (tmp_path / name).write_text(text)
    assert diagnose(collect(Request(paths=(str(tmp_path),)), Vault())).diagnosis.verdict == verdict


UNTRUSTED = """$ docker login -u anna depot.kiln.example:5000
Password:
Error response from daemon: Get "https://depot.kiln.example:5000/v2/": x509: certificate signed by unknown authority

"""


@pytest.mark.parametrize(
    ("ending", "session", "verdict"),
    [
        ("Fixed.", "", "inconclusive"),
        ("VPN works now.", "", "fault"),
        ("Fixed.", "$ docker login -u anna depot.kiln.example:5000\nPassword:\nLogin Succeeded\n", "healthy"),
        ("VPN works now.", "$ docker login -u anna depot.kiln.example:5000\nPassword:\nLogin Succeeded\n", "fault"),
    ],
)
def test_of_the_stacks_own_port_nothing_is_called_somebody_elses(
    ending: str, session: str, verdict: str, tmp_path: Path
) -> None:
    own = SOUND["compose.yml"].replace("volumes:", "ports: ['5000:5000'], volumes:", 1)
    files = {**SOUND, "compose.yml": own, "ticket.txt": f"{UNTRUSTED}{ending}\n"}
    for name, text in {**files, **({"now.txt": session} if session else {})}.items():
        (tmp_path / name).write_text(text)
    assert diagnose(collect(Request(paths=(str(tmp_path),)), Vault())).diagnosis.verdict == verdict


PUSHED = """$ docker push depot.kiln.example/team/app:1
1: digest: sha256:6a92cd1fcdc8d8cdec60f33dda4db2cb1fcdcacf3410a8e05b3741f44a9b5998 size: 528
"""
LOGGED_IN = "$ docker login -u runa depot.kiln.example\nPassword:\nLogin Succeeded\n"


@pytest.mark.parametrize(
    ("session", "ticket", "verdict"),
    [
        (LOGGED_IN + PULLED, "The push fails with an error.", "inconclusive"),
        (LOGGED_IN + PUSHED, "The push fails with an error.", "healthy"),
        (LOGGED_IN + PULLED, "These are the commands.", "healthy"),
    ],
)
def test_a_login_and_a_pull_are_no_answer_to_who_cannot_push(
    session: str, ticket: str, verdict: str, tmp_path: Path
) -> None:
    (tmp_path / "terminal.txt").write_text(session)
    (tmp_path / "ticket.txt").write_text(ticket + "\n")
    assert diagnose(collect(Request(paths=(str(tmp_path),)), Vault())).diagnosis.verdict == verdict


CLUSTER = """\
apiVersion: apps/v1
kind: Deployment
metadata: {name: registry}
spec:
  selector: {matchLabels: {app: r}}
  template:
    metadata: {labels: {app: r}}
    spec:
      containers:
      - name: registry
        image: registry:3
        ports: [{containerPort: 5000}]
        env:
        - {name: REGISTRY_AUTH, value: htpasswd}
        - {name: REGISTRY_AUTH_HTPASSWD_REALM, value: R}
        - {name: REGISTRY_AUTH_HTPASSWD_PATH, value: /auth/htpasswd}
        volumeMounts: [{name: auth, mountPath: /auth}, {name: d, mountPath: /var/lib/registry}]
      volumes:
      - {name: auth, secret: {secretName: ra}}
      - {name: d, persistentVolumeClaim: {claimName: d}}
---
apiVersion: v1
kind: Secret
metadata: {name: ra}
stringData:
  htpasswd: |
    max:$2y$05$jCnlO8/iYGlL7KEQTToKreXBw1lftLmxIsfjbk1Z2eUPw71clKYj6
---
apiVersion: v1
kind: Service
metadata: {name: registry}
spec:
  selector: {app: r}
  ports: [{port: 5000, targetPort: 5000}]
"""


@pytest.mark.parametrize(
    ("old", "new", "verdict"),
    [
        ("", "", "healthy"),
        ("selector: {app: r}", "selector: {app: registry}", "inconclusive"),  # the Service selects no pod
        ("secretName: ra", "secretName: rb", "inconclusive"),  # the Secret that is mounted was not handed over
        ("kind: Service\nmetadata: {name: registry}", "kind: Service\nmetadata: {name: hub}", "healthy"),
    ],
)
def test_what_a_manifest_names_is_looked_for(old: str, new: str, verdict: str, tmp_path: Path) -> None:
    (tmp_path / "k.yaml").write_text(CLUSTER.replace(old, new) if old else CLUSTER, encoding="utf-8")
    assert diagnose(collect(Request(paths=(str(tmp_path),)), Vault())).diagnosis.verdict == verdict


_TRIED = "Error response from daemon: login attempt to http://depot.kiln.example:5000/v2/ failed with status: 401 Unauthorized\n"
_ROW = '10.20.0.5 - - [26/Nov/2026:19:54:26 +0000] "GET /v2/ HTTP/1.1" 401 87 "" "docker/20.10.24 go/go1.19.8"\n'
_EVENT = (
    'time="2026-11-26T19:54:26Z" level=warning msg="{said}" go.version=go1.19.8 http.request.host="depot.kiln.example:5000" '
    'http.request.method=GET http.request.remoteaddr="10.20.0.5:4" http.request.uri=/v2/ http.request.useragent="docker/20.10.24 go/go1.19.8"\n'
)
_ASKED = _EVENT.format(
    said='error authorizing context: basic authentication challenge for realm \\"x\\": invalid authorization credential'
)
_REFUSED = _EVENT.format(said='error authenticating user \\"luke\\": authentication failure')


@pytest.mark.parametrize(
    ("log", "told"),
    [
        (_ASKED + _ROW, "registry.log:2: a client was asked for its login"),
        (_ASKED + _ROW + _REFUSED + _ROW, "registry.log:4: a login was refused"),
    ],
)
def test_a_request_without_a_login_is_told_as_no_refused_login(log: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "registry.log").write_text(log, encoding="utf-8")
    (tmp_path / "ticket.txt").write_text(_TRIED, encoding="utf-8")
    missing = diagnose(collect(Request(paths=(str(tmp_path),)), Vault())).diagnosis.not_tested
    assert [row for row in missing if "nothing shows it accepted since" in row] == [
        f"{told}, and nothing shows it accepted since."
    ]


def test_a_log_alone_says_once_where_no_login_was_accepted(tmp_path: Path) -> None:
    (tmp_path / "registry.log").write_text(_REFUSED + _ROW, encoding="utf-8")
    missing = diagnose(collect(Request(paths=(str(tmp_path),)), Vault())).diagnosis.not_tested
    assert [row for row in missing if row.startswith("No login was seen")] == [
        "No login was seen to be accepted at depot.kiln.example:5000."
    ]


SERVED = (
    '172.18.0.1 - {user} [27/Nov/2026:08:01:00 +0000] "GET /v2/ HTTP/1.1" 200 2 "" "docker/27.1.1"\n'
    '172.18.0.1 - {user} [27/Nov/2026:08:01:03 +0000] "PUT /v2/app/manifests/1 HTTP/1.1" 201 0 "" "docker/27.1.1"\n'
)


def verdict_of(folder: Path, files: dict[str, str]) -> str:
    for name, text in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    return diagnose(collect(Request(paths=(str(folder),)), Vault())).diagnosis.verdict


@pytest.mark.parametrize(
    ("said", "verdict"),
    [
        ("runa: HTTP 401", "inconclusive"),
        ("Runa can't log in any more.", "inconclusive"),
        ("docker push does not work since the update.", "inconclusive"),
        ("ImagePullBackOff on all pods.", "inconclusive"),
        ("It asks for the password, as it should, but runa is refused.", "inconclusive"),
        (
            "[08:00] anna: docker login depot\n[08:01] anna: Login Succeeded\n[08:05] runa: for me it is 401",
            "inconclusive",
        ),
        (
            "[08:00] runa: I get 401\n[08:05] anna: login again?\n$ docker login -u runa depot\nLogin Succeeded",
            "healthy",
        ),
        (
            "[08:00] bo: runa gets 401\n[08:05] anna: not me:\n$ docker login -u anna depot\nLogin Succeeded",
            "inconclusive",
        ),
        ("Monitoring counts many 401 in the log. Are we under attack?", "healthy"),
        ("Last time `connection refused` was the reason.", "healthy"),
        ("- 12/2024 solved: `connection refused`, it was down.", "healthy"),
        ("$ vault login -method=userpass\nError authenticating: Error making API request.", "healthy"),
        ("These are the files of the new machine.", "healthy"),
    ],
)
def test_the_login_of_one_is_no_answer_to_what_another_tells(said: str, verdict: str, tmp_path: Path) -> None:
    users = SOUND["htpasswd"] + SOUND["htpasswd"].replace("anna", "runa")
    files = {"htpasswd": users, "registry.log": SERVED.format(user="anna"), "ticket.txt": said + "\n"}
    assert verdict_of(tmp_path, files) == verdict


@pytest.mark.parametrize(
    ("name", "said", "verdict"),
    [
        (
            "out.txt",
            'Warning  Failed  2s (x5 over 1m)  kubelet  Error: secret "registry-auth" not found',
            "inconclusive",
        ),
        (
            "traefik.log",
            '2026-11-27T08:00:00Z ERR error="middleware \\"a@docker\\" does not exist" routerName=r',
            "inconclusive",
        ),
        (
            "registry.log",
            'time="2026-11-27T08:00:00Z" level=error msg="redis: connect failed" error="dial tcp"',
            "inconclusive",
        ),
        ("out.txt", "$ npm ci\nnpm ERR! code E403 at the package feed", "healthy"),
        ("out.txt", "Finished: 0 errors, no failures", "healthy"),
        ("gitea.log", "2026/11/27 08:00:00 [I] router: completed GET /v2/ for 10.0.0.1:0, 401 Unauthorized", "healthy"),
    ],
)
@pytest.mark.parametrize("seen", [False, True])
def test_who_reads_words_of_failure_and_nothing_else_calls_nothing_healthy(
    name: str, said: str, verdict: str, seen: bool, tmp_path: Path
) -> None:
    rest = {"access.log": SERVED.format(user="anna")} if seen else SOUND
    assert verdict_of(tmp_path, {**rest, name: said + "\n"}) == verdict


_OF = ', client: 10.0.0.9, server: depot.example, request: "GET {path} HTTP/1.1", host: "{host}"'
_OURS = _OF.format(path="/v2/", host="depot.example")
_ERRORS = "2026/11/27 08:00:00 [{level}] 29#29: {said}\n"
BROKEN = _ERRORS.format(level="emerg", said='unknown directive "proxy_passs" in /etc/nginx/conf.d/r.conf:7')
S3 = (
    'time="2026-11-27T08:00:00Z" level=error msg="response completed with error" err.code=unknown err.detail="s3aws: AccessDenied" '
    "http.request.method=HEAD http.request.uri=/v2/a/blobs/sha256:aa http.response.status=500\n"
)


@pytest.mark.parametrize(
    ("log", "verdict"),
    [
        (BROKEN, "inconclusive"),
        (BROKEN + SERVED.format(user="anna").replace('"" "d', '"-" "d'), "healthy"),
        (_ERRORS.format(level="crit", said="*5 connect() failed (13: Permission denied)" + _OURS), "inconclusive"),
        (_ERRORS.format(level="error", said="*5 upstream sent too big header" + _OURS), "inconclusive"),
        (_ERRORS.format(level="crit", said="*5 pwrite() failed (28)" + _OF.format(path="/x", host="wiki")), "healthy"),
        (
            _ERRORS.format(level="crit", said="*5 SSL_do_handshake() failed while SSL handshaking, client: 9.9.9.9"),
            "healthy",
        ),
        (S3, "inconclusive"),
        (S3 + SERVED.format(user="anna"), "healthy"),
    ],
)
def test_a_programs_own_failure_line_is_no_health_until_it_serves(log: str, verdict: str, tmp_path: Path) -> None:
    assert verdict_of(tmp_path, {**SOUND, "out.log": log}) == verdict


@pytest.mark.parametrize(
    ("state", "verdict"),
    [
        ('"Status": "running"', "healthy"),
        ('"Status": "exited", "ExitCode": 1', "fault"),
        ('"Status": "restarting", "ExitCode": 2', "fault"),
        ('"Status": "running", "Health": {"Status": "unhealthy"}', "inconclusive"),
    ],
)
def test_a_container_that_does_not_run_is_not_healthy(state: str, verdict: str, tmp_path: Path) -> None:
    row = '[{"Name": "/depot", "State": {%s}, "Config": {"Image": "registry:2.8.3", "Env": []}, "Mounts": []}]'
    assert verdict_of(tmp_path, {**SOUND, "inspect.json": row % state}) == verdict
    old = json.loads(row % state)[0]
    both = json.dumps([old, {**old, "Name": "/new", "State": {"Status": "running"}}])
    assert verdict_of(tmp_path / "both", {**SOUND, "inspect.json": both}) == "healthy"


@pytest.mark.parametrize(
    ("status", "healthy"),
    [("Restarting (1) 5 seconds ago", False), ("Exited (1) 2 days ago", True), ("Up 2 days", True)],
)
def test_a_registry_that_restarts_does_so_now_whenever_it_was_created(
    status: str, healthy: bool, tmp_path: Path
) -> None:
    listed = f'$ docker ps -a\nabc   registry:2.8.3   "/entry"   2 days ago   {status}   registry\n'
    files = {"registry.log": SERVED.format(user="anna"), "out.txt": listed}
    assert (verdict_of(tmp_path, files) == "healthy") is healthy
