"""Hostile names in the place of those of a case: services, hosts, realms, users, files, whatever a rule may print."""

import json
import random
import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import yaml

from runbook.judge import Run
from tests.case_files import Case

PAYLOADS = (
    "x$(touch${IFS}PWNED)y", "x`touch${IFS}PWNED`y", "x;touch${IFS}PWNED;y", "x;touch PWNED;#", "x|touch PWNED", "x&&touch PWNED&&y", "x>PWNED", "x'`touch PWNED`'y", "x';touch PWNED;'y", 'x";touch PWNED;"y',
    "x\ntouch PWNED\ny", "x\\`touch PWNED\\`", "-x$(touch PWNED)", "--upload-pack=touch${IFS}PWNED", "x\r\ntouch PWNED", "$(touch PWNED)", "x y;touch PWNED", "x<(touch PWNED)", "x&touch PWNED&", "x/e;s/a/touch PWNED/e;#", "x\u2028touch PWNED",
    "../../PWNED", "~/PWNED;x", "x{a,PWNED}*", "x!PWNED", "#PWNED", "x\\\ntouch PWNED",
)  # fmt: skip


def names(run: Run, case: Case) -> list[str]:
    """What stands in the case by a name that a command could take over."""
    found: dict[str, None] = {}
    evidence = run.evidence

    def take(*texts: object) -> None:
        for text in texts:
            if isinstance(text, str) and len(text) > 2 and any(text in body for body in case.files.values()):
                found[text] = None

    for service in evidence.compose.services if evidence.compose else ():
        take(
            service.name,
            service.container_name,
            service.hostname,
            service.image,
            *service.networks,
            *service.aliases,
            service.namespace,
        )
        take(
            *(m.source for m in service.mounts),
            *(m.target for m in service.mounts),
            *(v.name for v in service.environment),
        )
        take(*(v.value for v in service.environment))
    for exchange in evidence.exchanges:
        take(*re.findall(r"//([^/:\s]+)", exchange.url), exchange.path.strip("/"), exchange.header("WWW-Authenticate"))
        for value in (
            *exchange.headers("Location"),
            *exchange.headers("WWW-Authenticate"),
            exchange.sent("Origin") or "",
        ):
            take(
                *re.findall(r"//([^/:\s\"]+)", value),
                *re.findall(r"realm=\"([^\"]+)\"", value),
                *re.findall(r"service=\"([^\"]+)\"", value),
            )
        take(exchange.credential.user if exchange.credential else None)
    for route in evidence.routes:
        take(
            *route.server_names,
            *(host for host, _ in route.upstream_hosts),
            route.path,
            route.host_value,
            route.auth.user_file if route.auth else None,
            route.auth.realm if route.auth else None,
        )
    for message in evidence.messages:
        take(message.host, message.user, message.detail, message.page, message.allowed)
    for client in evidence.clients:
        take(
            client.creds_store,
            *(s for login in client.logins for s in (login.key, login.user, login.helper)),
            *(client.insecure_registries or ()),
        )
    for log in evidence.logs:
        take(
            *(s for e in log.events for s in (e.user, e.detail, e.service)),
            *(s for r in log.requests for s in (r.user, r.host, r.remote, r.uri)),
        )
    for file in evidence.htpasswd:
        take(*(entry.name for entry in file.entries))
    for file in evidence.registry_files:
        take(*(str(s.value) for s in file.settings.values() if isinstance(s.value, str)))
    for row in evidence.listings:
        take(row.path, row.owner, row.group)
    return list(found)


def mutants(case: Case, run: Run, chance: random.Random, count: int) -> Iterator[Case]:
    """So many of them: one name replaced by one payload wherever it stands, or a file called by it."""
    known = names(run, case)
    for _ in range(count):
        payload = chance.choice(PAYLOADS)
        if not known or chance.random() < 0.15:
            yield _renamed(case, payload, chance)
        else:
            yield _replaced(case, chance.choice(known), payload)


def _renamed(case: Case, payload: str, chance: random.Random) -> Case:
    """A file with a hostile name that says what kind it is all the same."""
    name = chance.choice(list(case.files))
    folder, _, base = name.rpartition("/")
    odd = payload.replace("/", "_").replace("\0", "")
    stem, dot, ending = base.partition(".")
    new = chance.choice((f"{stem}{odd}{dot}{ending}", f"{odd}.{base}", f"{odd}/{base}"))
    new = f"{folder}/{new}" if folder else new
    return replace(case, files={(new if n == name else n): t for n, t in case.files.items()}, encoding={})


def _replaced(case: Case, old: str, payload: str) -> Case:
    return replace(case, files={n: _in_text(n, t, old, payload) for n, t in case.files.items()})


def _in_text(name: str, text: str, old: str, payload: str) -> str:
    """The text with the name replaced, spelled as its format needs it."""
    if old not in text:
        return text
    if name.endswith((".yml", ".yaml")) and "{{" not in text:
        try:
            documents = list(yaml.safe_load_all(text))
        except yaml.YAMLError:
            documents = []
        if documents and all(isinstance(d, dict) for d in documents):
            escaped = payload.replace("$", "$$") if "services:" in text else payload
            return yaml.safe_dump_all(
                [_in_data(d, old, escaped) for d in documents], sort_keys=False, allow_unicode=True
            )
    if name.endswith((".json", ".har")):
        try:
            return json.dumps(_in_data(json.loads(text), old, payload))
        except ValueError:
            pass
    return text.replace(old, payload)


def _in_data(value: Any, old: str, payload: str) -> Any:
    if isinstance(value, str):
        return value.replace(old, payload)
    if isinstance(value, list):
        return [_in_data(item, old, payload) for item in value]
    if isinstance(value, dict):
        return {_in_data(key, old, payload): _in_data(item, old, payload) for key, item in value.items()}
    return value
