"""Archives and compressed files: zip, tar, gzip, bzip2, xz. Opened in memory, with a bound on every size. Pure."""

import bz2
import io
import lzma
import tarfile
import zipfile
import zlib
from collections.abc import Callable, Iterator

from runbook.collect.unpack import papers
from runbook.collect.unpack.part import MB, Budget, Part, RefusedError, safe_path

MOST_PACKED = 64 * MB
"""Larger archives are not opened."""
_MOST_ONE = 64 * MB
_RATIO = 1000
"""No text of an incident is packed closer than that; what is, was made to harm."""
_SMALL = 4 * MB
_MOST_STREAMS = 64
_NEVER = ("/.git/", "/node_modules/", "/__pycache__/", "/docker/registry/v2/", "/v2/blobs/", "/__MACOSX/")
_ENDINGS = (".gz", ".bz2", ".xz", ".z", ".lzma")


def is_packed(head: bytes) -> bool:
    """Whether the file is an archive or compressed, by its first bytes."""
    return head.startswith((b"PK\x03\x04", b"PK\x05\x06", b"\x1f\x8b", b"BZh", b"\xfd7zXZ\x00")) or _is_tar(head)


def _is_tar(head: bytes) -> bool:
    return head[257:262] == b"ustar"


def unpacked(name: str, data: bytes, budget: Budget) -> Iterator[Part]:
    """The files in an archive, or the one file behind a compressed one; `RefusedError` with the reason otherwise.

    A name that would lead out of the archive, a link and a device are left out.
    """
    try:
        if data.startswith(b"PK"):
            yield from _of_zip(data, budget)
            return
        if not _is_tar(data):
            data = _plain(data, budget)
            if not _is_tar(data):
                budget.take(0)
                yield Part(_plain_name(name), data)
                return
        yield from _of_tar(data, budget)
    except (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, OSError) as error:
        raise RefusedError(
            f"This archive is damaged ({type(error).__name__}); what follows in it was not read."
        ) from None
    except (NotImplementedError, RuntimeError, ValueError, MemoryError, OverflowError) as error:
        if isinstance(error, RefusedError):
            raise
        message = "encrypted" if "encrypted" in str(error) or "password" in str(error) else "not of a kind that is read"
        raise RefusedError(f"This archive is {message}.") from None


def _plain_name(name: str) -> str:
    base = name.rsplit("/", 1)[-1]
    ending = next((e for e in _ENDINGS if base.lower().endswith(e)), "")
    return base.removesuffix(base[len(base) - len(ending) :]) if ending and len(base) > len(ending) else f"{base}.out"


def _of_zip(data: bytes, budget: Budget) -> Iterator[Part]:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        entries = archive.infolist()
        paper = next((e for e in entries if e.filename in papers.WORD_PROCESSORS), None)
        if paper is not None:
            with archive.open(paper) as stream:
                xml = _read(stream.read, budget).decode("utf-8", "replace")
            yield Part("text.txt", papers.document_text(xml).encode())
            return
        if any(e.filename == "[Content_Types].xml" for e in entries):
            raise RefusedError("This is an office document; copy the text out of it into a text file.")
        for entry in entries:
            path = safe_path(entry.filename)
            if entry.is_dir() or path is None or _is_left_out(path) or (entry.external_attr >> 28) == 0o12:
                continue
            if entry.file_size > _SMALL and entry.file_size > _RATIO * max(1, entry.compress_size):
                raise RefusedError(f"{path} in it grows {_RATIO} times and more when unpacked; it was not.")
            with archive.open(entry) as stream:
                yield Part(path, _read(stream.read, budget))


def _of_tar(data: bytes, budget: Budget) -> Iterator[Part]:
    with tarfile.open(fileobj=io.BytesIO(data), mode="r:") as archive:
        for entry in archive:
            path = safe_path(entry.name)
            if path is None or not entry.isreg() or _is_left_out(path):
                budget.take(0)
                continue
            stream = archive.extractfile(entry)
            if stream is not None:
                yield Part(path, _read(stream.read, budget))


def _is_left_out(path: str) -> bool:
    return any(part in f"/{path}" for part in _NEVER) or path.rsplit("/", 1)[-1].startswith("._")


def _read(read: Callable[[int], bytes], budget: Budget) -> bytes:
    """One member, never more than the bound whatever its header says."""
    data = read(_MOST_ONE + 1)
    if len(data) > _MOST_ONE:
        raise RefusedError(f"A file in it has more than {_MOST_ONE >> 20} MB; the rest of the archive was not read.")
    budget.take(len(data))
    return data


def _plain(data: bytes, budget: Budget) -> bytes:
    """A compressed file's content: of several joined streams as well, as rotated logs often are. What was cut off
    is read as far as it goes."""
    made: list[bytes] = []
    rest = data
    for _ in range(_MOST_STREAMS):
        stream = _decompressor(rest)
        if stream is None:
            break  # nothing follows, or padding
        while not stream.eof:
            piece = stream.decompress(rest, MB)
            rest = stream.unconsumed_tail if isinstance(stream, _Gzip) else b""
            budget.bytes -= len(piece)
            made.append(piece)
            size = MB * len(made)
            if size > _MOST_ONE or budget.bytes < 0 or (size > _SMALL and sum(map(len, made)) > _RATIO * len(data)):
                raise RefusedError("This file grows too much when it is unpacked; it was not read.")
            if not piece:
                if not any(made):
                    raise EOFError
                return b"".join(made)
        rest = stream.unused_data
    return b"".join(made)


class _Gzip:
    """zlib's decompressor with the names that bz2 and lzma use."""

    def __init__(self) -> None:
        self._inner = zlib.decompressobj(wbits=31)

    def decompress(self, data: bytes, most: int) -> bytes:
        return self._inner.decompress(data, most)

    @property
    def eof(self) -> bool:
        return self._inner.eof

    @property
    def unused_data(self) -> bytes:
        return self._inner.unused_data

    @property
    def unconsumed_tail(self) -> bytes:
        return self._inner.unconsumed_tail


def _decompressor(data: bytes) -> "_Gzip | bz2.BZ2Decompressor | lzma.LZMADecompressor | None":
    if data.startswith(b"\x1f\x8b"):
        return _Gzip()
    if data.startswith(b"BZh"):
        return bz2.BZ2Decompressor()
    return lzma.LZMADecompressor(memlimit=256 * MB) if data.startswith(b"\xfd7zXZ") else None
