"""Faults of the htpasswd file, in company."""

import re

from tests.untidy.recorder import company, stacks
from tests.untidy.recorder.clients import execute
from tests.untidy.recorder.flows import since_start, try_login
from tests.untidy.recorder.scene import Scene, case

GIVEN = ("--user", "{user}", "--password-env", "CASE_PASSWORD")


def alone(s: Scene, version: int = 2, users: str | None = None, **env: str) -> None:
    """A registry alone with this htpasswd, up."""
    s.compose({"registry": stacks.registry(s, version, users=users, **env)})
    s.up()


@case(
    "f-brickyard-md5-among-keys",
    "The entry is apr1 and never matches; logins for other registries, scanners and old notes beside.",
    verdict="fault",
    cause="htpasswd-not-bcrypt",
    never=[
        "stale-stored-credentials",
        "htpasswd-user-missing",
        "htpasswd-wrong-password",
        "credentials-under-other-host",
    ],
)
def brickyard(s: Scene) -> None:
    alone(s, users=f"{stacks.apr1(s.user, s.password)}\n{s.entry(s.colleague, s.password2)}\n")
    company.scanners(s)
    t = s.session()
    try_login(s, t)
    t.login(f"{s.host}:5000")
    s.give("terminal.txt", t.text)
    s.give("registry.log", s.logs("registry", prefix=False))
    company.key_ring(s)
    company.solved_notes(s, "es")


@case(
    "f-lumberyard-night-log",
    "Registry 3's log alone: the stored hash of the build user is SHA-512, a colleague's request is authorised, strangers knock.",
    verdict="fault",
    cause="htpasswd-not-bcrypt",
    never=["htpasswd-wrong-password", "authorization-stripped", "htpasswd-user-missing"],
)
def lumberyard(s: Scene) -> None:
    alone(s, 3, f"{stacks.tool_line('5', s.user, s.password)}\n{s.entry(s.colleague, s.password2)}\n")
    company.scanners(s, count=2)
    t = s.session()
    t.login(f"{s.host}:5000")
    company.colleague_works(s)
    try_login(s, t)
    s.bundle.clear()
    s.give("compose.log", s.logs("registry"))


@case(
    "f-customs-typed-wrong",
    "The password given is not that of the entry; a pipeline for another registry lies beside.",
    GIVEN,
    verdict="fault",
    cause="htpasswd-wrong-password",
    never=["htpasswd-not-bcrypt", "authorization-stripped", "htpasswd-user-missing", "ci-variable-empty"],
)
def customs(s: Scene) -> None:
    alone(s)
    s.given_password = s.password3
    t = s.session()
    try_login(s, t, option="-i", password=s.password3)
    s.give("curl.txt", t.text)
    s.give("registry.log", s.logs("registry"))
    company.gitlab_ci(s)
    company.theory(s, 4)


@case(
    "f-tavern-shell-ate-it",
    "The shell shortened the password when the entry was made (double quotes, a dollar); the entry is sound bcrypt of another word.",
    verdict="fault",
    cause="htpasswd-wrong-password",
    never=["htpasswd-not-bcrypt", "htpasswd-user-missing", "authorization-stripped"],
)
def tavern(s: Scene) -> None:
    whole = "Anker$Laube77"
    alone(s, 3, s.entry(password="Anker") + "\n")
    t = s.session()
    t.add(f'$ htpasswd -Bbn {s.user} "{whole}" > auth/htpasswd\n')
    try_login(s, t, option="-i", password=whole)
    s.give("terminal.txt", t.text)
    s.give("registry.log", s.logs("registry"))
    company.second_project(s, "playground", 2)
    company.solved_notes(s, "nl")


@case(
    "f-academy-other-list",
    "The user stands in the list of the staging project, not in that of the registry.",
    verdict="fault",
    cause="htpasswd-user-missing",
    never=["htpasswd-wrong-password", "htpasswd-path-mismatch", "htpasswd-not-bcrypt"],
)
def academy(s: Scene) -> None:
    alone(s, users=s.entry(s.colleague, s.password2) + "\n")
    s.give("staging/auth/htpasswd", s.entry() + "\n")
    s.give(
        "staging/docker-compose.yml",
        'services:\n  registry:\n    image: registry:2\n    ports: ["5099:5000"]\n    volumes: ["./auth:/auth:ro"]\n    environment:\n      REGISTRY_AUTH: htpasswd\n      REGISTRY_AUTH_HTPASSWD_REALM: Staging\n      REGISTRY_AUTH_HTPASSWD_PATH: /auth/htpasswd\n',
    )
    t = s.session()
    try_login(s, t)
    t.login(f"{s.host}:5000")
    s.give("terminal.txt", t.text)
    s.give("registry.log", s.logs("registry", prefix=False))


