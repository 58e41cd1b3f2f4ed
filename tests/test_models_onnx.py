import time
from pathlib import Path

import numpy as np
import pytest

import erfmath as em
from erfmath import Conv, GlobalPool, Identity, receptive_field
from erfmath.models.onnx import from_onnx
from erfmath.network.channels import Rearranged

onnx = pytest.importorskip("onnx", reason="from_onnx reads models by the onnx package")
from onnx import TensorProto, helper  # noqa: E402

# Which most classifiers have, and one test below asserts.
pytestmark = pytest.mark.filterwarnings("ignore:the model's output .* has no positions:UserWarning")

LIGHT = Path(onnx.__file__).parent / "backend/test/data/light"
FIELDS = {
    "bvlc_alexnet": (195, 32, -64),
    "densenet121": (2071, 32, -1021),
    "inception_v1": (715, 32, -327),
    "inception_v2": (699, 32, -343),
    "resnet50": (427, 32, -213),
    "shufflenet": (527, 32, -263),
    "squeezenet": (207, 16, -88),
    "vgg19": (268, 32, -118),
    "zfnet512": (155, 32, -48),
}


def light(name):
    path = LIGHT / f"light_{name}.onnx"
    if not path.exists():
        pytest.skip("this onnx package has no light models")
    return path


def graph(nodes, shape=(1, 4, 16, 16), outputs=("y",), constants=None, opset=18, **inputs):
    """A model of nodes from "x" to "y", constants by name."""
    kinds = {"x": shape, **inputs}
    return helper.make_model(
        helper.make_graph(
            nodes,
            "test",
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in kinds.items()],
            [helper.make_tensor_value_info(n, TensorProto.FLOAT, None) for n in outputs],
            [onnx.numpy_helper.from_array(np.asarray(v), n) for n, v in (constants or {}).items()],
        ),
        opset_imports=[helper.make_opsetid("", opset)],
    )


def one(kind, *rest, shape=(1, 4, 16, 16), opset=18, n_inputs=1, domain="", **attributes):
    """A model of one operator; the other operands are constants."""
    names = [f"c{i}" if value is not None else "" for i, value in enumerate(rest)]
    constants = {n: v for n, v in zip(names, rest, strict=True) if n}
    node = helper.make_node(kind, ["x"] * n_inputs + names, ["y"], name="op", domain=domain, **attributes)
    return graph([node], shape, constants=constants, opset=opset)


def weights(*shape):
    return np.ones(shape, dtype=np.float32)


def ints(*values):
    return np.array(values, dtype=np.int64)


@pytest.mark.parametrize("name", FIELDS)
def test_the_fields_of_the_light_models(name):
    model = onnx.load(light(name))
    net = from_onnx(model)
    start = time.perf_counter()
    field = receptive_field(net)
    found = field.size[0], field.stride[0], field.offset[0]
    seconds = time.perf_counter() - start
    assert found == FIELDS[name]
    assert seconds < 1  # 100 ms on a quiet machine: benchmarks/models.py


@pytest.mark.parametrize("name", FIELDS)
def test_the_light_models_agree_with_gradients(name):
    pytest.importorskip("torch", reason="gradients are torch's")
    from oracles_models import OnnxModel, intervals

    path = light(name)
    model = onnx.load(path)
    net = from_onnx(path)
    field = receptive_field(net)
    reference = OnnxModel(model)
    start = model.graph.input[0].name
    start = next(i.name for i in model.graph.input if i.name not in reference.small)
    last = last_map(model)
    unit = -field.offset[0] // field.stride[0] + 2
    width = field.region(unit)[1][1] + 33
    for flip in (False, True) if width < 1000 else (False,):
        shape = (1, 3, width, 64) if flip else (1, 3, 64 if width < 1000 else 32, width)
        place = {2: unit, 3: 0} if flip else {2: 0, 3: unit}
        seen = intervals(lambda x: reference.run(x, start, last), shape, place)
        axis = 0 if flip else 1
        assert seen[axis] == field.region(unit)[axis]


