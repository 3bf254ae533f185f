"""A command and what came of it on one line, as people tell it: `curl -u mia https://reg.example/v2/ → 401`. Pure."""

import json
from collections.abc import Iterator

from runbook.lazy import re
from runbook.parse.clients.canon import Region
from runbook.parse.voices import OWN_DOING

MARKS = ("curl",)
_ARROWS = "→|⇒|⟶|-{1,2}>|={1,2}>"
_TOLD = re.compile(
    r"\s{0,8}(?:[*•+-] |\d{1,2}[.)] )?(?P<tick>`?)(?:\$ )?(?P<command>(?:sudo )?(?:curl|docker|podman|nerdctl|skopeo|crane|oras|helm|buildah)"
    rf" [^\n`→⇒⟶]{{3,600}}?)(?P=tick)\s{{0,8}}(?:(?:{_ARROWS})|(?<= )(?:gives|returns|answers|says|prints|liefert|ergibt)(?= ))"
    r"\s{0,8}(?P<answer>[^\s>][^\n]{0,600})$"
)
_STATUS = re.compile(r"(?:HTTP/\d(?:\.\d)? )?([1-5]\d\d)(?:[ ,;.][^{]{0,60})?$")
_PLAIN = ("curl: (", "Client sent an HTTP request to an HTTPS server.")
_OVER = re.compile(
    r"\b(?:fixed|solved|was|should|would|expect\w*|means|until|before|after|now|behoben|vorher|sollte)\b", re.IGNORECASE
)


_WELL = re.compile(r"(?:HTTP/\S{1,4} )?2\d\d\b|Login Succeeded")
_HALF = re.compile(
    r"\b(?:first|later|once|only|sometimes|mostly|refus\w*|fail\w*|but|not|nur|aber|nicht|manchmal)\b", re.IGNORECASE
)
"""An answer that went well and did not."""
_MEANT = re.compile(
    r"^(?!.*\b(?:but|still|instead|got|aber|trotzdem)\b).*(?<![\w./-])(?:how (?:I|we|to|you)|what (?:\w+ ){1,3}(?:tells?|means?)"
    r"|checks|to check|checklist|criteri\w*|acceptance|expect\w*|should|must|plan|examples?|soll\w*|erwart\w*|prüf\w*|kriterien)"
    r"(?![\w-]|\.\w)",
    re.IGNORECASE,
)
"""Headings of what is to come, or of what an answer would mean; a name of a host says nothing."""
_ITEM = re.compile(r"\s{0,8}(?:[*•+-]|\d{1,2}[.)]) ")


def told(rows: list[str]) -> dict[int, tuple[str, str]]:
    """The rows (from 0) that tell a command and its answer, and that of this very call, with both."""
    found: dict[int, tuple[str, str]] = {}
    above, heading = "", ""
    for number, row in enumerate(rows):
        match = _TOLD.match(row.rstrip("\r")) if len(row) < 1300 else None
        if match is None:
            above = row[:200] if row.startswith("#") else above
            heading = heading if _ITEM.match(row) or not row.strip("`~=- \t") else row[:200]
        elif not _MEANT.match(heading) and not _MEANT.match(above) and (answer := _own_answer(match["answer"])):
            found[number] = match["command"].strip(), answer
    return found


def _own_answer(text: str) -> str:
    """What came of the call; "" where the words after it are about another one."""
    if _OVER.search(text) or OWN_DOING.search(text) or (_WELL.match(text) and _HALF.search(text)):
        return ""
    answer = text.strip()
    quote = answer[0] if answer[0] in "`\"'" and answer.rstrip(".,;")[-1:] == answer[0] and len(answer) > 2 else ""
    return answer.rstrip(".,;")[1:-1] if quote else answer


def regions(rows: list[str]) -> Iterator[Region]:
    """Requests of curl that were told so."""
    for number, (command, said) in told(rows).items():
        answer = _answer(said) if "curl " in command else ""
        if answer:
            region = Region(number, number + 1)
            region.add(number, f"$ {command}", answer, "", "$ true")
            yield region


def _answer(text: str) -> str:
    """A row of curl's own words; "" for what tells of no answer."""
    if status := _STATUS.match(text):
        return f"HTTP/1.1 {status[1]}"
    if text.startswith(_PLAIN):
        return text
    try:
        return text if isinstance(json.loads(text), dict) else ""
    except (ValueError, RecursionError):
        return ""
