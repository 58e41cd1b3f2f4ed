"""Branches, loops and sequences of ONNX files: plain nodes compute what onnx makes of the whole."""

import numpy as np
import pytest

import erfmath as em
from erfmath.models.onnx import folding

onnx = pytest.importorskip("onnx", minversion="1.19", reason="the evaluator of onnx is the oracle")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from onnx.reference import ReferenceEvaluator  # noqa: E402
from oracles_onnx import NEWEST, Plain, noise  # noqa: E402

FLOAT, BOOL, INT = TensorProto.FLOAT, TensorProto.BOOL, TensorProto.INT64
node = helper.make_node


def value(name, kind=FLOAT, shape=None):
    return helper.make_tensor_value_info(name, kind, shape)


def body(nodes, inputs, outputs, **constants):
    """A graph within a node."""
    stored = [numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items()]
    return helper.make_graph(nodes, "body", inputs, [value(name) for name in outputs], stored)


def whole(nodes, live, outputs, constants, version=NEWEST):
    """A model of nodes."""
    inputs = [value(name, helper.np_dtype_to_tensor_dtype(x.dtype), x.shape) for name, x in live.items()]
    graph = helper.make_graph(nodes, "g", inputs, [value(name) for name in outputs])
    graph.initializer.extend(numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items())
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", version)], ir_version=8)


def agree(nodes, outputs=("y",), live=None, version=NEWEST, **constants):
    """Require that plain nodes make what onnx's evaluator makes of the whole; return them."""
    live = live or {"x": noise(2, 3, 4)}
    constants = {name: np.asarray(v) for name, v in constants.items()}
    expected = ReferenceEvaluator(whole(nodes, live, outputs, constants, version)).run(None, live)
    plain = Plain(nodes, live, constants, version)
    for name, wanted in zip(outputs, expected, strict=True):
        np.testing.assert_allclose(plain.value(name), wanted, rtol=1e-5, err_msg=name)
        assert np.shape(plain.value(name)) == np.shape(wanted)
    return plain


def refused(pattern, nodes, live=None, version=NEWEST, **constants):
    live = live or {"x": noise(2, 3, 4)}
    with pytest.raises(ValueError, match=pattern):
        Plain(nodes, live, {name: np.asarray(v) for name, v in constants.items()}, version)


def branches(**own):
    then = body(
        [node("Mul", ["x", "k"], ["a"]), node("Neg", ["a"], ["b"], name="turn")],
        [],
        ["a", "b"],
        k=np.float32(3),
    )
    other = body([node("Relu", ["x"], ["a"]), node("Neg", ["x"], ["unused"])], [], ["a", "x"])
    return node("If", ["c"], ["y", "z"], name="choice", **{"then_branch": then, "else_branch": other, **own})


@pytest.mark.parametrize("condition", [True, False])
def test_a_branch_is_that_of_its_condition(condition):
    plain = agree([branches()], ("y", "z"), c=condition)
    # Nodes of a branch have the names of where they are; what no output depends on is not read.
    assert plain.kinds == (
        ["Mul", "Neg", "Identity", "Identity"] if condition else ["Relu", "Identity", "Identity"]
    )
    assert [made.name for made in plain.nodes] == (
        ["choice.1/a", "choice.1/turn", "y", "z"] if condition else ["choice.1/a", "y", "z"]
    )


def test_a_branch_within_a_branch():
    inner = body(
        [
            node(
                "If",
                ["d"],
                ["p"],
                then_branch=body([node("Neg", ["m"], ["q"])], [], ["q"]),
                else_branch=body([node("Relu", ["m"], ["q"])], [], ["q"]),
            ),
            node("Add", ["p", "m"], ["r"]),
        ],
        [],
        ["r"],
    )
    outer = body(
        [node("Mul", ["x", "x"], ["m"]), node("If", ["c"], ["s"], then_branch=inner, else_branch=inner)],
        [],
        ["s"],
    )
    for inside in (True, False):
        agree(
            [node("If", ["c"], ["y"], then_branch=outer, else_branch=branches().attribute[0].g)],
            c=True,
            d=inside,
        )


