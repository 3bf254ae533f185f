"""Beliefs about the htpasswd file."""

import shutil
import subprocess
from collections.abc import Callable, Iterable
from pathlib import Path

import bcrypt

from runbook.experiments.base import Experiment, Trial, answered, changed, direct, started, status
from runbook.lab import Lab
from runbook.lab.hashes import apr1_line, htpasswd_line, sha_line
from runbook.lab.plan import Plan

_FILE = "auth/htpasswd"


def _file(change: Callable[[bytes], bytes]) -> Callable[[Plan], None]:
    def edit(plan: Plan) -> None:
        plan.files[_FILE] = change(plan.files[_FILE])

    return edit


def _entry(make: Callable[[str, str], bytes]) -> Callable[[Plan], None]:
    def edit(plan: Plan) -> None:
        plan.files[_FILE] = make(plan.user, plan.password) + b"\n"

    return edit


def _hashes(lab: Lab) -> Iterable[Trial]:
    yield answered("made with htpasswd -B (bcrypt)", changed(lab, _entry(htpasswd_line)))
    yield answered("made without an option (apr1, a kind of MD5)", changed(lab, _entry(apr1_line)))
    yield answered("made with htpasswd -s (SHA)", changed(lab, _entry(sha_line)))


def _spaced(shape: bytes) -> Callable[[Plan], None]:
    """The user's entry with spaces around the name."""
    return _entry(lambda user, password: shape % user.encode() + htpasswd_line(user, password).split(b":", 1)[1])


def _line_ends(lab: Lab) -> Iterable[Trial]:
    yield answered("Windows line ends (CRLF)", changed(lab, _file(lambda data: data.replace(b"\n", b"\r\n"))))
    yield answered("no newline at the end", changed(lab, _file(lambda data: data.rstrip(b"\r\n"))))
    yield answered("a space before the name", changed(lab, _spaced(b" %s:")))
    yield answered("a space between the name and the colon", changed(lab, _spaced(b"%s :")))
    bom = changed(lab, _entry(lambda user, password: b"\xef\xbb\xbf" + htpasswd_line(user, password)))
    yield answered("a byte order mark (BOM) in front of the first name", bom)


def _merged_lines(lab: Lab) -> Iterable[Trial]:
    def reverse(data: bytes) -> bytes:
        return b"\n".join(reversed(data.splitlines())) + b"\n"

    def merge(data: bytes) -> bytes:
        return b"".join(data.splitlines()) + b"\n"

    yield answered("the user's entry on a line of its own", changed(lab, _file(lambda data: data)))

    def first(plan: Plan) -> None:
        plan.files["spare"] = plan.files[_FILE]
        plan.files[_FILE] = merge(plan.files["spare"])

    def second(plan: Plan) -> None:
        plan.files[_FILE] = merge(reverse(plan.files["spare"]))

    yield answered("two entries on one line, the user's first", changed(lab, first))
    yield answered("two entries on one line, the user's second", changed(lab, second))


def _uid(lab: Lab) -> Iterable[Trial]:
    def run_as(user: str | None, *, locked: bool) -> Callable[[Plan], None]:
        def edit(plan: Plan) -> None:
            plan.container_user = user
            plan.locked = [_FILE] if locked else []

        return edit

    yield answered("as the image runs: as root, whoever owns the file", direct(lab))
    everybody = changed(lab, run_as("1000:1000", locked=False))
    yield answered("user: 1000:1000, and everybody may read the file", everybody)
    lab.change(run_as("1000:1000", locked=True))
    yield started("user: 1000:1000, and only root may read it", lab)


def _verify_command(lab: Lab) -> Iterable[Trial]:
    path = lab.plan.host_path("/auth/htpasswd", lab.home)

    def run(*words: str) -> Trial:
        code = _htpasswd(path, lab, *words)
        shown = " ".join(words).format(file="auth/htpasswd", user=lab.user, right="RIGHT", wrong="WRONG")
        return Trial(f"htpasswd {shown}", f"exit {code}", good=code == 0)

    yield run("-vb", "{file}", "{user}", "{right}")
    yield run("-vb", "{file}", "{user}", "{wrong}")
    yield run("-Bvb", "{user}", "{right}")


def _htpasswd(path: Path, lab: Lab, *words: str) -> int:
    """The exit code of Apache's htpasswd; where it is not installed, what its count of arguments and bcrypt make of it."""
    given = [w.format(file=path, user=lab.user, right=lab.password, wrong="wrong-on-purpose") for w in words]
    if program := shutil.which("htpasswd"):
        return subprocess.run([program, *given], capture_output=True, timeout=20, check=False).returncode
    named = [word for word in given if not word.startswith("-")]
    if len(named) != 3:
        return 2
    hashed = dict(line.split(b":", 1) for line in path.read_bytes().splitlines())[named[1].encode()]
    return 0 if bcrypt.checkpw(named[2].encode(), hashed.replace(b"$2y$", b"$2b$", 1)) else 3


def _reload(lab: Lab) -> Iterable[Trial]:
    path = lab.plan.host_path("/auth/htpasswd", lab.home)
    yield answered("the login as it is", direct(lab))
    path.write_bytes(htpasswd_line(lab.user, "another-password") + b"\n")
    yield answered("the entry is written again in the mounted folder, and the old password is sent", direct(lab))
    code = status(lab.registry_url, (lab.user, "another-password"))
    yield answered("the new password is sent; nothing was restarted", code)


EXPERIMENTS = (
    Experiment(
        "hashes",
        "Any entry that htpasswd writes will do: the registry loads the file without complaint.",
        "It does load it, and then compares with bcrypt only. An entry made without -B lets nobody in, and no error says so.",
        _hashes,
    ),
    Experiment(
        "line-ends",
        "Windows line ends, stray spaces or a missing newline make the htpasswd file invalid.",
        "Line ends and a space at the beginning are trimmed away. A space before the colon and a byte order mark are "
        "not: they become part of the name, and that user is unknown.",
        _line_ends,
    ),
    Experiment(
        "merged-lines",
        "A missing newline makes the file invalid.",
        "Only one BETWEEN two entries does harm: what follows the first hash is ignored, so the first user works and the "
        "second is gone. It happens when entries are added with `cat >>`.",
        _merged_lines,
    ),
    Experiment(
        "uid",
        "The file must belong to UID 1000, or the registry cannot read it.",
        "The image runs as root and reads any file. The owner matters only where `user:` makes it run as somebody else "
        "who may not read it; and then it does not even start, so nobody gets a 401.",
        _uid,
    ),
    Experiment(
        "verify-command",
        "`htpasswd -Bvb USER PASSWORD` verifies an entry.",
        "The name of the file is missing, so it ends with exit code 2 whatever the password is. It is `htpasswd -vb FILE USER "
        "PASSWORD`: exit 0 when it matches, 3 when it does not.",
        _verify_command,
    ),
    Experiment(
        "reload",
        "After the htpasswd file was changed the registry must be restarted.",
        "It reads the file again when the file's time has changed. Only a file that is mounted by itself keeps its old content, "
        "when an editor puts a new file in its place; then re-create the container, or mount the folder.",
        _reload,
    ),
)
