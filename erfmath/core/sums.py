r"""Running sums of non-negative numbers whose roundings do not add up along the row.

A sum of blocks of 64 is a running sum within each, on top of the running sum of all blocks before it, which
is taken likewise: each entry is rounded :math:`64 \lceil \log_{64} N \rceil` times at the most, not N times.
"""

from __future__ import annotations

import numpy as np

from .scaled import Floats

_BLOCK = 64


def running_sums(values: Floats) -> Floats:
    """Return the sums up to and including each entry, none below the one before it.

    >>> running_sums(np.array([0.25, 0.5, 0.25]))
    array([0.25, 0.75, 1.  ])
    """
    if len(values) <= _BLOCK:
        return np.cumsum(values)
    blocks = np.zeros((-(-len(values) // _BLOCK), _BLOCK))
    blocks.ravel()[: len(values)] = values
    np.cumsum(blocks, axis=1, out=blocks)
    blocks[1:] += running_sums(blocks[:-1, -1])[:, None]
    return np.asarray(np.maximum.accumulate(blocks.ravel()[: len(values)]))


def roundings(length: int) -> int:
    """Return the most roundings of an entry of running sums of so many numbers.

    >>> roundings(40), roundings(4000), roundings(10**6)
    (40, 128, 256)
    """
    levels = 1
    while length > _BLOCK**levels:
        levels += 1
    return min(length, _BLOCK * levels)
