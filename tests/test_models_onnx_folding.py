"""Shapes and constants of ONNX files: folded as onnx's evaluator computes them, told where they cannot be."""

import numpy as np
import pytest
from hypothesis import given, strategies as st

import erfmath as em

onnx = pytest.importorskip("onnx", minversion="1.19", reason="the evaluator of onnx is the oracle")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from onnx.reference import ReferenceEvaluator  # noqa: E402
from oracles_onnx import NEWEST, Plain, noise, of_array  # noqa: E402

from erfmath.models.ir import Constant  # noqa: E402
from erfmath.models.onnx import constants, graph as graphs  # noqa: E402
from erfmath.models.onnx.folding import Folding  # noqa: E402
from erfmath.models.onnx.shapes import MisfitError, kind_of, made_types, sides, spelled, type_of  # noqa: E402

FLOAT, INT = TensorProto.FLOAT, TensorProto.INT64


def node(kind, inputs, outputs, **own):
    names = [name.strip() for name in inputs.split(",")] if inputs else []
    return helper.make_node(kind, names, outputs.split(), **own)


def folded(nodes, live=None, version=NEWEST, **values):
    """The walk over nodes whose input "x" has a value, or is told by its shape."""
    live = {"x": noise(1, 4, 6, 8)} if live is None else live
    return Plain(nodes, live, {name: np.asarray(value) for name, value in values.items()}, version)


# What is computed from shapes.

SHAPES = {
    "shape": ([node("Shape", "x", "y")], {}),
    "from": ([node("Shape", "x", "y", start=1)], {}),
    "to": ([node("Shape", "x", "y", end=3)], {}),
    "between": ([node("Shape", "x", "y", start=-3, end=-1)], {}),
    "size": ([node("Size", "x", "y")], {}),
    "arithmetic": (
        [node("Shape", "x", "s"), node("Mul", "s, two", "d"), node("Sub", "d, one", "y")],
        {"two": np.array(2), "one": np.array(1)},
    ),
    "gather": (
        [
            node("Shape", "x", "s"),
            node("Gather", "s, i", "g"),
            node("Unsqueeze", "g, zero", "u"),
            node("Concat", "u, u", "y", axis=0),
        ],
        {"i": np.array(2), "zero": np.array([0])},
    ),
    "of what is made": (
        [node("MaxPool", "x", "p", kernel_shape=[2, 2], strides=[2, 2]), node("Shape", "p", "y")],
        {},
    ),
    "floats": (
        [
            node("Shape", "x", "s"),
            node("Cast", "s", "f", to=FLOAT),
            node("Mul", "f, half", "h"),
            node("Floor", "h", "r"),
            node("Cast", "r", "y", to=INT),
        ],
        {"half": np.float32(0.3)},
    ),
    "range": (
        [node("Size", "x", "n"), node("Range", "zero, n, step", "y")],
        {"zero": np.array(0), "step": np.array(50)},
    ),
    "constants": (
        [
            node("Constant", "", "c", value=numpy_helper.from_array(np.array([3, 4]))),
            node("Shape", "x", "s"),
            node("Slice", "s, c0, c1", "t"),
            node("Add", "t, c", "y"),
        ],
        {"c0": np.array([2]), "c1": np.array([4])},
    ),
    "choice": (
        [node("Shape", "x", "s"), node("Greater", "s, five", "b"), node("Where", "b, s, five", "y")],
        {"five": np.array(5)},
    ),
    "not zero": (
        [node("Shape", "x", "s"), node("Greater", "s, five", "b"), node("NonZero", "b", "y")],
        {"five": np.array(5)},
    ),
    "two outputs": (
        [node("Shape", "x", "s"), node("Split", "s, parts", "a y", axis=0)],
        {"parts": np.array([1, 3])},
    ),
}


