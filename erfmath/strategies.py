"""Hypothesis strategies for property-based tests of code that meets kernels, distributions and networks.

Import this module by name (``import erfmath.strategies``); it needs ``hypothesis``.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

try:
    from hypothesis import strategies as st
    from hypothesis.errors import InvalidArgument
except ImportError:
    raise ImportError("erfmath.strategies needs Hypothesis: pip install hypothesis") from None

from ._checks import is_index
from .laws.lattice import LatticeDistribution
from .network.algebra import Identity, Node, Power, Series, Sum
from .network.branches import Concat, Residual
from .network.graph import INPUT, Graph
from .network.layers import Activation, Conv, ConvTranspose, Dropout, Pool, Upsample
from .network.rates import Rate
from .polynomials.kernel import Kernel

__all__ = ["convs", "distributions", "kernels", "networks"]


def kernels(
    *,
    elements: st.SearchStrategy[Any] | None = None,
    min_dims: int = 1,
    max_dims: int = 1,
    min_side: int = 1,
    max_side: int = 5,
    min_offset: int = 0,
    max_offset: int = 0,
) -> st.SearchStrategy[Kernel]:
    """Generate kernels, zeros inside and outside included, never all zero.

    Examples shrink towards ``Kernel([1])``: few axes, few taps, small weights, no offset.

    Parameters
    ----------
    elements
        Strategy of the weights, by default the integers 0 to 9. ``st.integers(-9, 9)`` gives signed
        kernels, ``st.fractions(0, 1)`` rational ones, ``st.floats(0, 1)`` floats.
    min_dims, max_dims
        Bounds of the number of axes.
    min_side, max_side
        Bounds of the number of taps along each axis.
    min_offset, max_offset
        Bounds of the offset along each axis.

    Returns
    -------
    hypothesis.strategies.SearchStrategy

    Raises
    ------
    hypothesis.errors.InvalidArgument
        If a minimum exceeds its maximum, or a size is below 1.

    Examples
    --------
    >>> from hypothesis import find
    >>> from erfmath.strategies import kernels
    >>> find(kernels(min_side=2), lambda kernel: True)
    Kernel([0, 1])
    """
    _check_interval("dims", min_dims, max_dims, lowest=1)
    _check_interval("side", min_side, max_side, lowest=1)
    _check_interval("offset", min_offset, max_offset)
    if elements is not None and not isinstance(elements, st.SearchStrategy):
        raise InvalidArgument(f"elements={elements!r} must be a strategy")
    weights = st.integers(0, 9) if elements is None else elements

    @st.composite
    def draw_kernel(draw: st.DrawFn) -> Kernel:
        ndim = draw(st.integers(min_dims, max_dims))
        shape = [draw(st.integers(min_side, max_side)) for _ in range(ndim)]
        flat = draw(st.lists(weights, min_size=math.prod(shape), max_size=math.prod(shape)).filter(any))
        offset = [draw(st.integers(min_offset, max_offset)) for _ in range(ndim)]
        return Kernel(_as_grid(flat, shape), offset)

    return draw_kernel()


def distributions(
    *, min_size: int = 1, max_size: int = 8, min_offset: int = -10, max_offset: int = 10
) -> st.SearchStrategy[LatticeDistribution]:
    """Generate distributions on the integers, with probabilities over six decades and zeros inside.

    Examples shrink towards a point mass at 0, then towards equal probabilities on few points.

    Parameters
    ----------
    min_size, max_size
        Bounds of the number of points of the support, from its first to its last.
    min_offset, max_offset
        Bounds of the first point.

    Returns
    -------
    hypothesis.strategies.SearchStrategy

    Raises
    ------
    hypothesis.errors.InvalidArgument
        If a minimum exceeds its maximum, or a size is below 1.

    Examples
    --------
    >>> from hypothesis import find
    >>> from erfmath.strategies import distributions
    >>> find(distributions(), lambda found: found.var() > 0).support()
    (0, 1)
    """
    _check_interval("size", min_size, max_size, lowest=1)
    _check_interval("offset", min_offset, max_offset)
    ends, inside = st.integers(1, 10**6), st.integers(0, 10**6)

    @st.composite
    def draw_law(draw: st.DrawFn) -> LatticeDistribution:
        size = draw(st.integers(min_size, max_size))
        middle = [draw(inside) for _ in range(size - 2)]
        weights = np.array([draw(ends), *middle, draw(ends)][:size], dtype=float)
        return LatticeDistribution(weights / weights.sum(), draw(st.integers(min_offset, max_offset)))

    return draw_law()


def convs(
    *,
    elements: st.SearchStrategy[Any] | None = None,
    min_dims: int = 1,
    max_dims: int = 1,
    max_side: int = 3,
    max_stride: int = 3,
    max_dilation: int = 3,
    max_padding: int = 3,
) -> st.SearchStrategy[Node]:
    """Generate single layers of every bounded type: convolutions, transposed ones, pools, upsampling.

    Weights of convolutions are given. All kinds of padding appear: equal, per axis, before and after, "same",
    "causal" and "valid". The offsets of kernels are -1, 0 or 1. Layers without axes,
    such as ``Identity()``, fit any number of them. Examples shrink towards ``Identity()``, and each type
    towards few taps without options.

    Parameters
    ----------
    elements
        Strategy of given weights, by default the integers 0 to 9; see :func:`kernels`.
    min_dims, max_dims
        Bounds of the number of axes.
    max_side
        Largest number of taps along each axis.
    max_stride
        Largest stride, and factor of upsampling, along each axis.
    max_dilation
        Largest dilation along each axis.
    max_padding
        Largest padding in numbers along each axis; "same" and "causal" pad what they need.

    Returns
    -------
    hypothesis.strategies.SearchStrategy

    Raises
    ------
    hypothesis.errors.InvalidArgument
        If a minimum exceeds its maximum, or a bound is below what a layer needs.

    Examples
    --------
    >>> from hypothesis import find
    >>> from erfmath import Conv
    >>> from erfmath.strategies import convs
    >>> find(convs(), lambda layer: True)
    Identity()
    >>> find(convs(), lambda layer: isinstance(layer, Conv) and layer.stride == (2,))
    Conv(Kernel([1]), stride=2)
    """
    bounds = _Bounds(elements, max_side, max_stride, max_dilation, max_padding)
    bounds.check()
    return _on_axes(min_dims, max_dims, lambda ndim: _layers(ndim, bounds))


def networks(
    *,
    elements: st.SearchStrategy[Any] | None = None,
    gains: st.SearchStrategy[Any] | None = None,
    min_dims: int = 1,
    max_dims: int = 1,
    max_layers: int = 5,
    max_side: int = 3,
    max_stride: int = 2,
    max_dilation: int = 2,
    max_padding: int = 2,
) -> st.SearchStrategy[Node]:
    """Generate networks: layers in series, sums, concatenations, skips, powers and graphs, in each other.

    Branches that are added have the same rate: where they would not, a layer that strides or upsamples
    follows the branch. Examples shrink towards ``Identity()``: few layers, each as in :func:`convs`.

    Parameters
    ----------
    elements
        Strategy of the weights, by default the integers 0 to 9; see :func:`kernels`.
    gains
        Strategy of the gains of branches, by default 1, 2, 1/2 and 0; a sum has at least one not 0.
    min_dims, max_dims
        Bounds of the number of axes.
    max_layers
        Largest number of layers, copies counted, those left out that bring branches to the same rate.
    max_side, max_stride, max_dilation, max_padding
        Bounds of each layer, as for :func:`convs`.

    Returns
    -------
    hypothesis.strategies.SearchStrategy

    Raises
    ------
    hypothesis.errors.InvalidArgument
        If a minimum exceeds its maximum, or a bound is below what a layer needs.

    Examples
    --------
    >>> from hypothesis import find
    >>> from erfmath import Residual
    >>> from erfmath.strategies import networks
    >>> find(networks(), lambda net: True)
    Identity()
    >>> find(networks(), lambda net: isinstance(net, Residual))
    Residual(Identity())
    """
    bounds = _Bounds(elements, max_side, max_stride, max_dilation, max_padding, gains)
    bounds.check()
    _check_interval("layers", 1, max_layers)
    return _on_axes(min_dims, max_dims, lambda ndim: _networks(ndim, max_layers, bounds))


@dataclass(frozen=True)
class _Bounds:
    """What layers and networks may look like."""

    elements: st.SearchStrategy[Any] | None
    max_side: int
    max_stride: int
    max_dilation: int
    max_padding: int
    gains: st.SearchStrategy[Any] | None = None

    def check(self) -> None:
        for name, low in (("side", 1), ("stride", 1), ("dilation", 1), ("padding", 0)):
            _check_interval(name, low, getattr(self, f"max_{name}"))
        for name in ("elements", "gains"):
            if not isinstance(given := getattr(self, name), (st.SearchStrategy, type(None))):
                raise InvalidArgument(f"{name}={given!r} must be a strategy")


def _on_axes(
    low: int, high: int, strategy: Callable[[int], st.SearchStrategy[Node]]
) -> st.SearchStrategy[Node]:
    """Return the strategies for each number of axes as one."""
    _check_interval("dims", low, high, lowest=1)
    return st.one_of([strategy(ndim) for ndim in range(low, high + 1)])


def _layers(ndim: int, bounds: _Bounds) -> st.SearchStrategy[Node]:
    """Generate a layer on so many axes, or one that fits any number."""

    def per_axis(low: int, high: int) -> st.SearchStrategy[tuple[int, ...]]:
        return st.tuples(*[st.integers(low, high)] * ndim)

    strides, steps = per_axis(1, bounds.max_stride), per_axis(1, bounds.max_dilation)
    pads = st.integers(0, bounds.max_padding)
    numbers = st.one_of(pads, per_axis(0, bounds.max_padding), st.tuples(*[st.tuples(pads, pads)] * ndim))
    weights = kernels(
        elements=bounds.elements,
        min_dims=ndim,
        max_dims=ndim,
        max_side=bounds.max_side,
        min_offset=-1,
        max_offset=1,
    )

    def paddings(stride: tuple[int, ...]) -> st.SearchStrategy[Any]:
        words = ["valid", "causal", *(["same"] if set(stride) == {1} else [])]
        return st.one_of(numbers, st.sampled_from(words))

    @st.composite
    def draw_conv(draw: st.DrawFn) -> Node:
        stride = draw(strides)
        return Conv(draw(weights), stride, draw(steps), draw(paddings(stride)))

    @st.composite
    def draw_transposed(draw: st.DrawFn) -> Node:
        stride, step = draw(strides), draw(steps)
        extra = [draw(st.integers(0, max(s, d) - 1)) for s, d in zip(stride, step, strict=True)]
        return ConvTranspose(draw(weights), stride, step, draw(numbers), extra)

    @st.composite
    def draw_pool(draw: st.DrawFn) -> Node:
        size, stride = draw(per_axis(1, bounds.max_side)), draw(strides)
        mode = draw(st.sampled_from(["average", "max"]))
        return Pool(size, stride, draw(paddings(stride)), mode, draw(steps))

    return st.one_of(
        st.sampled_from([Identity(), Activation("relu"), Dropout(0.5)]),
        draw_conv(),
        draw_transposed(),
        draw_pool(),
        st.builds(Upsample, strides, st.sampled_from(["nearest", "linear"])),
    )


def _networks(ndim: int, max_layers: int, bounds: _Bounds) -> st.SearchStrategy[Node]:
    """Generate a network of at most so many layers."""
    layers = _layers(ndim, bounds)
    default = st.sampled_from([1, 2, Fraction(1, 2), 0])
    gains: st.SearchStrategy[Any] = default if bounds.gains is None else bounds.gains

    def some_gains(count: int) -> st.SearchStrategy[list[Any]]:
        return st.lists(gains, min_size=count, max_size=count).filter(any)

    def draw_parts(draw: st.DrawFn, most: int) -> list[Node]:
        """Draw two or three networks that share the layers."""
        count = draw(st.integers(2, min(3, most)))
        return [draw_network(draw, most // count) for _ in range(count)]

    def draw_power(draw: st.DrawFn, most: int) -> Node:
        n = draw(st.integers(0, min(3, most)))
        return Power(draw_network(draw, most // max(n, 1)), n)

    def draw_sum(draw: st.DrawFn, most: int) -> Node:
        first, *others = draw_parts(draw, most)
        branches = [first, *(_at_rate(branch, first.rate, ndim) for branch in others)]
        if draw(st.booleans()):
            return Concat(branches, [draw(st.integers(1, 9)) for _ in branches])
        return Sum(branches, draw(some_gains(len(branches))))

    def draw_graph(draw: st.DrawFn, most: int) -> Node:
        """Draw layers that read one to three of those before, of one rate, written in any order."""
        rates: dict[str, Rate] = {INPUT: (Fraction(1),) * ndim}
        entries = []
        for name, node in zip("abc", draw_parts(draw, most), strict=False):
            first = draw(st.sampled_from(list(reversed(rates))))
            alike = [source for source in rates if rates[source] == rates[first] and source != first]
            others = draw(st.lists(st.sampled_from(alike), unique=True, max_size=2)) if alike else []
            sources = [first, *others]
            pairs = zip(sources, draw(some_gains(len(sources))), strict=True)
            entries.append((name, (node, *pairs)))
            rates[name] = tuple(
                (a or Fraction(1)) * (b or Fraction(1))
                for a, b in zip(rates[first], node.rate or rates[INPUT], strict=True)
            )
        output = draw(st.sampled_from([name for name, _ in reversed(entries)]))
        return Graph(draw(st.permutations(entries)), output)

    def draw_network(draw: st.DrawFn, most: int) -> Node:
        kinds = ["layer", "series", "power", "residual", "sum", "graph"]
        kind = draw(st.sampled_from(kinds[: 6 if most > 1 else 1]))
        if kind == "series":
            return Series(draw_parts(draw, most))
        if kind == "power":
            return draw_power(draw, most)
        if kind == "residual":
            return Residual(_at_rate(draw_network(draw, most - 1), None, ndim), draw(gains))
        if kind == "sum":
            return draw_sum(draw, most)
        return draw_graph(draw, most) if kind == "graph" else draw(layers)

    @st.composite
    def draw_whole(draw: st.DrawFn) -> Node:
        return draw_network(draw, max_layers)

    return draw_whole()


def _at_rate(net: Node, rate: Rate | None, ndim: int) -> Node:
    """Return the network followed by what brings it to a rate, 1 where it is None."""
    ones = (Fraction(1),) * ndim
    ratios = [(a or 1) / (b or Fraction(1)) for a, b in zip(rate or ones, net.rate or ones, strict=True)]
    strides, factors = [r.numerator for r in ratios], [r.denominator for r in ratios]
    if max(strides) > 1:
        net = net >> Conv(Kernel.uniform((1,) * ndim), strides)
    return net >> Upsample(factors) if max(factors) > 1 else net


def _as_grid(flat: Sequence[Any], shape: Sequence[int]) -> Any:
    grid = np.empty(len(flat), dtype=object)
    grid[:] = flat
    return grid.reshape(shape)


def _check_interval(name: str, low: int, high: int, lowest: int | None = None) -> None:
    for value, bound in ((low, "min"), (high, "max")):
        if not is_index(value):
            raise InvalidArgument(f"{bound}_{name}={value!r} must be an int")
    if lowest is not None and low < lowest:
        raise InvalidArgument(f"min_{name}={low} must be at least {lowest}")
    if low > high:
        raise InvalidArgument(f"min_{name}={low} must not exceed max_{name}={high}")
