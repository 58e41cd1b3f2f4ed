r"""How far the gradient of a network with random weights is from that of independent paths.

:func:`variance` adds the paths through a network as uncorrelated. Where a skip goes round a branch that ends
in a rectifier, what the branches add has a mean, all features share a direction, and the part of the gradient
along the features is not scattered: it begins with a share of the order 1/N of N channels, grows faster than
the rest, by 1.45 a block for ReLU, and is narrower. `docs/coherence.md` derives it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from .._checks import as_count
from ..core.scaled import Floats
from ..network.algebra import Node, require_network
from ..network.arguments import Ints, per_axis_values, plain
from ..network.channels import Energies
from ..network.field import receptive_field
from ..network.inits import gain_of
from ..network.layers import Conv, ConvTranspose
from ..network.program import Operation, program_of
from .amplitudes import Pullback, independent
from .backward import ways_of
from .lattice import counts_of, steps_of
from .propagation import Signals, require_gains, signals_of
from .waves import Grid, Waves

# A share of the energy from which on a gradient is called coherent.
COHERENT = 0.1

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
        The share of the energy on the input that is coherent: along the features. Slightly negative where
        gradients avoid the features, as those of saturating activations do.
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
    (0.26, 9.8, 0.68, True)
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
    >>> from erfmath import Activation, Conv, Residual, coherence
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
    if isinstance(require_network(net).unwrapped, Energies):
        raise TypeError(
            'net must have random weights, and has energies; ask for with_weights("uniform") of it'
        )
    whole = program_of(net).unbounded
    if whole is not None:
        raise ValueError(
            f"{whole!r} reads its whole input, so gradients depend on its size; ask for the network before it"
        )
    signals = signals_of(net, init)
    require_gains(signals.program.operations, _LARGEST_BRANCH)
    _require_features(signals)
    counts = widths(signals, wanted, entering)
    return _coherence_of(signals, counts, factor, per_axis_values(receptive_field(net).size))


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


def _coherence_of(signals: Signals, counts: Ints, init: Fraction, sizes: Sequence[float]) -> Coherence:
    """Return what is coherent in a network of so many channels, whose theoretical field has these sizes."""
    program, (steps, unit) = signals.program, steps_of(signals.program)
    ways, thetas = ways_of(signals, init, steps), _thetas(program.likenesses, sizes)
    grid = Grid((1,) * program.ndim, thetas, steps, unit)
    alone, bits = independent(program, ways, grid)
    independents = _variances(alone, thetas, program.likenesses)
    grid = Grid(counts_of(program, steps, unit, independents), thetas, steps, unit)
    whole = Pullback(signals, ways, counts, grid)
    energy = whole.run()
    spread, share = _variances(energy, thetas, program.likenesses), whole.share()
    if share < -COHERENT or any(a and not b for a, b in zip(independents, spread, strict=True)):
        raise _TooFewError
    log_gain = math.log(abs(energy[0] / alone[0])) + (whole.bits - bits) * math.log(2)
    blocks = next((number for number, share in enumerate(whole.joins, 1) if share >= COHERENT), None)
    return Coherence(spread, independents, share, log_gain, blocks)


class _TooFewError(ValueError):
    """What is of the order 1/N takes as much away as there is."""

    def __init__(self) -> None:
        super().__init__(
            "gradients of net cancel, or its channels are too few for a theory of wide layers; give more, or "
            "measure it: erfmath.measure(net, channels=..)"
        )


def _thetas(likenesses: Ints, sizes: Sequence[float]) -> Floats:
    """Return 0, and a small wave number on each axis unlike those before it that has several positions."""
    wanted = [axis for axis in sorted(set(likenesses)) if sizes[axis] > 1]
    thetas = np.zeros((1 + len(wanted), len(sizes)))
    thetas[range(1, 1 + len(wanted)), wanted] = [_NEAR / sizes[axis] for axis in wanted]
    return thetas


def _variances(energy: Waves, thetas: Floats, likenesses: Ints) -> tuple[float, ...]:
    """Return the variance of the position per axis: of the logarithm of E exp(i theta x) the second term."""
    if not float(energy[0].real) > 0:
        raise _TooFewError
    found = dict.fromkeys(likenesses, 0.0)
    for value, theta in zip(energy[1:], thetas[1:], strict=True):
        variance = -2 * math.log(abs(value / energy[0])) / float(theta.max()) ** 2
        found[int(theta.argmax())] = max(0.0, variance)
    return tuple(found[axis] for axis in likenesses)