@pytest.mark.parametrize("name", SHAPES)
def test_what_is_computed_from_shapes_is_known(name):
    nodes, values = SHAPES[name]
    x = noise(1, 4, 6, 8)
    inputs = [helper.make_tensor_value_info("x", FLOAT, x.shape)]
    graph = helper.make_graph(
        nodes,
        "g",
        inputs,
        [helper.make_tensor_value_info("y", INT, None)],
        [numpy_helper.from_array(np.asarray(v), k) for k, v in values.items()],
    )
    made = helper.make_model(graph, opset_imports=[helper.make_opsetid("", NEWEST)])
    expected = ReferenceEvaluator(made).run(None, {"x": x})[0]
    found = folded(nodes, {"x": x}, **values)
    assert "y" not in found.folding.live
    np.testing.assert_array_equal(found.folding.value("y"), expected)
    assert found.folding.value("y").dtype == expected.dtype
    assert found.folding.shape("y") == expected.shape
    assert found.folding.is_measured


def walk_of(nodes, types, values=None, live=("x",)):
    values = values or {}
    known = {name: of_array(value) for name, value in values.items()}
    folding = Folding({}, None, {"": NEWEST}, {**types, **known}, live, values)
    return folding, list(folding.walk(nodes))


def test_shapes_that_are_open_stay_so():
    def walked(shape, *nodes):
        folding = Folding({}, None, {"": NEWEST}, {"x": type_of(FLOAT, shape)}, ["x"], {})
        list(folding.walk(nodes))
        return folding

    shape, size = node("Shape", "x", "y"), node("Size", "x", "z")
    found = walked((1, None, 8), shape, size)
    assert (found.value("y"), found.shape("y")) == (None, (3,))
    assert (found.value("z"), found.shape("z")) == (None, ())
    found = walked(None, shape, size)
    assert (found.value("y"), found.constants["y"].shape, found.constants["z"].shape) == (None, None, ())
    assert not found.is_measured
    found = walked((1, None, 8), node("Shape", "x", "y", start=2))
    np.testing.assert_array_equal(found.value("y"), [8])
    assert found.is_measured
    with pytest.raises(ValueError, match="Size 'z' has attributes or operands that it cannot have"):
        walked((2**40, 2**30), size)  # no number of the type that it has
    assert walked((2**31, 2**30), size).value("z") == 2**61
    # A shape that is learned stays where it was known, and replaces open sides.
    found.learn("x", (1, 4, 8))
    assert found.shape("x") == (1, 4, 8)
    found.learn("x", (2, 5, 9))
    assert found.shape("x") == (1, 4, 8)
    found.learn("x", None)
    assert found.shape("x") == (1, 4, 8)
    found.types["k"] = type_of(INT, None)
    found.learn("k", (3,))
    assert (found.shape("k"), kind_of(found.types["k"])) == ((3,), INT)
    assert found.shape("nothing") is None
    assert found.value("nothing") is None


def test_sizes_of_what_does_not_depend_on_the_input_are_no_measure_of_it():
    found = folded([node("Shape", "c", "y"), node("Relu", "x", "z")], c=noise(2, 3))
    np.testing.assert_array_equal(found.folding.value("y"), [2, 3])
    assert not found.folding.is_measured


def test_random_numbers_have_a_shape_and_no_value():
    nodes = [
        node("RandomNormalLike", "x", "a"),
        node("EyeLike", "m", "e"),
        node("Add", "x, a", "y"),
        node("RandomNormal", "", "r", shape=[2, 3]),
    ]
    folding = Folding(
        {}, None, {"": NEWEST}, {"x": type_of(FLOAT, (1, 4)), "m": type_of(FLOAT, (3, 3))}, ["x", "m"], {}
    )
    assert [made.op_type for made in folding.walk(nodes)] == ["Add"]
    assert {"a", "e", "r"}.isdisjoint(folding.live)
    assert [folding.shape(name) for name in ("a", "e", "r")] == [(1, 4), (3, 3), (2, 3)]
    assert [folding.value(name) for name in ("a", "e", "r")] == [None, None, None]


# Constants.


def counted(monkeypatch):
    """Lists that tell which nodes are computed."""
    seen = []
    plain = constants.Made._computed
    monkeypatch.setattr(
        constants.Made,
        "_computed",
        lambda self, given: (seen.append(self.node.op_type), plain(self, given))[1],
    )
    return seen


