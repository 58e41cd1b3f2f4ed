"""Operators run one after the other: shapes, names, branches left out, and what is refused."""

import numpy as np
import pytest

import erfmath as em
from erfmath.models.axes import Run, plain
from erfmath.models.ir import Constant, Operator, Placed, Tensor
from erfmath.models.operators import translated
from erfmath.models.trace import Trace, _called, spatial_axes


class Line:
    """A trace of operators of ONNX's, by their words."""

    def __init__(
        self, shape=(1, 4, 16, 12), space=None, rules=None, gates=True, weights="uniform", rates=None
    ):
        self.trace = Trace(shape, space, rules, gates, weights, rates)
        self.x = self.trace.input

    def __call__(self, title, *inputs, made=None, name=None, outputs=None, **arguments):
        """Run an operator; return the first tensor that it makes."""
        name = name or title.lower()
        outputs = outputs or (name,)
        op = Operator(
            None, title, name, inputs, outputs=outputs, shapes=(made,) * len(outputs), ndim=self.trace.ndim
        )
        found = self.trace.run(translated(op, arguments) if title not in self.trace.rules else op)
        return found[0] if len(outputs) == 1 else found

    def network(self, tensor):
        return self.trace.network(tensor)


def values(*shape, seed=0):
    found = np.random.default_rng(seed).normal(size=shape)
    return Constant(shape, lambda: found)


def numbers(*given):
    return Constant((len(given),), lambda: np.array(given))


W = values(8, 4, 3, 3)
POOL = {"kernel_shape": [3, 3], "strides": [2, 2], "pads": [1, 1, 1, 1]}


@pytest.mark.parametrize(
    ("title", "more", "arguments", "expected"),
    [
        ("Conv", [W], {}, (1, 8, 14, 10)),
        ("Conv", [W], {"strides": [2, 1], "pads": [1, 1, 1, 1]}, (1, 8, 8, 12)),
        ("Conv", [W], {"dilations": [2, 1]}, (1, 8, 12, 10)),
        ("Conv", [values(8, 1, 3, 3)], {"group": 4}, (1, 8, 14, 10)),
        ("ConvTranspose", [values(4, 6, 3, 3)], {"strides": [2, 3]}, (1, 6, 33, 36)),
        ("MaxPool", [], POOL, (1, 4, 8, 6)),
        ("AveragePool", [], {**POOL, "ceil_mode": 1}, (1, 4, 9, 7)),
        ("Relu", [], {}, (1, 4, 16, 12)),
        ("Softmax", [], {"opset": 13, "axis": 1}, (1, 4, 16, 12)),
        ("Identity", [], {}, (1, 4, 16, 12)),
        ("Resize", [None, numbers(1.0, 1.0, 2.0, 3.0)], {"opset": 13}, (1, 4, 32, 36)),
        ("Upsample", [numbers(1.0, 1.0, 2.0, 0.5)], {"opset": 9}, (1, 4, 32, 6)),
        ("BatchNormalization", [numbers(1.0)] * 4, {}, (1, 4, 16, 12)),
    ],
)
def test_shapes_are_reckoned(title, more, arguments, expected):
    assert Line()(title, Line().x, *more, **arguments).shape == expected


@pytest.mark.parametrize("weights", ["given", "energy"])
def test_shapes_are_reckoned_whatever_the_weights(weights):
    line = Line(weights=weights)
    made = line("Conv", line.x, W, strides=[2, 1])
    assert made.shape == (1, 8, 7, 10)
    up = line("ConvTranspose", made, values(8, 6, 3, 3), strides=[2, 3])
    assert up.shape == (1, 6, 15, 30)


def test_shapes_that_are_given_count():
    run = Line()
    made = run("Conv", run.x, W, made=(1, 8, 13, 11))
    assert made.shape == (1, 8, 13, 11)
    assert made.sides == (13, 11)
    assert made.layout == ((), (Run(None, 1, 8),), (Run(0, 1, 13),), (Run(1, 1, 11),))
    with pytest.raises(
        ValueError, match="'conv_' has 3 axes, but what makes it gives 4: the model contradicts"
    ):
        run("Conv", run.x, W, made=(8, 14, 10))


