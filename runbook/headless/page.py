"""The case as a web page, by Voilà, for the person alone who started it.

The page reads this user's files and asks addresses in this user's name. So its address holds a token that is drawn
at every start; requests whose Host is not this machine's loopback are refused (a page of somebody else's can make
its own name lead here); kernels are few, and those that nobody looks at any more are ended.
"""

import os
import webbrowser
from pathlib import Path
from typing import Any

from jupyter_server.services.kernels.kernelmanager import AsyncMappingKernelManager
from tornado.web import HTTPError
from voila.app import Voila

from runbook.headless.limits import MOST
from runbook.report.block import part

_IDLE, _INTERVAL = 120, 15


class Kernels(AsyncMappingKernelManager):  # type: ignore[misc]
    """Few kernels: a new one takes the place of the oldest that has no page any more, or is refused."""

    async def start_kernel(self, **options: Any) -> str:
        """Start one, if there is room or can be made."""
        running = list(self.list_kernel_ids())
        if len(running) >= MOST:
            idle = [k for k in running if not self._kernel_connections.get(k)]
            if not idle:
                raise HTTPError(503, f"{MOST} pages are open already; close one of them.")
            await self.shutdown_kernel(min(idle, key=lambda k: self._kernels[k].last_activity), now=True)
        return str(await super().start_kernel(**options))


class Page(Voila):  # type: ignore[misc]
    """Voilà with a token, on loopback, for requests to loopback."""

    def init_settings(self) -> dict[str, Any]:
        """Voilà's own settings allow any Host."""
        return {**super().init_settings(), "allow_remote_access": False, "local_hostnames": ["localhost"]}

    def setup_template_dirs(self) -> None:
        """Ours before Voilà's own, which it extends."""
        super().setup_template_dirs()
        self.template_paths.insert(0, str(Path(__file__).with_name("voila")))

    def launch_browser(self) -> None:
        """Open the address by a file of this user's, for arguments of a browser can be read by others."""
        file = Path(self.connection_dir) / "open.html"
        with open(file, "w", encoding="utf-8", opener=lambda path, flags: os.open(path, flags, 0o600)) as stream:
            stream.write(part("leads", self.display_url))
        webbrowser.open(file.as_uri())


def main(notebook: str, port: int, *, browser: bool, theme: str) -> None:
    """Serve until ended. The address is printed; nobody else is told the token."""
    options = {
        "--Voila.ip": "127.0.0.1",
        "--Voila.auto_token": "True",
        "--VoilaConfiguration.theme": theme,
        "--VoilaConfiguration.multi_kernel_manager_class": "runbook.headless.page.Kernels",
        "--Kernels.cull_idle_timeout": str(_IDLE),
        "--Kernels.cull_interval": str(_INTERVAL),
        "--Kernels.cull_connected": "False",
    }
    arguments = [notebook, f"--port={port}", *(f"{name}={value}" for name, value in options.items())]
    Page.launch_instance([*arguments, *([] if browser else ["--no-browser"])])


if __name__ == "__main__":
    import sys

    main(sys.argv[1], int(sys.argv[2]), browser=sys.argv[3] == "browser", theme=sys.argv[4])
