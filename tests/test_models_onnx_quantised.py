"""Quantised operators: the plain nodes that they are written out as compute what they define."""

import numpy as np
import pytest

onnx = pytest.importorskip("onnx", minversion="1.19", reason="the evaluator of onnx is the oracle")
from onnx import helper  # noqa: E402
from onnx.reference import ReferenceEvaluator  # noqa: E402
from oracles_onnx import Plain, noise, written  # noqa: E402

MS = "com.microsoft"
RTOL = {"rtol": 1e-4, "atol": 1e-5}
Q, ZERO = np.float32(0.02), np.uint8(120)  # of the first operand
R, ONE = np.float32(0.05), np.uint8(100)  # of the second
S, TWO = np.float32(0.125), np.uint8(90)  # of what is made


def whole(*shape, kind=np.uint8, seed=0):
    ends = np.iinfo(kind)
    return np.random.default_rng((seed, *shape)).integers(ends.min, ends.max, shape, dtype=kind)


def real(x, scale, zero, axis=None):
    if np.ndim(scale):
        turn = [-1 if i == axis else 1 for i in range(x.ndim)]
        scale, zero = np.reshape(scale, turn), np.reshape(zero, turn)
    return (x.astype(np.float64) - np.asarray(zero, dtype=np.float64)) * scale


def rounded(x, scale=S, zero=TWO):
    return np.clip(np.rint(x / scale) + int(zero), 0, 255)


def require_near(found, expected):
    """Equal to a step of the quantisation, where a half is rounded the other way."""
    assert found.dtype == np.uint8
    assert np.abs(found.astype(int) - expected).max() <= 1
    assert np.unique(found).size > 3


def last(x):
    return np.moveaxis(x, 1, -1)


def own_evaluator(kind, *inputs, **own):
    names = [f"x{i}" for i in range(len(inputs))]
    node = helper.make_node(kind, names, ["y"], **own)
    return ReferenceEvaluator(node, opsets={"": 20}).run(None, dict(zip(names, inputs, strict=True)))[0]


@pytest.mark.parametrize("domain", ["", MS])
def test_quantised_convolutions(domain):
    x, bias = whole(1, 4, 5, 6), np.array([4000, -8000, 0, 12000, 2000, -2400], dtype=np.int32)
    kernel = whole(6, 2, 3, 2)
    scales = np.linspace(0.001, 0.01, 6, dtype=np.float32)
    zeros = np.arange(118, 124, dtype=np.uint8)
    own = {"strides": [2, 1], "group": 2, "pads": [1, 0, 0, 1]}
    for scale, zero in ((scales, zeros), (scales[2], zeros[2])):
        for rest in ((bias,), ()):
            operands = x, Q, ZERO, kernel, scale, zero, S, TWO, *rest
            expected = own_evaluator("QLinearConv", *operands, **own)
            require_near(written("QLinearConv", domain, *operands, **own), expected)
            if domain:
                found = written("QLinearConv", domain, last(x), *operands[1:], **own, channels_last=1)
                require_near(found, last(expected))
                found = written("QLinearConv", domain, *operands, **own, channels_last=0)
                require_near(found, expected)


def test_convolutions_of_integers():
    """What depends on the input is a float here; its zero point only adds a constant."""
    x, kernel, zero = noise(1, 4, 5, 6), whole(3, 4, 2, 2), np.uint8(120)
    taps = own_evaluator("Conv", x, kernel.astype(np.float32), strides=[2, 1])
    shift = own_evaluator("Conv", x, np.full((3, 4, 2, 2), 120, dtype=np.float32), strides=[2, 1])
    np.testing.assert_allclose(written("ConvInteger", "", x, kernel, strides=[2, 1]), taps, rtol=1e-3)
    found = written("ConvInteger", "", x, kernel, np.uint8(9), zero, strides=[2, 1])
    np.testing.assert_allclose(found, taps - shift, rtol=1e-3, atol=1e-2)


