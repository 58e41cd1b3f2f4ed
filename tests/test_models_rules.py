"""Rules of ONNX's operators, run one by one on maps of known and open sizes: what they make, and refuse."""

import numpy as np
import pytest
from traced import SHAPE, Line, numbers, values

import erfmath as em
from erfmath.models.axes import Run
from erfmath.models.ir import Constant, Tensor

OPEN, WIDE = (1, 4, None, None), values(8, 4, 3, 3)


@pytest.mark.parametrize(
    ("shape", "title", "more", "arguments", "problem"),
    [
        (
            SHAPE,
            "Slice",
            [],
            {"starts": [-1], "ends": [-9], "axes": [2], "steps": [-1]},
            "reverses axis 2, which is spatial",
        ),
        (
            OPEN,
            "Slice",
            [],
            {"starts": [-3], "ends": [2**40], "axes": [2]},
            "slices a tensor of unknown size; give input_shape",
        ),
        (
            OPEN,
            "Slice",
            [],
            {"starts": [0], "ends": [4], "axes": [2]},
            "slices a tensor of unknown size; give input_shape",
        ),
        (
            OPEN,
            "Split",
            [],
            {"axis": 2, "split": [2, 4]},
            "splits a spatial axis of unknown size; give input_shape",
        ),
        (
            OPEN,
            "Gather",
            [numbers(1, 2)],
            {"axis": 2},
            "takes entries of a spatial axis of unknown size; give",
        ),
        (
            SHAPE,
            "Gather",
            [numbers(0, 1, 3)],
            {"axis": 2},
            "picks unevenly spaced entries of axis 2, which is spatial",
        ),
        (
            SHAPE,
            "Gather",
            [numbers(3, 1)],
            {"axis": 2},
            "picks unevenly spaced entries of axis 2, which is spatial",
        ),
        (
            SHAPE,
            "Gather",
            [Constant((1, 2), lambda: np.array([[1, 2]]))],
            {"axis": 3},
            "picks unevenly spaced entries of axis 3",
        ),
        (
            OPEN,
            "Resize",
            [None, None, numbers(1, 4, 9, 9)],
            {},
            "resizes a tensor of unknown size; give input_shape",
        ),
        (
            SHAPE,
            "Resize",
            [None, numbers(1.0, 1.0, 2.0, 2.0)],
            {"coordinate_transformation_mode": "tf_crop_and_resize"},
            "interpolates with coordinates 'tf_crop_and_resize', which depend on the map",
        ),
        (
            OPEN,
            "Conv",
            [WIDE],
            {"auto_pad": "SAME_UPPER", "strides": [2, 2]},
            "keeps a size that is unknown; give input_shape",
        ),
        (
            OPEN,
            "ConvTranspose",
            [values(4, 2, 3, 3)],
            {"output_shape": [9, 9]},
            "has a given output size and an input of unknown size",
        ),
        (SHAPE, "Conv", [None], {}, "has weights of unknown shape"),
        (
            OPEN,
            "Reshape",
            [numbers(1, 4, -1)],
            {},
            "reshapes a tensor, and one of the shapes is unknown; give input_shape",
        ),
    ],
)
def test_what_is_refused(shape, title, more, arguments, problem):
    with pytest.raises(ValueError, match=f"^{title} '{title}' {problem}"):
        Line(shape)(title, *more, **arguments)


def test_copies_along_the_space_are_refused():
    line = Line((1, 4, 1, 8))
    with pytest.raises(ValueError, match="makes copies along a spatial axis"):
        line("Expand", made=(1, 4, 6, 8))
    assert Line((1, 1, 6, 8))("Expand", made=(2, 4, 6, 8)).last.shape == (2, 4, 6, 8)
    assert Line((4, 6, 8), (1, 2))("Expand", made=(5, 4, 6, 8)).last.axes == ((), (), (0,), (1,))
    assert Line((None, 4, 6, 8))("Expand").last.axes == ((), (), (0,), (1,))


