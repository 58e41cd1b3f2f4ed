"""Each panel of the poster runs in its quick form, and a number of each is pinned."""

import importlib
import json
import pickle

import numpy as np
import pytest

import erfmath as em

torch = pytest.importorskip("torch", reason="the panels need torch: pip install 'erfmath[torch]'")
pytest.importorskip("matplotlib", reason="the panels need matplotlib: pip install 'erfmath[plot]'")


def quick(name, tmp_path, **options):
    module = importlib.import_module(f"benchmarks.poster.{name}")
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        report = module.panel(quick=True, **options)
    finally:
        torch.set_num_threads(before)
    report.save(tmp_path)
    assert (tmp_path / f"{name}.png").stat().st_size > 20_000
    stored = json.loads((tmp_path / f"{name}.json").read_text())
    assert report.title.split(":")[0] in stored["title"]
    return stored, report.text


def by_case(stored):
    return {trial["case"]: trial for trial in stored["trials"]}


def test_a_the_shape_is_gaussian_at_every_depth(tmp_path):
    trials = by_case(quick("a_gaussian", tmp_path)[0])
    sizes = [trials[f"uniform, depth {n}"]["effective_measured"] for n in (5, 10, 20, 40)]
    assert sizes == pytest.approx([8.3066, 11.7047, 16.1555, 22.7376], abs=1e-4)
    assert trials["random, ReLU, depth 20"]["correlation"] > 0.98
    assert trials["random, depth 40"]["variance_ratio"] == pytest.approx(1, abs=0.06)


def test_b_activations_leave_the_shape(tmp_path):
    trials = by_case(quick("b_activations", tmp_path)[0])
    for name in ("relu", "tanh", "sigmoid"):
        assert trials[name]["variance_theory"] == pytest.approx([40 / 3] * 2)
        assert trials[name]["variance_ratio"] == pytest.approx(1, abs=0.06)


def test_c_the_place_of_a_stride_matters(tmp_path):
    trials = by_case(quick("c_architecture", tmp_path)[0])
    theory = {name: trial["effective_theory"] for name, trial in trials.items()}
    assert theory["convolutions only"] == pytest.approx(13.892, abs=1e-3)
    assert theory["stride 2 in 4, 8, 12"] == pytest.approx(60.506, abs=1e-3)
    assert theory["dilation 2, 4, 8 in 4, 8, 12"] == pytest.approx(35.511, abs=1e-3)
    assert trials["stride 2 in 4, 8, 12"]["variance_ratio"] == pytest.approx(1, abs=0.07)


def test_d_the_slopes_and_what_the_poster_s_are(tmp_path):
    stored, text = quick("d_growth", tmp_path)
    slopes = [(curve["slope"], curve["ratio_slope"]) for curve in stored["curves"]]
    assert slopes[0] == pytest.approx((0.482, -0.478), abs=1e-3)
    assert slopes[2] == pytest.approx((0.539, -0.421), abs=1e-3)
    assert slopes[1] == pytest.approx(slopes[0], abs=0.03)
    assert slopes[3] == pytest.approx(slopes[2], abs=0.03)
    assert slopes[-1] == pytest.approx((0.557, -0.426), abs=0.03)
    assert "an effect of width, no law of depth" in text


def test_e_skips_narrow_the_field_and_dropout_leaves_it(tmp_path):
    stored, _ = quick("e_skip_dropout", tmp_path)
    assert stored["growth"]["skip"][:4] == pytest.approx([6.083, 8.307, 11.705, 16.155], abs=1e-3)
    trials = by_case(stored)
    assert trials["skip"]["variance_ratio"] == pytest.approx(1, abs=0.08)
    assert trials["dropout 1/2"]["effective_theory"] == trials["plain"]["effective_theory"]
    assert trials["skip, ReLU last"]["variance_ratio"] < 0.9


def test_f_the_theory_knows_both_networks_before_training(tmp_path):
    pytest.importorskip("sklearn", reason="the digits need scikit-learn")
    stored, _ = quick("f_training", tmp_path)
    resnet, decoder = stored["tasks"]
    assert (resnet["theoretical_field"], decoder["theoretical_field"]) == (53, 36)
    assert resnet["effective_before"] == pytest.approx(resnet["effective_theory"], rel=0.1)
    assert decoder["effective_before"] == pytest.approx(decoder["effective_theory"], rel=0.1)
    assert resnet["accuracy_after"] > 0.6
    assert decoder["accuracy_after"] > 0.7


def test_every_layer_type_agrees_with_the_theory(tmp_path):
    for trial in quick("agreement", tmp_path)[0]["trials"]:
        error = trial["variance_ratio_error"]
        assert abs(trial["variance_ratio"] - 1) < 0.03 + 4 * error, trial["case"]
        assert trial["correlation"] > 0.97, trial["case"]


@pytest.mark.parametrize("channels", [1, 2])
def test_linear_gradients_are_products_of_kernels(channels):
    from benchmarks.linear import behind
    from erfmath.measured.module import to_torch

    module = to_torch(em.Conv((3, 3)) ** 3, channels=channels, in_channels=channels, rng=0)
    x = torch.zeros(1, channels, 7, 7, requires_grad=True)
    module(x).sum().backward()
    product = np.ones((channels, 1, 1))
    for weights in reversed([p.detach().numpy() for p in module.parameters()]):
        product = behind(product, weights.transpose(2, 3, 1, 0))
    assert np.allclose(x.grad[0], product, rtol=1e-4, atol=1e-6)


def test_cifar_is_read_from_its_python_batches(tmp_path):
    from benchmarks.poster import data

    rng = np.random.default_rng(0)
    for name in (*(f"data_batch_{i}" for i in range(1, 6)), "test_batch"):
        images = rng.integers(256, size=(4, 3072), dtype=np.uint8)
        content = {b"data": images, b"labels": [0, 1, 2, 3]}
        (tmp_path / name).write_bytes(pickle.dumps(content, protocol=2))
    found = data.cifar(tmp_path)
    assert found.train.shape == (20, 3, 32, 32)
    assert found.test.shape == (4, 3, 32, 32)
    assert found.train.mean() == pytest.approx(0, abs=1e-5)
    assert found.train_labels.tolist() == [0, 1, 2, 3] * 5
    last = (images.astype(float).reshape(4, 3, 32, 32) / 255)[1, 2, 3, 4]
    assert np.corrcoef(found.test.ravel(), images.ravel())[0, 1] == pytest.approx(1)
    assert found.test[1, 2, 3, 4] == pytest.approx((last - 0.5) / 0.289, abs=0.05)


def test_a_batch_that_would_run_code_is_refused(tmp_path):
    from benchmarks.poster import data

    (tmp_path / "data_batch_1").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    with pytest.raises(pickle.UnpicklingError, match="does not belong"):
        data.cifar(tmp_path)
    with pytest.raises(FileNotFoundError, match="Python version"):
        data.cifar(tmp_path / "nowhere")


def test_scenes_have_all_classes():
    from benchmarks.poster import data

    images, labels = data.scenes(8, np.random.default_rng(0))
    assert images.shape == (8, 1, 64, 64)
    assert set(labels.ravel()) == {0, 1, 2}
