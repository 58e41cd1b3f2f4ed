r"""Moments of the energy of a random network's gradient, by sums over pairings of points.

Behind a layer whose input has N channels, with independent normal weights of variance 1/(N k), the gradients
of these channels are independent normal fields, given those in front of it. So with the products
:math:`A_{xy} = \sum_c g_c(x)\, g_c(y)` a moment of several of them is a sum over all pairings of their points
(Isserlis 1918, Wick 1950), each with one factor 1/N for every cycle that it has fewer:

.. math:: E[A_{12} A_{34}] \to E[A_{12} A_{34}] + \tfrac1N E[A_{13} A_{24}] + \tfrac1N E[A_{14} A_{23}],

and the two points of a pair move through the layer together. A moment of the energies A_xx is thus a sum over
histories, one pairing a layer, of the chance that random walks which move in pairs end where 1 is 2, 3 is 4
and so on. Whatever the history, for two energies this asks two walks U and V under one pairing to meet, and
two more under the other.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np

from ..core.scaled import Floats
from ..network.arguments import Ints

# Two walks that differ by so many standard deviations or more do so with a chance below 1e-16.
_FAR = 9.0
# Points of a block of the matrix of pairs of angles: what stays in a processor's cache.
_BLOCK = 2**16
# Products of the two sums, some ten seconds each.
_MOST_PAIRS, _MOST_PRODUCTS = 10**9, 10**10


class RandomLayer(NamedTuple):
    """A layer of random weights as seen from the data: taps, and samples from one to the next, per axis."""

    taps: Ints
    steps: Ints

    def variance(self, axis: int) -> float:
        """Return the variance of a uniform step."""
        return self.steps[axis] ** 2 * (self.taps[axis] ** 2 - 1) / 12

    def width(self, axis: int) -> int:
        """Return the samples from the first tap to the last."""
        return self.steps[axis] * (self.taps[axis] - 1)

    def law(self, axis: int) -> Floats:
        """Return the chances of a step, counted from the first tap."""
        chances = np.zeros(self.width(axis) + 1)
        chances[:: self.steps[axis]] = 1 / self.taps[axis]
        return chances

    def meeting(self, axis: int, angles: Floats) -> Floats:
        """Return the squared magnitude of the step's characteristic function."""
        places = self.steps[axis] * (np.arange(self.taps[axis]) - (self.taps[axis] - 1) / 2)
        found: Floats = np.cos(angles[:, None] * places).mean(axis=1) ** 2
        return found


Groups = list[list[int]]


def likenesses(layers: Sequence[RandomLayer], ndim: int) -> Groups:
    """Return groups of axes along which all layers are alike."""
    groups: dict[tuple[tuple[int, int], ...], list[int]] = {}
    for axis in range(ndim):
        key = tuple((layer.taps[axis], layer.steps[axis]) for layer in layers)
        groups.setdefault(key, []).append(axis)
    return list(groups.values())


