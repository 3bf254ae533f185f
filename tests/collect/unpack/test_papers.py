"""Documents of word processors, notebooks, Jira's export: only what they show, and no time lost over nonsense."""

import io
import json
import time
import zipfile

import pytest

from runbook.collect.unpack import papers
from runbook.collect.unpack.packed import unpacked
from runbook.collect.unpack.part import Budget, RefusedError


def _zip(**members: str) -> bytes:
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in members.items():
            archive.writestr(name, text)
    return data.getvalue()


def test_a_document_gives_its_paragraphs():
    xml = '<?xml version="1.0"?><w:document><w:p><w:r><w:t>a &lt;b</w:t><w:tab/></w:r></w:p><w:p/><w:p><w:t>c</w:t><w:br/></w:p></w:document>'
    (part,) = unpacked("t.docx", _zip(**{"word/document.xml": xml}), Budget())
    assert part.data.decode() == "a <b\t\n\nc\n\n"


def test_a_table_of_an_office_is_refused():
    with pytest.raises(RefusedError, match="office document"):
        list(unpacked("t.xlsx", _zip(**{"[Content_Types].xml": "<Types/>", "xl/workbook.xml": "<a/>"}), Budget()))


def test_rich_text_is_what_it_shows():
    text = "{\\rtf1\\ansi{\\fonttbl{\\f0 Consolas;}}{\\*\\generator X;}\n\\f0 server \\{\\par\n  listen 80;\\par\\'e4\\u8364?\\tab x\\}\\par}"
    assert papers.rtf_text(text) == "server {\n  listen 80;\nä€\tx}\n"


def test_a_notebook_shows_what_was_typed_and_printed():
    cells = [
        {"cell_type": "markdown", "source": ["a ", "b"]},
        {
            "cell_type": "code",
            "source": ["!cat x\n", "1+1"],
            "outputs": [{"text": ["one\n"]}, {"data": {"text/plain": "2"}}],
        },
    ]
    assert papers.notebook_text(json.dumps({"cells": cells, "nbformat": 4})) == "a b\n\n$ cat x\n1+1\none\n2\n$\n"
    assert papers.notebook_text('{"cells": 1}') is None
    assert papers.notebook_text('{"cells": [1, {"outputs": 3}], "nbformat": 4}') == "\n\n"


def test_a_ticket_of_jira_is_a_page():
    text = "<rss><channel><item><description>&lt;pre&gt;a: 1&lt;/pre&gt;</description></item></channel></rss>"
    assert papers.is_jira(text)
    assert "<div><pre>a: 1</pre></div>" in papers.jira_page(text)
    assert not papers.is_jira("<html><description></html>")


@pytest.mark.parametrize("unit", ["<w:p ", "<description>", "{\\*", "\\u1", "&lt;", "\\'"])
def test_nonsense_takes_no_time(unit):
    text = unit * 200_000
    began = time.monotonic()
    papers.document_text(text)
    papers.rtf_text(text)
    papers.jira_page(text)
    assert time.monotonic() - began < 8
