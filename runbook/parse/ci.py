"""Pipelines as the client's side of an incident: which jobs log in, with which variables, on which engine.

Nothing in them is a part of the stack. GitLab CI and GitHub Actions are read by their structure, other systems
line by line. Values of secrets are not here: only the names of the variables that hold them.
"""

from collections.abc import Iterator

from runbook.lazy import re
from runbook.model import CiJob, CiLogin, CiStore, EnvVar, Place
from runbook.parse import ParseError
from runbook.parse.compose.secrets import env_var
from runbook.parse.yaml_nodes import Mapping, Node, Scalar, Sequence, load_yaml
from runbook.redact import Vault

_MOST_JOBS = 200
_MOST_LINES = 2_000
_NO_JOBS = {
    "stages", "variables", "default", "include", "workflow", "image", "services", "before_script", "after_script",
    "cache", "spec",
}  # fmt: skip
_LOGIN = re.compile(
    r"\b(?P<tool>docker|podman|nerdctl|buildah|skopeo|crane|oras|helm)\b(?P<rest>[^\n|;&]{0,400}?)\blogin\b(?P<args>[^\n;&|]{0,600})"
)
_VARIABLE = re.compile(r"\$\{\{\s*(?:secrets|vars|env|inputs)\.(\w+)\s*\}\}|\$\{?(\w+)\}?|%(\w+)%")
_SECRET = re.compile(r"\bsecrets\.(\w+)")
_PIPED = re.compile(r"(?:echo|printf)\s[^|\n]{0,300}?(?P<what>[\"']?\$[^\s|]{1,200})[^|\n]{0,100}\|\s*$")
_HERE = re.compile(r"<<<\s*(?P<what>\S{1,200})")
_WORD = re.compile(r"\"([^\"]{0,500})\"|'([^']{0,500})'|(\$\{\{[^}]{0,200}\}\}|[^\s\"']{1,500})")


def parse_ci(text: str, file: str, vault: Vault) -> tuple[CiJob, ...]:
    """The jobs of a pipeline's file, or of one that stands in a text of another name."""
    try:
        top = load_yaml(text, file, duplicates="last")
    except ParseError:
        if file.endswith((".yml", ".yaml")):
            raise
        return _lines_only(text, file, vault)
    if not isinstance(top, Mapping):
        return () if file.endswith((".yml", ".yaml")) else _lines_only(text, file, vault)
    jobs = top.get("jobs")
    if isinstance(jobs, Mapping) and any(isinstance(j, Mapping) and j.get("steps") for _, j in jobs):
        if "circleci" not in file:
            return tuple(_github(top, jobs, vault))[:_MOST_JOBS]
    elif any(isinstance(v, Mapping) and (v.get("script") or v.get("extends")) for _, v in top):
        return tuple(_gitlab(top, vault))[:_MOST_JOBS]
    return _lines_only(text, file, vault)


def _lines_only(text: str, file: str, vault: Vault) -> tuple[CiJob, ...]:
    """Of a system that is not known by its structure only the logins are read."""
    rows = [Scalar(line, Place(file, n)) for n, line in enumerate(text.split("\n")[:_MOST_LINES], 1)]
    logins = tuple(_script_logins(rows, vault))
    return (CiJob(name="pipeline", place=Place(file), system="other", logins=logins),) if logins else ()


# ---- GitLab CI ------------------------------------------------------------------------------------------


def _gitlab(top: Mapping, vault: Vault) -> Iterator[CiJob]:
    default = top.get("default")
    shared = top.get("variables")
    for key, node in top.pairs:
        if key.text in _NO_JOBS or not isinstance(node, Mapping) or not (node.get("script") or node.get("extends")):
            continue
        before = node.get("before_script") or _get(default, "before_script") or top.get("before_script")
        rows = [*_rows(before), *_rows(node.get("script"))]
        image = node.get("image") or _get(default, "image") or top.get("image")
        services = node.get("services") or _get(default, "services") or top.get("services")
        variables = (*_variables(shared, vault), *_variables(node.get("variables"), vault))
        yield CiJob(
            name=vault.mask(key.text, 200),
            place=key.place,
            system="gitlab",
            image=vault.mask(_name(image), 300),
            services=tuple(vault.mask(_name(s), 300) for s in _items(services)),
            called=tuple(vault.mask(_alias(s), 300) for s in _items(services)),
            variables=variables,
            logins=tuple(_script_logins(rows, vault)),
            stores=tuple(_stores(rows)),
            sets_config=any(v.name in _CONFIGURES for v in variables) or any(_SETS.search(r.text[:4000]) for r in rows),
        )


