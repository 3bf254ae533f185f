"""What looks like a secret wherever it stands: the patterns that every text from outside goes through.

Each pattern is bounded on every side, so that no text makes one slow.
"""

import base64
import binascii

from runbook.lazy import re
from runbook.redact.hashes import mask_hashes
from runbook.redact.text import MASK
from runbook.redact.urls import mask_urls
from runbook.redact.words import known

_VALUE = r"(?:\"[^\"\n]{1,400}\"|'[^'\n]{1,400}'|[^\s,;\"'}\]|&<>]{1,400})"
_LONG = r"(?:\\?\"[^\"\n]{1,400}\"|'[^'\n]{1,400}'|[^\s\"']{1,400})"
_ALWAYS = r"(?<!ht)(?<!proxy[_-])pass(?:word|wd|wort|phrase|code)?|kennwort|pwd|pw|secret|privatekey|private[_-]key|credentials?|creds?"
_OFTEN = r"tokens?|(?:api|access|account|secret|license|signing|encryption|shared)[_-]?key|key|auth|cookie|signature|sig|session(?:id)?|jwt|salt"
_NAMED = re.compile(
    rf"(?i)(?<![A-Za-z0-9])((?:[A-Za-z0-9]{{1,40}}[_.-]){{0,8}}[A-Za-z0-9]{{0,40}}?(?:({_ALWAYS})|{_OFTEN})"
    rf"(?:[_-]?(?:value|id|b64|base64|hash|data|\d{{1,3}})){{0,2}}\\?[\"']?[ \t]{{0,4}}(?:[=:]|=>)[ \t]{{0,4}})(\\?{_VALUE})"
)
_SAID = re.compile(
    rf"(?i)\b(?:password|passwort|kennwort|passwd|passphrase|pw|secret|token)\b[ \t]{{1,3}}(?:(?:for|of|für|von|from)[ \t]{{1,3}}\S{{1,60}}[ \t]{{1,3}})?"
    rf"(?:is|was|lautet|ist|war|heißt)[ \t]{{1,3}}({_LONG})"
)
_AUTHORIZATION = re.compile(
    r"(?i)\b((?:proxy-)?authorization\b\\?[\"']?[ \t]{0,4}[:=,]?[ \t]{0,4}(?:[\"']?value[\"']?[ \t]{0,4}[:=][ \t]{0,4})?\\?[\"']?)"
    r"(basic|bearer|digest|negotiate|token|apikey|aws4-hmac-sha256)(\\?[ \t]{1,4})([^\s\"'\\,}]{1,4000})"
)
_SCHEME = re.compile(r"(?i)\b(basic|bearer|digest|negotiate)(\\?[ \t]{1,4})(?!realm\b)([A-Za-z0-9+/_.~=-]{8,4000})")
_COOKIE = re.compile(r"(?i)\b((?:set-)?cookie[\"']?[ \t]{0,4}:[ \t]{0,4}[^=\s;\"']{1,100}=)([^\n\"']{1,4000})")
_OPTION = re.compile(rf"(?i)(?<![\w-])(--?[a-z][a-z0-9.-]{{1,60}})(=|[ \t]{{1,4}})(?![-=])({_LONG})")
_SECRET_OPTION = re.compile(
    rf"(?i)(?:^|[-.])(?:{_ALWAYS}|tokens?|(?:[a-z]{{1,12}}-?)?key|auth|jwt|sig|pass-?in|plaintext)(?:[-.]?(?:id|value))?$"
)
_LOGIN_OPTION = re.compile(
    r"(?i)^--?(?:(?:[a-z]{1,12}-){0,3}(?:user|creds|auth|credentials|proxy-user|basic-auth)|user-pass|userpwd)$"
)
_USER = re.compile(
    r"(?<![\w-])(-[a-zA-Z]{0,8}[uUa](?:=|[ \t]{0,4}))(?:'([^':\n]{0,200}):([^'\n]{1,400})'|\"([^\":\n]{0,200}):([^\"\n]{1,400})\"|([^\s:'\"=-][^\s:'\"]{0,200}):(?!\d{1,5}(?:[:/\s]|$)|//)([^\s'\"]{1,400}))"
)
_SHORT_P = re.compile(rf"(?<![\w-])(-p(?:=|[ \t]{{0,4}}))(?!\d{{1,5}}(?::\d{{1,5}}){{0,2}}(?:\s|$))({_LONG})")
_LOGIN = re.compile(r"\b(?:login|sshpass|mysql|--?u(?:ser(?:name)?)?[= ])|\s-u[ =\w]")
_PIPED = re.compile(
    rf"(?i)\b((?:echo|printf)(?:[ \t]{{1,4}}-[a-z]{{1,3}})?(?:[ \t]{{1,4}}'?%s(?:\\n)?'?)?[ \t]{{1,4}})({_LONG})([ \t]{{0,4}}\|)"
)
_HERE = re.compile(rf"(<<<[ \t]{{0,4}})({_LONG})")
_KNOWN_TOKENS = re.compile(
    r"\b(?:gh[pousr]_[A-Za-z0-9]{16,255}|github_pat_\w{16,255}|gl(?:pat|dt|rt|cbt)-[\w-]{12,64}|dckr_[a-z]{2,6}_[\w-]{12,64}|xox[a-z]-[\w-]{8,255}"
    r"|(?:AKIA|ASIA)[A-Z0-9]{12,20}|AIza[\w-]{30,40}|hvs\.[\w-]{16,128}|eyJ[A-Za-z0-9_-]{8,4000}(?:\.[A-Za-z0-9_-]{1,4000}){0,4}|[sr]k_(?:live|test)_[A-Za-z0-9]{10,64})"
)
_PEM = re.compile(r"(-----BEGIN [A-Z ]{0,30}PRIVATE KEY-----)[^-]{1,20000}(-----END)?")
_PAIR = re.compile(
    r"(?<![A-Za-z0-9+/_=-])(?=[A-Za-z0-9+/_-]{0,4000}[a-z])[A-Za-z0-9+/_-]{8,4000}={0,2}(?![A-Za-z0-9+/=_-])"
)
_REFERENCE = re.compile(
    r"\$\{?\w{1,80}\}?|\{\$\w{1,80}\}|%[\[{(]?\w.{0,80}|<[^<>]{0,80}>|\*{2,}|\[.{0,80}|x{3,}|…|\.{3}|~|-|null|none|true|false"
)


