"""The table of causes, generated: `python -m runbook.report.causes_table [.github/CAUSES.md]`."""

import sys
from pathlib import Path

from runbook import rules
from runbook.lazy import re
from runbook.model import STEPS


def markdown_table() -> str:
    """All causes by step: id, what is wrong, what mends it."""
    rows = ["| Step | Cause | What is wrong | Fix |", "|---|---|---|---|"]
    ordered = sorted(rules.load().values(), key=lambda r: (STEPS.index(r.step), r.tier, r.id))
    rows += [f"| {r.step} | `{r.id}` | {_cell(r.title)} | {_cell(r.fix)} |" for r in ordered]
    return "\n".join(rows) + "\n"


def _cell(text: str) -> str:
    return text.replace("|", "\\|").replace("\n", " ").replace("<", "&lt;")


def main(arguments: list[str]) -> int:
    """Print the table, or put it between the marks of the file named."""
    if not arguments:
        sys.stdout.write(markdown_table())
        return 0
    path = Path(arguments[0])
    text = path.read_text(encoding="utf-8")
    marks = re.compile(r"(<!-- causes:begin[^>]*-->\n).*?(<!-- causes:end -->)", re.DOTALL)
    path.write_text(marks.sub(lambda m: m[1] + markdown_table() + m[2], text), encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
