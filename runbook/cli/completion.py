"""Shell completion and the manual page, both made from the parser itself: they cannot tell of an option that is not."""

import argparse
import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass

from runbook import __version__
from runbook.cli.arguments import EXIT_CODES, Parser, parser

NAMES = ("runbook", "registry-runbook")


@dataclass(frozen=True, slots=True)
class Command:
    """One command, flattened: "lab up" is one, too."""

    name: str
    help: str
    options: tuple[argparse.Action, ...]
    words: tuple[str, ...]
    """What may stand in the place of a word: values, or names of commands below."""


def commands() -> list[Command]:
    """All commands, those above before those below."""
    top = parser((), whole=True)
    return list(_below(top, "", ""))


def _below(one: Parser, name: str, help_: str) -> Iterator[Command]:
    options = tuple(a for a in one._actions if a.option_strings and a.help != argparse.SUPPRESS)
    words: list[str] = []
    nested: list[Command] = []
    for action in one._actions:
        if isinstance(action, argparse._SubParsersAction):
            told = {a.dest: a.help or "" for a in action._choices_actions}
            for word, below in action.choices.items():
                words.append(word)
                nested += _below(below, f"{name} {word}".strip(), told.get(word, ""))
        elif not action.option_strings:
            words += map(str, action.choices or ())
    if name == "explain":
        from runbook import rules

        words += sorted(rules.load())
    yield Command(name, help_, options, tuple(words))
    yield from nested


def script(shell: str) -> str:
    """The completion for that shell."""
    return {"bash": _bash, "zsh": _zsh, "fish": _fish}[shell]()


def _long(action: argparse.Action) -> str:
    return next((o for o in action.option_strings if o.startswith("--")), action.option_strings[0])


def _cases() -> tuple[str, str]:
    """The words by command, and the values by command and option, as arms of a shell's `case`."""
    words, values = [], []
    for command in commands():
        offered = [*command.words, *(o for a in command.options for o in a.option_strings if o.startswith("--"))]
        words.append(f"    {shlex.quote(command.name)}) words={shlex.quote(' '.join(offered))} ;;")
        for action in command.options:
            if action.choices:
                pattern = shlex.quote(f"{command.name} {_long(action)}")
                values.append(f"    {pattern}) words={shlex.quote(' '.join(map(str, action.choices)))} ;;")
    return "\n".join(words), "\n".join(values)


def _bash() -> str:
    words, values = _cases()
    nested = "|".join(sorted({c.name.split()[0] for c in commands() if " " in c.name}))
    return f"""# Completion for bash: eval "$(runbook completion bash)"
_runbook() {{
  local now=${{COMP_WORDS[COMP_CWORD]}} before=${{COMP_WORDS[COMP_CWORD-1]}} words= path= word n
  for ((n = 1; n < COMP_CWORD; n++)); do
    word=${{COMP_WORDS[n]}}
    case $word in -*) continue ;; esac
    if [ -z "$path" ]; then path=$word
    else case $path in {nested}) path="$path $word" ;; esac; break; fi
  done
  case "$path $before" in
{values}
  esac
  if [ -z "$words" ]; then case $path in
{words}
  esac; fi
  COMPREPLY=($(compgen -W "$words" -- "$now"))
  case $now in -*) ;; *) [ -z "$path" ] || COMPREPLY+=($(compgen -f -- "$now")) ;; esac
}}
complete -o filenames -F _runbook {" ".join(NAMES)}
"""


