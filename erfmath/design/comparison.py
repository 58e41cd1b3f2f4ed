"""Ways to a large field side by side: what each costs, and how much of its field it really uses."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from .._checks import as_count, per_axis
from .._html import Html, grid
from ..laws.clt import central_limit
from ..laws.conventions import rule_of
from ..laws.effective import effective_field
from ..laws.lazy import distribution
from ..laws.verdict import Verdict
from ..network.algebra import Node, require_network, series
from ..network.arguments import Ints, per_axis_values
from ..network.cost import Cost, cost
from ..network.field import receptive_field
from ..network.layers import Conv, Pool
from ..network.program import program_of
from ..network.scene import profiled
from ..network.stage import Stage
from ..words import figure, human_bytes, per_axis_text, short_count, table

_Table = tuple[list[str], list[list[str]]]

_LARGEST = 10**5

# A layer with more taps than this is left out: nobody builds it, and its kernel alone fills the memory.
_MOST_TAPS = 10**5


@dataclass(frozen=True)
class CandidateRow:
    """One network of a comparison.

    Attributes
    ----------
    name, net
        The network.
    theoretical
        Side of the theoretical field, per axis.
    layers
        Number of convolutions, pools and the like.
    parameters, macs, memory, output_size
        As by :func:`erfmath.cost`; None without an input size (weights also where no input fits).
    effective, count, ratio
        Side and pixels of the effective field, and its side over that of the field.
    is_covered
        Whether every position of the field is seen along each axis.
    normal
        The verdict of :func:`erfmath.central_limit` along the first axis, on the distribution that the
        profile is read from: how far off the normal it is, and why.

    Examples
    --------
    >>> import erfmath as em
    >>> row = em.compare(31, channels=16).rows[0]
    >>> row.name, row.theoretical, row.layers, row.parameters, row.count, round(row.ratio, 3)
    ('conv 3x3, 15 layers', (31, 31), 15, 34560, 193, 0.448)
    """

    name: str
    net: Node = field(repr=False)
    theoretical: Ints
    layers: int
    parameters: int | None
    macs: int | None
    memory: int | None
    output_size: Ints | None
    effective: float
    count: int
    ratio: float
    is_covered: bool
    normal: Verdict


@dataclass(frozen=True)
class Comparison:
    """Networks side by side; see :func:`compare`. Iterating gives the rows.

    Attributes
    ----------
    rows
        A :class:`CandidateRow` for each network.
    input_size
        Samples of the input per axis; None without one.
    channels
        Channels of the input.

    Examples
    --------
    >>> import erfmath as em
    >>> found = em.compare(15, ndim=1)
    >>> min(found, key=lambda row: row.parameters).name, found.as_dicts()[0]["net"]
    ('conv 3 stride 2', 'Power(Conv(3, padding=1, channels=64), 7)')
    """

    rows: tuple[CandidateRow, ...]
    input_size: Ints | None
    channels: int

    def __iter__(self) -> Iterator[CandidateRow]:
        return iter(self.rows)

    def __len__(self) -> int:
        return len(self.rows)

    def as_dicts(self) -> list[dict[str, Any]]:
        """Return the rows as plain dictionaries, the networks as their repr."""
        names = [entry.name for entry in fields(CandidateRow)]
        return [
            {name: getattr(row, name) for name in names}
            | {"net": row.net.expression, "normal": row.normal.to_dict()}
            for row in self.rows
        ]

    def __repr__(self) -> str:
        first, second = self._tables()
        return f"{table(*first, left=1)}\n\n{table(*second, left=1)}"

    def _repr_html_(self) -> str:
        """Return both tables as HTML for a notebook."""
        first, second = self._tables()
        return Html(grid(*first, left=1) + grid(*second, left=1))

    def _tables(self) -> tuple[_Table, _Table]:
        """Return what the networks see and cost, and what of it they use, each as headers and rows."""
        is_sized = self.input_size is not None
        costs = ["layers", "weights", *(["MACs", "memory", "output"] if is_sized else [])]
        first = [[row.name, *_sees(row), *_costs(row, is_sized)] for row in self.rows]
        second = [[row.name, *_uses(row)] for row in self.rows]
        uses = ["network", "effective", "ratio", "off the normal by"]
        return (["network", "field", "holes", *costs], first), (uses, second)


def compare(
    field: int,
    input_size: Any = None,
    channels: int = 64,
    ndim: int = 2,
    candidates: Mapping[str, Node] | None = None,
    **options: Any,
) -> Comparison:
    r"""Return the ways to a large field side by side, at the same theoretical field.

    A stack of 3-tap convolutions, larger kernels, strides, pooling and doubling dilations reach the same
    field r at very different costs, and use very different shares of it: a stack of n equal layers has
    :math:`\sigma \sim \sqrt n`, whereas steps that double keep :math:`\sigma \sim r`. "off the
    normal" says how far a cumulative probability along the first axis is from the normal's at most, the steps
    of the lattice smoothed; where the central limit theorem fails, one layer holds most of the variance.

    Parameters
    ----------
    field
        Side of the field, odd, from 3 on.
    input_size
        Samples of the input, an int or one per axis: adds multiply-accumulates, memory and output size.
    channels
        Of the input and of every convolution that names none.
    ndim
        Number of axes.
    candidates
        More networks by their names, of any field.
    **options
        `definition`, `ref`, `profile`, `level`, `share`, `convention` of :func:`erfmath.effective_field`; a
        profile other than "mean" is that of random weights, :func:`erfmath.variance`.

    Returns
    -------
    Comparison
        Its repr is two tables: the fields, seen along each axis or with holes, and what they cost; and how
        much of them the networks use.

    Raises
    ------
    ValueError
        If the field is even, a name is taken, or a network cannot be compared; the message names it.

    Notes
    -----
    Strides and poolings by 2 stand in front of as few layers as possible; in between stand one or two
    3-tap convolutions, as the binary digits of the field ask for. The pooling is 3 wide, as in AlexNet and
    ResNet: with windows of 2 and odd kernels, no odd field is reached.

    Examples
    --------
    >>> from erfmath import compare
    >>> compare(31, channels=16)
    network                   field  holes  layers  weights
    ------------------------  -----  -----  ------  -------
    conv 3x3, 15 layers          31     no      15    34.6k
    conv 7x7, 5 layers           31     no       5    62.7k
    conv 31x31, 1 layer          31     no       1     246k
    conv 3x3 stride 2            31     no       4    9.22k
    conv 3x3, pool 3x3 /2        31     no       7    11.5k
    conv 3x3 dilation 1 .. 8     31     no       4    9.22k
    <BLANKLINE>
    network                   effective  ratio            off the normal by
    ------------------------  ---------  -----  ---------------------------
    conv 3x3, 15 layers           13.89  0.448                       0.0014
    conv 7x7, 5 layers            20.12  0.649                       0.0055
    conv 31x31, 1 layer              31  1.000  0.057: excess kurtosis -1.2
    conv 3x3 stride 2                31  1.000   0.046: one layer holds 75%
    conv 3x3, pool 3x3 /2         24.35  0.786   0.012: one layer holds 37%
    conv 3x3 dilation 1 .. 8         31  1.000   0.046: one layer holds 75%
    """
    if isinstance(field, (Node, Mapping)):
        raise TypeError(
            "field must be an int, the side of the field that designs are compared at, got "
            f"a {type(field).__name__}; networks of yours are candidates={{name: network}}"
        )
    side = as_count(field, "field", minimum=3, maximum=_LARGEST)
    if side % 2 == 0:
        raise ValueError(f"field must be odd, got {side}: 3-tap layers of stride 1 reach odd fields only")
    axes = as_count(ndim, "ndim", minimum=1, maximum=8)
    width = as_count(channels, "channels", minimum=1)
    if not isinstance(candidates, (Mapping, type(None))):
        raise TypeError(f"candidates must map names to networks, got {candidates!r}")
    nets = _ways(side, axes, width)
    if taken := sorted(nets.keys() & set(candidates or {})):
        raise ValueError(f"candidates must have names of their own, but the comparison has a {taken[0]!r}")
    nets |= candidates or {}
    rows = tuple(_row(name, net, input_size, width, axes, options) for name, net in nets.items())
    size = None if input_size is None else per_axis(input_size, axes, "input_size", minimum=1)
    return Comparison(rows, size, width)


def _ways(side: int, ndim: int, channels: int) -> dict[str, Node]:
    """Return the networks that a comparison begins with."""

    def conv(taps: int, **options: Any) -> Node:
        return Conv((taps,) * ndim, channels=channels, **{"padding": "same", **options})

    def name(taps: int) -> str:
        return "conv " + "x".join([str(taps)] * ndim)

    steps = (side - 1) // 2
    ways = {f"{name(3)}, {_counted(steps)}": conv(3) ** steps}
    sevens, rest = divmod(side - 1, 6)
    if sevens > 1:
        large = conv(7) ** sevens >> conv(1 + rest) if rest else conv(7) ** sevens
        ways[f"{name(7)}, {_counted(sevens + (rest > 0))}"] = large
    if side > 3 and side**ndim <= _MOST_TAPS:
        ways[f"{name(side)}, 1 layer"] = conv(side)
    strided = conv(3, stride=2, padding=1)
    pool = Pool((3,) * ndim, stride=2, padding=1, mode="max")
    ways[f"{name(3)} stride 2"] = _strided(side, conv(3), strided)
    ways[f"{name(3)}, pool {name(3)[5:]} /2"] = _pooled(side, conv(3), pool)
    dilations = _dilations(steps)
    ways[f"{name(3)} dilation 1 .. {max(dilations)}"] = series(conv(3, dilation=d) for d in dilations)
    return ways


def _strided(side: int, plain: Node, strided: Node) -> Node:
    """Return strided layers, 2^(m+1) - 1 of the field, with a plain one at steps 2^i where bits are left."""
    levels = (side + 1).bit_length() - 2
    rest = (side + 1) // 2 - 2**levels
    return series(part for i in range(levels) for part in ([plain, strided] if rest >> i & 1 else [strided]))


def _pooled(side: int, plain: Node, pool: Node) -> Node:
    """Return a layer and a pool at each level, 6 2^m - 3 of the field, and plain layers for what is left."""
    levels = ((side + 3) // 6).bit_length() - 1
    rest = (side + 3) // 2 - 3 * 2**levels
    parts: list[Node] = []
    for i in range(levels):
        parts += [plain ** (1 + (rest >> i & 1)), pool]
    return series([*parts, plain ** (1 + (rest >> levels))])


def _dilations(steps: int) -> list[int]:
    """Return 1, 2, 4 .. of the given sum, the last one what is left."""
    count = (steps + 1).bit_length() - 1
    rest = steps + 1 - 2**count
    return [2**i for i in range(count)] + ([rest] if rest else [])


def _row(
    name: str, net: Node, input_size: Any, channels: int, ndim: int, options: Mapping[str, Any]
) -> CandidateRow:
    if require_network(net).ndim not in (None, ndim):
        raise ValueError(
            f"{name!r} has {net.ndim} axes where the comparison has {ndim}; give ndim={net.ndim}"
        )
    try:
        field_of, used = receptive_field(net), _used(net, options)
        spent = _cost(net, input_size, channels, field_of.size)
        return CandidateRow(
            name=name,
            net=net,
            theoretical=per_axis_values(field_of.size),
            layers=_layers(net),
            is_covered=field_of.is_covered,
            **_spent(spent, input_size is not None),
            **used,
        )
    except ValueError as error:
        raise ValueError(f"{name!r}: {error}") from None


def _used(net: Node, options: Mapping[str, Any]) -> dict[str, Any]:
    """Return what a network uses of its field, by the profile's law: of random weights it is another one."""
    rule = rule_of(profile=options.get("profile"), convention=options.get("convention"))
    read = profiled(net, rule.profile)
    found = effective_field(distribution(read), **options)
    verdict = central_limit(read, axis=0).verdict
    return {"effective": found.size, "count": found.count, "ratio": found.ratio, "normal": verdict}


