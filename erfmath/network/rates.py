"""Rates, gains and numbers of axes: what the parts of a network must have in common."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

from .arguments import spelled

if TYPE_CHECKING:
    from .algebra import Node


Gain = int | Fraction | float


def as_numbers(values: Any, name: str) -> list[Any]:
    """Return a sequence of numbers as a list, or raise naming the argument."""
    if isinstance(values, str) or not isinstance(values, Iterable):
        raise TypeError(f"{name} must be a sequence of numbers, one per branch, got {values!r}")
    return list(values)


def as_gain(gain: Any) -> Gain:
    """Return a finite real number; an integral float as the int it is, so that sums stay exact."""
    if isinstance(gain, (bool, np.bool_)) or not isinstance(gain, numbers.Real):
        raise TypeError(f"gain must be a real number, got {gain!r}")
    value = Fraction(gain) if isinstance(gain, numbers.Rational) else float(gain)
    if isinstance(value, float) and not math.isfinite(value):
        raise ValueError(f"gain must be finite, got {gain!r}")
    return int(value) if value == int(value) else value


def require_some(gains: Sequence[Gain]) -> None:
    """Raise where nothing is left of a sum."""
    if not any(gains):
        raise ValueError("gains must not be all zero: nothing would be seen")


def common_axes(nodes: Iterable[Node]) -> int | None:
    """Return the number of axes that all nodes have, or raise naming two that differ."""
    first = None
    for node in nodes:
        if node.ndim is None:
            continue
        if first is not None and node.ndim != first.ndim:
            raise ValueError(
                f"all layers must have the same number of axes: {short(first)} has {first.ndim}, "
                f"{short(node)} has {node.ndim}; give sizes as tuples, one int per axis"
            )
        first = first or node
    return None if first is None else first.ndim


def common_rate(rates: Iterable[tuple[object, Rate | None]]) -> Rate | None:
    """Return the rate of what is added, or raise where branches differ; an entry is (branch, its rate)."""
    named = list(rates)
    ndim = next((len(rate) for _, rate in named if rate), 0)
    full = [(name, (Fraction(1),) * ndim if rate is None else rate) for name, rate in named]
    fixed = [[(name, rate, rate[axis]) for name, rate in full if rate and rate[axis]] for axis in range(ndim)]
    for (name, rate, first), *others in filter(None, fixed):
        for other, found, value in others:
            if value != first:
                raise ValueError(
                    f"branches must have the same rate to be added: {short(name)} has "
                    f"{show_rate(rate)}, {short(other)} has {show_rate(found)} (input samples per output "
                    "sample); give the shortcut the same stride"
                )
    if not ndim:
        return ANY_RATE if all(rate is not None for _, rate in named) else None
    return tuple(entries[0][2] if entries else None for entries in fixed)


def product_of_rates(rates: Iterable[Rate | None]) -> Rate | None:
    """Return the rate of networks in series."""
    total: Rate | None = None
    for rate in rates:
        if total is None or rate is None:
            total = rate if total is None else total
        else:
            both = zip(total, rate, strict=True) if total and rate else ()
            total = tuple(None if a is None or b is None else a * b for a, b in both)
    return total


def integral(rate: Fraction) -> int | Fraction:
    """Return a rate as an int where it is one."""
    return rate.numerator if rate.denominator == 1 else rate


def show_rate(rate: Rate) -> str:
    """Return a rate as a person writes it."""
    shown = ["any" if entry is None else str(entry) for entry in rate]
    return shown[0] if len(set(shown)) == 1 else "(" + ", ".join(shown) + ")"


# Input samples per output sample on each axis; None of an axis averaged away, whose single value fits any.
# Where the number of axes is open, None stands for 1 on all of them, and ANY_RATE for such averages.
Rate = tuple[Fraction | None, ...]
ANY_RATE: Rate = ()


# Longest repr of a network: one line of a wide screen.
LONGEST_REPR = 120


def begun(text: str, summary: str) -> str:
    """Return how a long expression begins, and a summary of what it makes.

    >>> begun("Series([" + "Conv(3), " * 99 + "])", "99 layers")[-25:]
    '3), Conv( ...: 99 layers>'
    """
    return f"<{text[: max(0, LONGEST_REPR - len(summary) - 8)]} ...: {summary}>"


def short(node: object) -> str:
    """Return a node as a message names it: its constructor call, cut where it is long."""
    text = spelled(node)
    return text if len(text) <= 60 else text[:57] + "..."