_CONFIGURES = ("DOCKER_CONFIG", "HOME")
_SETS = re.compile(r"(?:^|[\s;&])(?:DOCKER_CONFIG|HOME)=")
_STORED = re.compile(
    r"(?:>{1,2}|\btee(?: -a)?|\b(?:cp|mv|install)\s[^|;&\n]{1,300}) ?[\"']?"
    r"(?P<home>~|\$HOME|\$\{HOME\})?(?P<path>/[\w./-]{0,200}(?:\.docker/config\.json|containers/auth\.json))[\"']?\s*(?:$|[;&|])"
)
"""A command that writes a file of logins: `echo … > ~/.docker/config.json`, `cp "$AUTH" /kaniko/.docker/config.json`."""


def _stores(rows: list[Scalar]) -> Iterator[CiStore]:
    for row in rows[:_MOST_LINES]:
        found = _STORED.search(row.text[:4000])
        if found is not None and not row.text.lstrip().startswith("#"):
            yield CiStore(place=row.place, path=f"/root{found['path']}" if found["home"] else found["path"])


def _get(node: Node | None, name: str) -> Node | None:
    return node.get(name) if isinstance(node, Mapping) else None


def _items(node: Node | None) -> tuple[Node, ...]:
    return node.items if isinstance(node, Sequence) else () if node is None else (node,)


def _name(node: Node | None) -> str:
    """An image, written as text or as a mapping with a name."""
    found = _get(node, "name") if isinstance(node, Mapping) else node
    return found.text if isinstance(found, Scalar) else ""


def _alias(node: Node) -> str:
    """The name of a service of GitLab: its alias, else the image's without tag, with dashes for slashes."""
    alias = _get(node, "alias")
    return alias.text if isinstance(alias, Scalar) else _name(node).split(":")[0].replace("/", "-")


def _rows(node: Node | None) -> Iterator[Scalar]:
    """Lines of a script; a block of several lines is taken apart."""
    for item in _items(node):
        if isinstance(item, Sequence):
            yield from _rows(item)
        elif isinstance(item, Scalar):
            first = item.place.line or 0
            lines = item.text.split("\n")[:_MOST_LINES]
            for number, line in enumerate(lines):
                below = 1 if len(lines) > 1 else 0
                yield Scalar(line, Place(item.place.file, first + number + below))


def _variables(node: Node | None, vault: Vault) -> Iterator[EnvVar]:
    for key, value in node.pairs if isinstance(node, Mapping) else ():
        written = _get(value, "value") if isinstance(value, Mapping) else value
        if isinstance(written, Scalar):
            yield env_var(key.text, written.text, written.text, key.place, vault)


# ---- logins ---------------------------------------------------------------------------------------------


def _script_logins(rows: list[Scalar], vault: Vault) -> Iterator[CiLogin]:
    for row in rows[:_MOST_LINES]:
        if (found := _login(row.text, row.place, vault)) is not None:
            yield found


def _login(line: str, place: Place, vault: Vault) -> CiLogin | None:
    """A login command with the variables that it takes user and password from."""
    match = _LOGIN.search(line[:4000])
    if match is None or line.lstrip().startswith("#"):
        return None
    words = [a or b or c for a, b, c in _WORD.findall(match["args"])]
    password = _value(words, ("-p", "--password"))
    piped = _PIPED.search(line[: match.start()].rstrip() + (" " if not line[: match.start()].endswith(" ") else ""))
    here = _HERE.search(line)
    if "--password-stdin" in words or password is None:
        password = piped["what"] if piped else here["what"] if here else password
    user = _value(words, ("-u", "--username")) or ""
    if password and not _variable(password):
        vault.password(password.strip("\"'"), user or None)
    return CiLogin(
        place=place,
        command=vault.mask(line.strip(), 300),
        host=vault.mask(_host(words), 300),
        user_variable=_variable(user),
        password_variable=_variable(password or ""),
    )


def _value(words: list[str], names: tuple[str, ...]) -> str | None:
    for index, word in enumerate(words):
        if word in names:
            return words[index + 1] if index + 1 < len(words) else None
        for name in names:
            if word.startswith(f"{name}=") and name.startswith("--"):
                return word.split("=", 1)[1]
    return None


def _host(words: list[str]) -> str:
    """The last word that is neither an option nor the value of one; Docker Hub where there is none."""
    taken = ("-u", "--username", "-p", "--password", "--authfile", "-c", "--config")
    free = [w for before, w in zip(["", *words], words, strict=False) if not w.startswith("-") and before not in taken]
    return free[-1] if free and not free[-1].startswith("<") else ""


