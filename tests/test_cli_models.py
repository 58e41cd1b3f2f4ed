"""Models on the command line: ONNX files, PyTorch modules, and what is said of those that are none."""

import importlib
import json
import sys
from pathlib import Path

import pytest

import erfmath as em
from erfmath.cli import main
from erfmath.formats.json_format import network_to_json
from erfmath.models.sources import read

FIELDS = {"resnet50": (427, 32), "vgg19": (268, 32), "squeezenet": (207, 16)}
LAST_MAPS = {"resnet50": "r171", "vgg19": "r36", "squeezenet": "r64"}

MODULE = """
import torch
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

class Trained(nn.Module):
    def __init__(self):
        super().__init__()
        torch.manual_seed(0)
        self.stem = nn.Sequential(nn.Conv2d(3, 32, 5, padding=2), nn.BatchNorm2d(32), nn.ReLU(inplace=True))
        self.conv, self.norm = nn.Conv2d(32, 32, 3, padding=1, stride=2), nn.BatchNorm2d(32)
        self.relu, self.head = nn.ReLU(inplace=True), nn.Linear(32, 10)
        self.halves, self.last = Halves(), nn.LayerNorm(32)
        for norm in (self.stem[1], self.norm):
            torch.nn.init.uniform_(norm.weight, 0.5, 2)
            torch.nn.init.uniform_(norm.running_var, 0.5, 2)
            torch.nn.init.normal_(norm.running_mean)

    def features(self, x):
        return self.relu(self.norm(self.conv(self.stem(x))))

    def forward(self, x):
        x = self.features(x)
        x = torch.cat(self.halves(x), 1)
        x = self.last(x.permute(0, 2, 3, 1))
        return self.head(x.mean((1, 2)))

class Gated(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(1, 4, 3, padding=1)

    def forward(self, x):
        x = self.conv(x)
        return x * x.mean((2, 3), keepdim=True).sigmoid()

class Halves(nn.Module):
    def forward(self, x):
        return x.chunk(2, 1)

def audio():
    return nn.Sequential(nn.Conv1d(2, 8, 5, stride=2), nn.ReLU())

def nothing_done():
    return nn.Identity()

def flat():
    return nn.Sequential(nn.Flatten(), nn.Linear(192, 5))

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
    assert f"{size} x {size} pixels; one unit every {stride} pixels" in text
    title = f"light_{name}.onnx up to its last map '{LAST_MAPS[name]}' on 224 x 224 pixels, 3 channels\n"
    assert text.startswith(title)
    assert max(map(len, text.splitlines())) <= 80
    found = json.loads(run(capsys, "analyze", light(name), "--json")[1])
    assert found["output"] == LAST_MAPS[name]
    model = em.from_onnx(light(name), output="last map")
    assert model == em.from_onnx(light(name), output=LAST_MAPS[name])
    law = em.distribution(model)
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
        assert stage["offset"] == list(field.offset)
        assert stage["size"] == list(em.output_size(net, (224, 224)))
    assert {stage["stride"][0] for stage in stages} >= {2**i for i in range(1, 5)}
    _, text = run(capsys, "analyze", light(name), "--all")
    assert [line.split()[0] for line in text.splitlines()[2:]] == [stage["tensor"] for stage in stages]


def test_the_output_and_the_size_of_a_file_can_be_chosen(capsys, light):
    _, text = run(capsys, "analyze", light("vgg19"), "--output", "r9", "--input-size", "64")
    assert text.startswith("light_vgg19.onnx up to 'r9' on 64 x 64 pixels")
    assert "16 x 16 pixels; one unit every 4 pixels" in text
    assert "128x16x16" in text
    assert "such as" in complaint(capsys, "analyze", light("vgg19"), "--output", "r9000")


def test_the_tensor_is_named_where_it_is_not_the_model_s_own_output(capsys, tmp_path):
    onnx = pytest.importorskip("onnx", reason="ONNX files are read by the onnx package")
    helper, path = onnx.helper, tmp_path / "small.onnx"
    nodes = [helper.make_node("Conv", ["x", "w"], ["y"]), helper.make_node("GlobalMaxPool", ["y"], ["z"])]
    ends = [helper.make_tensor_value_info(name, 1, shape) for name, shape in (("x", [1, 1, 9]), ("z", None))]
    weights = [helper.make_tensor("w", 1, [2, 1, 3], [1.0] * 6)]
    for count, title in ((2, "small.onnx up to its last map 'y' on 9 "), (1, "small.onnx on 9 ")):
        ends[1].name = nodes[count - 1].output[0]
        graph = helper.make_graph(nodes[:count], "small", ends[:1], ends[1:], weights)
        onnx.save(helper.make_model(graph), path)
        assert run(capsys, "analyze", path)[1].startswith(title)


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
    assert text.startswith(f"{module}:Net up to its last map 'add' on 32 x 32 pixels, 4 channels\n")
    assert "8 x 8 pixels; one unit every 2 pixels" in text
    _, text = run(capsys, "analyze", f"{module}:audio", "--input-size", "40")
    assert text.startswith(f"{module}:audio on 40 samples, 2 channels\n")
    found = json.loads(run(capsys, "analyze", f"{module}:audio", "--json")[1])
    assert found["output"] is None
    _, text = run(capsys, "analyze", f"{module}:Net", "--output", "body")
    assert "4 x 4 pixels" in text
    assert text.startswith(f"{module}:Net up to 'body' on ")
    stages = json.loads(run(capsys, "analyze", f"{module}:Net", "--all", "--json")[1])
    assert [(s["field"][0], s["stride"][0], s["size"][0]) for s in stages] == [(4, 2, 112), (8, 2, 112)]
    assert "" not in sys.path


def test_an_onnx_file_is_measured_with_random_weights(capsys, light):
    words = ["analyze", light("vgg19"), "--output", "r9", "--measure", "40", "--json"]
    found = json.loads(run(capsys, *words)[1])["measured"]
    net = em.from_onnx(light("vgg19"), output="r9")
    taken = em.measure(net, found["input_size"], found["unit"], runs=40, rng=0, progress=False)
    assert found["correlation"] == taken.compare().correlation > 0.9
    assert found["drawn"] == "random weights, 16 channels"
    words = ["analyze", light("squeezenet"), "--input-size", "64", "--measure", "1", "--json"]
    found = json.loads(run(capsys, *words)[1])["measured"]
    assert (found["unit"], found["input_size"], found["meets_border"]) == ([1, 1], [64, 64], True)


def test_a_module_is_measured_with_its_own_weights(capsys, module):
    words = ["analyze", f"{module}:Trained", "--input-size", "24", "--measure", "40"]
    code, text = run(capsys, *words)
    assert code == 0
    assert text.startswith(f"{module}:Trained up to its last map 'last' on 24 x 24 pixels")
    assert (
        "Measured over 40 runs with random inputs, its own weights: mean square of the gradient\n"
        "at unit 6,6 on 24 x 24 pixels:" in text
    )
    found = json.loads(run(capsys, *words, "--json")[1])["measured"]
    assert found["correlation"] > 0.9
    assert found["variance_ratio"] == pytest.approx([1, 1], abs=0.1)
    net = importlib.import_module(module).Trained()
    energies = em.from_torch(net, (1, 3, 24, 24), output="last", weights="energy")
    theory = em.distribution(energies, at=6, input_size=24).var()
    assert found["variance"][0] / found["variance_ratio"][0] == pytest.approx(theory[0])


@pytest.mark.parametrize(
    ("output", "make"),
    [
        ("stem", lambda net, x: net.stem(x)),
        ("conv", lambda net, x: net.conv(net.stem(x))),
        ("norm", lambda net, x: net.norm(net.conv(net.stem(x)))),
        ("relu", lambda net, x: net.features(x)),
        ("halves", lambda net, x: net.features(x)[:, 16:]),
        ("last", lambda net, x: net.last(net.features(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)),
        (None, lambda net, x: net.last(net.features(x).permute(0, 2, 3, 1)).permute(0, 3, 1, 2)),
    ],
)
def test_what_is_measured_of_a_module_is_the_tensor_that_is_read(module, output, make):
    import torch

    _, model, _ = read(f"{module}:Trained", input_size=12, output=output)
    part, energies = model.module(), model.with_weights("energy")
    x = torch.randn(1, 3, 12, 12)
    net = importlib.import_module(module).Trained().eval()
    assert torch.allclose(part(x), make(net, x), atol=1e-6)
    assert em.receptive_field(energies).size == em.receptive_field(model.net).size


@pytest.mark.parametrize("profile", ["mean", "variance", "std"])
def test_a_model_is_read_with_its_own_weights(capsys, module, profile):
    words = ["analyze", f"{module}:Trained", "--input-size", "24", "--output", "conv", "--profile", profile]
    found = json.loads(run(capsys, *words, "--weights", "given", "--json")[1])
    net = em.from_torch(importlib.import_module(module).Trained(), (1, 3, 24, 24), "conv", weights="given")
    expected = em.impact_map(net).distribution() if profile == "mean" else em.distribution(em.variance(net))
    assert found["weights"] == "given"
    assert found["effective"]["mass"]["size"] == em.effective_field(expected, "mass", profile=profile).size
    text = run(capsys, *words, "--weights", "given")[1]
    assert {"mean": "magnitude of the gradient", "variance": "random signs", "std": "the root"}[
        profile
    ] in text
    energies = em.from_torch(
        importlib.import_module(module).Trained(), (1, 3, 24, 24), "conv", weights="energy"
    )
    found = json.loads(run(capsys, *words, "--weights", "energy", "--json")[1])
    expected = em.effective_field(em.distribution(energies), "mass", profile=profile)
    assert found["effective"]["mass"]["size"] == expected.size


def test_all_tensors_have_no_single_picture(capsys, light):
    words = ["analyze", light("squeezenet"), "--all", "--plot", "x.png"]
    assert "--plot draws the impact on a unit of one tensor" in complaint(capsys, *words)


def test_weights_need_a_model(capsys):
    assert "needs a model: an ONNX file or a PyTorch module" in complaint(
        capsys, "analyze", "resnet18", "--weights", "energy"
    )


def test_gates_can_be_left_out(capsys, module):
    words = ["analyze", f"{module}:Gated", "--input-size", "8"]
    assert "unbounded" in run(capsys, *words)[1]
    assert "3 x 3 pixels; one unit every pixel" in run(capsys, *words, "--no-gates")[1]


def test_gates_and_logits_are_not_measured(capsys, module):
    words = ["analyze", f"{module}:Net", "--input-size", "8", "--output", "head", "--measure"]
    assert "choose an output before it" in complaint(capsys, *words)
    words = ["analyze", f"{module}:flat", "--input-size", "8", "--measure"]
    assert "choose an output before it" in complaint(capsys, *words)
    words = ["analyze", f"{module}:nothing_done", "--input-size", "8", "--measure"]
    assert "needs a tensor that the module makes, got 'input'" in complaint(capsys, *words)


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
    text = run(capsys, "analyze", path, "--output", "b")[1]
    assert "11 samples; one unit" in text
    assert text.startswith(f"{path} up to 'b' on ")
    assert run(capsys, "analyze", path, "--output", "d")[1].startswith(f"{path} on ")
    assert "must be the name of a layer" in complaint(capsys, "analyze", path, "--output", "x")
