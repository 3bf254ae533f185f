"""Who speaks in a file: a program, a person about this incident, or a document that explains things in general. Pure."""

from collections.abc import Callable, Collection, Sequence
from pathlib import PurePosixPath
from typing import Literal, NamedTuple

from runbook.collect import marks
from runbook.lazy import re
from runbook.model import Voice
from runbook.parse.prompts import command
from runbook.parse.strangers import is_past_probe, is_strange
from runbook.parse.voices import OWN_DOING, Speaker

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
    r"[\s*•>#-]{0,8}\[?(?:\d{4}-\d\d(?:-\d\d)?|\d{1,2}/\d{4}|\d{1,2}[./]\d{1,2}[./]\d{2,4}|v?\d+\.\d+(?:\.\d+)?)\]?\b"
)
SOLVED = re.compile(
    r"\b(?:solved|fixed|resolved|mended|repaired|done|closed|gone|no longer|not any ?more|was missing|was caused|used to|back then|worked around|all fine|"
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


Told = Literal["", "complaint", "push-complaint", "log-complaint"]
Written = Callable[[int], tuple[float, bool]]
"""Row (from 0) → `Place.era` and `Place.loose`."""


def complaint(
    rows: Sequence[str], framed: Collection[int] = (), written: Written = lambda _: (0.0, False)
) -> tuple[int | None, Told]:
    """The line (from 1) in which a person tells of a trouble of now, and of what; None where nobody does, or where it is
    over. `framed`: rows (from 0) that a program wrote."""
    said = _said(rows, framed, written)
    told = [n for n, said_by in enumerate(said) if said_by.voice == "person" and _complains(said_by.text)]
    told = [n for n in told if not _IS_GONE.search(said[n].text)]
    told = [n for n in told if not _of_another_program(rows, said[n].row)]
    told = [n for n in told if not (_DATED.match(rows[said[n].row]) or _CURLS.match(rows[said[n].row]))]
    over = _over(said)
    told = [n for n in told if n > over]
    tried = [n for n in told if _complains(_of_no_log(said[n].text))]
    if not told:
        return None, ""
    row = said[(tried or told)[-1]].row
    return row + 1, "log-complaint" if not tried else "push-complaint" if _OF_A_PUSH.search(rows[row]) else "complaint"


_IS_GONE = re.compile(
    r"\b(?:no longer exists?|(?:was|is|were|are) (?:shut down|decommissioned|switched off|retired)|ya no existen?|n'existe(?:nt)? plus|non esist(?:e|ono) più|"
    r"bestaa(?:t|n) niet meer|(?:gibt es|existier(?:t|en)) nicht mehr|abgeschaltet|stillgelegt|não existe(?:m)? mais)\b",
    re.IGNORECASE,
)
"""What fails there does so no more: the server itself is gone."""
_OF_A_PUSH = re.compile(r"\b(?:push\w*|upload\w*|hochlad\w*)\b", re.IGNORECASE)
"""A login and a pull that work are no answer to it."""
_CURLS = re.compile(r"< (?:HTTP/\d|[\w-]+:)|\* Authentication problem")
"""An answer as `curl -v` prints it: read as traffic, and no words of the person who pasted it."""


def failure(name: str, rows: Sequence[str]) -> int | None:
    """The first line (from 1) with words of a failure that is not plainly another program's; None where there is none."""
    own = "regist" in name.lower()
    return next(
        (
            n + 1
            for n, row in enumerate(rows[:2000])
            if any(
                _FAILURE.search(_NO_FAILURE.sub("", s))
                and not (_ASKED_OF_A_LOG.search(s) or (not own and _of_another_service(s)))
                for s in _SENTENCES.split(row)
            )
            and not _IN_ORDER.search(row)
            and (own or not is_strange(row, "other-error", ""))
            and not (OWN_DOING.search(row) or is_past_probe(row) or _IS_GONE.search(row))
            and not _DATED.match(row.split("]")[0] if SOLVED.search(row) else "")
            and not _of_another_program(rows, n)
        ),
        None,
    )


def _of_another_program(rows: Sequence[str], at: int) -> bool:
    """Whether a row stands below the command of a program that is no client of a registry, and names no registry."""
    if _OF_A_REGISTRY.search(rows[at]):
        return False
    above = next((c for row in reversed(rows[max(0, at - 60) : at + 1]) if (c := command(row))), "")
    words = [word for word in above.split() if word != "sudo" and "=" not in word]
    return bool(words) and _ASKS_OTHERS.fullmatch(words[0]) is not None and not _HANDLES_IMAGES.search(above)


def is_over(rows: Sequence[str], framed: Collection[int] = (), written: Written = lambda _: (0.0, False)) -> bool:
    """Whether a text says at its end that what it tells of is over, and nothing after that speaks against it."""
    said = _said(rows, framed, written)
    last = _over(said)
    after = said[last + 1 :]
    return (
        last >= 0
        and said[-1].row - said[last].row <= 3
        and not any(s.voice == "program" or _complains(s.text) or _DOUBT.search(s.text) for s in after)
    )


class _Said(NamedTuple):
    """A sentence."""

    row: int
    """From 0."""
    text: str
    voice: Voice


def _said(rows: Sequence[str], framed: Collection[int], written: Written) -> list[_Said]:
    """The sentences in the order in which they were written: what somebody quotes was there before what he says of it."""
    speaker = Speaker("person", framed)
    voices = [(n, row, speaker.of(n, row)) for n, row in enumerate(rows[:2000])]
    said = [_Said(n, part, voice) for n, row, voice in voices if row.strip() for part in _SENTENCES.split(row)]
    return sorted(said, key=lambda s: written(s.row)[0])


def _over(said: Sequence[_Said]) -> int:
    """The last sentence that says so without a doubt; -1 for none."""
    found = (n for n, s in enumerate(said) if _ends(s.text) and not (n and _is_of_that(s, said[n - 1])))
    return max(found, default=-1)


def _ends(sentence: str) -> bool:
    found = _ENDED.search(sentence)
    if found is None or _DOUBT.search(_HARMLESS.sub("", sentence)):
        return False
    rest = sentence[found.end() :]
    return not _COMPLAINS.search(rest) and not _LIMIT.match(rest)


def _is_of_that(sentence: _Said, before: _Said) -> bool:
    """Whether `it` is what the sentence before told of, and that is no trouble with a registry: `The VPN was down.`"""
    near = before.voice == "person" and sentence.row - before.row <= 1
    return near and _TELLS.match(before.text) is not None and not _complains(before.text)


def _complains(sentence: str) -> bool:
    if OWN_DOING.search(sentence):
        sentence = sentence.partition(" but ")[2]
    if _ASKED_OF_A_LOG.search(sentence) or _of_another_service(sentence):
        return False
    return _COMPLAINS.search(_NO_FAILURE.sub("", sentence)) is not None


def _of_no_log(sentence: str) -> str:
    """A sentence without a status that somebody only read in a log, and says of nobody and of nothing that was tried."""
    whose = _SOMEBODY.search(_READS.sub("", sentence)) or _TRIED.search(sentence)
    return sentence if whose else _READ_IN_A_LOG.sub("", sentence)


def _of_another_service(sentence: str) -> bool:
    """Whether a sentence names a service that is no part of a registry, no word of one, and nothing in common with it."""
    named = _ANOTHER_SERVICE.search(sentence) is not None
    return named and not (_OF_A_REGISTRY.search(sentence) or _IN_COMMON.search(sentence))


_ASKS_OTHERS = re.compile(
    r"ssh|scp|sftp|rsync|git|mysql|mariadb|psql|redis-cli|mongo(?:sh)?|apt(?:-get)?|dnf|yum|apk|pip3?|npm|yarn|pnpm|mvnw?|"
    r"gradlew?|cargo|go|composer|gem|bundle|poetry|uv|terraform|tofu|vault|ansible(?:-\w+)?|aws|gcloud|az|smbclient|ldapsearch"
)
_HANDLES_IMAGES = re.compile(r"docker|podman|image|registry", re.IGNORECASE)
_OF_A_REGISTRY = re.compile(
    r"\b(?:docker|podman|registry(?!\.)|log ?in(?!:)|push|pull\w*|images?|anmeld\w*)\b", re.IGNORECASE
)
_ANOTHER_SERVICE = re.compile(
    r"\b(?:wiki|confluence|jira|grafana|prometheus|jenkins|nextcloud|owncloud|mail ?server|smtp|imap|vpn|printer|drucker|web ?shop|"
    r"intranet|sentry|kibana|postgres\w*|mysql|mariadb|redis|mongo\w*|database|datenbank|backup job|cron ?job)\b",
    re.IGNORECASE,
)
_IN_COMMON = re.compile(
    r"\b(?:too|also|as well|both|likewise|everything|all|same|auch|ebenso|beide|alles|derselbe|dasselbe|ui|v2|401|tags?|catalog|proxy|nginx|"
    r"traefik|caddy|haproxy|apache|htpasswd|certificate|zertifikat)\b",
    re.IGNORECASE,
)
"""Words by which another service's trouble may be the registry's as well."""
_FAILURE = re.compile(
    r"\b(?:fail(?:s|ed|ing|ure)?|refus(?:e[sd]?|al)|denied|errors?|ERR|unauthori[sz]ed|forbidden|cannot|can't|unable to|does not exist|"
    r"BackOff|\w+BackOff|ErrImagePull|unhealthy|broken|crash\w*|Restarting \(\d+\)|(?<![\d:./-])(?:40[13]|50[0234])s?(?![\d:./-]))\b|"
    r"\b(?:status\w*|code)[=: ]+(?:40[13]|50[0234])\b|\bAH00526\b|Invalid command",
    re.IGNORECASE,
)
_IN_ORDER = re.compile(
    r"\[(?:I|(?:\w+:)?(?:info|notice|debug))\]|\blevel=(?:info|debug)\b|\"level\": ?\"(?:info|debug)\"|\b(?:INFO?|DEBUG|DBG)\b"
)
"""The level of a line by which a program says that nothing is wrong."""
_NO_FAILURE = re.compile(
    r"\b(?:no|0|without|zero) (?:errors?|failures?|failed)\b|\b(?:nothing|nobody|no one|niemand|nichts) (?:\w+ ){0,2}fail\w*|"
    r"\b(?:errors?|fail\w*)[=:] ?(?:0|null|none|false|\"\")(?!\w)",
    re.IGNORECASE,
)
_SENTENCES = re.compile(r"(?<=[^.][.!?])[ \t]+")
_IT = (
    r"(?:(?:it|this|that|everything|all|es|das|dies|alles|ça|cela|c|het|dat|todo|tutto|isso)|(?:the|this|my|our|das|der|die|le|el|il|het|o) "
    r"(?:problem|issue|trouble|matter|error|fault|fehler|problème|problema|probleem|störung))(?:['’]s|['’]est| is| was| has been| ist| wurde| est"
    r"| está| è| é)?"
)
_MENDED = (
    r"(?:solved|fixed|resolved|mended|repaired|behoben|gel(?:ö|oe)st|erledigt|repariert|opgelost|verholpen|r[ée]solue?|resuelto|arreglado|risolto|"
    r"resolvido)(?: it| this)?(?=[ \t]*(?:$|[.,;:!)–—-]|(?:by|with|now|since|after|again|today|yesterday|in|on|at|thanks|thank you|durch|seit|am|im|mit|von|nach|heute|"
    r"gestern)\b))"
)
_ENDED = re.compile(
    rf"(?:^[\s>*•#(\[-]*(?:(?:edit|update|status|closing|closed|nachtrag)\b[:,]? *)?|[,;–—] *(?=(?:and|then|so|since|now|und|seit\w*|jetzt|nun|{_IT})\b))"
    rf"(?:(?:and|then|so|since then|now|all|und|seit(?:dem|her)|jetzt|nun)[,:]? +)*(?:{_IT} +(?:(?:now|all|jetzt|already) +)*)?(?:{_MENDED}|"
    r"(?:works?|working|runs|geht|läuft|funktioniert)(?: fine)? (?:again|now|since|wieder|jetzt|seit)\b|"
    r"(?<=\bnow it )(?:goes|works)\b|(?<=\bsince then )(?:200|ok|fine|it works)\b)",
    re.IGNORECASE,
)
"""Words that a trouble is over, said of nothing else: `the proxy was fixed` tells of another thing, `no longer` and
`since then` begin a trouble as often."""
_DOUBT = re.compile(
    r"\b(?:not|never|nothing|nobody|none|no|until|till|before|hope\w*|when|if|please|cannot|but|still|only|except|however|others?|another|from here|"
    r"for (?:now|me|her|him|us|them)|says?|said|claims?|partly|almost|nicht|kein\w*|noch|aber|bis|nur|außer|andere\w*|sagt|meint|this one)\b|n't\b|\?",
    re.IGNORECASE,
)
_LIMIT = re.compile(
    r"[^,.;:(]*\b(?:for (?!all|every|good)|from|via|through|directly|locally|inside|in|on (?!\w+day\b|both|all|every)|with (?:curl|podman|skopeo|http|the old|another)|"
    r"each|temporar\w+|sometimes|and then|tomorrow|bei|vom|für)\b",
    re.IGNORECASE,
)
"""What makes it true of a place, a program or a while."""
_HARMLESS = re.compile(
    r"\b(?:no idea|no clue|no \w+ (?:was|were) needed|(?:was|were|had)(?:n't| not))\b", re.IGNORECASE
)
"""What is told of the cause, and doubts nothing."""
_TELLS = re.compile(r"(?!(?:I|we|ich|wir)\b)[^,:]{1,80} (?:was|were|is|are|had|has|war|ist|hatte)\b", re.IGNORECASE)


_ASKED_OF_A_LOG = re.compile(
    r"\b(?:last time|letztes mal)\b|\bmonitoring\b|^(?:is|are|was|were|ist|sind)\b[^?]*\?|\blogs? is red\b|\bsays this is why\b|"
    r"(?:\[\W{0,4}down\]|\buptime.?kuma\b|\bgatus\b|\bblackbox\b|\bpingdom\b|\bmonitor \S+ is down\b)(?=.{0,300}\b401\b)",
    re.IGNORECASE,
)
"""What a machine counted or asked without a login, what was once, and what somebody only asks: nobody says that it fails today."""
_READ_IN_A_LOG = re.compile(
    r"\b40[13]s?\b[^,;:]{0,40}\b(?:\w{0,20}logs?|log ?files?|protokoll\w*|journal)\b|\b(?:\w{0,20}logs?|log ?files?|protokoll\w*|journal)\b[^,;]{0,40}\b40[13]s?\b(?:\W{1,3}40[13]s?\b){0,9}",
    re.IGNORECASE,
)
_SOMEBODY = re.compile(
    r"\b(?:when|if|for|from|by|of (?:the )?users?|users?|he|she|they|wenn|falls|für|bei|benutzer\w*|nutzer\w*|pour|quand|usuario\w*)\b",
    re.IGNORECASE,
)
_READS = re.compile(r"\b(?:he|she|they) (?:saw|sees?|finds?|found|noticed|reads?|asks?|worr\w+)\b", re.IGNORECASE)
_TRIED = re.compile(
    r"\b(?:docker|podman|log(?:s|ged|ging)? ?in|logins?|push\w*|pull\w*|sign(?:s|ed)? in|anmeld\w*|einloggen|connexion|fail\w*|denied|refused|cannot|can't|not|nicht|kein\w*|always|immer)\b",
    re.IGNORECASE,
)
"""A status that stands in a log is no trouble by itself, where nothing is said of somebody whom it hit or of what was tried."""
_COMPLAINS = re.compile(
    r"\b(?:fail(?:s|ed|ing|ure)?|broken?|errors?|cannot|can't|could not|doesn't|does not|refus(?:e[sd]?|al)|denied|unauthori[sz]ed|"
    r"authentication required|x509|time(?:d )?out|EOF|an error occured|no space left|(?:shows?|sees?|gets?|has) no|manifest unknown|"
    r"not (?:work\w*|found|possible|allowed|let)|keeps? asking|wrong password|do(?:es)? nothing|nothing happens|has no effect|passiert nichts|tut (?:sich )?nichts|geht nicht|funktioniert nicht|fehler\w*|hangs|not fixed|unhealthy|crash\w*|\w*BackOff|ErrImagePull|"
    r"klappt\b[^.]{0,80}\bnicht|bricht ab|schl(?:ä|ae)gt fehl|(?:n'arrive|ne marche|ne fonctionne)\w* (?:pas|plus)|échou\w*|erreurs?|refusée?|says no|"
    r"(?<![\d:./-])(?:40[1345]|413|50[0234])s?(?![\d:./-]))\b",
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
