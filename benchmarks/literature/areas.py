"""The shares of a picture that squares of the impact cover: RepLKNet's table 10, and SLaK's after it.

X. Ding, X. Zhang, J. Han, G. Ding, CVPR 2022; S. Liu et al., More ConvNets in the 2020s, ICLR 2023.
Published are trained networks; here are the same architectures with random weights, by theory.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from fractions import Fraction

import erfmath as em

from .. import definitions
from ..measure import progress
from . import networks as nets
from .row import DIFFERS, REPRODUCED, Row

TABLE_10 = "Ding 2022, table 10"
HE, TORCH = Fraction(2), Fraction(1, 3)
MOST = 4 / 3  # a trained network's area by that of its architecture, if that alone is to reproduce it
KERNELS: dict[str, tuple[tuple[int, ...], int | None, bool]] = {
    "7": ((7,) * 4, None, False),
    "31": ((31, 29, 27, 13), 5, False),
    "51": ((51, 49, 47, 13), 5, True),
}
SCALES = {"He's weights, branches at scale 1": 1, "weights as its code draws them": 1e-6}


def replknet(quick: bool = False) -> Iterator[Row]:
    """Yield RepLKNet's table by architecture alone, and what its users saw."""
    resnet, drawn, he = (
        areas(definitions.NETWORKS[name](), gain, 224)[0]
        for name, gain in (("ResNet-101", HE), ("RepLKNet-13", TORCH), ("RepLKNet-13", HE))
    )
    claim, source = "at 224 pixels ResNet-101 looks larger than RepLKNet-13", "RepLKNet-pytorch, issue 25"
    why = f"t = .2, weights as the modules draw them; with He's weights RepLKNet-13 has {he:.1f} %"
    verdict = REPRODUCED if resnet > drawn else DIFFERS
    yield Row(claim, source, "larger", f"{resnet:.1f} to {drawn:.1f} %", verdict, why)
    if not quick:
        yield from table_10()
        yield untrained()


def table_10() -> Iterator[Row]:
    """Yield the four networks of the table."""
    for name, published in definitions.PUBLISHED.items():
        progress(name)
        found = areas(definitions.NETWORKS[name](), HE, 1024)
        ratios = [p / a for p, a in zip(published, found, strict=True)]
        verdict = REPRODUCED if min(ratios) > 1 / MOST and max(ratios) < MOST else DIFFERS
        why = f"He's weights; training multiplies by {min(ratios):.2f} to {max(ratios):.2f}"
        claim = f"{name}: % of 1024 x 1024 at t = .2 .3 .5 .99"
        yield Row(claim, TABLE_10, shown(published), shown(found), verdict, why)


def untrained() -> Row:
    """Return the order of the table by the weights that the modules draw."""
    large = areas(definitions.NETWORKS["RepLKNet-31"](), TORCH, 1024)[0]
    small = areas(definitions.NETWORKS["ResNet-101"](), HE, 1024)[0]
    claim, why = (
        "RepLKNet-31 sees more than ResNet-101, t = .2",
        "untrained, as the modules draw weights",
    )
    verdict = REPRODUCED if large > small else DIFFERS
    return Row(claim, TABLE_10, "16.3 to 0.9 %", f"{large:.2f} to {small:.2f} %", verdict, why)


def slak(quick: bool = False) -> Iterator[Row]:
    """Yield SLaK's comparison; its table could not be opened, its code could."""
    for weights, scale in {} if quick else SCALES.items():
        progress(f"SLaK, {weights}")
        found = {name: areas(nets.convnext(*design, scale), HE, 1024) for name, design in KERNELS.items()}
        ordered = found["51"] > found["31"] > found["7"]
        closed = "layer scales of 1e-6 close all branches: the table is of training alone"
        figures = "; ".join(f"{name}: {shown(area)}" for name, area in found.items())
        claim = f"ConvNeXt-T sees more with kernels 51 > 31 > 7, {weights}"
        verdict, why = (REPRODUCED, "by architecture alone") if ordered else (DIFFERS, closed)
        yield Row(claim, "Liu 2023, appendix", "51 > 31 > 7, figures not open", figures, verdict, why)


def areas(net: em.Node, gain: Fraction, side: int) -> tuple[float, ...]:
    """Return the percents of a picture that the squares cover."""
    return tuple(100 * min(s / side, 1) ** 2 for s in definitions.squares(net, gain, side))


def shown(figures: Sequence[float]) -> str:
    """Return percents as the paper writes them."""
    return " ".join(f"{figure:.1f}" for figure in figures)