def test_open_sides_stay_open():
    run = Line((None, 4, None, 12))
    made = run("Conv", run.x, W)
    assert made.shape == (None, 8, None, 10)
    assert made.sides == (None, 10)
    joined = run("Add", made, made)
    assert joined.shape == (None, 8, None, 10)
    assert em.receptive_field(run.network(joined)).size == (3, 3)


def test_shapes_behind_what_moves_axes_are_not_reckoned():
    run = Line()
    turned = run("Transpose", run.x, perm=[0, 1, 3, 2])
    assert turned.shape is None
    assert turned.axes == ((), (), (1,), (0,))
    assert turned.sides == (None, None)
    assert run("Pad", run.x, pads=[0, 0, 1, 0, 0, 0, 2, 0]).shape == (1, 4, None, None)


def test_names_are_free():
    run = Line()
    first = run("Conv", run.x, W, name="c")
    second = run("Conv", first, values(8, 8, 3, 3), name="c")
    third = run("Conv", second, values(8, 8, 3, 3), name="input")
    assert [tensor.name for tensor in (first, second, third)] == ["c", "c_", "input_"]
    assert [tensor.title for tensor in (first, second, third)] == ["c", "c", "input"]
    idle = run("Identity", third, name="same")
    assert (idle.name, idle.title) == ("input_", "same")
    parts = run("Split", third, name="s", outputs=("a", "b"), axis=2, split=[3, 7])
    assert [tensor.name for tensor in parts] == ["a", "b"]
    assert [tensor.title for tensor in run.trace.made] == ["input", "c", "c", "input", "same", "a", "b"]


def test_what_ran_is_kept_with_its_entries():
    run = Line()
    y = run("Conv", run.x, W, name="c")
    run("Identity", y, name="i")
    joined = run("Add", y, run("Relu", y, name="r"), name="a")
    ran = run.trace.ran
    assert [(entry.op.name, entry.tensors[0].title, [name for name, _ in entry.nodes]) for entry in ran] == [
        ("c", "c", ["c"]),
        ("i", "i", []),
        ("r", "r", ["r"]),
        ("a", "a", ["a"]),
    ]
    assert ran[0].nodes[0][1] == em.Conv((3, 3), channels=8)
    net = run.network(joined)
    assert em.receptive_field(net).size == (3, 3)


def test_a_single_path_is_a_series_and_what_is_not_needed_is_left_out():
    run = Line()
    first = run("Conv", run.x, W)
    run("Conv", run.x, values(8, 4, 5, 5), name="other")
    last = run("MaxPool", run("Relu", first), **POOL)
    assert run.network(last) == em.Conv((3, 3), channels=8) >> em.Activation("relu") >> em.Pool(
        (3, 3), 2, 1, "max"
    )
    assert run.network(run.x) == em.Identity()
    assert run.trace.graph_to(run.x) is None
    assert em.receptive_field(run.trace.graph_to(last)).size == (5, 5)


def squeezed(run, y):
    pooled = run("GlobalAveragePool", y, made=(1, 8, 1, 1), name="pool")
    return run("Sigmoid", pooled, made=(1, 8, 1, 1), name="gate")


@pytest.mark.parametrize("gates", [True, False])
def test_branches_that_read_the_whole_map(gates):
    run = Line(gates=gates)
    y = run("Conv", run.x, W)
    scaled = run("Mul", y, squeezed(run, y), made=(1, 8, 14, 10))
    net = run.network(scaled)
    assert em.receptive_field(net).is_everything is gates
    if not gates:
        assert em.receptive_field(net).size == (3, 3)
    assert scaled.whole == ({0, 1} if gates else set())
    alone = run.network(run.trace.made[-2])
    assert em.receptive_field(alone).is_everything


@pytest.mark.parametrize("gates", [True, False])
def test_statistics_of_the_whole_map(gates):
    run = Line(gates=gates)
    y = run("InstanceNormalization", run("Conv", run.x, W), numbers(*[1.0] * 8), numbers(*[0.0] * 8))
    assert em.receptive_field(run.network(y)).is_everything is gates
    if gates:
        assert "Normalization('InstanceNorm')" in repr(run.network(y))
    assert y.whole == ({0, 1} if gates else set())
    other = Line(gates=gates)
    one = other("LpNormalization", other.x, axis=2)
    assert em.receptive_field(other.network(one)).size == ((float("inf"), 1) if gates else 1)
    own = Line(gates=gates, weights="given")
    y = own("InstanceNormalization", own("Conv", own.x, W), numbers(*[1.0] * 8), numbers(*[0.0] * 8))
    if gates:
        with pytest.raises(ValueError, match="takes statistics of the whole map; leave them out with"):
            own.network(y)
    else:
        assert em.receptive_field(own.network(y)).size == (3, 3)


