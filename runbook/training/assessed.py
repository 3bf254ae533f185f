"""A round that is kept by the trainer: the server draws it, runs the stack, and holds the log and the clock.

The learner's side sends what is to be done and shows what comes back; it never has the seed, the stack or the log. Plain
HTTP on loopback by default; beyond that somebody who knows how puts TLS in front.
"""

import hashlib
import hmac
import json
import re
import secrets
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING, Any

from runbook.lab import LabError
from runbook.report.block import Block, para
from runbook.training import views
from runbook.training.practice import Practice
from runbook.training.seen import Observation

if TYPE_CHECKING:
    from runbook.widgets.lesson import Lesson

_LARGEST = 300_000
_ACTIONS: dict[str, Callable[..., Any]] = {
    name: getattr(Practice, name)
    for name in ("story", "ask", "look", "logs", "seen", "write", "edit", "run", "apply", "choices", "hint", "name", "rule_out", "check", "give_up", "debrief")
}  # fmt: skip
"""What a learner may do; nothing else of a round can be reached."""


def seed_for(secret: bytes, learner: str, step: str, number: int) -> int:
    """The seed of a learner's round: known to whoever has the secret of the class, and to nobody else."""
    made = hmac.new(secret, json.dumps([learner, step, number]).encode(), hashlib.sha256).digest()
    return int.from_bytes(made[:5], "big")


@dataclass(slots=True)
class Seat:
    """One learner of the class."""

    learner: str
    token: str = field(repr=False, default_factory=lambda: secrets.token_urlsafe(24))
    practice: Practice | None = None
    lock: threading.Lock = field(default_factory=threading.Lock, repr=False)


class Classroom:
    """A class with its server. Each learner has a token, one round, and a log on this side."""

    def __init__(
        self,
        secret: bytes,
        learners: list[str],
        step: str,
        folder: Path,
        number: int = 1,
        address: str = "127.0.0.1",
        port: int = 0,
        proxy: str = "",
    ) -> None:
        self._secret, self._step, self._number, self._proxy = secret, step, number, proxy
        self.folder = folder
        self.seats = {seat.token: seat for seat in map(Seat, learners)}
        handler = type("Handler", (_Handler,), {"room": self})
        self._server = ThreadingHTTPServer((address, port), handler)
        self._server.daemon_threads = True
        self.url = f"http://{address}:{self._server.server_address[1]}"

    def serve(self) -> None:
        """Answer until `close`."""
        self._server.serve_forever(poll_interval=0.2)

    def close(self) -> None:
        """Stop, seal every log and stop every stack."""
        self._server.shutdown()
        self._server.server_close()
        for seat in self.seats.values():
            with seat.lock:
                if seat.practice:
                    self._keep(seat)
                    seat.practice.close()

    def act(self, token: str, do: str, given: dict[str, Any]) -> dict[str, Any] | None:
        """Do one thing for the learner with that token; None for a token that nobody has."""
        seat = next((s for t, s in self.seats.items() if hmac.compare_digest(t.encode(), token.encode())), None)
        if seat is None:
            return None
        with seat.lock:
            if seat.practice is None:
                seed = seed_for(self._secret, seat.learner, self._step, self._number)
                seat.practice = Practice(self._step, seed, learner=seat.learner, assessed=True, proxy=self._proxy)
            answer = acted(seat.practice, do, given)
            self._keep(seat)
            return answer

    def _keep(self, seat: Seat) -> None:
        """Write the log down, sealed, after every step: whatever happens next, it is there."""
        if seat.practice is None:
            return
        log = seat.practice._log
        log.seal = log.sealed(self._secret)
        log.save(self.folder / f"{_file_name(seat.learner)}-{self._step}-{self._number}.jsonl")


def _file_name(learner: str) -> str:
    plain = re.sub(r"[^A-Za-z0-9_-]+", "_", learner)[:40] or "learner"
    return f"{plain}-{hashlib.sha256(learner.encode()).hexdigest()[:6]}"


def acted(practice: Practice, do: str, given: dict[str, Any]) -> dict[str, Any]:
    """Do one thing in a round: what is to be shown, and the state of the panel."""
    try:
        shown = _ACTIONS[do](practice, **given) if do in _ACTIONS else practice.story()
    except (TypeError, ValueError, AttributeError):
        shown = views.said("That cannot be done in this way.")
    except (LabError, OSError) as error:
        shown = views.said(str(error))
    return {"html": shown.html, "text": shown.text, "state": _state(practice)}


def _state(practice: Practice) -> dict[str, Any]:
    """What a panel of buttons needs to know; nothing of it is the answer."""
    return {
        "names": practice.names(),
        "users": list(practice.users()),
        "causes": list(practice.causes()),
        "seen": [
            {"number": o.number, "kind": o.kind, "what": o.what, "source": o.source} for o in practice.observations()
        ],
        "files": {name: practice.text(name) for name in practice.names()},
    }


