"""Inconclusive: the decisive thing is withheld. Nobody may be blamed, and nothing may be called healthy."""

from tests.untidy.recorder import company, stacks
from tests.untidy.recorder.clients import browse, execute, har_text
from tests.untidy.recorder.flows import try_login
from tests.untidy.recorder.scene import Scene, case

FILE = ["htpasswd-wrong-password", "htpasswd-not-bcrypt", "htpasswd-user-missing"]
HOP = ["authorization-stripped", "proxy-overwrites-authorization", "double-auth-one-header"]
CLIENT = ["stale-stored-credentials", "credentials-under-other-host", "client-config-not-read"]


def alone(s: Scene, version: int = 2, users: str | None = None, give: bool = False) -> None:
    """A registry alone, up; its files are handed over only when give is set."""
    s.compose({"registry": stacks.registry(s, version, users=users)})
    s.up()
    if not give:
        s.bundle.clear()


@case(
    "u-almanac-challenge-only",
    "A 401 with a sound challenge to a request without a login is all there is.",
    verdict="inconclusive",
    never=[*FILE, *HOP, *CLIENT],
)
def almanac(s: Scene) -> None:
    alone(s)
    t = s.session()
    t.curl("-i", s.url())
    s.give("curl.txt", t.text)
    company.theory(s, 0)
    company.key_ring(s)


@case(
    "u-basilica-access-log-only",
    "Only nginx's access log: a user's requests end in 401; who refused them is not to be seen.",
    verdict="inconclusive",
    never=[*FILE, *HOP],
)
def basilica(s: Scene) -> None:
    s.compose(
        {
            "registry": stacks.registry(s, users=s.entry(s.colleague, s.password2) + "\n"),
            "edge": stacks.nginx(s, stacks.nginx_site(s)),
        }
    )
    s.up()
    company.scanners(s, 80, 1)
    for _ in range(3):
        try_login(s, s.session(), None)
    s.bundle.clear()
    s.give("access.log", s.logs("edge", prefix=False))
    company.solved_notes(s, "de")


@case(
    "u-calendar-list-not-given",
    "Compose file and log; a login arrived and did not match, the list of users was not handed over.",
    verdict="inconclusive",
    never=[*FILE, *HOP, "auth-not-enforced"],
)
def calendar(s: Scene) -> None:
    alone(s, users=s.entry(password=s.password3) + "\n", give=True)
    t = s.session()
    t.login(f"{s.host}:5000")
    del s.bundle["auth/htpasswd"]
    s.give("terminal.txt", t.text)
    s.give("registry.log", s.logs("registry"))
    company.gitlab_ci(s)
    company.theory(s, 5)


@case(
    "u-diary-named-not-given",
    "A login is given, and the file that would show whether it fits is named in compose and not handed over.",
    ("--user", "{user}", "--password-env", "CASE_PASSWORD"),
    verdict="inconclusive",
    never=[*FILE, "htpasswd-path-mismatch", "htpasswd-missing-autocreated"],
)
def diary(s: Scene) -> None:
    s.compose({"registry": stacks.registry(s)})
    del s.bundle["auth/htpasswd"]
    company.env_file(s)
    company.solved_notes(s, "es")


@case(
    "u-eclipse-stops-at-retrying",
    "Login succeeded, then a push whose last line is Retrying: the transcript ends there.",
    verdict="inconclusive",
    never=[*FILE, *HOP, "registry-unreachable", "proxy-timeout", "client-max-body-size", "location-header-port-lost"],
)
def eclipse(s: Scene) -> None:
    s.compose(
        {"registry": stacks.registry(s), "edge": stacks.nginx(s, stacks.nginx_site(s, ("Host $host",)), "8080:80")}
    )
    s.up()
    t = s.session()
    t.login(f"{s.host}:8080")
    t.push(f"{s.host}:8080/{s.org}/moon:1")
    lines = t.text.splitlines()
    last = max(n for n, line in enumerate(lines) if "Retrying in 10" in line)
    s.bundle.clear()
    s.give("terminal.txt", "\n".join(lines[: last + 1]) + "\n")
    company.key_ring(s, f"{s.host}:8080")


@case(
    "u-flute-five-hundred",
    "Login succeeded, then the push ends in 500 and nobody handed over the registry's log.",
    verdict="inconclusive",
    never=[*FILE, *HOP, *CLIENT, "proxy-mode-push-unsupported", "http-secret-not-shared"],
)
def flute(s: Scene) -> None:
    service = stacks.registry(s)
    service["volumes"][1] = "./data:/var/lib/registry:ro"
    s.compose({"registry": service})
    s.up()
    t = s.session()
    t.login(f"{s.host}:5000")
    t.push(f"{s.host}:5000/{s.org}/reed:4")
    s.bundle.clear()
    s.give("terminal.txt", t.text)
    company.theory(s, 4)
    company.solved_notes(s, "it")


