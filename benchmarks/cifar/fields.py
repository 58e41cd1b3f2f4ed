"""The field of a network at a checkpoint: measured on held-out images, and foretold by the weights alone."""

from __future__ import annotations

import json
import math
import os
from pathlib import Path
from typing import Any

import numpy as np

import erfmath as em
from erfmath.measured.gradients import measure
from erfmath.measured.result import Measurement

from ..learning import calibrate
from ..measure import progress
from .layers import foretold_variance, of_weights, through_blocks, with_new_signs
from .lessons import Lessons
from .networks import Shape
from .training import Checkpoint, Course

FORETOLD = ("given", "energy", "signs")
PER_RUN = 2  # images of a run of a measurement
DRAWS = 4  # of new signs; those of one network differ by a tenth


def read(course: Course, saved: Checkpoint, lessons: Lessons, count: int) -> dict[str, Any]:
    """Return what is measured and foretold at a checkpoint; kept beside it, and made once.

    `count` images are measured, a quarter of them for magnitudes, for new signs and between blocks. The sizes
    are those of the field that holds 95.45 % of the mass: a trained map has no smooth peak to count from.
    """
    path = saved.path.with_suffix(".json")
    if path.is_file():
        found = _known(path)
        if found["images"] == count:
            return found
    found = _read(course, saved, lessons, count)
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(found) + "\n")
    os.replace(partial, path)
    return found


def _known(path: Path) -> dict[str, Any]:
    """Return a reading that was kept."""
    try:
        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
        for key in ("images", "epoch", "measured", "map", "blocks"):
            found[key]
    except (ValueError, LookupError, TypeError) as error:
        raise ValueError(f"{path} is no reading or is damaged: remove it and `read` anew") from error
    return found


def _read(course: Course, saved: Checkpoint, lessons: Lessons, count: int) -> dict[str, Any]:
    import torch

    state = saved.load()
    network = torch.nn.ModuleList(course.shape.build())
    try:
        network.load_state_dict(state["network"])
    except (RuntimeError, TypeError, LookupError) as error:
        raise saved.damaged() from error
    features = network.eval().requires_grad_(False)[0]
    x = torch.tensor(lessons.canvases(course.seed, count, course.shape.side))
    return {
        "network": course.shape.name,
        "seed": course.seed,
        "epoch": state["epoch"],
        "step": saved.step,
        "accuracy": state["accuracy"],
        "images": count,
        **_of_features(course, features, x),
        "scrambled": scrambled(course, features, lessons, x),
    }


def _of_features(course: Course, features: Any, x: Any) -> dict[str, Any]:
    """Return what is measured and foretold of a network as it is trained."""
    seen, few = _seen(course, features), x[: -(-len(x) // 4)]
    squares = measured(seen, x, "variance")
    return {
        "measured": _of_measured(squares),
        "magnitude": _of_measured(measured(seen, few, "std")),
        "map": _rounded(squares),
        **foretold(seen, x),
        "weights": of_weights(features),
        "blocks": through_blocks(features, few) if isinstance(course.shape, Shape) else {},
    }


def _seen(course: Course, features: Any) -> Any:
    """Return the layers to the unit that is measured.

    An encoder-decoder ends with few channels: behind the last rectifier all may be closed.
    """
    return features if isinstance(course.shape, Shape) else features[:-1]


def scrambled(course: Course, features: Any, lessons: Lessons, x: Any) -> dict[str, float]:
    """Return the measured field when each weight keeps its size and has a sign drawn anew, the mean of draws.

    What paths have agreed on is gone. Normalisation sees batches anew, which changes the gains of branches:
    "foretold" is the deviation by gains and spreads as they then are, of networks that have blocks.
    """
    batches, few = lessons.first(course.seed, course.batch), -(-len(x) // (4 * DRAWS))
    found = []
    for draw in range(DRAWS):
        made = with_new_signs(features, course.seed * DRAWS + draw)
        calibrate(made, batches)
        some = x[(np.arange(few) + draw * few) % len(x)]
        one = _of_measured(measured(_seen(course, made.eval()), some, "variance"))
        found.append({"size": one["size"], "std": one["std"], **_by_layers(course, made)})
    return {key: float(np.mean([one[key] for one in found])) for key in found[0]}


def _by_layers(course: Course, features: Any) -> dict[str, float]:
    if not isinstance(course.shape, Shape):
        return {}
    return {"foretold": math.sqrt(foretold_variance(**of_weights(features), residual=course.shape.residual))}


def measured(features: Any, x: Any, profile: str) -> Measurement:
    """Return the measured field of the middle unit, a run for every few images."""
    return measure(features, inputs=x.split(PER_RUN), profile=profile, rng=0, progress=False)


def _of_measured(found: Measurement) -> dict[str, float]:
    """Return size and deviation, with their errors over the images."""
    std, errors = math.sqrt(found.var.mean()), found.var_error
    return {
        "size": found.effective_field(definition="mass").size,
        "size_error": found.size_error(definition="mass"),
        "std": std,
        "std_error": math.hypot(*errors) / len(errors) / (2 * std),
    }


def _rounded(found: Measurement) -> list[list[float]]:
    """Return the map in shares of its sum."""
    whole = np.zeros(found.input_size)
    whole[tuple(slice(a, a + n) for a, n in zip(found.offset, found.map.shape, strict=True))] = found.map
    return [[float(f"{v:.3g}") for v in row] for row in whole / whole.sum()]


def foretold(features: Any, x: Any) -> dict[str, Any]:
    """Return size and deviation of the field that the weights alone foretell.

    "given" and "energy" take signs to be random, and add squares; "signs" keeps them, of all channels added.
    """
    model = em.from_torch(features, x[:1])
    given, sides = model.with_weights("given"), tuple(x.shape[2:])
    unit = {"at": tuple(side // 2 for side in sides), "input_size": sides}
    laws = (
        em.distribution(em.variance(given), **unit),
        em.distribution(model.with_weights("energy"), **unit),
        em.impact_map(given, **unit).distribution(power=2),
    )
    return {name: _of_law(law) for name, law in zip(FORETOLD, laws, strict=True)}


def _of_law(law: Any) -> dict[str, float]:
    return {
        "size": em.effective_field(law, "mass").size,
        "std": math.sqrt(float(np.mean(law.var()))),
    }


def readings(course: Course, saved: list[Checkpoint], lessons: Lessons, count: int) -> list[dict[str, Any]]:
    """Return the readings of a training, first to last."""
    found = []
    for checkpoint in saved:
        found.append(read(course, checkpoint, lessons, count))
        one = found[-1]
        progress(f"{course.name}, epoch {one['epoch']:g}: size {one['measured']['size']:.2f}")
    return found
