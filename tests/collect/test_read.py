"""Encodings are told, and a log of any size takes little memory."""

import io
import tracemalloc

import pytest

from runbook.collect import read


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"", "utf-8"),
        (b"plain", "utf-8"),
        ("müller".encode(), "utf-8"),
        ("müller".encode()[:2], "utf-8"),
        ("müller".encode("cp1252"), "cp1252"),
        (b"\xef\xbb\xbfx", "utf-8-sig"),
        ("time=x\r\n".encode("utf-16"), "utf-16"),
        ("time=x\r\n".encode("utf-16-le"), "utf-16-le"),
        ("time=x\r\n".encode("utf-16-be"), "utf-16-be"),
        (b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x03\0>\0\x01\0\0\0\xff\xfe", None),
        (b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", None),
        (bytes(range(256)) * 4, None),
    ],
)
def test_encoding(data: bytes, name: str | None) -> None:
    assert read.encoding(data) == name


def test_lines_of_a_log_with_umlauts_over_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read, "_CHUNK", 3)
    text = "eins\nzwölf\n\nohne Ende"
    assert list(read.lines(io.BytesIO(text.encode()), "utf-8")) == text.split("\n")
    assert list(read.lines(io.BytesIO(text.encode("utf-16")), "utf-16")) == text.split("\n")


def test_a_final_newline_makes_no_line() -> None:
    assert list(read.lines(io.BytesIO(b"a\nb\n"), "utf-8")) == ["a", "b"]


def test_one_endless_line_takes_little_memory() -> None:
    class Endless(io.RawIOBase):
        left = 100

        def read(self, size: int = -1) -> bytes:
            self.left -= 1
            return b"x" * size if self.left > 0 else b"\nlast" if self.left == 0 else b""

    tracemalloc.start()
    found = [len(line) for line in read.lines(Endless(), "utf-8")]  # type: ignore[arg-type]
    assert tracemalloc.get_traced_memory()[1] < 20 << 20
    tracemalloc.stop()
    assert found == [read._LONGEST_LINE, 4]