def test_large_constants_are_computed_when_they_are_asked_for(monkeypatch):
    seen = counted(monkeypatch)
    large, small = np.ones(4097, np.float32), np.ones(4096, np.float32)
    nodes = [
        node("Neg", "large", "a"),
        node("Abs", "small", "b"),
        node("Tile", "one, many", "c"),
        node("ConstantOfShape", "few", "d"),
        node("Add", "x, x", "y"),
    ]
    found = folded(
        nodes, large=large, small=small, one=np.ones(1, np.float32), many=np.array([4097]), few=np.array([3])
    )
    assert seen == ["Abs"]
    np.testing.assert_array_equal(found.folding.value("a"), -large)
    np.testing.assert_array_equal(found.folding.value("c"), large)
    np.testing.assert_array_equal(found.folding.value("d"), [0, 0, 0])
    assert found.folding.shape("d") == (3,)
    found.folding.value("a")
    assert seen == ["Abs", "Neg", "Tile", "ConstantOfShape"]  # and once


def test_data_dependent_shapes_are_found():
    x = np.array([3, 1, 3, 0, 1])
    found = folded(
        [node("Unique", "c", "u", sorted=1), node("NonZero", "c", "n"), node("Compress", "c, b", "k")],
        c=x,
        b=np.array([True, False, True, True, False]),
    )
    np.testing.assert_array_equal(found.folding.value("u"), [0, 1, 3])
    np.testing.assert_array_equal(found.folding.value("n"), [[0, 1, 2, 4]])
    np.testing.assert_array_equal(found.folding.value("k"), [3, 3, 0])
    assert [found.folding.shape(name) for name in "unk"] == [(3,), (1, 4), (3,)]


def test_what_cannot_be_computed_is_unknown():
    nodes = [
        node("Bernoulli", "c", "a"),
        node("Odd", "c", "b", domain="own"),
        node("Neg", "o", "d"),
        node("Sqrt", "minus", "f"),
    ]
    types = {"x": type_of(FLOAT, (1, 4)), "o": type_of(FLOAT, (5,))}
    values = {"c": noise(6), "minus": -np.ones(2, np.float32)}
    folding, _ = walk_of(nodes, types, values)
    assert folding.open == ["o"]
    assert [folding.value(name) for name in ("a", "b", "d")] == [None] * 3
    assert (folding.shape("a"), folding.shape("b"), folding.shape("d")) == ((6,), None, (5,))
    assert np.isnan(folding.value("f")).all()


def test_operators_with_graphs_are_not_computed():
    body = helper.make_graph(
        [node("Neg", "e", "n")],
        "b",
        [helper.make_tensor_value_info("e", FLOAT, None)],
        [helper.make_tensor_value_info("n", FLOAT, None)],
    )
    made = constants.Made(
        helper.make_node("SequenceMap", ["c"], ["y"], body=body),
        [constants.of_value(noise(2))],
        {"y": (2,)},
        {"": 17},
    )
    assert made.values == {}


def test_old_operators_whose_axes_were_attributes():
    for version in (9, 12):
        found = folded(
            [
                node("Unsqueeze", "c", "a", axes=[0, 2]),
                node("Squeeze", "d", "b", axes=[1]),
                node("Squeeze", "d", "e"),
            ],
            version=version,
            c=noise(3),
            d=noise(1, 1, 3),
        )
        np.testing.assert_array_equal(found.folding.value("a"), noise(3)[None, :, None])
        np.testing.assert_array_equal(found.folding.value("b"), noise(1, 1, 3)[:, 0])
        np.testing.assert_array_equal(found.folding.value("e"), noise(1, 1, 3)[0, 0])


def test_constants_of_other_kinds():
    assert constants._plain(None) is None
    for value in ([1], (1,), {1: 2}):
        assert constants._plain(value) is None
    assert constants._plain(3).dtype.kind == "i"
    assert constants._plain(np.array([True])).dtype == bool
    odd = helper.make_tensor("c", TensorProto.BFLOAT16, [2], [1.0, 2.5])
    found = Folding({"c": odd}, None, {"": NEWEST}, {"x": type_of(FLOAT, (1,))}, ["x"], {})
    list(found.walk([node("Identity", "c", "y"), node("Cast", "c", "z", to=TensorProto.BFLOAT16)]))
    np.testing.assert_array_equal(found.value("y"), [1, 2.5])
    assert found.value("z").dtype == np.float32
    np.testing.assert_array_equal(found.value("z"), [1, 2.5])


