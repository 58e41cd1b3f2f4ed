"""A PyTorch module as a model: its names, parts, parameters and outputs, beside what one counts by hand."""

import functools

import pytest

import erfmath as em
from erfmath.models.torch import Reader
from erfmath.models.torch_export import exported

torch = pytest.importorskip("torch", reason="from_torch reads modules by torch.export")
import torch.nn.functional as F  # noqa: E402, N812
from oracles_models import Function  # noqa: E402
from torch import nn  # noqa: E402

pytestmark = pytest.mark.filterwarnings("ignore:the model's output .* has no positions:UserWarning")


class Block(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1, bias=False)
        self.norm, self.act = nn.BatchNorm2d(4), nn.ReLU()

    def forward(self, x):
        return self.act(self.norm(self.conv(x)) + x)


class Net(nn.Module):
    """Weights that are shared, a layer that is run twice, one that is not, and outputs of several kinds."""

    def __init__(self):
        super().__init__()
        self.stem, self.body = nn.Conv2d(3, 4, 3, 2, 1), nn.Sequential(Block(), Block())
        self.again, self.pool = nn.Conv2d(4, 4, 1), nn.AdaptiveAvgPool2d(1)
        self.head, self.unused = nn.Linear(4, 5), nn.Linear(7, 2)
        self.body[1].conv.weight = self.body[0].conv.weight

    def forward(self, x):
        y = self.again(self.again(self.body(self.stem(x))))
        logits = self.head(self.pool(y).flatten(1))
        tokens = [torch.ones(1, 1, 4), y.flatten(2).transpose(1, 2), torch.ones(1, 2, 4)]
        return logits, y.chunk(2, 1)[1], torch.cat(tokens, 1)


SHAPE = (1, 3, 16, 12)
LAYERS = (
    "stem",
    "body.0.conv",
    "body.0.norm",
    "body.0",
    "body.0.act",
    "body.1.conv",
    "body.1.norm",
    "body.1",
    "body.1.act",
    "again.conv2d_3",
    "again.conv2d_4",
    "pool",
    "flatten",
    "head",
)


@functools.cache
def net():
    torch.manual_seed(0)
    return Net().eval()


@functools.cache
def program():
    return exported(net(), torch.zeros(SHAPE))


@functools.cache
def model(output=None):
    return em.from_torch(program(), None, output)


def test_facts():
    found = model()
    assert repr(found) == "<Model ExportedProgram: input 1x3x16x12, read up to 'again.conv2d_4'>"
    assert (found.input_shape, found.input_size, found.channels) == (SHAPE, (16, 12), 3)
    assert (found.ndim, found.space, found.weights) == (2, (2, 3), "uniform")
    assert found.layers == LAYERS
    assert found.outputs == (*LAYERS, "flatten_1", "transpose", "chunk", "cat")
    assert (found.output, found.reads_own_output, found.is_last_map) == ("again.conv2d_4", False, True)
    assert (found.reads_all, found.is_module, found.is_read, found.has_parts) == (True,) * 4
    assert (found.stretches, found.adapts) == (None, None)
    assert found.warnings == (
        "the model's output 'head' has no positions: each of its values reads the whole input; the tensor "
        "that is read is the last map before it, 'again.conv2d_4'",
    )
    assert [tensor.title for tensor in found.tensors] == ["input", *LAYERS]
    assert found.read_tensor is found.tensors[11]
    assert found.read_tensor.shape == (1, 4, 8, 6)
    assert em.receptive_field(found).size == (11, 11)


def shown(part):
    return {
        ".".join(inner.path): (
            inner.kind,
            inner.description,
            inner.parameters,
            [ran.op.name for _, ran in inner.ran],
        )
        for inner in part.walk()
    }


