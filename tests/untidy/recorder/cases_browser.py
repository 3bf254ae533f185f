"""Faults between a page and the registry, seen by Chromium, in company."""

from tests.untidy.recorder import company, stacks
from tests.untidy.recorder.clients import browse, har_text
from tests.untidy.recorder.scene import Scene, case

FILE = ["htpasswd-wrong-password", "htpasswd-not-bcrypt", "htpasswd-user-missing"]
HOP = ["authorization-stripped", "registry-unreachable"]
PREFIX = "REGISTRY_HTTP_HEADERS_Access-Control-"


def cors(s: Scene, version: int = 2, origin: str | None = "", url: str = "", images: bool = False, **more: str) -> None:
    """Registry and UI on two origins, up; origin is the list in Access-Control-Allow-Origin (None: no header)."""
    headers = {
        f"{PREFIX}Allow-Origin": f'["http://{s.host}:8080"]' if origin == "" else origin,
        f"{PREFIX}Allow-Methods": '["HEAD", "GET", "OPTIONS", "DELETE"]',
        f"{PREFIX}Allow-Headers": '["Authorization", "Accept", "Cache-Control"]',
        f"{PREFIX}Allow-Credentials": "[true]",
        f"{PREFIX}Expose-Headers": '["Docker-Content-Digest"]',
        **{f"{PREFIX}{name}" if name[0].isupper() and "_" not in name else name: value for name, value in more.items()},
    }
    service = stacks.registry(s, version, **headers)
    s.compose(
        {
            "registry": service,
            "ui": stacks.ui(s, NGINX_PROXY_PASS_URL=None, REGISTRY_URL=url or f"http://{s.host}:5000"),
        }
    )
    s.up()
    if images:
        t = s.session()
        t.login(f"{s.host}:5000")
        t.push(f"{s.host}:5000/{s.org}/reel:1")


def look(s: Scene, console: str = "console.txt", har: str = "", url: str = "", seconds: float = 1.5) -> None:
    """Open the page with the login; hand over the console and the HAR."""
    said, seen = browse(s, url or s.url("/", 8080), (s.user, s.password), seconds)
    if console:
        s.give(console, said)
    if har:
        s.give(har, har_text(seen))


@case(
    "f-aquarelle-preflight",
    "Origin and credentials are right, the list of images comes; the manifest's request is preflighted, and OPTIONS is 401.",
    verdict="fault",
    cause="preflight-options-401",
    never=[*FILE, *HOP, "cors-origin-mismatch", "cors-credentials-missing"],
)
def aquarelle(s: Scene) -> None:
    cors(s, images=True)
    look(s, har="page.har")
    s.give("registry.log", s.logs("registry", only="listening|Chrome"))
    company.theory(s, 0)
    company.scanners(s, count=1)


@case(
    "f-ballroom-without-port",
    "The allowed origin lacks the port 8080 of the page; a vendor's kit and another registry's logins beside.",
    verdict="fault",
    cause="cors-origin-mismatch",
    never=[*FILE, *HOP, "cors-credentials-missing", "mixed-content"],
)
def ballroom(s: Scene) -> None:
    cors(s, 3, f'["http://{s.host}"]')
    look(s, har="page.har")
    company.vendor_kit(s)
    company.key_ring(s)


@case(
    "f-cabaret-inside-origin",
    "The allowed origin is the UI's name inside the network; the page is opened by its public name. Console alone, and a curl.",
    verdict="fault",
    cause="cors-origin-mismatch",
    never=[*FILE, *HOP, "preflight-options-401", "cors-credentials-missing"],
)
def cabaret(s: Scene) -> None:
    cors(s, 2, '["http://ui:80"]')
    look(s)
    t = s.session()
    t.curl("-i", "-H", f"Origin: http://{s.host}:8080", "-u", s.login, s.url("/v2/_catalog"))
    s.give("curl.txt", t.text)
    company.solved_notes(s, "de")


@case(
    "f-drawbridge-no-credentials",
    "Origin is right, Allow-Credentials is missing although the page sends a login.",
    verdict="fault",
    cause="cors-credentials-missing",
    never=[*FILE, *HOP, "cors-origin-mismatch", "cors-wildcard-with-credentials"],
)
def drawbridge(s: Scene) -> None:
    cors(s, 3, **{"Allow-Credentials": None})
    look(s, har="page.har")
    s.give("registry.log", s.logs("registry", only="listening|Chrome"))
    company.theory(s, 3)


@case(
    "f-easel-star",
    "The star as origin, and the page sends credentials: refused.",
    verdict="fault",
    cause="cors-wildcard-with-credentials",
    never=[*FILE, *HOP, "cors-origin-mismatch", "cors-credentials-missing"],
)
def easel(s: Scene) -> None:
    cors(s, 2, '["*"]')
    look(s)
    company.second_project(s, "playground", 2)
    company.theory(s, 0)


@case(
    "f-fresco-two-origins",
    "Two origins in the list give two header lines, and Chromium refuses both.",
    verdict="fault",
    cause="cors-multiple-origins",
    never=[*FILE, *HOP, "cors-duplicate-headers", "cors-credentials-missing"],
)
def fresco(s: Scene) -> None:
    cors(s, 2, f'["http://{s.host}:8080", "http://localhost:8080"]')
    look(s, har="page.har")
    company.solved_notes(s, "nl")
    company.github_workflow(s)


