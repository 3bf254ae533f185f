"""Faults of clients, their stored logins, their trust and their pipelines, in company."""

import base64
import json

from tests.untidy.recorder import company, stacks
from tests.untidy.recorder.clients import execute, stored_login
from tests.untidy.recorder.engine import run
from tests.untidy.recorder.flows import PING_LINES, try_login
from tests.untidy.recorder.scene import Scene, case

FILE = ["htpasswd-wrong-password", "htpasswd-not-bcrypt", "htpasswd-user-missing"]
FAR = "100.64.7.20"


def alone(s: Scene, version: int = 2, users: str | None = None) -> None:
    """A registry alone, up."""
    s.compose({"registry": stacks.registry(s, version, users=users)})
    s.up()


def with_strangers(s: Scene, text: str) -> str:
    """config.json with logins of other registries added."""
    data = json.loads(text)
    data.setdefault("auths", {})["ghcr.example"] = {"auth": company.basic(f"{s.org}-bot", s.draw_password())}
    data["auths"]["https://index.docker.example/v1/"] = {"auth": company.basic(f"{s.org}hub", s.draw_password())}
    return json.dumps(data, indent=2) + "\n"


@case(
    "f-alderman-two-names",
    "Logged in at localhost, pushing to the machine's name: docker looks logins up by the literal name. Others' logins in the ring.",
    verdict="fault",
    cause="credentials-under-other-host",
    never=[*FILE, "stale-stored-credentials", "credential-helper-broken"],
)
def alderman(s: Scene) -> None:
    alone(s)
    t = s.session()
    t.login("localhost:5000")
    t.push(f"{s.host}:5000/{s.org}/coat:4")
    s.give("terminal.txt", t.text)
    s.give("config.json", with_strangers(s, stored_login(s.home())))
    s.give("registry.log", s.logs("registry", only=PING_LINES))
    company.scanners(s, count=1)


@case(
    "f-bursar-old-password",
    "The stored login is from before the password changed; the new one works with curl.",
    ("--docker-config", "bundle/config.json"),
    verdict="fault",
    cause="stale-stored-credentials",
    also=["htpasswd-wrong-password"],
    never=["htpasswd-not-bcrypt", "credentials-under-other-host", "base64-trailing-newline"],
)
def bursar(s: Scene) -> None:
    alone(s, users=s.entry(password=s.password3) + "\n")
    s.session().login(f"{s.host}:5000", password=s.password3)
    s.pause(days=20)
    s.file("auth/htpasswd", s.users())
    execute("sleep", "1.1")
    t = s.session()
    t.pull(f"{s.host}:5000/{s.org}/ledger:2")
    try_login(s, t, option="-i")
    s.give("terminal.txt", t.text)
    s.give("config.json", with_strangers(s, stored_login(s.home())))
    s.give("registry.log", s.logs("registry", prefix=False, last=6))


@case(
    "f-chamberlain-helper-gone",
    "credsStore names a helper that is not installed: docker cannot store or read the login.",
    verdict="fault",
    cause="credential-helper-broken",
    never=[*FILE, "credentials-under-other-host", "stale-stored-credentials"],
)
def chamberlain(s: Scene) -> None:
    alone(s, 3)
    ring = {"auths": {"ghcr.example": {}, f"{s.host}:5000": {}}, "credsStore": "desktop"}
    (s.home() / ".docker/config.json").write_text(json.dumps(ring))
    t = s.session()
    t.login(f"{s.host}:5000")
    t.pull(f"{s.host}:5000/{s.org}/key:1")
    s.give("terminal.txt", t.text)
    s.give("config.json", json.dumps(ring, indent=2) + "\n")
    s.give("registry.log", s.logs("registry", only=PING_LINES))
    company.theory(s, 6)


