"""Cuts and pieces of maps, tokens beside them, windows and what is written: layouts, regions, refusals."""

import numpy as np
import pytest
from traced import SHAPE, Line, numbers, values

import erfmath as em
from erfmath.models.axes import Run
from erfmath.models.ir import Constant, Tensor


def sees(line, sides=12):
    """Which samples each unit of a line reads."""
    found = []
    for unit in range(em.output_size(line.net, sides)):
        seen = em.impact_map(line.net, unit, sides)
        found.append([seen.start[0] + int(i) for i in np.flatnonzero(seen.channels.any(0))])
    return found


def piece(line, start, stop):
    return line("Slice", of=line.x, starts=[start], ends=[stop], axes=[2], made=(1, 4, stop - start)).last


@pytest.mark.parametrize(
    ("pieces", "expected"),
    [
        ([(4, 12), (0, 4)], [*range(4, 12), *range(4)]),
        ([(0, 4), (4, 12)], list(range(12))),
        ([(8, 12), (0, 4), (4, 8)], [8, 9, 10, 11, *range(8)]),
        ([(3, 5), (5, 9)], list(range(3, 9))),
        ([(11, 12), (0, 12), (0, 1)], [11, *range(12), 0]),
        ([(10, 12), (0, 12)], [10, 11, *range(12)]),
    ],
)
def test_pieces_that_follow_each_other_in_a_circle(pieces, expected):
    line = Line((1, 4, 12))
    first, *rest = [piece(line, *ends) for ends in pieces]
    line("Concat", *rest, of=first, axis=2, made=(1, 4, len(expected)))
    assert sees(line) == [[sample] for sample in expected]
    assert line.last.sides == (len(expected),)


@pytest.mark.parametrize("pieces", [[(0, 4), (0, 4)], [(4, 8), (0, 4)], [(0, 4), (5, 9)], [(0, 12), (0, 12)]])
def test_pieces_that_do_not_are_refused(pieces):
    line = Line((1, 4, 12))
    first, second = (piece(line, *ends) for ends in pieces)
    with pytest.raises(ValueError, match="concatenates different maps along axis 2, which is spatial"):
        line("Concat", second, of=first, axis=2)


def test_numbers_around_a_map_are_a_padding():
    line = Line((1, 4, 12))("Concat", values(1, 4, 1), first=(values(1, 4, 2),), axis=2, made=(1, 4, 15))
    assert line.net == em.Pad([(2, 1)])
    two = Line((1, 4, 12))("Concat", values(1, 4, 1), values(1, 4, 3), axis=-1, made=(1, 4, 16))
    assert two.net == em.Pad([(0, 4)])


def tokens(beside=(2, 1)):
    """Rows of a map one after the other, with other tokens around them."""
    line = Line((1, 4, 3, 5))("Reshape", numbers(1, 4, 15), made=(1, 4, 15))
    before, after = (values(1, 4, count) for count in beside)
    return line("Concat", after, first=(before,), axis=2, made=(1, 4, 15 + sum(beside)))


ROWS, COLUMNS = Run(0, 1, 3), Run(1, 1, 5)


def test_tokens_beside_a_map():
    line = tokens()
    assert line.last.layout[2] == (Run(0, 1, 3, (2, 1)), COLUMNS)
    line("Slice", starts=[1], ends=[99], axes=[2], made=(1, 4, 17))
    assert line.last.layout[2] == (Run(0, 1, 3, (1, 1)), COLUMNS)
    line("Slice", starts=[1], ends=[-1], axes=[2], made=(1, 4, 15))
    assert line.last.layout[2] == (ROWS, COLUMNS)
    line("Reshape", numbers(1, 4, 3, 5), made=(1, 4, 3, 5))
    assert line.net == em.Identity()
    assert line.last.layout[2:] == ((ROWS,), (COLUMNS,))
    for starts, ends, steps in (([3], [99], [1]), ([0], [-2], [1]), ([0], [99], [2])):
        cut = tokens()("Slice", starts=starts, ends=ends, axes=[2], steps=steps)
        assert cut.field.is_everything
    assert tokens()("Gather", Constant((), lambda: np.array(0)), axis=2).field.is_everything
    assert tokens()("Concat", values(1, 4, 1), axis=2).last.layout[2][0].beside == (2, 2)


def test_rows_of_a_map_along_channels():
    line = Line((1, 4, 3, 5))("Reshape", numbers(1, 12, 5), made=(1, 12, 5))
    assert line.last.layout == ((), (Run(None, 1, 4), ROWS), (COLUMNS,))
    part = line("Slice", starts=[3], ends=[9], axes=[1], made=(1, 6, 5))
    assert part.last.layout == ((), (Run(None, 1, 2), ROWS), (COLUMNS,))
    one = Line((1, 4, 3, 5))("Reshape", numbers(1, 12, 5), made=(1, 12, 5))
    one("Slice", starts=[9], ends=[12], axes=[1], made=(1, 3, 5))
    assert one.last.layout == ((), (ROWS,), (COLUMNS,))
    for starts, ends in (([2], [9]), ([3], [8])):
        cut = Line((1, 4, 3, 5))("Reshape", numbers(1, 12, 5), made=(1, 12, 5))
        assert cut("Slice", starts=starts, ends=ends, axes=[1]).field.is_everything
    flat = Line((1, 4, 3, 5))("Reshape", numbers(1, 4, 15), made=(1, 4, 15))
    assert flat("Slice", starts=[5], ends=[10], axes=[2]).field.is_everything
    padded = Line((1, 4, 3, 5))("Reshape", numbers(1, 4, 15), made=(1, 4, 15))
    assert padded("MaxPool", kernel_shape=[3]).field.is_everything


