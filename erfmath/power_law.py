"""The law of a power of a kernel: where each impact of one unit lands on the input."""

from __future__ import annotations

from typing import Any

from ._checks import as_power
from .core.plan import plan
from .core.power import scaled_power
from .joint import JointDistribution
from .kernel import Kernel, as_kernel
from .lattice import LatticeDistribution
from .moments import require_law


def distribution(kernel: Kernel | Any, n: int = 1) -> LatticeDistribution | JointDistribution:
    r"""Return the law of P(z)^n / P(1)^n: of a sum of n independent variables with the kernel as their law.

    It is the impact of each input position on one unit, n convolutions deep. Its support is the
    theoretical receptive field.

    Parameters
    ----------
    kernel
        A Kernel, or a sequence of weights, none negative.
    n
        Number of factors.

    Returns
    -------
    LatticeDistribution or JointDistribution
        On one axis, or on several; separable kernels keep their axes independent.

    Raises
    ------
    ValueError
        If a weight is negative (it is named), or the row would not fit in memory.

    Examples
    --------
    >>> d = distribution(Kernel([1, 1, 1], offset=-1), 40)
    >>> d.support(), d.mean(), round(d.var(), 4)
    ((-40, 40), 0.0, 26.6667)
    """
    kernel, n = as_kernel(kernel), as_power(n)
    require_law(kernel)
    factors = kernel.separate()
    if factors is None:
        row = scaled_power(kernel, n, plan(kernel, n).method)
        return JointDistribution(row.to_unit_sum(), tuple(n * o for o in kernel.offsets))
    marginals = [law_on_axis(factor, n) for factor in factors]
    return marginals[0] if kernel.ndim == 1 else JointDistribution.independent(marginals)


def law_on_axis(kernel: Kernel, n: int) -> LatticeDistribution:
    """Return the law of P(z)^n for a kernel on one axis."""
    kernel = kernel.normalize()
    row = scaled_power(kernel, n, plan(kernel, n).method)
    return LatticeDistribution(row.to_unit_sum(), n * kernel.offsets[0] + row.start[0])
