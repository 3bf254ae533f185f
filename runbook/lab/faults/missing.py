"""The causes that the lab cannot show, each with the reason; and those that some proxies cannot have."""

_TLS = "the lab speaks plain http on loopback and has no certificates"
_TOKEN = "the lab has no token service"
NO_FAULT: dict[str, str] = {
    "proxy-cannot-verify-bcrypt": "it needs an nginx whose C library lacks bcrypt; those at hand have it",
    "http-secret-not-shared": "it needs two registries behind one address",
    "proxy-mode-push-unsupported": "a pull-through cache needs a second registry to pull from when it starts",
    "token-realm-unreachable": _TOKEN,
    "token-audience-mismatch": _TOKEN,
    "token-clock-skew": _TOKEN,
    "token-key-mismatch": _TOKEN,
    "mixed-content": _TLS,
    "browser-localhost": "it needs a browser on a second machine",
    "x-forwarded-proto-missing": _TLS,
    "nginx-stale-dns": "containers of the lab keep their address when they are made anew",
    "redirect-drops-authorization": "it needs a second host to be redirected to",
    "host-header-wrong-for-upstream-vhost": "it needs a second proxy with several virtual hosts",
    "proxy-timeout": "it would take as long as the time-out of a real upload",
    "ui-subpath-relative-api": "the lab's page is a static one that calls nothing",
    "entrypoint-cannot-edit-mounted-conf": "the lab does not run the image's entrypoint",
    "credentials-key-format": "it depends on the client in use, and the lab runs none",
    "insecure-registry-missing": "clients treat loopback as insecure anyway",
    "http-proxy-env-hijack": "the lab does not change the environment of the person's programs",
    "tls-ca-not-trusted": _TLS,
    "tls-san-missing": _TLS,
}

_PAGE = "the page of the UI's image calls the registry itself, past every proxy"
NOT_BEHIND: dict[str, dict[str, str]] = {
    "ui-v1-env-semantics-changed": dict.fromkeys(("caddy", "haproxy", "apache"), "it is about the UI's own variables"),
    "add-header-without-always": {
        "caddy": "its `header` holds for every status",
        "haproxy": "its `add-header` holds for every status",
        "apache": "its `Header set` holds for every answer of the upstream",
    },
    "client-max-body-size": {"apache": "LimitRequestBody does not hold for proxied requests"},
    **{
        cause: dict.fromkeys(("caddy", "haproxy", "apache"), _PAGE)
        for cause in (
            "browser-cannot-resolve-container-name",
            "cors-credentials-missing",
            "cors-multiple-origins",
            "cors-origin-mismatch",
            "cors-wildcard-with-credentials",
            "env-header-name-typo",
            "preflight-options-401",
        )
    },
}
"""Cause → proxy → why it does not exist there."""


def not_behind(cause: str, proxy: str) -> str | None:
    """Why a fault does not exist behind that proxy; None where it does."""
    return NOT_BEHIND.get(cause, {}).get(proxy)
