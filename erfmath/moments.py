r"""Moments and cumulants of a kernel read as a law, exactly.

Cumulants of independent variables add, so those of P(z)^n are n times those of P. For k uniform taps
:math:`\kappa_1 = (k-1)/2`, :math:`\kappa_{2m} = B_{2m}(k^{2m}-1)/(2m)` and the other odd ones are 0.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from fractions import Fraction
from typing import Any, TypeVar

from ._checks import as_count, as_power
from .kernel import Kernel, as_kernel, first_negative

T = TypeVar("T", float, Fraction)


def cumulants(kernel: Kernel | Any, n: int = 1, order: int = 4) -> tuple[Fraction, ...] | tuple[float, ...]:
    r"""Return the cumulants :math:`\kappa_1 .. \kappa_{order}` of the law of P(z)^n, one axis.

    They are computed in rationals, floats being the binary fractions they are, so nothing cancels; exact
    weights give Fractions, floats give floats with a single rounding.

    Parameters
    ----------
    kernel
        A Kernel on one axis, or a sequence of weights, none negative; they need not sum to 1.
    n
        Number of factors.
    order
        The last cumulant.

    Raises
    ------
    ValueError
        If a weight is negative or the kernel has more than one axis.

    Examples
    --------
    >>> [str(value) for value in cumulants(Kernel([1, 1, 1]), 40)]
    ['40', '80/3', '0', '-80/3']
    """
    kernel, n, order = as_kernel(kernel), as_power(n), as_count(order, "order", minimum=1, maximum=100)
    law = exact_law(kernel)
    mean = sum(position * p for position, p in law)
    centred = [(position - mean, p) for position, p in law]
    moments = [Fraction(sum(x**r * p for x, p in centred)) for r in range(order + 1)]
    values = (Fraction(mean), *cumulants_from_moments(moments)[1:])
    scaled = [n * value for value in values]
    return tuple(scaled) if kernel.is_exact else tuple(float(value) for value in scaled)


def cumulants_from_moments(moments: Sequence[T]) -> list[T]:
    r"""Return kappa_1, kappa_2, ... from the moments m_0 = 1, m_1, m_2, ... about any point.

    .. math:: \kappa_r = m_r - \sum_{j=1}^{r-1} \binom{r-1}{j-1} \kappa_j\, m_{r-j}.
    """
    values: list[T] = []
    for r in range(1, len(moments)):
        mixed = (math.comb(r - 1, j - 1) * values[j - 1] * moments[r - j] for j in range(1, r))
        values.append(moments[r] - sum(mixed))
    return values


def exact_law(kernel: Kernel) -> list[tuple[int, Fraction]]:
    """Return (position, probability) of the taps of a kernel on one axis, in rationals of sum exactly 1."""
    require_law(kernel)
    if kernel.ndim > 1:
        raise ValueError(f"kernel has {kernel.ndim} axes; take one of them with kernel.marginal(axis)")
    taps = list(kernel.taps())
    total = sum(weight for _, weight in taps)
    return [(position[0], weight / total) for position, weight in taps]


def require_law(kernel: Kernel) -> None:
    """Raise when a weight is negative: the polynomial is then no law."""
    if not kernel.is_nonnegative:
        position, weight = first_negative(kernel)
        where = position[0] if kernel.ndim == 1 else position
        raise ValueError(
            f"kernel has the negative weight {float(weight):g} at position {where}, "
            "so its powers are no probability law; use coefficients() for signed weights, "
            "or the kernel of their magnitudes or squares"
        )
