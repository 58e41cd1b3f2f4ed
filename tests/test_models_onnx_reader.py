"""What of an ONNX file is read: which tensors, at which shape, along which axes, with which names."""

import numpy as np
import pytest

import erfmath as em

onnx = pytest.importorskip("onnx", reason="files are onnx's")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from oracles_onnx import noise  # noqa: E402

from erfmath.models.onnx import read_file  # noqa: E402
from erfmath.models.onnx.inputs import checked, declared, filled, first_channels, is_tokens, symbols  # noqa: E402
from erfmath.models.onnx.reader import Asked, Reader  # noqa: E402

FLOAT, INT = TensorProto.FLOAT, TensorProto.INT64
pytestmark = pytest.mark.filterwarnings("ignore:the model's output .* has no positions:UserWarning")


def value(name, shape=None, kind=FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def node(kind, inputs, outputs, **own):
    return helper.make_node(kind, inputs.split(), outputs.split(), **own)


def conv(source, weights, made, **own):
    return node("Conv", f"{source} {weights}", made, name=f"conv_{made}", **own)


def model(nodes, inputs=None, outputs="y", opset=18, domains=(), **constants):
    """A model of nodes between inputs, by default "x" of four channels, and outputs."""
    inputs = inputs or {"x": (1, 4, 16, 16)}
    entries = [
        entry if not isinstance(entry, tuple) and entry is not None else value(name, entry)
        for name, entry in inputs.items()
    ]
    stored = [numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items()]
    graph = helper.make_graph(nodes, "g", entries, [value(name) for name in outputs.split()], stored)
    opsets = [helper.make_opsetid(domain, 1) for domain in domains]
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset), *opsets])


W = noise(4, 4, 3, 3)


def sizes(net):
    return em.receptive_field(net).size


def asked(made, *args, **kwargs):
    """A model of what is asked for as the command asks."""
    return read_file(made, None, Asked(*args, **kwargs), None, True)


# Which tensors.


def three():
    """Two convolutions, and a third beside the second."""
    nodes = [conv("x", "w", "a"), conv("a", "w", "y"), conv("a", "v", "z"), node("Relu", "z", "conv_a")]
    return model(nodes, outputs="y z conv_a", w=W, v=noise(4, 4, 5, 5))


def test_an_output_has_a_number_the_name_of_a_tensor_or_of_a_node():
    made = three()
    assert [sizes(em.from_onnx(made, output)) for output in (None, 0, 1, 2)] == [
        (5, 5),
        (5, 5),
        (7, 7),
        (7, 7),
    ]
    assert sizes(em.from_onnx(made, "conv_z")) == sizes(em.from_onnx(made, "z")) == (7, 7)
    # A tensor's name comes before a node's.
    assert sizes(em.from_onnx(made, "conv_a")) == (7, 7)
    assert sizes(em.from_onnx(made, "a")) == (3, 3)
    for output in (3, -1):
        with pytest.raises(ValueError, match=f"output must be below 3, the number of outputs, got {output}"):
            em.from_onnx(made, output)
    for output in (True, 1.0, ("y",)):
        with pytest.raises(TypeError, match=r"output must be a name, a number or None, got "):
            em.from_onnx(made, output)


def test_names_of_tensors_and_layers():
    found = em.from_onnx(three())
    assert found.output == "y"
    assert found.outputs == ("a", "y", "z", "conv_a")
    assert found.layers == ("conv_a", "conv_y")
    assert found.reads_own_output
    assert not em.from_onnx(three(), "a").reads_own_output
    assert em.from_onnx(three(), 1).output == "z"
    assert em.from_onnx(three(), "conv_z").layers == ("conv_a", "conv_z")
    tail = em.from_onnx(three(), "z", "a")
    assert tail.outputs == ("y", "z", "conv_a")
    assert tail.layers == ("conv_z",)
    assert tail.input_shape == (1, 4, 14, 14)
    nameless = model(
        [node("Relu", "x", "a"), node("Neg", "c", "k"), node("Add", "a k", "y")], c=noise(1, 4, 16, 16)
    )
    assert em.from_onnx(nameless).layers == ("a", "y")  # not what is constant
    assert em.from_onnx(nameless).outputs == ("a", "y")