_LINKS = ("yaml:", "json:", "strconv.ParseBool:", "strconv.ParseInt:", "time:")
"""How Go's packages begin what they have to complain of."""


def mask_patterns(text: str) -> str:
    """Mask everything that looks like a secret, whether or not it is known to be one."""
    text = mask_hashes(text, MASK)
    if "://" in text or "?" in text or "@" in text or ":\\/" in text:
        text = mask_urls(text)
    text = _AUTHORIZATION.sub(rf"\1\2\3{MASK}", text)
    text = _SCHEME.sub(lambda m: m[0] if _is_prose(m[3]) else f"{m[1]}{m[2]}{MASK}", text)
    if "ookie" in text:
        text = _COOKIE.sub(rf"\1{MASK}", text)
    text = _NAMED.sub(_named, text)
    text = _SAID.sub(lambda m: m[0][: -len(m[1])] + MASK if not known(m[1].strip("\"'.,;:!?")) else m[0], text)
    if "-" in text:
        text = _in_commands(text)
    if "BEGIN" in text:
        text = _PEM.sub(lambda m: f"{m[1]}{MASK}{m[2] or ''}", text)
    text = _KNOWN_TOKENS.sub(MASK, text)
    return _PAIR.sub(lambda m: MASK if is_pair(m[0]) else m[0], text)


def is_pair(text: str) -> bool:
    """Whether base64 text holds `user:password`."""
    bare = text.rstrip("=").replace("-", "+").replace("_", "/")
    if len(bare) % 4 == 1:
        return False
    try:
        plain = base64.b64decode(bare + "=" * (-len(bare) % 4), validate=True).decode("utf-8")
    except (binascii.Error, ValueError):
        return False
    user, colon, password = plain.partition(":")
    return bool(colon and user and password) and plain.rstrip("\r\n").isprintable()


