"""The lab on the real programs: a registry 2.8 or 3.1 and a proxy, as unprivileged child processes.

The containers' paths are mapped to folders of the lab; everything that a process writes (pid,
temporary files, logs) stays in the lab's folder. Secrets travel in files and in the environment,
never in arguments.
"""

import os
import re
import subprocess
from functools import cache
from pathlib import Path

from runbook.lab import frontends
from runbook.lab.errors import LabError
from runbook.lab.plan import Plan
from runbook.lab.processes import Child, find
from runbook.lab.settings import IMAGE_CONFIG, Settings, StartError, effective

REGISTRY_NAMES = ("docker-registry", "registry")


@cache
def registries() -> dict[int, str]:
    """The registries found on this machine: major version → path."""
    found: dict[int, str] = {}
    for name in REGISTRY_NAMES:
        if path := find(name):
            said = subprocess.run([path, "--version"], capture_output=True, text=True, timeout=10, check=False).stdout
            if version := re.search(r"\bv?([23])\.\d+", said):
                found.setdefault(int(version[1]), path)
    return found


def usable(major: int | None, proxy: str = "nginx") -> bool:
    """Whether this machine has that proxy and a registry of that major version (None: any)."""
    program = frontends.FRONTENDS[proxy].program
    return find(program) is not None and (bool(registries()) if major is None else major in registries())


class Native:
    """Runs a plan with real programs."""

    name = "native"

    def __init__(self, home: Path) -> None:
        self.home = home
        self._children: list[Child] = []

    def start(self, plan: Plan) -> tuple[bool, bool]:
        """Start both and wait until each listens or has ended; returns whether registry and UI are up."""
        if not usable(plan.major, plan.proxy.software):
            program = frontends.in_front(plan).program
            raise LabError(
                f"the native lab needs {program} and a registry {plan.major}.x; the embedded one needs nothing"
            )
        registry = False if plan.stopped else self._registry(plan)
        return registry, self._front(plan)

    def stop(self) -> None:
        for child in self._children:
            child.stop()
        self._children.clear()

    def _registry(self, plan: Plan) -> bool:
        config = self.home / "registry.yml"
        config.write_text(plan.config_text() or IMAGE_CONFIG)
        env = {"PATH": os.defpath, "HOME": str(self.home), "OTEL_TRACES_EXPORTER": "none", **plan.environment}
        env["REGISTRY_HTTP_ADDR"] = f"127.0.0.1:{plan.port}"
        env.update(self._real_paths(plan))
        uid = int(plan.container_user.partition(":")[0]) if plan.container_user and os.geteuid() == 0 else None
        command = [registries()[plan.major], "serve", str(config)]
        child = Child(command, env, self.home / "registry.log", uid)
        self._children.append(child)
        return child.wait_listening(plan.port)

    def _real_paths(self, plan: Plan) -> dict[str, str]:
        """The two paths that the registry opens, as paths of this machine; only where it would use them."""
        try:
            settings = effective(plan)
        except StartError:
            settings = Settings(realm=None, path=None, root="/var/lib/registry", delete=False, host="", headers=())
        root = plan.host_path(settings.root, self.home)
        root.mkdir(parents=True, exist_ok=True)
        if plan.container_user and os.geteuid() == 0:
            os.chown(root, int(plan.container_user.partition(":")[0]), -1)
        paths = {"REGISTRY_STORAGE_FILESYSTEM_ROOTDIRECTORY": str(root)}
        if settings.path is not None:
            paths["REGISTRY_AUTH_HTPASSWD_PATH"] = str(plan.host_path(settings.path, self.home))
        return paths

    def _front(self, plan: Plan) -> bool:
        command, env = frontends.prepare(plan, self.home)
        child = Child(command, env, self.home / "ui-error.log")
        self._children.append(child)
        return child.wait_listening(plan.ui_port)

    def ui_log(self) -> str:
        return frontends.log(self.home)
