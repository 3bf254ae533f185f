"""What terminals, mails, chats and pagers put around lines is taken off, and nothing else."""

import json

import pytest

from runbook.collect.unpack import terminal
from runbook.collect.unpack.dress import unnumbered, unquoted, unwrapped
from runbook.collect.unpack.rows import Rows
from runbook.collect.unpack.texts import undressed
from runbook.collect.unpack.tickets import conversation, unstamped

CURL = [
    "$ curl -v http://r/v2/",
    "* Trying",
    "> GET /v2/ HTTP/1.1",
    "> Host: r",
    ">",
    "< HTTP/1.1 401 Unauthorized",
    "<",
]


@pytest.mark.parametrize(
    ("row", "seen"),
    [
        ("\x1b[32mops@srv\x1b[0m:~$ ls", "ops@srv:~$ ls"),
        ("catt\b\x1b[K x.yml", "cat x.yml"),
        ("100%\r 50%", " 50%"),
        ("  % Total\r  0  87\r100  87", "100  87al"),
        ("\x1b]0;title\x07$ id", "$ id"),
        ("\x1b[?2004hops:~$ id\x1b[?2004l", "ops:~$ id"),
        ("abc\x1b[2DX", "aXc"),
        ("a^[[31mb^[[0m", "ab"),
        ("plain", "plain"),
        ('Script started on 2026-11-26 08:11:00+01:00 [TERM="xterm" COLUMNS="120"]', ""),
        ("Script done on 2026-11-26 08:20:00", ""),
    ],
)  # fmt: skip
def test_a_row_is_what_stood_on_the_screen(row, seen):
    assert terminal.shown([row]) == [seen]


def test_a_command_that_readline_wrapped_is_one_line():
    rows = ['Script started on x [COLUMNS="10"]', "$ echo 123 \r456"]
    assert terminal.shown(rows) == ["", "$ echo 123456"]


def test_a_recording_is_what_it_printed():
    text = '{"version": 2, "width": 80, "height": 24}\n[0.1, "o", "$ ls\\r\\n"]\n[0.2, "i", "x"]\nnonsense\n[0.3, "o", "a.yml\\r\\n"]\n'
    assert terminal.is_recording(text)
    assert terminal.recorded(text) == "$ ls\na.yml\n"


@pytest.mark.parametrize("mark", ["> ", ">", "> > ", ">> ", "> > > "])
def test_quoting_comes_off_at_any_depth_and_curl_keeps_its_own(mark):
    assert unquoted(Rows([mark + row for row in CURL])).rows == CURL


def test_what_curl_sent_is_no_quoting():
    assert unquoted(Rows(CURL)).rows == CURL


@pytest.mark.parametrize("rows", [['>>> r = requests.get("http://r/v2/")', ">>> r.status_code"], ["a > b", "x"], []])
def test_what_is_no_quoting_stays(rows):
    assert unquoted(Rows(list(rows))).rows == rows


@pytest.mark.parametrize("form", ["{:6}\t{}", "{:4} | {}", "{}:{}", "{:>4}  {}", "  {} │ {}"])
def test_numbers_come_off(form):
    rows = ["services:", "  registry:", "", "    image: registry:2", "    ports: [x]", "volumes: {}"]
    numbered = [form.format(i, row).rstrip() if not row else form.format(i, row) for i, row in enumerate(rows, 1)]
    assert [row.strip() for row in unnumbered(Rows(numbered)).rows] == [row.strip() for row in rows]


@pytest.mark.parametrize(
    "rows",
    [["1 apple", "2 pears"], ["401", "200"], ["5000:5000", "8080:80"], ["2026-11-26 08:00", "2027-01-01 09:00"], ["1. first", "2. second"] * 3],
)  # fmt: skip
def test_what_is_no_numbering_stays(rows):
    assert unnumbered(Rows(list(rows))).rows == rows


def test_lines_that_a_window_broke_are_put_together_and_keep_their_first_number():
    lines = [f'time="2026-11-26T19:54:2{i}" level=info msg="{"word " * 30}" go.version=go1.19' for i in range(3)]
    broken = [line[at : at + 80] for line in lines for at in range(0, len(line), 80)]
    made = unwrapped(Rows(broken))
    assert made.rows == lines
    assert made.numbers == [1, 4, 7]


@pytest.mark.parametrize(
    "rows",
    [
        [f"user{i}:$2y$05${'a' * 53}" + " " * 12 for i in range(6)],
        [f'10.0.0.{i} - - [26/Nov/2026:20:19:57 +0000] "GET /v2/ HTTP/1.1" 401 87 "" "curl/7.88"' for i in range(6)],
        ["=" * 80, "-" * 80] * 6,
        ["  key: " + "x" * 73] * 6,
        [f"{i:04x}: " + "ab " * 25 for i in range(0, 96, 16)],
    ],
)
def test_rows_that_happen_to_be_equally_long_stay(rows):
    assert unwrapped(Rows(list(rows))).rows == rows


def test_names_before_the_lines_of_a_chat():
    rows = ["[10:32] anna: it says", "Error: x", "10:33 <bob>: restart it"]
    assert unstamped(Rows(rows)).rows == ["it says", "Error: x", "restart it"]
    assert unstamped(Rows(rows[:2])).rows == rows[:2]


def test_an_exported_conversation():
    slack = [
        {"type": "message", "user": "U", "text": "see &lt;v2&gt; at <http://r:5000/v2/|r>", "ts": "1"},
        {"user": "U", "text": "```a\nb```"},
    ]
    assert conversation(json.dumps(slack)).text == "see <v2> at http://r:5000/v2/\n\n```\na\nb\n```\n"
    jira = {
        "fields": {
            "description": "it fails\nsince noon",
            "comment": {"comments": [{"author": {"name": "x"}, "body": "<p>try <b>this</b></p>"}]},
        }
    }
    assert conversation(json.dumps(jira)).text == "it fails\nsince noon\n\ntry this"
    adf = {
        "fields": {
            "description": {
                "type": "doc",
                "content": [{"type": "codeBlock", "content": [{"type": "text", "text": "a: b\nc: d"}]}],
            }
        }
    }
    assert "```\na: b\nc: d\n```" in conversation(json.dumps(adf)).text
    assert conversation('{"auths": {}}') is None
    assert conversation("[1, 2") is None


def test_everything_at_once():
    rows = [f"> {i:6}\t\x1b[1m{row}\x1b[0m" for i, row in enumerate(["a:", "  b: c"], 1)]
    assert undressed(Rows(rows)).rows == ["a:", "  b: c"]
