r"""The impact of each input position on one output unit, as an exact product of polynomials.

Without upsampling the impact of a series is :math:`\prod_l P_l(z^{a_l})`, with :math:`a_l` the dilation times
the strides before layer l (Luo et al. 2016, section 2), and branches add polynomials.
Upsampling by u keeps the multiples of u, which no product survives: what does not commute is written out.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from .._checks import per_axis
from ..core.coefficients import coefficients
from ..polynomials.kernel import Kernel
from ..polynomials.product import Factor, Product, as_product
from .algebra import Node, Power
from .arguments import Ints
from .program import Block, Program, common_start, program_of, pull_back
from .rates import Gain
from .stage import Stage

# Weights of a block of a network, which take no time.
_FEW = 64


class TooManyTermsError(ValueError):
    """Exact arithmetic would take long: many sums of branches that have no factor in common."""


@dataclass(frozen=True)
class Impact:
    """A response as weights: the product of the factors, moved by the shift; not yet multiplied out."""

    factors: tuple[Factor, ...]
    shift: Ints
    budget: float = math.inf  # weights that may still be written out

    def through(self, stage: Stage) -> Impact | None:
        """Return the impact before a stage."""
        factors = self.factors
        if max(stage.stride) > 1:
            factors = tuple(f._replace(step=_times(f.step, stage.stride)) for f in factors)
        shift = tuple(a * s + c for a, s, c in zip(self.shift, stage.stride, stage.shift, strict=True))
        factors = (*factors, Factor(stage.kernel, 1, stage.dilation))
        impact = Impact(factors, shift, self.budget)
        return impact if set(stage.upsampling) == {1} else impact._decimated(stage.upsampling)

    def through_block(self, block: Block) -> Impact | None:
        """Return the impact before n copies of a network of rate 1, None where weights cancel."""
        inner = _found(block.program, Impact((), (0,) * block.program.ndim))
        if inner is None:
            return None
        factors = tuple(f._replace(n=f.n * block.n) for f in inner.factors)
        shift = tuple(a + block.n * b for a, b in zip(self.shift, inner.shift, strict=True))
        return Impact(self.factors + factors, shift, self.budget)

    @classmethod
    def total(cls, parts: Sequence[tuple[Gain, Impact]]) -> Impact | None:
        """Return the weighted sum, None where it cancels; factors that all parts share stay factors."""
        first = parts[0][1]
        common = common_start([impact.factors for _, impact in parts])
        grids = [Impact(i.factors[common:], i.shift).written(gain) for gain, i in parts]
        ends = np.array([[g.offsets, np.add(g.offsets, g.shape)] for g in grids])
        low, high = ends[:, 0].min(axis=0), ends[:, 1].max(axis=0)
        budget = min(i.budget for _, i in parts) - max(0, math.prod((high - low).tolist()) - _FEW)
        if budget < 0:
            raise TooManyTermsError
        whole = np.zeros(high - low, dtype=object)
        for grid in grids:
            weights = np.array(grid.weights, dtype=object)
            place = np.array(grid.offsets) - low
            whole[tuple(slice(p, p + k) for p, k in zip(place, grid.shape, strict=True))] += weights
        if not whole.any():
            return None
        kernel = Kernel(whole, low.tolist())
        return cls((*first.factors[:common], _factor(kernel)), (0,) * kernel.ndim, budget)

    def written(self, gain: Gain = 1) -> Kernel:
        """Return the weights multiplied out, times a gain."""
        if not self.factors:
            weights = np.full((1,) * len(self.shift), gain, dtype=object)
            return Kernel(weights, self.shift)
        product = Product(self.factors)
        weights = coefficients(product, method="exact" if product.is_exact else "auto").astype(object)
        return Kernel(weights * gain, [o + c for o, c in zip(product.offsets, self.shift, strict=True)])

    def product(self) -> Product:
        """Return the impact as a Product."""
        ndim = len(self.shift)
        factors = self.factors
        if any(self.shift):
            factors = (*factors, _factor(Kernel(_one(ndim), self.shift)))
        return Product(factors or [_factor(Kernel(_one(ndim)))])

    def _decimated(self, up: Ints) -> Impact | None:
        """Return what stands at the multiples of the upsampling factors, None when nothing does."""
        divisible = [all(a % u == 0 for a, u in zip(f.step, up, strict=True)) for f in self.factors]
        kept = [f for f, free in zip(self.factors, divisible, strict=True) if free]
        kept = [f._replace(step=tuple(a // u for a, u in zip(f.step, up, strict=True))) for f in kept]
        rest = tuple(f for f, free in zip(self.factors, divisible, strict=True) if not free)
        grid = Impact(rest, self.shift).written()
        phases = [-o % u for o, u in zip(grid.offsets, up, strict=True)]
        weights = np.array(grid.weights, dtype=object)
        weights = weights[tuple(slice(p, None, u) for p, u in zip(phases, up, strict=True))]
        if not weights.any():
            return None
        offset = [(o + p) // u for o, p, u in zip(grid.offsets, phases, up, strict=True)]
        return Impact((*kept, _factor(Kernel(weights, offset))), (0,) * len(up), self.budget)


@functools.lru_cache(maxsize=1024)
def _found(program: Program, unit: Impact) -> Impact | None:
    return pull_back(program, unit)


def response_of(program: Program, at: Ints | None = None, budget: float = math.inf) -> Impact:
    """Return the impact on one output unit, by default the one at 0.

    Raises TooManyTermsError where more weights than the budget have to be written out in sums of branches.
    """
    unit = Impact((), at or (0,) * program.ndim, budget)
    found = _found(program, unit)
    if found is None:
        raise ValueError(
            f"output unit {place(unit.shift)} sees nothing: no tap of an upsampling layer meets it, or "
            "branches cancel"
        )
    return found


@as_product.register
def product_of(net: Node, n: object = 1, at: Any = None) -> Product:
    """Return the impact on one output unit of n copies of a network."""
    program = bounded_program(copies(net, n))
    require_alike(program)
    return response_of(program, unit_of(at, program.ndim)).product()


def copies(net: Node, n: object) -> Node:
    """Return n copies in series; none of them still have the axes of the network."""
    return net if n == 1 else Power(net, n)  # type: ignore[arg-type]


def unit_of(at: Any, ndim: int) -> Ints:
    """Return the index of an output unit, 0 by default."""
    return (0,) * ndim if at is None else per_axis(at, ndim, "at")


def bounded_program(net: Node) -> Program:
    """Return the program of a network, or raise where a layer reads its whole input."""
    program = program_of(net)
    if program.unbounded is not None:
        raise ValueError(
            f"{program.unbounded!r} reads its whole input, so the impact depends on the input's size; "
            "ask for the network before it, or leave its branch out"
        )
    return program


def require_alike(program: Program) -> None:
    """Raise where channels have weights of their own, so that there is no single polynomial."""
    if program.mixes is not None:
        raise ValueError(
            f"{program.mixes!r} has weights of its own for each channel, so the impact is no product of "
            "polynomials; use impact_map() or distribution()"
        )


def require_law(program: Program) -> None:
    """Raise where a weight or a gain is negative, naming the layer."""
    for op in program.live:
        if isinstance(op.what, Block):
            require_law(op.what.program)
        elif isinstance(op.what, Stage) and not op.what.is_nonnegative:
            raise ValueError(
                f"{op.node!r} has a negative weight, so the impact is no probability law; use impact_map() "
                "or polynomial() for the signed impact, variance() for that of the squares, or a layer with "
                "the weights' magnitudes"
            )
        if any(gain < 0 for _, gain in op.sources):
            raise ValueError(
                f"{op.node!r} has a negative gain, so the impact is no probability law; use polynomial() for "
                "the signed polynomial"
            )


def _factor(kernel: Kernel) -> Factor:
    return Factor(kernel, 1, (1,) * kernel.ndim)


def _one(ndim: int) -> Any:
    return np.ones((1,) * ndim, dtype=int)


def _times(a: Ints, b: Ints) -> Ints:
    return tuple(x * y for x, y in zip(a, b, strict=True))


def place(index: Ints) -> str:
    """Return an index as a message names it."""
    return str(index[0] if len(index) == 1 else index)
