"""Conditions that a network has to meet, for tests and continuous integration: ``em.check``."""

from __future__ import annotations

import difflib
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any

from .._checks import as_axis, as_bool, as_bytes, as_choice, is_index, per_axis
from ..laws.conventions import CONVENTIONS
from ..laws.effective import effective_field
from ..laws.rules import DEFINITIONS, PROFILES
from ..models.sources import Options, read
from ..network.algebra import Node
from ..network.arguments import per_axis_values
from ..network.field import ReceptiveField, receptive_field
from ..network.program import program_of
from ..network.sizes import projected
from ..streaming.durations import lasting, shown
from ..streaming.latency import Latency, as_rate, latency
from ..tiling.along import needed_along
from ..words import figure, human_bytes, per_axis_text, positions_word, shown_sides
from .axes import pairs_of
from .bounds import as_bound, as_range, range_words

# What does not exist for a network; its reason is then what a condition fails by.
_NONE = (ValueError, MemoryError, OverflowError)

_WORDS: dict[str, tuple[str, ...]] = {
    "definition": DEFINITIONS,
    "profile": PROFILES,
    "convention": tuple(CONVENTIONS),
}

# How a model is read.
READING = {"example", "ndim", *(entry.name for entry in fields(Options))}

Pairs = tuple[tuple[int, int], ...]


@dataclass(frozen=True)
class Condition:
    """One condition, and whether a network meets it; its str is a line.

    Attributes
    ----------
    name
        The argument of :func:`check`.
    wanted
        What was asked for, in words.
    found
        What the network has, or why it has none.
    holds
        Whether it is met.

    Examples
    --------
    >>> import erfmath as em
    >>> (condition,) = em.check(em.Conv(3), field=5)
    >>> condition.name, condition.wanted, condition.found, condition.holds
    ('field', 'at least 5', '3 samples', False)
    >>> print(condition)
    FAIL  field at least 5: 3 samples
    """

    name: str
    wanted: str
    found: str
    holds: bool

    def __str__(self) -> str:
        return f"{'ok  ' if self.holds else 'FAIL'}  {self.name} {self.wanted}: {self.found}"


@dataclass(frozen=True)
class _Checked:
    """A network and how it is read."""

    net: Node
    axis: int | None
    rate: float | None
    reading: Mapping[str, Any]

    @property
    def field(self) -> ReceptiveField:
        return receptive_field(self.net)


def check(
    what: Any,
    *,
    halo: Any = None,
    lookahead: Any = None,
    delay: Any = None,
    causal: bool | None = None,
    field: Any = None,
    effective: Any = None,
    stride: Any = None,
    covered: bool | None = None,
    memory: int | str | None = None,
    axis: int | None = None,
    rate: float | None = None,
    definition: str | None = None,
    profile: str | None = None,
    convention: str | None = None,
    **reading: Any,
) -> tuple[Condition, ...]:
    """Return the conditions that a network fails: none where it meets all.

    Parameters
    ----------
    what
        A network, a Model, a PyTorch module, a name, or a file, as for :func:`analyze`.
    halo
        Tiles with this halo give what the whole gives: an int, or per axis an int or a pair (before, after).
        It is what :func:`tiles` needs or more, and a multiple of the period, so that tiles begin on the
        network's grid.
    lookahead, delay
        At most so many samples along time, or a text such as "40 ms", see :func:`latency`.
    causal
        Whether no unit reads beyond its own frame, as :class:`Latency` says.
    field
        The size of the theoretical field along each axis: the least, or (least, most), None for no bound;
        in samples, or a text such as "1 s".
    effective
        The side of the effective field, likewise.
    stride
        Exactly so much, an int or one per axis.
    covered
        Whether the field is without holes.
    memory
        At most so many bytes of buffers in a stream, an int or such as "64kB", see :func:`latency`.
    axis
        The axis that is time, which a network on several axes needs for `lookahead`, `delay` and `causal`.
    rate
        Samples of the input per second, which durations need.
    definition, profile, convention
        How the effective field is read, see :func:`effective_field`.
    **reading
        How a model is read: `example`, `output`, `input_shape` and others, see :func:`analyze`.

    Returns
    -------
    tuple of Condition
        Those that fail, in the order above; the str of each is a line that says what was found.

    Raises
    ------
    TypeError, ValueError, OSError
        If no condition is given, a condition is none, or `what` cannot be read.

    Examples
    --------
    >>> import erfmath as em
    >>> causal = em.Conv(3, padding="causal") ** 4
    >>> em.check(causal, lookahead=0, field=(9, None))
    ()
    >>> for failure in em.check(causal, field=(16, None), effective=4):
    ...     print(failure)
    FAIL  field at least 16: 9 samples
    """
    conditions = {
        "halo": halo,
        "lookahead": lookahead,
        "delay": delay,
        "causal": causal,
        "field": field,
        "effective": effective,
        "stride": stride,
        "covered": covered,
        "memory": memory,
    }
    how = {"definition": definition, "profile": profile, "convention": convention}
    return tuple(c for c in checked(what, conditions, axis, rate, how, reading) if not c.holds)


