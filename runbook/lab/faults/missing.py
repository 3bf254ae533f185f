"""The causes that the lab cannot show, each with the reason; and those that some proxies cannot have."""

_TLS = "the lab speaks plain http on loopback and has no certificates"
_TOKEN = "the lab has no token service"
_CLUSTER = "it needs a Kubernetes cluster"
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
    "client-speaks-http-to-tls": _TLS,
    "certificate-expired": _TLS,
    "other-vhost-answers-https": _TLS,
    "ingress-auth-secret-unusable": _CLUSTER,
    "ingress-passthrough-skips-auth": _CLUSTER,
    "containerd-login-under-other-host": _CLUSTER,
    "mirror-address-has-project-path": _CLUSTER,
    "client-config-not-read": "it is about a client's own files, and the lab runs no client",
    "image-name-without-registry": "the push goes to Docker Hub, and the lab asks nothing outside this machine",
    "ci-variable-empty": "the lab runs no pipeline",
    "buildkit-insecure-registry-missing": "clients treat loopback as insecure anyway, and the lab runs no builder",
    "engine-on-another-machine": "it needs an engine on a second machine",
    "port-taken-by-other-program": "the lab takes free ports, so that nobody else's program is in the way",
    "storage-redirect-unreachable": "the lab's registries keep their images in a folder, which redirects nobody",
    "content-length-stripped": "the proxies at hand hand Content-Length on; it takes a CDN or a tunnel",
    "cors-header-not-exposed": "it needs a browser that runs the page",
    "file-not-reloaded": "processes of the lab have no mounts, so they see every change at once",
    "mtu-too-large": "packets on loopback are never too large",
    "password-not-url-encoded": "it is about a client's own command, and the lab runs no client",
    "token-expired": _TOKEN,
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
    "access-denied-by-rule": dict.fromkeys(
        ("caddy", "haproxy", "apache"), "the lab writes lists of addresses for nginx alone"
    ),
    "user-agent-filter": dict.fromkeys(
        ("caddy", "haproxy", "apache"), "the lab writes filters by program for nginx alone"
    ),
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
