"""Healthy: a registry alone, in company."""

from tests.untidy.recorder import company, stacks
from tests.untidy.recorder.flows import PING_LINES, ask, since_start, try_login, work
from tests.untidy.recorder.scene import Scene, case

KEYS = ["stale-stored-credentials", "credentials-under-other-host", "htpasswd-user-missing"]
FILE = ["htpasswd-not-bcrypt", "htpasswd-wrong-password", "htpasswd-user-missing"]


def alone(s: Scene, version: int = 2, **options: str) -> None:
    """A registry alone, up."""
    s.compose({"registry": stacks.registry(s, version, **options)})
    s.up()


@case(
    "h-bakery-key-ring",
    "A ring of stored logins; the one in question is right and works.",
    verdict="healthy",
    never=KEYS,
)
def bakery(s: Scene) -> None:
    alone(s)
    t = s.session()
    ask(s, t)
    s.give("curl.txt", t.text)
    company.key_ring(s, f"{s.host}:5000")
    company.gitlab_ci(s)


@case(
    "h-quarry-knocking",
    "Scanners and a monitor in the log; the login works.",
    verdict="healthy",
    never=[*FILE, "authorization-stripped"],
)
def quarry(s: Scene) -> None:
    alone(s, 3)
    company.scanners(s)
    company.monitor(s, times=3)
    t = s.session()
    ask(s, t, path="/v2/_catalog")
    company.scanners(s, count=2)
    s.give("curl.txt", t.text)
    s.give("registry.log", s.logs("registry"))


@case(
    "h-lighthouse-left-in-spring",
    "A job of somebody who left is refused all the time; the user in question pushes.",
    verdict="healthy",
    never=[*FILE, "client-config-not-read"],
)
def lighthouse(s: Scene) -> None:
    alone(s)
    company.former_employee(s, times=3)
    t = s.session()
    work(s, t)
    s.give("session.txt", t.text)
    s.give("registry.log", s.logs("registry", only=PING_LINES))
    company.theory(s, 6)


@case(
    "h-orchard-second-try",
    "A slip of the hand: the first login is refused, the second works, so does the push.",
    verdict="healthy",
    never=[*FILE, "stale-stored-credentials"],
)
def orchard(s: Scene) -> None:
    alone(s)
    t = s.session()
    t.login(f"{s.host}:5000", password=s.password2)
    s.pause(minutes=1)
    work(s, t)
    s.give("session.txt", t.text)
    s.give("registry.log", s.logs("registry", only=PING_LINES, prefix=False))
    company.env_file(s)
    company.github_workflow(s)


@case(
    "h-tannery-forgot-to-log-in",
    '"no basic auth credentials" first, then a login and a push that ends in a digest.',
    verdict="healthy",
    never=[*KEYS, "htpasswd-wrong-password"],
)
def tannery(s: Scene) -> None:
    alone(s, 3)
    t = s.session(f"{s.user}@ws3:~$ ")
    t.push(f"{s.host}:5000/{s.org}/web:11")
    work(s, t, name="web", tag="11")
    s.give("terminal.txt", t.text)
    company.solved_notes(s, "de")
    company.key_ring(s, f"{s.host}:5000")


@case(
    "h-brewery-asked-before",
    "Our own probe asked this morning, with its wrong login on purpose; its lines are in the log.",
    verdict="healthy",
    never=[*FILE, "cors-origin-mismatch", "preflight-options-401"],
)
def brewery(s: Scene) -> None:
    alone(s)
    company.own_probe(s, "--registry", s.url(""))
    s.pause(hours=3)
    t = s.session()
    ask(s, t)
    s.give("curl.txt", t.text)
    s.give("registry.log", s.logs("registry", prefix=False))


@case(
    "h-foundry-old-hashes",
    "The rotated log is from the time of the MD5 entry; today's file is bcrypt and the login works.",
    verdict="healthy",
    never=FILE,
)
def foundry(s: Scene) -> None:
    s.compose({"registry": stacks.registry(s, users=stacks.apr1(s.user, s.password) + "\n")})
    s.up()
    try_login(s, s.session())
    company.old_log(s, days=33)
    s.file("auth/htpasswd", s.users())
    s.restart("registry")
    t = s.session()
    work(s, t)
    s.give("session.txt", t.text)
    s.give("registry.log", since_start(s.logs("registry", prefix=False, only=PING_LINES)))


