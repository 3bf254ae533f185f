"""The last pass takes out what was learnt late, and leaves the stack's own names alone."""

from urllib.parse import urlsplit

import pytest

from runbook.collect.scrub import scrub, with_places
from runbook.model import Evidence, Exchange, LogEvent, LogFile, Message, Place, Service
from runbook.model.files import Compose
from runbook.redact import MASK, Vault


def exchange(**more: object) -> Exchange:
    fields = {"source": Place("x"), "method": "GET", "url": "http://r:5000/v2/", **more}
    return Exchange(**fields)  # type: ignore[arg-type]


def test_a_secret_learnt_late_goes_out_of_free_text() -> None:
    vault = Vault()
    before = Evidence(
        messages=(Message(kind="other-error", place=Place("a.txt"), text="it was Mausefalle77"),),
        exchanges=(exchange(body="Mausefalle77", response_headers=(("X", "Mausefalle77"),)),),
    )
    vault.password("Mausefalle77", "anna")
    assert "Mausefalle77" not in repr(scrub(before, vault))


def test_a_password_that_is_a_name_does_not_take_the_stack_apart() -> None:
    vault = Vault()
    vault.password("registry", "registry")
    before = Evidence(compose=Compose(files=("c.yml",), services=(Service(name="registry", place=Place("c.yml", 2)),)))
    assert scrub(before, vault) == before


@pytest.mark.parametrize(
    "url", ["http://anna:geheim@r:5000/v2/", f"http://anna:{MASK}@r:5000/v2/", f"http://{MASK}:5000/v2/"]
)
def test_addresses_stay_addresses(url: str) -> None:
    """`[redacted]` in brackets would be read as a broken IPv6 address."""
    seen = scrub(Evidence(exchanges=(exchange(url=url, response_headers=(("Location", url),)),)), Vault()).exchanges[0]
    assert urlsplit(seen.url).port == 5000
    assert urlsplit(seen.header("Location") or "").port == 5000
    assert "geheim" not in seen.url


def test_cookies_and_tokens_are_logins_too() -> None:
    seen = exchange(
        request_headers=(("Cookie", "sid=abc123; b=c"),),
        response_headers=(("Set-Cookie", "sid=abc123; Path=/"), ("X", "y")),
        body='{"token": "abc123", "access_token" : "abc123", "expires_in": 60}',
    )
    after = scrub(Evidence(exchanges=(seen,)), Vault()).exchanges[0]
    assert "abc123" not in repr(after)
    assert after.header("Set-Cookie") == f"sid={MASK}"
    assert after.header("X") == "y"
    assert "expires_in" in after.body


def test_places_are_changed_wherever_they_stand() -> None:
    log = LogFile(file="l", kind="registry", events=(LogEvent(place=Place("l", 1), meaning="other"),))
    assert with_places(log, lambda p: Place(p.file, 99)).events[0].place.line == 99
