"""A command and what came of it on one line, as people tell it: `curl -u mia https://reg.example/v2/ → 401`. Pure."""

import json
from collections.abc import Iterator

from runbook.lazy import re
from runbook.parse.clients.canon import Region

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


def told(line: str) -> tuple[str, str] | None:
    """The command and its answer where a line tells both, and that of this very call; else None."""
    found = _TOLD.match(line) if len(line) < 1300 else None
    if found is None or _OVER.search(found["answer"]):
        return None
    answer = found["answer"].strip()
    quote = answer[0] if answer[0] in "`\"'" and answer.rstrip(".,;")[-1:] == answer[0] and len(answer) > 2 else ""
    return found["command"].strip(), answer.rstrip(".,;")[1:-1] if quote else answer


def regions(rows: list[str]) -> Iterator[Region]:
    """Requests of curl that were told so."""
    for number, row in enumerate(rows):
        found = told(row) if "curl " in row else None
        if found is None or "curl " not in found[0]:
            continue
        answer = _answer(found[1])
        if answer:
            region = Region(number, number + 1)
            region.add(number, f"$ {found[0]}", answer, "", "$ true")
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
