"""The kernel of a convolution as a value: weights on a lattice, in any number of axes."""

from __future__ import annotations

import itertools
import math
import operator
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from .._checks import as_axis, as_count, how_to_read, others_of, per_axis
from .._memory import check_memory
from .weights import (
    Number,
    are_one,
    as_integers,
    as_number,
    leaves,
    listed,
    listing,
    of_each,
    plain_row,
    shape_of,
    sum_of_one_kind,
    to_float,
)

# Moments up to this order are kept with the kernel: every distribution asks for the first two.
_CACHED_ORDER = 4


@dataclass(frozen=True, init=False, repr=False, eq=False)
class Kernel:
    r"""Weights on a lattice: the polynomial :math:`P(z) = \sum_j w_j z^{o + j}`.

    Canonical form: `weights` are nested tuples of one kind of number, either all exact (`int`, and
    `Fraction` where not integral) or, as soon as one of them is a float, all `float`. Outer zeros
    are kept, since they belong to the size of the kernel (a field spans the taps that are not zero);
    on one axis `offset` is an int, on more a tuple with an int per axis. Kernels compare and hash by
    value and kind of number: ``Kernel([1]) != Kernel([1.0])``, since only the first has exact readings.

    Parameters
    ----------
    weights
        Nested sequences or an array of ints, Fractions or floats, of any sign. At least one is not zero.
    offset
        Lattice position of the first weight, an int or one per axis.

    Raises
    ------
    TypeError
        If a weight is no real number (a bool, a complex, a string).
    ValueError
        If the weights are empty, ragged, all zero, nan or infinite.

    Examples
    --------
    >>> from fractions import Fraction
    >>> from erfmath import Kernel
    >>> Kernel([Fraction(1, 3), 1], offset=-1).shift(2)
    Kernel([Fraction(1, 3), 1], offset=1)
    >>> kernel = Kernel([[1, -2, 0], [0, 0, 1]])
    >>> kernel.shape, kernel.ndim, kernel.offsets, Kernel(*kernel.args) == kernel
    ((2, 3), 2, (0, 0), True)
    >>> kernel.total, kernel.exact_total, kernel.norm
    (0, Fraction(0, 1), 4)
    >>> kernel.is_exact, kernel.is_nonnegative, kernel.has_zeros
    (True, False, True)
    >>> Kernel([1, 2, 1]).deviations, Kernel([1, 2, 1]).to_numpy()
    ((0.7071067811865476,), array([1., 2., 1.]))
    """

    weights: tuple[Any, ...]
    offset: int | tuple[int, ...]

    def __init__(self, weights: Any, offset: int | Sequence[int] = 0) -> None:
        weights = listed(weights)
        if not isinstance(weights, (list, tuple)):
            raise TypeError(
                f"weights must be a sequence or an array, got {weights!r}; "
                "Kernel.uniform(k) makes k equal taps"
            )
        row = plain_row(weights)
        flat, shape = (row, (len(row),)) if row else _numbers(weights)
        if not any(flat):
            raise ValueError("weights must not be all zero: the zero polynomial has no field")
        offsets = per_axis(offset, len(shape), "offset")
        object.__setattr__(self, "weights", _nest(flat, shape))
        object.__setattr__(self, "offset", offsets if len(shape) > 1 else offsets[0])
        object.__setattr__(self, "shape", shape)  # known here already

    @classmethod
    def uniform(cls, size: int | Sequence[int]) -> Kernel:
        """Return `size` equal taps of weight 1, per axis: 1 + z + ... + z^(size-1).

        Parameters
        ----------
        size
            Number of taps, an int or one per axis.

        Returns
        -------
        Kernel

        Raises
        ------
        TypeError, ValueError
            If `size` is no positive int, or none on an axis, or more than the memory holds.

        Examples
        --------
        >>> from erfmath import Kernel
        >>> Kernel.uniform(3), Kernel.uniform((2, 3)).shape
        (Kernel([1, 1, 1]), (2, 3))
        """
        shape = _sizes(size)
        return cls(_nest([1] * math.prod(shape), shape))

    @classmethod
    def binomial(cls, size: int | Sequence[int]) -> Kernel:
        """Return the row of `size` binomial coefficients, per axis: (1 + z)^(size-1).

        Parameters
        ----------
        size
            Number of taps, an int or one per axis.

        Returns
        -------
        Kernel

        Raises
        ------
        TypeError, ValueError
            If `size` is no positive int, or none on an axis, or more than the memory holds.

        References
        ----------
        OEIS A007318, Pascal's triangle.

        Examples
        --------
        >>> from erfmath import Kernel
        >>> Kernel.binomial(4)
        Kernel([1, 3, 3, 1])
        """
        shape = _sizes(size)
        rows = [[math.comb(length - 1, j) for j in range(length)] for length in shape]
        return cls(_nest([math.prod(entry) for entry in itertools.product(*rows)], shape))

    @property
    def args(self) -> tuple[tuple[Any, ...], int | tuple[int, ...]]:
        """The arguments that rebuild the kernel: ``Kernel(*k.args) == k``."""
        return self.weights, self.offset

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Number of taps per axis, outer and inner zeros counted."""
        shape: list[int] = []
        level: Any = self.weights
        while isinstance(level, tuple):
            shape.append(len(level))
            level = level[0]
        return tuple(shape)

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.shape)

    @property
    def offsets(self) -> tuple[int, ...]:
        """The offset as a tuple, whatever the number of axes."""
        return (self.offset,) if isinstance(self.offset, int) else self.offset

    @cached_property
    def _flat(self) -> tuple[Any, ...]:
        """The weights of all axes one after the other."""
        return self.weights if self.ndim == 1 else tuple(leaves(self.weights))

    @cached_property
    def is_exact(self) -> bool:
        """Whether the weights are ints and Fractions, so that exact methods apply."""
        return not isinstance(self._flat[0], float)

    @cached_property
    def is_nonnegative(self) -> bool:
        """Whether no weight is negative, so that the powers are distributions up to scale."""
        return all(of_each(_is_nonnegative, self._flat))

    @cached_property
    def has_zeros(self) -> bool:
        """Whether a weight is zero."""
        return not all(of_each(bool, self._flat))

    @cached_property
    def total(self) -> Number:
        """The sum of the weights, P(1); of floats with one rounding, a Fraction beyond their range."""
        return sum_of_one_kind(self._flat)

    @cached_property
    def exact_total(self) -> Fraction:
        """The sum of the weights, of floats to twice their precision, for powers that keep their digits."""
        total = self.total
        if not isinstance(total, float):
            return Fraction(total)
        return Fraction(total) + Fraction(math.fsum([*self._flat, -total]))

    @cached_property
    def norm(self) -> Number:
        """The sum of the magnitudes of the weights, which bounds every coefficient of P^n by norm^n."""
        return sum_of_one_kind(of_each(abs, self._flat))

    def power_sums(self, order: int) -> tuple[int, ...]:
        """Return the sums of w_j j**r, r = 0 .. order, on one axis, all times one positive factor; exactly.

        Parameters
        ----------
        order
            The last power, at least 0.

        Returns
        -------
        tuple of int
            In the proportions of the sums.

        Raises
        ------
        TypeError, ValueError
            If `order` is no integer from 0 on, or the kernel has several axes.

        Examples
        --------
        >>> from fractions import Fraction
        >>> from erfmath import Kernel
        >>> Kernel([Fraction(1, 6), Fraction(1, 3)], offset=-1).power_sums(2)
        (3, 2, 2)
        """
        order = as_count(order, "order")
        if self.ndim > 1:
            raise ValueError(f"kernel has {self.ndim} axes; take one of them with kernel.marginal(axis)")
        if order > _CACHED_ORDER:
            return self._sums_to(order)
        return self._first_sums[: order + 1]

    @cached_property
    def _first_sums(self) -> tuple[int, ...]:
        return self._sums_to(_CACHED_ORDER)

    def _sums_to(self, order: int) -> tuple[int, ...]:
        terms = as_integers(self.weights)
        sums = [sum(terms)]
        for _ in range(order):
            terms = list(map(operator.mul, range(len(terms)), terms))
            sums.append(sum(terms))
        return tuple(sums)

    @cached_property
    def deviations(self) -> tuple[float, ...]:
        """The standard deviation of non-negative weights along each axis, in floats."""
        weights, _ = self.scaled_floats
        found = []
        for axis, side in enumerate(self.shape):
            marginal = weights.sum(axis=others_of(axis, self.ndim))
            mean = float(marginal @ np.arange(side) / marginal.sum())
            found.append(math.sqrt(float(marginal @ (np.arange(side) - mean) ** 2 / marginal.sum())))
        return tuple(found)

    def taps(self) -> Iterator[tuple[tuple[int, ...], Fraction]]:
        """Yield (position, weight) of every tap that is not zero, floats as the exact rationals they are.

        >>> from erfmath import Kernel
        >>> list(Kernel([0.5, 0, 1.5], offset=-1).taps())
        [((-1,), Fraction(1, 2)), ((1,), Fraction(3, 2))]
        """
        positions = itertools.product(
            *(range(o, o + k) for o, k in zip(self.offsets, self.shape, strict=True))
        )
        for position, weight in zip(positions, self._flat, strict=True):
            if weight:
                yield position, Fraction(weight)

    @cached_property
    def numerators(self) -> tuple[np.ndarray[Any, np.dtype[np.float64]], int]:
        """(Weights times d as floats, d), d the common denominator of exact weights and 1 for floats.

        It is 1 also where the products would leave the range of floats.

        >>> from fractions import Fraction
        >>> from erfmath import Kernel
        >>> Kernel([Fraction(1, 3), Fraction(2, 3)]).numerators
        (array([1., 2.]), 3)
        """
        if not self.is_exact:
            return _read_only(self.to_numpy()), 1
        weights = self._flat
        denominator = math.lcm(*of_each(operator.attrgetter("denominator"), weights))
        if denominator * self.norm > sys.float_info.max:
            return _read_only(self.to_numpy()), 1
        flat = of_each(lambda value: float(value * denominator), weights)
        return _read_only(np.array(flat).reshape(self.shape)), denominator

    @cached_property
    def scaled_floats(self) -> tuple[np.ndarray[Any, np.dtype[np.float64]], int]:
        """(Weights times 2**-e as floats, e): weights of any size, the largest magnitude between 1 and 2.

        >>> from erfmath import Kernel
        >>> Kernel([10**400, 10**400]).scaled_floats
        (array([1.70673368, 1.70673368]), 1328)
        """
        flat = self._flat
        largest = abs(flat[0]) if are_one(flat) else max(map(abs, flat))
        exponent = math.floor(log2(largest)) if largest else 0
        if not self.is_exact:
            return _read_only(np.ldexp(np.array(flat).reshape(self.shape), -exponent)), exponent
        unit = Fraction(2) ** -exponent
        scaled = of_each(lambda value: float(value * unit), flat)
        return _read_only(np.array(scaled).reshape(self.shape)), exponent

    def to_numpy(self) -> np.ndarray[Any, np.dtype[np.float64]]:
        """Return the weights as a float array.

        Raises
        ------
        ValueError
            If an exact weight is beyond the range of floats.
        """
        flat = of_each(to_float, self._flat)
        return np.array(flat).reshape(self.shape)

    def dilate(self, dilation: int | Sequence[int]) -> Kernel:
        """Return P(z^d): d - 1 zeros between neighbouring taps, per axis.

        Parameters
        ----------
        dilation
            The step d between taps, an int or one per axis, at least 1.

        Returns
        -------
        Kernel

        Raises
        ------
        TypeError, ValueError
            If `dilation` is no positive int, or the taps are more than the memory holds.

        Examples
        --------
        >>> from erfmath import Kernel
        >>> Kernel([1, 2, 3], offset=-1).dilate(2)
        Kernel([1, 0, 2, 0, 3], offset=-2)
        """
        steps = per_axis(dilation, self.ndim, "dilation", minimum=1)
        shape = [d * (k - 1) + 1 for d, k in zip(steps, self.shape, strict=True)]
        check_memory(
            40 * math.prod(shape), f"a kernel of {shape} taps", "give the dilation as a step of a Product"
        )
        spread = np.zeros(shape, dtype=object)
        spread[tuple(slice(None, None, d) for d in steps)] = np.array(self.weights, dtype=object)
        return Kernel(spread, tuple(d * o for d, o in zip(steps, self.offsets, strict=True)))

    def shift(self, by: int | Sequence[int]) -> Kernel:
        """Return z^by P(z): the same weights, `by` lattice points on.

        Parameters
        ----------
        by
            An int or one per axis, of any sign.

        Returns
        -------
        Kernel

        Raises
        ------
        TypeError, ValueError
            If `by` is no int, or not one per axis.

        Examples
        --------
        >>> from erfmath import Kernel
        >>> Kernel([1, 2, 1]).shift(-1)
        Kernel([1, 2, 1], offset=-1)
        """
        steps = per_axis(by, self.ndim, "by")
        return Kernel(self.weights, tuple(o + s for o, s in zip(self.offsets, steps, strict=True)))

    def normalize(self) -> Kernel:
        """Return the kernel of sum 1; ints become Fractions.

        >>> from erfmath import Kernel
        >>> Kernel([1, 2, 1]).normalize()
        Kernel([Fraction(1, 4), Fraction(1, 2), Fraction(1, 4)])
        """
        total = self.total
        if total == 0:
            raise ValueError("weights sum to 0, so the kernel cannot be normalised to sum 1")
        flat = self._flat
        if isinstance(total, float):
            shares: list[Number] = [value / total for value in flat]
        else:  # exact weights, or floats whose sum leaves their range
            known = {value: Fraction(value) / total for value in (flat[:1] if are_one(flat) else set(flat))}
            shares = of_each(known.__getitem__, flat)
        return Kernel(_nest(shares if self.is_exact else [float(v) for v in shares], self.shape), self.offset)

    def marginal(self, axis: int) -> Kernel:
        """Return the kernel on one axis, summed over all others.

        Parameters
        ----------
        axis
            Which axis, from 0; negative numbers count from the last.

        Returns
        -------
        Kernel

        Raises
        ------
        TypeError, ValueError
            If there is no such axis, or the weights cancel along it.

        Examples
        --------
        >>> from erfmath import Kernel
        >>> Kernel([[1, 2], [3, 4]]).marginal(0)
        Kernel([3, 7])
        """
        axis = as_axis(axis, self.ndim)
        if self.ndim == 1:
            return self
        grid = np.array(self.weights, dtype=object)
        sums = np.array(grid.sum(axis=others_of(axis, self.ndim)))
        if not sums.any():
            raise ValueError(f"the weights cancel along axis {axis}: the marginal is zero, not a kernel")
        return Kernel(sums, self.offsets[axis])

    def separate(self) -> tuple[Kernel, ...] | None:
        """Return one kernel per axis whose outer product this is, or None when there is none.

        Exact weights are compared exactly, floats to two units in the last place for each axis.

        >>> from erfmath import Kernel
        >>> Kernel([[1, 2], [2, 4]]).separate()
        (Kernel([2, 4]), Kernel([Fraction(1, 2), 1]))
        >>> Kernel([[1, 2], [3, 4]]).separate() is None
        True
        """
        if self.ndim == 1:
            return (self,)
        first, *others = self._flat[:1] if are_one(self._flat) else set(self._flat)
        if not others:  # uniform taps, as most have
            weights = [first] + [1 if self.is_exact else 1.0] * (self.ndim - 1)
            parts = zip(weights, self.shape, self.offsets, strict=True)
            return tuple(Kernel([weight] * side, offset) for weight, side, offset in parts)
        grid = np.array(self.weights, dtype=object)
        pivot: tuple[Any, ...] = np.unravel_index(int(np.argmax(np.abs(grid))), grid.shape)
        fibres: list[Any] = [grid[(*pivot[:a], slice(None), *pivot[a + 1 :])] for a in range(self.ndim)]
        peak = Fraction(grid[pivot]) if self.is_exact else grid[pivot]
        fibres[1:] = [fibre / peak for fibre in fibres[1:]]
        product = fibres[0]
        for fibre in fibres[1:]:
            product = np.multiply.outer(product, fibre)
        tolerance = 0 if self.is_exact else 2 * self.ndim * np.finfo(float).eps
        if (np.abs(product - grid) > tolerance * np.abs(grid)).any():
            return None
        return tuple(Kernel(fibre, o) for fibre, o in zip(fibres, self.offsets, strict=True))

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Kernel):
            return NotImplemented
        if self is other:
            return True
        if (self._hash, self.offset, self.is_exact) != (other._hash, other.offset, other.is_exact):
            return False
        if are_one(self.weights) and are_one(other.weights):
            return len(self.weights) == len(other.weights) and self.weights[0] == other.weights[0]
        return self.weights == other.weights

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash((tuple(of_each(hash, self.weights)), self.offset, self.is_exact))

    def __repr__(self) -> str:
        offset = f", offset={self.offset!r}" if any(self.offsets) else ""
        return f"Kernel({listing(self.weights)}{offset})"


def _is_nonnegative(value: Number) -> bool:
    return value >= 0


def log2(number: Number) -> float:
    """Return the binary logarithm of a positive number of any size."""
    if isinstance(number, float):
        return math.log2(number)
    return math.log2(number.numerator) - math.log2(number.denominator)


def as_kernel(value: object) -> Kernel:
    """Return `value` when it is a Kernel, or the kernel of a sequence or array of weights."""
    if isinstance(value, Kernel):
        return value
    if isinstance(value, (list, tuple, np.ndarray, Sequence)) and not isinstance(value, (str, bytes)):
        return Kernel(value)
    given = " ".join(repr(value).split())[:60]  # modules of other libraries have pages
    raise TypeError(
        f"kernel must be a Kernel or a sequence of weights, got {given} of type {type(value).__name__}"
        f"{how_to_read(value)}"
    )


def _read_only(array: np.ndarray[Any, Any]) -> np.ndarray[Any, Any]:
    array.flags.writeable = False
    return array


def _numbers(weights: Sequence[Any]) -> tuple[Sequence[Number], tuple[int, ...]]:
    """Return the numbers of nested sequences, all of one kind, and the shape."""
    shape = shape_of(weights)
    flat = of_each(as_number, weights if len(shape) == 1 else list(leaves(weights)))
    if float in set(map(type, flat)):
        flat = of_each(to_float, flat)
    return flat, shape


def _nest(flat: Sequence[Number], shape: tuple[int, ...]) -> tuple[Any, ...]:
    """Return the numbers as nested tuples of the given shape."""
    for length in reversed(shape[1:]):
        flat = [tuple(flat[i : i + length]) for i in range(0, len(flat), length)]  # type: ignore[misc]
    return tuple(flat)


def _sizes(size: int | Sequence[int]) -> tuple[int, ...]:
    """Return a kernel size, an int or one per axis, as a tuple of positive ints."""
    ndim = len(size) if isinstance(size, (Sequence, np.ndarray)) else 1
    if ndim == 0:
        raise ValueError("size must name at least one axis, got ()")
    sizes = per_axis(size, ndim, "size", minimum=1)
    check_memory(40 * math.prod(sizes), f"a kernel of {sizes} taps", "use fewer")
    return sizes
