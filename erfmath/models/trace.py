"""From operators in the order of the data to a network: an entry of a graph each."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from .._checks import as_choice, is_index
from ..network.algebra import Identity, Node, series
from ..network.channels import Energies, Rearranged, Weighted
from ..network.graph import INPUT, Graph
from ..network.layers import Activation, Conv, ConvTranspose, GlobalPool, Normalization, Pool, Upsample
from ..network.moves import Slice
from ..network.rates import Gain
from ..network.resize import Resize
from ..network.stage import Stage, lower
from . import WEIGHTS
from .alignment import aligned, groups
from .axes import Axis, Layout, Shape, channel, owners, plain, positions
from .channelwise import given_of
from .energy import energy_of
from .ir import Operator, Placed, Tensor, rank_of, with_input
from .masks import is_softmax_of_keys, side_of
from .moves import Move, depth_behind, depth_of, has_channels, placed, read, thinned
from .parts import Ran
from .rules import PREPARED, RULES
from .rules.products import PRODUCTS, keys_seen, product_parts
from .scattered import VIEWS, recognised, viewed
from .slopes import Rates

# What joins tensors entry by entry.
JOINED = frozenset(["join", "prelu", "stack"])

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
    ran
        The operators that made them, in order.
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
        axes = spatial_axes(space, len(shape))
        self.ndim = len(axes)
        if not isinstance(rules or {}, Mapping):
            raise TypeError(f"rules must be a dict of networks by the names of operators, got {rules!r}")
        self.rules = dict(rules or {})
        self.global_context = global_context
        self.weights = as_choice(weights, "weights", WEIGHTS)
        if rates is not None and weights == "uniform":
            raise ValueError("rates count for weights='given' or 'energy' only; uniform taps have no gates")
        self.rates = Rates(rates)
        sides = tuple(shape[axis] for axis in axes)
        self.input = Tensor(INPUT, shape, plain(shape, axes), sides, INPUT)
        self.made: list[Tensor] = [self.input]
        self.ran: list[Ran] = []
        self._entries: dict[str, tuple[Node, list[tuple[str, Gain]]]] = {}
        self._channels: dict[str, tuple[int, ...]] = {}
        self._refused: dict[str, ValueError] = {}
        self.stretches: str | None = None  # the first operator with aligned corners
        self.adapts: str | None = None  # the first that pools to a fixed number of outputs, but one
        self._depths: dict[str, int | None] = {INPUT: depth_of(self.input.runs)}

    def run(self, op: Operator) -> tuple[Tensor, ...]:
        """Place an operator; return the tensors that it makes."""
        before = len(self._entries)
        found = self._made(op)
        self.made += found
        new = itertools.islice(self._entries.items(), before, None)
        self.ran.append(Ran(op, found, tuple((name, node) for name, (node, _) in new)))
        return found

    def _made(self, op: Operator) -> tuple[Tensor, ...]:
        """Return the tensors that an operator makes, with the side on which they are masked."""
        side = "" if op.title in self.rules else side_of(op)
        found = self._made_anyhow(op)
        return tuple(_masked(tensor, side) for tensor in found) if side else found

    def _made_anyhow(self, op: Operator) -> tuple[Tensor, ...]:
        """Return the tensors that an operator makes, of what depends on positions in several ways as well."""
        kind = None if op.title in self.rules else op.kind
        if kind in VIEWS and len(op.tensors) == 1 and (moved := self._followed(op)) is not None:
            return moved
        if kind in JOINED or (kind in ("concat", "scatter") and not _is_spatial(op)):
            return self._joined(op)
        if kind in PRODUCTS:
            parts = [self._prepared(part) for part in product_parts(op)]
            return (self._summed(op, [self._emitted(part)[0] for part in parts]),)
        if kind is not None and is_softmax_of_keys(op):
            return self._emitted(keys_seen(op))
        several = next((i for i, x in enumerate(op.inputs) if isinstance(x, Tensor) and x.also), None)
        if several is None:
            return self._emitted(self._prepared(op))
        tensor = op.inputs[several]
        assert isinstance(tensor, Tensor)
        each = [self._made(with_input(op, several, part)) for part in tensor.parts]
        return tuple(self._summed(op, list(parts)) for parts in zip(*each, strict=True))

    def _followed(self, op: Operator) -> tuple[Tensor, ...] | None:
        """Return what an operator makes of entries that are followed one by one, None of others."""
        tensor = op.tensors[0]
        seen = None if tensor.also else viewed(op, tensor)
        if seen is None:
            return None
        shape, title = op.shapes[0], op.outputs[0]
        layout = recognised(seen)
        if layout is not None:
            found = Tensor(seen.name, shape, layout, seen.sides, title, seen.whole)
            move = thinned(op, found)
            return (found if move is None else self._moved(op, 0, found, move),)
        try:
            plain = self._emitted(self._prepared(op))[0] if tensor.layout is not None else tensor
        except ValueError:  # which no runs describe, but what comes of it may be
            plain = replace(tensor, layout=None, title=title)
        return (replace(plain, shape=shape, scattered=seen),)

    def _joined(self, op: Operator) -> tuple[Tensor, ...]:
        """Return tensors joined entry by entry, as many ways as they depend on positions."""
        count = len(op.tensors)
        found = []
        for group in groups(op, [part for tensor in op.tensors for part in tensor.parts], rank_of(op)):
            inputs: list[Any] = list(op.inputs)
            moves = dict(zip(map(id, group), aligned(op, group, rank_of(op)), strict=True))
            for i, entry in enumerate(op.inputs):
                if isinstance(entry, Tensor):
                    mine = next((part for part in group if part in entry.parts), None)
                    move = None if mine is None else moves[id(mine)]
                    inputs[i] = mine if mine is None or move is None else self._moved(op, i, mine, move)
            options = {**op.options, "count": count}
            found.append(self._emitted(replace(op, inputs=tuple(inputs), options=options))[0])
        return (replace(found[0], also=tuple(found[1:])),)

    def _summed(self, op: Operator, tensors: list[Tensor]) -> Tensor:
        """Return the sum of tensors of one shape."""
        if len(tensors) == 1:
            return tensors[0]
        options = {"combine": "sum"}
        return self._joined(replace(op, kind="join", inputs=tuple(tensors), options=options))[0]

    def _prepared(self, op: Operator) -> Operator:
        """Return an operator whose operands have the positions where it can use them."""
        if op.title in self.rules or op.kind not in PREPARED:
            return op
        for i, entry in enumerate(op.inputs):
            if isinstance(entry, Tensor) and entry.layout is not None and entry.owned:
                for prepare in PREPARED[op.kind]:
                    move = prepare(op, entry)
                    if move is not None:
                        entry = self._moved(op, i, entry, move)
                op = with_input(op, i, entry)
        return op

    def _moved(self, op: Operator, index: int, tensor: Tensor, move: Move) -> Tensor:
        """Return a tensor whose map is made by a move."""
        part = move.of(tensor)
        moving = replace(op, inputs=(tensor,), outputs=(f"{op.name}.{index}",), name=f"{op.name}.{index}")
        moving = replace(moving, kind="move", shapes=(tensor.shape,))
        if self.weights != "uniform":
            part = self._with_weights(moving, part, 0)
        name = self._emit(moving, 0, part)
        return replace(
            tensor, name=name, layout=move.layout, sides=move.sides, whole=tensor.whole | move.whole
        )

    def _emitted(self, op: Operator) -> tuple[Tensor, ...]:
        """Return the tensors that an operator makes by its rule."""
        self.rates.meet(op)
        if op.kind == "resize" and op.get("coordinates") == "align_corners":
            self.stretches = self.stretches or op.name
        if op.kind == "adaptive_pool" and set(op.options["size"]) - {1, None}:
            self.adapts = self.adapts or op.name
        if op.kind == "concat":
            op = replace(op, options={**op.options, "pieces": {t.name: self._piece(t) for t in op.tensors}})
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
        return tuple(found)

    def network(self, output: Tensor) -> Node:
        """Return the network from the input to a tensor: a series where there is one path, else a graph."""
        self.rates.require_used()
        if self.weights == "given" and not output.owned:
            raise ValueError(
                f"weights='given' needs an output with positions, {output.name!r} has none; choose another"
            )
        needed = self._needed([output.name])
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

    def _needed(self, names: list[str]) -> set[str]:
        """Return the entries that some depend on, these included."""
        needed, stack = {INPUT}, names
        while stack:
            name = stack.pop()
            if name not in needed:
                needed.add(name)
                stack += [source for source, _ in self._entries[name][1]]
        return needed

    def whole(self) -> Graph | None:
        """Return the network up to the model's output, which is behind the tensor that was read."""
        ends = [tensor for tensor in (self.read, self.output) if tensor.name != INPUT]
        return self.graph_to(ends[-1]) if ends else None

    def graph_to(self, tensor: Tensor) -> Graph | None:
        """Return the network from the input to a tensor as a graph, None for the input itself."""
        if tensor.name == INPUT:
            return None
        needed = self._needed([tensor.name])
        entries = {n: (part, *self._reads(n)) for n, (part, _) in self._entries.items() if n in needed}
        return Graph(entries, tensor.name)

    def _reads(self, name: str) -> list[Any]:
        """Return the sources of an entry as a graph takes them."""
        reads = self._entries[name][1]
        if name not in self._channels:
            return list(reads)
        return [[(source, count) for (source, _), count in zip(reads, self._channels[name], strict=True)]]

    def finished(self, output: Tensor, is_default: bool) -> Node:
        """Return the network up to an output; where it is the default without positions, to the last map."""
        self.output = self.read = output
        if is_default and not output.space and not self._is_image(output):
            self.read = next((tensor for tensor in self.made[:0:-1] if tensor.is_map), output)
        self.read = self._settled(self.read)
        found = self.network(self.read)
        return Energies(found) if self.weights == "energy" else found

    def _placed(self, op: Operator) -> Placed | list[Placed]:
        """Return what an operator is, by the rules given or the table."""
        given = self.rules.get(op.title)
        if given is not None:
            return self._given(op, given)
        lost = next((t for t in op.tensors if t.scattered is not None and t.layout is None), None)
        if lost is not None:
            raise op.error(f"reads {lost.title!r}, whose entries were moved about by paddings and cuts")
        if not any(tensor.owned for tensor in op.tensors) and (self.weights == "uniform" or op.kind is None):
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
        layouts = [tensor.layout for tensor in op.tensors if tensor.owned]
        return Placed(found, [(tensor, 1) for tensor in op.tensors], layouts[0] if layouts else None)

    def _with_weights(self, op: Operator, part: Placed, output: int) -> Placed:
        """Return an output with the weights; what is not known by channel is an error where it is needed."""
        if self.weights == "energy":
            return energy_of(op, part, output, self.rates)
        try:
            if part.statistics and self.global_context:
                raise op.error("takes statistics of the whole map; leave them out with global_context=False")
            return given_of(op, part, output, self.rates)
        except ValueError as error:
            return part._replace(refused=error)

    def _gated(self, part: Placed) -> Placed:
        """Return an operator without the branches that read the whole map, where they are to be left out.

        They read along more axes than another branch does.
        """
        if self.global_context or len(part.sources) < 2 or part.whole:
            return part
        least = min((tensor.whole for tensor, _ in part.sources), key=len)
        kept = [i for i, (tensor, _) in enumerate(part.sources) if not tensor.whole > least]
        before = tuple(part.before[i] for i in kept) if part.before else ()
        return part._replace(sources=[part.sources[i] for i in kept], before=before)

    def _piece(self, tensor: Tensor) -> tuple[Tensor, tuple[int, ...]] | None:
        """Return the map that a tensor was cut from, and where it begins there along each axis."""
        node, sources = self._entries.get(tensor.name, (None, []))
        name = sources[0][0] if isinstance(node, Slice) and set(node.step) == {1} else tensor.name
        whole = next((t for t in [self.input, *self.made] if t.name == name and t.axes == tensor.axes), None)
        if whole is None:
            return None
        return whole, node.start if isinstance(node, Slice) and whole.name != tensor.name else (
            0,
        ) * self.ndim

    def _is_image(self, tensor: Tensor) -> bool:
        """Whether a tensor is of the input's kind, though its positions are made anew."""
        shape, rank = tensor.shape, len(self.input.shape or ())
        space = [axis for axis, runs in enumerate(self.input.axes) if runs]
        return shape is not None and len(shape) == rank and any(shape[axis] != 1 for axis in space)

    def _settled(self, tensor: Tensor) -> Tensor:
        """Return a tensor each of whose units is one of a map: what it holds of blocks is placed, or read."""
        op = Operator(None, "output", tensor.title, (tensor,), outputs=(tensor.title,), ndim=self.ndim)
        if tensor.also:
            parts = [Placed(GlobalPool(), [(part, 1)], None) for part in tensor.parts]
            entries = [(self._emit(op, 0, part), 1) for part in parts]
            self._entries[name := self._free(tensor.title)] = Identity(), list(entries)
            return replace(tensor, name=name, also=())
        mixed = [axis for axis in tensor.space if any(run.axis is None for run in tensor.runs[axis])]
        if mixed and not any(tensor.runs[axis][0].axis is None for axis in mixed):
            tensor = self._moved(op, 0, tensor, placed(op, tensor, mixed))
        inner = {place for runs in positions(tensor.layout or ()).values() for place, _ in runs[1:]}
        return self._moved(op, 0, tensor, read(op, tensor, (), inner)) if inner else tensor

    def _emit(self, op: Operator, index: int, part: Placed) -> str:
        """Write an entry and return its name, that of the source where nothing happens."""
        node = part.node
        if part.statistics and self.global_context:
            along = tuple(axis in part.statistics for axis in range(self.ndim))
            node = series([node, Normalization(_called(op.title), None if all(along) else along)])
        before = part.before
        if self.weights == "uniform":
            node, before = self._with_depths(node, before, part)
        reads = [(tensor.name, gain) for tensor, gain in part.sources]
        is_idle = isinstance(node, Identity) and len(reads) == 1 and reads[0][1] == 1 and not before
        if is_idle and part.refused is None:
            return reads[0][0]
        name = self._free(op.name if len(op.outputs) == 1 else op.outputs[index] or op.name)
        for i, first in enumerate(before):
            if not isinstance(first, Identity):
                own = self._free(f"{name}.{i}")
                self._entries[own] = first, [(reads[i][0], 1)]
                self._depths[own] = depth_behind(first, self._depths.get(reads[i][0]))
                reads[i] = own, reads[i][1]
        self._entries[name] = node, reads
        counts = [self._depths.get(read) for read, _ in reads]
        self._depths[name] = sum(part.channels) if part.channels else depth_behind(node, counts[0])
        if part.refused is not None:
            self._refused[name] = part.refused
        if len(part.channels) == len(reads) > 1:
            self._channels[name] = part.channels
        return name

    def _with_depths(
        self, node: Node, before: tuple[Node, ...], part: Placed
    ) -> tuple[Node, tuple[Node, ...]]:
        """Return what an operator is with as many channels before it as its sources have.

        Where channels are picked, in a chunk or a product of tensors, nothing moves in space, so that no
        entry knows of it; layers with weights, and sums of several tensors, have to.
        """
        counts = [self._depths.get(tensor.name) for tensor, _ in part.sources]
        wanted = [depth_of(tensor.layout) if tensor.layout else None for tensor, _ in part.sources]
        differ = [a is not None and b is not None and a != b for a, b in zip(counts, wanted, strict=True)]
        if not any(differ):
            return node, before
        picks = [
            Rearranged(Conv((1,) * self.ndim), n) if d else Identity()
            for n, d in zip(wanted, differ, strict=True)
        ]
        if len(picks) == 1:
            return (series([picks[0], node]), before) if has_channels(node) else (node, before)
        firsts = before or (Identity(),) * len(picks)
        return node, tuple(series([pick, first]) for pick, first in zip(picks, firsts, strict=True))

    def _free(self, name: str) -> str:
        while name == INPUT or name in self._entries:
            name += "_"
        return name

    def _tensor(self, part: Placed, name: str, shape: Shape | None, title: str) -> Tensor:
        """Return the tensor made, its shape reckoned where the model does not give it."""
        whole = part.whole.union(*(tensor.whole for tensor, _ in part.sources))
        whole |= part.statistics if self.global_context else frozenset()
        layout, sources = part.layout, [tensor for tensor, _ in part.sources]
        if layout is None:
            sides: Shape = (1,) * self.ndim
            channels = None if shape is None else tuple(map(channel, shape))
            return Tensor(name, shape, channels, sides, title, whole)
        first = next((tensor for tensor in sources if tensor.owned), sources[0])
        if shape is None and _alike(layout, first.layout) and first.shape is not None:
            shape = _reckoned(part.node, first, layout)
        if shape is not None and len(shape) != len(layout):
            raise ValueError(
                f"{name!r} has {len(shape)} axes, but what makes it gives {len(layout)}: the model "
                "contradicts itself; give its shape by input_shape, or declare the operator by rules"
            )
        layout = tuple(_of_side(axis, None if shape is None else shape[i]) for i, axis in enumerate(layout))
        known = list(first.sides)
        for owner, runs in positions(layout).items():
            run = runs[0][1]
            known[owner] = None if run.length is None else run.step * run.length
        return Tensor(name, shape, layout, tuple(known), title, whole)


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


