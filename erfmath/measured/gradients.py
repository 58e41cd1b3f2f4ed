r"""Measured impacts: gradients of one unit of a PyTorch module, averaged over weights and inputs.

The gradient :math:`g(x) = \partial y_u / \partial x` of the unit u at a known place is taken by
backpropagation. Its square, averaged, is what :func:`erfmath.variance` is the theory of; :func:`measure` sets
the one beside the other.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import numpy as np

from .._checks import as_choice, as_count, per_axis
from .._memory import check_memory
from ..core.scaled import Floats
from ..laws.effective import EffectiveField, effective_field
from ..laws.joint import JointDistribution, law_of
from ..laws.lattice import LatticeDistribution
from ..laws.lazy import distribution
from ..network.algebra import Node
from ..network.arguments import Ints, plain
from ..network.field import ReceptiveField, receptive_field
from ..network.sizes import output_size, sized_for
from ..network.variance import variance
from ..words import progress as shown, table
from .module import GIVEN, import_torch, seed_of, to_torch

Law = LatticeDistribution | JointDistribution

# What a map averages: the gradient's square, its magnitude, or the gradient itself.
PROFILES = ("variance", "std", "mean")

# Bytes that a run takes for each value of a map, by trial: the value, its padded copy and their gradients.
_BYTES = 24

# How many sizes of an input are tried for one that fits.
_MOST_TRIES = 4096


@dataclass(frozen=True, eq=False)
class Measurement:
    """The measured impact of the input on one unit; see :func:`measure`.

    Attributes
    ----------
    map
        The average over runs, inputs and input channels, read-only, cut to where it is not zero.
    offset
        The input position of its first pixel, per axis.
    unit, input_size
        The unit of the output and the samples of the input, per axis.
    profile
        What was averaged: "variance" g^2, "std" abs(g), "mean" g.
    runs
        Number of averaged runs.
    net, init
        The network that was measured and its initialisation, None for a module.
    """

    map: Floats
    offset: Ints
    unit: Ints
    input_size: Ints
    profile: str
    runs: int
    net: Node | None = field(default=None, repr=False)
    init: str | None = field(default=None, repr=False)
    # Sums of 1, x and x^2 under each run's map: (runs, 1 + 2 axes).
    moments: Floats = field(default_factory=lambda: np.zeros((0, 1)), repr=False)

    @cached_property
    def law(self) -> Law:
        """The map divided by its sum; a signed one is none."""
        if self.map.min() < 0:
            raise ValueError(
                "the mean gradient is negative at some pixels, so it is no law; read .map, or measure with "
                "profile='std' or 'variance'"
            )
        return law_of(self.map, self.offset)

    @property
    def var(self) -> Floats:
        """The variance of the position under the map, per axis."""
        return _variance_of_moments(self.moments.sum(axis=0))

    @property
    def var_error(self) -> Floats:
        """The standard error of the variance over the runs, nan for a single one."""
        total, count = self.moments.mean(axis=0), len(self.moments)
        if count < 2:
            return np.full(len(self.unit), math.nan)
        axes = len(self.unit)
        mass, first, second = self.moments[:, :1], self.moments[:, 1 : 1 + axes], self.moments[:, 1 + axes :]
        centre = total[1 : 1 + axes] / total[0]
        # To first order in the runs' moments, as for any ratio of means.
        pulls = (second - 2 * centre * first + (centre**2 - self.var) * mass) / total[0]
        return np.asarray(pulls.std(axis=0, ddof=1) / math.sqrt(count))

    def effective_field(self, **options: Any) -> EffectiveField:
        """Return the effective field of the measured map, with the options of :func:`effective_field`."""
        return effective_field(self.law, **options)

    def compare(self, theory: Law | Node | None = None, **options: Any) -> Agreement:
        """Return how well a theory agrees.

        Parameters
        ----------
        theory
            A law of the impact, or a network with random weights; None for the network that was measured.
        **options
            `definition`, `ref`, `level` of :func:`effective_field`.

        Raises
        ------
        ValueError
            If a module was measured and no theory is given.
        """
        return Agreement(self, self._profiled(self._expected(theory)), options)

    def _expected(self, theory: Law | Node | None) -> Law:
        """Return the law that a theory is: for a network that of this unit, exact at the borders."""
        theory = self.net if theory is None else theory
        if isinstance(theory, (LatticeDistribution, JointDistribution)):
            return theory
        if not isinstance(theory, Node):
            raise ValueError(
                f"theory must be a law or a network where a module was measured, got {theory!r}; see "
                "erfmath.distribution"
            )
        net = theory if self.init == GIVEN else variance(theory, self.init or "he")
        return distribution(net, at=self.unit, input_size=self.input_size)

    def _profiled(self, law: Law) -> Law:
        """Return the law of the theory's magnitude where magnitudes were measured."""
        if law_axes(law) != len(self.unit):
            raise ValueError(f"theory must have {len(self.unit)} axes, got {law!r}")
        if self.profile != "std":
            return law
        return law_of(np.sqrt(law.probabilities()), _start(law))

    def __repr__(self) -> str:
        spread = " x ".join(f"{value:.4g}" for value in np.sqrt(self.var))
        sides = " x ".join(map(str, self.map.shape))
        return (
            f"<Measurement of unit {plain(self.unit)} on {sides} pixels, {self.runs} runs, profile "
            f"{self.profile!r}, std {spread}>"
        )


