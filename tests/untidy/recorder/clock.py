"""Moves the times of a recording: to another day, and apart where a case says that minutes passed."""

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

_FORMS = (
    # pattern, strptime/strftime form of its first group
    (r"(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)", "%Y-%m-%dT%H:%M:%S"),
    (r"(\d\d/[A-Z][a-z]{2}/\d{4}:\d\d:\d\d:\d\d)", "%d/%b/%Y:%H:%M:%S"),
    (r"(\d{4}/\d\d/\d\d \d\d:\d\d:\d\d)", "%Y/%m/%d %H:%M:%S"),
    (r"([A-Z][a-z]{2}, \d\d [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d)", "%a, %d %b %Y %H:%M:%S"),
    (r"([A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d \d{4})(?= GMT)", "%b %d %H:%M:%S %Y"),
)
_CERTIFICATE = "%b %d %H:%M:%S %Y"
_EPOCH = re.compile(r'(?<="ts":)(\d{10})(?=\.\d)')
_APACHE = re.compile(r"\[([A-Z][a-z]{2} [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d)\.(\d+) (\d{4})\]")


class Clock:
    """The time that the bundle shows: the time of recording, moved by a fixed step and by the pauses."""

    def __init__(self, step: timedelta) -> None:
        self.step, self.begun = step, datetime.now(UTC)
        self.pauses: list[tuple[datetime, timedelta]] = []

    def pause(self, length: timedelta) -> None:
        """From here on, everything happens so much later."""
        time.sleep(1.05 - time.time() % 1)
        self.pauses.append((datetime.now(UTC).replace(microsecond=0), length))

    def shown(self, moment: datetime) -> datetime:
        """What the bundle says for a moment of the recording; the last pause ends before today."""
        return moment + self.step - sum((p for begun, p in self.pauses if begun > moment), timedelta())

    def text(self, text: str) -> str:
        """Move every time that lies within the recording; other dates stay."""
        for pattern, form in _FORMS:
            text = re.sub(pattern, self._mover(form), text)
        text = _EPOCH.sub(lambda m: str(int(self.shown(datetime.fromtimestamp(int(m[1]), UTC)).timestamp())), text)
        return _APACHE.sub(self._apache, text)

    def _mover(self, form: str) -> Callable[[re.Match[str]], str]:
        def move(match: re.Match[str]) -> str:
            moment = datetime.strptime(match[1], form).replace(tzinfo=UTC)
            if form != _CERTIFICATE and not self._recorded(moment):
                return match[0]
            shown = self.shown(moment)
            return shown.strftime(form.replace("%d", f"{shown.day:2}") if form == _CERTIFICATE else form)

        return move

    def _apache(self, match: re.Match[str]) -> str:
        moment = datetime.strptime(f"{match[1]} {match[3]}", "%a %b %d %H:%M:%S %Y").replace(tzinfo=UTC)
        shown = self.shown(moment)
        return f"[{shown:%a %b %d %H:%M:%S}.{match[2]} {shown:%Y}]"

    def _recorded(self, moment: datetime) -> bool:
        return self.begun - timedelta(minutes=1) <= moment <= datetime.now(UTC) + timedelta(minutes=1)