def test_a_window_beside_rows_leaves_them():
    line = Line((1, 4, 3, 5, 7))("Reshape", numbers(1, 4, 15, 7), made=(1, 4, 15, 7))
    line("MaxPool", kernel_shape=[1, 3], pads=[0, 1, 0, 1], made=(1, 4, 15, 7))
    assert line.field.size == (1, 1, 3)
    assert line.last.axes == ((), (), (0, 1), (2,))


def blocks():
    return Line((1, 4, 3, 8))("Reshape", numbers(1, 4, 3, 2, 4), made=(1, 4, 3, 2, 4))


def test_cuts_of_blocks():
    line = blocks()("Slice", starts=[1], ends=[3], axes=[4], made=(1, 4, 3, 2, 2))
    assert line.last.layout[3:] == ((Run(1, 2, 2),), (Run(1, 1, 2),))
    assert line.last.sides == (3, 4)
    line("Reshape", numbers(1, 4, 3, 4), made=(1, 4, 3, 4))
    regions = [line.field.region((0, column))[1] for column in range(4)]
    assert regions == [(1, 1), (2, 2), (5, 5), (6, 6)]
    outer = blocks()("Slice", starts=[1], ends=[2], axes=[3], made=(1, 4, 3, 1, 4))
    assert em.receptive_field(outer.net).region((0, 0))[1] == (4, 4)
    with pytest.raises(
        ValueError, match="cuts axis 4, which holds a part of the positions of a map, beside another"
    ):
        blocks()("Slice", starts=[1, 1], ends=[3, 2], axes=[4, 3])
    with pytest.raises(ValueError, match="takes every so many rows of blocks"):
        blocks()("Slice", starts=[0], ends=[2], axes=[3], steps=[2])
    with pytest.raises(ValueError, match="makes entries of padding alone"):
        blocks()("Pad", pads=[0, 0, 0, 0, 1, 0, 0, 0, 0, 0])
    with pytest.raises(ValueError, match="works along axis 4, which holds a part of the positions of a map"):
        blocks()("ConvTranspose", values(3, 3, 1, 3), made=(1, 4, 3, 2, 6), kernel_shape=[1, 3])


def windowed(title, *weights, made, **arguments):
    """A window over blocks, and where its units begin and end along the columns of the map."""
    line = blocks()(title, *weights, made=made, **arguments)
    columns = em.output_size(line.net, (3, 8))[1]
    return line, [line.field.region((0, column))[1] for column in range(columns)]


def test_windows_within_blocks_and_along_them():
    made = (1, 2, 3, 2, 4)
    outer, _ = windowed("Conv", values(2, 4, 1, 3, 1), pads=[0, 1, 0, 0, 1, 0], made=made)
    assert outer.net == em.Conv((1, 3), 1, (1, 4), ((0, 0), (4, 4)), channels=2)
    within = [(0, 1), (0, 2), (1, 3), (2, 3), (4, 5), (4, 6), (5, 7), (6, 7)]
    inner, regions = windowed("Conv", values(2, 4, 1, 1, 3), pads=[0, 0, 1, 0, 0, 1], made=made)
    assert regions == within
    assert inner.last.layout[3:] == ((Run(1, 4, 2),), (Run(1, 1, 4),))
    both, regions = windowed("Conv", values(2, 4, 1, 3, 3), pads=[0, 1, 1, 0, 1, 1], made=made)
    assert regions == [(first - 4, last + 4) for first, last in within]
    assert em.cost(both.net, (3, 8), 4).macs is not None
    pooled, regions = windowed("AveragePool", kernel_shape=[1, 1, 2], strides=[1, 1, 2], made=(1, 4, 3, 2, 2))
    assert regions == [(0, 1), (2, 3), (4, 5), (6, 7)]
    assert pooled.last.layout[3:] == ((Run(1, 2, 2),), (Run(1, 1, 2),))
    strided, regions = windowed(
        "Conv", values(2, 4, 1, 1, 3), pads=[0, 0, 1, 0, 0, 1], strides=[1, 1, 2], made=(1, 2, 3, 2, 2)
    )
    assert regions == [(0, 1), (1, 3), (4, 5), (5, 7)]
    assert strided.last.sides == (3, 4)
    along = blocks()(
        "Conv", values(2, 4, 1, 3, 1), pads=[0, 1, 0, 0, 1, 0], strides=[1, 2, 1], made=(1, 2, 3, 1, 4)
    )
    assert [along.field.region((0, column))[1] for column in range(4)] == [(-4, 4), (-3, 5), (-2, 6), (-1, 7)]
    assert along.last.sides == (3, 4)


