"""What other papers say of fields, dilations and strides."""

from __future__ import annotations

from collections.abc import Iterator

import erfmath as em

from . import networks as nets
from .row import Row, equal

RATES, TAPS = (1, 2, 10), 5
HOLES = {True: "no holes", False: "holes"}


def others(quick: bool = False) -> Iterator[Row]:
    """Yield a row for each."""
    yield from networks()
    sizes = " ".join(str(em.receptive_field(nets.doubling(depth)).size[0]) for depth in (1, 2, 3, 4))
    claim, why = "3 x 3 at dilations 1, 2, 4, ..: fields", "2^(i + 2) - 1"
    yield equal(claim, "Yu 2016", "3 7 15 31", sizes, why)
    even = " ".join(str(em.overlap(em.ConvTranspose(taps, stride=2)).is_even) for taps in (3, 4))
    claim = "transposed convolutions of 3, 4 taps at stride 2 are even"
    yield equal(claim, "Odena 2016", "False True", even, "where the stride divides the kernel, exactly")
    says, is_so = HOLES[em.satisfies_hdc(RATES, TAPS)], HOLES[em.has_no_holes(RATES, TAPS)]
    claim = f"{TAPS} taps at rates {', '.join(map(str, RATES))} by hybrid dilation's rule"
    yield equal(claim, "Wang 2018", says, is_so, "the rule asks for more than is needed")


def networks() -> Iterator[Row]:
    """Yield the fields that papers say of their own networks."""
    field = em.receptive_field(em.zoo.wav2vec2())
    found = f"{field.size}, {field.stride}"
    yield equal("wav2vec 2.0: samples, stride", "Baevski 2020", "400, 320", found, "25 ms every 20 ms")
    size, why = em.receptive_field(em.zoo.wavenet()).size, "and uniform on it: no Gaussian at all"
    yield equal("WaveNet, dilations 1 to 512: samples", "van den Oord 2016", 1024, size, why)
    size = em.receptive_field(em.zoo.patchgan()).size[0]
    yield equal("PatchGAN: field", "Isola 2017", 70, size, "its name")