class _Handler(BaseHTTPRequestHandler):
    room: Classroom
    timeout = 20
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        token = self.headers.get("Authorization", "").removeprefix("Bearer ")
        if not length.isdecimal() or int(length) > _LARGEST:
            self.close_connection = True
            return self._send(413, {"problem": "too much at once"})
        try:
            asked = json.loads(self.rfile.read(int(length)))
            do, given = asked["do"], asked["given"]
            if not isinstance(do, str) or not isinstance(given, dict):
                raise TypeError
        except (ValueError, TypeError, KeyError, RecursionError):
            return self._send(400, {"problem": "no such thing can be asked here"})
        answer = self.room.act(token, do, given)
        return self._send(200, answer) if answer else self._send(401, {"problem": "no learner has that token"})

    def _send(self, status: int, body: dict[str, Any]) -> None:
        data = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        self.end_headers()
        self.wfile.write(data)

    def log_message(self, format: str, *args: Any) -> None:
        """The log of the round is the only one."""


class Assessed:
    """A round that runs at the trainer's: the same calls as `Practice`, and the same buttons."""

    def __init__(self, url: str, token: str) -> None:
        self._url, self._token = url.rstrip("/"), token
        self.closed = False
        self._state: dict[str, Any] = {"names": [], "users": ["", ""], "causes": [], "seen": [], "files": {}}
        self._story = self._act("story")

    def __repr__(self) -> str:
        return "Assessed()"

    def _repr_html_(self) -> str:
        return self._story._repr_html_()

    def _act(self, do: str, **given: Any) -> Block:
        headers = {"Authorization": f"Bearer {self._token}"}
        import httpx  # not there in a browser, where nothing is handed in

        try:
            with httpx.Client(trust_env=False, timeout=60) as client:
                answer = client.post(f"{self._url}/act", json={"do": do, "given": given}, headers=headers)
            body = answer.json()
        except (httpx.HTTPError, httpx.InvalidURL, ValueError):
            return views.said("The server of the class does not answer.")
        if answer.status_code != 200 or not isinstance(body, dict):
            return Block(para(str(body.get("problem", "refused"))), str(body.get("problem", "refused")))
        self._state = body["state"]
        return Block(str(body["html"]), str(body["text"]))

    def story(self) -> Block:
        """The complaint and the way in."""
        return self._act("story")

    def ask(
        self, way: str = "direct", login: str = "right", path: str = "/v2/", method: str = "GET", expect: str = ""
    ) -> Block:
        """Send one request; `expect` is what you predict."""
        return self._act("ask", way=way, login=login, path=path, method=method, expect=expect)

    def look(self, name: str = "docker-compose.yml") -> Block:
        """Read a file of the project."""
        return self._act("look", name=name)

    def logs(self, service: str = "registry") -> Block:
        """Read what a container has printed."""
        return self._act("logs", service=service)

    def seen(self) -> Block:
        """Everything that was looked at."""
        return self._act("seen")

    def write(self, name: str, text: str) -> Block:
        """Write a file of the project."""
        return self._act("write", name=name, text=text)

    def edit(self, file: str, old: str, new: str) -> Block:
        """Replace a piece of a file."""
        return self._act("edit", file=file, old=old, new=new)

    def run(self, command: str) -> Block:
        """Type a command."""
        return self._act("run", command=command)

    def apply(self) -> Block:
        """Make the files effective."""
        return self._act("apply")

    def choices(self) -> Block:
        """The causes to choose from."""
        return self._act("choices")

    def hint(self) -> Block:
        """The next question."""
        return self._act("hint")

    def name(self, cause: str = "", cite: list[int] | None = None, instead_of: str = "") -> Block:
        """Name a cause."""
        return self._act("name", cause=cause, cite=cite or [], instead_of=instead_of)

    def rule_out(self, rival: str = "", cite: int | list[int] | None = None) -> Block:
        """Rule a look-alike out."""
        return self._act("rule_out", rival=rival, cite=cite)

    def check(self) -> Block:
        """How the answer stands."""
        return self._act("check")

    def give_up(self) -> Block:
        """See the solution."""
        return self._act("give_up")

    def debrief(self) -> Block:
        """What it was, after the round."""
        return self._act("debrief")

    def next(self) -> Block:
        """The trainer begins it."""
        return views.said("The next round of a class is begun by the trainer.")

    def path(self) -> Block:
        """A round of a class belongs to no path."""
        return views.said("This round is assessed; your own path is kept with rounds of your own.")

    def save(self, path: str = "") -> Block:
        """The log is at the trainer's."""
        return views.said("The server of the class keeps this round.")

    def close(self) -> Block:
        """The server stops the stack when the class is over."""
        return views.said("The server of the class stops the stack.")

    def names(self) -> list[str]:
        """The project's files."""
        return list(self._state["names"])

    def users(self) -> tuple[str, str]:
        """The person with the complaint, and a colleague."""
        first, second = self._state["users"]
        return first, second

    def causes(self) -> tuple[str, ...]:
        """The list to choose from."""
        return tuple(self._state["causes"])

    def observations(self) -> tuple[Observation, ...]:
        """What was looked at, for the list of citations."""
        return tuple(Observation(o["number"], o["kind"], o["what"], o["source"], "") for o in self._state["seen"])

    def text(self, name: str) -> str:
        """A file for editing."""
        return str(self._state["files"].get(name, ""))

    def panel(self, interactive: bool = True) -> "Block | Lesson":
        """The round with buttons."""
        if not interactive:
            return self.story()
        from runbook.widgets.lesson import Lesson

        return Lesson(self)


__all__ = ["Assessed", "Classroom", "acted", "seed_for"]
