"""What a unit of a network sees of an input: with the borders as layers pad them, or through a window."""

from __future__ import annotations

import math
from typing import Any

from ..laws.base import Distribution
from ..laws.lazy import distribution
from ..laws.scenes import Scene, law_of_profile, scene_of
from .algebra import Node
from .arguments import Ints
from .border import unit_inside
from .field import receptive_field
from .impact import copies, unit_of
from .sizes import sized_for
from .variance import variance


@law_of_profile.register
def _(net: Node, profile: str, n: int = 1) -> Distribution:
    return distribution(profiled(copies(net, n), profile))


@scene_of.register
def _(net: Node, profile: str, at: Any, input_size: Any, borders: bool) -> Scene:
    subject = profiled(net, profile)
    if input_size is None:
        unit = unit_of(at, receptive_field(net).ndim)
        return Scene(distribution(subject, at=at if at is None else unit))
    frame = sized_for(net, input_size)
    unit, picture = unit_inside(frame, at), frame.sizes[0]
    law = distribution(subject, at=unit, input_size=picture if borders else None)
    return Scene(law, _centre(net, unit, picture), picture)


def profiled(net: Node, profile: str) -> Node:
    """Return the network whose impact a profile is read from: that of random weights is another one."""
    return net if profile == "mean" else variance(net)


def _centre(net: Node, unit: Ints, picture: Ints) -> Ints:
    """Return the middle of the region of a unit, where it has no end that of the picture."""
    found = receptive_field(net).region(unit if len(unit) > 1 else unit[0])
    middles = []
    for region, side in zip(found if len(unit) > 1 else (found,), picture, strict=True):
        ends = region if region is not None and all(map(math.isfinite, region)) else (0, side - 1)
        middles.append(int(ends[0] + (ends[1] - ends[0]) // 2))
    return tuple(middles)