def test_axes_that_are_mixed_up_are_named():
    with pytest.raises(
        ValueError, match=r"along axis 3 of 'Conv.0' of shape \(1, 6, 8, 4\), which is not one of the"
    ):
        Line((1, 6, 8, 4), (1, 2))("Conv", values(8, 6, 3, 3))
    with pytest.raises(
        ValueError, match=r"works along axis 1 of 'input' of shape \(1, 4, 6, 8\), which is not one"
    ):
        Line()("Resize", None, numbers(1.0, 2.0, 1.0, 1.0))
    with pytest.raises(ValueError, match="pads axis 2, which is not spatial"):
        Line((1, 4, 5, 8), (3,))("Conv", values(4, 4, 1, 3), pads=[1, 1, 0, 1])
    assert Line((1, 4, 1, 8), (3,))("Conv", values(4, 4, 1, 3)).field.size == 3
    line = Line()
    problem = "has an operand that should be constant but is computed from the input"
    with pytest.raises(ValueError, match=problem):
        line("Conv", line.x, of=values(1, 1))


@pytest.mark.parametrize(
    ("arguments", "more", "expected"),
    [
        ({"starts": [1], "ends": [-2], "axes": [2]}, (), em.Slice((1, 0), (-2, None), (1, 1))),
        (
            {"starts": [0, 2], "ends": [2**62, 7], "axes": [2, 3], "steps": [2, 1]},
            (),
            em.Slice((0, 2), (None, -1), (2, 1)),
        ),
        ({"starts": [-3], "ends": [99], "axes": [-1]}, (), em.Slice((0, 5), None)),
        ({"starts": [0], "ends": [99], "axes": [-1]}, (), em.Identity()),
        ({"starts": [1], "ends": [3], "axes": [1]}, (), em.Identity()),
    ],
)
def test_slices(arguments, more, expected):
    found = Line()("Slice", *more, **arguments)
    assert em.output_size(found.net, (6, 8)) == em.output_size(expected, (6, 8))
    assert (
        em.receptive_field(found.net).offset == em.receptive_field(expected).offset
        or expected == em.Identity()
    )
    assert found.net == expected or expected != em.Identity()


@pytest.mark.parametrize(
    ("sides", "factor", "mode"), [((5, 5), 3.0, "linear"), ((7, 6), 2.0, "linear"), ((7, 9), 4.0, "cubic")]
)
def test_corners_that_are_aligned(sides, factor, mode):
    """Output i of m lies at i (n - 1) / (m - 1), between two samples that it reads."""
    corners = {"coordinate_transformation_mode": "align_corners", "mode": mode}
    line = Line((1, 4, *sides))("Resize", None, numbers(1.0, 1.0, factor, factor), **corners)
    made = tuple(int(side * factor) for side in sides)
    assert em.output_size(line.net, sides) == made
    for axis, (side, count) in enumerate(zip(sides, made, strict=True)):
        for unit in range(count):
            first, last = line.field.region(tuple(unit if a == axis else 0 for a in (0, 1)))[axis]
            place = unit * (side - 1) / (count - 1)
            assert first <= np.floor(place + 1e-9)
            assert np.ceil(place - 1e-9) <= last
    same = Line((1, 4, 5, 5))("Resize", None, None, numbers(1, 4, 15, 15), **corners)
    again = Line((1, 4, 5, 5))("Resize", None, numbers(1.0, 1.0, 3.0, 3.0), **corners)
    assert same.net == again.net


def test_slices_of_open_maps():
    assert Line(OPEN)("Slice", starts=[1], ends=[-2], axes=[2]).net == em.Slice((1, 0), (-2, None), (1, 1))
    assert Line(OPEN)("Slice", starts=[2], ends=[2**40], axes=[3]).net == em.Slice(
        (0, 2), (None, None), (1, 1)
    )
    assert Line(OPEN)("Slice", starts=[1], ends=[3], axes=[1]).net == em.Identity()


def test_parts():
    line = Line()("Conv", WIDE)("Split", axis=2, split=[1, 2, 1], count=3)
    sizes = [em.output_size(line.trace.network(part), (6, 8)) for part in line.made]
    assert sizes == [(1, 6), (2, 6), (1, 6)]
    regions = [em.receptive_field(line.trace.network(part)).region((0, 0))[0] for part in line.made]
    assert regions == [(0, 2), (1, 3), (3, 5)]
    equal = Line()("Split", axis=3, count=2, made=((1, 4, 6, 5), (1, 4, 6, 3)))
    assert [em.output_size(equal.trace.network(part), (6, 8)) for part in equal.made] == [(6, 5), (6, 3)]


