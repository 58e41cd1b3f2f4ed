"""M. L. Richter et al., Should you go deeper?, ICMLA 2021: layers that add no context, by their toolbox."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import NamedTuple

import erfmath as em

from .row import DIFFERS, OPEN, REPRODUCED, Row, equal

PAPER, PICTURES = "Richter 2021", "Richter 2021, toolbox"


class Picture(NamedTuple):
    """A picture in the README of MLRichter/receptive_field_analysis_toolbox, convolutions and pools of it."""

    build: Callable[[], em.Node]
    side: int  # of the image
    fields: tuple[int, ...]  # as written, by the longest path
    red: int  # layers marked as unproductive
    why: str  # this is our number, or another one


VGG_19 = (3, 5, 6, 10, 14, 16, 24, 32, 40, 48, 52, 68, 84, 100, 116, 124, 156, 188, 220, 252, 268)
RESNET_18 = (7, 11, 19, 27, 35, 43, 51, 67, 83, 99, 115, 147, 179, 211, 243, 307, 371, 435)
FULL = "theirs has the 5 x 5 too, which sees 19 of 32 pixels, as its map of 3 x 3 is smaller than it"
TOOLBOX = {
    "AlexNet": Picture(em.zoo.alexnet, 32, (11, 19, 51, 67, 99, 131, 163, 195), 6, FULL),
    "VGG-19": Picture(em.zoo.vgg19, 32, VGG_19, 13, "theirs has the layer too whose input sees 32 of 32"),
    "ResNet-18": Picture(em.zoo.resnet18, 16, RESNET_18, 8, "the second 3 x 3 of each block"),
}


def richter(quick: bool = False) -> Iterator[Row]:
    """Yield fields and verdicts of the toolbox's pictures, and what the paper says of accuracy."""
    for name, shown in TOOLBOX.items():
        yield from pictured(name, shown)
    count = unseeing(em.zoo.vgg19(), 32)
    claim = "VGG-19 at 32 pixels: layers no unit of which sees anything new"
    why = "the rule is of the middle unit: at a border a field of 40 is cut, and still grows"
    yield Row(claim, PICTURES, "13", str(count), DIFFERS, why)
    for name in ("vgg16", "resnet50"):
        result = em.productive(em.zoo.get(name), 32)
        found, why = f"{len(result.unproductive)} of {len(result)}", result.summary.split("; ")[1]
        claim = f"{name} at 32 pixels: layers that add nothing"
        yield Row(claim, PAPER, "not open", found, OPEN, why)
    why = "digits, errors .3 and .2 (benchmarks.productive); a productive layer costs 1.0"
    yield Row("cutting these layers costs no accuracy", PAPER, "none", "99.13 to 99.16 %", REPRODUCED, why)


def pictured(name: str, shown: Picture) -> Iterator[Row]:
    """Yield the fields of a picture and the layers that it marks."""
    fields = fields_of(shown.build())
    verdict = REPRODUCED if fields == shown.fields else DIFFERS
    ends = (f"{line[0]} .. {line[-1]}" for line in (shown.fields, fields))
    claim = f"{name}: {len(shown.fields)} fields, layer by layer"
    yield Row(claim, PICTURES, *ends, verdict, "by the longest path")
    found = len(em.productive(shown.build(), shown.side).unproductive)
    claim = f"{name} at {shown.side} pixels: layers that add nothing"
    yield equal(claim, PICTURES, shown.red, found, shown.why)


def fields_of(net: em.Node) -> tuple[int, ...]:
    """Return the sides of the fields of all layers by the longest path, ascending, each once."""
    inputs = {row.longest[0] for row in em.productive(net, 1)}
    return tuple(sorted({*inputs, em.receptive_field(net).size[0]} - {1}))


def unseeing(net: em.Node, side: int) -> int:
    """Return how many layers of a chain have inputs of which every unit sees the whole image."""
    rows = list(em.layer_table(net, side))[:-1]
    last = [row.offset[0] + row.stride[0] * (row.output_size[0] - 1) for row in rows]
    ends = zip(rows, last, strict=True)
    return sum(end <= 0 and row.offset[0] + row.size[0] >= side for row, end in ends)
