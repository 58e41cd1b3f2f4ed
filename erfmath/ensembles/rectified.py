r"""Residual blocks that end in a rectifier, normalised by batches: gates along a skip are open together.

In a block :math:`x' = \phi(x + b)` after He et al. (2015) the gate of a channel behind the sum is not
independent of the gate before it: a unit that is open stays open unless the branch b closes it. With batch
normalisation b is standard normal at initialisation, new in each block, so that the values h before the gates
are a random walk that starts again at zero wherever it is below, :math:`h' = \max(h, 0) + b`. The energy of a
gradient at h goes back by

.. math:: e(h) = 1[h > 0]\,(E_b[e'(h + b)] + G\,E[e']),

the first term along the skip, the second through the branch, which reads all channels and multiplies energy
by G. So energy is a function of h, and a block is an operator on such functions.
"""

from __future__ import annotations

import functools
import math
from typing import Any

import numpy as np

from .._checks import as_count
from ..core.scaled import Floats
from ..network.algebra import Node, require_network, series
from ..network.branches import Residual
from ..network.layers import Activation, Conv
from ..network.program import program_of
from ..network.stage import Stage
from ..network.variance import variance

# Spacing of the values of h, and how far they reach in standard deviations.
_STEP, _REACH = 0.02, 8.0

# Blocks, at the most: so many take a second, and 40 MB.
_MOST_BLOCKS = 300

# The energy of a gradient that a normalised rectifier adds, by layer: 1/2 over the variance behind it.
_INNER = math.pi / (math.pi - 1)


def rectified_residuals(branch: Node, n: int) -> Node:
    r"""Return n residual blocks relu(x + branch) with batch normalisation at initialisation, as variances.

    The residual network of He et al. (2015), behind its stem. Each convolution is normalised; the first of
    block l divides by the variance of its input x, and a rectifier in the branch multiplies the energy by
    :math:`\pi/(\pi - 1)` (Yang et al., 2019). Gates along a skip are open together, and the skip passes more
    than its share. The network returned has the variance of the position under the gradient's energy in wide
    layers, exactly where kernels are symmetric, and its shape nearly.

    Parameters
    ----------
    branch
        The layers of a branch: convolutions with random weights, each normalised, and ReLU between them.
    n
        Number of blocks, 300 at most.

    Returns
    -------
    Node
        A network of variances: as :func:`erfmath.variance` returns, to be read as it is.

    Raises
    ------
    TypeError, ValueError
        If the branch has other layers or changes the rate, or n is not such a number.

    See Also
    --------
    batch_norm_residuals : Blocks of pre-activation, whose skips have no gates.

    Notes
    -----
    `python -m benchmarks.rectified` sets this beside backpropagation; with independent gates the variance of
    the examples below would be 8 and 9 % larger.

    References
    ----------
    K. He et al., Deep residual learning for image recognition, CVPR 2016; G. Yang et al., A mean field theory
    of batch normalization, ICLR 2019.

    Examples
    --------
    >>> from erfmath import Activation, Conv, distribution, rectified_residuals
    >>> conv = Conv(3, padding=1)
    >>> branch = conv >> Activation("relu") >> conv
    >>> [round(distribution(rectified_residuals(branch, n)).var(), 2) for n in (8, 16)]
    [5.14, 7.53]
    """
    count = as_count(n, "n", minimum=1, maximum=_MOST_BLOCKS)
    rectifiers = _rectifiers(require_network(branch))
    taps = variance(branch, 1)  # of sum 1, but for a factor 1/2 of each rectifier
    ratios = [share / (1 - share) * 2.0**rectifiers for share in branch_shares(rectifiers, count)]
    return series(Residual(taps, ratio) for ratio in ratios)


def _rectifiers(branch: Node) -> int:
    """Return how many rectifiers a branch has; raise if it has other layers than these and convolutions."""
    program, count = program_of(branch, unrolled=True, pointwise=True), 0
    for index, op in enumerate(program.operations):
        node, is_next = op.node, [source for source, _ in op.sources] == [index]
        if is_next and isinstance(node, Activation) and node.name.lower() == "relu":
            count += 1
        elif not (is_next and isinstance(node, Conv) and not node.is_given):
            message = f"branch must be convolutions with random weights and ReLU, one by one, got {node!r}"
            raise ValueError(message)
        elif isinstance(op.what, Stage) and {*op.what.stride} != {1}:
            raise ValueError(f"branch must keep the rate, as the skip beside it does, got {node!r}")
    if count == len(program.operations):
        raise ValueError(f"branch needs a convolution, got {branch!r}")
    return count


def branch_shares(rectifiers: int, n: int) -> list[float]:
    """Return the share of a gradient's energy that goes through the branch of each block, the first first.

    Seen from in front of all blocks: what comes as far as the block, times what goes into its branch there.
    """
    laws, gains, is_open = _laws(n), branch_gains(rectifiers, n), _values(n) > 0
    energies = _energies(laws, gains, is_open)
    passed, shares = laws[0], []
    for gain, law, energy in zip(gains, laws[1:], energies[1:], strict=True):
        ahead = passed * is_open
        branch = gain * ahead.sum() * law
        passed = _kicked(ahead) + branch
        shares.append(float(branch @ energy / (passed @ energy)))
    return shares


def branch_gains(rectifiers: int, n: int) -> list[float]:
    """Return by what the branch of each block multiplies the energy of a gradient, the first one first."""
    x = np.maximum(_values(n), 0)
    return [float(_INNER**rectifiers / (law @ x**2 - (law @ x) ** 2)) for law in _laws(n)[:-1]]


def _values(n: int) -> Floats:
    """Return the values of h, of which 0 is none: in the middle between two."""
    top = 2 * _REACH + _REACH * math.sqrt(n)
    return np.arange(-_REACH + _STEP / 2, top, _STEP)


@functools.lru_cache(maxsize=2)
def _laws(n: int) -> list[Floats]:
    """Return the law of h in front of the blocks and behind each sum, as weights of the values."""
    values = _values(n)
    normal = np.exp(-(values**2) / 2) * _STEP / math.sqrt(2 * math.pi)
    found, is_open = [normal], values > 0
    for _ in range(n):
        closed = found[-1][~is_open].sum()
        found.append(_kicked(found[-1] * is_open) + closed * normal)
    return found


def _energies(laws: list[Floats], gains: list[float], is_open: Any) -> list[Floats]:
    """Return the energy of the gradient of each h by its value: in front of the blocks first, behind last.

    Each is divided by a number of its own, which no share depends on.
    """
    found = [is_open.astype(float)]
    for law, gain in zip(laws[:0:-1], gains[::-1], strict=True):
        before = (_kicked(found[-1]) + gain * (law @ found[-1])) * is_open
        found.append(before / before.max())
    return found[::-1]


def _kicked(weights: Floats) -> Floats:
    """Return weights of values with a standard normal variable added, or its mean of a function of them."""
    from scipy.signal import fftconvolve

    return np.asarray(fftconvolve(weights, _kernel(), "same"))


@functools.cache
def _kernel() -> Floats:
    steps = _STEP * np.arange(-round(_REACH / _STEP), round(_REACH / _STEP) + 1)
    return np.asarray(np.exp(-(steps**2) / 2) * _STEP / math.sqrt(2 * math.pi))
