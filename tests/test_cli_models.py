"""Models on the command line: ONNX files, PyTorch modules, and what is said of those that are none."""

import json
import sys
from pathlib import Path

import pytest

import erfmath as em
from erfmath.cli import main
from erfmath.notation import network_to_json

FIELDS = {"resnet50": (427, 32), "vgg19": (268, 32), "squeezenet": (207, 16)}

MODULE = """
from torch import nn

class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.body = nn.Sequential(nn.Conv2d(4, 8, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2))
        self.last = nn.Conv2d(8, 8, 3, padding=1)
        self.head = nn.Linear(8, 10)

    def forward(self, x):
        x = self.body(x)
        return self.head((x + self.last(x)).mean((2, 3)))

def audio():
    return nn.Sequential(nn.Conv1d(2, 8, 5, stride=2), nn.ReLU())

def number():
    return 3

def needs(x):
    return x

wrong = nn.Sequential(nn.Conv2d(3, 8, 3), nn.Conv2d(4, 8, 3))
"""


def run(capsys, *words):
    code = main(list(map(str, words)))
    return code, capsys.readouterr().out


def complaint(capsys, *words):
    with pytest.raises(SystemExit) as stop:
        main(list(map(str, words)))
    text = capsys.readouterr().err
    assert stop.value.code == 2
    assert text.startswith("erfmath analyze: error: ")
    assert text.count("\n") == 1
    return text


@pytest.fixture
def light():
    onnx = pytest.importorskip("onnx", reason="ONNX files are read by the onnx package")
    folder = Path(onnx.__file__).parent / "backend/test/data/light"
    if not folder.exists():
        pytest.skip("this onnx package has no light models")
    return lambda name: folder / f"light_{name}.onnx"


@pytest.fixture
def module(tmp_path, monkeypatch):
    """The folder of a module of a user's, as the current one."""
    pytest.importorskip("torch", reason="modules are exported by PyTorch")
    (tmp_path / "erfmath_test_nets.py").write_text(MODULE)
    monkeypatch.chdir(tmp_path)
    yield "erfmath_test_nets"
    sys.modules.pop("erfmath_test_nets", None)


@pytest.mark.parametrize("name", FIELDS)
def test_an_onnx_file_is_analyzed_as_its_network(capsys, light, name):
    size, stride = FIELDS[name]
    code, text = run(capsys, "analyze", light(name))
    assert code == 0
    assert f"{size} x {size} pixels; a unit every {stride} pixels" in text
    assert text.startswith(f"light_{name}.onnx on 224 x 224 pixels, 3 channels\n")
    assert max(map(len, text.splitlines())) <= 80
    found = json.loads(run(capsys, "analyze", light(name), "--json")[1])
    law = em.distribution(em.from_onnx(light(name)))
    assert found["effective"]["threshold"]["count"] == em.effective_field(law).count
    assert found["cost"]["macs"] > 0


@pytest.mark.parametrize("name", FIELDS)
def test_stages_are_the_fields_of_their_tensors(capsys, light, name):
    stages = json.loads(run(capsys, "analyze", light(name), "--all", "--json")[1])
    for stage in stages[::4] + stages[-1:]:
        net = em.from_onnx(light(name), output=stage["tensor"])
        field = em.receptive_field(net)
        assert stage["field"] == list(field.size)
        assert stage["stride"] == list(field.stride)
        assert stage["start"] == list(field.offset)
        assert stage["size"] == list(em.output_size(net, (224, 224)))
    assert {stage["stride"][0] for stage in stages} >= {2**i for i in range(1, 5)}
    _, text = run(capsys, "analyze", light(name), "--all")
    assert [line.split()[0] for line in text.splitlines()[2:]] == [stage["tensor"] for stage in stages]


def test_the_output_and_the_size_of_a_file_can_be_chosen(capsys, light):
    _, text = run(capsys, "analyze", light("vgg19"), "--output", "r9", "--input-size", "64")
    assert text.startswith("light_vgg19.onnx on 64 x 64 pixels")
    assert "16 x 16 pixels; a unit every 4 pixels" in text
    assert "128x16x16" in text
    assert "such as" in complaint(capsys, "analyze", light("vgg19"), "--output", "r9000")


def test_files_that_are_no_models_are_named(capsys, light, tmp_path):
    cut = tmp_path / "cut.onnx"
    cut.write_bytes(light("resnet50").read_bytes()[:20000])
    assert "cut off" in complaint(capsys, "analyze", cut)
    cut.write_text("not a model")
    assert "no ONNX model" in complaint(capsys, "analyze", cut)
    cut.write_bytes(b"")
    assert "no ONNX model" in complaint(capsys, "analyze", cut)
    assert "missing.onnx" in complaint(capsys, "analyze", tmp_path / "missing.onnx")


def test_a_module_is_analyzed_as_its_network(capsys, module):
    code, text = run(capsys, "analyze", f"{module}:Net", "--input-size", "32")
    assert code == 0
    assert text.startswith(f"{module}:Net on 32 x 32 pixels, 4 channels\n")
    assert "8 x 8 pixels; a unit every 2 pixels" in text
    assert "on 40 samples, 2 channels" in run(capsys, "analyze", f"{module}:audio", "--input-size", "40")[1]
    _, text = run(capsys, "analyze", f"{module}:Net", "--output", "body")
    assert "4 x 4 pixels" in text
    stages = json.loads(run(capsys, "analyze", f"{module}:Net", "--all", "--json")[1])
    assert [(s["field"][0], s["stride"][0], s["size"][0]) for s in stages] == [(4, 2, 112), (8, 2, 112)]
    assert "" not in sys.path


@pytest.mark.parametrize(
    ("word", "says"),
    [
        ("{}:number", "must be a torch.nn.Module, got int"),
        ("{}:needs", "TypeError: needs() missing"),
        ("{}:wrong", "cannot follow the module"),
        ("{}:nothing", "no attribute 'nothing'"),
        ("erfmath_no_such:x", "No module named 'erfmath_no_such'"),
    ],
)
def test_what_is_no_module_is_one_line(capsys, module, word, says):
    assert says in complaint(capsys, "analyze", word.format(module))


@pytest.mark.parametrize(
    ("package", "word", "says"),
    [("onnx", "x.onnx", "pip install onnx"), ("torch", "x:y", "pip install torch")],
)
def test_a_missing_package_is_named(capsys, monkeypatch, package, word, says):
    monkeypatch.setitem(sys.modules, package, None)
    assert says in complaint(capsys, "analyze", word)


def test_missing_matplotlib_is_named(capsys, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    assert "erfmath[plot]" in complaint(capsys, "analyze", "conv3", "--plot", tmp_path / "x.png")


def test_graphs_in_json_have_outputs_and_stages(capsys, tmp_path):
    path = tmp_path / "net.json"
    path.write_text(
        network_to_json(
            em.Graph(
                {
                    "a": (em.Conv(3, 2, padding=1), "input"),
                    "b": (em.Conv(5, padding=2), "a"),
                    "c": (em.Identity(), "a", "b"),
                    "d": (em.Conv(3, padding=1), "c"),
                }
            )
        )
    )
    stages = json.loads(run(capsys, "analyze", path, "--all", "--json")[1])
    assert [(stage["tensor"], stage["field"]) for stage in stages] == [("a", [3]), ("c", [11]), ("d", [15])]
    assert "11 samples; a unit" in run(capsys, "analyze", path, "--output", "b")[1]
    assert "must be the name of a layer" in complaint(capsys, "analyze", path, "--output", "x")