def test_counts_of_elements():
    assert [constants.count_of(shape) for shape in ((), (2, 3), (2, 0), (2, None), None)] == [
        1,
        6,
        0,
        None,
        None,
    ]
    assert [constants.is_small(shape) for shape in ((), (4096,), (4097,), (2, None), None)] == [
        True,
        True,
        False,
        False,
        False,
    ]
    made = constants.of_value([1, 2])
    assert made.shape == (2,)
    np.testing.assert_array_equal(made.load(), [1, 2])
    assert constants.of_value(3.0).shape == ()


def test_room_for_constants_is_asked_for(monkeypatch):
    asked = []
    monkeypatch.setattr(constants, "check_memory", lambda *words: asked.append(words))
    found = folded(
        [node("Tile", "one, many", "c", name="wide")], one=np.ones(2, np.float32), many=np.array([5000])
    )
    assert asked == []
    found.folding.value("c")
    assert asked == [(16 * 10**4 + 2 * (8 + 8), "the constant 'wide' of the model", "free memory first")]
    asked.clear()
    folded([node("NonZero", "c", "y")], c=np.ones(4, np.int64))
    assert asked == [(2 * 32, "the constant 'y' of the model", "free memory first")]
    monkeypatch.undo()
    huge = folded([node("ConstantOfShape", "s", "c", name="huge")], s=np.array([2**25, 2**25]))
    with pytest.raises(ValueError, match=r"^the constant 'huge' of the model needs .*; free memory first"):
        huge.folding.value("c")


def test_values_of_other_inputs():
    types = {"x": type_of(FLOAT, (1, 4)), "n": type_of(INT, ()), "o": type_of(FLOAT, (2, None))}
    folding = Folding({}, None, {"": NEWEST}, types, ["x"], {"n": np.array(3)})
    assert folding.open == ["o"]
    assert (folding.value("n"), folding.value("o"), folding.shape("o")) == (3, None, (2, None))
    assert folding.constants["o"].shape == (2, None)
    list(folding.walk([node("Add", "n, n", "y")]))
    assert folding.value("y") == 6


def test_a_tensor_that_nothing_makes():
    with pytest.raises(
        ValueError, match=r"^Relu 'y' reads the tensor 'z', which nothing makes; the file is damaged"
    ):
        folded([node("Relu", "z", "y")])
    folded([node("Clip", "x, , top", "y")], top=np.float32(1))  # an operand that is left out is none


# Shapes that do not go together.


@pytest.mark.parametrize(
    ("nodes", "problem"),
    [
        ([node("Conv", "x, v", "y", name="conv")], "Conv 'conv'"),
        ([node("Reshape", "x, five", "y")], "Reshape 'y'"),
        ([node("Add", "x, w", "y")], "Add 'y'"),
        ([node("Concat", "x, w", "y", axis=0)], "Concat 'y'"),
    ],
)
def test_shapes_that_do_not_go_together_are_told(nodes, problem):
    values = {"w": noise(3, 5, 3, 3), "v": noise(3, 4, 9, 3), "five": np.array([5, 5])}
    found, _ = walk_of(nodes, {"x": type_of(FLOAT, (1, 4, 6, 8))}, values)
    assert [title for title, _ in found.misfits] == [problem]
    assert found.misfits[0][1]
    assert "\n" not in found.misfits[0][1]
    assert "ShapeInferenceError" not in found.misfits[0][1]


def types_of(**shapes):
    return {name: type_of(FLOAT, shape) for name, shape in shapes.items()}


def inferred(made, values=None, version=NEWEST, domain="", **shapes):
    known = {name: of_array(value) for name, value in (values or {}).items()}
    found = made_types(made, types_of(**shapes) | known, values or {}, {domain: version})
    return {name: sides(entry) for name, entry in found.items()}


