"""ONNX files: what is in them, and the weights that they keep in files of their own."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np

from ..._checks import require_file
from ..._memory import check_memory


def loaded(model: Any) -> Any:
    """Return a model from a path, or as it is.

    Raises
    ------
    ValueError
        If the file holds no model, or one that is cut off.
    OSError
        If there is no such file.
    ImportError
        If the ``onnx`` package is missing.
    """
    try:
        import onnx
    except ImportError:
        raise ImportError("from_onnx needs the onnx package: pip install onnx") from None
    if isinstance(model, onnx.ModelProto):
        return model
    if not isinstance(model, (str, os.PathLike)):
        raise TypeError(f"model must be a path or an onnx.ModelProto, got {type(model).__name__}")
    path = Path(model)
    require_file(path)
    check_memory(3 * path.stat().st_size, f"reading {str(path)!r}", "free memory first")
    try:
        found = onnx.load_model_from_string(path.read_bytes())
    except Exception as error:  # protobuf's, which differ between its versions
        raise ValueError(
            f"{str(path)!r} is no ONNX model, or is cut off: {str(error).splitlines()[0]}"
        ) from None
    if any(isinstance(word, bytes) for word in _words(found)):
        raise ValueError(f"{str(path)!r} is damaged: it has names that are no text")
    if not found.graph.node and not found.graph.output:
        raise ValueError(f"{str(path)!r} is no ONNX model, or is cut off: it holds no graph")
    return found


def _words(model: Any) -> Iterator[Any]:
    """Yield the names in a model, those within its functions and branches included; bytes are no text."""
    graphs = [model.graph, *model.functions]
    while graphs:
        graph = graphs.pop()
        for node in graph.node:
            yield from (node.name, node.op_type, node.domain, *node.input, *node.output)
            yield from (entry.name for entry in node.attribute)
            graphs += [entry.g for entry in node.attribute if entry.HasField("g")]
        if hasattr(graph, "initializer"):
            yield from (entry.name for entry in (*graph.initializer, *graph.input, *graph.output))
    yield from (entry.domain for entry in model.opset_import)


def folder_of(model: Any) -> Path | None:
    """Return where a model's weights in files of their own are, None where it is no path."""
    return Path(model).parent if isinstance(model, (str, os.PathLike)) else None


def value_of(tensor: Any, folder: Path | None) -> Any:
    """Return the value of a stored tensor as an array; None where it is in a file, and no folder is known.

    Raises
    ------
    ValueError
        If the tensor is damaged, is too large for the memory, or its file is missing, too short, or outside
        the folder of the model.
    """
    from onnx import TensorProto, numpy_helper

    check_memory(2 * _bytes(tensor), f"the weights {tensor.name!r}", "free memory first")
    try:
        if tensor.data_location == TensorProto.EXTERNAL:
            if folder is None:
                return None
            tensor = _with_data(tensor, folder)
        found = numpy_helper.to_array(tensor)
    except (TypeError, ValueError, KeyError, NotImplementedError) as error:
        if str(error).startswith("the weights"):
            raise
        raise ValueError(f"the weights {tensor.name!r} are damaged: {str(error).splitlines()[0]}") from None
    return found if found.dtype.kind in "biufcOSU" else found.astype(np.float32)  # bfloat16 and the like


def _bytes(tensor: Any) -> int:
    """Return how many bytes a tensor takes; damaged ones, whose sides are negative, take none."""
    return 4 * math.prod(max(0, int(side)) for side in tensor.dims)


def _with_data(tensor: Any, folder: Path) -> Any:
    """Return a tensor that holds what its file has."""
    where = {entry.key: entry.value for entry in tensor.external_data}
    path = _inside(folder, where.get("location", ""), tensor.name)
    start, count = _extent(where, path.stat().st_size, tensor.name)
    with path.open("rb") as file:
        file.seek(start)
        data = file.read(count)
    return type(tensor)(name=tensor.name, data_type=tensor.data_type, dims=tensor.dims, raw_data=data)


def _inside(folder: Path, location: str, name: str) -> Path:
    """Return the file of a location, which must lie in a folder."""
    says = f"the weights {name!r} are in the file {location!r}, which"
    if not location or "\0" in location or os.path.isabs(location):
        raise ValueError(f"{says} is no file beside the model")
    path, home = (folder / location).resolve(), folder.resolve()
    if not path.is_relative_to(home):
        raise ValueError(f"{says} lies outside the model's folder; it is not read")
    if not path.is_file():
        raise ValueError(f"{says} is missing; put it beside the model")
    return path


def _extent(where: Mapping[str, str], size: int, name: str) -> tuple[int, int]:
    """Return where a tensor begins in its file, and how many bytes it has."""
    words = where.get("offset", "0"), where.get("length", "")
    if not all(len(word) < 20 and (word.isdecimal() or not word) for word in words):
        raise ValueError(f"the weights {name!r} are damaged: their place in a file is {words!r}")
    start = int(words[0] or 0)
    count = int(words[1]) if words[1] else size - start
    if not 0 <= start <= start + count <= size:
        raise ValueError(f"the weights {name!r} are damaged: their file is too short, it may be cut off")
    return start, count