@case(
    "f-bazaar-first-line",
    "A byte order mark before the first name; a colleague further down gets in. Copies and a theory beside.",
    verdict="fault",
    cause="htpasswd-username-corrupted",
    never=["htpasswd-wrong-password", "htpasswd-not-bcrypt", "authorization-stripped"],
)
def bazaar(s: Scene) -> None:
    alone(s, users="\ufeff" + s.users())
    t = s.session()
    try_login(s, t, option="-i")
    company.colleague_works(s)
    s.give("curl.txt", t.text)
    s.give("registry.log", s.logs("registry"))
    s.give("auth/htpasswd.old", stacks.apr1(s.user, s.password) + "\n")
    company.theory(s, 6)


@case(
    "f-gallery-line-three",
    "A line without a colon: the registry refuses the whole file, with a login 400 and an empty body.",
    verdict="fault",
    cause="htpasswd-invalid-line",
    never=["htpasswd-wrong-password", "htpasswd-not-bcrypt", "htpasswd-is-a-directory", "htpasswd-unreadable"],
)
def gallery(s: Scene) -> None:
    alone(s, users=f"{s.users()}neuer benutzer bitte eintragen\n")
    t = s.session()
    t.curl("-i", s.url())
    try_login(s, t)
    t.login(f"{s.host}:5000")
    s.give("terminal.txt", t.text)
    s.give("registry.log", s.logs("registry", prefix=False))
    company.key_ring(s)
    company.theory(s, 5)


@case(
    "f-nursery-appended",
    "The second entry was appended to a line without an end: the first user gets in, the second does not exist.",
    GIVEN,
    verdict="fault",
    cause="htpasswd-merged-lines",
    never=["htpasswd-wrong-password", "htpasswd-not-bcrypt"],
)
def nursery(s: Scene) -> None:
    alone(s, users=s.entry(s.colleague, s.password2) + s.entry() + "\n")
    t = s.session()
    try_login(s, t)
    company.colleague_works(s)
    company.monitor(s)
    s.give("curl.txt", t.text)
    s.give("registry.log", s.logs("registry"))
    company.solved_notes(s, "fr")


@case(
    "f-regatta-twice",
    "The user stands twice; the new password is in the first line, the last line counts.",
    GIVEN,
    verdict="fault",
    cause="htpasswd-duplicate-user",
    also=["htpasswd-wrong-password"],
    never=["htpasswd-not-bcrypt", "authorization-stripped"],
)
def regatta(s: Scene) -> None:
    alone(s, users=f"{s.entry()}\n{s.entry(s.colleague, s.password2)}\n{s.entry(password=s.password3)}\n")
    t = s.session()
    try_login(s, t, option="-i")
    s.give("curl.txt", t.text)
    s.give("note.md", f"Montag: Passwort von {s.user} neu gesetzt (erste Zeile). {s.colleague}\n")
    company.env_file(s)
    company.vendor_kit(s)


@case(
    "f-station-emptied",
    "The file is empty since the restart; the rotated log is from the time when it worked.",
    verdict="fault",
    cause="htpasswd-empty",
    never=["htpasswd-wrong-password", "htpasswd-missing-autocreated", "authorization-stripped"],
)
def station(s: Scene) -> None:
    alone(s)
    try_login(s, s.session())
    company.colleague_works(s)
    company.old_log(s, days=12)
    s.file("auth/htpasswd", "")
    s.restart("registry")
    t = s.session()
    try_login(s, t, option="-i")
    company.scanners(s, count=1)
    s.give("curl.txt", t.text)
    s.give("registry.log", since_start(s.logs("registry", prefix=False)))


