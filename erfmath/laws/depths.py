"""How the effective receptive field grows with depth."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._checks import as_count
from .._html import card, grid, or_reason
from ..polynomials.kernel import Kernel
from .conventions import rule_of
from .effective import effective_field
from .scenes import law_of_profile


@dataclass(frozen=True, repr=False)
class Growth:
    """Effective against theoretical size over depth; see :func:`growth`. Iterating gives the rows.

    Attributes
    ----------
    rows
        One :class:`GrowthRow` for each depth.

    Examples
    --------
    >>> import erfmath as em
    >>> g = em.growth([1, 1, 1], [10, 100, 1000, 10**4], definition="two_sigma")
    >>> round(g.slope, 4), round(g.ratio_slope, 4)
    (0.5, -0.4935)
    """

    rows: tuple[GrowthRow, ...]

    def __iter__(self) -> Iterator[GrowthRow]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def __repr__(self) -> str:
        first, last = self.rows[0], self.rows[-1]
        return (
            f"<Growth from depth {first.depth} to {last.depth}: effective {first.effective:.4g} to "
            f"{last.effective:.4g}, theoretical {first.theoretical:.4g} to {last.theoretical:.4g}>"
        )

    def _repr_html_(self) -> str:
        """Return the table of depths as HTML for a notebook."""
        headers = ("depth", "theoretical", "effective", "ratio", "count")
        rows = [
            (r.depth, f"{r.theoretical:.6g}", f"{r.effective:.4g}", f"{r.ratio:.3f}", f"{r.count:,}")
            for r in self.rows
        ]
        slope = or_reason(lambda: f"{self.slope:.3f}, in the limit 1/2")
        return card("Growth of the effective field", [("slope", slope)], grid(headers, rows))

    @property
    def slope(self) -> float:
        """Least-squares slope of log(effective size) over log(depth): 1/2 in the limit."""
        return self._fit([row.effective for row in self.rows])

    @property
    def ratio_slope(self) -> float:
        """Least-squares slope of log(effective / theoretical) over log(depth): -1/2 in the limit."""
        return self._fit([row.ratio for row in self.rows])

    def _fit(self, values: Sequence[float]) -> float:
        if not all(values):
            raise ValueError("the effective size is 0 (a single point), so its growth has no slope")
        slope, _ = np.polyfit(np.log([row.depth for row in self.rows]), np.log(values), 1)
        return float(slope)


@dataclass(frozen=True)
class GrowthRow:
    """One depth: the side of the theoretical and of the effective field, the pixel count and the ratio.

    Attributes
    ----------
    depth
        How often the block is repeated.
    theoretical, effective
        The sides of the two fields, in pixels.
    count
        Number of pixels inside the effective one.
    ratio
        The effective side over the theoretical one.

    Examples
    --------
    >>> import erfmath as em
    >>> row = em.growth([1, 1, 1], [10, 40]).rows[1]
    >>> row.depth, row.theoretical, row.effective, row.count, round(row.ratio, 3)
    (40, 81.0, 25.0, 25, 0.309)
    """

    depth: int
    theoretical: float
    effective: float
    count: int
    ratio: float


def growth(block: Kernel | Any, depths: Sequence[int], **options: Any) -> Growth:
    """Return the effective field of `block` repeated to each depth, with the slopes of its growth.

    The theorem gives size ~ n^(1/2) and ratio ~ n^(-1/2); finite depths approach this from below.

    Parameters
    ----------
    block
        A Kernel, a Product, or a sequence of weights.
    depths
        Two or more different depths, each at least 1.
    **options
        `definition`, `ref`, `profile`, `ndim`, `level`, `share`, `convention` of :func:`effective_field`.

    Returns
    -------
    Growth
        A row per depth, `slope` and `ratio_slope`.

    Raises
    ------
    ValueError
        If there are fewer than two different depths, or one is below 1.

    References
    ----------
    W. Luo et al., Understanding the effective receptive field in deep convolutional neural networks, NeurIPS
    2016, section 2.2: the ratio shrinks as 1/sqrt(n).

    Examples
    --------
    >>> from erfmath import Kernel, growth
    >>> g = growth(Kernel.uniform((3, 3)), [5, 10, 20, 40])
    >>> [row.count for row in g], round(g.slope, 3), round(g.ratio_slope, 3)
    ([69, 137, 261, 517], 0.482, -0.478)
    """
    if not isinstance(depths, Iterable):
        raise TypeError(f"depths must be a sequence of ints, got {depths!r}")
    numbers = [as_count(depth, "depths", minimum=1) for depth in depths]
    if len(set(numbers)) < 2:
        raise ValueError(f"depths must hold at least two different depths to fit a slope, got {numbers}")
    profile = rule_of(profile=options.get("profile"), convention=options.get("convention")).profile
    fields = [effective_field(law_of_profile(block, profile, depth), **options) for depth in numbers]
    return Growth(
        tuple(
            GrowthRow(depth, field.field_size, field.size, field.count, field.ratio)
            for depth, field in zip(numbers, fields, strict=True)
        )
    )
