"""Teach erfmath a layer type of your own: what it means in space, and how a file holds it.

Every reading then takes networks that have it. Needs: nothing more.
"""

from dataclasses import dataclass

import erfmath as em


@em.register_layer  # so that JSON files can hold it
@dataclass(frozen=True)
class BlurPool(em.Node):
    """Maxima of 2 x 2, blurred by binomial taps before every second is kept (Zhang, 2019)."""

    taps: int

    def __post_init__(self):
        if self.taps < 1:
            raise ValueError(f"taps must be at least 1, got {self.taps}")


@em.lower.register
def _(node: BlurPool) -> em.Node:
    blur = em.Conv(em.Kernel.binomial((node.taps, node.taps)), stride=2, padding=node.taps // 2)
    return em.Pool((2, 2), stride=1, mode="max") >> blur


net = em.Conv((3, 3), padding=1) >> BlurPool(4) >> em.Conv((3, 3), padding=1) >> BlurPool(4)
print(net)
field = em.receptive_field(net)
print(f"field {field.size}, stride {field.stride}, output of a 64 x 64 map {em.output_size(net, 64)}")
print(f"effective field {em.effective_field(net).size:.2f}; {em.central_limit(net).verdict}")
print("the same from JSON:", em.network_from_json(em.network_to_json(net)) == net)
