"""Bounds of conditions: numbers, ranges and durations."""

from __future__ import annotations

import math
import numbers
from typing import Any

from ..streaming.durations import as_samples
from ..words import figure


def as_bound(value: Any, name: str, rate: float | None) -> Any:
    """Return the most samples along time, of a number or of a text such as 40 ms."""
    value = as_samples(value, rate, name)
    if isinstance(value, bool) or not isinstance(value, numbers.Real) or not float(value) >= 0:
        kinds = "a number of samples from 0 on, or with rate a text such as '40 ms'"
        raise ValueError(f"{name} must be {kinds}, got {value!r}")
    return value


def as_range(value: Any, name: str, rate: float | None) -> tuple[float, float]:
    """Return the least and the most of a number, or of a pair in which None is no bound."""
    ends = value if isinstance(value, (tuple, list)) and len(value) == 2 else (value, None)
    low, high = (as_samples(end, rate, name) for end in ends)
    bounds: tuple[Any, Any] = (0 if low is None else low, math.inf if high is None else high)
    are_numbers = all(isinstance(b, numbers.Real) and not isinstance(b, bool) for b in bounds)
    if not are_numbers or not 0 <= bounds[0] <= bounds[1]:
        raise ValueError(f"{name} must be the least, or (least, most) with None for no bound, got {value!r}")
    return bounds[0], bounds[1]


def range_words(low: float, high: float) -> str:
    """Return a range in words."""
    if high == math.inf:
        return f"at least {figure(low)}"
    return f"at most {figure(high)}" if not low else f"{figure(low)} .. {figure(high)}"
