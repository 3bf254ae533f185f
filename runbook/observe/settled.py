"""The last state counts: a failure that the same subject left behind with a later success explains nothing now."""

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

from runbook.lazy import re
from runbook.model import Exchange, LogEvent, LoggedRequest, Message, Symptom
from runbook.observe.observation import OVER, Observation, is_later
from runbook.observe.words import FATAL

S = Symptom
Success = Literal["login", "response", "upload", "page", "delete", "refusal", "start"]

_LOGIN = (
    S.LOGIN_401, S.LOGIN_401_DIRECT, S.LOGIN_401_VIA, S.LOGIN_400, S.NO_CREDENTIAL_SENT, S.TOKEN_REFUSED,
    S.TOKEN_SERVICE, S.FAILURE,
)  # fmt: skip
NEEDS: dict[Symptom, Success] = {
    **dict.fromkeys(_LOGIN, "login"),
    **dict.fromkeys((S.TOO_LARGE, S.UPLOAD_FAILS, S.UPLOAD_401, S.LOCATION_WRONG), "upload"),
    **dict.fromkeys((S.BROWSER_BLOCKED, S.PREFLIGHT_REFUSED), "page"),
    **dict.fromkeys((S.OPEN_DIRECT, S.OPEN_VIA, S.PING_OPEN, S.CHALLENGE_MISSING), "refusal"),
    S.DELETE_REFUSED: "delete",
    S.NOT_STARTED: "start",
    S.CHALLENGE_FOREIGN: "login",
}
"""Symptom → the kind of success that shows it to be over; all others are over with any response of the API."""


@dataclass(slots=True)
class _Group:
    """Successes of one kind, by one witness, at one address, of one user, on one record: the last of them."""

    kind: Success
    last: Observation


@dataclass(slots=True)
class Successes:
    """What went well, kept so that "was there a later success?" costs little."""

    one_way: bool = False
    """Whether all that passes a proxy passes the same one, to the same registry."""
    groups: dict[tuple[object, ...], _Group] = field(default_factory=dict)
    by_kind: dict[Success, list[_Group]] = field(default_factory=dict)

    def add(self, observation: Observation) -> None:
        """Note an observation under each kind of success that it is."""
        for kind in kinds_of(observation):
            key = (kind, observation.witness, observation.source.file, observation.service, observation.route,
                   observation.address, observation.user, observation.login, _asked(observation), _where(observation),
                   _image(observation) if kind == "upload" else "")  # fmt: skip
            known = self.groups.get(key)
            if known is None:
                self.groups[key] = _Group(kind, observation)
                self.by_kind.setdefault(kind, []).append(self.groups[key])
            elif is_later(observation, known.last):
                known.last = observation

    def after(self, failure: Observation, symptom: Symptom) -> Observation | None:
        """A success that ended the failure, or None."""
        kind = "upload" if symptom in _ABOUT_A_PUSH and _is_push(failure) else NEEDS.get(symptom, "response")
        image = _image(failure) if kind == "upload" else ""
        chance = isinstance(failure.record, LogEvent) and failure.record.meaning == "upload-secret"
        kind = "start" if chance else kind  # which of the instances gets the next part of an upload is chance
        for group in self.by_kind.get(kind, ()):
            last = group.last
            if chance and not isinstance(last.record, LogEvent):
                continue
            if image and _image(last) not in ("", image):
                continue  # a small image that goes up mends no big one, and rights differ by name
            if not is_later(last, failure) or not _by_the_servers_clock(last, failure):
                continue
            if not (
                _same_subject(last, failure, kind)
                or (symptom is S.LOGIN_400 and _file_is_read(last, failure))
                or (self.one_way and (_through_the_proxy(last, failure, kind) or _typed_again(last, failure)))
            ):
                continue
            if symptom is S.PROXY_NOT_STARTED and last.route != "via" and last.service != failure.service:
                continue  # the registry's own response says nothing of the proxy
            if kind == "page" and failure.status and last.status != failure.status:
                continue  # what a page may read of a 200 says nothing of the 401 before it
            if (
                symptom in _ANY_PATH
                or (image and _image(last) == image)
                or _same_request(last, failure)
                or (kind == "login" and _same_account(last, failure))
                or (self.one_way and _own_word(last, failure))
            ):
                return last
        return None