@pytest.mark.parametrize(
    ("title", "called"),
    [
        ("InstanceNormalization", "InstanceNorm"),
        ("LRN", "LRN"),
        ("aten.native_group_norm", "GroupNorm"),
        ("aten.layer_norm", "LayerNorm"),
        ("Softmax", "Softmax"),
        ("aten.softmax", "Softmax"),
    ],
)
def test_names_of_normalisations(title, called):
    assert _called(title) == called


@pytest.mark.parametrize(
    ("space", "rank", "expected"),
    [
        (None, 4, (2, 3)),
        (None, 3, (2,)),
        (None, 2, (1,)),
        (None, 1, (0,)),
        (1, 3, (1,)),
        (-1, 3, (2,)),
        ((1, 2), 4, (1, 2)),
        ([-1, 0], 4, (3, 0)),
        (np.int64(2), 3, (2,)),
        (0, 1, (0,)),
    ],
)
def test_axes_that_are_spatial(space, rank, expected):
    assert spatial_axes(space, rank) == expected


@pytest.mark.parametrize("space", [(), (4,), (-5,), ("a",), (1.5,), 4])
def test_axes_that_are_none(space):
    with pytest.raises(ValueError, match="space must be axes of the input, which has 4, got"):
        spatial_axes(space, 4)
    with pytest.raises(ValueError, match="space must be different axes"):
        spatial_axes((1, -3), 4)


def test_arguments_of_a_trace():
    with pytest.raises(TypeError, match="rules must be a dict of networks by the names of operators, got"):
        Line(rules=[("Relu", em.Identity())])
    with pytest.raises(ValueError, match="rates count for weights='given' or 'energy' only"):
        Line(rates=0.5)
    with pytest.raises(ValueError, match="weights must be one of"):
        Line(weights="own")
    assert Line(rates=0.5, weights="energy").trace.rates.default == 0.5
    assert Line().trace.weights == "uniform"
    assert Trace((1, 2, 3), None, None, True).weights == "uniform"
    trace = Trace((5, 7, 3), (1, 0), None, True)
    assert trace.ndim == 2
    assert trace.input == Tensor("input", (5, 7, 3), plain((5, 7, 3), (1, 0)), (7, 5), "input")
    assert (trace.input.name, trace.input.title, trace.made, trace.ran) == (
        "input",
        "input",
        [trace.input],
        [],
    )
    assert (trace.stretches, trace.adapts) == (None, None)


def test_rules_of_ones_own():
    rules = {
        "My.node": em.Conv((5, 5)),
        "My.function": lambda op: em.Conv((7, 7), stride=op.ndim),
        "My.placed": lambda op: Placed(em.Pool((2, 2)), [(op.tensors[0], 1)], None),
        "My.nothing": lambda op: 3,
        "Relu": em.Conv((3, 3)),
    }
    run = Line(rules=rules)
    for title, net in (
        ("My.node", em.Conv((5, 5))),
        ("My.function", em.Conv((7, 7), stride=2)),
        ("Relu", em.Conv((3, 3))),
    ):
        made = run(title, run.x)
        assert run.network(made) == net
        assert made.layout is not None
    assert run("My.placed", run.x).layout is None
    both = run("My.node", run("Conv", run.x, W), run.x)
    assert em.receptive_field(run.network(both)).size == (7, 7)
    with pytest.raises(
        TypeError, match=r"rules\['My.nothing'\] must be a network such as Identity\(\), got 3"
    ):
        run("My.nothing", run.x)
    with pytest.raises(ValueError, match=r"Mine 'mine' is not a known operator"):
        run("Mine", run.x)
    pooled = run("My.placed", run.x)
    assert run("My.node", pooled).layout is None  # behind positions nothing has any


def test_behind_positions_anything_goes():
    run = Line()
    flat = run("My.own", run("GlobalAveragePool", run.x, made=(1, 4, 1, 1)), made=(1, 4))
    assert flat.layout == ((), (Run(None, 1, 4),))
    assert flat.sides == (1, 1)
    assert em.receptive_field(run.network(flat)).is_everything


