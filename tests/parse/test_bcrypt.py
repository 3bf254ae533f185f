"""Three ways to compute bcrypt, one answer."""

import random

import bcrypt as package
import pytest

from runbook.parse.htpasswd import bcrypt

CHANCE = random.Random(16)
PASSWORDS = [
    b"",
    b"testpass",
    "pässwörd".encode(),
    b"a\0b",
    b"x" * 71,
    b"x" * 72,
    b"x" * 90,
    bytes(range(1, 256)),
    b"\xff\xfe",
]
SETTINGS = [
    b"$2%s$%02d$%s" % (letter, cost, bytes(CHANCE.choices(bcrypt.LETTERS, k=21)) + bytes([CHANCE.choice(b".Oeu")]))
    for letter, cost in ((b"b", 4), (b"a", 4), (b"y", 5))
]  # fmt: skip


def oracle(password: bytes, setting: bytes) -> bytes:
    made = package.hashpw(password[:72], setting.replace(b"$2y$", b"$2b$"))
    return setting + made[29:]


@pytest.mark.parametrize("setting", SETTINGS)
@pytest.mark.parametrize("password", PASSWORDS, ids=range(len(PASSWORDS)))
def test_every_way_gives_the_same(password: bytes, setting: bytes) -> None:
    expected = oracle(password, setting)
    assert bcrypt.hashpw(password, setting.replace(b"$2y$", b"$2b$"))[29:] == expected[29:]
    assert bcrypt.by_python(password[:72], setting) == expected
    if system := bcrypt.by_system():
        assert system(password[:72], setting) == expected


def test_without_the_package_another_way_is_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    bcrypt.hasher.cache_clear()
    monkeypatch.setitem(__import__("sys").modules, "bcrypt", None)
    try:
        assert bcrypt.hasher() is not package.hashpw
        assert bcrypt.hashpw(b"testpass", SETTINGS[0]) == oracle(b"testpass", SETTINGS[0])
    finally:
        bcrypt.hasher.cache_clear()


@pytest.mark.parametrize(
    "setting", [b"", b"$2b$03$" + b"." * 22, b"$2b$05$" + b"." * 21 + b"A", b"$1$abc", b"$2b$5$" + b"." * 22]
)
def test_what_is_no_setting_is_refused(setting: bytes) -> None:
    with pytest.raises(ValueError, match="Invalid salt"):
        bcrypt.hashpw(b"x", setting)