def test_branches_that_cannot_be_chosen():
    refused(
        r"If 'choice' is control flow: its condition 'c' is computed from the input; stop before",
        [node("ReduceSum", ["x"], ["s"], keepdims=0), node("Cast", ["s"], ["c"], to=BOOL), branches()],
    )
    refused(
        r"If 'choice' has no else_branch of as many outputs; the file is damaged; stop",
        [branches(else_branch=body([], [], ["x"]))],
        c=False,
    )
    refused(
        r"If 'choice' has no then_branch of as many outputs",
        [node("If", ["c"], ["y"], name="choice")],
        c=True,
    )
    open_ = Plain([], {"x": noise(2)})
    open_.folding.unknown("c", ())
    with pytest.raises(ValueError, match=r"its condition 'c' is not known; stop before it"):
        list(open_.folding.walk([branches()]))
    # Of a condition with several numbers all must hold.
    agree([branches()], ("y", "z"), c=np.array([True]))


def counting(count, condition, x=("x",), extra=(), **own):
    """A loop that adds its step to what is carried, and keeps each sum."""
    inputs = [value("i", INT, ()), value("go", BOOL, ()), value("a")]
    nodes = [
        node("Cast", ["i"], ["step"], to=FLOAT),
        node("Add", ["a", "step"], ["b"], name="add"),
        node("Mul", ["b", "k"], ["kept"]),
        node("Less", ["i", "last"], ["goes"]),
        *extra,
    ]
    loop = body(nodes, inputs, ["goes", "b", "kept"], k=np.float32(0.5), last=np.array(2))
    return node("Loop", [count, condition, *x], ["y", "z"], name="loop", body=loop)


def test_loops_are_unrolled():
    x = noise(2, 3, 4)
    for n, condition, steps in ((2, True, 2), (9, True, 3), (np.array([1]), np.array([True]), 1)):
        plain = agree([counting("n", "c")], n=n, c=condition)  # while the condition that it makes holds
        sums = [x, x + 1, x + 3][:steps]
        np.testing.assert_allclose(plain.value("z"), np.stack(sums) / 2, rtol=1e-5)
        names = [made.name for made in plain.nodes if made.name.endswith("/add")]
        assert names == [f"loop.{i + 1}/add" for i in range(steps)]
    assert Plain([counting("", "c")], {"x": x}, {"c": np.array(True)}).kinds.count("Mul") == 3
    assert Plain([counting("n", "")], {"x": x}, {"n": np.array(2)}).kinds.count("Mul") == 2
    assert Plain([counting("", "")], {"x": x}).kinds.count("Mul") == 3


def test_a_loop_that_is_never_entered_passes_what_it_has():
    for n, condition in ((0, True), (3, False)):
        loop = counting("n", "c")
        loop.output[1] = ""
        plain = Plain([loop], {"x": noise(2)}, {"n": np.array(n), "c": np.array(condition)})
        assert plain.kinds == ["Identity"]
        np.testing.assert_array_equal(plain.value("y"), noise(2))
    refused("Loop 'loop' joins no tensors", [counting("n", "c")], n=0, c=True)


def test_a_loop_of_two_tensors_that_are_exchanged():
    inputs = [value("i", INT, ()), value("go", BOOL, ()), value("a"), value("b")]
    nodes = [
        node("Identity", ["go"], ["goes"]),
        node("Add", ["a", "b"], ["c"]),
        node("Sub", ["a", "b"], ["d"]),
    ]
    loop = body(nodes, inputs, ["goes", "c", "a", "c", "d"])
    a, b = x, w = noise(2, 3, 4), noise(2, 3, 4, seed=1)
    sums, differences = [], []
    for _ in range(3):
        sums, differences = [*sums, a + b], [*differences, a - b]
        a, b = a + b, a
    expected = {"p": a, "q": b, "r": np.stack(sums), "s": np.stack(differences)}
    # What nobody asks for is not made.
    for outputs in (["p", "q", "r", "s"], ["p", "", "", "s"], ["p", "q", "r"]):
        made = node("Loop", ["n", "t", "x", "w"], outputs, body=loop)
        plain = Plain([made], {"x": x}, {"n": np.array(3), "t": np.array(True), "w": w})
        for name in filter(None, outputs):
            np.testing.assert_allclose(plain.value(name), expected[name], rtol=1e-5)
        assert plain.kinds.count("Concat") == len({"r", "s"} & set(outputs))