@dataclass(frozen=True, eq=False, repr=False)
class Agreement:
    """A measured impact beside the theory; see :meth:`Measurement.compare`. Its repr is a table.

    Attributes
    ----------
    measured
        The measurement.
    theory
        The law that it should have.
    options
        Those of the effective fields.
    """

    measured: Measurement
    theory: Law
    options: dict[str, Any] = field(default_factory=dict)

    @cached_property
    def _grids(self) -> tuple[Floats, Floats]:
        """Both, each of sum 1, on a box that holds the two."""
        maps = [self.measured.map / self.measured.map.sum(), self.theory.probabilities()]
        starts = [np.array(self.measured.offset), np.array(_start(self.theory))]
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
        """Sum over the pixels of the absolute differences of the shares, from 0 to 2."""
        measured, theory = self._grids
        return float(np.abs(measured - theory).sum())

    @property
    def variance_ratio(self) -> tuple[float, ...]:
        """Measured variance of the position over that of the theory, per axis; nan where that is 0."""
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
        """The effective field as measured."""
        return self.measured.effective_field(**self.options)

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
        rows.append(["effective size", f"{sizes[0]:.4g}", f"{sizes[1]:.4g}", f"{sizes[0] / sizes[1]:.4f}"])
        likeness = "" if math.isnan(self.correlation) else f"{self.correlation:.5f}"  # of flat maps none
        rows += [["correlation", likeness, "1", ""], ["L1", f"{self.l1:.4f}", "0", ""]]
        return table(["", "measured", "theory", "ratio"], rows, left=1)


def _ratio_text(ratio: float, error: float) -> str:
    """Return a ratio and its standard error, as far as they are known."""
    if math.isnan(ratio):
        return ""
    return f"{ratio:.4f}" if math.isnan(error) else f"{ratio:.4f} +- {error:.4f}"