def last_map(model):
    """The last tensor of a light model with more than one position."""
    inferred = onnx.shape_inference.infer_shapes(model).graph
    sides = {v.name: [d.dim_value for d in v.type.tensor_type.shape.dim] for v in inferred.value_info}
    made = [name for node in inferred.node for name in node.output]
    return [
        name for name in made if len(sides.get(name, ())) == 4 and sides[name][-1] > 1 and sides[name][0] == 1
    ][-1]


def test_any_tensor_to_any_tensor():
    path = light("resnet50")
    assert receptive_field(from_onnx(path, "r171")).size == (427, 427)
    assert receptive_field(from_onnx(path, "r172")).size == (427 + 6 * 32,) * 2  # pooled 7 x 7
    assert receptive_field(from_onnx(path, "gpu_0/softmax_1")).size == (427 + 6 * 32,) * 2
    tail = from_onnx(path, "r170", "r161")
    assert receptive_field(tail).size == (3, 3)
    assert em.output_size(from_onnx(path), 224) == (7, 7)


def test_a_chain_is_a_series():
    net = from_onnx(light("vgg19")).net
    assert isinstance(net, em.Series)
    assert len(net.nodes) > 8


CONV = weights(8, 4, 3, 3)


@pytest.mark.parametrize(
    ("model", "expected"),
    [
        (one("Conv", CONV, pads=[1, 0, 2, 1]), Conv((3, 3), padding=((1, 2), (0, 1)), channels=8)),
        (
            one("Conv", CONV, auto_pad="SAME_UPPER", strides=[2, 2]),
            Conv((3, 3), 2, padding=((0, 1), (0, 1)), channels=8),
        ),
        (
            one("Conv", CONV, auto_pad="SAME_LOWER", strides=[2, 2]),
            Conv((3, 3), 2, padding=((1, 0), (1, 0)), channels=8),
        ),
        (one("Conv", CONV, auto_pad="VALID", dilations=[2, 1]), Conv((3, 3), dilation=(2, 1), channels=8)),
        (one("Conv", weights(4, 1, 3, 3), group=4), Conv((3, 3), channels=4, groups=4)),
        (
            one(
                "ConvTranspose",
                weights(4, 2, 3, 3),
                strides=[2, 2],
                pads=[1, 1, 1, 1],
                output_padding=[1, 1],
                group=2,
            ),
            em.ConvTranspose((3, 3), 2, padding=1, output_padding=1, channels=4, groups=2),
        ),
        (
            one("ConvTranspose", weights(4, 2, 3, 3), strides=[2, 2], output_shape=[32, 32]),
            em.ConvTranspose((3, 3), 2, padding=((1, 0), (1, 0)), channels=2),
        ),
        (
            one("ConvTranspose", weights(4, 2, 3, 3), strides=[2, 2], auto_pad="SAME_UPPER"),
            em.ConvTranspose((3, 3), 2, padding=((0, 1), (0, 1)), channels=2),
        ),
        (
            one("MaxPool", kernel_shape=[3, 3], strides=[2, 2], ceil_mode=1, dilations=[2, 2]),
            em.Pool((3, 3), 2, mode="max", dilation=2, ceil_mode=True),
        ),
        (one("LpPool", kernel_shape=[2, 2], strides=[2, 2]), em.Pool((2, 2))),
        (one("AveragePool", kernel_shape=[2, 2]), em.Pool((2, 2), stride=1)),
        (one("DepthToSpace", blocksize=2), Rearranged(em.Upsample((2, 2)), 1)),
        (one("SpaceToDepth", blocksize=2), Rearranged(Conv((2, 2), stride=2), 16)),
        (one("Upsample", np.array([1, 1, 2, 3], dtype=np.float32), opset=9), em.Upsample((2, 3))),
        (
            one("Resize", None, np.array([1, 1, 2, 2], dtype=np.float32), mode="linear"),
            em.Upsample((2, 2), "linear"),
        ),
        (one("Resize", None, None, ints(1, 4, 32, 48)), em.Upsample((2, 3))),
        (
            one(
                "Resize",
                None,
                None,
                ints(1, 4, 32, 32),
                mode="linear",
                coordinate_transformation_mode="align_corners",
            ),
            em.Upsample((2, 2), "linear"),
        ),
        (one("InstanceNormalization", weights(4), weights(4)), em.Normalization("InstanceNorm")),
        (one("LRN", size=5), Identity()),
        (one("Relu"), em.Activation("relu")),
        (one("Softmax", axis=1), Identity()),
        (one("ReduceMean", ints(1)), Identity()),
    ],
)
def test_an_operator_is_a_layer(model, expected):
    assert from_onnx(model, "y") == expected


