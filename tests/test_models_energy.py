"""The energies of a model's own weights, against exact convolution and gradients under random signs."""

import numpy as np
import pytest
from scipy.signal import convolve2d

import erfmath as em

torch = pytest.importorskip("torch", reason="PyTorch is not installed")


class Block(torch.nn.Module):
    """A skip with batch normalisation and a stride behind it."""

    def __init__(self):
        super().__init__()
        self.stem = torch.nn.Conv2d(8, 16, 3, padding=1)
        self.norm = torch.nn.BatchNorm2d(16)
        self.conv = torch.nn.Conv2d(16, 16, 3, padding=1)
        self.last = torch.nn.Conv2d(16, 16, 3, stride=2)

    def forward(self, x):
        x = self.stem(x)
        return self.last(x + self.conv(torch.relu(self.norm(x))))


def signs(shape):
    return torch.randint(0, 2, shape) * 2 - 1


def measured(module, unit, runs):
    """Mean squared gradients of one unit, the weights of convolutions under random signs."""
    weights = {name: p.detach().clone() for name, p in module.named_parameters() if p.ndim == 4}
    total = 0
    for _ in range(runs):
        with torch.no_grad():
            for name, p in module.named_parameters():
                if name in weights:
                    p.copy_(weights[name] * signs(p.shape))
        x = torch.randn(1, 8, 17, 17, requires_grad=True)
        y = module(x)[(0, slice(None), *unit)]
        (y * signs(y.shape)).sum().backward()
        total = total + (x.grad**2).sum((0, 1)).numpy()
    return total / total.sum()


def test_single_channels_are_exact():
    torch.manual_seed(0)
    layers = [torch.nn.Conv2d(1, 1, 3, padding=1, bias=False).double() for _ in range(2)]
    net = em.from_torch(torch.nn.Sequential(*layers), torch.zeros(1, 1, 9, 9).double(), weights="energy")
    squares = [layer.weight.detach().numpy()[0, 0] ** 2 for layer in layers]
    expected = convolve2d(*squares)
    got = em.distribution(net).probabilities()
    np.testing.assert_allclose(got, expected / expected.sum(), rtol=1e-12)


def test_a_block_is_that_of_gradients_under_random_signs():
    torch.manual_seed(1)
    block = Block().eval()
    with torch.no_grad():
        block.norm.running_var.uniform_(0.2, 3)
        block.norm.weight.uniform_(0.2, 2)
        for layer in (block.stem, block.conv, block.last):
            layer.weight *= torch.linspace(0.2, 2, 9).reshape(3, 3)  # far from uniform
    net = em.from_torch(block, (1, 8, 17, 17), weights="energy")
    law = em.distribution(net, at=(3, 3), input_size=17)
    truth = measured(block, (3, 3), 150)
    points = np.moveaxis(np.indices((17, 17)), 0, -1)
    assert np.corrcoef(truth.ravel(), law.pmf(points).ravel())[0, 1] > 0.995
    plain = em.distribution(em.from_torch(block, (1, 8, 17, 17)), at=(3, 3), input_size=17)
    assert np.corrcoef(truth.ravel(), plain.pmf(points).ravel())[0, 1] < 0.98


@pytest.mark.parametrize("mode", ["bilinear", "bicubic", "nearest-exact"])
def test_interpolation_of_any_factor_has_squares(mode):
    """The mean squares of gradients through random weights on both sides of an interpolation by 5/2."""
    up = torch.nn.Upsample(scale_factor=2.5, mode=mode)
    net = em.from_torch(
        torch.nn.Sequential(torch.nn.Conv2d(1, 1, 1), up, torch.nn.Conv2d(1, 1, 1)), (1, 1, 8, 8)
    )
    law = em.distribution(em.variance(net), at=(9, 9), input_size=8)
    x = torch.zeros(1, 1, 8, 8, dtype=torch.float64, requires_grad=True)
    up(x)[0, 0, 9, 9].backward()
    squares = (x.grad[0, 0] ** 2).numpy()
    points = np.moveaxis(np.indices((8, 8)), 0, -1)
    np.testing.assert_allclose(law.pmf(points), squares / squares.sum(), atol=1e-12)


def test_unknown_weights_are_refused():
    with pytest.raises(ValueError, match="weights must be one of 'uniform', 'given', 'energy'"):
        em.from_torch(torch.nn.Conv2d(1, 1, 3), (1, 1, 9, 9), weights="own")


def test_onnx_files_have_energies_too():
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    weights = np.arange(1, 4, dtype=np.float32).reshape(1, 1, 3)
    graph = onnx.helper.make_graph(
        [onnx.helper.make_node("Conv", ["x", "w"], ["y"])],
        "g",
        [onnx.helper.make_tensor_value_info("x", 1, [1, 1, 9])],
        [onnx.helper.make_tensor_value_info("y", 1, [1, 1, 7])],
        [onnx.numpy_helper.from_array(weights, "w")],
    )
    net = em.from_onnx(onnx.helper.make_model(graph), weights="energy")
    np.testing.assert_allclose(em.distribution(net).probabilities(), np.array([1, 4, 9]) / 14)


def test_energies_are_their_own_variance():
    module = torch.nn.Sequential(torch.nn.Conv2d(3, 8, 3), torch.nn.ReLU(), torch.nn.Conv2d(8, 8, 3))
    net = em.from_torch(module, (1, 3, 9, 9), weights="energy")
    sizes = {em.effective_field(net, "mass", profile=profile).size for profile in ("mean", "variance")}
    assert len(sizes) == 1
    assert em.variance(net) == net
    assert em.output_size(net, 9) == (5, 5)
