"""From the wish to the network: the cheapest causal layers that see 1024 samples, as a PyTorch module.

Needs: torch for the last step only.
"""

import torch

import erfmath as em

designs = em.find_designs(1024, causal=True, kernel_sizes=[2, 3, 4, 8], channels=32)
print(designs)

best = min(designs, key=lambda design: design.taps)
field = em.receptive_field(best.net)
print(
    f"{best.depth} layers with {best.taps} taps see {field.size} samples, without holes: {field.is_covered}"
)
print(f"an effective field of {best.effective:.0f}, and {best.parameters:,} parameters")

module = em.to_torch(best.net, channels=32)
x = torch.zeros(1, 1, 4096, requires_grad=True)
module(x)[..., -1].sum().backward()
seen = x.grad[0, 0].nonzero()
print(f"the gradient of the last unit reaches {4096 - int(seen.min())} samples back")
