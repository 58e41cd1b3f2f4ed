r"""How late a network's output is when its input arrives sample by sample.

Unit i of an output of one unit every :math:`\rho` samples has its place at the sample :math:`\rho i`, and
reads up to the sample :math:`b_i`, which depends on its phase. It looks :math:`b_i - \lfloor\rho i\rfloor`
samples ahead; the least delay D that is the same for all units, so that unit i can be heard at
:math:`\rho i + D`, is

.. math:: D = \max(0, \max_i (b_i - \rho i)).
"""

from __future__ import annotations

import contextlib
import math
import numbers
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from typing import Any

from .._checks import as_axis, as_count
from .._html import card
from ..models.model import Model
from ..network.algebra import Node
from ..network.field import Phase, ReceptiveField, receptive_field
from ..network.rates import integral
from ..words import figure, human_bytes, table
from .buffers import Buffer, buffers_of
from .causality import causal_line, wait_table
from .durations import shown
from .waits import Wait, waits_of

Samples = Any  # an int, a Fraction where the output is faster than the input, inf where there is no end


@dataclass(frozen=True)
class Spans:
    """The numbers of a latency in one unit of time, as floats; :class:`Latency` says what they are."""

    lookahead: float
    lookaheads: tuple[float | None, ...]
    context: float
    hop: float
    frame: float
    delay: float