@pytest.mark.parametrize(
    ("model", "region", "size"),
    [
        (one("Pad", ints(0, 0, 1, 2, 0, 0, 3, 0)), ((-1, -1), (-2, -2)), (20, 18)),
        (one("Pad", ints(1, 2, 3, 0), None, ints(2, 3), mode="reflect"), ((-1, -1), (-2, -2)), (20, 18)),
        (one("Pad", ints(0, 0, -1, 0, 0, 0, -2, 0)), ((1, 1), (0, 0)), (13, 16)),
        (one("Slice", ints(1, -9), ints(15, 2**31 - 1), ints(2, 3), ints(2, 1)), ((1, 1), (7, 7)), (7, 9)),
        (one("Slice", ints(1), ints(3), ints(1)), ((0, 0), (0, 0)), (16, 16)),
        (one("Slice", starts=[0, 0, 2, 2], ends=[9, 9, 99, -3], opset=9), ((2, 2), (2, 2)), (14, 11)),
        (one("Gather", ints(1, 3, 5), axis=3), ((0, 0), (1, 1)), (16, 3)),
        (one("Resize", None, np.array([1, 1, 1.5, 0.5], dtype=np.float32)), ((0, 0), (0, 0)), (24, 8)),
        (one("Transpose", perm=[0, 1, 3, 2]), ((0, 0), (0, 0)), (16, 16)),
    ],
)
def test_moves_keep_positions_and_sizes(model, region, size):
    net = from_onnx(model, "y")
    assert receptive_field(net).region(0) == region if net.ndim else region == ((0, 0), (0, 0))
    assert em.output_size(net, (16, 16)) == size


def test_what_reads_everything_is_unbounded():
    for kind in ("GlobalAveragePool", "GlobalMaxPool", "GlobalLpPool", "ReduceMean"):
        net = from_onnx(one(kind), "y")
        assert net == GlobalPool()
    assert from_onnx(one("Flatten"), "y") == Identity()  # each number is still that of a pixel


def squeeze_excite():
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("GlobalAveragePool", ["a"], ["p"]),
        helper.make_node("Conv", ["p", "v"], ["g"]),
        helper.make_node("Sigmoid", ["g"], ["s"]),
        helper.make_node("Mul", ["a", "s"], ["m"]),
        helper.make_node("Conv", ["m", "w"], ["y"], pads=[1, 1, 1, 1]),
    ]
    return graph(nodes, constants={"w": weights(4, 4, 3, 3), "v": weights(4, 4, 1, 1)})


def test_gates_are_kept_or_left_out():
    net = from_onnx(squeeze_excite())
    assert receptive_field(net).unbounded == GlobalPool()
    assert "GlobalPool" in str(net)
    without = from_onnx(squeeze_excite(), global_context=False)
    assert receptive_field(without).size == (5, 5)
    assert from_onnx(squeeze_excite(), gates=False) == without  # its older name


def test_an_operator_that_is_not_known_is_named():
    model = one("MyOp", domain="my.domain")
    with pytest.raises(ValueError, match=r"MyOp 'op' is not a known operator.*rules=\{\"MyOp\": node\}"):
        from_onnx(model)
    assert from_onnx(model, rules={"MyOp": Conv((3, 3))}) == Conv((3, 3))
    made = from_onnx(model, rules={"MyOp": lambda op: Conv((3, 3), stride=len(op.inputs))})
    assert made == Conv((3, 3))
    with pytest.raises(TypeError, match=r"rules\['MyOp'\] must be a network"):
        from_onnx(model, rules={"MyOp": 3})


