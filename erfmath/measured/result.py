"""What a measurement found, and how well a theory agrees with it."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from ..core.scaled import Floats
from ..laws.base import Distribution
from ..laws.effective import EffectiveField, effective_field
from ..laws.joint import law_of
from ..laws.lazy import distribution
from ..network.algebra import Node
from ..network.arguments import Ints, plain
from ..network.variance import variance
from ..words import table
from .module import GIVEN
from .parts import Record, load_record, network_of


@dataclass(frozen=True, eq=False)
class Measurement:
    """The measured impact of the input on one output unit; see :func:`measure`.

    Attributes
    ----------
    map
        The sum over input channels, averaged over inputs and runs; read-only, cut to where it is not zero.
    offset
        The input position of its first pixel, per axis.
    unit, input_size
        The output unit and the samples of the input, per axis.
    profile
        What was averaged: "variance" g^2, "std" abs(g), "mean" g.
    runs
        Number of runs.
    net, init
        The network that was measured and its initialisation; None for a module.
    record
        The sums over the runs, which those of other runs add to: ``a + b`` is the measurement of both.

    Examples
    --------
    >>> import erfmath as em  # doctest: +SKIP
    >>> found = em.measure(em.Conv(3, padding=1) ** 4, runs=50, rng=0, progress=False)  # doctest: +SKIP
    >>> found.map.shape, found.map_error.shape, found.offset, found.unit  # doctest: +SKIP
    ((9,), (9,), (0,), (4,))
    >>> found.distribution.support(), found.moments.shape  # doctest: +SKIP
    ((0, 8), (50, 3))
    >>> found.effective_field().count, found.size_error() < 1  # doctest: +SKIP
    (8, True)
    >>> found.var.shape, found.var_error.shape  # doctest: +SKIP
    ((1,), (1,))
    """

    map: Floats
    offset: Ints
    unit: Ints
    input_size: Ints
    profile: str
    runs: int
    net: Node | None = field(default=None, repr=False)
    init: Any = field(default=None, repr=False)
    record: Record = field(kw_only=True, repr=False)

    @cached_property
    def distribution(self) -> Distribution:
        """The map divided by its sum, for a map without negative values."""
        if self.map.min() < 0:
            raise ValueError(
                "the mean gradient is negative at some pixels, so it is not a distribution; read .map, or "
                "measure with profile='std' or 'variance'"
            )
        return law_of(self.map, self.offset)

    @property
    def law(self) -> Distribution:
        """The older name of :attr:`distribution`."""
        return self.distribution

    @property
    def moments(self) -> Floats:
        """The sums of 1, x and x^2 under each run's map, (runs, 1 + 2 axes)."""
        return self.record.moments

    @cached_property
    def map_error(self) -> Floats:
        """The standard error of the map over the runs, per pixel; nan for a single run."""
        if self.runs < 2:
            return np.full(self.map.shape, math.nan)
        box = tuple(slice(a, a + k) for a, k in zip(self.offset, self.map.shape, strict=True))
        total, squares = self.record.total.within(box).rounded(), self.record.squares.within(box).rounded()
        deviations = np.maximum(squares - total * (total / self.runs), 0)
        return np.asarray(np.sqrt(deviations / (self.runs - 1) / self.runs))

    @property
    def var(self) -> Floats:
        """The variance of the position under the map, per axis."""
        return _variance_of_moments(self.moments.sum(axis=0))

    @property
    def var_error(self) -> Floats:
        """The standard error of the variance over the runs; nan for a single run."""
        if len(self.moments) < 2:
            return np.full(len(self.unit), math.nan)
        return np.asarray(self._pulls.std(axis=0, ddof=1) / math.sqrt(len(self.moments)))

    @property
    def _pulls(self) -> Floats:
        """How much each run moves the variance, per axis.

        The delta method: to first order in the moments of the runs, as for any ratio of means.
        """
        total, axes = self.moments.mean(axis=0), len(self.unit)
        mass, first, second = self.moments[:, :1], self.moments[:, 1 : 1 + axes], self.moments[:, 1 + axes :]
        centre = total[1 : 1 + axes] / total[0]
        return np.asarray((second - 2 * centre * first + (centre**2 - self.var) * mass) / total[0])

    def size_error(self, **options: Any) -> float:
        """Return the standard error of the size of the effective field over the runs; nan for a single run.

        To first order a size follows the spread: its relative error is that of the geometric mean of the
        standard deviations over the axes. Against repeated measurements that is right within a factor of 2.

        Parameters
        ----------
        **options
            Those of :func:`effective_field`.

        Returns
        -------
        float
            In pixels.

        Raises
        ------
        TypeError, ValueError
            If an option is none of :func:`effective_field`, or does not fit.
        """
        if len(self.moments) < 2:
            return math.nan
        wide = self.var > 0
        if not wide.any():
            return 0.0
        shares = (self._pulls[:, wide] / (2 * self.var[wide])).mean(axis=1)
        return self.effective_field(**options).size * float(shares.std(ddof=1)) / math.sqrt(len(shares))

    def effective_field(self, **options: Any) -> EffectiveField:
        """Return the effective field of the measured map, with the options of :func:`effective_field`.

        Parameters
        ----------
        **options
            Those of :func:`effective_field`.

        Returns
        -------
        EffectiveField

        Raises
        ------
        TypeError, ValueError
            If an option is none of these, or does not fit.
        """
        return effective_field(self.distribution, **options)

    def compare(self, theory: Distribution | Node | None = None, **options: Any) -> Agreement:
        """Return how well a theory agrees with the measurement.

        Parameters
        ----------
        theory
            A distribution of the impact, or a network with random weights; None means the measured network.
        **options
            `definition`, `ref`, `level` of :func:`effective_field`.

        Returns
        -------
        Agreement
            Its repr is a table.

        Raises
        ------
        TypeError, ValueError
            If a module was measured and no theory is given, or if the theory has another number of axes.

        Examples
        --------
        >>> import erfmath as em  # doctest: +SKIP
        >>> found = em.measure(em.Conv(3, padding=1) ** 4, runs=50, rng=0, progress=False)  # doctest: +SKIP
        >>> found.compare().correlation > 0.95  # doctest: +SKIP
        True
        """
        return Agreement(self, self._profiled(self._expected(theory)), options)

    def _expected(self, theory: Distribution | Node | None) -> Distribution:
        """Return the distribution of a theory; for a network that of the unit, with the borders."""
        theory = self.net if theory is None else theory
        if isinstance(theory, Distribution):
            return theory
        if theory is None:
            raise ValueError("theory must be a distribution or a network where a module was measured")
        if not isinstance(theory, Node):
            kind = type(theory).__name__
            raise TypeError(f"theory must be a distribution or a network, got {theory!r} of type {kind}")
        net = theory if self.init == GIVEN else variance(theory, self.init or "he")
        return distribution(net, at=self.unit, input_size=self.input_size)

    def _profiled(self, law: Distribution) -> Distribution:
        """Return the distribution of the theory's standard deviations if magnitudes were measured."""
        if law.ndim != len(self.unit):
            raise ValueError(f"theory must have {len(self.unit)} axes, got {law!r}")
        if self.profile != "std":
            return law
        return law_of(np.sqrt(law.probabilities()), [low for low, _ in law.bounds])

    def __add__(self, other: Measurement) -> Measurement:
        """Return the measurement of the runs of both: bit for bit what one of all their seeds finds.

        Raises
        ------
        TypeError, ValueError
            If `other` is no measurement, is one of something else, or shares a seed.
        """
        if not isinstance(other, Measurement):
            raise TypeError(f"a measurement adds to a measurement, got {other!r} of {type(other).__name__}")
        return measurement_of(Record.added([self.record, other.record]), self.net, self.init)

    def save(self, path: Any) -> None:
        """Write the measurement, with what was measured, as one npz file; see :meth:`load`.

        Parameters
        ----------
        path
            The file, which should end in .npz.

        Raises
        ------
        OSError
            If it cannot be written; then nothing is.

        Examples
        --------
        >>> import os, tempfile  # doctest: +SKIP
        >>> import erfmath as em  # doctest: +SKIP
        >>> found = em.measure(em.Conv(3, padding=1), runs=2, rng=0, progress=False)  # doctest: +SKIP
        >>> with tempfile.TemporaryDirectory() as folder:  # doctest: +SKIP
        ...     found.save(f"{folder}/field.npz")
        ...     em.Measurement.load(f"{folder}/field.npz").runs
        2
        """
        self.record.save(path)

    @classmethod
    def load(cls, path: Any) -> Measurement:
        """Return the measurement in a file that :meth:`save` or a checkpoint of :func:`measure` wrote.

        Parameters
        ----------
        path
            The file.

        Returns
        -------
        Measurement

        Raises
        ------
        FileNotFoundError, ValueError
            If there is none, or the file holds something else.

        Examples
        --------
        >>> import erfmath as em  # doctest: +SKIP
        >>> parts = [em.Measurement.load(f"{seed}.npz") for seed in range(4)]  # doctest: +SKIP
        >>> whole = em.merge(parts)  # doctest: +SKIP
        """
        record = load_record(path)
        subject = record.subject
        net = None if subject.net is None else network_of(subject.net)
        return measurement_of(record, net, subject.given_init)

    def __repr__(self) -> str:
        spread = " x ".join(f"{value:.4g}" for value in np.sqrt(self.var))
        sides = " x ".join(map(str, self.map.shape))
        return (
            f"<Measurement of unit {plain(self.unit)} on {sides} pixels, {self.runs} runs, profile "
            f"{self.profile!r}, std {spread}>"
        )


