"""Step 2: what the registry makes of an htpasswd file."""

from collections.abc import Callable, Iterator

from runbook.experiments.base import Trial, after, ask, folklore, login, tried
from runbook.lab import Lab
from runbook.lab.hashes import apr1_line, htpasswd_line, sha_line
from runbook.lab.plan import Plan

FILE = "auth/htpasswd"


def _file(change: Callable[[bytes], bytes]) -> Callable[[Plan], None]:
    def edit(plan: Plan) -> None:
        plan.files[FILE] = change(plan.files[FILE])

    return edit


def _entry(make: Callable[[str, str], bytes]) -> Callable[[Plan], None]:
    def edit(plan: Plan) -> None:
        plan.files[FILE] = make(plan.user, plan.password) + b"\n"

    return edit


@folklore(
    "hashes",
    "htpasswd",
    claim="Any entry that htpasswd writes will do; the registry loads the file without complaint.",
    truth="It does load it, and then compares with bcrypt only. An entry made without -B looks right, raises no error and"
    " never lets anybody in.",
)
def hashes(lab: Lab) -> Iterator[Trial]:
    yield after("htpasswd -B (bcrypt)", lab, _entry(htpasswd_line))
    yield after("htpasswd without an option (apr1, a kind of MD5)", lab, _entry(apr1_line))
    yield after("htpasswd -s (SHA)", lab, _entry(sha_line))
    yield after("htpasswd -p (plain text)", lab, _entry(lambda user, password: f"{user}:{password}".encode()))


@folklore(
    "line-ends",
    "htpasswd",
    claim="Windows line ends or a missing newline at the end make the htpasswd file invalid.",
    truth="Both are harmless. A byte order mark is not: it becomes part of the first name, and that user is gone.",
)
def line_ends(lab: Lab) -> Iterator[Trial]:
    yield after("Windows line ends (CRLF)", lab, _file(lambda data: data.replace(b"\n", b"\r\n")))
    yield after("no newline at the end", lab, _file(lambda data: data.rstrip(b"\r\n")))
    yield after("a byte order mark (BOM) before the first name", lab, _file(lambda data: b"\xef\xbb\xbf" + data))


@folklore(
    "merged",
    "htpasswd",
    claim="A missing newline breaks the whole file.",
    truth="Only one BETWEEN two entries does harm. The registry cuts at the first colon and ignores what follows the hash, so"
    " the first user works and the second has vanished. `htpasswd -B FILE NAME` never makes this; `cat >>` does.",
)
def merged(lab: Lab) -> Iterator[Trial]:
    def swallowed(data: bytes) -> bytes:
        mine, other = data.splitlines()[:2]
        return other + mine + b"\n"

    yield after("second user, entries on two lines", lab, _file(lambda data: b"\n".join(reversed(data.splitlines()))))
    yield after("second user, entries on one line", lab, _file(lambda data: swallowed(b"\n".join(reversed(data.splitlines())))))


@folklore(
    "refused-file",
    "htpasswd",
    claim="A bad line harms only the user in it.",
    truth="One line without a colon makes the registry refuse the whole file. The sign is odd: without a login the usual 401,"
    " with any login 400 and an empty body.",
)
def refused_file(lab: Lab) -> Iterator[Trial]:
    yield login("a sound file, right login", lab)
    lab.inject("htpasswd-invalid-line")
    yield tried("a line without a colon, no login", ask(lab.registry_url, lab, password=None))
    yield tried("a line without a colon, right login", ask(lab.registry_url, lab))
