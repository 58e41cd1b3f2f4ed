"""Real models: the fields of the light ONNX models, and autograd's way to one effective field.

``python -m benchmarks.models`` prints a line per model; with torch, ``light_resnet50`` against one forward
and backward pass of the same graph at the size of its field, in float32, on one thread.
"""

from __future__ import annotations

import contextlib
import math
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import erfmath as em
from erfmath.models.onnx import from_onnx

from .measure import digits, machine, markdown

ROUNDS = 7
MODELS = (
    "bvlc_alexnet",
    "densenet121",
    "inception_v1",
    "inception_v2",
    "resnet50",
    "shufflenet",
    "squeezenet",
    "vgg19",
    "zfnet512",
)


def main() -> int:
    """Print the table of the nine models, and the ratio to autograd."""
    import onnx

    folder = Path(onnx.__file__).parent / "backend/test/data/light"
    rows = [row(name, onnx.load(folder / f"light_{name}.onnx")) for name in MODELS]
    header = ("model", "size", "stride", "first", "convert ms", "field ms")
    print(f"{machine()}, onnx {onnx.__version__}\n\n{markdown(header, rows)}\n")
    print(effective(onnx.load(folder / "light_resnet50.onnx")))
    return 0


def row(name: str, model: Any) -> tuple[str, ...]:
    """Return a model's field, and how long it takes once the file is in memory."""
    convert, field = [], []
    for _ in range(ROUNDS):
        forget()
        net, seconds = timed(lambda: from_onnx(model))
        convert.append(seconds)
        (size, stride, first), seconds = timed(lambda net=net: read(net))
        field.append(seconds)
    times = (digits(1e3 * statistics.median(times)) for times in (convert, field))
    return (name, str(size), str(stride), str(first), *times)


def read(net: em.Node) -> tuple[int, int, int]:
    """Return size, stride and first position of a square field."""
    field = em.receptive_field(net)
    return field.size[0], field.stride[0], field.offset[0]


def effective(model: Any) -> str:
    """Return the time of the 2-D effective field, by that of one autograd pass."""
    net = from_onnx(model)
    calls = {"erfmath": lambda: em.effective_field(em.distribution(net))}
    with contextlib.suppress(ImportError):
        calls["autograd"] = autograd(model, read(net)[0])
    seconds: dict[str, list[float]] = {name: [] for name in calls}
    for _ in range(ROUNDS):
        for name, call in calls.items():
            forget()
            seconds[name].append(timed(call)[1])
    lines = [f"light_resnet50, effective field: {calls['erfmath']()}"]
    lines += [f"{name}: {1e3 * statistics.median(times):.1f} ms" for name, times in seconds.items()]
    if "autograd" in seconds:
        ratios = [b / a for a, b in zip(seconds["erfmath"], seconds["autograd"], strict=True)]
        lines.append(f"autograd by erfmath: {statistics.median(ratios):.0f}x (wanted: 100x)")
    return "\n".join(lines)


def autograd(model: Any, side: int) -> Callable[[], Any]:
    """Return one pass, forward and backward from the middle unit, of the model's operators in torch."""
    import torch

    run, start = interpreter(model)
    torch.set_num_threads(1)
    x = torch.rand(1, 3, side, side, requires_grad=True)

    def call() -> Any:
        x.grad = None
        y = run(x, start)
        y[0, :, y.shape[2] // 2, y.shape[3] // 2].sum().backward()
        return x.grad

    return call


def interpreter(model: Any) -> tuple[Callable[..., Any], str]:
    """Return a function that runs a light model up to its last map, and the name of its input."""
    import onnx
    import torch
    import torch.nn.functional as F  # noqa: N812

    graph = onnx.shape_inference.infer_shapes(model, data_prop=True).graph
    given = {tensor.name for tensor in graph.initializer}
    start = next(entry.name for entry in graph.input if entry.name not in given)
    shapes = {
        e.name: [d.dim_value for d in e.type.tensor_type.shape.dim] for e in [*graph.value_info, *graph.input]
    }
    nodes = [
        node
        for node in graph.node
        if node.op_type in ("Conv", "BatchNormalization", "Relu", "MaxPool", "Sum")
    ]
    generator = torch.Generator().manual_seed(0)
    weights = {
        name: torch.rand(shapes[name], generator=generator) / max(1, math.prod(shapes[name][1:]))
        for node in nodes
        for name in node.input
        if name in shapes and all(name not in other.output for other in nodes)
    }
    options = [{a.name: onnx.helper.get_attribute_value(a) for a in node.attribute} for node in nodes]

    def run(x: Any, name: str) -> Any:
        values = {**weights, name: x}
        for node, a in zip(nodes, options, strict=True):
            x, *rest = [values[i] for i in node.input if i in values]
            if node.op_type == "Conv":
                x = F.conv2d(
                    x, rest[0], None, a.get("strides", 1), a.get("pads", [0, 0])[:2], 1, a.get("group", 1)
                )
            elif node.op_type == "BatchNormalization":
                x = F.batch_norm(x, rest[2], rest[3], rest[0], rest[1])
            elif node.op_type == "MaxPool":
                x = F.max_pool2d(x, a["kernel_shape"], a.get("strides", 1), a.get("pads", [0, 0])[:2])
            else:
                x = F.relu(x) if node.op_type == "Relu" else x + rest[0]
            values[node.output[0]] = x
        return x

    return run, start


def timed(call: Callable[[], Any]) -> tuple[Any, float]:
    """Return what a call gives and the seconds it takes."""
    start = time.perf_counter()
    found = call()
    return found, time.perf_counter() - start


def forget() -> None:
    """Empty the caches, so that every round does all the work."""
    modules = [module for name, module in list(sys.modules.items()) if name.startswith("erfmath.")]
    for entry in (entry for module in modules for entry in vars(module).values()):
        if hasattr(entry, "cache_clear") and not isinstance(entry, type):
            entry.cache_clear()


if __name__ == "__main__":
    raise SystemExit(main())
