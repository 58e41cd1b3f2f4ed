r"""The nearest design without holes: other dilations for the same layers, of the same depth and field.

A field is covered where each step is at most one more than what the smaller ones reach,
:func:`erfmath.has_no_holes`. In the order of the steps as they are, the reach so far is all that the rest
needs to know: dynamic programming over it finds the least total change of dilations whose reach is that of
the field.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..network.algebra import Node, Power, Series, require_network, series
from ..network.arguments import Ints
from ..network.describe import POINTWISE, describe
from ..network.field import receptive_field
from ..network.layers import Conv, Normalization, Pool
from .changes import with_dilation

# A layer of this field takes a second.
_LARGEST = 4096
_MOST_LAYERS = 256


@dataclass(frozen=True)
class _Layer:
    """A layer on one axis: its taps, its dilation, the strides before it, whether the first two are free."""

    taps: int
    dilation: int
    rate: int
    is_free: bool

    @property
    def step(self) -> int:
        """The input samples between the taps."""
        return self.dilation * self.rate


def repair(net: Node) -> Node:
    r"""Return the nearest network of the same layers and field whose units see every position of it.

    Of all dilations :math:`d'` with the same field :math:`1 + \sum_l (k_l - 1)\, d'_l s_l` and no hole, those
    of the least :math:`\sum_l |d'_l - d_l|` that keep the order of the steps, axis by axis. Where the taps
    cannot cover the field, as few as possible are added. Padding grows and shrinks with the layers, so that
    maps keep their sizes.

    Parameters
    ----------
    net
        A series of convolutions, pools and pointwise layers.

    Returns
    -------
    Node
        The network itself if it has no holes.

    Raises
    ------
    ValueError
        If the network has branches or upsampling, more than 256 layers or a field beyond 4096 samples.

    Examples
    --------
    >>> from erfmath import Conv, repair
    >>> repair(Conv(3, dilation=2, padding=2) ** 3)
    Series([Conv(3, padding=1), Conv(3, dilation=2, padding=2), Conv(3, dilation=3, padding=3)])
    """
    require_network(net)
    found = receptive_field(net)
    if found.is_covered:
        return net
    nodes = _flat(net)
    ndim = net.ndim or 1
    rates = _rates(nodes, ndim)
    changed = [
        _repaired([_layer(node, rate[axis], axis) for node, rate in zip(nodes, rates, strict=True)])
        for axis in range(ndim)
    ]
    return series(
        _with(node, [(axis[i].dilation, axis[i].taps) for axis in changed]) for i, node in enumerate(nodes)
    )


def _flat(net: Node) -> list[Node]:
    """Return the layers of a series, its powers written out."""
    if isinstance(net, Series):
        return [layer for node in net.nodes for layer in _flat(node)]
    if isinstance(net, Power):
        if net.n > _MOST_LAYERS:
            raise ValueError(f"net must have at most {_MOST_LAYERS} layers, got more")
        return net.n * _flat(net.node)
    if isinstance(net, (Conv, Pool, Normalization, *POINTWISE)):
        return [net]
    raise ValueError(
        f"net must be a series of convolutions, pools and pointwise layers, and has {describe(net)}; "
        "repair its parts"
    )


def _rates(nodes: Sequence[Node], ndim: int) -> list[Ints]:
    """Return the strides before each layer as one, per axis."""
    rate, found = (1,) * ndim, []
    for node in nodes:
        found.append(rate)
        if isinstance(node, (Conv, Pool)):
            rate = tuple(a * b for a, b in zip(rate, node.stride, strict=True))
    return found


def _layer(node: Node, rate: int, axis: int) -> _Layer:
    if isinstance(node, Conv):
        return _Layer(node.kernel.shape[axis], node.dilation[axis], rate, True)
    if isinstance(node, Pool):
        return _Layer(node.size[axis], node.dilation[axis], rate, False)
    return _Layer(1, 1, rate, False)


def _with(node: Node, changed: Sequence[tuple[int, int]]) -> Node:
    """Return a layer with its dilation and its taps per axis."""
    if not isinstance(node, Conv):
        return node
    dilation, taps = (tuple(values) for values in zip(*changed, strict=True))
    return with_dilation(node, dilation, None if taps == node.kernel.shape else taps)


def _repaired(layers: list[_Layer]) -> list[_Layer]:
    """Return the layers of one axis with other dilations, and more taps only where these do not suffice."""
    reach = sum((layer.taps - 1) * layer.step for layer in layers)
    if reach >= _LARGEST:
        raise ValueError(f"net must have a field of at most {_LARGEST} samples, got {reach + 1}")
    order = sorted(range(len(layers)), key=lambda i: layers[i].step)
    for more in range(reach + 1):
        found = _nearest([layers[i] for i in order], reach, more)
        if found is not None:
            changed = dict(zip(order, found, strict=True))
            return [changed[i] for i in range(len(layers))]
    raise ValueError(
        "net has strides that leave holes whatever the dilations; make the layers before them wider"
    )


def _nearest(layers: Sequence[_Layer], reach: int, more: int) -> list[_Layer] | None:
    """Return the nearest layers that reach so far without a hole, each with so many more taps at most."""
    costs: NDArray[np.float64] = np.full(reach + 1, np.inf)
    costs[0] = 0
    taken = []
    for layer in layers:
        costs, choice = _after(layer, costs, more)
        taken.append(choice)
    if costs[reach] == np.inf:
        return None
    found = []
    for layer, (dilations, taps) in zip(reversed(layers), reversed(taken), strict=True):
        chosen = _Layer(int(taps[reach]), int(dilations[reach]), layer.rate, layer.is_free)
        found.append(chosen)
        reach -= (chosen.taps - 1) * chosen.step
    return found[::-1]


def _after(
    layer: _Layer, costs: NDArray[np.float64], more: int
) -> tuple[NDArray[np.float64], tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Return the least change by the reach behind a layer, and the dilation and the taps that have it."""
    after = np.full(len(costs), np.inf)
    dilations, counts = np.zeros(len(costs), np.int64), np.full(len(costs), layer.taps)
    if layer.taps == 1:
        return costs, (np.full(len(costs), layer.dilation), counts)
    reach = len(costs) - 1
    for taps in range(layer.taps, layer.taps + (more if layer.is_free else 0) + 1):
        most = reach // ((taps - 1) * layer.rate)
        for dilation in range(1, most + 1) if layer.is_free else (layer.dilation,):
            step = dilation * layer.rate
            behind = (taps - 1) * step
            first = step - 1  # what is reached already has to come up to the step
            if first + behind > reach:
                break
            change = abs(dilation - layer.dilation) + reach * len(costs) * (taps - layer.taps)
            offered = costs[first : reach + 1 - behind] + change
            place = slice(first + behind, reach + 1)
            better = offered <= after[place]  # of equal changes the wider last
            after[place][better] = offered[better]
            dilations[place][better], counts[place][better] = dilation, taps
    return after, (dilations, counts)