@case(
    "h-harbour-did-not-start-in-may",
    "A rotated log holds a panic of an older configuration; today it runs and the login works.",
    verdict="healthy",
    never=["auth-option-missing", "registry-unreachable"],
)
def harbour(s: Scene) -> None:
    s.compose({"registry": stacks.registry(s, 3, REGISTRY_AUTH_HTPASSWD_REALM=None)}, give=False)
    s.up(expect_running=False)
    company.old_log(s, days=120, only="panic|fatal|level=|goroutine 1")
    s.rng.seed(2)
    s.compose({"registry": stacks.registry(s, 3)})
    s.up()
    t = s.session()
    ask(s, t, option="-i")
    s.give("curl.txt", t.text)
    s.give("registry.log", s.logs("registry", prefix=False))


@case(
    "h-vineyard-vendor-kit",
    "A vendor's README with an example stack lies in docs/.",
    verdict="healthy",
    never=["auth-not-enforced", "htpasswd-not-bcrypt", "ui-v1-env-semantics-changed", "tls-ca-not-trusted"],
)
def vineyard(s: Scene) -> None:
    alone(s)
    t = s.session()
    ask(s, t)
    s.give("curl.txt", t.text)
    s.give("registry.log", s.logs("registry"))
    company.vendor_kit(s)


@case(
    "h-glacier-journal",
    "Old, solved troubles in the journal; skopeo lists and copies.",
    verdict="healthy",
    never=["htpasswd-not-bcrypt", "registry-unreachable", "image-name-without-registry"],
)
def glacier(s: Scene) -> None:
    alone(s, 3)
    s.image(f"{s.host}:5000/{s.org}/map:2")
    s.session().login(f"{s.host}:5000")
    s.session().push(f"{s.host}:5000/{s.org}/map:2")
    t = s.session()
    t.skopeo("login", "--tls-verify=false", "-u", s.user, "-p", s.password, f"{s.host}:5000")
    t.skopeo("list-tags", "--tls-verify=false", f"docker://{s.host}:5000/{s.org}/map")
    s.give("terminal.txt", t.text)
    company.solved_notes(s, "fr")
    company.foreign_daemon(s)


@case(
    "h-meadow-trace-noise",
    "Version 3 tries to export traces to a collector that is not there; the login works.",
    verdict="healthy",
    never=["registry-unreachable", "upstream-is-localhost", "token-realm-unreachable"],
)
def meadow(s: Scene) -> None:
    alone(s, 3)
    t = s.session()
    ask(s, t, path="/v2/_catalog")
    import time

    time.sleep(6)
    company.monitor(s)
    time.sleep(6)
    s.give("curl.txt", t.text)
    s.give("registry.log", s.logs("registry"))
    company.theory(s, 2)


@case(
    "h-aviary-answers-pasted",
    "Only the answers were pasted, without the commands; the login went through.",
    verdict="healthy",
    never=["auth-not-enforced", "ping-not-challenged"],
)
def aviary(s: Scene) -> None:
    alone(s)
    t = s.session()
    first = t.curl("-i", s.url(), quiet=True)
    second = t.curl("-i", "-u", s.login, s.url("/v2/_catalog"), quiet=True)
    s.give("answers.txt", f"zuerst ohne, dann mit Anmeldung:\n\n{first}\n{second}\n")
    t.login(f"{s.host}:5000")
    s.give("login.txt", t.text)
    company.key_ring(s)


@case(
    "h-cannery-dead-containers",
    "docker ps -a lists trials that ended months ago; the registry runs and takes the push.",
    verdict="healthy",
    never=["registry-unreachable", "port-mapping-mismatch"],
)
def cannery(s: Scene) -> None:
    alone(s)
    t = s.session()
    work(s, t)
    s.give("session.txt", t.text)
    company.dead_containers(s)
    company.env_file(s)


@case(
    "h-sawmill-two-projects",
    "A second compose project beside, with a registry of its own that is open; ours works.",
    verdict="healthy",
    never=["auth-not-enforced", "proxy-mode-push-unsupported"],
)
def sawmill(s: Scene) -> None:
    alone(s, 3)
    t = s.session()
    ask(s, t)
    s.give("curl.txt", t.text)
    s.give("registry.log", s.logs("registry", prefix=False))
    s.give("playground/docker-compose.yml", 'services:\n  registry:\n    image: registry:2\n    ports: ["5099:5000"]\n')
    company.backups(s)


@case(
    "h-pottery-override",
    "An override file with labels and log limits, variables of other services; login and push work.",
    verdict="healthy",
    never=["env-overrides-config", "env-name-malformed", "auth-not-enforced"],
)
def pottery(s: Scene) -> None:
    s.compose({"registry": stacks.registry(s)})
    company.override(s)
    company.env_file(s)
    s.up()
    t = s.session()
    work(s, t)
    s.give("session.txt", t.text)
    s.give("registry.log", s.logs("registry", only=PING_LINES))


