r"""The effective receptive field: how much of the theoretical one carries the impact, by named definitions.

Several definitions compete, so each has a name. On a Gaussian profile of standard deviation sigma:

========== ========================================================= =============================
definition which pixels                                              side length
========== ========================================================= =============================
sigma      within one sigma of the mean                              sigma (Luo et al., theory)
two_sigma  within two sigma of the mean                              4 sigma
threshold  impact above 0.0455 of the centre pixel's                 4.406 sigma in 2-D (count)
mass       the fewest pixels that hold 0.9545 of the impact          4.406 sigma in 2-D (count)
square     the smallest square about the centre that holds a share   4.546 sigma in 2-D for 0.9545
radial     the smallest disc about the centre that holds a share     4.972 sigma in 2-D (diameter)
========== ========================================================= =============================
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

from .._checks import as_bool, as_count, others_of
from .._html import card, if_any, nested
from .._memory import check_memory
from ..polynomials.kernel import Kernel
from ..polynomials.product import Product
from .balls import Disc, box_about, disc_reach, folded, radius_on_axes, square_radius
from .base import Distribution
from .bells import is_long, runs_above, runs_of_mass, runs_within
from .conventions import rule_of
from .profiles import NO_CENTRE, Profile, Runs
from .rules import DEFINITIONS as DEFINITIONS, LEVEL as LEVEL, PROFILES as PROFILES, Rule
from .scenes import Scene, scene_of
from .shares import TIE, as_level
from .superlevels import Superlevels, count_above, negligible

Shown = Profile | Runs | Disc


@dataclass(frozen=True)
class EffectiveField:
    """The effective field of one unit by one definition; see :func:`effective_field`.

    Attributes
    ----------
    definition
        Its name.
    size
        Side length in pixels: count ** (1 / ndim) for "threshold" and "mass", sigma and 4 sigma (the
        geometric mean over the axes) for "sigma" and "two_sigma", 2 r + 1 for "square" and "radial" of
        radius r.
    count
        Number of pixels inside.
    field_size
        Side of the theoretical field, or of what of it lies in the picture, the geometric mean over the axes.
    rule
        What counts, by which profile; its str says it in words.

    Examples
    --------
    >>> import erfmath as em
    >>> field = em.effective_field(em.distribution([1, 1, 1], 40), "two_sigma")
    >>> field
    EffectiveField(definition='two_sigma', size=20.65591117977289, count=21, field_size=81.0)
    >>> round(field.ratio, 3), field.extent, int(field.mask.sum()), str(field.rule)
    (0.255, ((30, 50),), 21, 'within two standard deviations of the mean')
    """

    definition: str
    size: float
    count: int
    field_size: float
    rule: Rule = field(repr=False)
    _profiles: tuple[Shown, ...] = field(repr=False)
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

        Examples
        --------
        >>> from erfmath import Kernel, distribution, effective_field
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
        """The pixels inside, a read-only boolean grid over the theoretical field (built when asked for).

        Raises
        ------
        ValueError
            If the grid does not fit in memory.
        """
        shape = [side for profile in self._profiles for side in profile.shape]
        check_memory(10 * math.prod(shape), f"the mask of {shape} pixels", "read .count and .size")
        mask = np.asarray(
            functools.reduce(np.multiply.outer, [p.full() for p in self._profiles]) > self._level
        )
        mask.flags.writeable = False
        return mask


def effective_field(
    impact: Distribution | Kernel | Product | Any,
    definition: str | None = None,
    ref: str | None = None,
    profile: str | None = None,
    ndim: int | None = None,
    *,
    level: float | None = None,
    share: float | None = None,
    convention: str | None = None,
    at: Any = None,
    input_size: Any = None,
    borders: bool = True,
) -> EffectiveField:
    r"""Return the size, pixel count, ratio and mask of the effective receptive field.

    "threshold" counts the pixels whose impact exceeds `level` times that of the reference pixel, "mass"
    the smallest set {impact >= c} that holds 1 - `level` of it, "sigma" and "two_sigma" the pixels
    within one and two standard deviations of the mean along every axis, "square" and "radial" those with
    :math:`\max_a |x_a - c_a| \le r` and :math:`\sum_a (x_a - c_a)^2 \le r^2` for the smallest r that holds
    1 - `level` of it. Counts on independent axes never build the grid; comparisons treat a difference of
    1e-12 (relative, of the smaller of `share` and `level`) as a tie.

    Parameters
    ----------
    impact
        The distribution of the impact, from ``distribution(..)``; a network, or a Kernel for one layer.
    definition
        "threshold" (the default), "mass", "sigma", "two_sigma", "square" or "radial".
    ref
        The pixel that "threshold" compares with, and that "square" and "radial" are about: "centre" (the
        default), the middle of the theoretical field (the lower one where it has even length), or "max",
        the largest impact. For "square" and "radial" also "picture", pixel size // 2 of the input.
    profile
        "mean" (the default) reads the impact itself, "variance" the variance of the gradient with random
        weights, "std" its square root (the mean magnitude of a random gradient), which is sqrt(2) wider. For
        a distribution or a Kernel the first two are the same; a network has a variance of its own,
        :func:`variance`.
    ndim
        The number of independent axes that a distribution on one axis stands for; None means one.
    level, share
        The share below which an impact does not count, 1 - 0.9545 in the paper; or `share`, 1 - `level`,
        that "mass", "square" and "radial" hold.
    convention
        All of these at once, as a paper or a tool has them; what is given besides takes their place.

        "luo2016"
            threshold 0.0455 of the centre pixel's impact, profile "mean". W. Luo, Y. Li, R. Urtasun,
            R. Zemel, Understanding the effective receptive field in deep convolutional neural networks,
            NeurIPS 2016. Of the networks with random weights that the paper also shows, the profile is "std".
        "replknet"
            square that holds 0.99, profile "std". X. Ding, X. Zhang, J. Han, G. Ding, Scaling up your kernels
            to 31x31, CVPR 2022, table 10, for shares of .2, .3, .5 and .99. Its script takes log10(x + 1) of
            the summed gradients first, so that its figure depends on their scale; this one does not.
        "openerf"
            disc that holds 0.9545, profile "std". B. J. Kim et al., Understanding Gaussian attention bias of
            vision transformers using effective receptive fields, BMVC 2023, and its tool OpenERF, which
            prints the mass within seven radii and has no share of its own.

        With an `input_size` the last two are about the middle of the picture, as the scripts are.
    at, input_size
        For a network: an output unit, and samples of the input per axis. With an input size the unit is by
        default the middle one, and nothing outside the picture counts.
    borders
        Whether paths that leave the map of any layer are lost (or folded back), as the layers pad; False
        looks at the field of a map without borders through a window of that size.

    Returns
    -------
    EffectiveField
        Its `size`, `count`, `ratio`, `extent` and `mask`.

    Raises
    ------
    TypeError
        If an argument is of another kind.
    ValueError
        If a name is unknown, `ndim` does not fit, or the centre pixel has no impact (ref="max" answers).

    Notes
    -----
    W. Luo et al. have one sigma in their theory, the threshold in their experiments.

    Examples
    --------
    >>> from erfmath import Kernel, distribution, effective_field, zoo
    >>> field = effective_field(distribution(Kernel([1, 1, 1]), 40), ndim=2)
    >>> field.count, round(field.size, 4), round(field.ratio, 4)
    (517, 22.7376, 0.2807)
    >>> [effective_field(zoo.resnet101(), convention="replknet", share=t).size for t in (0.2, 0.3, 0.5, 0.99)]
    [103.0, 129.0, 179.0, 469.0]
    """
    is_within = input_size is not None
    rule = rule_of(
        definition, ref, profile, level=level, share=share, convention=convention, in_picture=is_within
    )
    if rule.ref == "picture" and not is_within:
        raise ValueError("ref='picture' needs an input_size, whose middle it is")
    if not (as_bool(borders, "borders") or is_within):
        raise ValueError("borders=False needs an input_size: without one there are no borders")
    scene = scene_of(impact, rule.profile, at, input_size, borders)
    return _of_long(scene, rule, ndim) or _of_profiles(scene, rule, ndim)


def _of_long(scene: Scene, rule: Rule, ndim: int | None) -> EffectiveField | None:
    """Return the effective field of long distributions, read without their rows; None for others."""
    law = scene.law
    if scene.picture is not None or rule.ref == "picture" or not any(map(is_long, law.marginals)):
        return None
    if rule.definition == "square" and rule.ref == "centre" and rule.profile != "std" and law.is_independent:
        laws = law.marginals * _copies(law, ndim)
        sides = [high - low + 1 for low, high in (part.support() for part in laws)]
        middles = [(side - 1) // 2 for side in sides]
        places = [part.support()[0] + middle for part, middle in zip(laws, middles, strict=True)]
        radius = radius_on_axes(laws, places, as_level(rule.level))
        return _ball(rule, box_about(middles, radius, sides), float(radius), _geometric_mean(sides))
    if law.ndim > 1 or ndim not in (None, 1) or (runs := _runs_of_long(law, rule)) is None:
        return None
    size = float(runs.count)
    if "sigma" in rule.definition:
        size = law.std() * (1 if rule.definition == "sigma" else 4)
    return EffectiveField(rule.definition, size, runs.count, float(runs.shape[0]), rule, (runs,), 0.5)


def _runs_of_long(law: Any, rule: Rule) -> Runs | None:
    """Return the pixels inside of a long distribution on one axis, None where its row is needed."""
    if rule.definition == "threshold":
        return runs_above(law, rule.ref, rule.level, 0.5 if rule.profile == "std" else 1.0, TIE)
    if rule.profile == "std":  # sums of roots of probabilities are no tails
        return None
    if rule.definition == "mass":
        return runs_of_mass(law, as_level(rule.level))
    if "sigma" in rule.definition:
        return runs_within(law, 1 if rule.definition == "sigma" else 2, TIE)
    return None


def _of_profiles(scene: Scene, rule: Rule, ndim: int | None) -> EffectiveField:
    """Return the effective field from the values along each axis, or on the grid."""
    profiles = _profiles(scene, rule.profile, ndim)
    sides = [side for part in profiles for side in part.shape]
    field_size = _geometric_mean(sides)
    if rule.definition in ("sigma", "two_sigma"):
        boxes, sigma = _sigma_boxes(profiles, 1 if rule.definition == "sigma" else 2)
        size = sigma if rule.definition == "sigma" else 4 * sigma
        count = count_above(boxes, 0.5)
        return EffectiveField(rule.definition, size, count, field_size, rule, tuple(boxes), 0.5)
    if rule.definition in ("square", "radial"):
        return _about(profiles, scene, rule, field_size)
    reference = rule.ref if rule.definition == "threshold" else "max"
    scales = [_reference(p, c) for p, c in zip(profiles, _centres(profiles, scene, reference), strict=True)]
    relative, scale = profiles, scales[0]
    if len(profiles) > 1:  # products of values on each axis; a grid is compared as it is
        pairs = zip(profiles, scales, strict=True)
        relative, scale = [part.with_values(part.values / own) for part, own in pairs], 1.0
    if rule.definition == "threshold":
        floor = rule.level * scale * (1 + TIE)
    else:
        level = as_level(rule.level)
        floor = Superlevels.of(relative, negligible(relative, TIE * level)).level_of_mass(level)
    count = count_above(relative, floor)
    size = count ** (1 / len(sides))
    return EffectiveField(rule.definition, size, count, field_size, rule, tuple(relative), floor)


def _about(profiles: Sequence[Profile], scene: Scene, rule: Rule, field_size: float) -> EffectiveField:
    """Return the smallest square or disc about a pixel that holds the share."""
    centres = _centres(profiles, scene, rule.ref)
    folds = [folded(part, centre) for part, centre in zip(profiles, centres, strict=True)]
    middle = tuple(itertools.chain.from_iterable(centres))
    sides = tuple(side for part in profiles for side in part.shape)
    if rule.definition == "square":
        radius = square_radius(folds, as_level(rule.level))
        return _ball(rule, box_about(middle, radius, sides), float(radius), field_size)
    reach = disc_reach(folds, as_level(rule.level))
    return _ball(rule, [Disc(middle, reach, sides)], math.sqrt(reach), field_size)


def _ball(rule: Rule, pixels: Sequence[Runs | Disc], radius: float, field_size: float) -> EffectiveField:
    count = math.prod(part.count for part in pixels)
    return EffectiveField(rule.definition, 2 * radius + 1, count, field_size, rule, tuple(pixels), 0.5)


def _copies(law: Distribution, ndim: int | None) -> int:
    """Return how many independent axes like it a distribution stands for."""
    if law.ndim == 1 and ndim is not None:
        return as_count(ndim, "ndim", minimum=1, maximum=32)
    if ndim not in (None, law.ndim):
        raise ValueError(f"ndim must be {law.ndim} or None for {law.ndim} axes, got {ndim!r}")
    return 1


def _profiles(scene: Scene, profile: str, ndim: int | None) -> list[Profile]:
    """Return one profile per group of axes that is independent of the others."""
    law = scene.law
    copies = _copies(law, ndim)
    parts = list(law.float_parts())  # first: a table most often tells the bounds
    bounds, profiles = iter(law.bounds), []
    pictures = iter(scene.picture or ())
    for start, values in parts:
        own = list(itertools.islice(bounds, values.ndim))
        inner = tuple(s - low for s, (low, _) in zip(start, own, strict=True))
        shown = np.sqrt(values) if profile == "std" else values
        found = Profile(shown, inner, tuple(high - low + 1 for low, high in own))
        if scene.picture is not None:
            found = _within(found, own, list(itertools.islice(pictures, values.ndim)))
        profiles.append(found)
    return profiles * copies


def _within(profile: Profile, bounds: Sequence[tuple[int, int]], picture: Sequence[int]) -> Profile:
    """Return what of a profile lies in the picture."""
    pairs = list(zip(bounds, picture, strict=True))
    ends = [(max(0, -low), min(high, side - 1) - low) for (low, high), side in pairs]
    if all(end == (0, high - low) for end, (low, high) in zip(ends, bounds, strict=True)):
        return profile
    found = profile.cut(ends) if all(first <= last for first, last in ends) else None
    if found is None or not found.values.any():
        raise ValueError("the unit sees nothing of the picture; give a larger input_size, or another unit")
    return found


def _centres(profiles: Sequence[Profile], scene: Scene, ref: str) -> list[tuple[int, ...]]:
    """Return the pixel of reference of each profile, as an index of its field."""
    if ref == "max":
        return [profile.highest for profile in profiles]
    middle = scene.centre
    if ref == "picture":
        middle = tuple(side // 2 for side in scene.picture or ())
    if middle is None:
        return [tuple((side - 1) // 2 for side in profile.shape) for profile in profiles]
    firsts = [max(0, low) if scene.picture else low for low, _ in scene.law.bounds]
    places = itertools.cycle([c - first for c, first in zip(middle, firsts, strict=True)])
    return [tuple(itertools.islice(places, len(profile.shape))) for profile in profiles]


def _reference(profile: Profile, pixel: tuple[int, ...]) -> float:
    value = profile.at(pixel)
    if not value:
        raise ValueError(NO_CENTRE)
    return value


def _sigma_boxes(profiles: Sequence[Profile], reach: float) -> tuple[list[Profile], float]:
    """Return which points of each axis lie within `reach` sigma of its mean, and the mean sigma."""
    boxes, sigmas = [], []
    for profile in profiles:
        for axis, (start, side) in enumerate(zip(profile.start, profile.shape, strict=True)):
            weights = profile.values.sum(axis=others_of(axis, profile.values.ndim))
            positions = np.arange(len(weights))
            centred = positions - np.average(positions, weights=weights)
            sigmas.append(math.sqrt(np.average(centred**2, weights=weights)))
            inside = (np.abs(centred) <= reach * sigmas[-1] * (1 + TIE)).astype(float)
            boxes.append(Profile(inside, (start,), (side,)))
    return boxes, _geometric_mean(sigmas)


def _geometric_mean(values: Sequence[float]) -> float:
    """Return the geometric mean, without round-off when all are equal."""
    if len(set(values)) == 1:
        return float(values[0])
    return math.exp(math.fsum(map(math.log, values)) / len(values)) if all(values) else 0.0
