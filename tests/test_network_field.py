import itertools
import math
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import assume, example, given, strategies as st
from oracles_network import impact, runs

import erfmath as em
from erfmath import (
    Activation,
    Concat,
    Conv,
    ConvTranspose,
    GlobalPool,
    Graph,
    Identity,
    Kernel,
    Node,
    Normalization,
    Pool,
    Power,
    Residual,
    Series,
    Sum,
    Upsample,
    distribution,
    receptive_field,
    variance,
)
from erfmath.strategies import convs, networks

NETS = st.one_of(convs(), networks(), networks(max_stride=3, max_layers=4), networks(max_layers=8))
SEPARABLE = networks(min_dims=2, max_dims=2, max_layers=3, max_side=2, elements=st.just(1))

# Branches of two and of three phases: six together.
MIXED = (Conv(3, 2) >> Upsample(2)) + (Conv(5, 3) >> Upsample(3))


def units(net, period):
    """Two periods of output units, with the positions that each sees."""
    return {y: sorted(impact(net, y)) for y in range(-period, period)}


def ends(positions):
    return (positions[0], positions[-1]) if positions else None


def count_phases(net):
    period = receptive_field(net).program.period
    assume(math.prod(period) <= 40)
    return period


@given(NETS)
@example(Upsample(2))
@example(ConvTranspose([1, 0, 0, 2], stride=3))
@example(Residual(Conv(3, padding=1), gain=0))
@example(Sum([Conv(3), Conv(5)], [1, 0]))
@example(Residual(Pool(1, 2) >> Upsample(2), gain=0))
@example(MIXED)
def test_what_each_unit_sees(net):
    (period,) = count_phases(net)
    field = receptive_field(net)
    assert len(field.phases) == period
    for y, seen in units(net, period).items():
        phase = field.phases[y % period]
        move = (y - y % period) * field.stride
        assert move.denominator == 1
        moved = [x - int(move) for x in seen]
        assert field.region(y) == ends(seen)
        assert field.center(y) == (None if not seen else Fraction(seen[0] + seen[-1], 2))
        assert phase.region == ends(moved)
        assert phase.size == (seen[-1] - seen[0] + 1 if seen else 0)
        assert (phase.runs, phase.count) == (runs(moved), len(seen))
        inside = range(moved[0], moved[-1] + 1) if moved else ()
        assert phase.holes == tuple(x for x in inside if x not in moved)
        assert phase.span == math.gcd(*(x - moved[0] for x in moved))


@given(NETS)
@example(MIXED)
def test_the_field_sums_up_its_phases(net):
    (period,) = count_phases(net)
    field = receptive_field(net)
    seen = [sorted(impact(net, y)) for y in range(period)]
    assume(any(seen))
    assert field.size == max(s[-1] - s[0] + 1 for s in seen if s)
    assert field.offset == next(s[0] for s in seen if s)
    assert field.period == period * field.stride
    assert field.is_covered == all(len(runs(s)) <= 1 for s in seen)
    assert field.span == math.gcd(*(x - s[0] for s in seen for x in s))
    later = sorted(impact(net, period))
    assert later == [x + field.period for x in seen[0]]


@given(NETS)
@example(MIXED)
def test_the_halo_is_what_tiles_need(net):
    (period,) = count_phases(net)
    assume(period <= 12)
    field = receptive_field(net)
    seen = {y: ends(sorted(impact(net, y))) for y in range(2 * period + 1)}
    for aligned, starts in ((True, range(0, period + 1, period)), (False, range(period + 1))):
        lengths = range(period if aligned else 1, period + 1)
        before = after = 0
        for first, length in itertools.product(starts, lengths):
            low, high = math.floor(field.stride * first), math.ceil(field.stride * (first + length))
            for region in filter(None, (seen[y] for y in range(first, first + length))):
                before, after = max(before, low - region[0]), max(after, region[1] - high + 1)
        assert field.halo(aligned) == (before, after)


@given(SEPARABLE, st.integers(0, 1), st.integers(-3, 5))
@example(ConvTranspose(Kernel([[1], [1]]), 1) >> ConvTranspose(Kernel([[1, 1]]), (1, 2)), 0, 0)
@example(
    Residual(ConvTranspose(Kernel([[1]]), (1, 2), padding=1) >> Conv(Kernel([[1]]), (1, 2))), 0, 0
)  # the branch is blind on the other axis, whatever the place
def test_each_axis_is_that_of_the_axis_alone(net, axis, at):
    """What a unit sees for some place on the other axis."""
    assume(net.ndim == 2)
    field = receptive_field(net)
    places = [(at, other) if axis == 0 else (other, at) for other in range(field.program.period[1 - axis])]
    alone = {x[axis] for place in places for x in impact(net, place)}
    region = field.region(places[0])[axis]
    assert region == ends(sorted(alone))
    turn, r = divmod(at, field.program.period[axis])
    assert field.phases[axis][r].runs == runs(x - turn * field.period[axis] for x in alone)


