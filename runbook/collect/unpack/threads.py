"""Several mails in one text: where each begins, when it was sent, and what only quotes an older one. Pure."""

from collections.abc import Collection, Iterator
from datetime import UTC, datetime
from itertools import takewhile
from math import nan
from typing import NamedTuple

from runbook.lazy import re

_FROM = "from von de da van od fra från от kimden 发件人 差出人"
_WHEN = (
    "date sent gesendet datum envoyé data fecha inviato verzonden enviado enviada|em enviado|el dato sendt skickat wysłano odesláno "
    "отправлено дата gönderilen gönderildi tarih 发送时间 日期 送信日時 日時"
)
_ABOUT = (
    "to an à para a aan do komu till til кому kime 收件人 宛先 subject betreff objet asunto oggetto assunto onderwerp temat předmět "
    "ämne emne тема konu 主题 件名"
)


def _named(names: str) -> frozenset[str]:
    return frozenset(name.replace("|", " ") for name in names.split())


_FROMS, _WHENS, _ABOUTS = map(_named, (_FROM, _WHEN, _ABOUT))
_ROW = re.compile(
    r"[*_]{0,2}([^\W\d_][\w -]{0,30}?)[ \xa0]?[*_]{0,2}[:：][*_]{0,2}(?:[ \t\xa0]{1,8}(.*)|(?<=：)(.*)|)$"
)
_STATUS = re.compile(r"(?:< ?)?HTTP/\d")
_MBOX = re.compile(r"From \S{1,200} ")
_MOST_ROWS = 60
_LONGEST = 400

_OLDER = re.compile(
    r"-{2,}[ \t]{0,4}(?:original[ -]?message|urspr(?:ü|ue)ngliche nachricht|original-?nachricht|weitergeleitete nachricht|"
    r"forwarded message|message (?:d['’]origine|transféré)|mensaje (?:original|reenviado)|messaggio (?:originale|inoltrato)|"
    r"oorspronkelijk bericht|doorgestuurd bericht|mensagem (?:original|encaminhada)|ursprungligt meddelande|"
    r"oprindelig meddelelse|wiadomość oryginalna|исходное сообщение)|"
    r"(?:begin forwarded message|anfang der weitergeleiteten nachricht|début du message (?:réexpédié|transféré)|"
    r"inicio del mensaje reenviado|inizio(?: del)? messaggio inoltrato|begin doorgestuurd bericht) ?:",
    re.IGNORECASE,
)
"""What mail programs write above the older mail that they do not mark line by line."""
_SAID = re.compile(
    r"\b(?:wrote|writes|schrieb(?:en)?|a écrit|escribió|ha scritto|schreef|escreveu|skrev|napisał|napsal|пишет|писал|написал|yazdı|写道)"
    r"\b.{0,120}[:：]\s*$|(?:quoting|zitat von) .{1,120}:\s*$",
    re.IGNORECASE,
)
"""How an answer names whom it quotes."""
_PAST = re.compile(
    r"\b(?:(?:mon|tues|wednes|thurs|fri|satur|sun)day|yesterday|last \w+|(?:vor)?gestern|(?:mon|diens|donners|frei|sams|sonn)tag|"
    r"mittwoch|letzte\w* \w+|hier|ayer|ieri|gisteren)\b",
    re.IGNORECASE,
)
_LATER = re.compile(
    r"(?:after|afterwards|then|now|since|nach|nachdem|danach|dann|jetzt|nun|seitdem)\b.{0,120}:\s*$", re.IGNORECASE
)
"""How somebody introduces what came of a change, and sets it off as Markdown does."""
_TYPED = re.compile(r"[\w.@~:/-]{0,60}[$#] \S|```")
_MARKS = re.compile(r"^(?:> ?){1,12}")

