"""ONNX files as bytes: what is read of them, weights in files of their own, and what is damaged."""

import sys
from pathlib import Path

import numpy as np
import pytest

import erfmath as em

onnx = pytest.importorskip("onnx", reason="files are onnx's")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402
from oracles_onnx import noise  # noqa: E402

from erfmath.models.onnx import file as files  # noqa: E402

node = helper.make_node


def value(name, shape=None, kind=TensorProto.FLOAT):
    return helper.make_tensor_value_info(name, kind, shape)


def model(nodes=None, shape=(1, 1, 8, 8), opset=18, functions=(), **constants):
    nodes = [node("Conv", ["x", "w"], ["y"], name="conv")] if nodes is None else nodes
    stored = [numpy_helper.from_array(np.asarray(v), name) for name, v in constants.items()]
    graph = helper.make_graph(nodes, "g", [value("x", shape)], [value("y")], stored)
    opsets = [helper.make_opsetid("", opset), helper.make_opsetid("own", 1)]
    return helper.make_model(graph, opset_imports=opsets, functions=functions)


KERNEL = noise(1, 1, 3, 3)


def test_a_model_is_named_by_its_file_or_its_graph(tmp_path):
    made = model(w=KERNEL)
    onnx.save(made, tmp_path / "net.onnx")
    assert em.from_onnx(tmp_path / "net.onnx").name == "net.onnx"
    assert em.from_onnx(str(tmp_path / "net.onnx")).name == "net.onnx"
    assert em.from_onnx(made).name == "g"
    made.graph.name = ""
    assert em.from_onnx(made).name == "model"
    assert files.loaded(made) is made
    assert files.loaded(tmp_path / "net.onnx") == onnx.load(tmp_path / "net.onnx")
    assert files.folder_of(tmp_path / "net.onnx") == files.folder_of(str(tmp_path / "net.onnx")) == tmp_path
    assert files.folder_of(made) is None


def test_what_is_no_model(tmp_path, monkeypatch):
    with pytest.raises(TypeError, match=r"model must be a path or an onnx.ModelProto, got bytes"):
        em.from_onnx(b"net.onnx")
    with pytest.raises(IsADirectoryError):
        em.from_onnx(tmp_path)
    path = tmp_path / "net.onnx"
    made = model(w=KERNEL)
    path.write_bytes(made.SerializeToString()[:60])
    with pytest.raises(ValueError, match=r"^'[^\n]*net.onnx' is no ONNX model, or is cut off: [^\n]+$"):
        em.from_onnx(path)
    path.write_bytes(onnx.ModelProto(ir_version=8).SerializeToString())
    with pytest.raises(ValueError, match=r"net.onnx' is no ONNX model, or is cut off: it holds no graph"):
        em.from_onnx(path)
    del made.graph.output[:]
    path.write_bytes(made.SerializeToString())
    with pytest.raises(ValueError, match="the model has no output, it may be cut off"):
        em.from_onnx(path)
    empty = model([], w=KERNEL)  # whose output nothing makes
    path.write_bytes(empty.SerializeToString())
    with pytest.raises(ValueError, match="output must be the name of a tensor"):
        em.from_onnx(path)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(ImportError, match="from_onnx needs the onnx package: pip install onnx"):
        files.loaded(path)


@pytest.mark.parametrize(
    "word",
    [
        "node",
        "input",
        "output",
        "attribute",
        "op_type",
        "stored",
        "declared",
        "result",
        "domain",
        "branch",
        "function",
    ],
)
def test_names_that_are_no_text(tmp_path, word):
    """Whatever holds the name: its bytes are changed to such as no text has."""
    inner = helper.make_graph([node("Neg", ["x"], ["b"], name="branch")], "b", [], [value("b")])
    other = helper.make_graph([node("Neg", ["x"], ["b"])], "b", [], [value("b")])
    nodes = [
        node("If", ["stored"], ["output"], name="node", then_branch=inner, else_branch=other),
        node("op_type", ["input"], ["input2"], domain="domain", attribute=1),
        node("Add", ["x", "input"], ["y"]),
    ]
    function = helper.make_function(
        "domain",
        "op_type",
        ["a"],
        ["b"],
        [node("Neg", ["a"], ["b"], name="function")],
        [helper.make_opsetid("", 18)],
    )
    graph = helper.make_graph(
        nodes,
        "g",
        [value("x", (1, 1, 8, 8)), value("declared", ())],
        [value("y"), value("result")],
        [numpy_helper.from_array(np.array(True), "stored")],
    )
    made = helper.make_model(
        graph,
        opset_imports=[helper.make_opsetid("", 18), helper.make_opsetid("domain", 1)],
        functions=[function],
    )
    data = made.SerializeToString()
    assert word.encode() in data
    path = tmp_path / "net.onnx"
    path.write_bytes(data.replace(word.encode(), b"\xff" * len(word)))
    try:
        is_text = not any(
            isinstance(name, bytes) for name in files._words(onnx.load_model_from_string(path.read_bytes()))
        )
    except Exception:  # a protobuf that refuses them itself
        is_text = False
    assert not is_text
    with pytest.raises(
        ValueError, match=r"net.onnx' is (damaged: it has names that are no text|no ONNX model)"
    ):
        em.from_onnx(path)


