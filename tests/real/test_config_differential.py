"""What we say of a registry's configuration against what the real 2.8 and 3.1 do with it: no disagreement.

Seeded combinations of config.yml and REGISTRY_* variables are put before both as processes: whether it starts and
why not, open or challenged, realm, response headers, deletes, and where images are stored.
"""

import random
import re
from dataclasses import dataclass
from pathlib import Path

import pytest
import yaml

from runbook.model import Evidence, Registry
from runbook.parse.compose import parse_compose
from runbook.parse.registry_config import parse_registry_config
from runbook.redact import MASK, Vault
from runbook.stack.registry import CONFIG_PATHS, registries
from tests.real.programs import need
from tests.real.registry_process import HASH, USER, Seen, free_port, run

COMBINATIONS = 340
BATCHES = 17
PLACEHOLDERS = ("@PORT@", "@ROOT@", "@OTHER@", "@PW@")

FILES: dict[str, list[str]] = {
    "version": ["version: 0.1"] * 12 + ["version: '0.1'", "version: 0.2", "version: abc", ""],
    "log": [
        "",
        "",
        "log: {level: warn}",
        "log:\n  level: verbose",
        "log: {level: INFO, fields: {a: b}}",
        "loglevel: debug",
    ],
    "storage": [
        *["storage:\n  filesystem:\n    rootdirectory: @ROOT@"] * 6,
        "storage:\n  filesystem: {rootdirectory: @ROOT@}\n  delete: {enabled: true}",
        "storage:\n  filesystem: {rootdirectory: '@ROOT@'}\n  delete: {enabled: 'true'}",
        "storage:\n  filesystem: {rootdirectory: @ROOT@}\n  delete:\n    enabled: yes",
        "storage:\n  filesystem: {rootdirectory: @ROOT@}\n  delete:\n",
        "storage: {filesystem: {rootdirectory: @ROOT@}, inmemory: {}}",
        "storage:\n  filesystem: {rootdirectory: @ROOT@}\n  redirect: {disable: true}",
        "storage:\n  filesystem: {rootdirectory: @ROOT@}\n  redirect: {}",
        "storage:\n  filesystem: {rootdirectory: @ROOT@}\n  cache: {blobdescriptor: inmemory}",
        "storage:\n  filesystem: {rootdirectory: @ROOT@}\n  cache: {blobdescriptor: redis}",
        "storage:\n  filesystem: {rootdirectory: @ROOT@}\n  tag: {concurrencylimit: 5}",
        "storage:\n  filesystem: {rootdirectory: @ROOT@}\n  maintenance: {uploadpurging: {enabled: false}}",
        "storage:\n  filesystem: {rootdirectory: @ROOT@}\n  maintenance:\n    uploadpurging: {enabled: true, age: 168h}",
        "storage:\n  filesystem: {rootdirectory: @ROOT@}\n  maintenance:\n"
        "    uploadpurging: {enabled: true, age: 168h, interval: 24h, dryrun: false}",
        "storage:\n  filesystem: {rootdirectory: @ROOT@}\n  maintenance: {readonly: {enabled: false}}",
        "storage: inmemory",
        "storage: {}",
        "",
        "storage: {filesystem: 5}",
        "storage: {nosuchdriver: {}}",
        "x: &root {rootdirectory: @ROOT@}\nstorage: {filesystem: {<<: *root}}",
    ],
    "http": [
        *["http: {addr: 127.0.0.1:@PORT@}"] * 6,
        "http:\n  addr: 127.0.0.1:@PORT@\n  headers:\n    X-Content-Type-Options: [nosniff]",
        "http:\n  addr: 127.0.0.1:@PORT@\n  headers: {X-One: [a, b], Access-Control-Allow-Origin: ['http://ui:80']}",
        "http:\n  addr: 127.0.0.1:@PORT@\n  headers: {X-One: a}",
        "http:\n  addr: 127.0.0.1:@PORT@\n  headers: {Access-Control-Allow-Origin: ['*'], X-Num: [1, true]}",
        "http: {addr: '127.0.0.1:@PORT@', host: 'http://elsewhere.example:5000', relativeurls: true}",
        "http: {addr: '127.0.0.1:@PORT@', relativeurls: maybe}",
        "http: {addr: '127.0.0.1:@PORT@', draintimeout: 60s, http2: {disabled: true}}",
        "http: {addr: '127.0.0.1:@PORT@', draintimeout: soon}",
        "http: {addr: '127.0.0.1:@PORT@'}\nHTTP: {addr: ':1'}\nunknown: {a: b}",
        "http: [addr]",
    ],
    "auth": [
        "",
        "",
        *["auth:\n  htpasswd:\n    realm: Depot\n    path: @PW@"] * 4,
        "auth: {htpasswd: {realm: Depot}}",
        "auth: {htpasswd: {path: @PW@}}",
        "auth: {htpasswd: {realm: 12, path: @PW@}}",
        "auth: {htpasswd: {realm: '12', path: @PW@}}",
        "auth: {htpasswd: {realm: yes, path: @PW@}}",
        "auth: {htpasswd: {Realm: Depot, path: @PW@}}",
        "auth:\n  htpasswd:",
        "auth: htpasswd",
        "auth: none",
        "auth: {none: {}}",
        "auth: {silly: {realm: silly-realm, service: silly}}",
        "auth: {silly: {realm: silly-realm}}",
        "auth: {token: {realm: 'http://a.example/t', service: s, issuer: i}}",
        "auth: {token: {realm: 'http://a.example/t'}}",
        "auth: {ldap: {}}",
        "auth: {htpasswd: {realm: a, path: @PW@}, silly: {realm: b, service: c}}",
        "auth: [htpasswd]",
        "Auth: {htpasswd: {realm: Depot, path: @PW@}}",
    ],
}

