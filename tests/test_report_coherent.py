"""The warning of an analysis that gradients are coherent: where, from which block on, and by how much."""

import math

import pytest

import erfmath as em

RELU = em.Activation("relu")
LAST = em.Residual(em.Conv(3, padding=1) >> RELU)


@pytest.mark.parametrize("channels", [16, 64])
def test_a_deep_network_with_skips_round_rectifiers_is_warned_of(channels):
    net = em.Residual(em.Conv(3, padding=1, channels=channels) >> RELU) ** 20
    (said,) = em.analyze(net).warnings
    found = em.coherence(net)
    assert f"from about block {found.blocks} on" in said
    assert f"overstates the standard deviation of their energy by {math.sqrt(1 / found.ratio):.2f}" in said
    assert said.split("; ")[1] in str(em.analyze(net))
    assert said in em.analyze(net).to_dict()["warnings"]


def test_the_width_is_named_where_layers_do_not():
    (said,) = em.analyze("res(conv3x3p1 relu)*20").warnings
    assert said.startswith("from about block 12 on, counted from the output, gradients are coherent at 16 ch")
    ((without,),) = (em.analyze(LAST**10**9).warnings,)
    assert without.endswith("at 16 channels; independence overstates their field (em.coherence)")


@pytest.mark.parametrize(
    "what",
    [
        LAST**4,
        "res(relu conv3x3p1)*30",
        "conv3x3p1 relu*30",
        "resnet101",
        "unet",
        em.Residual(em.Conv(3, padding=1, channels=4096) >> RELU) ** 15,
        em.Residual(em.Conv(3, padding=1) >> em.Activation("tanh")) ** 30,
        em.Residual(em.Conv(3, padding=1) >> em.Activation("of my own")) ** 30,
        LAST**20 >> em.GlobalPool(),
    ],
)
def test_others_are_not(what):
    assert em.analyze(what).warnings == ()
    assert "coherent" not in str(em.analyze(what))


@pytest.mark.parametrize("is_normalised", [False, True])
def test_a_module_is_warned_of_unless_it_is_normalised(is_normalised):
    torch = pytest.importorskip("torch", reason="modules need PyTorch")

    class Block(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = torch.nn.Conv1d(16, 16, 3, padding=1)
            self.norm = torch.nn.BatchNorm1d(16) if is_normalised else torch.nn.Identity()

        def forward(self, x):
            return x + torch.relu(self.norm(self.conv(x)))

    module = torch.nn.Sequential(torch.nn.Conv1d(1, 16, 3, padding=1), *(Block() for _ in range(12)))
    said = em.analyze(module, example=torch.zeros(1, 1, 64)).warnings
    assert len(said) == (not is_normalised)
    assert is_normalised or "gradients are coherent; independence overstates" in said[0]


def test_blocks_that_end_in_an_activation_are_told_of_too():
    found = em.coherence(em.parse_network("(res(conv3p1) relu)*30"), 16)
    (said,) = em.analyze(em.parse_network("(res(conv3p1) relu)*30")).warnings
    assert f"from about block {found.blocks} on" in said  # 20; autograd has .78 of the variance at 20 blocks
    for text in ("(res(conv3p1) relu)*10", "(res(conv3p1) tanh)*50", "relu res(conv3p1)*50"):
        assert em.analyze(em.parse_network(text)).warnings == ()


def test_what_the_theory_refuses_is_no_error_of_an_analysis():
    cancelled = em.Sum([em.Identity(), em.Identity()], [1, -1])
    net = em.parse_network("res(conv3p1 relu)*20") >> em.Sum([cancelled >> em.Conv(1), em.Conv(3, padding=1)])
    with pytest.raises(ValueError, match="cancel to zero"):
        em.coherence(net, 16)
    assert em.analyze(net).warnings == ()


@pytest.mark.parametrize(
    ("net", "is_coherent"), [("res(conv3p1 relu)*16", True), ("res(relu conv3p1)*4", False)]
)
def test_a_measurement_is_compared_with_coherent_gradients_where_they_are(net, is_coherent):
    pytest.importorskip("torch", reason="measurements need PyTorch")
    found = em.analyze(net, measure=24)
    said = "times that of em.coherence" in str(found)
    assert said == is_coherent
    assert found.to_dict()["measured"]["coherent_variance"] == (
        list(em.coherence(em.parse_network(net), 16).spread) if is_coherent else None
    )
    for ratio, error in found.measured.coherent_ratios:
        assert ratio == pytest.approx(1, abs=4 * error)
        assert ratio / found.measured.agreement.variance_ratio[0] == pytest.approx(
            em.distribution(em.variance(em.parse_network(net))).var()
            / found.to_dict()["measured"]["coherent_variance"][0]
        )
