"""Uneven overlap: how much of the input the output units of each phase take in (checkerboard artefacts)."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from ..core.scaled import Floats
from .algebra import Node, require_network
from .impact import bounded_program
from .maps import map_of

# Totals beyond these powers of two are scaled, so that sums and ratios of them stay within the floats.
_FAR = 900
# Totals of equal phases differ by round-off, some 1e-16 per layer: this allows for thousands.
_TIE = 1e-12


@dataclass(frozen=True, eq=False)
class Overlap:
    """The sum of all impacts on the output units of each phase; see :func:`overlap`.

    Attributes
    ----------
    totals
        One number per phase, an array with as many axes as the network, to a common scale: the largest
        where weights are beyond the floats is 1.

    Examples
    --------
    >>> import erfmath as em
    >>> found = em.overlap(em.ConvTranspose(3, stride=2))
    >>> found.totals, found.ratio, found.is_even
    (array([1.33333333, 0.66666667]), 2.0, False)
    """

    totals: Floats

    @property
    def ratio(self) -> float:
        """The largest total over the smallest: 1 when even, inf where a phase sees nothing."""
        sizes = np.abs(self.totals)
        return float(sizes.max() / sizes.min()) if sizes.min() > 0 else math.inf

    @property
    def is_even(self) -> bool:
        """Whether all phases are alike: no checkerboard in the output of a constant input."""
        return bool(np.ptp(self.totals) <= _TIE * np.abs(self.totals).max())

    def __repr__(self) -> str:
        return f"<Overlap: {'even' if self.is_even else f'uneven, ratio {self.ratio:.4g}'}>"


def overlap(net: Node) -> Overlap:
    r"""Return how evenly upsampling spreads the input over the phases of the output.

    A transposed convolution of k uniform taps and stride s gives phase r the taps :math:`j \equiv r` modulo
    s: as many each exactly when s divides k (Odena, Dumoulin & Olah, Deconvolution and checkerboard
    artifacts, Distill, 2016). For any network the total of phase r is its response to a constant input.

    Parameters
    ----------
    net
        A network whose layers are bounded.

    Returns
    -------
    Overlap
        The total of each phase.

    Raises
    ------
    ValueError
        If a layer reads its whole input.

    Examples
    --------
    >>> from erfmath import ConvTranspose, overlap
    >>> overlap(ConvTranspose(3, stride=2)), overlap(ConvTranspose(4, stride=2))
    (<Overlap: uneven, ratio 2>, <Overlap: even>)
    """
    program = bounded_program(require_network(net))
    maps = {phase: map_of(program, phase, kept=()) for phase in np.ndindex(*program.period)}
    largest = max((found.exponent for found in maps.values() if found is not None), default=0)
    scale = largest if abs(largest) > _FAR else 0
    totals = np.zeros(program.period)
    for phase, found in maps.items():
        if found is not None:
            totals[phase] = math.ldexp(float(found.values.sum()), found.exponent - scale)
    totals.flags.writeable = False
    return Overlap(totals)
