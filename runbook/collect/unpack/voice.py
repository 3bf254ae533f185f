"""Who speaks in a file: a program, a person about this incident, or a document that explains things in general. Pure."""

from collections.abc import Collection, Sequence
from pathlib import PurePosixPath

from runbook.collect import marks
from runbook.lazy import re
from runbook.model import Voice
from runbook.parse.voices import Speaker

_PROSE = (".md", ".markdown", ".rst", ".adoc", ".asciidoc", ".txt", ".html", ".htm", ".mhtml", ".org", ".textile", "")
_PROGRAM = (".log", ".out", ".err", ".curl", ".csv", ".ndjson", ".jsonl", ".trace", ".cast")
_DOCUMENT = re.compile(
    r"(?:read[._-]?me|change[._-]?log|changes|history|news|install(?:ation|ing)?|upgrad(?:e|ing)|migration|manual|guide|user[._-]?guide|"
    r"admin[._-]?guide|how[._-]?to|tutorial|faq|trouble[._-]?shooting|contributing|licen[sc]e|copying|notice|architecture|wiki|docs?|handbook|"
    r"reference|release[._-]?notes|lessons|post[._-]?mortems?|known[._-]?(?:issues|errors)|cheat[._-]?sheet|runbook|playbook|"
    r"getting[._-]?started|quick[._-]?start|examples?|solved|old[._-]?(?:notes|issues|troubles)|diary|logbook|security)(?:$|[._-])",
    re.IGNORECASE,
)
_FOLDERS = ("docs", "doc", "documentation", "manual", "manuals", "wiki", "handbook", "examples", "example", "samples")
_PERSON = re.compile(r"\b(?:I|I'm|we|We|my|My|our|Our|us|ich|Ich|wir|Wir|mein\w*|unser\w*)\b")
_TROUBLE = re.compile(
    r"\b(?:fails?|failing|failed|broken|broke|error|cannot|can't|could not|doesn't|does not|refuse[sd]?|since (?:yesterday|today|this|last|monday|"
    r"tuesday|wednesday|thursday|friday|saturday|sunday|the)|help|why|stuck|get(?:ting)? (?:a )?[45]\d\d|geht nicht|seit)\b",
    re.IGNORECASE,
)
_DATED = re.compile(
    r"[\s*•>#-]{0,8}\[?(?:\d{4}-\d\d(?:-\d\d)?|\d{1,2}[./]\d{1,2}[./]\d{2,4}|v?\d+\.\d+(?:\.\d+)?)\]?\b"
)
SOLVED = re.compile(
    r"\b(?:solved|fixed|resolved|mended|repaired|done|closed|gone|no longer|not any ?more|was missing|was caused|used to|back then|worked around|"
    r"since then|behoben|gel(?:ö|oe)st|erledigt|repariert|nicht mehr|opgelost|verholpen|r[ée]solue?|resuelto|arreglado|risolto|resolvido)\b",
    re.IGNORECASE,
)
"""Words of a trouble that is over."""
EXAMPLE = re.compile(
    r"(?<![\w.-])(?:examples?(?!\.\w|:\d)|e\.g\.|for instance|should (?:be|look|read)|try (?:this|it|with|the)|change (?:it|this) to|instead(?: of)?|"
    r"(?:from|in|of) the (?:docs?|documentation|readme|manual|wiki)|suggest(?:s|ed|ion)?|recommend(?:s|ed)?|proposal|proposed|beispiel)\b",
    re.IGNORECASE,
)
"""Words before a block that is nobody's own file."""


def is_example(name: str) -> bool:
    """Whether a file lies among documents or examples."""
    return any(part.lower() in _FOLDERS for part in PurePosixPath(name).parts[:-1])


def voice_of(name: str, text: str) -> Voice:
    """The voice of a text file: "document" for a manual, a README, notes of old troubles; "program" where a program
    wrote it; else "person". The lines of a person's text may still be a program's, each for itself."""
    path = PurePosixPath(name)
    if path.suffix.lower() in _PROGRAM:
        return "program"
    if path.suffix.lower() not in _PROSE:
        return "person"
    called = _DOCUMENT.match(path.name) is not None or is_example(name)
    if called and not marks.is_log(text) and not _is_about_now(text):
        return "document"
    return "document" if _is_diary(text) else "person"


