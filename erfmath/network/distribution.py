"""The distribution of a network's impact: where on the input the impact on one output unit lies."""

from __future__ import annotations

import math
from functools import cached_property
from typing import Any

import numpy as np

from .._checks import others_of, per_axis
from ..core.scaled import Floats
from ..laws.base import Distribution
from ..laws.joint import JointDistribution, law_of
from ..laws.lattice import LatticeDistribution
from ..laws.lazy import ProductDistribution, distribution
from ..laws.manners import read_only
from ..laws.univariate import UnivariateDistribution
from ..polynomials.kernel import Kernel
from ..polynomials.product import Product, alike, axes_of, on_axis
from .algebra import Node, require_network
from .arguments import Ints
from .border import bordered_map, unit_inside
from .field import receptive_field, regions_of_unit
from .impact import (
    TooManyTermsError,
    bounded_program,
    copies,
    place,
    require_alike,
    require_law,
    response_of,
    unit_of,
)
from .maps import map_of, rounding_of
from .program import Program
from .sizes import sized_for

# Weights written out exactly in sums of branches; known architectures need up to a thousand.
_MOST_TERMS = 5000


class MapDistribution(JointDistribution):
    """The distribution of a network's impact on several axes, its map and marginals built when asked for.

    The marginals are those of the exact product of polynomials where no other axis is upsampled.

    Parameters
    ----------
    net
        A network on several axes.
    at
        The output unit, an int per axis.

    Raises
    ------
    TypeError
        If it is no network.
    ValueError
        If a layer reads its whole input, or the unit sees nothing.

    Examples
    --------
    >>> import erfmath as em
    >>> diagonal = em.Conv([[1, 0], [0, 1]])
    >>> d = em.distribution(diagonal + em.Conv([[1, 1], [1, 1]]))
    >>> d, d.ndim, d.bounds, d.is_independent, d.error < 1e-14
    (<JointDistribution on 0 .. 1 x 0 .. 1>, 2, ((0, 1), (0, 1)), False, True)
    >>> d.marginals[0].probabilities()
    array([0.5, 0.5])
    """

    def __init__(self, net: Node, at: Ints) -> None:
        self._net, self._program = net, bounded_program(require_network(net))
        self._at = per_axis(at, self._program.ndim, "at")
        if not self._only_adds:
            _ = self.bounds  # raises where the unit sees nothing

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self._at)

    @property
    def is_independent(self) -> bool:
        """Whether the distribution is held as the product of its marginals: no."""
        return False

    @property
    def _only_adds(self) -> bool:
        """Whether no layer leaves samples out, so that the support is the sum of the layers' taps."""
        return all(set(stage.upsampling) == {1} for stage in self._program.stages)

    @property
    def error(self) -> float:
        """A bound of the relative error of what `pmf` returns: of sums, layer by layer."""
        return rounding_of(self._program) + super().error

    @cached_property
    def bounds(self) -> tuple[tuple[int, int], ...]:
        """The smallest and the largest point of positive probability of each coordinate."""
        if self._only_adds:
            return tuple(receptive_field(self._net).region(self._at))
        found = [marginal.support() for marginal in self.marginals]
        exact = (_is_exact(self._program, axis) for axis in range(self._program.ndim))
        if any(map(_underflows, self.marginals, exact)):  # what floats do not reach is seen all the same
            regions = regions_of_unit(self._program, self._at)
            found = [(int(low), int(high)) for low, high in regions]
        return tuple(found)

    @cached_property
    def marginals(self) -> tuple[UnivariateDistribution, ...]:
        """The distribution of each coordinate."""
        return _marginals(self._program, self._at)

    @cached_property
    def _start(self) -> Ints:
        return tuple(low for low, _ in self.bounds)

    @cached_property
    def _table(self) -> Floats:
        found = map_of(self._program, self._at)
        assert found is not None  # the support would have raised
        values = found.grid
        values /= values.sum()  # in place: the map is ours, and large
        if self._program.mixes is None and _reaches_its_ends(values):
            ends = zip(found.offset, values.shape, strict=True)
            self.__dict__.setdefault("bounds", tuple((o, o + k - 1) for o, k in ends))

        # The map may be wider, by taps that are zero, or narrower, where all weights of a branch are.
        sides = [high - low + 1 for low, high in self.bounds]
        pairs = list(zip(self._start, found.offset, sides, values.shape, strict=True))
        inner = tuple(slice(max(0, o - s), max(0, min(n, o + k - s))) for s, o, n, k in pairs)
        outer = tuple(slice(max(0, s - o), max(0, min(k, s + n - o))) for s, o, n, k in pairs)
        if values[outer].shape == tuple(sides):
            return read_only(values[outer])
        table = np.zeros(sides)
        table[inner] = values[outer]
        return read_only(table)


