"""Prompts of shells: where a command was typed, and what was typed. One reader for all that look at sessions.

A prompt that cannot be mistaken (user@host:~$, PS C:\\>) may stand before any command; a bare `#`, `%`, `>` or `+`,
which begin other lines as well, only before a program that people type in such incidents.
"""

from collections.abc import Collection

from runbook.lazy import re

TOOLS = (
    "docker|docker-compose|docker\\.exe|curl|curl\\.exe|wget|http|https|xh|podman|podman-compose|skopeo|nerdctl|crictl|ctr|htpasswd|cat|"
    "type|less|more|bat|batcat|head|tail|nl|ls|ll|dir|env|printenv|echo|printf|cd|mkdir|cp|mv|rm|chmod|chown|grep|egrep|zgrep|sed|awk|cut|"
    "jq|yq|helm|kubectl|oc|k3s|k9s|minikube|kind|buildah|buildctl|oras|crane|regctl|reg|kaniko|journalctl|systemctl|service|"
    "nginx|caddy|haproxy|traefik|apachectl|apache2ctl|httpd|openssl|nslookup|dig|host|getent|ping|nc|ncat|telnet|ss|netstat|lsof|ip|ps|top|"
    "stat|id|whoami|hostname|uname|date|pwd|exit|logout|history|vi|vim|nano|tee|base64|sha256sum|md5sum|find|tar|unzip|zip|gunzip|zcat|python|"
    "python3|pip|git|ssh|scp|sudo|su|export|set|unset|source|read|for|while|if|iwr|irm|Invoke-WebRequest|Invoke-RestMethod|"
    "Get-Content|gc|Test-NetConnection|Resolve-DnsName|ngrep|tcpdump|tshark|strace|aws|gcloud|az|terraform|ansible|ansible-playbook|make|npm"
)
_HEAD = r"(?:\((?:[\w./ -]{1,60})\) ?)?(?:\[?\d\d:\d\d(?::\d\d)?\]? )?"
_SURE = re.compile(
    rf"^\s{{0,8}}{_HEAD}(?:"
    r"\[?[\w.-]{1,64}@[\w.-]{1,64}(?:\]|[: ][^\n$#%>❯➜✗]{0,120}?)?\]?[ ]?(?:✗ )?(?:[$#%❯➜»] ?|> )"
    r"|PS [A-Z/~][^\n>]{0,200}> ?|[A-Z]:\\[^\n>\"|<]{0,200}> ?"
    r"|(?:bash|sh|ash|dash|zsh)-\d[\d.]{0,8}[$#] ?"
    r"|➜ {1,3}(?:[\w./~-]{1,80} ?)?(?:(?:git|svn):\([^)\n]{1,80}\) )?(?:[✗✔±*!?]{1,3} )?|[❯λ»](?: |$)"
    r"|[└╰][─━]{0,3}\S{0,40}?[$#%❯➤>]? "
    r"|\$(?: |$)"
    r")(?P<command>.*)$"
)
_UNSURE = re.compile(
    rf"^\s{{0,8}}{_HEAD}(?:[\w./~:@\[\]() -]{{0,80}}?[#%>$] ?|\+{{1,3}} (?=[a-z])|\$)"
    rf"(?P<command>(?:sudo +(?:-\S+ +)*)?(?:[A-Z_]{{2,40}}=\S{{0,200}} +)*(?:{TOOLS})(?=\s|$).*)$"
)
_MARK = re.compile(r"[$#%>❯➜»λ└╰+]")
"""Every prompt has one of these: most lines are told apart by that alone."""
_FARTHEST = 280
_NOT = ("> ", "< ", "* ", "<!--", "---")
_LONGEST = 16_000


def prompted(line: str) -> tuple[str, str] | None:
    """The prompt and what was typed behind it ("" for an empty prompt); None where no prompt stands on this line.

    The prompt is "" where it cannot be mistaken, else the text of it: `#` is a comment as well.
    """
    if not _MARK.search(line, 0, _FARTHEST) or len(line) > _LONGEST or line.startswith(_NOT):
        return None
    if sure := _SURE.match(line):
        return "", sure["command"]
    unsure = _UNSURE.match(line)
    return (line[: unsure.start("command")].strip(), unsure["command"]) if unsure else None


def command(line: str) -> str | None:
    """What was typed on this line, or None."""
    found = prompted(line)
    return found[1] if found else None


def ends(line: str, prompts: Collection[str]) -> bool:
    """Whether the output of a command is over with this line; `prompts` are the doubtful ones that were typed at before."""
    if line.strip() in prompts:
        return True
    found = prompted(line)
    return found is not None and (not found[0] or found[0] in prompts)
