"""Takes one thing out of a bundle, as people do when they hand it over: a log, a file, the lines that fail.

Each function returns the files that are left, or None when the bundle has nothing of that kind.
"""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

import yaml

Files = dict[str, bytes]

_COMMAND = re.compile(r"^\s*(?:>\s)?(?:[\w.@:~/\\-]*[$#%>]|PS [^>]*>)\s+(?=\S)")
_ANSWER = re.compile(r"^\s*(?:[<>|]\s+)?HTTP/[\d.]+\s+(\d{3})")
_FAILURE = re.compile(
    r"(?i)\b(?:error|denied|unauthorized|refused|fatal|failed|no basic auth credentials|x509|unknown blob|blob upload|"
    r"timed? ?out|exceeded|unexpected|no such host|EOF|reset by peer|not found|blocked by CORS|Mixed Content|net::ERR_\w+|"
    r"Retrying in|curl: \(\d+\)|invalid|unsupported|incorrect|404 page)\b"
)
_LOGIN = re.compile(r"(?m)(^[^\n]* -u[ =]?\S|--user|[Aa]uthorization: ?\S)")
_SUCCESS = re.compile(
    r'Login Succeeded|digest: sha256:|HTTP/[\d.]+"? 2\d\d|^< HTTP\S+ 2\d\d| 20[0-4] \d|authorized request|"status": 20'
)
_LOGGED = re.compile(r"^(?:\S+\s+\|\s+)?(?:time=\"|\{\"|\d{1,3}(?:\.\d{1,3}){3} - |\d{4}/\d\d/\d\d )", re.M)


def is_log(name: str, content: bytes) -> bool:
    """A log by its name, or because most of its lines look logged."""
    if re.search(r"\.log(\.\d+|\.txt)?$", name):
        return True
    text = content.decode("utf-8", "replace")
    lines = [line for line in text.splitlines() if line.strip()]
    return len(lines) > 2 and len(_LOGGED.findall(text)) > 0.8 * len(lines)


def is_proxy_file(name: str, _: bytes) -> bool:
    last = PurePosixPath(name).name.lower()
    return last == "caddyfile" or last.endswith((".conf", "haproxy.cfg")) or "traefik" in last or last == "dynamic.yml"


def is_compose(name: str, _: bytes) -> bool:
    return bool(re.search(r"compose[\w.-]*\.ya?ml$", PurePosixPath(name).name))


def is_htpasswd(name: str, content: bytes) -> bool:
    return "htpasswd" in PurePosixPath(name).name or bool(re.match(rb"[\w.-]+:\$(2[aby]|apr1|6|5)\$", content))


def without(kind: Callable[[str, bytes], bool]) -> Callable[[Mapping[str, bytes]], Files | None]:
    """Take out all files of a kind."""

    def take(files: Mapping[str, bytes]) -> Files | None:
        left = {name: content for name, content in files.items() if not kind(name, content)}
        return left if left and len(left) < len(files) else None

    return take


def without_failures(files: Mapping[str, bytes]) -> Files | None:
    """Take out of transcripts and exports what fails; a challenge to a request without a login is no failure."""
    return _rewritten(files, _is_failure)


def without_successes(files: Mapping[str, bytes]) -> Files | None:
    """Take out everything that went well, of the logs, too."""
    return _rewritten(files, lambda block: bool(_SUCCESS.search(block)), logs=True)


def _is_failure(block: str) -> bool:
    statuses = [int(status) for status in _ANSWER.findall(block)] or [
        int(s) for s in re.findall(r"(?m)^\s*(?:< )?HTTP/\S+ (\d{3})", block)
    ]
    if any(status >= 400 and (status != 401 or _LOGIN.search(block)) for status in statuses):
        return True
    return not statuses and bool(_FAILURE.search(block))


def _rewritten(files: Mapping[str, bytes], unwanted: Callable[[str], bool], logs: bool = False) -> Files | None:
    left: Files = {}
    for name, content in files.items():
        if name.endswith(".har"):
            kept: bytes | None = _har(content, unwanted)
        elif is_log(name, content):
            kept = _lines(content, unwanted) if logs else content
        elif name.endswith((".txt", ".md", ".curl", ".eml")):
            kept = "".join(
                block for block in blocks(content.decode("utf-8", "replace")) if not unwanted(block)
            ).encode()
        else:
            kept = content
        if kept.strip():
            left[name] = kept
    return left if left and left != dict(files) else None


