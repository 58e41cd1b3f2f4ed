"""The command ``erfmath``: what one unit of a convolutional network sees, from the shell."""

from __future__ import annotations

import argparse
import importlib
import os
import re
import sys
from collections.abc import Sequence
from typing import Any, NoReturn

from .. import __version__
from ..words import visible
from .advice import ERRORS, as_options
from .arguments import KERNELS, NETWORKS
from .screen import shown

# The commands, each with a module that is imported only for it.
_COMMANDS = {
    "analyze": "analyze a network: its layers, the theoretical and effective field of one unit, its cost",
    "compare": "compare designs with the same field: stacks, larger kernels, strides, pooling, dilation",
    "design": "find the designs that reach a field: the cheapest of each depth",
    "check": "check that a network meets conditions, for continuous integration: exits with 0, else 1",
    "check-halo": "check what a bioimage.io description declares of tiles against what its model needs",
    "tiles": "plan tiles that give what the whole input gives: halo, memory, what smaller halos leave out",
    "latency": "show how late a network is as its input arrives: lookahead, delay, context, buffers",
    "sweep": "read each of many networks into a row of a file, going on where an earlier run stopped",
    "zoo": "list the networks that have a name, with their theoretical field and stride",
    "impact": "show the fields of one unit after n equal layers, and how close its impact is to a Gaussian",
    "growth": "show how the effective field grows with depth, with the slopes of log size over log depth",
    "coefficients": "print the coefficients of the n-th power of a kernel, as floats or exactly",
    "completion": "print a script that completes commands, options and names in bash, zsh or fish",
}


_FIRST = """\
start here:
  erfmath analyze resnet50       all readings of a network
  erfmath COMMAND --help         the options of a command, and examples"""


class _Parser(argparse.ArgumentParser):
    """A parser whose errors are one line."""

    def error(self, message: str) -> NoReturn:
        self.exit(2, f"{self.prog}: error: {message}\n")


def main(argv: Sequence[str] | None = None) -> int:
    """Run the command with the given arguments, by default those of the process; return the exit code."""
    words = (sys.argv[1:] if argv is None else argv) or ["--help"]
    parser = _parser(words)
    arguments = _parsed(parser, words)
    digits = sys.get_int_max_str_digits()
    sys.set_int_max_str_digits(0)  # exact coefficients have as many digits as they have
    try:
        print(shown(arguments.run(arguments), sys.stdout), flush=True)
    except BrokenPipeError:  # the reader of a pipe has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except ERRORS as error:
        complaint = as_options(str(error), arguments) or "not enough memory"
        parser.exit(2, f"erfmath {arguments.command}: error: {visible(complaint, kept=chr(10))}\n")
    except KeyboardInterrupt:
        return 130
    finally:
        sys.set_int_max_str_digits(digits)
    return int(arguments.exit_code)


def _parsed(parser: argparse.ArgumentParser, words: Sequence[str]) -> argparse.Namespace:
    # A leading space keeps argparse from reading the kernel -1,2 as an option.
    arguments, rest = parser.parse_known_args([f" {w}" if re.match(r"-[\d.]", w) else w for w in words])
    if hasattr(arguments, "networks") and not any(word.startswith("-") for word in rest):
        arguments.networks += rest  # argparse takes none behind an option
    elif rest:
        command = f"erfmath {arguments.command}"
        told = f"unrecognized arguments: {' '.join(rest)}; see {command} --help"
        parser.exit(2, f"{command}: error: {told}\n")
    return arguments


def _parser(words: Sequence[str]) -> argparse.ArgumentParser:
    parser = _Parser(
        prog="erfmath",
        description="Find what one unit of a convolutional network sees: its theoretical and its effective "
        "receptive field, exactly.",
        epilog=f"{_FIRST}\n\n{NETWORKS}\n\n{KERNELS}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"erfmath {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", parser_class=_Parser)
    for name, text in _COMMANDS.items():
        command = commands.add_parser(
            name, help=text, description=text, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        if name in words:
            _complete(command, importlib.import_module(f".{name.replace('-', '_')}", __name__))
    return parser


def parser_of_all() -> argparse.ArgumentParser:
    """Return the parser with the arguments of every command."""
    return _parser(list(_COMMANDS))


def _complete(command: argparse.ArgumentParser, module: Any) -> None:
    """Give a command the arguments, the examples and the function of its module."""
    command.epilog = "\n\n".join(filter(None, [module.NOTATION, f"examples:\n{module.EXAMPLES}"]))
    module.add_arguments(command)
    command.add_argument("--json", action="store_true", help="print JSON instead of tables")
    options = {a.dest: a.option_strings[0] for a in reversed(command._actions) if a.option_strings}
    command.set_defaults(run=module.run, exit_code=0, options=options)