@pytest.mark.parametrize(
    ("shape", "arguments", "sides", "pads"),
    [
        (SHAPE, {"auto_pad": "SAME_UPPER"}, (6, 8), ((1, 1), (1, 1))),
        (SHAPE, {"auto_pad": "SAME_UPPER", "strides": [2, 2]}, (3, 4), ((0, 1), (0, 1))),
        (SHAPE, {"auto_pad": "SAME_LOWER", "strides": [2, 2]}, (3, 4), ((1, 0), (1, 0))),
        (SHAPE, {"auto_pad": "SAME_UPPER", "strides": [4, 5]}, (2, 2), ((0, 1), (0, 0))),
        (SHAPE, {"auto_pad": "SAME_UPPER", "dilations": [2, 3]}, (6, 8), ((2, 2), (3, 3))),
        (OPEN, {"auto_pad": "SAME_LOWER"}, (6, 8), ((1, 1), (1, 1))),
        (SHAPE, {"auto_pad": "VALID", "pads": [1, 1, 1, 1]}, (4, 6), ((0, 0), (0, 0))),
    ],
)
def test_convolutions_that_keep_the_size(shape, arguments, sides, pads):
    """The outputs are ceil(n / stride), and the padding half on each side, an odd sample as the name says."""
    line = Line(shape)("Conv", WIDE, **arguments)
    assert em.output_size(line.net, (6, 8)) == sides
    assert line.net == em.Conv(
        (3, 3),
        tuple(arguments.get("strides", (1, 1))),
        tuple(arguments.get("dilations", (1, 1))),
        pads,
        channels=8,
    )


@pytest.mark.parametrize(
    ("arguments", "side"),
    [
        ({"strides": [2, 2]}, (13, 17)),
        ({"strides": [2, 2], "output_padding": [1, 1]}, (14, 18)),
        ({"strides": [2, 2], "pads": [1, 1, 1, 1]}, (11, 15)),
        ({"strides": [2, 2], "auto_pad": "SAME_UPPER"}, (12, 16)),
        ({"strides": [2, 2], "auto_pad": "SAME_LOWER"}, (12, 16)),
        ({"strides": [2, 2], "output_shape": [12, 15]}, (12, 15)),
        ({"strides": [2, 2], "output_shape": [14, 18]}, (14, 18)),
        ({"strides": [4, 4], "auto_pad": "SAME_UPPER"}, (24, 32)),
        ({"dilations": [2, 1], "output_shape": [6, 8]}, (6, 8)),
    ],
)
def test_transposed_convolutions(arguments, side):
    line = Line()("ConvTranspose", values(4, 2, 3, 3), **arguments)
    assert em.output_size(line.net, (6, 8)) == side
    assert line.last.shape == (1, 2, *side)


@pytest.mark.parametrize(("auto", "first"), [("SAME_UPPER", (-1, 0)), ("SAME_LOWER", (-1, -1))])
def test_where_transposed_convolutions_cut(auto, first):
    """Of 2 n + 1 outputs one is left out: at the end by the upper name, at the beginning by the lower."""
    line = Line((1, 4, 6))("ConvTranspose", values(4, 2, 3), strides=[2], auto_pad=auto)
    whole = em.ConvTranspose(3, 2)
    begin = 0 if auto == "SAME_UPPER" else 1
    for unit in range(3, 7):
        assert line.field.region(unit) == em.receptive_field(whole).region(unit + begin)


def test_pools_to_a_size():
    for mode, title in (("max", "aten.adaptive_max_pool2d"), ("average", "aten.adaptive_avg_pool2d")):
        assert Line()(title, output_size=[3, 2], made=(1, 4, 3, 2)).net == em.Pool((2, 4), mode=mode)
        assert Line()(title, output_size=[None, 8], made=SHAPE).net == em.Identity()
        assert Line()(title, output_size=[1], made=(1, 4, 1, 1)).field.is_everything
        with pytest.raises(
            ValueError, match="makes 2 outputs from an unknown number of samples; give input_shape"
        ):
            Line(OPEN)(title, output_size=[2])