def test_all_names_are_looked_at():
    inner = helper.make_graph(
        [node("Neg", ["x"], ["b"], name="in")],
        "b",
        [value("i")],
        [value("b")],
        [numpy_helper.from_array(KERNEL, "k")],
    )
    nodes = [
        node("If", ["c"], ["y"], name="n", then_branch=inner),
        node("Op", ["p"], ["q"], domain="d", attr=1),
    ]
    function = helper.make_function(
        "own", "F", ["a"], ["b"], [node("Abs", ["a"], ["z"], name="f")], [helper.make_opsetid("", 18)]
    )
    found = sorted(files._words(model(nodes, functions=[function], w=KERNEL)))
    expected = [
        "n",
        "If",
        "c",
        "y",
        "then_branch",
        "Op",
        "p",
        "q",
        "d",
        "attr",
        "in",
        "Neg",
        "x",
        "b",
        "i",
        "b",
        "k",
        "f",
        "Abs",
        "a",
        "z",
        "w",
        "x",
        "y",
        "own",
    ]
    assert sorted(word for word in found if word) == sorted(expected)


def stored(made, path, **own):
    """Save a model whose weights are in the file weights.bin behind some other bytes."""
    data = b"".join([b"\1" * 5, KERNEL.tobytes(), b"\2" * 7])
    (path.parent / "weights.bin").write_bytes(data)
    tensor = made.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    entries = {"location": "weights.bin", "offset": "5", "length": "36"} | own
    for key, word in entries.items():
        if word is not None:
            tensor.external_data.add(key=key, value=word)
    path.write_bytes(made.SerializeToString())
    return path


def test_weights_begin_and_end_where_the_file_says(tmp_path):
    path = stored(model(w=KERNEL), tmp_path / "net.onnx")
    found = em.impact_map(em.from_onnx(path, weights="given"))
    np.testing.assert_array_equal(found.channels, KERNEL[0])
    tensor = onnx.load(path, load_external_data=False).graph.initializer[0]
    np.testing.assert_array_equal(files.value_of(tensor, tmp_path), KERNEL)
    assert files.value_of(tensor, None) is None
    # Without a length all that follows; without an offset from the beginning.
    rest = stored(model(w=noise(12).reshape(1, 1, 3, 4)), tmp_path / "rest.onnx", length=None)
    with pytest.raises(ValueError, match="the weights 'w' are damaged"):
        em.from_onnx(rest, weights="given")
    for offset in (None, "0", ""):
        (tmp_path / "sub").mkdir(exist_ok=True)
        whole = stored(model(w=KERNEL), tmp_path / "sub" / "net.onnx", offset=offset, length=None)
        (tmp_path / "sub" / "weights.bin").write_bytes(KERNEL.tobytes())
        found = em.impact_map(em.from_onnx(whole, weights="given"))
        np.testing.assert_array_equal(found.channels, KERNEL[0])
    both = stored(model(w=KERNEL), tmp_path / "sub" / "net.onnx", offset="0", length="36")
    (tmp_path / "sub" / "weights.bin").write_bytes(KERNEL.tobytes())
    np.testing.assert_array_equal(em.impact_map(em.from_onnx(both, weights="given")).channels, KERNEL[0])


@pytest.mark.parametrize(
    ("own", "problem"),
    [
        ({"offset": "13"}, "their file is too short, it may be cut off"),
        ({"length": "44"}, "their file is too short"),
        ({"offset": "49", "length": None}, "their file is too short"),
        ({"offset": "-1"}, r"their place in a file is \('-1', '36'\)"),
        ({"length": "3.5"}, r"their place in a file is \('5', '3.5'\)"),
        ({"length": "9" * 20}, "their place in a file is"),
        ({"length": "9" * 19}, "their file is too short"),
        ({"length": "32"}, ""),
    ],
)
def test_places_in_files_that_cannot_be(tmp_path, own, problem):
    path = stored(model(w=KERNEL), tmp_path / "net.onnx", **own)
    with pytest.raises(ValueError, match=f"^the weights 'w' are damaged: .*{problem}"):
        em.from_onnx(path, weights="given")


@pytest.mark.parametrize(
    ("location", "problem"),
    [
        (None, "in the file '', which is no file beside the model"),
        ("", "in the file '', which is no file beside the model"),
        ("/etc/hostname", "in the file '/etc/hostname', which is no file beside the model"),
        ("a\0b", r"in the file 'a\\x00b', which is no file beside the model"),
        ("../other.bin", "in the file '../other.bin', which lies outside the model's folder; it is not read"),
        ("other.bin", "in the file 'other.bin', which is missing; put it beside the model"),
        (".", "in the file '.', which is missing"),
    ],
)
def test_files_of_weights_that_are_not_read(tmp_path, location, problem):
    (tmp_path / "home").mkdir()
    (tmp_path / "other.bin").write_bytes(bytes(99))
    path = stored(model(w=KERNEL), tmp_path / "home" / "net.onnx", location=location)
    with pytest.raises(ValueError, match=f"^the weights 'w' are {problem}"):
        em.from_onnx(path, weights="given")


