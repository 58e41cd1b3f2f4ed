"""One operator of a model, in neutral words: what the front ends write and the rules read.

A tensor of a model has axes for the batch, the channels, the space. Its layout says where the positions of a
map are along them, see :mod:`erfmath.models.axes`.
"""

from __future__ import annotations

import difflib
import functools
import itertools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, NamedTuple

from ..network.algebra import Identity, Node
from ..network.layers import GlobalPool
from ..network.rates import Gain
from .axes import Layout, Shape as Shape, owners

if TYPE_CHECKING:
    from .channelwise import Given

Owners = tuple[tuple[int, ...], ...]


@dataclass(frozen=True)
class Tensor:
    """A tensor that depends on the input: its name, shape and layout, as far as known.

    Behind a global pooling or a flattened layer no axis of its layout holds positions; None is the layout of
    a tensor whose number of axes is not known either. A tensor that is as its source keeps the name of that,
    the `title` is what the model calls it.

    Attributes
    ----------
    name
        Of the entry of the network that makes its map.
    sides
        Samples of that map along the axes of the space.
    whole
        Along which axes of the space every entry reads everything.
    also
        Where it depends on positions in two ways, such as a product of queries and keys, the other ways.
    masked
        Of scores, the side on which a row reads columns, see masks.py; empty for both.
    """

    name: str
    shape: Shape | None
    layout: Layout | None
    sides: Shape = ()
    title: str = ""
    whole: frozenset[int] = frozenset()
    also: tuple[Tensor, ...] = ()
    scattered: Any = field(default=None, repr=False, compare=False)  # see scattered.py
    masked: str = field(default="", compare=False)

    @functools.cached_property
    def runs(self) -> Layout:
        """The layout of a tensor that has one."""
        assert self.layout is not None  # the trace treats the others itself
        return self.layout

    @functools.cached_property
    def axes(self) -> Owners:
        """For each axis of the tensor those of the space that run along it."""
        return tuple(map(owners, self.layout or ()))

    @property
    def space(self) -> tuple[int, ...]:
        """Which axes of the tensor run along the input's space."""
        return tuple(i for i, axis in enumerate(self.axes) if axis)

    @property
    def owned(self) -> frozenset[int]:
        """Which axes of the space run along some axis of the tensor."""
        return frozenset(owner for axis in self.axes for owner in axis)

    @property
    def parts(self) -> tuple[Tensor, ...]:
        """The ways in which it depends on positions, one by one."""
        return (replace(self, also=()), *self.also)

    def side(self, axis: int) -> int | None:
        """Return the samples along an axis, None where unknown."""
        return None if self.shape is None else self.shape[axis]

    @property
    def is_map(self) -> bool:
        """Whether it has more than one position, as far as is known, and no channels along with them."""
        mixed = any(run.axis is None and run.is_long for axis in self.space for run in self.runs[axis])
        return not mixed and any(self.side(axis) != 1 for axis in self.space)


@dataclass(frozen=True)
class Constant:
    """A tensor that does not depend on the input; its value is made when asked for, None where unknown."""

    shape: Shape | None
    load: Callable[[], Any] = field(default=lambda: None, repr=False)


Input = Tensor | Constant | None


class Placed(NamedTuple):
    """What an operator means: a node that reads the sum of the sources, and the layout of what it makes.

    An axis of the layout with a single run, or none, may have another length than what is made. That is its
    meaning in space, of all channels alike; the one of each channel by the model's own weights is made of it
    when asked for, and refused where there is no way to.
    """

    node: Node
    sources: Sequence[tuple[Tensor, Gain]]
    layout: Layout | None
    by_channel: Callable[[Given], Placed] | None = None
    statistics: frozenset[int] = frozenset()  # along which axes it reads the whole map as well, to normalise
    channels: tuple[int, ...] = ()  # of sources whose channels are concatenated, all of them
    before: tuple[Node, ...] = ()  # what each source goes through first, where they go through any
    refused: ValueError | None = None  # why it has no weights that are known
    whole: frozenset[int] = frozenset()  # along which axes of the space the node reads everything