def test_parts():
    assert shown(model().parts) == {
        "": ("", "", 0, ["flatten"]),
        "stem": ("Conv2d", "Conv 3x3 /2", 112, ["stem"]),
        "body": ("Sequential", "Sequential", 0, []),
        "body.0": ("Block", "Block", 0, ["body.0"]),
        "body.0.conv": ("Conv2d", "Conv 3x3", 0, ["body.0.conv"]),
        "body.0.norm": ("BatchNorm2d", "BatchNorm2d", 8, ["body.0.norm"]),
        "body.0.act": ("ReLU", "ReLU", 0, ["body.0.act"]),
        "body.1": ("Block", "Block", 0, ["body.1"]),
        "body.1.conv": ("Conv2d", "Conv 3x3", 144, ["body.1.conv"]),  # one weight, which counts once
        "body.1.norm": ("BatchNorm2d", "BatchNorm2d", 8, ["body.1.norm"]),
        "body.1.act": ("ReLU", "ReLU", 0, ["body.1.act"]),
        "again": ("Conv2d", "Conv 1x1", 20, ["again.conv2d_3"]),
        "again (2)": ("Conv2d", "Conv 1x1", 0, ["again.conv2d_4"]),
        "pool": ("AdaptiveAvgPool2d", "Global pool", 0, ["pool"]),
        "head": ("Linear", "Linear", 25, ["head"]),
        "unused": ("not run", "not run", 16, []),
    }
    total = sum(part.parameters for part in model().parts.walk())
    assert total == sum(values.numel() for values in net().parameters())


def test_costs():
    ran = {ran.op.name: (ran.macs, ran.values, ran.moves) for ran in model().reading[1].ran}
    plane = 8 * 6
    conv, point = (4 * 4 * 9 * plane, 4 * plane, True), (4 * 4 * plane, 4 * plane, True)
    norm, added, act = (4 * plane, 0, False), (0, 4 * plane, False), (0, 0, False)
    assert ran == {
        "stem": (4 * 3 * 9 * plane, 4 * plane, True),
        **{f"body.{i}.conv": conv for i in (0, 1)},
        **{f"body.{i}.norm": norm for i in (0, 1)},
        **{f"body.{i}": added for i in (0, 1)},
        **{f"body.{i}.act": act for i in (0, 1)},
        "again.conv2d_3": point,
        "again.conv2d_4": point,
        "pool": (0, 4, True),
        "flatten": (0, 0, False),
        "head": (4 * 5, 5, False),
    }


def test_operators_in_a_module_without_parts_have_a_row_each():
    plain = em.from_torch(Function(lambda x: F.avg_pool2d(torch.relu(x), 2) + 1), (1, 2, 8, 8))
    assert [(part.path, part.kind, part.is_operator) for part in plain.parts.inside] == [
        (("relu",), "relu", True),
        (("avg_pool2d",), "avg_pool2d", True),
    ]


@pytest.mark.parametrize(
    ("output", "size", "title", "is_own"),
    [
        (0, None, "head", True),
        (1, (11, 11), "chunk.1", True),
        (2, (11, 11), "cat", True),
        ("body", (11, 11), "body.1.act", False),
        ("body.0", (7, 7), "body.0.act", False),
        ("body.0.norm", (7, 7), "body.0.norm", False),
        ("stem", (3, 3), "stem", False),
        ("again", (11, 11), "again.conv2d_4", False),
        ("again.conv2d_3", (11, 11), "again.conv2d_3", False),
        ("conv2d", (3, 3), "stem", False),
        ("last map", (11, 11), "again.conv2d_4", False),
    ],
)
def test_outputs(output, size, title, is_own):
    found = model(output)
    assert (found.read_tensor.title, found.reads_own_output) == (title, is_own)
    assert found.output == (output if isinstance(output, str) and output != "last map" else title)
    field = em.receptive_field(found)
    assert field.is_everything if size is None else field.size == size
    assert found.reads_all is (is_own or output == "last map")
    assert found.is_last_map is (output == "last map")
    assert em.receptive_field(model().up_to(output)) == field
    assert found.warnings == (model().warnings if output == "last map" else ())


@pytest.mark.parametrize(
    ("output", "kind", "problem"),
    [
        (3, ValueError, "output must be below 3, the number of outputs, got 3"),
        (-1, ValueError, "output must be below 3, the number of outputs, got -1"),
        (True, TypeError, "output must be a name, a number or None, got True"),
        (1.0, TypeError, "output must be a name, a number or None, got 1.0"),
        (
            "body.2",
            ValueError,
            r"output must be the path of a submodule \(body.1, body.0, body, again, body.0.act, body.0.conv, "
            r"body.0.norm, body.1.act \.\.\.\), a node or a number, got 'body.2'",
        ),
        ("", ValueError, "output must be the path of a submodule"),
        ("unused", ValueError, "output must be the path of a submodule"),
    ],
)
def test_outputs_that_are_none(output, kind, problem):
    with pytest.raises(kind, match=problem):
        em.from_torch(program(), None, output)


