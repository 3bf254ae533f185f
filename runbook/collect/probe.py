"""Asks a registry and its proxy: {direct, via} × {no, right, wrong login} × {ping, catalog, preflight}.

Read-only. Everything without a login goes in parallel. A login is tried with one request first; only a
login that was accepted everywhere is used in parallel, so a refused password is never sent twice at once.
"""

import asyncio
import importlib
import secrets
import ssl
import sys
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from urllib.parse import urljoin

import httpx

from runbook.collect.ask import PROBE, Answer, Question, answered, ask
from runbook.collect.certificate import shown_certificate
from runbook.collect.logins import Login
from runbook.collect.loopback import asked, compared
from runbook.collect.notes import plain_notes, proxy_notes
from runbook.collect.request import UsageError
from runbook.collect.resolve import fails_to_resolve, inner_of
from runbook.collect.tokens import asks_for_token, fetch
from runbook.collect.trust import context, of_docker, trust_notes
from runbook.collect.uploads import try_upload
from runbook.inside import transport
from runbook.model import PROBE_AGENT, PROBE_USER, Certificate, Exchange, Headers, Place, Problem, Route
from runbook.observe.signature import is_foreign, is_foreign_404, is_go_404, is_registrys
from runbook.redact import Vault
from runbook.urls import urlsplit
from runbook.wire import is_inside

_PREFLIGHT = "authorization"
_CONNECTIONS = 8
_REDIRECTS = 5
_CONNECTS_IN = 3.0
"""Seconds in which a machine that is there takes a connection, one lost packet included."""


@dataclass(frozen=True, slots=True)
class Target:
    """An address with the login that may be sent to it."""

    route: Route
    base: str
    login: Login | None


@dataclass(slots=True)
class Probing:
    """What came of it."""

    exchanges: list[Exchange] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)


def probe(
    targets: tuple[Target, ...],
    origin: str | None,
    vault: Vault,
    seconds: float,
    *,
    allow_writes: bool = False,
    cacert: str | None = None,
    in_clear: bool = False,
    progress: Callable[[str], None] = lambda _: None,
) -> Probing:
    """Ask all targets, within so many seconds altogether. `origin` is that of the page that may call the registry;
    without one nothing is asked as a page would: an invented origin is refused everywhere, which says nothing."""
    result = Probing(problems=[*proxy_notes(), *trust_notes(cacert, tuple(t.base for t in targets))])
    _complete(_Prober(targets, origin, vault, seconds, result, cacert, in_clear, progress).run(allow_writes))
    order = {target.route: n for n, target in enumerate(targets)}
    result.problems += plain_notes([(t.route, t.base) for t in targets], result.exchanges)
    result.exchanges.sort(key=lambda e: order.get(e.route, 9))
    return result


def _complete(asking: Coroutine[None, None, None]) -> None:
    """Run it to its end; in a thread of its own where a loop runs already, as in every cell of a notebook. In a browser
    there are no threads, and its loop can be entered again."""
    if is_inside() and not _can_wait():
        asking.close()
        raise UsageError(
            "In a browser a form cannot ask the lab: name the fault as lab_fault in the notebook's first cell."
        )
    if is_inside() or not _loop_runs():
        asyncio.run(asking)
        return
    with ThreadPoolExecutor(1) as pool:
        pool.submit(asyncio.run, asking).result()


def _can_wait() -> bool:
    """Whether a browser lets the code that runs now wait for its loop: that of a cell, not that of a button."""
    if sys.platform != "emscripten":
        return True
    ffi = importlib.import_module("pyodide.ffi")
    return bool(ffi.can_run_sync())


def _loop_runs() -> bool:
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return False
    return True