def test_a_tensor_that_is_not_there_is_told_beside_likely_ones():
    with pytest.raises(
        ValueError,
        match=r"^output must be the name of a tensor of the model, such as 'y', 'z', 'conv_a', 'a', got 'b'$",
    ):
        em.from_onnx(three(), "b")
    with pytest.raises(
        ValueError,
        match=r"^input must be the name of a tensor .*, such as 'x', 'conv_a', 'a', 'y', 'z', got 'con_a'$",
    ):
        em.from_onnx(three(), input="con_a")
    for name in (3, True, b"x"):
        with pytest.raises(TypeError, match="input must be the name of a tensor, got "):
            em.from_onnx(three(), input=name)
    with pytest.raises(ValueError, match="no path from the input 'z' to the output 'y'"):
        em.from_onnx(three(), input="z")
    constant = model([node("Neg", "c", "y"), node("Relu", "x", "z")], c=W)
    with pytest.raises(
        ValueError,
        match=r"the output 'y' depends on no input: there is no path; tensors that can be read: 'z'$",
    ):
        em.from_onnx(constant)
    none = model([node("Neg", "c", "y")], c=W)
    with pytest.raises(ValueError, match=r"there is no path; tensors that can be read: none$"):
        em.from_onnx(none)


def test_the_input_is_the_one_that_has_axes():
    nodes = [node("Mul", "x s", "a"), conv("a", "w", "y"), node("Relu", "o", "other")]
    made = model(nodes, {"s": (), "x": (1, 4, 16, 16), "o": (1, 4, 8, 8)}, "y other", w=W)
    found = em.from_onnx(made)
    assert found.input_shape == (1, 4, 16, 16)
    assert em.from_onnx(made, "other").input_shape == (1, 4, 8, 8)
    one = model([node("Neg", "s", "y")], {"s": ()})
    with pytest.raises(ValueError, match="the input 's' is a single number; choose another with input"):
        em.from_onnx(one)
    two = model(
        [node("Mul", "x o", "a"), conv("a", "w", "y")], {"x": (1, 4, 16, None), "o": (1, 4, 16, 16)}, w=W
    )
    with pytest.raises(
        ValueError,
        match=r"^the output 'y' depends on several inputs, x, o \(1x4x16x\?, 1x4x16x16\); choose one with",
    ):
        em.from_onnx(two)
    # Inputs with values in the file are constants; the output may be an input.
    stored = model([conv("x", "w", "y")], {"x": (1, 4, 16, 16), "w": (4, 4, 3, 3)}, w=W)
    assert sizes(em.from_onnx(stored)) == (3, 3)


def test_nodes_in_any_order_are_those_in_order():
    nodes = [conv("a", "w", "y"), conv("x", "w", "a")]
    assert sizes(em.from_onnx(model(nodes, w=W))) == (5, 5)
    assert em.from_onnx(model(nodes, w=W)).layers == ("conv_a", "conv_y")


def test_outputs_that_nobody_reads_need_no_meaning():
    nodes = [
        node("Dropout", "x", "a mask"),
        node("MaxPool", "a", "b places", kernel_shape=[2, 2]),
        conv("b", "w", "y"),
    ]
    assert sizes(em.from_onnx(model(nodes, w=W))) == (4, 4)
    split = [node("Split", "x", "a b c", axis=1, num_outputs=3), conv("b", "v", "y")]
    assert sizes(em.from_onnx(model(split, {"x": (1, 3, 9, 9)}, v=noise(1, 1, 3, 3)))) == (3, 3)


# At which shape.


