"""What was done and when, for the ticket: lines with times, and the answer, as Markdown."""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path

from runbook import door
from runbook.incident import Incident
from runbook.redact import Vault
from runbook.redact.text import one_line
from runbook.report import render_markdown
from runbook.report.markdown import plain


@dataclass(slots=True)
class Diary:
    """Grows with every run of a console."""

    lines: list[tuple[datetime, str]] = field(default_factory=list)

    def note(self, text: str) -> None:
        """Add a line, with the time."""
        self.lines.append((datetime.now().astimezone(), one_line(text, 500)))

    def text(self, incident: Incident | None) -> str:
        """Everything as Markdown, the last answer after it."""
        rows = "\n".join(f"- {when:%Y-%m-%d %H:%M:%S %Z} {plain(line)}" for when, line in self.lines)
        answer = f"\n## The answer\n\n{render_markdown(incident.run)}" if incident is not None else ""
        return f"# What was done\n\n{rows or 'Nothing yet.'}\n{answer}"

    def save(self, folder: Path, incident: Incident | None) -> Path:
        """Write it beside the notebook under a name of its own; nothing is overwritten."""
        stamp = f"{datetime.now():%Y%m%d-%H%M%S}"
        for number in range(1, 100):
            path = folder / f"runbook-log-{stamp}{'' if number == 1 else f'-{number}'}.md"
            try:
                path.touch(0o600, exist_ok=False)
            except FileExistsError:
                continue
            door.write(path, self.text(incident), incident.vault if incident is not None else Vault())
            return path
        raise FileExistsError(f"there are a hundred logs of this second in {folder}")
