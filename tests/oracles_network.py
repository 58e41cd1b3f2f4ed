"""Networks run forward in plain loops, each layer as torch defines it: slow, and obviously right.

An infinite sequence is a function of a position, a tuple of ints. Its values are linear forms in the samples
of the input, {position of the input: factor}, in ints and Fractions: what a unit of the output holds IS its
impact. Zero padding adds nothing, so that the input may as well go on for ever.
"""

import functools
import itertools
import math
from collections import Counter
from fractions import Fraction

import numpy as np

import erfmath as em


def impact(net, at):
    """{input position: factor} of the output unit at a position, an int on one axis, factors 0 left out."""
    one_axis = isinstance(at, int)
    unit = forward(net, sample)((at,) if one_axis else tuple(at))
    return {x[0] if one_axis else x: factor for x, factor in unit.items() if factor}


def sample(x):
    """The input: its value at x is the variable of that name."""
    return Counter({x: 1})


def forward(net, read):
    """The output sequence of a network for an input sequence."""
    match net:
        case em.Identity() | em.Activation() | em.Dropout():
            return read
        case em.Conv():
            return memory(lambda y: convolved(net, y, read))
        case em.ConvTranspose():
            return memory(lambda y: scattered(net, y, read))
        case em.Pool():
            return memory(lambda y: averaged(net, y, read))
        case em.Upsample(mode="nearest"):
            return lambda y: read(tuple(i // f for i, f in zip(y, net.factor, strict=True)))
        case em.Upsample():
            return memory(lambda y: interpolated(net.factor, y, read))
        case em.Pad():
            return lambda y: read(tuple(i - before for i, (before, _) in zip(y, net.padding, strict=True)))
        case em.Slice():
            return lambda y: read(tuple(o + i * s for i, o, s in zip(y, net.start, net.step, strict=True)))
        case em.Series():
            return functools.reduce(lambda sequence, part: forward(part, sequence), net.nodes, read)
        case em.Power():
            return functools.reduce(lambda sequence, part: forward(part, sequence), [net.node] * net.n, read)
        case em.Sum():
            parts = [forward(branch, read) for branch in net.branches]
            return memory(lambda y: added(zip(net.gains, [part(y) for part in parts], strict=True)))
        case em.Concat():  # the next layer adds over all channels: here, their mean
            parts = [forward(branch, read) for branch in net.branches]
            shares = [Fraction(c, sum(net.channels)) for c in net.channels]
            return memory(lambda y: added(zip(shares, [part(y) for part in parts], strict=True)))
        case em.Residual():
            branch = forward(net.branch, read)
            return memory(lambda y: added([(1, read(y)), (net.gain, branch(y))]))
        case em.Graph():
            return graph(net, read)
    raise TypeError(net)


def graph(net, read):
    """The output of a graph: every layer asks the layers that it reads."""
    layers = {name: (node, sources) for name, node, sources, _ in net.layers}

    @functools.cache
    def tensor(name):
        if name == "input":
            return read
        node, sources = layers[name]
        parts = [(gain, tensor(source)) for source, gain in sources]
        return memory(forward(node, memory(lambda y: added((gain, part(y)) for gain, part in parts))))

    return tensor(net.output)


def convolved(layer, y, read):
    """out[y] = sum_j w_j in[s y + d (o + j) - p]."""
    terms = []
    for j, weight in taps(layer.kernel):
        x = tuple(s * i + d * k - p for s, i, d, k, p in zip(*rows(layer, y, j), strict=True))
        terms.append((weight, read(x)))
    return added(terms)


def scattered(layer, y, read):
    """out[s x + d (o + j) - p] += w_j in[x], for every x that could meet y."""
    terms = []
    for j, weight in taps(layer.kernel):
        columns = list(zip(*rows(layer, y, j), strict=True))
        near = [(i + p - d * k) // s for s, i, d, k, p in columns]
        for x in itertools.product(*[range(n - 1, n + 3) for n in near]):
            meets = all(s * v + d * k - p == i for v, (s, i, d, k, p) in zip(x, columns, strict=True))
            terms += [(weight, read(x))] if meets else []
    return added(terms)


def averaged(layer, y, read):
    """out[y] = mean over j of in[s y + d j - p]."""
    places = list(itertools.product(*map(range, layer.size)))
    terms = []
    for j in places:
        x = tuple(s * i + d * k - p for s, i, d, k, p in zip(*rows(layer, y, j), strict=True))
        terms.append((Fraction(1, len(places)), read(x)))
    return added(terms)


def interpolated(factors, y, read):
    """out[y] = in((y + 1/2)/f - 1/2), linear between samples."""
    points = [Fraction(2 * i + 1, 2 * f) - Fraction(1, 2) for i, f in zip(y, factors, strict=True)]
    terms = []
    for x in itertools.product(*[(math.floor(point), math.floor(point) + 1) for point in points]):
        hats = [1 - abs(point - v) for point, v in zip(points, x, strict=True)]
        if all(hats):
            terms.append((math.prod(hats), read(x)))
    return added(terms)


def taps(kernel):
    """(Lattice position, weight) of every tap that is not zero."""
    for index, weight in np.ndenumerate(np.array(kernel.weights, dtype=object)):
        if weight:
            yield tuple(o + i for o, i in zip(kernel.offsets, index, strict=True)), weight


def rows(layer, y, j):
    """Stride, index, dilation, tap and padding before, an entry per axis each."""
    return layer.stride, y, layer.dilation, j, [before for before, _ in layer.padding]


def added(terms):
    """The sum of factor times linear form."""
    total = Counter()
    for factor, form in terms:
        if factor:
            for x, value in form.items():
                total[x] += factor * value
    return total


def memory(sequence):
    """The same sequence, each value computed once."""
    return functools.cache(sequence)


def law(unit):
    """{position: probability} of an impact."""
    total = Fraction(sum(unit.values()))
    return {x: factor / total for x, factor in unit.items()}


def marginal(unit, axis):
    """An impact on several axes summed over all others."""
    line = Counter()
    for x, factor in unit.items():
        line[x[axis]] += factor
    return dict(line)


def runs(positions):
    """Integers as maximal runs (first, last)."""
    found = []
    for x in sorted(positions):
        if found and x == found[-1][1] + 1:
            found[-1] = found[-1][0], x
        else:
            found.append((x, x))
    return tuple(found)


def product(left, right):
    """The product of two impacts as polynomials, term by term."""
    total = Counter()
    for x, a in left.items():
        for y, b in right.items():
            total[x + y] += a * b
    return {x: value for x, value in total.items() if value}


def layers_of(net):
    """A network and all networks within it."""
    yield net
    match net:
        case em.Series():
            inside = net.nodes
        case em.Sum() | em.Concat():
            inside = net.branches
        case em.Residual():
            inside = (net.branch,)
        case em.Power():
            inside = (net.node,)
        case em.Graph():
            inside = tuple(entry.node for entry in net.layers)
        case _:
            inside = ()
    for part in inside:
        yield from layers_of(part)
