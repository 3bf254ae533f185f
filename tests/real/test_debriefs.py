"""The debrief of every cause in a real Chromium: whole, inside the page, without a complaint of the browser.

Pictures go to RUNBOOK_PICTURES, or to a folder of the system's temporary one.
"""

import os
import tempfile
from pathlib import Path

import pytest
from playwright.sync_api import Browser

from runbook.report.block import Block, css
from runbook.training.catalogue import CATALOGUE, POOLS, pool
from runbook.training.debrief import debrief
from runbook.training.draw import Round, draw
from runbook.training.judge import Answer

PICTURES = Path(os.environ.get("RUNBOOK_PICTURES") or Path(tempfile.gettempdir()) / "runbook-pictures")
NOT_ASKED = ("browser-cannot-resolve-container-name", "preflight-options-401")
"""What no request to the registry shows: the name is unknown to the browser, or it is the preflight that is refused."""
PARTS = ("What it was", "Where the request got to", "The login on its path", "Next round")


def page_of(block: Block) -> str:
    return (
        f'<!doctype html><meta charset="utf-8"><title>x</title><style>body {{ margin: 16px }} {css()}</style>'
        f'<div class="rb" style="max-width: 900px">{block.html}</div>'
    )


def opened(drawn: Round, browser: Browser, name: str) -> str:
    """Open it as narrow as a notebook beside its files is; returns what a reader sees."""
    page = browser.new_page(viewport={"width": 800, "height": 1000})
    complaints: list[str] = []
    page.on("console", lambda message: complaints.append(message.text))
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.set_content(page_of(debrief(drawn, Answer())))
    PICTURES.mkdir(parents=True, exist_ok=True)
    page.screenshot(path=PICTURES / f"debrief-{name}.png", full_page=True)
    wide = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    seen = page.inner_text("body")
    page.close()
    assert complaints == []
    assert wide <= 0, f"{name} is {wide} pixels wider than the page"
    return seen


@pytest.mark.parametrize("cause", pool("final"))
def test_the_debrief_of_every_cause(cause: str, browser: Browser) -> None:
    step = next(s for s, causes in POOLS[CATALOGUE].items() if cause in causes)
    seen = opened(draw(step, len(cause), only=cause), browser, cause)
    assert "port REGISTRY" not in seen
    assert ":REGISTRY" not in seen
    assert ("shows it" in seen) or ("the browser keeps" in seen) or cause in NOT_ASKED
    for part in (*PARTS, "What a fix changes", "tells it apart", f"The page of {cause}"):
        assert part in seen, part


@pytest.mark.parametrize("faults", [0, 2])
def test_the_debrief_of_a_round_with_none_or_two(faults: int, browser: Browser) -> None:
    seen = opened(draw("final", 5, faults), browser, f"{faults}-faults")
    assert all(part in seen for part in PARTS)
