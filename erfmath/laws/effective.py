r"""The effective receptive field: how much of the theoretical one carries the impact, by named definitions.

Three definitions compete, so each has a name. On a Gaussian profile of standard deviation sigma:

========== ===================================================== ==========================
definition which pixels                                          side length
========== ===================================================== ==========================
sigma      within one sigma of the mean                          sigma (Luo et al., theory)
two_sigma  within two sigma of the mean                          4 sigma
threshold  impact above 0.0455 of the centre pixel's             4.406 sigma in 2-D (count)
mass       the fewest pixels that hold 0.9545 of the impact      4.406 sigma in 2-D (count)
========== ===================================================== ==========================
"""

from __future__ import annotations

import functools
import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from .._checks import as_choice, as_count, as_fraction_of_one, others_of
from .._html import card, if_any, nested
from .._memory import check_memory
from ..core.scaled import Floats
from ..polynomials.kernel import Kernel
from ..polynomials.product import Product
from .base import Distribution
from .bells import is_long, runs_above, runs_of_mass, runs_within
from .lazy import distribution
from .profiles import NO_CENTRE, Profile, Runs

PROFILES = ("mean", "variance", "std")
DEFINITIONS = ("sigma", "two_sigma", "threshold", "mass")
LEVEL = 1 - 0.9545

# A float product within this of the level is a tie: neither above nor below.
_TIE = 1e-12


