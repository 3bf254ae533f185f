"""Conditions of HAProxy: `if a !b { path_beg /v2 } or c`, its ACLs and the macros that it brings."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Literal

from runbook.lazy import re
from runbook.model import Asks, When
from runbook.parse.conditions import ALWAYS, NEVER, UNKNOWN, all_of, any_of, negation

_FETCH = re.compile(
    r"(?P<name>path|pathq|url|method|capture\.req\.method|(?:req\.)?f?hdr|ssl_fc_sni|ssl_fc|(?:req_|req\.)ssl_sni)"
    r"(?:_(?P<how>beg|end|sub|dir|dom|reg|str))?(?:\((?P<of>[\w-]+)(?:,-?1)?\))?(?P<more>(?:,(?:lower|host_only|field\(1,:\)))*)$"
)
_OF: Mapping[str, Literal["path", "method", "scheme", "name"]] = {
    "path": "path",
    "pathq": "path",
    "url": "path",
    "method": "method",
    "capture.req.method": "method",
    "ssl_fc": "scheme",
    "ssl_fc_sni": "name",
}
_HEADERS: Mapping[str, Literal["host", "login"]] = {"host": "host", "authorization": "login"}
_HOW: Mapping[str, Literal["is", "begins", "ends", "has", "word", "label", "like"]] = {
    "": "is", "str": "is", "beg": "begins", "end": "ends", "sub": "has", "dir": "word", "dom": "label", "reg": "like",
}  # fmt: skip
_METHODS = {"METH_GET": ("GET", "HEAD")}
_FIXED = {"TRUE": ALWAYS, "always_true": ALWAYS, "HTTP": ALWAYS, "FALSE": NEVER, "always_false": NEVER}
_OWN_LOGIN: When = ((Asks(of="unknown", values=("http_auth",)),),)


def before_login(when: When) -> When:
    """A condition as it is for who has not yet logged in at HAProxy itself: no `http_auth(…)` holds."""
    own = _OWN_LOGIN[0][0]
    return tuple(tuple(a for a in row if a.values != own.values) for row in when if own not in row)


def named_conditions(lines: Iterable[tuple[str, ...]]) -> dict[str, When]:
    """The ACLs of a section, from the words of its `acl` lines: several lines of one name are alternatives."""
    found: dict[str, When] = {}
    for words in lines:
        if len(words) > 2:
            found[words[1]] = any_of((found.get(words[1], NEVER), tests(words[2:])))
    return found


def condition(words: tuple[str, ...], named: Mapping[str, When]) -> When:
    """What stands behind an action: `if …` or `unless …`; nothing: always."""
    if not words:
        return ALWAYS
    rows = [all_of(_term(term, named) for term in terms) for terms in _rows(words[1:])]
    whole = any_of(rows)
    return negation(whole) if words[0] == "unless" else whole


def _rows(words: tuple[str, ...]) -> Iterator[list[tuple[str, ...]]]:
    """The alternatives, each with its terms; `{ … }` is one, and a `!` before it stays with it."""
    row: list[tuple[str, ...]] = []
    open_: list[str] | None = None
    sign = ""
    for word in words:
        if open_ is not None:
            open_.append(word)
            if word == "}":
                row.append((*sign, *open_))
                open_, sign = None, ""
        elif word in ("or", "||"):
            yield row
            row = []
        elif word.strip("!") in ("", "{"):
            sign += "!" * word.count("!")
            open_ = ["{"] if word.endswith("{") else None
        else:
            row.append((*sign, *("!" * (len(word) - len(word.lstrip("!")))), word.lstrip("!")))
            sign = ""
    if open_ is not None:
        row.append(("{", "?", "}"))
    yield row


def _term(words: tuple[str, ...], named: Mapping[str, When]) -> When:
    negated = words.count("!") if "{" not in words else words.index("{")
    bare = words[negated:]
    found = tests(bare[1:-1]) if bare[:1] == ("{",) else _name(bare[0], named)
    return negation(found) if negated % 2 else found


def _name(name: str, named: Mapping[str, When]) -> When:
    if name in named:
        return named[name]
    if name.startswith("METH_"):
        return ((Asks(of="method", values=_METHODS.get(name, (name[5:],))),),)
    return _FIXED.get(name, UNKNOWN)


def tests(words: tuple[str, ...]) -> When:
    """One criterion with its flags and values: `path_beg -i /v2 /v1`, `hdr(host) -m end .example`."""
    fetch = words[0] if words else ""
    if fetch in _FIXED:
        return _FIXED[fetch]
    if fetch.startswith("http_auth"):
        return _OWN_LOGIN
    found = _FETCH.match(fetch)
    if fetch == "ssl_fc" and len(words) == 1:
        return ((Asks(of="scheme", values=("https",)),),)
    flags, how, values = _options(words[1:])
    if found is None or "?" in flags:
        return UNKNOWN
    of = _of(found)
    written = how or found["how"] or ""
    if of == "login" and written == "found":
        return ALWAYS
    if of is None or of == "scheme" or written not in _HOW or not values:
        return UNKNOWN
    return ((Asks(of=of, how=_HOW[written], values=values, any_case="-i" in flags or "lower" in found["more"]),),)


def _of(found: re.Match[str]) -> Literal["path", "method", "scheme", "name", "host", "hostname", "login"] | None:
    name, more = found["name"], found["more"]
    if name.endswith("hdr"):
        of = _HEADERS.get((found["of"] or "").lower())
        return "hostname" if of == "host" and ("host_only" in more or "field" in more) else of
    return None if "field" in more or "host_only" in more else _OF.get(name)


def _options(words: tuple[str, ...]) -> tuple[set[str], str, tuple[str, ...]]:
    """Flags, the method of `-m`, and the values; the flag "?" for what is not read here (`-f FILE`, an operator)."""
    flags, how, at = set[str](), "", 0
    while at < len(words) and words[at].startswith("-"):
        if words[at] == "--":
            at += 1
            break
        if words[at] == "-m":
            how, at = " ".join(words[at + 1 : at + 2]), at + 2
            continue
        flags.add(words[at] if words[at] in ("-i", "-n") else "?")
        at += 1
    return flags, how, words[at:]