@dataclass(frozen=True, repr=False)
class Latency:
    """How late a network is along one axis, in samples of its input; see :func:`latency`.

    Attributes
    ----------
    field
        The theoretical receptive field.
    axis
        The axis that is time.
    rate
        Samples of the input per second, None where it is not known.
    channels
        Of the input.
    itemsize
        Bytes of a number.

    Examples
    --------
    >>> import erfmath as em
    >>> late = em.latency(em.Conv(8, 4, padding=2) >> em.Conv(3, padding=1), rate=16000)
    >>> late.lookahead, late.lookaheads, late.context, late.hop, late.frame, late.delay
    (9, (9,), 16, 4, 4, 9)
    >>> late.ms.delay, late.seconds.delay, late.frames.delay
    (0.5625, 0.0005625, 2.25)
    >>> late.is_causal, [(wait.layer, wait.samples) for wait in late.waits], late.endless
    (False, [('Conv 8 /4', 5), ('Conv 3', 4)], '')
    >>> [buffer.samples for buffer in late.buffers], late.memory, late.to_dict()["ms"]["hop"]
    ([7, 2], 36, 0.25)
    """

    field: ReceptiveField
    axis: int
    rate: float | None
    channels: int
    itemsize: int

    @property
    def _phases(self) -> tuple[Phase, ...]:
        return self.field.all_phases[self.axis]

    @property
    def _per_unit(self) -> Fraction:
        """Input samples per output unit."""
        return self.field.program.rate[self.axis]

    @property
    def lookaheads(self) -> tuple[Samples, ...]:
        """Samples read after the one that a unit is at, for each phase of the output; None for no sample."""
        return tuple(
            phase.region and phase.region[1] - math.floor(self._per_unit * r)
            for r, phase in enumerate(self._phases)
        )

    @property
    def lookahead(self) -> Samples:
        """The largest of the `lookaheads`: 0 for a causal network, inf where all that follows is read."""
        return max(ahead for ahead in self.lookaheads if ahead is not None)

    @property
    def context(self) -> Samples:
        """Samples that one unit reads, from the first to the last: the size of the field."""
        return max(phase.size for phase in self._phases)

    @property
    def hop(self) -> Samples:
        """Samples from one unit of the output to the next."""
        return integral(self._per_unit)

    @property
    def frame(self) -> int:
        """Samples after which the phases repeat: what a network of strides works on at a time."""
        return int(self.field.program.period[self.axis] * self._per_unit)

    @property
    def delay(self) -> Samples:
        """The algorithmic delay: the least D with which every unit i can be made at its place hop * i + D."""
        ends = [(r, phase.region[1]) for r, phase in enumerate(self._phases) if phase.region]
        if any(end == math.inf for _, end in ends):
            return math.inf
        return integral(max(Fraction(0), *(end - self._per_unit * r for r, end in ends)))

    @property
    def is_causal(self) -> bool:
        """Whether no unit reads beyond its own frame: one sample, or what strides work on at a time."""
        return all(phase.region is None or phase.region[1] < self.frame for phase in self._phases)

    @cached_property
    def waits(self) -> tuple[Wait, ...]:
        """What each layer adds to the delay, those left out that add nothing; their sum is the delay.

        Padding, and a delay of that kind, counts for the window behind it.
        """
        return waits_of(self.field.net, self.field.ndim, self.axis)

    @cached_property
    def buffers(self) -> tuple[Buffer, ...]:
        """What each layer keeps between samples, those left out that keep nothing.

        Raises
        ------
        ValueError
            If a layer reads all that follows, or the network has several axes.
        """
        if self.field.ndim > 1:
            raise ValueError(
                f"buffers are reckoned on one axis, and the network has {self.field.ndim}: what a layer "
                "keeps is as large as its map along the others"
            )
        if self.delay == math.inf:
            raise ValueError(f"there are no buffers: {self.endless} reads the input to its end")
        return buffers_of(self.field.net, self.channels, self.itemsize)

    @property
    def endless(self) -> str:
        """The first layer that reads all that follows, by its name; empty where there is none."""
        return next((wait.layer for wait in self.waits if wait.samples == math.inf), "")

    @property
    def memory(self) -> int:
        """Bytes of all buffers, without the states of recurrent layers."""
        return sum(buffer.memory for buffer in self.buffers)

    @property
    def seconds(self) -> Spans:
        """The same in seconds, which needs a `rate`."""
        return self._in(1 / self._known_rate)

    @property
    def ms(self) -> Spans:
        """The same in milliseconds, which needs a `rate`."""
        return self._in(1000 / self._known_rate)

    @property
    def frames(self) -> Spans:
        """The same in frames."""
        return self._in(Fraction(1, self.frame))

    @property
    def _known_rate(self) -> Fraction:
        if self.rate is None:
            raise ValueError("rate is unknown: give the samples per second, such as latency(net, rate=16000)")
        return Fraction(self.rate)

    def _in(self, unit: Fraction) -> Spans:
        def value(samples: Samples) -> float:
            return float(samples if samples == math.inf else samples * unit)

        ahead = tuple(None if samples is None else value(samples) for samples in self.lookaheads)
        rest = map(value, (self.context, self.hop, self.frame, self.delay))
        return Spans(value(self.lookahead), ahead, *rest)

    def to_dict(self) -> dict[str, Any]:
        """Return all numbers by name; "ms" is None without a rate, "buffers" where there are none."""
        names = ("lookahead", "lookaheads", "context", "hop", "frame", "delay")
        own = {name: getattr(self, name) for name in names}
        late = [vars(wait) for wait in self.waits]
        memory: int | None = None
        buffers: list[dict[str, Any]] | None = None
        with contextlib.suppress(ValueError):
            memory, buffers = self.memory, [vars(buffer) for buffer in self.buffers]
        return {
            "rate": self.rate,
            "samples": own,
            "ms": None if self.rate is None else vars(self.ms),
            "frames": vars(self.frames),
            "is_causal": self.is_causal,
            "waits": late,
            "buffers": buffers,
            "memory": memory,
        }

    def _rows(self) -> list[list[str]]:
        """Return each number in samples, in milliseconds where the rate is known, and in frames."""
        units = [self.frames] if self.rate is None else [self.ms, self.frames]
        rows = []
        for name in ("lookahead", "delay", "context", "hop", "frame"):
            inner = [shown(getattr(self, name)), *(shown(getattr(unit, name)) for unit in units)]
            rows.append([name, *inner])
        return rows

    @property
    def _headers(self) -> list[str]:
        return ["", "samples", *([] if self.rate is None else ["ms"]), "frames"]

    def _buffer_table(self) -> str:
        """Return the buffers as a table, or why there are none."""
        try:
            buffers = self.buffers
        except ValueError as error:
            return f"No stream: {error}"
        if not buffers:
            return "No layer keeps anything between samples."
        rows = [
            [
                b.layer,
                "state" if b.samples is None else str(b.samples),
                str(b.channels),
                human_bytes(b.memory),
            ]
            for b in buffers
        ]
        total = sum(buffer.samples or 0 for buffer in buffers)
        rows.append(["all", str(total), "", human_bytes(self.memory)])
        return table(["layer keeps", "samples", "channels", "bytes"], rows, left=1)

    def _phase_line(self) -> str:
        """Return how far each phase looks ahead, where they differ and are few enough to read."""
        if len(set(self.lookaheads)) == 1 or len(self.lookaheads) > 16:
            return ""
        return f"lookahead by output phase: {' '.join(map(shown, self.lookaheads))}"

    def __str__(self) -> str:
        numbers = table(self._headers, self._rows(), left=1)
        parts = [self._phase_line(), causal_line(self), wait_table(self), self._buffer_table()]
        return "\n\n".join(filter(None, [numbers, *parts]))

    def __repr__(self) -> str:
        ms = "" if self.rate is None else f" ({figure(self.ms.delay)} ms)"
        return (
            f"<Latency: lookahead {shown(self.lookahead)}, context {shown(self.context)}, hop {self.hop}, "
            f"delay {shown(self.delay)}{ms}>"
        )

    def _repr_html_(self) -> str:
        """Return the numbers as HTML for a notebook."""
        columns = self._headers[1:]
        facts = [(name, ", ".join(map(_counted, cells, columns))) for name, *cells in self._rows()]
        return card("Latency", facts)


