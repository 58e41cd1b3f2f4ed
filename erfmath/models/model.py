"""A model file or a module as a network that knows where it comes from."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any, Protocol

from ..network.algebra import Node
from ..network.display import network_html
from ..network.stage import lower

if TYPE_CHECKING:
    from .axes import Shape
    from .ir import Operator, Tensor
    from .parts import Holdings, Part, Place
    from .trace import Trace


class Reader(Protocol):
    """The graph of a model up to one of its tensors, as a front end reads it."""

    name: str
    input_shape: Shape
    own: tuple[str, ...]
    is_default: bool
    notes: tuple[str, ...]  # what a user should know of the shape that it is read at

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the tensors that depend on the input."""

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of the operators that are run, as users know them."""

    def network(self, trace: Trace) -> Node:
        """Run the operators through a trace."""

    def space(self, given: Any) -> Any:
        """Return the spatial axes of the input, those given or those that the model tells."""

    def place(self, op: Operator) -> Place:
        """Return where an operator is: the parts around it, and its own name."""

    def holdings(self) -> Holdings:
        """Return the parameters by the part that holds them; those that nothing reads apart."""

    def elsewhere(self) -> Reader | None:
        """Return the model at another size, None where its operators have no part that depends on it."""

    def part(self, read: Tensor) -> Any:
        """Return a module that makes the tensor that was read, where there is one to run."""

    def runnable(self, read: Tensor) -> tuple[Any, str, dict[str, Any]]:
        """Return a file that makes the tensor that was read, its input, and values of other inputs."""


# Asks for the last tensor with more than one position, where the model's own output has none.
LAST_MAP = "last map"


@dataclass(frozen=True)
class Source:
    """Where a model comes from, and how it is read: enough to read it again, up to elsewhere."""

    open: Callable[[str | int | None], Reader]
    space: Any = None
    rules: Mapping[str, Any] | None = None
    global_context: bool = True
    rates: Any = None

    def model(self, output: str | int | None, weights: str) -> Model:
        """Read the model up to a tensor."""
        from .another_size import note_of_size
        from .trace import spatial_axes

        reader = self.open(None if output == LAST_MAP else output)
        trace, net = self.traced(reader, weights)
        space = reader.space(self.space)
        by_size = note_of_size(self, reader, net) if weights == "uniform" else ()
        return Model(
            net,
            reader.name,
            reader.input_shape,
            spatial_axes(space, len(reader.input_shape)),
            output if isinstance(output, str) and output != LAST_MAP else trace.read.title,
            reader.names,
            weights,
            (*_warnings(reader, trace), *by_size),
            trace.read.title in reader.own,
            _Reading(self, reader, trace, output),
        )

    def traced(self, reader: Reader, weights: str) -> tuple[Trace, Node]:
        """Run a reader's operators; return what was met on the way, and the network."""
        from .trace import Trace  # which networks without a model do without

        space = reader.space(self.space)
        trace = Trace(reader.input_shape, space, self.rules, self.global_context, weights, self.rates)
        return trace, reader.network(trace)


@dataclass(frozen=True)
class _Reading:
    """What a model was read by, kept beside it."""

    source: Source
    reader: Reader
    trace: Trace
    asked: str | int | None