@case(
    "f-warehouse-made-its-own",
    "The folder is mounted and the file is not in it: the registry provisions its own user.",
    verdict="fault",
    cause="htpasswd-missing-autocreated",
    never=["htpasswd-wrong-password", "htpasswd-not-bcrypt", "authorization-stripped"],
)
def warehouse(s: Scene) -> None:
    service = stacks.registry(s)
    service["volumes"][0] = "./auth:/auth"
    s.compose({"registry": service})
    (s.folder / "auth/htpasswd").unlink()
    del s.bundle["auth/htpasswd"]
    s.up()
    t = s.session()
    try_login(s, t)
    s.give("curl.txt", t.text)
    s.give("registry.log", s.logs("registry"))
    company.vendor_kit(s)
    company.key_ring(s)


@case(
    "f-workshop-two-paths",
    "The configured path lies outside every mount; the sound file is mounted elsewhere.",
    verdict="fault",
    cause="htpasswd-path-mismatch",
    also=["htpasswd-missing-autocreated"],
    never=["htpasswd-wrong-password", "htpasswd-not-bcrypt", "authorization-stripped"],
)
def workshop(s: Scene) -> None:
    alone(s, 3, None, REGISTRY_AUTH_HTPASSWD_PATH="/etc/registry/htpasswd")
    t = s.session()
    try_login(s, t, option="-i")
    s.give("curl.txt", t.text)
    s.give("registry.log", s.logs("registry"))
    company.backups(s)
    company.solved_notes(s, "it")


@case(
    "f-clinic-folder-of-that-name",
    "The mounted file did not exist, so the engine made a folder of that name.",
    verdict="fault",
    cause="htpasswd-is-a-directory",
    never=["htpasswd-wrong-password", "htpasswd-invalid-line", "htpasswd-unreadable", "htpasswd-missing-autocreated"],
)
def clinic(s: Scene) -> None:
    service = stacks.registry(s)
    service["volumes"][0] = "./htpasswd:/auth/htpasswd:ro"
    s.compose({"registry": service})
    del s.bundle["auth/htpasswd"]
    s.give("old/htpasswd", s.users())
    s.up()
    t = s.session()
    t.curl("-i", s.url())
    try_login(s, t)
    t.show(
        "ls -ln",
        "\n".join(
            [
                "total 16",
                "drwxr-xr-x 2 0 0 4096 Oct  3 09:12 data",
                "-rw-r--r-- 1 0 0  420 Oct  3 09:10 docker-compose.yml",
                "drwxr-xr-x 2 0 0 4096 Oct  3 09:12 htpasswd",
            ]
        ),
    )
    s.give("terminal.txt", t.text)
    s.give("registry.log", s.logs("registry", prefix=False))
    company.theory(s, 0)


@case(
    "f-mint-not-for-1000",
    "The container runs as 1000, the file is 0600 of root: it does not start. Dead trials and notes beside.",
    verdict="fault",
    cause="htpasswd-unreadable",
    never=["htpasswd-wrong-password", "htpasswd-missing-autocreated", "port-mapping-mismatch", "htpasswd-not-bcrypt"],
)
def mint(s: Scene) -> None:
    service = {**stacks.registry(s, 2), "user": "1000:1000", "restart": "unless-stopped"}
    s.compose({"registry": service})
    (s.folder / "auth/htpasswd").chmod(0o600)
    s.up(expect_running=False)
    execute("sleep", "2")
    t = s.session()
    t.curl("-sS", "-i", s.url(), shown="curl -i " + s.url())
    listing = execute("ls", "-ln", str(s.folder / "auth"))
    t.show("ls -ln auth", "\n".join(line for line in listing.splitlines()))
    s.give("terminal.txt", t.text)
    s.give("registry.log", s.logs("registry", only="panic|listening|level=", first=6))
    company.dead_containers(s)


@case(
    "f-choir-cut-hash",
    "The hash was cut by one character when it was copied; the log cannot tell, the file can.",
    verdict="fault",
    cause="htpasswd-hash-truncated",
    never=["htpasswd-wrong-password", "htpasswd-not-bcrypt", "htpasswd-user-missing"],
)
def choir(s: Scene) -> None:
    alone(s, users=s.entry()[:-1] + "\n" + s.entry(s.colleague, s.password2) + "\n")
    t = s.session()
    try_login(s, t)
    s.give("curl.txt", t.text)
    s.give("registry.log", s.logs("registry"))
    company.github_workflow(s)
    company.theory(s, 6)
    company.key_ring(s)


