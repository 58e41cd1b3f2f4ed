"""The finished numbers: means over seeds with their errors, kept small, and the tables that show them."""

from __future__ import annotations

import json
import math
from collections.abc import Callable, Sequence
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np
from scipy.special import stdtrit

from ..measure import machine, markdown
from .fields import FORETOLD
from .layers import foretold_variance

NUMBERS = Path(__file__).parents[2] / "docs" / "cifar.json"
TOLD = ("network", "seed", "epoch", "step", "accuracy", "images")
KEPT = (*TOLD, "measured", "magnitude", *FORETOLD, "weights", "blocks", "scrambled")
BLOCKED = ("residual", "plain")  # the networks whose blocks are compared
SHOWN = 41  # pixels of a map that is kept, at most


def finished(readings: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Return what the page needs of all readings: four digits of each number, and means of the maps."""
    kept = [{key: one[key] for key in KEPT} for one in readings]
    found: dict[str, Any] = {"machine": machine(), "readings": _short(kept), "maps": {}}
    for name in names(found):
        epochs = epochs_of(found, name)
        shown = (epochs[0], epochs[len(epochs) // 2], epochs[-1])
        found["maps"][name] = [{"epoch": e, "map": _mean_map(readings, name, e)} for e in shown]
    return found


def _mean_map(readings: Sequence[dict[str, Any]], name: str, epoch: float) -> list[list[int]]:
    """Return the mean map over seeds, the square root in thousandths of the largest.

    It is cut where nothing is to be seen, and blocks of pixels are added where it would still be large.
    """
    maps = [one["map"] for one in readings if one["network"] == name and one["epoch"] == epoch]
    mean = np.mean(maps, axis=0)
    while len(mean) > 2 * SHOWN:
        even = mean[: len(mean) // 2 * 2, : len(mean) // 2 * 2]
        mean = even.reshape(len(even) // 2, 2, len(even) // 2, 2).sum((1, 3))
    low = max(0, (len(mean) - SHOWN) // 2) if len(mean) % 2 else 0
    middle = np.sqrt(mean[low : len(mean) - low, low : len(mean) - low])
    return [[int(v) for v in row] for row in np.rint(1000 * middle / middle.max())]


def _short(value: Any) -> Any:
    """Return a value with four significant digits in each number."""
    if isinstance(value, dict):
        return {key: _short(one) for key, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [_short(one) for one in value]
    return float(f"{value:.4g}") if isinstance(value, float) else value


def write(found: dict[str, Any], path: Path) -> None:
    """Write the finished numbers, one reading a line."""
    head = {key: value for key, value in found.items() if key != "readings"}
    lines = ",\n".join(json.dumps(one, separators=(",", ":")) for one in found["readings"])
    start = json.dumps(head, separators=(",", ":"))[:-1]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(f'{start},"readings":[\n{lines}\n]}}\n', encoding="utf-8")


def load(path: Path) -> dict[str, Any]:
    """Return the finished numbers."""
    if not path.is_file():
        raise FileNotFoundError(f"{path} is missing: `read` writes it")
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ValueError(f"{path} is no JSON: write it anew with `read`") from error
    if not (isinstance(found, dict) and found.get("readings") and found.get("maps")):
        raise ValueError(f"{path} has no readings: write it anew with `read`")
    return found


def names(found: dict[str, Any]) -> list[str]:
    """Return the networks that were read."""
    return list(dict.fromkeys(one["network"] for one in found["readings"]))


Reader = Callable[[dict[str, Any]], float]


def over_seeds(readings: Sequence[dict[str, Any]], value: Reader) -> tuple[float, float]:
    """Return the mean and its standard error; nan for the error of a single seed.

    Each seed has images of its own, so that the scatter between seeds is that of images, too.
    """
    found = [value(one) for one in readings]
    if len(found) < 2:
        return found[0], math.nan
    return float(np.mean(found)), float(np.std(found, ddof=1)) / math.sqrt(len(found))


def at(found: dict[str, Any], name: str, epoch: float) -> list[dict[str, Any]]:
    """Return the readings of a network at an epoch, one a seed."""
    return [one for one in found["readings"] if one["network"] == name and one["epoch"] == epoch]


def epochs_of(found: dict[str, Any], name: str) -> list[float]:
    """Return the epochs at which a network was read."""
    return sorted({one["epoch"] for one in found["readings"] if one["network"] == name})


def told(found: dict[str, Any], name: str) -> list[float]:
    """Return the epochs of a table: the last, and of the others those that are not near the one before.

    The next is at most twice the one before, and at most a quarter of the training behind it.
    """
    epochs = epochs_of(found, name)
    chosen = epochs[:1]
    for epoch in epochs[1:]:
        if epoch >= min(2 * chosen[-1], chosen[-1] + epochs[-1] / 4) or epoch == epochs[-1]:
            chosen.append(epoch)
    return chosen


def of(key: str, part: str = "size") -> Reader:
    """Return a reader of one kind of field: its "size" or its "std"."""
    return lambda one: one[key][part]


def fields_table(found: dict[str, Any]) -> str:
    """Return accuracy and fields by epoch, as sizes and standard deviations."""
    kinds = ("measured", *FORETOLD)
    header = ("network", "epoch", "accuracy", "size", *FORETOLD, "std", *FORETOLD, "magnitude")
    rows = []
    for name in names(found):
        for epoch in told(found, name):
            some = at(found, name, epoch)
            values = [_written(some, of(kind, part)) for part in ("size", "std") for kind in kinds]
            accuracy = _written(some, lambda one: one["accuracy"], 3)
            rows.append((name, f"{epoch:g}", accuracy, *values, _written(some, of("magnitude"))))
    return markdown(header, rows)


def _written(some: Sequence[dict[str, Any]], value: Reader, places: int = 2) -> str:
    mean, error = over_seeds(some, value)
    return f"{mean:.{places}f}" + ("" if math.isnan(error) else f" ± {error:.{places}f}")


def causes(one: dict[str, Any], first: dict[str, Any], residual: bool) -> dict[str, float]:
    """Return the standard deviations that gains and spreads of taps make, trained and as they were at first.

    Exchanged one at a time, they tell which of the two the change in the field is due to, in the theory of
    independent paths.
    """
    trained, start = one["weights"], first["weights"]
    mixed = {
        "gains only": (trained, start),
        "spreads only": (start, trained),
        "both": (trained, trained),
    }
    return {
        name: math.sqrt(foretold_variance(gains["gains"], spreads["spreads"], residual))
        for name, (gains, spreads) in mixed.items()
    }


def causes_table(found: dict[str, Any]) -> str:
    """Return deviations: measured, what gains and spreads make of it, and both where signs are drawn anew."""
    kinds = ("std", "both", "gains only", "spreads only", "new signs", "foretold")
    rows = []
    for name in (name for name in BLOCKED if name in names(found)):
        starts = {one["seed"]: one for one in at(found, name, 0)}
        for epoch in told(found, name):
            some = []
            for one in at(found, name, epoch):
                new = {"new signs": one["scrambled"]["std"], "foretold": one["scrambled"]["foretold"]}
                by_weights = causes(one, starts[one["seed"]], name == "residual")
                some.append({"std": one["measured"]["std"], **by_weights, **new})
            rows.append((name, f"{epoch:g}", *(_written(some, itemgetter(kind)) for kind in kinds)))
    return markdown(("network", "epoch", *kinds), rows)


def growth(found: dict[str, Any], name: str, since: float, kind: str = "measured") -> str:
    """Return by what factor a network's size has changed since an epoch, with its interval."""
    before = {one["seed"]: one[kind]["size"] for one in at(found, name, since)}
    after = at(found, name, epochs_of(found, name)[-1])
    mean, error = over_seeds(after, lambda one: one[kind]["size"] / before[one["seed"]])
    words = f"{name}, {kind}: the last size is {mean:.3f} of that at epoch {since:g}"
    if math.isnan(error):
        return f"{words}, of one seed"
    wide = float(stdtrit(len(after) - 1, 0.975)) * error
    return f"{words}, {mean - wide:.3f} to {mean + wide:.3f} with 95 % ({len(after)} seeds, Student's t)"


def narrowest(found: dict[str, Any], name: str, kind: str = "measured") -> float:
    """Return the epoch at which a network's field was smallest."""
    return min(epochs_of(found, name), key=lambda e: over_seeds(at(found, name, e), of(kind))[0])
