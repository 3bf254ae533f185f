"""Entries whose hash the registry cannot compare: of another scheme, damaged, or too slow."""

from collections.abc import Callable, Iterator

from runbook.model import Entry, Finding, Fix, Htpasswd, LogEvent, Refutation, Subject, Symptom, command
from runbook.model.command import sh
from runbook.observe.traffic import is_authenticated, succeeded
from runbook.parse.htpasswd import DOUBLED
from runbook.rules.base import Facts, rule
from runbook.rules.evidence import Item, context, finding, read, said, seen
from runbook.rules.htpasswd_fixes import REREAD, edited, entry_check, local, new_hash
from runbook.rules.logins import (
    REFUSED,
    at,
    entries,
    files,
    login_request,
    overwrites,
    users,
    verify,
)

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
_NO_PASSWORD = Refutation(cause="htpasswd-wrong-password", because="no password at all can match this entry")


@rule(
    "htpasswd-not-bcrypt",
    needs_any=("htpasswd", "checks", "logs"),
    step="htpasswd",
    title="the entry's hash is not bcrypt",
    fix="Set the password as bcrypt: htpasswd -B FILE USER",
    source="distribution registry/auth/htpasswd/htpasswd.go; run on 2.8.2 and 3.1.1",
    explains=REFUSED,
    hop="registry",
)
def not_bcrypt(facts: Facts) -> Iterator[Finding]:
    """The registry compares with bcrypt only, and `htpasswd` without -B writes apr1.

    Such a file loads without complaint and other programs accept it, so nobody suspects the hash: the
    right password simply gets 401.
    """
    found = [(f, e) for f, e in entries(facts) if e.scheme not in ("bcrypt", "empty") or e.length == 0]
    yield from _of_entries(facts, found, _not_bcrypt_summary)
    for event in _logged_malformed(facts):
        how = _why_not_bcrypt(event.text + event.detail)
        if how:
            yield finding(
                f"The hash stored for {event.user or 'the user'} is not bcrypt, the only one that the registry "
                f"compares: {how}.",
                said(event),
                refuted=(_NO_PASSWORD,),
                fix=_set_again(facts, event),
            )
            return


def _why_not_bcrypt(text: str) -> str:
    """What the registry's message says of a hash of another scheme; "" where it speaks of a damaged one."""
    if "algorithm version" in text:
        return "its version is not bcrypt's"
    if "too short" in text:
        return "it is too short for bcrypt: apr1, SHA or plain text, or a bcrypt hash cut short"
    if "must start with '$'" in text and not any(q in text for q in ("with ' '", "with '\"'", "with '\\''")):
        return "it does not begin like bcrypt"
    return ""


def _not_bcrypt_summary(entry: Entry) -> str:
    return (
        f"The entry of {entry.name} is {_SCHEMES.get(entry.scheme, entry.scheme)}; the registry compares with bcrypt "
        "only, so even the right password is refused."
    )


@rule(
    "htpasswd-hash-truncated",
    needs_any=("htpasswd", "checks", "logs"),
    step="htpasswd",
    title="the bcrypt hash is damaged",
    fix="Set the password again: htpasswd -B FILE USER",
    source="golang.org/x/crypto/bcrypt newFromHash; run on 2.8.2 and 3.1.1",
    explains=REFUSED,
    hop="registry",
)
def hash_truncated(facts: Facts) -> Iterator[Finding]:
    """A bcrypt hash has 60 characters; one that lost some, or has quotes or a space before it, never matches.

    It looks right at a glance, and the file still loads.
    """
    found = [(f, e) for f, e in entries(facts) if e.scheme == "bcrypt" and not e.usable and e.defect != DOUBLED]
    yield from _of_entries(facts, found, _truncated_summary)
    for event in _logged_malformed(facts):
        text = event.text + event.detail
        damaged = "outside allowed" in text or "illegal base64" in text
        other_scheme = "must start with '$'" in text or "too short" in text
        if damaged or other_scheme:
            yield finding(
                f"The registry's log says that the hash of {event.user or 'the user'} is not a whole bcrypt hash.",
                # apr1 and plain text are logged with the same words as a hash cut short.
                said(event) if damaged else context(event.text, event.place),
                fix=_set_again(facts, event),
            )
            return


def _truncated_summary(entry: Entry) -> str:
    return f"The bcrypt hash of {entry.name} is damaged ({entry.defect}), so no password matches it."


@rule(
    "over-escaped-dollar",
    needs_any=("htpasswd", "checks", "logs"),
    step="htpasswd",
    title="the dollar signs are doubled inside the htpasswd file",
    fix="Write each dollar once: sed -i 's/\\$\\$/$/g' FILE",
    source="golang.org/x/crypto/bcrypt decodeCost; run on 2.8.2 and 3.1.1; traefik/traefik#8614",
    explains=REFUSED,
    hop="registry",
)
def over_escaped_dollar(facts: Facts) -> Iterator[Finding]:
    """Compose wants `$$` for a dollar in its own values; a file that the registry reads itself wants one.

    People escape by habit, and the hash still looks like bcrypt.
    """
    found = [(f, e) for f, e in entries(facts) if e.defect == DOUBLED]
    yield from _of_entries(facts, found, _doubled_summary, _undoubled)
    for event in _logged_malformed(facts):
        text = event.text + event.detail
        if "Atoi" in text and '"$' in text.replace("\\", ""):
            yield finding(
                "The stored hash has a dollar where its cost should be: the dollars are doubled in the file.",
                said(event),
            )
            return


