"""The schemas: what is written is valid, and what they refuse is refused in reading, by another library."""

import inspect
import json

import jsonschema
import pytest
from examples import LAYERS
from hypothesis import given, strategies as st

import erfmath as em
from erfmath import zoo
from erfmath.formats.json_format import network_from_json, network_to_json
from erfmath.formats.registry import BUILT_IN
from erfmath.formats.schema import SCHEMAS, fault_of_layer, json_schema
from erfmath.strategies import networks

NETWORK = jsonschema.Draft202012Validator(json_schema("network"))
ANALYSIS = jsonschema.Draft202012Validator(json_schema("analysis"))


@pytest.mark.parametrize("of", SCHEMAS)
def test_the_schemas_are_schemas(of):
    jsonschema.Draft202012Validator.check_schema(json_schema(of))


def test_a_schema_of_nothing_is_an_error():
    with pytest.raises(ValueError, match="of must be one of 'network'"):
        json_schema("layer")


def test_what_is_done_to_a_schema_stays_outside():
    json_schema()["$defs"].clear()
    assert json_schema()["$defs"]


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_a_layer_type_has_the_arguments_of_its_constructor(name):
    schema = json_schema()["$defs"][name]
    parameters = inspect.signature(BUILT_IN[name]).parameters
    assert list(schema["properties"]) == ["type", "version", *parameters]
    assert schema["properties"]["type"] == {"const": name}
    needed = [key for key, parameter in parameters.items() if parameter.default is parameter.empty]
    assert schema.get("required", []) == needed


def test_each_layer_type_is_a_choice():
    node = json_schema()["$defs"]["node"]
    assert node["properties"]["type"]["enum"] == sorted(BUILT_IN)
    for name, choice in zip(sorted(BUILT_IN), node["allOf"], strict=True):
        assert choice["if"] == {"properties": {"type": {"const": name}}}
        assert choice["then"] == {"$ref": f"#/$defs/{name}"}


@pytest.mark.parametrize("net", LAYERS, ids=repr)
def test_each_layer_type_is_valid(net):
    NETWORK.validate(json.loads(network_to_json(net)))


@given(networks(max_dims=2, gains=st.sampled_from([1, 0.1, -1])))
def test_networks_are_valid(net):
    NETWORK.validate(json.loads(network_to_json(net)))


@pytest.mark.parametrize("name", zoo.names())
def test_the_zoo_is_valid(name):
    NETWORK.validate(json.loads(network_to_json(zoo.get(name))))


@pytest.mark.parametrize("weights", ["uniform", "given", "energy"])
def test_models_are_valid_and_survive(weights):
    torch = pytest.importorskip("torch")
    nn = torch.nn
    torch.manual_seed(0)
    module = nn.Sequential(
        nn.Conv2d(3, 8, 3, stride=2, padding=1), nn.BatchNorm2d(8), nn.ReLU(), nn.PixelShuffle(2),
        nn.Conv2d(2, 4, 3), nn.MaxPool2d(2, ceil_mode=True), nn.Upsample(scale_factor=1.5, mode="bilinear"),
        nn.ConvTranspose2d(4, 2, 2, 2),
    ).eval()  # fmt: skip
    model = em.from_torch(module, torch.zeros(1, 3, 32, 32), weights=weights)
    document = json.loads(network_to_json(model))
    NETWORK.validate(document)
    assert network_from_json(document) == model.net
    ANALYSIS.validate(written(em.analyze(model, weights=weights)))


