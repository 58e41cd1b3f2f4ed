"""``erfmath completion``: scripts that complete commands, options and names in bash, zsh and fish."""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from ..zoo import names

NOTATION = ""
EXAMPLES = """\
  source <(erfmath completion bash)            for this shell; in ~/.bashrc for all
  source <(erfmath completion zsh)             after compinit, in ~/.zshrc
  erfmath completion fish > ~/.config/fish/completions/erfmath.fish"""

_SHELLS = ("bash", "zsh", "fish")

# Arguments that a name of the zoo or a file may stand for.
_NETWORKS = ("network", "networks")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the arguments of the command."""
    parser.add_argument("shell", choices=_SHELLS, help="the shell to complete in")


def run(arguments: argparse.Namespace) -> str:
    """Return what the command prints."""
    from . import parser_of_all

    commands = list(_commands(parser_of_all()))
    return {"bash": _bash, "zsh": _zsh, "fish": _fish}[arguments.shell](commands)


@dataclass(frozen=True)
class _Option:
    """An option: how it is spelled, what it says, and the words that may follow; None where none does."""

    spellings: tuple[str, ...]
    help: str
    choices: tuple[str, ...] | None


@dataclass(frozen=True)
class _Command:
    """A command: its name, what it says, its options, and the words that its arguments may be."""

    name: str
    help: str
    options: tuple[_Option, ...]
    words: tuple[str, ...]


def _commands(parser: argparse.ArgumentParser) -> Iterator[_Command]:
    (group,) = [a for a in parser._actions if isinstance(a, argparse._SubParsersAction)]
    told = {action.dest: action.help or "" for action in group._choices_actions}
    for name, command in group.choices.items():
        actions = [action for action in command._actions if action.help != argparse.SUPPRESS]
        options = tuple(_option(action) for action in actions if action.option_strings)
        words = [word for action in actions if not action.option_strings for word in _words(action)]
        yield _Command(name, told[name], options, tuple(words))


def _words(action: argparse.Action) -> list[str]:
    return list(names()) if action.dest in _NETWORKS else [str(choice) for choice in action.choices or ()]


def _option(action: argparse.Action) -> _Option:
    choices = None if action.nargs == 0 else tuple(map(str, action.choices or ()))
    return _Option(tuple(action.option_strings), _plain(action.help), choices)


def _plain(text: Any) -> str:
    """Return what an option says up to its first sentence's end, without characters that shells read."""
    first = str(text or "").replace("%%", "%").split(";")[0].split(" (")[0]
    return "".join(letter for letter in first if letter not in "'\"[]\\:`$")


def _bash(commands: list[_Command]) -> str:
    cases = []
    for command in commands:
        flags = " ".join(word for option in command.options for word in option.spellings)
        cases.append(f"    {command.name}) words='{' '.join([flags, *command.words])}' ;;")
    values = {
        spelling: " ".join(option.choices)
        for command in commands
        for option in command.options
        if option.choices
        for spelling in option.spellings
    }
    after = [f"    {spelling}) {_compgen(words)}; return ;;" for spelling, words in values.items()]
    first = " ".join([*(command.name for command in commands), "--help", "--version"])
    return "\n".join(
        [
            "_erfmath() {",
            '  local word="${COMP_WORDS[COMP_CWORD]}" words=""',
            "  if ((COMP_CWORD == 1)); then",
            f"    {_compgen(first)}",
            "    return",
            "  fi",
            '  case "${COMP_WORDS[COMP_CWORD-1]}" in',
            *after,
            "  esac",
            '  case "${COMP_WORDS[1]}" in',
            *cases,
            "  esac",
            '  COMPREPLY=($(compgen -W "$words" -- "$word") $(compgen -f -- "$word"))',
            "}",
            "complete -o filenames -F _erfmath erfmath",
        ]
    )


def _compgen(words: str) -> str:
    return f"COMPREPLY=($(compgen -W '{words}' -- \"$word\"))"


def _zsh(commands: list[_Command]) -> str:
    cases = [f"    {command.name}) _arguments -s {_zsh_specs(command)} ;;" for command in commands]
    told = " ".join(f"'{command.name}:{_plain(command.help)}'" for command in commands)
    return "\n".join(
        [
            "#compdef erfmath",
            "_erfmath() {",
            f"  local -a commands=({told})",
            "  if ((CURRENT == 2)); then _describe command commands; return; fi",
            "  local command=$words[2]",
            "  shift words; ((CURRENT--))",
            "  case $command in",
            *cases,
            "  esac",
            "}",
            "compdef _erfmath erfmath",
        ]
    )


def _zsh_specs(command: _Command) -> str:
    specs = [
        f"'{spelling}[{option.help}]{_zsh_value(option)}'"
        for option in command.options
        for spelling in option.spellings
    ]
    words = f'"words:name:({" ".join(command.words)})"'
    return " ".join([*specs, f"'*:argument:_alternative {words} \"files:file:_files\"'"])


def _zsh_value(option: _Option) -> str:
    if option.choices is None:
        return ""
    return f":value:({' '.join(option.choices)})" if option.choices else ":value:_files"


def _fish(commands: list[_Command]) -> str:
    lines = []
    for command in commands:
        first = "complete -c erfmath -n __fish_use_subcommand -f -a"
        lines.append(f"{first} {command.name} -d '{_plain(command.help)}'")
        seen = f"complete -c erfmath -n '__fish_seen_subcommand_from {command.name}'"
        for option in command.options:
            flags = " ".join(f"-l {s[2:]}" if s.startswith("--") else f"-s {s[1:]}" for s in option.spellings)
            lines.append(f"{seen} {flags}{_fish_value(option)} -d '{option.help}'")
        if command.words:
            lines.append(f"{seen} -a '{' '.join(command.words)}'")
    return "\n".join(lines)


def _fish_value(option: _Option) -> str:
    if option.choices is None:
        return ""
    return f" -x -a '{' '.join(option.choices)}'" if option.choices else " -r"