def test_concatenated_channels_have_their_shares():
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], pads=[1, 1, 1, 1]),
        helper.make_node("Concat", ["x", "a"], ["y"], axis=1),
    ]
    net = from_onnx(graph(nodes, constants={"w": weights(12, 4, 3, 3)}))
    law = em.distribution(net)
    assert law.pmf((0, 0)) == pytest.approx(1 / 4 + 3 / 4 / 9)


def test_a_channel_shuffle_and_channels_last_keep_space():
    nodes = [
        helper.make_node("Reshape", ["x", "five"], ["a"]),
        helper.make_node("Transpose", ["a"], ["b"], perm=[0, 2, 1, 3, 4]),
        helper.make_node("Reshape", ["b", "four"], ["c"]),
        helper.make_node("Transpose", ["c"], ["d"], perm=[0, 2, 3, 1]),
        helper.make_node("MatMul", ["d", "m"], ["e"]),
        helper.make_node("LayerNormalization", ["e", "s"], ["f"]),
        helper.make_node("Transpose", ["f"], ["g"], perm=[0, 3, 1, 2]),
        helper.make_node("Conv", ["g", "w"], ["y"]),
    ]
    constants = {
        "five": ints(1, 2, 2, 16, 16),
        "four": ints(1, -1, 16, 16),
        "m": weights(4, 4),
        "s": weights(4),
    }
    expected = Conv((1, 1), channels=4) >> Conv((3, 3), channels=8)
    assert from_onnx(graph(nodes, constants={**constants, "w": CONV})) == expected


def test_pixel_shuffle_by_reshapes():
    nodes = [
        helper.make_node("Reshape", ["x", "six"], ["a"]),
        helper.make_node("Transpose", ["a"], ["b"], perm=[0, 1, 4, 2, 5, 3]),
        helper.make_node("Reshape", ["b", "four"], ["y"]),
    ]
    constants = {"six": ints(1, 1, 2, 2, 16, 16), "four": ints(1, 1, 32, 32)}
    assert from_onnx(graph(nodes, constants=constants)) == Rearranged(em.Upsample((2, 2)), 1)


def test_space_to_depth_by_reshapes():
    nodes = [
        helper.make_node("Reshape", ["x", "six"], ["a"]),
        helper.make_node("Transpose", ["a"], ["b"], perm=[0, 1, 3, 5, 2, 4]),
        helper.make_node("Reshape", ["b", "four"], ["y"]),
    ]
    constants = {"six": ints(1, 4, 8, 2, 8, 2), "four": ints(1, 16, 8, 8)}
    assert from_onnx(graph(nodes, constants=constants)) == Rearranged(Conv((2, 2), stride=2), 16)


def test_flattened_tokens_come_back_as_a_map():
    nodes = [
        helper.make_node("Reshape", ["x", "three"], ["a"]),
        helper.make_node("Transpose", ["a"], ["b"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["b", "m"], ["c"]),
        helper.make_node("Transpose", ["c"], ["d"], perm=[0, 2, 1]),
        helper.make_node("Reshape", ["d", "four"], ["e"]),
        helper.make_node("Conv", ["e", "w"], ["y"]),
    ]
    constants = {"three": ints(0, 0, -1), "m": weights(4, 4), "four": ints(1, 4, 16, 8), "w": CONV}
    expected = Conv((1, 1), channels=4) >> Conv((3, 3), channels=8)
    assert from_onnx(graph(nodes, (1, 4, 16, 8), constants=constants)) == expected
    wrong = {**constants, "four": ints(1, 4, 8, 16)}
    with pytest.raises(ValueError, match=r"axis 3 .* holds several of the input's spatial axes"):
        from_onnx(graph(nodes, (1, 4, 16, 8), constants=wrong), "y")


def test_shapes_are_folded():
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], strides=[2, 2], pads=[1, 1, 1, 1]),
        helper.make_node("Shape", ["x"], ["s"]),
        helper.make_node("Slice", ["s", "two", "four"], ["hw"]),
        helper.make_node("Shape", ["a"], ["t"]),
        helper.make_node("Slice", ["t", "zero", "two"], ["nc"]),
        helper.make_node("Concat", ["nc", "hw"], ["size"], axis=0),
        helper.make_node("Resize", ["a", "", "", "size"], ["y"]),
    ]
    constants = {"w": CONV, "zero": ints(0), "two": ints(2), "four": ints(4)}
    expected = Conv((3, 3), 2, padding=1, channels=8) >> em.Upsample((2, 2))
    assert from_onnx(graph(nodes, constants=constants)) == expected
    loose = graph(nodes, ("n", 4, "h", "w"), constants=constants)
    assert from_onnx(loose, input_shape=(1, 4, 32, 64)) == expected
    usual = from_onnx(loose)  # at a size that is said
    assert usual == expected
    assert usual.input_shape == (1, 4, 224, 224)
    assert usual.warnings == (
        "the file leaves sizes of its input 'x' open (nx4xhxw); it is read at 1x4x224x224, which input_shape "
        "changes",
    )


