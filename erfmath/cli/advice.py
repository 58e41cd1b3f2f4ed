"""What errors of the library advise, in the words of the command."""

from __future__ import annotations

import argparse
import re

# Arguments of the library that the command spells otherwise, wherever an error names them.
_SPELLINGS = (
    (r"rules=\{[\"'](?P<name>[^\"']*)[\"']: node\}", r"--rule \g<name>=LAYERS", "rule"),
    (r"values, such as values=\{[\"'](?P<name>[^\"']*)[\"']: (?P<value>[^}]*)\}", None, "value"),
    (r"\bglobal_context=False", "--no-global-context", "global_context"),
    (r"\bweights='(\w+)'", r"--weights \1", "weights"),
    (r"give an example of each, such as [(0-9, )]+,", "give --input-shape once for each,", "input_shape"),
    (r"\bmemory='([^']*)'", r"--memory \1", "memory"),
    (r"\brate=(?=[\s;.,)]|$)", "--rate", "rate"),
    (r"\b(input|output|space)=(?=[\s;.,)]|$)", r"--\1", ""),
    (r"\b(?<!-)(input)_(shape|size)\b(?! must)", r"--\1-\2", ""),
)


def as_options(message: str, arguments: argparse.Namespace) -> str:
    """Return an error of the library with the arguments that it names as options of the command.

    >>> there = argparse.Namespace(input_shape=None, output=None)
    >>> as_options("size is unknown; give input_shape, or stop before it with output=", there)
    'size is unknown; give --input-shape, or stop before it with --output'
    """
    own = [name for name in vars(arguments) if name not in ("command", "run", "network", "field")]
    for pattern, spelling, option in _SPELLINGS:
        if not option or option in own:
            message = re.sub(pattern, spelling or r"--value \g<name>=\g<value>", message)
    names = "|".join(own)
    return re.sub(rf"^({names})(?= must| is | needs|=| counts| has)", _option, message)


def _option(found: re.Match[str]) -> str:
    return f"--{found[1].replace('_', '-')}"
