r"""Convolutions backwards, for arrays with channels first: what units see, spread over what they read.

.. math:: x_{c}(s y + d p) \mathrel{+}= \sum_o W_{ocp}\, g_o(y)

Sums of products alone, in another order than the definition's, so that of non-negative numbers each result
keeps its relative error: by matrices where many channels mix, by one matrix per channel and row of taps where
they are apart, by doubling where taps are equal.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..core.scaled import Floats
from .arguments import Ints

Array = np.ndarray[Any, Any]
# First position and the one behind the last, per axis, counted from the first tap of the first unit.
Spans = tuple[tuple[int, int], ...]

# Numbers that stay in a processor's cache from one step to the next.
_CACHED = 2**18
# From so many taps in a row on a matrix, or doubling, may be faster than tap by tap.
_LONG_ROW = 5
# Columns of a block of the matrix of a row of taps, at least: for fewer the call is what takes time.
_BLOCK = 24


@dataclass(frozen=True)
class Steps:
    """How far apart units and taps are on each axis: stride s and dilation d."""

    stride: Ints
    step: Ints

    def spread(self, units: Ints) -> Ints:
        """Return the positions from the first unit to the last."""
        return tuple(s * (n - 1) + 1 for s, n in zip(self.stride, units, strict=True))

    def shape(self, units: Ints, taps: Ints) -> Ints:
        """Return the positions from the first tap of the first unit to the last of the last."""
        return tuple(n + d * (k - 1) for n, d, k in zip(self.spread(units), self.step, taps, strict=True))

    def place(self, tap: Ints, units: Ints, first: int = 0) -> tuple[slice, ...]:
        """Return where units read through a tap, those on the first axis from one on."""
        starts = [d * int(i) for d, i in zip(self.step, tap, strict=True)]
        starts[0] += self.stride[0] * first
        ends = zip(starts, self.spread(units), self.stride, strict=True)
        return tuple(slice(a, a + n, s) for a, n, s in ends)

    def meeting(self, tap: Ints, units: Ints, kept: Spans) -> tuple[tuple[slice, ...], tuple[slice, ...]]:
        """Return which units read a kept position through a tap, and which of those positions they read."""
        chosen, places = [], []
        for i, n, (low, high), s, d in zip(tap, units, kept, self.stride, self.step, strict=True):
            first = max(0, -((d * i - low) // s))
            last = max(first, min(n, -((d * i - high) // s)))
            start = s * first + d * i - low
            chosen.append(slice(first, last))
            places.append(slice(start, start + max(0, s * (last - first - 1) + 1), s))
        return tuple(chosen), tuple(places)


def mixed(values: Floats, weights: Array, power: int, support: Array, steps: Steps, kept: Spans) -> Floats:
    """Return what is seen of the inputs by weights (groups, outputs, inputs, *taps), each to a power.

    `support` is not zero at the taps that count; of the positions those kept are returned.
    """
    groups, outputs, inputs, *sides = weights.shape
    if outputs == inputs == 1:
        return apart(values, weights.reshape(groups, *sides).astype(float) ** power, steps, kept)
    matrix = weights.reshape(groups, outputs, -1).astype(float)
    if power != 1:
        matrix **= power
    if len(values) == 1 < groups * outputs:  # alike in all channels
        matrix, outputs = matrix.sum(axis=1, keepdims=True), 1
        values = np.broadcast_to(values, (groups, *values.shape[1:]))
    turned = matrix.transpose(0, 2, 1)
    units = values.shape[1:]
    out = np.zeros((groups, inputs, *steps.shape(units, tuple(sides))))
    taps: Any = np.argwhere(support).tolist()
    rows = max(1, _CACHED // max(1, math.prod(units[1:]) * turned.shape[0] * turned.shape[1]))
    for first in range(0, units[0], rows):
        part = values[:, first : first + rows]
        seen = np.matmul(turned, part.reshape(groups, outputs, -1))
        seen = seen.reshape(groups, inputs, *sides, *part.shape[1:])
        for tap in taps:
            out[:, :, *steps.place(tap, part.shape[1:], first)] += seen[:, :, *tap]
    return out.reshape(groups * inputs, *out.shape[2:])[:, *(slice(*span) for span in kept)]


def apart(values: Floats, taps: Floats, steps: Steps, kept: Spans) -> Floats:
    """Return what is seen of each channel through taps (channels, *taps); a single one stands for all."""
    units, sides = values.shape[1:], taps.shape[1:]
    channels, longest = max(len(values), len(taps)), int(np.argmax(sides))
    if (
        sides[longest] == taps.size >= _LONG_ROW
        and np.ptp(taps) == 0
        and _is_doubled(taps.size, steps.stride)
    ):
        line = np.zeros((channels, *steps.spread(units)))
        line[:, *(slice(None, None, s) for s in steps.stride)] = taps.flat[0] * values
        whole = _doubled(line, taps.size, steps.step[longest], 1 + longest)
        return whole[:, *(slice(*span) for span in kept)]
    out = np.zeros((channels, *(high - low for low, high in kept)))
    if not out.size:
        return out
    by_rows = sides[-1] >= _LONG_ROW and len(sides) > 1 and steps.stride[-1] == steps.step[-1] == 1
    size = max(1, _CACHED // max(1, math.prod(units)))
    for first in range(0, channels, size):
        own = slice(first, first + size)
        part = values[own] if len(values) > 1 else values
        (_by_rows if by_rows else _tap_by_tap)(
            out[own], part, taps[own] if len(taps) > 1 else taps, steps, kept
        )
    return out


def _tap_by_tap(out: Floats, values: Floats, taps: Floats, steps: Steps, kept: Spans) -> None:
    """Add tap by tap, some units at a time, whose products stay in the cache."""
    units, ones = values.shape[1:], (1,) * (values.ndim - 1)
    places: Any = np.argwhere(taps.any(axis=0)).tolist()
    rows = max(1, _CACHED // (len(out) * max(1, math.prod(units[1:]))))
    for first in range(0, units[0], rows):
        part = values[:, first : first + rows]
        moved = steps.stride[0] * first
        own = ((kept[0][0] - moved, kept[0][1] - moved), *kept[1:])
        for tap in places:
            chosen, place = steps.meeting(tap, part.shape[1:], own)
            out[:, *place] += taps[:, *tap].reshape(-1, *ones) * part[:, *chosen]


def _by_rows(out: Floats, values: Floats, taps: Floats, steps: Steps, kept: Spans) -> None:
    """Add planes of taps, a matrix each, for each tap of the axes before the last two."""
    plane = Steps(steps.stride[-2:], steps.step[-2:])
    before = Steps(steps.stride[:-2], steps.step[:-2])
    for tap in np.ndindex(*taps.shape[1:-2]):
        chosen, place = before.meeting(tap, values.shape[1:-2], kept[:-2])
        part, own = values[:, *chosen], out[:, *place]
        for index in np.ndindex(*part.shape[1:-2]):
            _add_plane(own[:, *index], part[:, *index], taps[:, *tap], plane, kept[-2:])


def _add_plane(out: Floats, values: Floats, taps: Floats, steps: Steps, kept: Spans) -> None:
    """Add the product with the matrix that a plane of taps is, on blocks of columns, some rows at a time.

    Row y of the result is the product of the rows y - d p of the values, side by side, with the matrices
    that rows p of the taps are, one above the other.
    """
    (low, high), (left, right) = kept
    lines, count = taps.shape[1:]
    reach, width = steps.step[0] * (lines - 1), min(right - left, max(_BLOCK, count - 1))
    blocks, start, length = -(-(right - left) // width), left - count + 1, width + count - 1
    if values.shape[-1] * (right - left) <= blocks * length * width:
        blocks, width, start, length = 1, right - left, 0, values.shape[-1]
    padded = np.zeros((len(values), high - low + reach, (blocks - 1) * width + length))
    _lay(padded, values, (low - reach, start), steps.stride[0])
    matrix = _matrix(taps, left - start, length, width).reshape(len(taps), -1, width)
    views = np.lib.stride_tricks.sliding_window_view(padded, (reach + 1, length), axis=(1, 2))
    views = views[:, :, ::width, :: -max(1, steps.step[0])]  # channels, rows, blocks, taps' rows, columns
    size = max(1, 4 * _CACHED // (len(values) * blocks * lines * length))
    for first in range(0, high - low, size):
        part = views[:, first : first + size]
        seen = np.matmul(part.reshape(len(part), -1, lines * length), matrix)
        seen = seen.reshape(len(seen), part.shape[1], blocks * width)
        out[:, first : first + size] += seen[..., : right - left]


def _lay(out: Floats, values: Floats, start: tuple[int, int], stride: int) -> None:
    """Lay rows, so far apart, and columns where they stand in an array that begins at `start`."""
    kept = tuple((o, o + n) for o, n in zip(start, out.shape[1:], strict=True))
    chosen, place = Steps((stride, 1), (0, 0)).meeting((0, 0), values.shape[1:], kept)
    out[:, *place] = values[:, *chosen]


def _matrix(taps: Floats, shift: int, length: int, width: int) -> Floats:
    """Return matrices (..., length, width) with tap o - j + shift at j, o, and 0 where there is none."""
    first = shift - length + 1
    line = np.zeros((*taps.shape[:-1], length + width - 1))
    low, high = max(0, first), min(taps.shape[-1], first + length + width - 1)
    line[..., max(0, low - first) : max(0, high - first)] = taps[..., low : max(low, high)]
    return np.lib.stride_tricks.sliding_window_view(line, width, axis=-1)[..., ::-1, :]


def _doubled(line: Floats, count: int, step: int, axis: int) -> Floats:
    """Return the sums of so many equal taps on an axis: of two, of four, of eight and so on."""
    run, taken = line, 1
    for bit in format(count, "b")[1:]:
        run, taken = _shifted(run, run, taken * step, axis), 2 * taken
        if bit == "1":
            run, taken = _shifted(run, line, taken * step, axis), taken + 1
    return run


def _is_doubled(count: int, stride: Ints) -> bool:
    """Return whether sums of two, of four and so on take less than one for each tap.

    They go over the gaps between strided units too, which leaves the cache sooner: the factor is measured.
    """
    sums = count.bit_length() + count.bit_count() - 2
    return sums * math.prod(stride) ** 2 <= count


def _shifted(first: Floats, second: Floats, by: int, axis: int) -> Floats:
    """Return the sum of two arrays, the second moved along an axis and ending last."""
    sides = list(first.shape)
    sides[axis] = by + second.shape[axis]
    out = np.zeros(sides)
    before = (slice(None),) * axis
    out[*before, : first.shape[axis]] = first
    out[*before, by:] += second
    return out
