"""`runbook lab up | list | down`."""

import argparse
from typing import get_args

from runbook import door
from runbook.lab import FAULTS, NO_FAULT, LabError, composed, layout, state
from runbook.lab.lab import Backend, Front


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the sub-commands on the parser of `runbook lab`."""
    actions = parser.add_subparsers(dest="lab_action", required=True, metavar="up|list|down")
    up = actions.add_parser("up", help="start a registry and a UI on loopback, broken as asked for")
    up.add_argument("--name", default="lab", help="what it is called; several may be up at once")
    up.add_argument("--fault", action="append", default=[], metavar="CAUSE", help="what to break; may be repeated")
    up.add_argument("--backend", choices=get_args(Backend), default="auto")
    up.add_argument("--proxy", choices=get_args(Front), default="nginx", help="the program in front of the registry")
    up.add_argument("--seed", type=int, default=0, help="decides names, users, ports and decoys")
    actions.add_parser("list", help="show the faults, and the labs that are up")
    down = actions.add_parser("down", help="stop a lab and remove what it made, also after its process was killed")
    down.add_argument("name", nargs="?", help="which one; needed where several are up")
    down.add_argument("--all", action="store_true", help="all of them")


def run(args: argparse.Namespace) -> int:
    """Do what was asked; a mistake is a sentence on standard error and exit code 2."""
    try:
        return {"up": _up, "list": _list, "down": _down}[args.lab_action](args)
    except LabError as error:
        door.say(f"runbook lab: {error}")
        return 2


def _up(args: argparse.Namespace) -> int:
    made = state.up(args.fault, args.backend, args.seed, args.proxy, args.name)
    print(_describe(made))
    print(
        "\nDiagnose it:\n"
        f"  runbook diagnose {made.bundle} --registry {made.registry_url} --ui {made.ui_url} "
        f"--user {made.user} --password-stdin < {made.password_file}\n"
        f"Stop it:\n  runbook lab down {made.name}"
    )
    return 0


def _list(args: argparse.Namespace) -> int:
    width = max(map(len, FAULTS))
    print("Faults:")
    for cause, fault in sorted(FAULTS.items()):
        print(f"  {cause:<{width}}  {fault.title}")
    print("\nNot in the lab:")
    for cause, reason in sorted(NO_FAULT.items()):
        print(f"  {cause:<{width}}  {reason}")
    labs = state.known()
    print("\n" + ("\n".join(map(_describe, labs)) if labs else "No lab is up."))
    return 0


def _down(args: argparse.Namespace) -> int:
    names = [made.name for made in state.known()]
    if args.name is None and len(names) > 1 and not args.all:
        raise LabError(f"{len(names)} labs are up: name one ({', '.join(names)}), or --all")
    wanted = [args.name] if args.name else names
    stopped = [made for name in wanted if (made := state.down(name)) is not None]
    for made in stopped:
        print(f"Lab {made.name!r} at {made.registry_url} is gone.")
    left = layout.clear() + composed.clear()
    if left:
        print(f"What {left} killed lab(s) had left is gone, too.")
    if not stopped and not left:
        print(f"No lab {args.name} was up." if args.name else "No lab was up.")
    return 0


def _describe(made: state.State) -> str:
    broken = ", ".join(made.faults) or "nothing"
    return (
        f"Lab {made.name!r} {'is up' if made.lives else 'was killed: `runbook lab down` removes the rest'} "
        f"({made.backend}, seed {made.seed}), broken: {broken}\n"
        f"  registry  {made.registry_url}\n  UI        {made.ui_url}\n  user      {made.user}\n"
        f"  password  in {made.password_file}\n  bundle    {made.bundle}"
    )