@dataclass(frozen=True, eq=False, repr=False)
class Model(Node):
    """A model file or a module, read as a network; what :func:`from_onnx` and :func:`from_torch` return.

    Every reading takes it where it takes a network, and it composes like one: ``model >> Conv(3)``. It equals
    its network. A pickled one can no longer be read up to elsewhere.

    Attributes
    ----------
    net
        The network from the input to the tensor that was read.
    name
        The file's name, or the module's class.
    input_shape
        The shape of the input; None entries are open.
    space
        Which of its axes run along the network's axes.
    output
        The name of the tensor that was read.
    outputs
        The names of all tensors that could be read, in the order of the data.
    weights
        "uniform", "given" or "energy", see :func:`from_onnx`.
    warnings
        What a user should know of the reading, in sentences: above all where another tensor than the model's
        own output was read.
    reads_own_output
        Whether the tensor that was read is an output of the model's own.

    Examples
    --------
    >>> import erfmath as em  # doctest: +SKIP
    >>> from torch import nn  # doctest: +SKIP
    >>> layers = nn.Conv2d(3, 8, 3), nn.ReLU(), nn.Conv2d(8, 8, 3, stride=2)  # doctest: +SKIP
    >>> model = em.from_torch(nn.Sequential(*layers, nn.Flatten()), (1, 3, 32, 32))  # doctest: +SKIP
    >>> model  # doctest: +SKIP
    <Model Sequential: input 1x3x32x32, read up to '3'>
    >>> em.receptive_field(model >> em.Conv((3, 3))).size, model.layers, model.warnings  # doctest: +SKIP
    ((9, 9), ('0', '1', '2', '3'), ())
    >>> model.ndim, model.input_shape, model.input_size, model.channels, model.space  # doctest: +SKIP
    (2, (1, 3, 32, 32), (32, 32), 3, (2, 3))
    >>> model.output, model.outputs, model.reads_own_output, model.is_last_map  # doctest: +SKIP
    ('3', ('0', '1', '2', '3'), True, False)
    >>> model.is_module, model.is_read, model.reads_all, model.has_parts  # doctest: +SKIP
    (True, True, True, True)
    >>> model.stretches, model.adapts  # doctest: +SKIP
    (None, None)
    """

    net: Node
    name: str
    input_shape: Shape
    space: tuple[int, ...]
    output: str
    outputs: tuple[str, ...]
    weights: str
    warnings: tuple[str, ...]
    reads_own_output: bool = True
    _reading: _Reading | None = None

    @property
    def ndim(self) -> int:
        """Number of axes."""
        return len(self.space)

    @property
    def input_size(self) -> tuple[int, ...] | None:
        """Samples of the input along the network's axes, None where the model leaves some open."""
        sides = tuple(self.input_shape[axis] for axis in self.space)
        return None if None in sides else sides  # type: ignore[return-value]

    @property
    def channels(self) -> int | None:
        """Channels of the input, None where the model leaves them open."""
        found = [side for axis, side in enumerate(self.input_shape) if axis and axis not in self.space]
        return found[0] if found else None

    @property
    def layers(self) -> tuple[str, ...]:
        """The names of the layers as users know them: paths of submodules in PyTorch, nodes in ONNX."""
        return self._known.reader.layers

    @property
    def tensors(self) -> tuple[Tensor, ...]:
        """The tensors up to the one that was read, in the order of the data, the input first.

        Examples
        --------
        >>> import erfmath as em  # doctest: +SKIP
        >>> from torch import nn  # doctest: +SKIP
        >>> model = em.from_torch(nn.Sequential(nn.Conv1d(1, 8, 3), nn.ReLU()), (1, 1, 32))  # doctest: +SKIP
        >>> [tensor.shape for tensor in model.tensors]  # doctest: +SKIP
        [(1, 1, 32), (1, 8, 30), (1, 8, 30)]
        """
        return tuple(self._known.trace.made)

    def with_weights(self, weights: str) -> Model:
        """Return the model read with other weights: "uniform", "given" or "energy".

        Parameters
        ----------
        weights
            "uniform", "given" or "energy", see :func:`from_onnx`.

        Returns
        -------
        Model

        Raises
        ------
        ValueError
            If the weights are none of these, or an operator has none that are known: the message names it.

        Examples
        --------
        >>> import erfmath as em  # doctest: +SKIP
        >>> from torch import nn  # doctest: +SKIP
        >>> model = em.from_torch(nn.Conv1d(1, 1, 3), (1, 1, 32)).with_weights("given")  # doctest: +SKIP
        >>> model.weights, model.net  # doctest: +SKIP
        ('given', Weighted(Conv(3, channels=1), <weights of shape (1, 1, 3)>, 1))
        """
        known = self._known
        return self if weights == self.weights else known.source.model(known.asked, weights)

    def up_to(self, name: str | int) -> Model:
        """Return the model read up to another tensor: by its name, that of its layer, or an output's number.

        Parameters
        ----------
        name
            The name of a tensor or of its layer, or the number of an output.

        Returns
        -------
        Model

        Raises
        ------
        ValueError
            If there is no such tensor: the message names some that can be read.

        Examples
        --------
        >>> import erfmath as em  # doctest: +SKIP
        >>> from torch.nn import Conv1d, Sequential  # doctest: +SKIP
        >>> model = em.from_torch(Sequential(Conv1d(1, 8, 3), Conv1d(8, 8, 5)), (1, 1, 32))  # doctest: +SKIP
        >>> em.receptive_field(model).size, em.receptive_field(model.up_to("0")).size  # doctest: +SKIP
        (7, 3)
        """
        return self._known.source.model(name, self.weights)

    @cached_property
    def parts(self) -> Part:
        """Its submodules or nodes as a tree, with all that they hold and compute.

        Examples
        --------
        >>> import erfmath as em  # doctest: +SKIP
        >>> from torch.nn import Conv1d, Sequential  # doctest: +SKIP
        >>> model = em.from_torch(Sequential(Conv1d(1, 8, 3), Conv1d(8, 8, 5)), (1, 1, 32))  # doctest: +SKIP
        >>> [(part.path, part.kind) for part in model.parts.inside]  # doctest: +SKIP
        [(('0',), 'Conv1d'), (('1',), 'Conv1d')]
        """
        from .parts import parts_of

        return parts_of(self)

    @property
    def reading(self) -> tuple[Reader, Trace]:
        """The reader of its operators, and what was met when they were run.

        Examples
        --------
        >>> import erfmath as em  # doctest: +SKIP
        >>> from torch import nn  # doctest: +SKIP
        >>> reader, trace = em.from_torch(nn.Conv1d(1, 8, 3), (1, 1, 32)).reading  # doctest: +SKIP
        >>> len(trace.made)  # doctest: +SKIP
        2
        """
        return self._known.reader, self._known.trace

    @property
    def has_parts(self) -> bool:
        """Whether its operators are known; not of a copy without its file."""
        return self._reading is not None

    @property
    def reads_all(self) -> bool:
        """Whether it was read up to its own output, or to the last map before it, not up to a part."""
        return self._reading is not None and (
            self._reading.asked in (None, LAST_MAP) or self.reads_own_output
        )

    def network_up_to(self, tensor: Tensor) -> Node:
        """Return the network from the input to one of the `tensors`.

        Parameters
        ----------
        tensor
            One of :attr:`tensors`.

        Returns
        -------
        Node

        Raises
        ------
        TypeError
            If it is no such tensor.

        Examples
        --------
        >>> import erfmath as em  # doctest: +SKIP
        >>> from torch import nn  # doctest: +SKIP
        >>> model = em.from_torch(nn.Sequential(nn.Conv1d(1, 8, 3), nn.ReLU()), (1, 1, 32))  # doctest: +SKIP
        >>> model.network_up_to(model.tensors[1])  # doctest: +SKIP
        Conv(3, channels=8)
        """
        if not hasattr(tensor, "space"):
            raise TypeError(f"tensor must be one of the model's tensors, got {tensor!r}")
        return self._known.trace.network(tensor)

    def module(self) -> Any:
        """Return the PyTorch module that makes the tensor that was read, channels before the space.

        Raises
        ------
        ValueError
            If the model is an ONNX file, which PyTorch does not run, or its input is what was read.

        Examples
        --------
        >>> import erfmath as em  # doctest: +SKIP
        >>> import torch  # doctest: +SKIP
        >>> model = em.from_torch(torch.nn.Conv1d(1, 8, 3), (1, 1, 32))  # doctest: +SKIP
        >>> model.module()(torch.zeros(1, 1, 32)).shape  # doctest: +SKIP
        torch.Size([1, 8, 30])
        """
        return self._known.reader.part(self._known.trace.read)

    def runnable(self) -> tuple[Any, str, dict[str, Any]]:
        """Return an ``onnx.ModelProto`` that makes the tensor that was read, its input, and other inputs.

        Raises
        ------
        ValueError
            If the model is no ONNX file, or was read from another tensor than an input of the file's.

        Examples
        --------
        >>> import erfmath as em  # doctest: +SKIP
        >>> proto, name, others = em.from_onnx("resnet50.onnx").up_to("layer1").runnable()  # doctest: +SKIP
        """
        return self._known.reader.runnable(self._known.trace.read)

    @property
    def read_tensor(self) -> Tensor:
        """The tensor that was read, whose layout says where the axes of the space are.

        Examples
        --------
        >>> import erfmath as em  # doctest: +SKIP
        >>> from torch import nn  # doctest: +SKIP
        >>> em.from_torch(nn.Conv1d(1, 8, 3), (1, 1, 32)).read_tensor.shape  # doctest: +SKIP
        (1, 8, 30)
        """
        return self._known.trace.read

    @property
    def is_module(self) -> bool:
        """Whether it comes from PyTorch, so that it can be run there."""
        return self._reading is not None and hasattr(self._reading.reader, "program")

    @property
    def stretches(self) -> str | None:
        """The operator whose positions depend on the size of its map, None where there is none."""
        return None if self._reading is None else self._reading.trace.stretches

    @property
    def adapts(self) -> str | None:
        """The operator that pools to a fixed number of outputs, None where there is none."""
        return None if self._reading is None else self._reading.trace.adapts

    @property
    def is_read(self) -> bool:
        """Whether what it was read by is still there, which pickling leaves out."""
        return self._reading is not None

    @property
    def is_last_map(self) -> bool:
        """Whether the tensor that was read is the last map before an output that has no positions."""
        default = self._reading is not None and self._reading.asked in (None, LAST_MAP)
        return default and not self.reads_own_output

    @property
    def _known(self) -> _Reading:
        if self._reading is None:
            raise ValueError(
                f"{self!r} was pickled or copied without its file; read it again by from_onnx or from_torch"
            )
        return self._reading

    @property
    def args(self) -> tuple[Any, ...]:
        """The positional arguments that rebuild the model, without what it was read by."""
        return tuple(getattr(self, name) for name in _PLAIN)

    @property
    def unwrapped(self) -> Node:
        """The network alone."""
        return self.net

    def __copy__(self) -> Model:
        return self  # frozen, and so is what it was read by

    def __deepcopy__(self, memo: Any) -> Model:
        return self

    def labelled(self) -> list[tuple[str, Node]]:
        """Return the network."""
        return [("", self.net)]

    def heading(self) -> str:
        """Return the model in a line."""
        return repr(self)

    def _repr_html_(self) -> str:
        """Return the model as HTML for a notebook: what was read, the field, the layers."""
        shape = " x ".join("?" if side is None else str(side) for side in self.input_shape)
        facts = [("input", shape), ("read up to", self.output), ("weights", self.weights)]
        facts += [("warning", sentence) for sentence in self.warnings]
        return network_html(self, f"Model {self.name}", facts)

    def __eq__(self, other: object) -> bool:
        return self.net == (other.net if isinstance(other, Model) else other)

    def __hash__(self) -> int:
        return hash(self.net)

    def __repr__(self) -> str:
        shape = "x".join("?" if side is None else str(side) for side in self.input_shape)
        weights = "" if self.weights == "uniform" else f", {self.weights} weights"
        return f"<Model {self.name}: input {shape}, read up to {self.output!r}{weights}>"


_PLAIN = (
    "net",
    "name",
    "input_shape",
    "space",
    "output",
    "outputs",
    "weights",
    "warnings",
    "reads_own_output",
)


@lower.register
def _(node: Model) -> Node:
    return node.net


def named(model: Model, name: str) -> Model:
    """Return the model under another name."""
    return replace(model, name=name)


def told(model: Model, output: str | int | None) -> Model:
    """Return a model, with a warning where another tensor was read than one would think."""
    if output is None and not model.reads_own_output:
        sentence = next(said for said in model.warnings if "has no positions" in said)
        warnings.warn(f"{sentence}; output='last map' asks for it", UserWarning, stacklevel=4)
    return model


def _warnings(reader: Reader, trace: Trace) -> tuple[str, ...]:
    """Return what a user should know of the reading."""
    own = trace.output.title
    if not reader.is_default or trace.read.title == own:
        return reader.notes
    return (
        *reader.notes,
        f"the model's output {own!r} has no positions: each of its values reads the whole input; the tensor "
        f"that is read is the last map before it, {trace.read.title!r}",
    )
