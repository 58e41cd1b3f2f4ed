"""What names or holds a network: words, files, modules, and what is said of anything else."""

import sys

import numpy as np
import pytest

import erfmath as em
from erfmath.models.sources import ACCEPTED, read

NET = em.Graph({"a": (em.Conv(3), "input"), "b": (em.Conv(5), "a")})


def test_networks_and_words():
    assert read(em.Conv(3)) == ("network", em.Conv(3), None)
    assert read(" conv3s2 relu ") == ("conv3s2 relu", em.Conv(3, 2) >> em.Activation("relu"), None)
    assert read("conv3", ndim=2) == ("conv3", em.Conv((3, 3)), None)
    assert read("resnet50")[1].ndim == 2
    assert read(em.Activation("relu"), ndim=3)[1] == em.Activation("relu")
    with pytest.raises(ValueError, match="ndim must be 1 or None for network, got 2"):
        read(em.Conv(3), ndim=2)
    with pytest.raises(ValueError, match="nosuchlayer"):
        read("nosuchlayer3")


def test_parts_of_a_graph():
    assert read(NET, output="a")[1:] == (em.Graph(NET.args[0], "a"), "a")
    assert read(NET, output="b")[1:] == (NET, None)
    assert read(NET)[1:] == (NET, None)
    with pytest.raises(
        ValueError, match="output='a' needs a network with named layers: an ONNX file, a PyTorch"
    ):
        read(em.Conv(3), output="a")


@pytest.mark.parametrize(
    ("options", "problem"),
    [
        ({"example": (1, 1, 9)}, "example is an input of a PyTorch module, and network is none"),
        (
            {"global_context": False},
            "only a model can be read without its global context, and network is none",
        ),
        ({"input": "x"}, "input counts where a model is read, and network is none"),
        ({"input_shape": (1, 1, 9)}, "input_shape counts where a model is read, and network is none"),
        ({"space": 2}, "space counts where a model is read, and network is none"),
        ({"values": {"a": 1}}, "values counts where a model is read, and network is none"),
        ({"rules": {"a": NET}}, "rules counts where a model is read, and network is none"),
    ],
)
def test_options_that_only_models_have(options, problem):
    with pytest.raises(ValueError, match=problem):
        read(em.Conv(3), **options)
    assert read(em.Conv(3), input_size=9, channels=3) == ("network", em.Conv(3), None)


@pytest.mark.parametrize("what", [3, None, [em.Conv(3)], b"conv3"])
def test_what_is_nothing(what):
    with pytest.raises(TypeError) as caught:
        read(what)
    assert str(
        caught.value
    ) == f"what must be {ACCEPTED}; got {what!r:.60} of type {type(what).__name__}".replace(
        f"{what!r:.60}", repr(what)[:60]
    )


def test_files(tmp_path, monkeypatch):
    path = tmp_path / "net.json"
    path.write_text(em.network_to_json(NET), encoding="utf-8")
    assert read(path) == read(str(path)) == (str(path), NET, None)
    assert read(path, output="a")[2] == "a"
    with pytest.raises(FileNotFoundError, match=r"there is no file 'other\.json'"):
        read(tmp_path / "other.json")
    broken = tmp_path / "broken.json"
    broken.write_text("{", encoding="utf-8")
    with pytest.raises(ValueError, match=r"broken\.json': "):
        read(broken)
    broken.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ValueError, match=r"broken\.json' is not a text file"):
        read(broken)
    monkeypatch.chdir(tmp_path)
    for name, is_checkpoint in (("model.pt", True), ("model.safetensors", True), ("model.txt", False)):
        (tmp_path / name).write_bytes(b"")
        with pytest.raises(ValueError, match=rf"'{name}' is a file of another kind; what must be") as caught:
            read(name)
        assert ("weights alone do not say what is connected to what" in str(caught.value)) is is_checkpoint
    with pytest.raises(ValueError, match="no_file") as caught:
        read("no_file.pt")
    assert "is a file of another kind" not in str(caught.value)


def onnx_model():
    onnx = pytest.importorskip("onnx", reason="models are onnx's")
    helper = onnx.helper
    weights = onnx.numpy_helper.from_array(np.ones((4, 3, 3, 3), dtype=np.float32), "w")
    graph = helper.make_graph(
        [
            helper.make_node("Conv", ["x", "w"], ["y"]),
            helper.make_node("MaxPool", ["y"], ["z"], kernel_shape=[2, 2]),
        ],
        "g",
        [helper.make_tensor_value_info("x", 1, ["n", 3, "h", "w"])],
        [helper.make_tensor_value_info("z", 1, None)],
        [weights],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])


