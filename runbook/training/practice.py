"""A round of practice as a notebook holds it: predict, ask, look, name the cause, rule a rival out, fix it, check."""

import atexit
import copy
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from runbook import __version__
from runbook.lab import Lab, LabError
from runbook.lab.hashes import apr1_line, htpasswd_line, sha_line
from runbook.model import PROBE_USER
from runbook.report.block import Block
from runbook.training import docker, project, views, wishes
from runbook.training.catalogue import CATALOGUE, DOCKER
from runbook.training.draw import FINAL, HEALTHY, Round, draw, parse_link
from runbook.training.judge import HINT_COST, Answer, Verdict, judge
from runbook.training.log import MOST, Log
from runbook.training.seen import Asked, Kind, Observation, digest

if TYPE_CHECKING:
    from runbook.widgets.lesson import Lesson

Way = Literal["direct", "ui", "docker"]
Login = Literal["right", "wrong", "none", "colleague"]
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "DELETE")
BLIND = 2
"""Requests that are sent before files and logs open: what people feel comes first."""
_LARGEST = 100_000
"""Characters of a file of the project, and of what one look keeps of a log."""
_NO_COMPLAINT = "Somebody saw the status 401 in the registry's log and asks whether something is broken."
_OPEN = 0o002


class Practice:
    """One round. The stack runs on this machine until `close`, or until the notebook's kernel ends.

    Every method gives a `Block`, which shows itself. What is wrong in the way of asking is a sentence
    in it, not an exception, so that a notebook always runs to its end.
    """

    def __init__(
        self,
        name: str = FINAL,
        seed: int = 0,
        faults: int | None = None,
        learner: str = "",
        workspace: str = "",
        *,
        only: str = "",
        catalogue: int = CATALOGUE,
        assessed: bool = False,
        proxy: str = "",
    ) -> None:
        self._drawn: Round = draw(name, seed, faults, catalogue, only, proxy)
        self._began, self._assessed = time.monotonic(), assessed
        self.closed = False
        """Whether the stack was stopped."""
        self._lab = Lab(backend="embedded", plan=copy.deepcopy(self._drawn.plan)).start()
        atexit.register(self._lab.close)
        self._plan = self._lab.plan
        for port in ("registry_port", "ui_port", "inner_port"):
            setattr(self._drawn.plan, port, getattr(self._plan, port))
        self._log = Log(name, seed, faults, only, learner[:200], __version__, catalogue, proxy=proxy)
        self._log.ports = [self._plan.registry_port, self._plan.ui_port]
        self._answer = Answer()
        self._broken = next(wishes.failing(self._lab, self._plan), None)
        told = self._broken.complaint if self._broken else _NO_COMPLAINT
        self._complaint = told.format(user=self._plan.user, colleague=self._plan.colleague)
        self._lab.exercise()
        self.folder = Path(workspace) if workspace else self._lab.home / "work"
        """The project's files, for the learner to edit."""
        project.write(self._plan, self.folder)
        self._names_at_first = frozenset(self._bytes())
        self._open_at_first = frozenset[str]()
        self._open_at_first = frozenset(self._world_writable())
        self._known = self._state()
        self._answer.files = self._known[0]
        self._in_force = self._known

    @classmethod
    def again(cls, link: str, learner: str = "") -> "Practice":
        """The round that somebody shared: `headers.17.1`."""
        name, seed, catalogue, proxy = parse_link(link)
        return cls(name, seed, learner=learner, catalogue=catalogue, proxy=proxy)

    def __repr__(self) -> str:
        return f"Practice({self._drawn.link})"

    def _repr_html_(self) -> str:
        return self.story()._repr_html_()

    @property
    def link(self) -> str:
        """The round as a word to share."""
        return self._drawn.link

    def close(self) -> Block:
        """Stop the stack."""
        self._lab.close()
        atexit.unregister(self._lab.close)
        self.closed = True
        return views.said("The stack is stopped.")

    # looking

    def story(self) -> Block:
        """What somebody complains about, and what there is to look at."""
        link = "assessed" if self._assessed else self._drawn.link
        return views.story(self._complaint, self._plan, self.names(), link, self._drawn.name)

    def ask(
        self, way: Way = "direct", login: Login = "right", path: str = "/v2/", method: str = "GET", expect: str = ""
    ) -> Block:
        """Send one request, directly to the registry or through the UI, and see the answer; `expect` is what you predict.
        Where a docker client takes part, "docker" lets it push with the login that it keeps."""
        if way == DOCKER and docker.takes_part(self._plan):
            login, path, method = "right", docker.PUSH.path, "PUT"
        elif (
            way not in ("direct", "ui")
            or login not in ("right", "wrong", "none", "colleague")
            or not path.startswith("/")
        ):
            return views.said('Ask "direct" or "ui", with the login "right", "wrong", "none" or "colleague".')
        elif method not in METHODS or len(path) > 300 or not path.isprintable() or " " in path:
            return views.said(f"The method is one of {', '.join(METHODS)}, the path one without blanks.")
        asked = Asked(way, login, path, method)
        first = all(o.asked != asked for o in self._answer.seen)
        predicted = expect.strip()[:40] if first else ""
        given = {"way": way, "login": login, "path": path, "method": method}
        if predicted:
            self._did("predict", {**given, "expect": predicted})
        text, status = self._send(asked)
        what = f"{asked.words()}: {status}"
        return self._see("ask", given, "request", what, way, text, status, asked, predicted)

    def _send(self, asked: Asked) -> tuple[str, str]:
        return send(asked, self._plan)

    def look(self, name: str = project.COMPOSE) -> Block:
        """Read a file of the project."""
        files = self._files()
        if name not in files:
            return views.said(f"There is no file {name!r}; there are {', '.join(sorted(files))}.")
        if blind := self._blind():
            return blind
        return self._see("look", {"name": name}, "file", name, name, files[name])

    def logs(self, service: Literal["registry", "ui"] = "registry") -> Block:
        """Read what a container has printed since it was created."""
        texts = self._lab.logs()
        if service not in texts:
            return views.said('There are the logs of "registry" and "ui".')
        if blind := self._blind():
            return blind
        text = texts[service][-_LARGEST:]
        return self._see("logs", {"service": service}, "log", f"log of the {service}", service, text)

    def seen(self) -> Block:
        """Everything that was looked at, with the numbers to cite."""
        return views.seen(self._answer.seen)

    def _blind(self) -> Block | None:
        left = BLIND - len({o.asked for o in self._answer.seen if o.asked})
        if left <= 0:
            return None
        return views.said(
            f"Files and logs open after {BLIND} different requests: ask {left} more first, and predict the answer."
        )

    def _see(
        self, do: str, given: dict[str, Any], kind: Kind, what: str, source: str, text: str, status: str = "",
        asked: Asked | None = None, predicted: str = "",
    ) -> Block:  # fmt: skip
        observation = Observation(
            len(self._answer.seen) + 1, kind, what, source, text, status, asked, predicted, self._answer.attempts == 0
        )
        # A log may lack the line of the request that was answered a moment ago: it is read again, not compared.
        self._did(do, given, "" if kind == "log" else digest(kind, text, self._plan))
        self._answer.seen.append(observation)
        return views.observation(observation)

    # what a panel of buttons needs to know

    def names(self) -> list[str]:
        """The project's files."""
        return sorted(self._bytes())

    def users(self) -> tuple[str, str]:
        """The person with the complaint, and a colleague."""
        return self._plan.user, self._plan.colleague

    def causes(self) -> tuple[str, ...]:
        """The list to choose from, as names."""
        return self._drawn.choices

    def observations(self) -> tuple[Observation, ...]:
        """Everything that was looked at."""
        return tuple(self._answer.seen)

    def text(self, name: str) -> str:
        """A file as it is shown for editing; "" while files are closed."""
        return "" if self._blind() else self._files().get(name, "")

    def panel(self, interactive: bool = True) -> "Block | Lesson":
        """The round with buttons; with interactive=False its story, and no widget at all."""
        if not interactive:
            return self.story()
        from runbook.widgets.lesson import Lesson

        return Lesson(self)

    # fixing

    def write(self, name: str, text: str) -> Block:
        """Write a file of the project whole; `apply` makes it effective."""
        path = self._path(name)
        if path is None or path.is_dir() or not name:
            return views.said(f"{name!r} is no file of the project; nothing was written.")
        if len(text) > _LARGEST:
            return views.said(f"{name} was not written: it is larger than {_LARGEST} characters.")
        before = self._files().get(name)
        if before != text:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode("utf-8", "surrogateescape"))
        return views.said(f"{name} is {'unchanged' if before == text else 'written'}. apply() makes it effective.")

    def edit(self, file: str, old: str, new: str) -> Block:
        """Replace a piece of a file that stands there exactly once; `apply` makes it effective."""
        path = self._path(file)
        if path is None or not path.is_file():
            return views.said(f"There is no file {file!r} in the project.")
        text = path.read_bytes()
        count = text.count(old.encode()) if old else 0
        if count != 1:
            return views.said(f"{file} was not changed: that piece is there {count} times, not once.")
        path.write_bytes(text.replace(old.encode(), new.encode()))
        return views.said(f"{file} is changed. apply() makes it effective.")

    def run(self, command: str) -> Block:
        """Type `htpasswd [-cBsmbD] FILE USER`, or `rm FILE`, in the project's folder. The passwords of the two users are typed for you."""
        try:
            words = shlex.split(command)
        except ValueError:
            words = []
        if len(words) == 2 and words[0] == "rm":
            path = self._path(words[1])
            if path is None or not path.is_file():
                return views.said(f"rm: cannot remove {words[1]!r}: no such file.")
            path.unlink()
            return views.said(f"{words[1]} is removed.")
        if len(words) < 3 or words[0] != "htpasswd":
            return views.said("Here `htpasswd [-cBsmbD] FILE USER` and `rm FILE` can be typed.")
        options = "".join(word[1:] for word in words[1:] if word.startswith("-"))
        given = [word for word in words[1:] if not word.startswith("-")]
        return self._htpasswd(options, given)

    def _htpasswd(self, options: str, given: list[str]) -> Block:
        plan, wanted = self._plan, 3 if "b" in options else 2
        path = self._path(given[0]) if given else None
        if set(options) - set("cBsmbD") or len(given) != wanted or path is None or path.is_dir() or ":" in given[1]:
            return views.said(
                "htpasswd: wrong arguments (exit code 2). It is htpasswd [-cBsmbD] FILE USER, with -b also the password."
            )
        if "c" not in options and not path.is_file():
            return views.said(f"htpasswd: cannot modify file {given[0]}; use -c to create it.")
        user = given[1]
        known = {plan.user: plan.password, plan.colleague: plan.colleague_password}
        if "b" not in options and "D" not in options and user not in known:
            return views.said(
                f"htpasswd asks for the password of {user}, and you do not know it. You know those of {' and '.join(known)}."
            )
        password = given[2] if "b" in options else known.get(user, "")
        make = htpasswd_line if "B" in options else sha_line if "s" in options else apr1_line
        lines = path.read_bytes().split(b"\n") if path.is_file() and "c" not in options else []
        kept = [row for row in lines if row and not row.startswith(user.encode() + b":")]
        kept += [] if "D" in options else [make(user, password[:72])]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(row + b"\n" for row in kept))
        return views.said(f"{given[0]}: {'deleting' if 'D' in options else 'adding'} password for user {user}.")

    def apply(self) -> Block:
        """Make the files effective, as `docker compose up -d` does."""
        self._sync()
        if self._in_force == self._known and not self._plan.stopped:
            return views.said("Nothing has changed since the files were last applied.")
        self._did("apply", {})
        self._in_force = self._known
        self._answer.attempts += 1
        try:
            plan = project.read(self._bytes(), self._plan, self._known[1])
            self._lab.change(lambda current: vars(current).update(vars(plan)))
        except LabError as error:
            return views.said(f"Not applied: {error}.")
        up = [name for name, is_up in zip(("the registry", "the UI"), self._lab.wait_ready(), strict=True) if is_up]
        return views.said(f"Applied. Up: {' and '.join(up) or 'nothing'}.")

    def _path(self, name: str) -> Path | None:
        """A file of the project; None for a name that leads out of it."""
        if not name or "\0" in name or len(name) > 200:
            return None
        path = (self.folder / name).resolve()
        return path if path.is_relative_to(self.folder.resolve()) else None

    def _bytes(self) -> dict[str, bytes]:
        found = (p for p in sorted(self.folder.rglob("*")) if p.is_file() and not p.is_symlink())
        return {
            str(p.relative_to(self.folder)): p.read_bytes()
            for p in found
            if p.stat().st_size <= _LARGEST and ".ipynb_checkpoints" not in p.parts
        }

    def _files(self) -> dict[str, str]:
        """The project's files as they are now; what was changed since the last look goes into the log."""
        self._sync()
        return self._known[0]

    def _state(self) -> tuple[dict[str, str], list[str], list[str]]:
        """Files, empty folders, and files of the drawn project that everybody may write now and could not at first."""
        files = {name: data.decode("utf-8", "surrogateescape") for name, data in self._bytes().items()}
        inside = (p for p in sorted(self.folder.rglob("*")) if p.is_dir() and not any(p.iterdir()))
        folders = [str(p.relative_to(self.folder)) for p in inside]
        return files, folders, sorted(self._world_writable() - self._open_at_first)

    def _world_writable(self) -> set[str]:
        return {
            n for n in self._names_at_first if (self.folder / n).is_file() and (self.folder / n).stat().st_mode & _OPEN
        }

    def _sync(self) -> None:
        """Put into the log what the learner did to the files."""
        now, before = self._state(), self._known
        if now == before:
            return
        self._did(
            "files",
            {
                "written": {n: t for n, t in now[0].items() if before[0].get(n) != t},
                "removed": sorted(before[0].keys() - now[0].keys()),
                "folders": now[1],
                "opened": sorted(set(now[2]) - set(before[2])),
            },
        )
        self._answer.files, self._answer.opened = now[0], set(now[2])
        self._known = now

    def put(self, written: dict[str, str], removed: list[str], folders: list[str], opened: list[str]) -> Block:
        """What `files` of a log says was done to the project."""
        for name in removed:
            if (path := self._path(name)) and path.is_file():
                path.unlink()
        for name, text in written.items():
            if path := self._path(name):
                path.parent.mkdir(parents=True, exist_ok=True)
                path.write_bytes(text.encode("utf-8", "surrogateescape"))
        kept = {self.folder / name for name in folders}
        for old in sorted((p for p in self.folder.rglob("*") if p.is_dir()), reverse=True):
            if not any(old.iterdir()) and old not in kept:
                old.rmdir()
        for path in kept:
            if not path.exists():
                path.mkdir(parents=True)
        for name in opened:
            if (path := self._path(name)) and path.is_file():
                path.chmod(path.stat().st_mode | _OPEN)
        self._sync()
        return views.said("The files are as they were.")

    # the answer

    def choices(self) -> Block:
        """The causes to choose from."""
        return views.choices(self._drawn.choices)

    def hint(self) -> Block:
        """The next question to ask yourself, of three; each costs points of method."""
        if self._answer.hints < len(HINT_COST):
            self._did("hint", {})
            self._answer.hints += 1
        return views.hints(self._drawn, self._answer.hints)

    def name(self, cause: str = "", cite: list[int] | None = None, instead_of: str = "") -> Block:
        """Name a cause from the list and cite the numbers of what shows it; a round may have two causes, or "healthy"."""
        if not cause:
            return views.said("No cause is named yet.")
        if cause not in self._drawn.choices:
            return views.said(f"{cause!r} is not in the list of choices().")
        numbers = self._cited(cite)
        self._did("name", {"cause": cause, "cite": numbers, "instead_of": instead_of[:80]})
        self._answer.named.pop(instead_of, None)
        self._answer.named[cause] = numbers
        return views.named(self._answer)

    def rule_out(self, rival: str = "", cite: int | list[int] | None = None) -> Block:
        """Name a look-alike that it is not, and the one observation that would have been another if it were."""
        if not rival:
            return views.said("No look-alike is ruled out yet.")
        if rival not in self._drawn.choices:
            return views.said(f"{rival!r} is not in the list of choices().")
        numbers = self._cited([cite] if isinstance(cite, int) else cite)
        self._did("rival", {"cause": rival, "cite": numbers})
        self._answer.rival, self._answer.against = rival, numbers
        return views.named(self._answer)

    def _cited(self, cite: list[int] | None) -> list[int]:
        return sorted({n for n in (cite or [])[:100] if isinstance(n, int) and 0 < n <= len(self._answer.seen)})

    def check(self) -> Block:
        """How the answer stands: still missing, almost, keep going or correct, part by part."""
        self._sync()
        self._did("check", {})
        truth = self._drawn.truth
        self._answer.wrong |= {c for c in self._answer.named if c not in truth}
        verdict = self.verdict()
        shown = views.verdict(verdict, self._answer, self.seconds())
        return shown + self.debrief() if verdict.reply == "correct" else shown

    def give_up(self) -> Block:
        """See the solution. What was reached until now counts no more."""
        self._did("give_up", {})
        self._answer.gave_up = True
        return self.debrief()

    def over(self) -> bool:
        """Whether it is solved or given up."""
        return self._answer.gave_up or self.verdict().reply == "correct"

    def next(self) -> Block:
        """Begin the round of the next seed, in place of this one; what was not saved of this one is gone."""
        if not self.over():
            return views.said("The next round comes when this one is solved or given up.")
        drawn = self._drawn
        self.close()
        learner, catalogue, proxy = self._log.learner, drawn.catalogue, drawn.proxy
        Practice.__init__(self, drawn.name, drawn.seed + 1, learner=learner, catalogue=catalogue, proxy=proxy)
        return self.story()

    def debrief(self) -> Block:
        """What it was, how it showed, what would have told the look-alike apart, and where to go on; after the round only."""
        if not self.over():
            return views.said("The debrief comes when the round is solved or given up.")
        from runbook.training.debrief import debrief

        return debrief(self._drawn, self._answer)

    def verdict(self) -> Verdict:
        """The judgement as it stands; nothing is counted by asking for it."""
        self._sync()
        return judge(self._answer, self._drawn, self._lab, self._plan, self._broken)

    def seconds(self) -> float:
        """How long the round has taken."""
        return self._log.events[-1].at if self._log.events else 0.0

    def _did(self, do: str, given: dict[str, Any], saw: str = "") -> None:
        if len(self._log.events) >= MOST:
            raise LabError(f"a round has at most {MOST} steps; begin another one")
        self._log.add(time.monotonic() - self._began, do, given, saw)

    def save(self, path: str = "") -> Block:
        """Keep the log of the round, which `runbook grade` can replay; with no path nothing is written."""
        if not path:
            return views.said("Nothing was saved: no path is given.")
        self._sync()
        self._log.save(Path(path))
        return views.said(f"Saved: {path}.")


def send(asked: Asked, plan: Any) -> tuple[str, str]:
    """One request to a running stack: the transcript, and the status in a word."""
    if asked.way == DOCKER:
        return docker.push(plan)
    logins = {
        "right": (plan.user, plan.password),
        "wrong": (PROBE_USER, "wrong-on-purpose"),
        "none": None,
        "colleague": (plan.colleague, plan.colleague_password),
    }
    port = plan.registry_port if asked.way == "direct" else plan.ui_port
    headers = {"Origin": plan.origin} if asked.way == "direct" and plan.access == "cross-origin" else {}
    if asked.method == "OPTIONS":
        headers |= {"Origin": plan.origin, "Access-Control-Request-Method": "DELETE"}
    answer = wishes.send(port, asked.method, asked.path, logins[asked.login], headers)
    text = views.transcript(answer, port, asked.method, asked.path, asked.login, plan, headers)
    return text, str(answer.status or "no answer")


__all__ = ["HEALTHY", "Practice", "send"]
