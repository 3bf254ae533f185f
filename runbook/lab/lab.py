"""A stack on loopback that can be broken and mended: what notebooks, tests and `runbook lab up` use."""

import shutil
from collections.abc import Callable
from pathlib import Path
from types import TracebackType
from typing import Literal, Self, get_args

from runbook.lab import bundle, composed, layout, native, traffic
from runbook.lab.composed import Composed
from runbook.lab.draw import draw, redraw_ports
from runbook.lab.embedded import Embedded, Fronted
from runbook.lab.errors import LabError
from runbook.lab.faults import FAULTS, named
from runbook.lab.frontends import REAL, put_in_front
from runbook.lab.hangup import Hangup
from runbook.lab.native import Native
from runbook.lab.plan import Plan

Backend = Literal["auto", "embedded", "native", "compose"]
Front = Literal["nginx", "caddy", "haproxy", "apache"]


class Lab:
    """A registry and a UI in front of it, healthy or with the faults asked for.

        with Lab("authorization-stripped") as lab:
            print(lab.registry_url, lab.ui_url, lab.user)

    Everything lives in one temporary folder and on free ports of loopback, and is gone afterwards.
    `plan` is a description to start from in place of the one that the seed draws. `proxy` is the program
    that has the page and passes /v2 on: the UI's own nginx, or another one, which needs the native backend.
    """

    def __init__(
        self,
        *faults: str,
        backend: Backend = "auto",
        seed: int = 0,
        major: int | None = None,
        demo: bool = False,
        plan: Plan | None = None,
        proxy: Front = "nginx",
    ) -> None:
        _known("backend", backend, get_args(Backend))
        _known("proxy", proxy, get_args(Front))
        for fault in faults:
            named(fault, proxy)
        self._plan: Plan = plan or draw(seed, major)
        self._kind = _choose(backend, major, self._plan, proxy)
        if self._kind == "native" and self._plan.major not in (found := native.registries()):
            self._plan = draw(seed, next(iter(found)))
        if proxy != "nginx":
            put_in_front(self._plan, proxy)
        self._wanted, self._injected = list(faults), list[str]()
        self._home: Path | None = None
        self._runner: Embedded | Native | Composed | None = None
        self._hangup: Hangup | None = None
        self._handed: dict[str, bytes] = {}
        self._exercised = False
        self._up = (False, False)
        if demo:
            _dress_for_demo(self._plan)

    @classmethod
    def demo(cls, backend: Backend = "embedded") -> "Lab":
        """The incident that the project starts from: the UI's proxy drops the login, the images are
        stored outside every volume, and the compose file is full of folklore."""
        return cls("authorization-stripped", "storage-outside-volume", backend=backend, seed=401, major=3, demo=True)

    def __repr__(self) -> str:
        return f"<Lab {self._kind} {self.registry_url} faults={self._injected}>"

    # life

    def __enter__(self) -> Self:
        return self.start()

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def start(self) -> Self:
        """Start the stack with its faults."""
        if self._home is not None:
            return self
        self._home = layout.new_home()
        try:
            for fault in self._wanted:
                self._break(fault)
            self._create()
        except BaseException:
            self.close()
            raise
        return self

    def close(self) -> None:
        """Stop everything and remove the folder. Harmless when done twice."""
        self._stop()
        if self._home:
            shutil.rmtree(self._home, ignore_errors=True)
            self._home = None

    # what it is

    @property
    def backend(self) -> str:
        return self._kind

    @property
    def major(self) -> int:
        """Major version of the registry."""
        return self._plan.major

    @property
    def registry_url(self) -> str:
        return f"http://localhost:{self._plan.registry_port}"

    @property
    def ui_url(self) -> str:
        return f"http://localhost:{self._plan.ui_port}"

    @property
    def user(self) -> str:
        return self._plan.user

    @property
    def password(self) -> str:
        """The password that the person at the keyboard types."""
        return self._plan.password

    @property
    def home(self) -> Path:
        if self._home is None:
            raise LabError("the lab is not running; use it in a with statement or call start()")
        return self._home

    @property
    def plan(self) -> Plan:
        """The description of what runs; change it by `change` only."""
        return self._plan

    @property
    def faults(self) -> tuple[str, ...]:
        """What is broken now."""
        return tuple(self._injected)

    @property
    def bundle(self) -> Path:
        """A folder as a user would hand it over, written anew each time: it holds the logs up to now."""
        folder = self.home / "bundle"
        if not self._exercised:
            self.exercise()
        bundle.write(self._plan, folder, self.logs(), self._handed)
        return folder

    def logs(self) -> dict[str, str]:
        """What the containers printed, as "registry" and "ui"."""
        runner = self._runner
        if isinstance(runner, Composed):
            return {"registry": runner.registry_log(), "ui": runner.ui_log()}
        path = self.home / "registry.log"
        text = path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
        texts = {"registry": text, "ui": runner.ui_log() if runner else ""}
        return {name: layout.inside(text, self._plan, self.home) for name, text in texts.items()}

    # breaking and mending

    def inject(self, cause: str) -> None:
        """Break the running stack; the containers are made anew, as `docker compose up -d` does."""
        self._break(cause)
        self._create()

    def solve(self, cause: str) -> None:
        """Mend one cause with the fix that its rule names."""
        if cause not in self._injected:
            raise LabError(f"{named(cause).cause} is not broken in this lab")
        FAULTS[cause].solve(self._plan)
        self._injected.remove(cause)
        self._create()

    def change(self, edit: Callable[[Plan], None]) -> None:
        """Change the description by hand, for an experiment, and make the containers anew."""
        edit(self._plan)
        self._create()

    def wait_ready(self) -> tuple[bool, bool]:
        """Whether registry and UI are up; `start` has already waited until each listened or ended."""
        return self._up

    def exercise(self) -> None:
        """What people do before they ask for help: a login straight and through the UI."""
        self._exercised = True
        transcript = traffic.exercise(self._plan)
        self._handed = {"curl.txt": transcript.encode()} if transcript else {}

    def _break(self, cause: str) -> None:
        fault = named(cause, self._plan.proxy.software)
        fault.inject(self._plan)
        self._injected.append(cause)

    def _create(self) -> None:
        """Make both containers anew, as `docker compose up -d` does."""
        self._stop()
        self._handed, self._exercised = {}, False
        for attempt in range(1, _TRIES + 1):
            layout.lay_out(self._plan, self.home)
            try:
                self._run()
                break
            except OSError:
                # Somebody took a port between drawing and listening: a lab with the same seed, for example.
                self._stop()
                redraw_ports(self._plan)
                if attempt == _TRIES:
                    raise

    def _run(self) -> None:
        real = self._kind == "embedded" and self._plan.proxy.software in REAL
        self._runner = Fronted(self.home) if real else _RUNNERS[self._kind](self.home)
        self._up = self._runner.start(self._plan)
        if self._kind != "compose" and self._plan.port != self._plan.registry_port:
            self._hangup = Hangup(self._plan.registry_port)

    def _stop(self) -> None:
        for part in (self._runner, self._hangup):
            if part:
                part.stop()
        self._runner = self._hangup = None


