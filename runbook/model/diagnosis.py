"""What the judge says: symptoms, findings, checks and the verdict."""

from dataclasses import dataclass
from enum import IntEnum, StrEnum
from typing import Literal

from runbook.model.command import Command, comment

Verdict = Literal["fault", "healthy", "inconclusive"]
Step = Literal["simplify", "htpasswd", "headers", "align"]
STEPS: tuple[Step, ...] = ("simplify", "htpasswd", "headers", "align")


class Symptom(StrEnum):
    """What somebody suffers from, whatever the cause."""

    LOGIN_401_DIRECT = "a login is refused by the registry itself (401)"
    LOGIN_401_VIA = "a login is refused on the way through a proxy (401)"
    LOGIN_401 = "a login is refused (401)"
    LOGIN_400 = "a login is answered 400"
    LOGIN_WOULD_FAIL = "the files say that this login cannot succeed"
    OPEN_DIRECT = "the registry answers without a login"
    OPEN_VIA = "a proxy answers without a login although the registry wants one"
    PING_OPEN = "GET /v2/ is open but other requests want a login"
    NOT_STARTED = "the registry does not start"
    PROXY_NOT_STARTED = "the proxy does not start"
    UNREACHABLE = "nothing answers at the registry's address"
    EMPTY_REPLY = "the connection is closed without an answer"
    TIMEOUT = "no response comes in time"
    HANDSHAKE_TIMEOUT = "the connection is made, but the TLS handshake gets no answer in time"
    BAD_GATEWAY = "a proxy answers 502: it cannot reach its upstream"
    UNAVAILABLE = "503: whoever answers has nothing behind it that could serve the request"
    GATEWAY_TIMEOUT = "a proxy answers 504: its upstream is too slow"
    PROXY_500 = "a proxy answers 500"
    REGISTRY_500 = "the registry itself answers 500"
    FORBIDDEN = "a request is answered 403"
    THROTTLED = "requests are refused because there were too many (429)"
    IMAGES_GONE = "images that were there are gone after the container was re-created"
    NOT_THE_API = "a web page or a 404 comes back instead of the registry's API"
    REDIRECTED = "the API is answered by a redirect"
    TOO_LARGE = "an upload is refused as too large (413)"
    UPLOAD_FAILS = "an upload breaks off"
    UPLOAD_401 = "an upload is begun, and the next request of it is refused (401)"
    LOCATION_WRONG = "an upload is sent on to another address than the one used"
    CHALLENGE_MISSING = "401 without WWW-Authenticate"
    CHALLENGE_FOREIGN = "two different realms ask for a login on one way"
    BROWSER_BLOCKED = "the browser keeps the answer from the page"
    PREFLIGHT_REFUSED = "the browser's preflight (OPTIONS) is refused"
    DELETE_REFUSED = "DELETE is refused (405)"
    NO_CREDENTIAL_SENT = "the client sends no login"
    TLS_FAILED = "the TLS connection fails"
    SCHEME_MIXED = "http is spoken to an https port or the reverse"
    TOKEN_REFUSED = "a token is refused"  # noqa: S105
    TOKEN_SERVICE = "the token service cannot be reached"  # noqa: S105
    FORWARD_PROXY = "a forward proxy answers instead of the registry"
    COMPOSE_REFUSED = "Compose refuses the project"
    NAME_UNKNOWN = "a name does not resolve"
    SLOW = "authenticated requests are slow"
    FAILURE = "something fails, nothing more is known"


class Certainty(IntEnum):
    """How surely a finding is true and does harm."""

    POSSIBLE = 1
    """It would explain the symptom; nothing shows that it is so."""
    READ = 2
    """Read in a file: so it is written, whether or not it is in force."""
    LOGGED = 3
    """A log or a client says it."""
    SEEN = 4
    """Seen on the wire, or proven by computation (bcrypt)."""
    PROVEN = 5
    """Seen and read: wire or log and file agree."""

    @property
    def words(self) -> str:
        """For people."""
        return _SURENESS[int(self)]


_SURENESS = {
    1: "only possible: nothing shows it",
    2: "read in a file",
    3: "said by a log or a client",
    4: "seen on the wire, or computed",
    5: "seen and read: what was observed and what the file says agree",
}


Cited = Literal["read", "said", "seen", "computed", "context"]
"""How we know a thing: a file says so; a log or a client says so; a request showed it; it follows by computation
(bcrypt); or it only helps to understand the others and proves nothing."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Subject:
    """What a thing is about, as far as its source tells; "" where it does not."""

    address: str = ""
    """host[:port] of the registry as the source writes it."""
    user: str = ""
    service: str = ""
    """The compose service (or container) that is at fault."""
    sites: tuple[str, ...] = ()
    """Host names that the proxy's site answers to."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvidenceItem:
    """One thing that was seen, and where: what = prose, where = "default.conf:12" or "GET … via"."""

    what: str
    where: str = ""
    cited: Cited = "context"
    about: Subject | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Refutation:
    """A cause that it is not, and why."""

    cause: str
    because: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Edit:
    """A change to a line of the user's own file, from which the diff is made.

    `old` is the text that must stand in that line (None: insert `new` after line `line`;
    0 is the top of the file). `new` None deletes the line. Text here is never a secret.
    """

    file: str
    line: int
    old: str | None
    new: str | None