def test_inputs_that_are_none():
    with pytest.raises(ValueError, match="input must be below 1, the number of inputs, got 1"):
        em.from_torch(program(), None, 0, 1)
    with pytest.raises(ValueError, match="input must be below 1, the number of inputs, got -1"):
        em.from_torch(program(), None, 0, -1)
    with pytest.raises(ValueError, match="input must be a number or one of x, got 'y'"):
        em.from_torch(program(), None, 0, "y")
    assert em.from_torch(program(), None, 1, "x") == em.from_torch(program(), None, 1, 0) == model(1)
    inner = em.from_torch(program(), None, "body.0", "conv2d")
    assert em.receptive_field(inner).size == (3, 3)
    assert inner.input_shape == (1, 4, 8, 6)


def test_the_module_up_to_what_was_read():
    x = torch.randn(SHAPE, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        head, half, tokens = net()(x)
        stem, body = net().stem(x), net().body(net().stem(x))
        found = {output: model(output).module()(x) for output in (0, 1, 2, "stem", "body")}
    torch.testing.assert_close(found[0], head[:, :, None, None])
    torch.testing.assert_close(found[1], half)
    torch.testing.assert_close(found[2], tokens[:, 1:-2].transpose(1, 2).reshape(1, 4, 8, 6))
    torch.testing.assert_close(found["stem"], stem)
    torch.testing.assert_close(found["body"], body)
    with pytest.raises(ValueError, match="ExportedProgram is no ONNX file"):
        model(1).runnable()


def test_the_input_itself_and_parts_of_what_an_operator_makes_are_outputs():
    """These have no name of their own in the graph."""
    halves = em.from_torch(Function(lambda x, a: a(x).chunk(2, 1), nn.Conv2d(1, 4, 3)), (1, 1, 8, 8))
    assert (halves.output, halves.reads_own_output, em.receptive_field(halves).size) == (
        "chunk.0",
        True,
        (3, 3),
    )
    steps = em.from_torch(nn.LSTM(4, 4, batch_first=True), (1, 16, 4), space=1)
    assert (steps.reads_own_output, em.receptive_field(steps).region(3)) == (True, (-float("inf"), 3))
    same = em.from_torch(nn.Identity(), (1, 2, 8, 8))
    assert (same.net, same.output, same.reads_own_output) == (em.Identity(), "input", True)


@pytest.mark.parametrize(("count", "more"), [(8, ""), (9, r" \.\.\.")])
def test_eight_submodules_are_named(count, more):
    layers = nn.Sequential(*(nn.ReLU() for _ in range(count)))
    names = ", ".join(map(str, range(8)))
    with pytest.raises(
        ValueError, match=rf"path of a submodule \({names}{more}\), a node or a number, got 'x'"
    ):
        em.from_torch(layers, (1, 1, 4), "x")


def test_an_older_name_of_an_argument():
    gated = nn.Sequential(nn.Conv1d(1, 2, 3), nn.InstanceNorm1d(2))
    assert em.receptive_field(em.from_torch(gated, (1, 1, 9), gates=False)).size == 3
    assert em.receptive_field(em.from_torch(gated, (1, 1, 9), global_context=False)).size == 3
    assert em.receptive_field(em.from_torch(gated, (1, 1, 9), global_context=False, gates=True)).is_everything


def test_weights_as_given_by_name():
    given = model("stem").with_weights("given")
    assert (given.weights, repr(given)) == (
        "given",
        "<Model ExportedProgram: input 1x3x16x12, read up to 'stem', given weights>",
    )
    assert given.net.weights.shape == (4, 3, 3, 3)
    assert given.with_weights("given") is given
    assert given.with_weights("uniform") == model("stem")
    assert given.up_to("body.0.conv").weights == "given"


def test_a_reader_has_names():
    reader = Reader(program(), None, None)
    assert (reader.name, reader.is_default, reader.notes) == ("module", True, ())
    assert reader.own == ("head", "chunk.1", "cat")
    assert reader.space((1,)) == (1,)
    assert reader.elsewhere() is None
    assert Reader(program(), 0, None, "mine").is_default is False
    assert Reader(program(), 0, None, "mine").name == "mine"