def _doubled_summary(entry: Entry) -> str:
    return f"The hash of {entry.name} has doubled dollars ($$2…): inside an htpasswd file each must be single."


def _undoubled(facts: Facts, file: Htpasswd, entry: Entry) -> Fix:
    path = local(facts, file.file)
    return edited(
        facts,
        "Write each dollar once; only values inside a compose file need $$",
        sh("sed", "-i", r"s/\$\$/$/g", path),
        entry_check(path, entry),
        verify(facts, entry.name),
    )


HIGH = 13


@rule(
    "bcrypt-cost-too-high",
    needs_any=("htpasswd", "checks"),
    step="htpasswd",
    title="bcrypt's cost makes every request slow",
    fix="Lower the cost: htpasswd -B -C 10 FILE USER",
    source="distribution/distribution#3017; cost 13 took 0.6 s a request, cost 5 about 3 ms (run)",
    explains=(Symptom.SLOW,),
    hop="registry",
    proves=True,
)
def cost_too_high(facts: Facts) -> Iterator[Finding]:
    """The registry runs bcrypt on every request and remembers nothing; each step of cost doubles the time.

    A pull makes dozens of requests, so a hash made "extra safe" turns seconds into minutes. Nothing is logged.
    """
    for file, entry in entries(facts):
        if not entry.usable or entry.cost is None or entry.cost < HIGH:
            continue
        seconds = 0.6 * 2 ** (entry.cost - 13)
        shown, expect = "%{http_code} %{time_total}\\n", "200 and less than 0.2 seconds"
        path = local(facts, file.file)
        yield finding(
            f"The hash of {entry.name} has cost {entry.cost}: each request takes about {seconds:.1f} s.",
            read(f"{entry.name}: cost {entry.cost}", at(file, entry)),
            _slow_requests(facts),
            explains=(Symptom.SLOW, Symptom.GATEWAY_TIMEOUT) if entry.cost > 14 else (),
            fix=Fix(
                summary="Set the password again with a lower cost: 10 is common, 5 the tool's default",
                commands=(sh("htpasswd", "-B", "-C", "10", path, command.user(entry.name)),),
                verify=(login_request(facts, entry.name, shown=shown, expect=expect),),
                applies=REREAD,
            ),
            about=Subject(user=entry.name),
        )
        return


def _slow_requests(facts: Facts) -> tuple[Item, ...]:
    """Requests with credentials that took long while one without took none of it, two at most."""
    exchanges = facts.traffic.exchanges
    anonymous = [e.elapsed for e in exchanges if e.credential is None and e.elapsed and e.status == 401]
    limit = 0.3 + min(anonymous, default=0.0)
    slow = [e for e in exchanges if is_authenticated(e) and succeeded(e) and (e.elapsed or 0) > limit]
    return tuple(seen(e, f" after {e.elapsed:.1f} s") for e in slow[:2])


def _again(facts: Facts, file: Htpasswd, entry: Entry) -> Fix:
    return new_hash(facts, entry.name, file, "Set the password again as bcrypt (-B)")


def _set_again(facts: Facts, event: LogEvent) -> Fix:
    return new_hash(facts, event.user, next(iter(files(facts)), None), "Set the password again as bcrypt (-B)")


def _of_entries(
    facts: Facts,
    found: list[tuple[Htpasswd, Entry]],
    summary: Callable[[Entry], str],
    fix: Callable[[Facts, Htpasswd, Entry], Fix] = _again,
) -> Iterator[Finding]:
    """One finding about the entry that matters most: that of a failing user; else, without any, the first."""
    known = users(facts)
    ranked = sorted(found, key=lambda pair: pair[1].name not in known.failing)
    for file, entry in ranked:
        if entry.name in known.accepted:
            continue
        blamed = known.blamed(entry.name)
        others = ", ".join([e.name for _, e in ranked if e is not entry][:5])
        defect = f", {entry.defect}" if entry.defect else ""
        yield finding(
            summary(entry),
            read(f"{entry.name}: {entry.scheme}, {entry.length} characters{defect}", at(file, entry)),
            known.cited(entry.name),
            context(f"the same holds for {others}", file.file) if others else None,
            proves=blamed,
            warning=not blamed,
            refuted=(_NO_PASSWORD,) if blamed else (),
            fix=fix(facts, file, entry),
            supersedes=("htpasswd-wrong-password",) if blamed else (),
            about=Subject(user=entry.name),
        )
        return


def _logged_malformed(facts: Facts) -> Iterator[LogEvent]:
    """What a 3.x log says of hashes, as far as no file at hand says it better."""
    if overwrites(facts) and facts.traffic.works("direct"):
        return
    for event in facts.traffic.logged("bcrypt-malformed"):
        if not any(not e.usable and event.user in (None, e.name) for _, e in entries(facts)):
            yield event
