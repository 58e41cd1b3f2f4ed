"""Modules as exported programs: examples, what is left as it was, writing in place, layers by hand."""

import functools
import logging
import math
import warnings

import numpy as np
import pytest

import erfmath as em
from erfmath.models.axes import Run
from erfmath.models.torch import _layers, _shapes, bound, stack
from erfmath.models.torch_export import _writes_shared, exported, functional, title_of

torch = pytest.importorskip("torch", reason="from_torch reads modules by torch.export")
import torch.nn.functional as F  # noqa: E402, N812
from oracles_models import Function  # noqa: E402
from torch import nn  # noqa: E402


class Many(nn.Module):
    """A module that returns what each of many functions makes of its input behind a convolution."""

    def __init__(self, functions):
        super().__init__()
        self.conv, self.functions = nn.Conv2d(2, 4, 3), functions

    def forward(self, x):
        y = self.conv(x)
        return tuple(function(y) for function in self.functions)


def centred(x):
    return x - x.mean(1, keepdim=True)


# By hand, and what each is.
ACTIVATIONS = {
    "silu": [
        lambda x: x * torch.sigmoid(x),
        lambda x: torch.sigmoid(x) * x,
        lambda x: x / (1 + torch.exp(-x)),
        lambda x: x.div(torch.exp(x.neg()).add(1)),
        lambda x: x * torch.reciprocal(1 + torch.exp(-x)),
        lambda x: x * 0.5 * (torch.tanh(x * 0.5) + 1),
    ],
    "gelu": [
        lambda x: 0.5 * x * (1 + torch.erf(x / math.sqrt(2))),
        lambda x: 0.5 * x * (1 + torch.tanh((2 / math.pi) ** 0.5 * (x + 0.044715 * x.pow(3)))),
        lambda x: x * torch.sigmoid(1.702 * x),
    ],
    "hardswish": [
        lambda x: x * F.relu6(x + 3) / 6,
        lambda x: x * (x + 3).clamp(0, 6) / 6,
        lambda x: x * F.hardtanh(x + 3, 0, 6) / 6,
        lambda x: x * F.hardsigmoid(x),
    ],
    "mish": [
        lambda x: x * torch.tanh(F.softplus(x)),
        lambda x: x * torch.tanh(torch.log(1 + torch.exp(x))),
    ],
    "relu": [
        lambda x: (x + x.abs()) / 2,
        lambda x: (x + torch.sqrt(torch.square(x))) * 0.5,
        lambda x: -torch.clamp(-x, max=0.0),
    ],
}
NORMALS = [
    lambda x, d: d / torch.sqrt(d.pow(2).mean(1, keepdim=True) + 1e-5),
    lambda x, d: d * torch.rsqrt(d.square().mean(1, keepdim=True) + 1e-5),
    lambda x, d: d * (d.pow(2).mean(dim=[-3], keepdim=True) + 1e-5) ** -0.5,
    lambda x, d: x * torch.rsqrt((x * x).mean(1, keepdim=True) + 1e-5),
    lambda x, d: d / (d.pow(2).mean(1, keepdim=True) + 1e-5).sqrt(),
]
# Nearly so, but something else.
OTHERS = [
    lambda x: x * torch.sigmoid(2 * x),
    lambda x: x * torch.add(torch.sigmoid(x), 1, alpha=0),
    lambda x: x * F.hardtanh(x + 3, 0, 5) / 6,
    lambda x: torch.div(x, 1 + torch.exp(-x), rounding_mode="floor"),
    lambda x: centred(x) / torch.sqrt(centred(x).pow(3).mean(1, keepdim=True) + 1e-5),
    lambda x: centred(x) / torch.sqrt(centred(x).pow(2).sum(1, keepdim=True) + 1e-5),
    lambda x: x * x.clamp(min=0).clamp(max=1),
]

FUNCTIONS = [
    *[function for each in ACTIVATIONS.values() for function in each],
    *[lambda x, f=function: f(x, centred(x)) for function in NORMALS],
    *OTHERS,
]


