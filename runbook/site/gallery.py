"""The gallery: a dozen incidents from the cases, each diagnosed and its notebooks executed, found by the message on the screen."""

from pathlib import Path

from runbook import door
from runbook.headless.report import Say, make_report
from runbook.redact import Vault
from runbook.site.pages import incident, page

INCIDENTS = (
    ("failed with status: 401 Unauthorized", "authorization-stripped/bad-site-of-another-name"),
    ("failed with status: 401 Unauthorized", "htpasswd-not-bcrypt/bad-shown-by-cat"),
    ("failed with status: 401 Unauthorized", "file-not-reloaded/bad-two-sums"),
    ("no basic auth credentials", "credentials-under-other-host/bad-session"),
    ("unauthorized: authentication required", "stale-stored-credentials/bad-changed"),
    ("http: server gave HTTP response to HTTPS client", "insecure-registry-missing/bad-message"),
    ("413 Request Entity Too Large", "client-max-body-size/bad-inner"),
    ("has been blocked by CORS policy", "preflight-options-401/bad-console"),
    ("must not be the wildcard '*'", "cors-wildcard-with-credentials/bad-config-file"),
    ("connect: connection refused", "x-forwarded-proto-missing/bad-refused-on-http"),
    ("x509: certificate signed by unknown authority", "tls-ca-not-trusted/bad-docker"),
    ("x509: certificate is valid for", "tls-san-missing/bad-name"),
    ("failed with status: 400 Bad Request", "htpasswd-is-a-directory/bad-listing"),
    ("failed with status: 502 Bad Gateway", "upstream-wrong-port/bad-login-says-502"),
)
"""What is on the screen, and the case below tests/cases: a person looks for the first and finds the second."""


def build(folder: Path, cases: Path, say: Say) -> int:
    """Write a report with its executed notebooks for each incident, and the page that leads to them; returns how many."""
    rows = []
    for number, (message, case) in enumerate(INCIDENTS, 1):
        say(f"gallery {number}/{len(INCIDENTS)}: {case}")
        name = case.replace("/", "-")
        with incident(cases / f"{case}.yaml") as request:
            run = make_report(request, Vault(), folder / "gallery" / name, lambda line: None)
        rows.append((message, name, next(iter(run.diagnosis.causes), None)))
    made = page("gallery.html.j2", "runbook: what is on your screen", up="../", rows=rows)
    door.write(folder / "gallery" / "index.html", made, Vault())
    return len(rows)
