r"""Design rules that follow from the algebra: dilations without holes, smooth fields, light centres."""

from __future__ import annotations

import math
import numbers
from collections.abc import Sequence
from fractions import Fraction
from typing import Any

from .._checks import as_count, as_counts, is_index
from ..polynomials.kernel import Kernel, as_kernel

# Sums of float taps that cancel leave some 1e-16 of their norm per tap.
_TIE = 1e-12

# A kernel of so many taps takes a second to write out.
_MOST_TAPS = 10**5


def has_no_holes(steps: Sequence[int], taps: int | Sequence[int] = 3) -> bool:
    r"""Return whether layers with these steps see every pixel of their field (no tap being zero).

    With the steps ascending, :math:`a_{(i)} \le 1 + \sum_{j<i} (k_{(j)} - 1)\, a_{(j)}` for every i: what the
    smaller steps cover without a gap, the next one must not jump over. Necessary and sufficient.

    Parameters
    ----------
    steps
        Per layer its dilation times the strides before it.
    taps
        Number of taps, the same for all or one per layer.

    Returns
    -------
    bool

    Raises
    ------
    ValueError
        If a step is below 1, or the numbers of steps and taps differ.

    Examples
    --------
    >>> from erfmath import has_no_holes
    >>> has_no_holes([1, 2, 4, 8]), has_no_holes([2, 2, 2]), has_no_holes([1, 2, 10], taps=5)
    (True, False, True)
    """
    reach = 0
    for step, count in sorted(_layers(steps, taps)):
        if count > 1 and step > reach + 1:
            return False
        reach += (count - 1) * step
    return True


def satisfies_hdc(dilations: Sequence[int], taps: int = 3) -> bool:
    r"""Return whether dilations obey the rule of hybrid dilated convolution, M_2 <= K.

    :math:`M_i = \max(M_{i+1} - 2 r_i,\; 2 r_i - M_{i+1},\; r_i)` from :math:`M_n = r_n` down, the rates
    ascending from 1. Exact for three taps then; for five it rejects some designs without holes, which
    :func:`has_no_holes` accepts.

    Parameters
    ----------
    dilations
        The rates r_i, one per layer, in any order.
    taps
        Number of taps K of all layers.

    Returns
    -------
    bool

    Raises
    ------
    TypeError, ValueError
        If a rate or `taps` is no int from 1 on.

    References
    ----------
    P. Wang et al., Understanding convolution for semantic segmentation, WACV 2018, equation 2.

    Examples
    --------
    >>> from erfmath import satisfies_hdc
    >>> satisfies_hdc([1, 2, 5]), satisfies_hdc([1, 2, 9]), satisfies_hdc([1, 2, 10], taps=5)
    (True, False, False)
    """
    as_count(taps, "taps", minimum=1)
    rates = [step for step, _ in _layers(dilations, taps, "dilations")]
    if len(rates) < 2:
        return rates in ([], [1])
    largest = rates[-1]
    for rate in reversed(rates[1:-1]):
        largest = max(largest - 2 * rate, 2 * rate - largest, rate)
    return rates[0] == 1 and largest <= taps


def is_smooth(kernel: Kernel | Sequence[float]) -> bool:
    r"""Return whether layers of doubling dilations tend to a distribution with a density.

    The Fourier coefficients of the limit of :math:`\sum_l 2^l X_l`, scaled to its field, at odd q are
    :math:`\prod_{l \ge 1} P(e^{2 \pi i q/2^l})/P(1)`, and those at 2q are the same: they vanish, or never
    decay. So there is a density exactly if a cyclotomic polynomial :math:`z^m + 1`, m = 1, 2, 4, ..., divides
    P; m = 1 asks for as much weight on even as on odd taps. Uniform kernels of an odd number of taps have
    none: three give Stern's diatomic sequence and a singular distribution.

    Parameters
    ----------
    kernel
        A Kernel on one axis, or its weights; floats are compared to a relative 1e-12.

    Returns
    -------
    bool

    Raises
    ------
    ValueError
        If the kernel has several axes.

    References
    ----------
    M. Baake, M. Coons, A natural probability measure derived from Stern's diatomic sequence, Acta
    Arithmetica 183 (2018).

    Examples
    --------
    >>> from erfmath import is_smooth
    >>> is_smooth([1, 1, 1]), is_smooth([1, 2, 1]), is_smooth([1, 1]), is_smooth([1, 0, 1])
    (False, True, True, True)
    """
    polynomial = as_kernel(kernel)
    if polynomial.ndim > 1:
        raise ValueError(f"kernel must have one axis, got {polynomial.ndim}; take kernel.marginal(axis)")
    return any(_divides(1 << power, polynomial) for power in range((polynomial.shape[0] - 1).bit_length()))


