"""Files and logs of a practice stack without their secrets, in such a way that the stack can be built again.

A hash is replaced by its kind and by whose password it is of; a login by whose it is. Going back, fresh
hashes of the same kind take their places, so that a trainer's machine can check what a learner did.
"""

import base64
import re
from functools import cache

from runbook.lab.hashes import apr1_line, bcrypt_hash, sha_line
from runbook.lab.plan import Plan
from runbook.parse.htpasswd.bcrypt import hashpw

_BCRYPT = re.compile(r"(\$\$?)2[abxy]?\1\d\d\1[./A-Za-z0-9]{53}")
_CUT = re.compile(r"\$2[abxy]?\$\d\d\$([./A-Za-z0-9]{0,52})(?![./A-Za-z0-9])")
_APR1 = re.compile(r"\$apr1\$[./A-Za-z0-9]{1,8}\$[./A-Za-z0-9]{22}")
_SHA = re.compile(r"\{SHA\}[A-Za-z0-9+/]{27}=")
_BASIC = re.compile(r"\bBasic [A-Za-z0-9+/]{6,}={0,2}")
_TOKEN = re.compile(
    r"\{(?:(?P<doubled>doubled )?bcrypt of (?P<owner>another|[\w.-]+'s) password"
    r"|bcrypt cut to (?P<cut>\d{1,2}) letters|(?P<other>apr1|sha1) hash|(?P<login>another|hashed|[\w.-]+'s) login"
    r"|(?P<clear>[\w.-]+)'s password)\}"
)
CLEAR = re.compile(r"\{[\w.-]+'s password\}")
"""A password that stood in clear, as it looks when it is hidden."""
_ANOTHER = "another password"
_DEAREST = 10
"""The highest cost of a hash that is compared; each step above doubles 50 ms."""


def hide(text: str, plan: Plan) -> str:
    """The text without hashes, logins and passwords."""
    people = ((plan.user, plan.password), (plan.colleague, plan.colleague_password))

    def owner(match: re.Match[str]) -> str:
        kind = "doubled bcrypt" if match[1] == "$$" else "bcrypt"
        hashed = match[0].replace("$$", "$")
        mine = (user for user, password in people if _matches(password, hashed))
        return f"{{{kind} of {_of(next(mine, None))} password}}"

    def login(match: re.Match[str]) -> str:
        clear = _decoded(match[0].split()[1])
        if b":" not in clear:
            return match[0]
        if b":$2" in clear:
            return "{hashed login}"
        mine = (user for user, password in people if match[0].split()[1] == _pair(user, password))
        return f"{{{_of(next(mine, None))} login}}"

    text = _BASIC.sub(login, _BCRYPT.sub(owner, text))
    text = _CUT.sub(lambda match: f"{{bcrypt cut to {len(match[1])} letters}}", text)
    text = _SHA.sub("{sha1 hash}", _APR1.sub("{apr1 hash}", text))
    for user, password in people:
        text = text.replace(password, f"{{{user}'s password}}")
    return text


def bring_back(text: str, plan: Plan) -> bytes:
    """The hidden text as bytes that a registry can use, with fresh hashes."""
    passwords = {plan.user: plan.password, plan.colleague: plan.colleague_password}

    def fresh(match: re.Match[str]) -> str:
        if match["owner"]:
            made = bcrypt_hash(passwords.get(match["owner"].removesuffix("'s"), _ANOTHER)).decode()
            return made.replace("$", "$$") if match["doubled"] else made
        if match["cut"]:
            return bcrypt_hash(_ANOTHER).decode()[: 7 + int(match["cut"])]
        if match["other"]:
            line = apr1_line("x", _ANOTHER) if match["other"] == "apr1" else sha_line("x", _ANOTHER)
            return line.decode().partition(":")[2]
        if match["login"]:
            user = match["login"].removesuffix("'s")
            if user == "hashed":
                return "Basic " + _pair(plan.colleague, bcrypt_hash(_ANOTHER).decode())
            return "Basic " + _pair(user, passwords.get(user, _ANOTHER))
        return passwords.get(match["clear"], match[0])

    return _TOKEN.sub(fresh, text).encode("utf-8", "surrogateescape")


@cache
def _matches(password: str, hashed: str) -> bool:
    if int(hashed.split("$")[2]) > _DEAREST:
        return False
    try:
        wanted = hashed.replace("$2y$", "$2b$", 1).encode()
        return hashpw(password.encode(), wanted) == wanted
    except ValueError:
        return False


def _of(user: str | None) -> str:
    return f"{user}'s" if user else "another"


def _decoded(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return b""


def _pair(user: str, password: str) -> str:
    return base64.b64encode(f"{user}:{password}".encode()).decode()
