"""Rates, gains and numbers of axes: what the parts of a network must have in common."""

from __future__ import annotations

import math
import numbers
from collections.abc import Iterable, Sequence
from fractions import Fraction
from typing import TYPE_CHECKING, Any

import numpy as np

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


def common_rate(rates: Iterable[tuple[object, Rate | None]]) -> None:
    """Raise where branches differ in their rates; an entry is (the branch or its name, its rate)."""
    named = list(rates)
    ndim = next((len(rate) for _, rate in named if rate is not None), 1)
    full = [(name, rate or (Fraction(1),) * ndim) for name, rate in named]
    for name, rate in full[1:]:
        if rate != full[0][1]:
            raise ValueError(
                f"branches must have the same rate to be added: {short(full[0][0])} has "
                f"{show_rate(full[0][1])}, {short(name)} has {show_rate(rate)} (input samples per output "
                "sample); give the shortcut the same stride"
            )


def product_of_rates(rates: Iterable[Rate | None]) -> Rate | None:
    """Return the rate of networks in series."""
    total: Rate | None = None
    for rate in rates:
        if rate is not None:
            total = rate if total is None else tuple(a * b for a, b in zip(total, rate, strict=True))
    return total


def integral(rate: Fraction) -> int | Fraction:
    """Return a rate as an int where it is one."""
    return rate.numerator if rate.denominator == 1 else rate


def show_rate(rate: Rate) -> str:
    """Return a rate as a person writes it."""
    return str(rate[0]) if len(set(rate)) == 1 else "(" + ", ".join(map(str, rate)) + ")"


Rate = tuple[Fraction, ...]


def short(node: object) -> str:
    """Return a node as a message names it: its constructor call, cut where it is long."""
    text = repr(node)
    return text if len(text) <= 60 else text[:57] + "..."