def test_sizes_may_stay_open():
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"]),
        helper.make_node("Concat", ["a", "a"], ["b"], axis=1),
        helper.make_node("GlobalAveragePool", ["b"], ["c"]),
        helper.make_node("Flatten", ["c"], ["y"]),
    ]
    net = from_onnx(graph(nodes, ("n", 4, "h", "w"), constants={"w": CONV}))
    assert receptive_field(net).size == (3, 3)


def test_other_axes_can_be_the_space():
    node = helper.make_node("Transpose", ["x"], ["t"], perm=[0, 3, 1, 2])
    nodes = [node, helper.make_node("Conv", ["t", "w"], ["y"], strides=[2, 1])]
    net = from_onnx(graph(nodes, (1, 16, 12, 4), constants={"w": CONV}))
    assert net == Conv((3, 3), stride=(2, 1), channels=8)
    nodes = [
        helper.make_node("Relu", ["x"], ["r"]),
        helper.make_node("Transpose", ["r"], ["t"], perm=[0, 3, 1, 2]),
        nodes[1],
    ]
    model = graph(nodes, (1, 16, 12, 4), constants={"w": CONV})
    with pytest.raises(ValueError, match="space="):
        from_onnx(model)
    assert receptive_field(from_onnx(model, space=(1, 2))).size == (3, 3)


def test_one_and_three_axes():
    line = one("Conv", weights(8, 4, 5), shape=(1, 4, 32), dilations=[2], pads=[8, 0])
    assert from_onnx(line) == Conv(5, dilation=2, padding="causal", channels=8)
    cube = one("Conv", weights(8, 4, 1, 3, 5), shape=(1, 4, 8, 8, 8))
    assert from_onnx(cube) == Conv((1, 3, 5), channels=8)


def test_several_inputs_need_a_choice():
    nodes = [helper.make_node("Add", ["x", "z"], ["y"])]
    model = graph(nodes, z=(1, 4, 16, 16))
    with pytest.raises(ValueError, match="several inputs, x, z"):
        from_onnx(model)
    assert from_onnx(model, input="z") == Identity()


@pytest.mark.slow(only="newest")
def test_a_model_of_many_nodes():
    nodes, last = [], "x"
    for i in range(10**4):
        if i % 2:
            nodes.append(helper.make_node("Conv", [last, "w"], [f"t{i}"], pads=[1, 1, 1, 1]))
        else:
            nodes.append(helper.make_node("Add", [last, f"t{i - 3}" if i > 3 else "x"], [f"t{i}"]))
        last = f"t{i}"
    model = graph(nodes, outputs=(last,), constants={"w": weights(4, 4, 3, 3)})
    assert len(from_onnx(model).layers) == 10**4
    assert receptive_field(from_onnx(model, "t999")).size == (1001, 1001)


def bad_files(tmp_path):
    whole = light("squeezenet").read_bytes()
    for name, data in {"text": b"no model at all\n", "cut": whole[:5000], "empty": b""}.items():
        path = tmp_path / f"{name}.onnx"
        path.write_bytes(data)
        yield path


def test_bad_files(tmp_path):
    for path in bad_files(tmp_path):
        with pytest.raises(ValueError, match=r"onnx' is no ONNX model, or is cut off") as caught:
            from_onnx(path)
        assert "\n" not in str(caught.value)
    with pytest.raises(FileNotFoundError):
        from_onnx(tmp_path / "missing.onnx")
    with pytest.raises(TypeError, match="model must be a path"):
        from_onnx(3)


