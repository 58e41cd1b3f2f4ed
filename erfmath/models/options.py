"""Readers of operators' arguments: from ONNX's or ATen's words to the options of the rules.

A reader takes the operator and its arguments by name, those of ATen with the defaults filled in.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from .axes import Shape
from .ir import Constant, Operator, Tensor
from .masks import side_attended

Arguments = Mapping[str, Any]
Options = Mapping[str, Any]

_BORDERS = {"constant": "zeros", "edge": "replicate", "replicate": "replicate", "reflect": "reflect"}
_BORDERS |= {"wrap": "circular", "circular": "circular"}


def takes(**names: str) -> Callable[[Operator, Arguments], Options]:
    """Return the reader of arguments that are options by other names, {option: argument}."""
    return lambda op, a: {option: a[name] for option, name in names.items() if name in a}


def _first(a: Arguments, *names: str, default: Any = None) -> Any:
    """Return the first argument of some names that is given."""
    return next((a[name] for name in names if a.get(name) is not None), default)


def _listed(op: Operator, index: int, what: str) -> list[Any] | None:
    """Return a constant input as a list, None where it is left out or empty."""
    value = op.constant(index, what)
    return None if value is None or value.size == 0 else value.reshape(-1).tolist()


def _rank(op: Operator) -> int:
    layout, shape = op.tensors[0].layout, op.tensors[0].shape
    return len(layout) if layout is not None else len(shape or (1, 1, 1, 1))


def _several(value: Any) -> list[int]:
    return [value] if isinstance(value, int) else list(value)


def _placed(values: Sequence[Any] | None, axes: Iterable[int], rank: int) -> list[Any]:
    """Return values given for some axes as a list over all, None for the others."""
    found: list[Any] = [None] * rank
    for axis, value in zip(axes, values or [], strict=False):
        found[axis] = value
    return found


def local_response(op: Operator, a: Arguments) -> Options:
    """Return the factor of inputs of mean square 1."""
    return {"factor": (a.get("bias", 1.0) + a.get("alpha", 1e-4)) ** -a.get("beta", 0.75)}


def unusual(op: Operator, a: Arguments) -> Options:
    """Return whether an activation has other parameters than the one that is known by its name."""
    return {"is_unusual": any(a.get(key, 1) != 1 for key in ("alpha", "scale", "input_scale", "beta"))}


def hard_sigmoid(op: Operator, a: Arguments) -> Options:
    """Return whether ONNX's activation is the one that is known by its name, of slope 1/6."""
    return {"is_unusual": abs(a.get("alpha", 0.2) - 1 / 6) > 1e-3 or a.get("beta", 0.5) != 0.5}


def leaky(op: Operator, a: Arguments) -> Options:
    """Return the slope of an activation where it is closed."""
    return {"slope": _first(a, "alpha", "negative_slope", default=0.01)}


def clipped(op: Operator, a: Arguments) -> Options:
    """Return the name of a clipping between two ends, where it has one; computed ends are joined to it."""
    if len(op.tensors) > 1:
        return {"kind": "join", "combine": "extreme", "inputs": tuple(filter(None, op.inputs))}
    given = [x.load() if isinstance(x, Constant) else None for x in (*op.inputs[1:], None, None)[:2]]
    found = _first(a, "min", "min_val", default=given[0]), _first(a, "max", "max_val", default=given[1])
    low, high = (end.tolist() if isinstance(end, np.ndarray) else end for end in found)
    known = [((0, 6), "relu6"), ((0, None), "relu"), ((-1, 1), "hardtanh")]
    name = next((name for ends, name in known if ends == (low, high)), None)
    return {"activation": name} if name else {}


def batch_norm(op: Operator, a: Arguments) -> Options:
    """Return a normalisation by known statistics; ATen's operands that are left out have no place."""
    eps = _first(a, "epsilon", "eps", default=1e-5)
    if "running_var" not in a:
        return {"eps": eps, "scale": 1, "variance": 4}
    names = ("input", "weight", "bias", "running_mean", "running_var")
    given = [name for name in names if a.get(name) is not None]
    places = {name: i for i, name in enumerate(given)}
    return {"eps": eps, "scale": places.get("weight"), "variance": places.get("running_var")}


def product(op: Operator, a: Arguments) -> Options:
    """Return the number in a product of a tensor."""
    other = a.get("other")
    return {"scale": other if isinstance(other, (int, float)) else None}


def quotient(op: Operator, a: Arguments) -> Options:
    """Return the factor of a division by a number; one that is rounded has no slope."""
    number = product(op, a)["scale"]
    return {"combine": "choice"} if a.get("rounding_mode") else {"scale": 1 / number if number else None}


