"""Narrow networks: what one draw of the weights sees, where other readings are of the mean over draws."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import numpy as np

from .._checks import as_count, as_counts, is_index
from ..core.scaled import Floats
from ..network.algebra import Identity, Node, Power, Series, require_network
from ..network.arguments import Ints
from ..network.graph import INPUT, Graph
from ..network.layers import Conv
from ..network.rates import short
from .pairings import RandomLayer, energy_excess, likenesses, moment_orders

# More than can be followed in any case, and few enough to be counted at once.
_MOST_LAYERS = 10**4


@dataclass(frozen=True, repr=False)
class Quenched:
    r"""How the field of one draw of the weights differs from the mean over draws; see :func:`quenched`.

    Attributes
    ----------
    channels
        At the input of each convolution, in the order of the data.
    annealed
        :math:`E[V]/E[S]`, the variance of the mean energy, per axis: what other readings have.
    first, second
        What the orders 1/N and 1/N^2 add to it in :math:`E[V/S]`, per axis.
    energy_variance
        :math:`\mathrm{Var}[S]/E[S]^2`, how much the total energy differs from draw to draw, to all orders.

    Examples
    --------
    >>> import erfmath as em
    >>> found = em.quenched(em.Conv(3, padding=1) ** 8, channels=16)
    >>> [round(value[0], 4) for value in (found.annealed, found.typical, found.widening, found.uncertainty)]
    [5.3333, 5.5347, 1.0378, 0.0012]
    """

    channels: Ints
    annealed: tuple[float, ...]
    first: tuple[float, ...]
    second: tuple[float, ...]
    energy_variance: float

    @property
    def typical(self) -> tuple[float, ...]:
        """The variance of the mean of normalised draws, E[V/S], to second order, per axis."""
        return tuple(map(sum, zip(self.annealed, self.first, self.second, strict=True)))

    @property
    def widening(self) -> tuple[float, ...]:
        """The typical variance over the annealed one, per axis; its root is the ratio of sizes."""
        return tuple(t / a if a else 1.0 for t, a in zip(self.typical, self.annealed, strict=True))

    @property
    def uncertainty(self) -> tuple[float, ...]:
        """The size of the last order kept, as a part of the annealed variance: a guide, not a bound."""
        return tuple(abs(s) / a if a else 0.0 for s, a in zip(self.second, self.annealed, strict=True))

    def __repr__(self) -> str:
        pairs = dict.fromkeys(zip(self.widening, self.uncertainty, strict=True))
        shown = " x ".join(f"{ratio:.4g} +- {error:.2g}" for ratio, error in pairs)
        return (
            f"<Quenched: variance of a draw {shown} times that of the mean, energy varies by "
            f"{self.energy_variance**0.5:.3g} of its mean>"
        )


def quenched(net: Node, channels: int | Sequence[int]) -> Quenched:
    r"""Return how much wider one narrow network with random weights sees than the mean over many.

    With the energy :math:`g^2` summed over the channels of the data, let :math:`S = \sum_x g(x)^2` and
    :math:`V = \sum_x (x - \mu)^2 g(x)^2`. The mean over draws has the variance :math:`E[V]/E[S]`, whatever
    the number N of channels. Maps of one network each, divided by their sums before they are averaged, have
    :math:`E[V/S]`: more, since draws of much energy are narrow ones. As a function of t,

    .. math:: f(t) = E[V S^{t-1}] / E[S^t]

    is a polynomial of degree m at order :math:`N^{-m}`, so that exact moments at t = 1, 2, 3 to second order
    give :math:`f(0) = 3 f(1) - 3 f(2) + f(3)` to second order. Each is a sum over pairings of the points of
    the energies.

    Parameters
    ----------
    net
        A chain of convolutions whose weights are not known, with strides and dilations as they may be. The
        weights are taken as independent and normal.
    channels
        Channels at the input of every convolution, or of each, in the order of the data.

    Returns
    -------
    Quenched
        The variances, and how much the energy varies.

    Raises
    ------
    ValueError
        If the network has any other layer or a branch, there is not one number of channels for each
        convolution, or there are too many layers to follow (some 150 of 3 x 3).
    TypeError
        If `net` or `channels` is neither.

    Notes
    -----
    On energies whose variance grows exponentially with depth over width: B. Hanin, M. Nica, Products of many
    large random matrices and gradients in deep neural networks, Communications in Mathematical Physics, 2020.

    Examples
    --------
    >>> from erfmath import Conv, quenched
    >>> quenched(Conv((3, 3)) ** 20, channels=8)
    <Quenched: variance of a draw 1.026 +- 0.013 times that of the mean, energy varies by 0.677 of its mean>
    >>> round(quenched(Conv(3), channels=1).energy_variance, 9)  # E[w^4] is 3 E[w^2]^2: 5/3 - 1
    0.666666667
    """
    layers, ndim = _layers(require_network(net))
    width = _widths(channels, len(layers))
    groups = likenesses(layers, ndim)
    shares = [1 / n for n in width]
    with np.errstate(over="ignore", invalid="ignore"):
        energy = energy_excess(layers, shares, groups)
    if not math.isfinite(energy):
        raise ValueError(
            f"net must have fewer layers or more channels: behind {len(layers)} of {min(width)} and more "
            "the variance of the energy is beyond floats"
        )
    orders = moment_orders(layers, shares, groups)
    two, three = _quotient(orders.once, orders.square), _quotient(orders.twice, orders.cube)
    found = np.empty((ndim, 3))
    for group, line in zip(groups, 3 * orders.once * [1, 0, 0] - 3 * two + three, strict=True):
        found[group] = line
    annealed, first, second = (tuple(map(float, column)) for column in found.T)
    return Quenched(width, annealed, first, second, energy)


def _quotient(above: Floats, below: Floats) -> Floats:
    """Return the orders 0, 1 and 2 of quotients, where order 0 below is 1."""
    zero = above[:, 0]
    one = above[:, 1] - zero * below[1]
    return np.stack([zero, one, above[:, 2] - one * below[1] - zero * below[2]], axis=1)


def _layers(net: Node) -> tuple[list[RandomLayer], int]:
    """Return the convolutions of a chain in the order of the data, and the number of axes."""
    ndim = net.ndim or 1
    steps: Ints = (1,) * ndim
    found: list[RandomLayer] = []
    for conv in _convolutions(net):
        if len(found) == _MOST_LAYERS:
            raise ValueError(
                f"net must have at most {_MOST_LAYERS} convolutions; measure a deeper one: "
                "erfmath.measure(net, channels=..)"
            )
        spread = tuple(a * d for a, d in zip(steps, conv.dilation, strict=True))
        found.append(RandomLayer(conv.kernel.shape, spread))
        steps = tuple(a * s for a, s in zip(steps, conv.stride, strict=True))
    return found, ndim


def _convolutions(net: Node) -> Iterator[Conv]:
    """Yield the layers of a chain; raise for all but convolutions of random weights."""
    stack = [iter((net,))]
    while stack:
        node = next(stack[-1], None)
        node = node and node.unwrapped
        if node is None:
            stack.pop()
        elif isinstance(node, (Series, Power)):
            stack.append(iter(node.nodes) if isinstance(node, Series) else repeat(node.node, node.n))
        elif isinstance(node, Graph) and _is_chain(node):
            stack.append(entry.node for entry in node.order)
        elif isinstance(node, Conv) and not node.is_given and node.groups == 1:
            yield node
        elif not isinstance(node, Identity):
            raise ValueError(
                f"net must be a chain of convolutions in one group whose weights are not known, got "
                f"{short(node)}; measure draws of other networks: erfmath.measure(net, channels=..)"
            )


def _is_chain(net: Graph) -> bool:
    """Whether each layer of a graph reads the one before it, and nothing else."""
    names = [INPUT, *(entry.name for entry in net.order)]
    sources = [[name for name, _ in entry.sources] for entry in net.order]
    return net.output == names[-1] and sources == [[name] for name in names[:-1]]


def _widths(channels: Any, count: int) -> Ints:
    """Return the channels at the input of each convolution."""
    if not isinstance(channels, Iterable) or is_index(channels):
        return (as_count(channels, "channels", minimum=1),) * count
    widths = as_counts(channels, "channels", minimum=1)
    if len(widths) != count:
        raise ValueError(
            f"channels must be an int, or one for each of the {count} convolutions, got {len(widths)}"
        )
    return tuple(widths)
