"""Files of several inputs that are open, such as sound and its spectrogram: sizes that go together."""

import numpy as np
import pytest

import erfmath as em
from erfmath.cli import main

onnx = pytest.importorskip("onnx", reason="files need onnx: pip install onnx")
from onnx import TensorProto, helper, numpy_helper  # noqa: E402


def vocoder(hop=64, down=1):
    """Sound, strided down, and a spectrogram, raised to its rate, which are added."""
    nodes = [
        helper.make_node("Conv", ["sound", "v"], ["a"], pads=[2, 0], strides=[down]),
        helper.make_node("ConvTranspose", ["mel", "w"], ["b"], strides=[hop]),
        helper.make_node("Add", ["a", "b"], ["y"]),
    ]
    inputs = [
        helper.make_tensor_value_info("sound", TensorProto.FLOAT, ["batch", 1, "time"]),
        helper.make_tensor_value_info("mel", TensorProto.FLOAT, ["batch", 4, "frames"]),
    ]
    kernel = max(3, down)
    constants = {"v": np.ones((2, 1, kernel), np.float32), "w": np.ones((4, 2, hop), np.float32)}
    graph = helper.make_graph(
        nodes,
        "vocoder",
        inputs,
        [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["batch", 2, None])],
        [numpy_helper.from_array(value, name) for name, value in constants.items()],
    )
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


@pytest.mark.parametrize(
    ("hop", "side"), [(64, 16000), (1, 16000), (480, 16320), (300, 16200), (16001, 16001)]
)
def test_sound_is_read_at_a_length_that_frames_fit(hop, side):
    model = em.from_onnx(vocoder(hop), input="sound")
    assert model.input_shape == (1, 1, side)
    assert em.receptive_field(model).size == 3
    assert em.latency(model).is_causal


def test_behind_strides_the_lengths_are_those_of_where_they_meet():
    model = em.from_onnx(vocoder(hop=50, down=4), input="sound")
    side = model.input_shape[-1]
    assert ((side + 2 - 4) // 4 + 1) % 50 == 0
    assert em.receptive_field(model).size == 4


def test_a_length_that_is_given_stays():
    assert em.from_onnx(vocoder(), input="sound", input_shape=(1, 1, 640)).input_shape == (1, 1, 640)
    with pytest.raises(ValueError, match=r"where the input is 1x1x641.*give another input_shape"):
        em.from_onnx(vocoder(), input="sound", input_shape=(1, 1, 641))
    with pytest.raises(ValueError, match=r"must be one shape, that of the input 'sound'.*sizes that fit it"):
        em.from_onnx(vocoder(), input="sound", input_shape=((1, 1, 640), (1, 4, 10)))


def test_the_others_fit_where_the_file_is_run(tmp_path, capsys):
    pytest.importorskip("onnxruntime", reason="files are run by onnxruntime: pip install onnxruntime")
    found = em.verify(em.from_onnx(vocoder(), input="sound", input_shape=(1, 1, 640)))
    assert found.ok, found
    onnx.save(vocoder(), tmp_path / "net.onnx")
    assert main(["latency", str(tmp_path / "net.onnx"), "--input", "sound", "--rate", "16k"]) == 0
    assert "Causal: it reads nothing ahead." in capsys.readouterr().out


def test_lengths_that_are_no_matter_of_frames():
    from erfmath.models.onnx.folding import Folding
    from erfmath.models.onnx.others import Mismatch, mismatch
    from erfmath.models.onnx.shapes import type_of

    def met(kind="Add", **shapes):
        types = {name: type_of(1, shape) for name, shape in shapes.items()}
        folding = Folding({}, None, {"": 17}, types, types, {})
        return mismatch(folding, [helper.make_node(kind, list(shapes), ["y"])], {"x"})

    assert met(x=(1, 2, 600), o=(1, 2, 50)) == Mismatch(600, 50)
    assert met(x=(1, 2, 600), o=(1, 2, 600)) is None
    assert met(x=(1, 3, 600), o=(1, 2, None)) is None
    assert met(x=(1, 3, None), o=(1, 2, 600)) is None
    assert met(x=(2, 3), o=(5, 0)) is None
    assert met("Sum", x=(1, 2, 600), o=(1, 2, 50), p=(1, 2, 50)) is None
    assert met(o=(1, 2, 600), p=(1, 2, 50)) is None
    assert Mismatch(16000, 64).fit(16000, is_open=False) == (16000, 250)
    assert Mismatch(600, 50).fit(1200, is_open=False) == (
        1200,
        12,
    )  # the input has two samples where one is met
    assert Mismatch(601, 50).fit(601, is_open=True) == (650, 13)
    assert Mismatch(601, 50).fit(601, is_open=False) is None
    assert Mismatch(7, 5).fit(13, is_open=True) is None  # 10 of 7 are no whole number of its samples