_TIME = re.compile(
    r"(?P<late>下午|午後)?\s?(?<![\d:./-])(\d{1,2})[:h.](\d\d)(?::(\d\d))?(?![:.]?\d)(?:\s?(?P<half>[ap])\.?\s?m\b\.?)?"
    r"(?:\s?\(?(?:GMT|UTC|Uhr)?\)?\s?(?P<zone>[+-]\d\d?):?(?P<part>\d\d)?(?!\d))?",
    re.IGNORECASE,
)
_YEAR_FIRST = re.compile(r"(?<!\d)(20\d\d)\s?[-/.年]\s?(\d\d?)\s?[-/.月]\s?(\d\d?)(?!\d)")
_YEAR_LAST = re.compile(r"(?<!\d)(\d\d?)([./-])\s?(\d\d?)\2\s?(20\d\d|\d\d)(?!\d)")
_DAY_WORD = re.compile(
    r"(?<!\d)(\d\d?)(?:\.|er|º)?[\s-](?:de |d['’])?([^\W\d_]{3,12})\.?,?[\s-](?:de |del )?(20\d\d)(?!\d)"
)
_WORD_DAY = re.compile(r"([^\W\d_]{3,12})\.? (\d\d?)(?:st|nd|rd|th)?,? (?:[\d:]{5,8} )?(20\d\d)(?!\d)")
_MONTHS = {
    start: number
    for number, starts in enumerate(
        (
            "jan ene gen sty янв oca", "feb fév fev lut фев şub", "mar mär mae maa mrt мар", "apr avr abr kwi апр nis",
            "may mai mag mei maj май мая", "jun juin giu cze июн haz", "jul juil lug lip июл tem", "aug ago aoû sie авг ağu",
            "sep set wrz сен eyl", "oct okt ott out paź окт eki", "nov lis ноя kas", "dec dez dic déc des gru дек ara",
        ),
        1,
    )
    for start in starts.split()
}  # fmt: skip


class Sent(NamedTuple):
    """A date as a mail writes it: the time on the clock, and how far that is from UTC, where it is told."""

    clock: float
    offset: float | None


class _Mail(NamedTuple):
    row: int
    sent: Sent | None
    older: bool
    """Whether the words above it tell that what stands above was written later."""


def sent_at(text: str) -> Sent | None:
    """The date and time that a mail names, in the languages and orders in which mail programs write them; None where it
    is not sure."""
    time = _TIME.search(text)
    day = _day(text, us=bool(time and time["half"]))
    if time is None or day is None:
        return None
    hour = int(time[2])
    if time["half"]:
        hour = hour % 12 + 12 * (time["half"] in "pP")
    hour += 12 * (time["late"] is not None and hour < 12)
    try:
        clock = datetime(*day, hour, int(time[3]), int(time[4] or 0), tzinfo=UTC).timestamp()
    except ValueError:
        return None
    zone = time["zone"]
    if zone is None:
        return Sent(clock, 0.0 if re.search(r"\b(?:GMT|UTC)\b|\dZ\b", text) else None)
    return Sent(clock, int(zone) * 3600.0 + int(time["part"] or 0) * (-60 if zone[0] == "-" else 60))


def _day(text: str, *, us: bool) -> tuple[int, int, int] | None:
    """Year, month and day. Of 9/11 nobody knows the month, where the clock counts to twelve."""
    if found := _YEAR_FIRST.search(text):
        return int(found[1]), int(found[2]), int(found[3])
    if found := _YEAR_LAST.search(text):
        day, month, year = int(found[1]), int(found[3]), int(found[4]) % 100 + 2000
        if found[2] == "/" and us and day != month and max(day, month) < 13:
            return None
        return (year, day, month) if month > 12 else (year, month, day)
    for form, number, word in ((_DAY_WORD, 1, 2), (_WORD_DAY, 2, 1)):
        for found in form.finditer(text):
            name = found[word].casefold()
            named = _MONTHS.get(name[:4]) or _MONTHS.get(name[:3])
            if named:
                return int(found[3]), named, int(found[number])
    return None


def seconds(sent: list[Sent | None]) -> list[float | None]:
    """The dates as seconds since 1970; by the clock alone where not each tells its zone."""
    zoned = all(one is None or one.offset is not None for one in sent)
    return [None if one is None else one.clock - (one.offset or 0.0 if zoned else 0.0) for one in sent]


def heads(rows: list[str]) -> Iterator[tuple[int, int, Sent | None]]:
    """Where the lines about a mail begin and end (From, and beside it Date, To or Subject), and its date."""
    done = 0
    for number, row in enumerate(rows):
        if number < done or not (_name(row) in _FROMS and not row[:1].islower()):
            continue
        start = number - sum(1 for _ in takewhile(_belongs, reversed(rows[max(done, number - _MOST_ROWS) : number])))
        done = number + sum(1 for _ in takewhile(_belongs, rows[number : number + _MOST_ROWS]))
        block = rows[start:done]
        if (start and _STATUS.match(rows[start - 1])) or not any(_name(r) in _ABOUTS | _WHENS for r in block):
            continue
        dates = [found[2] or found[3] or "" for r in block if _name(r) in _WHENS and (found := _ROW.match(r))]
        yield start, done, sent_at(dates[0]) if dates else None