def _underflows(marginal: UnivariateDistribution, is_exact: bool) -> bool:
    """Whether a marginal comes from floats that end at the least there are."""
    is_of_floats = marginal.polynomial is None or not is_exact
    return is_of_floats and bool(marginal.probabilities()[[0, -1]].min() < 1e-290)


def _reaches_its_ends(values: Floats) -> bool:
    """Whether the first and the last line along each axis hold anything: zeros there may be round-off."""
    return all(values.take(end, axis=axis).any() for axis in range(values.ndim) for end in (0, -1))


@distribution.register
def distribution_of_network(net: Node, n: int = 1, *, at: Any = None, input_size: Any = None) -> Distribution:
    """Return the distribution of the impact on one output unit of n copies of a network.

    Unit 0 by default, on a map without borders; with an `input_size` the middle one, or the one `at`, with
    the borders as the layers pad them.
    """
    if input_size is not None:
        return _bordered(copies(net, n), at, input_size)
    program = bounded_program(copies(net, n))
    require_law(program)
    unit = unit_of(at, program.ndim)
    if program.ndim == 1:
        return _law(program, unit, 0)
    if not program.is_separable:
        return MapDistribution(copies(net, n), unit)
    return JointDistribution.independent(_marginals(program, unit))


@on_axis.register
def network_on_axis(net: Node, n: object, axis: int | None) -> Product:
    """Return the impact on output unit 0 seen along one axis, by default the one they all look like."""
    program = bounded_program(copies(net, n))
    require_law(program)
    require_alike(program)
    unit = unit_of(None, program.ndim)
    axes = sorted({program.likenesses[a] for a in axes_of(axis, program.ndim)})
    return alike([_marginal_product(program, unit, a) for a in axes])


def _marginals(program: Program, at: Ints) -> tuple[UnivariateDistribution, ...]:
    """Return the marginal distributions of one output unit; those of like axes at like places are one."""
    laws: dict[tuple[int, Any], UnivariateDistribution] = {}
    keys = []
    for axis, first in enumerate(program.likenesses):
        # With upsampling the place on every axis counts; where it is the same on two, so is the rest.
        keys.append((first, at[axis] if set(at) == {at[0]} else axis))
        if keys[-1] not in laws:
            laws[keys[-1]] = _law(program, at, axis)
    return tuple(laws[key] for key in keys)


def _law(program: Program, at: Ints, axis: int) -> UnivariateDistribution:
    """Return the marginal on one axis: of the exact product, or where that takes too long from a map."""
    if program.mixes is not None:
        return LatticeDistribution.computed(*_folded(program, at, axis), rounding_of(program))
    try:
        return ProductDistribution(_marginal_product(program, at, axis, _MOST_TERMS))
    except TooManyTermsError:
        return LatticeDistribution.computed(*_folded(program, at, axis), rounding_of(program))


def _marginal_product(program: Program, at: Ints, axis: int, budget: float = math.inf) -> Product:
    """Return the marginal on one axis, exactly where no other is upsampled, else by a folded map."""
    if _is_exact(program, axis):
        return response_of(program.along(axis), (at[axis],), budget)
    return Product([(Kernel(*_folded(program, at, axis)), 1)])


def _is_exact(program: Program, axis: int) -> bool:
    """Whether the marginal on an axis is a product of polynomials, not of the floats of a map."""
    return program.is_separable or _is_summed(program, axis)


def _is_summed(program: Program, axis: int) -> bool:
    """Whether the marginal on an axis is that of the program on it: where no other axis is upsampled."""
    return all(u == 1 for stage in program.stages for a, u in enumerate(stage.upsampling) if a != axis)


def _folded(program: Program, at: Ints, axis: int) -> tuple[Floats, int]:
    """Return (shares, offset) of the marginal on one axis, from the map with all others summed or folded."""
    if program.ndim > 1 and _is_summed(program, axis):
        return _folded(program.along(axis), (at[axis],), 0)
    found = map_of(program, at, (axis,))
    if found is None:
        raise ValueError(f"output unit {place(at)} sees nothing: no tap of an upsampling layer meets it")
    sums = found.grid.sum(axis=others_of(axis, program.ndim))
    return sums / sums.sum(), found.offset[axis]


def _bordered(net: Node, at: Any, input_size: Any) -> Distribution:
    """Return the distribution of the impact on a unit of a map with borders."""
    frame = sized_for(net, input_size)
    require_law(frame.program)
    unit = unit_inside(frame, at)
    found = bordered_map(frame, unit)
    if found is None:
        raise ValueError(f"output unit {place(unit)} sees nothing: all its paths are lost at the borders")
    return law_of(found.grid, found.offset, rounding_of(frame.program))
