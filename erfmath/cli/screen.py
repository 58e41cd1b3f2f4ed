"""What a screen can show."""

from __future__ import annotations

_PLAIN = str.maketrans("▁▂▃▄▅▆▇█▔·░▒▓", "..::||##-.-+*")


def encodable(text: str, encoding: str | None) -> str:
    """Return the text, its blocks and bars as plain characters where the encoding has none."""
    try:
        text.encode(encoding or "ascii")
    except UnicodeEncodeError:
        return text.translate(_PLAIN)
    return text
