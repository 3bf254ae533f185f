"""Faults of the htpasswd file and of the way to it."""

import random
import re

from runbook.lab.draw import sound_file
from runbook.lab.faults.base import fault
from runbook.lab.hashes import apr1_line, bcrypt_hash, htpasswd_line, sha_line
from runbook.lab.plan import Plan

FILE = "auth/htpasswd"
WRITTEN = "/run/htpasswd"
PATH = "REGISTRY_AUTH_HTPASSWD_PATH"


def _rewrite(plan: Plan) -> None:
    plan.files[FILE] = sound_file(plan)


def _lines(plan: Plan) -> list[bytes]:
    return sound_file(plan).splitlines()


@fault("htpasswd-not-bcrypt", "the entry was made without -B", solve=_rewrite)
def not_bcrypt(plan: Plan) -> None:
    make = sha_line if plan.seed % 2 else apr1_line
    plan.files[FILE] = b"\n".join([make(plan.user, plan.password), _lines(plan)[1]]) + b"\n"


@fault("htpasswd-wrong-password", "the entry is for another password", solve=_rewrite)
def wrong_password(plan: Plan) -> None:
    line = htpasswd_line(plan.user, plan.password.rpartition("-")[0])
    plan.files[FILE] = b"\n".join([line, _lines(plan)[1]]) + b"\n"


@fault("htpasswd-user-missing", "the user is not in the file", solve=_rewrite)
def user_missing(plan: Plan) -> None:
    plan.files[FILE] = _lines(plan)[1] + b"\n"


@fault("htpasswd-username-corrupted", "something invisible stands around the name", solve=_rewrite)
def username_corrupted(plan: Plan) -> None:
    name, rest = plan.user.encode(), _lines(plan)[0][len(plan.user) :]
    broken = (b"\xef\xbb\xbf" + name, name + b" ", b'"' + name + b'"')[plan.seed % 3]
    plan.files[FILE] = b"\n".join([broken + rest, _lines(plan)[1]]) + b"\n"


@fault("htpasswd-invalid-line", "a line has no colon", solve=_rewrite)
def invalid_line(plan: Plan) -> None:
    plan.files[FILE] = b"\n".join([*_lines(plan), b"added by the night shift"]) + b"\n"


@fault("htpasswd-merged-lines", "a newline is missing between two entries", solve=_rewrite)
def merged_lines(plan: Plan) -> None:
    mine, other = _lines(plan)
    plan.files[FILE] = other + mine + b"\n"


@fault("htpasswd-duplicate-user", "the user stands in the file twice", solve=_rewrite)
def duplicate_user(plan: Plan) -> None:
    old = htpasswd_line(plan.user, "spring-" + plan.colleague_password)
    plan.files[FILE] = b"\n".join([*_lines(plan), old]) + b"\n"


@fault("htpasswd-empty", "the file is empty", solve=_rewrite)
def empty(plan: Plan) -> None:
    plan.files[FILE] = b""


@fault("htpasswd-missing-autocreated", "the mounted folder holds no file", solve=_rewrite)
def missing_autocreated(plan: Plan) -> None:
    del plan.files[FILE]


def _right_path(plan: Plan) -> None:
    plan.environment[PATH] = "/auth/htpasswd"


@fault("htpasswd-path-mismatch", "the configured path lies outside the mount", solve=_right_path)
def path_mismatch(plan: Plan) -> None:
    plan.environment[PATH] = ("/etc/registry/htpasswd", "/htpasswd", "/auth/registry.htpasswd")[plan.seed % 3]


def _mount_folder(plan: Plan) -> None:
    plan.mounts = [("./auth", "/auth") if target == "/auth/htpasswd" else (s, target) for s, target in plan.mounts]
    plan.directories.remove("htpasswd")
    plan.handed.pop("ls.txt")


@fault("htpasswd-is-a-directory", "the engine made a folder of a file that did not exist", solve=_mount_folder)
def is_a_directory(plan: Plan) -> None:
    plan.mounts = [("./htpasswd", "/auth/htpasswd") if t == "/auth" else (s, t) for s, t in plan.mounts]
    plan.directories.append("htpasswd")
    listing = "drwxr-xr-x 2 0 0 4096 Nov 23 13:10 htpasswd\ndrwxr-xr-x 2 1000 1000 4096 Nov 23 13:02 auth\n"
    plan.handed["ls.txt"] = b"$ ls -ln\ntotal 8\n" + listing.encode()


def _run_as_root(plan: Plan) -> None:
    plan.container_user = None
    plan.locked.remove(FILE)
    plan.handed.pop("ls.txt")


@fault("htpasswd-unreadable", "the registry runs as a user that may not read the file", solve=_run_as_root)
def unreadable(plan: Plan) -> None:
    plan.container_user = "1000:1000"
    plan.locked.append(FILE)
    size = len(plan.files.get(FILE, b""))
    plan.handed["ls.txt"] = f"$ ls -ln auth\ntotal 4\n-rw------- 1 0 0 {size} Nov 23 13:10 htpasswd\n".encode()


def _double_dollars(plan: Plan) -> None:
    plan.written["HTPASSWD"] = plan.written["HTPASSWD"].replace("$", "$$")
    plan.inlined[WRITTEN] = plan.written["HTPASSWD"].replace("$$", "$").encode() + b"\n"
    plan.environment["HTPASSWD"] = plan.inlined[WRITTEN].decode().strip()


@fault("compose-dollar-interpolation", "Compose takes parts of the hash for variables", solve=_double_dollars)
def dollar_interpolation(plan: Plan) -> None:
    rng = random.Random(plan.seed)  # noqa: S311
    made = bcrypt_hash(plan.password, rng)
    while not made[7:8].isalpha():  # a salt that begins with a digit or a dot would survive
        made = bcrypt_hash(plan.password, rng)
    text = f"{plan.user}:{made.decode()}"
    seen = re.sub(r"\$[A-Za-z_]\w*", "", text)
    plan.environment |= {PATH: WRITTEN, "HTPASSWD": seen}
    plan.written["HTPASSWD"] = text
    plan.inlined[WRITTEN] = seen.encode() + b"\n"
    plan.mounts = [mount for mount in plan.mounts if mount[1] != "/auth"]
    plan.files.pop(FILE, None)
    start = f"printf '%s\\n' \"$$HTPASSWD\" > {WRITTEN} && exec registry serve {plan.config_path}"
    plan.command = ['entrypoint: ["/bin/sh", "-c"]', "command:", f"  - {start}"]


@fault("over-escaped-dollar", "the file itself holds $$", solve=_rewrite)
def over_escaped(plan: Plan) -> None:
    plan.files[FILE] = sound_file(plan).replace(b"$", b"$$")


@fault("htpasswd-hash-truncated", "the hash is cut short", solve=_rewrite)
def hash_truncated(plan: Plan) -> None:
    mine, other = _lines(plan)
    plan.files[FILE] = b"\n".join([mine[: -(1 + plan.seed % 9)], other]) + b"\n"


@fault("bcrypt-cost-too-high", "the hash is so dear that every request is slow", solve=_rewrite)
def cost_too_high(plan: Plan) -> None:
    mine = htpasswd_line(plan.user, plan.password, cost=13)
    plan.files[FILE] = b"\n".join([mine, _lines(plan)[1]]) + b"\n"