VARIABLES: list[tuple[str, str]] = [
    ("REGISTRY_AUTH", "htpasswd"),
    ("REGISTRY_AUTH", "htpasswd"),
    ("REGISTRY_AUTH", "none"),
    ("REGISTRY_AUTH", "None"),
    ("REGISTRY_AUTH", ""),
    ("REGISTRY_AUTH", "{htpasswd: {realm: Flow, path: @PW@}}"),
    ("REGISTRY_AUTH", "'htpasswd'"),
    ("REGISTRY_AUTH_HTPASSWD_REALM", "Registry Realm"),
    ("REGISTRY_AUTH_HTPASSWD_REALM", "Registry Realm"),
    ("REGISTRY_AUTH_HTPASSWD_REALM", ""),
    ("REGISTRY_AUTH_HTPASSWD_REALM", "'quoted'"),
    ("REGISTRY_AUTH_HTPASSWD_REALM", "42"),
    ("REGISTRY_AUTH_HTPASSWD_REALM", "a: b"),
    ("REGISTRY_AUTH_HTPASSWD_REALM", "a # b"),
    ("REGISTRY_AUTH_HTPASSWD_REALM", "*"),
    ("REGISTRY_AUTH_HTPASSWD_PATH", "@PW@"),
    ("REGISTRY_AUTH_HTPASSWD_PATH", "@PW@"),
    ("REGISTRY_AUTH_HTPASSWD_PATH", "@PW@"),
    ("REGISTRY_AUTH_HTPASSWD", "{realm: Map, path: @PW@}"),
    ("REGISTRY_AUTH_HTPASSWD", ""),
    ("REGISTRY_AUTH_TYPE", "htpasswd"),
    ("REGISTRY_AUTH_REALM", "x"),
    ("registry_auth", "htpasswd"),
    ("REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY", "@OTHER@"),
    ("REGISTRY_STORAGE_FILESYSTEM_ROOT_DIRECTORY", "@OTHER@"),
    ("REGISTRY_STORAGE_ROOTDIRECTORY", "@OTHER@"),
    ("REGISTRY_STORAGE", "inmemory"),
    ("REGISTRY_STORAGE", "{filesystem: {rootdirectory: @OTHER@}}"),
    ("REGISTRY_STORAGE_INMEMORY", "{}"),
    ("REGISTRY_STORAGE_DELETE_ENABLED", "true"),
    ("REGISTRY_STORAGE_DELETE_ENABLED", "yes"),
    ("REGISTRY_STORAGE_DELETE_ENABLED", "'true'"),
    ("REGISTRY_STORAGE_DELETE_ENABLED", "false"),
    ("REGISTRY_STORAGE_DELETE_ENABLED", "1"),
    ("REGISTRY_STORAGE_DELETE", "true"),
    ("REGISTRY_STORAGE_DELETE", "{enabled: true}"),
    ("REGISTRY_STORAGE_REDIRECT_DISABLE", "true"),
    ("REGISTRY_STORAGE_MAINTENANCE_READONLY_ENABLED", "false"),
    ("REGISTRY_STORAGE_MAINTENANCE_READONLY", "{enabled: false}"),
    ("REGISTRY_STORAGE_MAINTENANCE_UPLOADPURGING_ENABLED", "false"),
    ("REGISTRY_STORAGE_CACHE_BLOBDESCRIPTOR", "inmemory"),
    ("REGISTRY_HTTP_HEADERS_X-ENV", "[one]"),
    ("REGISTRY_HTTP_HEADERS_X-ENV", "one"),
    ("REGISTRY_HTTP_HEADERS_X-ENV", "['one', two]"),
    ("REGISTRY_HTTP_HEADERS_Access-Control-Allow-Origin", "['*']"),
    ("REGISTRY_HTTP_HEADERS_Access-Control-Allow-Origin", "*"),
    ("REGISTRY_HTTP_HEADERS_Access-Control-Allow-Origin", "[*]"),
    ("REGISTRY_HTTP_HEADERS_Access-Control-Allow-Origin", '["http://localhost:8080"]'),
    ("REGISTRY_HTTP_HEADERS_Access-Control-Allow-Credentials", "[true]"),
    ("REGISTRY_HTTP_HEADERS_X_UNDER_SCORE", "[a]"),
    ("REGISTRY_HTTP_HEADERS", "{X-Whole: [a]}"),
    ("REGISTRY_HTTP_HEADERS", "{X-Whole: a}"),
    ("REGISTRY_HTTP_HEADERS_X-EMPTY", ""),
    ("REGISTRY_HTTP_ADDR", "127.0.0.1:@PORT@"),
    ("REGISTRY_HTTP_SECRET", "plain-secret"),
    ("REGISTRY_HTTP_SECRET", "12345"),
    ("REGISTRY_HTTP_RELATIVEURLS", "true"),
    ("REGISTRY_HTTP_RELATIVEURLS", "'true'"),
    ("REGISTRY_HTTP_HOST", "http://other.example"),
    ("REGISTRY_HTTP_PREFIX", "/"),
    ("REGISTRY_HTTP_ADDRESS", ":1"),
    ("REGISTRY_LOG_LEVEL", "debug"),
    ("REGISTRY_LOG_LEVEL", "loud"),
    ("REGISTRY_LOGLEVEL", "info"),
    ("REGISTRY_LOG_FIELDS_A", "b"),
    ("REGISTRY_HEALTH_STORAGEDRIVER_ENABLED", "false"),
    ("REGISTRY_HEALTH_STORAGEDRIVER_INTERVAL", "10"),
    ("REGISTRY_HEALTH_STORAGEDRIVER_INTERVAL", "soon"),
    ("REGISTRY_CATALOG_MAXENTRIES", "10"),
    ("REGISTRY_CATALOG_MAXENTRIES", "many"),
    ("REGISTRY_VERSION", "2"),
    ("REGISTRY_VALIDATION_DISABLED", "true"),
    ("REGISTRY_TITLE", "My registry"),
    ("REGISTRY_USER", "mia"),
    ("REGISTRY_URL", "http://localhost:5000"),
    ("REGISTRY_MIDDLEWARE_X", "[]"),
    ("REGISTRY_NOTIFICATIONS_ENDPOINTS", "[]"),
    ("REGISTRY_NOTIFICATIONS_ENDPOINTS_X_URL", "http://a"),
    ("REGISTRY_PROXY_USERNAME", "mia"),
    ("REGISTRY_COMPATIBILITY_SCHEMA1_ENABLED", "true"),
    ("REGISTRY_TAGS_MAXTAGS", "100"),
    ("REGISTRY_REDIS_ADDR", "redis:6379"),
]

