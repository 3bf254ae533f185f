"""Which printed checks may be run: those that only look. Pure.

A report is foreign text. Its checks are taken apart into words and run without a shell, and every word must be one of
those that our own checks are made of.
"""

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from runbook.lazy import re

_MOST_WORDS, _LONGEST = 60, 2000
_PLACEHOLDER = re.compile(
    r"(?:^|[/:@ ])(?:HOST|USER|FILE|SERVICE|IMAGE|NAME|NUMBER|PROJECT|CONTAINER|REGISTRY)(?:$|[/: ])"
)


@dataclass(frozen=True, slots=True)
class Plan:
    """A check as programs that feed one another; empty with `refused` saying why it may not run."""

    pipeline: tuple[tuple[str, ...], ...] = ()
    refused: str = ""


def plan(text: str) -> Plan:
    """How a printed check is run, or why it is not."""
    if len(text) > _LONGEST:
        return Plan(refused="it is too long for a check of ours")
    try:
        lexer = shlex.shlex(text, posix=True, punctuation_chars="|&;<>()`")
        lexer.whitespace_split, lexer.commenters = True, ""
        words = list(lexer)
    except ValueError:
        return Plan(refused="its quotes do not match")
    if not words or len(words) > _MOST_WORDS:
        return Plan(refused="it is no check of ours")
    pipeline: list[list[str]] = [[]]
    for word in words:
        if word == "|":
            pipeline.append([])
        elif re.fullmatch(r"[|&;<>()`]+", word):
            return Plan(refused=f"it has {word}, which a check that only looks does not need")
        else:
            pipeline[-1].append(word)
    for program in pipeline:
        if reason := _refusal(program):
            return Plan(refused=reason)
    return Plan(pipeline=tuple(tuple(p) for p in pipeline))


def _refusal(words: Sequence[str]) -> str:
    if not words:
        return "a program is missing in it"
    if any(_PLACEHOLDER.search(w) for w in words):
        return "a placeholder stands in it: put the real value there and run it yourself"
    if words[0] in _ELSEWHERE:
        return _ELSEWHERE[words[0]]
    judge = _PROGRAMS.get(words[0])
    if judge is None:
        return f"{words[0][:40]} may change something, or is not known here; run it yourself"
    return "" if judge(list(words[1:])) else f"{words[0]} with these options may change something; run it yourself"


_ELSEWHERE = {
    "printenv": "it looks into the environment of the pipeline's job: run it there",
    "date": "it tells the time where it runs: run it on the machine of the registry",
}
"""Programs that only look, and tell nothing on any other machine."""


# ---- the programs --------------------------------------------------------------------------------------------

_CURL_BARE = re.compile(r"-[sSiIkLf]+|--(?:silent|show-error|include|head)")
_CURL_SHOWN = re.compile(
    r"(?:%\{(?:http_code|response_code|time_total|redirect_url|content_type|size_download)\}|[\w :.\\-])*"
)
_CURL_URL = re.compile(r"https?://[A-Za-z0-9._\[\]:-]{1,260}(?:/[A-Za-z0-9/._~%@:+-]{0,500})?")
_CURL_HEADER = re.compile(
    r"(?:Origin|Host|Accept|Access-Control-Request-[A-Za-z]+|X-Forwarded-[A-Za-z]+): ?[\x21-\x7e]{0,300}"
)


def _curl(words: list[str]) -> bool:
    """GET, HEAD and OPTIONS of one address; nothing is written, no file is read but a certificate."""
    urls = 0
    rest = iter(words)
    for word in rest:
        if _CURL_BARE.fullmatch(word):
            continue
        if _CURL_URL.fullmatch(word):
            urls += 1
            continue
        value = next(rest, "")
        fits = {
            "-o": value == "/dev/null",
            "-w": bool(_CURL_SHOWN.fullmatch(value)),
            "-u": bool(re.fullmatch(r"\w[\w.@+-]{0,127}", value)),
            "-A": bool(re.fullmatch(r"[\w./ ()-]{1,200}", value)),
            "-X": value in ("GET", "HEAD", "OPTIONS"),
            "-H": bool(_CURL_HEADER.fullmatch(value)),
            "--cacert": bool(_FILE.fullmatch(value)),
        }
        if not fits.get(word, False):
            return False
    return urls == 1