def test_a_shape_fills_what_the_file_leaves_open():
    nodes = [conv("x", "w", "y")]
    made = model(nodes, {"x": ("n", 4, None, 16)}, w=W)
    note = "the file leaves sizes of its input 'x' open ({}); it is read at {}, which input_shape changes"
    found = em.from_onnx(made)
    assert (found.input_shape, found.warnings) == ((1, 4, 224, 16), (note.format("nx4x?x16", "1x4x224x16"),))
    found = em.from_onnx(made, input_shape=(None, None, 30, None))
    assert found.input_shape == (1, 4, 30, 16)
    assert found.warnings == (note.format("nx4x30x16", "1x4x30x16"),)
    found = em.from_onnx(made, input_shape=[2, 4, 30, 40])
    assert (found.input_shape, found.warnings) == ((2, 4, 30, 40), ())
    with pytest.raises(
        ValueError, match=r"input_shape must have 4 sides, as the input 'x' has, got \(1, 4, 30\)"
    ):
        em.from_onnx(made, input_shape=(1, 4, 30))
    unknown = model(nodes, {"x": None}, w=W)
    with pytest.raises(ValueError, match="the shape of the input 'x' is not known; give input_shape"):
        em.from_onnx(unknown)
    assert em.from_onnx(unknown, input_shape=(1, 4, 9, 9)).input_shape == (1, 4, 9, 9)
    assert em.from_onnx(unknown, input_shape=(1, None, 9, 9)).input_shape == (1, 4, 9, 9)


def test_a_tensor_in_the_middle_has_the_shape_that_the_file_gives_it():
    nodes = [conv("x", "w", "a", strides=[2, 2]), conv("a", "w", "y")]
    made = model(nodes, {"x": (1, 4, 31, 21)}, w=W)
    assert em.from_onnx(made, input="a").input_shape == (1, 4, 15, 10)
    assert em.from_onnx(made, input="a", input_shape=(1, 4, None, 12)).input_shape == (1, 4, 15, 12)
    assert em.from_onnx(made, input="a", input_shape=(1, 4, 9, 12)).input_shape == (1, 4, 9, 12)
    assert sizes(em.from_onnx(made, input="a")) == (3, 3)
    with pytest.raises(ValueError, match="reads the tensor 'w', which nothing makes"):
        em.from_onnx(model(nodes, {"x": (1, 4, 31, 21)}), input="a")


def test_usual_sizes_are_those_that_fit():
    """Where the file's constants do not fit at 224, the next size."""
    nodes = [conv("x", "w", "a", pads=[1, 1, 1, 1]), node("Add", "a c", "y")]
    made = model(nodes, {"x": (1, 4, "h", "w")}, w=W, c=noise(1, 4, 64, 64))
    assert em.from_onnx(made).input_shape == (1, 4, 64, 64)
    empty = model(
        [conv("x", "w", "a", dilations=[112, 112]), node("Relu", "a", "y")],
        {"x": (1, 4, "h", "w")},
        w=W,
    )
    assert em.from_onnx(empty).input_shape == (1, 4, 256, 256)  # the first that leaves samples
    misfit = model(nodes, {"x": (1, 4, "h", "w")}, w=W, c=noise(1, 4, 63, 63))
    with pytest.raises(
        ValueError,
        match=r"Add 'y' does not fit .* where the input is 1x4x224x224: [^;]+; give another input_shape",
    ):
        em.from_onnx(misfit)
    assert em.from_onnx(misfit, "a").input_shape == (1, 4, 224, 224)


