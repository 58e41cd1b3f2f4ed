"""Layers that ONNX files spell out, quantisations that rectify, and the weights that nodes hold."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", minversion="1.19", reason="the evaluator of onnx is the oracle")
from onnx import TensorProto, helper  # noqa: E402
from oracles_onnx import NEWEST, Plain, evaluated, noise, of_array  # noqa: E402

from erfmath.models.onnx.folding import Folding  # noqa: E402
from erfmath.models.onnx.held import Held, place_of  # noqa: E402
from erfmath.models.onnx.lowered import WAYS, lowered  # noqa: E402
from erfmath.models.onnx.patterns import may_be_spelled_out, patterns  # noqa: E402
from erfmath.models.onnx.shapes import type_of  # noqa: E402

X = noise(1, 4, 6)


def node(kind, inputs, outputs, **own):
    return helper.make_node(kind, inputs.split(), outputs.split(), **own)


def found_in(nodes, kept="y", version=NEWEST, **values):
    """What stands for nodes when they are run: nodes, None for those that go."""
    plain = Plain(nodes, {"x": X}, {name: np.asarray(value) for name, value in values.items()}, version)
    found = patterns(plain.nodes, plain.folding, kept)
    return [found.of(made) for made in plain.nodes], plain, found


def kinds(nodes):
    return [made.op_type for made in nodes if made is not None]


HALF, ONE, THREE, SIX, ROOT = (np.float32(v) for v in (0.5, 1, 3, 6, 2**0.5))
LAYERS = {
    "Swish": ([node("Sigmoid", "x", "s"), node("Mul", "x s", "y")], {}),
    "Gelu": (
        [
            node("Div", "x r", "a"),
            node("Erf", "a", "b"),
            node("Add", "b one", "c"),
            node("Mul", "x c", "d"),
            node("Mul", "d h", "y"),
        ],
        {"r": ROOT, "one": ONE, "h": HALF},
    ),
    "HardSwish": (
        [
            node("Add", "x three", "a"),
            node("Clip", "a zero six", "b"),
            node("Mul", "x b", "c"),
            node("Div", "c six", "y"),
        ],
        {"three": THREE, "zero": np.float32(0), "six": SIX},
    ),
    "Mish": ([node("Softplus", "x", "a"), node("Tanh", "a", "b"), node("Mul", "x b", "y")], {}),
}


@pytest.mark.parametrize("name", LAYERS)
def test_an_activation_in_several_operators_is_one(name):
    nodes, values = LAYERS[name]
    if name == "HardSwish":  # its ends are attributes, as before opset 11
        nodes = [nodes[0], node("HardSigmoid", "x", "b", alpha=1 / 6, beta=0.5), node("Mul", "x b", "y")][1:]
    run, plain, _ = found_in(nodes, **values)
    assert kinds(run) == [name]
    layer = run[-1]
    assert (list(layer.input), list(layer.output), layer.name, list(layer.attribute)) == (
        ["x"],
        ["y"],
        "y",
        [],
    )
    found = evaluated(layer, {"x": X}, 24 if name == "Swish" else NEWEST)[0]
    np.testing.assert_allclose(found, plain.value("y"), atol=1e-5)
    # With numbers of one entry, and under the name that the last node has.
    nodes[-1].name = "act"
    run, _, _ = found_in(nodes, **{key: np.reshape(value, (1, 1)) for key, value in values.items()})
    assert (kinds(run), run[-1].name) == ([name], "act")
    # What is read from outside, or by others, stays.
    inner = nodes[0].output[0]
    for kept, rest in ((inner, []), ("z", [node("Relu", inner, "z")])):
        run, _, _ = found_in([*nodes, *rest], kept, **values)
        assert nodes[0].op_type in kinds(run)
    run, _, _ = found_in([*nodes, node("Relu", inner, "z"), node("Add", "z y", "t")], "t", **values)
    assert kinds(run) == [nodes[0].op_type, name, "Relu", "Add"]


def test_what_is_no_activation_is_as_it_is():
    for number in (np.array([1, 2], np.float32).reshape(2, 1, 1)[:1] * noise(1, 4, 1), np.array([True])):
        nodes = [
            node("Sigmoid", "x", "s"),
            node("Cast", "k", "f", to=1),
            node("Mul", "s f", "t"),
            node("Mul", "x t", "y"),
        ]
        run, plain, found = found_in(nodes, k=number)
        assert (run, found.gone) == (plain.nodes, set()) or number.dtype == bool
    made = helper.make_node("Sigmoid", ["x"], ["s"], domain="own")
    folding = Folding({}, None, {"": NEWEST}, {"x": of_array(X)}, ["x"], {})
    nodes = list(folding.walk([made, node("Mul", "x s", "y")]))
    assert patterns(nodes, folding, "y").replaced == {}
    same = [helper.make_node("Sigmoid", ["x"], ["s"], domain="ai.onnx"), node("Mul", "x s", "y")]
    run, _, _ = found_in(same)
    assert kinds(run) == ["Swish"]
    # Of a tensor whose value is not known, or of two outputs, nothing is told.
    folding = Folding({}, None, {"": NEWEST}, {"x": of_array(X), "k": type_of(1, ())}, ["x"], {})
    nodes = list(folding.walk([node("Sigmoid", "x", "s"), node("Mul", "s k", "t"), node("Mul", "x t", "y")]))
    assert patterns(nodes, folding, "y").replaced == {}


def normalisation(version, axes, rank=3):
    """(x - mean) / sqrt(mean of squares + epsilon), its means as a version writes them."""
    if version < 18:
        own, more = ({"axes": axes} if axes is not None else {}), ""
    else:
        own, more = {}, " axes" if axes is not None else ""
    return [
        node("ReduceMean", f"x{more}", "m", **own),
        node("Sub", "x m", "d"),
        node("Pow", "d two", "p"),
        node("ReduceMean", f"p{more}", "v", **own),
        node("Add", "v e", "a"),
        node("Sqrt", "a", "r"),
        node("Div", "d r", "y", name="norm"),
    ]


@pytest.mark.parametrize("version", [13, 18, NEWEST])
@pytest.mark.parametrize(
    ("axes", "expected"), [([2], [2]), ([-1], [2]), ([-1, 1], [1, 2]), (None, [0, 1, 2])]
)
def test_a_normalisation_in_several_operators_is_one(version, axes, expected):
    values = {"two": np.float32(2), "e": np.float32(1e-5)} | (
        {} if axes is None else {"axes": np.array(axes)}
    )
    run, plain, found = found_in(normalisation(version, axes), version=version, **values)
    assert kinds(run) == ["MeanVarianceNormalization"]
    layer = run[-1]
    assert (list(layer.input), list(layer.output), layer.name) == (["x"], ["y"], "norm")
    assert list(layer.attribute[0].ints) == expected
    # onnx's evaluator adds another epsilon to the deviation.
    np.testing.assert_allclose(evaluated(layer, {"x": X}, NEWEST)[0], plain.value("y"), atol=1e-3)
    assert found.gone == {"m", "d", "p", "v", "a", "r"}
    assert [found.of(made) is None for made in plain.nodes] == [True] * 6 + [False]


def test_means_whose_axes_are_not_known_are_no_normalisation():
    types = {"x": type_of(1, None)}
    folding = Folding({}, None, {"": 13}, types, ["x"], {"two": np.float32(2), "e": np.float32(1e-5)})
    folding.types |= {name: type_of(1, ()) for name in ("two", "e")}
    nodes = list(folding.walk(normalisation(13, [2])))
    assert not any(
        made.op_type == "MeanVarianceNormalization" and list(made.attribute)
        for made in patterns(nodes, folding, "y").replaced.values()
    )


def test_where_there_is_something_to_look_for():
    assert not may_be_spelled_out(
        [node("Conv", "x w", "a"), node("Relu", "a", "y"), helper.make_node("Mul", [], [], domain="ai.onnx")]
    )
    assert not may_be_spelled_out([])
    for kind in [
        "Clip",
        "Erf",
        "Exp",
        "HardSigmoid",
        "Max",
        "Min",
        "Pow",
        "QuantizeLinear",
        "Reciprocal",
        "Sigmoid",
        "Softplus",
        "Sqrt",
        "Tanh",
    ]:
        assert may_be_spelled_out([node("Conv", "x w", "a"), node(kind, "a", "y")])
    assert may_be_spelled_out([helper.make_node("Conv", [], [], domain="com.microsoft")])
    found = patterns([], Folding({}, None, {}, {}, [], {}), "y")
    assert (found.replaced, found.gone) == ({}, set())
    lonely = helper.make_node("Print", ["x"], [])
    assert found.of(lonely) is lonely


# Quantisations that rectify.

SCALE = np.float32(0.02)


def quantised(*before, zero="z"):
    """Nodes from "x" to "a", a quantisation and its restoration."""
    last = before[-1].output[0] if before else "x"
    return [
        *before,
        node("QuantizeLinear", f"{last} s {zero}", "q", name="quant"),
        node("DequantizeLinear", f"q s {zero}", "y"),
    ]


def rectifies(nodes, version=NEWEST, **values):
    """Whether the quantisation "q" is a Relu, which its values must tell: negative before, none behind."""
    run, plain, found = found_in(nodes, version=version, s=SCALE, **values)
    source = next(made.input[0] for made in plain.nodes if "q" in made.output)
    negative = bool((plain.value(source) < 0).any())
    clipped = bool((plain.value("y") >= 0).all())
    is_found = "q" in found.replaced
    assert is_found == (negative and clipped), kinds(run)
    return is_found


def test_a_quantisation_from_the_least_number_on_is_a_rectifier():
    for kind in (np.uint8, np.int8, np.int16, np.uint16):
        least = np.iinfo(kind).min
        assert rectifies(quantised(), z=kind(least))
        assert not rectifies(quantised(), z=kind(least + 40))
    assert rectifies(quantised(zero=""))
    assert rectifies([node("QuantizeLinear", "x s ", "q"), node("DequantizeLinear", "q s", "y")])


def test_zero_points_along_an_axis_and_unknown_ones():
    own = {"axis": 1}
    for zeros, expected in (([0, 0, 0, 0], True), ([0, 0, 9, 0], False)):
        nodes = [node("QuantizeLinear", "x v z", "q", **own), node("DequantizeLinear", "q v z", "y", **own)]
        found = found_in(nodes, v=np.full(4, SCALE), z=np.array(zeros, np.uint8))[2]
        assert ("q" in found.replaced) == expected
    folding = Folding(
        {},
        None,
        {"": NEWEST},
        {"x": of_array(X), "s": of_array(SCALE), "z": type_of(2, ())},
        ["x"],
        {"s": SCALE},
    )
    nodes = list(folding.walk([node("QuantizeLinear", "x s z", "q"), node("DequantizeLinear", "q s z", "y")]))
    assert patterns(nodes, folding, "y").replaced == {}
    half = found_in([node("QuantizeLinear", "x s z", "q", name="quant")], "q", s=SCALE, z=np.uint8(0))[2]
    made = half.replaced["q"]
    assert (made.op_type, list(made.input), list(made.output), made.name) == ("Relu", ["x"], ["q"], "quant")
    floats = [node("Cast", "z", "f", to=TensorProto.FLOAT8E4M3FN), node("QuantizeLinear", "x s f", "q")]
    folding = Folding({}, None, {"": NEWEST}, {"x": of_array(X)}, ["x"], {"s": SCALE, "z": np.float32(0)})
    folding.types |= {"s": of_array(SCALE), "z": of_array(np.float32(0))}
    assert patterns(list(folding.walk(floats)), folding, "q").replaced == {}


POSITIVE = {
    "Abs": [node("Abs", "x", "p")],
    "Exp": [node("Exp", "x", "p")],
    "HardSigmoid": [node("HardSigmoid", "x", "p")],
    "Sigmoid": [node("Sigmoid", "x", "p")],
    "Softmax": [node("Softmax", "x", "p")],
    "Softplus": [node("Softplus", "x", "p")],
    "Clip": [node("Clip", "x zero two", "p")],
    "Clip above": [node("Clip", "x quarter", "p")],
}
SIGNED = {
    "Neg": [node("Neg", "x", "p")],
    "Tanh": [node("Tanh", "x", "p")],
    "LeakyRelu": [node("LeakyRelu", "x", "p")],
    "Clip": [node("Clip", "x minus", "p")],
    "Clip from above": [helper.make_node("Clip", ["x", "", "quarter"], ["p"])],
    "Sub": [node("Relu", "x", "r"), node("Sub", "r quarter", "p")],
    "Neg of Relu": [node("Relu", "x", "r"), node("Neg", "r", "p")],
}
# What keeps the sign of what it reads.
KEEPS = {
    "Add": [node("Add", "p quarter", "k")],
    "Add itself": [node("Add", "p p", "k")],
    "Mul": [node("Mul", "p quarter", "k")],
    "Max": [node("Max", "p quarter2", "k")],
    "AveragePool": [node("AveragePool", "p", "k", kernel_shape=[2])],
    "MaxPool": [node("MaxPool", "p", "k", kernel_shape=[1])],
    "Cast": [node("Cast", "p", "k", to=1)],
    "Concat": [node("Concat", "p p", "k", axis=1)],
    "Dropout": [node("Dropout", "p", "k")],
    "Expand": [node("Expand", "p wide", "k")],
    "Flatten": [node("Flatten", "p", "k")],
    "Gather": [node("Gather", "p places", "k", axis=1)],
    "Identity": [node("Identity", "p", "k")],
    "Pad": [node("Pad", "p pads", "k")],
    "ReduceMax": [node("ReduceMax", "p last", "k")],
    "ReduceSum": [node("ReduceSum", "p last", "k")],
    "Reshape": [node("Reshape", "p flat", "k")],
    "Slice": [node("Slice", "p one three one", "k")],
    "Transpose": [node("Transpose", "p", "k")],
    "Unsqueeze": [node("Unsqueeze", "p one", "k")],
    "restored": [node("QuantizeLinear", "p s z9", "i"), node("DequantizeLinear", "i s z9", "k")],
}
VALUES = {
    "two": np.float32(2),
    "zero": np.float32(0),
    "quarter": np.float32(0.25),
    "minus": np.float32(-0.25),
    "z": np.uint8(0),
    "z9": np.uint8(99),
    "wide": np.array([2, 4, 6]),
    "places": np.array([0, 1, 2]),
    "pads": np.array([0, 0, 1, 0, 0, 1]),
    "last": np.array([2]),
    "flat": np.array([24]),
    "one": np.array([1]),
    "three": np.array([3]),
    "negative": -(noise(1, 4, 6) ** 2),
    "quarter2": np.float32(-9),
}


def test_what_was_positive_is_not_rectified_again():
    for before in POSITIVE.values():
        assert not rectifies(quantised(*before), **VALUES)
    run, _, _ = found_in(quantised(node("Relu", "x", "p")), s=SCALE, z=np.uint8(0))
    assert kinds(run).count("Relu") == 1
    for before in SIGNED.values():
        assert rectifies(quantised(*before), **VALUES)


@pytest.mark.parametrize("name", KEEPS)
def test_what_keeps_signs(name):
    between = KEEPS[name]
    if name != "Max":
        assert not rectifies(quantised(*POSITIVE["Softplus"], *between), **VALUES)
    if name not in ("ReduceMax", "ReduceSum", "Add itself", "restored"):
        assert rectifies(quantised(*SIGNED["Tanh"], *between), **VALUES)


def test_signs_of_what_is_joined():
    above, tanh = node("Softplus", "x", "p"), node("Tanh", "x", "t")
    for kind, own in (("Add", {}), ("Mul", {}), ("Concat", {"axis": 1})):
        assert rectifies(quantised(above, tanh, node(kind, "p t", "k", **own)), **VALUES)
        assert not rectifies(
            quantised(above, node("Sigmoid", "x", "t"), node(kind, "p t", "k", **own)), **VALUES
        )
    assert rectifies(quantised(above, node("Add", "p negative", "k")), **VALUES)
    # Behind a rectifying quantisation everything is positive, so the next one is none.
    twice = [node("QuantizeLinear", "x s z", "i"), node("DequantizeLinear", "i s z", "j")]
    nodes = quantised(*twice)
    found = found_in(nodes, s=SCALE, z=np.uint8(0))[2]
    assert ("i" in found.replaced, "q" in found.replaced) == (True, False)
    shifted = [node("QuantizeLinear", "x s z9", "i"), node("DequantizeLinear", "i s z9", "j")]
    found = found_in(quantised(*shifted), s=SCALE, **VALUES)[2]
    assert ("i" in found.replaced, "q" in found.replaced) == (False, True)


def test_clippings_of_old_files_and_of_computed_ends():
    for least, expected in ((0.0, False), (0.5, False), (-0.5, True), (None, True)):
        own = {"max": 2.0} | ({} if least is None else {"min": least})
        found = found_in(quantised(node("Clip", "x", "c", **own)), version=10, s=SCALE, z=np.uint8(0))[2]
        assert ("q" in found.replaced) == expected
    live = quantised(node("ReduceMax", "x", "top", keepdims=0), node("Clip", "x top", "c"))
    assert "q" in found_in(live, s=SCALE, z=np.uint8(0))[2].replaced


# Weights that nodes hold.


def held(nodes, floats=("w",), **values):
    """What nodes hold, those in `floats` stored in the file."""
    from onnx import numpy_helper

    stored = [numpy_helper.from_array(values.pop(name), name) for name in floats]
    plain = Plain(nodes, {"x": noise(1, 4, 6, 6)}, values, weights=stored)
    makers = {name: made for made in nodes for name in made.output}
    found = Held(makers, plain.folding)
    for made in plain.nodes:
        found.meet(made)
    return found.found


W = noise(4, 4, 1, 1)


def test_weights_are_counted_at_the_first_that_reads_them():
    nodes = [
        node("Conv", "x w", "a", name="one"),
        node("Conv", "a w", "b", name="two"),
        node("Conv", "b v", "y"),
    ]
    assert held(nodes, ("w", "v"), w=W, v=noise(4, 4, 3, 3)) == [("one", "Conv", 16), ("y", "Conv", 144)]
    # Whatever is made of one thing is that thing.
    nodes = [
        node("Transpose", "w", "t", perm=[1, 0, 2, 3]),
        node("Cast", "t", "c", to=1),
        node("Conv", "x c", "a"),
        node("Conv", "a w", "y"),
    ]
    assert held(nodes, w=W) == [("a", "Conv", 16)]
    # A bias counts; sizes, indices and numbers that are made do not.
    nodes = [
        node("Conv", "x w b", "a"),
        node("Reshape", "a shape", "c"),
        node("Mul", "c k", "d"),
        node("Mul", "d n", "y"),
    ]
    assert held(
        nodes, ("w", "b", "k"), w=W, b=noise(4), k=noise(1), shape=np.array([1, 4, 36]), n=noise(1)
    ) == [("a", "Conv", 20), ("d", "Mul", 1)]
    assert held([node("Mul", "x k", "y")], ("k",), k=np.float32(3)) == []


def test_operands_that_are_no_weights():
    nodes = [node("BatchNormalization", "x s b m v", "y")]
    assert held(nodes, "sbmv", s=noise(4), b=noise(4), m=noise(4), v=noise(4) ** 2) == [
        ("y", "BatchNormalization", 8)
    ]
    assert (
        held([helper.make_node("Resize", ["x", "", "k"], ["y"])], "k", k=np.array([1, 1, 2, 2], np.float32))
        == []
    )
    assert held([node("Max", "x k", "y")], "k", k=noise(4, 1, 1)) == []
    assert held([node("Mul", "x k", "y")], "k", k=noise(4, 1, 1)) == [("y", "Mul", 4)]
    assert held([node("Clip", "x k", "y")], "k", k=noise(1)) == []
    for kind in (np.float16, np.float64):
        assert held([node("Cast", "w", "c", to=1), node("Conv", "x c", "y")], w=W.astype(kind)) == [
            ("y", "Conv", 16)
        ]
    open_ = Folding({}, None, {"": NEWEST}, {"x": type_of(1, (1, 4)), "o": type_of(1, (None, 4))}, ["x"], {})
    found = Held({}, open_)
    for made in open_.walk([node("Mul", "x o", "y")]):
        found.meet(made)
    assert found.found == []


SCOPES, CLASSES = "pkg.torch.onnx.name_scopes", "pkg.torch.onnx.class_hierarchy"


@pytest.mark.parametrize(
    ("name", "notes", "path", "classes"),
    [
        ("conv", {}, ("conv",), ("Op",)),
        ("", {}, ("Op",), ("Op",)),
        ("/a/b/Conv", {}, ("a", "b", "Conv"), ("", "", "Op")),
        ("/a/a.0/a.0.b/Conv", {}, ("a", "0", "b", "Conv"), ("", "", "", "Op")),
        ("/a/", {}, ("a", "Op"), ("", "Op")),
        (
            "n",
            {SCOPES: "['', 'a', 'a.0', 'conv']", CLASSES: "['N', 'm.A', 'torch.nn.B', 'aten.conv']"},
            ("a", "0", "n"),
            ("A", "B", "Op"),
        ),
        ("n", {SCOPES: "['', 'a', 'conv']"}, ("a", "n"), ("a", "Op")),
        ("n", {SCOPES: "['', 'conv']", CLASSES: "['N', 'c']"}, ("n",), ("Op",)),
        ("/a/n", {SCOPES: "['conv']"}, ("a", "n"), ("", "Op")),
        ("/a/n", {SCOPES: "[1, 2"}, ("a", "n"), ("", "Op")),
        ("/a/n", {SCOPES: "3"}, ("a", "n"), ("", "Op")),
        ("/a/n", {SCOPES: "f(3)"}, ("a", "n"), ("", "Op")),
        ("n", {SCOPES: "[1, 2, 3]"}, ("2", "n"), ("2", "Op")),
    ],
)
def test_places_of_nodes(name, notes, path, classes):
    assert place_of(name, "Op", notes) == (path, classes)


def test_plain_operators_stand_for_themselves():
    folding = Folding({}, None, {"": NEWEST}, {"x": of_array(X)}, ["x"], {})
    assert lowered(node("Relu", "x", "y"), folding) is None
    assert lowered(node("Reshape", "x s", "y"), folding) is None  # of channels that are in no blocks
    for domain in ("", "ai.onnx"):
        made = helper.make_node("DynamicQuantizeLinear", ["x"], ["y", "s", "z"], domain=domain)
        assert [made.op_type for made in lowered(made, folding)] == ["Identity"]
    assert lowered(helper.make_node("DynamicQuantizeLinear", ["x"], ["y"], domain="own"), folding) is None
    assert "com.microsoft.FusedConv" in WAYS
    kept = Folding({}, None, {"": NEWEST}, {"x": of_array(X)}, ["x"], {}, ["DynamicQuantizeLinear"])
    assert [made.op_type for made in kept.walk([node("DynamicQuantizeLinear", "x", "y s z")])] == [
        "DynamicQuantizeLinear"
    ]