def energy_excess(layers: Sequence[RandomLayer], shares: Sequence[float], groups: Groups) -> float:
    r"""Return E[S^2] over E[S]^2 less 1, S the sum of the energy over all positions, from 1/N of each layer.

    That walks meet is a mean over angles of products of squared characteristic functions, and the sum over
    histories is a product of matrices with 1 and 1/N in them, three by three.
    """
    circles = [_circle(layers, axis) for axis in range(sum(map(len, groups)))]
    count = math.prod(math.comb(circles[g[0]] // 2 + len(g), len(g)) for g in groups)
    if count**2 // 2 * len(layers) > _MOST_PAIRS:
        raise ValueError(
            f"net must have fewer or smaller layers: pairs of walks through {len(layers)} of them, told "
            f"apart by {count} angles, take minutes; measure it: erfmath.measure(net, channels=..)"
        )
    angles, weights = _angles(circles, groups)
    known = {layer: math.prod(layer.meeting(a, line) for a, line in enumerate(angles)) for layer in layers}
    chain = [(np.asarray(known[layer]), share) for layer, share in zip(layers, shares, strict=True)]
    return sum(float((pairs * _histories(chain, *place)).sum()) for *place, pairs in _blocks(weights))


def _angles(circles: Sequence[int], groups: Groups) -> tuple[list[Floats], Floats]:
    """Return angles that stand for all that are alike by symmetry, a line per axis, and their shares."""
    places = np.indices([m // 2 + 1 for m in circles]).reshape(len(circles), -1)
    shares = [np.where(place == 0, 1, 2) / m for m, place in zip(circles, places, strict=True)]
    for group in groups:
        places[group] = np.sort(places[group], axis=0)
    chosen, which = np.unique(places, axis=1, return_inverse=True)
    weights = np.bincount(which.ravel(), weights=np.prod(shares, axis=0)).astype(float)
    return [2 * math.pi / m * place for m, place in zip(circles, chosen, strict=True)], weights


def _circle(layers: Sequence[RandomLayer], axis: int) -> int:
    """Return an odd number of angles at which two walks that do not meet are told apart."""
    whole = 1 + sum(layer.width(axis) for layer in layers)
    spread = math.sqrt(2 * sum(layer.variance(axis) for layer in layers))
    return 2 * (min(whole, math.ceil(_FAR * spread) + 1) // 2) + 1


def _blocks(weights: Floats) -> Iterator[tuple[slice, slice, Floats]]:
    """Yield blocks of pairs of angles, each pair in one order only, with their shares in the mean."""
    count = len(weights)
    height = max(1, _BLOCK // count)
    for first in range(0, count, height):
        rows, columns = slice(first, min(first + height, count)), slice(first, count)
        pairs = weights[rows, None] * weights[columns]
        pairs[:, rows.stop - first :] *= 2
        yield rows, columns, pairs


def _histories(chain: Sequence[tuple[Floats, float]], rows: slice, columns: slice) -> Floats:
    """Return the sums over all histories of 12|34, 13|24 and 14|23 that begin with the first, less 1.

    The 1 is of the history without a change, taken off so that small sums keep their digits.
    """
    shape = rows.stop - rows.start, columns.stop - columns.start
    excess, second, third = np.zeros(shape), np.ones(shape), np.ones(shape)
    for meeting, share in reversed(chain):
        second *= meeting[rows, None]
        third *= meeting[columns]
        moved = share * (second + third)
        entered = share * (1 + excess)
        excess += moved
        second, third = second + entered + share * third, third + entered + share * second
    return excess


class Orders(NamedTuple):
    """Orders 0, 1 and 2 in 1/N of moments of S and V_a, where E[S] is 1; those of V an array per group."""

    square: Floats
    cube: Floats
    once: Floats
    twice: Floats


def moment_orders(layers: Sequence[RandomLayer], shares: Sequence[float], groups: Groups) -> Orders:
    r"""Return E[S^2], E[S^3], E[V S] and E[V S^2] to second order in 1/N.

    Histories with one change of pairing or two have two or three stretches of layers, [0, i), [i, j) and
    [j, n) from the data on. Three energies meet in histories such as 12|34|56, 13|24|56, 15|24|36, of which
    there are 24, or 8 that change at once.
    """
    axes = [group[0] for group in groups]
    _require_few(layers, axes)
    counts = [len(group) for group in groups]
    before = np.cumsum([[0.0] * len(axes), *([layer.variance(a) for a in axes] for layer in layers)], axis=0)
    pair, moment = np.zeros(3), np.zeros((len(axes), 3))
    triple, third = 0.0, np.zeros(len(axes))
    for i, j, weight, first, last in _stretches(layers, shares, axes):
        ends, behind = _meetings(last, counts), [walk.variance for walk in last]
        if j == i:
            pair[1] += 2 * weight * ends
            moment[:, 1] += 2 * weight * ends * (before[i] + behind)
        else:
            inside = 2 * weight * _meetings(first, counts)
            tagged = before[i] + [walk.variance for walk in first]
            pair[2] += inside * (1 + ends)
            moment[:, 2] += inside * (tagged + before[-1] - before[j])
            moment[:, 2] += inside * ends * (tagged + behind)
        ways = 24 * weight if j > i else 8 * weight**2
        chance, spread = _three(first, last, counts)
        triple += ways * chance
        third += ways * chance * (before[i] + spread + (before[j] - before[i]) / 3)
    total = before[-1]
    unit, mean = np.array([1.0, 0, 0]), total[:, None] * [1.0, 0, 0]
    square, once = unit + pair, mean + moment
    cube = unit + 3 * pair + [0, 0, triple]
    twice = mean + 2 * moment + total[:, None] * pair
    twice[:, 2] += third
    return Orders(square, cube, once, twice)


def _stretches(
    layers: Sequence[RandomLayer], shares: Sequence[float], axes: Sequence[int]
) -> Iterator[tuple[int, int, float, list[_Walk], list[_Walk]]]:
    """Yield layers i <= j where pairings change, their shares, and the walks of [i, j) and from j on."""
    to_end = [[_Walk(law) for law in laws] for laws in _laws_to_end(layers, axes)]
    for i, share in enumerate(shares):
        laws = [np.ones(1) for _ in axes]
        for j in range(i, len(layers)):
            weight = share * (shares[j] if j > i else 1)
            yield i, j, weight, [_Walk(law) for law in laws], to_end[j]
            laws = [np.convolve(law, layers[j].law(axis)) for law, axis in zip(laws, axes, strict=True)]


def _require_few(layers: Sequence[RandomLayer], axes: Sequence[int]) -> None:
    whole = sum(layer.width(axis) ** 2 for layer in layers for axis in axes)
    if whole * len(layers) ** 3 > _MOST_PRODUCTS:
        raise ValueError(
            f"net must have fewer or smaller layers: the stretches of {len(layers)} of them take minutes; "
            "measure it: erfmath.measure(net, channels=..)"
        )


def _laws_to_end(layers: Sequence[RandomLayer], axes: Sequence[int]) -> list[list[Floats]]:
    """Return the laws of the walk through the layers from each one on, per axis."""
    laws: list[list[Floats]] = [[np.ones(1) for _ in axes]]
    for layer in reversed(layers):
        laws.append([np.convolve(law, layer.law(a)) for law, a in zip(laws[-1], axes, strict=True)])
    return laws[::-1]


class _Walk:
    """A centred walk along an axis: the chance that two meet, and the variance where they do."""

    def __init__(self, law: Floats) -> None:
        self.law, self.reach = law, len(law) - 1
        self.places = np.arange(len(law)) - self.reach / 2
        squares = law**2
        self.meeting = float(squares.sum())
        self.variance = float(squares @ self.places**2) / self.meeting

    def pairs(self, first: Floats, power: int) -> Floats:
        """Return the sums of first(u) u^power law(u + d) over u, by d from -reach to reach."""
        found: Floats = np.correlate(self.law, first * self.places**power, "full")
        return found


def _meetings(walks: Sequence[_Walk], counts: Sequence[int]) -> float:
    """Return the chance that two walks meet on all axes."""
    return math.prod(walk.meeting**count for walk, count in zip(walks, counts, strict=True))


def _three(first: Sequence[_Walk], last: Sequence[_Walk], counts: Sequence[int]) -> tuple[float, Any]:
    r"""Return the chance that three energies meet, and their mean squared place, per group of axes.

    The walks U, V of a first stretch and U', V', W' of a last one meet where :math:`U' = W'` and
    :math:`U - V = V' - U'`. Two of the energies are at U + U', the third has a walk of its own before U'.
    """
    chances, spreads = [], []
    for a, b in zip(first, last, strict=True):
        reach = min(a.reach, b.reach)
        own = [_middle(a.pairs(a.law, p)[::-1], reach) for p in range(3)]
        other = [_middle(b.pairs(b.law**2, p), reach) for p in range(3)]
        chances.append(float(own[0] @ other[0]))
        together = own[2] @ other[0] + 2 * (own[1] @ other[1]) + own[0] @ other[2]
        spreads.append(float(2 * together + own[0] @ other[2]) / (3 * chances[-1]))
    return math.prod(c**count for c, count in zip(chances, counts, strict=True)), np.array(spreads)


def _middle(line: Floats, reach: int) -> Floats:
    centre = len(line) // 2
    return line[centre - reach : centre + reach + 1]
