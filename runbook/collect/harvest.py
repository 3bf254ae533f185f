"""What the parsers made of the files, while it is being gathered; and what each kind of file is given to.

Parsers are imported when the first file of their kind turns up: most bundles need few of them.
"""

import posixpath
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import BinaryIO, Literal

from runbook.collect import clients, marks
from runbook.collect.cluster import Parts, add_manifests, add_values
from runbook.collect.compose_files import (
    belongs,
    beside,
    choose,
    named_by_hand,
    of_other_projects,
    project_dotenv,
    typed,
)
from runbook.collect.containers import all_of, is_registry
from runbook.collect.neighbours import told_elsewhere
from runbook.collect.scrub import with_places
from runbook.collect.unpack.dress import quoted_log_lines
from runbook.collect.unpack.rows import Rows
from runbook.collect.unpack.texts import Paste, taken_apart, undressed
from runbook.lazy import re
from runbook.model import (
    CiJob,
    ClientConfig,
    Compose,
    Evidence,
    Exchange,
    FileKind,
    Htpasswd,
    ListedFile,
    LogFile,
    Message,
    Place,
    Problem,
    ProxyRoute,
    PullerConfig,
    RegistryFile,
    Service,
    Voice,
)
from runbook.observe.address import Address, address_of
from runbook.observe.observation import OVER
from runbook.parse.left_out import without_left_out
from runbook.redact import Vault

OF_OLD = "This mail was written long before the newest entry that was handed over; what it tells was not judged."
OF_ANOTHER = "What it tells is over, and of a registry that nothing else speaks of; it was not judged."
OF_NOTHING_SINCE = "What it tells is over by its own word, and nothing was seen since; it was not judged."
LEFT_OUT = "Something was left out here before the file was handed over, so what stands in it is not known."


