"""Graphs of named layers: values, concatenations, and what is refused."""

from fractions import Fraction

import pytest

import erfmath as em
from erfmath import Conv, Graph, Pool, receptive_field


def test_graphs_that_concatenate_are_concatenations():
    wide, narrow = em.Conv(3, padding=1, channels=3), em.Conv(1, channels=1)
    joined = em.Concat([narrow, wide], [1, 3])
    graph = em.Graph(
        {"a": (narrow, "input"), "b": (wide, "input"), "c": (em.Identity(), [("a", 1), ("b", 3)])}
    )
    assert eval(graph.expression, {name: getattr(em, name) for name in em.__all__}) == graph
    assert em.network_from_json(em.network_to_json(graph)) == graph
    assert type(graph)(*graph.args) == graph
    for reading in (em.polynomial, lambda net: em.polynomial(em.variance(net))):
        assert reading(graph) == reading(joined)
    assert em.cost(graph, 8, 2).output_channels == em.cost(joined, 8, 2).output_channels == 4
    mean = em.Graph(
        {"a": (wide, "input"), "b": (wide, "input"), "c": (em.Identity(), ("a", 0.5), ("b", 0.5))}
    )
    assert em.cost(mean, 8).output_channels == 3


@pytest.mark.parametrize(
    ("layers", "options", "error", "words"),
    [
        ({}, {}, ValueError, "layers must hold at least one layer"),
        (3, {}, TypeError, r"layers must map names to \(node, source, ...\), got 3"),
        ({"a": Conv(3)}, {}, TypeError, r"layers must map names to \(node, source, ...\)"),
        ({"a": (Conv(3),)}, {}, ValueError, "layer 'a' must name what it reads"),
        ({"a": (3, "input")}, {}, TypeError, "layer 'a' must be a network"),
        ({"a": (Conv(3), "b")}, {}, ValueError, "layer 'a' reads 'b', which is neither a layer nor 'input'"),
        ({"a": (Conv(3), 3)}, {}, TypeError, r"layer 'a' must read names or \(name, gain\), got 3"),
        ({"a": (Conv(3), ("input", "x"))}, {}, TypeError, "gain must be a real number"),
        ({"a": (Conv(3), ("input", 0))}, {}, ValueError, "gains must not be all zero"),
        ({"input": (Conv(3), "input")}, {}, ValueError, "name must be a string other than 'input'"),
        ({3: (Conv(3), "input")}, {}, ValueError, "name must be a string other than 'input', got 3"),
        (
            {"a": (Conv(3), "input")},
            {"output": "b"},
            ValueError,
            "output must be the name of a layer",
        ),
        ({"a": (Conv(3), "input")}, {"output": "input"}, ValueError, "output must be the name of a layer"),
        (
            {"a": (Conv(3), "b"), "b": (Conv(3), "a")},
            {},
            ValueError,
            "form a cycle, got [ab] -> [ab]",
        ),
        ({"a": (Conv(3), "a", "input")}, {}, ValueError, "must not form a cycle, got a -> a"),
        (
            {"a": (Conv(3), "b"), "b": (Conv(3), "a"), "c": (Conv(3), "input")},
            {"output": "a"},
            ValueError,
            r"cycle|does not depend",
        ),
        (
            {"a": (Pool(2), "input"), "b": (Conv(3), "a", "input")},
            {},
            ValueError,
            "branches must have the same rate to be added: 'a' has 2, 'input' has 1",
        ),
        (
            {"a": (Conv(3), "input"), "b": (Conv((3, 3)), "a")},
            {},
            ValueError,
            "all layers must have the same number of axes",
        ),
        (
            [("a", (Conv(3), "input")), ("a", (Conv(3), "input"))],
            {},
            ValueError,
            "layers must have different names, got 'a' twice",
        ),
    ],
    ids=str,
)
def test_bad_graphs_are_refused_by_name(layers, options, error, words):
    with pytest.raises(error, match=words):
        Graph(layers, **options)


def test_a_layer_that_the_output_does_not_need_may_be_anything():
    net = Graph({"out": (Conv(3), "input"), "loose": (Conv((3, 3)), "out")}, "out")
    assert receptive_field(net).size == 3


