"""What proxies in the middle saved: items of Burp (XML, base64) and `mitmdump --flow-detail 2` and more."""

import base64
import binascii
import html
from collections.abc import Iterator

from runbook.lazy import re
from runbook.parse.clients.canon import HEADER, METHODS, REQUEST, STATUS, Region, command, got, sent

MARKS = ("<items burpVersion", " << ")
_TAG = re.compile(r"\s*<(?P<tag>url|request|response)(?P<more>[^<>]{0,80})>")
_FLOW = re.compile(
    rf"(?:[\w.:\[\]-]{{3,80}}: )?(?P<method>{METHODS}) (?P<url>https?://\S{{1,4000}})(?: HTTP/[\d.]{{1,3}})?\s*$"
)
_ANSWER = re.compile(r" {1,8}<< (?:HTTP/[\d.]{1,3} )?(?P<status>\d{3}\b[^\n]{0,200}?)(?: [\d.]+[kMG]?b)?\s*$")
_ENDS = ("<item>", "</item>", "</items>")
_LONGEST = 4 << 20
_MOST = 400


def regions(rows: list[str]) -> Iterator[Region]:
    """One region for each request."""
    number = 0
    while number < len(rows):
        region = None
        if rows[number].strip() == "<item>":
            region = _item(rows, number)
        elif flow := _FLOW.match(rows[number]):
            region = _flow(rows, number, flow)
        if region is not None:
            yield region
        number = region.end if region else number + 1


def _item(rows: list[str], number: int) -> Region | None:
    """An item of Burp."""
    said: dict[str, tuple[int, str]] = {}
    end = number + 1
    while end < len(rows) and rows[end].strip() not in _ENDS:
        if tag := _TAG.match(rows[end]):
            start, close = end, f"</{tag['tag']}>"
            text = [rows[end][tag.end() :].rstrip()]
            while not text[-1].endswith(close) and end + 1 < len(rows) and rows[end + 1].strip() not in _ENDS:
                end += 1
                text.append(rows[end].rstrip())
            said[tag["tag"]] = start, _content("\n".join(text).removesuffix(close), "true" in tag["more"])
        end += 1
    if "url" not in said or "request" not in said:
        return None
    region = Region(number, min(end + 1 + (rows[end + 1 : end + 2] == ["</items>"]), len(rows)))
    at, request = said["request"]
    head = request.split("\n\n", 1)[0].split("\n")
    if not REQUEST.match(head[0]):
        return None
    region.add(number, command(said["url"][1].strip(), method=head[0].split(" ", 1)[0]))
    region.add(at, *map(sent, head), sent(""))
    if "response" in said:
        at, answer = said["response"]
        first, _, body = answer.partition("\n\n")
        if STATUS.match(first):
            region.add(at, *map(got, first.split("\n")), got(""), *body.split("\n")[:_MOST])
    return region


def _content(text: str, encoded: bool) -> str:
    """The content of an element of Burp; what cannot be decoded is empty."""
    bare = text.strip().removeprefix("<![CDATA[").removesuffix("]]>") if "<![CDATA[" in text else html.unescape(text)
    if encoded:
        try:
            bare = base64.b64decode(bare[:_LONGEST]).decode("utf-8", "replace")
        except (binascii.Error, ValueError):
            return ""
    return bare.replace("\r\n", "\n")


def _flow(rows: list[str], number: int, flow: re.Match[str]) -> Region | None:
    """A flow of mitmdump: headers and body further in than the request and its answer."""
    region = Region(number, number + 1)
    path = re.sub(r"^https?://[^/?#]*", "", flow["url"]) or "/"
    region.add(number, command(flow["url"], method=flow["method"]), sent(f"{flow['method']} {path} HTTP/1.1"))
    at = number + 1
    while at < len(rows) and at < number + _MOST and HEADER.match(rows[at].strip()) and rows[at][:4] == "    ":
        region.add(at, sent(rows[at].strip()))
        at += 1
    region.add(number, sent(""))
    while at < len(rows) and at < number + _MOST and (not rows[at].strip() or rows[at][:4] == "    "):
        at += 1  # the body that was sent
    answer = _ANSWER.match(rows[at]) if at < len(rows) else None
    if answer is None:
        return None
    region.add(at, got(f"HTTP/1.1 {answer['status']}"))
    begins = at = at + 1
    while at < len(rows) and at < begins + _MOST and HEADER.match(rows[at].strip()) and rows[at][:4] == "    ":
        region.add(at, got(rows[at].strip()))
        at += 1
    region.add(at - 1, got(""))
    while at < len(rows) and at < begins + _MOST and (not rows[at].strip() or rows[at][:4] == "    "):
        region.add(at, rows[at].strip())
        at += 1
    region.end = at
    return region
