"""The options that say what is to be diagnosed: the same for every command that diagnoses."""

import argparse
import os
import sys
from typing import Any

from runbook.collect.request import TIMEOUT, Request, Running, UsageError, password_from, password_from_env


def add_target(parser: argparse.ArgumentParser) -> None:
    """Paths, URLs and where the login comes from. A password is never an argument: others can read those."""
    parser.add_argument("paths", metavar="PATH", nargs="*", help="files or folders of the incident")
    parser.add_argument("--registry", metavar="URL", help="the registry's own address, e.g. http://localhost:5000")
    parser.add_argument("--ui", metavar="URL", help="the address of the UI or proxy before it")
    parser.add_argument("--user", metavar="NAME", help="the user who cannot log in")
    source = add_password(parser)
    source.add_argument("--docker-config", metavar="FILE", help="use the login stored in a docker config.json")
    parser.add_argument("--origin", metavar="URL", help="origin of the page that calls the registry from a browser")
    parser.add_argument("--allow-writes", action="store_true", help="also open a blob upload and cancel it")
    parser.add_argument(
        "--insecure-http", action="store_true", help="send the login over plain http to other machines, too"
    )
    parser.add_argument("--cacert", metavar="FILE", help="also trust the certificate authorities in this file")
    parser.add_argument(
        "--timeout", metavar="SECONDS", type=_seconds, default=TIMEOUT, help=f"for all requests (default {TIMEOUT:g})"
    )


def add_password(parser: argparse.ArgumentParser) -> Any:
    """Where a password comes from; the group, for a command that knows another way."""
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--password-env", metavar="VAR", help="NAME of the environment variable with the password")
    source.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
    source.add_argument("--password", nargs="?", help=argparse.SUPPRESS)
    return source


def password_given(options: argparse.Namespace) -> str | None:
    """The only place where a password is read in."""
    if options.password is not None:
        raise UsageError(
            "A password is never an argument: everybody on this machine can read those. Use --password-env NAME or"
            " --password-stdin."
        )
    if options.password_env is not None:
        return password_from_env(options.password_env)
    if not options.password_stdin:
        return None
    if sys.stdin is None or sys.stdin.closed:
        raise UsageError("--password-stdin: there is no standard input.")
    return password_from(sys.stdin)


def request_from(options: argparse.Namespace) -> Request:
    """The request that the options describe."""
    password = password_given(options)
    running = running_from(options)
    return Request(
        paths=tuple(p for p in options.paths if running is None or not _is_container(p)),
        registry_url=options.registry,
        ui_url=options.ui,
        user=options.user,
        password=password,
        docker_config=options.docker_config,
        origin=options.origin,
        allow_writes=options.allow_writes,
        insecure_http=options.insecure_http,
        cacert=options.cacert,
        running=running,
        timeout=options.timeout,
    )


def add_running(parser: argparse.ArgumentParser) -> None:
    """Which running stack is meant."""
    parser.add_argument("--compose", metavar="FILE", action="append", default=[], help="the project of this file")
    parser.add_argument("--project", metavar="NAME", help="the compose project of that name")
    parser.add_argument("--engine", choices=("docker", "podman", "kubectl"), default="", help="the command to ask")
    parser.add_argument("--namespace", metavar="NAME", help="with kubectl: the namespace (default: the current one)")


def running_from(options: argparse.Namespace) -> Running | None:
    """The running stack that the options name; None when none is to be read."""
    if not getattr(options, "collect", False):
        return None
    return Running(
        tool=options.engine or ("kubectl" if options.namespace else ""),
        compose=tuple(options.compose),
        project=options.project,
        containers=(*options.containers, *(w for w in getattr(options, "paths", ()) if _is_container(w))),
        namespace=options.namespace,
    )


def _is_container(word: str) -> bool:
    """Whether a word beside --collect names a container: `diagnose --collect registry ui`."""
    return "/" not in word and not os.path.lexists(word)


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError("that is not a number of seconds") from None
