"""Quantised operators of ONNX files, as plain ones between a dequantisation and a quantisation.

Static quantisation gives each tensor a scale and a zero point; dynamic quantisation computes them from the
tensor, and what it makes of an input is the input again: its scale is taken as 1. Zero points of operands
move what is added by a constant and have no part in any field.
"""

from __future__ import annotations

import numpy as np

from .lowered import MICROSOFT, writes
from .writer import Writer


def _restored(write: Writer, first: int) -> str:
    """Write the dequantisation of an operand, whose scale and zero point follow."""
    return write("DequantizeLinear", *filter(None, map(write.input, range(first, first + 3))))


def _rounded(write: Writer, made: str, scale: int) -> None:
    """Write the quantisation of what was made, by a scale and the zero point behind it."""
    names = [write.input(scale), write.input(scale + 1)]
    if names[0]:
        write("QuantizeLinear", made, *filter(None, names), output=write.output())
    else:
        write.renamed(made, write.output())


@writes("DynamicQuantizeLinear")
def _(write: Writer) -> None:
    """Write a tensor by scales of its own as it is."""
    write.renamed(write.input(0), write.output(0))
    for index, value in ((1, np.float32(1)), (2, np.uint8(0))):
        if write.output(index):
            write.folding.give(write.output(index), np.asarray(value))


@writes("QLinearConv", f"{MICROSOFT}.QLinearConv")
def _(write: Writer) -> None:
    x, weights = _restored(write, 0), _weights(write, 3, 4, 5, axis=0)
    operands = [x, weights]
    if write.input(8):  # in units of both scales
        scale = write("Mul", write.input(1), write.input(4))
        operands.append(write("Mul", write("Cast", write.input(8), to=1), scale))
    own = {key: value for key, value in write.own.items() if key != "channels_last"}
    is_last = write.own.get("channels_last")
    made = write.channels_last("Conv", operands, own) if is_last else write("Conv", *operands, **own)
    _rounded(write, made, 6)


def _weights(write: Writer, index: int, scale: int, zero: int, axis: int) -> str:
    """Write the dequantisation of weights, with a scale for all or one along an axis."""
    names = [write.input(i) for i in (index, scale, zero)]
    return write("DequantizeLinear", *filter(None, names), axis=axis if _is_vector(write, scale) else None)


def _is_vector(write: Writer, index: int) -> bool:
    shape = write.folding.shape(write.input(index))
    return bool(shape)


@writes("ConvInteger")
def _(write: Writer) -> None:
    write("Conv", write.input(0), _integers(write, 1, 3), output=write.output(), **write.own)


@writes("MatMulInteger")
def _(write: Writer) -> None:
    left = _integers(write, 0, 2) if write.input(0) in write.folding.constants else write.input(0)
    right = _integers(write, 1, 3) if write.input(1) in write.folding.constants else write.input(1)
    write("MatMul", left, right, output=write.output())


def _integers(write: Writer, index: int, zero: int) -> str:
    """Write integer weights as floats without their zero point."""
    found = write("Cast", write.input(index), to=1)
    return write("Sub", found, write("Cast", write.input(zero), to=1)) if write.input(zero) else found


@writes("QLinearMatMul", f"{MICROSOFT}.QLinearMatMul")
def _(write: Writer) -> None:
    left = _restored(write, 0)
    right = _columns(write, 3, 4, 5)
    _rounded(write, write("MatMul", left, right), 6)


def _columns(write: Writer, index: int, scale: int, zero: int) -> str:
    """Write the dequantisation of a matrix, with a scale for all or one for each column."""
    rank = write.rank(index) or 2
    return _weights(write, index, scale, zero, axis=rank - 1)


@writes(f"{MICROSOFT}.QGemm")
def _(write: Writer) -> None:
    turned = write.own.get("transB")
    operands = [_restored(write, 0), _weights(write, 3, 4, 5, axis=0 if turned else 1)]
    if write.input(6):
        scale = write("Mul", write.input(1), write.input(4))
        operands.append(write("Mul", write("Cast", write.input(6), to=1), scale))
    _rounded(write, write("Gemm", *operands, **write.own), 7)


