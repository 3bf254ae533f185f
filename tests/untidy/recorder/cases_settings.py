"""Faults of the registry's own settings, in company."""

import base64
import json
import time

from tests.untidy.recorder import company, stacks
from tests.untidy.recorder.clients import execute
from tests.untidy.recorder.engine import run
from tests.untidy.recorder.flows import try_login
from tests.untidy.recorder.scene import Scene, case

FILE = ["htpasswd-wrong-password", "htpasswd-not-bcrypt", "htpasswd-user-missing"]


def refused(s: Scene) -> str:
    """A session that meets a closed port."""
    t = s.session()
    t.curl("-sS", "-i", s.url(), shown="curl -i " + s.url())
    t.login(f"{s.host}:5000")
    return t.text


@case(
    "f-agency-open-door",
    "Nothing switches auth on: everybody gets in, with any password. A vendor's kit and another registry's logins beside.",
    verdict="fault",
    cause="auth-not-enforced",
    never=[*FILE, "proxy-bypasses-auth", "ping-not-challenged"],
)
def agency(s: Scene) -> None:
    service = stacks.registry(
        s, REGISTRY_AUTH=None, REGISTRY_AUTH_HTPASSWD_REALM=None, REGISTRY_AUTH_HTPASSWD_PATH=None
    )
    del service["environment"]
    s.compose({"registry": service})
    s.up()
    t = s.session()
    t.curl("-i", s.url("/v2/_catalog"))
    try_login(s, t, option="-i", password="whatever")
    s.give("curl.txt", t.text)
    s.give("registry.log", s.logs("registry", without="PurgeUploads|redis"))
    company.vendor_kit(s)
    company.key_ring(s)


@case(
    "f-boatyard-no-realm",
    "No realm: the registry panics at every start. Trials that ended months ago are listed beside.",
    verdict="fault",
    cause="auth-option-missing",
    never=[*FILE, "port-mapping-mismatch", "htpasswd-missing-autocreated"],
)
def boatyard(s: Scene) -> None:
    service = {**stacks.registry(s, 3, REGISTRY_AUTH_HTPASSWD_REALM=None), "restart": "always"}
    s.compose({"registry": service})
    s.up(expect_running=False)
    time.sleep(2)
    s.give("terminal.txt", refused(s))
    s.give("registry.log", s.logs("registry", only="level=|panic", first=6))
    company.dead_containers(s)
    company.solved_notes(s, "de")


@case(
    "f-bookshop-old-place",
    "config.yml lies at the place of version 2 in an image of version 3, which does not read it: open.",
    verdict="fault",
    cause="config-path-version-mismatch",
    also=["auth-not-enforced"],
    never=[*FILE, "proxy-bypasses-auth"],
)
def bookshop(s: Scene) -> None:
    s.compose({"registry": stacks.configured(s, 3, path="/etc/docker/registry/config.yml")}, volumes={"images": None})
    s.up()
    t = s.session()
    t.curl("-i", s.url("/v2/_catalog"))
    s.give("curl.txt", t.text)
    s.give("registry.log", s.logs("registry", without="PurgeUploads|redis"))
    company.second_project(s, "lab", 0)
    company.theory(s, 0)


@case(
    "f-butcher-variable-wins",
    "A variable names the old list and beats config.yml, which names the new one with the user.",
    verdict="fault",
    cause="env-overrides-config",
    also=["htpasswd-user-missing"],
    never=["htpasswd-wrong-password", "htpasswd-not-bcrypt", "htpasswd-path-mismatch", "config-path-version-mismatch"],
)
def butcher(s: Scene) -> None:
    service = stacks.configured(s)
    service["environment"] = {"REGISTRY_AUTH_HTPASSWD_PATH": "/auth/old.htpasswd"}
    s.file("auth/old.htpasswd", s.entry(s.third, s.password3) + "\n")
    s.compose({"registry": service}, volumes={"images": None})
    s.up()
    t = s.session()
    try_login(s, t)
    s.give("curl.txt", t.text)
    s.give("registry.log", s.logs("registry"))
    company.gitlab_ci(s)


