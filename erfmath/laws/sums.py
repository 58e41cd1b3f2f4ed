"""Sums of independent variables from their probabilities: dice, trials, losses, scores."""

from __future__ import annotations

import math
import numbers
from collections.abc import Mapping
from decimal import Decimal
from fractions import Fraction
from typing import Any

import numpy as np

from .._checks import as_bool, as_power
from .._memory import check_memory
from ..polynomials.kernel import Kernel
from ..polynomials.product import Factor
from .arithmetic import Lattice, gcd, joined, lattice_of, rational
from .base import Distribution
from .univariate import UnivariateDistribution

# Float probabilities sum to 1 up to round-off; no closer to it is a typing error.
_ROUNDOFF = 1e-9
# A value this close to the lattice that was asked for, in steps, is on it.
_CLOSE = 1e-9


_INTEGERS = Fraction(0), Fraction(1)  # origin and step of what takes the values 0, 1, 2, ..


def sum_of(outcomes: Any, n: int = 1, *, step: Any = None, normalize: bool = False) -> UnivariateDistribution:
    r"""Return the distribution of a sum of independent variables, n copies of each.

    .. math:: P(X_1 + \dots + X_n = x) = [z^x]\, \Big(\sum_v p_v z^v\Big)^n

    Nothing is computed before it is asked for, so n may be 10**15, and every tail has its digits.

    Parameters
    ----------
    outcomes
        One variable: ``{value: probability}``, the probabilities of 0, 1, 2, .. as a sequence, or a
        distribution; or a sequence of such variables, which may all be different.
    n
        Number of independent copies, an int from 0 to 10**15.
    step
        What all differences of values are multiples of; None finds it. Floats stand for the simplest
        fractions that round to them, so that 0.1 is 1/10 and 0.3333333333333333 is 1/3.
    normalize
        Divide the probabilities of each variable by their sum, where that is not 1.

    Returns
    -------
    UnivariateDistribution
        On the integers where all values are, else on the lattice of the step.

    Raises
    ------
    TypeError
        If a value or a probability is no real number: a boolean, a string, a masked array.
    ValueError
        If probabilities are negative, not finite or do not sum to 1, a value is off the lattice of `step`,
        or the lattice between the values would not fit in memory.

    References
    ----------
    The Poisson-binomial example: Y. Hong, On computing the distribution function for the Poisson binomial
    distribution, Computational Statistics and Data Analysis 59, 2013.

    Examples
    --------
    >>> from fractions import Fraction
    >>> from erfmath import sum_of
    >>> dice = sum_of({face: Fraction(1, 6) for face in range(1, 7)}, 1000)
    >>> dice.mean(), f"{dice.logsf(5499):.13g}"  # at least 5500
    (3500.0, '-842.2029391718')
    >>> sum_of([[0.9, 0.1], [0.5, 0.5], [0.2, 0.8]]).probabilities().round(4)  # a Poisson-binomial
    array([0.09, 0.46, 0.41, 0.04])
    """
    power, normalize = as_power(n), as_bool(normalize, "normalize")
    asked = None if step is None else _positive(step)
    variables = _variables(outcomes)
    if len(variables) == 1:
        return joined([_lattice(variables[0], asked, normalize, "outcomes")], power)
    named = ((variable, f"outcomes[{i}]") for i, variable in enumerate(variables))
    return joined([_lattice(variable, asked, normalize, name) for variable, name in named], power)


def _variables(outcomes: Any) -> list[Any]:
    """Return the variables: {value: probability}, distributions, lists of probabilities of 0, 1, .."""
    if _is_variable(outcomes):
        return [outcomes]
    if isinstance(outcomes, np.ma.MaskedArray):
        raise TypeError("outcomes must not be a masked array; take outcomes.compressed() or .filled(0)")
    if not _is_row(outcomes):
        how = "; take list() of it" if hasattr(outcomes, "__next__") else ""
        raise TypeError(
            "outcomes must be {value: probability}, a sequence of probabilities, a distribution, or a "
            f"sequence of these, got {outcomes!r}{how}"
        )
    if not len(outcomes):
        raise ValueError("outcomes must not be empty")
    kinds = {_is_row(entry) or _is_variable(entry) for entry in outcomes}
    if len(kinds) > 1:
        raise ValueError("outcomes must be all numbers or all variables, got both in one sequence")
    if kinds == {False}:
        return [_listed(outcomes)]
    return [_listed(entry) if _is_row(entry) else entry for entry in outcomes]


def _listed(row: Any) -> list[Any]:
    if isinstance(row, np.ndarray) and hasattr(row, "mask"):
        raise TypeError("outcomes must not hold masked arrays, got one; take .compressed() or .filled(0)")
    return row.tolist() if isinstance(row, np.ndarray) else list(row)


def _is_variable(value: Any) -> bool:
    return isinstance(value, (Mapping, Distribution))


