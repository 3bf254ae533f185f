"""Names of files as people write them over, beside and before what stands in a text. Pure."""

from runbook.collect.unpack.part import safe_path
from runbook.lazy import re

_ENDINGS = (
    "ya?ml|conf|cfg|json|toml|env|htpasswd|passwd|pw|log|txt|md|har|curl|csv|ndjson|jsonl|html?|eml|service|container|network|volume|pod|kube|socket|"
    "ini|properties|xml|tf|hcl|j2|tpl|template|tmpl|sh|bash|ps1|bat|out|err|rules|cast|diff|patch|nginx|vhost|caddy|caddyfile|inc|trace|"
    "dockercfg"
)
_COPIES = r"(?:[.~_-](?:bak|old|orig|save|sample|example|dist|disabled|template|new|copy))"
"""Endings of copies: a name needs one of the others as well, `hub.example` is a host."""
_BARE = (
    r"\.?htpasswd(?:[.-][\w-]{1,20})?|\.env(?:\.[\w-]{1,20})?|Caddyfile|Dockerfile|Containerfile|typescript|\.dockercfg"
)
NAME = (
    r"(?<![\w/~.-])(?:[A-Za-z]:[\\/]|~/|\./|\.\\|/)?(?:[\w.@+-]{1,80}[\\/]){0,10}"
    rf"(?:\.?[\w@+-][\w.@+-]{{0,80}}\.(?:{_ENDINGS})(?:\.\d{{1,3}})?|{_BARE}){_COPIES}?(?![\w/\\-])(?!\.\w)"
)
_NAME = re.compile(NAME, re.IGNORECASE)
_WORDS = r"(?:(?:files?|datei|fichier|contents?(?: of)?|inhalt(?: von)?|h[1-6]\.|\d{1,2}[.)]|the|my|our|this is|here is|here's|und|and)[\s:]{1,3}){0,4}"
_EDGE = r"[\s#*=_~+|<>\[\](){}`'\"/!:.,–—━─-]"
HEADING = re.compile(
    rf"^{_EDGE}{{0,80}}{_WORDS}{_EDGE}{{0,8}}(?P<name>{NAME}|(?<=[=─━*#~-] )[\w.@+/-]{{1,120}}(?= [=─━*#~-]{{3}})){_EDGE}{{0,80}}$",
    re.IGNORECASE,
)
RULER = re.compile(r"\s{0,8}([-=#*_~+:─━])\1{3,200}\s{0,8}$")
TAIL = re.compile(
    r"(?:={2,3}> (?=.{1,300} <=)|# configuration file (?=.{1,300}:\s{0,4}$))(?P<name>[^\n]{1,300}?)(?: <={2,3}|:)\s{0,4}$"
)
"""What `tail -n +1 *` and `nginx -T` write before each file."""
_LOOP = re.compile(r"([=#*~>─━-])\1{1,40} (?P<name>(?:\.\.?/|/|~/)[\w.@+/-]{1,200})\s*$")
"""What `for f in …; do echo "== $f"; cat "$f"; done` writes before each."""
_PLAIN = re.compile(r"[\w.@+-]{1,80}(?:/[\w.@+-]{1,80}){0,8}$")
_LONGEST = 240


def heading(row: str) -> str | None:
    """The name of a file that this row is about and that is all it says: a heading, a ruler with a name, `name:`."""
    if not 2 < len(row) <= _LONGEST:
        return None
    if tail := TAIL.match(row) or _LOOP.match(row):
        return safe_path(tail["name"].strip())
    bare = row.strip()
    if row[:1] in (" ", "\t") or bare[:1] in "{}" or bare[-1:] in "{}" or (bare[:2] == "- " and bare[-1:] != ":"):
        return None
    found = HEADING.match(row)
    return safe_path(found["name"]) if found else None


def is_bold(row: str) -> bool:
    """Whether a heading stands out of the lines around it: rulers beside the name, `==> name <==`."""
    ruled = re.match(r"\W{3,}", row) is not None and row.rstrip()[-1:] in "-=#*_~─━<"
    return ruled or re.match(r"([=#*~>─━])\1{1,80} ?\S+\s*$|\S+\.\w+:\s*$", row) is not None


def between_rulers(before: str, row: str, after: str) -> str | None:
    """The name that stands between two rulers."""
    bare = row.strip()
    return safe_path(bare) if _PLAIN.match(bare) and RULER.match(before) and RULER.match(after) else None


def mentioned(text: str) -> str | None:
    """The last file that a sentence names."""
    found = _NAME.findall(text[:1000]) if text else []
    return safe_path(found[-1]) if found else None


def is_intro(row: str) -> bool:
    """Whether a sentence announces what follows: it ends with a colon and names a file."""
    return row.rstrip()[-1:] == ":" and 8 < len(row) <= _LONGEST and not row.startswith((" ", "\t"))