def test_loops_whose_steps_are_not_known():
    count = [node("ReduceSum", ["x"], ["s"], keepdims=0), node("Cast", ["s"], ["n"], to=INT)]
    refused(
        r"Loop 'loop' is control flow: its count 'n' is computed from the input",
        [*count, counting("n", "c")],
        c=True,
    )
    refused(
        r"Loop 'loop' is control flow: its condition 'n' is computed from", [*count, counting("k", "n")], k=3
    )
    refused(
        r"Loop 'loop' is control flow: its count 'n' is not known; stop",
        [counting("n", "c")],
        n=[2, 2],
        c=True,
    )
    refused(
        "Loop 'loop' is control flow whose body has other inputs; the file is damaged",
        [counting("n", "c", ())],
        n=1,
        c=True,
    )
    refused("Loop '' is control flow whose body", [node("Loop", [], [])])
    inputs = [value("i", INT, ()), value("go", BOOL, ()), value("a")]
    nodes = [node("ReduceSum", ["a"], ["s"], keepdims=0), node("Cast", ["s"], ["goes"], to=BOOL)]
    loop = node("Loop", ["n", "c", "x"], ["y"], name="l", body=body(nodes, inputs, ["goes", "a"]))
    refused(
        r"Loop 'l' is control flow: its condition 'l.1/goes' is computed from the input", [loop], n=2, c=True
    )


def test_an_endless_loop_is_refused(monkeypatch):
    monkeypatch.setattr(folding, "_MOST_STEPS", 60)  # quicker
    inputs = [value("i", INT, ()), value("go", BOOL, ()), value("a")]
    loop = body([node("Identity", ["go"], ["goes"])], inputs, ["goes", "a"])
    node_ = node("Loop", ["", "c", "x"], ["y"], name="l", body=loop)
    refused("Loop 'l' repeats its body so often that more than 60 nodes would be read", [node_], c=True)


def scan(outputs=("y", "z"), inputs=("s", "x"), count=1, **own):
    """A scan that adds entries up and keeps each sum, and its double."""
    given = [value("state"), *(value(f"e{i}") for i in range(count))]
    nodes = [node("Add", ["state", "e0"], ["sum"]), node("Add", ["sum", f"e{count - 1}"], ["kept"])]
    made = body(nodes, given, ["sum", "kept"])
    return node("Scan", list(inputs), list(outputs), name="scan", body=made, num_scan_inputs=count, **own)


def test_scans_are_unrolled():
    start = noise(3, 4)
    agree([scan()], ("y", "z"), s=start)
    # Other axes and directions onnx's evaluator does not take.
    for axis, side in ((1, (2, 4)), (2, (2, 3)), (-1, (2, 3))):
        for back in (0, 1):
            own = {"scan_input_axes": [axis], "scan_input_directions": [back]}
            plain = Plain([scan(**own)], {"x": noise(2, 3, 4)}, {"s": noise(*side)})
            entries = np.moveaxis(noise(2, 3, 4), axis, 0)
            sums = noise(*side) + np.cumsum(entries[::-1] if back else entries, 0)
            np.testing.assert_allclose(plain.value("y"), sums[-1], rtol=1e-5)
    # What is made goes along another axis, backwards.
    entries = noise(2, 3, 4)
    sums = start + np.cumsum(entries, 0)
    for axis in (0, 1, 2):
        own = {"scan_output_axes": [axis], "scan_output_directions": [1]}
        plain = Plain([scan(**own)], {"x": entries}, {"s": start})
        np.testing.assert_allclose(plain.value("z"), np.stack((sums + entries)[::-1], axis), rtol=1e-5)
        plain = Plain([scan(scan_output_axes=[axis])], {"x": entries}, {"s": start})
        np.testing.assert_allclose(plain.value("z"), np.stack(sums + entries, axis), rtol=1e-5)


def test_a_scan_along_two_tensors():
    other = noise(2, 3, 4, seed=1)
    own = {"scan_input_axes": [0, 0], "scan_input_directions": [0, 1]}
    plain = Plain(
        [scan(inputs=("s", "x", "o"), count=2, **own)], {"x": noise(2, 3, 4)}, {"s": noise(3, 4), "o": other}
    )
    sums = noise(3, 4) + np.cumsum(noise(2, 3, 4), 0)
    np.testing.assert_allclose(plain.value("z"), sums + other[::-1], rtol=1e-5)
    agree([scan(inputs=("s", "x", "o"), count=2)], ("y", "z"), s=noise(3, 4), o=other)