def test_other_inputs_have_sides_of_the_same_names():
    nodes = [conv("x", "w", "a", pads=[1, 1, 1, 1]), node("Add", "a o", "y")]
    made = model(nodes, {"x": ("n", 4, "h", "w"), "o": ("n", 4, "h", "w")}, w=W)
    found = em.from_onnx(made, input="x", input_shape=(2, 4, 20, 30))
    assert em.output_size(found, (20, 30)) == (20, 30)
    assert sizes(found) == (3, 3)
    # Those of other names have one sample.
    wider = model(
        [*nodes[:1], node("Concat", "a o", "y", axis=3)], {"x": (1, 4, 8, 8), "o": (1, 4, 8, "extra")}, w=W
    )
    assert Reader(wider, "a", Asked("x"), None, "m").folding((1, 4, 8, 8)).shape("o") == (1, 4, 8, 1)
    reader = Reader(made, None, Asked("x", (2, 4, 20, 30)), None, "m")
    assert reader.folding((2, 4, 20, 30)).shape("o") == (2, 4, 20, 30)
    assert reader.folding((2, 4, 20, 30)).shape("x") == (2, 4, 20, 30)
    plain = model(nodes, {"x": (2, 4, 8, 8), "o": value("o", (None, 4, 8, 8), INT)}, w=W)
    folding = Reader(plain, None, Asked("x"), None, "m").folding((2, 4, 8, 8))
    assert folding.shape("o") == (1, 4, 8, 8)
    assert folding.types["o"].tensor_type.elem_type == INT
    assert folding.types["x"].tensor_type.elem_type == FLOAT
    assert folding.open == ["o"]


def test_a_size_and_channels_are_asked_for_by_number():
    """As the command and the tables of models ask."""
    made = model([conv("x", "w", "y")], {"x": ("n", "c", "h", "w")}, w=W)
    for size, sides in ((40, (40, 40)), ((40, 50), (40, 50)), (None, (224, 224))):
        assert asked(made, size=size).input_shape == (1, 4, *sides)
    fixed = model([node("Relu", "x", "y")], {"x": (1, 4, 16, 16)})
    found = asked(fixed, size=(20, 30), channels=6)
    assert found.input_shape == (1, 6, 20, 30)
    last = asked(fixed, size=(20, 30), channels=6, space=(1, 2))
    assert (last.input_shape, last.space) == ((1, 20, 30, 6), (1, 2))
    with pytest.raises(ValueError, match="input_size"):
        asked(fixed, size=(20, 30, 40))
    with pytest.raises(ValueError, match="input_size"):
        asked(fixed, size=0)
    # Of a tensor in the middle the file's own input keeps its size.
    nodes = [conv("x", "w", "a"), node("Relu", "a", "y")]
    middle = asked(model(nodes, w=W), "a", size=(2, 1), channels=6)
    assert middle.input_shape == (1, 6, 2, 1)
    matrix = model([node("Relu", "x", "y")], {"x": (5, 3)})
    assert asked(matrix, size=7, channels=9).input_shape == (5, 7)


def test_words_about_shapes():
    assert checked(None, None, "x") is None
    assert checked([1, None, 3], None, "x") == (1, None, 3)
    assert checked((1, 4), (None, 4), "x") == (1, 4)
    for shape in (4, "abc", {1, 2}):
        with pytest.raises(
            TypeError, match="input_shape must be a sequence of sides, None for those that stay"
        ):
            checked(shape, None, "x")
    with pytest.raises(
        ValueError, match=r"input_shape must be one shape, that of the input 'x', got \(\(1, 2\),\)"
    ):
        checked(((1, 2),), None, "x")
    for shape, error in (((1, 0), ValueError), ((1, -1), ValueError), ((1, 2.5), (TypeError, ValueError))):
        with pytest.raises(error, match="input_shape"):
            checked(shape, None, "x")
    entry = value("x", ("n", 3, None, 0))
    assert declared(entry) == (None, 3, None, None)
    assert symbols(entry) == ("n", "", "", "")
    assert declared(value("x", None)) is None
    assert declared(value("x", ())) == ()
    for kind in (5, 6, 7, 12, 13):
        assert is_tokens(value("x", (1,), kind))
    assert not any(is_tokens(value("x", (1,), kind)) for kind in (1, 10, 11, 2, 3, 4))


