"""Convolutions, pools, resizing, padding and moves of samples as steps of a stream."""

from __future__ import annotations

import math
from collections.abc import Callable
from fractions import Fraction
from typing import Any

from .operators import Builder, Timed, along, arguments, reshaped, rule
from .steps import Array, Blocks, Edges, Interpolated, Pointwise, Step, Transposed, Window, filled, joined

_CONVOLUTIONS = ("conv1d", "conv2d", "conv3d")
_TRANSPOSED = ("conv_transpose1d", "conv_transpose2d", "conv_transpose3d")


def _spatial(builder: Builder, node: Any, source: Timed, count: int) -> int:
    """Return which of the last so many axes time is."""
    place = source.axis - (source.ndim - count)
    if place < 0:
        raise builder.refuse(node, "time is no axis along which it moves")
    return place


def _per_axis(value: Any, count: int) -> list[int]:
    """Return one number per axis."""
    values = list(value) if isinstance(value, (tuple, list)) else [value]
    return [int(v) for v in (values if len(values) == count else values * count)]


def _option(given: dict[str, Any], name: str, place: int, count: int, default: int) -> int:
    """Return an option of a window along one of its axes, where it may be left out."""
    value = given.get(name)
    return default if value is None or value == [] else _per_axis(value, count)[place]


def _is_stream_of(builder: Builder, node: Any, timed: tuple[Timed, ...]) -> Timed:
    """Return the only stream, which is the first argument, so that weights do not depend on the input."""
    if len(timed) > 1 or not isinstance(builder.known.get(node.args[0]), Timed):
        raise builder.refuse(node, "its weights depend on the input")
    return timed[0]