def bottleneck(stride, first, projection):
    """1x1, 3x3, 1x1 with the stride on the first or on the second, as the shortcut's."""
    strides = (stride, 1) if first else (1, stride)
    branch = Conv(1, strides[0]) >> Conv(3, strides[1], padding=1) >> Conv(1)
    return Sum([branch, Conv(1, stride)]) if projection else Residual(branch)


def basic(stride, projection):
    branch = Conv(3, stride, padding=1) >> Conv(3, padding=1)
    return Sum([branch, Conv(1, stride)]) if projection else Residual(branch)


def resnet(blocks, block):
    """The trunk of a ResNet before its global pooling."""
    parts = [Conv(7, 2, padding=3), Pool(3, 2, padding=1, mode="max")]
    for stage, count in enumerate(blocks):
        parts += [block(1 if stage == 0 else 2, True), *[block(1, False)] * (count - 1)]
    return Series(parts)


def vgg(blocks):
    return Series([Series([Conv(3, padding=1)] * n + [Pool(2, mode="max")]) for n in blocks])


def unet(depth):
    double = Conv(3, padding=1) ** 2
    if depth == 0:
        return double
    return double >> Sum([Identity(), Pool(2) >> unet(depth - 1) >> ConvTranspose(2, 2)]) >> double


def strided(at):
    """15 convolutions of 3 taps, of stride 2 at the layers named."""
    return Series([Conv(3, 2 if layer in at else 1) for layer in range(1, 16)])


ALEXNET = Series(
    [
        Conv(11, 4, padding=2),
        Pool(3, 2),
        Conv(5, padding=2),
        Pool(3, 2),
        Conv(3, padding=1) ** 3,
        Pool(3, 2),
    ]
)


@pytest.mark.parametrize(
    ("net", "size", "stride"),
    [
        (vgg([2, 2, 3, 3, 3]), 212, 32),
        (resnet([3, 4, 6, 3], lambda s, p: bottleneck(s, False, p)), 427, 32),
        (resnet([3, 4, 6, 3], lambda s, p: bottleneck(s, True, p)), 483, 32),
        (resnet([2, 2, 2, 2], basic), 435, 32),
        (resnet([3, 4, 23, 3], lambda s, p: bottleneck(s, False, p)), 971, 32),
        (ALEXNET, 195, 32),
        (Conv(3) ** 15, 31, 1),
        (Conv(3) ** 12 >> Series([Conv(3, dilation=d) for d in (2, 4, 8)]), 53, 1),
        (strided({4, 8, 12}), 105, 8),
        (Conv(3) ** 3, 7, 1),
        (Conv(3, 2) ** 2, 7, 4),
        (Series([Conv(3, dilation=d) for d in (1, 2, 4)]), 15, 1),
        (Series([Conv(2, dilation=2**level, padding="causal") for level in range(10)]), 1024, 1),
        (Series([Conv(3, dilation=d, padding="causal") for d in (1, 2, 4, 8)]), 31, 1),
        (Series([Residual(Conv(3, dilation=d, padding="causal") ** 2) for d in (1, 2, 4, 8)]), 61, 1),
        (Conv(3, 2, padding=1) >> ConvTranspose(4, 2, padding=1) >> Conv(3, padding=1), 7, 1),
        (Conv(3, 2, padding=1) >> Upsample(2) >> Conv(3, padding=1), 5, 1),
        (Conv((3, 5), (1, 2), (2, 3)) >> Conv((3, 3)), (7, 17), (1, 2)),
    ],
    ids=[
        "vgg16",
        "resnet50",
        "resnet50, stride first",
        "resnet18",
        "resnet101",
        "alexnet",
        "15 layers",
        "dilations",
        "strides",
        "pascual",
        "pascual, strides",
        "pascual, dilations",
        "wavenet",
        "tcn",
        "tcn, two a block",
        "transposed",
        "nearest",
        "two axes",
    ],
)
def test_published_sizes(net, size, stride):
    field = receptive_field(net)
    assert (field.size, field.stride) == (size, stride)


def test_vgg16_begins_90_before_its_first_unit():
    field = receptive_field(vgg([2, 2, 3, 3, 3]))
    assert (field.offset, field.region(0), field.region(3)) == (-90, (-90, 121), (6, 217))