@case(
    "f-cinema-misspelt",
    "REGISTRY_AUTH_HTPASSWORD_PATH is no name of the registry: the path is missing and it panics.",
    verdict="fault",
    cause="env-name-malformed",
    also=["auth-option-missing"],
    never=[*FILE, "port-mapping-mismatch", "htpasswd-path-mismatch"],
)
def cinema(s: Scene) -> None:
    service = stacks.registry(s, 3, REGISTRY_AUTH_HTPASSWD_PATH=None, REGISTRY_AUTH_HTPASSWORD_PATH="/auth/htpasswd")
    s.compose({"registry": {**service, "restart": "always"}})
    s.up(expect_running=False)
    time.sleep(2)
    s.give("terminal.txt", refused(s))
    s.give("registry.log", s.logs("registry", only="level=|panic|rror", first=8))
    company.env_file(s)
    company.vendor_kit(s, "acme")


@case(
    "f-cobbler-star",
    "A header value that is no YAML list keeps the registry from starting; the rotated log is from before.",
    verdict="fault",
    cause="env-header-value-not-yaml-list",
    never=[*FILE, "cors-origin-mismatch", "cors-wildcard-with-credentials", "port-mapping-mismatch"],
)
def cobbler(s: Scene) -> None:
    service = stacks.registry(s, 3)
    service["environment"] = (
        dict(e.split("=", 1) for e in service["environment"])
        if isinstance(service["environment"], list)
        else service["environment"]
    )
    s.compose({"registry": {**service, "environment": dict(service["environment"])}}, give=False)
    s.up()
    try_login(s, s.session())
    company.old_log(s, days=5)
    service["environment"]["REGISTRY_HTTP_HEADERS_Access-Control-Allow-Origin"] = "[*]"
    s.compose({"registry": {**service, "restart": "always"}})
    s.up(expect_running=False)
    time.sleep(2)
    s.give("terminal.txt", refused(s))
    s.give("registry.log", s.logs("registry", prefix=False, only="rror|level=|panic", first=6))


@case(
    "f-cooper-bracket",
    "The shared secret begins with a bracket: every value is YAML, and this one is none. A wrong theory beside.",
    verdict="fault",
    cause="env-value-not-yaml",
    never=[*FILE, "http-secret-not-shared", "port-mapping-mismatch", "compose-dollar-interpolation"],
)
def cooper(s: Scene) -> None:
    s.compose({"registry": {**stacks.registry(s, 3, REGISTRY_HTTP_SECRET="[" + s.password3), "restart": "always"}})
    s.up(expect_running=False)
    time.sleep(2)
    s.give("terminal.txt", refused(s))
    s.give("registry.log", s.logs("registry", only="rror|level=|panic", first=6))
    company.theory(s, 2)
    company.backups(s)


@case(
    "f-dentist-gone",
    "The images lie outside every volume: after the container was created anew the catalog is empty. Logins work throughout.",
    verdict="fault",
    cause="storage-outside-volume",
    never=[*FILE, "auth-not-enforced", "http-secret-not-shared"],
)
def dentist(s: Scene) -> None:
    s.compose({"registry": stacks.registry(s, REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY="/data")})
    s.up()
    t = s.session()
    t.login(f"{s.host}:5000")
    t.push(f"{s.host}:5000/{s.org}/xray:4")
    t.curl("-s", "-u", s.login, s.url("/v2/_catalog"))
    s.pause(days=1)
    s.compose_command("up", "-d", "--force-recreate")
    s.settle()
    name = f"{s.org}-registry-1"
    t.show(
        "docker compose up -d --force-recreate",
        f" Container {name}  Recreate\n Container {name}  Recreated\n Container {name}  Starting\n Container {name}  Started",
    )
    t.curl("-s", "-u", s.login, s.url("/v2/_catalog"))
    s.give("session.txt", t.text)
    company.key_ring(s, f"{s.host}:5000")
    company.solved_notes(s, "es")