def test_usual_sizes_by_the_number_of_axes():
    assert list(filled((1, 3, 8), (2,), 3, False)) == [(1, 3, 8)]
    shapes = list(filled((None, None, None, None), (2, 3), 5, False))
    assert shapes[:2] == [(1, 5, 224, 224), (1, 5, 256, 256)]
    assert len(shapes) == 7
    assert list(filled((None, None, 8, 9), (2, 3), 5, False)) == [
        (1, 5, 8, 9)
    ]  # no other where the space is known
    assert list(filled((None, None, 8, None), (2, 3), None, False))[-1] == (1, 1, 8, 32)
    assert list(filled((None, None), (1,), 5, True)) == [(1, 128), (1, 64), (1, 32)]
    assert next(filled((None, 4, None), (2,), 5, False)) == (1, 4, 16000)
    assert next(filled((1, None, None, None, None), (2, 3, 4), 5, False)) == (1, 5, 64, 64, 64)
    assert list(filled((1, 2, None, None, None, None), (2, 3, 4, 5), 5, False)) == [(1, 2, 16, 16, 16, 16)]


def test_channels_are_those_of_the_first_convolution():
    def channels(*nodes, ndim=2, **shapes):
        return first_channels(nodes, "x", shapes, ndim)

    assert channels(conv("x", "w", "y"), w=(8, 6, 3, 3)) == 6
    assert channels(conv("x", "w", "y", group=3), w=(9, 2, 3, 3)) == 6
    before = node("Sub", "x m", "a"), node("Transpose", "a", "b"), node("Cast", "b", "c")
    assert channels(*before, conv("c", "w", "y"), w=(8, 6, 3, 3)) == 6
    # Of quantised ones the weights are the first operand with so many axes.
    quantised = node("QLinearConv", "x s z w t u", "y")
    assert channels(quantised, s=(1, 1), z=(), w=(8, 6, 3, 3), t=(8,), u=(8,)) == 6
    restored = node("DequantizeLinear", "w s z", "v"), node("Cast", "v", "u"), conv("x", "u", "y")
    assert channels(*restored, w=(8, 6, 3, 3), s=()) == 6
    # Another operator first, an unknown kernel, or another tensor's convolution: the usual number.
    assert channels(node("Relu6", "x", "a"), conv("a", "w", "y"), w=(8, 6, 3, 3)) == 3
    assert channels(conv("o", "w", "y"), w=(8, 6, 3, 3)) == 3
    assert channels(conv("x", "w", "y")) == 3
    assert channels(conv("x", "w", "y"), ndim=1) == 1
    assert channels(node("Relu6", "x", "a"), ndim=1) == 1
    assert channels(node("Constant", "", "k"), conv("x", "w", "y"), w=(8, 6, 3, 3)) == 6
    assert channels(conv("x", "w", "y", group=1.5), w=(8, 6, 3, 3)) == 3


# Along which axes.


def test_channels_come_last_where_a_transposition_says_so():
    turn = node("Transpose", "x", "t", perm=[0, 3, 1, 2])
    shape = {"x": (1, 16, 12, 4)}
    for nodes in (
        [turn, conv("t", "w", "y")],
        [
            node("Mul", "x k", "m"),
            node("Cast", "m", "x1", to=1),
            node("Transpose", "x1", "t", perm=[0, 3, 1, 2]),
            conv("t", "w", "y"),
        ],
    ):
        found = em.from_onnx(model(nodes, shape, w=W, k=np.float32(2)))
        assert (found.space, found.input_size) == ((1, 2), (16, 12))
        assert sizes(found) == (3, 3)
    line = [node("Transpose", "x", "t", perm=[0, 2, 1]), conv("t", "w", "y")]
    assert em.from_onnx(model(line, {"x": (1, 20, 4)}, w=noise(2, 4, 3))).space == (1,)
    # Of a transposition that does something else, or several readers, nothing is told.
    other = [node("Transpose", "x", "t", perm=[0, 1, 3, 2]), conv("t", "w", "y")]
    assert em.from_onnx(model(other, w=W)).space == (2, 3)
    several = [
        turn,
        node("Relu", "x", "r"),
        node("Transpose", "r", "s", perm=[0, 3, 1, 2]),
        node("Add", "t s", "a"),
        conv("a", "w", "y"),
    ]
    assert em.from_onnx(model(several, shape, w=W), space=(1, 2)).space == (1, 2)
    with pytest.raises(ValueError, match="space="):
        em.from_onnx(model(several, shape, w=W))
    assert Reader(model([turn, conv("t", "w", "y")], shape, w=W), None, Asked(space=[0]), None, "m").space(
        [2]
    ) == [2]


