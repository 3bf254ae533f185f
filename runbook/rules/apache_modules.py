"""Apache's modules: without the right one it refuses a directive, and does not start."""

from runbook.lazy import re
from runbook.model import Command, Edit, Evidence, ProxyRoute
from runbook.model.command import sh
from runbook.rules.base import Facts
from runbook.rules.hop_edits import insert, places, swap

_LOADS = r"^\s*LoadModule\s+(\w+)_module\s+\S*mod_\1\.so"
_USES = {"headers": r"^\s*(?:Request)?Header\s", "ssl": r"^\s*SSL\w+\s"}
"""Directives that show that a module is loaded, wherever that is written."""


def is_loaded(evidence: Evidence, file: str, module: str) -> bool:
    """Whether the file loads the module, or uses it already."""
    loaded = rf"^\s*LoadModule\s+{module}_module\s"
    return any(next(places(evidence, file, pattern), None) for pattern in (loaded, _USES[module]))


def module_loaded(evidence: Evidence, file: str, module: str) -> tuple[Edit, ...]:
    """The line that loads the module; () where it is there, or modules are loaded in another file."""
    loads = list(places(evidence, file, _LOADS))
    if not loads or is_loaded(evidence, file, module):
        return ()
    unused = rf"^\s*#\s*(LoadModule\s+{module}_module\s)"
    if found := next(places(evidence, file, unused), None):
        return swap(evidence, found, unused, r"\1")
    lines = next(f.lines for f in evidence.files if f.path == file)
    line = re.sub(
        r"\b(\w{1,40})(_module[ \t]{1,20}\S{0,200}?mod_)\1\.so",
        rf"{module}\2{module}.so",
        lines[(loads[-1].line or 1) - 1].strip(),
    )
    return insert(evidence, loads[-1], line)


def module_enabled(facts: Facts, route: ProxyRoute, module: str) -> tuple[Command, ...]:
    """Debian's command that loads the module, where no file at hand loads modules and Apache is no container."""
    file = route.place.file
    known = is_loaded(facts.evidence, file, module) or next(places(facts.evidence, file, _LOADS), None)
    if route.software != "apache" or route.service or known:
        return ()
    return (sh("sudo", "a2enmod", module),)