def test_products_of_integers():
    x, matrix, zero = noise(3, 4), whole(4, 5), np.uint8(120)
    centred = matrix.astype(int) - 120
    for rest, expected in (((), matrix), ((None, zero), centred), ((np.uint8(7), zero), centred)):
        np.testing.assert_allclose(written("MatMulInteger", "", x, matrix, *rest), x @ expected, rtol=1e-4)
    for rest, expected in (((), matrix), ((zero,), centred), ((zero, np.uint8(7)), centred)):
        found = written("MatMulInteger", "", matrix.T.copy(), x.T.copy(), *rest, live=(1,))
        np.testing.assert_allclose(found, expected.T @ x.T, rtol=1e-4)
    found = written("MatMulInteger", "", x, noise(4, 5), zero, zero, live=(0, 1))
    np.testing.assert_allclose(found, x @ noise(4, 5), rtol=1e-4)


def test_a_tensor_by_scales_of_its_own_is_as_it_is():
    x = noise(1, 3, 4)
    found, scale, zero = written("DynamicQuantizeLinear", "", x, outputs=3)
    np.testing.assert_array_equal(found, x)
    assert (scale, zero) == (1, 0)
    assert scale.dtype == np.float32
    assert zero.dtype == np.uint8
    # A layer as dynamic quantisation writes it is the layer of the restored weights.
    nodes = [
        helper.make_node("DynamicQuantizeLinear", ["x"], ["q", "s", "z"]),
        helper.make_node("MatMulInteger", ["q", "w", "z", "n"], ["i"]),
        helper.make_node("Cast", ["i"], ["f"], to=1),
        helper.make_node("Mul", ["s", "scale"], ["both"]),
        helper.make_node("Mul", ["f", "both"], ["y"]),
    ]
    matrix = whole(4, 5)
    made = Plain(nodes, {"x": x}, {"w": matrix, "n": ZERO, "scale": Q})
    np.testing.assert_allclose(made.value("y"), x @ real(matrix, Q, ZERO), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("domain", ["", MS])
def test_quantised_products(domain):
    x, matrix = whole(3, 4), whole(4, 5)
    scales, zeros = np.linspace(0.01, 0.05, 5, dtype=np.float32), np.arange(98, 103, dtype=np.uint8)
    for scale, zero in ((R, ONE), (scales, zeros)):
        expected = real(x, Q, ZERO) @ real(matrix, scale, zero, axis=1)
        found = written("QLinearMatMul", domain, x, Q, ZERO, matrix, scale, zero, S, TWO)
        require_near(found, rounded(expected))


def test_quantised_general_products():
    x, matrix, bias = whole(3, 4), whole(4, 5), np.array([1000, -3000, 5000, 0, 2000], dtype=np.int32)
    scales, zeros = np.linspace(0.01, 0.05, 5, dtype=np.float32), np.arange(98, 103, dtype=np.uint8)
    for scale, zero in ((R, ONE), (scales, zeros)):
        made = real(x, Q, ZERO) @ real(matrix, scale, zero, axis=1)
        added = bias * (Q * scale)
        operands = x, Q, ZERO, matrix, scale, zero
        np.testing.assert_allclose(written("QGemm", MS, *operands, bias), made + added, **RTOL)
        require_near(written("QGemm", MS, *operands, bias, S, TWO), rounded(made + added))
        require_near(written("QGemm", MS, *operands, None, S, TWO), rounded(made))
        np.testing.assert_allclose(written("QGemm", MS, *operands, alpha=0.5), made / 2, **RTOL)
        turned = x.T, Q, ZERO, matrix.T, scale, zero
        found = written("QGemm", MS, *turned, bias, transA=1, transB=1)
        np.testing.assert_allclose(found, made + added, **RTOL)


@pytest.mark.parametrize(("kind", "function"), [("QLinearAdd", np.add), ("QLinearMul", np.multiply)])
def test_quantised_sums_and_products(kind, function):
    x, other = whole(1, 3, 4), whole(1, 3, 4, seed=1)
    expected = function(real(x, Q, ZERO), real(other, R, ONE))
    require_near(written(kind, MS, x, Q, ZERO, other, R, ONE, S, TWO, live=(0, 3)), rounded(expected))
    require_near(written(kind, MS, x, Q, ZERO, other, R, ONE, S, TWO), rounded(expected))
    expected = function(real(x, Q, 0), real(other, R, 0))
    found = written(kind, MS, x, Q, None, other, R, None, np.float32(0.25), None)
    require_near(found, rounded(expected, 0.25, 0))


def test_a_quantised_choice():
    x, other = whole(1, 3, 4), whole(1, 3, 4, seed=1)
    which = np.random.default_rng(0).random((1, 3, 4)) < 0.5
    expected = np.where(which, real(x, Q, ZERO), real(other, R, ONE))
    found = written("QLinearWhere", MS, which, x, Q, ZERO, other, R, ONE, S, TWO, live=(1, 4))
    require_near(found, rounded(expected))


@pytest.mark.parametrize("axis", [1, 2])
def test_a_quantised_concatenation(axis):
    entries = [whole(1, 3, 4, seed=i) for i in range(3)]
    scales, zeros = [Q, R, np.float32(0.03)], [ZERO, ONE, np.uint8(80)]
    triples = [part for triple in zip(entries, scales, zeros, strict=True) for part in triple]
    expected = np.concatenate([real(*triples[i : i + 3]) for i in (0, 3, 6)], axis)
    found = written("QLinearConcat", MS, S, TWO, *triples, axis=axis, live=(2, 5))
    require_near(found, rounded(expected))


def softmax(x, axis):
    x = np.exp(x - x.max(axis, keepdims=True))
    return x / x.sum(axis, keepdims=True)


@pytest.mark.parametrize(
    ("kind", "own", "function"),
    [
        ("LeakyRelu", {"alpha": 0.25}, lambda x: np.where(x > 0, x, x / 4)),
        ("LeakyRelu", {}, lambda x: np.where(x > 0, x, x / 100)),
        ("Sigmoid", {}, lambda x: 1 / (1 + np.exp(-x))),
        ("Softmax", {}, lambda x: softmax(x, 3)),
        ("Softmax", {"axis": 2}, lambda x: softmax(x, 2)),
        ("GlobalAveragePool", {}, lambda x: x.mean((2, 3), keepdims=True)),
        (
            "AveragePool",
            {"kernel_shape": [2, 3], "strides": [2, 3]},
            lambda x: x.reshape(1, 8, 2, 2, 2, 3).mean((3, 5)),
        ),
        ("ReduceMean", {}, lambda x: x.mean(keepdims=True)),
        ("ReduceMean", {"axes": [2]}, lambda x: x.mean(2, keepdims=True)),
        ("ReduceMean", {"axes": [2, 3], "keepdims": 0}, lambda x: x.mean((2, 3))),
    ],
)
def test_quantised_units_and_pools(kind, own, function):
    x, scale, zero = whole(1, 8, 4, 6), np.float32(0.01), np.uint8(30)
    expected = rounded(function(real(x, Q, ZERO)), scale, zero)
    for version in (13, 23):
        found = written(f"QLinear{kind}", MS, x, Q, ZERO, scale, zero, version=version, **own)
        assert found.dtype == np.uint8
        assert np.abs(found.astype(int) - expected).max() <= 1
        if "Pool" in kind:
            turned = written(f"QLinear{kind}", MS, last(x), Q, ZERO, scale, zero, channels_last=1, **own)
            np.testing.assert_array_equal(turned, last(found))
            same = written(f"QLinear{kind}", MS, x, Q, ZERO, scale, zero, channels_last=0, **own)
            np.testing.assert_array_equal(same, found)


@pytest.mark.parametrize("axis", [0, 1, 2, None])
def test_quantisations_of_onnxruntime(axis):
    x, scale, zero = noise(2, 3, 4), np.float32(0.01), np.uint8(99)
    turn = [-1 if i == axis else 1 for i in range(3)]
    own = {}
    if axis is not None:
        scale = np.linspace(0.01, 0.03, x.shape[axis], dtype=np.float32)
        zero = np.linspace(9, 199, x.shape[axis]).astype(np.uint8)
        own = {"axis": axis}
    q = written("QuantizeLinear", MS, x, scale, zero, **own)
    assert q.dtype == np.uint8
    expected = x / np.reshape(scale, turn) + np.reshape(zero, turn).astype(float)
    assert np.abs(q - np.clip(expected, 0, 255)).max() <= 0.51
    found = written("DequantizeLinear", MS, q, scale, zero, **own)
    np.testing.assert_allclose(found, real(q, scale, zero, axis=axis), rtol=1e-6)


def test_products_with_weights_of_integers():
    x, matrix, bias = noise(3, 4), whole(4, 5), noise(5)
    scales, zeros = np.linspace(0.01, 0.05, 5, dtype=np.float32), np.arange(98, 103, dtype=np.uint8)
    for scale, zero in ((R, ONE), (scales, zeros)):
        made = x @ real(matrix, scale, zero, axis=1)
        np.testing.assert_allclose(written("DynamicQuantizeMatMul", MS, x, matrix, scale, zero), made, **RTOL)
        found = written("DynamicQuantizeMatMul", MS, x, matrix, scale, zero, bias)
        np.testing.assert_allclose(found, made + bias, **RTOL)
        operands = x, matrix, Q, scale, None, zero
        np.testing.assert_allclose(written("MatMulIntegerToFloat", MS, *operands), made * Q, **RTOL)
        found = written("MatMulIntegerToFloat", MS, *operands, bias)
        np.testing.assert_allclose(found, made * Q + bias, **RTOL)
    stack = whole(2, 4, 5)  # of a matrix for each entry of the batch; its columns are the last axis
    found = written("DynamicQuantizeMatMul", MS, noise(2, 3, 4), stack, scales, zeros)
    expected = noise(2, 3, 4) @ real(stack, scales, zeros, axis=2)
    np.testing.assert_allclose(found, expected, **RTOL)


@pytest.mark.parametrize("directions", [1, 2])
def test_a_recurrent_layer_with_weights_of_integers(directions):
    hidden, inputs, steps = 3, 2, 4
    x = noise(steps, 1, inputs)
    w, r = whole(directions, inputs, 4 * hidden), whole(directions, hidden, 4 * hidden)
    scales = np.array([0.01, 0.02], np.float32)[:directions], np.array([0.03, 0.04], np.float32)[:directions]
    zeros = np.array([120, 100], np.uint8)[:directions], np.array([110, 90], np.uint8)[:directions]
    bias, start = noise(directions, 8 * hidden), noise(directions, 1, hidden)
    own = {"hidden_size": hidden} | ({"direction": "bidirectional"} if directions == 2 else {})
    full = [
        real(m, s, z, axis=0).swapaxes(1, 2).astype(np.float32)
        for m, s, z in zip((w, r), scales, zeros, strict=True)
    ]
    tail = scales[0], zeros[0], scales[1], zeros[1]
    for rest in ((bias, None, start), (bias,), ()):
        names = ["x", "w", "r", *("" if entry is None else f"c{i}" for i, entry in enumerate(rest))]
        given = {f"c{i}": entry for i, entry in enumerate(rest) if entry is not None}
        node = helper.make_node("LSTM", names, ["y", "h", "c"], **own)
        expected = ReferenceEvaluator(node, opsets={"": 14}).run(
            None, {"x": x, "w": full[0], "r": full[1], **given}
        )
        whole_rest = [*rest, *[None] * (5 - len(rest))]
        found = written("DynamicQuantizeLSTM", MS, x, w, r, *whole_rest, *tail, outputs=3, **own)
        for a, b in zip(found, expected, strict=True):
            np.testing.assert_allclose(a, b, **RTOL)


def test_packed_weights_are_read_by_their_shape():
    names = ["x", "b", "s", "", "", "bias"]
    node = helper.make_node(
        "MatMulNBits", names, ["y"], name="op", domain=MS, K=4, N=5, bits=4, block_size=16
    )
    from oracles_onnx import of_array

    from erfmath.models.onnx.folding import Folding

    constants = {"b": whole(5, 1, 8), "s": noise(5), "bias": noise(5)}
    for last in ("bias", ""):
        node.input[5] = last
        types = {name: of_array(value) for name, value in {"x": noise(3, 4), **constants}.items()}
        folding = Folding({}, None, {"": 23}, types, ["x"], constants)
        nodes = list(folding.walk([node]))
        assert [made.op_type for made in nodes] == ["MatMul", "Add" if last else "Identity"]
        assert folding.shape(nodes[0].input[1]) == (4, 5)
        assert folding.value(nodes[0].input[1]) is None
        assert (nodes[0].input[0], nodes[1].output[0], nodes[1].name) == ("x", "y", "op")
        assert list(nodes[1].input) == [nodes[0].output[0], *filter(None, [last])]
        assert folding.shape("y") == (3, 5)
