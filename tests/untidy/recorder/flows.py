"""Short pieces of traffic that many cases share."""

from tests.untidy.recorder.clients import Session
from tests.untidy.recorder.scene import Scene

PING_LINES = (
    r"listening on|level=(warn|err|fatal)|\"(GET|HEAD|OPTIONS) /v2/(_catalog\S*)? HTTP|authorized request.*uri=/v2/ "
)


def ask(
    s: Scene,
    t: Session,
    port: int | None = 5000,
    scheme: str = "http",
    option: str = "-v",
    path: str = "/v2/",
    host: str = "",
) -> None:
    """Without and with the login."""
    insecure = ("-k",) if scheme == "https" else ()
    t.curl("-i", *insecure, s.url("/v2/", port, scheme, host))
    t.curl(option, *insecure, "-u", s.login, s.url(path, port, scheme, host))


def try_login(
    s: Scene,
    t: Session,
    port: int | None = 5000,
    option: str = "-v",
    path: str = "/v2/",
    password: str = "",
    user: str = "",
) -> str:
    """One request with a login."""
    return t.curl(option, "-u", f"{user or s.user}:{password or s.password}", s.url(path, port))


def work(s: Scene, t: Session, port: int = 5000, name: str = "app", tag: str = "3") -> None:
    """docker login and a push that goes through."""
    t.login(f"{s.host}:{port}")
    t.push(f"{s.host}:{port}/{s.org}/{name}:{tag}")


def since_start(log: str) -> str:
    """The part of a registry's log that begins with its last start."""
    head, mark, tail = log.rpartition("listening on")
    return head.rpartition("\n")[2] + mark + tail
