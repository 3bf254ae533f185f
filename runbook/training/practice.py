"""A round of practice as a notebook holds it: look, predict, ask, name the cause, mend it, check."""

import copy
import time
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from runbook.lab import Lab, LabError
from runbook.lab.hashes import htpasswd_line
from runbook.model import PROBE_USER
from runbook.report.block import Block
from runbook.training import project, views, wishes
from runbook.training.draw import FINAL, HEALTHY, Round, draw
from runbook.training.judge import HINT_COST, Verdict, judge
from runbook.training.record import Kind, Observation, Record
from runbook.training.veil import bring_back, hide

if TYPE_CHECKING:
    from runbook.widgets.lesson import Lesson

Way = Literal["direct", "ui"]
Login = Literal["right", "wrong", "none", "colleague"]
_HTPASSWD = "auth/htpasswd"
_LARGEST = 200_000
"""Bytes of a file of the project, and of what one look keeps of a log."""
_NO_COMPLAINT = "Somebody saw the status 401 in the registry's log and asks whether something is broken."


class Practice:
    """One round. The stack runs on this machine until `close`, or until the notebook's kernel ends.

    Every method gives a `Block`, which shows itself. What is wrong in the way of asking is a sentence
    in it, not an exception, so that a notebook always runs to its end.
    """

    def __init__(
        self, name: str, seed: int = 0, faults: int | None = None, learner: str = "", workspace: str = ""
    ) -> None:
        self._drawn: Round = draw(name, seed, faults)
        self._record = Record(name, seed, faults, learner)
        self._began = time.monotonic()
        self._prediction = ""
        self.closed = False
        """Whether the stack was stopped."""
        self._lab = Lab(backend="embedded", plan=copy.deepcopy(self._drawn.plan)).start()
        self._plan = self._lab.plan
        self._record.ports = [self._plan.registry_port, self._plan.ui_port]
        broken = next(wishes.failing(self._lab, self._plan), None)
        told = broken.complaint if broken else _NO_COMPLAINT
        self._complaint = told.format(user=self._plan.user, colleague=self._plan.colleague)
        self._lab.exercise()
        self.folder = Path(workspace) if workspace else self._lab.home / "work"
        """The project's files, for the learner to edit."""
        project.write(self._plan, self.folder)
        self._in_force = (self._files(), self._record.modes)

    def __repr__(self) -> str:
        return f"Practice({self._record.round}, seed {self._record.seed})"

    def _repr_html_(self) -> str:
        return self.story()._repr_html_()

    def close(self) -> Block:
        """Stop the stack."""
        self._lab.close()
        self.closed = True
        return views.said("The stack is stopped.")

    # looking

    def story(self) -> Block:
        """What somebody complains about, and what there is to look at."""
        return views.story(self._complaint, self._plan, self.names(), final=self._record.round == FINAL)

    def ask(
        self, way: Way = "direct", login: Login = "right", path: str = "/v2/", method: str = "GET", expect: str = ""
    ) -> Block:
        """Send one request, directly to the registry or through the UI, and see the answer; `expect` is what you predict."""
        plan = self._plan
        self._prediction = expect.strip()[:40]
        logins = {
            "right": (plan.user, plan.password),
            "wrong": (PROBE_USER, "wrong-on-purpose"),
            "none": None,
            "colleague": (plan.colleague, plan.colleague_password),
        }
        if way not in ("direct", "ui") or login not in logins or not path.startswith("/"):
            return views.said('Ask "direct" or "ui", with the login "right", "wrong", "none" or "colleague".')
        if method not in ("GET", "HEAD", "OPTIONS", "POST", "DELETE"):
            return views.said("The method is one of GET, HEAD, OPTIONS, POST and DELETE.")
        port = plan.registry_port if way == "direct" else plan.ui_port
        headers = {"Origin": plan.origin} if way == "direct" and plan.access == "cross-origin" else {}
        if method == "OPTIONS":
            headers |= {"Origin": plan.origin, "Access-Control-Request-Method": "DELETE"}
        answer = wishes.send(port, method, path, logins[login], headers)
        text = hide(views.transcript(answer, port, method, path, login, plan, headers), plan)
        who = {"right": "the right login", "wrong": "a wrong login", "none": "no login", "colleague": "a colleague"}[
            login
        ]
        what = f"{method} {path} {'directly' if way == 'direct' else 'through the UI'}, {who}"
        return self._see("request", what, way, text, str(answer.status or "no answer"))

    def look(self, name: str = project.COMPOSE) -> Block:
        """Read a file of the project."""
        files = self._files()
        if name not in files:
            return views.said(f"There is no file {name!r}; there are {', '.join(sorted(files))}.")
        return self._see("file", name, name, files[name])

    def logs(self, service: Literal["registry", "ui"] = "registry") -> Block:
        """Read what a container has printed since it was made."""
        texts = self._lab.logs()
        if service not in texts:
            return views.said('There are the logs of "registry" and "ui".')
        return self._see("log", f"log of the {service}", service, hide(texts[service][-_LARGEST:], self._plan))

    def seen(self) -> Block:
        """Everything that was looked at, with the numbers to cite."""
        return views.seen(self._record.observations)

    def _see(self, kind: Kind, what: str, source: str, text: str, status: str = "") -> Block:
        number = len(self._record.observations) + 1
        foreseen, self._prediction = self._prediction, ""
        came = (foreseen == status) if foreseen and status else None
        what = f"{what}: {status}" if status else what
        observation = Observation(number, kind, what, source, text, foreseen if status else "", came)
        self._record.observations.append(observation)
        self._record.order.append(kind)
        return views.observation(observation)

    # what a panel of buttons needs to know

    def names(self) -> list[str]:
        """The project's files."""
        return sorted(self._files())

    def users(self) -> tuple[str, str]:
        """The person with the complaint, and a colleague."""
        return self._plan.user, self._plan.colleague

    def causes(self) -> tuple[str, ...]:
        """The list to choose from, as names."""
        return self._drawn.choices

    def observations(self) -> tuple[Observation, ...]:
        """Everything that was looked at."""
        return tuple(self._record.observations)

    def text(self, name: str) -> str:
        """A file as it is shown for editing: secrets stand in braces, and come back when it is written."""
        return self._files().get(name, "")

    def panel(self, interactive: bool = True) -> "Block | Lesson":
        """The round with buttons; with interactive=False its story, and no widget at all."""
        if not interactive:
            return self.story()
        from runbook.widgets.lesson import Lesson

        return Lesson(self)

    # mending

    def write(self, name: str, text: str) -> Block:
        """Write a file of the project whole; `apply` puts it into force."""
        path = self._path(name)
        if path is None or path.is_dir() or not name:
            return views.said(f"{name!r} is no file of the project; nothing was written.")
        path.parent.mkdir(parents=True, exist_ok=True)
        before = self._files().get(name)
        if before != text:
            path.write_bytes(bring_back(text, self._plan))
        return views.said(f"{name} is {'unchanged' if before == text else 'written'}. It comes into force by apply().")

    def edit(self, file: str, old: str, new: str) -> Block:
        """Replace a piece of a file that stands there exactly once; `apply` puts it into force."""
        path = self._path(file)
        if path is None or not path.is_file():
            return views.said(f"There is no file {file!r} in the project.")
        text = path.read_bytes()
        count = text.count(old.encode()) if old else 0
        if count != 1:
            return views.said(f"{file} was not changed: that piece stands there {count} times, not once.")
        path.write_bytes(text.replace(old.encode(), new.encode()))
        return views.said(f"{file} is changed. It comes into force by apply().")

    def set_password(self, user: str, file: str = _HTPASSWD, create: bool = False) -> Block:
        """What `htpasswd -B FILE USER` does with that user's right password; `create` starts a new file (-c)."""
        plan, path = self._plan, self._path(file)
        passwords = {plan.user: plan.password, plan.colleague: plan.colleague_password}
        if user not in passwords or path is None or path.is_dir():
            return views.said(f"Nothing was written: the users are {plan.user} and {plan.colleague}.")
        line = htpasswd_line(user, passwords[user])
        lines = path.read_bytes().split(b"\n") if path.exists() and not create else []
        kept = [row for row in lines if row and not row.startswith(user.encode() + b":")]
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"\n".join([*kept, line]) + b"\n")
        return views.said(f"{file}: the entry of {user} is written, with bcrypt.")

    def apply(self) -> Block:
        """Put the files into force, as `docker compose up -d` does."""
        files = self._files()
        if self._in_force == (files, self._record.modes):
            return views.said("Nothing has changed since the files were last put into force.")
        self._in_force = (files, self._record.modes)
        self._record.attempts += 1
        self._record.order.append("apply")
        try:
            plan = project.read(self._bytes(), self._plan, self._record.directories)
            self._lab.change(lambda current: vars(current).update(vars(plan)))
        except LabError as error:
            return views.said(f"Not in force: {error}.")
        up = [name for name, is_up in zip(("the registry", "the UI"), self._lab.wait_ready(), strict=True) if is_up]
        return views.said(f"In force. Up: {' and '.join(up) or 'nothing'}.")

    def _path(self, name: str) -> Path | None:
        """A file of the project; None for a name that leads out of it."""
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
        """The project's files without secrets; the record follows them."""
        texts = {n: hide(data.decode("utf-8", "surrogateescape"), self._plan) for n, data in self._bytes().items()}
        self._record.files = texts
        self._record.modes = {name: (self.folder / name).stat().st_mode & 0o777 for name in texts}
        inside = (p for p in sorted(self.folder.rglob("*")) if p.is_dir() and not any(p.iterdir()))
        self._record.directories = [str(p.relative_to(self.folder)) for p in inside]
        return texts

    # the answer

    def choices(self) -> Block:
        """The causes to choose from."""
        return views.choices(self._drawn.choices)

    def hint(self) -> Block:
        """The next hint, of three; each costs points of method."""
        if self._record.hints < len(HINT_COST):
            self._record.hints += 1
            self._record.order.append(f"hint {self._record.hints}")
        return views.hints(self._drawn.faults, self._record.hints)

    def name(self, cause: str = "", cite: list[int] | None = None, instead_of: str = "") -> Block:
        """Name a cause from the list and cite the numbers of what shows it; a round may have two causes, or "healthy"."""
        if not cause:
            return views.said("No cause is named yet.")
        if cause not in self._drawn.choices:
            return views.said(f"{cause!r} is not in the list of choices().")
        self._record.named.pop(instead_of, None)
        numbers = {observation.number for observation in self._record.observations}
        self._record.named[cause] = [number for number in cite or [] if number in numbers]
        self._record.order.append(f"named {cause}")
        return views.named(self._record)

    def check(self) -> Block:
        """How the answer stands: still missing, almost, keep going or correct, part by part."""
        return views.verdict(self._judge(), self._record)

    def give_up(self) -> Block:
        """See the solution. What was reached until now counts no more."""
        self._record.gave_up = True
        return views.solution(self._drawn.faults)

    def _judge(self) -> Verdict:
        if not self._record.gave_up:
            self._record.seconds = round(time.monotonic() - self._began, 1)
        self._files()
        truth = self._drawn.faults or (HEALTHY,)
        wrong = [c for c in self._record.named if c not in truth and c not in self._record.wrong]
        self._record.wrong += wrong
        return judge(self._record, self._drawn, self._lab, self._plan)

    def save(self, path: str = "") -> Block:
        """Keep what was done as JSON that `runbook grade` can check again; with no path nothing is written."""
        if not path:
            return views.said("Nothing was saved: no path is given.")
        self._judge()
        self._record.save(Path(path))
        return views.said(f"Saved: {path}.")
