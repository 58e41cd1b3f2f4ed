"""W. Luo, Y. Li, R. Urtasun, R. Zemel, Understanding the effective receptive field, NeurIPS 2016."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any

import erfmath as em

from ..cifar import summary
from ..poster.d_growth import DEEP, single_channel
from .row import DIFFERS, REFUTED, REPRODUCED, Row

PAPER, POSTER = "Luo 2016", "Luo 2016, poster"
DEPTH = 20


def luo(quick: bool = False) -> Iterator[Row]:
    """Yield the formulas, the figures and the claims of paper and poster."""
    yield from formulas()
    yield from growth(30 if quick else 200)
    yield from structures()
    yield from fifteen()
    yield training(summary.load(summary.NUMBERS))


def formulas() -> Iterator[Row]:
    """Yield what is printed as an equation."""
    exact = em.distribution(em.Kernel.uniform(3), DEPTH).std()
    printed = f"{math.sqrt(DEPTH * 8 / 12):.4f}"
    claim = f"deviation sqrt(n (k^2 - 1) / 12), k = 3, n = {DEPTH}"
    yield Row(claim, PAPER, printed, f"{exact:.4f}", REPRODUCED, "exact at every depth")
    claim = f"Var[S_n] = n sum m^2 w - (sum m w)^2, n = {DEPTH}"
    why = "a misprint: n multiplies the bracket"
    yield Row(claim, POSTER, f"{DEPTH * 5 / 3 - 1:.2f}", f"{exact**2:.2f}", REFUTED, why)
    gain = float(em.activation_gain("relu"))
    why = "E[f'^2] is the chance of an open gate; the shape stays"
    yield Row("ReLU multiplies the variance by", PAPER, "1/4", f"{gain:g}", REFUTED, why)
    radius = math.sqrt(-2 * math.log(0.0455))
    claim = "above 4.55 % of the centre: within so many deviations"
    why = "4.55 % is the mass beyond 2; in two axes the rule still holds .9545 of the mass"
    yield Row(claim, PAPER, "2", f"{radius:.3f}", DIFFERS, why)


def growth(runs: int) -> Iterator[Row]:
    """Yield the growth over depth."""
    theory = em.growth(em.Kernel.uniform((3, 3)), DEEP)
    claim = "effective by theoretical field falls as n to the"
    why = f"in the limit; depths {DEEP[0]} to {DEEP[-1]}"
    yield Row(claim, PAPER, "-1/2", f"{theory.ratio_slope:.3f}", REPRODUCED, why)
    one = single_channel(runs, 0)
    slopes = f"{one.slope:.3f}, {one.ratio_slope:.3f}"
    why = f"an effect of width: one channel, mean magnitude of normalised maps, has {slopes}"
    found = f"{theory.slope:.3f}, {theory.ratio_slope:.3f}"
    yield Row("slopes of size and ratio over depth", POSTER, ".56, -.43", found, DIFFERS, why)


def structures() -> Iterator[Row]:
    """Yield what skips and dropout do."""
    conv = em.Conv((3, 3), padding=1)
    plain, skip = (em.effective_field(net**40).size for net in (conv, em.Residual(conv)))
    why = "a block has half the variance; where its branch ends in ReLU, less still"
    yield Row("skips, n = 40", PAPER, "smaller", f"{plain:.1f} to {skip:.1f}", REPRODUCED, why)
    dropped = em.effective_field(em.variance((conv >> em.Dropout(0.5)) ** 40)).size
    why = "in a chain; in the branch of a skip it widens the field"
    yield Row("dropout, n = 40", PAPER, "the same", f"{plain:.1f} to {dropped:.1f}", REPRODUCED, why)


def fifteen() -> Iterator[Row]:
    """Yield the variants of fifteen layers."""
    plain, strided, dilated = size_of(), size_of((4, 8, 12)), size_of(dilations=(2, 4, 8))
    early, late = size_of((1, 2, 3)), size_of((13, 14, 15))
    why = f"where they stand decides: {early:.1f} in the first three layers, {late:.1f} in the last"
    claim = "15 layers, stride 2 in three"
    yield Row(claim, POSTER, "larger", f"{plain:.1f} to {strided:.1f}", REPRODUCED, why)
    claim, why = "15 layers, dilations 2, 4, 8", "wherever they stand"
    yield Row(claim, POSTER, "larger", f"{plain:.1f} to {dilated:.1f}", REPRODUCED, why)


def size_of(strided: Sequence[int] = (), dilations: Sequence[int] = ()) -> float:
    """Return the effective size of fifteen layers; dilations are those of layers 4, 8 and 12."""
    wider = dict(zip((4, 8, 12), dilations, strict=False))
    net: em.Node = em.Identity()
    for n in range(1, 16):
        dilation = wider.get(n, 1)
        net = net >> em.Conv((3, 3), 2 if n in strided else 1, dilation, padding=dilation)
    return em.effective_field(net).size


def training(found: dict[str, Any]) -> Row:
    """Return what training on CIFAR-10 does, by the finished numbers of `benchmarks.cifar`."""
    sizes, told = [], []
    for name in summary.BLOCKED:
        first, *_, last = (summary.at(found, name, epoch) for epoch in summary.epochs_of(found, name))
        sizes.append([summary.over_seeds(some, summary.of("measured"))[0] for some in (first, last)])
        accuracy = summary.over_seeds(last, lambda one: one["accuracy"])[0]
        told.append(f"{name} at {100 * accuracy:.0f} % after {last[0]['epoch']:g} epochs")
    ours = "; ".join(f"{before:.1f} to {after:.1f}" for before, after in sizes)
    verdict = REPRODUCED if all(after > before for before, after in sizes) else DIFFERS
    why = f"17 blocks on CIFAR-10, three seeds: {', '.join(told)}; cifar.md"
    return Row("training makes fields grow", PAPER, "grow", ours, verdict, why)
