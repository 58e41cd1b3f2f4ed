"""Graphs of named layers: values, concatenations, and what is refused."""

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
