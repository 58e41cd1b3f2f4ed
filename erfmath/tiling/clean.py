"""Which output units of a tile are those of the whole, on one axis.

A tile that begins at a multiple of the period has each of its tensors on the grid of the whole's. A unit is
*clean* when nothing that it reads, in any tensor, lies beyond an end of the tile that is no end of the whole.
At an end of the whole the network pads in the tile what it pads there: such an end makes nothing unclean.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from .._memory import check_memory
from ..network.border import inside
from ..network.program import Program
from ..network.runs import Runs
from ..network.sizes import Sized, sized
from ..network.stage import Flags, Stage


@dataclass(frozen=True)
class Margins:
    """How many input samples a tile needs at its ends, on one axis.

    Attributes
    ----------
    before
        From the tile's first sample to those whose outputs it makes: a multiple of the period.
    after
        From there to its last sample.
    """

    before: int
    after: int


def clean_units(frame: Sized, ends: tuple[bool, bool]) -> Flags:
    """Return which output units are clean of a tile whose (first, last) end is an end of the whole."""
    found = [np.ones(frame.sizes[0][0], dtype=bool)]
    for op, (count,) in zip(frame.program.operations, frame.sizes[1:], strict=True):
        masks = [found[source] for source, _ in op.sources]
        joint = masks[0] if len(masks) == 1 else np.logical_and.reduce(masks)
        if isinstance(op.what, Stage):
            joint = _behind(op.what, joint, count, ends)
        found.append(np.asarray(joint))
    return found[frame.program.output]


def _behind(stage: Stage, clean: Flags, count: int, ends: tuple[bool, bool]) -> Flags:
    """Return which units of a stage read clean samples alone."""
    result = np.ones(count, dtype=bool)
    for tap in Runs.of_taps(stage.kernel, 0):
        place, known = stage.reads(0, tap, count)
        outside = ((place < 0) & (not ends[0])) | ((place >= len(clean)) & (not ends[1]))
        if stage.border != "zeros":  # what is read instead has to be clean
            place = inside(place, len(clean), stage.border)
        within = (place >= 0) & (place < len(clean))
        read = clean[np.where(within, place, 0)] | ~within
        result &= ~known | (read & ~outside)
    return result


def margins(program: Program, length: int) -> Margins:
    """Return what a tile needs at its ends that is as long as `length`, or longer or shorter by periods.

    `program` is projected on an axis. Its units are looked at on a tile just long enough that none feels both
    ends.
    """
    units, period = program.period[0], int(program.period[0] * program.rate[0])
    samples = 2 * reach(program) + 3 * period
    samples += (length - samples) % period
    check_memory(10 * samples * len(program.operations), "a flag per unit of a tile", "use a smaller network")
    frame = sized(program, (samples,))
    unclean = np.flatnonzero(~clean_units(frame, (False, True)))
    first = int(unclean[-1]) + 1 if unclean.size else 0
    unclean = np.flatnonzero(~clean_units(frame, (True, False)))
    count = int(unclean[0]) if unclean.size else frame.output[0]
    last = min(count // units, samples // period) * period
    return Margins(-(-first // units) * period, samples - last)


def reach(program: Program) -> int:
    """Return a bound on how far from its own place a unit reads, in input samples, in any tensor."""
    bounds = [Fraction(0)] * (1 + len(program.operations))
    rates = [Fraction(1)] * len(bounds)
    for index, op in enumerate(program.operations, 1):
        rates[index] = rates[op.sources[0][0]]
        bounds[index] = max(bounds[source] for source, _ in op.sources)
        if isinstance(op.what, Stage):
            stage, taps = op.what, Runs.of_taps(op.what.kernel, 0)
            far = max(abs(stage.dilation[0] * tap + stage.shift[0]) for tap in (taps.first, taps.last))
            far += abs(stage.slack[0]) + stage.stride[0] + stage.upsampling[0]
            bounds[index] += rates[index] * Fraction(far, stage.upsampling[0])
            rates[index] *= stage.rate[0]
    return math.ceil(max(bounds))
