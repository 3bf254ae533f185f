"""The options that say what is to be diagnosed: the same for every command that diagnoses."""

import argparse
import sys

from runbook.collect.request import TIMEOUT, Request, UsageError, password_from, password_from_env


def add_target(parser: argparse.ArgumentParser) -> None:
    """Paths, URLs and where the login comes from. A password is never an argument: others can read those."""
    parser.add_argument("paths", metavar="PATH", nargs="*", help="files or folders of the incident")
    parser.add_argument("--registry", metavar="URL", help="the registry's own address, e.g. http://localhost:5000")
    parser.add_argument("--ui", metavar="URL", help="the address of the UI or proxy before it")
    parser.add_argument("--user", metavar="NAME", help="the user who cannot log in")
    source = parser.add_mutually_exclusive_group()
    source.add_argument("--password-env", metavar="VAR", help="NAME of the environment variable with the password")
    source.add_argument("--password-stdin", action="store_true", help="read the password from standard input")
    source.add_argument("--docker-config", metavar="FILE", help="use the login stored in a docker config.json")
    source.add_argument("--password", nargs="?", help=argparse.SUPPRESS)
    parser.add_argument("--origin", metavar="URL", help="origin of the page that calls the registry from a browser")
    parser.add_argument("--allow-writes", action="store_true", help="also open a blob upload and cancel it")
    parser.add_argument(
        "--insecure-http", action="store_true", help="send the login over plain http to other machines, too"
    )
    parser.add_argument(
        "--timeout", metavar="SECONDS", type=_seconds, default=TIMEOUT, help=f"for all requests (default {TIMEOUT:g})"
    )


def request_from(options: argparse.Namespace) -> Request:
    """The request that the options describe. The only place where a password is read in."""
    if options.password is not None:
        raise UsageError(
            "A password is never an argument: everybody on this machine can read those. Use --password-env NAME or"
            " --password-stdin."
        )
    password = None
    if options.password_env is not None:
        password = password_from_env(options.password_env)
    elif options.password_stdin:
        if sys.stdin is None or sys.stdin.closed:
            raise UsageError("--password-stdin: there is no standard input.")
        password = password_from(sys.stdin)
    return Request(
        paths=tuple(options.paths),
        registry_url=options.registry,
        ui_url=options.ui,
        user=options.user,
        password=password,
        docker_config=options.docker_config,
        origin=options.origin,
        allow_writes=options.allow_writes,
        insecure_http=options.insecure_http,
        timeout=options.timeout,
    )


def _seconds(text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError("that is not a number of seconds") from None