def _divides(m: int, kernel: Kernel) -> bool:
    """Return whether z^m + 1 divides the polynomial: every m-th weight cancels, signs alternating."""
    rest = [Fraction(0)] * m
    for (position,), weight in kernel.taps():
        turns, place = divmod(position - kernel.offsets[0], m)
        rest[place] += -weight if turns % 2 else weight
    tolerance = 0 if kernel.is_exact else Fraction(_TIE) * Fraction(kernel.norm)
    return all(abs(value) <= tolerance for value in rest)


def outward_kernel(taps: int, share: float | Fraction = 1) -> Kernel:
    r"""Return taps that are light in the middle: `share` of the weight on the two outer ones.

    The taps are variances of random weights, with a small centre as the paper suggests. The variance of the
    impact grows from (k^2 - 1)/12 to at most ((k - 1)/2)^2, so that the effective field gains at most
    :math:`\sqrt{3 (k - 1)/(k + 1)}`, 1.22 for three taps, and still grows as the root of the depth.

    Parameters
    ----------
    taps
        Number of taps k, from 2 to 10**5.
    share
        From 0, uniform taps, to 1, the outer taps alone.

    Returns
    -------
    Kernel
        Of sum 1.

    Raises
    ------
    TypeError, ValueError
        If `taps` is no int from 2 to 10**5, or `share` no number from 0 to 1.

    References
    ----------
    Luo et al. 2016, section 4.

    Examples
    --------
    >>> from fractions import Fraction
    >>> from erfmath import outward_kernel
    >>> outward_kernel(3, Fraction(1, 2))
    Kernel([Fraction(5, 12), Fraction(1, 6), Fraction(5, 12)])
    """
    count = as_count(taps, "taps", minimum=2, maximum=_MOST_TAPS)
    if isinstance(share, bool) or not isinstance(share, numbers.Real) or not 0 <= share <= 1:
        raise ValueError(f"share must lie between 0 and 1, got {share!r}")
    inner = (1 - share) * Fraction(1, count)
    return Kernel([inner + share * Fraction(1, 2) * (i in (0, count - 1)) for i in range(count)])


def most_gained(taps: int) -> float:
    r"""Return the largest factor that light centres gain: :math:`\sqrt{3 (k - 1)/(k + 1)}` for k taps.

    Parameters
    ----------
    taps
        Number of taps k, at least 2.

    Returns
    -------
    float

    Raises
    ------
    TypeError, ValueError
        If `taps` is no int from 2 on.

    Notes
    -----
    The most that :func:`outward_kernel` can do, whatever the depth.

    Examples
    --------
    >>> from erfmath import most_gained
    >>> round(most_gained(3), 4), round(most_gained(7), 4)
    (1.2247, 1.5)
    """
    count = as_count(taps, "taps", minimum=2)
    return math.sqrt(3 * (count - 1) / (count + 1))


def _layers(steps: Any, taps: Any, name: str = "steps") -> list[tuple[int, int]]:
    """Return (step, taps) per layer."""
    distances = as_counts(steps, name, minimum=1)
    counts = as_counts([taps] * len(distances) if is_index(taps) else taps, "taps", minimum=1)
    if len(counts) != len(distances):
        raise ValueError(
            f"taps must be an int, or {len(distances)} of them, one per layer, got {len(counts)}"
        )
    return list(zip(distances, counts, strict=True))
