"""Entries whose hash the registry cannot compare: of another scheme, damaged, or too slow."""

from collections.abc import Callable, Iterator
from dataclasses import replace

from runbook.model import (
    Certainty,
    Entry,
    Evidence,
    EvidenceItem,
    Finding,
    Fix,
    Htpasswd,
    LogEvent,
    Refutation,
    Stack,
    Symptom,
)
from runbook.observe.traffic import Traffic, is_authenticated, succeeded
from runbook.rules.base import rule
from runbook.rules.logins import REFUSED, at, certainty, entries, new_hash, overwrites, quoted, users, verify

_SCHEMES = {
    "apr1": "Apache's MD5 ($apr1$), the default of the htpasswd command",
    "sha1": "SHA-1 ({SHA})",
    "ssha": "salted SHA-1 ({SSHA})",
    "sha256": "SHA-256 crypt ($5$)",
    "sha512": "SHA-512 crypt ($6$)",
    "md5-crypt": "MD5 crypt ($1$)",
    "des-crypt": "the old Unix crypt",
    "argon2": "Argon2",
    "yescrypt": "yescrypt ($y$)",
    "plain": "plain text",
    "other": "a scheme that the registry does not know",
    "empty": "nothing at all",
}


@rule(
    "htpasswd-not-bcrypt",
    sees=("htpasswd", "checks", "logs"),
    step="htpasswd",
    title="the entry's hash is not bcrypt",
    fix="htpasswd -B FILE USER (the -B makes it bcrypt)",
    source="distribution registry/auth/htpasswd/htpasswd.go; run on 2.8.2 and 3.1.1",
)
def not_bcrypt(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """The registry compares with bcrypt only, and `htpasswd` without -B writes apr1.

    Such a file loads without complaint and other programs accept it, so nobody suspects the hash: the
    right password simply gets 401.
    """
    found = [(f, e) for f, e in entries(evidence, stack) if e.scheme not in ("bcrypt", "empty") or e.length == 0]
    yield from _of_entries(found, evidence, stack, traffic, "htpasswd-not-bcrypt", _not_bcrypt_summary)
    for event in _logged_malformed(evidence, stack, traffic):
        text = event.text + event.detail
        if "algorithm version" in text:
            how, sure = "its version is not bcrypt's", Certainty.LOGGED
        elif "too short" in text:
            how, sure = (
                "it is too short for bcrypt: apr1, SHA or plain text, or a bcrypt hash cut short",
                Certainty.LOGGED,
            )
        elif "must start with '$'" in text and not any(q in text for q in ("with ' '", "with '\"'", "with '\\''")):
            how, sure = "it does not begin like bcrypt", Certainty.LOGGED
        else:
            continue
        who = event.user or "the user"
        yield Finding(
            cause="htpasswd-not-bcrypt",
            summary=f"The hash stored for {who} is not bcrypt, the only one that the registry compares: {how}.",
            certainty=sure,
            explains=REFUSED,
            hop="registry",
            evidence=(EvidenceItem(what=event.text, where=str(event.place)),),
            refuted=_arrived(),
            fix=new_hash(event.user or "USER", "FILE", evidence, traffic, "Write the entry anew with -B."),
        )
        return


def _not_bcrypt_summary(file: Htpasswd, entry: Entry) -> str:
    return (
        f"The entry of {entry.name} is {_SCHEMES.get(entry.scheme, entry.scheme)}; the registry compares with bcrypt "
        "only, so even the right password is refused."
    )


@rule(
    "htpasswd-hash-truncated",
    sees=("htpasswd", "checks", "logs"),
    step="htpasswd",
    title="the bcrypt hash is damaged",
    fix="htpasswd -B FILE USER",
    source="golang.org/x/crypto/bcrypt newFromHash; run on 2.8.2 and 3.1.1",
)
def hash_truncated(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """A bcrypt hash has 60 characters; one that lost some, or stands in quotes or after a blank, never matches.

    It looks right at a glance, and the file still loads.
    """
    found = [
        (f, e)
        for f, e in entries(evidence, stack)
        if e.scheme == "bcrypt" and not e.usable and e.defect != "doubled dollar"
    ]
    yield from _of_entries(found, evidence, stack, traffic, "htpasswd-hash-truncated", _truncated_summary)
    for event in _logged_malformed(evidence, stack, traffic):
        text = event.text + event.detail
        damaged = "outside allowed" in text or "illegal base64" in text or "must start with '$'" in text
        if not damaged and "too short" not in text:
            continue
        yield Finding(
            cause="htpasswd-hash-truncated",
            summary=f"The registry's log says that the hash of {event.user or 'the user'} is not a whole bcrypt hash.",
            certainty=Certainty.LOGGED if "too short" not in text and "must start" not in text else Certainty.POSSIBLE,
            explains=REFUSED,
            hop="registry",
            evidence=(EvidenceItem(what=event.text, where=str(event.place)),),
            fix=new_hash(event.user or "USER", "FILE", evidence, traffic, "Write the entry anew."),
        )
        return


def _truncated_summary(file: Htpasswd, entry: Entry) -> str:
    return f"The bcrypt hash of {entry.name} is damaged ({entry.defect}), so no password matches it."


@rule(
    "over-escaped-dollar",
    sees=("htpasswd", "checks", "logs"),
    step="htpasswd",
    title="the dollar signs are doubled inside the htpasswd file",
    fix="sed -i 's/\\$\\$/$/g' FILE",
    source="golang.org/x/crypto/bcrypt decodeCost; run on 2.8.2 and 3.1.1; traefik/traefik#8614",
)
def over_escaped_dollar(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """Compose wants `$$` for a dollar in its own values; a file that the registry reads itself wants one.

    People escape by habit, and the hash still looks like bcrypt.
    """
    found = [(f, e) for f, e in entries(evidence, stack) if e.defect == "doubled dollar"]
    for finding in _of_entries(found, evidence, stack, traffic, "over-escaped-dollar", _doubled_summary):
        file, entry = found[0]
        fix = Fix(
            summary="Write each dollar once; only values inside a compose file need $$.",
            commands=(f"sed -i 's/\\$\\$/$/g' {quoted(file.file)}",),
            verify=(verify(entry.name, evidence, traffic),),
        )
        yield replace(finding, fix=fix)
    for event in _logged_malformed(evidence, stack, traffic):
        if "Atoi" in event.text + event.detail and '"$' in (event.text + event.detail).replace("\\", ""):
            yield Finding(
                cause="over-escaped-dollar",
                summary="The stored hash has a dollar where its cost should be: the dollars are doubled in the file.",
                certainty=Certainty.LOGGED,
                explains=REFUSED,
                hop="registry",
                evidence=(EvidenceItem(what=event.text, where=str(event.place)),),
            )
            return


def _doubled_summary(file: Htpasswd, entry: Entry) -> str:
    return f"The hash of {entry.name} has doubled dollars ($$2…): inside an htpasswd file each must stand once."


HIGH = 13


@rule(
    "bcrypt-cost-too-high",
    sees=("htpasswd", "checks"),
    step="htpasswd",
    title="bcrypt's cost makes every request slow",
    fix="htpasswd -B -C 10 FILE USER",
    source="distribution/distribution#3017; cost 13 took 0.6 s a request, cost 5 about 3 ms (run)",
)
def cost_too_high(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[Finding]:
    """The registry runs bcrypt on every request and remembers nothing; each step of cost doubles the time.

    A pull makes dozens of requests, so a hash made "extra safe" turns seconds into minutes. Nothing is logged.
    """
    for file, entry in entries(evidence, stack):
        if not entry.usable or entry.cost is None or entry.cost < HIGH:
            continue
        seconds = 0.6 * 2 ** (entry.cost - 13)
        slow = _slow_requests(traffic)
        yield Finding(
            cause="bcrypt-cost-too-high",
            summary=f"The hash of {entry.name} has cost {entry.cost}: each request takes about {seconds:.1f} s.",
            certainty=Certainty.PROVEN if slow else Certainty.READ,
            explains=(Symptom.SLOW, Symptom.GATEWAY_TIMEOUT) if entry.cost > 14 else (Symptom.SLOW,),
            hop="registry",
            evidence=(EvidenceItem(what=f"{entry.name}: cost {entry.cost}", where=at(file, entry)), *slow),
            proves=True,
            fix=Fix(
                summary="Make the hash anew with a lower cost: 10 is common, 5 the tool's default.",
                commands=(f"htpasswd -B -C 10 {quoted(file.file)} {quoted(entry.name)}",),
                verify=(verify(entry.name, evidence, traffic).replace("%{http_code}", "%{http_code} %{time_total}"),),
            ),
        )
        return


def _slow_requests(traffic: Traffic) -> tuple[EvidenceItem, ...]:
    """Requests with a login that took long while one without took none of it."""
    anonymous = [e.elapsed for e in traffic.exchanges if e.credential is None and e.elapsed and e.status == 401]
    items = [
        EvidenceItem(what=f"{e.method} {e.url} took {e.elapsed:.1f} s", where=str(e.source))
        for e in traffic.exchanges
        if is_authenticated(e) and succeeded(e) and (e.elapsed or 0) > 0.3 + min(anonymous, default=0.0)
    ]
    return tuple(items[:2])


def _of_entries(
    found: list[tuple[Htpasswd, Entry]],
    evidence: Evidence,
    stack: Stack,
    traffic: Traffic,
    cause: str,
    summary: Callable[[Htpasswd, Entry], str],
) -> Iterator[Finding]:
    """One finding about the entry that matters most: that of a failing user; else, without any, the first."""
    known = users(evidence, stack, traffic)
    ranked = sorted(found, key=lambda pair: pair[1].name not in known.failing)
    for file, entry in ranked:
        blamed, seen = known.blame(entry.name)
        if entry.name in known.accepted:
            continue
        others = [e.name for _, e in ranked if e is not entry]
        also = (EvidenceItem(what=f"the same holds for {', '.join(others[:5])}", where=file.file),) if others else ()
        defect = f", {entry.defect}" if entry.defect else ""
        described = f"{entry.name}: {entry.scheme}, {entry.length} characters{defect}"
        yield Finding(
            cause=cause,
            summary=summary(file, entry),
            certainty=(certainty(traffic, REFUSED) if blamed else Certainty.READ),
            explains=REFUSED if blamed else (),
            hop="registry",
            evidence=(EvidenceItem(what=described, where=at(file, entry)), *((seen,) if seen else ()), *also),
            proves=blamed,
            warning=not blamed,
            refuted=_arrived() if blamed else (),
            fix=new_hash(entry.name, file.file, evidence, traffic, "Set the password anew as bcrypt (-B)."),
            supersedes=("htpasswd-wrong-password",) if blamed else (),
        )
        return


def _arrived() -> tuple[Refutation, ...]:
    return (Refutation(cause="htpasswd-wrong-password", because="no password at all can match this entry"),)


def _logged_malformed(evidence: Evidence, stack: Stack, traffic: Traffic) -> Iterator[LogEvent]:
    """What a 3.x log says of hashes, as far as no file at hand tells it better."""
    if overwrites(stack) and traffic.works("direct"):
        return
    for event in traffic.logged("bcrypt-malformed"):
        told = [e for _, e in entries(evidence, stack) if not e.usable and event.user in (None, e.name)]
        if not told:
            yield event
