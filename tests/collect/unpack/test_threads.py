"""Mails in one text are told apart, dated in the languages of mail programs, and ordered by that."""

import math
from datetime import UTC, datetime
from pathlib import Path

import pytest

from runbook.collect import Request, collect
from runbook.collect.dated import mail_time
from runbook.collect.unpack import mail
from runbook.collect.unpack.dress import quoted_eras
from runbook.collect.unpack.part import Budget
from runbook.collect.unpack.rows import Rows
from runbook.collect.unpack.threads import eras_of, sent_at
from runbook.redact import Vault

MORNING = datetime(2026, 11, 23, 9, tzinfo=UTC).timestamp()


@pytest.mark.parametrize(
    "text",
    [
        "Mon, 23 Nov 2026 09:00:00 +0100 (CET)", "Monday, November 23, 2026 9:00 AM", "Montag, 23. November 2026 09:00",
        "Mo., 23. Nov. 2026 um 09:00 Uhr", "23.11.2026 09:00:00", "23.11.26 um 09:00", "23 November 2026 at 09:00:00 CET",
        "lundi 23 novembre 2026 09:00", "lun. 23 nov. 2026 à 9h00", "lunes, 23 de noviembre de 2026 9:00", "11/23/2026 9:00 AM",
        "23/11/2026 09:00", "maandag 23 november 2026 09:00", "23 ноября 2026 г. 9:00", "2026年11月23日 上午9:00", "23. november 2026 09.00",
        "2026-11-23T09:00:00Z", "23/11/2026 9:00 a. m.", "Mon Nov 23 09:00:00 2026",
    ],
)  # fmt: skip
def test_a_date_in_the_words_of_a_mail_program(text: str) -> None:
    found = sent_at(text)
    assert found is not None
    assert found.clock == MORNING


@pytest.mark.parametrize(
    ("text", "hour"),
    [("23 Nov 2026 1:12 PM", 13), ("November 23, 2026 12:05 AM", 0), ("2026年11月23日 下午2:12", 14), ("mar. 24 nov. 2026 à 13:00", 13)],
)  # fmt: skip
def test_the_afternoon(text: str, hour: int) -> None:
    found = sent_at(text)
    assert found is not None
    assert datetime.fromtimestamp(found.clock, UTC).hour == hour


@pytest.mark.parametrize(
    "text", ["11/9/2026 9:00 AM", "kedd reggel", "Monday", "23.11.2026", "31.02.2026 09:00", "09:00", ""]
)
def test_of_what_is_no_sure_date_nothing_is_guessed(text: str) -> None:
    assert sent_at(text) is None


def eras(text: str) -> list[tuple[float, bool]]:
    """The era of each row that says "here", in their order."""
    rows = text.split("\n")
    found = quoted_eras(Rows(rows))
    return [found.get(n, (0.0, False)) for n, row in enumerate(rows, 1) if "here" in row]


@pytest.mark.parametrize(
    "above",
    [
        "On Mon, 23 Nov 2026 at 09:00, Tim wrote:\n> here", "Am 23.11.26 um 09:00 schrieb Tim:\n\n> here", "Tim Meyer a écrit :\n> here",
        "On Mon, Nov 23, 2026 at 9:00 AM Tim <t@o.example>\nwrote:\n\n> here", "> On 23. Nov 2026, at 09:00, Tim wrote:\n>\n> here",
        "Am 23.11.26 um 09:00 schrieb Tim <t@o.example>:\n\nhere", "> From: Tim\n> Subject: x\n>\n> here", "Tim wrote on Monday:\n\n$ here",
        "Begin forwarded message:\n\nFrom: Tim\nDate: yesterday\nTo: Mia\n\nhere", "-----Original Message-----\nhere",
        "*From:* Tim\n*Sent:* Monday, November 23, 2026 9:00 AM\n\nhere", "De : Tim\nEnvoyé : lundi 23 novembre 2026 09:00\n\nhere",
    ],
)  # fmt: skip
def test_what_a_mail_brings_of_an_older_one_is_older(above: str) -> None:
    (now, _), (then, loose) = eras(f"here\n\n{above}")
    assert now > then
    assert not loose