def test_points():
    assert Line((1, 1, 6, 8))("Conv", values(1, 1, 1, 1)).net == em.Identity()
    assert Line()("Conv", values(1, 4, 1, 1)).net == em.Identity()
    assert Line()("Conv", values(1, 4, 2, 2)).net == em.Conv((2, 2), channels=1)
    assert Line()("Conv", values(2, 4, 1, 1)).net == em.Conv((1, 1), channels=2)
    assert Line()("Conv", values(1, 4, 1, 1), strides=[2, 2]).net == em.Conv((1, 1), 2, channels=1)
    assert Line()("Conv", values(1, 4, 1, 1), pads=[1, 0, 0, 0]).net == em.Conv(
        (1, 1), 1, 1, ((1, 0), (0, 0)), channels=1
    )
    assert Line((1, 4, 6, 8))("Conv", values(4, 1, 1, 1), group=4).net == em.Conv(
        (1, 1), channels=4, groups=4
    )


def test_channels_behind_what_picks_or_moves_them_count():
    half = Line()("Conv", WIDE)("Split", axis=1, split=[4, 4], count=2, made=((1, 4, 4, 6), (1, 4, 4, 6)))
    half("Conv", values(5, 4, 3, 3))
    assert em.cost(half.net, (6, 8), 4).parameters == 9 * (8 * 4 + 5 * 4)
    joined = Line()("Conv", WIDE)
    joined("Concat", joined.last, axis=1, made=(1, 16, 4, 6))("Conv", values(5, 16, 3, 3))
    assert em.cost(joined.net, (6, 8), 4).parameters == 9 * (8 * 4 + 5 * 16)
    deep = Line()("SpaceToDepth", blocksize=2, made=(1, 16, 3, 4))("Conv", values(5, 16, 3, 3))
    assert em.cost(deep.net, (6, 8), 4).parameters == 9 * 5 * 16
    up = Line()("DepthToSpace", blocksize=2, made=(1, 1, 12, 16))("Conv", values(5, 1, 3, 3))
    assert em.cost(up.net, (6, 8), 4).parameters == 9 * 5
    two = Line()("Conv", WIDE)("Split", axis=1, split=[4, 4], count=2, made=((1, 4, 4, 6), (1, 4, 4, 6)))
    two("Add", two.made[1], made=(1, 4, 4, 6))("Conv", values(5, 4, 3, 3))
    assert em.cost(two.net, (6, 8), 4).parameters == 9 * (8 * 4 + 5 * 4)


PRODUCTS = [
    ((1, 6, 4), (1,), "MatMul", [values(4, 5)], {}, (1, 6, 5), ((), (0,), ())),
    ((1, 6, 4), (1,), "MatMul", [values(4)], {}, (1, 6), ((), (0,))),
    ((1, 6, 4), (1,), "MatMul", [values(2, 4, 5)], {}, (2, 6, 5), ((), (0,), ())),
    ((6, 4), (0,), "Gemm", [values(4, 5)], {}, (6, 5), ((0,), ())),
    ((6, 4), (0,), "Gemm", [values(5, 4)], {"transB": 1}, (6, 5), ((0,), ())),
    ((4, 6), (1,), "Gemm", [values(4, 5)], {"transA": 1}, (6, 5), ((0,), ())),
    ((1, 6, 4), (1,), "Einsum", [values(4, 5)], {"equation": "nlc,cd->nld"}, (1, 6, 5), ((), (0,), ())),
    ((1, 6, 4), (1,), "Einsum", [values(4, 5)], {"equation": "nlc,cd->dnl"}, (5, 1, 6), ((), (), (0,))),
    ((1, 6, 4), (1,), "Einsum", [values(4, 5)], {"equation": "...c,cd->...d"}, (1, 6, 5), ((), (0,), ())),
    ((1, 6, 4), (1,), "Einsum", [values(4, 5)], {"equation": "nlc, cd"}, (5, 6, 1), ((), (0,), ())),
    ((1, 6, 4), (1,), "Einsum", [], {"equation": "nlc->lnc"}, (6, 1, 4), ((0,), (), ())),
]