def _spread(values: Any, count: int) -> list[Any]:
    """Return one value per axis of a window from a number or a list, which may have a single one."""
    found = list(values) if isinstance(values, Sequence) else [values]
    return found * count if len(found) == 1 else found


def _window(op: Operator, a: Arguments) -> dict[str, Any]:
    """Return the options of a moving window; one that moves by itself has the stride []."""
    size = _first(a, "kernel_shape", "kernel_size") or op.weight_shape()[2:]
    digit = re.search(r"(\d)d", op.title) if "kernel_size" in a else None
    count = int(digit[1]) if digit else len(size)
    return {
        "size": _spread(size, count),
        "stride": _spread(_first(a, "strides", "stride", default=1) or size, count),
        "dilation": _spread(_first(a, "dilations", "dilation", default=1), count),
        "padding": _padding(a, count),
    }


def _padding(a: Arguments, count: int) -> Any:
    """Return (before, after) per axis of a window, or how the size is kept."""
    auto, given = a.get("auto_pad", ""), a.get("padding", 0)
    if auto.startswith("SAME"):
        return auto.lower()
    if auto != "VALID" and a.get("pads"):
        return _pairs(a["pads"])
    if isinstance(given, str):
        return "same_upper" if given == "same" else [(0, 0)] * count
    return [(pad, pad) for pad in _spread(given, count)]


def _pairs(values: Sequence[int]) -> list[tuple[int, int]]:
    """Return (before, after) per axis from all befores and then all afters.

    >>> _pairs([1, 2, 3, 4])
    [(1, 3), (2, 4)]
    """
    half = len(values) // 2
    return list(zip(values[:half], values[half:], strict=True))


def convolution(op: Operator, a: Arguments) -> Options:
    """Return a convolution, which ATen's name for both says to be transposed or not."""
    if a.get("transposed"):
        return {"kind": "conv_transpose", **transposed(op, a)}
    groups = _first(a, "group", "groups", default=1)
    return _window(op, a) | {"groups": groups, "activation": a.get("activation")}


def transposed(op: Operator, a: Arguments) -> Options:
    """Return a transposed convolution."""
    found, wanted = _window(op, a), a.get("output_shape")
    count = len(found["size"])
    return found | {
        "groups": _first(a, "group", "groups", default=1),
        "output_padding": _spread(_first(a, "output_padding", default=0), count),
        "output_size": list(wanted)[-count:] if wanted else None,
    }


def pool(op: Operator, a: Arguments) -> Options:
    """Return a pooling, which ATen moves by its size unless it says otherwise."""
    if a.get("divisor_override"):
        raise op.error("divides by a number other than that of its samples")
    found = _window(op, {**a, "stride": a["stride"] or []} if "kernel_size" in a else a)
    return found | {key: a[key] for key in ("ceil_mode", "count_include_pad") if key in a}


def adaptive_pool(op: Operator, a: Arguments) -> Options:
    """Return the size that a pooling makes."""
    return {"size": _spread(a["output_size"], int(op.title[-2]))}


def resized(op: Operator, a: Arguments) -> Options:
    """Return an interpolation by ONNX's Resize or Upsample."""
    is_old = op.title == "Upsample" or a["opset"] < 11
    index = 1 if op.title == "Upsample" or len(op.inputs) == 2 else 2
    factors = a.get("scales") or _listed(op, index, "its scales")
    sizes = _listed(op, 3, "its sizes") if factors is None else None
    rank = _rank(op)
    axes = [axis % rank for axis in a.get("axes") or range(rank)]
    if sizes is not None and a.get("keep_aspect_ratio_policy", "stretch") != "stretch":
        known = op.shapes[0] or (None,) * rank
        sizes = [known[axis] for axis in axes]
    if a.get("antialias", 0):
        raise op.error("uses antialiasing, a filter that depends on the scale")
    mode = a.get("mode", "nearest")
    return {
        "factors": _placed(factors, axes, rank),
        "sizes": _placed(sizes, axes, rank),
        "mode": {"bilinear": "linear", "trilinear": "linear"}.get(mode, mode),
        "coordinates": "asymmetric" if is_old else a.get("coordinate_transformation_mode", "half_pixel"),
        "rounding": "floor" if is_old else a.get("nearest_mode", "round_prefer_floor").removeprefix("round_"),
        "cubic": a.get("cubic_coeff_a", -0.75),
    }


