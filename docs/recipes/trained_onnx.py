"""Read the effective field of a trained network from its ONNX file: from the weights, without any image.

The file is made here, a small network that learns to average over 9 samples; put your own in its place.
Needs: torch with onnxscript for the making, onnx for the reading (``pip install 'erfmath[onnx]'``).
"""

import torch
from torch import nn

import erfmath as em

torch.manual_seed(0)
layers = [nn.Conv1d(1, 8, 5, padding=2), nn.ReLU(), nn.Conv1d(8, 8, 5, padding=2), nn.ReLU()]
net = nn.Sequential(*layers, nn.Conv1d(8, 1, 5, padding=2))


def save(path):
    """Write the network as it is now to an ONNX file."""
    example = (torch.zeros(1, 1, 64),)
    torch.onnx.export(net.eval(), example, path, dynamo=True, external_data=False, verbose=False)


save("random.onnx")
optimizer = torch.optim.Adam(net.parameters(), lr=1e-2)
for _ in range(300):
    x = torch.randn(16, 1, 64)
    wanted = nn.functional.avg_pool1d(x, 9, stride=1, padding=4)
    loss = (net(x) - wanted)[..., 8:-8].square().mean()
    optimizer.zero_grad()
    loss.backward()
    optimizer.step()
save("trained.onnx")

for name in ("random", "trained"):
    model = em.from_onnx(f"{name}.onnx").with_weights("given")
    field = em.effective_field(model, profile="variance", definition="mass")
    squares = em.distribution(em.variance(model)).std()  # as if the signs of all paths were random
    signed = em.impact_map(model).distribution(power=2).std()  # the gradient itself, squared
    print(f"{name:7} effective field {field.size:.0f} of {em.receptive_field(model).size} samples,", end=" ")
    print(f"spread without signs {squares:.2f}, with signs {signed:.2f}")
print(f"an average over 9 samples has a spread of {(80 / 12) ** 0.5:.2f}")
