"""Networks from all that names or holds one: values, words, files and modules."""

from __future__ import annotations

import importlib
import os
import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from .._checks import require_file
from ..formats.notation import parse_network
from ..network.algebra import Node
from ..network.graph import Graph
from .model import LAST_MAP, Model
from .usual import CHANNELS, INPUT_SIZES

ACCEPTED = (
    "a network such as Conv(3) >> Pool(2), a Model, the name of a zoo network, layers such as "
    "'conv3s2 relu', the path of an .onnx or .json file, 'package.module:factory', or a PyTorch module"
)

_CHECKPOINT = (
    "; weights alone do not say what is connected to what: name a function that makes the module and loads "
    "them"
)


@dataclass(frozen=True)
class Options:
    """How a model is read; networks that are none ignore the size and the channels.

    Attributes
    ----------
    output, input
        The tensors to read up to and from, None for the model's own.
    input_size, channels
        Of the input.
    input_shape, space
        The shape of the input of an ONNX file, and which of its axes are spatial.
    values
        Of other inputs of an ONNX file, by name.
    rules
        What operators mean that are not known, by name.
    global_context
        False leaves out the branches that read the whole map.
    """

    output: str | int | None = None
    input: str | int | None = None
    input_size: Any = None
    channels: int | None = None
    input_shape: Sequence[int | None] | None = None
    space: Any = None
    values: Mapping[str, Any] | None = None
    rules: Mapping[str, Any] | None = None
    global_context: bool = True

    def require_none(self, what: str, *names: str) -> None:
        """Raise where an option is given that `what` has no use for."""
        for name in names:
            if getattr(self, name) not in (None, True):
                raise ValueError(f"{name} counts where a model is read, and {what}")


def read(
    what: Any,
    *,
    example: Any = None,
    ndim: int | None = None,
    **given: Any,
) -> tuple[str, Node, str | None]:
    """Return the name, the network, and the output that was read, None for the network's own.

    The other arguments are :class:`Options`.

    Raises
    ------
    TypeError
        If `what` is nothing that can be read.
    ValueError, OSError
        If a word, a file or a module cannot be read, the output is unknown, or an argument does not fit what
        is read: the message names it.
    """
    options = Options(**given)
    what = what.strip() if isinstance(what, str) else what
    name, net = _read(what, example, ndim, options)
    if ndim is not None and net.ndim not in (None, ndim):
        raise ValueError(f"ndim must be {net.ndim} or None for {name}, got {ndim}")
    if example is not None and not (isinstance(net, Model) and net.is_module):
        raise ValueError(f"example is an input of a PyTorch module, and {name} is none")
    if isinstance(net, Model):
        return name, net, None if net.reads_own_output else net.output
    if not options.global_context:
        raise ValueError(f"only a model can be read without its global context, and {name} is none")
    options.require_none(f"{name} is none", *_OF_MODELS)
    return name, *_up_to(net, options.output)


_OF_MODELS = ("input", "input_shape", "space", "values", "rules")


def _read(what: Any, example: Any, ndim: int | None, options: Options) -> tuple[str, Node]:
    """Return the name and the network of what names or holds one; a model is read up to the output."""
    if isinstance(what, os.PathLike) or (isinstance(what, str) and re.search(r"\.(onnx|json)$", what)):
        path = Path(what)
        return (str(what), _json(path)) if path.suffix == ".json" else (path.name, _onnx(path, options))
    if isinstance(what, str):
        if names_module(what):
            return what, _torch(module_of(what), example, options)
        return what, _notation(what, ndim)
    if isinstance(what, Model):
        if example is not None or not options.global_context:
            raise ValueError("example and global_context are for reading a model; this one has been read")
        options.require_none("this one has been read", *_OF_MODELS)
        return what.name, what if options.output is None else what.up_to(options.output)
    if isinstance(what, Node):
        return "network", what
    found = _foreign(what, example, options)
    return found.name, found


def _foreign(what: Any, example: Any, options: Options) -> Model:
    """Return the model of a value of another library."""
    kinds = {f"{cls.__module__.partition('.')[0]}.{cls.__name__}" for cls in type(what).__mro__}
    if kinds & {"torch.Module", "torch.ExportedProgram"}:
        return _torch(what, example, options)
    if "ModelProto" in {kind.partition(".")[2] for kind in kinds}:
        return _onnx(what, options)
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
            more = _CHECKPOINT if text.endswith((".pt", ".pth", ".ckpt", ".safetensors")) else ""
            raise ValueError(f"{text!r} is a file of another kind; what must be {ACCEPTED}{more}") from None
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


def _onnx(model: Any, options: Options) -> Model:
    """Return a model of a file; a size and channels that are asked for replace those of its input."""
    from .onnx import operators_of, read_file
    from .onnx.reader import Asked

    if options.input_shape is not None and (options.input_size, options.channels) != (None, None):
        raise ValueError("input_shape has a size and channels; give it without input_size and channels")
    asked = Asked(
        None if options.input is None else str(options.input),
        options.input_shape,
        options.space,
        options.input_size,
        options.channels,
        dict(options.values or {}),
        operators_of(options.rules),
    )
    return read_file(model, _or_last_map(options.output), asked, options.rules, options.global_context)


def _or_last_map(output: str | int | None) -> str | int:
    """Return the output asked for; by default what a page shows with a word on it, not in a warning."""
    return LAST_MAP if output is None else output


def _torch(module: Any, example: Any, options: Options) -> Model:
    """Return the model of a module, with the example given or an input of the size and channels asked for."""
    from .torch import from_torch

    options.require_none("a module's input is its example", "values")
    output, start, size = _or_last_map(options.output), options.input, options.input_size
    if isinstance(output, str) and output.isdecimal():
        output = int(output)
    if isinstance(start, str) and start.isdecimal():
        start = int(start)
    example = options.input_shape if example is None else example
    if example is not None and (size, options.channels) != (None, None):
        raise ValueError("an example has a size and channels; give it without input_size and channels")
    if example is None:
        ndim, first = _first_convolution(module)
        size = INPUT_SIZES.get(ndim, 16) if size is None else size
        sides = tuple(size) if isinstance(size, (tuple, list)) else (size,) * ndim
        example = (1, options.channels or first or CHANNELS.get(len(sides), 1), *sides)
    return from_torch(
        module,
        example,
        output,
        start,
        space=options.space,
        rules=options.rules,
        global_context=options.global_context,
    )


def names_module(word: str) -> bool:
    """Return whether a word is such as package.module:factory."""
    return re.fullmatch(r"[A-Za-z_][\w.]*:[A-Za-z_][\w.]*", word) is not None


def module_of(word: str) -> Any:
    """Return the module that package.module:factory makes, files in the current folder included."""
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
        path = f"; give {name[:-3]}:{factory}, without .py" if name.endswith(".py") else ""
        raise ValueError(f"{word}: {type(error).__name__}: {lines[0]}{path}") from error
    finally:
        sys.path.remove("")


def _first_convolution(module: Any) -> tuple[int, int | None]:
    """Return the number of axes and the input channels of a module's first convolution, two axes without."""
    for part in module.modules() if hasattr(module, "modules") else ():
        if re.fullmatch(r"(Lazy)?Conv(Transpose)?[123]d", type(part).__name__):
            return len(part.kernel_size), part.in_channels or None
    return 2, None