@functools.cache
def program():
    return exported(Many(FUNCTIONS).eval(), (1, 2, 9, 9))


def net_of(function, **options):
    return em.from_torch(program(), None, FUNCTIONS.index(function), **options).net


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_activations_by_hand(name):
    for function in ACTIVATIONS[name]:
        assert net_of(function) == em.Conv((3, 3), channels=4) >> em.Activation(name)


@pytest.mark.parametrize(
    "function", FUNCTIONS[-len(NORMALS + OTHERS) : -len(OTHERS)], ids=range(len(NORMALS))
)
def test_normalisations_by_hand(function):
    assert net_of(function) == em.Conv((3, 3), channels=4)
    given = net_of(function, weights="given")
    assert em.impact_map(given, channel=0).channels.shape == (2, 3, 3)


@pytest.mark.parametrize("function", OTHERS, ids=range(len(OTHERS)))
def test_others_by_hand(function):
    assert isinstance(net_of(function), em.Graph)


def test_examples():
    conv = nn.Conv1d(2, 3, 3).double()
    program_of_zeros = exported(conv, (1, 2, 9))
    (x,) = (node for node in program_of_zeros.graph.nodes if node.name == "input")
    assert (tuple(x.meta["val"].shape), x.meta["val"].dtype) == ((1, 2, 9), torch.float64)
    assert exported(program_of_zeros, None) is program_of_zeros
    for example in (
        [1, 2, 9],
        torch.zeros(1, 2, 9).double(),
        (torch.zeros(1, 2, 9).double(),),
        {"input": torch.zeros(1, 2, 9).double()},
        ((1, 2, 9),),
        [[1, 2, 9]],
    ):
        assert em.from_torch(conv, example) == em.Conv(3, channels=3)
    assert _shapes(next(iter(exported(nn.ReLU(), (1, 2)).graph.nodes)))[0] == (1, 2)
    for example in (3, "x", None, set()):
        with pytest.raises(
            TypeError, match="example_input must be a tensor, a tuple or dict of tensors, or a shape, got"
        ):
            exported(conv, example)
    with pytest.raises(ValueError, match="example_input must be at least 1"):
        exported(conv, (1, 0, 9))
    with pytest.raises(TypeError, match=r"module must be a torch\.nn.Module, got Tensor"):
        exported(torch.zeros(3), (1,))
    with pytest.raises(
        ValueError, match=r"torch\.export cannot follow the module: .*; see that it takes an input of"
    ):
        exported(conv, (1, 5, 9))


def test_a_second_input_is_asked_for():
    class Two(nn.Module):
        def forward(self, x, y):
            return x + y

    with pytest.raises(
        ValueError, match=r"Two takes another input, 'y': give an example of each, such as \(\(1, 1, 16000\)"
    ):
        exported(Two(), (1, 1, 8))


def test_what_was_there_before_is_there_after():
    module = nn.Sequential(nn.Conv1d(1, 1, 3), nn.Dropout(), nn.BatchNorm1d(1))
    module[1].eval()
    level = logging.root.manager.disable
    entered = torch.no_grad.__enter__, torch.set_grad_enabled.__init__, torch.autocast.__exit__
    for example in ((1, 1, 9), (1, 4, 9)):
        try:
            exported(module, example)
        except ValueError:
            assert example == (1, 4, 9)
        assert [part.training for part in module.modules()] == [True, True, False, True]
        assert logging.root.manager.disable == level
    regions = Function(lambda x, a: a(x), module[0])

    class Regions(nn.Module):
        def forward(self, x):
            with torch.no_grad(), torch.autocast("cpu", enabled=False):
                y = regions(x)
            with torch.set_grad_enabled(True):
                return F.avg_pool1d(y, 3)

    assert em.from_torch(Regions(), (1, 1, 9)) == em.Conv(3, channels=1) >> em.Pool(3)
    assert (torch.no_grad.__enter__, torch.set_grad_enabled.__init__, torch.autocast.__exit__) == entered
    with torch.no_grad():
        assert not torch.is_grad_enabled()
    assert torch.is_grad_enabled()


