"""Text that a screen can show: plain characters where it lacks others, colours where it has them."""

from __future__ import annotations

import os
import re
from typing import Any

from ..words import visible

_PLAIN = str.maketrans("▁▂▃▄▅▆▇█▔·░▒▓…├└│─", "..::||##-.-+*.|`|-")

_BOLD, _DIM, _BLUE, _END = "\033[1m", "\033[2m", "\033[34m", "\033[0m"

# The name that a line of facts begins with, as words.facts writes it.
_NAME = re.compile(r"[A-Z][\w,]*( [\w,.]+)?(?=  +\S)")
_RULE = re.compile(r"-+(  -+)*")
_BARS = re.compile(r"[▁▂▃▄▅▆▇█░▒▓]+")


def shown(text: str, stream: Any) -> str:
    """Return the text as a stream can show it, with no control characters but line ends and our colours."""
    text = encodable(visible(text, kept="\n\t"), stream.encoding)
    return coloured(text) if has_colours(stream) and not text.startswith(("{", "[")) else text


def encodable(text: str, encoding: str | None) -> str:
    """Return the text, with plain characters for blocks, bars and trees if the encoding lacks some of it.

    What it still lacks are escapes: a pipe on Windows has 256 characters, and names in models any.
    """
    known = encoding or "ascii"
    try:
        text.encode(known)
    except UnicodeEncodeError:
        return text.translate(_PLAIN).encode(known, "backslashreplace").decode(known)
    return text


def has_colours(stream: Any) -> bool:
    """Return whether a stream is a terminal with colours that nobody has switched off (no-color.org)."""
    is_dumb = os.environ.get("TERM", "") in ("", "dumb")
    return bool(stream.isatty()) and not is_dumb and not os.environ.get("NO_COLOR")


def coloured(text: str) -> str:
    """Return the text with headers and names in bold, rules dim, and pictures in blue."""
    lines, found, is_row = text.split("\n"), [], False
    for line, below in zip(lines, [*lines[1:], ""], strict=True):
        if _is_rule(line):
            is_row = True
            found.append(f"{_DIM}{line}{_END}")
            continue
        is_row = is_row and bool(line.strip())  # a table goes on to the next empty line
        found.append(f"{_BOLD}{line}{_END}" if _is_rule(below) else line if is_row else _marked(line))
    return "\n".join(found)


def _is_rule(line: str) -> bool:
    return _RULE.fullmatch(line.strip()) is not None


def _marked(line: str) -> str:
    """Return a line outside of tables with its name in bold, or its bars in blue."""
    if name := _NAME.match(line):
        return f"{_BOLD}{name[0]}{_END}{line[name.end() :]}"
    return _BARS.sub(lambda bars: f"{_BLUE}{bars[0]}{_END}", line)
