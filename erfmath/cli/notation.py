"""The notation of kernels and depths on the command line."""

from __future__ import annotations

import re
from fractions import Fraction
from typing import Any

from erfmath.kernel import Kernel

NOTATION = """\
kernels:
  3              3 equal taps            3x3, 3x5x3     equal taps on two, three axes
  1,2,1          weights                 1,2,1;2,4,2    rows of weights, two axes
  1/3,0.5,-2     fractions and decimals are fine; exact as long as there is no decimal point"""


def parse_kernel(text: str) -> Kernel:
    """Return the kernel that a word on the command line stands for.

    >>> parse_kernel("3x5").shape
    (3, 5)
    >>> parse_kernel("1/2,1")
    Kernel([Fraction(1, 2), 1])
    """
    text = text.strip()
    if re.fullmatch(r"\d+(x\d+)*", text):
        return Kernel.uniform(tuple(int(side) for side in text.split("x")))
    rows = [[_parse_number(word, text) for word in row.split(",")] for row in text.split(";")]
    return Kernel(rows if len(rows) > 1 else rows[0])


def parse_count(text: str, name: str) -> int:
    """Return a number of layers or factors; 1e6 is fine.

    >>> parse_count("1e6", "depth")
    1000000
    """
    text = text.strip()
    number = Fraction(text) if re.fullmatch(r"-?\d{1,30}([eE]\d{1,2})?", text) else None
    if number is None or number < 0:
        raise ValueError(f"{name} must be a whole number from 0 on, such as 40 or 1e6, got {text!r}")
    return number.numerator


def _parse_number(word: str, text: str) -> Any:
    try:
        return float(word) if re.search(r"[.eEnN]", word) else Fraction(word.strip())
    except (ValueError, ZeroDivisionError):
        found = repr(word.strip()) if word.strip() else "nothing"
        raise ValueError(f"the kernel {text!r} has {found} where a number should be") from None