def test_causal_padding_sees_no_later_input():
    wavenet = Series([Conv(2, dilation=2**level, padding="causal") for level in range(10)])
    assert receptive_field(wavenet).region(5) == (5 - 1023, 5)


def test_the_phases_of_a_unet():
    field = receptive_field(unet(3))
    assert [phase.size for phase in field.phases] == [92, 92, 100, 100, 100, 100, 92, 92]
    assert (field.size, field.stride, field.period, field.halo()) == (100, 1, 8, (46, 46))


def test_the_two_phases_of_nearest_upsampling():
    field = receptive_field(Conv(3, 2, padding=1) >> Upsample(2) >> Conv(3, padding=1))
    assert [phase.size for phase in field.phases] == [5, 5]
    assert field.region(0) != field.region(1)


def test_equal_dilations_leave_holes():
    field = receptive_field(Conv(3, dilation=2) ** 3)
    assert (field.size, field.phases[0].count, field.span, field.is_covered) == (13, 7, 2, False)
    assert field.holes == (1, 3, 5, 7, 9, 11)


@given(st.integers(2, 5), st.lists(st.integers(1, 12), min_size=1, max_size=5))
@example(5, [1, 2, 10])  # covered, though the rule of hybrid dilated convolution rejects it
@example(3, [1, 2, 9])
def test_the_exact_criterion_for_no_holes(k, dilations):
    steps = sorted(dilations)
    contiguous = all(a <= 1 + (k - 1) * sum(steps[:i]) for i, a in enumerate(steps))
    field = receptive_field(Series([Conv(k, dilation=d) for d in dilations]))
    assert field.is_covered == contiguous == (not field.holes)
    assert field.size == 1 + (k - 1) * sum(dilations)


@given(st.integers(1, 10**15), st.integers(1, 9), st.integers(1, 9))
def test_depth_costs_nothing(n, k, dilation):
    field = receptive_field(Conv(k, dilation=dilation) ** n)
    assert field.size == 1 + n * (k - 1) * dilation
    assert field.span == (0 if k == 1 else dilation)
    assert receptive_field(Conv(k) ** n).is_covered


def test_strides_beyond_every_machine_integer():
    field = receptive_field(Conv(3, stride=2) ** 200 >> Conv(3, padding=10**40))
    assert field.stride == 2**200
    assert field.size == sum(2 * 2**level for level in range(200)) + 1 + 2 * 2**200
    assert field.offset == -(10**40) * 2**200


def test_ten_thousand_layers():
    layers = [Conv(3, padding=1), Conv(5, padding=2)]
    assert receptive_field(Series(layers * 5000)).region() == (-15000, 15000)


def test_three_thousand_layers_one_by_one():
    net = Identity()
    for index in range(3000):
        net = net >> Conv(3 + 2 * (index % 2))
    assert receptive_field(net).size == 9001


def test_a_graph_of_three_thousand_layers():
    layers = {"0": (Conv(3, padding=1), "input"), "1": (Conv(3, padding=1), "0")}
    layers |= {str(i): (Conv(3, padding=1), str(i - 1)) for i in range(2, 3000)}
    assert receptive_field(Graph(layers)).size == 6001


def test_a_graph_of_a_thousand_skips():
    """Fibonacci's number of paths, and every layer is visited once."""
    layers = {"0": (Conv(3, padding=1), "input"), "1": (Conv(3, padding=1), "0")}
    layers |= {str(i): (Conv(3, padding=1), str(i - 1), str(i - 2)) for i in range(2, 1000)}
    assert receptive_field(Graph(layers)).size == 2001


@pytest.mark.parametrize(
    "wrap",
    [
        Residual,
        lambda net: (net >> Activation("relu")) + Identity(),
        lambda net: Graph({"a": (net, "input"), "b": (Identity(), "a", "input")}),
    ],
    ids=["residual", "sum", "graph"],
)
def test_nesting_has_no_limit(wrap):
    net = Conv(3, padding=1)
    for _ in range(1500):
        net = wrap(net)
    assert receptive_field(net).region() == (-1, 1)


