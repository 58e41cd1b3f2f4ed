"""Maps with borders: sizes, exact impacts and what is lost, against numpy.pad and plain loops."""

import re

import numpy as np
import pytest
from hypothesis import assume, example, given, settings, strategies as st
from oracles_border import evaluate, impacts

import erfmath as em


@st.composite
def layers(draw, ndim):
    """A layer that changes no rate, or one that does."""

    def sides(low, high):
        return tuple(draw(st.integers(low, high)) for _ in range(ndim))

    kind = draw(
        st.sampled_from(
            ["conv", "conv", "conv", "pool", "transpose", "upsample", "residual", "relu", "pad", "slice"]
        )
    )
    if kind == "conv":
        size = sides(1, 3)
        weights = draw(
            st.lists(st.integers(0, 5), min_size=int(np.prod(size)), max_size=int(np.prod(size))).filter(any)
        )
        return em.Conv(
            np.reshape(weights, size),
            stride=sides(1, 2),
            dilation=sides(1, 2),
            padding=[(draw(st.integers(0, 2)), draw(st.integers(0, 2))) for _ in range(ndim)],
            padding_mode=draw(st.sampled_from(["zeros", "reflect", "replicate", "circular"])),
        )
    if kind == "pad":
        pads = [(draw(st.integers(0, 2)), draw(st.integers(0, 2))) for _ in range(ndim)]
        return em.Pad(pads, draw(st.sampled_from(["zeros", "reflect", "replicate", "circular"])))
    if kind == "slice":
        stops = tuple(draw(st.sampled_from([None, -1, -2])) for _ in range(ndim))
        return em.Slice(sides(0, 2), stops, sides(1, 3))
    if kind == "pool":
        size = sides(2, 3)
        return em.Pool(
            size, sides(1, 3), 1, draw(st.sampled_from(["average", "max"])), 1, draw(st.booleans())
        )
    if kind == "transpose":
        stride = sides(1, 3)
        extra = [draw(st.integers(0, s - 1)) for s in stride]
        return em.ConvTranspose(sides(1, 3), stride, sides(1, 2), draw(st.integers(0, 1)), extra)
    if kind == "upsample":
        return em.Upsample(sides(1, 3), draw(st.sampled_from(["nearest", "linear"])))
    if kind == "residual":
        mode = draw(st.sampled_from(["zeros", "reflect", "replicate", "circular"]))
        return em.Residual(
            em.Conv((3,) * ndim, padding=1, padding_mode=mode), draw(st.sampled_from([1, 0.5]))
        )
    return em.Activation("relu")


@st.composite
def cases(draw):
    ndim = draw(st.integers(1, 2))
    net = em.Identity()
    for _ in range(draw(st.integers(1, 3))):
        net = net >> draw(layers(ndim))
    size = tuple(draw(st.integers(2, 9 if ndim == 1 else 5)) for _ in range(ndim))
    return net, size


def truth_of(net, size):
    """All impacts by the oracle, None where the network does not fit the size."""
    try:
        return impacts(net, size)
    except ValueError:
        return None


@given(cases())
@settings(max_examples=60)
@example((em.Conv(3, padding=2, padding_mode="reflect") >> em.Pool(3, 2, 1, ceil_mode=True), (5,)))
@example((em.Conv((1, 3), padding=((0, 0), (2, 0)), padding_mode="circular") >> em.Upsample((2, 1)), (2, 3)))
def test_every_impact_is_that_of_plain_loops(case):
    net, size = case
    assume(net.ndim is not None)
    truth = truth_of(net, size)
    if truth is None:
        with pytest.raises(ValueError, match=r"too small|different sizes"):
            em.output_size(net, size)
        return
    shape = truth.shape[: len(size)]
    assert em.output_size(net, size) == (shape if len(shape) > 1 else shape[0])
    for unit in np.ndindex(*shape):
        expected = truth[unit]
        if not expected.any():
            with pytest.raises(ValueError, match="sees nothing"):
                em.distribution(net, at=unit, input_size=size)
            continue
        law = em.distribution(net, at=unit, input_size=size)
        points = np.moveaxis(np.indices(size), 0, -1)
        got = law.pmf(points[..., 0] if len(size) == 1 else points)
        np.testing.assert_allclose(got, expected / expected.sum(), rtol=1e-12, atol=1e-15)