@case(
    "f-embassy-no-deleting",
    "Login and push work; DELETE is answered 405 UNSUPPORTED by the registry itself, deletion is not enabled.",
    verdict="fault",
    cause="delete-disabled",
    never=[*FILE, "preflight-options-401", "proxy-mode-push-unsupported"],
)
def embassy(s: Scene) -> None:
    s.compose({"registry": stacks.registry(s)})
    s.up()
    t = s.session()
    t.login(f"{s.host}:5000")
    digest = t.push(f"{s.host}:5000/{s.org}/visa:2").split("digest: ")[1].split()[0]
    t.curl("-i", "-X", "DELETE", "-u", s.login, s.url(f"/v2/{s.org}/visa/manifests/{digest}"))
    s.give("terminal.txt", t.text)
    s.give("registry.log", s.logs("registry", only="DELETE|listening"))
    company.github_workflow(s)
    company.second_project(s, "old-lab", 2)


@case(
    "f-farm-fixed-host",
    "http.host names a machine that is gone: the login works, the push follows Location and does not find it.",
    verdict="fault",
    cause="http-host-wrong",
    also=["location-header-wrong-host"],
    never=[*FILE, "x-forwarded-proto-missing", "location-header-port-lost", "insecure-registry-missing"],
)
def farm(s: Scene) -> None:
    s.compose({"registry": stacks.registry(s, 3, REGISTRY_HTTP_HOST=f"http://alte-kiste.{s.domain}:5000")})
    s.up()
    t = s.session()
    t.login(f"{s.host}:5000")
    t.push(f"{s.host}:5000/{s.org}/tractor:9")
    t.curl("-i", "-u", s.login, "-X", "POST", s.url(f"/v2/{s.org}/tractor/blobs/uploads/"))
    s.give("terminal.txt", t.text)
    company.solved_notes(s, "fr")
    company.key_ring(s, f"{s.host}:5000")


@case(
    "f-forge-two-brothers",
    "Two registries behind one nginx without a common secret: uploads that change machines are invalid.",
    verdict="fault",
    cause="http-secret-not-shared",
    never=[
        *FILE,
        "location-header-wrong-host",
        "location-header-port-lost",
        "x-forwarded-proto-missing",
        "client-max-body-size",
    ],
)
def forge(s: Scene) -> None:
    site = "upstream store {\n    server r1:5000;\n    server r2:5000;\n}\n" + stacks.nginx_site(
        s, upstream="http://store"
    )
    one = stacks.registry(s, port=None)
    s.compose(
        {
            "r1": one,
            "r2": {**one, "environment": dict(one["environment"])},
            "edge": stacks.nginx(s, site, depends=("r1", "r2")),
        }
    )
    s.up()
    t = s.session()
    t.login(f"{s.host}:80")
    t.push(f"{s.host}:80/{s.org}/anvil:1")
    s.give("terminal.txt", t.text)
    s.give(
        "compose.log",
        s.logs("r1", only="listening|invalid secret|PATCH .* 404", first=5)
        + s.logs("r2", only="listening|invalid secret|PATCH .* 404", first=5),
    )
    company.vendor_kit(s)


@case(
    "f-fishery-mirror",
    "The registry is a pull-through mirror and refuses every push as unsupported.",
    verdict="fault",
    cause="proxy-mode-push-unsupported",
    never=[*FILE, "delete-disabled", "no-v2-route", "auth-not-enforced"],
)
def fishery(s: Scene) -> None:
    source = {"image": "registry:2", "volumes": ["./source:/var/lib/registry"]}
    service = {**stacks.registry(s, REGISTRY_PROXY_REMOTEURL="http://source:5000"), "depends_on": ["source"]}
    s.compose({"source": source, "registry": service})
    s.up()
    t = s.session()
    t.login(f"{s.host}:5000")
    t.push(f"{s.host}:5000/{s.org}/net:3")
    s.give("terminal.txt", t.text)
    s.give("registry.log", s.logs("registry", only="listening|POST|UNSUPPORTED|unsupported"))
    company.key_ring(s, f"{s.host}:5000")
    company.solved_notes(s, "it")


