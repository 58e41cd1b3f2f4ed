"""Lengths of samples, pixels and voxels: what readings are in milliseconds, or in micrometres."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from ..words import figure, per_axis_text

_EXAMPLE = 'such as "2,.5,.5um", or (2, .5, .5, "um")'


@dataclass(frozen=True)
class Units:
    """The length of a sample along each axis, and the unit of these.

    Attributes
    ----------
    spacing
        From one sample to the next, per axis.
    unit
        Such as "ms" or "um".

    Examples
    --------
    >>> units_of(None, "2,.5,.5um", 3).text((9, 17, 17))
    '18 x 8.5 x 8.5 um'
    """

    spacing: tuple[Fraction, ...]
    unit: str

    def lengths(self, samples: Sequence[Any]) -> tuple[float, ...]:
        """Return numbers of samples along each axis as lengths."""
        pairs = zip(samples, self.spacing, strict=True)
        return tuple(float(n if math.isinf(n) else n * step) for n, step in pairs)

    def text(self, samples: Sequence[Any]) -> str:
        """Return numbers of samples along each axis as lengths with their unit."""
        ends = ("all" if math.isinf(length) else figure(length) for length in self.lengths(samples))
        return f"{per_axis_text(list(ends))} {self.unit}"

    def side(self, samples: float) -> float:
        """Return the side of a cube of samples, as that of a cube of the same volume."""
        return samples * math.prod(map(float, self.spacing)) ** (1 / len(self.spacing))


def units_of(rate: Any, spacing: Any, ndim: int) -> Units | None:
    """Return the units of a rate, or of a spacing as a user gives it; None of neither.

    Raises
    ------
    TypeError, ValueError
        If both are given, a rate on several axes, or lengths that are not positive or not one per axis.
    """
    if rate is not None and spacing is not None:
        raise ValueError("rate is for samples in time and spacing for pixels: give one of them")
    if rate is not None:
        if ndim > 1:
            raise ValueError(f"rate is for one axis, and the network has {ndim}: give spacing, {_EXAMPLE}")
        return Units((1000 / Fraction(rate),), "ms")
    if spacing is None:
        return None
    lengths, unit = _parsed(spacing)
    lengths = lengths * ndim if len(lengths) == 1 else lengths
    if len(lengths) != ndim:
        raise ValueError(f"spacing must have one length, or {ndim}, one per axis, got {spacing!r}")
    return Units(lengths, unit)


def _parsed(spacing: Any) -> tuple[tuple[Fraction, ...], str]:
    """Return the lengths and the unit of a text, or of a tuple with the unit at its end."""
    if isinstance(spacing, str):
        found = re.fullmatch(r"\s*([0-9.,\s]*[0-9.])\s*([^\W\d_]+)\s*", spacing)
        entries: list[Any] = [*found[1].split(","), found[2]] if found else []
    else:
        entries = list(spacing) if isinstance(spacing, (tuple, list)) else []
    if len(entries) < 2 or not isinstance(entries[-1], str) or not entries[-1].strip():
        raise ValueError(f"spacing must be lengths and a unit, {_EXAMPLE}, got {spacing!r}")
    return tuple(_length(entry, spacing) for entry in entries[:-1]), entries[-1].strip()


def _length(entry: Any, spacing: Any) -> Fraction:
    try:
        length = Fraction(0) if isinstance(entry, bool) else Fraction(entry)
    except (TypeError, ValueError, OverflowError):
        length = Fraction(0)
    if length <= 0:
        raise ValueError(f"spacing must hold positive lengths, {_EXAMPLE}, got {spacing!r}")
    return length