@writes(*(f"{MICROSOFT}.QLinear{kind}" for kind in ("Add", "Mul")))
def _(write: Writer) -> None:
    kind = write.node.op_type.removeprefix("QLinear")
    _rounded(write, write(kind, _restored(write, 0), _restored(write, 3)), 6)


@writes(f"{MICROSOFT}.QLinearWhere")
def _(write: Writer) -> None:
    _rounded(write, write("Where", write.input(0), _restored(write, 1), _restored(write, 4)), 7)


@writes(f"{MICROSOFT}.QLinearConcat")
def _(write: Writer) -> None:
    entries = [_restored(write, i) for i in range(2, len(write.node.input), 3)]
    made = write("Concat", *entries, axis=write.own["axis"])
    _rounded(write, made, 0)


@writes(*(f"{MICROSOFT}.QLinear{kind}" for kind in ("LeakyRelu", "Sigmoid")))
def _(write: Writer) -> None:
    kind = write.node.op_type.removeprefix("QLinear")
    _rounded(write, write(kind, _restored(write, 0), alpha=write.own.get("alpha")), 3)


@writes(f"{MICROSOFT}.QLinearSoftmax")
def _(write: Writer) -> None:
    _rounded(write, write("Softmax", _restored(write, 0), axis=write.own.get("axis", -1)), 3)


@writes(*(f"{MICROSOFT}.QLinear{kind}" for kind in ("AveragePool", "GlobalAveragePool")))
def _(write: Writer) -> None:
    kind, own = write.node.op_type.removeprefix("QLinear"), dict(write.own)
    x, is_last = _restored(write, 0), own.pop("channels_last", None)
    _rounded(write, write.channels_last(kind, [x], own) if is_last else write(kind, x, **own), 3)


@writes(f"{MICROSOFT}.QLinearReduceMean")
def _(write: Writer) -> None:
    made = _reduced(write, _restored(write, 0))
    _rounded(write, made, 3)


def _reduced(write: Writer, x: str) -> str:
    axes, keeps = write.own.get("axes"), write.own.get("keepdims", 1)
    if axes is None or write.folding.versions.get("", 1) < 18:
        return write("ReduceMean", x, axes=axes, keepdims=keeps)
    return write("ReduceMean", x, write.constant(np.array(axes, dtype=np.int64)), keepdims=keeps)


@writes(f"{MICROSOFT}.QuantizeLinear", f"{MICROSOFT}.DequantizeLinear")
def _(write: Writer) -> None:
    write(write.node.op_type, *write.node.input, output=write.output(), axis=write.own.get("axis"))


@writes(f"{MICROSOFT}.DynamicQuantizeMatMul")
def _(write: Writer) -> None:
    """Write a product with weights (integers, a scale, a zero point) and what is added to it."""
    _added(write, write("MatMul", write.input(0), _columns(write, 1, 2, 3)), 4)


@writes(f"{MICROSOFT}.MatMulIntegerToFloat")
def _(write: Writer) -> None:
    left = write("Mul", write.input(0), write.input(2))
    _added(write, write("MatMul", left, _columns(write, 1, 3, 5)), 6)


def _added(write: Writer, made: str, bias: int) -> None:
    if write.input(bias):
        write("Add", made, write.input(bias), output=write.output())
    else:
        write.renamed(made, write.output())


@writes(f"{MICROSOFT}.DynamicQuantizeLSTM")
def _(write: Writer) -> None:
    """Write a recurrent layer of integer weights (directions, in, 4 hidden) by their scales."""
    matrices = [
        write("Transpose", _weights(write, index, scale, scale + 1, axis=0), perm=[0, 2, 1])
        for index, scale in ((1, 8), (2, 10))
    ]
    rest = [write.input(i) for i in range(3, 8)]
    write.several("LSTM", [write.input(0), *matrices, *rest], list(write.node.output), **write.own)


@writes(f"{MICROSOFT}.MatMulNBits")
def _(write: Writer) -> None:
    """Write a product with packed weights as one with weights of their shape, whose values are not read."""
    weights = write.fresh()
    write.folding.unknown(weights, (write.own["K"], write.own["N"]))
    _added(write, write("MatMul", write.input(0), weights), 5)