@dataclass(frozen=True, slots=True)
class Row:
    """A request in a copy of the stack: what it got before the edits, and after them."""

    request: str
    before: str
    after: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Proof:
    """What shows that a fix mends: its edits made in memory and judged again, or run in a copy of the stack."""

    kind: Literal["predicted", "run", "none"] = "none"
    before: str = ""
    """What is shown without the edits; "" where nothing was tried."""
    after: str = ""
    """What is shown with them; with kind "none", why it proves nothing or that it failed."""
    rows: tuple[Row, ...] = ()
    """Of a copy of the stack: the requests that go wrong before or after, side by side."""
    twin: str = ""
    """Why the copy of the stack proves nothing; "" where none was asked for, or where it proves."""
    gaps: tuple[str, ...] = ()
    """What of the stack is not in its copy."""
    backend: str = ""
    """What the copy ran on."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Fix:
    """What to do: prose, commands, a patch where a file must change, and what proves it."""

    summary: str = ""
    commands: tuple[Command, ...] = ()
    patch: str | None = None
    verify: tuple[Command, ...] = ()
    applies: str = ""
    """How the change reaches the process; "" where the commands say it all."""
    edits: tuple[Edit, ...] = ()
    """Of which the patch is made; a finding's own where it names none itself."""
    proof: Proof = Proof()

    @property
    def command_lines(self) -> tuple[str, ...]:
        """What to type."""
        return tuple(map(str, self.commands))

    @property
    def verify_lines(self) -> tuple[str, ...]:
        """What shows that it is mended, each with the expected result as a comment."""
        return tuple(f"{c}   # {comment(c.expect)}" if c.expect else str(c) for c in self.verify)


@dataclass(frozen=True, slots=True, kw_only=True)
class Finding:
    """What a rule found: true as far as `certainty` goes, and what it explains."""

    cause: str
    summary: str
    certainty: Certainty
    explains: tuple[Symptom, ...] = ()
    evidence: tuple[EvidenceItem, ...] = ()
    hop: str = ""
    refuted: tuple[Refutation, ...] = ()
    fix: Fix = Fix()
    edits: tuple[Edit, ...] = ()
    unseen: tuple[Edit, ...] = ()
    """Edits of masked lines, which a command makes because no diff may quote them."""
    warning: bool = False
    """True and worth mending, but never the reason for a refused login."""
    proves: bool = False
    """It does harm by itself, even when no symptom was handed over (the files alone show it)."""
    supersedes: tuple[str, ...] = ()
    """Causes that are only the face of this one; they are dropped from the ranking when this one stands."""
    about: Subject | None = None
    """What it is about, where the citations do not tell it."""
    confidence: float = 0.0
    link: float = 0.9
    """How surely it concerns the incident: 1 it does, 0 it is about something else."""
    role: Literal["reason", "next obstacle", "rival"] = "reason"
    """Of a cause: the reason; what stands in the way once the reason is mended; or another explanation."""
    rule: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Check:
    """That a rule ran, and how it ended. Skipped and error are not passes."""

    rule: str
    step: Step
    outcome: Literal["pass", "fail", "skipped", "error"]
    reason: str = ""
    title: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sighting:
    """A symptom that was seen, with the places where."""

    symptom: Symptom
    evidence: tuple[EvidenceItem, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Folklore:
    """A belief that would tempt here, and what is true."""

    claim: str
    truth: str
    shown: str = ""
    where: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class NextStep:
    """One command to run or file to hand over, why, and which causes it tells apart."""

    why: str
    command: Command
    separates: tuple[str, ...] = ()
    gives: str = ""
    """The kind of evidence that it brings."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosis:
    """The verdict with everything that led to it."""

    verdict: Verdict
    causes: tuple[Finding, ...] = ()
    warnings: tuple[Finding, ...] = ()
    also_seen: tuple[Finding, ...] = ()
    """True, but about something else: another registry, site, user or time."""
    basis: Literal["traffic", "files"] | None = None
    """What a healthy verdict rests on."""
    next: NextStep | None = None
    """What separates the remaining candidates best; always there when inconclusive."""
    about: str = ""
    """The incident's subject in a line, for the first lines of every view."""
    checks: tuple[Check, ...] = ()
    symptoms: tuple[Sighting, ...] = ()
    folklore: tuple[Folklore, ...] = ()
    contradictions: tuple[EvidenceItem, ...] = ()
    odd_names: tuple[EvidenceItem, ...] = ()
    """Names from outside that entered no command, for they do not fit the grammar of their kind."""
    not_read: tuple[str, ...] = ()
    """Files and parts that were not read or not understood, each with its reason; also among what was not tested."""
    not_tested: tuple[str, ...] = ()
    first_bad_hop: str = ""
    """Name of the hop where it first goes wrong ("client", "ui -> registry", "registry"); "" when healthy."""

    @property
    def seen(self) -> tuple[Symptom, ...]:
        """The symptoms without their places."""
        return tuple(o.symptom for o in self.symptoms)

    @property
    def exit_code(self) -> int:
        """INTERFACE.md: 0 healthy, 3 fault, 4 warnings only, 5 inconclusive."""
        if self.verdict == "healthy":
            return 4 if self.warnings else 0
        return 3 if self.verdict == "fault" else 5