def test_a_reshape_keeps_the_number_of_elements():
    made = node("Reshape", "x, s", "y")
    for shape, target in (((2, 6), (3, 4)), ((2, 6), (12,)), ((1, 1), ())):
        assert inferred(made, {"s": np.array(target, dtype=np.int64)}, x=shape, s=(len(target),)) == {
            "y": target
        }
    with pytest.raises(MisfitError, match=r"^it reshapes 2x6 to 5x5$"):
        inferred(made, {"s": np.array([5, 5])}, x=(2, 6), s=(2,))
    assert inferred(made, {"s": np.array([5, 5])}, x=(None, 6), s=(2,)) == {"y": (5, 5)}
    assert inferred(made, {"s": np.array([5, 5])}, x=None, s=(2,)) == {"y": (5, 5)}


def test_tensors_without_samples_are_told():
    made = node("Conv", "x, w", "y")
    with pytest.raises(MisfitError, match=r"^it makes a tensor of the shape 1x4x-\d+x6$"):
        inferred(made, x=(1, 4, 3, 8), w=(4, 4, 9, 3))
    assert inferred(made, x=(1, 4, 8, 8), w=(4, 4, 3, 3)) == {"y": (1, 4, 6, 6)}


def test_what_onnx_does_not_infer():
    """Shapes of operators that keep that of their first operand, where their schema is of a later version."""
    for kind in (
        "GroupNormalization",
        "Gelu",
        "Mish",
        "Swish",
        "RotaryEmbedding",
        "SimplifiedLayerNormalization",
    ):
        assert inferred(node(kind, "x, s", "y"), version=9, x=(1, 4, 5), s=(4,)) == {"y": (1, 4, 5)}
    assert inferred(node("Odd", "x", "y"), version=9, x=(1, 4, 5)) == {}
    assert inferred(node("Odd", "x", "y", domain="own"), domain="own", x=(1, 4, 5)) == {}
    assert inferred(node("Gelu", "z", "y"), version=9, x=(1, 4, 5)) == {}
    assert inferred(helper.make_node("Gelu", [], ["y"]), version=9) == {}
    assert inferred(node("Relu", "x", "y", domain="own"), domain="own", x=(1, 4, 5)) == {}
    relu = helper.make_node("Relu", ["x"], ["y"], domain="ai.onnx")
    assert inferred(relu, x=(1, 4, 5)) == {"y": (1, 4, 5)}
    found = made_types(
        node("Relu", "x", "y"), {"x": type_of(TensorProto.DOUBLE, (3,))}, {}, {}
    )  # of no version
    assert kind_of(found["y"]) == TensorProto.DOUBLE


def test_integers_of_quantised_operators_meet_floats():
    """Conv has no integers: where operators were written out, the shape is that of floats."""
    types = {"x": type_of(TensorProto.UINT8, (1, 4, 8, 8)), "w": type_of(FLOAT, (6, 4, 3, 3))}
    found = made_types(node("Conv", "x, w", "y"), types, {}, {"": NEWEST})
    assert sides(found["y"]) == (1, 6, 6, 6)
    shape = np.array([2, 128])
    types = {"x": type_of(TensorProto.UINT8, (1, 4, 8, 8)), "s": of_array(shape)}
    assert sides(made_types(node("Reshape", "x, s", "y"), types, {"s": shape}, {"": NEWEST})["y"]) == (2, 128)


def test_transposed_convolutions_of_a_given_size():
    made = node("ConvTranspose", "x, w", "y", output_shape=[7, 9], strides=[2, 2], group=2)
    assert inferred(made, x=(3, 4, 8, 8), w=(4, 5, 3, 3)) == {"y": (3, 10, 7, 9)}
    plain = node("ConvTranspose", "x, w", "y", strides=[2, 2])
    assert inferred(plain, x=(3, 4, 8, 8), w=(4, 10, 3, 3)) == {"y": (3, 10, 17, 17)}
    assert inferred(made, x=(3, 4, 8, 8), w=(4, None, 3, 3))["y"] in ((3, None, 7, 9),)
    from erfmath.models.onnx.shapes import _deconvolved

    for x, w in ((None, (4, 5, 3, 3)), ((3, 4, 8, 8), None), ((3, 4), (4, 5)), ((3, 4, 8), (4, 5, 3, 3))):
        assert _deconvolved(made, types_of(x=x, w=w)) == {}
    assert _deconvolved(made, types_of(x=(3, 4, 8, 8))) == {}
    assert _deconvolved(plain, types_of(x=(3, 4, 8, 8), w=(4, 10, 3, 3))) == {}
    half = {"x": type_of(TensorProto.DOUBLE, (3, 4, 8, 8)), "w": type_of(FLOAT, (4, 5, 3, 3))}
    assert kind_of(_deconvolved(made, half)["y"]) == TensorProto.DOUBLE


