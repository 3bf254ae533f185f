"""Containers with pieces cut out, doubled, mixed and damaged: every unpacker ends, soon, and says nothing but what it means to.

`RUNBOOK_FUZZ=1800` goes on for half an hour; without it a fixed number of mutants is tried.
"""

import os
import random
import time
import tracemalloc
import zlib

import pytest

from runbook.collect.carriers import carried
from runbook.collect.kinds import recognise
from runbook.collect.unpack import mail, packed
from runbook.collect.unpack.part import Budget, RefusedError
from tests.rewrites.forms import FORMS, rewritten
from tests.rewrites.incidents import incidents

MUTANTS, SECONDS = 1500, float(os.environ.get("RUNBOOK_FUZZ", "0"))
SLOW, LARGE = 4.0, 400 << 20
"""Seconds of the processor and bytes for one mutant of at most 200 kB."""
_LONGEST = 200_000
_PIECES = (b"> ", b"```\n", b"--", b"\n\n", b"\x1b[2K\r", b"\x1b[999C", b"\b\b", b"=\n", b"=3D", b"Content-Type: multipart/mixed; boundary=x\n\n--x\n", b"PK\x03\x04", b"\x1f\x8b", b"</pre>",
           b"<details>", b"@@ -1,9 +1,9 @@\n", b"==> x <==\n", b'{"log":"', b"[" * 50, b"{" * 50, b'"', b"\\", b"\0", b"\xff", b"\xef\xbb\xbf", b"&lt;", b"a" * 500, b"9" * 500, b"$ cat x\n", b"# x.yml\n", b"|" * 80, b"\t" * 80)  # fmt: skip


def seeds() -> list[tuple[str, bytes]]:
    """(name, content) of a file in every form, of a few incidents."""
    own = [i for i in incidents() if "/" in i.name and zlib.crc32(i.name.encode()) % 97 == 3]
    made = (rewritten(form, incident) for form in FORMS for incident in own)
    return sorted({(n, d) for one in made if one is not None for n, d in one.files.items() if len(d) < _LONGEST})


def mutated(data: bytes, others: list[tuple[str, bytes]], chance: random.Random) -> bytes:
    """A few changes at random places."""
    for _ in range(chance.choice((1, 1, 2, 3, 8))):
        a, b = sorted((chance.randint(0, len(data)), chance.randint(0, len(data))))
        b = min(b, a + chance.choice((1, 8, 300, 20_000)))
        match chance.randint(0, 6):
            case 0:
                data = data[:a] + data[b:]
            case 1:
                data = data[:b] + data[a:b] * chance.choice((1, 5, 200)) + data[b:]
            case 2:
                data = data[:a] + chance.choice(_PIECES) * chance.choice((1, 3, 400)) + data[a:]
            case 3:
                data = data[:a] + chance.randbytes(b - a) + data[b:]
            case 4:
                other = chance.choice(others)[1]
                data = data[:a] + other[len(other) * a // (len(data) + 1) :]
            case 5:
                data = data[:a] + bytes(byte ^ 32 for byte in data[a:b]) + data[b:]
            case _:
                data = data.replace(
                    b"\n", chance.choice((b"\r\n", b"\r", b"", b"\n> ", b"\n\n")), chance.choice((1, 20, -1))
                )
        data = data[:_LONGEST]
    return data


def unpack(name: str, data: bytes, depth: int = 0) -> int:
    """Take it apart as `diagnose` does, three deep; how many parts there are."""
    budget = Budget(bytes=32 << 20, parts=300)
    try:
        if packed.is_packed(data):
            parts = list(packed.unpacked(name, data, budget))
        elif mail.is_mail(data[:65536]):
            parts = list(mail.parts_of(data, budget))
        else:
            text = data.decode("utf-8", "replace")
            return len(carried(name, recognise(name, text[:65536]), text).paste.files)
    except RefusedError:
        return 0
    assert all(part.path and not part.path.startswith("/") and ".." not in part.path.split("/") for part in parts)
    return len(parts) + (sum(unpack(p.path, p.data[:_LONGEST], depth + 1) for p in parts[:20]) if depth < 2 else 0)


@pytest.mark.timeout(SECONDS + 300)
def test_mutants_of_every_container() -> None:
    rows, begun, seed = seeds(), time.monotonic(), int(os.environ.get("RUNBOOK_FUZZ_SEED", "0"))
    assert len(rows) > 100
    tried = parts = 0
    while tried < MUTANTS or time.monotonic() - begun < SECONDS:
        chance = random.Random(seed + tried)
        name, data = chance.choice(rows)
        data = mutated(data, rows, chance)
        watched = tried % 25 == 0
        if watched:
            tracemalloc.start()
        started = time.process_time()
        try:
            parts += unpack(name, data)
        except Exception as error:
            raise AssertionError(f"mutant {seed + tried} of {name}: {type(error).__name__}: {error}") from error
        took = time.process_time() - started
        if watched:
            assert tracemalloc.get_traced_memory()[1] < LARGE, f"mutant {seed + tried} of {name}"
            tracemalloc.stop()
        assert took < SLOW * (4 if watched else 1), f"mutant {seed + tried} of {name}: {took:.1f} s"
        tried += 1
    assert parts > tried // 10
    print(f"{tried} mutants, {parts} parts, {time.monotonic() - begun:.0f} s")
