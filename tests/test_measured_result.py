"""What a measurement says of itself, and beside a theory."""

import math

import numpy as np
import pytest

import erfmath as em

torch = pytest.importorskip("torch", reason="measuring needs torch: pip install 'erfmath[torch]'")

from measuring import CONV, quietly, small_module  # noqa: E402

from erfmath.measured.result import Agreement, Measurement  # noqa: E402


def test_uniform_weights_give_the_paper_s_count():
    found = quietly(CONV**10, runs=1, init="given", profile="mean", channels=1)
    assert found.effective_field().count == 137
    assert found.map.shape == (21, 21)


def test_magnitudes_are_compared_with_the_root_of_the_variance():
    found = quietly(CONV**5, runs=100, profile="std").compare()
    expected = em.effective_field(em.distribution(CONV**5), profile="std")
    assert found.expected.count == expected.count == 109
    assert found.correlation > 0.99


def test_the_standard_error_of_the_variance_is_that_of_many_measurements():
    many = [quietly(em.Conv(3) ** 4, channels=4, runs=25, rng=seed) for seed in range(40)]
    spread = np.std([found.var[0] for found in many])
    assert np.mean([found.var_error[0] for found in many]) == pytest.approx(spread, rel=0.4)


def test_a_signed_map_is_kept_and_is_no_law():
    layer = torch.nn.Conv1d(1, 1, 3, bias=False)
    layer.weight.data[0, 0] = torch.tensor([1.0, -2.0, 3.0])
    found = quietly(layer, input_size=5, runs=2, profile="mean")
    assert found.map.tolist() == [1, -2, 3]
    assert found.offset == (1,)
    with pytest.raises(ValueError, match="profile='std' or 'variance'"):
        _ = found.distribution


def test_the_tables_read_well():
    found = quietly(CONV**3, runs=20)
    assert isinstance(found, Measurement)
    assert repr(found).startswith("<Measurement of unit 0 on 7 x 7 pixels, 20 runs, profile 'variance', std ")
    table = repr(found.compare())
    assert isinstance(found.compare(), Agreement)
    assert [line.split("  ")[0] for line in table.split("\n")[2:]] == [
        "variance, axis 0",
        "variance, axis 1",
        "effective size",
        "correlation",
        "L1",
    ]
    assert not found.map.flags.writeable
    assert math.isnan(quietly(CONV, runs=1).var_error[0])
    assert "nan" not in repr(quietly(CONV, runs=1).compare())


def test_a_single_pixel_has_no_ratio():
    found = quietly(em.Conv((1, 3)), runs=5).compare()
    assert math.isnan(found.variance_ratio[0])
    assert found.variance_ratio[1] == pytest.approx(1, abs=0.3)
    assert [line.split() for line in repr(found).split("\n")[2:3]] == [["variance,", "axis", "0", "0", "0"]]


def test_a_module_needs_a_theory_of_as_many_axes():
    found = quietly(small_module(), input_size=9, runs=2)
    with pytest.raises(ValueError, match="theory must be a distribution or a network"):
        found.compare()
    with pytest.raises(TypeError, match="theory must be a distribution or a network, got 'x'"):
        found.compare("x")
    with pytest.raises(ValueError, match="theory must have 2 axes"):
        found.compare(em.distribution(em.Conv(3)))