@case(
    "u-garland-quota",
    "Login succeeded, then the push is denied for a quota: true, and none of the causes that are known here.",
    verdict="inconclusive",
    never=[*FILE, *HOP, *CLIENT, "image-name-without-registry", "access-denied-by-rule"],
)
def garland(s: Scene) -> None:
    denied = '{"errors":[{"code":"DENIED","message":"quota exceeded: project limit of 5 GiB reached","detail":null}]}'
    block = f"    location ~ ^/v2/.*/blobs/uploads/ {{\n        default_type application/json;\n        return 403 '{denied}';\n    }}\n    location /v2/"
    s.compose(
        {
            "registry": stacks.registry(s),
            "edge": stacks.nginx(s, stacks.nginx_site(s).replace("    location /v2/", block)),
        }
    )
    s.up()
    t = s.session()
    t.login(f"{s.host}:80")
    t.push(f"{s.host}:80/{s.org}/ivy:2")
    s.bundle.clear()
    s.give("terminal.txt", t.text)
    company.github_workflow(s)


@case(
    "u-hymn-text-of-a-screen",
    "The text of the UI's red box, which it shows for almost any failed request.",
    verdict="inconclusive",
    never=["cors-origin-mismatch", "cors-credentials-missing", "preflight-options-401", "mixed-content"],
)
def hymn(s: Scene) -> None:
    s.give(
        "screenshot.txt",
        f"Docker Registry UI\nRepositories of {s.host}:5000\n0 images in 0 repositories\nThe `Access-Control-Allow-Credentials` header in the response is missing and must be set to `true` "
        f"when the request's credentials mode is on. Origin `http://{s.host}:5000` is therefore not allowed access.\nDocker Registry UI 2.6.0\n",
    )
    company.solved_notes(s, "fr")


@case(
    "u-ivory-status-only",
    "docker's one line with 401 Unauthorized and a ticket; no file, no log.",
    verdict="inconclusive",
    never=[*FILE, *HOP, *CLIENT, "auth-not-enforced"],
)
def ivory(s: Scene) -> None:
    alone(s, users=s.entry(s.colleague, s.password2) + "\n")
    t = s.session()
    t.login(f"{s.host}:5000")
    s.give(
        "ticket.md",
        f"# 4711 login fails\n\n{t.text}\nThe password is right, I typed it twice. Yesterday it was fine for {s.colleague}.\n",
    )
    company.vendor_kit(s)


@case(
    "u-jubilee-bad-gateway",
    "A single 502 of nginx, nothing of what stands behind it.",
    verdict="inconclusive",
    never=[
        "upstream-is-localhost",
        "upstream-wrong-port",
        "nginx-stale-dns",
        "upstream-name-not-resolved",
        "scheme-mismatch-upstream",
        *FILE,
    ],
)
def jubilee(s: Scene) -> None:
    s.compose(
        {"registry": stacks.registry(s), "edge": stacks.nginx(s, stacks.nginx_site(s, upstream="http://registry:5050"))}
    )
    s.up()
    t = s.session()
    try_login(s, t, None, "-i")
    s.bundle.clear()
    s.give("curl.txt", t.text)
    company.key_ring(s)
    company.theory(s, 2)


@case(
    "u-kettledrum-one-entry",
    "A browser export with one answer, 401, before any login.",
    verdict="inconclusive",
    never=[*FILE, *HOP, "cors-origin-mismatch", "cors-credentials-missing"],
)
def kettledrum(s: Scene) -> None:
    s.compose({"registry": stacks.registry(s), "ui": stacks.ui(s)})
    s.up()
    _, har = browse(s, s.url("/", 8080), None, 1)
    har["log"]["entries"] = [e for e in har["log"]["entries"] if "/v2/" in e["request"]["url"]][:1]
    s.bundle.clear()
    s.give("export.har", har_text(har))
    company.theory(s, 3)


@case(
    "u-lute-refusals-only",
    "A log with nothing but requests that carry no login and 401; it says nothing of who should have sent one.",
    verdict="inconclusive",
    never=[*FILE, *HOP, *CLIENT, "www-authenticate-missing"],
)
def lute(s: Scene) -> None:
    alone(s, 3)
    for agent in ("docker/28.0.1", "containerd/v1.7.24", "docker/27.3.1", "skopeo/1.14.0"):
        for path in ("/v2/", f"/v2/{s.org}/string/manifests/1"):
            s.outside("10.30.0.14", "-A", agent, f"http://{s.address}:5000{path}")
    company.monitor(s)
    s.give("registry.log", s.logs("registry"))
    company.env_file(s)