REASONS = {
    "realm": r'"realm" must be set|requires a valid option string: "realm"|\brealm must be set',
    "path": r'"path" must be set',
    "token": r"token auth requires|\((?:token)\): (?:issuer|service|rootcertbundle) must be set",
    "silly": r'"service" must be set|\(silly\): service must be set',
    "auth-kind": r"no access controller registered|invalid ?auth ?name|unknown access",
    "one-type": r"must provide exactly one",
    "drivers": r"multiple storage drivers",
    "driver": r"[Ss]torageDriver not registered",
    "no-storage": r"no storage configuration",
    "version": r"unsupported version|version must be|strconv\.ParseUint|index out of range",
    "purging": r"uploadpurging|parse upload purge",
    "readonly": r"readonly'?s? (?:enabled )?config",
    "redirect": r"redirect config",
    "redis": r"redis configuration required",
    "loglevel": r"invalid loglevel",
    "index": r"non-numeric index|undefined index",
    "type": r"cannot unmarshal",
    "yaml": r"did not find|mapping values|alias|found character|could not find",
    "address": r"missing port|address already",
}


@dataclass
class Trial:
    config: str
    variables: dict[str, str]


def _trial(rng: random.Random) -> Trial:
    parts = [rng.choice(options) for options in FILES.values()]
    rng.shuffle(parts)
    variables = dict(rng.choice(VARIABLES) for _ in range(rng.choice([0, 0, 1, 1, 2, 3, 4])))
    if rng.random() < 0.5:
        # Most random mixtures stop at once; a sound file lets the variables show what they do.
        parts = ["version: 0.1", "storage: {filesystem: {rootdirectory: @ROOT@}}", "http: {addr: '127.0.0.1:@PORT@'}"]
        parts.append(rng.choice(FILES["auth"][:8]))
    return Trial("\n".join(p for p in parts if p) + "\n", variables)