@case(
    "f-deacon-made-by-hand",
    "The auth of config.json was made with echo: the newline is part of the password. A pipeline for elsewhere beside.",
    ("--docker-config", "bundle/config.json"),
    verdict="fault",
    cause="base64-trailing-newline",
    never=[
        "htpasswd-not-bcrypt",
        "htpasswd-user-missing",
        "credentials-under-other-host",
        "static-basic-credential-wrong-encoding",
    ],
)
def deacon(s: Scene) -> None:
    alone(s)
    auth = base64.b64encode(f"{s.user}:{s.password}\n".encode()).decode()
    ring = json.dumps({"auths": {f"{s.host}:5000": {"auth": auth}}})
    (s.home() / ".docker/config.json").write_text(ring)
    t = s.session()
    t.pull(f"{s.host}:5000/{s.org}/candle:3")
    try_login(s, t, option="-i")
    s.give("terminal.txt", t.text)
    s.give("config.json", with_strangers(s, ring))
    s.give("registry.log", s.logs("registry", prefix=False))
    company.gitlab_ci(s)


@case(
    "f-envoy-plain-http",
    "The registry speaks plain http at a name that the engine does not know as insecure; curl gets in.",
    verdict="fault",
    cause="insecure-registry-missing",
    never=[*FILE, "scheme-mismatch-upstream", "tls-ca-not-trusted", "registry-unreachable"],
)
def envoy(s: Scene) -> None:
    s.move(FAR)
    alone(s)
    t = s.session()
    try_login(s, t, option="-i")
    t.login(f"{s.host}:5000")
    s.give("terminal.txt", t.text)
    company.foreign_daemon(s)
    company.key_ring(s)
    company.solved_notes(s, "es")


def tls(s: Scene, version: int = 2) -> None:
    """A registry that ends TLS with certs/site.*, at an address that the engine does not take for insecure."""
    s.move(FAR)
    service = stacks.registry(
        s,
        version,
        port="443:5000",
        REGISTRY_HTTP_TLS_CERTIFICATE="/certs/site.crt",
        REGISTRY_HTTP_TLS_KEY="/certs/site.key",
    )
    service["volumes"].append("./certs:/certs:ro")
    s.compose({"registry": service})
    s.up()


@case(
    "f-falconer-own-authority",
    "The certificate is the house's own and this machine does not trust it; notes of other certificates beside.",
    verdict="fault",
    cause="tls-ca-not-trusted",
    never=[*FILE, "tls-san-missing", "insecure-registry-missing", "certificate-expired"],
)
def falconer(s: Scene) -> None:
    stacks.certificate(s, s.host)
    tls(s)
    t = s.session()
    t.login(s.host)
    t.curl("-k", "-i", "-u", s.login, s.url("/v2/", None, "https"))
    s.give("terminal.txt", t.text)
    s.give("registry.log", s.logs("registry", only=r"listening|TLS handshake|\"GET"))
    s.give(
        "notes.md",
        "2025-04: certificate of mail.example had expired, renewed.\n2025-09: the wiki's certificate lacked the new name, made anew.\n",
    )


@case(
    "f-gardener-only-a-common-name",
    "The certificate has a common name and no subject alternative name.",
    verdict="fault",
    cause="tls-san-missing",
    also=["tls-ca-not-trusted"],
    never=[*FILE, "insecure-registry-missing", "certificate-expired"],
)
def gardener(s: Scene) -> None:
    stacks.certificate(s, s.host, san=False)
    tls(s, 3)
    t = s.session()
    t.login(s.host)
    s.give("terminal.txt", t.text)
    s.give("registry.log", s.logs("registry", only="listening|TLS handshake"))
    company.key_ring(s)
    company.theory(s, 6)