_SED_LOOKS = re.compile(
    r"(?:\d{1,9}|\$)?\{?(?:s/(?:[^/\\\n]|\\.){0,200}/(?:[^/\\\n;}]|\\.){0,100}/[pg]{0,2})?;?(?:[pl];?)?\}?"
)
_FILE = re.compile(r"(?!-)[\w@%+=:,./ -]{1,300}")


def _sed(words: list[str]) -> bool:
    return len(words) in (2, 3) and bool(re.fullmatch(r"-n[E]?", words[0])) and bool(_SED_LOOKS.fullmatch(words[1])) and all(
        _FILE.fullmatch(w) for w in words[2:]
    )  # fmt: skip


def _htpasswd(words: list[str]) -> bool:
    return len(words) == 3 and words[0] == "-v" and bool(_FILE.fullmatch(words[1])) and not words[2].startswith("-")


def _options(pattern: str) -> Callable[[list[str]], bool]:
    """Short options of that pattern and operands that are plain words or files."""
    option = re.compile(pattern)
    return lambda words: all(option.fullmatch(w) if w.startswith("-") and len(w) > 1 else len(w) <= 300 for w in words)


_INSIDE = ("cat", "env", "printenv", "grep", "getent", "ls", "date", "head", "id")
_COMPOSE = ("logs", "config", "ps", "port", "exec", "images", "version")


def _docker(words: list[str]) -> bool:
    if words[:1] == ["compose"]:
        return (
            len(words) > 1 and words[1] in _COMPOSE and (words[1] != "exec" or _exec(words[2:])) and _no_output(words)
        )
    if words[:1] == ["exec"]:
        return _exec(words[1:])
    return words == ["buildx", "ls"] or words[:1] in (
        ["logs"],
        ["inspect"],
        ["ps"],
        ["info"],
        ["version"],
        ["port"],
        ["images"],
    )


def _no_output(words: list[str]) -> bool:
    """`docker compose config -o FILE` writes a file; `--lock-image-digests` asks registries."""
    return not any(w.startswith(("-o", "--output", "--lock")) for w in words) and (
        "-f" not in words or "logs" not in words
    )


def _exec(words: list[str]) -> bool:
    """Something that only looks, in a container: `exec [-T] SERVICE PROGRAM …`."""
    words = words[1:] if words[:1] == ["-T"] else words
    return len(words) > 1 and not words[0].startswith("-") and _looks(words[1:])


_SUM_OF = re.compile(r"printenv [A-Z0-9_]{1,80} \| sha256sum \| cut -c1-8")


def _looks(words: list[str]) -> bool:
    if words[0] == "sh":
        return len(words) == 3 and words[1] == "-c" and bool(_SUM_OF.fullmatch(words[2]))
    if words[0] == "nginx":
        return words[1:] in (["-T"], ["-t"])
    if words[0] in ("env", "date"):
        return len(words) == 1
    return words[0] in _INSIDE


_KUBECTL = re.compile(r"-[nclA]|-o|--tail=\d{1,5}|--previous|--field-selector=[\w.=!,-]{1,200}|--")
"""Another kubeconfig could name a program to run."""


def _kubectl(words: list[str]) -> bool:
    if not all(
        _KUBECTL.fullmatch(w) for w in words[: words.index("--") if "--" in words else None] if w.startswith("-")
    ):
        return False
    if "--" in words:
        cut = words.index("--")
        return "exec" in words[:cut] and len(words) > cut + 1 and _looks(words[cut + 1 :])
    bare = [
        w for i, w in enumerate(words) if not w.startswith("-") and (i == 0 or words[i - 1] not in ("-n", "-c", "-l"))
    ]
    return bare[:1] in (["get"], ["logs"], ["describe"])


_PROGRAMS: dict[str, Callable[[list[str]], bool]] = {
    "curl": _curl,
    "sed": _sed,
    "htpasswd": _htpasswd,
    "grep": _options(r"-[A-Za-z]{1,6}"),
    "cut": _options(r"-[sdf].{0,6}"),
    "head": _options(r"-[nc]?\d*"),
    "od": _options(r"-c"),
    "ls": _options(r"-[lnaZd]{1,6}"),
    "diff": lambda words: len(words) == 2 and "-" in words,
    "docker": _docker,
    "kubectl": _kubectl,
}