def test_weights_in_folders_of_their_own(tmp_path):
    (tmp_path / "deep").mkdir()
    for location in ("deep/weights.bin", "deep/../deep/weights.bin"):
        path = stored(model(w=KERNEL), tmp_path / "net.onnx", location=location)
        (tmp_path / "weights.bin").rename(tmp_path / "deep" / "weights.bin")
        np.testing.assert_array_equal(em.impact_map(em.from_onnx(path, weights="given")).channels, KERNEL[0])


def test_weights_of_every_kind():
    assert files.value_of(numpy_helper.from_array(np.array(["a"]), "w"), None).dtype.kind in "OUS"
    for kind in (np.float64, np.float16, np.int8, np.uint16, np.bool_, np.complex64):
        array = np.array([[0, 1, 1]]).astype(kind)
        found = files.value_of(numpy_helper.from_array(array, "w"), None)
        assert found.dtype == kind
        np.testing.assert_array_equal(found, array)


def test_weights_that_numpy_has_no_type_for():
    pytest.importorskip("onnx", minversion="1.19", reason="older releases read them as floats themselves")
    half = helper.make_tensor("w", TensorProto.BFLOAT16, [3], [1.0, -2.5, 0.25])
    found = files.value_of(half, None)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, [1, -2.5, 0.25])


def test_weights_that_are_damaged():
    for tensor in (
        TensorProto(name="w", data_type=1, dims=[3], raw_data=b"\0" * 8),
        TensorProto(name="w", data_type=99, dims=[3], raw_data=b"\0" * 12),
        TensorProto(name="w", dims=[3], raw_data=b"\0" * 12),
    ):
        with pytest.raises(ValueError, match=r"^the weights 'w' are damaged: [^\n]+$"):
            files.value_of(tensor, None)
    negative = model(w=KERNEL)
    negative.graph.initializer[0].dims[1] = -1
    with pytest.raises(ValueError, match="the weights 'w' have the shape 1x-1x3x3; they are damaged"):
        em.from_onnx(negative)


def test_room_is_asked_for_before_it_is_taken(tmp_path, monkeypatch):
    asked = []
    path = tmp_path / "net.onnx"
    onnx.save(model(w=KERNEL), path)
    monkeypatch.setattr(files, "check_memory", lambda *words: asked.append(words))
    files.loaded(path)
    assert asked == [(3 * path.stat().st_size, f"reading {str(path)!r}", "free memory first")]
    for tensor in (numpy_helper.from_array(noise(3, 5), "w"), TensorProto(name="w", dims=[3, 5])):
        with pytest.raises(ValueError, match="damaged") if not tensor.data_type else np.errstate():
            files.value_of(tensor, None)
        assert asked[-1] == (2 * 4 * 15, "the weights 'w'", "free memory first")
    assert files._bytes(TensorProto(dims=[3, -5])) == 0
    assert files._bytes(TensorProto()) == 4
    monkeypatch.undo()
    huge = TensorProto(name="w", data_type=1, dims=[2**30, 2**30])
    with pytest.raises(ValueError, match=r"^the weights 'w' needs .* free memory first"):
        files.value_of(huge, Path())


def test_readings_take_their_options_from_the_call():
    """What only one door passes on: gates, rules, values, weights, rates."""
    nodes = [
        node("Conv", ["x", "w"], ["a"], pads=[1, 1, 1, 1]),
        node("GlobalAveragePool", ["a"], ["p"]),
        node("Add", ["a", "p"], ["b"]),
        node("Relu", ["b"], ["y"], name="relu"),
    ]
    made = model(nodes, w=KERNEL)
    whole, local = em.from_onnx(made), em.from_onnx(made, global_context=False)
    assert em.receptive_field(whole).unbounded
    assert em.receptive_field(local).size == (3, 3)
    assert em.from_onnx(made, gates=True) == whole
    assert em.from_onnx(made, global_context=False, gates=True) == whole
    assert em.from_onnx(made, gates=False) == local
    assert (whole.weights, em.from_onnx(made, weights="energy").weights) == ("uniform", "energy")
    full, half = (
        em.impact_map(em.from_onnx(made, weights="given", global_context=False, rates=rate)).channels
        for rate in (1.0, 0.5)
    )
    np.testing.assert_allclose(full, 2 * half)
    np.testing.assert_allclose(full, KERNEL[0], rtol=1e-6)
    default = em.impact_map(em.from_onnx(made, weights="given", global_context=False)).channels
    np.testing.assert_allclose(default, half)
    with pytest.raises(ValueError, match="values must be of inputs of the model, which has no 'z'"):
        em.from_onnx(made, values={"z": 1})
    replaced = em.from_onnx(made, rules={"Relu": em.Conv((5, 5))}, gates=False)
    assert em.receptive_field(replaced).size == (7, 7)