def test_channels_come_last_where_onnxruntime_keeps_them_so():
    own = {"domain": "com.microsoft"}
    nodes = [node("NhwcConv", "x w", "y", kernel_shape=[3, 3], **own)]
    found = em.from_onnx(model(nodes, {"x": (1, 16, 12, 4)}, domains=["com.microsoft"], w=W))
    assert (found.space, sizes(found)) == ((1, 2), (3, 3))
    line = [node("NhwcConv", "x w", "y", kernel_shape=[3], **own)]
    assert em.from_onnx(
        model(line, {"x": (1, 20, 4)}, domains=["com.microsoft"], w=noise(2, 4, 3))
    ).space == (1,)
    # Channels go last and stay so inside: the input's come first.
    inside = [
        node("Transpose", "x", "t", perm=[0, 2, 3, 1]),
        node("NhwcConv", "t w", "c", kernel_shape=[3, 3], **own),
        node("Transpose", "c", "y", perm=[0, 3, 1, 2]),
    ]
    assert em.from_onnx(model(inside, domains=["com.microsoft"], w=W)).space == (2, 3)
    odd = [
        node("Transpose", "x", "t", perm=[0, 3, 1, 2]),
        node("NhwcConv", "t w", "y", kernel_shape=[3, 3], **own),
    ]
    reader = Reader(model(odd, domains=["com.microsoft"], w=W), None, Asked(), None, "m")
    assert reader.space(None) is None
    pool = [node("NhwcMaxPool", "x", "y", kernel_shape=[2, 2], **own)]
    assert em.from_onnx(model(pool, {"x": (1, 16, 12, 4)}, domains=["com.microsoft"])).space == (1, 2)
    norm = [node("GroupNorm", "x s b", "y", groups=2, activation=0, channels_last=1, **own)]
    found = Reader(
        model(norm, {"x": (1, 16, 12, 4)}, domains=["com.microsoft"], s=noise(4), b=noise(4)),
        None,
        Asked(),
        None,
        "m",
    )
    assert found.space(None) == [1, 2]


def test_a_file_of_no_version_is_one_of_the_first():
    made = model([node("Relu", "x", "a"), conv("a", "w", "y")], w=W)
    del made.opset_import[:]
    assert sizes(em.from_onnx(made)) == (3, 3)
    assert em.output_size(em.from_onnx(made), (16, 16)) == (14, 14)


# What is told.


def test_a_field_that_depends_on_the_size_is_told():
    """Of what is computed of the shape: a kernel as large as the map, by a mean over the map's half."""
    nodes = [
        node("Shape", "x", "s"),
        node("Slice", "s two four", "hw"),
        node("Div", "hw two1", "half"),
        node("Concat", "zeros half", "pads", axis=0),
        node("Slice", "x zero half2 axes", "a"),
        node("Slice", "x half2 hw axes", "b"),
        node("Add", "a b", "y"),
        node("Identity", "half", "half2"),
    ]
    constants = {"two": [2], "four": [4], "two1": [2], "zeros": [0, 0], "zero": [0, 0], "axes": [2, 3]}
    made = model(nodes, {"x": (1, 4, 16, 16)}, **{k: np.array(v) for k, v in constants.items()})
    found = em.from_onnx(made)
    assert found.warnings == ("the field depends on the input's size: 9 x 9 on 16 x 16, 25 x 25 on 48 x 48",)
    plain = em.from_onnx(model([conv("x", "w", "y")], w=W))
    assert plain.warnings == ()
    reader, _ = plain.reading
    assert not reader.is_sized
    assert reader.elsewhere() is None
    reader, _ = found.reading
    other = reader.elsewhere()
    assert (other.input_shape, other.output, other.name) == ((1, 4, 48, 48), "y", "g")
    assert Reader(made, "y", Asked("x"), None, "m").sides == (16, 16)
    resize = node("Resize", "x r k", "y")
    sized = em.from_onnx(model([resize], r=np.zeros(0, np.float32), k=np.array([1, 1, 1.5, 1.5], np.float32)))
    assert sized.reading[0].is_sized
    middle = em.from_onnx(
        model(
            [conv("x", "w", "a"), node("Resize", "a r k", "y")],
            w=W,
            r=np.zeros(0, np.float32),
            k=np.array([1, 1, 1.5, 1.5], np.float32),
        ),
        input="a",
    )
    assert middle.reading[0].elsewhere() is None  # which is no input of the file's


