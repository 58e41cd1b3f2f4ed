"""Layers that are spelled out operator by operator: which are found, and which are not."""

import math

import pytest

from erfmath.models.spelled import Layer, Written, activations, normalisations


def written(*lines, **axes):
    """Operators of lines such as "y = Mul x 0.5"; a mean's axes by what it makes."""
    found = []
    for line in lines:
        made, _, words = line.partition(" = ")
        kind, *operands = words.split()
        own = {}
        while operands and "=" in operands[-1]:
            key, _, value = operands.pop().partition("=")
            own[key] = float(value)
        numbers = tuple(None if operand[0].isalpha() else float(operand) for operand in operands)
        found.append(Written(kind, tuple(operands), made, numbers, own, axes.get(made, (1,))))
    return found


ROOT = math.sqrt(2)
ACTIVATIONS = {
    "Swish": [
        ("s = Sigmoid x", "y = Mul x s"),
        ("s = Sigmoid x", "y = Mul s x"),
        ("n = Neg x", "e = Exp n", "d = Add 1 e", "y = Div x d"),
        ("n = Mul x -1", "e = Exp n", "d = Add e 1", "r = Reciprocal d", "y = Mul x r"),
        ("n = Sub 0 x", "e = Exp n", "d = Sub e -1", "p = Pow d -1", "y = Mul x p"),
        ("q = QuantizeLinear x 0.1 128", "d = DequantizeLinear q 0.1 128", "s = Sigmoid d", "y = Mul x s"),
        ("c = Cast x", "i = Identity c", "s = Sigmoid i", "y = Mul x s"),
        ("h = Mul x 0.5", "t = Tanh h", "a = Add t 1", "b = Mul a 0.5", "y = Mul x b"),
    ],
    "Gelu": [
        (f"d = Div x {ROOT}", "e = Erf d", "a = Add e 1", "m = Mul x a", "y = Mul m 0.5"),
        (f"d = Mul x {1 / ROOT}", "e = Erf d", "a = Add 1 e", "h = Mul 0.5 a", "y = Mul h x"),
        (
            "p = Pow x 3",
            "c = Mul p 0.044715",
            "a = Add x c",
            f"m = Mul a {math.sqrt(2 / math.pi)}",
            "t = Tanh m",
            "b = Add t 1",
            "h = Mul x b",
            "y = Mul h 0.5",
        ),
        ("k = Mul x 1.702", "s = Sigmoid k", "y = Mul x s"),
    ],
    "Mish": [
        ("p = Softplus x", "t = Tanh p", "y = Mul x t"),
        ("e = Exp x", "a = Add e 1", "l = Log a", "t = Tanh l", "y = Mul t x"),
    ],
    "HardSwish": [
        ("a = Add x 3", "c = Clip a min=0 max=6", "m = Mul x c", "y = Div m 6"),
        ("a = Add x 3", "c = Clip a 0 6", "d = Div c 6", "y = Mul x d"),
        ("h = HardSigmoid x alpha=0.16666667", "y = Mul x h"),
        ("h = HardSigmoid x alpha=0.16666667 beta=0.5", "y = Mul h x"),
    ],
    "Relu": [
        ("a = Abs x", "b = Add x a", "y = Mul b 0.5"),
        ("s = Mul x x", "a = Sqrt s", "b = Add x a", "y = Div b 2"),
        ("n = Neg x", "m = Min n 0", "y = Neg m"),
        ("r = Relu x", "y = Relu r"),
    ],
}


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations(name):
    for lines in ACTIVATIONS[name]:
        assert activations(written(*lines)) == {"y": Layer("x", name)}, lines


@pytest.mark.parametrize(
    "lines",
    [
        ("s = Sigmoid x", "y = Mul z s"),
        ("s = Sigmoid z", "y = Mul x s"),
        ("d = Mul x 2", "s = Sigmoid d", "y = Mul x s"),
        ("s = Tanh x", "y = Mul x s"),
        ("s = Softmax x", "y = Mul x s"),
        ("y = Relu x",),
        ("h = HardSigmoid x", "y = Mul x h"),
        ("h = HardSigmoid x alpha=0.16666667 beta=0.4", "y = Mul x h"),
        ("a = Add x 3", "c = Clip a min=0 max=5", "m = Mul x c", "y = Div m 6"),
        ("a = Add x 3", "c = Clip a min=1 max=6", "m = Mul x c", "y = Div m 6"),
        ("y = Add 1 2",),
    ],
)
def test_what_is_no_activation(lines):
    assert activations(written(*lines)) == {}


def test_the_tensor_nearest_to_an_activation_is_its_source():
    chain = written("x = Conv v w", "s = Sigmoid x", "y = Mul x s", "t = Sigmoid y", "z = Mul y t")
    assert activations(chain) == {"y": Layer("x", "Swish"), "z": Layer("y", "Swish")}
    behind = written("n = Neg v", "x = Exp n", "s = Sigmoid x", "y = Mul x s")
    assert activations(behind) == {"y": Layer("x", "Swish")}