@case(
    "u-mosaic-words-only",
    "A ticket that tells what it was not, and what was mended long ago; nothing was seen.",
    verdict="inconclusive",
    never=[
        "tls-ca-not-trusted",
        "client-max-body-size",
        "registry-unreachable",
        "htpasswd-wrong-password",
        "insecure-registry-missing",
    ],
)
def mosaic(s: Scene) -> None:
    s.give(
        "ticket.md",
        f"# Login to {s.host}\n\nIt is not the `x509: certificate signed by unknown authority` of the spring, I checked. We had 413 last month, that is mended. "
        "`connection refused` shows up in the log of Postgres on the same host, that is another story. Still: no login. What should I look at?\n",
    )
    company.gitlab_ci(s)
    company.solved_notes(s, "en")


@case(
    "u-opal-configuration-missing",
    "config.yml is mounted and was not handed over; of the answers only the challenge.",
    verdict="inconclusive",
    never=[*FILE, "config-path-version-mismatch", "auth-not-enforced", "htpasswd-path-mismatch"],
)
def opal(s: Scene) -> None:
    s.compose({"registry": stacks.configured(s)}, volumes={"images": None})
    s.up()
    del s.bundle["config.yml"]
    t = s.session()
    t.curl("-i", s.url())
    s.give("curl.txt", t.text)
    company.second_project(s, "shop", 0)


@case(
    "u-quill-job-log",
    "A job's log with a masked login that is refused; neither the file nor the registry's log.",
    verdict="inconclusive",
    never=[*FILE, *HOP, "ci-variable-empty", "credential-helper-broken"],
)
def quill(s: Scene) -> None:
    alone(s)
    t = s.session()
    output = t.login(f"{s.host}:5000", "ci", s.password3)
    s.give(
        "job-1204.log",
        f'Running with gitlab-runner 17.4.0\n$ echo "$REG_PASSWORD" | docker login {s.host}:5000 -u ci --password-stdin\n{output}ERROR: Job failed: exit code 1\n',
    )
    s.give(
        ".gitlab-ci.yml",
        f'build:\n  image: docker:27\n  script:\n    - echo "$REG_PASSWORD" | docker login {s.host}:5000 -u ci --password-stdin\n    - docker push {s.host}:5000/app\n',
    )
    company.theory(s, 6)


@case(
    "u-ribbon-unexpanded",
    "The password in the transcript is what the shell was about to expand; which word was sent is not known. The entry is sound.",
    verdict="inconclusive",
    never=["htpasswd-not-bcrypt", "htpasswd-user-missing", "authorization-stripped", "base64-trailing-newline"],
)
def ribbon(s: Scene) -> None:
    alone(s, give=True)
    t = s.session()
    t.curl("-i", "-u", f"{s.user}:{s.password3}", s.url(), shown=f'curl -i -u "{s.user}:$(cat ~/.reg-pw)" {s.url()}')
    s.give("curl.txt", t.text)
    company.backups(s)


@case(
    "u-sonnet-worked-at-nine",
    "A log: the user is authorised in the morning and refused since noon. What changed is not in the folder.",
    verdict="inconclusive",
    never=[*FILE, *HOP, "file-not-reloaded"],
)
def sonnet(s: Scene) -> None:
    alone(s)
    try_login(s, s.session(), path="/v2/_catalog")
    s.pause(hours=3)
    s.file("auth/htpasswd", s.entry(s.colleague, s.password2) + "\n" + s.entry(password=s.password3) + "\n", give=False)
    execute("sleep", "1.1")
    for _ in range(2):
        try_login(s, s.session())
    s.give("registry.log", s.logs("registry"))
    company.theory(s, 6)


@case(
    "u-tapestry-empty-400",
    "Without a login 401, with one 400 and an empty body: the list could not be read, and why is not in the folder.",
    verdict="inconclusive",
    never=[*FILE, *HOP, "scheme-mismatch-upstream"],
)
def tapestry(s: Scene) -> None:
    alone(s, users=f"{s.users()}ohne doppelpunkt\n")
    t = s.session()
    t.curl("-i", s.url())
    try_login(s, t, option="-i")
    s.give("curl.txt", t.text)
    company.solved_notes(s, "nl")
    company.key_ring(s)


@case(
    "u-umbrella-bearer-challenge",
    "A challenge that names a token service; nobody asked it for a token.",
    verdict="inconclusive",
    never=["token-realm-unreachable", "token-key-mismatch", "token-audience-mismatch", "token-clock-skew", *FILE],
)
def umbrella(s: Scene) -> None:
    auth = f"auth:\n  token:\n    realm: https://auth.{s.domain}/token\n    service: {s.org}\n    issuer: {s.org}-auth\n    rootcertbundle: /certs/site.crt\n"
    service = stacks.configured(s, config=stacks.config_text(s, auth=auth))
    service["volumes"][1] = "./certs:/certs:ro"
    stacks.certificate(s, f"{s.org}-auth")
    s.compose({"registry": service}, volumes={"images": None})
    s.up()
    s.bundle.clear()
    t = s.session()
    t.curl("-i", s.url())
    s.give("curl.txt", t.text)
    company.theory(s, 0)


