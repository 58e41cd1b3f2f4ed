r"""When the units of a tensor can be made, on one axis along which the input arrives sample by sample.

Unit i of a tensor reads the input up to some last position :math:`b_i`, and units are made in order, so that
it exists once sample :math:`c_i = \max_{j \le i} b_j` has arrived. The pattern repeats with the phases.
"""

from __future__ import annotations

import bisect
import math
from dataclasses import dataclass
from fractions import Fraction

from ..network.regions import Regions

Needs = tuple[int, ...]


@dataclass(frozen=True)
class Arrivals:
    """Which sample of the input completes each unit of a tensor.

    Attributes
    ----------
    needs
        :math:`c_i` of the first units, one of each phase.
    turn
        Samples of the input from one turn of the phases to the next.
    """

    needs: Needs
    turn: int

    @property
    def rate(self) -> Fraction:
        """Input samples per unit."""
        return Fraction(self.turn, len(self.needs))

    def of(self, index: int) -> int:
        """Return the sample that completes any unit."""
        turns, phase = divmod(index, len(self.needs))
        return self.needs[phase] + turns * self.turn

    def first_after(self, count: int) -> int:
        """Return the first unit that is not complete after so many samples."""
        turns = -((self.needs[-1] - count) // self.turn)
        return turns * len(self.needs) + bisect.bisect_left(self.needs, count - turns * self.turn)


def arrivals_of(regions: Regions) -> Arrivals | None:
    """Return when the units of a tensor are complete, None where it does not depend on the input.

    Raises
    ------
    ValueError
        If a unit reads the input to its end.
    """
    turn = int(regions.rate * len(regions.phases))
    last = [region and region[1] for region in regions.phases]
    known = [end for end in last if end is not None]
    if not known:
        return None
    if math.inf in known:
        raise ValueError("a unit reads the input to its end")
    most = int(max(known)) - turn  # of the turn before
    needs = []
    for end in last:
        most = most if end is None else max(most, int(end))
        needs.append(most)
    return Arrivals(tuple(needs), turn)