class _Prober:
    def __init__(
        self,
        targets: tuple[Target, ...],
        origin: str | None,
        vault: Vault,
        seconds: float,
        result: Probing,
        cacert: str | None,
        in_clear: bool,
        progress: Callable[[str], None],
    ) -> None:
        self.cacert, self.in_clear = cacert, in_clear
        self.targets, self.origin, self.vault, self.result, self.progress = targets, origin, vault, result, progress
        self.seconds, self.one = seconds, min(10.0, seconds / 2)
        self.wrong = Login(PROBE_USER, vault.password(secrets.token_urlsafe(18), PROBE_USER), wrong=True)

    async def run(self, allow_writes: bool) -> None:
        """All requests, within the time there is."""
        async with self._client(verify=any(t.base.startswith("https:") for t in self.targets)) as client:
            self.client = client
            try:
                async with asyncio.timeout(self.seconds):
                    await self._all(allow_writes)
            except TimeoutError:
                message = f"The time of {self.seconds:g} s was up before all requests were made (--timeout)."
                self.result.problems.append(Problem(place=Place("probe"), message=message))

    def _client(self, *, verify: bool) -> httpx.AsyncClient:
        limits = httpx.Limits(max_connections=_CONNECTIONS, max_keepalive_connections=_CONNECTIONS)
        agent = {"User-Agent": PROBE_AGENT, "Accept-Encoding": "identity", "Accept": "*/*"}
        own = {t.base: files for t in self.targets if t.base.startswith("https:") and (files := of_docker(t.base))}
        mounts = {
            _base(base): httpx.AsyncHTTPTransport(verify=context(self.cacert, files), limits=limits)
            for base, files in own.items()
        }
        return httpx.AsyncClient(
            verify=context(self.cacert) if verify else ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
            mounts=mounts,
            transport=transport(),
            trust_env=False,
            timeout=self._patience(),
            limits=limits,
            headers=agent,
        )

    def _patience(self) -> httpx.Timeout:
        """A connection is made at once or never; a response may take its time."""
        return httpx.Timeout(self.one, connect=min(_CONNECTS_IN, self.one))

    async def _all(self, allow_writes: bool) -> None:
        first = await self._reachable()
        alive = [t for t in self.targets if not is_dead_end(first[t.route])]
        reached = [t for t in alive if not self._is_not_the_api(t, first[t.route])]
        pages = [q for t in self.targets if first[t.route].status is not None for q in _page(t)]
        tokened = [t for t in reached if asks_for_token(first[t.route])]
        basic = [t for t in reached if t not in tokened]
        await asyncio.gather(
            self._at_once(pages),
            self._anonymous(basic),
            self._given(basic),
            self._wrong(basic),
            self._tokens(tokened, first),
        )
        if allow_writes:
            for target in reached:
                self.result.exchanges += await try_upload(
                    self.client, target.route, target.base, target.login, self.vault, self.one
                )

    async def _reachable(self) -> dict[Route, Exchange]:
        """The first answer on each route. The other names of a machine are asked meanwhile, so that a slow one is
        waited for once."""
        answers = await asyncio.gather(*(self._greet_and_compare(t) for t in self.targets))
        await asyncio.gather(*(self._follow(answer) for answer in answers if _target(answer)))
        return {answer.exchange.route: answer.exchange for answer in answers}

    def _is_not_the_api(self, target: Target, first: Exchange) -> bool:
        """Whether what answers is surely no registry: another program, to which a login must not go."""
        if is_go_404(first) or not (is_foreign(first) or is_foreign_404(first)):
            return False
        if target.login is not None:
            message = (
                f"The login was not sent to {urlsplit(target.base).netloc}: what answers there at {first.path} "
                f"({first.status}) is not a registry."
            )
            self.result.problems.append(Problem(place=Place("probe"), message=message, kind="not-the-api"))
        return True

    async def _follow(self, first: Answer) -> None:
        """Where a redirected ping leads, without a login: it was given for this address only.

        Within the same host (another scheme or port) it is followed where it leads to the API; anything else is said.
        A server must not choose what this machine asks for and whom: the name may have got another address meanwhile,
        too. Of what answers on another port nothing but its head is kept.
        """
        answer, seen = first, {first.exchange.url}
        async with self._client(verify=True) as client:
            while (target := _target(answer)) and target not in seen and len(seen) <= _REDIRECTS:
                parts = urlsplit(target)
                if parts.hostname != urlsplit(first.exchange.url).hostname or "/v2" not in parts.path:
                    self._elsewhere(first.exchange.url, _base(target), followed=False)
                    return
                if await inner_of(parts.hostname or "", first.peer, self.one):
                    self._elsewhere(first.exchange.url, "an inner address under the same name", followed=False)
                    return
                seen.add(target)
                path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
                question = Question(first.exchange.route, f"{parts.scheme}://{parts.netloc}", "GET", path)
                answer = await self._asked(question, client, bare=_base(target) != _base(first.exchange.url))
        if _base(answer.exchange.url) != _base(first.exchange.url):
            self._elsewhere(first.exchange.url, _base(answer.exchange.url), followed=True)

    def _elsewhere(self, first: str, base: str, *, followed: bool) -> None:
        shown = "No login is sent there, as it was" if followed else "That was not followed: address and login were"
        message = f"{_base(first)} redirects to {base}. {shown} given for another address. To try it there, give that address instead."
        self.result.problems.append(Problem(place=Place("probe"), message=message))

    async def _greet_and_compare(self, target: Target) -> Answer:
        """The first answer. The other names of this machine are asked too, where the target is on loopback; only
        differences are said."""

        def ping(base: str) -> Awaitable[Exchange]:
            same_host = (("Host", urlsplit(target.base).netloc),)
            return ask(
                self.client, Question(target.route, base, "GET", "/v2/", headers=same_host), self.vault, self.one
            )

        answer, others = await asyncio.gather(self._greet(target), asked(target.base, ping))
        if answer.exchange.error in (None, "refused", "dns"):
            self.result.problems += compared(target.base, answer.exchange, others)
        return answer

    async def _greet(self, target: Target) -> Answer:
        """The first request to an address, unless its name leads nowhere."""
        parts = urlsplit(target.base)
        host = parts.hostname or ""
        why = await fails_to_resolve(host, self.one)
        if why is None and parts.scheme == "https":
            port = parts.port or 443
            shown = asyncio.create_task(shown_certificate(host, port, self.vault, self.one))
            return await self._asked(_ping(target, None), shown=shown)
        if why is None:
            return await self._asked(_ping(target, None))
        url = f"{target.base}/v2/"
        nowhere = Exchange(
            source=PROBE, method="GET", url=url, route=target.route, error="dns", detail=self.vault.mask(why, 300)
        )
        self.result.exchanges.append(nowhere)
        return Answer(nowhere)

    async def _anonymous(self, targets: Iterable[Target]) -> None:
        await self._at_once(q for t in targets for q in self._further(t, None))

    async def _given(self, targets: list[Target]) -> None:
        """The user's login: one ping after the other; the rest in parallel only if none was refused."""
        asked = [t for t in targets if t.login]
        answers = [(t, await self._ask(_ping(t, t.login))) for t in asked]
        rest = [(*self._further(t, t.login), *self._from_page(t)) for t, a in answers if not is_dead_end(a)]
        if all(a.status is not None and a.status < 400 for _, a in answers):
            await self._at_once(q for questions in rest for q in questions)
        else:
            for questions in rest:
                await self._in_turn(questions)

    async def _tokens(self, targets: Iterable[Target], first: dict[Route, Exchange]) -> None:
        """Where a token is asked for: the realm once, then the ping with what it gives."""
        for target in targets:
            answer = first[target.route]
            self.progress(f"asking the token service for {target.base}")
            async with self._client(verify=True) as client:
                got = await fetch(client, answer, target.login, self.vault, self.one, in_clear=self.in_clear)
            self.result.exchanges.append(got.exchange)
            self.result.problems += [got.problem] if got.problem else []
            if got.token is not None:
                await self._ask(Question(target.route, target.base, "GET", "/v2/", got.token))

    async def _wrong(self, targets: Iterable[Target]) -> None:
        for target in targets:
            await self._in_turn((_ping(target, self.wrong), *self._further(target, self.wrong)))

    async def _at_once(self, questions: Iterable[Question]) -> None:
        await asyncio.gather(*(self._ask(q) for q in questions))

    async def _in_turn(self, questions: Iterable[Question]) -> None:
        """One after the other; no more once nobody is behind the answers."""
        for question in questions:
            if is_dead_end(await self._ask(question)):
                return

    async def _ask(self, question: Question) -> Exchange:
        return (await self._asked(question)).exchange

    async def _asked(
        self,
        question: Question,
        client: httpx.AsyncClient | None = None,
        shown: Awaitable[Certificate | None] | None = None,
        *,
        bare: bool = False,
    ) -> Answer:
        who = "without a login" if question.login is None else "wrong login" if question.login.wrong else "your login"
        self.progress(f"asking {question.method} {question.base}{question.path.partition('?')[0]} ({who})")
        answer = await answered(client or self.client, question, self.vault, self.one)
        if shown is not None:
            answer = replace(answer, exchange=replace(answer.exchange, certificate=await shown))
        if bare:
            answer = replace(answer, exchange=replace(answer.exchange, body=""))
        self.result.exchanges.append(answer.exchange)
        return answer

    def _further(self, target: Target, login: Login | None) -> tuple[Question, ...]:
        catalog = Question(target.route, target.base, "GET", "/v2/_catalog", login)
        if self.origin is None:
            return (catalog,)
        preflight: Headers = (
            ("Origin", self.origin),
            ("Access-Control-Request-Method", "GET"),
            ("Access-Control-Request-Headers", _PREFLIGHT),
        )
        return catalog, Question(target.route, target.base, "OPTIONS", "/v2/_catalog", login, preflight)

    def _from_page(self, target: Target) -> tuple[Question, ...]:
        """What a browser sends from a page of that origin once it has a login."""
        if self.origin is None:
            return ()
        return (Question(target.route, target.base, "GET", "/v2/", target.login, (("Origin", self.origin),)),)


def is_dead_end(answer: Exchange) -> bool:
    """Whether asking more is of no use: no answer came, or a proxy says that nobody is behind it.

    The registry's own 503 (its JSON) is an answer like any other.
    """
    return answer.status is None or (answer.status in (502, 503, 504) and not is_registrys(answer))


def _ping(target: Target, login: Login | None) -> Question:
    return Question(target.route, target.base, "GET", "/v2/", login)


def _page(target: Target) -> tuple[Question, ...]:
    """The UI's own page tells whether it proxies or lets the browser ask the registry itself."""
    return (Question(target.route, target.base, "GET", "/"),) if target.route == "via" else ()


def _target(answer: Answer) -> str | None:
    """Where an answer sends the client, if that is an address of the web without a login in it."""
    if answer.exchange.status not in (301, 302, 303, 307, 308):
        return None
    try:
        target = urljoin(answer.exchange.url, answer.location)
    except ValueError:
        return None
    parts = urlsplit(target)
    return target if parts.scheme in ("http", "https") and parts.hostname and "@" not in parts.netloc else None


def _base(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"