def assert_sees(what: Any, **conditions: Any) -> None:
    """Raise where a network fails a condition; for test suites, with the arguments of :func:`check`.

    Parameters
    ----------
    what
        A network, a Model, a PyTorch module, a name, or a file, as for :func:`analyze`.
    **conditions
        The conditions of :func:`check`, and how a model is read.

    Raises
    ------
    AssertionError
        If any condition fails: the message has a line for each that does.
    TypeError, ValueError, OSError
        As :func:`check`.

    Examples
    --------
    >>> import erfmath as em
    >>> em.assert_sees(em.Conv(3, padding=1) ** 3, halo=3, field=7)
    >>> em.assert_sees(em.Conv(3, padding=1) ** 3, halo=2)
    Traceback (most recent call last):
        ...
    AssertionError: FAIL  halo 2: needs 3 before, 3 after
    """
    __tracebackhide__ = True  # pytest shows the line of the test, and not this one
    failures = check(what, **conditions)
    if failures:
        raise AssertionError("\n".join(map(str, failures)))


def checked(
    what: Any,
    conditions: Mapping[str, Any],
    axis: int | None,
    rate: float | None,
    how: Mapping[str, Any],
    reading: Mapping[str, Any],
) -> tuple[Condition, ...]:
    """Return all conditions, met or not; those that are None are not asked."""
    if unknown := sorted(reading.keys() - READING):
        near = difflib.get_close_matches(unknown[0], [*CONDITIONS, *READING]) or CONDITIONS
        raise TypeError(f"there is no condition {unknown[0]!r}; there is {', '.join(near)}")
    asked = {name: wanted for name, wanted in conditions.items() if wanted is not None}
    if not asked:
        raise ValueError(f"no condition is given: give one of {', '.join(CONDITIONS)}, such as halo=48")
    for name, words in _WORDS.items():
        if how.get(name) is not None:
            as_choice(how[name], name, words)
    _, net, _ = read(what, **reading)
    if axis is not None:
        as_axis(axis, receptive_field(net).ndim)
    case = _Checked(
        net, axis, as_rate(rate), {name: value for name, value in how.items() if value is not None}
    )
    return tuple(CONDITIONS[name](case, wanted) for name, wanted in asked.items())


def _halo(case: _Checked, wanted: Any) -> Condition:
    field = case.field
    given, periods = _as_halo(wanted, field.ndim), per_axis_values(field.period)
    words = per_axis_text([str(a) if a == b else f"{a} before, {b} after" for a, b in given])

    def compare() -> tuple[str, bool]:
        needed = pairs_of(field, field.halo())
        whole = [tuple(_on_grid(side, p) for side in pair) for pair, p in zip(needed, periods, strict=True)]
        if not any(math.inf in pair for pair in whole):
            whole = [tuple(map(max, a, b)) for a, b in zip(whole, _of_tiles(case.net, field), strict=True)]
        text = "needs " + per_axis_text([f"{shown(a)} before, {shown(b)} after" for a, b in whole])
        if any(math.inf in pair for pair in whole):
            return f"{text}: {field.unbounded!r} reads the whole of a side", False
        if max(periods) > 1:
            text += f", on the network's grid of {per_axis_text(periods)}"
        sides = zip(given, whole, periods, strict=True)
        return text, all(g >= n and g % p == 0 for gs, ns, p in sides for g, n in zip(gs, ns, strict=True))

    return _condition("halo", words, compare)


def _of_tiles(net: Node, field: ReceptiveField) -> list[tuple[int, int]]:
    """Return the halos of tiles: also for what leaves a tile inside the network and comes back."""
    program = program_of(net, field.ndim, unrolled=True)
    found = [needed_along(net, projected(program, axis), axis) for axis in range(field.ndim)]
    return [(halo.before, halo.after) for halo in found]


