"""ONNX models: from a file to a network that knows where it comes from."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from ..model import Model, Source, told
from .file import folder_of, loaded
from .reader import Asked, Reader


def from_onnx(
    model: Any,
    output: str | int | None = None,
    input: str | None = None,  # noqa: A002
    *,
    input_shape: Sequence[int | None] | None = None,
    space: int | Sequence[int] | None = None,
    rules: Mapping[str, Any] | None = None,
    global_context: bool = True,
    weights: str = "uniform",
    rates: Any = None,
    gates: bool | None = None,
    values: Mapping[str, Any] | None = None,
) -> Model:
    """Return the network between two tensors of an ONNX model, as a Model.

    Every convolution gets uniform taps and its numbers of channels and groups, a concatenation the shares
    of its channels as gains, products and maxima of tensors equal shares, sums 1 each. What reads the
    whole map (global pools, flattening, attention, recurrence, statistics of instance and group
    normalisation) is a GlobalPool: the field there is unbounded, and says so. Interpolation with aligned
    corners reads other samples from place to place: its field is that of all units of a phase together.

    Parameters
    ----------
    model
        A path, or an ``onnx.ModelProto``, whose weights in files of their own are read from a path only.
    output
        The name of any tensor, or of the node that makes it; the number of an output. None for the model's
        first output or, where that holds no positions (the logits of a classifier), for the last tensor with
        more than one, with a warning; "last map" for that without one.
    input
        The name of any tensor before it; None for the model's input.
    input_shape
        The shape that it is read at; None entries are the file's own, and where the file leaves them open
        usual ones: a batch of 1, the channels of the first convolution, 16 000 samples on one axis, 224 on
        two, 64 on three (another usual size where tensors do not fit at that). `warnings` says so.
    space
        The input's spatial axes; by default those behind the batch and the channels, or between them where
        the model begins with a transposition of channels that come last.
    rules
        What operators of your own mean, by operator type: a network, such as ``Identity()``, or a function
        that makes one of an ``erfmath.models.ir.Operator``.
    global_context
        False leaves out branches that read the whole map where they join one that does not: gates of
        squeeze-excitation, image-level pooling, attention, statistics of normalisations.
    weights
        "uniform" for equal taps. "given" for the model's own weights, channel by channel, with activations
        at their mean slopes: :func:`erfmath.impact_map` is then its gradient (but for interpolation with
        aligned corners, whose taps are averaged over the map), the ``variance`` profile its energy under
        random signs. "energy" for the mean squares over channels: nearly the latter, in milliseconds,
        whatever the profile.
    rates
        For "given" and "energy", the shares of inputs at which ReLU gates are open, 1/2 by default: one for
        all, or shares (or arrays with one per channel) by name of the operator or of what it makes.
    gates
        The older name of `global_context`.
    values
        Values of other inputs, by name, where branches or loops depend on them: ``{"sr": 16000}``.

    Returns
    -------
    Model
        Its `net` is a Graph with the names of the model's nodes, or a Series where there is one path.

    Raises
    ------
    ValueError
        If the file is no ONNX model, a tensor is unknown or does not depend on the input, a shape is needed
        and missing, or an operator has no meaning here: the message names it.
    OSError
        If there is no such file.
    ImportError
        If the ``onnx`` package is missing.

    Examples
    --------
    >>> import erfmath as em
    >>> net = em.from_onnx("resnet50.onnx")  # doctest: +SKIP
    >>> em.receptive_field(net)  # doctest: +SKIP
    <ReceptiveField: size (427, 427), stride (32, 32), offset (-213, -213)>
    """
    asked = Asked(input, input_shape, space, values=dict(values or {}), plain=operators_of(rules))
    return read_file(model, output, asked, rules, global_context if gates is None else gates, weights, rates)


def operators_of(rules: Any) -> frozenset[str]:
    """Return the names of operators that have rules; what is no dict is refused where it is used."""
    return frozenset(rules) if isinstance(rules, Mapping) else frozenset()


def read_file(
    model: Any,
    output: str | int | None,
    asked: Asked,
    rules: Mapping[str, Any] | None,
    global_context: bool,
    weights: str = "uniform",
    rates: Any = None,
) -> Model:
    """Return the model of a path or an ``onnx.ModelProto``; see :func:`from_onnx`."""
    found, folder = loaded(model), folder_of(model)
    name = Path(model).name if isinstance(model, (str, os.PathLike)) else found.graph.name or "model"
    source = Source(
        lambda read: Reader(found, read, asked, folder, name), asked.space, rules, global_context, rates
    )
    return told(source.model(output, weights), output)