@case(
    "f-florist-stopped",
    "The registry's container was stopped; nothing listens at its port. Another project's containers run.",
    verdict="fault",
    cause="registry-unreachable",
    never=[*FILE, "port-mapping-mismatch", "insecure-registry-missing", "upstream-is-localhost"],
)
def florist(s: Scene) -> None:
    s.compose({"registry": stacks.registry(s)})
    s.up()
    try_login(s, s.session())
    s.pause(hours=3)
    execute("docker", "stop", "-t", "1", s.container("registry"))
    s.give("terminal.txt", refused(s))
    rows = s.ps().splitlines()
    rows[1] = rows[1].replace("Less than a second ago", "3 hours ago         ").replace("1 second ago", "3 hours ago ")
    s.give("ps.txt", "$ docker ps -a\n" + "\n".join(rows) + "\n")
    s.give("registry.log", s.logs("registry", prefix=False))
    company.second_project(s, "shop", 0)


@case(
    "f-glazier-port-80",
    "Published is 5000:80, and the registry listens on 5000: empty replies.",
    verdict="fault",
    cause="port-mapping-mismatch",
    also=["registry-unreachable"],
    never=[*FILE, "scheme-mismatch-upstream", "insecure-registry-missing"],
)
def glazier(s: Scene) -> None:
    s.compose({"registry": stacks.registry(s, port="5000:80")})
    s.up()
    t = s.session("root@srv1:~# ")
    t.curl("-sS", "-i", "http://localhost:5000/v2/", shown="curl -i http://localhost:5000/v2/")
    t.login("localhost:5000", engine=False, home="root")
    s.give("terminal.txt", t.text)
    s.give("registry.log", s.logs("registry"))
    s.give("ps.txt", "$ docker ps\n" + s.ps())
    company.theory(s, 2)


@case(
    "f-guild-moved-api",
    "http.prefix moves the API: /v2/ is 404 everywhere, direct and for docker.",
    verdict="fault",
    cause="http-prefix-set",
    never=[*FILE, "no-v2-route", "proxy-pass-uri-rewrite", "port-taken-by-other-program"],
)
def guild(s: Scene) -> None:
    s.compose({"registry": stacks.registry(s, REGISTRY_HTTP_PREFIX="/reg/")})
    s.up()
    t = s.session()
    t.curl("-i", s.url())
    t.login(f"{s.host}:5000")
    t.curl("-i", s.url("/reg/v2/"))
    s.give("terminal.txt", t.text)
    s.give("registry.log", s.logs("registry"))
    company.vendor_kit(s, "kit")


def token_config(s: Scene, realm: str) -> str:
    """A config.yml with token auth."""
    auth = f"auth:\n  token:\n    realm: {realm}\n    service: {s.org}\n    issuer: {s.org}-auth\n    rootcertbundle: /certs/site.crt\n"
    return stacks.config_text(s, auth=auth)


@case(
    "f-herbalist-inside-name",
    "The token service's realm is a name of the inside network; clients cannot find it.",
    verdict="fault",
    cause="token-realm-unreachable",
    never=[*FILE, "token-key-mismatch", "token-audience-mismatch", "registry-unreachable"],
)
def herbalist(s: Scene) -> None:
    service = stacks.configured(s, config=token_config(s, "http://auth:5001/token"))
    service["volumes"][1] = "./certs:/certs:ro"
    stacks.certificate(s, f"{s.org}-auth")
    s.compose({"registry": service}, volumes={"images": None})
    del s.bundle["auth/htpasswd"]
    s.up()
    t = s.session()
    t.curl("-i", s.url())
    t.login(f"{s.host}:5000")
    s.give("terminal.txt", t.text)
    s.give("registry.log", s.logs("registry"))
    company.key_ring(s)
    company.gitlab_ci(s)


