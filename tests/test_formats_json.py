"""Networks as JSON: what is written is what comes back, elsewhere as well, and errors name the place."""

import base64
import json
import subprocess
import sys
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest
from examples import FLOATS, LAYERS
from hypothesis import assume, given, strategies as st

import erfmath as em
from erfmath import zoo
from erfmath.formats.json_format import network_from_json, network_to_json
from erfmath.formats.registry import BUILT_IN, register_layer
from erfmath.strategies import networks


@given(networks(max_dims=2, gains=st.sampled_from([1, 2, Fraction(1, 2), 0.1, -1])))
def test_json_round_trips(net):
    text = network_to_json(net)
    for data in (text, json.loads(text)):
        back = network_from_json(data)
        assert back == net
        assert back.expression == net.expression


@pytest.mark.parametrize("name", zoo.names())
def test_json_round_trips_the_zoo(name):
    assert network_from_json(network_to_json(zoo.get(name), indent=1)) == zoo.get(name)


@pytest.mark.parametrize(
    "net",
    [
        em.Conv([[0.5, 0.25], [1.0, 0.1]]),
        em.Conv(em.Kernel([Fraction(1, 3), 2], offset=-4), padding=[(1, 2)]),
        em.ConvTranspose((4, 2), stride=2),
        em.Activation("1/2") >> em.Dropout(Fraction(1, 3)),
        em.Pool(3, ceil_mode=True, dilation=2),
        em.Graph({"1/2": (em.Conv(3), ("input", Fraction(1, 3))), "b": (em.Conv(1), "1/2")}, output="1/2"),
        em.Sum([em.Identity(), em.GlobalPool()], [1, -2]),
    ],
)
def test_json_round_trips_what_the_strategies_leave_out(net):
    assert network_from_json(network_to_json(net)) == net


def the_types(net):
    return {type(part).__name__ for part in [net, *(part for _, part in net.labelled())]}


def test_there_is_an_example_of_each_type():
    assert set().union(*map(the_types, LAYERS)) >= set(BUILT_IN)


@pytest.mark.parametrize("net", LAYERS, ids=repr)
def test_each_type_survives(net):
    text = network_to_json(net)
    back = network_from_json(text)
    assert back == net
    assert back.expression == net.expression
    assert type(back) is type(net)
    assert network_to_json(back) == text
    for old, new in zip(net.args, back.args, strict=True):
        if isinstance(old, np.ndarray):
            assert old.dtype == new.dtype
            assert old.tobytes() == new.tobytes()


def test_a_fresh_process_reads_what_this_one_wrote():
    code = (
        "import sys, erfmath as em\n"
        "for line in sys.stdin: print(em.network_to_json(em.network_from_json(line)))\n"
    )
    lines = [network_to_json(net) for net in LAYERS]
    found = subprocess.run(
        [sys.executable, "-c", code], input="\n".join(lines), capture_output=True, text=True, check=True
    )
    assert found.stdout.splitlines() == lines


NAMES = {name: getattr(em, name) for name in em.__all__} | BUILT_IN | {"Fraction": Fraction}


@pytest.mark.parametrize("net", LAYERS, ids=repr)
def test_an_expression_rebuilds_the_layer_or_is_short(net):
    text = net.expression
    if "<" in text:  # weights or channels of a model
        assert len(text) < 200
    else:
        assert eval(text, NAMES) == net


@given(networks(max_dims=2, gains=st.sampled_from([1, Fraction(1, 2), 0.1, -1])))
def test_an_expression_rebuilds_the_network(net):
    assert eval(net.expression, NAMES) == net
    assert len(repr(net)) <= 120
    if len(net.expression) <= 120:
        assert eval(repr(net), NAMES) == net


def test_what_the_first_version_wrote_is_read():
    text = (
        '{"type": "Series", "nodes": [{"type": "Conv", "kernel": "3x3", "padding": [[1, 1], [1, 1]]}, '
        '{"type": "Graph", "layers": [[{"type": "str", "value": "1/2"}, [{"type": "Conv", "kernel": {"type": '
        '"Kernel", "weights": [[0.5, 0.25]]}}, ["input", "1/3"]]]]}, {"type": "Activation", "name": "relu"}]}'
    )
    graph = em.Graph({"1/2": (em.Conv([[0.5, 0.25]]), ("input", Fraction(1, 3)))})
    assert network_from_json(text) == em.Conv((3, 3), padding=1) >> graph >> em.Activation("relu")


