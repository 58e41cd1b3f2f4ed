"""Layers that move, add or leave out samples, and have no weights: Pad and Slice."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from .._checks import as_choice, as_count, is_index
from .algebra import Node
from .arguments import PADDINGS, Ints, Pads, as_padding, set_fields


@dataclass(frozen=True, init=False, repr=False)
class Pad(Node):
    """Samples added before and after each axis, as a layer of its own.

    With b samples added before, output i is input i - b; outside the input stands what `mode` says.

    Parameters
    ----------
    padding
        Samples from 0: an int (one axis), a tuple of one int per axis, or of a pair (before, after) per axis.
    mode
        What is added: "zeros", "reflect" (without the border sample), "replicate" or "circular".

    Raises
    ------
    TypeError, ValueError
        If the padding is negative (a :class:`Slice` leaves samples out) or of the wrong kind, or the mode is
        not known.

    Examples
    --------
    >>> from erfmath import Pad, Slice, output_size
    >>> Pad([(1, 2)])
    Pad([(1, 2)])
    >>> roll = Pad([(3, 0)], "circular") >> Slice(0, -3)  # a cyclic shift by three samples
    >>> output_size(roll, 10)
    10
    """

    padding: Pads
    mode: str

    def __init__(self, padding: Any, mode: str = "zeros") -> None:
        if isinstance(padding, str) or (not is_index(padding) and not hasattr(padding, "__len__")):
            raise TypeError(
                f"padding must be an int, or ints or pairs of ints, one per axis, got {padding!r}"
            )
        ndim = 1 if is_index(padding) else len(padding)
        if not ndim:
            raise ValueError("padding must have an entry for each axis, got none")
        entries = [padding] if is_index(padding) else list(padding)
        pairs = [(entry, entry) if is_index(entry) else entry for entry in entries]
        set_fields(self, padding=as_padding(pairs, (0,) * ndim, (1,) * ndim))
        set_fields(self, mode=as_choice(mode, "mode", PADDINGS))


@dataclass(frozen=True, init=False, repr=False)
class Slice(Node):
    """Some samples of each axis, as Python's ``x[start:stop:step]`` takes them.

    Output i is input start + step i, as long as that lies before the end that `stop` leaves.

    Parameters
    ----------
    start
        Samples left out before, from 0: an int, or a tuple of one per axis.
    stop
        None for all up to the end, or minus the number of samples left out there; per axis in a tuple. (A
        positive stop would depend on the size of the map.)
    step
        Ints from 1: every so many samples one is taken.

    Raises
    ------
    TypeError, ValueError
        If an argument is of the wrong kind or out of its range, or they have different numbers of axes.

    Examples
    --------
    >>> from erfmath import Conv, Slice, receptive_field
    >>> Slice((1, 2), -1)
    Slice((1, 2), stop=-1)
    >>> receptive_field(Conv(3) >> Slice(2, -2, 4)).region(1)
    (6, 8)
    """

    start: Ints
    stop: tuple[int | None, ...]
    step: Ints

    def __init__(self, start: Any = 0, stop: Any = None, step: Any = 1) -> None:
        given = {"start": start, "stop": stop, "step": step}
        several = {n: tuple(v) for n, v in given.items() if isinstance(v, (tuple, list))}
        counts = {len(values) for values in several.values()} or {1}
        if len(counts) > 1 or counts == {0}:
            raise ValueError(
                f"start, stop and step must each be one number, or one per axis of the same axes, got {given}"
            )
        ndim = counts.pop()
        starts, stops, steps = (several.get(name, (value,) * ndim) for name, value in given.items())
        set_fields(self, start=tuple(as_count(value, "start", minimum=0) for value in starts))
        set_fields(self, stop=tuple(map(_as_stop, stops)))
        set_fields(self, step=tuple(as_count(value, "step", minimum=1) for value in steps))


def _as_stop(stop: Any) -> int | None:
    """Return where a slice ends, None for the end of the axis."""
    if stop is None:
        return None
    if not is_index(stop):
        raise TypeError(f"stop must be None or a negative int, got {stop!r}")
    if int(stop) >= 0:
        raise ValueError(
            f"stop must be None, or minus the samples left out at the end, got {stop}; "
            "a stop of s is s - L on a map of L samples"
        )
    return int(stop)
