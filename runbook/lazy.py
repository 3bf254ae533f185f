"""`re`, whose compiled patterns are made when they are first used: half of what a small diagnosis would compile at its
start it never asks. Everything else of `re` is as it is. Use: `from runbook.lazy import re`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import re as re
else:
    import re as _re

    class _Pattern:
        """A pattern that becomes a compiled one at its first use; from then on its methods are the compiled one's."""

        def __init__(self, pattern: str | bytes, flags: int = 0) -> None:
            self.pattern, self._flags = pattern, flags

        def __getattr__(self, name: str) -> Any:
            if name.startswith("__") or name in ("pattern", "_flags"):
                raise AttributeError(name)  # copy and pickle ask before there is anything
            compiled = _re.compile(self.pattern, self._flags)
            for method in ("search", "match", "fullmatch", "sub", "subn", "findall", "finditer", "split"):
                self.__dict__[method] = getattr(compiled, method)
            return getattr(compiled, name)

    class _Lazily:
        compile = _Pattern

        def __getattr__(self, name: str) -> Any:
            return getattr(_re, name)

    re = _Lazily()
