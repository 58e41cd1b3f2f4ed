r"""How far the gradient of a network with random weights is from that of independent paths.

:func:`variance` adds the paths through a network as uncorrelated. Where a skip goes round a branch that ends
in a rectifier, what the branches add has a mean, all features share a direction, and the part of the gradient
along the features is not scattered: it begins with a share of the order 1/N of N channels, grows faster than
the rest, by 1.45 a block for ReLU, and is narrower. `docs/coherence.md` derives it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from .._checks import as_count
from ..network.algebra import Node, require_network
from ..network.arguments import Ints, per_axis_values, plain
from ..network.field import receptive_field
from ..network.inits import gain_of
from ..network.layers import Conv, ConvTranspose
from ..network.program import Operation, program_of
from ..network.stage import Stage
from .amplitudes import Pullback, independent
from .backward import ways_of
from .signals import Signals, require_gains, signals_of
from .waves import Grid, Waves

# A share of the energy from which on a gradient is called coherent.
COHERENT = 0.1

# By axes: standard deviations of a difference of positions that are told apart, and the fewest and the most
# wave numbers. With 6 the variance is right to some 1e-6, with 8 to 1e-9.
_COUNTS = {1: (8, 16, 256), 2: (6, 16, 64), 3: (6, 16, 32)}

# Channels, at the most: far beyond the width at which paths are independent.
_MOST = 10**15

# The gain of a branch whose fourth power stays within floats.
_LARGEST_BRANCH = 1e50

# The wave number from which moments are read, times the field: less would cost digits in deep networks, and
# this has errors of some 1e-6.
_NEAR = 1e-2


@dataclass(frozen=True)
class Coherence:
    """The energy of the gradient of a network with random weights; see :func:`coherence`.

    Attributes
    ----------
    spread, independent
        The variance of the position under the energy of the gradient, per axis: as it is, and of independent
        paths.
    share
        The share of the energy on the input that is coherent: along the features.
    log_gain
        The natural logarithm of the energy over that of independent paths.
    blocks
        Skips behind which the gradient has a coherent share of 1/10, counted from the output; None where it
        stays below that.

    Examples
    --------
    >>> import erfmath as em
    >>> block = em.Residual(em.Conv(3, padding=1) >> em.Activation("relu"))
    >>> found = em.coherence(block**20, channels=64)
    >>> round(found.share, 2), round(found.gain, 2), round(found.ratio, 2), found.is_coherent
    (0.25, 9.8, 0.68, True)
    >>> found.ratios == (found.ratio,), found.spread < found.independent
    (True, True)
    """

    spread: tuple[float, ...]
    independent: tuple[float, ...]
    share: float
    log_gain: float
    blocks: int | None

    @property
    def gain(self) -> float:
        """The energy over that of independent paths.

        Raises
        ------
        OverflowError
            If it is beyond the floats; `log_gain` never is.
        """
        try:
            return math.exp(self.log_gain)
        except OverflowError:
            message = f"the energy is exp({self.log_gain:.6g}) times that of independent paths; use log_gain"
            raise OverflowError(message) from None

    @property
    def ratios(self) -> tuple[float, ...]:
        """The variance over that of independent paths, per axis; nan where paths do not spread."""
        pairs = zip(self.spread, self.independent, strict=True)
        return tuple(found / alone if alone else math.nan for found, alone in pairs)

    @property
    def ratio(self) -> Any:
        """The variance over that of independent paths: a float on one axis, a tuple on several."""
        return plain(self.ratios)

    @property
    def is_coherent(self) -> bool:
        """Whether the coherent share is 1/10 or more."""
        return self.share >= COHERENT


def coherence(
    net: Node,
    channels: int | None = None,
    *,
    in_channels: int | None = None,
    init: str | float | Fraction = "he",
) -> Coherence:
    """Return how coherent the gradient of a network with random weights is, and how much narrower for that.

    Parameters
    ----------
    net
        A network.
    channels
        Output channels of each random layer; None means those that the layers name.
    in_channels
        Channels of the input; None means as many as the first layers have.
    init
        As for :func:`variance`.

    Returns
    -------
    Coherence
        The variances with and without what paths have in common, and the share that is coherent.

    Raises
    ------
    TypeError, ValueError
        If the channels are unknown or no such numbers, or for what :func:`variance` raises.

    Examples
    --------
    >>> from erfmath import Activation, Conv, Residual
    >>> block = Residual(Conv(3, padding=1) >> Activation("relu"))
    >>> found = coherence(block ** 20, channels=64)
    >>> round(found.ratio, 2), found.blocks, found.is_coherent  # autograd: .686 +- .003
    (0.68, 11, True)
    >>> coherence(Residual(Activation("relu") >> Conv(3, padding=1)) ** 20, channels=64).is_coherent
    False
    """
    factor = gain_of(init)
    wanted = None if channels is None else as_count(channels, "channels", minimum=1, maximum=_MOST)
    entering = None if in_channels is None else as_count(in_channels, "in_channels", minimum=1, maximum=_MOST)
    whole = program_of(require_network(net)).unbounded
    if whole is not None:
        raise ValueError(
            f"{whole!r} reads its whole input, so gradients depend on its size; ask for the network before it"
        )
    signals = signals_of(net, init)
    require_gains(signals.program.operations, _LARGEST_BRANCH)
    _require_features(signals)
    counts = widths(signals, wanted, entering)
    likenesses = signals.program.likenesses
    reach = per_axis_values(receptive_field(net).size)
    axes = {axis: _along(signals, counts, factor, axis, reach[axis]) for axis in sorted(set(likenesses))}
    spreads, alones = zip(*(axes[axis][:2] for axis in likenesses), strict=True)
    return Coherence(spreads, alones, axes[0].share, axes[0].log_gain, axes[0].blocks)


def _require_features(signals: Signals) -> None:
    """Raise if all features of a tensor are zero: there is nothing then that a gradient could be along."""
    for op, tensor in zip(signals.program.operations, signals.tensors[1:], strict=True):
        if tensor.level == -math.inf:
            raise ValueError(f"net must have features on all paths, but those of {op.node!r} cancel to zero")


def widths(signals: Signals, channels: int | None, in_channels: int | None) -> Ints:
    """Return the channels of each tensor, the input first."""
    operations = signals.program.operations
    entering = in_channels or channels or _first_width(operations)
    found = [entering]
    for op in operations:
        sources = [found[source] for source, _ in op.sources]
        count = max(sources)
        if op.joined:
            count = channels or sum(sources)
        if isinstance(op.node, (Conv, ConvTranspose)) and not op.node.is_given:
            count = channels or op.node.channels or count
        found.append(count)
    return tuple(found)


def _first_width(operations: tuple[Operation, ...]) -> int:
    """Return the channels of the first layer that names them."""
    named = (op.node.channels for op in operations if isinstance(op.node, (Conv, ConvTranspose)))
    count = next(filter(None, named), None)
    if count is None:
        raise ValueError("channels must be given: no layer of the network names its own")
    return count


class _Found(NamedTuple):
    """What is found along an axis: variances as they are and of independent paths, and the rest as public."""

    spread: float
    independent: float
    share: float
    log_gain: float
    blocks: int | None


def _along(signals: Signals, counts: Ints, init: Fraction, axis: int, reach: float) -> _Found:
    """Return how the energy spreads along an axis, whose theoretical field is `reach` samples."""
    ndim, (steps, unit) = signals.program.ndim, _steps(signals)
    thetas = np.array([0.0, _NEAR / max(reach, 1.0)])
    ways, grid = ways_of(signals, init, steps), Grid(ndim, 1, axis, thetas, steps, unit)
    alone, bits = _moments(*independent(signals.program, ways, grid), grid)
    count = _count(min(alone, _widest(signals, steps, axis)), ndim)
    whole = Pullback(signals, ways, counts, Grid(ndim, count, axis, thetas, steps, unit))
    spread, more = _moments(whole.run(), whole.bits, grid)
    if reach <= 1:  # all is at one position, to the last digit
        spread = alone = 0.0
    blocks = next((number for number, share in enumerate(whole.joins, 1) if share >= COHERENT), None)
    return _Found(spread, alone, whole.share(), (more - bits) * math.log(2), blocks)


def _count(spread: float, ndim: int) -> int:
    """Return the wave numbers per axis for amplitudes of a variance in positions."""
    deviations, low, high = _COUNTS.get(ndim, (6, 8, 8))
    wanted = 2 ** math.ceil(math.log2(deviations * math.sqrt(2 * max(spread, 1.0))))
    return int(min(max(wanted, low), high))


def _widest(signals: Signals, steps: list[Ints], axis: int) -> float:
    """Return the most that taps between tensors of one rate spread: others tell positions apart anew."""
    found: dict[int, float] = {}
    for op, step in zip(signals.program.operations, steps[1:], strict=True):
        if isinstance(op.what, Stage):
            taps = op.what.dilation[axis] * (op.what.kernel.shape[axis])
            found[step[axis]] = found.get(step[axis], 0.0) + taps**2 / 12
    return max(found.values(), default=0.0)


def _steps(signals: Signals) -> tuple[list[Ints], Ints]:
    """Return the distances of two neighbours of each tensor, and of how many parts of a sample they are."""
    found: list[tuple[Fraction, ...]] = [(Fraction(1),) * signals.program.ndim]
    for op in signals.program.operations:
        steps = found[op.sources[0][0]]
        rate = op.what.rate if isinstance(op.what, Stage) else (Fraction(1),) * len(steps)
        found.append(tuple(s * r for s, r in zip(steps, rate, strict=True)))
    fine = [
        tuple(s / t for s, t in zip(steps, op.what.stride, strict=True))
        for steps, op in zip(found[1:], signals.program.operations, strict=True)
        if isinstance(op.what, Stage)
    ]
    unit = tuple(
        math.lcm(*(step.denominator for step in column)) for column in zip(*found, *fine, strict=True)
    )
    return [tuple(int(s * u) for s, u in zip(steps, unit, strict=True)) for steps in found], unit


def _moments(energy: Waves, bits: int, grid: Grid) -> tuple[float, float]:
    """Return the variance of the position under an energy by theta, and two's logarithm of its sum."""
    if not float(energy[0].real) > 0:
        raise ValueError(
            "gradients of net cancel, or its channels are too few for a theory of wide layers; "
            "measure it: erfmath.measure(net, channels=..)"
        )
    variance = -2 * math.log(abs(energy[1] / energy[0])) / float(grid.thetas[1]) ** 2
    return max(0.0, variance), math.log2(float(energy[0].real)) + bits
