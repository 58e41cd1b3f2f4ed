"""What counts as the effective field, as one value: definition, reference, profile and threshold."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .._checks import as_choice, as_fraction_of_one
from .shares import Level, as_level

PROFILES = ("mean", "variance", "std")
DEFINITIONS = ("sigma", "two_sigma", "threshold", "mass", "square", "radial")
LEVEL = 1 - 0.9545

# What is about a pixel of reference.
_ABOUT = {"centre": "the centre", "max": "the largest impact", "picture": "the middle of the picture"}
_THAN = {"centre": "the centre's impact", "max": "the largest impact"}

_PASSED = {
    "mean": "what the mean weights pass",
    "variance": "gradient energy at initialisation",
    "std": "gradient magnitude at initialisation",
}


@dataclass(frozen=True)
class Rule:
    """What counts as the effective field; its str says it in words.

    Attributes
    ----------
    definition, ref, profile, level
        As in :func:`effective_field`.

    Examples
    --------
    >>> str(Rule("square", "centre", "std", 0.01))
    'the smallest square about the centre that holds 99 %'
    """

    definition: str = "threshold"
    ref: str = "centre"
    profile: str = "mean"
    level: float = LEVEL

    def __post_init__(self) -> None:
        as_choice(self.definition, "definition", DEFINITIONS)
        as_choice(self.ref, "ref", references_of(self.definition))
        as_choice(self.profile, "profile", PROFILES)
        object.__setattr__(self, "level", as_level(self.level))

    @property
    def share(self) -> float:
        """The share of the impact that "mass", "square" and "radial" hold: 1 - level."""
        return as_level(self.level).held

    @property
    def meaning(self) -> str:
        """What the profile shows, in words."""
        return _PASSED[self.profile]

    def __str__(self) -> str:
        return self.in_words()

    def in_words(self, units: str = "pixels") -> str:
        """Return the rule in words, of samples or voxels where these are the units."""
        held = f"{100 * self.share:.6g} %"
        return {
            "threshold": f"{units} above {100 * self.level:.6g} % of {_THAN.get(self.ref)}",
            "mass": f"the fewest {units} that hold {held}",
            "square": f"the smallest square about {_ABOUT[self.ref]} that holds {held}",
            "radial": f"the smallest disc about {_ABOUT[self.ref]} that holds {held}",
            "sigma": "one standard deviation",
            "two_sigma": "within two standard deviations of the mean",
        }[self.definition]


def references_of(definition: str) -> tuple[str, ...]:
    """Return the pixels that a definition may refer to."""
    return ("centre", "max", "picture") if definition in ("square", "radial") else ("centre", "max")


def level_of(level: Any, share: Any) -> Level | None:
    """Return the level that is given, or that of the share to be held; None for neither."""
    if share is None:
        return None if level is None else as_level(level)
    if level is not None:
        raise ValueError(f"share is 1 - level: give one of them, got share={share!r} and level={level!r}")
    return Level.holding(as_fraction_of_one(share, "share"))