def test_onnx(tmp_path):
    onnx = pytest.importorskip("onnx", reason="models are onnx's")
    path = tmp_path / "net.onnx"
    onnx.save(onnx_model(), path)
    name, model, output = read(path)
    assert (name, output) == ("net.onnx", None)
    assert em.receptive_field(model).size == (4, 4)
    assert read(str(path), output="y")[2] == "y"
    assert read(path, input_size=32)[1].input_shape == (1, 3, 32, 32)
    assert read(path, input_size=(32, 48))[1].input_shape == (1, 3, 32, 48)
    assert read(path, input_shape=(2, 3, 16, 20))[1].input_shape == (2, 3, 16, 20)
    opened = onnx_model()
    opened.graph.input[0].type.tensor_type.shape.dim[1].dim_param = "c"
    assert [read(opened, channels=count)[1].channels for count in (3, 5)] == [3, 5]
    inner = read(path, input="y")[1]
    assert em.receptive_field(inner).size == (2, 2)
    swapped = read(path, rules={"MaxPool": em.Conv((5, 5))})[1]
    assert em.receptive_field(swapped).size == (7, 7)
    assert em.receptive_field(read(onnx_model())[1]).size == (4, 4)
    for more in ({"input_size": 9}, {"channels": 3}):
        with pytest.raises(
            ValueError, match="input_shape has a size and channels; give it without input_size"
        ):
            read(path, input_shape=(1, 3, 9, 9), **more)
    with pytest.raises(ValueError, match=r"example is an input of a PyTorch module, and net\.onnx is none"):
        read(path, example=(1, 3, 9, 9))
    with pytest.raises(FileNotFoundError, match=r"there is no file 'none\.onnx'"):
        read(tmp_path / "none.onnx")


def test_models_that_have_been_read():
    onnx_read = em.from_onnx(onnx_model())
    assert read(onnx_read) == (onnx_read.name, onnx_read, None)
    assert read(onnx_read, output="y")[1:] == (onnx_read.up_to("y"), "y")
    for options in ({"example": (1,)}, {"global_context": False}):
        with pytest.raises(
            ValueError, match="example and global_context are for reading a model; this one has"
        ):
            read(onnx_read, **options)
    for name in ("input", "input_shape", "space", "values", "rules"):
        with pytest.raises(
            ValueError, match=f"{name} counts where a model is read, and this one has been read"
        ):
            read(onnx_read, **{name: "a"})
    with pytest.raises(ValueError, match="ndim must be 2 or None"):
        read(onnx_read, ndim=1)


FACTORIES = """import torch
made = torch.nn.Conv1d(2, 2, 3)


class Parts:
    @staticmethod
    def wide():
        return torch.nn.Conv1d(2, 2, 7)


def broken():
    raise ValueError("first\\nsecond")


def leaves():
    raise SystemExit
"""


def test_modules(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch", reason="modules are torch's")
    nn = torch.nn
    line = nn.Sequential(nn.Conv1d(5, 4, 3), nn.ReLU(), nn.Conv1d(4, 4, 3))
    name, model, output = read(line)
    assert (name, output, model.input_shape) == ("Sequential", None, (1, 5, 16000))
    assert read(nn.ReLU())[1].input_shape == (1, 3, 224, 224)
    assert read(nn.ConvTranspose3d(2, 2, 3))[1].input_shape == (1, 2, 64, 64, 64)
    assert read(line, input_size=20)[1].input_shape == (1, 5, 20)
    assert read(line, input_size=[20])[1].input_shape == (1, 5, 20)
    assert read(nn.ReLU(), input_size=(9, 8, 7))[1].input_shape == (1, 1, 9, 8, 7)
    assert read(nn.ReLU(), input_size=9, channels=2)[1].input_shape == (1, 2, 9, 9)
    assert read(line, example=(2, 5, 9))[1].input_shape == (2, 5, 9)
    assert read(line, input_shape=(2, 5, 9))[1].input_shape == (2, 5, 9)
    assert read(line, example=torch.zeros(2, 5, 9), output="conv1d")[2] == "conv1d"
    assert em.receptive_field(read(line, output="0", input_size=20)[1]).size == 5  # the number of an output
    for more in ({"input_size": 9}, {"channels": 3}):
        with pytest.raises(
            ValueError, match="an example has a size and channels; give it without input_size"
        ):
            read(line, example=(1, 5, 9), **more)
    with pytest.raises(
        ValueError, match="values counts where a model is read, and a module's input is its example"
    ):
        read(line, values={"a": 1})
    assert em.receptive_field(read(line, input="0", input_size=20)[1]).size == 5
    assert em.receptive_field(read(line, rules={"aten.relu": em.Conv(3)}, input_size=20)[1]).size == 7
    gated = nn.Sequential(nn.Conv1d(5, 4, 3), nn.InstanceNorm1d(4))
    assert em.receptive_field(read(gated, input_size=20)[1]).is_everything
    assert em.receptive_field(read(gated, input_size=20, global_context=False)[1]).size == 3
    turned = read(nn.Linear(5, 4), example=(1, 20, 5), space=1)[1]
    assert turned.space == (1,)
    flat = nn.Sequential(nn.Conv1d(5, 4, 3), nn.Flatten(), nn.Linear(72, 3))
    assert read(flat, input_size=20)[1].output == "0"  # the last map, without a warning

    (tmp_path / "of_factories.py").write_text(FACTORIES, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    path = list(sys.path)
    assert em.receptive_field(read("of_factories:made", input_size=20)[1]).size == 3
    assert em.receptive_field(read("of_factories:Parts.wide", input_size=20)[1]).size == 7
    for word, problem in (
        (
            "of_factories:nothing",
            "of_factories:nothing: AttributeError: module 'of_factories' has no attribute",
        ),
        ("no_such_module:made", "no_such_module:made: ModuleNotFoundError: No module named 'no_such_module'"),
        ("of_factories.py:made", "; give of_factories:made, without .py$"),
        ("of_factories:leaves", "of_factories:leaves: SystemExit: $"),
        ("of_factories:broken", "of_factories:broken: ValueError: first$"),
    ):
        with pytest.raises(ValueError, match=problem):
            read(word)
    assert sys.path == path