def _zsh() -> str:
    words, values = _cases()
    nested = "|".join(sorted({c.name.split()[0] for c in commands() if " " in c.name}))
    return f"""#compdef {" ".join(NAMES)}
# Completion for zsh: eval "$(runbook completion zsh)" after compinit
_runbook() {{
  local path_= words_= before=$words[CURRENT-1] word n
  for ((n = 2; n < CURRENT; n++)); do
    word=$words[n]
    case $word in -*) continue ;; esac
    if [[ -z $path_ ]]; then path_=$word
    else case $path_ in {nested}) path_="$path_ $word" ;; esac; break; fi
  done
  case "$path_ $before" in
{values.replace(" words=", " words_=")}
  esac
  if [[ -z $words_ ]]; then case $path_ in
{words.replace(" words=", " words_=")}
  esac; fi
  compadd -- ${{=words_}}
  [[ -z $path_ || $words[CURRENT] == -* ]] || _files
}}
compdef _runbook {" ".join(NAMES)}
"""


def _fish() -> str:
    lines = ["# Completion for fish: runbook completion fish | source"]
    for command in commands():
        path = command.name.split()
        when = " and ".join(f"__fish_seen_subcommand_from {word}" for word in path) or "__fish_use_subcommand"
        for name in NAMES:
            head = f"complete -c {name} -n {_fished(when)}"
            if command.words:
                lines.append(f"{head} {'' if path else '-f '}-a {_fished(' '.join(command.words))}")
            for action in command.options:
                values = f" -x -a {_fished(' '.join(map(str, action.choices)))}" if action.choices else ""
                needs = " -r" if not values and action.nargs != 0 else ""
                told = _help(action)
                lines.append(f"{head} -l {_long(action).removeprefix('--')}{values}{needs} -d {_fished(told)}")
    return "\n".join(lines) + "\n"


def _fished(text: str) -> str:
    return "'" + text.replace("\\", "\\\\").replace("'", "\\'") + "'"


def _help(action: argparse.Action) -> str:
    text = (action.help or "").replace("%(default)s", str(action.default)).replace("%%", "%")
    return " ".join(text.split())


def manual() -> str:
    """The manual page of section 1, in man(7)."""
    top, *others = commands()
    lines = [
        f'.TH RUNBOOK 1 "" "runbook {__version__}" "User commands"',
        ".SH NAME",
        "runbook \\- finds out why a Docker registry says 401, proves it, and teaches it",
        ".SH SYNOPSIS",
        ".B runbook",
        ".I COMMAND",
        "[options]",
        ".SH OPTIONS",
        *_listed(top),
        ".SH COMMANDS",
    ]
    for command in others:
        lines += [
            f".SS runbook {_roff(command.name)}",
            _roff(command.help[:1].upper() + command.help[1:]) + ".",
            *_listed(command),
        ]
    codes = [(one[0], one[1:]) for one in re.split(r"\s{2,8}(?=\d)", " ".join(EXIT_CODES.splitlines()[1:]).strip())]
    lines += [".SH EXIT STATUS", *(row for code, what in codes for row in (".TP", f".B {code}", _roff(what.strip())))]
    lines += [
        ".SH ENVIRONMENT",
        *(".TP", ".B NO_COLOR", "No colours on a terminal."),
        *(".TP", ".B RUNBOOK_DEBUG", "1 shows where something broke inside."),
        *(".TP", ".B RUNBOOK_PAGES", "The address where the site is published: reports and SARIF link to its pages."),
        *(".TP", ".B RUNBOOK_CACHE", "Where runbook.pyz unpacks itself (default: the user's cache)."),
        ".SH NOTES",
        "A password is never an argument. Probes are GET, HEAD and OPTIONS unless asked otherwise.",
    ]
    return "\n".join(lines) + "\n"


def _listed(command: Command) -> Iterator[str]:
    for action in command.options:
        names = ", ".join(f"\\fB{_roff(o)}\\fR" for o in action.option_strings)
        value = "|".join(map(str, action.choices)) if action.choices else action.metavar or action.dest.upper()
        yield ".TP"
        yield names + (f" \\fI{_roff(str(value))}\\fR" if action.nargs != 0 else "")
        yield _roff(_help(action)) or "."


def _roff(text: str) -> str:
    text = text.replace("\\", "\\e").replace("-", "\\-")
    return f"\\&{text}" if text.startswith((".", "'")) else text
