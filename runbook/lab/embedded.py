"""The lab in pure Python: needs nothing but this package, and answers as the real programs do."""

from pathlib import Path

from runbook.lab import frontends
from runbook.lab.errors import LabError
from runbook.lab.plan import Plan
from runbook.lab.processes import Child, find, roomy
from runbook.lab.proxy import Nginx
from runbook.lab.registry import App
from runbook.lab.registry.log import Log
from runbook.lab.serving import Request, Response, Server
from runbook.lab.settings import StartError

_NO_SECRET = (
    "No HTTP secret provided - generated random secret. This may cause problems with uploads if multiple registries"
    " are behind a load-balancer. To provide a shared secret, fill in http.secret in the configuration file or set"
    " the REGISTRY_HTTP_SECRET environment variable."
)


class Embedded:
    """Runs a plan with the embedded registry and the embedded nginx, in threads of this process."""

    name = "embedded"

    def __init__(self, home: Path) -> None:
        self.home = home
        self._servers: list[Server] = []
        self._app: App | None = None

    def start(self, plan: Plan) -> tuple[bool, bool]:
        """Start both; returns whether registry and UI are up."""
        registry = False if plan.stopped else self._registry(plan)
        return registry, self._ui(plan)

    def stop(self) -> None:
        for server in self._servers:
            server.stop()
        self._servers.clear()

    def _registry(self, plan: Plan) -> bool:
        log = Log(self.home / "registry.log", plan.major)
        try:
            app = App(plan, self.home, log)
        except StartError as error:
            if str(error).startswith("panic: "):  # the configuration was read; only then is the secret missed
                _miss_secret(plan, log)
            _last_words(log, str(error))
            return False
        _miss_secret(plan, log)
        log.say("info", "redis not configured")
        log.say("info", "using inmemory blob descriptor cache")
        log.say("info", f"listening on [::]:{plan.listen_port}")

        def access(request: Request, response: Response, written: int) -> None:
            log.access(request, response.status, written)

        self._app = app
        self._servers.append(Server(plan.port, app.answer, access))
        return True

    def _ui(self, plan: Plan) -> bool:
        nginx = Nginx(plan, self.home, self.home / "ui.log")
        if plan.proxy.upstream and plan.upstream_port() is None:
            host = plan.proxy.upstream.partition("://")[2].partition(":")[0].partition("/")[0]
            nginx.error(f'host not found in upstream "{host}" in /etc/nginx/conf.d/default.conf:16', "emerg")
            return False
        self._servers.append(Server(plan.ui_port, nginx.answer, nginx.log))
        return True

    def ui_log(self) -> str:
        path = self.home / "ui.log"
        return path.read_text(encoding="utf-8") if path.exists() else ""


class Fronted(Embedded):
    """The embedded registry behind a real Caddy, HAProxy or Apache."""

    def __init__(self, home: Path) -> None:
        super().__init__(home)
        self._child: Child | None = None

    def stop(self) -> None:
        if self._child:
            self._child.stop()
            self._child = None
        super().stop()

    def _ui(self, plan: Plan) -> bool:
        program = frontends.in_front(plan).program
        if find(program) is None:
            raise LabError(f"this stack needs {program}, and there is none on this machine")
        command, env = frontends.prepare(plan, self.home)
        with roomy():
            self._child = Child(command, env, self.home / "ui-error.log")
        return self._child.wait_listening(plan.ui_port)

    def ui_log(self) -> str:
        return frontends.log(self.home)


def _miss_secret(plan: Plan, log: Log) -> None:
    if plan.environment.get("REGISTRY_HTTP_SECRET") is None:
        log.say("warning", _NO_SECRET)


def _last_words(log: Log, message: str) -> None:
    """How the real one says goodbye: a panic with its trace, or a configuration error with the usage."""
    if message.startswith("panic: "):
        package = "github.com/docker/distribution" if log.major == 2 else "github.com/distribution/distribution/v3"
        log.raw(f"{message}\n\ngoroutine 1 [running]:\n{package}/registry/handlers.NewApp(...)")
        return
    log.raw(f"{message}\nUsage:\n  registry serve <config> [flags]\n\nFlags:\n  -h, --help   help for serve\n")