def measure(
    net: Any,
    input_size: Any = None,
    unit: Any = None,
    *,
    runs: int = 100,
    profile: str = "variance",
    channels: int | None = 16,
    init: str = "he",
    resample: Callable[[Any], Any] | None = None,
    inputs: Callable[[int], Any] | None = None,
    normalised: bool = False,
    rng: Any = None,
    progress: bool = True,
) -> Measurement:
    r"""Return the measured impact of the input on one unit of a PyTorch module, or of a network made one.

    Each run takes the gradient of the unit's channels added with random signs (as they are for "mean"), so
    that squares are those of the channels on average.

    Parameters
    ----------
    net
        A ``torch.nn.Module`` from maps to a map, left in its training or evaluation mode; or a network,
        which goes through :func:`to_torch` with `channels` and `init`, its weights drawn anew each run.
    input_size
        Samples of the input, an int or one per axis. None for those of the inputs, or for a network for
        the fewest at which the middle unit meets no border.
    unit
        Index of the output unit, an int or one per axis; None for the middle one, size // 2.
    runs
        Number of runs.
    profile
        "variance" averages the gradient's square, "std" its magnitude, "mean" the gradient itself.
    channels, init
        Of the module that a network becomes; its input has as many channels, each of which is a sample.
    resample
        Called with the module before each run, to draw its weights anew; None to leave a module as it is.
    inputs
        Called with the number of each run for a batch of inputs, floats of shape (batch, channels, *sizes);
        None for one standard normal input, of the size and channels of a module's first convolution.
    normalised
        Whether each run's map is divided by its sum before averaging, so that runs weigh the same.
    rng
        Seed of all that is random, or a ``numpy.random.Generator``; torch's global generator is left alone.
    progress
        Whether a terminal's standard error is told how far the work is.

    Raises
    ------
    ImportError
        If torch is not installed.
    TypeError, ValueError
        If the module has no convolution and there are no inputs, it makes no map, inputs are no floats, the
        unit lies outside the output, a gradient is not finite or zero everywhere, or the maps of a network
        take more memory than there is.

    Notes
    -----
    W. Luo et al., Understanding the effective receptive field in deep convolutional neural networks,
    NeurIPS 2016, section 3.

    Examples
    --------
    >>> from erfmath import Activation, Conv, measure  # doctest: +SKIP
    >>> measure((Conv((3, 3)) >> Activation("relu")) ** 5, runs=200, rng=0).compare()  # doctest: +SKIP
    """
    torch = import_torch()
    as_choice(profile, "profile", PROFILES)
    count, generator = as_count(runs, "runs", minimum=1), np.random.default_rng(rng)
    if isinstance(net, Node):
        require_profile(profile, init)
        module = to_torch(net, channels, init, in_channels=channels or 1, rng=generator)
        resample = resample or type(module).reset_parameters
        known = channels or 1, net.ndim or 1
        if inputs is None:
            input_size = natural_size(net) if input_size is None else input_size
            _require_memory(net, input_size, channels)
    elif isinstance(net, torch.nn.Module):
        module, known = net, _convolution(net, is_needed=inputs is None)
    else:
        raise TypeError(
            f"net must be a torch.nn.Module or a network, got {net!r} of type {type(net).__name__}"
        )
    probe = _Probe(module, *known, input_size, unit, profile, inputs)
    devices = [probe.device] if probe.device.type == "cuda" else []
    with torch.random.fork_rng(devices=devices):
        torch.manual_seed(seed_of(generator))
        maps = (probe.run(number, resample) for number in range(count))
        total, moments = _summed(shown(maps, "run", count, 1.0) if progress else maps, normalised)
    if not total.any():
        raise ValueError(
            f"the gradient of unit {plain(probe.unit)} is zero everywhere: it does not see the input"
        )
    cut, offset = _cut(total / count)
    found = Measurement(cut, offset, probe.unit, total.shape, profile, count, moments=moments)
    return replace(found, net=net, init=init) if isinstance(net, Node) else found


