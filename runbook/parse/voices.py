"""Whether a line of a text is a program's output or a person's sentence about it.

A program's line has the program's own form from its beginning, stands in a frame, or follows a command that was typed.
What quotes it inside a sentence, dates it, negates it or says that it is over is a person's. In doubt it is a person's:
such a line only names what to look for.
"""

from collections.abc import Collection
from dataclasses import dataclass, field

from runbook.lazy import re
from runbook.model import Voice
from runbook.parse.prompts import prompted

_STAMP = r"(?:\[?\d{4}[-/]\d\d[-/]\d\d[T ]\d\d:\d\d[\w:.,+ -]{0,24}\]? ?|\[?\d\d:\d\d:\d\d(?:[.,]\d{1,9})?\]? ?)?"
_JOURNAL = r"(?:(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d|\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d[\d.,:+Z-]{0,24}) \S{1,80} [\w./@:-]{1,80}(?:\[\d{1,8}\])?: )?"
"""How journalctl and syslog begin a line: day, time, machine, program."""
_SERVICE = r"(?:[\w.-]{1,80}[ \t]{0,40}\| ?|\[[\w./ -]{1,80}\] |(?:[\w.@?=&-]{1,80}|\((?:index|anonymous|unknown)\)):\d+(?::\d+)?:? )?"
_FORM = re.compile(
    rf"[\s│|]{{0,12}}{_JOURNAL}{_STAMP}{_SERVICE}(?:"
    r"Error response from daemon|Error:|ERROR:|error:|Error(?: \w+){1,4}:|ERRO\[|FATA\[|FATAL[\s:]|WARN\[|DEBU\[|INFO\[|(?:level|time|msg|ts)=|\{\"|\[\{"
    r"|curl: \(|docker: |podman: |skopeo|nerdctl: |crane: |helm: |oras: |kubectl: |buildctl: |ctr: |crictl: |wget: |http: error|exec: \""
    r"|(?:denied|unauthorized|x509|tls|toomanyrequests|forbidden|manifest unknown|name unknown|blob upload \w+|no basic auth credentials|dial tcp|net/http): ?"
    r"|dial tcp (?:\[|\d|lookup )|denied$|unauthorized$|no basic auth credentials|unknown: |unexpected (?:http |status|EOF)|received unexpected|invalid (?:username|reference|checksum)"
    r"|(?:Get|Head|Put|Post|Patch) \"?https?://|(?:GET|HEAD|PUT|POST|PATCH|DELETE|OPTIONS) (?:https?://|/)\S+|http: |https?://\S+ (?:Failed|\d{3}|net::)"
    r"|[Ff]ailed to (?:fetch|solve|do|push|pull|authorize|copy|compute|resolve|read|configure|create|load|dial|perform|parse|start|mount|export|get|open)\b"
    r"|error (?:parsing|pulling|pushing|getting|storing|saving|checking|creating|during|from|response|while|reading|copying|logging|building)\b"
    r"|Login Succeeded|Logged in|Logging in|Authenticated|Existing credentials|Authenticating with|Username|Password|WARNING[!:]|Warning:|warning:|The push refers"
    r"|Access to (?:XMLHttpRequest|fetch|\w+) at '|Mixed Content|Blocked loading|Cross-Origin Request Blocked|Cross-origin|XMLHttpRequest cannot load|Fetch API cannot load"
    r"|Quellübergreifende|Blocage d|Solicitud desde|Uncaught|XHR ?(?:GET|POST|HEAD)|\[(?:Error|Warning|Log|ERROR|WARN|INFO|error|warn|emerg|crit|blocked)\]|Failed to load "
    r"|\[blocked\]|Origin https?://\S+ is not allowed|Preflight response|Request header field|Credentials flag|Cannot use wildcard|Access-Control-Allow-|Not allowed to request"
    r"|Refused to get unsafe header|The page at |An error occured|The `Access-Control|Your registry must"
    r"|#\d+ |=> |\[\+\] |-{3,}> |> \[|Step \d+/\d+|(?:fatal|panic|emerg|error|configuration error): |rpc error|Get:|E: |W: |fatal: "
    r"|(?:Warning|Normal) {1,8}(?:Failed|BackOff|Pulling|Unhealthy|ErrImagePull)|Failed to pull image|Back-off|ErrImagePull|ImagePullBackOff"
    r"|\d{3} (?:Unauthorized|Forbidden|Not Found|Bad |Request |Payload |Content |Method |Gateway|Service |Internal )|<(?:html|title|h1|center|head|!DOCTYPE)"
    r"|[\w.-]{1,80} exited with code \d|\s*HTTPS? Proxy: |(?:export )?\w{2,10}_(?:proxy|PROXY)=|HTTP/\d|Status(?: ?Code)?: ?\d|requests\.exceptions|urllib3|Traceback|[\w.]{3,80}(?:Exception|Error): "
    r"|Invoke-(?:WebRequest|RestMethod) ?:|Caused by: |OCI runtime|yaml: |[\w./-]{1,80}\.ya?ml: |services\.\w|\(root\) |validating |time=\"|Cannot (?:connect|perform)"
    r"|(?:cannot|could not|unable to) (?:\w+ ){0,4}(?:registry|endpoint|https?:|docker|image|manifest|resolve|connect)|Could not resolve host|Connecting to |Resolving "
    r"|HTTP request sent|Username/Password Authentication|connect(?:ion)?:? (?:to \S+ )?(?:refused|failed|reset)(?: by peer)?(?=$|[:,(])|remote error: |Certificate |The remote |Unable to find image|Unable to (?:pull|push) (?:the )?image"
    r"|[IWEF]\d{4} \d\d:\d\d:\d\d\.\d{1,9} {1,12}\d{1,8} [\w./-]{1,120}\.go:\d{1,6}\] "
    r"|0{7,8}:? {1,3}[0-9A-Fa-f]{2}"
    r"|(?:docker-credential-|credential)\S*|no such host|EOF$|context deadline|[\w.-]+: (?:not found|command not found|Permission denied)"
    r")"
)
_TABLE = re.compile(r"\s{0,4}(?:CONTAINER ID|NAMESPACE|NAME {2,}|LAST SEEN|REASON |TYPE {2,})")
_OVER = re.compile(
    r"\b(?:solved|mended|is gone|are gone|went away|no longer|not any ?more|was missing|used to|back then|since then|is fixed|was fixed|fixed (?:it|by|with|now|in|on)"
    r"|last (?:year|month|week|time)|behoben|gel(?:ö|oe)st|erledigt|nicht mehr|I checked|means:|ruled out|is (?:not|n't) the|old(?:er)? (?:problem|trouble|error))\b",
    re.IGNORECASE,
)
OWN_DOING = re.compile(
    r"\b(?:typo|mistyped|on purpose|deliberately|as it (?:must|should)|by mistake|vertippt|absichtlich)\b",
    re.IGNORECASE,
)
"""Words of somebody who knows why he was refused: no complaint."""
_DATED = re.compile(r"[\s*•-]{0,8}\[?(?:\d{4}-\d\d-\d\d|\d{1,2}[./]\d{1,2}[./]\d{2,4})\]?[:,]?(?! ?T?\d\d:\d\d)")
_QUOTES = {'"': '"', "'": "'", "`": "`", "“": "”", "„": "“", "«": "»", "‘": "’"}
_BULLET = re.compile(r"\s{0,8}(?:[*•+-]|\d{1,2}[.)]) ")


