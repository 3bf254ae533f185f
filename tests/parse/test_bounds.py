"""What somebody made up to keep us busy comes to an end: variables, macros and formats that multiply each other."""

import time

import pytest

from runbook.parse import ParseError
from runbook.parse.apache import parse_apache
from runbook.parse.messages import parse_text
from runbook.parse.nginx import parse_nginx
from runbook.parse.patterns import is_trusted, search
from runbook.parse.write_out import line_patterns, written_by
from runbook.redact import Vault

LIMIT = 10.0
"""Seconds; each takes less than one, and took minutes or all memory."""


def test_variables_that_are_made_of_each_other_are_followed_once() -> None:
    names = [f"$v{i}" for i in range(25)]
    maps = "".join(f'map "{"".join(names)}" {name} {{ default 1; }}\n' for name in names)
    text = f"http {{ {maps} server {{ if ($v0 = 1) {{ return 403; }} location / {{ proxy_pass http://r:5000; }} }} }}"
    begun = time.monotonic()
    assert not any(route.guards for route in parse_nginx(text, "nginx.conf", Vault()))
    assert time.monotonic() - begun < LIMIT


@pytest.mark.parametrize(("length", "told"), [(40, True), (60, False)])
def test_a_condition_on_more_variables_than_are_followed_is_not_told(length: int, told: bool) -> None:
    maps = "".join(f"map {f'$v{i}' if i else '$remote_addr'} $v{i + 1} {{ default 1; }}\n" for i in range(length))
    text = (
        f"http {{ {maps} server {{ if ($v{length}) {{ return 403; }} location / {{ proxy_pass http://r:5000; }} }} }}"
    )
    assert any(route.guards for route in parse_nginx(text, "nginx.conf", Vault())) is told


def test_a_macro_whose_arguments_multiply_is_cut_or_refused() -> None:
    macro = f"<Macro M a b c>\nProxyPass /{'a' * 5000} http://registry:5000\n</Macro>\n"
    assert parse_apache(f"{macro}Use M {'b' * 3000} {'c' * 3000} {'d' * 3000}\n", "a.conf", Vault())
    with pytest.raises(ParseError, match="too often"):
        parse_apache(macro + f"Use M {'b' * 3000} {'c' * 3000} {'d' * 3000}\n" * 500, "a.conf", Vault())


def test_a_format_of_a_hundred_variables_is_tried_once() -> None:
    patterns = line_patterns("%{http_code}" + "a%{x}" * 90 + "Z")
    begun = time.monotonic()
    assert not written_by(patterns, "401" + "a" * 3000)
    assert not written_by(line_patterns("%{url}x%{redirect_url}x%{http_code}"), "http://" + "x" * 3900)
    assert time.monotonic() - begun < LIMIT


def test_a_format_that_ends_in_another_variable_is_read() -> None:
    assert written_by(line_patterns("%{http_code} %{time_total}s"), "401 0.003s") == {"status": "401"}
    assert written_by(line_patterns("%{http_code} %{time_total}\\n"), "401 0.003") == {"status": "401"}
    assert not written_by(line_patterns("%{http_code} %{time_total}"), "404 page not found")


def test_the_same_words_on_every_line_are_told_so_often_and_no_more() -> None:
    lines = (f'Error: invalid tag "/x{i}": invalid reference format' for i in range(2000))
    assert len(parse_text("\n".join(lines), "job.log", Vault())[0]) <= 1000


@pytest.mark.parametrize(("pattern", "trusted"), [("(unclosed", False), ("^(a+)+$", False), ("^/v2/(a|b)$", True)])
def test_an_expression_that_cannot_be_read_is_not_trusted(pattern: str, trusted: bool) -> None:
    assert is_trusted(pattern) is trusted
    assert (search(pattern, "/v2/a") is not None) is trusted