def test_weights_that_are_not_known_are_refused_where_they_are_needed():
    run = Line(weights="given")
    y = run("Conv", run.x, W)
    curved = run("Exp", y)
    assert em.receptive_field(run.network(y)).size == (3, 3)
    with pytest.raises(ValueError, match="Exp 'exp' has a slope that depends on its input"):
        run.network(curved)
    with pytest.raises(ValueError, match="Exp 'exp' has a slope"):
        run.network(run("Relu", curved))
    pooled = run("GlobalAveragePool", y, made=(1, 8, 1, 1), name="pool")
    with pytest.raises(ValueError, match=r"weights='given' needs an output with positions, 'pool.* has none"):
        run.network(run("Flatten", pooled, made=(1, 8), name="flat"))


def test_the_last_map_before_an_output_without_positions():
    run = Line()
    y = run("Conv", run.x, W, name="map")
    pooled = run("GlobalAveragePool", y, made=(1, 8, 1, 1), name="pool")
    logits = run("Flatten", pooled, made=(1, 8), name="logits")
    net = run.trace.finished(logits, True)
    assert net == em.Conv((3, 3), channels=8)
    assert (run.trace.output.title, run.trace.read.title) == ("logits", "map")
    assert em.receptive_field(run.trace.whole()).is_everything
    own = run.trace.finished(logits, False)
    assert em.receptive_field(own).is_everything
    assert run.trace.read.title == "logits"
    assert run.trace.finished(y, True) == net
    assert run.trace.read.title == "map"


def test_an_output_that_holds_blocks_reads_them():
    line = Line((1, 4, 6, 8))
    blocks = line("Reshape", line.x, numbers(1, 4, 6, 4, 2), made=(1, 4, 6, 4, 2))
    assert em.receptive_field(line.trace.finished(blocks, False)).size == (1, 2)
    assert line.trace.read.sides == (6, 4)
    assert line.trace.read.axes == ((), (), (0,), (1,), ())
    assert line.trace.output is blocks
    turned = line("Transpose", blocks, perm=[0, 1, 4, 2, 3], made=(1, 4, 2, 6, 4))
    deep = line("Reshape", turned, numbers(1, 8, 6, 4), made=(1, 8, 6, 4))
    found = em.receptive_field(line.trace.finished(deep, False))
    assert (found.size, found.stride) == ((1, 2), (1, 2))
    shuffled = line("Reshape", line.x, numbers(1, 2, 2, 6, 8), made=(1, 2, 2, 6, 8))
    ahead = line("Transpose", shuffled, perm=[0, 1, 3, 4, 2], made=(1, 2, 6, 8, 2))
    fine = line("Reshape", ahead, numbers(1, 2, 6, 16), made=(1, 2, 6, 16))
    assert em.output_size(line.trace.finished(fine, False), (6, 8)) == (6, 16)
    assert line.trace.read.sides == (6, 16)


def test_what_reads_by_size_is_named_first():
    run = Line()
    pair = {"opset": 13, "coordinate_transformation_mode": "align_corners", "mode": "linear"}
    y = run("Resize", run.x, None, numbers(1.0, 1.0, 2.0, 2.0), name="one", **pair)
    run("Resize", y, None, numbers(1.0, 1.0, 2.0, 2.0), name="two", **pair)
    assert run.trace.stretches == "one"
    assert Line().trace.stretches is None
    plain_run = Line()
    plain_run("Resize", plain_run.x, None, numbers(1.0, 1.0, 2.0, 2.0), opset=13)
    assert plain_run.trace.stretches is None
    pooled = Line()
    for name, size in (("a", [1, 1]), ("b", [None, 1]), ("c", [4, 4]), ("d", [2, 2])):
        op = Operator(
            "adaptive_pool", "P", name, (pooled.x,), {"size": size, "mode": "average"}, (name,), ndim=2
        )
        pooled.trace.run(op)
    assert pooled.trace.adapts == "c"


def test_energies_are_a_network_of_their_own():
    run = Line((1, 1, 9), weights="energy")
    y = run("Conv", run.x, Constant((1, 1, 3), lambda: np.array([[[1.0, 2.0, 3.0]]])))
    net = run.trace.finished(y, False)
    assert em.variance(net) == net
    np.testing.assert_allclose(em.distribution(net).probabilities(), np.array([1, 4, 9]) / 14)
