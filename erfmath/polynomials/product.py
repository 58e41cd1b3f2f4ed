"""Products of powers of kernels: the factored form that a stack of layers has."""

from __future__ import annotations

import functools
import math
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, NamedTuple

from .._checks import MAX_POWER, as_axis, as_power, per_axis
from .kernel import Kernel, as_kernel, log2


class Factor(NamedTuple):
    """The power P(z^step)^n of one kernel; `step` has an int per axis.

    Attributes
    ----------
    kernel
        The kernel P.
    n
        The power.
    step
        The step between taps, an int per axis: a dilation times the strides before it.

    Examples
    --------
    >>> import erfmath as em
    >>> em.Product([([1, 2, 1], 3, 2)]).factors[0]
    Factor(kernel=Kernel([1, 2, 1]), n=3, step=(2,))
    """

    kernel: Kernel
    n: int
    step: tuple[int, ...]


@dataclass(frozen=True, init=False)
class Product:
    r"""The polynomial :math:`\prod_i P_i(z^{a_i})^{n_i}`: kernels, how often, and at which steps.

    Canonical form: equal kernels at equal steps are one factor, in the order of first appearance, and
    no power is zero unless nothing else is there.

    Parameters
    ----------
    factors
        Tuples ``(kernel, n)`` or ``(kernel, n, step)``; the step (a dilation, or the product of the
        strides before) is an int or one per axis, 1 by default.

    Raises
    ------
    TypeError, ValueError
        If there is no factor, the numbers of axes differ, a step is below 1, or the powers add up to
        more than 10**15.

    Examples
    --------
    >>> import erfmath as em
    >>> stack = em.Product([([1, 1], 2), ([1, 1], 1), ([1, 1, 1], 1, 2)])
    >>> stack, stack.n
    (Product([(Kernel([1, 1]), 3), (Kernel([1, 1, 1]), 1, 2)]), 4)
    >>> stack.ndim, stack.shape, stack.offsets, em.Product(*stack.args) == stack
    (1, (8,), (0,), True)
    >>> stack.is_exact, stack.is_nonnegative, round(2**stack.log2_norm)
    (True, True, 24)
    """

    factors: tuple[Factor, ...]

    def __init__(self, factors: Iterable[Sequence[Any]]) -> None:
        powers: dict[tuple[Kernel, tuple[int, ...]], int] = defaultdict(int)
        if not isinstance(factors, Iterable):
            raise TypeError(
                f"factors must be a sequence of (kernel, n) or (kernel, n, step), got {factors!r}"
            )
        for entry in factors:
            kernel, n, step = _checked(entry)
            powers[kernel, step] += n
        if not powers:
            raise ValueError("factors must hold at least one (kernel, n)")
        if len({kernel.ndim for kernel, _ in powers}) > 1:
            raise ValueError(
                f"all kernels must have as many axes, got {[kernel.ndim for kernel, _ in powers]}"
            )
        if sum(powers.values()) > MAX_POWER:
            raise ValueError(
                f"n must be at most {MAX_POWER:.0e} over all factors, got {sum(powers.values())}"
            )
        kept = [Factor(kernel, n, steps) for (kernel, steps), n in powers.items() if n]
        first = next(iter(powers))
        object.__setattr__(self, "factors", tuple(kept) or (Factor(first[0], 0, first[1]),))

    @property
    def n(self) -> int:
        """Number of kernels multiplied, the sum of the powers."""
        return sum(f.n for f in self.factors)

    @property
    def args(self) -> tuple[tuple[Factor, ...]]:
        """The arguments that rebuild the product."""
        return (self.factors,)

    @cached_property
    def ndim(self) -> int:
        """Number of axes."""
        return self.factors[0].kernel.ndim

    @cached_property
    def shape(self) -> tuple[int, ...]:
        """Number of coefficients per axis, 1 + sum of n a (k - 1)."""
        return tuple(
            1 + sum(f.n * f.step[axis] * (f.kernel.shape[axis] - 1) for f in self.factors)
            for axis in range(self.ndim)
        )

    @cached_property
    def offsets(self) -> tuple[int, ...]:
        """Lattice position of the first coefficient per axis."""
        return tuple(
            sum(f.n * f.step[axis] * f.kernel.offsets[axis] for f in self.factors)
            for axis in range(self.ndim)
        )

    @cached_property
    def is_exact(self) -> bool:
        """Whether all weights are ints and Fractions."""
        return all(f.kernel.is_exact for f in self.factors)

    @cached_property
    def is_nonnegative(self) -> bool:
        """Whether no weight is negative."""
        return all(f.kernel.is_nonnegative for f in self.factors)

    @cached_property
    def log2_norm(self) -> float:
        """log2 of the product of the norms, which bounds every coefficient."""
        return math.fsum(f.n * log2(f.kernel.norm) for f in self.factors)

    def normalize(self) -> Product:
        """Return the product of the kernels scaled to sum 1.

        Examples
        --------
        >>> import erfmath as em
        >>> em.Product([([1, 3], 2)]).normalize()
        Product([(Kernel([Fraction(1, 4), Fraction(3, 4)]), 2)])
        """
        return Product((f.kernel.normalize(), f.n, f.step) for f in self.factors)

    def marginal(self, axis: int) -> Product:
        """Return the product on one axis, summed over all others.

        Parameters
        ----------
        axis
            Which axis, from 0; negative numbers count from the last.

        Returns
        -------
        Product

        Raises
        ------
        TypeError, ValueError
            If there is no such axis, or weights cancel along it.

        Examples
        --------
        >>> import erfmath as em
        >>> em.Product([([[1, 2], [3, 4]], 5)]).marginal(0)
        Product([(Kernel([3, 7]), 5)])
        """
        axis = as_axis(axis, self.ndim)
        return Product((f.kernel.marginal(axis), f.n, f.step[axis]) for f in self.factors)

    def separate(self) -> tuple[Product, ...] | None:
        """Return one product per axis whose outer product this is, or None when a kernel has none.

        Examples
        --------
        >>> import erfmath as em
        >>> em.Product([([[1, 2], [2, 4]], 5)]).separate()
        (Product([(Kernel([2, 4]), 5)]), Product([(Kernel([Fraction(1, 2), 1]), 5)]))
        >>> em.Product([([[1, 2], [3, 4]], 5)]).separate() is None
        True
        """
        if self.ndim == 1:
            return (self,)
        parts = [f.kernel.separate() for f in self.factors]
        if any(part is None for part in parts):
            return None
        return tuple(
            Product(
                (part[axis], f.n, f.step[axis]) for f, part in zip(self.factors, parts, strict=True) if part
            )
            for axis in range(self.ndim)
        )

    def __hash__(self) -> int:
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash(self.factors)

    def __repr__(self) -> str:
        return f"Product([{', '.join(map(_entry, self.factors))}])"