def _named(match: re.Match[str]) -> str:
    """`password: x`. What is no value but a reference, or for softer names a word of the field, stays."""
    bare = match[3].lstrip("\\").strip("\"'\\")
    if (
        not bare
        or _REFERENCE.fullmatch(bare)
        or (bare.startswith(("$", "<", "*", "[", "%{", "//")) and MASK not in bare)
    ):
        return match[0]
    if MASK in bare and bare.strip() == MASK:
        return match[0]
    if match[3] == "error" and match[1].endswith(": "):
        return match[0]  # "saving credentials: error storing …": what failed, and how
    if _complains(match) or _is_mount(match):
        return match[0]
    if not match[2] and (known(bare) or bare.startswith("/") or bare.isdigit()):
        return match[0]
    quote = '"' if match[3].endswith('"') and match[3].lstrip("\\").startswith('"') else ""
    return f"{match[1]}{quote}{MASK}{quote}"


def _complains(match: re.Match[str]) -> bool:
    """`variable REGISTRY_HTTP_SECRET: yaml: found …`: the name is what a program stumbled over, and what follows is no
    value but the next link of its complaint.
    """
    before = match.string[max(match.start() - 10, 0) : match.start()]
    return before.endswith("variable ") and match[1].endswith(": ") and match[3] in _LINKS


_INSIDE = re.compile(r"/[a-z][a-z0-9_./-]{0,100}(?::[a-zA-Z,]{1,20})?")


def _is_mount(match: re.Match[str]) -> bool:
    """`./pw:/pw:ro`: a path of the host, and the one that it has in a container."""
    return (
        match.string[max(match.start() - 1, 0) : match.start()] in ("/", "\\")
        and match[1].endswith(":")
        and bool(_INSIDE.fullmatch(match[3]))
    )


def _is_prose(word: str) -> bool:
    return word == MASK or (word.isascii() and known(word.strip(".-=_~/+")) and not word.endswith("="))


def _in_commands(text: str) -> str:
    """Passwords on command lines, whoever's command it is."""
    text = _OPTION.sub(_option, text)
    text = _USER.sub(lambda m: f"{m[1]}{m[2] or m[4] or m[6] or ''}:{MASK}", text)
    lines = text.split("\n")
    for number, line in enumerate(lines):
        if " -p" in line and _LOGIN.search(line):
            lines[number] = line = _SHORT_P.sub(rf"\1{MASK}", line)
        if "htpasswd" in line:
            lines[number] = line = _htpasswd(line)
        if "stdin" in line or "passwd" in line or "login" in line:
            lines[number] = _HERE.sub(rf"\1{MASK}", _PIPED.sub(rf"\1{MASK}\3", line))
    return "\n".join(lines)


def _option(match: re.Match[str]) -> str:
    name, value = match[1], match[3]
    bare = value.strip("\\\"'")
    if _REFERENCE.fullmatch(bare) or bare.startswith(("$", "<", MASK)) or not bare:
        return match[0]
    if _LOGIN_OPTION.match(name) and ":" in bare and not bare.startswith("http"):
        return f"{name}{match[2]}{bare.partition(':')[0]}:{MASK}"
    if (
        _SECRET_OPTION.search(name)
        and not name.lower().endswith(("-stdin", "-file", "-env"))
        and not (known(bare) and not re.search(_ALWAYS, name, re.IGNORECASE))
    ):
        return f"{name}{match[2]}{MASK}"
    return match[0]


def _htpasswd(line: str) -> str:
    """`htpasswd -b [-options] [file] user password`: the last word of the command is the password."""
    start = line.find("htpasswd")
    while start >= 0:
        end = next(
            (n for n in range(start, min(len(line), start + 600)) if line[n] in "|;&>\n#" or line[n : n + 2] == "2>"),
            min(len(line), start + 600),
        )
        words = [
            (m.start() + start, m.end() + start)
            for m in re.finditer(r"'[^']{0,400}'|\"[^\"]{0,400}\"|\S{1,400}", line[start:end])
        ]
        options = [line[a:b] for a, b in words[1:8] if line[a] == "-"]
        last = next(((a, b) for a, b in reversed(words[1:]) if line[a] != "-"), None)
        if last and any("b" in option for option in options) and len(words) - 1 - len(options) >= 2:
            line = line[: last[0]] + MASK + line[last[1] :]
        start = line.find("htpasswd", start + 8)
    return line