def test_types_of_tensors():
    assert kind_of(type_of(INT, (1,))) == INT
    assert kind_of(type_of(0, (1,))) == FLOAT
    assert kind_of(None) == 1
    assert kind_of(onnx.TypeProto()) == 1
    assert sides(type_of(FLOAT, ("n", None, 3, 0))) == (None, None, 3, 0)
    assert sides(type_of(FLOAT, None)) is None
    assert sides(type_of(FLOAT, ())) == ()
    assert sides(None) is None
    assert [spelled(shape) for shape in (None, (), (1, None, "n"))] == ["unknown", "a single number", "1x?xn"]


@given(
    st.lists(
        st.sampled_from(
            ["Relu", "Conv", "MaxPool", "Transpose", "Flatten", "Unsqueeze", "Concat", "Pad", "Slice"]
        ),
        max_size=5,
    )
)
def test_shapes_are_those_of_values(kinds):
    """Of random chains, whose plain nodes are run: `Plain` compares each shape."""
    own = {
        "Conv": {"pads": [1, 0, 1, 1]},
        "MaxPool": {"kernel_shape": [2, 1]},
        "Transpose": {"perm": [0, 1, 3, 2]},
        "Concat": {"axis": 3},
    }
    operands = {
        "Conv": "{0}, w",
        "Concat": "{0}, {0}",
        "Pad": "{0}, p",
        "Slice": "{0}, one, nine, last",
        "Unsqueeze": "{0}, zero",
    }
    values = {
        "w": noise(4, 4, 3, 2),
        "p": np.array([0, 0, 0, 1, 0, 0, 1, 0]),
        "one": np.array([1]),
        "nine": np.array([9]),
        "last": np.array([3]),
        "zero": np.array([0]),
    }
    if "Flatten" in kinds or "Unsqueeze" in kinds:  # whose result is no map: they come last
        last = min(kinds.index(kind) for kind in ("Flatten", "Unsqueeze") if kind in kinds)
        kinds = kinds[: last + 1]
    names = ["x", *(f"t{i}" for i in range(len(kinds)))]
    nodes = [
        node(kind, operands.get(kind, "{0}").format(names[i]), names[i + 1], **own.get(kind, {}))
        for i, kind in enumerate(kinds)
    ]
    found = folded(nodes, {"x": noise(1, 4, 9, 9)}, **values)
    assert found.folding.shape(names[-1]) == found.value(names[-1]).shape
    assert found.folding.misfits == []


# Graphs.