@dataclass(slots=True)
class Harvest:
    """Everything parsed so far."""

    vault: Vault
    problems: list[Problem] = field(default_factory=list)
    compose_texts: dict[str, str] = field(default_factory=dict)
    dotenv_texts: dict[str, str] = field(default_factory=dict)
    nginx_texts: dict[str, str] = field(default_factory=dict)
    apache_texts: dict[str, str] = field(default_factory=dict)
    caddy_texts: dict[str, str] = field(default_factory=dict)
    traefik_texts: list[tuple[str, str]] = field(default_factory=list)
    pasted_texts: dict[str, str] = field(default_factory=dict)
    inspected_texts: list[tuple[str, str]] = field(default_factory=list)
    compose: Compose | None = None
    registry_files: list[RegistryFile] = field(default_factory=list)
    htpasswd: list[Htpasswd] = field(default_factory=list)
    routes: list[ProxyRoute] = field(default_factory=list)
    clients: list[ClientConfig] = field(default_factory=list)
    logs: list[LogFile] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    exchanges: list[Exchange] = field(default_factory=list)
    listings: list[ListedFile] = field(default_factory=list)
    earlier: list[Evidence] = field(default_factory=list)
    cluster: Parts = field(default_factory=Parts)
    pullers: list[PullerConfig] = field(default_factory=list)
    jobs: list[CiJob] = field(default_factory=list)
    units: dict[str, Service] = field(default_factory=dict)

    @property
    def told(self) -> int:
        """How many things were found so far."""
        return sum(len(getattr(self, f.name)) for f in fields(self) if isinstance(getattr(self, f.name), list | dict))

    def add_text(self, kind: FileKind, name: str, text: str) -> None:
        """Give a file's text to the parser of its kind, without the rows that only say that something was left out."""
        text, left_out = without_left_out(text, kind)
        if left_out:
            self._missing(name, left_out, LEFT_OUT, "left-out")
        PARSERS[kind](self, name, text)

    def add_htpasswd(self, name: str, data: bytes) -> None:
        """An htpasswd file is bytes: its encoding is often the very fault."""
        from runbook.parse.htpasswd import parse_htpasswd

        file = parse_htpasswd(data, name, self.vault)
        self.htpasswd.append(file)
        hidden = [e for e in file.entries if (e.hidden or e.name_hidden) and not e.shadowed]
        if hidden:
            what = "The value" if hidden[0].hidden else "The name"
            message = f"{what} in this line was blacked out or cut before it was handed over, so it is not known."
            self._missing(name, [e.line for e in hidden], message, "blacked-out")
        if file.left_out:
            self._missing(name, file.left_out, LEFT_OUT, "blacked-out")

    def _missing(self, name: str, lines: Sequence[int], message: str, kind: Literal["left-out", "blacked-out"]) -> None:
        """Note lines that say no more than that something is missing, at the first of them."""
        more = f" (and in line{'s' * (len(lines) > 2)} {', '.join(map(str, lines[1:6]))})" if lines[1:] else ""
        self.problems.append(Problem(place=Place(name, lines[0]), message=message + more, kind=kind))

    def add_evidence(self, name: str, data: bytes) -> None:
        """Evidence of an earlier run."""
        from runbook.collect.evidence_file import load_evidence

        self.earlier.append(load_evidence(data, name, self.vault))

    def add_log(self, name: str, lines: Iterator[str]) -> bool:
        """A log, streamed; whether anything in it was understood."""
        from runbook.parse.logs import parse_log

        self.logs.append(parse_log(lines, name, self.vault))
        return bool(self.logs[-1].events or self.logs[-1].requests)

    def add_large_log(
        self,
        name: str,
        stream: BinaryIO,
        size: int,
        encoding: str,
        reader: Callable[[Iterable[str]], Iterator[str]] | None = None,
    ) -> None:
        """A log of which only a part is worth its time; `reader` takes its lines out of their envelopes."""
        from runbook.collect.large_log import excerpt, renumbered
        from runbook.parse.logs import parse_log

        rows, total = excerpt(stream, size)
        lines = (rows[number].decode(encoding, "replace") for number in sorted(rows))
        self.logs.append(renumbered(parse_log(reader(lines) if reader else lines, name, self.vault), rows, total))
        message = f"Of {total:,} lines the first and last were read, and those between that tell of an error."
        if total == 1:
            message = "It is one line, which is too long to be read whole."
        self.problems.append(Problem(place=Place(name), message=message))

    def add_prose(self, name: str, paste: Paste, kind: FileKind, voice: Voice) -> bool:
        """What people and programs said in a text, its files left out; whether anything was understood.

        A document only says what things mean: no listing, log or container in it is one of this incident.
        """
        from runbook.parse.messages import parse_text

        inner = Harvest(self.vault)
        rows = paste.rest()
        text = "\n".join(rows)
        understood = kind == "log" and inner.add_log(name, iter(rows))
        if kind != "log" or (paste.program and not understood):  # the log of an engine or a client
            messages, exchanges = parse_text(
                text, name, self.vault, voice=voice, framed=range(len(rows)) if paste.program else paste.framed
            )
            inner.messages.extend(messages)
            inner.exchanges.extend(exchanges)
            if voice != "document" and kind != "log":
                self.pasted_texts[name] = paste.padded()
                inner._shown(name, text, paste.framed)
        numbers, eras = paste.rows.numbers, paste.rows.eras
        moved = paste.rows.moved and not paste.counted

        def real(place: Place) -> Place:
            if not place.line or place.line > len(numbers):
                return place
            number = numbers[place.line - 1]
            era, loose = eras.get(number, (0.0, False))
            return Place(place.file, number if moved else place.line, era=era, loose=loose)

        return self._absorb(inner, real if moved or eras else None)

    def _shown(self, name: str, text: str, framed: Iterable[int]) -> None:
        """Listings and log lines that stand in a ticket or a terminal."""
        if marks.is_listing(text):
            from runbook.parse.listing import parse_listing

            self.listings.extend(parse_listing(text, name))
        quoted = quoted_log_lines(text)
        if quoted:
            taken = {number for number, _ in quoted}
            text = "\n".join("" if n in taken else row for n, row in enumerate(text.split("\n"), 1))
            inner = Harvest(self.vault)
            inner.add_log(name, (row for _, row in quoted))
            self._absorb(inner, lambda place: Place(place.file, quoted[(place.line or 1) - 1][0]))
        if marks.is_registry_log(text) or (framed and marks.is_log(text)):
            self.add_log(name, iter(text.split("\n")))

    def _absorb(self, other: "Harvest", change: Callable[[Place], Place] | None) -> bool:
        """Take over what another one gathered, its places changed; whether there was anything."""
        told = False
        for name in ("problems", "messages", "exchanges", "listings", "logs"):
            found = getattr(other, name)
            told = told or bool(found)
            getattr(self, name).extend(with_places(item, change) if change else item for item in found)
        return told

    def drop(self, files: frozenset[str]) -> None:
        """Forget what was read in these files."""
        for texts in (self.dotenv_texts, self.nginx_texts, self.apache_texts, self.caddy_texts):
            for name in files & texts.keys():
                del texts[name]
        self.traefik_texts = [t for t in self.traefik_texts if t[0] not in files]
        self.htpasswd = [h for h in self.htpasswd if h.file not in files]
        self.registry_files = [r for r in self.registry_files if r.file not in files]
        self.clients = [c for c in self.clients if c.file not in files]
        self.routes = [r for r in self.routes if r.place.file not in files]
        self.pullers = [p for p in self.pullers if p.file not in files]

    def users(self) -> frozenset[str]:
        """Names that password files, logs and clients show."""
        found = {entry.name for file in self.htpasswd for entry in file.entries}
        found.update(request.user for log in self.logs for request in log.requests if request.user)
        found.update(e.credential.user for e in self.exchanges if e.credential and e.credential.user)
        return frozenset(found.union(m.user for m in self.messages if m.user))

    def times(self) -> Iterator[float]:
        """When what was read so far happened."""
        for log in self.logs:
            yield from (e.when for e in log.events[-1:] if e.when is not None)
            yield from (r.when for r in log.requests[-1:] if r.when is not None)
        yield from (e.made for e in self.exchanges if e.made is not None)

    def spoken_of(self, without: Collection[str] = ()) -> Iterator[str]:
        """The hosts that clients, logs and stored logins name, those of some files left out."""
        texts = (text for file, text in self._hosts() if file not in without)
        yield from (address.host for text in texts if (address := address_of(text)) is not None)

    def _hosts(self) -> Iterator[tuple[str, str]]:
        """File and address of all that clients, logs and stored logins name."""
        yield from ((m.place.file, m.host) for m in self.messages if m.host and m.voice != "document")
        yield from ((c.file, login.key) for c in self.clients for login in c.logins)
        for e in self.exchanges:
            yield e.source.file, e.url
            yield e.source.file, e.sent("Host") or ""
        for log in self.logs:
            yield from ((log.file, row.host) for row in log.events if row.host)
            yield from ((log.file, row.host) for row in log.requests if row.host)

    def date(self, mails: Mapping[str, float], over: Collection[str]) -> None:
        """What stands in mails is ordered by when they were sent; what a text tells that says it is over, before all else."""

        def sent(place: Place) -> Place:
            if place.file in over:
                return replace(place, era=OVER)
            undated = place.file in mails and place.era <= 0  # one of several mails in a text has its own date
            return replace(place, era=place.era + mails[place.file]) if undated else place

        if mails or over:
            self.messages = [replace(m, place=sent(m.place)) for m in self.messages]
            self.exchanges = [replace(e, source=sent(e.source)) for e in self.exchanges]

    def set_back_what_is_over(self, over: Collection[str]) -> None:
        """Texts about what is over at a registry that is not this stack's say nothing of it. Of this stack's own that are
        the only ones to tell of anything nothing is judged either, and nothing is known to be sound."""
        stack = {*self.compose_texts, *self.nginx_texts, *self._stack_files()}
        rows: list[tuple[str, float | None]] = [(log.file, e.when) for log in self.logs for e in log.events]
        rows += [(log.file, r.when) for log in self.logs for r in log.requests]
        seen = {file for file, _ in rows} | {m.place.file for m in self.messages if m.voice == "program"}
        seen |= {e.source.file for e in self.exchanges if e.voice == "program"}
        told = frozenset(over) - stack
        if not stack or not told:
            return
        untimed = {file for file, _ in rows} - {file for file, when in rows if when is not None}
        named = [(file, address) for file, text in self._hosts() if (address := address_of(text)) is not None]
        named += [(r.place.file, Address(name.lower())) for r in self.routes for name in r.server_names]
        texts = "\n".join((*self.compose_texts.values(), *self.nginx_texts.values()))
        elsewhere = told_elsewhere(told, named, untimed, texts, alone=seen <= told)
        self.set_back(elsewhere, OF_ANOTHER)
        if seen <= told:
            self.set_back(told & seen - elsewhere, OF_NOTHING_SINCE, kind="")

    def set_back(self, files: frozenset[str], why: str, kind: Literal["", "other-project"] = "other-project") -> None:
        """What was said in these files is of another time or registry: it explains words, and is no evidence."""
        self.messages = [replace(m, voice="document") if m.place.file in files else m for m in self.messages]
        self.exchanges = [replace(e, voice="document") if e.source.file in files else e for e in self.exchanges]
        self.logs = [log for log in self.logs if log.file not in files]
        for name in sorted(files):
            self.problems.append(Problem(place=Place(name), message=why, kind=kind))

    def join_nginx(self) -> None:
        """nginx files are read together: one includes another."""
        if self.nginx_texts:
            from runbook.parse.nginx import parse_nginx_files

            self.routes.extend(parse_nginx_files(self.nginx_texts, self.vault))

    def join_apache(self) -> None:
        """Apache's files are read together as well."""
        if len(self.apache_texts) > 1:
            from runbook.parse.apache import parse_apache_files

            joined = parse_apache_files(self.apache_texts, self.vault)
            self.routes = [*(r for r in self.routes if r.place.file not in self.apache_texts), *joined]

    def join_caddy(self) -> None:
        """So are Caddy's: one imports another, and its snippets."""
        if len(self.caddy_texts) > 1:
            from runbook.parse.caddy import parse_caddy_files

            joined = parse_caddy_files(self.caddy_texts, self.vault)
            self.routes = [*(r for r in self.routes if r.place.file not in self.caddy_texts), *joined]

    def join_traefik(self) -> None:
        """Traefik's dynamic files are read together: a router uses what another file defines."""
        if len(self.traefik_texts) > 1:
            from runbook.parse.traefik import parse_traefik_files

            files = {name for name, _ in self.traefik_texts}
            self.routes = [r for r in self.routes if r.software != "traefik" or r.place.file not in files]
            self.routes.extend(parse_traefik_files(self.traefik_texts, self.vault))

    def join_compose(self) -> None:
        """The compose files are read together, when all of them are known."""
        by = typed(self.pasted_texts.values())
        chosen, others = choose(self.compose_texts, self.dotenv_texts, by)
        if chosen and not belongs(
            chosen, self.compose_texts, self._stack_files(), self._ports(), self._ports(answered=True)
        ):
            home = f"{posixpath.dirname(chosen[0])}/"
            self.drop(frozenset(path for path in self._stack_files() if path.startswith(home)))
            self.compose_texts, chosen, others = {}, (), (*chosen, *others)
        own = [*(h.file for h in self.htpasswd), *(r.file for r in self.registry_files)]
        self.drop(frozenset(beside(chosen, others, self.compose_texts, own)))
        asked: dict[str, set[tuple[str, int | None]]] = {}
        for route in self.routes:
            asked.setdefault(route.place.file, set()).update(route.upstream_hosts)
        self.drop(frozenset(of_other_projects(chosen, others, self.compose_texts, asked)))
        if not self.compose_texts:
            self.compose_texts = all_of([*self.inspected_texts, *self.pasted_texts.items()])
            chosen = tuple(self.compose_texts)  # each describes other containers of the same machine
        for path in others:
            message = "This compose file is not part of the project that was judged."
            self.problems.append(Problem(place=Place(path), message=message, kind="other-project"))
        if not chosen:
            return
        from runbook.parse.compose import parse_compose

        files = [(path, self.compose_texts[path]) for path in chosen]
        dotenv = project_dotenv(chosen, self.dotenv_texts, by)
        self.compose = parse_compose(files, dotenv, self.dotenv_texts, self.vault, frozenset(self._unset()))
        if by_hand := named_by_hand(chosen, self.dotenv_texts):
            named = tuple(replace(s, made_by=("compose", *by_hand)) for s in self.compose.services)
            self.compose = replace(self.compose, services=named)
        if any(label.name.startswith("traefik.") for s in self.compose.services for label in s.labels):
            from runbook.parse.traefik import traefik_labels

            self.routes.extend(traefik_labels(self.compose, self.traefik_texts))
        from runbook.parse.caddy_labels import caddy_labels, has_caddy_labels

        if has_caddy_labels(self.compose):
            self.routes.extend(caddy_labels(self.compose, self.vault))
        if any(v.name == "VIRTUAL_HOST" for s in self.compose.services for v in s.environment):
            from runbook.parse.vhosts import virtual_hosts

            self.routes.extend(virtual_hosts(self.compose))

    def _unset(self) -> Iterator[str]:
        """Variables of which Compose said that they are not set."""
        from runbook.parse.log_meanings import unset_variable

        texts = [m.text for m in self.messages if m.kind == "compose-unset"]
        texts += [e.text for log in self.logs for e in log.events if e.meaning == "compose-unset-variable"]
        yield from (name for text in texts if (name := unset_variable(text)))

    def _stack_files(self) -> Iterator[str]:
        """Files of a stack other than compose files."""
        yield from (h.file for h in self.htpasswd)
        yield from (r.file for r in self.registry_files)
        yield from dict.fromkeys(r.place.file for r in self.routes)
        yield from self.cluster.texts

    def _ports(self, *, answered: bool = False) -> set[int]:
        """Ports that clients, logs and proxies name; `answered`: at which something was heard."""
        urls = [e.url for e in self.exchanges if e.status or not answered]
        urls += [m.host for m in self.messages if m.host and (m.kind in _HEARD or not answered)]
        urls += [r.host for log in self.logs for r in log.requests if r.host]
        found = {a.port or 443 for url in urls if (a := address_of(url)) is not None}
        return found | {port for r in self.routes for _, port in r.upstream_hosts if port}


