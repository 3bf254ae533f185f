"""Which faults rounds are drawn from. A pool never changes: a new fault makes a new catalogue, and a hand-in names its own.

So the same round, seed and catalogue are the same stack in every version of this package.
"""

CATALOGUE = 2
"""The catalogue that new rounds are drawn from."""
POOLS: dict[int, dict[str, tuple[str, ...]]] = {
    1: {
        "simplify": (
            "auth-not-enforced",
            "no-v2-route",
            "port-mapping-mismatch",
            "proxy-pass-uri-rewrite",
            "scheme-mismatch-upstream",
            "upstream-is-localhost",
            "upstream-name-not-resolved",
            "upstream-wrong-port",
        ),
        "htpasswd": (
            "htpasswd-duplicate-user",
            "htpasswd-empty",
            "htpasswd-hash-truncated",
            "htpasswd-invalid-line",
            "htpasswd-merged-lines",
            "htpasswd-missing-autocreated",
            "htpasswd-not-bcrypt",
            "htpasswd-user-missing",
            "htpasswd-username-corrupted",
            "htpasswd-wrong-password",
            "over-escaped-dollar",
        ),
        "headers": (
            "access-denied-by-rule",
            "authorization-stripped",
            "double-auth-one-header",
            "http-host-wrong",
            "location-header-port-lost",
            "location-header-wrong-host",
            "no-v2-route",
            "ping-not-challenged",
            "preflight-options-401",
            "proxy-bypasses-auth",
            "proxy-overwrites-authorization",
            "proxy-pass-uri-rewrite",
            "scheme-mismatch-upstream",
            "static-basic-credential-wrong-encoding",
            "www-authenticate-missing",
        ),
        "align": (
            "auth-option-missing",
            "browser-cannot-resolve-container-name",
            "compose-dollar-interpolation",
            "config-path-version-mismatch",
            "cors-credentials-missing",
            "cors-multiple-origins",
            "cors-origin-mismatch",
            "cors-wildcard-with-credentials",
            "delete-disabled",
            "env-header-value-not-yaml-list",
            "env-name-malformed",
            "env-overrides-config",
            "env-value-not-yaml",
            "htpasswd-is-a-directory",
            "htpasswd-path-mismatch",
            "http-prefix-set",
            "port-mapping-mismatch",
            "ui-v1-env-semantics-changed",
            "upstream-is-localhost",
            "upstream-name-not-resolved",
            "upstream-wrong-port",
        ),
    }
}
POOLS[2] = {
    **POOLS[1],
    "simplify": (*POOLS[1]["simplify"], "registry-unreachable"),
    "align": (*POOLS[1]["align"], "env-header-name-typo"),
}
TWO: dict[int, tuple[tuple[str, ...], tuple[str, ...]]] = {
    1: (
        POOLS[1]["htpasswd"],
        (
            "authorization-stripped",
            "proxy-bypasses-auth",
            "proxy-overwrites-authorization",
            "static-basic-credential-wrong-encoding",
        ),
    )
}
TWO[2] = TWO[1]
"""Of the two faults of a round one is drawn from each: one in the password file, one in what the proxy sends on."""


ALSO_BEHIND_NGINX: dict[int, tuple[str, ...]] = {
    1: (
        *POOLS[1]["htpasswd"],
        "authorization-stripped",
        "proxy-bypasses-auth",
        "proxy-overwrites-authorization",
        "proxy-pass-uri-rewrite",
        "scheme-mismatch-upstream",
        "upstream-is-localhost",
        "upstream-name-not-resolved",
        "upstream-wrong-port",
    )
}
ALSO_BEHIND_NGINX[2] = ALSO_BEHIND_NGINX[1]
"""Faults whose rounds have a hand-written nginx in front in one of three draws, in place of the UI's own."""


DOCKER = "docker"
"""The word of rounds in which a docker client takes part, in the place where others name a proxy."""
CLIENT = (
    "base64-trailing-newline",
    "credential-helper-broken",
    "credentials-under-other-host",
    "stale-stored-credentials",
)
"""Faults in the client's own file, all of the step "simplify": the same request without that client works."""