def test_weights_are_their_bytes_in_base64():
    data = json.loads(network_to_json(em.Weighted(em.Conv(2), FLOATS.astype(np.float32))))["weights"]
    assert {key: data[key] for key in ("type", "dtype", "shape")} == {
        "type": "array", "dtype": "float32", "shape": [2, 1, 2],
    }  # fmt: skip
    assert base64.b64decode(data["data"]) == FLOATS.astype("<f4").tobytes()


def test_weights_may_be_lists():
    data = {"type": "Weighted", "layer": {"type": "Conv", "kernel": "2"}, "weights": FLOATS.tolist()}
    assert network_from_json(data) == em.Weighted(em.Conv(2), FLOATS)


@register_layer
@dataclass(frozen=True)
class Smear(em.Node):
    times: int
    inner: em.Node | None = None
    rate_of: float = 0.5


@em.lower.register
def _(node: Smear) -> em.Node:
    return em.Conv([1, 2, 1], padding=1) ** node.times


def test_layers_of_users_survive():
    net = em.Residual(Smear(2, Smear(3) >> em.Conv(3), 0.1)) >> em.Conv(3)
    assert network_from_json(network_to_json(net)) == net


def test_layer_types_are_registered_under_free_names():
    assert register_layer(Smear) is Smear
    with pytest.raises(TypeError, match=r"derived from erfmath\.Node"):
        register_layer(3)

    @dataclass(frozen=True)
    class Conv(em.Node):
        size: int

    with pytest.raises(ValueError, match="'Conv' already"):
        register_layer(Conv)

    @dataclass(frozen=True)
    class Typed(em.Node):
        type: str

    with pytest.raises(ValueError, match="argument called 'type'"):
        register_layer(Typed)
    with pytest.raises(TypeError, match="Typed is not known to JSON; decorate"):
        network_to_json(Typed("a"))


CONV = '{"type": "Conv", "kernel": "3"}'


@pytest.mark.parametrize(
    ("data", "says"),
    [
        ("{", "^data is not JSON: "),
        ("", "^data is not JSON: "),
        (b"\xff\xff\xff", "^data is not JSON: "),
        ('{"type": "Conv", "kernel": ' + "9" * 5000 + "}", "^data is not JSON: .*4300 digits"),
        ("[]", "^data must be a network, an object such as"),
        (None, "^data must be a network"),
        ('{"version": 2, "type": "Identity"}', "^version must be 1, got 2: the file is of another version"),
        ('{"version": true, "type": "Identity"}', "^version must be 1, got True"),
        ('{"version": 1}', "^type is missing, which names a layer"),
        ('{"type": "Conf"}', "^type must name a layer, got 'Conf'; did you mean 'Conv'"),
        ({"type": 3}, "^type must name a layer, got 3; register a type of your own"),
        ({"type": ["Conv"]}, "^type must name a layer"),
        ('{"type": "Conv"}', "^kernel is missing$"),
        ('{"type": "Conv", "kernel": "3", "colour": 1}', "^colour is not an argument of Conv, which takes"),
        ('{"type": "Identity", "n": 1}', "^n is not an argument of Identity, which takes none"),
        ('{"type": "Conv", "kernel": "three"}', '^kernel must be a number of taps per axis such as "3x3"'),
        ('{"type": "Conv", "kernel": [1, 2, 1]}', "^kernel must be .*, got .1, 2, 1.$"),
        ('{"type": "Conv", "kernel": "3", "kernel": "5"}', "^kernel is given twice"),
        ('{"type": "Conv", "kernel": {"type": "Kernel", "weights": [1], "weights": [2]}}', "^kernel.weights"),
        ('{"type": "Conv", "kernel": {"type": "Kernel", "weights": [[1, 2], [3]]}}', "^kernel: weights must"),
        ('{"type": "Conv", "kernel": "3", "stride": true}', "^stride must be an int from 1, .*, got True$"),
        ('{"type": "Conv", "kernel": "3", "stride": 2.0}', "^stride must be an int from 1, .*, got 2.0$"),
        ('{"type": "Conv", "kernel": "3", "stride": 0}', "^stride must be an int from 1, .*, got 0$"),
        ('{"type": "Dropout", "p": "1/0"}', "^p: '1/0' divides by zero"),
        ('{"type": "Dropout", "p": NaN}', "^p must be a number, .*, got nan$"),
        ('{"type": "Dropout", "p": 1e999}', "^p must be a number, .*, got inf$"),
        ('{"type": "Dropout", "p": 2}', "^Dropout: p must be a probability"),
        ('{"type": "Series", "nodes": [3]}', r"^nodes\[0\] must be a network, got 3$"),
        (f'{{"type": "Series", "nodes": [{CONV}, {{"type": "Power", "node": {{"type": "Conv", "kernel": "3", '
         '"stride": "x"}, "n": 2}]}', r"^nodes\[1\].node.stride must be an int from 1, .*, got 'x'$"),
        (f'{{"type": "Series", "nodes": [{CONV}, {{"type": "Conv", "kernel": "3x3"}}]}}', "^Series: all "),
        (f'{{"type": "Graph", "layers": [["a", [{CONV}, "b"]]]}}', "^Graph: layer 'a' reads 'b'"),
        (f'{{"type": "Graph", "layers": [["a", [{CONV}, "b"]], ["b", [{CONV}, "a"]]]}}', "^Graph: .*cycle"),
        (f'{{"type": "Graph", "layers": [["a", [{CONV}, ["input"]]]]}}', r"^layers\[0\]\[1\]\[1\] must be "),
        (f'{{"type": "Graph", "layers": [["a", [{CONV}]]]}}', r"^layers\[0\]\[1\] must be a list of a net"),
        (f'{{"type": "Weighted", "layer": {CONV}, "weights": {{"type": "array", "dtype": "float32", '
         '"shape": [1, 1, 3], "data": "AAAA"}}', "^weights is not an array"),
        (f'{{"type": "Weighted", "layer": {CONV}, "weights": {{"type": "array", "dtype": "float32", '
         '"shape": [1, 1, 3], "data": "AAAAAAAAAAA="}}', "^weights.data must hold 3 numbers, got 2"),
        (f'{{"type": "Weighted", "layer": {CONV}, "weights": {{"type": "array", "dtype": "object", '
         '"shape": [1, 1, 3], "data": ""}}', "^weights must be a list of numbers"),
        ('{"type": "Smear"}', "^Smear: .*times"),
        ('{"type": "Residual", "branch": {"type": "Smear", "times": 1, "inner": {"type": "Conf"}}}',
         "^branch.inner.type must name a layer"),
        ("[" * 100_000, "^data is nested too deeply"),
        ('{"type": "Residual", "branch": ' * 900 + CONV + "}" * 900, "^data is nested too deeply"),
    ],
    ids=lambda value: str(value)[:60],
)  # fmt: skip
def test_json_that_is_no_network_is_an_error_that_names_the_place(data, says):
    with pytest.raises(ValueError, match=says) as error:
        network_from_json(data)
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400