def test_a_graph_holds_its_layers_as_given():
    a, b = Conv(3, padding=1), Conv(1)
    graph = Graph(
        [("a", (a, "input")), ("b", (b, "a", ("input", 2.0))), ("c", (b, [("a", 3), ("b", 1)]))], "b"
    )
    assert [tuple(entry) for entry in graph.layers] == [
        ("a", a, (("input", 1),), ()),
        ("b", b, (("a", 1), ("input", 2)), ()),
        ("c", b, (("a", Fraction(3, 4)), ("b", Fraction(1, 4))), (3, 1)),
    ]
    assert [type(gain) for _, gain in graph.layers[1].sources] == [int, int]
    assert [entry.reads for entry in graph.layers[1:]] == [(("a", 1), ("input", 2)), ([("a", 3), ("b", 1)],)]
    assert [entry.name for entry in graph.order] == ["a", "b"]
    assert (graph.output, Graph(graph.args[0]).output) == ("b", "c")
    assert graph.expression == (
        "Graph({'a': (Conv(3, padding=1), 'input'), 'b': (Conv(1), 'a', ('input', 2)), "
        "'c': (Conv(1), [('a', 3), ('b', 1)])}, output='b')"
    )
    assert "output=" not in Graph(graph.args[0]).expression
    assert str(graph).splitlines() == [
        "Graph, output b",
        "  a = input >> Conv(3, padding=1)",
        "  b = a + 2 x input >> Conv(1)",
        "  c = 3/4 x a + 1/4 x b >> Conv(1)",
    ]


def test_rates_and_axes_go_through_a_graph():
    layers = {"d": (em.Upsample((3, 1)), "c", "b"), "b": (Conv((1, 1), 2), "a"), "a": (Pool((2, 1)), "input")}
    graph = Graph({**layers, "c": (em.Identity(), "b", ("b", 2))}, "d")
    assert (graph.ndim, graph.rate) == (2, (Fraction(4, 3), Fraction(2)))
    assert [entry.name for entry in graph.order] == ["a", "b", "c", "d"]
    assert em.receptive_field(graph).stride == (Fraction(4, 3), 2)
    plain = Graph({"a": (em.Identity(), "input")})
    assert (plain.ndim, plain.rate) == (None, None)
    pooled = Graph({"a": (em.GlobalPool(), "input"), "b": (em.Identity(), "a", "input")})
    assert pooled.ndim is None
    shared = Graph({"a": (Conv(3), "input"), "b": (Conv(5), "a"), "c": (em.Identity(), "a", "b", "a")})
    found = em.polynomial(shared)
    z = found.gen
    one, two = (sum(z**k for k in range(n)) / n for n in (3, 5))
    assert (found.as_expr() - (2 * one + one * two)).expand() == 0


@pytest.mark.parametrize(
    ("source", "error", "words"),
    [
        ([], TypeError, r"layer 'a' must concatenate \(name, channels\) each, got \[\]"),
        ([("input",)], TypeError, "layer 'a' must concatenate"),
        ([("input", 1, 2)], TypeError, "layer 'a' must concatenate"),
        ([(3, 1)], TypeError, "layer 'a' must concatenate"),
        ([3], TypeError, "layer 'a' must concatenate"),
        ([("input", 0)], ValueError, "channels of layer 'a' must be at least 1"),
        (("input", 1, 2), TypeError, r"layer 'a' must read names or \(name, gain\)"),
        ((), TypeError, "layer 'a' must concatenate"),
    ],
    ids=str,
)
def test_bad_sources_are_refused_by_name(source, error, words):
    with pytest.raises(error, match=f"^{words}"):
        Graph({"a": (Conv(1), source)})


def test_bad_layers_of_a_graph_are_named():
    with pytest.raises(ValueError, match=r"the output 'b' does not depend on 'input'|must not form a cycle"):
        Graph({"a": (Conv(1), "input"), "b": (Conv(1), "b")}, "b")
    with pytest.raises(TypeError, match=r"^layer 'a' must be a network"):
        Graph({"a": ("x", "input")})
    with pytest.raises(TypeError, match=r"^layers must map names to .* got \(1, 2, 3\)"):
        Graph([(1, 2, 3)])
    with pytest.raises(
        ValueError, match="branches must have the same rate to be added: 'a' has 2, 'b' has 3"
    ):
        Graph({"a": (Conv(1, 2), "input"), "b": (Conv(1, 3), "input"), "c": (Conv(1), "a", "b")})
