"""``em.analyze`` reads all that names or holds a network, and each of its readings is the library's own."""

import copy
import dataclasses
import json
import pickle
import re
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import given

import erfmath as em
from erfmath.cli import main
from erfmath.formats.json_format import network_to_json
from erfmath.strategies import networks

NETS = [
    em.zoo.get("resnet18"),
    em.Conv(3, padding=1, channels=8) >> em.Pool(2) >> em.Upsample(2) >> em.Conv(3, padding=1),
    em.Conv((3, 5), dilation=2) >> em.Activation("relu") >> em.Pool((2, 2), mode="max"),
    em.Residual(em.Conv([1, 2, 1], padding=1), Fraction(1, 2)) ** 4,
    em.Graph({"a": (em.Conv(3, padding=1), "input"), "b": (em.Identity(), "a", "input")}),
]

# What is null in the JSON of an analysis without being missing: it was not asked for, or is as usual.
NOT_ASKED = {"units", "measured", "output"}


@pytest.mark.parametrize("net", NETS, ids=["resnet18", "up", "two axes", "given weights", "graph"])
@pytest.mark.parametrize("profile", ["mean", "variance", "std"])
def test_each_reading_is_the_library_s(net, profile):
    found = em.analyze(net, input_size=32, channels=2, profile=profile)
    assert found.net == net
    assert found.field == em.receptive_field(net)
    assert found.halo == em.receptive_field(net).halo()
    assert found.cost == em.cost(net, 32, 2)
    assert repr(found.layers) == repr(em.layer_table(net, 32, 2))
    read = net if profile == "mean" else em.variance(net)
    for definition in ("threshold", "mass"):
        expected = em.effective_field(net, definition, profile=profile)
        assert found.effective[definition].count == expected.count
    law = found.distribution
    assert np.array_equal(law.probabilities(), em.distribution(read).probabilities())
    assert (found.measured, found.warnings, found.output) == (None, (), None)


def test_the_limit_is_that_of_each_axis():
    found = em.analyze(em.Conv((3, 5)) ** 10)
    assert found.limit.var == em.central_limit(em.Conv(3) ** 10).var
    assert [limit.var for limit in found.limits] == pytest.approx([20 / 3, 20])
    assert str(found.limit.verdict) == str(em.central_limit(em.Conv(3) ** 10).verdict)


def test_options_of_the_effective_field_are_its_own():
    net = em.Conv(2, dilation=3) ** 3 >> em.Conv(3)
    found = em.analyze(net, definition="sigma", ref="max")
    assert found.definitions == ("sigma",)
    assert found.effective["sigma"].size == em.effective_field(net, "sigma", "max").size


def test_borders_are_those_of_the_input():
    net = em.Conv(3, padding=1) ** 5
    found = em.analyze(net, input_size=9, at=0, borders=True)
    expected = em.distribution(net, at=0, input_size=9)
    assert np.array_equal(found.distribution.probabilities(), expected.probabilities())
    assert em.analyze(net, input_size=9, borders=True).at == (4,)
    assert em.analyze(net, input_size=9).at == (0,)


# What it reads.


def test_words_files_and_networks_are_the_same_network(tmp_path):
    net = em.parse_network("conv3x3s2p1 relu conv3x3")
    path = tmp_path / "net.json"
    path.write_text(network_to_json(net))
    for what in ("conv3x3s2p1 relu conv3x3", " conv3x3s2p1 relu conv3x3 ", net, path, str(path)):
        found = em.analyze(what)
        assert (found.net, found.field.size) == (net, (7, 7))
    assert em.analyze("resnet18").net == em.zoo.get("resnet18")
    assert em.analyze("conv3 conv3", ndim=3).field.size == (5, 5, 5)