@case(
    "h-observatory-backups",
    "Copies of older files lie beside the ones in use.",
    verdict="healthy",
    never=["htpasswd-not-bcrypt", "env-name-malformed", "auth-option-missing"],
)
def observatory(s: Scene) -> None:
    alone(s)
    company.backups(s)
    t = s.session()
    ask(s, t)
    s.give("curl.txt", t.text)
    s.give("registry.log", s.logs("registry"))


@case(
    "h-ropeworks-pipelines",
    "Pipelines that push to other registries lie in the repository; ours works.",
    verdict="healthy",
    never=["ci-variable-empty", "client-config-not-read", "image-name-without-registry"],
)
def ropeworks(s: Scene) -> None:
    alone(s)
    company.gitlab_ci(s)
    company.github_workflow(s)
    t = s.session()
    ask(s, t, option="-i")
    s.give("curl.txt", t.text)
    company.monitor(s, times=1)
    s.give("registry.log", s.logs("registry", prefix=False))


@case(
    "h-saltworks-other-systems",
    "A manifest of a cluster and a daemon.json speak of other registries.",
    verdict="healthy",
    never=[*KEYS, "insecure-registry-missing"],
)
def saltworks(s: Scene) -> None:
    alone(s, 3)
    company.kubernetes(s)
    company.foreign_daemon(s)
    t = s.session()
    work(s, t)
    s.give("terminal.txt", t.text)


@case(
    "h-planetarium-shop-log",
    "The log of a shop with errors of its own lies in the folder.",
    verdict="healthy",
    never=["registry-unreachable", "certificate-expired", "htpasswd-wrong-password"],
)
def planetarium(s: Scene) -> None:
    alone(s)
    company.app_log(s)
    t = s.session()
    ask(s, t, path="/v2/_catalog")
    s.give("curl.txt", t.text)
    s.give("registry.log", s.logs("registry"))


@case(
    "h-creamery-files-only",
    "Files only, nothing wrong in them; a second project and old notes beside.",
    verdict="healthy",
    never=["config-path-version-mismatch", "htpasswd-path-mismatch", "storage-outside-volume"],
)
def creamery(s: Scene) -> None:
    s.compose({"registry": stacks.configured(s)}, volumes={"images": None})
    company.second_project(s, "shop", 0)
    company.solved_notes(s, "nl")


@case(
    "h-smithy-files-and-login", "Files only, with a login that the entry accepts; backups beside.", ("--user", "{user}", "--password-env", "CASE_PASSWORD"),
    verdict="healthy", never=["htpasswd-wrong-password", "config-path-version-mismatch", "htpasswd-not-bcrypt"],
)  # fmt: skip
def smithy(s: Scene) -> None:
    s.compose({"registry": stacks.configured(s, 3)}, volumes={"images": None})
    company.backups(s)
    company.gitlab_ci(s)


@case(
    "h-lagoon-login-given", "Files only: the entry accepts the login; a colleague's MD5 line is another user's.", ("--user", "{user}", "--password-env", "CASE_PASSWORD"),
    verdict="healthy", never=["htpasswd-not-bcrypt", "htpasswd-wrong-password", "htpasswd-duplicate-user"],
)  # fmt: skip
def lagoon(s: Scene) -> None:
    users = f"# monitoring, nginx only\n{stacks.apr1('prometheus', s.password3)}\n{s.users()}"
    s.compose({"registry": stacks.registry(s, users=users)})
    company.vendor_kit(s, "acme")


@case(
    "h-apiary-odd-but-sound",
    "CRLF, comments, empty lines and no last newline in the file: all harmless; the login works.",
    verdict="healthy",
    never=["htpasswd-invalid-line", "htpasswd-username-corrupted", "htpasswd-merged-lines", "htpasswd-hash-truncated"],
)
def apiary(s: Scene) -> None:
    lines = ["# Benutzer der Imkerei", "", s.entry(s.colleague, s.password2), "   ", s.entry()]
    alone(s, users="\r\n".join(lines))
    t = s.session()
    ask(s, t)
    s.give("curl.txt", t.text)
    company.theory(s, 5)