_ABOUT_A_PUSH = (
    S.LOGIN_401, S.LOGIN_401_DIRECT, S.LOGIN_401_VIA, S.FORBIDDEN, S.FAILURE, S.NOT_THE_API, S.TOKEN_REFUSED,
)  # fmt: skip
"""Symptoms that a login does not show to be over, where they met a push."""


def _is_push(observation: Observation) -> bool:
    """Whether it was an upload that failed, by its request or by the command that was typed."""
    record = observation.record
    if isinstance(record, Message):
        return record.call is not None and record.call.verb == "push"
    return isinstance(record, LoggedRequest) and observation.method in ("PATCH", "PUT") and observation.user is not None


def _image(observation: Observation) -> str:
    """The name of the image that was pushed, as the command or the request tells it; "" where neither does."""
    record = observation.record
    if isinstance(record, Message):
        return record.call.image if record.call else ""
    found = _OF_IMAGE.match(observation.path)
    return found[1] if found else ""


_OF_IMAGE = re.compile(r"/v2/(\S{1,255}?)/(?:blobs|manifests)/")


def successes(observations: Iterable[Observation], *, one_way: bool = False) -> Successes:
    """All successes among observations that show nothing wrong."""
    found = Successes(one_way=one_way)
    for observation in observations:
        if observation.voice == "program":
            found.add(observation)
    return found


def _where(observation: Observation) -> tuple[str, str]:
    """What was asked for, since a later success elsewhere must not hide the one that counts: of logs, which know many
    paths, only the two that every client asks."""
    path = observation.path.rstrip("/")
    if not isinstance(observation.record, Exchange) and path not in ("/v2", "/v2/_catalog"):
        path = ""
    return observation.method, path


def _asked(observation: Observation) -> tuple[object, ...]:
    """What a client may change from one try to the next: a success with another scheme, Host or program is no end of
    the failure but a difference, which is evidence of its own."""
    record = observation.record
    if isinstance(record, LoggedRequest):
        return record.remote, record.agent
    if not isinstance(record, Exchange):
        return ()
    sent = {n.lower(): v for n, v in record.request_headers if n.lower() in _TELLING}
    scheme, _, rest = record.url.partition("://")
    if sent.get("host") == rest.partition("/")[0]:
        del sent["host"]  # our probes do not tell what goes without saying
    agent = sent.get("user-agent", "").split("/")[0]
    return (scheme, *(sent.get(n, "") for n in _TELLING if n != "user-agent"), agent)


_TELLING = ("host", "origin", "user-agent", "x-forwarded-proto", "x-forwarded-host", "forwarded")
_ANY_PATH = (
    S.UNREACHABLE, S.EMPTY_REPLY, S.TIMEOUT, S.HANDSHAKE_TIMEOUT, S.BAD_GATEWAY, S.UNAVAILABLE, S.GATEWAY_TIMEOUT,
    S.NAME_UNKNOWN, S.TOO_LARGE, S.UPLOAD_FAILS, S.UPLOAD_401, S.LOCATION_WRONG, S.NOT_STARTED,
)  # fmt: skip
"""Symptoms of the connection or of an upload: any path of the API shows that they are over."""


def kinds_of(observation: Observation) -> tuple[Success, ...]:
    """What kind of success an observation is; empty for a failure."""
    record = observation.record
    if isinstance(record, LogEvent):
        return ("start",) if record.meaning == "listening" else ()
    if isinstance(record, Message):
        return {"login-ok": ("response", "login"), "transfer-ok": ("response", "login", "upload")}.get(record.kind, ())  # type: ignore[return-value]
    status = observation.status or 0
    if "/v2" not in observation.path:
        return ()
    if status == 401:
        challenged = record.header("WWW-Authenticate") if isinstance(record, Exchange) else True
        return ("response", "start", "refusal") if challenged and observation.login != "sent" else ()
    if not observation.ok or (isinstance(record, Exchange) and (record.is_html or _wrong_on_purpose(record))):
        return ()
    found: list[Success] = ["response", "start"]
    if observation.login == "sent" or (isinstance(record, LoggedRequest) and record.logger == "registry"):
        found.append("login")
    if observation.method in ("PUT", "PATCH") or (observation.method == "POST" and status == 201):
        found.append("upload")
    if observation.method == "DELETE":
        found.append("delete")
    if observation.witness == "browser" or (isinstance(record, LoggedRequest) and "Mozilla/" in record.agent):
        found.append("page")
    return tuple(found)


