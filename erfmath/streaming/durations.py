"""Samples and what they last, as texts."""

from __future__ import annotations

import math
import re
from fractions import Fraction
from typing import Any

from ..network.rates import integral
from ..words import figure

_DURATION = re.compile(r" *([0-9]{1,15}(?:\.[0-9]{0,15})?(?:[eE][0-9]{1,2})?|\.[0-9]{1,15}) *(s|ms|us)? *")
_UNITS = {"s": Fraction(1), "ms": Fraction(1, 10**3), "us": Fraction(1, 10**6)}


def as_samples(value: Any, rate: float | None, name: str) -> Any:
    """Return a duration in samples, and a number in words as a number; what is neither stays what it is.

    Raises
    ------
    ValueError
        If there is no rate for a duration.

    Examples
    --------
    >>> as_samples("40 ms", 16000, "delay"), as_samples("1s", 44100, "field"), as_samples("7", None, "delay")
    (640, 44100, 7)
    >>> as_samples("1.3ms", 16000, "delay")
    Fraction(104, 5)
    """
    known = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if known is None:
        return value
    if known[2] is None:
        return integral(Fraction(known[1]))
    if rate is None:
        raise ValueError(f"{name}={value!r} needs rate=, the samples of the input per second")
    return integral(Fraction(known[1]) * _UNITS[known[2]] * Fraction(rate))


def lasting(samples: Any, rate: float) -> str:
    """Return what samples last, to be put behind them.

    >>> lasting(640, 16000)
    ' (40 ms)'
    """
    return f" ({figure(milliseconds(samples, rate))} ms)"


def milliseconds(samples: Any, rate: float) -> float:
    """Return what samples last, inf of those without an end.

    >>> milliseconds(Fraction(1, 2), 16000), milliseconds(math.inf, 16000)
    (0.03125, inf)
    """
    return math.inf if samples == math.inf else float(samples * 1000 / Fraction(rate))


def shown(value: Any) -> str:
    """Return a number of samples or of another unit as text.

    >>> shown(3), shown(Fraction(1, 4)), shown(math.inf), shown(None)
    ('3', '1/4', 'all', 'none')
    """
    if value is None:
        return "none"
    if value == math.inf:
        return "all"
    return figure(value) if isinstance(value, float) else str(value)