# Values that some arguments take and others do not. (1.0 is an int to JSON Schema; here it is none.)
_IDENTITY = {"type": "Identity"}
_ODD = [
    *(None, True, False, -1, 0, 1, 3, 1.5, -0.5, "", "x", "1/2", "-1/2", "3x3", "same", "reflect", "max"),
    *([], {}, [[]], [0], [1, 2], [-1], [[1, 2]], [[1, 2], [0, 3]], [0.5], [[0.5, "1/2"]], [None, -2]),
    *(_IDENTITY, [_IDENTITY], [[1, 2, 3]], {"type": "str", "value": "1/2"}, {"type": "str", "value": ""}),
    *({"type": "Kernel", "weights": [1]}, {"type": "Kernel", "weights": [1], "offset": [1.5]}),
    *(
        {"type": "array", "dtype": "float32", "shape": [1], "data": "AAAA"},
        {"type": "array", "dtype": "int8"},
    ),
    *([["a", [_IDENTITY, "input"]]], [["a", [_IDENTITY]]], [["a", [_IDENTITY, ["a"]]]]),
    *([["a", [_IDENTITY, ["a", 2], [["b", 2], ["c", 3]]]]], [["1/2", [_IDENTITY, "input"]]]),
]


@pytest.mark.parametrize("name", sorted(BUILT_IN))
def test_a_layer_has_a_fault_where_another_library_finds_one(name):
    written = next(net for net in LAYERS if type(net).__name__ == name)
    layer = json.loads(network_to_json(written))
    arguments = {key: entry for key, entry in layer.items() if key not in ("type", "version")}
    for key in [*inspect.signature(BUILT_IN[name]).parameters, "colour"]:
        for odd in _ODD:
            changed = arguments | {key: odd}
            is_valid = NETWORK.is_valid({"type": name, **changed})
            assert (fault_of_layer(name, changed, ()) is None) == is_valid, changed
        fewer = {other: entry for other, entry in arguments.items() if other != key}
        assert (fault_of_layer(name, fewer, ()) is None) == NETWORK.is_valid({"type": name, **fewer}), fewer


@given(networks(max_layers=3), st.data())
def test_what_is_not_valid_is_not_read(net, data):
    document = json.loads(network_to_json(net))
    entry = document
    while True:
        key = data.draw(st.sampled_from(sorted(entry) if isinstance(entry, dict) else range(len(entry))))
        if not (isinstance(entry[key], (dict, list)) and entry[key] and data.draw(st.booleans())):
            break
        entry = entry[key]
    entry[key] = data.draw(st.sampled_from(_ODD))
    if not NETWORK.is_valid(document):
        with pytest.raises(ValueError, match=r"."):
            network_from_json(document)


def written(analysis):
    """The JSON of an analysis, as the command writes it: infinity is not JSON."""
    return json.loads(json.dumps(analysis.to_dict(), allow_nan=False))


def marked_slow(names, start):
    return [pytest.param(n, marks=pytest.mark.slow) if n.startswith(start) else n for n in names]


@pytest.mark.parametrize("name", marked_slow(zoo.names(), "replknet"))
def test_analyses_of_the_zoo_are_valid(name):
    ANALYSIS.validate(written(em.analyze(name)))


@pytest.mark.parametrize(
    ("what", "options"),
    [
        ("conv3 gap", {}),
        ("conv3p1*5", {"borders": True, "input_size": 3, "profile": "std"}),
        ("conv3x5", {"definition": "sigma"}),
        ("conv3s2 up2 conv3", {"ref": "max"}),
        (em.Conv(1), {}),
        (em.Conv([1, -2, 1]), {}),
        (em.Conv(3) ** 10**6, {}),
        (em.Conv(3) >> em.Upsample(2) >> em.Conv([0, 0, 1]), {}),
        (em.Slice(0, -1), {}),
        (em.Conv(2, dilation=3) ** 4, {}),
    ],
)
def test_analyses_of_all_kinds_are_valid(what, options):
    ANALYSIS.validate(written(em.analyze(what, **options)))


def test_measurements_are_valid():
    pytest.importorskip("torch")
    ANALYSIS.validate(written(em.analyze("conv3x3p1*2", measure=2)))


@given(networks(max_layers=3, max_dims=2))
def test_analyses_of_networks_are_valid(net):
    ANALYSIS.validate(written(em.analyze(net)))


@pytest.mark.parametrize("key", ["field", "effective", "network", "colour"])
def test_an_analysis_with_another_entry_is_not_valid(key):
    changed = written(em.analyze("conv3")) | {key: {"type": "Conf"}}
    assert not ANALYSIS.is_valid(changed)