def test_damaged_scans():
    problem = "Scan 'scan' is control flow whose body has other inputs; the file is damaged"
    refused(problem, [scan(inputs=("x",), outputs=("y",))])
    made = scan()
    for entry in made.attribute:
        if entry.name == "num_scan_inputs":
            entry.i = 0
    refused(problem, [made], s=noise(3, 4))
    for entry in made.attribute:
        if entry.name == "num_scan_inputs":
            entry.i = 3
    refused(problem, [made], s=noise(3, 4))
    refused(problem, [node("Scan", ["x"], ["y"], name="scan", num_scan_inputs=1)])
    for axis in (3, -4):
        refused(
            "Scan 'scan' is control flow over an axis of unknown length",
            [scan(scan_input_axes=[axis])],
            s=noise(3, 4),
        )


def test_a_scan_over_all_its_inputs():
    """Which carries nothing from one to the next."""
    made = body([node("Neg", ["e"], ["n"])], [value("e")], ["n"])
    agree([node("Scan", ["x"], ["y"], body=made, num_scan_inputs=1)])


SEQUENCES = {
    "construct and concatenate": [
        node("Neg", ["x"], ["a"]),
        node("SequenceConstruct", ["x", "a", "x"], ["s"]),
        node("ConcatFromSequence", ["s"], ["y"], axis=1),
    ],
    "stack": [
        node("Neg", ["x"], ["a"]),
        node("SequenceConstruct", ["x", "a"], ["s"]),
        node("ConcatFromSequence", ["s"], ["y"], axis=2, new_axis=1),
    ],
    "at": [
        node("Neg", ["x"], ["a"]),
        node("SequenceConstruct", ["x", "a", "x"], ["s"]),
        node("SequenceAt", ["s", "one"], ["y"]),
    ],
    "at the end": [
        node("Neg", ["x"], ["a"]),
        node("SequenceConstruct", ["x", "x", "a"], ["s"]),
        node("SequenceAt", ["s", "minus"], ["y"]),
    ],
    "insert": [
        node("Neg", ["x"], ["a"]),
        node("SequenceConstruct", ["x", "x"], ["s"]),
        node("SequenceInsert", ["s", "a", "one"], ["t"]),
        node("ConcatFromSequence", ["t"], ["y"], axis=0),
    ],
    "insert before the last": [
        node("Neg", ["x"], ["a"]),
        node("SequenceConstruct", ["x", "x"], ["s"]),
        node("SequenceInsert", ["s", "a", "minus"], ["t"]),
        node("ConcatFromSequence", ["t"], ["y"], axis=0),
    ],
    "insert before the first": [
        node("Neg", ["x"], ["a"]),
        node("SequenceConstruct", ["x", "x"], ["s"]),
        node("SequenceInsert", ["s", "a", "minus two"], ["t"]),
        node("ConcatFromSequence", ["t"], ["y"], axis=0),
    ],
    "insert at the end": [
        node("Neg", ["x"], ["a"]),
        node("SequenceEmpty", [], ["e"]),
        node("SequenceInsert", ["e", "x"], ["s"]),
        node("SequenceInsert", ["s", "a"], ["t"]),
        node("ConcatFromSequence", ["t"], ["y"], axis=0),
    ],
    "erase": [
        node("Neg", ["x"], ["a"]),
        node("Abs", ["x"], ["b"]),
        node("SequenceConstruct", ["x", "a", "b"], ["s"]),
        node("SequenceErase", ["s", "one"], ["t"]),
        node("ConcatFromSequence", ["t"], ["y"], axis=0),
    ],
    "erase the last": [
        node("Neg", ["x"], ["a"]),
        node("Abs", ["x"], ["b"]),
        node("SequenceConstruct", ["x", "a", "b"], ["s"]),
        node("SequenceErase", ["s"], ["t"]),
        node("ConcatFromSequence", ["t"], ["y"], axis=0),
    ],
    "length": [
        node("SequenceConstruct", ["x", "x", "x"], ["s"]),
        node("SequenceLength", ["s"], ["n"]),
        node("Cast", ["n"], ["f"], to=FLOAT),
        node("Mul", ["x", "f"], ["y"]),
    ],
    "split": [node("SplitToSequence", ["x"], ["s"], axis=1), node("SequenceAt", ["s", "one"], ["y"])],
    "split first": [node("SplitToSequence", ["x"], ["s"]), node("SequenceAt", ["s", "one"], ["y"])],
    "split and drop": [
        node("SplitToSequence", ["x"], ["s"], axis=1, keepdims=0),
        node("SequenceAt", ["s", "one"], ["y"]),
    ],
    "split by two": [
        node("SplitToSequence", ["x", "two"], ["s"], axis=1),
        node("SequenceAt", ["s", "one"], ["y"]),
    ],
    "split by two of four": [
        node("SplitToSequence", ["x", "two"], ["s"], axis=2),
        node("SequenceLength", ["s"], ["n"]),
        node("SequenceAt", ["s", "one"], ["a"]),
        node("Cast", ["n"], ["f"], to=FLOAT),
        node("Mul", ["a", "f"], ["y"]),
    ],
    "split by parts": [
        node("SplitToSequence", ["x", "parts"], ["s"], axis=2),
        node("SequenceAt", ["s", "one"], ["y"]),
    ],
    "split by parts, kept": [
        node("SplitToSequence", ["x", "parts"], ["s"], axis=2, keepdims=0),
        node("SequenceAt", ["s", "one"], ["y"]),
    ],
    "another name": [
        node("SequenceConstruct", ["x", "x"], ["s"]),
        node("Identity", ["s"], ["t"]),
        node("SequenceAt", ["t", "one"], ["y"]),
    ],
}
CONSTANTS = {
    "one": np.array(1),
    "two": np.array(2),
    "minus": np.array(-1),
    "minus two": np.array(-2),
    "parts": np.array([1, 3]),
}


