r"""Products of a row of integers and a wide kernel, by running sums.

With jumps :math:`J = (1 - z) P` the product :math:`A P` is the running sum of :math:`A J`, and equal taps
:math:`1 + z + \cdots + z^{k-1}` have but two jumps, whatever k is.
"""

from __future__ import annotations

import itertools
import operator

from .miller import Taps


def passes(taps: Taps) -> int:
    """Return how often a row is gone through, to multiply it by a kernel."""
    return min(len(taps), len(_jumps(taps)) + 1)


def times(row: list[int], taps: Taps) -> list[int]:
    """Return the product of a row and a kernel.

    >>> times([1, 2, 1], {0: 1, 1: 1, 2: 1})
    [1, 3, 4, 3, 1]
    """
    jumps = _jumps(taps)
    if len(taps) <= len(jumps) + 1:
        return _times(row, taps)
    return list(itertools.accumulate(_times(row, jumps)))[:-1]


def _jumps(taps: Taps) -> Taps:
    """Return the differences of neighbouring taps that are not zero."""
    ends = {*taps, *(j + 1 for j in taps)}
    jumps = {j: taps.get(j, 0) - taps.get(j - 1, 0) for j in sorted(ends)}
    return {j: jump for j, jump in jumps.items() if jump}


def _times(row: list[int], taps: Taps) -> list[int]:
    """Return the product tap by tap; the first position is 0."""
    found = _scaled(row, taps[0]) + [0] * max(taps)
    for j, weight in taps.items():
        if j and weight == -1:
            found[j : j + len(row)] = map(operator.sub, found[j : j + len(row)], row)
        elif j:
            found[j : j + len(row)] = map(operator.add, found[j : j + len(row)], _scaled(row, weight))
    return found


def _scaled(row: list[int], weight: int) -> list[int]:
    return row if weight == 1 else [weight * value for value in row]
