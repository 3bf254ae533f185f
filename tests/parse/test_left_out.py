from pathlib import Path

import pytest

from runbook.collect import Request, collect
from runbook.model import FileKind
from runbook.parse.htpasswd import parse_htpasswd
from runbook.parse.left_out import is_blacked_out, is_left_out, without_left_out
from runbook.redact import Vault


@pytest.mark.parametrize(
    "row",
    [
        "...", "  ....", "…", ". . .", "    [...]", "(...)", "<...>", "{...}", "# ...", "  # [...]", "...;", "<snip>", "[snip]",
        "--- snip ---", "----- 8< cut -----".replace("8< ", ""), "*** truncated ***", "[12 lines omitted]", "... more of the same ...",
        "... (rest omitted)", "[other services]", "… usw. …",
    ],
)  # fmt: skip
def test_says_only_that_something_is_missing(row: str) -> None:
    assert is_left_out(row)


@pytest.mark.parametrize(
    "row",
    [
        "", "---", "}", "{}", "[]", "- more", "other:", "  rest: 1", "cut", "# more of it", "#...x", "server {", "location ~ ... {",
        "</Location>", "<Location /v2/>", "[registry]", "[other]x", "image: registry:2", "...a", "..", "../x", "* removed",
    ],
)  # fmt: skip
def test_says_something(row: str) -> None:
    assert not is_left_out(row)


@pytest.mark.parametrize(
    ("kind", "text", "left", "numbers"),
    [
        ("nginx", "server {\n  ...\n  listen 80;\n}", "server {\n\n  listen 80;\n}", (2,)),
        ("nginx", "location / { ... }\n", "location / {}\n", (1,)),
        ("compose", "services:\n  a: {}\n...\n", "services:\n  a: {}\n...\n", ()),
        ("compose", "a: 1\n...\n---\nb: 2\n", "a: 1\n...\n---\nb: 2\n", ()),
        ("compose", "services:\n...\n  a: {}\n", "services:\n\n  a: {}\n", (2,)),
        ("compose", "a: ...\n", "a: ...\n", ()),
        ("log", "a\n...\n", "a\n...\n", ()),
    ],
)
def test_a_file_without_them(kind: FileKind, text: str, left: str, numbers: tuple[int, ...]) -> None:
    assert without_left_out(text, kind) == (left, numbers)


@pytest.mark.parametrize(
    "value",
    ["***", "xxxxxxxx", "XXXX", "abc...", "ab…yz", "[redacted]", "<hash>", "REDACTED", "abc***", "<bcrypt hash>"],
)
def test_hidden_by_hand(value: str) -> None:
    assert is_blacked_out(value)


@pytest.mark.parametrize(
    "value", ["YSZ5Y8eLsoVh4NWMx1eMXOjyPJrDDkQdA3b5kLmMSrDM4vRPeOZnO", "YW5uYTpwdw==", "secret123", "a.b", ""]
)
def test_not_hidden(value: str) -> None:
    assert not is_blacked_out(value)


WHOLE = "$2y$05$YSZ5Y8eLsoVh4NWMx1eMXOjyPJrDDkQdA3b5kLmMSrDM4vRPeOZnO"


@pytest.mark.parametrize(
    ("value", "scheme", "hidden"),
    [
        ("$2y$05$...", "bcrypt", True),
        ("$2y$05$" + "x" * 53, "bcrypt", True),
        ("$2b$12$abc...xyz", "bcrypt", True),
        ("***", "hidden", True),
        ("<hash>", "hidden", True),
        ("$apr1$...", "apr1", False),
        ("{SHA}***", "sha1", False),
        ("$$2y$$05$$...", "bcrypt", False),
        ("$2y$05$abcdefghij", "bcrypt", False),
        (WHOLE, "bcrypt", False),
        ("secret123", "plain", False),
        ("", "empty", False),
    ],
)
def test_what_is_known_of_an_entry(value: str, scheme: str, hidden: bool) -> None:
    entry = parse_htpasswd(f"anna:{value}\n".encode(), "f", Vault()).entries[0]
    assert (entry.scheme, entry.hidden) == (scheme, hidden)
    assert not (entry.hidden and entry.defect)


def test_lines_left_out_refuse_no_file() -> None:
    file = parse_htpasswd(f"anna:{WHOLE}\n...\n".encode(), "f", Vault())
    assert file.refused is None
    assert file.left_out == (2,)
    assert file.tells_of("anna")
    assert not file.tells_of("bert")


def test_a_name_blacked_out_may_be_anybody() -> None:
    file = parse_htpasswd(f"***:{WHOLE}\n".encode(), "f", Vault())
    assert file.incomplete
    assert not file.tells_of("anna")


@pytest.mark.parametrize("mask", ["[redacted]", "***", "REDACTED", "xxxxxxxx", "…"])
def test_a_mask_is_no_secret(mask: str) -> None:
    vault = Vault()
    vault.password(mask, "anna")
    vault.token(mask)
    assert vault.answer(f'{{"repositories": []}} {mask}') == f'{{"repositories": []}} {mask}'


@pytest.mark.parametrize("section", ["data", "stringData"])
@pytest.mark.parametrize("value", ["<redacted>", '"***"', "REDACTED", "YW5uYTo..."])
def test_a_secret_of_kubernetes_blacked_out(section: str, value: str, tmp_path: Path) -> None:
    if (section, value) == ("stringData", "YW5uYTo..."):
        value = "'anna:$2y$05$...'"
    text = f"apiVersion: v1\nkind: Secret\nmetadata: {{name: auth}}\n{section}:\n  htpasswd: {value}\n"
    (tmp_path / "secret.yaml").write_text(text)
    evidence = collect(Request(paths=(str(tmp_path),)), Vault())
    assert [p.kind for p in evidence.problems] == ["blacked-out"]
    assert not any(file.refused for file in evidence.htpasswd)