@pytest.mark.parametrize("name", SEQUENCES)
def test_sequences_are_written_out(name):
    for version in (12, NEWEST):
        agree(SEQUENCES[name], version=version, **CONSTANTS)


def test_an_entry_is_put_behind_the_last():
    """As the definition has it: onnx's evaluator puts it first."""
    nodes = [
        node("SequenceConstruct", ["x", "x"], ["s"]),
        node("SequenceInsert", ["s", "w", "two"], ["t"]),
        node("ConcatFromSequence", ["t"], ["y"], axis=0),
    ]
    found = Plain(nodes, {"x": noise(2)}, {"w": np.zeros(1, np.float32), "two": np.array(2)}).value("y")
    np.testing.assert_array_equal(found, [*noise(2), *noise(2), 0])


def test_optional_tensors():
    present = [
        node("Optional", ["x"], ["o"]),
        node("OptionalHasElement", ["o"], ["has"]),
        node("OptionalGetElement", ["o"], ["e"]),
        node("Cast", ["has"], ["f"], to=FLOAT),
        node("Mul", ["e", "f"], ["y"]),
    ]
    np.testing.assert_array_equal(Plain(present, {"x": noise(2)}).value("y"), noise(2))
    absent = [
        node("OptionalHasElement", [], ["has"]),
        node("Cast", ["has"], ["f"], to=FLOAT),
        node("Mul", ["x", "f"], ["y"]),
    ]
    np.testing.assert_array_equal(Plain(absent, {"x": noise(2)}).value("y"), 0 * noise(2))
    # Of a sequence too.
    wrapped = [
        node("SequenceConstruct", ["x", "x"], ["s"]),
        node("Optional", ["s"], ["o"]),
        node("OptionalGetElement", ["o"], ["t"]),
        node("SequenceAt", ["t", "one"], ["y"]),
    ]
    np.testing.assert_array_equal(Plain(wrapped, {"x": noise(2)}, {"one": np.array(1)}).value("y"), noise(2))


def test_a_sequence_through_a_loop_and_a_branch():
    inputs = [value("i", INT, ()), value("go", BOOL, ()), value("s")]
    nodes = [
        node("Cast", ["i"], ["f"], to=FLOAT),
        node("Add", ["x", "f"], ["a"]),
        node("SequenceInsert", ["s", "a"], ["t"]),
        node("Identity", ["go"], ["goes"]),
    ]
    loop = node("Loop", ["n", "c", "e"], ["t"], body=body(nodes, inputs, ["goes", "t"]))
    made = Plain(
        [node("SequenceEmpty", [], ["e"]), loop, node("ConcatFromSequence", ["t"], ["y"], axis=0)],
        {"x": noise(2, 3)},
        {"n": np.array(3), "c": np.array(True)},
    )
    np.testing.assert_allclose(made.value("y"), np.concatenate([noise(2, 3) + i for i in range(3)]))


