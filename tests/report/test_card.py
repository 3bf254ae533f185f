"""What is pasted into a chat: a few lines, and a card that stands alone; the PNG in a real Chromium."""

import struct
import xml.etree.ElementTree as ET
from dataclasses import replace
from pathlib import Path

import pytest

from runbook.headless import card as drawing
from runbook.judge import Run, diagnose
from runbook.lab import Lab
from runbook.model import Exchange, Place
from runbook.redact import Vault
from runbook.report.card import card, summary
from tests.real.programs import need
from tests.report.samples import collected, evidence_of


@pytest.fixture(scope="module")
def demo() -> Run:
    with Lab.demo() as lab:
        return diagnose(collected(lab))


def texts(svg: str) -> str:
    return "\n".join("".join(e.itertext()) for e in ET.fromstring(svg).iter("{http://www.w3.org/2000/svg}text"))


def test_both_say_the_verdict_the_fix_and_the_check(demo: Run) -> None:
    cause = demo.diagnosis.causes[0]
    for shown in (summary(demo).text, texts(card(demo))):
        assert "authorization-stripped" in shown
        assert cause.fix.summary in " ".join(shown.split())
        assert cause.fix.command_lines[0] in shown
        assert "Check" in shown
    assert "docker-compose.yml:27" in texts(card(demo)), "the picture is in it, with its places"
    assert len(summary(demo).text.splitlines()) <= 10


def test_what_is_of_the_lab_says_so() -> None:
    with Lab("htpasswd-not-bcrypt", backend="embedded", seed=3) as lab:
        evidence = collected(lab)
    run = diagnose(replace(evidence, target=replace(evidence.target, lab="htpasswd-not-bcrypt")))
    assert summary(run).text.startswith("DEMO")
    assert "DEMO" in texts(card(run))


def test_foreign_text_calls_nobody_and_is_no_markup() -> None:
    hostile = '@channel <script>alert(1)</script> $x$ "]]>'
    seen = Exchange(source=Place(hostile), method="GET", url="http://h:5000/v2/", status=401, route="direct",
                    response_headers=(("Server", hostile),))  # fmt: skip
    run = diagnose(evidence_of(seen))
    assert " @channel" not in summary(run).text
    assert "<script" not in card(run)
    ET.fromstring(card(run))


def test_the_card_is_drawn_by_a_real_browser_in_its_own_size(demo: Run, tmp_path: Path) -> None:
    need("chromium")
    svg = card(demo)
    assert drawing.draw(svg, tmp_path / "card.png", Vault()) == ""
    data = (tmp_path / "card.png").read_bytes()
    assert data.startswith(b"\x89PNG")
    root = ET.fromstring(svg)
    assert struct.unpack(">II", data[16:24]) == (2 * int(root.attrib["width"]), 2 * int(root.attrib["height"]))
    assert (tmp_path / "card.png").stat().st_mode & 0o777 == 0o600


def test_without_a_browser_a_sentence_says_what_there_is(
    demo: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    assert drawing.draw(card(demo), tmp_path / "card.png", Vault()) == drawing.MISSING
    (tmp_path / "chromium").write_text("#!/bin/sh\nexit 1\n")
    (tmp_path / "chromium").chmod(0o755)
    assert "card.svg is the same picture" in drawing.draw(card(demo), tmp_path / "card.png", Vault())
    assert not (tmp_path / "card.png").exists()