@dataclass
class _Probe:
    """One gradient after another of the same unit."""

    module: Any
    in_channels: int
    ndim: int  # 0 until it is told by the inputs
    input_size: Any
    at: Any
    profile: str
    inputs: Callable[[int], Any] | None
    unit: Ints = ()

    @property
    def device(self) -> Any:
        """Where the module lives."""
        return self._like.device

    @property
    def _like(self) -> Any:
        """A tensor of the kind that the module takes."""
        return next(self.module.parameters(), import_torch().zeros(()))

    def run(self, number: int, resample: Callable[[Any], Any] | None) -> Floats:
        """Return the map of one run, averaged over its batch and summed over the input's channels."""
        torch = import_torch()
        if resample is not None:
            resample(self.module)
        x = self._batch(number).requires_grad_()
        y = self._output(x)
        self.unit = _inside(self.at, tuple(y.shape[2:]))
        values = y[(slice(None), slice(None), *self.unit)]
        if self.profile != "mean":
            values = values * (2 * torch.randint_like(values, 2) - 1)
        (gradient,) = torch.autograd.grad(values.sum(), x, allow_unused=True)
        if gradient is None:
            raise ValueError("the module's output does not depend on its input: no gradient flows back")
        grid = gradient.double()
        if not torch.isfinite(grid).all():
            raise ValueError(f"the gradient of run {number} is not finite; check the weights and the inputs")
        powers = {"variance": torch.square, "std": torch.abs, "mean": lambda g: g}
        return np.asarray(powers[self.profile](grid).sum(dim=1).mean(dim=0).cpu().numpy())

    def _batch(self, number: int) -> Any:
        """Return the inputs of a run."""
        torch = import_torch()
        weight = self._like
        if self.inputs is None:
            if self.input_size is None:
                raise ValueError("input_size must be given for a module, unless inputs are")
            sides = per_axis(self.input_size, self.ndim, "input_size", minimum=1)
            return torch.randn((1, self.in_channels, *sides), dtype=weight.dtype, device=weight.device)
        given = self.inputs(number)
        if not isinstance(given, (torch.Tensor, np.ndarray)):
            raise TypeError(f"inputs must return a tensor or an array, got {type(given).__name__}")
        x = torch.as_tensor(given).detach()
        if not x.is_floating_point():
            raise TypeError(f"inputs must be floats, got {x.dtype}; convert them, and scale them to about 1")
        if x.dim() != self.ndim + 2 if self.ndim else x.dim() < 3:
            raise ValueError(
                f"inputs must have batch, channels and {self.ndim or 'some'} axes, got the shape "
                f"{tuple(x.shape)}"
            )
        self.ndim = x.dim() - 2
        if self.input_size is not None and tuple(x.shape[2:]) != per_axis(
            self.input_size, self.ndim, "input_size", minimum=1
        ):
            raise ValueError(f"inputs must have the input_size {self.input_size}, got {tuple(x.shape[2:])}")
        self.input_size = tuple(x.shape[2:])  # that of every run
        if not x.shape[0] or not torch.isfinite(x).all():
            raise ValueError(f"inputs must be finite, one or more of them, got the shape {tuple(x.shape)}")
        return x.to(device=weight.device, dtype=weight.dtype).clone()

    def _output(self, x: Any) -> Any:
        """Return the module's output map."""
        torch = import_torch()
        try:
            y = self.module(x.clone())  # which it may write into
        except RuntimeError as error:
            reason = str(error).partition("\n")[0]
            raise ValueError(
                f"the module cannot take an input of shape {tuple(x.shape)}: {reason}"
            ) from error
        if not isinstance(y, torch.Tensor) or y.dim() != self.ndim + 2:
            found = tuple(y.shape) if isinstance(y, torch.Tensor) else type(y).__name__
            raise ValueError(
                f"the module must make a map of {self.ndim} axes with batch and channels before them, got "
                f"{found}; measure the part before its pooling or head"
            )
        if not y.requires_grad:
            raise ValueError("the module's output does not depend on its input: no gradient flows back")
        return y


def require_profile(profile: str, init: str) -> None:
    """Raise where given weights are to be squared: theirs is the mean."""
    if init == GIVEN and profile != "mean":
        raise ValueError(
            f"profile must be 'mean' with init='given', whose gradient is no random one, got {profile!r}"
        )


def natural_size(net: Node, at: Any = None) -> Any:
    """Return the smallest input, at least as large as the field, whose middle unit meets no border.

    With `at` it is the unit nearest to the middle that sees what that one does: the one of its phase.
    """
    found = receptive_field(net)
    if found.unbounded is not None:
        raise ValueError(f"input_size must be given: {found.unbounded!r} reads its whole input")
    sides = found.size if isinstance(found.size, tuple) else (found.size,)
    for more in range(min(4 * max(sides) + 64, _MOST_TRIES)):
        size = tuple(side + more for side in sides)
        try:
            unit = middle_unit(found, output_size(net, size), at)
        except ValueError:
            continue
        if is_clear(found, unit, size):
            return size
    raise ValueError("input_size must be given: no size was found at which the middle unit meets no border")


