"""Tables of models: modules as a tree, all that they hold and compute, and the table in other formats."""

import csv
import io
import json
import math

import numpy as np
import pytest
from hypothesis import assume, given

import erfmath as em
from erfmath.strategies import networks

torch = pytest.importorskip("torch", reason="the models are modules of torch")
import exported  # noqa: E402
from torch import nn  # noqa: E402
from torch.nn.attention import SDPBackend, sdpa_kernel  # noqa: E402
from torch.utils.flop_counter import FlopCounterMode  # noqa: E402


class Bottleneck(nn.Module):
    """As in torchvision's ResNets."""

    def __init__(self, inputs, planes, stride=1, downsample=None):
        super().__init__()
        self.conv1, self.bn1 = nn.Conv2d(inputs, planes, 1, bias=False), nn.BatchNorm2d(planes)
        self.conv2 = nn.Conv2d(planes, planes, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(planes)
        self.conv3, self.bn3 = nn.Conv2d(planes, 4 * planes, 1, bias=False), nn.BatchNorm2d(4 * planes)
        self.relu, self.downsample = nn.ReLU(inplace=True), downsample

    def forward(self, x):
        out = self.relu(self.bn1(self.conv1(x)))
        out = self.bn3(self.conv3(self.relu(self.bn2(self.conv2(out)))))
        return self.relu(out + (x if self.downsample is None else self.downsample(x)))


class ResNet(nn.Module):
    """torchvision's ResNet-50, in plain torch."""

    def __init__(self, depths=(3, 4, 6, 3)):
        super().__init__()
        self.channels = 64
        self.conv1, self.bn1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False), nn.BatchNorm2d(64)
        self.relu, self.maxpool = nn.ReLU(inplace=True), nn.MaxPool2d(3, 2, 1)
        for i, depth in enumerate(depths):
            setattr(self, f"layer{i + 1}", self.layer(64 * 2**i, depth, 1 + (i > 0)))
        self.avgpool, self.fc = nn.AdaptiveAvgPool2d((1, 1)), nn.Linear(2048, 1000)

    def layer(self, planes, depth, stride):
        shortcut = nn.Conv2d(self.channels, 4 * planes, 1, stride, bias=False), nn.BatchNorm2d(4 * planes)
        first, self.channels = (
            Bottleneck(self.channels, planes, stride, nn.Sequential(*shortcut)),
            4 * planes,
        )
        return nn.Sequential(first, *(Bottleneck(4 * planes, planes) for _ in range(depth - 1)))

    def forward(self, x):
        x = self.maxpool(self.relu(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(self.avgpool(x).flatten(1))


@pytest.fixture(scope="module")
def resnet50():
    module = ResNet().eval()
    return module, em.from_torch(module, (1, 3, 64, 64), "last map")


def test_resnet50_has_all_its_parameters_at_any_depth(resnet50):
    module, net = resnet50
    assert sum(p.numel() for p in module.parameters()) == 25_557_032
    for depth in (None, 1, 2, 3, 9):
        assert em.layer_table(net, depth=depth).parameters == 25_557_032
    by_module = {row.path: row.parameters for row in em.layer_table(net, depth=1)}
    for name, child in module.named_children():
        assert by_module[name] == sum(p.numel() for p in child.parameters()), name


def test_rows_have_the_paths_of_modules(resnet50):
    module, net = resnet50
    known = {path for path, _ in module.named_modules()}
    for row in em.layer_table(net):
        assert row.path.partition(" (")[0] in known, row.path
    found = em.layer_table(net)["layer3.2.conv2"]
    assert (found.size, found.stride, found.kind, found.depth) == ((171, 171), (16, 16), "Conv 3x3", 3)
    assert em.receptive_field(found.net).size == (171, 171)
    assert em.layer_table(net, depth=2)["layer3.5"].size == (267, 267)  # layer3 of ResNet-50, Distill 2019


def test_the_tree_is_printed_as_torchinfo_does(resnet50):
    lines = repr(em.layer_table(resnet50[1], depth=2)).splitlines()
    names = [line.split("  ")[0] for line in lines]
    assert names[6:11] == [
        "layer1: Sequential",
        "├─0: Bottleneck",
        "├─1: Bottleneck",
        "└─2: Bottleneck",
        "layer2: Sequential",
    ]
    assert lines[-1].split() == ["total", "25.6M", "337M"]
    assert lines[6].split()[-5:-3] == ["-", "-"]  # its parts have them
    assert len({len(line) for line in lines[:-1]}) == 1


def transformer():
    embed = nn.Sequential(nn.Embedding(50, 16), nn.Linear(16, 16))
    layer = nn.TransformerEncoderLayer(16, 4, 32, batch_first=True)
    return nn.Sequential(embed, nn.TransformerEncoder(layer, 2, enable_nested_tensor=False))


class Tied(nn.Module):
    """One weight used twice, one parameter of its own, and one that nothing uses."""

    def __init__(self):
        super().__init__()
        self.first, self.second = nn.Conv1d(4, 4, 3, padding=1), nn.Conv1d(4, 4, 3, padding=1)
        self.second.weight = self.first.weight
        self.scale, self.spare = nn.Parameter(torch.ones(4, 1)), nn.Linear(7, 7)

    def forward(self, x):
        return self.scale * self.second(self.first(self.first(x)))


MODULES = {
    "resnet": (exported.resnet, (1, 3, 64, 64)),
    "mobilenet": (exported.mobilenet, (1, 3, 64, 64)),
    "convnext": (exported.convnext, (1, 3, 64, 64)),
    "unet": (exported.unet, (1, 3, 32, 32)),
    "deeplab": (exported.deeplab, (1, 3, 32, 32)),
    "tcn": (exported.tcn, (1, 1, 64)),
    "batch of 3": (exported.tcn, (3, 1, 64)),
    "tied": (Tied, (1, 4, 20)),
    "grouped": (lambda: nn.Conv2d(8, 8, 3, groups=4), (1, 8, 9, 9)),
    "transposed": (lambda: nn.ConvTranspose2d(3, 5, 3, 2), (1, 3, 9, 9)),
    "linear": (lambda: nn.Sequential(nn.Conv1d(2, 4, 3), nn.Flatten(), nn.Linear(32, 3)), (1, 2, 10)),
}


def flops(module, shape):
    """Multiply-accumulates of one input, of products of matrices and convolutions, as torch counts them."""
    with FlopCounterMode(display=False) as counter, torch.no_grad():
        module.eval()(torch.zeros(shape))
    return counter.get_total_flops() / 2 / shape[0]


def normalised(table):
    """What torch does not count: the scale and shift of normalisations."""
    return sum(row.macs for row in table if "Norm" in row.kind)


@pytest.mark.parametrize("name", MODULES)
def test_parameters_and_operations_are_those_that_torch_counts(name):
    make, shape = MODULES[name]
    module = make()
    table = em.layer_table(em.from_torch(module, shape, "last map"))
    assert table.parameters == sum(p.numel() for p in module.parameters())
    assert table.macs - normalised(table) == flops(module, shape)


def test_attention_counts_its_products():
    module = transformer().eval()
    tokens = torch.zeros((1, 12), dtype=torch.long)
    table = em.layer_table(em.from_torch(module, tokens, space=1))
    assert table.parameters == sum(p.numel() for p in module.parameters())
    torch.backends.mha.set_fastpath_enabled(False)
    with sdpa_kernel(SDPBackend.MATH), FlopCounterMode(display=False) as counter, torch.no_grad():
        module(tokens)  # whose fused attention torch does not count
    torch.backends.mha.set_fastpath_enabled(True)
    assert table.macs - normalised(table) == counter.get_total_flops() / 2


def test_another_size_costs_what_the_module_costs_there(resnet50):
    module, _ = resnet50
    trunk = nn.Sequential(*list(module.children())[:-2])
    small = em.layer_table(em.from_torch(trunk, (1, 3, 64, 64)), 96)
    assert small.macs - normalised(small) == flops(trunk, (1, 3, 96, 96))
    assert small["4"].output_size == (24, 24)


def test_tied_weights_count_once_and_what_nothing_reads_has_a_row():
    table = em.layer_table(em.from_torch(Tied(), (1, 4, 20)))
    found = {row.path: row.parameters for row in table}
    assert found["first"] + found["second"] == 4 * 4 * 3 + 4 + 4
    assert found["spare"] == 56
    assert "not run" in repr(table)


def test_the_cost_of_a_model_is_that_of_its_table(resnet50):
    found = em.analyze(resnet50[0], input_size=64, depth=2)
    assert found.cost.parameters == found.layers.parameters == 25_557_032
    assert found.cost.macs == found.layers.macs
    assert max(row.depth for row in found.layers) == 2
    assert "25.6M parameters" in str(found)


@given(networks(max_layers=5, max_dims=2))
def test_shares_add_up_to_one(net):
    shares = [row.share for row in em.layer_table(net) if row.share is not None]
    assume(shares)
    assert math.isclose(sum(shares), 1, rel_tol=1e-9)
    assert min(shares) >= 0


def test_shares_of_a_series_are_squared_steps_times_variances():
    net = em.Conv(3, stride=2) >> em.Conv(5, stride=2) >> em.Conv(3)
    parts = np.array([2 / 3, 4 * 2, 16 * 2 / 3])
    np.testing.assert_allclose([row.share for row in em.layer_table(net)], parts / parts.sum())


def test_shares_of_a_model_are_those_of_its_modules(resnet50):
    rows = {row.path: row.share for row in em.layer_table(resnet50[1], depth=2)}
    inner = {row.path: row.share for row in em.layer_table(resnet50[1])}
    assert math.isclose(sum(share for share in rows.values() if share is not None), 1)
    assert math.isclose(rows["layer4.1"], sum(inner[p] or 0 for p in inner if p.startswith("layer4.1")))
    assert rows["fc"] is None


def test_formats_say_the_same(resnet50, tmp_path):
    table = em.layer_table(resnet50[1], depth=2)
    names = ["layer", "field", "effective", "stride", "offset", "halo", "share", "output", "parameters"]
    rows = table.to_dicts([*names, "macs", "memory"])
    read_back = list(csv.DictReader(io.StringIO(table.to_csv(columns=list(rows[0])))))
    for row, text in zip(rows, read_back, strict=True):
        assert {n: "" if v is None else str(v) for n, v in row.items()} == text
    assert table.to_csv(tmp_path / "t.csv") is None
    assert (tmp_path / "t.csv").read_text() == table.to_csv()
    markdown = table.to_markdown(columns=["layer", "field"]).splitlines()
    assert [line.split() for line in markdown[2:4]] == [
        ["|", "conv1", "|", "7", "|"],
        ["|", "bn1", "|", "7", "|"],
    ]
    assert len({len(line) for line in markdown}) == 1
    latex = table.to_latex(columns=["layer", "field"])
    assert latex.count(r" \\") == len(table) + 1
    assert r"$\infty$" in latex


def test_latex_prints_each_character_as_itself():
    table = em.analyze("(conv3 | id)").layers
    assert r"Sum: 3 \textbar{} identity" in table.to_latex()


@pytest.mark.parametrize("library", ["pandas", "polars"])
def test_data_frames_hold_the_columns(resnet50, library):
    pytest.importorskip(library, reason=f"{library} is optional")
    table = em.layer_table(resnet50[1], depth=1)
    frame = getattr(table, f"to_{library}")()
    assert tuple(frame.columns) == table.columns
    assert int(frame["parameters"].sum()) == 25_557_032
    assert frame["layer"].to_list() == [row.path for row in table]


def test_data_frames_name_what_is_missing(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "polars", None)
    with pytest.raises(ImportError, match="to_polars needs polars: pip install polars"):
        em.layer_table(em.Conv(3)).to_polars()


def test_views_are_sorted_and_filtered(resnet50):
    table = em.layer_table(resnet50[1])
    most = table.filter(lambda row: row.kind.startswith("Conv")).sort("macs", descending=True)
    counts = [row.macs for row in most]
    assert counts == sorted(counts, reverse=True)
    assert most.rows[0].path == "conv1"
    by_share = table.sort("share")
    assert [row.share for row in by_share][-1] is None
    assert [row.path for row in table.sort(lambda row: row.path)] == sorted(row.path for row in table)


def test_views_refuse_what_does_not_fit(resnet50, tmp_path):
    table = em.layer_table(em.Conv((3, 5)) >> em.Conv((3, 3)), 9, 1)
    assert table.columns[2:4] == ("field_0", "field_1")
    with pytest.raises(ValueError, match="columns must be some of layer, output, field_0"):
        table.to_csv(columns=["layers"])
    with pytest.raises(TypeError, match="sequence of names"):
        table.to_markdown(columns="layer")
    with pytest.raises(ValueError, match="depth must be"):
        em.layer_table(resnet50[1], depth=0)
    with pytest.raises(TypeError, match="keep must be a function"):
        table.filter("macs")
    with pytest.raises(ValueError, match="columns must be some of"):
        table.sort("size")
    with pytest.raises(KeyError, match="'fc' is no row"):
        table["fc"]
    with pytest.raises(FileNotFoundError, match="in a folder that is not there"):
        table.to_csv(tmp_path / "no" / "t.csv")
    assert not list(tmp_path.iterdir())


def test_a_file_that_cannot_be_replaced_is_left_as_it_was(tmp_path):
    folder = tmp_path / "folder.csv"
    folder.mkdir()
    with pytest.raises(IsADirectoryError, match="is a folder"):
        em.layer_table(em.Conv(3)).to_csv(folder)
    with pytest.raises(ValueError, match=r"path must end in .csv or .txt, got"):
        em.layer_table(em.Conv(3)).to_csv(tmp_path / "t.xlsx")
    assert [entry.name for entry in tmp_path.iterdir()] == ["folder.csv"]


def test_nodes_of_a_file_are_rows_with_their_names_and_weights(tmp_path):
    pytest.importorskip("onnx", reason="the file is ONNX")
    module = exported.resnet().eval()
    path = tmp_path / "net.onnx"
    with exported.quiet():
        torch.onnx.export(module, torch.zeros(1, 3, 32, 32), path, dynamo=False)
    table = em.layer_table(em.from_onnx(path))
    folded = sum(p.numel() for n, p in module.named_parameters())
    assert table.parameters <= folded  # normalisations are folded into weights and biases
    assert table.macs == flops(module, (1, 3, 32, 32))


def test_the_command_writes_the_table(tmp_path, capsys, monkeypatch):
    from erfmath.cli import main

    (tmp_path / "small_resnet.py").write_text("from exported import resnet\n")
    monkeypatch.syspath_prepend(tmp_path)
    file = tmp_path / "layers.csv"
    words = ["analyze", "small_resnet:resnet", "--input-size", "32", "--depth", "1", "--csv", str(file)]
    assert main(words) == 0
    rows = list(csv.DictReader(io.StringIO(file.read_text())))
    assert sum(int(row["parameters"]) for row in rows) == sum(
        p.numel() for p in exported.resnet().parameters()
    )
    assert main([*words, "--json"]) == 0
    out = capsys.readouterr().out
    found = json.loads(out[out.index("{") :])
    assert len(found["layers"]) == len(rows)
    with pytest.raises(SystemExit):
        main([*words[:-1], str(tmp_path / "none" / "x.csv")])
    assert capsys.readouterr().err.count("\n") == 1
