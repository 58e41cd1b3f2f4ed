"""The impact of each input position on one output unit, as an exact product of polynomials.

Luo et al. 2016, section 2, who treat convolutions in series; `factored.py` says what else becomes of it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, ClassVar

import numpy as np

from .._checks import per_axis
from ..core.coefficients import coefficients
from ..polynomials.kernel import Kernel
from ..polynomials.product import Product, as_product
from .algebra import Node, Power
from .arguments import Ints
from .factored import Factored, Powered, pulled_back
from .program import Block, Program, program_of
from .rates import Gain
from .stage import Stage

# Weights of a block of a network: written out in microseconds, so that they do not count.
_FEW = 64


class TooManyTermsError(ValueError):
    """Exact arithmetic would take long: many sums of branches that have no factor in common."""


@dataclass(frozen=True)
class Polynomials:
    """The semiring of polynomials, on all axes."""

    is_idempotent: ClassVar[bool] = False

    def on(self, values: Ints) -> Ints:
        """Return the numbers of all axes."""
        return values

    def taps(self, stage: Stage) -> Kernel:
        """Return the weights of a stage."""
        return stage.kernel

    def place(self, element: Kernel) -> Ints | None:
        """Return the place of a single weight of 1."""
        return element.offsets if set(element.shape) == {1} and next(element.taps())[1] == 1 else None

    def written(self, factors: Sequence[Powered[Kernel]], shift: Ints) -> Kernel:
        """Return the weights multiplied out."""
        if not factors:
            return Kernel(np.ones((1,) * len(shift), dtype=int), shift)
        product = Product(factors)
        weights = coefficients(product, method="exact" if product.is_exact else "auto")
        return Kernel(weights, [o + c for o, c in zip(product.offsets, shift, strict=True)])

    def total(self, parts: Sequence[tuple[Gain, Kernel]], budget: float) -> tuple[Kernel, float] | None:
        """Return the weighted sum, None where it cancels."""
        ends = np.array([[kernel.offsets, np.add(kernel.offsets, kernel.shape)] for _, kernel in parts])
        low, high = ends[:, 0].min(axis=0), ends[:, 1].max(axis=0)
        left = budget - max(0, math.prod((high - low).tolist()) - _FEW)
        if left < 0:
            raise TooManyTermsError
        whole = np.zeros(high - low, dtype=object)
        for gain, kernel in parts:
            place = np.array(kernel.offsets) - low
            weights = np.array(kernel.weights, dtype=object) * gain
            whole[tuple(slice(p, p + k) for p, k in zip(place, kernel.shape, strict=True))] += weights
        return (Kernel(whole, low.tolist()), left) if whole.any() else None

    def decimated(self, element: Kernel, factors: Ints) -> Kernel | None:
        """Return what stands at the multiples of the factors, None when nothing does."""
        phases = [-o % u for o, u in zip(element.offsets, factors, strict=True)]
        weights = np.array(element.weights, dtype=object)
        weights = weights[tuple(slice(p, None, u) for p, u in zip(phases, factors, strict=True))]
        if not weights.any():
            return None
        ends = zip(element.offsets, phases, factors, strict=True)
        return Kernel(weights, [(o + p) // u for o, p, u in ends])


def response_of(program: Program, at: Ints | None = None, budget: float = math.inf) -> Product:
    """Return the impact on one output unit, by default the one at 0, as a product of polynomials.

    Raises TooManyTermsError where more weights than the budget have to be written out in sums of branches.
    """
    unit: Factored[Kernel] = Factored(Polynomials(), (), at or (0,) * program.ndim, budget)
    found = pulled_back(program, unit)
    if found is None:
        raise ValueError(
            f"output unit {place(unit.shift)} sees nothing: no tap of an upsampling layer meets it, or "
            "branches cancel"
        )
    rest = [(Kernel(np.ones((1,) * program.ndim, dtype=int), found.shift), 1)]
    return Product([*found.factors, *(rest if any(found.shift) or not found.factors else [])])


@as_product.register
def product_of(net: Node, n: object = 1, at: Any = None) -> Product:
    """Return the impact on one output unit of n copies of a network."""
    program = bounded_program(copies(net, n))
    require_alike(program)
    return response_of(program, unit_of(at, program.ndim))


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
            f"{program.unbounded!r} reads its whole input, so the impact depends on the input's size; give "
            "distribution() an input_size, ask for the network before it, or leave its branch out"
        )
    return program


def require_alike(program: Program) -> None:
    """Raise where channels have weights of their own, so that there is no single polynomial."""
    if program.mixes is not None:
        raise ValueError(
            f"{program.mixes!r} has weights of its own for each channel, so the impact is not one product of "
            "polynomials; use impact_map() or distribution()"
        )


def require_law(program: Program) -> None:
    """Raise where a weight or a gain is negative, naming the layer."""
    for op in program.live:
        if isinstance(op.what, Block):
            require_law(op.what.program)
        elif isinstance(op.what, Stage) and not op.what.is_nonnegative:
            raise ValueError(
                f"{op.node!r} has a negative weight, so its impact is not a distribution; use impact_map() "
                "or polynomial() for the signed impact, variance() for the squares of the weights, or a "
                "layer with their magnitudes"
            )
        if any(gain < 0 for _, gain in op.sources):
            raise ValueError(
                f"{op.node!r} has a negative gain, so its impact is not a distribution; use impact_map() or "
                "polynomial() for the signed impact"
            )


def place(index: Ints) -> str:
    """Return an index as a message names it."""
    return str(index[0] if len(index) == 1 else index)
