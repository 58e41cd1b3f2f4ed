"""Panel d: the effective field grows as the root of the depth, its ratio falls as one over the root.

The exponents 1/2 and -1/2 are limits. On the paper's depths the exact theory has .482 and -.478 for the
variance of the gradient, .539 and -.421 for its magnitude, whose field is sqrt(2) wider and at first cut
off by the theoretical one.

The poster's .56 and -.43 is neither. It is what networks of a single channel give on depths of 10 to 100, the
magnitudes of their gradients averaged after each map is divided by its sum. A single channel is no average
over many: the maps of such networks are wider than the theory's, the more so the deeper.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

import erfmath as em
from erfmath.measured.gradients import measure

from ..linear import gradients
from ..measure import markdown, progress
from .draw import BLUE, GREEN, GREY, RED, new_figure
from .report import CONV, NORMAL_SIDE, Report, run

DEPTHS = (5, 10, 20, 40)
DEEP = tuple(range(10, 101, 10))


@dataclass(frozen=True)
class Curve:
    """Effective sizes over depth; the fields are squares of side 2 n + 1."""

    name: str
    depths: tuple[int, ...]
    sizes: tuple[float, ...]

    @property
    def ratios(self) -> tuple[float, ...]:
        """Effective over theoretical size."""
        return tuple(size / (2 * n + 1) for n, size in zip(self.depths, self.sizes, strict=True))

    @property
    def slope(self) -> float:
        """Slope of log size over log depth."""
        return float(np.polyfit(np.log(self.depths), np.log(self.sizes), 1)[0])

    @property
    def ratio_slope(self) -> float:
        """Slope of log ratio over log depth."""
        return float(np.polyfit(np.log(self.depths), np.log(self.ratios), 1)[0])

    def numbers(self) -> dict[str, Any]:
        """Return the curve for JSON."""
        return {
            "name": self.name,
            "depths": list(self.depths),
            "sizes": list(self.sizes),
            "slope": self.slope,
            "ratio_slope": self.ratio_slope,
        }


def panel(quick: bool = False, seed: int = 0) -> Report:
    """Predict and measure the growth."""
    curves = [
        predicted("theory, variance", DEPTHS, "variance"),
        measured("16 channels, mean g^2", "variance", 40 if quick else 600, seed),
        predicted("theory, magnitude", DEPTHS, "std"),
        measured("16 channels, mean abs g", "std", 40 if quick else 600, seed + 1),
        over("normal limit of the variance", DEPTHS, lambda n: NORMAL_SIDE * math.sqrt(n * 2 / 3)),
        predicted("theory, variance", DEEP, "variance"),
        predicted("theory, magnitude", DEEP, "std"),
        single_channel(80 if quick else 2000, seed),
    ]
    text = f"{sizes_table(curves[:5])}\n\n{slopes_table(curves)}\n\n{explanation(curves)}"
    title = "d. Growth: 3 x 3 convolutions, effective size and its ratio to the theoretical"
    return Report("d_growth", title, text, {"curves": [c.numbers() for c in curves]}, picture(curves))


def over(name: str, depths: Sequence[int], size: Callable[[int], float]) -> Curve:
    """Return a curve from the size at each depth."""
    return Curve(name, tuple(depths), tuple(size(n) for n in depths))


def predicted(name: str, depths: Sequence[int], profile: str) -> Curve:
    """Return the exact sizes."""
    rows = em.growth(em.Kernel.uniform((3, 3)), depths, profile=profile)
    return Curve(name, tuple(depths), tuple(row.effective for row in rows))


def measured(name: str, profile: str, runs: int, seed: int) -> Curve:
    """Return the sizes of wide linear networks."""

    def size(depth: int) -> float:
        progress(f"{name}, depth {depth} ...")
        rng = np.random.default_rng([seed, depth])
        return (
            measure(CONV**depth, runs=runs, profile=profile, rng=rng, progress=False).effective_field().size
        )

    return over(name, DEPTHS, size)


def single_channel(runs: int, seed: int) -> Curve:
    """Return the sizes of linear networks of one channel, whose gradient is the product of their kernels."""
    progress("single channels ...")
    rng = np.random.default_rng(seed)
    totals = {n: np.zeros((2 * n + 1, 2 * n + 1)) for n in DEEP}
    for _ in range(runs):
        for n, gradient in gradients(1, 2, DEEP, rng):
            magnitude = np.abs(gradient[0])
            totals[n] += magnitude / magnitude.sum()
    laws = {n: em.JointDistribution(total / total.sum()) for n, total in totals.items()}
    return over("one channel, mean abs g, normalised", DEEP, lambda n: em.effective_field(laws[n]).size)


def sizes_table(curves: Sequence[Curve]) -> str:
    """Return sizes and ratios over the paper's depths."""
    header = ("depth", *(curve.name for curve in curves))
    rows = [
        (str(n), *(f"{c.sizes[i]:.2f} ({c.ratios[i]:.3f})" for c in curves)) for i, n in enumerate(DEPTHS)
    ]
    return markdown(header, rows)