def test_parts_of_a_file_hold_their_weights_once():
    nodes = [
        node("Conv", "x w b", "a", name="/stem/conv/Conv"),
        node("Conv", "a v b", "c", name="/layer1/layer1.0/conv/Conv"),
        node("Conv", "c v", "d", name="/layer1/layer1.1/conv/Conv"),
        node("Add", "d k", "y", name="tail"),
    ]
    made = model(nodes, w=noise(4, 4, 3, 3), v=noise(4, 4, 1, 1), b=noise(4), k=np.float32(2))
    found = em.from_onnx(made).reading[0].holdings()
    assert found.rest == {}
    assert found.read == {"stem.conv.Conv": 148, "layer1.0.conv.Conv": 16}
    parts = em.from_onnx(made).parts
    assert [part.path for part in parts.inside] == [("stem",), ("layer1",)]
    assert em.layer_table(em.from_onnx(made)).parameters == 164
    # What exporters note beside a node comes before its name.
    note = {
        "pkg.torch.onnx.name_scopes": "['', 'body', 'body.conv', 'conv2d']",
        "pkg.torch.onnx.class_hierarchy": "['m.Net', 'm.Body', 'torch.nn.Conv2d', 'aten.conv2d']",
    }
    for key, word in note.items():
        made.graph.node[0].metadata_props.add(key=key, value=word)
    noted = em.from_onnx(made)
    assert noted.reading[0].holdings().read == {"body.conv.Conv": 148, "layer1.0.conv.Conv": 16}
    first = noted.parts.inside[0]
    assert (first.path, first.kind) == (("body",), "Body")
    assert (first.inside[0].path, first.inside[0].kind) == (("body", "conv"), "Conv2d")


def test_nodes_that_are_written_out_have_places_of_their_own():
    own = {"domain": "com.microsoft", "activation": "Relu", "pads": [1, 1, 1, 1]}
    made = model([node("FusedConv", "x w", "y", name="/stem/Conv", **own)], domains=["com.microsoft"], w=W)
    parts = em.from_onnx(made).parts
    assert [(part.path, part.kind) for part in parts.inside] == [(("y~1",), "Conv"), (("stem",), "")]
    assert em.from_onnx(made).layers == ("/stem/Conv",)


def test_weights_of_what_is_run():
    """Sizes, single numbers that are made, and what is no weight are not counted; tables of floats are."""
    nodes = [
        node("BatchNormalization", "x s b m v", "a", name="norm"),
        node("DequantizeLinear", "q qs", "w"),
        conv("a", "w", "c", pads=[1, 1, 1, 1]),
        node("Resize", "c r k", "d", name="up"),
        node("Div", "one four", "quarter"),
        node("Mul", "d quarter", "e", name="scale"),
        node("Mul", "e table", "f", name="table"),
        node("Add", "f number", "y", name="number"),
    ]
    constants = {
        "s": noise(4),
        "b": noise(4),
        "m": noise(4),
        "v": noise(4) ** 2,
        "qs": np.float32(0.1),
        "r": np.zeros(0, np.float32),
        "k": np.array([1, 1, 2, 2], np.float32),
        "one": noise(1),
        "four": noise(1),
        "table": noise(4, 1, 1),
        "number": noise(1),
    }
    made = model(nodes, q=np.ones((4, 4, 3, 3), np.int8), **constants)
    found = em.from_onnx(made).reading[0].holdings().read
    assert found == {"norm": 8, "conv_c": 144, "table": 4, "number": 1}