def test_bad_models():
    with pytest.raises(
        ValueError, match="output must be the name of a tensor of the model, such as 'y', got 'z'"
    ):
        from_onnx(one("Relu"), "z")
    with pytest.raises(ValueError, match="input must be the name of a tensor"):
        from_onnx(one("Relu"), input="z")
    constant = graph([helper.make_node("Relu", ["c"], ["y"])], constants={"c": weights(1, 4, 4, 4)})
    with pytest.raises(ValueError, match="no path"):
        from_onnx(constant)
    chain = [helper.make_node("Relu", ["x"], ["a"]), helper.make_node("Relu", ["x"], ["y"])]
    with pytest.raises(ValueError, match="no path from the input 'a' to the output 'y'"):
        from_onnx(graph(chain), input="a")
    shapeless = one("Relu", shape=None)
    with pytest.raises(ValueError, match="shape of the input 'x' is not known; give input_shape"):
        from_onnx(shapeless)


def test_a_tensor_that_cannot_be_read_is_named_beside_those_that_can():
    nodes = [
        helper.make_node("Relu", ["c"], ["weights"]),
        helper.make_node("Conv", ["x", "weights"], ["first"]),
        helper.make_node("Relu", ["first"], ["y"]),
    ]
    model = graph(nodes, (1, 4, 8, 8), constants={"c": weights(4, 4, 3, 3)})
    read = from_onnx(model)
    assert read.outputs == ("first", "y")
    assert read.layers == ("first", "y")
    with pytest.raises(ValueError, match="such as 'y', 'first', got 'frist'"):
        read.up_to("frist")
    with pytest.raises(ValueError, match=r"'weights' depends on no input: .*can be read: 'first', 'y'"):
        read.up_to("weights")
    for shape, error in (
        (4, TypeError),
        ("abcd", TypeError),
        ((1, 4, 8), ValueError),
        ((1, 4, 0, 8), ValueError),
    ):
        with pytest.raises(error, match="input_shape"):
            from_onnx(model, input_shape=shape)
    with pytest.raises(TypeError, match="rules must be a dict of networks by the names of operators, got 3"):
        from_onnx(model, rules=3)


def test_control_flow_is_named():
    def branch(kind):
        return helper.make_graph(
            [helper.make_node(kind, ["x"], [kind])],
            kind,
            [],
            [helper.make_tensor_value_info(kind, TensorProto.FLOAT, None)],
        )

    node = helper.make_node(
        "If", ["c"], ["y"], name="gate", then_branch=branch("Relu"), else_branch=branch("Neg")
    )
    for value, activation in ((True, "relu"), (False, None)):
        found = from_onnx(graph([node], constants={"c": np.array(value)}))
        assert found == (em.Activation("relu") if activation else Identity())
    model = graph([node], c=())
    with pytest.raises(ValueError, match="If 'gate' is control flow: its condition 'c' is not known; give"):
        from_onnx(model)
    assert from_onnx(model, values={"c": True}) == em.Activation("relu")
    with pytest.raises(ValueError, match="Loop 'op' is control flow"):
        from_onnx(one("Loop"))


def test_space_is_not_concatenated():
    relu = helper.make_node("Conv", ["x", "w"], ["r"], pads=[1, 1, 1, 1])
    node = helper.make_node("Concat", ["x", "r"], ["y"], axis=2, name="op")
    with pytest.raises(ValueError, match="Concat 'op' concatenates different maps along axis 2"):
        from_onnx(graph([relu, node], constants={"w": weights(4, 4, 3, 3)}))


def derivative(model, shape, unit, channel):
    """The derivative of an output by every input of a linear model, by onnx's own evaluator."""
    from onnx.reference import ReferenceEvaluator

    session = ReferenceEvaluator(model)
    zero = np.zeros(shape, dtype=np.float32)
    base = session.run(None, {"x": zero})[0]
    found = np.zeros(shape)
    for index in np.ndindex(*shape):
        x = zero.copy()
        x[index] = 1
        change = (session.run(None, {"x": x})[0] - base)[(0, slice(None), *unit)]
        found[index] = change.sum() if channel is None else change[channel]
    return found[0]


