r"""The impact as numbers on the input: signed, per channel, of one unit of a network with its weights.

For a linear network this is the gradient :math:`\partial y_u / \partial x`, exactly as backpropagation
gives it, whatever the input. With mean slopes in place of activations it is the expected gradient of
independent gates; under :func:`erfmath.variance` its expected square under random signs of the weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from .._checks import as_count
from ..core.scaled import Floats
from ..laws.base import Distribution
from ..laws.joint import law_of
from .algebra import Node, require_network
from .arguments import Ints, plain_size
from .border import bordered_map, unit_inside
from .impact import bounded_program, place, unit_of
from .maps import Map, map_of
from .program import Block, Program
from .sizes import sized_for
from .stage import Stage

# Floats reach from 2^-1022 to 2^1024; sums over channels and pixels need some room.
_LARGEST = 1000


@dataclass(frozen=True, eq=False)
class ImpactMap:
    """The impact of each input position on one output unit; see :func:`impact_map`.

    Attributes
    ----------
    channels
        The weight of each channel and position, an array with the input's channels first, read-only. A
        single channel stands for any number that are alike.
    start
        The input position of the first pixel, per axis.

    Examples
    --------
    >>> import erfmath as em
    >>> found = em.impact_map(em.Conv([1, -2, 1]), at=5)
    >>> found.values, found.offset, found.start, found.channels.shape
    (array([ 1., -2.,  1.]), 5, (5,), (1, 3))
    """

    channels: Floats
    start: Ints

    @property
    def values(self) -> Floats:
        """The weights of all channels added, an array with as many axes as the network."""
        return np.asarray(self.channels.sum(axis=0))

    @property
    def offset(self) -> Any:
        """The input position of the first pixel: an int on one axis."""
        return plain_size(self.start)

    def distribution(self, power: int = 1) -> Distribution:
        r"""Return the shares of :math:`\sum_c |g_c(x)|^p` as a distribution: of magnitudes, or energies.

        Parameters
        ----------
        power
            The p of the sum: 1 for magnitudes, 2 for energies.

        Returns
        -------
        Distribution

        Raises
        ------
        TypeError, ValueError
            If `power` is no positive int.

        Examples
        --------
        >>> from erfmath import Conv, impact_map
        >>> impact_map(Conv([1, -2, 1])).distribution().probabilities()
        array([0.25, 0.5 , 0.25])
        >>> impact_map(Conv([1, -2, 1])).distribution(power=2).probabilities().round(3)
        array([0.167, 0.667, 0.167])
        """
        sizes = np.abs(self.channels) / np.abs(self.channels).max()  # so that no power leaves the floats
        sums = (sizes ** float(as_count(power, "power", minimum=1))).sum(axis=0)
        return law_of(sums, self.start)

    law = distribution  # its name until 0.1

    def __repr__(self) -> str:
        count, *sides = self.channels.shape
        plural = "s" if count > 1 else ""
        return (
            f"<ImpactMap: {' x '.join(map(str, sides))} pixels from {self.offset}, {count} channel{plural}>"
        )


def impact_map(net: Node, at: Any = None, input_size: Any = None, channel: int | None = None) -> ImpactMap:
    """Return the impact of each input position on one output unit, with its sign, as an array.

    Parameters
    ----------
    net
        A network; those of a model with ``weights="given"`` have its weights.
    at
        Index of the output unit, an int or one per axis: 0 by default, the middle one of a map with borders.
    input_size
        Samples of the input, an int or one per axis, for a map with borders; None for one without.
    channel
        The output channel of the unit; None for all of them added, or for channels that are alike.

    Returns
    -------
    ImpactMap
        ``values`` from ``offset`` on, and ``channels`` apart.

    Raises
    ------
    ValueError
        If the unit sees nothing, the output has no such channel, the numbers leave the range of floats,
        or the network is unbounded and no input size is given.
    MemoryError
        If the map does not fit into memory.

    Examples
    --------
    >>> from erfmath import Conv, Residual, impact_map
    >>> found = impact_map(Residual(Conv([-1, 0, 1], padding=1)))
    >>> found.offset, found.values
    (-1, array([-1.,  1.,  1.]))
    """
    require_network(net)
    if input_size is None:
        program = bounded_program(net)
        unit = unit_of(at, program.ndim)
        found = map_of(program, unit, channels=_chosen(program, channel))
    else:
        frame = sized_for(net, input_size)
        unit = unit_inside(frame, at)
        found = bordered_map(frame, unit, _chosen(frame.program, channel))
    if found is None:
        raise ValueError(f"output unit {place(unit)} sees nothing: its paths are lost, or cancel")
    return ImpactMap(_plain(found), found.offset)


def _chosen(program: Program, channel: int | None) -> Floats | None:
    """Return the weights of the output's channels: 1 of the one that is chosen."""
    count = None if program.mixes is None else _outputs(program)
    if channel is None:
        return None
    if count is None:
        raise ValueError("channel must be None: the channels of the network are alike")
    weights = np.zeros(count)
    weights[as_count(channel, "channel", maximum=count - 1)] = 1
    return weights


def _outputs(program: Program) -> int | None:
    """Return the number of output channels, None where nothing tells."""
    for op in reversed(program.live):
        if isinstance(op.what, Stage) and op.what.mixing is not None:
            return op.what.mixing.outputs
        if isinstance(op.what, Block) and (count := _outputs(op.what.program)) is not None:
            return count
    return None


def _plain(found: Map) -> Floats:
    """Return the weights without their exponent."""
    peak = np.frexp(np.abs(found.values).max())[1] + found.exponent
    if not -_LARGEST < peak < _LARGEST:
        raise ValueError(
            f"the impact is around 2**{peak}, outside the range of floats; ask for distribution(), or "
            "rescale the weights"
        )
    values = np.ldexp(found.values, found.exponent)
    values.flags.writeable = False
    return values