# What writes in place, and whether other operators read what is written into.
WRITES = [
    (lambda y: y.relu_(), [False]),
    (lambda y: y.relu_().add_(1), [False, False]),
    (lambda y: (y[:, :1].relu_(), y)[1], [True]),
    (lambda y: y.relu_() + y, [False]),
    (lambda y: y.view(1, 2, 3, 1).relu_(), [True]),
    (lambda y: y.abs(), []),
]


def test_only_what_writes_where_others_read_is_traced_again():
    class Writer(nn.Module):
        def forward(self, x):
            own = tuple(function(F.avg_pool1d(x, 3)) for function, _ in WRITES)
            return (*own, x.add_(1))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        program = torch.export.export(Writer(), (torch.zeros(1, 2, 9),))
        calls = [node for node in program.graph.nodes if node.op == "call_function"]
        found = [_writes_shared(node) for node in calls if title_of(node).endswith("_")]
        assert found == [*(flag for _, flags in WRITES for flag in flags), True]
        assert not any(_writes_shared(node) for node in calls if not title_of(node).endswith("_"))
        again = functional(program)
        assert again is not program
        assert functional(again) is again


def test_nodes():
    made = exported(
        Function(lambda x, a: F.max_pool1d(a(x), 3), nn.Sequential(nn.Conv1d(1, 2, 3))), (1, 1, 12)
    )
    calls = [node for node in made.graph.nodes if node.op == "call_function"]
    assert [title_of(node) for node in calls] == ["aten.conv1d", "aten.max_pool1d"]
    conv, pool = calls
    found = bound(conv)
    assert [str(found[name]) for name in ("input", "weight", "bias")] == [
        "x", "p_parts_0_0_weight", "p_parts_0_0_bias",
    ]  # fmt: skip
    assert {name: found[name] for name in ("stride", "padding", "dilation", "groups")} == {
        "stride": [1], "padding": [0], "dilation": [1], "groups": 1,
    }  # fmt: skip
    assert (bound(pool)["kernel_size"], bound(pool)["stride"], bound(pool)["ceil_mode"]) == ([3], [], False)
    assert stack(conv) == ["", "parts.0", "parts.0.0"]
    assert stack(pool) == [""]
    assert _layers(list(made.graph.nodes)) == {conv: "parts.0.0", pool: "max_pool1d"}
    assert _shapes(conv) == ((1, 2, 10),)


def test_several_inputs_outputs_and_constants():
    class Two(nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("bias", torch.ones(2, 1))

        def forward(self, x, y, scale=2.0):
            first = F.avg_pool1d(x, 3) * self.bias * torch.arange(2.0)[:, None]
            return {"a": first * scale, "b": F.avg_pool1d(y, 2) + first.mean()}

    shapes = ((1, 2, 9), (1, 2, 8))
    first = em.from_torch(Two(), shapes)
    assert em.receptive_field(first).size == 3
    assert em.receptive_field(em.from_torch(Two(), shapes, 1, 1)).size == 2
    assert em.receptive_field(em.from_torch(Two(), shapes, 1, "y")).size == 2
    assert em.receptive_field(em.from_torch(Two(), shapes, 1, 0)).is_everything
    given = em.from_torch(Two(), shapes, weights="given")
    found = em.impact_map(given, channel=1)
    np.testing.assert_allclose(found.channels[1], np.full(3, 2 / 3))
    assert not found.channels[0].any()
    with pytest.raises(ValueError, match="there is no path from the input 'y' to the output"):
        em.from_torch(Two(), shapes, 0, 1)
    with pytest.raises(ValueError, match="input must be below 2, the number of inputs, got 2"):
        em.from_torch(Two(), shapes, 0, 2)


def test_half_precision_constants_are_read():
    module = nn.Conv1d(1, 2, 3).bfloat16()
    given = em.from_torch(module, (1, 1, 9), weights="given")
    np.testing.assert_allclose(given.net.weights, module.weight.detach().float().numpy())
    assert given.read_tensor.layout[1] == (Run(None, 1, 2),)
