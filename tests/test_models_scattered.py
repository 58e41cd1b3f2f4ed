"""Entries that are followed one by one, beside arrays of their positions that numpy moves."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

from erfmath.models.axes import Run
from erfmath.models.ir import Operator, Tensor
from erfmath.models.scattered import Scattered, _of, recognised, viewed

ROWS = ((Run(None, 1, 2),), (Run(0, 1, 3), Run(1, 1, 4)), ())  # of channels, tokens of a map, one


def tensor(layout, shape=None, sides=(3, 4)):
    lengths = [int(np.prod([run.length for run in axis])) for axis in layout]
    return Tensor("t", tuple(lengths) if shape is None else shape, layout, sides)


def view(kind, options, seen, made=None):
    carrier = Tensor("t", seen.places[0].shape, None, (3, 4), scattered=seen)
    return viewed(Operator(kind, kind, "op", (carrier,), options, shapes=(made,)), carrier)


def scattered(*arrays):
    return Scattered("t", (3, 4), frozenset([1]), dict(enumerate(np.asarray(a) for a in arrays)))


def test_positions_of_entries():
    found = _of(tensor(ROWS))
    row, column = np.divmod(np.arange(12), 4)
    np.testing.assert_array_equal(found.places[0], np.broadcast_to(row[None, :, None], (2, 12, 1)))
    np.testing.assert_array_equal(found.places[1], np.broadcast_to(column[None, :, None], (2, 12, 1)))
    assert (found.name, found.sides, found.whole) == ("t", (3, 4), frozenset())
    blocks = _of(tensor(((Run(0, 4, 2), Run(1, 2, 2)), (Run(0, 1, 4),)), sides=(8, 4)))
    np.testing.assert_array_equal(blocks.places[0], [[0, 1, 2, 3]] * 2 + [[4, 5, 6, 7]] * 2)
    np.testing.assert_array_equal(blocks.places[1], [[0] * 4, [2] * 4] * 2)
    large = 2**12
    assert _of(tensor(((Run(0, 1, large),), (Run(1, 1, large),)))) is not None
    assert _of(tensor(((Run(0, 1, large),), (Run(1, 1, large + 1),)))) is None
    assert _of(tensor(ROWS, (2, None, 1))) is None
    assert _of(Tensor("t", None, ROWS, (3, 4))) is None
    assert _of(tensor(((Run(0, 1, 3, (1, 0)),),), (4,))) is None


def test_only_a_padding_of_several_runs_begins_it():
    def begun(kind, pads, layout=ROWS):
        t = tensor(layout) if layout is not None else Tensor("t", (2, 12, 1), None, (3, 4))
        return viewed(Operator(kind, kind, "op", (t,), {"pads": pads}, shapes=(None,)), t)

    found = begun("pad", [(0, 0), (1, 2), (0, 0)])
    assert found.places[0].shape == (2, 15, 1)
    assert found.places[0][1, :, 0].tolist() == [-1, 0, 0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 2, -1, -1]
    assert begun("pad", [(1, 0), (0, 0), (0, 0)]) is None
    assert begun("slice", [(0, 0), (1, 2), (0, 0)]) is None
    assert begun("pad", [(0, 0), (1, 2), (0, 0)], None) is None
    assert begun("pad", [(1, 0)], ((Run(None, 1, 2), Run(None, 1, 3)),)) is None
    channels = ((Run(None, 1, 2), Run(None, 1, 2)), (Run(0, 1, 3),))
    assert begun("pad", [(1, 0), (0, 0)], channels) is None
    assert begun("pad", [(0, 1)], ((Run(None, 1, 2), Run(0, 1, 3)),)) is not None


ARRAY = np.arange(24).reshape(2, 3, 4)


@pytest.mark.parametrize(
    ("kind", "options", "made", "expected"),
    [
        ("reshape", {}, (4, 6), ARRAY.reshape(4, 6)),
        ("reshape", {}, (None, 24), ARRAY.reshape(1, 24)),
        ("squeeze", {}, (2, 12), ARRAY.reshape(2, 12)),
        ("transpose", {"order": [1, 0, 2]}, None, ARRAY.transpose(1, 0, 2)),
        ("transpose", {}, None, ARRAY.T),
        ("slice", {"slices": [(1, 1, None, 1), (-1, 0, 4, 2)]}, None, ARRAY[:, 1:, 0:4:2]),
        ("pad", {"pads": [(0, 0), (-1, 0), (0, -2)]}, None, ARRAY[:, 1:, :2]),
        (
            "pad",
            {"pads": [(1, 0), (0, 0), (-1, 2)]},
            None,
            np.pad(ARRAY[..., 1:], ((1, 0), (0, 0), (0, 2)), constant_values=-1),
        ),
    ],
)
def test_views(kind, options, made, expected):
    found = view(kind, options, scattered(ARRAY, ARRAY + 1), made)
    np.testing.assert_array_equal(found.places[0], expected)
    np.testing.assert_array_equal(found.places[1], np.where(expected < 0, -1, expected + 1))
    assert (found.name, found.sides, found.whole) == ("t", (3, 4), {1})


@given(
    st.lists(st.sampled_from([(0, 2), (0, 3), (1, 2), (1, 4), (None, 3)]), min_size=1, max_size=4), st.data()
)
def test_runs_are_recognised(runs, data):
    """Of runs whose steps are those of a map in their order, cut into axes anywhere."""
    steps, found = {0: 1, 1: 1}, []
    for axis, length in reversed(runs):
        found.insert(0, Run(axis, steps[axis] if axis is not None else 1, length))
        if axis is not None:
            steps[axis] *= length
    cut = data.draw(st.integers(0, len(found)))
    seen = _of(tensor((tuple(found[:cut]), tuple(found[cut:])), sides=(9, 9)))
    if not seen.places:
        return
    layout = recognised(seen)
    again = _of(Tensor("t", next(iter(seen.places.values())).shape, layout, (9, 9)))
    for owner, places in seen.places.items():
        np.testing.assert_array_equal(again.places.get(owner, 0), places)


@pytest.mark.parametrize(
    "array",
    [
        [0, 1, 2, -1],
        [1, 2, 3],
        [0, 1, 3],
        [0, 2, 1],
        [2, 1, 0],
        [0, 1, 0, 2],
        [[0, 1], [1, 3]],
        [0, 1, 2, 4, 5, 6, 8, 9],
    ],
)
def test_what_no_runs_describe(array):
    assert recognised(scattered(array, np.zeros_like(array))) is None
    assert recognised(scattered(np.zeros_like(array), array)) is None


def test_runs_of_two_axes_at_once_are_none():
    assert recognised(scattered([0, 1, 2], [0, 1, 2])) is None
    assert recognised(scattered([0, 1, 2], [0, 0, 0])) == ((Run(0, 1, 3),),)
    assert recognised(scattered([0, 0, 0], [0, 2, 4])) == ((Run(1, 2, 3),),)
    assert recognised(scattered([0, 0, 2, 2], [0, 3, 0, 3])) == ((Run(0, 2, 2), Run(1, 3, 2)),)
    assert recognised(scattered([0, 0, 2, 2], [0, 0, 0, 0])) == ((Run(0, 2, 2), Run(None, 1, 2)),)
    assert recognised(scattered([[0, 0], [1, 1]], [[0, 5], [0, 5]])) == ((Run(0, 1, 2),), (Run(1, 5, 2),))
    assert recognised(scattered([[0], [1]], [[0], [0]])) == ((Run(0, 1, 2),), ())