_HEARD = ("login-ok", "transfer-ok", "unauthorized", "login-status", "no-basic-auth", "denied")


def _compose(to: Harvest, name: str, text: str) -> None:
    known = to.compose_texts.get(name)
    to.compose_texts[name] = (known and _beneath(known, text)) or text


def _beneath(above: str, text: str) -> str | None:
    """Two pieces of one text as two documents of a file, which Compose joins; None where the later one is a new version
    of the other's services, or no line is free between them."""
    room = len(text) - len(text.lstrip("\n")) - 1
    rows = above.rstrip("\n").split("\n")
    had, has = (set(_SERVICE.findall(t)) for t in (above, text))
    if not had or not has or had & has or len(rows) > room:
        return None
    return "\n".join([*rows, *[""] * (room - len(rows)), "---", text.lstrip("\n")])


_SERVICE = re.compile(r"^ {2}([\w.-]{1,80}):[ \t]*(?:#.*)?$", re.MULTILINE)


def _dotenv(to: Harvest, name: str, text: str) -> None:
    to.dotenv_texts[name] = text
    from runbook.parse.compose.secrets import is_secret_name

    # A secret keeps its value under every name that compose gives it.
    for key, value in _ASSIGNMENT.findall(text):
        if is_secret_name(key) and len(value) >= _SHORTEST:
            to.vault.password(value)