def _lines(content: bytes, unwanted: Callable[[str], bool]) -> bytes:
    return "".join(line for line in content.decode("utf-8", "replace").splitlines(True) if not unwanted(line)).encode()


def blocks(text: str) -> Iterator[str]:
    """A transcript by its commands, each with its output; a text without commands by its paragraphs."""
    lines = text.splitlines(keepends=True)
    if not any(_COMMAND.match(line) for line in lines):
        yield from re.split(r"(?<=\n)(?=\n\S)|(?<=\n)(?=HTTP/)", text)
        return
    block = ""
    for line in lines:
        if _COMMAND.match(line) and not line.startswith(("> ", "< ")) and block:
            yield block
            block = ""
        block += line
    yield block


def _har(content: bytes, unwanted: Callable[[str], bool]) -> bytes:
    data = json.loads(content)
    entries = data["log"]["entries"]
    keep = [e for e in entries if not unwanted(f"Authorization: yes\nHTTP/1.1 {e['response']['status'] or 599}\n")]
    if unwanted("HTTP/1.1 200\n") or unwanted('"status": 200'):
        keep = [e for e in entries if not 200 <= e["response"]["status"] < 300]
    data["log"]["entries"] = keep
    return json.dumps(data, indent=1).encode() if keep else b""


def accepted_login(files: Mapping[str, bytes]) -> bool:
    """Whether anything in the bundle shows a login that was sent and accepted."""
    for name, content in files.items():
        text = content.decode("utf-8", "replace")
        if is_log(name, content):
            if re.search(r"authorized request|\d - [\w.]+ \[[^]]+\] \"[^\"]+\" 2\d\d", text):
                return True
        elif re.search(r"Login Succeeded|digest: sha256:", text) or any(
            _LOGIN.search(block) and re.search(r"HTTP/\S+ 2\d\d", block) for block in blocks(text)
        ):
            return True
    return False


def transcripts_only(files: Mapping[str, bytes]) -> bool:
    """Whether nothing is left but transcripts, exports, prose and a list of users: no configuration, no log."""
    return all(
        name.endswith((".txt", ".md", ".har", ".curl")) or is_htpasswd(name, content) for name, content in files.items()
    )


WITHHELD: dict[str, Callable[[Mapping[str, bytes]], Files | None]] = {
    "the logs": without(is_log),
    "the client's failing lines": without_failures,
    "the htpasswd file": without(is_htpasswd),
    "the compose file": without(is_compose),
    "the proxy file": without(is_proxy_file),
    "the success lines": without_successes,
}


def named_and_missing(files: Mapping[str, bytes]) -> list[str]:
    """Files that the compose files mount for a registry or a proxy, or that hold its users, and that are not in the bundle."""
    missing = []
    for name, content in files.items():
        if not is_compose(name, content) or "neighbour" in name:
            continue
        root = PurePosixPath(name).parent
        for service in _services(content):
            wanted = {str(root / path) for path in _mounted_files(service)} | {
                str(root / p) for p in _user_file(service)
            }
            missing += [path for path in sorted(wanted) if path not in files and f"./{path}" not in files]
    return missing


def _services(content: bytes) -> list[dict[str, Any]]:
    try:
        data = yaml.safe_load(content) or {}
        return [s for s in (data.get("services") or data).values() if isinstance(s, dict)]
    except (yaml.YAMLError, AttributeError):
        return []


def _mounts(service: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for volume in service.get("volumes") or ():
        if isinstance(volume, dict):
            source, target = str(volume.get("source", "")), str(volume.get("target", ""))
        else:
            source, target = ([*str(volume).split(":"), ""])[:2]
        if source.startswith("./"):
            yield source.removeprefix("./").rstrip("/"), target.rstrip("/")


def _mounted_files(service: dict[str, Any]) -> Iterator[str]:
    for source, target in _mounts(service):
        if re.search(r"(?:\.(?:ya?ml|conf|cfg)|htpasswd|Caddyfile)$", target):
            yield source


def _user_file(service: dict[str, Any]) -> Iterator[str]:
    environment = service.get("environment") or {}
    pairs = dict(str(e).partition("=")[::2] for e in environment) if isinstance(environment, list) else environment
    path = str(pairs.get("REGISTRY_AUTH_HTPASSWD_PATH") or "")
    for source, target in _mounts(service):
        if path.startswith(target + "/") and path != target:
            yield f"{source}/{path.removeprefix(target + '/')}"
