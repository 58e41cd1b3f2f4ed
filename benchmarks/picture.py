"""The picture of the README: ``python -m benchmarks.picture`` writes docs/_static/field.png (extra plot)."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import erfmath as em

PATH = Path(__file__).parents[1] / "docs" / "_static" / "field.png"
DEPTHS = (5, 10, 20, 40, 80, 160)


def main(argv: Sequence[str] | None = None) -> int:
    """Draw the field of ResNet-50, and how both fields of equal layers grow, and say where it is."""
    from matplotlib.figure import Figure

    from erfmath import plotting

    figure = Figure(figsize=(10, 4.2), layout="constrained")
    field, growth = figure.subplots(1, 2, width_ratios=(1.15, 1))
    plotting.plot_impact(em.distribution(em.zoo.resnet50()), field, name="ResNet-50")
    _draw_growth(growth)
    figure.savefig(PATH, dpi=110, metadata={"Software": None})
    sys.stdout.write(f"{PATH}\n")
    return 0


def _draw_growth(axes: Any) -> None:
    """Draw the sides of the theoretical and the effective field of n layers of 3 x 3 over n."""
    fields = [em.effective_field(em.distribution(em.Kernel.uniform((3, 3)), n)) for n in DEPTHS]
    effective = [field.size for field in fields]
    theoretical = [1 + 2 * n for n in DEPTHS]
    axes.loglog(DEPTHS, theoretical, "o-", color="tab:gray", label="theoretical: grows as n")
    axes.loglog(DEPTHS, effective, "o-", color="tab:blue", label=r"effective: grows as $\sqrt{n}$")
    axes.set(title="Layers of 3 x 3", xlabel="layers n", ylabel="side of the field (pixels)")
    axes.set_xticks(DEPTHS, [str(n) for n in DEPTHS])
    axes.set_yticks([10, 30, 100, 300], ["10", "30", "100", "300"])
    axes.minorticks_off()
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(frameon=False)


if __name__ == "__main__":
    sys.exit(main())