def upsampled(op: Operator, a: Arguments) -> Options:
    """Return the factors or the sizes of one of ATen's interpolations, each of a mode."""
    rank, count = _rank(op), int(op.title[-2])
    factors, axes = a.get("scale_factors"), range(rank - count, rank)
    sizes = (op.shapes[0] or (None,) * rank)[rank - count :] if factors is None else None
    found = {"factors": _placed(factors, axes, rank), "sizes": _placed(sizes, axes, rank)}
    return found | ({"coordinates": "align_corners"} if a.get("align_corners") else {})


def padded(op: Operator, a: Arguments) -> Options:
    """Return a padding: ONNX's of all axes or some, ATen's (before, after) of the last axis first."""
    rank, flat = _rank(op), _first(a, "pad", "padding")
    if flat is not None:
        found = list(zip(flat[::2], flat[1::2], strict=True))[::-1]
        axes: Sequence[int] = range(rank - len(found), rank)
    else:
        found = _pairs(_first(a, "pads", "paddings") or _listed(op, 1, "its pads") or [0] * (2 * rank))
        axes = _listed(op, 3, "its axes") or range(rank)
    if len(axes) != len(found):
        raise op.error(f"pads {len(found)} axes and names {len(axes)}")
    mode = a.get("mode")
    if mode is not None and mode not in _BORDERS:
        raise op.error(f"pads in the mode {mode!r}")
    pads = _placed(found, [axis % rank for axis in axes], rank)
    return {"pads": [pair or (0, 0) for pair in pads]} | ({"border": _BORDERS[mode]} if mode else {})


def parts(op: Operator, a: Arguments) -> Options:
    """Return the sides of the parts of an axis."""
    return {**takes(axis="axis")(op, a), "parts": a.get("split") or _listed(op, 1, "its parts")}


def sliced(op: Operator, a: Arguments) -> Options:
    """Return (axis, start, stop, step) of ONNX's slices, by attributes or by inputs."""
    names = ("starts", "ends", "axes", "steps")
    given = [a.get(name) or _listed(op, i, f"its {name}") for i, name in enumerate(names, 1)]
    starts, stops, axes, steps = (list(values or []) for values in given)
    axes, steps = axes or list(range(len(starts))), steps or [1] * len(starts)
    return {"slices": list(zip(axes, starts, stops, steps, strict=True))}


def scattered(op: Operator, a: Arguments) -> Options:
    """Return where an entry is written that has no such axis, given one of a single sample."""
    base, written = op.inputs
    axis, index = a["dim"] % _rank(op), a["index"]
    if written is not None and written.shape is not None:
        written = replace(written, shape=(*written.shape[:axis], 1, *written.shape[axis:]))
    if isinstance(written, Tensor) and written.layout is not None:
        written = replace(written, layout=(*written.layout[:axis], (), *written.layout[axis:]))
    return {"inputs": (base, written), "axis": axis, "slice": (index, index + 1 or None, 1)}


def gathered(op: Operator, a: Arguments) -> Options:
    """Return entries of an axis, or of a table that the input chooses from."""
    axis, table = a.get("axis", 0), op.inputs[0]
    if isinstance(table, Constant):
        rank = len(table.shape or (0, 0))
        return {"kind": "embedding", "around": (axis % rank, rank - 1 - axis % rank)}
    return {"axis": axis, "index": op.constant(1, "its indices")}


def indexed(op: Operator, a: Arguments) -> Options:
    """Return the entries of one axis by an array of their places."""
    axes = [axis for axis, entry in enumerate(a["indices"]) if entry is not None]
    if len(axes) != 1:
        raise op.error("picks entries of several axes at once")
    return {"axis": axes[0], "index": op.constant(1, "its indices")}


def repeated(op: Operator, a: Arguments) -> Options:
    """Return how often each entry of an axis is repeated."""
    if not isinstance(a["repeats"], int) or a["dim"] is None:
        raise op.error("repeats entries different numbers of times")
    return {"axis": a["dim"], "count": a["repeats"]}


def chosen(op: Operator, a: Arguments) -> Options:
    """Return the entries of an axis by an array of their places."""
    return {"axis": a["dim"], "index": op.constant(1, "its indices")}


def reordered(op: Operator, a: Arguments) -> Options:
    """Return the order of ATen's axes: all of them, some moved, or two exchanged."""
    rank = _rank(op)
    order = list(range(rank))
    if "dims" in a:
        order = [axis % rank for axis in a["dims"]]
    elif "source" in a:
        there, here = _several(a["destination"]), _several(a["source"])
        moves = {new % rank: old % rank for new, old in zip(there, here, strict=True)}
        rest = iter(axis for axis in range(rank) if axis not in moves.values())
        order = [moves[axis] if axis in moves else next(rest) for axis in range(rank)]
    elif rank > 1:
        ends = _first(a, "dim0", "axis0", default=0), _first(a, "dim1", "axis1", default=1)
        first, second = (axis % rank for axis in ends)
        order[first], order[second] = second, first
    return {"order": order}