def test_a_file_is_run_up_to_what_was_read(tmp_path):
    from onnx.reference import ReferenceEvaluator

    made = model(
        [conv("x", "w", "a"), node("Add", "a o", "b"), conv("b", "w", "y")],
        {"x": (1, 4, 8, 8), "o": (1, 4, 6, 6)},
        w=W,
    )
    found, name, others = em.from_onnx(made, "b", input="x", values={"o": noise(1, 4, 6, 6)}).runnable()
    assert (name, list(others), [entry.name for entry in found.graph.output]) == ("x", ["o"], ["b"])
    x = noise(1, 4, 8, 8)
    run = ReferenceEvaluator(found).run(None, {"x": x, **others})[0]
    plain = ReferenceEvaluator(found).run(None, {"x": x, "o": 0 * others["o"]})[0]
    np.testing.assert_allclose(run - plain, noise(1, 4, 6, 6), atol=1e-5)
    assert [entry.name for entry in made.graph.output] == ["y"]  # which stays as it was
    outside = onnx.ModelProto()
    outside.CopyFrom(made)
    onnx.save(outside, tmp_path / "net.onnx", save_as_external_data=True, location="w.bin", size_threshold=0)
    inside = em.from_onnx(tmp_path / "net.onnx", "b", input="x").runnable()[0]
    np.testing.assert_array_equal(numpy_helper.to_array(inside.graph.initializer[0]), W)
    with pytest.raises(ValueError, match="the weights 'w' are in another file; give its path"):
        em.from_onnx(outside, "b", input="x").runnable()
    assert em.from_onnx(made, input="x").runnable()[2] == {}  # its shape is known: it is drawn elsewhere
    for ends in ({"input": "a"}, {"output": "x", "input": "x"}):
        with pytest.raises(
            ValueError,
            match=r"g was read from '[ax]' up to '(y|input)', which are no input and tensor .*; verify",
        ):
            em.from_onnx(made, **ends).runnable()
    with pytest.raises(ValueError, match="g is an ONNX file, which PyTorch does not run; measure a module"):
        em.from_onnx(made, input="x").module()


def test_others_are_ones_of_as_many_frames_as_fit():
    nodes = [
        conv("sound", "v", "a", pads=[2, 0]),
        node("ConvTranspose", "mel w", "b", strides=[50]),
        node("Add", "a b", "c"),
        node("Add", "c k", "y"),
    ]
    inputs = {"sound": ("n", 1, "t"), "mel": ("n", 4, "frames"), "k": value("k", (), TensorProto.DOUBLE)}
    made = model(nodes, inputs, v=noise(2, 1, 3), w=noise(4, 2, 50))
    others = em.from_onnx(made, input="sound", input_shape=(1, 1, 600)).runnable()[2]
    assert {name: entry.shape for name, entry in others.items()} == {"mel": (1, 4, 12), "k": ()}
    assert others["k"].dtype == np.float64
    assert (others["mel"] == 1).all()


def test_rules_of_ones_own_see_the_operator():
    seen = []

    def rule(op):
        seen.append((op.name, op.title, len(op.inputs), op.outputs, op.shapes, op.ndim))
        return em.Conv((5, 5))

    nodes = [conv("x", "w", "a"), node("Odd", "a w", "y z", name="odd", domain="own")]
    found = em.from_onnx(model(nodes, domains=["own"], w=W), rules={"Odd": rule})
    assert sizes(found) == (7, 7)
    assert seen[0] == ("odd", "Odd", 2, ("y",), (None,), 2)
    broken = {"Odd": lambda op: {}[op.name]}
    with pytest.raises(KeyError):  # as it is: no file is damaged
        em.from_onnx(model(nodes, domains=["own"], w=W), rules=broken)
    damaged = [node("Conv", "x w", "y", name="c", group="two")]
    with pytest.raises(
        ValueError,
        match=r"Conv 'c' has attributes or operands that it cannot have \([^)]+\); the file may be damaged",
    ):
        em.from_onnx(model(damaged, w=W))
