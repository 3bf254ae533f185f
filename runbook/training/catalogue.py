"""Which faults rounds are drawn from. A pool never changes: a new fault makes a new catalogue, and a hand-in names its own.

So the same round, seed and catalogue are the same stack in every version of this package.
"""

CATALOGUE = 1
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
            "authorization-stripped",
            "http-host-wrong",
            "no-v2-route",
            "preflight-options-401",
            "proxy-bypasses-auth",
            "proxy-overwrites-authorization",
            "proxy-pass-uri-rewrite",
            "scheme-mismatch-upstream",
            "static-basic-credential-wrong-encoding",
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
"""Of the two faults of a round one is drawn from each: one in the password file, one in what the proxy sends on."""


def pool(step: str, catalogue: int = CATALOGUE) -> tuple[str, ...]:
    """The faults of a step; of all steps for any other word."""
    steps = POOLS[catalogue]
    return steps[step] if step in steps else tuple(sorted({cause for causes in steps.values() for cause in causes}))