def token(s: Scene, key_folder: str, audience: str, age: int = 0) -> str:
    """A token as a service would issue it, signed with the key of a folder."""
    run("openssl", "x509", "-in", f"{key_folder}/site.crt", "-outform", "DER", "-out", "cert.der", cwd=s.folder)
    chain = base64.b64encode((s.folder / "cert.der").read_bytes()).decode()
    now = int(time.time()) - age
    claims = {
        "iss": f"{s.org}-auth",
        "sub": s.user,
        "aud": audience,
        "exp": now + 300,
        "nbf": now - 10,
        "iat": now,
        "jti": "1",
        "access": [],
    }
    parts = [json.dumps({"typ": "JWT", "alg": "RS256", "x5c": [chain]}), json.dumps(claims)]
    body = ".".join(base64.urlsafe_b64encode(p.encode()).decode().rstrip("=") for p in parts)
    (s.folder / "body").write_text(body)
    run("openssl", "dgst", "-sha256", "-sign", f"{key_folder}/site.key", "-out", "signature", "body", cwd=s.folder)
    return body + "." + base64.urlsafe_b64encode((s.folder / "signature").read_bytes()).decode().rstrip("=")


def with_tokens(s: Scene, version: int) -> None:
    """A registry that trusts the certificate in certs/, up; another key lies in other/."""
    service = stacks.configured(s, version, config=token_config(s, f"https://auth.{s.domain}/token"))
    service["volumes"][1] = "./certs:/certs:ro"
    for folder in ("certs", "other"):
        (s.folder / folder).mkdir(exist_ok=True)
        command = [
            "openssl",
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-days",
            "30",
            "-subj",
            f"/CN={s.org}-auth",
        ]
        run(*command, "-keyout", f"{folder}/site.key", "-out", f"{folder}/site.crt", cwd=s.folder)
    s.compose({"registry": service}, volumes={"images": None})
    del s.bundle["auth/htpasswd"]
    s.up()


@case(
    "f-jeweller-signed-by-another",
    "The token is signed with a key that the registry does not trust; its log says so.",
    verdict="fault",
    cause="token-key-mismatch",
    never=[*FILE, "token-audience-mismatch", "token-clock-skew", "token-realm-unreachable"],
)
def jeweller(s: Scene) -> None:
    with_tokens(s, 2)
    t = s.session()
    t.curl("-i", s.url())
    bearer = f"Authorization: Bearer {token(s, 'other', s.org)}"
    t.curl("-i", "-H", bearer, s.url(), shown=f'curl -i -H "Authorization: Bearer $TOKEN" {s.url()}')
    s.give("curl.txt", t.text)
    s.give("registry.log", s.logs("registry"))
    company.theory(s, 6)
    company.key_ring(s)


@case(
    "f-laundry-for-another-service",
    "The token is made out to another service than the registry's; its log says so.",
    verdict="fault",
    cause="token-audience-mismatch",
    never=[*FILE, "token-key-mismatch", "token-clock-skew", "token-realm-unreachable"],
)
def laundry(s: Scene) -> None:
    with_tokens(s, 2)
    t = s.session()
    t.curl("-i", s.url())
    bearer = f"Authorization: Bearer {token(s, 'certs', 'registry.docker.example')}"
    t.curl("-i", "-H", bearer, s.url(), shown=f'curl -i -H "Authorization: Bearer $TOKEN" {s.url()}')
    s.give("curl.txt", t.text)
    s.give("registry.log", s.logs("registry", prefix=False))
    company.solved_notes(s, "nl")
    company.github_workflow(s)