def _variable(text: str) -> str:
    found = _VARIABLE.search(text)
    return next((g for g in found.groups() if g), "") if found else ""


# ---- GitHub Actions -------------------------------------------------------------------------------------


def _github(top: Mapping, jobs: Mapping, vault: Vault) -> Iterator[CiJob]:
    triggers = tuple(_triggers(top.get("on") or top.get("true")))
    shared = top.get("env")
    for key, node in jobs.pairs:
        if not isinstance(node, Mapping):
            continue
        steps = [s for s in _items(node.get("steps")) if isinstance(s, Mapping)]
        logins = [found for step in steps for found in _step_logins(step, vault)]
        services = node.get("services")
        yield CiJob(
            name=vault.mask(key.text, 200),
            place=key.place,
            system="github",
            image=vault.mask(_name(node.get("container")), 300),
            services=tuple(
                vault.mask(_name(_get(s, "image")), 300) for _, s in (services if isinstance(services, Mapping) else ())
            ),
            variables=(*_variables(shared, vault), *_variables(node.get("env"), vault)),
            logins=tuple(logins),
            secrets=tuple(dict.fromkeys(_secrets(node, 0))),
            triggers=triggers,
        )


def _triggers(node: Node | None) -> Iterator[str]:
    if isinstance(node, Mapping):
        yield from (name for name, _ in node)
    else:
        yield from (i.text for i in _items(node) if isinstance(i, Scalar))


def _step_logins(step: Mapping, vault: Vault) -> Iterator[CiLogin]:
    uses, given = _name(step.get("uses")), step.get("with")
    if uses.startswith("docker/login-action") and isinstance(given, Mapping):
        texts = {name: value.text for name, value in given if isinstance(value, Scalar)}
        password = texts.get("password", "")
        if password and not _variable(password):
            vault.password(password, texts.get("username"))
        yield CiLogin(
            place=step.place,
            command=f"uses: {vault.mask(uses, 100)}",
            host=vault.mask(texts.get("registry", ""), 300),
            user_variable=_variable(texts.get("username", "")),
            password_variable=_variable(password),
        )
    yield from _script_logins(list(_rows(step.get("run"))), vault)


def _secrets(node: Node, depth: int) -> Iterator[str]:
    """Names of the secrets that a job refers to, wherever they stand in it."""
    if depth > 8:
        return
    if isinstance(node, Scalar):
        yield from _SECRET.findall(node.text)
    elif isinstance(node, Sequence):
        for item in node.items:
            yield from _secrets(item, depth + 1)
    else:
        for _, value in node:
            yield from _secrets(value, depth + 1)


# ---- job logs -------------------------------------------------------------------------------------------

_STAMP = re.compile(r"^(?:\ufeff)?\d{4}-\d\d-\d\dT[\d:.]{8,20}Z ?(?:\d\d[OE][+ ]?)?")
_SECTION = re.compile(r"(?:\x1b\[0K)?section_(?:start|end):\d{1,12}:[\w\[\]=,.-]{1,200}\r?")
_COLOUR = re.compile(r"\x1b\[[0-9;]{0,20}[A-Za-z]")
_MARK = re.compile(r"^##\[(?:\w{1,20})\]")


def job_log(text: str) -> str:
    """A job's log as a terminal would show it, line by line: stamps, sections and colours taken off, a `$` before
    the commands that GitHub repeats."""
    shown: list[str] = []
    in_group = False
    typed = 0
    for row in text.split("\n"):
        bare = _STAMP.sub("", row)
        line = "$" if _SECTION.match(bare) else _COLOUR.sub("", _SECTION.sub("", bare))  # a section ends what was shown
        if line.startswith("##[group]Run "):
            in_group, typed = True, len(shown)
            line = "$ " + line.removeprefix("##[group]Run ")
        elif line.startswith("##[endgroup]") and in_group:
            in_group = False
            if _is_one_command(shown[typed:]) and not _LOGIN.search(
                shown[typed]
            ):  # what it printed begins behind the group
                line = shown[typed]
                shown[typed:] = [""] * (len(shown) - typed)
        elif in_group and _LOGIN.search(line) and not line.startswith(("$", "env:", "shell:")):
            line = "$ " + line
        shown.append(_MARK.sub("", line))
    return "\n".join(shown)


def _is_one_command(group: list[str]) -> bool:
    """Whether a group shows one command and then only how it was run."""
    command, *rest = group
    return all(row in ("", command.removeprefix("$ "), command) or row.startswith("shell: ") for row in rest)
