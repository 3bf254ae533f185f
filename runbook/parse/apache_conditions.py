"""Conditions of Apache: its expressions (`expr=`, `<If>`), and variables that `SetEnvIf` sets by the request."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Literal

from runbook.lazy import re
from runbook.model import Asks, When
from runbook.parse.conditions import ALWAYS, NEVER, UNKNOWN, all_of, any_of, negation

_TOKEN = re.compile(
    r"\s*(?:(?P<variable>%\{[\w:-]{1,100}\}|(?:req|http|req_novary)\(\s*['\"][\w-]{1,100}['\"]\s*\))"
    r"|(?P<sign>\|\||&&|==|!=|=~|!~|=|!|\(|\)|\{|\}|,|-[a-z]{1,10}\b|-[A-Z]\b)"
    r"|(?P<pattern>/(?:[^/\\]|\\.){0,300}/i?|m(?P<mark>[#|!,;~%])(?:(?!(?P=mark)).){0,300}(?P=mark)i?)"
    r"|(?P<quoted>'[^']{0,300}'|\"[^\"]{0,300}\")|(?P<word>\w[\w.-]{0,100}))\s*"
)
_MOST = 200
_DEEPEST = 60
_Of = Literal["path", "method", "host", "scheme", "login", "unknown"]
_OF: dict[str, _Of] = {
    "request_uri": "path", "request_method": "method", "http_host": "host", "host": "host", "request_scheme": "scheme",
    "https": "scheme", "authorization": "login", "http_authorization": "login",
}  # fmt: skip


def expression(text: str) -> When:
    """`%{REQUEST_URI} =~ m#^/v2/# && %{REQUEST_METHOD} == 'GET'`; what is not understood is not known to hold."""
    words: list[tuple[str, str]] = []
    at = 0
    while at < len(text) and len(words) < _MOST:
        found = _TOKEN.match(text, at)
        if found is None:
            return UNKNOWN
        kind = next(k for k in ("variable", "sign", "pattern", "quoted", "word") if found[k] is not None)
        words.append((kind, found[kind]))
        at = found.end()
    reader = _Reader(words)
    try:
        when = reader.either()
    except _NotReadError:
        return UNKNOWN
    return when if reader.at == len(words) else UNKNOWN


class _NotReadError(ValueError):
    """The expression has something that is not read here."""


@dataclass(slots=True)
class _Reader:
    """Reads an expression from left to right; `&&` binds closer than `||`."""

    words: list[tuple[str, str]]
    at: int = 0
    depth: int = 0

    def _next(self) -> tuple[str, str]:
        if self.at >= len(self.words):
            raise _NotReadError
        self.at += 1
        return self.words[self.at - 1]

    def _takes(self, *signs: str) -> str:
        if self.at < len(self.words) and self.words[self.at][0] == "sign" and self.words[self.at][1] in signs:
            self.at += 1
            return self.words[self.at - 1][1]
        return ""

    def either(self) -> When:
        found = [self._both()]
        while self._takes("||"):
            found.append(self._both())
        return any_of(found)

    def _both(self) -> When:
        found = [self._one()]
        while self._takes("&&"):
            found.append(self._one())
        return all_of(found)

    def _one(self) -> When:
        self.depth += 1
        if self.depth > _DEEPEST:
            raise _NotReadError
        if self._takes("!"):
            return negation(self._one())
        if self._takes("("):
            found = self.either()
            if not self._takes(")"):
                raise _NotReadError
            return found
        if sign := self._takes("-n", "-z", "-T", "-R"):
            return self._unary(sign)
        kind, word = self._next()
        if kind == "word" and word in ("true", "false"):
            return ALWAYS if word == "true" else NEVER
        if kind == "sign":
            raise _NotReadError
        return self._compared(_of(word) if kind == "variable" else "unknown", "https" in word.lower())

    def _unary(self, sign: str) -> When:
        kind, word = self._next()
        if kind != "variable" or _of(word) != "login" or sign not in ("-n", "-z"):
            return UNKNOWN
        return ALWAYS if sign == "-n" else NEVER

    def _compared(self, of: _Of, as_switch: bool) -> When:
        sign = self._takes("==", "=", "!=", "=~", "!~", "-in", "-strmatch", "-strcmatch", "-fnmatch")
        if not sign:
            if self._next() != ("word", "in"):
                raise _NotReadError
            values = self._list()
        else:
            kind, word = self._next()
            if sign == "-in" and word == "{":
                self.at -= 1
                values = self._list()
            elif sign in ("=~", "!~"):
                return self._like(of, kind, word, sign)
            else:
                values = (word.strip("'\""),) if kind in ("quoted", "word") else ()
        if not values or of == "unknown":
            return UNKNOWN
        if as_switch:
            return self._switch(values, sign)
        ask = Asks(of=of, values=values, negated=sign == "!=", any_case=sign == "-strcmatch")
        return ((replace(ask, how="glob") if "match" in sign else ask,),)

    @staticmethod
    def _switch(values: tuple[str, ...], sign: str) -> When:
        """`%{HTTPS} == 'on'`."""
        if sign not in ("==", "=", "!=") or values[0].lower() not in ("on", "off"):
            return UNKNOWN
        return ((Asks(of="scheme", values=("https",), negated=(values[0].lower() == "off") != (sign == "!=")),),)

    @staticmethod
    def _like(of: _Of, kind: str, word: str, sign: str) -> When:
        if kind not in ("pattern", "quoted") or of == "unknown" or "%{" in word:
            return UNKNOWN
        ignored = kind == "pattern" and word.endswith("i")
        bare = word.removesuffix("i") if ignored else word
        value = bare[2:-1] if bare.startswith("m") and kind == "pattern" else bare[1:-1]
        return ((Asks(of=of, how="like", values=(value,), negated=sign == "!~", any_case=ignored),),)

    def _list(self) -> tuple[str, ...]:
        if not self._takes("{"):
            raise _NotReadError
        values: list[str] = []
        while not self._takes("}"):
            kind, word = self._next()
            if kind in ("quoted", "word"):
                values.append(word.strip("'\""))
            elif word != ",":
                raise _NotReadError
        return tuple(values)


def _of(variable: str) -> _Of:
    name = re.sub(r"^%\{(?:HTTP:|req:)?|^\w{1,40}\(\s{0,8}['\"]|['\"\s})]{1,20}$", "", variable, flags=re.IGNORECASE)
    return _OF.get(name.lower(), "unknown")


def variables(rows: Iterable[tuple[str, tuple[str, ...]]]) -> dict[str, When]:
    """The variables that `SetEnvIf` and its kin set, each with when it is there; the directives in order."""
    found: dict[str, When] = {}
    for directive, args in rows:
        when, names = _sets(directive, args)
        for name in names:
            bare = name.lstrip("!").partition("=")[0]
            now = found.get(bare, NEVER)
            found[bare] = all_of((now, negation(when))) if name.startswith("!") else any_of((now, when))
    return found


def _sets(directive: str, args: tuple[str, ...]) -> tuple[When, tuple[str, ...]]:
    match directive:
        case "setenv":
            return ALWAYS, args[:1]
        case "unsetenv":
            return ALWAYS, tuple(f"!{a}" for a in args)
        case "setenvifexpr" if len(args) > 1:
            return expression(args[0]), args[1:]
        case "setenvif" | "setenvifnocase" if len(args) > 2:
            of = _OF.get(args[0].lower(), "unknown")
            if of == "unknown":
                return UNKNOWN, args[2:]
            ask = Asks(of=of, how="like", values=args[1:2], any_case=directive.endswith("nocase"))
            return ((ask,),), args[2:]
        case "browsermatch" | "browsermatchnocase" | "passenv":
            return UNKNOWN, args[1:] if directive != "passenv" else args
        case "rewriterule" if len(args) > 2:
            return UNKNOWN, tuple(re.findall(r"\bE(?:NV)?=(!?[\w-]{1,100})", args[2], re.IGNORECASE))
    return UNKNOWN, ()