@case(
    "u-viola-fine-elsewhere",
    "Login and push work at the partner's registry; at ours only the challenge was fetched.",
    verdict="inconclusive",
    never=[*FILE, *HOP, *CLIENT],
)
def viola(s: Scene) -> None:
    partner = f"hub.partner-{s.org}.example"
    s.hosts[partner] = s.address
    s.engine.name(s.hosts)
    s.file("partner/htpasswd", s.entry() + "\n")
    environment = {
        "REGISTRY_AUTH": "htpasswd",
        "REGISTRY_AUTH_HTPASSWD_REALM": "Partner",
        "REGISTRY_AUTH_HTPASSWD_PATH": "/auth/htpasswd",
    }
    s.compose({
        "registry": stacks.registry(s, users=s.entry(password=s.password3) + "\n"),
        "partner": {"image": "registry:2", "ports": ["5008:5000"], "volumes": ["./partner:/auth:ro"], "environment": environment},
    })  # fmt: skip
    s.up()
    s.bundle.clear()
    t = s.session()
    t.login(f"{partner}:5008")
    t.push(f"{partner}:5008/{s.org}/bow:1")
    t.curl("-i", s.url())
    s.give("terminal.txt", t.text)
    s.give(
        "ticket.md",
        f"Nobody gets into {s.host}:5000 since the move. The partner's registry is fine, see terminal.txt.\n",
    )


@case(
    "u-waltz-cut-at-the-prompt",
    "The transcript ends where the password was typed; what came of it is not in it.",
    verdict="inconclusive",
    never=[*FILE, *HOP, *CLIENT, "registry-unreachable"],
)
def waltz(s: Scene) -> None:
    alone(s, give=True)
    del s.bundle["auth/htpasswd"]
    t = s.session()
    t.curl("-i", s.url())
    t.add(f"$ docker login {s.host}:5000\nUsername: {s.user}\nPassword: \n")
    s.give("terminal.txt", t.text)
    company.dead_containers(s)
    company.key_ring(s)


@case(
    "u-zither-two-answers",
    "Two answers were pasted without their requests, both 401: whether a login was sent is not to be seen.",
    verdict="inconclusive",
    never=[*FILE, *HOP, *CLIENT],
)
def zither(s: Scene) -> None:
    alone(s, users=s.entry(password=s.password3) + "\n")
    t = s.session()
    answers = [t.curl("-i", s.url()), try_login(s, t, option="-i")]
    s.give("answers.txt", "erst so, dann so:\n\n" + "\n\n".join(answers) + "\n")
    company.solved_notes(s, "de")
    company.github_workflow(s)


@case(
    "u-anvil-files-without-the-list",
    "Sound compose and nginx files; the list of users that they name was not handed over, and no login was tried.",
    verdict="inconclusive",
    never=[*FILE, *HOP, "htpasswd-missing-autocreated", "htpasswd-path-mismatch"],
)
def anvil(s: Scene) -> None:
    s.compose(
        {
            "registry": stacks.registry(s),
            "edge": stacks.nginx(s, {**company.other_nginx_sites(s), "30-registry.conf": stacks.nginx_site(s)}),
        }
    )
    del s.bundle["auth/htpasswd"]
    company.gitlab_ci(s)


@case(
    "u-bell-good-last-month",
    "The rotated log shows accepted logins of last month; of today there is only a challenge.",
    verdict="inconclusive",
    never=[*FILE, *HOP, *CLIENT],
)
def bell(s: Scene) -> None:
    alone(s)
    try_login(s, s.session(), path="/v2/_catalog")
    company.colleague_works(s)
    company.old_log(s, days=34)
    s.restart("registry")
    t = s.session()
    t.curl("-i", s.url())
    s.give("curl.txt", t.text)
    company.theory(s, 4)


@case(
    "u-candle-colleague-gets-in",
    "A colleague is authorised; the user in question is refused and the list is not there: hash, name or password, none can be told.",
    verdict="inconclusive",
    never=[*FILE, *HOP],
)
def candle(s: Scene) -> None:
    alone(s, users=f"{stacks.apr1(s.user, s.password)}\n{s.entry(s.colleague, s.password2)}\n")
    company.colleague_works(s)
    t = s.session()
    t.login(f"{s.host}:5000")
    s.give("terminal.txt", t.text)
    s.give("registry.log", s.logs("registry"))
    company.vendor_kit(s)
