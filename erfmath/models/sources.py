"""Networks from whatever names or holds one: values, words, files and modules."""

from __future__ import annotations

import importlib
import os
import re
import sys
from pathlib import Path
from typing import Any

from .._checks import per_axis
from ..formats.json_format import network_from_json
from ..formats.notation import parse_network
from ..network.algebra import Node
from ..network.graph import Graph
from .model import Model

# By number of axes: a second of audio, a picture as ImageNet's networks see it, a small volume.
INPUT_SIZES = {1: 16000, 2: 224, 3: 64}
CHANNELS = {2: 3}

ACCEPTED = (
    "a network such as Conv(3) >> Pool(2), a Model, the name of a zoo network, layers such as "
    "'conv3s2 relu', the path of an .onnx or .json file, 'package.module:factory', or a PyTorch module"
)


def read(
    what: Any,
    *,
    example: Any = None,
    ndim: int | None = None,
    output: str | int | None = None,
    input_size: Any = None,
    channels: int | None = None,
    global_context: bool = True,
) -> tuple[str, Node, str | None]:
    """Return the name and the network of what names or holds one, and its output where that is not its own.

    A size and channels that are asked for are those of a model's input; the others ignore them.

    Raises
    ------
    TypeError
        If it is nothing that can be read.
    ValueError, OSError
        If a word, a file or a module cannot be read, or the output is unknown: the message names it.
    """
    options = {"output": output, "input_size": input_size, "channels": channels, "gates": global_context}
    if isinstance(what, os.PathLike) or (isinstance(what, str) and re.search(r"\.(onnx|json)$", what)):
        path = Path(what)
        if path.suffix != ".json":
            return _model(path.name, _onnx_model(path, **options))
        return _network(str(what), _json_network(path), output)
    if isinstance(what, str):
        if re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*", what):
            return _model(what, _torch_model(_made(what), None, **options))
        return _network(what, parse_network(what, ndim), output)
    if isinstance(what, Model):
        return _model(what.name, what if output is None else what.up_to(output))
    if isinstance(what, Node):
        return _network("network", what, output)
    found = _model_of(what, example, options)
    return _model(found.name, found)


def _model_of(what: Any, example: Any, options: dict[str, Any]) -> Model:
    """Return the network of a value of another library."""
    kinds = {f"{cls.__module__.partition('.')[0]}.{cls.__name__}" for cls in type(what).__mro__}
    if kinds & {"torch.Module", "torch.ExportedProgram"}:
        return _torch_model(what, example, **options)
    if "ModelProto" in {kind.partition(".")[2] for kind in kinds}:
        return _onnx_model(what, **options)
    raise TypeError(f"what must be {ACCEPTED}; got {what!r:.60} of type {type(what).__name__}")


def _model(name: str, model: Model) -> tuple[str, Node, str | None]:
    """Return a model under the name it was asked for by."""
    return name, model, None if model.reads_own_output else model.output


def _network(name: str, net: Node, output: str | int | None) -> tuple[str, Node, str | None]:
    """Return a network up to the layer of a name."""
    if output is None:
        return name, net, None
    if not isinstance(net, Graph):
        raise ValueError(
            f"output={output!r} needs a network with named layers: an ONNX file, a PyTorch module, a Graph"
        )
    return name, Graph(net.args[0], str(output)), None if output == net.output else str(output)


def _json_network(path: Path) -> Node:
    try:
        require_file(path)
        return network_from_json(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise ValueError(f"{path} is no text") from None


def require_file(path: Path) -> None:
    """Raise where there is no such file, saying what was looked for."""
    if not path.is_file():
        what = (
            "a folder, not a file" if path.is_dir() else f"not there (looked for in {path.resolve().parent})"
        )
        raise FileNotFoundError(f"{str(path)!r} is {what}")


def _onnx_model(model: Any, output: Any, input_size: Any, channels: int | None, gates: bool) -> Model:
    """Return a model of a file; a size and channels that are asked for replace those of its input."""
    from .onnx import from_onnx

    found = from_onnx(model, output, gates=gates)
    asked = _asked_shape(found, input_size, channels)
    return found if asked == found.input_shape else from_onnx(model, output, input_shape=asked, gates=gates)


def _asked_shape(model: Model, input_size: Any, channels: int | None) -> tuple[int | None, ...]:
    """Return the shape of a model's input with the size and the channels that are asked for."""
    asked = list(model.input_shape)
    if input_size is not None:
        sides = per_axis(input_size, len(model.space), "input_size", minimum=1)
        for axis, side in zip(model.space, sides, strict=True):
            asked[axis] = side
    for axis in [axis for axis in range(1, len(asked)) if axis not in model.space][:1]:
        asked[axis] = channels or asked[axis]
    return tuple(asked)


def _torch_model(
    module: Any, example: Any, output: Any, input_size: Any, channels: int | None, gates: bool
) -> Model:
    """Return the model of a module, with the example given or an input of the size and channels asked for."""
    from .torch import from_torch

    if isinstance(output, str) and output.isdecimal():
        output = int(output)
    if example is None:
        ndim, first = _first_convolution(module)
        size = INPUT_SIZES.get(ndim, 16) if input_size is None else input_size
        sides = tuple(size) if isinstance(size, (tuple, list)) else (size,) * ndim
        example = (1, channels or first or CHANNELS.get(len(sides), 1), *sides)
    return from_torch(module, example, output, gates=gates)


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