def _foretold(trial: Trial, major: int) -> Registry:
    """Through the whole chain: compose file, mounted config.yml, environment."""
    environment = {k: v.replace("$", "$$") for k, v in trial.variables.items()}
    service = {
        "image": f"registry:{major}",
        "environment": environment,
        "volumes": [f"./config.yml:{CONFIG_PATHS[major]}"],
    }
    vault = Vault()
    compose = parse_compose(
        [("docker-compose.yml", yaml.safe_dump({"services": {"registry": service}}))], [], {}, vault
    )
    file = parse_registry_config(trial.config, "config.yml", vault)
    return registries(Evidence(compose=compose, registry_files=(file,)))[0]


def _reason(text: str) -> str:
    return next((name for name, pattern in REASONS.items() if re.search(pattern, text)), "other")


def _differences(foretold: Registry, seen: Seen, roots: tuple[str, str]) -> list[str]:
    found = []
    if foretold.start_errors or not seen.started:
        if bool(foretold.start_errors) == seen.started:
            why = [e.message for e in foretold.start_errors]
            return [f"started: {seen.started}, foretold errors: {why}, output: {seen.output[-400:]}"]
        reason, real = _reason(foretold.start_errors[0].message), _reason(seen.output)
        return [] if reason == real else [f"why: {real}, foretold {reason} ({foretold.start_errors[0].message})"]
    challenged = {"none": 200, "htpasswd": 401, "silly": 401, "token": 401}.get(foretold.auth)
    if challenged != seen.status:
        found.append(f"status {seen.status}, foretold {foretold.auth}")
    realm = foretold.value("auth.htpasswd.realm")
    if foretold.auth == "htpasswd" and seen.challenge != f'Basic realm="{realm}"':
        found.append(f"challenge {seen.challenge}, foretold realm {realm!r}")
    if seen.deletes is not None and seen.deletes != (foretold.value("storage.delete.enabled") is True):
        found.append(f"deletes: {seen.deletes}, foretold {foretold.value('storage.delete.enabled')!r}")
    if _headers(foretold) != _custom(seen):
        found.append(f"headers {_custom(seen)}, foretold {_headers(foretold)}")
    if seen.status == 200 or foretold.auth == "htpasswd":
        root = foretold.value("storage.filesystem.rootdirectory")
        if (root if root in roots else None) != seen.root:
            found.append(f"root {seen.root}, foretold {root}")
    return found


def _headers(foretold: Registry) -> list[tuple[str, str]]:
    found = []
    for key, setting in foretold.settings.items():
        if key.startswith("http.headers."):
            found += [(key.split(".", 2)[2].lower(), str(v)) for v in setting.value]
    return sorted(found)


def _custom(seen: Seen) -> list[tuple[str, str]]:
    """What the configuration adds. Both send nosniff with JSON errors by themselves (Go's http.Error)."""
    own = ("x-", "access-control-")
    return sorted((k, v) for k, v in seen.headers if k.startswith(own))


@pytest.mark.parametrize("batch", range(BATCHES))
@pytest.mark.parametrize("major", [2, 3])
def test_the_real_registry_does_what_is_foretold(major: int, batch: int, tmp_path: Path) -> None:
    program = need(f"registry{major}")
    wrong = []
    for seed in range(batch, COMBINATIONS, BATCHES):
        trial = _trial(random.Random(f"config-{seed}"))
        folder = tmp_path / str(seed)
        folder.mkdir()
        (folder / "pw").write_text(f"{USER}:{HASH}\n")
        port = free_port()
        values = (str(port), str(folder / "root"), str(folder / "other"), str(folder / "pw"))
        for name, value in zip(PLACEHOLDERS, values, strict=True):
            trial.config = trial.config.replace(name, value)
            trial.variables = {k: v.replace(name, value) for k, v in trial.variables.items()}
        (folder / "config.yml").write_text(trial.config)
        seen = run(program, folder / "config.yml", trial.variables, port, [folder / "root", folder / "other"])
        foretold = _foretold(trial, major)
        if foretold.auth == "unknown" and not foretold.start_errors:
            continue  # two types at once: the registry itself takes one by chance
        if differences := _differences(foretold, seen, values[1:3]):
            wrong.append((seed, differences, trial.config, trial.variables))
    assert MASK not in str(wrong), "a value was masked that the comparison needs"
    assert not wrong, "\n\n".join(f"seed {s}: {d}\n{c}\n{v}" for s, d, c, v in wrong)