def noise(*shape):
    return np.random.default_rng(sum(shape)).normal(size=shape).astype(np.float32)


GIVEN = {
    "Conv": lambda: one("Conv", noise(4, 2, 3, 2), shape=(1, 4, 5, 5), group=2, pads=[1, 0, 1, 1]),
    "ConvTranspose": lambda: one("ConvTranspose", noise(4, 3, 3, 3), shape=(1, 4, 3, 3), strides=[2, 2]),
    "BatchNormalization": lambda: one(
        "BatchNormalization", noise(3), noise(3), noise(3), noise(3) ** 2 + 1, shape=(1, 3, 4, 4), opset=15
    ),
    "Sub": lambda: graph(
        [
            helper.make_node("Conv", ["x", "w"], ["a"]),
            helper.make_node("Sub", ["x", "a"], ["b"]),
            helper.make_node("Sub", ["c", "b"], ["y"]),
        ],
        (1, 3, 4, 4),
        constants={"w": noise(3, 3, 1, 1), "c": noise(3, 1, 1)},
    ),
    "Div": lambda: one("Div", noise(1, 3, 1, 1), shape=(1, 3, 4, 4)),
    "Neg": lambda: one("Neg", shape=(1, 3, 4, 4)),
    "DepthToSpace": lambda: one("DepthToSpace", shape=(1, 8, 3, 3), blocksize=2),
    "DepthToSpace CRD": lambda: one("DepthToSpace", shape=(1, 8, 3, 3), blocksize=2, mode="CRD"),
    "SpaceToDepth": lambda: one("SpaceToDepth", shape=(1, 2, 6, 6), blocksize=2),
    "Gather": lambda: one("Gather", np.array([2, 0]), shape=(1, 3, 4, 4), axis=1),
    "Slice": lambda: one("Slice", ints(1), ints(99), ints(1), ints(2), shape=(1, 5, 4, 4)),
    "Concat": lambda: graph(
        [helper.make_node("Concat", ["x", "c", "x"], ["y"], axis=1)],
        (1, 2, 4, 4),
        constants={"c": noise(1, 3, 4, 4)},
    ),
    "Split": lambda: graph(
        [
            helper.make_node("Split", ["x", "parts"], ["a", "b"], axis=1),
            helper.make_node("Concat", ["b", "a"], ["y"], axis=1),
        ],
        (1, 3, 4, 4),
        constants={"parts": ints(1, 2)},
    ),
    "MatMul": lambda: graph(
        [
            helper.make_node("Transpose", ["x"], ["a"], perm=[0, 2, 3, 1]),
            helper.make_node("MatMul", ["a", "w"], ["b"]),
            helper.make_node("Transpose", ["b"], ["y"], perm=[0, 3, 1, 2]),
        ],
        (1, 3, 4, 4),
        constants={"w": noise(3, 5)},
    ),
    "Pad": lambda: one("Pad", ints(0, 1, 1, 0, 0, 2, 0, 1), shape=(1, 2, 4, 4)),
    "Expand": lambda: one("Expand", ints(1, 3, 4, 4), shape=(1, 1, 4, 4)),
    "Tile": lambda: one("Tile", ints(1, 2, 1, 1), shape=(1, 2, 4, 4)),
    "ReduceMean": lambda: one("ReduceMean", ints(1), shape=(1, 3, 4, 4)),
    "ReduceSum": lambda: one("ReduceSum", ints(1), shape=(1, 3, 4, 4)),
    "Mean": lambda: graph(
        [helper.make_node("Mean", ["x", "c"], ["y"])], (1, 3, 4, 4), constants={"c": noise(1, 3, 4, 4)}
    ),
    "names that collide": lambda: graph(
        [
            helper.make_node("Conv", ["x", "w"], ["y.0"]),
            helper.make_node("Slice", ["y.0", "from", "to", "axes"], ["p"]),
            helper.make_node("Add", ["p", "y.0"], ["y"]),
        ],
        (1, 3, 4, 4),
        constants={"w": noise(3, 3, 1, 1), "from": ints(0), "to": ints(1), "axes": ints(1)},
    ),
    "old Unsqueeze": lambda: graph(
        [
            helper.make_node("Unsqueeze", ["s"], ["u"], axes=[1, 2]),
            helper.make_node("Mul", ["x", "u"], ["y"]),
        ],
        (1, 3, 4, 4),
        constants={"s": noise(3)},
        opset=9,
    ),
}