def test_functions_of_a_file_are_written_out():
    def function(name, *nodes, inputs=("a",), outputs=("b",)):
        return helper.make_function(
            "own", name, inputs, outputs, nodes, [helper.make_opsetid("", 18), helper.make_opsetid("own", 1)]
        )

    def model(*functions, kinds=("Twice",)):
        names = ["x", *(f"t{i}" for i in range(len(kinds) - 1)), "y"]
        nodes = [
            helper.make_node(kind, [a], [b], domain="own")
            for kind, a, b in zip(kinds, names, names[1:], strict=False)
        ]
        ends = [helper.make_tensor_value_info(end, FLOAT, (1, 4, 16, 16)) for end in ("x", "y")]
        opsets = [helper.make_opsetid("", 18), helper.make_opsetid("own", 1)]
        return helper.make_model(
            helper.make_graph(nodes, "g", ends[:1], ends[1:]), opset_imports=opsets, functions=functions
        )

    pool = {"kernel_shape": [3, 3], "pads": [1, 1, 1, 1]}
    once = function("Once", node("MaxPool", "a", "b", **pool))
    twice = function(
        "Twice",
        helper.make_node("Once", ["a"], ["m"], domain="own"),
        helper.make_node("Once", ["m"], ["b"], domain="own"),
    )
    found = em.from_onnx(model(once, twice, kinds=("Twice", "Once")))
    assert em.receptive_field(found).size == (7, 7)
    plain = model(kinds=())
    assert graphs.flat(plain) is plain
    ring = function("Twice", helper.make_node("Once", ["a"], ["b"], domain="own"))
    other = function("Once", helper.make_node("Twice", ["a"], ["b"], domain="own"))
    with pytest.raises(ValueError, match="the model's function 'Twice' calls itself; the file is damaged"):
        em.from_onnx(model(ring, other))
    chain = [function(f"F{i}", helper.make_node(f"F{i + 1}", ["a"], ["b"], domain="own")) for i in range(100)]
    last = function("F100", node("Relu", "a", "b"))
    with pytest.raises(ValueError, match="the model's functions call one another more than 100 deep"):
        em.from_onnx(model(*chain, last, kinds=("F0",)))
    assert graphs._Sizes([*chain[1:], last]).of(helper.make_node("F1", ["a"], ["b"], domain="own")) == 1
    # Each doubles the nodes of the one before: 2^20 are too many, which is told before they are written.
    doubling = [
        function(f"F{i}", *(helper.make_node(f"F{i + 1}", ["a"], ["b"], domain="own") for _ in range(2)))
        for i in range(20)
    ]
    end = function("F20", node("Relu", "a", "b"))
    with pytest.raises(
        ValueError,
        match="the model has 1048576 nodes once its functions are written out, and at most 1000000",
    ):
        em.from_onnx(model(*doubling, end, kinds=("F0",)))
    sizes = graphs._Sizes([once, twice])
    call = helper.make_node("Twice", ["a"], ["b"], domain="own")
    assert sizes.of(call) == 2
    body = helper.make_graph([call, node("Relu", "b", "c"), call], "b", [], [])
    assert sizes.of(helper.make_node("If", ["c"], ["y"], then_branch=body, else_branch=body)) == 1 + 2 * 5


def test_nodes_come_after_what_they_read():
    a, b, c = (
        node("Relu", "x", "a", name="A"),
        node("Relu", "a", "b", name="B"),
        node("Add", "a, b", "c", name="C"),
    )
    for order in ([a, b, c], [c, b, a], [b, c, a], [b, a, c]):
        assert graphs.ordered(order) == [a, b, c]
    other = node("Relu", "x", "d", name="D")
    assert graphs.ordered([other, c, a, b]) == [other, a, b, c]  # else in their own order
    assert graphs.ordered([c, other, b, a]) == [other, a, b, c]
    with pytest.raises(ValueError, match="the model makes the tensor 'a' twice; the file is damaged"):
        graphs.ordered([a, node("Neg", "x", "a")])
    ring = [node("Add", "x, c", "a", name="A"), b, node("Relu", "b", "c", name="C")]
    with pytest.raises(
        ValueError, match="the model's nodes 'A', 'B', 'C' read one another in a ring; the file is damaged"
    ):
        graphs.ordered(ring)
    with pytest.raises(ValueError, match="nodes 'A', 'B', 'C' read one another"):
        graphs.ordered([*ring, node("Relu", "c", "e", name="E"), other])
    own = node("Relu", "a", "a", name="A")
    with pytest.raises(ValueError, match="nodes 'A' read one another"):
        graphs.ordered([own])
    # What a branch reads counts.
    branch = helper.make_graph(
        [node("Neg", "b", "q"), node("Add", "q, k", "r")],
        "b",
        [],
        [helper.make_tensor_value_info("r", FLOAT, None)],
        [numpy_helper.from_array(noise(1), "k")],
    )
    choice = helper.make_node("If", ["s"], ["y"], name="I", then_branch=branch, else_branch=branch)
    assert list(graphs.reads(choice)) == ["s", "b", "b"]
    assert graphs.ordered([choice, b, a]) == [a, b, choice]
    passing = helper.make_graph(
        [],
        "b",
        [helper.make_tensor_value_info("i", FLOAT, None)],
        [helper.make_tensor_value_info(name, FLOAT, None) for name in ("z", "i")],
    )
    assert list(graphs.captured(helper.make_node("Loop", [], ["y"], body=passing))) == ["z"]
    assert list(graphs.reads(node("Clip", "x, , t", "y"))) == ["x", "t"]