def measurement_of(record: Record, net: Node | None = None, init: Any = None) -> Measurement:
    """Return what runs add up to, or raise where no gradient reached the input."""
    unit, total = record.subject.unit, record.total.rounded()
    if not total.any():
        raise ValueError(
            f"the gradient of unit {plain(unit)} is zero everywhere: that unit does not see the input"
        )
    runs = sum(record.runs)
    cut, offset = _cut(total / runs)
    return Measurement(cut, offset, unit, total.shape, record.subject.profile, runs, net, init, record=record)


def merge(parts: Iterable[Measurement]) -> Measurement:
    """Return the measurement of the runs of all parts, bit for bit whatever their order.

    Parameters
    ----------
    parts
        Measurements of the same, of different seeds; see :meth:`Measurement.load`.

    Returns
    -------
    Measurement

    Raises
    ------
    TypeError, ValueError
        If there are none, one is something else or of something else, or two share a seed.

    Examples
    --------
    >>> from erfmath import Conv, measure, merge  # doctest: +SKIP
    >>> parts = [measure(Conv((3, 3)) ** 5, runs=25, rng=seed) for seed in range(4)]  # doctest: +SKIP
    >>> whole = measure(Conv((3, 3)) ** 5, runs=100, rng=range(4))  # doctest: +SKIP
    >>> bool((merge(parts).map == whole.map).all())  # doctest: +SKIP
    True
    """
    several = list(parts) if isinstance(parts, Iterable) else [parts]
    if not several:
        raise ValueError("parts must hold a measurement at least, got none")
    for part in several:
        if not isinstance(part, Measurement):
            raise TypeError(f"parts must be measurements, got {part!r:.80} of type {type(part).__name__}")
    record = Record.added([part.record for part in several])
    return measurement_of(record, several[0].net, several[0].init)