def slopes_table(curves: Sequence[Curve]) -> str:
    """Return the fitted slopes."""
    rows = [
        (c.name, f"{c.depths[0]}..{c.depths[-1]}", f"{c.slope:.3f}", f"{c.ratio_slope:.3f}") for c in curves
    ]
    return markdown(("", "depths", "slope of the size", "slope of the ratio"), rows, left=2)


def explanation(curves: Sequence[Curve]) -> str:
    """Return what the poster's slopes are."""
    exact, magnitude, single = (f"{curves[i].slope:.3f} and {curves[i].ratio_slope:.3f}" for i in (0, 2, -1))
    return (
        f"The theory's slopes tend to 1/2 and -1/2; on depths 5 to 40 they are {exact} for the variance of "
        f"the gradient, {magnitude} for its magnitude.\nThe poster's .56 and -.43 is what networks of one "
        f"channel give ({single} here), each map divided by its sum: an effect of width, no law of depth."
    )


def picture(curves: Sequence[Curve]) -> Any:
    """Draw sizes and ratios over depth."""
    figure = new_figure(10.5, 4.8)
    every = (5, *DEEP)
    lines = (
        (predicted("theory, variance", every, "variance"), {"color": BLUE}, (curves[0], curves[5])),
        (predicted("theory, magnitude", every, "std"), {"color": RED}, (curves[2], curves[6])),
        (curves[1], {"color": BLUE, "marker": "o", "linestyle": "none"}, (curves[1],)),
        (curves[3], {"color": RED, "marker": "s", "linestyle": "none"}, (curves[3],)),
        (curves[7], {"color": GREEN, "marker": "^", "linestyle": "--", "linewidth": 1}, (curves[7],)),
    )
    for ax, values, label in zip(figure.subplots(1, 2), ("sizes", "ratios"), ("size", "ratio"), strict=True):
        place = "upper left" if values == "sizes" else "lower left"
        name = "slope" if values == "sizes" else "ratio_slope"
        for curve, style, fits in lines:
            slopes = ", ".join(f"{getattr(c, name):.3f} ({c.depths[0]}..{c.depths[-1]})" for c in fits)
            ax.loglog(curve.depths, getattr(curve, values), label=f"{curve.name}: {slopes}", **style)
        ax.set(xlabel="depth", ylabel=f"effective {label}", xticks=(5, 10, 20, 40, 100))
        ax.set_xticklabels((5, 10, 20, 40, 100))
        ax.set_ylim((5, 130) if values == "sizes" else (0.06, 1.05))
        marks = (5, 10, 20, 50, 100) if values == "sizes" else (0.1, 0.2, 0.3, 0.5, 1)
        ax.set(yticks=marks, yticklabels=marks)
        ax.minorticks_off()
        ax.grid(alpha=0.25, color=GREY)
        ax.spines[["top", "right"]].set_visible(False)
        ax.legend(frameon=False, fontsize=8, title=f"slope of the {label}", title_fontsize=8, loc=place)
    figure.suptitle("Growth of the effective field: exact theory (lines) and measured networks (marks)")
    return figure


if __name__ == "__main__":
    raise SystemExit(run(panel, "d_growth", __doc__))
