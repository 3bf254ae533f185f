"""The server's certificate in commands that we print: checked as the clients of this stack check it."""

from dataclasses import replace

from runbook.model import Command, Evidence, Exchange, Fix
from runbook.model.command import Word, file
from runbook.redact import is_mask
from runbook.urls import urlsplit


def as_clients_do(fix: Fix, evidence: Evidence, exchanges: tuple[Exchange, ...]) -> Fix:
    """The fix whose checks with curl take `-k` or `--cacert FILE` where every client of that address did."""
    return replace(fix, verify=tuple(_told(command, evidence, exchanges) for command in fix.verify))


def _told(command: Command, evidence: Evidence, exchanges: tuple[Exchange, ...]) -> Command:
    texts = [word.text for word in command.words]
    base = next((t for t in texts if t.startswith("https://")), "")
    if "curl" not in texts or not base or {"-k", "--cacert", "--insecure"} & set(texts):
        return command
    after = texts.index("curl") + 1
    return replace(
        command, words=(*command.words[:after], *_options(base, evidence, exchanges), *command.words[after:])
    )


def _options(base: str, evidence: Evidence, exchanges: tuple[Exchange, ...]) -> tuple[Word, ...]:
    """What curl is told of the certificate at an address; () where some client needs nothing."""
    if evidence.target.cacert:
        return Word("--cacert"), file(evidence.target.cacert)
    there = urlsplit(base).netloc
    used = [e for e in exchanges if urlsplit(e.url).netloc == there and e.url.startswith("https://")]
    answered = [e.trust for e in used if e.status is not None]
    if not answered or not all(answered):
        return ()
    told = answered[-1]
    if told == "-k" or is_mask(told):
        return (Word("-k"),)
    return Word("--cacert"), file(told)