@given(cases())
@settings(max_examples=40)
def test_what_is_kept_is_the_answer_to_ones(case):
    net, size = case
    assume(net.ndim is not None)
    try:
        expected = evaluate(net, np.ones(size))
    except ValueError:
        return
    edge = em.border(net, size)
    period = em.overlap(net).totals.shape
    totals = em.overlap(net).totals[
        tuple(i % p for i, p in zip(np.indices(expected.shape), period, strict=True))
    ]
    seen = totals > 0
    np.testing.assert_allclose(edge.kept[seen], (expected / np.where(seen, totals, 1))[seen], rtol=1e-12)


@pytest.mark.parametrize("mode", ["reflect", "replicate", "circular"])
def test_paddings_that_fold_lose_nothing(mode):
    net = em.Conv((3, 3), padding=1, padding_mode=mode) ** 3
    np.testing.assert_allclose(em.border(net, 8).kept, 1.0, rtol=1e-14)


def test_a_border_unit_is_no_cropped_interior_one():
    net = em.Conv(3, padding=1) ** 4
    inner = em.distribution(net, at=0)
    cropped = inner.pmf(np.arange(5)) / inner.pmf(np.arange(5)).sum()
    at_border = em.distribution(net, at=0, input_size=50).pmf(np.arange(5))
    assert np.abs(at_border - cropped).max() > 0.02


def test_far_from_the_border_nothing_changes():
    net = em.Conv(3, padding=1) ** 4 >> em.Conv(3, stride=2, padding=1)
    field, edge = em.receptive_field(net), em.border(net, 60)
    first, last = edge.clear()
    assert (first, last) == (3, 27)
    for unit in (first, last):
        assert em.distribution(net, at=unit, input_size=60).support() == field.region(unit)
        assert edge.lost(unit) == pytest.approx(0, abs=1e-14)
    assert edge.lost(first - 1) > 1e-6
    assert edge.lost(last + 1) > 1e-6
    assert edge.distance() == (3, 30 - 1 - 27)
    assert edge.clear("threshold")[0] < first


def clear_by_brute_force(net, size):
    """Units none of whose paths leaves a map: those that pads of nan do not reach."""
    clear = []
    for unit in range(em.output_size(net, size)):
        law = em.distribution(net, at=unit, input_size=size)
        inner = em.distribution(net, at=unit)
        clear.append(law.support() == inner.support() and abs(em.border(net, size).lost(unit)) < 1e-13)
    return clear


@pytest.mark.parametrize(
    "net",
    [
        em.Conv(3, padding=1) ** 2 >> em.Conv(3, stride=2, padding=1),
        em.ConvTranspose(3, 2, padding=1, output_padding=1) >> em.Conv(3, padding=1),
        em.ConvTranspose(2, stride=2, dilation=3, padding=1) >> em.Conv(2),
        em.Conv([0, 0, 1]) >> em.Conv(3, padding=1),
        em.Upsample(2, "linear") >> em.Conv(3, padding=2),
        em.zoo.unet(depth=1, ndim=1),
    ],
)
def test_clear_units_lose_nothing(net):
    clear = clear_by_brute_force(net, 24)
    first, last = em.border(net, 24).clear()
    assert all(clear[first : last + 1])
    runs = "".join("x" if unit else "." for unit in clear).replace(".", " ").split()
    assert last - first + 1 == max(map(len, runs))


def test_a_network_without_layers_has_clear_units_alone():
    edge = em.border(em.Identity(), (8, 6))
    assert (edge.clear(), edge.distance()) == (((0, 7), (0, 5)), ((0, 0), (0, 0)))


@pytest.mark.parametrize("mode", ["average", "max"])
def test_pools_at_borders_divide_by_what_counts(mode):
    edge = em.border(em.Pool(3, 1, 1, mode), 8)
    assert edge.lost(0) == pytest.approx(1 / 3 if mode == "average" else 0)
    inside = em.border(em.Pool(3, 1, 1, mode, count_include_pad=False), 8)
    assert inside.lost(0) == pytest.approx(0)
    assert em.border(em.Pool(2, 2, ceil_mode=True), 7).lost(3) == pytest.approx(0)
    assert em.output_size(em.Pool(2, ceil_mode=True), 1) == 1  # as PyTorch has it