def sent_without_sender(rows: list[str]) -> Sent | None:
    """The date of a mail of which somebody kept no more of its head than when it was sent and what it is about."""
    block = list(takewhile(_belongs, rows[:_MOST_ROWS]))
    dates = [found[2] or "" for r in block if _name(r) in _WHENS and (found := _ROW.match(r))]
    return sent_at(dates[0]) if dates and any(_name(r) in _ABOUTS for r in block) else None


def _name(row: str) -> str:
    found = _ROW.match(row) if row[:1].strip() else None
    return found[1].casefold() if found else ""


def _belongs(row: str) -> bool:
    return bool(row.strip()) and (row[0] in " \t" or _ROW.match(row) is not None)


def _attribution(rows: list[str], number: int) -> str:
    """The words that name whom an answer quotes, ending in this row: one row, or two."""
    row = rows[number]
    if row.rstrip()[-1:] not in (":", "：") or row[:1] in "> \t" or len(row) > _LONGEST:
        return ""
    before = rows[number - 1][-_LONGEST:] if number and rows[number - 1].strip() and rows[number - 1][:1] != ">" else ""
    if _SAID.search(row):
        return f"{before} {row}" if before and sent_at(row) is None else row
    return f"{before} {row}" if before and _SAID.search(f"{before} {row}") else ""


def _mails(rows: list[str]) -> Iterator[_Mail]:
    """Where a mail begins in a text, besides the first and those that are quoted line by line."""
    found = {start: (end, sent) for start, end, sent in heads(rows)}
    done = 0
    for number, row in enumerate(rows):
        if number < done:
            continue
        after = next((n for n in range(number + 1, min(number + 4, len(rows))) if rows[n].strip()), number)
        if number in found:
            done = found[number][0]
            yield _Mail(number, found[number][1], older=False)
        elif _OLDER.match(row):
            done, sent = found.get(after, (number + 1, None))
            yield _Mail(number, sent, older=True)
        elif (said := _attribution(rows, number)) and rows[after][:1] != ">":
            sent = sent_at(said)
            if sent or "@" in said or (_PAST.search(said) and _TYPED.match(rows[after])):
                yield _Mail(number, sent, older=True)


def _bases(rows: list[str], mails: list[_Mail]) -> list[float]:
    """The era of each mail, that of the text above the first one before them if there is such. What stands above its
    quotation is newer; of others only their dates tell."""
    top = any(row.strip() and not _MBOX.match(row) for row in rows[: mails[0].row])
    times = seconds([mail.sent for mail in mails])
    newest = max((time for time in times if time is not None), default=-1.0) + 1
    eras = [newest] if top else []
    for number, (mail, time) in enumerate(zip(mails, times, strict=True)):
        if time is not None:
            eras.append(time)
        elif eras:
            eras.append(eras[-1] - 1 if mail.older or number == 0 else nan)
        else:
            eras.append(newest if any(m.older for m in mails[1:2]) else nan)
    undated = top or times[0] is None
    return [era - newest for era in eras] if undated else eras


def eras_of(rows: list[str], quoted: Collection[int]) -> list[tuple[float, bool]]:
    """For each row its era (`Place.era`), and whether it is quoted by nobody's words (`Place.loose`). Empty for a text
    of one time. `quoted` are the rows that begin with marks of quoting."""
    mails = list(_mails(rows))
    if not mails and not quoted:
        return []
    bases = _bases(rows, mails) if mails else [0.0]
    if len(bases) < 2:
        bases = [0.0, 0.0]
    begins = dict(zip((mail.row for mail in mails), bases[len(bases) - len(mails) :], strict=True))
    bare = [_MARKS.sub("", row) if n in quoted else row for n, row in enumerate(rows)]
    inner = {start for start, _, _ in heads(bare) if start in quoted}
    told, at, said, above = [], bases[0], False, ""
    for number, row in enumerate(rows):
        if number in begins:
            at, said = begins[number], False
        said = said or number in inner or bool(_attribution(bare, number))
        deep = row.count(">") - bare[number].count(">")
        told.append((at - deep, False) if said else (at, deep > 0 and not _LATER.match(above)))
        above = row if row.strip() and not deep else above
    return told if len({era for era, row in zip(told, rows, strict=True) if row.strip()}) > 1 else []
