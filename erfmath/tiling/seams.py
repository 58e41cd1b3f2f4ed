r"""What a halo costs a function, measured: how far tiles differ from what the whole gives.

Two ways were weighed for networks with weights of their own. The absolute weights of all paths from beyond
the halo, times the range of the input, bound the difference without a run; but signs and rectifiers are lost,
and the bound of a U-Net of depth 3 at half of its halo is millions of standard deviations where the
difference is less than one. Or a few tiles are run, as they are and with the exact halo around them. The
measurement won: it is of the function and the array that the user has.

One pair of runs tells of all halos. What lies at least h within the ends of a tile is what the same tile
would write with the halo h.
"""

from __future__ import annotations

import math
import numbers
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from .._html import card, grid
from ..core.scaled import Floats
from ..network.arguments import Ints, plain_size
from ..words import table
from .clean import Margins
from .smaller import HEADERS, Halos, cells_of, halo_text, thinned, with_halos

if TYPE_CHECKING:
    from .plan import TilePlan

# Halos that are shown of many.
_MOST_SHOWN = 12

_OTHER = (
    "the function is not the network of the plan (what it makes depends on the place in the map, or on its "
    "size), or it computes with fewer digits than it returns"
)


@dataclass(frozen=True, repr=False, eq=False)
class Seams:
    """How far tiles differ from the whole, at each halo; what :meth:`TilePlan.seam_error` returns.

    Attributes
    ----------
    plan
        The plan whose tiles were run.
    tiles
        The numbers of these tiles.
    margins
        The halos per axis, from none to the exact one.
    by_tile
        The largest absolute difference of each tile (rows) at each halo (columns).
    own
        The same of each tile at the halo of the plan. The last along an axis writes less than is compared,
        since it begins early enough to be as long as the others.
    std
        The standard deviation of the right outputs of these tiles.
    rounding
        The difference that rounding may leave.

    Examples
    --------
    >>> import numpy as np
    >>> import erfmath as em
    >>> plan = em.tiles(em.Conv(5, padding=2), 1000, 100, halo=1)
    >>> smooth = lambda x: np.convolve(x, [1, 1, 6, 1, 1], "same")
    >>> found = plan.seam_error(smooth, np.sin(np.arange(1000.0)))
    >>> found.halos, found.errors.round(3), round(found.error, 3), found.agrees
    (((0, 0), (1, 1), (2, 2)), array([0.397, 0.221, 0.   ]), 0.221, True)
    >>> found.least(0.25), found.tiles, found.by_tile.shape
    ((1, 1), (0, 2, 5, 7, 9, 10), (6, 3))
    >>> print(found.title)
    Largest difference from the whole in 6 of 11 tiles, in standard deviations of the output (4.42)
    >>> found.warnings
    ()
    """

    plan: TilePlan
    tiles: Ints
    margins: tuple[Halos, ...]
    by_tile: Floats
    own: Floats
    std: float
    rounding: float

    @property
    def halos(self) -> tuple[Any, ...]:
        """The halos as :func:`erfmath.tiles` takes them: a pair (before, after), one per axis on several."""
        return tuple(_as_given(halos) for halos in self.margins)

    @property
    def errors(self) -> Floats:
        """The largest difference at each of the halos, in standard deviations of the output."""
        return np.asarray(self.by_tile.max(axis=0) / self.std)

    @property
    def error(self) -> float:
        """The largest difference at the halo of the plan, in standard deviations of the output."""
        return float(self.own.max()) / self.std

    @property
    def agrees(self) -> bool | None:
        """Whether rounding alone is left at the exact halo; None where the tiles are too short for that."""
        return bool(self.by_tile[:, -1].max() <= self.rounding) if self._reaches else None

    @property
    def warnings(self) -> tuple[str, ...]:
        """What a user should know, in sentences: above all that the function is another network."""
        if self.agrees is False:
            return (f"The exact halo differs by more than rounding: {_OTHER}.",)
        return ()

    @property
    def _reaches(self) -> bool:
        ends = zip(self.plan.axes, self.margins[-1], self.plan.needed, strict=True)
        return all(axis.count == 1 or found == needed for axis, found, needed in ends)

    def least(self, tolerance: float) -> Any:
        """Return the least halo at which no tile that was run differs by more.

        Parameters
        ----------
        tolerance
            The largest difference, in standard deviations of the output.

        Returns
        -------
        tuple
            One of :attr:`halos`, for ``em.tiles(..., halo=...)``.

        Raises
        ------
        TypeError, ValueError
            If `tolerance` is no number from 0 on, or no halo that the tiles have room for is enough.

        Examples
        --------
        >>> import numpy as np
        >>> import erfmath as em
        >>> plan = em.tiles(em.Conv(5, padding=2) ** 2, 1000, 100)
        >>> smooth = lambda x: np.convolve(x, [1, 2, 9, 2, 1], "same")
        >>> plan.seam_error(lambda x: smooth(smooth(x)), np.sin(np.arange(1000.0))).least(0.1)
        (2, 2)
        """
        allowed = np.flatnonzero(self.errors <= _as_tolerance(tolerance))
        if allowed.size:
            return self.halos[allowed[0]]
        last = f"a halo of {halo_text(self.margins[-1])} still differs by {self.errors[-1]:.2g}"
        raise ValueError(f"no halo keeps within tolerance={tolerance!r}: {last}; {self._reason}")

    @property
    def _reason(self) -> str:
        """Why a difference is left at the longest halo, or what can be done about it."""
        if self.agrees is None:
            return "plan longer tiles, which have room for more"
        return "it is the exact one, and what is left is rounding" if self.agrees else _OTHER

    def to_dict(self) -> dict[str, Any]:
        """Return the differences as values for JSON.

        Returns
        -------
        dict
            The numbers of the `tiles`, `std`, `error`, `agrees`, and `halos` with the `error` of each.

        Examples
        --------
        >>> import numpy as np
        >>> import erfmath as em
        >>> plan = em.tiles(em.Conv(3, padding=1), 100, 20, halo=0)
        >>> found = plan.seam_error(lambda x: np.convolve(x, [1, 2, 1], "same"), np.arange(100.0) % 2)
        >>> found.to_dict()["halos"][1]
        {'halo': [(1, 1)], 'error': 0.0}
        """
        rows = zip(self.margins, self.errors.tolist(), strict=True)
        return {
            "tiles": list(self.tiles),
            "std": self.std,
            "error": self.error,
            "agrees": self.agrees,
            "halos": [{"halo": [(h.before, h.after) for h in halos], "error": e} for halos, e in rows],
        }

    @property
    def title(self) -> str:
        """What the differences are, in a line."""
        return (
            f"Largest difference from the whole in {len(self.tiles)} of {self.plan.count} tiles, in standard "
            f"deviations of the output ({self.std:.3g})"
        )

    def _rows(self) -> list[list[str]]:
        shown = thinned(list(zip(self.margins, self.errors, strict=True)), _MOST_SHOWN)
        return [[*cells_of(halos, with_halos(self.plan, halos)), f"{error:.1e}"] for halos, error in shown]

    def __str__(self) -> str:
        parts = [f"{self.title}:", table([*HEADERS, "differs by"], self._rows())]
        return "\n\n".join([*parts, *self.warnings])

    def __repr__(self) -> str:
        halo = halo_text(own_halos(self.plan))
        return f"<Seams: {self.error:.2g} standard deviations of the output at a halo of {halo}>"

    def _repr_html_(self) -> str:
        """Return the table as HTML for a notebook."""
        return card(self.title, (), grid([*HEADERS, "differs by"], self._rows()))


def _as_given(halos: Halos) -> Any:
    return plain_size(tuple((end.before, end.after) for end in halos))


def own_halos(plan: TilePlan) -> Halos:
    """Return the halos of a plan, per axis."""
    return tuple(Margins(axis.before, axis.after) for axis in plan.axes)


def _as_tolerance(value: Any) -> float:
    if isinstance(value, (bool, np.bool_)) or not isinstance(value, numbers.Real):
        raise TypeError(f"tolerance must be a number of standard deviations, such as 0.01, got {value!r}")
    if not 0 <= float(value) < math.inf:
        raise ValueError(f"tolerance must be from 0 on and finite, got {value!r}")
    return float(value)
