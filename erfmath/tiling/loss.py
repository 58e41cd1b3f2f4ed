r"""What a halo leaves out: the share of the gradient's variance that lies beyond it.

The variance of the gradient of a network with random weights is the impact of a network again (see
:func:`erfmath.variance`), and what of it lies beyond a halo is the output of that network for an input that
is 1 there and 0 elsewhere, over its output for 1 everywhere. Both are evaluated on a torus: along the axis in
question one so long that no unit sees its own back, along the others one period.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

import numpy as np

from .._checks import as_counts, is_index
from .._memory import check_memory
from ..core.scaled import Floats
from ..models.model import Model
from ..models.sources import read
from ..network.algebra import Node
from ..network.arguments import Ints
from ..network.maps import passes
from ..network.program import Program, program_of
from ..network.rates import short
from ..network.sizes import projected
from ..network.stage import Stage
from ..network.variance import variance
from .clean import reach
from .refusals import require_tileable


def halo_loss(net: Any, halos: Any) -> Any:
    r"""Return the share of the gradient's variance that the worst unit has beyond each halo.

    Tiles are cut at multiples of the network's period. Of a unit in a period that begins at 0 and has R input
    samples, with the gradient's variance v(x) at sample x, a halo of h leaves out

    .. math:: \max\Big(\sum_{x < -h} v(x),\ \sum_{x \ge R + h} v(x)\Big) \Big/ \sum_x v(x),

    of all units in the period and all axes the largest. A unit at a corner of a tile loses at most the sum
    over its axes. Beside what lies beyond, paths are lost that leave the tile inside the network and come
    back: about as much again.
    Signs are taken to be random, as they are not after training: :meth:`erfmath.TilePlan.seam_error` measures
    a network with its own weights.

    Parameters
    ----------
    net
        A network, a Model, or what :func:`erfmath.analyze` takes. Of a model with its own weights the mean
        energies of those are used, of others random weights.
    halos
        Samples of the input, an int or a sequence of such.

    Returns
    -------
    float or numpy.ndarray
        A share for each halo; exactly 0 where nothing lies beyond it.

    Raises
    ------
    TypeError, ValueError
        If a halo is no int or below 0, a layer reads the whole map, or its variance is unknown: the message
        names it.

    Examples
    --------
    >>> import erfmath as em
    >>> em.halo_loss(em.zoo.unet(depth=3, ndim=1), [8, 24, 40, 48]).round(6)
    array([5.0269e-02, 2.7100e-03, 1.2000e-05, 0.0000e+00])
    >>> em.halo_loss(em.Conv(3, padding=1), 0)
    0.3333333333333333
    """
    asked = as_counts([halos] if is_index(halos) else halos, "halos")
    found = losses_of(net if isinstance(net, Node) else read(net)[1])
    # Beyond what any unit reads there is nothing: halos are asked once each, up to there.
    most = found.reach
    unlike, places = np.unique([min(halo, most) for halo in asked], return_inverse=True)
    unlike = unlike.astype(np.int64)
    worst = np.max([found.beyond(axis, unlike).max(axis=0) for axis in found.unlike], axis=0)[places]
    return float(worst[0]) if is_index(halos) else worst


@dataclass(frozen=True, eq=False)
class Losses:
    """What lies beyond halos, of a network and the program of its gradient's variance."""

    program: Program

    @property
    def unlike(self) -> list[int]:
        """The axes, of those that are alike the first."""
        return sorted(set(self.program.likenesses))

    @property
    def reach(self) -> int:
        """Input samples beyond which no unit reads, along any axis."""
        return max(reach(projected(self.program, axis)) for axis in self.unlike)

    @cached_property
    def _made(self) -> frozenset[int]:
        """The tensors that the output depends on."""
        made = {self.program.output}
        for index in range(len(self.program.operations), 0, -1):
            if index in made:
                made |= {source for source, _ in self.program.operations[index - 1].sources}
        return frozenset(made)

    @cached_property
    def _periods(self) -> Ints:
        """Input samples per axis after which the grids of all tensors repeat."""
        ones = (Fraction(1),) * self.program.ndim
        rates = {0: ones}
        for index, op in enumerate(self.program.operations, 1):
            if index in self._made:
                before = rates[op.sources[0][0]]
                own = op.what.rate if isinstance(op.what, Stage) else ones
                rates[index] = tuple(a * b for a, b in zip(before, own, strict=True))
        return tuple(
            math.lcm(*(rate[axis].numerator for rate in rates.values())) for axis in range(self.program.ndim)
        )

    def beyond(self, axis: int, halos: Any) -> Floats:
        """Return the worst shares (before, behind) along an axis, of each halo."""
        program = self.program
        units, period = program.period[axis], int(program.period[axis] * program.rate[axis])
        side = 2 * reach(projected(program, axis)) + 2 * period
        side += -side % self._periods[axis]
        place = (np.arange(side) + side // 2) % side - side // 2  # negative ones are the last of the torus
        before, behind = place < -halos[:, None], place >= period + halos[:, None]
        lines = np.concatenate((np.ones((1, side)), before, behind))
        shape = [side if a == axis else own for a, own in enumerate(self._periods)]
        check_memory(
            8 * len(lines) * math.prod(shape) * len(self._made),
            "what lies beyond halos",
            "ask for fewer halos",
        )
        values = lines.reshape(len(lines), *(-1 if a == axis else 1 for a in range(program.ndim)))
        found = self._evaluated(np.broadcast_to(values, (len(lines), *shape)))
        found = np.moveaxis(found, 1 + axis, 1)[:, :units].reshape(len(lines), -1)
        shares = np.divide(found[1:], found[0], out=np.zeros_like(found[1:]), where=found[0] > 0)
        return np.asarray(shares.max(axis=1).reshape(2, -1))

    def _evaluated(self, values: Floats) -> Floats:
        """Return the output for inputs on a torus, up to a factor that all share."""
        tensors: dict[int, tuple[Floats, int]] = {0: (values, 0)}
        for index, op in enumerate(self.program.operations, 1):
            if index not in self._made:
                continue
            parts = [(*tensors[source], float(gain)) for source, gain in op.sources]
            exponent = max(e for _, e, _ in parts)
            joint: Any = sum(np.ldexp(gain * part, e - exponent) for part, e, gain in parts)
            if isinstance(op.what, Stage):
                for axes, taps, offsets in passes(op.what.kernel, may_separate=True):
                    joint = _around(op.what, joint, axes, taps, offsets)
            bits = math.frexp(float(joint.max()))[1]  # many layers of a gain are beyond the floats
            tensors[index] = np.ldexp(joint, -bits), exponent + bits
        return tensors[self.program.output][0]


def losses_of(net: Node, ndim: int | None = None) -> Losses:
    """Return the losses of a network, or raise where no halo is exact or the variance is unknown."""
    program = program_of(net, ndim, unrolled=True)
    for axis in range(program.ndim):
        line = projected(program, axis)
        require_tileable(net, line, axis, int(line.period[0] * line.rate[0]))
    found = program_of(_variance(net), program.ndim, unrolled=True)
    if found.mixes is not None:
        raise ValueError(
            f"{short(found.mixes)} has weights for each pair of channels, and losses are of mean energies: "
            "read the model with weights='energy'"
        )
    return Losses(found)


def _variance(net: Node) -> Node:
    """Return the network whose impact is the variance of the gradient of a network."""
    if isinstance(net, Model) and net.weights != "uniform":
        return net.with_weights("energy").net
    return variance(net)


def _around(stage: Stage, values: Floats, axes: Ints, taps: Floats, offsets: Ints) -> Floats:
    """Return what a stage makes of values on a torus, along some axes."""
    counts = [values.shape[1 + axis] * stage.upsampling[axis] // stage.stride[axis] for axis in axes]
    shape = list(values.shape)
    for axis, count in zip(axes, counts, strict=True):
        shape[1 + axis] = count
    out = np.zeros(shape)
    for index in np.argwhere(taps):
        part: Any = taps[tuple(index)] * values
        for axis, count, i, offset in zip(axes, counts, index.tolist(), offsets, strict=True):
            place, known = stage.reads(axis, i + offset, count)
            part = part.take(place % values.shape[1 + axis], axis=1 + axis)
            part = part * known.reshape(-1, *(1 for _ in range(axis + 1, len(shape) - 1)))
        out += part
    return out