def test_words_of_nodes():
    made = helper.make_node("Op", ["x"], ["y"], name="n", alpha=0.5, mode="linear", axes=[1, 2], word=b"\xff")
    assert graphs.attributes(made) == {"alpha": 0.5, "mode": "linear", "axes": [1, 2], "word": "\ufffd"}
    assert (
        graphs.called(made),
        graphs.called(node("Op", "x", "y z")),
        graphs.called(helper.make_node("Op", [], [])),
    ) == ("n", "y", "")
    assert graphs.named(" a b\n c ") == {"a", "b", "c"}
    last = [
        helper.make_node("NhwcConv", [], []),
        helper.make_node("Conv", [], [], domain="com.ms.internal.nhwc"),
        helper.make_node("QLinearConv", [], [], domain="com.microsoft", channels_last=1),
    ]
    first = [
        helper.make_node("Conv", [], []),
        helper.make_node("Conv", [], [], domain="com.microsoft"),
        helper.make_node("Conv", [], [], channels_last=1),
        helper.make_node("Op", [], [], domain="com.microsoft", channels_last=0),
    ]
    assert all(map(graphs.takes_channels_last, last))
    assert not any(map(graphs.takes_channels_last, first))


def test_names_of_what_is_within():
    inner = helper.make_graph(
        [node("Neg", "a", "b", name="in"), node("Relu", "b", "k")],
        "b",
        [],
        [helper.make_tensor_value_info(name, FLOAT, None) for name in ("b", "a", "k")],
    )
    made = helper.make_node("If", ["c", ""], ["y", ""], name="choice", then_branch=inner)
    found = graphs.renamed(made, {"": "p/", "a": "A", "b": "B", "c": "C", "y": "Y"})
    assert (found.name, list(found.input), list(found.output)) == ("p/choice", ["C", ""], ["Y", ""])
    within = found.attribute[0].g
    assert [(entry.name, list(entry.input), list(entry.output)) for entry in within.node] == [
        ("in", ["A"], ["B"]),
        ("k", ["B"], ["k"]),
    ]
    assert [entry.name for entry in within.output] == ["B", "A", "k"]
    assert (made.name, list(made.input), made.attribute[0].g.node[0].input[0]) == ("choice", ["c", ""], "a")
    assert graphs.renamed(node("Relu", "x", "y"), {}).name == "y"


@pytest.mark.parametrize(
    "error",
    [KeyError("a"), TypeError("no\nmore"), AttributeError(""), ZeroDivisionError(), RuntimeError("x" * 200)],
)
def test_damage_is_named(error):
    with (
        pytest.raises(
            ValueError,
            match=r"^Relu 'y' has attributes or operands that it cannot have \(.+\); the file may be",
        ) as caught,
        graphs.as_damaged(node("Relu", "x", "y")),
    ):
        raise error
    assert "\n" not in str(caught.value)
    assert len(str(caught.value)) < 200
    assert caught.value.__cause__ is error
    reasons = {"a": "'a'", "no": "(no)", "": "(AttributeError)"}
    first = (str(error).splitlines() or [""])[0].strip("'")
    assert reasons.get(first, first[:80]) in str(caught.value) or isinstance(error, ZeroDivisionError)
    with pytest.raises(OSError, match="other"), graphs.as_damaged(node("Relu", "x", "y")):
        raise OSError("other")


def test_unknown_constants_have_no_value():
    folding = Folding({}, None, {"": NEWEST}, {"x": type_of(FLOAT, (1,))}, ["x"], {})
    folding.unknown("u", (2, 3))
    assert (folding.shape("u"), folding.value("u"), kind_of(folding.types["u"])) == ((2, 3), None, FLOAT)
    folding.give("g", np.array([1, 2]))
    assert (folding.shape("g"), kind_of(folding.types["g"])) == ((2,), INT)
    assert isinstance(folding.constants["g"], Constant)