@dataclass(frozen=True)
class EffectiveField:
    """The effective field of one unit by one definition; see :func:`effective_field`.

    Attributes
    ----------
    definition
        Its name.
    size
        Side length in pixels: count ** (1 / ndim) for "threshold" and "mass", sigma and 4 sigma (the
        geometric mean over the axes) for the two others.
    count
        Number of pixels inside.
    field_size
        Side of the theoretical field, the geometric mean over the axes.

    Examples
    --------
    >>> effective_field(distribution(Kernel([1, 1, 1]), 40), "two_sigma")
    EffectiveField(definition='two_sigma', size=20.65591117977289, count=21, field_size=81.0)
    """

    definition: str
    size: float
    count: int
    field_size: float
    _profiles: tuple[Profile | Runs, ...] = field(repr=False)
    _level: float = field(repr=False)

    def _repr_html_(self) -> str:
        """Return the effective field as HTML for a notebook: its numbers, inside the theoretical field."""
        sides = [last - first + 1 for first, last in self.extent]
        facts = [
            ("size", f"{self.size:.4g}"),
            ("of the theoretical side", f"{self.ratio:.1%} of {self.field_size:.4g}"),
            ("positions", f"{self.count:,}"),
            ("extent", ", ".join(f"{first} .. {last}" for first, last in self.extent)),
        ]
        outer = [side for profile in self._profiles for side in profile.shape]
        picture = if_any(lambda: nested(outer, sides, f"{self.size:.4g} of {self.field_size:.4g}"))
        return card(f"Effective field, {self.definition.replace('_', ' ')}", facts, picture)

    @property
    def ratio(self) -> float:
        """Size over the side of the theoretical field."""
        return self.size / self.field_size

    @property
    def extent(self) -> tuple[tuple[int, int], ...]:
        """First and last pixel inside along each axis, counted from the first pixel of the field.

        >>> effective_field(distribution(Kernel([5, 1]), 10)).extent  # skewed towards the first pixel
        ((0, 6),)
        """
        peaks = [profile.peak for profile in self._profiles]
        ends: list[tuple[int, int]] = []
        for profile, peak in zip(self._profiles, peaks, strict=True):
            ends += profile.ends(math.prod(peaks) / peak, self._level)
        return tuple(ends)

    @cached_property
    def mask(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """The pixels inside, a read-only boolean grid over the theoretical field (built when asked for)."""
        shape = [side for profile in self._profiles for side in profile.shape]
        check_memory(10 * math.prod(shape), f"the mask of {shape} pixels", "read .count and .size")
        mask = np.asarray(
            functools.reduce(np.multiply.outer, [p.full() for p in self._profiles]) > self._level
        )
        mask.flags.writeable = False
        return mask


def effective_field(
    impact: Distribution | Kernel | Product | Any,
    definition: str = "threshold",
    ref: str = "centre",
    profile: str = "mean",
    ndim: int | None = None,
    *,
    level: float = LEVEL,
) -> EffectiveField:
    r"""Return the size, pixel count, ratio and mask of the effective receptive field.

    "threshold" counts the pixels whose impact exceeds `level` times that of the reference pixel, "mass"
    the smallest set {impact >= c} that holds 1 - `level` of it, "sigma" and "two_sigma" the pixels
    within one and two standard deviations of the mean along every axis. Counts on independent axes never
    build the grid; comparisons treat a difference of 1e-12 (relative) as a tie.

    Parameters
    ----------
    impact
        The distribution of the impact, from ``distribution(..)``; a network, or a Kernel for one layer.
    definition
        "threshold", "mass", "sigma" or "two_sigma".
    ref
        The reference pixel of "threshold": "centre", the middle of the theoretical field (the lower one
        where it has even length), or "max", the largest impact.
    profile
        "mean" reads the impact itself, "variance" the variance of the gradient with random weights, "std" its
        square root (the mean magnitude of a random gradient), which is sqrt(2) wider. For a distribution or a
        Kernel the first two are the same; a network has a variance of its own, :func:`variance`.
    ndim
        The number of independent axes that a distribution on one axis stands for; None means one.
    level
        The share below which an impact does not count, 1 - 0.9545 in the paper.

    Raises
    ------
    ValueError
        If a name is unknown, `ndim` does not fit, or the centre pixel has no impact (ref="max" answers).

    Notes
    -----
    W. Luo, Y. Li, R. Urtasun, R. Zemel, Understanding the effective receptive field in deep convolutional
    neural networks, NeurIPS 2016: one sigma in its theory, the threshold in its experiments.

    Examples
    --------
    >>> field = effective_field(distribution(Kernel([1, 1, 1]), 40), ndim=2)
    >>> field.count, round(field.size, 4), round(field.ratio, 4)
    (517, 22.7376, 0.2807)
    """
    as_choice(definition, "definition", DEFINITIONS)
    as_choice(ref, "ref", ("centre", "max"))
    as_choice(profile, "profile", PROFILES)
    level = as_fraction_of_one(level, "level")
    law = law_of_profile(impact, profile)
    runs = _runs_of_long(law, (definition, ref, profile), ndim, level)
    if runs:
        size = float(runs.count)
        if "sigma" in definition:
            size = law.std() * (1 if definition == "sigma" else 4)
        return EffectiveField(definition, size, runs.count, float(runs.shape[0]), (runs,), 0.5)
    profiles = _profiles(law, profile, ndim)
    sides = [side for part in profiles for side in part.shape]
    field_size = _geometric_mean(sides)
    if definition in ("sigma", "two_sigma"):
        boxes, sigma = _sigma_boxes(profiles, 1 if definition == "sigma" else 2)
        size, count = sigma if definition == "sigma" else 4 * sigma, _Superlevels.of(boxes, 0.5).above(0.5)[0]
        return EffectiveField(definition, size, count, field_size, tuple(boxes), 0.5)
    reference = ref if definition == "threshold" else "max"
    scales = [_reference(part, reference) for part in profiles]
    relative, scale = profiles, scales[0]
    if len(profiles) > 1:  # products of values on each axis; a grid is compared as it is
        pairs = zip(profiles, scales, strict=True)
        relative, scale = [part.with_values(part.values / own) for part, own in pairs], 1.0
    if definition == "threshold":
        floor = level * scale * (1 + _TIE)
    else:
        floor = _Superlevels.of(relative, _negligible(relative, level)).level_of_mass(1 - level)
    count = _Superlevels.of(relative, floor).above(floor)[0]
    return EffectiveField(definition, count ** (1 / len(sides)), count, field_size, tuple(relative), floor)


def _runs_of_long(
    law: Distribution, choices: tuple[str, str, str], ndim: int | None, level: float
) -> Runs | None:
    """Return the pixels inside of a long distribution on one axis, None for others."""
    definition, ref, profile = choices
    if law.ndim > 1 or ndim not in (None, 1) or not is_long(law):
        return None
    if definition == "threshold":
        return runs_above(law, ref, level, 0.5 if profile == "std" else 1.0, _TIE)
    if profile == "std":  # sums of roots of probabilities are no tails
        return None
    if definition == "mass":
        return runs_of_mass(law, 1 - level, _TIE)
    return runs_within(law, 1 if definition == "sigma" else 2, _TIE)


@functools.singledispatch
def law_of_profile(law: Any, profile: str, n: int = 1) -> Distribution:
    """Return the distribution that a profile is read from: one as it is, else that of n layers.

    Networks register theirs, where the variance has a distribution of its own.
    """
    return law if isinstance(law, Distribution) else distribution(law, n)


def _profiles(law: Distribution, profile: str, ndim: int | None) -> list[Profile]:
    """Return one profile per group of axes that is independent of the others."""
    copies = 1
    if law.ndim == 1 and ndim is not None:
        copies = as_count(ndim, "ndim", minimum=1, maximum=32)
    elif ndim not in (None, law.ndim):
        raise ValueError(f"ndim must be {law.ndim} or None for {law.ndim} axes, got {ndim!r}")
    parts = list(law.float_parts())  # first: a table most often tells the bounds
    bounds, profiles = iter(law.bounds), []
    for start, values in parts:
        own = list(itertools.islice(bounds, values.ndim))
        inner = tuple(s - low for s, (low, _) in zip(start, own, strict=True))
        shown = np.sqrt(values) if profile == "std" else values
        profiles.append(Profile(shown, inner, tuple(high - low + 1 for low, high in own)))
    return profiles * copies


def _reference(profile: Profile, ref: str) -> float:
    if ref == "max":
        return float(profile.values.max())
    centre = profile.at(tuple((side - 1) // 2 for side in profile.shape))
    if not centre:
        raise ValueError(NO_CENTRE)
    return centre


@dataclass(frozen=True, eq=False)
class _Superlevels:
    """The products of one entry from each of two lists, one of them sorted, by size.

    How many exceed a level is a look-up in the sorted list for every entry of the other: w log w for the
    w x w pixels of two axes. Three axes put the w^2 products of two into the sorted list.
    """

    ranked: Floats
    sums: Floats
    others: Floats

    @classmethod
    def of(cls, profiles: Sequence[Profile], floor: float) -> _Superlevels:
        """Rank the products, leaving out entries too small to be part of one above the floor."""
        peaks = [float(profile.values.max()) for profile in profiles]
        largest = math.prod(peaks)
        # Of a single grid the ratio is 1, and the level is compared as it is.
        parts = [p.values[p.values > floor * (m / largest)] for p, m in zip(profiles, peaks, strict=True)]
        if not all(map(len, parts)):
            return cls(np.zeros(0), np.zeros(1), np.ones(1))
        check_memory(
            24 * math.prod(len(part) for part in parts[:-1]), "the list of pixel values", "use fewer axes"
        )
        # A single grid is ranked, so that a look-up takes the logarithm of its size.
        *others, last = parts if len(parts) > 1 else [*parts, np.ones(1)]
        products = functools.reduce(np.multiply.outer, others, np.ones(1)).ravel()
        ranked = np.sort(products)[::-1]
        return cls(ranked, np.concatenate(([0.0], np.cumsum(ranked))), last)

    def above(self, level: float) -> tuple[int, float]:
        """Return how many products exceed the level, and their sum."""
        with np.errstate(over="ignore"):  # an entry near 1e-308 reaches no level
            counts = np.searchsorted(-self.ranked, -level / self.others, side="left")
        return int(counts.sum()), float(self.sums[counts] @ self.others)

    def level_of_mass(self, share: float) -> float:
        """Return the largest level, to a relative 1e-12, above which the share of the total lies."""
        goal = share * float(self.sums[-1] * self.others.sum()) * (1 - _TIE)
        low, high = -745.0, math.log(float(self.ranked[0] * self.others.max()))
        while high - low > _TIE / 4:
            middle = (low + high) / 2
            if self.above(math.exp(middle))[1] >= goal:
                low = middle
            else:
                high = middle
        return math.exp(low) * (1 - _TIE)


def _negligible(profiles: Sequence[Profile], level: float) -> float:
    """Return a value below which all pixels hold less than a hundredth of a tie, and of the level."""
    shares = [float(profile.values.sum()) / profile.values.size for profile in profiles]
    return min(_TIE, level) / 100 * math.prod(shares)


def _sigma_boxes(profiles: Sequence[Profile], reach: float) -> tuple[list[Profile], float]:
    """Return which points of each axis lie within `reach` sigma of its mean, and the mean sigma."""
    boxes, sigmas = [], []
    for profile in profiles:
        for axis, (start, side) in enumerate(zip(profile.start, profile.shape, strict=True)):
            weights = profile.values.sum(axis=others_of(axis, profile.values.ndim))
            positions = np.arange(len(weights))
            centred = positions - np.average(positions, weights=weights)
            sigmas.append(math.sqrt(np.average(centred**2, weights=weights)))
            inside = (np.abs(centred) <= reach * sigmas[-1] * (1 + _TIE)).astype(float)
            boxes.append(Profile(inside, (start,), (side,)))
    return boxes, _geometric_mean(sigmas)


def _geometric_mean(values: Sequence[float]) -> float:
    """Return the geometric mean, without round-off when all are equal."""
    if len(set(values)) == 1:
        return float(values[0])
    return math.exp(math.fsum(map(math.log, values)) / len(values)) if all(values) else 0.0