def test_entries_written():
    def line(shape, **arguments):
        found = Line()
        return found(
            "aten.slice_scatter", Tensor("w", shape, found.x.layout, (6, 8)), made=SHAPE, **arguments
        )

    with pytest.raises(ValueError, match="writes into one of every 2 samples along axis 2, which is spatial"):
        line((1, 4, 3, 8), dim=2, start=0, end=6, step=2)
    with pytest.raises(ValueError, match="writes into an axis of unknown size; give input_shape"):
        Line()("aten.slice_scatter", values(1, 4, 6, 8), dim=1, start=0, end=1, step=1)
    given = Line(weights="given")
    given("aten.slice_scatter", values(1, 4, 2, 8), made=SHAPE, dim=2, start=1, end=3, step=1)
    with pytest.raises(
        ValueError, match="writes into a part of the space, which has no weights that are known"
    ):
        _ = given.net
    both = Line()
    written = both("Slice", starts=[4], ends=[6], axes=[2], made=(1, 4, 2, 8)).last
    both("aten.slice_scatter", written, of=both.x, made=SHAPE, dim=2, start=1, end=3, step=1)
    assert both.field.region((1, 3)) == ((1, 4), (3, 3))  # what was there, and what is written
    assert em.output_size(both.net, (6, 8)) == (6, 8)
    share = Line()
    written = share("Conv", values(2, 4, 3, 3), pads=[1, 1, 1, 1], made=(1, 2, 6, 8)).last
    share("aten.slice_scatter", written, of=share.x, made=SHAPE, dim=1, start=0, end=4, step=2)
    assert em.distribution(share.net).pmf((0, 0)) == pytest.approx(1 / 2 + 1 / 2 / 9)
    quarter = Line()
    written = quarter("Conv", values(1, 4, 3, 3), pads=[1, 1, 1, 1], made=(1, 1, 6, 8)).last
    quarter("aten.slice_scatter", written, of=quarter.x, made=SHAPE, dim=1, start=1, end=2, step=1)
    assert em.distribution(quarter.net).pmf((0, 0)) == pytest.approx(3 / 4 + 1 / 4 / 9)


def test_windows_side_by_side():
    line = Line((1, 4, 6, 8))(
        "aten.im2col", kernel_size=[3, 1], stride=[1, 2], dilation=[1, 1], padding=[1, 0], made=(1, 12, 24)
    )
    assert line.last.layout == ((), (Run(None, 1, 4), Run(0, 1, 3)), (Run(0, 1, 6), Run(1, 1, 4)))
    assert line.net == em.Pad([(1, 1), (0, 0)]) >> em.Slice((0, 0), None, (1, 2))
    one = Line((1, 4, 9))("aten.unfold", dimension=2, size=3, step=2, made=(1, 4, 4, 3))
    assert one.last.layout == ((), (Run(None, 1, 4),), (Run(0, 2, 4),), (Run(0, 1, 3),))
    with pytest.raises(ValueError, match="makes windows of an axis of unknown size; give input_shape"):
        Line((1, 4, None))("aten.unfold", dimension=2, size=3, step=2)
    with pytest.raises(ValueError, match="makes windows of axis 1, which is not spatial"):
        Line((1, 4, 9))("aten.unfold", dimension=1, size=3, step=2)
    back = Line((1, 4, 6, 8))(
        "aten.im2col", kernel_size=[2], stride=[2], dilation=[1], padding=[0], made=(1, 16, 12)
    )
    back("aten.col2im", kernel_size=[2], stride=[2], dilation=[1], padding=[0], made=(1, 4, 6, 8))
    assert em.output_size(back.net, (6, 8)) == (6, 8)
    assert back.field.region((0, 0)) == ((0, 1), (0, 1))
    wrong = Line((1, 16, 12))
    with pytest.raises(ValueError, match="adds up windows that are not those of a map"):
        wrong("aten.col2im", kernel_size=[2], stride=[2], dilation=[1], padding=[0], made=(1, 4, 6, 8))


def test_shifts():
    line = Line((1, 4, 12))("aten.roll", shifts=[3], dims=[2], made=(1, 4, 12))
    assert sees(line) == [[(unit - 3) % 12] for unit in range(12)]
    other = Line((1, 4, 12))("aten.roll", shifts=[-2, 1], dims=[-1, 1], made=(1, 4, 12))
    assert sees(other) == [[(unit + 2) % 12] for unit in range(12)]
    for axes, problem in (([2], "reverses axis 2, which is spatial"),):
        with pytest.raises(ValueError, match=problem):
            Line((1, 4, 12))("aten.flip", dims=axes)
    assert Line((1, 4, 12))("aten.flip", dims=[1, 0]).net == em.Identity()
    pooled = Line((1, 4, 12))("GlobalAveragePool", made=(1, 4, 1))("Expand", made=(1, 4, 1))
    assert pooled("aten.flip", dims=[1], made=(1, 4, 1)).field.is_everything
