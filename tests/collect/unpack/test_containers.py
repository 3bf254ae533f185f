"""Archives, mails and pages: what is in them, under which name, and what is refused."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from email.message import EmailMessage

import pytest

from runbook.collect.unpack import mail, packed
from runbook.collect.unpack.page import is_page, page_text
from runbook.collect.unpack.part import Budget, RefusedError, safe_path


def opened(name: str, data: bytes, budget: Budget | None = None) -> dict[str, bytes]:
    return {part.path: part.data for part in packed.unpacked(name, data, budget or Budget())}


def zipped(files: dict[str, bytes], **more: bytes) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in {**files, **more}.items():
            archive.writestr(name, data)
    return stream.getvalue()


def tarred(mode: str, *entries: tuple[tarfile.TarInfo, bytes]) -> bytes:
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode=mode) as archive:
        for about, data in entries:
            about.size = len(data)
            archive.addfile(about, io.BytesIO(data))
    return stream.getvalue()


def entry(name: str, kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    about = tarfile.TarInfo(name)
    about.type, about.linkname = kind, link
    return about


def test_a_zip_gives_its_files_and_leaves_out_what_leads_elsewhere():
    data = zipped({"a/compose.yml": b"x", "../../etc/passwd": b"y", "/abs.conf": b"z", ".git/config": b"g", "a/": b""})
    assert opened("x.zip", data) == {"a/compose.yml": b"x", "abs.conf": b"z"}


@pytest.mark.parametrize("mode", ["w", "w:gz", "w:bz2", "w:xz"])
def test_a_tar_gives_its_files_and_no_links(mode):
    data = tarred(
        mode,
        (entry("./auth/htpasswd"), b"a:b\n"),
        (entry("link", tarfile.SYMTYPE, "/etc/shadow"), b""),
        (entry("hard", tarfile.LNKTYPE, "./auth/htpasswd"), b""),
        (entry("pipe", tarfile.FIFOTYPE), b""),
        (entry("../up"), b"u"),
    )
    assert packed.is_packed(data[:600])
    assert opened("x.tar", data) == {"auth/htpasswd": b"a:b\n"}


@pytest.mark.parametrize(("pack", "ending"), [(gzip.compress, "gz"), (bz2.compress, "bz2"), (lzma.compress, "xz")])
def test_a_compressed_file_has_one_file_in_it(pack, ending):
    assert opened(f"logs/registry.log.{ending}", pack(b"line\n")) == {"registry.log": b"line\n"}


def test_joined_and_cut_streams_are_read_as_far_as_they_go():
    whole = gzip.compress(b"one\n") + gzip.compress(b"two\n")
    assert opened("a.log.gz", whole) == {"a.log": b"one\ntwo\n"}
    long = gzip.compress(bytes(range(256)) * 4000)
    assert opened("a.log.gz", long[: len(long) // 2])["a.log"]


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (gzip.compress(b"\0" * (80 << 20)), "grows too much"),
        (zipped({"bomb": b"\0" * (8 << 20)}), "grows"),
        (b"\x1f\x8b\x08\0" + b"\xff" * 90, "damaged"),
        (b"PK\x03\x04" + b"nonsense" * 9, "damaged"),
        (zipped({"[Content_Types].xml": b"<x/>"}), "office document"),
        (b"\x1f\x8b", "damaged"),
    ],
    ids=["gzip-bomb", "zip-bomb", "gzip-damaged", "zip-damaged", "office", "gzip-cut"],  # bytes hold the time of day
)
def test_what_is_refused_says_why(data, said):
    with pytest.raises(RefusedError, match=said):
        opened("x", data)


def test_the_budget_ends_it():
    many = zipped({f"{i}.txt": b"x" * 1000 for i in range(50)})
    with pytest.raises(RefusedError, match="larger"):
        opened("x.zip", many, Budget(bytes=20_000))
    with pytest.raises(RefusedError, match="larger"):
        opened("x.zip", many, Budget(parts=10))


@pytest.mark.parametrize(
    ("name", "path"),
    [
        ("./a/b.yml", "a/b.yml"), ("C:\\reg\\x.conf", "reg/x.conf"), ("~/x", "x"), ("/etc/x", "etc/x"), ("a/../b", None), ("..", None),
        ("", None), ("a\nb", "a_b"), ("x § y", "x _ y"), ("a" * 400, None),
    ],
)  # fmt: skip
def test_names(name, path):
    assert safe_path(name) == path


# ---- mails


def message(**attachments: bytes) -> EmailMessage:
    found = EmailMessage()
    found["From"], found["To"], found["Subject"] = "a@x.example", "b@x.example", "Grüße"
    found.set_content(
        "Hallo,\n\nservices:\n  r:\n    image: registry:2 # ä" + " long" * 30 + "\n", cte="quoted-printable"
    )
    for name, data in attachments.items():
        found.add_attachment(data, maintype="application", subtype="octet-stream", filename=name.replace("__", "."))
    return found


def parts(data: bytes) -> dict[str, bytes]:
    return {part.path: part.data for part in mail.parts_of(data, Budget())}


def test_a_quoted_printable_text_is_decoded():
    data = message().as_bytes()
    assert mail.is_mail(data)
    assert parts(data)["text.txt"].decode().startswith("Hallo,\n\nservices:\n  r:\n    image: registry:2 # ä long long")


def test_attachments_have_their_names():
    odd = message(htpasswd=b"a:\xff\r\n", übersicht__txt=b"x")
    odd.add_attachment("server {\n}\n", filename="sub/edge.conf")
    found = parts(odd.as_bytes())
    assert found["htpasswd"] == b"a:\xff\r\n"
    assert found["übersicht.txt"] == b"x"
    assert found["sub/edge.conf"].replace(b"\r\n", b"\n") == b"server {\n}\n"


def test_of_the_same_text_in_two_dresses_one_is_read():
    both = message()
    both.add_alternative("<p>Hallo</p>", subtype="html")
    assert list(parts(both.as_bytes())) == ["text.txt"]


def test_a_forwarded_mail_and_a_mailbox():
    outer = EmailMessage()
    outer["From"] = "c@x.example"
    outer.set_content("see below\n")
    outer.add_attachment(message(a__txt=b"1"))
    assert list(parts(outer.as_bytes())) == ["text.txt", "text-2.txt", "a.txt"]
    box = b"From a@x Thu Nov 26\n" + message().as_bytes() + b"\n\nFrom b@x Thu Nov 26\n" + message().as_bytes()
    assert mail.is_mail(box)
    assert list(parts(box)) == ["text.txt", "text-2.txt"]


@pytest.mark.parametrize(
    "data",
    [
        b"From: a\nTo: b\nSubject: plain\n\nhello\n", b"services:\n  r:\n    image: x\n", b"time=x level=info\n", b"", b"HTTP/1.1 401 Unauthorized\nA: b\nC: d\n\n",
        b"HTTP/1.1 200 OK\nContent-Type: text/html\nDate: x\n\n<p>",
    ],
)  # fmt: skip
def test_what_can_be_read_as_it_stands_is_no_mail_to_unpack(data):
    assert not mail.is_mail(data)


@pytest.mark.parametrize("charset", ["punycode", "nonsense", "zlib", "utf-16", "unicode_escape"])
def test_odd_character_sets_do_no_harm(charset):
    data = f"MIME-Version: 1.0\nContent-Type: text/plain; charset={charset}\nContent-Transfer-Encoding: base64\n\naGVsbG8=\n".encode()
    assert "text.txt" in parts(data)


def test_multiparts_within_multiparts_end():
    data = b"MIME-Version: 1.0\n"
    for depth in range(200):
        data += b"Content-Type: multipart/mixed; boundary=b%d\n\n--b%d\n" % (depth, depth)
    assert len(parts(data + b"Content-Type: text/plain\n\nx")) <= 1


# ---- pages


def test_a_page_is_what_it_shows_with_the_lines_of_its_source():
    text = (
        "<!DOCTYPE html>\n<html><head><title>no</title></head><body>\n<script>services:</script>\n<p>The&nbsp;file\n  is</p><h3>a.yml</h3>\n"
        "<pre><code>a:\n  b: &lt;c&gt;\n\n  d: 1\n</code></pre><ul><li>one<li>two</ul></body></html>\n"
    )
    assert is_page("x.html", text)
    found = page_text(text)
    assert found.rows == ["The file is", "a.yml", "```", "a:", "  b: <c>", "", "  d: 1", "```", "one", "two"]
    assert found.numbers == [4, 5, 6, 6, 7, 8, 9, 10, 10, 10]


def test_the_lines_of_a_forge_are_a_block():
    rows = "".join(
        f'<tr><td class="blob-num" data-line-number="{i}">{i}</td><td class="blob-code">{line}</td></tr>\n'
        for i, line in enumerate(["a:", "  <span>b</span>: c"], 1)
    )
    assert page_text(f"<table>{rows}</table>").rows == ["```", "a:", "  b: c", "```"]


@pytest.mark.parametrize(
    "unit", ["<pre>", "<", "<!--", "<td class='blob-code'>", "<a", "</p>", "&lt;", "<script>", "<b>x", "<!"]
)
def test_hostile_pages_take_no_time(unit):
    import time

    begun = time.process_time()
    page_text((unit * 300_000)[:1_000_000])
    assert time.process_time() - begun < 5
