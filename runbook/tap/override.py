"""A compose override that leads the UI's requests through a tap on the host, and how to take it out again."""

from pathlib import Path

from runbook.collect import Request, UsageError, collect
from runbook.lazy import re
from runbook.model import Registry, Stack, Ui
from runbook.redact import Vault
from runbook.redact.text import one_line
from runbook.stack import build

_NAME = re.compile(r"[A-Za-z0-9][\w.-]{0,127}")
"""What may stand in a comment, a key and a command."""
_TEXT = """\
# The tap between {ui} and {registry}; it changes no request. Made by `runbook tap --compose {file}`.
#
#   1. save this as runbook-tap.yml beside {file}
#   2. on the host:   runbook tap --listen {listen} --upstream http://127.0.0.1:{published} --har tap.har
#   3. put it in:     docker compose -f {file} -f runbook-tap.yml up -d {ui}
#   4. log in through the UI, look at the lines of the tap, then: runbook diagnose {file} tap.har
#   5. take it out:   docker compose -f {file} up -d {ui}    and delete runbook-tap.yml
#
# {listen} is the usual address of the host as containers see it; `ip addr show docker0` tells yours.
services:
  {ui}:
    environment:
      NGINX_PROXY_PASS_URL: http://host.docker.internal:{port}
    extra_hosts:
      - "host.docker.internal:host-gateway"
"""


def override(file: Path, port: int) -> str:
    """The text of the override for the UI of a compose file."""
    if not file.is_file():
        raise UsageError(f"There is no file {file}.")
    evidence = collect(Request(paths=(str(file),)), Vault())
    if evidence.compose is None:
        raise UsageError(f"{file} is no compose file.")
    stack = build(evidence)
    ui, registry = _ui(stack, file), _registry(stack, file)
    published = next((p.published for p in registry.ports if p.published), None)
    if published is None:
        raise UsageError(
            f"{file}: {registry.name} publishes no port, so a tap on the host cannot reach it. "
            'Publish one for the time being: ports: ["127.0.0.1:5000:5000"].'
        )
    for name in (ui.service.name, registry.name, file.name):
        if not _NAME.fullmatch(name):
            raise UsageError(f"{one_line(name, 80)}: with such a name in it no override can be made.")
    return _TEXT.format(
        ui=ui.service.name, registry=registry.name, file=file.name, published=published, port=port,
        listen=f"172.17.0.1:{port}",
    )  # fmt: skip


def _ui(stack: Stack, file: Path) -> Ui:
    ui = stack.ui
    if ui is None:
        raise UsageError(
            f"{file}: there is no docker-registry-ui here. Point your proxy's upstream to the tap by hand."
        )
    if ui.mode != "proxy":
        raise UsageError(f"{file}: the page of {ui.name} calls the registry itself; nothing passes through the UI.")
    return ui


def _registry(stack: Stack, file: Path) -> Registry:
    if stack.registry is None:
        raise UsageError(f"{file}: there is no registry here.")
    return stack.registry