@case(
    "h-distillery-mixed-file",
    "An apr1 line of another user stands in the same file; the user in question logs in and pushes.",
    verdict="healthy",
    never=["htpasswd-not-bcrypt", "htpasswd-wrong-password"],
)
def distillery(s: Scene) -> None:
    alone(s, users=f"{stacks.apr1('grafana', s.password3)}\n{s.users()}")
    t = s.session()
    work(s, t)
    s.give("session.txt", t.text)
    s.give("registry.log", s.logs("registry", only=PING_LINES, prefix=False))
    company.second_project(s)


@case(
    "h-printworks-on-the-machine",
    "docker login at localhost on the machine itself tries https first, says so, and succeeds.",
    verdict="healthy",
    never=["insecure-registry-missing", "scheme-mismatch-upstream", "tls-ca-not-trusted"],
)
def printworks(s: Scene) -> None:
    alone(s)
    t = s.session("root@srv1:~# ")
    t.login("localhost:5000", home="root", engine=False)
    t.curl("-i", "-u", s.login, "http://localhost:5000/v2/_catalog")
    s.give("terminal.txt", t.text)
    company.solved_notes(s, "it")


@case(
    "h-steppe-log-alone",
    "Only the registry's log: strangers are refused, the people's requests are authorised.",
    verdict="healthy",
    never=[*FILE, "authorization-stripped"],
)
def steppe(s: Scene) -> None:
    alone(s, 3)
    company.scanners(s)
    t = s.session()
    try_login(s, t, path="/v2/_catalog")
    company.colleague_works(s)
    try_login(s, t)
    s.bundle.clear()
    s.give("registry.log", s.logs("registry", without="PurgeUploads|redis"))


@case(
    "h-fjord-slip-in-the-log",
    "Only a log: the user mistypes once and is authorised half a minute later.",
    verdict="healthy",
    never=FILE,
)
def fjord(s: Scene) -> None:
    alone(s)
    t = s.session()
    t.login(f"{s.host}:5000", password=s.password3)
    s.pause(seconds=31)
    t.login(f"{s.host}:5000")
    try_login(s, t)
    s.bundle.clear()
    s.give("compose.log", s.logs("registry", without="PurgeUploads|redis"))


@case(
    "h-delta-two-starts",
    "One log with two starts: before the restart everybody is refused, afterwards the same user is authorised.",
    verdict="healthy",
    never=[*FILE, "htpasswd-empty"],
)
def delta(s: Scene) -> None:
    s.compose({"registry": stacks.registry(s, users=s.entry(password=s.password3) + "\n")})
    s.up()
    t = s.session()
    try_login(s, t)
    s.pause(minutes=12)
    s.file("auth/htpasswd", s.users())
    s.restart("registry")
    now = s.session()
    ask(s, now)
    s.give("curl.txt", now.text)
    s.give("registry.log", s.logs("registry"))


@case(
    "h-savanna-heads",
    "Headers only (curl -I), then the catalog; a key ring without this registry, as curl has its own login.",
    verdict="healthy",
    never=KEYS,
)
def savanna(s: Scene) -> None:
    alone(s, 3)
    t = s.session()
    t.curl("-sSI", s.url())
    t.curl("-sSI", "-u", s.login, s.url())
    t.curl("-sS", "-i", "-u", s.login, s.url("/v2/_catalog"))
    s.give("curl.txt", t.text)
    company.key_ring(s)


@case(
    "h-oasis-docker-config", "A docker config.json with several logins is named; the right one works on the wire.", ("--docker-config", "bundle/config.json"),
    verdict="healthy", never=[*KEYS, "credentials-key-format"],
)  # fmt: skip
def oasis(s: Scene) -> None:
    alone(s)
    company.key_ring(s, f"{s.host}:5000")
    t = s.session()
    ask(s, t)
    t.login(f"{s.host}:5000")
    s.give("terminal.txt", t.text)


@case(
    "h-canyon-own-certificate",
    "The registry ends TLS itself with a private certificate that the client trusts.",
    verdict="healthy",
    never=["tls-ca-not-trusted", "tls-san-missing", "scheme-mismatch-upstream"],
)
def canyon(s: Scene) -> None:
    service = stacks.registry(
        s, 2, port="443:5000", REGISTRY_HTTP_TLS_CERTIFICATE="/certs/site.crt", REGISTRY_HTTP_TLS_KEY="/certs/site.key"
    )
    service["volumes"].append("./certs:/certs:ro")
    stacks.certificate(s, s.host)
    s.compose({"registry": service})
    s.up()
    t = s.session()
    t.curl("-v", "--cacert", str(s.folder / "certs/site.crt"), "-u", s.login, s.url("/v2/", None, "https"))
    s.give("curl.txt", t.text)
    s.give("registry.log", s.logs("registry"))
    company.solved_notes(s, "es")