def complaint(rows: Sequence[str], framed: Collection[int] = ()) -> int | None:
    """The line (from 1) in which a person tells of a trouble of now; None where nobody does, or where it is over.
    `framed`: rows (from 0) that a program wrote."""
    speaker = Speaker("person", framed)
    persons = [n for n, row in enumerate(rows[:2000]) if speaker.of(n, row) == "person"]
    told = [n for n in persons if _COMPLAINS.search(rows[n]) and not _DATED.match(rows[n])]
    return told[-1] + 1 if told and told[-1] > _over(rows) else None


def is_of_push(row: str) -> bool:
    """Whether a complaint is about a push: a login and a pull that work are no answer to it."""
    return re.search(r"\b(?:push\w*|upload\w*|hochlad\w*)\b", row, re.IGNORECASE) is not None


def is_over(rows: Sequence[str]) -> bool:
    """Whether a text says at its end that what it tells of is over."""
    last = max((n for n, row in enumerate(rows[:2000]) if row.strip()), default=0)
    return 0 <= last - _over(rows) <= 3


def _over(rows: Sequence[str]) -> int:
    """The last row that says so without a doubt; far before the first for none."""
    said = (n for n, row in enumerate(rows[:2000]) if _ENDED.search(row) and not _DOUBT.search(row))
    return max(said, default=-10)


_ENDED = re.compile(
    r"(?:^|[.!?:;,(>*-][ \t]{0,4}|\b(?:is|was|are|been|now|it's|all|edit|update|status|got)\b:?[ \t]{1,4})"
    r"(?:solved|fixed|resolved|mended|repaired|closed|behoben|gel(?:ö|oe)st|erledigt|repariert|opgelost|verholpen|r[ée]solue?|resuelto|"
    r"arreglado|risolto|resolvido)\b|\b(?:works?|working|runs) (?:fine )?(?:again|now|since)\b|\bsince then\b",
    re.IGNORECASE,
)
"""Words that a trouble is over, as a statement: `no longer` and `used to` say the contrary as often."""
_DOUBT = re.compile(
    r"\b(?:not|never|nothing|nobody|none|no|until|till|before|hope\w*|when|if|please|cannot|but|nicht|kein\w*|noch|aber|bis|this one)\b|n't\b|\?",
    re.IGNORECASE,
)


_COMPLAINS = re.compile(
    r"\b(?:fail(?:s|ed|ing|ure)?|broken?|errors?|cannot|can't|could not|doesn't|does not|refus(?:e[sd]?|al)|denied|unauthori[sz]ed|"
    r"authentication required|x509|time(?:d )?out|EOF|an error occured|no space left|(?:shows?|sees?|gets?|has) no|manifest unknown|"
    r"not (?:work\w*|found|possible|allowed|let)|keeps? asking|wrong password|geht nicht|funktioniert nicht|fehler\w*|"
    r"(?<![\d:./-])(?:40[1345]|413|50[0234])(?![\d:./-]))\b",
    re.IGNORECASE,
)


def _is_about_now(text: str) -> bool:
    """Whether somebody tells of a trouble that he has: a README may be the ticket."""
    return any(
        _PERSON.search(row) and _TROUBLE.search(row) and not _DATED.match(row) for row in text[:20_000].split("\n")
    )


def _is_diary(text: str) -> bool:
    """Whether most lines are dated notes of what is over."""
    rows = [row for row in text[:20_000].split("\n") if row.strip() and not row.startswith("#")]
    dated = [row for row in rows if _DATED.match(row) and marks.log_start(row) is None]
    return (
        len(dated) >= 2
        and len(dated) * 2 > len(rows)
        and sum(SOLVED.search(row) is not None for row in dated) * 2 > len(dated)
    )
