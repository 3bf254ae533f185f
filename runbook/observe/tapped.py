"""What a tap before the registry saw, in the words of the registry's own log: which login arrived with which request."""

from collections.abc import Iterable, Iterator

from runbook.model import Exchange, LogEvent, LoggedRequest, Meaning
from runbook.urls import urlsplit


def meaning(exchange: Exchange) -> Meaning | None:
    """Why the registry refused it: nothing usable arrived, or a login that does not fit; None when it did not."""
    if exchange.status != 401:
        return None
    login = exchange.credential
    usable = login is not None and login.scheme.lower() == "basic" and login.defect not in ("not base64", "no colon")
    return "authentication-failure" if usable else "no-usable-credential"


def requests(arrived: Iterable[Exchange]) -> Iterator[LoggedRequest]:
    """Each as a line of the registry's log; a refusal that the same client followed with a success is marked."""
    rows = [e for e in arrived if e.status is not None]
    for number, e in enumerate(rows):
        why = meaning(e)
        later = rows[number + 1 : number + 200]
        yield LoggedRequest(
            place=e.source,
            logger="registry",
            method=e.method,
            uri=e.path,
            status=e.status,
            when=e.when,
            host=e.sent("Host") or urlsplit(e.url).netloc,
            user=e.credential.user if e.credential else None,
            agent=e.sent("User-Agent") or "",
            referer=e.sent("Referer") or "",
            meaning=why,
            answered_later=why == "no-usable-credential"
            and e.method != "OPTIONS"
            and any(s.path == e.path and s.status and s.status < 300 for s in later),
            duration=e.elapsed,
        )


def events(arrived: Iterable[Exchange]) -> Iterator[LogEvent]:
    """The refusals among them."""
    for e in arrived:
        if (why := meaning(e)) is not None:
            user = e.credential.user if e.credential else None
            what = f"a login of {user} arrived" if why == "authentication-failure" else "no login arrived"
            yield LogEvent(
                place=e.source, meaning=why, user=user, text=f"{e.method} {e.path}: {what}, and the registry said 401"
            )