@dataclass(frozen=True)
class Operator:
    """An operator of a model.

    Attributes
    ----------
    kind
        What it is in the rules' words, such as "conv"; an operator without a rule has None.
    title
        What it is called in the model, such as "Conv" or "aten.conv2d".
    name
        Its own name in the model, or what it makes.
    inputs
        Tensors, constants, and None for optional ones left out.
    options
        Its attributes, in the rules' words.
    outputs, shapes
        The tensors that it makes, and their shapes as far as known.
    scopes
        Names of the parts of the model that it is in.
    alias
        What the exported graph calls it.
    domain
        Whose operator it is, where that is not the format's own.
    ndim
        The number of axes of the network.
    """

    kind: str | None
    title: str
    name: str
    inputs: tuple[Input, ...]
    options: Mapping[str, Any] = field(default_factory=dict)
    outputs: tuple[str, ...] = ("output",)
    shapes: tuple[Shape | None, ...] = (None,)
    scopes: frozenset[str] = frozenset()
    alias: str = ""
    domain: str = ""
    ndim: int = 0

    @functools.cached_property
    def tensors(self) -> tuple[Tensor, ...]:
        """The inputs that depend on the model's input."""
        return tuple(x for x in self.inputs if isinstance(x, Tensor))

    @property
    def tensor(self) -> Tensor:
        """The first input, which must be the only one that depends on the model's input."""
        first, *others = self.tensors
        if others or self.inputs[0] is not first:
            raise self.error("has an operand that should be constant but is computed from the input")
        return first

    def get(self, name: str, default: Any = None) -> Any:
        """Return an option, or the default where it is left out."""
        value = self.options.get(name)
        return default if value is None else value

    def constant(self, index: int, what: str) -> Any:
        """Return the value of a constant input as a numpy array, None where it is left out."""
        given = self.inputs[index] if index < len(self.inputs) else None
        if given is None:
            return None
        value = given.load() if isinstance(given, Constant) else None
        if value is None:
            raise self.error(
                f"needs {what} as a constant, but the model computes it or keeps it in another file; "
                "give input_shape"
            )
        return value

    def weight_shape(self, index: int = 1) -> tuple[int, ...]:
        """Return the shape of the weights."""
        weights = self.inputs[index] if index < len(self.inputs) else None
        if weights is None or weights.shape is None or None in weights.shape:
            raise self.error("has weights of unknown shape")
        return tuple(int(side) for side in weights.shape if side is not None)

    def unknown(self) -> ValueError:
        """Return the error of an operator without a rule, which says where it comes from."""
        where = [] if self.title.startswith(self.domain) else [f"domain {self.domain!r}"]
        if self.scopes:
            inner = max(self.scopes, key=lambda path: (path.count("."), len(path)))
            where.append(f"in the submodule {inner!r}")
        place = f" ({', '.join(where)})" if where else ""
        return self.error(f"is not a known operator{place}")

    def error(self, problem: str) -> ValueError:
        """Return the error that names the operator."""
        return ValueError(
            f"{self.title} {self.name!r} {problem}; "
            f'say what it means with rules={{"{self.title}": node}}, or stop before it with output='
        )

    def along(self, tensor: Tensor, values: Mapping[int, Any], default: Any) -> tuple[Any, ...]:
        """Return one value per axis of the network from values per axis of a tensor.

        Raises where an axis with a value runs along no axis of the space, or several.
        """
        found = [default] * self.ndim
        for axis, value in values.items():
            owners = tensor.axes[axis]
            if len(owners) != 1 or len(tensor.runs[axis]) > 1:
                problem = "is not one of the input's" if not owners else "holds several of the input's"
                raise self.error(
                    f"works along axis {axis} of {_described(tensor)}, which {problem} spatial axes; if the "
                    "input's axes are ordered otherwise, say which are spatial with space="
                )
            found[owners[0]] = value
        return tuple(found)


def single(
    op: Operator,
    node: Node,
    layout: Layout | None = None,
    by_channel: Callable[[Given], Placed] | None = None,
) -> Placed:
    """Return a node that reads the only input and keeps its layout, or gives it another."""
    return Placed(node, [(op.tensor, 1)], op.tensor.runs if layout is None else layout, by_channel)


def everything(op: Operator) -> Placed:
    """Return what reads the whole of its inputs and forgets positions."""
    tensors = [part for tensor in op.tensors for part in tensor.parts]
    pools = tuple(GlobalPool() if tensor.owned else Identity() for tensor in tensors)
    sources = [(tensor, 1) for tensor in tensors]
    return Placed(Identity(), sources, None, before=pools, whole=frozenset(range(op.ndim)))


def with_input(op: Operator, index: int, entry: Input) -> Operator:
    """Return an operator with another input."""
    return replace(op, inputs=(*op.inputs[:index], entry, *op.inputs[index + 1 :]))


def rank_of(op: Operator) -> int:
    """Return the number of axes that an operator makes of operands joined entry by entry."""
    known = [len(x.shape) for x in op.inputs if x is not None and x.shape is not None]
    return max([*known, *(len(t.layout) for t in op.tensors if t.layout is not None)])


def examples(asked: str, names: Iterable[str], first: Iterable[str] = ()) -> str:
    """Return some names to choose from: the first ones, those like what was asked for, and others.

    >>> examples("layr4", ["layer1", "layer4", "head"], ["logits"])
    "'logits', 'layer4', 'layer1', 'head'"
    """
    known = list(names)
    found = dict.fromkeys([*first, *difflib.get_close_matches(asked, known), *known])
    return ", ".join(map(repr, itertools.islice(found, 6)))


def _described(tensor: Tensor) -> str:
    shape = (
        "" if tensor.shape is None else f" of shape {tuple('?' if s is None else s for s in tensor.shape)}"
    )
    return f"{tensor.name!r}{shape}"
