"""Whether the central limit theorem has set in, as a value that prints as a sentence."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from ..polynomials.product import Factor

# A difference of 0.01 is out of sight in a picture; a step with a third of the variance keeps its own shape.
GAUSSIAN, LARGE_SHARE = 0.01, 1 / 3

GAUSSIAN_KINDS = ("gaussian", "lattice")


@dataclass(frozen=True)
class Verdict:
    r"""Whether a distribution is close to its normal, how far off it is, and why; its str is the sentence.

    Attributes
    ----------
    kind
        "gaussian"; "lattice", Gaussian on every `span`-th point; "one layer dominates" the variance;
        "skewness" or "tails" (an excess kurtosis) where no layer does; "point", nothing to approximate.
    distance
        The largest difference :math:`\max_t |F(t) - \Phi((t + h/2 - \mu)/\sigma)|` of the distribution
        functions, with a continuity correction, since a staircase is never closer to a curve than half a
        step. Up to 0.01 counts as Gaussian.
    share, layer
        The largest share of one step in the variance, and the factor that has it.
    skewness, excess_kurtosis
        The standardised third and fourth cumulants.
    span
        The distance between neighbours of the lattice that the distribution lives on.

    Examples
    --------
    >>> import erfmath as em
    >>> verdict = em.central_limit([1, 1, 1], 40).verdict
    >>> verdict.kind, verdict.is_gaussian, round(verdict.distance, 6)
    ('gaussian', True, 0.000525)
    >>> doubling = em.Product([([1, 1], 1, 2**layer) for layer in range(10)])  # dilations 1, 2, .., 512
    >>> verdict = em.central_limit(doubling).verdict
    >>> print(verdict.headline)
    not Gaussian: a cumulative probability is 0.057 off the normal's
    >>> verdict.reason, verdict.to_dict()["layer"]
    ('one layer holds 75% of the variance', 512)
    """

    kind: str
    distance: float = 0.0
    share: float = 1.0
    layer: Factor | None = None
    skewness: float = 0.0
    excess_kurtosis: float = 0.0
    span: int = 0

    @property
    def is_gaussian(self) -> bool:
        """Whether no cumulative probability is more than 0.01 off."""
        return self.kind in GAUSSIAN_KINDS

    @property
    def reason(self) -> str:
        """What keeps the distribution from its normal, in a few words; empty where nothing does."""
        if self.kind == "one layer dominates":
            return f"one layer holds {self.share:.0%} of the variance"
        if self.is_gaussian or self.kind == "point":
            return ""
        skewness = f", skewness {self.skewness:.2g}" if self.kind == "skewness" else ""
        return f"excess kurtosis {self.excess_kurtosis:.2g}{skewness}"

    @property
    def headline(self) -> str:
        """The verdict without its reason."""
        if self.kind == "point":
            return "a single point: there is nothing to approximate"
        lattice = f" on every {ordinal(self.span)} point" if self.span > 1 else ""
        if self.is_gaussian:
            return (
                f"Gaussian{lattice}: cumulative probabilities are within {self.distance:.2g} of the normal's"
            )
        return f"not Gaussian{lattice}: a cumulative probability is {self.distance:.2g} off the normal's"

    def __str__(self) -> str:
        return "; ".join(filter(None, [self.headline, self.reason]))

    def to_dict(self) -> dict[str, Any]:
        """Return the readings by name, the layer by its step, and the sentence as "text"."""
        step = self.layer.step[0] if self.layer else None
        return {**{f.name: getattr(self, f.name) for f in fields(self)}, "layer": step, "text": str(self)}


def kind_of(distance: float, share: float, skewness: float, span: int) -> str:
    """Return the kind of a verdict from its readings; the share is 0 where there is a single step."""
    if distance <= GAUSSIAN:
        return "lattice" if span > 1 else "gaussian"
    if share > LARGE_SHARE:
        return "one layer dominates"
    return "skewness" if abs(skewness) > GAUSSIAN else "tails"


def ordinal(number: int) -> str:
    """Return 2nd, 3rd, 4th and so on.

    >>> ordinal(2), ordinal(13), ordinal(21)
    ('2nd', '13th', '21st')
    """
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10 if number % 100 // 10 != 1 else 0, "th")
    return f"{number}{ending}"
