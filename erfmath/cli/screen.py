"""Text that a screen can show."""

from __future__ import annotations

_PLAIN = str.maketrans("▁▂▃▄▅▆▇█▔·░▒▓", "..::||##-.-+*")


def encodable(text: str, encoding: str | None) -> str:
    """Return the text, with plain characters for blocks and bars if the encoding lacks them."""
    try:
        text.encode(encoding or "ascii")
    except UnicodeEncodeError:
        return text.translate(_PLAIN)
    return text