@dataclass(frozen=True, eq=False, repr=False)
class Agreement:
    """A measured impact compared with a theory; see :meth:`Measurement.compare`. Its repr is a table.

    Attributes
    ----------
    measured
        The measurement.
    theory
        The distribution that the theory predicts.
    options
        The options of :func:`erfmath.effective_field`.

    Examples
    --------
    >>> import erfmath as em  # doctest: +SKIP
    >>> found = em.measure(em.Conv(3, padding=1) ** 4, runs=50, rng=0, progress=False)  # doctest: +SKIP
    >>> agreed = found.compare()  # doctest: +SKIP
    >>> agreed.correlation > 0.95, agreed.l1 < 0.3  # doctest: +SKIP
    (True, True)
    >>> len(agreed.variance_ratio), len(agreed.variance_error)  # doctest: +SKIP
    (1, 1)
    >>> agreed.effective.field_size, agreed.effective_error < 1, agreed.expected.count  # doctest: +SKIP
    (9.0, True, 9)
    """

    measured: Measurement
    theory: Distribution
    options: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def _grids(self) -> tuple[Floats, Floats]:
        """The maps of both, each with sum 1, on one box."""
        maps = [self.measured.map / self.measured.map.sum(), self.theory.probabilities()]
        starts = [np.array(self.measured.offset), np.array([low for low, _ in self.theory.bounds])]
        low = np.minimum(*starts)
        shape = np.maximum(*(start + m.shape for start, m in zip(starts, maps, strict=True))) - low
        grids = []
        for start, values in zip(starts, maps, strict=True):
            grid = np.zeros(shape)
            grid[tuple(slice(s, s + k) for s, k in zip(start - low, values.shape, strict=True))] = values
            grids.append(grid)
        return grids[0], grids[1]

    @property
    def correlation(self) -> float:
        """Pearson's correlation over the pixels of both fields."""
        measured, theory = (grid.ravel() - grid.mean() for grid in self._grids)
        norm = math.sqrt(float(measured @ measured) * float(theory @ theory))
        return float(measured @ theory) / norm if norm else math.nan

    @property
    def l1(self) -> float:
        """The sum of the absolute differences between the shares of the pixels, from 0 to 2."""
        measured, theory = self._grids
        return float(np.abs(measured - theory).sum())

    @property
    def variance_ratio(self) -> tuple[float, ...]:
        """The measured variance of the position over the theory's, per axis; nan where the theory's is 0."""
        return self._over_theory(self.measured.var)

    @property
    def variance_error(self) -> tuple[float, ...]:
        """The standard error of the ratios over the runs."""
        return self._over_theory(self.measured.var_error)

    def _over_theory(self, values: Floats) -> tuple[float, ...]:
        spread = np.where(self._variances > 0, self._variances, math.nan)
        return tuple((values / spread).tolist())

    @property
    def _variances(self) -> Floats:
        return np.atleast_1d(self.theory.var())

    @cached_property
    def effective(self) -> EffectiveField:
        """The effective field of the measurement."""
        return self.measured.effective_field(**self.options)

    @cached_property
    def effective_error(self) -> float:
        """The standard error of the measured size over the runs; nan for a single run."""
        return self.measured.size_error(**self.options)

    @cached_property
    def expected(self) -> EffectiveField:
        """The effective field of the theory."""
        return effective_field(self.theory, **self.options)

    def __repr__(self) -> str:
        ratios = zip(self.variance_ratio, self.variance_error, strict=True)
        rows = [
            [f"variance, axis {axis}", f"{found:.5g}", f"{theory:.5g}", _ratio_text(*ratio)]
            for axis, (found, theory, ratio) in enumerate(
                zip(self.measured.var, self._variances, ratios, strict=True)
            )
        ]
        sizes = self.effective.size, self.expected.size
        ratio = _ratio_text(sizes[0] / sizes[1], self.effective_error / sizes[1])
        rows.append(["effective size", f"{sizes[0]:.4g}", f"{sizes[1]:.4g}", ratio])
        likeness = "" if math.isnan(self.correlation) else f"{self.correlation:.5f}"  # flat maps have none
        rows += [["correlation", likeness, "1", ""], ["L1", f"{self.l1:.4f}", "0", ""]]
        return table(["", "measured", "theory", "ratio"], rows, left=1)


def _ratio_text(ratio: float, error: float) -> str:
    """Return a ratio and its standard error as text, each if it is known."""
    if math.isnan(ratio):
        return ""
    return f"{ratio:.4f}" if math.isnan(error) else f"{ratio:.4f} +- {error:.4f}"


def _variance_of_moments(sums: Floats) -> Floats:
    axes = len(sums) // 2
    return np.asarray(sums[1 + axes :] / sums[0] - (sums[1 : 1 + axes] / sums[0]) ** 2)


def _cut(grid: Floats) -> tuple[Floats, Ints]:
    """Return the box of a map that is not zero, read-only, and its offset."""
    places = np.argwhere(grid)
    low, high = places.min(axis=0), places.max(axis=0) + 1
    cut = grid[tuple(slice(a, b) for a, b in zip(low, high, strict=True))].copy()
    cut.flags.writeable = False
    return cut, tuple(low.tolist())
