"""A network evaluated forward on a finite map with numpy.pad and plain loops: slow, and obviously right."""

import itertools

import numpy as np

import erfmath as em

MODES = {"zeros": "constant", "reflect": "reflect", "replicate": "edge", "circular": "wrap"}


def evaluate(net, x):
    """Return the output of a network for an input array; ValueError where a layer does not fit."""
    if isinstance(net, em.Series):
        for part in net.nodes:
            x = evaluate(part, x)
        return x
    if isinstance(net, em.Power):
        for _ in range(net.n):
            x = evaluate(net.node, x)
        return x
    if isinstance(net, em.Residual):
        return joined([x, evaluate(net.branch, x)], [1, net.gain])
    if isinstance(net, (em.Sum, em.Concat)):
        return joined([evaluate(branch, x) for branch in net.branches], net.gains)
    if isinstance(net, em.Graph):
        return of_graph(net, net.output, x)
    if isinstance(net, em.GlobalPool):
        return np.full((1,) * x.ndim, x.mean())
    if isinstance(net, em.Conv):
        most = [n - (net.padding_mode == "reflect") for n in x.shape]
        if net.padding_mode in ("reflect", "circular") and (np.max(net.padding, axis=1) > most).any():
            raise ValueError("wider than the map, as PyTorch says")
        padded = np.pad(x, net.padding, MODES[net.padding_mode])
        return windows(padded, net.kernel, net.stride, net.dilation)
    if isinstance(net, em.Pad):
        most = [n - (net.mode == "reflect") for n in x.shape]
        if net.mode in ("reflect", "circular") and (np.max(net.padding, axis=1) > most).any():
            raise ValueError("wider than the map, as PyTorch says")
        return np.pad(x, net.padding, MODES[net.mode])
    if isinstance(net, em.Slice):
        cut = x[tuple(map(slice, net.start, net.stop, net.step))]
        if not cut.size:
            raise ValueError("too small")
        return cut
    if isinstance(net, em.Pool):
        return pooled(net, x)
    if isinstance(net, em.ConvTranspose):
        return scattered(net, x)
    if isinstance(net, em.Upsample):
        for axis, factor in enumerate(net.factor):
            x = upsampled(x, axis, factor, net.mode)
        return x
    return x  # pointwise


def of_graph(net, name, x):
    """A tensor of a graph by its name: every layer asks the layers that it reads."""
    if name == "input":
        return x
    node, sources = next((e.node, e.sources) for e in net.layers if e.name == name)
    parts = [of_graph(net, source, x) for source, _ in sources]
    return evaluate(node, joined(parts, [gain for _, gain in sources]))


def pooled(net, x):
    """Sums of windows over how many of their samples count: never padding for a maximum."""
    kernel = em.Kernel(np.ones(net.size, dtype=int))
    overhang = []
    for axis, (before, after) in enumerate(net.padding):
        room = x.shape[axis] + before + after - net.dilation[axis] * (net.size[axis] - 1) - 1
        missing = -room % net.stride[axis] if net.ceil_mode else 0
        begins_inside = (room + missing) // net.stride[axis] * net.stride[axis] < x.shape[axis] + before
        overhang.append((0, missing if begins_inside else 0))
    inside = np.pad(np.ones(x.shape), net.padding, constant_values=float(net.mode != "max"))
    counts = windows(np.pad(inside, overhang), kernel, net.stride, net.dilation)
    sums = windows(np.pad(np.pad(x, net.padding), overhang), kernel, net.stride, net.dilation)
    return sums / np.maximum(counts, 1)


def joined(parts, gains):
    """Add the branches; a single value fits any map."""
    shapes = {part.shape for part in parts if part.size > 1}
    if len(shapes) > 1:
        raise ValueError("different sizes")
    return sum(float(gain) * part for part, gain in zip(parts, gains, strict=True))


def windows(x, kernel, stride, dilation):
    """The cross-correlation of a padded input with a kernel of offset 0."""
    weights = np.array(kernel.weights, dtype=float)
    size = [
        (n - d * (k - 1) - 1) // s + 1
        for n, k, s, d in zip(x.shape, weights.shape, stride, dilation, strict=True)
    ]
    if min(size) < 1:
        raise ValueError("too small")
    out = np.zeros(size)
    for index in np.ndindex(*size):
        for tap in np.ndindex(*weights.shape):
            place = tuple(s * i + d * j for s, i, d, j in zip(stride, index, dilation, tap, strict=True))
            out[index] += weights[tap] * x[place]
    return out


def scattered(net, x):
    """The transposed convolution: every input is scattered over the output, which is then cut."""
    weights = np.array(net.kernel.weights, dtype=float)
    whole = [
        (n - 1) * s + d * (k - 1) + 1 + extra
        for n, s, d, k, extra in zip(
            x.shape, net.stride, net.dilation, weights.shape, net.output_padding, strict=True
        )
    ]
    out = np.zeros(whole)
    for index in np.ndindex(*x.shape):
        for tap in np.ndindex(*weights.shape):
            place = tuple(
                s * i + d * j for s, i, d, j in zip(net.stride, index, net.dilation, tap, strict=True)
            )
            out[place] += weights[tap] * x[index]
    cut = tuple(slice(b, n - a) for (b, a), n in zip(net.padding, whole, strict=True))
    if not out[cut].size:
        raise ValueError("too small")
    return out[cut]


def upsampled(x, axis, factor, mode):
    """Repeat, or interpolate between the samples' centres with the outer ones held."""
    if mode == "nearest":
        return np.repeat(x, factor, axis=axis)
    n = x.shape[axis]
    places = np.clip((np.arange(n * factor) + 0.5) / factor - 0.5, 0, n - 1)
    low = np.floor(places).astype(int)
    share = (places - low).reshape([-1 if a == axis else 1 for a in range(x.ndim)])
    return np.take(x, low, axis) * (1 - share) + np.take(x, np.minimum(low + 1, n - 1), axis) * share


def impacts(net, size):
    """Return, for every output unit, the map of the impacts of all inputs: an array (output, input)."""
    maps = []
    for index in itertools.product(*map(range, size)):
        x = np.zeros(size)
        x[index] = 1.0
        maps.append(evaluate(net, x))
    stacked = np.stack(maps, axis=-1)
    return stacked.reshape(*stacked.shape[:-1], *size)