@rule(*_CONVOLUTIONS)
def _(builder: Builder, node: Any, timed: tuple[Timed, ...]) -> Timed:
    import torch.nn.functional as functional

    source, given = _is_stream_of(builder, node, timed), arguments(builder, node)
    weight, bias, groups = given["weight"], given["bias"], given["groups"]
    count = weight.ndim - 2
    place = _spatial(builder, node, source, count)
    stride, dilation = _per_axis(given["stride"], count), _per_axis(given["dilation"], count)
    extent = dilation[place] * (weight.shape[2 + place] - 1) + 1
    pads = given["padding"]
    if isinstance(pads, str):
        if count > 1 and pads == "same":
            raise builder.refuse(node, 'padding="same" on several axes; give numbers')
        whole = extent - 1 if pads == "same" else 0
        padding, others = (whole // 2, whole - whole // 2), [0] * count
    else:
        others = _per_axis(pads, count)
        padding = (others[place], others[place])
    others[place] = 0
    convolve = getattr(functional, f"conv{count}d")

    def call(samples: Array) -> Array:
        return convolve(samples, weight, bias, stride, others, dilation, groups)

    step = Window(builder.name(node), source.axis, call, extent, stride[place], padding)
    return builder.add(node, step, (source,), Fraction(stride[place]), source.axis)


@rule(*_TRANSPOSED)
def _(builder: Builder, node: Any, timed: tuple[Timed, ...]) -> Timed:
    import torch.nn.functional as functional

    source, given = _is_stream_of(builder, node, timed), arguments(builder, node)
    weight, bias, groups = given["weight"], given["bias"], given["groups"]
    count = weight.ndim - 2
    place = _spatial(builder, node, source, count)
    names = ("stride", "dilation", "padding", "output_padding")
    stride, dilation, padding, extra = (_per_axis(given[name], count) for name in names)
    extent = dilation[place] * (weight.shape[2 + place] - 1) + 1
    cut, more = padding[place], extra[place]
    padding[place] = 0
    convolve = getattr(functional, f"conv_transpose{count}d")

    def call(samples: Array, added: int) -> Array:
        behind = [*extra[:place], added, *extra[place + 1 :]]
        return convolve(samples, weight, bias, stride, padding, behind, groups, dilation)

    step = Transposed(builder.name(node), source.axis, call, extent, stride[place], (cut, cut), more)
    return builder.add(node, step, (source,), Fraction(1, stride[place]), source.axis)


@rule("avg_pool1d", "avg_pool2d", "avg_pool3d", "max_pool1d", "max_pool2d", "max_pool3d")
def _(builder: Builder, node: Any, timed: tuple[Timed, ...]) -> Timed:
    source, given = timed[0], arguments(builder, node)
    count = int(node.target._schema.name[-2])
    place = _spatial(builder, node, source, count)
    size = _option(given, "kernel_size", place, count, 1)
    stride = _option(given, "stride", place, count, size)
    pad = _option(given, "padding", place, count, 0)
    dilation = _option(given, "dilation", place, count, 1)
    is_max, rest = "max" in node.target._schema.name, bool(given["ceil_mode"])
    call: Any = _pooled(node, given, place, count)
    if not is_max:
        if rest or given.get("divisor_override"):
            raise builder.refuse(node, "average pooling with ceil_mode or a divisor has another last window")
        if pad and not given["count_include_pad"]:
            raise builder.refuse(node, "an average that leaves out its padding; count_include_pad=True can")
    fill = -math.inf if is_max else 0.0
    extent = dilation * (size - 1) + 1
    step = Window(builder.name(node), source.axis, call, extent, stride, (pad, pad), fill, rest)
    return builder.add(node, step, (source,), Fraction(stride), source.axis)


def _pooled(node: Any, given: dict[str, Any], place: int, count: int) -> Any:
    """Return pooling without padding along time."""
    import torch.nn.functional as functional

    name = node.target._schema.name.removeprefix("aten::")
    padding = _per_axis(given["padding"] or 0, count)
    padding[place] = 0
    stride = given["stride"] or given["kernel_size"]
    options = {"kernel_size": given["kernel_size"], "stride": stride, "padding": padding}
    # Along time the windows are whole.
    options["ceil_mode"] = bool(given["ceil_mode"])
    if "max" in name:
        options["dilation"] = given["dilation"]
    elif not given["count_include_pad"]:
        options["count_include_pad"] = False
    pool = getattr(functional, name)
    return lambda samples: pool(samples, **options)


@rule("upsample_nearest1d", "upsample_nearest2d", "upsample_linear1d")
def _(builder: Builder, node: Any, timed: tuple[Timed, ...]) -> Timed:
    import torch.nn.functional as functional

    source = timed[0]
    name = node.target._schema.name.removeprefix("aten::")
    shape = node.meta["val"].shape
    factors = [Fraction(int(a), b) for a, b in zip(shape[2:], source.shape[2:], strict=True)]
    if arguments(builder, node).get("align_corners"):
        raise builder.refuse(node, "aligned corners: its positions depend on the length of the stream")
    if source.axis < 2 or any(f.denominator > 1 for f in factors):
        raise builder.refuse(node, "only whole factors of upsampling along time can")
    factor = int(factors[source.axis - 2])
    mode, scale = ("linear" if "linear" in name else "nearest"), tuple(map(float, factors))

    def call(samples: Array) -> Array:
        return functional.interpolate(samples, scale_factor=scale, mode=mode)

    step: Step = Pointwise(builder.name(node), (source.axis,), call, factor)
    if mode == "linear":
        step = Interpolated(builder.name(node), source.axis, call, factor)
    return builder.add(node, step, timed, Fraction(1, factor), source.axis)


@rule("repeat_interleave")
def _(builder: Builder, node: Any, timed: tuple[Timed, ...]) -> Timed:
    source, given = timed[0], arguments(builder, node)
    if given.get("dim") is None or not isinstance(given.get("repeats"), int):
        raise builder.refuse(node, "only a whole number of repeats along a given axis can")
    factor = given["repeats"] if given["dim"] % source.ndim == source.axis else 1
    step = Pointwise(builder.name(node), (source.axis,), _repeated(given["repeats"], given["dim"]), factor)
    return builder.add(node, step, timed, Fraction(1, factor), source.axis)


def _repeated(times: int, axis: int) -> Any:
    return lambda samples: samples.repeat_interleave(times, axis)


# The modes of padding by the operators that have one of their own.
_MODES = {"reflection_pad1d": "reflect", "replication_pad1d": "replicate"}


@rule("pad", "constant_pad_nd", *_MODES)
def _(builder: Builder, node: Any, timed: tuple[Timed, ...]) -> Timed:
    source, given = timed[0], arguments(builder, node)
    mode = given.get("mode") or _MODES.get(node.target._schema.name.removeprefix("aten::"), "constant")
    if mode == "circular":
        raise builder.refuse(node, "circular padding puts the end of the stream before its beginning")
    value = float(given.get("value") or 0.0)
    pads: list[int] = list(given["pad"] if "pad" in given else given["padding"])
    pads += [0] * (2 * source.ndim - len(pads))  # the last axis first
    place = 2 * (source.ndim - 1 - source.axis)
    before, after = pads[place : place + 2]
    pads[place : place + 2] = [0, 0]
    stream = _padded_elsewhere(builder, node, source, pads, mode, value) if any(pads) else source
    needed = (max(1, before + 1), max(1, after + 1)) if mode == "reflect" else (1, 1)
    step = Edges(builder.name(node), source.axis, (before, after), _ends(source.axis, mode, value), needed)
    return builder.add(node, step, (stream,), Fraction(1), source.axis)


def _padded_elsewhere(
    builder: Builder, node: Any, source: Timed, pads: list[int], mode: str, value: float
) -> Timed:
    """Return a stream with what is padded along other axes than time."""
    import torch.nn.functional as functional

    if mode != "constant":
        raise builder.refuse(node, f"{mode} padding on several axes")
    step = Pointwise(builder.name(node), (source.axis,), lambda x: functional.pad(x, pads, value=value))
    return builder.add(node, step, (source,), Fraction(1), source.axis)


def _ends(axis: int, mode: str, value: float) -> Callable[[Array, int, bool], Array]:
    """Return what makes the samples that are added before the first ones or behind the last."""

    def ends(samples: Array, count: int, is_first: bool) -> Array:
        length = samples.shape[axis]
        if mode == "constant":
            return filled(samples, axis, count, value)
        if mode == "reflect":
            return samples.narrow(axis, 1 if is_first else length - 1 - count, count).flip(axis)
        return samples.narrow(axis, 0 if is_first else length - 1, 1).repeat_interleave(count, axis)

    return ends


@rule("slice", "narrow")
def _(builder: Builder, node: Any, timed: tuple[Timed, ...]) -> Timed:
    source, given = timed[0], arguments(builder, node)
    if given["dim"] % source.ndim != source.axis:
        return along(builder, node, timed, source.axis)
    start, stop, by = given.get("start") or 0, given.get("end"), given.get("step") or 1
    if "length" in given:
        stop = start + given["length"]
    stop = source.length if stop is None else min(stop, source.length)
    start = start + source.length if start < 0 else start
    if given.get("start") is not None and given["start"] < 0:
        raise builder.refuse(node, "it begins a number of samples before the end")
    cut = stop - source.length if stop >= 0 else stop
    step: Step = Edges(builder.name(node), source.axis, (-start, cut), lambda x, *_: x)
    stream = builder.add(node, step, (source,), Fraction(1), source.axis)
    if by == 1:
        return stream

    def call(samples: Array) -> Array:
        index = [slice(None)] * samples.ndim
        index[source.axis] = slice(None, None, by)
        return samples[tuple(index)]

    return builder.add(
        node, Window(builder.name(node), source.axis, call, 1, by), (stream,), Fraction(by), source.axis
    )


@rule("cat", "concat")
def _(builder: Builder, node: Any, timed: tuple[Timed, ...]) -> Timed:
    given = arguments(builder, node)
    entries, ndim = list(node.args[0]), timed[0].ndim
    dim = given["dim"] % ndim
    if len({source.axis for source in timed}) > 1:
        raise builder.refuse(node, "it joins time with another axis")
    axis = timed[0].axis
    if dim == axis:
        return _behind(builder, node, entries, axis)
    if len(timed) < len({id(builder.known[entry]) for entry in entries}):
        for entry in entries:
            fixed = builder.known[entry]
            if not isinstance(fixed, Timed) and fixed.shape[axis] != 1:
                raise builder.refuse(node, "it joins a constant that has as many samples as the example")
    if len({builder.rates[source.stream] for source in timed}) > 1:
        raise builder.refuse(node, "it joins streams of different rates")
    step = Pointwise(builder.name(node), [source.axis for source in timed], builder.called(node))
    return builder.add(node, step, timed, Fraction(1), axis)


def _behind(builder: Builder, node: Any, entries: list[Any], axis: int) -> Timed:
    """Return a stream with constants before and behind it."""
    known = [builder.known[entry] for entry in entries]
    places = [i for i, value in enumerate(known) if isinstance(value, Timed)]
    if len(places) > 1:
        raise builder.refuse(node, "it puts one stream behind another")
    place = places[0]
    parts = [known[:place], known[place + 1 :]]
    first, last = (joined(part, axis) if part else None for part in parts)
    lengths = tuple(0 if part is None else int(part.shape[axis]) for part in (first, last))

    def ends(samples: Array, count: int, is_first: bool) -> Array:
        return first if is_first else last

    step = Edges(builder.name(node), axis, (lengths[0], lengths[1]), ends)
    return builder.add(node, step, (known[place],), Fraction(1), axis)


@rule("transpose", "permute", "movedim", "t", "mT", "swapaxes")
def _(builder: Builder, node: Any, timed: tuple[Timed, ...]) -> Timed:
    import torch

    source = timed[0]
    marked = torch.empty([2 if i == source.axis else 1 for i in range(source.ndim)])
    moved = tuple(builder.called(node)(marked).shape).index(2)
    return along(builder, node, timed, moved)


@rule("view", "reshape", "unsafe_view", "flatten", "unflatten", "squeeze", "unsqueeze", "expand", "select")
def _(builder: Builder, node: Any, timed: tuple[Timed, ...]) -> Timed:
    source = timed[0]
    title = node.target._schema.name.removeprefix("aten::")
    given = arguments(builder, node)
    if title == "select":
        dim = given["dim"] % source.ndim
        return along(builder, node, timed, source.axis - (dim < source.axis), (dim,))
    if title == "expand":
        return _expanded(builder, node, source)
    found = reshaped(node, source)
    if found is None:
        return _blocks(builder, node, source)
    axis, factor, shape = found
    step = Pointwise(builder.name(node), (source.axis,), lambda x: x.reshape(shape), factor)
    return builder.add(node, step, timed, Fraction(1, factor), axis)


def _expanded(builder: Builder, node: Any, source: Timed) -> Timed:
    shape = [int(side) for side in node.meta["val"].shape]
    axis = len(shape) - (source.ndim - source.axis)
    shape[axis] = -1
    step = Pointwise(builder.name(node), (source.axis,), lambda x: x.expand(shape))
    return builder.add(node, step, (source,), Fraction(1), axis)


def _blocks(builder: Builder, node: Any, source: Timed) -> Timed:
    """Return time divided into blocks of equal length, which are then the units."""
    shape = [int(side) for side in node.meta["val"].shape]
    before = math.prod(source.shape[: source.axis])
    for axis in range(len(shape) - 1):
        length, block = shape[axis], shape[axis + 1]
        if math.prod(shape[:axis]) == before and length * block == source.length:
            shape[axis] = -1
            step = Blocks(builder.name(node), source.axis, lambda x: x.reshape(shape), block, block)
            return builder.add(node, step, (source,), Fraction(block), axis)
    raise builder.refuse(node, "it mixes time with another axis")