@case(
    "f-herald-run-out",
    "The certificate ran out last week; a theory about passwords and old notes beside.",
    verdict="fault",
    cause="certificate-expired",
    never=[*FILE, "tls-san-missing", "insecure-registry-missing"],
)
def herald(s: Scene) -> None:
    (s.folder / "certs").mkdir()
    for name in ("index.txt", "serial"):
        (s.folder / name).write_text("" if name == "index.txt" else "01\n")
    (s.folder / "ca.cnf").write_text(
        "[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\nserial=serial\nnew_certs_dir=certs\ndefault_md=sha256\npolicy=p\nx509_extensions=e\n[p]\ncommonName=supplied\n"
        f"[e]\nsubjectAltName=DNS:{s.host}\n"
    )
    run(
        "openssl",
        "req",
        "-new",
        "-newkey",
        "ec",
        "-pkeyopt",
        "ec_paramgen_curve:P-256",
        "-nodes",
        "-keyout",
        "certs/site.key",
        "-out",
        "site.csr",
        "-subj",
        f"/CN={s.host}",
        cwd=s.folder,
    )
    run(
        "openssl",
        "ca",
        "-batch",
        "-selfsign",
        "-config",
        "ca.cnf",
        "-keyfile",
        "certs/site.key",
        "-in",
        "site.csr",
        "-out",
        "certs/site.crt",
        "-notext",
        "-startdate",
        "251101000000Z",
        "-enddate",
        "261119000000Z",
        cwd=s.folder,
    )
    s.clock.step *= 0
    tls(s)
    t = s.session()
    t.login(s.host)
    t.curl("-k", "-v", s.url("/v2/", None, "https"))
    s.give("terminal.txt", t.text)
    company.theory(s, 6)
    company.solved_notes(s, "nl")


@case(
    "f-innkeeper-sudo",
    "Logged in as oneself, pushed with sudo: root's docker has no login for this registry.",
    verdict="fault",
    cause="client-config-not-read",
    also=["credentials-under-other-host"],
    never=[*FILE, "stale-stored-credentials", "credential-helper-broken"],
)
def innkeeper(s: Scene) -> None:
    alone(s)
    t = s.session(f"{s.user}@ws7:~$ ")
    t.login(f"{s.host}:5000")
    s.image(f"{s.host}:5000/{s.org}/key:2")
    t.docker("push", f"{s.host}:5000/{s.org}/key:2", home="root", shown=f"sudo docker push {s.host}:5000/{s.org}/key:2")
    t.add(f"{t.prompt}sudo cat /root/.docker/config.json\ncat: /root/.docker/config.json: No such file or directory")
    s.give("terminal.txt", t.text)
    s.give("dot-docker/config.json", with_strangers(s, stored_login(s.home())))
    s.give("registry.log", s.logs("registry", only=PING_LINES))


@case(
    "f-joiner-name-without-host",
    "The image's name lacks the registry: the push goes to the public hub and is denied there; the login here is fine.",
    verdict="fault",
    cause="image-name-without-registry",
    also=["credentials-under-other-host"],
    never=[*FILE, "stale-stored-credentials", "auth-not-enforced"],
)
def joiner(s: Scene) -> None:
    alone(s, 3)
    t = s.session()
    t.login(f"{s.host}:5000")
    name = f"{s.org}/door:5"
    t.show(
        f"docker push {name}",
        f"The push refers to repository [docker.io/{s.org}/door]\n1f2a9c7be012: Preparing\ndenied: requested access to the resource is denied",
    )
    s.give("terminal.txt", t.text)
    s.give("registry.log", s.logs("registry"))
    company.gitlab_ci(s)
    company.key_ring(s, f"{s.host}:5000")