def test_models_files_and_modules_are_the_same_network(tmp_path, monkeypatch):
    torch = pytest.importorskip("torch")
    module = torch.nn.Sequential(torch.nn.Conv2d(4, 4, 3, 2), torch.nn.ReLU(), torch.nn.Conv2d(4, 4, 3))
    (tmp_path / "analysed_nets.py").write_text(
        "from torch import nn\ndef make():\n"
        "    return nn.Sequential(nn.Conv2d(4, 4, 3, 2), nn.ReLU(), nn.Conv2d(4, 4, 3))\n"
    )
    monkeypatch.chdir(tmp_path)
    model = em.from_torch(module, (1, 4, 16, 16))
    exported = torch.export.export(module, (torch.zeros(1, 4, 16, 16),))
    for what in (module, model, exported, "analysed_nets:make"):
        found = em.analyze(what)
        assert (found.field.size, found.channels, found.field.stride) == ((7, 7), 4, (2, 2))
        assert isinstance(found.net, em.Model)
    assert em.analyze(module, example=(1, 4, 20, 30)).input_size == (20, 30)
    assert em.analyze("analysed_nets:make", example=(1, 4, 20, 30)).input_size == (20, 30)
    assert em.analyze(module, input_size=(20, 30)).input_size == (20, 30)
    assert em.analyze(model, output="0").output == "0"
    assert em.analyze(model, output="0").field.size == (3, 3)
    given_ = em.analyze(model, weights="given", profile="variance")
    expected = em.effective_field(em.variance(em.from_torch(module, (1, 4, 16, 16), weights="given")))
    assert given_.effective["threshold"].count == expected.count


def test_onnx_files_and_their_values_are_the_same_network(tmp_path):
    onnx = pytest.importorskip("onnx")
    helper, kind = onnx.helper, onnx.TensorProto.FLOAT
    ends = [helper.make_tensor_value_info(name, kind, (1, 1, 9, 9)) for name in "xy"]
    kernel = onnx.numpy_helper.from_array(np.ones((1, 1, 3, 3), np.float32), "w")
    node = helper.make_node("Conv", ["x", "w"], ["y"], pads=[1, 1, 1, 1])
    value = helper.make_model(helper.make_graph([node], "small", ends[:1], ends[1:], [kernel]))
    path = tmp_path / "small.onnx"
    path.write_bytes(value.SerializeToString())
    for what in (path, str(path), value):
        found = em.analyze(what)
        assert (found.field.size, found.input_size, found.channels) == ((3, 3), (9, 9), 1)
    assert em.analyze(path).name == "small.onnx"


def test_a_graph_is_read_up_to_a_layer():
    net = em.Graph({"a": (em.Conv(3), "input"), "b": (em.Conv(3), "a")})
    assert em.analyze(net).field.size == 5
    found = em.analyze(net, output="a")
    assert (found.field.size, found.output) == (3, "a")
    assert [stage.field for stage in em.analyze(net).stages.stages] == [(5,)]


# What it says.


@pytest.mark.parametrize(
    ("what", "options"),
    [
        ("resnet18", {}),
        ("resnet18", {"profile": "std"}),
        ("conv3p1*4", {"input_size": 9, "at": 0, "borders": True}),
        ("conv3x3 gap", {"definition": "mass"}),
    ],
)
def test_the_command_prints_its_str_and_its_dict(capsys, what, options):
    words = [what]
    for name, value in options.items():
        words += [f"--{name.replace('_', '-')}", *([] if value is True else [str(value)])]
    found = em.analyze(what, **options)
    assert main(["analyze", *words]) == 0
    assert capsys.readouterr().out == f"{found}\n"
    assert main(["analyze", *words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == found.to_dict()


@given(networks(max_layers=3, max_dims=2))
def test_what_does_not_exist_is_none_and_has_a_reason(net):
    found = em.analyze(net)
    whole = found.to_dict()
    missing = {name for name, value in whole.items() if value is None} - NOT_ASKED
    missing |= {f"effective.{name}" for name, value in whole["effective"].items() if value is None}
    assert missing - {"input_size"} <= set(found.why)
    assert (found.limit is None) == ("central_limit" in found.why)
    assert (found.cost is None) == ("cost" in found.why)
    assert (found.distribution is None) == ("distribution" in found.why)
    assert all(reason.startswith(("none", "unknown")) for reason in found.why.values())


def test_an_unbounded_field_has_its_reasons():
    found = em.analyze(em.Conv(3) >> em.GlobalPool())
    assert (found.distribution, found.limit, found.limits) == (None, None, ())
    assert found.effective == {"threshold": None, "mass": None}
    assert "sees the whole input" in found.why["central_limit"]
    assert found.to_dict()["field"]["size"] == ["inf"]


def test_an_analysis_is_a_value():
    found = em.analyze("conv3")
    with pytest.raises(dataclasses.FrozenInstanceError):
        found.channels = 3
    assert repr(found) == f"<Analysis of conv3: {found.field!r}>"
    assert str(pickle.loads(pickle.dumps(found.field))) == str(found.field)


def test_a_measurement_stands_beside_the_theory():
    pytest.importorskip("torch")
    net = (em.Conv((3, 3)) >> em.Activation("relu")) ** 3
    found = em.analyze(net, measure=40)
    assert found.measured.agreement.measured.runs == 40
    assert found.measured.agreement.correlation > 0.9
    assert found.measured.is_clear
    assert repr(found.measured.agreement) in str(found)
    assert found.to_dict()["measured"]["runs"] == 40


# Bad input.


@pytest.mark.parametrize("what", [None, 3, 2.5, [1, 2, 1], b"resnet50", em.Kernel([1, 2, 1]), np.ones(3)])
def test_what_it_cannot_read_says_what_it_accepts_and_what_it_got(what):
    with pytest.raises(TypeError, match=r"what must be a network .*, a Model, .*; got ") as error:
        em.analyze(what)
    assert type(what).__name__ in str(error.value)


def test_files_that_cannot_be_read_are_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "other.json").write_text('{"type": "Conf"}')
    (tmp_path / "bytes.json").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "weights.pt").write_bytes(b"")
    for what, kind, words in [
        ("missing.json", FileNotFoundError, f"there is no file 'missing.json' in {re.escape(str(tmp_path))}"),
        (tmp_path / "sub" / "net.json", FileNotFoundError, "there is no file 'net.json' in .*sub"),
        ("other.json", ValueError, "'other.json': .*Conf"),
        ("bytes.json", ValueError, "'bytes.json' is not a text file"),
        ("weights.pt", ValueError, "'weights.pt' is a file of another kind; what must be a network"),
        ("weights.pt", ValueError, "; weights alone do not say .*: name a function that makes the module"),
        (str(tmp_path), ValueError, "is a file of another kind"),
    ]:
        with pytest.raises(kind, match=words) as error:
            em.analyze(what)
        assert "\n" not in str(error.value)


