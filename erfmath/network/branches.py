"""Branches: channels side by side, and skip connections."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property

from .._checks import as_counts
from .algebra import Node, Parallel, as_nodes, require_network
from .arguments import spelled
from .rates import Gain, Rate, as_gain, common_rate, show_rate


@dataclass(frozen=True, init=False, repr=False)
class Concat(Parallel):
    """Branches of one input whose channels are concatenated.

    The next layer adds over all channels, so the impact is that of a Sum with the branches' shares of the
    channels as gains.

    Parameters
    ----------
    branches
        Networks of the same input with the same rate of samples.
    channels
        The number of output channels of each branch.

    Raises
    ------
    TypeError, ValueError
        If a branch is not a network, the branches differ in their numbers of axes or in their rates, or
        the channels do not fit.

    Examples
    --------
    >>> from erfmath import Concat, Conv
    >>> Concat([Conv(1, channels=32), Conv(3, padding=1, channels=96)], [32, 96])
    Concat([Conv(1, channels=32), Conv(3, padding=1, channels=96)], [32, 96])
    >>> Concat([Conv(1), Conv(3, padding=1)], [32, 96]).gains
    (Fraction(1, 4), Fraction(3, 4))
    """

    branches: tuple[Node, ...]
    channels: tuple[int, ...]

    def __init__(self, branches: Iterable[Node], channels: Sequence[int]) -> None:
        parts = as_nodes(branches, "branches")
        if not parts:
            raise ValueError("branches must hold at least one network")
        numbers = tuple(as_counts(channels, "channels", minimum=1))
        if len(numbers) != len(parts):
            raise ValueError(
                f"channels must have one entry per branch, {len(parts)} in all, got {len(numbers)}"
            )
        object.__setattr__(self, "branches", parts)
        object.__setattr__(self, "channels", numbers)
        _ = self.ndim, self.rate

    @property
    def gains(self) -> tuple[Fraction, ...]:
        """The branches' shares of the channels."""
        return tuple(Fraction(c, sum(self.channels)) for c in self.channels)

    def labelled(self) -> Iterable[tuple[str, Node]]:
        """Return the branches with their channels."""
        return [(f"{c}: ", b) for b, c in zip(self.branches, self.channels, strict=True)]

    def _call(self) -> str:
        return f"Concat([{', '.join(map(spelled, self.branches))}], {list(self.channels)})"


@dataclass(frozen=True, init=False, repr=False)
class Residual(Node):
    r"""A skip connection around a branch: output x + a branch(x), the polynomial :math:`1 + a P(z)`.

    With a branch of sum 1 its variance is a/(1+a) of the branch's (about the same centre).

    Parameters
    ----------
    branch
        A network of rate 1; where a projection changes the rate, use ``Sum([branch, projection])``.
    gain
        The factor a.

    Raises
    ------
    TypeError, ValueError
        If the branch is not a network or changes the rate of its samples, or the gain is not a finite
        number.

    Examples
    --------
    >>> from erfmath import Conv, Residual, polynomial
    >>> polynomial(Residual(Conv(3, padding=1)))
    Poly(1/3*z**2 + 4/3*z + 1/3, z, domain='QQ')
    """

    branch: Node
    gain: Gain

    def __init__(self, branch: Node, gain: Gain = 1.0) -> None:
        branch = require_network(branch, "branch")
        if branch.rate is not None and not set(branch.rate) <= {1, None}:
            raise ValueError(
                f"branch must keep the rate of its samples, got {branch!r} of rate "
                f"{show_rate(branch.rate)}; use Sum([branch, projection])"
            )
        object.__setattr__(self, "branch", branch)
        object.__setattr__(self, "gain", as_gain(gain))
        _ = self.ndim, self.rate

    @cached_property
    def ndim(self) -> int | None:
        """Number of axes, None where any number will do."""
        return self.branch.ndim

    @cached_property
    def rate(self) -> Rate | None:
        """Input samples per output sample: 1."""
        return common_rate([("input", None), (self.branch, self.branch.rate)])

    def labelled(self) -> Iterable[tuple[str, Node]]:
        """Return the branch."""
        return [("", self.branch)]

    def heading(self) -> str:
        """Return the name, with the gain where it is not 1."""
        return "Residual" if self.gain == 1 else f"Residual, gain {self.gain}"
