"""Copies of a module through which gradients reach all that it can see: gates smooth, maxima averages."""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator, Sequence
from typing import Any

from .._checks import per_axis
from ..network.arguments import Ints
from .torch_types import import_torch

Ends = tuple[int, int] | None

_DRAWS = 2  # of the weights: what one of them makes zero by chance another does not


def sizes_of(module: Any, shape: Sequence[int]) -> Ints:
    """Return the samples of a module's output per axis of space."""
    torch = import_torch()
    with torch.no_grad(), _doubles():
        return tuple(module(torch.zeros(shape, dtype=torch.float64)).shape[2:])


@contextlib.contextmanager
def _doubles() -> Iterator[None]:
    """Let tensors made on the way be doubles."""
    torch = import_torch()
    usual = torch.get_default_dtype()
    torch.set_default_dtype(torch.float64)
    try:
        yield
    finally:
        torch.set_default_dtype(usual)


def supports_of(
    module: Any, shape: Sequence[int], space: Ints, units: Sequence[Ints], seed: int
) -> list[tuple[Ends, ...]]:
    """Return where the gradient of each unit is not zero, along each axis, in any of some draws."""
    torch = import_torch()
    others = [axis for axis in range(len(shape)) if axis not in space]
    total: list[Any] = [None] * len(units)
    with torch.random.fork_rng(devices=[]), _doubles():
        torch.manual_seed(seed)
        for _ in range(_DRAWS):
            _redraw(module)
            values = torch.rand(shape, dtype=torch.float64) + 0.5
            values.requires_grad_(True)
            out = module(values)
            mixture = torch.rand(out.shape[1], dtype=torch.float64) + 0.5
            for i, unit in enumerate(units):
                scalar = (out[(0, slice(None), *unit)] * mixture).sum()
                (gradient,) = torch.autograd.grad(scalar, values, retain_graph=True, allow_unused=True)
                if gradient is not None:
                    seen = (gradient != 0) | ~torch.isfinite(gradient)
                    total[i] = seen if total[i] is None else total[i] | seen
    return [_ends(seen, space, others) for seen in total]


def _ends(seen: Any, space: Ints, others: Sequence[int]) -> tuple[Ends, ...]:
    """Return (first, last) of what is seen along each axis of the space."""
    found: list[Ends] = []
    for axis in space:
        rest = [a for a in (*others, *space) if a != axis]
        places = [] if seen is None else seen.any(dim=rest).nonzero().flatten().tolist() if rest else seen
        found.append((places[0], places[-1]) if len(places) else None)
    return tuple(found)


def _redraw(module: Any) -> None:
    """Draw all parameters and floating buffers anew, so that values stay about 1 through all layers."""
    torch = import_torch()
    for name, values in [*module.named_parameters(), *module.named_buffers()]:
        if not values.is_floating_point():
            continue
        fan_in = max(1, math.prod(values.shape[1:])) if values.ndim > 1 else 1
        drawn = torch.rand(values.shape, dtype=torch.float64) + 0.5
        if values.ndim > 1:
            drawn = drawn * torch.where(torch.rand(values.shape) < 0.8, 1.0, -0.5) / fan_in * 2
        if "running_mean" in name or "bias" in name:
            drawn = 0.1 * drawn
        values.data = drawn


def open_gates(module: Any) -> None:
    """Replace, in a module's graph, gates by smooth ones, maxima by averages, and all floats by doubles."""
    torch = import_torch()
    module.double()
    graph = module.graph
    floats = (torch.float32, torch.float16, torch.bfloat16)

    def doubled(value: Any) -> Any:
        return torch.float64 if value in floats else value

    for node in graph.nodes:
        if node.op != "call_function":
            continue
        name = str(getattr(node.target, "_schema", None) and node.target._schema.name).removeprefix("aten::")
        node.kwargs = {key: doubled(value) if key == "dtype" else value for key, value in node.kwargs.items()}
        node.args = tuple(doubled(a) if isinstance(a, torch.dtype) else a for a in node.args)
        replacement = _SMOOTH.get(name.removesuffix("_"))
        if name == "scaled_dot_product_attention":
            node.target = _attention
            given = node.kwargs
            node.kwargs = {"causal": given["is_causal"]} if "is_causal" in given else {}
        elif replacement is not None:
            node.target = replacement
            node.kwargs = {}
    graph.lint()
    module.recompile()


