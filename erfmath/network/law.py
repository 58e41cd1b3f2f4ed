"""The law of a network's impact: where on the input the impact on one output unit lies."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np

from .._checks import others_of
from ..core.scaled import Floats
from ..joint import JointDistribution
from ..kernel import Kernel
from ..lattice import LatticeDistribution
from ..product import Product, alike, axes_of, on_axis
from ..product_law import ProductDistribution, distribution
from .border import bordered_map, unit_inside
from .impact import bounded_program, copies, require_law, response_of, unit_of
from .maps import map_of
from .node import Node
from .program import Program
from .sizes import sized_for

Ints = tuple[int, ...]


class MapDistribution(JointDistribution):
    """The law of a network's impact on several axes, its map built when asked for.

    The marginals come first and cost little; they are those of the exact product of polynomials where no
    other axis is upsampled.
    """

    def __init__(self, program: Program, at: Ints) -> None:
        self._program, self._at = program, at
        parts = [_marginal_product(program, at, axis) for axis in range(program.ndim)]
        self._marginals = tuple(map(ProductDistribution, parts))
        self._start = tuple(low for low, _ in self.support())

    @property
    def is_independent(self) -> bool:
        """Whether the law is held as the product of its marginals: no."""
        return False

    @cached_property
    def _table(self) -> Floats:  # type: ignore[override]
        found = map_of(self._program, self._at)
        assert found is not None  # the marginals would have raised
        values = found.values / found.values.sum()
        edges = zip(self._start, found.offset, self.support(), strict=True)
        return np.asarray(values[tuple(slice(s - o, high - o + 1) for s, o, (_, high) in edges)])


@distribution.register
def distribution_of_network(
    net: Node, n: int = 1, *, at: Any = None, input_size: Any = None
) -> LatticeDistribution | JointDistribution:
    """Return the law of the impact of each input position on one output unit of n copies of a network.

    Unit 0 by default, on a map without borders; with an `input_size` the middle one, or the one `at`, with
    the borders as the layers pad them.
    """
    if input_size is not None:
        return _bordered(copies(net, n), at, input_size)
    program = bounded_program(copies(net, n))
    require_law(program)
    unit = unit_of(at, program.ndim)
    if program.ndim == 1:
        return ProductDistribution(response_of(program, unit).product())
    if not program.is_separable:
        return MapDistribution(program, unit)
    parts = [_marginal_product(program, unit, axis) for axis in range(program.ndim)]
    return JointDistribution.independent(list(map(ProductDistribution, parts)))


@on_axis.register
def network_on_axis(net: Node, n: object = 1, axis: int | None = None) -> Product:
    """Return the impact on output unit 0 seen along one axis, by default the one they all look like."""
    program = bounded_program(copies(net, n))
    unit = unit_of(None, program.ndim)
    return alike([_marginal_product(program, unit, a) for a in axes_of(axis, program.ndim)])


def _marginal_product(program: Program, at: Ints, axis: int) -> Product:
    """Return the marginal on one axis, exactly where no other is upsampled, else by a folded map."""
    others = [u for stage in program.stages for a, u in enumerate(stage.upsampling) if a != axis]
    if math.prod(others) == 1 or program.is_separable:
        return response_of(program.along(axis), (at[axis],)).product()
    found = map_of(program, at, (axis,))
    if found is None:
        raise ValueError(f"output unit {at} sees nothing: no tap of an upsampling layer meets it")
    sums = found.values.sum(axis=others_of(axis, program.ndim))
    return Product([(Kernel(sums / sums.sum(), found.offset[axis]), 1)])


def _bordered(net: Node, at: Any, input_size: Any) -> LatticeDistribution | JointDistribution:
    """Return the law of the impact on a unit of a map with borders."""
    frame = sized_for(net, input_size)
    require_law(frame.program)
    found = bordered_map(frame, unit_inside(frame, at))
    if found is None:
        raise ValueError(f"output unit {at} sees nothing of the input: all its paths are lost at the borders")
    law = found.values / found.values.sum()
    return LatticeDistribution(law, *found.offset) if law.ndim == 1 else JointDistribution(law, found.offset)
