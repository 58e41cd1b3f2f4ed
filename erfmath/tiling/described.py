"""A plan of tiles in words, and as values for JSON."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from .._memory import check_memory
from ..words import human_bytes, per_axis_text, short_count

if TYPE_CHECKING:
    from .plan import TilePlan


def described(plan: TilePlan) -> dict[str, str]:
    """Return what a plan is, by names, as it prints."""
    halos = [f"{axis.before} before, {axis.after} after" for axis in plan.axes]
    number = " x ".join(map(str, plan.shape))
    return {
        "input": per_axis_text([axis.size for axis in plan.axes]),
        "output": per_axis_text([axis.output for axis in plan.axes]),
        "tile": per_axis_text([axis.tile for axis in plan.axes]),
        "halo": halos[0] if len(set(halos)) == 1 else "; ".join(halos),
        "step": per_axis_text([axis.step for axis in plan.axes]),
        "period": per_axis_text([axis.period for axis in plan.axes]),
        "tiles": f"{plan.count} ({number})" if plan.ndim > 1 else number,
        "overhead": f"{plan.overhead:.3f} samples read for each of the input",
        "largest tensor": f"{short_count(plan.largest_tensor)} values of a tile, "
        f"{human_bytes(4 * plan.largest_tensor)} in single precision",
        "memory": f"{human_bytes(plan.memory)} held at a time, in single precision",
        "loss": _loss_text(plan),
    }


def as_dict(plan: TilePlan) -> dict[str, Any]:
    """Return what a plan is as values for JSON."""
    check_memory(1000 * sum(plan.shape), "a line for each tile", "read the plan's tiles one by one")
    ends = {"halo": [(axis.before, axis.after) for axis in plan.axes]}
    sides = {name: [getattr(axis, name) for axis in plan.axes] for name in ("size", "tile", "step", "period")}
    spans = [[axis.span(i)._asdict() for i in range(axis.count)] for axis in plan.axes]
    totals = ("count", "overhead", "is_exact", "largest_tensor", "memory")
    return {
        **sides,
        "output_size": [axis.output for axis in plan.axes],
        **ends,
        "needed": [(end.before, end.after) for end in plan.needed],
        "shape": list(plan.shape),
        **{name: getattr(plan, name) for name in totals},
        "loss": _loss_of(plan),
        "tiles": spans,
    }


def _loss_of(plan: TilePlan) -> float | None:
    """Return the share that is lost, None where the variance of a layer is unknown."""
    try:
        return plan.loss
    except (TypeError, ValueError):
        return None


def _loss_text(plan: TilePlan) -> str:
    """Return in words what is lost at the tiles' ends."""
    if plan.is_exact:
        return "none: the tiles give what the whole gives"
    try:
        return (
            f"{plan.loss:.2g} of the gradient's variance lies beyond a tile's end, for the worst unit, if "
            "the signs of weights are random; seam_error measures what a trained network loses"
        )
    except (TypeError, ValueError) as error:  # of layers whose variance is not known
        return f"some, but how much is unknown: {error}"
