"""The only thing that is ever written, and only with --allow-writes: an upload is opened and cancelled again."""

import httpx

from runbook.collect.ask import Question, answered, ask
from runbook.collect.logins import Login
from runbook.model import Exchange, Route
from runbook.redact import Vault
from runbook.urls import urlsplit

REPOSITORY = "runbook-probe/scratch"


async def try_upload(
    client: httpx.AsyncClient, route: Route, base: str, login: Login | None, vault: Vault, seconds: float
) -> list[Exchange]:
    """Open a blob upload and cancel it. Its Location is judged later; it is never followed to another address:
    the cancelling goes to the address that was given, whatever host the Location names."""
    question = Question(route, base, "POST", f"/v2/{REPOSITORY}/blobs/uploads/", login)
    answer = await answered(client, question, vault, seconds)
    opened = answer.exchange
    path = upload_path(answer.location) if opened.status == 202 and answer.location else None
    if path is None:
        return [opened]
    return [opened, await ask(client, Question(route, base, "DELETE", path, login), vault, seconds)]


def upload_path(location: str) -> str | None:
    """Path and query of an upload's Location; None when it is not one of ours."""
    try:
        parts = urlsplit(location)
    except ValueError:
        return None
    at = parts.path.find(f"/v2/{REPOSITORY}/blobs/uploads/")
    if at < 0:
        return None
    return parts.path[at:] + (f"?{parts.query}" if parts.query else "")
