"""The numbers of a kernel: ints, Fractions or floats in nested sequences."""

from __future__ import annotations

import itertools
import math
import numbers
import operator
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from typing import Any, TypeVar

import numpy as np

Number = int | Fraction | float
Result = TypeVar("Result")
_FLOATS = {float, np.float64}


def as_number(value: object) -> Number:
    """Return an exact number as int or Fraction, an inexact one as float."""
    if type(value) is float and math.isfinite(value):
        return value + 0.0  # turns -0.0 into 0.0
    if type(value) is int:
        return value
    if type(value) is Fraction:
        return value.numerator if value.denominator == 1 else value
    if isinstance(value, (bool, np.bool_)):
        raise TypeError(f"weights must be numbers, got the bool {value!r}; write 1 or 0")
    if isinstance(value, numbers.Rational):
        fraction = Fraction(int(value.numerator), int(value.denominator))
        return fraction.numerator if fraction.denominator == 1 else fraction
    if isinstance(value, (numbers.Real, np.floating)):
        number = float(value) + 0.0
        if not math.isfinite(number):
            raise ValueError(f"weights must be finite, got {value!r}")
        return number
    raise TypeError(
        f"weights must be ints, Fractions or floats, got {value!r} of type {type(value).__name__}"
    )


def plain_row(weights: Sequence[object]) -> tuple[Number, ...] | None:
    """Return weights that are all finite floats, or all ints; None for others, which are asked one by one.

    Thousands of short kernels are made of such rows.
    """
    kinds = {*map(type, weights)}
    if kinds == {int}:
        return tuple(weights)  # type: ignore[arg-type]
    if kinds and kinds <= _FLOATS and all(map(math.isfinite, weights)):  # type: ignore[arg-type]
        return tuple(of_each(_positive_zero, weights))
    return None


def _positive_zero(weight: Any) -> float:
    return float(weight) + 0.0  # which -0.0 becomes as well


def to_float(value: Number) -> float:
    """Return a number as a float, or raise where it is too large."""
    try:
        return float(value)
    except OverflowError:
        raise ValueError(
            "a weight is too large for a float; keep all weights exact and use method='exact', or normalize()"
        ) from None


def shape_of(weights: object) -> tuple[int, ...]:
    """Return the shape of nested sequences, or raise when they are empty or ragged."""
    weights = listed(weights)
    if not isinstance(weights, (list, tuple)):
        return ()
    if not weights:
        raise ValueError("weights must not be empty; Kernel([1]) is the identity")
    if {type(entry) for entry in weights} <= {int, float, Fraction}:
        return (len(weights),)
    shapes = {shape_of(entry) for entry in weights}
    if len(shapes) > 1:
        raise ValueError(f"weights must be a full grid, got rows of shapes {sorted(shapes)}")
    return (len(weights), *shapes.pop())


def are_one(values: Sequence[Any]) -> bool:
    """Return whether all entries are the same object, as those of uniform kernels are, at the cost of a look.

    >>> are_one([Fraction(1, 3)] * 4), are_one([Fraction(1, 3), Fraction(1, 3)])
    (True, False)
    """
    first = values[0]
    return first is values[-1] and all(map(operator.is_, values, itertools.repeat(first)))


def of_each(function: Callable[[Any], Result], values: Sequence[Any]) -> list[Result]:
    """Return the function of each entry, called once where all are the same object."""
    return [function(values[0])] * len(values) if are_one(values) else list(map(function, values))


def leaves(weights: Any) -> Iterator[Any]:
    """Yield the numbers of nested sequences, last axis fastest."""
    for entry in weights:
        if isinstance(entry, (float, int, Fraction)):  # asked first: far faster than an abstract class
            yield entry
        elif isinstance(entry, (Sequence, np.ndarray)) and not isinstance(entry, (str, bytes)):
            yield from leaves(entry)
        else:
            yield entry


def listed(weights: object) -> object:
    """Return an array or any sequence as a list, anything else as it is."""
    if isinstance(weights, (list, tuple)):  # asked first, as in leaves()
        return weights
    if isinstance(weights, np.ndarray):
        if hasattr(weights, "mask"):
            raise TypeError("weights must not be a masked array; take weights.compressed() or .filled(0)")
        return weights.tolist()
    return (
        list(weights) if isinstance(weights, Sequence) and not isinstance(weights, (str, bytes)) else weights
    )


def sum_of_one_kind(values: Sequence[Any]) -> Number:
    """Return the sum of numbers of one kind, of floats with one rounding unless it leaves their range."""
    if not isinstance(values[0], float):
        total: int | Fraction = values[0] * len(values) if are_one(values) else sum(values)
        return total
    try:
        return math.fsum(values)
    except OverflowError:
        return sum(map(Fraction, values), Fraction(0))


def listing(weights: Any) -> str:
    """Write nested tuples as the nested lists a user would type."""
    if isinstance(weights, tuple):
        return "[" + ", ".join(map(listing, weights)) + "]"
    return repr(weights)


def as_integers(values: Sequence[Any]) -> list[int]:
    """Return integers in the proportions of numbers of one kind, exactly."""
    if isinstance(values[0], float):
        mantissas, exponents = np.frexp(np.array(values))
        whole = np.ldexp(mantissas, 53).astype(np.int64).tolist()
        shifts = (exponents - exponents.min()).tolist()
        return [value << shift for value, shift in zip(whole, shifts, strict=True)]
    if are_one(values):
        return [values[0].numerator] * len(values)
    common = math.lcm(*(value.denominator for value in values))
    return [value.numerator * (common // value.denominator) for value in values]
