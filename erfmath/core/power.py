"""Coefficients of P(z)^n: the front door of the core."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from .._checks import as_power
from ..kernel import Kernel, as_kernel
from . import direct, exact, fft, kronecker
from .plan import plan
from .scaled import Scaled

if TYPE_CHECKING:
    import sympy


def coefficients(kernel: Kernel | Any, n: int, method: str = "auto") -> np.ndarray[Any, Any]:
    r"""Return the coefficients of :math:`P(z)^n`, ascending powers.

    .. math:: c_t = [z^t] \Bigl(\sum_j w_j z^j\Bigr)^n, \qquad t = 0 .. n(k-1) \text{ per axis},

    the n-fold convolution of the kernel with itself; entry 0 stands at lattice position n * offset.

    Parameters
    ----------
    kernel
        A Kernel, or a sequence of weights. Any number of axes.
    n
        Number of factors, an int from 0 to 10**15.
    method
        "direct": binary powering by convolution, every coefficient right to a relative error for
        non-negative weights. "fft": one padded real FFT, right against the sum only. "exact": integers
        and rationals. "auto": floats by the method that :func:`plan` explains.

    Returns
    -------
    numpy.ndarray
        n (k - 1) + 1 entries per axis; float64, or Python ints and Fractions with method="exact".
        Normalised coefficients below 1e-300 may come back as 0.0.

    Raises
    ------
    TypeError
        If n is no int, or a weight no real number.
    ValueError
        If n is negative; if the method is unknown or does not fit the weights; before any work, if the
        result would not fit in memory; if it leaves the range of floats.

    Notes
    -----
    Uniform weights give the extended binomial coefficients: OEIS A007318 (k=2), A027907 (3), A008287 (4),
    A035343 (5); Eger, J. Integer Sequences 16 (2013) 13.1.3.

    Examples
    --------
    >>> coefficients(Kernel([1, 1, 1]), 3)
    array([1., 3., 6., 7., 6., 3., 1.])
    >>> coefficients([1, -1], 4, method="exact")
    array([1, -4, 6, -4, 1], dtype=object)
    """
    kernel, n = as_kernel(kernel), as_power(n)
    chosen = plan(kernel, n, method).method
    if chosen == "exact":
        return exact.power(np.array(kernel.weights, dtype=object), n)
    return scaled_power(kernel, n, chosen).to_floats()


def scaled_power(kernel: Kernel, n: int, method: str) -> Scaled:
    """Return P^n as floats with an exponent, by "direct" or "fft"; nothing over- or underflows."""
    weights = kernel.to_numpy()
    if method == "fft":
        return fft.power(weights, n)
    packed = direct.power(kronecker.pack(weights, n), n)
    if kernel.ndim == 1:
        return packed
    row = np.zeros(packed.shape)
    row[packed.start[0] : packed.start[0] + len(packed.values)] = packed.values
    grid = kronecker.unpack(row, kernel.shape, n)
    return Scaled(grid, packed.exponent, (0,) * kernel.ndim, grid.shape)


def polynomial(kernel: Kernel | Any, n: int = 1) -> sympy.Poly:
    r"""Return :math:`P(z)^n` as an exact ``sympy.Poly``, over the integers or the rationals.

    The variable is z, or z0, z1, ... with several axes. The offset, a factor z^(n * offset), is left
    out, as it is from :func:`coefficients`.

    Parameters
    ----------
    kernel
        A Kernel, or a sequence of weights, all ints or Fractions.
    n
        Number of factors.

    Raises
    ------
    ValueError
        If a weight is a float.

    Examples
    --------
    >>> polynomial(Kernel([1, 2]), 3)
    Poly(8*z**3 + 12*z**2 + 6*z + 1, z, domain='ZZ')
    """
    import sympy

    kernel = as_kernel(kernel)
    grid = coefficients(kernel, n, method="exact")
    domain = sympy.ZZ if all(isinstance(value, int) for value in grid.flat) else sympy.QQ
    names = "z" if grid.ndim == 1 else [f"z{axis}" for axis in range(grid.ndim)]
    terms = {powers: _to_domain(value, domain) for powers, value in np.ndenumerate(grid) if value}
    return sympy.Poly.from_dict(terms, *np.atleast_1d(sympy.symbols(names)), domain=domain)


def _to_domain(value: Any, domain: Any) -> Any:
    return domain(value.numerator, value.denominator) if domain.is_QQ else domain(value)
