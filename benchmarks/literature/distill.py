"""The twelve networks of A. Araujo, W. Norris, J. Sim, Computing receptive fields, Distill 2019."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import erfmath as em

from . import networks as nets
from .row import Row, equal

# The README of google-research/receptive_field, the library of A. Araujo, W. Norris, J. Sim, Distill 2019.
DISTILL: dict[str, tuple[int, int, Callable[[], em.Node]]] = {
    "alexnet_v2": (195, 32, em.zoo.alexnet),
    "vgg_16": (212, 32, em.zoo.vgg16),
    "inception_v2": (699, 32, nets.inception_v2),
    "inception_v3": (1311, 32, em.zoo.inception_v3),
    "inception_v4": (2071, 32, nets.inception_v4),
    "inception_resnet_v2": (3039, 32, nets.inception_resnet_v2),
    "mobilenet_v1": (315, 32, em.zoo.mobilenet_v1),
    "mobilenet_v1_075": (315, 32, em.zoo.mobilenet_v1),
    "resnet_v1_50": (483, 32, lambda: nets.resnet_slim((3, 4, 6, 3))),
    "resnet_v1_101": (1027, 32, lambda: nets.resnet_slim((3, 4, 23, 3))),
    "resnet_v1_152": (1507, 32, lambda: nets.resnet_slim((3, 8, 36, 3))),
    "resnet_v1_200": (1763, 32, lambda: nets.resnet_slim((3, 24, 36, 3))),
}
TORCH_FORM = {
    "resnet_v1_50": em.zoo.resnet50,
    "resnet_v1_101": em.zoo.resnet101,
    "resnet_v1_152": em.zoo.resnet152,
}


def distill(quick: bool = False) -> Iterator[Row]:
    """Yield the field and the stride of each."""
    for name, (size, stride, build) in DISTILL.items():
        field = em.receptive_field(build())
        why = "of the zoo" if "zoo" in build.__module__ else "built as TF-Slim has it"
        if name in TORCH_FORM:
            why += f"; {em.receptive_field(TORCH_FORM[name]()).size[0]} with the stride where PyTorch has it"
        if name.endswith("075"):
            why = "width changes no field"
        found = f"{field.size[0]}, {field.stride[0]}"
        yield equal(f"{name}: field, stride", "Araujo 2019, code", f"{size}, {stride}", found, why)