@pytest.mark.parametrize(("shape", "space", "title", "more", "arguments", "made", "axes"), PRODUCTS)
def test_products_at_each_position(shape, space, title, more, arguments, made, axes):
    line = Line(shape, space)(title, *more, made=made, **arguments)
    assert line.last.axes == axes
    assert line.field.size == 1
    if title != "Einsum":
        assert line.net == em.Conv(1, channels=made[-1] if len(made) == len(shape) else 1)


def test_products_from_the_left():
    line = Line((1, 4, 6), (2,))("MatMul", first=(values(5, 4),), made=(1, 5, 6))
    assert line.net == em.Conv(1, channels=5)
    assert line.last.axes == ((), (), (0,))
    everything = Line((1, 6, 4), (1,))("MatMul", first=(values(5, 6),), made=(1, 5, 4))
    assert everything.field.is_everything
    assert everything.last.axes == ((), (), ())
    along = Line((1, 4, 6))("MatMul", values(6, 5), made=(1, 4, 5))
    assert Line((1, 6, 4), (1,))("MatMul", Constant(None)).net == em.Conv(1)
    flat = Line((4, 6), (1,))("MatMul", first=(values(5, 4),), made=(5, 6))
    assert (flat.net, flat.last.axes) == (em.Conv(1, channels=5), ((), (0,)))
    assert Line((6,), (0,))("MatMul", first=(values(5, 6),), made=(5,)).field.is_everything
    assert Line((6,), (0,))("MatMul", values(6, 5), made=(5,)).field.is_everything
    assert along.field.is_everything


def given_map(shape, space, title, more, arguments, made, first=()):
    line = Line(shape, space, "given")(title, *more, made=made, first=first, **arguments)
    return em.impact_map(line.net, channel=0).channels.ravel()


def test_weights_of_products():
    """Output 0 sees the first column of the matrix, or the first row where it is turned."""
    matrix, turned = values(4, 5).load(), values(5, 4).load()
    for shape, space, title, more, arguments, made in [
        ((1, 6, 4), (1,), "MatMul", [values(4, 5)], {}, (1, 6, 5)),
        ((6, 4), (0,), "Gemm", [values(4, 5)], {}, (6, 5)),
        ((4, 6), (1,), "Gemm", [values(4, 5)], {"transA": 1}, (6, 5)),
        ((1, 6, 4), (1,), "MatMul", [values(1, 4, 5)], {}, (1, 6, 5)),
    ]:
        np.testing.assert_allclose(given_map(shape, space, title, more, arguments, made), matrix[:, 0])
    np.testing.assert_allclose(
        given_map((6, 4), (0,), "Gemm", [values(5, 4)], {"transB": 1, "alpha": 3.0}, (6, 5)), 3 * turned[0]
    )
    np.testing.assert_allclose(
        given_map((1, 4, 6), (2,), "MatMul", [], {}, (1, 5, 6), (values(5, 4),)), turned[0]
    )
    np.testing.assert_allclose(
        given_map((1, 6, 4), (1,), "MatMul", [values(4)], {}, (1, 6)), values(4).load()
    )
    with pytest.raises(ValueError, match="multiplies by several matrices"):
        given_map((1, 6, 4), (1,), "MatMul", [values(2, 4, 5)], {}, (2, 6, 5))
    with pytest.raises(
        ValueError, match="has weights for 4 channels, and its input has 8; give a batch of 1"
    ):
        given_map((2, 6, 4), (1,), "MatMul", [values(4, 5)], {}, (2, 6, 5))


def test_blocks_of_a_batch_have_no_weights():
    for title, made in (("SpaceToDepth", (2, 16, 3, 4)), ("DepthToSpace", (2, 1, 12, 16))):
        line = Line((2, 4, 6, 8), weights="given")(title, blocksize=2, made=made)
        with pytest.raises(
            ValueError, match="moves blocks of axes other than the channels; give a batch of 1"
        ):
            _ = line.net


