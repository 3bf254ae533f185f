"""Which sentences of a text make a claim that can be tried, and whether they are true.

A sentence that fits no claim is left alone, and so is a question, a quotation that the next sentence takes back is turned
round, and what stands below "Myths:" counts as denied.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from runbook.advice.claims import BY_ID, CLAIMS, Claim, Verdict, opposite
from runbook.advice.settings import Hit, hits, lost_root
from runbook.lazy import re

LARGEST = 200_000
"""Characters of a text that are looked at."""
_LONGEST = 1200
"""Characters of one sentence that are looked at."""
_SUBJECTS = re.compile(
    r"realm|registry|htpasswd|authori[sz]ation|auth|401|login|prox|nginx|crlf|line ?(?:break|end)|newline|bom\b|byte|bcrypt|md5|entr|preflight|options"
    r"|origin|localhost|service name|\bui\b|host|uid|1000|credential|docker"
)
"""A sentence without any of these speaks of something else."""
_FENCE = re.compile(r"^\s{0,6}(?:```|~~~)")
_ITEM = re.compile(r"^\s*(?:[-*+•]|\d{1,3}[.)])\s+")
_HEADING = re.compile(r"^\s{0,3}#{1,6}\s+|^\s{0,8}\*\*[^*\n]{1,120}\*\* {0,4}:? {0,4}$")
_CONFIG = re.compile(
    r"^\s*(?:-\s+)?['\"]?[\w.-]{2,80}['\"]?\s*[=:](?:\s+\S{1,200}|\S{0,200})?\s*$|^\s*[$#>]\s+\w|^\s*(?:sudo |docker |curl |htpasswd |proxy_)"
)
_SENTENCE = re.compile(r"(?<=[.!?])[\"')\]]{0,2}\s+(?=[\"'(\[]{0,2}[A-Z0-9`$])|(?<=[:;])\s{2,}")
_DENIES_BELOW = re.compile(
    r"\bmyths?\b|\bmisconception|\bfolklore|\bfalse claims?\b|\bwrong claims?\b|\bnot true\b|\bdo not believe|\bdon't believe|"
    r"\bdoes not (?:cause|matter|help)|\bdon't matter|\bdo not matter|\bnever the (?:cause|reason)|\bnot the (?:cause|reason)|\bbad advice|"
    r"\bdebunk|\bis (?:simply )?(?:false|wrong|untrue) {0,4}:? {0,4}$|\bare (?:all )?(?:false|wrong|untrue) {0,4}:? {0,4}$",
    re.IGNORECASE,
)
_TRUTH_BELOW = re.compile(r"\bfacts?\b|\btruth\b|\breality\b|\bwhat is true\b|\bwhat really\b", re.IGNORECASE)
_TAKEN_BACK = re.compile(
    r"^(?:but |however, |well, |no[,:.]? )?(?:this|that|it|which|these|those|they|both|none of (?:this|that|it))? ?(?:claim |statement |advice |one )?"
    r"(?:is|was|are|were|'s)? ?(?:simply |just |plainly |all |both |also |a |an |complete |common |pure )*"
    r"(?:wrong|false|untrue|incorrect|nonsense|not true|not so|not the case|myths?|folklore|misconceptions?|mistaken)\b|^(?:it|they|this|that) (?:does not|do not|doesn't|don't|is not|isn't)[.!]?$",
    re.IGNORECASE,
)
_REPORTED = re.compile(
    r"\b(?:some|many|most|other|old)\b.{0,30}\b(?:say|claim|believe|think|write|state|suggest|assume)s?\b|\bpeople (?:say|claim|believe|think|assume)\b|"
    r"\b(?:often|commonly|widely|sometimes) (?:said|claimed|believed|read|heard|assumed)\b|\byou (?:may|will|might|can) (?:also )?(?:read|hear|find)\b|"
    r"\b(?:the|this|that|a) (?:post|article|answer|blog|guide|tutorial|write-?up)\b.{0,20}\b(?:says?|claims?|states?|suggests?|tells?)\b",
    re.IGNORECASE,
)
_IN_FACT = re.compile(r"^\s*(?:in reality|in fact|actually|but|however|the truth is|really)\b", re.IGNORECASE)
_DENIES_ITSELF = re.compile(
    r"\b(?:it is|it's|is) (?:a (?:common )?(?:myth|misconception)|folklore|false|wrong|untrue|not true|incorrect|nonsense)\b(?: (?:that|to)\b|[,.:]|$)"
    r"|\b(?:myth|folklore|misconception|false claim)\b\s*(?:#?\d+\s*)?[:–—-]|\bcontrary to\b|\bdon't believe\b|\bdo not believe\b|"
    r"\bwrongly (?:says?|claims?|assumes?|believes?)\b|\b(?:says?|claims?|said)\b.{0,200}\b(?:but|which) (?:that |this |it )?(?:is|'s) (?:wrong|false|not true|untrue|incorrect|a myth)\b"
    r"|\b(?:is|are) (?:a )?(?:myth|folklore|misconception|false|nonsense|untrue)s?[.!]?$",
    re.IGNORECASE,
)


@dataclass(frozen=True, slots=True)
class Judgement:
    """One sentence or line that makes a claim."""

    line: int
    """Counted from 1."""
    quote: str
    claim: Claim
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class _Sentence:
    line: int
    text: str
    denied: bool
    """Whether what stands around it calls it false."""


def check(text: str) -> list[Judgement]:
    """The claims of a text in its order; each claim once per verdict, where it stands first."""
    lines = text[:LARGEST].replace("\r\n", "\n").replace("\r", "\n").split("\n")
    found = [*_said(lines), *_done(lines)]
    found.sort(key=lambda j: j.line)
    first: dict[tuple[str, Verdict], Judgement] = {}
    for judgement in found:
        first.setdefault((judgement.claim.id, judgement.verdict), judgement)
    return list(first.values())


def _said(lines: list[str]) -> Iterator[Judgement]:
    seen = set()
    for sentence in _sentences(lines):
        plain = _plain(sentence.text)
        if plain.endswith("?") or (plain, sentence.denied) in seen or not _SUBJECTS.search(plain):
            continue
        seen.add((plain, sentence.denied))
        itself = bool(_DENIES_ITSELF.search(plain))
        for claim in CLAIMS:
            verdict = claim.judge(plain)
            if verdict:
                # A sentence that denies the claim in its own words is not turned round by "contrary to".
                denied = sentence.denied != (itself and verdict == claim.verdict)
                yield Judgement(
                    sentence.line + 1, sentence.text.strip(), claim, opposite(verdict) if denied else verdict
                )


def _done(lines: list[str]) -> Iterator[Judgement]:
    first: dict[tuple[str, Verdict], Hit] = {}
    for hit in (*(h for own in _blocks(lines) for h in hits(lines, own)), *lost_root(lines)):
        first.setdefault((hit.claim, hit.verdict), hit)
    for hit in first.values():
        verdict = hit.verdict
        if verdict == "wrong" and _warned_of(lines, hit):
            verdict = "true"
        yield Judgement(hit.line + 1, lines[hit.line].strip(), BY_ID[hit.claim], verdict)


def _warned_of(lines: list[str], hit: Hit) -> bool:
    """Whether the line itself, or the one that leads to it, says that it does not work."""
    before = [line for line in lines[max(0, hit.line - 3) : hit.line] if line.strip() and not _FENCE.match(line)]
    near = " ".join([*(b for b in before[-1:] if b.rstrip().endswith(":")), lines[hit.line]])
    return bool(
        re.search(
            r"\b(?:wrong|broken|does not work|doesn't work|is no check|cannot work|never matches|fails|do not (?:use|do|set)|don't (?:use|do|set)|"
            r"nobody reads|ignored|not read|loses|lost|bad|instead of|exits? (?:with )?(?:code )?2|exit code 2|missing)\b",
            near,
            re.IGNORECASE,
        )
    )


def _blocks(lines: list[str]) -> Iterator[range]:
    """Blocks of code by their fences; what stands between them, paragraph by paragraph."""
    start, fenced = 0, False
    for number, line in enumerate(lines):
        if _FENCE.match(line) or (not fenced and not line.strip() and not _goes_on(lines, number)):
            yield range(start, number)
            start = number + 1
            fenced = not fenced if _FENCE.match(line) else fenced
    yield range(start, len(lines))


def _goes_on(lines: list[str], number: int) -> bool:
    """Whether an empty line stands inside a configuration that goes on below it."""
    below = next((line for line in lines[number + 1 : number + 4] if line.strip()), "")
    return below.startswith((" ", "\t")) and bool(_CONFIG.match(below))


def _sentences(lines: list[str]) -> Iterator[_Sentence]:
    """Prose as sentences, code as lines; tables are left alone, since their columns decide what they mean."""
    fenced, below = False, False
    part: list[tuple[int, str]] = []
    for number, line in enumerate([*lines, ""]):
        if _FENCE.match(line):
            yield from _split(part, below)
            part, fenced = [], not fenced
        elif fenced or _CONFIG.match(line):
            yield from _split(part, below)
            part = []
            yield _Sentence(number, line, below)
        elif line.lstrip().startswith("|"):
            continue
        else:
            ends = not line.strip() or bool(_ITEM.match(line)) or bool(_HEADING.match(line))
            if ends:
                yield from _split(part, below)
                part = []
            if _HEADING.match(line):
                below = bool(_DENIES_BELOW.search(line)) and not _TRUTH_BELOW.search(line)
            elif line.rstrip().endswith(":") and len(line) < 160:
                below = bool(_DENIES_BELOW.search(line)) or (below and bool(_ITEM.match(line)))
            elif line.strip() and not _ITEM.match(line) and not part and not line.startswith((" ", "\t")):
                below = below and bool(_HEADING.match(line))
            if line.strip():
                part.append((number, line))
            if _HEADING.match(line):
                yield from _split(part, denied=False)
                part = []
    yield from _split(part, below)


def _split(part: list[tuple[int, str]], denied: bool) -> Iterator[_Sentence]:
    """The sentences of one paragraph; one that the next takes back is denied."""
    if not part:
        return
    text, starts = "", list[tuple[int, int]]()
    for number, line in part:
        starts.append((len(text), number))
        text += line.strip() + " "
    pieces, at = list[tuple[int, str]](), 0
    for match in _SENTENCE.finditer(text):
        pieces.append((at, text[at : match.start()]))
        at = match.end()
    pieces.append((at, text[at:]))
    for index, (begin, piece) in enumerate(pieces):
        after = pieces[index + 1][1] if index + 1 < len(pieces) else ""
        back = bool(_TAKEN_BACK.search(_plain(after))) or bool(_REPORTED.search(piece) and _IN_FACT.search(after))
        first = next(number for offset, number in reversed(starts) if offset <= begin)
        yield _Sentence(first, piece[:_LONGEST], denied != back)


def _plain(text: str) -> str:
    """Lower case, plain quotes, no emphasis, no list marks."""
    text = _HEADING.sub("", _ITEM.sub("", text)) if not text.lstrip().startswith("**") else text
    text = text.translate({0x2018: "'", 0x2019: "'", 0x201C: '"', 0x201D: '"', 0x2011: "-", 0x2010: "-"})
    text = re.sub(r"[`]|(?<![\w:='\"\[ ])\*+|\*+(?=\w)|(?<=[\w.:])\*+|(?<!\w)_+(?=\w)|(?<=\w)_+(?!\w)", "", text)
    return re.sub(r"\s+", " ", text).strip().lower()