def middle_unit(field: ReceptiveField, made: Any, at: Any = None) -> Ints:
    """Return the middle of an output map, or the unit of the phase of `at` that is nearest before it."""
    sizes = made if isinstance(made, tuple) else (made,)
    middle = tuple(size // 2 for size in sizes)
    if at is None:
        return middle
    found = []
    wanted = per_axis(at, len(sizes), "at")
    for i, unit, period, size in zip(middle, wanted, field.program.period, sizes, strict=True):
        near = i - (i - unit) % period
        found.append(near if near >= 0 else near + period)
        if found[-1] >= size:
            raise ValueError(f"a map of {size} units has none of the phase of unit {unit}")
    return tuple(found)


def is_clear(field: ReceptiveField, unit: Ints, size: Any) -> bool:
    """Whether what a unit sees lies inside an input of a size."""
    regions = field.region(unit) if len(unit) > 1 else (field.region(unit[0]),)
    sides = per_axis(size, len(unit), "size")
    return all(r is None or (r[0] >= 0 and r[1] < n) for r, n in zip(regions, sides, strict=True))


def values_of(net: Node, input_size: Any) -> int:
    """Return how many values all tensors of a network hold for each channel."""
    return sum(map(math.prod, sized_for(net, input_size).sizes))


def _require_memory(net: Node, input_size: Any, channels: int | None) -> None:
    """Raise where a run on an input takes more memory than there is."""
    needed = _BYTES * (channels or 1) * values_of(net, input_size)
    check_memory(needed, f"a run on an input of {input_size}", "give a smaller input_size, or fewer channels")


def law_axes(law: Law) -> int:
    """Return the number of axes of a law."""
    return law.ndim if isinstance(law, JointDistribution) else 1


def _convolution(module: Any, is_needed: bool) -> tuple[int, int]:
    """Return the input channels and the axes of a module's first convolution, zeros without one."""
    for part in module.modules():
        if "Conv" in type(part).__name__ and hasattr(part, "in_channels"):
            return part.in_channels, len(part.kernel_size)
    if is_needed:
        raise ValueError(
            f"net has no convolution: {type(module).__name__} holds none of torch's Conv layers, so that "
            "nothing is known of its maps; give inputs"
        )
    return 0, 0


def _inside(unit: Any, sizes: Ints) -> Ints:
    """Return the index of an output unit, the middle one by default, or raise where there is none."""
    if unit is None:
        return tuple(size // 2 for size in sizes)
    index = per_axis(unit, len(sizes), "unit")
    if any(not 0 <= i < size for i, size in zip(index, sizes, strict=True)):
        raise ValueError(
            f"unit must lie inside the output map of {' x '.join(map(str, sizes))} units, got {unit!r}; "
            "indices begin at 0"
        )
    return index


def _summed(maps: Any, normalised: bool) -> tuple[Floats, Floats]:
    """Return the sum of the maps, and of each the sums of 1, x and x^2."""
    total: Any = 0.0
    moments = []
    for grid in maps:
        if normalised and grid.sum():
            grid = grid / grid.sum()
        total = total + grid
        moments.append(_moments(grid))
    return total, np.array(moments)


def _moments(grid: Floats) -> Floats:
    """Return the sums of 1, x and x^2 under a map, x per axis."""
    lines = [grid.sum(axis=tuple(b for b in range(grid.ndim) if b != a)) for a in range(grid.ndim)]
    places = [np.arange(len(line)) for line in lines]
    first = [line @ x for line, x in zip(lines, places, strict=True)]
    second = [line @ x**2 for line, x in zip(lines, places, strict=True)]
    return np.array([grid.sum(), *first, *second])


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


def _start(law: Law) -> Ints:
    """Return the first position of a law's table."""
    if isinstance(law, LatticeDistribution):
        return (law.support()[0],)
    return tuple(low for low, _ in law.support())