def _spent(spent: Cost | None, is_sized: bool) -> dict[str, Any]:
    """Return what a network costs, as far as known: weights without an input size."""
    known: dict[str, Any] = dict.fromkeys(("parameters", "macs", "memory", "output_size"))
    names = ("parameters",) if not is_sized else tuple(known)
    return known if spent is None else known | {name: getattr(spent, name) for name in names}


def _cost(net: Node, input_size: Any, channels: int, field_size: Any) -> Cost | None:
    """Return the cost; without an input size, that of an input which just fits the field, if it fits."""
    if input_size is not None:
        return cost(net, input_size, channels)
    try:
        return cost(net, field_size, channels)
    except ValueError:
        return None


def _layers(net: Node) -> int:
    return sum(isinstance(op.what, Stage) for op in program_of(net, unrolled=True).operations)


def _counted(layers: int) -> str:
    return f"{layers} layer{'s' * (layers > 1)}"


def _sees(row: CandidateRow) -> list[str]:
    """Return the cells of the field."""
    return [per_axis_text(row.theoretical), "no" if row.is_covered else "yes"]


def _uses(row: CandidateRow) -> list[str]:
    """Return the cells of what a network uses of its field."""
    return [
        figure(round(row.effective, 2)),
        f"{row.ratio:.3f}",
        _off(row.normal),
    ]


def _off(verdict: Verdict) -> str:
    """Return how far a distribution is off its normal, and why, in a few words."""
    reason = (
        f"one layer holds {verdict.share:.0%}" if verdict.kind == "one layer dominates" else verdict.reason
    )
    return ": ".join(filter(None, [f"{verdict.distance:.2g}", reason]))


def _costs(row: CandidateRow, is_sized: bool) -> list[str]:
    """Return the cells of what a network costs."""
    cells = [str(row.layers), "unknown" if row.parameters is None else short_count(row.parameters)]
    if is_sized:
        cells += [
            short_count(row.macs or 0),
            human_bytes(row.memory or 0),
            per_axis_text(row.output_size or ()),
        ]
    return cells
