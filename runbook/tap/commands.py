"""`runbook tap`: the recording relay on the command line, and the override that puts it between UI and registry."""

import argparse
import asyncio
import contextlib
import signal
from pathlib import Path
from urllib.parse import urlsplit

from runbook import __version__, door
from runbook.collect import UsageError
from runbook.collect.evidence_file import dump_evidence
from runbook.model import Evidence
from runbook.redact import Vault
from runbook.tap.override import override
from runbook.tap.record import Recorder, line
from runbook.tap.relay import Address, Tap
from runbook.tap.watch import Seen

_LOOPBACK = ("127.0.0.1", "::1", "localhost")
_KEEP_EVERY = 5.0
"""Seconds between two savings, so that little is lost whatever happens."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """The arguments of `runbook tap`."""
    parser.add_argument("--listen", metavar="HOST:PORT", default="127.0.0.1:5005", help="where to listen (%(default)s)")
    parser.add_argument("--upstream", metavar="URL", help="the registry, for example http://127.0.0.1:5000")
    parser.add_argument("--har", metavar="FILE", help="write what passed as HAR, for `runbook diagnose` and browsers")
    parser.add_argument("--save-evidence", metavar="FILE.json", help="write it as evidence")
    parser.add_argument("--seconds", type=float, metavar="N", help="stop after so many seconds; else with Ctrl-C")
    parser.add_argument("--quiet", action="store_true", help="print no line for each request")
    parser.add_argument(
        "--compose", metavar="FILE", help="print an override file that leads the UI through the tap; starts nothing"
    )


def run(options: argparse.Namespace) -> int:
    """Record until told to stop, or print the override."""
    vault: Vault = options.vault
    listen = _address(options.listen, "--listen")
    if options.compose:
        door.out(override(Path(options.compose), listen.port), vault)
        return 0
    if not options.upstream:
        raise UsageError("The tap needs --upstream URL, the registry; or --compose FILE to see how to put it in.")
    upstream = _upstream(options.upstream)
    recorder = Recorder(options.upstream.rstrip("/"), vault)
    if listen.host not in _LOOPBACK:
        door.say(f"runbook: {listen} is reachable from outside; whoever comes there, comes to the registry.")
    try:
        asyncio.run(_record(listen, upstream, recorder, options))
    except OSError as error:
        raise UsageError(f"The tap cannot listen on {listen}: {error.strerror or error}.") from None
    _save(recorder, options)
    _told(recorder, options)
    return 0


async def _record(listen: Address, upstream: Address, recorder: Recorder, options: argparse.Namespace) -> None:
    def note(seen: Seen) -> None:
        exchange = recorder.note(seen)
        if not options.quiet:
            door.say(line(exchange), options.vault)

    tap = Tap(listen, upstream, note)
    bound = await tap.start()
    door.say(f"runbook: the tap listens on {bound} and passes on to {options.upstream}. Ctrl-C ends it.")
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM, *([signal.SIGHUP] if hasattr(signal, "SIGHUP") else ())):
        with contextlib.suppress(NotImplementedError):  # Windows
            loop.add_signal_handler(number, stop.set)
    ends = loop.time() + options.seconds if options.seconds else None
    saved = 0
    while not stop.is_set():
        left = _KEEP_EVERY if ends is None else min(_KEEP_EVERY, ends - loop.time())
        if left <= 0:
            break
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(stop.wait(), left)
        if recorder.total != saved:
            saved = recorder.total
            _save(recorder, options)
    await tap.stop()


def _save(recorder: Recorder, options: argparse.Namespace) -> None:
    if options.har:
        door.write(options.har, recorder.har(), options.vault)
    if options.save_evidence:
        evidence = Evidence(exchanges=recorder.exchanges)
        door.write(options.save_evidence, dump_evidence(evidence, __version__).decode(), options.vault)


def _told(recorder: Recorder, options: argparse.Namespace) -> None:
    files = " and ".join(f for f in (options.har, options.save_evidence) if f)
    judged = (
        f" Judge it together with the other files: runbook diagnose {files.replace(' and ', ' ')} …" if files else ""
    )
    door.say(f"runbook: {recorder.total} requests passed.{judged}")


def _address(text: str, option: str) -> Address:
    parts = urlsplit(f"//{text}")
    try:
        port = parts.port
    except ValueError:
        port = None
    if not parts.hostname or port is None or parts.path:
        raise UsageError(f"{option} wants HOST:PORT, for example 127.0.0.1:5005, not {text!r}.")
    return Address(parts.hostname, port)


def _upstream(text: str) -> Address:
    parts = urlsplit(text)
    try:
        port = parts.port
    except ValueError:
        port = -1
    if parts.scheme not in ("http", "https") or not parts.hostname or port == -1 or parts.path.strip("/"):
        raise UsageError(
            f"--upstream wants http(s)://HOST[:PORT] and nothing after it, not {text.rpartition('@')[2]!r}."
        )
    if "@" in parts.netloc:
        raise UsageError("--upstream takes no login: the tap passes the clients' own on.")
    return Address(parts.hostname, port or (443 if parts.scheme == "https" else 80), parts.scheme == "https")
