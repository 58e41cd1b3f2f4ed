"""Networks from all that names or holds one: values, words, files and modules."""

from __future__ import annotations

import importlib
import os
import re
import sys
from pathlib import Path
from typing import Any

from .._checks import per_axis, require_file
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
    """Return the name, the network, and the output that was read, None for the network's own.

    A size and channels are those of the input of a model that is read here; other networks ignore them.

    Raises
    ------
    TypeError
        If `what` is nothing that can be read.
    ValueError, OSError
        If a word, a file or a module cannot be read, the output is unknown, or an argument does not fit what
        is read: the message names it.
    """
    options = {
        "output": output,
        "input_size": input_size,
        "channels": channels,
        "global_context": global_context,
    }
    what = what.strip() if isinstance(what, str) else what
    name, net = _read(what, example, ndim, options)
    if ndim is not None and net.ndim not in (None, ndim):
        raise ValueError(f"ndim must be {net.ndim} or None for {name}, got {ndim}")
    if example is not None and not (isinstance(net, Model) and net.is_module):
        raise ValueError(f"example is an input of a PyTorch module, and {name} is none")
    if isinstance(net, Model):
        return name, net, None if net.reads_own_output else net.output
    if not global_context:
        raise ValueError(f"only a model can be read without its global context, and {name} is none")
    return name, *_up_to(net, output)


def _read(what: Any, example: Any, ndim: int | None, options: dict[str, Any]) -> tuple[str, Node]:
    """Return the name and the network of what names or holds one; a model is read up to the output."""
    if isinstance(what, os.PathLike) or (isinstance(what, str) and re.search(r"\.(onnx|json)$", what)):
        path = Path(what)
        return (str(what), _json(path)) if path.suffix == ".json" else (path.name, _onnx(path, **options))
    if isinstance(what, str):
        if re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*", what):
            return what, _torch(_made(what), example, **options)
        return what, _notation(what, ndim)
    if isinstance(what, Model):
        if example is not None or not options["global_context"]:
            raise ValueError("example and global_context are for reading a model; this one has been read")
        return what.name, what if options["output"] is None else what.up_to(options["output"])
    if isinstance(what, Node):
        return "network", what
    found = _foreign(what, example, options)
    return found.name, found


def _foreign(what: Any, example: Any, options: dict[str, Any]) -> Model:
    """Return the model of a value of another library."""
    kinds = {f"{cls.__module__.partition('.')[0]}.{cls.__name__}" for cls in type(what).__mro__}
    if kinds & {"torch.Module", "torch.ExportedProgram"}:
        return _torch(what, example, **options)
    if "ModelProto" in {kind.partition(".")[2] for kind in kinds}:
        return _onnx(what, **options)
    raise TypeError(f"what must be {ACCEPTED}; got {what!r:.60} of type {type(what).__name__}")


def _up_to(net: Node, output: str | int | None) -> tuple[Node, str | None]:
    """Return a network up to the layer of a name, and that name where it is not the network's own output."""
    if output is None:
        return net, None
    if not isinstance(net, Graph):
        raise ValueError(
            f"output={output!r} needs a network with named layers: an ONNX file, a PyTorch module or a Graph"
        )
    return Graph(net.args[0], str(output)), None if output == net.output else str(output)


def _notation(text: str, ndim: int | None) -> Node:
    """Return the network of a word or of layers in the short notation."""
    try:
        return parse_network(text, ndim)
    except ValueError:
        if os.path.exists(text):
            raise ValueError(f"{text!r} is a file of another kind; what must be {ACCEPTED}") from None
        raise


def _json(path: Path) -> Node:
    from ..formats.json_format import network_from_json

    require_file(path)
    try:
        return network_from_json(path.read_text(encoding="utf-8"))
    except UnicodeDecodeError:
        raise ValueError(f"{str(path)!r} is not a text file") from None
    except (TypeError, ValueError) as error:
        raise type(error)(f"{str(path)!r}: {error}") from None


def _onnx(model: Any, output: Any, input_size: Any, channels: int | None, global_context: bool) -> Model:
    """Return a model of a file; a size and channels that are asked for replace those of its input."""
    from .onnx import from_onnx

    found = from_onnx(model, output, global_context=global_context)
    asked = _asked_shape(found, input_size, channels)
    if asked == found.input_shape:
        return found
    return from_onnx(model, output, input_shape=asked, global_context=global_context)


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


def _torch(
    module: Any, example: Any, output: Any, input_size: Any, channels: int | None, global_context: bool
) -> Model:
    """Return the model of a module, with the example given or an input of the size and channels asked for."""
    from .torch import from_torch

    if isinstance(output, str) and output.isdecimal():
        output = int(output)
    if example is not None and (input_size, channels) != (None, None):
        raise ValueError("an example has a size and channels; give it without input_size and channels")
    if example is None:
        ndim, first = _first_convolution(module)
        size = INPUT_SIZES.get(ndim, 16) if input_size is None else input_size
        sides = tuple(size) if isinstance(size, (tuple, list)) else (size,) * ndim
        example = (1, channels or first or CHANNELS.get(len(sides), 1), *sides)
    return from_torch(module, example, output, global_context=global_context)


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
    except (Exception, SystemExit) as error:  # whatever a module of the user's raises
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
