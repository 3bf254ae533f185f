"""Step 1: what the registry itself answers, and whether the name it is called by matters."""

from collections.abc import Iterator

from runbook.experiments.base import Trial, ask, folklore, login, tried
from runbook.lab import Lab


@folklore(
    "three-answers",
    "simplify",
    claim="A 401 means that the login is broken.",
    truth="A 401 to a request without a login is the challenge: the protocol at work. Only a 401 to the right login is a"
    " fault. So ask three times: without a login, with the right one, with one that is wrong on purpose.",
)
def three_answers(lab: Lab) -> Iterator[Trial]:
    yield tried("no login", ask(lab.registry_url, lab, password=None))
    yield login("the right login", lab)
    yield tried("a password that is wrong on purpose", ask(lab.registry_url, lab, password="wrong-on-purpose"))


@folklore(
    "bypass",
    "simplify",
    claim="If the login fails in the UI, then the password or the registry is wrong.",
    truth="The same login went two ways. It works straight at the registry, so password, htpasswd file and registry"
    " are right, and only what stands between is left to look at.",
)
def bypass(lab: Lab) -> Iterator[Trial]:
    lab.inject("authorization-stripped")
    yield login("through the UI, which drops the login", lab, via=True)
    yield login("the same login, straight at the registry", lab)
    lab.solve("authorization-stripped")
    yield login("through the UI again, that one line removed", lab, via=True)


@folklore(
    "host",
    "simplify",
    claim="The registry accepts only http://registry:5000 and checks Host and Origin.",
    truth="It answers to any name. Host decides where the Location of an upload points, Origin matters to the browser"
    " alone, and docker stores each login under the literal host:port that was typed.",
)
def host(lab: Lab) -> Iterator[Trial]:
    for name in ("registry:5000", "anything.example", "localhost"):
        yield tried(f"Host: {name}", ask(lab.registry_url, lab, headers={"Host": name}))
    origin = {"Origin": "http://elsewhere.example"}
    yield tried("Origin: http://elsewhere.example", ask(lab.registry_url, lab, headers=origin))
