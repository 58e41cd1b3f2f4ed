"""Networks from elsewhere on the command line: ONNX files, and PyTorch modules by module:factory."""

from __future__ import annotations

import argparse
import importlib
import re
import sys
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from erfmath._checks import per_axis
from erfmath.network.algebra import Node
from erfmath.network.graph import Graph
from erfmath.report.layers import LayerRow, layer_table

from ..report.analysis import CHANNELS, INPUT_SIZES, axes_of, channels_of
from .arguments import parse_count, parse_sides, read_network


@dataclass
class Model:
    """A network, and what a model says of its input.

    Attributes
    ----------
    name, net
        The network.
    input_size, channels
        Of the model's input, None where it leaves them open.
    output
        The tensor that is read, None where it is the model's own output.
    reader, trace
        Of a model that was converted, None of a network.
    gates
        Whether branches that read the whole map are kept.
    """

    name: str
    net: Node
    input_size: Any = None
    channels: int | None = None
    output: str | None = None
    reader: Any = None
    trace: Any = None
    gates: bool = True

    @property
    def is_converted(self) -> bool:
        """Whether it is a model from elsewhere."""
        return self.trace is not None

    @property
    def module(self) -> Any:
        """The exported program of a PyTorch module, None of others."""
        return getattr(self.reader, "program", None)

    def with_weights(self, weights: str) -> Node:
        """Return the network with the model's own weights."""
        if self.reader is None:
            raise ValueError(f"--weights {weights} needs a model: an ONNX file or a PyTorch module")
        found: Node = self.reader.network(_trace(self.reader, self.gates, weights))
        return found

    @cached_property
    def stages(self) -> list[dict[str, Any]]:
        """The readings of each tensor where the rate changes or branches join, and of the output."""
        if isinstance(self.net, Graph):
            rows = _stages_of_graph(self.net)
        elif self.is_converted:
            rows = _stages_of_chain(self.trace)
        else:
            raise ValueError("--all lists the tensors of a model; the table of layers has them already")
        sizes = {tensor.name: tensor.sides for tensor in self.trace.made} if self.is_converted else {}
        return [_stage(name, row, sizes.get(name)) for name, row in rows.items()]


def read_model(word: str, arguments: argparse.Namespace) -> Model:
    """Return the network of a word, up to the output asked for."""
    if word.endswith(".onnx"):
        return _onnx_model(word, arguments)
    if re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*", word):
        return _torch_model(word, arguments)
    net = read_network(word, arguments.ndim and parse_count(arguments.ndim, "--ndim"))
    if arguments.output is None:
        return Model(word, net)
    if not isinstance(net, Graph):
        raise ValueError(
            "--output needs a network with named layers: an ONNX file, a PyTorch module, a Graph"
        )
    output = None if arguments.output == net.output else arguments.output
    return Model(word, Graph(net.args[0], arguments.output), output=output)


def _onnx_model(path: str, arguments: argparse.Namespace) -> Model:
    """Return the network of a file; a size and channels that are asked for replace those of its input."""
    from erfmath.models.onnx import Reader, loaded
    from erfmath.models.trace import spatial_axes

    model, folder = loaded(Path(path)), Path(path).parent
    reader = Reader(model, arguments.output, None, None, folder)
    space = reader.space(None)
    axes = spatial_axes(space, len(reader.input_shape))
    asked = _asked_shape(reader.input_shape, axes, arguments)
    if asked != reader.input_shape:
        reader = Reader(model, arguments.output, None, asked, folder)
    gates = not arguments.no_gates
    trace = _trace(reader, gates)
    net = reader.network(trace)
    sides = tuple(asked[axis] for axis in axes)
    channels = [side for axis, side in enumerate(asked) if axis and axis not in axes]
    size = None if None in sides else sides
    own = {entry.name for entry in model.graph.output}
    read = trace.read.title
    output = None if read in own else read
    return Model(Path(path).name, net, size, channels[0] if channels else None, output, reader, trace, gates)


