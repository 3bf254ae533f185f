"""htpasswd files with drawn credentials and the defects of the user's own: no hash of theirs is ever used."""

from collections.abc import Mapping

from runbook.lab.hashes import apr1_line, bcrypt_hash, sha_line
from runbook.model import Entry, Htpasswd

_TOO_LONG = 64 << 10
_ENDS = {"crlf": "\r\n", "cr": "\r"}


def drawn(file: Htpasswd, passwords: Mapping[str, str], earlier: Mapping[str, str]) -> bytes:
    """The file's content with the passwords given; a name that is not in the mapping gets one of its own.

    `earlier`: passwords of entries that a later line of the same name shadows.
    """
    rows: dict[int, str] = {}
    for entry in file.entries:
        known = earlier if entry.shadowed else passwords
        rows[entry.line] = _line(entry, known.get(entry.name, f"drawn-for-{entry.name}"), passwords)
    if file.refused is not None:
        rows[file.refused.line or len(rows) + 1] = "x:" * _TOO_LONG if "long" in file.refusal else "no colon here"
    lines = [rows.get(number, "# not kept") for number in range(1, max(rows, default=0) + 1)]
    end = _ENDS.get(file.line_ends, "\n")
    text = end.join(lines) + (end if lines and file.final_newline else "")
    if file.encoding.startswith("utf-16"):
        return text.encode("utf-16")
    mark = file.encoding == "utf-8-bom" and not text.startswith("\ufeff")
    return (("\ufeff" if mark else "") + text).encode("utf-8", "surrogateescape")


def sound(users: Mapping[str, str]) -> bytes:
    """A file as it should be, with these users."""
    return "".join(f"{name}:{bcrypt_hash(password).decode()}\n" for name, password in users.items()).encode()


def _line(entry: Entry, password: str, passwords: Mapping[str, str]) -> str:
    swallowed = "".join(f"{n}:{_bcrypt(passwords.get(n, 'drawn'))}" for n in entry.merged)
    return f"{entry.name}:{_value(entry, password)}{swallowed}"


def _value(entry: Entry, password: str) -> str:
    match entry.scheme:
        case "bcrypt" | "hidden" if entry.usable or entry.merged or entry.hidden:
            return _bcrypt(password)
        case "bcrypt":
            return _spoilt(entry, _bcrypt(password))
        case "apr1":
            return apr1_line("", password).decode()[1:]
        case "sha1":
            return sha_line("", password).decode()[1:]
        case "empty":
            return ""
        case "plain":
            return password
    return f"{entry.prefix or '$1$'}drawn"


def _spoilt(entry: Entry, value: str) -> str:
    if entry.cost is not None and entry.cost < 4:
        return value.replace("$05$", f"${entry.cost:02d}$", 1)
    if "doubled" in (entry.defect or "") or "$$" in entry.prefix:
        return value.replace("$", "$$")
    return value[: entry.length] if 0 < entry.length < len(value) else value.replace("$2y$", "$2y", 1)


def _bcrypt(password: str) -> str:
    return bcrypt_hash(password, cost=4).decode()
