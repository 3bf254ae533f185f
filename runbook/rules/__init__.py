"""The judges: one function per cause of the catalogue, in modules by step and theme. No I/O here."""

from functools import cache
from importlib import import_module
from pkgutil import iter_modules

from runbook.rules.base import RULES, Facts, Rule, run

_PARTS = ("base", "wire", "routing", "symptoms", "folklore")


@cache
def load() -> dict[str, Rule]:
    """All rules by cause. Modules are found by their presence: adding one needs no list to be kept."""
    for module in iter_modules(__path__):
        if module.name not in _PARTS:
            import_module(f"{__name__}.{module.name}")
    return RULES


__all__ = ["RULES", "Facts", "Rule", "load", "run"]
