"""The layer table: every row is the field of the network up to there, read again from scratch."""

import math

import pytest
from hypothesis import assume, given

import erfmath as em
from erfmath import zoo
from erfmath.report.layers import layer_table
from erfmath.strategies import networks


def axes(value, count):
    """Return a value per axis, also where a prefix fits any number of them."""
    return value if isinstance(value, tuple) else (value,) * count


def check_rows(net, rows):
    for row in rows:
        field = em.receptive_field(row.net)
        count = len(row.size)
        assert row.size == axes(field.size, count)
        assert row.stride == axes(field.stride, count)
        if 0 not in row.size:
            assert row.offset == axes(field.offset, count)
    assert em.receptive_field(rows[-1].net).size == em.receptive_field(net).size


@given(networks(max_layers=6, max_dims=2))
def test_every_row_is_the_field_of_its_prefix(net):
    rows = layer_table(net).rows
    if rows:
        check_rows(net, rows)


@pytest.mark.parametrize("name", ["resnet18", "unet", "wavenet", "inception_v3", "tcn"])
def test_rows_of_known_networks(name):
    net = zoo.get(name)
    rows = layer_table(net).rows
    check_rows(net, rows[:: max(1, len(rows) // 6)] + rows[-1:])


@pytest.mark.parametrize("name", ["resnet50", "unet", "densenet121", "mobilenet_v2"])
def test_sizes_channels_and_costs_add_up(name):
    net = zoo.get(name)
    table, cost = layer_table(net, 224, 3), em.cost(net, 224, 3)
    assert sum(row.parameters for row in table) == cost.parameters
    assert sum(row.macs for row in table) == cost.macs
    assert table.rows[-1].output_size == cost.output_size
    assert table.rows[-1].channels == cost.output_channels
    for row in table.rows[::7]:
        assert row.output_size == em.output_size(row.net, 224)


def test_the_layers_of_a_graph_are_rows():
    net = em.Graph(
        {
            "a": (em.Conv(3, padding=1, channels=4), "input"),
            "b": (em.Conv(3, padding=1), "a"),
            "skip": (em.Identity(), "a"),
            "c": (em.Conv(5, padding=2), "skip", ("b", 2)),
            "up": (em.Upsample(2), "c"),
            "out": (em.Conv(3, padding=1, channels=2), "up"),
        }
    )
    table = layer_table(net, 16, 3)
    check_rows(net, table.rows)
    rows = {row.layer: (row.output_size, row.channels) for row in table}
    assert rows == {
        "a: Conv 3": ((16,), 4),
        "b: Conv 3": ((16,), 4),
        "skip: identity": ((16,), 4),
        "c: Conv 5": ((16,), 4),
        "up: Upsample x2 nearest": ((32,), 4),
        "out: Conv 3": ((32,), 2),
    }
    assert sum(row.parameters for row in table) == em.cost(net, 16, 3).parameters


def branched(depth):
    """A graph of every way in which a layer reads: one source, with a gain, several, and inner branches."""
    layers = {"in": (em.Conv(3, padding=1, channels=4), "input")}
    for i in range(depth):
        last = "in" if not i else f"out{i - 1}"
        inner = em.Graph({"x": (em.Pool(3, 1, 1), ("input", 2)), "y": (em.Conv(1, channels=4), "x", "input")})
        layers |= {
            f"a{i}": (em.Conv(3, padding=1, channels=4 + i), last),
            f"b{i}": (em.Residual(em.Conv(5, padding=2)) >> em.Conv(1, channels=4 + i), (last, 3)),
            f"c{i}": (em.Identity(), (f"a{i}", 2)),
            f"d{i}": (em.Power(em.Conv(3, padding=1), 2) >> em.Activation("relu"), f"b{i}", f"c{i}"),
            f"e{i}": (inner, (f"d{i}", 1)),
            f"out{i}": (em.Conv(3, 2, padding=1, channels=5 + i), f"e{i}"),
        }
    return em.Graph(layers)


@pytest.mark.parametrize("net", [branched(3), branched(2) >> branched(1), zoo.unet(2, ndim=1)])
def test_rows_and_operations_stay_together(net):
    """Each row's size and channels are those of its own network, read from scratch."""
    table, whole = layer_table(net, 64, 3), em.cost(net, 64, 3)
    for row in table:
        own = em.cost(row.net, 64, 3)
        assert (row.output_size, row.channels) == (own.output_size, own.output_channels), row.layer
    assert sum(row.parameters for row in table) == whole.parameters
    assert sum(row.macs for row in table) == whole.macs


@given(networks(max_layers=6))
def test_sizes_of_any_network_are_those_of_its_prefixes(net):
    try:
        rows = layer_table(net, 40).rows
    except ValueError:
        assume(False)
    for row in rows:
        assert row.output_size == axes(em.output_size(row.net, 40), len(row.output_size))


def test_copies_are_rows_up_to_a_bound():
    block = em.Conv(3) >> em.Activation("relu")
    assert len(layer_table(block**64)) == 64
    (row,) = layer_table(block**65)
    assert (row.layer, row.size) == ("65 x (3)", (131,))
    assert layer_table(em.Conv(3) ** 10**12).rows[0].size == (2 * 10**12 + 1,)


def test_unbounded_rows_say_so():
    net = em.Conv((3, 3)) >> em.GlobalPool() >> em.Activation("relu")
    rows = layer_table(net, 8).rows
    assert rows[1].size == (math.inf, math.inf)
    assert rows[1].output_size == (1, 1)
    assert "all" in repr(layer_table(net))


def test_a_network_that_sees_nothing_has_no_start():
    net = em.ConvTranspose([1], stride=2) >> em.Conv(em.Kernel([1], offset=1), stride=2)
    row = layer_table(net).rows[-1]
    assert (row.size, row.offset) == ((0,), (None,))
    assert "none" in repr(layer_table(net))
    graph = em.Graph({"a": (em.Conv(2), "input"), "b": (net, "a")})
    assert [row.size for row in layer_table(graph)] == [(2,), (0,)]


def test_the_table_is_aligned():
    lines = repr(layer_table(zoo.get("resnet50"), 224, 3)).splitlines()
    assert len({len(line) for line in lines}) == 1
    assert len(lines[0]) <= 80


def test_inputs_that_do_not_fit_raise():
    with pytest.raises(ValueError, match="too small"):
        layer_table(em.Conv(3), 2)
    with pytest.raises(TypeError, match="must be a network"):
        layer_table("resnet50")


def test_moves_have_names_of_their_own_and_cost_nothing():
    pad, cut, take = em.Pad([(2, 1)]), em.Slice(1, -1), em.Slice(0, None, 2)
    names = [row.layer for row in layer_table(pad >> em.Conv(3) >> cut >> take)]
    assert names == ["Pad", "Conv 3", "Slice", "Slice /2"]
    assert em.cost(pad >> cut, 16, 8).parameters == 0


@pytest.mark.parametrize(
    ("reading", "said"),
    [(lambda t: t.fitting("a"), "rows must be"), (lambda t: t.to_dicts(3), "columns must be a sequence")],
)
def test_what_is_no_count_or_no_names_is_said(reading, said):
    with pytest.raises(TypeError, match=said):
        reading(layer_table(em.Conv(3)))
