"""Exports of Postman and Insomnia: requests with the answers that were saved with them."""

import json
from collections import deque
from collections.abc import Iterator
from typing import Any

from runbook.lazy import re
from runbook.model import Credential, Exchange, Headers, Place
from runbook.parse import ParseError
from runbook.parse.credentials import decode_basic
from runbook.parse.left_out import stands_in
from runbook.redact import Vault

_TELLING = re.compile(r'"_postman_id"|schema\.(?:get)?postman\.com|"__export_format"|"_type"\s{0,4}:\s{0,4}"export"')
_VARIABLE = re.compile(r"\{\{\s{0,4}(?:_\.)?([\w.-]{1,80})\s{0,4}\}\}")
_DEPTH = 12
_MOST = 500
Object = dict[str, Any]


def is_collection(text: str) -> bool:
    """Whether a JSON text is such an export."""
    return _TELLING.search(text[:100_000]) is not None


def parse_collection(text: str, file: str, vault: Vault) -> tuple[Exchange, ...]:
    """The requests that have an answer in the export. A request that was only prepared tells nothing of the registry."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise ParseError(file, getattr(error, "lineno", None), "This export of requests is not whole JSON.") from None
    if not isinstance(document, dict):
        return ()
    found = _insomnia(document) if isinstance(document.get("resources"), list) else _postman(document)
    variables = {str(v.get("key")): str(v.get("value")) for v in _rows(document.get("variable"))}
    return tuple(e for e in (_exchange(r, a, variables, file, vault) for r, a in found) if e is not None)[:_MOST]


def _rows(value: object) -> list[Object]:
    return [row for row in value[:5000] if isinstance(row, dict)] if isinstance(value, list) else []


def _postman(document: Object) -> Iterator[tuple[Object, Object]]:
    """Request and answer of each saved example, with the login that it inherits."""
    waiting: deque[tuple[Object, object, int]] = deque([(document, document.get("auth"), 0)])
    while waiting:
        folder, auth, depth = waiting.popleft()
        for item in _rows(folder.get("item")):
            own = item.get("auth") or auth
            if depth < _DEPTH:
                waiting.append((item, own, depth + 1))
            request = item.get("request")
            for answer in _rows(item.get("response")):
                asked = answer.get("originalRequest") or request
                if isinstance(asked, dict):
                    given = asked.get("auth") or (request.get("auth") if isinstance(request, dict) else None) or own
                    yield {**asked, "auth": given}, answer


def _insomnia(document: Object) -> Iterator[tuple[Object, Object]]:
    resources = _rows(document["resources"])
    requests = {str(r.get("_id")): r for r in resources if r.get("_type") == "request"}
    for answer in resources:
        request = requests.get(str(answer.get("parentId")))
        if request is not None and answer.get("_type") == "response":
            yield {**request, "auth": request.get("authentication")}, {**answer, "code": answer.get("statusCode")}


def _exchange(request: Object, answer: Object, variables: dict[str, str], file: str, vault: Vault) -> Exchange | None:
    def filled(value: object) -> str:
        return _VARIABLE.sub(lambda m: variables.get(m[1], m[0]), str(value or ""))[:4000]

    address = request.get("url")
    url = filled(address.get("raw") if isinstance(address, dict) else address)
    status = answer.get("code")
    if not isinstance(status, int) or not url or "{{" in url:
        return None
    sent = _headers(request.get("header") or request.get("headers"), filled)
    credential, known = _login(request.get("auth"), sent, filled, vault)
    return Exchange(
        source=Place(file),
        method=str(request.get("method") or "GET")[:10].upper(),
        url=vault.mask(url if "://" in url else f"http://{url}", 500),
        credential=credential,
        request_headers=_masked([(n, v) for n, v in sent if n.lower() != "authorization"], vault),
        status=status or None,
        response_headers=_masked(_headers(answer.get("header") or answer.get("headers"), filled), vault),
        body=vault.mask(str(answer.get("body") or ""), 4000),
        error="other" if not status else None,
        login_known=known,
    )


def _headers(rows: object, filled: Any) -> list[tuple[str, str]]:
    named = ((r.get("key") or r.get("name"), r.get("value")) for r in _rows(rows) if not r.get("disabled"))
    return [(str(name)[:100], filled(value)) for name, value in named if name][:200]


def _masked(headers: list[tuple[str, str]], vault: Vault) -> Headers:
    return tuple((name, vault.mask(value, 1000)) for name, value in headers)


def _login(auth: object, sent: list[tuple[str, str]], filled: Any, vault: Vault) -> tuple[Credential | None, bool]:
    """The login of a request, and whether it is known: variables of an environment are not in the export."""
    header = next((v for n, v in sent if n.lower() == "authorization"), "")
    if header:
        scheme, _, rest = header.partition(" ")
        return (Credential(scheme=scheme), True) if stands_in(rest) else (decode_basic(header, vault), True)
    if not isinstance(auth, dict) or auth.get("disabled"):
        return None, True
    kind = str(auth.get("type") or "")
    given = auth.get(kind) if isinstance(auth.get(kind), list | dict) else auth
    fields = {str(r.get("key")): r.get("value") for r in _rows(given)} if isinstance(given, list) else dict(given or {})
    if kind == "basic":
        user, password = filled(fields.get("username")), filled(fields.get("password"))
        if not user or stands_in(user):
            return None, False
        if not password or stands_in(password):
            return Credential(scheme="Basic", user=user), True
        return Credential(scheme="Basic", user=user, password=vault.password(password, user), intent="given"), True
    if kind == "bearer":
        token = filled(fields.get("token"))
        if token and not stands_in(token):
            vault.token(token)
        return Credential(scheme="Bearer"), True
    return None, kind in ("", "noauth", "none")
