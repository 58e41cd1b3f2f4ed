"""An ONNX file as a function of an array, run by onnxruntime."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from ..models.model import Model


class Session:
    """A file up to one of its tensors, run by onnxruntime; `kind` is the type of its input.

    Parameters
    ----------
    model
        A model read from an ONNX file.
    done
        What is done with it, for messages: it "cannot be verified".
    edit
        Changes the graph, given with the name of its input, before it is run.
    is_plain
        Whether the graph is run as it is written, without what makes it faster.

    Raises
    ------
    ImportError
        If onnxruntime is missing.
    ValueError
        If onnxruntime does not run the file.
    """

    def __init__(
        self, model: Model, done: str, edit: Callable[[Any, str], None], is_plain: bool = True
    ) -> None:
        try:
            import onnxruntime
        except ImportError:
            raise ImportError(
                f"an ONNX file is {done} by the onnxruntime package: pip install onnxruntime"
            ) from None
        proto, self._input, given = model.runnable()
        edit(proto.graph, self._input)
        options = onnxruntime.SessionOptions()
        if is_plain:
            options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_DISABLE_ALL
        options.log_severity_level = 4
        self._name, self._done = model.name, done
        try:
            data = proto.SerializeToString()
            self._session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
        except Exception as error:  # onnxruntime's own, of several kinds
            raise self._refusal(error) from None
        inputs = {entry.name: entry for entry in self._session.get_inputs()}
        self.kind = _kind_of(inputs.pop(self._input))
        self._given = {name: _filled(entry) for name, entry in inputs.items()} | given

    def __call__(self, values: Any) -> Any:
        """Return the output for an input."""
        try:
            return self._session.run(None, {self._input: values, **self._given})[0]
        except Exception as error:  # onnxruntime's own, of several kinds
            raise self._refusal(error) from None

    def _refusal(self, error: Exception) -> ValueError:
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        return ValueError(
            f"{self._name} cannot be {self._done}, as onnxruntime does not run it: {reason[:200]}"
        )


def at_any_size(model: Model) -> Session:
    """Return a file as it is, which takes inputs of any size that its operators take."""

    def opened(graph: Any, name: str) -> None:
        (entry,) = (entry for entry in graph.input if entry.name == name)
        for axis in model.space:
            entry.type.tensor_type.shape.dim[axis].ClearField("dim_value")
        del graph.value_info[:]  # which has the sizes of what is between

    return Session(model, "measured", opened, is_plain=False)


def _kind_of(entry: Any) -> Any:
    """Return the type of an input of a session, whose name is such as tensor(float)."""
    word = entry.type.removeprefix("tensor(").removesuffix(")")
    return np.dtype({"float": "float32", "double": "float64"}.get(word, word))


def _filled(entry: Any) -> Any:
    """Return ones for another input of a session, its open sides as 1."""
    return np.ones([side if isinstance(side, int) else 1 for side in entry.shape], _kind_of(entry))