def _gate(values: Any, *_: Any) -> Any:
    """Return values at a slope between 1/2 and 3/2, of complex numbers real ones."""
    torch = import_torch()
    values = values.real + values.imag if values.is_complex() else values
    return values + 0.5 * torch.sin(values)


def _average(
    values: Any, size: Any, stride: Any = (), padding: Any = 0, dilation: Any = 1, ceil: bool = False
) -> Any:
    """Return averages in the place of maxima over windows, and of their places."""
    torch = import_torch()
    count = values.ndim - 2
    sizes, steps, pads, gaps = (per_axis(v, count, "size") for v in (size, stride or size, padding, dilation))
    weight = torch.ones((values.shape[1], 1, *sizes), dtype=values.dtype)
    more = [0] * count
    if ceil:
        for i, side in enumerate(values.shape[2:]):
            room = side + 2 * pads[i] - gaps[i] * (sizes[i] - 1) - 1
            more[i] = -room % steps[i]
    padded = torch.nn.functional.pad(
        values, [n for i in reversed(range(count)) for n in (pads[i], pads[i] + more[i])]
    )
    convolve = (torch.conv1d, torch.conv2d, torch.conv3d)[count - 1]
    return convolve(padded, weight, None, steps, 0, gaps, values.shape[1]) / math.prod(sizes)


def _average_and_places(*arguments: Any) -> tuple[Any, Any]:
    found = _average(*arguments)
    return found, import_torch().zeros_like(found)


def _mean(values: Any, dim: Any = None, keepdim: bool = False) -> Any:
    return values.mean() if dim in (None, []) else values.mean(dim, keepdim)


def _copied(target: Any, source: Any, *_: Any) -> Any:
    return source.expand_as(target)


def _both(first: Any, second: Any) -> Any:
    return 0.5 * (first + second)


def _softmax(values: Any, dim: int, *_: Any) -> Any:
    """Return a softmax of logits between -1 and 1, those that are masked apart: none is rounded away."""
    torch = import_torch()
    values = values.masked_fill(values <= -1e4, -math.inf)  # which some masks are written as
    finite = torch.where(torch.isfinite(values), values, torch.zeros_like(values))
    return torch.softmax(values / (1 + finite.abs().amax(dim, keepdim=True).detach()), dim)


def _attention(
    query: Any, key: Any, value: Any, mask: Any = None, _: Any = 0.0, causal: bool = False, **__: Any
) -> Any:
    """Return attention by such a softmax."""
    torch = import_torch()
    logits = query @ key.transpose(-1, -2)
    if causal:
        mask = torch.ones(logits.shape[-2:], dtype=torch.bool).tril()
    if mask is not None:
        logits = logits.masked_fill(~mask, -math.inf) if mask.dtype == torch.bool else logits + mask
    return _softmax(logits, -1) @ value


_SMOOTH: dict[str, Any] = {
    **dict.fromkeys(
        ("relu", "relu6", "hardtanh", "hardswish", "hardsigmoid", "leaky_relu", "threshold"), _gate
    ),
    **dict.fromkeys(("elu", "celu", "selu", "gelu", "silu", "mish", "softplus", "prelu", "clamp"), _gate),
    **dict.fromkeys(("clamp_min", "clamp_max", "abs", "rrelu", "sigmoid", "tanh", "erf"), _gate),
    "copy": _copied,
    "softmax": _softmax,
    **dict.fromkeys(("max_pool1d", "max_pool2d", "max_pool3d"), _average),
    **dict.fromkeys(("max_pool2d_with_indices", "max_pool3d_with_indices"), _average_and_places),
    **dict.fromkeys(("amax", "amin"), _mean),
    **dict.fromkeys(("maximum", "minimum"), _both),
}
