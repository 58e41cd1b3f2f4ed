"""What docs/security.md says of files: they are data, and what they name is shown as text."""

import os
import pickle

import numpy as np
import pytest

import erfmath as em
from erfmath.cli import main
from erfmath.words import visible

EVIL = "\x1b[31m\r\u202e</td><script>alert(1)</script>"


class Trap:
    """Raises an alarm when it is unpickled."""

    def __reduce__(self):
        return exec, ("raise SystemExit('executed')",)


def test_a_measurement_with_a_pickle_is_refused(tmp_path):
    path = tmp_path / "evil.npz"
    np.savez(path, head=np.array([Trap()], dtype=object), total=0, squares=0, moments=0)
    with pytest.raises(SystemExit, match="executed"):  # so the trap is one
        pickle.loads(pickle.dumps(Trap()))
    with pytest.raises(ValueError, match="no file of a measurement"):
        em.Measurement.load(path)


@pytest.mark.parametrize(
    "text",
    [
        '{"type": "__import__(\'os\').system"}',
        '{"type": "Conv", "kernel": "__import__(\'os\').abort()"}',
        '{"type": "object"}',
        '{"type": "Activation", "name": {"type": "Trap"}}',
    ],
)
def test_json_names_registered_types_only(text):
    with pytest.raises(ValueError, match=r"must|not known|type"):
        em.network_from_json(text)


@pytest.mark.parametrize("text", ["(" * 10**5, "res(" * 10**5, "__import__('os').abort()", "conv3*9e99"])
def test_the_notation_is_a_grammar_of_its_own(text):
    with pytest.raises(ValueError, match=r"^(?!.*Traceback)"):
        em.parse_network(text)


def test_yaml_makes_plain_values_only(tmp_path, capsys):
    pytest.importorskip("yaml", reason="descriptions in YAML need PyYAML")
    path = tmp_path / "rdf.yaml"
    path.write_text("!!python/object/apply:os.abort []\n", encoding="utf-8")
    with pytest.raises(SystemExit):
        main(["check-halo", str(path), "unet"])
    assert "is no YAML" in capsys.readouterr().err


@pytest.mark.parametrize("location", ["../secret", "/etc/hostname", "link", ""])
def test_weights_outside_the_models_folder_are_not_read(tmp_path, location):
    onnx = pytest.importorskip("onnx", reason="model files need onnx")
    home = tmp_path / "home"
    home.mkdir()
    (tmp_path / "secret").write_bytes(bytes(36))
    if os.name == "posix":  # elsewhere links are for administrators, and the file is missing
        (home / "link").symlink_to(tmp_path / "secret")
    model = onnx_of(onnx, "conv", location)
    (home / "model.onnx").write_bytes(model.SerializeToString())
    with pytest.raises(ValueError, match=r"no file beside|outside the model's folder|is missing"):
        em.from_onnx(home / "model.onnx", weights="given")


def onnx_of(onnx, name, location=None):
    """Return a model of one convolution of a name, its weights kept at a location."""
    make = onnx.helper
    weights = make.make_tensor("w", onnx.TensorProto.FLOAT, [1, 1, 3, 3], np.ones(9))
    if location is not None:
        weights.ClearField("float_data")
        weights.data_location = onnx.TensorProto.EXTERNAL
        weights.external_data.add(key="location", value=location)
    ends = [make.make_tensor_value_info(end, onnx.TensorProto.FLOAT, [1, 1, 8, 8]) for end in ("x", "y")]
    node = make.make_node("Conv", ["x", "w"], ["y"], name=name, pads=[1, 1, 1, 1])
    return make.make_model(make.make_graph([node], "g", ends[:1], ends[1:], [weights]))


def test_names_in_files_are_text_on_screens_and_pages(tmp_path, capsys):
    onnx = pytest.importorskip("onnx", reason="model files need onnx")
    path = tmp_path / "model.onnx"
    path.write_bytes(onnx_of(onnx, EVIL).SerializeToString())
    assert main(["analyze", str(path)]) == 0
    printed = capsys.readouterr().out
    assert "\\x1b[31m\\r\\u202e" in printed
    assert not set(printed) & set("\x1b\r\u202e")
    page = em.analyze(path).to_html()
    assert "<script>alert" not in page


def test_names_in_graphs_are_text_in_errors(capsys, tmp_path):
    path = tmp_path / "net.json"
    net = em.Graph({EVIL: (em.Conv(3), "input")}, EVIL)
    path.write_text(em.network_to_json(net), encoding="utf-8")
    with pytest.raises(SystemExit):
        main(["analyze", str(path), "--output", f"{EVIL}?"])
    assert not set(capsys.readouterr().err) & set("\x1b\r\u202e")


def test_control_characters_are_escapes_and_letters_stay():
    controls = [chr(code) for code in (*range(32), *range(127, 160), 0x2028, 0x202A, 0x2066)]
    assert all(visible(char).isascii() and visible(char).isprintable() for char in controls)
    assert visible("Größe ±2σ 𝜎", kept="\n") == "Größe ±2σ 𝜎"
    assert visible("a\nb", kept="\n") == "a\nb"


def test_the_data_of_a_page_closes_no_script():
    net = em.Graph({EVIL: (em.Conv((3, 3)), "input")}, EVIL)
    page = em.analyze(net).to_html()
    assert page.count("<script") == page.count("</script>")
    assert page.count("default-src 'none'") == 1
