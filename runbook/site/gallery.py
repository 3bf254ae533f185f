"""The gallery: a dozen incidents from the cases, each diagnosed and its notebooks executed, found by the message on the screen."""

from pathlib import Path

from runbook import door
from runbook.headless.report import Say, make_report
from runbook.judge import Run
from runbook.redact import Vault
from runbook.report.block import esc
from runbook.site.pages import incident, shell

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
        rows.append(_row(message, name, run))
    body = (
        '<p><a href="../index.html">All causes</a></p><h1>What is on your screen?</h1>'
        "<p>Incidents that were handed over as files: the message, what it came of, the report, and the notebook with its"
        f' outputs.</p><div class="rb-scroll"><table><tr><th>Message</th><th>Cause here</th><th>Look</th></tr>{"".join(rows)}</table></div>'
    )
    door.write(folder / "gallery" / "index.html", shell("runbook: what is on your screen", body, up="../"), Vault())
    return len(rows)


def _row(message: str, name: str, run: Run) -> str:
    cause = run.diagnosis.causes[0] if run.diagnosis.causes else None
    told = f'<a href="../causes/{esc(cause.cause)}.html">{esc(cause.cause)}</a>: {esc(cause.summary)}' if cause else ""
    links = (("report.html", "report"), ("case.html", "notebook"), ("case.ipynb", "for Jupyter"))
    look = " · ".join(f'<a href="{esc(name)}/{file}">{word}</a>' for file, word in links)
    return f"<tr><td><code>{esc(message)}</code></td><td>{told}</td><td>{look}</td></tr>"