def axes(op: Operator, a: Arguments) -> Options:
    """Return the axes that are put in or taken out."""
    found = _first(a, "axes", "dim", default=[])
    return {"axes": _listed(op, 1, "its axes") if found == [] else _several(found)}


def reshaped(op: Operator, a: Arguments) -> Options:
    """Return the shape that ONNX's Reshape asks for, where the model does not give what it makes."""
    shape, made = op.tensors[0].shape, op.shapes[0]
    wanted = op.inputs[1].load() if isinstance(op.inputs[1], Constant) else None
    if wanted is None or shape is None or (made is not None and None not in made):
        return {}
    return {"shapes": (_resolved(shape, wanted.tolist(), bool(a.get("allowzero", 0))),)}


def _resolved(shape: Shape, wanted: list[int], allow_zero: bool) -> Shape:
    """Return the shape that 0 (as before) and -1 (what is left) stand for."""
    found: list[int | None] = [
        shape[i] if side == 0 and not allow_zero and i < len(shape) else side for i, side in enumerate(wanted)
    ]
    if -1 in found:
        place = found.index(-1)
        others = [*found[:place], *found[place + 1 :]]
        is_known = None not in shape and None not in others and 0 not in others
        found[place] = math.prod(shape) // math.prod(others) if is_known else None  # type: ignore[arg-type]
    return tuple(found)


def rolled(op: Operator, a: Arguments) -> Options:
    """Return the cyclic shifts by axis."""
    if not a["dims"]:
        raise op.error("rolls the flattened tensor")
    return {"shifts": dict(zip(a["dims"], a["shifts"], strict=True))}


def blocks(op: Operator, a: Arguments) -> Options:
    """Return the side of ONNX's blocks, and whether their places count before the channels."""
    return {"block": a["blocksize"], "blocks_first": a.get("mode", "DCR") == "DCR"}


def group_norm(op: Operator, a: Arguments) -> Options:
    """Return a normalisation over channels and the space; one by known statistics is of another kind."""
    if not a.get("use_input_stats", True):
        return {"kind": "batch_norm", **batch_norm(op, a)}
    return {"axes": range(1, _rank(op)), **_scale(a), "is_last": False}


def layer_norm(op: Operator, a: Arguments) -> Options:
    """Return a normalisation over the last axes."""
    rank = _rank(op)
    start = rank - len(a["normalized_shape"]) if "normalized_shape" in a else a.get("axis", -1) % rank
    return {"axes": range(start, rank), **_scale(a), "is_last": True}


def _scale(a: Arguments) -> dict[str, Any]:
    """Return where the scale of a normalisation stands, which ATen may leave out."""
    has_scale = a.get("weight", "always in ONNX") is not None
    return {"scale": 1 if has_scale else None, "is_plain": not has_scale}


def softmax(op: Operator, a: Arguments) -> Options:
    """Return the axis of a softmax; before opset 13 it and all that follow."""
    if a.get("opset", 13) >= 13:
        return {"axes": [_first(a, "axis", "dim", default=-1)]}
    return {"axes": range(a.get("axis", 1) % _rank(op), _rank(op))}


def reduced(op: Operator, a: Arguments) -> Options:
    """Return the axes of a mean, a sum or the like, None for all; of two tensors it is a join."""
    if "other" in a:
        return {"kind": "join", "combine": "extreme"}
    if op.title in ("ArgMax", "ArgMin"):
        a = {"axes": a.get("axis", 0), **a}
    found = _first(a, "axes", "dim")
    found = _listed(op, 1, "its axes") if found is None else _several(found)
    is_idle = not found and a.get("noop_with_empty_axes", 0)
    options = {"axes": [] if is_idle else found or None}
    return {**options, **takes(keepdims="keepdim")(op, a), **takes(keepdims="keepdims")(op, a)}


def beyond_channels(op: Operator, a: Arguments) -> Options:
    """Return all axes behind the channels, which a global pooling averages."""
    return {"axes": range(2, max(_rank(op), 3)), "keepdims": True}