def _registry_config(to: Harvest, name: str, text: str) -> None:
    from runbook.parse.registry_config import parse_registry_config

    to.registry_files.append(parse_registry_config(text, name, to.vault))


def _nginx(to: Harvest, name: str, text: str) -> None:
    from runbook.parse.nginx_tree import tree

    tree(text, name)  # a file that cannot be read says so under its own name
    to.nginx_texts[name] = text


def _caddy(to: Harvest, name: str, text: str) -> None:
    from runbook.parse.caddy import parse_caddy

    to.routes.extend(parse_caddy(text, name, to.vault))
    to.caddy_texts[name] = text


def _caddy_json(to: Harvest, name: str, text: str) -> None:
    from runbook.parse.caddy_json import parse_caddy_json

    to.routes.extend(parse_caddy_json(text, name, to.vault))


def _haproxy(to: Harvest, name: str, text: str) -> None:
    from runbook.parse.haproxy import parse_haproxy

    to.routes.extend(parse_haproxy(text, name, to.vault))


def _apache(to: Harvest, name: str, text: str) -> None:
    from runbook.parse.apache import parse_apache

    to.routes.extend(parse_apache(text, name, to.vault))
    to.apache_texts[name] = text


def _traefik(to: Harvest, name: str, text: str) -> None:
    from runbook.parse.traefik import parse_traefik_file

    to.routes.extend(parse_traefik_file(text, name, to.vault))
    to.traefik_texts.append((name, text))


