"""The base of all descriptions of a network: values that compose with >>, + and **."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from fractions import Fraction
from functools import cached_property
from typing import Any

from .._checks import is_index

Rate = tuple[Fraction, ...]


class Node:
    """A network or a layer of one: a frozen value, rebuilt by ``type(node)(*node.args)``.

    ``a >> b`` puts b behind a, ``a + b`` adds the outputs of two branches of the same input, ``a ** n``
    is n copies in series. A layer type of your own is a frozen dataclass derived from Node whose meaning
    is registered with :func:`erfmath.lower`.

    Examples
    --------
    >>> from dataclasses import dataclass
    >>> import erfmath as em
    >>> @dataclass(frozen=True)
    ... class Blur(em.Node):
    ...     times: int
    >>> @em.lower.register
    ... def _(node: Blur) -> em.Node:
    ...     return em.Conv([1, 2, 1], padding=1) ** node.times
    >>> net = Blur(2) >> em.Conv(3, stride=2)
    >>> net
    Series([Blur(times=2), Conv(3, stride=2)])
    >>> em.receptive_field(net).size
    7
    """

    @property
    def args(self) -> tuple[Any, ...]:
        """The positional arguments that rebuild the node."""
        return tuple(getattr(self, field.name) for field in dataclasses.fields(self))  # type: ignore[arg-type]

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self.args

    @cached_property
    def ndim(self) -> int | None:
        """Number of axes, None where any number will do."""
        from .stage import lower

        return lower(self).ndim

    @cached_property
    def rate(self) -> Rate | None:
        """Input samples an output sample, per axis, None where `ndim` is: strides over upsampling factors."""
        from .stage import lower

        return lower(self).rate

    def labelled(self) -> Iterable[tuple[str, Node]]:
        """Return the parts of a composed node, each with a label or ""; none for a layer."""
        return ()

    def heading(self) -> str:
        """Return the node's line in a printed tree."""
        return repr(self)

    def __rshift__(self, other: Node) -> Node:
        from .branches import series

        return series([self, other]) if isinstance(other, Node) else NotImplemented

    def __add__(self, other: Node) -> Node:
        from .branches import Sum

        return Sum([self, other]) if isinstance(other, Node) else NotImplemented

    def __pow__(self, n: int) -> Node:
        from .branches import power

        return power(self, n) if is_index(n) else NotImplemented

    def __str__(self) -> str:
        return "\n".join(_tree(self))


def short(node: object) -> str:
    """Return a node as a message names it: its constructor call, cut where it is long."""
    text = repr(node)
    return text if len(text) <= 60 else text[:57] + "..."


def _tree(node: Node) -> Iterator[str]:
    """Yield the lines of a tree, a layer a line; an explicit stack, so that depth has no limit."""
    stack = [("", "", node)]
    while stack:
        indent, label, part = stack.pop()
        yield indent + label + part.heading()
        stack += [(indent + "  ", name, child) for name, child in reversed(list(part.labelled()))]