def _masked(tensor: Tensor, side: str) -> Tensor:
    """Return a tensor, in all the ways it depends on positions, with the side on which it is masked."""
    return replace(tensor, masked=side, also=tuple(replace(part, masked=side) for part in tensor.also))


def _is_spatial(op: Operator) -> bool:
    """Whether tensors are concatenated along positions."""
    axis = op.options["axis"] % rank_of(op)
    return any(tensor.axes[axis] for tensor in op.tensors if tensor.layout is not None)


def _of_side(axis: Axis, length: int | None) -> Axis:
    """Return an axis of a single run, or of none, with the length that the model says it has."""
    if len(axis) > 1 or (axis and axis[0].beside != (0, 0)):
        return axis
    if not axis:
        return channel(length)
    return (axis[0]._replace(length=length),) if axis[0].axis is not None else channel(length)


def _alike(layout: Layout, other: Layout | None) -> bool:
    """Whether two layouts have the same axes of the map in the same places."""
    return other is not None and tuple(map(owners, layout)) == tuple(map(owners, other))


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
    node = node.layer if isinstance(node, Weighted) else node
    if isinstance(node, (Identity, Activation)):
        return tuple(shape)
    stage = lower(node) if isinstance(node, _STAGES) else None
    for axis, runs in enumerate(layout):
        side, found = shape[axis], owners(runs)
        if found:
            known = isinstance(stage, Stage) and side is not None and len(runs) == 1
            shape[axis] = stage.length(found[0], side) if known else None  # type: ignore[union-attr, arg-type]
    if isinstance(node, (Conv, ConvTranspose)) and len(shape) > 1 and node.channels and not owners(layout[1]):
        shape[1] = node.channels
    return tuple(shape)