@functools.singledispatch
def as_product(value: object, n: object = 1) -> Product:
    """Return the n-th power of a Product, a Kernel or a sequence of weights; networks register theirs."""
    power = as_power(n)
    if isinstance(value, Product):
        return value if power == 1 else Product((f.kernel, f.n * power, f.step) for f in value.factors)
    kernel = as_kernel(value)
    product = object.__new__(Product)  # one factor is in canonical form as it stands
    object.__setattr__(product, "factors", (Factor(kernel, power, (1,) * kernel.ndim),))
    return product


@functools.singledispatch
def on_axis(value: object, n: object, axis: int | None) -> Product:
    """Return the n-th power seen along one axis; without a number, the axes have to look alike.

    Networks register theirs.
    """
    polynomial = as_product(value, n)
    return alike([polynomial.marginal(a) for a in axes_of(axis, polynomial.ndim)])


def axes_of(axis: int | None, ndim: int) -> Sequence[int]:
    """Return the axes that stand for `axis`: that one, or all of them for None."""
    return range(ndim) if axis is None else [as_axis(axis, ndim)]


def alike(marginals: Sequence[Product]) -> Product:
    """Return the one marginal there is, or raise where axes differ."""
    if any(marginal != marginals[0] for marginal in marginals[1:]):
        raise ValueError(f"axis must be given, 0 to {len(marginals) - 1}: the axes differ")
    return marginals[0]


def _checked(entry: Any) -> Factor:
    if not isinstance(entry, (tuple, list)) or len(entry) not in (2, 3):
        raise ValueError(f"factors must hold (kernel, n) or (kernel, n, step), got {entry!r}")
    kernel, n, *step = entry
    kernel = as_kernel(kernel)
    steps = per_axis(step[0] if step else 1, kernel.ndim, "step", minimum=1)
    return Factor(kernel, as_power(n), steps)


def _entry(factor: Factor) -> str:
    if set(factor.step) == {1}:
        return f"({factor.kernel!r}, {factor.n})"
    step = factor.step[0] if len(set(factor.step)) == 1 else factor.step
    return f"({factor.kernel!r}, {factor.n}, {step})"