def _on_grid(samples: Any, period: int) -> Any:
    """Return a halo rounded up to a multiple of the period."""
    return samples if samples == math.inf else -(-samples // period) * period


def _as_halo(value: Any, ndim: int) -> Pairs:
    """Return (before, after) per axis of a halo as a user gives it."""
    pairs: Sequence[Any] = (value,) * ndim if is_index(value) else value
    if ndim == 1 and isinstance(value, (tuple, list)) and all(map(is_index, value)):
        pairs = (value,)
    if not isinstance(pairs, (tuple, list)) or len(pairs) != ndim:
        raise ValueError(f"halo must be an int, or an int or a pair for each of {ndim} axes, got {value!r}")
    found = [per_axis(pair, 2, "halo", minimum=0) for pair in pairs]
    return tuple((before, after) for before, after in found)


def _late(name: str) -> Callable[[_Checked, Any], Condition]:
    """Return the condition that a network is at most so late."""

    def condition(case: _Checked, wanted: Any) -> Condition:
        if case.axis is None and case.field.ndim > 1:
            raise ValueError(f"axis must say which of the {case.field.ndim} axes is time, for {name}")
        most = as_bound(wanted, name, case.rate)

        def compare() -> tuple[str, bool]:
            late = latency(case.net, case.rate, axis=case.axis)
            found = getattr(late, name)
            return _timed(found, case.rate) + ("" if found <= most else _blamed(late)), bool(found <= most)

        return _condition(name, f"at most {_timed(most, case.rate)}", compare)

    return condition


def _timed(samples: Any, rate: float | None) -> str:
    """Return samples as text, with what they last where the rate is known."""
    return shown(samples) + (lasting(samples, rate) if rate and samples != math.inf else "")


def _blamed(late: Latency) -> str:
    """Return which layer makes a network late most of all."""
    if late.endless:
        return f": {late.endless} reads to the end"
    if not late.waits:
        return ""
    most = max(late.waits, key=lambda wait: wait.samples)
    return f", of which {shown(most.samples)} by {most.layer}"


def _causal(case: _Checked, wanted: Any) -> Condition:
    wish = as_bool(wanted, "causal")

    def compare() -> tuple[str, bool]:
        late = latency(case.net, axis=case.axis)
        if late.is_causal:
            return f"in frames of {late.frame}" if late.frame > 1 else "reads nothing ahead", wish
        return f"looks {shown(late.lookahead)} ahead{_blamed(late)}", not wish

    return _condition("causal", str(wish).lower(), compare)


def _field(case: _Checked, wanted: Any) -> Condition:
    low, high = as_range(wanted, "field", case.rate)
    sides = per_axis_values(case.field.size)
    unit = positions_word(len(sides), math.prod(sides))
    text = f"{shown_sides(sides)} {unit}" if math.inf not in sides else "unbounded"
    if case.rate and case.field.ndim == 1 and math.inf not in sides:
        text += lasting(sides[0], case.rate)
    return Condition("field", range_words(low, high), text, all(low <= side <= high for side in sides))


def _effective(case: _Checked, wanted: Any) -> Condition:
    low, high = as_range(wanted, "effective", case.rate)

    def compare() -> tuple[str, bool]:
        found = effective_field(case.net, **case.reading)
        return f"a side of {figure(round(found.size, 2))}", bool(low <= found.size <= high)

    return _condition("effective", range_words(low, high), compare)


def _stride(case: _Checked, wanted: Any) -> Condition:
    sides = per_axis(wanted, case.field.ndim, "stride", minimum=1)
    found = per_axis_values(case.field.stride)
    return Condition("stride", per_axis_text(sides), per_axis_text(found), found == sides)


def _covered(case: _Checked, wanted: Any) -> Condition:
    wish = as_bool(wanted, "covered")

    def compare() -> tuple[str, bool]:
        found = case.field.is_covered
        return "no holes" if found else "positions between the ends are not seen", found == wish

    return _condition("covered", str(wish).lower(), compare)


def _memory(case: _Checked, wanted: Any) -> Condition:
    most = as_bytes(wanted, "memory", minimum=0)

    def compare() -> tuple[str, bool]:
        found = latency(case.net, axis=case.axis).memory
        return human_bytes(found), found <= most

    return _condition("memory", f"at most {human_bytes(most)}", compare)


def _condition(name: str, words: str, compare: Callable[[], tuple[str, bool]]) -> Condition:
    """Return a condition; where a network does not have what it is about it fails, and says why."""
    try:
        found, holds = compare()
    except _NONE as error:
        return Condition(name, words, str(error) or "not enough memory", False)
    return Condition(name, words, found, holds)


CONDITIONS: dict[str, Callable[[_Checked, Any], Condition]] = {
    "halo": _halo,
    "lookahead": _late("lookahead"),
    "delay": _late("delay"),
    "causal": _causal,
    "field": _field,
    "effective": _effective,
    "stride": _stride,
    "covered": _covered,
    "memory": _memory,
}