@case(
    "f-gobelin-added-twice",
    "Registry and nginx both add the CORS headers; the page asks through nginx.",
    verdict="fault",
    cause="cors-duplicate-headers",
    also=["cors-multiple-origins"],
    never=[*FILE, *HOP, "cors-credentials-missing"],
)
def gobelin(s: Scene) -> None:
    origin = f"http://{s.host}:8080"
    headers = {f"{PREFIX}Allow-Origin": f'["{origin}"]', f"{PREFIX}Allow-Credentials": "[true]"}
    more = (
        f'add_header Access-Control-Allow-Origin "{origin}" always;',
        'add_header Access-Control-Allow-Credentials "true" always;',
    )
    s.compose({
        "registry": stacks.registry(s, **headers),
        "edge": stacks.nginx(s, stacks.nginx_site(s, more=more)),
        "ui": stacks.ui(s, NGINX_PROXY_PASS_URL=None, REGISTRY_URL=f"http://{s.host}"),
    })  # fmt: skip
    s.up()
    look(s, har="page.har")
    company.key_ring(s)


@case(
    "f-harlequin-http-from-https",
    "The page is https, REGISTRY_URL is http: Chromium blocks the call before it is sent.",
    verdict="fault",
    cause="mixed-content",
    never=[*FILE, *HOP, "cors-origin-mismatch", "cors-credentials-missing", "tls-ca-not-trusted"],
)
def harlequin(s: Scene) -> None:
    origin = f"https://{s.host}"
    headers = {f"{PREFIX}Allow-Origin": f'["{origin}"]', f"{PREFIX}Allow-Credentials": "[true]"}
    site = stacks.nginx_site(
        s, ("Host $http_host", "X-Forwarded-Proto $scheme"), location="/", upstream="http://ui:80", listen="443 ssl"
    )
    s.compose({
        "registry": stacks.registry(s, **headers),
        "ui": stacks.ui(s, NGINX_PROXY_PASS_URL=None, REGISTRY_URL=f"http://{s.host}:5000"),
        "edge": stacks.nginx(s, site, "443:443", tls=True, depends=("ui",)),
    })  # fmt: skip
    s.up()
    look(s, har="page.har", url=f"https://{s.host}/")
    company.gitlab_ci(s)
    company.theory(s, 3)


@case(
    "f-intaglio-service-name",
    "REGISTRY_URL is the name of a compose service, which the browser cannot resolve; containers see it well.",
    verdict="fault",
    cause="browser-cannot-resolve-container-name",
    also=["ui-v1-env-semantics-changed"],
    never=[*FILE, *HOP, "cors-origin-mismatch", "upstream-name-not-resolved"],
)
def intaglio(s: Scene) -> None:
    cors(s, 3, url="http://registry:5000")
    look(s)
    s.give("registry.log", s.logs("registry"))
    company.solved_notes(s, "fr")
    company.scanners(s, count=1)


@case(
    "f-jester-own-machine",
    "REGISTRY_URL says localhost; the page is opened by the server's name from a desk, where nothing listens.",
    verdict="fault",
    cause="browser-localhost",
    never=[*FILE, "cors-origin-mismatch", "upstream-is-localhost", "authorization-stripped"],
)
def jester(s: Scene) -> None:
    origin = f'["http://{s.host}:8080"]'
    headers = {f"{PREFIX}Allow-Origin": origin, f"{PREFIX}Allow-Credentials": "[true]"}
    s.compose({
        "registry": stacks.registry(s, port=f"{s.address}:5000:5000", **headers),
        "ui": stacks.ui(s, NGINX_PROXY_PASS_URL=None, REGISTRY_URL="http://localhost:5000"),
    })  # fmt: skip
    s.up()
    look(s, har="page.har")
    t = s.session()
    t.curl("-i", "-u", s.login, s.url())
    s.give("curl.txt", t.text)
    company.env_file(s)


@case(
    "f-kaleido-misspelt-header",
    "Access-Control-Origin is no header that a browser knows: the page may not read the answer.",
    verdict="fault",
    cause="env-header-name-typo",
    also=["cors-origin-mismatch"],
    never=[*FILE, *HOP, "cors-multiple-origins"],
)
def kaleido(s: Scene) -> None:
    cors(s, 3, None, Origin=f'["http://{s.host}:8080"]')
    look(s)
    t = s.session()
    t.curl("-i", "-H", f"Origin: http://{s.host}:8080", s.url("/v2/_catalog"))
    s.give("curl.txt", t.text)
    company.theory(s, 0)
    company.vendor_kit(s, "acme")


@case(
    "f-lantern-only-on-success",
    "nginx adds the CORS headers without `always`: they are missing on the 401 that the page meets first.",
    verdict="fault",
    cause="add-header-without-always",
    also=["cors-origin-mismatch"],
    never=[*FILE, *HOP, "cors-duplicate-headers", "cors-wildcard-with-credentials"],
)
def lantern(s: Scene) -> None:
    origin = f"http://{s.host}:8080"
    more = (
        f'add_header Access-Control-Allow-Origin "{origin}";',
        'add_header Access-Control-Allow-Credentials "true";',
    )
    s.compose({
        "registry": stacks.registry(s),
        "edge": stacks.nginx(s, {**company.other_nginx_sites(s), "30-registry.conf": stacks.nginx_site(s, more=more)}),
        "ui": stacks.ui(s, NGINX_PROXY_PASS_URL=None, REGISTRY_URL=f"http://{s.host}", REGISTRY_SECURED=None),
    })  # fmt: skip
    s.up()
    look(s)
    t = s.session()
    t.curl("-i", "-H", f"Origin: {origin}", s.url("/v2/_catalog", None))
    t.curl("-i", "-H", f"Origin: {origin}", "-u", s.login, s.url("/v2/_catalog", None))
    s.give("curl.txt", t.text)