@pytest.mark.parametrize(("casts", "found"), [(1, {"y": Layer("x", "Swish")}), (2, {})])
def test_an_activation_is_of_fourteen_operators_at_most(casts, found):
    sixths = [f"{made} = Mul x {1 / 6}" for made in "abcdef"]
    sums = ["g = Add a b", "h = Add c d", "i = Add e f", "j = Add g h", "k = Add i j"]
    more = [f"{'lm'[i]} = Cast {'kl'[i]}" for i in range(casts)]
    last = [f"s = Sigmoid {'klm'[casts]}", "y = Mul x s"]
    assert activations(written(*sixths, *sums, *more, *last)) == found


CENTRED = ("m = ReduceMean x", "d = Sub x m")
SQUARE = ("q = Mul d d", "v = ReduceMean q", "e = Add v 0.00001")
NORMALISATIONS = {
    "a quotient": (*CENTRED, *SQUARE, "r = Sqrt e", "y = Div d r"),
    "a power": (
        *CENTRED, "q = Pow d 2", "v = ReduceMean q", "e = Add 0.00001 v", "r = Pow e 0.5", "y = Div d r",
    ),
    "an inverse": (*CENTRED, *SQUARE, "r = Sqrt e", "i = Reciprocal r", "y = Mul d i"),
    "an inverse on the left": (*CENTRED, *SQUARE, "r = Sqrt e", "i = Reciprocal r", "y = Mul i d"),
    "one by the root": (*CENTRED, *SQUARE, "r = Sqrt e", "i = Div 1 r", "y = Mul d i"),
    "an inverse root": (*CENTRED, *SQUARE, "i = Rsqrt e", "y = Mul d i"),
    "an inverse power": (*CENTRED, *SQUARE, "i = Pow e -0.5", "y = Mul d i"),
    "no small number": (*CENTRED, "q = Mul d d", "v = ReduceMean q", "r = Sqrt v", "y = Div d r"),
    "casts between": (
        *CENTRED, "c = Cast d", "q = Mul c c", "v = ReduceMean q", "e = Add v 0.1", "f = Cast e",
        "r = Sqrt f", "g = Identity r", "y = Div d g",
    ),
    "the difference twice": (
        *CENTRED, "b = Sub x m", "q = Pow b 2", "v = ReduceMean q", "e = Add v 0.1", "r = Sqrt e",
        "y = Div d r",
    ),
}  # fmt: skip


@pytest.mark.parametrize("name", NORMALISATIONS)
def test_normalisations(name):
    made = normalisations(written(*NORMALISATIONS[name], m=(1, 2), v=(1, 2)))
    assert made == {"y": Layer("x", axes=(1, 2))}


def test_a_normalisation_that_is_not_centred_is_of_its_numerator():
    plain = ("q = Mul x x", "v = ReduceMean q", "e = Add v 0.1", "r = Sqrt e", "y = Div x r")
    assert normalisations(written(*plain, v=(2,))) == {"y": Layer("x", axes=(2,))}
    other = normalisations(written(*NORMALISATIONS["a quotient"], m=(1,), v=(2,)))
    assert other == {"y": Layer("d", axes=(2,))}  # whose mean is along another axis
    apart = written("d = Sub x z", *SQUARE, "r = Sqrt e", "y = Div d r")
    assert normalisations(apart) == {"y": Layer("d", axes=(1,))}


@pytest.mark.parametrize(
    "lines",
    [
        (*CENTRED, "q = Pow d 3", "v = ReduceMean q", "e = Add v 0.1", "r = Sqrt e", "y = Div d r"),
        (*CENTRED, "q = Mul d x", "v = ReduceMean q", "e = Add v 0.1", "r = Sqrt e", "y = Div d r"),
        (*CENTRED, *SQUARE, "r = Sqrt e", "y = Div x r"),
        (*CENTRED, *SQUARE, "r = Sqrt e", "y = Div z r"),
        (*CENTRED, *SQUARE, "r = Pow e 2", "y = Div d r"),
        (*CENTRED, *SQUARE, "r = Exp e", "y = Div d r"),
        (*CENTRED, *SQUARE, "r = Sqrt e", "y = Mul d r"),
        (*CENTRED, *SQUARE, "r = Sqrt e", "y = Add d r"),
        (*CENTRED, *SQUARE, "r = Sqrt e", "i = Div 2 r", "y = Mul d i"),
        (*CENTRED, *SQUARE, "i = Reciprocal e", "y = Mul d i"),
        (*CENTRED, *SQUARE, "i = Pow e 0.5", "y = Mul d i"),
        (*CENTRED, *SQUARE, "i = Pow e -2", "y = Mul d i"),
        (*CENTRED, *SQUARE, "r = Sqrt e", "y = Div d r 1"),
        (*CENTRED, "q = Mul d d", "v = ReduceSum q", "e = Add v 0.1", "r = Sqrt e", "y = Div d r"),
        (*CENTRED, "q = Mul d d", "v = ReduceMean q", "e = Add v z", "r = Sqrt e", "y = Div d r"),
        (*CENTRED, "q = Abs d", "v = ReduceMean q", "e = Add v 0.1", "r = Sqrt e", "y = Div d r"),
        ("r = Sqrt x", "y = Div x r"),
    ],
)
def test_what_is_no_normalisation(lines):
    assert normalisations(written(*lines)) == {}
