"""What the arguments of a distribution's methods may be, with scipy's manners."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np

from .._checks import is_index
from .._memory import check_memory
from ..core.scaled import Floats

Points = np.ndarray[Any, np.dtype[np.int64]]
Bounds = tuple[float, float]
PointMethod = Callable[[Any, Points], Floats]

# Lattice points are int64; sums of two of them must be as well.
# Numbers above 1e-300 have logs up to this size, and errors of so many units from that of their log.
LARGEST_LOG = 691
# Unit round-off of floats.
UNIT = 2.0**-53
FARTHEST = 2**62

_LOG_HALF = -math.log(2)
_A_VARIATE = 24  # bytes: a uniform number, and the point, in int64


def of_points(off_lattice: float | None = None) -> Callable[[PointMethod], Callable[[Any, Any], Any]]:
    """Give a method of int64 points scipy's manners; `off_lattice` is its value between the integers.

    Arrays keep their shape, a scalar returns a float, nan returns nan, and points beyond the support
    arrive as the one next to it. Integers of any size stay exact.
    """

    def decorate(function: PointMethod) -> Callable[[Any, Any], Any]:
        @functools.wraps(function)
        def method(self: Any, x: Any) -> Any:
            x = real_array(x, "x")
            low, high = self.support()
            points, undefined = floor_of(x)
            # A support without an end ends, for points, where these do.
            points = np.clip(points, low - 1, min(high + 1, FARTHEST))
            values = np.where(undefined, np.nan, function(self, points))
            if off_lattice is not None and x.dtype.kind == "f":
                values = np.where((np.floor(x) == x) | undefined, values, off_lattice)
            return plain(values)

        del method.__wrapped__  # the signature is (self, x: Any), any number or array
        method.__annotations__ = {"x": "Any", "return": "Any"}
        return method

    return decorate


def of_shares(function: Callable[[Any, Floats], Floats]) -> Callable[[Any, Any], Any]:
    """Give a method of probabilities scipy's manners: nan outside [0, 1], a scalar returns a float."""

    @functools.wraps(function)
    def method(self: Any, q: Any) -> Any:
        shares = real_array(q, "q")
        # Integers may be too large for floats; two is outside as well.
        shares = np.asarray(np.clip(shares, -1, 2) if shares.dtype.kind == "O" else shares).astype(float)
        inside = (shares >= 0) & (shares <= 1)
        return plain(np.where(inside, function(self, np.where(inside, shares, 0.5)), np.nan))

    del method.__wrapped__
    method.__annotations__ = {"q": "Any", "return": "Any"}
    return method


def real_array(values: Any, name: str) -> np.ndarray[Any, Any]:
    """Return an array of float64, int64, or, for ints beyond, objects; or raise naming the argument."""
    if hasattr(values, "mask") and isinstance(values, np.ma.MaskedArray):  # whose import takes a while
        raise TypeError(f"{name} must not be a masked array; take {name}.compressed() or {name}.filled(..)")
    try:
        array = np.asarray(values)
    except ValueError:
        raise ValueError(f"{name} must be a number or a full array, got the ragged {values!r}") from None
    if array.dtype.kind == "O" and not all(isinstance(value, int) for value in array.flat):
        try:
            array = np.array([float(value) for value in array.flat]).reshape(array.shape)
        except (TypeError, ValueError, OverflowError):
            raise TypeError(f"{name} must be real numbers, got {values!r}") from None
    if array.dtype.kind == "u" and array.dtype.itemsize == 8:
        return array.astype(object)
    if array.dtype.kind in "biu":
        return array.astype(np.int64)
    if array.dtype.kind not in "fO":
        raise TypeError(f"{name} must be real numbers, got {values!r}")
    return array.astype(float) if array.dtype.kind == "f" else array


def as_size(size: Any) -> tuple[int, ...] | None:
    """Return the shape of a sample: None for a single variate, or a tuple of ints."""
    sides = (size,) if is_index(size) else size
    if sides is None:
        return None
    if not isinstance(sides, (tuple, list)) or not all(is_index(side) for side in sides):
        raise TypeError(f"size must be None, an int or a tuple of ints, got {size!r}")
    shape = tuple(operator.index(side) for side in sides)
    if any(side < 0 for side in shape):
        raise ValueError(f"size must not be negative, got {size!r}")
    check_memory(_A_VARIATE * math.prod(shape), f"size={size!r}", "draw fewer at a time")
    return shape


def as_generator(rng: Any) -> np.random.Generator:
    """Return the random generator that `rng` is or seeds."""
    try:
        return np.random.default_rng(rng)
    except (TypeError, ValueError) as error:
        raise type(error)(
            f"rng must be a numpy.random.Generator, a seed (an int, at least 0) or None, got {rng!r}"
        ) from None


def log_of(values: Floats) -> Floats:
    """Return the logarithms, -inf at 0 as scipy has it, and no warning."""
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(values))


def log_complement(logs: Floats, rest: Floats) -> Floats:
    """Return the logs of shares, those above 1/2 by way of the logs of what is left, at most 1."""
    return np.where(logs < _LOG_HALF, logs, np.log1p(-np.exp(np.minimum(rest, _LOG_HALF))))


def outwards(low: Fraction, high: Fraction) -> Bounds:
    """Return the floats next to two bounds of a probability, on their far sides or equal to them."""
    below, above = (float(min(max(end, Fraction(0)), Fraction(1))) for end in (low, high))
    below = math.nextafter(below, 0.0) if Fraction(below) > low else below
    return below, math.nextafter(above, 1.0) if Fraction(above) < high else above


def plain(values: Any) -> Any:
    """Return a float for a single value, an array as it is."""
    return float(values) if np.ndim(values) == 0 else values


def expected(func: Any, possible: Callable[[], tuple[Floats, Floats]]) -> float:
    """Return the sum of func(points) times their probabilities; these are listed once func is a function."""
    if not callable(func):
        raise TypeError(f"func must be a function of an array of points, got {func!r}")
    points, shares = possible()
    values = real_array(func(points), "the values of func").astype(float)
    if values.shape not in ((), shares.shape):
        raise ValueError(f"func must return one number per point, got shape {values.shape}")
    return float(np.sum(shares * values))


def read_only(array: Floats) -> Floats:
    """Return the array, closed to writing: it is shared."""
    array.flags.writeable = False
    return array


def floor_of(x: np.ndarray[Any, Any]) -> tuple[Points, Any]:
    """Return (floor of x as int64, anything beyond 62 bits at that limit, and where x is nan)."""
    if x.dtype.kind == "f":
        undefined = np.isnan(x)
        return np.clip(np.floor(np.where(undefined, 0, x)), -FARTHEST, FARTHEST).astype(np.int64), undefined
    return np.asarray(np.clip(x, -FARTHEST, FARTHEST)).astype(np.int64), np.zeros(x.shape, bool)