def _docker(to: Harvest, name: str, text: str) -> None:
    from runbook.parse.docker_config import parse_docker_config

    to.clients.append(parse_docker_config(text, name, to.vault))


def _har(to: Harvest, name: str, text: str) -> None:
    """Requests that a program exported: a browser, a proxy, Postman, Insomnia."""
    from runbook.parse.collection import is_collection, parse_collection
    from runbook.parse.har import parse_har

    parse = parse_collection if is_collection(text) else parse_har
    to.exchanges.extend(parse(text, name, to.vault))


def _inspect(to: Harvest, name: str, text: str) -> None:
    from runbook.parse.listing import parse_inspect, parse_states

    to.inspected_texts.append((name, text))
    to.listings.extend(parse_inspect(text, name))
    for said, state, code in parse_states(text, is_registry):
        said = to.vault.mask(said, 300)
        if state == "unhealthy":
            to.problems.append(Problem(place=Place(name), message=f"{said}.", kind="failing"))
        else:
            to.messages.append(Message(place=Place(name), kind="container-exited", text=said, detail=code))


def _text(to: Harvest, name: str, text: str) -> None:
    """A pasted text or a transcript; what else was typed in that terminal is read as well."""
    to.add_prose(name, taken_apart(undressed(Rows.of(text))), "text", "person")