def _trace(reader: Any, gates: bool, weights: str = "uniform") -> Any:
    """Return what follows the tensors of a model."""
    from erfmath.models.trace import Trace

    return Trace(reader.input_shape, reader.space(None), None, gates, weights)


def _asked_shape(shape: Any, space: tuple[int, ...], arguments: argparse.Namespace) -> tuple[int | None, ...]:
    """Return the shape of a model's input with the size and the channels that are asked for."""
    asked = list(shape)
    if (size := parse_sides(arguments.input_size, "--input-size")) is not None:
        for axis, side in zip(space, per_axis(size, len(space), "--input-size", minimum=1), strict=True):
            asked[axis] = side
    channels = channels_of(arguments)
    for axis in [axis for axis in range(1, len(asked)) if axis not in space][:1]:
        asked[axis] = channels or asked[axis]
    return tuple(asked)


def _torch_model(word: str, arguments: argparse.Namespace) -> Model:
    """Return the network of a module, exported with an input of the size and the channels asked for."""
    from erfmath.models.torch import Reader, exported

    module = _made(word)
    ndim, first = _first_convolution(module)
    size = parse_sides(arguments.input_size, "--input-size")
    if size is None:
        size = INPUT_SIZES.get(ndim, 16)
    sides = axes_of(size) if isinstance(size, tuple) else (size,) * ndim
    channels = channels_of(arguments) or first or CHANNELS.get(len(sides), 1)
    output = arguments.output
    number = int(output) if output and output.isdecimal() else output
    reader = Reader(exported(module, (1, channels, *sides)), number, None)
    gates = not arguments.no_gates
    trace = _trace(reader, gates)
    net = reader.network(trace)
    if reader.is_final:
        output = None if trace.read.title == reader.output.name else trace.read.title
    return Model(word, net, sides, channels, output, reader, trace, gates)


def _made(word: str) -> Any:
    """Return the module that module:factory makes, files in the current folder included."""
    try:
        import torch
    except ImportError:
        raise ImportError(f"{word} needs PyTorch: pip install torch") from None
    name, _, factory = word.partition(":")
    sys.path.insert(0, "")
    try:
        found: Any = importlib.import_module(name)
        for part in factory.split("."):
            found = getattr(found, part)
        return found if isinstance(found, torch.nn.Module) else found()
    except Exception as error:  # whatever a module of the user's raises
        lines = str(error).splitlines() or [""]
        raise ValueError(f"{word}: {type(error).__name__}: {lines[0]}") from error
    finally:
        sys.path.remove("")


def _first_convolution(module: Any) -> tuple[int, int | None]:
    """Return the number of axes and the input channels of a module's first convolution, two axes without."""
    for part in module.modules() if hasattr(module, "modules") else ():
        if re.fullmatch(r"(Lazy)?Conv(Transpose)?[123]d", type(part).__name__):
            return len(part.kernel_size), part.in_channels or None
    return 2, None


def _stages_of_graph(net: Graph) -> dict[str, LayerRow]:
    """Return the layers that join branches or change the rate, and the output."""
    rows = zip(net.order, layer_table(net), strict=True)
    return {
        entry.name: row
        for entry, row in rows
        if len(entry.sources) > 1 or set(entry.node.rate or (1,)) != {1} or entry.name == net.output
    }


def _stages_of_chain(trace: Any) -> dict[str, LayerRow]:
    """Return the tensors of a chain at which the rate changes, and the last."""
    nets = {tensor.name: trace.network(tensor) for tensor in trace.made[1:] if tensor.space}
    found: dict[str, LayerRow] = {}
    rate = None
    for name, net in nets.items():
        if net.rate != rate or name == [*nets][-1]:
            found[name] = layer_table(net).rows[-1]
        rate = net.rate
    return found


def _stage(name: str, row: LayerRow, size: Any) -> dict[str, Any]:
    size = None if not size or None in size else size
    return {"tensor": name, "size": size, "stride": row.stride, "start": row.start, "field": row.size}
