"""Why a browser kept an answer from a page, as its console says it: Chromium, Firefox and Safari in their own words.

Chromium's sentences are those of a run of version 156 (tests/real/test_browser_differential.py), Firefox's those of
its security.properties, Safari's those of WebKit's CrossOriginAccessControl.cpp.
"""

from runbook.lazy import re

PREFLIGHT = "preflight"
"""The preflight itself was refused: its status is no success, or nothing is allowed in it at all."""
INSIDE = "preflight: "
"""Before a reason: that wall stood in the answer to the preflight."""

_HEADER = r"Access-Control-Allow-"
_REASONS = tuple(
    (re.compile(pattern, re.IGNORECASE), reason)
    for pattern, reason in (
        (r"does not have HTTP ok status|preflight (?:response|channel) did not succeed", PREFLIGHT),
        (r"preflight response is not successful|response for preflight (?:has invalid|is invalid)", PREFLIGHT),
        (r"redirect(?:ed from [^:]{1,500})? is not allowed for a (?:preflight|request that requires)", "redirect"),
        (rf"wildcard|{_HEADER}Origin\W{{1,4}}(?:is|ist|est|es|è)\W{{1,4}}\*", "wildcard"),
        (r"multiple values '(?P<allowed>[^']*)'|multiple CORS header|cannot contain more than one origin", "multiple"),
        (rf"{_HEADER}Credentials", "credentials"),
        (r"(?:has a value|value) '(?P<allowed>[^']*)' that is not equal", "origin"),
        (r"contains the invalid value '(?P<allowed>[^']*)'", "origin"),
        (rf"{_HEADER}Origin\W{{1,4}}does not match \W?(?P<allowed>[^’'”\"\s)]*)", "origin"),
        (rf"{_HEADER}Headers", "header"),
        (rf"{_HEADER}Methods", "method"),
        (rf"No \W?{_HEADER}Origin|{_HEADER}Origin\W{{1,4}}(?:missing|fehlt|manquant|falta|mancante)", "missing"),
        (rf"is not allowed by {_HEADER}Origin", "not allowed"),
        (r"address space", "private network"),
        (r"CORS request did not succeed", "network"),
    )
)


def complaint(text: str) -> tuple[str, str | None]:
    """The reason that a console's sentence gives ("" for none that is known), and the origin that was allowed."""
    for pattern, reason in _REASONS:
        if match := pattern.search(text):
            allowed = match.groupdict().get("allowed")
            if reason == PREFLIGHT or "preflight" not in text.lower():
                return reason, allowed
            return (PREFLIGHT if reason == "missing" else INSIDE + reason), allowed
    return "", None