def recurrent(op: Operator, a: Arguments) -> Options:
    """Return the axis of the steps of a recurrent layer, and on which side of a step it reads."""
    if "batch_first" in a or "bidirectional" in a:
        first = bool(a.get("batch_first"))
        return {"axis": int(first), "side": "both" if a.get("bidirectional") else "before"}
    sides = {"forward": "before", "reverse": "after", "bidirectional": "both"}
    first = bool(a.get("layout", 0))
    side = sides[a.get("direction", "forward")]
    return {"axis": int(first), "side": side, "is_onnx": True, "is_batch_first": first}


def attended(op: Operator, a: Arguments) -> Options:
    """Return on which side a position attends to others, by a flag or by a mask; None for both."""
    if _first(a, "is_causal", "unidirectional", default=False):
        return {"is_causal": "before"}
    return {"is_causal": side_attended(op.inputs[3]) if len(op.inputs) > 3 else None}


def filled(op: Operator, a: Arguments) -> Options:
    """Return where masked scores have a number: where the mask is true or not, and the number."""
    if op.title.endswith("masked_fill"):
        value = a.get("value")
        return {"filled": (True, float(value))} if isinstance(value, (int, float)) else {}
    numbers = [a.get("self"), a.get("other")]
    if len(op.inputs) > 2:
        numbers = [_single(entry) for entry in op.inputs[1:3]]
    places = [i for i, x in enumerate(numbers) if isinstance(x, (int, float))]
    return {"filled": (places[0] == 0, float(numbers[places[0]] or 0))} if len(places) == 1 else {}


def _single(entry: Any) -> float | None:
    """Return the number that a constant holds all over."""
    if not isinstance(entry, Constant) or entry.shape is None or math.prod(s or 0 for s in entry.shape) != 1:
        return None
    value = entry.load()
    return None if value is None else float(np.asarray(value).ravel()[0])


def windows_as_columns(op: Operator, a: Arguments) -> Options:
    """Return the windows of ATen's im2col, whose samples become channels, and their numbers the last axis."""
    rank = _rank(op)
    names = {"size": "kernel_size", "stride": "stride", "dilation": "dilation", "padding": "padding"}
    found = {option: _spread(a[name], 2) for option, name in names.items()}
    return found | {"axes": (rank - 2, rank - 1), "is_column": True}


def windows_of_axis(op: Operator, a: Arguments) -> Options:
    """Return the windows along one axis, whose samples become the last axis."""
    found = {"size": [a["size"]], "stride": [a["step"]], "dilation": [1], "padding": [0]}
    return found | {"axes": (a["dimension"] % _rank(op),), "is_column": False}


def columns_as_windows(op: Operator, a: Arguments) -> Options:
    """Return the windows that columns are added up at."""
    sizes = op.shapes[0] or (None, None)
    if "kernel_size" in a:
        names = {"size": "kernel_size", "stride": "stride", "dilation": "dilation"}
        found = {option: _spread(a[name], 2) for option, name in names.items()}
        pads = [(pad, pad) for pad in _spread(a["padding"], 2)]
    else:
        size = _listed(op, 2, "its block_shape") or []
        found = {"size": size, "stride": a.get("strides") or [1] * len(size)}
        found |= {"dilation": a.get("dilations") or [1] * len(size)}
        pads = _pairs(a["pads"]) if a.get("pads") else [(0, 0)] * len(size)
    return found | {"padding": pads, "made": list(sizes[-len(found["size"]) :])}


def transformed_axes(op: Operator, a: Arguments) -> Options:
    """Return the axes of one of ATen's Fourier transforms, all where none is named."""
    axes = a.get("dim")
    return {"axes": list(range(_rank(op))) if axes is None else _several(axes)}


def transformed(op: Operator, a: Arguments) -> Options:
    """Return the axis of ONNX's Fourier transform, an attribute before opset 20."""
    axis = a.get("axis")
    if axis is None:
        axis = (_listed(op, 2, "its axis") or [-2])[0] if len(op.inputs) > 2 else 1
    return {"axes": [axis]}


def running(op: Operator, a: Arguments) -> Options:
    """Return the axis of ONNX's running sum."""
    return {"axis": (_listed(op, 1, "its axis") or [0])[0]}


def added_product(op: Operator, a: Arguments) -> Options:
    """Return the product that is added to a constant; added to a tensor, it reads everything."""
    return {"kind": "everything"} if isinstance(op.inputs[0], Tensor) else {"scale": a.get("alpha", 1)}


def embedded(op: Operator, a: Arguments) -> Options:
    """Return nothing, of a table that does not depend on the input."""
    if isinstance(op.inputs[0], Tensor):
        raise op.error("chooses from a table that is computed from the input")
    return {}