def _wrong_on_purpose(exchange: Exchange) -> bool:
    return exchange.credential is not None and exchange.credential.intent == "wrong"


def _same_subject(success: Observation, failure: Observation, kind: Success) -> bool:
    """Whether a success is of the same place, user and way as the failure."""
    if kind == "start":
        return success.service == failure.service or not (success.service and failure.service)
    if not _same_place(success, failure) or _typed_elsewhere(success, failure, kind):
        return False
    if kind in ("login", "upload") and success.user and failure.user and success.user != failure.user:
        return False
    if kind == "login" and _is_another_peer(success, failure):
        return False
    if kind != "login" or success.own or (success.user is not None and success.user == failure.user):
        return True
    if success.witness in ("registry", "proxy"):
        return failure.user is not None and _same_client(success, failure)
    return success.source.file == failure.source.file


def _through_the_proxy(success: Observation, failure: Observation, kind: Success) -> bool:
    """Whether a client was served through the proxy in whose log the failure stands: its lines hardly ever tell the
    address that was asked. Of a login the same user; an upload's refusal names none."""
    if failure.witness != "proxy" or success.witness != "client":
        return False
    if success.route != "via" and not (isinstance(success.record, Message) and success.route == "unknown"):
        return False
    if success.address and failure.address and not success.address.may_be(failure.address):
        return False
    same = (success.user is not None and success.user == failure.user) or _own_word(success, failure)
    return same or (kind == "upload" and (failure.user is None or success.user is None))


def _by_the_servers_clock(success: Observation, failure: Observation) -> bool:
    """Whether the hours do not say otherwise. Transcripts tell the server's and our questions our own, which may be behind
    or ahead of it: of those the hour in the answer counts."""
    if not (success.own or failure.own):
        return True
    last, first = (
        replace(o.record, when=None).made if o.own and isinstance(o.record, Exchange) else o.when
        for o in (success, failure)
    )
    return last is None or first is None or int(last) >= int(first)


def _typed_again(success: Observation, failure: Observation) -> bool:
    """Whether the proxy's log tells that the request that a client printed was asked again and served: by the same user
    with the same program, which stores no login (docker's may be stale on one machine and right on another)."""
    if success.witness != "proxy" or failure.witness != "client" or failure.route != "via" or not failure.user:
        return False
    return success.user == failure.user and success.agent == failure.agent and failure.agent.startswith(_TYPED)


def _own_word(success: Observation, failure: Observation) -> bool:
    """Whether the program that a proxy's log names said later itself that it was served."""
    one, other = success.record, failure.record
    if not isinstance(one, Message) or not isinstance(other, LoggedRequest) or not one.tool:
        return False
    return one.tool == other.agent.split("/")[0].lower().removesuffix(
        "-client"
    )  # docker without an engine: Docker-Client/28


def _file_is_read(success: Observation, failure: Observation) -> bool:
    """Whether the registry that refused its whole password file let somebody in later: the file is nobody's trouble now."""
    return success.witness == failure.witness == "registry" and success.service == failure.service


def _typed_elsewhere(success: Observation, failure: Observation, kind: Success) -> bool:
    """Whether the two commands were typed on two machines or, where it is about a login, as two users, with two files of
    logins, or one to push and one to pull: no end of the failure, but a difference."""
    one, other = (o.record.call if isinstance(o.record, Message) else None for o in (success, failure))
    if one is None or other is None:
        return False
    if one.machine and other.machine and one.machine != other.machine:
        return True
    if kind == "response":
        return False
    roots = (one.account == "root") != (other.account == "root")
    named = bool(one.account and other.account) and one.account != other.account
    return roots or named or one.config != other.config or (one.verb, other.verb) == ("pull", "push")