@pytest.mark.parametrize(
    "net",
    [
        Conv(3) >> GlobalPool(),
        Conv(3, 2) >> (GlobalPool() + Conv(3)),
        Residual(GlobalPool() >> Conv(1)) ** 3,
        Graph({"gate": (GlobalPool(), "input"), "out": (Identity(), "input", "gate")}),
        Concat([GlobalPool(), Identity()], [1, 1]),
    ],
)
def test_global_pooling_sees_everything(net):
    field = receptive_field(net)
    assert (field.size, field.halo(), field.offset) == (math.inf, (math.inf, math.inf), -math.inf)
    assert isinstance(field.unbounded, Node)
    assert "unbounded" in repr(field)
    for reading in ("phases", "holes", "span", "is_covered"):
        with pytest.raises(ValueError, match=r"unbounded: .* reads the whole input"):
            getattr(field, reading)
    with pytest.raises(ValueError, match="unbounded"):
        field.center(0)
    assert field.region(0) == (-math.inf, math.inf)


@pytest.mark.parametrize(
    "net",
    [
        Graph({"gate": (GlobalPool(), "input"), "out": (Identity(), "input")}),
        Residual(GlobalPool(), gain=0),
        Power(GlobalPool(), 0),
        Graph({"gate": (GlobalPool(), "input"), "out": (Identity(), "input", ("gate", 0))}),
    ],
    ids=["not read", "gain 0", "no copies", "read with gain 0"],
)
def test_what_is_not_read_is_no_part_of_the_field(net):
    assert receptive_field(net).size == 1


def test_units_that_see_nothing():
    field = receptive_field(ConvTranspose(1, stride=3))
    assert [phase.size for phase in field.phases] == [1, 0, 0]
    assert [(p.region, p.runs, p.holes, p.count) for p in field.phases[1:]] == [(None, (), (), 0)] * 2
    assert (field.region(1), field.center(-2), field.region(-3)) == (None, None, (-1, -1))


def test_a_listing_too_long_is_refused_and_the_size_is_not():
    field = receptive_field(Conv(3, stride=10**12) >> Conv(3))
    assert field.size == 2 * 10**12 + 3
    with pytest.raises(ValueError, match="separate runs of pixels"):
        _ = field.holes


def test_a_center_far_away_is_exact():
    """Halves beyond the floats' integers would be rounded."""
    field = receptive_field(Conv(2, padding=10**17 + 1))
    assert field.center(0) == -(10**17) - Fraction(1, 2)


@pytest.mark.parametrize("net", [3, "net", Kernel([1]), None, [Conv(3)], Conv])
def test_only_networks_have_a_field(net):
    with pytest.raises(TypeError, match=r"net must be a network such as Conv\(3\)"):
        receptive_field(net)


class _Module:
    def state_dict(self):
        return {}


@pytest.mark.parametrize("function", [receptive_field, em.latency, em.effective_field, em.distribution])
@pytest.mark.parametrize(
    ("given", "reader"),
    [("net.onnx", "from_onnx"), (Path("net.onnx"), "from_onnx"), (_Module(), "from_torch")],
)
def test_a_file_and_a_module_are_told_what_reads_them(function, given, reader):
    with pytest.raises(TypeError, match=f"; {reader} reads a "):
        function(given)


def test_indices_are_checked():
    field = receptive_field(Conv((3, 3)))
    assert field.region() == field.region(0) == field.region((0, 0)) == ((0, 2), (0, 2))
    with pytest.raises(ValueError, match="index must be an int or 2 ints"):
        field.region((1, 2, 3))
    with pytest.raises(TypeError, match="index"):
        field.region(1.5)


def test_the_repr_tells_the_size_and_the_phases():
    assert repr(receptive_field(Conv(3))) == "<ReceptiveField: size 3, stride 1, offset 0>"
    assert repr(receptive_field(Upsample(2))) == "<ReceptiveField: size 1, stride 1/2, offset 0, 2 phases>"


@pytest.mark.parametrize(
    "net",
    [
        Normalization("GroupNorm"),
        (Conv(3) >> Normalization("GroupNorm")) ** 3,
        Conv(3) >> Residual(Conv(3, padding=1) >> Normalization("GroupNorm")),
    ],
)
def test_what_reads_everything_is_named_as_the_layer_it_is(net):
    assert repr(receptive_field(net)) == (
        "<ReceptiveField: unbounded, Normalization('GroupNorm') reads the whole input>"
    )
    for reading in (distribution, variance):
        with pytest.raises(ValueError, match=r"^Normalization\('GroupNorm'\) "):
            reading(net)


def test_a_field_that_no_unit_has_prints_as_such():
    net = em.ConvTranspose([1], stride=2) >> em.Pool(1, 2, 1)
    assert repr(em.receptive_field(net)) == "<ReceptiveField: empty, no output unit sees any input>"
    assert em.analyze(net).to_dict()["field"]["offset"] == [None]
    assert str(em.analyze(net))