@pytest.mark.parametrize("mode", ["DCR", "CRD"])
@pytest.mark.parametrize("down", [False, True])
def test_weights_of_blocks(mode, down):
    """Channel by channel, beside numpy's reshapes of the numbers of the samples."""
    if down:
        if mode == "CRD":
            return
        shape, made = (1, 2, 4, 6), (1, 8, 2, 3)
        line = Line(shape, weights="given")("SpaceToDepth", made=made, blocksize=2)
        places = np.arange(48).reshape(1, 2, 2, 2, 3, 2).transpose(0, 3, 5, 1, 2, 4).reshape(made)
    else:
        shape, made = (1, 8, 2, 3), (1, 2, 4, 6)
        line = Line(shape, weights="given")("DepthToSpace", made=made, blocksize=2, mode=mode)
        if mode == "DCR":
            places = np.arange(48).reshape(1, 2, 2, 2, 2, 3).transpose(0, 3, 4, 1, 5, 2).reshape(made)
        else:
            places = np.arange(48).reshape(1, 2, 2, 2, 2, 3).transpose(0, 1, 4, 2, 5, 3).reshape(made)
    for unit in ((0, 0), (1, 2)):
        for channel in range(made[1]):
            found = em.impact_map(line.net, unit, shape[2:], channel)
            where = np.argwhere(found.channels)
            assert len(where) == 1
            place = (where[0][0], *(where[0][1:] + np.array(found.start)))
            assert np.ravel_multi_index(place, shape[1:]) == places[(0, channel, *unit)]


@pytest.mark.parametrize(
    ("arguments", "shapes", "axes", "region"),
    [
        ({}, (8, 1, 1, 5), ((0,), (), (), ()), (-float("inf"), 3)),
        ({"direction": "reverse"}, (8, 1, 1, 5), ((0,), (), (), ()), (3, float("inf"))),
        ({"direction": "bidirectional"}, (8, 2, 1, 5), ((0,), (), (), ()), (-float("inf"), float("inf"))),
    ],
)
def test_recurrence(arguments, shapes, axes, region):
    line = Line((8, 1, 4), (0,))(
        "GRU", values(1, 15, 4), values(1, 15, 5), count=2, made=(shapes, (1, 1, 5)), **arguments
    )
    steps, last = line.made
    assert steps.axes == axes
    field = em.receptive_field(line.trace.network(steps))
    assert field.is_everything if region[0] == -region[1] else field.region(3) == region
    assert em.receptive_field(line.trace.network(last)).is_everything
    assert last.owned == frozenset()


def test_recurrence_with_the_batch_first():
    line = Line((1, 8, 4), (1,))("GRU", values(1, 15, 4), values(1, 15, 5), made=(1, 8, 1, 5), layout=1)
    assert line.last.axes == ((), (0,), (), ())
    assert line.field.region(3) == (-float("inf"), 3)


def test_entries_of_a_table():
    line = Line((1, 8), (1,))("Gather", first=(values(10, 5),), made=(1, 8, 5))
    assert line.last.axes == ((), (0,), ())
    assert line.field.size == 1


def test_side_by_side():
    line = Line()
    first = line("Conv", WIDE, pads=[1, 1, 1, 1]).last
    line("Concat", line.x, of=first, axis=1, made=(1, 12, 6, 8))
    assert line.last.shape == (1, 12, 6, 8)
    law = em.distribution(line.net)
    assert law.pmf((0, 0)) == pytest.approx(2 / 3 / 9 + 1 / 3)  # by their shares of the channels
    open_line = Line((1, None, 6, 8))
    with pytest.raises(ValueError, match="concatenates channels whose number is unknown; give input_shape"):
        open_line("Concat", open_line.x, axis=1)
    longer = Line(OPEN)
    with pytest.raises(ValueError, match="concatenates along axis 2, whose parts have unknown sizes; give"):
        longer("Concat", longer.x, axis=2)
    before = Line()("Concat", first=(values(1, 4, 2, 8),), axis=2, made=(1, 4, 8, 8))
    assert before.net == em.Pad([(2, 0), (0, 0)])


def test_copies_of_one_sample_are_refused():
    line = Line((1, 4, 1, 8))
    pooled = line.x
    with pytest.raises(
        ValueError, match="repeats the single sample of 'input' along axis -2, which is spatial"
    ):
        line("Add", Constant((1, 4, 6, 8)), of=pooled)
    row = Line()
    row("Slice", starts=[1], ends=[2], axes=[2], made=(1, 4, 1, 8))
    with pytest.raises(
        ValueError, match="repeats the single sample of 'Slice' along axis -2, which is spatial"
    ):
        row("Add", row.x, made=SHAPE)
    assert Line((1, 4, 1, 8))("Add", Constant((1, 4, 1, 8))).net == em.Identity()
    assert Line((1, 4, 1, 8))("Add", Constant((4, 1, 1))).net == em.Identity()