@pytest.mark.parametrize(
    "text",
    [
        "here\n│ here", "here\n╷\n│ here\n╵", "here\n▌ here", "here\nTim wrote: try again\n\nhere", "$ curl -v x\n> GET /v2/ HTTP/1.1\n> Host: here\n>\nhere",
        "here\nHTTP/1.1 401 Unauthorized\nDate: Mon, 23 Nov 2026 10:00:05 GMT\n\nhere\nHTTP/1.1 200 OK\nDate: Mon, 23 Nov 2026 10:00:09 GMT\n\nhere",
        "here\nfrom: a\nto: b\n\nhere", "From: Mia\nDate: Mon, 23 Nov 2026 10:00:05 GMT\n\nhere\nhere",
    ],
)  # fmt: skip
def test_what_no_mail_brings_keeps_its_order(text: str) -> None:
    assert set(eras(text)) == {(0.0, False)}


def test_a_quotation_that_nobody_introduces_is_of_an_unknown_time() -> None:
    assert eras("here\n\nOn the laptop:\n\n> here\n") == [(0.0, False), (0.0, True)]


HEAD = "From: a@o.example\nSent: {at}\nTo: b@o.example\n\nhere\n\n"


def test_the_dates_tell_which_mail_is_the_last_whichever_stands_first() -> None:
    first, last = HEAD.format(at="23.11.2026 09:00"), HEAD.format(at="24.11.2026 08:12")
    down, up = eras(first + last), eras(last + first)
    assert down == up[::-1]
    assert down[0] < down[1]
    assert eras(HEAD.format(at="23.11.2026 13:00") + HEAD.format(at="Nov 23, 2026 2:12 PM")) == sorted(
        eras(HEAD.format(at="23.11.2026 13:00") + HEAD.format(at="Nov 23, 2026 2:12 PM"))
    )


def test_one_date_that_cannot_be_read_leaves_the_others() -> None:
    found = eras("".join(HEAD.format(at=at) for at in ("24.11.2026 08:12", "kedd reggel", "23.11.2026 09:00")))
    assert found[0] > found[2]
    assert math.isnan(found[1][0])


def test_the_date_of_a_response_is_none_of_a_mail() -> None:
    response = "HTTP/1.1 200 OK\nDate: Fri, 27 Nov 2026 09:00:00 GMT\nContent-Length: 2\n"
    assert mail_time(response) is None
    assert mail_time(f"From: a@o.example\nSubject: x\nDate: Mon, 23 Nov 2026 10:00:00 +0100\n\n{response}") == MORNING


def test_each_mail_of_several_has_its_own_time() -> None:
    each = "From x@o.example Mon Nov 23 09:00:00 2026\nDate: Mon, 23 Nov 2026 {at} +0100\nFrom: x@o.example\n\nhere\n\n"
    data = (each.format(at="10:00:00") + each.format(at="11:00:00")).encode()
    assert [part.sent for part in mail.parts_of(data, Budget())] == [MORNING, MORNING + 3600]


def image(folder: Path, text: str) -> str | None:
    """The image of the first service in a mail."""
    folder.mkdir()
    (folder / "mail.txt").write_text(text)
    compose = collect(Request(paths=(str(folder),)), Vault()).compose
    return compose.services[0].image if compose else None


def test_of_two_versions_of_a_file_in_a_thread_the_newer_is_read(tmp_path: Path) -> None:
    file = 'docker-compose.yml:\n\n```yaml\nservices:\n  registry:\n    image: registry:{}\n    ports: ["5000:5000"]\n```\n\n'
    head = "From: a@o.example\nSent: {}.11.2026 09:00\nTo: b@o.example\n\n"
    for name, days in (("down", (23, 24)), ("up", (24, 23))):
        text = "".join(head.format(day) + file.format("2" if day == 23 else "3") for day in days)
        assert image(tmp_path / name, text) == "registry:3"
    old, new = ("".join(f"> {row}\n" for row in file.format(number).splitlines()) for number in "23")
    assert image(tmp_path / "quoted", f"{file.format('3')}\n{old}") == "registry:3"
    assert image(tmp_path / "both", f"before:\n\n{old}\nafter:\n\n{new}") == "registry:3"


def test_a_quotation_that_a_sentence_introduces_is_what_came_of_it() -> None:
    rows = ["x509", "", "After copying the CA:", "", "> Login Succeeded"]
    assert eras_of(rows, {4}) == []
    strange = ["x509", "", "Jussi Virtanen kirjoitti:", "", "> Login Succeeded"]
    assert [loose for _, loose in eras_of(strange, {4})] == [False, False, False, False, True]
