"""`runbook explain CAUSE`: what it is, why people miss it, what it looks at, what to type, and who says so."""

import textwrap

from runbook import rules
from runbook.redact import visible

_STEPS = {
    "simplify": "1 simplify the stack",
    "htpasswd": "2 validate htpasswd",
    "headers": "3 trace the headers",
    "align": "4 align the configuration",
}


def explain(cause: str, color: bool = False, width: int = 80) -> str:
    """The rule of that cause in prose. KeyError for a cause that does not exist."""
    rule = rules.load()[cause]
    width = max(40, min(width, 100))

    def strong(text: str) -> str:
        return f"\x1b[1m{text}\x1b[0m" if color else text

    def block(title: str, text: str) -> str:
        paragraphs = [
            textwrap.fill(
                " ".join(p.split()), width, initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False
            )
            for p in visible(text, 4000).split("\n\n")
        ]
        return f"{strong(title)}\n" + "\n\n".join(paragraphs)

    parts = [
        f"{strong(rule.id)}: {rule.title}",
        block("What it is, and why it is missed", rule.why),
        block("What it looks at", ", ".join((*rule.needs, *rule.needs_any))),
        block("Fix", rule.fix),
        block("Source", rule.source),
        block("Notebook", _STEPS[rule.step]),
    ]
    return "\n\n".join(parts) + "\n"