def test_normals_over_some_axes():
    line = Line((1, 6, 8, 4), (1, 2))("LayerNormalization", numbers(1.0, 1.0, 1.0, 1.0), axis=-1)
    assert line.net == em.Identity()
    assert line.last.axes == ((), (0,), (1,), ())
    both = Line()("LayerNormalization", values(8), axis=3)
    assert both.field.size == (1, float("inf"))
    assert Line((1, 4, 6, 1))("Softmax", axis=3).net == em.Identity()


def test_factors_that_cannot_be():
    constant = numbers(1.0, 1.0, 1.0, 1.0)
    bad = numbers(1.0, -2.0, 1.0, 1.0)
    given = Line(weights="given")
    assert given("BatchNormalization", constant, constant, constant, constant).net is not None
    for variance in (bad, numbers(-1e-5, 1.0, 1.0, 1.0)):
        line = Line(weights="given")("BatchNormalization", constant, constant, constant, variance)
        with pytest.raises(ValueError, match="has a variance that is not positive"):
            _ = line.net
    scaled = Line(weights="given")("Mul", Constant((1, 4, 6, 8), lambda: np.arange(192.0).reshape(SHAPE)))
    with pytest.raises(ValueError, match="has a constant that differs from place to place"):
        _ = scaled.net
    divided = Line(weights="given")(
        "Div", Constant((4, 1, 1), lambda: np.array([1.0, 0, 1, 1]).reshape(4, 1, 1))
    )
    with pytest.raises(ValueError, match="has factors that are not finite"):
        _ = divided.net
    for dtype, problem in (
        (np.int8, "has quantised weights, whose scale is not read"),
        (float, "has weights that are not finite"),
    ):
        array = (
            np.full((8, 4, 3, 3), np.nan).astype(dtype) if dtype is float else np.ones((8, 4, 3, 3), dtype)
        )
        line = Line(weights="given")("Conv", Constant((8, 4, 3, 3), lambda a=array: a))
        with pytest.raises(ValueError, match=problem):
            _ = line.net
    for title, more in (
        ("Max", [values(4, 1, 1)]),
        ("Pow", [numbers(2.0)]),
        ("Where", [values(1), values(1)]),
    ):
        curved = Line(weights="given")(title, *more)
        with pytest.raises(ValueError, match=f"{title} '{title}' has a slope that depends on its input"):
            _ = curved.net
    fused = Line(weights="given")("Conv", WIDE, activation="Relu")
    with pytest.raises(ValueError, match="has an activation in it, which is not read"):
        _ = fused.net
    norm = Line(weights="given")("LpPool", kernel_shape=[2, 2])
    with pytest.raises(ValueError, match="has a slope that depends on its input"):
        _ = norm.net
    cubic = Line(weights="given")(
        "Resize", None, numbers(1.0, 1.0, 2.0, 2.0), mode="cubic", cubic_coeff_a=-0.5
    )
    with pytest.raises(ValueError, match="uses a cubic interpolation with a coefficient other than -3/4"):
        _ = cubic.net
    padded = Line(weights="given")("Pad", pads=[0, 1, 0, 0, 0, 0, 0, 0], mode="edge")
    with pytest.raises(ValueError, match="pads channels by other channels"):
        _ = padded.net


def test_factors():
    for title, factor in (("Mul", 3.0), ("Div", 1 / 3.0)):
        line = Line((1, 2, 5), weights="given")(title, Constant((2, 1), lambda: np.array([[3.0], [5.0]])))
        assert em.impact_map(line.net, channel=0).channels.ravel().tolist() == pytest.approx([factor, 0])


def test_sequences_of_lost_layout():
    lost = Tensor("input", None, None, (1, 1))
    line = Line()
    line.last = lost
    assert line("Relu").last.layout is None
    assert line.last.title.startswith("Relu")
    assert Run(None, 1, 4) in Line().x.runs[1]