def _same_request(success: Observation, failure: Observation) -> bool:
    """Whether both asked for the same thing; what one of them does not tell does not part them."""
    one, other = success.record, failure.record
    if isinstance(one, Exchange) and isinstance(other, Exchange) and _asked(success) != _asked(failure):
        ours = failure.own and _asked(success)[:-1] == _asked(failure)[:-1]  # of a run before, but for how it signs
        return ours or (success.own and failure.witness != "browser")
    if failure.login == "none" and success.login == "sent":
        return False
    if failure.path.startswith("//"):
        return True  # what a proxy made of the API's path: any response of the API shows that it does so no more
    told = success.path and failure.path
    return not told or (success.path.rstrip("/") == failure.path.rstrip("/") and success.method == failure.method)


def _same_account(success: Observation, failure: Observation) -> bool:
    """Whether the registry's log tells of the same user with the same program in both, or of the same peer: who gets in
    there may ask for anything. A password that was typed by hand is left behind by any program of that user's."""
    if not (success.witness == failure.witness == "registry" and failure.user):
        return False
    if success.user is None:
        return _same_client(success, failure)
    if success.user != failure.user:
        return False
    typed = failure.agent.startswith(_TYPED) and success.source.file == failure.source.file and success.user is not None
    return typed or success.agent == failure.agent != ""


_TYPED = ("curl/", "Wget/", "HTTPie/", "xh/")
"""Programs that store no login: what was typed for one request is gone, whereas docker's stored one fails again."""


def _same_client(success: Observation, failure: Observation) -> bool:
    """Whether two lines of logs are of the same peer and program."""
    one, other = success.record, failure.record
    if isinstance(one, LoggedRequest) and isinstance(other, LoggedRequest):
        return (one.remote, one.agent) == (other.remote, other.agent)
    return False


def _is_another_peer(success: Observation, failure: Observation) -> bool:
    """Whether two lines of logs tell of two machines: an account may be right on one and wrong on the other."""
    one, other = (o.record.remote if isinstance(o.record, LoggedRequest) else "" for o in (success, failure))
    return bool(one and other) and one != other and not {one, other} <= _LOOPBACK


_LOOPBACK = frozenset(("127.0.0.1", "::1", "[::1]"))


def _same_place(success: Observation, failure: Observation) -> bool:
    one, other = success.address, failure.address
    known = one is not None and other is not None
    if one is not None and other is not None:
        clients = success.witness == failure.witness == "client"  # a log's Host may have lost its port on the way
        if not one.may_be(other) or (clients and one.is_beside(other)):
            return False
    thread = success.source.file == failure.source.file or failure.source.era == OVER
    if known and thread and success.source.era > failure.source.era:
        return True  # what a later mail of the thread shows was tried after what it quotes, by whatever program
    typed = isinstance(success.record, Exchange) and _tool(failure) == "curl"
    if isinstance(success.record, Exchange) and isinstance(failure.record, Message) and not (success.own or typed):
        return False  # curl succeeds where docker fails: no end of it, but a difference
    if isinstance(success.record, Message) and not isinstance(failure.record, Message):
        return False
    if _tool(success) != _tool(failure) and not typed:
        return False  # docker's success is not kaniko's
    if success.route != failure.route and "unknown" not in (success.route, failure.route):
        return False
    logs = {"registry", "proxy"}
    if success.witness != failure.witness and {success.witness, failure.witness} == logs:
        return False  # what the registry serves to one client says nothing of what a proxy makes of another
    return known or success.source.file == failure.source.file or _same_logger(success, failure) or success.own


def _tool(observation: Observation) -> str | None:
    """The client whose message it is; None for what is no client's message."""
    return observation.record.tool if isinstance(observation.record, Message) else None


def _same_logger(success: Observation, failure: Observation) -> bool:
    return (
        success.witness == failure.witness
        and success.witness in ("registry", "proxy")
        and success.service == failure.service
    )


def ends_in_a_crash(events: Iterable[LogEvent]) -> frozenset[str | None]:
    """Services whose last word is a fatal error, with no start after it."""
    state: dict[str | None, bool] = {}
    known: dict[str | None, float] = {}
    for event in events:
        if event.when is not None:
            if event.when < known.get(event.service, event.when):
                continue  # of an older file: what came after it is known already
            known[event.service] = event.when
        if event.meaning == "listening" or event.meaning in FATAL:
            state[event.service] = event.meaning in FATAL
    return frozenset(service for service, crashed in state.items() if crashed)