def _is_row(value: Any) -> bool:
    is_array = getattr(value, "ndim", 0) > 0 and not _is_variable(value)
    return isinstance(value, (list, tuple)) or is_array


def _lattice(variable: Any, step: Fraction | None, normalize: bool, name: str) -> Lattice:
    """Return the origin, the step and the polynomial of one variable, an argument of that name."""
    if isinstance(variable, UnivariateDistribution):
        return lattice_of(variable)
    if isinstance(variable, Distribution):
        raise ValueError(f"{name} must have one axis, got {variable!r}; take its marginal(axis)")
    if not variable:
        raise ValueError(f"{name} must not be empty")
    if not isinstance(variable, Mapping):
        if step is None:
            shares = _probabilities(variable, normalize, name, is_row=True)
            return *_INTEGERS, [Factor(Kernel(shares), 1, (1,))]
        variable = dict(enumerate(variable))
    values = [_value(value, name) for value in variable]
    shares = _probabilities(list(variable.values()), normalize, name)
    origin, step = min(values), step or gcd([value - values[0] for value in values])
    return origin, step, [Factor(_kernel(values, shares, origin, step, name), 1, (1,))]


def _value(value: Any, name: str) -> Fraction:
    if isinstance(value, tuple):
        raise TypeError(
            f"{name} must have a number as each value, got {value!r}; variables on several axes are added by "
            "distribution(grid, n), the grid nested lists whose entry [i][j] is the probability of (i, j)"
        )
    return rational(value, name)


def _kernel(values: list[Fraction], shares: list[Any], origin: Fraction, step: Fraction, name: str) -> Kernel:
    """Return the weights on the lattice from the smallest value on."""
    size = int((max(values) - origin) / step) + 1
    # Eight bytes for the place in a list, and as many as 32 for its number, in a list and in the kernel.
    what = f"a lattice of {size:.3g} points, a step of {float(step):.3g} apart,"
    check_memory(80 * size, what, "give a larger step, or outcomes on a coarser lattice")
    weights: list[Any] = [0] * size
    for value, share in zip(values, shares, strict=True):
        index = (value - origin) / step
        if abs(index - round(index)) > _CLOSE:
            raise ValueError(
                f"{name} must be a whole number of steps of {float(step):g} apart, got {float(value)!r} "
                f"beside {float(origin)!r}"
            )
        weights[round(index)] += share
    return Kernel(weights)


def _probabilities(shares: list[Any], normalize: bool, name: str, is_row: bool = False) -> list[Any]:
    """Return the probabilities as ints, Fractions and floats, or raise where they are none."""
    found = [_probability(share, name) for share in shares]
    kinds = {isinstance(share, float) for share in found}
    total: Any = math.fsum(found) if kinds == {True} else sum(map(Fraction, found), Fraction(0))
    if not total:
        raise ValueError(f"{name} must have a positive probability, got none")
    if not normalize and abs(total - 1) > (_ROUNDOFF if True in kinds else 0):
        shown = repr(float(total)) if total < 10**308 else "more than 1e308"
        raise ValueError(
            f"{name} must have probabilities that sum to 1, got {shown}; normalize=True divides them by it"
            f"{_meant(found) if is_row else ''}"
        )
    return found


def _meant(found: list[Any]) -> str:
    """Return how to say what a list that is no row of probabilities may have meant."""
    if max(found) > 1:
        return "; of values such as the faces of a die, give {value: probability}"
    return "; of trials with a chance p each, give a row [1 - p, p] for each"


def _probability(share: Any, name: str) -> Any:
    if type(share) is float and 0 <= share < math.inf:
        return share
    if isinstance(share, (bool, np.bool_)) or not isinstance(share, (numbers.Real, Decimal)):
        given = " ".join(repr(share).split())[:60]
        raise TypeError(
            f"{name} must have real numbers as probabilities, got {given} of type {type(share).__name__}"
            f"{_nested(share)}"
        )
    if not (isinstance(share, numbers.Rational) or _is_finite(share)):
        raise ValueError(f"{name} must have finite probabilities, got {share!r}")
    if share < 0:
        raise ValueError(f"{name} must not have negative probabilities, got {share!r}")
    if isinstance(share, numbers.Rational):
        return Fraction(int(share.numerator), int(share.denominator))
    return Fraction(share) if isinstance(share, Decimal) else float(share)


def _nested(share: Any) -> str:
    """Return how to say what rows within rows may have meant."""
    if isinstance(share, np.ndarray):
        return "; of trials with chances p, np.column_stack([1 - p, p]) has a row for each"
    return "; grids on several axes are for distribution(grid, n)" if _is_row(share) else ""


def _is_finite(share: Any) -> bool:
    return bool(share.is_finite()) if isinstance(share, Decimal) else math.isfinite(share)


def _positive(step: Any) -> Fraction:
    value = rational(step, "step")
    if not 0 < value < 10**280:
        raise ValueError(f"step must be positive, and below 1e280, got {step!r}")
    return value
