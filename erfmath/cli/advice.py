"""What errors of the library advise, in the words of the command."""

from __future__ import annotations

import argparse
import re
from shlex import quote

# What a user can mend; an ImportError names the package to install.
ERRORS = (ValueError, TypeError, OverflowError, MemoryError, OSError, ImportError)

# Arguments of the library that the command spells otherwise, wherever an error names them.
_SPELLINGS = (
    (r"rules=\{[\"'](?P<name>[^\"']*)[\"']: node\}", r"--rule \g<name>=LAYERS", "rule"),
    (r"values, such as values=\{[\"'](?P<name>[^\"']*)[\"']: (?P<value>[^}]*)\}", None, "value"),
    (r"\bglobal_context=False", "--no-global-context", "global_context"),
    (r"\bborders=True", "--borders", "borders"),
    (r"give an example of each, such as [(0-9, )]+,", "give --input-shape once for each,", "input_shape"),
    (r"\brate=(?=[\s;.,)]|$)", "--rate", "rate"),
    (r"\baxis=-1\b", "--axis 1", "axis"),
    (r"\blog_coefficients\(\)", "--log", "log"),
    (r"\bnormalize\(\) the kernel", "give weights that sum to 1", "log"),
    (r"\bgive spacing, such as \"(\S+)\", or \(.*\)", r"give --spacing, such as \1", "spacing"),
    (r"\b(input|output|space)=(?=[\s;.,)]|$)", r"--\1", ""),
    (r"\b(?<!-)(input)_(shape|size)\b(?! must)", r"--\1-\2", ""),
)


def as_options(message: str, arguments: argparse.Namespace) -> str:
    """Return an error of the library with the arguments that it names as options of the command.

    `arguments.options` has these by the names of the library; what has a place instead is named as it is.

    >>> spelled = {"input_shape": "--input-shape", "output": "--output", "rate": "--rate"}
    >>> there = argparse.Namespace(options=spelled)
    >>> as_options("size is unknown; give input_shape, or stop before it with output=", there)
    'size is unknown; give --input-shape, or stop before it with --output'
    >>> as_options("rate must be positive", there), as_options("n must be an int", there)
    ('--rate must be positive', 'n must be an int')
    >>> as_options("ask for output='last map', or weights='given'", there)
    "ask for --output 'last map', or weights='given'"
    """
    own: dict[str, str] = arguments.options
    for pattern, spelling, option in _SPELLINGS:
        if not option or option in own:
            message = re.sub(pattern, spelling or r"--value \g<name>=\g<value>", message)
    names = "|".join(own)
    message = re.sub(rf"\b({names})='([^']*)'", lambda found: f"{own[found[1]]} {quote(found[2])}", message)
    return re.sub(rf"^({names})(?= must| is | needs|=| counts| has)", lambda found: own[found[1]], message)
