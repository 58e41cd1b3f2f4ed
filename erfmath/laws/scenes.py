"""Where an effective field is read: a distribution, the unit's own centre, and the picture around it."""

from __future__ import annotations

import functools
from dataclasses import dataclass
from typing import Any

from .base import Distribution
from .lazy import distribution


@dataclass(frozen=True)
class Scene:
    """What one unit sees of an input.

    Attributes
    ----------
    law
        The distribution of its impact, by a profile.
    centre
        The middle of its theoretical field as positions of the input; None for the middle of the law's.
    picture
        Samples of the input per axis, outside of which nothing counts; None for an input without an end.
    """

    law: Distribution
    centre: tuple[int, ...] | None = None
    picture: tuple[int, ...] | None = None


@functools.singledispatch
def law_of_profile(law: Any, profile: str, n: int = 1) -> Distribution:
    """Return the distribution that a profile is read from: one as it is, else that of n layers.

    Networks register theirs, where the variance has a distribution of its own.
    """
    return law if isinstance(law, Distribution) else distribution(law, n)


@functools.singledispatch
def scene_of(impact: Any, profile: str, at: Any, input_size: Any, borders: bool) -> Scene:
    """Return the scene of a unit; what is no network has neither other units nor borders."""
    for name, value in (("input_size", input_size), ("at", at)):
        if value is not None:
            raise ValueError(
                f"{name} is for networks, got {value!r} with {type(impact).__name__}; give the network, or "
                "the distribution of that unit and input"
            )
    return Scene(law_of_profile(impact, profile))