def test_sequences_that_are_not_known():
    construct = node("SequenceConstruct", ["x", "x"], ["s"])
    for place in (2, -3):
        refused(
            f"SequenceAt 'y' takes the entry {place} of a sequence that is not so long",
            [construct, node("SequenceAt", ["s", "p"], ["y"])],
            p=place,
        )
        refused(
            f"SequenceErase 't' has no place {place} in a sequence of 2",
            [construct, node("SequenceErase", ["s", "p"], ["t"])],
            p=place,
        )
    for place in (3, -3):
        refused(
            f"SequenceInsert 't' has no place {place} in a sequence of 2",
            [construct, node("SequenceInsert", ["s", "x", "p"], ["t"])],
            p=place,
        )
    refused(
        "SequenceErase 't' is control flow: its place 'p' is not known",
        [construct, node("SequenceErase", ["s", "p"], ["t"])],
        p=[1, 1],
    )
    refused(
        "SequenceAt 'y' is control flow: its place 'p' is not known",
        [construct, node("SequenceAt", ["s", "p"], ["y"])],
        p=[1, 1],
    )
    refused(
        "SequenceAt 'y' takes the entry 0 of a sequence that is not so long",
        [node("SequenceAt", ["x", "p"], ["y"])],
        p=0,
    )
    for kind in ("SequenceInsert", "SequenceErase", "SequenceLength"):
        refused(
            f"{kind} 't' deals with a sequence that is not known; stop before it", [node(kind, ["x"], ["t"])]
        )
    refused(
        "OptionalGetElement 't' deals with a sequence that is not known",
        [node("OptionalGetElement", [], ["t"])],
    )
    refused(
        "ConcatFromSequence 't' joins a sequence that is not known",
        [node("ConcatFromSequence", ["x"], ["t"], axis=0)],
    )
    refused(
        "ConcatFromSequence 't' joins no tensors",
        [node("SequenceEmpty", [], ["e"]), node("ConcatFromSequence", ["e"], ["t"], axis=0)],
    )
    refused(
        "SequenceMap 't' is control flow over a sequence, which is not read",
        [construct, node("SequenceMap", ["s"], ["t"])],
    )
    refused("Neg 't' is control flow over a sequence", [construct, node("Neg", ["s"], ["t"])])
    parts = [node("ReduceSum", ["x"], ["r"], keepdims=0), node("Cast", ["r"], ["p"], to=INT)]
    refused(
        "SplitToSequence 's' splits by parts that are not known: 'p' is computed from the input",
        [*parts, node("SplitToSequence", ["x", "p"], ["s"])],
    )
    refused(
        "SplitToSequence 's' is control flow over an axis of unknown length",
        [node("SplitToSequence", ["x"], ["s"], axis=3)],
    )


def test_parts_of_a_split_are_counted(monkeypatch):
    """As a damaged file may have millions of them."""
    nodes = [node("SplitToSequence", ["x"], ["s"], name="split")]
    monkeypatch.setattr(folding, "_MOST_STEPS", 60)
    assert len(Plain(nodes, {"x": np.zeros(60, np.float32)}).nodes) == 1
    with pytest.raises(ValueError, match="SplitToSequence 'split' repeats its body so often"):
        Plain(nodes, {"x": np.zeros(61, np.float32)})
    assert (
        len(
            Plain(
                [node("SplitToSequence", ["x"], ["s"])], {"x": np.zeros(7, np.float32)}
            ).folding.control.sequences["s"]
        )
        == 7
    )
    loop = counting("n", "c")
    plain = Plain([loop], {"x": noise(2)}, {"n": np.array(2), "c": np.array(True)})
    assert plain.folding.steps == 2 * (4 + 1)


def test_control_flow_with_a_rule_of_its_own_is_left_alone():
    made = whole([branches()], {"x": noise(1, 1, 5, 5)}, ["y"], {})
    made.graph.input.append(value("c", BOOL, ()))
    found = em.from_onnx(made, input="x", rules={"If": em.Conv((3, 3))})
    assert em.receptive_field(found).size == (3, 3)


def test_a_file_of_a_loop_is_its_layers():
    inputs = [value("i", INT, ()), value("go", BOOL, ()), value("a")]
    nodes = [
        node("Conv", ["a", "w"], ["b"], name="conv", pads=[1, 1, 1, 1]),
        node("Identity", ["go"], ["goes"]),
    ]
    loop = node(
        "Loop",
        ["n", "c", "x"],
        ["y"],
        name="loop",
        body=body(nodes, inputs, ["goes", "b"], w=noise(2, 2, 3, 3)),
    )
    made = whole([loop], {"x": noise(1, 2, 9, 9)}, ["y"], {"n": np.array(4), "c": np.array(True)})
    found = em.from_onnx(made)
    assert em.receptive_field(found).size == (9, 9)
