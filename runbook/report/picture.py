"""Follow the header: the request path as a sequence diagram, one self-contained SVG, and the same in words."""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from runbook.judge import Run
from runbook.redact import visible
from runbook.report import words
from runbook.report.block import Block, part
from runbook.report.hops import ROLES, Hop
from runbook.report.journey import Journey, Leg, journeys
from runbook.report.render import template

NOTHING = "No request was seen, so there is none to follow."
WIDTH = 880
_MARGIN, _ROW, _HEAD = 100, 84, 110
_CHARACTER = 6.5
"""Width of a letter of the chips, about."""
_INK = {"good": "#146c43", "sent": "#146c43", "bad": "#b3261e", "gone": "#b3261e", "changed": "#8a5300",
        "none": "#5f6873", "unknown": "#5f6873", "ok": "#146c43"}  # fmt: skip
_TINT = {"good": "#e7f5ee", "sent": "#e7f5ee", "bad": "#fdeceb", "gone": "#fdeceb", "changed": "#fdf3e1",
         "none": "#eef0f3", "unknown": "#eef0f3", "ok": "#e7f5ee"}  # fmt: skip
_SIGNS = {"sent": "✓ ", "changed": "≠ ", "gone": "✗ ", "bad": "✗ ", "unknown": "? "}
_STATES = {"bad": "first wrong here", "ok": "seen to work", "unknown": ""}
_STYLE = (
    "@media (prefers-color-scheme: dark){.ground{fill:#14181e}.halo{stroke:#14181e}.ink{fill:#e6e9ee}.soft{fill:#a5afbb}.line{stroke:#4a5563}"
    ".box,.chip{fill:#1b2129}.box.bad,.chip.gone,.chip.bad{fill:#3a1d1c}.box.ok,.chip.sent,.chip.good{fill:#14301f}"
    ".chip.changed{fill:#35270f}.mark.gone,.mark.bad{fill:#ff9d94}.mark.sent,.mark.good{fill:#7fdcae}"
    ".mark.changed{fill:#f2c078}.mark.none,.mark.unknown{fill:#aab3be}.arrow.gone,.arrow.bad{stroke:#ff9d94}"
    ".arrow.sent,.arrow.good{stroke:#7fdcae}.arrow.changed{stroke:#f2c078}}"
)


@dataclass(frozen=True, slots=True)
class Picture:
    """The picture of one run. In a notebook it shows itself; `svg` stands alone in a file, a README or a chat."""

    journeys: tuple[Journey, ...]
    label: str

    @property
    def svg(self) -> str:
        """The whole picture as a file of its own; it follows the reader's light or dark theme."""
        return self.drawn(_STYLE)

    @property
    def height(self) -> int:
        """Of the drawing."""
        return sum(map(_height, self.journeys))

    @property
    def steps(self) -> int:
        """How many arrows there are."""
        return sum(len(j.legs) for j in self.journeys)

    def block(self, upto: int | None = None) -> Block:
        """The picture in a page or a notebook, up to that arrow; with the same in words for where no picture is shown."""
        if not self.journeys:
            return Block.soft(NOTHING)
        rows = [line for j in self.journeys for line in _in_words(j)]
        label = self.label if upto is None else f"{self.label}, up to arrow {upto}"
        return Block(part("picture", self.drawn("", upto), rows, label), "\n".join(rows))

    def drawn(self, style: str, upto: int | None = None) -> str:
        """The SVG, by default whole, with a style sheet of its own or that of the page around it."""
        left = self.steps if upto is None else upto
        shown, top = [], 0
        for one in self.journeys:
            shown.append(_laid_out(one, top, max(0, left)))
            left -= len(one.legs)
            top += _height(one)
        page = {"width": WIDTH, "height": top, "label": self.label, "journeys": shown}
        return template("report/templates/picture.svg.j2").render(p=page, style=style).strip()


def picture(run: Run) -> Picture:
    """The picture of a run; without arrows where no request was seen."""
    word, _ = words.headline(run)
    demo = f"{words.DEMO}: " if run.evidence.target.lab else ""
    return Picture(journeys(run), f"{demo}the request path. {word}")


def _height(journey: Journey) -> int:
    return _HEAD + _ROW * len(journey.legs) + 20


def _laid_out(journey: Journey, top: int, upto: int) -> dict[str, Any]:
    apart = (WIDTH - 2 * _MARGIN) / max(1, len(journey.stations) - 1)
    xs = [_MARGIN + apart * i for i in range(len(journey.stations))]
    arrows = [_arrow(leg, xs, _HEAD + 44 + _ROW * i) for i, leg in enumerate(journey.legs[:upto])]
    return {
        "top": top,
        "bottom": _height(journey) - 24,
        "title": journey.title,
        "predicted": journey.predicted,
        "stations": [_station(s, x, apart) for s, x in zip(journey.stations, xs, strict=True)],
        "arrows": arrows,
    }


def _station(hop: Hop, x: float, apart: float) -> dict[str, Any]:
    half = min(88, apart / 2 - 8)
    room = int(2 * half / 8)
    role = " · ".join(t for t in (ROLES[hop.kind] if hop.name != ROLES[hop.kind] else "", _STATES[hop.state]) if t)
    role = role if len(role) <= 2 * half / 6 else _STATES[hop.state] or role
    return {
        "x": round(x), "half": round(half), "name": _short(hop.name, room), "state": hop.state,
        "role": _short(role, int(2 * half / 6)), "faint": hop.state == "unknown",
        "fill": _TINT[hop.state], "stroke": _INK[hop.state],
    }  # fmt: skip


def _arrow(leg: Leg, xs: Sequence[float], y: int) -> dict[str, Any]:
    x1, x2 = xs[leg.sender], xs[leg.receiver]
    back = leg.receiver < leg.sender
    tip, start, end = (6, x1 - 3, x2 + 3) if back else (-6, x1 + 3, x2 - 3)
    left = round(min(x1, x2) + 12)
    room = int((WIDTH - left - 12) / _CHARACTER)
    chip = leg.chip or leg.state
    header = _short(_SIGNS.get(chip, "") + leg.header, room) if leg.header else ""
    told = " · ".join(t for t in (leg.note, leg.cite) if t)
    return {
        "text": _short(leg.text, room), "header": header, "chip": round(_CHARACTER * (len(header) + sum(c.isupper() for c in header) / 2) + 18),
        "state": leg.state, "y": y, "x1": round(start), "x2": round(end), "tip": tip, "left": left, "back": back,
        "cites": textwrap.wrap(visible(told), room)[:2], "dashed": chip in ("none", "gone", "unknown"),
        "above": y - (30 if header else 9), "held": chip, "fill": _TINT[chip], "rim": _INK[chip], "stroke": _INK[leg.state],
    }  # fmt: skip


def _in_words(journey: Journey) -> list[str]:
    names = [s.name for s in journey.stations]
    lines = [f"{journey.title}:"]
    for leg in journey.legs:
        told = "; ".join(t for t in (leg.header, leg.note) if t)
        where = f" ({leg.cite})" if leg.cite else ""
        lines.append(f"{names[leg.sender]} → {names[leg.receiver]}: {leg.text}{f', {told}' if told else ''}{where}")
    return lines


def _short(text: str, limit: int) -> str:
    shown = " ".join(visible(text, 400).split())
    return shown if len(shown) <= limit else shown[: max(1, limit - 1)] + "…"