@case(
    "f-knight-empty-in-this-job",
    "The job's password variable is empty on this branch (protected variable): docker login has nothing to send.",
    verdict="fault",
    cause="ci-variable-empty",
    never=[*FILE, "insecure-registry-missing", "stale-stored-credentials", "credential-helper-broken"],
)
def knight(s: Scene) -> None:
    alone(s)
    company.monitor(s)
    login = execute(
        "docker",
        "login",
        f"{s.host}:5000",
        "-u",
        "ci",
        "--password-stdin",
        stdin="",
        environment={"HOME": "/run/root", "PATH": "/usr/local/bin:/usr/bin"},
    )
    s.give(
        ".gitlab-ci.yml",
        f'stages: [build]\nvariables:\n  REG: {s.host}:5000\nbuild:\n  stage: build\n  image: docker:27\n  script:\n    - echo -n "$REG_PASSWORD" | docker login $REG -u ci --password-stdin\n'
        "    - docker build -t $REG/app .\n    - docker push $REG/app\n",
    )
    s.give(
        "job-8812.log",
        'Running with gitlab-runner 17.4.0\nPreparing the "docker" executor\nUsing Docker executor with image docker:27 ...\nFetching changes...\nChecking out 9c1f2ab7 as detached HEAD (ref is feature/arms)...\n'
        f'$ echo -n "$REG_PASSWORD" | docker login $REG -u ci --password-stdin\n{login}Cleaning up project directory and file based variables\nERROR: Job failed: exit code 1\n',
    )
    s.give("registry.log", s.logs("registry"))
    company.github_workflow(s)
    company.theory(s, 6)


@case(
    "f-lampmaker-http-to-443",
    "The client speaks http to nginx's TLS port: 400, plain HTTP request sent to HTTPS port; with https it works.",
    verdict="fault",
    cause="client-speaks-http-to-tls",
    never=[*FILE, "scheme-mismatch-upstream", "x-forwarded-proto-missing", "htpasswd-invalid-line"],
)
def lampmaker(s: Scene) -> None:
    s.compose(
        {
            "registry": stacks.registry(s),
            "edge": stacks.nginx(s, stacks.nginx_site(s, listen="443 ssl"), "8443:443", tls=True),
        }
    )
    s.up()
    t = s.session()
    t.curl("-i", "-u", s.login, s.url(port=8443))
    t.curl("-i", "-k", "-u", s.login, s.url(port=8443, scheme="https"))
    s.give("curl.txt", t.text)
    s.give("edge.log", s.logs("edge", prefix=False))
    company.vendor_kit(s)
    company.key_ring(s)


@case(
    "f-mason-forward-proxy",
    "A forward proxy of the house answers in place of the registry; without it the login works.",
    verdict="fault",
    cause="http-proxy-env-hijack",
    never=[*FILE, "access-denied-by-rule", "registry-unreachable", "insecure-registry-missing"],
)
def mason(s: Scene) -> None:
    squid = (
        'server {\n    listen 3128;\n    location / {\n        default_type text/html;\n        add_header X-Squid-Error "ERR_ACCESS_DENIED 0" always;\n'
        f'        add_header Via "1.1 proxy.{s.domain} (squid/5.7)" always;\n        add_header X-Cache "MISS from proxy.{s.domain}" always;\n'
        "        return 403 '<html><head><title>ERROR: The requested URL could not be retrieved</title></head><body>Access Denied.</body></html>';\n    }\n}\n"
    )
    s.file("squid.conf", squid, give=False)
    s.hosts[f"proxy.{s.domain}"] = s.address
    s.engine.name(s.hosts)
    s.compose({"registry": stacks.registry(s)})
    s.up()
    run(
        "docker",
        "run",
        "-d",
        "--name",
        "forward",
        "-p",
        "3128:3128",
        "-v",
        f"{s.folder}/squid.conf:/etc/nginx/conf.d/default.conf:ro",
        "nginx:base",
    )
    execute("sleep", "0.7")
    t = s.session()
    t.show("env | grep -i proxy", f"http_proxy=http://proxy.{s.domain}:3128\nno_proxy=localhost")
    t.curl("-x", f"http://proxy.{s.domain}:3128", "-v", "-u", s.login, s.url(), shown=f"curl -v -u {s.login} {s.url()}")
    t.curl("--noproxy", "*", "-i", "-u", s.login, s.url())
    s.give("terminal.txt", t.text)
    s.give("registry.log", s.logs("registry"))
    company.key_ring(s)