_MOST_FORMS = 20_000


@dataclass(slots=True)
class Speaker:
    """Goes through a text line by line and says who speaks."""

    voice: Voice
    framed: Collection[int] = field(default_factory=tuple)
    """Rows (from 0) that stand in a frame."""
    _typed: bool = False
    _page: bool = False
    """Within a web page that a program printed: its sentences are nobody's here."""
    _forms: dict[str, tuple[bool, bool, bool]] = field(default_factory=dict)
    """Of each line: whether a command or a table begins, whether it says that a trouble is over, whether it is output."""

    def of(self, row: int, line: str) -> Voice:
        """The voice of that row; rows are given in their order."""
        if self.voice != "person":
            return self.voice
        form = self._forms.get(line)
        if form is None:
            begins = prompted(line) is not None or _TABLE.match(line) is not None
            form = begins, _OVER.search(line) is not None, is_output(line)
            if len(self._forms) < _MOST_FORMS:
                self._forms[line] = form
        begins, over, output = form
        self._page = (self._page or _PAGE.match(line) is not None) and not begins and bool(line.strip())
        page, self._page = self._page, self._page and "</html>" not in line.lower()
        if begins:
            self._typed = True
        elif not line.strip():
            self._typed = False
        if over and row not in self.framed:
            return "person"
        return "program" if row in self.framed or self._typed or page or output else "person"


_PAGE = re.compile(r"\s{0,8}<(?:!doctype html|html)\b", re.IGNORECASE)


def is_output(line: str) -> bool:
    """Whether a line has a program's form by itself."""
    bare = line.strip()
    close = _QUOTES.get(bare[:1])
    if close is not None:
        inner = bare.rstrip(".,;:!")
        if len(inner) < 3 or inner[-1] != close or close in inner[1:-1]:
            return False
        bare = inner[1:-1]
    if _DATED.match(bare) or _BULLET.match(bare):
        return False
    return _FORM.match(bare) is not None
