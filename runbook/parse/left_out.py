"""What whoever handed a text over left out or blacked out before: it shows neither a fault nor that there is none. Pure."""

from collections.abc import Sequence

from runbook.lazy import re
from runbook.model import FileKind
from runbook.redact import is_mask

_DOTS = re.compile(r"(?:\.[ \t]?){3,20}|…{1,9}")
_WORDS = re.compile(
    r"(?:snip|cut|omitted|truncated|redacted|removed|skipped|shortened|abbreviated|more|other|the rest|rest|remaining|same|"
    r"unchanged|\d{1,6} (?:more )?lines?|etc|gekürzt|ausgelassen|usw)\b",
    re.IGNORECASE,
)
_ALONE = re.compile(r"snip|cut|omitted|truncated|redacted|removed|skipped|gekürzt|ausgelassen", re.IGNORECASE)
"""Those that say it without another word: `[other]` is a section."""
_MAY = re.compile(rf"\*\*|••|██|xxxx|redacted|\.[ \t]?\.[ \t]?\.|…|[\[(<{{*~=-][ \t]?{_WORDS.pattern}", re.IGNORECASE)
"""What no text without such a row can do without: a quick look."""
_FRAME = "[](){}<>*/~= \t"
_EMPTIED = re.compile(r"\{[ \t]*(?:\.{3}|…)[ \t]*\}")
"""`location / { ... }`: a block without what stands in it."""
_STANDS_IN = re.compile(
    r"(?:\$\w+|\$\{\w[^}]*\}|%\w+%|!\w+!|\$env:\w+|<.*>|\[.*\]|\{\{.*\}\}|\*+|•+|x{2,}|\.{3}|…|_{3,}|-{3,}|\?+|redacted"
    r"|geheim\*+|pass(?:word|wd)?|passwort|your[-_ ]?password)$|.*(?:\$\(|`.*`|\$\{|\$\{\{|@\{)",
    re.IGNORECASE | re.DOTALL,
)
_HIDDEN = r"redacted|hidden|masked|snip|removed|entfernt|geschwärzt|hash|bcrypt[-_ ]?hash"
_BLACKED_OUT = re.compile(
    rf"\*{{3}}|•{{3}}|█{{2}}|…|\.{{3}}|[xX]{{6}}|\bredacted\b|^(?:{_HIDDEN}|<[^<>\n]{{1,60}}>|\[[^\[\]\n]{{1,60}}\])$"
    rf"|[<(\[](?:{_HIDDEN}|secret)\b[^<>()\[\]\n]{{0,60}}[>)\]]|^([xX0#?_.-])\1{{3,}}$",
    re.IGNORECASE,
)
"""`secret`, `hash` and brackets inside of a value may be somebody's password: the words count alone or in brackets."""


_SHORTENED: dict[FileKind, bool] = {
    "compose": True, "registry-config": True, "traefik": True, "kubernetes": True, "chart-values": True, "ci": True, "puller": True,
    "nginx": False, "caddy": False, "haproxy": False, "apache": False, "dotenv": False, "quadlet": False,
}  # fmt: skip
"""Kinds of files that people shorten, and whether they are YAML (or may be)."""


def is_left_out(row: str) -> bool:
    """Whether a row only says that something was left out here: `...`, `# ...`, `[...]`, `<snip>`, `--- cut ---`."""
    bare = row.strip(" \t\r;,")
    if bare.startswith("#"):
        bare = bare.lstrip("# \t")
        return bool(_DOTS.fullmatch(bare.strip(_FRAME)))
    if not bare or len(bare) > 100:
        return False
    if is_mask(bare):
        return True
    core = bare.strip(_FRAME).strip()
    core = core.strip("-").strip() if bare[:2] == "--" or bare[-2:] == "--" else core
    if _DOTS.fullmatch(core):
        return True
    dotted = core.startswith(("..", "…")) or core.endswith(("...", "…"))
    framed = dotted or (bare[0] in "[(<{*~=-" and bare[-1] in "])>}*~=-")
    words = core.strip(f".…{_FRAME}")
    return framed and _WORDS.match(words) is not None and (dotted or " " in words or _ALONE.match(words) is not None)


def without_left_out(text: str, kind: FileKind) -> tuple[str, tuple[int, ...]]:
    """A text of that kind with such rows empty, so that what is left can be read, and their numbers from 1.

    In YAML `...` may also end a document. Kinds that nobody shortens stay as they are.
    """
    if kind not in _SHORTENED or not _MAY.search(text):
        return text, ()
    is_yaml = _SHORTENED[kind]
    rows = text.split("\n")
    found: list[int] = []
    for number, row in enumerate(rows):
        if is_left_out(row) and not (is_yaml and row.rstrip() == "..." and _ends_here(rows[number + 1 :])):
            rows[number] = ""
            found.append(number + 1)
        elif not is_yaml and "{" in row and (emptied := _EMPTIED.sub("{}", row)) != row:
            rows[number] = emptied
            found.append(number + 1)
    return "\n".join(rows), tuple(found)


def _ends_here(rest: Sequence[str]) -> bool:
    """Whether nothing but another document follows."""
    return next((row for row in rest if row.strip()), "---").startswith("---")


def stands_in(text: str) -> bool:
    """Whether this is no secret but stands for one: a variable that no shell has put in, a placeholder, stars."""
    return _STANDS_IN.match(text.strip()[:2000]) is not None


def is_blacked_out(text: str) -> bool:
    """Whether something in a value was hidden by hand: stars, dots, x's, a word in brackets that says so."""
    return is_mask(text) or _BLACKED_OUT.search(text.strip()[:2000]) is not None