@case(
    "f-winery-doubled",
    "The dollars are doubled in the file itself, as one does in compose.",
    verdict="fault",
    cause="over-escaped-dollar",
    never=["htpasswd-wrong-password", "compose-dollar-interpolation", "htpasswd-user-missing"],
)
def winery(s: Scene) -> None:
    alone(s, 3, s.entry().replace("$", "$$") + "\n")
    t = s.session()
    t.login(f"{s.host}:5000")
    try_login(s, t, option="-i")
    s.give("terminal.txt", t.text)
    s.give("registry.log", s.logs("registry", prefix=False))
    s.give(
        "traefik/docker-compose.yml",
        'services:\n  traefik:\n    image: traefik:v3\n    ports: ["9080:80"]\n    labels:\n      - traefik.http.middlewares.a.basicauth.users=ops:$$apr1$$H6uskkkW$$IgXLP6ewTrSuBkTrqE8wj/\n',
    )


@case(
    "f-kiosk-hash-in-compose",
    "A hash in the compose file lost pieces to interpolation; compose warns and goes on.",
    verdict="fault",
    cause="compose-dollar-interpolation",
    never=["htpasswd-wrong-password", "over-escaped-dollar", "htpasswd-path-mismatch", "htpasswd-not-bcrypt"],
)
def kiosk(s: Scene) -> None:
    entry = s.entry()
    while not entry.split("$")[3][0].isalpha():
        entry = s.entry()
    lost = entry.split("$")[3]
    lost = re.match(r"\w+", lost)[0]  # type: ignore[index]
    service = stacks.registry(s, REGISTRY_AUTH_HTPASSWD_PATH="/tmp/htpasswd", USERS=entry)
    shell = 'echo "$$USERS" > /tmp/htpasswd && exec registry serve /etc/docker/registry/config.yml'
    service = {**service, "entrypoint": ["/bin/sh", "-c", shell], "volumes": ["./data:/var/lib/registry"]}
    s.compose({"registry": service})
    del s.bundle["auth/htpasswd"]
    # Compose 1 refuses $2y; compose 2 leaves it and drops the piece that looks like a variable: done here by hand.
    given = (s.folder / "docker-compose.yml").read_text()
    s.file("docker-compose.yml", given.replace(entry, entry.replace("$" + lost, "").replace("$", "$$")), give=False)
    s.up()
    t = s.session()
    warning = f'WARN[0000] The "{lost}" variable is not set. Defaulting to a blank string.'
    t.show("docker compose up -d", f"{warning}\n Container {s.org}-registry-1  Started")
    try_login(s, t, option="-i")
    s.give("terminal.txt", t.text)
    s.give("registry.log", s.logs("registry"))
    company.env_file(s)
    company.solved_notes(s, "en")


@case(
    "f-parish-changed-on-disk",
    "The single mounted file was replaced on disk; the container still reads the old one.",
    GIVEN,
    verdict="fault",
    cause="file-not-reloaded",
    never=["htpasswd-wrong-password", "authorization-stripped", "htpasswd-not-bcrypt", "htpasswd-user-missing"],
)
def parish(s: Scene) -> None:
    service = stacks.registry(s, users=s.entry(password=s.password3) + "\n")
    service["volumes"][0] = "./auth/htpasswd:/auth/htpasswd:ro"
    s.compose({"registry": service})
    s.up()
    s.pause(days=2)
    new = s.folder / "auth/new"
    s.file("auth/new", s.users(), give=False)
    new.rename(s.folder / "auth/htpasswd")
    s.bundle["auth/htpasswd"] = (s.folder / "auth/htpasswd").read_bytes()
    t = s.session()
    try_login(s, t, option="-i")
    t.show(
        "docker compose exec registry cat /auth/htpasswd",
        execute("docker", "exec", s.container("registry"), "cat", "/auth/htpasswd"),
    )
    t.show("cat auth/htpasswd", (s.folder / "auth/htpasswd").read_text())
    s.give("terminal.txt", t.text)
    s.give("registry.log", s.logs("registry"))
    company.theory(s, 5)