def test_the_middle_unit_is_the_default():
    net = em.Conv(3, padding=1)
    assert em.distribution(net, input_size=11).support() == (4, 6)


def test_global_pooling_sees_all_of_a_map_with_a_size():
    net = em.Conv((3, 3), padding=1) >> em.GlobalPool()
    law = em.distribution(net, input_size=(4, 5))
    assert law.support() == ((0, 3), (0, 4))
    assert law.pmf((0, 0)) == pytest.approx(4 / 9 / (42 / 9 + 70 / 9 + 42 / 9 - 42 / 9), rel=1)
    gate = em.Sum([em.Identity(), em.GlobalPool()])
    np.testing.assert_allclose(
        em.distribution(gate, at=1, input_size=4).pmf(range(4)), [0.125, 0.625, 0.125, 0.125]
    )


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (
            lambda: em.distribution(em.Conv(3), at=6, input_size=8),
            "at must lie inside the output map of 6",
        ),
        (lambda: em.distribution(em.Conv(3), at=-1, input_size=8), "at must lie inside"),
        (lambda: em.border(em.Conv(3), 2), "too small"),
    ],
)
def test_units_outside_the_map_are_refused(call, words):
    with pytest.raises(ValueError, match=re.escape(words)):
        call()


def test_options_without_a_definition_are_not_dropped():
    with pytest.raises(TypeError, match="level"):
        em.border(em.Conv(3, padding=1), 8).clear(level=0.1)


@pytest.mark.parametrize("mode", ["average", "max"])
def test_every_window_at_a_border_divides_by_what_counts(mode):
    size, count = 3, 8
    pool = em.Pool(size, 1, 1, mode, count_include_pad=False)
    for unit in range(count):
        read = [x for x in range(unit - 1, unit + 2) if 0 <= x < count]
        found = em.impact_map(pool, unit, count)
        assert found.values == pytest.approx([1 / len(read)] * len(read))
    # The last window of a rounded-up pool divides by the samples of the padded map, as in PyTorch.
    ceiled = em.Pool(3, 2, 1, ceil_mode=True)
    for size, unit, share in ((6, 3, 1 / 2), (7, 3, 1 / 3), (6, 0, 1 / 3)):
        assert em.impact_map(ceiled, unit, size).values[0] == pytest.approx(share)
    plane = em.Pool((3, 2), 1, (1, 0), mode, count_include_pad=False)
    for unit, kept in (((0, 0), 2), ((3, 2), 3), ((7, 6), 2)):
        assert em.impact_map(plane, unit, (8, 8)).values == pytest.approx(np.full((kept, 2), 1 / (2 * kept)))


SKEWED = [
    em.Conv([1, 2, 3, 30, 30], padding=(1, 3)) ** 3,
    em.Conv([40, 1, 1, 1, 1, 1], padding=(4, 1)) >> em.Conv([1, 9], 2),
    em.Upsample(2) >> em.Conv([9, 1, 1, 1], padding=(3, 0)) >> em.Conv([1, 20, 1]),
]


@pytest.mark.parametrize("number", range(len(SKEWED)))
@pytest.mark.parametrize("definition", ["mass", "threshold", "two_sigma"])
def test_clear_by_a_definition_is_what_lies_inside(number, definition):
    net, size = SKEWED[number], 30
    inside = []
    for unit in range(em.output_size(net, size)):
        law = em.distribution(net, at=unit)
        first, last = em.effective_field(law, definition).extent[0]
        low = law.support()[0]
        inside.append(low + first >= 0 and low + last < size)
    edge = em.border(net, size)
    first, last = edge.clear(definition)
    assert inside == [first <= unit <= last for unit in range(len(inside))]
    assert edge.distance(definition) == (first, len(inside) - 1 - last)


def test_clear_by_a_definition_on_each_axis():
    net = em.Conv(np.outer([1, 9, 1, 1, 1], [1, 1, 30]), padding=((3, 1), (2, 0)))
    alone = [em.Conv([1, 9, 1, 1, 1], padding=(3, 1)), em.Conv([1, 1, 30], padding=(2, 0))]
    found = em.border(net, (12, 9))
    expected = [em.border(part, size).clear("two_sigma") for part, size in zip(alone, (12, 9), strict=True)]
    assert found.clear("two_sigma") == tuple(expected)
    assert found.clear("mass", level=0.2, profile="mean") != found.clear("mass", level=0.01)
    wide = em.border(em.Conv((9, 1), padding=(4, 0)), (5, 4))
    assert (wide.clear(), wide.distance()) == ((None, (0, 3)), (None, (0, 0)))


