"""Multiply-accumulates by hand: of each kind of operator, and where a shape is not known."""

import pytest

from erfmath.models.ir import Constant, Operator
from erfmath.models.operations import macs_of


def macs(kind, shapes, made=None, title="", **options):
    """Of an operator of operands of some shapes."""
    inputs = tuple(None if shape is None else Constant(shape) for shape in shapes)
    made = () if made is None else (made,)
    return macs_of(Operator(kind, title or kind, "op", inputs, options, shapes=made))


@pytest.mark.parametrize(
    ("expected", "kind", "shapes", "made", "options"),
    [
        (8 * 4 * 9 * 5 * 7, "conv", [(2, 4, 7, 9), (8, 4, 3, 3)], (1, 8, 5, 7), {}),
        (8 * 2 * 9 * 5 * 7 * 3, "conv", [(3, 4, 7, 9), (8, 2, 3, 3)], (3, 8, 5, 7), {}),
        (0, "conv", [(1, 4, 7), (0, 4, 3)], (1, 0, 5), {}),
        (4 * 6 * 4 * 25, "conv_transpose", [(1, 4, 5, 5), (4, 6, 2, 2)], (1, 6, 10, 10), {}),
        (2 * 5 * 7 * 3, "linear", [(2, 5, 7), (3, 7)], (2, 5, 3), {}),
        (2 * 5 * 3 * 7, "matmul", [(2, 5, 7), (2, 7, 3)], (2, 5, 3), {}),
        (5 * 3 * 7, "gemm", [(5, 7), (3, 7)], (5, 3), {}),
        (5 * 3 * 7, "gemm", [(7, 5), (3, 7)], (5, 3), {"transposed": 1}),
        (2 * 6 * 9 * (4 + 5), "attention", [(2, 6, 4), (2, 9, 4), (2, 9, 5)], (2, 6, 5), {}),
        ((12 * 4 + 12 * 3) * 10 * 2, "recurrence", [(10, 2, 4), (12, 4), (12, 3), (12,)], (10, 2, 3), {}),
        (84 * 10, "recurrence", [(10, 1, 4), (1, 12, 4), (1, 12, 3), (1, 24)], None, {"is_onnx": True}),
        (2 * 3 * 5, "batch_norm", [(2, 3, 5)], (2, 3, 5), {"title": "BatchNormalization"}),
        (2 * 3 * 5, "normalise", [(2, 3, 5)], (2, 3, 5), {"title": "aten.layer_norm"}),
        (0, "normalise", [(2, 3, 5)], (2, 3, 5), {"title": "Softmax"}),
        (2 * 3 * 4 * 5, "einsum", [(2, 3, 4), (2, 4, 5)], (2, 3, 5), {"equation": "bij,bjk->bik"}),
        (2 * 3 * 4 * 5, "einsum", [(2, 3, 4), (1, 4, 5)], (2, 3, 5), {"equation": "b i j, b j k -> b i k"}),
        (3 * 4 * 5 * 6, "einsum", [(3, 4), (4, 5), (5, 6)], (3, 6), {"equation": "ij,jk,kl"}),
        (0, "einsum", [(3, 4)], (4, 3), {"equation": "ij->ji"}),
        (0, "pool", [(1, 4, 7)], (1, 4, 5), {}),
        (0, None, [(1, 4, 7)], (1, 4, 5), {}),
        (None, "einsum", [(2, 3, 4), (2, 4, 5)], (2, 3, 5), {"equation": "...ij,...jk->...ik"}),
        (None, "einsum", [(2, 3, 4), (4, 5)], (2, 3, 5), {"equation": "bij,bjk->bik"}),
        (None, "conv", [(1, 4, 7), (8, 4, 3)], None, {}),
        (None, "conv", [(1, 4, 7), (8, 4, 3)], (None, 8, 5), {}),
        (None, "conv", [(1, 4, 7), None], (1, 8, 5), {}),
        (None, "conv", [(1, 4, 7)], (1, 8, 5), {}),
        (None, "linear", [(1, None, 7), (3, 7)], (1, None, 3), {}),
        (None, "recurrence", [(10, 2, 4), (12, None)], None, {}),
    ],
)  # fmt: skip
def test_multiply_accumulates(expected, kind, shapes, made, options):
    assert macs(kind, shapes, made, **options) == expected


def test_operands_that_are_left_out_do_not_count():
    assert macs("recurrence", [(10, 2, 4), (12, 4), None, (12, 3)]) == (12 * 4 + 12 * 3) * 10 * 2
    assert macs("recurrence", [(10, 1, 4), (1, 12, 4), None, (3, 4)], is_onnx=True) == 12 * 4 * 10