def _job_log(to: Harvest, name: str, text: str) -> None:
    """What a pipeline's job printed is a terminal session in a wrapping of its own."""
    from runbook.parse.ci import job_log

    _text(to, name, job_log(text))


_ASSIGNMENT = re.compile(r"^[ \t]*(?:export[ \t]+)?(\w+)[ \t]*=[ \t]*[\"']?([^\"'\s#]+)", re.MULTILINE)
_SHORTEST = 6
"""Shorter values are too likely to be words."""

PARSERS: dict[FileKind, Callable[[Harvest, str, str], None]] = {
    "compose": _compose,
    "dotenv": _dotenv,
    "registry-config": _registry_config,
    "nginx": _nginx,
    "caddy": _caddy,
    "caddy-json": _caddy_json,
    "haproxy": _haproxy,
    "apache": _apache,
    "traefik": _traefik,
    "docker-config": _docker,
    "daemon-config": _docker,
    "kubernetes": add_manifests,
    "chart-values": add_values,
    "puller": clients.add_puller,
    "quadlet": clients.add_quadlet,
    "ci": clients.add_pipeline,
    "ci-log": _job_log,
    "settings-text": clients.add_settings,
    "har": _har,
    "inspect": _inspect,
    "curl": _text,
    "text": _text,
    "listing": _text,
    "ps": _text,
}