@pytest.mark.parametrize("layer", [em.GlobalPool(), em.GlobalContext("before"), em.GlobalContext("after")])
def test_what_is_kept_behind_an_average_is_refused(layer):
    with pytest.raises(ValueError, match="reads its whole input"):
        _ = em.border(em.Conv(3, padding=1) >> layer, 8).kept


@pytest.mark.parametrize(
    "layer",
    [
        em.GlobalPool((True, False)),
        em.GlobalContext(("before", "after")),
        em.GlobalContext(("none", "both")),
        em.GlobalContext(("both", "none")) >> em.Conv((2, 2)),
        em.Normalization(along=(False, True)),
        em.Conv((2, 3), padding=1, padding_mode="reflect") >> em.Pool((2, 2), 1, count_include_pad=False),
        em.Residual(em.Conv([[1, 2], [3, 4]], padding=((0, 1), (1, 0)), padding_mode="circular"), 0.5),
    ],
    ids=repr,
)
def test_forward_is_the_transpose_of_the_maps(layer):
    """The sum of an impact times an input is the output: two ways through the same layers."""
    from erfmath.network.border import forward
    from erfmath.network.sizes import sized_for

    size = (4, 5)
    values = np.random.default_rng(1).normal(size=size)
    frame = sized_for(layer, size)
    answer = forward(frame, values)
    assert np.broadcast_shapes(answer.shape, frame.output) == frame.output
    for unit in np.ndindex(*answer.shape):
        found = em.impact_map(layer, unit, size)
        place = tuple(slice(o, o + n) for o, n in zip(found.start, found.values.shape, strict=True))
        assert (found.values * values[place]).sum() == pytest.approx(answer[unit])


def test_causal_averages_go_over_what_is_before():
    from erfmath.network.border import forward
    from erfmath.network.sizes import sized_for

    values = np.arange(1.0, 13).reshape(3, 4) ** 2
    count = np.arange(1, 5)
    before = forward(sized_for(em.GlobalContext(("none", "before")), (3, 4)), values)
    np.testing.assert_allclose(before, np.cumsum(values, axis=1) / count)
    after = forward(sized_for(em.GlobalContext(("after", "none")), (3, 4)), values)
    np.testing.assert_allclose(after, (np.cumsum(values[::-1], axis=0) / count[:3, None])[::-1])
    pooled = forward(sized_for(em.GlobalPool((False, True)), (3, 4)), values)
    np.testing.assert_allclose(pooled, values.mean(axis=1, keepdims=True))


def test_the_middle_of_a_unit_in_a_picture():
    """The centre of a square is the middle of the region, of an endless side that of the picture."""
    net = em.Conv((3, 4), (1, 2), padding=(1, 0)) >> em.Conv((2, 2))
    from erfmath.laws.scenes import scene_of

    for unit, region in (((0, 0), ((-1, 2), (0, 5))), ((4, 3), ((3, 6), (6, 11)))):
        assert em.receptive_field(net).region(unit) == region
        for borders in (True, False):
            scene = scene_of(net, "mean", unit, (20, 21), borders)
            assert scene.centre == tuple(low + (high - low) // 2 for low, high in region)
            assert scene.picture == (20, 21)
            low = scene.law.bounds[0][0]
            assert low == (max(0, region[0][0]) if borders else region[0][0])
    middle = scene_of(net, "mean", None, (20, 21), True)
    assert middle.centre == (9, 10)  # of unit (9, 4), whose region is 8 .. 11 x 8 .. 13, from the borders
    line = scene_of(em.Conv(3, padding=1), "mean", 4, 9, True)
    assert (line.centre, line.picture) == ((4,), (9,))
    endless = em.Conv((3, 3), padding=1) >> em.GlobalContext(("none", "before"))
    assert scene_of(endless, "mean", (4, 3), (9, 8), True).centre == (4, 3)
    plain = scene_of(net, "variance", (1, 1), None, True)
    assert (plain.centre, plain.picture) == (None, None)
    assert plain.law.bounds == ((0, 3), (2, 7))