def pool(step: str, catalogue: int = CATALOGUE, proxy: str = "") -> tuple[str, ...]:
    """The faults of a step, of all steps for any other word; with `proxy` those that can be broken behind it."""
    steps = POOLS[catalogue]
    found = steps[step] if step in steps else tuple(sorted({cause for causes in steps.values() for cause in causes}))
    found += CLIENT if proxy == DOCKER and step not in ("htpasswd", "headers", "align") else ()
    return tuple(cause for cause in found if cause in BEHIND[catalogue][proxy]) if proxy else found


NOT_BEHIND_OTHERS = (
    "access-denied-by-rule",
    "browser-cannot-resolve-container-name",
    "cors-credentials-missing",
    "cors-multiple-origins",
    "cors-origin-mismatch",
    "cors-wildcard-with-credentials",
    "delete-disabled",
    "double-auth-one-header",
    "env-header-name-typo",
    "preflight-options-401",
    "ui-v1-env-semantics-changed",
)
"""What Caddy, HAProxy and Apache cannot have here: it is about the UI's own nginx, about its page, or about a second file of accounts."""
_OTHERS = tuple(cause for cause in pool("all", 2) if cause not in NOT_BEHIND_OTHERS)
KUBERNETES = "kubernetes"
"""The word of rounds whose stack is written as manifests."""
_IN_MANIFESTS = tuple(
    cause
    for cause in (*ALSO_BEHIND_NGINX[2], "env-name-malformed", "delete-disabled", "auth-option-missing")
    if cause not in ("over-escaped-dollar", "htpasswd-missing-autocreated")
)
"""Not `$$`, which only Compose halves, and no file that an engine makes a folder or a registry an account of."""
BEHIND: dict[int, dict[str, tuple[str, ...]]] = {
    1: {"ui": pool("all", 1), "nginx": ALSO_BEHIND_NGINX[1]},
    2: {
        "ui": pool("all", 2),
        "nginx": ALSO_BEHIND_NGINX[2],
        "caddy": _OTHERS,
        "haproxy": _OTHERS,
        "apache": _OTHERS,
        DOCKER: (*CLIENT, *ALSO_BEHIND_NGINX[2]),
        KUBERNETES: _IN_MANIFESTS,
    },
}
"""Proxy in front, as somebody may ask for it → what can be broken behind it."""


WIRE_TELLS = (
    "access-denied-by-rule",
    "cors-credentials-missing",
    "cors-multiple-origins",
    "cors-origin-mismatch",
    "cors-wildcard-with-credentials",
    "delete-disabled",
    "double-auth-one-header",
    "env-header-name-typo",
    "http-host-wrong",
    "http-prefix-set",
    "location-header-port-lost",
    "location-header-wrong-host",
    "port-mapping-mismatch",
    "proxy-pass-uri-rewrite",
    "upstream-name-not-resolved",
    "www-authenticate-missing",
)
ONLY_FILES_TELL = (
    "compose-dollar-interpolation",
    "env-overrides-config",
    "htpasswd-duplicate-user",
    "htpasswd-empty",
    "htpasswd-hash-truncated",
    "htpasswd-merged-lines",
    "htpasswd-missing-autocreated",
    "htpasswd-not-bcrypt",
    "htpasswd-path-mismatch",
    "htpasswd-user-missing",
    "htpasswd-username-corrupted",
    "htpasswd-wrong-password",
    "over-escaped-dollar",
)


def level(cause: str) -> int:
    """How hard a cause is, by measurement and not by taste: how many others of the catalogue answer the fourteen requests
    that tell stacks apart in exactly the same way. 1: none does; 2: up to three do; 3: a dozen do, and only the files
    tell. A test measures it again; learners' own results stand in the overview of a class."""
    return 1 if cause in WIRE_TELLS else 3 if cause in ONLY_FILES_TELL else 2
