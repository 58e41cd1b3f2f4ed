"""From operators in the order of the data to a network: an entry of a graph each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from .._checks import as_choice, is_index
from ..network.algebra import Identity, Node, series
from ..network.channels import Energies
from ..network.graph import INPUT, Graph
from ..network.layers import Activation, Conv, ConvTranspose, GlobalPool, Normalization, Pool, Upsample
from ..network.rates import Gain
from ..network.resize import Resize
from ..network.stage import Stage, lower
from . import WEIGHTS
from .channelwise import given_of
from .energy import energy_of
from .ir import Layout, Operator, Placed, Shape, Tensor
from .rules import RULES
from .slopes import Rates

_STAGES = (Conv, ConvTranspose, Pool, Upsample, Resize)


class Trace:
    """The tensors of a model that depend on its input, and the layers that make them.

    Parameters
    ----------
    shape
        Of the input.
    space
        Its axes that are spatial, None for those behind the batch and the channels.
    rules
        Nodes by operators' titles, or functions that make them of an :class:`Operator`.
    global_context
        Whether branches that read the whole map are kept where they join others.
    weights
        "uniform" for equal taps, "given" for the model's weights, "energy" for their mean squares.
    rates
        Of the model's gates, see :class:`Rates`.

    Attributes
    ----------
    made
        The input and all tensors made of it.
    output, read
        The output asked for, and the tensor that the network was read up to.
    """

    output: Tensor
    read: Tensor

    def __init__(
        self,
        shape: Shape,
        space: Any,
        rules: Mapping[str, Any] | None,
        global_context: bool,
        weights: str = "uniform",
        rates: Any = None,
    ) -> None:
        owners = spatial_axes(space, len(shape))
        self.ndim = len(owners)
        if not isinstance(rules or {}, Mapping):
            raise TypeError(f"rules must be a dict of networks by the names of operators, got {rules!r}")
        self.rules = dict(rules or {})
        self.global_context = global_context
        self.weights = as_choice(weights, "weights", WEIGHTS)
        if rates is not None and weights == "uniform":
            raise ValueError("rates count for weights='given' or 'energy' only; uniform taps have no gates")
        self.rates = Rates(rates)
        layout = tuple((owners.index(axis),) if axis in owners else () for axis in range(len(shape)))
        self.input = Tensor(INPUT, shape, layout, tuple(shape[axis] for axis in owners), INPUT)
        self.made: list[Tensor] = [self.input]
        self._entries: dict[str, tuple[Node, list[tuple[str, Gain]]]] = {}
        self._channels: dict[str, tuple[int, ...]] = {}
        self._refused: dict[str, ValueError] = {}

    def run(self, op: Operator) -> tuple[Tensor, ...]:
        """Place an operator; return the tensors that it makes."""
        self.rates.meet(op)
        placed = self._placed(op)
        parts = [self._gated(part) for part in (placed if isinstance(placed, list) else [placed])]
        if self.weights != "uniform":  # outputs that are alike in space may differ in their channels
            parts += parts[-1:] * (len(op.outputs) - len(parts))
            parts = [self._with_weights(op, part, i) for i, part in enumerate(parts)]
        names = [self._emit(op, i, part) for i, part in enumerate(parts)]
        found = []
        for i in range(len(op.outputs)):
            part, name = parts[min(i, len(parts) - 1)], names[min(i, len(parts) - 1)]
            shape = op.shapes[i] if i < len(op.shapes) else None
            found.append(self._tensor(part, name, shape, op.outputs[i]))
        self.made += found
        return tuple(found)

    def network(self, output: Tensor) -> Node:
        """Return the network from the input to a tensor: a series where there is one path, else a graph."""
        self.rates.require_used()
        if self.weights == "given" and output.layout is None:
            raise ValueError(
                f"weights='given' needs an output with positions, {output.name!r} has none; choose another"
            )
        needed, stack = {INPUT}, [output.name]
        while stack:
            name = stack.pop()
            if name not in needed:
                needed.add(name)
                stack += [source for source, _ in self._entries[name][1]]
        for name, error in self._refused.items():
            if name in needed:
                raise error
        entries = {name: entry for name, entry in self._entries.items() if name in needed}
        last, parts = INPUT, []
        for name, (node, sources) in entries.items():
            if sources != [(last, 1)]:
                return Graph({n: (part, *self._reads(n)) for n, (part, _) in entries.items()}, output.name)
            parts.append(node)
            last = name
        return series(parts)

    def _reads(self, name: str) -> list[Any]:
        """Return the sources of an entry as a graph takes them."""
        reads = self._entries[name][1]
        if name not in self._channels:
            return list(reads)
        return [[(source, count) for (source, _), count in zip(reads, self._channels[name], strict=True)]]

    def finished(self, output: Tensor, is_default: bool) -> Node:
        """Return the network up to an output; where it is the default without positions, to the last map."""
        self.output = self.read = output
        if is_default and not output.space:
            self.read = next((tensor for tensor in self.made[:0:-1] if tensor.is_map), output)
        found = self.network(self.read)
        return Energies(found) if self.weights == "energy" else found

    def _placed(self, op: Operator) -> Placed | list[Placed]:
        """Return what an operator is, by the rules given or the table."""
        given = self.rules.get(op.title)
        if given is not None:
            return self._given(op, given)
        if all(tensor.layout is None for tensor in op.tensors):
            return Placed(Identity(), [(tensor, 1) for tensor in op.tensors], None)
        if op.kind is None:
            raise op.unknown()
        return RULES[op.kind](op)

    def _given(self, op: Operator, given: Any) -> Placed:
        found = given(op) if callable(given) and not isinstance(given, Node) else given
        if isinstance(found, Placed):
            return found
        if not isinstance(found, Node):
            raise TypeError(f"rules[{op.title!r}] must be a network such as Identity(), got {found!r}")
        layouts = [tensor.layout for tensor in op.tensors if tensor.layout is not None]
        return Placed(found, [(tensor, 1) for tensor in op.tensors], layouts[0] if layouts else None)

    def _with_weights(self, op: Operator, part: Placed, output: int) -> Placed:
        """Return an output with the weights; what is not known by channel is an error where it is needed."""
        if self.weights == "energy":
            return energy_of(op, part, output, self.rates)
        try:
            if part.has_statistics and self.global_context:
                raise op.error("takes statistics of the whole map; leave them out with global_context=False")
            return given_of(op, part, output, self.rates)
        except ValueError as error:
            return part._replace(refused=error)

    def _gated(self, part: Placed) -> Placed:
        """Return an operator without the branches that read the whole map, where they are to be left out."""
        bounded = [(tensor, gain) for tensor, gain in part.sources if tensor.layout is not None]
        if self.global_context or not bounded or isinstance(part.node, GlobalPool):
            return part
        return part._replace(sources=bounded)

    def _emit(self, op: Operator, index: int, part: Placed) -> str:
        """Write an entry and return its name, that of the source where nothing happens."""
        node = part.node
        if part.has_statistics and self.global_context:
            node = series([node, Normalization(_called(op.title))])
        before = part.before
        if isinstance(node, GlobalPool) and len(part.sources) > 1:  # they may differ in their rates
            node, before = Identity(), (node,) * len(part.sources)
        reads = [(tensor.name, gain) for tensor, gain in part.sources]
        is_idle = isinstance(node, Identity) and len(reads) == 1 and reads[0][1] == 1 and not before
        if is_idle and part.refused is None:
            return reads[0][0]
        name = self._free(op.name if len(op.outputs) == 1 else op.outputs[index] or op.name)
        for i, first in enumerate(before):
            if not isinstance(first, Identity):
                own = self._free(f"{name}.{i}")
                self._entries[own] = first, [(reads[i][0], 1)]
                reads[i] = own, reads[i][1]
        self._entries[name] = node, reads
        if part.refused is not None:
            self._refused[name] = part.refused
        if len(part.channels) == len(reads) > 1:
            self._channels[name] = part.channels
        return name

    def _free(self, name: str) -> str:
        while name == INPUT or name in self._entries:
            name += "_"
        return name

    def _tensor(self, part: Placed, name: str, shape: Shape | None, title: str) -> Tensor:
        """Return the tensor made, its shape reckoned where the model does not give it."""
        if part.layout is None:
            return Tensor(name, shape, None, title=title)
        first = next(tensor for tensor, _ in part.sources if tensor.layout is not None)
        if shape is None and part.layout == first.layout and first.shape is not None:
            shape = _reckoned(part.node, first, part.layout)
        if shape is not None and len(shape) != len(part.layout):
            raise ValueError(
                f"{name!r} has {len(shape)} axes, but what makes it gives {len(part.layout)}: the model "
                "contradicts itself; give its shape by input_shape, or declare the operator by rules"
            )
        sides = list(first.sides)
        for axis, owners in enumerate(part.layout):
            if len(owners) == 1:
                sides[owners[0]] = None if shape is None else shape[axis]
        return Tensor(name, shape, part.layout, tuple(sides), title)


def spatial_axes(space: Any, rank: int) -> tuple[int, ...]:
    """Return which axes of an input of so many are spatial: those given, or behind batch and channels.

    A matrix has a batch and one axis.

    >>> spatial_axes(None, 4), spatial_axes((1, 2), 4), spatial_axes(None, 2)
    ((2, 3), (1, 2), (1,))
    """
    if space is None:
        return tuple(range(2, rank)) if rank > 2 else (rank - 1,)
    given: tuple[Any, ...] = (space,) if is_index(space) else tuple(space)
    if not given or not all(is_index(axis) and -rank <= int(axis) < rank for axis in given):
        raise ValueError(f"space must be axes of the input, which has {rank}, got {space!r}")
    found = tuple(axis % rank for axis in given)
    if len(set(found)) < len(found):
        raise ValueError(f"space must be different axes, got {space!r}")
    return found


def _called(title: str) -> str:
    """Return what a normalisation is called in tables.

    >>> _called("InstanceNormalization"), _called("aten.native_group_norm")
    ('InstanceNorm', 'GroupNorm')
    """
    words = title.removeprefix("aten.").removeprefix("native_")
    name = "".join(word.capitalize() for word in words.split("_")) if words.islower() else words
    return name.replace("Normalization", "Norm")


def _reckoned(node: Node, before: Tensor, layout: Layout) -> Shape:
    """Return the shape behind a node from the shape before it, as far as it can be told."""
    shape = list(before.shape or ())
    if isinstance(node, (Identity, Activation)):
        return tuple(shape)
    stage = lower(node) if isinstance(node, _STAGES) else None
    for axis, owners in enumerate(layout):
        side = shape[axis]
        if owners:
            known = isinstance(stage, Stage) and side is not None and len(owners) == 1
            shape[axis] = stage.length(owners[0], side) if known else None  # type: ignore[union-attr, arg-type]
    if isinstance(node, (Conv, ConvTranspose)) and len(shape) > 1 and node.channels and not layout[1]:
        shape[1] = node.channels
    return tuple(shape)