def test_onnx_files_that_cannot_be_read_are_named(tmp_path):
    pytest.importorskip("onnx")
    with pytest.raises(FileNotFoundError, match=r"there is no file 'net\.onnx' in "):
        em.analyze(tmp_path / "net.onnx")
    with pytest.raises(IsADirectoryError, match="is a folder, not a file"):
        em.analyze(tmp_path)


@pytest.mark.parametrize(
    ("options", "kind", "words"),
    [
        ({"input_size": "x"}, TypeError, "input_size must be an int"),
        ({"input_size": (3, 3, 3)}, ValueError, "input_size must be an int or 2 ints"),
        ({"input_size": 2}, ValueError, "too small"),
        ({"channels": 0}, ValueError, "channels must be at least 1"),
        ({"channels": 2.0}, TypeError, "channels must be an int"),
        ({"at": (1, 2, 3)}, ValueError, "at must be an int or 2 ints"),
        ({"at": (500, 0), "borders": True}, ValueError, "at must lie inside the output map"),
        ({"weights": "mine"}, ValueError, "weights must be one of"),
        ({"weights": "given"}, ValueError, "needs a model"),
        ({"profile": 1}, ValueError, "profile must be one of"),
        ({"definition": "d"}, ValueError, "definition must be one of"),
        ({"ref": None}, ValueError, "ref must be one of"),
        ({"measure": 0}, ValueError, "measure must be at least 1"),
        ({"measure": True}, TypeError, "measure must be an int"),
        ({"output": "x"}, ValueError, "output='x' needs a network with named layers"),
        ({"ndim": 3}, ValueError, "ndim must be 2 or None for network, got 3"),
        (
            {"example": (1, 3, 9, 9)},
            ValueError,
            "example is an input of a PyTorch module, and network is none",
        ),
        ({"global_context": False}, ValueError, "only a model can be read without its global context"),
    ],
)
def test_an_argument_that_does_not_fit_is_named(options, kind, words):
    with pytest.raises(kind, match=words):
        em.analyze(em.Conv((3, 3)) >> em.Pool((2, 2)), **options)