@case(
    "h-crater-mirror-beside",
    "A pull-through mirror runs beside; pushes go to the registry proper, and through.",
    verdict="healthy",
    never=["proxy-mode-push-unsupported", "auth-not-enforced"],
)
def crater(s: Scene) -> None:
    mirror = {
        "image": "registry:2",
        "ports": ["5055:5000"],
        "environment": {"REGISTRY_PROXY_REMOTEURL": "https://mirror-source.example"},
        "volumes": ["./mirror:/var/lib/registry"],
    }
    s.compose({"registry": stacks.registry(s), "mirror": mirror})
    s.up("registry")
    t = s.session()
    work(s, t)
    s.give("session.txt", t.text)
    company.foreign_daemon(s)


@case(
    "h-geyser-ticket-in-spanish",
    "A ticket in Spanish that ends well, with the requests of today.",
    verdict="healthy",
    never=FILE,
)
def geyser(s: Scene) -> None:
    alone(s)
    t = s.session()
    ask(s, t)
    s.give("curl.txt", t.text)
    s.give(
        "ticket.md",
        f"# Ticket 812\n\nlunes: {s.colleague} dice que el registro responde 401. Era su contraseña vieja.\nmartes: cambiada. Ya funciona, adjunto curl.\n",
    )
    s.give("registry.log", s.logs("registry", prefix=False))


@case(
    "h-isthmus-retried",
    "A push that had to retry while the network hiccuped and then ended in a digest.",
    verdict="healthy",
    never=["registry-unreachable", "proxy-timeout"],
)
def isthmus(s: Scene) -> None:
    import threading
    import time

    alone(s)
    t = s.session()
    t.login(f"{s.host}:5000")
    s.image(f"{s.host}:5000/{s.org}/big:1", 40)
    container = s.container("registry")

    def hiccup() -> None:
        from tests.untidy.recorder.clients import execute

        time.sleep(0.25)
        execute("docker", "restart", "-t", "0", container)

    thread = threading.Thread(target=hiccup)
    thread.start()
    t.docker("push", f"{s.host}:5000/{s.org}/big:1")
    thread.join()
    s.give("terminal.txt", t.text)
    company.theory(s, 2)


@case(
    "h-moor-changed-in-the-morning",
    "The entry was renewed during the morning; the log has the refusals before and the successes after, without a restart.",
    verdict="healthy",
    never=FILE,
)
def moor(s: Scene) -> None:
    alone(s, 3, users=s.entry(password=s.password3) + "\n")
    t = s.session()
    try_login(s, t, option="-i")
    s.pause(minutes=48)
    s.file("auth/htpasswd", s.users())
    t.add("$ htpasswd -Bb auth/htpasswd ****** ******\n")
    try_login(s, t, option="-i")
    t.curl("-i", s.url())
    s.give("terminal.txt", t.text)
    s.give("registry.log", s.logs("registry", prefix=False))


@case(
    "h-heath-two-more-registries",
    "Three registries in one compose file; the session is about one, which works; another is open on purpose (127.0.0.1).",
    verdict="healthy",
    never=["auth-not-enforced", "htpasswd-user-missing"],
)
def heath(s: Scene) -> None:
    scratch = {"image": "registry:2", "ports": ["127.0.0.1:5007:5000"], "volumes": ["./scratch:/var/lib/registry"]}
    s.file("partner/htpasswd", s.entry("partner", s.password3) + "\n")
    partner = {
        "image": "registry:2", "ports": ["5008:5000"], "volumes": ["./partner:/auth:ro", "./partner-data:/var/lib/registry"],
        "environment": {"REGISTRY_AUTH": "htpasswd", "REGISTRY_AUTH_HTPASSWD_REALM": "Partner", "REGISTRY_AUTH_HTPASSWD_PATH": "/auth/htpasswd"},
    }  # fmt: skip
    s.compose({"registry": stacks.registry(s), "scratch": scratch, "partner": partner})
    s.up()
    t = s.session()
    ask(s, t)
    t.login(f"{s.host}:5000")
    s.give("terminal.txt", t.text)
    s.give("registry.log", s.logs("registry"))


@case(
    "h-glade-helper-elsewhere",
    "credHelpers names a program for a cloud's registry only; the login in question is stored plainly and works.",
    verdict="healthy",
    never=["credential-helper-broken", *KEYS],
)
def glade(s: Scene) -> None:
    alone(s, 3)
    company.helpers_elsewhere(s, f"{s.host}:5000")
    t = s.session()
    work(s, t)
    s.give("session.txt", t.text)
    company.app_log(s)