def test_data_that_contains_itself_is_nested_too_deeply():
    data = {"type": "Residual"}
    data["branch"] = data
    with pytest.raises(ValueError, match="nested too deeply"):
        network_from_json(data)


_ODD = st.sampled_from([
    *(None, True, -1, 0, 10**30, 1.5, float("nan"), "", "x", "1/2", "3x3", [], {}, [[]], [0, 1]),
    *({"type": "Conv"}, {"type": "array"}, {"type": "Kernel"}, {"type": "str"}),
])  # fmt: skip


@given(networks(max_dims=2), st.data())
def test_any_change_of_an_entry_is_a_network_or_a_located_error(net, data):
    document = json.loads(network_to_json(net))
    path, entry = [], document
    while isinstance(entry, (dict, list)) and entry and (not path or data.draw(st.booleans())):
        key = data.draw(st.sampled_from(sorted(entry) if isinstance(entry, dict) else range(len(entry))))
        path.append((entry, key))
        entry = entry[key]
    assume(path)
    parent, key = path[-1]
    parent[key] = data.draw(_ODD)
    try:
        found = network_from_json(document)
    except ValueError as error:
        found = str(error)
    assert isinstance(found, em.Node) or (found and "\n" not in found)


def test_what_json_cannot_hold_is_an_error():
    with pytest.raises(TypeError, match="indent must be an int"):
        network_to_json(em.Conv(3), indent="  ")
    with pytest.raises(TypeError, match="must be a network"):
        network_to_json("conv3")
    with pytest.raises(ValueError, match="4,200 digits"):
        network_to_json(em.Conv([10**5000, 1]))
    with pytest.raises(TypeError, match="float16, float32, float64"):
        network_to_json(em.Weighted(em.Conv(2), FLOATS.astype(np.longdouble)))


def test_networks_that_were_written_are_parts_of_others():
    inner = json.loads(network_to_json(em.Conv(3)))
    assert network_from_json({"version": 1, "type": "Power", "node": inner, "n": 4}) == em.Conv(3) ** 4
    inner["version"] = 2
    with pytest.raises(ValueError, match=r"^node.version must be 1, got 2"):
        network_from_json({"version": 1, "type": "Power", "node": inner, "n": 4})