def test_a_tensor_that_cannot_be_read_names_those_that_can():
    torch = pytest.importorskip("torch")
    module = torch.nn.Sequential(torch.nn.Conv2d(1, 1, 3), torch.nn.Conv2d(1, 1, 3))
    with pytest.raises(ValueError, match=r"\(0, 1.*'zz'"):
        em.analyze(module, output="zz")
    with pytest.raises(TypeError, match=r"example_input must be a tensor, .* got 3"):
        em.analyze(module, example=3)
    with pytest.raises(ValueError, match="this one has been read"):
        em.analyze(em.from_torch(module, (1, 1, 9, 9)), global_context=False)


@pytest.mark.parametrize("option", [{"borders": "no"}, {"global_context": "no"}, {"ndim": "2"}])
def test_flags_and_counts_of_the_wrong_type_are_named(option):
    with pytest.raises(TypeError, match=f"{next(iter(option))} must be"):
        em.analyze(em.Identity(), **option)


def test_a_factory_that_exits_is_an_error_of_its_own():
    pytest.importorskip("torch", reason="modules are exported by PyTorch")
    with pytest.raises(ValueError, match="sys:exit: SystemExit"):
        em.analyze("sys:exit")


@pytest.mark.parametrize("output", [["0"], True, 1.5])
def test_an_output_of_the_wrong_type_is_named(output):
    torch = pytest.importorskip("torch")
    model = em.from_torch(torch.nn.Sequential(torch.nn.Conv1d(1, 1, 3)), (1, 1, 8))
    with pytest.raises(TypeError, match="output must be a name, a number or None"):
        model.up_to(output)


def test_numbers_beyond_the_floats_are_shown():
    assert "over 1e+300" in str(em.analyze("conv3", channels=10**400))
    with pytest.raises(ValueError, match="taps needs"):
        em.Conv(10**400)


def test_a_tensor_without_positions_is_one_unit_of_a_module():
    torch = pytest.importorskip("torch")
    model = em.from_torch(torch.nn.Linear(24, 8), (1, 24))
    assert model.module()(torch.zeros(1, 24)).shape == (1, 8, 1)


def test_copies_of_a_model_read_on_and_pickles_are_analysed():
    torch = pytest.importorskip("torch", reason="modules are exported by PyTorch")
    model = em.from_torch(torch.nn.Sequential(torch.nn.Conv1d(2, 2, 3), torch.nn.ReLU()), (1, 2, 24))
    for copied in (copy.copy(model), copy.deepcopy(model)):
        assert copied.up_to("0").output == "0"
    pickled = pickle.loads(pickle.dumps(model))
    assert em.analyze(pickled).field.size == 3
    with pytest.raises(ValueError, match="without its file"):
        pickled.up_to("0")


def test_an_example_has_a_size_of_its_own():
    torch = pytest.importorskip("torch", reason="modules are exported by PyTorch")
    module = torch.nn.Conv1d(2, 2, 3)
    with pytest.raises(ValueError, match="an example has a size and channels"):
        em.analyze(module, example=(1, 2, 24), channels=5)
    with pytest.raises(ValueError, match="example_input must be at least 1"):
        em.from_torch(module, (1, 2, -3))
    with pytest.raises(ValueError, match="output must be the path of a submodule"):
        em.from_torch(module, (1, 2, 24), output="")


def test_squares_beyond_floats_are_named():
    with pytest.raises(ValueError, match="squares of the weights leave the range"):
        em.variance(em.Conv([1e308, 1e308]))


def test_layers_that_add_no_context_are_named():
    found = em.analyze("resnet18", input_size=32)
    assert len(found.context.unproductive) == 3
    assert "Context  3 of 21 layers add no context at 32, 13 on some paths only" in str(found)
    assert "Context" not in str(em.analyze("resnet18"))
    assert em.analyze(em.Conv(3) ** 10**6).context is None


def test_what_leaves_out_a_branch_that_sees_everything_is_said_of_models_alone():
    torch = pytest.importorskip("torch")

    class Squeezed(torch.nn.Conv2d):
        def forward(self, x):
            y = super().forward(x)
            return y * y.mean((2, 3), keepdim=True).sigmoid()

    module = Squeezed(1, 2, 3, padding=1)
    said = "reads the whole input; global_context=False, --no-global-context, leaves it out"
    assert said in str(em.analyze(em.from_torch(module, (1, 1, 16, 16))))
    bounded = em.from_torch(module, (1, 1, 16, 16), global_context=False)
    assert "Field   3 x 3 pixels" in str(em.analyze(bounded))
    assert "global_context" not in str(em.analyze(em.Conv((3, 3)) >> em.GlobalPool()))
