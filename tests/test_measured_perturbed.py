"""Fields of ONNX files beside what changes their units in onnxruntime."""

import builtins

import numpy as np
import pytest

import erfmath as em
from erfmath.cli import main

onnx = pytest.importorskip("onnx", reason="files need onnx: pip install onnx")
pytest.importorskip("onnxruntime", reason="files are run by onnxruntime: pip install onnxruntime")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402


def file_of(nodes, shape, out, constants, kind=TensorProto.FLOAT, opset=17):
    graph = helper.make_graph(
        nodes,
        "file",
        [helper.make_tensor_value_info("x", kind, shape)],
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, out)],
        [numpy_helper.from_array(np.asarray(value), name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", opset)], ir_version=8)


def weights(*sides):
    return np.ones(sides, np.float32)


def strided():
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], pads=[1] * 4, strides=[2, 1]),
        helper.make_node("Relu", ["a"], ["b"]),
        helper.make_node("MaxPool", ["b"], ["c"], kernel_shape=[2, 2], strides=[2, 2]),
        helper.make_node("Conv", ["c", "v"], ["y"], pads=[2, 0, 2, 0], dilations=[2, 1]),
    ]
    constants = {"w": weights(4, 2, 3, 3), "v": weights(3, 4, 3, 1)}
    return file_of(nodes, [1, 2, 24, 16], [1, 3, None, None], constants)


def averaged():
    nodes = [
        helper.make_node("Conv", ["x", "w"], ["a"], pads=[1, 1]),
        helper.make_node("ReduceMean", ["a"], ["b"], axes=[2], keepdims=1),
        helper.make_node("Add", ["a", "b"], ["y"]),
    ]
    return file_of(nodes, [1, 1, 20], [1, 2, 20], {"w": weights(2, 1, 3)})


def quantised():
    nodes = [
        helper.make_node("QuantizeLinear", ["x", "s", "z"], ["q"]),
        helper.make_node("DequantizeLinear", ["q", "s", "z"], ["d"]),
        helper.make_node("Conv", ["d", "w"], ["y"], pads=[2, 2]),
    ]
    constants = {"s": np.float32(0.02), "z": np.uint8(0), "w": weights(2, 1, 5)}
    return file_of(nodes, [1, 1, 20], [1, 2, 20], constants)


def steps_of_a_shift():
    nodes = [
        helper.make_node("Pad", ["x", "p"], ["a"]),
        helper.make_node("Conv", ["a", "w"], ["y"]),
    ]
    return file_of(nodes, [1, 1, 20], [1, 1, 20], {"p": np.array([0, 0, 4, 0, 0, 0]), "w": weights(1, 1, 5)})


@pytest.mark.parametrize("make", [strided, averaged, quantised, steps_of_a_shift])
def test_files_see_what_their_fields_say(make):
    model = em.from_onnx(make())
    found = em.verify(model)
    assert found.ok, found
    assert "agrees with changes" in str(found)


@pytest.mark.parametrize(("taps", "is_inside"), [(3, False), (7, True)])
def test_a_wrong_field_of_a_file_is_found(taps, is_inside):
    file = file_of(
        [helper.make_node("Conv", ["x", "w"], ["y"], pads=[2, 2])],
        [1, 1, 32],
        [1, 2, 32],
        {"w": weights(2, 1, 5)},
    )
    wrong = em.from_onnx(file, rules={"Conv": em.Conv(taps, padding=taps // 2)})
    found = em.verify(wrong)
    assert not found.ok
    assert found.is_inside is is_inside
    unit = next(check for check in found.units if check.unit == (16,))
    assert unit.found == ((14, 18),)


def test_deep_files_show_their_corners():
    count = 24
    nodes = [
        helper.make_node(
            "Conv", [f"t{i}" if i else "x", "w"], [f"t{i + 1}" if i < count - 1 else "y"], pads=[1, 1]
        )
        for i in range(count)
    ]
    file = file_of(nodes, [1, 4, 64], [1, 4, 64], {"w": weights(4, 4, 3)})
    assert em.verify(em.from_onnx(file)).ok


def masked(gate, count=12):
    """A denoiser's mask: a deep residual stack, ending in a gate that multiplies its input."""
    nodes, last = [], "x"
    for i in range(count):
        nodes += [
            helper.make_node("Pad", [last, "p"], [f"a{i}"]),
            helper.make_node("Conv", [f"a{i}", "w"], [f"b{i}"]),
        ]
        nodes.append(helper.make_node("Add", [last, f"b{i}"], [f"c{i}"]))
        last = f"c{i}"
    nodes += [helper.make_node(gate, [last], ["m"]), helper.make_node("Mul", ["x", "m"], ["y"])]
    constants = {"p": np.array([0, 0, 2, 0, 0, 0]), "w": weights(4, 4, 3)}
    return file_of(nodes, [1, 4, 96], [1, 4, 96], constants)


@pytest.mark.parametrize("gate", ["Sigmoid", "Tanh", "HardSigmoid", "Softsign"])
def test_gates_at_the_end_of_deep_stacks_are_no_reason_to_disagree(gate):
    found = em.verify(em.from_onnx(masked(gate)))
    assert found.ok, found
    assert next(check for check in found.units if check.unit == (48,)).found == ((24, 48),)


def test_a_wrong_field_is_found_behind_a_gate():
    wider = em.verify(em.from_onnx(masked("Sigmoid"), rules={"Conv": em.Conv(5)}))
    assert (wider.ok, wider.is_inside) == (False, True)
    assert "the field is not reached everywhere by changes" in str(wider)
    assert "too faint to show" in str(wider)
    later = em.verify(em.from_onnx(masked("Sigmoid"), rules={"Pad": em.Pad([(1, 1)])}))
    assert (later.ok, later.is_inside) == (False, False)
    assert "the field DISAGREES with changes" in str(later)


def test_the_command_verifies_a_file(tmp_path, capsys):
    onnx.save(strided(), tmp_path / "net.onnx")
    assert main(["analyze", str(tmp_path / "net.onnx"), "--verify"]) == 0
    assert "net.onnx up to 'y': the field agrees with changes" in capsys.readouterr().out


def test_without_onnxruntime_one_line_says_so(tmp_path, capsys, monkeypatch):
    plain = builtins.__import__

    def without(name, *args, **options):
        if name == "onnxruntime":
            raise ImportError(name)
        return plain(name, *args, **options)

    onnx.save(strided(), tmp_path / "net.onnx")
    monkeypatch.setattr(builtins, "__import__", without)
    with pytest.raises(SystemExit) as left:
        main(["analyze", str(tmp_path / "net.onnx"), "--verify"])
    assert left.value.code == 2
    errors = capsys.readouterr().err
    assert "pip install onnxruntime" in errors
    assert len(errors.strip().splitlines()) == 1


def test_what_cannot_be_run_says_why():
    nodes = [helper.make_node("Mine", ["x"], ["y"], domain="own")]
    file = file_of(nodes, [1, 1, 8], [1, 1, 8], {})
    file.opset_import.append(helper.make_opsetid("own", 1))
    model = em.from_onnx(file, rules={"Mine": em.Conv(3)})
    with pytest.raises(ValueError, match="onnxruntime does not run it"):
        em.verify(model)


def test_an_output_without_positions_is_refused():
    nodes = [helper.make_node("GlobalAveragePool", ["x"], ["y"])]
    model = em.from_onnx(file_of(nodes, [1, 2, 8], [1, 2, 1], {}), output=0)
    with pytest.raises(ValueError, match="output="):
        em.verify(model)
