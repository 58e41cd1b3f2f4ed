"""The inverse question: which designs reach a field, and what is the least that each depth costs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field as entry, replace
from typing import Any

from .._checks import as_bool, as_choice, as_count, as_counts, is_index
from ..network.arguments import Ints
from .designs import COSTS, FLOAT, Design, Designs
from .radices import Effort, Found, Search

_LARGEST = 10**6

# An effective side needs a distribution, and a list of depths a search each.
_LARGEST_EFFECTIVE = 10**5
_MOST_LAYERS = 64

# A single layer with more taps than this is left out: nobody builds it.
_MOST_TAPS = 10**4


def find_designs(
    field: int,
    *,
    causal: bool = False,
    ndim: int = 1,
    cost: str = "taps",
    target: str = "theoretical",
    layers: int | Sequence[int] | None = None,
    kernel_sizes: int | Sequence[int] | None = None,
    stride: int = 1,
    channels: int | None = None,
    holes: bool = False,
    at_most: Mapping[str, float] | None = None,
) -> Designs:
    r"""Return the designs that reach a field, the cheapest of each depth, where depth makes them cheaper.

    Layers of :math:`k_j` taps, :math:`a_j` input samples apart, have the field
    :math:`1 + \sum_j (k_j - 1) a_j`. Without holes :math:`a_j \le 1 + \sum_{i<j} (k_i - 1) a_i`, so that n
    layers reach at most :math:`k_1 \cdots k_n`, which bounds the cost from below; the search is exact. With
    strides :math:`a_j` is the dilation times the strides before.

    Parameters
    ----------
    field
        Side of the field, in input samples: exactly this one.
    causal
        Whether all padding is in front, so that no unit sees a later input; otherwise as much is behind, and
        the kernels are odd where the field is.
    ndim
        Number of axes; all are alike.
    cost
        What to minimise: "taps"; "parameters"; "operations", multiply-accumulates for one unit of the
        output; "memory", bytes of activations for one; "latency", input samples to wait for.
    target
        "theoretical", or "effective": then `field` is what :func:`erfmath.effective_field` has to reach, and
        the theoretical field is the smallest found that does.
    layers
        The depth, or several of them, up to 64; all that can pay by default. A single layer of more than
        10,000 taps is left out.
    kernel_sizes
        The numbers of taps that a layer may have; all by default.
    stride
        The stride of the whole network, in one or several of its layers.
    channels
        Of the input and of each layer; one by default.
    holes
        Whether units may skip inputs inside their field.
    at_most
        Upper limits by name: of any cost, or of "depth" or "field".

    Returns
    -------
    Designs
        A sequence of designs, each with its `net`, `depth`, `cost` and what else it costs. Its repr is a
        table; "least" says whether a design of that depth is proved to be the cheapest.

    Raises
    ------
    ValueError
        If there is no such design; the message says what the nearest field is that has one. Or if the search
        ends, after some seconds, before one is found or ruled out.

    References
    ----------
    F. Yu, V. Koltun, Multi-scale context aggregation by dilated convolutions, ICLR 2016, for the field;
    :func:`erfmath.has_no_holes` for the condition.

    Examples
    --------
    >>> from erfmath import find_designs
    >>> find_designs(1024, causal=True)
    depth  kernel sizes      dilations  field  effective  taps  least
    -----  ------------  -------------  -----  ---------  ----  -----
        1          1024              1   1024       1024  1024    yes
        2         32 32           1 32   1024       1024    64    yes
        3       12 10 9       1 12 113   1024       1024    31    yes
        4       6 6 6 5     1 6 36 202   1024       1024    23    yes
        5     4 4 4 4 4  1 4 16 64 256   1024       1024    20    yes
    >>> find_designs(1024, causal=True)[-1].net.nodes[0]
    Conv(4, padding=((3, 0),))
    """
    wish = _Wish(
        causal=as_bool(causal, "causal"),
        ndim=as_count(ndim, "ndim", minimum=1, maximum=8),
        unit=as_choice(cost, "cost", COSTS),
        sizes=_sizes(kernel_sizes),
        stride=as_count(stride, "stride", minimum=1, maximum=_LARGEST),
        channels=None if channels is None else as_count(channels, "channels", minimum=1, maximum=10**9),
        holes=as_bool(holes, "holes"),
    )
    is_effective = as_choice(target, "target", ("theoretical", "effective")) == "effective"
    side = as_count(field, "field", minimum=2, maximum=_LARGEST_EFFECTIVE if is_effective else _LARGEST)
    limits = _limits(at_most)
    depths = _depths(layers, side)
    is_open = layers is None and not limits  # a dearer design of more layers is of no use then
    found, bound = wish.reaching(side, depths) if is_effective else wish.exactly(side, depths, is_open)
    if not found:
        raise ValueError(_unfound(depths, side) if bound else _nothing(wish, side, depths, is_effective))
    front = _front(design for design in found if _keeps(design, limits))
    if not front:
        raise ValueError(_beyond(found, limits))
    return Designs(tuple(front), wish.unit, bound)


@dataclass(frozen=True)
class _Wish:
    """What a design has to be, but for its field and its depth."""

    causal: bool
    ndim: int
    unit: str
    sizes: Ints | None
    stride: int
    channels: int | None
    holes: bool
    effort: Effort = entry(default_factory=Effort)

    def exactly(
        self, field: int, depths: Sequence[int], is_open: bool = False
    ) -> tuple[list[Design], int | None]:
        """Return the cheapest design of each depth, and from where on others are not ruled out.

        With open depths only those that are cheaper than shallower ones.
        """
        designs: list[Design] = []
        bounds: list[int] = []
        for depth in depths:
            best = min((design.cost for design in designs), default=math.inf)
            found = self.found(field, depth, best if is_open else math.inf)
            if found is not None and found.layers:
                designs.append(self._design(found))
            elif found is not None:
                bounds.append(found.bound)
        best = min((design.cost for design in designs), default=math.inf)
        return designs, min((bound for bound in bounds if bound < best), default=None)

    def found(self, field: int, depth: int, below: float = math.inf) -> Found | None:
        """Return the layers of the cheapest design of a depth, as long as they cost less than is given."""
        sizes = self._sizes(field)
        if depth == 1 and field > _MOST_TAPS:
            return None
        if sizes and (field - 1) % math.gcd(*(k - 1 for k in sizes)):
            return None
        search = Search(self._price, sizes, self.stride, self._units, self.holes, self.effort)
        return search.cheapest(depth, field, below)

    def reaching(self, side: int, depths: Sequence[int]) -> tuple[list[Design], None]:
        """Return a design of each depth whose effective field has this side, its own field small."""
        return [design for depth in depths if (design := self._reaching(side, depth))], None

    def _reaching(self, side: int, depth: int) -> Design | None:
        high, best = side, None
        while best is None and high <= _LARGEST_EFFECTIVE:
            best, high = self._tried(high, side, depth), 2 * high
        low, high = side, high // 2
        while best is not None and low < high:  # effective sides grow with the field, but for steps
            middle = (low + high) // 2
            design = self._tried(middle, side, depth)
            low, high = (middle + 1, high) if design is None else (low, middle)
            best = design or best
        return best

    def _tried(self, field: int, side: int, depth: int) -> Design | None:
        """Return the design of a field, or of one just above it, if its effective field is large enough."""
        for near in range(field, field + max(self.sizes or (2,))):
            found = self.found(near, depth)
            if found is not None and found.layers:
                design = self._design(found)
                return design if design.effective >= side else None
        return None

    def _sizes(self, field: int) -> Sequence[int] | None:
        """Return the sizes that keep a unit in the middle of its field, where that has one."""
        if self.sizes is not None or self.causal or field % 2 == 0:
            return self.sizes
        return range(3, field + 1, 2)

    def _price(self, taps: int) -> int:
        """Return what a layer costs for each of its units."""
        channels = self.channels or 1
        if self.unit in ("parameters", "operations"):
            return int(taps**self.ndim) * channels**2
        if self.unit == "taps":
            return int(taps**self.ndim)
        return FLOAT * channels  # the latency is that of the field, however it is made up

    def _units(self, finer: int) -> int:
        return int(finer**self.ndim) if self.unit in ("operations", "memory") else 1

    def _design(self, found: Found) -> Design:
        """Return layers as a design: a step is the dilation times the strides before."""
        before, dilations = 1, []
        for layer in found.layers:
            dilations.append(layer.step // before)
            before *= layer.stride
        sizes, _, strides = zip(*found.layers, strict=True)
        own = (sizes, tuple(dilations), strides, self.ndim, self.channels, self.causal)
        design = Design(*own, cost=found.price, bound=found.bound)
        if self.unit != "latency":
            return design
        least = 0 if self.causal else max(0, design.field // 2 - self.stride + 1)
        return Design(*own, cost=design.latency, bound=least)


def _sizes(kernel_sizes: Any) -> Ints | None:
    if kernel_sizes is None:
        return None
    given = [kernel_sizes] if is_index(kernel_sizes) else kernel_sizes
    sizes = tuple(sorted(set(as_counts(given, "kernel_sizes", minimum=2))))
    if not sizes:
        raise ValueError("kernel_sizes must hold a number of taps at least, got none")
    return sizes


def _depths(layers: Any, side: int) -> Sequence[int]:
    """Return the depths to try."""
    if layers is None:  # with two taps each so many layers reach the field, and none deeper is cheaper
        return range(1, min(_MOST_LAYERS, (side - 1).bit_length() + 1) + 1)
    depths = as_counts([layers] if is_index(layers) else layers, "layers", minimum=1)
    if not depths:
        raise ValueError("layers must hold a depth at least, got none")
    if max(depths) > _MOST_LAYERS:
        raise ValueError(f"layers must be at most {_MOST_LAYERS}, got {max(depths)}")
    return sorted(set(depths))


def _limits(at_most: Any) -> Mapping[str, float]:
    if at_most is None:
        return {}
    if not isinstance(at_most, Mapping):
        raise TypeError(f"at_most must map names to numbers, got {at_most!r}")
    for name, limit in at_most.items():
        as_choice(name, "at_most", (*COSTS, "depth", "field"))
        if isinstance(limit, (bool, str)) or not hasattr(limit, "__float__") or limit != limit:
            raise TypeError(f"at_most[{name!r}] must be a number, got {limit!r}")
    return at_most


def _keeps(design: Design, limits: Mapping[str, float]) -> bool:
    return all(getattr(design, name) <= limit for name, limit in limits.items())


def _front(designs: Iterable[Design]) -> list[Design]:
    """Return the designs that no shallower one is as cheap as."""
    front: list[Design] = []
    for design in designs:
        if not front or design.cost < front[-1].cost:
            front.append(design)
    return front


def _nothing(wish: _Wish, side: int, depths: Sequence[int], is_effective: bool) -> str:
    """Return what to say where no design has the field: the nearest field that has one."""
    asked = f"no design of {_range(depths)} layers has"
    if is_effective:
        return f"{asked} an effective field of {side}; allow more layers or larger kernel_sizes"
    wish = replace(wish, effort=Effort())
    sizes = wish.sizes or (2, _LARGEST)
    most, least = sizes[-1] ** depths[-1], 1 + depths[0] * (sizes[0] - 1)
    start = max(1, least - side, 0 if wish.holes else side - most)
    for apart in range(start, start + side + 64):
        if wish.effort.is_spent:
            break
        for near in (side - apart, side + apart):
            if near > 1 and any((found := wish.found(near, depth)) and found.layers for depth in depths):
                return f"{asked} field={side} with what is asked for; the nearest field that has is {near}"
    return f"{asked} field={side} with what is asked for, nor one near; allow more layers or kernel_sizes"


def _unfound(depths: Sequence[int], side: int) -> str:
    """Return what to say where the search was too long."""
    return (
        f"no design of {_range(depths)} layers with field={side} was found, though none is ruled out: there "
        "are too many to try; give other layers, more kernel_sizes or a smaller stride"
    )


def _range(depths: Sequence[int]) -> str:
    return f"{depths[0]} to {depths[-1]}" if len(depths) > 1 else str(depths[0])


def _beyond(found: Sequence[Design], limits: Mapping[str, float]) -> str:
    """Return which limit no design keeps, and how near one comes."""
    for name, limit in limits.items():
        least = min(getattr(design, name) for design in found)
        if least > limit:
            return f"no design has at most {limit} {name}: the least is {least}"
    return f"no design keeps all of at_most={dict(limits)} at once; raise one of them"
