"""Distributions as pictures of some columns, and as HTML for notebooks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from .._html import Html, bars, card, if_any, or_reason
from ..core.scaled import Floats

if TYPE_CHECKING:
    from .base import Distribution
    from .univariate import UnivariateDistribution

# Columns of a profile in a notebook.
_COLUMNS = 96

# Axes with a picture each.
_MOST_AXES = 3


def bulk(law: UnivariateDistribution) -> tuple[int, int]:
    """Return the first and the last point of the support within five standard deviations of the mean."""
    low, high = law.support()
    reach = 5 * law.std() + 1
    return max(low, int(np.floor(law.mean() - reach))), min(high, int(np.ceil(law.mean() + reach)))


def columns(law: UnivariateDistribution, first: int, last: int, width: int) -> Floats:
    """Return the pmf with each point repeated to fill the width, or its means over equal pieces."""
    count = last - first + 1
    if count <= width:
        return np.repeat(law.pmf(np.arange(first, last + 1)), max(1, width // count))
    edges = np.array([first - 1 + k * count // width for k in range(width + 1)])
    return np.asarray(np.diff(law.cdf(edges)) / np.diff(edges))


def distribution_html(law: Distribution) -> Html:
    """Return the support, the moments and a profile of each axis."""
    sides = or_reason(lambda: " x ".join(f"{low} .. {high}" for low, high in law.bounds))
    facts = [("support", sides), ("mean", or_reason(lambda: _each(law.mean())))]
    facts.append(("standard deviation", or_reason(lambda: _each(law.std()))))
    return card(type(law).__name__, facts, if_any(lambda: profiles(law)))


def profiles(law: Distribution) -> Html:
    """Return the profile of each axis as a picture."""
    return Html("".join(_profile(law, axis) for axis in range(min(law.ndim, _MOST_AXES))))


def _each(values: object) -> str:
    return ", ".join(f"{value:.6g}" for value in np.atleast_1d(np.asarray(values, dtype=float)))


def _profile(law: Distribution, axis: int) -> Html:
    marginal = law.marginal(axis)
    first, last = bulk(marginal)
    label = f"probability along axis {axis}, from {first} to {last}"
    return bars(columns(marginal, first, last, _COLUMNS).tolist(), label)
