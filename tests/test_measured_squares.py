"""Squares of untrained networks by autograd: what RepLKNet's script measures, and the theory, within 5 %."""

from fractions import Fraction

import pytest

import erfmath as em
from benchmarks.definitions import SEEDS, compared, squares

torch = pytest.importorskip("torch", reason="torch is an optional dependency")


@pytest.mark.parametrize("seed", SEEDS)
def test_squares_of_random_networks_are_those_of_autograd(seed):
    _, _, pairs = compared(seed)
    for theory, measured in pairs:
        assert abs(measured - theory) <= max(0.05 * theory, 2)


def test_residual_networks_as_pytorch_draws_their_weights_are_those_of_autograd():
    block = em.Residual(em.Conv((5, 5), padding=2) >> em.Activation("relu") >> em.Conv((3, 3), padding=1))
    own = em.measure(block**4, 33, runs=60, profile="std", init=Fraction(1, 3), rng=0, progress=False)
    law = em.distribution(em.variance(block**4, Fraction(1, 3)), at=(16, 16), input_size=33)
    theory = em.effective_field(law, "sigma", profile="std")
    measured = own.effective_field(definition="sigma").size
    he = em.effective_field(block**4, "sigma", profile="std").size
    assert measured == pytest.approx(theory.size, rel=0.05)
    assert measured < 0.8 * he


def test_small_pictures_invert_what_large_ones_show():
    """Untrained as their authors' scripts make them, ResNet-101 sees more of 224 pixels than RepLKNet."""
    he, own = Fraction(2), Fraction(1, 3)
    for name in ("replknet13", "replknet31b"):
        large = getattr(em.zoo, name)(merged=False)
        seen, beside = squares(em.zoo.resnet101(), he, 224), squares(large, own, 224)
        assert all(a >= b for a, b in zip(seen, beside, strict=True))
        assert seen[0] > 1.4 * beside[0]
    assert squares(em.zoo.resnet101(), he, 1024)[-1] < squares(large, own, 1024)[-1]