def _counted(number: str, units: str) -> str:
    """Return a number with its unit: 1 sample, 2 samples, 1 ms."""
    return f"{number} {units.removesuffix('s') if number == '1' and units != 'ms' else units}"


def latency(
    net: Node,
    rate: float | None = None,
    *,
    axis: int | None = None,
    channels: int | None = None,
    itemsize: int = 4,
) -> Latency:
    r"""Return how late a network's output is when its input arrives sample by sample.

    A unit i at the sample :math:`\rho i` that reads up to the sample :math:`b_i` looks
    :math:`b_i - \lfloor\rho i\rfloor` samples ahead; the algorithmic delay is the least that is the same for
    all units, :math:`\max(0, \max_i (b_i - \rho i))`, with :math:`\rho` the hop.

    Parameters
    ----------
    net
        A network or a Model.
    rate
        Samples of the input per second, a positive number; None where it is not known.
    axis
        The axis that is time, which a network on several axes needs.
    channels
        Of the input, for the bytes of the buffers: by default a model's own, otherwise 1.
    itemsize
        Bytes of a number.

    Returns
    -------
    Latency
        `lookahead` and `lookaheads` by phase of the output, `context`, `hop`, `frame` and `delay` in
        samples of the input; ``.ms``, ``.seconds`` and ``.frames`` have the same names; `is_causal`, and
        `waits`, the layers that look ahead; and `buffers` with their `memory`.

    Raises
    ------
    TypeError, ValueError
        If it is not a network, has several axes and none is named, sees nothing, or has positions that depend
        on the size of the map, or if the rate is not a positive number.

    Examples
    --------
    >>> from erfmath import Conv, latency, zoo
    >>> latency(zoo.wavenet(), rate=16000)
    <Latency: lookahead 0, context 1024, hop 1, delay 0 (0 ms)>
    >>> latency(zoo.wavenet(), rate=16000).ms.context
    64.0
    >>> print(latency(Conv(8, 4, padding=2) >> Conv(3, padding=1), rate=16000))
               samples      ms  frames
    ---------  -------  ------  ------
    lookahead        9  0.5625    2.25
    delay            9  0.5625    2.25
    context         16       1       4
    hop              4    0.25       1
    frame            4    0.25       1
    <BLANKLINE>
    Not causal: it looks ahead beyond its frame of 4. What each layer adds to the delay:
    <BLANKLINE>
    layer adds  samples      ms
    ----------  -------  ------
    Conv 8 /4         5  0.3125
    Conv 3            4    0.25
    <BLANKLINE>
    layer keeps  samples  channels  bytes
    -----------  -------  --------  -----
    Conv 8 /4          7         1   28 B
    Conv 3             2         1    8 B
    all                9             36 B
    """
    field = receptive_field(net)
    if (layer := field.stretches) is not None:
        raise ValueError(f"there is no latency: {layer} has positions that depend on the size of the map")
    time = _time_axis(field, axis)
    if not any(phase.region for phase in field.all_phases[time]):
        raise ValueError("no output unit sees any input: strides and upsampling miss each other")
    own = net.channels if isinstance(net, Model) else None
    width = (own or 1) if channels is None else as_count(channels, "channels", minimum=1)
    return Latency(field, time, as_rate(rate), width, as_count(itemsize, "itemsize", minimum=1))


def _time_axis(field: ReceptiveField, axis: int | None) -> int:
    if axis is None and field.ndim > 1:
        raise ValueError(f"axis must say which of the {field.ndim} axes is time, such as axis=-1")
    return as_axis(axis or 0, field.ndim)


def as_rate(rate: Any) -> float | None:
    """Return samples per second as a positive number, None for None, or raise naming the argument."""
    if rate is None:
        return None
    if isinstance(rate, bool) or not isinstance(rate, numbers.Real):
        raise TypeError(f"rate must be the samples per second, such as 16000, got {rate!r}")
    if not 0 < float(rate) < math.inf:
        raise ValueError(f"rate must be positive and finite, in samples per second, got {rate!r}")
    return rate  # type: ignore[return-value]