_TRIES = 4
_RUNNERS: dict[str, type[Embedded | Native | Composed]] = {kind.name: kind for kind in (Embedded, Native, Composed)}


def _known(what: str, name: str, names: tuple[str, ...]) -> None:
    if name not in names:
        raise LabError(f'there is no {what} "{name}"; there are {" and ".join(", ".join(names).rsplit(", ", 1))}')


def _choose(backend: Backend, major: int | None, plan: Plan, proxy: str) -> str:
    """The backend asked for, or the most real one that is ready here without fetching anything."""
    if proxy != "nginx":
        if backend not in ("auto", "native"):
            raise LabError(f"only the native lab can put {proxy} in front, the {backend} one has the UI's nginx")
        if not native.usable(major, proxy):
            raise LabError(f"a lab with {proxy} needs {proxy} and docker-registry on this machine")
        return "native"
    if backend == "embedded":
        return "embedded"
    if backend == "compose":
        if reason := composed.why_not():
            raise LabError(f"the compose lab cannot run: {reason}")
        return "compose"
    if native.usable(major):
        return "native"
    if backend == "native":
        raise LabError("the native lab needs nginx and docker-registry on this machine; the embedded one needs nothing")
    ready = composed.why_not() is None and composed.has_images(plan.image, plan.ui_image)
    return "compose" if ready else "embedded"


def _dress_for_demo(plan: Plan) -> None:
    plan.comments |= {
        "REGISTRY_AUTH_HTPASSWD_REALM": "must be identical everywhere: the client hashes it into the digest",
        "REGISTRY_AUTH_HTPASSWD_PATH": "file must be readable by UID 1000",
        "REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY": "more room there",
        "NGINX_PROXY_HEADER_Authorization": "hop-by-hop header, proxies drop it anyway",
    }
