"""Folklore put to the test, live in the lab: what was changed, what came back, what that proves."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import httpx

from runbook.lab import Lab
from runbook.lab.plan import Plan
from runbook.report.block import Block, esc, para, table, tag

_TIMEOUT = 10.0


@dataclass(frozen=True, slots=True)
class Trial:
    """One row of an experiment: what was done and the status that came back."""

    what: str
    status: int


@dataclass(frozen=True, slots=True)
class Experiment:
    """A belief, the way to try it, and what is true."""

    name: str
    claim: str
    truth: str
    run: Callable[[Lab], Iterable[Trial]]


def _get(url: str, lab: Lab, *, login: bool = True, **headers: str) -> int:
    auth = (lab.user, lab.password) if login else None
    with httpx.Client(trust_env=False, timeout=_TIMEOUT) as client:
        return client.get(f"{url}/v2/", auth=auth, headers=headers).status_code


def _with(lab: Lab, edit: Callable[[Plan], None], *, via: bool = False) -> int:
    lab.change(edit)
    return _get(lab.ui_url if via else lab.registry_url, lab)


def _htpasswd(change: Callable[[bytes], bytes]) -> Callable[[Plan], None]:
    def edit(plan: Plan) -> None:
        for name in plan.files:
            if name.endswith("htpasswd"):
                plan.files[name] = change(plan.files[name])

    return edit


def _realm(lab: Lab) -> Iterable[Trial]:
    yield Trial("the login as it is", _get(lab.registry_url, lab))
    for realm in ("Something Else", "<b>no such realm</b>"):

        def edit(plan: Plan, realm: str = realm) -> None:
            plan.realm = realm
            plan.environment["REGISTRY_AUTH_HTPASSWD_REALM"] = realm

        yield Trial(f"the same login, realm changed to {realm!r}", _with(lab, edit))


def _host(lab: Lab) -> Iterable[Trial]:
    for host in ("registry:5000", "anything.example", "localhost"):
        yield Trial(f"Host: {host}", _get(lab.registry_url, lab, Host=host))
    yield Trial("Origin: http://elsewhere.example", _get(lab.registry_url, lab, Origin="http://elsewhere.example"))


def _hop_by_hop(lab: Lab) -> Iterable[Trial]:
    yield Trial("direct", _get(lab.registry_url, lab))
    yield Trial("through the UI's nginx, which says nothing of Authorization", _get(lab.ui_url, lab))

    def empty(plan: Plan) -> None:
        plan.proxy.request_headers["Authorization"] = ""

    yield Trial("through the UI, its NGINX_PROXY_HEADER_Authorization set to nothing", _with(lab, empty, via=True))


def _lines(lab: Lab) -> Iterable[Trial]:
    yield Trial("Windows line ends (CRLF)", _with(lab, _htpasswd(lambda data: data.replace(b"\n", b"\r\n"))))
    yield Trial("no newline at the end", _with(lab, _htpasswd(lambda data: data.rstrip(b"\r\n"))))
    yield Trial(
        "a byte order mark (BOM) in front of the first name", _with(lab, _htpasswd(lambda data: b"\xef\xbb\xbf" + data))
    )


def _password(lab: Lab) -> Iterable[Trial]:
    yield Trial("no login", _get(lab.registry_url, lab, login=False))
    yield Trial("the right login", _get(lab.registry_url, lab))
    with httpx.Client(trust_env=False, timeout=_TIMEOUT) as client:
        wrong = client.get(f"{lab.registry_url}/v2/", auth=(lab.user, "wrong-on-purpose"))
    yield Trial("a password that is wrong on purpose", wrong.status_code)


EXPERIMENTS: dict[str, Experiment] = {
    e.name: e
    for e in (
        Experiment(
            "three-answers",
            "A 401 means that the login is broken.",
            "A 401 without a login is the challenge: the protocol at work. Only a 401 to the right login is a fault.",
            _password,
        ),
        Experiment(
            "realm",
            "The client computes a digest from realm and URL, so a realm that differs gives 401.",
            "Basic is base64(user:password). The realm is a label; any text will do. Only leaving it out is an error.",
            _realm,
        ),
        Experiment(
            "host",
            "The registry accepts only http://registry:5000 and checks Host and Origin.",
            "It answers any Host and any Origin. Host decides where an upload's Location points; Origin matters to browsers.",
            _host,
        ),
        Experiment(
            "hop-by-hop",
            "Proxies strip Authorization by default, because it is hop-by-hop.",
            "It is end-to-end, and proxies hand it on. It goes missing where somebody removes, empties or overwrites it.",
            _hop_by_hop,
        ),
        Experiment(
            "line-ends",
            "Windows line ends or a missing newline make the htpasswd file invalid.",
            "Both are harmless. A byte order mark is not: it becomes part of the first name.",
            _lines,
        ),
    )
}


def experiment(name: str) -> Block:
    """Run one experiment in the embedded lab and show what came back. KeyError for an unknown name."""
    chosen = EXPERIMENTS[name]
    with Lab(backend="embedded", seed=5) as lab:
        trials = list(chosen.run(lab))
    rows = ([esc(t.what), tag(str(t.status), "kept" if t.status < 400 else "dropped")] for t in trials)
    html = para(f"Folklore: “{chosen.claim}”") + table("What came back", ("what was done", "answer"), rows)
    html += para(f"What is true: {chosen.truth}")
    lines = [f"Folklore: {chosen.claim}", *(f"  {t.status}  {t.what}" for t in trials), f"True: {chosen.truth}"]
    return Block(html, "\n".join(lines))