@pytest.mark.parametrize("name", GIVEN)
def test_given_weights_are_derivatives(name):
    model = GIVEN[name]()
    shape = tuple(side.dim_value for side in model.graph.input[0].type.tensor_type.shape.dim)
    net = from_onnx(model, weights="given")
    if name == "old Unsqueeze":  # which onnx's evaluator does not take
        found = em.impact_map(net, (1, 1), shape[2:])
        assert found.start == (1, 1)
        np.testing.assert_allclose(found.channels[:, 0, 0], noise(3), rtol=1e-6)
        return
    for unit, channel in (((0, 0), None), ((1, 2), None), ((1, 2), 0)):
        expected = derivative(model, shape, unit, channel)
        if not expected.any() or (
            name in ("Mean", "Neg") and channel is not None
        ):  # whose channels are alike
            continue
        found = em.impact_map(net, unit, shape[2:], channel)
        whole = np.zeros(shape[1:])
        sides = found.channels.shape[1:]
        whole[(slice(None), *(slice(o, o + k) for o, k in zip(found.start, sides, strict=True)))] = (
            found.channels
        )
        np.testing.assert_allclose(whole, expected, rtol=1e-5, atol=1e-6)


def test_factors_of_products_of_matrices():
    """alpha x W^T, read along the rows of x."""
    model = graph(
        [
            helper.make_node("Gemm", ["x", "w"], ["a"], alpha=2.0, transB=1),
            helper.make_node("Add", ["x", "a"], ["y"]),
        ],
        (5, 3),
        constants={"w": noise(3, 3)},
    )
    net = from_onnx(model, weights="given", space=0)
    for channel in range(3):
        found = em.impact_map(net, channel=channel).channels[:, 0]
        np.testing.assert_allclose(found, np.eye(3)[channel] + 2 * noise(3, 3)[channel], rtol=1e-6)


def test_scales_of_group_normalisation():
    """One per group in opset 18, one per channel from 21 on."""
    for opset, scale in ((18, noise(2)), (21, noise(4))):
        model = one("GroupNormalization", scale, scale, shape=(1, 4, 5, 5), num_groups=2, opset=opset)
        net = from_onnx(model, weights="given", gates=False)
        for channel in range(4):
            found = em.impact_map(net, channel=channel).channels.ravel()
            expected = np.eye(4)[channel] * np.repeat(scale, 4 // len(scale))[channel]
            np.testing.assert_allclose(found, expected, rtol=1e-6)


def test_slopes_that_depend_on_the_input_are_refused_with_weights():
    with pytest.raises(ValueError, match="slope"):
        from_onnx(one("LpPool", kernel_shape=[2, 2]), "y", weights="given")


def test_weights_in_files_of_their_own(tmp_path):
    model, path = GIVEN["Conv"](), tmp_path / "model.onnx"
    onnx.save(model, path, save_as_external_data=True, location="weights.bin", size_threshold=0)
    found, expected = (
        em.impact_map(from_onnx(m, weights="given")).channels for m in (str(path), GIVEN["Conv"]())
    )
    np.testing.assert_array_equal(found, expected)
    with pytest.raises(ValueError, match="in another file"):
        from_onnx(onnx.load(path, load_external_data=False), weights="given")


@pytest.mark.parametrize(
    ("name", "tolerance"), [("squeezenet", 1e-9), ("shufflenet", 1e-9), ("inception_v2", 1e-2)]
)
def test_energies_of_the_light_models_are_those_of_their_channels(name, tolerance):
    given, energy = (from_onnx(light(name), weights=weights, gates=False) for weights in ("given", "energy"))
    expected = em.distribution(em.variance(given)).var()
    np.testing.assert_allclose(em.distribution(energy).var(), expected, rtol=tolerance)
