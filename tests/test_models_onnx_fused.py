"""Fused operators of onnxruntime: the plain nodes that they are written out as compute what they define."""

import numpy as np
import pytest

import erfmath as em

onnx = pytest.importorskip("onnx", minversion="1.19", reason="the evaluator of onnx is the oracle")
from onnx import TensorProto, helper  # noqa: E402
from oracles_onnx import gelu, group_normalised, noise, normalised, root_normalised, silu, written  # noqa: E402

from erfmath.models.onnx.folding import Folding  # noqa: E402
from erfmath.models.onnx.lowered import lowered  # noqa: E402
from erfmath.models.onnx.shapes import type_of  # noqa: E402

MS, BLOCKED, LAST = "com.microsoft", "com.microsoft.nchwc", "com.ms.internal.nhwc"
RTOL = {"rtol": 1e-4, "atol": 1e-5}


def convolved(x, kernel, bias=0.0, stride=1, groups=1):
    """A convolution without padding, tap by tap."""
    outputs, inputs, *sides = kernel.shape
    height, width = ((n - k) // stride + 1 for n, k in zip(x.shape[2:], sides, strict=True))
    found = np.zeros((len(x), outputs, height, width))
    for o in range(outputs):
        start = o // (outputs // groups) * inputs
        for i in range(inputs):
            for a, b in np.ndindex(*sides):
                taken = x[:, start + i, a : a + stride * height : stride, b : b + stride * width : stride]
                found[:, o] += kernel[o, i, a, b] * taken[:, :height, :width]
    return found + np.reshape(bias, (-1, 1, 1))


def last(x):
    return np.moveaxis(x, 1, -1)


def softmax(x):
    x = np.exp(x - x.max(-1, keepdims=True))
    return x / x.sum(-1, keepdims=True)


ACTIVATIONS = {
    "none": ({}, lambda x: x),
    "relu": ({"activation": "Relu"}, lambda x: np.maximum(x, 0)),
    "clip": ({"activation": "Clip", "activation_params": [-0.5, 0.75]}, lambda x: np.clip(x, -0.5, 0.75)),
    "leaky": ({"activation": "LeakyRelu", "activation_params": [0.3]}, lambda x: np.where(x > 0, x, 0.3 * x)),
    "sigmoid": (
        {"activation": "HardSigmoid", "activation_params": [0.25, 0.125]},
        lambda x: np.clip(0.25 * x + 0.125, 0, 1),
    ),
    "by name": (
        {"activation": "HardSigmoid", "activation_alpha": 0.25, "activation_beta": 0.125},
        lambda x: np.clip(0.25 * x + 0.125, 0, 1),
    ),
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_convolutions_with_an_activation(name):
    own, function = ACTIVATIONS[name]
    x, kernel, bias = noise(1, 4, 5, 6), noise(6, 2, 3, 2), noise(6)
    more = noise(1, 6, 2, 3)
    made = convolved(x, kernel, bias, stride=2, groups=2)
    for kind, domain, turn in (
        ("FusedConv", MS, lambda x: x),
        ("NhwcConv", MS, last),
        ("NhwcFusedConv", MS, last),
        ("Conv", LAST, last),
    ):
        for rest, expected in (
            ((bias,), made),
            ((bias, turn(more)), made + more),
            ((None, turn(more)), made - bias[:, None, None] + more),
        ):
            found = written(kind, domain, turn(x), kernel, *rest, strides=[2, 2], group=2, **own)
            np.testing.assert_allclose(found, turn(function(expected)), **RTOL)


def test_pools_with_channels_last():
    x = noise(1, 3, 4, 6)
    parts = x.reshape(1, 3, 2, 2, 2, 3)
    for kind, domain, function in (
        ("NhwcMaxPool", MS, np.max),
        ("MaxPool", LAST, np.max),
        ("AveragePool", LAST, np.mean),
    ):
        found = written(kind, domain, last(x), kernel_shape=[2, 3], strides=[2, 3])
        np.testing.assert_allclose(found, last(function(parts, (3, 5))), **RTOL)
    for kind, function in (("GlobalAveragePool", np.mean), ("GlobalMaxPool", np.max)):
        found = written(kind, LAST, last(x))
        np.testing.assert_allclose(found, last(function(x, (2, 3), keepdims=True)), **RTOL)


def test_pools_and_enlargements_of_blocks_are_those_of_channels():
    x = noise(1, 16, 4, 6)
    parts = x.reshape(1, 16, 2, 2, 2, 3)
    for kind, function in (("MaxPool", np.max), ("AveragePool", np.mean)):
        found = written(kind, BLOCKED, x, kernel_shape=[2, 3], strides=[2, 3])
        np.testing.assert_allclose(found, function(parts, (3, 5)), **RTOL)
    for kind, function in (("GlobalAveragePool", np.mean), ("GlobalMaxPool", np.max)):
        np.testing.assert_allclose(written(kind, BLOCKED, x), function(x, (2, 3), keepdims=True), **RTOL)
    found = written(
        "Upsample",
        BLOCKED,
        x,
        scales=[1, 1, 2, 3],
        mode="nearest",
        coordinate_transformation_mode="asymmetric",
    )
    np.testing.assert_array_equal(found, x.repeat(2, 2).repeat(3, 3))
    # Corners aligned, every other of 7 samples is one of the 4.
    own = {"mode": "linear", "coordinate_transformation_mode": "align_corners"}
    found = written("Upsample", BLOCKED, x, scales=[1.0, 1.0, 1.75, 1.0], **own)
    np.testing.assert_allclose(found[:, :, ::2], x, **RTOL)
    np.testing.assert_allclose(found[:, :, 1::2], (x[:, :, 1:] + x[:, :, :-1]) / 2, **RTOL)


def test_channels_that_go_to_blocks_and_come_back():
    x = noise(1, 16, 4, 5)
    for way, turn in ((0, lambda x: x), (1, last)):
        found = written("ReorderInput", BLOCKED, turn(x), channels_last=way)
        np.testing.assert_array_equal(found, x)
        for channels in (16, 9):
            found = written("ReorderOutput", BLOCKED, x, channels=channels, channels_last=way)
            np.testing.assert_array_equal(found, turn(x[:, :channels]))
    np.testing.assert_array_equal(written("ReorderInput", BLOCKED, x), x)
    np.testing.assert_array_equal(written("ReorderOutput", BLOCKED, x), x)


def test_blocks_that_are_shown_are_the_channels_in_order():
    """As a reshape shows them, (1, 32, 4, 5) is (1, 2, 4, 5, 16), and the other way round."""
    from oracles_onnx import Plain

    x = noise(1, 32, 4, 5)
    nodes = [
        helper.make_node("ReorderInput", ["x"], ["a"], domain=BLOCKED),
        helper.make_node("Reshape", ["a", "shown"], ["b"]),
        helper.make_node("Reshape", ["b", "whole"], ["c"]),
        helper.make_node("Reshape", ["c", "flat"], ["d"]),
        helper.make_node("ReorderOutput", ["c"], ["e"], domain=BLOCKED, channels=32),
        helper.make_node("Reshape", ["e", "shown"], ["f"]),
    ]
    shapes = {"shown": (1, 2, 4, 5, 16), "whole": (1, 32, 4, 5), "flat": (1, -1)}
    found = Plain(nodes, {"x": x}, {name: np.array(shape) for name, shape in shapes.items()})
    np.testing.assert_array_equal(found.value("b"), np.moveaxis(x.reshape(1, 2, 16, 4, 5), 2, -1))
    np.testing.assert_array_equal(found.value("c"), x)
    np.testing.assert_array_equal(found.value("d"), x.reshape(1, -1))  # in no blocks any more
    np.testing.assert_array_equal(found.value("f"), x.reshape(1, 2, 4, 5, 16))
    assert {"a", "b", "c", "d"} <= found.folding.blocked
    assert not {"x", "e", "f"} & found.folding.blocked


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_general_products(name):
    own, function = ACTIVATIONS[name]
    a, b, c = noise(3, 4), noise(5, 3), noise(4, 5)
    found = written("FusedGemm", MS, a, b, c, transA=1, transB=1, alpha=0.5, beta=0.25, **own)
    np.testing.assert_allclose(found, function(0.5 * a.T @ b.T + 0.25 * c), **RTOL)


@pytest.mark.parametrize("kind", ["FusedMatMul", "TransposeMatMul"])
def test_products_of_turned_matrices(kind):
    a, b = noise(2, 6, 3, 4), noise(2, 6, 4, 5)
    np.testing.assert_allclose(written(kind, MS, a, b), a @ b, **RTOL)
    for alpha in (1.0, 0.5):
        found = written(kind, MS, a.swapaxes(2, 3), b.swapaxes(2, 3), transA=1, transB=1, alpha=alpha)
        np.testing.assert_allclose(found, alpha * (a @ b), **RTOL)
    rows = np.moveaxis(a, 2, 0), np.moveaxis(b, 2, 0)  # of matrices first, then the batch
    np.testing.assert_allclose(written(kind, MS, *rows, transBatchA=1, transBatchB=1), a @ b, **RTOL)
    both = np.moveaxis(a, 3, 0), np.moveaxis(b, 3, 0)
    found = written(kind, MS, *both, transA=1, transB=1, transBatchA=1, transBatchB=1)
    np.testing.assert_allclose(found, a @ b, **RTOL)
    flat = written(kind, MS, a[0, 0].T, b[0, 0].T, transA=1, transB=1, transBatchA=1)
    np.testing.assert_allclose(flat, a[0, 0] @ b[0, 0], **RTOL)
    row = written(kind, MS, a[0, 0, 0], b[0, 0], transA=1)  # of one axis, which has none to be exchanged with
    np.testing.assert_allclose(row, a[0, 0, 0] @ b[0, 0], **RTOL)


def test_a_product_with_an_activation():
    a, b = noise(3, 4), noise(4, 5)
    found = written(
        "FusedMatMulActivation", MS, a, b, activation="LeakyRelu", activation_alpha=0.25, alpha=2.0
    )
    np.testing.assert_allclose(found, np.where(a @ b > 0, 2, 0.5) * (a @ b), **RTOL)


def test_units_with_a_bias():
    x, bias, more = noise(2, 3, 4), noise(4), noise(2, 3, 4, seed=1)
    np.testing.assert_allclose(written("Gelu", MS, x), gelu(x), **RTOL)
    for kind in ("BiasGelu", "FastGelu"):
        np.testing.assert_allclose(written(kind, MS, x, bias), gelu(x + bias), **RTOL)
    np.testing.assert_allclose(written("FastGelu", MS, x), gelu(x), **RTOL)
    np.testing.assert_allclose(written("QuickGelu", MS, x, alpha=1.0), silu(x), **RTOL)
    for own in ({}, {"alpha": 1.702}):
        found = written("QuickGelu", MS, x, **own)
        np.testing.assert_allclose(found, silu(1.702 * x) / 1.702, atol=0.03)  # it is made to be near GELU
        np.testing.assert_allclose(found, gelu(x), **RTOL)
    np.testing.assert_allclose(written("BiasSoftmax", MS, x, bias), softmax(x + bias), **RTOL)
    found = written("BiasSoftmax", MS, x, bias, axis=1)
    np.testing.assert_allclose(found, softmax((x + bias).swapaxes(1, 2)).swapaxes(1, 2), **RTOL)
    for kind in ("BiasAdd", "BiasDropout", "BitmaskBiasDropout"):
        np.testing.assert_allclose(written(kind, MS, x, bias, more), x + bias + more, **RTOL)
    np.testing.assert_allclose(written("BiasDropout", MS, x, bias), x + bias, **RTOL)


def test_normalisations_of_sums():
    x, more, scale, shift, bias = (
        noise(2, 3, 4),
        noise(2, 3, 4, seed=1),
        noise(4),
        noise(4, seed=1),
        noise(4, seed=2),
    )
    own = {"epsilon": 0.125}
    for rest, added in (((bias,), bias), ((), 0)):
        total = x + more + added
        found = written("SkipLayerNormalization", MS, x, more, scale, shift, *rest, outputs=4, **own)
        np.testing.assert_allclose(found[0], normalised(total, 2, 0.125) * scale + shift, **RTOL)
        np.testing.assert_allclose(found[3], total, **RTOL)
        found = written("SkipSimplifiedLayerNormalization", MS, x, more, scale, *rest, outputs=4, **own)
        np.testing.assert_allclose(found[0], root_normalised(total, scale, 0.125), **RTOL)
        np.testing.assert_allclose(found[3], total, **RTOL)
    found = written("SkipLayerNormalization", MS, x, more, scale, **own)
    np.testing.assert_allclose(found, normalised(x + more, 2, 0.125) * scale, **RTOL)


def test_normalisations_of_onnxruntime():
    x, scale, shift = noise(2, 3, 4), noise(4), noise(4, seed=1)
    for own in ({}, {"epsilon": 0.125, "axis": -1}, {"epsilon": 0.125}):
        found = written("LayerNormalization", MS, x, scale, shift, **own)
        np.testing.assert_allclose(found, normalised(x, 2, own.get("epsilon", 1e-5)) * scale + shift, **RTOL)
        found = written("SimplifiedLayerNormalization", MS, x, scale, **own)
        np.testing.assert_allclose(found, root_normalised(x, scale, own.get("epsilon", 1e-5)), **RTOL)
    wide = noise(3, 4, seed=3)
    found = written("LayerNormalization", MS, x, wide, axis=1, epsilon=0.125)
    np.testing.assert_allclose(found, normalised(x, (1, 2), 0.125) * wide, **RTOL)


@pytest.mark.parametrize("activation", [0, 1])
@pytest.mark.parametrize("way", [0, 1])
def test_normalisations_of_groups(way, activation):
    x, more, scale, shift, bias = (
        noise(1, 6, 3, 4),
        noise(1, 6, 3, 4, seed=1),
        noise(6),
        noise(6, seed=1),
        noise(6, seed=2),
    )
    turn = last if way else lambda x: x
    own = {"groups": 2, "epsilon": 0.125, "activation": activation} | ({} if way else {"channels_last": 0})
    function = silu if activation else lambda x: x
    found = written("GroupNorm", MS, turn(x), scale, shift, **own)
    np.testing.assert_allclose(found, turn(function(group_normalised(x, scale, shift, 2, 0.125))), **RTOL)
    for rest, added in (((bias,), bias[:, None, None]), ((), 0)) if way else (((), 0),):
        total = x + more + added
        found = written("SkipGroupNorm", MS, turn(x), scale, shift, turn(more), *rest, outputs=2, **own)
        np.testing.assert_allclose(
            found[0], turn(function(group_normalised(total, scale, shift, 2, 0.125))), **RTOL
        )
        np.testing.assert_allclose(found[1], turn(total), **RTOL)
    if not activation:
        found = written(
            "GroupNorm",
            MS,
            turn(x),
            scale,
            shift,
            groups=3,
            activation=0,
            **({} if way else {"channels_last": 0}),
        )
        np.testing.assert_allclose(found, turn(group_normalised(x, scale, shift, 3)), **RTOL)


def attended(query, key, value, heads, groups=None, causal=False, scale=None, mask=0.0):
    """Attention head by head; several heads share the keys and values of a group."""
    groups, found = groups or heads, []
    parts = [np.split(x, n, axis=2) for x, n in ((query, heads), (key, groups), (value, groups))]
    for head in range(heads):
        q, k, v = parts[0][head], *(entries[head * groups // heads] for entries in parts[1:])
        scores = q @ k.swapaxes(1, 2) * (q.shape[2] ** -0.5 if scale is None else scale) + mask
        if causal:
            scores = np.where(np.tri(*scores.shape[1:], dtype=bool), scores, -np.inf)
        found.append(softmax(scores) @ v)
    return np.concatenate(found, axis=2)


@pytest.mark.parametrize("version", [11, 23])
def test_attention_of_a_tensor_to_itself(version):
    x, weights, bias, mask = noise(1, 5, 6), noise(6, 24), noise(24), noise(1, 2, 5, 5)
    made = x @ weights
    for rest, added in (((bias,), bias), ((), 0)):
        parts = np.split(made + added, 3, axis=2)
        found = written("Attention", MS, x, weights, *rest, num_heads=2, version=version)
        np.testing.assert_allclose(found, attended(*parts, 2), **RTOL)
        found = written("Attention", MS, x, weights, *rest, num_heads=4, unidirectional=1, scale=0.25)
        np.testing.assert_allclose(found, attended(*parts, 4, causal=True, scale=0.25), **RTOL)
    found = written("Attention", MS, x, weights, None, None, None, mask[:, :1], num_heads=1)
    np.testing.assert_allclose(found, attended(*np.split(made, 3, axis=2), 1, mask=mask[:, 0]), **RTOL)
    parts = np.split(made, [4, 8], axis=2)
    found = written("Attention", MS, x, weights, num_heads=2, qkv_hidden_sizes=[4, 4, 16], version=version)
    np.testing.assert_allclose(found, attended(*parts, 2), **RTOL)


def test_quantised_attention():
    x, bias = noise(1, 5, 6), noise(24)
    weights = np.random.default_rng(0).integers(-99, 99, (6, 24), dtype=np.int8)
    operands = (x, weights, bias, np.float32(1), np.float32(0.01))
    found = written("QAttention", MS, *operands, None, num_heads=2)
    parts = np.split(x @ (weights * np.float32(0.01)) + bias, 3, axis=2)
    np.testing.assert_allclose(found, attended(*parts, 2), rtol=1e-3, atol=1e-4)


def test_attention_to_others():
    query, key, value = noise(1, 5, 8), noise(1, 7, 8), noise(1, 7, 8, seed=1)
    expected, mask = attended(query, key, value, 2), noise(1, 1, 5, 7)
    found = written("MultiHeadAttention", MS, query, key, value, num_heads=2)
    np.testing.assert_allclose(found, expected, **RTOL)
    found = written("MultiHeadAttention", MS, query, key, value, None, None, mask, num_heads=2, scale=0.25)
    np.testing.assert_allclose(found, attended(query, key, value, 2, scale=0.25, mask=mask[0]), **RTOL)
    heads = [x.reshape(1, 7, 2, 4) for x in (key, value)]
    packed = np.stack(heads, axis=3)
    np.testing.assert_allclose(
        written("MultiHeadAttention", MS, query, packed, num_heads=2), expected, **RTOL
    )
    turned = [x.swapaxes(1, 2) for x in heads]
    np.testing.assert_allclose(
        written("MultiHeadAttention", MS, query, *turned, num_heads=2), expected, **RTOL
    )
    entries = [noise(1, 5, 2, 4, seed=i) for i in range(3)]
    found = written("MultiHeadAttention", MS, np.stack(entries, axis=3), num_heads=2, unidirectional=1)
    flat = [x.reshape(1, 5, 8) for x in entries]
    np.testing.assert_allclose(found, attended(*flat, 2, causal=True), **RTOL)


@pytest.mark.parametrize("version", [11, 23])
def test_attention_of_shared_keys(version):
    query, key, value = noise(1, 5, 16), noise(1, 5, 8), noise(1, 5, 8, seed=1)
    expected = attended(query, key, value, 4, 2, causal=True)
    own = {"num_heads": 4, "kv_num_heads": 2, "version": version}
    found = written("GroupQueryAttention", MS, query, key, value, **own)
    np.testing.assert_allclose(found, expected, **RTOL)
    packed = np.concatenate([query, key, value], axis=2)
    np.testing.assert_allclose(written("GroupQueryAttention", MS, packed, **own), expected, **RTOL)
    found = written("GroupQueryAttention", MS, packed, **own, scale=0.25)
    np.testing.assert_allclose(found, attended(query, key, value, 4, 2, causal=True, scale=0.25), **RTOL)


def test_operators_of_onnx_under_another_domain():
    x = noise(1, 2, 4, 5)
    found = written("Pad", MS, x, np.array([0, 0, 1, 0, 0, 0, 0, 2]), np.float32(3), mode="constant")
    np.testing.assert_array_equal(found, np.pad(x, ((0, 0), (0, 0), (1, 0), (0, 2)), constant_values=3))
    found = written("Pad", MS, x, np.array([0, 0, 1, 0, 0, 0, 0, 2]), mode="reflect")
    np.testing.assert_array_equal(found, np.pad(x, ((0, 0), (0, 0), (1, 0), (0, 2)), mode="reflect"))
    np.testing.assert_array_equal(written("Trilu", MS, x, np.array(1), upper=0), np.tril(x, 1))
    for version in (11, 23):
        found = written("ExpandDims", MS, x, np.array(2), version=version)
        np.testing.assert_array_equal(found, x[:, :, None])


def model(nodes, shape=(1, 4, 8, 8), **constants):
    """A model of nodes from "x" to "y"."""
    stored = [onnx.numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()]
    x = helper.make_tensor_value_info("x", TensorProto.FLOAT, shape)
    y = helper.make_tensor_value_info("y", TensorProto.FLOAT, None)
    return helper.make_model(
        helper.make_graph(nodes, "g", [x], [y], stored), opset_imports=[helper.make_opsetid("", 17)]
    )


def test_convolutions_of_blocks_are_read_by_the_shape_of_their_weights():
    def conv(*names, output, **own):
        return helper.make_node("Conv", names, [output], name=output, domain=BLOCKED, **own)

    def read(*nodes, **constants):
        nodes = [
            helper.make_node("ReorderInput", ["x"], ["a"], domain=BLOCKED),
            *nodes,
            helper.make_node("ReorderOutput", ["c"], ["y"], domain=BLOCKED, channels=9),
        ]
        return em.from_onnx(model(nodes, (1, 16, 8, 8), **constants))

    own = {"strides": [2, 1], "pads": [1, 1, 1, 1], "activation": "Relu"}
    found = read(conv("a", "w", "b", output="c", **own), w=noise(16, 16, 3, 3), b=noise(16))
    layer = em.Conv((3, 3), stride=(2, 1), padding=1, channels=16) >> em.Activation("relu")
    assert em.receptive_field(found).size == (3, 3)
    assert em.receptive_field(found).stride == (2, 1)
    assert str(layer.nodes[1]) in str(found.net)
    assert em.output_size(found, (8, 8)) == (4, 8)
    with pytest.raises(ValueError, match="weights"):
        em.from_onnx(found_model(own), weights="given")
    # The sum with another map that is fused into it.
    short = read(
        helper.make_node("MaxPool", ["a"], ["b"], domain=BLOCKED, kernel_shape=[5, 5], pads=[2, 2, 2, 2]),
        conv("a", "w", "", "b", output="c"),
        w=noise(16, 16, 1, 1),
    )
    assert em.receptive_field(short).size == (5, 5)


def found_model(own):
    nodes = [
        helper.make_node("ReorderInput", ["x"], ["a"], domain=BLOCKED),
        helper.make_node("Conv", ["a", "w"], ["c"], domain=BLOCKED, **own),
        helper.make_node("ReorderOutput", ["c"], ["y"], domain=BLOCKED),
    ]
    return model(nodes, (1, 16, 8, 8), w=noise(16, 16, 3, 3))


def test_positions_in_words_are_left_as_they_are():
    """Rotations by tables of their own move nothing."""
    node = helper.make_node("RotaryEmbedding", ["x", "p", "c", "s"], ["a"], domain=MS, interleaved=1)
    tail = helper.make_node("MatMul", ["a", "w"], ["y"])
    tables = {"p": np.arange(8)[None], "c": noise(8, 2), "s": noise(8, 2)}
    found = em.from_onnx(model([node, tail], (1, 8, 4), w=noise(4, 3), **tables), space=1)
    assert em.receptive_field(found).size == 1


def test_operands_of_unknown_shape_have_the_usual_number_of_axes():
    """As pictures have them, and matrices."""

    def plain(kind, domain, count=1, **own):
        names = [f"x{i}" for i in range(count)]
        node = helper.make_node(kind, names, ["y"], domain=domain, **own)
        folding = Folding({}, None, {"": 23}, {name: type_of(1, None) for name in names}, names, {})
        found = [made for made in lowered(node, folding) if made.op_type != "Identity"]
        attributes = [{a.name: list(a.ints) or a.i for a in made.attribute} for made in found]
        lists = [folding.value(name) for made in found for name in made.input if "~" in name]
        return attributes, [value.tolist() for value in lists if value is not None]

    first, last = {"perm": [0, 3, 1, 2]}, {"perm": [0, 2, 3, 1]}
    assert plain("NhwcMaxPool", MS, kernel_shape=[2, 2])[0] == [first, {"kernel_shape": [2, 2]}, last]
    assert plain("ReorderInput", BLOCKED, channels_last=1)[0] == [first]
    assert plain("ReorderOutput", BLOCKED, channels_last=1, channels=9) == ([last], [])
    assert plain("FusedMatMul", MS, 2, transA=1)[0] == [{"perm": [1, 0]}, {}]
    assert plain("FusedMatMul", MS, 2, transB=1, transBatchB=1)[0] == [{"perm": [1, 0]}, {}]
    assert plain("DynamicQuantizeMatMul", MS, 3)[0][0] == {}
    heads = {"num_heads": 2, "kv_num_heads": 1}
    assert plain("Attention", MS, 2, num_heads=2)[1] == [[1, 1, 1]]
    assert plain("GroupQueryAttention", MS, **heads)[1] == [[2, 1, 1]]
    assert [len(own) for own in plain("MultiHeadAttention", MS, 3, num_heads=2)[0]] == [2]
    matrix = Folding(
        {}, None, {"": 23}, {"x": type_of(1, None), "w": type_of(3, None), "s": type_of(1, (5,))}, "xws", {}
    )
    made = lowered(helper.make_node("DynamicQuantizeMatMul", ["x", "w", "s"], ["y"], domain=MS), matrix)
    assert [(a.name, a.i) for a in made[0].attribute] == [("axis", 1)]
