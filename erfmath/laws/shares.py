"""Whether a part holds a share of the whole: the smaller of what is in it and of what is left out decides."""

from __future__ import annotations

import math
from typing import Any

from .._checks import as_fraction_of_one
from ..core.scaled import Floats

# Quantities within this of each other (relative) are equal.
TIE = 1e-12

_ROUNDING = 2.0**-53


class Level(float):
    r"""A share :math:`\ell` that may be left out, so that :math:`h = 1 - \ell` is to be held.

    One of them is given, and the float next to its complement errs by :math:`2^{-53}`, much of a small share.
    So a part of mass m holds enough where :math:`m \ge h` if h is at most 1/2, and else where what is left
    out is at most :math:`\ell`; up to a tie of 1e-12, and up to that rounding where it is the complement.

    Attributes
    ----------
    held
        The share to be held.
    least, most
        The least that is enough inside, and the most that may be outside.

    Examples
    --------
    >>> import numpy as np
    >>> level = Level.holding(1e-20)
    >>> float(level), level.held, level.is_met(np.array([9e-21, 1e-20]), np.ones(2))
    (0.9999999999999999, 1e-20, array([False,  True]))
    """

    held: float
    least: float
    most: float

    def __new__(cls, level: float) -> Level:
        """Return the share to be left out, its complement that to be held."""
        return level if isinstance(level, Level) else cls._of(level, 1 - level, is_held_given=False)

    @classmethod
    def holding(cls, share: float) -> Level:
        """Return the complement of a share to be held."""
        return cls._of(min(1 - share, math.nextafter(1.0, 0.0)), share, is_held_given=True)

    @classmethod
    def _of(cls, left: float, held: float, is_held_given: bool) -> Level:
        found = super().__new__(cls, left)
        found.held = held
        found.least = held * (1 - TIE) - (0.0 if is_held_given else _ROUNDING * left)
        found.most = left * (1 + TIE) + (_ROUNDING * held if is_held_given else 0.0)
        return found

    @property
    def is_small(self) -> bool:
        """Whether what is inside decides, being the smaller part."""
        return self.held <= 0.5

    def is_met(self, inside: Floats | float, outside: Floats | float) -> Any:
        """Return whether parts hold enough, by the masses inside and outside, the whole being 1."""
        return inside >= self.least if self.is_small else outside <= self.most


def as_level(level: Any, name: str = "level") -> Level:
    """Return a number strictly between 0 and 1 as a level, or raise naming the argument."""
    return level if isinstance(level, Level) else Level(as_fraction_of_one(level, name))
